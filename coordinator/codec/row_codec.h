/*
 * Rows of the coordinator's store to bytes and back (proto/tables.proto). Each row carries its
 * version; older versions are upgraded here and nowhere else, newer ones are refused.
 *
 * Packing appends to `out` and cannot fail but for memory (CHECK). Reading returns ERR_CORRUPT for
 * bytes that are not a row and ERR_FORMAT for a newer version. Texts live in the arena.
 */
#ifndef COORDINATOR_CODEC_ROW_CODEC_H
#define COORDINATOR_CODEC_ROW_CODEC_H

#include "common/base/error.h"
#include "common/base/str.h"
#include "coordinator/engine/company.h"
#include "coordinator/engine/event.h"
#include "coordinator/engine/instance.h"

struct arena;
struct buf;

void instance_pack(const struct instance *instance, struct arena *arena, struct buf *out);

/* A new instance without its plan; the caller owns it. */
MUST_CHECK enum err instance_unpack(struct str bytes, const struct id *id, struct arena *arena,
                                    struct instance **ret_instance, struct error *err);

/* An effect that an instance keeps of one that has ended. */
void kept_pack(const struct ledger_entry *entry, struct arena *arena, struct buf *out);
/* The entry's texts live in `arena`. */
MUST_CHECK enum err kept_unpack(struct str bytes, struct arena *arena,
                                struct ledger_entry *ret_entry, struct error *err);

/* An effect that an ended instance does not know to have happened: its agent may still say so. */
struct done_effect {
    struct id key;
    const char *agent;
};

/* What remains of an ended instance: how to find its story in the journal. */
struct done {
    struct digest definition;
    const char *name; /* namespace/name:version */
    const char *trigger;
    enum instance_status status;
    int64_t started_ms;
    int64_t ended_ms;
    uint64_t migrated; /* journal sequence of the last migration; 0: none */
    uint64_t *journal;
    size_t journal_count;
    uint64_t ended; /* of these, the one that holds its end; 0: none */
    bool has_parent;
    struct id parent; /* the instance whose step ran it */
    struct done_effect *effects;
    size_t effect_count;
};
void done_pack(const struct instance *instance, const char *name, int64_t ended_ms,
               struct arena *arena, struct buf *out);
MUST_CHECK enum err done_unpack(struct str bytes, struct arena *arena, struct done *ret_done,
                                struct error *err);
/* The row after an effect has turned out to have happened: it is struck off the list, and the
 * journal's sequence that says so, not below those in the row, belongs to the story. */
MUST_CHECK enum err done_pack_late(struct str bytes, const struct id *key, uint64_t sequence,
                                   struct arena *arena, struct buf *out, struct error *err);

void store_pack(const struct store *store, struct buf *out);
/* Fills a store whose texts live in the arena; agent and name are the caller's. */
MUST_CHECK enum err store_unpack(struct str bytes, struct arena *arena, struct store *ret_store,
                                 const char **ret_contract_version, struct error *err);

void gate_pack(const struct gate *gate, struct arena *arena, struct buf *out);
/* A new gate; the caller owns it. */
MUST_CHECK enum err gate_unpack(struct str bytes, const struct id *id, struct arena *arena,
                                struct gate **ret_gate, struct error *err);

struct definition_row {
    const char *text;
    const char *file;
    int64_t deployed_ms;
    int64_t retired_ms;         /* 0: in service */
    const char *retired_reason; /* NULL: none */
};
void definition_pack(const struct definition *definition, struct buf *out);
MUST_CHECK enum err definition_unpack(struct str bytes, struct arena *arena,
                                      struct definition_row *ret_row, struct error *err);

void open_count_pack(const struct open_count *open, struct buf *out);
MUST_CHECK enum err open_count_unpack(struct str bytes, struct arena *arena,
                                      struct open_count *ret_open, struct error *err);

void contract_pack(const struct contract *contract, int64_t now_ms, struct buf *out);
MUST_CHECK enum err contract_unpack(struct str bytes, struct arena *arena,
                                    struct contract **ret_contract, struct error *err);

void schedule_pack(const struct schedule *schedule, struct buf *out);
/* Fills a schedule; its name is the caller's. */
MUST_CHECK enum err schedule_unpack(struct str bytes, struct arena *arena,
                                    struct schedule *ret_schedule, struct error *err);

void claim_pack(const struct claim *claim, struct buf *out);
/* Fills a claim; its order and lock are the caller's. */
MUST_CHECK enum err claim_unpack(struct str bytes, struct arena *arena, struct claim *ret_claim,
                                 struct error *err);

void account_pack(const struct account *account, struct buf *out);
/* Fills an account; its name is the caller's. */
MUST_CHECK enum err account_unpack(struct str bytes, struct arena *arena,
                                   struct account *ret_account, struct error *err);

void rate_pack(const struct rate *rate, struct buf *out);
/* Fills a rate; its names are the caller's. */
MUST_CHECK enum err rate_unpack(struct str bytes, struct arena *arena, struct rate *ret_rate,
                                struct error *err);

void policy_pack(const char *file, const char *text, int64_t now_ms, struct buf *out);
/* The text lives in `arena`. */
MUST_CHECK enum err policy_unpack(struct str bytes, struct arena *arena, struct str *ret_text,
                                  struct error *err);

void zone_pack(const struct time_zone *zone, struct buf *out);
/* The compiled rules, in the arena. */
MUST_CHECK enum err zone_unpack(struct str bytes, struct arena *arena, struct str *ret_rules,
                                struct error *err);

void buffered_pack(struct doc *envelope, int64_t now_ms, int64_t expires_ms, struct buf *out);
/* *ret_envelope is a new reference. */
MUST_CHECK enum err buffered_unpack(struct str bytes, struct arena *arena,
                                    struct doc **ret_envelope, int64_t *ret_expires_ms,
                                    struct error *err);

struct dead_letter {
    const char *source;
    const char *subject;
    const char *reason;
    const char *advice;
    struct str headers; /* JSON object text, or empty */
    struct str body;
    uint64_t size;
    int64_t at_ms;
    bool replayed;
};
void dead_letter_pack(const struct dead_letter *letter, struct buf *out);
MUST_CHECK enum err dead_letter_unpack(struct str bytes, struct arena *arena,
                                       struct dead_letter *ret_letter, struct error *err);

#endif
