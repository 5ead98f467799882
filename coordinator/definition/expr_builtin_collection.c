/* Functions on arrays and objects. */
#include "coordinator/definition/expr_private.h"

#include <math.h>
#include <string.h>

#define FUNCTION(name) \
    static enum err name(struct eval *eval, json_t *input, json_t *const *args, json_t **ret_value)

static enum err no_memory(struct eval *eval)
{
    return error_set(eval->err, ERR_NOMEM, "no memory for a value");
}

static enum err fail_input(struct eval *eval, const char *name, const json_t *input)
{
    char brief[64];
    return eval_fail(eval, "%s cannot take %s", name, value_brief(input, brief, sizeof(brief)));
}

/* Give `made` as the result, or drop it when `code` says so. */
static enum err give(enum err code, json_t *made, json_t **ret_value)
{
    if (code != ERR_OK) {
        json_decref(made);
        return code;
    }
    *ret_value = made;
    return ERR_OK;
}

static enum err index_list(struct eval *eval, size_t count, json_t **ret_value)
{
    TRY(eval_spend(eval, count));
    json_t *list = json_array();
    enum err code = list == NULL ? no_memory(eval) : ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < count; i++) {
        code = json_array_append_new(list, json_integer((json_int_t)i)) == 0 ? ERR_OK
                                                                             : no_memory(eval);
    }
    return give(code, list, ret_value);
}

FUNCTION(keys_value)
{
    (void)args;
    if (json_is_array(input)) {
        return index_list(eval, json_array_size(input), ret_value);
    }
    if (!json_is_object(input)) {
        return fail_input(eval, "keys", input);
    }
    TRY(eval_spend(eval, 2 * json_object_size(input)));
    *ret_value = value_sorted_keys(input);
    return *ret_value == NULL ? no_memory(eval) : ERR_OK;
}

/* In the order in which the members stand; of an array as `keys`. */
FUNCTION(keys_unsorted_value)
{
    if (!json_is_object(input)) {
        return keys_value(eval, input, args, ret_value);
    }
    TRY(eval_spend(eval, 2 * json_object_size(input)));
    json_t *list = json_array();
    enum err code = list == NULL ? no_memory(eval) : ERR_OK;
    for (void *at = json_object_iter(input); code == ERR_OK && at != NULL;
         at = json_object_iter_next(input, at)) {
        json_t *key = json_stringn_nocheck(json_object_iter_key(at), json_object_iter_key_len(at));
        code = json_array_append_new(list, key) == 0 ? ERR_OK : no_memory(eval);
    }
    return give(code, list, ret_value);
}

FUNCTION(has_value)
{
    if (json_is_object(input) && json_is_string(args[0])) {
        *ret_value = json_boolean(json_object_getn(input, json_string_value(args[0]),
                                                   json_string_length(args[0])) != NULL);
        return ERR_OK;
    }
    if (json_is_array(input) && json_is_number(args[0])) {
        double index = json_number_value(args[0]);
        *ret_value = json_boolean(index >= 0 && index < (double)json_array_size(input));
        return ERR_OK;
    }
    return eval_fail(eval, "has cannot look for %s in %s", value_type(args[0]), value_type(input));
}

FUNCTION(in_value)
{
    return has_value(eval, args[0], &input, ret_value);
}

FUNCTION(add_value)
{
    (void)args;
    json_t *sum = json_null();
    if (!json_is_array(input) && !json_is_object(input)) {
        return fail_input(eval, "add", input);
    }
    bool array = json_is_array(input);
    void *at = array ? NULL : json_object_iter(input);
    enum err code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && (array ? i < json_array_size(input) : at != NULL); i++) {
        json_t *item = array ? json_array_get(input, i) : json_object_iter_value(at);
        json_t *next = NULL;
        code = eval_spend(eval, 1);
        if (code == ERR_OK) {
            code = value_binary(eval, OP_ADD, sum, item, &next);
        }
        json_decref(sum);
        sum = next;
        at = array ? NULL : json_object_iter_next(input, at);
    }
    return give(code, sum, ret_value);
}

FUNCTION(first_value)
{
    json_t *zero = json_integer(0);
    (void)args;
    enum err code = value_index(eval, input, zero, ret_value);
    json_decref(zero);
    return code;
}

FUNCTION(last_value)
{
    json_t *index = json_integer(-1);
    (void)args;
    enum err code = value_index(eval, input, index, ret_value);
    json_decref(index);
    return code;
}

static enum err contains(struct eval *eval, const json_t *a, const json_t *b, bool *ret_yes);

static enum err contains_object(struct eval *eval, const json_t *a, const json_t *b, bool *ret_yes)
{
    json_t *wanted = json_mutable(b);
    *ret_yes = true;
    for (void *at = json_object_iter(wanted); *ret_yes && at != NULL;
         at = json_object_iter_next(wanted, at)) {
        const json_t *found =
            json_object_getn(a, json_object_iter_key(at), json_object_iter_key_len(at));
        *ret_yes = found != NULL;
        if (found != NULL) {
            TRY(contains(eval, found, json_object_iter_value(at), ret_yes));
        }
    }
    return ERR_OK;
}

static bool same_kind(const json_t *a, const json_t *b)
{
    return strcmp(value_type(a), value_type(b)) == 0;
}

static enum err contains_array(struct eval *eval, const json_t *a, const json_t *b, bool *ret_yes)
{
    *ret_yes = true;
    for (size_t i = 0; *ret_yes && i < json_array_size(b); i++) {
        bool found = false;
        for (size_t j = 0; !found && j < json_array_size(a); j++) {
            TRY(contains(eval, json_array_get(a, j), json_array_get(b, i), &found));
        }
        *ret_yes = found;
    }
    return ERR_OK;
}

static enum err contains(struct eval *eval, const json_t *a, const json_t *b, bool *ret_yes)
{
    TRY(eval_spend(eval, 1 + json_string_length(a) / 64));
    *ret_yes = false;
    if (!same_kind(a, b)) {
        return ERR_OK;
    }
    if (json_is_string(a)) {
        *ret_yes = json_string_length(b) == 0 ||
                   memmem(json_string_value(a), json_string_length(a), json_string_value(b),
                          json_string_length(b)) != NULL;
        return ERR_OK;
    }
    if (json_is_object(a)) {
        return contains_object(eval, a, b, ret_yes);
    }
    if (json_is_array(a)) {
        return contains_array(eval, a, b, ret_yes);
    }
    int order;
    TRY(value_compare(eval, a, b, &order));
    *ret_yes = order == 0;
    return ERR_OK;
}

FUNCTION(contains_value)
{
    bool yes;
    if (!same_kind(input, args[0]) || json_is_number(input) || json_is_null(input) ||
        json_is_boolean(input)) {
        return eval_fail(eval, "%s and %s cannot be compared with contains", value_type(input),
                         value_type(args[0]));
    }
    TRY(contains(eval, input, args[0], &yes));
    *ret_value = json_boolean(yes);
    return ERR_OK;
}

static enum err flatten(struct eval *eval, const json_t *input, double depth, json_t *out)
{
    for (size_t i = 0; i < json_array_size(input); i++) {
        json_t *item = json_array_get(input, i);
        TRY(eval_spend(eval, 1));
        if (json_is_array(item) && depth > 0) {
            TRY(flatten(eval, item, depth - 1, out));
        } else if (json_array_append(out, item) != 0) {
            return no_memory(eval);
        }
    }
    return ERR_OK;
}

static enum err flatten_to(struct eval *eval, const json_t *input, double depth, json_t **ret_value)
{
    if (!json_is_array(input)) {
        return fail_input(eval, "flatten", input);
    }
    json_t *out = json_array();
    return give(out == NULL ? no_memory(eval) : flatten(eval, input, depth, out), out, ret_value);
}

FUNCTION(flatten_value)
{
    (void)args;
    return flatten_to(eval, input, 1e9, ret_value);
}

FUNCTION(flatten_depth)
{
    if (!json_is_number(args[0]) || json_number_value(args[0]) < 0) {
        return eval_fail(eval, "the depth of flatten is a number that is not negative");
    }
    return flatten_to(eval, input, json_number_value(args[0]), ret_value);
}

FUNCTION(reverse_value)
{
    (void)args;
    if (!json_is_array(input) && !json_is_null(input)) {
        return fail_input(eval, "reverse", input);
    }
    size_t size = json_array_size(input);
    TRY(eval_spend(eval, size));
    json_t *out = json_array();
    enum err code = out == NULL ? no_memory(eval) : ERR_OK;
    for (size_t i = size; code == ERR_OK && i-- > 0;) {
        code = json_array_append(out, json_array_get(input, i)) == 0 ? ERR_OK : no_memory(eval);
    }
    return give(code, out, ret_value);
}

/* As `to_entries` of jq, which takes the positions of an array as its keys. */
static enum err array_entries(struct eval *eval, json_t *input, json_t **ret_value)
{
    TRY(eval_spend(eval, 3 * json_array_size(input)));
    json_t *out = json_array();
    enum err code = out == NULL ? no_memory(eval) : ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < json_array_size(input); i++) {
        json_t *entry =
            json_pack("{s:I, s:O}", "key", (json_int_t)i, "value", json_array_get(input, i));
        code = json_array_append_new(out, entry) == 0 ? ERR_OK : no_memory(eval);
    }
    return give(code, out, ret_value);
}

FUNCTION(to_entries_value)
{
    (void)args;
    if (json_is_array(input)) {
        return array_entries(eval, input, ret_value);
    }
    if (!json_is_object(input)) {
        return fail_input(eval, "to_entries", input);
    }
    TRY(eval_spend(eval, 3 * json_object_size(input)));
    json_t *out = json_array();
    enum err code = out == NULL ? no_memory(eval) : ERR_OK;
    for (void *at = json_object_iter(input); code == ERR_OK && at != NULL;
         at = json_object_iter_next(input, at)) {
        json_t *entry =
            json_pack("{s:s%, s:O}", "key", json_object_iter_key(at), json_object_iter_key_len(at),
                      "value", json_object_iter_value(at));
        code = json_array_append_new(out, entry) == 0 ? ERR_OK : no_memory(eval);
    }
    return give(code, out, ret_value);
}

static const json_t *entry_part(const json_t *entry, const char *const *names)
{
    for (; *names != NULL; names++) {
        const json_t *part = json_object_get(entry, *names);
        if (part != NULL && expr_truth(part)) {
            return part;
        }
    }
    return NULL;
}

static enum err add_entry(struct eval *eval, const json_t *entry, json_t *out)
{
    static const char *const names[] = {"key", "k", "name", "Name", "K", "Key", NULL};
    if (!json_is_object(entry)) {
        return fail_input(eval, "from_entries", entry);
    }
    const json_t *key = entry_part(entry, names);
    json_t *value = json_object_get(entry, "value");
    if (value == NULL) {
        value = json_object_get(entry, "v");
    }
    if (value == NULL) {
        value = json_object_get(entry, "Value");
    }
    value = value == NULL ? json_null() : value;
    if (key == NULL || (!json_is_string(key) && !json_is_number(key))) {
        return eval_fail(eval, "an entry of from_entries needs a 'key' that is a text or a number");
    }
    json_t *text = NULL;
    TRY(value_tostring(eval, json_mutable(key), &text));
    int failed =
        json_object_setn_nocheck(out, json_string_value(text), json_string_length(text), value);
    json_decref(text);
    return failed != 0 ? no_memory(eval) : ERR_OK;
}

FUNCTION(from_entries_value)
{
    (void)args;
    if (!json_is_array(input)) {
        return fail_input(eval, "from_entries", input);
    }
    json_t *out = json_object();
    enum err code = out == NULL ? no_memory(eval) : ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < json_array_size(input); i++) {
        code = eval_spend(eval, 2);
        if (code == ERR_OK) {
            code = add_entry(eval, json_array_get(input, i), out);
        }
    }
    return give(code, out, ret_value);
}

FUNCTION(indices_value)
{
    return value_indices(eval, input, args[0], ret_value);
}

FUNCTION(index_value)
{
    json_t *all = NULL;
    TRY(value_indices(eval, input, args[0], &all));
    json_t *found = json_array_get(all, 0);
    *ret_value = found == NULL ? json_null() : json_incref(found);
    json_decref(all);
    return ERR_OK;
}

static enum err with_entries(struct eval *eval, const struct node *call, json_t *input,
                             json_t **ret_value)
{
    json_t *entries = NULL;
    TRY(to_entries_value(eval, input, NULL, &entries));
    json_t *mapped = json_array();
    enum err code = mapped == NULL ? no_memory(eval) : ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < json_array_size(entries); i++) {
        json_t *some = NULL;
        code = eval_collect(eval, call->list[0], json_array_get(entries, i), &some);
        if (code == ERR_OK && json_array_extend(mapped, some) != 0) {
            code = no_memory(eval);
        }
        json_decref(some);
    }
    if (code == ERR_OK) {
        code = from_entries_value(eval, mapped, NULL, ret_value);
    }
    json_decref(entries);
    json_decref(mapped);
    return code;
}

const struct builtin builtins_collection[] = {
    {.name = "keys", .value = keys_value},
    {.name = "keys_unsorted", .value = keys_unsorted_value},
    {.name = "has", .arity = 1, .value = has_value},
    {.name = "in", .arity = 1, .value = in_value},
    {.name = "add", .value = add_value},
    {.name = "first", .value = first_value},
    {.name = "last", .value = last_value},
    {.name = "contains", .arity = 1, .value = contains_value},
    {.name = "flatten", .value = flatten_value},
    {.name = "flatten", .arity = 1, .value = flatten_depth},
    {.name = "reverse", .value = reverse_value},
    {.name = "to_entries", .value = to_entries_value},
    {.name = "from_entries", .value = from_entries_value},
    {.name = "with_entries", .arity = 1, .one = with_entries},
    {.name = "indices", .arity = 1, .value = indices_value},
    {.name = "index", .arity = 1, .value = index_value},
    {.name = NULL},
};
