/* The actions as the contract promises them: inputs and outputs fit its schemas, effects happen
 * once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agents/reconciliation/actions.h"
#include "common/json/schema.h"
#include "fake_runtime.h"

enum { CONTRACT_BYTES = 256 * 1024 };

static json_t *contract_read(void)
{
    struct buf text = BUF_INIT(CONTRACT_BYTES);
    FILE *stream = fopen(SOURCE_DIR "/agents/reconciliation/contract.json", "r");
    cr_assert_not_null(stream);
    char chunk[4096];
    for (size_t size; (size = fread(chunk, 1, sizeof(chunk), stream)) > 0;) {
        buf_append(&text, chunk, size);
    }
    fclose(stream);
    struct error err = {0};
    json_t *contract = NULL;
    cr_assert_eq(json_parse(text.data, text.size, NULL, &contract, &err), ERR_OK, "%s",
                 err.message);
    buf_release(&text);
    return contract;
}

/* Fail the test unless the value fits the contract's schema of an action. */
static void expect_fits(const char *action, const char *side, const json_t *value)
{
    json_t *contract = contract_read();
    struct error err = {0};
    struct schema *schema = NULL;
    struct schema_failures failures = {0};
    const json_t *promised = json_object_of(json_object_of(contract, "actions"), action);
    cr_assert_eq(schema_compile(json_object_get(promised, side), NULL, &schema, &err), ERR_OK, "%s",
                 err.message);
    bool fits = schema_validate(schema, value, &failures);
    cr_expect(fits, "%s of %s: %s %s", side, action, failures.items[0].instance,
              failures.items[0].message);
    schema_destroy(&schema);
    json_decref(contract);
}

static void run(struct desk *desk, const char *name, action_fn *action, json_t *input,
                struct agent_reply *reply)
{
    expect_fits(name, "input", input);
    fake_run(desk, action, input, reply);
    if (reply->failure.failure_class == 0) {
        expect_fits(name, "output", reply->output);
    }
}

/* {documents: [...]} of a file, as a process sends it. */
static json_t *record_input(const char *file)
{
    json_t *entries = desk_read(file);
    json_t *documents = json_array();
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        json_array_append_new(documents,
                              json_pack("{s:O, s:O}", "kind", json_object_get(entry, "kind"),
                                        "document", json_object_get(entry, "document")));
    }
    json_decref(entries);
    return json_pack("{s:o}", "documents", documents);
}

static json_t *invoice_of(const char *file)
{
    json_t *entries = desk_read(file);
    json_t *invoice = json_incref(json_object_of(json_array_get(entries, 0), "document"));
    json_decref(entries);
    return invoice;
}

static void record_load(struct desk *desk)
{
    static const char *const files[] = {"x12/edi.net/204-MGCTLYST-SAMPLE.EDI",
                                        "x12/edi.net/990-MGCTLYST-SAMPLE.EDI",
                                        "x12/edi.net/214-MGCTLYST-SAMPLE.EDI"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct agent_reply reply;
        run(desk, "record", reconciliation_record, record_input(files[i]), &reply);
        cr_assert_eq(reply.failure.failure_class, 0);
        fake_release(&reply);
    }
}

Test(actions, record_counts_what_it_changed)
{
    struct desk *desk = desk_create();
    struct agent_reply reply;
    const char *file = "x12/edi.net/204-MGCTLYST-SAMPLE.EDI";
    run(desk, "record", reconciliation_record, record_input(file), &reply);
    cr_assert_eq(json_int_of(reply.output, "recorded", 0), 1);
    fake_release(&reply);
    run(desk, "record", reconciliation_record, record_input(file), &reply);
    cr_assert_eq(json_int_of(reply.output, "recorded", 9), 0);
    cr_assert_eq(json_int_of(reply.output, "unchanged", 0), 1);
    fake_release(&reply);
    run(desk, "record", reconciliation_record, record_input("x12/edi.net/210-MGCTLYST-SAMPLE.EDI"),
        &reply);
    cr_assert_eq(json_int_of(reply.output, "skipped", 0), 1);
    expect_text(reply.output, "skippedWhy",
                "an invoice is never a source of the ledger it is checked against");
    fake_release(&reply);
    desk_destroy(&desk);
}

Test(actions, record_refuses_all_when_one_document_is_wrong)
{
    struct desk *desk = desk_create();
    struct agent_reply reply;
    json_t *input = record_input("x12/edi.net/204-MGCTLYST-SAMPLE.EDI");
    json_array_append_new(json_array_of(input, "documents"),
                          json_pack("{s:s, s:{}}", "kind", "tender", "document"));
    run(desk, "record", reconciliation_record, input, &reply);
    cr_assert_eq(reply.failure.failure_class, AGENT_DATA);
    cr_assert_eq(reply.failure.effect, AGENT_EFFECT_NONE);
    cr_assert_str_eq(reply.failure.pointer, "/documents/1/document");
    cr_assert_eq(desk_rows(desk), 0);
    fake_release(&reply);
    desk_destroy(&desk);
}

Test(actions, check_explains_itself)
{
    struct desk *desk = desk_create();
    struct agent_reply reply;
    record_load(desk);
    json_t *input = json_pack("{s:o, s:f}", "invoice",
                              invoice_of("x12/edi.net/210-MGCTLYST-SAMPLE.EDI"), "confidence", 0.9);
    run(desk, "check", reconciliation_check, input, &reply);
    expect_text(reply.output, "verdict", "dispute");
    cr_assert(reply.decision.has_confidence);
    cr_assert_lt(reply.decision.confidence, 0.9);
    cr_assert_not_null(json_text_of(reply.decision.explanation, "why"));
    fake_release(&reply);
    desk_destroy(&desk);
}

Test(actions, check_names_what_it_cannot_read)
{
    struct desk *desk = desk_create();
    struct agent_reply reply;
    json_t *input = json_pack("{s:{s:s, s:{s:s}}}", "invoice", "invoiceNumber", "1", "totals",
                              "payable", "12.5.0");
    run(desk, "check", reconciliation_check, input, &reply);
    cr_assert_eq(reply.failure.failure_class, AGENT_DATA);
    cr_assert_not_null(strstr(reply.failure.detail, "payable"));
    fake_release(&reply);
    desk_destroy(&desk);
}

Test(actions, every_real_invoice_gives_an_answer_that_fits)
{
    static const char *const files[] = {"x12/staedi/ts210_80char.edi",
                                        "x12/x12parser/TAM/_110/FedEx_SampleInvoice1.txt",
                                        "ubl/ubl-tc434-example1.xml",
                                        "ubl/Invoice-Max_content.xml",
                                        "ubl-freight/UBL-FreightInvoice-2.1-Example.xml",
                                        "matchai/invoices_sample.csv"};
    struct desk *desk = desk_create();
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct agent_reply reply;
        run(desk, "check", reconciliation_check,
            json_pack("{s:o}", "invoice", invoice_of(files[i])), &reply);
        cr_expect_eq(reply.failure.failure_class, 0, "%s: %s", files[i], reply.failure.detail);
        fake_release(&reply);
    }
    desk_destroy(&desk);
}

Test(actions, an_invoice_is_posted_once_and_its_repeat_told_the_first)
{
    struct desk *desk = desk_create();
    struct agent_reply reply;
    const char *file = "x12/staedi/ts210_80char.edi";
    run(desk, "post", reconciliation_post, json_pack("{s:o}", "invoice", invoice_of(file)), &reply);
    cr_assert(json_bool_of(reply.output, "posted", false));
    fake_release(&reply);
    size_t rows = desk_rows(desk);
    run(desk, "post", reconciliation_post, json_pack("{s:o}", "invoice", invoice_of(file)), &reply);
    cr_assert_not(json_bool_of(reply.output, "posted", true));
    expect_text(reply.output, "exception", "duplicate");
    expect_text(json_object_of(reply.output, "first"), "number", "699751522");
    cr_assert_eq(desk_rows(desk), rows);
    fake_release(&reply);
    run(desk, "check", reconciliation_check, json_pack("{s:o}", "invoice", invoice_of(file)),
        &reply);
    expect_text(reply.output, "exception", "duplicate");
    fake_release(&reply);
    desk_destroy(&desk);
}

static bool posts(struct desk *desk, const char *key, const char *file)
{
    struct agent_reply reply;
    json_t *input = json_pack("{s:o}", "invoice", invoice_of(file));
    fake_run_as(desk, key, reconciliation_post, input, &reply);
    bool posted = json_bool_of(reply.output, "posted", false);
    fake_release(&reply);
    return posted;
}

/* As the engine asks for it: what 'post' was given and gave. */
static bool unposts(struct desk *desk, const char *key, const char *file, bool posted)
{
    struct agent_reply reply;
    json_t *input = json_pack("{s:{s:o}, s:{s:b}}", "input", "invoice", invoice_of(file), "output",
                              "posted", posted);
    expect_fits("unpost", "input", input);
    fake_run_as(desk, key, reconciliation_unpost, input, &reply);
    cr_assert_eq(reply.failure.failure_class, 0, "%s", reply.failure.detail);
    expect_fits("unpost", "output", reply.output);
    bool unposted = json_bool_of(reply.output, "unposted", false);
    fake_release(&reply);
    return unposted;
}

Test(actions, a_posting_is_taken_back_by_its_own_compensation_only)
{
    struct desk *desk = desk_create();
    const char *file = "x12/staedi/ts210_80char.edi";
    record_load(desk);
    size_t before = desk_rows(desk);
    cr_assert(posts(desk, "k1", file));
    cr_assert_gt(desk_rows(desk), before);
    cr_assert_not(posts(desk, "k2", file), "a repeat");
    cr_assert_not(unposts(desk, "k2#undo", file, false), "the repeat has booked nothing");
    cr_assert_not(posts(desk, "k3", file), "so the first one stands");
    cr_assert(unposts(desk, "k1#undo", file, true));
    cr_assert_eq(desk_rows(desk), before, "nothing of it is left");
    cr_assert_not(unposts(desk, "k1#undo", file, true), "once");
    cr_assert(posts(desk, "k4", file), "it may be posted again");
    cr_assert(unposts(desk, "k4#undo.2", file, true), "with an input that a person corrected");
    cr_assert_eq(desk_rows(desk), before);
    desk_destroy(&desk);
}

Test(actions, unposting_is_no_step_of_its_own)
{
    struct desk *desk = desk_create();
    struct agent_reply reply;
    const char *file = "x12/staedi/ts210_80char.edi";
    cr_assert(posts(desk, "key", file));
    size_t rows = desk_rows(desk);
    json_t *input = json_pack("{s:{s:o}}", "input", "invoice", invoice_of(file));
    fake_run_as(desk, "key", reconciliation_unpost, input, &reply);
    cr_assert_eq(reply.failure.failure_class, AGENT_DATA);
    fake_release(&reply);
    cr_assert_eq(desk_rows(desk), rows);
    desk_destroy(&desk);
}

Test(actions, a_dispute_is_kept_with_amount_and_reasons)
{
    struct desk *desk = desk_create();
    struct agent_reply reply;
    json_t *input = json_pack("{s:o, s:{s:s}, s:[s]}", "invoice",
                              invoice_of("x12/edi.net/210-MGCTLYST-SAMPLE.EDI"), "amount", "value",
                              "102.19", "reasons", "total: too much");
    run(desk, "dispute", reconciliation_dispute, input, &reply);
    cr_assert(json_bool_of(reply.output, "disputed", false));
    fake_release(&reply);
    run(desk, "ledger", reconciliation_ledger,
        json_pack("{s:s, s:s}", "query", "invoices", "state", "disputed"), &reply);
    const json_t *row = json_array_get(json_array_of(reply.output, "invoices"), 0);
    expect_text(row, "amount", "102.19");
    expect_text(row, "number", "09851270");
    cr_assert_eq(json_array_size(json_array_of(row, "reasons")), 1);
    fake_release(&reply);
    run(desk, "ledger", reconciliation_ledger, json_pack("{s:s}", "query", "totals"), &reply);
    cr_assert_eq(json_int_of(json_object_of(reply.output, "disputed"), "count", 0), 1);
    fake_release(&reply);
    desk_destroy(&desk);
}
