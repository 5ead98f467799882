#include "common/json/doc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"

struct doc {
    size_t references; /* 0: static, never counted or freed */
    char *text;        /* NULL until needed; this or `json` is always there */
    size_t size;
    json_t *json; /* NULL until needed */
    bool digested;
    struct digest digest;
};

static struct doc *doc_new(void)
{
    struct doc *doc = calloc(1, sizeof(*doc));
    CHECK(doc != NULL);
    doc->references = 1;
    return doc;
}

static void doc_copy_text(struct doc *doc, const char *bytes, size_t size)
{
    doc->text = malloc(size + 1);
    CHECK(doc->text != NULL);
    if (size > 0) {
        memcpy(doc->text, bytes, size);
    }
    doc->text[size] = '\0';
    doc->size = size;
}

enum err doc_of_text(const char *bytes, size_t size, struct doc **ret_doc, struct error *err)
{
    *ret_doc = NULL;
    json_t *json = NULL;
    TRY(json_parse(bytes, size, NULL, &json, err));
    struct doc *doc = doc_new();
    doc_copy_text(doc, bytes, size);
    doc->json = json;
    *ret_doc = doc;
    return ERR_OK;
}

struct doc *doc_of_text_trusted(const char *bytes, size_t size)
{
    struct doc *doc = doc_new();
    doc_copy_text(doc, bytes, size);
    return doc;
}

struct doc *doc_of_json(json_t *value)
{
    CHECK(value != NULL);
    struct doc *doc = doc_new();
    doc->json = value;
    return doc;
}

struct doc *doc_null(void)
{
    /* text and digest are made here and the tree is jansson's own static value, so that sharing it
     * between threads writes nothing */
    static char null_text[] = "null";
    static struct doc null_doc = {
        .text = null_text,
        .size = sizeof(null_text) - 1,
        .digested = true,
        .digest = {{0x6b, 0xfb, 0x9a, 0x89, 0xe7, 0x91, 0x74, 0x38, 0xdd, 0xb1, 0x7f,
                    0xb7, 0x3d, 0x74, 0x24, 0x3d, 0xf5, 0x65, 0xea, 0xe7, 0x09, 0x68,
                    0xb5, 0xa2, 0x90, 0xcf, 0x5f, 0x35, 0x63, 0xd7, 0x6b, 0xef}},
    };
    return &null_doc;
}

struct doc *doc_ref(struct doc *doc)
{
    if (doc->references > 0) {
        doc->references++;
    }
    return doc;
}

void doc_unref(struct doc **doc)
{
    struct doc *d = *doc;
    *doc = NULL;
    if (d == NULL || d->references == 0 || --d->references > 0) {
        return;
    }
    free(d->text);
    json_decref(d->json);
    free(d);
}

const char *doc_text(struct doc *doc, size_t *ret_size)
{
    if (doc->text == NULL) {
        struct buf text = BUF_INIT(SIZE_MAX / 4);
        json_write(doc->json, &text);
        CHECK(!text.failed);
        doc->text = buf_detach(&text, &doc->size);
    }
    if (ret_size != NULL) {
        *ret_size = doc->size;
    }
    return doc->text;
}

bool doc_fits(struct doc *doc, size_t max)
{
    if (doc->text == NULL) {
        struct buf text = BUF_INIT(max);
        json_write(doc->json, &text);
        if (text.failed) {
            buf_release(&text);
            return false;
        }
        doc->text = buf_detach(&text, &doc->size);
    }
    return doc->size <= max;
}

size_t doc_size_known(const struct doc *doc)
{
    return doc->text == NULL ? 0 : doc->size;
}

json_t *doc_json(struct doc *doc)
{
    if (doc->references == 0) {
        return json_null();
    }
    if (doc->json == NULL) {
        static const struct json_limits trusted = {.size_max = SIZE_MAX,
                                                   .depth_max = JSON_DEPTH_MAX};
        enum err code = json_parse(doc->text, doc->size, &trusted, &doc->json, NULL);
        CHECK(code == ERR_OK);
    }
    return doc->json;
}

const struct digest *doc_digest(struct doc *doc)
{
    if (!doc->digested) {
        doc->digest = json_digest(doc_json(doc));
        doc->digested = true;
    }
    return &doc->digest;
}

bool doc_same(struct doc *a, struct doc *b)
{
    return a == b || digest_equal(doc_digest(a), doc_digest(b));
}
