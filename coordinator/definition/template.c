#include <string.h>

#include "coordinator/definition/expr.h"
#include "coordinator/definition/load.h"

static enum err eval_tree(const struct template *tmpl, const struct expr_scope *scope,
                          json_t **ret_value, struct error *err);

static enum err add_item(const struct template *tmpl, size_t i, const struct expr_scope *scope,
                         json_t *tree, struct error *err)
{
    json_t *item = NULL;
    TRY(eval_tree(tmpl->items[i], scope, &item, err));
    int failed = tmpl->keys == NULL ? json_array_append_new(tree, item)
                                    : json_object_setn_new_nocheck(tree, tmpl->keys[i],
                                                                   strlen(tmpl->keys[i]), item);
    return failed != 0 ? error_set(err, ERR_NOMEM, "no memory for a value") : ERR_OK;
}

/* Recursion is bounded: a definition is at most YAML_DEPTH_MAX deep. */
static enum err eval_tree(const struct template *tmpl, const struct expr_scope *scope,
                          json_t **ret_value, struct error *err)
{
    if (tmpl->literal != NULL) {
        *ret_value = json_incref(json_mutable(tmpl->literal));
        return ERR_OK;
    }
    if (tmpl->expr != NULL) {
        return expr_eval(tmpl->expr, scope, ret_value, err);
    }
    json_t *tree = tmpl->keys == NULL ? json_array() : json_object();
    enum err code = tree == NULL ? error_set(err, ERR_NOMEM, "no memory for a value") : ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < tmpl->count; i++) {
        code = add_item(tmpl, i, scope, tree, err);
    }
    if (code != ERR_OK) {
        json_decref(tree);
        return code;
    }
    *ret_value = tree;
    return ERR_OK;
}

enum err template_eval(const struct template *tmpl, const struct expr_scope *scope,
                       json_t **ret_value, struct error *err)
{
    *ret_value = NULL;
    TRY(eval_tree(tmpl, scope, ret_value, err));
    if (tmpl->items != NULL && !json_depth_fits(*ret_value, LIMIT_JSON_DEPTH)) {
        json_decref(*ret_value);
        *ret_value = NULL;
        return error_set(err, ERR_LIMIT, "the value is nested deeper than %d levels",
                         LIMIT_JSON_DEPTH);
    }
    return ERR_OK;
}

const json_t *template_literal(const struct template *tmpl)
{
    return tmpl->literal;
}
