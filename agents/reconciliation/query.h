/*
 * Questions to the ledger: one shipment, the invoices handled, totals, late deliveries. Reads only.
 */
#ifndef AGENTS_RECONCILIATION_QUERY_H
#define AGENTS_RECONCILIATION_QUERY_H

#include "agents/reconciliation/book.h"
#include "common/base/error.h"
#include "common/json/json.h"

enum { QUERY_ROWS_MAX = 1000, QUERY_SCAN_MAX = 500000 };

/*
 * Answer `question`, an object that fits the input schema of the action `ledger`. On success
 * *ret_answer is a new object. Errors: ERR_INVALID (a number is missing), ERR_LIMIT (more rows than
 * QUERY_SCAN_MAX), and the book's.
 */
MUST_CHECK enum err query_ledger(const struct book *book, const json_t *question,
                                 json_t **ret_answer, struct error *err);

#endif
