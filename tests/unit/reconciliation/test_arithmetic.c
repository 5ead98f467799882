/* The arithmetic of real invoices, freight bills and e-invoices. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "agents/reconciliation/finding.h"
#include "desk.h"

Test(arithmetic, the_fedex_110_misses_by_1_28_and_by_one_shipment)
{
    struct desk *desk = desk_create();
    json_t *answer = desk_check_file(desk, "x12/x12parser/TAM/_110/FedEx_SampleInvoice1.txt");
    expect_text(answer, "verdict", "exception");
    expect_text(answer, "exception", "does not foot");
    const json_t *foot = finding_of(answer, "foots.charges");
    expect_text(foot, "severity", "error");
    expect_text(foot, "invoiced", "61.41");
    expect_text(foot, "expected", "60.13");
    expect_text(foot, "difference", "1.28");
    expect_text(finding_of(answer, "count.shipments"), "invoiced", "5");
    expect_text(finding_of(answer, "count.shipments"), "expected", "4");
    json_decref(answer);
    desk_destroy(&desk);
}

static bool held(const json_t *answer, const char *rule)
{
    const json_t *list = json_array_of(answer, "held");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), rule) == 0) {
            return true;
        }
    }
    return false;
}

Test(arithmetic, the_210_of_124_17_checks_in_every_line)
{
    struct desk *desk = desk_create();
    json_t *answer = desk_check_file(desk, "x12/staedi/ts210_80char.edi");
    cr_assert(held(answer, "foots.charges@1"));
    cr_assert(held(answer, "line.amount@1"), "41.93 x 1,340 lb is 561.86");
    cr_assert(held(answer, "fuel.stated@1"), "10.50 %% of 112.37 is 11.80");
    json_decref(answer);
    desk_destroy(&desk);
}

/* What the 210 bills as fuel, changed by a cent or more, no longer is the percentage it states. */
Test(arithmetic, a_fuel_surcharge_that_is_not_its_percentage_is_found)
{
    struct desk *desk = desk_create();
    json_t *documents = desk_read("x12/staedi/ts210_80char.edi");
    json_t *entry = json_array_get(documents, 0);
    json_t *document = json_object_of(entry, "document");
    json_t *fuel = json_array_get(json_array_of(document, "charges"), 2);
    expect_text(fuel, "amount", "11.80");
    json_object_set_new(fuel, "amount", json_string("12.80"));
    json_object_set_new(json_object_of(document, "totals"), "payable", json_string("125.17"));
    json_object_set_new(json_object_of(document, "totals"), "lineExtension", json_string("125.17"));
    json_t *answer = desk_check(desk, entry);
    expect_text(finding_of(answer, "fuel.stated"), "difference", "1.00");
    cr_assert_null(finding_of(answer, "foots.charges"));
    json_decref(answer);
    json_decref(documents);
    desk_destroy(&desk);
}

Test(arithmetic, the_freight_invoice_rounds_in_the_wrong_total)
{
    struct desk *desk = desk_create();
    json_t *answer = desk_check_file(desk, "ubl-freight/UBL-FreightInvoice-2.1-Example.xml");
    const json_t *rounding = finding_of(answer, "foots.rounding");
    expect_text(rounding, "severity", "warning");
    expect_text(rounding, "invoiced", "1729.00");
    expect_text(rounding, "expected", "1728.70");
    expect_text(rounding, "difference", "0.30");
    cr_assert_null(finding_of(answer, "foots.gross"));
    cr_assert_null(finding_of(answer, "foots.payable"), "one mistake is told once");
    json_decref(answer);
    desk_destroy(&desk);
}

/* Totals and tax of the 45 e-invoices and credit notes hold; every one of them is checked. */
Test(arithmetic, totals_and_tax_of_the_e_invoices_hold)
{
    struct desk *desk = desk_create();
    DIR *folder = opendir(TEST_DATA_DIR "/ubl");
    cr_assert_not_null(folder);
    size_t read = 0;
    for (const struct dirent *file; (file = readdir(folder)) != NULL;) {
        char path[300];
        if (strstr(file->d_name, ".xml") == NULL) {
            continue;
        }
        snprintf(path, sizeof(path), "ubl/%s", file->d_name);
        json_t *answer = desk_check_file(desk, path);
        const json_t *findings = json_array_of(answer, "findings");
        for (size_t i = 0; i < json_array_size(findings); i++) {
            const json_t *finding = json_array_get(findings, i);
            bool error = strcmp(json_text_of(finding, "severity"), "error") == 0;
            bool known = strcmp(json_text_of(finding, "rule"), "shipment.known") == 0;
            cr_expect(!error || known, "%s: %s", file->d_name, json_text_of(finding, "sentence"));
        }
        cr_expect(held(answer, "foots.gross@1"), "%s", file->d_name);
        cr_expect(held(answer, "foots.payable@1"), "%s", file->d_name);
        json_decref(answer);
        read++;
    }
    closedir(folder);
    cr_assert_eq(read, 45);
    desk_destroy(&desk);
}

static json_t *check_changed(struct desk *desk, const char *member, const char *value)
{
    json_t *documents = desk_read("ubl/ubl-tc434-example2.xml");
    json_t *entry = json_array_get(documents, 0);
    json_t *totals = json_object_of(json_object_of(entry, "document"), "totals");
    cr_assert_not_null(json_object_get(totals, member));
    json_object_set_new(totals, member, json_string(value));
    json_t *answer = desk_check(desk, entry);
    json_decref(documents);
    return answer;
}

Test(arithmetic, a_wrong_total_is_found_by_the_rule_that_owns_it)
{
    static const struct {
        const char *member;
        const char *rule;
    } cases[] = {
        {"lineExtension", "foots.charges"},
        {"taxExclusive", "foots.net"},
        {"taxInclusive", "foots.gross"},
        {"payable", "foots.payable"},
        {"tax", "tax.sum"},
    };
    struct desk *desk = desk_create();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *answer = check_changed(desk, cases[i].member, "1.11");
        cr_expect_not_null(finding_of(answer, cases[i].rule), "%s", cases[i].member);
        json_decref(answer);
    }
    desk_destroy(&desk);
}

Test(arithmetic, every_rule_has_an_own_id_and_version)
{
    for (unsigned a = 0; a < RULE_COUNT_OF_RULES; a++) {
        cr_expect_gt(rule_version((enum rule)a), 0);
        for (unsigned b = 0; b < a; b++) {
            cr_expect_str_neq(rule_id((enum rule)a), rule_id((enum rule)b));
        }
    }
}
