/* Paths on values: index, slice, iterate; and the texts that messages show. */
#include "coordinator/definition/expr_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum err no_memory(struct eval *eval)
{
    return error_set(eval->err, ERR_NOMEM, "no memory for a value");
}

const char *value_type(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

const char *value_brief(const json_t *value, char *out, size_t size)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        (void)snprintf(out, size, "string (\"%.24s%s\")", json_string_value(value),
                       json_string_length(value) > 24 ? "..." : "");
        break;
    case JSON_INTEGER:
        (void)snprintf(out, size, "number (%lld)", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        (void)snprintf(out, size, "number (%g)", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        (void)snprintf(out, size, "boolean (%s)", json_is_true(value) ? "true" : "false");
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        (void)snprintf(out, size, "%s", value_type(value));
        break;
    }
    return out;
}

enum err value_of_text(struct eval *eval, const char *bytes, size_t size, json_t **ret_value)
{
    *ret_value = json_stringn_nocheck(bytes, size);
    return *ret_value == NULL ? no_memory(eval) : ERR_OK;
}

static bool is_whole_real(const json_t *value)
{
    double real = json_real_value(value);
    return json_is_real(value) && fabs(real) <= 9007199254740992.0 && !(floor(real) < real);
}

static bool has_whole_real(const json_t *value)
{
    json_t *tree = json_mutable(value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (has_whole_real(json_array_get(value, i))) {
            return true;
        }
    }
    for (void *at = json_object_iter(tree); at != NULL; at = json_object_iter_next(tree, at)) {
        if (has_whole_real(json_object_iter_value(at))) {
            return true;
        }
    }
    return is_whole_real(value);
}

/* Make 2.0 a 2 everywhere in a tree of our own. */
static json_t *settle_reals(json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        json_t *item = json_incref(json_array_get(value, i));
        (void)json_array_set_new(value, i, settle_reals(item));
    }
    for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at)) {
        json_t *item = json_incref(json_object_iter_value(at));
        (void)json_object_iter_set_new(value, at, settle_reals(item));
    }
    if (is_whole_real(value)) {
        json_t *whole = json_integer((json_int_t)json_real_value(value));
        json_decref(value);
        return whole;
    }
    return value;
}

enum err value_text(struct eval *eval, const json_t *value, struct buf *out)
{
    TRY(eval_measure(eval, value)); /* bounds the recursions */
    if (has_whole_real(value)) {
        json_t *settled = json_deep_copy(value);
        settled = settled == NULL ? NULL : settle_reals(settled);
        if (settled == NULL) {
            return no_memory(eval);
        }
        json_write(settled, out);
        json_decref(settled);
    } else {
        json_write(value, out);
    }
    return out->failed ? eval_limit(eval, "makes a text that is too long") : ERR_OK;
}

enum err value_tostring(struct eval *eval, json_t *value, json_t **ret_value)
{
    if (json_is_string(value)) {
        *ret_value = json_incref(value);
        return ERR_OK;
    }
    struct buf out = BUF_INIT(EXPR_STRING_MAX);
    enum err code = value_text(eval, value, &out);
    if (code == ERR_OK) {
        code = value_of_text(eval, out.data, out.size, ret_value);
    }
    buf_release(&out);
    return code;
}

size_t utf8_offset(const char *text, size_t size, size_t count)
{
    size_t at = 0;
    while (count > 0 && at < size) {
        at++;
        while (at < size && ((unsigned char)text[at] & 0xC0) == 0x80) {
            at++;
        }
        count--;
    }
    return at;
}

size_t utf8_length(const char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        length += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return length;
}

/* The whole number of an index; false when it cannot be one. */
static bool index_of_number(const json_t *key, double *ret_index)
{
    *ret_index = floor(json_number_value(key));
    return json_is_number(key);
}

static enum err index_array(json_t *target, const json_t *key, json_t **ret_value)
{
    double index = 0;
    (void)index_of_number(key, &index);
    double size = (double)json_array_size(target);
    index = index < 0 ? index + size : index;
    json_t *found = index >= 0 && index < size ? json_array_get(target, (size_t)index) : NULL;
    *ret_value = found == NULL ? json_null() : json_incref(found);
    return ERR_OK;
}

enum err value_index(struct eval *eval, json_t *target, json_t *key, json_t **ret_value)
{
    if (json_is_object(target) && json_is_string(key)) {
        json_t *found = json_object_getn(target, json_string_value(key), json_string_length(key));
        *ret_value = found == NULL ? json_null() : json_incref(found);
        return ERR_OK;
    }
    if (json_is_array(target) && json_is_number(key)) {
        return index_array(target, key, ret_value);
    }
    if (json_is_null(target) && (json_is_string(key) || json_is_number(key) || json_is_null(key))) {
        *ret_value = json_null();
        return ERR_OK;
    }
    if (json_is_array(target) && json_is_array(key)) {
        return value_indices(eval, target, key, ret_value);
    }
    char brief[64];
    return eval_fail(eval, "cannot index %s with %s", value_type(target),
                     value_brief(key, brief, sizeof(brief)));
}

/* Bounds as jq has them: null means the edge, negative counts from the end, fractions widen. */
static bool slice_bounds(const json_t *from, const json_t *to, size_t length, size_t *ret_start,
                         size_t *ret_end)
{
    if ((!json_is_null(from) && !json_is_number(from)) ||
        (!json_is_null(to) && !json_is_number(to))) {
        return false;
    }
    double size = (double)length;
    double start = json_is_null(from) ? 0 : json_number_value(from);
    double end = json_is_null(to) ? size : json_number_value(to);
    start = start < 0 ? start + size : start;
    end = end < 0 ? end + size : end;
    start = fmin(fmax(floor(start), 0), size);
    end = fmin(fmax(ceil(end), start), size);
    *ret_start = (size_t)start;
    *ret_end = (size_t)end;
    return true;
}

static enum err slice_array(struct eval *eval, const json_t *target, size_t start, size_t end,
                            json_t **ret_value)
{
    TRY(eval_spend(eval, end - start));
    json_t *slice = json_array();
    for (size_t i = start; slice != NULL && i < end; i++) {
        if (json_array_append(slice, json_array_get(target, i)) != 0) {
            json_decref(slice);
            slice = NULL;
        }
    }
    *ret_value = slice;
    return slice == NULL ? no_memory(eval) : ERR_OK;
}

enum err value_slice(struct eval *eval, json_t *target, json_t *from, json_t *to,
                     json_t **ret_value)
{
    size_t start;
    size_t end;
    if (json_is_null(target)) {
        *ret_value = json_null();
        return ERR_OK;
    }
    if (!json_is_string(target) && !json_is_array(target)) {
        return eval_fail(eval, "cannot slice %s", value_type(target));
    }
    const char *text = json_string_value(target);
    size_t bytes = json_string_length(target);
    size_t length = text == NULL ? json_array_size(target) : utf8_length(text, bytes);
    if (!slice_bounds(from, to, length, &start, &end)) {
        return eval_fail(eval, "the bounds of a slice must be numbers");
    }
    if (text == NULL) {
        return slice_array(eval, target, start, end, ret_value);
    }
    TRY(eval_spend(eval, bytes / 64));
    size_t first = utf8_offset(text, bytes, start);
    size_t last = utf8_offset(text, bytes, end);
    return value_of_text(eval, text + first, last - first, ret_value);
}

enum err value_iterate(struct eval *eval, json_t *target, value_fn *yield, void *user)
{
    if (json_is_array(target)) {
        for (size_t i = 0; i < json_array_size(target); i++) {
            TRY(eval_spend(eval, 1));
            TRY(yield(eval, user, json_incref(json_array_get(target, i))));
        }
        return ERR_OK;
    }
    if (!json_is_object(target)) {
        char brief[64];
        return eval_fail(eval, "cannot iterate over %s", value_brief(target, brief, sizeof(brief)));
    }
    for (void *at = json_object_iter(target); at != NULL; at = json_object_iter_next(target, at)) {
        TRY(eval_spend(eval, 1));
        TRY(yield(eval, user, json_incref(json_object_iter_value(at))));
    }
    return ERR_OK;
}

static enum err add_index(struct eval *eval, json_t *found, size_t index)
{
    return json_array_append_new(found, json_integer((json_int_t)index)) == 0 ? ERR_OK
                                                                              : no_memory(eval);
}

static enum err indices_of_array(struct eval *eval, const json_t *target, const json_t *key,
                                 json_t *found)
{
    size_t size = json_array_size(target);
    size_t length = json_array_size(key);
    for (size_t i = 0; length > 0 && i + length <= size; i++) {
        size_t j = 0;
        int order = 0;
        for (; order == 0 && j < length; j++) {
            TRY(value_compare(eval, json_array_get(target, i + j), json_array_get(key, j), &order));
        }
        if (order == 0) {
            TRY(add_index(eval, found, i));
        }
    }
    return ERR_OK;
}

static enum err indices_of_text(struct eval *eval, const json_t *target, const json_t *key,
                                json_t *found)
{
    const char *text = json_string_value(target);
    size_t size = json_string_length(target);
    const char *wanted = json_string_value(key);
    size_t length = json_string_length(key);
    size_t characters = 0;
    TRY(eval_spend(eval, size));
    for (size_t i = 0; length > 0 && i + length <= size; i++) {
        if (memcmp(text + i, wanted, length) == 0) {
            TRY(add_index(eval, found, characters));
        }
        characters += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return ERR_OK;
}

enum err value_indices(struct eval *eval, json_t *target, json_t *key, json_t **ret_value)
{
    json_t *wrapped = NULL;
    if (json_is_null(target) && (json_is_string(key) || json_is_number(key))) {
        *ret_value = json_null();
        return ERR_OK;
    }
    json_t *found = json_array();
    enum err code = found == NULL ? no_memory(eval) : ERR_OK;
    if (code == ERR_OK && json_is_string(target) && json_is_string(key)) {
        code = indices_of_text(eval, target, key, found);
    } else if (code == ERR_OK && json_is_array(target)) {
        wrapped = json_is_array(key) ? json_incref(key) : json_pack("[O]", key);
        code = wrapped == NULL ? no_memory(eval) : indices_of_array(eval, target, wrapped, found);
    } else if (code == ERR_OK) {
        code = eval_fail(eval, "cannot look for %s in %s", value_type(key), value_type(target));
    }
    json_decref(wrapped);
    if (code != ERR_OK) {
        json_decref(found);
        return code;
    }
    *ret_value = found;
    return ERR_OK;
}
