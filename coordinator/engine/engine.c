#include "coordinator/engine/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/engine_private.h"
#include "coordinator/engine/process/process.h"

enum { CACHE_DEFAULT = 4096, TURN_ARENA_BYTES = 512 * 1024 * 1024 };

static const int64_t day_ms = 24LL * 60 * 60 * 1000;

struct engine *engine_create(const struct engine_options *options, const struct engine_port *port,
                             void *port_user)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    CHECK(engine != NULL);
    engine->options = *options;
    engine->port = port;
    engine->port_user = port_user;
    struct engine_options *o = &engine->options;
    o->cache_instances = o->cache_instances == 0 ? CACHE_DEFAULT : o->cache_instances;
    o->event_horizon_ms = o->event_horizon_ms == 0 ? 35 * day_ms : o->event_horizon_ms;
    o->buffer_ttl_ms = o->buffer_ttl_ms == 0 ? 7 * day_ms : o->buffer_ttl_ms;
    o->redispatch_ms = o->redispatch_ms == 0 ? 30000 : o->redispatch_ms;
    o->gate_ttl_ms = o->gate_ttl_ms == 0 ? 90 * day_ms : o->gate_ttl_ms;
    engine->policy = policy_default();
    company_init(&engine->company);
    engine->cache = map_create();
    engine->turn_marks = map_create();
    engine->flights = map_create();
    engine->waits = map_create();
    CHECK(engine->flights != NULL);
    CHECK(engine->waits != NULL);
    engine->arena = arena_create(TURN_ARENA_BYTES);
    engine->held_json = json_array();
    CHECK(engine->cache != NULL);
    CHECK(engine->turn_marks != NULL);
    CHECK(engine->arena != NULL);
    CHECK(engine->held_json != NULL);
    return engine;
}

static void instance_free(void *value)
{
    struct instance *instance = value;
    instance_destroy(&instance);
}

static void turn_forget(struct engine *engine)
{
    for (size_t i = 0; i < engine->held_count; i++) {
        doc_unref(&engine->held[i]);
    }
    engine->held_count = 0;
    engine->event_count = 0;
    engine->order_count = 0;
    engine->buffer_change_count = 0;
    engine->freed_count = 0;
    engine->accounts_changed.count = 0;
    engine->accounts_touched.count = 0;
    engine->accounts_reviewed = 0;
    (void)json_array_clear(engine->held_json);
    arena_reset(engine->arena);
}

void engine_destroy(struct engine **engine)
{
    struct engine *it = *engine;
    if (it == NULL) {
        return;
    }
    turn_forget(it);
    map_destroy(&it->cache, instance_free);
    map_destroy(&it->turn_marks, NULL);
    map_destroy(&it->flights, NULL);
    map_destroy(&it->waits, NULL);
    company_release(&it->company);
    arena_destroy(&it->arena);
    json_decref(it->held_json);
    free(it->events);
    free(it->orders);
    free(it->held);
    free(it->redispatches);
    free(it->emitted);
    free(it->runnable);
    free(it->entering);
    free(it->ends);
    free(it->freed);
    free(it->accounts_changed.names);
    free(it->accounts_touched.names);
    free(it->buffer_changes);
    for (size_t i = 0; i < it->absence_count; i++) {
        free(it->absences[i].agent);
    }
    free(it->absences);
    free(it->breaches);
    policy_destroy(&it->policy);
    free(it);
    *engine = NULL;
}

void *engine_alloc(struct engine *engine, size_t size)
{
    void *memory = arena_alloc(engine->arena, size);
    CHECK(memory != NULL);
    return memory;
}

const char *engine_text(struct engine *engine, const char *text)
{
    const char *copy = arena_strdup(engine->arena, text);
    CHECK_IMPLIES(text != NULL, copy != NULL);
    return copy;
}

struct doc *engine_hold(struct engine *engine, struct doc *doc)
{
    if (doc == NULL) {
        return NULL;
    }
    if (engine->held_count == engine->held_room) {
        engine->held_room = engine->held_room == 0 ? 256 : engine->held_room * 2;
        engine->held = realloc(engine->held, engine->held_room * sizeof(*engine->held));
        CHECK(engine->held != NULL);
    }
    engine->held[engine->held_count++] = doc;
    return doc;
}

json_t *engine_hold_json(struct engine *engine, json_t *value)
{
    CHECK(json_array_append_new(engine->held_json, value) == 0);
    return value;
}

bool buffer_taken(const struct engine *engine, const char *type, const struct id *mark)
{
    for (size_t i = 0; i < engine->buffer_change_count; i++) {
        const struct buffer_change *change = &engine->buffer_changes[i];
        if (change->taken && id_equal(&change->mark, mark) && strcmp(change->type, type) == 0) {
            return true;
        }
    }
    return false;
}

void buffer_changed(struct engine *engine, const struct buffer_change *change)
{
    if (engine->buffer_change_count == engine->buffer_change_room) {
        size_t room = engine->buffer_change_room == 0 ? 16 : engine->buffer_change_room * 2;
        engine->buffer_changes =
            realloc(engine->buffer_changes, room * sizeof(*engine->buffer_changes));
        CHECK(engine->buffer_changes != NULL);
        engine->buffer_change_room = room;
    }
    struct buffer_change *kept = &engine->buffer_changes[engine->buffer_change_count++];
    *kept = *change;
    kept->type = engine_text(engine, change->type);
    kept->envelope =
        change->envelope == NULL ? NULL : engine_hold(engine, doc_ref(change->envelope));
}

struct event engine_event(const struct instance *instance, enum event_kind kind)
{
    struct event event = {.kind = kind, .node = PLAN_NONE, .next_node = PLAN_NONE};
    if (instance != NULL) {
        event.has_instance = true;
        event.instance = instance->id;
        event.plan = instance->plan;
    }
    return event;
}

void engine_emit(struct engine *engine, const struct event *event)
{
    if (engine->event_count == engine->event_room) {
        engine->event_room = engine->event_room == 0 ? 256 : engine->event_room * 2;
        engine->events = realloc(engine->events, engine->event_room * sizeof(*engine->events));
        CHECK(engine->events != NULL);
    }
    struct event *kept = &engine->events[engine->event_count++];
    *kept = *event;
    kept->version = event_kind_version(event->kind);
    struct doc *docs[] = {kept->input, kept->output, kept->context, kept->error, kept->value};
    for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
        if (docs[i] != NULL) {
            (void)engine_hold(engine, doc_ref(docs[i]));
            engine->bytes_in_turn += doc_size_known(docs[i]);
        }
    }
    struct event copy = *kept; /* applying may move the array */
    engine->counters.events++;
    apply_event(engine, &copy);
}

struct order *engine_order(struct engine *engine, enum order_kind kind, uint64_t token)
{
    if (engine->order_count == engine->order_room) {
        engine->order_room = engine->order_room == 0 ? 256 : engine->order_room * 2;
        engine->orders = realloc(engine->orders, engine->order_room * sizeof(*engine->orders));
        CHECK(engine->orders != NULL);
    }
    struct order *order = &engine->orders[engine->order_count++];
    memset(order, 0, sizeof(*order));
    order->kind = kind;
    order->token = token;
    return order;
}

void engine_reply_ok(struct engine *engine, uint64_t token, const struct id *instance, bool created)
{
    if (token == 0) {
        return;
    }
    struct order *order = engine_order(engine, ORDER_REPLY, token);
    order->reply.created = created;
    if (instance != NULL) {
        order->reply.instance = *instance;
    }
}

void engine_refuse(struct engine *engine, uint64_t token, enum err code, const char *format, ...)
{
    engine->counters.refused++;
    if (token == 0) {
        return;
    }
    char message[ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct order *order = engine_order(engine, ORDER_REPLY, token);
    order->reply.code = code;
    order->reply.message = engine_text(engine, message);
}

void engine_cache_add(struct engine *engine, struct instance *instance)
{
    CHECK(map_put(engine->cache, instance->id.bytes, sizeof(instance->id.bytes), instance, NULL) ==
          NULL);
}

struct instance *engine_load(struct engine *engine, const struct id *id)
{
    struct instance *instance = map_get(engine->cache, id->bytes, sizeof(id->bytes));
    if (instance != NULL) {
        return instance->ended ? NULL : instance;
    }
    instance = engine->port->instance_load(engine->port_user, id);
    if (instance == NULL) {
        return NULL;
    }
    const struct definition *definition =
        company_definition(&engine->company, &instance->definition);
    CHECK(definition != NULL);
    instance->plan = definition->plan;
    engine_cache_add(engine, instance);
    return instance;
}

struct instance *engine_load_ended(struct engine *engine, const struct id *id)
{
    struct instance *instance = map_get(engine->cache, id->bytes, sizeof(id->bytes));
    return instance != NULL ? instance : engine_load(engine, id);
}

bool engine_knows(struct engine *engine, const struct id *id)
{
    return map_get(engine->cache, id->bytes, sizeof(id->bytes)) != NULL ||
           engine_load(engine, id) != NULL || engine->port->done_exists(engine->port_user, id);
}

struct instance *engine_instance(struct engine *engine, const struct id *id)
{
    return engine_load(engine, id);
}

void engine_touch(struct engine *engine, struct instance *instance)
{
    if (!instance->dirty) {
        instance->dirty = true;
        instance->next_dirty = engine->dirty;
        engine->dirty = instance;
    }
    instance_journal_add(instance, engine->sequence);
}

void engine_turn_begin(struct engine *engine, uint64_t sequence, int64_t now_ms)
{
    CHECK(now_ms >= engine->now);
    CHECK(engine->event_count == 0);
    if (engine->sequence == 0) {
        engine->settled_ms = now_ms + engine->options.settle_ms;
    }
    engine->sequence = sequence;
    engine->now = now_ms;
    engine->ready_in_turn = 0;
    engine->claims_in_turn = 0;
    engine->steps_in_turn = 0;
    engine->bytes_in_turn = 0;
    engine->dispatched_in_turn = 0;
}

/* The timer table has one row per instance: its earliest due time. */
static void timer_update(struct engine *engine, struct instance *instance)
{
    int64_t due = instance->ended ? 0 : instance_due(instance);
    if (due == instance->timer_ms) {
        return;
    }
    if (instance->timer_ms != 0) {
        engine->port->timer_delete(engine->port_user, instance->timer_ms, &instance->id);
    }
    if (due != 0) {
        engine->port->timer_put(engine->port_user, due, &instance->id);
        company_timer_push(&engine->company, due, &instance->id);
    }
    instance->timer_ms = due;
}

static void open_counts_put(struct engine *engine)
{
    size_t cursor = 0;
    struct definition *definition = NULL;
    while (engine->open_changed &&
           (definition = map_next(engine->company.definitions, &cursor, NULL, NULL)) != NULL) {
        if (definition->open_changed) {
            engine->port->open_count_put(engine->port_user, definition);
            definition->open_changed = false;
        }
    }
    engine->open_changed = false;
}

static void rates_put(struct engine *engine)
{
    size_t cursor = 0;
    struct rate *rate = NULL;
    while (engine->rates_changed &&
           (rate = map_next(engine->company.rates, &cursor, NULL, NULL)) != NULL) {
        if (rate->changed) {
            engine->port->rate_put(engine->port_user, rate);
            rate->changed = false;
        }
    }
    engine->rates_changed = false;
}

/* The effects that were handed to the instance in this turn. */
static void kept_put(struct engine *engine, struct instance *instance)
{
    for (uint32_t i = 0; i < instance->kept_count; i++) {
        engine->port->kept_put(engine->port_user, &instance->id, &instance->kept[i]);
        instance->keeps = true;
    }
    instance_kept_clear(instance);
}

void engine_turn_end(struct engine *engine)
{
    open_counts_put(engine);
    rates_put(engine);
    accounts_put(engine);
    while (engine->dirty != NULL) {
        struct instance *instance = engine->dirty;
        engine->dirty = instance->next_dirty;
        instance->next_dirty = NULL;
        instance->dirty = false;
        timer_update(engine, instance);
        if (instance->ended) {
            engine->port->instance_end(engine->port_user, instance, engine->now,
                                       instance->stored_active, instance->stored);
            (void)map_remove(engine->cache, instance->id.bytes, sizeof(instance->id.bytes));
            instance_destroy(&instance);
            continue;
        }
        instance_check(instance);
        kept_put(engine, instance);
        bool active = instance_active(instance);
        engine->port->instance_put(engine->port_user, instance, active, instance->stored_active,
                                   instance->stored);
        instance->stored = true;
        instance->stored_active = active;
    }
    size_t cursor = 0;
    const void *mark = NULL;
    size_t size = 0;
    while (map_next(engine->turn_marks, &cursor, &mark, &size) != NULL) {
        (void)map_remove(engine->turn_marks, mark, size);
    }
}

const struct event *engine_events(const struct engine *engine, size_t *ret_count)
{
    *ret_count = engine->event_count;
    return engine->events;
}

const struct order *engine_orders(const struct engine *engine, size_t *ret_count)
{
    *ret_count = engine->order_count;
    return engine->orders;
}

void engine_turn_done(struct engine *engine)
{
    turn_forget(engine);
    size_t cursor = 0;
    while (map_count(engine->cache) > engine->options.cache_instances) {
        struct instance *instance = map_next(engine->cache, &cursor, NULL, NULL);
        if (instance == NULL) {
            break;
        }
        (void)map_remove(engine->cache, instance->id.bytes, sizeof(instance->id.bytes));
        instance_destroy(&instance);
    }
}

int64_t engine_next_due(const struct engine *engine)
{
    if (engine->runnable_count > 0) {
        return 0;
    }
    int64_t due = INT64_MAX;
    const struct timer *timer = company_timer_first(&engine->company);
    if (timer != NULL) {
        due = timer->due_ms;
    }
    if (engine->company.schedule_due_ms < due) {
        due = engine->company.schedule_due_ms;
    }
    if (budget_day_end(&engine->company) < due) {
        due = budget_day_end(&engine->company);
    }
    if (engine->rate_due_ms < due) {
        due = engine->rate_due_ms;
    }
    if (engine->redispatch_count > 0 && engine->redispatches[0].due_ms < due) {
        due = engine->redispatches[0].due_ms;
    }
    if (engine->absence_count > 0 && absence_next(engine) < due) {
        due = absence_next(engine);
    }
    return due;
}

void engine_replay(struct engine *engine, const struct event *event)
{
    apply_event(engine, event);
}

const struct company *engine_company(const struct engine *engine)
{
    return &engine->company;
}

const struct policy *engine_policy(const struct engine *engine)
{
    return engine->policy;
}

const struct engine_counters *engine_counters(const struct engine *engine)
{
    return &engine->counters;
}

bool engine_clock_held(const struct engine *engine)
{
    return engine->company.clock_gate != NULL;
}

int64_t engine_now(const struct engine *engine)
{
    return engine->now;
}

uint64_t engine_outstanding(const struct engine *engine)
{
    return engine->outstanding;
}

uint64_t engine_ready(const struct engine *engine)
{
    return engine->ready;
}

const struct plan_node *frame_node(const struct instance *instance, const struct frame *frame)
{
    return frame->node == PLAN_NONE ? frame->own : &instance->plan->nodes[frame->node];
}

const char *frame_child_path(struct engine *engine, const struct frame *frame)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s", frame->path);
    size_t used = strlen(path);
    if (frame->activation > 1) {
        (void)snprintf(path + used, sizeof(path) - used, "%s~%u", used > 0 ? "." : "",
                       frame->activation);
        used = strlen(path);
    }
    if (frame->items != NULL) {
        (void)snprintf(path + used, sizeof(path) - used, "%s%u", used > 0 ? "." : "",
                       (frame->results != NULL ? frame->retries : frame->index) - 1);
    }
    return engine_text(engine, path);
}

bool frame_in_flight(const struct frame *frame)
{
    return (frame->state == FRAME_DISPATCHED || frame->state == FRAME_CANCELLING) &&
           frame->dispatched_ms != 0;
}

void engine_step_name(const struct plan *plan, uint32_t node, const char *path, uint32_t activation,
                      char *out, size_t size)
{
    const char *pointer = node == PLAN_NONE ? "/" : plan->nodes[node].pointer;
    char repeat[16] = "";
    if (activation > 1) {
        (void)snprintf(repeat, sizeof(repeat), "#%u", activation);
    }
    if (path != NULL && path[0] != '\0') {
        (void)snprintf(out, size, "%s[%s]%s", pointer, path, repeat);
    } else {
        (void)snprintf(out, size, "%s%s", pointer, repeat);
    }
}

void frame_step_name(const struct instance *instance, const struct frame *frame, char *out,
                     size_t size)
{
    if (frame->own != NULL) {
        (void)snprintf(out, size, "%s", frame->own->pointer);
        return;
    }
    engine_step_name(instance->plan, frame->node, frame->path, frame->activation, out, size);
}

static bool redispatch_before(const struct redispatch *a, const struct redispatch *b)
{
    return a->due_ms < b->due_ms;
}

void redispatch_push(struct engine *engine, const struct redispatch *entry)
{
    if (engine->redispatch_count == engine->redispatch_room) {
        engine->redispatch_room = engine->redispatch_room == 0 ? 64 : engine->redispatch_room * 2;
        engine->redispatches =
            realloc(engine->redispatches, engine->redispatch_room * sizeof(*engine->redispatches));
        CHECK(engine->redispatches != NULL);
    }
    size_t at = engine->redispatch_count++;
    while (at > 0 && redispatch_before(entry, &engine->redispatches[(at - 1) / 2])) {
        engine->redispatches[at] = engine->redispatches[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    engine->redispatches[at] = *entry;
}
