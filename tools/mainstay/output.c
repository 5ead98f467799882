#include "tools/mainstay/output.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <libsmartcols.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"

enum { CELL_BYTES = 4096, OUTPUT_BYTES = 8 * 1024 * 1024, ID_SHOWN = 12 };

void output_safe(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        bool control = (*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f;
        bool c1 = *c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* U+0080..U+009F */
        if (control || c1) {
            (void)fputc('?', out);
            c += c1 ? 1 : 0;
        } else {
            (void)fputc(*c, out);
        }
    }
}

size_t text_cut_at(const char *text, size_t size)
{
    while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) {
        size--;
    }
    return size;
}

void value_write(const json_t *value, struct buf *out)
{
    if (value == NULL || json_is_null(value)) {
        return;
    }
    if (json_is_string(value)) {
        buf_append_str(out, json_string_value(value));
        return;
    }
    if (json_is_array(value)) {
        size_t index = 0;
        const json_t *item = NULL;
        json_array_foreach(value, index, item)
        {
            buf_append_str(out, index > 0 ? ", " : "");
            if (json_is_string(item)) {
                buf_append_str(out, json_string_value(item));
            } else {
                json_write(item, out);
            }
        }
        return;
    }
    json_write(value, out);
}

void age_write(const char *instant, int64_t now_ms, char *out, size_t size)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    int64_t at_ms = 0;
    if (!clock_parse(instant, &at_ms)) {
        (void)text_copy(out, size, instant);
        return;
    }
    bool future = at_ms > now_ms;
    int64_t seconds = (future ? at_ms - now_ms : now_ms - at_ms) / 1000;
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds) {
        i++;
    }
    (void)snprintf(out, size, future ? "in %" PRId64 "%c" : "%" PRId64 "%c ago",
                   seconds / units[i].seconds, units[i].unit);
}

/* The value at "a/b" of a row. */
static const json_t *cell_value(const json_t *row, const char *key)
{
    char pointer[128];
    (void)snprintf(pointer, sizeof(pointer), "/%s", key);
    return json_pointer_get(row, pointer);
}

static void cell_write(const json_t *row, const struct column *column, int64_t now_ms,
                       struct buf *out)
{
    const json_t *value = cell_value(row, column->key);
    if (column->kind == COLUMN_AGE && json_is_string(value)) {
        char age[64];
        age_write(json_string_value(value), now_ms, age, sizeof(age));
        buf_append_str(out, age);
    } else if (column->kind == COLUMN_ID && json_is_string(value)) {
        const char *id = json_string_value(value);
        size_t size = strlen(id);
        buf_append(out, id, size < ID_SHOWN ? size : ID_SHOWN);
    } else {
        value_write(value, out);
    }
}

static void table_fill(struct libscols_table *table, const json_t *rows,
                       const struct column *columns, size_t count)
{
    size_t index = 0;
    const json_t *row = NULL;
    int64_t now_ms = clock_wall_ms();
    json_array_foreach(rows, index, row)
    {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        for (size_t i = 0; line != NULL && i < count; i++) {
            struct buf cell = BUF_INIT(CELL_BYTES);
            cell_write(row, &columns[i], now_ms, &cell);
            (void)scols_line_set_data(line, i, cell.data != NULL ? cell.data : "");
            buf_release(&cell);
        }
    }
}

void output_table(FILE *out, const json_t *rows, const struct column *columns, size_t count)
{
    struct libscols_table *table = scols_new_table();
    if (table == NULL) {
        (void)fputs("mainstay: out of memory\n", stderr);
        return;
    }
    (void)scols_table_set_stream(table, out);
    (void)scols_table_set_column_separator(table, "  ");
    for (size_t i = 0; i < count; i++) {
        int flags = columns[i].kind == COLUMN_NUMBER ? SCOLS_FL_RIGHT : 0;
        bool wide = i + 1 == count && columns[i].kind == COLUMN_TEXT;
        (void)scols_table_new_column(table, columns[i].title, 0,
                                     flags | (wide ? SCOLS_FL_WRAP : 0));
    }
    table_fill(table, rows, columns, count);
    (void)scols_print_table(table);
    scols_unref_table(table);
}

void output_json(const struct cli *cli, FILE *out, const json_t *value)
{
    struct buf text = BUF_INIT(OUTPUT_BYTES);
    if (cli->format == OUTPUT_JSONL) {
        json_write(value, &text);
    } else {
        json_write_pretty(value, &text);
    }
    buf_append_byte(&text, '\n');
    if (text.failed) {
        (void)fputs("mainstay: the answer is too large to print\n", stderr);
    } else {
        (void)fwrite(text.data, 1, text.size, out);
    }
    buf_release(&text);
}

void output_list(const struct cli *cli, const json_t *reply, const char *key,
                 const struct column *columns, size_t count, const char *nothing)
{
    const json_t *rows = json_array_of(reply, key);
    size_t index = 0;
    const json_t *row = NULL;
    if (cli->format == OUTPUT_JSON) {
        output_json(cli, stdout, reply);
        return;
    }
    if (cli->format == OUTPUT_JSONL) {
        json_array_foreach(rows, index, row)
        {
            output_json(cli, stdout, row);
        }
        return;
    }
    if (json_array_size(rows) == 0) {
        (void)printf("%s\n", nothing);
        return;
    }
    output_table(stdout, rows, columns, count);
    const char *next = json_text_of(reply, "next");
    if (next != NULL && next[0] != '\0') {
        (void)printf("there is more: add --after ");
        output_safe(stdout, next);
        (void)printf("\n");
    }
}
