#include "coordinator/definition/yaml.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/str.h"
#include "coordinator/definition/report.h"

struct reader {
    struct fy_parser *parser;
    struct arena *arena;
    struct report *report;
    struct fy_event *event; /* current, owned */
    bool failed;
};

struct mark {
    uint32_t line;
    uint32_t column;
};

static struct mark mark_of(const struct fy_mark *mark)
{
    return mark == NULL ? (struct mark){1, 1}
                        : (struct mark){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

static struct mark token_mark(struct fy_token *token)
{
    return mark_of(token == NULL ? NULL : fy_token_start_mark(token));
}

#define FAIL(reader, at, hint, ...)                                                         \
    do {                                                                                    \
        struct mark fail_mark = (at);                                                       \
        report_at((reader)->report, fail_mark.line, fail_mark.column, (hint), __VA_ARGS__); \
        (reader)->failed = true;                                                            \
    } while (0)

/* Errors the parser collected. */
static void report_syntax(struct reader *reader)
{
    void *cursor = NULL;
    struct fy_diag *diag = fy_parser_get_diag(reader->parser);
    struct fy_diag_error *error = fy_diag_errors_iterate(diag, &cursor);
    struct mark mark = {1, 1};
    if (error == NULL) {
        FAIL(reader, mark, NULL, "this is not YAML or JSON");
    }
    for (; error != NULL; error = fy_diag_errors_iterate(diag, &cursor)) {
        mark = (struct mark){error->line < 1 ? 1 : (uint32_t)error->line,
                             error->column < 1 ? 1 : (uint32_t)error->column};
        FAIL(reader, mark, NULL, "not valid YAML: %.200s", error->msg);
    }
    fy_diag_unref(diag);
}

static bool next_event(struct reader *reader)
{
    if (reader->event != NULL) {
        fy_parser_event_free(reader->parser, reader->event);
    }
    reader->event = fy_parser_parse(reader->parser);
    if (reader->event == NULL || fy_parser_get_stream_error(reader->parser)) {
        report_syntax(reader);
        return false;
    }
    return true;
}

static struct yaml_node *new_node(struct reader *reader, struct mark mark, json_t *value)
{
    struct yaml_node *node = ARENA_NEW(reader->arena, struct yaml_node);
    if (node == NULL || value == NULL) {
        json_decref(value);
        FAIL(reader, mark, NULL, "the definition is too large for memory");
        return NULL;
    }
    node->line = mark.line;
    node->column = mark.column;
    node->value = value;
    return node;
}

static bool add_item(struct reader *reader, struct yaml_node *parent, struct yaml_node *item)
{
    if (parent->count == parent->capacity) {
        size_t capacity = parent->capacity == 0 ? 4 : 2 * parent->capacity;
        struct yaml_node **items = ARENA_ARRAY(reader->arena, struct yaml_node *, capacity);
        if (items == NULL) {
            return false;
        }
        if (parent->count > 0) {
            memcpy(items, parent->items, parent->count * sizeof(items[0]));
        }
        parent->items = items;
        parent->capacity = capacity;
    }
    item->parent = parent;
    item->index = parent->count;
    parent->items[parent->count++] = item;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *at)
{
    while (is_digit(*at)) {
        at++;
    }
    return at;
}

/* The number grammar of JSON (RFC 8259 section 6), the whole text. */
static bool is_json_number(const char *text)
{
    const char *at = text + (*text == '-' ? 1 : 0);
    if (!is_digit(*at)) {
        return false;
    }
    at = *at == '0' ? at + 1 : skip_digits(at);
    if (*at == '.') {
        if (!is_digit(at[1])) {
            return false;
        }
        at = skip_digits(at + 1);
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        if (!is_digit(*at)) {
            return false;
        }
        at = skip_digits(at);
    }
    return *at == '\0';
}

/* Numbers of the YAML core schema that JSON does not have. 0123 is left alone: it is text here. */
static bool is_foreign_number(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+' ? 1 : 0);
    if (strcasecmp(at, ".inf") == 0 || strcasecmp(text, ".nan") == 0) {
        return true;
    }
    if (at[0] == '0' && (at[1] == 'x' || at[1] == 'o') && at[2] != '\0') {
        const char *digits = at[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
        return strspn(at + 2, digits) == strlen(at + 2);
    }
    if (*at == '.' && is_digit(at[1])) {
        return *skip_digits(at + 1) == '\0';
    }
    return is_digit(*at) && (*text == '+' || strchr(text, '.') != NULL) &&
           (*skip_digits(at) == '\0' || strcmp(skip_digits(at), ".") == 0);
}

static json_t *plain_value(struct reader *reader, struct mark mark, const char *text, size_t size)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    for (size_t i = 0; i < 5; i++) {
        if (strcmp(text, nulls[i]) == 0) {
            return json_null();
        }
    }
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, trues[i]) == 0 || strcmp(text, falses[i]) == 0) {
            return json_boolean(strcmp(text, trues[i]) == 0);
        }
    }
    if (is_json_number(text)) {
        json_t *number = NULL;
        if (json_parse(text, size, NULL, &number, NULL) != ERR_OK) {
            FAIL(reader, mark, "put the number in quotes to keep it as text",
                 "the number %.40s cannot be kept exactly", text);
            return json_null();
        }
        return number;
    }
    if (is_foreign_number(text)) {
        FAIL(reader, mark, "write it as JSON does, or in quotes as text",
             "'%.40s' is a number to some YAML readers and text to others", text);
        return json_null();
    }
    return json_stringn(text, size);
}

static const char *scalar_text(struct reader *reader, struct fy_token *token, struct mark mark,
                               size_t *ret_size)
{
    const char *bytes = token == NULL ? NULL : fy_token_get_text(token, ret_size);
    if (bytes == NULL) {
        *ret_size = 0;
        bytes = "";
    }
    if (memchr(bytes, '\0', *ret_size) != NULL || !utf8_valid(bytes, *ret_size)) {
        FAIL(reader, mark, NULL, "a text may not hold the character U+0000 or broken UTF-8");
        *ret_size = 0;
        bytes = "";
    }
    const char *copy = arena_dup(reader->arena, bytes, *ret_size);
    if (copy == NULL) {
        FAIL(reader, mark, NULL, "the definition is too large for memory");
    }
    return copy;
}

static void refuse_decorations(struct reader *reader, struct fy_token *anchor, struct fy_token *tag)
{
    if (anchor != NULL) {
        FAIL(reader, token_mark(anchor), "write the value out", "anchors are not allowed");
    }
    if (tag != NULL) {
        FAIL(reader, token_mark(tag), "remove the tag", "tags are not allowed");
    }
}

static struct yaml_node *read_scalar(struct reader *reader)
{
    struct fy_event_scalar_data data = reader->event->scalar;
    struct mark mark = data.value == NULL ? (struct mark){0, 0} /* nothing there: see place_empty */
                                          : mark_of(fy_event_start_mark(reader->event));
    size_t size = 0;
    refuse_decorations(reader, data.anchor, data.tag);
    const char *text = scalar_text(reader, data.value, mark, &size);
    if (text == NULL) {
        return NULL;
    }
    bool plain = data.value == NULL || fy_token_scalar_style(data.value) == FYSS_PLAIN;
    return new_node(reader, mark,
                    plain ? plain_value(reader, mark, text, size) : json_stringn(text, size));
}

static struct yaml_node *read_node(struct reader *reader, unsigned depth);

/* A value that is left out is where its key is, or the list. */
static void place_empty(struct yaml_node *item, struct mark mark)
{
    if (item->line == 0) {
        item->line = mark.line;
        item->column = mark.column;
    }
}

static struct yaml_node *read_sequence(struct reader *reader, unsigned depth)
{
    refuse_decorations(reader, reader->event->sequence_start.anchor,
                       reader->event->sequence_start.tag);
    struct yaml_node *node =
        new_node(reader, mark_of(fy_event_start_mark(reader->event)), json_array());
    while (node != NULL && next_event(reader)) {
        if (reader->event->type == FYET_SEQUENCE_END) {
            return node;
        }
        struct yaml_node *item = read_node(reader, depth + 1);
        if (item == NULL) {
            break;
        }
        place_empty(item, (struct mark){node->line, node->column});
        if (json_array_append_new(node->value, item->value) != 0 || !add_item(reader, node, item)) {
            FAIL(reader, ((struct mark){item->line, item->column}), NULL,
                 "the definition is too large for memory");
            break;
        }
    }
    json_decref(node == NULL ? NULL : node->value);
    return NULL;
}

/* The key at the current event; NULL ends the document. */
static const char *read_key(struct reader *reader, const json_t *object, struct mark mark,
                            size_t *ret_size)
{
    if (reader->event->type == FYET_ALIAS) {
        FAIL(reader, mark, "write the value out", "aliases are not allowed");
        return NULL;
    }
    if (reader->event->type != FYET_SCALAR) {
        FAIL(reader, mark, NULL, "a key must be a text");
        return NULL;
    }
    struct fy_event_scalar_data data = reader->event->scalar;
    refuse_decorations(reader, data.anchor, data.tag);
    const char *key = scalar_text(reader, data.value, mark, ret_size);
    if (key == NULL) {
        return NULL;
    }
    if (strcmp(key, "<<") == 0) {
        FAIL(reader, mark, "write the members out", "merge keys are not allowed");
    }
    if (json_object_getn(object, key, *ret_size) != NULL) {
        FAIL(reader, mark, NULL, "the key '%.64s' is here twice", key);
    }
    return key;
}

static bool read_member(struct reader *reader, struct yaml_node *node, unsigned depth)
{
    struct mark mark = mark_of(fy_event_start_mark(reader->event));
    size_t size = 0;
    const char *key = read_key(reader, node->value, mark, &size);
    if (key == NULL || !next_event(reader)) {
        return false;
    }
    struct yaml_node *item = read_node(reader, depth + 1);
    if (item == NULL) {
        return false;
    }
    place_empty(item, mark);
    item->key = key;
    item->key_line = mark.line;
    item->key_column = mark.column;
    if (json_object_getn(node->value, key, size) != NULL) {
        json_decref(item->value); /* a duplicate, reported */
        return true;
    }
    if (json_object_setn_new_nocheck(node->value, key, size, item->value) != 0 ||
        !add_item(reader, node, item)) {
        FAIL(reader, mark, NULL, "the definition is too large for memory");
        return false;
    }
    return true;
}

static struct yaml_node *read_mapping(struct reader *reader, unsigned depth)
{
    refuse_decorations(reader, reader->event->mapping_start.anchor,
                       reader->event->mapping_start.tag);
    struct yaml_node *node =
        new_node(reader, mark_of(fy_event_start_mark(reader->event)), json_object());
    while (node != NULL && next_event(reader)) {
        if (reader->event->type == FYET_MAPPING_END) {
            return node;
        }
        if (!read_member(reader, node, depth)) {
            break;
        }
    }
    json_decref(node == NULL ? NULL : node->value);
    return NULL;
}

static struct yaml_node *read_node(struct reader *reader, unsigned depth)
{
    struct mark mark = mark_of(fy_event_start_mark(reader->event));
    if (depth > YAML_DEPTH_MAX) {
        FAIL(reader, mark, NULL, "the definition is nested deeper than %d levels", YAML_DEPTH_MAX);
        return NULL;
    }
    enum fy_event_type type = reader->event->type;
    if (type == FYET_SCALAR) {
        return read_scalar(reader);
    }
    if (type == FYET_SEQUENCE_START) {
        return read_sequence(reader, depth);
    }
    if (type == FYET_MAPPING_START) {
        return read_mapping(reader, depth);
    }
    if (type == FYET_ALIAS) {
        FAIL(reader, mark, "write the value out", "aliases are not allowed");
        return new_node(reader, mark, json_null());
    }
    FAIL(reader, mark, NULL, "the document is empty");
    return NULL;
}

static struct yaml_node *read_document(struct reader *reader)
{
    while (next_event(reader)) {
        if (reader->event->type == FYET_STREAM_END) {
            FAIL(reader, ((struct mark){1, 1}), NULL, "the document is empty");
            return NULL;
        }
        if (reader->event->type == FYET_DOCUMENT_START) {
            break;
        }
    }
    if (reader->failed || !next_event(reader)) {
        return NULL;
    }
    struct yaml_node *root = read_node(reader, 0);
    while (root != NULL && !reader->failed && next_event(reader)) {
        if (reader->event->type == FYET_STREAM_END) {
            return root;
        }
        if (reader->event->type != FYET_DOCUMENT_END) {
            FAIL(reader, mark_of(fy_event_start_mark(reader->event)), NULL,
                 "a definition is one document: a second one starts here");
        }
    }
    json_decref(root == NULL ? NULL : root->value);
    return NULL;
}

struct yaml_node *yaml_parse(struct arena *arena, const char *text, size_t size,
                             struct report *report)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_config);
    if (diag == NULL) {
        report_at(report, 0, 0, NULL, "no memory for the parser");
        return NULL;
    }
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg config = {
        .search_path = "", .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2, .diag = diag};
    struct reader reader = {.arena = arena, .report = report};
    struct yaml_node *root = NULL;
    reader.parser = fy_parser_create(&config);
    if (reader.parser != NULL && fy_parser_set_string(reader.parser, text, size) == 0) {
        root = read_document(&reader);
    } else {
        report_at(report, 0, 0, NULL, "no memory for the parser");
    }
    if (reader.event != NULL) {
        fy_parser_event_free(reader.parser, reader.event);
    }
    fy_parser_destroy(reader.parser);
    fy_diag_destroy(diag);
    return root;
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
    if (node == NULL || !json_is_object(node->value)) {
        return NULL;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (strcmp(node->items[i]->key, key) == 0) {
            return node->items[i];
        }
    }
    return NULL;
}

const struct yaml_node *yaml_get_object(const struct yaml_node *node, const char *key)
{
    const struct yaml_node *found = yaml_get(node, key);
    return found != NULL && json_is_object(found->value) ? found : NULL;
}

const char *yaml_pointer(struct arena *arena, const struct yaml_node *node)
{
    const struct yaml_node *path[YAML_DEPTH_MAX + 4];
    size_t count = 0;
    for (; node->parent != NULL && count < YAML_DEPTH_MAX + 4; node = node->parent) {
        path[count++] = node;
    }
    struct buf out = BUF_INIT((size_t)64 * 1024);
    while (count-- > 0) {
        if (path[count]->key != NULL) {
            json_pointer_append(&out, path[count]->key, strlen(path[count]->key));
        } else {
            buf_printf(&out, "/%zu", path[count]->index);
        }
    }
    const char *pointer = out.size == 0 || out.failed ? "" : arena_dup(arena, out.data, out.size);
    buf_release(&out);
    return pointer == NULL ? "" : pointer;
}

enum { VALUE_ARENA_BYTES = 64 * 1024 * 1024 };

enum err yaml_value(const char *text, size_t size, json_t **ret_value, struct error *err)
{
    struct plan_report told = {0};
    struct report *report = calloc(1, sizeof(*report));
    struct arena *arena = arena_create(VALUE_ARENA_BYTES);
    enum err code = error_set(err, ERR_NOMEM, "out of memory");
    *ret_value = NULL;
    if (report != NULL && arena != NULL && report_init(report, &told)) {
        const char *copy = arena_dup(arena, text, size);
        struct yaml_node *root = copy == NULL ? NULL : yaml_parse(arena, copy, size, report);
        report_finish(report);
        if (root != NULL && told.count == 0) {
            *ret_value = root->value;
            code = ERR_OK;
        } else if (told.count > 0) {
            const struct plan_problem *first = &told.problems[0];
            code = error_set(err, ERR_INVALID, "%u:%u: %s", first->line, first->column,
                             first->message);
            if (root != NULL) {
                json_decref(root->value);
            }
        }
    }
    plan_report_release(&told);
    arena_destroy(&arena);
    free(report);
    return code;
}
