/* The rules of the outcome table, with the table and without. */
#include <criterion/criterion.h>
#include <string.h>

#include "agents/runtime/outcomes.h"
#include "common/base/buf.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "proto/result.pb-c.h"

static const struct digest one = {.bytes = {1}};
static const struct digest two = {.bytes = {2}};

static enum outcome_verdict judge(enum outcome_state state, uint8_t mark, enum effect_class effect,
                                  uint32_t attempt, const struct digest *identity)
{
    struct outcome row = {.state = state, .mark = mark, .attempt = 3, .identity = one};
    return outcome_judge(&row, effect, attempt, identity, PAST_OWN);
}

static enum outcome_verdict judge_past(enum outcome_state state, enum effect_class effect,
                                       uint32_t attempt, enum outcome_past past)
{
    struct outcome row = {
        .state = state,
        .mark = MAINSTAY__EFFECT_MARK__EFFECT_MARK_UNKNOWN,
        .attempt = 3,
        .identity = one,
    };
    return outcome_judge(&row, effect, attempt, &one, past);
}

enum {
    NONE = MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE,
    UNKNOWN = MAINSTAY__EFFECT_MARK__EFFECT_MARK_UNKNOWN,
    DONE = MAINSTAY__EFFECT_MARK__EFFECT_MARK_DONE
};

Test(judge, a_failure_whose_manual_effect_happened_is_final_for_the_key)
{
    cr_assert_eq(judge(OUTCOME_FAILED, DONE, EFFECT_MANUAL, 4, &one), VERDICT_ANSWER);
    cr_assert_eq(judge(OUTCOME_RECALLED, DONE, EFFECT_MANUAL, 4, &one), VERDICT_DIED);
    cr_assert_eq(judge(OUTCOME_FAILED, DONE, EFFECT_KEYED, 4, &one), VERDICT_RUN);
}

Test(judge, a_manual_effect_in_doubt_stays_so_until_a_person_has_looked)
{
    cr_assert_eq(judge(OUTCOME_FAILED, UNKNOWN, EFFECT_MANUAL, 4, &one), VERDICT_DIED);
    cr_assert_eq(judge(OUTCOME_RECALLED, UNKNOWN, EFFECT_MANUAL, 4, &one), VERDICT_DIED);
    cr_assert_eq(judge(OUTCOME_FAILED, NONE, EFFECT_MANUAL, 4, &one), VERDICT_RUN);
    cr_assert_eq(judge_past(OUTCOME_FAILED, EFFECT_MANUAL, 4, PAST_NONE), VERDICT_RUN);
}

Test(judge, a_success_is_final_for_the_key)
{
    for (uint32_t attempt = 1; attempt < 9; attempt++) {
        cr_assert_eq(judge(OUTCOME_DONE, 0, EFFECT_KEYED, attempt, &one), VERDICT_ANSWER);
        cr_assert_eq(judge(OUTCOME_DONE, 0, EFFECT_KEYED, attempt, &two), VERDICT_OTHER_INPUT);
    }
}

Test(judge, a_failure_is_final_for_its_attempt)
{
    cr_assert_eq(judge(OUTCOME_FAILED, NONE, EFFECT_KEYED, 2, &one), VERDICT_ANSWER);
    cr_assert_eq(judge(OUTCOME_FAILED, NONE, EFFECT_KEYED, 3, &one), VERDICT_ANSWER);
    cr_assert_eq(judge(OUTCOME_FAILED, NONE, EFFECT_KEYED, 4, &one), VERDICT_RUN);
    cr_assert_eq(judge(OUTCOME_FAILED, NONE, EFFECT_KEYED, 4, &two), VERDICT_RUN);
    cr_assert_eq(judge(OUTCOME_FAILED, UNKNOWN, EFFECT_KEYED, 4, &one), VERDICT_RUN);
    cr_assert_eq(judge(OUTCOME_FAILED, UNKNOWN, EFFECT_KEYED, 4, &two), VERDICT_OTHER_INPUT);
    cr_assert_eq(judge(OUTCOME_FAILED, UNKNOWN, EFFECT_PROBED, 4, &one), VERDICT_PROBE);
    cr_assert_eq(judge(OUTCOME_FAILED, NONE, EFFECT_PROBED, 4, &one), VERDICT_RUN);
}

Test(judge, an_intent_goes_by_class)
{
    cr_assert_eq(judge(OUTCOME_INTENT, 0, EFFECT_KEYED, 3, &one), VERDICT_RUN);
    cr_assert_eq(judge(OUTCOME_INTENT, 0, EFFECT_PROBED, 3, &one), VERDICT_PROBE);
    cr_assert_eq(judge(OUTCOME_INTENT, 0, EFFECT_MANUAL, 3, &one), VERDICT_DIED);
    cr_assert_eq(judge(OUTCOME_INTENT, 0, EFFECT_MANUAL, 4, &one), VERDICT_DIED);
    cr_assert_eq(judge(OUTCOME_INTENT, 0, EFFECT_KEYED, 3, &two), VERDICT_OTHER_INPUT);
}

Test(judge, a_person_who_looked_is_believed_about_earlier_attempts_only)
{
    cr_assert_eq(judge_past(OUTCOME_FAILED, EFFECT_PROBED, 4, PAST_NONE), VERDICT_RUN);
    cr_assert_eq(judge_past(OUTCOME_INTENT, EFFECT_PROBED, 4, PAST_NONE), VERDICT_RUN);
    cr_assert_eq(judge_past(OUTCOME_INTENT, EFFECT_MANUAL, 4, PAST_NONE), VERDICT_RUN);
    cr_assert_eq(judge_past(OUTCOME_INTENT, EFFECT_PROBED, 3, PAST_NONE), VERDICT_PROBE);
    cr_assert_eq(judge_past(OUTCOME_INTENT, EFFECT_MANUAL, 3, PAST_NONE), VERDICT_DIED);
    cr_assert_eq(judge_past(OUTCOME_FAILED, EFFECT_PROBED, 3, PAST_NONE), VERDICT_ANSWER);
    cr_assert_eq(judge_past(OUTCOME_DONE, EFFECT_PROBED, 4, PAST_NONE), VERDICT_ANSWER);
}

Test(judge, a_key_under_which_a_person_saw_nothing_is_free_for_another_input)
{
    struct outcome row = {.state = OUTCOME_INTENT, .attempt = 3, .identity = one};
    cr_assert_eq(outcome_judge(&row, EFFECT_KEYED, 4, &two, PAST_NONE), VERDICT_RUN);
    cr_assert_eq(outcome_judge(&row, EFFECT_KEYED, 4, &two, PAST_OWN), VERDICT_OTHER_INPUT);
    row.state = OUTCOME_DONE;
    cr_assert_eq(outcome_judge(&row, EFFECT_KEYED, 4, &two, PAST_NONE), VERDICT_OTHER_INPUT);
}

Test(judge, a_key_that_another_store_had_goes_by_class)
{
    cr_assert_eq(judge_past(OUTCOME_NONE, EFFECT_KEYED, 4, PAST_UNKNOWN), VERDICT_RUN);
    cr_assert_eq(judge_past(OUTCOME_NONE, EFFECT_PROBED, 4, PAST_UNKNOWN), VERDICT_PROBE);
    cr_assert_eq(judge_past(OUTCOME_NONE, EFFECT_MANUAL, 4, PAST_UNKNOWN), VERDICT_DIED);
    cr_assert_eq(judge_past(OUTCOME_DONE, EFFECT_MANUAL, 4, PAST_UNKNOWN), VERDICT_ANSWER);
}

Test(judge, an_old_key_that_nobody_knows_is_never_new)
{
    cr_assert_eq(judge_past(OUTCOME_NONE, EFFECT_KEYED, 1, PAST_FORGOTTEN), VERDICT_DIED);
    cr_assert_eq(judge_past(OUTCOME_NONE, EFFECT_PROBED, 1, PAST_FORGOTTEN), VERDICT_PROBE);
    cr_assert_eq(judge_past(OUTCOME_NONE, EFFECT_MANUAL, 1, PAST_FORGOTTEN), VERDICT_DIED);
    cr_assert_eq(judge_past(OUTCOME_DONE, EFFECT_KEYED, 1, PAST_FORGOTTEN), VERDICT_ANSWER);
}

Test(judge, a_recall_holds_for_its_attempt_and_remembers_what_was_unknown)
{
    cr_assert_eq(judge(OUTCOME_RECALLED, NONE, EFFECT_KEYED, 3, &two), VERDICT_RECALLED);
    cr_assert_eq(judge(OUTCOME_RECALLED, NONE, EFFECT_KEYED, 4, &two), VERDICT_RUN);
    cr_assert_eq(judge(OUTCOME_RECALLED, UNKNOWN, EFFECT_PROBED, 4, &one), VERDICT_PROBE);
    cr_assert_eq(judge(OUTCOME_NONE, 0, EFFECT_MANUAL, 1, &one), VERDICT_RUN);
}

/* ---- with a table ---- */

static struct kv *kv;
static struct outcomes *outcomes;

static void open_table(void)
{
    struct kv_options options;
    struct error err = {0};
    outcomes_kv_options(&options);
    cr_assert_eq(kv_mem_open(&options, &kv, NULL), ERR_OK);
    cr_assert_eq(outcomes_create(kv, &outcomes, &err), ERR_OK, "%s", err.message);
}

static void close_table(void)
{
    outcomes_destroy(&outcomes);
    kv_close(&kv);
}

TestSuite(table, .init = open_table, .fini = close_table);

static void put(const struct outcome_name *name, enum outcome_state state, uint64_t now_ms,
                bool sync)
{
    struct outcome row = {.state = state, .mark = NONE, .identity = two, .result = STR("bytes")};
    struct kv_batch *batch = kv_batch_create(kv);
    outcome_put(batch, name, &row, now_ms);
    cr_assert_eq(outcomes_commit(outcomes, batch, NULL), ERR_OK);
    kv_batch_destroy(&batch);
    if (sync) {
        cr_assert_eq(outcomes_sync(outcomes, NULL), ERR_OK);
    }
}

static enum outcome_state state_of(const struct outcome_name *name)
{
    struct outcome row;
    struct buf scratch = BUF_INIT(1000);
    cr_assert_eq(outcomes_get(outcomes, name, &scratch, &row, NULL), ERR_OK);
    if (row.state != OUTCOME_NONE) {
        cr_assert(str_equal(row.result, STR("bytes")));
        cr_assert(digest_equal(&row.identity, &two));
        cr_assert_eq(row.attempt, name->attempt);
    }
    buf_release(&scratch);
    return row.state;
}

Test(table, rows_come_back_and_only_synced_ones_survive_a_power_cut)
{
    struct outcome_name a = {.key = {1}, .phase = 2, .attempt = 5};
    struct outcome_name b = {.key = {2}, .phase = 2, .attempt = 1};
    cr_assert_eq(state_of(&a), OUTCOME_NONE);
    put(&a, OUTCOME_DONE, 10, true);
    put(&b, OUTCOME_FAILED, 10, false);
    cr_assert_eq(state_of(&a), OUTCOME_DONE);
    cr_assert_eq(state_of(&b), OUTCOME_FAILED);
    kv_mem_crash(kv);
    cr_assert_eq(state_of(&a), OUTCOME_DONE);
    cr_assert_eq(state_of(&b), OUTCOME_NONE);
    a.phase = 1;
    cr_assert_eq(state_of(&a), OUTCOME_NONE);
}

Test(table, one_sync_serves_many_commits_and_none_is_free)
{
    uint64_t before = outcomes_syncs(outcomes);
    for (uint8_t i = 0; i < 20; i++) {
        struct outcome_name name = {.key = {i}, .phase = 2, .attempt = 1};
        put(&name, OUTCOME_DONE, 1, false);
    }
    cr_assert_eq(outcomes_sync(outcomes, NULL), ERR_OK);
    cr_assert_eq(outcomes_sync(outcomes, NULL), ERR_OK);
    cr_assert_eq(outcomes_syncs(outcomes), before + 1);
}

Test(table, settled_outcomes_go_after_their_time)
{
    const uint64_t day = 24 * 60 * 60 * 1000;
    struct outcome_name a = {.key = {1}, .phase = 2, .attempt = 1};
    struct outcome_name b = {.key = {2}, .phase = 2, .attempt = 1};
    struct outcome_name c = {.key = {3}, .phase = 2, .attempt = 1};
    struct str keys[] = {{(const char *)a.key, 16}, {(const char *)b.key, 16}};
    put(&a, OUTCOME_DONE, day, true);
    put(&b, OUTCOME_INTENT, day, true);
    put(&c, OUTCOME_DONE, day, true);
    cr_assert_eq(outcomes_settle(outcomes, keys, 2, 2 * day, NULL), ERR_OK);
    struct str other = {"0123456789abcdef", 16};
    cr_assert_eq(outcomes_settle(outcomes, &other, 1, 91 * day, NULL), ERR_OK);
    cr_assert_eq(state_of(&a), OUTCOME_DONE, "kept for 90 days after it was settled");
    cr_assert_eq(outcomes_settle(outcomes, &other, 1, 92 * day + 1, NULL), ERR_OK);
    cr_assert_eq(state_of(&a), OUTCOME_NONE);
    cr_assert_eq(state_of(&b), OUTCOME_INTENT, "an intent is nobody's to forget");
    cr_assert_eq(state_of(&c), OUTCOME_DONE, "never settled");
}

Test(table, a_row_written_again_after_settling_stays)
{
    const uint64_t day = 24 * 60 * 60 * 1000;
    struct outcome_name a = {.key = {1}, .phase = 2, .attempt = 1};
    struct str key = {(const char *)a.key, 16};
    put(&a, OUTCOME_FAILED, day, true);
    cr_assert_eq(outcomes_settle(outcomes, &key, 1, 2 * day, NULL), ERR_OK);
    a.attempt = 2;
    put(&a, OUTCOME_DONE, 3 * day, true);
    struct str other = {"0123456789abcdef", 16};
    cr_assert_eq(outcomes_settle(outcomes, &other, 1, 200 * day, NULL), ERR_OK);
    cr_assert_eq(state_of(&a), OUTCOME_DONE);
}

Test(table, epochs_only_rise_and_are_durable)
{
    struct error err = {0};
    cr_assert_eq(outcomes_epoch_accept(outcomes, 5, NULL), ERR_OK);
    cr_assert_eq(outcomes_epoch_accept(outcomes, 5, NULL), ERR_OK);
    cr_assert_eq(outcomes_epoch_accept(outcomes, 4, &err), ERR_REFUSED);
    outcomes_destroy(&outcomes);
    kv_mem_crash(kv);
    cr_assert_eq(outcomes_create(kv, &outcomes, NULL), ERR_OK);
    cr_assert_eq(outcomes_epoch_accept(outcomes, 4, &err), ERR_REFUSED);
    cr_assert_eq(outcomes_epoch_accept(outcomes, 6, NULL), ERR_OK);
}

Test(table, the_store_id_stays_and_a_strange_format_is_refused)
{
    uint8_t id[16];
    memcpy(id, outcomes_store_id(outcomes), 16);
    outcomes_destroy(&outcomes);
    kv_mem_crash(kv);
    cr_assert_eq(outcomes_create(kv, &outcomes, NULL), ERR_OK);
    cr_assert_eq(memcmp(id, outcomes_store_id(outcomes), 16), 0);
    outcomes_destroy(&outcomes);

    struct kv_batch *batch = kv_batch_create(kv);
    kv_batch_put(batch, FAMILY_META, STR("format"), (struct str){"\0\0\0\2", 4});
    cr_assert_eq(kv_commit(kv, batch, true, NULL), ERR_OK);
    kv_batch_destroy(&batch);
    struct error err = {0};
    cr_assert_eq(outcomes_create(kv, &outcomes, &err), ERR_FORMAT);
    cr_assert_null(outcomes);
    cr_assert(strstr(err.message, "format level 2") != NULL, "%s", err.message);
}

Test(table, a_broken_row_is_an_error)
{
    struct outcome_name a = {.key = {1}, .phase = 2, .attempt = 1};
    struct outcome row;
    struct buf scratch = BUF_INIT(1000);
    char key[17] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    struct kv_batch *batch = kv_batch_create(kv);
    kv_batch_put(batch, FAMILY_OUTCOMES, (struct str){key, sizeof(key)}, STR("short"));
    cr_assert_eq(kv_commit(kv, batch, true, NULL), ERR_OK);
    kv_batch_destroy(&batch);
    cr_assert_eq(outcomes_get(outcomes, &a, &scratch, &row, NULL), ERR_CORRUPT);
    buf_release(&scratch);
}
