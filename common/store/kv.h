/*
 * The store port: an ordered key-value store with up to four key families, atomic batches and
 * consistent iterators. Two implementations keep this contract: RocksDB on disk (kv_open) and an
 * in-memory twin for tests and simulation (kv_mem.h).
 *
 * Families are numbered from 0 by the caller's enum and named in `struct kv_options`. Keys are byte
 * strings in memcmp order, 1 to KV_KEY_BYTES long; values are any bytes up to KV_VALUE_BYTES.
 *
 * Failure is final: after a failed commit it is unknown whether its batch will be there when the
 * store is opened again, so every later commit is refused with the first error. The owner stops
 * acting, closes and opens again.
 *
 * Threads: kv_get, kv_pin, kv_commit, kv_stats, kv_flush, kv_checkpoint and kv_iter_create from any
 * thread (concurrent synced commits share one fsync). A batch, an iterator and a slice belong to
 * one thread at a time. Close when all of them are gone.
 */
#ifndef COMMON_STORE_KV_H
#define COMMON_STORE_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"

struct buf;
struct kv;
struct kv_batch;
struct kv_iter;

enum {
    KV_FAMILIES_MAX = 5,
    KV_KEY_BYTES = 4096,
    KV_VALUE_BYTES = 128 * 1024 * 1024,
};

struct kv_options {
    const char *families[KV_FAMILIES_MAX]; /* names by index: [a-z0-9_]+, kept for ever */
    unsigned family_count;                 /* 1 to KV_FAMILIES_MAX; may grow from open to open */
    unsigned sealed_families;              /* bit per family: encrypted, does not compress */
    bool create;                           /* make the store when there is none */
    size_t cache_bytes;                    /* block cache; 0: 8 MB */
    size_t memtable_bytes;                 /* of one family before it is written out; 0: 4 MB */
};

/* Keys of one family with lower <= key < upper; an empty bound does not bound. Borrowed. */
struct kv_range {
    unsigned family;
    struct str lower;
    struct str upper;
};

/* A value read in place. Release it; until then it stays as it was when read. */
struct kv_slice {
    const char *data;
    size_t size;
    void *handle;  /* private */
    struct kv *kv; /* private */
};

struct kv_stats {
    uint64_t commits;
    uint64_t commits_synced;
    uint64_t bytes_written; /* keys and values of committed batches */
    uint64_t wal_bytes;     /* write-ahead log files on disk */
    uint64_t table_bytes;   /* table files on disk */
    uint64_t background_errors;
};

/*
 * Open the store in directory `path`, creating directory (mode 0700) and store when
 * options->create. `options` is copied. On failure *ret_kv is NULL.
 *
 * Errors: ERR_NOT_FOUND (no store and not create), ERR_CONFLICT (another process has it open),
 * ERR_CORRUPT (a checksum failed: restore from a backup), ERR_FORMAT (written by a newer RocksDB,
 * or families we do not know), ERR_FULL (disk full: opening needs room too), ERR_IO.
 */
MUST_CHECK enum err kv_open(const char *path, const struct kv_options *options, struct kv **ret_kv,
                            struct error *err);

/* Close *kv and set it to NULL. Commits that were not synced are as durable as the operating system
 * makes them. Accepts a NULL store. */
void kv_close(struct kv **kv);

/* ---- reading ---- */

/* Replace the content of `ret_value` with the value of `key`. ERR_NOT_FOUND (without words),
 * ERR_LIMIT when the buffer's maximum is too small, ERR_CORRUPT, ERR_IO. */
MUST_CHECK enum err kv_get(struct kv *kv, unsigned family, struct str key, struct buf *ret_value,
                           struct error *err);

/* The value of `key` without a copy; on success release it with kv_slice_release. Errors as kv_get.
 */
MUST_CHECK enum err kv_pin(struct kv *kv, unsigned family, struct str key,
                           struct kv_slice *ret_slice, struct error *err);

/* Give back a slice; it becomes empty. Accepts an empty slice. */
void kv_slice_release(struct kv_slice *slice);

/* ---- iterating ---- */

/* An iterator over `range` (bounds are copied) that sees the store as it is now, whatever is
 * committed later. It stands nowhere until the first seek. Never NULL. */
struct kv_iter *kv_iter_create(struct kv *kv, const struct kv_range *range);

/* Destroy *iter and set it to NULL. Accepts a NULL iterator. */
void kv_iter_destroy(struct kv_iter **iter);

/* Go to the first or last key of the range, the first key >= `key` (not empty), or the last
 * key <= `key`. */
void kv_iter_seek_first(struct kv_iter *iter);
void kv_iter_seek_last(struct kv_iter *iter);
void kv_iter_seek(struct kv_iter *iter, struct str key);
void kv_iter_seek_back(struct kv_iter *iter, struct str key);

/* One key on or back; the iterator must be valid. */
void kv_iter_next(struct kv_iter *iter);
void kv_iter_prev(struct kv_iter *iter);

/* Whether it stands on a key. When not: the end of the range, or an error (kv_iter_status). */
bool kv_iter_valid(const struct kv_iter *iter);

/* Key and value where it stands, borrowed until it moves. Precondition: valid. */
struct str kv_iter_key(const struct kv_iter *iter);
struct str kv_iter_value(const struct kv_iter *iter);

/* ERR_OK, or why the iterator stopped early: ERR_CORRUPT, ERR_IO. Check after every loop. */
MUST_CHECK enum err kv_iter_status(const struct kv_iter *iter, struct error *err);

/* ---- writing ---- */

/* An empty batch for `kv`. Never NULL. */
struct kv_batch *kv_batch_create(struct kv *kv);

/* Destroy *batch and set it to NULL. Accepts a NULL batch. */
void kv_batch_destroy(struct kv_batch **batch);

/* Append an operation; bytes are copied; later operations on a key win. Keys and values within the
 * limits above are the caller's duty (CHECK). */
void kv_batch_put(struct kv_batch *batch, unsigned family, struct str key, struct str value);
void kv_batch_delete(struct kv_batch *batch, unsigned family, struct str key);

/* Empty the batch for the next use. */
void kv_batch_clear(struct kv_batch *batch);

/* Operations in the batch, and bytes of their keys and values. */
size_t kv_batch_count(const struct kv_batch *batch);
size_t kv_batch_bytes(const struct kv_batch *batch);

/*
 * Append to `batch` a delete for every committed key of `range`, at most `max` of them.
 * *ret_count (may be NULL) tells how many; less than `max` means the whole range.
 */
MUST_CHECK enum err kv_delete_range(struct kv *kv, struct kv_batch *batch,
                                    const struct kv_range *range, size_t max, size_t *ret_count,
                                    struct error *err);

/*
 * Write `batch` atomically over all families. With `sync` it is on the device when this returns;
 * without, it survives the death of the process but not of the machine. The batch is left as it is.
 * Errors: ERR_FULL, ERR_CORRUPT, ERR_IO; see "failure is final" above.
 */
MUST_CHECK enum err kv_commit(struct kv *kv, const struct kv_batch *batch, bool sync,
                              struct error *err);

/* ---- keeping ---- */

/* Write everything that is only in memory and log to table files. */
MUST_CHECK enum err kv_flush(struct kv *kv, struct error *err);

/*
 * Make a consistent, synced copy of the store in the new directory `path` on the same file system
 * (hard links). ERR_EXISTS when `path` exists; ERR_UNSUPPORTED for the in-memory twin; ERR_FULL,
 * ERR_IO. A directory left behind by a failure must be removed by the caller.
 */
MUST_CHECK enum err kv_checkpoint(struct kv *kv, const char *path, struct error *err);

/*
 * The same as `path`.part first, then under its own name: a directory called `path` is whole. Both
 * must not be there before. Errors as kv_checkpoint.
 */
MUST_CHECK enum err kv_checkpoint_whole(struct kv *kv, const char *path, struct error *err);

/* Figures of this process and of the files now. */
void kv_stats(struct kv *kv, struct kv_stats *ret_stats);

#endif
