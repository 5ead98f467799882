#include "common/base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

struct entry {
    void *value; /* NULL: removed */
    char *key;
    size_t key_size;
    uint64_t hash;
};

struct map {
    struct entry *entries; /* in insertion order */
    size_t used;           /* entries in use, removed ones included */
    size_t capacity;
    size_t live;
    uint32_t *slots; /* index + 1 into entries, 0 empty; open addressing */
    size_t slot_count;
};

/* FNV-1a, 64 bit (Fowler, Noll, Vo), with a final mix; the maps hold names of ours, not hostile
 * keys. */
static uint64_t hash_bytes(const void *key, size_t size)
{
    const unsigned char *bytes = key;
    uint64_t hash = 14695981039346656037ULL;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211ULL;
    }
    return hash ^ (hash >> 29U);
}

struct map *map_create(void)
{
    return calloc(1, sizeof(struct map));
}

void map_destroy(struct map **map, void (*value_free)(void *value))
{
    struct map *m = *map;
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->used; i++) {
        if (m->entries[i].value != NULL && value_free != NULL) {
            value_free(m->entries[i].value);
        }
        free(m->entries[i].key);
    }
    free(m->entries);
    free(m->slots);
    free(m);
    *map = NULL;
}

/* Slot that holds the key, or the empty slot where it belongs. */
static size_t slot_find(const struct map *m, const void *key, size_t size, uint64_t hash)
{
    size_t mask = m->slot_count - 1;
    size_t slot = (size_t)hash & mask;
    while (m->slots[slot] != 0) {
        const struct entry *e = &m->entries[m->slots[slot] - 1];
        if (e->hash == hash && e->key_size == size && e->key != NULL &&
            memcmp(e->key, key, size) == 0) {
            return slot;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void slots_fill(struct map *m)
{
    memset(m->slots, 0, m->slot_count * sizeof(*m->slots));
    for (size_t i = 0; i < m->used; i++) {
        size_t slot = (size_t)m->entries[i].hash & (m->slot_count - 1);
        while (m->slots[slot] != 0) {
            slot = (slot + 1) & (m->slot_count - 1);
        }
        m->slots[slot] = (uint32_t)(i + 1);
    }
}

/* Drop removed entries and make room for one more. */
static bool make_room(struct map *m)
{
    if (m->used < m->capacity) {
        return true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < m->used; i++) {
        if (m->entries[i].value == NULL) {
            free(m->entries[i].key);
        } else {
            m->entries[kept++] = m->entries[i];
        }
    }
    m->used = kept;
    size_t capacity = m->capacity == 0 ? 16 : m->capacity;
    if (kept * 2 > capacity || m->capacity == 0) {
        capacity = m->capacity == 0 ? 16 : capacity * 2;
        struct entry *entries = realloc(m->entries, capacity * sizeof(*entries));
        uint32_t *slots = entries == NULL ? NULL : calloc(capacity * 2, sizeof(*slots));
        if (entries != NULL) {
            m->entries = entries;
        }
        if (slots == NULL) {
            if (m->slots != NULL) {
                slots_fill(m);
            }
            return m->used < m->capacity;
        }
        free(m->slots);
        m->slots = slots;
        m->slot_count = capacity * 2;
        m->capacity = capacity;
    }
    slots_fill(m);
    return true;
}

void *map_get(const struct map *map, const void *key, size_t key_size)
{
    if (map->slot_count == 0) {
        return NULL;
    }
    size_t slot = slot_find(map, key, key_size, hash_bytes(key, key_size));
    return map->slots[slot] == 0 ? NULL : map->entries[map->slots[slot] - 1].value;
}

void *map_put(struct map *map, const void *key, size_t key_size, void *value, bool *ret_ok)
{
    CHECK(value != NULL);
    bool ok = true;
    void *old = NULL;
    uint64_t hash = hash_bytes(key, key_size);
    size_t slot = map->slot_count == 0 ? 0 : slot_find(map, key, key_size, hash);
    if (map->slot_count != 0 && map->slots[slot] != 0) {
        struct entry *e = &map->entries[map->slots[slot] - 1];
        old = e->value;
        map->live += old == NULL ? 1 : 0;
        e->value = value;
    } else {
        char *copy = malloc(key_size + 1);
        ok = copy != NULL && make_room(map);
        if (ok) {
            memcpy(copy, key, key_size);
            copy[key_size] = '\0';
            slot = slot_find(map, key, key_size, hash);
            map->entries[map->used] =
                (struct entry){.value = value, .key = copy, .key_size = key_size, .hash = hash};
            map->slots[slot] = (uint32_t)++map->used;
            map->live++;
        } else {
            free(copy);
        }
    }
    if (ret_ok != NULL) {
        *ret_ok = ok;
    } else {
        CHECK(ok);
    }
    return old;
}

void *map_remove(struct map *map, const void *key, size_t key_size)
{
    if (map->slot_count == 0) {
        return NULL;
    }
    size_t slot = slot_find(map, key, key_size, hash_bytes(key, key_size));
    if (map->slots[slot] == 0) {
        return NULL;
    }
    struct entry *e = &map->entries[map->slots[slot] - 1];
    void *value = e->value;
    map->live -= value == NULL ? 0 : 1;
    e->value = NULL;
    return value;
}

size_t map_count(const struct map *map)
{
    return map->live;
}

void *map_next(const struct map *map, size_t *cursor, const void **ret_key, size_t *ret_key_size)
{
    while (*cursor < map->used) {
        const struct entry *e = &map->entries[(*cursor)++];
        if (e->value != NULL) {
            if (ret_key != NULL) {
                *ret_key = e->key;
            }
            if (ret_key_size != NULL) {
                *ret_key_size = e->key_size;
            }
            return e->value;
        }
    }
    return NULL;
}

void *map_get_text(const struct map *map, const char *key)
{
    return map_get(map, key, strlen(key));
}

void *map_put_text(struct map *map, const char *key, void *value, bool *ret_ok)
{
    return map_put(map, key, strlen(key), value, ret_ok);
}

void *map_remove_text(struct map *map, const char *key)
{
    return map_remove(map, key, strlen(key));
}
