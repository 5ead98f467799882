/*
 * One text on its way to a tree: what parse.c and parse_text.c share. Private to common/json.
 */
#ifndef COMMON_JSON_PARSE_PRIVATE_H
#define COMMON_JSON_PARSE_PRIVATE_H

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/json/json.h"

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

/* Refuse at `where` with line, column and path. Returns NULL, so that callers can return it. */
json_t *parse_fail(struct parser *p, enum err code, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
json_t *parse_fail_memory(struct parser *p);

/* A string at its opening quote. Without escapes the result points into the text, else into the
 * scratch buffer, valid until the next string. */
bool parse_string(struct parser *p, bool nul_allowed, struct str *ret_text);

#endif
