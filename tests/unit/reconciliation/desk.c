#include "desk.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/extraction/extraction.h"
#include "agents/reconciliation/check.h"
#include "common/base/arena.h"
#include "common/base/check.h"

enum { FILE_BYTES = 8 * 1024 * 1024, ARENA_BYTES = 1024 * 1024 };

struct row {
    enum book_table table;
    char *key;
    size_t key_size;
    char *value;
    size_t value_size;
};

struct desk {
    struct book book;
    struct row *rows; /* sorted by table and key */
    size_t count;
    size_t capacity;
};

static int row_order(const struct row *row, enum book_table table, struct str key)
{
    if (row->table != table) {
        return row->table < table ? -1 : 1;
    }
    size_t common = row->key_size < key.size ? row->key_size : key.size;
    int order = memcmp(row->key, key.data, common);
    return order != 0 ? order : (row->key_size > key.size) - (row->key_size < key.size);
}

/* First row at or behind the key. */
static size_t find(const struct desk *desk, enum book_table table, struct str key)
{
    size_t low = 0;
    size_t high = desk->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (row_order(&desk->rows[middle], table, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct desk *desk, size_t at, enum book_table table, struct str key)
{
    return at < desk->count && row_order(&desk->rows[at], table, key) == 0;
}

static enum err desk_get(void *user, enum book_table table, struct str key, struct buf *ret_value,
                         struct error *err)
{
    const struct desk *desk = user;
    size_t at = find(desk, table, key);
    if (!is_at(desk, at, table, key)) {
        return error_set(err, ERR_NOT_FOUND, "no row");
    }
    buf_append(ret_value, desk->rows[at].value, desk->rows[at].value_size);
    return ERR_OK;
}

static char *copy(struct str text)
{
    char *bytes = malloc(text.size + 1);
    CHECK(bytes != NULL);
    memcpy(bytes, text.data, text.size);
    bytes[text.size] = '\0';
    return bytes;
}

static enum err desk_put(void *user, enum book_table table, struct str key, struct str value,
                         struct error *err)
{
    struct desk *desk = user;
    (void)err;
    size_t at = find(desk, table, key);
    if (is_at(desk, at, table, key)) {
        free(desk->rows[at].value);
    } else {
        if (desk->count == desk->capacity) {
            desk->capacity = desk->capacity == 0 ? 64 : 2 * desk->capacity;
            desk->rows = realloc(desk->rows, desk->capacity * sizeof(*desk->rows));
            CHECK(desk->rows != NULL);
        }
        memmove(&desk->rows[at + 1], &desk->rows[at], (desk->count - at) * sizeof(*desk->rows));
        desk->count++;
        desk->rows[at] = (struct row){.table = table, .key = copy(key), .key_size = key.size};
    }
    desk->rows[at].value = copy(value);
    desk->rows[at].value_size = value.size;
    return ERR_OK;
}

static enum err desk_remove(void *user, enum book_table table, struct str key, struct error *err)
{
    struct desk *desk = user;
    (void)err;
    size_t at = find(desk, table, key);
    if (is_at(desk, at, table, key)) {
        free(desk->rows[at].key);
        free(desk->rows[at].value);
        desk->count--;
        memmove(&desk->rows[at], &desk->rows[at + 1], (desk->count - at) * sizeof(*desk->rows));
    }
    return ERR_OK;
}

static enum err desk_scan(void *user, enum book_table table, struct str prefix,
                          book_visit_fn *visit, void *closure, struct error *err)
{
    const struct desk *desk = user;
    (void)err;
    for (size_t at = find(desk, table, prefix); at < desk->count; at++) {
        const struct row *row = &desk->rows[at];
        if (row->table != table || row->key_size < prefix.size ||
            (prefix.size > 0 && memcmp(row->key, prefix.data, prefix.size) != 0)) {
            break;
        }
        if (!visit(closure, (struct str){row->key, row->key_size},
                   (struct str){row->value, row->value_size})) {
            break;
        }
    }
    return ERR_OK;
}

struct desk *desk_create(void)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    CHECK(desk != NULL);
    desk->book = (struct book){
        .user = desk, .get = desk_get, .put = desk_put, .remove = desk_remove, .scan = desk_scan};
    return desk;
}

void desk_destroy(struct desk **desk)
{
    for (size_t i = 0; i < (*desk)->count; i++) {
        free((*desk)->rows[i].key);
        free((*desk)->rows[i].value);
    }
    free((*desk)->rows);
    free(*desk);
    *desk = NULL;
}

const struct book *desk_book(struct desk *desk)
{
    return &desk->book;
}

size_t desk_rows(const struct desk *desk)
{
    return desk->count;
}

json_t *desk_read_text(const char *content_type, const char *text, size_t size)
{
    struct extraction extraction = {0};
    struct extract_failure failure = {0};
    char words[640];
    enum err code = extract_document(content_type, text, size, &extraction, &failure);
    cr_assert_eq(code, ERR_OK, "%s", extract_failure_text(&failure, words, sizeof(words)));
    json_t *documents = json_incref(extraction.documents);
    extraction_release(&extraction);
    return documents;
}

json_t *desk_read(const char *file)
{
    char path[512];
    snprintf(path, sizeof(path), TEST_DATA_DIR "/%s", file);
    FILE *stream = fopen(path, "rb");
    cr_assert_not_null(stream, "%s", path);
    struct buf bytes = BUF_INIT(FILE_BYTES);
    char chunk[8192];
    for (size_t size; (size = fread(chunk, 1, sizeof(chunk), stream)) > 0;) {
        buf_append(&bytes, chunk, size);
    }
    fclose(stream);
    json_t *documents = desk_read_text(NULL, bytes.data, bytes.size);
    buf_release(&bytes);
    return documents;
}

enum recorded_outcome desk_record(struct desk *desk, const json_t *entry)
{
    struct recorded recorded;
    struct error err = {0};
    struct arena *arena = arena_create(ARENA_BYTES);
    enum err code = ledger_record(&desk->book, json_text_of(entry, "kind"),
                                  json_object_of(entry, "document"), false, arena, &recorded, &err);
    cr_assert_eq(code, ERR_OK, "%s", err.message);
    arena_destroy(&arena);
    return recorded.outcome;
}

size_t desk_record_file(struct desk *desk, const char *file)
{
    json_t *documents = desk_read(file);
    size_t changed = 0;
    for (size_t i = 0; i < json_array_size(documents); i++) {
        enum recorded_outcome outcome = desk_record(desk, json_array_get(documents, i));
        changed += outcome == RECORDED_NEW || outcome == RECORDED_CHANGED ? 1 : 0;
    }
    json_decref(documents);
    return changed;
}

json_t *desk_check(struct desk *desk, const json_t *entry)
{
    struct error err = {0};
    json_t *answer = NULL;
    enum err code =
        check_invoice(&desk->book, json_object_of(entry, "document"),
                      json_number_value(json_object_get(entry, "confidence")), &answer, &err);
    cr_assert_eq(code, ERR_OK, "%s", err.message);
    return answer;
}

json_t *desk_check_file(struct desk *desk, const char *file)
{
    json_t *documents = desk_read(file);
    json_t *answer = desk_check(desk, json_array_get(documents, 0));
    json_decref(documents);
    return answer;
}

bool desk_enter(struct desk *desk, const json_t *invoice, const char *state)
{
    struct invoice facts;
    struct error err = {0};
    json_t *first = NULL;
    struct arena *arena = arena_create(CHECK_ARENA_BYTES);
    cr_assert_eq(invoice_read(invoice, arena, &facts, &err), ERR_OK, "%s", err.message);
    const struct entry entry = {.state = state, .amount = "1.00", .key = "key"};
    enum err code = ledger_enter(&desk->book, &facts, &entry, arena, &first, &err);
    cr_assert_eq(code, ERR_OK, "%s", err.message);
    bool entered = first == NULL;
    json_decref(first);
    arena_destroy(&arena);
    return entered;
}

const json_t *finding_of(const json_t *answer, const char *rule)
{
    const json_t *findings = json_array_of(answer, "findings");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *finding = json_array_get(findings, i);
        if (strcmp(json_text_of(finding, "rule"), rule) == 0) {
            return finding;
        }
    }
    return NULL;
}

void expect_text(const json_t *object, const char *key, const char *expected)
{
    const char *text = json_text_of(object, key);
    cr_assert_str_eq(text != NULL ? text : "(nothing)", expected, "member '%s'", key);
}
