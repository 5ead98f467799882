/*
 * Records with named columns, from a CSV or from flat JSON objects, and the known sets of columns
 * ("profiles") that say what such a record means. Private to this folder. Threads: none.
 */
#ifndef AGENTS_EXTRACTION_ROWS_H
#define AGENTS_EXTRACTION_ROWS_H

#include <stddef.h>

#include "agents/extraction/draft.h"
#include "agents/extraction/extraction.h"
#include "common/base/error.h"
#include "common/json/json.h"

enum { ROW_COLUMNS_MAX = 128 };

struct row {
    const char *const *names;
    const char *const *values;
    size_t count;
    const char *place;  /* "row 3" */
    const char *format; /* "csv" or "json" */
    struct extract_failure *failure;
};

struct row_profile;

/* The profile whose needed columns are all among `names`, or NULL. */
const struct row_profile *row_profile_of(const char *const *names, size_t count);

/* The names of all profiles in one line, for messages. */
const char *row_profile_list(void);

/* Read one record: `on_document` is called for each document in it. */
MUST_CHECK enum err row_extract(const struct row_profile *profile, const struct row *row,
                                extract_document_fn *on_document, void *closure);

/* Value of a column, "" when the record has no such column. */
const char *row_value(const struct row *row, const char *column);

/* Set members from columns, with the place of the record in evidence and failures. */
void row_set_text(struct draft *draft, const struct row *row, json_t *object, const char *key,
                  const char *column);
void row_set_decimal(struct draft *draft, const struct row *row, json_t *object, const char *key,
                     const char *column);
void row_evidence(struct draft *draft, const struct row *row, const char *field,
                  const char *column);
struct origin row_origin(const struct row *row, const char *column);

/* The profiles' mappings: one record to one draft. */
typedef void row_map_fn(struct draft *draft, const struct row *row);
row_map_fn scms_map_shipment;
row_map_fn freight_map_invoice;
row_map_fn freight_map_shipment;
row_map_fn lane_map_invoice;
row_map_fn lane_map_rate;

#endif
