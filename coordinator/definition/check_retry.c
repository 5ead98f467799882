/* What is defined once under `use` and referred to: errors, retry policies, and the references. */
#include <stdio.h>
#include <string.h>

#include "coordinator/definition/load.h"
#include "coordinator/definition/near.h"

const struct yaml_node *check_reference(struct load *load, const struct yaml_node *node,
                                        const char *kind)
{
    const char *name = check_text(load, node, "a reference");
    if (name == NULL) {
        return NULL;
    }
    const struct yaml_node *table = yaml_get_object(load->use, kind);
    const struct yaml_node *found = yaml_get(table, name);
    if (found != NULL) {
        return found;
    }
    const char *names[33];
    size_t count = 0;
    for (size_t i = 0; table != NULL && i < table->count && count < 32; i++) {
        if (table->items[i]->key != NULL) {
            names[count++] = table->items[i]->key;
        }
    }
    names[count] = NULL;
    char hint[600];
    const char *near = near_name(names, name, strlen(name));
    (void)snprintf(
        hint, sizeof(hint), "%s%s%s%s%s", near == NULL ? "" : "did you mean '",
        near == NULL ? "" : near, near == NULL ? "" : "'? ",
        count == 0 ? "nothing is defined there" : "defined there: ", check_list_text(load, names));
    report_problem(load->report, node, hint, "there is no '%.64s' under 'use.%s'", name, kind);
    return NULL;
}

const struct template *check_error(struct load *load, const struct yaml_node *node, unsigned place)
{
    static const char *const allowed[] = {"type", "status", "title", "detail", NULL};
    static const struct refused_key refused[] = {
        {"instance", "the engine sets it to the place of the task that raised the error"},
        {NULL, NULL}};
    if (!check_is_object(load, node, "an error")) {
        return NULL;
    }
    check_keys(load, node, "an error", allowed, refused);
    const struct yaml_node *type = check_required(load, node, "type", "an error");
    const struct yaml_node *status = check_required(load, node, "status", "an error");
    if (status != NULL) {
        (void)check_integer(load, status, "'status'", 100, 599);
    }
    const struct yaml_node *texts[] = {type, yaml_get(node, "title"), yaml_get(node, "detail")};
    static const char *const names[] = {"'type'", "'title'", "'detail'"};
    for (size_t i = 0; i < 3; i++) {
        if (texts[i] != NULL && !json_is_string(texts[i]->value)) {
            report_problem(load->report, texts[i], NULL, "%s of an error must be a text, not %s",
                           names[i], check_type_text(texts[i]));
        }
    }
    return check_template(load, node, place);
}

static void check_backoff(struct load *load, const struct yaml_node *node,
                          struct retry_policy *policy)
{
    static const char *const kinds[] = {"constant", "linear", "exponential", NULL};
    static const char *const none[] = {"maxDelay", NULL};
    static const char *const exponential[] = {"factor", "maxDelay", NULL};
    if (node == NULL || !check_is_object(load, node, "'backoff'")) {
        return;
    }
    check_keys(load, node, "'backoff'", kinds, NULL);
    if (node->count != 1) {
        report_problem(load->report, node, NULL, "'backoff' needs one of %s",
                       check_list_text(load, kinds));
        return;
    }
    const struct yaml_node *body = node->items[0];
    for (int i = 0; kinds[i] != NULL; i++) {
        policy->backoff = strcmp(kinds[i], body->key) == 0 ? (enum backoff_kind)i : policy->backoff;
    }
    if (json_is_null(body->value) || !check_is_object(load, body, "the body of a backoff")) {
        return;
    }
    check_keys(load, body, "the body of a backoff",
               policy->backoff == BACKOFF_EXPONENTIAL ? exponential : none, NULL);
    policy->max_delay_ms = check_fixed_duration(load, yaml_get(body, "maxDelay"), "'maxDelay'");
    const struct yaml_node *factor = yaml_get(body, "factor");
    if (factor != NULL) {
        policy->factor = json_number_value(factor->value);
        if (!json_is_number(factor->value) || policy->factor < 1 || policy->factor > 100) {
            report_problem(load->report, factor, NULL, "'factor' must be a number from 1 to 100");
            policy->factor = 2;
        }
    }
}

static void check_limit(struct load *load, const struct yaml_node *node,
                        struct retry_policy *policy)
{
    static const char *const allowed[] = {"attempt", "duration", NULL};
    static const char *const attempt_keys[] = {"count", "duration", NULL};
    if (node == NULL || !check_is_object(load, node, "'limit'")) {
        return;
    }
    check_keys(load, node, "'limit'", allowed, NULL);
    policy->duration_ms = check_fixed_duration(load, yaml_get(node, "duration"), "'duration'");
    const struct yaml_node *attempt = yaml_get(node, "attempt");
    if (attempt == NULL || !check_is_object(load, attempt, "'attempt'")) {
        return;
    }
    check_keys(load, attempt, "'attempt'", attempt_keys, NULL);
    const struct yaml_node *count = yaml_get(attempt, "count");
    if (count != NULL) {
        policy->count = (uint32_t)check_integer(load, count, "'count'", 0, 1000000);
    }
    policy->attempt_duration_ms =
        check_fixed_duration(load, yaml_get(attempt, "duration"), "'duration'");
    if (policy->attempt_duration_ms > UINT32_MAX) {
        report_problem(load->report, yaml_get(attempt, "duration"), NULL,
                       "an attempt may last 49 days at most");
    }
}

static void check_jitter(struct load *load, const struct yaml_node *node,
                         struct retry_policy *policy)
{
    static const char *const allowed[] = {"from", "to", NULL};
    if (node == NULL || !check_is_object(load, node, "'jitter'")) {
        return;
    }
    check_keys(load, node, "'jitter'", allowed, NULL);
    const struct yaml_node *from = check_required(load, node, "from", "'jitter'");
    const struct yaml_node *to = check_required(load, node, "to", "'jitter'");
    policy->jitter_from_ms = check_fixed_duration(load, from, "'from'");
    policy->jitter_to_ms = check_fixed_duration(load, to, "'to'");
    if (policy->jitter_from_ms > policy->jitter_to_ms) {
        report_problem(load->report, node, NULL, "'from' of a jitter may not be longer than 'to'");
    }
}

const struct retry_policy *check_retry(struct load *load, const struct yaml_node *node,
                                       unsigned place)
{
    static const char *const allowed[] = {"when",  "exceptWhen", "delay", "backoff",
                                          "limit", "jitter",     NULL};
    if (node != NULL && json_is_string(node->value)) {
        node = check_reference(load, node, "retries");
    }
    if (node == NULL || !check_is_object(load, node, "a retry policy")) {
        return NULL;
    }
    struct retry_policy *policy = ARENA_NEW(load->arena, struct retry_policy);
    if (policy == NULL) {
        load->failed = true;
        return NULL;
    }
    const char *outer = load->native_in;
    load->native_in = "a retry policy";
    policy->factor = 2;
    policy->count = UINT32_MAX;
    check_keys(load, node, "a retry policy", allowed, NULL);
    policy->when = check_expression(load, yaml_get(node, "when"), "'when'", place);
    policy->except_when =
        check_expression(load, yaml_get(node, "exceptWhen"), "'exceptWhen'", place);
    const struct yaml_node *delay = yaml_get(node, "delay");
    if (delay != NULL) {
        policy->delay = check_duration(load, delay, "'delay'", place);
    }
    check_backoff(load, yaml_get(node, "backoff"), policy);
    check_limit(load, yaml_get(node, "limit"), policy);
    check_jitter(load, yaml_get(node, "jitter"), policy);
    load->native_in = outer;
    if (policy->count == UINT32_MAX && policy->duration_ms == 0) {
        report_warning(load->report, node, "set limit.attempt.count or limit.duration",
                       "this retry policy has no limit: it retries for ever");
    }
    return policy;
}
