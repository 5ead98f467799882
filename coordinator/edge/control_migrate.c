/*
 * instances.migrate: which instances can move to another version and why not the others; and,
 * unless only the plan is asked for, moving them. One request looks at a page of them, so that
 * thousands are moved by many requests and no turn is long.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/edge/control_private.h"
#include "coordinator/engine/migration.h"

enum { EXAMINED_MAX = 5000, FOUND_MAX = 2, WHY_BYTES = 512, PASSED_BYTES = 2048 };

struct choice {
    struct request *request;
    const char *to;         /* a version */
    const char *definition; /* NULL: any */
    const char *status;     /* NULL: any */
    struct id *ids;
    size_t count;
    size_t limit;
    size_t examined;
    bool more;
    int64_t last_ms;
    struct id last;
};

/* ---- which ones ---- */

static enum err choice_add(struct choice *choice, const char *text, struct error *err)
{
    struct id found[FOUND_MAX];
    size_t digits = strlen(text);
    bool whole = id_of_hex(text, &found[0]);
    size_t count =
        whole ? 1
        : digits >= CONTROL_PREFIX_MIN
            ? tables_find(turn_tables(choice->request->control->turn), text, found, FOUND_MAX)
            : 0;
    if (count != 1) {
        return error_set(err, count == 0 ? ERR_NOT_FOUND : ERR_INVALID,
                         count == 0 ? "there is no instance whose id begins with %.64s"
                                    : "'%.64s' is the beginning of several instances",
                         text);
    }
    choice->ids[choice->count++] = found[0];
    return ERR_OK;
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
        TRY(choice_add(choice, json_string_value(item), err));
    }
    return ERR_OK;
}

static bool choice_visit(void *user, struct instance *instance)
{
    struct choice *choice = user;
    const struct definition *definition =
        company_definition(control_company(choice->request->control), &instance->definition);
    if (choice->count == choice->limit || choice->examined == EXAMINED_MAX) {
        choice->more = true;
        return false;
    }
    choice->examined++;
    choice->last_ms = instance->started_ms;
    choice->last = instance->id;
    size_t size = strlen(choice->definition);
    bool fits = strncmp(definition->name, choice->definition, size) == 0 &&
                (definition->name[size] == '\0' || definition->name[size] == ':') &&
                strcmp(definition->plan->version, choice->to) != 0 &&
                (choice->status == NULL ||
                 strcmp(choice->status, instance_status_name(instance->status)) == 0);
    if (fits) {
        choice->ids[choice->count++] = instance->id;
    }
    return true;
}

static enum err choice_query(struct choice *choice, struct error *err)
{
    bool has_after = false;
    int64_t after_ms = 0;
    struct id after;
    TRY(body_cursor(choice->request, &has_after, &after_ms, &after, err));
    return tables_each_open(turn_tables(choice->request->control->turn), after_ms,
                            has_after ? &after : NULL, choice_visit, choice, err);
}

/* ---- what would become of them ---- */

static void row_step(json_t *row, const struct instance *open)
{
    char step[STEP_NAME_BYTES];
    const struct frame *leaf = instance_leaf(open);
    if (leaf != NULL && leaf->node != PLAN_NONE) {
        frame_name(open, leaf, step, sizeof(step));
        json_set_text(row, "step", step);
    }
}

static void row_plan(struct request *request, json_t *row, const struct instance *open,
                     const struct definition *from, const char *version)
{
    char why[WHY_BYTES];
    const struct definition *to =
        migration_target(control_company(request->control), from, version);
    if (to == NULL || to->retired_ms != 0) {
        (void)snprintf(why, sizeof(why), "version %.64s is %s", version,
                       to == NULL ? "not deployed" : "retired");
        json_set_text(row, "why", why);
        return;
    }
    struct migration *migration = migration_create(from->plan, to->plan);
    bool moves = migration_fits(migration, open, why, sizeof(why));
    json_set(row, "moves", json_boolean(moves));
    json_set_text(row, "why", moves ? NULL : why);
    struct buf passed = BUF_INIT(PASSED_BYTES);
    if (moves) {
        migration_passed(migration, open, &passed);
        json_set_text(row, "passed", passed.failed ? "many" : passed.data);
    }
    buf_release(&passed);
    migration_destroy(&migration);
}

static json_t *row_json(struct choice *choice, const struct id *id)
{
    struct request *request = choice->request;
    struct view view;
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_id(row, "instance", id);
    json_set(row, "moves", json_false());
    if (view_load(request->control, id, &view, NULL) != ERR_OK || view.open == NULL) {
        json_set_text(row, "why", "is not open");
        return row;
    }
    json_set_text(row, "definition", view.definition->name);
    json_set_text(row, "status", instance_status_name(view.open->status));
    row_step(row, view.open);
    row_plan(request, row, view.open, view.definition, choice->to);
    return row;
}

static json_t *rows_json(struct choice *choice)
{
    json_t *rows = json_array();
    CHECK(rows != NULL);
    for (size_t i = 0; i < choice->count; i++) {
        (void)request_add_row(choice->request, rows, row_json(choice, &choice->ids[i]));
    }
    return rows;
}

/* The engine's word on each instance replaces what was expected. */
void migrate_fill(json_t *body, const struct reply_order *reply)
{
    const json_t *rows = json_object_get(body, "instances");
    for (uint32_t i = 0; i < reply->migrated_count; i++) {
        json_t *row = json_array_get(rows, i);
        const char *why = reply->migrated[i].why;
        json_set(row, "moves", json_boolean(why == NULL));
        (void)json_object_del(row, "why");
        json_set_text(row, "why", why);
    }
}

static enum err choice_check(const struct choice *choice, const json_t *list, struct error *err)
{
    if ((list == NULL) == (choice->definition == NULL)) {
        return error_set(err, ERR_INVALID,
                         "name 'instances', or the 'definition' whose instances are to move");
    }
    if (list != NULL && choice->status != NULL) {
        return error_set(err, ERR_INVALID, "'status' goes with 'definition' only");
    }
    return ERR_OK;
}

enum err verb_instances_migrate(struct request *request, struct error *err)
{
    static const struct member members[] = {
        {"to", MEMBER_TEXT, true},          {"instances", MEMBER_TEXTS, false},
        {"definition", MEMBER_TEXT, false}, {"status", MEMBER_TEXT, false},
        {"plan", MEMBER_BOOL, false},       {"reason", MEMBER_TEXT, false},
        {"limit", MEMBER_COUNT, false},     {"after", MEMBER_TEXT, false},
    };
    TRY(body_check(request, members, sizeof(members) / sizeof(members[0]), err));
    const json_t *list = json_object_get(request->body, "instances");
    const char *reason = json_text_of(request->body, "reason");
    struct choice choice = {.request = request,
                            .to = json_text_of(request->body, "to"),
                            .definition = json_text_of(request->body, "definition"),
                            .status = json_text_of(request->body, "status")};
    TRY(choice_check(&choice, list, err));
    TRY(body_limit(request, &choice.limit, err));
    choice.ids = ARENA_ARRAY(request->arena, struct id, choice.limit + 1);
    CHECK(choice.ids != NULL);
    TRY(list != NULL ? choice_named(&choice, list, err) : choice_query(&choice, err));
    json_t *body = json_object();
    CHECK(body != NULL);
    json_set_text(body, "to", choice.to);
    json_set(body, "instances", rows_json(&choice));
    if (choice.more) {
        json_set(body, "next", cursor_json(choice.last_ms, &choice.last));
    }
    if (choice.count == 0 || json_bool_of(request->body, "plan", false)) {
        json_decref(request->reply);
        request->reply = body;
        return ERR_OK;
    }
    pending_add(request, body);
    struct command command = {.kind = COMMAND_MIGRATE};
    command.migrate = (struct migrate_command){
        .instances = choice.ids,
        .count = (uint32_t)choice.count,
        .version = choice.to,
        .reason = reason == NULL ? "" : reason,
        .person = request->person,
    };
    order_give(request, &command);
    return ERR_OK;
}
