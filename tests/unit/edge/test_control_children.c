/* What people see of workflows that steps run. */
#include "tests/unit/edge/office.h"

static const char definition_whole[] =
    "document: {dsl: '1.0.3', namespace: t, name: whole, version: '1.0.0'}\n"
    "do:\n"
    "  - first: {run: {workflow: {namespace: t, name: price, version: '1.0.0'}}}\n"
    "  - later: {run: {workflow: {namespace: t, name: nap, input: {}}, await: false}}\n";

static bool told(const json_t *story, const char *words)
{
    size_t at = 0;
    json_t *entry = NULL;
    json_array_foreach(story, at, entry)
    {
        const char *said = json_text_of(entry, "words");
        if (said != NULL && strstr(said, words) != NULL) {
            return true;
        }
    }
    return false;
}

Test(children, are_listed_with_their_parent)
{
    struct office *office = office_open();
    char id[33];
    char child[33];
    office_hello(office);
    office_deploy(office, definition_price);
    office_deploy(office, definition_nap);
    office_deploy(office, definition_whole);
    office_run(office, "t/whole", "{'weight': 3}", id);
    const json_t *reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    const json_t *row = json_array_get(json_object_get(reply, "children"), 0);
    cr_assert_not_null(row);
    (void)snprintf(child, sizeof(child), "%s", text_of(row, "instance"));
    cr_assert_str_eq(text_of(row, "definition"), "t/price:1.0.0");
    cr_assert_str_eq(text_of(row, "status"), "running");
    cr_assert_str_eq(text_of(row, "step"), "/do/0/first");
    cr_assert_not_null(strstr(text_of(reply, "reason"), child));
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", child);
    cr_assert_str_eq(text_of(reply, "parent"), id);
    struct office_task task = office_take(office);
    office_done(office, &task, "{'amount': 7}");
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", child);
    cr_assert_str_eq(text_of(reply, "status"), "completed");
    cr_assert_str_eq(text_of(reply, "parent"), id);
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "completed");
    const json_t *rows = json_object_get(reply, "children");
    cr_assert_eq(json_array_size(rows), 2);
    cr_assert_str_eq(text_of(json_array_get(rows, 0), "status"), "completed");
    cr_assert_str_eq(text_of(json_array_get(rows, 1), "status"), "waiting");
    cr_assert(json_is_false(json_object_get(json_array_get(rows, 1), "awaited")));
    rows =
        json_object_get(office_get(office, "instances.ls", "{'definition': 't/nap'}"), "instances");
    cr_assert_str_eq(text_of(json_array_get(rows, 0), "parent"), id);
    office_close(&office);
}

Test(children, are_told_in_the_story)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_price);
    office_deploy(office, definition_nap);
    office_deploy(office, definition_whole);
    office_run(office, "t/whole", "{'weight': 3}", id);
    char body[80];
    (void)snprintf(body, sizeof(body), "{'instance': '%s'}", id);
    uint64_t early = office_send(office, "wait", body);
    cr_assert_null(office_reply(office, early));
    struct office_task task = office_take(office);
    office_failed(office, &task, FAILURE_DATA, "no table", "");
    cr_assert_not_null(office_reply(office, early));
    const json_t *late = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(late, "status"), "waiting");
    cr_assert_not_null(json_object_get(late, "gate"));
    const json_t *gates = json_object_get(office_get(office, "gates.ls", "{}"), "gates");
    char gate[33];
    (void)snprintf(gate, sizeof(gate), "%s", text_of(json_array_get(gates, 0), "gate"));
    (void)office_get(office, "gates.verdict", "{'gate': '%s', 'verdict': 'reject'}", gate);
    const json_t *reply = office_get(office, "explain", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "faulted");
    const json_t *story = json_object_get(reply, "story");
    cr_expect(told(story, "'first' runs t/price:1.0.0 as instance 0000"));
    cr_expect(told(story, ", which 'first' ran, is faulted: no table"));
    office_close(&office);
}

Test(children, that_are_not_deployed_refuse_their_parent)
{
    struct office *office = office_open();
    office_deploy(office, definition_nap);
    const struct office_reply *reply =
        office_ask_as(office, "d1", "deploy",
                      "{'text': 'document: {dsl: 1.0.3, namespace: t, name: w, version: 1.0.0}\\n"
                      "do: [{r: {run: {workflow: {namespace: t, name: price}}}}]'}");
    cr_assert_eq(reply->code, ERR_NOT_FOUND);
    office_close(&office);
}
