#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/decimal.h"
#include "common/base/str.h"
#include "tests/unit/extraction/support.h"

static void check_text(const struct extraction *got, const char *pointer, const json_t *expected,
                       const char *key)
{
    const char *found = text_at(got, 0, pointer);
    const char *wanted = json_text_of(expected, key);
    cr_assert(text_equal(found, wanted), "%s %s: '%s', expected '%s'",
              json_text_of(expected, "file"), pointer, found == NULL ? "" : found,
              wanted == NULL ? "" : wanted);
}

static struct decimal amount_at(const struct extraction *got, const char *pointer)
{
    struct decimal value = decimal_of(0, 0);
    const char *text = text_at(got, 0, pointer);
    if (text != NULL) {
        cr_assert_eq(decimal_parse(text, &value, NULL), ERR_OK, "%s: '%s'", pointer, text);
    }
    return value;
}

static struct decimal plus(struct decimal a, struct decimal b)
{
    cr_assert_eq(decimal_add(a, b, &a, NULL), ERR_OK);
    return a;
}

static struct decimal minus(struct decimal a, struct decimal b)
{
    cr_assert_eq(decimal_sub(a, b, &a, NULL), ERR_OK);
    return a;
}

static struct decimal sum_of_lines(const struct extraction *got)
{
    struct decimal sum = decimal_of(0, 0);
    size_t count = json_array_size(value_at(got, 0, "/lines"));
    for (size_t i = 0; i < count; i++) {
        char pointer[48];
        (void)snprintf(pointer, sizeof(pointer), "/lines/%zu/netAmount", i);
        sum = plus(sum, amount_at(got, pointer));
    }
    return sum;
}

/* The four sums of the ground truth, over what we read: they hold or fail as stated. */
static void check_sums(const struct extraction *got, const json_t *expected)
{
    const json_t *checks = json_object_get(expected, "checks");
    const char *file = json_text_of(expected, "file");
    struct decimal lines = amount_at(got, "/totals/lineExtension");
    struct decimal exclusive = amount_at(got, "/totals/taxExclusive");
    struct decimal inclusive = amount_at(got, "/totals/taxInclusive");
    struct decimal charged =
        plus(minus(lines, amount_at(got, "/totals/allowances")), amount_at(got, "/totals/charges"));
    struct decimal taxed = plus(exclusive, amount_at(got, "/totals/tax"));
    struct decimal due = plus(minus(inclusive, amount_at(got, "/totals/prepaid")),
                              amount_at(got, "/totals/rounding"));
    bool holds[] = {
        decimal_compare(sum_of_lines(got), lines) == 0,
        decimal_compare(charged, exclusive) == 0,
        decimal_compare(taxed, inclusive) == 0,
        decimal_compare(due, amount_at(got, "/totals/payable")) == 0,
    };
    static const char *const names[] = {"lines_sum", "tax_exclusive", "tax_inclusive", "payable"};
    for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
        cr_assert_eq(holds[i], json_bool_of(checks, names[i], false), "%s: %s", file, names[i]);
    }
}

static const char *iban_of(const struct extraction *got)
{
    const json_t *means = value_at(got, 0, "/paymentMeans");
    for (size_t i = 0; i < json_array_size(means); i++) {
        const char *account = json_text_of(json_array_get(means, i), "account");
        if (account != NULL) {
            return account;
        }
    }
    return NULL;
}

static void check_document(const json_t *expected)
{
    const char *file = json_text_of(expected, "file");
    struct extraction got = extract_file(data_path(file));
    cr_assert_eq(json_array_size(got.documents), 1);
    check_text(&got, "/source/messageType", expected, "type");
    check_text(&got, "/invoiceNumber", expected, "id");
    check_text(&got, "/issueDate", expected, "issue_date");
    check_text(&got, "/dueDate", expected, "due_date");
    check_text(&got, "/currency", expected, "currency");
    check_text(&got, "/seller/name", expected, "supplier");
    check_text(&got, "/buyer/name", expected, "customer");
    check_text(&got, "/purchaseOrderReference", expected, "order_ref");
    check_text(&got, "/totals/payable", expected, "payable");
    check_text(&got, "/totals/tax", expected, "tax");
    cr_assert(text_equal(iban_of(&got), json_text_of(expected, "iban")), "%s", file);
    cr_assert_eq((json_int_t)json_array_size(value_at(&got, 0, "/lines")),
                 json_int_of(expected, "n_lines", -1), "%s", file);
    check_sums(&got, expected);
    extraction_release(&got);
}

Test(ubl, all_documents_are_exact)
{
    json_t *all = read_json("ground-truth/ubl-invoices.json");
    cr_assert_eq(json_array_size(all), 46);
    size_t at = 0;
    json_t *expected = NULL;
    json_array_foreach(all, at, expected)
    {
        check_document(expected);
    }
    json_decref(all);
}

static void check_member(const json_t *ours, const json_t *theirs, const char *key,
                         const char *file)
{
    const char *found = json_text_of(ours, key);
    const char *wanted = json_text_of(theirs, key);
    cr_assert(text_equal(found, wanted), "%s: %s is '%s', the second reader has '%s'", file, key,
              found == NULL ? "" : found, wanted == NULL ? "" : wanted);
}

struct line_check {
    const char *path;
    size_t lines;
    size_t files;
};

static void check_lines(void *closure, const json_t *record)
{
    static const char *const keys[] = {"lineId",    "invoicedQuantity", "unitCode", "netPrice",
                                       "netAmount", "vatCategoryCode",  "vatRate",  "itemName"};
    struct line_check *check = closure;
    struct extraction got = extract_file(check->path);
    const json_t *ours = value_at(&got, 0, "/lines");
    const json_t *theirs = json_object_get(record, "lines");
    cr_assert_eq(json_array_size(ours), json_array_size(theirs), "%s", check->path);
    for (size_t i = 0; i < json_array_size(theirs); i++) {
        for (size_t j = 0; j < sizeof(keys) / sizeof(keys[0]); j++) {
            check_member(json_array_get(ours, i), json_array_get(theirs, i), keys[j], check->path);
        }
    }
    check->lines += json_array_size(theirs);
    check->files++;
    extraction_release(&got);
}

Test(ubl, lines_agree_with_a_second_reader, .timeout = 120)
{
    json_t *all = read_json("ground-truth/ubl-invoices.json");
    struct line_check check = {0};
    for (size_t i = 0; i < json_array_size(all); i++) {
        check.path = data_path(json_text_of(json_array_get(all, i), "file"));
        second_reader("ubl", check.path, check_lines, &check);
    }
    cr_assert_eq(check.files, 46);
    cr_assert_eq(check.lines, 180);
    json_decref(all);
}

Test(ubl, evidence_names_line_and_element)
{
    struct extraction got = extract_file("ubl/BIS_Billing_30-DataIT.xml");
    const json_t *entry = json_array_get(got.documents, 0);
    size_t at = 0;
    json_t *evidence = NULL;
    bool seen = false;
    json_array_foreach(json_object_get(entry, "evidence"), at, evidence)
    {
        if (strcmp(json_text_of(evidence, "field"), "/totals/payable") == 0) {
            cr_assert_str_eq(json_text_of(evidence, "source"),
                             "cbc:PayableAmount at line 183, column 38");
            cr_assert_str_eq(json_text_of(evidence, "text"), "10158");
            seen = true;
        }
    }
    cr_assert(seen);
    cr_assert_str_eq(text_at(&got, 0, "/seller/vatIdentifier"), "SE123456789001");
    cr_assert_str_eq(text_at(&got, 0, "/shipment/deliveryDate"), "2008-02-07");
    cr_assert_str_eq(text_at(&got, 0, "/totals/rounding"), "0.5");
    extraction_release(&got);
}

Test(ubl, the_freight_invoice_keeps_its_shipment)
{
    struct extraction got = extract_file("ubl-freight/UBL-FreightInvoice-2.1-Example.xml");
    cr_assert_str_eq(text_at(&got, 0, "/documentType"), "freightInvoice");
    cr_assert_str_eq(text_at(&got, 0, "/shipment/loadNumber"), "123");
    cr_assert_str_eq(text_at(&got, 0, "/shipment/weight/value"), "12");
    cr_assert_str_eq(text_at(&got, 0, "/shipment/weight/unit"), "KGM");
    cr_assert_str_eq(text_at(&got, 0, "/lines/0/grossPrice"), "1500");
    cr_assert_str_eq(text_at(&got, 0, "/taxBreakdown/1/vatCategoryCode"), "AA");
    extraction_release(&got);
}

Test(ubl, tax_in_the_accounting_currency_is_kept_apart)
{
    struct extraction got = extract_file("ubl/BIS_Billing_30-Valutor_i_faktura.xml");
    cr_assert_str_eq(text_at(&got, 0, "/totals/tax"), "23000");
    cr_assert_not_null(text_at(&got, 0, "/totals/taxAccounting"));
    cr_assert_str_eq(text_at(&got, 0, "/taxCurrency"), "SEK");
    cr_assert_eq(warnings_with(&got, 0, "currency"), 0);
    extraction_release(&got);
}

/* A small invoice in other clothes: prefixes that mean nothing, and any encoding. */
static const char small_invoice[] =
    "<x:Invoice xmlns:x='urn:oasis:names:specification:ubl:schema:xsd:Invoice-2'"
    " xmlns:cbc='urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2'"
    " xmlns:cac='urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2'>"
    "<cac:ID>A-1</cac:ID><cac:IssueDate>2024-02-29</cac:IssueDate>"
    "<cac:DocumentCurrencyCode>EUR</cac:DocumentCurrencyCode>"
    "<cbc:AccountingSupplierParty><cbc:Party><cbc:PartyName><cac:Name>M\xC3\xBCller &amp; "
    "S\xC3\xB6hne"
    "</cac:Name></cbc:PartyName></cbc:Party></cbc:AccountingSupplierParty>"
    "<cbc:LegalMonetaryTotal><cac:PayableAmount currencyID='EUR'> 12.50\n</cac:PayableAmount>"
    "</cbc:LegalMonetaryTotal>"
    "<cbc:InvoiceLine><cac:ID>1</cac:ID><cac:LineExtensionAmount currencyID='EUR'>12.50"
    "</cac:LineExtensionAmount></cbc:InvoiceLine></x:Invoice>";

static void check_small(const char *bytes, size_t size)
{
    struct extraction got = {0};
    struct extract_failure failure = {0};
    enum err code = extract_document("application/xml", bytes, size, &got, &failure);
    cr_assert_eq(code, ERR_OK, "%s %s", failure.place, failure.reason);
    cr_assert_str_eq(text_at(&got, 0, "/seller/name"), "M\xC3\xBCller & S\xC3\xB6hne");
    cr_assert_str_eq(text_at(&got, 0, "/totals/payable"), "12.50");
    extraction_release(&got);
}

/* `text` (UTF-8 of U+0000..U+00FF) as UTF-16 after `mark`, or as ISO 8859-1 when `wide` is false.
 */
static size_t recode(const char *text, bool wide, bool big_endian, char *out)
{
    size_t used = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        unsigned value = (unsigned char)text[i];
        if (value >= 0x80) {
            value = ((value & 3U) << 6U) | ((unsigned char)text[++i] & 0x3FU);
        }
        if (wide && big_endian) {
            out[used++] = 0;
        }
        out[used++] = (char)value;
        if (wide && !big_endian) {
            out[used++] = 0;
        }
    }
    return used;
}

Test(ubl, namespaces_count_and_prefixes_do_not)
{
    check_small(small_invoice, sizeof(small_invoice) - 1);
}

Test(ubl, encodings_by_mark_or_declaration)
{
    static char bytes[4 * sizeof(small_invoice)];
    memcpy(bytes, "\xEF\xBB\xBF", 3);
    memcpy(bytes + 3, small_invoice, sizeof(small_invoice));
    check_small(bytes, 3 + sizeof(small_invoice) - 1);
    memcpy(bytes, "\xFF\xFE", 2);
    check_small(bytes, 2 + recode(small_invoice, true, false, bytes + 2));
    memcpy(bytes, "\xFE\xFF", 2);
    check_small(bytes, 2 + recode(small_invoice, true, true, bytes + 2));
    static const char declaration[] = "<?xml version='1.0' encoding='ISO-8859-1'?>";
    memcpy(bytes, declaration, sizeof(declaration) - 1);
    size_t size = recode(small_invoice, false, false, bytes + sizeof(declaration) - 1);
    check_small(bytes, sizeof(declaration) - 1 + size);
}

/* `small_invoice` with one part replaced. */
static enum err fail_with(const char *from, const char *to, struct extract_failure *failure)
{
    static char text[2 * sizeof(small_invoice)];
    const char *found = strstr(small_invoice, from);
    cr_assert_not_null(found);
    int size = snprintf(text, sizeof(text), "%.*s%s%s", (int)(found - small_invoice), small_invoice,
                        to, found + strlen(from));
    return extract_failing(text, (size_t)size, failure);
}

Test(ubl, what_cannot_be_read_is_named)
{
    struct extract_failure failure;
    cr_assert_eq(fail_with(" 12.50\n", "12,50", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "cbc:PayableAmount");
    cr_assert_str_eq(failure.reason, "'12,50' is not a decimal number");
    cr_assert_eq(fail_with("2024-02-29", "2023-02-29", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "cbc:IssueDate");
    cr_assert_eq(fail_with("<cac:ID>A-1</cac:ID>", "", &failure), ERR_INVALID);
    cr_assert_str_eq(failure.element, "cbc:ID");
    cr_assert_not_null(strstr(failure.reason, "missing"));
    cr_assert_eq(fail_with("A-1", "", &failure), ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "empty"));
    cr_assert_eq(fail_with("xsd:Invoice-2", "xsd:Invoice-3", &failure), ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(failure.reason, "Invoice-3"));
    cr_assert_eq(
        fail_with("currencyID='EUR'> 12.50", "currencyID='EUR'>99999999999999999999", &failure),
        ERR_INVALID);
    cr_assert_not_null(strstr(failure.reason, "18 digits"));
}

/* It was the first that counted, whatever the second said. */
Test(ubl, what_may_stand_once_and_stands_twice_is_refused)
{
    static const char payable[] =
        "<cac:PayableAmount currencyID='EUR'> 12.50\n</cac:PayableAmount>";
    static const struct {
        const char *from;
        const char *to;
        const char *element;
    } rows[] = {
        {"<cac:ID>A-1</cac:ID>", "<cac:ID>A-1</cac:ID><cac:ID>A-2</cac:ID>", "cbc:ID"},
        {payable,
         "<cac:PayableAmount>12.50</cac:PayableAmount><cac:PayableAmount>13.50</cac:PayableAmount>",
         "cbc:PayableAmount"},
        {"<cbc:LegalMonetaryTotal>",
         "<cbc:LegalMonetaryTotal><cac:PayableAmount>1</cac:PayableAmount>"
         "</cbc:LegalMonetaryTotal><cbc:LegalMonetaryTotal>",
         "cac:LegalMonetaryTotal"},
        {"<cbc:AccountingSupplierParty>",
         "<cbc:AccountingSupplierParty><cbc:Party/></cbc:AccountingSupplierParty>"
         "<cbc:AccountingSupplierParty>",
         "cac:AccountingSupplierParty"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct extract_failure failure;
        cr_assert_eq(fail_with(rows[i].from, rows[i].to, &failure), ERR_INVALID);
        cr_assert_str_eq(failure.element, rows[i].element);
        cr_assert_not_null(strstr(failure.reason, "second time"), "%s", failure.reason);
        cr_assert_not_null(strstr(failure.reason, "line "), "%s", failure.reason);
    }
}

/* An empty measure gave a document that its own schema refuses. */
Test(ubl, an_empty_weight_is_no_weight)
{
    size_t size = 0;
    char *bytes = read_data("ubl-freight/UBL-FreightInvoice-2.1-Example.xml", &size);
    char *weight = strstr(bytes, "<cbc:GrossWeightMeasure");
    cr_assert_not_null(weight);
    for (char *at = strchr(weight, '>') + 1; *at != '<'; at++) {
        *at = ' ';
    }
    struct extraction got = {0};
    struct extract_failure failure = {0};
    cr_assert_eq(extract_document(NULL, bytes, size, &got, &failure), ERR_OK);
    cr_assert_null(value_at(&got, 0, "/shipment/weight"));
    extraction_release(&got);
    free(bytes);
}

Test(ubl, a_cross_industry_invoice_is_refused_by_name)
{
    static const char cii[] =
        "<rsm:CrossIndustryInvoice"
        " xmlns:rsm='urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100'/>";
    struct extract_failure failure;
    cr_assert_eq(extract_failing(cii, sizeof(cii) - 1, &failure), ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(failure.reason, "Cross Industry Invoice"));
}

Test(ubl, an_amount_in_another_currency_is_a_warning)
{
    static char text[2 * sizeof(small_invoice)];
    const char *found = strstr(small_invoice, "EUR'> 12");
    (void)snprintf(text, sizeof(text), "%.*sUSD%s", (int)(found - small_invoice), small_invoice,
                   found + 3);
    struct extraction got = {0};
    struct extract_failure failure = {0};
    cr_assert_eq(extract_document(NULL, text, strlen(text), &got, &failure), ERR_OK);
    cr_assert_eq(warnings_with(&got, 0, "currency"), 1);
    const json_t *entry = json_array_get(got.documents, 0);
    cr_assert_leq(json_real_value(json_object_get(entry, "confidence")), 0.7);
    extraction_release(&got);
}
