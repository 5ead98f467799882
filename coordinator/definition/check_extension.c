/*
 * use.extensions: what stands before and after tasks of a kind.
 *
 * An extension becomes blocks in the list of the task it extends, so the engine walks them like
 * any others:
 *
 *      before block -> (further extensions) -> task -> (further) -> after block
 *
 * A block gives on what came in (`output.as: $input`), so the extended task sees its own input and
 * its output goes on. `exit` in the list of a `before` is FLOW_BYPASS. Where a task may leave by
 * several ways (cases of `switch`, `then` of `catch`), each way has its own `after` blocks.
 */
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "coordinator/definition/load.h"

enum { EXTENSIONS_MAX = 16 };

/* Replaced by the index of the extended task once it has one. */
#define ABOUT_PENDING (PLAN_NONE - 1)

/* One task and the extensions that apply to it. */
struct extended {
    const struct yaml_node *task;
    const struct task_site *site;
    const struct yaml_node *extensions[EXTENSIONS_MAX]; /* outermost first */
    size_t count;
};

static const char *const targets[] = {"call", "composite", "emit", "for",  "listen", "raise", "run",
                                      "set",  "switch",    "try",  "wait", "all",    NULL};

static bool target_fits(const char *target, const char *verb)
{
    if (target == NULL || verb == NULL) {
        return false;
    }
    bool composite = strcmp(verb, "do") == 0 || strcmp(verb, "fork") == 0;
    return strcmp(target, "all") == 0 || strcmp(target, verb) == 0 ||
           (composite && strcmp(target, "composite") == 0);
}

/* POINTER/NAME/PART, where a block of an extension stands. */
static const char *block_pointer(struct load *load, const char *base, const char *name,
                                 const char *part)
{
    struct buf token = BUF_INIT((size_t)64 * 1024);
    json_pointer_append(&token, name, strlen(name));
    const char *pointer =
        load_printf(load, "%s%s/%s", base, token.failed ? "/extension" : token.data, part);
    buf_release(&token);
    return pointer;
}

static const struct template *pass_template(struct load *load, const struct yaml_node *node)
{
    const struct yaml_node text = {.value = json_string("$input"), .line = node->line};
    const struct template *tmpl =
        load_keep(load, text.value) == NULL ? NULL : check_shape(load, &text, "'as'", PLACE_TASK);
    return tmpl;
}

/* The text of an expression without ${ }, or NULL when it is none. */
static const char *expression_text(struct load *load, const struct yaml_node *node)
{
    if (json_is_boolean(node->value)) {
        return json_is_true(node->value) ? "true" : "false";
    }
    const char *text = json_string_value(node->value);
    const char *inside = text;
    return text == NULL || check_embrace(load, text, &inside) < 0 ? NULL : inside;
}

/* A `before` runs when its task does: the condition of both. */
static const struct expr *before_condition(struct load *load, const struct extended *extended,
                                           const struct yaml_node *when)
{
    const struct yaml_node *task_if = yaml_get(extended->task, "if");
    const char *left = task_if == NULL ? NULL : expression_text(load, task_if);
    if (when == NULL || left == NULL) {
        return check_expression(load, when == NULL ? task_if : when, "'when'", PLACE_TASK_IN);
    }
    const char *right = expression_text(load, when);
    const char *both = right == NULL ? NULL : load_printf(load, "(%s\n) and (%s\n)", left, right);
    struct yaml_node node = *when;
    node.value = both == NULL ? NULL : json_string(both);
    return node.value == NULL || load_keep(load, node.value) == NULL
               ? NULL
               : check_expression(load, &node, "'when'", PLACE_TASK_IN);
}

/* A block with the tasks of `list`. It may use the variables that are the same everywhere, not
 * those around the extended task: an extension means the same wherever it applies. */
static struct plan_node *add_block(struct load *load, const struct extended *extended,
                                   const struct yaml_node *extension, const char *base,
                                   const char *part)
{
    const struct yaml_node *list = yaml_get(extension, part);
    struct task_site site = *extended->site;
    site.pointer = block_pointer(load, base, extension->key, part);
    uint32_t outer = load->before_list;
    size_t scope = load->scope_count;
    load->extended = ABOUT_PENDING;
    load->extending = true;
    struct plan_node *block = load_add_node(load, &site, list);
    if (block != NULL) {
        block->name = extension->key;
        block->kind = TASK_DO;
        block->block.bypass = PLAN_NONE;
        block->data.output_as = pass_template(load, list);
        load->scope_count = 0;
        load->before_list = strcmp(part, "before") == 0 ? block->index : PLAN_NONE;
        uint32_t first = check_tasks(load, list, site.pointer, block->index);
        block->block.first = first;
    }
    load->scope_count = scope;
    load->before_list = outer;
    load->extending = false;
    load->extended = PLAN_NONE;
    return block;
}

/* The `after` blocks of a task, innermost first; PLAN_NONE in both when there are none. */
static struct chain add_afters(struct load *load, const struct extended *extended, const char *base)
{
    struct chain chain = {PLAN_NONE, PLAN_NONE};
    for (size_t i = extended->count; i > 0; i--) {
        const struct yaml_node *extension = extended->extensions[i - 1];
        if (yaml_get(extension, "after") == NULL) {
            continue;
        }
        struct plan_node *block = add_block(load, extended, extension, base, "after");
        if (block == NULL) {
            continue;
        }
        load->extended = ABOUT_PENDING;
        block->condition =
            check_expression(load, yaml_get(extension, "when"), "'when'", PLACE_TASK_IN);
        load->extended = PLAN_NONE;
        if (chain.first == PLAN_NONE) {
            chain.first = block->index;
        } else {
            load->nodes[chain.last]->next = block->index;
        }
        chain.last = block->index;
    }
    return chain;
}

/* What is due behind `from` is due behind `to` now. */
static void move_flow(struct load *load, const struct flow *from, struct plan_node *to)
{
    to->then = *from;
    for (size_t i = 0; i < load->fixup_count; i++) {
        if (load->fixups[i].flow == from) {
            load->fixups[i].flow = &to->then;
            load->fixups[i].from = to->index;
        }
    }
}

/* A way out of the task beside its own `then` gets `after` blocks of its own. */
static struct flow redirect(struct load *load, const struct extended *extended,
                            const struct flow *flow, const char *base)
{
    if (flow->kind == FLOW_CONTINUE) {
        return *flow;
    }
    struct chain chain = add_afters(load, extended, base);
    if (chain.first == PLAN_NONE) {
        return *flow;
    }
    move_flow(load, flow, load->nodes[chain.last]);
    return (struct flow){.kind = FLOW_GOTO, .target = chain.first};
}

static void redirect_ways(struct load *load, const struct extended *extended,
                          struct plan_node *task)
{
    if (task->kind == TASK_TRY && task->attempt.has_then) {
        task->attempt.then = redirect(load, extended, &task->attempt.then,
                                      load_printf(load, "%s/catch", task->pointer));
    }
    if (task->kind != TASK_SWITCH) {
        return;
    }
    struct switch_case *cases =
        ARENA_ARRAY(load->arena, struct switch_case, task->choice.count + 1);
    for (size_t i = 0; cases != NULL && i < task->choice.count; i++) {
        cases[i] = task->choice.cases[i];
        cases[i].then = redirect(load, extended, &task->choice.cases[i].then,
                                 load_printf(load, "%s/switch/%zu", task->pointer, i));
    }
    if (cases != NULL) {
        task->choice.cases = cases;
    }
}

static struct chain link_afters(struct load *load, const struct extended *extended,
                                struct plan_node *task)
{
    struct chain chain = add_afters(load, extended, task->pointer);
    if (chain.first == PLAN_NONE) {
        return (struct chain){task->index, task->index};
    }
    redirect_ways(load, extended, task);
    move_flow(load, &task->then, load->nodes[chain.last]);
    task->then = (struct flow){.kind = FLOW_CONTINUE, .target = PLAN_NONE};
    task->next = chain.first;
    task->tail = chain.last;
    return (struct chain){task->index, chain.last};
}

static void find_extensions(struct load *load, struct extended *extended)
{
    const struct yaml_node *list = yaml_get(load->use, "extensions");
    const char *verb = json_is_object(extended->task->value) ? check_verb(extended->task) : NULL;
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const struct yaml_node *item = list->items[i];
        const struct yaml_node *extension = item->count == 1 ? item->items[0] : NULL;
        const struct yaml_node *target =
            extension == NULL || extension->key == NULL ? NULL : yaml_get(extension, "extend");
        if (target != NULL && extended->count < EXTENSIONS_MAX &&
            target_fits(json_string_value(target->value), verb)) {
            extended->extensions[extended->count++] = extension;
        }
    }
}

struct chain check_extended(struct load *load, const struct yaml_node *node, const char *name,
                            const struct task_site *site)
{
    struct extended extended = {.task = node, .site = site};
    if (load->use != NULL && !load->extending) {
        find_extensions(load, &extended);
    }
    uint32_t begin = load->node_count;
    uint32_t first = PLAN_NONE;
    struct plan_node *last = NULL;
    for (size_t i = 0; i < extended.count; i++) {
        const struct yaml_node *extension = extended.extensions[i];
        if (yaml_get(extension, "before") == NULL) {
            continue;
        }
        struct plan_node *block = add_block(load, &extended, extension, site->pointer, "before");
        if (block == NULL) {
            continue;
        }
        block->condition = before_condition(load, &extended, yaml_get(extension, "when"));
        if (last != NULL) {
            last->next = block->index;
        }
        first = first == PLAN_NONE ? block->index : first;
        last = block;
    }
    struct plan_node *task = check_task(load, node, name, site);
    if (task == NULL || load->failed) {
        return (struct chain){PLAN_NONE, PLAN_NONE};
    }
    if (last != NULL) {
        last->next = task->index;
    }
    struct chain chain = {task->index, task->index};
    if (extended.count > 0) {
        chain = link_afters(load, &extended, task);
    }
    for (uint32_t i = begin; extended.count > 0 && i < load->node_count; i++) {
        struct plan_node *it = load->nodes[i];
        it->about = it->about == ABOUT_PENDING ? task->index : it->about;
        if (i < task->index && it->parent == site->parent) {
            it->block.bypass = chain.last;
        }
    }
    chain.first = first == PLAN_NONE ? chain.first : first;
    return chain;
}

/* --- the form -----------------------------------------------------------------------------------
 */

static void check_lists(struct load *load, const struct yaml_node *extension, size_t at)
{
    static const char *const parts[] = {"before", "after"};
    uint32_t outer = load->before_list;
    load->extending = true;
    for (size_t i = 0; i < 2; i++) {
        struct task_site site = {.pointer =
                                     load_printf(load, "/use/extensions/%zu/%s", at, parts[i]),
                                 .parent = PLAN_NONE};
        const struct plan_node *block = load_add_node(load, &site, extension);
        if (block != NULL) {
            load->before_list = i == 0 ? block->index : PLAN_NONE;
            (void)check_tasks(load, yaml_get(extension, parts[i]), site.pointer, block->index);
        }
    }
    load->extending = false;
    load->before_list = outer;
}

static void check_extension(struct load *load, const struct yaml_node *list, size_t at)
{
    static const char *const allowed[] = {"extend", "when", "before", "after", NULL};
    const struct yaml_node *item = list->items[at];
    if (!check_is_object(load, item, "an item of 'extensions'")) {
        return;
    }
    if (item->count != 1) {
        report_problem(load->report, item, "start each extension with '- name:'",
                       "an item of 'extensions' has one key, the extension's name, not %zu",
                       item->count);
        return;
    }
    const struct yaml_node *extension = item->items[0];
    if (!check_is_object(load, extension, "an extension")) {
        return;
    }
    for (size_t i = 0; i < at; i++) {
        const struct yaml_node *other = list->items[i];
        if (other->count == 1 && text_equal(other->items[0]->key, extension->key)) {
            report_key(load->report, extension, "give each extension its own name",
                       "the extension '%.64s' is here twice", extension->key);
        }
    }
    check_keys(load, extension, "an extension", allowed, NULL);
    const struct yaml_node *target = check_required(load, extension, "extend", "an extension");
    if (target != NULL) {
        (void)check_word(load, target, "'extend'", targets);
    }
    (void)check_expression(load, yaml_get(extension, "when"), "'when'", PLACE_TASK_IN);
    if (yaml_get(extension, "before") == NULL && yaml_get(extension, "after") == NULL) {
        report_problem(load->report, extension, NULL, "an extension needs 'before' or 'after'");
    }
    check_lists(load, extension, at);
}

void check_extensions(struct load *load)
{
    const struct yaml_node *list = yaml_get(load->use, "extensions");
    if (list == NULL || !check_is_array(load, list, "'use.extensions'")) {
        return;
    }
    if (list->count > EXTENSIONS_MAX) {
        report_problem(load->report, list, NULL, "more than %d extensions", EXTENSIONS_MAX);
        return;
    }
    for (size_t i = 0; i < list->count && !load->failed; i++) {
        check_extension(load, list, i);
    }
}
