/* instances.migrate, and stories of instances that moved. */
#include "common/base/buf.h"
#include "tests/unit/edge/office.h"

#define TEXT(version, tasks)                                                                      \
    "{'text': 'document: {dsl: 1.0.3, namespace: t, name: v, version: " version "}\\ndo: [" tasks \
    "]\\n'}"
#define OLD TEXT("1.0.0", "{w: {wait: {hours: 1}}}, {a: {set: {old: 1}}}")
#define NEW TEXT("2.0.0", "{n: {set: {x: 1}}}, {w: {wait: {hours: 1}}}, {b: {set: {new: 1}}}")

static const json_t *row_of(const json_t *reply, size_t at)
{
    const json_t *row = json_array_get(json_object_get(reply, "instances"), at);
    cr_assert_not_null(row, "no row %zu", at);
    return row;
}

Test(migrate, the_plan_changes_nothing_and_the_move_is_told)
{
    struct office *office = office_open();
    char id[33];
    (void)office_get(office, "deploy", OLD);
    office_run(office, "t/v", "{}", id);
    (void)office_get(office, "deploy", NEW);
    const json_t *reply = office_get(office, "instances.migrate",
                                     "{'definition': 't/v', 'to': '2.0.0', 'plan': true}");
    cr_assert(json_bool_of(row_of(reply, 0), "moves", false));
    cr_assert_str_eq(text_of(row_of(reply, 0), "step"), "/do/0/w");
    cr_assert_str_eq(text_of(row_of(reply, 0), "passed"), "/do/0/n");
    cr_assert_str_eq(text_of(row_of(reply, 0), "definition"), "t/v:1.0.0");
    reply = office_get(office, "instances.migrate",
                       "{'instances': ['%.8s'], 'to': '2.0.0', 'reason': 'better'}", id);
    cr_assert(json_bool_of(row_of(reply, 0), "moves", false));
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "definition"), "t/v:2.0.0");
    reply = office_get(office, "definitions.describe", "{'definition': 't/v:2.0.0'}");
    cr_assert_eq(json_int_of(json_object_get(reply, "open"), "waiting", -1), 1);
    office_pass(office, 3600 * 1000);
    reply = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_eq(json_int_of(json_object_get(reply, "output"), "new", 0), 1);
    reply = office_get(office, "explain", "{'instance': '%s'}", id);
    struct buf story = BUF_INIT(65536);
    json_write(json_object_get(reply, "story"), &story);
    cr_assert_not_null(strstr(story.data, "from t/v:1.0.0 to t/v:2.0.0: better"), "%s", story.data);
    cr_assert_not_null(strstr(story.data, "\"step\":\"/do/0/w\""), "%s", story.data);
    cr_assert_not_null(strstr(story.data, "\"step\":\"/do/1/w\""), "%s", story.data);
    buf_release(&story);
    office_close(&office);
}

Test(migrate, a_definition_that_nobody_deployed_is_named)
{
    struct office *office = office_open();
    (void)office_get(office, "deploy", OLD);
    const struct office_reply *reply =
        office_ask(office, "instances.migrate", "{'definition': 't/w', 'to': '2.0.0'}");
    cr_assert_eq(reply->code, ERR_NOT_FOUND);
    cr_assert_not_null(strstr(reply->error, "no definition 't/w' is deployed"), "%s", reply->error);
    office_close(&office);
}

Test(migrate, a_name_without_its_namespace_is_told_whole)
{
    struct office *office = office_open();
    (void)office_get(office, "deploy", OLD);
    static const char *const meant[][2] = {{"v", "'t/v' is"}, {"v:1.0.0", "'t/v:1.0.0' is"}};
    for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++) {
        const struct office_reply *reply =
            office_ask(office, "instances.ls", "{'definition': '%s'}", meant[i][0]);
        cr_expect_eq(reply->code, ERR_NOT_FOUND);
        cr_expect_not_null(strstr(reply->error, meant[i][1]), "%s", reply->error);
    }
    static const char *const other[] = {"", "v:", "v:1", "w", "/v"};
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        const struct office_reply *reply =
            office_ask(office, "instances.ls", "{'definition': '%s'}", other[i]);
        cr_expect_eq(reply->code, ERR_NOT_FOUND, "'%s'", other[i]);
        cr_expect_not_null(strstr(reply->error, "; see"), "'%s': %s", other[i], reply->error);
    }
    office_close(&office);
}

/* The step of the first event of a kind in the journal. */
static void expect_step(struct office *office, const char *kind, const char *step)
{
    const json_t *reply = office_get(office, "journal.tail", "{'limit': 1000}");
    size_t at = 0;
    const json_t *batch = NULL;
    json_array_foreach(json_object_get(reply, "batches"), at, batch)
    {
        size_t i = 0;
        const json_t *event = NULL;
        json_array_foreach(json_object_get(batch, "events"), i, event)
        {
            if (strcmp(text_of(event, "kind"), kind) == 0) {
                cr_expect_str_eq(text_of(event, "step"), step);
                return;
            }
        }
    }
    cr_assert_fail("no %s", kind);
}

Test(migrate, the_journal_names_steps_as_the_version_of_their_time_did)
{
    struct office *office = office_open();
    char id[33];
    (void)office_get(office, "deploy", OLD);
    office_run(office, "t/v", "{}", id);
    (void)office_get(office, "deploy", NEW);
    (void)office_get(office, "instances.migrate", "{'definition': 't/v:1.0.0', 'to': '2.0.0'}");
    expect_step(office, "step-started", "/do/0/w");
    office_pass(office, 3600 * 1000);
    expect_step(office, "step-started", "/do/0/w");
    expect_step(office, "timer-fired", "/do/1/w");
    office_close(&office);
}

Test(migrate, thousands_move_page_by_page)
{
    struct office *office = office_open();
    char id[33];
    size_t moved = 0;
    char after[128] = "";
    (void)office_get(office, "deploy", OLD);
    for (int i = 0; i < 25; i++) {
        office_run(office, "t/v", "{}", id);
    }
    (void)office_get(office, "deploy", NEW);
    for (int page = 0; page < 4; page++) {
        bool first = after[0] == '\0';
        const json_t *reply = office_get(office, "instances.migrate",
                                         "{'definition': 't/v', 'to': '2.0.0', 'limit': 10%s%s%s}",
                                         first ? "" : ", 'after': '", after, first ? "" : "'");
        moved += json_array_size(json_object_get(reply, "instances"));
        const char *next = json_text_of(reply, "next");
        cr_assert_eq(next != NULL, page < 2, "page %d", page);
        if (next == NULL) {
            break;
        }
        (void)snprintf(after, sizeof(after), "%s", next);
    }
    cr_assert_eq(moved, 25);
    const json_t *reply = office_get(office, "definitions.describe", "{'definition': 't/v:2.0.0'}");
    cr_assert_eq(json_int_of(json_object_get(reply, "open"), "waiting", -1), 25);
    office_close(&office);
}

Test(migrate, requests_that_name_nothing_are_refused)
{
    struct office *office = office_open();
    (void)office_get(office, "deploy", OLD);
    static const char *const wrong[] = {
        "{'to': '2.0.0'}",
        "{'to': '2.0.0', 'instances': ['abcdef01'], 'definition': 't/v'}",
        "{'to': '2.0.0', 'instances': ['abcdef01']}",
        "{'to': '2.0.0', 'instances': ['zz']}",
        "{'to': '2.0.0', 'instances': [1]}",
        "{'definition': 't/v'}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_expect_neq(office_ask(office, "instances.migrate", "%s", wrong[i])->code, ERR_OK, "%s",
                      wrong[i]);
    }
    office_close(&office);
}
