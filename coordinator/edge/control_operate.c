/*
 * instances.kill, pause, resume, retry, restart, rewind, fork, and instances.cancel of many: which
 * instances are meant, what would become of each; and, unless only the plan is asked for, doing it.
 */
#include <string.h>

#include "common/base/str.h"
#include "coordinator/edge/control_choice.h"

enum {
    ROWS_MAX = 500,
    ROWS_FEW = 10, /* so many can say much each */
    LINES_FEW = 64,
    LINES_MANY = 6,
};

struct operating {
    struct choice choice;
    enum operation operation;
    int64_t before_ms; /* only what started before; INT64_MAX: any */
    const char *step;  /* rewind, fork: the one to go to; else NULL */
    bool force;
};

/* ---- which ones ---- */

static const struct {
    const char *verb;
    enum operation operation;
} operations[] = {
    {"instances.cancel", OPERATE_CANCEL}, {"instances.kill", OPERATE_KILL},
    {"instances.pause", OPERATE_PAUSE},   {"instances.resume", OPERATE_RESUME},
    {"instances.retry", OPERATE_RETRY},   {"instances.restart", OPERATE_RESTART},
    {"instances.rewind", OPERATE_REWIND}, {"instances.fork", OPERATE_FORK},
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

/* One of a query; false ends the page. */
static bool operating_look(struct operating *operating, const struct id *id, const char *name,
                           enum instance_status status, int64_t started_ms, int64_t key_ms)
{
    struct choice *choice = &operating->choice;
    if (!choice_look(choice, id, key_ms)) {
        return false;
    }
    if (choice_fits(choice, name, status) && started_ms < operating->before_ms) {
        choice_add(choice, id);
    }
    return true;
}

static bool open_visit(void *user, struct instance *instance)
{
    struct operating *operating = user;
    const struct definition *definition = company_definition(
        control_company(operating->choice.request->control), &instance->definition);
    return operating_look(operating, &instance->id, definition->name, instance->status,
                          instance->started_ms, instance->started_ms);
}

static bool done_visit(void *user, const struct id *id, const struct done *done)
{
    return operating_look(user, id, done->name, done->status, done->started_ms, done->ended_ms);
}

static enum err operating_query(struct operating *operating, struct error *err)
{
    bool has_after = false;
    int64_t after_ms = 0;
    struct id after;
    struct tables *tables = turn_tables(operating->choice.request->control->turn);
    const char *status = operating->choice.status;
    TRY(body_cursor(operating->choice.request, &has_after, &after_ms, &after, err));
    if (status != NULL && !status_is_open(status) && !status_is_done(status)) {
        return error_set(err, ERR_INVALID, "there is no status '%.64s'", status);
    }
    if (operating->operation == OPERATE_RESTART && (status == NULL || !status_is_done(status))) {
        return error_set(err, ERR_INVALID,
                         "say which to restart: 'status' is completed, faulted or cancelled");
    }
    if (status != NULL && status_is_done(status)) {
        return tables_each_done(tables, has_after ? after_ms : 0, &after, done_visit, operating,
                                err);
    }
    return tables_each_open(tables, after_ms, has_after ? &after : NULL, open_visit, operating,
                            err);
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

static const char *done_refused(const struct operating *operating, const struct view *view)
{
    if (operating->operation == OPERATE_REWIND) {
        return "has ended already, and cannot go back";
    }
    if (operating->operation == OPERATE_RETRY) {
        return "has ended already: 'mainstay instances restart' makes another one of it";
    }
    if (operating->operation != OPERATE_RESTART && operating->operation != OPERATE_FORK) {
        return "has ended already";
    }
    if (view->done.has_parent) {
        return operating->operation == OPERATE_FORK
                   ? "was run by a step of another instance: fork that one"
                   : "was run by a step of another instance: restart that one";
    }
    return view->definition == NULL || view->definition->retired_ms != 0
               ? "is of a version that is retired and starts nothing any more"
               : NULL;
}

/* What speaks against going back; the point is the item's when nothing does. */
static const char *point_refused(const struct operating *operating, const struct view *view,
                                 struct operate_item *item)
{
    const char *why = NULL;
    struct error err = {0};
    struct request *request = operating->choice.request;
    if (view_point(request, view, operating->step, operating->force, &item->point, &why, &err) !=
        ERR_OK) {
        return "has a journal that cannot be read";
    }
    return why != NULL ? why
                       : engine_rewind_refused(turn_engine(request->control->turn), view->open,
                                               operating->force, &item->point);
}

/* The same of forking; the row says what is done again. */
static const char *fork_refused(const struct operating *operating, const struct view *view,
                                struct operate_item *item, json_t *row)
{
    const char *why = NULL;
    struct error err = {0};
    struct fork_ask ask = {.step = operating->step,
                           .force = operating->force,
                           .lines = operating->choice.count <= ROWS_FEW ? LINES_FEW : LINES_MANY};
    if (view->definition == NULL || view->definition->retired_ms != 0) {
        return "is of a version that is retired and starts nothing any more";
    }
    if (view_fork(operating->choice.request, view, &ask, item, row, &why, &err) != ERR_OK) {
        return "has a journal that cannot be read";
    }
    return why;
}

/* What an ended one is restarted with. */
static const char *input_missing(const struct operating *operating, const struct view *view,
                                 struct operate_item *item)
{
    struct error err = {0};
    item->definition = view->done.definition;
    bool known = view_each_event(operating->choice.request->control, view, 0, input_visit,
                                 &item->input, &err) == ERR_OK;
    return known && item->input != NULL ? NULL : "has no input any more: it was erased";
}

/* The row of one instance; it is part of the command when nothing speaks against it. */
static json_t *row_json(const struct operating *operating, const struct id *id,
                        struct operate_item *ret_item, bool *ret_goes)
{
    struct control *control = operating->choice.request->control;
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
                                       operating->operation);
        if (why == NULL && operating->operation == OPERATE_REWIND) {
            why = point_refused(operating, &view, ret_item);
        }
    } else {
        why = done_refused(operating, &view);
    }
    if (why == NULL && operating->operation == OPERATE_FORK) {
        why = fork_refused(operating, &view, ret_item, row);
    } else if (why == NULL && view.open == NULL) {
        why = input_missing(operating, &view, ret_item);
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

static enum err operating_check(struct operating *operating, const json_t *list, struct error *err)
{
    const json_t *body = operating->choice.request->body;
    bool all = json_bool_of(body, "all", false);
    int64_t older = json_int_of(body, "older_than_ms", 0);
    bool back = operating->operation == OPERATE_REWIND;
    bool forks = operating->operation == OPERATE_FORK;
    const char *to = json_text_of(body, "to");
    const char *from = json_text_of(body, "from");
    operating->step = back ? to : from;
    if ((back || forks) && operating->step == NULL) {
        return error_set(err, ERR_INVALID, "name the step to %s",
                         back ? "go back to: 'to'" : "fork from: 'from'");
    }
    if ((!back && to != NULL) || (!forks && from != NULL)) {
        return error_set(err, ERR_INVALID,
                         "'to' goes with instances.rewind only, 'from' with instances.fork");
    }
    if (!back && !forks && operating->force) {
        return error_set(err, ERR_INVALID,
                         "'force' goes with instances.rewind and instances.fork only");
    }
    if ((list != NULL) == all) {
        return error_set(err, ERR_INVALID, "name 'instances', or say 'all' of a query");
    }
    if (list != NULL &&
        (operating->choice.definition != NULL || operating->choice.status != NULL || older != 0)) {
        return error_set(err, ERR_INVALID,
                         "'definition', 'status' and 'older_than_ms' go with 'all' only");
    }
    if (older != 0) {
        operating->before_ms = control_now(operating->choice.request->control) - older;
    }
    return ERR_OK;
}

static void item_release(struct operate_item *item)
{
    doc_unref(&item->input);
    doc_unref(&item->point.data);
    doc_unref(&item->point.context);
    doc_unref(&item->point.entered);
}

/* Rows for the reply, and what of it is done by the engine. */
static void operating_rows(const struct operating *operating, json_t *body,
                           struct operate_item *items, uint32_t *ret_count)
{
    const struct choice *choice = &operating->choice;
    json_t *rows = json_array();
    CHECK(rows != NULL);
    *ret_count = 0;
    for (size_t i = 0; i < choice->count; i++) {
        bool goes = false;
        json_t *row = row_json(operating, &choice->ids[i], &items[*ret_count], &goes);
        json_set(row, "done", json_boolean(goes));
        CHECK(request_add_row(choice->request, rows, row)); /* ROWS_MAX small ones always fit */
        if (goes) {
            (*ret_count)++;
        } else {
            item_release(&items[*ret_count]);
        }
    }
    json_set(body, "instances", rows);
    choice_next(choice, body);
}

enum err verb_instances_operate(struct request *request, struct error *err)
{
    static const struct member members[] = {
        {"instances", MEMBER_TEXTS, false},     {"all", MEMBER_BOOL, false},
        {"definition", MEMBER_TEXT, false},     {"status", MEMBER_TEXT, false},
        {"older_than_ms", MEMBER_COUNT, false}, {"plan", MEMBER_BOOL, false},
        {"reason", MEMBER_TEXT, false},         {"limit", MEMBER_COUNT, false},
        {"after", MEMBER_TEXT, false},          {"to", MEMBER_TEXT, false},
        {"from", MEMBER_TEXT, false},           {"force", MEMBER_BOOL, false},
    };
    TRY(body_check(request, members, sizeof(members) / sizeof(members[0]), err));
    const json_t *list = json_object_get(request->body, "instances");
    const char *reason = json_text_of(request->body, "reason");
    struct operating operating = {.operation = operation_of(request->verb),
                                  .before_ms = INT64_MAX,
                                  .force = json_bool_of(request->body, "force", false)};
    struct choice *choice = &operating.choice;
    TRY(choice_begin(choice, request, ROWS_MAX, err));
    TRY(operating_check(&operating, list, err));
    struct operate_item *items =
        ARENA_ARRAY(request->arena, struct operate_item, choice->limit + 1);
    CHECK(items != NULL);
    TRY(list != NULL ? choice_named(choice, list, err) : operating_query(&operating, err));
    json_t *body = json_object();
    CHECK(body != NULL);
    uint32_t count = 0;
    operating_rows(&operating, body, items, &count);
    if (count == 0 || json_bool_of(request->body, "plan", false)) {
        json_decref(request->reply);
        request->reply = body;
    } else {
        pending_add(request, body);
        struct command command = {.kind = COMMAND_OPERATE};
        command.operate = (struct operate_command){.operation = operating.operation,
                                                   .items = items,
                                                   .count = count,
                                                   .request_id = request->request_id,
                                                   .force = operating.force,
                                                   .reason = reason == NULL ? "" : reason,
                                                   .person = request->person};
        order_give(request, &command);
    }
    for (uint32_t i = 0; i < count; i++) {
        item_release(&items[i]);
    }
    return ERR_OK;
}
