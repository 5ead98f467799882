/*
 * instances.migrate: which instances can move to another version and why not the others; and,
 * unless only the plan is asked for, moving them.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/edge/control_choice.h"
#include "coordinator/engine/migration.h"

enum { WHY_BYTES = 512, PASSED_BYTES = 2048 };

struct moving {
    struct choice choice;
    const char *to; /* a version */
};

/* ---- which ones ---- */

static bool moving_visit(void *user, struct instance *instance)
{
    struct moving *moving = user;
    struct choice *choice = &moving->choice;
    const struct definition *definition =
        company_definition(control_company(choice->request->control), &instance->definition);
    if (!choice_look(choice, &instance->id, instance->started_ms)) {
        return false;
    }
    if (choice_fits(choice, definition->name, instance->status) &&
        strcmp(definition->plan->version, moving->to) != 0) {
        choice_add(choice, &instance->id);
    }
    return true;
}

static enum err moving_query(struct moving *moving, struct error *err)
{
    struct request *request = moving->choice.request;
    bool has_after = false;
    int64_t after_ms = 0;
    struct id after;
    TRY(body_cursor(request, &has_after, &after_ms, &after, err));
    return tables_each_open(turn_tables(request->control->turn), after_ms,
                            has_after ? &after : NULL, moving_visit, moving, err);
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

static json_t *row_json(const struct moving *moving, const struct id *id)
{
    struct request *request = moving->choice.request;
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
    row_plan(request, row, view.open, view.definition, moving->to);
    return row;
}

static json_t *rows_json(const struct moving *moving)
{
    json_t *rows = json_array();
    CHECK(rows != NULL);
    for (size_t i = 0; i < moving->choice.count; i++) {
        (void)request_add_row(moving->choice.request, rows,
                              row_json(moving, &moving->choice.ids[i]));
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

static enum err moving_check(const struct choice *choice, const json_t *list, struct error *err)
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
    struct moving moving = {.to = json_text_of(request->body, "to")};
    TRY(choice_begin(&moving.choice, request, CONTROL_LIST_MAX, err));
    TRY(moving_check(&moving.choice, list, err));
    TRY(list != NULL ? choice_named(&moving.choice, list, err) : moving_query(&moving, err));
    json_t *body = json_object();
    CHECK(body != NULL);
    json_set_text(body, "to", moving.to);
    json_set(body, "instances", rows_json(&moving));
    choice_next(&moving.choice, body);
    if (moving.choice.count == 0 || json_bool_of(request->body, "plan", false)) {
        json_decref(request->reply);
        request->reply = body;
        return ERR_OK;
    }
    pending_add(request, body);
    struct command command = {.kind = COMMAND_MIGRATE};
    command.migrate = (struct migrate_command){
        .instances = moving.choice.ids,
        .count = (uint32_t)moving.choice.count,
        .version = moving.to,
        .reason = reason == NULL ? "" : reason,
        .person = request->person,
    };
    order_give(request, &command);
    return ERR_OK;
}
