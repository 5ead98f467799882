/*
 * JSON text (RFC 8259) in and out of jansson's value tree. This is the one header that includes
 * <jansson.h>; everybody else uses json_t through it.
 *
 * The number rule: what is read can be printed back as read, or it is refused with its path.
 * Integers are exact 64-bit; a real is accepted when the shortest text that reads back to its
 * double has the same value as the text that was read (always so up to 15 significant digits), so
 * 0.1, 1.10 and 0.30000000000000004 are accepted and 123456789012345678.5, 2^63 and 1e400 are not.
 * Nothing is rounded silently; money and identifiers travel as strings.
 *
 * Threads: a value may be read by several threads while nobody changes it. jansson's reference
 * counts are atomic, but iterating needs no writer anywhere.
 */
#ifndef COMMON_JSON_JSON_H
#define COMMON_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h> // IWYU pragma: export

#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/crypto/crypto.h"

struct buf;

/* Values built by wrapping parsed ones may be this deep; deeper ones are never written. */
enum { JSON_DEPTH_MAX = 2 * LIMIT_JSON_DEPTH };

/* What json_parse accepts. A zero member means its default. */
struct json_limits {
    size_t size_max; /* bytes of text; default LIMIT_EVENT_BYTES */
    size_t
        depth_max; /* nested arrays and objects; default LIMIT_JSON_DEPTH, at most JSON_DEPTH_MAX */
    bool any_number; /* round numbers to the nearest double instead of refusing them */
    bool allow_nul;  /* accept \u0000 in string values (never in keys) */
};

/*
 * Parse one JSON text. Refused: invalid UTF-8, a byte order mark, duplicate keys, \u0000, lone
 * surrogates, numbers against the number rule, too deep, too long, anything after the value.
 * `limits` may be NULL. On success *ret_value is a new reference; on failure it is NULL.
 *
 * Errors: ERR_INVALID (the text), ERR_LIMIT (size, depth), ERR_NOMEM. The message starts with
 * line:column (columns count bytes from 1) and names the JSON pointer where there is one.
 */
MUST_CHECK enum err json_parse(const char *bytes, size_t size, const struct json_limits *limits,
                               json_t **ret_value, struct error *err);

/*
 * Append the text of `value`: compact in insertion order; indented by two spaces in insertion
 * order; canonical, which is compact with the keys of every object sorted by their bytes. Reals
 * print in the shortest form that reads back the same. Nesting beyond JSON_DEPTH_MAX sets
 * `out->failed`.
 */
void json_write(const json_t *value, struct buf *out);
void json_write_pretty(const json_t *value, struct buf *out);
void json_write_canonical(const json_t *value, struct buf *out);

/* BLAKE2b-256 of the canonical text. `value` is at most JSON_DEPTH_MAX deep. */
struct digest json_digest(const json_t *value);

/* Whether `value` is nested at most `depth_max` deep. For code that builds values out of values. */
bool json_depth_fits(const json_t *value, size_t depth_max);

/* Whether two values are equal as JSON Schema and people see it: 1 equals 1.0, key order is
 * nothing. */
bool json_same(const json_t *a, const json_t *b);

/* The value at a JSON pointer (RFC 6901), borrowed; NULL when there is none or the pointer is
 * malformed. */
json_t *json_pointer_get(const json_t *root, const char *pointer);

/*
 * Put `value` (reference taken, also on failure) at `pointer` in the tree of *root, for building a
 * corrected value: a member is added or replaced, an array item replaced or, with "-" or the next
 * index, appended; "" replaces *root itself. The containers on the way must exist.
 * Errors: ERR_NOT_FOUND, ERR_INVALID (malformed pointer), ERR_NOMEM.
 */
MUST_CHECK enum err json_pointer_set(json_t **root, const char *pointer, json_t *value,
                                     struct error *err);

/* Append one reference token, escaped, with its leading slash, to a pointer under construction. */
void json_pointer_append(struct buf *pointer, const char *token, size_t size);

/* Whether a media type, parameters aside, says JSON: its subtype is json or ends in +json (RFC
 * 6839; CloudEvents 1.0.2, section 3.1 of the JSON format). */
bool json_media_type(const char *type);

/* Members by type: the value, or NULL / the fallback when absent or of another type. */
const char *json_text_of(const json_t *object, const char *key);
int64_t json_int_of(const json_t *object, const char *key, int64_t fallback);
bool json_bool_of(const json_t *object, const char *key, bool fallback);
json_t *json_object_of(const json_t *object, const char *key);
json_t *json_array_of(const json_t *object, const char *key);

/* jansson's readers want a mutable value although they only read. */
static inline json_t *json_mutable(const json_t *value)
{
    union {
        const json_t *read;
        json_t *any;
    } both = {.read = value};
    return both.any;
}

#endif
