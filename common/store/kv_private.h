/* What the implementations of the store port share. Only this folder includes it. */
#ifndef COMMON_STORE_KV_PRIVATE_H
#define COMMON_STORE_KV_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/store/kv.h"

/* One implementation. `kv.c` has checked arguments and counts before it calls these. */
struct kv_ops {
    const char *name;
    void (*close)(struct kv *kv);
    enum err (*pin)(struct kv *kv, unsigned family, struct str key, struct kv_slice *ret_slice,
                    struct error *err);
    void (*unpin)(struct kv *kv, void *handle);
    struct kv_iter *(*iter_create)(struct kv *kv, const struct kv_range *range);
    void (*iter_destroy)(struct kv_iter *iter);
    void (*iter_seek)(struct kv_iter *iter, const struct str *key);      /* NULL: first */
    void (*iter_seek_back)(struct kv_iter *iter, const struct str *key); /* NULL: last */
    void (*iter_next)(struct kv_iter *iter);
    void (*iter_prev)(struct kv_iter *iter);
    enum err (*iter_status)(const struct kv_iter *iter, struct error *err);
    struct kv_batch *(*batch_create)(struct kv *kv);
    void (*batch_destroy)(struct kv_batch *batch);
    void (*batch_put)(struct kv_batch *batch, unsigned family, struct str key, struct str value);
    void (*batch_delete)(struct kv_batch *batch, unsigned family, struct str key);
    void (*batch_clear)(struct kv_batch *batch);
    enum err (*commit)(struct kv *kv, const struct kv_batch *batch, bool sync, struct error *err);
    enum err (*flush)(struct kv *kv, struct error *err);
    enum err (*checkpoint)(struct kv *kv, const char *path, struct error *err);
    void (*files)(struct kv *kv, struct kv_stats *ret_stats); /* adds the figures of files */
};

/* First member of every implementation's store. */
struct kv {
    const struct kv_ops *ops;
    unsigned family_count;
    atomic_bool failed;
    pthread_mutex_t failure_lock;
    struct error failure; /* under failure_lock */
    _Atomic uint64_t commits;
    _Atomic uint64_t commits_synced;
    _Atomic uint64_t bytes_written;
};

/* First member of every implementation's iterator; the implementation sets all of it on each move.
 */
struct kv_iter {
    const struct kv_ops *ops;
    bool valid;
    struct str key;
    struct str value;
};

/* First member of every implementation's batch. */
struct kv_batch {
    const struct kv_ops *ops;
    unsigned family_count;
    size_t count;
    size_t bytes;
};

/* Fill the common part of a store; CHECKs the options. */
void kv_init(struct kv *kv, const struct kv_ops *ops, const struct kv_options *options);

/* Release the common part. */
void kv_release(struct kv *kv);

/* Forget a failure, for an implementation that can open again in place. */
void kv_failure_clear(struct kv *kv);

#endif
