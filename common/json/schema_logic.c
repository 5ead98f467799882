/* Rules about the same value again: references, combinations, conditions, and what they left over.
 */
#include <stdlib.h>
#include <string.h>

#include "common/json/schema_run.h"

/* --- evaluated members ---------------------------------------------------------------------- */

bool evaluated_start(struct run *run, struct evaluated *seen, const struct spot *spot,
                     const struct node *node)
{
    *seen = (struct evaluated){0};
    seen->count =
        json_is_object(spot->value) ? json_object_size(spot->value) : json_array_size(spot->value);
    if (seen->count > 64) {
        seen->many = calloc((seen->count + 63) / 64, sizeof(*seen->many));
        if (seen->many == NULL) {
            return abort_run(run, node, spot, "no memory to track what was evaluated");
        }
        size_t cost = seen->count / 64;
        run->work = run->work > cost ? run->work - cost : 0;
    }
    return true;
}

void evaluated_end(struct evaluated *seen)
{
    free(seen->many);
}

void evaluated_mark(struct evaluated *seen, size_t index)
{
    if (seen->many != NULL) {
        seen->many[index / 64] |= 1ULL << (index % 64);
    } else {
        seen->few |= 1ULL << index;
    }
}

bool evaluated_has(const struct evaluated *seen, size_t index)
{
    uint64_t word = seen->many != NULL ? seen->many[index / 64] : seen->few;
    return seen->all || ((word >> (index % 64)) & 1U) != 0;
}

static void evaluated_add(struct evaluated *seen, const struct evaluated *more)
{
    seen->all = seen->all || more->all;
    seen->few |= more->few;
    for (size_t i = 0; seen->many != NULL && i < (seen->count + 63) / 64; i++) {
        seen->many[i] |= more->many[i];
    }
}

bool check_applied(struct run *run, const struct node *node, const struct spot *spot,
                   struct evaluated *seen, const struct scope *scope)
{
    if (seen == NULL) {
        return check_node(run, node, spot, NULL, scope);
    }
    struct evaluated own;
    if (!evaluated_start(run, &own, spot, node)) {
        return false;
    }
    bool fits = check_node(run, node, spot, &own, scope);
    if (fits) {
        evaluated_add(seen, &own);
    }
    evaluated_end(&own);
    return fits;
}

/* The same without leaving failures: for rules whose failure is no failure yet. */
static bool check_quietly(struct run *run, const struct node *node, const struct spot *spot,
                          struct evaluated *seen, const struct scope *scope)
{
    run->quiet++;
    bool fits = check_applied(run, node, spot, seen, scope);
    run->quiet--;
    return fits;
}

/* --- references ----------------------------------------------------------------------------- */

/* The outermost resource in scope that has this dynamic anchor answers. */
static const struct node *dynamic_target(const struct logic_rules *rules, const struct scope *scope)
{
    const struct node *target = rules->dynamic_ref;
    if (rules->dynamic_name == NULL) {
        return target;
    }
    for (; scope != NULL; scope = scope->parent) {
        for (const struct anchor *a = scope->resource->anchors; a != NULL; a = a->next) {
            if (a->dynamic && a->node != NULL && strcmp(a->name, rules->dynamic_name) == 0) {
                target = a->node;
            }
        }
    }
    return target;
}

/* --- combinations --------------------------------------------------------------------------- */

static bool check_all(struct run *run, const struct node_list *list, const struct spot *spot,
                      struct evaluated *seen, const struct scope *scope)
{
    bool fits = true;
    for (size_t i = 0; i < list->count && (fits || run_collects(run)); i++) {
        fits = check_applied(run, list->nodes[i], spot, seen, scope) && fits;
    }
    return fits;
}

static bool check_any(struct run *run, const struct node *node, const struct spot *spot,
                      struct evaluated *seen, const struct scope *scope)
{
    const struct node_list *list = &node->logic->any_of;
    bool fits = list->count == 0;
    for (size_t i = 0; i < list->count && (!fits || seen != NULL); i++) {
        fits = check_quietly(run, list->nodes[i], spot, seen, scope) || fits;
    }
    return fits || refuse_value(run, node, spot, "anyOf", "must fit at least one of %zu forms",
                                list->count);
}

static bool check_one(struct run *run, const struct node *node, const struct spot *spot,
                      struct evaluated *seen, const struct scope *scope)
{
    const struct node_list *list = &node->logic->one_of;
    size_t fitting = 0;
    size_t first = 0;
    size_t second = 0;
    for (size_t i = 0; i < list->count && fitting < 2; i++) {
        if (check_quietly(run, list->nodes[i], spot, seen, scope)) {
            *(fitting == 0 ? &first : &second) = i;
            fitting++;
        }
    }
    if (list->count == 0 || fitting == 1) {
        return true;
    }
    if (fitting == 0) {
        return refuse_value(run, node, spot, "oneOf", "must fit one of %zu forms", list->count);
    }
    return refuse(run, node, spot, "oneOf",
                  "must fit exactly one of %zu forms, but fits both form %zu and form %zu",
                  list->count, first + 1, second + 1);
}

static bool check_condition(struct run *run, const struct logic_rules *rules,
                            const struct spot *spot, struct evaluated *seen,
                            const struct scope *scope)
{
    if (rules->if_node == NULL) {
        return true;
    }
    const struct node *branch =
        check_quietly(run, rules->if_node, spot, seen, scope) ? rules->then_node : rules->else_node;
    return branch == NULL || check_applied(run, branch, spot, seen, scope);
}

bool check_logic(struct run *run, const struct node *node, const struct spot *spot,
                 struct evaluated *seen, const struct scope *scope)
{
    const struct logic_rules *rules = node->logic;
    bool fits = rules->ref == NULL || check_applied(run, rules->ref, spot, seen, scope);
    if (rules->dynamic_ref != NULL && (fits || run_collects(run))) {
        fits = check_applied(run, dynamic_target(rules, scope), spot, seen, scope) && fits;
    }
    if (fits || run_collects(run)) {
        fits = check_all(run, &rules->all_of, spot, seen, scope) && fits;
    }
    if (fits || run_collects(run)) {
        fits = check_any(run, node, spot, seen, scope) && fits;
    }
    if (fits || run_collects(run)) {
        fits = check_one(run, node, spot, seen, scope) && fits;
    }
    if (rules->not_node != NULL && (fits || run_collects(run))) {
        if (check_quietly(run, rules->not_node, spot, NULL, scope)) {
            fits = refuse_value(run, node, spot, "not", "must not have this form");
        }
    }
    if (fits || run_collects(run)) {
        fits = check_condition(run, rules, spot, seen, scope) && fits;
    }
    return fits;
}

/* --- what is left over ---------------------------------------------------------------------- */

static bool check_left(struct run *run, const struct node *node, const struct node *rule,
                       const struct spot *spot, const char *keyword, const struct scope *scope)
{
    if (rule->kind != NODE_FALSE) {
        return check_node(run, rule, spot, NULL, scope);
    }
    return refuse(run, node, spot, keyword, "is not allowed here");
}

bool check_unevaluated(struct run *run, const struct node *node, const struct spot *spot,
                       struct evaluated *seen, const struct scope *scope)
{
    bool fits = true;
    if (json_is_array(spot->value) && node->unevaluated_items != NULL) {
        for (size_t i = 0; i < json_array_size(spot->value) && (fits || run_collects(run)); i++) {
            struct spot item = {
                .parent = spot, .value = json_array_get(spot->value, i), .index = i};
            if (!evaluated_has(seen, i)) {
                fits = check_left(run, node, node->unevaluated_items, &item, "unevaluatedItems",
                                  scope) &&
                       fits;
            }
        }
        seen->all = true;
    }
    if (json_is_object(spot->value) && node->unevaluated_members != NULL) {
        json_t *object = json_mutable(spot->value);
        size_t i = 0;
        for (void *iter = json_object_iter(object); iter != NULL && (fits || run_collects(run));
             iter = json_object_iter_next(object, iter), i++) {
            struct spot member = {.parent = spot,
                                  .value = json_object_iter_value(iter),
                                  .key = json_object_iter_key(iter),
                                  .key_size = json_object_iter_key_len(iter)};
            if (!evaluated_has(seen, i)) {
                fits = check_left(run, node, node->unevaluated_members, &member,
                                  "unevaluatedProperties", scope) &&
                       fits;
            }
        }
        seen->all = true;
    }
    return fits;
}
