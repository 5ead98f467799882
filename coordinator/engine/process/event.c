/*
 * Events: known or new, what they start, what they continue, and the buffer for those that come
 * before somebody listens.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

enum { EVENT_TOUCHES_MAX = 256 }; /* instances one event may start or continue */

/* One event on its way through triggers and listeners. */
struct arrival {
    struct engine *engine;
    const char *type;
    const char *source;
    const char *id;
    struct doc *envelope;
    struct id mark;
    struct id touched[EVENT_TOUCHES_MAX];
    uint32_t touched_count;
    size_t size;     /* about that of its data */
    const char *why; /* it was refused */
    bool started;
    bool gathered; /* it waits for others, to start an instance with them */
};

static bool attribute_fits(const char *wanted, const json_t *envelope, const char *name)
{
    return wanted == NULL || text_equal(wanted, json_text_of(envelope, name));
}

static bool attributes_fit(const json_t *wanted, const json_t *envelope)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(wanted), name, value)
    {
        const json_t *have = json_object_get(envelope, name);
        if (have == NULL || !json_same(value, have)) {
            return false;
        }
    }
    return true;
}

static const json_t *event_data(const json_t *envelope)
{
    const json_t *data = json_object_get(envelope, "data");
    return data != NULL ? data : json_null();
}

static struct scope filter_scope(struct engine *engine, struct instance *instance,
                                 struct frame *frame)
{
    struct scope scope = {
        .engine = engine,
        .instance = instance,
        .frame = frame,
        .no_external = true,
    };
    if (frame != NULL) {
        scope.node = frame_node(instance, frame);
        scope.path = frame->path;
        scope.activation = frame->activation;
        scope.started_ms = frame->started_ms;
        scope.raw_input = frame->raw_input;
        scope.input = frame->input;
    }
    return scope;
}

/* One correlation: the value of this event against what is expected, or the first one seen. */
static bool correlation_fits(struct scope *scope, const struct event_correlation *correlation,
                             struct doc *envelope, json_t *values)
{
    struct doc *value = NULL;
    if (scope_value(scope, correlation->from, envelope, &value) != EVAL_OK) {
        return false;
    }
    const json_t *known = json_object_get(values, correlation->name);
    if (known == NULL && correlation->expect != NULL) {
        struct doc *expected = NULL;
        struct doc *dot = scope->input != NULL ? scope->input : envelope;
        if (scope_template(scope, correlation->expect, dot, &expected) != EVAL_OK) {
            return false;
        }
        return json_same(doc_json(expected), doc_json(value));
    }
    if (known != NULL) {
        return json_same(known, doc_json(value));
    }
    CHECK(json_object_set(values, correlation->name, doc_json(value)) == 0);
    return true;
}

static bool filter_fits(struct engine *engine, struct scope *scope,
                        const struct event_filter *filter, json_t *envelope,
                        struct doc *envelope_doc, json_t *values)
{
    if (!attribute_fits(filter->type, envelope, "type") ||
        !attribute_fits(filter->source, envelope, "source") ||
        !attribute_fits(filter->subject, envelope, "subject") ||
        !attributes_fit(filter->attributes, envelope)) {
        return false;
    }
    if (filter->data != NULL) {
        struct doc *data =
            engine_hold(engine, doc_of_json(json_incref(json_mutable(event_data(envelope)))));
        bool wanted = false;
        if (scope_truth(scope, filter->data, data, &wanted) != EVAL_OK || !wanted) {
            return false;
        }
    }
    for (size_t i = 0; i < filter->correlation_count; i++) {
        if (!correlation_fits(scope, &filter->correlations[i], envelope_doc, values)) {
            return false;
        }
    }
    return true;
}

bool event_matches(struct engine *engine, struct instance *instance, struct frame *frame,
                   const struct event_consumption *on, json_t *envelope, size_t *ret_filter,
                   struct doc **ret_correlation)
{
    struct doc *doc = engine_hold(engine, doc_of_json(json_incref(envelope)));
    const json_t *known = frame == NULL || frame->vars == NULL
                              ? NULL
                              : json_object_get(doc_json(frame->vars), LISTEN_CORRELATIONS);
    json_t *values = known != NULL ? json_copy(json_mutable(known)) : json_object();
    CHECK(values != NULL);
    *ret_correlation = engine_hold(engine, doc_of_json(values));
    *ret_filter = 0;
    if (on->filter_count == 0) {
        return true;
    }
    struct scope scope = filter_scope(engine, instance, frame);
    bool fits = false;
    for (size_t i = 0; i < on->filter_count && !fits; i++) {
        bool taken = frame != NULL && on->kind == CONSUME_ALL && (frame->index >> i & 1U) != 0;
        json_t *seen = json_copy(values); /* what a filter that fails has seen is forgotten */
        CHECK(seen != NULL);
        if (!taken && filter_fits(engine, &scope, &on->filters[i], envelope, doc, seen)) {
            fits = true;
            *ret_filter = i;
            *ret_correlation = engine_hold(engine, doc_of_json(json_incref(seen)));
        }
        json_decref(seen);
    }
    scope_release(&scope);
    return fits;
}

bool event_fits(struct engine *engine, const struct event_filter *filter, struct doc *envelope,
                struct doc **ret_values)
{
    struct scope scope = filter_scope(engine, NULL, NULL);
    json_t *values = json_object();
    CHECK(values != NULL);
    *ret_values = engine_hold(engine, doc_of_json(values));
    bool fits = filter_fits(engine, &scope, filter, doc_json(envelope), envelope, values);
    scope_release(&scope);
    return fits;
}

struct doc *event_reading(struct engine *engine, json_t *envelope, enum event_read read)
{
    if (read == READ_ENVELOPE) {
        return engine_hold(engine, doc_of_json(json_incref(envelope)));
    }
    json_t *data = json_object_get(envelope, "data");
    if (data == NULL) {
        data = json_object_get(envelope, "data_base64");
    }
    json_t *value = data == NULL ? json_null() : json_incref(data);
    if (read == READ_RAW && data != NULL && !json_is_string(data)) {
        struct buf text = BUF_INIT((size_t)2 * LIMIT_EVENT_BYTES);
        json_write(data, &text);
        json_decref(value);
        value = json_stringn(text.data, text.size);
        buf_release(&text);
        CHECK(value != NULL);
    }
    return engine_hold(engine, doc_of_json(value));
}

static void touch(struct arrival *arrival, const struct id *id, bool started, size_t copies)
{
    arrival->engine->bytes_in_turn += copies * arrival->size;
    bool known = false; /* two branches may listen for the same event */
    for (uint32_t i = 0; i < arrival->touched_count && !known; i++) {
        known = id_equal(&arrival->touched[i], id);
    }
    if (!known && arrival->touched_count < EVENT_TOUCHES_MAX) {
        arrival->touched[arrival->touched_count++] = *id;
    }
    arrival->started = arrival->started || started;
}

/* Begin an instance with what events give it. */
static void events_begin(struct arrival *arrival, const struct definition *definition,
                         const json_t *events)
{
    struct engine *engine = arrival->engine;
    json_t *input = json_array();
    CHECK(input != NULL);
    size_t at = 0;
    json_t *event = NULL;
    json_array_foreach(events, at, event)
    {
        struct doc *reading = event_reading(engine, event, definition->plan->trigger->on.read);
        CHECK(json_array_append(input, doc_json(reading)) == 0);
    }
    struct id id = id_of_trigger(&definition->plan->digest, arrival->source, arrival->id);
    struct doc *input_doc = engine_hold(engine, doc_of_json(input));
    if (instance_begin(engine, definition, &id, input_doc,
                       arena_printf(engine->arena, "event %s %s %s", arrival->type, arrival->source,
                                    arrival->id),
                       json_text_of(doc_json(arrival->envelope), "traceparent"))) {
        touch(arrival, &id, true, listen_copies(&definition->plan->trigger->on));
    }
}

/* What the event does to the start of one definition. */
static void definition_start(struct arrival *arrival, const struct definition *definition)
{
    struct engine *engine = arrival->engine;
    const struct plan_trigger *trigger = definition->plan->trigger;
    json_t *envelope = doc_json(arrival->envelope);
    json_t *events = NULL;
    if (trigger == NULL) {
        return;
    }
    if (trigger->gathers) {
        enum gathered gathered = gather_take(engine, definition, arrival->type, arrival->envelope,
                                             &arrival->mark, &events);
        arrival->gathered = arrival->gathered || gathered != GATHER_NOT;
    } else {
        size_t filter = 0;
        struct doc *correlation = NULL;
        if (event_matches(engine, NULL, NULL, &trigger->on, envelope, &filter, &correlation)) {
            events = engine_hold_json(engine, json_pack("[O]", envelope));
        }
    }
    if (events != NULL) {
        events_begin(arrival, definition, events);
    }
}

/* Instances that the event starts: one for each latest definition whose trigger fits. */
static void arrival_start(struct arrival *arrival)
{
    struct engine *engine = arrival->engine;
    size_t count = map_count(engine->company.latest);
    const struct definition **list =
        engine_alloc(engine, (count + 1) * sizeof(const struct definition *));
    size_t cursor = 0;
    for (size_t i = 0; i < count; i++) { /* by name: a restart changes the order of the map */
        const struct definition *definition = map_next(engine->company.latest, &cursor, NULL, NULL);
        size_t at = i;
        for (; at > 0 && strcmp(definition->name, list[at - 1]->name) < 0; at--) {
            list[at] = list[at - 1];
        }
        list[at] = definition;
    }
    for (size_t i = 0; i < count; i++) {
        definition_start(arrival, list[i]);
    }
}

static int listener_order(const struct listener *a, const struct listener *b)
{
    int order = memcmp(a->instance.bytes, b->instance.bytes, sizeof(a->instance.bytes));
    return order != 0 ? order : (a->frame > b->frame) - (a->frame < b->frame);
}

/* Who waits for the event: for its type, or for any. */
static struct listener *arrival_listeners(struct arrival *arrival, size_t *ret_count)
{
    struct engine *engine = arrival->engine;
    const struct listener_list *lists[] = {company_listeners(&engine->company, arrival->type),
                                           company_listeners(&engine->company, "")};
    size_t counts[2];
    for (size_t i = 0; i < 2; i++) {
        counts[i] = lists[i] == NULL ? 0 : lists[i]->count;
    }
    struct listener *copy = engine_alloc(engine, (counts[0] + counts[1] + 1) * sizeof(*copy));
    *ret_count = 0;
    for (size_t at[2] = {0, 0}; at[0] < counts[0] || at[1] < counts[1];) {
        /* both are in order; who stands in both gets the event once */
        int order = at[0] == counts[0] ? 1
                    : at[1] == counts[1]
                        ? -1
                        : listener_order(&lists[0]->items[at[0]], &lists[1]->items[at[1]]);
        copy[(*ret_count)++] = order <= 0 ? lists[0]->items[at[0]] : lists[1]->items[at[1]];
        at[0] += order <= 0 ? 1 : 0;
        at[1] += order >= 0 ? 1 : 0;
    }
    return copy;
}

/* Give the event to those who waited before it came: not to a listen that it brings about. */
static void arrival_continue(struct arrival *arrival, const struct listener *listeners,
                             size_t count)
{
    struct engine *engine = arrival->engine;
    for (size_t i = 0; i < count; i++) {
        struct instance *instance = engine_load(engine, &listeners[i].instance);
        struct frame *frame =
            instance == NULL ? NULL : instance_frame(instance, listeners[i].frame);
        size_t copies = frame == NULL ? 0 : listener_copies(instance, frame);
        if (frame != NULL && listen_take(engine, instance, frame, doc_json(arrival->envelope))) {
            touch(arrival, &listeners[i].instance, false, copies);
            walk(engine, instance);
        }
    }
}

static void arrival_keep(struct arrival *arrival)
{
    struct event event = engine_event(NULL, EVENT_BUFFERED);
    event.name = arrival->type;
    event.has_key = true;
    event.key = arrival->mark;
    event.value = arrival->envelope;
    event.at_ms = arrival->engine->now + arrival->engine->options.buffer_ttl_ms;
    engine_emit(arrival->engine, &event);
}

static bool mark_known(struct engine *engine, const struct id *mark)
{
    return map_get(engine->turn_marks, mark->bytes, sizeof(mark->bytes)) != NULL ||
           engine->port->mark_exists(engine->port_user, mark);
}

/* Accept one event that may be new: mark it, start, continue, or keep it. */
static enum event_outcome arrival_accept(struct arrival *arrival)
{
    struct engine *engine = arrival->engine;
    arrival->mark = id_of_event(arrival->source, arrival->id);
    if (mark_known(engine, &arrival->mark)) {
        return EVENT_DUPLICATE;
    }
    size_t count = 0;
    const struct listener *listeners = arrival_listeners(arrival, &count);
    if (event_reaches_too_far(engine, arrival->type, arrival->envelope, listeners, count,
                              &arrival->why)) {
        return EVENT_REFUSED;
    }
    struct event event = engine_event(NULL, EVENT_ACCEPTED);
    event.source = arrival->source;
    event.id = arrival->id;
    event.name = arrival->type;
    event.has_digest = true;
    memcpy(event.digest.bytes, arrival->mark.bytes, sizeof(arrival->mark.bytes));
    event.at_ms = engine->now + engine->options.event_horizon_ms;
    engine_emit(engine, &event);
    arrival_start(arrival);
    arrival_continue(arrival, listeners, count);
    if (arrival->touched_count == 0) {
        if (!arrival->gathered) {
            arrival_keep(arrival);
        }
        return EVENT_KEPT;
    }
    return arrival->started ? EVENT_STARTED : EVENT_CONTINUED;
}

void publish_copy(struct engine *engine, const char *type, struct doc *envelope)
{
    struct order *order = engine_order(engine, ORDER_PUBLISH, 0);
    order->publish.type = type;
    order->publish.envelope = envelope;
}

/* Whoever gave it learns why; else it is a dead letter, which keeps it whole. */
static void event_refuse(struct engine *engine, uint64_t token, const char *type,
                         struct doc *envelope, const char *why, const char *advice)
{
    struct dead_letter_command letter = {
        .source = "events",
        .subject = type,
        .reason = why,
        .advice = advice,
        .headers = envelope,
    };
    if (token != 0) {
        engine_refuse(engine, token, ERR_LIMIT, "%s; %s", why, advice);
    } else {
        process_dead_letter(engine, 0, &letter);
    }
}

static const char reach_advice[] =
    "send a reference to the data, or let fewer want it, and send it again";

void process_event(struct engine *engine, uint64_t token, const struct event_command *command)
{
    if (command->bus_ms != 0 && engine->now - command->bus_ms > engine->options.event_horizon_ms) {
        event_refuse(engine, token, command->type, command->envelope, "too old to be known new",
                     "send it again if it is still wanted");
        return;
    }
    struct arrival *arrival = engine_alloc(engine, sizeof(*arrival));
    arrival->engine = engine;
    arrival->type = engine_text(engine, command->type);
    arrival->source = engine_text(engine, command->source);
    arrival->id = engine_text(engine, command->id);
    arrival->envelope = engine_hold(engine, doc_ref(command->envelope));
    arrival->size = command->size;
    if (command->size == 0) {
        (void)doc_text(arrival->envelope, &arrival->size);
    }
    enum event_outcome outcome = arrival_accept(arrival);
    if (outcome == EVENT_REFUSED) {
        event_refuse(engine, token, arrival->type, arrival->envelope, arrival->why, reach_advice);
        return;
    }
    engine->counters.duplicates += outcome == EVENT_DUPLICATE && !command->expect_known ? 1 : 0;
    if (command->bus_ms == 0 && outcome != EVENT_DUPLICATE) {
        publish_copy(engine, arrival->type, arrival->envelope);
    }
    if (token != 0) {
        struct order *order = engine_order(engine, ORDER_REPLY, token);
        order->reply.created = outcome != EVENT_DUPLICATE;
        order->reply.outcome = outcome;
        order->reply.instances = arrival->touched;
        order->reply.instance_count = arrival->touched_count;
    }
}

void process_emitted(struct engine *engine)
{
    for (size_t i = 0; i < engine->emitted_count; i++) {
        struct emitted emitted = engine->emitted[i];
        struct arrival *arrival = engine_alloc(engine, sizeof(*arrival));
        arrival->engine = engine;
        arrival->type = emitted.type;
        arrival->source = emitted.source;
        arrival->id = emitted.id;
        arrival->envelope = emitted.envelope;
        (void)doc_text(emitted.envelope, &arrival->size);
        if (arrival_accept(arrival) == EVENT_REFUSED) {
            event_refuse(engine, 0, emitted.type, emitted.envelope, arrival->why, reach_advice);
        }
    }
    engine->emitted_count = 0;
}
