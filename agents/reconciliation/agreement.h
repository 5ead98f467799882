/*
 * What the company agreed and what happened, as the rules read it: derived from a shipment record
 * of the ledger, the rate of its lane and the prices of services. Never derived from an invoice.
 *
 * Texts are borrowed from the record. Threads: none.
 */
#ifndef AGENTS_RECONCILIATION_AGREEMENT_H
#define AGENTS_RECONCILIATION_AGREEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "agents/reconciliation/invoice.h"
#include "common/base/error.h"
#include "common/json/json.h"

struct arena;

/* The agreed price of one accessorial service. */
struct service_price {
    const char *service;
    struct decimal price;
};

/* The rate agreement of one lane. */
struct lane {
    const char *name;
    struct amount per_mile;
    struct amount fuel_percent_max;
    const char *accessorial;
    struct amount accessorial_max;
};

/* How the freight of a delivery line is stated (SCMS). */
enum freight_kind {
    FREIGHT_UNKNOWN,
    FREIGHT_AMOUNT,
    FREIGHT_REFERENCE, /* stated on another line */
    FREIGHT_INCLUDED,
    FREIGHT_SEPARATE,
};

struct agreement {
    bool known; /* a shipment record exists */
    const char *shipment;
    json_int_t version; /* of the record */
    const char *source; /* for sentences: "the tender", "the rate agreement (synthetic data)" */
    bool tendered;
    bool answered;
    bool accepted;
    const char *currency;
    struct amount total;
    struct amount linehaul;
    struct amount fuel;
    struct amount fuel_percent;
    struct amount accessorials;
    const char *const *services;
    size_t service_count;
    bool has_residential;
    bool residential;
    const struct service_price *prices;
    size_t price_count;
    struct amount weight;
    const char *weight_unit;
    struct amount quantity;
    struct party consignee;
    struct party carrier;
    const char *pickup_from; /* ISO dates */
    const char *deliver_by;
    const char *delivered_on;
    struct party delivered_to;
    enum freight_kind freight;
    bool has_lane;
    struct lane lane;
};

/*
 * Derive the agreement from a shipment record (NULL: none), a lane rate document (NULL: none) and
 * the object of service prices (NULL: none). All must outlive it. Errors: ERR_CORRUPT when the
 * record does not read as we wrote it, ERR_LIMIT when the arena is full.
 */
MUST_CHECK enum err agreement_read(const json_t *record, const json_t *rate, const json_t *prices,
                                   struct arena *arena, struct agreement *ret_agreement,
                                   struct error *err);

/* Whether the agreement lists the service. */
bool agreement_has_service(const struct agreement *agreement, const char *service);

#endif
