/*
 * Budgets: what paid work costs at most is reserved with its dispatch and settled with its result;
 * what does not fit waits, and a person is asked once for the account.
 */
#include "tests/engine/harness.h"

/* An action that costs at most one euro. */
#define PAID(phases, effect, cost)                                                          \
    "{\"agent\":\"worker\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{\"work\":{"   \
    "\"title\":"                                                                            \
    "\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\"},\"proposal\":{" \
    "\"type\":"                                                                             \
    "\"object\"},\"effect\":\"" effect "\",\"phases\":" phases ",\"timeout\":\"PT5S\","     \
    "\"concurrency\":64,\"cost\":{\"max\":\"" cost "\"}}}}"
#define PAID_PURE   PAID("[\"decide\"]", "pure", "1.00 EUR")
#define PAID_KEYED  PAID("[\"perform\"]", "keyed", "1.00 EUR")
#define PAID_MANUAL PAID("[\"perform\"]", "manual", "1.00 EUR")
#define PAID_BOTH   PAID("[\"decide\",\"perform\"]", "keyed", "1.00 EUR")

#define POLICY(budget) "policy: 1\nbudget: " budget "\n"

/* From the start of a scenario to the end of its day (UTC). */
static const int64_t to_midnight_ms = 32000000;

static void deploy_budget(struct harness *h, const char *budget, const char *tasks)
{
    char text[4096];
    (void)snprintf(text, sizeof(text),
                   "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0,\n"
                   "           metadata: {mainstay: {budget: %s}}}\ndo:\n%s",
                   budget, tasks);
    deploy(h, text);
}

static struct account account(struct harness *h, const char *name)
{
    const struct account *found = company_account(engine_company(turn_engine(h->turn)), name);
    return found == NULL ? (struct account){0} : *found;
}

static void holds(struct harness *h, const char *name, int64_t spent, int64_t reserved)
{
    struct account it = account(h, name);
    cr_expect_eq(it.spent, spent, "%s spent %lld", name, (long long)it.spent);
    cr_expect_eq(it.reserved, reserved, "%s reserved %lld", name, (long long)it.reserved);
}

SCENARIO(budgets, what_is_reserved_is_settled_with_the_result)
{
    policy(h, POLICY("{day: 10 EUR, agents: {worker: 9 EUR}}"));
    hello(h, PAID_PURE, "s1", 4);
    deploy_budget(h, "{instance: 2 EUR, day: 8 EUR}", "- w: {call: work@worker}\n");
    run(h, "{}");
    cr_expect_eq(table_rows(h, 'I'), 4);
    holds(h, "company", 0, 1000000);
    holds(h, "agent/worker", 0, 1000000);
    holds(h, "process/test/flow", 0, 1000000);
    done_paid(h, "/do/0/w", "{}", "0.0021 EUR");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 budget-reserved /do/0/w 1.00 EUR in=15\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
    holds(h, "company", 2100, 0);
    holds(h, "agent/worker", 2100, 0);
    holds(h, "process/test/flow", 2100, 0);
    cr_expect_eq(table_rows(h, 'I'), 3, "the instance's own goes with it");
}

SCENARIO(budgets, free_work_and_work_without_a_cap_have_no_rows)
{
    policy(h, POLICY("{agents: {other: 9 EUR}}"));
    hello(h, PAID_PURE, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    cr_expect_eq(table_rows(h, 'I'), 0);
    done_paid(h, "/do/0/w", "{}", "0.50 EUR");
    cr_expect_eq(table_rows(h, 'I'), 0);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(budgets, at_the_cap_a_step_waits_and_one_gate_asks)
{
    policy(h, POLICY("{day: 2.50 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    run(h, "{}");
    forget_trace(h);
    run(h, "{}");
    run(h, "{}");
    EXPECT("i3 instance-started in={}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/w in={} out={}\n"
           "i3 step-unfunded /do/0/w 1.00 EUR kind=8\n"
           "circuit-opened budget:over-budget budget scope=company r1\n"
           "i4 instance-started in={}\n"
           "i4 workflow-entered\n"
           "i4 step-started /do/0/w in={} out={}\n"
           "i4 step-unfunded /do/0/w 1.00 EUR kind=8\n");
    cr_expect_eq(h->gate_count, 1);
    done_paid(h, "i1:/do/0/w", "{}", "0.40 EUR"); /* 0.40 + 1.00 + 1.00: the next one fits */
    EXPECT("i1 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n"
           "i3 step-funded /do/0/w\n"
           "i3 budget-reserved /do/0/w 1.00 EUR in=8\n"
           "i3 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    holds(h, "company", 400000, 2000000);
    done_paid(h, "i2:/do/0/w", "{}", "0.10 EUR"); /* 0.50 + 1.00 + 1.00 */
    EXPECT("i2 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i2 step-completed /do/0/w ^\n"
           "i2 instance-completed out={}\n"
           "i4 step-funded /do/0/w\n"
           "circuit-decided by-itself\n"
           "i4 budget-reserved /do/0/w 1.00 EUR in=8\n"
           "i4 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    done_paid(h, "i3:/do/0/w", "{}", "");
    done_paid(h, "i4:/do/0/w", "{}", "1.00 EUR");
    holds(h, "company", 1500000, 0);
    cr_expect_eq(table_rows(h, 'G'), 0);
    forget_trace(h);
}

SCENARIO(budgets, who_does_not_touch_the_account_goes_on)
{
    hello(h, PAID_PURE, "s1", 8);
    deploy_budget(h, "{instance: 1 EUR}", "- w: {call: work@worker}\n- v: {call: work@worker}\n");
    run(h, "{}");
    done_paid(h, "/do/0/w", "{}", "0.10 EUR");
    forget_trace(h);
    run(h, "{}");
    EXPECT("i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={} out={}\n"
           "i2 budget-reserved /do/0/w 1.00 EUR in=1\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    cr_expect_eq(h->gate_count, 1, "the first one waits");
    cancel(h, 1);
    cr_expect_eq(table_rows(h, 'G'), 0, "its gate goes with it");
    cancel(h, 2);
    forget_trace(h);
}

SCENARIO(budgets, a_person_allows_once_or_raises)
{
    hello(h, PAID_PURE, "s1", 8);
    deploy_budget(h, "{day: 1 EUR}", "- w: {call: work@worker}\n");
    for (int i = 0; i < 4; i++) {
        run(h, "{}");
    }
    forget_trace(h);
    verdict(h, VERDICT_APPROVE, NULL);
    EXPECT("circuit-decided by-itself\n"
           "budget-raised type=process/test/flow 1.00 EUR\n"
           "i2 step-funded /do/0/w\n"
           "circuit-opened budget:over-budget budget scope=process/test/flow r1\n"
           "i2 budget-reserved /do/0/w 1.00 EUR in=2\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    verdict(h, VERDICT_APPROVE, "\"0.50 USD\"");
    cr_expect_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_APPROVE, "\"0 EUR\"");
    cr_expect_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_EDIT, "{}");
    cr_expect_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_APPROVE, "\"2.00 EUR\"");
    EXPECT("> invalid: the value is by how much the cap is raised, an amount in EUR such as "
           "\"1.00 EUR\"\n"
           "> invalid: the value is by how much the cap is raised, an amount in EUR such as "
           "\"1.00 EUR\"\n"
           "> invalid: a gate of kind budget is approved, with or without an amount, or "
           "rejected\n"
           "circuit-decided by-itself\n"
           "budget-raised type=process/test/flow 2.00 EUR\n"
           "i3 step-funded /do/0/w\n"
           "i4 step-funded /do/0/w\n"
           "i3 budget-reserved /do/0/w 1.00 EUR in=2\n"
           "i3 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i4 budget-reserved /do/0/w 1.00 EUR in=2\n"
           "i4 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    cr_expect_eq(account(h, "process/test/flow").allowed, 3000000);
    for (size_t i = 1; i <= 4; i++) {
        cancel(h, i);
    }
    forget_trace(h);
}

/* The error of the step, without its words. */
#define TAKES_402                                                                           \
    "- t: {try: [{w: {call: work@worker}}], catch: {errors: {with: {status: 402}}, do: [\n" \
    "       {c: {set: {stopped: '${ $error.title }'}}}]}}\n"

SCENARIO(budgets, a_person_stops_and_the_steps_fail)
{
    policy(h, POLICY("{day: 0 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    run(h, "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 2);
    verdict(h, VERDICT_REJECT, NULL);
    cr_expect_eq(h->reply, ERR_OK);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(table_rows(h, 'G'), 0);
    cr_expect_eq(table_rows(h, 'I'), 0);
    cr_expect_eq(h->sent_count, 0, "nothing was sent");
    forget_trace(h);
}

SCENARIO(budgets, a_definition_that_catches_402_is_not_asked_about)
{
    policy(h, POLICY("{day: 0.50 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, TAKES_402);
    run(h, "{}");
    cr_expect_eq(h->gate_count, 0);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(h->sent_count, 0);
    forget_trace(h);
}

SCENARIO(budgets, a_policy_that_raises_asks_nobody)
{
    policy(h, POLICY("{day: 0.50 EUR}") "failures: {budget: raise}\n");
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    cr_expect_eq(h->gate_count, 0);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(budgets, a_new_day_lets_the_steps_go)
{
    policy(h, POLICY("{agents: {worker: 1 EUR}}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    done_paid(h, "/do/0/w", "{}", "0.60 EUR");
    run(h, "{}");
    forget_trace(h);
    advance(h, to_midnight_ms - 1);
    EXPECT("");
    holds(h, "agent/worker", 600000, 0);
    advance(h, 1);
    EXPECT("+32000000\n"
           "budget-day\n"
           "i2 step-funded /do/0/w\n"
           "circuit-decided by-itself\n"
           "i2 budget-reserved /do/0/w 1.00 EUR in=4\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    holds(h, "agent/worker", 0, 1000000);
    done_paid(h, "/do/0/w", "{}", "0.10 EUR");
    advance(h, (int64_t)24 * 3600 * 1000);
    cr_expect_eq(table_rows(h, 'I'), 0, "nothing is kept of a day without work");
    cr_expect_eq(turn_next_due(h->turn) > h->now + (int64_t)24 * 3600 * 1000, true);
    forget_trace(h);
}

SCENARIO(budgets, what_is_reserved_over_midnight_counts_for_the_new_day)
{
    policy(h, POLICY("{day: 1 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    advance(h, to_midnight_ms);
    holds(h, "company", 0, 1000000);
    done_paid(h, "/do/0/w", "{}", "0.75 EUR");
    holds(h, "company", 750000, 0);
    forget_trace(h);
}

SCENARIO(budgets, retries_share_the_reservation)
{
    policy(h, POLICY("{day: 1 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    run(h, "{}");
    forget_trace(h);
    fail(h, "i1:/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
    holds(h, "company", 0, 1000000); /* the other one does not get what the retry needs */
    cr_expect_eq(h->sent_count, 1);
    advance(h, 60000);
    cr_expect_eq(h->sent_count, 2);
    cr_expect(id_equal(&h->sent[1].instance, &h->instances[0]));
    holds(h, "company", 0, 1000000);
    fail(h, "i1:/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    cr_expect_eq(h->sent_count, 3, "it waits for a person, and the other one goes");
    holds(h, "company", 0, 1000000);
    cancel(h, 1);
    cancel(h, 2);
    forget_trace(h);
}

SCENARIO(budgets, a_failure_is_booked_with_what_it_says_that_it_cost)
{
    policy(h, POLICY("{day: 5 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    fail_paid(h, "/do/0/w", "0.30 EUR");
    holds(h, "company", 300000, 700000); /* the rest of it is the retry's */
    advance(h, 60000);
    holds(h, "company", 300000, 1000000);
    fail_paid(h, "/do/0/w", "1.20 EUR");
    holds(h, "company", 1500000, 0);
    cr_expect_eq(account(h, "company").over, 200000);
    advance(h, 60000);
    holds(h, "company", 1500000, 1000000);
    fail_paid(h, "/do/0/w", "much"); /* all that was reserved */
    holds(h, "company", 2500000, 0);
    advance(h, 60000);
    operate(h, OPERATE_KILL, 1); /* nobody will say what the last one cost */
    holds(h, "company", 3500000, 0);
    forget_trace(h);
}

SCENARIO(budgets, a_failure_while_it_is_cancelled_is_booked)
{
    policy(h, POLICY("{day: 5 EUR}"));
    hello(h, PAID_KEYED, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    cancel(h, 1);
    fail_paid(h, "/do/0/w", "0.30 EUR");
    cr_expect_eq(open_instances(h), 0);
    holds(h, "company", 300000, 0);
    forget_trace(h);
}

SCENARIO(budgets, a_doubt_keeps_what_is_reserved_and_costs_all_of_it_in_the_end)
{
    policy(h, POLICY("{day: 9 EUR}"));
    hello(h, PAID_MANUAL, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    for (int i = 0; i < 3; i++) {
        run(h, "{}");
    }
    fail(h, "i1:/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    holds(h, "company", 0, 3000000);
    verdict(h, VERDICT_YES, "{}"); /* nobody said what it cost */
    holds(h, "company", 1000000, 2000000);
    fail(h, "i2:/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    verdict(h, VERDICT_NO, NULL);
    holds(h, "company", 1000000, 2000000);
    done_paid(h, "i2:/do/0/w", "{}", "0.25 EUR");
    holds(h, "company", 1250000, 1000000);
    fail(h, "i3:/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    verdict(h, VERDICT_REJECT, NULL);
    holds(h, "company", 2250000, 0);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(budgets, each_phase_reserves_for_its_own_answer)
{
    policy(h, POLICY("{day: 1.50 EUR}"));
    hello(h, PAID_BOTH, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    done_paid(h, "/do/0/w", "{}", "0.40 EUR");
    holds(h, "company", 400000, 1000000);
    done_paid(h, "/do/0/w", "{}", "0.05 EUR");
    holds(h, "company", 450000, 0);
    forget_trace(h);
}

SCENARIO(budgets, an_answer_that_costs_more_than_its_contract_is_taken_and_booked)
{
    policy(h, POLICY("{day: 1.50 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    done_paid(h, "/do/0/w", "{}", "1.40 EUR");
    holds(h, "company", 1400000, 0);
    cr_expect_eq(account(h, "company").over, 400000);
    cr_expect_eq(open_instances(h), 0);
    run(h, "{}");
    cr_expect_eq(h->gate_count, 1);
    verdict(h, VERDICT_APPROVE, NULL);
    done_paid(h, "/do/0/w", "{}", "0.50 dollars"); /* what was reserved */
    holds(h, "company", 2400000, 0);
    forget_trace(h);
}

SCENARIO(budgets, an_amount_in_another_currency_is_not_compared)
{
    policy(h, POLICY("{day: 9 USD}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, TAKES_402);
    run(h, "{}");
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(h->sent_count, 0);
    cr_expect_eq(table_rows(h, 'I'), 0);
    forget_trace(h);
}

SCENARIO(budgets, who_waits_for_money_may_be_paused_and_taken_down)
{
    policy(h, POLICY("{day: 0.50 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker, timeout: {after: PT1M}}\n");
    run(h, "{}");
    run(h, "{}");
    operate(h, OPERATE_PAUSE, 1);
    operate(h, OPERATE_PAUSE, 2);
    cr_expect_eq(table_rows(h, 'G'), 0, "nobody who may run waits");
    operate(h, OPERATE_RESUME, 2);
    cr_expect_eq(table_rows(h, 'G'), 1);
    operate(h, OPERATE_RESUME, 1);
    cr_expect_eq(table_rows(h, 'G'), 1);
    operate(h, OPERATE_KILL, 2);
    advance(h, 60000); /* the other one comes to its deadline */
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(table_rows(h, 'G'), 0);
    forget_trace(h);
}

SCENARIO(budgets, a_policy_with_a_higher_cap_lets_the_steps_go)
{
    policy(h, POLICY("{day: 0.50 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    run(h, "{}");
    forget_trace(h);
    policy(h, POLICY("{day: 1.50 EUR}"));
    EXPECT("i1 step-funded /do/0/w\n"
           "i1 budget-reserved /do/0/w 1.00 EUR in=8\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    policy(h, "policy: 1\n");
    EXPECT("i2 step-funded /do/0/w\n"
           "circuit-decided by-itself\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    done_paid(h, "i1:/do/0/w", "{}", "0.50 EUR");
    done_paid(h, "i2:/do/0/w", "{}", "0.50 EUR");
    holds(h, "company", 500000, 0);
    forget_trace(h);
}

SCENARIO(budgets, a_cap_that_changes_its_currency_stops_nobody_without_a_word)
{
    policy(h, POLICY("{day: 1.50 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    run(h, "{}");
    cr_expect_eq(h->gate_count, 1, "the second one waits for money");
    policy(h, POLICY("{day: 0.50 USD}"));
    cr_expect_eq(account(h, "company").capped, false, "amounts of the two are not set off");
    cr_expect_eq(h->sent_count, 1);
    cr_assert_eq(h->gate_count, 2);
    const struct gate *gate =
        company_gate(engine_company(turn_engine(h->turn)), &h->gates[h->gate_count - 1]);
    cr_expect(strstr(gate->failure.detail, "nothing here changes money") != NULL);
    cancel(h, 1);
    cancel(h, 2);
    forget_trace(h);
}

/* `work` is free and can be undone, which costs at most one euro. */
#define PAID_UNDO                                                                                  \
    "{\"agent\":\"worker\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{\"work\":{"          \
    "\"title\":\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\"},\"effect\":" \
    "\"keyed\",\"phases\":[\"perform\"],\"timeout\":\"PT5S\",\"compensate\":\"undo\"},\"undo\":{"  \
    "\"title\":\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\"},\"effect\":" \
    "\"keyed\",\"phases\":[\"perform\"],\"timeout\":\"PT5S\",\"cost\":{\"max\":\"1 EUR\"}}}}"

SCENARIO(budgets, an_undo_waits_for_money_and_is_never_dropped)
{
    policy(h, POLICY("{day: 0.50 EUR}") "failures: {budget: raise}\n");
    hello(h, PAID_UNDO, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n"
                    "- r: {raise: {error: {type: 'https://x.test/no', status: 400}}}\n");
    run(h, "{}");
    done(h, "/do/0/w", "{}");
    cr_expect_eq(h->gate_count, 1, "the undo waits for money");
    verdict(h, VERDICT_REJECT, NULL);
    cr_expect_eq(h->gate_count, 2, "a person decides about the undo itself");
    cr_expect_eq(open_instances(h), 1);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->gate_count, 3);
    verdict(h, VERDICT_APPROVE, NULL);
    done_paid(h, "undo of /do/0/w", "{}", "0.20 EUR");
    cr_expect_eq(open_instances(h), 0);
    holds(h, "company", 200000, 0);
    forget_trace(h);
}

SCENARIO(budgets, a_retry_after_the_cap_has_gone_reserves_nothing)
{
    policy(h, POLICY("{day: 1 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
    holds(h, "company", 0, 1000000);
    policy(h, "policy: 1\n");
    advance(h, 60000);
    cr_expect_eq(h->sent_count, 2);
    cr_expect_eq(table_rows(h, 'I'), 0);
    done_paid(h, "/do/0/w", "{}", "0.10 EUR");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(budgets, an_approval_is_not_spent_on_room_that_others_were_promised)
{
    policy(h, POLICY("{day: 1 EUR}"));
    hello(h, PAID_PURE, "s1", 8);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    run(h, "{}");
    run(h, "{}");
    leave(h, "worker", "s1");
    policy(h, POLICY("{day: 2 EUR}")); /* the second one may go, and waits for the agent */
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(account(h, "company").allowed, 1000000);
    hello(h, PAID_PURE, "s1", 8);
    holds(h, "company", 0, 3000000);
    for (size_t i = 1; i <= 3; i++) {
        cancel(h, i);
    }
    forget_trace(h);
}
