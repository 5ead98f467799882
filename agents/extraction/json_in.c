/*
 * JSON: one canonical document, {"kind", "document", "confidence"}, flat objects with the columns
 * of a known CSV, or an array of these. Money written as a JSON number is taken by its digits,
 * never through a double.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/extraction/readers.h"
#include "agents/extraction/rows.h"
#include "agents/extraction/schemas.h"
#include "common/base/buf.h"
#include "common/json/json.h"

enum { JSON_TEXT_MAX = 2 * EXTRACT_BYTES_MAX, JSON_NESTED_MAX = 64 };

static bool in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The text with every number outside a string put into quotes. What is not JSON stays not JSON. */
static void quote_numbers(const char *bytes, size_t size, struct buf *out)
{
    bool string = false;
    size_t at = 0;
    while (at < size) {
        char c = bytes[at];
        size_t length = 1;
        bool number = !string && ((c >= '0' && c <= '9') || c == '-');
        if (string && c == '\\' && at + 1 < size) {
            length = 2;
        } else if (c == '"') {
            string = !string;
        }
        while (number && at + length < size && in_number(bytes[at + length])) {
            length++;
        }
        if (number) {
            buf_append_byte(out, '"');
        }
        buf_append(out, bytes + at, length);
        if (number) {
            buf_append_byte(out, '"');
        }
        at += length;
    }
}

struct json_reader {
    json_t *documents;
    struct extract_failure *failure;
    struct schemas *schemas;
};

static enum err append(void *closure, const json_t *document)
{
    struct json_reader *reader = closure;
    json_t *copy = json_deep_copy(document);
    if (copy == NULL || json_array_append_new(reader->documents, copy) != 0) {
        return failure_set(reader->failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
    return ERR_OK;
}

/* Members of a flat object as a record; false when a member is no text, number or null. */
static bool to_row(const json_t *object, const char *names[ROW_COLUMNS_MAX],
                   const char *values[ROW_COLUMNS_MAX], size_t *ret_count)
{
    size_t count = 0;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(object), key, value)
    {
        if (count >= ROW_COLUMNS_MAX || json_is_object(value) || json_is_array(value)) {
            return false;
        }
        const char *text = json_string_value(value);
        if (json_is_boolean(value)) {
            text = json_is_true(value) ? "True" : "False";
        }
        names[count] = key;
        values[count++] = text == NULL ? "" : text;
    }
    *ret_count = count;
    return true;
}

/* How sure an earlier reading was, when the sender says so beside the document. */
static enum err read_confidence(struct json_reader *reader, const json_t *object, const char *place,
                                double *ret)
{
    const char *text = json_text_of(object, "confidence");
    char *end = NULL;
    *ret = text == NULL ? 1.0 : strtod(text, &end);
    if ((text != NULL && (end == text || *end != '\0')) || !(*ret >= 0.0 && *ret <= 1.0)) {
        struct origin origin = {.place = place, .element = "confidence"};
        return failure_set(reader->failure, ERR_INVALID, origin,
                           "'%.20s' is not a number from 0 to 1", text == NULL ? "" : text);
    }
    return ERR_OK;
}

static enum err read_canonical(struct json_reader *reader, const char *kind, const json_t *document,
                               double confidence, const char *place)
{
    struct origin origin = {.place = place, .element = kind};
    struct error err = {0};
    enum err code = schemas_check(reader->schemas, kind, document, &err);
    if (code != ERR_OK) {
        return failure_set(reader->failure, code, origin, "%.250s", err.message);
    }
    struct draft draft;
    draft_init(&draft, reader->failure);
    if (json_object_update(draft.root, json_mutable(document)) != 0) {
        draft_fail(&draft, ERR_NOMEM, origin, "out of memory");
    }
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach(draft.root, key, member)
    {
        char field[DRAFT_PLACE_BYTES];
        const char *text = json_string_value(member);
        (void)snprintf(field, sizeof(field), "/%s", key);
        draft_evidence(&draft, field, origin, text == NULL ? kind : text, confidence,
                       confidence < 1.0 ? "a canonical document, as sure as it was read before"
                                        : "a canonical document, taken as it is");
    }
    json_t *entry = NULL;
    TRY(draft_finish(&draft, kind, &entry));
    if (json_array_append_new(reader->documents, entry) != 0) {
        return failure_set(reader->failure, ERR_NOMEM, origin, "out of memory");
    }
    return ERR_OK;
}

static enum err read_object(struct json_reader *reader, const json_t *object, const char *place)
{
    struct origin origin = {.place = place};
    if (!json_is_object(object)) {
        return failure_set(reader->failure, ERR_INVALID, origin, "an object is needed here");
    }
    const char *names[ROW_COLUMNS_MAX];
    const char *values[ROW_COLUMNS_MAX];
    size_t count = 0;
    if (to_row(object, names, values, &count)) {
        const struct row_profile *profile = row_profile_of(names, count);
        if (profile != NULL) {
            struct row row = {.names = names,
                              .values = values,
                              .count = count,
                              .place = place,
                              .format = "json",
                              .failure = reader->failure};
            return row_extract(profile, &row, append, reader);
        }
    }
    const char *kind = json_text_of(object, "kind");
    const json_t *document = json_object_of(object, "document");
    if (kind != NULL && document != NULL) {
        double confidence = 1.0;
        TRY(read_confidence(reader, object, place, &confidence));
        return read_canonical(reader, kind, document, confidence, place);
    }
    if (json_text_of(object, "documentType") != NULL) {
        return read_canonical(reader, "invoice", object, 1.0, place);
    }
    return failure_set(reader->failure, ERR_UNSUPPORTED, origin,
                       "the object is neither {\"kind\", \"document\"} nor a record of: %s",
                       row_profile_list());
}

static enum err read_root(struct json_reader *reader, const json_t *root)
{
    if (!json_is_array(root)) {
        return read_object(reader, root, "the root");
    }
    size_t count = json_array_size(root);
    if (count == 0 || count > EXTRACT_DOCUMENTS_MAX / 2) {
        return failure_set(reader->failure, count == 0 ? ERR_INVALID : ERR_LIMIT,
                           (struct origin){.place = "the root"},
                           "the array has %zu items, 1 to %d are read", count,
                           EXTRACT_DOCUMENTS_MAX / 2);
    }
    for (size_t i = 0; i < count; i++) {
        char place[DRAFT_PLACE_BYTES];
        (void)snprintf(place, sizeof(place), "item %zu", i + 1);
        TRY(read_object(reader, json_array_get(root, i), place));
    }
    return ERR_OK;
}

/* "3:14: unexpected token" -> place "line 3, column 14". Columns count the bytes of the text as
 * sent. */
static enum err check_syntax(const char *bytes, size_t size, struct extract_failure *failure)
{
    struct json_limits limits = {
        .size_max = EXTRACT_BYTES_MAX, .depth_max = JSON_NESTED_MAX, .any_number = true};
    json_t *root = NULL;
    struct error err = {0};
    enum err code = json_parse(bytes, size, &limits, &root, &err);
    json_decref(root);
    if (code != ERR_OK) {
        return failure_set(failure, code, (struct origin){0}, "not valid JSON: %s", err.message);
    }
    return ERR_OK;
}

enum err json_extract(const char *bytes, size_t size, json_t *documents,
                      struct extract_failure *failure)
{
    if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        size -= 3;
    }
    TRY(check_syntax(bytes, size, failure));
    struct buf text = BUF_INIT(JSON_TEXT_MAX);
    quote_numbers(bytes, size, &text);
    struct json_limits limits = {.size_max = JSON_TEXT_MAX, .depth_max = JSON_NESTED_MAX};
    json_t *root = NULL;
    struct error err = {0};
    enum err code = ERR_NOMEM;
    if (!text.failed) {
        code = json_parse(text.data, text.size, &limits, &root, &err);
    }
    buf_release(&text);
    if (code != ERR_OK) {
        return failure_set(failure, code, (struct origin){0}, "not valid JSON: %s", err.message);
    }
    struct json_reader reader = {
        .documents = documents, .failure = failure, .schemas = schemas_create()};
    code = reader.schemas == NULL
               ? failure_set(failure, ERR_NOMEM, (struct origin){0}, "out of memory")
               : read_root(&reader, root);
    schemas_destroy(&reader.schemas);
    json_decref(root);
    return code;
}
