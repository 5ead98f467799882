/*
 * The facts of a canonical invoice that the rules read. Texts are borrowed from the document;
 * numbers are exact decimals. What the document does not state is absent, never zero.
 *
 * The canonical invoice is described by agents/extraction/schemas/invoice.schema.json.
 * Threads: none.
 */
#ifndef AGENTS_RECONCILIATION_INVOICE_H
#define AGENTS_RECONCILIATION_INVOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/decimal.h"
#include "common/base/error.h"
#include "common/json/json.h"

struct arena;

/* A number that may be absent. */
struct amount {
    bool present;
    struct decimal value;
};

struct party {
    const char *name;
    const char *id; /* SCAC, VAT number or another identifier; NULL when there is none */
    const char *city;
    const char *postal_code;
};

/* What a line or charge is for. */
enum charge_kind {
    CHARGE_GOODS, /* an ordinary invoice line, or not known */
    CHARGE_LINEHAUL,
    CHARGE_FUEL,
    CHARGE_ACCESSORIAL,
    CHARGE_DISCOUNT,
};

/* How a rate applies. */
enum rate_basis {
    RATE_NONE,
    RATE_FLAT,
    RATE_PER_HUNDREDWEIGHT,
    RATE_PER_POUND,
    RATE_PER_MILE,
};

struct charge {
    const char *id;
    const char *description;
    enum charge_kind kind;
    struct amount amount;
    struct amount quantity;
    struct amount price; /* of `base_quantity` units, 1 when absent */
    struct amount base_quantity;
    struct amount adjustments; /* charges less allowances of the line */
    struct amount rate;
    enum rate_basis basis;
    struct amount rated_quantity; /* weight, miles */
};

struct tax_part {
    struct amount base;
    struct amount percent;
    struct amount tax;
};

struct invoice {
    const char *number;
    const char *currency; /* NULL when the document names none */
    const char *issue_date;
    bool credit_note;
    struct party seller;
    struct party buyer;
    struct party consignee;
    const char *shipment; /* the number it claims payment for, or NULL */
    const char *origin;
    const char *destination;
    struct amount weight;
    const char *weight_unit;
    struct amount quantity; /* handling units, pieces */
    struct amount fuel_percent;
    struct amount total; /* amount due */
    struct amount lines_total;
    struct amount allowances;
    struct amount charges;
    struct amount net;
    struct amount tax;
    struct amount gross;
    struct amount prepaid;
    struct amount rounding;
    struct amount declared_shipments;
    struct amount present_shipments;
    const struct charge *lines;
    size_t line_count;
    const struct tax_part *taxes;
    size_t tax_count;
};

/*
 * Read the facts of `document` into *ret_invoice. The document must outlive it; arrays and made up
 * texts live in `arena`. Errors: ERR_INVALID with the JSON pointer of a member that is not what the
 * canonical form allows, ERR_LIMIT when the arena is full.
 */
MUST_CHECK enum err invoice_read(const json_t *document, struct arena *arena,
                                 struct invoice *ret_invoice, struct error *err);

/* Read a decimal member: absent when there is none or it is null. ERR_INVALID names `key`. */
MUST_CHECK enum err amount_read(const json_t *object, const char *key, struct amount *ret_amount,
                                struct error *err);

/* Read a party object (may be NULL: all members NULL). */
struct party party_read(const json_t *object);

/* What a charge of an invoice or an agreement is for. */
enum charge_kind charge_kind_of(const json_t *charge);

/* Whether two names mean the same: letters and digits only, upper case. NULL equals nothing. */
bool name_same(const char *a, const char *b);

/* Letters and digits of `text` in upper case, without the leading zeros of its numbers, in the
 * arena; "" for NULL: "inv 0007" and "INV-7" are the same. */
const char *name_key(struct arena *arena, const char *text);

#endif
