/*
 * Gates: what waits for a person.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "coordinator/edge/control_private.h"

static int gate_order(const void *a, const void *b)
{
    const struct gate *left = *(const struct gate *const *)a;
    const struct gate *right = *(const struct gate *const *)b;
    if (left->opened_ms != right->opened_ms) {
        return left->opened_ms < right->opened_ms ? -1 : 1;
    }
    return memcmp(left->id.bytes, right->id.bytes, sizeof(left->id.bytes));
}

/* Whether the gate is the company's and belongs to no instance. */
static bool gate_is_company(const struct gate *gate)
{
    return gate->kind == GATE_CLOCK || gate->agent != NULL;
}

static void gate_fill(struct request *request, json_t *row, const struct gate *gate,
                      const struct view *view)
{
    json_set_id(row, "gate", &gate->id);
    json_set_text(row, "kind", gate_kind_name(gate->kind));
    if (gate->agent != NULL) {
        json_set_text(row, "agent", gate->agent[0] == '\0' ? NULL : gate->agent);
        json_set_text(row, "action", gate->action[0] == '\0' ? NULL : gate->action);
        json_set_text(row,
                      gate->kind == GATE_CONTRACT ? "version"
                      : gate->kind == GATE_BUDGET ? "account"
                                                  : "host",
                      gate->scope[0] == '\0' ? NULL : gate->scope);
        json_set(row, "probing", json_boolean(gate->probing));
    }
    if (!gate_is_company(gate)) {
        json_set_id(row, "instance", &gate->instance);
        json_set_text(row, "definition", view->definition == NULL ? NULL : view->definition->name);
        json_set_text(row, "step", gate->step);
    }
    json_set_text(row, "title", gate->failure.title);
    json_set_text(row, "rationale", gate->failure.detail);
    if (gate->kind != GATE_APPROVAL) {
        json_set(row, "failure", failure_json(&gate->failure));
    }
    json_set_int(row, "revision", gate->revision);
    json_set_digest(row, "digest", &gate->digest);
    json_set_time(row, "opened_at", gate->opened_ms);
    json_set_time(row, "expires_at", gate->expires_ms);
    static const char *const asked[] = {"assignees", "deadline", "onTimeout", "escalated", "form"};
    for (size_t i = 0; gate->ask != NULL && i < sizeof(asked) / sizeof(asked[0]); i++) {
        json_t *value = json_object_get(doc_json(gate->ask), asked[i]);
        if (value != NULL) {
            json_set(row, asked[i], json_incref(value));
        }
    }
    request_set_doc(request, row, "proposal", gate->proposal, SIZE_MAX);
}

static enum err gate_view(struct request *request, const struct gate *gate, struct view *ret_view,
                          struct error *err)
{
    *ret_view = (struct view){.id = gate->instance};
    return gate_is_company(gate) ? ERR_OK
                                 : view_load(request->control, &gate->instance, ret_view, err);
}

/* All open gates, longest waiting first. */
static const struct gate **gates_sorted(struct request *request, size_t *ret_count)
{
    const struct map *gates = control_company(request->control)->gates;
    const struct gate **list =
        ARENA_ARRAY(request->arena, const struct gate *, map_count(gates) + 1);
    CHECK(list != NULL);
    size_t count = 0;
    size_t cursor = 0;
    const struct gate *gate = NULL;
    while ((gate = map_next(gates, &cursor, NULL, NULL)) != NULL) {
        list[count++] = gate;
    }
    qsort(list, count, sizeof(*list), gate_order);
    *ret_count = count;
    return list;
}

static bool gate_is_after(const struct gate *gate, int64_t ms, const struct id *id)
{
    return gate->opened_ms > ms ||
           (gate->opened_ms == ms && memcmp(gate->id.bytes, id->bytes, sizeof(id->bytes)) > 0);
}

enum err verb_gates_ls(struct request *request, struct error *err)
{
    static const struct member members[] = {{"limit", MEMBER_COUNT, false},
                                            {"after", MEMBER_TEXT, false}};
    TRY(body_check(request, members, 2, err));
    size_t limit = 0;
    bool has_after = false;
    int64_t after_ms = 0;
    struct id after;
    TRY(body_limit(request, &limit, err));
    TRY(body_cursor(request, &has_after, &after_ms, &after, err));
    json_t *rows = json_array();
    CHECK(rows != NULL);
    json_set(request->reply, "gates", rows);
    size_t count = 0;
    const struct gate **gates = gates_sorted(request, &count);
    const struct gate *last = NULL;
    for (size_t i = 0; i < count; i++) {
        if (has_after && !gate_is_after(gates[i], after_ms, &after)) {
            continue;
        }
        struct view view;
        TRY(gate_view(request, gates[i], &view, err));
        struct request sizes = {.room = request->room};
        json_t *row = json_object();
        CHECK(row != NULL);
        gate_fill(&sizes, row, gates[i], &view);
        bool full = json_array_size(rows) == limit;
        if (full) {
            json_decref(row);
        }
        if (full || !request_add_row(request, rows, row)) {
            CHECK(last != NULL); /* the first row always fits */
            json_set(request->reply, "next", cursor_json(last->opened_ms, &last->id));
            break;
        }
        last = gates[i];
    }
    return ERR_OK;
}

/* The instances that wait for a circuit, the first of them by name. */
static void gate_waiting(struct request *request, const struct gate *gate)
{
    enum { WAITING_SHOWN = 200 };
    struct id *ids = ARENA_ARRAY(request->arena, struct id, WAITING_SHOWN);
    CHECK(ids != NULL);
    size_t count =
        engine_circuit_waiting(turn_engine(request->control->turn), gate, ids, WAITING_SHOWN);
    json_t *list = json_array();
    CHECK(list != NULL);
    for (size_t i = 0; i < count && i < WAITING_SHOWN; i++) {
        char hex[ID_HEX_BYTES];
        id_hex(&ids[i], hex);
        CHECK(json_array_append_new(list, json_string(hex)) == 0);
    }
    json_set(request->reply, "waiting", list);
    json_set_int(request->reply, "waiting_count", (int64_t)count);
}

enum err verb_gates_describe(struct request *request, struct error *err)
{
    static const struct member members[] = {{"gate", MEMBER_TEXT, true}};
    TRY(body_check(request, members, 1, err));
    const struct gate *gate = NULL;
    struct view view;
    TRY(body_gate(request, &gate, err));
    TRY(gate_view(request, gate, &view, err));
    gate_fill(request, request->reply, gate, &view);
    json_set_text(request->reply, "pointer", gate->failure.pointer);
    if (gate->agent != NULL) {
        gate_waiting(request, gate);
    }
    const struct frame *frame = view.open == NULL ? NULL : instance_frame(view.open, gate->frame);
    if (frame != NULL && gate->kind != GATE_APPROVAL) {
        request_set_doc(request, request->reply, "input", frame->call_input, SIZE_MAX);
    }
    request_set_doc(request, request->reply, "correction", gate->failure.correction, SIZE_MAX);
    return ERR_OK;
}
