#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/decimal.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "tests/unit/extraction/support.h"

static enum err keep(void *closure, const json_t *document)
{
    cr_assert_eq(json_array_append(closure, json_mutable(document)), 0);
    return ERR_OK;
}

/* The documents of a CSV below tests/data, given to the stream in parts of `part` bytes. */
static json_t *stream_file(const char *path, size_t part)
{
    size_t size = 0;
    char *bytes = read_data(path, &size);
    json_t *documents = json_array();
    struct extract_failure failure = {0};
    struct extract_stream *stream = extract_stream_create(keep, documents);
    for (size_t at = 0; at < size; at += part) {
        size_t length = size - at < part ? size - at : part;
        enum err code = extract_stream_write(stream, bytes + at, length, &failure);
        cr_assert_eq(code, ERR_OK, "%s %s: %s", failure.place, failure.element, failure.reason);
    }
    cr_assert_eq(extract_stream_finish(stream, &failure), ERR_OK, "%s", failure.reason);
    extract_stream_destroy(&stream);
    free(bytes);
    return documents;
}

static const json_t *document_at(const json_t *documents, size_t index)
{
    return json_object_get(json_array_get(documents, index), "document");
}

static const char *text_in(const json_t *document, const char *pointer)
{
    return json_string_value(json_pointer_get(document, pointer));
}

static struct decimal decimal_in(const json_t *document, const char *pointer)
{
    struct decimal value = {0};
    const char *text = text_in(document, pointer);
    cr_assert_not_null(text, "%s", pointer);
    cr_assert_eq(decimal_parse(text, &value, NULL), ERR_OK);
    return value;
}

/* Days since 1970-01-01 of an ISO date, by counting; slow and obvious. */
static long days_of(const char *iso)
{
    static const int months[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    long year = strtol(iso, NULL, 10);
    long month = strtol(iso + 5, NULL, 10);
    long days = strtol(iso + 8, NULL, 10);
    for (long y = 1970; y < year; y++) {
        days += y % 4 == 0 ? 366 : 365; /* 1970 to 2099 */
    }
    for (long m = 1; m < month; m++) {
        days += months[m - 1] + (m == 2 && year % 4 == 0 ? 1 : 0);
    }
    return days;
}

/* A plain field up to the next comma or line end. */
static const char *next_field(char **line)
{
    char *start = *line;
    size_t size = strcspn(start, ",\r\n");
    *line = start + size + (start[size] == '\0' ? 0 : 1);
    start[size] = '\0';
    return start;
}

struct scms_totals {
    size_t late;
    size_t early;
    size_t on_time;
    size_t exact;
};

/* What the ground truth calls the freight of `shipment`, and the record that states the amount. */
static const char *freight_kind(const json_t *shipment, const struct map *by_id,
                                const json_t **ret_stated)
{
    const char *kind = text_in(shipment, "/freight/kind");
    *ret_stated = shipment;
    if (strcmp(kind, "invoicedSeparately") == 0) {
        return "invoiced-separately";
    }
    if (strcmp(kind, "reference") != 0) {
        return kind;
    }
    *ret_stated = map_get_text(by_id, text_in(shipment, "/freight/referenceRecord"));
    cr_assert_not_null(*ret_stated);
    cr_assert_str_eq(text_in(*ret_stated, "/despatchAdviceReference"),
                     text_in(shipment, "/freight/referenceDocument"));
    bool amount = strcmp(text_in(*ret_stated, "/freight/kind"), "amount") == 0;
    return amount ? "via-reference" : "reference-to-invoiced-separately";
}

static void check_scms(const json_t *shipment, char *line, const struct map *by_id,
                       struct scms_totals *totals)
{
    const char *id = next_field(&line);
    cr_assert_str_eq(text_in(shipment, "/shipmentId"), id);
    cr_assert_str_eq(text_in(shipment, "/despatchAdviceReference"), next_field(&line));
    const json_t *stated = NULL;
    const char *kind = freight_kind(shipment, by_id, &stated);
    cr_assert_str_eq(kind, next_field(&line), "%s", id);
    const char *amount = next_field(&line);
    const char *stated_on = next_field(&line);
    if (amount[0] != '\0') {
        cr_assert_str_eq(text_in(stated, "/freight/amount"), amount, "%s", id);
        cr_assert_str_eq(text_in(stated, "/shipmentId"), stated_on, "%s", id);
    }
    (void)next_field(&line);
    long late = days_of(text_in(shipment, "/deliveryDate")) -
                days_of(text_in(shipment, "/scheduledDeliveryDate"));
    cr_assert_eq(late, strtol(next_field(&line), NULL, 10), "%s", id);
    totals->late += late > 0 ? 1 : 0;
    totals->early += late < 0 ? 1 : 0;
    totals->on_time += late == 0 ? 1 : 0;
    struct decimal value = decimal_in(shipment, "/item/packPrice");
    cr_assert_eq(decimal_mul(value, decimal_in(shipment, "/item/quantity"), &value, NULL), ERR_OK);
    totals->exact += decimal_compare(value, decimal_in(shipment, "/item/value")) == 0 ? 1 : 0;
}

Test(csv, the_scms_history_is_exact, .timeout = 240)
{
    json_t *documents = stream_file("scms/SCMS_Delivery_History_Dataset.csv", 4096);
    cr_assert_eq(json_array_size(documents), 10324);
    struct map *by_id = map_create();
    for (size_t i = 0; i < json_array_size(documents); i++) {
        json_t *shipment = json_mutable(document_at(documents, i));
        cr_assert_null(map_put_text(by_id, text_in(shipment, "/shipmentId"), shipment, NULL));
    }
    size_t size = 0;
    char *truth = read_data("ground-truth/scms.csv", &size);
    char *line = strchr(truth, '\n') + 1;
    struct scms_totals totals = {0};
    for (size_t i = 0; i < json_array_size(documents); i++) {
        char *end = strchr(line, '\n');
        cr_assert_not_null(end);
        check_scms(document_at(documents, i), line, by_id, &totals);
        line = end + 1;
    }
    cr_assert_eq(*line, '\0', "the ground truth has more rows");
    cr_assert_eq(totals.late, 1186);
    cr_assert_eq(totals.early, 2814);
    cr_assert_eq(totals.on_time, 6324);
    cr_assert_eq(totals.exact, 9605);
    map_destroy(&by_id, NULL);
    free(truth);
    json_decref(documents);
}

/* A column of a record and the member that holds the same text. */
struct column {
    const char *column;
    const char *pointer;
};

struct column_check {
    const json_t *documents;
    size_t at;   /* of the next document */
    size_t step; /* documents of a record */
    const struct column *columns;
    size_t column_count;
};

static void check_columns(void *closure, const json_t *record)
{
    struct column_check *check = closure;
    const json_t *document = document_at(check->documents, check->at);
    for (size_t i = 0; i < check->column_count; i++) {
        const char *wanted = json_text_of(record, check->columns[i].column);
        const char *found = text_in(document, check->columns[i].pointer);
        cr_assert_not_null(wanted, "no column %s", check->columns[i].column);
        cr_assert_str_eq(found == NULL ? "" : found, wanted, "record %zu, %s",
                         check->at / check->step + 1, check->columns[i].column);
    }
    check->at += check->step;
}

Test(csv, scms_columns_agree_with_a_second_reader, .timeout = 240)
{
    static const struct column columns[] = {
        {"id", "/shipmentId"},
        {"project code", "/projectReference"},
        {"pq #", "/quoteReference"},
        {"po / so #", "/purchaseOrderReference"},
        {"asn/dn #", "/despatchAdviceReference"},
        {"country", "/destinationCountry"},
        {"managed by", "/managedBy"},
        {"fulfill via", "/fulfilledVia"},
        {"vendor inco term", "/incoterm"},
        {"shipment mode", "/mode"},
        {"product group", "/productGroup"},
        {"sub classification", "/productSubgroup"},
        {"vendor", "/seller/name"},
        {"item description", "/item/description"},
        {"molecule/test type", "/item/substance"},
        {"brand", "/item/brand"},
        {"dosage", "/item/dosage"},
        {"dosage form", "/item/dosageForm"},
        {"unit of measure (per pack)", "/item/unitsPerPack"},
        {"line item quantity", "/item/quantity"},
        {"line item value", "/item/value"},
        {"pack price", "/item/packPrice"},
        {"unit price", "/item/unitPrice"},
        {"manufacturing site", "/manufacturingSite"},
        {"line item insurance (usd)", "/insurance/amount"},
    };
    json_t *documents = stream_file("scms/SCMS_Delivery_History_Dataset.csv", 1000003);
    struct column_check check = {.documents = documents,
                                 .step = 1,
                                 .columns = columns,
                                 .column_count = sizeof(columns) / sizeof(columns[0])};
    second_reader("csv", "scms/SCMS_Delivery_History_Dataset.csv", check_columns, &check);
    cr_assert_eq(check.at, 10324);
    json_decref(documents);
}

static void check_record(struct column_check *check, const json_t *record,
                         const struct column *columns, size_t count)
{
    check->columns = columns;
    check->column_count = count;
    check_columns(check, record);
}

/* Each record gives the invoice and, after it, what was agreed. */
static void check_freight(void *closure, const json_t *record)
{
    static const struct column billed[] = {
        {"invoice_id", "/invoiceNumber"},
        {"shipment_date", "/shipment/pickupDate"},
        {"carrier", "/seller/name"},
        {"carrier", "/shipment/carrier/name"},
        {"origin_zip", "/shipment/shipper/address/postalCode"},
        {"dest_zip", "/shipment/consignee/address/postalCode"},
        {"origin_city", "/shipment/shipper/address/city"},
        {"dest_city", "/shipment/consignee/address/city"},
        {"distance_miles", "/shipment/distance/value"},
        {"weight_lbs", "/shipment/weight/value"},
        {"actual_billed_linehaul", "/charges/0/amount"},
        {"actual_billed_fuel", "/charges/1/amount"},
        {"actual_billed_accessorials", "/charges/2/amount"},
        {"actual_total_billed", "/totals/payable"},
    };
    static const struct column agreed[] = {
        {"invoice_id", "/shipmentId"},
        {"carrier", "/carrier/name"},
        {"weight_lbs", "/weight/value"},
        {"distance_miles", "/distance/value"},
        {"expected_linehaul", "/agreed/charges/0/amount"},
        {"expected_fuel_surcharge", "/agreed/charges/1/amount"},
        {"expected_accessorials", "/agreed/charges/2/amount"},
        {"expected_fuel_rate_pct", "/agreed/fuelPercent"},
        {"expected_total", "/agreed/total"},
    };
    struct column_check *check = closure;
    const json_t *invoice = document_at(check->documents, check->at);
    char services[256] = "";
    size_t at = 0;
    json_t *service = NULL;
    json_array_foreach(json_pointer_get(invoice, "/shipment/services"), at, service)
    {
        (void)snprintf(services + strlen(services), sizeof(services) - strlen(services), "%s%s",
                       at == 0 ? "" : ",", json_string_value(service));
    }
    cr_assert_str_eq(services, json_text_of(record, "accessorial_services"));
    bool residential = json_is_true(json_pointer_get(invoice, "/shipment/residential"));
    cr_assert_str_eq(residential ? "True" : "False", json_text_of(record, "is_residential"));
    check->step = 1;
    check_record(check, record, billed, sizeof(billed) / sizeof(billed[0]));
    check_record(check, record, agreed, sizeof(agreed) / sizeof(agreed[0]));
}

Test(csv, freight_invoices_agree_with_a_second_reader)
{
    struct extraction got = extract_file("matchai/freight_invoices.csv");
    cr_assert_eq(json_array_size(got.documents), 1000);
    struct column_check check = {.documents = got.documents, .step = 1};
    second_reader("csv", "matchai/freight_invoices.csv", check_freight, &check);
    cr_assert_eq(check.at, 1000);
    for (size_t i = 0; i < 1000; i++) {
        char *text = json_dumps(document_at(got.documents, i), 0);
        cr_assert_null(strstr(text, "error"), "a label leaked into a document: %s", text);
        free(text);
    }
    extraction_release(&got);
}

Test(csv, lane_rates_and_lane_invoices)
{
    struct extraction got = extract_file("matchai/rates_sample.csv");
    cr_assert_eq(json_array_size(got.documents), 2);
    cr_assert_str_eq(text_at(&got, 0, "/lane"), "Buffalo, NY -> Columbus, OH");
    cr_assert_str_eq(text_at(&got, 0, "/origin"), "Buffalo, NY");
    cr_assert_str_eq(text_at(&got, 0, "/ratePerMile"), "2.10");
    cr_assert_str_eq(text_at(&got, 0, "/fuelPercentMax"), "35.0");
    cr_assert_str_eq(text_at(&got, 1, "/accessorials/0/description"), "Hazmat Handling");
    cr_assert_str_eq(text_at(&got, 1, "/accessorials/0/amountMax"), "85.00");
    extraction_release(&got);
    got = extract_file("matchai/invoices_sample.csv");
    cr_assert_eq(json_array_size(got.documents), 3);
    cr_assert_str_eq(text_at(&got, 0, "/shipment/loadNumber"), "LD-7781");
    cr_assert_str_eq(text_at(&got, 0, "/charges/0/amount"), "670.80");
    cr_assert_str_eq(text_at(&got, 0, "/charges/1/amount"), "228.07");
    cr_assert_str_eq(text_at(&got, 0, "/totals/payable"), "993.87");
    cr_assert(json_is_true(value_at(&got, 0, "/charges/0/derived")));
    const json_t *entry = json_array_get(got.documents, 0);
    cr_assert_leq(json_real_value(json_object_get(entry, "confidence")), 0.9);
    extraction_release(&got);
}

/* ASCII text as UTF-16 with its mark, `high` byte first or last. */
static char *widen(const char *text, size_t size, bool high, size_t *ret_size)
{
    char *wide = calloc(size + 1, 2);
    cr_assert_not_null(wide);
    memcpy(wide, high ? "\xFE\xFF" : "\xFF\xFE", 2);
    for (size_t i = 0; i < size; i++) {
        wide[2 + 2 * i + (high ? 1 : 0)] = text[i];
    }
    *ret_size = 2 * size + 2;
    return wide;
}

Test(csv, utf_16_of_a_spreadsheet_is_read)
{
    size_t size = 0;
    char *text = read_data("matchai/rates_sample.csv", &size);
    struct extraction plain = extract_file("matchai/rates_sample.csv");
    struct extract_failure failure = {0};
    for (int high = 0; high < 2; high++) {
        size_t wide_size = 0;
        char *wide = widen(text, size, high != 0, &wide_size);
        struct extraction got = {0};
        enum err code = extract_document("text/csv", wide, wide_size, &got, &failure);
        cr_assert_eq(code, ERR_OK, "%s", failure.reason);
        cr_assert(json_equal(got.documents, plain.documents));
        extraction_release(&got);
        cr_assert_eq(extract_failing(wide, wide_size - 1, &failure), ERR_INVALID);
        free(wide);
        char words[80];
        (void)snprintf(words, sizeof(words), "the document begins as UTF-16, and byte %zu is none",
                       wide_size - 2);
        cr_assert_str_eq(failure.reason, words);
    }
    extraction_release(&plain);
    free(text);
}

static enum err fail_csv(const char *text, struct extract_failure *failure)
{
    return extract_failing(text, strlen(text), failure);
}

#define RATES "contract_lane_desc,contract_rate_per_mile,allowed_fuel_surcharge_pct\n"

Test(csv, what_cannot_be_read_names_row_and_column)
{
    struct extract_failure failure;
    cr_assert_eq(fail_csv(RATES "A,2.1O,35\n", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.place, "row 2");
    cr_assert_str_eq(failure.element, "contract_rate_per_mile");
    cr_assert_str_eq(failure.reason, "'2.1O' is not a decimal number");
    cr_assert_eq(fail_csv(RATES "A,2.10\n", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.reason, "the row has 2 values, the header has 3 columns");
    cr_assert_eq(fail_csv(RATES "A,2.10,1\n\"B,2,1\n", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.place, "row 3");
    cr_assert_not_null(strstr(failure.reason, "quote"));
    cr_assert_eq(fail_csv(RATES, &failure), ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "no data row"));
    cr_assert_eq(fail_csv("a,b\n1,2\n", &failure), ERR_UNSUPPORTED);
    cr_assert_eq(fail_csv("a,a\n1,2\n", &failure), ERR_INVALID);
    cr_assert_eq(fail_csv("hello", &failure), ERR_UNSUPPORTED);
    cr_assert_eq(extract_failing(RATES "A,\0,1\n", sizeof(RATES "A,\0,1\n") - 1, &failure),
                 ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "NUL"));
}

static enum err stop(void *closure, const json_t *document)
{
    (void)document;
    *(int *)closure += 1;
    return ERR_REFUSED;
}

Test(csv, the_caller_can_stop_the_stream)
{
    static const char text[] = RATES "A,1,2\nB,1,2\n";
    int calls = 0;
    struct extract_failure failure = {0};
    struct extract_stream *stream = extract_stream_create(stop, &calls);
    cr_assert_eq(extract_stream_write(stream, text, sizeof(text) - 1, &failure), ERR_REFUSED);
    cr_assert_eq(calls, 1);
    cr_assert_str_eq(failure.place, "row 2");
    extract_stream_destroy(&stream);
    cr_assert_null(stream);
}

Test(csv, a_row_without_end_is_refused_before_it_fills_the_memory)
{
    size_t size = (size_t)3 * 1024 * 1024;
    char *text = malloc(size);
    memset(text, 'x', size);
    memcpy(text, RATES "\"", sizeof(RATES "\"") - 1);
    struct extract_failure failure;
    cr_assert_eq(extract_failing(text, size, &failure), ERR_LIMIT);
    cr_assert_not_null(strstr(failure.reason, "1 MiB"));
    free(text);
}

Test(csv, other_encodings_and_marks_are_read)
{
    static const char text[] = "\xEF\xBB\xBF" RATES "K\xF6ln,1,2\r\n";
    struct extraction got = {0};
    struct extract_failure failure = {0};
    cr_assert_eq(extract_document(NULL, text, sizeof(text) - 1, &got, &failure), ERR_OK);
    cr_assert_str_eq(text_at(&got, 0, "/lane"), "K\xC3\xB6ln");
    extraction_release(&got);
}
