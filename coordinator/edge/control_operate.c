/*
 * instances.kill, pause, resume, retry, restart, and instances.cancel of many: which instances are
 * meant, what would become of each; and, unless only the plan is asked for, doing it. One request
 * looks at a page of them, so that thousands are dealt with by many requests and no turn is long.
 */
#include <string.h>

#include "common/base/str.h"
#include "coordinator/edge/control_private.h"

enum { EXAMINED_MAX = 5000, ROWS_MAX = 500 };

struct choice {
    struct request *request;
    enum operation operation;
    const char *definition; /* NULL: any */
    const char *status;     /* NULL: any that is open */
    int64_t before_ms;      /* only what started before; INT64_MAX: any */
    struct id *ids;
    size_t count;
    size_t limit;
    size_t examined;
    bool more;
    int64_t last_ms;
    struct id last;
};

/* ---- which ones ---- */

static const struct {
    const char *verb;
    enum operation operation;
} operations[] = {
    {"instances.cancel", OPERATE_CANCEL}, {"instances.kill", OPERATE_KILL},
    {"instances.pause", OPERATE_PAUSE},   {"instances.resume", OPERATE_RESUME},
    {"instances.retry", OPERATE_RETRY},   {"instances.restart", OPERATE_RESTART},
};

static enum operation operation_of(const char *verb)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(operations[i].verb, verb) == 0) {
            return operations[i].operation;
        }
    }
    UNREACHABLE();
}

static enum err choice_named(struct choice *choice, const json_t *list, struct error *err)
{
    size_t at = 0;
    const json_t *item = NULL;
    if (json_array_size(list) > choice->limit) {
        return error_set(err, ERR_LIMIT, "at most %zu instances at once", choice->limit);
    }
    json_array_foreach(list, at, item)
    {
        TRY(text_instance(choice->request, json_string_value(item), &choice->ids[choice->count],
                          err));
        choice->count++;
    }
    return ERR_OK;
}

/* Whether it is one of those asked for; false in *ret_go ends the page. */
static void choice_look(struct choice *choice, const struct id *id, const char *name,
                        enum instance_status status, int64_t started_ms, int64_t key_ms,
                        bool *ret_go)
{
    *ret_go = choice->count < choice->limit && choice->examined < EXAMINED_MAX;
    if (!*ret_go) {
        choice->more = true;
        return;
    }
    choice->examined++;
    choice->last_ms = key_ms;
    choice->last = *id;
    size_t size = choice->definition == NULL ? 0 : strlen(choice->definition);
    bool named = choice->definition == NULL || (strncmp(name, choice->definition, size) == 0 &&
                                                (name[size] == '\0' || name[size] == ':'));
    bool fits = choice->status == NULL || strcmp(choice->status, instance_status_name(status)) == 0;
    if (named && fits && started_ms < choice->before_ms) {
        choice->ids[choice->count++] = *id;
    }
}

static bool open_visit(void *user, struct instance *instance)
{
    struct choice *choice = user;
    bool go = true;
    const struct definition *definition =
        company_definition(control_company(choice->request->control), &instance->definition);
    choice_look(choice, &instance->id, definition->name, instance->status, instance->started_ms,
                instance->started_ms, &go);
    return go;
}

static bool done_visit(void *user, const struct id *id, const struct done *done)
{
    bool go = true;
    choice_look(user, id, done->name, done->status, done->started_ms, done->ended_ms, &go);
    return go;
}

static enum err choice_query(struct choice *choice, struct error *err)
{
    bool has_after = false;
    int64_t after_ms = 0;
    struct id after;
    struct tables *tables = turn_tables(choice->request->control->turn);
    const char *status = choice->status;
    TRY(body_cursor(choice->request, &has_after, &after_ms, &after, err));
    if (status != NULL && !status_is_open(status) && !status_is_done(status)) {
        return error_set(err, ERR_INVALID, "there is no status '%.64s'", status);
    }
    if (choice->operation == OPERATE_RESTART && (status == NULL || !status_is_done(status))) {
        return error_set(err, ERR_INVALID,
                         "say which to restart: 'status' is completed, faulted or cancelled");
    }
    if (status != NULL && status_is_done(status)) {
        return tables_each_done(tables, has_after ? after_ms : 0, &after, done_visit, choice, err);
    }
    return tables_each_open(tables, after_ms, has_after ? &after : NULL, open_visit, choice, err);
}

/* ---- what would become of them ---- */

/* The raw input of an ended instance, from its first event; NULL when it was erased. */
static bool input_visit(void *user, const struct view_event *at)
{
    struct doc **input = user;
    if (at->event->kind == EVENT_INSTANCE_STARTED && !at->erased && at->event->input != NULL) {
        *input = doc_ref(at->event->input);
    }
    return false;
}

static const char *done_refused(const struct choice *choice, const struct view *view)
{
    if (choice->operation == OPERATE_RETRY) {
        return "has ended already: 'mainstay instances restart' makes another one of it";
    }
    if (choice->operation != OPERATE_RESTART) {
        return "has ended already";
    }
    if (view->done.has_parent) {
        return "was run by a step of another instance: restart that one";
    }
    return view->definition == NULL || view->definition->retired_ms != 0
               ? "is of a version that is retired and starts nothing any more"
               : NULL;
}

/* The row of one instance; it is part of the command when nothing speaks against it. */
static json_t *row_json(struct choice *choice, const struct id *id, struct operate_item *ret_item,
                        bool *ret_goes)
{
    struct control *control = choice->request->control;
    struct view view;
    char text[STEP_NAME_BYTES];
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_id(row, "instance", id);
    *ret_goes = false;
    *ret_item = (struct operate_item){.instance = *id};
    if (view_load(control, id, &view, NULL) != ERR_OK) {
        json_set_text(row, "why", "is not known");
        return row;
    }
    json_set_text(row, "definition", view_definition(&view));
    json_set_text(row, "status", instance_status_name(view_status(&view)));
    const char *why = NULL;
    if (view.open != NULL) {
        const struct frame *leaf = view_leaf(view.open);
        if (leaf != NULL && leaf->node != PLAN_NONE) {
            frame_name(view.open, leaf, text, sizeof(text));
            json_set_text(row, "step", text);
        }
        why = engine_operation_refused(turn_engine(control->turn),
                                       engine_instance(turn_engine(control->turn), id),
                                       choice->operation);
    } else {
        why = done_refused(choice, &view);
        ret_item->definition = view.done.definition;
    }
    if (why == NULL && view.open == NULL) {
        struct error err = {0};
        if (view_each_event(control, &view, 0, input_visit, &ret_item->input, &err) != ERR_OK ||
            ret_item->input == NULL) {
            why = "has no input any more: it was erased";
        }
    }
    json_set_text(row, "why", why);
    *ret_goes = why == NULL;
    return row;
}

/* The engine's word on each instance replaces what was expected. */
void operate_fill(struct control *control, json_t *body, const struct reply_order *reply)
{
    size_t at = 0;
    json_t *row = NULL;
    uint32_t told = 0;
    json_array_foreach(json_object_get(body, "instances"), at, row)
    {
        char hex[ID_HEX_BYTES];
        const struct operated *operated = &reply->operated[told];
        if (told == reply->operated_count) {
            break;
        }
        id_hex(&operated->instance, hex);
        if (!text_equal(hex, json_text_of(row, "instance"))) {
            continue;
        }
        told++;
        json_set(row, "done", json_boolean(operated->why == NULL));
        json_set_text(row, "why", operated->why);
        if (operated->has_made) {
            json_set_id(row, "made", &operated->made);
        }
        struct view view;
        if (view_load(control, &operated->instance, &view, NULL) == ERR_OK) {
            json_set_text(row, "status", instance_status_name(view_status(&view)));
        }
    }
}

/* ---- the verb ---- */

static enum err choice_check(struct choice *choice, const json_t *list, struct error *err)
{
    const json_t *body = choice->request->body;
    bool all = json_bool_of(body, "all", false);
    int64_t older = json_int_of(body, "older_than_ms", 0);
    if ((list != NULL) == all) {
        return error_set(err, ERR_INVALID, "name 'instances', or say 'all' of a query");
    }
    if (list != NULL && (choice->definition != NULL || choice->status != NULL || older != 0)) {
        return error_set(err, ERR_INVALID,
                         "'definition', 'status' and 'older_than_ms' go with 'all' only");
    }
    if (older != 0) {
        choice->before_ms = control_now(choice->request->control) - older;
    }
    return ERR_OK;
}

/* Rows for the reply, and what of it is done by the engine. */
static void choice_rows(struct choice *choice, json_t *body, struct operate_item *items,
                        uint32_t *ret_count)
{
    json_t *rows = json_array();
    CHECK(rows != NULL);
    *ret_count = 0;
    for (size_t i = 0; i < choice->count; i++) {
        bool goes = false;
        json_t *row = row_json(choice, &choice->ids[i], &items[*ret_count], &goes);
        json_set(row, "done", json_boolean(goes));
        CHECK(request_add_row(choice->request, rows, row)); /* ROWS_MAX small ones always fit */
        *ret_count += goes ? 1 : 0;
    }
    json_set(body, "instances", rows);
    if (choice->more) {
        json_set(body, "next", cursor_json(choice->last_ms, &choice->last));
    }
}

enum err verb_instances_operate(struct request *request, struct error *err)
{
    static const struct member members[] = {
        {"instances", MEMBER_TEXTS, false},     {"all", MEMBER_BOOL, false},
        {"definition", MEMBER_TEXT, false},     {"status", MEMBER_TEXT, false},
        {"older_than_ms", MEMBER_COUNT, false}, {"plan", MEMBER_BOOL, false},
        {"reason", MEMBER_TEXT, false},         {"limit", MEMBER_COUNT, false},
        {"after", MEMBER_TEXT, false},
    };
    TRY(body_check(request, members, sizeof(members) / sizeof(members[0]), err));
    const json_t *list = json_object_get(request->body, "instances");
    const char *reason = json_text_of(request->body, "reason");
    struct choice choice = {.request = request,
                            .operation = operation_of(request->verb),
                            .definition = json_text_of(request->body, "definition"),
                            .status = json_text_of(request->body, "status"),
                            .before_ms = INT64_MAX};
    TRY(choice_check(&choice, list, err));
    TRY(body_limit(request, &choice.limit, err));
    choice.limit = choice.limit < ROWS_MAX ? choice.limit : ROWS_MAX;
    choice.ids = ARENA_ARRAY(request->arena, struct id, choice.limit + 1);
    struct operate_item *items = ARENA_ARRAY(request->arena, struct operate_item, choice.limit + 1);
    CHECK(choice.ids != NULL);
    CHECK(items != NULL);
    TRY(list != NULL ? choice_named(&choice, list, err) : choice_query(&choice, err));
    json_t *body = json_object();
    CHECK(body != NULL);
    uint32_t count = 0;
    choice_rows(&choice, body, items, &count);
    if (count == 0 || json_bool_of(request->body, "plan", false)) {
        json_decref(request->reply);
        request->reply = body;
    } else {
        pending_add(request, body);
        struct command command = {.kind = COMMAND_OPERATE};
        command.operate = (struct operate_command){.operation = choice.operation,
                                                   .items = items,
                                                   .count = count,
                                                   .request_id = request->request_id,
                                                   .reason = reason == NULL ? "" : reason,
                                                   .person = request->person};
        order_give(request, &command);
    }
    for (uint32_t i = 0; i < count; i++) {
        doc_unref(&items[i].input);
    }
    return ERR_OK;
}
