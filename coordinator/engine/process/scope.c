/*
 * What expressions see: `.`, $context, $input, $output, $task, $workflow, $runtime and the
 * variables of the scopes around.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/json/schema.h"
#include "coordinator/engine/process/process.h"

void scope_release(struct scope *scope)
{
    json_decref(scope->task);
    json_decref(scope->workflow);
    json_decref(scope->pending_input);
    scope->task = NULL;
    scope->workflow = NULL;
    scope->pending_input = NULL;
}

static json_t *time_value(int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    (void)clock_format(ms, text);
    return json_pack("{s:s, s:{s:I, s:I}}", "iso8601", text, "epoch", "seconds",
                     (json_int_t)(ms / 1000), "milliseconds", (json_int_t)ms);
}

/*
 * In a block of an extension $task describes the extended task, with what it says itself
 * ($task.with) beside name, reference and definition; `input` in a `before`, `output` in an
 * `after`.
 */
static json_t *extended_value(const struct scope *scope)
{
    const struct plan_node *nodes = scope->instance->plan->nodes;
    const struct plan_node *about = &nodes[scope->node->about];
    const struct plan_node *block = scope->node;
    struct doc *given = scope->raw_input;
    const struct frame *frame = scope->frame;
    while (frame != NULL && frame->node != PLAN_NONE && nodes[frame->node].about != PLAN_NONE) {
        block = &nodes[frame->node];
        given = frame->raw_input;
        frame = instance_frame(scope->instance, frame->parent);
    }
    json_t *task = json_copy(json_mutable(about->definition));
    CHECK(task != NULL);
    json_t *rest = json_pack(
        "{s:s, s:s, s:O, s:o, s:O}", "name", about->name, "reference", about->pointer, "definition",
        json_mutable(about->definition), "startedAt", time_value(scope->started_ms),
        block->block.bypass == PLAN_NONE ? "output" : "input", doc_json(given));
    CHECK(rest != NULL && json_object_update(task, rest) == 0);
    json_decref(rest);
    return task;
}

static const json_t *task_value(struct scope *scope)
{
    if (scope->task == NULL && scope->node != NULL && scope->node->about != PLAN_NONE) {
        scope->task = extended_value(scope);
    } else if (scope->task == NULL && scope->node != NULL) {
        json_t *task = json_pack(
            "{s:s, s:s, s:O, s:O, s:o}", "name", scope->node->name, "reference",
            scope->node->pointer, "definition", json_mutable(scope->node->definition), "input",
            doc_json(scope->raw_input), "startedAt", time_value(scope->started_ms));
        CHECK(task != NULL);
        if (scope->raw_output != NULL) {
            CHECK(json_object_set(task, "output", doc_json(scope->raw_output)) == 0);
        }
        scope->task = task;
    }
    return scope->task;
}

static const json_t *workflow_value(struct scope *scope)
{
    if (scope->workflow == NULL) {
        const struct instance *instance = scope->instance;
        char id[ID_HEX_BYTES];
        id_hex(&instance->id, id);
        scope->workflow = json_pack(
            "{s:s, s:O, s:O, s:o}", "id", id, "definition", json_mutable(instance->plan->document),
            "input", doc_json(instance->input), "startedAt", time_value(instance->started_ms));
        CHECK(scope->workflow != NULL);
    }
    return scope->workflow;
}

static const json_t *runtime_value(struct scope *scope)
{
    const char *version = scope->engine->options.version;
    json_t *value = json_pack("{s:s, s:s, s:{}}", "name", "mainstay", "version",
                              version == NULL ? "0" : version, "metadata");
    CHECK(value != NULL);
    return engine_hold_json(scope->engine, value);
}

static const json_t *frame_variable(const struct scope *scope, const char *name)
{
    const struct frame *frame = scope->frame;
    while (frame != NULL) {
        if (frame->vars != NULL) {
            const json_t *value = json_object_get(doc_json(frame->vars), name);
            if (value != NULL) {
                return value;
            }
        }
        frame = instance_frame(scope->instance, frame->parent);
    }
    return NULL;
}

static const json_t *scope_variable(void *user, const char *name)
{
    struct scope *scope = user;
    const json_t *extra = scope->extra == NULL ? NULL : json_object_get(scope->extra, name);
    if (extra != NULL) {
        return extra;
    }
    if (strcmp(name, "context") == 0) {
        return doc_json(scope->context != NULL ? scope->context
                                               : *instance_context(scope->instance, scope->frame));
    }
    if (strcmp(name, "input") == 0 && scope->input != NULL) {
        return doc_json(scope->input);
    }
    if (strcmp(name, "output") == 0 && scope->output != NULL) {
        return doc_json(scope->output);
    }
    if (strcmp(name, "task") == 0) {
        return task_value(scope);
    }
    if (strcmp(name, "workflow") == 0) {
        return workflow_value(scope);
    }
    if (strcmp(name, "runtime") == 0) {
        return runtime_value(scope);
    }
    return frame_variable(scope, name);
}

static enum err scope_external(void *user, const struct expr *expr, const json_t *input,
                               json_t **ret_value, struct error *err)
{
    struct scope *scope = user;
    const struct evaluated *known = frame_evaluated(scope->frame, expr_id(expr));
    if (known == NULL) {
        scope->pending = expr;
        json_decref(scope->pending_input);
        scope->pending_input = json_incref(json_mutable(input));
        return error_set(err, ERR_UNAVAILABLE, "not evaluated yet");
    }
    if (known->failed) {
        return error_set(err, ERR_INVALID, "%s", json_string_value(doc_json(known->value)));
    }
    *ret_value = json_incref(doc_json(known->value));
    return ERR_OK;
}

static struct expr_scope scope_open(struct scope *scope, struct doc *dot)
{
    return (struct expr_scope){
        .input = doc_json(dot),
        .user = scope,
        .variable = scope_variable,
        .external = scope->no_external ? NULL : scope_external,
    };
}

/* An object with the variables the pending expression uses. */
static json_t *pending_variables(struct scope *scope)
{
    json_t *variables = json_object();
    CHECK(variables != NULL);
    const char *const *names = NULL;
    size_t count = expr_variables(scope->pending, &names);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = scope_variable(scope, names[i]);
        if (value != NULL) {
            CHECK(json_object_set(variables, names[i], json_mutable(value)) == 0);
        }
    }
    return variables;
}

static enum eval scope_ask(struct scope *scope)
{
    struct engine *engine = scope->engine;
    struct doc *input = engine_hold(engine, doc_of_json(json_incref(scope->pending_input)));
    struct event event = engine_event(scope->instance, EVENT_EVALUATION_ASKED);
    event.frame = scope->frame->id;
    event.count = expr_id(scope->pending);
    event.input = input;
    json_t *variables = engine_hold_json(engine, pending_variables(scope));
    struct order *order = engine_order(engine, ORDER_EVALUATE, 0);
    order->evaluate = (struct evaluate_order){
        .instance = scope->instance->id,
        .frame = scope->frame->id,
        .expr = scope->pending,
        .input = input,
        .variables = variables,
    };
    scope->frame->awaited = expr_id(scope->pending);
    if (scope->frame->state != FRAME_EVALUATING) { /* else it is asked again after a start */
        engine_emit(engine, &event);
    }
    return EVAL_PENDING;
}

static enum eval scope_failed(struct scope *scope, enum err code, const struct error *err)
{
    if (code == ERR_UNAVAILABLE && scope->pending != NULL) {
        return scope_ask(scope);
    }
    const char *pointer = scope->node == NULL ? "/" : scope->node->pointer;
    scope->error = error_make(scope->engine, "expression", 400, pointer,
                              "an expression could not be evaluated", err->message);
    return EVAL_ERROR;
}

/* What a template gives is kept, and may be many times what it was made of. */
static enum eval scope_bounded(struct scope *scope, struct doc *value)
{
    if (value == NULL || doc_fits(value, LIMIT_DOCUMENT_BYTES)) {
        return EVAL_OK;
    }
    const char *pointer = scope->node == NULL ? "/" : scope->node->pointer;
    scope->error = error_make(scope->engine, "runtime", 500, pointer,
                              "a value of this task is larger than 4 MB",
                              "LIMIT_DOCUMENT_BYTES: keep less of it (output.as, export.as)");
    return EVAL_ERROR;
}

bool scope_sendable(struct scope *scope, struct doc *value, const struct scope_bound *bound)
{
    size_t size = 0;
    (void)doc_text(value, &size);
    if (size <= bound->most) {
        return true;
    }
    char title[80];
    char detail[160];
    (void)snprintf(title, sizeof(title), "%s is larger than %zu KB", bound->what,
                   bound->most / 1024);
    (void)snprintf(detail, sizeof(detail),
                   "it has %zu bytes, %zu are allowed (%s): give only the part that is needed",
                   size, bound->most, bound->limit);
    scope->error =
        error_make(scope->engine, "validation", 400, scope->node->pointer, title, detail);
    return false;
}

enum eval scope_template(struct scope *scope, const struct template *tmpl, struct doc *dot,
                         struct doc **ret_value)
{
    if (tmpl == NULL) {
        *ret_value = dot;
        return scope_bounded(scope, dot);
    }
    struct expr_scope open = scope_open(scope, dot);
    struct error err = {0};
    json_t *value = NULL;
    enum err code = template_eval(tmpl, &open, &value, &err);
    if (code != ERR_OK) {
        return scope_failed(scope, code, &err);
    }
    *ret_value = engine_hold(scope->engine, doc_of_json(value));
    return scope_bounded(scope, *ret_value);
}

enum eval scope_value(struct scope *scope, const struct expr *expr, struct doc *dot,
                      struct doc **ret_value)
{
    struct expr_scope open = scope_open(scope, dot);
    struct error err = {0};
    json_t *value = NULL;
    enum err code = expr_eval(expr, &open, &value, &err);
    if (code != ERR_OK) {
        return scope_failed(scope, code, &err);
    }
    *ret_value = engine_hold(scope->engine, doc_of_json(value));
    return EVAL_OK;
}

enum eval scope_truth(struct scope *scope, const struct expr *expr, struct doc *dot, bool *ret_true)
{
    if (expr == NULL) {
        *ret_true = true;
        return EVAL_OK;
    }
    struct doc *value = NULL;
    enum eval eval = scope_value(scope, expr, dot, &value);
    if (eval == EVAL_OK) {
        *ret_true = expr_truth(doc_json(value));
    }
    return eval;
}

enum eval scope_duration(struct scope *scope, const struct plan_duration *duration, struct doc *dot,
                         int64_t *ret_ms)
{
    if (duration->tmpl == NULL) {
        *ret_ms = duration->ms;
        return EVAL_OK;
    }
    struct doc *value = NULL;
    enum eval eval = scope_template(scope, duration->tmpl, dot, &value);
    if (eval != EVAL_OK) {
        return eval;
    }
    struct error err = {0};
    enum err code = plan_duration_parse(doc_json(value), ret_ms, &err);
    if (code != ERR_OK) {
        return scope_failed(scope, code, &err);
    }
    return EVAL_OK;
}

enum eval scope_schema(struct scope *scope, const struct schema *schema, struct doc *value,
                       const char *what)
{
    if (schema == NULL) {
        return EVAL_OK;
    }
    struct schema_failures failures;
    if (schema_validate(schema, doc_json(value), &failures)) {
        return EVAL_OK;
    }
    struct buf words = BUF_INIT(4096);
    buf_printf(&words, "the %s breaks its schema: ", what);
    schema_failures_print(&failures, &words);
    const char *pointer = scope->node == NULL ? "/" : scope->node->pointer;
    scope->error = error_make(scope->engine, "validation", 400, pointer,
                              "a value breaks its schema", words.data);
    buf_release(&words);
    return EVAL_ERROR;
}

enum eval scope_output(struct scope *scope, const struct plan_data *data, struct doc *raw,
                       struct doc **ret_output, struct doc **ret_context)
{
    *ret_context = NULL;
    scope->raw_output = raw;
    json_decref(scope->task); /* built before the task had an output */
    scope->task = NULL;
    enum eval eval = scope_template(scope, data->output_as, raw, ret_output);
    if (eval == EVAL_OK) {
        eval = scope_schema(scope, data->output_schema, *ret_output, "output");
    }
    if (eval == EVAL_OK && data->export_as != NULL) {
        scope->output = *ret_output;
        eval = scope_template(scope, data->export_as, *ret_output, ret_context);
        if (eval == EVAL_OK) {
            eval = scope_schema(scope, data->export_schema, *ret_context, "exported context");
        }
    }
    return eval;
}

struct doc *error_make(struct engine *engine, const char *type, int status, const char *pointer,
                       const char *title, const char *detail)
{
    json_t *error = json_pack("{s:s, s:i, s:s, s:s, s:s*}", "type", plan_error_type(type), "status",
                              status, "instance", pointer, "title", title, "detail", detail);
    CHECK(error != NULL);
    return engine_hold(engine, doc_of_json(error));
}

struct doc *error_of_failure(struct engine *engine, const struct failure *failure,
                             const char *pointer)
{
    static const struct {
        const char *type;
        int status;
    } kinds[] = {
        [FAILURE_NONE] = {"runtime", 500},      [FAILURE_TRANSIENT] = {"communication", 503},
        [FAILURE_DATA] = {"validation", 400},   [FAILURE_PERMISSION] = {"authorization", 403},
        [FAILURE_CONTRACT] = {"runtime", 500},  [FAILURE_QUALITY] = {"runtime", 422},
        [FAILURE_BUDGET] = {"runtime", 402},    [FAILURE_IN_DOUBT] = {"runtime", 500},
        [FAILURE_CANCELLED] = {"runtime", 499},
    };
    size_t index = (size_t)failure->failure_class;
    if (index >= sizeof(kinds) / sizeof(kinds[0])) {
        index = FAILURE_NONE;
    }
    /* A status is the world's own answer: what definitions see of it is a communication error. */
    bool answered = failure->status != 0;
    const char *type = answered ? "communication" : kinds[index].type;
    int status = answered ? (int)failure->status : kinds[index].status;
    struct buf detail = BUF_INIT(8192);
    buf_printf(&detail, "%s", failure->code);
    if (failure->detail[0] != '\0') {
        buf_printf(&detail, ": %s", failure->detail);
    }
    struct doc *error = error_make(engine, type, status, pointer, failure->title,
                                   detail.failed ? failure->code : detail.data);
    buf_release(&detail);
    return error;
}
