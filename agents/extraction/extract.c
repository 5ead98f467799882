/* Which reader a document needs, by its first bytes. */
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "agents/extraction/draft.h"
#include "agents/extraction/readers.h"
#include "agents/extraction/x12.h"
#include "agents/extraction/x12_map.h"
#include "common/base/check.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* XML in UTF-8 or UTF-16, with or without a byte order mark (XML 1.0 appendix F). */
static bool looks_like_xml(const char *bytes, size_t size)
{
    if (size >= 2 && (memcmp(bytes, "\xFF\xFE", 2) == 0 || memcmp(bytes, "\xFE\xFF", 2) == 0 ||
                      memcmp(bytes, "<\0", 2) == 0 || memcmp(bytes, "\0<", 2) == 0)) {
        return true;
    }
    size_t at = size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < size && is_blank(bytes[at])) {
        at++;
    }
    return at < size && bytes[at] == '<';
}

static bool looks_like_json(const char *bytes, size_t size)
{
    size_t at = size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < size && is_blank(bytes[at])) {
        at++;
    }
    return at < size && (bytes[at] == '{' || bytes[at] == '[');
}

/* UTF-16 with its mark, as spreadsheets write it. XML says its encoding itself. */
static bool is_wide_text(const char *bytes, size_t size)
{
    if (size < 4) {
        return false;
    }
    return (memcmp(bytes, "\xFF\xFE", 2) == 0 && memcmp(bytes + 2, "<\0", 2) != 0) ||
           (memcmp(bytes, "\xFE\xFF", 2) == 0 && memcmp(bytes + 2, "\0<", 2) != 0);
}

/* The same text in UTF-8, without the mark; *ret_text is to be freed. */
static enum err narrow(const char *bytes, size_t size, char **ret_text, size_t *ret_size,
                       struct extract_failure *failure)
{
    size_t room = size + size / 2; /* two bytes become three at most */
    char *text = malloc(room);
    iconv_t how = text == NULL ? (iconv_t)-1 : iconv_open("UTF-8", "UTF-16");
    if (how == (iconv_t)-1) {
        free(text);
        return failure_set(failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
    char *in = (char *)(uintptr_t)bytes; /* iconv only reads it */
    char *out = text;
    size_t left = size;
    size_t free_bytes = room;
    size_t done = iconv(how, &in, &left, &out, &free_bytes);
    (void)iconv_close(how);
    if (done == (size_t)-1) {
        free(text);
        return failure_set(failure, ERR_INVALID, (struct origin){0},
                           "the document begins as UTF-16, and byte %zu is none", size - left);
    }
    *ret_text = text;
    *ret_size = room - free_bytes;
    return ERR_OK;
}

/* Types that are refused by name, because the words help more than "no known columns". */
static const char *refused_type(const char *bytes, size_t size)
{
    static const struct {
        const char *start;
        const char *name;
    } types[] = {
        {"%PDF", "PDF"},
        {"UNA", "EDIFACT"},
        {"UNB", "EDIFACT"},
        {"PK\x03\x04", "a ZIP archive or office document"},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t length = strlen(types[i].start);
        if (size >= length && memcmp(bytes, types[i].start, length) == 0) {
            return types[i].name;
        }
    }
    return NULL;
}

static enum err read_bytes(const char *bytes, size_t size, struct extraction *extraction,
                           struct extract_failure *failure)
{
    const char *refused = refused_type(bytes, size);
    if (refused != NULL) {
        return failure_set(failure, ERR_UNSUPPORTED, (struct origin){0},
                           "%s is not read here; UBL, X12, CSV and JSON are", refused);
    }
    if (looks_like_xml(bytes, size)) {
        extraction->format = "ubl";
        return ubl_extract(bytes, size, extraction->documents, failure);
    }
    if (x12_sniff(bytes, size)) {
        extraction->format = "x12";
        return x12_extract(bytes, size, extraction->documents, failure);
    }
    if (looks_like_json(bytes, size)) {
        extraction->format = "json";
        return json_extract(bytes, size, extraction->documents, failure);
    }
    extraction->format = "csv";
    return csv_extract(bytes, size, extraction->documents, failure);
}

/* A content type that says what the bytes are not is worth a better message than a CSV's. */
static enum err check_content_type(const char *content_type, const struct extraction *extraction,
                                   struct extract_failure *failure)
{
    static const struct {
        const char *part;
        const char *format;
    } types[] = {{"xml", "ubl"}, {"x12", "x12"}, {"json", "json"}};
    if (content_type == NULL || strcmp(extraction->format, "csv") != 0) {
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcasestr(content_type, types[i].part) != NULL) {
            return failure_set(failure, ERR_INVALID, (struct origin){.place = "line 1"},
                               "the content type is %.60s, but the bytes are not", content_type);
        }
    }
    return ERR_OK;
}

enum err extract_document(const char *content_type, const char *bytes, size_t size,
                          struct extraction *ret, struct extract_failure *failure)
{
    CHECK(failure != NULL);
    CHECK(bytes != NULL || size == 0);
    *failure = (struct extract_failure){0};
    *ret = (struct extraction){0};
    if (size == 0) {
        return failure_set(failure, ERR_INVALID, (struct origin){0}, "the document is empty");
    }
    if (size > EXTRACT_BYTES_MAX) {
        return failure_set(failure, ERR_LIMIT, (struct origin){0},
                           "the document has %zu bytes, at most %d are read", size,
                           EXTRACT_BYTES_MAX);
    }
    char *narrowed = NULL;
    if (is_wide_text(bytes, size)) {
        TRY(narrow(bytes, size, &narrowed, &size, failure));
        bytes = narrowed;
    }
    struct extraction extraction = {.format = "", .documents = json_array()};
    if (extraction.documents == NULL) {
        free(narrowed);
        return failure_set(failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
    enum err code = read_bytes(bytes, size, &extraction, failure);
    free(narrowed);
    if (code != ERR_OK && code != ERR_NOMEM && extraction.format != NULL) {
        enum err better = check_content_type(content_type, &extraction, failure);
        code = better == ERR_OK ? code : better;
    }
    if (code != ERR_OK) {
        extraction_release(&extraction);
        return code;
    }
    CHECK(json_array_size(extraction.documents) > 0);
    *ret = extraction;
    return ERR_OK;
}

void extraction_release(struct extraction *extraction)
{
    json_decref(extraction->documents);
    *extraction = (struct extraction){0};
}
