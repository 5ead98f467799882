/* Invoices against tender, answer and status of the same load. The documents are real samples. */
#include <criterion/criterion.h>
#include <string.h>

#include "desk.h"

static void record_load(struct desk *desk)
{
    desk_record_file(desk, "x12/edi.net/204-MGCTLYST-SAMPLE.EDI");
    desk_record_file(desk, "x12/edi.net/990-MGCTLYST-SAMPLE.EDI");
    desk_record_file(desk, "x12/edi.net/214-MGCTLYST-SAMPLE.EDI");
}

/* The senders put one load number on four messages about different shipments, so paying is always
 * wrong: hold, dispute the 102.19 above the tender, and ask. */
Test(agreement, disputes_what_load_75027674_bills_above_its_tender)
{
    struct desk *desk = desk_create();
    record_load(desk);
    json_t *answer = desk_check_file(desk, "x12/edi.net/210-MGCTLYST-SAMPLE.EDI");
    expect_text(answer, "verdict", "dispute");
    expect_text(answer, "exception", "rate mismatch");
    expect_text(json_object_of(answer, "amount"), "value", "102.19");
    cr_assert(json_bool_of(answer, "hold", false));
    cr_assert_not_null(json_text_of(answer, "question"));

    const json_t *total = finding_of(answer, "agreed.total");
    expect_text(total, "invoiced", "659.40");
    expect_text(total, "expected", "557.21");
    expect_text(total, "difference", "102.19");
    const json_t *weight = finding_of(answer, "shipment.weight");
    expect_text(weight, "invoiced", "7889");
    expect_text(weight, "expected", "5472");
    expect_text(weight, "difference", "2417.00");
    expect_text(finding_of(answer, "shipment.consignee"), "invoiced", "ST JOSEPHS HOSPITAL");
    expect_text(finding_of(answer, "shipment.consignee"), "expected", "QUAD-GRAPHICS INC");
    expect_text(finding_of(answer, "delivery.consignee"), "invoiced", "FIBERMARK, INC");
    expect_text(finding_of(answer, "shipment.window"), "difference", "-19.00");
    cr_assert_null(finding_of(answer, "foots.charges"), "the invoice itself adds up");
    cr_assert_null(finding_of(answer, "shipment.accepted"));
    double confidence = json_number_value(json_object_get(answer, "confidence"));
    cr_assert_lt(confidence, 0.75, "so many differences must lower the confidence");
    json_decref(answer);
    desk_destroy(&desk);
}

Test(agreement, says_no_shipment_when_the_ledger_has_none)
{
    struct desk *desk = desk_create();
    record_load(desk);
    json_t *answer = desk_check_file(desk, "x12/staedi/ts210_80char.edi");
    expect_text(answer, "verdict", "exception");
    expect_text(answer, "exception", "no shipment");
    cr_assert_eq(json_array_size(json_array_of(answer, "findings")), 1,
                 "everything else about this invoice checks");
    json_decref(answer);
    desk_destroy(&desk);
}

/* A tender made for the test: the agreed side of a real invoice. */
static void record_made_up_tender(struct desk *desk, const char *charge, const char *currency)
{
    json_t *tender =
        json_pack("{s:s, s:{s:s, s:s, s:{s:s}, s:{s:s}, s:{s:s, s:s}, s:{s:s}, s:{s:s}}}", "kind",
                  "tender", "document", "loadNumber", "134982", "currency", currency, "totals",
                  "charge", charge, "consignee", "name", "Game Farms", "weight", "value", "1340",
                  "unit", "L", "carrier", "scac", "DDDD", "pickupWindow", "earliest", "2018-09-14");
    json_t *response = json_pack("{s:s, s:{s:s, s:b}}", "kind", "tenderResponse", "document",
                                 "loadNumber", "134982", "accepted", 1);
    desk_record(desk, tender);
    desk_record(desk, response);
    json_decref(tender);
    json_decref(response);
}

Test(agreement, posts_what_agrees_with_an_accepted_tender)
{
    struct desk *desk = desk_create();
    record_made_up_tender(desk, "124.17", "USD");
    json_t *answer = desk_check_file(desk, "x12/staedi/ts210_80char.edi");
    expect_text(answer, "verdict", "post");
    cr_assert_not(json_bool_of(answer, "hold", true));
    cr_assert_null(json_text_of(answer, "exception"));
    cr_assert_null(finding_of(answer, "agreed.total"));
    json_decref(answer);
    desk_destroy(&desk);
}

Test(agreement, one_cent_is_rounding_and_two_are_not)
{
    struct desk *desk = desk_create();
    record_made_up_tender(desk, "124.16", "USD");
    json_t *answer = desk_check_file(desk, "x12/staedi/ts210_80char.edi");
    expect_text(answer, "verdict", "post");
    json_decref(answer);
    desk_destroy(&desk);
    desk = desk_create();
    record_made_up_tender(desk, "124.15", "USD");
    answer = desk_check_file(desk, "x12/staedi/ts210_80char.edi");
    expect_text(answer, "verdict", "dispute");
    expect_text(json_object_of(answer, "amount"), "value", "0.02");
    json_decref(answer);
    desk_destroy(&desk);
}

Test(agreement, asks_when_the_carrier_has_not_answered_and_refuses_when_it_declined)
{
    struct desk *desk = desk_create();
    json_t *tender = desk_read("x12/edi.net/204-MGCTLYST-SAMPLE.EDI");
    json_t *invoice = desk_read("x12/edi.net/210-MGCTLYST-SAMPLE.EDI");
    desk_record(desk, json_array_get(tender, 0));
    json_t *answer = desk_check(desk, json_array_get(invoice, 0));
    expect_text(finding_of(answer, "shipment.accepted"), "severity", "warning");
    json_decref(answer);
    json_t *declined = json_pack("{s:s, s:{s:s, s:b}}", "kind", "tenderResponse", "document",
                                 "loadNumber", "75027674", "accepted", 0);
    desk_record(desk, declined);
    answer = desk_check(desk, json_array_get(invoice, 0));
    expect_text(answer, "exception", "not accepted");
    json_decref(answer);
    json_decref(declined);
    json_decref(tender);
    json_decref(invoice);
    desk_destroy(&desk);
}

Test(agreement, holds_the_lane_rates_against_invoices_without_a_shipment)
{
    struct desk *desk = desk_create();
    cr_assert_eq(desk_record_file(desk, "matchai/rates_sample.csv"), 2);
    json_t *invoices = desk_read("matchai/invoices_sample.csv");
    cr_assert_eq(json_array_size(invoices), 3);
    json_t *first = desk_check(desk, json_array_get(invoices, 0));
    json_t *second = desk_check(desk, json_array_get(invoices, 1));
    json_t *third = desk_check(desk, json_array_get(invoices, 2));
    expect_text(first, "exception", "no shipment");
    expect_text(finding_of(first, "agreed.lane"), "difference", "15.60");
    cr_assert_null(finding_of(first, "agreed.fuel"));
    expect_text(finding_of(second, "agreed.fuel"), "difference", "2.00");
    expect_text(finding_of(second, "agreed.accessorial"), "difference", "25.00");
    expect_text(third, "exception", "no shipment");
    cr_assert_eq(json_array_size(json_array_of(third, "findings")), 1, "the price agrees");
    json_decref(first);
    json_decref(second);
    json_decref(third);
    json_decref(invoices);
    desk_destroy(&desk);
}
