/*
 * The outcome table: what makes a task that comes again harmless. One row for each (key, phase)
 * that may have had an effect or cost money; a success is final for the key, a failure only for its
 * attempt, an intent says that an effect may be under way.
 *
 * Families and rows of the agent's store (format level 1; integers big-endian):
 *
 *   meta      "format" -> u32 level; "store_id" -> 16 random bytes; "epoch" -> u64; "sync" -> u8
 *   outcomes  key[16] phase[1] -> version u8, state u8, effect mark u8, attempt u32, identity[32],
 *             recorded u64 ms, settled u64 ms, then the packed proto Result (states done, failed)
 *   settled   settled u64 ms, key[16] phase[1] -> nothing: the order in which outcomes are dropped
 *   tables    table name, 0x00, key -> value: the agent's own
 *   blobs     outputs too large for a message: blobs.h
 *
 * Threads: all functions from any thread; whoever runs a task is the only writer of its row.
 */
#ifndef AGENTS_RUNTIME_OUTCOMES_H
#define AGENTS_RUNTIME_OUTCOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agents/runtime/contract.h"
#include "common/base/error.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

struct buf;
struct kv;
struct kv_batch;
struct outcomes;

enum { OUTCOME_KEY_BYTES = 16, OUTCOME_FORMAT_LEVEL = 1, OUTCOME_RETENTION_DAYS = 90 };

enum outcome_family {
    FAMILY_META,
    FAMILY_OUTCOMES,
    FAMILY_SETTLED,
    FAMILY_TABLES,
    FAMILY_BLOBS,
    FAMILY_COUNT
};

enum outcome_state {
    OUTCOME_NONE,     /* no row */
    OUTCOME_INTENT,   /* the effect may be under way or done; nobody recorded the end */
    OUTCOME_DONE,     /* final for the key */
    OUTCOME_FAILED,   /* final for the attempt */
    OUTCOME_RECALLED, /* this attempt never started and never will */
};

struct outcome {
    enum outcome_state state;
    uint8_t mark; /* EffectMark of a failure, or of the failure before a recall */
    uint32_t attempt;
    struct digest identity; /* of action, input and proposal */
    uint64_t recorded_ms;
    uint64_t settled_ms; /* 0: the coordinator has not committed it yet */
    struct str result;   /* packed proto Result; borrowed */
};

/* The name of one run of one phase. */
struct outcome_name {
    uint8_t key[OUTCOME_KEY_BYTES];
    uint8_t phase;
    uint32_t attempt;
};

enum outcome_verdict {
    VERDICT_RUN,         /* new, or a failure that may be tried again */
    VERDICT_PROBE,       /* ask the world first */
    VERDICT_ANSWER,      /* the stored result is the answer */
    VERDICT_OTHER_INPUT, /* the key was used for something else: in doubt */
    VERDICT_DIED,        /* began, never ended, cannot be asked: in doubt */
    VERDICT_RECALLED,
};

/* What is known of earlier attempts of the key beside the row: as in task.proto, or that it is
 * older than rows are kept. */
enum outcome_past { PAST_OWN, PAST_NONE, PAST_UNKNOWN, PAST_FORGOTTEN };

/* The rules of the table, without the table. */
enum outcome_verdict outcome_judge(const struct outcome *row, enum effect_class effect,
                                   uint32_t attempt, const struct digest *identity,
                                   enum outcome_past past);

/* What a store for an agent looks like; pass to kv_open or kv_mem_open. */
struct kv_options;
void outcomes_kv_options(struct kv_options *ret_options);

/* Read the meta rows of `kv` (borrowed), or write them into an empty store, synced. ERR_FORMAT for
 * a level this program does not know, ERR_CORRUPT, and what kv_commit returns. */
MUST_CHECK enum err outcomes_create(struct kv *kv, struct outcomes **ret_outcomes,
                                    struct error *err);

/* Free *outcomes and set it to NULL. Accepts NULL. The kv stays open. */
void outcomes_destroy(struct outcomes **outcomes);

struct kv *outcomes_kv(struct outcomes *outcomes);

/* Make a new random store id, synced: the store was restored and does not know what it did since.
 * Before anything is asked of it. */
MUST_CHECK enum err outcomes_renew(struct outcomes *outcomes, struct error *err);

/* 16 random bytes written when the store was made. */
const uint8_t *outcomes_store_id(const struct outcomes *outcomes);

/* The row of (key, phase); its bytes live in `scratch`. state OUTCOME_NONE when there is none. */
MUST_CHECK enum err outcomes_get(struct outcomes *outcomes, const struct outcome_name *name,
                                 struct buf *scratch, struct outcome *ret_outcome,
                                 struct error *err);

/* Append the row to `batch`; the attempt is the name's, the time is `now_ms`. */
void outcome_put(struct kv_batch *batch, const struct outcome_name *name,
                 const struct outcome *outcome, uint64_t now_ms);

/* Commit `batch` so that it can be read at once and survives this process. It is durable after the
 * next outcomes_sync; results may leave only then. */
MUST_CHECK enum err outcomes_commit(struct outcomes *outcomes, const struct kv_batch *batch,
                                    struct error *err);

/* Commit `batch` durably now. */
MUST_CHECK enum err outcomes_commit_synced(struct outcomes *outcomes, const struct kv_batch *batch,
                                           struct error *err);

/* Rows were put into family blobs: from now on they are looked for when outcomes are dropped. */
void outcomes_blobs_used(struct outcomes *outcomes);

/* Make every commit so far durable with one sync; nothing to do is free. */
MUST_CHECK enum err outcomes_sync(struct outcomes *outcomes, struct error *err);

/* Syncs done so far, for metrics. */
uint64_t outcomes_syncs(const struct outcomes *outcomes);

/* Mark the outcomes of the keys as known to the coordinator, and drop a few that have been so for
 * OUTCOME_RETENTION_DAYS. */
MUST_CHECK enum err outcomes_settle(struct outcomes *outcomes, const struct str *keys, size_t count,
                                    uint64_t now_ms, struct error *err);

/* Accept a coordinator's epoch: ERR_REFUSED when a higher one was seen; a new highest is durable
 * when this returns. */
MUST_CHECK enum err outcomes_epoch_accept(struct outcomes *outcomes, uint64_t epoch,
                                          struct error *err);

#endif
