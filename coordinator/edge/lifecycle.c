#include "coordinator/edge/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/json/doc.h"
#include "common/json/json.h"
#include "common/wire/subjects.h"
#include "coordinator/definition/plan.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/engine/engine.h"

enum {
    PARCEL_BYTES = 512 * 1024,
    VALUE_BYTES = 64 * 1024, /* a larger output or error is left out: see the journal */
    NAME_BYTES = 256,
    RESUME_BATCHES = 16, /* of the journal, published again after a start */
    AGAIN_BATCHES = 1000,
};

/* What a kind of journal event is called, and the member that holds its time. */
struct happening {
    enum event_kind kind;
    const char *what;
    const char *time;
};

static const struct happening of_workflow[] = {
    {EVENT_INSTANCE_STARTED, "workflow.started", "startedAt"},
    {EVENT_INSTANCE_COMPLETED, "workflow.completed", "completedAt"},
    {EVENT_INSTANCE_FAULTED, "workflow.faulted", "faultedAt"},
    {EVENT_INSTANCE_CANCELLED, "workflow.cancelled", "cancelledAt"},
    {EVENT_GATE_OPENED, "workflow.suspended", "suspendedAt"},
    {EVENT_GATE_DECIDED, "workflow.resumed", "resumedAt"},
    {EVENT_INSTANCE_PAUSED, "workflow.suspended", "suspendedAt"},
    {EVENT_INSTANCE_RESUMED, "workflow.resumed", "resumedAt"},
};

/* A step that runs in one go has two. */
static const struct happening of_task[] = {
    {EVENT_STEP_STARTED, "task.started", "startedAt"},
    {EVENT_STEP_RAN, "task.started", "startedAt"},
    {EVENT_STEP_RAN, "task.completed", "completedAt"},
    {EVENT_STEP_COMPLETED, "task.completed", "completedAt"},
    {EVENT_STEP_FAULTED, "task.faulted", "faultedAt"},
    {EVENT_STEP_CANCELLED, "task.cancelled", "cancelledAt"},
    {EVENT_STEP_RETRY, "task.retried", "retriedAt"},
    {EVENT_TRY_RETRY, "task.retried", "retriedAt"},
    {EVENT_GATE_OPENED, "task.suspended", "suspendedAt"},
    {EVENT_GATE_DECIDED, "task.resumed", "resumedAt"},
};

/* The events of one subject, as the text of an array without its end. */
struct parcel {
    char subject[SUBJECT_BYTES];
    struct buf text;
    size_t count;
    struct parcel *next;
};

struct lifecycle {
    struct edge *edge;
    struct parcel *parcels; /* kept between turns for their memory */
    uint64_t lost;          /* first journal batch that was not published whole; 0: none */
    bool resumed;
};

/* One event of the journal under the pen. */
struct telling {
    const struct event *event;
    const struct plan *plan;
    uint64_t sequence;
    size_t index;
    const char *time;
    char instance[ID_HEX_BYTES];
};

struct lifecycle *lifecycle_create(struct edge *edge)
{
    struct lifecycle *lifecycle = calloc(1, sizeof(*lifecycle));
    CHECK(lifecycle != NULL);
    lifecycle->edge = edge;
    return lifecycle;
}

void lifecycle_destroy(struct lifecycle **lifecycle)
{
    if (*lifecycle == NULL) {
        return;
    }
    while ((*lifecycle)->parcels != NULL) {
        struct parcel *next = (*lifecycle)->parcels->next;
        buf_release(&(*lifecycle)->parcels->text);
        free((*lifecycle)->parcels);
        (*lifecycle)->parcels = next;
    }
    free(*lifecycle);
    *lifecycle = NULL;
}

/* ---- sending ---- */

static void parcel_send(struct lifecycle *lifecycle, struct parcel *parcel, uint64_t sequence)
{
    if (parcel->count == 0) {
        return;
    }
    bool many = parcel->count > 1;
    if (many) {
        buf_append_byte(&parcel->text, ']');
    }
    struct bus_header header = {.name = "Content-Type",
                                .value = many ? "application/cloudevents-batch+json"
                                              : "application/cloudevents+json"};
    struct bus_publication publication = {.subject = parcel->subject,
                                          .headers = &header,
                                          .header_count = 1,
                                          .body = parcel->text.data + (many ? 0 : 1),
                                          .size = parcel->text.size - (many ? 0 : 1)};
    struct error err = {0};
    if (parcel->text.failed || bus_publish(lifecycle->edge->bus, &publication, &err) != ERR_OK) {
        log_debug("lifecycle events on '%s' not published: %s", parcel->subject, err.message);
        lifecycle->lost = lifecycle->lost == 0 ? sequence : lifecycle->lost;
    }
    if (parcel->text.size > VALUE_BYTES) { /* a burst leaves no memory behind */
        buf_release(&parcel->text);
    }
    buf_clear(&parcel->text);
    parcel->count = 0;
}

static struct parcel *parcel_of(struct lifecycle *lifecycle, const char *subject)
{
    struct parcel **place = &lifecycle->parcels; /* new ones last: what begins is told first */
    while (*place != NULL && strcmp((*place)->subject, subject) != 0) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        struct parcel *parcel = calloc(1, sizeof(*parcel));
        CHECK(parcel != NULL);
        (void)snprintf(parcel->subject, sizeof(parcel->subject), "%s", subject);
        buf_init(&parcel->text, PARCEL_BYTES + 4 * VALUE_BYTES);
        *place = parcel;
    }
    return *place;
}

/* ---- writing ---- */

static void text_write(struct buf *out, const char *text)
{
    json_t *value = json_string(text);
    if (value == NULL) {
        value = json_string("");
    }
    json_write(value, out);
    json_decref(value);
}

static void doc_write(struct buf *out, const char *member, struct doc *doc)
{
    size_t size = 0;
    const char *text = doc == NULL ? "" : doc_text(doc, &size);
    if (doc != NULL && size <= VALUE_BYTES) {
        buf_printf(out, ",\"%s\":", member);
        buf_append(out, text, size);
    }
}

static void data_write(const struct telling *it, const struct happening *what, struct buf *out)
{
    const struct event *event = it->event;
    const struct plan *plan = it->plan;
    bool task = what->what[0] == 't';
    buf_printf(out, "{\"%s\":\"%s-%s.%s\"", task ? "workflow" : "name", plan->name, it->instance,
               plan->namespace_);
    if (task && event->node < plan->node_count) {
        buf_append_str(out, ",\"task\":");
        text_write(out, plan->nodes[event->node].pointer);
    }
    if (event->kind == EVENT_INSTANCE_STARTED) {
        buf_printf(out, ",\"definition\":{\"name\":\"%s\",\"namespace\":\"%s\",\"version\":\"%s\"}",
                   plan->name, plan->namespace_, plan->version);
    }
    buf_printf(out, ",\"%s\":\"%s\"", what->time, it->time);
    bool ends = strstr(what->what, ".completed") != NULL;
    doc_write(out, "output", ends ? event->output : NULL);
    doc_write(out, "error", strstr(what->what, ".faulted") != NULL ? event->error : NULL);
    buf_append_byte(out, '}');
}

static void happening_write(struct lifecycle *lifecycle, const struct telling *it,
                            const struct happening *what, unsigned part)
{
    const struct plan *plan = it->plan;
    char type[SUBJECT_TYPE_BYTES];
    char subject[SUBJECT_BYTES];
    (void)snprintf(type, sizeof(type), "%s.%s.%s", plan->namespace_, plan->name, what->what);
    if (!subject_lifecycle(type, subject)) {
        return;
    }
    struct parcel *parcel = parcel_of(lifecycle, subject);
    struct buf *out = &parcel->text;
    if (out->size > PARCEL_BYTES) {
        parcel_send(lifecycle, parcel, it->sequence);
    }
    const struct id *store = tables_store_id(turn_tables(lifecycle->edge->turn));
    char hex[ID_HEX_BYTES];
    id_hex(store, hex);
    buf_append_byte(out, parcel->count == 0 ? '[' : ',');
    buf_printf(out,
               "{\"specversion\":\"1.0\",\"type\":\"" LIFECYCLE_TYPE_PREFIX "%s.v1\","
               "\"source\":\"/%s/%s/%s\",\"id\":\"%.8s-%llu-%zu%s\",\"time\":\"%s\","
               "\"subject\":\"%s\",\"datacontenttype\":\"application/json\"",
               what->what, plan->namespace_, plan->name, plan->version, hex,
               (unsigned long long)it->sequence, it->index, part == 0 ? "" : "-2", it->time,
               it->instance);
    if (what->what[0] == 't' && it->event->path != NULL && it->event->path[0] != '\0') {
        buf_append_str(out, ",\"orchiteration\":");
        text_write(out, it->event->path);
    }
    buf_append_str(out, ",\"data\":");
    data_write(it, what, out);
    buf_append_byte(out, '}');
    parcel->count++;
}

static void event_tell(struct lifecycle *lifecycle, const struct telling *it)
{
    const struct event *event = it->event;
    for (size_t i = 0; i < sizeof(of_workflow) / sizeof(of_workflow[0]); i++) {
        if (of_workflow[i].kind == event->kind) {
            happening_write(lifecycle, it, &of_workflow[i], 0);
        }
    }
    bool stays = event->kind == EVENT_STEP_CANCELLED && event->status != 0;
    unsigned part = 0;
    size_t count = it->plan->lifecycle == PLAN_LIFECYCLE_STEPS && !stays
                       ? sizeof(of_task) / sizeof(of_task[0])
                       : 0;
    for (size_t i = 0; i < count; i++) {
        if (of_task[i].kind == event->kind) {
            happening_write(lifecycle, it, &of_task[i], part++);
        }
    }
}

/* Of an event that was read back: what it was about may have ended since. */
static const struct plan *plan_find(struct lifecycle *lifecycle, const struct id *instance)
{
    struct turn *turn = lifecycle->edge->turn;
    const struct instance *open = engine_instance(turn_engine(turn), instance);
    if (open != NULL) {
        return open->plan;
    }
    struct done done;
    if (tables_done(turn_tables(turn), instance, lifecycle->edge->arena, &done, NULL) != ERR_OK) {
        return NULL;
    }
    const struct definition *definition =
        company_definition(engine_company(turn_engine(turn)), &done.definition);
    return definition == NULL ? NULL : definition->plan;
}

static void facts_tell(struct lifecycle *lifecycle, const struct journal_batch *batch)
{
    char time[CLOCK_TEXT_BYTES];
    (void)clock_format(batch->now_ms, time);
    for (size_t i = 0; i < batch->event_count; i++) {
        const struct event *event = &batch->events[i];
        if (!event->has_instance || (batch->erased != NULL && batch->erased[i])) {
            continue;
        }
        struct telling it = {.event = event,
                             .plan = event->plan,
                             .sequence = batch->sequence,
                             .index = i,
                             .time = time};
        if (it.plan == NULL) {
            it.plan = plan_find(lifecycle, &event->instance);
        }
        if (it.plan != NULL && it.plan->lifecycle != PLAN_LIFECYCLE_NONE) {
            id_hex(&event->instance, it.instance);
            event_tell(lifecycle, &it);
        }
    }
    for (struct parcel *it = lifecycle->parcels; it != NULL; it = it->next) {
        parcel_send(lifecycle, it, batch->sequence);
    }
}

void lifecycle_facts(struct lifecycle *lifecycle, const struct event *events, size_t count,
                     uint64_t sequence, int64_t now_ms)
{
    struct journal_batch batch = {.sequence = sequence,
                                  .now_ms = now_ms,
                                  .events = (struct event *)(uintptr_t)events,
                                  .event_count = count};
    facts_tell(lifecycle, &batch);
}

void lifecycle_resume(struct lifecycle *lifecycle)
{
    struct tables *tables = turn_tables(lifecycle->edge->turn);
    uint64_t last = tables_sequence(tables);
    uint64_t from = lifecycle->lost;
    if (!lifecycle->resumed) { /* the process before may have died before it published */
        from = last >= RESUME_BATCHES ? last - RESUME_BATCHES + 1 : 1;
    }
    lifecycle->resumed = true;
    lifecycle->lost = 0;
    if (from == 0) {
        return;
    }
    from = last >= AGAIN_BATCHES && from < last - AGAIN_BATCHES ? last - AGAIN_BATCHES : from;
    for (; from <= last && lifecycle->lost == 0; from++) {
        struct journal_batch batch;
        if (tables_journal(tables, from, lifecycle->edge->arena, &batch, NULL) == ERR_OK) {
            facts_tell(lifecycle, &batch);
            journal_release(&batch);
        }
    }
}
