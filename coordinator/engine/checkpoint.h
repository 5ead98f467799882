/*
 * Where an instance can go back to: the steps of its top list as it entered them, read from its
 * journal.
 *
 * At such a step nothing is open but the workflow, so its state is the raw input of the step and
 * the context, and both are in the journal: a step costs nothing for being one that an instance can
 * go back to. Feed all events of one instance in journal order; what is kept of them is names and
 * places, and values where they are the newest.
 *
 * Threads: none. Memory: aborts without.
 */
#ifndef COORDINATOR_ENGINE_CHECKPOINT_H
#define COORDINATOR_ENGINE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/engine/id.h"

struct doc;
struct event;
struct plan;

struct checkpoint {
    uint32_t node; /* of the plan that the instance runs now; PLAN_NONE: that has it no more */
    uint32_t activation;
    uint64_t order; /* place in the journal (struct undo, order) */
    int64_t at_ms;
};

enum happening_kind {
    HAPPENED_EFFECT,   /* key, name: action; of a workflow that it waited for, too, if undoable */
    HAPPENED_EMITTED,  /* name: event type */
    HAPPENED_CONSUMED, /* name: event type */
    HAPPENED_CHILD,    /* key: the instance, name: its definition */
    HAPPENED_DETACHED, /* the same of one that nobody waits for */
    HAPPENED_DECIDED,  /* name: step; a person answered an approval */
};

/* What an instance did and met. */
struct happening {
    enum happening_kind kind;
    uint64_t order; /* where it began */
    struct id key;
    char *name;
    char *step;      /* effect: pointer of its step; "" when that is not known */
    uint32_t frame;  /* effect: that used the key last */
    bool answered;   /* effect: an attempt of it has ended */
    bool undoable;   /* effect: a compensation was registered */
    bool harmless;   /* effect: no attempt of it has done anything */
    bool own_key;    /* effect: its definition names the key */
    uint64_t undone; /* effect: where it was undone; 0: it was not */
};

/* How the workflow began. Docs are borrowed; NULL: it cannot be told. */
struct checkpoint_entry {
    struct doc *raw;    /* its input as it was given */
    struct doc *input;  /* after input.from */
    int64_t timeout_ms; /* 0: none */
};

struct checkpoints;

/* `step`: the one whose values are wanted: task name, pointer, or either with "#activation"; NULL:
 * none. */
struct checkpoints *checkpoints_create(const char *step);
void checkpoints_destroy(struct checkpoints **place);

/* The next event of the instance: number `index` of journal batch `sequence`. `plan` is the one
 * that the instance runs once it has happened. */
void checkpoints_learn(struct checkpoints *it, const struct plan *plan, uint64_t sequence,
                       uint32_t index, int64_t now_ms, const struct event *event);

/* Borrowed until the next call that changes it; in journal order. */
const struct checkpoint *checkpoints_points(const struct checkpoints *it, size_t *ret_count);
const struct happening *checkpoints_happenings(const struct checkpoints *it, size_t *ret_count);

/* The newest point of the wanted step; NULL: it was not entered, or what it entered with is not
 * known. Docs are borrowed. */
const struct checkpoint *checkpoints_wanted(const struct checkpoints *it, struct doc **ret_data,
                                            struct doc **ret_context);

struct checkpoint_entry checkpoints_entry(const struct checkpoints *it);

/* What the workflow's own frame has now: its data, NULL when that cannot be told, and context. For
 * tests. */
struct doc *checkpoints_data(const struct checkpoints *it);
struct doc *checkpoints_context(const struct checkpoints *it);

#endif
