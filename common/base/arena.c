#include "common/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

#ifdef ARENA_EMULATE
static const size_t chunks_kept = 0;
#else
static const size_t chunks_kept = 16;
#endif

enum { CHUNK_BYTES = 64 * 1024, ALIGNMENT = alignof(max_align_t) };

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct chunk *chunks; /* newest first */
    struct chunk *spare;  /* of before the last reset, to use again */
    size_t spare_count;
    size_t limit;
    size_t used;
    bool overflowed;
};

struct arena *arena_create(size_t limit)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (arena != NULL) {
        arena->limit = limit;
    }
    return arena;
}

static void chunks_free(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_destroy(struct arena **arena)
{
    if (*arena == NULL) {
        return;
    }
    chunks_free((*arena)->chunks);
    chunks_free((*arena)->spare);
    free(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena)
{
    struct chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        if (chunk->size == CHUNK_BYTES && arena->spare_count < chunks_kept) {
            chunk->next = arena->spare;
            arena->spare = chunk;
            arena->spare_count++;
        } else {
            free(chunk);
        }
        chunk = next;
    }
    arena->chunks = NULL;
    arena->used = 0;
    arena->overflowed = false;
}

static struct chunk *chunk_new(struct arena *arena, size_t size)
{
    struct chunk *chunk = arena->spare;
    if (size == CHUNK_BYTES && chunk != NULL) {
        arena->spare = chunk->next;
        arena->spare_count--;
        return chunk;
    }
    return malloc(sizeof(*chunk) + size);
}

static struct chunk *chunk_add(struct arena *arena, size_t size)
{
    struct chunk *chunk = chunk_new(arena, size);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->size = size;
    chunk->used = 0;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t want = size == 0 ? 1 : size;
    if (want > arena->limit - arena->used) {
        arena->overflowed = true;
        return NULL;
    }
#ifdef ARENA_EMULATE
    struct chunk *chunk = chunk_add(arena, want);
    size_t rounded = want;
#else
    size_t rounded = (want + ALIGNMENT - 1) & ~((size_t)ALIGNMENT - 1);
    struct chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        chunk = chunk_add(arena, rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES);
    }
#endif
    if (chunk == NULL) {
        arena->overflowed = true;
        return NULL;
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += rounded;
    arena->used += want;
    CHECK(chunk->used <= chunk->size);
    memset(memory, 0, want);
    return memory;
}

char *arena_dup(struct arena *arena, const void *bytes, size_t size)
{
    char *copy = arena_alloc(arena, size + 1);
    if (copy != NULL && size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_dup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        return NULL;
    }
    char *text = arena_alloc(arena, (size_t)length + 1);
    if (text == NULL) {
        return NULL;
    }
    va_start(args, format);
    (void)vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

bool arena_overflowed(const struct arena *arena)
{
    return arena->overflowed;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
