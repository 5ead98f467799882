#include "agents/reconciliation/invoice.h"

#include <ctype.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/limits.h"
#include "common/base/str.h"

enum { LINES_MAX = 20000, NAME_KEY_BYTES = 256 };

enum err amount_read(const json_t *object, const char *key, struct amount *ret_amount,
                     struct error *err)
{
    *ret_amount = (struct amount){0};
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return ERR_OK;
    }
    const char *text = json_string_value(value);
    if (text == NULL) {
        return error_set(err, ERR_INVALID, "'%s' is not a decimal number in a string", key);
    }
    enum err code = decimal_parse(text, &ret_amount->value, err);
    if (code != ERR_OK) {
        error_wrap(err, "'%s'", key);
        return code;
    }
    ret_amount->present = true;
    return ERR_OK;
}

struct party party_read(const json_t *object)
{
    const json_t *identifier = json_array_get(json_array_of(object, "identifiers"), 0);
    const json_t *address = json_object_of(object, "address");
    struct party party = {
        .name = json_text_of(object, "name"),
        .id = json_text_of(identifier, "id"),
        .city = json_text_of(address, "city"),
        .postal_code = json_text_of(address, "postalCode"),
    };
    if (party.id == NULL) {
        party.id = json_text_of(object, "scac");
    }
    return party;
}

const char *name_key(struct arena *arena, const char *text)
{
    char key[NAME_KEY_BYTES];
    size_t size = 0;
    bool in_digits = false; /* past the leading zeros of a run of digits */
    for (const char *at = text != NULL ? text : ""; *at != '\0' && size + 1 < sizeof(key); at++) {
        unsigned char byte = (unsigned char)*at;
        bool digit = isdigit(byte) != 0;
        bool leading_zero = byte == '0' && !in_digits && isdigit((unsigned char)at[1]) != 0;
        in_digits = digit && !leading_zero;
        if ((isalnum(byte) != 0 || byte >= 0x80) && !leading_zero) {
            key[size++] = (char)toupper(byte);
        }
    }
    key[size] = '\0';
    const char *result = arena_strdup(arena, key);
    return result != NULL ? result : "";
}

/* Next letter or digit in upper case, or 0 at the end. */
static int next_letter(const char **at)
{
    while (**at != '\0') {
        unsigned char byte = (unsigned char)*(*at)++;
        if (isalnum(byte) != 0 || byte >= 0x80) {
            return toupper(byte);
        }
    }
    return 0;
}

bool name_same(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return false;
    }
    int left;
    int right;
    do {
        left = next_letter(&a);
        right = next_letter(&b);
    } while (left == right && left != 0);
    return left == right;
}

enum charge_kind charge_kind_of(const json_t *charge)
{
    /* X12 element 150 and the air carriers' own codes, as far as documents without a category use
     * them. */

    static const struct {
        const char *code;
        enum charge_kind kind;
    } codes[] = {
        {"FUE", CHARGE_FUEL},     {"FSC", CHARGE_FUEL},     {"405", CHARGE_FUEL},
        {"DSC", CHARGE_DISCOUNT}, {"080", CHARGE_LINEHAUL}, {"400", CHARGE_LINEHAUL},
    };
    static const char *const categories[] = {
        [CHARGE_LINEHAUL] = "linehaul",
        [CHARGE_FUEL] = "fuel",
        [CHARGE_ACCESSORIAL] = "accessorial",
        [CHARGE_DISCOUNT] = "discount",
    };
    const char *category = json_text_of(charge, "category");
    for (unsigned i = CHARGE_LINEHAUL; category != NULL && i <= CHARGE_DISCOUNT; i++) {
        if (strcmp(categories[i], category) == 0) {
            return (enum charge_kind)i;
        }
    }
    const char *code = json_text_of(charge, "code");
    for (size_t i = 0; code != NULL && i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(codes[i].code, code) == 0) {
            return codes[i].kind;
        }
    }
    if (json_bool_of(charge, "discount", false)) {
        return CHARGE_DISCOUNT;
    }
    return code == NULL ? CHARGE_LINEHAUL : CHARGE_ACCESSORIAL;
}

/* X12 element 122. */
static enum rate_basis basis_of(const json_t *charge)
{
    static const struct {
        const char *qualifier;
        enum rate_basis basis;
    } bases[] = {
        {"PH", RATE_PER_HUNDREDWEIGHT}, {"CW", RATE_PER_HUNDREDWEIGHT}, {"FR", RATE_FLAT},
        {"LB", RATE_PER_POUND},         {"PM", RATE_PER_MILE},
    };
    const char *qualifier = json_text_of(charge, "rateQualifier");
    for (size_t i = 0; qualifier != NULL && i < sizeof(bases) / sizeof(bases[0]); i++) {
        if (strcmp(bases[i].qualifier, qualifier) == 0) {
            return bases[i].basis;
        }
    }
    return RATE_NONE;
}

static enum err read_charge(const json_t *source, struct charge *charge, struct error *err)
{
    const json_t *rated = json_object_of(source, "ratedAs");
    *charge = (struct charge){
        .id = json_text_of(source, "lineId"),
        .description = json_text_of(source, "description"),
        .kind = charge_kind_of(source),
        .basis = basis_of(source),
    };
    TRY(amount_read(source, "amount", &charge->amount, err));
    TRY(amount_read(source, "rate", &charge->rate, err));
    return amount_read(rated, "value", &charge->rated_quantity, err);
}

/* Charges less allowances of a line. */
static enum err read_adjustments(const json_t *source, struct charge *line, struct error *err)
{
    const json_t *list = json_array_of(source, "allowancesAndCharges");
    line->adjustments = (struct amount){.value = decimal_of(0, 0)};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        struct amount amount;
        TRY(amount_read(entry, "amount", &amount, err));
        if (!amount.present) {
            continue;
        }
        struct decimal *sum = &line->adjustments.value;
        line->adjustments.present = true;
        TRY(json_bool_of(entry, "isCharge", false) ? decimal_add(*sum, amount.value, sum, err)
                                                   : decimal_sub(*sum, amount.value, sum, err));
    }
    return ERR_OK;
}

static enum err read_line(const json_t *source, struct charge *line, struct error *err)
{
    *line = (struct charge){
        .id = json_text_of(source, "lineId"),
        .description = json_text_of(source, "itemName"),
        .kind = CHARGE_GOODS,
    };
    TRY(amount_read(source, "netAmount", &line->amount, err));
    TRY(amount_read(source, "invoicedQuantity", &line->quantity, err));
    TRY(amount_read(source, "netPrice", &line->price, err));
    TRY(amount_read(source, "priceBaseQuantity", &line->base_quantity, err));
    return read_adjustments(source, line, err);
}

static enum err read_lines(const json_t *document, struct arena *arena, struct invoice *invoice,
                           struct error *err)
{
    const json_t *charges = json_array_of(document, "charges");
    const json_t *lines = json_array_of(document, "lines");
    size_t count = json_array_size(charges) + json_array_size(lines);
    if (count > LINES_MAX) {
        return error_set(err, ERR_LIMIT, "the invoice has %zu lines, %d are allowed", count,
                         LINES_MAX);
    }
    struct charge *all = ARENA_ARRAY(arena, struct charge, count + 1);
    if (all == NULL) {
        return error_set(err, ERR_LIMIT, "the invoice does not fit the memory of one check");
    }
    size_t filled = 0;
    for (size_t i = 0; i < json_array_size(lines); i++) {
        TRY(read_line(json_array_get(lines, i), &all[filled++], err));
    }
    for (size_t i = 0; i < json_array_size(charges); i++) {
        TRY(read_charge(json_array_get(charges, i), &all[filled++], err));
    }
    invoice->lines = all;
    invoice->line_count = filled;
    return ERR_OK;
}

static enum err read_taxes(const json_t *document, struct arena *arena, struct invoice *invoice,
                           struct error *err)
{
    const json_t *taxes = json_array_of(document, "taxBreakdown");
    size_t count = json_array_size(taxes);
    struct tax_part *parts = ARENA_ARRAY(arena, struct tax_part, count + 1);
    if (parts == NULL) {
        return error_set(err, ERR_LIMIT, "the invoice does not fit the memory of one check");
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *source = json_array_get(taxes, i);
        TRY(amount_read(source, "taxableAmount", &parts[i].base, err));
        TRY(amount_read(source, "vatRate", &parts[i].percent, err));
        TRY(amount_read(source, "taxAmount", &parts[i].tax, err));
    }
    invoice->taxes = parts;
    invoice->tax_count = count;
    return ERR_OK;
}

static enum err read_totals(const json_t *document, struct invoice *invoice, struct error *err)
{
    const json_t *totals = json_object_of(document, "totals");
    TRY(amount_read(totals, "payable", &invoice->total, err));
    TRY(amount_read(totals, "lineExtension", &invoice->lines_total, err));
    TRY(amount_read(totals, "allowances", &invoice->allowances, err));
    TRY(amount_read(totals, "charges", &invoice->charges, err));
    TRY(amount_read(totals, "taxExclusive", &invoice->net, err));
    TRY(amount_read(totals, "tax", &invoice->tax, err));
    TRY(amount_read(totals, "taxInclusive", &invoice->gross, err));
    TRY(amount_read(totals, "prepaid", &invoice->prepaid, err));
    return amount_read(totals, "rounding", &invoice->rounding, err);
}

/* The number in front of the only '%' of a text: "FUEL SUR CHG  00.72%" is 0.72. */
static bool percent_in(const char *text, struct amount *ret_percent)
{
    const char *sign = text != NULL ? strchr(text, '%') : NULL;
    if (sign == NULL || strchr(sign + 1, '%') != NULL) {
        return false;
    }
    const char *start = sign;
    while (start > text && (isdigit((unsigned char)start[-1]) != 0 || start[-1] == '.')) {
        start--;
    }
    char number[DECIMAL_TEXT_BYTES];
    size_t size = (size_t)(sign - start);
    if (size == 0 || size >= sizeof(number)) {
        return false;
    }
    memcpy(number, start, size);
    number[size] = '\0';
    ret_percent->present = decimal_parse(number, &ret_percent->value, NULL) == ERR_OK;
    return ret_percent->present;
}

/* The percentage of the fuel surcharge, when the invoice has one such charge that states it. */
static enum err read_fuel(const json_t *document, struct invoice *invoice, struct error *err)
{
    const json_t *charges = json_array_of(document, "charges");
    const json_t *fuel = NULL;
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(charges); i++) {
        const json_t *charge = json_array_get(charges, i);
        if (charge_kind_of(charge) == CHARGE_FUEL) {
            fuel = charge;
            found++;
        }
    }
    if (found != 1) {
        return ERR_OK;
    }
    TRY(amount_read(fuel, "percent", &invoice->fuel_percent, err));
    if (!invoice->fuel_percent.present) {
        (void)percent_in(json_text_of(fuel, "description"), &invoice->fuel_percent);
    }
    return ERR_OK;
}

static enum err read_shipment(const json_t *document, struct invoice *invoice, struct error *err)
{
    const json_t *shipment = json_object_of(document, "shipment");
    const json_t *weight = json_object_of(shipment, "weight");
    invoice->shipment = json_text_of(shipment, "loadNumber");
    invoice->consignee = party_read(json_object_of(shipment, "consignee"));
    invoice->origin = party_read(json_object_of(shipment, "shipper")).city;
    invoice->destination = invoice->consignee.city;
    invoice->weight_unit = json_text_of(weight, "unit");
    TRY(amount_read(weight, "value", &invoice->weight, err));
    TRY(amount_read(shipment, "pieces", &invoice->quantity, err));
    TRY(amount_read(shipment, "shipmentsDeclared", &invoice->declared_shipments, err));
    const json_t *packages = json_array_of(shipment, "packages");
    if (packages != NULL) {
        invoice->present_shipments = (struct amount){
            .present = true,
            .value = decimal_of((int64_t)json_array_size(packages), 0),
        };
    }
    return ERR_OK;
}

enum err invoice_read(const json_t *document, struct arena *arena, struct invoice *ret_invoice,
                      struct error *err)
{
    const char *type = json_text_of(document, "typeCode");
    *ret_invoice = (struct invoice){
        .number = json_text_of(document, "invoiceNumber"),
        .currency = json_text_of(document, "currency"),
        .issue_date = json_text_of(document, "issueDate"),
        .credit_note = text_equal(type, "381"),
        .seller = party_read(json_object_of(document, "seller")),
        .buyer = party_read(json_object_of(document, "buyer")),
    };
    if (ret_invoice->number == NULL || ret_invoice->number[0] == '\0') {
        return error_set(err, ERR_INVALID, "the invoice has no number (/invoiceNumber)");
    }
    TRY(read_totals(document, ret_invoice, err));
    TRY(read_lines(document, arena, ret_invoice, err));
    TRY(read_taxes(document, arena, ret_invoice, err));
    TRY(read_fuel(document, ret_invoice, err));
    return read_shipment(document, ret_invoice, err);
}
