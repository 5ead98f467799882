/*
 * Forking an instance: another one begins at a step of its top list with what it had there, and
 * does what comes then under names of its own. The first one and what it did stay as they are.
 */
#include "tests/engine/harness.h"

#define ACTION(name, effect, more)                                                         \
    "\"" name                                                                              \
    "\":{\"title\":\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\"," \
    "\"properties\":{\"n\":{\"type\":\"integer\"}}},\"effect\":\"" effect                  \
    "\",\"phases\":[\"perform\"]" more ",\"timeout\":\"PT5S\"}"
#define WORKER                                                                                   \
    "{\"agent\":\"worker\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{" ACTION(          \
        "work", "keyed", ",\"compensate\":\"undo\"") "," ACTION("undo", "keyed",                 \
                                                                "") "," ACTION("plain", "keyed", \
                                                                               "") "}}"

SCENARIO(forked, another_begins_with_what_the_first_had)
{
    deploy_tasks(h, "- a: {set: {x: 1}, export: {as: {seen: 1}}}\n"
                    "- b: {set: {y: '${ .x + 1 }'}, export: {as: {seen: 2}}}\n"
                    "- w: {wait: {hours: 1}}\n");
    run(h, "{\"order\":7}");
    forget_trace(h);
    fork_from(h, 1, "b");
    EXPECT("i2 instance-started in={\"order\":7}\n"
           "i2 instance-forked /do/1/b of=i1 in={\"x\":1} context={\"seen\":1}\n"
           "i2 step-ran /do/1/b out={\"y\":2} context={\"seen\":2}\n"
           "i2 step-started /do/2/w in={\"y\":2}\n"
           "> i1 made another one\n");
    fork_from(h, 1, "b"); /* asked again by the same request */
    EXPECT("> i1 made another one\n");
    advance(h, 3600000);
    EXPECT("+3600000\n"
           "i2 timer-fired /do/2/w\n"
           "i2 step-completed /do/2/w ^\n"
           "i2 instance-completed out={\"y\":2}\n"
           "i1 timer-fired /do/2/w\n"
           "i1 step-completed /do/2/w ^\n"
           "i1 instance-completed out={\"y\":2}\n");
    cr_assert_eq(open_instances(h), 0);
}

static void setup(struct harness *h, const char *tasks)
{
    hello(h, WORKER, "s1", 8);
    deploy_tasks(h, tasks);
    run(h, "{}");
}

#define TWO                      \
    "- a: {call: work@worker}\n" \
    "- b: {call: work@worker}\n" \
    "- w: {wait: {hours: 1}}\n"

SCENARIO(forked, what_comes_then_is_done_again_under_keys_of_its_own)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    done(h, "/do/1/b", "{\"n\":2}");
    forget_trace(h);
    fork_from(h, 1, "b");
    EXPECT("i2 instance-started in={}\n"
           "i2 instance-forked /do/1/b of=i1 in={\"n\":1} context={}\n"
           "i2 step-started /do/1/b in={\"n\":1} out={\"n\":1}\n"
           "i2 step-dispatched /do/1/b perform #0.1 store=s1 contract=1.0.0\n"
           "> i1 made another one\n");
    done(h, "i2 /do/1/b", "{\"n\":3}");
    forget_trace(h);
}

SCENARIO(forked, each_undoes_its_own)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    done(h, "/do/1/b", "{\"n\":2}");
    fork_from(h, 1, "b");
    done(h, "i2 /do/1/b", "{\"n\":3}");
    forget_trace(h);
    cancel(h, 2);
    EXPECT("i2 instance-cancelling\n"
           "i2 step-cancelled /do/2/w why=cancelled\n"
           "i2 unwinding all to=cancelled\n"
           "i2 compensation-started undo /do/1/b by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":3}}\n"
           "i2 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "i2 undo of /do/1/b", "{}");
    EXPECT("i2 step-result perform #1.1 done effect=done out={}\n"
           "i2 compensation-ended /do/1/b compensated\n"
           "i2 instance-cancelled\n");
    cancel(h, 1);
    done(h, "i1 undo of /do/1/b", "{}");
    done(h, "i1 undo of /do/0/a", "{}");
    EXPECT("i1 instance-cancelling\n"
           "i1 step-cancelled /do/2/w why=cancelled\n"
           "i1 unwinding all to=cancelled\n"
           "i1 compensation-started undo /do/1/b by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":2}}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b compensated\n"
           "i1 compensation-started undo /do/0/a by=undo out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #2.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #2.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-cancelled\n");
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(forked, one_that_has_ended_can_be_forked)
{
    deploy_tasks(h, "- a: {set: {x: 1}, export: {as: {seen: 1}}}\n"
                    "- b: {raise: {error: {type: 'urn:no', status: 400}}}\n");
    run(h, "{}");
    forget_trace(h);
    fork_from(h, 1, "b");
    EXPECT(
        "i2 instance-started in={}\n"
        "i2 instance-forked /do/1/b of=i1 in={\"x\":1} context={\"seen\":1}\n"
        "i2 step-faulted /do/1/b "
        "error={\"type\":\"urn:no\",\"status\":400,\"instance\":\"/do/1/b\"}\n"
        "i2 instance-faulted error={\"type\":\"urn:no\",\"status\":400,\"instance\":\"/do/1/b\"}\n"
        "> i1 made another one\n");
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(forked, it_begins_with_the_input_and_the_timeout_that_the_workflow_had)
{
    deploy(h, "document: {dsl: '1.0.3', namespace: test, name: flow, version: 1.0.0}\n"
              "input: {from: '${ {of: .order} }'}\n"
              "timeout: {after: {minutes: 5}}\n"
              "do:\n"
              "  - a: {wait: {minutes: 1}}\n"
              "  - b: {set: '${ {own: $workflow.input, given: .} }'}\n"
              "  - w: {wait: {hours: 1}}\n");
    run(h, "{\"order\":7}");
    advance(h, 60000);
    forget_trace(h);
    advance(h, 60000);
    fork_from(h, 1, "b");
    EXPECT("+120000\n"
           "i2 instance-started in={\"order\":7}\n"
           "i2 instance-forked /do/1/b of=i1 at=+420000 in={\"of\":7} out={\"of\":7} context={}\n"
           "i2 step-ran /do/1/b out={\"own\":{\"order\":7},\"given\":{\"of\":7}}\n"
           "i2 step-started /do/2/w in={\"own\":{\"order\":7},\"given\":{\"of\":7}}\n"
           "> i1 made another one\n");
    advance(h, 240000);
    EXPECT("+360000\n"
           "i1 step-cancelled stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/\",\"title\":\"the "
           "workflow took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/2/w why=timed out\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/\",\"title\":\"the "
           "workflow took longer than its timeout\"}\n");
}

SCENARIO(forked, a_fork_can_go_back_and_be_forked)
{
    deploy_tasks(h, "- a: {set: {x: 1}, export: {as: {seen: 1}}}\n"
                    "- b: {set: {y: '${ .x + 1 }'}, export: {as: {seen: 2}}}\n"
                    "- c: {set: {z: '${ .y + 1 }'}}\n"
                    "- w: {wait: {hours: 1}}\n");
    run(h, "{}");
    fork_from(h, 1, "b");
    forget_trace(h);
    fork_from(h, 2, "c");
    EXPECT("i3 instance-started in={}\n"
           "i3 instance-forked /do/2/c of=i2 in={\"y\":2} context={\"seen\":2}\n"
           "i3 step-ran /do/2/c out={\"z\":3}\n"
           "i3 step-started /do/3/w in={\"z\":3}\n"
           "> i2 made another one\n");
    fork_from(h, 2, "b");
    EXPECT("i4 instance-started in={}\n"
           "i4 instance-forked /do/1/b of=i2 in={\"x\":1} context={\"seen\":1}\n"
           "i4 step-ran /do/1/b out={\"y\":2} context={\"seen\":2}\n"
           "i4 step-ran /do/2/c out={\"z\":3}\n"
           "i4 step-started /do/3/w in={\"z\":3}\n"
           "> i2 made another one\n");
}

SCENARIO(forked, it_stays_when_the_first_one_is_on_its_way_to_an_end)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    fork_from(h, 1, "a");
    cancel(h, 1);
    forget_trace(h);
    fork_from(h, 1, "a");
    EXPECT("> i1 is being cancelled\n");
}

SCENARIO(forked, a_retired_version_starts_nothing)
{
    deploy_tasks(h, "- a: {wait: {hours: 1}}\n");
    run(h, "{}");
    struct command command = {
        .kind = COMMAND_RETIRE,
        .retire = {.definition = "test/flow:1.0.0", .reason = "", .person = ""}};
    harness_turn(h, &command);
    forget_trace(h);
    fork_from(h, 1, "a");
    EXPECT("> i1 is of a version that is retired and starts nothing any more\n");
}
