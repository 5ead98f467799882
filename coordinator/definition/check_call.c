/* call: an agent's action, a request of the connector, or a function of `use.functions`. */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "coordinator/definition/load.h"
#include "coordinator/definition/near.h"
#include "coordinator/definition/semver.h"

static const struct refused_key refused_calls[] = {
    {"grpc", "gRPC calls are not in the profile; call an action of an agent"},
    {"asyncapi", "AsyncAPI calls are not in the profile; use emit and listen"},
    {"a2a", "A2A calls are not in the profile; call an action of an agent"},
    {"mcp", "MCP calls are not in the profile; call an action of an agent"},
    {NULL, NULL},
};

static const struct refused_key refused_with[] = {
    {"mode", "shadow and propose modes are not in the profile yet"},
    {"budget", "what one call costs at most stands in the contract of its action; budgets "
               "stand in document.metadata.mainstay and in the policy"},
    {"recall", "memory recall is not in the profile yet"},
    {NULL, NULL},
};

static const char *check_token(struct load *load, const struct yaml_node *node, const char *what)
{
    const char *text = check_text(load, node, what);
    if (text != NULL && !text_is_token(text)) {
        report_problem(load->report, node, NULL,
                       "%s must be 1 to 64 letters, digits, '_' or '-', not '%.80s'", what, text);
        return NULL;
    }
    return text;
}

static void check_range(struct load *load, const struct yaml_node *node, const char *range)
{
    if (range != NULL && !semver_range_valid(range)) {
        report_problem(load->report, node, "for example '1.3' (1.x from 1.3) or '>=1.2 <2'",
                       "'%.64s' is not a contract version or range", range);
    }
}

/* compensate: false, or {action, input}. What computes the input must be native: it is evaluated in
 * the turn in which the effect completes. */
static void check_compensate(struct load *load, const struct yaml_node *node,
                             struct plan_compensate *compensate)
{
    static const char *const allowed[] = {"action", "input", NULL};
    if (node == NULL) {
        return;
    }
    if (json_is_false(node->value)) {
        compensate->kind = COMPENSATE_NONE;
        return;
    }
    if (!json_is_object(node->value)) {
        report_problem(load->report, node,
                       "for example 'compensate: {action: unpost, input: ${ {posting: .id} }}'",
                       "'compensate' must be an object with 'action' or 'input', or false when the "
                       "effect stays, not %s",
                       check_type_text(node));
        return;
    }
    check_keys(load, node, "'compensate'", allowed, NULL);
    compensate->kind = COMPENSATE_STEP;
    const struct yaml_node *action = yaml_get(node, "action");
    compensate->action =
        action == NULL ? NULL : check_token(load, action, "'action' of 'compensate'");
    const char *outer = load->native_in;
    load->native_in = "'compensate'";
    compensate->input = check_template(load, yaml_get(node, "input"), PLACE_EXPORT);
    load->native_in = outer;
}

/* The members of `with` that both forms share. */
static void check_agent_with(struct load *load, const struct yaml_node *with,
                             struct plan_agent_call *call)
{
    struct seal seal;
    seal_begin(load, &seal);
    call->input = check_template(load, yaml_get(with, "input"), PLACE_TASK);
    seal_end(load, call);
    const struct yaml_node *key = yaml_get(with, "idempotencyKey");
    if (key != NULL && !json_is_string(key->value)) {
        report_problem(load->report, key, NULL,
                       "'idempotencyKey' must be a text or an expression "
                       "that gives one, not %s",
                       check_type_text(key));
    } else {
        call->idempotency_key = check_template(load, key, PLACE_TASK);
    }
    const struct yaml_node *confidence = yaml_get(with, "minConfidence");
    if (confidence != NULL) {
        call->min_confidence = json_number_value(confidence->value);
        if (!json_is_number(confidence->value) || call->min_confidence < 0 ||
            call->min_confidence > 1) {
            report_problem(load->report, confidence, NULL,
                           "'minConfidence' must be a number from 0 to 1");
        }
    }
    check_compensate(load, yaml_get(with, "compensate"), &call->compensate);
    const struct yaml_node *priority = yaml_get(with, "priority");
    if (priority != NULL) {
        call->priority = check_priority(load, priority);
    }
}

static void check_agent(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {
        "agent",         "action",   "contract",   "input", "idempotencyKey",
        "minConfidence", "priority", "compensate", "lock",  NULL};
    const struct yaml_node *with = check_required(load, node, "with", "'call: agent'");
    if (with == NULL || !check_is_object(load, with, "'with'")) {
        return;
    }
    check_keys(load, with, "'with' of call: agent", allowed, refused_with);
    task = check_locked(load, node, with, task);
    task->call.agent =
        check_token(load, check_required(load, with, "agent", "'with' of call: agent"), "'agent'");
    task->call.action = check_token(
        load, check_required(load, with, "action", "'with' of call: agent"), "'action'");
    const struct yaml_node *contract = yaml_get(with, "contract");
    task->call.contract = check_text(load, contract, "'contract'");
    check_range(load, contract, task->call.contract);
    check_agent_with(load, with, &task->call);
}

/* call: action:version@agent, with `with` as in call: agent without the names. */
static void check_sugar(struct load *load, const struct yaml_node *node, const char *text,
                        struct plan_node *task)
{
    static const char *const allowed[] = {
        "input", "idempotencyKey", "minConfidence", "priority", "compensate", "lock", NULL};
    const struct yaml_node *source = yaml_get(node, "call");
    const char *at = strrchr(text, '@');
    const char *colon = memchr(text, ':', (size_t)(at - text));
    size_t action = colon == NULL ? (size_t)(at - text) : (size_t)(colon - text);
    struct plan_agent_call *call = &task->call;
    call->action = arena_dup(load->arena, text, action);
    call->agent = at + 1;
    call->contract =
        colon == NULL ? NULL : arena_dup(load->arena, colon + 1, (size_t)(at - colon - 1));
    if (call->action == NULL || !text_is_token(call->action) || !text_is_token(call->agent)) {
        report_problem(load->report, source, "for example 'call: reconcile:1.3@reconciliation'",
                       "'%.80s' is not action:version@agent with names of letters, digits, '_' "
                       "and '-'",
                       text);
    }
    check_range(load, source, call->contract);
    const struct yaml_node *with = yaml_get(node, "with");
    if (with != NULL && check_is_object(load, with, "'with'")) {
        check_keys(load, with, "'with' of an agent's action", allowed, refused_with);
        check_agent_with(load, with, &check_locked(load, node, with, task)->call);
    }
}

/* call: approval. */
static void check_approval(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"title",    "rationale", "proposal",  "form",
                                          "deadline", "onTimeout", "assignees", NULL};
    static const char *const policies[] = {"park", "deny", "allow", "escalate", NULL};
    const struct yaml_node *with = check_required(load, node, "with", "'call: approval'");
    const struct yaml_node *timeout = yaml_get(node, "timeout");
    struct plan_approval *approval = &task->approval;
    *approval = (struct plan_approval){0};
    task->kind = TASK_APPROVAL;
    if (timeout != NULL) {
        report_key(load->report, timeout, "write 'deadline' and 'onTimeout' into 'with'",
                   "an approval has no 'timeout': a person's time is not the process's");
    }
    if (with == NULL || !check_is_object(load, with, "'with'")) {
        return;
    }
    check_keys(load, with, "'with' of call: approval", allowed, NULL);
    approval->title = check_template(
        load, check_required(load, with, "title", "'with' of call: approval"), PLACE_TASK);
    approval->rationale = check_template(load, yaml_get(with, "rationale"), PLACE_TASK);
    approval->proposal = check_template(load, yaml_get(with, "proposal"), PLACE_TASK);
    approval->assignees = check_template(load, yaml_get(with, "assignees"), PLACE_TASK);
    const struct yaml_node *form = yaml_get(with, "form");
    approval->form = check_schema(load, form, "'form'");
    approval->form_document =
        approval->form == NULL ? NULL : json_object_get(form->value, "document");
    const struct yaml_node *deadline = yaml_get(with, "deadline");
    const struct yaml_node *policy = yaml_get(with, "onTimeout");
    approval->has_deadline = deadline != NULL;
    if (deadline != NULL) {
        approval->deadline = check_duration(load, deadline, "'deadline'", PLACE_TASK);
    } else if (policy != NULL) {
        report_key(load->report, policy, "add 'deadline'", "'onTimeout' needs a 'deadline'");
    }
    int chosen = policy == NULL ? 0 : check_word(load, policy, "'onTimeout'", policies);
    approval->on_timeout = chosen < 0 ? ON_TIMEOUT_PARK : (enum on_timeout)chosen;
}

static bool expanding(const struct load *load, const char *name)
{
    for (size_t i = 0; i < load->function_count; i++) {
        if (strcmp(load->functions[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* A call of a function becomes a block of two tasks: a `set` that makes the function's input from
 * `with`, and the function's task. */
void expand_function(struct load *load, const struct yaml_node *node,
                     const struct function *function, struct plan_node *task)
{
    const char *name = function->name;
    const struct yaml_node *source = yaml_get(node, "call");
    task->kind = TASK_DO;
    task->block.first = PLAN_NONE;
    task->block.bypass = PLAN_NONE;
    if (expanding(load, name) || load->function_count == LOAD_FUNCTIONS_MAX) {
        report_problem(load->report, source, NULL,
                       expanding(load, name) ? "the function '%.64s' calls itself"
                                             : "functions call functions too deep at '%.64s'",
                       name);
        return;
    }
    const struct yaml_node *with = yaml_get(node, "with");
    struct plan_node *set = NULL;
    if (with != NULL && check_is_object(load, with, "'with'")) {
        struct task_site site = {.pointer = load_printf(load, "%s/with", task->pointer),
                                 .parent = task->index};
        set = load_add_node(load, &site, with);
        if (set != NULL) {
            set->name = "with";
            set->kind = TASK_SET;
            set->set = check_template(load, with, PLACE_TASK);
        }
    }
    size_t scope = load->scope_count;
    size_t fixups = load->fixup_count;
    load->functions[load->function_count++] = name;
    load->scope_count = 0; /* a function sees its input, not its caller's variables */
    struct task_site site = {.pointer = load_printf(load, "%s/call", task->pointer),
                             .parent = task->index};
    const char *file = load->report->file;
    load->report->file = function->file;
    const struct plan_node *body = check_task(load, function->body, name, &site);
    load->scope_count = scope;
    load->function_count--;
    for (; load->fixup_count > fixups; load->fixup_count--) {
        report_problem(load->report, load->fixups[load->fixup_count - 1].source, NULL,
                       "a function is one task: 'then' has no list to jump in");
    }
    load->report->file = file;
    uint32_t first = body == NULL ? PLAN_NONE : body->index;
    if (set != NULL) {
        set->next = first;
        first = set->index;
    }
    task->block.first = first;
}

static void report_unknown(struct load *load, const struct yaml_node *source, const char *text)
{
    const char *names[38];
    size_t count = 0;
    const struct yaml_node *functions = yaml_get_object(load->use, "functions");
    names[count++] = "agent";
    names[count++] = "approval";
    names[count++] = "http";
    names[count++] = "openapi";
    names[count++] = "lock";
    for (size_t i = 0; functions != NULL && i < functions->count && count < 37; i++) {
        names[count++] = functions->items[i]->key;
    }
    names[count] = NULL;
    char hint[256];
    const char *near = near_name(names, text, strlen(text));
    if (near != NULL) {
        (void)snprintf(hint, sizeof(hint), "did you mean '%.64s'?", near);
    } else {
        (void)snprintf(hint, sizeof(hint),
                       "call: agent, call: action:version@agent, or a name of 'use.functions'");
    }
    report_problem(load->report, source, hint, "there is no function '%.64s'", text);
}

void check_call(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    const struct yaml_node *source = yaml_get(node, "call");
    const char *text = check_text(load, source, "'call'");
    task->call = (struct plan_agent_call){.priority = -1, .timeout = task->timeout};
    if (text == NULL) {
        return;
    }
    const struct yaml_node *function = yaml_get(yaml_get(load->use, "functions"), text);
    for (const struct refused_key *row = refused_calls; row->name != NULL; row++) {
        if (strcmp(row->name, text) == 0) {
            report_problem(load->report, source, NULL, "'call: %s' cannot run: %s", text,
                           row->sentence);
            return;
        }
    }
    if (strcmp(text, "agent") == 0) {
        check_agent(load, node, task);
    } else if (strcmp(text, "http") == 0) {
        check_http(load, node, task);
    } else if (strcmp(text, "openapi") == 0) {
        check_openapi(load, node, task);
    } else if (strcmp(text, "approval") == 0) {
        check_approval(load, node, task);
    } else if (strcmp(text, "lock") == 0) {
        check_lock(load, node, task);
    } else if (function != NULL) {
        struct function named = {.name = text, .body = function, .file = load->report->file};
        expand_function(load, node, &named, task);
    } else if (strstr(text, "://") != NULL) {
        report_problem(load->report, source, "put it into a catalog: call: name:version@catalog",
                       "the function at '%.120s' cannot be called: nothing is fetched when a "
                       "definition is deployed",
                       text);
    } else if (check_cataloged(load, node, text, task)) {
        return;
    } else if (strchr(text, '@') != NULL) {
        check_sugar(load, node, text, task);
    } else {
        report_unknown(load, source, text);
    }
}
