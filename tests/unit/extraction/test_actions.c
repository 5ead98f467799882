/* The action with a runtime made for the test: what agent.h promises, and the contract as judge. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/extraction/actions.h"
#include "common/base/buf.h"
#include "common/crypto/crypto.h"
#include "common/json/schema.h"
#include "tests/unit/extraction/support.h"

static char texts[8][2048];
static size_t text_count;

const char *agent_text(struct agent_reply *reply, const char *format, ...)
{
    (void)reply;
    char *text = texts[text_count++ % 8];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(texts[0]), format, args);
    va_end(args);
    return text;
}

void agent_fail(struct agent_reply *reply, enum agent_failure_class failure_class,
                enum agent_effect effect, const char *code, const char *title)
{
    reply->failure.failure_class = failure_class;
    reply->failure.effect = effect;
    reply->failure.code = code;
    reply->failure.title = title;
}

static json_t *contract_part(const char *pointer)
{
    json_error_t error;
    json_t *contract = json_load_file(SOURCE_DIR "/agents/extraction/contract.json", 0, &error);
    cr_assert_not_null(contract, "%s", error.text);
    json_t *part = json_incref(json_pointer_get(contract, pointer));
    cr_assert_not_null(part);
    json_decref(contract);
    return part;
}

static void check_fits(const char *pointer, const json_t *value)
{
    json_t *part = contract_part(pointer);
    struct schema *schema = NULL;
    struct error err = {0};
    cr_assert_eq(schema_compile(part, NULL, &schema, &err), ERR_OK, "%s", err.message);
    struct schema_failures failures = {0};
    bool fits = schema_validate(schema, value, &failures);
    cr_assert(fits, "%s: %s %s", pointer, failures.items[0].instance, failures.items[0].message);
    schema_destroy(&schema);
    json_decref(part);
}

/* Run the action on `input` (taken over). */
static struct agent_reply run(json_t *input)
{
    cr_assert_not_null(input);
    check_fits("/actions/extract/input", input);
    struct agent_task task = {.action = "extract", .input = input};
    struct agent_reply reply = {0};
    extraction_extract(&task, &reply);
    if (reply.failure.failure_class == 0) {
        check_fits("/actions/extract/output", reply.output);
        cr_assert(reply.decision.has_confidence);
        cr_assert_not_null(reply.decision.rule);
    } else {
        cr_assert_null(reply.output);
        cr_assert_eq(reply.failure.effect, AGENT_EFFECT_NONE);
    }
    json_decref(input);
    return reply;
}

static void release(struct agent_reply *reply)
{
    json_decref(reply->output);
    json_decref(reply->decision.explanation);
}

static json_t *input_of_file(const char *path, bool encoded)
{
    size_t size = 0;
    char *bytes = read_data(path, &size);
    struct buf text = BUF_INIT(2 * size + 8);
    if (encoded) {
        base64_encode(bytes, size, &text);
    } else {
        buf_append(&text, bytes, size);
    }
    json_t *input = json_pack("{s:s#, s:s}", encoded ? "data_base64" : "data", text.data,
                              (int)text.size, "source", path);
    buf_release(&text);
    free(bytes);
    return input;
}

Test(actions, one_document_with_its_evidence)
{
    struct agent_reply reply = run(input_of_file("ubl/BIS_Billing_30-DataIT.xml", true));
    cr_assert_str_eq(json_text_of(reply.output, "kind"), "invoice");
    cr_assert_str_eq(json_text_of(reply.output, "format"), "ubl");
    const json_t *document = json_object_get(reply.output, "document");
    cr_assert_str_eq(json_text_of(document, "invoiceNumber"), "08/00355");
    cr_assert_gt(json_array_size(json_object_get(reply.output, "evidence")), 5);
    cr_assert_str_eq(reply.decision.rule, "ubl Invoice@1.0.0");
    cr_assert_eq(json_array_size(json_object_get(reply.output, "documents")), 1);
    release(&reply);
}

Test(actions, the_reason_was_a_heap_of_evidence_instead_of_a_sentence)
{
    static const struct {
        const char *path;
        const char *why;
    } files[] = {
        {"ubl/BIS_Billing_30-DataIT.xml", "1 document read, everything as stated"},
        {"x12/edi.net/210-MGCTLYST-SAMPLE.EDI",
         "1 document read; warnings: 1, the first: no currency"},
        {"x12/x12parser/TAM/_110/FedEx_SampleInvoice1.txt",
         "warnings: 4, the first: control reference"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct agent_reply reply = run(input_of_file(files[i].path, true));
        const char *why = json_text_of(reply.decision.explanation, "why");
        cr_assert_not_null(why);
        cr_expect_not_null(strstr(why, files[i].why), "%s: %s", files[i].path, why);
        release(&reply);
    }
    struct agent_reply row =
        run(json_pack("{s:s, s:s}", "contentType", "text/csv", "data",
                      "invoice_id,load_id,origin,destination,miles_billed,rate_billed_per_mile,"
                      "fuel_surcharge_pct,accessorial_desc,accessorial_amount\n"
                      "INV-1,LD-1,Buffalo,Columbus,312,2.15,34.0,Lift Gate Service,95.00\n"));
    const char *why = json_text_of(row.decision.explanation, "why");
    cr_expect_not_null(strstr(why, "1 document read; least sure is /charges/0/amount: miles"), "%s",
                       why);
    release(&row);
}

Test(actions, every_kind_of_x12_fits_the_contract)
{
    static const struct {
        const char *path;
        const char *kind;
    } files[] = {
        {"x12/edi.net/204-MGCTLYST-SAMPLE.EDI", "tender"},
        {"x12/edi.net/990-MGCTLYST-SAMPLE.EDI", "tenderResponse"},
        {"x12/edi.net/214-MGCTLYST-SAMPLE.EDI", "shipmentStatus"},
        {"x12/x12parser/TAM/_110/FedEx_SampleInvoice1.txt", "invoice"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct agent_reply reply = run(input_of_file(files[i].path, i % 2 == 0));
        cr_assert_str_eq(json_text_of(reply.output, "kind"), files[i].kind);
        double stated = json_real_value(json_object_get(reply.output, "confidence"));
        cr_assert_float_eq(reply.decision.confidence, stated, 1e-9);
        release(&reply);
    }
}

Test(actions, several_documents_are_a_batch)
{
    struct agent_reply reply = run(input_of_file("matchai/rates_sample.csv", false));
    cr_assert_str_eq(json_text_of(reply.output, "kind"), "batch");
    cr_assert_eq(json_array_size(json_object_get(reply.output, "documents")), 2);
    cr_assert_null(json_object_get(reply.output, "document"));
    release(&reply);
    reply = run(input_of_file("matchai/invoices_sample.csv", false));
    const json_t *warnings = json_object_get(reply.output, "warnings");
    cr_assert_eq(json_array_size(warnings), 3);
    cr_assert_eq(json_int_of(json_array_get(warnings, 2), "document", -1), 2);
    release(&reply);
}

Test(actions, a_json_value_needs_no_text)
{
    struct agent_reply reply =
        run(json_pack("{s:{s:s, s:s, s:{s:s}}}", "data", "documentType", "invoice", "invoiceNumber",
                      "A-1", "totals", "payable", "1.00"));
    cr_assert_str_eq(json_text_of(reply.output, "kind"), "invoice");
    release(&reply);
}

Test(actions, what_cannot_be_read_is_a_data_failure_with_its_place)
{
    struct agent_reply reply = run(json_pack("{s:s}", "data", "<a>"));
    cr_assert_eq(reply.failure.failure_class, AGENT_DATA);
    cr_assert_str_eq(reply.failure.code, "unreadable-document");
    cr_assert_str_eq(reply.failure.pointer, "/data");
    cr_assert_eq(strncmp(reply.failure.detail, "line 1", 6), 0, "%s", reply.failure.detail);
    reply = run(json_pack("{s:s}", "data_base64", "%%%"));
    cr_assert_eq(reply.failure.failure_class, AGENT_DATA);
    cr_assert_str_eq(reply.failure.pointer, "/data_base64");
    reply = run(json_pack("{s:s}", "data", ""));
    cr_assert_eq(reply.failure.failure_class, AGENT_DATA);
}

Test(actions, what_does_not_fit_one_value_is_refused)
{
    struct agent_reply reply = run(input_of_file("matchai/freight_invoices.csv", false));
    cr_assert_eq(reply.failure.failure_class, AGENT_DATA);
    cr_assert_not_null(strstr(reply.failure.detail, "512 KiB"));
}

Test(actions, the_contract_holds_the_schemas)
{
    cr_assert_eq(system("python3 '" SOURCE_DIR "/agents/extraction/contract.py' --check"), 0);
}
