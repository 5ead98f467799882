/* Functions on texts and numbers. */
#include "coordinator/definition/expr_private.h"

#include <math.h>
#include <string.h>

#define FUNCTION(name) \
    static enum err name(struct eval *eval, json_t *input, json_t *const *args, json_t **ret_value)

static enum err fail_input(struct eval *eval, const char *name, const json_t *input)
{
    char brief[64];
    return eval_fail(eval, "%s cannot take %s", name, value_brief(input, brief, sizeof(brief)));
}

FUNCTION(length_value)
{
    (void)args;
    size_t length = 0;
    if (json_is_string(input)) {
        TRY(eval_spend(eval, json_string_length(input) / 64));
        length = utf8_length(json_string_value(input), json_string_length(input));
    } else if (json_is_array(input)) {
        length = json_array_size(input);
    } else if (json_is_object(input)) {
        length = json_object_size(input);
    } else if (json_is_number(input)) {
        if (json_number_value(input) < 0) {
            return value_negate(eval, input, ret_value);
        }
        *ret_value = json_incref(input);
        return ERR_OK;
    } else if (!json_is_null(input)) {
        return eval_fail(eval, "a boolean has no length");
    }
    *ret_value = json_integer((json_int_t)length);
    return *ret_value == NULL ? error_set(eval->err, ERR_NOMEM, "no memory") : ERR_OK;
}

FUNCTION(not_value)
{
    (void)eval;
    (void)args;
    *ret_value = json_boolean(!expr_truth(input));
    return ERR_OK;
}

FUNCTION(type_value)
{
    (void)args;
    const char *type = value_type(input);
    return value_of_text(eval, type, strlen(type), ret_value);
}

FUNCTION(tostring_value)
{
    (void)args;
    return value_tostring(eval, input, ret_value);
}

FUNCTION(tojson_value)
{
    (void)args;
    struct buf out = BUF_INIT(EXPR_STRING_MAX);
    enum err code = value_text(eval, input, &out);
    if (code == ERR_OK) {
        code = value_of_text(eval, out.data, out.size, ret_value);
    }
    buf_release(&out);
    return code;
}

FUNCTION(fromjson_value)
{
    (void)args;
    if (!json_is_string(input)) {
        return fail_input(eval, "fromjson", input);
    }
    TRY(eval_spend(eval, json_string_length(input) / 8));
    struct error err = {0};
    if (json_parse(json_string_value(input), json_string_length(input), NULL, ret_value, &err) !=
        ERR_OK) {
        return eval_fail(eval, "fromjson: %s", err.message);
    }
    return ERR_OK;
}

enum { NUMBER_TEXT_MAX = 400 };

static size_t digits_of(const char *text)
{
    return strspn(text, "0123456789");
}

/* The text of a number as jq reads one, which may begin with blanks, `+`, zeros or a point and end
 * with a point or blanks, in the form of JSON. `out` has room for NUMBER_TEXT_MAX + 4. */
static bool number_normal(const char *text, char *out)
{
    text += strspn(text, " \t\r\n");
    size_t used = 0;
    if (*text == '-' || *text == '+') {
        used = *text == '-' ? 1 : 0;
        out[0] = '-';
        text++;
    }
    size_t whole = digits_of(text);
    size_t zeros = strspn(text, "0");
    zeros = zeros == whole && whole > 0 ? whole - 1 : zeros;
    const char *point = text + whole;
    size_t part = *point == '.' ? digits_of(point + 1) : 0;
    if (whole + part == 0) {
        return false;
    }
    (void)snprintf(out + used, NUMBER_TEXT_MAX + 4 - used, "%.*s%s%.*s",
                   whole == 0 ? 1 : (int)(whole - zeros), whole == 0 ? "0" : text + zeros,
                   part > 0 ? "." : "", (int)part, point + 1);
    used = strlen(out);
    text = *point == '.' ? point + 1 + part : point;
    if (*text == 'e' || *text == 'E') {
        size_t sign = text[1] == '-' || text[1] == '+' ? 1 : 0;
        size_t power = digits_of(text + 1 + sign);
        if (power == 0) {
            return false;
        }
        (void)snprintf(out + used, NUMBER_TEXT_MAX + 4 - used, "%.*s", (int)(1 + sign + power),
                       text);
        text += 1 + sign + power;
    }
    return text[strspn(text, " \t\r\n")] == '\0';
}

FUNCTION(tonumber_value)
{
    (void)args;
    if (json_is_number(input)) {
        *ret_value = json_incref(input);
        return ERR_OK;
    }
    const char *text = json_string_value(input);
    size_t size = json_string_length(input);
    char brief[64];
    char normal[NUMBER_TEXT_MAX + 4];
    struct error err = {0};
    if (text == NULL || size > NUMBER_TEXT_MAX || strlen(text) != size ||
        !number_normal(text, normal)) {
        return eval_fail(eval, "%s is not a number", value_brief(input, brief, sizeof(brief)));
    }
    if (json_parse(normal, strlen(normal), NULL, ret_value, &err) != ERR_OK) {
        return eval_fail(eval, "%s is not a number that is kept exactly",
                         value_brief(input, brief, sizeof(brief)));
    }
    if (json_is_real(*ret_value)) {
        double real = json_real_value(*ret_value);
        json_decref(*ret_value);
        return value_of_real(eval, real, "the number", ret_value);
    }
    return ERR_OK;
}

static enum err two_texts(struct eval *eval, const char *name, const json_t *input,
                          const json_t *argument)
{
    if (json_is_string(input) && json_is_string(argument)) {
        return eval_spend(eval, json_string_length(input) / 64);
    }
    return eval_fail(eval, "%s needs two texts, not %s and %s", name, value_type(input),
                     value_type(argument));
}

static bool has_prefix(const json_t *text, const json_t *prefix)
{
    return json_string_length(text) >= json_string_length(prefix) &&
           memcmp(json_string_value(text), json_string_value(prefix), json_string_length(prefix)) ==
               0;
}

static bool has_suffix(const json_t *text, const json_t *suffix)
{
    return json_string_length(text) >= json_string_length(suffix) &&
           memcmp(json_string_value(text) + json_string_length(text) - json_string_length(suffix),
                  json_string_value(suffix), json_string_length(suffix)) == 0;
}

FUNCTION(startswith_value)
{
    TRY(two_texts(eval, "startswith", input, args[0]));
    *ret_value = json_boolean(has_prefix(input, args[0]));
    return ERR_OK;
}

FUNCTION(endswith_value)
{
    TRY(two_texts(eval, "endswith", input, args[0]));
    *ret_value = json_boolean(has_suffix(input, args[0]));
    return ERR_OK;
}

FUNCTION(ltrimstr_value)
{
    if (!json_is_string(input) || !json_is_string(args[0]) || !has_prefix(input, args[0])) {
        *ret_value = json_incref(input);
        return ERR_OK;
    }
    size_t cut = json_string_length(args[0]);
    return value_of_text(eval, json_string_value(input) + cut, json_string_length(input) - cut,
                         ret_value);
}

FUNCTION(rtrimstr_value)
{
    if (!json_is_string(input) || !json_is_string(args[0]) || !has_suffix(input, args[0])) {
        *ret_value = json_incref(input);
        return ERR_OK;
    }
    return value_of_text(eval, json_string_value(input),
                         json_string_length(input) - json_string_length(args[0]), ret_value);
}

static enum err map_case(struct eval *eval, const json_t *input, char from, char to,
                         json_t **ret_value)
{
    struct buf out = BUF_INIT(EXPR_STRING_MAX);
    TRY(eval_spend(eval, json_string_length(input) / 16));
    buf_append(&out, json_string_value(input), json_string_length(input));
    for (size_t i = 0; !out.failed && i < out.size; i++) {
        if (out.data[i] >= from && out.data[i] <= from + 25) {
            out.data[i] = (char)(out.data[i] - from + to);
        }
    }
    enum err code =
        out.failed ? eval_limit(eval, "makes a text that is too long")
                   : value_of_text(eval, out.data == NULL ? "" : out.data, out.size, ret_value);
    buf_release(&out);
    return code;
}

FUNCTION(downcase_value)
{
    (void)args;
    return json_is_string(input) ? map_case(eval, input, 'A', 'a', ret_value)
                                 : fail_input(eval, "ascii_downcase", input);
}

FUNCTION(upcase_value)
{
    (void)args;
    return json_is_string(input) ? map_case(eval, input, 'a', 'A', ret_value)
                                 : fail_input(eval, "ascii_upcase", input);
}

FUNCTION(split_value)
{
    TRY(two_texts(eval, "split", input, args[0]));
    return value_binary(eval, OP_DIVIDE, input, args[0], ret_value);
}

static enum err join_items(struct eval *eval, const json_t *input, const json_t *separator,
                           struct buf *out)
{
    for (size_t i = 0; i < json_array_size(input); i++) {
        const json_t *item = json_array_get(input, i);
        TRY(eval_spend(eval, 1 + json_string_length(item) / 64));
        if (i > 0) {
            buf_append(out, json_string_value(separator), json_string_length(separator));
        }
        if (json_is_string(item)) {
            buf_append(out, json_string_value(item), json_string_length(item));
        } else if (json_is_object(item) || json_is_array(item)) {
            return fail_input(eval, "join", item);
        } else if (!json_is_null(item)) {
            TRY(value_text(eval, item, out));
        }
    }
    return out->failed ? eval_limit(eval, "makes a text that is too long") : ERR_OK;
}

FUNCTION(join_value)
{
    if (!json_is_array(input)) {
        return fail_input(eval, "join", input);
    }
    if (json_array_size(input) > 0 && !json_is_string(args[0])) {
        return fail_input(eval, "the separator of join", args[0]);
    }
    struct buf out = BUF_INIT(EXPR_STRING_MAX);
    enum err code = join_items(eval, input, args[0], &out);
    if (code == ERR_OK) {
        code = value_of_text(eval, out.data == NULL ? "" : out.data, out.size, ret_value);
    }
    buf_release(&out);
    return code;
}

static enum err round_with(struct eval *eval, json_t *input, double (*rounding)(double),
                           const char *name, json_t **ret_value)
{
    if (json_is_integer(input)) {
        *ret_value = json_incref(input);
        return ERR_OK;
    }
    if (!json_is_real(input)) {
        return fail_input(eval, name, input);
    }
    return value_of_real(eval, rounding(json_real_value(input)), name, ret_value);
}

FUNCTION(floor_value)
{
    (void)args;
    return round_with(eval, input, floor, "floor", ret_value);
}

FUNCTION(ceil_value)
{
    (void)args;
    return round_with(eval, input, ceil, "ceil", ret_value);
}

FUNCTION(round_value)
{
    (void)args;
    return round_with(eval, input, round, "round", ret_value);
}

FUNCTION(abs_value)
{
    (void)args;
    if (!json_is_number(input)) {
        return fail_input(eval, "abs", input);
    }
    if (json_number_value(input) < 0) {
        return value_negate(eval, input, ret_value);
    }
    *ret_value = json_incref(input);
    return ERR_OK;
}

static enum err raise(struct eval *eval, const json_t *message)
{
    if (json_is_string(message)) {
        return eval_fail(eval, "%.300s", json_string_value(message));
    }
    struct buf out = BUF_INIT(EXPR_STRING_MAX);
    enum err code = value_text(eval, message, &out);
    if (code == ERR_OK) {
        code = eval_fail(eval, "%.300s", out.data);
    }
    buf_release(&out);
    return code;
}

FUNCTION(error_value)
{
    (void)args;
    (void)ret_value;
    return raise(eval, input);
}

FUNCTION(error_message)
{
    (void)input;
    (void)ret_value;
    return raise(eval, args[0]);
}

const struct builtin builtins_text[] = {
    {.name = "length", .value = length_value},
    {.name = "not", .value = not_value},
    {.name = "type", .value = type_value},
    {.name = "tostring", .value = tostring_value},
    {.name = "tonumber", .value = tonumber_value},
    {.name = "tojson", .value = tojson_value},
    {.name = "fromjson", .value = fromjson_value},
    {.name = "startswith", .arity = 1, .value = startswith_value},
    {.name = "endswith", .arity = 1, .value = endswith_value},
    {.name = "ltrimstr", .arity = 1, .value = ltrimstr_value},
    {.name = "rtrimstr", .arity = 1, .value = rtrimstr_value},
    {.name = "ascii_downcase", .value = downcase_value},
    {.name = "ascii_upcase", .value = upcase_value},
    {.name = "split", .arity = 1, .value = split_value},
    {.name = "join", .arity = 1, .value = join_value},
    {.name = "floor", .value = floor_value},
    {.name = "ceil", .value = ceil_value},
    {.name = "round", .value = round_value},
    {.name = "abs", .value = abs_value},
    {.name = "error", .value = error_value},
    {.name = "error", .arity = 1, .value = error_message},
    {.name = NULL},
};
