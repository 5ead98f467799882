/* Patterns: ECMA-262 in Unicode mode, as far as schemas use it, on PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

#include "common/base/buf.h"
#include "common/json/schema_private.h"

enum { PATTERN_BYTES = 8192, MATCH_HEAP_KIB = 20 * 1024 };

struct regex {
    struct regex *next;
    pcre2_code *code;
};

struct regex_memory {
    pcre2_match_data *data;
    pcre2_match_context *context;
};

/* Long names of general categories (Unicode TR 44, table 12) that PCRE2 knows only by letters. */
static const char *category_of(const char *name, size_t size)
{
    static const char *const names[][2] = {
        {"Letter", "L"},
        {"Lowercase_Letter", "Ll"},
        {"Uppercase_Letter", "Lu"},
        {"Titlecase_Letter", "Lt"},
        {"Modifier_Letter", "Lm"},
        {"Other_Letter", "Lo"},
        {"Mark", "M"},
        {"Nonspacing_Mark", "Mn"},
        {"Spacing_Mark", "Mc"},
        {"Number", "N"},
        {"Decimal_Number", "Nd"},
        {"digit", "Nd"},
        {"Letter_Number", "Nl"},
        {"Other_Number", "No"},
        {"Punctuation", "P"},
        {"punct", "P"},
        {"Symbol", "S"},
        {"Currency_Symbol", "Sc"},
        {"Math_Symbol", "Sm"},
        {"Separator", "Z"},
        {"Space_Separator", "Zs"},
        {"Other", "C"},
        {"Control", "Cc"},
        {"Format", "Cf"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i][0]) == size && memcmp(names[i][0], name, size) == 0) {
            return names[i][1];
        }
    }
    return NULL;
}

/* The name between braces at `text`, without "Script=" and the like; returns the size with braces.
 */
static size_t append_property(const char *text, size_t size, struct buf *out)
{
    static const char *const prefixes[] = {"General_Category=", "gc=", "Script=", "sc="};
    const char *end = memchr(text, '}', size);
    if (size == 0 || text[0] != '{' || end == NULL) {
        return 0;
    }
    const char *name = text + 1;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t prefix = strlen(prefixes[i]);
        if ((size_t)(end - name) > prefix && memcmp(name, prefixes[i], prefix) == 0) {
            name += prefix;
        }
    }
    const char *category = category_of(name, (size_t)(end - name));
    buf_append_byte(out, '{');
    if (category != NULL) {
        buf_append_str(out, category);
    } else {
        buf_append(out, name, (size_t)(end - name));
    }
    buf_append_byte(out, '}');
    return (size_t)(end - text) + 1;
}

/* What ECMA-262 spells differently: long category names, and \d \w \s, which PCRE2 takes as ASCII
 * without UCP; only \s is wider in ECMA-262. */
static void translate(const char *pattern, size_t size, struct buf *out)
{
    static const char spaces[] = "\\s\\uFEFF\\p{Z}";
    bool in_class = false;
    for (size_t at = 0; at < size; at++) {
        char c = pattern[at];
        char next = '\0';
        if (at + 1 < size) {
            next = pattern[at + 1];
        }
        if (c == '\\' && (next == 'p' || next == 'P')) {
            buf_append(out, pattern + at, 2);
            at += 1 + append_property(pattern + at + 2, size - at - 2, out);
        } else if (c == '\\' && next == 's') {
            buf_append_str(out, in_class ? "" : "[");
            buf_append_str(out, spaces);
            buf_append_str(out, in_class ? "" : "]");
            at++;
        } else if (c == '\\' && next == 'S' && !in_class) {
            buf_append_str(out, "[^");
            buf_append_str(out, spaces);
            buf_append_str(out, "]");
            at++;
        } else if (c == '\\' && next != '\0') {
            buf_append(out, pattern + at, 2);
            at++;
        } else {
            in_class = c == '[' || (in_class && c != ']');
            buf_append_byte(out, (uint8_t)c);
        }
    }
}

static pcre2_code *code_compile(const struct buf *text, int *ret_error, size_t *ret_at)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL) {
        *ret_error = PCRE2_ERROR_NOMEMORY;
        return NULL;
    }
    (void)pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text->data, text->size,
                                     PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
                                         PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS |
                                         PCRE2_NEVER_BACKSLASH_C,
                                     ret_error, ret_at, context);
    pcre2_compile_context_free(context);
    return code;
}

const struct regex *regex_compile(struct schema *schema, const char *pattern, size_t size,
                                  char message[128])
{
    struct buf text = BUF_INIT(PATTERN_BYTES);
    buf_append(&text, "", 0);
    translate(pattern, size, &text);
    struct regex *regex = text.failed ? NULL : ARENA_NEW(schema->arena, struct regex);
    if (regex == NULL) {
        (void)snprintf(message, 128, "pattern is longer than %d bytes", PATTERN_BYTES);
        buf_release(&text);
        return NULL;
    }
    int error = 0;
    size_t at = 0;
    regex->code = code_compile(&text, &error, &at);
    buf_release(&text);
    if (regex->code == NULL) {
        char reason[80] = "";
        (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof(reason));
        (void)snprintf(message, 128, "not a regular expression: %s (at %zu)", reason, at);
        return NULL;
    }
    regex->next = schema->regexes;
    schema->regexes = regex;
    return regex;
}

void regexes_destroy(struct regex *regexes)
{
    for (; regexes != NULL; regexes = regexes->next) {
        pcre2_code_free(regexes->code);
    }
}

void regex_memory_destroy(struct regex_memory **memory)
{
    if (*memory != NULL) {
        pcre2_match_data_free((*memory)->data);
        pcre2_match_context_free((*memory)->context);
        free(*memory);
        *memory = NULL;
    }
}

static struct regex_memory *memory_create(void)
{
    struct regex_memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL) {
        return NULL;
    }
    memory->data = pcre2_match_data_create(1, NULL);
    memory->context = pcre2_match_context_create(NULL);
    if (memory->data == NULL || memory->context == NULL) {
        regex_memory_destroy(&memory);
        return NULL;
    }
    (void)pcre2_set_match_limit(memory->context, SCHEMA_MATCH_MAX);
    (void)pcre2_set_heap_limit(memory->context, MATCH_HEAP_KIB);
    return memory;
}

enum regex_result regex_match(const struct regex *regex, const char *text, size_t size,
                              struct regex_memory **memory)
{
    if (*memory == NULL) {
        *memory = memory_create();
    }
    if (*memory == NULL) {
        return REGEX_LIMIT;
    }
    int result =
        pcre2_match(regex->code, (PCRE2_SPTR)text, size, 0, 0, (*memory)->data, (*memory)->context);
    if (result >= 0) {
        return REGEX_YES;
    }
    return result == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_LIMIT;
}
