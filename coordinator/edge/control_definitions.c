/*
 * Versions of definitions: describe, diff, retire.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/definition/compare.h"
#include "coordinator/definition/expr.h"
#include "coordinator/edge/control_private.h"

enum { NAME_BYTES = 160 };

void definition_fill(json_t *row, const struct definition *definition)
{
    json_set_text(row, "definition", definition->name);
    json_set_digest(row, "digest", &definition->plan->digest);
    json_set_time(row, "deployed_at", definition->deployed_ms);
    json_set_time(row, "retired_at", definition->retired_ms);
    json_set(row, "newest", json_boolean(definition->latest));
    json_set_int(row, "open",
                 (int64_t)(definition->open.running + definition->open.waiting +
                           definition->open.suspended));
}

/* What the hint says of a name that is not there: most likely its namespace was left out. */
static enum err definition_missing(const struct company *company, const char *name,
                                   struct error *err)
{
    size_t cursor = 0;
    const struct definition *definition = NULL;
    size_t size = strlen(name);
    while ((definition = map_next(company->definitions, &cursor, NULL, NULL)) != NULL) {
        const char *slash = strchr(definition->name, '/');
        if (slash != NULL && strncmp(slash + 1, name, size) == 0 &&
            (slash[1 + size] == ':' || slash[1 + size] == '\0')) {
            return error_set(err, ERR_NOT_FOUND, "no definition '%.200s' is deployed; '%.*s' is",
                             name, (int)(slash + 1 - definition->name + (int)size),
                             definition->name);
        }
    }
    return error_set(err, ERR_NOT_FOUND,
                     "no definition '%.200s' is deployed; see `mainstay definitions ls`", name);
}

enum err definition_find(struct request *request, const char *name,
                         const struct definition **ret_definition, struct error *err)
{
    const struct company *company = control_company(request->control);
    *ret_definition = company_find_definition(company, name);
    if (*ret_definition == NULL) {
        *ret_definition = company_newest_definition(company, name);
        if (*ret_definition == NULL || strchr(name, ':') != NULL) {
            return definition_missing(company, name, err);
        }
    }
    return ERR_OK;
}

/* ---- describe ---- */

const char *contract_bound(const struct company *company, const struct plan_agent_call *call,
                           bool *ret_live)
{
    const char *bound = NULL;
    size_t cursor = 0;
    const struct contract *contract = NULL;
    while ((contract = map_next(company->contracts, &cursor, NULL, NULL)) != NULL) {
        if (strcmp(contract->agent, call->agent) == 0 &&
            plan_version_in_range(contract->version, call->contract) &&
            contract_action(contract, call->action) != NULL &&
            (bound == NULL || plan_version_compare(bound, contract->version) < 0)) {
            bound = contract->version;
        }
    }
    *ret_live = false;
    cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(company->stores, &cursor, NULL, NULL)) != NULL) {
        if (store->state == STORE_LIVE && strcmp(store->agent, call->agent) == 0 &&
            plan_version_in_range(store->contract->version, call->contract) &&
            contract_action(store->contract, call->action) != NULL &&
            (!*ret_live || plan_version_compare(bound, store->contract->version) < 0)) {
            bound = store->contract->version;
            *ret_live = true;
        }
    }
    return bound;
}

static bool contract_listed(const json_t *list, const struct plan_agent_call *call)
{
    size_t at = 0;
    const json_t *row = NULL;
    json_array_foreach(list, at, row)
    {
        if (text_equal(json_text_of(row, "agent"), call->agent) &&
            text_equal(json_text_of(row, "action"), call->action) &&
            text_equal(json_text_of(row, "contract"), call->contract)) {
            return true;
        }
    }
    return false;
}

static json_t *contract_json(const struct company *company, const struct plan_agent_call *call)
{
    bool live = false;
    const char *bound = contract_bound(company, call, &live);
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_text(row, "agent", call->agent);
    json_set_text(row, "action", call->action);
    json_set_text(row, "contract", call->contract);
    json_set_text(row, "bound", bound);
    json_set(row, "live", json_boolean(live));
    return row;
}

static json_t *step_json(const struct plan_node *node)
{
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_text(row, "step", node->pointer);
    json_set_text(row, "task", plan_node_word(node));
    if (node->kind == TASK_AGENT) {
        json_set_text(row, "agent", node->call.agent);
        json_set_text(row, "action", node->call.action);
    }
    return row;
}

static json_t *versions_json(const struct company *company, const struct definition *definition)
{
    json_t *rows = json_array();
    CHECK(rows != NULL);
    size_t size = strcspn(definition->name, ":") + 1;
    size_t cursor = 0;
    const struct definition *other = NULL;
    while ((other = map_next(company->definitions, &cursor, NULL, NULL)) != NULL) {
        if (strncmp(other->name, definition->name, size) != 0) {
            continue;
        }
        json_t *row = json_object();
        CHECK(row != NULL);
        definition_fill(row, other);
        size_t at = 0; /* newest first */
        while (at < json_array_size(rows) &&
               plan_version_compare(
                   strchr(json_text_of(json_array_get(rows, at), "definition"), ':') + 1,
                   other->plan->version) > 0) {
            at++;
        }
        CHECK(json_array_insert_new(rows, at, row) == 0);
    }
    return rows;
}

static void plan_fill(struct request *request, const struct plan *plan)
{
    const struct company *company = control_company(request->control);
    json_t *steps = json_array();
    json_t *contracts = json_array();
    json_t *externals = json_array();
    CHECK(steps != NULL && contracts != NULL && externals != NULL);
    json_set(request->reply, "steps", steps);
    json_set(request->reply, "contracts", contracts);
    json_set(request->reply, "externals", externals);
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const struct plan_node *node = &plan->nodes[i];
        (void)request_add_row(request, steps, step_json(node));
        if (node->kind == TASK_AGENT && !contract_listed(contracts, &node->call)) {
            (void)request_add_row(request, contracts, contract_json(company, &node->call));
        }
    }
    for (size_t i = 0; i < plan->external_count; i++) {
        (void)request_add_row(request, externals, json_string(expr_text(plan->externals[i])));
    }
}

/* What waits for the others of a start. */
struct gathered_rows {
    struct request *request;
    json_t *rows;
};

static bool gathered_add(void *user, const json_t *envelope, int64_t expires_ms)
{
    struct gathered_rows *gathered = user;
    if (expires_ms <= control_now(gathered->request->control)) {
        return true;
    }
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_text(row, "type", json_text_of(envelope, "type"));
    json_set_text(row, "source", json_text_of(envelope, "source"));
    json_set_text(row, "id", json_text_of(envelope, "id"));
    json_set_time(row, "forgotten_at", expires_ms);
    return request_add_row(gathered->request, gathered->rows, row) &&
           json_array_size(gathered->rows) < CONTROL_LIST_DEFAULT;
}

static enum err gathered_fill(struct request *request, const struct definition *definition,
                              struct error *err)
{
    char name[NAME_BYTES];
    struct gathered_rows gathered = {.request = request, .rows = json_array()};
    CHECK(gathered.rows != NULL);
    json_set(request->reply, "gathered", gathered.rows);
    (void)snprintf(name, sizeof(name), "%s/%s", definition->plan->namespace_,
                   definition->plan->name);
    return tables_each_gathered(turn_tables(request->control->turn), name, gathered_add, &gathered,
                                err);
}

enum err verb_definitions_describe(struct request *request, struct error *err)
{
    static const struct member members[] = {{"definition", MEMBER_TEXT, true}};
    TRY(body_check(request, members, 1, err));
    const struct definition *definition = NULL;
    TRY(definition_find(request, json_text_of(request->body, "definition"), &definition, err));
    json_t *reply = request->reply;
    definition_fill(reply, definition);
    json_set_text(reply, "title", definition->plan->title);
    json_set_text(reply, "file", definition->file);
    json_set_text(reply, "reason", definition->retired_reason);
    json_set(reply, "open", open_count_json(&definition->open));
    json_set(reply, "triggers", triggers_json(definition->plan));
    schedule_fill(control_company(request->control), definition, reply);
    json_set(reply, "versions", versions_json(control_company(request->control), definition));
    plan_fill(request, definition->plan);
    if (definition->plan->trigger != NULL && definition->plan->trigger->gathers) {
        TRY(gathered_fill(request, definition, err));
    }
    if (strlen(definition->text) < request->room) {
        json_set_text(reply, "text", definition->text);
    }
    return ERR_OK;
}

/* ---- diff ---- */

/* The definition that member `name` names, or the text that `text` holds; *ret_own is to be
 * destroyed by the caller. */
static enum err side_load(struct request *request, const char *name, const char *text,
                          struct plan **ret_own, const struct plan **ret_plan, struct error *err)
{
    const char *given = json_text_of(request->body, name);
    const char *own = json_text_of(request->body, text);
    if ((given == NULL) == (own == NULL)) {
        return error_set(err, ERR_INVALID, "give '%s', a definition, or '%s', a text", name, text);
    }
    if (own == NULL) {
        const struct definition *definition = NULL;
        TRY(definition_find(request, given, &definition, err));
        *ret_plan = definition->plan;
        return ERR_OK;
    }
    struct plan_report report;
    enum err code = plan_load(own, strlen(own), ret_own, &report);
    if (code != ERR_OK) {
        const struct plan_problem *first = report.count > 0 ? &report.problems[0] : NULL;
        code = error_set(err, ERR_INVALID, "the text is no definition: %u:%u: %.300s",
                         first == NULL ? 0 : first->line, first == NULL ? 0 : first->column,
                         first == NULL ? "unreadable" : first->message);
    }
    *ret_plan = *ret_own;
    plan_report_release(&report);
    return code;
}

static void side_fill(struct request *request, const char *name, const struct plan *plan)
{
    json_set(request->reply, name,
             json_sprintf("%s/%s:%s", plan->namespace_, plan->name, plan->version));
}

enum err verb_definitions_diff(struct request *request, struct error *err)
{
    static const struct member members[] = {{"from", MEMBER_TEXT, false},
                                            {"from_text", MEMBER_TEXT, false},
                                            {"to", MEMBER_TEXT, false},
                                            {"to_text", MEMBER_TEXT, false}};
    TRY(body_check(request, members, 4, err));
    struct plan *owned[2] = {NULL, NULL};
    const struct plan *from = NULL;
    const struct plan *to = NULL;
    enum err code = side_load(request, "from", "from_text", &owned[0], &from, err);
    if (code == ERR_OK) {
        code = side_load(request, "to", "to_text", &owned[1], &to, err);
    }
    if (code == ERR_OK) {
        side_fill(request, "from", from);
        side_fill(request, "to", to);
        json_set(request->reply, "changes", plan_diff(from, to));
    }
    plan_destroy(&owned[0]);
    plan_destroy(&owned[1]);
    return code;
}

/* ---- retire ---- */

enum err verb_definitions_retire(struct request *request, struct error *err)
{
    static const struct member members[] = {{"definition", MEMBER_TEXT, true},
                                            {"reason", MEMBER_TEXT, false},
                                            {"force", MEMBER_BOOL, false}};
    TRY(body_check(request, members, 3, err));
    const char *name = json_text_of(request->body, "definition");
    const char *reason = json_text_of(request->body, "reason");
    const struct definition *definition = NULL;
    struct digest digest;
    if (strchr(name, ':') == NULL && !digest_of_hex(name, &digest)) {
        return error_set(err, ERR_INVALID, "name the version to retire: '%.200s:VERSION'", name);
    }
    TRY(definition_find(request, name, &definition, err));
    json_t *body = json_object();
    CHECK(body != NULL);
    json_set_text(body, "definition", definition->name);
    json_set(body, "open", open_count_json(&definition->open));
    pending_add(request, body);
    struct command command = {.kind = COMMAND_RETIRE};
    command.retire = (struct retire_command){
        .definition = definition->name,
        .reason = reason == NULL ? "" : reason,
        .person = request->person,
        .force = json_bool_of(request->body, "force", false),
    };
    order_give(request, &command);
    return ERR_OK;
}
