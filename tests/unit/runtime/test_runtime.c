/* What happens to tasks, with workers and an in-memory store. */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "agents/runtime/sender.h"
#include "common/store/kv_mem.h"
#include "tests/unit/runtime/harness.h"

enum {
    DONE = MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE,
    FAILED = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED,
    RUNNING = MAINSTAY__RESULT_STATUS__RESULT_STATUS_RUNNING,
    RECALLED = MAINSTAY__RESULT_STATUS__RESULT_STATUS_RECALLED,
    IN_DOUBT = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_IN_DOUBT,
    CANCELLED = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_CANCELLED,
    CONTRACT = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_CONTRACT,
    DATA = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_DATA,
    TRANSIENT = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_TRANSIENT,
    NONE = MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE,
    UNKNOWN = MAINSTAY__EFFECT_MARK__EFFECT_MARK_UNKNOWN
};

static struct harness harness;
static struct harness *const h = &harness;

static void start(void)
{
    harness_start(h, 4);
}

static void end(void)
{
    harness_end(h);
}

TestSuite(runtime, .init = start, .fini = end);

/* Until `count` actions wait inside `wait`. */
static void until_waiting(int count)
{
    for (int i = 0; i < 10000 && atomic_load(&h->waiting) < count; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        (void)nanosleep(&pause, NULL);
    }
    cr_assert_geq(atomic_load(&h->waiting), count);
}

static void until_waiting_ends(void)
{
    for (int i = 0; i < 10000 && atomic_load(&h->waiting) > 0; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        (void)nanosleep(&pause, NULL);
    }
    cr_assert_eq(atomic_load(&h->waiting), 0);
}

Test(runtime, pure_work_runs_again_and_costs_no_sync)
{
    struct ask ask = {.key = 1, .action = "echo", .input = "{\"a\":1}"};
    uint64_t before = outcomes_syncs(h->runtime.outcomes);
    harness_ask(h, &(struct ask){.key = 9, .action = "echo", .input = "{}"}); /* stores the epoch */
    uint64_t after_epoch = outcomes_syncs(h->runtime.outcomes);
    cr_assert_eq(after_epoch, before + 1);
    for (int i = 0; i < 3; i++) {
        struct got got = harness_answer(h, &ask);
        cr_assert_eq(got.status, DONE);
        cr_assert_str_eq(got.output, "{\"a\":1}");
        cr_assert_str_eq(got.rule, "echo@1");
        cr_assert(!got.from_store);
        cr_assert(got.has_instance);
    }
    ask.action = "slow";
    cr_assert_eq(harness_answer(h, &ask).status, DONE);
    cr_assert_eq(outcomes_syncs(h->runtime.outcomes), after_epoch);
    cr_assert_eq(atomic_load(&h->runs), 5);
}

Test(runtime, a_success_is_answered_from_the_store_for_ever)
{
    struct ask ask = {.key = 1, .action = "charge", .input = "{\"a\":1}", .perform = true};
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.status, DONE);
    cr_assert(!got.from_store);
    got = harness_answer(h, &ask);
    cr_assert_eq(got.status, DONE);
    cr_assert(got.from_store);
    cr_assert_str_eq(got.output, "{\"a\":1}");
    ask.attempt = 4;
    got = harness_answer(h, &ask);
    cr_assert_eq(got.attempt, 4);
    cr_assert(got.from_store);
    harness_stop(h);
    harness_crash(h, 4);
    got = harness_answer(h, &ask);
    cr_assert(got.from_store, "what was published had been synced");
    cr_assert_eq(atomic_load(&h->runs), 1);
}

Test(runtime, paid_work_is_not_paid_twice)
{
    struct ask ask = {.key = 1, .action = "paid", .input = "{}"};
    struct got got = harness_answer(h, &ask);
    cr_assert_str_eq(got.cost, "0.01 EUR");
    harness_stop(h);
    harness_crash(h, 4);
    got = harness_answer(h, &ask);
    cr_assert(got.from_store);
    cr_assert_str_eq(got.cost, "0.01 EUR");
    cr_assert_eq(atomic_load(&h->runs), 1);
}

Test(runtime, the_same_key_with_another_input_is_in_doubt)
{
    struct ask ask = {.key = 1, .action = "charge", .input = "{\"a\":1}", .perform = true};
    cr_assert_eq(harness_answer(h, &ask).status, DONE);
    ask.input = "{\"a\":2}";
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.status, FAILED);
    cr_assert_eq(got.failure_class, IN_DOUBT);
    cr_assert_str_eq(got.code, "key-reused");
    ask.input = "{\"a\":1}";
    ask.action = "manual";
    cr_assert_str_eq(harness_answer(h, &ask).code, "key-reused");
    ask.action = "charge";
    cr_assert_eq(harness_answer(h, &ask).status, DONE, "the first outcome stands");
    cr_assert_eq(atomic_load(&h->runs), 1);
}

Test(runtime, a_failure_is_final_for_its_attempt_only)
{
    struct ask ask = {
        .key = 1, .action = "charge", .input = "{\"fail\":\"none\"}", .perform = true};
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.status, FAILED);
    cr_assert_eq(got.effect, NONE);
    cr_assert_str_eq(got.detail, "attempt 1");
    got = harness_answer(h, &ask);
    cr_assert(got.from_store);
    cr_assert_str_eq(got.detail, "attempt 1");
    ask.attempt = 2;
    got = harness_answer(h, &ask);
    cr_assert(!got.from_store);
    cr_assert_str_eq(got.detail, "attempt 2");
    ask.attempt = 1;
    got = harness_answer(h, &ask);
    cr_assert(got.from_store, "a stale attempt never runs");
    ask.attempt = 3;
    ask.input = "{}";
    cr_assert_eq(harness_answer(h, &ask).status, DONE);
    cr_assert_eq(atomic_load(&h->runs), 3);
}

Test(runtime, the_contract_is_checked_before_anything_runs)
{
    struct ask ask = {.key = 1, .action = "gone", .input = "{}"};
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.failure_class, CONTRACT);
    cr_assert_str_eq(got.code, "unknown-action");
    cr_assert_eq(got.effect, NONE);
    ask = (struct ask){.key = 1, .action = "echo", .input = "{}", .contract_version = "2.0.0"};
    cr_assert_str_eq(harness_answer(h, &ask).code, "contract-version");
    ask = (struct ask){.key = 1, .action = "echo", .input = "{}", .perform = true};
    cr_assert_str_eq(harness_answer(h, &ask).code, "unknown-phase");
    ask = (struct ask){.key = 1, .action = "echo", .input = "{}", .wrong_digest = true};
    cr_assert_str_eq(harness_answer(h, &ask).code, "input-digest");
    ask = (struct ask){.key = 1, .action = "echo", .input = "{\"a\":"};
    got = harness_answer(h, &ask);
    cr_assert_eq(got.failure_class, DATA);
    cr_assert_str_eq(got.code, "bad-json");
    ask = (struct ask){.key = 1, .action = "strict", .input = "{\"n\":\"x\"}"};
    got = harness_answer(h, &ask);
    cr_assert_eq(got.failure_class, DATA);
    cr_assert_str_eq(got.code, "schema");
    cr_assert_str_eq(got.pointer, "/n");
    cr_assert_eq(atomic_load(&h->runs), 0);
}

Test(runtime, the_contract_is_checked_after_it_ran)
{
    struct ask ask = {.key = 1, .action = "echo", .input = "{\"bad\":true}"};
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.failure_class, CONTRACT);
    cr_assert_str_eq(got.code, "output-schema");
    cr_assert_eq(got.effect, NONE);
    ask.input = "{\"silent\":true}";
    cr_assert_str_eq(harness_answer(h, &ask).code, "no-answer");
    ask = (struct ask){.key = 1, .action = "strict", .input = "{\"n\":1}"};
    cr_assert_str_eq(harness_answer(h, &ask).code, "confidence");
    ask = (struct ask){.key = 2, .action = "charge", .input = "{\"bad\":true}", .perform = true};
    got = harness_answer(h, &ask);
    cr_assert_str_eq(got.code, "output-schema");
    cr_assert_eq(got.effect, MAINSTAY__EFFECT_MARK__EFFECT_MARK_DONE);
}

Test(runtime, an_answer_that_cannot_be_sent_says_how_large_it_is)
{
    static const struct {
        const char *input;
        const char *words;
    } cases[] = {{"{\"grow\":1110000}", "has 1110"},
                 {"{\"grow\":5000000}", "has more than 1110016 bytes"}};
    for (size_t i = 0; i < 2; i++) {
        struct ask ask = {.key = (uint8_t)(2 + i), .action = "echo", .input = cases[i].input};
        struct got got = harness_answer(h, &ask);
        cr_expect_eq(got.status, FAILED);
        cr_expect_eq(got.failure_class, MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_CONTRACT);
        cr_expect_eq(got.effect, MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE);
        cr_expect_str_eq(got.code, "result-too-big");
        cr_expect_not_null(strstr(got.detail, cases[i].words), "%s", got.detail);
        cr_expect_not_null(strstr(got.detail, "1110016 are allowed"), "%s", got.detail);
    }
}

Test(runtime, perform_gets_the_approved_proposal)
{
    struct ask ask = {.key = 1, .action = "both", .input = "{}"};
    struct got got = harness_answer(h, &ask);
    cr_assert_str_eq(got.output, "{\"amount\":\"12.50\"}");
    cr_assert_eq(got.confidence_ppm, 750000);
    ask.perform = true;
    cr_assert_str_eq(harness_answer(h, &ask).code, "no-proposal");
    ask.proposal = "{\"sum\":1}";
    cr_assert_eq(harness_answer(h, &ask).failure_class, DATA);
    ask.proposal = "{\"amount\":\"11\"}";
    cr_assert_str_eq(harness_answer(h, &ask).output, "{\"paid\":\"11\"}");
    ask.proposal = "{\"amount\":\"12\"}";
    cr_assert_str_eq(harness_answer(h, &ask).code, "key-reused");
}

Test(runtime, own_rows_and_outcome_are_one_commit)
{
    struct ask ask = {.key = 1, .action = "local", .input = "{}", .perform = true};
    cr_assert_str_eq(harness_answer(h, &ask).output, "{\"count\":1}");
    cr_assert_str_eq(harness_answer(h, &ask).output, "{\"count\":1}");
    ask.key = 2;
    cr_assert_str_eq(harness_answer(h, &ask).output, "{\"count\":2}");
    ask.key = 3;
    ask.input = "{\"fail\":\"none\"}";
    cr_assert_eq(harness_answer(h, &ask).status, FAILED);
    ask.key = 4;
    ask.input = "{}";
    cr_assert_str_eq(harness_answer(h, &ask).output, "{\"count\":3}", "a failure wrote nothing");
    harness_stop(h);
    harness_crash(h, 4);
    ask.key = 5;
    cr_assert_str_eq(harness_answer(h, &ask).output, "{\"count\":4}");
}

Test(runtime, a_task_sent_again_while_it_runs_is_running)
{
    atomic_store(&h->gate, 0);
    struct ask ask = {.key = 1, .action = "charge", .input = "{}", .perform = true};
    harness_ask(h, &ask);
    until_waiting(1);
    cr_assert_eq(harness_answer(h, &ask).status, RUNNING);
    ask.attempt = 2;
    cr_assert_eq(harness_answer(h, &ask).status, RUNNING, "one run for a key at a time");
    atomic_store(&h->gate, 1);
    cr_assert_eq(harness_wait(h, 3).status, DONE);
    cr_assert_eq(atomic_load(&h->runs), 1);
}

/* Die inside an action: the intent is there, the outcome is not. */
static void die_inside(const struct ask *ask)
{
    atomic_store(&h->gate, 0);
    harness_ask(h, ask);
    until_waiting(1);
    /* The next commit is the outcome's; it never happens. */
    kv_mem_fail_commit(h->kv, 1, ERR_IO, false);
    atomic_store(&h->gate, 1);
    for (int i = 0; i < 10000 && atomic_load(&h->fatal) == 0; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        (void)nanosleep(&pause, NULL);
    }
    cr_assert_geq(atomic_load(&h->fatal), 1);
    harness_stop(h);
    harness_crash(h, 4);
    cr_assert_eq(h->result_count, 0, "a result left although its outcome was not kept");
}

Test(runtime, keyed_work_that_died_is_repeated_with_its_key)
{
    struct ask ask = {.key = 1, .action = "charge", .input = "{}", .perform = true};
    die_inside(&ask);
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.status, DONE);
    cr_assert(!got.from_store);
    cr_assert_eq(atomic_load(&h->runs), 2);
}

Test(runtime, manual_work_that_died_is_in_doubt_until_a_person_decides)
{
    struct ask ask = {.key = 1, .action = "manual", .input = "{}", .perform = true};
    die_inside(&ask);
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.failure_class, IN_DOUBT);
    cr_assert_eq(got.effect, UNKNOWN);
    got = harness_answer(h, &ask);
    cr_assert_eq(got.failure_class, IN_DOUBT);
    cr_assert(got.from_store);
    cr_assert_eq(atomic_load(&h->runs), 1);
    ask.attempt = 2; /* a retry further up */
    cr_assert_eq(harness_answer(h, &ask).failure_class, IN_DOUBT);
    cr_assert_eq(atomic_load(&h->runs), 1);
    ask.attempt = 3;
    ask.looked = true;
    cr_assert_eq(harness_answer(h, &ask).status, DONE);
    cr_assert_eq(atomic_load(&h->runs), 2);
}

Test(runtime, probed_work_that_died_asks_the_world)
{
    struct ask ask = {.key = 1, .action = "probed", .input = "{}", .perform = true};
    die_inside(&ask);
    h->probe_answer = AGENT_PROBE_UNKNOWN;
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.failure_class, IN_DOUBT);
    cr_assert_eq(atomic_load(&h->probes), 1);
    ask.attempt = 2;
    h->probe_answer = AGENT_PROBE_DONE;
    got = harness_answer(h, &ask);
    cr_assert_eq(got.status, DONE);
    cr_assert_str_eq(got.output, "{\"probed\":true}");
    cr_assert_eq(atomic_load(&h->runs), 1, "it had happened, so it is not done again");
    ask.attempt = 3;
    cr_assert(harness_answer(h, &ask).from_store);
}

Test(runtime, probed_work_that_did_not_happen_is_done)
{
    struct ask ask = {.key = 1, .action = "probed", .input = "{}", .perform = true};
    die_inside(&ask);
    h->probe_answer = AGENT_PROBE_NOT_DONE;
    cr_assert_eq(harness_answer(h, &ask).status, DONE);
    cr_assert_eq(atomic_load(&h->runs), 2);
    cr_assert_eq(atomic_load(&h->probes), 1);
}

Test(runtime, a_task_past_its_time_fails_and_its_late_end_is_the_truth)
{
    atomic_store(&h->gate, 0);
    struct ask ask = {
        .key = 1, .action = "charge", .input = "{}", .perform = true, .timeout_ms = 30};
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.status, FAILED);
    cr_assert_eq(got.failure_class, TRANSIENT);
    cr_assert_eq(got.effect, UNKNOWN);
    cr_assert_str_eq(got.code, "timeout");
    atomic_store(&h->gate, 1);
    got = harness_wait(h, 2);
    cr_assert_eq(got.status, DONE);
    ask.attempt = 2;
    got = harness_answer(h, &ask);
    cr_assert_eq(got.status, DONE);
    cr_assert(got.from_store);
    cr_assert_eq(atomic_load(&h->runs), 1);
}

Test(runtime, pure_work_past_its_time_is_told_to_stop)
{
    atomic_store(&h->gate, 0);
    struct ask ask = {.key = 1, .action = "slow", .input = "{\"heed\":true}", .timeout_ms = 30};
    struct got got = harness_answer(h, &ask);
    cr_assert_str_eq(got.code, "timeout");
    cr_assert_eq(got.effect, NONE);
    until_waiting(1);
    atomic_store(&h->heeding, 1); /* not before: it sees by itself that its time is over */
    until_waiting_ends();
    atomic_store(&h->gate, 1);
    ask.key = 2;
    ask.timeout_ms = 0;
    got = harness_answer(h, &ask);
    cr_assert_eq(got.key, 2, "nothing more is said about the one that was late");
    cr_assert_eq(h->result_count, 2);
}

Test(runtime, concurrency_is_the_contracts_and_priority_orders_the_rest)
{
    atomic_store(&h->gate, 0);
    struct ask asks[] = {
        {.key = 1, .action = "manual", .input = "{}", .perform = true, .priority = 5},
        {.key = 2, .action = "manual", .input = "{}", .perform = true, .priority = 5},
        {.key = 3, .action = "manual", .input = "{}", .perform = true, .priority = 1},
        {.key = 4, .action = "slow", .input = "{}"}};
    harness_send(h, asks, 1, 1);
    until_waiting(1);
    harness_send(h, asks + 1, 3, 1);
    until_waiting(2); /* one manual, one slow */
    cr_assert_eq(atomic_load(&h->waiting), 2);
    atomic_store(&h->gate, 1);
    (void)harness_wait(h, 4);
    size_t at[5] = {0};
    for (size_t i = 0; i < 4; i++) {
        at[h->started[i]] = i;
    }
    cr_assert_lt(at[1], at[3]);
    cr_assert_lt(at[3], at[2]);
}

Test(runtime, what_has_not_started_can_be_recalled_durably)
{
    atomic_store(&h->gate, 0);
    struct ask first = {.key = 1, .action = "manual", .input = "{}", .perform = true};
    struct ask second = {.key = 2, .action = "manual", .input = "{}", .perform = true};
    harness_ask(h, &first);
    until_waiting(1);
    harness_ask(h, &second);
    harness_recall(h, 2, 1, true);
    struct got got = harness_wait(h, 1);
    cr_assert_eq(got.status, RECALLED);
    cr_assert_eq(got.key, 2);
    harness_recall(h, 1, 1, true);
    cr_assert_eq(harness_wait(h, 2).status, RUNNING);
    atomic_store(&h->gate, 1);
    cr_assert_eq(harness_wait(h, 3).status, DONE);
    harness_stop(h);
    harness_crash(h, 4);
    cr_assert_eq(harness_answer(h, &second).status, RECALLED);
    harness_recall(h, 3, 1, true); /* never seen here */
    got = harness_wait(h, 5);
    cr_assert_eq(got.status, RECALLED);
    cr_assert(got.has_instance, "the answer repeats what the recall named");
    struct ask third = {.key = 3, .action = "charge", .input = "{}", .perform = true};
    cr_assert_eq(harness_answer(h, &third).status, RECALLED);
    third.attempt = 2;
    cr_assert_eq(harness_answer(h, &third).status, DONE);
    cr_assert_eq(atomic_load(&h->runs), 2);
    harness_recall(h, 3, 3, true);
    got = harness_wait(h, 8);
    cr_assert_eq(got.status, DONE, "a recall of what was done is answered with it");
}

Test(runtime, a_recalled_pure_action_is_told_to_stop)
{
    atomic_store(&h->gate, 0);
    atomic_store(&h->heeding, 1);
    struct ask ask = {.key = 1, .action = "slow", .input = "{\"heed\":true}"};
    harness_ask(h, &ask);
    until_waiting(1);
    harness_recall(h, 1, 1, false);
    struct got first = harness_wait(h, 1); /* that it runs, and that it has stopped: in any order */
    struct got second = harness_wait(h, 2);
    cr_assert((int)first.failure_class == CANCELLED || (int)second.failure_class == CANCELLED);
}

Test(runtime, an_intent_cannot_be_recalled)
{
    struct ask ask = {.key = 1, .action = "manual", .input = "{}", .perform = true};
    die_inside(&ask);
    harness_recall(h, 1, 1, true);
    struct got got = harness_wait(h, 1);
    cr_assert_eq(got.status, FAILED);
    cr_assert_eq(got.failure_class, IN_DOUBT);
}

Test(runtime, garbage_and_old_epochs_become_dead_letters)
{
    static const char *const garbage[] = {"", "x", "{\"not\":\"protobuf\"}", "\x1a\xff\xff"};
    for (size_t i = 0; i < 4; i++) {
        intake_message(&h->runtime, "task.test.main", str_of(garbage[i]));
    }
    struct ask ask = {.key = 1, .action = "echo", .input = "{}"};
    harness_send(h, &ask, 1, 7);
    (void)harness_wait(h, 1);
    harness_send(h, &ask, 1, 6);
    harness_send(h, &ask, 1, 7);
    (void)harness_wait(h, 2);
    (void)sender_stop(h->runtime.sender, 10000); /* everything has left */
    cr_assert_eq(h->result_count, 2);
    cr_assert_eq(h->dead_letters, 5);
    cr_assert(strstr(h->dead_reason, "epoch 6") != NULL, "%s", h->dead_reason);
    struct error err = {0};
    struct sender_options options = {.outcomes = h->runtime.outcomes,
                                     .session = h->runtime.session,
                                     .store_id = outcomes_store_id(h->runtime.outcomes)};
    sender_destroy(&h->runtime.sender);
    cr_assert_eq(sender_create(&options, &h->runtime.sender, &err), ERR_OK); /* for the end */
}

Test(runtime, what_was_sent_to_the_disk_before_is_dropped)
{
    static const uint8_t before[16] = {1};
    struct ask ask = {.key = 1, .action = "charge", .input = "{}", .perform = true};
    h->addressee = before;
    harness_ask(h, &ask);
    harness_recall(h, 2, 1, true); /* nor does it answer that the other has not begun */
    h->addressee = outcomes_store_id(h->runtime.outcomes);
    ask.key = 3;
    cr_assert_eq(harness_answer(h, &ask).key, 3);
    cr_assert_eq(h->result_count, 1);
    cr_assert_eq(atomic_load(&h->runs), 1);
    cr_assert_eq(h->dead_letters, 0);
}

Test(runtime, results_wait_for_the_bus_and_leave_together)
{
    struct ask asks[64];
    for (size_t i = 0; i < 64; i++) {
        asks[i] = (struct ask){.key = (uint8_t)(i + 1), .action = "echo", .input = "{}"};
    }
    harness_send(h, asks, 64, 1);
    (void)harness_wait(h, 64);
    cr_assert_eq(h->batch_count, 1, "64 quick tasks of one message are answered by one");
    harness_refuse(h, true);
    harness_send(h, asks, 64, 1);
    cr_assert_eq(h->result_count, 64);
    harness_refuse(h, false);
    (void)harness_wait(h, 128);
}

Test(runtime, every_message_the_bus_refused_is_sent_again)
{
    struct ask ask = {.action = "echo", .input = "{}"};
    harness_refuse(h, true);
    for (uint8_t key = 1; key <= 20; key++) {
        ask.key = key;
        harness_ask(h, &ask);
    }
    harness_refuse(h, false);
    (void)harness_wait(h, 20);
    cr_assert_eq(h->result_count, 20);
}

Test(runtime, answers_of_one_message_do_not_disturb_each_other)
{
    struct ask asks[200];
    for (size_t i = 0; i < 200; i++) {
        asks[i] = (struct ask){
            .key = (uint8_t)(i + 1), .action = "charge", .input = "{\"a\":1}", .perform = true};
    }
    for (size_t i = 0; i < 200; i += 40) {
        harness_send(h, asks + i, 40, 1);
        (void)harness_wait(h, i + 40);
    }
    for (size_t i = 0; i < 200; i += 40) { /* all from the store, four workers at once */
        harness_send(h, asks + i, 40, 1);
        (void)harness_wait(h, 200 + i + 40);
    }
    for (size_t i = 0; i < 400; i++) {
        cr_assert_eq(h->results[i].from_store, i >= 200);
        cr_assert_str_eq(h->results[i].output, "{\"a\":1}");
        cr_assert_str_eq(h->results[i].rule, "echo@1");
    }
}

Test(runtime, group_commit_syncs_less_often_than_it_answers)
{
    struct ask asks[200];
    for (size_t i = 0; i < 90; i++) {
        asks[i] = (struct ask){
            .key = (uint8_t)(i + 1), .action = "local", .input = "{}", .perform = true};
    }
    uint64_t before = outcomes_syncs(h->runtime.outcomes);
    harness_send(h, asks, 90, 1);
    (void)harness_wait(h, 90);
    uint64_t syncs = outcomes_syncs(h->runtime.outcomes) - before;
    cr_assert_leq(syncs, 91);
    cr_assert_geq(syncs, 1);
}

Test(runtime, without_workers_everything_runs_where_it_is_received)
{
    harness_stop(h);
    harness_crash(h, 0);
    struct ask ask = {.key = 1, .action = "charge", .input = "{}", .perform = true};
    cr_assert_eq(harness_answer(h, &ask).status, DONE);
    cr_assert(harness_answer(h, &ask).from_store);
    harness_recall(h, 2, 1, true);
    cr_assert_eq(harness_wait(h, 3).status, RECALLED);
}

Test(runtime, settling_keeps_the_answer)
{
    struct ask ask = {.key = 1, .action = "charge", .input = "{}", .perform = true};
    cr_assert_eq(harness_answer(h, &ask).status, DONE);
    harness_settle(h, 1);
    cr_assert(harness_answer(h, &ask).from_store);
}
