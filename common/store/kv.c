#include "common/store/kv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/store/kv_private.h"

enum { PATH_BYTES = 4096 };

static bool family_name_is_valid(const char *name)
{
    return name != NULL && name[0] != '\0' && strlen(name) <= 32 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

void kv_init(struct kv *kv, const struct kv_ops *ops, const struct kv_options *options)
{
    CHECK(options->family_count >= 1);
    CHECK(options->family_count <= KV_FAMILIES_MAX);
    for (unsigned i = 0; i < options->family_count; i++) {
        CHECK(family_name_is_valid(options->families[i]));
    }
    kv->ops = ops;
    kv->family_count = options->family_count;
    CHECK(pthread_mutex_init(&kv->failure_lock, NULL) == 0);
}

void kv_release(struct kv *kv)
{
    CHECK(pthread_mutex_destroy(&kv->failure_lock) == 0);
}

void kv_close(struct kv **kv)
{
    if (*kv != NULL) {
        (*kv)->ops->close(*kv);
        *kv = NULL;
    }
}

static void key_check(unsigned family_count, unsigned family, struct str key)
{
    CHECK(family < family_count);
    CHECK(key.size > 0);
    CHECK(key.size <= KV_KEY_BYTES);
}

enum err kv_pin(struct kv *kv, unsigned family, struct str key, struct kv_slice *ret_slice,
                struct error *err)
{
    key_check(kv->family_count, family, key);
    *ret_slice = (struct kv_slice){.kv = kv};
    return kv->ops->pin(kv, family, key, ret_slice, err);
}

void kv_slice_release(struct kv_slice *slice)
{
    if (slice->handle != NULL) {
        slice->kv->ops->unpin(slice->kv, slice->handle);
    }
    *slice = (struct kv_slice){0};
}

enum err kv_get(struct kv *kv, unsigned family, struct str key, struct buf *ret_value,
                struct error *err)
{
    struct kv_slice slice;
    buf_clear(ret_value);
    TRY(kv_pin(kv, family, key, &slice, err));
    buf_append(ret_value, slice.data, slice.size);
    size_t size = slice.size;
    kv_slice_release(&slice);
    if (ret_value->failed) {
        return error_set(err, ERR_LIMIT, "value of %zu bytes does not fit into a buffer of %zu",
                         size, ret_value->max);
    }
    return ERR_OK;
}

struct kv_iter *kv_iter_create(struct kv *kv, const struct kv_range *range)
{
    CHECK(range->family < kv->family_count);
    CHECK(range->lower.size <= KV_KEY_BYTES);
    CHECK(range->upper.size <= KV_KEY_BYTES);
    struct kv_iter *iter = kv->ops->iter_create(kv, range);
    iter->ops = kv->ops;
    return iter;
}

void kv_iter_destroy(struct kv_iter **iter)
{
    if (*iter != NULL) {
        (*iter)->ops->iter_destroy(*iter);
        *iter = NULL;
    }
}

void kv_iter_seek_first(struct kv_iter *iter)
{
    iter->ops->iter_seek(iter, NULL);
}

void kv_iter_seek_last(struct kv_iter *iter)
{
    iter->ops->iter_seek_back(iter, NULL);
}

void kv_iter_seek(struct kv_iter *iter, struct str key)
{
    CHECK(key.size > 0);
    iter->ops->iter_seek(iter, &key);
}

void kv_iter_seek_back(struct kv_iter *iter, struct str key)
{
    CHECK(key.size > 0);
    iter->ops->iter_seek_back(iter, &key);
}

void kv_iter_next(struct kv_iter *iter)
{
    CHECK(iter->valid);
    iter->ops->iter_next(iter);
}

void kv_iter_prev(struct kv_iter *iter)
{
    CHECK(iter->valid);
    iter->ops->iter_prev(iter);
}

bool kv_iter_valid(const struct kv_iter *iter)
{
    return iter->valid;
}

struct str kv_iter_key(const struct kv_iter *iter)
{
    CHECK(iter->valid);
    return iter->key;
}

struct str kv_iter_value(const struct kv_iter *iter)
{
    CHECK(iter->valid);
    return iter->value;
}

enum err kv_iter_status(const struct kv_iter *iter, struct error *err)
{
    return iter->ops->iter_status(iter, err);
}

struct kv_batch *kv_batch_create(struct kv *kv)
{
    struct kv_batch *batch = kv->ops->batch_create(kv);
    batch->ops = kv->ops;
    batch->family_count = kv->family_count;
    return batch;
}

void kv_batch_destroy(struct kv_batch **batch)
{
    if (*batch != NULL) {
        (*batch)->ops->batch_destroy(*batch);
        *batch = NULL;
    }
}

void kv_batch_put(struct kv_batch *batch, unsigned family, struct str key, struct str value)
{
    key_check(batch->family_count, family, key);
    CHECK(value.size <= KV_VALUE_BYTES);
    batch->ops->batch_put(batch, family, key, value.size > 0 ? value : STR(""));
    batch->count++;
    batch->bytes += key.size + value.size;
}

void kv_batch_delete(struct kv_batch *batch, unsigned family, struct str key)
{
    key_check(batch->family_count, family, key);
    batch->ops->batch_delete(batch, family, key);
    batch->count++;
    batch->bytes += key.size;
}

void kv_batch_clear(struct kv_batch *batch)
{
    batch->ops->batch_clear(batch);
    batch->count = 0;
    batch->bytes = 0;
}

size_t kv_batch_count(const struct kv_batch *batch)
{
    return batch->count;
}

size_t kv_batch_bytes(const struct kv_batch *batch)
{
    return batch->bytes;
}

/* RocksDB's DeleteRange has had many bugs, so ranges are deleted key by key. */
enum err kv_delete_range(struct kv *kv, struct kv_batch *batch, const struct kv_range *range,
                         size_t max, size_t *ret_count, struct error *err)
{
    size_t count = 0;
    struct kv_iter *iter = kv_iter_create(kv, range);
    for (kv_iter_seek_first(iter); kv_iter_valid(iter) && count < max; kv_iter_next(iter)) {
        kv_batch_delete(batch, range->family, kv_iter_key(iter));
        count++;
    }
    enum err code = kv_iter_status(iter, err);
    kv_iter_destroy(&iter);
    if (ret_count != NULL) {
        *ret_count = count;
    }
    return code;
}

static enum err failure_keep(struct kv *kv, enum err code, const struct error *failure,
                             struct error *err)
{
    CHECK(pthread_mutex_lock(&kv->failure_lock) == 0);
    if (!atomic_load(&kv->failed)) {
        kv->failure = *failure;
        kv->failure.code = code;
        atomic_store(&kv->failed, true);
    }
    CHECK(pthread_mutex_unlock(&kv->failure_lock) == 0);
    return error_set(err, code, "%s", failure->message);
}

static enum err failure_again(struct kv *kv, struct error *err)
{
    CHECK(pthread_mutex_lock(&kv->failure_lock) == 0);
    struct error first = kv->failure;
    CHECK(pthread_mutex_unlock(&kv->failure_lock) == 0);
    error_wrap(&first, "refused because an earlier commit failed");
    return error_set(err, first.code, "%s", first.message);
}

void kv_failure_clear(struct kv *kv)
{
    CHECK(pthread_mutex_lock(&kv->failure_lock) == 0);
    kv->failure = (struct error){0};
    atomic_store(&kv->failed, false);
    CHECK(pthread_mutex_unlock(&kv->failure_lock) == 0);
}

enum err kv_commit(struct kv *kv, const struct kv_batch *batch, bool sync, struct error *err)
{
    CHECK(batch->ops == kv->ops);
    if (atomic_load(&kv->failed)) {
        return failure_again(kv, err);
    }
    struct error failure = {0};
    enum err code = kv->ops->commit(kv, batch, sync, &failure);
    if (code != ERR_OK) {
        return failure_keep(kv, code, &failure, err);
    }
    atomic_fetch_add_explicit(&kv->commits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&kv->commits_synced, sync ? 1 : 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&kv->bytes_written, batch->bytes, memory_order_relaxed);
    return ERR_OK;
}

enum err kv_flush(struct kv *kv, struct error *err)
{
    return kv->ops->flush(kv, err);
}

enum err kv_checkpoint(struct kv *kv, const char *path, struct error *err)
{
    return kv->ops->checkpoint(kv, path, err);
}

enum err kv_checkpoint_whole(struct kv *kv, const char *path, struct error *err)
{
    char part[PATH_BYTES];
    int size = snprintf(part, sizeof(part), "%s.part", path);
    if (size < 0 || (size_t)size >= sizeof(part)) {
        return error_set(err, ERR_LIMIT, "the path of checkpoint '%s' is too long", path);
    }
    TRY(kv_checkpoint(kv, part, err));
    return rename(part, path) == 0
               ? ERR_OK
               : error_set(err, ERR_IO, "cannot name checkpoint '%s': %s", path, strerror(errno));
}

void kv_stats(struct kv *kv, struct kv_stats *ret_stats)
{
    *ret_stats = (struct kv_stats){
        .commits = atomic_load_explicit(&kv->commits, memory_order_relaxed),
        .commits_synced = atomic_load_explicit(&kv->commits_synced, memory_order_relaxed),
        .bytes_written = atomic_load_explicit(&kv->bytes_written, memory_order_relaxed),
    };
    kv->ops->files(kv, ret_stats);
}
