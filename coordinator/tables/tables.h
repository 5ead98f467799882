/*
 * The engine's tables over the store: keys, rows and the turn's batch (FORMAT.md).
 *
 * Implements struct engine_port: writes go into one batch that tables_commit makes durable together
 * with the turn's journal batch; reads see committed state. A read that fails ends the process
 * (crash only): there is no half answer that would be safe to act on.
 *
 * Threads: none, except where kv.h says so.
 */
#ifndef COORDINATOR_TABLES_TABLES_H
#define COORDINATOR_TABLES_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/json/json.h"
#include "coordinator/codec/journal_codec.h"
#include "coordinator/codec/row_codec.h"
#include "coordinator/engine/port.h"

struct engine;
struct kv;
struct kv_options;
struct tables;

/* What is written, and the oldest that is read. A store is of the level of the newest program that
 * opened it, so that an older one refuses it instead of passing over rows that it does not know. */
enum { TABLES_FORMAT_LEVEL = 2, TABLES_FORMAT_LEAST = 1 };

/* The port to give to engine_create, with a `struct tables *` as its user. */
extern const struct engine_port tables_port;

/* Options a coordinator's store is opened with (kv_open). */
const struct kv_options *tables_kv_options(void);

/*
 * Use an open store; a new one gets its format level and store id. `kv` stays the caller's. The
 * epoch of this start is one more than that of the last, and at least `epoch_least`: whoever passes
 * the wall clock in milliseconds is obeyed after a backup was restored, although the store has
 * forgotten epochs that agents have seen.
 * Errors: ERR_FORMAT (written by a newer program), ERR_CORRUPT, ERR_IO.
 */
MUST_CHECK enum err tables_open(struct kv *kv, uint64_t epoch_least, struct tables **ret_tables,
                                struct error *err);

/* Free *tables and set it to NULL. Accepts NULL. */
void tables_close(struct tables **tables);

/* Load everything the engine keeps in memory. Errors: ERR_CORRUPT, ERR_FORMAT. */
MUST_CHECK enum err tables_restore(struct tables *tables, struct engine *engine, struct error *err);

/* The journal's head: sequence 0 and a zero hash when it is empty; the time of its last batch. */
uint64_t tables_sequence(const struct tables *tables);
const struct digest *tables_head(const struct tables *tables);
int64_t tables_last_now(const struct tables *tables);

/*
 * Of a store that was restored from a backup, before it is opened: a new store id, and when this
 * was, synced. ERR_IO, ERR_FULL.
 */
MUST_CHECK enum err tables_renew(struct kv *kv, int64_t now_ms, struct error *err);

/* When the store was restored last, wall clock; 0: never. */
int64_t tables_restored_ms(struct tables *tables);

/* Random id made with the store; the epoch is higher at each start (tables_open). */
const struct id *tables_store_id(const struct tables *tables);
uint64_t tables_epoch(const struct tables *tables);

/* Begin a turn at `now_ms`; then the port is used; then tables_commit. */
void tables_begin(struct tables *tables, int64_t now_ms);

/*
 * Commit the turn: rows, and the journal batch of `events` when there are any, as one write. With
 * `sync` it is on the device. Nothing is written when nothing changed. Errors: those of kv_commit;
 * final.
 */
MUST_CHECK enum err tables_commit(struct tables *tables, const struct event *events,
                                  size_t event_count, bool sync, struct error *err);

/* ---- queries: committed state ---- */

/* Visit instances of the ended ones, newest first, below `before_ms`/`before` (0: from the newest).
 */
typedef bool tables_done_fn(void *user, const struct id *id, const struct done *done);
MUST_CHECK enum err tables_each_done(struct tables *tables, int64_t before_ms,
                                     const struct id *before, tables_done_fn *visit, void *user,
                                     struct error *err);

/* Visit open instances, newest start first, those below `before_ms`/`before` (NULL: from the
 * newest). They have no plan and are borrowed for the call. */
typedef bool tables_open_fn(void *user, struct instance *instance);
MUST_CHECK enum err tables_each_open(struct tables *tables, int64_t before_ms,
                                     const struct id *before, tables_open_fn *visit, void *user,
                                     struct error *err);

/* Ended instance by id; texts and numbers in the arena. ERR_NOT_FOUND. */
MUST_CHECK enum err tables_done(struct tables *tables, const struct id *id, struct arena *arena,
                                struct done *ret_done, struct error *err);

/* Ids, open or ended, that start with `prefix` hex digits: at most `max`; returns how many. */
size_t tables_find(struct tables *tables, const char *prefix, struct id *ret_ids, size_t max);

/* One journal batch, decoded; release with journal_release. ERR_NOT_FOUND past the end. */
MUST_CHECK enum err tables_journal(struct tables *tables, uint64_t sequence, struct arena *arena,
                                   struct journal_batch *ret_batch, struct error *err);

/* The same with the values of one instance's events alone. */
MUST_CHECK enum err tables_journal_of(struct tables *tables, uint64_t sequence,
                                      const struct id *instance, struct arena *arena,
                                      struct journal_batch *ret_batch, struct error *err);

/* Walk the chain from the first batch. On a broken link: *ret_bad is its sequence and the error
 * says why. */
MUST_CHECK enum err tables_verify(struct tables *tables, uint64_t *ret_batches, uint64_t *ret_bad,
                                  struct error *err);

/* Dead letters, newest first, below `before` (0: from the newest). */
typedef bool tables_letter_fn(void *user, uint64_t number, const struct dead_letter *letter);
MUST_CHECK enum err tables_each_letter(struct tables *tables, uint64_t before,
                                       tables_letter_fn *visit, void *user, struct error *err);
MUST_CHECK enum err tables_letter(struct tables *tables, uint64_t number, struct arena *arena,
                                  struct dead_letter *ret_letter, struct error *err);

/* Events that wait until the start of the definition `name` (namespace/name) by several of them is
 * complete: by filter, group and arrival. `envelope` is borrowed until `visit` returns. */
typedef bool tables_gathered_fn(void *user, const json_t *envelope, int64_t expires_ms);
MUST_CHECK enum err tables_each_gathered(struct tables *tables, const char *name,
                                         tables_gathered_fn *visit, void *user, struct error *err);
uint64_t tables_letter_count(const struct tables *tables);

/* Figures for metrics: open instances by activity, puts of the last turns, bytes. */
struct tables_figures {
    uint64_t commits;
    uint64_t synced;
    uint64_t rows;
    uint64_t bytes; /* keys and values committed */
    uint64_t journal_bytes;
};
void tables_figures(const struct tables *tables, struct tables_figures *ret_figures);

/* Digest over all rows of the engine's state (not the journal): what replay must reproduce. */
struct digest tables_state_digest(struct tables *tables);

/* Whether the two have the same rows of state, byte for byte, read without digesting them. If not,
 * *ret_table is the letter of the first table that differs, in the order of keys. */
bool tables_state_equal(struct tables *tables, struct tables *other, char *ret_table);

#endif
