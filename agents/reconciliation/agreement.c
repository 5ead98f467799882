#include "agents/reconciliation/agreement.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/str.h"

enum { SERVICES_MAX = 32 };

bool agreement_has_service(const struct agreement *agreement, const char *service)
{
    for (size_t i = 0; i < agreement->service_count; i++) {
        if (text_equal(agreement->services[i], service)) {
            return true;
        }
    }
    return false;
}

/* Take `value` unless a document recorded with more authority already gave one. */
static void prefer(struct amount *amount, struct amount value)
{
    if (!amount->present) {
        *amount = value;
    }
}

static enum err read_tender(const json_t *tender, struct agreement *agreement, struct error *err)
{
    if (tender == NULL) {
        return ERR_OK;
    }
    const json_t *totals = json_object_of(tender, "totals");
    const json_t *weight = json_object_of(tender, "weight");
    agreement->tendered = true;
    agreement->source = "the tender";
    agreement->currency = json_text_of(tender, "currency");
    agreement->consignee = party_read(json_object_of(tender, "consignee"));
    agreement->carrier = party_read(json_object_of(tender, "carrier"));
    agreement->pickup_from = json_text_of(json_object_of(tender, "pickupWindow"), "earliest");
    agreement->deliver_by = json_text_of(json_object_of(tender, "deliveryWindow"), "latest");
    agreement->weight_unit = json_text_of(weight, "unit");
    TRY(amount_read(totals, "charge", &agreement->total, err));
    TRY(amount_read(weight, "value", &agreement->weight, err));
    return amount_read(tender, "pieces", &agreement->quantity, err);
}

static void read_status(const json_t *record, struct agreement *agreement)
{
    const json_t *statuses = json_array_of(record, "statuses");
    for (size_t i = 0; i < json_array_size(statuses); i++) {
        const json_t *status = json_array_get(statuses, i);
        const char *delivered = json_text_of(status, "deliveredAt");
        if (delivered != NULL) {
            agreement->delivered_on = delivered;
            agreement->delivered_to = party_read(json_object_of(status, "consignee"));
        }
    }
}

static enum freight_kind freight_kind_of(const char *text)
{
    static const struct {
        const char *text;
        enum freight_kind kind;
    } kinds[] = {
        {"amount", FREIGHT_AMOUNT},
        {"reference", FREIGHT_REFERENCE},
        {"included", FREIGHT_INCLUDED},
        {"invoicedSeparately", FREIGHT_SEPARATE},
    };
    for (size_t i = 0; text != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].text, text) == 0) {
            return kinds[i].kind;
        }
    }
    return FREIGHT_UNKNOWN;
}

static enum err read_services(const json_t *shipment, struct arena *arena,
                              struct agreement *agreement, struct error *err)
{
    const json_t *services = json_array_of(shipment, "services");
    size_t count = json_array_size(services);
    if (count > SERVICES_MAX) {
        return error_set(err, ERR_LIMIT, "a shipment has %zu services, %d are allowed", count,
                         SERVICES_MAX);
    }
    const char **texts = ARENA_ARRAY(arena, const char *, count + 1);
    if (texts == NULL) {
        return error_set(err, ERR_LIMIT, "the shipment does not fit the memory of one check");
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(services, i));
        texts[i] = text != NULL ? text : "";
    }
    agreement->services = texts;
    agreement->service_count = count;
    return ERR_OK;
}

/* The agreed charges by kind. */
static enum err read_charges(const json_t *agreed, struct agreement *agreement, struct error *err)
{
    const json_t *charges = json_array_of(agreed, "charges");
    for (size_t i = 0; i < json_array_size(charges); i++) {
        const json_t *charge = json_array_get(charges, i);
        enum charge_kind kind = charge_kind_of(charge);
        struct amount *amount = kind == CHARGE_LINEHAUL      ? &agreement->linehaul
                                : kind == CHARGE_FUEL        ? &agreement->fuel
                                : kind == CHARGE_ACCESSORIAL ? &agreement->accessorials
                                                             : NULL;
        if (amount != NULL) {
            TRY(amount_read(charge, "amount", amount, err));
        }
    }
    TRY(amount_read(agreed, "fuelPercent", &agreement->fuel_percent, err));
    struct amount total;
    TRY(amount_read(agreed, "total", &total, err));
    prefer(&agreement->total, total);
    return ERR_OK;
}

/* How the freight of a delivery line is stated, and its own weight. */
static enum err read_freight(const json_t *shipment, struct agreement *agreement, struct error *err)
{
    const json_t *freight = json_object_of(shipment, "freight");
    const json_t *weight = json_object_of(shipment, "weight");
    struct amount value;
    agreement->freight = freight_kind_of(json_text_of(freight, "kind"));
    TRY(amount_read(freight, "amount", &value, err));
    prefer(&agreement->total, value);
    if (agreement->currency == NULL) {
        agreement->currency = json_text_of(freight, "currency");
    }
    TRY(amount_read(weight, "value", &value, err));
    if (!agreement->weight.present) {
        agreement->weight_unit = json_text_of(weight, "unit");
    }
    prefer(&agreement->weight, value);
    return ERR_OK;
}

static enum err read_delivery(const json_t *record, struct arena *arena,
                              struct agreement *agreement, struct error *err)
{
    const json_t *shipment = json_object_of(record, "delivery");
    if (shipment == NULL) {
        return ERR_OK;
    }
    const json_t *agreed = json_object_of(shipment, "agreed");
    if (agreement->source == NULL && agreed != NULL) {
        agreement->source = json_bool_of(record, "synthetic", false)
                                ? "the rate agreement (synthetic data)"
                                : "the rate agreement";
    } else if (agreement->source == NULL) {
        agreement->source = "the delivery record";
    }
    TRY(read_charges(agreed, agreement, err));
    TRY(read_freight(shipment, agreement, err));
    const json_t *residential = json_object_get(shipment, "residential");
    agreement->has_residential = json_is_boolean(residential);
    agreement->residential = json_is_true(residential);
    if (agreement->carrier.name == NULL && agreement->carrier.id == NULL) {
        agreement->carrier = party_read(json_object_of(shipment, "carrier"));
    }
    if (agreement->pickup_from == NULL) {
        agreement->pickup_from = json_text_of(shipment, "pickupDate");
    }
    if (agreement->deliver_by == NULL) {
        agreement->deliver_by = json_text_of(shipment, "scheduledDeliveryDate");
    }
    if (agreement->delivered_on == NULL) {
        agreement->delivered_on = json_text_of(shipment, "deliveryDate");
    }
    return read_services(shipment, arena, agreement, err);
}

static enum err read_lane(const json_t *rate, struct agreement *agreement, struct error *err)
{
    if (rate == NULL) {
        return ERR_OK;
    }
    struct lane *lane = &agreement->lane;
    agreement->has_lane = true;
    lane->name = json_text_of(rate, "lane");
    lane->name = lane->name != NULL ? lane->name : "this lane";
    const json_t *accessorial = json_array_get(json_array_of(rate, "accessorials"), 0);
    lane->accessorial = json_text_of(accessorial, "description");
    if (agreement->source == NULL) {
        agreement->source = "the rate agreement";
    }
    TRY(amount_read(rate, "ratePerMile", &lane->per_mile, err));
    TRY(amount_read(rate, "fuelPercentMax", &lane->fuel_percent_max, err));
    return amount_read(accessorial, "amountMax", &lane->accessorial_max, err);
}

static enum err read_prices(const json_t *prices, struct arena *arena, struct agreement *agreement,
                            struct error *err)
{
    size_t count = json_object_size(prices);
    struct service_price *all = ARENA_ARRAY(arena, struct service_price, count + 1);
    if (all == NULL) {
        return error_set(err, ERR_LIMIT, "the service prices do not fit the memory of one check");
    }
    size_t filled = 0;
    const char *service;
    const json_t *price;
    json_object_foreach(json_mutable(prices), service, price)
    {
        const char *text = json_string_value(price);
        /* null: two shipments disagreed about the price, so nobody knows it */
        if (text != NULL && decimal_parse(text, &all[filled].price, err) == ERR_OK) {
            all[filled++].service = service;
        }
    }
    agreement->prices = all;
    agreement->price_count = filled;
    return ERR_OK;
}

enum err agreement_read(const json_t *record, const json_t *rate, const json_t *prices,
                        struct arena *arena, struct agreement *ret_agreement, struct error *err)
{
    *ret_agreement = (struct agreement){
        .known = record != NULL,
        .shipment = json_text_of(record, "shipment"),
        .version = json_int_of(record, "version", 0),
    };
    const json_t *response = json_object_of(record, "response");
    ret_agreement->answered = response != NULL;
    ret_agreement->accepted = json_bool_of(response, "accepted", false);
    TRY(read_tender(json_object_of(record, "tender"), ret_agreement, err));
    read_status(record, ret_agreement);
    TRY(read_delivery(record, arena, ret_agreement, err));
    TRY(read_lane(rate, ret_agreement, err));
    TRY(read_prices(prices, arena, ret_agreement, err));
    if (ret_agreement->source == NULL) {
        ret_agreement->source = "the ledger";
    }
    return ERR_OK;
}
