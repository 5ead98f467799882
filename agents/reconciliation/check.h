/*
 * One invoice, checked: the whole answer of the action `check` as JSON. Reads the ledger, writes
 * nothing.
 */
#ifndef AGENTS_RECONCILIATION_CHECK_H
#define AGENTS_RECONCILIATION_CHECK_H

#include "agents/reconciliation/book.h"
#include "common/base/error.h"
#include "common/json/json.h"

enum { CHECK_ARENA_BYTES = 32 * 1024 * 1024 };

/*
 * Check the canonical `invoice`; `extracted` is the confidence of its extraction, 0..1. On success
 * *ret_answer is a new object as in the contract's output schema of `check`.
 *
 * Errors: ERR_INVALID and ERR_LIMIT (the invoice: a data failure), and the book's.
 */
MUST_CHECK enum err check_invoice(const struct book *book, const json_t *invoice, double extracted,
                                  json_t **ret_answer, struct error *err);

#endif
