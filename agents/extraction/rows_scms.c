/*
 * The SCMS delivery history (USAID, data.gov): one shipment line a record. Its freight cost is an
 * amount, a reference to the line that states it, or words; a reference stays a reference here,
 * because the line it names is another record and an amount must not be counted twice.
 */
#include <stdio.h>
#include <string.h>

#include "agents/extraction/dates.h"
#include "agents/extraction/rows.h"
#include "common/base/str.h"

static void set_date(struct draft *draft, const struct row *row, const char *key,
                     const char *column)
{
    const char *text = row_value(row, column);
    char date[DATE_TEXT_BYTES];
    if (text[0] == '\0') {
        return;
    }
    if (date_from_day_month(text, date) || date_from_us(text, date)) {
        draft_set_text(draft, draft->root, key, date);
        return;
    }
    draft_fail(draft, ERR_INVALID, row_origin(row, column),
               "'%.40s' is not a date as d-Mon-yy or m/d/yyyy", text);
}

/* A date, or one of the words that stand for none. */
static void set_optional_date(struct draft *draft, const struct row *row, const char *key,
                              const char *column)
{
    static const char *const words[] = {"Date Not Captured", "Pre-PQ Process", "N/A - From RDC"};
    const char *text = row_value(row, column);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            return;
        }
    }
    set_date(draft, row, key, column);
}

/* "See ASN-93 (ID#:1281)" -> document "ASN-93", record "1281". */
static bool parse_reference(const char *text, char document[32], char record[32])
{
    static const char middle[] = " (ID#:";
    if (!text_starts(text, "See ")) {
        return false;
    }
    const char *start = text + 4;
    const char *split = strstr(start, middle);
    if (split == NULL || split == start || (size_t)(split - start) >= 32) {
        return false;
    }
    const char *digits = split + sizeof(middle) - 1;
    size_t size = strspn(digits, "0123456789");
    if (size == 0 || size >= 32 || strcmp(digits + size, ")") != 0) {
        return false;
    }
    memcpy(document, start, (size_t)(split - start));
    document[split - start] = '\0';
    memcpy(record, digits, size);
    record[size] = '\0';
    return true;
}

/* A value that is a number, a reference or one of two words. */
struct stated {
    const char *column;
    const char *number_key;
    const char *field;
    const char *words[2];
    const char *word_kinds[2];
};

static void map_stated(struct draft *draft, const struct row *row, json_t *object,
                       const struct stated *stated)
{
    const char *text = row_value(row, stated->column);
    struct origin origin = row_origin(row, stated->column);
    char document[32];
    char record[32];
    struct decimal value;
    if (text[0] == '\0') {
        draft_fail(draft, ERR_INVALID, origin, "the value is missing");
    } else if (parse_reference(text, document, record)) {
        draft_set_text(draft, object, "kind", "reference");
        draft_set_text(draft, object, "referenceDocument", document);
        draft_set_text(draft, object, "referenceRecord", record);
        draft_evidence(draft, stated->field, origin, text, 1.0, "stated on another record");
    } else if (decimal_parse(text, &value, NULL) == ERR_OK) {
        draft_set_text(draft, object, "kind", "amount");
        draft_set_decimal(draft, object, stated->number_key, value);
        draft_evidence(draft, stated->field, origin, text, 1.0, NULL);
    } else {
        for (size_t i = 0; i < 2; i++) {
            if (stated->words[i] != NULL && strcmp(stated->words[i], text) == 0) {
                draft_set_text(draft, object, "kind", stated->word_kinds[i]);
                draft_evidence(draft, stated->field, origin, text, 1.0, NULL);
                return;
            }
        }
        draft_fail(draft, ERR_INVALID, origin, "'%.60s' is neither a number nor a known remark",
                   text);
    }
}

static void map_texts(struct draft *draft, const struct row *row)
{
    static const struct {
        const char *key;
        const char *column;
    } rows[] = {
        {"shipmentId", "id"},
        {"projectReference", "project code"},
        {"quoteReference", "pq #"},
        {"purchaseOrderReference", "po / so #"},
        {"despatchAdviceReference", "asn/dn #"},
        {"destinationCountry", "country"},
        {"managedBy", "managed by"},
        {"fulfilledVia", "fulfill via"},
        {"incoterm", "vendor inco term"},
        {"mode", "shipment mode"},
        {"productGroup", "product group"},
        {"productSubgroup", "sub classification"},
        {"manufacturingSite", "manufacturing site"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        row_set_text(draft, row, draft->root, rows[i].key, rows[i].column);
    }
    json_t *seller = draft_object(draft, draft->root, "seller");
    row_set_text(draft, row, seller, "name", "vendor");
    draft_drop_empty(draft->root, "seller");
}

static void map_item(struct draft *draft, const struct row *row)
{
    json_t *item = draft_object(draft, draft->root, "item");
    row_set_text(draft, row, item, "description", "item description");
    row_set_text(draft, row, item, "substance", "molecule/test type");
    row_set_text(draft, row, item, "brand", "brand");
    row_set_text(draft, row, item, "dosage", "dosage");
    row_set_text(draft, row, item, "dosageForm", "dosage form");
    row_set_decimal(draft, row, item, "unitsPerPack", "unit of measure (per pack)");
    row_set_decimal(draft, row, item, "quantity", "line item quantity");
    row_set_decimal(draft, row, item, "value", "line item value");
    row_set_decimal(draft, row, item, "packPrice", "pack price");
    row_set_decimal(draft, row, item, "unitPrice", "unit price");
    const char *first = row_value(row, "first line designation");
    if (strcmp(first, "TRUE") == 0 || strcmp(first, "FALSE") == 0) {
        draft_set_bool(draft, item, "firstLine", first[0] == 'T');
    }
    row_evidence(draft, row, "/item/quantity", "line item quantity");
    row_evidence(draft, row, "/item/value", "line item value");
}

void scms_map_shipment(struct draft *draft, const struct row *row)
{
    static const struct stated freight = {
        .column = "freight cost (usd)",
        .number_key = "amount",
        .field = "/freight",
        .words = {"Freight Included in Commodity Cost", "Invoiced Separately"},
        .word_kinds = {"included", "invoicedSeparately"},
    };
    static const struct stated weight = {
        .column = "weight (kilograms)",
        .number_key = "value",
        .field = "/weight",
        .words = {"Weight Captured Separately", NULL},
        .word_kinds = {"capturedSeparately", NULL},
    };
    if (row_value(row, "id")[0] == '\0') {
        draft_fail(draft, ERR_INVALID, row_origin(row, "id"), "the identifier is missing");
    }
    map_texts(draft, row);
    row_evidence(draft, row, "/shipmentId", "id");
    set_optional_date(draft, row, "quoteDate", "pq first sent to client date");
    set_optional_date(draft, row, "orderDate", "po sent to vendor date");
    set_date(draft, row, "scheduledDeliveryDate", "scheduled delivery date");
    set_date(draft, row, "deliveryDate", "delivered to client date");
    set_date(draft, row, "deliveryRecordedDate", "delivery recorded date");
    row_evidence(draft, row, "/deliveryDate", "delivered to client date");
    map_item(draft, row);
    json_t *cost = draft_object(draft, draft->root, "freight");
    map_stated(draft, row, cost, &freight);
    draft_set_text(draft, cost, "currency", "USD");
    json_t *mass = draft_object(draft, draft->root, "weight");
    map_stated(draft, row, mass, &weight);
    draft_set_text(draft, mass, "unit", "KGM");
    if (row_value(row, "line item insurance (usd)")[0] != '\0') {
        json_t *insurance = draft_object(draft, draft->root, "insurance");
        row_set_decimal(draft, row, insurance, "amount", "line item insurance (usd)");
        draft_set_text(draft, insurance, "currency", "USD");
    }
}
