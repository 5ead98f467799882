/*
 * Kept effects: what ended instances knew of their effects, under the instance whose step ran them
 * and may run them again. One row for each, written once, so that what a loop over workflows keeps
 * is not written again in each of its turns.
 */
#include <string.h>

#include "common/base/check.h"
#include "coordinator/tables/tables_private.h"

enum { KEPT_ARENA_BYTES = 64 * 1024 }; /* of one row: names of bounded length */

static struct table_key kept_key(const struct id *holder, const struct ledger_entry *entry)
{
    struct table_key key = key_begin(TABLE_KEPT);
    key_id(&key, holder);
    key_id(&key, &entry->origin);
    key_id(&key, &entry->key);
    return key;
}

void kept_put(void *user, const struct id *holder, const struct ledger_entry *entry)
{
    struct tables *tables = user;
    struct arena *arena = arena_create(KEPT_ARENA_BYTES);
    CHECK(arena != NULL);
    buf_clear(&tables->value);
    kept_pack(entry, arena, &tables->value);
    struct table_key key = kept_key(holder, entry);
    tables_put(tables, &key, (struct str){.data = tables->value.data, .size = tables->value.size});
    arena_destroy(&arena);
}

void kept_delete(void *user, const struct id *holder, const struct ledger_entry *entry)
{
    struct table_key key = kept_key(holder, entry);
    tables_delete(user, &key);
}

/* Just after every key that begins as `key` does. */
static struct table_key key_after(const struct table_key *key)
{
    struct table_key after = *key;
    while (after.bytes[after.size - 1] == 0xFF) {
        after.size--; /* ends at the table's letter at the latest */
    }
    after.bytes[after.size - 1]++;
    return after;
}

void kept_scan(void *user, const struct id *holder, const struct id *origin,
               void (*visit)(void *visitor, const struct ledger_entry *entry), void *visitor)
{
    struct tables *tables = user;
    struct table_key lower = key_begin(TABLE_KEPT);
    key_id(&lower, holder);
    if (origin != NULL) {
        key_id(&lower, origin);
    }
    struct table_key upper = key_after(&lower);
    struct kv_range range = {
        .family = FAMILY_STATE, .lower = key_str(&lower), .upper = key_str(&upper)};
    struct kv_iter *iter = kv_iter_create(tables->kv, &range);
    struct arena *arena = arena_create(KEPT_ARENA_BYTES);
    CHECK(arena != NULL);
    for (kv_iter_seek_first(iter); kv_iter_valid(iter); kv_iter_next(iter)) {
        struct ledger_entry entry;
        struct error err = {0};
        if (kept_unpack(kv_iter_value(iter), arena, &entry, &err) != ERR_OK) {
            tables_fatal("reading a kept effect", &err);
        }
        visit(visitor, &entry);
        arena_reset(arena);
    }
    arena_destroy(&arena);
    kv_iter_destroy(&iter);
}
