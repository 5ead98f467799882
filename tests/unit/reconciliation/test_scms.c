/*
 * The SCMS delivery history (10,324 real lines) as a ledger. Expected figures are those of
 * tests/data/ground-truth/scms.csv, which was computed by another program with exact decimals.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agents/extraction/extraction.h"
#include "agents/reconciliation/query.h"
#include "desk.h"

static enum err record(void *closure, const json_t *entry)
{
    desk_record(closure, entry);
    return ERR_OK;
}

static void record_history(struct desk *desk)
{
    struct extract_failure failure = {0};
    struct extract_stream *stream = extract_stream_create(record, desk);
    FILE *file = fopen(TEST_DATA_DIR "/scms/SCMS_Delivery_History_Dataset.csv", "rb");
    cr_assert_not_null(file);
    static char chunk[65536];
    for (size_t size; (size = fread(chunk, 1, sizeof(chunk), file)) > 0;) {
        cr_assert_eq(extract_stream_write(stream, chunk, size, &failure), ERR_OK, "%s",
                     failure.reason);
    }
    cr_assert_eq(extract_stream_finish(stream, &failure), ERR_OK, "%s", failure.reason);
    fclose(file);
    extract_stream_destroy(&stream);
}

static json_t *ask(struct desk *desk, json_t *question)
{
    struct error err = {0};
    json_t *answer = NULL;
    cr_assert_eq(query_ledger(desk_book(desk), question, &answer, &err), ERR_OK, "%s", err.message);
    json_decref(question);
    return answer;
}

static void expect_count(const json_t *object, const char *key, json_int_t expected)
{
    cr_expect_eq(json_int_of(object, key, -1), expected, "%s is %lld", key,
                 (long long)json_int_of(object, key, -1));
}

Test(scms, totals_resolve_references_and_count_an_amount_once, .timeout = 100)
{
    struct desk *desk = desk_create();
    record_history(desk);
    json_t *totals = ask(desk, json_pack("{s:s}", "query", "totals"));
    expect_count(totals, "shipments", 10324);
    const json_t *deliveries = json_object_of(totals, "deliveries");
    expect_count(deliveries, "onTime", 6324);
    expect_count(deliveries, "early", 2814);
    expect_count(deliveries, "late", 1186);
    const json_t *freight = json_object_of(totals, "freight");
    expect_count(freight, "statedLines", 6198);
    expect_count(freight, "referencesResolved", 2340);
    expect_count(freight, "referencesInvoicedSeparately", 105);
    expect_count(freight, "referencesDangling", 0);
    expect_count(freight, "includedLines", 1442);
    expect_count(freight, "invoicedSeparatelyLines", 239);
    expect_text(json_object_of(freight, "sum"), "USD", "68817849.41");
    json_decref(totals);

    size_t late = 0;
    char after[64] = "";
    for (bool more = true; more;) {
        json_t *question = json_pack("{s:s, s:i}", "query", "late", "limit", 1000);
        if (after[0] != '\0') {
            json_object_set_new(question, "after", json_string(after));
        }
        json_t *answer = ask(desk, question);
        late += json_array_size(json_array_of(answer, "late"));
        more = json_text_of(answer, "next") != NULL;
        snprintf(after, sizeof(after), "%.60s", more ? json_text_of(answer, "next") : "");
        json_decref(answer);
    }
    cr_expect_eq(late, 1186, "%zu late deliveries are listed", late);

    json_t *line = ask(desk, json_pack("{s:s, s:s}", "query", "shipment", "number", "ASN-93"));
    cr_expect_not(json_bool_of(line, "found", true), "a despatch is several lines");
    cr_expect_gt(json_array_size(json_array_of(line, "lines")), 1);
    json_decref(line);
    desk_destroy(&desk);
}
