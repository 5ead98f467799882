/*
 * Starts by several events: schedule.on with `all`, or with `any` and `until`.
 *
 * What has come for a start that is not complete waits in the event buffer, where it is durable and
 * forgotten like other events, but in queues of its own: `start NAMESPACE/NAME FILTER GROUP` in the
 * place of a type, which no event has because of its spaces. FILTER is a digest of the filter's
 * text, so that a newer version that has the same filter goes on with what came before it. GROUP is
 * a digest of the correlated values, so that finding what belongs together costs the same however
 * much waits. No table says how far a start has come: the queues do.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

enum { QUEUE_NAME_BYTES = 288, GROUP_BYTES = 33 };

/* An event that waits. */
struct row {
    struct id mark;
    struct doc *envelope; /* held by the turn */
    int64_t expires_ms;
    const char *queue; /* NULL: the event at hand, which does not wait */
};

/* The first rows of a queue, at most `most`. */
struct queue {
    struct engine *engine;
    const char *name;
    struct row *rows; /* of the turn */
    size_t count;
    size_t room;
    size_t most;
};

/* The event at hand and the definition that it may help to start. */
struct gather {
    struct engine *engine;
    const struct definition *definition;
    const struct plan_trigger *trigger;
    struct doc *envelope;
    const struct id *mark;
    const char *type;
    char group[GROUP_BYTES];
};

bool gather_named(const char *type)
{
    return strchr(type, ' ') != NULL;
}

/* ---- queues ---- */

static void row_drop(struct engine *engine, const struct row *row)
{
    struct event event = engine_event(NULL, EVENT_UNBUFFERED);
    event.name = engine_text(engine, row->queue);
    event.has_key = true;
    event.key = row->mark;
    event.at_ms = row->expires_ms;
    engine_emit(engine, &event);
}

static void row_add(struct queue *queue, const struct row *row)
{
    if (queue->count == queue->room) {
        size_t room = queue->room == 0 ? 4 : queue->room * 2;
        struct row *more = engine_alloc(queue->engine, room * sizeof(*more));
        if (queue->count > 0) {
            memcpy(more, queue->rows, queue->count * sizeof(*more));
        }
        queue->rows = more;
        queue->room = room;
    }
    queue->rows[queue->count++] = *row;
}

/* False when the queue has enough. */
static bool row_meet(struct queue *queue, const struct row *row)
{
    if (buffer_taken(queue->engine, queue->name, &row->mark)) {
        return true;
    }
    if (row->expires_ms <= queue->engine->now) {
        row_drop(queue->engine, row);
        return true;
    }
    row_add(queue, row);
    return queue->count < queue->most;
}

static bool queue_visit(void *visitor, const char *type, const struct id *mark,
                        struct doc *envelope, int64_t expires_ms)
{
    struct queue *queue = visitor;
    (void)type;
    struct row row = {.mark = *mark,
                      .envelope = engine_hold(queue->engine, doc_ref(envelope)),
                      .expires_ms = expires_ms,
                      .queue = queue->name};
    return row_meet(queue, &row);
}

/* From the store in order of arrival, then what this turn has kept. */
static struct queue queue_read(struct engine *engine, const char *name, size_t most)
{
    struct queue queue = {.engine = engine, .name = name, .most = most};
    size_t kept = engine->buffer_change_count;
    engine->port->buffer_scan(engine->port_user, name, queue_visit, &queue);
    for (size_t i = 0; i < kept && queue.count < most; i++) {
        struct buffer_change change = engine->buffer_changes[i];
        if (!change.taken && strcmp(change.type, name) == 0) {
            struct row row = {.mark = change.mark,
                              .envelope = change.envelope,
                              .expires_ms = change.expires_ms,
                              .queue = name};
            (void)row_meet(&queue, &row);
        }
    }
    return queue;
}

static const char *queue_name(const struct gather *gather, uint64_t filter)
{
    char name[QUEUE_NAME_BYTES];
    int size = snprintf(name, sizeof(name), "start %s/%s %016" PRIx64 " %s",
                        gather->definition->plan->namespace_, gather->definition->plan->name,
                        filter, gather->group);
    CHECK(size > 0 && (size_t)size < sizeof(name));
    return engine_text(gather->engine, name);
}

/* Keep the event in the queue, not to be forgotten before what came before it. */
static void event_keep(const struct gather *gather, const char *queue, int64_t after_ms)
{
    struct engine *engine = gather->engine;
    int64_t expires_ms = engine->now + engine->options.buffer_ttl_ms;
    struct event event = engine_event(NULL, EVENT_BUFFERED);
    event.name = queue;
    event.has_key = true;
    event.key = *gather->mark;
    event.value = gather->envelope;
    event.at_ms = expires_ms > after_ms ? expires_ms : after_ms + 1;
    engine_emit(engine, &event);
}

/* ---- what an event fits ---- */

/* Whether the event fits the filter, and which others it belongs to then. A correlated value that
 * is missing belongs to nothing. */
static bool filter_take(struct gather *gather, const struct event_filter *filter)
{
    struct doc *values = NULL;
    if (!event_fits(gather->engine, filter, gather->envelope, &values)) {
        return false;
    }
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(doc_json(values), name, value)
    {
        if (json_is_null(value)) {
            return false;
        }
    }
    (void)text_copy(gather->group, sizeof(gather->group), "-");
    if (json_object_size(doc_json(values)) > 0) {
        hex_encode(doc_digest(values)->bytes, (GROUP_BYTES - 1) / 2, gather->group);
    }
    return true;
}

/* A filter of `all` that the event fits, rather one that has no event yet; filter_count: none.
 * `wanted` leaves out those that have one. */
static size_t all_filter(struct gather *gather, const struct event_consumption *on, bool wanted)
{
    size_t chosen = on->filter_count;
    char group[GROUP_BYTES] = "";
    for (size_t i = 0; i < on->filter_count; i++) {
        if (!filter_take(gather, &on->filters[i])) {
            continue;
        }
        const char *name = queue_name(gather, on->filters[i].gather);
        if (queue_read(gather->engine, name, 1).count == 0) {
            return i;
        }
        if (chosen == on->filter_count && !wanted) {
            chosen = i;
            (void)text_copy(group, sizeof(group), gather->group);
        }
    }
    (void)text_copy(gather->group, sizeof(gather->group), group);
    return chosen;
}

/* ---- complete, or not taken ---- */

/* In the order in which they came; what came at the same time stays in that of the filters. */
static void rows_order(struct row *rows, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct row row = rows[i];
        size_t at = i;
        for (; at > 0 && rows[at - 1].expires_ms > row.expires_ms; at--) {
            rows[at] = rows[at - 1];
        }
        rows[at] = row;
    }
}

/* The start is complete: what it is given, in the order in which it came. */
static enum gathered complete(const struct gather *gather, const struct row *rows, size_t count,
                              json_t **ret_events)
{
    json_t *events = json_array();
    CHECK(events != NULL);
    for (size_t i = 0; i < count; i++) {
        CHECK(json_array_append(events, doc_json(rows[i].envelope)) == 0);
        if (rows[i].queue != NULL) {
            row_drop(gather->engine, &rows[i]);
        }
    }
    *ret_events = engine_hold_json(gather->engine, events);
    return GATHER_COMPLETE;
}

/* What cannot be taken is a record, not silence. */
static enum gathered refuse(const struct gather *gather, const char *why, const char *advice)
{
    struct engine *engine = gather->engine;
    struct dead_letter_command letter = {
        .source = "events",
        .subject = gather->type,
        .reason = arena_printf(engine->arena, "it cannot help to start %.200s: %.300s",
                               gather->definition->name, why == NULL ? "" : why),
        .advice = advice,
        .headers = gather->envelope,
    };
    CHECK(letter.reason != NULL);
    dead_letter_keep(engine, &letter);
    return GATHER_KEPT;
}

/* The first event of each filter; that of `but` is the one at hand, which came last. False: not all
 * are there. */
static bool firsts_read(const struct gather *gather, const struct event_consumption *on, size_t but,
                        struct row *rows)
{
    for (size_t i = 0; i < on->filter_count; i++) {
        if (i == but) {
            rows[i] = (struct row){.envelope = gather->envelope, .expires_ms = INT64_MAX};
            continue;
        }
        struct queue queue =
            queue_read(gather->engine, queue_name(gather, on->filters[i].gather), 1);
        if (queue.count == 0) {
            return false;
        }
        rows[i] = queue.rows[0];
    }
    return true;
}

/* ---- all ---- */

static enum gathered all_take(struct gather *gather, json_t **ret_events)
{
    struct engine *engine = gather->engine;
    const struct event_consumption *on = &gather->trigger->on;
    size_t chosen = all_filter(gather, on, false);
    size_t size = 0;
    if (chosen == on->filter_count) {
        return GATHER_NOT;
    }
    (void)doc_text(gather->envelope, &size);
    if (size > LIMIT_VALUE_BYTES / on->filter_count) {
        return refuse(
            gather, "an event has more bytes than its share of what they give together",
            "LIMIT_VALUE_BYTES: send less in each of them, and this one again with another id");
    }
    const char *own = queue_name(gather, on->filters[chosen].gather);
    bool waits = queue_read(engine, own, 1).count > 0;
    if (waits) { /* others of its kind came before it */
        event_keep(gather, own, 0);
    }
    struct row *rows = engine_alloc(engine, on->filter_count * sizeof(*rows));
    if (firsts_read(gather, on, waits ? on->filter_count : chosen, rows)) {
        rows_order(rows, on->filter_count);
        return complete(gather, rows, on->filter_count, ret_events);
    }
    if (!waits) {
        event_keep(gather, own, 0);
    }
    return GATHER_KEPT;
}

/* ---- any, until ---- */

static struct queue any_queue(const struct gather *gather)
{
    return queue_read(gather->engine, queue_name(gather, gather->trigger->on.gather),
                      LIMIT_LISTEN_RESULTS);
}

/* An event that ends the gathering is not part of it, and ends nothing before something came. */
static enum gathered end_take(struct gather *gather, json_t **ret_events)
{
    const struct event_consumption *ends = gather->trigger->on.until_events;
    bool each = ends->kind == CONSUME_ALL;
    size_t fits;
    if (each) {
        fits = all_filter(gather, ends, true);
    } else {
        for (fits = 0; fits < ends->filter_count && !filter_take(gather, &ends->filters[fits]);) {
            fits++;
        }
    }
    if (fits == ends->filter_count) {
        return GATHER_NOT;
    }
    struct queue queue = any_queue(gather);
    if (queue.count == 0) {
        return GATHER_NOT;
    }
    if (each) {
        struct row *rows = engine_alloc(gather->engine, ends->filter_count * sizeof(*rows));
        if (!firsts_read(gather, ends, fits, rows)) {
            event_keep(gather, queue_name(gather, ends->filters[fits].gather), 0);
            return GATHER_KEPT;
        }
        for (size_t i = 0; i < ends->filter_count; i++) {
            if (i != fits) {
                row_drop(gather->engine, &rows[i]);
            }
        }
    }
    return complete(gather, queue.rows, queue.count, ret_events);
}

/* The sizes of all, with what the array adds. */
static size_t rows_size(const struct row *rows, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        (void)doc_text(rows[i].envelope, &size);
        sum += size + 1;
    }
    return sum;
}

/* Whether the gathering is over with these; false after an error, which is then in *ret_error. */
static bool until_holds(const struct gather *gather, const struct row *rows, size_t count,
                        struct doc **ret_error)
{
    const struct event_consumption *on = &gather->trigger->on;
    if (on->until == NULL) {
        return false;
    }
    json_t *readings = json_array();
    CHECK(readings != NULL);
    for (size_t i = 0; i < count; i++) {
        struct doc *reading = event_reading(gather->engine, doc_json(rows[i].envelope), on->read);
        CHECK(json_array_append(readings, doc_json(reading)) == 0);
    }
    struct scope scope = {.engine = gather->engine, .no_external = true};
    bool over = false;
    struct doc *doc = engine_hold(gather->engine, doc_of_json(readings));
    if (scope_truth(&scope, on->until, doc, &over) != EVAL_OK) {
        *ret_error = scope.error;
    }
    scope_release(&scope);
    return over;
}

static enum gathered any_take(struct gather *gather, json_t **ret_events)
{
    const struct event_consumption *on = &gather->trigger->on;
    bool fits = on->filter_count == 0;
    (void)text_copy(gather->group, sizeof(gather->group), "-");
    for (size_t i = 0; i < on->filter_count && !fits; i++) {
        fits = filter_take(gather, &on->filters[i]);
    }
    if (!fits) {
        return GATHER_NOT;
    }
    struct queue queue = any_queue(gather);
    int64_t last_ms = queue.count == 0 ? 0 : queue.rows[queue.count - 1].expires_ms;
    bool full = queue.count == LIMIT_LISTEN_RESULTS;
    row_add(&queue, &(struct row){.envelope = gather->envelope});
    if (full || rows_size(queue.rows, queue.count) > LIMIT_VALUE_BYTES) {
        return refuse(
            gather, "the events that wait already are all that it can be given",
            "LIMIT_VALUE_BYTES, LIMIT_LISTEN_RESULTS: end the gathering earlier, and send the "
            "event again with another id");
    }
    struct doc *error = NULL;
    if (until_holds(gather, queue.rows, queue.count, &error)) {
        return complete(gather, queue.rows, queue.count, ret_events);
    }
    if (error != NULL) {
        return refuse(
            gather, json_text_of(doc_json(error), "detail"),
            "correct 'until' in schedule.on, deploy it as a new version, and send the event "
            "again with another id");
    }
    event_keep(gather, queue_name(gather, on->gather), last_ms);
    return GATHER_KEPT;
}

enum gathered gather_take(struct engine *engine, const struct definition *definition,
                          const char *type, struct doc *envelope, const struct id *mark,
                          json_t **ret_events)
{
    struct gather gather = {.engine = engine,
                            .definition = definition,
                            .trigger = definition->plan->trigger,
                            .envelope = envelope,
                            .mark = mark,
                            .type = type};
    if (gather.trigger->on.kind == CONSUME_ALL) {
        return all_take(&gather, ret_events);
    }
    enum gathered ended =
        gather.trigger->on.until_events == NULL ? GATHER_NOT : end_take(&gather, ret_events);
    return ended != GATHER_NOT ? ended : any_take(&gather, ret_events);
}
