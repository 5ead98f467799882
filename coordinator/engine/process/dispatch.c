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

static void redispatch_watch(struct engine *engine, const struct instance *instance,
                             const struct frame *frame, uint32_t times)
{
    uint32_t doublings = times < REDISPATCH_DOUBLINGS ? times : REDISPATCH_DOUBLINGS;
    int64_t delay = engine->options.redispatch_ms << doublings;
    struct redispatch entry = {
        .due_ms = engine->now + (delay < REDISPATCH_MS_MAX ? delay : REDISPATCH_MS_MAX),
        .instance = instance->id,
        .frame = frame->id,
        .attempt = frame->attempt,
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
    engine_step_name(instance->plan, frame->node, frame->path, frame->activation, step,
                     sizeof(step));
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
        .action = node->call.action,
        .contract_version = engine_text(engine, frame->contract_version),
        .idempotency_key = engine_text(engine, frame->idempotency_key),
        .traceparent = engine_text(engine, instance->traceparent),
        .input = engine_hold(engine, doc_ref(frame->call_input)),
        .input_digest = frame->input_digest,
        .timeout_ms = timeout > 0 ? timeout : 0,
        .priority = node->call.priority >= 0 ? node->call.priority : instance->priority,
        .again = again,
    };
    if (frame->phase == PHASE_PERFORM && frame->proposal != NULL) {
        order->task.proposal = engine_hold(engine, doc_ref(frame->proposal));
    }
}

void task_send(struct engine *engine, struct instance *instance, struct frame *frame, bool again)
{
    CHECK(frame_in_flight(frame));
    task_order_make(engine, instance, frame, again);
    redispatch_watch(engine, instance, frame, 0);
    engine->counters.redispatched += again ? 1 : 0;
}

/* The best live store for the step: right contract, the one that began an effect, highest version,
 * least loaded. *ret_offered: some live store offers a contract in range, with or without credit.
 */
static struct store *store_choose(struct engine *engine, const struct plan_agent_call *call,
                                  const struct frame *frame, bool *ret_unknown_action)
{
    struct store *best = NULL;
    *ret_unknown_action = false;
    size_t cursor = 0;
    struct store *store = NULL;
    while ((store = map_next(engine->company.stores, &cursor, NULL, NULL)) != NULL) {
        bool pinned = frame->effectful && frame->store != NULL;
        if (strcmp(store->agent, call->agent) != 0 || store->state != STORE_LIVE ||
            (pinned && strcmp(store->name, frame->store) != 0) ||
            !plan_version_in_range(store->contract->version, call->contract)) {
            continue;
        }
        if (contract_action(store->contract, call->action) == NULL) {
            *ret_unknown_action = best == NULL;
            continue;
        }
        *ret_unknown_action = false;
        if (store->outstanding >= store->capacity) {
            continue;
        }
        if (best == NULL || store->outstanding < best->outstanding) {
            best = store;
        }
    }
    return best;
}

static void fail_before_dispatch(struct engine *engine, struct instance *instance,
                                 struct frame *frame, const struct failure *failure)
{
    struct event event = engine_event(instance, EVENT_STEP_RESULT);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.attempt = frame->attempt;
    event.status = RESULT_FAILED;
    event.effect = MARK_NONE;
    event.failure = failure_keep(engine, failure);
    engine_emit(engine, &event);
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

static void dispatch_to(struct engine *engine, struct instance *instance, struct frame *frame,
                        struct store *store)
{
    const struct plan_node *node = frame_node(instance, frame);
    const struct contract_action *action = contract_action(store->contract, node->call.action);
    if (!input_fits(engine, instance, frame, action)) {
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
    event.has_key = true;
    event.key = frame->key;
    engine_emit(engine, &event);
    task_order_make(engine, instance, frame, false);
    redispatch_watch(engine, instance, frame, 0);
}

/* Serve one queue until its head must wait. All in a queue want the same agent, action and range.
 */
static void queue_serve(struct engine *engine, struct ready_queue *queue)
{
    const struct ready *first = NULL;
    while ((first = queue_first(queue)) != NULL) {
        struct ready ready = *first;
        struct instance *instance = engine_load(engine, &ready.instance);
        struct frame *frame = instance == NULL ? NULL : instance_frame(instance, ready.frame);
        if (frame == NULL || frame->state != FRAME_READY || frame->ready_order != ready.order) {
            queue_pop(queue); /* taken down or made ready anew since */
            continue;
        }
        const struct plan_agent_call *call = &frame_node(instance, frame)->call;
        bool unknown_action = false;
        struct store *store = store_choose(engine, call, frame, &unknown_action);
        if (store != NULL) {
            queue_pop(queue);
            dispatch_to(engine, instance, frame, store);
        } else if (unknown_action) {
            queue_pop(queue);
            fail_unknown_action(engine, instance, frame, call);
        } else {
            return;
        }
    }
}

void engine_dispatch(struct engine *engine)
{
    size_t count = map_count(engine->company.queues);
    if (engine->ready == 0 || count == 0) {
        return;
    }
    struct ready_queue **queues = engine_alloc(engine, count * sizeof(struct ready_queue *));
    size_t cursor = 0;
    for (size_t i = 0; i < count; i++) {
        queues[i] = map_next(engine->company.queues, &cursor, NULL, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        queue_serve(engine, queues[i]);
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
        if (frame == NULL || !frame_in_flight(frame) || frame->attempt != entry.attempt) {
            continue;
        }
        const struct store *store =
            company_store(&engine->company, frame_node(instance, frame)->call.agent, frame->store);
        if (store->state == STORE_LIVE) {
            task_order_make(engine, instance, frame, true);
            engine->counters.redispatched++;
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
        if (frame != NULL && frame_in_flight(frame) && frame->attempt == entry->attempt &&
            frame_is_with(instance, frame, store)) {
            task_order_make(engine, instance, frame, true);
            engine->counters.redispatched++;
        }
    }
}
