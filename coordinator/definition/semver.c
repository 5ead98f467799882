/* Semantic versions (semver.org 2.0.0, without build metadata in ranges) and contract ranges. */
#include "coordinator/definition/semver.h"

#include <ctype.h>
#include <string.h>

#include "coordinator/definition/plan.h"

/* Read up to three numbers "1.4.0"; returns what follows, or NULL. */
static const char *read_version(const char *at, struct semver *ret)
{
    *ret = (struct semver){0};
    for (ret->parts = 0; ret->parts < 3;) {
        if (!isdigit((unsigned char)*at)) {
            return NULL;
        }
        uint64_t number = 0;
        for (; isdigit((unsigned char)*at); at++) {
            number = number * 10 + (uint64_t)(*at - '0');
            if (number > UINT32_MAX) {
                return NULL;
            }
        }
        ret->number[ret->parts++] = (uint32_t)number;
        if (*at != '.' || ret->parts == 3) {
            break;
        }
        at++;
    }
    if (ret->parts == 3 && *at == '-') {
        size_t size =
            strspn(at + 1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.");
        if (size == 0) {
            return NULL;
        }
        ret->pre = at + 1;
        ret->pre_size = size;
        at += 1 + size;
    }
    return at;
}

bool semver_parse(const char *text, struct semver *ret_version)
{
    const char *end = read_version(text, ret_version);
    if (end != NULL && *end == '+') {
        end +=
            1 + strspn(end + 1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.");
    }
    return end != NULL && *end == '\0' && ret_version->parts == 3;
}

/* Precedence of two pre-release identifiers (semver section 11.4). */
static int compare_identifier(const char *a, size_t a_size, const char *b, size_t b_size)
{
    bool a_number = strspn(a, "0123456789") >= a_size;
    bool b_number = strspn(b, "0123456789") >= b_size;
    if (a_number != b_number) {
        return a_number ? -1 : 1;
    }
    if (a_number && a_size != b_size) {
        return a_size < b_size ? -1 : 1;
    }
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static size_t identifier_size(const char *at, size_t size)
{
    const char *dot = memchr(at, '.', size);
    return dot == NULL ? size : (size_t)(dot - at);
}

static int compare_pre(const struct semver *a, const struct semver *b)
{
    if (a->pre_size == 0 || b->pre_size == 0) {
        return (a->pre_size == 0) - (b->pre_size == 0);
    }
    const char *left = a->pre;
    const char *right = b->pre;
    size_t left_size = a->pre_size;
    size_t right_size = b->pre_size;
    for (;;) {
        size_t l = identifier_size(left, left_size);
        size_t r = identifier_size(right, right_size);
        int order = compare_identifier(left, l, right, r);
        if (order != 0 || l == left_size || r == right_size) {
            return order != 0 ? order : (l < left_size) - (r < right_size);
        }
        left += l + 1;
        right += r + 1;
        left_size -= l + 1;
        right_size -= r + 1;
    }
}

int semver_compare(const struct semver *a, const struct semver *b)
{
    for (int i = 0; i < 3; i++) {
        if (a->number[i] != b->number[i]) {
            return a->number[i] < b->number[i] ? -1 : 1;
        }
    }
    return compare_pre(a, b);
}

/* One part of a range: an operator and a version, or a bare version. */
static const char *read_term(const char *at, const struct semver *version, bool *ret_inside)
{
    static const char *const operators[] = {">=", "<=", ">", "<", "=", ""};
    size_t op = 0;
    while (strncmp(at, operators[op], strlen(operators[op])) != 0) {
        op++;
    }
    struct semver bound;
    at = read_version(at + strlen(operators[op]), &bound);
    if (at == NULL || version == NULL) {
        return at;
    }
    int order = semver_compare(version, &bound);
    const bool holds[] = {order >= 0, order <= 0,
                          order > 0,  order < 0,
                          order == 0, order >= 0 && version->number[0] == bound.number[0]};
    *ret_inside = *ret_inside && holds[op];
    return at;
}

static bool walk_range(const char *range, const struct semver *version, bool *ret_inside)
{
    *ret_inside = true;
    if (strcmp(range, "*") == 0) {
        return true;
    }
    const char *at = range;
    do {
        at = read_term(at + strspn(at, " "), version, ret_inside);
        if (at == NULL || (*at != '\0' && *at != ' ')) {
            return false;
        }
    } while (at[strspn(at, " ")] != '\0');
    return true;
}

bool semver_range_valid(const char *range)
{
    bool inside;
    return walk_range(range, NULL, &inside);
}

bool plan_version_in_range(const char *version, const char *range)
{
    struct semver parsed;
    bool inside;
    if (!semver_parse(version, &parsed)) {
        return false;
    }
    return range == NULL || (walk_range(range, &parsed, &inside) && inside);
}

int plan_version_compare(const char *a, const char *b)
{
    struct semver left;
    struct semver right;
    bool left_good = semver_parse(a, &left);
    bool right_good = semver_parse(b, &right);
    if (!left_good || !right_good) {
        return left_good != right_good ? (left_good ? 1 : -1) : strcmp(a, b);
    }
    return semver_compare(&left, &right);
}
