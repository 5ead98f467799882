/* Every noun against canned replies: what is asked, what is printed, which exit code. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/bus/bus.h"
#include "common/json/json.h"
#include "tests/integration/cli/company_fixture.h"
#include "tools/mainstay/context.h"
#include "tools/mainstay/control.h"

static void begin(void)
{
    fixture_begin();
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
}

TestSuite(nouns, .init = begin, .fini = fixture_end);

static void expect_run(const char *words, int exit_code, const char *output)
{
    int code = fixture_run(words);
    cr_expect_eq(code, exit_code, "%s: %d: %s", words, code, fixture_output());
    cr_expect_not_null(strstr(fixture_output(), output), "%s: %s", words, fixture_output());
}

/* The body of the last question of a verb, as the coordinator got it. */
static json_t *asked(const char *verb)
{
    char path[PATH_BYTES];
    struct context context = {0};
    struct control *control = NULL;
    json_t *all = NULL;
    struct control_question question = {.verb = "asked", .timeout_ms = 5000};
    fixture_path("context.json", path, sizeof(path));
    cr_assert_eq(context_read(path, &context, NULL), ERR_OK);
    cr_assert_eq(control_open(&context, &control, NULL), ERR_OK);
    cr_assert_eq(control_ask(control, &question, &all, NULL), ERR_OK);
    json_t *body = json_incref(json_object_get(all, verb));
    json_decref(all);
    control_close(&control);
    return body;
}

static void expect_asked(const char *verb, const char *key, const char *value)
{
    json_t *body = asked(verb);
    const char *text = json_text_of(body, key);
    cr_expect_str_eq(text != NULL ? text : "(absent)", value, "%s of %s", key, verb);
    json_decref(body);
}

Test(nouns, lists_are_tables_json_or_lines)
{
    json_t *reply = NULL;
    expect_run("instances ls --status running -n 5", 0, "0123456789ab  test/hello:1.0.0  running");
    expect_run("instances ls", 0, "add --after c1");
    expect_asked("instances.ls", "request_id", "");
    cr_expect_eq(fixture_run("instances ls -o json"), 0);
    cr_assert_eq(json_parse(fixture_output(), strlen(fixture_output()), NULL, &reply, NULL),
                 ERR_OK);
    cr_expect_eq(json_array_size(json_array_of(reply, "instances")), 2);
    json_decref(reply);
    expect_run("instances ls -o jsonl", 0, "\n{\"instance\":\"fedcba");
    expect_run("inbox", 0, "nothing waits for you");
    expect_run("definitions ls", 0, "a.b");
    expect_run("locks ls", 0, "invoice/7  waits");
    expect_run("locks ls invoice/7", 0, "/do/0/post");
    expect_asked("locks.ls", "entity", "invoice/7");
    expect_run("budgets ls", 0, "agent/reader  day");
    expect_run("budgets ls agent/reader", 0, "0.20 EUR");
    expect_asked("budgets.ls", "account", "agent/reader");
    expect_run("deadletters ls", 0, "not JSON");
    expect_run("agents ls", 0, "two");
    expect_run("instances ls -n 0", 2, "--limit 0");
}

Test(nouns, versions_of_definitions)
{
    expect_run("definitions describe test/hello", 0, "1 running, 2 waiting, 0 suspended");
    expect_run("definitions describe test/hello", 0, "do: all?[2J");
    expect_run("definitions diff test/hello:1.0.0 1.1.0", 0,
               "~ changed  /do/1/b  (set)  was /do/0/b\n    /set/x\n      - 1\n      + \"two\"");
    expect_asked("definitions.diff", "to", "test/hello:1.1.0");
    expect_run("definitions retire test/hello:1.0.0 --force -r wrong", 0,
               "test/hello:1.0.0 retired; 2 open instances go on; started from now on: "
               "test/hello:1.1.0");
    expect_asked("definitions.retire", "reason", "wrong");
}

Test(nouns, instances_move_to_another_version)
{
    expect_run("instances migrate test/hello --to 2.0.0 --plan", 1, "1 can move to 2.0.0, 1 stays");
    expect_run("instances migrate test/hello --to test/hello:2.0.0 -r new", 1,
               "a call is in flight");
    expect_asked("instances.migrate", "to", "2.0.0");
    expect_asked("instances.migrate", "reason", "new");
    expect_run("instances migrate test/hello --to 2.0.0 -o jsonl", 1, "\"moves\":true");
    expect_run("instances migrate 0123456789ab", 2, "--to VERSION");
    expect_run("instances migrate 0123456789ab --to 2.0.0 --status waiting", 2, "--status");
}

Test(nouns, one_thing_is_a_sheet)
{
    expect_run("instances describe 012345", 0, "\"name\": \"world\"");
    expect_run("gates describe 99aabb", 0, "CORRECTION");
    expect_run("deadletters show 4", 0, "add a content type");
}

Test(nouns, explain_tells_the_story_without_escape_sequences)
{
    expect_run("explain 012345", 0, "The total was compared with the agreement.");
    cr_expect_not_null(strstr(fixture_output(), "rule total@1, confidence 97 %"));
    cr_expect_not_null(strstr(fixture_output(), "102.19 too much?[2J"));
    cr_expect_not_null(strstr(fixture_output(), "10:00:00.250"));
    cr_expect_not_null(strstr(fixture_output(), "2.3 ms"));
    expect_run("explain 012345 -o jsonl", 0, "{\"sequence\":2");
}

Test(nouns, refusals_are_failures_with_the_coordinators_words)
{
    expect_run("instances cancel 777777 --reason test", 1, "no instance starts with '777777'");
    expect_asked("instances.cancel", "reason", "test");
    expect_run("deadletters replay 4", 1, "nothing has changed");
    expect_run("journal verify", 1, "broken at batch 7: hash differs");
    expect_run("journal tail", 0, "{\"by\":\"event\"}");
}

Test(nouns, journal_tail_buried_everything_under_a_published_contract)
{
    expect_run("journal tail", 0, "{\"value\":\"mmmm");
    cr_expect_not_null(strstr(fixture_output(), "mmm...\n"), "%s", fixture_output());
    expect_run("journal tail -o jsonl", 0, "mmm the end");
}

Test(nouns, calling_an_action_nobody_offers_hung_for_ever)
{
    expect_run("agents call ghost haunt", 1, "no agent 'ghost' offers an action 'haunt'");
}

Test(nouns, orders_carry_a_request_id_and_the_seen_revision)
{
    expect_run("gates approve 99aabb --reason fine", 0, "approve: instance 0123");
    json_t *body = asked("gates.verdict");
    cr_expect_eq(json_int_of(body, "revision", 0), 3);
    cr_expect_str_eq(json_text_of(body, "digest"), "d3");
    cr_expect_eq(strlen(json_text_of(body, "request_id")), 32);
    json_decref(body);
    expect_run("gates edit 99aabb --value '{\"total\": \"12.50\"}'", 0, "edit: instance");
    body = asked("gates.verdict");
    cr_expect_str_eq(json_text_of(json_object_of(body, "value"), "total"), "12.50");
    json_decref(body);
}

Test(nouns, edit_opens_the_editor_on_the_correction)
{
    (void)setenv("VISUAL", "sed -i s/\\\"0\\\"/\\\"7.00\\\"/", 1);
    expect_run("gates edit 99aabb", 0, "edit: instance");
    json_t *body = asked("gates.verdict");
    cr_expect_str_eq(json_text_of(json_object_of(body, "value"), "total"), "7.00");
    json_decref(body);
    (void)setenv("VISUAL", "false", 1);
    expect_run("gates edit 99aabb", 1, "nothing was changed");
}

Test(nouns, run_deploys_a_file_and_prints_the_output)
{
    expect_run("run one.json --input '{\"x\": 1}'", 0, "\"a\": 1");
    expect_asked("run", "definition", "test/hello:1.0.0");
    cr_expect_not_null(strstr(fixture_output(), "one.json:3:5: warning: never used"));
    cr_expect_not_null(strstr(fixture_output(), "no live agent offers ghost haunt 1"));
    expect_run("run test/other --detach", 0, "0123456789abcdef0123456789abcdef");
    expect_asked("run", "definition", "test/other");
    expect_run("agents call one say_it --input '{}'", 0, "\"a\": 1");
    json_t *body = asked("deploy");
    cr_expect_not_null(strstr(json_text_of(body, "text"), "\"name\":\"call-one-say-it\""));
    json_decref(body);
}

Test(nouns, emit_sends_json_as_a_value_and_the_rest_byte_for_byte)
{
    expect_run("emit invoice.received '{\"a\": 1}' --id 7", 0, "started: event e1, instance 0123");
    json_t *body = asked("emit");
    cr_expect_eq(json_int_of(json_object_of(body, "data"), "a", 0), 1);
    cr_expect_str_eq(json_text_of(body, "content_type"), "application/json");
    cr_expect_str_eq(json_text_of(body, "id"), "7");
    json_decref(body);
    expect_run("emit invoice.received '<a/>'", 0, "started");
    expect_asked("emit", "data_base64", "PGEvPg==");
    expect_asked("emit", "content_type", "application/xml");
    expect_run("emit invoice.received 'a;b'", 1, "--content-type");
    expect_run("emit invoice.received 'a;b' --content-type text/csv", 0, "started");
}

Test(nouns, an_instance_that_does_not_complete_has_an_exit_code)
{
    static const struct {
        const char *reply;
        const char *words;
        int exit_code;
        const char *output;
    } cases[] = {
        {"{\"status\":\"faulted\",\"error\":{\"title\":\"no\"}}", "run a/b", 3,
         "\"title\": \"no\""},
        {"{\"status\":\"cancelled\"}", "run a/b", 4, "cancelled"},
        {"{\"status\":\"suspended\",\"gate\":\"99aa\"}", "run a/b", 5, "gates describe 99aa"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        char path[PATH_BYTES];
        fixture_path("../replies.json", path, sizeof(path));
        int size = snprintf(text, sizeof(text),
                            "{\"run\":{\"body\":{\"instance\":\"00\"}},\"wait\":{\"body\":%s}}",
                            cases[i].reply);
        cr_assert_eq(file_write(path, text, (size_t)size, 0600, NULL), ERR_OK);
        (void)setenv("FAKE_REPLIES", path, 1);
        cr_assert_eq(fixture_run("down"), 0);
        cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
        expect_run(cases[i].words, cases[i].exit_code, cases[i].output);
    }
}

Test(nouns, a_run_that_takes_too_long_goes_on)
{
    char path[PATH_BYTES];
    static const char text[] = "{\"run\":{\"body\":{\"instance\":\"00\"}},"
                               "\"wait\":{\"code\":4,\"error\":\"still running\"}}";
    fixture_path("../replies.json", path, sizeof(path));
    cr_assert_eq(file_write(path, text, strlen(text), 0600, NULL), ERR_OK);
    (void)setenv("FAKE_REPLIES", path, 1);
    cr_assert_eq(fixture_run("down"), 0);
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    expect_run("run a/b --timeout 50ms", 6, "it goes on");
    expect_run("run a/b --timeout never", 2, "not a duration");
}
