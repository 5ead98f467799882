/*
 * Policies: what is done about failures, as data.
 */
#include "coordinator/definition/policy.h"
#include "tests/engine/harness.h"

static void deploy_call(struct harness *h)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
}

SCENARIO(policies, attempts_and_delays_are_data)
{
    policy(h, "policy: 1\nretry: {delay: PT0.1S, factor: 1, maxDelay: PT0.1S, attempts: 2}\n");
    deploy_call(h);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
    advance(h, 100);
    forget_trace(h);
    cr_expect_eq(h->gate_count, 0);
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
    forget_trace(h);
    cr_expect_eq(h->gate_count, 1);
    cr_expect_eq(h->sent_count, 2);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(policies, every_class_can_be_raised)
{
    policy(h, "policy: 1\n"
              "retry: {attempts: 1}\n"
              "failures: {transient: raise, data: raise, permission: raise, contract: raise,\n"
              "           budget: raise, cancelled: raise}\n");
    deploy_call(h);
    static const enum failure_class classes[] = {FAILURE_TRANSIENT,  FAILURE_DATA,
                                                 FAILURE_PERMISSION, FAILURE_CONTRACT,
                                                 FAILURE_BUDGET,     FAILURE_CANCELLED};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        run(h, "{}");
        fail(h, "/do/0/w", classes[i], MARK_NONE);
    }
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0, "somebody is asked");
    cr_expect_eq(h->gate_count, 0);
}

SCENARIO(policies, a_doubt_is_asked_whatever_the_policy_says)
{
    policy(h, "policy: 1\nretry: {attempts: 1}\nfailures: {transient: raise}\n");
    hello(h, MANUAL, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    cr_expect_eq(h->gate_count, 1);
    cr_expect_eq(open_instances(h), 1);
    verdict(h, VERDICT_REJECT, NULL);
    forget_trace(h);
}

SCENARIO(policies, an_action_has_rules_of_its_own)
{
    policy(h, "policy: 1\n"
              "actions:\n"
              "  worker/work: {failures: {permission: park}}\n"
              "  worker/other: {failures: {permission: raise}}\n");
    deploy_call(h);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_PERMISSION, MARK_NONE);
    const struct company *company = engine_company(turn_engine(h->turn));
    cr_expect_eq(company_gate(company, &h->gates[0])->kind, GATE_PARKED);
    verdict(h, VERDICT_REJECT, NULL);
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(policies, the_same_text_again_is_no_news)
{
    policy(h, "policy: 1\nagentAbsent: {grace: PT1S}\n");
    uint64_t before = tables_sequence(turn_tables(h->turn));
    policy(h, "policy: 1\nagentAbsent: {grace: PT1S}\n");
    cr_expect_eq(tables_sequence(turn_tables(h->turn)), before);
    cr_expect_eq(engine_policy(turn_engine(h->turn))->limits.absence_grace_ms, 1000);
    cr_expect_eq(table_rows(h, 'O'), 1);
    policy(h, "policy: 2\n");
    cr_expect_eq(h->reply, ERR_INVALID);
    forget_trace(h);
}

static void bad(const char *text, unsigned line, unsigned column, const char *words)
{
    struct policy *policy = NULL;
    struct plan_report report;
    cr_assert_eq(policy_load(text, strlen(text), &policy, &report), ERR_INVALID, "%s", text);
    cr_assert_null(policy);
    cr_assert_gt(report.count, 0);
    cr_expect_eq(report.problems[0].line, line, "%s: line %u", text, report.problems[0].line);
    cr_expect_eq(report.problems[0].column, column, "%s: column %u", text,
                 report.problems[0].column);
    cr_expect_not_null(strstr(report.problems[0].message, words), "%s", report.problems[0].message);
    plan_report_release(&report);
}

Test(policies, what_is_wrong_is_told_with_its_place)
{
    bad("retry: {attempts: 3}\n", 1, 1, "'policy'");
    bad("policy: 2\n", 1, 9, "from 1 to 1");
    bad("policy: 1\nretry:\n  attempts: 0\n", 3, 13, "attempts");
    bad("policy: 1\nretry:\n  factor: 0.5\n", 3, 11, "from 1 to 10");
    bad("policy: 1\nretry:\n  delay: soon\n", 3, 10, "soon");
    bad("policy: 1\nfailures:\n  data: retry\n", 3, 9, "repair");
    bad("policy: 1\nfailures:\n  in-doubt: raise\n", 3, 13, "ask");
    bad("policy: 1\nactions:\n  worker: {}\n", 3, 3, "AGENT/ACTION");
    bad("policy: 1\nfailure: {}\n", 2, 1, "failure");
    bad("policy: 1\nbudget: {day: 5}\n", 2, 15, "must be a text");
    bad("policy: 1\nbudget: {day: much}\n", 2, 15, "'much' is not an amount");
    bad("policy: 1\nbudget: {week: 5 EUR}\n", 2, 10, "week");
    bad("policy: 1\nbudget: {agents: {'a b': 5 EUR}}\n", 2, 20, "not the name of an agent");
    bad("policy: 1\nbudget: {day: 5 EUR, agents: {a: 5 USD}}\n", 2, 34, "one currency");
}

Test(policies, the_shipped_one_is_what_holds_without_a_file)
{
    char text[8192];
    FILE *file = fopen(SOURCE_DIR "/deploy/policies/default.yaml", "rb");
    cr_assert_not_null(file);
    size_t size = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    struct policy *shipped = NULL;
    struct policy *built_in = policy_default();
    struct plan_report report;
    cr_assert_eq(policy_load(text, size, &shipped, &report), ERR_OK);
    plan_report_release(&report);
    cr_expect_eq(shipped->rules.retry.delay_ms, built_in->rules.retry.delay_ms);
    cr_expect_float_eq(shipped->rules.retry.factor, built_in->rules.retry.factor, 0);
    cr_expect_eq(shipped->rules.retry.max_delay_ms, built_in->rules.retry.max_delay_ms);
    cr_expect_eq(shipped->rules.retry.attempts, built_in->rules.retry.attempts);
    for (size_t i = 1; i < POLICY_CLASSES; i++) {
        cr_expect_eq(shipped->rules.paths[i], built_in->rules.paths[i], "class %zu", i);
    }
    cr_expect_eq(memcmp(&shipped->limits, &built_in->limits, sizeof(shipped->limits)), 0);
    policy_destroy(&shipped);
    policy_destroy(&built_in);
}

SCENARIO(policies, the_program_that_decides_is_journaled_and_nothing_else_changes)
{
    deploy_call(h);
    uint64_t before = tables_sequence(turn_tables(h->turn));
    program(h, "coordinator 1.2.3", "small");
    cr_expect_eq(tables_sequence(turn_tables(h->turn)), before + 1, "nothing was journaled");
    run(h, "{}");
    done(h, "/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}
