/*
 * Orders: deploy, run, cancel, verdict. Each makes one command of the open turn; the reply comes
 * with the commit.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/definition/expr.h"
#include "coordinator/edge/control_private.h"
#include "coordinator/edge/zones.h"

void order_give(struct request *request, struct command *command)
{
    command->token = request->token;
    turn_command(request->control->turn, command);
}

static enum err request_id_check(const struct request *request, struct error *err)
{
    if (request->request_id[0] == '\0') {
        return error_set(err, ERR_INVALID,
                         "%s needs a request id, which makes it safe to ask again", request->verb);
    }
    return ERR_OK;
}

/* ---- deploy ---- */

static json_t *problems_json(const struct plan_problem *problems, size_t count)
{
    json_t *list = json_array();
    CHECK(list != NULL);
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_object();
        CHECK(row != NULL);
        if (problems[i].line != 0) {
            json_set_int(row, "line", problems[i].line);
            json_set_int(row, "column", problems[i].column);
        }
        json_set(row, "pointer", json_string(problems[i].pointer));
        json_set_text(row, "message", problems[i].message);
        json_set_text(row, "hint", problems[i].hint);
        CHECK(json_array_append_new(list, row) == 0);
    }
    return list;
}

static enum err deploy_refused(struct request *request, enum err code,
                               const struct plan_report *report, struct error *err)
{
    json_set(request->reply, "problems", problems_json(report->problems, report->count));
    json_set(request->reply, "wanted", plan_wanted_json(report));
    if (report->count == 0) {
        return error_set(err, code, "the definition cannot be read");
    }
    const struct plan_problem *first = &report->problems[0];
    const char *file = json_text_of(request->body, "file");
    return error_set(err, code, "%zu problem%s: %.100s%s%u:%u: %.300s", report->count,
                     report->count == 1 ? "" : "s, the first", file == NULL ? "" : file,
                     file == NULL ? "" : ":", first->line, first->column, first->message);
}

static bool missing_listed(const json_t *list, const struct plan_agent_call *call)
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

/* What the definition asks of agents and no known contract promises: it may come later. */
static json_t *missing_json(const struct company *company, const struct plan *plan)
{
    json_t *list = json_array();
    CHECK(list != NULL);
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const struct plan_agent_call *call = &plan->nodes[i].call;
        bool live = false;
        if (plan->nodes[i].kind != TASK_AGENT || contract_bound(company, call, &live) != NULL ||
            missing_listed(list, call)) {
            continue;
        }
        json_t *row = json_object();
        CHECK(row != NULL);
        json_set_text(row, "agent", call->agent);
        json_set_text(row, "action", call->action);
        json_set_text(row, "contract", call->contract);
        CHECK(json_array_append_new(list, row) == 0);
    }
    return list;
}

static json_t *deployed_json(const struct company *company, const struct plan *plan,
                             const struct plan_report *report)
{
    json_t *body = json_object();
    json_t *externals = json_array();
    CHECK(body != NULL);
    CHECK(externals != NULL);
    for (size_t i = 0; i < plan->external_count; i++) {
        CHECK(json_array_append_new(externals, json_string(expr_text(plan->externals[i]))) == 0);
    }
    json_set(body, "definition",
             json_sprintf("%s/%s:%s", plan->namespace_, plan->name, plan->version));
    json_set_digest(body, "digest", &plan->digest);
    json_set(body, "warnings", problems_json(report->warnings, report->warning_count));
    json_set(body, "externals", externals);
    json_set(body, "missing", missing_json(company, plan));
    return body;
}

enum err verb_deploy(struct request *request, struct error *err)
{
    static const struct member members[] = {
        {"text", MEMBER_TEXT, true}, {"file", MEMBER_TEXT, false}, {"force", MEMBER_BOOL, false}};
    TRY(body_check(request, members, 3, err));
    const char *text = json_text_of(request->body, "text");
    const char *file = json_text_of(request->body, "file");
    if (strlen(text) > LIMIT_DEFINITION_BYTES) {
        return error_set(err, ERR_LIMIT,
                         "the definition has %zu bytes, %d are allowed (LIMIT_DEFINITION_BYTES)",
                         strlen(text), LIMIT_DEFINITION_BYTES);
    }
    struct plan *plan = NULL;
    struct plan_report report;
    enum err code = plan_load(text, strlen(text), &plan, &report);
    const char *zone = code == ERR_OK ? plan->schedule.zone : NULL;
    if (zone != NULL && zones_learn(request->control->turn, zone, err) != ERR_OK) {
        code = zones_check(plan, &report);
    }
    if (code == ERR_OK) {
        code = needs_check(control_company(request->control), plan, &report);
    }
    if (code == ERR_OK) {
        pending_add(request, deployed_json(control_company(request->control), plan, &report));
        struct command command = {.kind = COMMAND_DEPLOY};
        command.deploy = (struct deploy_command){
            .plan = &plan,
            .text = text,
            .file = file == NULL ? "" : file,
            .person = request->person,
            .force = json_bool_of(request->body, "force", false),
        };
        order_give(request, &command);
    } else if (code == ERR_INVALID || plan != NULL) {
        code = deploy_refused(request, code, &report, err);
    } else {
        code = error_set(err, code, "the definition cannot be read: %s",
                         report.count > 0 ? report.problems[0].message : error_text(code));
    }
    plan_destroy(&plan);
    plan_report_release(&report);
    return code;
}

/* ---- run ---- */

enum err verb_run(struct request *request, struct error *err)
{
    static const struct member members[] = {{"definition", MEMBER_TEXT, true},
                                            {"input", MEMBER_ANY, false}};
    TRY(body_check(request, members, 2, err));
    TRY(request_id_check(request, err));
    const struct definition *definition = company_find_definition(
        control_company(request->control), json_text_of(request->body, "definition"));
    TRY(control_admit(request->control,
                      definition != NULL && definition->plan->priority == PLAN_PRIORITY_MOST, err));
    json_t *input = json_object_get(request->body, "input");
    input = input != NULL ? json_incref(input) : json_object();
    CHECK(input != NULL);
    struct doc *doc = doc_of_json(input);
    size_t size = 0;
    (void)doc_text(doc, &size);
    if (size > LIMIT_VALUE_BYTES) {
        doc_unref(&doc);
        return error_set(err, ERR_LIMIT,
                         "the input has %zu bytes, %d are allowed (LIMIT_VALUE_BYTES)", size,
                         LIMIT_VALUE_BYTES);
    }
    json_t *body = json_object();
    pending_add(request, body);
    struct command command = {.kind = COMMAND_RUN};
    command.run = (struct run_command){
        .definition = json_text_of(request->body, "definition"),
        .request_id = request->request_id,
        .person = request->person,
        .input = doc,
    };
    order_give(request, &command);
    doc_unref(&doc);
    return ERR_OK;
}

/* ---- cancel ---- */

enum err verb_cancel(struct request *request, struct error *err)
{
    if (json_object_get(request->body, "instance") == NULL) {
        return verb_instances_operate(request, err);
    }
    static const struct member members[] = {{"instance", MEMBER_TEXT, true},
                                            {"reason", MEMBER_TEXT, false}};
    TRY(body_check(request, members, 2, err));
    const char *reason = json_text_of(request->body, "reason");
    struct command command = {.kind = COMMAND_CANCEL};
    TRY(body_instance(request, &command.cancel.instance, err));
    command.cancel.reason = reason == NULL ? "" : reason;
    command.cancel.person = request->person;
    pending_add(request, json_object());
    order_give(request, &command);
    return ERR_OK;
}

/* ---- lost ---- */

enum err verb_lost(struct request *request, struct error *err)
{
    static const struct member members[] = {{"store", MEMBER_TEXT, true},
                                            {"agent", MEMBER_TEXT, false},
                                            {"reason", MEMBER_TEXT, false},
                                            {"force", MEMBER_ANY, false}};
    TRY(body_check(request, members, sizeof(members) / sizeof(members[0]), err));
    const char *reason = json_text_of(request->body, "reason");
    struct command command = {.kind = COMMAND_LOST};
    command.lost = (struct lost_command){
        .agent = json_text_of(request->body, "agent"),
        .store = json_text_of(request->body, "store"),
        .reason = reason == NULL ? "" : reason,
        .person = request->person,
        .force = json_is_true(json_object_get(request->body, "force")),
    };
    pending_add(request, json_object());
    order_give(request, &command);
    return ERR_OK;
}

/* ---- verdict ---- */

static enum err verdict_read(const char *text, uint32_t *ret_verdict, struct error *err)
{
    if (strcmp(text, "approve") == 0) {
        *ret_verdict = VERDICT_APPROVE;
    } else if (strcmp(text, "edit") == 0) {
        *ret_verdict = VERDICT_EDIT;
    } else if (strcmp(text, "reject") == 0) {
        *ret_verdict = VERDICT_REJECT;
    } else if (strcmp(text, "yes") == 0) {
        *ret_verdict = VERDICT_YES;
    } else if (strcmp(text, "no") == 0) {
        *ret_verdict = VERDICT_NO;
    } else {
        return error_set(err, ERR_INVALID,
                         "verdict '%.64s' is not approve, edit, reject, yes or no", text);
    }
    return ERR_OK;
}

static enum err verdict_fill(struct request *request, const struct gate *gate,
                             struct verdict_command *verdict, struct error *err)
{
    const char *digest = json_text_of(request->body, "digest");
    int64_t revision = json_int_of(request->body, "revision", 0);
    const char *reason = json_text_of(request->body, "reason");
    TRY(verdict_read(json_text_of(request->body, "verdict"), &verdict->verdict, err));
    if (revision > UINT32_MAX) {
        return error_set(err, ERR_INVALID, "revision %lld was never given", (long long)revision);
    }
    verdict->revision = (uint32_t)revision;
    verdict->has_digest = digest != NULL;
    if (digest != NULL && !digest_of_hex(digest, &verdict->digest)) {
        return error_set(err, ERR_INVALID,
                         "digest must be the 64 hex digits the gate was shown "
                         "with");
    }
    json_t *value = json_object_get(request->body, "value");
    if (value == NULL && verdict->verdict == VERDICT_EDIT) {
        return error_set(err, ERR_INVALID, "to edit, give the corrected input as 'value'");
    }
    bool raises = verdict->verdict == VERDICT_APPROVE && gate->kind == GATE_BUDGET;
    if (value != NULL && verdict->verdict != VERDICT_EDIT && verdict->verdict != VERDICT_YES &&
        !raises) {
        return error_set(err, ERR_INVALID,
                         "a value goes with verdict 'edit' or 'yes' only, and with 'approve' of a "
                         "budget");
    }
    verdict->value = value == NULL ? NULL : doc_of_json(json_incref(value));
    verdict->reason = reason == NULL ? "" : reason;
    verdict->person = request->person;
    return ERR_OK;
}

enum err verb_verdict(struct request *request, struct error *err)
{
    static const struct member members[] = {
        {"gate", MEMBER_TEXT, true},       {"verdict", MEMBER_TEXT, true},
        {"value", MEMBER_ANY, false},      {"reason", MEMBER_TEXT, false},
        {"revision", MEMBER_COUNT, false}, {"digest", MEMBER_TEXT, false},
    };
    TRY(body_check(request, members, sizeof(members) / sizeof(members[0]), err));
    const struct gate *gate = NULL;
    struct command command = {.kind = COMMAND_VERDICT};
    TRY(body_gate(request, &gate, err));
    TRY(verdict_fill(request, gate, &command.verdict, err));
    command.verdict.gate = gate->id;
    json_t *body = json_object();
    CHECK(body != NULL);
    json_set_id(body, "gate", &gate->id);
    pending_add(request, body);
    order_give(request, &command);
    doc_unref(&command.verdict.value);
    return ERR_OK;
}
