/*
 * What an operator asks of instances: pause, resume, retry, kill, restart.
 */
#include "tests/engine/harness.h"

/* ---- pause and resume ---- */

SCENARIO(operate, a_paused_timer_fires_late)
{
    deploy_tasks(h, "- w: {wait: {seconds: 10}}\n");
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    advance(h, 60000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={}\n"
           "i1 instance-paused\n");
    operate(h, OPERATE_PAUSE, 1);
    EXPECT("> i1 is paused already\n");
    operate(h, OPERATE_RESUME, 1);
    tick(h);
    EXPECT("+60000\n"
           "i1 instance-resumed\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
    operate(h, OPERATE_RESUME, 1);
    EXPECT("> i1 has ended already\n");
}

SCENARIO(operate, a_paused_deadline_comes_late)
{
    deploy_tasks(h, "- l: {listen: {to: {any: [{with: {type: a}}]}}, timeout: {after: {seconds: "
                    "5}}}\n");
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    advance(h, 60000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l at=+5000 in={}\n"
           "i1 instance-paused\n");
    operate(h, OPERATE_RESUME, 1);
    tick(h);
    EXPECT("+60000\n"
           "i1 instance-resumed\n"
           "i1 step-cancelled /do/0/l stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-faulted /do/0/l "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the task took longer than its timeout\"}\n");
}

SCENARIO(operate, a_paused_listen_takes_its_event)
{
    deploy_tasks(h, "- l: {listen: {to: {any: [{with: {type: a}}]}}}\n- s: {set: {x: 1}}\n");
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    forget_trace(h);
    event(h, "a", "1", "{\"n\":1}");
    EXPECT("event-accepted type=a\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={\"n\":1}\n"
           "> continued\n");
    operate(h, OPERATE_RESUME, 1);
    EXPECT("i1 instance-resumed\n"
           "i1 step-completed /do/0/l\n"
           "i1 step-ran /do/1/s ^ out={\"x\":1}\n"
           "i1 instance-completed out={\"x\":1}\n");
}

SCENARIO(operate, a_paused_step_keeps_its_result)
{
    deploy_tasks(h, "- w: {call: work@worker}\n- x: {call: work@worker}\n");
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    forget_trace(h);
    done(h, "/do/0/w", "{\"n\":1}");
    EXPECT("i1 step-result /do/0/w decide #0.1 done effect=none out={\"n\":1}\n");
    operate(h, OPERATE_RESUME, 1);
    EXPECT("i1 instance-resumed\n"
           "i1 step-completed /do/0/w\n"
           "i1 step-started /do/1/x in={\"n\":1} out={\"n\":1}\n"
           "i1 step-dispatched /do/1/x decide #0.1 store=s1 contract=1.0.0\n");
}

SCENARIO(operate, a_paused_ready_step_stays_ready)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 instance-paused\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={} out={}\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    done(h, "i2:/do/0/w", "{}");
    forget_trace(h);
    operate(h, OPERATE_RESUME, 1);
    EXPECT("i1 instance-resumed\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
}

SCENARIO(operate, a_proposal_is_performed_after_the_pause)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, BOTH, "s1", 4);
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    forget_trace(h);
    done(h, "/do/0/w", "{}");
    EXPECT("i1 step-result /do/0/w decide #0.1 done effect=none out={}\n");
    operate(h, OPERATE_RESUME, 1);
    EXPECT("i1 instance-resumed\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n");
}

SCENARIO(operate, a_retry_waits_for_the_end_of_the_pause)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
    advance(h, 120000);
    forget_trace(h);
    operate(h, OPERATE_RESUME, 1);
    tick(h);
    EXPECT("+120000\n"
           "i1 instance-resumed\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.2 store=s1 contract=1.0.0\n");
}

SCENARIO(operate, a_verdict_on_a_paused_gate_is_kept)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    operate(h, OPERATE_PAUSE, 1);
    forget_trace(h);
    verdict(h, VERDICT_APPROVE, NULL);
    EXPECT("i1 gate-decided /do/0/w approve\n");
    operate(h, OPERATE_RESUME, 1);
    EXPECT("i1 instance-resumed\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n");
}

SCENARIO(operate, branches_pause_together)
{
    deploy_tasks(h, "- f: {fork: {branches: [{a: {do: [{x: {call: work@worker}}, {y: {set: {q: "
                    "1}}}]}}, {b: {do: [{z: {wait: {seconds: 1}}}]}}]}}\n");
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    forget_trace(h);
    done(h, "/do/0/f/fork/branches/0/a/do/0/x", "{}");
    advance(h, 5000);
    EXPECT("i1 step-result /do/0/f/fork/branches/0/a/do/0/x decide #0.1 done effect=none out={}\n");
    operate(h, OPERATE_RESUME, 1);
    tick(h);
    EXPECT("+5000\n"
           "i1 instance-resumed\n"
           "i1 step-completed /do/0/f/fork/branches/0/a/do/0/x\n"
           "i1 step-ran /do/0/f/fork/branches/0/a/do/1/y ^ out={\"q\":1}\n"
           "i1 step-completed /do/0/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 timer-fired /do/0/f/fork/branches/1/b/do/0/z\n"
           "i1 step-completed /do/0/f/fork/branches/1/b/do/0/z ^\n"
           "i1 step-completed /do/0/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 branches-joined /do/0/f\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out=[{\"q\":1},{}]\n");
}

static void deploy_child(struct harness *h, const char *contract)
{
    hello(h, contract, "s1", 4);
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: child, version: 1.0.0}\n"
              "do: [{w: {call: work@worker}}, {s: {set: {x: 1}}}]\n");
    deploy_tasks(h, "- r: {run: {workflow: {namespace: test, name: child, version: 1.0.0}}}\n");
}

SCENARIO(operate, what_it_runs_is_paused_and_resumed_too)
{
    deploy_child(h, PURE);
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_PAUSE, 1);
    done(h, "i2:/do/0/w", "{}");
    EXPECT("i1 instance-paused\n"
           "i2 instance-paused\n"
           "i2 step-result /do/0/w decide #0.1 done effect=none out={}\n");
    operate(h, OPERATE_RESUME, 1);
    EXPECT("i2 instance-resumed\n"
           "i2 step-completed /do/0/w\n"
           "i2 step-ran /do/1/s ^ out={\"x\":1}\n"
           "i2 instance-completed out={\"x\":1}\n"
           "i1 instance-resumed\n"
           "i1 child-ended /do/0/r completed out={\"x\":1}\n"
           "i1 step-completed /do/0/r ^\n"
           "i1 instance-completed out={\"x\":1}\n");
}

SCENARIO(operate, a_paused_instance_can_be_cancelled)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, KEYED, "s1", 4);
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    forget_trace(h);
    operate(h, OPERATE_CANCEL, 1);
    operate(h, OPERATE_PAUSE, 1);
    operate(h, OPERATE_RESUME, 1);
    operate(h, OPERATE_RETRY, 1);
    answer(h, "/do/0/w", RESULT_RECALLED);
    EXPECT("i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/w stays why=recalled\n"
           "> recall worker/s1 #0.1\n"
           "> i1 is being cancelled\n"
           "> i1 is being cancelled\n"
           "> i1 is being cancelled\n"
           "i1 step-result /do/0/w perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/0/w why=cancelled\n"
           "i1 instance-cancelled\n");
}

/* ---- retry ---- */

SCENARIO(operate, a_parked_step_is_tried_again)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, KEYED, "s1", 4);
    run(h, "{}");
    operate(h, OPERATE_RETRY, 1);
    forget_trace(h);
    fail(h, "/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    operate(h, OPERATE_RETRY, 1);
    EXPECT("i1 step-result /do/0/w perform #0.1 failed effect=none contract:broken\n"
           "i1 gate-opened /do/0/w contract:broken parked r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 gate-decided /do/0/w approve\n"
           "i1 step-dispatched /do/0/w perform #1.1 store=s1 contract=1.0.0\n");
    done(h, "/do/0/w", "{}");
    forget_trace(h);
    operate(h, OPERATE_RETRY, 1);
    EXPECT("> i1 has ended already: 'mainstay instances restart' makes another one of it\n");
}

SCENARIO(operate, the_key_of_a_retried_effect_is_the_same)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, KEYED, "s1", 4);
    run(h, "{}");
    struct id key = task(h, "/do/0/w")->key;
    fail(h, "/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    operate(h, OPERATE_RETRY, 1);
    cr_expect(id_equal(&key, &task(h, "/do/0/w")->key));
    forget_trace(h);
}

SCENARIO(operate, a_wait_for_another_attempt_is_cut)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
    forget_trace(h);
    operate(h, OPERATE_RETRY, 1);
    EXPECT("i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w decide #0.2 store=s1 contract=1.0.0\n");
}

SCENARIO(operate, a_try_that_waits_begins_at_once)
{
    deploy_tasks(h, "- t: {try: [{r: {raise: {error: {type: x, status: 400}}}}], catch: {retry: "
                    "{delay: {hours: 1}, limit: {attempt: {count: 2}}}}}\n");
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_RETRY, 1);
    EXPECT("i1 timer-fired /do/0/t\n"
           "i1 step-faulted /do/0/t/try/0/r "
           "error={\"type\":\"x\",\"status\":400,\"instance\":\"/do/0/t/try/0/r\"}\n"
           "i1 try-retry /do/0/t at=+3600000 "
           "error={\"type\":\"x\",\"status\":400,\"instance\":\"/do/0/t/try/0/r\"}\n");
}

SCENARIO(operate, what_may_have_happened_is_not_simply_tried_again)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, MANUAL, "s1", 4);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    forget_trace(h);
    operate(h, OPERATE_RETRY, 1);
    EXPECT("> i1 has an effect that may have happened: look outside, then 'mainstay gates yes' or "
           "'gates no' decides\n");
    verdict(h, VERDICT_NO, NULL);
    forget_trace(h);
}

SCENARIO(operate, a_held_back_output_is_asked_for_again)
{
    deploy_tasks(h,
                 "- w: {call: agent, with: {agent: worker, action: work, minConfidence: 0.9}}\n");
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    done_sure(h, "/do/0/w", "{\"n\":1}", 500000);
    forget_trace(h);
    operate(h, OPERATE_RETRY, 1);
    done_sure(h, "/do/0/w", "{\"n\":2}", 950000);
    EXPECT("i1 gate-decided /do/0/w approve\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #1.1 done effect=none out={\"n\":2}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={\"n\":2}\n");
}

SCENARIO(operate, a_retry_reaches_what_it_runs)
{
    deploy_child(h, PURE);
    run(h, "{}");
    fail(h, "i2:/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    forget_trace(h);
    operate(h, OPERATE_RETRY, 1);
    EXPECT("i2 gate-decided /do/0/w approve\n"
           "i2 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n");
}

SCENARIO(operate, a_listen_has_nothing_to_retry)
{
    deploy_tasks(h, "- l: {listen: {to: {any: [{with: {type: a}}]}}}\n");
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_RETRY, 1);
    EXPECT("> i1 has nothing to try again: no step of it has failed\n");
}

/* ---- kill ---- */

SCENARIO(operate, nothing_open_is_killed_at_once)
{
    deploy_tasks(h, "- w: {wait: {seconds: 10}}\n");
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    operate(h, OPERATE_KILL, 1);
    EXPECT("i1 instance-killed\n"
           "i1 step-cancelled /do/0/w why=killed\n"
           "i1 instance-cancelled\n"
           "> i1 has ended already\n");
}

SCENARIO(operate, a_pure_task_is_killed_at_once)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, PURE, "s1", 4);
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    EXPECT("i1 instance-killed\n"
           "i1 step-cancelled /do/0/w why=killed\n"
           "i1 instance-cancelled\n"
           "> recall worker/s1 #0.1\n");
}

SCENARIO(operate, a_person_is_asked_about_an_effect_in_flight)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, KEYED, "s1", 4);
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    EXPECT("i1 instance-killed\n"
           "i1 step-cancelled /do/0/w stays why=killed while an effect was open\n"
           "i1 gate-opened /do/0/w in-doubt:killed in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"the instance was killed while this effect was "
           "open\",\"detail\":\"killed: look outside whether it happened, then say yes or no, for "
           "the record alone: nothing is done or undone; reject leaves it open for good\"}\n"
           "> recall worker/s1 #0.1\n");
    verdict(h, VERDICT_APPROVE, NULL);
    verdict(h, VERDICT_YES, NULL);
    EXPECT("> invalid: the instance was killed and runs nothing any more: say yes (it happened), "
           "no, or reject to leave it open\n"
           "i1 gate-decided /do/0/w yes\n"
           "i1 step-cancelled /do/0/w why=killed\n"
           "i1 instance-cancelled\n");
    done(h, "/do/0/w", "{}");
    EXPECT("");
}

SCENARIO(operate, the_store_may_answer_first)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, PROBED, "s1", 4);
    run(h, "{}");
    operate(h, OPERATE_KILL, 1);
    forget_trace(h);
    answer(h, "/do/0/w", RESULT_RECALLED);
    EXPECT("i1 step-result /do/0/w perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/0/w why=killed\n"
           "i1 instance-cancelled\n");
}

SCENARIO(operate, a_doubt_of_the_store_stays_with_the_person)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, MANUAL, "s1", 4);
    run(h, "{}");
    operate(h, OPERATE_KILL, 1);
    forget_trace(h);
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    EXPECT("i1 step-result /do/0/w perform #0.1 failed effect=unknown transient:broken\n");
    verdict(h, VERDICT_NO, NULL);
    EXPECT("i1 gate-decided /do/0/w no\n"
           "i1 step-cancelled /do/0/w why=killed\n"
           "i1 instance-cancelled\n");
}

SCENARIO(operate, an_open_doubt_keeps_its_gate)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, MANUAL, "s1", 4);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    EXPECT("i1 instance-killed\n"
           "i1 step-cancelled /do/0/w stays why=killed while an effect was open\n");
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("i1 gate-decided /do/0/w reject\n"
           "i1 step-cancelled /do/0/w why=killed\n"
           "i1 instance-cancelled\n");
}

SCENARIO(operate, a_repeat_of_a_doubt_that_waits_is_asked_about)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, KEYED, "s1", 4);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    verdict(h, VERDICT_NO, NULL);
    EXPECT("i1 instance-killed\n"
           "i1 step-cancelled /do/0/w stays why=killed while an effect was open\n"
           "i1 gate-opened /do/0/w in-doubt:killed in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"the instance was killed while this effect was "
           "open\",\"detail\":\"killed: look outside whether it happened, then say yes or no, for "
           "the record alone: nothing is done or undone; reject leaves it open for good\"}\n"
           "i1 gate-decided /do/0/w no\n"
           "i1 step-cancelled /do/0/w why=killed\n"
           "i1 instance-cancelled\n");
}

SCENARIO(operate, a_recall_nobody_answers_can_be_killed)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    hello(h, KEYED, "s1", 4);
    run(h, "{}");
    cancel(h, 1);
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    lost(h, "s1", true);
    verdict(h, VERDICT_NO, NULL);
    EXPECT("i1 instance-killed\n"
           "i1 gate-opened /do/0/w in-doubt:killed in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"the instance was killed while this effect was "
           "open\",\"detail\":\"killed: look outside whether it happened, then say yes or no, for "
           "the record alone: nothing is done or undone; reject leaves it open for good\"}\n"
           "i1 step-result /do/0/w perform #0.1 failed effect=unknown in-doubt:store-lost\n"
           "i1 gate-decided /do/0/w no\n"
           "i1 step-cancelled /do/0/w why=killed\n"
           "i1 instance-cancelled\n");
}

SCENARIO(operate, branches_are_killed)
{
    deploy_tasks(h, "- f: {fork: {branches: [{a: {do: [{x: {call: work@worker}}]}}, {b: {do: [{z: "
                    "{wait: {seconds: 1}}}]}}]}}\n");
    hello(h, KEYED, "s1", 4);
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    verdict(h, VERDICT_NO, NULL);
    EXPECT("i1 instance-killed\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b/do/0/z why=killed\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a/do/0/x stays why=killed while an effect "
           "was open\n"
           "i1 gate-opened /do/0/f/fork/branches/0/a/do/0/x in-doubt:killed in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/f/fork/branches/0/"
           "a/do/0/x\",\"title\":\"the instance was killed while this effect was "
           "open\",\"detail\":\"killed: look outside whether it happened, then say yes or no, for "
           "the record alone: nothing is done or undone; reject leaves it open for good\"}\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b why=killed\n"
           "i1 step-cancelled /do/0/f/fork/branches/1 why=killed\n"
           "> recall worker/s1 #0.1\n"
           "i1 gate-decided /do/0/f/fork/branches/0/a/do/0/x no\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a/do/0/x why=killed\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a why=killed\n"
           "i1 step-cancelled /do/0/f/fork/branches/0 why=killed\n"
           "i1 step-cancelled /do/0/f why=killed\n"
           "i1 instance-cancelled\n");
}

SCENARIO(operate, what_it_runs_is_killed_too)
{
    deploy_child(h, KEYED);
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_KILL, 1);
    EXPECT("i1 instance-killed\n"
           "i2 instance-killed\n"
           "i2 step-cancelled /do/0/w stays why=killed while an effect was open\n"
           "i2 gate-opened /do/0/w in-doubt:killed in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"the instance was killed while this effect was "
           "open\",\"detail\":\"killed: look outside whether it happened, then say yes or no, for "
           "the record alone: nothing is done or undone; reject leaves it open for good\"}\n"
           "i1 step-cancelled /do/0/r stays why=cancels what it runs\n"
           "> recall worker/s1 #0.1\n");
    verdict(h, VERDICT_NO, NULL);
    EXPECT("i2 gate-decided /do/0/w no\n"
           "i2 step-cancelled /do/0/w why=killed\n"
           "i2 instance-cancelled\n"
           "i1 child-ended /do/0/r cancelled\n"
           "i1 step-cancelled /do/0/r why=killed\n"
           "i1 instance-cancelled\n");
}

/* ---- restart ---- */

SCENARIO(operate, an_ended_instance_is_restarted)
{
    deploy_tasks(h, "- w: {raise: {error: {type: x, status: 400}}}\n");
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_RESTART, 1);
    EXPECT(
        "i2 instance-started in={}\n"
        "i2 workflow-entered\n"
        "i2 step-faulted /do/0/w error={\"type\":\"x\",\"status\":400,\"instance\":\"/do/0/w\"}\n"
        "i2 instance-faulted error={\"type\":\"x\",\"status\":400,\"instance\":\"/do/0/w\"}\n"
        "> i1 made another one\n");
}

SCENARIO(operate, an_open_instance_is_not_restarted)
{
    deploy_tasks(h, "- w: {wait: {seconds: 1}}\n");
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_RESTART, 1);
    EXPECT("> i1 is still open: cancel or kill it first, then restart it\n");
}

/* ---- restored from a backup ---- */

SCENARIO(operate, after_a_restore_a_first_dispatch_may_be_a_second_one)
{
    deploy_tasks(h, "- w: {wait: {seconds: 1}}\n- c: {call: work@worker}\n");
    hello(h, PROBED, "s1", 4);
    run(h, "{}");
    h->options.engine.restored_ms = h->now;
    harness_restart(h);
    advance(h, 1000);
    run(h, "{}");
    advance(h, 1000);
    cr_expect_eq(task(h, "i1:/do/1/c")->past, PAST_UNKNOWN, "it began before the restore");
    cr_expect_eq(task(h, "i2:/do/1/c")->past, PAST_UNKNOWN,
                 "it began after, and may have been begun before by the same cause");
    done(h, "i1:/do/1/c", "{}");
    done(h, "i2:/do/1/c", "{}");
    h->options.engine.restored_ms = 0;
    forget_trace(h);
}

/* What is sent again after a restore begins an instance of the same id, whose effects have the same
 * keys. A probe costs one question outside, a person more. */
SCENARIO(operate, an_instance_begun_after_a_restore_is_probed_for_what_it_did_before)
{
    deploy_tasks(h, "- c: {call: work@worker}\n");
    hello(h, PROBED, "s1", 4);
    h->options.engine.restored_ms = h->now;
    harness_restart(h);
    advance(h, 1000);
    run(h, "{}");
    cr_expect_eq(task(h, "i1:/do/0/c")->past, PAST_UNKNOWN, "asked about");
    done(h, "i1:/do/0/c", "{}");
    advance(h, (int64_t)90 * 24 * 3600 * 1000);
    run(h, "{}");
    cr_expect_eq(task(h, "i2:/do/0/c")->past, PAST_OWN, "outcomes are not kept that long");
    done(h, "i2:/do/0/c", "{}");
    h->options.engine.restored_ms = 0;
    forget_trace(h);
}

SCENARIO(operate, an_instance_begun_after_a_restore_asks_no_person_for_what_it_did_before)
{
    deploy_tasks(h, "- c: {call: work@worker}\n");
    hello(h, CONTRACT("worker", "1.0.0", "work", "[\"perform\"]", "manual"), "s1", 4);
    h->options.engine.restored_ms = h->now;
    harness_restart(h);
    advance(h, 1000);
    run(h, "{}");
    cr_expect_eq(task(h, "i1:/do/0/c")->past, PAST_OWN, "a person is not asked each time");
    done(h, "i1:/do/0/c", "{}");
    h->options.engine.restored_ms = 0;
    forget_trace(h);
}
