/* URIs by the grammar of RFC 3986. */
#include <string.h>

#include "common/base/str.h"
#include "common/json/schema_private.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* unreserved, sub-delims, percent triplets and the characters of `more`, nothing else. */
static bool all_plain(struct str part, const char *more)
{
    for (size_t i = 0; i < part.size; i++) {
        char c = part.data[i];
        if (c == '%') {
            if (i + 2 >= part.size || !is_hex(part.data[i + 1]) || !is_hex(part.data[i + 2])) {
                return false;
            }
            i += 2;
        } else if (c == '\0' || (!is_letter(c) && !is_digit(c) &&
                                 strchr("-._~!$&'()*+,;=", c) == NULL && strchr(more, c) == NULL)) {
            return false;
        }
    }
    return true;
}

/* Up to the first of `stops`, taken off the front of *rest. */
static struct str take_until(struct str *rest, const char *stops)
{
    size_t size = 0;
    while (size < rest->size &&
           (rest->data[size] == '\0' || strchr(stops, rest->data[size]) == NULL)) {
        size++;
    }
    struct str taken = {rest->data, size};
    rest->data += size;
    rest->size -= size;
    return taken;
}

static bool port_valid(struct str port)
{
    for (size_t i = 0; i < port.size; i++) {
        if (!is_digit(port.data[i])) {
            return false;
        }
    }
    return true;
}

/* "[v6]" or "[v1.something]" at the front of *rest. */
static bool literal_valid(struct str *rest)
{
    struct str inside = *rest;
    inside.data++;
    inside.size--;
    struct str address = take_until(&inside, "]");
    if (inside.size == 0) {
        return false;
    }
    rest->data = inside.data + 1;
    rest->size = inside.size - 1;
    if (address.size > 0 && (address.data[0] == 'v' || address.data[0] == 'V')) {
        struct str version = {address.data + 1, address.size - 1};
        struct str hex = take_until(&version, ".");
        bool good = hex.size > 0 && version.size > 1;
        for (size_t i = 0; i < hex.size; i++) {
            good = good && is_hex(hex.data[i]);
        }
        return good && all_plain(version, ":") && memchr(version.data, '%', version.size) == NULL;
    }
    return format_ipv6(address.data, address.size);
}

static bool authority_valid(struct str authority)
{
    const char *at = memchr(authority.data, '@', authority.size);
    if (at != NULL) {
        struct str user = {authority.data, (size_t)(at - authority.data)};
        if (!all_plain(user, ":")) {
            return false;
        }
        authority.size -= user.size + 1;
        authority.data = at + 1;
    }
    if (authority.size > 0 && authority.data[0] == '[') {
        if (!literal_valid(&authority)) {
            return false;
        }
    } else if (!all_plain(take_until(&authority, ":"), "")) {
        return false;
    }
    if (authority.size == 0) {
        return true;
    }
    struct str port = {authority.data + 1, authority.size - 1};
    return authority.data[0] == ':' && port_valid(port);
}

/* What follows the scheme: hier-part or relative-part, query, fragment. */
static bool rest_valid(struct str rest)
{
    if (rest.size >= 2 && rest.data[0] == '/' && rest.data[1] == '/') {
        rest.data += 2;
        rest.size -= 2;
        if (!authority_valid(take_until(&rest, "/?#"))) {
            return false;
        }
    }
    if (!all_plain(take_until(&rest, "?#"), ":@/")) {
        return false;
    }
    if (rest.size > 0 && rest.data[0] == '?') {
        rest.data++;
        rest.size--;
        if (!all_plain(take_until(&rest, "#"), ":@/?")) {
            return false;
        }
    }
    if (rest.size > 0) {
        rest.data++;
        rest.size--;
        return all_plain(rest, ":@/?");
    }
    return true;
}

/* Length of the scheme with its colon, or 0. */
static size_t scheme_size(const char *text, size_t size)
{
    if (size == 0 || !is_letter(text[0])) {
        return 0;
    }
    size_t at = 1;
    while (at < size && (is_letter(text[at]) || is_digit(text[at]) || text[at] == '+' ||
                         text[at] == '-' || text[at] == '.')) {
        at++;
    }
    return at < size && text[at] == ':' ? at + 1 : 0;
}

bool format_uri(const char *text, size_t size)
{
    size_t scheme = scheme_size(text, size);
    return scheme > 0 && rest_valid((struct str){text + scheme, size - scheme});
}

bool format_uri_reference(const char *text, size_t size)
{
    if (scheme_size(text, size) > 0) {
        return format_uri(text, size);
    }
    /* the first segment of a relative path has no colon, or it would be a scheme */
    struct str rest = {text, size};
    struct str segment = take_until(&rest, "/?#");
    bool colon = segment.size > 0 && memchr(segment.data, ':', segment.size) != NULL;
    return !colon && rest_valid((struct str){text, size});
}
