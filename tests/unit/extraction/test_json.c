#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/extraction/schemas.h"
#include "tests/unit/extraction/support.h"

/* Every document the files give fits its schema and its evidence points into it. */
static size_t check_schema(struct schemas *schemas, const char *path)
{
    struct extraction got = extract_file(path);
    size_t count = json_array_size(got.documents);
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(got.documents, i);
        const json_t *document = json_object_get(entry, "document");
        struct error err = {0};
        enum err code = schemas_check(schemas, json_text_of(entry, "kind"), document, &err);
        cr_assert_eq(code, ERR_OK, "%s: %s", path, err.message);
        const json_t *evidence = json_object_get(entry, "evidence");
        cr_assert_geq(json_array_size(evidence), 3, "%s", path);
        double lowest = 1.0;
        size_t at = 0;
        json_t *one = NULL;
        json_array_foreach(json_mutable(evidence), at, one)
        {
            const char *field = json_text_of(one, "field");
            cr_assert_not_null(json_pointer_get(document, field), "%s: %s", path, field);
            double confidence = json_real_value(json_object_get(one, "confidence"));
            lowest = confidence < lowest ? confidence : lowest;
        }
        cr_assert_leq(json_real_value(json_object_get(entry, "confidence")), lowest);
    }
    extraction_release(&got);
    return count;
}

Test(schema, every_document_fits, .timeout = 120)
{
    static const char *const files[] = {
        "x12/edi.net/204-MGCTLYST-SAMPLE.EDI",
        "x12/edi.net/210-MGCTLYST-SAMPLE.EDI",
        "x12/edi.net/214-MGCTLYST-SAMPLE.EDI",
        "x12/edi.net/990-MGCTLYST-SAMPLE.EDI",
        "x12/edi.net/x12.214.edi",
        "x12/staedi/ts210_80char.edi",
        "x12/staedi/ts214_ellipses_segterm.edi",
        "x12/x12parser/TAM/_110/FedEx_SampleInvoice1.txt",
        "matchai/freight_invoices.csv",
        "matchai/invoices_sample.csv",
        "matchai/rates_sample.csv",
    };
    struct schemas *schemas = schemas_create();
    size_t documents = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        documents += check_schema(schemas, files[i]);
    }
    json_t *ubl = read_json("ground-truth/ubl-invoices.json");
    for (size_t i = 0; i < json_array_size(ubl); i++) {
        documents += check_schema(schemas, data_path(json_text_of(json_array_get(ubl, i), "file")));
    }
    cr_assert_eq(documents, 8 + 1000 + 3 + 2 + 46);
    json_decref(ubl);
    schemas_destroy(&schemas);
}

static enum err check_row(void *closure, const json_t *entry)
{
    struct error err = {0};
    const json_t *document = json_object_get(entry, "document");
    enum err code = schemas_check(closure, json_text_of(entry, "kind"), document, &err);
    cr_assert_eq(code, ERR_OK, "%s", err.message);
    return code;
}

Test(schema, every_scms_row_fits, .timeout = 120)
{
    size_t size = 0;
    char *bytes = read_data("scms/SCMS_Delivery_History_Dataset.csv", &size);
    struct schemas *schemas = schemas_create();
    struct extract_failure failure = {0};
    struct extract_stream *stream = extract_stream_create(check_row, schemas);
    cr_assert_eq(extract_stream_write(stream, bytes, size, &failure), ERR_OK);
    cr_assert_eq(extract_stream_finish(stream, &failure), ERR_OK);
    extract_stream_destroy(&stream);
    schemas_destroy(&schemas);
    free(bytes);
}

static struct extraction extract_text(const char *text)
{
    struct extraction got = {0};
    struct extract_failure failure = {0};
    char words[512];
    enum err code = extract_document("application/json", text, strlen(text), &got, &failure);
    cr_assert_eq(code, ERR_OK, "%s", extract_failure_text(&failure, words, sizeof(words)));
    return got;
}

Test(json, a_canonical_invoice_is_taken_with_exact_numbers)
{
    struct extraction got =
        extract_text("{\"documentType\": \"invoice\", \"invoiceNumber\": \"A-1 \\\"7\\\"\","
                     " \"totals\": {\"payable\": 0.10, \"tax\": -12345678901234567.89},"
                     " \"charges\": [{\"amount\": 659.40, \"discount\": false}]}");
    cr_assert_str_eq(got.format, "json");
    cr_assert_str_eq(text_at(&got, 0, "/invoiceNumber"), "A-1 \"7\"");
    cr_assert_str_eq(text_at(&got, 0, "/totals/payable"), "0.10");
    cr_assert_str_eq(text_at(&got, 0, "/totals/tax"), "-12345678901234567.89");
    cr_assert_str_eq(text_at(&got, 0, "/charges/0/amount"), "659.40");
    extraction_release(&got);
}

Test(json, what_was_read_can_be_read_again)
{
    struct extraction first = extract_file("x12/edi.net/204-MGCTLYST-SAMPLE.EDI");
    const json_t *entry = json_array_get(first.documents, 0);
    json_t *wrapped = json_pack("{s:O, s:O}", "kind", json_object_get(entry, "kind"), "document",
                                json_object_get(entry, "document"));
    char *text = json_dumps(wrapped, 0);
    struct extraction again = extract_text(text);
    cr_assert(json_same(value_at(&first, 0, ""), value_at(&again, 0, "")));
    free(text);
    json_decref(wrapped);
    extraction_release(&first);
    extraction_release(&again);
}

Test(json, records_of_a_known_csv_are_read)
{
    struct extraction got =
        extract_text("[{\"contract_lane_desc\": \"A -> B\", \"contract_rate_per_mile\": 2.10,"
                     " \"allowed_fuel_surcharge_pct\": 35.0}]");
    cr_assert_str_eq(text_at(&got, 0, "/ratePerMile"), "2.10");
    cr_assert_str_eq(text_at(&got, 0, "/source/format"), "json");
    cr_assert_str_eq(text_at(&got, 0, "/source/record"), "item 1");
    extraction_release(&got);
}

static enum err fail_json(const char *text, const char *reason)
{
    struct extract_failure failure;
    enum err code = extract_failing(text, strlen(text), &failure);
    char words[512];
    extract_failure_text(&failure, words, sizeof(words));
    cr_assert_not_null(strstr(words, reason), "'%s' does not say '%s'", words, reason);
    return code;
}

Test(json, what_does_not_fit_is_named)
{
    cr_assert_eq(
        fail_json("{\"documentType\":\"invoice\",\"totals\":{\"payable\":\"1\"}}", "invoiceNumber"),
        ERR_INVALID);
    cr_assert_eq(fail_json("{\"documentType\":\"invoice\",\"invoiceNumber\":\"1\",\"totals\":"
                           "{\"payable\":\"1,00\"}}",
                           "/totals/payable"),
                 ERR_INVALID);
    cr_assert_eq(fail_json("{\"documentType\":\"invoice\",\"invoiceNumber\":\"1\",\"guess\":1,"
                           "\"totals\":{\"payable\":\"1\"}}",
                           "guess"),
                 ERR_INVALID);
    cr_assert_eq(fail_json("{\"kind\":\"poem\",\"document\":{}}", "'poem'"), ERR_UNSUPPORTED);
    cr_assert_eq(fail_json("{\"hello\":1}", "neither"), ERR_UNSUPPORTED);
    cr_assert_eq(fail_json("{\"hello\":1,}", "1:12"), ERR_INVALID);
    cr_assert_eq(fail_json("[]", "0 items"), ERR_INVALID);
    cr_assert_eq(fail_json("[1]", "object"), ERR_INVALID);
}
