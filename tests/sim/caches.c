/*
 * What makes seeds cheap without changing them: definitions that were loaded before, and memory.
 *
 * A plan is immutable and depends on its text alone, so the coordinator, its restarts and the
 * replica share one per text. Memory comes from lists of free blocks: one thread, no locks, and
 * nothing is given back. Sanitizers bring their own allocator, so there this one is left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/definition/plan.h"
#include "tests/sim/sim.h"

/* ---- definitions ---- */

struct loaded {
    struct plan *plan;
    size_t users;
};

static struct map *by_text; /* text -> loaded */
static struct map *by_plan; /* address of the plan -> the same */

enum err __real_plan_load(const char *text, size_t size, struct plan **ret_plan,
                          struct plan_report *report);
enum err __wrap_plan_load(const char *text, size_t size, struct plan **ret_plan,
                          struct plan_report *report);
void __real_plan_destroy(struct plan **plan);
void __wrap_plan_destroy(struct plan **plan);

/* Loads with problems or warnings are not kept: the report is part of what was asked for. */
enum err __wrap_plan_load(const char *text, size_t size, struct plan **ret_plan,
                          struct plan_report *report)
{
    by_text = by_text == NULL ? map_create() : by_text;
    by_plan = by_plan == NULL ? map_create() : by_plan;
    CHECK(by_text != NULL);
    CHECK(by_plan != NULL);
    struct loaded *loaded = map_get(by_text, text, size);
    if (loaded != NULL) {
        *report = (struct plan_report){.count = 0};
        *ret_plan = loaded->plan;
        loaded->users++;
        return ERR_OK;
    }
    enum err code = __real_plan_load(text, size, ret_plan, report);
    if (code == ERR_OK && report->warning_count + report->wanted_count == 0) {
        loaded = calloc(1, sizeof(*loaded));
        CHECK(loaded != NULL);
        *loaded = (struct loaded){.plan = *ret_plan, .users = 1};
        (void)map_put(by_text, text, size, loaded, NULL);
        (void)map_put(by_plan, ret_plan, sizeof(*ret_plan), loaded, NULL);
    }
    return code;
}

void __wrap_plan_destroy(struct plan **plan)
{
    struct loaded *loaded =
        by_plan == NULL || *plan == NULL ? NULL : map_get(by_plan, plan, sizeof(*plan));
    if (loaded == NULL) {
        __real_plan_destroy(plan);
        return;
    }
    CHECK(loaded->users > 0);
    loaded->users--;
    *plan = NULL;
}

/* At the end of a seed nobody uses one: another seed has other definitions. */
void caches_clear(void)
{
    size_t cursor = 0;
    struct loaded *loaded = NULL;
    while (by_text != NULL && (loaded = map_next(by_text, &cursor, NULL, NULL)) != NULL) {
        CHECK(loaded->users == 0);
        __real_plan_destroy(&loaded->plan);
    }
    map_destroy(&by_plan, NULL);
    map_destroy(&by_text, free);
}

/* ---- memory ---- */

#ifndef SIM_SANITIZED

enum {
    GRAIN = 16,
    SMALL_MAX = 1024,
    SMALL_CLASSES = SMALL_MAX / GRAIN + 1,
    CLASSES = SMALL_CLASSES + 48, /* and one for each power of two */
    REGION_BYTES = 4 * 1024 * 1024,
};

/* In front of each block. */
struct head {
    _Alignas(GRAIN) size_t room;
    unsigned class;
};

struct block {
    struct block *next;
};

static struct block *lists[CLASSES];
static char *region;
static size_t region_left;

static unsigned class_of(size_t size, size_t *ret_room)
{
    if (size <= SMALL_MAX) {
        unsigned class = (unsigned)((size + GRAIN - 1) / GRAIN);
        *ret_room = (size_t)(class == 0 ? 1 : class) * GRAIN;
        return class == 0 ? 1 : class;
    }
    unsigned bits = 64 - (unsigned)__builtin_clzll(size - 1);
    *ret_room = (size_t)1 << bits;
    return SMALL_CLASSES + bits - 11;
}

static void *pages(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void *block_new(unsigned class, size_t room)
{
    size_t size = sizeof(struct head) + room;
    char *at = NULL;
    if (size > REGION_BYTES / 8) {
        at = pages(size);
    } else {
        if (region_left < size) {
            region = pages(REGION_BYTES);
            region_left = region == NULL ? 0 : REGION_BYTES;
        }
        if (region_left >= size) {
            at = region;
            region += size;
            region_left -= size;
        }
    }
    if (at == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    *(struct head *)(void *)at = (struct head){.room = room, .class = class};
    return at + sizeof(struct head);
}

static struct head *head_of(void *memory)
{
    return (struct head *)memory - 1;
}

static void *take(size_t size, bool *ret_fresh)
{
    if (size > (size_t)1 << 40) {
        errno = ENOMEM;
        return NULL;
    }
    size_t room = 0;
    unsigned class = class_of(size, &room);
    struct block *block = lists[class];
    *ret_fresh = block == NULL;
    if (block == NULL) {
        return block_new(class, room);
    }
    lists[class] = block->next;
    return block;
}

/* The shared libraries must find them too: one half of the pairs would not do. */
#pragma GCC visibility push(default)

void *malloc(size_t size)
{
    bool fresh = false;
    return take(size, &fresh);
}

void *calloc(size_t count, size_t size)
{
    size_t all = 0;
    bool fresh = false;
    if (__builtin_mul_overflow(count, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    void *memory = take(all, &fresh);
    if (memory != NULL && !fresh) {
        memset(memory, 0, all);
    }
    return memory;
}

void free(void *memory)
{
    if (memory != NULL) {
        struct block *block = memory;
        unsigned class = head_of(memory)->class;
        block->next = lists[class];
        lists[class] = block;
    }
}

void *realloc(void *memory, size_t size)
{
    if (memory != NULL && head_of(memory)->room >= size) {
        return memory;
    }
    void *grown = malloc(size);
    if (grown != NULL && memory != NULL) {
        memcpy(grown, memory, head_of(memory)->room);
        free(memory);
    }
    return grown;
}

size_t malloc_usable_size(void *memory);

/* The rare block with a larger alignment is kept: there is no way back to its head. */
void *aligned_alloc(size_t alignment, size_t size)
{
    if (alignment <= GRAIN) {
        return malloc(size);
    }
    char *memory = malloc(size + 2 * alignment);
    if (memory == NULL) {
        return NULL;
    }
    uintptr_t over = (uintptr_t)memory % alignment;
    char *at = over == 0 ? memory : memory + (alignment - over);
    if (at != memory) {
        size_t room = 0;
        unsigned class = class_of(GRAIN, &room);
        *head_of(at) = (struct head){.room = size, .class = class};
    }
    return at;
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    *ret_memory = aligned_alloc(alignment, size);
    return *ret_memory == NULL ? ENOMEM : 0;
}

size_t malloc_usable_size(void *memory)
{
    return memory == NULL ? 0 : head_of(memory)->room;
}

#pragma GCC visibility pop

#endif
