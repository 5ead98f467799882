/*
 * The shipment ledger and the invoices handled so far, on the book's tables. Rows and keys:
 * FORMAT.md.
 *
 * Recording is idempotent: the same document again changes nothing, another document about the same
 * shipment makes a new version of its row that keeps the digests of all its sources. An invoice is
 * never a source: ledger_record skips it.
 *
 * Threads: the caller keeps writers of the same rows apart (actions.c locks the tables).
 */
#ifndef AGENTS_RECONCILIATION_LEDGER_H
#define AGENTS_RECONCILIATION_LEDGER_H

#include "agents/reconciliation/agreement.h"
#include "agents/reconciliation/book.h"
#include "agents/reconciliation/invoice.h"
#include "agents/reconciliation/rules.h"

struct arena;

enum recorded_outcome { RECORDED_NEW, RECORDED_CHANGED, RECORDED_UNCHANGED, RECORDED_SKIPPED };

struct recorded {
    enum recorded_outcome outcome;
    const char *number; /* of the shipment or lane; borrowed from the document */
    json_int_t version; /* of its row, 0 when skipped */
    const char *why;    /* of a skip; static */
    bool synthetic;     /* as the caller said */
};

/*
 * Put a canonical document into the ledger: tender, tenderResponse, shipmentStatus, shipment, rate.
 * `synthetic` marks a new row as made up data, which every sentence about it repeats.
 * Errors: ERR_INVALID (the document lacks its number), ERR_LIMIT, and the book's.
 */
MUST_CHECK enum err ledger_record(const struct book *book, const char *kind, const json_t *document,
                                  bool synthetic, struct arena *arena,
                                  struct recorded *ret_recorded, struct error *err);

/* What an invoice is checked against; the rows live as long as the agreement is read. */
struct counterpart {
    json_t *shipment; /* NULL: none */
    json_t *rate;     /* of the invoice's lane; NULL: none */
    json_t *prices;   /* of services; NULL: none */
};

/* Read the rows for an invoice; release with counterpart_release. */
MUST_CHECK enum err ledger_counterpart(const struct book *book, const struct invoice *invoice,
                                       struct counterpart *ret_counterpart, struct error *err);
void counterpart_release(struct counterpart *counterpart);

/* The shipment row as kept, or NULL with ERR_OK: new reference. */
MUST_CHECK enum err ledger_shipment(const struct book *book, const char *number, json_t **ret_row,
                                    struct error *err);

/* Invoices handled before that this one may repeat; texts live in `arena`. */
MUST_CHECK enum err ledger_repeats(const struct book *book, const struct invoice *invoice,
                                   struct arena *arena, struct repeats *ret_repeats,
                                   struct error *err);

/* What is to be remembered about a handled invoice. */
struct entry {
    const char *state;  /* "posted" or "disputed"; static */
    const char *amount; /* what is paid, or what is disputed */
    const char *key;    /* idempotency key of the effect */
    json_t *reasons;    /* array of texts, borrowed; NULL: none */
};

/*
 * Remember an invoice as posted or disputed. *ret_first is NULL when it was remembered, otherwise
 * nothing was written and it is a new reference to the entry that came first.
 */
MUST_CHECK enum err ledger_enter(const struct book *book, const struct invoice *invoice,
                                 const struct entry *entry, struct arena *arena, json_t **ret_first,
                                 struct error *err);

/*
 * Forget an invoice that was posted under the idempotency key `key`, with what finds its repeats:
 * it may be posted again. *ret_withdrawn is false, and nothing is written, when there is none or
 * another effect entered it.
 */
MUST_CHECK enum err ledger_withdraw(const struct book *book, const struct invoice *invoice,
                                    const char *key, struct arena *arena, bool *ret_withdrawn,
                                    struct error *err);

#endif
