/* CSV (RFC 4180) by libcsv, in constant memory: the header chooses the profile, each row is read.
 */
#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/extraction/readers.h"
#include "agents/extraction/rows.h"
#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/str.h"

enum {
    ROW_BYTES_MAX = 1024 * 1024,
    CHUNK_BYTES = 64 * 1024,
    ARENA_BYTES = 4 * ROW_BYTES_MAX,
};

struct extract_stream {
    struct csv_parser parser;
    extract_document_fn *on_document;
    void *closure;
    struct arena *header; /* column names */
    struct arena *row;    /* values of the current row */
    const char *names[ROW_COLUMNS_MAX];
    const char *values[ROW_COLUMNS_MAX];
    size_t name_count;
    size_t value_count;
    size_t rows;      /* finished, the header counted */
    size_t row_bytes; /* given since the last row ended, in whole chunks */
    const struct row_profile *profile;
    struct extract_failure *failure; /* of the current call */
    enum err code;
    bool start; /* nothing was given yet */
};

struct extract_stream *extract_stream_create(extract_document_fn *on_document, void *closure)
{
    CHECK(on_document != NULL);
    struct extract_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    stream->on_document = on_document;
    stream->closure = closure;
    stream->header = arena_create(ARENA_BYTES);
    stream->row = arena_create(ARENA_BYTES);
    stream->start = true;
    unsigned char options = CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL;
    if (stream->header == NULL || stream->row == NULL || csv_init(&stream->parser, options) != 0) {
        arena_destroy(&stream->header);
        arena_destroy(&stream->row);
        free(stream);
        return NULL;
    }
    return stream;
}

void extract_stream_destroy(struct extract_stream **stream)
{
    if (*stream == NULL) {
        return;
    }
    csv_free(&(*stream)->parser);
    arena_destroy(&(*stream)->header);
    arena_destroy(&(*stream)->row);
    free(*stream);
    *stream = NULL;
}

static void fail(struct extract_stream *stream, enum err code, const char *column, const char *why)
{
    if (stream->code != ERR_OK) {
        return;
    }
    char place[DRAFT_PLACE_BYTES];
    (void)snprintf(place, sizeof(place), "row %zu", stream->rows + 1);
    struct origin origin = {.place = place, .element = column};
    stream->code = failure_set(stream->failure, code, origin, "%s", why);
}

/* A copy of a field as UTF-8; bytes that are not are read as ISO 8859-1. */
static char *copy_field(struct arena *arena, const char *bytes, size_t size)
{
    if (utf8_valid(bytes, size)) {
        return arena_dup(arena, bytes, size);
    }
    char *out = arena_alloc(arena, 2 * size + 1);
    size_t used = 0;
    for (size_t i = 0; out != NULL && i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x80) {
            out[used++] = (char)(0xC0U | (c >> 6U));
            c = (unsigned char)(0x80U | (c & 0x3FU));
        }
        out[used++] = (char)c;
    }
    return out;
}

static void on_field(void *bytes, size_t size, void *closure)
{
    struct extract_stream *stream = closure;
    if (stream->code != ERR_OK) {
        return;
    }
    bool header = stream->profile == NULL;
    size_t *count = header ? &stream->name_count : &stream->value_count;
    const char *column = !header && *count < stream->name_count ? stream->names[*count] : NULL;
    if (*count >= ROW_COLUMNS_MAX) {
        fail(stream, ERR_LIMIT, NULL, "more than 128 columns");
        return;
    }
    if (size > 0 && memchr(bytes, '\0', size) != NULL) {
        fail(stream, ERR_INVALID, column, "the value holds a NUL byte");
        return;
    }
    char *text = copy_field(header ? stream->header : stream->row, bytes, size);
    if (text == NULL) {
        fail(stream, ERR_LIMIT, column, "the row is longer than 1 MiB");
        return;
    }
    if (header) {
        stream->names[(*count)++] = text;
    } else {
        stream->values[(*count)++] = text;
    }
}

static void end_header(struct extract_stream *stream)
{
    for (size_t i = 0; i < stream->name_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(stream->names[i], stream->names[j]) == 0) {
                fail(stream, ERR_INVALID, stream->names[i], "two columns have this name");
                return;
            }
        }
    }
    stream->profile = row_profile_of(stream->names, stream->name_count);
    if (stream->profile == NULL) {
        char why[200];
        (void)snprintf(why, sizeof(why),
                       "neither XML, X12 nor JSON, and as CSV its columns are none of: %s",
                       row_profile_list());
        fail(stream, ERR_UNSUPPORTED, stream->name_count == 0 ? "" : stream->names[0], why);
    }
}

static void end_row(struct extract_stream *stream)
{
    if (stream->value_count != stream->name_count) {
        char why[96];
        (void)snprintf(why, sizeof(why), "the row has %zu values, the header has %zu columns",
                       stream->value_count, stream->name_count);
        fail(stream, ERR_INVALID, NULL, why);
        return;
    }
    char place[DRAFT_PLACE_BYTES];
    (void)snprintf(place, sizeof(place), "row %zu", stream->rows + 1);
    struct row row = {
        .names = stream->names,
        .values = stream->values,
        .count = stream->name_count,
        .place = place,
        .format = "csv",
        .failure = stream->failure,
    };
    stream->code = row_extract(stream->profile, &row, stream->on_document, stream->closure);
}

static void on_row(int terminator, void *closure)
{
    (void)terminator;
    struct extract_stream *stream = closure;
    if (stream->code != ERR_OK) {
        return;
    }
    if (stream->profile == NULL) {
        end_header(stream);
    } else {
        end_row(stream);
    }
    stream->rows++;
    stream->row_bytes = 0;
    stream->value_count = 0;
    arena_reset(stream->row);
}

static enum err write_chunk(struct extract_stream *stream, const char *bytes, size_t size)
{
    stream->row_bytes += size;
    if (stream->row_bytes > ROW_BYTES_MAX + CHUNK_BYTES) {
        fail(stream, ERR_LIMIT, NULL, "the row is longer than 1 MiB");
        return stream->code;
    }
    size_t read = csv_parse(&stream->parser, bytes, size, on_field, on_row, stream);
    if (stream->code == ERR_OK && read != size) {
        bool memory = csv_error(&stream->parser) == CSV_ENOMEM;
        fail(stream, memory ? ERR_NOMEM : ERR_INVALID,
             stream->value_count < stream->name_count ? stream->names[stream->value_count] : NULL,
             memory ? "out of memory" : "a quote stands where CSV allows none");
    }
    return stream->code;
}

enum err extract_stream_write(struct extract_stream *stream, const char *bytes, size_t size,
                              struct extract_failure *failure)
{
    CHECK(failure != NULL);
    CHECK(stream->code == ERR_OK);
    *failure = (struct extract_failure){0};
    stream->failure = failure;
    if (stream->start && size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        size -= 3;
    }
    stream->start = stream->start && size == 0;
    while (size > 0) {
        size_t chunk = size < CHUNK_BYTES ? size : CHUNK_BYTES;
        TRY(write_chunk(stream, bytes, chunk));
        bytes += chunk;
        size -= chunk;
    }
    return ERR_OK;
}

enum err extract_stream_finish(struct extract_stream *stream, struct extract_failure *failure)
{
    CHECK(failure != NULL);
    CHECK(stream->code == ERR_OK);
    *failure = (struct extract_failure){0};
    stream->failure = failure;
    if (csv_fini(&stream->parser, on_field, on_row, stream) != 0) {
        fail(stream, ERR_INVALID, NULL, "the input ends inside a quoted value");
    }
    if (stream->profile == NULL) {
        fail(stream, ERR_INVALID, NULL, "the input has no header row");
    }
    return stream->code;
}

struct collector {
    json_t *documents;
    struct extract_failure *failure;
};

static enum err collect(void *closure, const json_t *document)
{
    struct collector *collector = closure;
    if (json_array_size(collector->documents) >= EXTRACT_DOCUMENTS_MAX) {
        return failure_set(collector->failure, ERR_LIMIT, (struct origin){0},
                           "more than %d documents; send the rows in parts", EXTRACT_DOCUMENTS_MAX);
    }
    json_t *copy = json_deep_copy(document);
    if (copy == NULL || json_array_append_new(collector->documents, copy) != 0) {
        return failure_set(collector->failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
    return ERR_OK;
}

enum err csv_extract(const char *bytes, size_t size, json_t *documents,
                     struct extract_failure *failure)
{
    struct collector collector = {.documents = documents, .failure = failure};
    struct extract_stream *stream = extract_stream_create(collect, &collector);
    if (stream == NULL) {
        return failure_set(failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
    enum err code = extract_stream_write(stream, bytes, size, failure);
    if (code == ERR_OK) {
        code = extract_stream_finish(stream, failure);
    }
    if (code == ERR_OK && json_array_size(documents) == 0) {
        code = failure_set(failure, ERR_INVALID, (struct origin){.place = "row 2"},
                           "the input has no data row");
    }
    extract_stream_destroy(&stream);
    return code;
}
