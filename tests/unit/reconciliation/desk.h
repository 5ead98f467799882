/*
 * A reconciliation desk for tests: the ledger on a sorted list in memory, real documents read with
 * the extraction library, and checks through the same door as the agent's action.
 */
#ifndef TESTS_UNIT_RECONCILIATION_DESK_H
#define TESTS_UNIT_RECONCILIATION_DESK_H

#include "agents/reconciliation/book.h"
#include "agents/reconciliation/ledger.h"

struct desk;

struct desk *desk_create(void);
void desk_destroy(struct desk **desk);

/* The book on the desk's tables; borrowed. */
const struct book *desk_book(struct desk *desk);

/* Rows in all tables. */
size_t desk_rows(const struct desk *desk);

/* The documents of a file below tests/data: an array of {kind, document, confidence, ...}. New. */
json_t *desk_read(const char *file);

/* The same for text in memory. */
json_t *desk_read_text(const char *content_type, const char *text, size_t size);

/* Record every document of a file; the test fails on an error. Returns what changed the ledger. */
size_t desk_record_file(struct desk *desk, const char *file);

/* Record one entry of desk_read. */
enum recorded_outcome desk_record(struct desk *desk, const json_t *entry);

/* Check one invoice document; the test fails on an error. New reference. */
json_t *desk_check(struct desk *desk, const json_t *entry);

/* Check the first invoice of a file. */
json_t *desk_check_file(struct desk *desk, const char *file);

/* Post or dispute; true when it was entered, false when it is a repeat. */
bool desk_enter(struct desk *desk, const json_t *invoice, const char *state);

/* The finding of a rule in an answer of desk_check, borrowed, or NULL. */
const json_t *finding_of(const json_t *answer, const char *rule);

/* Fail the test unless the member of `object` is the text. */
void expect_text(const json_t *object, const char *key, const char *expected);

#endif
