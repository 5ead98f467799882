/* The store on RocksDB. Why each option: common/store/README.md. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/fault_point.h"
#include "common/base/folder.h"
#include "common/base/footprint.h"
#include "common/store/kv_private.h"
#include "common/store/wal_tail.h"

enum {
    CACHE_BYTES = 8 * 1024 * 1024,
    MEMTABLE_BYTES = 4 * 1024 * 1024,
    MEMTABLES_BYTES = 16 * 1024 * 1024,
    WAL_BYTES = 16 * 1024 * 1024,
    INFO_LOG_BYTES = 1024 * 1024,
    OPEN_FILES = 128,
    WAL_RECOVERY_TOLERATE_TORN_TAIL = 0,
    INFO_LOG_HEADER_ONLY = 5,
    PERF_COUNTS_NOTHING = 1,
};

static const double memtable_bloom = 0.02; /* part of a memtable */

struct rocks {
    struct kv base;
    char *path;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_options_t *sealed; /* of families that do not compress */
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_synced;
    rocksdb_writeoptions_t *write_plain;
    rocksdb_readoptions_t *read;
    rocksdb_column_family_handle_t *families[KV_FAMILIES_MAX];
};

struct rocks_iter {
    struct kv_iter base;
    struct rocks *rocks;
    rocksdb_iterator_t *iter;
    rocksdb_readoptions_t *options;
    char bounds[]; /* RocksDB borrows the bounds of an iterator */
};

struct rocks_batch {
    struct kv_batch base;
    struct rocks *rocks;
    rocksdb_writebatch_t *batch;
};

/* ---- errors ---- */

static bool mentions(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* Turn RocksDB's words, which are its only error codes in C, into ours and free them. */
static enum err rocks_error(const char *path, const char *what, char *text, struct error *err)
{
    if (text == NULL) {
        return ERR_OK;
    }
    enum err code = ERR_IO;
    if (mentions(text, "No space left on device") || mentions(text, "Disk quota exceeded")) {
        code = error_set(err, ERR_FULL, "cannot %s store '%s': the disk is full, make room: %s",
                         what, path, text);
    } else if (mentions(text, "/LOCK: ") || mentions(text, "lock hold by current process")) {
        code = error_set(err, ERR_CONFLICT,
                         "cannot %s store '%s': another process is using this directory; stop it, "
                         "or give this process a directory of its own: %s",
                         what, path, text);
    } else if (mentions(text, "format_version") || mentions(text, "Column families not opened")) {
        code = error_set(err, ERR_FORMAT,
                         "cannot %s store '%s': it was written by a newer version; start that "
                         "version, or restore a backup made by this one: %s",
                         what, path, text);
    } else if (mentions(text, "Corruption: ") || mentions(text, "checksum mismatch")) {
        code = error_set(err, ERR_CORRUPT,
                         "cannot %s store '%s': stored bytes are damaged; restore the directory "
                         "from a backup: %s",
                         what, path, text);
    } else {
        code = error_set(err, ERR_IO, "cannot %s store '%s': %s", what, path, text);
    }
    rocksdb_free(text);
    return code;
}

/* ---- opening ---- */

/* What caches and write buffers take together: an eighth of what the process may use, and never
 * more than without a word about it. */
static size_t part_of_footprint(size_t most)
{
    const uint64_t together = CACHE_BYTES + MEMTABLES_BYTES;
    uint64_t store = footprint_bytes() / 8;
    if (footprint_bytes() == 0 || store >= together) {
        return most;
    }
    return (size_t)(store * most / together);
}

static rocksdb_block_based_table_options_t *table_options(rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_block_based_options_set_index_type(
        table, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(table, 1);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    return table;
}

static rocksdb_options_t *db_options(const struct kv_options *wanted, rocksdb_cache_t *cache)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, wanted->create ? 1 : 0);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_wal_recovery_mode(options, WAL_RECOVERY_TOLERATE_TORN_TAIL);
    rocksdb_options_set_info_log_level(options, INFO_LOG_HEADER_ONLY);
    rocksdb_options_set_keep_log_file_num(options, 2);
    rocksdb_options_set_max_log_file_size(options, INFO_LOG_BYTES);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_max_file_opening_threads(options, 1);
    rocksdb_options_set_max_open_files(options, OPEN_FILES);
    rocksdb_options_set_table_cache_numshardbits(options, 2);
    rocksdb_options_set_max_total_wal_size(options, WAL_BYTES);
    rocksdb_options_set_db_write_buffer_size(options, part_of_footprint(MEMTABLES_BYTES));
    size_t memtable =
        wanted->memtable_bytes > 0 ? wanted->memtable_bytes : part_of_footprint(MEMTABLE_BYTES);
    rocksdb_options_set_write_buffer_size(options, memtable);
    rocksdb_options_set_max_write_buffer_number(options, 2);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, memtable_bloom);
    rocksdb_options_set_memtable_whole_key_filtering(options, 1);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_block_based_table_options_t *table = table_options(cache);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    return options;
}

/* Family 0 lives in the column family that RocksDB always has. */
static char *db_open(struct rocks *rocks, const struct kv_options *wanted)
{
    const char *names[KV_FAMILIES_MAX] = {"default"};
    const rocksdb_options_t *options[KV_FAMILIES_MAX];
    for (unsigned i = 0; i < wanted->family_count; i++) {
        names[i] = i == 0 ? "default" : wanted->families[i];
        options[i] = (wanted->sealed_families >> i & 1U) != 0 ? rocks->sealed : rocks->options;
    }
    char *text = NULL;
    rocks->db = rocksdb_open_column_families(rocks->options, rocks->path, (int)wanted->family_count,
                                             names, options, rocks->families, &text);
    return text;
}

static void rocks_close(struct kv *kv)
{
    struct rocks *rocks = (struct rocks *)kv;
    for (unsigned i = 0; i < KV_FAMILIES_MAX; i++) {
        if (rocks->families[i] != NULL) {
            rocksdb_column_family_handle_destroy(rocks->families[i]);
        }
    }
    if (rocks->db != NULL) {
        rocksdb_close(rocks->db);
    }
    rocksdb_options_destroy(rocks->options);
    rocksdb_options_destroy(rocks->sealed);
    rocksdb_cache_destroy(rocks->cache);
    rocksdb_writeoptions_destroy(rocks->write_synced);
    rocksdb_writeoptions_destroy(rocks->write_plain);
    rocksdb_readoptions_destroy(rocks->read);
    kv_release(&rocks->base);
    free(rocks->path);
    free(rocks);
}

static enum err folder_create(const char *path, struct error *err)
{
    if (mkdir(path, 0700) == 0) {
        return folder_sync_parent(path, err);
    }
    if (errno == EEXIST) {
        return ERR_OK;
    }
    int reason = errno;
    return error_set(err, reason == ENOSPC ? ERR_FULL : ERR_IO,
                     "cannot create store directory '%s': %s", path, strerror(reason));
}

/* RocksDB makes directories even when it may not create a store, so look for one first. */
static enum err store_expect(const char *path, struct error *err)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool found = folder >= 0 && faccessat(folder, "CURRENT", F_OK, 0) == 0;
    if (folder >= 0) {
        (void)close(folder);
    }
    if (!found) {
        return error_set(err, ERR_NOT_FOUND, "cannot open store '%s': there is none", path);
    }
    return ERR_OK;
}

static const struct kv_ops rocks_ops;

static struct rocks *rocks_create(const char *path, const struct kv_options *options)
{
    struct rocks *rocks = calloc(1, sizeof(*rocks));
    char *copy = strdup(path);
    if (rocks == NULL || copy == NULL) {
        free(rocks);
        free(copy);
        return NULL;
    }
    kv_init(&rocks->base, &rocks_ops, options);
    rocks->path = copy;
    rocks->cache = rocksdb_cache_create_lru(
        options->cache_bytes > 0 ? options->cache_bytes : part_of_footprint(CACHE_BYTES));
    rocks->options = db_options(options, rocks->cache);
    rocks->sealed = db_options(options, rocks->cache);
    rocksdb_options_set_compression(rocks->sealed, rocksdb_no_compression);
    rocks->write_synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write_synced, 1);
    rocks->write_plain = rocksdb_writeoptions_create();
    rocks->read = rocksdb_readoptions_create();
    return rocks;
}

enum err kv_open(const char *path, const struct kv_options *options, struct kv **ret_kv,
                 struct error *err)
{
    *ret_kv = NULL;
    TRY(options->create ? folder_create(path, err) : store_expect(path, err));
    struct rocks *rocks = rocks_create(path, options);
    if (rocks == NULL) {
        return error_set(err, ERR_NOMEM, "cannot open store '%s': out of memory", path);
    }
    rocksdb_set_perf_level(PERF_COUNTS_NOTHING); /* of this thread, which mostly commits */
    char *text = db_open(rocks, options);
    if (text != NULL && mentions(text, "not linked with the binary")) {
        rocksdb_free(text);
        rocksdb_options_set_compression(rocks->options, rocksdb_no_compression);
        text = db_open(rocks, options);
    }
    if (text != NULL && mentions(text, "Corruption: ") && wal_tail_cut(path)) {
        rocksdb_free(text);
        text = db_open(rocks, options);
    }
    struct kv *kv = &rocks->base;
    enum err code = rocks_error(path, "open", text, err);
    if (code != ERR_OK) {
        kv_close(&kv);
        return code;
    }
    *ret_kv = kv;
    return ERR_OK;
}

/* ---- reading ---- */

static enum err rocks_pin(struct kv *kv, unsigned family, struct str key,
                          struct kv_slice *ret_slice, struct error *err)
{
    struct rocks *rocks = (struct rocks *)kv;
    char *text = NULL;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(
        rocks->db, rocks->read, rocks->families[family], key.data, key.size, &text);
    if (text != NULL) {
        return rocks_error(rocks->path, "read", text, err);
    }
    if (slice == NULL) {
        return ERR_NOT_FOUND;
    }
    ret_slice->data = rocksdb_pinnableslice_value(slice, &ret_slice->size);
    ret_slice->handle = slice;
    return ERR_OK;
}

static void rocks_unpin(struct kv *kv, void *handle)
{
    (void)kv;
    rocksdb_pinnableslice_destroy(handle);
}

static struct kv_iter *rocks_iter_create(struct kv *kv, const struct kv_range *range)
{
    struct rocks *rocks = (struct rocks *)kv;
    size_t lower = range->lower.size;
    size_t upper = range->upper.size;
    struct rocks_iter *iter = calloc(1, sizeof(*iter) + lower + upper);
    CHECK(iter != NULL);
    iter->rocks = rocks;
    iter->options = rocksdb_readoptions_create();
    if (lower > 0) {
        memcpy(iter->bounds, range->lower.data, lower);
        rocksdb_readoptions_set_iterate_lower_bound(iter->options, iter->bounds, lower);
    }
    if (upper > 0) {
        memcpy(iter->bounds + lower, range->upper.data, upper);
        rocksdb_readoptions_set_iterate_upper_bound(iter->options, iter->bounds + lower, upper);
    }
    iter->iter =
        rocksdb_create_iterator_cf(rocks->db, iter->options, rocks->families[range->family]);
    return &iter->base;
}

static void rocks_iter_destroy(struct kv_iter *base)
{
    struct rocks_iter *iter = (struct rocks_iter *)base;
    rocksdb_iter_destroy(iter->iter);
    rocksdb_readoptions_destroy(iter->options);
    free(iter);
}

static void iter_load(struct rocks_iter *iter)
{
    iter->base.valid = rocksdb_iter_valid(iter->iter) != 0;
    if (iter->base.valid) {
        iter->base.key.data = rocksdb_iter_key(iter->iter, &iter->base.key.size);
        iter->base.value.data = rocksdb_iter_value(iter->iter, &iter->base.value.size);
    }
}

static void rocks_iter_seek(struct kv_iter *base, const struct str *key)
{
    struct rocks_iter *iter = (struct rocks_iter *)base;
    if (key == NULL) {
        rocksdb_iter_seek_to_first(iter->iter);
    } else {
        rocksdb_iter_seek(iter->iter, key->data, key->size);
    }
    iter_load(iter);
}

static void rocks_iter_seek_back(struct kv_iter *base, const struct str *key)
{
    struct rocks_iter *iter = (struct rocks_iter *)base;
    if (key == NULL) {
        rocksdb_iter_seek_to_last(iter->iter);
    } else {
        rocksdb_iter_seek_for_prev(iter->iter, key->data, key->size);
    }
    iter_load(iter);
}

static void rocks_iter_next(struct kv_iter *base)
{
    struct rocks_iter *iter = (struct rocks_iter *)base;
    rocksdb_iter_next(iter->iter);
    iter_load(iter);
}

static void rocks_iter_prev(struct kv_iter *base)
{
    struct rocks_iter *iter = (struct rocks_iter *)base;
    rocksdb_iter_prev(iter->iter);
    iter_load(iter);
}

static enum err rocks_iter_status(const struct kv_iter *base, struct error *err)
{
    const struct rocks_iter *iter = (const struct rocks_iter *)base;
    char *text = NULL;
    rocksdb_iter_get_error(iter->iter, &text);
    return rocks_error(iter->rocks->path, "read", text, err);
}

/* ---- writing ---- */

static struct kv_batch *rocks_batch_create(struct kv *kv)
{
    struct rocks_batch *batch = calloc(1, sizeof(*batch));
    CHECK(batch != NULL);
    batch->rocks = (struct rocks *)kv;
    batch->batch = rocksdb_writebatch_create();
    return &batch->base;
}

static void rocks_batch_destroy(struct kv_batch *base)
{
    struct rocks_batch *batch = (struct rocks_batch *)base;
    rocksdb_writebatch_destroy(batch->batch);
    free(batch);
}

static void rocks_batch_put(struct kv_batch *base, unsigned family, struct str key,
                            struct str value)
{
    struct rocks_batch *batch = (struct rocks_batch *)base;
    rocksdb_writebatch_put_cf(batch->batch, batch->rocks->families[family], key.data, key.size,
                              value.data, value.size);
}

static void rocks_batch_delete(struct kv_batch *base, unsigned family, struct str key)
{
    struct rocks_batch *batch = (struct rocks_batch *)base;
    rocksdb_writebatch_delete_cf(batch->batch, batch->rocks->families[family], key.data, key.size);
}

static void rocks_batch_clear(struct kv_batch *base)
{
    rocksdb_writebatch_clear(((struct rocks_batch *)base)->batch);
}

static enum err rocks_commit(struct kv *kv, const struct kv_batch *base, bool sync,
                             struct error *err)
{
    struct rocks *rocks = (struct rocks *)kv;
    const struct rocks_batch *batch = (const struct rocks_batch *)base;
    CHECK(batch->rocks == rocks);
    if (FAULT_POINT_FAILS(sync ? "store-write-synced" : "store-write-plain")) {
        return error_set(err, ERR_IO, "store %s: write: failed as the campaign asked", rocks->path);
    }
    char *text = NULL;
    rocksdb_write(rocks->db, sync ? rocks->write_synced : rocks->write_plain, batch->batch, &text);
    return rocks_error(rocks->path, "write", text, err);
}

/* ---- keeping ---- */

static enum err rocks_flush(struct kv *kv, struct error *err)
{
    struct rocks *rocks = (struct rocks *)kv;
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    char *text = NULL;
    for (unsigned i = 0; i < kv->family_count && text == NULL; i++) {
        rocksdb_flush_cf(rocks->db, options, rocks->families[i], &text);
    }
    rocksdb_flushoptions_destroy(options);
    if (text == NULL) {
        rocksdb_flush_wal(rocks->db, 1, &text);
    }
    return rocks_error(rocks->path, "flush", text, err);
}

/* RocksDB before 9.4 does not sync the log it links into a checkpoint, so nothing may be left in
 * it: flush first, and let the checkpoint flush again (log_size_for_flush 0). */
static enum err rocks_checkpoint(struct kv *kv, const char *path, struct error *err)
{
    struct rocks *rocks = (struct rocks *)kv;
    if (access(path, F_OK) == 0) {
        return error_set(err, ERR_EXISTS, "cannot write checkpoint '%s': it already exists", path);
    }
    TRY(rocks_flush(kv, err));
    char *text = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(rocks->db, &text);
    if (text == NULL) {
        rocksdb_checkpoint_create(checkpoint, path, 0, &text);
    }
    if (checkpoint != NULL) {
        rocksdb_checkpoint_object_destroy(checkpoint);
    }
    TRY(rocks_error(rocks->path, "write a checkpoint of", text, err));
    if (chmod(path, 0700) != 0) {
        return error_set(err, ERR_IO, "cannot protect checkpoint '%s': %s", path, strerror(errno));
    }
    TRY(folder_sync(path, err));
    return folder_sync_parent(path, err);
}

static void rocks_files(struct kv *kv, struct kv_stats *ret_stats)
{
    struct rocks *rocks = (struct rocks *)kv;
    char *errors = rocksdb_property_value(rocks->db, "rocksdb.background-errors");
    if (errors != NULL) {
        (void)text_to_u64(errors, &ret_stats->background_errors);
        rocksdb_free(errors);
    }
    DIR *folder = opendir(rocks->path);
    if (folder == NULL) {
        return;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) {
        struct stat info;
        bool wal = text_ends(entry->d_name, ".log");
        bool table = text_ends(entry->d_name, ".sst");
        if ((wal || table) && fstatat(dirfd(folder), entry->d_name, &info, 0) == 0) {
            *(wal ? &ret_stats->wal_bytes : &ret_stats->table_bytes) += (uint64_t)info.st_size;
        }
    }
    (void)closedir(folder);
}

static const struct kv_ops rocks_ops = {
    .name = "rocksdb",
    .close = rocks_close,
    .pin = rocks_pin,
    .unpin = rocks_unpin,
    .iter_create = rocks_iter_create,
    .iter_destroy = rocks_iter_destroy,
    .iter_seek = rocks_iter_seek,
    .iter_seek_back = rocks_iter_seek_back,
    .iter_next = rocks_iter_next,
    .iter_prev = rocks_iter_prev,
    .iter_status = rocks_iter_status,
    .batch_create = rocks_batch_create,
    .batch_destroy = rocks_batch_destroy,
    .batch_put = rocks_batch_put,
    .batch_delete = rocks_batch_delete,
    .batch_clear = rocks_batch_clear,
    .commit = rocks_commit,
    .flush = rocks_flush,
    .checkpoint = rocks_checkpoint,
    .files = rocks_files,
};
