#include "coordinator/definition/expr.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "coordinator/definition/expr_private.h"

enum err expr_compile_in(struct arena *arena, const char *text, uint32_t id, struct expr **ret_expr,
                         struct error *err)
{
    *ret_expr = NULL;
    size_t size = strlen(text);
    if (size > EXPR_TEXT_MAX) {
        return error_set(err, ERR_INVALID, "1:1: the expression has %zu bytes (limit %d)", size,
                         EXPR_TEXT_MAX);
    }
    if (!utf8_valid(text, size)) {
        return error_set(err, ERR_INVALID, "1:1: the expression is not valid UTF-8");
    }
    struct expr *expr = ARENA_NEW(arena, struct expr);
    if (expr == NULL || (expr->text = arena_strdup(arena, text)) == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for an expression");
    }
    expr->arena = arena;
    expr->id = id;
    enum err code = expr_parse(expr, err);
    if (code != ERR_OK) {
        expr_destroy(&expr);
        return code;
    }
    *ret_expr = expr;
    return ERR_OK;
}

enum err expr_compile(const char *text, uint32_t id, struct expr **ret_expr, struct error *err)
{
    *ret_expr = NULL;
    struct arena *arena = arena_create((size_t)16 * 1024 * 1024);
    if (arena == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for an expression");
    }
    enum err code = expr_compile_in(arena, text, id, ret_expr, err);
    if (code != ERR_OK) {
        arena_destroy(&arena);
        return code;
    }
    CHECK(*ret_expr != NULL);
    (*ret_expr)->owns_arena = true;
    return ERR_OK;
}

void expr_destroy(struct expr **expr)
{
    if (*expr == NULL) {
        return;
    }
    for (struct node *node = (*expr)->literals; node != NULL; node = node->next_literal) {
        json_decref(node->literal);
    }
    struct arena *arena = (*expr)->owns_arena ? (*expr)->arena : NULL;
    *expr = NULL;
    arena_destroy(&arena);
}

static enum err eval_native(struct eval *eval, const struct expr *expr, json_t **ret_value)
{
    json_t *input = json_mutable(eval->scope->input);
    CHECK(input != NULL);
    if (expr->root->single) {
        TRY(eval_one(eval, expr->root, input, ret_value));
    } else {
        json_t *all = NULL;
        TRY(eval_collect(eval, expr->root, input, &all));
        size_t count = json_array_size(all);
        if (count == 1) {
            *ret_value = json_incref(json_array_get(all, 0));
        }
        json_decref(all);
        if (count != 1) {
            return eval_fail(eval,
                             "%zu results instead of one: wrap the expression in [...] to "
                             "get them as an array",
                             count);
        }
    }
    if (expr->builds) {
        enum err code = eval_measure(eval, *ret_value);
        if (code != ERR_OK) {
            json_decref(*ret_value);
            return code;
        }
    }
    return ERR_OK;
}

enum err expr_eval(const struct expr *expr, const struct expr_scope *scope, json_t **ret_value,
                   struct error *err)
{
    *ret_value = NULL;
    enum err code;
    if (!expr->native) {
        if (scope->external == NULL) {
            return error_set(err, ERR_UNSUPPORTED,
                             "expression '%.120s' needs mainstay-jq, which is not available here",
                             expr->text);
        }
        code = scope->external(scope->user, expr, scope->input, ret_value, err);
        CHECK_IMPLIES(code == ERR_OK, *ret_value != NULL);
        return code;
    }
    struct eval eval;
    eval.expr = expr;
    eval.scope = scope;
    eval.err = err;
    eval.fuel = LIMIT_EXPRESSION_FUEL;
    eval.broken = NULL;
    memset(eval.slots, 0, sizeof(eval.slots[0]) * expr->slot_count);
    code = eval_native(&eval, expr, ret_value);
    if (code != ERR_OK) {
        *ret_value = NULL;
        error_wrap(err, "expression '%.120s'", expr->text);
    }
    return code;
}

bool expr_truth(const json_t *value)
{
    return !json_is_false(value) && !json_is_null(value);
}

bool expr_is_native(const struct expr *expr)
{
    return expr->native;
}

uint32_t expr_id(const struct expr *expr)
{
    return expr->id;
}

const char *expr_jq_text(const struct expr *expr)
{
    return expr->jq_text;
}

const char *expr_text(const struct expr *expr)
{
    return expr->text;
}

size_t expr_variables(const struct expr *expr, const char *const **ret_names)
{
    *ret_names = expr->variables;
    return expr->variable_count;
}
