/* X12 210 (motor carrier freight details and invoice) and 110 (air freight details and invoice). */
#include <stdio.h>
#include <string.h>

#include "agents/extraction/x12_map.h"
#include "common/base/str.h"

struct invoice_map {
    struct draft *draft;
    json_t *shipment;
    json_t *charges;
    json_t *totals;
    json_t *party;                   /* the party N2, N3, N4 add to; NULL before the first N1 */
    const struct x12_segment *rated; /* the last L0 of this line */
    json_t *package;                 /* 110: the package the charges belong to */
    bool header_seen;                /* B3 */
    bool total_seen;                 /* L3 */
    bool details;                    /* after the first LX */
    bool air;                        /* 110 */
    char description[256];           /* L5-02 of this line */
    char freight_class[16];
    struct decimal sum;
};

/* Which of two headers or totals is meant would be a guess. */
static void refuse_second(struct invoice_map *map, const struct x12_segment *segment, bool seen)
{
    struct x12_place place;
    if (seen) {
        draft_fail(map->draft, ERR_INVALID, x12_origin(segment, 0, &place),
                   "the segment is there a second time; an invoice has one");
    }
}

static void map_header(struct invoice_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    json_t *root = draft->root;
    refuse_second(map, segment, map->header_seen);
    map->header_seen = true;
    draft_set_text(draft, root, "documentType", "freightInvoice");
    x12_need_text(draft, root, "invoiceNumber", segment, 2, "/invoiceNumber");
    draft_set_text(draft, root, "typeCode", "780");
    struct x12_place place;
    draft_evidence(draft, "/typeCode", x12_origin(segment, 0, &place), segment->elements[0], 1.0,
                   "a freight bill is UNTDID 1001 code 780");
    if (x12_element(segment, 6)[0] == '\0') {
        struct origin origin = x12_origin(segment, 6, &place);
        draft_fail(draft, ERR_INVALID, origin, "invoice date is missing");
    }
    x12_set_date(draft, root, "issueDate", segment, 6, "/issueDate");
    x12_set_text(draft, root, "paymentMethodCode", segment, 4, NULL);
    x12_set_text(draft, root, "correctionCode", segment, 8, NULL);
    x12_need_text(draft, map->totals, "payable", segment, 7, "/totals/payable");
    x12_set_decimal(draft, map->totals, "payable", segment, 7, X12_CENTS);
    x12_set_text(draft, map->shipment, "loadNumber", segment, 3, "/shipment/loadNumber");
    if (strcmp(x12_element(segment, 10), "035") == 0) {
        x12_set_date(draft, map->shipment, "deliveryDate", segment, 9, "/shipment/deliveryDate");
    }
    if (x12_element(segment, 11)[0] != '\0') {
        json_t *carrier = draft_object(draft, map->shipment, "carrier");
        x12_set_text(draft, carrier, "scac", segment, 11, "/shipment/carrier/scac");
        json_t *seller = draft_object(draft, root, "seller");
        json_t *identifiers = draft_array(draft, seller, "identifiers");
        json_t *identifier = draft_append_object(draft, identifiers);
        x12_set_text(draft, identifier, "id", segment, 11, NULL);
        draft_set_text(draft, identifier, "scheme", "SCAC");
    }
}

/* A 110 carries one consignee for each package; its first shipper and consignee are also the
 * document's. */
static void open_package(struct invoice_map *map)
{
    struct draft *draft = map->draft;
    json_t *packages = draft_array(draft, map->shipment, "packages");
    map->package = draft_append_object(draft, packages);
    char sequence[24];
    (void)snprintf(sequence, sizeof(sequence), "%zu", json_array_size(packages));
    draft_set_text(draft, map->package, "sequence", sequence);
    map->party = draft_object(draft, map->package, "consignee");
}

static const char *party_field(const char *key)
{
    if (strcmp(key, "shipper") == 0) {
        return "/shipment/shipper/name";
    }
    return strcmp(key, "consignee") == 0 ? "/shipment/consignee/name" : "/buyer/name";
}

static void map_party(struct invoice_map *map, const struct x12_segment *segment)
{
    static const struct {
        const char *code;
        const char *key;
        bool of_shipment;
    } roles[] = {
        {"SH", "shipper", true},   {"SF", "shipper", true}, {"CN", "consignee", true},
        {"ST", "consignee", true}, {"BT", "buyer", false},  {"RI", "payee", false},
        {"RE", "payee", false},
    };
    struct draft *draft = map->draft;
    const char *code = x12_element(segment, 1);
    map->party = NULL;
    if (map->air && map->details && strcmp(code, "CN") == 0) {
        open_package(map);
        x12_party_add(draft, map->party, segment);
    }
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        json_t *home = roles[i].of_shipment ? map->shipment : draft->root;
        if (strcmp(roles[i].code, code) != 0 || json_object_get(home, roles[i].key) != NULL) {
            continue;
        }
        json_t *party = draft_object(draft, home, roles[i].key);
        x12_party_add(draft, party, segment);
        if (strcmp(roles[i].key, "payee") != 0) {
            struct x12_place place;
            struct origin origin = x12_origin(segment, 2, &place);
            const char *field = party_field(roles[i].key);
            draft_evidence(draft, field, origin, x12_element(segment, 2), 1.0, NULL);
        }
        map->party = map->party == NULL ? party : map->party;
    }
}

/* The first consignee of a 110 is the document's as well, with its address. */
static void map_address(struct invoice_map *map, const struct x12_segment *segment)
{
    if (map->party == NULL) {
        return;
    }
    x12_party_add(map->draft, map->party, segment);
    json_t *first = json_array_get(json_object_get(map->shipment, "packages"), 0);
    if (first != NULL && first == map->package &&
        map->party == json_object_get(map->package, "consignee")) {
        x12_party_add(map->draft, json_object_get(map->shipment, "consignee"), segment);
    }
}

static void open_line(struct invoice_map *map)
{
    map->details = true;
    map->rated = NULL;
    map->description[0] = '\0';
    map->freight_class[0] = '\0';
}

static void add_description(struct invoice_map *map, const struct x12_segment *segment)
{
    char joined[sizeof(map->description)];
    const char *more = x12_element(segment, 2);
    bool both = map->description[0] != '\0' && more[0] != '\0';
    (void)snprintf(joined, sizeof(joined), "%.120s%s%.120s", map->description, both ? "; " : "",
                   more);
    size_t size = strlen(joined);
    while (size > 0 && !utf8_valid(joined, size)) {
        joined[--size] = '\0';
    }
    memcpy(map->description, joined, sizeof(joined));
}

/* What a charge was rated on: L1-17, else the quantity or the weight of the line's L0. */
static void map_rated_as(struct invoice_map *map, json_t *charge, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    if (x12_element(segment, 17)[0] != '\0') {
        struct x12_measure at = {.value = 17, .unit = 18};
        x12_set_measure(draft, charge, "ratedAs", segment, at);
    } else if (map->rated != NULL && x12_element(map->rated, 2)[0] != '\0') {
        struct x12_measure at = {.value = 2, .unit = 3};
        x12_set_measure(draft, charge, "ratedAs", map->rated, at);
    } else if (map->rated != NULL) {
        struct x12_measure at = {.value = 4, .unit = 11, .qualifier = 5};
        x12_set_measure(draft, charge, "ratedAs", map->rated, at);
    }
}

/* The kind of charge where the code says it (data element 150); a charge without a code is the line
 * haul itself. */
static const char *category_of(const char *code)
{
    static const struct {
        const char *code;
        const char *category;
    } codes[] = {
        {"", "linehaul"},
        {"DSC", "discount"},
        {"FUE", "fuel"},
        {"405", "fuel"},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(codes[i].code, code) == 0) {
            return codes[i].category;
        }
    }
    return "accessorial";
}

static void map_charge(struct invoice_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    json_t *charge = draft_append_object(draft, map->charges);
    char field[40];
    (void)snprintf(field, sizeof(field), "/charges/%zu/amount", json_array_size(map->charges) - 1);
    x12_set_text(draft, charge, "lineId", segment, 1, NULL);
    x12_set_text(draft, charge, "code", segment, 8, NULL);
    draft_set_text(draft, charge, "category", category_of(x12_element(segment, 8)));
    const char *description = x12_element(segment, 12);
    draft_set_text(draft, charge, "description",
                   map->description[0] == '\0' ? description : map->description);
    x12_set_text(draft, charge, "descriptionCode", segment, 12, NULL);
    x12_set_decimal(draft, charge, "rate", segment, 2, X12_NOT_IMPLIED);
    x12_set_text(draft, charge, "rateQualifier", segment, 3, NULL);
    map_rated_as(map, charge, segment);
    draft_set_text(draft, charge, "freightClass", map->freight_class);
    x12_set_decimal(draft, charge, "percent", segment, 19, X12_NOT_IMPLIED);
    x12_set_text(draft, charge, "currency", segment, 20, NULL);
    draft_set_text(draft, charge, "packageSequence",
                   json_string_value(json_object_get(map->package, "sequence")));
    const char *amount = x12_element(segment, 4);
    x12_need_text(draft, charge, "amount", segment, 4, field);
    x12_set_decimal(draft, charge, "amount", segment, 4, X12_CENTS);
    bool discount = strcmp(x12_element(segment, 8), "DSC") == 0 || amount[0] == '-';
    draft_set_bool(draft, charge, "discount", discount);
    struct decimal value;
    if (decimal_parse_implied(amount, X12_CENTS, &value, NULL) == ERR_OK &&
        decimal_add(map->sum, value, &map->sum, NULL) != ERR_OK) {
        struct x12_place place;
        struct origin origin = x12_origin(segment, 4, &place);
        draft_fail(draft, ERR_LIMIT, origin, "the charges add up to more than 18 digits");
    }
}

static void map_total(struct invoice_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    refuse_second(map, segment, map->total_seen);
    map->total_seen = true;
    x12_set_text(draft, map->totals, "lineExtension", segment, 5, "/totals/lineExtension");
    x12_set_decimal(draft, map->totals, "lineExtension", segment, 5, X12_CENTS);
    struct x12_measure at = {.value = 1, .unit = 12, .qualifier = 2};
    x12_set_measure(draft, map->shipment, "weight", segment, at);
    x12_set_decimal(draft, map->shipment, "pieces", segment, 11, X12_NOT_IMPLIED);
    if (x12_element(segment, 1)[0] != '\0') {
        struct x12_place place;
        struct origin origin = x12_origin(segment, 1, &place);
        draft_evidence(draft, "/shipment/weight", origin, x12_element(segment, 1), 1.0, NULL);
    }
}

static void map_package_segment(struct invoice_map *map, const struct x12_segment *segment)
{
    if (map->package == NULL) {
        return;
    }
    struct draft *draft = map->draft;
    if (x12_is(segment, "P1")) {
        x12_set_date(draft, map->package, "pickupDate", segment, 2, NULL);
    } else if (x12_is(segment, "POD")) {
        char at[24];
        if (x12_date_time(draft, segment, 1, 2, at)) {
            draft_set_text(draft, map->package, "deliveredAt", at);
        }
        x12_set_text(draft, map->package, "signedBy", segment, 3, NULL);
    }
}

static void map_other(struct invoice_map *map, const struct x12_segment *segment)
{
    struct draft *draft = map->draft;
    if (x12_is(segment, "C3")) {
        x12_set_text(draft, draft->root, "currency", segment, 1, "/currency");
    } else if (x12_is(segment, "B3A")) {
        x12_set_decimal(draft, map->shipment, "shipmentsDeclared", segment, 2, X12_NOT_IMPLIED);
    } else if (x12_is(segment, "G62") && strcmp(x12_element(segment, 1), "86") == 0) {
        x12_set_date(draft, map->shipment, "pickupDate", segment, 2, "/shipment/pickupDate");
    } else if ((x12_is(segment, "N9") && !map->details) || x12_is(segment, "L11")) {
        x12_reference_add(draft, draft->root, draft->root, segment);
    } else if (x12_is(segment, "NTE") && !map->details) {
        draft_append_text(draft, draft_array(draft, draft->root, "notes"), x12_element(segment, 2));
    } else {
        map_package_segment(map, segment);
    }
}

static void map_segment(struct invoice_map *map, const struct x12_segment *segment)
{
    if (x12_is(segment, "B3")) {
        map_header(map, segment);
    } else if (x12_is(segment, "N1")) {
        map_party(map, segment);
    } else if (x12_is(segment, "N2") || x12_is(segment, "N3") || x12_is(segment, "N4")) {
        map_address(map, segment);
    } else if (x12_is(segment, "LX")) {
        open_line(map);
    } else if (x12_is(segment, "L5")) {
        if (map->air) {
            map->description[0] = '\0';
        }
        add_description(map, segment);
    } else if (x12_is(segment, "L0")) {
        map->rated = segment;
    } else if (x12_is(segment, "L1")) {
        map_charge(map, segment);
    } else if (x12_is(segment, "L7")) {
        draft_copy_text(map->freight_class, sizeof(map->freight_class), x12_element(segment, 7));
        size_t last = json_array_size(map->charges);
        json_t *charge = last == 0 ? NULL : json_array_get(map->charges, last - 1);
        draft_set_text(map->draft, charge, "freightClass", map->freight_class);
    } else if (x12_is(segment, "L3")) {
        map_total(map, segment);
    } else {
        map_other(map, segment);
    }
}

static void check_sum(struct invoice_map *map, struct origin origin)
{
    struct draft *draft = map->draft;
    const char *payable = json_string_value(json_object_get(map->totals, "payable"));
    struct decimal stated;
    if (payable == NULL || decimal_parse(payable, &stated, NULL) != ERR_OK) {
        return;
    }
    if (decimal_compare(stated, map->sum) != 0) {
        char sum[DECIMAL_TEXT_BYTES];
        draft_warn(draft, "charges-sum", 0.9, origin,
                   "the charges add up to %s, the invoice asks for %s",
                   decimal_print(map->sum, sum), payable);
    }
}

static void check_shipments(struct invoice_map *map, struct origin origin)
{
    const char *declared = json_string_value(json_object_get(map->shipment, "shipmentsDeclared"));
    size_t present = json_array_size(json_object_get(map->shipment, "packages"));
    uint64_t count = 0;
    if (!map->air || declared == NULL || !text_to_u64(declared, &count) || count == present) {
        return;
    }
    draft_warn(map->draft, "shipment-count", 0.9, origin,
               "the header says %s shipments, %zu are present", declared, present);
}

void x12_map_invoice(struct draft *draft, const struct x12_set *set)
{
    struct invoice_map map = {
        .draft = draft,
        .air = strcmp(set->type, "110") == 0,
        .sum = decimal_of(0, X12_CENTS),
    };
    map.shipment = draft_object(draft, draft->root, "shipment");
    map.charges = draft_array(draft, draft->root, "charges");
    map.totals = draft_object(draft, draft->root, "totals");
    for (size_t i = 1; i < set->count && !draft_failed(draft); i++) {
        map_segment(&map, &set->segments[i]);
    }
    struct x12_place place;
    struct origin origin = x12_origin(set->segments, 0, &place);
    if (!map.header_seen) {
        origin.element = "B3";
        draft_fail(draft, ERR_INVALID, origin, "the transaction set has no invoice header");
        return;
    }
    if (json_object_get(draft->root, "currency") == NULL) {
        draft_warn(draft, "currency", 0.95, origin, "no currency is stated in the header (C3)");
    }
    check_sum(&map, origin);
    check_shipments(&map, origin);
    draft_drop_empty(draft->root, "shipment");
}
