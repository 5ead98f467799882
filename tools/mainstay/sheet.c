#include "tools/mainstay/sheet.h"

#include <ctype.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"

enum { SHEET_BYTES = 4 * 1024 * 1024, LABEL_BYTES = 32 };

/* "started_at" becomes "started at". */
static void label_write(const char *key, char *out)
{
    (void)text_copy(out, LABEL_BYTES, key);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
}

void sheet_line(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    char label[LABEL_BYTES];
    struct buf text = BUF_INIT(SHEET_BYTES);
    value_write(value, &text);
    if (!text.failed && text.size > 0) {
        label_write(key, label);
        (void)printf("%-12s ", label);
        output_safe(stdout, text.data);
        (void)printf("\n");
    }
    buf_release(&text);
}

static void heading(const char *key)
{
    char label[LABEL_BYTES];
    label_write(key, label);
    for (char *c = label; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    (void)printf("\n%s\n", label);
}

void sheet_value(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return;
    }
    struct buf text = BUF_INIT(SHEET_BYTES);
    json_write_pretty(value, &text);
    heading(key);
    if (!text.failed) {
        output_safe(stdout, text.data);
        (void)printf("\n");
    }
    buf_release(&text);
}

void sheet_table(const json_t *object, const char *key, const struct column *columns, size_t count)
{
    const json_t *rows = json_array_of(object, key);
    if (json_array_size(rows) > 0) {
        heading(key);
        output_table(stdout, rows, columns, count);
    }
}
