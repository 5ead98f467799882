/* jq's total order and what is built on it: sort, group_by, unique, min, max. */
#include "coordinator/definition/expr_private.h"

#include <stdlib.h>
#include <string.h>

static enum err no_memory(struct eval *eval)
{
    return error_set(eval->err, ERR_NOMEM, "no memory for a value");
}

static int rank_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return 0;
    case JSON_FALSE:
        return 1;
    case JSON_TRUE:
        return 2;
    case JSON_INTEGER:
    case JSON_REAL:
        return 3;
    case JSON_STRING:
        return 4;
    case JSON_ARRAY:
        return 5;
    case JSON_OBJECT:
        break;
    }
    return 6;
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* A whole number against a double, exactly: a double above 2^63 is larger than any int64. */
static int compare_mixed(int64_t integer, double real)
{
    if (real >= 9223372036854775808.0) {
        return -1;
    }
    if (real < -9223372036854775808.0) {
        return 1;
    }
    int64_t whole = (int64_t)real;
    if (integer != whole) {
        return integer < whole ? -1 : 1;
    }
    double fraction = real - (double)whole;
    return (fraction < 0) - (fraction > 0);
}

static int compare_numbers(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t left = json_integer_value(a);
        json_int_t right = json_integer_value(b);
        return (left > right) - (left < right);
    }
    if (json_is_integer(a)) {
        return compare_mixed(json_integer_value(a), json_real_value(b));
    }
    if (json_is_integer(b)) {
        return -compare_mixed(json_integer_value(b), json_real_value(a));
    }
    double left = json_real_value(a);
    double right = json_real_value(b);
    return (left > right) - (left < right);
}

static int compare_key_names(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a;
    const json_t *right = *(json_t *const *)b;
    return compare_bytes(json_string_value(left), json_string_length(left),
                         json_string_value(right), json_string_length(right));
}

json_t *value_sorted_keys(const json_t *object)
{
    json_t *source = json_mutable(object);
    size_t count = json_object_size(source);
    json_t **names = malloc((count + 1) * sizeof(json_t *));
    json_t *keys = json_array();
    size_t filled = 0;
    bool ok = names != NULL && keys != NULL;
    for (void *at = json_object_iter(source); ok && at != NULL;
         at = json_object_iter_next(source, at)) {
        names[filled] =
            json_stringn_nocheck(json_object_iter_key(at), json_object_iter_key_len(at));
        ok = names[filled] != NULL;
        filled += ok ? 1 : 0;
    }
    if (ok) {
        qsort(names, filled, sizeof(json_t *), compare_key_names);
    }
    for (size_t i = 0; i < filled; i++) {
        if (ok) {
            ok = json_array_append(keys, names[i]) == 0;
        }
        json_decref(names[i]);
    }
    free(names);
    if (!ok) {
        json_decref(keys);
        return NULL;
    }
    return keys;
}

static enum err compare_arrays(struct eval *eval, const json_t *a, const json_t *b, int *ret_order)
{
    size_t a_size = json_array_size(a);
    size_t b_size = json_array_size(b);
    *ret_order = 0;
    for (size_t i = 0; *ret_order == 0 && i < a_size && i < b_size; i++) {
        TRY(value_compare(eval, json_array_get(a, i), json_array_get(b, i), ret_order));
    }
    if (*ret_order == 0) {
        *ret_order = (a_size > b_size) - (a_size < b_size);
    }
    return ERR_OK;
}

static enum err compare_members(struct eval *eval, const json_t *a, const json_t *b,
                                const json_t *keys, int *ret_order)
{
    *ret_order = 0;
    for (size_t i = 0; *ret_order == 0 && i < json_array_size(keys); i++) {
        const json_t *key = json_array_get(keys, i);
        const char *name = json_string_value(key);
        size_t size = json_string_length(key);
        TRY(value_compare(eval, json_object_getn(a, name, size), json_object_getn(b, name, size),
                          ret_order));
    }
    return ERR_OK;
}

/* First the sorted key lists, then the values in key order. */
static enum err compare_objects(struct eval *eval, const json_t *a, const json_t *b, int *ret_order)
{
    TRY(eval_spend(eval, json_object_size(a) + json_object_size(b)));
    json_t *a_keys = value_sorted_keys(a);
    json_t *b_keys = value_sorted_keys(b);
    enum err code = a_keys == NULL || b_keys == NULL
                        ? no_memory(eval)
                        : compare_arrays(eval, a_keys, b_keys, ret_order);
    if (code == ERR_OK && *ret_order == 0) {
        code = compare_members(eval, a, b, a_keys, ret_order);
    }
    json_decref(a_keys);
    json_decref(b_keys);
    return code;
}

enum err value_compare(struct eval *eval, const json_t *a, const json_t *b, int *ret_order)
{
    TRY(eval_spend(eval, 1));
    int rank = rank_of(a);
    *ret_order = (rank > rank_of(b)) - (rank < rank_of(b));
    if (*ret_order != 0 || a == b) {
        return ERR_OK;
    }
    switch (json_typeof(a)) {
    case JSON_INTEGER:
    case JSON_REAL:
        *ret_order = compare_numbers(a, b);
        return ERR_OK;
    case JSON_STRING:
        TRY(eval_spend(eval, json_string_length(a) / 64));
        *ret_order = compare_bytes(json_string_value(a), json_string_length(a),
                                   json_string_value(b), json_string_length(b));
        return ERR_OK;
    case JSON_ARRAY:
        return compare_arrays(eval, a, b, ret_order);
    case JSON_OBJECT:
        return compare_objects(eval, a, b, ret_order);
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return ERR_OK;
}

/* An item with the key it is ordered by; `index` keeps the order of equal ones. */
struct keyed {
    json_t *item; /* borrowed */
    json_t *key;  /* owned */
};

struct keyed_list {
    struct keyed *items;
    size_t count;
};

static void keyed_release(struct keyed_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        json_decref(list->items[i].key);
    }
    free(list->items);
}

static enum err keyed_fill(struct eval *eval, const struct node *by, const json_t *input,
                           struct keyed_list *list)
{
    size_t size = json_array_size(input);
    TRY(eval_spend(eval, size));
    list->items = calloc(size + 1, sizeof(list->items[0]));
    if (list->items == NULL) {
        return no_memory(eval);
    }
    for (size_t i = 0; i < size; i++) {
        json_t *item = json_array_get(input, i);
        json_t *key = NULL;
        if (by == NULL) {
            key = json_incref(item);
        } else {
            TRY(eval_collect(eval, by, item, &key));
        }
        list->items[list->count++] = (struct keyed){.item = item, .key = key};
    }
    return ERR_OK;
}

/* Stable merge of two sorted halves. */
static enum err merge(struct eval *eval, struct keyed *items, size_t middle, size_t count,
                      struct keyed *spare)
{
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < count; i++) {
        int order = left < middle ? -1 : 1;
        if (left < middle && right < count) {
            TRY(value_compare(eval, items[left].key, items[right].key, &order));
        }
        spare[i] = order <= 0 ? items[left++] : items[right++];
    }
    memcpy(items, spare, count * sizeof(items[0]));
    return ERR_OK;
}

/* Merge sort: stable, and a comparison may end it with an error. Recursion depth is log2(count). */
static enum err sort_keyed(struct eval *eval, struct keyed *items, size_t count,
                           struct keyed *spare)
{
    if (count < 2) {
        return ERR_OK;
    }
    TRY(sort_keyed(eval, items, count / 2, spare));
    TRY(sort_keyed(eval, items + count / 2, count - count / 2, spare));
    return merge(eval, items, count / 2, count, spare);
}

static enum err keyed_sort(struct eval *eval, struct keyed_list *list)
{
    struct keyed *spare = calloc(list->count + 1, sizeof(spare[0]));
    if (spare == NULL) {
        return no_memory(eval);
    }
    enum err code = sort_keyed(eval, list->items, list->count, spare);
    free(spare);
    return code;
}

enum shape { SHAPE_SORT, SHAPE_GROUP, SHAPE_UNIQUE };

static enum err shape_add(struct eval *eval, enum shape shape, json_t *out, json_t *item,
                          bool starts)
{
    if (shape == SHAPE_UNIQUE && !starts) {
        return ERR_OK;
    }
    if (shape == SHAPE_GROUP && starts && json_array_append_new(out, json_array()) != 0) {
        return no_memory(eval);
    }
    json_t *target = shape == SHAPE_GROUP ? json_array_get(out, json_array_size(out) - 1) : out;
    return json_array_append(target, item) == 0 ? ERR_OK : no_memory(eval);
}

static enum err shape_list(struct eval *eval, enum shape shape, const struct keyed_list *list,
                           json_t *out)
{
    for (size_t i = 0; i < list->count; i++) {
        int order = 1;
        if (i > 0 && shape != SHAPE_SORT) {
            TRY(value_compare(eval, list->items[i - 1].key, list->items[i].key, &order));
        }
        TRY(shape_add(eval, shape, out, list->items[i].item, order != 0));
    }
    return ERR_OK;
}

static enum err need_array(struct eval *eval, const json_t *input, const char *what)
{
    char brief[64];
    return json_is_array(input) ? ERR_OK
                                : eval_fail(eval, "cannot %s %s: it is not an array", what,
                                            value_brief(input, brief, sizeof(brief)));
}

static enum err order_by(struct eval *eval, const struct node *by, json_t *input, enum shape shape,
                         json_t **ret_value)
{
    TRY(need_array(eval, input, "sort"));
    struct keyed_list list = {0};
    json_t *out = json_array();
    enum err code = out == NULL ? no_memory(eval) : keyed_fill(eval, by, input, &list);
    if (code == ERR_OK) {
        code = keyed_sort(eval, &list);
    }
    if (code == ERR_OK) {
        code = shape_list(eval, shape, &list, out);
    }
    keyed_release(&list);
    if (code != ERR_OK) {
        json_decref(out);
        return code;
    }
    *ret_value = out;
    return ERR_OK;
}

/* The first of the smallest, the last of the largest; null of nothing. */
static enum err extreme_by(struct eval *eval, const struct node *by, json_t *input, bool largest,
                           json_t **ret_value)
{
    TRY(need_array(eval, input, "find the least or greatest of"));
    struct keyed_list list = {0};
    size_t best = 0;
    enum err code = keyed_fill(eval, by, input, &list);
    for (size_t i = 1; code == ERR_OK && i < list.count; i++) {
        int order;
        code = value_compare(eval, list.items[i].key, list.items[best].key, &order);
        if (code == ERR_OK && (largest ? order >= 0 : order < 0)) {
            best = i;
        }
    }
    if (code == ERR_OK) {
        *ret_value = list.count == 0 ? json_null() : json_incref(list.items[best].item);
    }
    keyed_release(&list);
    return code;
}

static enum err sort_value(struct eval *eval, json_t *input, json_t *const *args,
                           json_t **ret_value)
{
    (void)args;
    return order_by(eval, NULL, input, SHAPE_SORT, ret_value);
}

static enum err unique_value(struct eval *eval, json_t *input, json_t *const *args,
                             json_t **ret_value)
{
    (void)args;
    return order_by(eval, NULL, input, SHAPE_UNIQUE, ret_value);
}

static enum err min_value(struct eval *eval, json_t *input, json_t *const *args, json_t **ret_value)
{
    (void)args;
    return extreme_by(eval, NULL, input, false, ret_value);
}

static enum err max_value(struct eval *eval, json_t *input, json_t *const *args, json_t **ret_value)
{
    (void)args;
    return extreme_by(eval, NULL, input, true, ret_value);
}

static enum err sort_by(struct eval *eval, const struct node *call, json_t *input,
                        json_t **ret_value)
{
    return order_by(eval, call->list[0], input, SHAPE_SORT, ret_value);
}

static enum err group_by(struct eval *eval, const struct node *call, json_t *input,
                         json_t **ret_value)
{
    return order_by(eval, call->list[0], input, SHAPE_GROUP, ret_value);
}

static enum err unique_by(struct eval *eval, const struct node *call, json_t *input,
                          json_t **ret_value)
{
    return order_by(eval, call->list[0], input, SHAPE_UNIQUE, ret_value);
}

static enum err min_by(struct eval *eval, const struct node *call, json_t *input,
                       json_t **ret_value)
{
    return extreme_by(eval, call->list[0], input, false, ret_value);
}

static enum err max_by(struct eval *eval, const struct node *call, json_t *input,
                       json_t **ret_value)
{
    return extreme_by(eval, call->list[0], input, true, ret_value);
}

const struct builtin builtins_order[] = {
    {.name = "sort", .value = sort_value},
    {.name = "unique", .value = unique_value},
    {.name = "min", .value = min_value},
    {.name = "max", .value = max_value},
    {.name = "sort_by", .arity = 1, .one = sort_by},
    {.name = "group_by", .arity = 1, .one = group_by},
    {.name = "unique_by", .arity = 1, .one = unique_by},
    {.name = "min_by", .arity = 1, .one = min_by},
    {.name = "max_by", .arity = 1, .one = max_by},
    {.name = NULL},
};
