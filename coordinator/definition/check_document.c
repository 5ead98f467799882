/* The document itself: head, use, schedule, data, tasks. */
#include <stdio.h>
#include <string.h>

#include "coordinator/definition/expr.h"
#include "coordinator/definition/load.h"
#include "coordinator/definition/semver.h"

static const char *check_label(struct load *load, const struct yaml_node *node, const char *what)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    const char *text = check_text(load, node, what);
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text);
    if (size == 0 || size > 63 || strspn(text, letters) != size || text[0] == '-' ||
        text[size - 1] == '-') {
        report_problem(load->report, node, NULL,
                       "%s must be 1 to 63 letters, digits and '-', not '%.80s'", what, text);
    }
    return text;
}

static void check_dsl(struct load *load, const struct yaml_node *node)
{
    static const char *const known[] = {"1.0.0", "1.0.1", "1.0.2", "1.0.3", NULL};
    const char *text = check_text(load, node, "'dsl'");
    load->memory->plan.dsl = text;
    for (size_t i = 0; text != NULL && known[i] != NULL; i++) {
        if (strcmp(known[i], text) == 0) {
            return;
        }
    }
    if (text != NULL) {
        report_problem(load->report, node, NULL,
                       "'dsl' version '%.40s' is not known to this profile, which runs %s", text,
                       check_list_text(load, known));
    }
}

/* Whose turn the steps take when there is more work than credit. */
static void check_fairness(struct load *load, const struct yaml_node *node)
{
    static const char *const allowed[] = {"key", "weight", NULL};
    struct plan *plan = &load->memory->plan;
    if (node == NULL || !check_is_object(load, node, "'fairness'")) {
        return;
    }
    check_keys(load, node, "'fairness'", allowed, NULL);
    load->native_in = "'fairness'";
    plan->fairness = check_expression(load, yaml_get(node, "key"), "'key'", PLACE_RAW_INPUT);
    load->native_in = NULL;
    const struct yaml_node *weight = yaml_get(node, "weight");
    if (weight != NULL) {
        plan->fairness_weight =
            (uint32_t)check_integer(load, weight, "'weight'", 1, PLAN_FAIRNESS_WEIGHT_MAX);
    }
}

static void check_budget(struct load *load, const struct yaml_node *node)
{
    static const char *const allowed[] = {"instance", "day", NULL};
    struct plan_budget *budget = &load->memory->plan.budget;
    if (node == NULL || !check_is_object(load, node, "'budget'")) {
        return;
    }
    check_keys(load, node, "'budget'", allowed, NULL);
    check_money(load, yaml_get(node, "instance"), &budget->instance);
    check_money(load, yaml_get(node, "day"), &budget->day);
    if (money_given(&budget->instance) && money_given(&budget->day) &&
        strcmp(budget->instance.currency, budget->day.currency) != 0) {
        report_problem(load->report, yaml_get(node, "day"), NULL,
                       "'day' is in %s and 'instance' in %s: nothing here changes money",
                       budget->day.currency, budget->instance.currency);
    }
}

static void check_metadata(struct load *load, const struct yaml_node *node)
{
    static const char *const allowed[] = {"priority",  "fairness", "timezone",
                                          "lifecycle", "budget",   NULL};
    static const char *const lifecycles[] = {"instance", "steps", "none", NULL};
    if (node == NULL || !check_is_object(load, node, "'metadata'")) {
        return;
    }
    const struct yaml_node *own = yaml_get(node, "mainstay");
    if (own == NULL || !check_is_object(load, own, "'metadata.mainstay'")) {
        return;
    }
    check_keys(load, own, "'metadata.mainstay'", allowed, NULL);
    const struct yaml_node *priority = yaml_get(own, "priority");
    if (priority != NULL) {
        load->memory->plan.priority = check_priority(load, priority);
    }
    check_fairness(load, yaml_get(own, "fairness"));
    check_budget(load, yaml_get(own, "budget"));
    if (yaml_get(own, "lifecycle") != NULL) {
        int word = check_word(load, yaml_get(own, "lifecycle"), "'lifecycle'", lifecycles);
        load->memory->plan.lifecycle =
            word < 0 ? PLAN_LIFECYCLE_INSTANCE : (enum plan_lifecycle)word;
    }
    if (yaml_get(own, "timezone") != NULL) {
        check_timezone(load, yaml_get(own, "timezone"));
    }
}

static void check_head(struct load *load, const struct yaml_node *node)
{
    static const char *const allowed[] = {"dsl",     "namespace", "name",     "version", "title",
                                          "summary", "tags",      "metadata", NULL};
    struct plan *plan = &load->memory->plan;
    if (!check_is_object(load, node, "'document'")) {
        return;
    }
    check_keys(load, node, "'document'", allowed, NULL);
    check_dsl(load, check_required(load, node, "dsl", "'document'"));
    plan->namespace_ =
        check_label(load, check_required(load, node, "namespace", "'document'"), "'namespace'");
    plan->name = check_label(load, check_required(load, node, "name", "'document'"), "'name'");
    const struct yaml_node *version = check_required(load, node, "version", "'document'");
    plan->version = check_text(load, version, "'version'");
    struct semver parsed;
    if (plan->version != NULL && !semver_parse(plan->version, &parsed)) {
        report_problem(load->report, version, "for example 1.0.0",
                       "'version' must be a semantic version, not '%.64s'", plan->version);
    }
    plan->title = check_text(load, yaml_get(node, "title"), "'title'");
    (void)check_text(load, yaml_get(node, "summary"), "'summary'");
    const struct yaml_node *tags = yaml_get(node, "tags");
    if (tags != NULL) {
        (void)check_is_object(load, tags, "'tags'");
    }
    check_metadata(load, yaml_get(node, "metadata"));
}

/* Check what stands under `use` even when nobody refers to it. What is made here is not kept:
 * callers of a function get their own copy. */
static void check_unused(struct load *load)
{
    struct plan_memory *memory = load->memory;
    size_t exprs = memory->expr_count;
    const struct yaml_node *functions = yaml_get_object(load->use, "functions");
    const struct yaml_node *errors = yaml_get_object(load->use, "errors");
    const struct yaml_node *retries = yaml_get_object(load->use, "retries");
    const struct yaml_node *timeouts = yaml_get_object(load->use, "timeouts");
    for (size_t i = 0; errors != NULL && i < errors->count; i++) {
        (void)check_error(load, errors->items[i], PLACE_TASK);
    }
    load_scope_push(load, load->use, "error");
    for (size_t i = 0; retries != NULL && i < retries->count; i++) {
        if (check_is_object(load, retries->items[i], "a retry policy")) {
            (void)check_retry(load, retries->items[i], PLACE_TASK);
        }
    }
    load->scope_count--;
    for (size_t i = 0; timeouts != NULL && i < timeouts->count; i++) {
        if (check_is_object(load, timeouts->items[i], "a timeout")) {
            (void)check_timeout(load, timeouts->items[i], PLACE_TASK);
        }
    }
    for (size_t i = 0; functions != NULL && i < functions->count; i++) {
        struct task_site site = {.pointer = load_printf(load, "/use/functions/%zu", i),
                                 .parent = PLAN_NONE};
        size_t fixups = load->fixup_count;
        load->functions[load->function_count++] = functions->items[i]->key;
        (void)check_task(load, functions->items[i], functions->items[i]->key, &site);
        load->function_count--;
        for (; load->fixup_count > fixups; load->fixup_count--) {
            report_problem(load->report, load->fixups[load->fixup_count - 1].source, NULL,
                           "a function is one task: 'then' has no list to jump in");
        }
    }
    check_extensions(load);
    check_authentications(load, yaml_get_object(load->use, "authentications"));
    load->node_count = 0;
    while (memory->expr_count > exprs) {
        expr_destroy(&memory->exprs[--memory->expr_count]);
    }
}

void check_use(struct load *load)
{
    static const char *const allowed[] = {"errors",    "retries",         "timeouts",
                                          "functions", "extensions",      "catalogs",
                                          "secrets",   "authentications", NULL};
    if (load->use == NULL || !check_is_object(load, load->use, "'use'")) {
        load->use = NULL;
        return;
    }
    check_keys(load, load->use, "'use'", allowed, NULL);
    for (size_t i = 0; i < load->use->count; i++) {
        const struct yaml_node *table = load->use->items[i];
        for (size_t j = 0; allowed[j] != NULL; j++) {
            if (strcmp(allowed[j], table->key) == 0 && strcmp(table->key, "extensions") != 0 &&
                strcmp(table->key, "secrets") != 0) {
                char what[48];
                (void)snprintf(what, sizeof(what), "'use.%s'", table->key);
                (void)check_is_object(load, table, what);
            }
        }
    }
    check_catalogs(load);
    check_secrets(load, yaml_get(load->use, "secrets"));
    check_unused(load);
}

static void check_evaluate(struct load *load, const struct yaml_node *node)
{
    static const char *const allowed[] = {"language", "mode", NULL};
    static const char *const languages[] = {"jq", NULL};
    static const char *const modes[] = {"strict", NULL};
    if (node == NULL || !check_is_object(load, node, "'evaluate'")) {
        return;
    }
    check_keys(load, node, "'evaluate'", allowed, NULL);
    (void)check_word(load, yaml_get(node, "language"), "'language'", languages);
    (void)check_word(load, yaml_get(node, "mode"), "'mode'", modes);
}

void check_document(struct load *load, const struct yaml_node *root)
{
    static const char *const allowed[] = {"document", "input",    "use",      "do", "timeout",
                                          "output",   "schedule", "evaluate", NULL};
    struct plan *plan = &load->memory->plan;
    plan->priority = PLAN_PRIORITY_DEFAULT;
    plan->fairness_weight = 1;
    if (!check_is_object(load, root, "a definition")) {
        return;
    }
    check_keys(load, root, "a definition", allowed, NULL);
    const struct yaml_node *head = check_required(load, root, "document", "a definition");
    if (head != NULL) {
        check_head(load, head);
    }
    load->use = yaml_get(root, "use");
    check_evaluate(load, yaml_get(root, "evaluate"));
    check_use(load);
    check_schedule(load, yaml_get(root, "schedule"),
                   yaml_get(yaml_get(yaml_get(head, "metadata"), "mainstay"), "timezone"));
    check_data(load, root, &plan->data, true);
    plan->timeout = check_timeout(load, yaml_get(root, "timeout"), PLACE_WORKFLOW_IN);
    const struct yaml_node *tasks = check_required(load, root, "do", "a definition");
    plan->first = check_tasks(load, tasks, "/do", PLAN_NONE);
    if (tasks != NULL && json_is_array(tasks->value) && tasks->count == 0) {
        report_problem(load->report, tasks, NULL, "a definition needs at least one task");
    }
}
