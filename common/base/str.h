/*
 * Small helpers over strings and byte views. Nothing here allocates except where it says so.
 */
#ifndef COMMON_BASE_STR_H
#define COMMON_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed view of bytes; not terminated. */
struct str {
    const char *data;
    size_t size;
};

#define STR(literal) ((struct str){.data = (literal), .size = sizeof(literal) - 1})

/* View of a terminated string; NULL gives an empty view. */
struct str str_of(const char *text);

bool str_equal(struct str a, struct str b);

/* Both NULL, or both the same text. */
bool text_equal(const char *a, const char *b);

bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);

/* Copy `text` into `out` of `size` bytes, truncated and always terminated; true when it fitted. */
bool text_copy(char *out, size_t size, const char *text);

/* Decimal digits only, the whole text, no overflow. */
bool text_to_i64(const char *text, int64_t *ret_value);
bool text_to_u64(const char *text, uint64_t *ret_value);

/* Whether `text` is 1..64 characters of [A-Za-z0-9_-]: what may become a subject token. */
bool text_is_token(const char *text);

/* Whether the bytes are valid UTF-8 without surrogates and overlong forms (RFC 3629). */
bool utf8_valid(const char *bytes, size_t size);

/* Lower-case hex of `size` bytes into `out`, which has 2 * size + 1 bytes. */
void hex_encode(const void *bytes, size_t size, char *out);

/* Exactly `size` bytes from 2 * size hex digits; false on anything else. */
bool hex_decode(const char *text, void *out, size_t size);

#endif
