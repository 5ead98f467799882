/*
 * What stops all work of one way: one gate for the cause, one step that tries, then the others.
 */
#include "coordinator/engine/company.h"
#include "tests/engine/harness.h"

static void deploy_call(struct harness *h, const char *contract, uint32_t capacity)
{
    hello(h, contract, "s1", capacity);
    deploy_tasks(h, "- w: {call: work@worker}\n");
}

static void refuse(struct harness *h, const char *step, const char *code)
{
    struct sent *sent = task(h, step);
    sent->answered = true;
    struct result_command result = result_of(sent, RESULT_FAILED);
    result.failure.failure_class = FAILURE_PERMISSION;
    result.failure.effect = MARK_NONE;
    result.failure.code = code;
    result.failure.status = 401;
    give(h, &result);
}

SCENARIO(circuits, a_refused_action_stops_and_one_probe_goes_first)
{
    deploy_call(h, PURE, 4);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_PERMISSION, MARK_NONE);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 failed effect=none permission:broken\n"
           "circuit-opened permission:broken permission worker action=work r1\n"
           "i1 step-ready /do/0/w\n");
    run(h, "{}");
    run(h, "{}");
    EXPECT("i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={} out={}\n"
           "i3 instance-started in={}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/w in={} out={}\n");
    verdict(h, VERDICT_APPROVE, NULL);
    EXPECT("circuit-decided probe\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n");
    done(h, "i1:/do/0/w", "{}");
    EXPECT("circuit-decided by-itself\n"
           "i1 step-result /do/0/w decide #1.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i3 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    done(h, "i2:/do/0/w", "{}");
    done(h, "i3:/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(h->gate_count, 1);
    cr_expect_eq(table_rows(h, 'G'), 0);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(circuits, ten_refusals_of_one_cause_are_one_gate)
{
    deploy_call(h, PURE, 16);
    for (int i = 0; i < 10; i++) {
        run(h, "{}");
    }
    for (int i = 1; i <= 10; i++) {
        char step[32];
        (void)snprintf(step, sizeof(step), "i%d:/do/0/w", i);
        refuse(h, step, "key-revoked");
    }
    cr_expect_eq(h->gate_count, 1);
    cr_expect_eq(table_rows(h, 'G'), 1);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->sent_count, 11, "one probe goes first");
    forget_trace(h);
    for (size_t i = 1; i <= 10; i++) {
        cancel(h, i);
    }
    forget_trace(h);
}

SCENARIO(circuits, a_probe_that_is_refused_asks_again)
{
    deploy_call(h, PURE, 4);
    run(h, "{}");
    run(h, "{}");
    fail(h, "i1:/do/0/w", FAILURE_PERMISSION, MARK_NONE);
    fail(h, "i2:/do/0/w", FAILURE_PERMISSION, MARK_NONE);
    forget_trace(h);
    verdict(h, VERDICT_APPROVE, NULL);
    fail(h, "i1:/do/0/w", FAILURE_PERMISSION, MARK_NONE);
    EXPECT("circuit-decided probe\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #1.1 failed effect=none permission:broken\n"
           "circuit-opened permission:broken permission worker action=work r2\n"
           "i1 step-ready /do/0/w\n");
    verdict(h, VERDICT_REJECT, NULL);
    cr_expect_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "i2:/do/0/w", "{}");
    done(h, "i1:/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(table_rows(h, 'G'), 0);
}

SCENARIO(circuits, a_probe_that_breaks_otherwise_lets_the_next_one_try)
{
    deploy_call(h, PURE, 4);
    run(h, "{}");
    run(h, "{}");
    fail(h, "i1:/do/0/w", FAILURE_PERMISSION, MARK_NONE);
    fail(h, "i2:/do/0/w", FAILURE_PERMISSION, MARK_NONE);
    verdict(h, VERDICT_APPROVE, NULL);
    forget_trace(h);
    fail(h, "i1:/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
    EXPECT("i1 step-result /do/0/w decide #1.1 failed effect=none transient:broken\n"
           "i1 step-retry /do/0/w #1.2 at=+88\n"
           "i2 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n");
    done(h, "i2:/do/0/w", "{}");
    advance(h, 60000);
    done(h, "i1:/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(circuits, two_causes_of_one_action_are_two_gates_and_both_stop_it)
{
    deploy_call(h, PURE, 4);
    run(h, "{}");
    run(h, "{}");
    refuse(h, "i1:/do/0/w", "key-revoked");
    refuse(h, "i2:/do/0/w", "no-such-right");
    cr_expect_eq(h->gate_count, 2);
    forget_trace(h);
    verdict(h, VERDICT_APPROVE, NULL); /* the newest */
    EXPECT("circuit-decided probe\n");
    h->gate_count = 1;
    verdict(h, VERDICT_APPROVE, NULL);
    EXPECT("circuit-decided probe\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n");
    done(h, "i1:/do/0/w", "{}");
    done(h, "i2:/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(table_rows(h, 'G'), 0);
}

SCENARIO(circuits, a_decision_proves_nothing_about_a_refused_effect)
{
    deploy_call(h, BOTH, 1);
    run(h, "{}");
    done(h, "/do/0/w", "{}");
    fail(h, "/do/0/w", FAILURE_PERMISSION, MARK_NONE);
    run(h, "{}");
    verdict(h, VERDICT_APPROVE, NULL);
    forget_trace(h);
    done(h, "i1:/do/0/w", "{}");
    EXPECT("circuit-decided by-itself\n"
           "i1 step-result /do/0/w perform #1.1 done effect=done out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    cancel(h, 2);
    answer(h, "i2:/do/0/w", RESULT_RECALLED);
    forget_trace(h);
}

SCENARIO(circuits, what_the_definition_catches_opens_none)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- t:\n"
                    "    try: [{w: {call: work@worker}}]\n"
                    "    catch: {errors: {with: {status: 403}}}\n");
    run(h, "{}");
    fail(h, "/do/0/t/try/0/w", FAILURE_PERMISSION, MARK_NONE);
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(h->gate_count, 0);
}

SCENARIO(circuits, an_absent_agent_is_told_once_and_closes_by_itself)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    run(h, "{}");
    tick(h);
    forget_trace(h);
    advance(h, 299999);
    EXPECT("");
    advance(h, 1);
    EXPECT("+300000\n"
           "circuit-opened transient:agent-absent agent-absent worker r1\n");
    hello(h, PURE, "s1", 4);
    EXPECT("circuit-decided by-itself\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    cr_expect_eq(h->gate_count, 1);
    cr_expect_eq(table_rows(h, 'G'), 0);
    done(h, "i1:/do/0/w", "{}");
    done(h, "i2:/do/0/w", "{}");
    forget_trace(h);
}

SCENARIO(circuits, nobody_is_told_of_an_absence_that_nothing_waits_for)
{
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    tick(h);
    cancel(h, 1);
    forget_trace(h);
    advance(h, 900000);
    tick(h);
    EXPECT("");
}

static void breach(struct harness *h, const char *step)
{
    done(h, step, "{\"n\":\"no number\"}");
}

/* Breaches are counted in memory: a play with restarts needs more of them. */
Test(circuits, a_version_that_keeps_breaking_its_contract_gets_no_work)
{
    struct harness *h = harness_create();
    deploy_call(h, PURE, 16);
    hello(h, PURE, "s2", 16);
    for (int i = 0; i < 6; i++) {
        run(h, "{}");
    }
    breach(h, "i1:/do/0/w");
    breach(h, "i2:/do/0/w");
    breach(h, "i3:/do/0/w");
    breach(h, "i4:/do/0/w");
    forget_trace(h);
    breach(h, "i5:/do/0/w");
    const struct company *company = engine_company(turn_engine(h->turn));
    cr_expect_not_null(circuit_unhealthy(company, "worker", "1.0.0"));
    size_t sent = h->sent_count;
    run(h, "{}");
    cr_expect_eq(h->sent_count, sent, "work went to an unhealthy version");
    hello(h, CONTRACT("worker", "1.0.1", "work", "[\"decide\"]", "pure"), "s3", 4);
    cr_expect_eq(h->sent_count, sent + 1, "a version that is well takes the work");
    done(h, "i7:/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(table_rows(h, 'G'), 6);
    harness_replay(h);
    harness_destroy(&h);
}

Test(circuits, what_an_agent_says_itself_of_its_breaches_counts)
{
    struct harness *h = harness_create();
    deploy_call(h, PURE, 16);
    for (int i = 0; i < 5; i++) {
        run(h, "{}");
    }
    const struct company *company = engine_company(turn_engine(h->turn));
    fail(h, "i1:/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    fail(h, "i2:/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    breach(h, "i3:/do/0/w");
    fail(h, "i4:/do/0/w", FAILURE_DATA, MARK_NONE);
    fail(h, "i5:/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    cr_expect_null(circuit_unhealthy(company, "worker", "1.0.0"));
    run(h, "{}");
    fail(h, "i6:/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    cr_expect_not_null(circuit_unhealthy(company, "worker", "1.0.0"));
    harness_replay(h);
    harness_destroy(&h);
}
