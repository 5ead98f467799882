/*
 * The store in memory. Each family is a version: a sorted array of shared entries. Readers hold the
 * version they started with; a commit changes the version in place when nobody else holds it and
 * copies it otherwise. `durable` is what a crash goes back to.
 */
#include "common/store/kv_mem.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/store/kv_private.h"

struct entry {
    size_t references;
    size_t key_size;
    size_t value_size;
    char bytes[]; /* key, value */
};

struct version {
    size_t references;
    size_t count;
    size_t capacity;
    struct entry **entries; /* in key order */
};

/* All fields but base under `lock`. */
struct mem {
    struct kv base;
    pthread_mutex_t lock;
    struct version *current[KV_FAMILIES_MAX];
    struct version *durable[KV_FAMILIES_MAX]; /* NULL: the current one */
    unsigned fail_in;                         /* commits until the failing one; 0: none */
    enum err fail_code;
    bool fail_kept;
};

struct mem_iter {
    struct kv_iter base;
    struct mem *mem;
    struct version *version;
    size_t begin; /* first index of the range */
    size_t end;   /* one past its last */
    size_t at;
};

struct operation {
    struct entry *entry; /* a delete has value_size SIZE_MAX */
    unsigned family;
};

struct mem_batch {
    struct kv_batch base;
    struct mem *mem;
    struct operation *operations;
    size_t used;
    size_t capacity;
};

static void lock(struct mem *mem)
{
    CHECK(pthread_mutex_lock(&mem->lock) == 0);
}

static void unlock(struct mem *mem)
{
    CHECK(pthread_mutex_unlock(&mem->lock) == 0);
}

/* ---- entries and versions ---- */

static struct entry *entry_create(struct str key, struct str value, bool deleted)
{
    struct entry *entry = malloc(sizeof(*entry) + key.size + value.size);
    CHECK(entry != NULL);
    entry->references = 1;
    entry->key_size = key.size;
    entry->value_size = deleted ? SIZE_MAX : value.size;
    memcpy(entry->bytes, key.data, key.size);
    if (value.size > 0) {
        memcpy(entry->bytes + key.size, value.data, value.size);
    }
    return entry;
}

static void entry_unref(struct entry *entry)
{
    if (--entry->references == 0) {
        free(entry);
    }
}

static void version_unref(struct version *version)
{
    if (version == NULL || --version->references > 0) {
        return;
    }
    for (size_t i = 0; i < version->count; i++) {
        entry_unref(version->entries[i]);
    }
    free(version->entries);
    free(version);
}

static struct version *version_create(size_t capacity)
{
    struct version *version = calloc(1, sizeof(*version));
    CHECK(version != NULL);
    version->references = 1;
    version->capacity = capacity > 16 ? capacity : 16;
    version->entries = malloc(version->capacity * sizeof(struct entry *));
    CHECK(version->entries != NULL);
    return version;
}

/* The current version of a family for changing: a copy when somebody else reads it. */
static struct version *version_own(struct version **current)
{
    struct version *version = *current;
    if (version->references == 1) {
        return version;
    }
    struct version *copy = version_create(version->count + 16);
    for (size_t i = 0; i < version->count; i++) {
        copy->entries[i] = version->entries[i];
        copy->entries[i]->references++;
    }
    copy->count = version->count;
    version_unref(version);
    *current = copy;
    return copy;
}

static int key_compare(const struct entry *entry, struct str key)
{
    size_t shorter = entry->key_size < key.size ? entry->key_size : key.size;
    int order = memcmp(entry->bytes, key.data, shorter);
    if (order != 0) {
        return order;
    }
    return entry->key_size < key.size ? -1 : entry->key_size > key.size;
}

/* Index of the first entry >= `key` (with `after`: > `key`). */
static size_t version_find(const struct version *version, struct str key, bool after)
{
    size_t low = 0;
    size_t high = version->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = key_compare(version->entries[middle], key);
        if (order < 0 || (after && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool version_holds(const struct version *version, size_t index, struct str key)
{
    return index < version->count && key_compare(version->entries[index], key) == 0;
}

static void version_apply(struct version *version, struct entry *entry)
{
    struct str key = {.data = entry->bytes, .size = entry->key_size};
    size_t index = version_find(version, key, false);
    bool found = version_holds(version, index, key);
    struct entry **place = &version->entries[index];
    if (entry->value_size == SIZE_MAX) {
        if (found) {
            entry_unref(*place);
            version->count--;
            memmove(place, place + 1, (version->count - index) * sizeof(struct entry *));
        }
        return;
    }
    if (found) {
        entry_unref(*place);
    } else {
        if (version->count == version->capacity) {
            CHECK(version->capacity > 0);
            version->capacity *= 2;
            version->entries =
                realloc(version->entries, version->capacity * sizeof(struct entry *));
            CHECK(version->entries != NULL);
            place = &version->entries[index];
        }
        memmove(place + 1, place, (version->count - index) * sizeof(struct entry *));
        version->count++;
    }
    *place = entry;
    entry->references++;
}

/* ---- opening ---- */

static void mem_close(struct kv *kv)
{
    struct mem *mem = (struct mem *)kv;
    for (unsigned i = 0; i < kv->family_count; i++) {
        version_unref(mem->current[i]);
        version_unref(mem->durable[i]);
    }
    CHECK(pthread_mutex_destroy(&mem->lock) == 0);
    kv_release(&mem->base);
    free(mem);
}

static const struct kv_ops mem_ops;

enum err kv_mem_open(const struct kv_options *options, struct kv **ret_kv, struct error *err)
{
    *ret_kv = NULL;
    struct mem *mem = calloc(1, sizeof(*mem));
    if (mem == NULL) {
        return error_set(err, ERR_NOMEM, "cannot open store in memory: out of memory");
    }
    kv_init(&mem->base, &mem_ops, options);
    CHECK(pthread_mutex_init(&mem->lock, NULL) == 0);
    for (unsigned i = 0; i < options->family_count; i++) {
        mem->current[i] = version_create(0);
    }
    *ret_kv = &mem->base;
    return ERR_OK;
}

/* ---- reading ---- */

static enum err mem_pin(struct kv *kv, unsigned family, struct str key, struct kv_slice *ret_slice,
                        struct error *err)
{
    (void)err;
    struct mem *mem = (struct mem *)kv;
    enum err code = ERR_NOT_FOUND;
    lock(mem);
    const struct version *version = mem->current[family];
    size_t index = version_find(version, key, false);
    if (version_holds(version, index, key)) {
        struct entry *entry = version->entries[index];
        entry->references++;
        ret_slice->data = entry->bytes + entry->key_size;
        ret_slice->size = entry->value_size;
        ret_slice->handle = entry;
        code = ERR_OK;
    }
    unlock(mem);
    return code;
}

static void mem_unpin(struct kv *kv, void *handle)
{
    struct mem *mem = (struct mem *)kv;
    lock(mem);
    entry_unref(handle);
    unlock(mem);
}

static struct kv_iter *mem_iter_create(struct kv *kv, const struct kv_range *range)
{
    struct mem *mem = (struct mem *)kv;
    struct mem_iter *iter = calloc(1, sizeof(*iter));
    CHECK(iter != NULL);
    lock(mem);
    iter->mem = mem;
    iter->version = mem->current[range->family];
    iter->version->references++;
    unlock(mem);
    iter->begin = range->lower.size > 0 ? version_find(iter->version, range->lower, false) : 0;
    iter->end = range->upper.size > 0 ? version_find(iter->version, range->upper, false)
                                      : iter->version->count;
    return &iter->base;
}

static void mem_iter_destroy(struct kv_iter *base)
{
    struct mem_iter *iter = (struct mem_iter *)base;
    lock(iter->mem);
    version_unref(iter->version);
    unlock(iter->mem);
    free(iter);
}

static void iter_place(struct mem_iter *iter, size_t at)
{
    iter->at = at;
    iter->base.valid = at >= iter->begin && at < iter->end;
    if (iter->base.valid) {
        const struct entry *entry = iter->version->entries[at];
        iter->base.key = (struct str){.data = entry->bytes, .size = entry->key_size};
        iter->base.value =
            (struct str){.data = entry->bytes + entry->key_size, .size = entry->value_size};
    }
}

static void mem_iter_seek(struct kv_iter *base, const struct str *key)
{
    struct mem_iter *iter = (struct mem_iter *)base;
    size_t at = key != NULL ? version_find(iter->version, *key, false) : iter->begin;
    iter_place(iter, at > iter->begin ? at : iter->begin);
}

/* SIZE_MAX, one before index 0, is in no range. */
static void mem_iter_seek_back(struct kv_iter *base, const struct str *key)
{
    struct mem_iter *iter = (struct mem_iter *)base;
    size_t after = key != NULL ? version_find(iter->version, *key, true) : iter->end;
    iter_place(iter, (after < iter->end ? after : iter->end) - 1);
}

static void mem_iter_next(struct kv_iter *base)
{
    struct mem_iter *iter = (struct mem_iter *)base;
    iter_place(iter, iter->at + 1);
}

static void mem_iter_prev(struct kv_iter *base)
{
    struct mem_iter *iter = (struct mem_iter *)base;
    iter_place(iter, iter->at - 1);
}

static enum err mem_iter_status(const struct kv_iter *base, struct error *err)
{
    (void)base;
    (void)err;
    return ERR_OK;
}

/* ---- writing ---- */

static struct kv_batch *mem_batch_create(struct kv *kv)
{
    struct mem_batch *batch = calloc(1, sizeof(*batch));
    CHECK(batch != NULL);
    batch->mem = (struct mem *)kv;
    return &batch->base;
}

static void mem_batch_clear(struct kv_batch *base)
{
    struct mem_batch *batch = (struct mem_batch *)base;
    lock(batch->mem);
    for (size_t i = 0; i < batch->used; i++) {
        entry_unref(batch->operations[i].entry);
    }
    unlock(batch->mem);
    batch->used = 0;
}

static void mem_batch_destroy(struct kv_batch *base)
{
    struct mem_batch *batch = (struct mem_batch *)base;
    mem_batch_clear(base);
    free(batch->operations);
    free(batch);
}

static void batch_append(struct kv_batch *base, unsigned family, struct entry *entry)
{
    struct mem_batch *batch = (struct mem_batch *)base;
    if (batch->used == batch->capacity) {
        batch->capacity = batch->capacity > 0 ? batch->capacity * 2 : 16;
        batch->operations =
            realloc(batch->operations, batch->capacity * sizeof(*batch->operations));
        CHECK(batch->operations != NULL);
    }
    batch->operations[batch->used++] = (struct operation){.entry = entry, .family = family};
}

static void mem_batch_put(struct kv_batch *base, unsigned family, struct str key, struct str value)
{
    batch_append(base, family, entry_create(key, value, false));
}

static void mem_batch_delete(struct kv_batch *base, unsigned family, struct str key)
{
    batch_append(base, family, entry_create(key, (struct str){0}, true));
}

static void apply_locked(struct mem *mem, const struct mem_batch *batch, bool sync)
{
    for (size_t i = 0; i < batch->used; i++) {
        const struct operation *operation = &batch->operations[i];
        struct version **current = &mem->current[operation->family];
        struct version **durable = &mem->durable[operation->family];
        if (!sync && *durable == NULL) {
            *durable = *current;
            (*durable)->references++;
        }
        version_apply(version_own(current), operation->entry);
    }
    for (unsigned i = 0; i < mem->base.family_count && sync; i++) {
        version_unref(mem->durable[i]);
        mem->durable[i] = NULL;
    }
}

static enum err mem_commit(struct kv *kv, const struct kv_batch *base, bool sync, struct error *err)
{
    struct mem *mem = (struct mem *)kv;
    const struct mem_batch *batch = (const struct mem_batch *)base;
    CHECK(batch->mem == mem);
    enum err code = ERR_OK;
    lock(mem);
    bool fails = mem->fail_in == 1;
    if (mem->fail_in > 0) {
        mem->fail_in--;
    }
    if (fails) {
        code = error_set(err, mem->fail_code, "cannot write store in memory: %s, as ordered",
                         error_text(mem->fail_code));
    }
    if (!fails || mem->fail_kept) {
        apply_locked(mem, batch, sync);
    }
    unlock(mem);
    return code;
}

static enum err mem_flush(struct kv *kv, struct error *err)
{
    (void)err;
    struct mem *mem = (struct mem *)kv;
    static const struct mem_batch empty;
    lock(mem);
    apply_locked(mem, &empty, true);
    unlock(mem);
    return ERR_OK;
}

static enum err mem_checkpoint(struct kv *kv, const char *path, struct error *err)
{
    (void)kv;
    return error_set(err, ERR_UNSUPPORTED,
                     "cannot write checkpoint '%s': the store is in memory only", path);
}

static void mem_files(struct kv *kv, struct kv_stats *ret_stats)
{
    (void)kv;
    (void)ret_stats;
}

/* ---- hooks ---- */

void kv_mem_fail_commit(struct kv *kv, unsigned nth, enum err code, bool kept)
{
    CHECK(kv->ops == &mem_ops);
    struct mem *mem = (struct mem *)kv;
    lock(mem);
    mem->fail_in = nth;
    mem->fail_code = code;
    mem->fail_kept = kept;
    unlock(mem);
}

void kv_mem_crash(struct kv *kv)
{
    CHECK(kv->ops == &mem_ops);
    struct mem *mem = (struct mem *)kv;
    lock(mem);
    for (unsigned i = 0; i < kv->family_count; i++) {
        if (mem->durable[i] != NULL) {
            version_unref(mem->current[i]);
            mem->current[i] = mem->durable[i];
            mem->durable[i] = NULL;
        }
    }
    unlock(mem);
    kv_failure_clear(kv);
}

void kv_mem_reopen(struct kv *kv)
{
    CHECK(kv->ops == &mem_ops);
    kv_failure_clear(kv);
}

static const struct kv_ops mem_ops = {
    .name = "memory",
    .close = mem_close,
    .pin = mem_pin,
    .unpin = mem_unpin,
    .iter_create = mem_iter_create,
    .iter_destroy = mem_iter_destroy,
    .iter_seek = mem_iter_seek,
    .iter_seek_back = mem_iter_seek_back,
    .iter_next = mem_iter_next,
    .iter_prev = mem_iter_prev,
    .iter_status = mem_iter_status,
    .batch_create = mem_batch_create,
    .batch_destroy = mem_batch_destroy,
    .batch_put = mem_batch_put,
    .batch_delete = mem_batch_delete,
    .batch_clear = mem_batch_clear,
    .commit = mem_commit,
    .flush = mem_flush,
    .checkpoint = mem_checkpoint,
    .files = mem_files,
};
