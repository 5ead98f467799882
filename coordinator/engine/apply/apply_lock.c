/*
 * Events of locks into frames and claims.
 */
#include <stdlib.h>

#include "common/base/check.h"
#include "coordinator/engine/engine_private.h"

enum { CLAIM_BITS = 20 }; /* of the claims of one turn, below its sequence */

void freed_add(struct engine *engine, const char *entity)
{
    if (engine->freed_count == engine->freed_room) {
        engine->freed_room = engine->freed_room == 0 ? 16 : engine->freed_room * 2;
        engine->freed = realloc(engine->freed, engine->freed_room * sizeof(*engine->freed));
        CHECK(engine->freed != NULL);
    }
    engine->freed[engine->freed_count++] = engine_text(engine, entity);
}

static void lock_hold(struct engine *engine, const struct instance *instance, struct frame *frame)
{
    struct frame_lock *lock = frame->lock;
    struct claim *claim = company_claim(&engine->company, lock->order);
    CHECK(claim != NULL);
    lock->lease = LEASE_HELD;
    lock->until_ms = engine->now + lock->ttl_ms;
    claim_hold(&engine->company, claim, engine->now, lock->until_ms);
    frame->state = FRAME_RUNNING;
    frame->cursor = frame_node(instance, frame)->lock.first;
}

/* The frame has no claim any more. */
static void lock_leave(struct engine *engine, struct frame_lock *lock)
{
    struct claim *claim = company_claim(&engine->company, lock->order);
    CHECK(claim != NULL);
    engine->port->claim_delete(engine->port_user, lock->entity, lock->order);
    if (lock->lease == LEASE_HELD) {
        freed_add(engine, lock->entity);
    }
    claim_remove(&engine->company, claim);
    lock->order = 0;
}

void apply_locked(struct engine *engine, struct instance *instance, struct frame *frame,
                  const struct event *event)
{
    struct frame_lock *lock =
        instance_lock_add(instance, frame, event->id, (int64_t)(event->duration_us / 1000));
    lock->lease = (enum lease)event->status;
    if (lock->lease == LEASE_SHARED) {
        frame->cursor = frame_node(instance, frame)->lock.first;
        return;
    }
    lock->order = engine->sequence << CLAIM_BITS | engine->claims_in_turn++;
    struct claim claim = {.order = lock->order,
                          .instance = instance->id,
                          .frame = frame->id,
                          .since_ms = engine->now};
    struct claim *added = claim_add(&engine->company, lock->entity, &claim);
    if (lock->lease == LEASE_HELD) {
        lock_hold(engine, instance, frame);
    } else {
        frame->state = FRAME_LOCKED_OUT;
    }
    engine->port->claim_put(engine->port_user, added);
}

void apply_lock(struct engine *engine, struct instance *instance, struct frame *frame,
                const struct event *event)
{
    struct frame_lock *lock = frame->lock;
    if (event->kind == EVENT_LOCK_GRANTED) {
        lock_hold(engine, instance, frame);
        engine->port->claim_put(engine->port_user, company_claim(&engine->company, lock->order));
        return;
    }
    lock_leave(engine, lock);
    lock->lease = LEASE_LOST;
    lock->until_ms = 0;
    frame->wake_ms = engine->now; /* it is taken down as soon as its instance may do anything */
    engine->counters.leases_expired++;
}

void apply_lock_gone(struct engine *engine, struct frame *frame)
{
    if (frame->lock->order != 0) {
        lock_leave(engine, frame->lock);
    }
}
