#include "tests/sim/leases.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/event.h"
#include "coordinator/engine/instance.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/sim.h"

/* Who holds an entity as the journal tells it. */
struct holder {
    bool held;
    struct id instance;
    uint32_t frame;
};

struct leases {
    struct map *entities; /* entity -> struct holder */
};

struct leases *leases_create(void)
{
    struct leases *it = calloc(1, sizeof(*it));
    CHECK(it != NULL);
    it->entities = map_create();
    CHECK(it->entities != NULL);
    return it;
}

void leases_destroy(struct leases **it)
{
    if (*it != NULL) {
        map_destroy(&(*it)->entities, free);
        free(*it);
        *it = NULL;
    }
}

static void taken(struct sim *sim, struct leases *it, const struct event *event)
{
    struct holder *holder = map_get_text(it->entities, event->id);
    if (holder == NULL) {
        holder = calloc(1, sizeof(*holder));
        CHECK(holder != NULL);
        (void)map_put_text(it->entities, event->id, holder, NULL);
    }
    if (holder->held) {
        char hex[ID_HEX_BYTES];
        id_hex(&holder->instance, hex);
        sim_finding(sim, "the lock on %s is given while instance %s holds it", event->id, hex);
    }
    *holder = (struct holder){.held = true, .instance = event->instance, .frame = event->frame};
}

/* The frame goes; 0: all of the instance do. */
static void left(struct leases *it, const struct event *event, uint32_t frame)
{
    size_t cursor = 0;
    struct holder *holder = NULL;
    while ((holder = map_next(it->entities, &cursor, NULL, NULL)) != NULL) {
        if (holder->held && id_equal(&holder->instance, &event->instance) &&
            (frame == 0 || holder->frame == frame)) {
            holder->held = false;
        }
    }
}

static bool is_lock(const struct instance *instance, const struct event *event)
{
    return instance != NULL && event->node < instance->plan->node_count &&
           instance->plan->nodes[event->node].kind == TASK_LOCK;
}

void leases_event(struct sim *sim, struct leases *it, const struct event *event,
                  const struct instance *instance)
{
    bool ends = event->flow == WALK_END &&
                (event->kind == EVENT_STEP_RAN || event->kind == EVENT_STEP_COMPLETED ||
                 event->kind == EVENT_STEP_SKIPPED);
    switch ((unsigned)event->kind) {
    case EVENT_STEP_STARTED:
        if (event->status == LEASE_HELD && event->id != NULL && is_lock(instance, event)) {
            taken(sim, it, event);
        }
        break;
    case EVENT_LOCK_GRANTED:
        taken(sim, it, event);
        break;
    case EVENT_STEP_CANCELLED:
        if (event->status != LEAVES) {
            break;
        }
        left(it, event, event->frame);
        break;
    case EVENT_STEP_FAULTED:
    case EVENT_STEP_COMPLETED:
    case EVENT_LOCK_EXPIRED:
        if (event->frame != 0) {
            left(it, event, event->frame);
        }
        break;
    case EVENT_INSTANCE_SETTLING:
    case EVENT_INSTANCE_COMPLETED:
    case EVENT_INSTANCE_FAULTED:
    case EVENT_INSTANCE_CANCELLED:
        left(it, event, 0);
        break;
    default:
        break;
    }
    if (ends && (instance == NULL || instance->branches == 0)) {
        left(it, event, 0);
    }
}

void leases_turn(struct sim *sim)
{
    struct engine *engine = coordinator_engine(sim);
    size_t cursor = 0;
    const struct lock *lock = NULL;
    while (engine != NULL &&
           (lock = map_next(engine_company(engine)->locks, &cursor, NULL, NULL)) != NULL) {
        for (const struct claim *it = lock->first; lock->holder == NULL && it != NULL;
             it = it->behind) {
            const struct instance *instance = engine_instance(engine, &it->instance);
            if (instance == NULL || instance->paused == NULL) {
                sim_finding(sim, "somebody waits for the lock on %s, which nobody holds",
                            lock->entity);
                return;
            }
        }
    }
}
