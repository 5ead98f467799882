#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/json/number.h"
#include "common/json/parse_private.h"
#include "common/json/text.h"

/*
 * One pass over the text builds the tree, so that every refusal knows its line, column and path.
 * Recursion is bounded by the depth limit.
 */

enum { POINTER_BYTES = 256, EXCERPT_BYTES = 40 };

static json_t *parse_value(struct parser *p);

static void place_print(const struct place *place, struct buf *out)
{
    /* the list runs from the inside out: turn it into an array first */
    const struct place *steps[JSON_DEPTH_MAX];
    size_t count = 0;
    for (; place != NULL && count < JSON_DEPTH_MAX; place = place->parent) {
        steps[count++] = place;
    }
    while (count > 0) {
        const struct place *step = steps[--count];
        if (step->key != NULL) {
            json_pointer_append(out, step->key, step->key_size);
        } else {
            buf_printf(out, "/%zu", step->index);
        }
    }
}

json_t *parse_fail(struct parser *p, enum err code, const char *where, const char *format, ...)
{
    size_t line = 1;
    const char *line_start = p->start;
    for (const char *c = p->start; c < where; c++) {
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    }
    char message[ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct buf path = BUF_INIT(POINTER_BYTES);
    place_print(p->place, &path);
    const char *cut = path.failed ? "..." : "";
    if (path.failed && path.data != NULL) {
        text_trim(path.data);
    }
    p->code = code;
    if (path.size == 0) {
        (void)error_set(p->err, code, "%zu:%zu: %s", line, (size_t)(where - line_start) + 1,
                        message);
    } else {
        (void)error_set(p->err, code, "%zu:%zu: %s%s: %s", line, (size_t)(where - line_start) + 1,
                        path.data, cut, message);
    }
    buf_release(&path);
    return NULL;
}

json_t *parse_fail_memory(struct parser *p)
{
    p->code = error_set(p->err, ERR_NOMEM, "no memory for a JSON value");
    return NULL;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r')) {
        p->at++;
    }
}

/* What stands at p->at, for "expected x, found y". */
static const char *found(const struct parser *p, char out[EXCERPT_BYTES])
{
    if (p->at >= p->end) {
        return "the end of the text";
    }
    unsigned char c = (unsigned char)*p->at;
    if (c > 0x20 && c < 0x7F) {
        (void)snprintf(out, EXCERPT_BYTES, "'%c'", c);
    } else {
        (void)snprintf(out, EXCERPT_BYTES, "byte 0x%02x", c);
    }
    return out;
}

static json_t *fail_expected(struct parser *p, const char *wanted)
{
    char text[EXCERPT_BYTES];
    return parse_fail(p, ERR_INVALID, p->at, "expected %s, found %s", wanted, found(p, text));
}

static json_t *parse_word(struct parser *p, const char *word, json_t *value)
{
    size_t size = strlen(word);
    if ((size_t)(p->end - p->at) < size || memcmp(p->at, word, size) != 0) {
        return fail_expected(p, "a value");
    }
    p->at += size;
    return value;
}

static bool is_digit(const struct parser *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

/* Move over one or more digits. */
static bool skip_digits(struct parser *p)
{
    if (!is_digit(p)) {
        (void)fail_expected(p, "a digit");
        return false;
    }
    while (is_digit(p)) {
        p->at++;
    }
    return true;
}

/* Move over a number by the grammar of RFC 8259 section 6. */
static bool skip_number(struct parser *p)
{
    if (*p->at == '-') {
        p->at++;
    }
    if (p->at < p->end && *p->at == '0') {
        p->at++;
        if (is_digit(p)) {
            (void)parse_fail(p, ERR_INVALID, p->at, "a number must not start with a zero");
            return false;
        }
    } else if (!skip_digits(p)) {
        return false;
    }
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!skip_digits(p)) {
            return false;
        }
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-')) {
            p->at++;
        }
        return skip_digits(p);
    }
    return true;
}

static json_t *refuse_number(struct parser *p, const char *start, const struct number *number)
{
    int size = p->at - start > EXCERPT_BYTES ? EXCERPT_BYTES : (int)(p->at - start);
    const char *dots = p->at - start > EXCERPT_BYTES ? "..." : "";
    if (number->kind == NUMBER_OVERFLOW || number->kind == NUMBER_UNDERFLOW) {
        return parse_fail(p, ERR_INVALID, start,
                          "number %.*s%s is too %s to be kept; send it as a string", size, start,
                          dots, number->kind == NUMBER_OVERFLOW ? "large" : "small");
    }
    char kept[NUMBER_TEXT_BYTES];
    (void)number_print_real(number->real, kept);
    return parse_fail(
        p, ERR_INVALID, start,
        "number %.*s%s cannot be kept exactly (it would become %s); send it as a string", size,
        start, dots, kept);
}

static json_t *parse_number(struct parser *p)
{
    const char *start = p->at;
    if (!skip_number(p)) {
        return NULL;
    }
    struct number number = number_read(start, (size_t)(p->at - start));
    json_t *value = NULL;
    switch (number.kind) {
    case NUMBER_INT:
        value = json_integer(number.integer);
        break;
    case NUMBER_REAL:
        value = json_real(number.real);
        break;
    case NUMBER_BIG_INT:
    case NUMBER_INEXACT:
    case NUMBER_UNDERFLOW:
        if (!p->limits.any_number) {
            return refuse_number(p, start, &number);
        }
        value = json_real(number.real);
        break;
    case NUMBER_OVERFLOW:
        return refuse_number(p, start, &number);
    }
    return value == NULL ? parse_fail_memory(p) : value;
}

static json_t *parse_text(struct parser *p)
{
    struct str text;
    if (!parse_string(p, p->limits.allow_nul, &text)) {
        return NULL;
    }
    /* the whole input was checked to be UTF-8 and escapes make only valid characters */
    json_t *value = json_stringn_nocheck(text.data, text.size);
    return value == NULL ? parse_fail_memory(p) : value;
}

/* The separator after a member or item: 1 more follows, 0 closed, -1 refused. */
static int parse_separator(struct parser *p, char close, const char *wanted)
{
    skip_space(p);
    if (p->at < p->end && *p->at == ',') {
        p->at++;
        skip_space(p);
        return 1;
    }
    if (p->at < p->end && *p->at == close) {
        p->at++;
        return 0;
    }
    (void)fail_expected(p, wanted);
    return -1;
}

static bool parse_item(struct parser *p, json_t *array)
{
    json_t *item = parse_value(p);
    if (item == NULL) {
        return false;
    }
    if (json_array_append_new(array, item) != 0) {
        (void)parse_fail_memory(p);
        return false;
    }
    return true;
}

static json_t *parse_array(struct parser *p)
{
    json_t *array = json_array();
    if (array == NULL) {
        return parse_fail_memory(p);
    }
    struct place place = {.parent = p->place};
    p->at++;
    skip_space(p);
    if (p->at < p->end && *p->at == ']') {
        p->at++;
        return array;
    }
    int more = 1;
    while (more == 1) {
        p->place = &place;
        bool good = parse_item(p, array);
        p->place = place.parent;
        more = good ? parse_separator(p, ']', "',' or ']'") : -1;
        place.index++;
    }
    if (more < 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

/* One `"key": value`. The key is kept in `key`, because the scratch buffer serves the value too. */
static bool parse_member(struct parser *p, json_t *object, struct place *place)
{
    if (p->at >= p->end || *p->at != '"') {
        (void)fail_expected(p, "a key in double quotes");
        return false;
    }
    const char *quote = p->at;
    struct str key;
    if (!parse_string(p, false, &key)) {
        return false;
    }
    char small[128];
    char *copy = key.size < sizeof(small) ? small : malloc(key.size + 1);
    if (copy == NULL) {
        (void)parse_fail_memory(p);
        return false;
    }
    memcpy(copy, key.data, key.size);
    copy[key.size] = '\0';
    skip_space(p);
    json_t *value = NULL;
    if (p->at >= p->end || *p->at != ':') {
        (void)fail_expected(p, "':' after a key");
    } else {
        p->at++;
        skip_space(p);
        *place = (struct place){.parent = p->place, .key = copy, .key_size = key.size};
        p->place = place;
        value = parse_value(p);
        p->place = place->parent;
    }
    bool good = value != NULL;
    if (good) {
        size_t before = json_object_size(object);
        if (json_object_setn_new_nocheck(object, copy, key.size, value) != 0) {
            good = false;
            (void)parse_fail_memory(p);
        } else if (json_object_size(object) == before) {
            good = false;
            (void)parse_fail(p, ERR_INVALID, quote, "duplicate key '%.*s'",
                             (int)text_cut(copy, key.size > 64 ? 64 : key.size), copy);
        }
    }
    if (copy != small) {
        free(copy);
    }
    return good;
}

static json_t *parse_object(struct parser *p)
{
    json_t *object = json_object();
    if (object == NULL) {
        return parse_fail_memory(p);
    }
    struct place place;
    p->at++;
    skip_space(p);
    if (p->at < p->end && *p->at == '}') {
        p->at++;
        return object;
    }
    int more = 1;
    while (more == 1) {
        more = parse_member(p, object, &place) ? parse_separator(p, '}', "',' or '}'") : -1;
    }
    if (more < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *parse_nested(struct parser *p)
{
    if (p->depth_left == 0) {
        return parse_fail(p, ERR_LIMIT, p->at, "nested deeper than %zu levels",
                          p->limits.depth_max);
    }
    p->depth_left--;
    json_t *value = *p->at == '{' ? parse_object(p) : parse_array(p);
    p->depth_left++;
    return value;
}

static json_t *parse_value(struct parser *p)
{
    if (p->at >= p->end) {
        return fail_expected(p, "a value");
    }
    switch (*p->at) {
    case '{':
    case '[':
        return parse_nested(p);
    case '"':
        return parse_text(p);
    case 't':
        return parse_word(p, "true", json_true());
    case 'f':
        return parse_word(p, "false", json_false());
    case 'n':
        return parse_word(p, "null", json_null());
    case '-':
        return parse_number(p);
    default:
        return is_digit(p) ? parse_number(p) : fail_expected(p, "a value");
    }
}

static struct json_limits limits_of(const struct json_limits *given)
{
    struct json_limits limits = given == NULL ? (struct json_limits){0} : *given;
    if (limits.size_max == 0) {
        limits.size_max = LIMIT_EVENT_BYTES;
    }
    if (limits.depth_max == 0) {
        limits.depth_max = LIMIT_JSON_DEPTH;
    }
    CHECK(limits.depth_max <= JSON_DEPTH_MAX);
    return limits;
}

/* The first byte that is not part of valid UTF-8. */
static const char *bad_utf8(const char *bytes, size_t size)
{
    size_t good = 0; /* this many bytes are valid */
    for (size_t at = 0; at < size;) {
        size_t length = 1;
        while (length < 4 && at + length < size && !utf8_valid(bytes + at, length)) {
            length++;
        }
        if (!utf8_valid(bytes + at, length)) {
            break;
        }
        at += length;
        good = at;
    }
    return bytes + good;
}

enum err json_parse(const char *bytes, size_t size, const struct json_limits *limits,
                    json_t **ret_value, struct error *err)
{
    struct parser p = {
        .start = bytes, .at = bytes, .end = bytes + size, .limits = limits_of(limits), .err = err};
    *ret_value = NULL;
    if (size > p.limits.size_max) {
        return error_set(err, ERR_LIMIT, "JSON text is %zu bytes; at most %zu are accepted", size,
                         p.limits.size_max);
    }
    if (!utf8_valid(bytes, size)) {
        const char *where = bad_utf8(bytes, size);
        (void)parse_fail(&p, ERR_INVALID, where, "byte 0x%02x is not valid UTF-8",
                         (unsigned char)*where);
        return p.code;
    }
    p.depth_left = p.limits.depth_max;
    buf_init(&p.scratch, size);
    skip_space(&p);
    json_t *value = parse_value(&p);
    skip_space(&p);
    if (value != NULL && p.at < p.end) {
        char text[EXCERPT_BYTES];
        json_decref(value);
        value = parse_fail(&p, ERR_INVALID, p.at, "%s after the end of the value", found(&p, text));
    }
    buf_release(&p.scratch);
    *ret_value = value;
    return value == NULL ? p.code : ERR_OK;
}
