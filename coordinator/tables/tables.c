#include "coordinator/tables/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/engine.h"
#include "coordinator/tables/tables_private.h"

enum {
    ROW_BYTES_MAX = 128 * 1024 * 1024,
    TABLES_ARENA_BYTES = 512 * 1024 * 1024,
    EXIT_STORE = 1,
};

const struct kv_options *tables_kv_options(void)
{
    static const struct kv_options options = {.families = {"state", "journal"},
                                              .family_count = 2,
                                              .sealed_families = 1U << FAMILY_JOURNAL,
                                              .create = true};
    return &options;
}

_Noreturn void tables_fatal(const char *doing, const struct error *err)
{
    fprintf(stderr,
            "coordinator: %s: %s; stopping so that nothing is lost, start again when the "
            "store is well\n",
            doing, err->message);
    exit(EXIT_STORE);
}

struct table_key key_begin(enum table table)
{
    struct table_key key = {.size = 3};
    key.bytes[2] = (uint8_t)table; /* partition 0 before it */
    return key;
}

void key_bytes(struct table_key *key, const void *bytes, size_t size)
{
    CHECK(key->size + size <= sizeof(key->bytes));
    memcpy(key->bytes + key->size, bytes, size);
    key->size += size;
}

void key_text(struct table_key *key, const char *text)
{
    key_bytes(key, text, strlen(text) + 1);
}

void key_u64(struct table_key *key, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    }
    key_bytes(key, bytes, sizeof(bytes));
}

void key_id(struct table_key *key, const struct id *id)
{
    key_bytes(key, id->bytes, sizeof(id->bytes));
}

struct str key_str(const struct table_key *key)
{
    return (struct str){.data = (const char *)key->bytes, .size = key->size};
}

uint64_t u64_of(const char *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value = value << 8U | (uint8_t)bytes[i];
    }
    return value;
}

struct kv_range table_range(enum table table, struct table_key *lower, struct table_key *upper)
{
    *lower = key_begin(table);
    *upper = *lower;
    upper->bytes[2]++;
    return (struct kv_range){
        .family = FAMILY_STATE, .lower = key_str(lower), .upper = key_str(upper)};
}

bool tables_read(struct tables *tables, const struct table_key *key)
{
    struct error err = {0};
    enum err code = kv_get(tables->kv, FAMILY_STATE, key_str(key), &tables->value, &err);
    if (code != ERR_OK && code != ERR_NOT_FOUND) {
        tables_fatal("reading the store", &err);
    }
    return code == ERR_OK;
}

void tables_put(struct tables *tables, const struct table_key *key, struct str value)
{
    kv_batch_put(tables->batch, FAMILY_STATE, key_str(key), value);
    tables->figures.rows++;
}

void tables_delete(struct tables *tables, const struct table_key *key)
{
    kv_batch_delete(tables->batch, FAMILY_STATE, key_str(key));
    tables->figures.rows++;
}

/* ---- data keys ---- */

static struct data_key *key_slot(struct tables *tables, const struct id *owner)
{
    uint32_t hash = 0;
    memcpy(&hash, owner->bytes + 4, sizeof(hash));
    return &tables->keys[hash % KEY_CACHE];
}

static bool key_find(void *user, const struct id *owner, uint8_t out[CRYPTO_KEY_BYTES])
{
    struct tables *tables = user;
    struct data_key *slot = key_slot(tables, owner);
    if (!slot->valid || !id_equal(&slot->owner, owner)) {
        const uint8_t *made = map_get(tables->made_keys, owner->bytes, sizeof(owner->bytes));
        if (made != NULL) {
            memcpy(out, made, CRYPTO_KEY_BYTES);
            return true;
        }
        struct table_key key = key_begin(TABLE_KEY);
        key_id(&key, owner);
        if (!tables_read(tables, &key) || tables->value.size != CRYPTO_KEY_BYTES) {
            return false;
        }
        slot->owner = *owner;
        slot->valid = true;
        memcpy(slot->key, tables->value.data, CRYPTO_KEY_BYTES);
    }
    memcpy(out, slot->key, CRYPTO_KEY_BYTES);
    return true;
}

/* A key made in this turn is remembered until the batch that holds it is committed. */
static void key_make(void *user, const struct id *owner, uint8_t out[CRYPTO_KEY_BYTES])
{
    struct tables *tables = user;
    if (key_find(user, owner, out)) {
        return;
    }
    uint8_t *fresh = malloc(CRYPTO_KEY_BYTES);
    CHECK(fresh != NULL);
    crypto_random(fresh, CRYPTO_KEY_BYTES);
    (void)map_put(tables->made_keys, owner->bytes, sizeof(owner->bytes), fresh, NULL);
    memcpy(out, fresh, CRYPTO_KEY_BYTES);
    struct table_key key = key_begin(TABLE_KEY);
    key_id(&key, owner);
    tables_put(tables, &key, (struct str){.data = (const char *)fresh, .size = CRYPTO_KEY_BYTES});
}

/* The batch is committed: keys made in the turn can be read from the store from now on. */
static void keys_settle(struct tables *tables)
{
    size_t cursor = 0;
    const void *owner = NULL;
    size_t size = 0;
    uint8_t *fresh = NULL;
    while ((fresh = map_next(tables->made_keys, &cursor, &owner, &size)) != NULL) {
        struct id id;
        memcpy(id.bytes, owner, sizeof(id.bytes));
        struct data_key *slot = key_slot(tables, &id);
        slot->owner = id;
        slot->valid = true;
        memcpy(slot->key, fresh, CRYPTO_KEY_BYTES);
        (void)map_remove(tables->made_keys, owner, size);
        crypto_wipe(fresh, CRYPTO_KEY_BYTES);
        free(fresh);
    }
}

struct keyring tables_keyring(struct tables *tables)
{
    return (struct keyring){.user = tables, .key_make = key_make, .key_find = key_find};
}

/* ---- open and close ---- */

static struct table_key meta_key(const char *name)
{
    struct table_key key = key_begin(TABLE_META);
    key_text(&key, name);
    return key;
}

static void meta_put_u64(struct tables *tables, const char *name, uint64_t value)
{
    struct table_key key = meta_key(name);
    struct table_key bytes = {.size = 0};
    key_u64(&bytes, value);
    tables_put(tables, &key, key_str(&bytes));
}

static bool meta_u64(struct tables *tables, const char *name, uint64_t *ret_value)
{
    struct table_key key = meta_key(name);
    if (!tables_read(tables, &key) || tables->value.size != 8) {
        return false;
    }
    *ret_value = u64_of(tables->value.data);
    return true;
}

static enum err store_begin(struct tables *tables, uint64_t epoch_least, struct error *err)
{
    uint64_t level = 0;
    if (!meta_u64(tables, "format", &level)) {
        crypto_random(tables->store_id.bytes, sizeof(tables->store_id.bytes));
        struct table_key key = meta_key("store");
        meta_put_u64(tables, "format", TABLES_FORMAT_LEVEL);
        tables_put(tables, &key,
                   (struct str){.data = (const char *)tables->store_id.bytes,
                                .size = sizeof(tables->store_id.bytes)});
        tables->epoch = 1;
    } else if (level < TABLES_FORMAT_LEAST || level > TABLES_FORMAT_LEVEL) {
        return error_set(err, ERR_FORMAT,
                         "the store has format level %llu; this program knows levels %d to %d; use "
                         "the program that wrote it, or a newer one",
                         (unsigned long long)level, TABLES_FORMAT_LEAST, TABLES_FORMAT_LEVEL);
    } else {
        meta_put_u64(tables, "format", TABLES_FORMAT_LEVEL);
        struct table_key key = meta_key("store");
        if (!tables_read(tables, &key) || tables->value.size != sizeof(tables->store_id.bytes)) {
            return error_set(err, ERR_CORRUPT, "the store has no id; restore it from a backup");
        }
        memcpy(tables->store_id.bytes, tables->value.data, tables->value.size);
        (void)meta_u64(tables, "epoch", &tables->epoch);
        tables->epoch++;
    }
    tables->epoch = tables->epoch < epoch_least ? epoch_least : tables->epoch;
    meta_put_u64(tables, "epoch", tables->epoch);
    enum err code = kv_commit(tables->kv, tables->batch, true, err);
    kv_batch_clear(tables->batch);
    return code;
}

enum err tables_renew(struct kv *kv, int64_t now_ms, struct error *err)
{
    struct tables *tables = calloc(1, sizeof(*tables));
    CHECK(tables != NULL);
    tables->kv = kv;
    tables->batch = kv_batch_create(kv);
    struct table_key key = meta_key("store");
    crypto_random(tables->store_id.bytes, sizeof(tables->store_id.bytes));
    tables_put(tables, &key,
               (struct str){.data = (const char *)tables->store_id.bytes,
                            .size = sizeof(tables->store_id.bytes)});
    meta_put_u64(tables, "restored", (uint64_t)now_ms);
    enum err code = kv_commit(kv, tables->batch, true, err);
    kv_batch_destroy(&tables->batch);
    free(tables);
    return code;
}

int64_t tables_restored_ms(struct tables *tables)
{
    uint64_t restored = 0;
    (void)meta_u64(tables, "restored", &restored);
    return (int64_t)restored;
}

/* Head of the journal: its last batch. */
static enum err head_read(struct tables *tables, struct error *err)
{
    struct kv_range range = {.family = FAMILY_JOURNAL};
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    kv_iter_seek_last(iter);
    enum err code = ERR_OK;
    if (kv_iter_valid(iter)) {
        struct journal_batch batch;
        code = journal_peek(kv_iter_value(iter), tables->arena, &batch, err);
        if (code == ERR_OK) {
            tables->sequence = batch.sequence;
            tables->head = batch.hash;
            tables->last_now = batch.now_ms;
        }
        arena_reset(tables->arena);
    } else {
        code = kv_iter_status(iter, err);
    }
    kv_iter_destroy(&iter);
    return code;
}

enum err tables_open(struct kv *kv, uint64_t epoch_least, struct tables **ret_tables,
                     struct error *err)
{
    *ret_tables = NULL;
    struct tables *tables = calloc(1, sizeof(*tables));
    CHECK(tables != NULL);
    tables->kv = kv;
    tables->batch = kv_batch_create(kv);
    tables->arena = arena_create(TABLES_ARENA_BYTES);
    tables->quotas = map_create();
    tables->turn_done = map_create();
    CHECK(tables->turn_done != NULL);
    tables->turn_late = map_create();
    CHECK(tables->turn_late != NULL);
    tables->made_keys = map_create();
    buf_init(&tables->value, ROW_BYTES_MAX);
    buf_init(&tables->journal, ROW_BYTES_MAX);
    CHECK(tables->arena != NULL);
    CHECK(tables->quotas != NULL);
    CHECK(tables->made_keys != NULL);
    crypto_random(tables->salt, sizeof(tables->salt));
    enum err code = store_begin(tables, epoch_least, err);
    if (code == ERR_OK) {
        code = head_read(tables, err);
    }
    if (code != ERR_OK) {
        tables_close(&tables);
        return code;
    }
    *ret_tables = tables;
    return ERR_OK;
}

static void late_free(void *value)
{
    struct buf *row = value;
    buf_release(row);
    free(row);
}

void tables_close(struct tables **tables)
{
    struct tables *it = *tables;
    if (it == NULL) {
        return;
    }
    keys_settle(it);
    crypto_wipe(it->keys, sizeof(it->keys));
    kv_batch_destroy(&it->batch);
    arena_destroy(&it->arena);
    map_destroy(&it->quotas, free);
    map_destroy(&it->made_keys, free);
    map_destroy(&it->turn_done, NULL);
    map_destroy(&it->turn_late, late_free);
    buf_release(&it->value);
    buf_release(&it->journal);
    free(it);
    *tables = NULL;
}

uint64_t tables_sequence(const struct tables *tables)
{
    return tables->sequence;
}

const struct digest *tables_head(const struct tables *tables)
{
    return &tables->head;
}

int64_t tables_last_now(const struct tables *tables)
{
    return tables->last_now;
}

const struct id *tables_store_id(const struct tables *tables)
{
    return &tables->store_id;
}

uint64_t tables_epoch(const struct tables *tables)
{
    return tables->epoch;
}

void tables_figures(const struct tables *tables, struct tables_figures *ret_figures)
{
    *ret_figures = tables->figures;
}

void tables_begin(struct tables *tables, int64_t now_ms)
{
    tables->now = now_ms;
    tables->swept = false;
}

static void turn_rows_clear(struct tables *tables)
{
    size_t cursor = 0;
    const void *id = NULL;
    size_t size = 0;
    while (map_next(tables->turn_done, &cursor, &id, &size) != NULL) {
        (void)map_remove(tables->turn_done, id, size);
    }
    cursor = 0;
    struct buf *late = NULL;
    while ((late = map_next(tables->turn_late, &cursor, &id, &size)) != NULL) {
        (void)map_remove(tables->turn_late, id, size);
        late_free(late);
    }
}

enum err tables_commit(struct tables *tables, const struct event *events, size_t event_count,
                       bool sync, struct error *err)
{
    struct journal_batch batch = {.sequence = tables->sequence + 1,
                                  .now_ms = tables->now,
                                  .previous = tables->head,
                                  .event_count = event_count};
    if (event_count > 0) {
        memcpy(batch.salt, tables->salt, sizeof(batch.salt));
        batch.events = (struct event *)(uintptr_t)events;
        struct keyring keys = tables_keyring(tables);
        buf_clear(&tables->journal);
        journal_encode(&batch, &keys, tables->arena, &tables->journal);
        struct table_key key = {.size = 2}; /* partition 0 */
        key_u64(&key, batch.sequence);
        kv_batch_put(tables->batch, FAMILY_JOURNAL, key_str(&key),
                     (struct str){.data = tables->journal.data, .size = tables->journal.size});
        tables->figures.journal_bytes += tables->journal.size;
    }
    enum err code = ERR_OK;
    if (kv_batch_count(tables->batch) > 0) {
        tables->figures.bytes += kv_batch_bytes(tables->batch);
        code = kv_commit(tables->kv, tables->batch, sync, err);
        kv_batch_clear(tables->batch);
        tables->figures.commits++;
        tables->figures.synced += sync ? 1 : 0;
        tables->last_now = tables->now;
    }
    if (code == ERR_OK && event_count > 0) {
        tables->sequence = batch.sequence;
        tables->head = batch.hash;
    }
    turn_rows_clear(tables);
    keys_settle(tables);
    arena_reset(tables->arena);
    return code;
}
