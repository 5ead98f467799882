/*
 * Ready steps to stores: contract, live store, credit; and sending again what a store owes.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/json/schema.h"
#include "coordinator/engine/process/process.h"

enum { REDISPATCH_DOUBLINGS = 5 }; /* 30 s doubles five times: about 10 minutes at most */
enum { REDISPATCH_MS_MAX = 10 * 60 * 1000 };
enum { REDISPATCH_TRIM = 1024 };
enum { PATIENCE = 16, PATIENCE_MS = 10 * 1000 };

/* Most watched tasks are answered long before they are due: drop those when they are the majority,
 * so that the heap is bounded by what is owed and not by what was sent in half a minute. */
static void redispatch_trim(struct engine *engine)
{
    size_t count = engine->redispatch_count;
    if (count < REDISPATCH_TRIM || count / 2 < engine->outstanding) {
        return;
    }
    engine->redispatch_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct redispatch entry = engine->redispatches[i];
        if (map_get(engine->flights, &entry.order, sizeof(entry.order)) != NULL) {
            redispatch_push(engine,
                            &entry); /* at or before i: never over what is still to be read */
        }
    }
}

static void redispatch_watch(struct engine *engine, const struct instance *instance,
                             const struct frame *frame, uint32_t times)
{
    redispatch_trim(engine);
    uint32_t doublings = times < REDISPATCH_DOUBLINGS ? times : REDISPATCH_DOUBLINGS;
    int64_t delay = engine->options.redispatch_ms << doublings;
    struct redispatch entry = {
        .due_ms = engine->now + (delay < REDISPATCH_MS_MAX ? delay : REDISPATCH_MS_MAX),
        .instance = instance->id,
        .frame = frame->id,
        .order = frame->ready_order,
        .times = times,
    };
    redispatch_push(engine, &entry);
}

static void task_order_make(struct engine *engine, struct instance *instance, struct frame *frame,
                            bool again)
{
    const struct plan_node *node = frame_node(instance, frame);
    const struct store *store = company_store(&engine->company, node->call.agent, frame->store);
    CHECK(store != NULL);
    char step[256];
    frame_step_name(instance, frame, step, sizeof(step));
    int64_t timeout = frame->deadline_ms == 0 ? 0 : frame->deadline_ms - engine->now;
    struct order *order = engine_order(engine, ORDER_TASK, 0);
    order->task = (struct task_order){
        .store = store,
        .instance = instance->id,
        .frame = frame->id,
        .key = frame->key,
        .attempt = frame->attempt,
        .phase = frame->phase,
        .step = engine_text(engine, step),
        .action = frame->own == NULL ? node->call.action : engine_text(engine, node->call.action),
        .contract_version = engine_text(engine, frame->contract_version),
        .idempotency_key = engine_text(engine, frame->idempotency_key),
        .traceparent = engine_text(engine, instance->traceparent),
        .input = engine_hold(engine, doc_ref(frame->call_input)),
        .input_digest = frame->input_digest,
        .timeout_ms = timeout > 0 ? timeout : 0,
        .priority = node->call.priority >= 0 ? node->call.priority : instance->priority,
        .again = again,
        .secrets = node->call.secrets,
        .secret_count = node->call.secret_count,
    };
    const struct ledger_entry *entry =
        frame->effectful ? instance_ledger(instance, &frame->key) : NULL;
    if (entry != NULL) {
        order->task.past = frame->past;
        order->task.created_ms = entry->first_ms;
    }
    if (frame->phase == PHASE_PERFORM && frame->proposal != NULL) {
        order->task.proposal = engine_hold(engine, doc_ref(frame->proposal));
    }
}

/* What a store is told again: its task, or, when that is being taken back, to give it back. */
static void task_again(struct engine *engine, struct instance *instance, struct frame *frame)
{
    if (frame->state == FRAME_CANCELLING) {
        recall(engine, instance, frame, true);
    } else {
        task_order_make(engine, instance, frame, true);
    }
    engine->counters.redispatched++;
}

void task_resend(struct engine *engine, struct instance *instance, struct frame *frame)
{
    CHECK(frame_in_flight(frame));
    task_again(engine, instance, frame);
    redispatch_watch(engine, instance, frame, 0);
}

void task_ask(struct engine *engine, struct instance *instance, struct frame *frame)
{
    CHECK(frame_in_flight(frame));
    task_again(engine, instance, frame);
}

/* Whether `store` goes before `best`: the newer contract, then less to do, then the name, so that
 * the order in which stores came does not matter. */
static bool store_before(const struct store *store, const struct store *best)
{
    if (best == NULL) {
        return true;
    }
    int newer = version_compare(store->contract->version, best->contract->version);
    if (newer != 0) {
        return newer > 0;
    }
    if (store->outstanding != best->outstanding) {
        return store->outstanding < best->outstanding;
    }
    return strcmp(store->name, best->name) < 0;
}

static bool store_has_credit(const struct store *store, const struct contract_action *action)
{
    return store->outstanding < store->capacity &&
           store_in_use(store, action->name) < store_credit(store, action);
}

/* The best live store with credit for the step; an effect stays with the store that began it.
 * *ret_unknown_action: stores with the contract are live and none offers the action. *ret_absent:
 * none is live. */
static struct store *store_choose(struct engine *engine, const struct plan_agent_call *call,
                                  const char *home, bool *ret_unknown_action, bool *ret_absent)
{
    struct store *best = NULL;
    bool offered = false;
    bool lacking = false;
    bool circuits = map_count(engine->company.circuits) > 0;
    *ret_absent = true;
    size_t cursor = 0;
    struct store *store = NULL;
    while ((store = map_next(engine->company.stores, &cursor, NULL, NULL)) != NULL) {
        if (strcmp(store->agent, call->agent) != 0 || store->state != STORE_LIVE ||
            (home != NULL && strcmp(store->name, home) != 0) ||
            !plan_version_in_range(store->contract->version, call->contract)) {
            continue;
        }
        *ret_absent = false;
        if (circuits &&
            circuit_unhealthy(&engine->company, call->agent, store->contract->version) != NULL) {
            continue;
        }
        const struct contract_action *action = contract_action(store->contract, call->action);
        bool offers = action != NULL;
        offered = offered || offers;
        lacking = lacking || !offers;
        if (offers && store_has_credit(store, action) && store_before(store, best)) {
            best = store;
        }
    }
    *ret_unknown_action = lacking && !offered;
    return best;
}

void unsent_failed(struct engine *engine, const struct instance *instance,
                   const struct frame *frame, const struct failure *failure)
{
    struct event event = engine_event(instance, EVENT_STEP_RESULT);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.attempt = frame->attempt;
    event.status = RESULT_FAILED;
    event.effect = failure->effect;
    event.failure = failure_keep(engine, failure);
    engine_emit(engine, &event);
}

static void fail_before_dispatch(struct engine *engine, struct instance *instance,
                                 struct frame *frame, const struct failure *failure)
{
    unsent_failed(engine, instance, frame, failure);
    call_failed(engine, instance, frame, failure);
    walk(engine, instance);
}

static void fail_unknown_action(struct engine *engine, struct instance *instance,
                                struct frame *frame, const struct plan_agent_call *call)
{
    char detail[256];
    (void)snprintf(detail, sizeof(detail), "agent '%s' is live but offers no action '%s'",
                   call->agent, call->action);
    struct failure failure = {
        .failure_class = FAILURE_CONTRACT,
        .effect = MARK_NONE,
        .code = "unknown-action",
        .title = "the agent does not offer this action",
        .detail = engine_text(engine, detail),
        .pointer = "",
    };
    fail_before_dispatch(engine, instance, frame, &failure);
}

/* The contract's input schema, checked before anything leaves the house. */
static bool input_fits(struct engine *engine, struct instance *instance, struct frame *frame,
                       const struct contract_action *action)
{
    struct schema_failures failures;
    if (schema_validate(action->input, doc_json(frame->call_input), &failures)) {
        return true;
    }
    struct buf words = BUF_INIT(4096);
    schema_failures_print(&failures, &words);
    struct failure failure = {
        .failure_class = FAILURE_DATA,
        .effect = MARK_NONE,
        .code = "input-breaks-contract",
        .title = "the action's input breaks its contract",
        .detail = engine_text(engine, words.failed ? "" : words.data),
        .pointer = engine_text(engine, failures.count > 0 ? failures.items[0].instance : ""),
    };
    buf_release(&words);
    fail_before_dispatch(engine, instance, frame, &failure);
    return false;
}

/* Whether the store has in its outcome table what the ledger says of the effect. */
static bool store_began(const struct ledger_entry *entry, const struct store *store)
{
    return text_equal(entry->store, store->name) && id_equal(&entry->store_id, &store->store_id);
}

/* A retry of the block around must not repeat an effect that is in doubt, or that happened at a
 * store which is gone, and that nobody outside can be asked about: a person decides first. */
static bool doubt_is_settled(struct engine *engine, struct instance *instance, struct frame *frame,
                             const struct contract_action *action, const struct store *store)
{
    const struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    bool doubt =
        entry != NULL && (entry->state == LEDGER_UNKNOWN || entry->state == LEDGER_ABANDONED ||
                          (entry->state == LEDGER_DONE && !store_began(entry, store)));
    if (!doubt || action->effect != EFFECT_MANUAL) {
        return true;
    }
    struct failure failure = {
        .failure_class = FAILURE_IN_DOUBT,
        .effect = MARK_UNKNOWN,
        .code = "in-doubt-before",
        .title = "nobody knows whether this effect happened the first time",
        .detail = "look outside whether it did: yes and what it gave, or no to have it done now",
        .pointer = "",
    };
    unsent_failed(engine, instance, frame, &failure);
    gate_open(engine, instance, frame, GATE_IN_DOUBT, &failure, NULL);
    return false;
}

/* Whether somebody may have done, after the backup that this state comes from, what is done here
 * for the first time. An instance that began since may have begun before too: what is sent again
 * gives it the same id, and its effects the same keys. A probed effect is asked about for that,
 * as long as outcomes are kept; a manual one would go to a person each time, and does not. */
static bool may_be_forgotten(const struct engine *engine, const struct instance *instance,
                             enum effect_class effect)
{
    static const int64_t asked_ms = (int64_t)90 * 24 * 3600 * 1000;
    int64_t restored_ms = engine->options.restored_ms;
    bool again = effect == EFFECT_PROBED && restored_ms != 0;
    return instance->started_ms <= restored_ms || (again && engine->now - restored_ms <= asked_ms);
}

/* What the store may not know of an effect: that a person looked and it did not happen, or that a
 * store which is lost, or was replaced under its name, may have done it. */
static enum past past_of(const struct engine *engine, const struct instance *instance,
                         const struct frame *frame, const struct contract_action *action,
                         const struct store *store)
{
    const struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    if (entry == NULL && frame->past == PAST_OWN &&
        may_be_forgotten(engine, instance, action->effect)) {
        return PAST_UNKNOWN;
    }
    if (frame->past == PAST_NONE || entry == NULL) {
        return frame->past;
    }
    return entry->state == LEDGER_NONE || store_began(entry, store) ? PAST_OWN : PAST_UNKNOWN;
}

static void dispatch_to(struct engine *engine, struct instance *instance, struct frame *frame,
                        struct store *store)
{
    const struct plan_node *node = frame_node(instance, frame);
    const struct contract_action *action = contract_action(store->contract, node->call.action);
    if (!input_fits(engine, instance, frame, action) ||
        !key_is_free(engine, instance, frame, action) ||
        !doubt_is_settled(engine, instance, frame, action, store) ||
        (action->cost.amount > 0 && !budget_reserve(engine, instance, frame, action))) {
        return;
    }
    struct event event = engine_event(instance, EVENT_STEP_DISPATCHED);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.agent = store->agent;
    event.store = store->name;
    event.action = action->name;
    event.name = store->contract->version;
    event.attempt = frame->attempt;
    event.phase = frame->phase;
    if (event.phase == PHASE_NONE) {
        event.phase = action->decides ? PHASE_DECIDE : PHASE_PERFORM;
    }
    event.effect = action->effect;
    event.count = past_of(engine, instance, frame, action, store);
    event.has_key = true;
    event.key = frame->key;
    engine_emit(engine, &event);
    task_order_make(engine, instance, frame, false);
    redispatch_watch(engine, instance, frame, 0);
}

/* The store that the step's effect stays with; NULL: none, or it is lost, or what has its name now
 * is another one. */
static const char *home_of(struct engine *engine, const struct instance *instance,
                           const struct frame *frame)
{
    const char *home = call_home(instance, frame);
    if (home == NULL) {
        return NULL;
    }
    const struct store *store =
        company_store(&engine->company, frame_node(instance, frame)->call.agent, home);
    const struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    bool gone = store != NULL && (store->state == STORE_LOST ||
                                  (entry != NULL && !id_equal(&entry->store_id, &store->store_id)));
    return gone ? NULL : home;
}

/* Whether the action's rate lets it start; else the engine is woken when it does. */
static bool rate_allows(struct engine *engine, const struct store *store, const char *name)
{
    const struct contract_action *action = contract_action(store->contract, name);
    int64_t next_ms = rate_next_ms(&engine->company, action, store->agent, engine->now);
    if (next_ms > engine->now && next_ms < engine->rate_due_ms) {
        engine->rate_due_ms = next_ms;
    }
    return next_ms <= engine->now;
}

/* Give the step to a store, or fail it; false when it must wait, and with it all of its queue: they
 * want the same agent, action and range. */
static bool ready_serve(struct engine *engine, const struct ready *ready)
{
    struct instance *instance = engine_load(engine, &ready->instance);
    CHECK(instance != NULL);
    struct frame *frame = instance_frame(instance, ready->frame);
    CHECK(frame != NULL);
    CHECK(frame->state == FRAME_READY);
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    bool unknown_action = false;
    bool absent = false;
    if (map_count(engine->company.circuits) > 0 &&
        circuit_stops(&engine->company, call->agent, call->action,
                      call_scope(engine, instance, frame)) != NULL) {
        return false;
    }
    struct store *store =
        store_choose(engine, call, home_of(engine, instance, frame), &unknown_action, &absent);
    if (store != NULL && !rate_allows(engine, store, call->action)) {
        return false;
    }
    engine->dispatched_in_turn++;
    if (store != NULL) {
        engine->counters.urgent += ready->priority == PLAN_PRIORITY_MOST ? 1 : 0;
        dispatch_to(engine, instance, frame, store);
    } else if (unknown_action) {
        fail_unknown_action(engine, instance, frame, call);
    } else if (absent) {
        absence_watch(engine, call->agent, frame);
    }
    return store != NULL || unknown_action;
}

/* One in PATIENCE goes to who has waited longest and for PATIENCE_MS, of whatever priority, so that
 * nobody starves.
 * Which ones is drawn from the place in the journal: the same after a restart. */
static bool turn_of_the_oldest(const struct engine *engine)
{
    uint64_t x = engine->sequence * UINT64_C(0x9E3779B97F4A7C15) + engine->dispatched_in_turn;
    x = (x ^ (x >> 30U)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27U)) * UINT64_C(0x94D049BB133111EB);
    return (x ^ (x >> 31U)) % PATIENCE == 0;
}

/* Who comes next of all queues that are not blocked (NULL); *ret_at: the queue. NULL: nobody. */
static const struct ready *queues_next(const struct engine *engine, struct ready_queue **queues,
                                       size_t count, size_t *ret_at)
{
    const struct ready *first = NULL;
    bool patience = turn_of_the_oldest(engine);
    bool first_is_old = false;
    for (size_t i = 0; i < count; i++) {
        if (queues[i] == NULL || queues[i]->count == 0) {
            continue;
        }
        const struct ready *ready = patience ? ready_oldest(queues[i]) : NULL;
        bool old = ready != NULL && engine->now - ready->since_ms >= PATIENCE_MS;
        ready = old ? ready : ready_next(queues[i]);
        bool before = first == NULL || (old != first_is_old ? old
                                        : old               ? ready->order < first->order
                                                            : ready_before(ready, first));
        if (before) {
            first = ready;
            first_is_old = old;
            *ret_at = i;
        }
    }
    return first;
}

/* Serve the queues until all are empty or wait. */
static void queues_serve(struct engine *engine)
{
    company_drop_queues(&engine->company);
    size_t count = map_count(engine->company.queues);
    struct ready_queue **queues = engine_alloc(engine, (count + 1) * sizeof(struct ready_queue *));
    size_t cursor = 0;
    for (size_t i = 0; i < count; i++) {
        queues[i] = map_next(engine->company.queues, &cursor, NULL, NULL);
    }
    const struct ready *next = NULL;
    size_t at = 0;
    while ((next = queues_next(engine, queues, count, &at)) != NULL) {
        if (!ready_serve(engine, next)) {
            queues[at] = NULL;
        }
    }
}

/* A step that fails here may walk on to further calls and emit events, which start others. */
void engine_dispatch(struct engine *engine)
{
    size_t events = 0;
    bool due = engine->rate_due_ms <= engine->now;
    if (engine->ready == 0) {
        engine->rate_due_ms = INT64_MAX;
    }
    engine->review_round++;
    budgets_review(engine);
    while (engine->ready > 0 && (due || events != engine->event_count)) {
        due = false;
        engine->rate_due_ms = INT64_MAX;
        events = engine->event_count;
        queues_serve(engine);
        process_pending(engine);
        engine->review_round++;
        budgets_review(engine);
    }
}

static void redispatch_pop(struct engine *engine)
{
    struct redispatch last = engine->redispatches[--engine->redispatch_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= engine->redispatch_count) {
            break;
        }
        if (child + 1 < engine->redispatch_count &&
            engine->redispatches[child + 1].due_ms < engine->redispatches[child].due_ms) {
            child++;
        }
        if (engine->redispatches[child].due_ms >= last.due_ms) {
            break;
        }
        engine->redispatches[at] = engine->redispatches[child];
        at = child;
    }
    if (engine->redispatch_count > 0) {
        engine->redispatches[at] = last;
    }
}

void redispatch_due(struct engine *engine)
{
    while (engine->redispatch_count > 0 && engine->redispatches[0].due_ms <= engine->now) {
        struct redispatch entry = engine->redispatches[0];
        redispatch_pop(engine);
        struct instance *instance = engine_load(engine, &entry.instance);
        struct frame *frame = instance == NULL ? NULL : instance_frame(instance, entry.frame);
        if (frame == NULL || !frame_in_flight(frame) || frame->ready_order != entry.order) {
            continue;
        }
        const struct store *store =
            company_store(&engine->company, frame_node(instance, frame)->call.agent, frame->store);
        if (store->state == STORE_LIVE) {
            engine->counters.reminded++;
            task_again(engine, instance, frame);
        }
        redispatch_watch(engine, instance, frame, entry.times + 1);
    }
}

/* `store` NULL: any that is live. */
static bool frame_is_with(const struct instance *instance, const struct frame *frame,
                          const struct store *store)
{
    return store == NULL || (strcmp(frame->store, store->name) == 0 &&
                             strcmp(frame_node(instance, frame)->call.agent, store->agent) == 0);
}

void engine_redispatch_all(struct engine *engine)
{
    redispatch_store(engine, NULL);
}

/* Every task in flight has an entry in the heap, so the heap is the list of what is owed. */
void redispatch_store(struct engine *engine, const struct store *store)
{
    for (size_t i = 0; i < engine->redispatch_count; i++) {
        const struct redispatch *entry = &engine->redispatches[i];
        struct instance *instance = engine_load(engine, &entry->instance);
        struct frame *frame = instance == NULL ? NULL : instance_frame(instance, entry->frame);
        if (frame != NULL && frame_in_flight(frame) && frame->ready_order == entry->order &&
            frame_is_with(instance, frame, store)) {
            task_again(engine, instance, frame);
        }
    }
}
