/*
 * Failures by class, answers that are late, foreign or repeated, and sending again.
 */
#include "tests/engine/harness.h"

static void deploy_call(struct harness *h, const char *contract)
{
    hello(h, contract, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
}

SCENARIO(failures, transient_ones_are_retried_with_drawn_delays_and_then_parked)
{
    deploy_call(h, PURE);
    run(h, "{}");
    for (int i = 0; i < 8; i++) {
        fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
        advance(h, 60000);
    }
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 failed effect=none transient:broken\n"
           "i1 step-retry /do/0/w #0.2 at=+418\n"
           "+60000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.2 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.2 failed effect=none transient:broken\n"
           "i1 step-retry /do/0/w #0.3 at=+61927\n"
           "+120000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.3 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.3 failed effect=none transient:broken\n"
           "i1 step-retry /do/0/w #0.4 at=+123353\n"
           "+180000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.4 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.4 failed effect=none transient:broken\n"
           "i1 step-retry /do/0/w #0.5 at=+183886\n"
           "+240000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.5 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.5 failed effect=none transient:broken\n"
           "i1 step-retry /do/0/w #0.6 at=+250988\n"
           "+300000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.6 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.6 failed effect=none transient:broken\n"
           "i1 step-retry /do/0/w #0.7 at=+314098\n"
           "+360000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.7 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.7 failed effect=none transient:broken\n"
           "i1 step-retry /do/0/w #0.8 at=+405309\n"
           "+420000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.8 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.8 failed effect=none transient:broken\n"
           "i1 gate-opened /do/0/w transient:broken parked r1 "
           "error={\"type\":\"err:communication\",\"status\":503,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n");
    cr_expect_eq(h->gate_count, 1);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "/do/0/w", "{}");
    EXPECT("+480000\n"
           "i1 gate-decided /do/0/w approve\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #1.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(failures, the_world_may_ask_for_more_time)
{
    deploy_call(h, PURE);
    run(h, "{}");
    struct sent *sent = task(h, "/do/0/w");
    sent->answered = true;
    struct result_command result = result_of(sent, RESULT_FAILED);
    result.failure.failure_class = FAILURE_TRANSIENT;
    result.failure.effect = MARK_NONE;
    result.failure.retry_after_ms = 90000;
    give(h, &result);
    advance(h, 89999);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 failed effect=none transient:\n"
           "i1 step-retry /do/0/w #0.2 at=+90000\n");
    advance(h, 1);
    done(h, "/do/0/w", "{}");
    EXPECT("+90000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.2 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.2 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(failures, a_transient_failure_can_be_caught_after_its_retries)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- t:\n"
                    "    try: [{w: {call: work@worker}}]\n"
                    "    catch: {errors: {with: {status: 503}}, as: e,\n"
                    "            do: [{c: {set: {t: '${ $e.title }'}}}]}\n");
    run(h, "{}");
    for (int i = 0; i < 8; i++) {
        fail(h, "/do/0/t/try/0/w", FAILURE_TRANSIENT, MARK_NONE);
        advance(h, 60000);
    }
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(h->gate_count, 0);
}

SCENARIO(failures, data_opens_a_gate_that_is_edited_rejected_or_tried_again)
{
    deploy_call(h, PURE);
    run(h, "{\"a\":1}");
    fail(h, "/do/0/w", FAILURE_DATA, MARK_NONE);
    struct id old = h->sent[0].key;
    verdict(h, VERDICT_EDIT, "{\"a\":2}");
    cr_expect_not(id_equal(&old, &task(h, "/do/0/w#2")->key));
    done(h, "/do/0/w#2", "{}");
    EXPECT("i1 instance-started in={\"a\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"a\":1} out={\"a\":1}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 failed effect=none data:broken\n"
           "i1 gate-opened /do/0/w data:broken data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 gate-decided /do/0/w edit value={\"a\":2}\n"
           "i1 step-dispatched /do/0/w#2 decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w#2 decide #1.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w#2 ^\n"
           "i1 instance-completed out={}\n");
    run(h, "{\"a\":1}");
    fail(h, "/do/0/w", FAILURE_DATA, MARK_NONE);
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("i2 instance-started in={\"a\":1}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={\"a\":1} out={\"a\":1}\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i2 step-result /do/0/w decide #0.1 failed effect=none data:broken\n"
           "i2 gate-opened /do/0/w data:broken data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i2 gate-decided /do/0/w reject\n"
           "i2 step-faulted /do/0/w "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i2 instance-faulted "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n");
    run(h, "{\"a\":1}");
    fail(h, "/do/0/w", FAILURE_DATA, MARK_NONE);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_str_eq(task(h, "/do/0/w")->input, "{\"a\":1}");
    done(h, "/do/0/w", "{}");
    EXPECT("i3 instance-started in={\"a\":1}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/w in={\"a\":1} out={\"a\":1}\n"
           "i3 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i3 step-result /do/0/w decide #0.1 failed effect=none data:broken\n"
           "i3 gate-opened /do/0/w data:broken data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i3 gate-decided /do/0/w approve\n"
           "i3 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n"
           "i3 step-result /do/0/w decide #1.1 done effect=none out={}\n"
           "i3 step-completed /do/0/w ^\n"
           "i3 instance-completed out={}\n");
}

SCENARIO(failures, a_rejection_can_be_caught)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- t:\n"
                    "    try: [{w: {call: work@worker}}]\n"
                    "    catch: {errors: {with: {status: 499}}}\n");
    run(h, "{}");
    fail(h, "/do/0/t/try/0/w", FAILURE_DATA, MARK_NONE);
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/t/try/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/t/try/0/w decide #0.1 failed effect=none data:broken\n"
           "i1 gate-opened /do/0/t/try/0/w data:broken data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 gate-decided /do/0/t/try/0/w reject\n"
           "i1 step-faulted /do/0/t/try/0/w "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 step-faulted /do/0/t "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n");
}

SCENARIO(failures, unknown_effects_are_repeated_when_keyed_and_asked_when_manual)
{
    deploy_call(h, KEYED);
    run(h, "{}");
    struct id key = task(h, "/do/0/w")->key;
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    advance(h, 1000);
    cr_expect(id_equal(&key, &task(h, "/do/0/w")->key));
    done(h, "/do/0/w", "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.1 failed effect=unknown transient:broken\n"
           "i1 step-retry /do/0/w #0.2 at=+418\n"
           "+1000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w perform #0.2 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.2 done effect=done out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(failures, an_unknown_manual_effect_is_asked_about)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    verdict(h, VERDICT_NO, NULL);
    done(h, "/do/0/w", "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.1 failed effect=unknown transient:broken\n"
           "i1 gate-opened /do/0/w transient:broken in-doubt r1 "
           "error={\"type\":\"err:communication\",\"status\":503,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 gate-decided /do/0/w no\n"
           "i1 step-dispatched /do/0/w perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #1.1 done effect=done out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={} out={}\n"
           "i2 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i2 step-result /do/0/w perform #0.1 failed effect=unknown in-doubt:broken\n"
           "i2 gate-opened /do/0/w in-doubt:broken in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/w\",\"title\":\"it "
           "broke\",\"detail\":\"broken\"}\n"
           "i2 gate-decided /do/0/w reject\n"
           "i2 step-faulted /do/0/w "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/w\",\"title\":\"it "
           "broke\",\"detail\":\"broken\"}\n"
           "i2 instance-faulted "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/w\",\"title\":\"it "
           "broke\",\"detail\":\"broken\"}\n");
    cr_expect_eq(open_instances(h), 0);
}

/* The doubt about the first input stays on record and does not keep the instance. */
SCENARIO(failures, a_doubt_that_is_edited_gets_a_new_name)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    forget_trace(h);
    verdict(h, VERDICT_EDIT, "{\"k\":1}");
    done(h, "/do/0/w#2", "{}");
    EXPECT("i1 gate-decided /do/0/w edit value={\"k\":1}\n"
           "i1 step-dispatched /do/0/w#2 perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w#2 perform #1.1 done effect=done out={}\n"
           "i1 step-completed /do/0/w#2 ^\n"
           "i1 instance-completed out={}\n");
    cr_expect_eq(open_instances(h), 0);
}

/* A doubt is never handed to a catch: first a person says what happened. */
SCENARIO(failures, a_doubt_is_not_caught)
{
    hello(h, MANUAL, "s1", 4);
    deploy_tasks(h, "- t: {try: [{w: {call: work@worker}}], catch: {}}\n");
    run(h, "{}");
    fail(h, "/do/0/t/try/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    cr_expect_eq(h->gate_count, 1);
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/t/try/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/t/try/0/w perform #0.1 failed effect=unknown in-doubt:broken\n"
           "i1 gate-opened /do/0/t/try/0/w in-doubt:broken in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 gate-decided /do/0/t/try/0/w reject\n"
           "i1 step-faulted /do/0/t/try/0/w "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"} "
           "value={\"error\":{\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(failures, budget_is_parked)
{
    deploy_call(h, PURE);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_BUDGET, MARK_NONE);
    forget_trace(h);
    cr_expect_eq(h->gate_count, 1);
    cancel(h, 1);
    EXPECT("i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/w why=cancelled\n"
           "i1 instance-cancelled\n");
}

/* An action may stop at its deadline, or because its agent shuts down, before the engine's timer
 * says so: nobody cancelled the step, so nobody is asked either. */
SCENARIO(failures, what_stops_without_anybody_cancelling_it_runs_again)
{
    deploy_call(h, PURE);
    run(h, "{}");
    forget_trace(h);
    fail(h, "/do/0/w", FAILURE_CANCELLED, MARK_NONE);
    cr_expect_eq(h->gate_count, 0);
    advance(h, 60000);
    done(h, "/do/0/w", "{}");
    EXPECT("i1 step-result /do/0/w decide #0.1 failed effect=none cancelled:broken\n"
           "i1 step-retry /do/0/w #0.2 at=+418\n"
           "+60000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.2 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.2 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
    cr_expect_eq(open_instances(h), 0);
}

/* The outside honours the key: asking again is the way to find out. */
SCENARIO(failures, a_doubt_about_a_keyed_effect_is_repeated_with_its_key)
{
    deploy_call(h, KEYED);
    run(h, "{}");
    forget_trace(h);
    fail(h, "/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    cr_expect_eq(h->gate_count, 0);
    advance(h, 60000);
    done(h, "/do/0/w", "{}");
    EXPECT("i1 step-result /do/0/w perform #0.1 failed effect=unknown in-doubt:broken\n"
           "i1 step-retry /do/0/w #0.2 at=+418\n"
           "+60000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w perform #0.2 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.2 done effect=done out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(failures, a_gate_is_decided_once_and_only_as_it_stands)
{
    deploy_call(h, PURE);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_DATA, MARK_NONE);
    forget_trace(h);
    struct command command = {.kind = COMMAND_VERDICT,
                              .token = 1,
                              .verdict = {.gate = h->gates[0],
                                          .verdict = VERDICT_APPROVE,
                                          .revision = 2,
                                          .reason = "",
                                          .person = "ann"}};
    harness_begin(h);
    harness_command(h, &command);
    harness_end(h);
    cr_expect_eq(h->reply, ERR_CONFLICT);
    command.verdict.revision = 1;
    command.verdict.has_digest = true;
    harness_begin(h);
    harness_command(h, &command);
    harness_end(h);
    cr_expect_eq(h->reply, ERR_CONFLICT);
    command.verdict.has_digest = false;
    harness_begin(h);
    harness_command(h, &command);
    harness_end(h);
    cr_expect_eq(h->reply, ERR_OK);
    harness_begin(h);
    harness_command(h, &command);
    harness_end(h);
    cr_expect_eq(h->reply, ERR_NOT_FOUND);
    done(h, "/do/0/w", "{}");
    forget_trace(h);
}

SCENARIO(failures, an_expired_gate_is_asked_anew)
{
    deploy_call(h, PURE);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_DATA, MARK_NONE);
    advance(h, 91LL * 86400 * 1000);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->reply, ERR_CONFLICT);
    cr_expect_eq(h->gate_count, 2);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "/do/0/w", "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 failed effect=none data:broken\n"
           "i1 gate-opened /do/0/w data:broken data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "+7862400000\n"
           "i1 gate-opened /do/0/w data:broken data r2 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "> conflict: the gate had expired and was opened anew, look again\n"
           "i1 gate-decided /do/0/w approve\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #1.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(failures, answers_that_do_not_fit_change_nothing)
{
    deploy_call(h, PURE);
    run(h, "{}");
    forget_trace(h);
    struct doc *output = doc_of_json(json_object());
    struct result_command wrong[7];
    for (int i = 0; i < 7; i++) {
        wrong[i] = result_of(task(h, "/do/0/w"), RESULT_DONE);
        wrong[i].output = output;
    }
    wrong[0].attempt++;
    wrong[1].phase = PHASE_PERFORM;
    wrong[2].store = "s2";
    wrong[3].agent = "other";
    wrong[4].key.bytes[3] ^= 1;
    wrong[5].input_digest.bytes[0] ^= 1;
    wrong[6].instance.bytes[9] ^= 1;
    give_once(h, &wrong[3]); /* the two lies are kept */
    give_once(h, &wrong[5]);
    cr_expect_eq(table_rows(h, 'Z'), 2);
    forget_trace(h);
    for (int i = 0; i < 7; i++) {
        if (i != 3 && i != 5) {
            give(h, &wrong[i]);
        }
    }
    EXPECT("");
    cr_expect_eq(h->restarts || engine_counters(turn_engine(h->turn))->stale_results >= 7, true);
    done(h, "/do/0/w", "{}");
    struct result_command late = result_of(&h->sent[0], RESULT_DONE);
    late.output = output;
    give(h, &late);
    doc_unref(&output);
    EXPECT("i1 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(failures, a_store_may_give_a_task_back)
{
    deploy_call(h, KEYED);
    run(h, "{}");
    answer(h, "/do/0/w", RESULT_RECALLED);
    done(h, "/do/0/w", "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.1 failed effect=none\n"
           "i1 step-ready /do/0/w\n"
           "i1 step-dispatched /do/0/w perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #1.1 done effect=done out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

Test(failures, a_running_task_is_left_alone)
{
    struct harness *h = harness_create();
    deploy_call(h, PURE);
    run(h, "{}");
    forget_trace(h);
    answer(h, "/do/0/w", RESULT_RUNNING);
    EXPECT("");
    done(h, "/do/0/w", "{}");
    cr_expect_eq(open_instances(h), 0);
    harness_destroy(&h);
}

Test(failures, silence_is_answered_by_sending_again_at_doubling_times)
{
    struct harness *h = harness_create();
    deploy_call(h, PURE);
    run(h, "{}");
    static const int64_t waits[] = {30000, 60000, 120000, 240000, 480000, 600000, 600000};
    for (unsigned i = 0; i < 7; i++) {
        advance(h, waits[i] - 1);
        cr_expect_eq(task(h, "/do/0/w")->again, i);
        advance(h, 1);
        cr_expect_eq(task(h, "/do/0/w")->again, i + 1);
    }
    done(h, "/do/0/w", "{}");
    advance(h, 3600000);
    cr_expect_eq(turn_next_due(h->turn), INT64_MAX);
    harness_destroy(&h);
}

/* A task given back and sent anew, or a proposal that is performed, has one watch of its own. */
Test(failures, a_task_sent_anew_is_watched_once)
{
    struct harness *h = harness_create();
    deploy_call(h, BOTH);
    run(h, "{}");
    advance(h, 10000);
    answer(h, "/do/0/w", RESULT_RECALLED);
    advance(h, 10000);
    done(h, "/do/0/w", "{}");
    advance(h, 10000);
    cr_expect_eq(task(h, "/do/0/w")->again, 0);
    advance(h, 20000);
    cr_expect_eq(task(h, "/do/0/w")->again, 1);
    advance(h, 30000);
    cr_expect_eq(task(h, "/do/0/w")->again, 1);
    harness_destroy(&h);
}

Test(failures, a_new_session_gets_its_tasks_again)
{
    struct harness *h = harness_create();
    deploy_call(h, PURE);
    run(h, "{}");
    hello_session(h, PURE, "s1", 4, 2);
    cr_expect_eq(task(h, "/do/0/w")->again, 1);
    leave(h, "worker", "s1");
    hello_session(h, PURE, "s2", 4, 1);
    cr_expect_eq(task(h, "/do/0/w")->again, 1);
    done(h, "/do/0/w", "{}");
    cr_expect_eq(open_instances(h), 0);
    harness_destroy(&h);
}

Test(failures, a_store_that_left_gets_nothing_new)
{
    struct harness *h = harness_create();
    deploy_call(h, PURE);
    leave(h, "worker", "s1");
    run(h, "{}");
    cr_expect_eq(h->sent_count, 0);
    advance(h, 40000);
    hello_session(h, PURE, "s1", 4, 2);
    cr_expect_eq(h->sent_count, 1);
    harness_destroy(&h);
}
