/* Strings: escapes undone, what RFC 8259 forbids refused. */
#include <string.h>

#include "common/json/parse_private.h"

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
        (void)parse_fail(p, ERR_INVALID, escape, "\\u must be followed by four hex digits");
        return false;
    }
    if (code >= 0xD800 && code <= 0xDFFF) {
        (void)parse_fail(p, ERR_INVALID, escape, "half of a surrogate pair");
        return false;
    }
    if (code == 0 && !nul_allowed) {
        (void)parse_fail(p, ERR_INVALID, escape, "\\u0000 is not allowed in text");
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
        (void)parse_fail(p, ERR_INVALID, escape, "unknown escape");
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

bool parse_string(struct parser *p, bool nul_allowed, struct str *ret_text)
{
    const char *quote = p->at++;
    const char *run = p->at;
    buf_clear(&p->scratch);
    bool escaped = false;
    for (;;) {
        skip_plain(p);
        if (p->at >= p->end) {
            (void)parse_fail(p, ERR_INVALID, quote, "the string that starts here is not closed");
            return false;
        }
        if ((unsigned char)*p->at < 0x20) {
            (void)parse_fail(p, ERR_INVALID, p->at,
                             "control character 0x%02x in a string; escape it",
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
        (void)parse_fail_memory(p);
        return false;
    }
    return true;
}
