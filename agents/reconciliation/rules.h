/*
 * The rules: an invoice against its own arithmetic, against what the ledger knows, and against the
 * invoices already handled. Pure: facts in, findings out.
 *
 * Every function appends to `findings` and fails only when exact arithmetic leaves the range of
 * common/base/decimal.h (ERR_LIMIT); the message names the rule.
 * Threads: any number, each with its own structures.
 */
#ifndef AGENTS_RECONCILIATION_RULES_H
#define AGENTS_RECONCILIATION_RULES_H

#include <stdbool.h>

#include "agents/reconciliation/agreement.h"
#include "agents/reconciliation/finding.h"
#include "agents/reconciliation/invoice.h"

/* An invoice handled before that this one may repeat. */
struct seen {
    const char *number;
    const char *state; /* "posted", "disputed" */
    const char *shipment;
    const char *issue_date;
    struct amount total;
};

/* What the ledger knows about repeats of one invoice. Members are NULL when there is none. */
struct repeats {
    const struct seen *same_number;
    const struct seen *same_shipment; /* posted under another number */
    const struct seen *nearly_same;
};

/* Lines, charges, tax, totals, stated percentages and counts of the invoice itself. */
MUST_CHECK enum err rules_arithmetic(const struct invoice *invoice, struct findings *findings,
                                     struct error *err);

/* The invoice against shipment and rate agreement; says `no shipment` when there is no agreement.
 */
MUST_CHECK enum err rules_agreement(const struct invoice *invoice,
                                    const struct agreement *agreement, struct findings *findings,
                                    struct error *err);

/* Delivery: late, to somebody else, not yet. Part of rules_agreement's answer for a known shipment;
 * also asked alone by the ledger's exception list. */
void rules_delivery(const struct agreement *agreement, struct findings *findings);

/* The invoice against those handled before. */
void rules_repeats(const struct invoice *invoice, const struct repeats *repeats,
                   struct findings *findings);

#endif
