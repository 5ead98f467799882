/*
 * Waits, timers and timeouts.
 */
#include <string.h>

#include "tests/engine/harness.h"

SCENARIO(time, waits_end_in_order_of_their_time)
{
    deploy_tasks(h, "- w: {wait: '${ .s }'}\n"
                    "- a: {set: {after: '${ . }'}}\n");
    run(h, "{\"s\":\"PT30S\"}");
    run(h, "{\"s\":\"PT10S\"}");
    run(h, "{\"s\":\"PT20S\"}");
    cr_expect_eq(turn_next_due(h->turn), h->now + 10000);
    for (int i = 0; i < 3; i++) {
        advance(h, 10000);
    }
    EXPECT("i1 instance-started in={\"s\":\"PT30S\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"s\":\"PT30S\"}\n"
           "i2 instance-started in={\"s\":\"PT10S\"}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={\"s\":\"PT10S\"}\n"
           "i3 instance-started in={\"s\":\"PT20S\"}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/w in={\"s\":\"PT20S\"}\n"
           "+10000\n"
           "i2 timer-fired /do/0/w\n"
           "i2 step-completed /do/0/w\n"
           "i2 step-ran /do/1/a ^ out={\"after\":{\"s\":\"PT10S\"}}\n"
           "i2 instance-completed out={\"after\":{\"s\":\"PT10S\"}}\n"
           "+20000\n"
           "i3 timer-fired /do/0/w\n"
           "i3 step-completed /do/0/w\n"
           "i3 step-ran /do/1/a ^ out={\"after\":{\"s\":\"PT20S\"}}\n"
           "i3 instance-completed out={\"after\":{\"s\":\"PT20S\"}}\n"
           "+30000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-completed /do/0/w\n"
           "i1 step-ran /do/1/a ^ out={\"after\":{\"s\":\"PT30S\"}}\n"
           "i1 instance-completed out={\"after\":{\"s\":\"PT30S\"}}\n");
}

SCENARIO(time, a_late_timer_fires_once)
{
    deploy_tasks(h, "- w: {wait: PT1S}\n"
                    "- v: {wait: PT1S}\n");
    run(h, "{}");
    advance(h, 3600000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={}\n"
           "+3600000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-completed /do/0/w\n"
           "i1 step-started /do/1/v in={}\n");
    advance(h, 999);
    advance(h, 1);
    EXPECT("+3601000\n"
           "i1 timer-fired /do/1/v\n"
           "i1 step-completed /do/1/v ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(time, now_never_goes_back)
{
    deploy_tasks(h, "- w: {wait: PT1S}\n");
    run(h, "{}");
    h->now -= 500;
    tick(h);
    advance(h, 1500);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={}\n"
           "+1000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(time, a_task_timeout_takes_down_what_is_below)
{
    deploy_tasks(h, "- d:\n"
                    "    timeout: {after: PT5S}\n"
                    "    do:\n"
                    "      - l: {listen: {to: {one: {with: {type: never}}}}}\n"
                    "- a: {set: {never: true}}\n");
    run(h, "{}");
    advance(h, 5000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/d at=+5000 in={}\n"
           "i1 step-started /do/0/d/do/0/l in={}\n"
           "+5000\n"
           "i1 step-cancelled /do/0/d stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/d/do/0/l why=timed out\n"
           "i1 step-faulted /do/0/d "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"}\n");
}

SCENARIO(time, a_timeout_can_be_caught)
{
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - w: {wait: PT1H, timeout: {after: '${ .after }'}}\n"
                    "    catch:\n"
                    "      errors: {with: {status: 408}}\n"
                    "      do: [{c: {set: {late: '${ $error.instance }'}}}]\n");
    run(h, "{\"after\":\"PT2S\"}");
    advance(h, 2000);
    EXPECT("i1 instance-started in={\"after\":\"PT2S\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={\"after\":\"PT2S\"}\n"
           "i1 step-started /do/0/t/try/0/w at=+2000 in={\"after\":\"PT2S\"}\n"
           "+2000\n"
           "i1 step-cancelled /do/0/t/try/0/w stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-faulted /do/0/t/try/0/w "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"the task took longer than its timeout\"} "
           "value={\"error\":{\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"late\":\"/do/0/t/try/0/w\"}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={\"late\":\"/do/0/t/try/0/w\"}\n");
}

SCENARIO(time, a_workflow_timeout_ends_the_instance)
{
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0}\n"
              "timeout: {after: PT10S}\n"
              "do:\n"
              "  - t: {try: [{w: {wait: PT1H}}], catch: {}}\n");
    run(h, "{}");
    advance(h, 10000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered at=+10000\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/w in={}\n"
           "+10000\n"
           "i1 step-cancelled stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/\",\"title\":\"the "
           "workflow took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/t/try/0/w why=timed out\n"
           "i1 step-cancelled /do/0/t why=timed out\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/\",\"title\":\"the "
           "workflow took longer than its timeout\"}\n");
}

SCENARIO(time, a_pure_call_that_times_out_is_recalled_and_forgotten)
{
    hello(h, PURE, "s1", 1);
    deploy_tasks(h, "- t:\n"
                    "    try: [{w: {call: 'work@worker', timeout: {after: PT3S}}}]\n"
                    "    catch: {}\n");
    run(h, "{}");
    advance(h, 3000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/w at=+3000 in={} out={}\n"
           "i1 step-dispatched /do/0/t/try/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "+3000\n"
           "i1 step-faulted /do/0/t/try/0/w "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"the task took longer than its timeout\"} "
           "value={\"error\":{\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={}\n"
           "> recall worker/s1 #0.1\n");
    cr_expect_eq(h->recalls, 1);
    done(h, "/do/0/t/try/0/w", "{}");
    EXPECT("");
}

SCENARIO(time, an_effect_that_times_out_is_settled_first)
{
    hello(h, KEYED, "s1", 4);
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0}\n"
              "timeout: {after: PT10S}\n"
              "do:\n"
              "  - w: {call: 'work@worker'}\n");
    run(h, "{}");
    advance(h, 10000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered at=+10000\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "+10000\n"
           "i1 step-cancelled stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/\",\"title\":\"the "
           "workflow took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/w stays why=recalled\n"
           "> recall worker/s1 #0.1\n");
    done(h, "/do/0/w", "{}");
    EXPECT("i1 step-result /do/0/w perform #0.1 done effect=done out={}\n"
           "i1 step-cancelled /do/0/w why=timed out\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/\",\"title\":\"the "
           "workflow took longer than its timeout\"}\n");
}

SCENARIO(time, a_ready_call_that_times_out_leaves_the_queue)
{
    deploy_tasks(h, "- w: {call: 'work@worker', timeout: {after: PT3S}}\n");
    run(h, "{}");
    advance(h, 3000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w at=+3000 in={} out={}\n"
           "+3000\n"
           "i1 step-cancelled /do/0/w stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-faulted /do/0/w "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}\n");
    hello(h, PURE, "s1", 1);
    EXPECT("");
}

/* Nobody starts an effect that is being taken back: what is sent again is the recall. */
SCENARIO(time, a_recall_is_sent_again_and_not_the_task)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- w: {call: 'work@worker', timeout: {after: PT3S}}\n");
    run(h, "{}");
    advance(h, 3000);
    unsigned recalls = h->recalls;
    unsigned again = task(h, "/do/0/w")->again;
    advance(h, 40000);
    hello_session(h, KEYED, "s1", 4, 2);
    cr_expect_geq(h->recalls, recalls + 2);
    cr_expect_eq(task(h, "/do/0/w")->again, again);
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
           "+43000\n"
           "i1 step-result /do/0/w perform #0.1 failed effect=none\n"
           "i1 step-faulted /do/0/w "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}\n");
}

/* The answer to the recall may be that nobody knows: that stays on record and the instance ends. */
SCENARIO(time, a_doubt_that_times_out_does_not_keep_the_instance)
{
    hello(h, MANUAL, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, timeout: {after: PT3S}}\n");
    run(h, "{}");
    advance(h, 3000);
    forget_trace(h);
    fail(h, "/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    EXPECT("i1 step-result /do/0/w perform #0.1 failed effect=unknown in-doubt:broken\n"
           "i1 step-faulted /do/0/w "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the task took longer than its timeout\"}\n");
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(time, a_wait_may_last_ten_years)
{
    deploy_tasks(h, "- w: {wait: '${ .s }'}\n");
    run(h, "{\"s\":\"P3650D\"}");
    cr_expect_eq(turn_next_due(h->turn), h->now + INT64_C(3650) * 86400000);
    run(h, "{\"s\":\"P3661D\"}");
    cr_expect_eq(open_instances(h), 1);
    cr_expect_not_null(strstr(h->trace.data, "a wait may last ten years"));
    advance(h, INT64_C(3650) * 86400000);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(time, what_is_due_in_one_turn_fires_in_order_of_its_time)
{
    deploy_tasks(h, "- w: {wait: '${ .s }'}\n"
                    "- a: {emit: {event: {with: {type: woke, data: '${ . }'}}}}\n");
    run(h, "{\"s\":\"PT0.003S\"}");
    run(h, "{\"s\":\"PT0.001S\"}");
    run(h, "{\"s\":\"PT0.002S\"}");
    forget_trace(h);
    advance(h, 3600000); /* all of them late */
    static const char *const order[] = {"i2 timer-fired", "i3 timer-fired", "i1 timer-fired"};
    const char *at = h->trace.data;
    for (size_t i = 0; i < 3; i++) {
        at = at == NULL ? NULL : strstr(at, order[i]);
        cr_expect_not_null(at, "%s is not next", order[i]);
    }
    forget_trace(h);
}
