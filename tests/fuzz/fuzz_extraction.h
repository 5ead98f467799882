/* What must hold for any bytes given to the extraction library. Shared by its fuzz targets. */
#ifndef TESTS_FUZZ_FUZZ_EXTRACTION_H
#define TESTS_FUZZ_FUZZ_EXTRACTION_H

#include <string.h>

#include "agents/extraction/extraction.h"
#include "agents/extraction/schemas.h"
#include "common/base/check.h"
#include "common/base/str.h"

/* Every piece of evidence points into the document, and its confidence bounds the document's. */
static void check_evidence(const json_t *entry, const json_t *document)
{
    double whole = json_real_value(json_object_get(entry, "confidence"));
    size_t at = 0;
    json_t *evidence = NULL;
    json_array_foreach(json_object_get(entry, "evidence"), at, evidence)
    {
        CHECK(json_pointer_get(document, json_text_of(evidence, "field")) != NULL);
        CHECK(json_real_value(json_object_get(evidence, "confidence")) >= whole);
    }
}

/* What was read fits its schema; what was not has words in UTF-8 and left nothing behind. */
static void check_extraction(const uint8_t *data, size_t size)
{
    static struct schemas *schemas;
    if (schemas == NULL) {
        schemas = schemas_create();
        CHECK(schemas != NULL);
    }
    struct extraction got = {0};
    struct extract_failure failure = {0};
    enum err code = extract_document(NULL, (const char *)data, size, &got, &failure);
    CHECK(code != ERR_NOMEM);
    if (code != ERR_OK) {
        CHECK(got.documents == NULL);
        CHECK(failure.reason[0] != '\0');
        CHECK(utf8_valid(failure.reason, strlen(failure.reason)));
        CHECK(utf8_valid(failure.place, strlen(failure.place)));
        CHECK(utf8_valid(failure.element, strlen(failure.element)));
        return;
    }
    size_t at = 0;
    json_t *entry = NULL;
    json_array_foreach(got.documents, at, entry)
    {
        const json_t *document = json_object_get(entry, "document");
        struct error err = {0};
        CHECK(schemas_check(schemas, json_text_of(entry, "kind"), document, &err) == ERR_OK);
        check_evidence(entry, document);
    }
    extraction_release(&got);
}

#endif
