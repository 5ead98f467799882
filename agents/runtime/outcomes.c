#include "agents/runtime/outcomes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agents/runtime/blobs.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/store/kv.h"
#include "proto/result.pb-c.h"

enum {
    ROW_VERSION = 1,
    ROW_HEAD_BYTES = 1 + 1 + 1 + 4 + DIGEST_BYTES + 8 + 8,
    ROW_KEY_BYTES = OUTCOME_KEY_BYTES + 1,
    SWEEP_MAX = 64 /* rows dropped for each message with settled keys */
};

struct outcomes {
    struct kv *kv;
    uint8_t store_id[OUTCOME_KEY_BYTES];
    pthread_mutex_t epoch_lock;
    uint64_t epoch;
    atomic_bool dirty; /* something was committed without sync */
    atomic_bool blobs; /* there may be rows in that family */
    atomic_uint_fast64_t syncs;
};

static uint64_t number_read(const char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = (value << 8) | (uint8_t)bytes[i];
    }
    return value;
}

static void number_write(char *bytes, size_t size, uint64_t value)
{
    for (size_t i = size; i-- > 0; value >>= 8) {
        bytes[i] = (char)(value & 0xFF);
    }
}

/* ---- the rules ---- */

/* A later attempt than the one that failed, or was recalled after one that had failed. */
static enum outcome_verdict judge_again(const struct outcome *row, enum effect_class effect,
                                        bool same)
{
    if (row->mark == MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE) {
        return VERDICT_RUN; /* nothing happened under this name, so another input does no harm */
    }
    if (!same) {
        return VERDICT_OTHER_INPUT;
    }
    if (effect == EFFECT_MANUAL) {
        /* it happened, or may have, and nothing outside recognises the key: a person who looked
         * says so with PAST_NONE, not by another attempt, which may come from a retry above */
        bool happened = row->mark == MAINSTAY__EFFECT_MARK__EFFECT_MARK_DONE;
        return happened && row->state == OUTCOME_FAILED ? VERDICT_ANSWER : VERDICT_DIED;
    }
    return effect == EFFECT_PROBED ? VERDICT_PROBE : VERDICT_RUN;
}

static enum outcome_verdict judge_intent(enum effect_class effect, bool same)
{
    if (!same) {
        return VERDICT_OTHER_INPUT;
    }
    switch (effect) {
    case EFFECT_PURE:
    case EFFECT_KEYED:
        return VERDICT_RUN;
    case EFFECT_PROBED:
        return VERDICT_PROBE;
    case EFFECT_MANUAL:
    default:
        return VERDICT_DIED;
    }
}

/* A key without a row: new, unless it is known to have been elsewhere or to be old. */
static enum outcome_verdict judge_stranger(enum effect_class effect, enum outcome_past past)
{
    bool old = past == PAST_FORGOTTEN && effect == EFFECT_KEYED; /* the outside forgets keys too */
    if (past == PAST_OWN || past == PAST_NONE) {
        return VERDICT_RUN;
    }
    return old ? VERDICT_DIED : judge_intent(effect, true);
}

enum outcome_verdict outcome_judge(const struct outcome *row, enum effect_class effect,
                                   uint32_t attempt, const struct digest *identity,
                                   enum outcome_past past)
{
    bool same = digest_equal(&row->identity, identity);
    bool open = row->state != OUTCOME_NONE && row->state != OUTCOME_DONE;
    if (past == PAST_NONE && open && attempt > row->attempt) {
        return VERDICT_RUN; /* whatever this store thought of the attempts before, and of what */
    }
    switch (row->state) {
    case OUTCOME_NONE:
        return judge_stranger(effect, past);
    case OUTCOME_RECALLED:
        return attempt <= row->attempt ? VERDICT_RECALLED : judge_again(row, effect, same);
    case OUTCOME_DONE:
        return same ? VERDICT_ANSWER : VERDICT_OTHER_INPUT;
    case OUTCOME_FAILED:
        return attempt <= row->attempt ? VERDICT_ANSWER : judge_again(row, effect, same);
    case OUTCOME_INTENT:
        return judge_intent(effect, same);
    default:
        UNREACHABLE();
    }
}

/* ---- opening ---- */

void outcomes_kv_options(struct kv_options *ret_options)
{
    *ret_options = (struct kv_options){
        .families = {[FAMILY_META] = "meta",
                     [FAMILY_OUTCOMES] = "outcomes",
                     [FAMILY_SETTLED] = "settled",
                     [FAMILY_TABLES] = "tables",
                     [FAMILY_BLOBS] = "blobs"},
        .family_count = FAMILY_COUNT,
        .create = true,
    };
}

static enum err meta_write(struct outcomes *outcomes, struct error *err)
{
    TRY(crypto_init(err));
    char level[4];
    number_write(level, sizeof(level), OUTCOME_FORMAT_LEVEL);
    crypto_random(outcomes->store_id, sizeof(outcomes->store_id));
    struct kv_batch *batch = kv_batch_create(outcomes->kv);
    kv_batch_put(batch, FAMILY_META, STR("format"), (struct str){level, sizeof(level)});
    kv_batch_put(batch, FAMILY_META, STR("store_id"),
                 (struct str){(const char *)outcomes->store_id, sizeof(outcomes->store_id)});
    enum err code = outcomes_commit_synced(outcomes, batch, err);
    kv_batch_destroy(&batch);
    return code;
}

enum err outcomes_renew(struct outcomes *outcomes, struct error *err)
{
    return meta_write(outcomes, err);
}

/* A meta row of exactly `size` bytes into `out`. ERR_NOT_FOUND when there is none. */
static enum err meta_get(struct outcomes *outcomes, struct str key, void *out, size_t size,
                         struct error *err)
{
    struct buf value = BUF_INIT(64);
    enum err code = kv_get(outcomes->kv, FAMILY_META, key, &value, err);
    if (code == ERR_OK && value.size != size) {
        code = error_set(err, ERR_CORRUPT, "row '%.*s' of the agent's store has %zu bytes",
                         (int)key.size, key.data, value.size);
    }
    if (code == ERR_OK) {
        memcpy(out, value.data, size);
    }
    buf_release(&value);
    return code;
}

static enum err meta_read(struct outcomes *outcomes, struct error *err)
{
    char number[8];
    enum err code = meta_get(outcomes, STR("format"), number, 4, err);
    if (code == ERR_NOT_FOUND) {
        return meta_write(outcomes, err);
    }
    TRY(code);
    if (number_read(number, 4) != OUTCOME_FORMAT_LEVEL) {
        return error_set(err, ERR_FORMAT,
                         "the agent's store has format level %u, this program knows %d: start the "
                         "program that wrote it, or a newer one",
                         (unsigned)number_read(number, 4), OUTCOME_FORMAT_LEVEL);
    }
    code = meta_get(outcomes, STR("store_id"), outcomes->store_id, OUTCOME_KEY_BYTES, err);
    if (code == ERR_NOT_FOUND) {
        return error_set(err, ERR_CORRUPT, "the agent's store has no store id");
    }
    TRY(code);
    code = meta_get(outcomes, STR("epoch"), number, 8, err);
    if (code == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(code);
    outcomes->epoch = number_read(number, 8);
    return ERR_OK;
}

static enum err blobs_look(struct outcomes *outcomes, struct error *err)
{
    struct kv_range all = {.family = FAMILY_BLOBS};
    struct kv_iter *iter = kv_iter_create(outcomes->kv, &all);
    kv_iter_seek_first(iter);
    atomic_init(&outcomes->blobs, kv_iter_valid(iter));
    enum err code = kv_iter_status(iter, err);
    kv_iter_destroy(&iter);
    return code;
}

void outcomes_blobs_used(struct outcomes *outcomes)
{
    atomic_store(&outcomes->blobs, true);
}

enum err outcomes_create(struct kv *kv, struct outcomes **ret_outcomes, struct error *err)
{
    *ret_outcomes = NULL;
    struct outcomes *outcomes = calloc(1, sizeof(*outcomes));
    if (outcomes == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for the outcome table");
    }
    outcomes->kv = kv;
    atomic_init(&outcomes->dirty, false);
    atomic_init(&outcomes->syncs, 0);
    (void)pthread_mutex_init(&outcomes->epoch_lock, NULL);
    enum err code = meta_read(outcomes, err);
    if (code == ERR_OK) {
        code = blobs_look(outcomes, err);
    }
    if (code != ERR_OK) {
        outcomes_destroy(&outcomes);
    }
    *ret_outcomes = outcomes;
    return code;
}

void outcomes_destroy(struct outcomes **outcomes)
{
    if (*outcomes == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&(*outcomes)->epoch_lock);
    free(*outcomes);
    *outcomes = NULL;
}

struct kv *outcomes_kv(struct outcomes *outcomes)
{
    return outcomes->kv;
}

const uint8_t *outcomes_store_id(const struct outcomes *outcomes)
{
    return outcomes->store_id;
}

/* ---- rows ---- */

static void row_key(const uint8_t *key, uint8_t phase, char out[ROW_KEY_BYTES])
{
    memcpy(out, key, OUTCOME_KEY_BYTES);
    out[OUTCOME_KEY_BYTES] = (char)phase;
}

static enum err row_decode(struct str row, struct outcome *ret_outcome, struct error *err)
{
    if (row.size < ROW_HEAD_BYTES) {
        return error_set(err, ERR_CORRUPT, "an outcome row has only %zu bytes", row.size);
    }
    const char *at = row.data;
    if (at[0] != ROW_VERSION) {
        return error_set(err, ERR_FORMAT, "an outcome row has version %u, this program knows %d",
                         (unsigned)(uint8_t)at[0], ROW_VERSION);
    }
    if (at[1] < OUTCOME_INTENT || at[1] > OUTCOME_RECALLED) {
        return error_set(err, ERR_CORRUPT, "an outcome row has state %u", (unsigned)(uint8_t)at[1]);
    }
    ret_outcome->state = (enum outcome_state)at[1];
    ret_outcome->mark = (uint8_t)at[2];
    ret_outcome->attempt = (uint32_t)number_read(at + 3, 4);
    memcpy(ret_outcome->identity.bytes, at + 7, DIGEST_BYTES);
    ret_outcome->recorded_ms = number_read(at + 7 + DIGEST_BYTES, 8);
    ret_outcome->settled_ms = number_read(at + 15 + DIGEST_BYTES, 8);
    ret_outcome->result =
        (struct str){.data = at + ROW_HEAD_BYTES, .size = row.size - ROW_HEAD_BYTES};
    return ERR_OK;
}

static void row_head(const struct outcome *outcome, char out[ROW_HEAD_BYTES])
{
    out[0] = ROW_VERSION;
    out[1] = (char)outcome->state;
    out[2] = (char)outcome->mark;
    number_write(out + 3, 4, outcome->attempt);
    memcpy(out + 7, outcome->identity.bytes, DIGEST_BYTES);
    number_write(out + 7 + DIGEST_BYTES, 8, outcome->recorded_ms);
    number_write(out + 15 + DIGEST_BYTES, 8, outcome->settled_ms);
}

enum err outcomes_get(struct outcomes *outcomes, const struct outcome_name *name,
                      struct buf *scratch, struct outcome *ret_outcome, struct error *err)
{
    *ret_outcome = (struct outcome){.state = OUTCOME_NONE};
    char key[ROW_KEY_BYTES];
    row_key(name->key, name->phase, key);
    enum err code =
        kv_get(outcomes->kv, FAMILY_OUTCOMES, (struct str){key, sizeof(key)}, scratch, err);
    if (code == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(code);
    return row_decode((struct str){.data = scratch->data, .size = scratch->size}, ret_outcome, err);
}

void outcome_put(struct kv_batch *batch, const struct outcome_name *name,
                 const struct outcome *outcome, uint64_t now_ms)
{
    CHECK(outcome->state != OUTCOME_NONE);
    char key[ROW_KEY_BYTES];
    row_key(name->key, name->phase, key);
    struct outcome row = *outcome;
    row.attempt = name->attempt;
    row.recorded_ms = now_ms;
    row.settled_ms = 0;
    char head[ROW_HEAD_BYTES];
    row_head(&row, head);
    struct buf value = BUF_INIT(ROW_HEAD_BYTES + LIMIT_MESSAGE_BYTES);
    buf_append(&value, head, sizeof(head));
    buf_append(&value, row.result.data, row.result.size);
    CHECK(!value.failed);
    kv_batch_put(batch, FAMILY_OUTCOMES, (struct str){key, sizeof(key)},
                 (struct str){.data = value.data, .size = value.size});
    buf_release(&value);
}

/* ---- committing ---- */

enum err outcomes_commit(struct outcomes *outcomes, const struct kv_batch *batch, struct error *err)
{
    TRY(kv_commit(outcomes->kv, batch, false, err));
    atomic_store(&outcomes->dirty, true);
    return ERR_OK;
}

enum err outcomes_commit_synced(struct outcomes *outcomes, const struct kv_batch *batch,
                                struct error *err)
{
    TRY(kv_commit(outcomes->kv, batch, true, err));
    (void)atomic_fetch_add(&outcomes->syncs, 1);
    return ERR_OK;
}

enum err outcomes_sync(struct outcomes *outcomes, struct error *err)
{
    if (!atomic_exchange(&outcomes->dirty, false)) {
        return ERR_OK;
    }
    /* One log serves all batches in order, so a synced one makes those before it durable too. */
    struct kv_batch *batch = kv_batch_create(outcomes->kv);
    kv_batch_put(batch, FAMILY_META, STR("sync"), STR("1"));
    enum err code = outcomes_commit_synced(outcomes, batch, err);
    kv_batch_destroy(&batch);
    return code;
}

uint64_t outcomes_syncs(const struct outcomes *outcomes)
{
    return atomic_load(&outcomes->syncs);
}

/* ---- settling ---- */

enum { SETTLED_KEY_BYTES = 8 + ROW_KEY_BYTES };

static enum err settle_one(struct outcomes *outcomes, struct kv_batch *batch, const char *key,
                           uint64_t now_ms, struct error *err)
{
    struct kv_slice slice = {0};
    struct str row = {.data = key, .size = ROW_KEY_BYTES};
    enum err code = kv_pin(outcomes->kv, FAMILY_OUTCOMES, row, &slice, err);
    if (code == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(code);
    struct outcome outcome;
    struct buf value = BUF_INIT(ROW_HEAD_BYTES + LIMIT_MESSAGE_BYTES);
    code = row_decode((struct str){slice.data, slice.size}, &outcome, err);
    if (code == ERR_OK && outcome.settled_ms == 0 && outcome.state != OUTCOME_INTENT) {
        char head[ROW_HEAD_BYTES];
        outcome.settled_ms = now_ms;
        row_head(&outcome, head);
        buf_append(&value, head, sizeof(head));
        buf_append(&value, outcome.result.data, outcome.result.size);
        CHECK(!value.failed);
        kv_batch_put(batch, FAMILY_OUTCOMES, row, (struct str){value.data, value.size});
        char index[SETTLED_KEY_BYTES];
        number_write(index, 8, now_ms);
        memcpy(index + 8, key, ROW_KEY_BYTES);
        kv_batch_put(batch, FAMILY_SETTLED, (struct str){index, sizeof(index)}, STR(""));
    }
    buf_release(&value);
    kv_slice_release(&slice);
    return code;
}

/* Drop the oldest settled outcomes past their time. A row settled again later has a newer index
 * row; the older one only goes itself. */
static enum err sweep(struct outcomes *outcomes, struct kv_batch *batch, uint64_t now_ms,
                      struct error *err)
{
    const uint64_t keep_ms = (uint64_t)OUTCOME_RETENTION_DAYS * 24 * 60 * 60 * 1000;
    if (now_ms <= keep_ms) {
        return ERR_OK;
    }
    char upper[8];
    number_write(upper, sizeof(upper), now_ms - keep_ms);
    struct kv_range range = {.family = FAMILY_SETTLED, .upper = {upper, sizeof(upper)}};
    struct kv_iter *iter = kv_iter_create(outcomes->kv, &range);
    size_t count = 0;
    struct outcome_name name = {0};
    struct buf scratch = BUF_INIT(ROW_HEAD_BYTES + LIMIT_MESSAGE_BYTES);
    enum err code = ERR_OK;
    for (kv_iter_seek_first(iter); kv_iter_valid(iter) && count < SWEEP_MAX && code == ERR_OK;
         kv_iter_next(iter), count++) {
        struct str index = kv_iter_key(iter);
        kv_batch_delete(batch, FAMILY_SETTLED, index);
        if (index.size != SETTLED_KEY_BYTES) {
            continue;
        }
        struct outcome outcome;
        memcpy(name.key, index.data + 8, OUTCOME_KEY_BYTES);
        name.phase = (uint8_t)index.data[8 + OUTCOME_KEY_BYTES];
        code = outcomes_get(outcomes, &name, &scratch, &outcome, err);
        if (code == ERR_OK && outcome.settled_ms == number_read(index.data, 8)) {
            kv_batch_delete(batch, FAMILY_OUTCOMES, (struct str){index.data + 8, ROW_KEY_BYTES});
            if (atomic_load(&outcomes->blobs)) {
                code = blobs_forget(outcomes, batch, &name, err);
            }
        }
    }
    if (code == ERR_OK) {
        code = kv_iter_status(iter, err);
    }
    buf_release(&scratch);
    kv_iter_destroy(&iter);
    return code;
}

enum err outcomes_settle(struct outcomes *outcomes, const struct str *keys, size_t count,
                         uint64_t now_ms, struct error *err)
{
    struct kv_batch *batch = kv_batch_create(outcomes->kv);
    enum err code = ERR_OK;
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        CHECK(keys[i].size == OUTCOME_KEY_BYTES);
        char row[ROW_KEY_BYTES];
        for (uint8_t phase = 1; phase <= 2 && code == ERR_OK; phase++) {
            row_key((const uint8_t *)keys[i].data, phase, row);
            code = settle_one(outcomes, batch, row, now_ms, err);
        }
    }
    if (code == ERR_OK && count > 0) {
        code = sweep(outcomes, batch, now_ms, err);
    }
    if (code == ERR_OK && kv_batch_count(batch) > 0) {
        code = kv_commit(outcomes->kv, batch, false, err); /* lost marks only keep rows longer */
    }
    kv_batch_destroy(&batch);
    return code;
}

/* ---- epoch ---- */

enum err outcomes_epoch_accept(struct outcomes *outcomes, uint64_t epoch, struct error *err)
{
    enum err code = ERR_OK;
    (void)pthread_mutex_lock(&outcomes->epoch_lock);
    if (epoch < outcomes->epoch) {
        code = error_set(err, ERR_REFUSED,
                         "coordinator epoch %llu is over: this agent has obeyed epoch %llu",
                         (unsigned long long)epoch, (unsigned long long)outcomes->epoch);
    } else if (epoch > outcomes->epoch) {
        char number[8];
        number_write(number, sizeof(number), epoch);
        struct kv_batch *batch = kv_batch_create(outcomes->kv);
        kv_batch_put(batch, FAMILY_META, STR("epoch"), (struct str){number, sizeof(number)});
        code = outcomes_commit_synced(outcomes, batch, err);
        kv_batch_destroy(&batch);
        if (code == ERR_OK) {
            outcomes->epoch = epoch;
        }
    }
    (void)pthread_mutex_unlock(&outcomes->epoch_lock);
    return code;
}
