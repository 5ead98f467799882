/* Generators: nodes that give none or several values, in the order jq gives them. */
#include "coordinator/definition/expr_private.h"

#include "common/base/check.h"

enum err eval_yield_one(struct eval *eval, const struct node *node, json_t *input, value_fn *yield,
                        void *user)
{
    json_t *value = NULL;
    TRY(eval_one(eval, node, input, &value));
    return yield(eval, user, value);
}

static enum err collect_value(struct eval *eval, void *user, json_t *value)
{
    return json_array_append_new(user, value) == 0
               ? ERR_OK
               : error_set(eval->err, ERR_NOMEM, "no memory for an array");
}

enum err eval_collect(struct eval *eval, const struct node *node, json_t *input, json_t **ret_array)
{
    json_t *array = json_array();
    if (array == NULL) {
        return error_set(eval->err, ERR_NOMEM, "no memory for an array");
    }
    enum err code = eval_each(eval, node, input, collect_value, array);
    if (code != ERR_OK) {
        json_decref(array);
        return code;
    }
    *ret_array = array;
    return ERR_OK;
}

/*
 * The product of several operands: values of operands[order[0]] in the outermost loop. `done` gets
 * all values (borrowed) and yields one.
 */
struct product {
    const struct node *node;
    json_t *input;
    const struct node *operands[3];
    json_t *values[3];
    unsigned order[3];
    unsigned count;
    unsigned level;
    value_fn *yield;
    void *user;
};

static enum err product_done(struct eval *eval, struct product *product)
{
    const struct node *node = product->node;
    json_t *const *v = product->values;
    json_t *value = NULL;
    enum err code;
    if (node->kind == NODE_INDEX) {
        code = value_index(eval, v[0], v[1], &value);
    } else if (node->kind == NODE_SLICE) {
        code = value_slice(eval, v[0], v[1] == NULL ? json_null() : v[1],
                           v[2] == NULL ? json_null() : v[2], &value);
    } else if (node->kind == NODE_BINARY) {
        code = value_binary(eval, node->op, v[0], v[1], &value);
    } else if (node->kind == NODE_NEGATE) {
        code = value_negate(eval, v[0], &value);
    } else {
        CHECK(node->kind == NODE_CALL);
        code = node->builtin->value(eval, product->input, v, &value);
    }
    return code == ERR_OK ? product->yield(eval, product->user, value) : code;
}

static enum err product_run(struct eval *eval, struct product *product);

static enum err product_value(struct eval *eval, void *user, json_t *value)
{
    struct product *product = user;
    unsigned at = product->order[product->level];
    product->values[at] = value;
    product->level++;
    enum err code = product_run(eval, product);
    product->level--;
    product->values[at] = NULL;
    json_decref(value);
    return code;
}

static enum err product_run(struct eval *eval, struct product *product)
{
    if (product->level == product->count) {
        return product_done(eval, product);
    }
    return eval_each(eval, product->operands[product->order[product->level]], product->input,
                     product_value, product);
}

static enum err each_product(struct eval *eval, const struct node *node, json_t *input,
                             value_fn *yield, void *user)
{
    struct product product = {.node = node, .input = input, .yield = yield, .user = user};
    if (node->kind == NODE_CALL) {
        product.count = node->count;
        for (unsigned i = 0; i < node->count; i++) {
            product.operands[i] = node->list[i];
            product.order[i] = i;
        }
        return product_run(eval, &product);
    }
    product.operands[0] = node->a;
    product.operands[1] = node->b;
    product.operands[2] = node->c;
    if (node->kind == NODE_SLICE) {
        unsigned count = 0;
        if (node->b != NULL) {
            product.order[count++] = 1;
        }
        if (node->c != NULL) {
            product.order[count++] = 2;
        }
        product.order[count++] = 0;
        product.count = count;
    } else if (node->kind == NODE_NEGATE) {
        product.count = 1;
    } else {
        product.order[0] = 1;
        product.order[1] = 0;
        product.count = 2;
    }
    return product_run(eval, &product);
}

/* A list of parts: texts of an interpolation (last part outermost), members of an object. */
struct parts {
    const struct node *node;
    json_t *input;
    json_t *made; /* the object so far; NULL for texts */
    json_t *key;
    uint32_t at;
    value_fn *yield;
    void *user;
};

static enum err object_run(struct eval *eval, struct parts *parts);

static enum err object_value(struct eval *eval, void *user, json_t *value)
{
    struct parts *outer = user;
    json_t *made = json_copy(outer->made);
    enum err code = eval_spend(eval, 1 + json_object_size(outer->made));
    if (code == ERR_OK &&
        (made == NULL || json_object_setn_nocheck(made, json_string_value(outer->key),
                                                  json_string_length(outer->key), value) != 0)) {
        code = error_set(eval->err, ERR_NOMEM, "no memory for an object");
    }
    json_decref(value);
    if (code == ERR_OK) {
        struct parts inner = *outer;
        inner.made = made;
        inner.at = outer->at + 2;
        code = object_run(eval, &inner);
    }
    json_decref(made);
    return code;
}

static enum err object_key(struct eval *eval, void *user, json_t *value)
{
    struct parts inner = *(struct parts *)user;
    inner.key = value;
    enum err code =
        json_is_string(value)
            ? eval_each(eval, inner.node->list[inner.at + 1], inner.input, object_value, &inner)
            : eval_fail(eval, "an object key must be a text, not %s", value_type(value));
    json_decref(value);
    return code;
}

static enum err object_run(struct eval *eval, struct parts *parts)
{
    if (parts->at == parts->node->count) {
        return parts->yield(eval, parts->user, json_incref(parts->made));
    }
    return eval_each(eval, parts->node->list[parts->at], parts->input, object_key, parts);
}

static enum err each_object(struct eval *eval, const struct node *node, json_t *input,
                            value_fn *yield, void *user)
{
    struct parts parts = {
        .node = node, .input = input, .made = json_object(), .yield = yield, .user = user};
    if (parts.made == NULL) {
        return error_set(eval->err, ERR_NOMEM, "no memory for an object");
    }
    enum err code = object_run(eval, &parts);
    json_decref(parts.made);
    return code;
}

static enum err text_run(struct eval *eval, struct parts *parts);

static enum err text_value(struct eval *eval, void *user, json_t *value)
{
    struct parts inner = *(struct parts *)user;
    json_t *tail = inner.made;
    json_t *text = NULL;
    inner.made = NULL;
    enum err code = value_tostring(eval, value, &text);
    json_decref(value);
    if (code == ERR_OK) {
        code = value_binary(eval, OP_ADD, text, tail, &inner.made);
        json_decref(text);
    }
    if (code == ERR_OK) {
        inner.at--;
        code = text_run(eval, &inner);
        json_decref(inner.made);
    }
    return code;
}

static enum err text_run(struct eval *eval, struct parts *parts)
{
    if (parts->at == 0) {
        return parts->yield(eval, parts->user, json_incref(parts->made));
    }
    return eval_each(eval, parts->node->list[parts->at - 1], parts->input, text_value, parts);
}

static enum err each_text(struct eval *eval, const struct node *node, json_t *input,
                          value_fn *yield, void *user)
{
    struct parts parts = {
        .node = node, .input = input, .at = node->count, .yield = yield, .user = user};
    TRY(value_of_text(eval, "", 0, &parts.made));
    enum err code = text_run(eval, &parts);
    json_decref(parts.made);
    return code;
}

/* A generator whose values decide what comes next. */
struct chain {
    const struct node *node;
    json_t *input;
    value_fn *yield;
    void *user;
    bool seen;       /* a true value of the left side of // */
    bool downstream; /* the error came from the receiver, not from the generator */
};

static enum err field_value(struct eval *eval, void *user, json_t *value)
{
    const struct chain *chain = user;
    json_t *found = json_is_null(value) ? json_null() : NULL;
    if (json_is_object(value)) {
        found = json_object_getn(value, chain->node->name, chain->node->name_size);
        found = found == NULL ? json_null() : json_incref(found);
    }
    enum err code = found != NULL ? ERR_OK
                                  : eval_fail(eval, "cannot read field '%.64s' of %s",
                                              chain->node->name, value_type(value));
    json_decref(value);
    return code == ERR_OK ? chain->yield(eval, chain->user, found) : code;
}

static enum err iterate_value(struct eval *eval, void *user, json_t *value)
{
    const struct chain *chain = user;
    enum err code = value_iterate(eval, value, chain->yield, chain->user);
    json_decref(value);
    return code;
}

static enum err pipe_value(struct eval *eval, void *user, json_t *value)
{
    const struct chain *chain = user;
    enum err code = eval_each(eval, chain->node->b, value, chain->yield, chain->user);
    json_decref(value);
    return code;
}

static enum err bind_value(struct eval *eval, void *user, json_t *value)
{
    const struct chain *chain = user;
    eval->slots[chain->node->slot] = value;
    enum err code = eval_each(eval, chain->node->b, chain->input, chain->yield, chain->user);
    json_decref(value);
    return code;
}

static enum err if_value(struct eval *eval, void *user, json_t *value)
{
    const struct chain *chain = user;
    const struct node *branch = expr_truth(value) ? chain->node->b : chain->node->c;
    json_decref(value);
    if (branch == NULL) {
        return chain->yield(eval, chain->user, json_incref(chain->input));
    }
    return eval_each(eval, branch, chain->input, chain->yield, chain->user);
}

static enum err logic_right(struct eval *eval, void *user, json_t *value)
{
    const struct chain *chain = user;
    json_t *truth = json_boolean(expr_truth(value));
    json_decref(value);
    return chain->yield(eval, chain->user, truth);
}

static enum err logic_left(struct eval *eval, void *user, json_t *value)
{
    struct chain *chain = user;
    bool truth = expr_truth(value);
    json_decref(value);
    if (truth == (chain->node->kind == NODE_AND)) {
        return eval_each(eval, chain->node->b, chain->input, logic_right, chain);
    }
    return chain->yield(eval, chain->user, json_boolean(truth));
}

static enum err guarded_value(struct eval *eval, void *user, json_t *value)
{
    struct chain *chain = user;
    if (chain->node->kind == NODE_ALTERNATIVE) {
        if (!expr_truth(value)) {
            json_decref(value);
            return ERR_OK;
        }
        chain->seen = true;
    }
    enum err code = chain->yield(eval, chain->user, value);
    chain->downstream = code != ERR_OK;
    return code;
}

/* a?: errors of `a` itself end it silently. */
static enum err each_optional(struct eval *eval, struct chain *chain)
{
    enum err code = eval_each(eval, chain->node->a, chain->input, guarded_value, chain);
    return code == ERR_INVALID && !chain->downstream ? ERR_OK : code;
}

/* a // b: the true values of `a`, or `b` when there are none. Errors of `a` are errors, as in
 * jq 1.6. */
static enum err each_alternative(struct eval *eval, struct chain *chain)
{
    TRY(eval_each(eval, chain->node->a, chain->input, guarded_value, chain));
    return chain->seen ? ERR_OK
                       : eval_each(eval, chain->node->b, chain->input, chain->yield, chain->user);
}

static enum err each_comma(struct eval *eval, const struct node *node, json_t *input,
                           value_fn *yield, void *user)
{
    for (uint32_t i = 0; i < node->count; i++) {
        TRY(eval_each(eval, node->list[i], input, yield, user));
    }
    return ERR_OK;
}

/* What receives the values of the left side of a chain. */
static value_fn *chain_receiver(enum node_kind kind)
{
    static value_fn *const receivers[] = {
        [NODE_FIELD] = field_value, [NODE_ITERATE] = iterate_value,
        [NODE_PIPE] = pipe_value,   [NODE_BIND] = bind_value,
        [NODE_IF] = if_value,       [NODE_AND] = logic_left,
        [NODE_OR] = logic_left,     [NODE_CALL] = NULL,
    };
    return receivers[kind];
}

static enum err each_chain(struct eval *eval, const struct node *node, json_t *input,
                           value_fn *yield, void *user)
{
    struct chain chain = {.node = node, .input = input, .yield = yield, .user = user};
    if (node->kind == NODE_OPTIONAL) {
        return each_optional(eval, &chain);
    }
    if (node->kind == NODE_ALTERNATIVE) {
        return each_alternative(eval, &chain);
    }
    return eval_each(eval, node->a, input, chain_receiver(node->kind), &chain);
}

enum err eval_each(struct eval *eval, const struct node *node, json_t *input, value_fn *yield,
                   void *user)
{
    if (node->single) {
        return eval_yield_one(eval, node, input, yield, user);
    }
    TRY(eval_spend(eval, 1));
    switch (node->kind) {
    case NODE_INDEX:
    case NODE_SLICE:
    case NODE_BINARY:
    case NODE_NEGATE:
        return each_product(eval, node, input, yield, user);
    case NODE_TEXT:
        return each_text(eval, node, input, yield, user);
    case NODE_OBJECT:
        return each_object(eval, node, input, yield, user);
    case NODE_COMMA:
        return each_comma(eval, node, input, yield, user);
    case NODE_CALL:
        if (node->builtin->each != NULL) {
            return node->builtin->each(eval, node, input, yield, user);
        }
        return each_product(eval, node, input, yield, user);
    case NODE_FIELD:
    case NODE_ITERATE:
    case NODE_PIPE:
    case NODE_BIND:
    case NODE_IF:
    case NODE_AND:
    case NODE_OR:
    case NODE_OPTIONAL:
    case NODE_ALTERNATIVE:
        return each_chain(eval, node, input, yield, user);
    case NODE_IDENTITY:
    case NODE_LITERAL:
    case NODE_REDUCE:
    case NODE_ARRAY:
    case NODE_VARIABLE:
    case NODE_LOCAL:
        break;
    }
    UNREACHABLE();
}
