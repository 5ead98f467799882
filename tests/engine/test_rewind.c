/*
 * Going back to a step: what is open is taken down, what was done since is undone, and the step is
 * entered again as another activation.
 */
#include "tests/engine/harness.h"

#define ACTION(name, effect, more)                                                         \
    "\"" name                                                                              \
    "\":{\"title\":\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\"," \
    "\"properties\":{\"n\":{\"type\":\"integer\"}}},\"effect\":\"" effect                  \
    "\",\"phases\":[\"perform\"]" more ",\"timeout\":\"PT5S\"}"
#define UNDOABLE(effect)                                                                       \
    "{\"agent\":\"worker\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{" ACTION(        \
        "work", effect, ",\"compensate\":\"undo\"") "," ACTION("undo", effect,                 \
                                                               "") "," ACTION("plain", effect, \
                                                                              "") "}}"

SCENARIO(rewind, a_step_is_entered_again_with_what_it_had)
{
    deploy_tasks(h, "- a: {set: {x: 1}, export: {as: {seen: 1}}}\n"
                    "- b: {set: {y: '${ .x + 1 }'}, export: {as: {seen: 2}}}\n"
                    "- w: {wait: {hours: 1}}\n");
    run(h, "{}");
    forget_trace(h);
    points_expect(h, "/do/0/a /do/1/b /do/2/w");
    rewind_to(h, "b");
    EXPECT("i1 instance-rewinding /do/1/b in={\"x\":1} context={\"seen\":1}\n"
           "i1 step-cancelled /do/2/w why=the instance goes back\n"
           "i1 instance-rewound /do/1/b\n"
           "i1 step-ran /do/1/b#2 out={\"y\":2} context={\"seen\":2}\n"
           "i1 step-started /do/2/w#2 in={\"y\":2}\n");
    advance(h, 3600000);
    EXPECT("+3600000\n"
           "i1 timer-fired /do/2/w\n"
           "i1 step-completed /do/2/w#2 ^\n"
           "i1 instance-completed out={\"y\":2}\n");
    cr_assert_eq(open_instances(h), 0);
}

static void migrate(struct harness *h, size_t instance, const char *version)
{
    struct command command = {.kind = COMMAND_MIGRATE,
                              .token = 1,
                              .migrate = {.instances = &h->instances[instance - 1],
                                          .count = 1,
                                          .version = version,
                                          .reason = "because",
                                          .person = "ann"}};
    harness_turn(h, &command);
}

static void setup(struct harness *h, const char *tasks)
{
    hello(h, UNDOABLE("keyed"), "s1", 8);
    deploy_tasks(h, tasks);
    run(h, "{}");
}

#define TWO                      \
    "- a: {call: work@worker}\n" \
    "- b: {call: work@worker}\n" \
    "- w: {wait: {hours: 1}}\n"

SCENARIO(rewind, what_was_done_since_is_undone_last_first)
{
    setup(h, TWO);
    struct id first = task(h, "/do/0/a")->key;
    done(h, "/do/0/a", "{\"n\":1}");
    done(h, "/do/1/b", "{\"n\":2}");
    forget_trace(h);
    rewind_to(h, "/do/0/a");
    EXPECT("i1 instance-rewinding /do/0/a in={} context={}\n"
           "i1 step-cancelled /do/2/w why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started undo /do/1/b by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":2}}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "undo of /do/1/b", "{}");
    EXPECT("i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b compensated\n"
           "i1 compensation-started undo /do/0/a by=undo out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #2.1 store=s1 contract=1.0.0\n");
    done(h, "undo of /do/0/a", "{}");
    EXPECT("i1 step-result perform #2.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-started /do/0/a#2 in={} out={}\n"
           "i1 step-dispatched /do/0/a#2 perform #2.1 store=s1 contract=1.0.0\n");
    cr_assert(!id_equal(&task(h, "/do/0/a#2")->key, &first), "it would be answered as if done");
    points_expect(h, "/do/0/a /do/0/a#2");
}

SCENARIO(rewind, what_was_done_before_stays)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    done(h, "/do/1/b", "{\"n\":2}");
    forget_trace(h);
    rewind_to(h, "b");
    done(h, "undo of /do/1/b", "{}");
    EXPECT("i1 instance-rewinding /do/1/b in={\"n\":1} context={}\n"
           "i1 step-cancelled /do/2/w why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started undo /do/1/b by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":2}}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b compensated\n"
           "i1 instance-rewound /do/1/b\n"
           "i1 step-started /do/1/b#2 in={\"n\":1} out={\"n\":1}\n"
           "i1 step-dispatched /do/1/b#2 perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "/do/1/b#2", "{\"n\":3}");
    forget_trace(h);
    cancel(h, 1);
    done(h, "undo of /do/1/b#2", "{}");
    done(h, "undo of /do/0/a", "{}");
    EXPECT("i1 instance-cancelling\n"
           "i1 step-cancelled /do/2/w#2 why=cancelled\n"
           "i1 unwinding all to=cancelled\n"
           "i1 compensation-started undo /do/1/b#2 by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":3}}\n"
           "i1 step-dispatched perform #2.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #2.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b#2 compensated\n"
           "i1 compensation-started undo /do/0/a by=undo out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #3.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #3.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-cancelled\n");
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(rewind, an_effect_that_nothing_undoes_forbids_it)
{
    setup(h, "- a: {call: plain@worker}\n- w: {wait: {hours: 1}}\n");
    done(h, "/do/0/a", "{\"n\":1}");
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("> i1 has an effect in the way, which was done, and nothing undoes it: plain of worker "
           "in step "
           "/do/0/a; --force goes back all the same\n");
    rewind_to(h, "w");
    EXPECT("i1 instance-rewinding /do/1/w in={\"n\":1} context={}\n"
           "i1 step-cancelled /do/1/w why=the instance goes back\n"
           "i1 instance-rewound /do/1/w\n"
           "i1 step-started /do/1/w#2 in={\"n\":1}\n");
    rewind_forced(h, "a");
    EXPECT("i1 instance-rewinding /do/0/a forced in={} context={}\n"
           "i1 step-cancelled /do/1/w#2 why=the instance goes back\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-started /do/0/a#2 in={} out={}\n"
           "i1 step-dispatched /do/0/a#2 perform #0.1 store=s1 contract=1.0.0\n");
    done(h, "/do/0/a#2", "{\"n\":1}");
}

SCENARIO(rewind, an_effect_in_flight_that_nothing_undoes_forbids_it)
{
    setup(h, "- a: {call: plain@worker}\n");
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("> i1 has an effect in the way, which is in flight, and nothing would undo it: plain of "
           "worker in "
           "step /do/0/a; --force goes back all the same\n");
    fail(h, "/do/0/a", FAILURE_DATA, MARK_NONE);
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("i1 instance-rewinding /do/0/a in={} context={}\n"
           "i1 step-cancelled /do/0/a why=the instance goes back\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-started /do/0/a#2 in={} out={}\n"
           "i1 step-dispatched /do/0/a#2 perform #0.1 store=s1 contract=1.0.0\n");
    done(h, "/do/0/a#2", "{\"n\":1}");
}

SCENARIO(rewind, what_is_in_flight_is_settled_and_undone_first)
{
    setup(h, "- a: {set: {x: 1}}\n- b: {call: work@worker}\n");
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("i1 instance-rewinding /do/0/a in={} context={}\n"
           "i1 step-cancelled /do/1/b stays why=recalled\n"
           "> recall worker/s1 #0.1\n");
    done(h, "/do/1/b", "{\"n\":2}");
    EXPECT("i1 step-result /do/1/b perform #0.1 done effect=done out={\"n\":2}\n"
           "i1 compensation-registered /do/1/b by=undo unwanted "
           "out={\"input\":{\"x\":1},\"output\":{\"n\":2}}\n"
           "i1 step-cancelled /do/1/b why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started undo /do/1/b by=undo "
           "out={\"input\":{\"x\":1},\"output\":{\"n\":2}}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    rewind_to(h, "a");
    EXPECT("> i1 is going back already\n");
    done(h, "undo of /do/1/b", "{}");
    EXPECT("i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b compensated\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-ran /do/0/a#2 out={\"x\":1}\n"
           "i1 step-started /do/1/b#2 in={\"x\":1} out={\"x\":1}\n"
           "i1 step-dispatched /do/1/b#2 perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "/do/1/b#2", "{\"n\":2}");
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(rewind, what_had_not_begun_needs_no_undoing)
{
    setup(h, "- a: {set: {x: 1}}\n- b: {call: work@worker}\n");
    forget_trace(h);
    rewind_to(h, "a");
    answer(h, "/do/1/b", RESULT_RECALLED);
    EXPECT("i1 instance-rewinding /do/0/a in={} context={}\n"
           "i1 step-cancelled /do/1/b stays why=recalled\n"
           "> recall worker/s1 #0.1\n"
           "i1 step-result /do/1/b perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/1/b why=the instance goes back\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-ran /do/0/a#2 out={\"x\":1}\n"
           "i1 step-started /do/1/b#2 in={\"x\":1} out={\"x\":1}\n"
           "i1 step-dispatched /do/1/b#2 perform #0.1 store=s1 contract=1.0.0\n");
}

SCENARIO(rewind, a_doubt_is_settled_then_undone)
{
    setup(h, "- a: {set: {x: 1}}\n- b: {call: work@worker}\n");
    for (int i = 0; i < 8; i++) {
        fail(h, "/do/1/b", FAILURE_TRANSIENT, MARK_UNKNOWN);
        advance(h, 120000);
    }
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("+960000\n"
           "i1 instance-rewinding /do/0/a in={} context={}\n"
           "i1 step-cancelled /do/1/b why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started settle /do/1/b by=work out={\"x\":1}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "outcome of /do/1/b", "{\"n\":1}");
    done(h, "undo of /do/1/b", "{}");
    EXPECT("i1 step-result perform #1.1 done effect=done out={\"n\":1}\n"
           "i1 compensation-registered /do/1/b of=/do/1/b by=undo "
           "out={\"input\":{\"x\":1},\"output\":{\"n\":1}}\n"
           "i1 compensation-ended /do/1/b done\n"
           "i1 compensation-started undo /do/1/b by=undo "
           "out={\"input\":{\"x\":1},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #2.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #2.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b compensated\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-ran /do/0/a#2 out={\"x\":1}\n"
           "i1 step-started /do/1/b#2 in={\"x\":1} out={\"x\":1}\n"
           "i1 step-dispatched /do/1/b#2 perform #2.1 store=s1 contract=1.0.0\n");
}

SCENARIO(rewind, an_open_gate_is_closed)
{
    setup(h, "- a: {set: {x: 1}}\n"
             "- p: {call: approval, with: {title: ok}}\n");
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("i1 instance-rewinding /do/0/a in={} context={}\n"
           "i1 step-cancelled /do/1/p why=the instance goes back\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-ran /do/0/a#2 out={\"x\":1}\n"
           "i1 step-started /do/1/p#2 in={\"x\":1} out={\"x\":1}\n"
           "i1 gate-opened /do/1/p#2 quality:approval approval r1 out={\"x\":1} "
           "value={\"title\":\"ok\"}\n");
    verdict(h, VERDICT_APPROVE, NULL);
    forget_trace(h);
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(rewind, tasks_in_blocks_get_names_of_their_own)
{
    setup(h, "- a:\n    do:\n      - b: {call: work@worker}\n- w: {wait: {hours: 1}}\n");
    struct id first = task(h, "/do/0/a/do/0/b")->key;
    done(h, "/do/0/a/do/0/b", "{\"n\":1}");
    rewind_to(h, "a");
    done(h, "undo of /do/0/a/do/0/b", "{}");
    forget_trace(h);
    cr_assert(!id_equal(&task(h, "/do/0/a/do/0/b[~2]")->key, &first));
}

SCENARIO(rewind, branches_are_taken_down)
{
    setup(h, "- a: {set: {x: 1}, export: {as: {v: 1}}}\n"
             "- f:\n    fork:\n      branches:\n"
             "        - b: {call: work@worker, export: {as: {v: 2}}}\n"
             "        - l: {listen: {to: {any: [{with: {type: t}}]}}}\n"
             "- w: {wait: {hours: 1}}\n");
    done(h, "/do/1/f/fork/branches/0/b", "{\"n\":1}");
    forget_trace(h);
    rewind_to(h, "f");
    EXPECT("i1 instance-rewinding /do/1/f in={\"x\":1} context={\"v\":1}\n"
           "i1 step-cancelled /do/1/f/fork/branches/1/l why=the instance goes back\n"
           "i1 step-cancelled /do/1/f/fork/branches/1 why=the instance goes back\n"
           "i1 step-cancelled /do/1/f/fork/branches/0 why=the instance goes back\n"
           "i1 step-cancelled /do/1/f why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started undo /do/1/f/fork/branches/0/b by=undo "
           "out={\"input\":{\"x\":1},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "undo of /do/1/f/fork/branches/0/b", "{}");
    EXPECT(
        "i1 step-result perform #1.1 done effect=done out={}\n"
        "i1 compensation-ended /do/1/f/fork/branches/0/b compensated\n"
        "i1 instance-rewound /do/1/f\n"
        "i1 step-started /do/1/f#2 in={\"x\":1}\n"
        "i1 step-started /do/1/f/fork/branches/0/b[~2] in={\"x\":1} out={\"x\":1}\n"
        "i1 step-started /do/1/f/fork/branches/1/l[~2] in={\"x\":1}\n"
        "i1 step-dispatched /do/1/f/fork/branches/0/b[~2] perform #1.1 store=s1 contract=1.0.0\n");
    event(h, "t", "1", "{}");
    done(h, "/do/1/f/fork/branches/0/b[~2]", "{\"n\":1}");
}

SCENARIO(rewind, a_workflow_that_it_runs_is_cancelled)
{
    hello(h, UNDOABLE("keyed"), "s1", 8);
    deploy(h, "document: {dsl: '1.0.3', namespace: test, name: sub, version: '1.0.0'}\n"
              "do:\n- c: {call: work@worker}\n- v: {wait: {hours: 1}}\n");
    deploy_tasks(h, "- a: {set: {x: 1}}\n"
                    "- r: {run: {workflow: {namespace: test, name: sub, version: '1.0.0'}}}\n");
    run(h, "{}");
    done(h, "i2:/do/0/c", "{\"n\":1}");
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("i1 instance-rewinding /do/0/a in={} context={}\n"
           "i1 step-cancelled /do/1/r stays why=cancels what it runs\n"
           "i2 instance-cancelling\n"
           "i2 step-cancelled /do/1/v why=cancelled\n"
           "i2 instance-cancelled\n"
           "i1 compensation-registered of=/do/0/c by=undo "
           "out={\"input\":{\"x\":1},\"output\":{\"n\":1}}\n"
           "i1 child-ended /do/1/r cancelled\n"
           "i1 step-cancelled /do/1/r why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started undo /do/0/c by=undo "
           "out={\"input\":{\"x\":1},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "undo of /do/0/c", "{}");
    EXPECT("i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/c compensated\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-ran /do/0/a#2 out={\"x\":1}\n"
           "i1 step-started /do/1/r#2 in={\"x\":1}\n"
           "i1 child-started /do/1/r#2 runs=test/sub:1.0.0\n"
           "i3 instance-started in={\"x\":1}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/c in={\"x\":1} out={\"x\":1}\n"
           "i3 step-dispatched /do/0/c perform #1.1 store=s1 contract=1.0.0\n");
}

SCENARIO(rewind, a_paused_instance_goes_back_and_stays_paused)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    operate(h, OPERATE_PAUSE, 1);
    done(h, "/do/1/b", "{\"n\":2}");
    forget_trace(h);
    rewind_to(h, "b");
    EXPECT("i1 instance-rewinding /do/1/b in={\"n\":1} context={}\n"
           "i1 step-cancelled /do/1/b why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started undo /do/1/b by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":2}}\n");
    operate(h, OPERATE_RESUME, 1);
    EXPECT("i1 instance-resumed\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "undo of /do/1/b", "{}");
    EXPECT("i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b compensated\n"
           "i1 instance-rewound /do/1/b\n"
           "i1 step-started /do/1/b#2 in={\"n\":1} out={\"n\":1}\n"
           "i1 step-dispatched /do/1/b#2 perform #1.1 store=s1 contract=1.0.0\n");
}

SCENARIO(rewind, it_can_be_cancelled_on_its_way)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    done(h, "/do/1/b", "{\"n\":2}");
    rewind_to(h, "b");
    forget_trace(h);
    cancel(h, 1);
    EXPECT("i1 instance-cancelling\n");
    done(h, "undo of /do/1/b", "{}");
    done(h, "undo of /do/0/a", "{}");
    EXPECT("i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b compensated\n"
           "i1 unwinding all to=cancelled\n"
           "i1 compensation-started undo /do/0/a by=undo out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #2.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #2.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-cancelled\n");
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(rewind, it_can_be_killed_on_its_way)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    rewind_to(h, "b");
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    EXPECT("i1 instance-killed\n"
           "i1 gate-opened /do/1/b in-doubt:killed in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/1/"
           "b\",\"title\":\"the instance was killed while this effect was "
           "open\",\"detail\":\"killed: look outside whether it happened, then say yes or no, for "
           "the record alone: nothing is done or undone; reject leaves it open for good\"}\n");
    done(h, "/do/1/b", "{\"n\":1}");
    EXPECT("i1 step-result /do/1/b perform #0.1 done effect=done out={\"n\":1}\n"
           "i1 compensation-registered /do/1/b by=undo unwanted "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":1}}\n"
           "i1 step-cancelled /do/1/b why=killed\n"
           "i1 instance-cancelled\n");
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(rewind, it_goes_back_again_and_further)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    done(h, "/do/1/b", "{\"n\":2}");
    rewind_to(h, "b");
    done(h, "undo of /do/1/b", "{}");
    done(h, "/do/1/b#2", "{\"n\":3}");
    points_expect(h, "/do/0/a /do/1/b /do/1/b#2 /do/2/w#2");
    forget_trace(h);
    rewind_to(h, "a#1");
    done(h, "undo of /do/1/b#2", "{}");
    done(h, "undo of /do/0/a", "{}");
    EXPECT("i1 instance-rewinding /do/0/a in={} context={}\n"
           "i1 step-cancelled /do/2/w#2 why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started undo /do/1/b#2 by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":3}}\n"
           "i1 step-dispatched perform #2.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #2.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b#2 compensated\n"
           "i1 compensation-started undo /do/0/a by=undo out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #3.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #3.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-started /do/0/a#2 in={} out={}\n"
           "i1 step-dispatched /do/0/a#2 perform #3.1 store=s1 contract=1.0.0\n");
    points_expect(h, "/do/0/a /do/0/a#2");
}

SCENARIO(rewind, a_key_of_its_own_that_was_undone_is_not_used_again)
{
    setup(h, "- a: {call: agent, with: {agent: worker, action: work, idempotencyKey: k}}\n"
             "- w: {wait: {hours: 1}}\n");
    done(h, "/do/0/a", "{\"n\":1}");
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("> i1 has an effect in the way, which has an idempotencyKey of its own, under which it "
           "is not done again once undone: work of worker in step /do/0/a; --force goes back all "
           "the same\n");
    rewind_forced(h, "a");
    forget_trace(h);
    done(h, "undo of /do/0/a", "{}");
    EXPECT("i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-rewound /do/0/a\n"
           "i1 step-faulted /do/0/a#2 "
           "error={\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/"
           "a\",\"title\":\"the effect with this idempotencyKey was done and "
           "undone\",\"detail\":\"give another key to have it done again\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/"
           "a\",\"title\":\"the effect with this idempotencyKey was done and "
           "undone\",\"detail\":\"give another key to have it done again\"}\n");
}

SCENARIO(rewind, a_point_moves_with_the_instance)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    deploy(h, "document: {dsl: '1.0.3', namespace: test, name: flow, version: '1.1.0'}\n"
              "do:\n- z: {set: {z: 1}}\n" TWO);
    fail(h, "/do/1/b", FAILURE_DATA, MARK_NONE);
    migrate(h, 1, "1.1.0");
    forget_trace(h);
    points_expect(h, "/do/1/a /do/2/b");
    rewind_to(h, "a");
    done(h, "undo of /do/0/a", "{}");
    EXPECT("i1 instance-rewinding /do/1/a in={} context={}\n"
           "i1 step-cancelled /do/2/b why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started undo /do/0/a by=undo out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-rewound /do/1/a\n"
           "i1 step-started /do/1/a#2 in={} out={}\n"
           "i1 step-dispatched /do/1/a#2 perform #1.1 store=s1 contract=1.0.0\n");
}

SCENARIO(rewind, the_end_of_a_workflow_is_no_way_back)
{
    setup(h, "- a: {call: work@worker}\n- r: {raise: {error: {type: 'https://x.test/no', status: "
             "400, title: no}}}\n");
    forget_trace(h);
    done(h, "/do/0/a", "{\"n\":1}");
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("> i1 is at its end and undoes what it did\n");
    done(h, "undo of /do/0/a", "{}");
    forget_trace(h);
    rewind_to(h, "a");
    EXPECT("> i1 has ended already\n");
}

/* Its row has only the turn in which the point was entered, and no place in it. */
SCENARIO(rewind, a_doubt_of_the_step_itself_is_settled)
{
    setup(h, TWO);
    done(h, "/do/0/a", "{\"n\":1}");
    rewind_to(h, "b");
    forget_trace(h);
    fail(h, "/do/1/b", FAILURE_TRANSIENT, MARK_UNKNOWN);
    EXPECT("i1 step-result /do/1/b perform #0.1 failed effect=unknown transient:broken\n"
           "i1 step-cancelled /do/1/b why=the instance goes back\n"
           "i1 unwinding all to=go on\n"
           "i1 compensation-started settle /do/1/b by=work out={\"n\":1}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "outcome of /do/1/b", "{\"n\":1}");
    done(h, "undo of /do/1/b", "{}");
    (void)task(h, "/do/1/b#2");
}

/* The harness compares what the journal says after each turn. */
SCENARIO(rewind, what_tasks_give_is_in_the_journal)
{
    hello(h, UNDOABLE("keyed"), "s1", 8);
    deploy(h, "document: {dsl: '1.0.3', namespace: test, name: sub, version: '1.0.0'}\n"
              "do: [{c: {set: {sub: 1}}}]\n");
    deploy_tasks(h, "- fork:\n    fork:\n      branches:\n        - b: {set: {x: 1}}\n"
                    "        - c: {set: {x: 2}, export: {as: {x: 2}}}\n"
                    "- w0: {wait: {seconds: 1}}\n"
                    "- race:\n    fork:\n      compete: true\n      branches:\n"
                    "        - d: {wait: {hours: 1}}\n        - e: {set: {x: 3}}\n"
                    "- w1: {wait: {seconds: 1}}\n"
                    "- loop: {for: {in: '${ [1, 2] }'}, do: [{f: {set: '${ $item }'}}]}\n"
                    "- w2: {wait: {seconds: 1}}\n"
                    "- try:\n    try: [{g: {raise: {error: {type: 'https://x.test/no', status: "
                    "400}}}}]\n    catch: {do: [{k: {wait: {seconds: 1}, export: {as: {c: 1}}}}]}\n"
                    "- w3: {wait: {seconds: 1}}\n"
                    "- run: {run: {workflow: {namespace: test, name: sub, version: '1.0.0'}}}\n"
                    "- w4: {wait: {seconds: 1}}\n"
                    "- call: {call: work@worker}\n"
                    "- w5: {wait: {seconds: 1}}\n"
                    "- listen: {listen: {to: {any: [{with: {type: t}}]}}}\n"
                    "- w6: {wait: {seconds: 1}}\n"
                    "- ask: {call: approval, with: {title: ok}}\n"
                    "- w7: {wait: {seconds: 1}}\n");
    run(h, "{}");
    for (int i = 0; i < 6; i++) {
        advance(h, 1000);
    }
    done(h, "/do/10/call", "{\"n\":1}");
    advance(h, 1000);
    event(h, "t", "1", "{\"v\":1}");
    advance(h, 1000);
    verdict(h, VERDICT_APPROVE, NULL);
    points_expect(h, "/do/0/fork /do/1/w0 /do/2/race /do/3/w1 /do/4/loop /do/5/w2 /do/6/try "
                     "/do/7/w3 /do/8/run /do/9/w4 /do/10/call /do/11/w5 /do/12/listen /do/13/w6 "
                     "/do/14/ask /do/15/w7");
}
