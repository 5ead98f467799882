#include "coordinator/definition/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/json/schema.h"
#include "coordinator/definition/expr.h"

enum { PLAN_ARENA_BYTES = 512 * 1024 * 1024 };

static const char *const error_bases[] = {
    "https://open-workflow-specification.org/spec/1.0.0/errors/",
    "https://open-workflow-specification.org/dsl/errors/types/",
    "https://serverlessworkflow.io/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
};

bool load_grow(void **items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity) {
        return true;
    }
    size_t wanted = *capacity == 0 ? 16 : 2 * *capacity;
    void *grown = realloc(*items, wanted * item_size);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *capacity = wanted;
    return true;
}

const json_t *load_keep(struct load *load, json_t *value)
{
    struct plan_memory *memory = load->memory;
    if (value == NULL || !load_grow((void **)&memory->values, memory->value_count,
                                    &memory->value_capacity, sizeof(memory->values[0]))) {
        json_decref(value);
        load->failed = true;
        return NULL;
    }
    memory->values[memory->value_count++] = value;
    return value;
}

char *load_printf(struct load *load, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (size >= 0 && (size_t)size < sizeof(text)) {
        return arena_dup(load->arena, text, (size_t)size);
    }
    char *out = size < 0 ? NULL : arena_alloc(load->arena, (size_t)size + 1);
    if (out != NULL) {
        va_start(args, format);
        (void)vsnprintf(out, (size_t)size + 1, format, args);
        va_end(args);
    }
    return out;
}

struct plan_node *load_add_node(struct load *load, const struct task_site *site,
                                const struct yaml_node *definition)
{
    size_t capacity = load->node_capacity;
    if (load->failed) {
        return NULL;
    }
    if (load->node_count == LOAD_NODES_MAX) {
        report_problem(load->report, definition, "split the definition, or call fewer functions",
                       "more than %d tasks, counting each call of a function with all its tasks",
                       LOAD_NODES_MAX);
        load->failed = true;
        return NULL;
    }
    struct plan_node *node = ARENA_NEW(load->arena, struct plan_node);
    if (node == NULL ||
        !load_grow((void **)&load->nodes, load->node_count, &capacity, sizeof(load->nodes[0]))) {
        load->failed = true;
        return NULL;
    }
    load->node_capacity = (uint32_t)capacity;
    node->index = load->node_count;
    node->parent = site->parent;
    node->next = PLAN_NONE;
    node->pointer = site->pointer;
    node->definition = definition->value;
    node->line = load->report->file == NULL ? definition->line : 0;
    node->column = definition->column;
    node->then.target = PLAN_NONE;
    node->about = load->extended;
    node->tail = PLAN_NONE;
    load->nodes[load->node_count++] = node;
    return node;
}

/* The scope of a branch has no name in its pointer: it gets that of its task. */
static const char *branch_place(struct load *load, const struct plan_node *node)
{
    struct buf name = BUF_INIT((size_t)64 * 1024);
    json_pointer_append(&name, node->name, strlen(node->name));
    const char *place = name.failed ? NULL
                                    : load_printf(load, "%s/fork/branches%s",
                                                  load->nodes[node->parent]->place, name.data);
    buf_release(&name);
    return place;
}

/* Whether the node is the call of a task that has a lock: two nodes of one task. */
static bool call_in_lock(const struct load *load, const struct plan_node *node)
{
    const struct plan_node *parent = node->parent == PLAN_NONE ? NULL : load->nodes[node->parent];
    return parent != NULL && parent->kind == TASK_LOCK && parent->definition == node->definition;
}

/* A call keeps its place, of which its effects have their names, when it gets a lock: the lock's
 * place is made of it. */
static const char *lock_place(struct load *load, const struct plan_node *node, const char *place)
{
    bool made = node->kind == TASK_LOCK && node->lock.first != PLAN_NONE &&
                call_in_lock(load, load->nodes[node->lock.first]);
    return made && place != NULL ? load_printf(load, "%s/lock", place) : place;
}

/* The place of the task around it, then the node's own pointer from there on without the position
 * in its list: of "/catch/do/0/tell" that is "/catch/do/tell". Names are unique in a list, so
 * places are in a plan. */
static const char *place_of(struct load *load, const struct plan_node *node)
{
    if (node->kind == TASK_BRANCH) {
        return branch_place(load, node);
    }
    const struct plan_node *parent = node->parent == PLAN_NONE ? NULL : load->nodes[node->parent];
    if (call_in_lock(load, node)) {
        return load_printf(load, "%.*s", (int)(strlen(parent->place) - strlen("/lock")),
                           parent->place);
    }
    const char *own = node->pointer + (parent == NULL ? 0 : strlen(parent->pointer));
    const char *at = strchr(own + 1, '/'); /* the list's name is no position */
    size_t digits = 0;
    for (; at != NULL; at = strchr(at + 1, '/')) {
        digits = strspn(at + 1, "0123456789");
        if (digits > 0 && at[1 + digits] == '/') {
            break;
        }
    }
    return lock_place(load, node,
                      load_printf(load, "%s%.*s%s", parent == NULL ? "" : parent->place,
                                  at == NULL ? (int)strlen(own) : (int)(at - own), own,
                                  at == NULL ? "" : at + 1 + digits));
}

/* What the plan points to becomes one array, and the external expressions get their list. */
static bool finish_plan(struct load *load)
{
    struct plan_memory *memory = load->memory;
    struct plan *plan = &memory->plan;
    struct plan_node *nodes = ARENA_ARRAY(load->arena, struct plan_node, load->node_count + 1);
    const struct expr **externals =
        ARENA_ARRAY(load->arena, const struct expr *, memory->expr_count + 1);
    if (nodes == NULL || externals == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < load->node_count; i++) { /* parents come before what is in them */
        load->nodes[i]->place = place_of(load, load->nodes[i]);
        if (load->nodes[i]->place == NULL) {
            return false;
        }
        nodes[i] = *load->nodes[i];
    }
    for (size_t i = 0; i < memory->expr_count; i++) {
        if (!expr_is_native(memory->exprs[i])) {
            externals[plan->external_count++] = memory->exprs[i];
        }
    }
    plan->nodes = nodes;
    plan->node_count = load->node_count;
    plan->externals = externals;
    plan->expr_count = (uint32_t)memory->expr_count;
    return true;
}

static struct plan_memory *create_memory(void)
{
    struct arena *arena = arena_create(PLAN_ARENA_BYTES);
    struct plan_memory *memory = arena == NULL ? NULL : ARENA_NEW(arena, struct plan_memory);
    if (memory == NULL) {
        arena_destroy(&arena);
        return NULL;
    }
    memory->arena = arena;
    memory->plan.first = PLAN_NONE;
    return memory;
}

static enum err load_text(struct load *load, const char *text, size_t size)
{
    struct plan_memory *memory = load->memory;
    const char *copy = arena_dup(memory->arena, text, size);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    if (size > LIMIT_DEFINITION_BYTES) {
        report_at(load->report, 0, 0, NULL, "the definition has %zu bytes (limit %d)", size,
                  LIMIT_DEFINITION_BYTES);
        return ERR_INVALID;
    }
    if (memchr(text, '\0', size) != NULL || !utf8_valid(text, size)) {
        report_at(load->report, 1, 1, NULL, "the definition is not UTF-8 text");
        return ERR_INVALID;
    }
    size_t own = parts_split(load, copy, size);
    struct yaml_node *root = yaml_parse(memory->arena, copy, own, load->report);
    if (root == NULL || !report_clean(load->report)) {
        if (root != NULL) {
            json_decref(root->value);
        }
        return ERR_INVALID;
    }
    memory->plan.document = load_keep(load, root->value);
    memory->plan.digest = crypto_blake(text, size);
    parts_parse(load);
    check_document(load, root);
    if (!report_clean(load->report)) {
        return ERR_INVALID;
    }
    return load->failed || arena_overflowed(memory->arena) || !finish_plan(load) ? ERR_NOMEM
                                                                                 : ERR_OK;
}

enum err plan_load(const char *text, size_t size, struct plan **ret_plan,
                   struct plan_report *report)
{
    struct report *collected = calloc(1, sizeof(*collected));
    struct plan_memory *memory = create_memory();
    *ret_plan = NULL;
    *report = (struct plan_report){0};
    enum err code = ERR_NOMEM;
    if (collected != NULL && memory != NULL && report_init(collected, report)) {
        struct load load = {.memory = memory,
                            .arena = memory->arena,
                            .report = collected,
                            .extended = PLAN_NONE,
                            .before_list = PLAN_NONE};
        code = load_text(&load, text, size);
        report_finish(collected);
        free(load.nodes);
        free(load.fixups);
    }
    free(collected);
    struct plan *plan = memory == NULL ? NULL : &memory->plan;
    if (code == ERR_OK) {
        *ret_plan = plan;
    } else {
        plan_destroy(&plan);
    }
    return code;
}

void plan_destroy(struct plan **plan)
{
    if (*plan == NULL) {
        return;
    }
    struct plan_memory *memory = (struct plan_memory *)*plan; /* its first member */
    for (size_t i = 0; i < memory->expr_count; i++) {
        expr_destroy(&memory->exprs[i]);
    }
    for (size_t i = 0; i < memory->schema_count; i++) {
        schema_destroy(&memory->schemas[i]);
    }
    for (size_t i = 0; i < memory->value_count; i++) {
        json_decref(memory->values[i]);
    }
    free(memory->exprs);
    free(memory->schemas);
    free(memory->values);
    struct arena *arena = memory->arena;
    *plan = NULL;
    arena_destroy(&arena);
}

const struct plan_node *plan_node_at(const struct plan *plan, const char *pointer)
{
    for (uint32_t i = 0; i < plan->node_count; i++) {
        if (strcmp(plan->nodes[i].pointer, pointer) == 0) {
            return &plan->nodes[i];
        }
    }
    return NULL;
}

void plan_where(const struct plan_node *node, const char *file, char out[PLAN_WHERE_BYTES])
{
    if (node->line == 0) {
        (void)snprintf(out, PLAN_WHERE_BYTES, "%s", node->pointer);
        return;
    }
    (void)snprintf(out, PLAN_WHERE_BYTES, "%.200s%s%u:%u: %s", file, file[0] == '\0' ? "" : ":",
                   node->line, node->column, node->pointer);
}

bool plan_event_type_valid(const char *type)
{
    size_t size = 0;
    while (type != NULL && (unsigned char)type[size] > ' ' && type[size] != 0x7F) {
        size++;
    }
    return size > 0 && type[size] == '\0' && size <= LIMIT_EVENT_TYPE_BYTES;
}

bool plan_in_branch(const struct plan *plan, uint32_t node)
{
    while (node != PLAN_NONE && plan->nodes[node].kind != TASK_BRANCH) {
        node = plan->nodes[node].parent;
    }
    return node != PLAN_NONE;
}

/* The last segment when the URI starts with a known base, else NULL. */
static const char *standard_segment(const char *uri)
{
    for (size_t i = 0; i < sizeof(error_bases) / sizeof(error_bases[0]); i++) {
        if (text_starts(uri, error_bases[i])) {
            return uri + strlen(error_bases[i]);
        }
    }
    return NULL;
}

bool plan_error_type_equal(const char *a, const char *b)
{
    if (a == NULL || b == NULL || strcmp(a, b) == 0) {
        return a != NULL && b != NULL;
    }
    const char *left = standard_segment(a);
    const char *right = standard_segment(b);
    return left != NULL && right != NULL && strcmp(left, right) == 0;
}

const char *plan_error_type(const char *last_segment)
{
    static const char *const types[] = {
#define STANDARD(name) "https://open-workflow-specification.org/spec/1.0.0/errors/" name
        STANDARD("configuration"),  STANDARD("validation"),    STANDARD("expression"),
        STANDARD("authentication"), STANDARD("authorization"), STANDARD("timeout"),
        STANDARD("communication"),  STANDARD("runtime"),
#undef STANDARD
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i] + strlen(error_bases[0]), last_segment) == 0) {
            return types[i];
        }
    }
    return types[7]; /* runtime: what has no better name */
}
