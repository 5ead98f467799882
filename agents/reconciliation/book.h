/*
 * The agent's own tables as the ledger sees them: a port with two implementations, the store that
 * the agent runtime gives each task (actions.c) and a map in memory for tests.
 *
 * Keys and values are text; FORMAT.md lists them. Parts of a key are escaped and joined with '/',
 * so no number a sender makes up can reach another row.
 *
 * Threads: as the implementation.
 */
#ifndef AGENTS_RECONCILIATION_BOOK_H
#define AGENTS_RECONCILIATION_BOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/base/str.h"
#include "common/json/json.h"

enum book_table {
    BOOK_SHIPMENTS, /* number -> what was tendered, agreed and delivered */
    BOOK_RATES,     /* lanes and prices of services */
    BOOK_INVOICES,  /* seller/number -> posted or disputed */
    BOOK_REPEATS,   /* what finds repeats: by shipment, by similar number, by date and total */
    BOOK_TABLES
};

typedef bool book_visit_fn(void *closure, struct str key, struct str value);

struct book {
    void *user;
    /* Append the value of `key`. ERR_NOT_FOUND when there is none. Own writes are seen. */
    enum err (*get)(void *user, enum book_table table, struct str key, struct buf *ret_value,
                    struct error *err);
    enum err (*put)(void *user, enum book_table table, struct str key, struct str value,
                    struct error *err);
    /* A row that is not there is no error. */
    enum err (*remove)(void *user, enum book_table table, struct str key, struct error *err);
    /* Committed rows whose key starts with `prefix`, in key order, until `visit` returns false. */
    enum err (*scan)(void *user, enum book_table table, struct str prefix, book_visit_fn *visit,
                     void *closure, struct error *err);
};

/* Append "/part" with '%', '/' and control bytes escaped; NULL appends "/" alone. The first part of
 * a key has no slash in front. */
void book_key(struct buf *key, const char *part);

/* The row as JSON: a new reference, or NULL with ERR_OK when there is none. ERR_CORRUPT when it
 * does not parse. */
MUST_CHECK enum err book_read(const struct book *book, enum book_table table, struct str key,
                              json_t **ret_row, struct error *err);

/* Write a row. ERR_LIMIT when it is larger than the store takes. */
MUST_CHECK enum err book_write(const struct book *book, enum book_table table, struct str key,
                               const json_t *row, struct error *err);

#endif
