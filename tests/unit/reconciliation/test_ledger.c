/* Recording, repeats and keys. */
#include <criterion/criterion.h>
#include <string.h>

#include "agents/reconciliation/query.h"
#include "common/base/arena.h"
#include "desk.h"

enum { ARENA_BYTES = 1024 * 1024 };

Test(ledger, recording_again_changes_nothing_and_every_document_is_a_version)
{
    struct desk *desk = desk_create();
    json_t *tender = desk_read("x12/edi.net/204-MGCTLYST-SAMPLE.EDI");
    json_t *response = desk_read("x12/edi.net/990-MGCTLYST-SAMPLE.EDI");
    json_t *status = desk_read("x12/edi.net/214-MGCTLYST-SAMPLE.EDI");
    cr_assert_eq(desk_record(desk, json_array_get(tender, 0)), RECORDED_NEW);
    cr_assert_eq(desk_record(desk, json_array_get(tender, 0)), RECORDED_UNCHANGED);
    cr_assert_eq(desk_record(desk, json_array_get(response, 0)), RECORDED_CHANGED);
    cr_assert_eq(desk_record(desk, json_array_get(status, 0)), RECORDED_CHANGED);
    cr_assert_eq(desk_record(desk, json_array_get(status, 0)), RECORDED_UNCHANGED);
    json_t *row = NULL;
    struct error err = {0};
    cr_assert_eq(ledger_shipment(desk_book(desk), "75027674", &row, &err), ERR_OK);
    cr_assert_eq(json_int_of(row, "version", 0), 3);
    cr_assert_eq(json_array_size(json_array_of(row, "sources")), 3);
    cr_assert_eq(json_array_size(json_array_of(row, "statuses")), 1);
    cr_assert_eq(desk_rows(desk), 1);
    json_decref(row);
    json_decref(tender);
    json_decref(response);
    json_decref(status);
    desk_destroy(&desk);
}

Test(ledger, an_invoice_is_never_a_source)
{
    struct desk *desk = desk_create();
    json_t *invoice = desk_read("x12/edi.net/210-MGCTLYST-SAMPLE.EDI");
    cr_assert_eq(desk_record(desk, json_array_get(invoice, 0)), RECORDED_SKIPPED);
    cr_assert_eq(desk_rows(desk), 0);
    json_decref(invoice);
    desk_destroy(&desk);
}

/* An invoice of the test's own, about shipment S-1. */
static json_t *made_up(const char *number, const char *shipment, const char *total)
{
    json_t *entry =
        json_pack("{s:s, s:f, s:{s:s, s:s, s:{s:s}, s:{s:s}}}", "kind", "invoice", "confidence",
                  1.0, "document", "invoiceNumber", number, "issueDate", "2026-01-02", "seller",
                  "name", "Carrier", "totals", "payable", total);
    json_t *document = json_object_of(entry, "document");
    if (shipment != NULL) {
        json_object_set_new(document, "shipment", json_pack("{s:s}", "loadNumber", shipment));
    }
    return entry;
}

static void expect_exception(struct desk *desk, const char *number, const char *shipment,
                             const char *total, const char *rule, const char *verdict)
{
    json_t *entry = made_up(number, shipment, total);
    json_t *answer = desk_check(desk, entry);
    cr_expect_not_null(finding_of(answer, rule), "%s for %s", rule, number);
    expect_text(answer, "verdict", verdict);
    json_decref(answer);
    json_decref(entry);
}

Test(ledger, repeats_are_found_by_number_by_shipment_and_by_likeness)
{
    struct desk *desk = desk_create();
    json_t *shipments =
        json_pack("[{s:s, s:{s:s, s:{s:s}}}, {s:s, s:{s:s, s:{s:s}}}]", "kind", "shipment",
                  "document", "loadNumber", "S-1", "agreed", "total", "10.00", "kind", "shipment",
                  "document", "loadNumber", "S-2", "agreed", "total", "10.00");
    desk_record(desk, json_array_get(shipments, 0));
    desk_record(desk, json_array_get(shipments, 1));
    json_t *first = made_up("INV-7", "S-1", "10.00");
    json_t *answer = desk_check(desk, first);
    expect_text(answer, "verdict", "post");
    json_decref(answer);
    cr_assert(desk_enter(desk, json_object_of(first, "document"), "posted"));
    cr_assert_not(desk_enter(desk, json_object_of(first, "document"), "posted"));

    expect_exception(desk, "INV-7", "S-1", "10.00", "duplicate.number", "exception");
    expect_exception(desk, "INV-8", "S-1", "11.00", "duplicate.shipment", "exception");
    expect_exception(desk, "inv 0007", "S-2", "12.00", "duplicate.near", "dispute");
    expect_exception(desk, "INV-9", "S-2", "10.000", "duplicate.near", "ask");
    json_t *second = made_up("INV-8", "S-1", "11.00");
    cr_assert_not(desk_enter(desk, json_object_of(second, "document"), "posted"),
                  "a shipment is paid once");
    json_decref(second);
    json_decref(first);
    json_decref(shipments);
    desk_destroy(&desk);
}

Test(ledger, a_number_cannot_reach_the_row_of_another)
{
    struct buf plain = BUF_INIT(100);
    struct buf tricky = BUF_INIT(100);
    book_key(&plain, "a");
    book_key(&plain, "b");
    book_key(&tricky, "a/b");
    cr_assert_str_eq(plain.data, "a/b");
    cr_assert_str_eq(tricky.data, "a%2fb");
    buf_release(&plain);
    buf_release(&tricky);
}

Test(ledger, refuses_documents_without_a_number_and_numbers_that_are_not)
{
    struct desk *desk = desk_create();
    struct recorded recorded;
    struct error err = {0};
    struct invoice facts;
    struct arena *arena = arena_create(ARENA_BYTES);
    json_t *empty = json_object();
    cr_assert_eq(ledger_record(desk_book(desk), "tender", empty, false, arena, &recorded, &err),
                 ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "loadNumber"));
    cr_assert_eq(invoice_read(empty, arena, &facts, &err), ERR_INVALID);
    json_t *bad = made_up("1", NULL, "12,50");
    cr_assert_eq(invoice_read(json_object_of(bad, "document"), arena, &facts, &err), ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "payable"), "%s", err.message);
    json_decref(bad);
    json_decref(empty);
    arena_destroy(&arena);
    desk_destroy(&desk);
}

Test(ledger, answers_questions)
{
    struct desk *desk = desk_create();
    struct error err = {0};
    json_t *answer = NULL;
    desk_record_file(desk, "x12/edi.net/204-MGCTLYST-SAMPLE.EDI");
    json_t *question = json_pack("{s:s, s:s}", "query", "shipment", "number", "75027674");
    cr_assert_eq(query_ledger(desk_book(desk), question, &answer, &err), ERR_OK);
    cr_assert(json_bool_of(answer, "found", false));
    json_decref(answer);
    json_object_set_new(question, "number", json_string("1"));
    cr_assert_eq(query_ledger(desk_book(desk), question, &answer, &err), ERR_OK);
    cr_assert_not(json_bool_of(answer, "found", true));
    json_decref(answer);
    json_object_set_new(question, "query", json_string("everything"));
    cr_assert_eq(query_ledger(desk_book(desk), question, &answer, &err), ERR_INVALID);
    json_decref(question);
    json_t *posted = made_up("INV-7", "S-1", "10.00");
    desk_enter(desk, json_object_of(posted, "document"), "posted");
    question = json_pack("{s:s, s:s}", "query", "invoices", "state", "posted");
    cr_assert_eq(query_ledger(desk_book(desk), question, &answer, &err), ERR_OK);
    cr_assert_eq(json_array_size(json_array_of(answer, "invoices")), 1);
    json_decref(answer);
    json_decref(question);
    json_decref(posted);
    desk_destroy(&desk);
}
