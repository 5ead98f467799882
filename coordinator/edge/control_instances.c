/*
 * One instance: describe, wait.
 */
#include <stdio.h>
#include <string.h>

#include "coordinator/edge/control_private.h"

enum {
    WAIT_DEFAULT_MS = 30 * 1000,
    WAIT_MAX_MS = 60 * 60 * 1000,
    ATTEMPT_MASK = 0xFF, /* the high bits count retries of the try around it */
};

/* ---- describe ---- */

static json_t *step_json(const struct instance *instance, const struct frame *frame)
{
    const struct plan_node *node =
        frame->own != NULL ? frame->own : &instance->plan->nodes[frame->node];
    char name[STEP_NAME_BYTES];
    json_t *row = json_object();
    CHECK(row != NULL);
    frame_name(instance, frame, name, sizeof(name));
    json_set_text(row, "step", name);
    json_set_text(row, "name", node->name);
    json_set_text(row, "state", frame_state_name(frame->state));
    if (node->kind == TASK_AGENT) {
        json_set_text(row, "agent", node->call.agent);
        json_set_text(row, "action", node->call.action);
        json_set_text(row, "store", frame->store);
        json_set_int(row, "attempt", frame->attempt & ATTEMPT_MASK);
    }
    json_set_time(row, "since", frame->started_ms);
    json_set_time(row, "due", frame->wake_ms != 0 ? frame->wake_ms : frame->deadline_ms);
    return row;
}

const char *ledger_name(enum ledger_state state)
{
    switch (state) {
    case LEDGER_DISPATCHED:
        return "dispatched";
    case LEDGER_DONE:
        return "done";
    case LEDGER_NONE:
        return "none";
    case LEDGER_ABANDONED:
        return "given up";
    case LEDGER_UNKNOWN:
        return "unknown";
    case LEDGER_COMPENSATED:
        return "compensated";
    case LEDGER_KEPT:
        return "kept";
    }
    return "unknown";
}

static json_t *compensation_json(const struct ledger_entry *entry)
{
    const struct undo *undo = entry->undo;
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_text(row, "action", undo->action);
    json_set_text(row, "state",
                  entry->state == LEDGER_COMPENSATED                              ? "done"
                  : entry->state == LEDGER_KEPT                                   ? "kept"
                  : undo->wanted_in != 0                                          ? "wanted"
                  : undo->state == UNDO_REGISTERED && entry->state == LEDGER_DONE ? "registered"
                                                                                  : "declared");
    json_set_text(row, "reason", undo->reason);
    return row;
}

static json_t *effect_json(const struct ledger_entry *entry)
{
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_id(row, "key", &entry->key);
    json_set_text(row, "step", entry->step);
    json_set_text(row, "agent", entry->agent);
    json_set_text(row, "action", entry->action);
    json_set_text(row, "state", ledger_name(entry->state));
    json_set_int(row, "attempts", entry->attempts);
    if (entry->undo != NULL) {
        json_set(row, "compensation", compensation_json(entry));
        json_set_text(row, "undone_by", entry->undo->action);
    }
    return row;
}

/* The gate that the frame waits for: its own, or one that stands for many steps; NULL: none. */
static const struct id *gate_of(struct control *control, const struct instance *open,
                                const struct frame *frame)
{
    if (frame->has_gate) {
        return &frame->gate;
    }
    const struct gate *circuit = engine_circuit_of(turn_engine(control->turn), open, frame);
    return circuit == NULL ? NULL : &circuit->id;
}

static void open_fill(struct request *request, const struct instance *open, json_t *steps,
                      json_t *effects, json_t *gates)
{
    for (uint32_t i = 0; i < open->frame_count; i++) {
        const struct frame *frame = open->frames[i];
        if (frame->node != PLAN_NONE || frame->own != NULL) {
            (void)request_add_row(request, steps, step_json(open, frame));
        }
        const struct id *gate = gate_of(request->control, open, frame);
        if (gate != NULL) {
            char hex[ID_HEX_BYTES];
            id_hex(gate, hex);
            CHECK(json_array_append_new(gates, json_string(hex)) == 0);
        }
    }
    for (uint32_t i = 0; i < open->ledger_count; i++) {
        (void)request_add_row(request, effects, effect_json(&open->ledger[i]));
    }
    json_set_time(request->reply, "started_at", open->started_ms);
    json_set_time(request->reply, "deadline", open->deadline_ms);
    request_set_doc(request, request->reply, "input", open->input, SIZE_MAX);
    request_set_doc(request, request->reply, "context", open->context, SIZE_MAX);
}

/* What an ended instance had: from its journal, because its rows are gone. */
struct history {
    struct request *request;
    const struct plan *plan;
    json_t *effects;
    struct doc *context; /* the last one */
};

static json_t *effect_find(const json_t *effects, const struct id *key)
{
    char hex[ID_HEX_BYTES];
    id_hex(key, hex);
    size_t at = 0;
    json_t *row = NULL;
    json_array_foreach(effects, at, row)
    {
        if (strcmp(json_text_of(row, "key"), hex) == 0) {
            return row;
        }
    }
    return NULL;
}

/* What the frame undoes. */
static const char *undone_step(const struct history *history, uint32_t frame)
{
    for (size_t i = json_array_size(history->effects); i-- > 0;) {
        const json_t *row = json_array_get(history->effects, i);
        const json_t *undo = json_object_get(row, "compensation");
        if (undo != NULL && json_int_of(undo, "frame", 0) == (int64_t)frame) {
            return json_text_of(row, "step");
        }
    }
    return NULL;
}

static void history_dispatched(struct history *history, const struct event *event)
{
    if (event->phase != PHASE_PERFORM || event->effect == EFFECT_PURE || !event->has_key) {
        return;
    }
    json_t *row = effect_find(history->effects, &event->key);
    if (row != NULL) {
        json_set_int(row, "attempts", json_int_of(row, "attempts", 0) + 1);
        json_set_text(row, "state", "dispatched");
        return;
    }
    char name[STEP_NAME_BYTES];
    row = json_object();
    CHECK(row != NULL);
    json_set_id(row, "key", &event->key);
    if (history->plan != NULL) {
        engine_step_name(history->plan, event->node, event->path, event->activation, name,
                         sizeof(name));
        json_set_text(row, "step",
                      event->node == PLAN_NONE ? undone_step(history, event->frame) : name);
    }
    json_set_text(row, "agent", event->agent);
    json_set_text(row, "action", event->action);
    json_set_text(row, "state", "dispatched");
    json_set_int(row, "attempts", 1);
    json_set_int(row, "frame", event->frame);
    (void)request_add_row(history->request, history->effects, row);
}

/* Results carry the frame, not the key: the newest effect of that frame. */
static void history_result(struct history *history, const struct event *event)
{
    json_t *row = NULL;
    if (event->kind == EVENT_EFFECT_LATE) {
        row = effect_find(history->effects, &event->key);
    }
    for (size_t i = json_array_size(history->effects); row == NULL && i-- > 0;) {
        json_t *candidate = json_array_get(history->effects, i);
        if (json_int_of(candidate, "frame", 0) == (int64_t)event->frame) {
            row = candidate;
        }
    }
    if (row == NULL || event->phase == PHASE_DECIDE) {
        return;
    }
    bool done = event->status == RESULT_DONE || event->effect == MARK_DONE;
    json_set_text(row, "state", done ? "done" : event->effect == MARK_NONE ? "none" : "unknown");
}

/* The row of the effect, which another instance may have had: a workflow that a step ran. */
static void history_undo(struct history *history, const struct event *event)
{
    json_t *row = effect_find(history->effects, &event->key);
    if (row == NULL && event->kind == EVENT_COMPENSATION_REGISTERED && event->source != NULL) {
        row = json_object();
        CHECK(row != NULL);
        json_set_id(row, "key", &event->key);
        json_set_text(row, "step", event->text);
        json_set_text(row, "agent", event->agent);
        json_set_text(row, "action", event->source);
        json_set_text(row, "state", event->status == 2 ? "compensated" : "done");
        (void)request_add_row(history->request, history->effects, row);
    }
    if (row == NULL) {
        return;
    }
    json_t *undo = json_object_get(row, "compensation");
    if (undo == NULL) {
        undo = json_object();
        CHECK(undo != NULL);
        json_set(row, "compensation", undo);
        json_set_text(undo, "action", event->action);
        json_set_text(undo, "state", "registered");
        json_set_text(row, "undone_by", event->action);
    }
    if (event->kind == EVENT_COMPENSATION_STARTED) {
        json_set_int(undo, "frame", event->frame);
    }
    if (event->kind != EVENT_COMPENSATION_ENDED) {
        return;
    }
    bool kept = event->status == LEDGER_KEPT;
    if (kept || event->status == LEDGER_COMPENSATED) {
        json_set_text(row, "state", kept ? "kept" : "compensated");
        json_set_text(undo, "state", kept ? "kept" : "done");
        json_set_text(undo, "reason", event->text);
    } else {
        json_set_text(row, "state", ledger_name((enum ledger_state)event->status));
    }
}

static bool history_visit(void *user, const struct view_event *at)
{
    struct history *history = user;
    struct request *request = history->request;
    const struct event *event = at->event;
    history->plan = plan_after(control_company(request->control), event, history->plan);
    switch ((unsigned)event->kind) {
    case EVENT_INSTANCE_STARTED:
        request_set_doc(request, request->reply, "input", event->input, SIZE_MAX);
        break;
    case EVENT_STEP_DISPATCHED:
        history_dispatched(history, event);
        break;
    case EVENT_COMPENSATION_STARTED:
    case EVENT_COMPENSATION_REGISTERED:
    case EVENT_COMPENSATION_ENDED:
        history_undo(history, event);
        break;
    case EVENT_STEP_RESULT:
    case EVENT_EFFECT_LATE:
        history_result(history, event);
        break;
    case EVENT_STEP_RAN:
    case EVENT_STEP_COMPLETED:
        if (event->context != NULL &&
            (history->plan == NULL || !plan_in_branch(history->plan, event->node))) {
            doc_unref(&history->context);
            history->context = doc_ref(event->context);
        }
        break;
    default:
        break;
    }
    return true;
}

static enum err done_fill(struct request *request, const struct view *view, json_t *effects,
                          struct error *err)
{
    struct history history = {
        .request = request,
        .plan = view->definition == NULL ? NULL : view->definition->plan,
        .effects = effects,
    };
    json_set_time(request->reply, "started_at", view->done.started_ms);
    json_set_time(request->reply, "ended_at", view->done.ended_ms);
    enum err code = view_each_event(request->control, view, 0, history_visit, &history, err);
    if (code == ERR_OK) {
        request_set_doc(request, request->reply, "context", history.context, SIZE_MAX);
        code = view_set_outcome(request, view, err);
    }
    doc_unref(&history.context);
    size_t at = 0;
    json_t *row = NULL;
    json_array_foreach(effects, at, row)
    {
        (void)json_object_del(row, "frame");
        if (json_object_get(row, "compensation") != NULL) {
            (void)json_object_del(json_object_get(row, "compensation"), "frame");
        }
    }
    return code;
}

enum err verb_instances_describe(struct request *request, struct error *err)
{
    static const struct member members[] = {{"instance", MEMBER_TEXT, true},
                                            {"checkpoints", MEMBER_BOOL, false}};
    TRY(body_check(request, members, 2, err));
    struct id id;
    struct view view;
    TRY(body_instance(request, &id, err));
    TRY(view_load(request->control, &id, &view, err));
    json_t *reply = request->reply;
    json_t *steps = json_array();
    json_t *effects = json_array();
    json_t *gates = json_array();
    CHECK(steps != NULL);
    CHECK(effects != NULL);
    CHECK(gates != NULL);
    const struct instance *open = view.open;
    char reason[STEP_NAME_BYTES];
    view_reason(request->control, &view, reason, sizeof(reason));
    json_set_id(reply, "instance", &id);
    json_set_text(reply, "definition", view_definition(&view));
    json_set_digest(reply, "digest", open != NULL ? &open->definition : &view.done.definition);
    json_set_text(reply, "status", instance_status_name(view_status(&view)));
    json_set_text(reply, "reason", reason);
    json_set_text(reply, "trigger", open != NULL ? open->trigger : view.done.trigger);
    json_set(reply, "steps", steps);
    json_set(reply, "effects", effects);
    json_set(reply, "gates", gates);
    TRY(view_set_family(request, &view, err));
    if (json_bool_of(request->body, "checkpoints", false)) {
        TRY(view_set_checkpoints(request, &view, err));
    }
    if (open != NULL) {
        open_fill(request, open, steps, effects, gates);
        return ERR_OK;
    }
    return done_fill(request, &view, effects, err);
}

/* ---- wait ---- */

const struct id *gate_awaited(struct control *control, const struct instance *open)
{
    const struct id *found = NULL;
    for (uint32_t i = 0; i < open->frame_count && found == NULL; i++) {
        const struct frame *frame = open->frames[i];
        found = gate_of(control, open, frame);
        const struct gate *gate =
            found == NULL ? NULL : company_gate(control_company(control), found);
        found = gate != NULL && gate->probing ? NULL : found; /* nobody has to decide it */
        if (found == NULL && frame->has_child) {
            const struct instance *child =
                engine_instance(turn_engine(control->turn), &frame->child);
            found = child == NULL ? NULL : gate_awaited(control, child);
        }
    }
    return found;
}

enum err verb_wait(struct request *request, struct error *err)
{
    static const struct member members[] = {{"instance", MEMBER_TEXT, true},
                                            {"timeout_ms", MEMBER_COUNT, false}};
    TRY(body_check(request, members, 2, err));
    struct id id;
    struct view view;
    int64_t timeout = json_int_of(request->body, "timeout_ms", WAIT_DEFAULT_MS);
    if (timeout > WAIT_MAX_MS) {
        return error_set(err, ERR_INVALID, "timeout_ms is at most %d; ask again after that",
                         WAIT_MAX_MS);
    }
    TRY(body_instance(request, &id, err));
    TRY(view_load(request->control, &id, &view, err));
    json_t *ended = view.open != NULL ? NULL : ended_lately(request->control, &id);
    if (ended != NULL) {
        json_decref(request->reply);
        request->reply = ended;
        return ERR_OK;
    }
    const struct id *gate = view.open == NULL ? NULL : gate_awaited(request->control, view.open);
    if (view.open != NULL && gate == NULL) {
        return waiter_add(request, &id, timeout, err);
    }
    json_set_id(request->reply, "instance", &id);
    json_set_text(request->reply, "status", instance_status_name(view_status(&view)));
    if (gate != NULL) {
        json_set_id(request->reply, "gate", gate);
    }
    return view_set_outcome(request, &view, err);
}
