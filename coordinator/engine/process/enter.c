/*
 * Entering a task: `if`, input, and what each kind of task does first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "coordinator/engine/process/process.h"

/* One entry of a task: the scope its expressions see and what was computed so far. */
struct entry {
    struct scope scope;
    struct frame *parent;
    const struct plan_node *node;
    struct doc *raw;
    struct doc *input;
};

static struct event entry_event(const struct entry *entry, enum event_kind kind)
{
    struct event event = engine_event(entry->scope.instance, kind);
    event.parent = entry->parent->id;
    event.node = entry->node->index;
    event.path = entry->scope.path;
    event.activation = entry->scope.activation;
    return event;
}

static enum eval entry_leave(struct entry *entry, struct doc *raw_output, const struct flow *flow)
{
    struct scope *scope = &entry->scope;
    struct doc *output = NULL;
    struct doc *context = NULL;
    enum eval eval = scope_output(scope, &entry->node->data, raw_output, &output, &context);
    if (eval != EVAL_OK) {
        return eval;
    }
    struct walk_to to = flow_resolve(entry->node, flow);
    struct event event = entry_event(entry, EVENT_STEP_RAN);
    event.output = output;
    event.context = context;
    event.flow = to.walk;
    event.next_node = to.node;
    engine_emit(scope->engine, &event);
    if (to.walk == WALK_END) {
        walk_ended(scope->engine, scope->instance);
    }
    return EVAL_OK;
}

static enum eval enter_set(struct entry *entry)
{
    struct doc *value = NULL;
    enum eval eval = scope_template(&entry->scope, entry->node->set, entry->input, &value);
    return eval == EVAL_OK ? entry_leave(entry, value, &entry->node->then) : eval;
}

static enum eval enter_switch(struct entry *entry)
{
    const struct flow *flow = &entry->node->then;
    const struct flow *fallback = NULL;
    for (size_t i = 0; i < entry->node->choice.count; i++) {
        const struct switch_case *it = &entry->node->choice.cases[i];
        if (it->when == NULL) {
            fallback = fallback == NULL ? &it->then : fallback;
            continue;
        }
        bool taken = false;
        enum eval eval = scope_truth(&entry->scope, it->when, entry->input, &taken);
        if (eval != EVAL_OK) {
            return eval;
        }
        if (taken) {
            return entry_leave(entry, entry->input, &it->then);
        }
    }
    return entry_leave(entry, entry->input, fallback == NULL ? flow : fallback);
}

static enum eval enter_raise(struct entry *entry)
{
    struct doc *value = NULL;
    enum eval eval = scope_template(&entry->scope, entry->node->raise, entry->input, &value);
    if (eval != EVAL_OK) {
        return eval;
    }
    json_t *error = json_copy(doc_json(value));
    CHECK(error != NULL);
    CHECK(json_object_set_new(error, "instance", json_string(entry->node->pointer)) == 0);
    entry->scope.error = engine_hold(entry->scope.engine, doc_of_json(error));
    return EVAL_ERROR;
}

/* Fill in what the definition left to the runtime: id from the step, source from the definition. */
static json_t *envelope_complete(struct entry *entry, json_t *event)
{
    struct engine *engine = entry->scope.engine;
    const struct plan *plan = entry->scope.instance->plan;
    json_t *envelope = json_object();
    CHECK(envelope != NULL);
    (void)json_object_set_new(envelope, "specversion", json_string("1.0"));
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(event, name, value)
    {
        if (!json_is_null(value) || strcmp(name, "data") == 0) { /* null is no attribute */
            (void)json_object_set(envelope, name, value);
        }
    }
    if (json_object_get(envelope, "id") == NULL) {
        struct id key = id_of_step(&entry->scope.instance->origin, entry->node->place,
                                   entry->scope.path, entry->scope.activation);
        char hex[ID_HEX_BYTES];
        id_hex(&key, hex);
        (void)json_object_set_new(envelope, "id", json_string(hex));
    }
    if (json_object_get(envelope, "source") == NULL) {
        (void)json_object_set_new(
            envelope, "source",
            json_sprintf("/%s/%s/%s", plan->namespace_, plan->name, plan->version));
    }
    if (json_object_get(envelope, "time") == NULL) {
        char text[CLOCK_TEXT_BYTES];
        (void)clock_format(engine->now, text);
        (void)json_object_set_new(envelope, "time", json_string(text));
    }
    if (json_object_get(envelope, "data") != NULL &&
        json_object_get(envelope, "datacontenttype") == NULL) {
        (void)json_object_set_new(envelope, "datacontenttype", json_string("application/json"));
    }
    return envelope;
}

/* What an expression gave may be no CloudEvent: nobody else would take it. */
static bool envelope_valid(struct entry *entry, const json_t *envelope)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(envelope), name, value)
    {
        const char *why = plan_attribute_problem(name, value);
        if (why != NULL) {
            char title[128];
            (void)snprintf(title, sizeof(title), "an event cannot have this '%.64s'", name);
            entry->scope.error = error_make(entry->scope.engine, "expression", 400,
                                            entry->node->pointer, title, why);
            return false;
        }
    }
    if (json_object_get(envelope, "type") == NULL) {
        entry->scope.error = error_make(entry->scope.engine, "expression", 400,
                                        entry->node->pointer, "an event needs a 'type'", NULL);
        return false;
    }
    return true;
}

static void emitted_add(struct engine *engine, const struct event *event, struct doc *envelope)
{
    if (engine->emitted_count == engine->emitted_room) {
        engine->emitted_room = engine->emitted_room == 0 ? 16 : engine->emitted_room * 2;
        engine->emitted = realloc(engine->emitted, engine->emitted_room * sizeof(*engine->emitted));
        CHECK(engine->emitted != NULL);
    }
    engine->emitted[engine->emitted_count++] = (struct emitted){
        .type = event->name, .source = event->source, .id = event->id, .envelope = envelope};
}

static enum eval enter_emit(struct entry *entry)
{
    struct engine *engine = entry->scope.engine;
    struct doc *value = NULL;
    enum eval eval = scope_template(&entry->scope, entry->node->emit, entry->input, &value);
    if (eval != EVAL_OK) {
        return eval;
    }
    struct doc *envelope =
        engine_hold(engine, doc_of_json(envelope_complete(entry, doc_json(value))));
    const json_t *json = doc_json(envelope);
    struct event event = entry_event(entry, EVENT_EMITTED);
    event.name = engine_text(engine, json_text_of(json, "type"));
    event.source = engine_text(engine, json_text_of(json, "source"));
    event.id = engine_text(engine, json_text_of(json, "id"));
    event.value = envelope;
    if (!envelope_valid(entry, json)) {
        return EVAL_ERROR;
    }
    eval = entry_leave(entry, envelope, &entry->node->then);
    if (eval != EVAL_OK) {
        return eval;
    }
    engine_emit(engine, &event);
    emitted_add(engine, &event, envelope);
    publish_copy(engine, event.name, envelope);
    return EVAL_OK;
}

/* Push a frame for a task that takes time or holds tasks. */
static struct event entry_start(struct entry *entry)
{
    struct event event = entry_event(entry, EVENT_STEP_STARTED);
    event.frame = entry->scope.instance->next_frame;
    event.input = entry->raw;
    event.value = entry->input == entry->raw ? NULL : entry->input;
    return event;
}

/* Frames are bounded: forks in forks could open many. */
static enum eval entry_room(struct entry *entry)
{
    const struct plan_node *node = entry->node;
    uint32_t wanted = node->kind == TASK_FORK ? node->fork.count + 1 : 1;
    if (entry->scope.instance->frame_count + wanted <= LIMIT_FRAMES_PER_INSTANCE) {
        return EVAL_OK;
    }
    entry->scope.error = error_make(entry->scope.engine, "runtime", 500, node->pointer,
                                    "the instance has too many tasks open at once",
                                    "LIMIT_FRAMES_PER_INSTANCE: fork less inside of forks");
    return EVAL_ERROR;
}

static enum eval entry_deadline(struct entry *entry, int64_t *ret_at_ms)
{
    *ret_at_ms = 0;
    if (!entry->node->timeout.present) {
        return EVAL_OK;
    }
    int64_t ms = 0;
    enum eval eval = scope_duration(&entry->scope, &entry->node->timeout.after, entry->input, &ms);
    if (eval == EVAL_OK) {
        *ret_at_ms = entry->scope.engine->now + ms;
    }
    return eval;
}

static enum eval enter_for(struct entry *entry, struct event *event)
{
    struct doc *items = NULL;
    enum eval eval = scope_template(&entry->scope, entry->node->loop.in, entry->input, &items);
    if (eval != EVAL_OK) {
        return eval;
    }
    if (!json_is_array(doc_json(items))) {
        entry->scope.error = error_make(entry->scope.engine, "expression", 400,
                                        entry->node->pointer, "`for.in` must give an array", NULL);
        return EVAL_ERROR;
    }
    event->context = items;
    return EVAL_OK;
}

static enum eval enter_wait(struct entry *entry, struct event *event)
{
    int64_t ms = 0;
    enum eval eval = scope_duration(&entry->scope, &entry->node->wait, entry->input, &ms);
    if (eval != EVAL_OK) {
        return eval;
    }
    if (ms > PLAN_INTERVAL_MS_MAX) {
        entry->scope.error = error_make(entry->scope.engine, "expression", 400,
                                        entry->node->pointer, "a wait may last ten years", NULL);
        return EVAL_ERROR;
    }
    event->duration_us = ms <= 0 ? 1000 : (uint64_t)ms * 1000;
    return EVAL_OK;
}

/* An effect that was undone is not done again under its name, which would be answered from the
 * agent's store as if nothing had been undone: the step is another activation. */
static void call_rename(struct entry *entry, struct event *event)
{
    struct scope *scope = &entry->scope;
    while (undo_was_undone(scope->engine, scope->instance, &event->key)) {
        scope->activation++;
        event->activation = scope->activation;
        event->key = id_of_step(&scope->instance->origin, entry->node->place, scope->path,
                                scope->activation);
        char hex[ID_HEX_BYTES];
        id_hex(&event->key, hex);
        event->id = engine_text(scope->engine, hex);
    }
}

static enum eval call_key(struct entry *entry, struct event *event)
{
    struct engine *engine = entry->scope.engine;
    const struct plan_agent_call *call = &entry->node->call;
    event->has_key = true;
    event->key = id_of_step(&entry->scope.instance->origin, entry->node->place, entry->scope.path,
                            entry->scope.activation);
    char hex[ID_HEX_BYTES];
    id_hex(&event->key, hex);
    event->id = engine_text(engine, hex);
    if (call->idempotency_key == NULL) {
        call_rename(entry, event);
        return EVAL_OK;
    }
    struct doc *value = NULL;
    enum eval eval = scope_template(&entry->scope, call->idempotency_key, entry->input, &value);
    if (eval != EVAL_OK) {
        return eval;
    }
    const char *text = json_string_value(doc_json(value));
    if (text == NULL || text[0] == '\0' || strlen(text) > 256) {
        entry->scope.error = error_make(engine, "expression", 400, entry->node->pointer,
                                        "idempotencyKey must be a text of 1 to 256 bytes", NULL);
        return EVAL_ERROR;
    }
    event->key = id_of_user_key(call->agent, call->action, text);
    event->id = engine_text(engine, text);
    if (undo_was_undone(engine, entry->scope.instance, &event->key)) {
        entry->scope.error = error_make(engine, "runtime", 409, entry->node->pointer,
                                        "the effect with this idempotencyKey was done and undone",
                                        "give another key to have it done again");
        return EVAL_ERROR;
    }
    return EVAL_OK;
}

static enum eval enter_call(struct entry *entry, struct event *event)
{
    const struct plan_agent_call *call = &entry->node->call;
    struct doc *input = NULL;
    enum eval eval = scope_template(&entry->scope, call->input, entry->input, &input);
    if (eval == EVAL_OK) {
        eval = call_key(entry, event);
    }
    if (eval != EVAL_OK) {
        return eval;
    }
    static const struct scope_bound bound = {"the action's input", LIMIT_INPUT_BYTES,
                                             "LIMIT_INPUT_BYTES"};
    if (!scope_sendable(&entry->scope, input, &bound)) {
        return EVAL_ERROR;
    }
    size_t size = 0;
    const char *text = doc_text(input, &size);
    event->agent = call->agent;
    event->action = call->action;
    event->name = call->contract;
    event->output = input;
    event->has_digest = true;
    event->digest = crypto_blake(text, size);
    return EVAL_OK;
}

static enum eval lock_refused(struct entry *entry, const char *type, int status, const char *title,
                              const char *detail)
{
    entry->scope.error =
        error_make(entry->scope.engine, type, status, entry->node->pointer, title, detail);
    return EVAL_ERROR;
}

/* Names of entities are shown to people and stand in keys: no control characters. */
static bool entity_is_good(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    bool good = text != NULL && size > 0 && size <= PLAN_ENTITY_BYTES;
    for (size_t i = 0; good && i < size; i++) {
        good = (unsigned char)text[i] >= 0x20 && text[i] != 0x7f;
    }
    return good;
}

static enum eval enter_lock(struct entry *entry, struct event *event)
{
    struct engine *engine = entry->scope.engine;
    const struct plan_lock *lock = &entry->node->lock;
    struct doc *entity = NULL;
    int64_t ttl_ms = 0;
    enum eval eval = scope_template(&entry->scope, lock->entity, entry->input, &entity);
    if (eval == EVAL_OK) {
        eval = scope_duration(&entry->scope, &lock->ttl, entry->input, &ttl_ms);
    }
    if (eval != EVAL_OK) {
        return eval;
    }
    if (!entity_is_good(doc_json(entity))) {
        return lock_refused(entry, "expression", 400,
                            "`entity` must give a text of 1 to 256 bytes without control "
                            "characters",
                            NULL);
    }
    if (ttl_ms <= 0 || ttl_ms > PLAN_INTERVAL_MS_MAX) {
        return lock_refused(entry, "expression", 400,
                            "`ttl` must be longer than nothing and at most ten years", NULL);
    }
    event->id = engine_text(engine, json_string_value(doc_json(entity)));
    event->duration_us = (uint64_t)ttl_ms * 1000;
    const char *circle = NULL;
    event->status =
        (uint32_t)lock_ask(engine, entry->scope.instance, entry->parent, event->id, &circle);
    return circle == NULL ? EVAL_OK
                          : lock_refused(entry, "runtime", 409,
                                         "waiting for the lock would be a deadlock", circle);
}

/* The gate opens once the frame stands. */
static enum eval enter_approval(struct entry *entry)
{
    struct event event = entry_start(entry);
    struct doc *ask = NULL;
    enum eval eval = approval_prepare(&entry->scope, &event, &ask);
    if (eval != EVAL_OK) {
        return eval;
    }
    struct instance *instance = entry->scope.instance;
    engine_emit(entry->scope.engine, &event);
    approval_open(entry->scope.engine, instance, instance_frame(instance, event.frame), ask);
    return EVAL_OK;
}

/* Tasks that get a frame. */
static enum eval enter_open(struct entry *entry)
{
    struct event event = entry_start(entry);
    struct child_run run = {0};
    enum eval eval = entry_room(entry);
    if (eval == EVAL_OK) {
        eval = entry_deadline(entry, &event.at_ms);
    }
    if (eval != EVAL_OK) {
        return eval;
    }
    if (entry->node->kind == TASK_FOR) {
        eval = enter_for(entry, &event);
    } else if (entry->node->kind == TASK_WAIT) {
        eval = enter_wait(entry, &event);
    } else if (entry->node->kind == TASK_AGENT) {
        eval = enter_call(entry, &event);
    } else if (entry->node->kind == TASK_LOCK) {
        eval = enter_lock(entry, &event);
    } else if (entry->node->kind == TASK_RUN) {
        eval = child_prepare(&entry->scope, &run);
    } else if (entry->node->kind == TASK_TRY && entry->node->attempt.retry != NULL) {
        event.count = (uint32_t)entry->node->attempt.retry->attempt_duration_ms;
    }
    if (eval != EVAL_OK) {
        return eval;
    }
    struct instance *instance = entry->scope.instance;
    engine_emit(entry->scope.engine, &event);
    if (entry->node->kind == TASK_AGENT) {
        circuit_meets(entry->scope.engine, instance, instance_frame(instance, event.frame));
    }
    if (entry->node->kind == TASK_RUN) {
        child_begin(entry->scope.engine, instance, &event, &run);
    }
    if (entry->node->kind == TASK_LISTEN) {
        listen_from_buffer(entry->scope.engine, instance, instance_leaf(instance));
    }
    return EVAL_OK;
}

/* run with `await: false`: the output is the input. */
static enum eval enter_detached(struct entry *entry)
{
    struct child_run run = {0};
    enum eval eval = child_prepare(&entry->scope, &run);
    if (eval == EVAL_OK) {
        struct event event = entry_event(entry, EVENT_CHILD_STARTED);
        eval = entry_leave(entry, entry->input, &entry->node->then);
        if (eval == EVAL_OK) {
            child_begin(entry->scope.engine, entry->scope.instance, &event, &run);
        }
    }
    return eval;
}

static enum eval enter_kind(struct entry *entry)
{
    switch (entry->node->kind) {
    case TASK_SET:
        return enter_set(entry);
    case TASK_SWITCH:
        return enter_switch(entry);
    case TASK_RAISE:
        return enter_raise(entry);
    case TASK_EMIT:
        return enter_emit(entry);
    case TASK_DO:
    case TASK_FOR:
    case TASK_TRY:
    case TASK_WAIT:
    case TASK_LISTEN:
    case TASK_AGENT:
    case TASK_FORK:
    case TASK_LOCK:
        return enter_open(entry);
    case TASK_RUN:
        return entry->node->run.await ? enter_open(entry) : enter_detached(entry);
    case TASK_BRANCH: /* its frame comes with the fork's */
        break;
    case TASK_APPROVAL:
        return enter_approval(entry);
    }
    UNREACHABLE();
}

static enum eval enter(struct entry *entry)
{
    const struct plan_node *node = entry->node;
    bool wanted = true;
    enum eval eval = scope_truth(&entry->scope, node->condition, entry->raw, &wanted);
    if (eval != EVAL_OK) {
        return eval;
    }
    if (!wanted) {
        struct flow on = {.kind = FLOW_CONTINUE, .target = PLAN_NONE};
        const struct plan_node *last =
            node->tail == PLAN_NONE ? node : &entry->scope.instance->plan->nodes[node->tail];
        struct walk_to to = flow_resolve(last, &on);
        struct event event = entry_event(entry, EVENT_STEP_SKIPPED);
        event.flow = to.walk;
        event.next_node = to.node;
        engine_emit(entry->scope.engine, &event);
        return EVAL_OK;
    }
    eval = scope_schema(&entry->scope, node->data.input_schema, entry->raw, "input");
    if (eval == EVAL_OK) {
        eval = scope_template(&entry->scope, node->data.input_from, entry->raw, &entry->input);
    }
    if (eval == EVAL_OK) {
        entry->scope.input = entry->input;
        eval = enter_kind(entry);
    }
    return eval;
}

bool walk_enter(struct engine *engine, struct instance *instance, struct frame *parent)
{
    const struct plan_node *node = &instance->plan->nodes[parent->cursor];
    const char *path = frame_child_path(engine, parent);
    uint32_t activation = frame_visits(parent, node->index) + 1;
    struct doc *raw = engine_hold(engine, doc_ref(parent->data));
    struct entry entry = {
        .scope = {.engine = engine,
                  .instance = instance,
                  .frame = parent,
                  .node = node,
                  .path = path,
                  .activation = activation,
                  .started_ms = engine->now,
                  .raw_input = raw},
        .parent = parent,
        .node = node,
        .raw = raw,
    };
    enum eval eval = enter(&entry);
    if (eval == EVAL_ERROR) {
        fault_entry(engine, instance, parent, node->index, path, activation, entry.scope.error);
    }
    scope_release(&entry.scope);
    return eval != EVAL_PENDING;
}
