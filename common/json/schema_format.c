/* Formats: names, mail, hosts, addresses, identifiers. Times and URIs have files of their own. */
#include <string.h>

#include "common/json/schema_private.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 1123 section 2.1: labels of letters, digits and inner hyphens. */
static bool format_hostname(const char *text, size_t size)
{
    size_t label = 0;
    if (size == 0 || size > 253) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.') {
            if (label == 0 || text[i - 1] == '-') {
                return false;
            }
            label = 0;
        } else if (is_alnum(text[i]) || (text[i] == '-' && label > 0)) {
            if (++label > 63) {
                return false;
            }
        } else {
            return false;
        }
    }
    return label > 0 && text[size - 1] != '-';
}

/* RFC 2673 section 3.2: four decimal bytes without leading zeros. */
bool format_ipv4(const char *text, size_t size)
{
    unsigned parts = 0;
    size_t at = 0;
    while (at < size) {
        unsigned value = 0;
        size_t start = at;
        while (at < size && is_digit(text[at]) && at - start < 4) {
            value = value * 10 + (unsigned)(text[at++] - '0');
        }
        size_t digits = at - start;
        if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && text[start] == '0')) {
            return false;
        }
        parts++;
        if (at < size) {
            if (text[at] != '.' || at + 1 == size) {
                return false;
            }
            at++;
        }
    }
    return parts == 4;
}

/* RFC 4291 section 2.2: eight groups, one "::" for at least one, or an IPv4 tail for two. */
bool format_ipv6(const char *text, size_t size)
{
    unsigned groups = 0;
    bool gap = false;
    size_t at = 0;
    if (size >= 2 && text[0] == ':' && text[1] == ':') {
        gap = true;
        at = 2;
    }
    while (at < size) {
        size_t start = at;
        while (at < size && is_hex(text[at])) {
            at++;
        }
        if (at < size && text[at] == '.') {
            groups += 2;
            return format_ipv4(text + start, size - start) && (gap ? groups < 8 : groups == 8);
        }
        if (at == start || at - start > 4) {
            return false;
        }
        groups++;
        if (at == size) {
            break;
        }
        if (text[at++] != ':' || at == size) {
            return false;
        }
        if (text[at] == ':') {
            if (gap) {
                return false;
            }
            gap = true;
            at++;
        }
    }
    return gap ? groups < 8 : groups == 8;
}

/* Length of a quoted local part with its quotes, or 0. */
static size_t quoted_size(const char *text, size_t size)
{
    for (size_t i = 1; i < size; i++) {
        if (text[i] == '"') {
            return i + 1;
        }
        if (text[i] == '\\') {
            i++;
        }
        if (i >= size || (unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7E) {
            return 0;
        }
    }
    return 0;
}

/* Length of a dot-atom local part, or 0. */
static size_t atom_size(const char *text, size_t size)
{
    size_t at = 0;
    bool dot = true; /* no dot at the start or after a dot */
    for (; at < size && text[at] != '@'; at++) {
        bool is_dot = text[at] == '.';
        bool atom = is_alnum(text[at]) ||
                    (text[at] != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", text[at]) != NULL);
        if ((is_dot && dot) || (!is_dot && !atom)) {
            return 0;
        }
        dot = is_dot;
    }
    return dot ? 0 : at;
}

/* RFC 5321 section 4.1.2. */
static bool format_email(const char *text, size_t size)
{
    size_t local = size > 0 && text[0] == '"' ? quoted_size(text, size) : atom_size(text, size);
    if (local == 0 || local > 64 || local + 1 >= size || text[local] != '@') {
        return false;
    }
    const char *domain = text + local + 1;
    size_t rest = size - local - 1;
    if (domain[0] != '[') {
        return format_hostname(domain, rest);
    }
    if (rest < 3 || domain[rest - 1] != ']') {
        return false;
    }
    if (rest > 7 && memcmp(domain, "[IPv6:", 6) == 0) {
        return format_ipv6(domain + 6, rest - 7);
    }
    return format_ipv4(domain + 1, rest - 2);
}

/* RFC 9562 section 4. */
static bool format_uuid(const char *text, size_t size)
{
    if (size != 36) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? text[i] != '-' : !is_hex(text[i])) {
            return false;
        }
    }
    return true;
}

/* RFC 6901 section 3. */
static bool format_json_pointer(const char *text, size_t size)
{
    if (size > 0 && text[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '~' && (i + 1 == size || (text[i + 1] != '0' && text[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

format_fn *format_find(const char *name)
{
    static const struct {
        const char *name;
        format_fn *check;
    } formats[] = {
        {"date", format_date},
        {"time", format_time},
        {"date-time", format_date_time},
        {"duration", format_duration},
        {"uri", format_uri},
        {"uri-reference", format_uri_reference},
        {"email", format_email},
        {"uuid", format_uuid},
        {"ipv4", format_ipv4},
        {"ipv6", format_ipv6},
        {"hostname", format_hostname},
        {"json-pointer", format_json_pointer},
    };
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return formats[i].check;
        }
    }
    return NULL;
}
