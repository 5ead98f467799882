/*
 * Events of agent calls into frames, stores and the effect ledger.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/engine_private.h"

enum {
    READY_BITS = 20
}; /* steps made ready in one turn; their order survives restarts and replay */

const char *call_home(const struct instance *instance, const struct frame *frame)
{
    if (frame->effectful && frame->store != NULL) {
        return frame->store;
    }
    const struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    bool touched = entry != NULL && entry->state != LEDGER_NONE;
    return touched && text_equal(entry->agent, frame_node(instance, frame)->call.agent)
               ? entry->store
               : NULL;
}

/* Host and port of a URI without who logs in there; the beginning of an overlong one. */
static struct str host_of(const char *uri)
{
    enum { HOST_BYTES = 120 };
    const char *host = strstr(uri, "://");
    host = host == NULL ? "" : host + 3;
    size_t size = strcspn(host, "/?#");
    const char *login = memchr(host, '@', size);
    while (login != NULL) {
        size -= (size_t)(login + 1 - host);
        host = login + 1;
        login = memchr(host, '@', size);
    }
    size = size > HOST_BYTES ? HOST_BYTES : size;
    while (size > 0 && ((unsigned char)host[size] & 0xC0U) == 0x80U) {
        size--; /* a character is kept whole */
    }
    return (struct str){.data = host, .size = size};
}

const char *call_scope(struct engine *engine, const struct instance *instance,
                       const struct frame *frame)
{
    enum { SCOPE_BYTES = 256 };
    if (!frame_node(instance, frame)->call.standard || frame->call_input == NULL) {
        return "";
    }
    const json_t *input = doc_json(frame->call_input);
    const char *uri = json_text_of(input, "endpoint");
    if (uri == NULL) {
        uri = json_text_of(json_object_get(input, "document"), "endpoint");
    }
    struct str host = host_of(uri == NULL ? "" : uri);
    char scope[SCOPE_BYTES];
    (void)snprintf(scope, sizeof(scope), "%.*s from %s/%s", (int)host.size, host.data,
                   instance->plan->namespace_, instance->plan->name);
    return engine_text(engine, scope);
}

const char *ready_key(struct engine *engine, const struct instance *instance,
                      const struct frame *frame)
{
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    const char *range = call->contract == NULL ? "" : call->contract;
    if (frame->money != NULL && frame->money->wants != 0) {
        return account_queue(engine, instance, frame)->key;
    }
    const char *home = call_home(instance, frame);
    char key[512];
    (void)snprintf(key, sizeof(key), "%s\n%s\n%s\n%s\n%s", call->agent, call->action, range,
                   home == NULL ? "" : home, call_scope(engine, instance, frame));
    return engine_text(engine, key);
}

void apply_ready(struct engine *engine, struct instance *instance, struct frame *frame)
{
    frame->state = FRAME_READY;
    frame->dispatched_ms = 0;
    frame->ready_order = engine->sequence << READY_BITS | engine->ready_in_turn++;
    if (instance->paused == NULL) { /* else when it is resumed */
        frame->ready_ms = engine->now;
        ready_enter(engine, instance, frame);
    }
}

static int call_priority(const struct instance *instance, const struct frame *frame)
{
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    return call->priority >= 0 ? call->priority : instance->priority;
}

static uint64_t flow_of(const struct instance *instance)
{
    return ready_flow(instance->fairness, instance->plan->namespace_, instance->plan->name);
}

/* Where the step waits: for a store, or for money. */
static struct ready_queue *queue_of(struct engine *engine, const struct instance *instance,
                                    const struct frame *frame)
{
    return frame->money != NULL && frame->money->wants != 0
               ? account_queue(engine, instance, frame)
               : company_queue(&engine->company, ready_key(engine, instance, frame));
}

void ready_enter(struct engine *engine, const struct instance *instance, struct frame *frame)
{
    if (frame->money != NULL && frame->money->wants != 0) {
        account_entered(engine, instance, frame);
    }
    struct ready_queue *queue = queue_of(engine, instance, frame);
    frame->ready_tag = ready_tag(queue, call_priority(instance, frame), flow_of(instance),
                                 instance->plan->fairness_weight);
    ready_push(engine, instance, frame);
}

void ready_push(struct engine *engine, const struct instance *instance, const struct frame *frame)
{
    struct ready ready = {
        .instance = instance->id,
        .frame = frame->id,
        .priority = call_priority(instance, frame),
        .order = frame->ready_order,
        .tag = frame->ready_tag,
        .flow = flow_of(instance),
        .since_ms = frame->ready_ms,
    };
    struct ready_queue *queue = queue_of(engine, instance, frame);
    void *old = map_put(engine->waits, &frame->ready_order, sizeof(frame->ready_order),
                        ready_add(queue, &ready), NULL);
    CHECK(old == NULL);
    engine->ready++;
}

void ready_leave(struct engine *engine, struct frame *frame)
{
    struct ready *ready =
        map_remove(engine->waits, &frame->ready_order, sizeof(frame->ready_order));
    frame->ready_tag = 0;
    frame->ready_ms = 0;
    if (ready != NULL) { /* else its instance is paused */
        const char *account = frame->money != NULL && frame->money->wants != 0
                                  ? engine_text(engine, ready->queue->key)
                                  : NULL;
        ready_remove(ready);
        engine->ready--;
        if (account != NULL) {
            account_left(engine, account);
        }
    }
}

/* Into the queue where it belongs now, at the end of its flow; it has waited as long as before. */
static void ready_move(struct engine *engine, const struct instance *instance, struct frame *frame)
{
    int64_t since_ms = frame->ready_ms;
    ready_leave(engine, frame);
    frame->ready_ms = since_ms;
    ready_enter(engine, instance, frame);
}

void ready_again(struct engine *engine, struct instance *instance)
{
    for (uint32_t i = 0; i < instance->frame_count && instance->paused == NULL; i++) {
        if (instance->frames[i]->state == FRAME_READY) {
            ready_move(engine, instance, instance->frames[i]);
        }
    }
}

static bool stands_elsewhere(struct engine *engine, const struct instance *instance,
                             const struct frame *frame)
{
    const struct ready *ready =
        map_get(engine->waits, &frame->ready_order, sizeof(frame->ready_order));
    CHECK(ready != NULL);
    return strcmp(ready->queue->key, ready_key(engine, instance, frame)) != 0;
}

void ready_rehome(struct engine *engine, struct instance *instance, const struct id *key)
{
    bool waits = engine->ready > 0 && instance->paused == NULL;
    for (uint32_t i = 0; waits && i < instance->frame_count; i++) {
        struct frame *frame = instance->frames[i];
        if (frame->state == FRAME_READY && id_equal(&frame->key, key) &&
            stands_elsewhere(engine, instance, frame)) {
            ready_move(engine, instance, frame);
        }
    }
}

static struct ledger_entry *ledger_dispatched(struct instance *instance, const struct frame *frame,
                                              const struct event *event, const struct id *store_id,
                                              int64_t now)
{
    struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    if (entry == NULL) {
        entry = instance_ledger_add(instance, &frame->key);
        entry->state = LEDGER_NONE;
        char step[256];
        frame_step_name(instance, frame, step, sizeof(step));
        text_replace(&entry->step, step);
        text_replace(&entry->agent, event->agent);
        text_replace(&entry->action, event->action);
        entry->first_ms = now;
    }
    text_replace(&entry->store, event->store);
    entry->store_id = *store_id;
    entry->use = frame_use(frame, event->action);
    if (entry->state == LEDGER_NONE) {
        entry->state = LEDGER_DISPATCHED; /* else what earlier attempts did stays known */
    }
    entry->attempts++;
    return entry;
}

static struct store *flight_store(struct engine *engine, const struct instance *instance,
                                  const struct frame *frame)
{
    struct store *store =
        company_store(&engine->company, frame_node(instance, frame)->call.agent, frame->store);
    CHECK(store != NULL);
    return store;
}

void flight_begin(struct engine *engine, const struct instance *instance, const struct frame *frame)
{
    struct store *store = flight_store(engine, instance, frame);
    store->outstanding++;
    store_use(store, frame_node(instance, frame)->call.action)->outstanding++;
    engine->outstanding++;
    void *old =
        map_put(engine->flights, &frame->ready_order, sizeof(frame->ready_order), engine, NULL);
    CHECK(old == NULL);
}

void flight_end(struct engine *engine, const struct instance *instance, const struct frame *frame)
{
    struct store *store = flight_store(engine, instance, frame);
    CHECK(store->outstanding > 0);
    struct action_use *use = store_use(store, frame_node(instance, frame)->call.action);
    CHECK(use->outstanding > 0);
    store->outstanding--;
    use->outstanding--;
    engine->outstanding--;
    void *old = map_remove(engine->flights, &frame->ready_order, sizeof(frame->ready_order));
    CHECK(old != NULL);
    struct gate *gate = NULL;
    while (map_count(engine->company.circuits) > 0 &&
           (gate = circuit_of_probe(&engine->company, frame->ready_order)) != NULL) {
        gate->probe = 0; /* another one may try, unless this one's answer decides */
        engine->port->gate_put(engine->port_user, gate);
    }
}

/* The task tries every circuit that lets one through on its way. */
static void circuits_probed(struct engine *engine, const struct instance *instance,
                            const struct frame *frame, const struct event *event)
{
    const char *scope = call_scope(engine, instance, frame);
    size_t cursor = 0;
    struct gate *gate = NULL;
    while ((gate = map_next(engine->company.circuits, &cursor, NULL, NULL)) != NULL) {
        bool way = gate->kind == GATE_PERMISSION
                       ? text_equal(gate->action, event->action) && text_equal(gate->scope, scope)
                       : text_equal(gate->scope, event->name);
        if (gate->probing && gate->probe == 0 && way && text_equal(gate->agent, event->agent)) {
            gate->probe = frame->ready_order;
            engine->port->gate_put(engine->port_user, gate);
        }
    }
}

static void rate_count(struct engine *engine, const struct event *event)
{
    const struct contract *contract = company_contract(&engine->company, event->agent, event->name);
    const struct contract_action *action = contract_action(contract, event->action);
    if (action->rate_count > 0) {
        rate_take(company_add_rate(&engine->company, event->agent, event->action), action,
                  engine->now);
        engine->rates_changed = true;
    }
}

static void step_dispatched(struct engine *engine, struct instance *instance, struct frame *frame,
                            const struct event *event)
{
    CHECK(frame->state == FRAME_READY);
    ready_leave(engine, frame);
    frame->state = FRAME_DISPATCHED;
    frame->attempt = event->attempt;
    frame->phase = event->phase;
    frame->dispatched_ms = engine->now;
    frame->effectful = event->phase == PHASE_PERFORM && event->effect != EFFECT_PURE;
    text_replace(&frame->store, event->store);
    text_replace(&frame->contract_version, event->name);
    flight_begin(engine, instance, frame);
    rate_count(engine, event);
    if (map_count(engine->company.circuits) > 0) {
        circuits_probed(engine, instance, frame, event);
    }
    if (frame->effectful) {
        frame->past = (enum past)event->count;
        const struct store *store = flight_store(engine, instance, frame);
        struct ledger_entry *entry =
            ledger_dispatched(instance, frame, event, &store->store_id, engine->now);
        const struct contract *contract =
            company_contract(&engine->company, store->agent, event->name);
        apply_undo_declared(instance, frame, contract_action(contract, event->action), entry);
        ready_rehome(engine, instance, &frame->key);
    }
}

/* What an attempt says adds to what is known of the key: that it did nothing takes nothing back. */
static enum ledger_state ledger_after(enum ledger_state before, uint32_t status, uint32_t mark)
{
    if (before == LEDGER_KEPT) {
        return before;
    }
    if (status == RESULT_DONE || mark == MARK_DONE || before == LEDGER_DONE) {
        return LEDGER_DONE;
    }
    if (mark != MARK_NONE) {
        return LEDGER_UNKNOWN;
    }
    return before == LEDGER_DISPATCHED ? LEDGER_NONE : before;
}

/* count 1: the proposal was taken and `perform` follows. count 2: the output is held back by a
 * gate. */
static void step_result(struct engine *engine, struct instance *instance, struct frame *frame,
                        const struct event *event)
{
    if (frame_in_flight(frame)) {
        flight_end(engine, instance, frame);
    }
    if (frame->state == FRAME_READY) { /* it failed before it was sent */
        ready_leave(engine, frame);
        frame->state = FRAME_WAITING;
    }
    if (frame->money != NULL) {
        apply_money_result(engine, instance, frame, event);
    }
    bool cancelling = frame->state == FRAME_CANCELLING;
    frame->dispatched_ms = 0;
    frame->past = PAST_OWN;
    struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    if (entry != NULL && frame->effectful) {
        entry->state = ledger_after(entry->state, event->status, event->effect);
        ready_rehome(engine, instance, &frame->key);
    }
    if (cancelling) {
        return; /* STEP_CANCELLED or STEP_FAULTED follows */
    }
    if (event->status != RESULT_DONE) {
        frame->state = FRAME_WAITING; /* retry, gate or fault follows in the same turn */
        return;
    }
    if (event->count == 1) {
        doc_replace(&frame->proposal, event->output);
        frame->phase = PHASE_PERFORM;
        frame->attempt = (instance->retries << 8U) | 1U;
        apply_ready(engine, instance, frame);
        return;
    }
    doc_replace(&frame->data, event->output);
    frame->state = event->count == 2 ? FRAME_WAITING : FRAME_OUTPUT;
}

void apply_call(struct engine *engine, struct instance *instance, const struct event *event)
{
    if (event->kind == EVENT_EFFECT_LATE) {
        struct ledger_entry *entry = instance_ledger(instance, &event->key);
        if (entry != NULL) {
            entry->state = ledger_after(entry->state, event->status, event->effect);
            ready_rehome(engine, instance, &event->key);
        }
        return;
    }
    struct frame *frame = instance_frame(instance, event->frame);
    CHECK(frame != NULL);
    switch ((unsigned)event->kind) {
    case EVENT_STEP_DISPATCHED:
        step_dispatched(engine, instance, frame, event);
        break;
    case EVENT_STEP_RESULT:
        step_result(engine, instance, frame, event);
        break;
    case EVENT_STEP_RETRY:
        frame->state = FRAME_RETRY;
        frame->attempt = event->attempt;
        frame->wake_ms = event->at_ms;
        break;
    case EVENT_STEP_READY: /* a new name: the store answers the old one with `recalled` for ever */
        instance->retries++;
        frame->attempt = (instance->retries << 8U) | (frame->attempt & 0xFFU);
        apply_money_idle(engine, instance, frame);
        apply_ready(engine, instance, frame);
        break;
    default:
        UNREACHABLE();
    }
}
