#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/json/number.h"
#include "common/json/text.h"

/*
 * One pass over the text builds the tree, so that every refusal knows its line, column and path.
 * Recursion is bounded by the depth limit.
 */

enum { POINTER_BYTES = 256, EXCERPT_BYTES = 40 };

/* Where we are in the value: a list through the C stack, walked only to print a path. */
struct place {
    const struct place *parent;
    const char *key; /* NULL in an array */
    size_t key_size;
    size_t index;
};

struct parser {
    const char *start;
    const char *at;
    const char *end;
    size_t depth_left;
    struct json_limits limits;
    const struct place *place;
    struct buf scratch; /* a string with escapes is unescaped here */
    struct error *err;
    enum err code;
};

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

/* Refuse at `where`. Returns NULL so that callers can `return fail(...)`. */
__attribute__((format(printf, 4, 5))) static json_t *
fail(struct parser *p, enum err code, const char *where, const char *format, ...)
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
    if (path.failed) {
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

static json_t *fail_memory(struct parser *p)
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
    return fail(p, ERR_INVALID, p->at, "expected %s, found %s", wanted, found(p, text));
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
            (void)fail(p, ERR_INVALID, p->at, "a number must not start with a zero");
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
        return fail(p, ERR_INVALID, start,
                    "number %.*s%s is too %s to be kept; send it as a string", size, start, dots,
                    number->kind == NUMBER_OVERFLOW ? "large" : "small");
    }
    char kept[NUMBER_TEXT_BYTES];
    (void)number_print_real(number->real, kept);
    return fail(p, ERR_INVALID, start,
                "number %.*s%s cannot be kept exactly (it would become %s); send it as a string",
                size, start, dots, kept);
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
    return value == NULL ? fail_memory(p) : value;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at p->at, or -1. */
static int32_t read_hex4(struct parser *p)
{
    int32_t value = 0;
    if (p->end - p->at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p->at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    p->at += 4;
    return value;
}

static void append_utf8(struct buf *out, uint32_t code)
{
    if (code < 0x80) {
        buf_append_byte(out, (uint8_t)code);
        return;
    }
    uint8_t bytes[4];
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80U | (code & 0x3FU));
        code >>= 6U;
    }
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    bytes[0] = (uint8_t)(lead[size] | code);
    buf_append(out, bytes, size);
}

/* The part after "\u"; p->at is behind the u. */
static bool unescape_unicode(struct parser *p, const char *escape, bool nul_allowed)
{
    int32_t code = read_hex4(p);
    if (code >= 0xD800 && code <= 0xDBFF && p->end - p->at >= 2 && p->at[0] == '\\' &&
        p->at[1] == 'u') {
        p->at += 2;
        int32_t low = read_hex4(p);
        code = low >= 0xDC00 && low <= 0xDFFF ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                                              : 0xD800;
    }
    if (code < 0) {
        (void)fail(p, ERR_INVALID, escape, "\\u must be followed by four hex digits");
        return false;
    }
    if (code >= 0xD800 && code <= 0xDFFF) {
        (void)fail(p, ERR_INVALID, escape, "half of a surrogate pair");
        return false;
    }
    if (code == 0 && !nul_allowed) {
        (void)fail(p, ERR_INVALID, escape, "\\u0000 is not allowed in text");
        return false;
    }
    append_utf8(&p->scratch, (uint32_t)code);
    return true;
}

static bool unescape(struct parser *p, bool nul_allowed)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *escape = p->at++;
    if (p->at < p->end && *p->at == 'u') {
        p->at++;
        return unescape_unicode(p, escape, nul_allowed);
    }
    const char *known = p->at < p->end && *p->at != '\0' ? strchr(from, *p->at) : NULL;
    if (known == NULL) {
        (void)fail(p, ERR_INVALID, escape, "unknown escape");
        return false;
    }
    buf_append_byte(&p->scratch, (uint8_t)to[known - from]);
    p->at++;
    return true;
}

/* Move to the next quote, backslash or control character. */
static void skip_plain(struct parser *p)
{
    while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= 0x20) {
        p->at++;
    }
}

/* A string at its opening quote. Without escapes the result points into the text, else into the
 * scratch buffer, valid until the next string. */
static bool parse_string(struct parser *p, bool nul_allowed, struct str *ret_text)
{
    const char *quote = p->at++;
    const char *run = p->at;
    buf_clear(&p->scratch);
    bool escaped = false;
    for (;;) {
        skip_plain(p);
        if (p->at >= p->end) {
            (void)fail(p, ERR_INVALID, quote, "the string that starts here is not closed");
            return false;
        }
        if ((unsigned char)*p->at < 0x20) {
            (void)fail(p, ERR_INVALID, p->at, "control character 0x%02x in a string; escape it",
                       (unsigned char)*p->at);
            return false;
        }
        if (*p->at == '"') {
            break;
        }
        escaped = true;
        buf_append(&p->scratch, run, (size_t)(p->at - run));
        if (!unescape(p, nul_allowed)) {
            return false;
        }
        run = p->at;
    }
    *ret_text = (struct str){.data = run, .size = (size_t)(p->at - run)};
    if (escaped) {
        buf_append(&p->scratch, run, (size_t)(p->at - run));
        *ret_text = (struct str){.data = p->scratch.data, .size = p->scratch.size};
    }
    p->at++;
    if (p->scratch.failed) {
        (void)fail_memory(p);
        return false;
    }
    return true;
}

static json_t *parse_text(struct parser *p)
{
    struct str text;
    if (!parse_string(p, p->limits.allow_nul, &text)) {
        return NULL;
    }
    /* the whole input was checked to be UTF-8 and escapes make only valid characters */
    json_t *value = json_stringn_nocheck(text.data, text.size);
    return value == NULL ? fail_memory(p) : value;
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
        (void)fail_memory(p);
        return false;
    }
    return true;
}

static json_t *parse_array(struct parser *p)
{
    json_t *array = json_array();
    if (array == NULL) {
        return fail_memory(p);
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
        (void)fail_memory(p);
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
            (void)fail_memory(p);
        } else if (json_object_size(object) == before) {
            good = false;
            (void)fail(p, ERR_INVALID, quote, "duplicate key '%.*s'",
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
        return fail_memory(p);
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
        return fail(p, ERR_LIMIT, p->at, "nested deeper than %zu levels", p->limits.depth_max);
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
        (void)fail(&p, ERR_INVALID, where, "byte 0x%02x is not valid UTF-8", (unsigned char)*where);
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
        value = fail(&p, ERR_INVALID, p.at, "%s after the end of the value", found(&p, text));
    }
    buf_release(&p.scratch);
    *ret_value = value;
    return value == NULL ? p.code : ERR_OK;
}
