/* Lists of tasks, what all tasks share, and where the walk goes after one. */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "coordinator/definition/load.h"
#include "coordinator/definition/near.h"

typedef void check_verb_fn(struct load *load, const struct yaml_node *node, struct plan_node *task);

struct verb {
    const char *name;
    enum task_kind kind;
    check_verb_fn *check;
    const char *keys[3]; /* besides the verb */
};

/* `for` stands before `do`, which is its body. */
static const struct verb verbs[] = {
    {"for", TASK_FOR, check_for, {"while", "do", NULL}},
    {"do", TASK_DO, check_do, {NULL, NULL, NULL}},
    {"set", TASK_SET, check_set, {NULL, NULL, NULL}},
    {"switch", TASK_SWITCH, check_switch, {NULL, NULL, NULL}},
    {"try", TASK_TRY, check_try, {"catch", NULL, NULL}},
    {"raise", TASK_RAISE, check_raise, {NULL, NULL, NULL}},
    {"wait", TASK_WAIT, check_wait, {NULL, NULL, NULL}},
    {"emit", TASK_EMIT, check_emit, {NULL, NULL, NULL}},
    {"listen", TASK_LISTEN, check_listen, {"foreach", NULL, NULL}},
    {"fork", TASK_FORK, check_fork, {NULL, NULL, NULL}},
    {"call", TASK_AGENT, check_call, {"with", NULL, NULL}},
    {"run", TASK_RUN, check_run_task, {NULL, NULL, NULL}},
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static const char *const verb_names[] = {"call", "do",  "emit",   "for", "fork", "listen", "raise",
                                         "run",  "set", "switch", "try", "wait", NULL};

static const char *const common_keys[] = {"if",      "input", "output",   "export",
                                          "timeout", "then",  "metadata", NULL};

static const struct verb *find_verb(const struct yaml_node *node)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (yaml_get(node, verbs[i].name) != NULL) {
            return &verbs[i];
        }
    }
    return NULL;
}

const char *check_verb(const struct yaml_node *node)
{
    const struct verb *verb = find_verb(node);
    return verb == NULL ? NULL : verb->name;
}

static void report_no_verb(struct load *load, const struct yaml_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const char *near = near_name(verb_names, node->items[i]->key, strlen(node->items[i]->key));
        if (near != NULL) {
            char hint[96];
            (void)snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
            report_key(load->report, node->items[i], hint, "unknown key '%.64s' in a task",
                       node->items[i]->key);
            return;
        }
    }
    report_problem(load->report, node, NULL, "a task needs one of %s",
                   check_list_text(load, verb_names));
}

static void check_verb_keys(struct load *load, const struct yaml_node *node,
                            const struct verb *verb)
{
    const char *allowed[16];
    size_t count = 0;
    char what[64];
    allowed[count++] = verb->name;
    for (size_t i = 0; verb->keys[i] != NULL; i++) {
        allowed[count++] = verb->keys[i];
    }
    for (size_t i = 0; common_keys[i] != NULL; i++) {
        allowed[count++] = common_keys[i];
    }
    allowed[count] = NULL;
    for (size_t i = 0; i < VERB_COUNT; i++) {
        const struct yaml_node *other = yaml_get(node, verbs[i].name);
        bool own = &verbs[i] == verb || (verb->kind == TASK_FOR && verbs[i].kind == TASK_DO);
        if (other != NULL && !own) {
            report_key(load->report, other, "put it into a task of its own",
                       "a task has one verb, this one has '%s' and '%s'", verb->name,
                       verbs[i].name);
            return;
        }
    }
    (void)snprintf(what, sizeof(what), "a '%s' task", verb->name);
    check_keys(load, node, what, allowed, NULL);
}

static void check_metadata(struct load *load, const struct yaml_node *node)
{
    static const char *const none[] = {NULL};
    static const struct refused_key refused[] = {
        {"shadow", "shadow mode is not in the profile yet"},
        {"priority", "the priority of a task stands in 'with' of call: agent"},
        {NULL, NULL}};
    if (node == NULL || !check_is_object(load, node, "'metadata'")) {
        return;
    }
    const struct yaml_node *own = yaml_get(node, "mainstay");
    if (own != NULL && check_is_object(load, own, "'metadata.mainstay'")) {
        for (size_t i = 0; i < own->count; i++) {
            const struct yaml_node *item = own->items[i];
            const struct refused_key *row = refused;
            while (row->name != NULL && strcmp(row->name, item->key) != 0) {
                row++;
            }
            report_key(load->report, item, NULL, "'%.64s' in metadata.mainstay of a task: %s",
                       item->key,
                       row->name != NULL ? row->sentence : "there are no hints for tasks yet");
        }
        (void)none;
    }
}

void check_data(struct load *load, const struct yaml_node *node, struct plan_data *data,
                bool workflow)
{
    static const char *const in_keys[] = {"schema", "from", NULL};
    static const char *const out_keys[] = {"schema", "as", NULL};
    const struct yaml_node *input = yaml_get(node, "input");
    const struct yaml_node *output = yaml_get(node, "output");
    const struct yaml_node *exported = workflow ? NULL : yaml_get(node, "export");
    if (input != NULL && check_is_object(load, input, "'input'")) {
        check_keys(load, input, "'input'", in_keys, NULL);
        data->input_schema = check_schema(load, yaml_get(input, "schema"), "'schema'");
        data->input_from = check_shape(load, yaml_get(input, "from"), "'from'",
                                       workflow ? PLACE_WORKFLOW_IN : PLACE_TASK_IN);
    }
    if (output != NULL && check_is_object(load, output, "'output'")) {
        check_keys(load, output, "'output'", out_keys, NULL);
        data->output_schema = check_schema(load, yaml_get(output, "schema"), "'schema'");
        data->output_as = check_shape(load, yaml_get(output, "as"), "'as'",
                                      workflow ? PLACE_WORKFLOW_OUT : PLACE_TASK);
    }
    if (exported != NULL && check_is_object(load, exported, "'export'")) {
        check_keys(load, exported, "'export'", out_keys, NULL);
        if (load->forks > 0) {
            report_warning(load->report, exported,
                           "give it as the branch's output and export it from the fork",
                           "what a branch of a fork exports is seen in that branch only");
        }
        data->export_schema = check_schema(load, yaml_get(exported, "schema"), "'schema'");
        data->export_as = check_shape(load, yaml_get(exported, "as"), "'as'", PLACE_EXPORT);
    }
}

static const char *const directives[] = {"continue", "exit", "end", NULL};

void check_flow(struct load *load, const struct yaml_node *node, struct flow *flow, uint32_t from)
{
    flow->kind = FLOW_CONTINUE;
    flow->target = PLAN_NONE;
    const char *text = check_text(load, node, "'then'");
    if (text == NULL) {
        return;
    }
    for (size_t i = 0; directives[i] != NULL; i++) {
        if (strcmp(directives[i], text) == 0) {
            flow->kind = (enum flow_kind)i;
            if (flow->kind == FLOW_EXIT && load->nodes[from]->parent == load->before_list &&
                load->before_list != PLAN_NONE) {
                flow->kind = FLOW_BYPASS;
            }
            return;
        }
    }
    if (!load_grow((void **)&load->fixups, load->fixup_count, &load->fixup_capacity,
                   sizeof(load->fixups[0]))) {
        load->failed = true;
        return;
    }
    flow->kind = FLOW_GOTO;
    load->fixups[load->fixup_count++] = (struct fixup){.flow = flow, .source = node, .from = from};
}

struct plan_node *check_task(struct load *load, const struct yaml_node *node, const char *name,
                             const struct task_site *site)
{
    if (!check_is_object(load, node, "a task")) {
        return NULL;
    }
    const struct verb *verb = find_verb(node);
    if (verb == NULL) {
        report_no_verb(load, node);
        return NULL;
    }
    struct plan_node *task = load_add_node(load, site, node);
    if (task == NULL) {
        return NULL;
    }
    task->name = name;
    task->kind = verb->kind;
    check_verb_keys(load, node, verb);
    task->condition = check_expression(load, yaml_get(node, "if"), "'if'", PLACE_TASK_IN);
    check_data(load, node, &task->data, false);
    task->timeout = check_timeout(load, yaml_get(node, "timeout"), PLACE_TASK);
    check_metadata(load, yaml_get(node, "metadata"));
    check_flow(load, yaml_get(node, "then"), &task->then, task->index);
    verb->check(load, node, task);
    return task;
}

/* The tasks of a list with their names while it is being checked. */
struct list {
    const struct yaml_node *node;
    uint32_t *indexes; /* first node of each item, PLAN_NONE when it had problems */
    uint32_t *lasts;   /* last node of each item */
    uint32_t end;      /* first node behind the list */
};

static const struct yaml_node *first_of(const struct yaml_node *node)
{
    CHECK(node->count > 0 && node->items[0] != NULL);
    return node->items[0];
}

/* The one key of an item of a task list or switch; NULL after reporting. */
static const struct yaml_node *named_item(struct load *load, const struct yaml_node *item)
{
    if (!check_is_object(load, item, "an item of a task list")) {
        return NULL;
    }
    if (item->count != 1) {
        report_problem(load->report, item, "start each task with '- name:'",
                       "an item of a task list has one key, the task's name, not %zu", item->count);
        return NULL;
    }
    return first_of(item);
}

static void check_name(struct load *load, const struct list *list, size_t at,
                       const struct yaml_node *named)
{
    for (size_t i = 0; i < at; i++) {
        const struct yaml_node *other = list->node->items[i];
        if (other->count == 1 && first_of(other)->key != NULL &&
            strcmp(other->items[0]->key, named->key) == 0) {
            report_key(load->report, named, "give each task of a list its own name",
                       "the task name '%.64s' is in this list twice (first at line %u)", named->key,
                       other->items[0]->key_line);
            return;
        }
    }
    for (size_t i = 0; directives[i] != NULL; i++) {
        if (strcmp(directives[i], named->key) == 0) {
            report_key(load->report, named, NULL,
                       "a task may not be called '%s': that is a flow directive", named->key);
        }
    }
}

/* Whether the walk rests somewhere between two tasks of a list: a wait, a call or an event. */
static bool rests_between(const struct load *load, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        enum task_kind kind = load->nodes[i]->kind;
        if (kind == TASK_WAIT || kind == TASK_AGENT || kind == TASK_LISTEN ||
            kind == TASK_APPROVAL || kind == TASK_RUN) {
            return true;
        }
    }
    return false;
}

static void report_target(struct load *load, const struct list *list, const struct fixup *fixup)
{
    const char *names[64];
    size_t count = 0;
    char hint[600];
    for (size_t i = 0; i < list->node->count && count < 60; i++) {
        if (list->node->items[i]->count == 1) {
            names[count++] = list->node->items[i]->items[0]->key;
        }
    }
    for (size_t i = 0; directives[i] != NULL; i++) {
        names[count++] = directives[i];
    }
    names[count] = NULL;
    const char *text = json_string_value(fixup->source->value);
    const char *near = near_name(names, text, strlen(text));
    (void)snprintf(hint, sizeof(hint), "%s%s%sreachable from here: %s",
                   near == NULL ? "" : "did you mean '", near == NULL ? "" : near,
                   near == NULL ? "" : "'? ", check_list_text(load, names));
    report_problem(load->report, fixup->source, hint, "there is no task '%.64s' in this list",
                   text);
}

static void resolve(struct load *load, const struct list *list, const struct fixup *fixup)
{
    const char *text = json_string_value(fixup->source->value);
    for (size_t i = 0; i < list->node->count; i++) {
        const struct yaml_node *item = list->node->items[i];
        if (item->count != 1 || first_of(item)->key == NULL ||
            strcmp(item->items[0]->key, text) != 0) {
            continue;
        }
        fixup->flow->target = list->indexes[i];
        if (fixup->flow->target == PLAN_NONE) {
            return; /* the target itself has problems, already reported */
        }
        uint32_t end = list->end;
        for (size_t j = 0; j < list->node->count; j++) {
            if (list->indexes[j] != PLAN_NONE && list->indexes[j] > fixup->from &&
                list->indexes[j] < end) {
                end = list->indexes[j];
            }
        }
        if (fixup->flow->target <= fixup->from && !rests_between(load, fixup->flow->target, end)) {
            report_warning(load->report, fixup->source, "put a 'wait' into the loop",
                           "this goes back to '%.64s' without a wait, a call or an event on the "
                           "way: it may loop until the step limit",
                           text);
        }
        return;
    }
    report_target(load, list, fixup);
}

static void link_list(struct load *load, const struct list *list)
{
    struct plan_node *last = NULL;
    for (size_t i = 0; i < list->node->count; i++) {
        if (list->indexes[i] == PLAN_NONE) {
            continue;
        }
        if (last != NULL) {
            last->next = list->indexes[i];
        }
        last = load->nodes[list->lasts[i]];
    }
}

static const char *item_pointer(struct load *load, const char *list, size_t index, const char *name)
{
    struct buf token = BUF_INIT((size_t)64 * 1024);
    json_pointer_append(&token, name, strlen(name));
    const char *pointer =
        load_printf(load, "%s/%zu%s", list, index, token.data == NULL ? "" : token.data);
    buf_release(&token);
    return pointer;
}

/* One branch: a scope of its own around its task. PLAN_NONE when it has problems. */
static uint32_t check_branch(struct load *load, const struct yaml_node *named, size_t index,
                             const struct plan_node *task)
{
    size_t fixups = load->fixup_count;
    const char *list = load_printf(load, "%s/fork/branches", task->pointer);
    struct task_site site = {.pointer = load_printf(load, "%s/%zu", list, index),
                             .parent = task->index,
                             .index = (uint32_t)index};
    struct plan_node *branch = load_add_node(load, &site, named);
    if (branch == NULL) {
        return PLAN_NONE;
    }
    branch->name = named->key;
    branch->kind = TASK_BRANCH;
    struct task_site inside = {.pointer = item_pointer(load, list, index, named->key),
                               .parent = branch->index};
    struct chain chain = check_extended(load, named, named->key, &inside);
    for (; load->fixup_count > fixups; load->fixup_count--) {
        report_problem(load->report, load->fixups[load->fixup_count - 1].source,
                       "wrap the branch's tasks in 'do'",
                       "a branch is one task: 'then' has no list to jump in");
    }
    branch->block.first = chain.first;
    branch->block.bypass = PLAN_NONE;
    return branch->index;
}

void check_fork(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"branches", "compete", NULL};
    const struct yaml_node *body = yaml_get(node, "fork");
    task->fork = (struct plan_fork){0};
    if (!check_is_object(load, body, "'fork'")) {
        return;
    }
    check_keys(load, body, "'fork'", allowed, NULL);
    task->fork.compete = check_bool(load, yaml_get(body, "compete"), "'compete'", false);
    const struct yaml_node *branches = check_required(load, body, "branches", "'fork'");
    if (branches == NULL || !check_is_array(load, branches, "'branches'")) {
        return;
    }
    if (branches->count == 0 || branches->count > LIMIT_FORK_BRANCHES) {
        report_problem(load->report, branches, NULL,
                       "a fork has 1 to %d branches (LIMIT_FORK_BRANCHES), not %zu",
                       LIMIT_FORK_BRANCHES, branches->count);
        return;
    }
    struct list list = {.node = branches,
                        .indexes = ARENA_ARRAY(load->arena, uint32_t, branches->count)};
    if (list.indexes == NULL) {
        load->failed = true;
        return;
    }
    load->forks++;
    for (size_t i = 0; i < branches->count && !load->failed; i++) {
        const struct yaml_node *named = named_item(load, branches->items[i]);
        list.indexes[i] = PLAN_NONE;
        if (named != NULL) {
            check_name(load, &list, i, named);
            list.indexes[i] = check_branch(load, named, i, task);
        }
    }
    load->forks--;
    task->fork.branches = list.indexes;
    task->fork.count = (uint32_t)branches->count;
}

uint32_t check_tasks(struct load *load, const struct yaml_node *node, const char *pointer,
                     uint32_t parent)
{
    if (node == NULL || load->failed || !check_is_array(load, node, "a task list")) {
        return PLAN_NONE;
    }
    size_t first_fixup = load->fixup_count;
    struct list list = {.node = node,
                        .indexes = ARENA_ARRAY(load->arena, uint32_t, node->count + 1),
                        .lasts = ARENA_ARRAY(load->arena, uint32_t, node->count + 1)};
    if (list.indexes == NULL || list.lasts == NULL) {
        load->failed = true;
        return PLAN_NONE;
    }
    uint32_t first = PLAN_NONE;
    for (size_t i = 0; i < node->count && !load->failed; i++) {
        const struct yaml_node *named = named_item(load, node->items[i]);
        list.indexes[i] = PLAN_NONE;
        if (named == NULL) {
            continue;
        }
        check_name(load, &list, i, named);
        struct task_site site = {.parent = parent, .index = (uint32_t)i};
        site.pointer = item_pointer(load, pointer, i, named->key);
        struct chain chain = check_extended(load, named, named->key, &site);
        list.indexes[i] = chain.first;
        list.lasts[i] = chain.last;
        first = first == PLAN_NONE ? list.indexes[i] : first;
    }
    list.end = load->node_count;
    if (!load->failed) {
        link_list(load, &list);
        for (size_t i = first_fixup; i < load->fixup_count; i++) {
            resolve(load, &list, &load->fixups[i]);
        }
    }
    load->fixup_count = first_fixup;
    return first;
}
