/*
 * UBL 2.1 (ISO/IEC 19845) Invoice, CreditNote and FreightInvoice. The mapping of elements to
 * business terms is that of CEN/TS 16931-3-2; names of the result are those of EN 16931-1.
 */
#include <stdio.h>
#include <string.h>

#include "agents/extraction/dates.h"
#include "agents/extraction/draft.h"
#include "agents/extraction/readers.h"
#include "agents/extraction/xml.h"
#include "common/base/check.h"

#define NS_CAC     "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
#define NS_CBC     "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
#define NS_UBL     "urn:oasis:names:specification:ubl:schema:xsd:"
#define NS_CII     "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:"
#define NS_CII_OLD "urn:ferd:CrossIndustryDocument:"

struct ubl_type {
    const char *name;
    const char *document_type;
    const char *type_code;
    const char *line;
    const char *quantity;
};

static const struct ubl_type types[] = {
    {"Invoice", "invoice", "cbc:InvoiceTypeCode", "cac:InvoiceLine", "cbc:InvoicedQuantity"},
    {"CreditNote", "creditNote", "cbc:CreditNoteTypeCode", "cac:CreditNoteLine",
     "cbc:CreditedQuantity"},
    {"FreightInvoice", "freightInvoice", "cbc:InvoiceTypeCode", "cac:InvoiceLine",
     "cbc:InvoicedQuantity"},
};

struct ubl {
    struct draft *draft;
    struct xml_document *document;
    const struct ubl_type *type;
    const char *currency; /* of the document; NULL when not stated */
};

enum value_kind { TEXT, DATE, DECIMAL, AMOUNT };

/* One row of a mapping: element -> member. `field` makes it evidence, `needed` refuses its absence.
 */
struct ubl_field {
    const char *path;
    const char *key;
    enum value_kind kind;
    const char *field;
    bool needed;
};

/* The element one step of a path names: "cac:X" or "cbc:X". */
static const struct xml_element *step(const struct xml_element *parent, const char *path,
                                      size_t size)
{
    char name[64];
    if (size < 5 || size - 4 >= sizeof(name)) {
        return NULL;
    }
    memcpy(name, path + 4, size - 4);
    name[size - 4] = '\0';
    return xml_child(parent, path[1] == 'a' ? NS_CAC : NS_CBC, name);
}

/* The first element at "cac:A/cac:B/cbc:C" below `parent`, or NULL. */
static const struct xml_element *find(const struct xml_element *parent, const char *path)
{
    const struct xml_element *element = parent;
    while (element != NULL && *path != '\0') {
        size_t size = strcspn(path, "/");
        element = step(element, path, size);
        path += size;
        path += *path == '/' ? 1 : 0;
    }
    return element;
}

static const char *text_of(struct ubl *ubl, const struct xml_element *element)
{
    const char *text = element == NULL ? "" : xml_text(ubl->document, element);
    if (text == NULL) {
        draft_fail(ubl->draft, ERR_NOMEM, (struct origin){0}, "out of memory");
        return "";
    }
    return text;
}

static void check_currency(struct ubl *ubl, const struct xml_element *element, struct origin origin)
{
    const char *currency = xml_attribute(ubl->document, element, "currencyID");
    if (currency != NULL && ubl->currency != NULL && strcmp(currency, ubl->currency) != 0) {
        draft_warn(ubl->draft, "currency", 0.7, origin, "amount is in %.10s, the document in %.10s",
                   currency, ubl->currency);
    }
}

/* What UBL allows once is there once: which of two amounts is meant would be a guess. */
static void check_single(struct ubl *ubl, const struct xml_element *element, const char *path)
{
    const struct xml_element *second = element == NULL ? NULL : xml_next(element);
    if (second == NULL) {
        return;
    }
    char place[DRAFT_PLACE_BYTES];
    char first[DRAFT_PLACE_BYTES];
    struct origin origin = {.place = xml_place(second, place), .element = path};
    draft_fail(ubl->draft, ERR_INVALID, origin,
               "the element is there a second time, the first is at %s; leave one",
               xml_place(element, first));
}

static void set_date(struct ubl *ubl, json_t *object, const char *key, const char *text,
                     struct origin origin)
{
    char date[DATE_TEXT_BYTES];
    if (!date_from_iso(text, date)) {
        draft_fail(ubl->draft, ERR_INVALID, origin, "'%.40s' is not a date as yyyy-mm-dd", text);
        return;
    }
    draft_set_text(ubl->draft, object, key, date);
}

static void map_field(struct ubl *ubl, json_t *object, const struct xml_element *parent,
                      const struct ubl_field *row)
{
    struct draft *draft = ubl->draft;
    const struct xml_element *element = find(parent, row->path);
    const char *text = text_of(ubl, element);
    char place[DRAFT_PLACE_BYTES];
    struct origin origin = {
        .place = xml_place(element == NULL ? parent : element, place),
        .element = row->path,
    };
    if (text[0] == '\0') {
        if (row->needed) {
            draft_fail(draft, ERR_INVALID, origin, "%s, but the document needs it",
                       element == NULL ? "the element is missing" : "the element is empty");
        }
        return;
    }
    if (row->kind != TEXT || row->field != NULL) {
        check_single(ubl, element, row->path);
    }
    switch (row->kind) {
    case TEXT:
        draft_set_text(draft, object, row->key, text);
        break;
    case DATE:
        set_date(ubl, object, row->key, text, origin);
        break;
    case AMOUNT:
        check_currency(ubl, element, origin);
        (void)draft_read_decimal(draft, object, row->key, text, -1, origin);
        break;
    case DECIMAL:
        (void)draft_read_decimal(draft, object, row->key, text, -1, origin);
        break;
    }
    if (row->field != NULL) {
        draft_evidence(draft, row->field, origin, text, 1.0, NULL);
    }
}

static void map_fields(struct ubl *ubl, json_t *object, const struct xml_element *parent,
                       const struct ubl_field *rows, size_t count)
{
    for (size_t i = 0; i < count && parent != NULL; i++) {
        map_field(ubl, object, parent, &rows[i]);
    }
}

#define MAP_FIELDS(ubl, object, parent, rows) \
    map_fields((ubl), (object), (parent), (rows), sizeof(rows) / sizeof((rows)[0]))

static void map_address(struct ubl *ubl, json_t *party, const struct xml_element *address)
{
    static const struct ubl_field rows[] = {
        {"cbc:StreetName", "street", TEXT, NULL, false},
        {"cbc:AdditionalStreetName", "additionalStreet", TEXT, NULL, false},
        {"cac:AddressLine/cbc:Line", "line", TEXT, NULL, false},
        {"cbc:CityName", "city", TEXT, NULL, false},
        {"cbc:PostalZone", "postalCode", TEXT, NULL, false},
        {"cbc:CountrySubentity", "subdivision", TEXT, NULL, false},
        {"cac:Country/cbc:IdentificationCode", "country", TEXT, NULL, false},
    };
    if (address == NULL) {
        return;
    }
    MAP_FIELDS(ubl, draft_object(ubl->draft, party, "address"), address, rows);
    draft_drop_empty(party, "address");
}

static void map_identifiers(struct ubl *ubl, json_t *party, const struct xml_element *element)
{
    json_t *list = draft_array(ubl->draft, party, "identifiers");
    const struct xml_element *at = find(element, "cac:PartyIdentification");
    for (; at != NULL && !draft_failed(ubl->draft); at = xml_next(at)) {
        const struct xml_element *id = find(at, "cbc:ID");
        if (id == NULL || text_of(ubl, id)[0] == '\0') {
            continue;
        }
        json_t *identifier = draft_append_object(ubl->draft, list);
        draft_set_text(ubl->draft, identifier, "id", text_of(ubl, id));
        const char *scheme = xml_attribute(ubl->document, id, "schemeID");
        draft_set_text(ubl->draft, identifier, "scheme", scheme);
    }
    draft_drop_empty(party, "identifiers");
}

/* The VAT number stands in the tax scheme "VAT", another registration in any other. */
static void map_tax_schemes(struct ubl *ubl, json_t *party, const struct xml_element *element)
{
    const struct xml_element *at = find(element, "cac:PartyTaxScheme");
    for (; at != NULL; at = xml_next(at)) {
        const char *scheme = text_of(ubl, find(at, "cac:TaxScheme/cbc:ID"));
        bool vat = strcmp(scheme, "VAT") == 0;
        const char *id = text_of(ubl, find(at, "cbc:CompanyID"));
        draft_set_text(ubl->draft, party, vat ? "vatIdentifier" : "taxRegistration", id);
    }
}

/* A party by its legal name (BT-27, BT-44), or by the name it trades under when that is all. */
static void map_party(struct ubl *ubl, json_t *parent, const char *key,
                      const struct xml_element *element, const char *field)
{
    static const struct ubl_field rows[] = {
        {"cac:PartyLegalEntity/cbc:CompanyID", "legalRegistration", TEXT, NULL, false},
        {"cbc:EndpointID", "electronicAddress", TEXT, NULL, false},
    };
    static const struct ubl_field contact_rows[] = {
        {"cac:Contact/cbc:Name", "name", TEXT, NULL, false},
        {"cac:Contact/cbc:Telephone", "telephone", TEXT, NULL, false},
        {"cac:Contact/cbc:ElectronicMail", "email", TEXT, NULL, false},
    };
    if (element == NULL) {
        return;
    }
    struct draft *draft = ubl->draft;
    json_t *party = draft_object(draft, parent, key);
    struct ubl_field name = {"cac:PartyLegalEntity/cbc:RegistrationName", "name", TEXT, field,
                             false};
    struct ubl_field trading = {"cac:PartyName/cbc:Name", "tradingName", TEXT, NULL, false};
    map_field(ubl, party, element, &name);
    if (json_object_get(party, "name") == NULL) {
        trading.key = "name";
        trading.field = field;
    }
    map_field(ubl, party, element, &trading);
    map_identifiers(ubl, party, element);
    map_tax_schemes(ubl, party, element);
    MAP_FIELDS(ubl, party, element, rows);
    map_address(ubl, party, find(element, "cac:PostalAddress"));
    MAP_FIELDS(ubl, draft_object(draft, party, "contact"), element, contact_rows);
    draft_drop_empty(party, "contact");
    draft_drop_empty(parent, key);
}

static void map_allowances(struct ubl *ubl, json_t *parent, const struct xml_element *element)
{
    static const struct ubl_field rows[] = {
        {"cbc:AllowanceChargeReasonCode", "reasonCode", TEXT, NULL, false},
        {"cbc:AllowanceChargeReason", "reason", TEXT, NULL, false},
        {"cbc:MultiplierFactorNumeric", "percent", DECIMAL, NULL, false},
        {"cbc:BaseAmount", "baseAmount", AMOUNT, NULL, false},
        {"cbc:Amount", "amount", AMOUNT, NULL, true},
        {"cac:TaxCategory/cbc:ID", "vatCategoryCode", TEXT, NULL, false},
        {"cac:TaxCategory/cbc:Percent", "vatRate", DECIMAL, NULL, false},
    };
    const struct xml_element *at = find(element, "cac:AllowanceCharge");
    for (; at != NULL && !draft_failed(ubl->draft); at = xml_next(at)) {
        json_t *list = draft_array(ubl->draft, parent, "allowancesAndCharges");
        json_t *entry = draft_append_object(ubl->draft, list);
        const struct xml_element *indicator = find(at, "cbc:ChargeIndicator");
        check_single(ubl, indicator, "cac:AllowanceCharge/cbc:ChargeIndicator");
        const char *text = text_of(ubl, indicator);
        bool charge = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
        if (!charge && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) {
            char place[DRAFT_PLACE_BYTES];
            struct origin origin = {
                .place = xml_place(indicator == NULL ? at : indicator, place),
                .element = "cac:AllowanceCharge/cbc:ChargeIndicator",
            };
            draft_fail(ubl->draft, ERR_INVALID, origin, "'%.20s' is neither true nor false", text);
        }
        draft_set_bool(ubl->draft, entry, "isCharge", charge);
        MAP_FIELDS(ubl, entry, at, rows);
    }
}

static void map_price(struct ubl *ubl, json_t *line, const struct xml_element *price)
{
    static const struct ubl_field rows[] = {
        {"cbc:PriceAmount", "netPrice", AMOUNT, NULL, false},
        {"cbc:BaseQuantity", "priceBaseQuantity", DECIMAL, NULL, false},
        {"cac:AllowanceCharge/cbc:Amount", "priceDiscount", AMOUNT, NULL, false},
        {"cac:AllowanceCharge/cbc:BaseAmount", "grossPrice", AMOUNT, NULL, false},
    };
    if (price == NULL) {
        return;
    }
    MAP_FIELDS(ubl, line, price, rows);
    const struct xml_element *base = find(price, "cbc:BaseQuantity");
    if (base != NULL) {
        const char *unit = xml_attribute(ubl->document, base, "unitCode");
        draft_set_text(ubl->draft, line, "priceBaseUnitCode", unit);
    }
}

static void map_attributes(struct ubl *ubl, json_t *line, const struct xml_element *item)
{
    const struct xml_element *at = item == NULL ? NULL : find(item, "cac:AdditionalItemProperty");
    for (; at != NULL && !draft_failed(ubl->draft); at = xml_next(at)) {
        json_t *list = draft_array(ubl->draft, line, "itemAttributes");
        json_t *entry = draft_append_object(ubl->draft, list);
        draft_set_text(ubl->draft, entry, "name", text_of(ubl, find(at, "cbc:Name")));
        draft_set_text(ubl->draft, entry, "value", text_of(ubl, find(at, "cbc:Value")));
    }
}

static void map_line(struct ubl *ubl, json_t *lines, const struct xml_element *element)
{
    static const struct ubl_field rows[] = {
        {"cbc:ID", "lineId", TEXT, NULL, true},
        {"cbc:Note", "note", TEXT, NULL, false},
        {"cbc:AccountingCost", "accountingReference", TEXT, NULL, false},
        {"cac:OrderLineReference/cbc:LineID", "orderLineReference", TEXT, NULL, false},
        {"cac:InvoicePeriod/cbc:StartDate", "periodStart", DATE, NULL, false},
        {"cac:InvoicePeriod/cbc:EndDate", "periodEnd", DATE, NULL, false},
        {"cac:Item/cbc:Name", "itemName", TEXT, NULL, false},
        {"cac:Item/cbc:Description", "itemDescription", TEXT, NULL, false},
        {"cac:Item/cac:SellersItemIdentification/cbc:ID", "sellersItemId", TEXT, NULL, false},
        {"cac:Item/cac:BuyersItemIdentification/cbc:ID", "buyersItemId", TEXT, NULL, false},
        {"cac:Item/cac:StandardItemIdentification/cbc:ID", "standardItemId", TEXT, NULL, false},
        {"cac:Item/cac:OriginCountry/cbc:IdentificationCode", "originCountry", TEXT, NULL, false},
        {"cac:Item/cac:ClassifiedTaxCategory/cbc:ID", "vatCategoryCode", TEXT, NULL, false},
        {"cac:Item/cac:ClassifiedTaxCategory/cbc:Percent", "vatRate", DECIMAL, NULL, false},
    };
    struct draft *draft = ubl->draft;
    size_t index = json_array_size(lines);
    json_t *line = draft_append_object(draft, lines);
    char field[40];
    (void)snprintf(field, sizeof(field), "/lines/%zu/netAmount", index);
    struct ubl_field amount = {"cbc:LineExtensionAmount", "netAmount", AMOUNT, field, true};
    struct ubl_field quantity = {ubl->type->quantity, "invoicedQuantity", DECIMAL, NULL, false};
    MAP_FIELDS(ubl, line, element, rows);
    map_field(ubl, line, element, &quantity);
    map_field(ubl, line, element, &amount);
    const struct xml_element *counted = find(element, ubl->type->quantity);
    if (counted != NULL) {
        const char *unit = xml_attribute(ubl->document, counted, "unitCode");
        draft_set_text(draft, line, "unitCode", unit);
    }
    const struct xml_element *price = find(element, "cac:Price");
    check_single(ubl, price, "cac:Price");
    map_price(ubl, line, price);
    map_allowances(ubl, line, element);
    map_attributes(ubl, line, find(element, "cac:Item"));
}

static void map_lines(struct ubl *ubl, const struct xml_element *root)
{
    json_t *lines = draft_array(ubl->draft, ubl->draft->root, "lines");
    const struct xml_element *at = find(root, ubl->type->line);
    for (; at != NULL && !draft_failed(ubl->draft); at = xml_next(at)) {
        map_line(ubl, lines, at);
    }
    if (json_array_size(lines) == 0 && !draft_failed(ubl->draft)) {
        char place[DRAFT_PLACE_BYTES];
        struct origin origin = {.place = xml_place(root, place), .element = ubl->type->line};
        draft_fail(ubl->draft, ERR_INVALID, origin, "the document has no line");
    }
}

static void map_breakdown(struct ubl *ubl, const struct xml_element *total)
{
    static const struct ubl_field rows[] = {
        {"cbc:TaxableAmount", "taxableAmount", AMOUNT, NULL, false},
        {"cbc:TaxAmount", "taxAmount", AMOUNT, NULL, true},
        {"cac:TaxCategory/cbc:ID", "vatCategoryCode", TEXT, NULL, false},
        {"cac:TaxCategory/cbc:Percent", "vatRate", DECIMAL, NULL, false},
        {"cac:TaxCategory/cbc:TaxExemptionReason", "exemptionReason", TEXT, NULL, false},
        {"cac:TaxCategory/cbc:TaxExemptionReasonCode", "exemptionReasonCode", TEXT, NULL, false},
    };
    const struct xml_element *at = find(total, "cac:TaxSubtotal");
    for (; at != NULL && !draft_failed(ubl->draft); at = xml_next(at)) {
        json_t *list = draft_array(ubl->draft, ubl->draft->root, "taxBreakdown");
        MAP_FIELDS(ubl, draft_append_object(ubl->draft, list), at, rows);
    }
}

/* BT-110 is the total in the document's currency; one in another currency is BT-111. */
static void map_tax(struct ubl *ubl, json_t *totals, const struct xml_element *root)
{
    const struct xml_element *at = find(root, "cac:TaxTotal");
    for (; at != NULL && !draft_failed(ubl->draft); at = xml_next(at)) {
        const struct xml_element *amount = find(at, "cbc:TaxAmount");
        const char *currency =
            amount == NULL ? NULL : xml_attribute(ubl->document, amount, "currencyID");
        bool other =
            currency != NULL && ubl->currency != NULL && strcmp(currency, ubl->currency) != 0;
        struct ubl_field tax = {"cbc:TaxAmount", "tax", AMOUNT, "/totals/tax", true};
        if (other) {
            tax = (struct ubl_field){"cbc:TaxAmount", "taxAccounting", DECIMAL,
                                     "/totals/taxAccounting", true};
        }
        if (json_object_get(totals, tax.key) != NULL) {
            char place[DRAFT_PLACE_BYTES];
            struct origin origin = {.place = xml_place(at, place), .element = "cac:TaxTotal"};
            draft_warn(ubl->draft, "tax-total", 0.7, origin, "a second tax total is not read");
            continue;
        }
        map_field(ubl, totals, at, &tax);
        map_breakdown(ubl, at);
    }
}

static void map_totals(struct ubl *ubl, const struct xml_element *root)
{
    static const struct ubl_field rows[] = {
        {"cbc:LineExtensionAmount", "lineExtension", AMOUNT, "/totals/lineExtension", false},
        {"cbc:AllowanceTotalAmount", "allowances", AMOUNT, NULL, false},
        {"cbc:ChargeTotalAmount", "charges", AMOUNT, NULL, false},
        {"cbc:TaxExclusiveAmount", "taxExclusive", AMOUNT, "/totals/taxExclusive", false},
        {"cbc:TaxInclusiveAmount", "taxInclusive", AMOUNT, "/totals/taxInclusive", false},
        {"cbc:PrepaidAmount", "prepaid", AMOUNT, "/totals/prepaid", false},
        {"cbc:PayableRoundingAmount", "rounding", AMOUNT, "/totals/rounding", false},
        {"cbc:PayableAmount", "payable", AMOUNT, "/totals/payable", true},
    };
    json_t *totals = draft_object(ubl->draft, ubl->draft->root, "totals");
    const struct xml_element *total = find(root, "cac:LegalMonetaryTotal");
    if (total == NULL) {
        char place[DRAFT_PLACE_BYTES];
        struct origin origin = {.place = xml_place(root, place),
                                .element = "cac:LegalMonetaryTotal"};
        draft_fail(ubl->draft, ERR_INVALID, origin, "the element is missing");
        return;
    }
    check_single(ubl, total, "cac:LegalMonetaryTotal");
    MAP_FIELDS(ubl, totals, total, rows);
    map_tax(ubl, totals, root);
}

static void map_payment(struct ubl *ubl, const struct xml_element *root)
{
    static const struct ubl_field rows[] = {
        {"cbc:PaymentMeansCode", "code", TEXT, NULL, false},
        {"cbc:PaymentDueDate", "dueDate", DATE, NULL, false},
        {"cbc:PaymentID", "remittanceInformation", TEXT, NULL, false},
        {"cac:PayeeFinancialAccount/cbc:ID", "account", TEXT, NULL, false},
        {"cac:PayeeFinancialAccount/cbc:Name", "accountName", TEXT, NULL, false},
        {"cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID", "bank", TEXT, NULL,
         false},
        {"cac:PaymentMandate/cbc:ID", "mandate", TEXT, NULL, false},
    };
    const struct xml_element *at = find(root, "cac:PaymentMeans");
    for (; at != NULL && !draft_failed(ubl->draft); at = xml_next(at)) {
        json_t *list = draft_array(ubl->draft, ubl->draft->root, "paymentMeans");
        json_t *entry = draft_append_object(ubl->draft, list);
        MAP_FIELDS(ubl, entry, at, rows);
    }
}

static void map_shipment(struct ubl *ubl, const struct xml_element *root)
{
    static const struct ubl_field rows[] = {
        {"cac:Shipment/cbc:ID", "loadNumber", TEXT, "/shipment/loadNumber", false},
        {"cac:Shipment/cac:Consignment/cbc:ID", "consignmentNumber", TEXT, NULL, false},
        {"cac:Shipment/cbc:TotalTransportHandlingUnitQuantity", "pieces", DECIMAL, NULL, false},
        {"cac:Delivery/cbc:ActualDeliveryDate", "deliveryDate", DATE, "/shipment/deliveryDate",
         false},
        {"cac:Delivery/cac:DeliveryLocation/cbc:ID", "deliveryLocation", TEXT, NULL, false},
    };
    struct draft *draft = ubl->draft;
    json_t *shipment = draft_object(draft, draft->root, "shipment");
    MAP_FIELDS(ubl, shipment, root, rows);
    const struct xml_element *weight = find(root, "cac:Shipment/cbc:GrossWeightMeasure");
    if (text_of(ubl, weight)[0] != '\0') {
        static const struct ubl_field row = {"cac:Shipment/cbc:GrossWeightMeasure", "value",
                                             DECIMAL, "/shipment/weight", false};
        json_t *measure = draft_object(draft, shipment, "weight");
        map_field(ubl, measure, root, &row);
        const char *unit = xml_attribute(ubl->document, weight, "unitCode");
        draft_set_text(draft, measure, "unit", unit);
        draft_set_text(draft, measure, "qualifier", "G");
    }
    const struct xml_element *delivery = find(root, "cac:Delivery");
    if (delivery != NULL) {
        static const struct ubl_field name = {"cac:DeliveryParty/cac:PartyName/cbc:Name", "name",
                                              TEXT, NULL, false};
        json_t *consignee = draft_object(draft, shipment, "consignee");
        map_field(ubl, consignee, delivery, &name);
        map_address(ubl, consignee, find(delivery, "cac:DeliveryLocation/cac:Address"));
        draft_drop_empty(shipment, "consignee");
    }
    draft_drop_empty(draft->root, "shipment");
}

static void map_references(struct ubl *ubl, const struct xml_element *root)
{
    struct draft *draft = ubl->draft;
    const struct xml_element *at = find(root, "cac:BillingReference");
    for (; at != NULL && !draft_failed(draft); at = xml_next(at)) {
        static const struct ubl_field rows[] = {
            {"cac:InvoiceDocumentReference/cbc:ID", "invoiceNumber", TEXT, NULL, false},
            {"cac:InvoiceDocumentReference/cbc:IssueDate", "issueDate", DATE, NULL, false},
        };
        json_t *list = draft_array(draft, draft->root, "precedingInvoices");
        MAP_FIELDS(ubl, draft_append_object(draft, list), at, rows);
    }
    at = find(root, "cbc:Note");
    for (; at != NULL && !draft_failed(draft); at = xml_next(at)) {
        draft_append_text(draft, draft_array(draft, draft->root, "notes"), text_of(ubl, at));
    }
    draft_drop_empty(draft->root, "notes");
}

static void map_header(struct ubl *ubl, const struct xml_element *root)
{
    static const struct ubl_field rows[] = {
        {"cbc:ID", "invoiceNumber", TEXT, "/invoiceNumber", true},
        {"cbc:IssueDate", "issueDate", DATE, "/issueDate", true},
        {"cbc:DueDate", "dueDate", DATE, "/dueDate", false},
        {"cbc:TaxPointDate", "taxPointDate", DATE, NULL, false},
        {"cbc:DocumentCurrencyCode", "currency", TEXT, "/currency", false},
        {"cbc:TaxCurrencyCode", "taxCurrency", TEXT, NULL, false},
        {"cbc:AccountingCost", "accountingReference", TEXT, NULL, false},
        {"cbc:BuyerReference", "buyerReference", TEXT, NULL, false},
        {"cac:InvoicePeriod/cbc:StartDate", "periodStart", DATE, NULL, false},
        {"cac:InvoicePeriod/cbc:EndDate", "periodEnd", DATE, NULL, false},
        {"cac:OrderReference/cbc:ID", "purchaseOrderReference", TEXT, "/purchaseOrderReference",
         false},
        {"cac:OrderReference/cbc:SalesOrderID", "salesOrderReference", TEXT, NULL, false},
        {"cac:ContractDocumentReference/cbc:ID", "contractReference", TEXT, NULL, false},
        {"cac:ProjectReference/cbc:ID", "projectReference", TEXT, NULL, false},
        {"cac:DespatchDocumentReference/cbc:ID", "despatchAdviceReference", TEXT, NULL, false},
        {"cac:ReceiptDocumentReference/cbc:ID", "receivingAdviceReference", TEXT, NULL, false},
        {"cac:PaymentTerms/cbc:Note", "paymentTerms", TEXT, NULL, false},
    };
    struct draft *draft = ubl->draft;
    draft_set_text(draft, draft->root, "documentType", ubl->type->document_type);
    json_t *source = draft_object(draft, draft->root, "source");
    static const struct ubl_field source_rows[] = {
        {"cbc:UBLVersionID", "version", TEXT, NULL, false},
        {"cbc:CustomizationID", "specification", TEXT, NULL, false},
        {"cbc:ProfileID", "profile", TEXT, NULL, false},
    };
    draft_set_text(draft, source, "format", "ubl");
    draft_set_text(draft, source, "messageType", ubl->type->name);
    MAP_FIELDS(ubl, source, root, source_rows);
    MAP_FIELDS(ubl, draft->root, root, rows);
    struct ubl_field code = {ubl->type->type_code, "typeCode", TEXT, "/typeCode", false};
    map_field(ubl, draft->root, root, &code);
    if (ubl->currency == NULL) {
        char place[DRAFT_PLACE_BYTES];
        struct origin origin = {.place = xml_place(root, place),
                                .element = "cbc:DocumentCurrencyCode"};
        draft_warn(draft, "currency", 0.8, origin, "no document currency is stated");
    }
}

static void map_document(struct ubl *ubl, const struct xml_element *root)
{
    json_t *out = ubl->draft->root;
    const struct xml_element *currency = find(root, "cbc:DocumentCurrencyCode");
    const char *text = text_of(ubl, currency);
    ubl->currency = text[0] == '\0' ? NULL : text;
    map_header(ubl, root);
    map_references(ubl, root);
    const struct xml_element *seller = find(root, "cac:AccountingSupplierParty/cac:Party");
    if (seller == NULL) {
        char place[DRAFT_PLACE_BYTES];
        struct origin origin = {.place = xml_place(root, place),
                                .element = "cac:AccountingSupplierParty"};
        draft_fail(ubl->draft, ERR_INVALID, origin, "the invoice names no seller");
    }
    check_single(ubl, find(root, "cac:AccountingSupplierParty"), "cac:AccountingSupplierParty");
    map_party(ubl, out, "seller", seller, "/seller/name");
    const struct xml_element *buyer = find(root, "cac:AccountingCustomerParty/cac:Party");
    check_single(ubl, find(root, "cac:AccountingCustomerParty"), "cac:AccountingCustomerParty");
    map_party(ubl, out, "buyer", buyer, "/buyer/name");
    map_party(ubl, out, "payee", find(root, "cac:PayeeParty"), NULL);
    map_party(ubl, out, "taxRepresentative", find(root, "cac:TaxRepresentativeParty"), NULL);
    map_shipment(ubl, root);
    map_payment(ubl, root);
    map_allowances(ubl, out, root);
    map_totals(ubl, root);
    map_lines(ubl, root);
}

static enum err find_type(const struct xml_element *root, const struct ubl_type **ret,
                          struct extract_failure *failure)
{
    const char *uri = xml_namespace(root);
    const char *name = xml_name(root);
    char place[DRAFT_PLACE_BYTES];
    struct origin origin = {.place = xml_place(root, place), .element = name};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char expected[128];
        (void)snprintf(expected, sizeof(expected), NS_UBL "%s-2", types[i].name);
        if (strcmp(name, types[i].name) == 0 && strcmp(uri, expected) == 0) {
            *ret = &types[i];
            return ERR_OK;
        }
    }
    if (strncmp(uri, NS_CII, strlen(NS_CII)) == 0 ||
        strncmp(uri, NS_CII_OLD, strlen(NS_CII_OLD)) == 0) {
        return failure_set(failure, ERR_UNSUPPORTED, origin,
                           "UN/CEFACT Cross Industry Invoice (CII) is not read; send UBL 2.1");
    }
    return failure_set(failure, ERR_UNSUPPORTED, origin,
                       "'%.40s' in namespace '%.100s' is not read; UBL 2.1 Invoice, CreditNote "
                       "and FreightInvoice are",
                       name, uri);
}

enum err ubl_extract(const char *bytes, size_t size, json_t *documents,
                     struct extract_failure *failure)
{
    struct xml_document *document = NULL;
    TRY(xml_parse(bytes, size, &document, failure));
    const struct ubl_type *type = NULL;
    enum err code = find_type(xml_root(document), &type, failure);
    if (code != ERR_OK) {
        xml_destroy(&document);
        return code;
    }
    CHECK(type != NULL);
    struct draft draft;
    draft_init(&draft, failure);
    struct ubl ubl = {.draft = &draft, .document = document, .type = type};
    map_document(&ubl, xml_root(document));
    json_t *entry = NULL;
    code = draft_finish(&draft, "invoice", &entry);
    if (code == ERR_OK && json_array_append_new(documents, entry) != 0) {
        code = failure_set(failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
    xml_destroy(&document);
    return code;
}
