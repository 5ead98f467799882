/* Versions of definitions: side by side, retired, taken back. */
#include "tests/engine/harness.h"

#define VERSION(version, rest) \
    "document: {dsl: 1.0.3, namespace: test, name: v, version: " version "}\n" rest
#define TRIGGER "schedule: {on: {one: {with: {type: go}}}}\n"
#define SAY(n)  "do:\n  - a: {set: {v: " n "}}\n"

static void retire(struct harness *h, const char *definition, bool force)
{
    harness_begin(h);
    struct command command = {
        .kind = COMMAND_RETIRE,
        .token = 1,
        .retire = {
            .definition = definition, .reason = "wrong rates", .person = "ann", .force = force}};
    harness_command(h, &command);
    (void)harness_end(h);
}

static enum err deploy_force(struct harness *h, const char *text)
{
    struct plan *plan = NULL;
    struct plan_report report;
    cr_assert_eq(plan_load(text, strlen(text), &plan, &report), ERR_OK);
    plan_report_release(&report);
    harness_begin(h);
    struct command command = {
        .kind = COMMAND_DEPLOY,
        .token = 1,
        .deploy = {.plan = &plan, .text = text, .file = "v.yaml", .person = "p", .force = true}};
    harness_command(h, &command);
    (void)harness_end(h);
    plan_destroy(&plan);
    return h->reply;
}

SCENARIO(versions, triggers_go_to_the_newest_version_in_service)
{
    deploy(h, VERSION("1.10.0", TRIGGER SAY("110")));
    deploy(h, VERSION("1.9.0", TRIGGER SAY("19")));
    deploy(h, VERSION("2.0.0-rc.1", TRIGGER SAY("2")));
    deploy(h, VERSION("2.0.0", TRIGGER SAY("20")));
    event(h, "go", "e1", "{}");
    retire(h, "test/v:2.0.0", false);
    event(h, "go", "e2", "{}");
    retire(h, "test/v:2.0.0-rc.1", false);
    event(h, "go", "e3", "{}");
    start(h, "test/v", "{}");
    EXPECT("event-accepted type=go\n"
           "i1 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"go\",\"source\":\"/"
           "t\",\"id\":\"go-e1\",\"data\":{}}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"v\":20}\n"
           "i1 instance-completed out={\"v\":20}\n"
           "> started\n"
           "event-accepted type=go\n"
           "i2 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"go\",\"source\":\"/"
           "t\",\"id\":\"go-e2\",\"data\":{}}]\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/a ^ out={\"v\":2}\n"
           "i2 instance-completed out={\"v\":2}\n"
           "> started\n"
           "event-accepted type=go\n"
           "i3 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"go\",\"source\":\"/"
           "t\",\"id\":\"go-e3\",\"data\":{}}]\n"
           "i3 workflow-entered\n"
           "i3 step-ran /do/0/a ^ out={\"v\":110}\n"
           "i3 instance-completed out={\"v\":110}\n"
           "> started\n"
           "i4 instance-started in={}\n"
           "i4 workflow-entered\n"
           "i4 step-ran /do/0/a ^ out={\"v\":110}\n"
           "i4 instance-completed out={\"v\":110}\n");
}

SCENARIO(versions, the_last_version_with_a_trigger_is_retired_by_force_only)
{
    deploy(h, VERSION("1.0.0", TRIGGER SAY("1")));
    retire(h, "test/v:1.0.0", false);
    retire(h, "test/w:1.0.0", false);
    retire(h, "test/v:1.0.0", true);
    retire(h, "test/v:1.0.0", true);
    event(h, "go", "e1", "{}");
    start(h, "test/v", "{}");
    start(h, "test/v:1.0.0", "{}");
    EXPECT("> refused: test/v:1.0.0 is the last version in service: what triggers it would start "
           "nothing any more; deploy a newer version first, or say --force\n"
           "> not found: no definition 'test/w:1.0.0' is deployed; see `mainstay definitions ls`\n"
           "event-accepted type=go\n"
           "event-buffered type=go\n"
           "> kept\n"
           "> conflict: every version of 'test/v' is retired; see `mainstay definitions ls`\n"
           "> conflict: test/v:1.0.0 is retired and starts nothing any more; name another version, "
           "see `mainstay definitions ls`\n");
}

SCENARIO(versions, open_instances_of_a_retired_version_finish)
{
    deploy(h, VERSION("1.0.0", "do:\n  - w: {wait: {seconds: 5}}\n  - a: {set: {v: 1}}\n"));
    start(h, "test/v", "{}");
    retire(h, "test/v:1.0.0", false);
    advance(h, 5000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={}\n"
           "+5000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-completed /do/0/w\n"
           "i1 step-ran /do/1/a ^ out={\"v\":1}\n"
           "i1 instance-completed out={\"v\":1}\n");
}

SCENARIO(versions, a_retired_version_comes_back_by_force_only)
{
    static const char text[] = VERSION("1.0.0", SAY("1"));
    deploy(h, text);
    retire(h, "test/v:1.0.0", false);
    cr_expect_eq(deploy_try(h, text), ERR_CONFLICT);
    start(h, "test/v", "{}");
    cr_expect_eq(deploy_force(h, text), ERR_OK);
    start(h, "test/v", "{}");
    EXPECT("> conflict: test/v:1.0.0 is retired; raise document.version, or take it back into "
           "service with `mainstay deploy --force`\n"
           "> conflict: every version of 'test/v' is retired; see `mainstay definitions ls`\n"
           "i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"v\":1}\n"
           "i1 instance-completed out={\"v\":1}\n");
}

SCENARIO(versions, another_text_is_told_the_next_version)
{
    deploy(h, VERSION("1.0.0", SAY("1")));
    deploy(h, VERSION("1.2.9", SAY("1")));
    cr_expect_eq(deploy_try(h, VERSION("1.0.0", SAY("2"))), ERR_CONFLICT);
    deploy(h, VERSION("2.0.0-rc.3", SAY("1")));
    cr_expect_eq(deploy_try(h, VERSION("1.0.0", SAY("2"))), ERR_CONFLICT);
    EXPECT("> conflict: test/v:1.0.0 is deployed with another text; definitions are immutable per "
           "version: raise document.version to 1.2.10 or higher (newest deployed: 1.2.9)\n"
           "> conflict: test/v:1.0.0 is deployed with another text; definitions are immutable per "
           "version: raise document.version to 2.0.0 or higher (newest deployed: 2.0.0-rc.3)\n");
}

#define QUOTE(version, input, output)                                                           \
    "{\"agent\":\"worker\",\"version\":\"" version "\",\"title\":\"t\",\"actions\":{\"work\":{" \
    "\"title\":\"t\",\"input\":" input ",\"output\":" output ",\"effect\":\"pure\","            \
    "\"phases\":[\"decide\"],\"timeout\":\"PT5S\"}}}"
#define IN "{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"enum\":[1,2]}}}"
#define OUT \
    "{\"type\":\"object\",\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\"}}}"

SCENARIO(versions, a_minor_version_that_breaks_a_promise_is_refused)
{
    static const char *const broken[] = {
        QUOTE("1.1.0", "{\"type\":\"object\",\"required\":[\"a\",\"b\"]}", OUT),
        QUOTE("1.1.0", "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[1]}}}", OUT),
        QUOTE("1.1.0", "{\"type\":\"array\"}", OUT),
        QUOTE("1.1.0", "{\"type\":\"object\",\"minProperties\":2}", OUT),
        QUOTE("1.1.0", "{\"type\":\"object\",\"not\":{}}", OUT),
        QUOTE("1.1.0", "{\"type\":\"object\",\"additionalProperties\":false}", OUT),
        QUOTE("1.1.0", IN, "{\"type\":\"object\"}"),
        QUOTE("1.1.0", IN,
              "{\"type\":\"object\",\"required\":[\"n\"],"
              "\"properties\":{\"n\":{\"type\":\"number\"}}}"),
        CONTRACT("worker", "1.1.0", "other", "[\"decide\"]", "pure"),
    };
    hello(h, QUOTE("1.0.0", IN, OUT), "s1", 4);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        hello_session(h, broken[i], "s2", 4, 1);
        cr_expect_eq(h->reply, ERR_CONFLICT, "%s", broken[i]);
    }
    cr_expect_eq(table_rows(h, 'C'), 1);
    forget_trace(h);
}

SCENARIO(versions, a_minor_version_may_take_more_and_give_more)
{
    static const char *const kept[] = {
        QUOTE("1.1.0", "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[1,2,3]},\"b\":{}}}",
              OUT),
        QUOTE("1.2.0", "{\"type\":[\"object\",\"null\"]}",
              "{\"type\":\"object\",\"required\":[\"n\",\"m\"],\"properties\":{\"n\":{\"type\":"
              "\"integer\",\"minimum\":0},\"m\":{\"type\":\"string\"}}}"),
        QUOTE("2.0.0", "{\"type\":\"array\"}", "{\"type\":\"array\"}"),
    };
    hello(h, QUOTE("1.0.0", IN, OUT), "s1", 4);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        hello(h, kept[i], "s2", 4);
        cr_expect_eq(h->reply, ERR_OK, "%s", kept[i]);
    }
    forget_trace(h);
}

SCENARIO(versions, an_older_version_that_comes_later_is_held_to_the_same)
{
    hello(h, QUOTE("1.2.0", IN, OUT), "s1", 4);
    hello_session(h, QUOTE("1.1.0", IN, "{\"type\":\"object\",\"required\":[\"n\",\"m\"]}"), "s2",
                  4, 1);
    cr_expect_eq(h->reply, ERR_CONFLICT);
    forget_trace(h);
}
