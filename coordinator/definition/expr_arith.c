/*
 * Operators on values. Whole numbers are 64-bit and exact: a result that does not fit, or a mix of
 * a large whole number with a fraction, is an error instead of a rounded number.
 */
#include "coordinator/definition/expr_private.h"

#include <math.h>
#include <string.h>

#define EXACT_REAL_MAX 9007199254740992.0 /* 2^53: every whole number up to here is a double */

struct operand {
    bool whole;
    int64_t integer;
    double real;
    bool exact; /* `real` is the value */
};

static enum err fail_digits(struct eval *eval, const char *what)
{
    return eval_fail(eval, "%s would lose digits: keep identifiers and large amounts as texts",
                     what);
}

static struct operand operand_of(const json_t *value)
{
    struct operand operand = {0};
    if (json_is_integer(value)) {
        operand.whole = true;
        operand.integer = json_integer_value(value);
        operand.real = (double)operand.integer;
        operand.exact = operand.integer <= (int64_t)EXACT_REAL_MAX &&
                        operand.integer >= -(int64_t)EXACT_REAL_MAX;
        return operand;
    }
    operand.real = json_real_value(value);
    operand.exact = true;
    if (fabs(operand.real) <= EXACT_REAL_MAX && !(floor(operand.real) < operand.real)) {
        operand.whole = true;
        operand.integer = (int64_t)operand.real;
    }
    return operand;
}

enum err value_of_real(struct eval *eval, double real, const char *what, json_t **ret_value)
{
    if (!isfinite(real)) {
        return eval_fail(eval, "%s is not a finite number", what);
    }
    bool whole = fabs(real) <= EXACT_REAL_MAX && !(floor(real) < real);
    *ret_value = whole ? json_integer((json_int_t)real) : json_real(real);
    return *ret_value == NULL ? error_set(eval->err, ERR_NOMEM, "no memory for a number") : ERR_OK;
}

static enum err of_integer(struct eval *eval, int64_t integer, json_t **ret_value)
{
    *ret_value = json_integer(integer);
    return *ret_value == NULL ? error_set(eval->err, ERR_NOMEM, "no memory for a number") : ERR_OK;
}

static enum err divide_whole(struct eval *eval, struct operand a, struct operand b,
                             json_t **ret_value, bool *ret_done)
{
    *ret_done = !(b.integer == -1 && a.integer == INT64_MIN) && a.integer % b.integer == 0;
    return *ret_done ? of_integer(eval, a.integer / b.integer, ret_value) : ERR_OK;
}

static enum err modulo(struct eval *eval, struct operand a, struct operand b, json_t **ret_value)
{
    if ((!a.whole && fabs(a.real) > 9.2e18) || (!b.whole && fabs(b.real) > 9.2e18)) {
        return fail_digits(eval, "the remainder");
    }
    int64_t left = a.whole ? a.integer : (int64_t)a.real;
    int64_t right = b.whole ? b.integer : (int64_t)b.real;
    if (right == 0) {
        return eval_fail(eval, "cannot divide by zero");
    }
    return of_integer(eval, right == -1 ? 0 : left % right, ret_value);
}

static enum err calculate_real(struct eval *eval, enum binary_op op, struct operand a,
                               struct operand b, json_t **ret_value)
{
    if (!a.exact || !b.exact) {
        return fail_digits(eval, "the result");
    }
    double real = 0;
    if (op == OP_ADD) {
        real = a.real + b.real;
    } else if (op == OP_SUBTRACT) {
        real = a.real - b.real;
    } else if (op == OP_MULTIPLY) {
        real = a.real * b.real;
    } else {
        real = a.real / b.real;
    }
    return value_of_real(eval, real, "the result", ret_value);
}

static enum err calculate(struct eval *eval, enum binary_op op, struct operand a, struct operand b,
                          json_t **ret_value)
{
    int64_t result = 0;
    bool lost = false;
    bool done = false;
    if (op == OP_MODULO) {
        return modulo(eval, a, b, ret_value);
    }
    if (op == OP_DIVIDE && b.whole && b.integer == 0) {
        return eval_fail(eval, "cannot divide by zero");
    }
    if (!a.whole || !b.whole) {
        return calculate_real(eval, op, a, b, ret_value);
    }
    if (op == OP_DIVIDE) {
        TRY(divide_whole(eval, a, b, ret_value, &done));
        return done ? ERR_OK : calculate_real(eval, op, a, b, ret_value);
    }
    if (op == OP_ADD) {
        lost = __builtin_add_overflow(a.integer, b.integer, &result);
    } else if (op == OP_SUBTRACT) {
        lost = __builtin_sub_overflow(a.integer, b.integer, &result);
    } else {
        lost = __builtin_mul_overflow(a.integer, b.integer, &result);
    }
    return lost ? fail_digits(eval, "the result") : of_integer(eval, result, ret_value);
}

enum err value_negate(struct eval *eval, json_t *a, json_t **ret_value)
{
    char brief[64];
    if (!json_is_number(a)) {
        return eval_fail(eval, "cannot negate %s", value_brief(a, brief, sizeof(brief)));
    }
    struct operand zero = {.whole = true, .exact = true};
    return calculate(eval, OP_SUBTRACT, zero, operand_of(a), ret_value);
}

static enum err no_memory(struct eval *eval)
{
    return error_set(eval->err, ERR_NOMEM, "no memory for a value");
}

static enum err add_texts(struct eval *eval, const json_t *a, const json_t *b, json_t **ret_value)
{
    struct buf out = BUF_INIT(EXPR_STRING_MAX);
    TRY(eval_spend(eval, (json_string_length(a) + json_string_length(b)) / 64));
    buf_append(&out, json_string_value(a), json_string_length(a));
    buf_append(&out, json_string_value(b), json_string_length(b));
    enum err code =
        out.failed ? eval_limit(eval, "makes a text that is too long")
                   : value_of_text(eval, out.data == NULL ? "" : out.data, out.size, ret_value);
    buf_release(&out);
    return code;
}

static enum err add_arrays(struct eval *eval, json_t *a, json_t *b, json_t **ret_value)
{
    TRY(eval_spend(eval, json_array_size(a) + json_array_size(b)));
    json_t *sum = json_copy(a);
    if (sum == NULL || json_array_extend(sum, b) != 0) {
        json_decref(sum);
        return no_memory(eval);
    }
    *ret_value = sum;
    return ERR_OK;
}

static enum err add_objects(struct eval *eval, json_t *a, json_t *b, json_t **ret_value)
{
    TRY(eval_spend(eval, json_object_size(a) + json_object_size(b)));
    json_t *sum = json_copy(a);
    if (sum == NULL || json_object_update(sum, b) != 0) {
        json_decref(sum);
        return no_memory(eval);
    }
    *ret_value = sum;
    return ERR_OK;
}

static enum err subtract_arrays(struct eval *eval, json_t *a, json_t *b, json_t **ret_value)
{
    json_t *rest = json_array();
    enum err code = rest == NULL ? no_memory(eval) : ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < json_array_size(a); i++) {
        json_t *item = json_array_get(a, i);
        int order = 1;
        for (size_t j = 0; code == ERR_OK && order != 0 && j < json_array_size(b); j++) {
            code = value_compare(eval, item, json_array_get(b, j), &order);
        }
        if (code == ERR_OK && order != 0 && json_array_append(rest, item) != 0) {
            code = no_memory(eval);
        }
    }
    if (code != ERR_OK) {
        json_decref(rest);
        return code;
    }
    *ret_value = rest;
    return ERR_OK;
}

static enum err repeat_text(struct eval *eval, const json_t *text, const json_t *count,
                            json_t **ret_value)
{
    double times = json_number_value(count);
    size_t size = json_string_length(text);
    if (times <= 0) {
        *ret_value = json_null();
        return ERR_OK;
    }
    if (floor(times) < times) {
        return eval_fail(eval, "a text is repeated a whole number of times");
    }
    if (times > EXPR_STRING_MAX || (double)size * times > EXPR_STRING_MAX) {
        return eval_limit(eval, "makes a text that is too long");
    }
    TRY(eval_spend(eval, (size_t)times));
    struct buf out = BUF_INIT(EXPR_STRING_MAX);
    for (size_t i = 0; i < (size_t)times; i++) {
        buf_append(&out, json_string_value(text), size);
    }
    enum err code = value_of_text(eval, out.data == NULL ? "" : out.data, out.size, ret_value);
    buf_release(&out);
    return code;
}

/* Deep merge; both objects are at most EXPR_DEPTH_MAX deep or fuel ends it. */
static enum err merge_objects(struct eval *eval, json_t *a, json_t *b, json_t **ret_value)
{
    TRY(eval_spend(eval, 1 + json_object_size(a) + json_object_size(b)));
    json_t *merged = json_copy(a);
    enum err code = merged == NULL ? no_memory(eval) : ERR_OK;
    for (void *at = json_object_iter(b); code == ERR_OK && at != NULL;
         at = json_object_iter_next(b, at)) {
        const char *key = json_object_iter_key(at);
        size_t size = json_object_iter_key_len(at);
        json_t *value = json_object_iter_value(at);
        json_t *old = json_object_getn(merged, key, size);
        json_t *made = NULL;
        if (json_is_object(old) && json_is_object(value)) {
            code = merge_objects(eval, old, value, &made);
        } else {
            made = json_incref(value);
        }
        if (code == ERR_OK && json_object_setn_new_nocheck(merged, key, size, made) != 0) {
            code = no_memory(eval);
        }
    }
    if (code != ERR_OK) {
        json_decref(merged);
        return code;
    }
    *ret_value = merged;
    return ERR_OK;
}

static enum err split_text(struct eval *eval, const json_t *a, const json_t *b, json_t **ret_value)
{
    const char *text = json_string_value(a);
    const char *end = text + json_string_length(a);
    size_t length = json_string_length(b);
    TRY(eval_spend(eval, json_string_length(a)));
    json_t *parts = json_array();
    enum err code = parts == NULL ? no_memory(eval) : ERR_OK;
    for (bool more = text < end; code == ERR_OK && more;) {
        size_t rest = (size_t)(end - text);
        const char *stop = length == 0 ? text + utf8_offset(text, rest, 1)
                                       : memmem(text, rest, json_string_value(b), length);
        more = stop != NULL && (length > 0 || stop < end);
        const char *to = stop == NULL ? end : stop;
        json_t *part = json_stringn_nocheck(text, (size_t)(to - text));
        if (part == NULL || json_array_append_new(parts, part) != 0) {
            code = no_memory(eval);
        }
        text = to + (stop == NULL ? 0 : length);
    }
    if (code != ERR_OK) {
        json_decref(parts);
        return code;
    }
    *ret_value = parts;
    return ERR_OK;
}

static enum err fail_operands(struct eval *eval, const char *verb, const json_t *a, const json_t *b)
{
    char left[64];
    char right[64];
    return eval_fail(eval, "cannot %s %s and %s", verb, value_brief(a, left, sizeof(left)),
                     value_brief(b, right, sizeof(right)));
}

static bool both(const json_t *a, const json_t *b, json_type type)
{
    return json_typeof(a) == type && json_typeof(b) == type;
}

static enum err value_add(struct eval *eval, json_t *a, json_t *b, json_t **ret_value)
{
    if (json_is_null(a) || json_is_null(b)) {
        *ret_value = json_incref(json_is_null(a) ? b : a);
        return ERR_OK;
    }
    if (both(a, b, JSON_STRING)) {
        return add_texts(eval, a, b, ret_value);
    }
    if (both(a, b, JSON_ARRAY)) {
        return add_arrays(eval, a, b, ret_value);
    }
    if (both(a, b, JSON_OBJECT)) {
        return add_objects(eval, a, b, ret_value);
    }
    return fail_operands(eval, "add", a, b);
}

static enum err value_multiply(struct eval *eval, json_t *a, json_t *b, json_t **ret_value)
{
    if (json_is_string(a) && json_is_number(b)) {
        return repeat_text(eval, a, b, ret_value);
    }
    if (json_is_number(a) && json_is_string(b)) {
        return repeat_text(eval, b, a, ret_value);
    }
    if (both(a, b, JSON_OBJECT)) {
        return merge_objects(eval, a, b, ret_value);
    }
    return fail_operands(eval, "multiply", a, b);
}

static bool compare_holds(enum binary_op op, int order)
{
    const bool holds[] = {order == 0, order != 0, order<0, order <= 0, order> 0, order >= 0};
    return holds[op - OP_EQUAL];
}

enum err value_binary(struct eval *eval, enum binary_op op, json_t *a, json_t *b,
                      json_t **ret_value)
{
    if (op >= OP_EQUAL) {
        int order;
        TRY(value_compare(eval, a, b, &order));
        *ret_value = json_boolean(compare_holds(op, order));
        return ERR_OK;
    }
    if (json_is_number(a) && json_is_number(b)) {
        return calculate(eval, op, operand_of(a), operand_of(b), ret_value);
    }
    if (op == OP_ADD) {
        return value_add(eval, a, b, ret_value);
    }
    if (op == OP_SUBTRACT) {
        return both(a, b, JSON_ARRAY) ? subtract_arrays(eval, a, b, ret_value)
                                      : fail_operands(eval, "subtract", a, b);
    }
    if (op == OP_MULTIPLY) {
        return value_multiply(eval, a, b, ret_value);
    }
    return op == OP_DIVIDE && both(a, b, JSON_STRING) ? split_text(eval, a, b, ret_value)
                                                      : fail_operands(eval, "divide", a, b);
}
