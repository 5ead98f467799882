/*
 * Hash map from byte strings to pointers. Keys are copied. Iteration order is insertion order with
 * removed entries left out, so whoever iterates stays deterministic.
 *
 * Threads: none.
 */
#ifndef COMMON_BASE_MAP_H
#define COMMON_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

/* An empty map, or NULL without memory. */
struct map *map_create(void);

/* Free the map and set it to NULL; `value_free` (may be NULL) is called for each value. */
void map_destroy(struct map **map, void (*value_free)(void *value));

/* The value of `key`, or NULL. */
void *map_get(const struct map *map, const void *key, size_t key_size);

/* Set `key` to `value` (not NULL); returns the replaced value or NULL. *ret_ok is false, and
 * nothing changed, without memory; `ret_ok` may be NULL when the caller treats that as a bug. */
void *map_put(struct map *map, const void *key, size_t key_size, void *value, bool *ret_ok);

/* Remove `key`; returns its value or NULL. */
void *map_remove(struct map *map, const void *key, size_t key_size);

size_t map_count(const struct map *map);

/* Walk: start with *cursor = 0; returns the next value or NULL at the end. `ret_key` may be NULL.
 * Removing the entry just returned is allowed; adding is not. */
void *map_next(const struct map *map, size_t *cursor, const void **ret_key, size_t *ret_key_size);

/* The same for terminated string keys. */
void *map_get_text(const struct map *map, const char *key);
void *map_put_text(struct map *map, const char *key, void *value, bool *ret_ok);
void *map_remove_text(struct map *map, const char *key);

#endif
