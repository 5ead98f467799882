/*
 * Journal events: the facts the engine decides. Only they change state (apply/), and replaying them
 * gives the same state.
 *
 * One wide struct serves all kinds; events.def says which fields a kind uses. Docs and texts are
 * borrowed: they live at least until the end of the turn.
 */
#ifndef COORDINATOR_ENGINE_EVENT_H
#define COORDINATOR_ENGINE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/str.h"
#include "coordinator/engine/id.h"
#include "coordinator/engine/outcome.h"

struct doc;
struct plan;

enum event_kind {
#define JOURNAL_EVENT(name, number, text, version) name = (number),
#include "coordinator/engine/events.def"
#undef JOURNAL_EVENT
};

/* Where the walk goes after a step. */
/* Stored: append, never renumber. */
enum walk { WALK_NEXT = 0, WALK_SCOPE_END = 1, WALK_END = 2, WALK_BYPASS = 3 };

/* STEP_CANCELLED: whether the frame goes at once or stays until nothing below is in flight, and
 * what becomes of it then. Stored: append, never renumber. */
enum leaving {
    LEAVES = 0,
    STAYS = 1,            /* then it ends with the event's error, or its answer removes it */
    STAYS_FOR_RETRY = 2,  /* a try: then it takes the error itself */
    STAYS_FOR_FAULT = 3,  /* a fork: a branch failed, then it ends with that error */
    STAYS_FOR_WINNER = 4, /* a fork: the race is won, then it has the winner's output */
};

/* UNWINDING: what of the frame is undone. Stored: append, never renumber. */
enum undo_which {
    UNDO_ALL = 0,      /* what happened below the frame; of the workflow, all there is */
    UNDO_UNWANTED = 1, /* what steps below it no longer want */
    UNDO_CAUGHT = 2,   /* what happened in a try before its error was caught */
    UNDO_DOUBTFUL = 3, /* what may have happened: it is settled, and undone when it has */
};

struct event {
    enum event_kind kind;
    uint32_t version;
    bool has_instance;
    struct id instance;
    const struct plan *plan; /* of the instance; not stored: NULL when read from the journal */
    uint32_t frame;          /* 0: none */
    uint32_t parent;         /* 0: none */
    uint32_t node;           /* PLAN_NONE: none */
    const char *path;
    uint32_t activation;
    uint32_t attempt;
    enum phase phase;
    const char *agent; /* texts: NULL when not used */
    const char *store;
    const char *action;
    bool has_key;
    struct id key;
    bool has_digest;
    struct digest digest;
    int64_t at_ms;
    uint32_t status;
    uint32_t next_node; /* PLAN_NONE: none */
    enum walk flow;
    uint32_t count;
    uint32_t effect;
    uint64_t duration_us;
    const char *name;
    const char *traceparent;
    struct doc *input; /* docs: NULL when not used */
    struct doc *output;
    struct doc *context;
    struct doc *error;
    struct doc *value;
    const struct decision *decision;
    const struct failure *failure;
    const char *text;
    const char *person;
    const char *source;
    const char *id;
    struct str raw;
};

/* "step-ran", ...; NULL for a number this program does not know. */
const char *event_kind_name(uint32_t kind);

/* The version this program writes for a kind; 0 for an unknown kind. */
uint32_t event_kind_version(uint32_t kind);

#endif
