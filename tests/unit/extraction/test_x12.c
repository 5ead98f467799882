#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/extraction/draft.h"
#include "agents/extraction/x12.h"
#include "common/base/arena.h"
#include "common/base/decimal.h"
#include "common/base/str.h"
#include "tests/unit/extraction/support.h"

static void check_optional(const struct extraction *extraction, const char *pointer,
                           const json_t *expected, const char *key)
{
    const char *text = json_text_of(expected, key);
    const char *found = text_at(extraction, 0, pointer);
    cr_assert(text_equal(text, found), "%s: '%s', expected '%s'", pointer,
              found == NULL ? "" : found, text == NULL ? "" : text);
}

static struct decimal decimal_at(const json_t *object, const char *key)
{
    struct decimal value = {0};
    cr_assert_not_null(json_text_of(object, key), "no %s", key);
    cr_assert_eq(decimal_parse(json_text_of(object, key), &value, NULL), ERR_OK);
    return value;
}

/* What rate and rated quantity give: per hundredweight for PH, the rate itself for FR. */
static struct decimal charge_of_rate(const json_t *charge)
{
    struct decimal value = decimal_at(charge, "rate");
    if (strcmp(json_text_of(charge, "rateQualifier"), "PH") == 0) {
        struct decimal weight = decimal_at(json_object_get(charge, "ratedAs"), "value");
        cr_assert_eq(decimal_mul(value, weight, &value, NULL), ERR_OK);
        cr_assert_eq(decimal_mul(value, decimal_of(1, 2), &value, NULL), ERR_OK);
    }
    cr_assert_eq(decimal_round(value, 2, DECIMAL_HALF_UP, &value, NULL), ERR_OK);
    return value;
}

static void check_rates(const json_t *charges, const json_t *expected)
{
    size_t found = 0;
    size_t at = 0;
    json_t *charge = NULL;
    json_array_foreach(json_mutable(charges), at, charge)
    {
        if (json_object_get(charge, "rate") == NULL) {
            continue;
        }
        const json_t *check = json_array_get(expected, found++);
        cr_assert_not_null(check, "more rated charges than expected");
        cr_assert_str_eq(json_text_of(charge, "rate"), json_text_of(check, "rate"));
        cr_assert_str_eq(json_text_of(charge, "rateQualifier"), json_text_of(check, "qualifier"));
        json_int_t charged = cents_of(json_text_of(charge, "amount"));
        cr_assert_eq(charged, json_int_of(check, "charged_cents", -1));
        cr_assert_eq(charge_of_rate(charge).coefficient, json_int_of(check, "expected_cents", -1));
    }
    cr_assert_eq(found, json_array_size(expected));
}

static void check_invoice(const json_t *expected)
{
    const char *file = json_text_of(expected, "file");
    struct extraction extraction = extract_file(data_path(file));
    cr_assert_eq(json_array_size(extraction.documents), 1);
    check_optional(&extraction, "/source/messageType", expected, "set");
    check_optional(&extraction, "/invoiceNumber", expected, "invoice");
    check_optional(&extraction, "/shipment/loadNumber", expected, "shipment");
    check_optional(&extraction, "/shipment/carrier/scac", expected, "scac");
    check_optional(&extraction, "/currency", expected, "currency");
    check_optional(&extraction, "/shipment/weight/value", expected, "weight");
    check_optional(&extraction, "/shipment/shipper/name", expected, "shipper");
    check_optional(&extraction, "/shipment/consignee/name", expected, "consignee");
    cr_assert_eq(cents_of(text_at(&extraction, 0, "/totals/payable")),
                 json_int_of(expected, "total_cents", -1));
    cr_assert_eq(cents_of(text_at(&extraction, 0, "/totals/lineExtension")),
                 json_int_of(expected, "l3_total_cents", -1));
    const json_t *charges = value_at(&extraction, 0, "/charges");
    const json_t *cents = json_object_get(expected, "charges_cents");
    cr_assert_eq(json_array_size(charges), json_array_size(cents), "%s", file);
    json_int_t sum = 0;
    for (size_t i = 0; i < json_array_size(cents); i++) {
        json_int_t amount = cents_of(json_text_of(json_array_get(charges, i), "amount"));
        cr_assert_eq(amount, json_integer_value(json_array_get(cents, i)), "%s: %zu", file, i);
        sum += amount;
    }
    cr_assert_eq(sum, json_int_of(expected, "sum_of_charges_cents", -1));
    cr_assert_eq(warnings_with(&extraction, 0, "charges-sum"),
                 json_bool_of(expected, "foots", true) ? 0 : 1);
    check_rates(charges, json_object_get(expected, "rate_checks"));
    char declared[24];
    (void)snprintf(declared, sizeof(declared), "%d",
                   (int)json_int_of(expected, "declared_segments", -1));
    cr_assert_str_eq(text_at(&extraction, 0, "/source/segmentsDeclared"), declared);
    (void)snprintf(declared, sizeof(declared), "%d",
                   (int)json_int_of(expected, "actual_segments", -1));
    cr_assert_str_eq(text_at(&extraction, 0, "/source/segmentsCounted"), declared);
    extraction_release(&extraction);
}

Test(x12, freight_invoices_are_exact)
{
    json_t *all = read_json("ground-truth/x12-freight-invoices.json");
    cr_assert_eq(json_array_size(all), 3);
    size_t at = 0;
    json_t *expected = NULL;
    json_array_foreach(all, at, expected)
    {
        check_invoice(expected);
    }
    json_decref(all);
}

static void check_cents(const struct extraction *extraction, const char *pointer,
                        const json_t *expected, const char *key)
{
    cr_assert_eq(cents_of(text_at(extraction, 0, pointer)), json_int_of(expected, key, -1));
}

static void check_number(const struct extraction *extraction, const char *pointer,
                         const json_t *expected, const char *key)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)json_int_of(expected, key, -1));
    cr_assert_str_eq(text_at(extraction, 0, pointer), text);
}

Test(x12, the_tender_of_load_75027674)
{
    json_t *cases = read_json("ground-truth/edi-cases.json");
    const json_t *load = json_object_get(cases, "x12_load_75027674");
    const json_t *tender = json_object_get(load, "tender");
    struct extraction got = extract_file("x12/edi.net/204-MGCTLYST-SAMPLE.EDI");
    cr_assert_str_eq(json_text_of(json_array_get(got.documents, 0), "kind"), "tender");
    check_optional(&got, "/loadNumber", load, "load_id");
    check_cents(&got, "/totals/charge", tender, "charge_cents");
    check_number(&got, "/weight/value", tender, "weight_lb");
    check_optional(&got, "/consignee/name", tender, "consignee");
    char city[64];
    (void)snprintf(city, sizeof(city), "%s %s", text_at(&got, 0, "/consignee/address/city"),
                   text_at(&got, 0, "/consignee/address/subdivision"));
    cr_assert_str_eq(city, json_text_of(tender, "consignee_city"));
    check_optional(&got, "/purchaseOrderReference", tender, "po");
    cr_assert_str_eq(text_at(&got, 0, "/pickupWindow/earliest"), "2016-07-26T10:09");
    cr_assert_str_eq(text_at(&got, 0, "/pickupWindow/latest"), "2016-07-29T23:59");
    cr_assert_str_eq(text_at(&got, 0, "/stops/1/activity"), "delivery");
    cr_assert_str_eq(text_at(&got, 0, "/billOfLading"), "75027674");
    cr_assert_eq(warnings_with(&got, 0, "segment-count"), 1);
    extraction_release(&got);
    json_decref(cases);
}

Test(x12, the_answer_and_the_status_of_load_75027674)
{
    json_t *cases = read_json("ground-truth/edi-cases.json");
    const json_t *load = json_object_get(cases, "x12_load_75027674");
    struct extraction got = extract_file("x12/edi.net/990-MGCTLYST-SAMPLE.EDI");
    check_optional(&got, "/loadNumber", load, "load_id");
    cr_assert_eq(json_is_true(value_at(&got, 0, "/accepted")),
                 json_bool_of(load, "accepted", false));
    cr_assert_str_eq(text_at(&got, 0, "/response"), "accepted");
    extraction_release(&got);

    const json_t *status = json_object_get(load, "status");
    got = extract_file("x12/edi.net/214-MGCTLYST-SAMPLE.EDI");
    check_optional(&got, "/loadNumber", load, "load_id");
    check_optional(&got, "/events/0/code", status, "code");
    check_optional(&got, "/events/0/meaning", status, "meaning");
    check_optional(&got, "/consignee/name", status, "consignee");
    char text[64];
    cr_assert_str_eq(text_at(&got, 0, "/events/0/timeCode"), "LT");
    (void)snprintf(text, sizeof(text), "%s local", text_at(&got, 0, "/events/0/at"));
    cr_assert_str_eq(text, json_text_of(status, "at"));
    (void)snprintf(text, sizeof(text), "%s %s", text_at(&got, 0, "/events/0/city"),
                   text_at(&got, 0, "/events/0/subdivision"));
    cr_assert_str_eq(text, json_text_of(status, "city"));
    cr_assert_str_eq(text_at(&got, 0, "/state"), "delivered");
    extraction_release(&got);
    json_decref(cases);
}

Test(x12, the_invoice_of_load_75027674)
{
    json_t *cases = read_json("ground-truth/edi-cases.json");
    const json_t *load = json_object_get(cases, "x12_load_75027674");
    const json_t *invoice = json_object_get(load, "invoice");
    struct extraction got = extract_file("x12/edi.net/210-MGCTLYST-SAMPLE.EDI");
    check_optional(&got, "/invoiceNumber", invoice, "number");
    check_cents(&got, "/totals/payable", invoice, "total_cents");
    check_number(&got, "/shipment/weight/value", invoice, "weight_lb");
    check_optional(&got, "/shipment/consignee/name", invoice, "consignee");
    cr_assert_str_eq(text_at(&got, 0, "/issueDate"), "2016-07-07");
    cr_assert_str_eq(text_at(&got, 0, "/shipment/pickupDate"), "2016-07-07");
    cr_assert_str_eq(text_at(&got, 0, "/charges/3/category"), "discount");
    cr_assert_str_eq(text_at(&got, 0, "/charges/2/category"), "fuel");
    cr_assert_str_eq(text_at(&got, 0, "/charges/0/freightClass"), "70");
    const json_t *entry = json_array_get(got.documents, 0);
    const json_t *first = json_array_get(json_object_get(entry, "evidence"), 0);
    cr_assert_str_eq(json_text_of(first, "field"), "/invoiceNumber");
    cr_assert_str_eq(json_text_of(first, "source"), "B3-02 at segment 4");
    extraction_release(&got);
    json_decref(cases);
}

static void check_event(const struct extraction *got, size_t index, const json_t *expected)
{
    char pointer[40];
    char at[64];
    (void)snprintf(pointer, sizeof(pointer), "/events/%zu/code", index);
    check_optional(got, pointer, expected, "code");
    (void)snprintf(pointer, sizeof(pointer), "/events/%zu/meaning", index);
    check_optional(got, pointer, expected, "meaning");
    (void)snprintf(pointer, sizeof(pointer), "/events/%zu", index);
    const json_t *event = value_at(got, 0, pointer);
    (void)snprintf(at, sizeof(at), "%s %s", json_text_of(event, "at"),
                   json_text_of(event, "timeCode"));
    cr_assert_str_eq(at, json_text_of(expected, "at"));
}

Test(x12, the_status_with_a_terminator_of_three_bytes)
{
    json_t *cases = read_json("ground-truth/edi-cases.json");
    const json_t *expected = json_object_get(cases, "x12_214_staedi");
    struct extraction got = extract_file("x12/staedi/ts214_ellipses_segterm.edi");
    check_optional(&got, "/loadNumber", expected, "shipment");
    check_optional(&got, "/proNumber", expected, "pro");
    check_optional(&got, "/purchaseOrderReference", expected, "po");
    check_number(&got, "/weight/value", expected, "weight_lb");
    check_number(&got, "/pieces", expected, "pieces");
    const json_t *events = json_object_get(expected, "events");
    cr_assert_eq(json_array_size(value_at(&got, 0, "/events")), json_array_size(events));
    for (size_t i = 0; i < json_array_size(events); i++) {
        check_event(&got, i, json_array_get(events, i));
    }
    const json_t *answer = json_object_get(expected, "right_answer");
    cr_assert_str_eq(json_text_of(answer, "state"), "in transit");
    cr_assert_str_eq(text_at(&got, 0, "/state"), "inTransit");
    check_optional(&got, "/estimatedDelivery", answer, "eta");
    extraction_release(&got);
    json_decref(cases);
}

Test(x12, the_air_invoice_names_what_is_missing)
{
    json_t *cases = read_json("ground-truth/edi-cases.json");
    const json_t *expected = json_object_get(cases, "x12_110_fedex");
    struct extraction got = extract_file("x12/x12parser/TAM/_110/FedEx_SampleInvoice1.txt");
    cr_assert_str_eq(text_at(&got, 0, "/totals/payable"), "61.41");
    check_number(&got, "/shipment/shipmentsDeclared", expected, "declared_shipments");
    cr_assert_eq((json_int_t)json_array_size(value_at(&got, 0, "/shipment/packages")),
                 json_int_of(expected, "present_packages", -1));
    cr_assert_eq(warnings_with(&got, 0, "shipment-count"), 1);
    cr_assert_eq(warnings_with(&got, 0, "charges-sum"), 1);
    cr_assert_str_eq(text_at(&got, 0, "/shipment/packages/3/consignee/name"),
                     "INFORMATION NOT SUPPLIED");
    cr_assert_str_eq(text_at(&got, 0, "/shipment/packages/3/pickupDate"), "2005-06-24");
    cr_assert_str_eq(text_at(&got, 0, "/shipment/consignee/address/city"), "JACKSON");
    extraction_release(&got);
    json_decref(cases);
}

/* One row of edi-envelopes.csv. */
struct envelope_row {
    char *file;
    char *types;
    size_t messages;
    char *counts; /* "41:38;..." */
    size_t references;
    char *interchange; /* "yes", "no" or "" */
    bool trailer;
};

static char *field(char **line)
{
    char *start = *line;
    size_t size = strcspn(start, ",\r\n");
    *line = start + size + (start[size] == '\0' ? 0 : 1);
    start[size] = '\0';
    return start;
}

static size_t problems_of(const struct x12_interchange *interchange, enum x12_problem_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < interchange->problem_count; i++) {
        count += interchange->problems[i].kind == kind ? 1 : 0;
    }
    return count;
}

static void check_envelope(const struct envelope_row *row)
{
    size_t size = 0;
    char *bytes = read_data(data_path(row->file), &size);
    struct arena *arena = arena_create(16 * 1024 * 1024);
    struct x12_interchange got = {0};
    struct extract_failure failure = {0};
    enum err code = x12_read(bytes, size, arena, &got, &failure);
    cr_assert_eq(code, ERR_OK, "%s: %s %s", row->file, failure.place, failure.reason);
    char types[1024] = "";
    char counts[256] = "";
    for (size_t i = 0; i < got.set_count; i++) {
        (void)snprintf(types + strlen(types), sizeof(types) - strlen(types), "%s%s",
                       i == 0 ? "" : "/", got.sets[i].type);
    }
    for (size_t i = 0; i < got.problem_count; i++) {
        if (got.problems[i].kind == X12_SEGMENT_COUNT) {
            (void)snprintf(counts + strlen(counts), sizeof(counts) - strlen(counts), "%s%s:%s",
                           counts[0] == '\0' ? "" : ";", got.problems[i].declared,
                           got.problems[i].found);
        }
    }
    cr_assert_str_eq(types, row->types, "%s", row->file);
    cr_assert_eq(got.set_count, row->messages, "%s", row->file);
    cr_assert_str_eq(counts, row->counts, "%s", row->file);
    cr_assert_eq(problems_of(&got, X12_SET_REFERENCE), row->references, "%s", row->file);
    cr_assert_eq(problems_of(&got, X12_INTERCHANGE_REFERENCE),
                 strcmp(row->interchange, "no") == 0 ? 1 : 0, "%s", row->file);
    cr_assert_eq(problems_of(&got, X12_INTERCHANGE_TRAILER), row->trailer ? 0 : 1, "%s", row->file);
    cr_assert_eq(problems_of(&got, X12_SET_TRAILER), 0, "%s", row->file);
    arena_destroy(&arena);
    free(bytes);
}

Test(x12, envelopes_get_exactly_the_warnings_they_deserve)
{
    size_t size = 0;
    char *text = read_data("ground-truth/edi-envelopes.csv", &size);
    char *at = strchr(text, '\n') + 1;
    size_t checked = 0;
    while (*at != '\0') {
        char *end = strchr(at, '\n');
        struct envelope_row row = {.file = field(&at)};
        bool x12 = strcmp(field(&at), "X12") == 0;
        row.types = field(&at);
        row.messages = strtoul(field(&at), NULL, 10);
        row.counts = field(&at);
        row.references = strtoul(field(&at), NULL, 10);
        row.interchange = field(&at);
        row.trailer = strcmp(field(&at), "yes") == 0;
        if (x12) {
            check_envelope(&row);
            checked++;
        }
        at = end + 1;
    }
    cr_assert_eq(checked, 61);
    free(text);
}

/* `text` with each `from` as `to`, in place. */
static void replace_all(char *text, char from, char to)
{
    for (; *text != '\0'; text++) {
        *text = *text == from ? to : *text;
    }
}

/* Separators that no text can hold are usual, and were taken for another format. */
Test(x12, separators_may_be_control_characters)
{
    size_t size = 0;
    char *bytes = read_data("x12/edi.net/210-MGCTLYST-SAMPLE.EDI", &size);
    replace_all(bytes, '*', '\x1d');
    replace_all(bytes, '~', '\x1e');
    struct extraction got = {0};
    struct extract_failure failure = {0};
    cr_assert_eq(extract_document(NULL, bytes, size, &got, &failure), ERR_OK, "%s", failure.reason);
    cr_assert_str_eq(text_at(&got, 0, "/totals/payable"), "659.40");
    extraction_release(&got);
    free(bytes);
}

/* The last one counted, whatever the first said. */
Test(x12, a_second_header_or_total_is_refused)
{
    static const char *const segments[] = {"B3*", "L3*"};
    for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        size_t size = 0;
        char *bytes = read_data("x12/edi.net/210-MGCTLYST-SAMPLE.EDI", &size);
        char text[8192];
        const char *found = strstr(bytes, segments[i]);
        cr_assert_not_null(found);
        int length = (int)(strcspn(found, "~") + 1);
        int used = snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(found - bytes) + length, bytes,
                            length, found, found + length);
        struct extract_failure failure;
        cr_assert_eq(extract_failing(text, (size_t)used, &failure), ERR_INVALID);
        cr_assert_not_null(strstr(failure.reason, "second time"), "%s", failure.reason);
        cr_assert_eq(strncmp(failure.element, segments[i], 2), 0, "%s", failure.element);
        free(bytes);
    }
}

Test(x12, other_transaction_sets_are_refused_by_name)
{
    size_t size = 0;
    char *bytes = read_data("x12/edi.net/x12.850.edi", &size);
    struct extract_failure failure = {0};
    cr_assert_eq(extract_failing(bytes, size, &failure), ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(failure.reason, "'850'"));
    cr_assert_str_eq(failure.element, "ST-01");
    free(bytes);
}
