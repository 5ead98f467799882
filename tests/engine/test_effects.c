/*
 * Effects that may have happened: settled by class, or by a person who has looked; and those of
 * steps that are entered again: what happened, or may have, under a key stays with the store that
 * knows of it.
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
    fail(h, STEP, FAILURE_CONTRACT, MARK_DONE);
    hello(h, KEYED, "s1", 4); /* goes before s2, by its name */
    advance(h, 1000);
    cr_assert_str_eq(task(h, STEP)->store, "s2");
    fail(h, STEP, FAILURE_CONTRACT, MARK_NONE);
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
    fail(h, STEP, FAILURE_CONTRACT, MARK_DONE);
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
    verdict(h, VERDICT_NO, NULL);
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
    fail(h, STEP, FAILURE_CONTRACT, MARK_NONE);
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

static void deploy_call(struct harness *h, const char *contract)
{
    hello(h, contract, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
}

static enum ledger_state ledger_of(struct harness *h, const struct id *key)
{
    const struct instance *instance = engine_instance(turn_engine(h->turn), &h->instances[0]);
    cr_assert_not_null(instance);
    const struct ledger_entry *entry = instance_ledger(instance, key);
    cr_assert_not_null(entry);
    return entry->state;
}

/* An instance ended without an effect that was done all the same: a person left the doubt as it
 * was. What its agent says then is `late`. */
static struct result_command end_in_doubt(struct harness *h)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    struct result_command late = result_of(task(h, "/do/0/w"), RESULT_DONE);
    fail(h, "/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    verdict(h, VERDICT_REJECT, NULL);
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
    return late;
}

/* Of the ended instance: the journal's last sequence in its story, and its unsettled effects. */
static uint64_t done_last(struct harness *h, size_t *ret_effects)
{
    struct arena *arena = arena_create(1024 * 1024);
    struct done done;
    cr_assert_eq(tables_done(turn_tables(h->turn), &h->instances[0], arena, &done, NULL), ERR_OK);
    uint64_t last = done.journal[done.journal_count - 1];
    *ret_effects = done.effect_count;
    arena_destroy(&arena);
    return last;
}

SCENARIO(effects, a_late_effect_of_an_ended_instance_enters_its_story_once)
{
    struct result_command late = end_in_doubt(h);
    size_t effects = 0;
    (void)done_last(h, &effects);
    cr_expect_eq(effects, 1);
    unsigned settled = h->settled;
    give(h, &late);
    EXPECT("i1 effect-late\n");
    cr_expect_gt(h->settled, settled, "else its store says so for ever");
    uint64_t said = tables_sequence(turn_tables(h->turn));
    cr_expect_eq(done_last(h, &effects), said, "explain finds it");
    cr_expect_eq(effects, 0);
    give(h, &late);
    EXPECT("");
    cr_expect_eq(tables_sequence(turn_tables(h->turn)), said);
    cr_expect_eq(open_instances(h), 0);
    doc_unref(&late.output);
}

SCENARIO(effects, nobody_speaks_for_another_agent_after_the_end)
{
    struct result_command late = end_in_doubt(h);
    struct result_command foreign = late;
    foreign.agent = "other";
    give_once(h, &foreign);
    cr_expect_eq(table_rows(h, 'Z'), 1, "it is kept");
    forget_trace(h);
    foreign = late;
    foreign.key.bytes[0] ^= 1;
    give(h, &foreign);
    foreign = late;
    foreign.instance.bytes[0] ^= 1;
    give(h, &foreign);
    foreign = late;
    foreign.phase = PHASE_DECIDE;
    give(h, &foreign);
    EXPECT("");
    size_t effects = 0;
    (void)done_last(h, &effects);
    cr_expect_eq(effects, 1);
    give(h, &late);
    EXPECT("i1 effect-late\n");
    doc_unref(&late.output);
}

/* The rows of ended instances are read and written several times in one turn. */
SCENARIO(effects, late_effects_of_one_turn_all_enter_the_story)
{
    hello(h, MANUAL, "s1", 4);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches: [{a: {call: work@worker}}, {b: {call: work@worker}}]\n");
    run(h, "{}");
    struct result_command late[] = {result_of(task(h, "/do/0/f/fork/branches/0/a"), RESULT_DONE),
                                    result_of(task(h, "/do/0/f/fork/branches/1/b"), RESULT_DONE)};
    cancel(h, 1);
    fail(h, "/do/0/f/fork/branches/0/a", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    struct result_command last = result_of(task(h, "/do/0/f/fork/branches/1/b"), RESULT_FAILED);
    last.failure.failure_class = FAILURE_IN_DOUBT;
    last.failure.effect = MARK_UNKNOWN;
    forget_trace(h);
    /* the first is said in the turn that ends the instance, between its end and its row */
    struct command commands[] = {{.kind = COMMAND_RESULT, .result = last},
                                 {.kind = COMMAND_RESULT, .result = late[0]},
                                 {.kind = COMMAND_RESULT, .result = late[0]}};
    harness_begin(h);
    for (size_t i = 0; i < 3; i++) {
        harness_command(h, &commands[i]);
    }
    cr_assert(harness_end(h));
    cr_expect_eq(open_instances(h), 0);
    size_t effects = 0;
    (void)done_last(h, &effects);
    cr_expect_eq(effects, 1);
    forget_trace(h);
    harness_begin(h);
    for (size_t i = 0; i < 4; i++) {
        struct command command = {.kind = COMMAND_RESULT, .result = late[i % 2]};
        harness_command(h, &command);
    }
    cr_assert(harness_end(h));
    EXPECT("i1 effect-late\n");
    (void)done_last(h, &effects);
    cr_expect_eq(effects, 0);
    doc_unref(&late[0].output);
    doc_unref(&late[1].output);
}

SCENARIO(effects, a_person_who_saw_that_it_happened_says_what_it_gave)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    forget_trace(h);
    verdict(h, VERDICT_YES, NULL);
    cr_expect_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_YES, "{\"n\":\"seven\"}");
    cr_expect_eq(h->reply, ERR_INVALID, "the contract says that n is an integer");
    EXPECT("> invalid: yes needs a value: what the effect gave\n"
           "> invalid: the value breaks the contract's output: /n: must be integer, not "
           "\"seven\"\n");
    verdict(h, VERDICT_YES, "{\"n\":7}");
    cr_expect_eq(h->reply, ERR_OK);
    EXPECT("i1 gate-decided /do/0/w ! yes out={\"n\":7}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={\"n\":7}\n");
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(effects, a_person_who_saw_that_it_did_not_happen_lets_it_be_tried_again)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    struct id key = task(h, "/do/0/w")->key;
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    cr_expect_eq(ledger_of(h, &key), LEDGER_UNKNOWN);
    verdict(h, VERDICT_NO, NULL);
    const struct sent *again = task(h, "/do/0/w");
    cr_expect(id_equal(&key, &again->key));
    cr_expect_eq(again->past, PAST_NONE);
    cr_expect_eq(ledger_of(h, &key), LEDGER_DISPATCHED);
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_NONE);
    advance(h, 5000);
    cr_expect_eq(task(h, "/do/0/w")->past, PAST_OWN, "what was seen was of the attempts before");
    done(h, "/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(effects, what_may_have_happened_is_not_simply_repeated)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    forget_trace(h);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->reply, ERR_INVALID);
    cr_expect_eq(h->gate_count, 1);
    EXPECT("> invalid: it may have happened already: look outside, then say yes (with what it "
           "gave) or no (it is tried again)\n");
    verdict(h, VERDICT_REJECT, NULL);
    cr_expect_eq(h->reply, ERR_OK);
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(effects, probed_ones_are_sent_again_and_asked_about_when_probing_does_not_tell)
{
    deploy_call(h, PROBED);
    run(h, "{}");
    struct id key = task(h, "/do/0/w")->key;
    int64_t created_ms = task(h, "/do/0/w")->created_ms;
    cr_expect_eq(created_ms, h->now);
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    advance(h, 1000);
    cr_expect(id_equal(&key, &task(h, "/do/0/w")->key));
    cr_expect_eq(task(h, "/do/0/w")->created_ms, created_ms);
    fail(h, "/do/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.1 failed effect=unknown transient:broken\n"
           "i1 step-retry /do/0/w #0.2 at=+418\n"
           "+1000\n"
           "i1 timer-fired /do/0/w\n"
           "i1 step-dispatched /do/0/w perform #0.2 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w perform #0.2 failed effect=unknown in-doubt:broken\n"
           "i1 gate-opened /do/0/w in-doubt:broken in-doubt r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/w\",\"title\":\"it "
           "broke\",\"detail\":\"broken\"}\n");
    verdict(h, VERDICT_APPROVE, NULL); /* the agent asks the outside once more */
    cr_expect_eq(task(h, "/do/0/w")->past, PAST_OWN);
    done(h, "/do/0/w", "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(effects, yes_and_no_answer_nothing_but_a_doubt)
{
    deploy_call(h, PURE);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_CONTRACT, MARK_NONE);
    forget_trace(h);
    verdict(h, VERDICT_YES, "{}");
    cr_expect_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_NO, NULL);
    cr_expect_eq(h->reply, ERR_INVALID);
    EXPECT("> invalid: yes and no answer a gate of kind in-doubt; this one is of kind parked\n"
           "> invalid: yes and no answer a gate of kind in-doubt; this one is of kind parked\n");
}

/* Whoever may do it again does, under the same key; and is told what it cannot know. */
static void lose_a_store(struct harness *h, const char *contract, enum past past)
{
    deploy_call(h, contract);
    run(h, "{}");
    struct sent *first = task(h, "/do/0/w");
    struct result_command late = result_of(first, RESULT_DONE);
    struct id key = first->key;
    first->answered = true;
    lost(h, "s1", false);
    cr_expect_eq(h->reply, ERR_CONFLICT, "it has not said goodbye");
    lost(h, "s9", true);
    cr_expect_eq(h->reply, ERR_NOT_FOUND);
    hello(h, contract, "s2", 4);
    lost(h, "s1", true);
    cr_expect_eq(h->reply, ERR_OK);
    lost(h, "s1", true);
    cr_expect_eq(h->reply, ERR_CONFLICT, "it is lost already");
    const struct sent *second = task(h, "/do/0/w");
    cr_expect_str_eq(second->store, "s2");
    cr_expect(id_equal(&key, &second->key));
    cr_expect_eq(second->past, past);
    hello_session(h, contract, "s1", 4, 9);
    cr_expect_eq(h->reply, ERR_REFUSED, "its work was settled without it");
    give(h, &late); /* is stale, and on record when it says that an effect happened */
    cr_expect_eq(open_instances(h), 1);
    done(h, "/do/0/w", "{}");
    cr_expect_eq(open_instances(h), 0);
    doc_unref(&late.output);
    forget_trace(h);
}

SCENARIO(effects, pure_work_of_a_lost_store_goes_to_another)
{
    lose_a_store(h, PURE, PAST_OWN);
}

SCENARIO(effects, keyed_work_of_a_lost_store_is_repeated_by_another)
{
    lose_a_store(h, KEYED, PAST_UNKNOWN);
}

SCENARIO(effects, probed_work_of_a_lost_store_is_asked_about_by_another)
{
    lose_a_store(h, PROBED, PAST_UNKNOWN);
}

SCENARIO(effects, manual_work_of_a_lost_store_is_for_a_person)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    leave(h, "worker", "s1");
    hello(h, MANUAL, "s2", 4);
    forget_trace(h);
    lost(h, "s1", false);
    task(h, "/do/0/w")->answered = true;
    EXPECT(
        "i1 step-result /do/0/w perform #0.1 failed effect=unknown in-doubt:store-lost\n"
        "i1 gate-opened /do/0/w in-doubt:store-lost in-doubt r1 "
        "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/w\",\"title\":\"the "
        "store that had this step is lost\",\"detail\":\"store-lost: a person declared it lost "
        "with "
        "what it knew: look outside whether the effect happened\"}\n");
    verdict(h, VERDICT_NO, NULL);
    const struct sent *second = task(h, "/do/0/w");
    cr_expect_str_eq(second->store, "s2");
    cr_expect_eq(second->past, PAST_NONE);
    done(h, "/do/0/w", "{}");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, a_cancelled_instance_does_not_wait_for_a_lost_store)
{
    deploy_call(h, KEYED);
    run(h, "{}");
    cancel(h, 1);
    cr_expect_eq(open_instances(h), 1);
    task(h, "/do/0/w")->answered = true;
    lost(h, "s1", true);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

/* The store comes back with another disk while its effect is out. */
static void replace_a_disk(struct harness *h, const char *contract, enum past past)
{
    deploy_call(h, contract);
    run(h, "{}");
    struct sent *first = task(h, "/do/0/w");
    struct id key = first->key;
    cr_expect_str_eq(first->store, "s1");
    size_t sent = h->sent_count;
    hello_id(h, contract, "s1", 4, 2, 8);
    cr_expect_eq(h->reply, ERR_REFUSED, "it does not know what is under way");
    advance(h, 3600000);
    hello_session(h, contract, "s1", 4, 3);
    cr_expect_eq(h->reply, ERR_OK, "the one before may come back");
    hello_id(h, contract, "s1", 4, 4, 8);
    cr_expect_eq(h->reply, ERR_REFUSED);
    cr_expect_eq(h->sent_count, sent);
    task(h, "/do/0/w")->answered = true;
    lost(h, "s1", true);
    cr_expect_eq(h->sent_count, sent, "there is no store yet");
    hello_id(h, contract, "s1", 4, 5, 8);
    cr_expect_eq(h->reply, ERR_OK);
    const struct sent *second = task(h, "/do/0/w");
    cr_expect_str_eq(second->store, "s1");
    cr_expect(id_equal(&key, &second->key));
    cr_expect_eq(second->past, past);
    done(h, "/do/0/w", "{}");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, a_new_disk_does_not_get_the_keyed_effects_of_the_old_one)
{
    replace_a_disk(h, KEYED, PAST_UNKNOWN);
}

SCENARIO(effects, a_new_disk_does_not_get_the_probed_effects_of_the_old_one)
{
    replace_a_disk(h, PROBED, PAST_UNKNOWN);
}

SCENARIO(effects, a_new_disk_does_not_get_the_manual_effects_of_the_old_one)
{
    deploy_call(h, MANUAL);
    run(h, "{}");
    forget_trace(h);
    hello_id(h, MANUAL, "s1", 4, 2, 8);
    cr_expect_eq(h->reply, ERR_REFUSED);
    hello_id(h, MANUAL, "s2", 4, 2, 8);
    cr_expect_eq(h->reply, ERR_OK, "another name is another store");
    EXPECT("> refused: the data directory is not the one that store worker/s1 had, and effects are "
           "under way there (1): start the agent on that one; or if it is gone, 'mainstay agents "
           "lost worker/s1 --force' settles them; or start with another store name\n");
    done(h, "/do/0/w", "{}"); /* the store before is heard until then */
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
    hello_id(h, MANUAL, "s1", 4, 3, 8);
    cr_expect_eq(h->reply, ERR_OK, "nothing is under way any more");
    forget_trace(h);
}

SCENARIO(effects, pure_work_moves_to_the_new_disk)
{
    deploy_call(h, PURE);
    run(h, "{}");
    hello_id(h, PURE, "s1", 4, 2, 8);
    cr_expect_eq(h->reply, ERR_OK);
    done(h, "/do/0/w", "{}");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, a_new_disk_is_told_that_it_cannot_know_of_a_probed_effect_that_is_tried_again)
{
    deploy_call(h, PROBED);
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_TRANSIENT, MARK_UNKNOWN);
    hello_id(h, PROBED, "s1", 4, 2, 8);
    cr_expect_eq(h->reply, ERR_OK, "the store before has answered");
    advance(h, 1000);
    cr_expect_eq(task(h, "/do/0/w")->past, PAST_UNKNOWN);
    done(h, "/do/0/w", "{}");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

#define USED_TWICE                                                                      \
    "- t:\n"                                                                            \
    "    try: [{w: {call: 'work@worker', with: {idempotencyKey: k, input: {n: 1}}}}]\n" \
    "    catch: {do: [{s: {set: {a: 1}}}]}\n"                                           \
    "- v: {call: 'work@worker', with: {idempotencyKey: k, input: {n: '${ .m? // 2 }'}}}\n"

SCENARIO(effects, a_key_of_an_effect_that_happened_is_not_used_for_another_input)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, USED_TWICE);
    run(h, "{}");
    done(h, "/do/0/t/try/0/w", "{}");
    leave(h, "worker", "s1");
    lost(h, "s1", true);
    hello(h, KEYED, "s2", 4);
    cr_assert_eq(h->sent_count, 1, "the store that would refuse it is gone");
    cr_assert_eq(h->gate_count, 1);
    cr_expect_not_null(strstr(h->trace.data, "in-doubt:key-reused parked"));
    forget_trace(h);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_assert_eq(h->sent_count, 1);
    cr_assert_eq(h->gate_count, 2, "it is the same key and input as before");
    verdict(h, VERDICT_REJECT, NULL);
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, a_key_whose_effect_happened_is_used_again_for_the_same_input)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, USED_TWICE);
    run(h, "{}");
    done(h, "/do/0/t/try/0/w", "{\"m\":1}");
    cr_assert_eq(h->sent_count, 2, "its store answers with what it gave");
    done(h, "/do/1/v", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, a_key_of_an_effect_that_may_have_happened_is_a_persons_matter)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, USED_TWICE);
    run(h, "{}");
    fail(h, "/do/0/t/try/0/w", FAILURE_PERMISSION, MARK_UNKNOWN);
    verdict(h, VERDICT_REJECT, NULL);
    cr_assert_eq(h->sent_count, 1);
    cr_assert_eq(h->gate_count, 2);
    cr_expect_not_null(strstr(h->trace.data, "in-doubt:key-reused in-doubt"));
    leave(h, "worker", "s1");
    lost(h, "s1", true);
    hello(h, KEYED, "s2", 4);
    verdict(h, VERDICT_NO, NULL);
    cr_assert_eq(h->sent_count, 2);
    cr_assert_eq(task(h, "/do/1/v")->past, PAST_NONE);
    done(h, "/do/1/v", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

/* The coordinator stopped at a check: the step had left its queue and its key was looked for there.
 */
SCENARIO(effects, a_retry_that_fails_before_it_is_sent_leaves_its_queue_while_others_wait)
{
    hello(h, KEYED, "s1", 1);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "      - a: {call: work@worker}\n"
                    "      - b: {call: work@worker}\n");
    run(h, "{}");
    fail(h, "/do/0/f/fork/branches/0/a", FAILURE_TRANSIENT, MARK_UNKNOWN);
    cr_assert_eq(h->sent_count, 2, "the other one has the only place meanwhile");
    advance(h, 60000);
    leave(h, "worker", "s1");
    fail(h, "/do/0/f/fork/branches/1/b", FAILURE_TRANSIENT, MARK_UNKNOWN);
    advance(h, 60000);
    forget_trace(h);
    hello(h, CONTRACT("worker", "2.0.0", "other", "[\"perform\"]", "keyed"), "s1", 1);
    cr_expect_not_null(strstr(h->trace.data, "0/a #0.2 failed effect=none contract:unknown"));
    cr_expect_not_null(strstr(h->trace.data, "1/b #0.2 failed effect=none contract:unknown"));
    cr_assert_eq(h->sent_count, 2, "nothing was sent");
    forget_trace(h);
    hello(h, KEYED, "s1", 1);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "/do/0/f/fork/branches/1/b", "{}");
    cancel(h, 1);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(effects, a_key_under_which_nothing_happened_is_used_for_another_input)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, USED_TWICE);
    run(h, "{}");
    fail(h, "/do/0/t/try/0/w", FAILURE_PERMISSION, MARK_NONE);
    cr_assert_eq(h->sent_count, 2);
    done(h, "/do/1/v", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}
