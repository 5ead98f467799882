/*
 * What to do with an invoice, from what the rules found. Pure.
 *
 *   post       everything that could be compared agrees
 *   dispute    the carrier asks for more than was agreed: pay nothing yet, claim the difference
 *   exception  a named mismatch a person or another process must settle
 *   ask        nothing is wrong, but something needed to decide is missing or merely similar
 *
 * Confidence is a product of reasons, each of them said: the confidence of the extraction; 0.9 for
 * every warning; 0.7 for a dispute when the invoice may belong to another shipment.
 */
#ifndef AGENTS_RECONCILIATION_VERDICT_H
#define AGENTS_RECONCILIATION_VERDICT_H

#include <stdbool.h>

#include "agents/reconciliation/agreement.h"
#include "agents/reconciliation/finding.h"
#include "agents/reconciliation/invoice.h"

enum verdict_kind { VERDICT_POST, VERDICT_DISPUTE, VERDICT_EXCEPTION, VERDICT_ASK };

enum { ALTERNATIVES_MAX = 3 };

struct alternative {
    enum verdict_kind kind;
    const char *why;
};

struct verdict {
    enum verdict_kind kind;
    const char *exception; /* NULL when posted */
    enum rule rule;        /* that decided; meaningful unless posted */
    bool has_amount;       /* of a dispute: what is claimed back */
    struct decimal amount;
    bool hold;            /* pay nothing until somebody has looked */
    const char *question; /* for a person, or NULL */
    double confidence;
    const char *why; /* one or two plain sentences */
    struct alternative alternatives[ALTERNATIVES_MAX];
    size_t alternative_count;
};

/* Decide. Texts live in the arena of `findings`. `extracted` is the confidence of the extraction,
 * 0..1. */
struct verdict verdict_of(const struct invoice *invoice, const struct agreement *agreement,
                          const struct findings *findings, double extracted);

const char *verdict_text(enum verdict_kind kind);

#endif
