/*
 * Cancelling: what is in flight is recalled and settled, nothing is forgotten.
 */
#include "tests/engine/harness.h"

static void deploy_call(struct harness *h, const char *contract)
{
    hello(h, contract, "s1", 4);
    deploy_tasks(h, "- t: {try: [{w: {call: work@worker}}], catch: {}}\n"
                    "- a: {set: {never: true}}\n");
}

SCENARIO(cancelling, a_ready_step_is_taken_down)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    cancel(h, 1);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/w why=cancelled\n"
           "i1 instance-cancelled\n");
    cancel(h, 1);
    EXPECT("> conflict: instance 0000188a0dce5c285c5624f55fa1000c has ended already\n");
}

SCENARIO(cancelling, a_waiting_listen_leaves_no_listener)
{
    deploy_tasks(h, "- l: {listen: {to: {any: [{with: {type: a}}, {with: {type: b}}]}}}\n");
    run(h, "{}");
    cr_expect_eq(table_rows(h, 'L'), 2);
    cancel(h, 1);
    event(h, "a", "1", "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/l why=cancelled\n"
           "i1 instance-cancelled\n"
           "event-accepted type=a\n"
           "event-buffered type=a\n"
           "> kept\n");
}

SCENARIO(cancelling, a_pure_task_is_recalled_and_not_waited_for)
{
    deploy_call(h, PURE);
    run(h, "{}");
    cancel(h, 1);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/t/try/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/t/try/0/w why=cancelled\n"
           "i1 step-cancelled /do/0/t why=cancelled\n"
           "i1 instance-cancelled\n"
           "> recall worker/s1 #0.1\n");
    answer(h, "/do/0/t/try/0/w", RESULT_RECALLED);
    EXPECT("");
}

SCENARIO(cancelling, an_effect_that_was_not_started_is_recalled)
{
    deploy_call(h, KEYED);
    run(h, "{}");
    cancel(h, 1);
    cancel(h, 1);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/t/try/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/t/try/0/w stays why=recalled\n"
           "> recall worker/s1 #0.1\n");
    answer(h, "/do/0/t/try/0/w", RESULT_RECALLED);
    EXPECT("i1 step-result /do/0/t/try/0/w perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/0/t/try/0/w why=cancelled\n"
           "i1 step-cancelled /do/0/t why=cancelled\n"
           "i1 instance-cancelled\n");
}

SCENARIO(cancelling, an_effect_that_happened_is_on_record)
{
    deploy_call(h, KEYED);
    run(h, "{}");
    cancel(h, 1);
    forget_trace(h);
    done(h, "/do/0/t/try/0/w", "{\"n\":1}");
    EXPECT("i1 step-result /do/0/t/try/0/w perform #0.1 done effect=done out={\"n\":1}\n"
           "i1 step-cancelled /do/0/t/try/0/w why=cancelled\n"
           "i1 step-cancelled /do/0/t why=cancelled\n"
           "i1 instance-cancelled\n");
}

SCENARIO(cancelling, a_gate_is_closed)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    cancel(h, 1);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 failed effect=none contract:broken\n"
           "i1 gate-opened /do/0/w contract:broken parked r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/w why=cancelled\n"
           "i1 instance-cancelled\n");
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->reply, ERR_NOT_FOUND);
    forget_trace(h);
}

SCENARIO(cancelling, nobody_is_refused)
{
    deploy_tasks(h, "- a: {set: {x: 1}}\n");
    h->instances[0].bytes[5] = 1;
    struct command command = {
        .kind = COMMAND_CANCEL,
        .token = 1,
        .cancel = {.instance = h->instances[0], .reason = "stop", .person = "ann"}};
    harness_begin(h);
    harness_command(h, &command);
    harness_end(h);
    cr_expect_eq(h->reply, ERR_NOT_FOUND);
    forget_trace(h);
}

/* A doubt does not keep a cancelled instance: it stays on record. */
SCENARIO(cancelling, an_effect_in_doubt_is_left_on_record)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    cancel(h, 1);
    forget_trace(h);
    fail(h, "/do/0/t/try/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    EXPECT("i1 step-result /do/0/t/try/0/w perform #0.1 failed effect=unknown in-doubt:broken\n"
           "i1 step-cancelled /do/0/t/try/0/w why=cancelled\n"
           "i1 step-cancelled /do/0/t why=cancelled\n"
           "i1 instance-cancelled\n");
}

/* The first attempt was given up, but it did happen. */
SCENARIO(cancelling, a_late_effect_enters_the_ledger)
{
    deploy_call(h, KEYED);
    run(h, "{}");
    struct sent sent = *task(h, "/do/0/t/try/0/w");
    fail(h, "/do/0/t/try/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    forget_trace(h);
    struct result_command late = result_of(&sent, RESULT_DONE);
    late.output = doc_of_json(json_object());
    give(h, &late);
    doc_unref(&late.output);
    EXPECT("i1 effect-late\n");
    cancel(h, 1);
    EXPECT("i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/t/try/0/w why=cancelled\n"
           "i1 step-cancelled /do/0/t why=cancelled\n"
           "i1 instance-cancelled\n");
}

SCENARIO(cancelling, a_timeout_that_waits_for_its_effect_may_be_cancelled)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, timeout: {after: PT3S}}\n");
    run(h, "{}");
    advance(h, 3000);
    cancel(h, 1);
    answer(h, "/do/0/w", RESULT_RECALLED);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w at=+3000 in={} out={}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "+3000\n"
           "i1 step-cancelled /do/0/w stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "> recall worker/s1 #0.1\n"
           "i1 instance-cancelling\n"
           "i1 step-result /do/0/w perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/0/w why=cancelled\n"
           "i1 instance-cancelled\n");
}
