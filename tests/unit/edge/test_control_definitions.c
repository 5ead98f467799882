/* definitions describe, diff, retire. */
#include "tests/unit/edge/office.h"

#define TEXT(version, tasks)                                                                      \
    "{'text': 'document: {dsl: 1.0.3, namespace: t, name: v, version: " version "}\\ndo: [" tasks \
    "]\\n'}"
#define WAIT  "{w: {wait: {hours: 1}}}"
#define PRICE "{p: {call: agent, with: {agent: clerk, action: price, contract: \\u00271.1\\u0027}}}"

static const json_t *row_of(const json_t *reply, const char *list, size_t at)
{
    const json_t *row = json_array_get(json_object_get(reply, list), at);
    cr_assert_not_null(row, "%s has no row %zu", list, at);
    return row;
}

Test(definitions, describe_shows_steps_contracts_versions_and_what_is_open)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    (void)office_get(office, "deploy", TEXT("1.0.0", WAIT));
    office_run(office, "t/v", "{}", id);
    office_run(office, "t/v", "{}", id);
    (void)office_get(office, "deploy", TEXT("1.10.0", WAIT "," PRICE));
    const json_t *reply = office_get(office, "definitions.describe", "{'definition': 't/v'}");
    cr_assert_str_eq(text_of(reply, "definition"), "t/v:1.10.0");
    cr_assert_not_null(strstr(text_of(reply, "text"), "hours: 1"));
    cr_assert_str_eq(text_of(row_of(reply, "steps", 1), "step"), "/do/1/p");
    cr_assert_str_eq(text_of(row_of(reply, "steps", 1), "agent"), "clerk");
    const json_t *contract = row_of(reply, "contracts", 0);
    cr_assert_str_eq(text_of(contract, "contract"), "1.1");
    cr_assert_str_eq(text_of(contract, "bound"), "1.2.0");
    cr_assert(json_bool_of(contract, "live", false));
    const json_t *old = row_of(reply, "versions", 1);
    cr_assert_str_eq(text_of(old, "definition"), "t/v:1.0.0");
    cr_assert_eq(json_int_of(old, "open", -1), 2);
    cr_assert_not(json_bool_of(old, "newest", true));
    reply = office_get(office, "definitions.describe", "{'definition': 't/v:1.0.0'}");
    cr_assert_eq(json_int_of(json_object_get(reply, "open"), "waiting", -1), 2);
    office_close(&office);
}

Test(definitions, diff_takes_versions_and_texts)
{
    struct office *office = office_open();
    (void)office_get(office, "deploy", TEXT("1.0.0", WAIT));
    const json_t *reply = office_get(
        office, "definitions.diff",
        "{'from': 't/v', 'to_text': 'document: {dsl: 1.0.3, namespace: t, name: v, version: "
        "1.1.0}\\ndo: [{x: {set: {a: 1}}}, {w: {wait: {hours: 2}}}]\\n'}");
    cr_assert_str_eq(text_of(reply, "from"), "t/v:1.0.0");
    cr_assert_str_eq(text_of(reply, "to"), "t/v:1.1.0");
    cr_assert_str_eq(text_of(row_of(reply, "changes", 0), "change"), "added");
    cr_assert_str_eq(text_of(row_of(reply, "changes", 1), "was"), "/do/0/w");
    struct office_reply *bad =
        office_ask(office, "definitions.diff", "{'from': 't/v', 'to_text': 'do: ['}");
    cr_assert_eq(bad->code, ERR_INVALID, "%s", bad->error);
    bad = office_ask(office, "definitions.diff", "{'from': 't/v'}");
    cr_assert_eq(bad->code, ERR_INVALID, "%s", bad->error);
    bad = office_ask(office, "definitions.diff", "{'from': 't/v', 'to': 't/v:9.0.0'}");
    cr_assert_eq(bad->code, ERR_NOT_FOUND, "%s", bad->error);
    office_close(&office);
}

Test(definitions, retire_says_what_is_started_from_now_on)
{
    struct office *office = office_open();
    char id[33];
    (void)office_get(office, "deploy", TEXT("1.0.0", WAIT));
    const json_t *reply = office_get(office, "deploy", TEXT("0.9.0", WAIT));
    cr_assert_str_eq(text_of(reply, "newest"), "t/v:1.0.0");
    office_run(office, "t/v", "{}", id);
    struct office_reply *bad = office_ask(office, "definitions.retire", "{'definition': 't/v'}");
    cr_assert_eq(bad->code, ERR_INVALID, "%s", bad->error);
    reply =
        office_get(office, "definitions.retire", "{'definition': 't/v:1.0.0', 'reason': 'wrong'}");
    cr_assert(json_bool_of(reply, "created", false));
    cr_assert_str_eq(text_of(reply, "newest"), "t/v:0.9.0");
    cr_assert_eq(json_int_of(json_object_get(reply, "open"), "waiting", -1), 1);
    reply = office_get(office, "definitions.describe", "{'definition': 't/v:1.0.0'}");
    cr_assert_str_eq(text_of(reply, "reason"), "wrong");
    cr_assert_not_null(json_text_of(reply, "retired_at"));
    bad = office_ask_as(office, "r9", "run", "{'definition': 't/v:1.0.0'}");
    cr_assert_eq(bad->code, ERR_CONFLICT, "%s", bad->error);
    bad = office_ask(office, "deploy", TEXT("1.0.0", WAIT));
    cr_assert_eq(bad->code, ERR_CONFLICT, "%s", bad->error);
    office_pass(office, 3600 * 1000);
    reply = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "completed");
    office_close(&office);
}

Test(definitions, lists_of_instances_page_through_open_ones)
{
    struct office *office = office_open();
    char id[33];
    char newest[33];
    (void)office_get(office, "deploy", TEXT("1.0.0", WAIT));
    for (int i = 0; i < 7; i++) {
        office_run(office, "t/v", "{}", i == 6 ? newest : id);
        office_pass(office, 1000);
    }
    size_t seen = 0;
    char after[128] = "";
    for (int page = 0; page < 4; page++) {
        const json_t *reply =
            office_get(office, "instances.ls", "{'limit': 2%s%s%s}",
                       after[0] == 0 ? "" : ", 'after': '", after, after[0] == 0 ? "" : "'");
        const json_t *rows = json_object_get(reply, "instances");
        if (page == 0) {
            cr_assert_str_eq(text_of(json_array_get(rows, 0), "instance"), newest);
        }
        seen += json_array_size(rows);
        const char *next = json_text_of(reply, "next");
        cr_assert_eq(next != NULL, page < 3, "page %d", page);
        (void)snprintf(after, sizeof(after), "%s", next == NULL ? "" : next);
    }
    cr_assert_eq(seen, 7);
    office_close(&office);
}

Test(definitions, describe_tells_what_waits_for_a_start)
{
    struct office *office = office_open();
    office_deploy(office, "document: {dsl: 1.0.3, namespace: t, name: both, version: 1.0.0}\n"
                          "schedule: {on: {all: [{with: {type: a}}, {with: {type: b}}]}}\n"
                          "do: [{s: {set: {n: 1}}}]\n");
    const json_t *reply = office_get(office, "definitions.describe", "{'definition': 't/both'}");
    cr_expect_eq(json_array_size(json_array_of(reply, "gathered")), 0);
    struct office_reply *sent =
        office_ask_as(office, "e1", "emit", "{'type': 'b', 'id': 'b1', 'source': '/s', 'data': 1}");
    cr_assert_str_eq(text_of(sent->body, "outcome"), "buffered");
    reply = office_get(office, "definitions.describe", "{'definition': 't/both'}");
    const json_t *rows = json_array_of(reply, "gathered");
    cr_assert_eq(json_array_size(rows), 1);
    cr_expect_str_eq(text_of(json_array_get(rows, 0), "type"), "b");
    cr_expect_str_eq(text_of(json_array_get(rows, 0), "id"), "b1");
    cr_expect_not_null(json_text_of(json_array_get(rows, 0), "forgotten_at"));
    sent = office_ask_as(office, "e2", "emit", "{'type': 'a', 'id': 'a1', 'source': '/s'}");
    cr_assert_str_eq(text_of(sent->body, "outcome"), "started");
    reply = office_get(office, "definitions.describe", "{'definition': 't/both'}");
    cr_expect_eq(json_array_size(json_array_of(reply, "gathered")), 0);
    office_close(&office);
}
