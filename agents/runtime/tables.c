#include "agents/runtime/tables.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agents/runtime/agent.h"
#include "agents/runtime/outcomes.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include "common/store/kv.h"

enum {
    TABLE_NAME_BYTES = 32,
    TABLE_KEY_BYTES = TABLE_NAME_BYTES + 1 + AGENT_STORE_KEY_BYTES,
    STAGED_MAX = 10000 /* writes of one task */
};

struct tables {
    struct outcomes *outcomes;
    size_t count;
    const char *names[TABLES_MAX];
    pthread_mutex_t locks[TABLES_MAX];
};

struct agent_store {
    struct tables *tables;
    struct map *staged; /* full key -> struct staged; NULL until the first write */
    bool writable;
    bool held[TABLES_MAX];
};

struct staged {
    bool deleted;
    size_t size;
    char bytes[];
};

static bool table_name_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > TABLE_NAME_BYTES) {
        return false;
    }
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

enum err tables_create(struct outcomes *outcomes, const char *const *names,
                       struct tables **ret_tables, struct error *err)
{
    *ret_tables = NULL;
    struct tables *tables = calloc(1, sizeof(*tables));
    if (tables == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for the agent's tables");
    }
    tables->outcomes = outcomes;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (i == TABLES_MAX || !table_name_valid(names[i])) {
            enum err code = error_set(err, ERR_INVALID,
                                      "table '%s': an agent has at most %d tables named 1..%d of "
                                      "a-z0-9_",
                                      names[i], TABLES_MAX, TABLE_NAME_BYTES);
            tables_destroy(&tables);
            return code;
        }
        tables->names[i] = names[i];
        (void)pthread_mutex_init(&tables->locks[i], NULL);
        tables->count++;
    }
    *ret_tables = tables;
    return ERR_OK;
}

void tables_destroy(struct tables **tables)
{
    if (*tables == NULL) {
        return;
    }
    for (size_t i = 0; i < (*tables)->count; i++) {
        (void)pthread_mutex_destroy(&(*tables)->locks[i]);
    }
    free(*tables);
    *tables = NULL;
}

struct agent_store *tables_handle(struct tables *tables, bool writable)
{
    struct agent_store *store = calloc(1, sizeof(*store));
    if (store != NULL) {
        store->tables = tables;
        store->writable = writable;
    }
    return store;
}

bool tables_staged(const struct agent_store *store)
{
    return store->staged != NULL && map_count(store->staged) > 0;
}

void tables_stage(const struct agent_store *store, struct kv_batch *batch)
{
    if (store->staged == NULL) {
        return;
    }
    size_t cursor = 0;
    const void *key = NULL;
    size_t key_size = 0;
    const struct staged *staged = NULL;
    while ((staged = map_next(store->staged, &cursor, &key, &key_size)) != NULL) {
        struct str name = {.data = key, .size = key_size};
        if (staged->deleted) {
            kv_batch_delete(batch, FAMILY_TABLES, name);
        } else {
            kv_batch_put(batch, FAMILY_TABLES, name,
                         (struct str){.data = staged->bytes, .size = staged->size});
        }
    }
}

static void staged_clear(struct agent_store *store)
{
    if (store->staged != NULL) {
        map_destroy(&store->staged, free);
    }
}

void tables_release(struct agent_store **store)
{
    if (*store == NULL) {
        return;
    }
    staged_clear(*store);
    for (size_t i = 0; i < (*store)->tables->count; i++) {
        if ((*store)->held[i]) {
            (void)pthread_mutex_unlock(&(*store)->tables->locks[i]);
        }
    }
    free(*store);
    *store = NULL;
}

/* The index of a table; asking for one the definition does not name is a bug of the agent. */
static size_t table_index(const struct agent_store *store, const char *table)
{
    size_t i = 0;
    while (i < store->tables->count && strcmp(store->tables->names[i], table) != 0) {
        i++;
    }
    CHECK(i < store->tables->count);
    return i;
}

static enum err full_key(const struct agent_store *store, const char *table, struct str key,
                         char out[TABLE_KEY_BYTES], struct str *ret_key, struct error *err)
{
    (void)table_index(store, table);
    if (key.size > AGENT_STORE_KEY_BYTES) {
        return error_set(err, ERR_LIMIT, "key of table '%s' has %zu bytes, at most %d", table,
                         key.size, AGENT_STORE_KEY_BYTES);
    }
    size_t name = strlen(table);
    memcpy(out, table, name);
    out[name] = '\0';
    if (key.size > 0) {
        memcpy(out + name + 1, key.data, key.size);
    }
    *ret_key = (struct str){.data = out, .size = name + 1 + key.size};
    return ERR_OK;
}

enum err agent_store_get(struct agent_store *store, const char *table, struct str key,
                         struct buf *ret_value, struct error *err)
{
    char bytes[TABLE_KEY_BYTES];
    struct str full = {0};
    TRY(full_key(store, table, key, bytes, &full, err));
    const struct staged *staged =
        store->staged == NULL ? NULL : map_get(store->staged, full.data, full.size);
    if (staged != NULL && staged->deleted) {
        return error_set(err, ERR_NOT_FOUND, "no such row in table '%s'", table);
    }
    if (staged != NULL) {
        buf_append(ret_value, staged->bytes, staged->size);
    } else {
        struct kv_slice slice = {0};
        enum err code =
            kv_pin(outcomes_kv(store->tables->outcomes), FAMILY_TABLES, full, &slice, err);
        if (code == ERR_NOT_FOUND) {
            return error_set(err, ERR_NOT_FOUND, "no such row in table '%s'", table);
        }
        TRY(code);
        buf_append(ret_value, slice.data, slice.size);
        kv_slice_release(&slice);
    }
    if (ret_value->failed) {
        return error_set(err, ERR_LIMIT, "a row of table '%s' does not fit the buffer", table);
    }
    return ERR_OK;
}

static enum err stage(struct agent_store *store, const char *table, struct str key,
                      const struct str *value, struct error *err)
{
    char bytes[TABLE_KEY_BYTES];
    struct str full = {0};
    TRY(full_key(store, table, key, bytes, &full, err));
    size_t size = value == NULL ? 0 : value->size;
    if (!store->writable) {
        return error_set(err, ERR_REFUSED,
                         "table '%s' cannot be written: the work is declared pure", table);
    }
    if (size > AGENT_STORE_VALUE_BYTES) {
        return error_set(err, ERR_LIMIT, "value for table '%s' has %zu bytes, at most %d", table,
                         size, AGENT_STORE_VALUE_BYTES);
    }
    if (store->staged == NULL) {
        store->staged = map_create();
    }
    struct staged *staged = malloc(sizeof(*staged) + size);
    if (store->staged == NULL || staged == NULL) {
        free(staged);
        return error_set(err, ERR_NOMEM, "no memory for a row of table '%s'", table);
    }
    if (map_count(store->staged) >= STAGED_MAX) {
        free(staged);
        return error_set(err, ERR_LIMIT, "a task may write at most %d rows", STAGED_MAX);
    }
    staged->deleted = value == NULL;
    staged->size = size;
    if (size > 0) {
        memcpy(staged->bytes, value->data, size);
    }
    bool ok = false;
    free(map_put(store->staged, full.data, full.size, staged, &ok));
    if (!ok) {
        free(staged);
        return error_set(err, ERR_NOMEM, "no memory for a row of table '%s'", table);
    }
    return ERR_OK;
}

enum err agent_store_put(struct agent_store *store, const char *table, struct str key,
                         struct str value, struct error *err)
{
    return stage(store, table, key, &value, err);
}

enum err agent_store_delete(struct agent_store *store, const char *table, struct str key,
                            struct error *err)
{
    return stage(store, table, key, NULL, err);
}

void agent_store_lock(struct agent_store *store, const char *table)
{
    size_t index = table_index(store, table);
    if (store->held[index]) {
        return;
    }
    for (size_t i = index; i < store->tables->count; i++) {
        CHECK(!store->held[i]); /* locks are taken in the order of the definition */
    }
    (void)pthread_mutex_lock(&store->tables->locks[index]);
    store->held[index] = true;
}

enum err agent_store_scan(struct agent_store *store, const char *table, struct str prefix,
                          agent_store_visit_fn *visit, void *user, struct error *err)
{
    char lower[TABLE_KEY_BYTES];
    char upper[TABLE_KEY_BYTES];
    struct str from = {0};
    TRY(full_key(store, table, prefix, lower, &from, err));
    memcpy(upper, from.data, from.size);
    size_t size = from.size;
    while (size > 0 && (uint8_t)upper[size - 1] == 0xFF) {
        size--;
    }
    CHECK(size > 0); /* a table's name ends the run of 0xFF */
    upper[size - 1] = (char)((uint8_t)upper[size - 1] + 1);
    struct kv_range range = {.family = FAMILY_TABLES, .lower = from, .upper = {upper, size}};
    struct kv_iter *iter = kv_iter_create(outcomes_kv(store->tables->outcomes), &range);
    size_t skip = strlen(table) + 1;
    for (kv_iter_seek_first(iter); kv_iter_valid(iter); kv_iter_next(iter)) {
        struct str key = kv_iter_key(iter);
        if (!visit(user, (struct str){key.data + skip, key.size - skip}, kv_iter_value(iter))) {
            break;
        }
    }
    enum err code = kv_iter_status(iter, err);
    kv_iter_destroy(&iter);
    return code;
}

enum err agent_store_commit(struct agent_store *store, struct error *err)
{
    CHECK(store->writable);
    struct kv_batch *batch = kv_batch_create(outcomes_kv(store->tables->outcomes));
    tables_stage(store, batch);
    enum err code = ERR_OK;
    if (kv_batch_count(batch) > 0) {
        code = outcomes_commit_synced(store->tables->outcomes, batch, err);
    }
    kv_batch_destroy(&batch);
    if (code == ERR_OK) {
        staged_clear(store);
    }
    return code;
}
