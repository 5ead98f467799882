/*
 * Inside of the engine: for engine.c, process/ and apply/ only.
 */
#ifndef COORDINATOR_ENGINE_ENGINE_PRIVATE_H
#define COORDINATOR_ENGINE_ENGINE_PRIVATE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/json/doc.h"
#include "common/json/json.h"
#include "coordinator/definition/plan.h"
#include "coordinator/definition/policy.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/port.h"

struct map;

/* A task to send again unless its answer comes first. Stale entries are skipped. */
struct redispatch {
    int64_t due_ms;
    struct id instance;
    uint32_t frame;
    uint64_t order; /* the frame's ready_order: unique for each time a task is sent out */
    uint32_t times;
};

/* An event emitted in this turn, to be accepted after the command that emitted it. */
struct emitted {
    const char *type;
    const char *source;
    const char *id;
    struct doc *envelope;
};

/* An instance that ended, for the step that runs it. */
struct child_end {
    struct id child;
    struct id parent;
    uint32_t frame;
    enum instance_status status;
    struct doc *value; /* held by the turn */
    uint32_t retries;
};

/* What this turn did to the event buffer, which the port does not show yet. */
struct buffer_change {
    bool taken; /* else kept */
    const char *type;
    struct id mark;
    struct doc *envelope;
    int64_t expires_ms;
};

/* An agent that work waits for. Not stored: found again by the first step that is not served. */
struct absence {
    char *agent;
    int64_t due_ms;
};

/* An answer that broke its contract. Not stored: what counts is a rate. */
struct breach {
    const struct contract *contract;
    struct id instance;
    int64_t at_ms;
};

/* Texts of the turn. */
struct name_list {
    const char **names;
    size_t count;
    size_t room;
};

struct engine {
    struct engine_options options;
    const struct engine_port *port;
    void *port_user;
    struct company company;
    struct map *cache; /* id -> struct instance */
    struct instance *dirty;
    struct arena *arena;
    uint64_t sequence;
    int64_t now;
    struct event *events;
    size_t event_count;
    size_t event_room;
    struct order *orders;
    size_t order_count;
    size_t order_room;
    struct doc **held; /* docs of events and orders, released when the turn is done */
    size_t held_count;
    size_t held_room;
    json_t *held_json; /* array that owns values of orders */
    struct map *turn_marks;
    struct buffer_change *buffer_changes;
    size_t buffer_change_count;
    size_t buffer_change_room;
    struct redispatch *redispatches; /* binary heap by due */
    size_t redispatch_count;
    size_t redispatch_room;
    struct emitted *emitted;
    size_t emitted_count;
    size_t emitted_room;
    struct id *entering; /* children that began in this turn and have not walked */
    size_t entering_count;
    size_t entering_room;
    struct child_end *ends;
    size_t end_count;
    size_t end_room;
    const char **freed; /* entities that somebody may be next at, texts of the turn */
    size_t freed_count;
    size_t freed_room;
    uint64_t circle_searches;
    struct name_list accounts_changed; /* in this turn: rows to write */
    struct name_list accounts_touched; /* in this turn: what waits for them is to be looked at */
    size_t accounts_reviewed;          /* of the touched ones */
    uint64_t review_round;             /* up to the next time that steps are served */
    struct id *runnable;               /* instances whose walk was cut by the turn's step limit */
    size_t runnable_count;
    size_t runnable_room;
    struct map *flights; /* ready_order of every task that a store holds */
    struct map *waits;   /* ready_order of every step that waits -> struct ready */
    uint64_t outstanding;
    uint64_t ready;
    uint64_t ready_in_turn;
    uint64_t claims_in_turn;
    uint64_t steps_in_turn;
    size_t bytes_in_turn; /* of values in the turn's events */
    uint64_t dispatched_in_turn;
    int64_t rate_due_ms; /* when a rate lets a step start; INT64_MAX: none waits for that; 0 after a
                            start: nobody knows yet */
    bool rates_changed;  /* in this turn */
    struct policy *policy;
    int64_t settled_ms; /* from then on an absence is no sign of a start that is under way */
    struct absence *absences;
    size_t absence_count;
    size_t absence_room;
    struct breach *breaches; /* oldest first; NULL until there is one */
    size_t breach_count;
    bool open_changed; /* counts of open instances changed in this turn */
    struct engine_counters counters;
};

/* Memory of the turn; aborts instead of failing. */
void *engine_alloc(struct engine *engine, size_t size);
const char *engine_text(struct engine *engine, const char *text);

/* Keep a doc until the turn is done; takes over the reference and returns the doc. */
struct doc *engine_hold(struct engine *engine, struct doc *doc);

/* Keep a json value until the turn is done; takes over the reference. */
json_t *engine_hold_json(struct engine *engine, json_t *value);

/* Decide a fact: record it and apply it at once. Version is filled in; docs are held. */
void engine_emit(struct engine *engine, const struct event *event);

/* An event of `instance`, to be completed and emitted. */
struct event engine_event(const struct instance *instance, enum event_kind kind);

/* Append an order; docs in it must be held. */
struct order *engine_order(struct engine *engine, enum order_kind kind, uint64_t token);

/* Answer the command, if somebody waits. `format` gives the words of a refusal. */
void engine_reply_ok(struct engine *engine, uint64_t token, const struct id *instance,
                     bool created);
void engine_refuse(struct engine *engine, uint64_t token, enum err code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Open instance from cache or table, NULL when there is none. */
struct instance *engine_load(struct engine *engine, const struct id *id);

/* Open instance, or one that has ended in this turn; NULL when there is none. */
struct instance *engine_load_ended(struct engine *engine, const struct id *id);

/* Whether an instance of this id is open or has ended, in this turn too. */
bool engine_knows(struct engine *engine, const struct id *id);

/* The only doors through which state changes (apply/). */
void apply_event(struct engine *engine, const struct event *event);
void apply_company(struct engine *engine, const struct event *event);
void apply_instance(struct engine *engine, struct instance *instance, const struct event *event);
void apply_migrated(struct engine *engine, struct instance *instance, const struct event *event);
void apply_step(struct engine *engine, struct instance *instance, const struct event *event);
void apply_call(struct engine *engine, struct instance *instance, const struct event *event);
/* The run that a schedule waited for has ended: the next is due its delay later. */
void apply_run_ended(struct engine *engine, const struct instance *instance);
void engine_touch(struct engine *engine, struct instance *instance);
void engine_cache_add(struct engine *engine, struct instance *instance);

/* apply helpers shared by its files */
void apply_move(struct instance *instance, struct frame *parent, const struct event *event,
                struct doc *output);
void apply_frame_gone(struct engine *engine, struct instance *instance, struct frame *frame);
void apply_ready(struct engine *engine, struct instance *instance, struct frame *frame);

/* Locks (apply_lock.c): a frame with a lock was pushed; it was granted or has expired; it goes. */
void apply_locked(struct engine *engine, struct instance *instance, struct frame *frame,
                  const struct event *event);
void apply_lock(struct engine *engine, struct instance *instance, struct frame *frame,
                const struct event *event);
void apply_lock_gone(struct engine *engine, struct frame *frame);

/* Money (apply_budget.c): BUDGET_RESERVED, STEP_UNFUNDED and STEP_FUNDED of a frame; its result; it
 * waits and has nothing in flight; it goes. */
void apply_money(struct engine *engine, struct instance *instance, struct frame *frame,
                 const struct event *event);
void apply_money_result(struct engine *engine, const struct instance *instance, struct frame *frame,
                        const struct event *event);
void apply_money_idle(struct engine *engine, const struct instance *instance, struct frame *frame);
void apply_money_gone(struct engine *engine, const struct instance *instance, struct frame *frame,
                      bool in_flight);

/* The company's events of budgets; the policy's caps are others now; the instance has
 * ended. */
void apply_budget(struct engine *engine, const struct event *event);
void apply_budget_caps(struct engine *engine);
void apply_budget_ended(struct engine *engine, const struct instance *instance);

/* Write the rows of the accounts that this turn changed. */
void accounts_put(struct engine *engine);

/* The frame's step waits for no money. */
void frame_unwanted(struct frame *frame);

/* The name of the account of the kind that the frame's call falls under (the instance's own:
 * `frame` may be NULL), and its cap there; NULL: it has none. */
void account_name(const struct instance *instance, const struct frame *frame,
                  enum account_kind kind, char out[ACCOUNT_NAME_BYTES]);
const struct money *account_cap(const struct engine *engine, const struct instance *instance,
                                const struct frame *frame, enum account_kind kind);

/* Where a step that waits for money stands; it comes to stand there; one has left the account. */
struct ready_queue *account_queue(struct engine *engine, const struct instance *instance,
                                  const struct frame *frame);
void account_entered(struct engine *engine, const struct instance *instance,
                     const struct frame *frame);
void account_left(struct engine *engine, const char *name);

/* What a result says that it cost; all that is reserved, and *ret_clear false, when it is no amount
 * in the currency of the reservation. */
int64_t money_cost(const struct frame_money *money, const char *said, bool *ret_clear);

/* Somebody may be next at the entity. */
void freed_add(struct engine *engine, const char *entity);

/* Remember a change to the event buffer until the end of the turn. */
/* Whether this turn has taken the event with that mark from what waits under `type`. */
bool buffer_taken(const struct engine *engine, const char *type, const struct id *mark);
void buffer_changed(struct engine *engine, const struct buffer_change *change);

/* A store holds the frame's task from now on, or no longer: its credit, and that the task is owed.
 */
void flight_begin(struct engine *engine, const struct instance *instance,
                  const struct frame *frame);
void flight_end(struct engine *engine, const struct instance *instance, const struct frame *frame);

/* Compensations (apply_undo.c): an effect that has one is dispatched; a frame that rows belong to
 * goes; a try has caught an error; a person decided about a frame with a purpose. */
void apply_undo(struct engine *engine, struct instance *instance, const struct event *event);
void apply_undo_declared(struct instance *instance, const struct frame *frame,
                         const struct contract_action *action, struct ledger_entry *entry);
void apply_undo_scope_gone(struct instance *instance, const struct frame *frame);
void apply_undo_caught(struct instance *instance, const struct frame *frame);
void apply_undo_decided(struct engine *engine, struct instance *instance, struct frame *frame,
                        const struct event *event);

/* Whether the row is among what UNWINDING below the frame means. */
bool undo_fits(const struct ledger_entry *entry, const struct frame *frame, enum undo_which which,
               uint64_t after);

/* A step waits for a store from now on: it gets its turn (ready.h). */
void ready_enter(struct engine *engine, const struct instance *instance, struct frame *frame);

/* Put a step that has its turn into its queue in memory. */
void ready_push(struct engine *engine, const struct instance *instance, const struct frame *frame);

/* It does not wait any more, or not while its instance is paused. Before its state changes. */
void ready_leave(struct engine *engine, struct frame *frame);

/* What the queues of the instance's waiting steps go by has changed: into those where they belong.
 */
void ready_again(struct engine *engine, struct instance *instance);

/* What is known of the key has changed. Other steps that wait under it (a definition may name the
 * key) go into the queue of the store that has the effect now, as they would after a restart. */
void ready_rehome(struct engine *engine, struct instance *instance, const struct id *key);

/* The store that has to do an agent call, because it did, or may have done, something under the
 * step's key: only it can tell. A step that is entered again by a retry has the key of the first
 * time. NULL: any store. */
const char *call_home(const struct instance *instance, const struct frame *frame);

/* What of an action a refusal is about: of a call of the specification's own the host and the
 * definition, because one agent speaks to many for many; else "". */
const char *call_scope(struct engine *engine, const struct instance *instance,
                       const struct frame *frame);

/* Queue key of a call frame: agent, action, contract range, for effects the store that began it,
 * and the scope. */
const char *ready_key(struct engine *engine, const struct instance *instance,
                      const struct frame *frame);

/* Whether a store holds the frame's task. */
bool frame_in_flight(const struct frame *frame);

/* Name of the frame's step for people; of one with a purpose, what it is for. */
void frame_step_name(const struct instance *instance, const struct frame *frame, char *out,
                     size_t size);

/* Node of a frame; NULL for the workflow. Of a frame with a purpose: its own, gone with it. */
const struct plan_node *frame_node(const struct instance *instance, const struct frame *frame);

/* Iteration path of the tasks below a frame. */
const char *frame_child_path(struct engine *engine, const struct frame *frame);

void redispatch_push(struct engine *engine, const struct redispatch *entry);

#endif
