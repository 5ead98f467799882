/*
 * One run of a definition: its frames (the steps that are open now), data, ledger of effects.
 *
 * A frame is an open activation of a task; frame 1 is the workflow itself. Frames form a tree
 * through `parent`; it is a stack unless a fork is open. A frame with a list of tasks holds
 * `cursor`, the node that is to be entered next with `data` as its raw input. Each branch of a fork
 * has a frame of its own with its copy of the context; one that has ended stays JOINED with its
 * output until the fork needs it.
 *
 *      RUNNING --> READY --> DISPATCHED --> OUTPUT --> (gone)
 *         |          ^           |  `-> RETRY (waits) --> READY
 *         |          |           `----> SUSPENDED (gate) --> READY or gone
 *         |--> WAITING (timer, event)
 *         |--> LOCKED_OUT (another holds the entity) --> RUNNING
 *         `--> EVALUATING (mainstay-jq) --> RUNNING
 *
 * Ownership: an instance owns its frames and references its docs. Threads: none.
 */
#ifndef COORDINATOR_ENGINE_INSTANCE_H
#define COORDINATOR_ENGINE_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/money.h"
#include "coordinator/engine/id.h"
#include "coordinator/engine/outcome.h"

struct doc;
struct plan;

/* Stored: append, never renumber. */
enum instance_status {
    INSTANCE_RUNNING = 1,
    INSTANCE_WAITING = 2,
    INSTANCE_SUSPENDED = 3,
    INSTANCE_CANCELLED = 4,
    INSTANCE_FAULTED = 5,
    INSTANCE_COMPLETED = 6,
};

/* Stored: append, never renumber. */
enum frame_state {
    FRAME_RUNNING = 1,     /* the walk is in or below it */
    FRAME_READY = 2,       /* agent call: waits for a store with credit */
    FRAME_DISPATCHED = 3,  /* agent call: a store has it */
    FRAME_RETRY = 4,       /* waits until wake_ms for another attempt */
    FRAME_WAITING = 5,     /* wait or listen */
    FRAME_SUSPENDED = 6,   /* a gate is open on it */
    FRAME_OUTPUT = 7,      /* `data` is its raw output; output.as and export are next */
    FRAME_EVALUATING = 8,  /* an expression is with mainstay-jq; `resume` says what to go back to */
    FRAME_CANCELLING = 9,  /* cancelled while an effect of it or below it was in flight */
    FRAME_JOINED = 10,     /* a branch that has ended: `data` is its output */
    FRAME_LOCKED_OUT = 11, /* a lock: others are before it, one of them has the entity */
};

/* Part of a `for` or `try` frame the walk is in; BYPASS: a `before` was left by `exit`, and what it
 * stands before is left out; ENTRY: the workflow's own input is still to be shaped; CLOSED: a
 * listen takes no more events. Stored. */
enum frame_part {
    PART_BODY = 0,
    PART_CATCH = 1,
    PART_BYPASS = 2,
    PART_ENTRY = 3,
    PART_CLOSED = 4,
};

/* Stored: append, never renumber. */
enum ledger_state {
    LEDGER_DISPATCHED = 1,
    LEDGER_DONE = 2,
    LEDGER_NONE = 3,
    LEDGER_UNKNOWN = 4,
    LEDGER_ABANDONED = 5,   /* in doubt, and left so: by a person, a timeout, a cancellation */
    LEDGER_COMPENSATED = 6, /* it was done, and has been undone */
    LEDGER_KEPT = 7,        /* it was done, and a person decided that it stays */
};

/* What a frame that belongs to no step of the definition does. Stored: append. */
enum frame_purpose {
    PURPOSE_STEP = 0,
    PURPOSE_UNDO = 1,   /* runs the compensation of the effect `undoes` */
    PURPOSE_SETTLE = 2, /* finds out whether the effect `undoes` happened, by its class */
};

/* Value of an external expression, kept until the walk moves on. */
struct evaluated {
    uint32_t expr;
    bool failed;
    struct doc *value; /* or the error text as a JSON string */
};

struct visit {
    uint32_t node;
    uint32_t count;
};

/* What is known of earlier attempts of an effect that its store may not know. Stored: append. */
enum past {
    PAST_OWN = 0,     /* nothing: the store's outcome table is the truth */
    PAST_NONE = 1,    /* nothing happened: a person has looked */
    PAST_UNKNOWN = 2, /* another store, lost since, may have done it */
};

/* What a lock frame has of its entity. Stored: append. */
enum lease {
    LEASE_WAITS = 0,
    LEASE_HELD = 1,
    LEASE_SHARED = 2, /* a frame around it, or around what waits for its instance, holds it */
    LEASE_LOST = 3,   /* it came to its deadline: the frame is taken down */
};

struct frame_lock {
    char *entity;
    enum lease lease;
    uint64_t order; /* of its claim (company.h); 0: it has none */
    int64_t ttl_ms;
    int64_t until_ms; /* HELD: its deadline */
};

/* Money of a call (budget.h), in millionths. */
struct frame_money {
    char currency[MONEY_CURRENCY_BYTES];
    int64_t held;      /* reserved in each of `accounts` */
    uint32_t accounts; /* sum of enum account_kind */
    bool doubt;        /* an attempt may have cost something, and nobody said how much */
    uint32_t wants;    /* READY: the enum account_kind that has no room; 0: it waits for a store */
    int64_t need;      /* with `wants`: what would be reserved */
};

struct frame {
    uint32_t id;
    uint32_t parent; /* 0 for the workflow */
    uint32_t node;   /* PLAN_NONE for the workflow */
    uint32_t activation;
    char *path; /* iteration path, "" at the top */
    enum frame_state state;
    /* EVALUATING: what to go back to. CANCELLING, once nothing is in flight: RETRY the try takes
     * the error, OUTPUT its output is known, CANCELLING and JOINED it ends with its error, the
     * latter because a branch of it failed; RUNNING, of the workflow, it goes back. */
    enum frame_state resume;
    enum frame_part part;
    int64_t started_ms;
    int64_t deadline_ms; /* task timeout; 0 none */
    int64_t wake_ms;     /* 0 none */
    struct doc *raw_input;
    struct doc *input;   /* after input.from */
    struct doc *data;    /* raw input of the task at cursor, then the raw output */
    struct doc *vars;    /* scope variables for the tasks below; NULL none */
    struct doc *context; /* of a branch: its own; NULL: the one around */
    struct doc *error;   /* of a try in its catch part, or of a suspended step; NULL none */
    struct doc *items;   /* for; listen.foreach: events not yet handled */
    struct doc *results; /* listen.foreach: outputs of iterations */
    uint32_t index;      /* for: current; listen: filters of `all` that have their event */
    uint32_t retries;    /* try; listen.foreach: iterations begun */
    int64_t attempt_started_ms;
    uint32_t cursor; /* PLAN_NONE: the list is at its end */
    struct visit *visits;
    uint32_t visit_count;
    /* agent call */
    struct id key;
    char *idempotency_key;
    uint32_t attempt; /* high bits: try-level retries before it started; low 8: attempts, from 1 */
    enum phase phase;
    char *store; /* NULL: none chosen */
    char *contract_version;
    struct digest input_digest;
    struct doc *call_input;
    struct doc *proposal;
    int64_t dispatched_ms;
    bool effectful;
    enum past past; /* of the attempt in flight, or the next one */
    uint64_t ready_order;
    uint64_t ready_tag; /* READY: its turn (ready.h) */
    int64_t ready_ms;   /* READY: since when; else 0 */
    struct evaluated *evaluated;
    uint32_t evaluated_count;
    uint32_t awaited; /* expression that was asked for last; not stored, asked again at start */
    bool has_gate;
    struct id gate;
    uint32_t gate_revision;
    bool has_child; /* run: the instance `child` has not ended */
    struct id child;
    uint32_t children;         /* frames whose parent it is; not stored */
    struct frame_lock *lock;   /* of a lock; else NULL */
    struct frame_money *money; /* of a call that has reserved some, or waits for some; else NULL */
    enum frame_purpose purpose;
    struct id undoes;      /* with a purpose: key of the effect */
    struct plan_node *own; /* with a purpose: the call, made of the ledger's row; not stored */
};

/* How far it is known how an effect would be undone. Stored: append, never renumber. */
enum undo_state {
    UNDO_DECLARED = 1,   /* it may happen yet, or nobody knows whether it has */
    UNDO_REGISTERED = 2, /* it has, and `value` undoes it */
    UNDO_CLOSED = 3,     /* undone, kept, or it never happened */
};

/* A place in the journal: sequence of the batch << ORDER_BITS | index of the event in it. */
enum { ORDER_BITS = 20 };

/*
 * The compensation of an effect. Rows are undone by falling `order`, which is their place in the
 * journal. `scope` is the innermost open frame around the effect's step: what has ended passes its
 * rows on to the frame around it.
 */
struct undo {
    enum undo_state state;
    uint32_t node; /* of the effect's step; PLAN_NONE: taken over from a workflow it ran */
    uint32_t scope;
    uint64_t order;
    bool unwanted;      /* its step has ended without it: it is undone before the instance ends */
    bool caught;        /* its scope is a try, and an error of that has been caught since */
    uint32_t wanted_in; /* the frame below which it is to be undone; 0: it is not */
    uint32_t version;   /* of `value`, from 1: a person may have corrected it */
    char *action;       /* NULL: nobody says which */
    char *contract;     /* range of versions; NULL any */
    char *effect_key;   /* the effect's idempotency key */
    struct doc *input;  /* DECLARED: the step's input */
    struct doc *call;   /* DECLARED: the effect's input */
    struct doc *value;  /* REGISTERED: the compensation's input; NULL: `error` says why not */
    struct doc *error;  /* a text */
    char *reason;       /* of a person */
};

struct ledger_entry {
    struct id key;
    char *step;
    char *agent;
    char *action;
    char *store;
    struct id store_id; /* of the store at the last dispatch: a name may get another disk */
    struct id use;      /* what the key was last used for (frame_use) */
    enum ledger_state state;
    uint32_t attempts;
    int64_t first_ms;  /* when the key was first dispatched */
    struct id origin;  /* of a kept one: of the instance whose effect it was */
    struct undo *undo; /* NULL: the effect has no compensation */
};

/* Where an instance goes back to once nothing of it is in flight and what it did since is undone.
 */
struct rewind {
    uint32_t node; /* of the top list */
    uint32_t activation;
    uint64_t after; /* place in the journal (struct undo, order) where the step was entered */
    struct doc *data;
    struct doc *context;
};

struct instance {
    struct id id;
    /* What the names of its steps derive from: its own id. When a retry runs a workflow again the
     * second child has the first one's origin, so that an effect that happened is not done twice.
     */
    struct id origin;
    bool has_parent;
    struct id parent;      /* the instance whose step runs it */
    uint32_t parent_frame; /* who waits there for its end; 0: nobody */
    uint32_t depth;        /* of instances that run instances; 0: it was started otherwise */
    struct digest definition;
    const struct plan *plan; /* borrowed from the company's definitions */
    enum instance_status status;
    int64_t started_ms;
    int64_t deadline_ms;
    int priority;
    char *fairness;    /* customer whose turn its steps take; NULL: the process's own */
    struct doc *input; /* raw */
    struct doc *context;
    char *traceparent;
    char *trigger;
    uint32_t next_frame;
    uint32_t steps;
    uint32_t retries;
    bool cancelling;
    bool killed;  /* cancelling, and effects in flight or in doubt are left to persons */
    char *paused; /* by whom and why, for people; NULL: it is not */
    enum instance_status final; /* set while settling */
    /* Set while what it did is undone: how it ends then, with final_value. */
    enum instance_status unwinding;
    struct doc *final_value;
    struct rewind *rewind; /* NULL unless it is going back */
    struct frame **frames; /* parents before children */
    uint32_t frame_count;
    struct ledger_entry *ledger;
    uint32_t ledger_count;
    /* Effects of instances that its steps ran and that have ended: a retry here runs them again
     * under the same names, and the next instance begins with what the one before it knew. They
     * stand in a table of their own, because there may be many and each turn writes this row;
     * `kept` has those of this turn, later ones of a key behind earlier ones. */
    struct ledger_entry *kept;
    uint32_t kept_count;
    uint32_t kept_room;
    bool keeps;        /* there are rows of it in the table */
    uint64_t migrated; /* journal sequence of its last migration; 0: none */
    uint64_t *journal; /* sequences that hold its events, ascending */
    uint32_t journal_count;
    /* bookkeeping of the engine, not stored */
    uint32_t branches; /* frames with a context of their own; 0: the frames are a stack */
    uint32_t undos;    /* rows of the ledger with a compensation */
    uint32_t undoing;  /* frames with a purpose */
    uint32_t locks;    /* frames with a lock */
    int64_t timer_ms;  /* due time of its row in the timer table; 0 none */
    bool stored_active;
    bool stored;
    bool dirty;
    bool ended;
    struct instance *next_dirty;
};

/* A new, empty instance, or abort without memory. */
struct instance *instance_create(const struct id *id);

/* Free *instance and all it owns and set it to NULL. Accepts NULL. */
void instance_destroy(struct instance **instance);

/* The instance goes back from now on; takes references. Or it does no more. */
void instance_rewind_set(struct instance *instance, const struct rewind *to);
void instance_rewind_clear(struct instance *instance);

/* Whether the values that its row holds have more than LIMIT_INSTANCE_BYTES, as far as their texts
 * have been made: the others count once they have been written. */
bool instance_is_large(const struct instance *instance);

/* Frame by id, or NULL. */
struct frame *instance_frame(const struct instance *instance, uint32_t frame);

/* Append a frame (state RUNNING, cursor PLAN_NONE, empty path) below `parent` (0: the workflow).
 * Its id is larger than all others. The caller fills it. */
struct frame *instance_push(struct instance *instance, uint32_t id, uint32_t parent);

/* Make the frame a branch with its own copy of the context. */
void instance_branch(struct instance *instance, struct frame *frame, struct doc *context);

/* Remove and free a frame that has no children. */
void instance_remove(struct instance *instance, uint32_t frame);

/* The newest frame. It has no children, and without a fork no other frame is without. NULL when
 * there are none. */
struct frame *instance_leaf(const struct instance *instance);

/* The oldest frame from which the walk can go on; NULL when all wait. */
struct frame *instance_walkable(const struct instance *instance);

/* Where the context is kept that the frame and the tasks below it see. */
struct doc **instance_context(struct instance *instance, const struct frame *frame);

/* The outermost frame that is being taken down at or above `frame`; NULL when none is. */
struct frame *instance_unwinding(const struct instance *instance, const struct frame *frame);

/* What all leaves together say: running before waiting before suspended. */
enum instance_status instance_standing(const struct instance *instance);

/* Ledger row of the key, or NULL. */
struct ledger_entry *instance_ledger(const struct instance *instance, const struct id *key);
struct ledger_entry *instance_ledger_add(struct instance *instance, const struct id *key);

/* Keep what an ended instance knew of an effect. What was open is in doubt from then on. */
void instance_keep(struct instance *instance, const struct ledger_entry *entry,
                   const struct id *origin);

/* The rows of this turn stand in the table now, or somewhere else. */
void instance_kept_clear(struct instance *instance);

/* Begin with what is known of an effect; what it knows already is newer. */
void instance_take_over(struct instance *instance, const struct ledger_entry *entry);

/* Make `to` say what `from` says of the effect itself, key and origin included; not what undoes it.
 */
void ledger_copy(struct ledger_entry *to, const struct ledger_entry *from);

/* What the step's key would be used for: its action with its input and proposal. */
struct id frame_use(const struct frame *frame, const char *action);

/* Give the row a compensation in state DECLARED, or return the one it has. */
struct undo *instance_undo_add(struct instance *instance, struct ledger_entry *entry);

/* The row to be undone next below the frame: the one that was registered last. NULL: none is. */
struct ledger_entry *instance_undo_next(const struct instance *instance, uint32_t frame);

/* Whether the row still has something to be undone, or to be found out before that. */
bool ledger_undo_open(const struct ledger_entry *entry);

/* Make a pushed frame one that settles or undoes what the row says. */
void instance_purpose(struct instance *instance, struct frame *frame, enum frame_purpose purpose,
                      const struct ledger_entry *entry);

/* What the frame's call has reserved or waits for, made when there is nothing yet; and forget it
 * when it is nothing. */
struct frame_money *frame_money_add(struct frame *frame);
void frame_money_trim(struct frame *frame);

/* Give the frame a lock that waits; the entity is copied. */
struct frame_lock *instance_lock_add(struct instance *instance, struct frame *frame,
                                     const char *entity, int64_t ttl_ms);

/* Whether the row is dispatched or unknown. */
bool ledger_is_open(const struct ledger_entry *entry);

/* Whether a ledger row is. */
bool instance_ledger_open(const struct instance *instance);

/* Whether a store or the jq child owes an answer, or a step is ready: such rows are read at start.
 */
bool instance_active(const struct instance *instance);

/* Earliest of its deadlines and wake times, 0 when none; of a paused one none counts. */
int64_t instance_due(const struct instance *instance);

/* Correlation values of a listen stand in its `vars` under a name that no variable can have. */
#define LISTEN_CORRELATIONS "#correlations"

void instance_journal_add(struct instance *instance, uint64_t sequence);

/* Replace an owned doc or text: drops the old one, takes a reference or copy of the new one. */
void doc_replace(struct doc **place, struct doc *doc);
void text_replace(char **place, const char *text);

void frame_visits_clear(struct frame *frame);
uint32_t frame_visits(const struct frame *frame, uint32_t node);
void frame_visit(struct frame *frame, uint32_t node);

/* Values of external expressions. `failed`: value is the error's text. */
const struct evaluated *frame_evaluated(const struct frame *frame, uint32_t expr);
void frame_evaluated_add(struct frame *frame, uint32_t expr, bool failed, struct doc *value);
void frame_evaluated_clear(struct frame *frame);

/* Invariants of the whole instance; CHECKs. */
void instance_check(const struct instance *instance);

const char *instance_status_name(enum instance_status status);
const char *frame_state_name(enum frame_state state);

#endif
