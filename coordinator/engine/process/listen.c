/*
 * Listening: what an event does to a task that waits for it, when the listening ends, and
 * `foreach`, which handles the events one after the other.
 *
 * With foreach an event that is taken while another is handled waits in the frame's `items`. What
 * still waits there when `until` becomes true is put back into the event buffer: it was not
 * listened to any more.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

enum { BUFFERED_MAX = 10000 }; /* buffered events looked at by one listen for several types */

static const struct event_consumption *listen_of(const struct instance *instance,
                                                 const struct frame *frame)
{
    const struct plan_node *node = frame_node(instance, frame);
    return node == NULL || node->kind != TASK_LISTEN ? NULL : &node->listen;
}

/* Whether the frame takes events now. */
static bool listen_hears(const struct instance *instance, const struct frame *frame)
{
    const struct event_consumption *listen = listen_of(instance, frame);
    if (listen == NULL || frame->part == PART_CLOSED || instance->ended || instance->cancelling) {
        return false;
    }
    bool busy = frame->state == FRAME_RUNNING || frame->state == FRAME_EVALUATING;
    bool open = frame->state == FRAME_WAITING || (busy && listen->foreach != NULL);
    return open && instance_unwinding(instance, frame) == NULL;
}

static bool all_seen(const struct frame *frame, const struct event_consumption *on, size_t filter)
{
    if (on->kind != CONSUME_ALL) {
        return true;
    }
    uint32_t all =
        on->filter_count == CONSUME_ALL_MAX ? UINT32_MAX : (UINT32_C(1) << on->filter_count) - 1;
    return (frame->index | UINT32_C(1) << filter) == all;
}

static json_t *array_with(struct doc *array, const json_t *item)
{
    json_t *copy = json_copy(doc_json(array));
    CHECK(copy != NULL);
    CHECK(json_array_append(copy, json_mutable(item)) == 0);
    return copy;
}

/* Whether the listening is over now that it gives `results`. Their number is bounded beside their
 * size: each event costs a look at all of them, and a listen whose handler emits what it hears
 * would keep a turn busy for minutes before they fill half a megabyte. */
static enum eval until_holds(struct scope *scope, const struct expr *until, struct doc *results,
                             bool *ret_over)
{
    if (json_array_size(doc_json(results)) > LIMIT_LISTEN_RESULTS) {
        scope->error = error_make(scope->engine, "runtime", 500, scope->node->pointer,
                                  "the listen has taken more events than it can give",
                                  "LIMIT_LISTEN_RESULTS: end it earlier, and look for a handler "
                                  "that emits what the listen hears");
        return EVAL_ERROR;
    }
    size_t size = 0;
    (void)doc_text(results, &size);
    if (size > LIMIT_VALUE_BYTES) {
        scope->error = error_make(scope->engine, "runtime", 500, scope->node->pointer,
                                  "the listen has taken more than it can give",
                                  "LIMIT_VALUE_BYTES: end it earlier, or keep less of each event "
                                  "with foreach.output");
        return EVAL_ERROR;
    }
    return until == NULL ? EVAL_OK : scope_truth(scope, until, results, ret_over);
}

static struct event consumed_event(struct engine *engine, const struct instance *instance,
                                   const struct frame *frame, const json_t *envelope)
{
    struct event event = engine_event(instance, EVENT_CONSUMED);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.name = engine_text(engine, json_text_of(envelope, "type"));
    event.source = engine_text(engine, json_text_of(envelope, "source"));
    event.id = engine_text(engine, json_text_of(envelope, "id"));
    return event;
}

/* Begin with the first event that waits. */
static void iteration_begin(struct engine *engine, struct instance *instance, struct frame *frame)
{
    const struct event_consumption *listen = listen_of(instance, frame);
    if (frame->state != FRAME_WAITING || json_array_size(doc_json(frame->items)) == 0) {
        return;
    }
    json_t *envelope = json_array_get(doc_json(frame->items), 0);
    struct doc *reading = event_reading(engine, envelope, listen->read);
    json_t *vars = json_object();
    CHECK(vars != NULL);
    CHECK(json_object_set(vars, listen->foreach->item, doc_json(reading)) == 0);
    CHECK(json_object_set_new(vars, listen->foreach->at, json_integer(frame->retries)) == 0);
    struct event event = engine_event(instance, EVENT_ITERATION_STARTED);
    event.frame = frame->id;
    event.node = frame->node;
    event.count = frame->retries;
    event.value = engine_hold(engine, doc_of_json(vars));
    engine_emit(engine, &event);
}

/* An event of the strategy itself. */
static void event_kept(struct engine *engine, struct instance *instance, struct frame *frame,
                       json_t *envelope, struct event *event)
{
    const struct event_consumption *listen = listen_of(instance, frame);
    bool single = listen->until == NULL && listen->until_events == NULL;
    bool over = single && all_seen(frame, listen, event->count);
    struct scope scope = frame_scope(engine, instance, frame);
    scope.no_external = true;
    enum eval eval = EVAL_OK;
    if (listen->foreach != NULL) {
        event->value = engine_hold(engine, doc_of_json(json_incref(envelope)));
    } else {
        event->value = event_reading(engine, envelope, listen->read);
        struct doc *results =
            engine_hold(engine, doc_of_json(array_with(frame->data, doc_json(event->value))));
        eval = until_holds(&scope, listen->until, results, &over);
    }
    scope_release(&scope);
    event->status = over ? 1 : 0;
    engine_emit(engine, event);
    if (eval == EVAL_ERROR) {
        fault_frame(engine, instance, frame, scope.error);
    } else if (listen->foreach != NULL) {
        iteration_begin(engine, instance, frame);
    }
}

bool listen_take(struct engine *engine, struct instance *instance, struct frame *frame,
                 json_t *envelope)
{
    if (!listen_hears(instance, frame)) {
        return false;
    }
    const struct event_consumption *listen = listen_of(instance, frame);
    struct event event = consumed_event(engine, instance, frame, envelope);
    size_t filter = 0;
    if (listen->until_events != NULL && event_matches(engine, instance, frame, listen->until_events,
                                                      envelope, &filter, &event.output)) {
        event.count = (uint32_t)filter;
        event.attempt = 1;
        event.status = all_seen(frame, listen->until_events, filter) ? 1 : 0;
        engine_emit(engine, &event);
        return true;
    }
    if (!event_matches(engine, instance, frame, listen, envelope, &filter, &event.output)) {
        return false;
    }
    event.count = (uint32_t)filter;
    event_kept(engine, instance, frame, envelope, &event);
    return true;
}

size_t listener_copies(const struct instance *instance, const struct frame *frame)
{
    const struct event_consumption *listen = listen_of(instance, frame);
    return listen == NULL ? 0 : listen_copies(listen);
}

size_t listen_would_take(struct engine *engine, struct instance *instance, struct frame *frame,
                         struct doc *envelope)
{
    size_t filter = 0;
    struct doc *correlation = NULL;
    const struct event_consumption *listen = listen_of(instance, frame);
    bool takes =
        listen_hears(instance, frame) &&
        event_matches(engine, instance, frame, listen, doc_json(envelope), &filter, &correlation);
    return takes ? listen_copies(listen) : 0;
}

/* ---- foreach ---- */

static void leftovers_buffer(struct engine *engine, const json_t *items)
{
    size_t at = 0;
    json_t *envelope = NULL;
    json_array_foreach(items, at, envelope)
    {
        struct event event = engine_event(NULL, EVENT_BUFFERED);
        event.name = engine_text(engine, json_text_of(envelope, "type"));
        event.has_key = true;
        event.key = id_of_event(json_text_of(envelope, "source"), json_text_of(envelope, "id"));
        event.value = engine_hold(engine, doc_of_json(json_incref(envelope)));
        event.at_ms = engine->now + engine->options.buffer_ttl_ms;
        engine_emit(engine, &event);
    }
}

static void iteration_end(struct engine *engine, struct instance *instance, struct frame *frame,
                          struct event *event, bool over)
{
    struct doc *items = engine_hold(engine, doc_ref(frame->items));
    bool drained = frame->part == PART_CLOSED && json_array_size(doc_json(items)) == 0;
    event->status = over || drained ? 1 : 0;
    engine_emit(engine, event);
    if (over) {
        leftovers_buffer(engine, doc_json(items));
    } else {
        iteration_begin(engine, instance, frame);
    }
}

bool listen_advance(struct engine *engine, struct instance *instance, struct frame *frame)
{
    const struct event_consumption *listen = listen_of(instance, frame);
    struct event event = engine_event(instance, EVENT_ITERATION_ENDED);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    struct scope scope = frame_scope(engine, instance, frame);
    bool over = false;
    enum eval eval =
        scope_output(&scope, &listen->foreach->data, frame->data, &event.output, &event.context);
    if (eval == EVAL_OK) {
        struct doc *results =
            engine_hold(engine, doc_of_json(array_with(frame->results, doc_json(event.output))));
        scope.context = event.context;
        scope.no_external = true;
        eval = until_holds(&scope, listen->until, results, &over);
    }
    scope_release(&scope);
    if (eval == EVAL_PENDING) {
        return false;
    }
    if (eval == EVAL_ERROR) {
        fault_frame(engine, instance, frame, scope.error);
    } else {
        iteration_end(engine, instance, frame, &event, over);
    }
    return true;
}

/* ---- the buffer ---- */

/* One event of the buffer. */
struct kept {
    const char *type;
    struct id mark;
    struct doc *envelope; /* held by the turn */
    int64_t expires_ms;
};

/* What the buffer holds for a listen that has just begun. */
struct buffered {
    struct engine *engine;
    struct instance *instance;
    uint32_t frame;
    struct kept *list; /* of several types, to be put in order of arrival */
    size_t count;
};

static struct frame *buffered_frame(const struct buffered *buffered)
{
    struct frame *frame = instance_frame(buffered->instance, buffered->frame);
    return frame != NULL && listen_hears(buffered->instance, frame) ? frame : NULL;
}

/* Offer one event; false when the listening is over. */
static bool kept_offer(struct buffered *buffered, const struct kept *kept)
{
    struct engine *engine = buffered->engine;
    struct frame *frame = buffered_frame(buffered);
    if (frame == NULL) {
        return false;
    }
    if (gather_named(kept->type) || buffer_taken(engine, kept->type, &kept->mark)) {
        return true; /* somebody else's */
    }
    bool expired = kept->expires_ms <= engine->now;
    bool taken =
        !expired && listen_take(engine, buffered->instance, frame, doc_json(kept->envelope));
    if (expired || taken) {
        struct event event = engine_event(NULL, EVENT_UNBUFFERED);
        event.name = engine_text(engine, kept->type);
        event.has_key = true;
        event.key = kept->mark;
        event.at_ms = kept->expires_ms;
        engine_emit(engine, &event);
    }
    return buffered_frame(buffered) != NULL;
}

static bool offer_visit(void *visitor, const char *type, const struct id *mark,
                        struct doc *envelope, int64_t expires_ms)
{
    struct buffered *buffered = visitor;
    struct kept kept = {.type = type,
                        .mark = *mark,
                        .envelope = engine_hold(buffered->engine, doc_ref(envelope)),
                        .expires_ms = expires_ms};
    return kept_offer(buffered, &kept);
}

static bool collect_visit(void *visitor, const char *type, const struct id *mark,
                          struct doc *envelope, int64_t expires_ms)
{
    struct buffered *buffered = visitor;
    struct engine *engine = buffered->engine;
    if (gather_named(type)) {
        return true;
    }
    buffered->list[buffered->count++] =
        (struct kept){.type = engine_text(engine, type),
                      .mark = *mark,
                      .envelope = engine_hold(engine, doc_ref(envelope)),
                      .expires_ms = expires_ms};
    return buffered->count < BUFFERED_MAX;
}

static int kept_order(const void *a, const void *b)
{
    const struct kept *left = a;
    const struct kept *right = b;
    if (left->expires_ms != right->expires_ms) {
        return left->expires_ms < right->expires_ms ? -1 : 1;
    }
    return memcmp(left->mark.bytes, right->mark.bytes, sizeof(left->mark.bytes));
}

/* The types a listen takes, each once; "" alone when one of them is any. */
static size_t types_add(const struct event_consumption *on, const char **types, size_t count)
{
    for (size_t i = 0; i < on->filter_count; i++) {
        const char *type = on->filters[i].type == NULL ? "" : on->filters[i].type;
        bool seen = false;
        for (size_t j = 0; j < count; j++) {
            seen = seen || strcmp(types[j], type) == 0;
        }
        if (!seen) {
            types[count++] = type;
        }
    }
    if (on->filter_count == 0) {
        types[count++] = "";
    }
    return count;
}

static size_t types_of(struct engine *engine, const struct event_consumption *listen,
                       const char ***ret_types)
{
    size_t room = listen->filter_count + 2 +
                  (listen->until_events == NULL ? 0 : listen->until_events->filter_count);
    const char **types = engine_alloc(engine, room * sizeof(const char *));
    size_t count = types_add(listen, types, 0);
    if (listen->until_events != NULL) {
        count = types_add(listen->until_events, types, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (types[i][0] == '\0') {
            types[0] = "";
            count = 1;
        }
    }
    *ret_types = types;
    return count;
}

static bool type_wanted(const char *const *types, size_t count, const char *type)
{
    for (size_t i = 0; i < count; i++) {
        if (types[i][0] == '\0' || strcmp(types[i], type) == 0) {
            return true;
        }
    }
    return false;
}

/* Events from the store in order of arrival, then those that this turn has kept. */
void listen_from_buffer(struct engine *engine, struct instance *instance, struct frame *frame)
{
    struct buffered buffered = {.engine = engine, .instance = instance, .frame = frame->id};
    const char **types = NULL;
    size_t count = types_of(engine, listen_of(instance, frame), &types);
    size_t kept_count = engine->buffer_change_count;
    if (count == 1 && types[0][0] != '\0') {
        engine->port->buffer_scan(engine->port_user, types[0], offer_visit, &buffered);
    } else {
        buffered.list = calloc(BUFFERED_MAX, sizeof(*buffered.list));
        CHECK(buffered.list != NULL);
        for (size_t i = 0; i < count && buffered.count < BUFFERED_MAX; i++) {
            engine->port->buffer_scan(engine->port_user, types[i], collect_visit, &buffered);
        }
        qsort(buffered.list, buffered.count, sizeof(*buffered.list), kept_order);
        for (size_t i = 0; i < buffered.count && kept_offer(&buffered, &buffered.list[i]); i++) {
        }
        free(buffered.list);
    }
    for (size_t i = 0; i < kept_count && buffered_frame(&buffered) != NULL; i++) {
        struct buffer_change change = engine->buffer_changes[i];
        if (!change.taken && type_wanted(types, count, change.type)) {
            struct kept kept = {.type = change.type,
                                .mark = change.mark,
                                .envelope = change.envelope,
                                .expires_ms = change.expires_ms};
            (void)kept_offer(&buffered, &kept);
        }
    }
}
