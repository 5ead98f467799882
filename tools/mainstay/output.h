/*
 * Printing: tables (libsmartcols has its home here), JSON, and text that cannot steer the terminal.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_OUTPUT_H
#define TOOLS_MAINSTAY_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/json/json.h"
#include "tools/mainstay/cli.h"

struct buf;

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER, /* right-aligned */
    COLUMN_AGE,    /* an instant, shown as "3m ago" */
    COLUMN_ID,     /* the first 12 characters: enough to name an instance */
};

/* One column of a table: the member `key` of each row ("a/b" goes into an object). */
struct column {
    const char *title;
    const char *key;
    enum column_kind kind;
};

/* A table of an array of objects on `out`. */
void output_table(FILE *out, const json_t *rows, const struct column *columns, size_t count);

/* The answer of a list command in the format asked for: the reply, its rows, or a table (`nothing`
 * in place of an empty one). */
void output_list(const struct cli *cli, const json_t *reply, const char *key,
                 const struct column *columns, size_t count, const char *nothing);

/* A value as JSON on `out`: on several lines, or on one for jsonl. */
void output_json(const struct cli *cli, FILE *out, const json_t *value);

/* Text of a stranger: control characters except newline and tab are shown as '?'. */
void output_safe(FILE *out, const char *text);

/* Where to cut a text longer than `size` bytes: at most `size`, between two characters. */
size_t text_cut_at(const char *text, size_t size);

/* Append a JSON value as people write it: text without quotes, lists with commas, objects as JSON.
 */
void value_write(const json_t *value, struct buf *out);

/* "12s ago", "3h ago", "in 5m" for an RFC 3339 instant seen from `now_ms`; the text itself when it
 * is none. `out` has at least 40 bytes. */
void age_write(const char *instant, int64_t now_ms, char *out, size_t size);

#endif
