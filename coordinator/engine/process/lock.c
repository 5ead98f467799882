/*
 * Locks: one instance after the other at an entity, in the order in which they came.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

/* A circle is looked for among so many claims; one that is longer ends by its deadlines. */
enum { CLAIMS_SEARCHED = 10000, CIRCLE_BYTES = 1024, LINK_BYTES = 400 };

/* ---- what is around a frame, also in the instances whose steps run its instance ---- */

struct climb {
    struct instance *instance;
    const struct frame *frame;
};

static bool climb_up(struct engine *engine, struct climb *at)
{
    at->frame = at->frame->parent != 0 ? instance_frame(at->instance, at->frame->parent)
                                       : child_waiter(engine, &at->instance);
    return at->frame != NULL;
}

static struct claim *held_claim(const struct engine *engine, const struct frame *frame)
{
    bool holds = frame->lock != NULL && frame->lock->lease == LEASE_HELD;
    return holds ? company_claim(&engine->company, frame->lock->order) : NULL;
}

static bool claim_is_paused(struct engine *engine, const struct claim *claim)
{
    const struct instance *instance = engine_load(engine, &claim->instance);
    CHECK(instance != NULL);
    return instance->paused != NULL;
}

/* The claim that is next, NULL when nobody who may run waits. */
static struct claim *claim_next(struct engine *engine, const struct lock *lock)
{
    struct claim *claim = lock->first;
    while (claim != NULL && claim_is_paused(engine, claim)) {
        claim = claim->behind;
    }
    return claim;
}

/* ---- circles ---- */

/* One claim that is held: everybody who waits for it waits, in the end, for the one who asks. */
struct reached {
    struct claim *held;
    const struct claim *waiter; /* below it, and for whose claim `from` stands; NULL: the asker's */
    size_t from;
};

struct search {
    struct engine *engine;
    const struct lock *wanted;
    struct reached *found;
    size_t count;
    size_t room;
    uint64_t number;
};

static bool reached_add(struct search *search, struct claim *held, const struct claim *waiter,
                        size_t from)
{
    if (held->seen == search->number || search->count == CLAIMS_SEARCHED) {
        return false;
    }
    held->seen = search->number;
    if (search->count == search->room) {
        size_t room = search->room == 0 ? 16 : search->room * 2;
        struct reached *more = engine_alloc(search->engine, room * sizeof(*more));
        for (size_t i = 0; i < search->count; i++) {
            more[i] = search->found[i];
        }
        search->found = more;
        search->room = room;
    }
    search->found[search->count++] = (struct reached){.held = held, .waiter = waiter, .from = from};
    return held->lock == search->wanted;
}

/* All claims that are held at or above the place; true when the wanted one is among them. */
static bool reach_above(struct search *search, struct climb at, const struct claim *waiter,
                        size_t from)
{
    do {
        struct claim *held = held_claim(search->engine, at.frame);
        if (held != NULL && reached_add(search, held, waiter, from)) {
            return true;
        }
    } while (climb_up(search->engine, &at));
    return false;
}

/* Who waits for what the claim holds, and what is held around them. */
static bool reach_waiters(struct search *search, size_t from)
{
    const struct claim *held = search->found[from].held;
    size_t looked = 0;
    for (const struct claim *it = held->lock->first; it != NULL; it = it->behind) {
        if (it == held) {
            continue;
        }
        struct climb at = {.instance = engine_load(search->engine, &it->instance)};
        CHECK(at.instance != NULL);
        at.frame = instance_frame(at.instance, it->frame);
        CHECK(at.frame != NULL);
        if (reach_above(search, at, it, from)) {
            return true;
        }
        if (++looked == CLAIMS_SEARCHED) {
            return false;
        }
    }
    return false;
}

static const char *link_text(const struct search *search, const struct claim *held,
                             char out[LINK_BYTES])
{
    struct instance *instance = engine_load(search->engine, &held->instance);
    char hex[ID_HEX_BYTES];
    char step[160];
    id_hex(&held->instance, hex);
    frame_step_name(instance, instance_frame(instance, held->frame), step, sizeof(step));
    (void)snprintf(out, LINK_BYTES, "waits for '%.80s', which step %s of instance %s holds",
                   held->lock->entity, step, hex);
    return out;
}

/* From the wanted lock back to what the asker holds. */
static const char *circle_text(struct search *search)
{
    char words[CIRCLE_BYTES];
    char link[LINK_BYTES];
    size_t at = search->count - 1;
    (void)snprintf(words, sizeof(words), "it %s", link_text(search, search->found[at].held, link));
    while (search->found[at].waiter != NULL) {
        at = search->found[at].from;
        size_t used = strlen(words);
        (void)snprintf(words + used, sizeof(words) - used, "; that one %s",
                       link_text(search, search->found[at].held, link));
    }
    return engine_text(search->engine, words);
}

/* The circle that waiting for the lock at this place would close, in words; NULL: none. What the
 * asker holds, who waits for that, what is held around those who wait, and so on: if the wanted
 * lock is reached, its holder goes on only after the asker. */
static const char *circle_find(struct engine *engine, const struct lock *lock,
                               const struct climb *at)
{
    struct search search = {.engine = engine, .wanted = lock, .number = ++engine->circle_searches};
    bool closed = reach_above(&search, *at, NULL, 0);
    for (size_t i = 0; !closed && i < search.count; i++) {
        closed = reach_waiters(&search, i);
    }
    return closed ? circle_text(&search) : NULL;
}

/* ---- asking ---- */

enum lease lock_ask(struct engine *engine, struct instance *instance, const struct frame *parent,
                    const char *entity, const char **ret_circle)
{
    struct climb at = {.instance = instance, .frame = parent};
    *ret_circle = NULL;
    do {
        const struct claim *held = held_claim(engine, at.frame);
        if (held != NULL && text_equal(held->lock->entity, entity)) {
            return LEASE_SHARED;
        }
    } while (climb_up(engine, &at));
    const struct lock *lock = company_lock(&engine->company, entity);
    if (lock == NULL || (lock->holder == NULL && claim_next(engine, lock) == NULL)) {
        return LEASE_HELD;
    }
    at = (struct climb){.instance = instance, .frame = parent};
    *ret_circle = lock->holder == NULL ? NULL : circle_find(engine, lock, &at);
    engine->counters.deadlocks += *ret_circle != NULL ? 1 : 0;
    return LEASE_WAITS;
}

/* ---- granting and losing ---- */

static void lock_event(struct engine *engine, const struct instance *instance,
                       const struct frame *frame, enum event_kind kind)
{
    struct event event = engine_event(instance, kind);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.id = engine_text(engine, frame->lock->entity);
    event.at_ms = kind == EVENT_LOCK_GRANTED ? engine->now + frame->lock->ttl_ms : 0;
    engine_emit(engine, &event);
}

void locks_grant(struct engine *engine)
{
    for (size_t i = 0; i < engine->freed_count; i++) {
        const struct lock *lock = company_lock(&engine->company, engine->freed[i]);
        const struct claim *claim =
            lock == NULL || lock->holder != NULL ? NULL : claim_next(engine, lock);
        if (claim == NULL) {
            continue;
        }
        struct instance *instance = engine_load(engine, &claim->instance);
        lock_event(engine, instance, instance_frame(instance, claim->frame), EVENT_LOCK_GRANTED);
        walk(engine, instance);
    }
    engine->freed_count = 0;
}

bool lock_expire(struct engine *engine, struct instance *instance)
{
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        const struct frame *frame = instance->frames[i];
        if (frame->lock != NULL && frame->lock->lease == LEASE_HELD &&
            frame->lock->until_ms <= engine->now) {
            lock_event(engine, instance, frame, EVENT_LOCK_EXPIRED);
            return true;
        }
    }
    return false;
}

void lock_lost(struct engine *engine, struct instance *instance, struct frame *frame)
{
    char detail[512];
    (void)snprintf(detail, sizeof(detail),
                   "'%.256s' was held for %lld ms, its ttl; others may have it now",
                   frame->lock->entity, (long long)frame->lock->ttl_ms);
    struct doc *error =
        error_make(engine, "timeout", 408, frame_node(instance, frame)->pointer,
                   "the lease of the lock ended before its task", engine_text(engine, detail));
    unwind_begin(engine, instance, frame, STAYS, error);
}

void lock_resumed(struct engine *engine, struct instance *instance)
{
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        struct frame *frame = instance->frames[i];
        if (frame->state == FRAME_LOCKED_OUT) {
            freed_add(engine, frame->lock->entity);
        } else if (frame->lock != NULL && frame->lock->lease == LEASE_LOST && frame->wake_ms != 0 &&
                   instance_unwinding(instance, frame) == NULL) {
            lock_lost(engine, instance, frame);
            i = UINT32_MAX; /* frames have gone: look again */
            if (instance->ended) {
                return;
            }
        }
    }
}
