/* What people see of parallel branches: the list, the story, the context. */
#include "tests/unit/edge/office.h"

static const char definition_branches[] =
    "document: {dsl: '1.0.3', namespace: t, name: branches, version: '1.0.0'}\n"
    "do:\n"
    "  - both:\n"
    "      fork:\n"
    "        branches:\n"
    "          - ask: {call: 'price@clerk'}\n"
    "          - note: {do: [{mark: {set: {x: 1}, export: {as: {hidden: true}}}}, {nap: {wait: "
    "{hours: 1}}}]}\n"
    "      export: {as: {seen: true}}\n"
    "  - pick:\n"
    "      fork:\n"
    "        compete: true\n"
    "        branches:\n"
    "          - slow: {wait: {hours: 1}}\n"
    "          - fast: {set: {y: 1}}\n";

static bool told(const json_t *story, const char *words)
{
    size_t at = 0;
    json_t *entry = NULL;
    json_array_foreach(story, at, entry)
    {
        const char *said = json_text_of(entry, "words");
        if (said != NULL && strcmp(said, words) == 0) {
            return true;
        }
    }
    return false;
}

static const json_t *only_row(struct office *office)
{
    const json_t *rows = json_object_get(office_get(office, "instances.ls", "{}"), "instances");
    cr_assert_eq(json_array_size(rows), 1);
    return json_array_get(rows, 0);
}

Test(forks, the_row_shows_who_waits_for_a_person_first)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_branches);
    office_run(office, "t/branches", "{'weight': 3}", id);
    cr_assert_str_eq(text_of(only_row(office), "step"), "/do/0/both/fork/branches/0/ask");
    cr_assert_str_eq(text_of(only_row(office), "reason"),
                     "clerk/main works on it; 1 more in other branches");
    struct office_task task = office_take(office);
    office_failed(office, &task, FAILURE_CONTRACT, "no key", "");
    cr_assert_str_eq(text_of(only_row(office), "status"), "waiting");
    cr_assert_str_eq(text_of(only_row(office), "reason"),
                     "waits for a person: no key; 1 more in other branches");
    office_close(&office);
}

Test(forks, the_story_names_branches_and_winners)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_branches);
    office_run(office, "t/branches", "{'weight': 3}", id);
    struct office_task task = office_take(office);
    office_done(office, &task, "{'amount': 7}");
    office_pass(office, 3600 * 1000);
    const json_t *reply = office_get(office, "explain", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "completed");
    const json_t *story = json_object_get(reply, "story");
    cr_expect(told(story, "'both' begins 2 branches"));
    cr_expect(told(story, "branch 'ask' has ended"));
    cr_expect(told(story, "all branches of 'both' have ended"));
    cr_expect(told(story, "'pick' begins 2 branches that race"));
    cr_expect(told(story, "'slow' was taken down: another branch won"));
    cr_expect(told(story, "branch 'fast' won the race of 'pick'"));
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    const json_t *context = json_object_get(reply, "context");
    cr_expect(json_is_true(json_object_get(context, "seen")));
    cr_expect_null(json_object_get(context, "hidden"));
    office_close(&office);
}
