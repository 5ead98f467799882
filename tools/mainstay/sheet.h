/* Text sheets of one thing: labelled lines, values, tables. Threads: none. */
#ifndef TOOLS_MAINSTAY_SHEET_H
#define TOOLS_MAINSTAY_SHEET_H

#include "tools/mainstay/output.h"

/* "  key   value" when the member is there. */
void sheet_line(const json_t *object, const char *key);

/* A heading and the member as indented JSON when it is there and not null. */
void sheet_value(const json_t *object, const char *key);

/* A heading and a table of the member's rows when there are any. */
void sheet_table(const json_t *object, const char *key, const struct column *columns, size_t count);

#endif
