/*
 * Deciding: reads state, emits events and orders. Private to the engine. One file per theme; the
 * walk (walk.c) drives an instance until it waits for the world.
 */
#ifndef COORDINATOR_ENGINE_PROCESS_PROCESS_H
#define COORDINATOR_ENGINE_PROCESS_PROCESS_H

#include "coordinator/definition/expr.h"
#include "coordinator/engine/engine_private.h"

/* Commands. */
void process_event(struct engine *engine, uint64_t token, const struct event_command *command);
void process_run(struct engine *engine, uint64_t token, const struct run_command *command);
void process_result(struct engine *engine, const struct result_command *result);
void process_hello(struct engine *engine, uint64_t token, const struct hello_command *hello);
void process_deploy(struct engine *engine, uint64_t token, const struct deploy_command *command);
void process_migrate(struct engine *engine, uint64_t token, const struct migrate_command *command);
void process_retire(struct engine *engine, uint64_t token, const struct retire_command *command);
void process_lost(struct engine *engine, uint64_t token, const struct lost_command *command);

/* Effects that are in flight at the store. */
uint32_t store_effects(struct engine *engine, const struct store *store);
void process_cancel(struct engine *engine, uint64_t token, const struct cancel_command *command);
void process_operate(struct engine *engine, uint64_t token, const struct operate_command *command);
void process_verdict(struct engine *engine, uint64_t token, const struct verdict_command *command);
void process_evaluation(struct engine *engine, const struct evaluation_command *command);
/* What was refused, as a record. */
void dead_letter_keep(struct engine *engine, const struct dead_letter_command *letter);
void process_dead_letter(struct engine *engine, uint64_t token,
                         const struct dead_letter_command *command);

/* A policy that differs from the one in force takes its place. */
void process_policy(struct engine *engine, uint64_t token, const struct policy_command *command);

/* The record of which program runs the engine from now on. */
void process_program(struct engine *engine, const struct program_command *command);

void process_zone(struct engine *engine, uint64_t token, const struct zone_command *command);

void process_clock(struct engine *engine, const struct clock_command *command);

/* A verdict on the open gate of the clock. */
void clock_verdict(struct engine *engine, uint64_t token, const struct verdict_command *command);

/* One instance of an operate command: what was made of it, or why nothing was, as text of the turn
 * or static (operate.c). */
struct operated operate_one(struct engine *engine, const struct operate_command *command,
                            const struct operate_item *item);

/* Another instance, as the command's restart or fork says, or why not: static text (anew.c). */
const char *instance_anew(struct engine *engine, const struct operate_command *command,
                          const struct operate_item *item, struct operated *ret_operated);

/* Going back (rewind.c). Why the instance, as it stands, cannot; NULL: it can. Static text. */
const char *rewind_refused(const struct instance *instance);

/* Begin to go back to the point, or why not: text of the turn or static. */
const char *rewind_begin(struct engine *engine, struct instance *instance,
                         const struct operate_command *command, const struct operate_point *point);

/* All that was open below the workflow's frame is gone: undo what is left to be undone, then it
 * stands where it was to go back to. The caller walks afterwards. */
void rewind_end(struct engine *engine, struct instance *instance, struct frame *root);

/* Begin to end an open instance that does not settle, with (kill) or without waiting for words on
 * its effects (cancel.c). It may have ended when this returns. */
void instance_take_down(struct engine *engine, struct instance *instance, bool kill,
                        const char *reason, const char *person);

/* A person's word on an effect that a killed instance left in doubt (cancel.c). */
void killed_verdict(struct engine *engine, uint64_t token, struct instance *instance,
                    struct frame *frame, const struct verdict_command *command);

/* Whether the gate's step may be tried again without a word on what it did before. */
bool gate_may_retry(struct engine *engine, const struct instance *instance,
                    const struct frame *frame, const struct gate *gate);
/* What a circuit is about, to be opened, or opened anew. */
struct cause {
    enum gate_kind kind;
    const char *agent;
    const char *action;
    const char *scope;
    enum phase phase;
    struct failure failure;
};

/* Open the circuit, or the known one anew; close it, or (probe) let one step try. */
void circuit_emit(struct engine *engine, const struct cause *cause, const struct gate *known);
void circuit_decide(struct engine *engine, const struct id *gate,
                    const struct verdict_command *command, bool probe);

/* Budgets (budget.c). Reserve what the step costs at most, with the dispatch that follows. False:
 * it does not fit, and the step waits for money or has failed; it may be gone then. */
bool budget_reserve(struct engine *engine, struct instance *instance, struct frame *frame,
                    const struct contract_action *action);

/* What the result says of its cost is more than was reserved, or no amount. */
bool budget_overrun(const struct frame *frame, const struct result_command *result);

/* Look at the accounts that have changed: who fits now goes on, who waits asks a person, once for
 * the account. */
void budgets_review(struct engine *engine);

/* Begin a new day when the accounts' one is over. */
void budget_day_begin(struct engine *engine);

/* A verdict on the gate of an account. */
void budget_verdict(struct engine *engine, uint64_t token, const struct gate *gate,
                    const struct verdict_command *command);

/* Circuits (circuit.c). The outside refused the step's action: open the circuit of the cause unless
 * it is open, and let the step wait for it. */
void circuit_refused(struct engine *engine, struct instance *instance, struct frame *frame,
                     const struct failure *failure);

/* A step is ready: who waits for its instance learns of the gate it waits for, if it does. */
void circuit_meets(struct engine *engine, const struct instance *instance,
                   const struct frame *frame);

/* The frame's task in flight went well: circuits that it tried close. */
void circuits_proved(struct engine *engine, const struct instance *instance,
                     const struct frame *frame);

/* The frame's agent broke its contract: by its answer, or as it says itself. */
void circuit_breach(struct engine *engine, const struct instance *instance,
                    const struct frame *frame);

/* Work waits for an agent without a live store that fits (find: after a start); one said hello; a
 * grace is over. */
void absences_find(struct engine *engine);
void absence_watch(struct engine *engine, const char *agent, const struct frame *frame);
void absence_ends(struct engine *engine, const char *agent);
void absences_due(struct engine *engine);
int64_t absence_next(const struct engine *engine);

/* A verdict on a circuit. */
void circuit_verdict(struct engine *engine, uint64_t token, const struct gate *gate,
                     const struct verdict_command *command);

/* Whether what the schedule needs is known; refuses the command when not. */
bool schedule_possible(struct engine *engine, uint64_t token, const struct plan *plan);

/* Versions of the plan's definition came or went: the latest one's schedule is what counts. */
void schedule_follow(struct engine *engine, const struct plan *version);

/* Start the run that is due first, if it is due by now and not later than `before_ms`. */
bool schedule_due(struct engine *engine, int64_t before_ms);

/* What an event does to a start by several events: GATHER_KEPT: it waits for the others, or was
 * refused, as a record; GATHER_COMPLETE: they are all there, and *ret_events is the array of their
 * envelopes in the order in which they came, held by the turn (gather.c). */
enum gathered { GATHER_NOT, GATHER_KEPT, GATHER_COMPLETE };
enum gathered gather_take(struct engine *engine, const struct definition *definition,
                          const char *type, struct doc *envelope, const struct id *mark,
                          json_t **ret_events);

/* Whether what stands in the place of a type is the name of a gathering. */
bool gather_named(const char *type);

/* Whether an event fits a filter of schedule.on; *ret_values are its correlated values, held by the
 * turn (event.c). */
bool event_fits(struct engine *engine, const struct event_filter *filter, struct doc *envelope,
                struct doc **ret_values);

/* Put a copy of an accepted event on EVENTS for outsiders (law 4); both are held by the turn. */
void publish_copy(struct engine *engine, const char *type, struct doc *envelope);

/* Accept the events that steps emitted in this turn. */
void process_emitted(struct engine *engine);

/* What walks have left to be done after them, until nothing is: emitted events, children that begin
 * and children that have ended. Done apart, so that no instance walks inside of another's walk. */
void process_pending(struct engine *engine);

/* Start of an instance without its walk, to be completed and emitted. */
struct event instance_event(struct engine *engine, const struct definition *definition,
                            const struct id *id, struct doc *input, const char *trigger,
                            const char *traceparent);

/*
 * How an evaluation went. EVAL_PENDING: an external value is being asked for, the frame is marked
 * and the walk stops here. EVAL_ERROR: scope.error holds the error document.
 */
enum eval { EVAL_OK, EVAL_ERROR, EVAL_PENDING };

/* What expressions see at one place, and where their trouble goes. */
struct scope {
    struct engine *engine;
    struct instance *instance;
    struct frame *frame; /* holder of external values; its `vars` and its parents' are seen */
    const struct plan_node *node; /* $task; NULL for the workflow */
    const char *path;
    uint32_t activation;
    int64_t started_ms;
    struct doc *raw_input;
    struct doc *input;      /* NULL: $input has no value here */
    struct doc *output;     /* NULL: $output has no value here */
    struct doc *raw_output; /* NULL: the task has none yet */
    const json_t *extra;    /* further variables, object; NULL none */
    struct doc *context;    /* NULL: the instance's */
    bool no_external;       /* here an external expression is an error */
    json_t *task;           /* built when asked for */
    json_t *workflow;
    const struct expr *pending;
    json_t *pending_input;
    struct doc *error; /* held by the turn */
};

/* The workflow that a `run` step runs now, and its input. */
struct child_run {
    const struct definition *definition;
    struct doc *input;
    struct id step; /* key of the step */
    struct id id;
};

/* Prepare what the step in `scope` runs (child.c); EVAL_ERROR when it cannot. */
enum eval child_prepare(struct scope *scope, struct child_run *ret_run);

/* Begin it. `at` has the step's place; its frame waits for the end, 0: nobody does. */
void child_begin(struct engine *engine, struct instance *instance, const struct event *at,
                 const struct child_run *run);

/* A step no longer wants what it runs. */
void child_cancel(struct engine *engine, const struct instance *instance,
                  const struct frame *frame);
void child_kill(struct engine *engine, const struct instance *instance, const struct frame *frame);

/* The frame that waits for the end of the instance, which becomes that frame's; NULL: none does. */
struct frame *child_waiter(struct engine *engine, struct instance **instance);

/* The instance has ended: tell the step that runs it. */
void child_end(struct engine *engine, const struct instance *instance);

/* Free what the scope built. */
void scope_release(struct scope *scope);

/* Evaluate over `dot`. Results are held until the turn is done. A NULL template gives `dot` itself.
 */
enum eval scope_template(struct scope *scope, const struct template *tmpl, struct doc *dot,
                         struct doc **ret_value);
enum eval scope_truth(struct scope *scope, const struct expr *expr, struct doc *dot,
                      bool *ret_true);
enum eval scope_value(struct scope *scope, const struct expr *expr, struct doc *dot,
                      struct doc **ret_value);
enum eval scope_duration(struct scope *scope, const struct plan_duration *duration, struct doc *dot,
                         int64_t *ret_ms);

/* Check a value against a schema (NULL: fits). The error names `what`. */
enum eval scope_schema(struct scope *scope, const struct schema *schema, struct doc *value,
                       const char *what);

/* What a value that leaves the instance is called, and how large it may be. */
struct scope_bound {
    const char *what;
    size_t most;
    const char *limit; /* its name */
};

/* Whether `value` keeps the bound. If not, the scope's error says how large it is. */
bool scope_sendable(struct scope *scope, struct doc *value, const struct scope_bound *bound);

/* output.as, output.schema, export.as, export.schema of the scope's task, or of an iteration of it,
 * over its raw output. *ret_context is NULL when nothing is exported. */
enum eval scope_output(struct scope *scope, const struct plan_data *data, struct doc *raw,
                       struct doc **ret_output, struct doc **ret_context);

/* An error document (RFC 7807 members as the specification orders them), held by the turn. */
struct doc *error_make(struct engine *engine, const char *type, int status, const char *pointer,
                       const char *title, const char *detail);

/* A copy that lives until the turn is done: the journal is written long after the caller is gone.
 */
const struct failure *failure_keep(struct engine *engine, const struct failure *from);

/* The catchable form of an agent's failure. */
struct doc *error_of_failure(struct engine *engine, const struct failure *failure,
                             const char *pointer);

/* Where a task's flow leads. */
struct walk_to {
    enum walk walk;
    uint32_t node;
};
struct walk_to flow_resolve(const struct plan_node *node, const struct flow *flow);

/* Walk until the instance waits, ends, or the turn's share of steps is used up. */
void walk(struct engine *engine, struct instance *instance);

/* input.schema and input.from of the workflow and its deadline; the walk may go on then (start.c).
 */
bool workflow_enter(struct engine *engine, struct instance *instance);

/* Enter the task at the cursor of `parent` (enter.c). False: stop walking for now. */
bool walk_enter(struct engine *engine, struct instance *instance, struct frame *parent);

/* The frame's raw output is in `data`: shape it and move on. False: stop walking for now. */
bool walk_leave(struct engine *engine, struct instance *instance, struct frame *frame);

/* A task that never got a frame failed, or a frame did: hand the error up until a try takes it. */
void fault_entry(struct engine *engine, struct instance *instance, struct frame *parent,
                 uint32_t node, const char *path, uint32_t activation, struct doc *error);
void fault_frame(struct engine *engine, struct instance *instance, struct frame *frame,
                 struct doc *error);

/* Hand an error to `frame` and up, without removing anything below it first. */
void fault_raise(struct engine *engine, struct instance *instance, struct frame *frame,
                 struct doc *error);

/* Whether a try above the frame would take the error. */
bool fault_caught_above(struct engine *engine, struct instance *instance, const struct frame *frame,
                        struct doc *error);

/* End the workflow in `status` with its output or error, after its open effects are settled. */
void instance_finish(struct engine *engine, struct instance *instance, enum instance_status status,
                     struct doc *value);

/* Start an instance; false when it is known already. */
bool instance_begin(struct engine *engine, const struct definition *definition, const struct id *id,
                    struct doc *input, const char *trigger, const char *traceparent);

/* The attempt failed before it was sent: its result, with the effect mark of `failure`. What
 * follows from it is the caller's. */
void unsent_failed(struct engine *engine, const struct instance *instance,
                   const struct frame *frame, const struct failure *failure);

/* Whether the step may use its effect key; if not, because what the key was used for before was
 * something else and may have happened, the step has failed or waits for a person. */
bool key_is_free(struct engine *engine, struct instance *instance, struct frame *frame,
                 const struct contract_action *action);

/* Open a gate on a call frame; the step waits for a person. */
void gate_open(struct engine *engine, struct instance *instance, struct frame *frame,
               enum gate_kind kind, const struct failure *failure, struct doc *proposal);

/* What a verdict (enum verdict) on the gate of `frame` says, to be completed and emitted. `person`
 * is NULL when nobody decided. */
struct event gate_decided(struct engine *engine, const struct instance *instance,
                          const struct frame *frame, uint32_t verdict, const char *reason,
                          const char *person);

/* The same with what is asked of the person (approvals; NULL otherwise). */
void gate_ask(struct engine *engine, struct instance *instance, struct frame *frame,
              enum gate_kind kind, const struct failure *failure, struct doc *proposal,
              struct doc *ask);

/* call: approval (approval.c): evaluate what is asked into the start event and *ret_ask; open the
 * gate of the started frame; check and take a verdict; the deadline has come. */
enum eval approval_prepare(struct scope *scope, struct event *event, struct doc **ret_ask);
void approval_open(struct engine *engine, struct instance *instance, struct frame *frame,
                   struct doc *ask);
bool approval_fits(struct engine *engine, uint64_t token, const struct instance *instance,
                   const struct frame *frame, const struct verdict_command *command);
void approval_verdict(struct engine *engine, struct instance *instance, struct frame *frame,
                      const struct verdict_command *command);
void approval_deadline(struct engine *engine, struct instance *instance, struct frame *frame);

/* Whether the contract the call was dispatched under has a perform phase. */
/* The action of the step's contract, NULL before a dispatch; its effect class, manual when unknown.
 */
const struct contract_action *call_action(struct engine *engine, const struct instance *instance,
                                          const struct frame *frame);
enum effect_class call_effect(struct engine *engine, const struct instance *instance,
                              const struct frame *frame);
bool call_performs(struct engine *engine, const struct instance *instance,
                   const struct frame *frame);

/* The frame's attempt failed: retry by class, hand to a try, or ask a person. */
void call_failed(struct engine *engine, struct instance *instance, struct frame *frame,
                 const struct failure *failure);

/*
 * Compensation (undo.c). An effect has happened: keep how it is undone, evaluated now. `unwanted`:
 * its step is being taken down. Does nothing for effects without a compensation, or known before.
 */
void undo_register(struct engine *engine, struct instance *instance, struct frame *frame,
                   struct doc *output, bool unwanted);

/* The same of an effect whose step is gone. */
void undo_register_late(struct engine *engine, struct instance *instance, const struct id *key,
                        struct doc *output);

/*
 * Undo what happened below `frame`, last first; what is in doubt is settled before. False: there is
 * nothing. True: frames that do it now stand below `frame`, one after the other, and the walk goes
 * on at `frame` when the last is gone, as if they had never been there; when it is being taken
 * down, unwind goes on with it. `frame` has no children that walk. Of the workflow's own frame all
 * that happened in the instance is meant.
 *
 * `after`: only what was registered, or entered its turn, behind that place in the journal.
 */
bool undo_begin(struct engine *engine, struct instance *instance, struct frame *frame,
                enum undo_which which, uint64_t after);

/* The instance is about to end so: true when something is undone first; it ends after that. */
bool undo_before_end(struct engine *engine, struct instance *instance, enum instance_status status,
                     struct doc *value);

/* Of a frame with a purpose whose attempt failed: whether it has done what it is for all the same.
 * Does what follows from that. */
bool undo_happened(struct engine *engine, struct instance *instance, struct frame *frame,
                   struct doc *output);

/* Go on from frames with a purpose that have their output. */
void undo_proceed(struct engine *engine, struct instance *instance);

/* Take over what a workflow did that the step of `frame` ran; `child` may be NULL. */
void undo_adopt(struct engine *engine, const struct instance *instance, const struct frame *frame,
                const struct instance *child);

/* Whether the effect was done and undone, here or in an instance that runs this one. */
bool undo_was_undone(struct engine *engine, const struct instance *instance, const struct id *key);

/* A verdict on the gate of a frame with a purpose: check it, refuse it; take it. */
bool undo_verdict_fits(struct engine *engine, uint64_t token, const struct instance *instance,
                       const struct frame *frame, const struct gate *gate,
                       const struct verdict_command *command);
void undo_verdict(struct engine *engine, struct instance *instance, struct frame *frame,
                  const struct gate *gate, const struct verdict_command *command);

/* Send again what the frame's store owes, and watch for its answer. */
void task_resend(struct engine *engine, struct instance *instance, struct frame *frame);

/* Send a task out again because its store has the answer by now; the redispatch deadline stays. */
void task_ask(struct engine *engine, struct instance *instance, struct frame *frame);

/*
 * Locks (lock.c). What a frame below `parent` gets that claims the entity. WAITS with *ret_circle:
 * those before it wait for something that is held around it, and these are the words for that.
 */
enum lease lock_ask(struct engine *engine, struct instance *instance, const struct frame *parent,
                    const char *entity, const char **ret_circle);

/* Give entities that nobody holds any more to those who are next, and walk them. */
void locks_grant(struct engine *engine);

/* End the outermost lease that is due; false: none is. */
bool lock_expire(struct engine *engine, struct instance *instance);

/* The frame's lease has come to its end: take the frame down. The caller walks afterwards. */
void lock_lost(struct engine *engine, struct instance *instance, struct frame *frame);

/* The instance is no longer paused: what it could not be told before. */
void lock_resumed(struct engine *engine, struct instance *instance);

/* Tell the store not to start the frame's task. */
void recall(struct engine *engine, const struct instance *instance, const struct frame *frame,
            bool again);

/* Send again what is due, or all that a store owes (a new session knows nothing of it). */
void redispatch_due(struct engine *engine);
void redispatch_store(struct engine *engine, const struct store *store);

/*
 * Take down everything below `target` (cancel.c). Once nothing of it is in flight the target ends
 * as `leaving` says, with `error`. unwind_begin marks the target, unwind goes on with a marked one.
 * The caller walks afterwards. `target` may be gone when they return.
 */
void unwind_begin(struct engine *engine, struct instance *instance, struct frame *target,
                  enum leaving leaving, struct doc *error);
void unwind(struct engine *engine, struct instance *instance, struct frame *target);

/* A branch is at its end: the fork waits for the others, or the race is won (fork.c). */
void branch_leave(struct engine *engine, struct instance *instance, struct frame *branch);

/* All branches that are wanted have ended: the fork has its output. Or, of the workflow: it may
 * end.
 */
void branches_join(struct engine *engine, struct instance *instance, struct frame *frame);

/* An error of a branch has removed that branch. True: the fork deals with it, because other
 * branches are open. */
bool fork_takes(struct engine *engine, struct instance *instance, struct frame *fork,
                struct doc *error);

/* Whether an error below the branch would only lose a race that others still run. */
bool fork_races(const struct instance *instance, const struct frame *fork);

/* After an event that ended the walk (`then: end`): take down the other branches. */
void walk_ended(struct engine *engine, struct instance *instance);

/* The frame's evaluation was under way when we stopped: ask again. */
void walk_again(struct engine *engine, struct instance *instance, struct frame *frame);

/* Give a listen that just started what the event buffer holds for it. */
void listen_from_buffer(struct engine *engine, struct instance *instance, struct frame *frame);

/* Give the event to a listen if it fits; true when it was taken. The frame may be gone then. */
bool listen_take(struct engine *engine, struct instance *instance, struct frame *frame,
                 json_t *envelope);

/* An iteration of listen.foreach is at its end: keep its output, go on or end. False: an
 * expression is with mainstay-jq. */
bool listen_advance(struct engine *engine, struct instance *instance, struct frame *frame);

/* What expressions see at an open task. */
struct scope frame_scope(struct engine *engine, struct instance *instance, struct frame *frame);

/* How many copies of the event a listen would take; 0 when it would not take it. Changes nothing.
 */
size_t listen_would_take(struct engine *engine, struct instance *instance, struct frame *frame,
                         struct doc *envelope);

/* How many copies of an event are stored where it is taken (reach.c), and by an open listen; 0 for
 * a frame that is none. */
size_t listen_copies(const struct event_consumption *listen);
size_t listener_copies(const struct instance *instance, const struct frame *frame);

/* Whether more would want the event at once than one turn can write; *ret_why in words, of the
 * turn. Changes nothing. */
bool event_reaches_too_far(struct engine *engine, const char *type, struct doc *envelope,
                           const struct listener *listeners, size_t count, const char **ret_why);

/* Whether an event fits a trigger or listen; *ret_filter is the one that fitted. */
bool event_matches(struct engine *engine, struct instance *instance, struct frame *frame,
                   const struct event_consumption *on, json_t *envelope, size_t *ret_filter,
                   struct doc **ret_correlation);

/* What of an event is kept for `read`: data, envelope or raw data. */
struct doc *event_reading(struct engine *engine, json_t *envelope, enum event_read read);

#endif
