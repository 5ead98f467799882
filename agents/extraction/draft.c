#include "agents/extraction/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"

void draft_init(struct draft *draft, struct extract_failure *failure)
{
    CHECK(failure != NULL);
    *draft = (struct draft){.confidence = 1.0, .code = ERR_OK, .failure = failure};
    draft->root = json_object();
    draft->evidence = json_array();
    draft->warnings = json_array();
    if (draft->root == NULL || draft->evidence == NULL || draft->warnings == NULL) {
        draft_fail(draft, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
}

void draft_release(struct draft *draft)
{
    json_decref(draft->root);
    json_decref(draft->evidence);
    json_decref(draft->warnings);
    draft->root = NULL;
    draft->evidence = NULL;
    draft->warnings = NULL;
}

/* Messages carry pieces of the input, cut anywhere: make them printable UTF-8 in place. */
static void clean(char *text)
{
    size_t size = strlen(text);
    size_t at = 0;
    while (at < size) {
        size_t length = 1;
        while (length <= 4 && at + length <= size && !utf8_valid(text + at, length)) {
            length++;
        }
        bool valid = length <= 4 && at + length <= size;
        if (!valid || (unsigned char)text[at] < ' ' || text[at] == 0x7F) {
            text[at] = '?';
            length = 1;
        }
        at += length;
    }
}

void draft_copy_text(char *out, size_t size, const char *text)
{
    (void)text_copy(out, size, text);
    clean(out);
}

__attribute__((format(printf, 3, 0))) static void failure_fill(struct extract_failure *failure,
                                                               struct origin origin,
                                                               const char *format, va_list args)
{
    draft_copy_text(failure->place, sizeof(failure->place),
                    origin.place == NULL ? "" : origin.place);
    draft_copy_text(failure->element, sizeof(failure->element),
                    origin.element == NULL ? "" : origin.element);
    (void)vsnprintf(failure->reason, sizeof(failure->reason), format, args);
    clean(failure->reason);
}

enum err failure_set(struct extract_failure *failure, enum err code, struct origin origin,
                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    failure_fill(failure, origin, format, args);
    va_end(args);
    return code;
}

void draft_fail(struct draft *draft, enum err code, struct origin origin, const char *format, ...)
{
    if (draft->code != ERR_OK) {
        return;
    }
    draft->code = code;
    va_list args;
    va_start(args, format);
    failure_fill(draft->failure, origin, format, args);
    va_end(args);
}

static void fail_memory(struct draft *draft)
{
    draft_fail(draft, ERR_NOMEM, (struct origin){0}, "out of memory");
}

bool draft_failed(const struct draft *draft)
{
    return draft->code != ERR_OK;
}

char *origin_text(struct origin origin, char *out, size_t size)
{
    bool element = origin.element != NULL && origin.element[0] != '\0';
    bool place = origin.place != NULL && origin.place[0] != '\0';
    (void)snprintf(out, size, "%s%s%s", element ? origin.element : "",
                   element && place ? " at " : "", place ? origin.place : "");
    clean(out);
    return out;
}

char *extract_failure_text(const struct extract_failure *failure, char *out, size_t size)
{
    char source[DRAFT_SOURCE_BYTES];
    struct origin origin = {.place = failure->place, .element = failure->element};
    origin_text(origin, source, sizeof(source));
    (void)snprintf(out, size, "%s%s%s", source, source[0] == '\0' ? "" : ": ", failure->reason);
    return out;
}

static void put(struct draft *draft, json_t *object, const char *key, json_t *value)
{
    if (!json_is_object(object)) {
        json_decref(value);
        return;
    }
    if (value == NULL || json_object_set_new(object, key, value) != 0) {
        fail_memory(draft);
    }
}

static void append(struct draft *draft, json_t *array, json_t *value)
{
    if (!json_is_array(array)) {
        json_decref(value);
        return;
    }
    if (json_array_size(array) >= EXTRACT_LINES_MAX) {
        json_decref(value);
        draft_fail(draft, ERR_LIMIT, (struct origin){0},
                   "more than %d entries of one kind in a document", EXTRACT_LINES_MAX);
        return;
    }
    if (value == NULL || json_array_append_new(array, value) != 0) {
        fail_memory(draft);
    }
}

void draft_warn(struct draft *draft, const char *code, double confidence, struct origin origin,
                const char *format, ...)
{
    if (confidence < draft->confidence) {
        draft->confidence = confidence;
    }
    if (json_array_size(draft->warnings) >= EXTRACT_WARNINGS_MAX) {
        draft->warnings_dropped++;
        return;
    }
    char message[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    clean(message);
    char source[DRAFT_SOURCE_BYTES];
    json_t *warning = draft_append_object(draft, draft->warnings);
    draft_set_text(draft, warning, "code", code);
    draft_set_text(draft, warning, "message", message);
    draft_set_text(draft, warning, "source", origin_text(origin, source, sizeof(source)));
}

void draft_evidence(struct draft *draft, const char *field, struct origin origin, const char *text,
                    double confidence, const char *reason)
{
    if (draft_failed(draft) || text == NULL || text[0] == '\0') {
        return;
    }
    if (confidence < draft->confidence) {
        draft->confidence = confidence;
    }
    char source[DRAFT_SOURCE_BYTES];
    json_t *entry = draft_append_object(draft, draft->evidence);
    draft_set_text(draft, entry, "field", field);
    draft_set_text(draft, entry, "source", origin_text(origin, source, sizeof(source)));
    draft_set_text(draft, entry, "text", text);
    put(draft, entry, "confidence", json_real(confidence));
    draft_set_text(draft, entry, "reason", reason == NULL ? "as stated" : reason);
}

json_t *draft_object(struct draft *draft, json_t *parent, const char *key)
{
    json_t *object = json_object();
    put(draft, parent, key, object);
    json_t *found = json_object_get(parent, key);
    return found == NULL ? json_null() : found;
}

json_t *draft_array(struct draft *draft, json_t *parent, const char *key)
{
    json_t *found = json_object_get(parent, key);
    if (found == NULL) {
        put(draft, parent, key, json_array());
        found = json_object_get(parent, key);
    }
    return found == NULL ? json_null() : found;
}

json_t *draft_append_object(struct draft *draft, json_t *array)
{
    size_t before = json_array_size(array);
    append(draft, array, json_object());
    json_t *last = json_array_get(array, before);
    return last == NULL ? json_null() : last;
}

void draft_set_text(struct draft *draft, json_t *object, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        put(draft, object, key, json_string(text));
    }
}

void draft_append_text(struct draft *draft, json_t *array, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        append(draft, array, json_string(text));
    }
}

void draft_set_bool(struct draft *draft, json_t *object, const char *key, bool value)
{
    put(draft, object, key, json_boolean(value));
}

void draft_set_integer(struct draft *draft, json_t *object, const char *key, json_int_t value)
{
    put(draft, object, key, json_integer(value));
}

void draft_set_decimal(struct draft *draft, json_t *object, const char *key, struct decimal value)
{
    char text[DECIMAL_TEXT_BYTES];
    draft_set_text(draft, object, key, decimal_print(value, text));
}

bool draft_read_decimal(struct draft *draft, json_t *object, const char *key, const char *text,
                        int implied, struct origin origin)
{
    if (text == NULL || text[0] == '\0') {
        return false;
    }
    struct decimal value;
    struct error err = {0};
    enum err code = implied < 0 ? decimal_parse(text, &value, &err)
                                : decimal_parse_implied(text, implied, &value, &err);
    if (code != ERR_OK) {
        draft_fail(draft, ERR_INVALID, origin, "%s", err.message);
        return false;
    }
    draft_set_decimal(draft, object, key, value);
    return true;
}

void draft_drop_empty(json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    bool empty = (json_is_object(member) && json_object_size(member) == 0) ||
                 (json_is_array(member) && json_array_size(member) == 0);
    if (empty) {
        (void)json_object_del(object, key);
    }
}

enum err draft_finish(struct draft *draft, const char *kind, json_t **ret)
{
    json_t *entry = json_object();
    if (entry == NULL) {
        fail_memory(draft);
    }
    if (draft->warnings_dropped > 0) {
        char message[96];
        (void)snprintf(message, sizeof(message), "%zu more warnings", draft->warnings_dropped);
        json_t *more = draft_append_object(draft, draft->warnings);
        draft_set_text(draft, more, "code", "more");
        draft_set_text(draft, more, "message", message);
        draft_set_text(draft, more, "source", "document");
    }
    draft_set_text(draft, entry, "kind", kind);
    put(draft, entry, "document", json_incref(draft->root));
    put(draft, entry, "confidence", json_real(draft->confidence));
    put(draft, entry, "evidence", json_incref(draft->evidence));
    put(draft, entry, "warnings", json_incref(draft->warnings));
    draft_release(draft);
    if (draft->code != ERR_OK) {
        json_decref(entry);
        return draft->code;
    }
    *ret = entry;
    return ERR_OK;
}
