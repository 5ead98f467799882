/*
 * Values that replies are made of.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "coordinator/edge/control_private.h"

void json_set(json_t *object, const char *name, json_t *value)
{
    if (value != NULL) {
        CHECK(json_object_set_new(object, name, value) == 0);
    }
}

void json_set_text(json_t *object, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_t *value = json_string(text);
        json_set(object, name, value != NULL ? value : json_string("(not UTF-8)"));
    }
}

void json_set_time(json_t *object, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    if (ms == 0 || !clock_format(ms, text)) {
        return;
    }
    size_t size = strlen(text);
    if (ms % 1000 == 0 && size + 4 < sizeof(text)) {
        (void)text_copy(text + size - 1, sizeof(text) - size, ".000Z");
    }
    json_set(object, name, json_string(text));
}

void json_set_id(json_t *object, const char *name, const struct id *id)
{
    char hex[ID_HEX_BYTES];
    id_hex(id, hex);
    json_set(object, name, json_string(hex));
}

void json_set_digest(json_t *object, const char *name, const struct digest *digest)
{
    char hex[DIGEST_HEX_BYTES];
    digest_hex(digest, hex);
    json_set(object, name, json_string(hex));
}

void json_set_int(json_t *object, const char *name, int64_t value)
{
    json_set(object, name, json_integer(value));
}

size_t json_size(const json_t *value)
{
    struct buf text = BUF_INIT(SIZE_MAX / 2);
    json_write(value, &text);
    size_t size = text.size;
    buf_release(&text);
    return size;
}

void request_set_doc(struct request *request, json_t *object, const char *name, struct doc *doc,
                     size_t max)
{
    if (doc == NULL) {
        return;
    }
    size_t size = 0;
    (void)doc_text(doc, &size);
    if (size <= request->room && size <= max) {
        request->room -= size;
        CHECK(json_object_set(object, name, doc_json(doc)) == 0);
        return;
    }
    json_t *instead = json_object();
    CHECK(instead != NULL);
    json_set_int(instead, "omitted_bytes", (int64_t)size);
    json_set(object, name, instead);
}

bool request_add_row(struct request *request, json_t *rows, json_t *row)
{
    size_t size = json_size(row) + 1;
    if (size > request->room && json_array_size(rows) > 0) {
        json_decref(row);
        return false;
    }
    request->room -= size < request->room ? size : request->room;
    CHECK(json_array_append_new(rows, row) == 0);
    return true;
}

json_t *decision_json(const struct decision *decision)
{
    json_t *object = json_object();
    CHECK(object != NULL);
    json_set_text(object, "rule", decision->rule);
    json_set_text(object, "model", decision->model);
    if (decision->has_confidence) {
        json_set(object, "confidence", json_real((double)decision->confidence_ppm / 1e6));
    }
    if (decision->explanation != NULL) {
        CHECK(json_object_set(object, "explanation", doc_json(decision->explanation)) == 0);
    }
    json_set_text(object, "cost", decision->cost);
    return object;
}

static const char *mark_name(enum effect_mark mark)
{
    switch (mark) {
    case MARK_NONE:
        return "none";
    case MARK_UNKNOWN:
        return "unknown";
    case MARK_DONE:
        return "done";
    case MARK_UNSPECIFIED:
        break;
    }
    return NULL;
}

json_t *failure_json(const struct failure *failure)
{
    json_t *object = json_object();
    CHECK(object != NULL);
    if (failure->failure_class != FAILURE_NONE) {
        json_set_text(object, "class", failure_class_name(failure->failure_class));
    }
    json_set_text(object, "effect", mark_name(failure->effect));
    json_set_text(object, "code", failure->code);
    json_set_text(object, "title", failure->title);
    json_set_text(object, "detail", failure->detail);
    json_set_text(object, "pointer", failure->pointer);
    if (failure->status != 0) {
        json_set_int(object, "status", failure->status);
    }
    return object;
}
