/*
 * Bodies of requests: members, limits, cursors, ids.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/edge/control_private.h"

enum { NAMES_BYTES = 256, FOUND_MAX = 5 };

static const char *kind_words(enum member_kind kind)
{
    switch (kind) {
    case MEMBER_TEXT:
        return "text";
    case MEMBER_COUNT:
        return "a number from 0";
    case MEMBER_CURSOR:
        return "a number from 0, or text";
    case MEMBER_ANY:
        return "a value";
    case MEMBER_BOOL:
        return "true or false";
    case MEMBER_TEXTS:
        return "an array of texts";
    }
    UNREACHABLE();
}

static bool texts_fit(const json_t *value)
{
    size_t at = 0;
    const json_t *item = NULL;
    bool fits = json_is_array(value);
    json_array_foreach(value, at, item)
    {
        fits = fits && json_is_string(item);
    }
    return fits;
}

static bool kind_fits(enum member_kind kind, const json_t *value)
{
    bool count = json_is_integer(value) && json_integer_value(value) >= 0;
    switch (kind) {
    case MEMBER_TEXT:
        return json_is_string(value);
    case MEMBER_COUNT:
        return count;
    case MEMBER_CURSOR:
        return count || json_is_string(value);
    case MEMBER_ANY:
        return true;
    case MEMBER_BOOL:
        return json_is_boolean(value);
    case MEMBER_TEXTS:
        return texts_fit(value);
    }
    UNREACHABLE();
}

static const struct member *member_find(const struct member *members, size_t count,
                                        const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].name, name) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static void members_name(const struct member *members, size_t count, char *out)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < NAMES_BYTES; i++) {
        int more =
            snprintf(out + used, NAMES_BYTES - used, "%s%s", i > 0 ? ", " : "", members[i].name);
        used += more > 0 ? (size_t)more : 0;
    }
}

enum err body_check(struct request *request, const struct member *members, size_t count,
                    struct error *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    void *next = NULL;
    json_object_foreach_safe(request->body, next, name, value)
    {
        const struct member *member = member_find(members, count, name);
        if (member == NULL) {
            char names[NAMES_BYTES];
            members_name(members, count, names);
            return error_set(err, ERR_INVALID, "%s takes no member '%.64s'; %s%s", request->verb,
                             name, count > 0 ? "it takes " : "it takes none", names);
        }
        if (json_is_null(value) && member->kind != MEMBER_ANY) {
            (void)json_object_del(request->body, name);
            continue;
        }
        if (!kind_fits(member->kind, value)) {
            return error_set(err, ERR_INVALID, "member '%s' of %s must be %s", name, request->verb,
                             kind_words(member->kind));
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (members[i].required && json_object_get(request->body, members[i].name) == NULL) {
            return error_set(err, ERR_INVALID, "%s needs member '%s', %s", request->verb,
                             members[i].name, kind_words(members[i].kind));
        }
    }
    return ERR_OK;
}

enum err body_limit(struct request *request, size_t *ret_limit, struct error *err)
{
    int64_t limit = json_int_of(request->body, "limit", CONTROL_LIST_DEFAULT);
    if (limit < 1 || limit > CONTROL_LIST_MAX) {
        return error_set(err, ERR_INVALID, "limit must be from 1 to %d", CONTROL_LIST_MAX);
    }
    *ret_limit = (size_t)limit;
    return ERR_OK;
}

enum err body_number(struct request *request, const char *name, uint64_t *ret_number,
                     struct error *err)
{
    const json_t *value = json_object_get(request->body, name);
    *ret_number = 0;
    if (json_is_integer(value)) {
        *ret_number = (uint64_t)json_integer_value(value);
        return ERR_OK;
    }
    if (value != NULL && !text_to_u64(json_string_value(value), ret_number)) {
        return error_set(err, ERR_INVALID, "member '%s' of %s is not a number", name,
                         request->verb);
    }
    return ERR_OK;
}

enum err body_cursor(struct request *request, bool *ret_present, int64_t *ret_ms, struct id *ret_id,
                     struct error *err)
{
    const json_t *value = json_object_get(request->body, "after");
    *ret_present = value != NULL;
    if (value == NULL) {
        return ERR_OK;
    }
    char text[96] = "";
    bool good = json_is_string(value) && text_copy(text, sizeof(text), json_string_value(value));
    char *dash = good ? strchr(text, '-') : NULL;
    if (dash != NULL) {
        *dash = '\0';
    }
    if (dash == NULL || !text_to_i64(text, ret_ms) || !id_of_hex(dash + 1, ret_id)) {
        return error_set(err, ERR_INVALID,
                         "member 'after' is not a cursor: give the 'next' of the page before");
    }
    return ERR_OK;
}

json_t *cursor_json(int64_t ms, const struct id *id)
{
    char hex[ID_HEX_BYTES];
    id_hex(id, hex);
    json_t *text = json_sprintf("%lld-%s", (long long)ms, hex);
    CHECK(text != NULL);
    return text;
}

/* Lower-case hex digits of an id or a prefix of one. */
static enum err prefix_read(const char *text, const char *what, char out[ID_HEX_BYTES],
                            struct error *err)
{
    size_t size = strlen(text);
    bool good = size >= CONTROL_PREFIX_MIN && size < ID_HEX_BYTES;
    for (size_t i = 0; good && i < size; i++) {
        char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] - 'A' + 'a') : text[i];
        good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        out[i] = c;
    }
    if (!good) {
        return error_set(err, ERR_INVALID,
                         "'%.64s' names no %s: give its 32 hex digits, or the first %d or more",
                         text, what, CONTROL_PREFIX_MIN);
    }
    out[size] = '\0';
    return ERR_OK;
}

static enum err ambiguous(const char *prefix, const char *what, const struct id *ids, size_t count,
                          struct error *err)
{
    char names[FOUND_MAX * (ID_HEX_BYTES + 2)] = "";
    size_t used = 0;
    size_t shown = count < FOUND_MAX ? count : FOUND_MAX - 1;
    for (size_t i = 0; i < shown; i++) {
        char hex[ID_HEX_BYTES];
        id_hex(&ids[i], hex);
        int more = snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "", hex);
        used += more > 0 ? (size_t)more : 0;
    }
    return error_set(err, ERR_INVALID, "'%s' is the beginning of several %ss: %s%s", prefix, what,
                     names, count > shown ? " and more" : "");
}

enum err body_instance(struct request *request, struct id *ret_id, struct error *err)
{
    return text_instance(request, json_text_of(request->body, "instance"), ret_id, err);
}

enum err text_instance(struct request *request, const char *text, struct id *ret_id,
                       struct error *err)
{
    char prefix[ID_HEX_BYTES];
    TRY(prefix_read(text, "instance", prefix, err));
    if (id_of_hex(prefix, ret_id)) {
        return ERR_OK;
    }
    struct id found[FOUND_MAX];
    size_t count = tables_find(turn_tables(request->control->turn), prefix, found, FOUND_MAX);
    if (count == 0) {
        return error_set(err, ERR_NOT_FOUND, "there is no instance whose id begins with %s",
                         prefix);
    }
    if (count > 1) {
        return ambiguous(prefix, "instance", found, count, err);
    }
    *ret_id = found[0];
    return ERR_OK;
}

enum err body_gate(struct request *request, const struct gate **ret_gate, struct error *err)
{
    char prefix[ID_HEX_BYTES];
    TRY(prefix_read(json_text_of(request->body, "gate"), "gate", prefix, err));
    struct id found[FOUND_MAX];
    size_t count = 0;
    size_t cursor = 0;
    const struct gate *gate = NULL;
    while ((gate = map_next(control_company(request->control)->gates, &cursor, NULL, NULL)) !=
               NULL &&
           count < FOUND_MAX) {
        char hex[ID_HEX_BYTES];
        id_hex(&gate->id, hex);
        if (text_starts(hex, prefix)) {
            found[count++] = gate->id;
        }
    }
    if (count == 0) {
        return error_set(err, ERR_NOT_FOUND,
                         "there is no open gate %s; it may have been decided already", prefix);
    }
    if (count > 1) {
        return ambiguous(prefix, "gate", found, count, err);
    }
    *ret_gate = company_gate(control_company(request->control), &found[0]);
    return ERR_OK;
}
