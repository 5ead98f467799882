/*
 * Memory by lifetime: allocate many, free all at once. The turn's decode, decide and encode
 * allocate here and the arena is reset when the turn ends.
 *
 * An arena has a hard limit; passing it returns NULL once and sets the overflow mark, so that a
 * caller may check once at the end. With ARENA_EMULATE (sanitizer builds) every allocation is its
 * own malloc block, so that AddressSanitizer sees overruns.
 *
 * Threads: none. Memory returned is zeroed and aligned for any type.
 */
#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Create an arena that hands out at most `limit` bytes. NULL only when the system has no memory. */
struct arena *arena_create(size_t limit);

/* Free *arena with all it handed out and set it to NULL. Accepts a NULL arena. */
void arena_destroy(struct arena **arena);

/* Forget everything handed out; keep up to 1 MB for the next use; clear the overflow mark. */
void arena_reset(struct arena *arena);

/* `size` zeroed bytes (1 when size is 0), or NULL with the overflow mark set. */
void *arena_alloc(struct arena *arena, size_t size);

/* Copy of `size` bytes plus a terminating zero, or NULL. */
char *arena_dup(struct arena *arena, const void *bytes, size_t size);

/* Copy of a string, or NULL. `text` NULL gives NULL. */
char *arena_strdup(struct arena *arena, const char *text);

/* Formatted string, or NULL. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether an allocation has failed since the last reset. */
bool arena_overflowed(const struct arena *arena);

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *arena);

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

#endif
