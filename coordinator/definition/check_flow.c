/* do, set, switch, for, try, raise, wait. */
#include <stdio.h>
#include <string.h>

#include "coordinator/definition/load.h"

void check_do(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    const char *pointer = load_printf(load, "%s/do", task->pointer);
    uint32_t first = check_tasks(load, yaml_get(node, "do"), pointer, task->index);
    task->block.first = first;
    task->block.bypass = PLAN_NONE;
}

void check_set(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    const struct yaml_node *set = yaml_get(node, "set");
    const char *inside;
    bool expression = json_is_string(set->value) &&
                      check_embrace(load, json_string_value(set->value), &inside) != 0;
    if (!expression && check_is_object(load, set, "'set'") && set->count == 0) {
        report_problem(load->report, set, NULL, "'set' needs at least one member");
    }
    task->set = check_template(load, set, PLACE_TASK);
}

static void check_case(struct load *load, const struct yaml_node *item, uint32_t from,
                       struct switch_case *result)
{
    static const char *const allowed[] = {"when", "then", NULL};
    if (!check_is_object(load, item, "a case of 'switch'")) {
        return;
    }
    if (item->count != 1) {
        report_problem(load->report, item, "start each case with '- name:'",
                       "a case of 'switch' has one key, its name, not %zu", item->count);
        return;
    }
    const struct yaml_node *body = item->items[0];
    result->name = body->key;
    if (!check_is_object(load, body, "a case of 'switch'")) {
        return;
    }
    check_keys(load, body, "a case of 'switch'", allowed, NULL);
    result->when = check_expression(load, yaml_get(body, "when"), "'when'", PLACE_TASK);
    check_flow(load, check_required(load, body, "then", "a case of 'switch'"), &result->then, from);
}

static void check_case_names(struct load *load, const struct yaml_node *cases,
                             const struct switch_case *rows)
{
    const struct yaml_node *fallback = NULL;
    for (size_t i = 0; i < cases->count; i++) {
        for (size_t j = 0; rows[i].name != NULL && j < i; j++) {
            if (rows[j].name != NULL && strcmp(rows[i].name, rows[j].name) == 0) {
                report_problem(load->report, cases->items[i], NULL,
                               "the case '%.64s' is in this switch twice", rows[i].name);
            }
        }
        const struct yaml_node *body =
            cases->items[i]->count == 1 ? cases->items[i]->items[0] : NULL;
        if (body == NULL || !json_is_object(body->value) || yaml_get(body, "when") != NULL) {
            continue;
        }
        if (fallback != NULL) {
            report_problem(load->report, cases->items[i], "give all but one of them a 'when'",
                           "a switch has one default, this is the second (first at line %u)",
                           fallback->line);
        }
        fallback = cases->items[i];
    }
}

void check_switch(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    const struct yaml_node *cases = yaml_get(node, "switch");
    if (!check_is_array(load, cases, "'switch'")) {
        return;
    }
    if (cases->count == 0) {
        report_problem(load->report, cases, NULL, "'switch' needs at least one case");
    }
    struct switch_case *rows = ARENA_ARRAY(load->arena, struct switch_case, cases->count + 1);
    if (rows == NULL) {
        load->failed = true;
        return;
    }
    for (size_t i = 0; i < cases->count; i++) {
        check_case(load, cases->items[i], task->index, &rows[i]);
    }
    check_case_names(load, cases, rows);
    task->choice.cases = rows;
    task->choice.count = cases->count;
}

/* The specification's schema has objects only in a list that is written out. */
static void check_inline_items(struct load *load, const struct yaml_node *in)
{
    for (size_t i = 0; i < in->count; i++) {
        const struct yaml_node *item = in->items[i];
        if (!json_is_object(item->value)) {
            report_problem(load->report, item, "make the list one expression: in: '${ [1, 2] }'",
                           "an item written under 'in' must be an object, not %s",
                           check_type_text(item));
        }
    }
}

void check_for(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"each", "in", "at", NULL};
    const struct yaml_node *loop = yaml_get(node, "for");
    struct plan_for *result = &task->loop;
    *result = (struct plan_for){.each = "item", .at = "index", .first = PLAN_NONE};
    size_t scope = load->scope_count;
    if (check_is_object(load, loop, "'for'")) {
        check_keys(load, loop, "'for'", allowed, NULL);
        const struct yaml_node *in = check_required(load, loop, "in", "'for'");
        if (in != NULL && !json_is_string(in->value) && !json_is_array(in->value)) {
            report_problem(load->report, in, NULL, "'in' must be an expression or an array, not %s",
                           check_type_text(in));
        } else {
            if (in != NULL && json_is_array(in->value)) {
                check_inline_items(load, in);
            }
            result->in = check_shape(load, in, "'in'", PLACE_TASK);
        }
        result->each = check_variable_name(load, yaml_get(loop, "each"), "'each'", "item");
        result->at = check_variable_name(load, yaml_get(loop, "at"), "'at'", "index");
        if (strcmp(result->each, result->at) == 0) {
            report_problem(load->report, loop, NULL, "'each' and 'at' are both called '%s'",
                           result->at);
        }
    }
    load_scope_push(load, node, result->each);
    load_scope_push(load, node, result->at);
    result->condition = check_expression(load, yaml_get(node, "while"), "'while'", PLACE_TASK);
    const struct yaml_node *body = check_required(load, node, "do", "a 'for' task");
    const char *pointer = load_printf(load, "%s/do", task->pointer);
    uint32_t first = check_tasks(load, body, pointer, task->index);
    task->loop.first = first;
    load->scope_count = scope;
}

static void check_filter(struct load *load, const struct yaml_node *errors,
                         struct error_filter *filter)
{
    static const char *const errors_keys[] = {"with", NULL};
    static const char *const with_keys[] = {"type",   "status",  "instance", "title",
                                            "detail", "details", NULL};
    if (errors == NULL || !check_is_object(load, errors, "'errors'")) {
        return;
    }
    check_keys(load, errors, "'errors' of catch", errors_keys, NULL);
    const struct yaml_node *with = check_required(load, errors, "with", "'errors' of catch");
    if (with == NULL || !check_is_object(load, with, "'with'")) {
        return;
    }
    check_keys(load, with, "'with' of an error filter", with_keys, NULL);
    filter->present = true;
    filter->type = check_text(load, yaml_get(with, "type"), "'type'");
    filter->instance = check_text(load, yaml_get(with, "instance"), "'instance'");
    filter->title = check_text(load, yaml_get(with, "title"), "'title'");
    const struct yaml_node *details = yaml_get(with, "details"); /* as 1.0.3 has it, for `detail` */
    if (details != NULL && yaml_get(with, "detail") != NULL) {
        report_key(load->report, details, NULL, "'detail' and 'details' are the same: one of them");
    }
    details = details == NULL ? yaml_get(with, "detail") : details;
    filter->detail = check_text(load, details, "'detail'");
    const struct yaml_node *status = yaml_get(with, "status");
    if (status != NULL) {
        filter->status = check_integer(load, status, "'status'", 1, 999);
    }
}

static void check_catch(struct load *load, const struct yaml_node *catch_node,
                        struct plan_node *task)
{
    static const char *const allowed[] = {"errors", "as", "when", "exceptWhen",
                                          "retry",  "do", "then", NULL};
    struct plan_try *attempt = &task->attempt;
    if (!check_is_object(load, catch_node, "'catch'")) {
        return;
    }
    check_keys(load, catch_node, "'catch'", allowed, NULL);
    check_filter(load, yaml_get(catch_node, "errors"), &attempt->filter);
    attempt->as = check_variable_name(load, yaml_get(catch_node, "as"), "'as'", "error");
    size_t scope = load->scope_count;
    load_scope_push(load, catch_node, attempt->as);
    load->native_in = "a condition of 'catch'";
    attempt->when = check_expression(load, yaml_get(catch_node, "when"), "'when'", PLACE_TASK);
    attempt->except_when =
        check_expression(load, yaml_get(catch_node, "exceptWhen"), "'exceptWhen'", PLACE_TASK);
    attempt->retry = check_retry(load, yaml_get(catch_node, "retry"), PLACE_TASK);
    load->native_in = NULL;
    const struct yaml_node *then = yaml_get(catch_node, "then");
    attempt->has_then = then != NULL;
    check_flow(load, then, &attempt->then, task->index);
    const char *pointer = load_printf(load, "%s/catch/do", task->pointer);
    attempt->catch_first = check_tasks(load, yaml_get(catch_node, "do"), pointer, task->index);
    load->scope_count = scope;
}

void check_try(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    task->attempt = (struct plan_try){.as = "error",
                                      .first = PLAN_NONE,
                                      .catch_first = PLAN_NONE,
                                      .then = {FLOW_CONTINUE, PLAN_NONE}};
    const char *pointer = load_printf(load, "%s/try", task->pointer);
    task->attempt.first = check_tasks(load, yaml_get(node, "try"), pointer, task->index);
    const struct yaml_node *catch_node = check_required(load, node, "catch", "a 'try' task");
    if (catch_node != NULL) {
        check_catch(load, catch_node, task);
    }
}

void check_raise(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"error", NULL};
    const struct yaml_node *raise = yaml_get(node, "raise");
    if (!check_is_object(load, raise, "'raise'")) {
        return;
    }
    check_keys(load, raise, "'raise'", allowed, NULL);
    const struct yaml_node *error = check_required(load, raise, "error", "'raise'");
    if (error != NULL && json_is_string(error->value)) {
        error = check_reference(load, error, "errors");
    }
    if (error != NULL) {
        task->raise = check_error(load, error, PLACE_TASK);
    }
}

void check_wait(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    task->wait = check_duration(load, yaml_get(node, "wait"), "'wait'", PLACE_TASK);
}
