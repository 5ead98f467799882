#include "coordinator/definition/expr_private.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/check.h"

enum err(eval_fail)(struct eval *eval, const char *format, ...)
{
    char message[ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return error_set(eval->err, ERR_INVALID, "%s", message);
}

enum err eval_limit(struct eval *eval, const char *what)
{
    return error_set(eval->err, ERR_LIMIT, "%s", what);
}

static enum err no_memory(struct eval *eval)
{
    return error_set(eval->err, ERR_NOMEM, "no memory for a value");
}

enum err eval_spend(struct eval *eval, size_t amount)
{
    if (amount > (size_t)LIMIT_EXPRESSION_FUEL || eval->fuel < (int64_t)amount) {
        eval->fuel = 0;
        return eval_limit(eval, "needs more than the 1000000 evaluation steps allowed");
    }
    eval->fuel -= (int64_t)amount;
    return ERR_OK;
}

static enum err measure(struct eval *eval, const json_t *value, int depth)
{
    TRY(eval_spend(eval, 1));
    if (json_is_string(value)) {
        return eval_spend(eval, json_string_length(value) / 64);
    }
    if (!json_is_array(value) && !json_is_object(value)) {
        return ERR_OK;
    }
    if (depth >= EXPR_DEPTH_MAX) {
        return eval_limit(eval, "makes a value nested deeper than 256");
    }
    if (json_is_array(value)) {
        size_t size = json_array_size(value);
        for (size_t i = 0; i < size; i++) {
            TRY(measure(eval, json_array_get(value, i), depth + 1));
        }
        return ERR_OK;
    }
    json_t *object = json_mutable(value);
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        TRY(eval_spend(eval, json_object_iter_key_len(at) / 64));
        TRY(measure(eval, json_object_iter_value(at), depth + 1));
    }
    return ERR_OK;
}

enum err eval_measure(struct eval *eval, const json_t *value)
{
    return measure(eval, value, 0);
}

/* The variable's value, borrowed. */
static enum err variable_value(struct eval *eval, const struct node *node, json_t **ret_value)
{
    const json_t *value =
        eval->scope->variable == NULL ? NULL : eval->scope->variable(eval->scope->user, node->name);
    if (value == NULL) {
        return eval_fail(eval, "the variable '$%s' has no value here", node->name);
    }
    *ret_value = json_mutable(value);
    return ERR_OK;
}

static bool is_path(const struct node *node)
{
    return node->kind == NODE_FIELD || node->kind == NODE_IDENTITY || node->kind == NODE_VARIABLE ||
           node->kind == NODE_LOCAL || node->kind == NODE_LITERAL;
}

static enum err fail_field(struct eval *eval, const json_t *target, const char *name)
{
    return eval_fail(eval, "cannot read field '%.64s' of %s", name, value_type(target));
}

/* Value of a path without touching reference counts: borrowed from input, scope or expression. */
static enum err eval_path(struct eval *eval, const struct node *node, json_t *input,
                          json_t **ret_value)
{
    if (node->kind == NODE_IDENTITY) {
        *ret_value = input;
        return ERR_OK;
    }
    if (node->kind == NODE_LITERAL) {
        *ret_value = node->literal;
        return ERR_OK;
    }
    if (node->kind == NODE_VARIABLE) {
        return variable_value(eval, node, ret_value);
    }
    if (node->kind == NODE_LOCAL) {
        *ret_value = eval->slots[node->slot];
        CHECK(*ret_value != NULL);
        return ERR_OK;
    }
    CHECK(node->kind == NODE_FIELD);
    json_t *target = NULL;
    TRY(eval_path(eval, node->a, input, &target));
    if (json_is_object(target)) {
        json_t *found = json_object_getn(target, node->name, node->name_size);
        *ret_value = found == NULL ? json_null() : found;
        return ERR_OK;
    }
    if (!json_is_null(target)) {
        return fail_field(eval, target, node->name);
    }
    *ret_value = target;
    return ERR_OK;
}

/* Whether every level of a field chain is a path, so that eval_path may walk it. */
static bool is_path_chain(const struct node *node)
{
    while (node->kind == NODE_FIELD) {
        node = node->a;
    }
    return is_path(node);
}

static enum err eval_field(struct eval *eval, const struct node *node, json_t *input,
                           json_t **ret_value)
{
    json_t *target = NULL;
    if (is_path_chain(node)) {
        TRY(eval_path(eval, node, input, &target));
        *ret_value = json_incref(target);
        return ERR_OK;
    }
    TRY(eval_one(eval, node->a, input, &target));
    json_t *found = json_is_null(target) ? json_null() : NULL;
    if (json_is_object(target)) {
        found = json_object_getn(target, node->name, node->name_size);
        found = found == NULL ? json_null() : found;
    }
    enum err code = found == NULL ? fail_field(eval, target, node->name) : ERR_OK;
    if (code == ERR_OK) {
        *ret_value = json_incref(found);
    }
    json_decref(target);
    return code;
}

static enum err eval_index(struct eval *eval, const struct node *node, json_t *input,
                           json_t **ret_value)
{
    json_t *key = NULL;
    json_t *target = NULL;
    TRY(eval_one(eval, node->b, input, &key));
    enum err code = eval_one(eval, node->a, input, &target);
    if (code == ERR_OK) {
        code = value_index(eval, target, key, ret_value);
        json_decref(target);
    }
    json_decref(key);
    return code;
}

static enum err eval_bound(struct eval *eval, const struct node *node, json_t *input,
                           json_t **ret_value)
{
    if (node == NULL) {
        *ret_value = json_null();
        return ERR_OK;
    }
    return eval_one(eval, node, input, ret_value);
}

static enum err eval_slice(struct eval *eval, const struct node *node, json_t *input,
                           json_t **ret_value)
{
    json_t *from = NULL;
    json_t *to = NULL;
    json_t *target = NULL;
    enum err code = eval_bound(eval, node->b, input, &from);
    if (code == ERR_OK) {
        code = eval_bound(eval, node->c, input, &to);
    }
    if (code == ERR_OK) {
        code = eval_one(eval, node->a, input, &target);
    }
    if (code == ERR_OK) {
        code = value_slice(eval, target, from, to, ret_value);
    }
    json_decref(from);
    json_decref(to);
    json_decref(target);
    return code;
}

static enum err eval_binary(struct eval *eval, const struct node *node, json_t *input,
                            json_t **ret_value)
{
    json_t *left = NULL;
    json_t *right = NULL;
    TRY(eval_one(eval, node->b, input, &right));
    enum err code = eval_one(eval, node->a, input, &left);
    if (code == ERR_OK) {
        code = value_binary(eval, node->op, left, right, ret_value);
        json_decref(left);
    }
    json_decref(right);
    return code;
}

static enum err eval_truth(struct eval *eval, const struct node *node, json_t *input,
                           bool *ret_truth)
{
    json_t *value = NULL;
    TRY(eval_one(eval, node, input, &value));
    *ret_truth = expr_truth(value);
    json_decref(value);
    return ERR_OK;
}

static enum err eval_logic(struct eval *eval, const struct node *node, json_t *input,
                           json_t **ret_value)
{
    bool truth;
    TRY(eval_truth(eval, node->a, input, &truth));
    if (truth == (node->kind == NODE_AND)) {
        TRY(eval_truth(eval, node->b, input, &truth));
    }
    *ret_value = json_boolean(truth);
    return ERR_OK;
}

static enum err eval_alternative(struct eval *eval, const struct node *node, json_t *input,
                                 json_t **ret_value)
{
    TRY(eval_one(eval, node->a, input, ret_value));
    if (expr_truth(*ret_value)) {
        return ERR_OK;
    }
    json_decref(*ret_value);
    return eval_one(eval, node->b, input, ret_value);
}

static enum err append_text(struct eval *eval, const json_t *value, struct buf *out)
{
    if (json_is_string(value)) {
        TRY(eval_spend(eval, json_string_length(value) / 64));
        buf_append(out, json_string_value(value), json_string_length(value));
        return ERR_OK;
    }
    return value_text(eval, value, out);
}

static enum err text_of_buf(struct eval *eval, struct buf *out, json_t **ret_value)
{
    return out->failed
               ? eval_limit(eval, "makes a text that is too long")
               : value_of_text(eval, out->data == NULL ? "" : out->data, out->size, ret_value);
}

static enum err eval_text(struct eval *eval, const struct node *node, json_t *input,
                          json_t **ret_value)
{
    struct buf out = BUF_INIT(EXPR_STRING_MAX);
    enum err code = ERR_OK;
    for (uint32_t i = 0; code == ERR_OK && i < node->count; i++) {
        json_t *part = NULL;
        code = eval_one(eval, node->list[i], input, &part);
        if (code == ERR_OK) {
            code = append_text(eval, part, &out);
            json_decref(part);
        }
    }
    if (code == ERR_OK) {
        code = text_of_buf(eval, &out, ret_value);
    }
    buf_release(&out);
    return code;
}

static enum err set_member(struct eval *eval, json_t *object, const json_t *key, json_t *value)
{
    if (!json_is_string(key)) {
        json_decref(value);
        return eval_fail(eval, "an object key must be a text, not %s", value_type(key));
    }
    return json_object_setn_new_nocheck(object, json_string_value(key), json_string_length(key),
                                        value) == 0
               ? ERR_OK
               : no_memory(eval);
}

static enum err eval_object(struct eval *eval, const struct node *node, json_t *input,
                            json_t **ret_value)
{
    json_t *object = json_object();
    enum err code = object == NULL ? no_memory(eval) : ERR_OK;
    for (uint32_t i = 0; code == ERR_OK && i < node->count; i += 2) {
        json_t *key = NULL;
        json_t *value = NULL;
        code = eval_one(eval, node->list[i], input, &key);
        if (code == ERR_OK) {
            code = eval_one(eval, node->list[i + 1], input, &value);
        }
        if (code == ERR_OK) {
            code = set_member(eval, object, key, value);
        }
        json_decref(key);
    }
    if (code != ERR_OK) {
        json_decref(object);
        return code;
    }
    *ret_value = object;
    return ERR_OK;
}

static enum err eval_pipe(struct eval *eval, const struct node *node, json_t *input,
                          json_t **ret_value)
{
    json_t *between = NULL;
    TRY(eval_one(eval, node->a, input, &between));
    enum err code = eval_one(eval, node->b, between, ret_value);
    json_decref(between);
    return code;
}

static enum err eval_if(struct eval *eval, const struct node *node, json_t *input,
                        json_t **ret_value)
{
    bool truth;
    TRY(eval_truth(eval, node->a, input, &truth));
    const struct node *branch = truth ? node->b : node->c;
    if (branch == NULL) {
        *ret_value = json_incref(input);
        return ERR_OK;
    }
    return eval_one(eval, branch, input, ret_value);
}

static enum err eval_bind(struct eval *eval, const struct node *node, json_t *input,
                          json_t **ret_value)
{
    json_t *bound = NULL;
    TRY(eval_one(eval, node->a, input, &bound));
    eval->slots[node->slot] = bound;
    enum err code = eval_one(eval, node->b, input, ret_value);
    json_decref(bound);
    return code;
}

struct reduction {
    const struct node *node;
    json_t *state;
    size_t count;
};

static enum err keep_last(struct eval *eval, void *user, json_t *value)
{
    json_t **last = user;
    (void)eval;
    json_decref(*last);
    *last = value;
    return ERR_OK;
}

static enum err reduce_step(struct eval *eval, void *user, json_t *value)
{
    struct reduction *reduction = user;
    json_t *last = NULL;
    eval->slots[reduction->node->slot] = value;
    enum err code = eval_each(eval, reduction->node->c, reduction->state, keep_last, &last);
    json_decref(value);
    if (code != ERR_OK) {
        json_decref(last);
        return code;
    }
    json_decref(reduction->state);
    reduction->state = last == NULL ? json_null() : last;
    reduction->count++;
    return reduction->count % EXPR_REDUCE_CHECK == 0 ? eval_measure(eval, reduction->state)
                                                     : ERR_OK;
}

/* The one start value; jq's versions differ on what several would mean, so they are refused. */
static enum err reduce_start(struct eval *eval, const struct node *node, json_t *input,
                             json_t **ret_start)
{
    json_t *all = NULL;
    if (node->b->single) {
        return eval_one(eval, node->b, input, ret_start);
    }
    TRY(eval_collect(eval, node->b, input, &all));
    size_t count = json_array_size(all);
    *ret_start = json_incref(json_array_get(all, 0));
    json_decref(all);
    if (count != 1) {
        json_decref(*ret_start);
        return eval_fail(eval, "the start of reduce gives %zu results instead of one", count);
    }
    return ERR_OK;
}

static enum err eval_reduce(struct eval *eval, const struct node *node, json_t *input,
                            json_t **ret_value)
{
    struct reduction reduction = {.node = node};
    TRY(reduce_start(eval, node, input, &reduction.state));
    enum err code = eval_each(eval, node->a, input, reduce_step, &reduction);
    if (code == ERR_OK) {
        code = eval_measure(eval, reduction.state);
    }
    if (code != ERR_OK) {
        json_decref(reduction.state);
        return code;
    }
    *ret_value = reduction.state;
    return ERR_OK;
}

static enum err eval_call(struct eval *eval, const struct node *node, json_t *input,
                          json_t **ret_value)
{
    const struct builtin *builtin = node->builtin;
    if (builtin->one != NULL) {
        return builtin->one(eval, node, input, ret_value);
    }
    json_t *args[3] = {NULL, NULL, NULL};
    enum err code = ERR_OK;
    for (uint32_t i = 0; code == ERR_OK && i < node->count; i++) {
        code = eval_one(eval, node->list[i], input, &args[i]);
    }
    if (code == ERR_OK) {
        code = builtin->value(eval, input, args, ret_value);
    }
    for (uint32_t i = 0; i < node->count; i++) {
        json_decref(args[i]);
    }
    return code;
}

static enum err eval_negate(struct eval *eval, const struct node *node, json_t *input,
                            json_t **ret_value)
{
    json_t *value = NULL;
    TRY(eval_one(eval, node->a, input, &value));
    enum err code = value_negate(eval, value, ret_value);
    json_decref(value);
    return code;
}

static enum err eval_array(struct eval *eval, const struct node *node, json_t *input,
                           json_t **ret_value)
{
    if (node->a != NULL) {
        return eval_collect(eval, node->a, input, ret_value);
    }
    *ret_value = json_array();
    return *ret_value == NULL ? no_memory(eval) : ERR_OK;
}

enum err eval_one(struct eval *eval, const struct node *node, json_t *input, json_t **ret_value)
{
    TRY(eval_spend(eval, 1));
    switch (node->kind) {
    case NODE_IDENTITY:
    case NODE_LITERAL:
    case NODE_VARIABLE:
    case NODE_LOCAL:
        TRY(eval_path(eval, node, input, ret_value));
        (void)json_incref(*ret_value);
        return ERR_OK;
    case NODE_FIELD:
        return eval_field(eval, node, input, ret_value);
    case NODE_INDEX:
        return eval_index(eval, node, input, ret_value);
    case NODE_SLICE:
        return eval_slice(eval, node, input, ret_value);
    case NODE_TEXT:
        return eval_text(eval, node, input, ret_value);
    case NODE_NEGATE:
        return eval_negate(eval, node, input, ret_value);
    case NODE_BINARY:
        return eval_binary(eval, node, input, ret_value);
    case NODE_AND:
    case NODE_OR:
        return eval_logic(eval, node, input, ret_value);
    case NODE_ALTERNATIVE:
        return eval_alternative(eval, node, input, ret_value);
    case NODE_ARRAY:
        return eval_array(eval, node, input, ret_value);
    case NODE_OBJECT:
        return eval_object(eval, node, input, ret_value);
    case NODE_PIPE:
        return eval_pipe(eval, node, input, ret_value);
    case NODE_IF:
        return eval_if(eval, node, input, ret_value);
    case NODE_BIND:
        return eval_bind(eval, node, input, ret_value);
    case NODE_REDUCE:
        return eval_reduce(eval, node, input, ret_value);
    case NODE_CALL:
        return eval_call(eval, node, input, ret_value);
    case NODE_ITERATE:
    case NODE_OPTIONAL:
    case NODE_COMMA:
        break;
    }
    UNREACHABLE();
}
