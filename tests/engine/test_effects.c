/*
 * Effects of steps that are entered again: what happened, or may have, under a key stays with the
 * store that knows of it, and what cannot be asked about is not repeated without a person.
 */
#include "tests/engine/harness.h"

#define RETRIED                               \
    "- t:\n"                                  \
    "    try: [{w: {call: 'work@worker'}}]\n" \
    "    catch:\n"                            \
    "      retry: {delay: PT1S, limit: {attempt: {count: 3}}}\n"
#define STEP "/do/0/t/try/0/w"

SCENARIO(effects, a_retried_block_stays_with_the_store_that_began_its_effect)
{
    hello(h, KEYED, "s2", 4);
    deploy_tasks(h, RETRIED);
    run(h, "{}");
    fail(h, STEP, FAILURE_PERMISSION, MARK_DONE);
    hello(h, KEYED, "s1", 4); /* goes before s2, by its name */
    advance(h, 1000);
    cr_assert_str_eq(task(h, STEP)->store, "s2");
    fail(h, STEP, FAILURE_PERMISSION, MARK_NONE);
    advance(h, 1000);
    cr_assert_str_eq(task(h, STEP)->store, "s2", "that nothing happened now undoes nothing");
    done(h, STEP, "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, a_retried_block_waits_for_the_store_that_began_its_effect)
{
    hello(h, KEYED, "s2", 4);
    deploy_tasks(h, RETRIED);
    run(h, "{}");
    fail(h, STEP, FAILURE_PERMISSION, MARK_DONE);
    leave(h, "worker", "s2");
    hello(h, KEYED, "s1", 4);
    advance(h, 1000);
    cr_assert_eq(h->sent_count, 1, "another store would do it again");
    hello_session(h, KEYED, "s2", 4, 9);
    cr_assert_str_eq(task(h, STEP)->store, "s2");
    done(h, STEP, "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, a_doubt_about_a_manual_effect_is_asked_again_before_a_retry_repeats_it)
{
    hello(h, MANUAL, "s1", 4);
    deploy_tasks(h, RETRIED);
    run(h, "{}");
    fail(h, STEP, FAILURE_IN_DOUBT, MARK_UNKNOWN);
    verdict(h, VERDICT_REJECT, NULL);
    advance(h, 1000);
    cr_assert_eq(h->sent_count, 1, "nobody has said that it may be done again");
    verdict(h, VERDICT_APPROVE, NULL);
    cr_assert_eq(h->sent_count, 2);
    done(h, STEP, "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, an_attempt_that_did_nothing_leaves_the_doubt_of_an_earlier_one)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, RETRIED);
    run(h, "{}");
    fail(h, STEP, FAILURE_TRANSIENT, MARK_UNKNOWN);
    advance(h, 60000);
    cr_assert_eq(h->sent_count, 2, "repeated with the key");
    fail(h, STEP, FAILURE_PERMISSION, MARK_NONE);
    cr_assert_eq(h->gate_count, 1, "a doubt is not caught");
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, STEP, "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

Test(effects, a_restored_store_is_obeyed_by_agents_that_saw_later_epochs)
{
    struct harness *h = harness_create();
    h->untraced = true;
    uint64_t first = tables_epoch(turn_tables(h->turn));
    harness_close(h);
    h->options.epoch_least = first + 1000; /* the clock, which the store's past does not move */
    harness_open(h);
    cr_assert_eq(tables_epoch(turn_tables(h->turn)), first + 1000);
    harness_close(h);
    h->options.epoch_least = 5; /* a clock that went back */
    harness_open(h);
    cr_assert_eq(tables_epoch(turn_tables(h->turn)), first + 1001);
    harness_destroy(&h);
}
