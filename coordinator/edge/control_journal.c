/*
 * The journal as operators read it: batches with their values opened, and the check of the chain.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "coordinator/edge/control_private.h"

enum {
    VALUE_BYTES_SMALL = 2048, /* of one value in a batch that does not fit whole */
    ATTEMPT_MASK = 0xFF,
};

/* ---- one event ---- */

static const char *result_name(uint32_t status)
{
    switch (status) {
    case RESULT_DONE:
        return "done";
    case RESULT_FAILED:
        return "failed";
    case RESULT_RUNNING:
        return "running";
    case RESULT_RECALLED:
        return "recalled";
    default:
        return NULL;
    }
}

static const char *verdict_name(uint32_t verdict)
{
    switch (verdict) {
    case VERDICT_APPROVE:
        return "approve";
    case VERDICT_EDIT:
        return "edit";
    case VERDICT_REJECT:
        return "reject";
    case VERDICT_YES:
        return "yes";
    case VERDICT_NO:
        return "no";
    default:
        return NULL;
    }
}

/* What `status` means depends on the kind. */
static const char *outcome_of(const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_STEP_RESULT:
    case EVENT_EFFECT_LATE:
        return result_name(event->status);
    case EVENT_GATE_DECIDED:
        return verdict_name(event->status);
    case EVENT_GATE_OPENED:
        return gate_kind_name((enum gate_kind)event->status);
    case EVENT_INSTANCE_SETTLING:
        return instance_status_name((enum instance_status)event->status);
    case EVENT_UNWINDING:
        return event->status == 0 ? NULL
                                  : instance_status_name((enum instance_status)event->status);
    case EVENT_COMPENSATION_STARTED:
        return event->status == PURPOSE_UNDO ? "undo" : "settle";
    case EVENT_COMPENSATION_ENDED:
        return ledger_name((enum ledger_state)event->status);
    default:
        return NULL;
    }
}

/* Whether `at_ms` is an instant. */
static bool has_instant(const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_STORE_HELLO:
    case EVENT_PROGRAM_STARTED:
    case EVENT_DEAD_LETTER:
    case EVENT_COMPENSATION_REGISTERED:
    case EVENT_UNWINDING:
        return false;
    default:
        return true;
    }
}

static const char *phase_name(enum phase phase)
{
    switch (phase) {
    case PHASE_DECIDE:
        return "decide";
    case PHASE_PERFORM:
        return "perform";
    case PHASE_NONE:
        break;
    }
    return NULL;
}

static void event_texts(json_t *row, const struct event *event)
{
    json_set_text(row, "agent", event->agent);
    json_set_text(row, "store", event->store);
    json_set_text(row, "action", event->action);
    if (event->attempt != 0) {
        json_set_int(row, "attempt", event->attempt & ATTEMPT_MASK);
    }
    json_set_text(row, "phase", phase_name(event->phase));
    json_set_text(row, "outcome", outcome_of(event));
    json_set_text(row, "name", event->name);
    json_set_text(row, "text", event->text);
    json_set_text(row, "person", event->person);
    json_set_text(row, "source", event->source);
    json_set_text(row, "id", event->id);
    json_set_text(row, "traceparent", event->traceparent);
    if (event->has_key) {
        json_set_id(row, "key", &event->key);
    }
    if (event->has_digest) {
        json_set_digest(row, "digest", &event->digest);
    }
    if (has_instant(event)) {
        json_set_time(row, "due", event->at_ms);
    }
    if (event->duration_us != 0) {
        json_set_int(row, "duration_us", (int64_t)event->duration_us);
    }
}

static void event_values(struct request *sizes, json_t *row, const struct event *event, size_t max)
{
    request_set_doc(sizes, row, "input", event->input, max);
    request_set_doc(sizes, row, "output", event->output, max);
    request_set_doc(sizes, row, "context", event->context, max);
    request_set_doc(sizes, row, "error", event->error, max);
    request_set_doc(sizes, row, "value", event->value, max);
    if (event->decision != NULL) {
        json_set(row, "decision", decision_json(event->decision));
    }
    if (event->failure != NULL) {
        json_set(row, "failure", failure_json(event->failure));
    }
    if (event->raw.size > 0) {
        json_set_int(row, "raw_bytes", (int64_t)event->raw.size);
    }
}

/* The plan of the event's instance, remembered for the next event, which is often of the same. */
struct plan_memory {
    struct control *control;
    uint64_t sequence; /* of the batch in hand */
    bool valid;
    struct id instance;
    const struct plan *plan;
};

static const struct plan *plan_of(struct plan_memory *memory, const struct event *event)
{
    if (!event->has_instance) {
        return NULL;
    }
    if (!memory->valid || !id_equal(&memory->instance, &event->instance)) {
        struct view view;
        memory->valid = true;
        memory->instance = event->instance;
        memory->plan = NULL;
        if (view_load(memory->control, &event->instance, &view, NULL) == ERR_OK &&
            view.definition != NULL) {
            memory->plan = view_plan_before(memory->control, &view, memory->sequence);
        }
    }
    memory->plan = plan_after(control_company(memory->control), event, memory->plan);
    return memory->plan;
}

static json_t *event_json(struct request *sizes, struct plan_memory *memory,
                          const struct event *event, bool erased, size_t max)
{
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_text(row, "kind", event_kind_name((uint32_t)event->kind));
    if (event->has_instance) {
        json_set_id(row, "instance", &event->instance);
    }
    const struct plan *plan = plan_of(memory, event);
    if (plan != NULL && event->node != PLAN_NONE && event->node < plan->node_count) {
        char name[STEP_NAME_BYTES];
        engine_step_name(plan, event->node, event->path, event->activation, name, sizeof(name));
        json_set_text(row, "step", name);
    }
    event_texts(row, event);
    event_values(sizes, row, event, max);
    if (erased) {
        json_set_text(row, "values", "erased");
    }
    return row;
}

/* ---- batches ---- */

struct tail {
    struct request *request;
    struct plan_memory memory;
    json_t *rows;
    const struct id *only; /* NULL: every instance */
};

static json_t *batch_json(struct tail *tail, const struct journal_batch *batch, size_t max)
{
    struct request sizes = {.room = CONTROL_ROOM_BYTES};
    json_t *row = json_object();
    json_t *events = json_array();
    CHECK(row != NULL);
    CHECK(events != NULL);
    json_set_int(row, "sequence", (int64_t)batch->sequence);
    json_set_time(row, "at", batch->now_ms);
    json_set_digest(row, "hash", &batch->hash);
    json_set_digest(row, "previous", &batch->previous);
    json_set(row, "events", events);
    size_t left_out = 0;
    tail->memory.valid = tail->memory.valid && tail->memory.sequence < batch->sequence;
    tail->memory.sequence = batch->sequence;
    for (size_t i = 0; i < batch->event_count; i++) {
        const struct event *event = &batch->events[i];
        bool wanted =
            tail->only == NULL || (event->has_instance && id_equal(&event->instance, tail->only));
        if (!wanted) {
            continue;
        }
        if (left_out > 0 ||
            !request_add_row(&sizes, events,
                             event_json(&sizes, &tail->memory, event, batch->erased[i], max))) {
            left_out++;
        }
    }
    if (left_out > 0) {
        json_set_int(row, "omitted_events", (int64_t)left_out);
    }
    return row;
}

/* Append a batch whole; when it is alone and still too large, with its large values left out. */
static enum err tail_batch(struct tail *tail, uint64_t sequence, bool *ret_added, struct error *err)
{
    struct control *control = tail->request->control;
    struct journal_batch batch;
    arena_reset(control->journal);
    TRY(tables_journal(turn_tables(control->turn), sequence, control->journal, &batch, err));
    json_t *row = batch_json(tail, &batch, SIZE_MAX);
    bool first = json_array_size(tail->rows) == 0;
    if (first && json_size(row) > tail->request->room) {
        json_decref(row);
        row = batch_json(tail, &batch, VALUE_BYTES_SMALL);
    }
    journal_release(&batch);
    *ret_added = request_add_row(tail->request, tail->rows, row);
    return ERR_OK;
}

/* Sequences to show: all above `after`, or those of one instance. */
struct sequences {
    uint64_t after;
    uint64_t head;
    const uint64_t *list; /* NULL: all */
    size_t count;
    size_t at;
};

static uint64_t sequence_next(struct sequences *sequences)
{
    if (sequences->list == NULL) {
        return sequences->after < sequences->head ? ++sequences->after : 0;
    }
    while (sequences->at < sequences->count) {
        uint64_t sequence = sequences->list[sequences->at++];
        if (sequence > sequences->after) {
            return sequence;
        }
    }
    return 0;
}

static enum err tail_run(struct tail *tail, struct sequences *sequences, size_t limit,
                         struct error *err)
{
    uint64_t last = sequences->after;
    uint64_t sequence = 0;
    while ((sequence = sequence_next(sequences)) != 0) {
        bool added = json_array_size(tail->rows) < limit;
        if (added) {
            TRY(tail_batch(tail, sequence, &added, err));
        }
        if (!added) {
            json_set_int(tail->request->reply, "next", (int64_t)last);
            return ERR_OK;
        }
        last = sequence;
    }
    return ERR_OK;
}

enum err verb_journal_tail(struct request *request, struct error *err)
{
    static const struct member members[] = {{"after", MEMBER_CURSOR, false},
                                            {"limit", MEMBER_COUNT, false},
                                            {"instance", MEMBER_TEXT, false}};
    TRY(body_check(request, members, 3, err));
    struct tail tail = {.request = request, .memory = {.control = request->control}};
    struct sequences sequences = {.head = tables_sequence(turn_tables(request->control->turn))};
    size_t limit = 0;
    struct id id;
    struct view view;
    TRY(body_limit(request, &limit, err));
    TRY(body_number(request, "after", &sequences.after, err));
    bool has_after = json_object_get(request->body, "after") != NULL;
    if (json_object_get(request->body, "instance") != NULL) {
        TRY(body_instance(request, &id, err));
        TRY(view_load(request->control, &id, &view, err));
        tail.only = &id;
        sequences.list = view.journal;
        sequences.count = view.journal_count;
    } else if (!has_after && sequences.head > limit) {
        sequences.after = sequences.head - limit; /* the newest ones */
    }
    tail.rows = json_array();
    CHECK(tail.rows != NULL);
    json_set(request->reply, "batches", tail.rows);
    return tail_run(&tail, &sequences, limit, err);
}

/* ---- verify ---- */

enum err verb_journal_verify(struct request *request, struct error *err)
{
    TRY(body_check(request, NULL, 0, err));
    struct tables *tables = turn_tables(request->control->turn);
    uint64_t batches = 0;
    uint64_t bad = 0;
    struct error why = {0};
    enum err code = tables_verify(tables, &batches, &bad, &why);
    if (code != ERR_OK && bad == 0) {
        error_set(err, code, "%s", why.message);
        return code;
    }
    json_t *head = json_object();
    CHECK(head != NULL);
    json_set_int(head, "sequence", (int64_t)tables_sequence(tables));
    json_set_digest(head, "hash", tables_head(tables));
    json_set(request->reply, "ok", json_boolean(code == ERR_OK));
    json_set_int(request->reply, "batches", (int64_t)batches);
    json_set(request->reply, "head", head);
    if (code != ERR_OK) {
        json_t *broken = json_object();
        CHECK(broken != NULL);
        json_set_int(broken, "sequence", (int64_t)bad);
        json_set_text(broken, "why", why.message);
        json_set(request->reply, "bad", broken);
    }
    return ERR_OK;
}
