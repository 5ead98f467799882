/*
 * Agent calls: contracts, phases, credit, confidence.
 */
#include "tests/engine/harness.h"

SCENARIO(calls, an_action_that_decides_answers)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- w:\n"
                    "    call: work:1.0@worker\n"
                    "    with: {input: {k: '${ .k }'}}\n"
                    "    output: {as: '${ .n }'}\n");
    run(h, "{\"k\":1}");
    struct sent *sent = task(h, "/do/0/w");
    cr_expect_str_eq(sent->input, "{\"k\":1}");
    cr_expect_eq(sent->phase, PHASE_DECIDE);
    done(h, "/do/0/w", "{\"n\":5}");
    EXPECT("i1 instance-started in={\"k\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"k\":1} out={\"k\":1}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={\"n\":5}\n"
           "i1 step-completed /do/0/w ^ out=5\n"
           "i1 instance-completed out=5\n");
    cr_expect_eq(h->settled, 0);
}

SCENARIO(calls, an_action_that_performs_enters_the_ledger)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    cr_expect_eq(task(h, "/do/0/w")->phase, PHASE_PERFORM);
    done(h, "/do/0/w", "{\"n\":5}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.1 done effect=done out={\"n\":5}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={\"n\":5}\n");
    cr_expect_geq(h->settled, 1);
}

SCENARIO(calls, a_proposal_is_decided_and_then_performed)
{
    hello(h, BOTH, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{\"a\":1}");
    done(h, "/do/0/w", "{\"p\":1}");
    struct sent *sent = task(h, "/do/0/w");
    cr_expect_eq(sent->phase, PHASE_PERFORM);
    cr_expect_str_eq(sent->proposal, "{\"p\":1}");
    cr_expect_str_eq(sent->input, "{\"a\":1}");
    done(h, "/do/0/w", "{\"n\":2}");
    EXPECT("i1 instance-started in={\"a\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"a\":1} out={\"a\":1}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={\"p\":1}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.1 done effect=done out={\"n\":2}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={\"n\":2}\n");
}

SCENARIO(calls, the_idempotency_key_may_be_given)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, with: {idempotencyKey: '${ .id }'}}\n");
    run(h, "{\"id\":\"same\"}");
    run(h, "{\"id\":\"same\"}");
    cr_expect(id_equal(&task(h, "i1:/do/0/w")->key, &task(h, "i2:/do/0/w")->key));
    struct id named = id_of_user_key("worker", "work", "same");
    cr_expect(id_equal(&named, &task(h, "i1:/do/0/w")->key));
    done(h, "i1:/do/0/w", "{}");
    done(h, "i2:/do/0/w", "{}");
    run(h, "{\"id\":7}");
    EXPECT("i1 instance-started in={\"id\":\"same\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"id\":\"same\"} out={\"id\":\"same\"}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i2 instance-started in={\"id\":\"same\"}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={\"id\":\"same\"} out={\"id\":\"same\"}\n"
           "i2 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.1 done effect=done out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n"
           "i2 step-result /do/0/w perform #0.1 done effect=done out={}\n"
           "i2 step-completed /do/0/w ^\n"
           "i2 instance-completed out={}\n"
           "i3 instance-started in={\"id\":7}\n"
           "i3 workflow-entered\n"
           "i3 step-faulted /do/0/w "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"idempotencyKey must be a text of 1 to 256 bytes\"}\n"
           "i3 instance-faulted "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"idempotencyKey must be a text of 1 to 256 bytes\"}\n");
}

SCENARIO(calls, a_step_waits_for_a_store_with_its_contract)
{
    deploy_tasks(h, "- w: {call: 'work:2.1@worker'}\n");
    run(h, "{}");
    hello(h, PURE, "old", 4);
    hello(h, CONTRACT("worker", "2.0.5", "work", "[\"decide\"]", "pure"), "low", 4);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n");
    hello(h, CONTRACT("worker", "2.3.0", "work", "[\"decide\"]", "pure"), "new", 4);
    cr_expect_str_eq(task(h, "/do/0/w")->store, "new");
    done(h, "/do/0/w", "{}");
    EXPECT("i1 step-dispatched /do/0/w decide #0.1 store=new contract=2.3.0\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n");
}

/* Side by side the newer contract gets the new work; then the one with less to do; then by name. */
SCENARIO(calls, the_newest_contract_and_the_least_loaded_store_win)
{
    hello(h, PURE, "b", 2);
    hello(h, PURE, "a", 2);
    deploy_tasks(h, "- w: {call: 'work@worker'}\n");
    run(h, "{}");
    cr_expect_str_eq(task(h, "i1:/do/0/w")->store, "a");
    run(h, "{}");
    cr_expect_str_eq(task(h, "i2:/do/0/w")->store, "b");
    hello(h, CONTRACT("worker", "1.10.0", "work", "[\"decide\"]", "pure"), "c", 2);
    run(h, "{}");
    run(h, "{}");
    run(h, "{}");
    cr_expect_str_eq(task(h, "i3:/do/0/w")->store, "c");
    cr_expect_str_eq(task(h, "i4:/do/0/w")->store, "c");
    cr_expect_str_eq(task(h, "i5:/do/0/w")->store, "a");
    for (int i = 1; i <= 5; i++) {
        char step[32];
        (void)snprintf(step, sizeof(step), "i%d:/do/0/w", i);
        done(h, step, "{}");
    }
    forget_trace(h);
}

SCENARIO(calls, credit_and_priority_order_the_queue)
{
    hello(h, PURE, "s1", 1);
    deploy_tasks(h, "- w:\n"
                    "    call: work@worker\n"
                    "    with: {input: {n: '${ .n }'}, priority: 5}\n");
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: urgent, version: 1.0.0,\n"
              "           metadata: {mainstay: {priority: 1}}}\n"
              "do: [{w: {call: work@worker}}]\n");
    run(h, "{\"n\":1}");
    run(h, "{\"n\":2}");
    run(h, "{\"n\":3}");
    start(h, "test/urgent", "{}");
    cr_expect_eq(h->sent_count, 1);
    cr_expect_eq(engine_ready(turn_engine(h->turn)), 3);
    done(h, "i1:/do/0/w", "{}");
    cr_expect_eq(h->sent_count, 2);
    done(h, "i4:/do/0/w", "{}");
    done(h, "i2:/do/0/w", "{}");
    done(h, "i3:/do/0/w", "{}");
    EXPECT("i1 instance-started in={\"n\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"n\":1} out={\"n\":1}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i2 instance-started in={\"n\":2}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={\"n\":2} out={\"n\":2}\n"
           "i3 instance-started in={\"n\":3}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/w in={\"n\":3} out={\"n\":3}\n"
           "i4 instance-started in={}\n"
           "i4 workflow-entered\n"
           "i4 step-started /do/0/w in={} out={}\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n"
           "i4 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i4 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i4 step-completed /do/0/w ^\n"
           "i4 instance-completed out={}\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i2 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i2 step-completed /do/0/w ^\n"
           "i2 instance-completed out={}\n"
           "i3 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i3 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i3 step-completed /do/0/w ^\n"
           "i3 instance-completed out={}\n");
}

static uint64_t urgent_steps(struct harness *h)
{
    return engine_counters(turn_engine(h->turn))->urgent;
}

/* The edge has events wait after each urgent step that is counted. A single play: counters begin
 * anew with a restart. */
Test(calls, an_urgent_step_that_waited_for_credit_held_events_back)
{
    struct harness *h = harness_create();
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: urgent, version: 1.0.0,\n"
              "           metadata: {mainstay: {priority: 1}}}\n"
              "do: [{w: {call: work@worker}}]\n");
    start(h, "test/urgent", "{}");
    cr_expect_eq(urgent_steps(h), 0, "no agent is there");
    hello(h, PURE, "s1", 1);
    cr_expect_eq(urgent_steps(h), 1);
    start(h, "test/urgent", "{}");
    start(h, "test/urgent", "{}");
    cr_expect_eq(urgent_steps(h), 1, "two wait for credit");
    done(h, "i1:/do/0/w", "{}");
    cr_expect_eq(urgent_steps(h), 2);
    forget_trace(h);
    harness_destroy(&h);
}

#define TWO                                                                     \
    "{\"agent\":\"worker\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{" \
    "\"one\":{\"title\":\"t\",\"input\":{},\"output\":{},\"effect\":\"pure\","  \
    "\"phases\":[\"decide\"],\"timeout\":\"PT5S\"},"                            \
    "\"two\":{\"title\":\"t\",\"input\":{},\"output\":{},\"effect\":\"pure\","  \
    "\"phases\":[\"decide\"],\"timeout\":\"PT5S\"}}}"

/* The priority holds among all actions of an agent, not only within one. */
SCENARIO(calls, priority_holds_across_actions)
{
    hello(h, TWO, "s1", 1);
    deploy_tasks(h, "- w:\n"
                    "    switch:\n"
                    "      - one: {when: '${ .a == 1 }', then: one}\n"
                    "      - low: {when: '${ .a == 3 }', then: low}\n"
                    "- two: {call: two@worker, with: {priority: 1}, then: end}\n"
                    "- low: {call: two@worker, with: {priority: 5}, then: end}\n"
                    "- one: {call: one@worker, with: {priority: 3}, then: end}\n");
    run(h, "{\"a\":3}");
    run(h, "{\"a\":3}");
    run(h, "{\"a\":1}");
    run(h, "{\"a\":2}");
    done(h, "i1:/do/2/low", "{}");
    done(h, "i4:/do/1/two", "{}");
    done(h, "i3:/do/3/one", "{}");
    done(h, "i2:/do/2/low", "{}");
    EXPECT("i1 instance-started in={\"a\":3}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/w out={\"a\":3}\n"
           "i1 step-started /do/2/low in={\"a\":3} out={\"a\":3}\n"
           "i1 step-dispatched /do/2/low decide #0.1 store=s1 contract=1.0.0\n"
           "i2 instance-started in={\"a\":3}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/w out={\"a\":3}\n"
           "i2 step-started /do/2/low in={\"a\":3} out={\"a\":3}\n"
           "i3 instance-started in={\"a\":1}\n"
           "i3 workflow-entered\n"
           "i3 step-ran /do/0/w out={\"a\":1}\n"
           "i3 step-started /do/3/one in={\"a\":1} out={\"a\":1}\n"
           "i4 instance-started in={\"a\":2}\n"
           "i4 workflow-entered\n"
           "i4 step-ran /do/0/w out={\"a\":2}\n"
           "i4 step-started /do/1/two in={\"a\":2} out={\"a\":2}\n"
           "i1 step-result /do/2/low decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/2/low !\n"
           "i1 instance-completed out={}\n"
           "i4 step-dispatched /do/1/two decide #0.1 store=s1 contract=1.0.0\n"
           "i4 step-result /do/1/two decide #0.1 done effect=none out={}\n"
           "i4 step-completed /do/1/two !\n"
           "i4 instance-completed out={}\n"
           "i3 step-dispatched /do/3/one decide #0.1 store=s1 contract=1.0.0\n"
           "i3 step-result /do/3/one decide #0.1 done effect=none out={}\n"
           "i3 step-completed /do/3/one !\n"
           "i3 instance-completed out={}\n"
           "i2 step-dispatched /do/2/low decide #0.1 store=s1 contract=1.0.0\n"
           "i2 step-result /do/2/low decide #0.1 done effect=none out={}\n"
           "i2 step-completed /do/2/low !\n"
           "i2 instance-completed out={}\n");
}

SCENARIO(calls, an_action_nobody_offers_is_parked)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- w: {call: 'play@worker'}\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-result /do/0/w #0.1 failed effect=none contract:unknown-action\n"
           "i1 gate-opened /do/0/w contract:unknown-action parked r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"the agent does not offer this action\",\"detail\":\"unknown-action: "
           "agent 'worker' is live but offers no action 'play'\"}\n");
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("i1 gate-decided /do/0/w reject\n"
           "i1 step-faulted /do/0/w "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"the agent does not offer this action\",\"detail\":\"unknown-action: "
           "agent 'worker' is live but offers no action 'play'\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/"
           "w\",\"title\":\"the agent does not offer this action\",\"detail\":\"unknown-action: "
           "agent 'worker' is live but offers no action 'play'\"}\n");
}

/* A busy store that has the action counts, whoever else lacks it. */
SCENARIO(calls, an_action_of_a_busy_store_is_not_unknown)
{
    hello(h, CONTRACT("worker", "2.0.0", "play", "[\"decide\"]", "pure"), "busy", 1);
    hello(h, PURE, "other", 4);
    deploy_tasks(h, "- w: {call: 'play@worker'}\n");
    run(h, "{}");
    run(h, "{}");
    done(h, "i1:/do/0/w", "{}");
    done(h, "i2:/do/0/w", "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=busy contract=2.0.0\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={} out={}\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={}\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=busy contract=2.0.0\n"
           "i2 step-result /do/0/w decide #0.1 done effect=none out={}\n"
           "i2 step-completed /do/0/w ^\n"
           "i2 instance-completed out={}\n");
}

SCENARIO(calls, input_that_breaks_the_contract_asks_for_a_correction)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, with: {input: '${ .v }'}}\n");
    run(h, "{\"v\":3}");
    EXPECT("i1 instance-started in={\"v\":3}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"v\":3} out=3\n"
           "i1 step-result /do/0/w #0.1 failed effect=none data:input-breaks-contract\n"
           "i1 gate-opened /do/0/w data:input-breaks-contract data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"the action's input breaks its "
           "contract\",\"detail\":\"input-breaks-contract: must be object, not 3\"}\n");
    verdict(h, VERDICT_EDIT, "4");
    EXPECT("i1 gate-decided /do/0/w edit value=4\n"
           "i1 step-result /do/0/w#2 #1.1 failed effect=none data:input-breaks-contract\n"
           "i1 gate-opened /do/0/w#2 data:input-breaks-contract data r2 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"the action's input breaks its "
           "contract\",\"detail\":\"input-breaks-contract: must be object, not 4\"}\n");
    verdict(h, VERDICT_EDIT, "{\"fixed\":true}");
    cr_expect_str_eq(task(h, "/do/0/w#3")->input, "{\"fixed\":true}");
    done(h, "/do/0/w#3", "{}");
    EXPECT("i1 gate-decided /do/0/w#2 edit value={\"fixed\":true}\n"
           "i1 step-dispatched /do/0/w#3 decide #2.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w#3 decide #2.1 done effect=none out={}\n"
           "i1 step-completed /do/0/w#3 ^\n"
           "i1 instance-completed out={}\n");
}

/* The corrected input has a name of its own, which a later activation does not use again. */
SCENARIO(calls, a_corrected_step_keeps_its_name_to_itself)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, with: {input: '${ .v }'}}\n"
                    "- more:\n"
                    "    switch:\n"
                    "      - again: {when: '${ .n == 1 }', then: w}\n"
                    "    output: {as: '${ {v: {}} }'}\n");
    run(h, "{\"v\":3}");
    struct id wrong = id_of_step(&h->instances[0], "/do/w", "", 1);
    verdict(h, VERDICT_EDIT, "{\"fixed\":1}");
    struct id fixed = task(h, "/do/0/w#2")->key;
    cr_expect_not(id_equal(&wrong, &fixed));
    done(h, "/do/0/w#2", "{\"n\":1}");
    struct id later = task(h, "/do/0/w#3")->key;
    cr_expect_not(id_equal(&later, &fixed));
    done(h, "/do/0/w#3", "{\"n\":2}");
    EXPECT("i1 instance-started in={\"v\":3}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"v\":3} out=3\n"
           "i1 step-result /do/0/w #0.1 failed effect=none data:input-breaks-contract\n"
           "i1 gate-opened /do/0/w data:input-breaks-contract data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "w\",\"title\":\"the action's input breaks its "
           "contract\",\"detail\":\"input-breaks-contract: must be object, not 3\"}\n"
           "i1 gate-decided /do/0/w edit value={\"fixed\":1}\n"
           "i1 step-dispatched /do/0/w#2 perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w#2 perform #1.1 done effect=done out={\"n\":1}\n"
           "i1 step-completed /do/0/w#2\n"
           "i1 step-ran /do/1/more out={\"v\":{}}\n"
           "i1 step-started /do/0/w#3 in={\"v\":{}} out={}\n"
           "i1 step-dispatched /do/0/w#3 perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w#3 perform #1.1 done effect=done out={\"n\":2}\n"
           "i1 step-completed /do/0/w#3\n"
           "i1 step-ran /do/1/more#2 ^ out={\"v\":{}}\n"
           "i1 instance-completed out={\"v\":{}}\n");
}

SCENARIO(calls, output_that_breaks_the_contract_is_parked)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    done(h, "/do/0/w", "{\"n\":\"text\"}");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/w in={} out={}\n"
        "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
        "i1 step-result /do/0/w decide #0.1 failed effect=none contract:output-breaks-contract\n"
        "i1 gate-opened /do/0/w contract:output-breaks-contract parked r1 "
        "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/w\",\"title\":\"the "
        "agent's output breaks its contract\",\"detail\":\"output-breaks-contract: /n: must be "
        "integer, not \\\"text\\\"\"}\n");
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "/do/0/w", "{\"n\":1}");
    EXPECT("i1 gate-decided /do/0/w approve\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #1.1 done effect=none out={\"n\":1}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={\"n\":1}\n");
}

SCENARIO(calls, a_breach_can_be_caught)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- t:\n"
                    "    try: [{w: {call: work@worker}}]\n"
                    "    catch: {do: [{c: {set: {got: '${ $error.detail }'}}}]}\n");
    run(h, "{}");
    done(h, "/do/0/t/try/0/w", "{\"n\":\"text\"}");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-started /do/0/t/try/0/w in={} out={}\n"
        "i1 step-dispatched /do/0/t/try/0/w decide #0.1 store=s1 contract=1.0.0\n"
        "i1 step-result /do/0/t/try/0/w decide #0.1 failed effect=none "
        "contract:output-breaks-contract\n"
        "i1 step-faulted /do/0/t/try/0/w "
        "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
        "w\",\"title\":\"the agent's output breaks its "
        "contract\",\"detail\":\"output-breaks-contract: /n: must be integer, not \\\"text\\\"\"}\n"
        "i1 error-caught /do/0/t "
        "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
        "w\",\"title\":\"the agent's output breaks its "
        "contract\",\"detail\":\"output-breaks-contract: /n: must be integer, not \\\"text\\\"\"} "
        "value={\"error\":{\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
        "w\",\"title\":\"the agent's output breaks its "
        "contract\",\"detail\":\"output-breaks-contract: /n: must be integer, not "
        "\\\"text\\\"\"}}\n"
        "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"got\":\"output-breaks-contract: /n: must be "
        "integer, not \\\"text\\\"\"}\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"got\":\"output-breaks-contract: /n: must be integer, not "
        "\\\"text\\\"\"}\n");
}

SCENARIO(calls, low_confidence_is_held_for_a_person)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, with: {minConfidence: 0.29}}\n"
                    "- a: {set: {n: '${ .n }'}}\n");
    run(h, "{}");
    done_sure(h, "/do/0/w", "{\"n\":1}", 289999);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={\"n\":1}\n"
           "i1 gate-opened /do/0/w quality:low-confidence parked r1 out={\"n\":1} "
           "error={\"type\":\"err:runtime\",\"status\":422,\"instance\":\"/do/0/"
           "w\",\"title\":\"the agent is not sure enough\",\"detail\":\"low-confidence: confidence "
           "0.290 is below the 0.290 this step asks for\"}\n");
    verdict(h, VERDICT_APPROVE, NULL);
    EXPECT("i1 gate-decided /do/0/w ! approve\n"
           "i1 step-completed /do/0/w\n"
           "i1 step-ran /do/1/a ^ out={\"n\":1}\n"
           "i1 instance-completed out={\"n\":1}\n");
    run(h, "{}");
    done_sure(h, "/do/0/w", "{\"n\":1}", 290000);
    EXPECT("i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={} out={}\n"
           "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i2 step-result /do/0/w decide #0.1 done effect=none out={\"n\":1}\n"
           "i2 step-completed /do/0/w\n"
           "i2 step-ran /do/1/a ^ out={\"n\":1}\n"
           "i2 instance-completed out={\"n\":1}\n");
}

/* What is approved then is the proposal: the effect still has to be performed. */
SCENARIO(calls, a_proposal_held_for_a_person_is_performed_after_approval)
{
    hello(h, BOTH, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, with: {minConfidence: 0.9}}\n");
    run(h, "{}");
    done_sure(h, "/do/0/w", "{\"p\":1}", 500000);
    verdict(h, VERDICT_APPROVE, NULL);
    struct sent *sent = task(h, "/do/0/w");
    cr_expect_eq(sent->phase, PHASE_PERFORM);
    cr_expect_str_eq(sent->proposal, "{\"p\":1}");
    done(h, "/do/0/w", "{\"n\":1}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={\"p\":1}\n"
           "i1 gate-opened /do/0/w quality:low-confidence parked r1 out={\"p\":1} "
           "error={\"type\":\"err:runtime\",\"status\":422,\"instance\":\"/do/0/"
           "w\",\"title\":\"the agent is not sure enough\",\"detail\":\"low-confidence: confidence "
           "0.500 is below the 0.900 this step asks for\"}\n"
           "i1 gate-decided /do/0/w approve\n"
           "i1 step-dispatched /do/0/w perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #1.1 done effect=done out={\"n\":1}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={\"n\":1}\n");
}

/* The agent failed for quality and there is no output to take: approving tries again. */
SCENARIO(calls, a_quality_failure_without_output_is_tried_again)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_QUALITY, MARK_NONE);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "/do/0/w", "{\"n\":2}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 failed effect=none quality:broken\n"
           "i1 gate-opened /do/0/w quality:broken parked r1 "
           "error={\"type\":\"err:runtime\",\"status\":422,\"instance\":\"/do/0/w\",\"title\":\"it "
           "broke\",\"detail\":\"broken\"}\n"
           "i1 gate-decided /do/0/w approve\n"
           "i1 step-dispatched /do/0/w decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #1.1 done effect=none out={\"n\":2}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={\"n\":2}\n");
}

SCENARIO(calls, a_contract_version_has_one_text)
{
    hello(h, PURE, "s1", 4);
    hello_session(h, KEYED, "s2", 4, 1);
    cr_expect_eq(h->reply, ERR_CONFLICT);
    hello_session(h, "{\"agent\":\"worker\",\"version\":\"1.0\"}", "s2", 4, 1);
    cr_expect_eq(h->reply, ERR_INVALID);
    EXPECT("> conflict: contract worker:1.0.0 is known with another text; raise its version\n"
           "> invalid: contract refused: 'version' must be three numbers, like 1.0.0\n");
}

/* A step that fails before it is sent goes on in the same turn, with all that follows from it. */
SCENARIO(calls, what_follows_a_refused_dispatch_happens_at_once)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- t:\n"
                    "    try: [{w: {call: work@worker, with: {input: 3}}}]\n"
                    "    catch:\n"
                    "      do:\n"
                    "        - e: {emit: {event: {with: {type: oops}}}}\n"
                    "        - x: {call: work@worker}\n");
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: on, version: 1.0.0}\n"
              "schedule: {on: {one: {with: {type: oops}}}}\n"
              "do: [{w: {call: work@worker, with: {input: {}}}}]\n");
    run(h, "{}");
    done(h, "i2:/do/0/w", "{}");
    done(h, "i1:/do/0/t/catch/do/1/x", "{}");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-started /do/0/t/try/0/w in={} out=3\n"
        "i1 step-result /do/0/t/try/0/w #0.1 failed effect=none data:input-breaks-contract\n"
        "i1 step-faulted /do/0/t/try/0/w "
        "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "w\",\"title\":\"the action's input breaks its "
        "contract\",\"detail\":\"input-breaks-contract: must be object, not 3\"}\n"
        "i1 error-caught /do/0/t "
        "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "w\",\"title\":\"the action's input breaks its "
        "contract\",\"detail\":\"input-breaks-contract: must be object, not 3\"} "
        "value={\"error\":{\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "w\",\"title\":\"the action's input breaks its "
        "contract\",\"detail\":\"input-breaks-contract: must be object, not 3\"}}\n"
        "i1 step-ran /do/0/t/catch/do/0/e "
        "out={\"specversion\":\"1.0\",\"type\":\"oops\",\"id\":"
        "\"6b3ed9f5717650bd9960d75df3791537\",\"source\":\"/test/flow/"
        "1.0.0\",\"time\":\"2025-06-15T15:06:40Z\"}\n"
        "i1 event-emitted /do/0/t/catch/do/0/e\n"
        "i1 step-started /do/0/t/catch/do/1/x "
        "in={\"specversion\":\"1.0\",\"type\":\"oops\",\"id\":\"6b3ed9f5717650bd9960d75df3791537\","
        "\"source\":\"/test/flow/1.0.0\",\"time\":\"2025-06-15T15:06:40Z\"} "
        "out={\"specversion\":\"1.0\",\"type\":\"oops\",\"id\":"
        "\"6b3ed9f5717650bd9960d75df3791537\",\"source\":\"/test/flow/"
        "1.0.0\",\"time\":\"2025-06-15T15:06:40Z\"}\n"
        "i1 step-dispatched /do/0/t/catch/do/1/x decide #0.1 store=s1 contract=1.0.0\n"
        "event-accepted type=oops\n"
        "i2 instance-started "
        "in=[{\"specversion\":\"1.0\",\"type\":\"oops\",\"id\":"
        "\"6b3ed9f5717650bd9960d75df3791537\",\"source\":\"/test/flow/"
        "1.0.0\",\"time\":\"2025-06-15T15:06:40Z\"}]\n"
        "i2 workflow-entered\n"
        "i2 step-started /do/0/w "
        "in=[{\"specversion\":\"1.0\",\"type\":\"oops\",\"id\":"
        "\"6b3ed9f5717650bd9960d75df3791537\",\"source\":\"/test/flow/"
        "1.0.0\",\"time\":\"2025-06-15T15:06:40Z\"}] out={}\n"
        "i2 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
        "> publish oops\n"
        "i2 step-result /do/0/w decide #0.1 done effect=none out={}\n"
        "i2 step-completed /do/0/w ^\n"
        "i2 instance-completed out={}\n"
        "i1 step-result /do/0/t/catch/do/1/x decide #0.1 done effect=none out={}\n"
        "i1 step-completed /do/0/t/catch/do/1/x ^\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={}\n");
}

#define EXEC CONTRACT("exec", "1.0.0", "shell", "[\"perform\"]", "manual")

SCENARIO(calls, a_program_is_a_call_of_the_agent_exec)
{
    hello(h, EXEC, "s1", 1);
    deploy_tasks(h, "- a: {run: {shell: {command: 'ls $1', arguments: ['${ .dir }']}, "
                    "return: code}}\n");
    run(h, "{\"dir\":\"x\"}");
    EXPECT("i1 instance-started in={\"dir\":\"x\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/a in={\"dir\":\"x\"} out={\"shell\":{\"command\":\"ls "
           "$1\",\"arguments\":[\"x\"]},\"return\":\"code\"}\n"
           "i1 step-dispatched /do/0/a perform #0.1 store=s1 contract=1.0.0\n");
    done(h, "/do/0/a", "{\"n\":0}");
    EXPECT("i1 step-result /do/0/a perform #0.1 done effect=done out={\"n\":0}\n"
           "i1 step-completed /do/0/a ^\n"
           "i1 instance-completed out={\"n\":0}\n");
}

/* A jump back into a block: its effects are others than those of the first time, and a restart
 * finds their names again. */
SCENARIO(calls, a_jump_back_into_a_block_gives_its_effects_new_names)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- b: {do: [{w: {call: work@worker}}]}\n"
                    "- again: {switch: [{more: {when: '${ .n < 2 }', then: b}}]}\n");
    run(h, "{}");
    struct id first = task(h, "/do/0/b/do/0/w")->key;
    done(h, "/do/0/b/do/0/w", "{\"n\":1}");
    struct id second = task(h, "/do/0/b/do/0/w[~2]")->key;
    cr_expect_not(id_equal(&first, &second));
    done(h, "/do/0/b/do/0/w[~2]", "{\"n\":2}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}
