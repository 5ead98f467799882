/*
 * Freight invoices with billed and expected amounts side by side. A record gives two documents that
 * share nothing but the shipment: the invoice, from the billed columns, and what was agreed, from
 * the expected ones, so that no check compares an invoice with itself. Columns that label errors
 * for training are not part of either.
 */
#include <stdio.h>
#include <string.h>

#include "agents/extraction/dates.h"
#include "agents/extraction/rows.h"

static void set_date(struct draft *draft, const struct row *row, json_t *object, const char *key,
                     const char *column)
{
    const char *text = row_value(row, column);
    char date[DATE_TEXT_BYTES];
    if (text[0] == '\0') {
        return;
    }
    if (!date_from_iso(text, date)) {
        draft_fail(draft, ERR_INVALID, row_origin(row, column),
                   "'%.40s' is not a date as yyyy-mm-dd", text);
        return;
    }
    draft_set_text(draft, object, key, date);
}

static void need_text(struct draft *draft, const struct row *row, json_t *object, const char *key,
                      const char *column)
{
    if (row_value(row, column)[0] == '\0') {
        draft_fail(draft, ERR_INVALID, row_origin(row, column), "the value is missing");
    }
    row_set_text(draft, row, object, key, column);
}

static void need_decimal(struct draft *draft, const struct row *row, json_t *object,
                         const char *key, const char *column)
{
    if (row_value(row, column)[0] == '\0') {
        draft_fail(draft, ERR_INVALID, row_origin(row, column), "the amount is missing");
    }
    row_set_decimal(draft, row, object, key, column);
}

static void set_measure(struct draft *draft, const struct row *row, json_t *object, const char *key,
                        const char *column, const char *unit)
{
    if (row_value(row, column)[0] != '\0') {
        json_t *measure = draft_object(draft, object, key);
        row_set_decimal(draft, row, measure, "value", column);
        draft_set_text(draft, measure, "unit", unit);
    }
}

static void set_place(struct draft *draft, const struct row *row, json_t *object, const char *key,
                      const char *city, const char *postal_code)
{
    json_t *party = draft_object(draft, object, key);
    json_t *address = draft_object(draft, party, "address");
    row_set_text(draft, row, address, "city", city);
    if (postal_code != NULL) {
        row_set_text(draft, row, address, "postalCode", postal_code);
    }
    draft_drop_empty(party, "address");
    draft_drop_empty(object, key);
}

/* "a,b" as two services. */
static void set_services(struct draft *draft, const struct row *row, json_t *object)
{
    const char *at = row_value(row, "accessorial_services");
    while (*at != '\0') {
        size_t size = strcspn(at, ",");
        char service[64];
        if (size >= sizeof(service)) {
            draft_fail(draft, ERR_LIMIT, row_origin(row, "accessorial_services"),
                       "a service name is longer than 63 bytes");
            return;
        }
        memcpy(service, at, size);
        service[size] = '\0';
        draft_append_text(draft, draft_array(draft, object, "services"), service);
        at += size;
        at += *at == ',' ? 1 : 0;
    }
}

static void set_shipment(struct draft *draft, const struct row *row, json_t *shipment)
{
    json_t *carrier = draft_object(draft, shipment, "carrier");
    row_set_text(draft, row, carrier, "name", "carrier");
    set_date(draft, row, shipment, "pickupDate", "shipment_date");
    set_place(draft, row, shipment, "shipper", "origin_city", "origin_zip");
    set_place(draft, row, shipment, "consignee", "dest_city", "dest_zip");
    set_measure(draft, row, shipment, "distance", "distance_miles", "SMI");
    set_measure(draft, row, shipment, "weight", "weight_lbs", "LBR");
    const char *residential = row_value(row, "is_residential");
    if (strcmp(residential, "True") == 0 || strcmp(residential, "False") == 0) {
        draft_set_bool(draft, shipment, "residential", residential[0] == 'T');
    } else if (residential[0] != '\0') {
        draft_fail(draft, ERR_INVALID, row_origin(row, "is_residential"),
                   "'%.20s' is neither True nor False", residential);
    }
    set_services(draft, row, shipment);
}

struct charge_column {
    const char *category;
    const char *description;
    const char *column;
};

/* The charges of the object at `parent`, a JSON pointer into the draft. */
static void set_charges(struct draft *draft, const struct row *row, const char *parent,
                        const struct charge_column *columns, size_t count)
{
    json_t *object = json_pointer_get(draft->root, parent);
    json_t *charges = draft_array(draft, object, "charges");
    for (size_t i = 0; i < count; i++) {
        json_t *charge = draft_append_object(draft, charges);
        char field[40];
        draft_set_text(draft, charge, "category", columns[i].category);
        draft_set_text(draft, charge, "description", columns[i].description);
        need_decimal(draft, row, charge, "amount", columns[i].column);
        draft_set_bool(draft, charge, "discount", false);
        (void)snprintf(field, sizeof(field), "%s/charges/%zu/amount", parent, i);
        row_evidence(draft, row, field, columns[i].column);
    }
}

void freight_map_invoice(struct draft *draft, const struct row *row)
{
    static const struct charge_column columns[] = {
        {"linehaul", "line haul", "actual_billed_linehaul"},
        {"fuel", "fuel surcharge", "actual_billed_fuel"},
        {"accessorial", "accessorial services", "actual_billed_accessorials"},
    };
    json_t *root = draft->root;
    draft_set_text(draft, root, "documentType", "freightInvoice");
    need_text(draft, row, root, "invoiceNumber", "invoice_id");
    row_evidence(draft, row, "/invoiceNumber", "invoice_id");
    json_t *seller = draft_object(draft, root, "seller");
    need_text(draft, row, seller, "name", "carrier");
    row_evidence(draft, row, "/seller/name", "carrier");
    set_shipment(draft, row, draft_object(draft, root, "shipment"));
    set_charges(draft, row, "", columns, sizeof(columns) / sizeof(columns[0]));
    json_t *totals = draft_object(draft, root, "totals");
    need_decimal(draft, row, totals, "payable", "actual_total_billed");
    row_evidence(draft, row, "/totals/payable", "actual_total_billed");
    draft_warn(draft, "currency", 0.95, row_origin(row, NULL), "no currency is stated");
}

void freight_map_shipment(struct draft *draft, const struct row *row)
{
    static const struct charge_column columns[] = {
        {"linehaul", "line haul", "expected_linehaul"},
        {"fuel", "fuel surcharge", "expected_fuel_surcharge"},
        {"accessorial", "accessorial services", "expected_accessorials"},
    };
    json_t *root = draft->root;
    need_text(draft, row, root, "shipmentId", "invoice_id");
    row_evidence(draft, row, "/shipmentId", "invoice_id");
    set_shipment(draft, row, root);
    json_t *agreed = draft_object(draft, root, "agreed");
    set_charges(draft, row, "/agreed", columns, sizeof(columns) / sizeof(columns[0]));
    row_set_decimal(draft, row, agreed, "fuelPercent", "expected_fuel_rate_pct");
    need_decimal(draft, row, agreed, "total", "expected_total");
    row_evidence(draft, row, "/agreed/total", "expected_total");
}

/* Amounts these invoices leave out follow from what they state; the evidence says so. */
static void set_derived(struct draft *draft, const struct row *row, json_t *charge,
                        const char *field, struct decimal value, const char *how)
{
    char text[DECIMAL_TEXT_BYTES];
    draft_set_decimal(draft, charge, "amount", value);
    draft_set_bool(draft, charge, "discount", false);
    draft_set_bool(draft, charge, "derived", true);
    draft_evidence(draft, field, row_origin(row, NULL), decimal_print(value, text), 0.9, how);
}

static bool read_column(struct draft *draft, const struct row *row, const char *column,
                        struct decimal *ret_value)
{
    struct error err = {0};
    if (decimal_parse(row_value(row, column), ret_value, &err) != ERR_OK) {
        draft_fail(draft, ERR_INVALID, row_origin(row, column), "%s", err.message);
        return false;
    }
    return true;
}

static enum err lane_amounts(struct decimal miles, struct decimal rate, struct decimal percent,
                             struct decimal accessorial, struct decimal out[3], struct error *err)
{
    struct decimal exact;
    TRY(decimal_mul(miles, rate, &exact, err));
    TRY(decimal_round(exact, 2, DECIMAL_HALF_UP, &out[0], err));
    TRY(decimal_mul(out[0], percent, &exact, err));
    TRY(decimal_mul(exact, decimal_of(1, 2), &exact, err));
    TRY(decimal_round(exact, 2, DECIMAL_HALF_UP, &out[1], err));
    TRY(decimal_add(out[0], out[1], &out[2], err));
    return decimal_add(out[2], accessorial, &out[2], err);
}

static void lane_charges(struct draft *draft, const struct row *row)
{
    struct decimal miles;
    struct decimal rate;
    struct decimal percent;
    struct decimal accessorial;
    struct decimal amounts[3]; /* line haul, fuel, total */
    if (!read_column(draft, row, "miles_billed", &miles) ||
        !read_column(draft, row, "rate_billed_per_mile", &rate) ||
        !read_column(draft, row, "fuel_surcharge_pct", &percent) ||
        !read_column(draft, row, "accessorial_amount", &accessorial)) {
        return;
    }
    struct error err = {0};
    if (lane_amounts(miles, rate, percent, accessorial, amounts, &err) != ERR_OK) {
        draft_fail(draft, ERR_LIMIT, row_origin(row, "miles_billed"), "%s", err.message);
        return;
    }
    json_t *charges = draft_array(draft, draft->root, "charges");
    json_t *charge = draft_append_object(draft, charges);
    draft_set_text(draft, charge, "category", "linehaul");
    row_set_decimal(draft, row, charge, "rate", "rate_billed_per_mile");
    draft_set_text(draft, charge, "rateQualifier", "PM");
    set_measure(draft, row, charge, "ratedAs", "miles_billed", "SMI");
    set_derived(draft, row, charge, "/charges/0/amount", amounts[0],
                "miles billed x rate billed per mile");
    charge = draft_append_object(draft, charges);
    draft_set_text(draft, charge, "category", "fuel");
    row_set_decimal(draft, row, charge, "percent", "fuel_surcharge_pct");
    set_derived(draft, row, charge, "/charges/1/amount", amounts[1],
                "fuel percent of the line haul");
    charge = draft_append_object(draft, charges);
    draft_set_text(draft, charge, "category", "accessorial");
    row_set_text(draft, row, charge, "description", "accessorial_desc");
    row_set_decimal(draft, row, charge, "amount", "accessorial_amount");
    draft_set_bool(draft, charge, "discount", false);
    row_evidence(draft, row, "/charges/2/amount", "accessorial_amount");
    char text[DECIMAL_TEXT_BYTES];
    json_t *totals = draft_object(draft, draft->root, "totals");
    draft_set_decimal(draft, totals, "payable", amounts[2]);
    draft_evidence(draft, "/totals/payable", row_origin(row, NULL), decimal_print(amounts[2], text),
                   0.9, "sum of the charges; no total is stated");
}

void lane_map_invoice(struct draft *draft, const struct row *row)
{
    json_t *root = draft->root;
    draft_set_text(draft, root, "documentType", "freightInvoice");
    need_text(draft, row, root, "invoiceNumber", "invoice_id");
    row_evidence(draft, row, "/invoiceNumber", "invoice_id");
    json_t *shipment = draft_object(draft, root, "shipment");
    need_text(draft, row, shipment, "loadNumber", "load_id");
    row_evidence(draft, row, "/shipment/loadNumber", "load_id");
    set_place(draft, row, shipment, "shipper", "origin", NULL);
    set_place(draft, row, shipment, "consignee", "destination", NULL);
    set_measure(draft, row, shipment, "distance", "miles_billed", "SMI");
    lane_charges(draft, row);
    draft_warn(draft, "currency", 0.95, row_origin(row, NULL), "no currency is stated");
}

void lane_map_rate(struct draft *draft, const struct row *row)
{
    json_t *root = draft->root;
    need_text(draft, row, root, "lane", "contract_lane_desc");
    row_evidence(draft, row, "/lane", "contract_lane_desc");
    row_set_text(draft, row, root, "origin", "origin");
    row_set_text(draft, row, root, "destination", "destination");
    need_decimal(draft, row, root, "ratePerMile", "contract_rate_per_mile");
    row_evidence(draft, row, "/ratePerMile", "contract_rate_per_mile");
    row_set_decimal(draft, row, root, "fuelPercentMax", "allowed_fuel_surcharge_pct");
    row_evidence(draft, row, "/fuelPercentMax", "allowed_fuel_surcharge_pct");
    if (row_value(row, "allowed_accessorial_desc")[0] != '\0') {
        json_t *list = draft_array(draft, root, "accessorials");
        json_t *accessorial = draft_append_object(draft, list);
        row_set_text(draft, row, accessorial, "description", "allowed_accessorial_desc");
        row_set_decimal(draft, row, accessorial, "amountMax", "allowed_accessorial_cap");
    }
}
