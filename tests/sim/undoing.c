#include "tests/sim/undoing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/engine.h"
#include "tests/sim/sim.h"

/* An effect with a compensation, in the books of one instance. */
struct undo_row {
    struct id instance;
    struct id key;
    uint64_t order;
    uint64_t seen; /* of its registration: counts events of ours */
    bool started;
    bool closed; /* undone, or kept by a person */
    bool kept;   /* closed, but not undone: a person let it stand, so a retry may meet it again */
};

struct undo_run {
    bool has_parent; /* whoever waits for it takes over what it did */
    struct id parent;
    bool killed;
    bool undoes;        /* it ended as failed or cancelled */
    uint64_t back;      /* order of the place that it goes back to; 0: it does not */
    uint64_t unwinding; /* `seen` when it began to undo everything; 0: it did not */
};

struct undoing {
    struct map *rows; /* instance, key -> undo_row */
    struct map *runs; /* instance -> undo_run */
    uint64_t seen;
};

struct undoing *undoing_create(void)
{
    struct undoing *it = calloc(1, sizeof(*it));
    CHECK(it != NULL);
    it->rows = map_create();
    it->runs = map_create();
    return it;
}

void undoing_destroy(struct undoing **it)
{
    map_destroy(&(*it)->rows, free);
    map_destroy(&(*it)->runs, free);
    free(*it);
    *it = NULL;
}

static void row_name(uint8_t name[2 * ID_BYTES], const struct id *instance, const struct id *key)
{
    memcpy(name, instance->bytes, ID_BYTES);
    memcpy(name + ID_BYTES, key->bytes, ID_BYTES);
}

static struct undo_row *row_of(const struct undoing *it, const struct id *instance,
                               const struct id *key)
{
    uint8_t name[2 * ID_BYTES];
    row_name(name, instance, key);
    return map_get(it->rows, name, sizeof(name));
}

static struct undo_run *run_of(struct undoing *it, const struct id *instance)
{
    struct undo_run *run = map_get(it->runs, instance->bytes, ID_BYTES);
    if (run == NULL) {
        run = calloc(1, sizeof(*run));
        CHECK(run != NULL);
        (void)map_put(it->runs, instance->bytes, ID_BYTES, run, NULL);
    }
    return run;
}

static void registered(struct sim *sim, struct undoing *it, const struct event *event)
{
    struct undo_row *row = row_of(it, &event->instance, &event->key);
    if (row == NULL) {
        uint8_t name[2 * ID_BYTES];
        row_name(name, &event->instance, &event->key);
        row = calloc(1, sizeof(*row));
        CHECK(row != NULL);
        (void)map_put(it->rows, name, sizeof(name), row, NULL);
    } else if (row->closed && !row->kept && event->status != 2) {
        sim_finding(sim, "the effect of %s was undone and happens again under its name",
                    event->text);
    }
    row->instance = event->instance;
    row->key = event->key;
    row->order = (uint64_t)event->at_ms;
    row->seen = it->seen;
    row->closed = event->status == 2;
    row->kept = false;
}

/* When all is undone the last one goes first, of those that there were when it began. */
static void order_checked(struct sim *sim, struct undoing *it, const struct undo_row *row)
{
    const struct undo_run *run = run_of(it, &row->instance);
    size_t cursor = 0;
    const struct undo_row *other = NULL;
    while (run->unwinding != 0 && (other = map_next(it->rows, &cursor, NULL, NULL)) != NULL) {
        if (id_equal(&other->instance, &row->instance) && !other->closed &&
            other->seen < run->unwinding && other->order > row->order) {
            sim_finding(sim, "an effect is undone before one that happened after it");
            return;
        }
    }
}

static void started(struct sim *sim, struct undoing *it, const struct event *event)
{
    struct undo_row *row = row_of(it, &event->instance, &event->key);
    if (row == NULL || row->closed) {
        sim_finding(sim, "%s %s", event->text,
                    row == NULL ? "is undone and never happened" : "is undone twice");
        return;
    }
    order_checked(sim, it, row);
    row->started = true;
}

static void ended(struct sim *sim, struct undoing *it, const struct event *event)
{
    struct undo_row *row = row_of(it, &event->instance, &event->key);
    bool over = event->status == LEDGER_COMPENSATED || event->status == LEDGER_KEPT;
    if (!over) {
        return; /* a doubt was settled */
    }
    if (row == NULL && event->status == LEDGER_KEPT) {
        return; /* it happened, and nobody knows what it gave */
    }
    if (row == NULL || row->closed || !row->started) {
        sim_finding(sim, "an undoing ends that had not begun");
        return;
    }
    row->closed = true;
    row->kept = event->status == LEDGER_KEPT;
}

/* It stands where it was: what it did since has been undone. */
static void rewound(struct sim *sim, struct undoing *it, const struct event *event)
{
    struct undo_run *run = run_of(it, &event->instance);
    size_t cursor = 0;
    const struct undo_row *row = NULL;
    while ((row = map_next(it->rows, &cursor, NULL, NULL)) != NULL) {
        if (id_equal(&row->instance, &event->instance) && !row->closed && row->order > run->back) {
            sim_finding(sim, "an instance went back, and an effect since is not undone");
            break;
        }
    }
    run->back = 0;
    run->unwinding = 0;
}

void undoing_event(struct sim *sim, struct undoing *it, const struct event *event,
                   const struct instance *instance)
{
    struct undo_run *run = NULL;
    it->seen++;
    switch ((unsigned)event->kind) {
    case EVENT_INSTANCE_STARTED:
        run = run_of(it, &event->instance);
        run->has_parent = instance != NULL && instance->has_parent && instance->parent_frame != 0;
        if (run->has_parent) {
            run->parent = instance->parent;
        }
        break;
    case EVENT_INSTANCE_KILLED:
        run_of(it, &event->instance)->killed = true;
        break;
    case EVENT_INSTANCE_FAULTED:
    case EVENT_INSTANCE_CANCELLED:
        run_of(it, &event->instance)->undoes = true;
        break;
    case EVENT_INSTANCE_REWINDING:
        run_of(it, &event->instance)->back = (uint64_t)event->at_ms;
        break;
    case EVENT_INSTANCE_REWOUND:
        rewound(sim, it, event);
        break;
    case EVENT_UNWINDING:
        run = run_of(it, &event->instance);
        if (event->count == UNDO_ALL &&
            (event->status != 0 || (run->back != 0 && event->frame == 1))) {
            run->unwinding = it->seen;
        }
        break;
    case EVENT_COMPENSATION_REGISTERED:
        registered(sim, it, event);
        break;
    case EVENT_COMPENSATION_STARTED:
        if (event->status == PURPOSE_UNDO) {
            started(sim, it, event);
        }
        break;
    case EVENT_COMPENSATION_ENDED:
        ended(sim, it, event);
        break;
    default:
        break;
    }
}

void undoing_end(struct sim *sim, struct undoing *it)
{
    size_t cursor = 0;
    const struct undo_row *row = NULL;
    while ((row = map_next(it->rows, &cursor, NULL, NULL)) != NULL) {
        const struct undo_run *run = run_of(it, &row->instance);
        if (row->closed || run->killed || !run->undoes) {
            continue;
        }
        bool taken = run->has_parent && (row_of(it, &run->parent, &row->key) != NULL ||
                                         run_of(it, &run->parent)->killed);
        if (!taken) {
            char hex[ID_HEX_BYTES];
            id_hex(&row->instance, hex);
            sim_finding(sim, "instance %s has failed or was cancelled, and an effect of it is %s",
                        hex, run->has_parent ? "lost to who ran it" : "not undone");
            return;
        }
    }
}
