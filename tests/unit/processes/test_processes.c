/*
 * The shipped processes: they load, need no child for their expressions, ask agents only for what
 * their contracts offer, and do the main job on real documents.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/definition/expr.h"
#include "desk.h"
#include "walk.h"

static const char *const files[] = {"invoice-audit.yaml", "shipment-intake.yaml",
                                    "ledger-import.yaml"};
enum { FILE_COUNT = sizeof(files) / sizeof(files[0]) };

Test(processes, load_without_a_problem_and_without_the_jq_child)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        struct plan *plan = process_load(files[i]);
        for (size_t e = 0; e < plan->external_count; e++) {
            cr_expect_fail("%s: not native: %s", files[i], expr_text(plan->externals[e]));
        }
        cr_expect_not_null(plan->trigger);
        plan_destroy(&plan);
    }
}

/* The version and action names of a contract in the source tree. */
static json_t *contract_of(const char *agent)
{
    char path[512];
    snprintf(path, sizeof(path), SOURCE_DIR "/agents/%s/contract.json", agent);
    return json_load_file(path, 0, NULL);
}

Test(processes, ask_agents_only_for_what_their_contracts_offer)
{
    size_t asked = 0;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        struct plan *plan = process_load(files[i]);
        for (uint32_t n = 0; n < plan->node_count; n++) {
            const struct plan_node *node = &plan->nodes[n];
            if (node->kind != TASK_AGENT) {
                continue;
            }
            json_t *contract = contract_of(node->call.agent);
            cr_assert_not_null(contract, "%s", node->call.agent);
            const json_t *actions = json_object_of(contract, "actions");
            cr_expect_not_null(json_object_get(actions, node->call.action), "%s: %s.%s", files[i],
                               node->call.agent, node->call.action);
            cr_expect(plan_version_in_range(json_text_of(contract, "version"), node->call.contract),
                      "%s: %s wants %s", files[i], node->name, node->call.contract);
            json_decref(contract);
            asked++;
        }
        plan_destroy(&plan);
    }
    cr_assert_eq(asked, 8);
}

static void send(struct desk *desk, const char *process, json_t *event, struct walk *walk)
{
    struct plan *plan = process_load(process);
    walk_event(plan, desk, event, walk);
    plan_destroy(&plan);
}

/* Send a document that must be recorded. */
static void intake(struct desk *desk, const char *process, const char *type, const char *file,
                   const char *content_type)
{
    struct walk walk;
    send(desk, process, event_of_file(type, file, content_type), &walk);
    cr_assert_str_empty(walk.failed, "%s", walk.detail);
    expect_text(walk.output, "outcome", "recorded");
    cr_assert_null(json_object_get(walk.output, "exception"));
    cr_assert_not_null(json_text_of(walk.output, "why"));
    walk_release(&walk);
}

static void record_load(struct desk *desk)
{
    intake(desk, "shipment-intake.yaml", "shipment.tendered", "x12/edi.net/204-MGCTLYST-SAMPLE.EDI",
           "application/edi-x12");
    intake(desk, "shipment-intake.yaml", "shipment.responded",
           "x12/edi.net/990-MGCTLYST-SAMPLE.EDI", "application/edi-x12");
    intake(desk, "shipment-intake.yaml", "shipment.status", "x12/edi.net/214-MGCTLYST-SAMPLE.EDI",
           "application/edi-x12");
}

/* Every answer of the audit has the parts people need. */
static bool is_whole(const json_t *output)
{
    return json_text_of(json_object_of(output, "document"), "number") != NULL &&
           json_array_of(output, "findings") != NULL &&
           json_is_number(json_object_get(output, "confidence")) &&
           json_text_of(output, "why") != NULL;
}

/* Audit an invoice that must end so. */
static void audit(struct desk *desk, json_t *event, const char *outcome, const char *exception,
                  struct walk *walk)
{
    send(desk, "invoice-audit.yaml", event, walk);
    cr_assert_str_empty(walk->failed, "%s", walk->detail);
    expect_text(walk->output, "outcome", outcome);
    if (exception != NULL) {
        expect_text(walk->output, "exception", exception);
    } else {
        cr_expect_null(json_object_get(walk->output, "exception"));
    }
    cr_expect(is_whole(walk->output));
}

Test(processes, the_dispute_of_102_19)
{
    struct desk *desk = desk_create();
    struct walk walk;
    record_load(desk);
    const char *invoice = "x12/edi.net/210-MGCTLYST-SAMPLE.EDI";
    audit(desk, event_of_file("invoice.received", invoice, "application/edi-x12"), "exception",
          "rate mismatch", &walk);
    expect_text(json_object_of(walk.output, "disputed"), "value", "102.19");
    expect_text(json_object_of(walk.output, "document"), "total", "659.40");
    cr_assert_str_eq(walk.path, "extract route check decide dispute disputed");
    walk_release(&walk);
    audit(desk, event_of_file("invoice.received", invoice, "application/edi-x12"), "exception",
          "duplicate", &walk);
    walk_release(&walk);
    desk_destroy(&desk);
}

Test(processes, what_does_not_foot_and_what_has_no_shipment)
{
    struct desk *desk = desk_create();
    struct walk walk;
    audit(
        desk,
        event_of_file("invoice.received", "x12/x12parser/TAM/_110/FedEx_SampleInvoice1.txt", NULL),
        "exception", "does not foot", &walk);
    expect_text(json_array_get(json_array_of(walk.output, "findings"), 0), "difference", "1.28");
    walk_release(&walk);
    audit(desk, event_of_file("invoice.received", "ubl/ubl-tc434-example1.xml", "application/xml"),
          "exception", "no shipment", &walk);
    walk_release(&walk);
    audit(desk, event_of_file("invoice.received", "x12/staedi/ts210_80char.edi", NULL), "exception",
          "no shipment", &walk);
    walk_release(&walk);
    desk_destroy(&desk);
}

/* The header and some rows of a file. */
static size_t csv_rows(const char *file, int first, int last, char *out, size_t size)
{
    char line[4096];
    snprintf(line, sizeof(line), TEST_DATA_DIR "/%s", file);
    FILE *stream = fopen(line, "r");
    cr_assert_not_null(stream);
    size_t used = 0;
    for (int i = 0; i <= last && fgets(line, sizeof(line), stream) != NULL; i++) {
        if (i == 0 || i >= first) {
            used += (size_t)snprintf(out + used, size - used, "%s", line);
        }
    }
    fclose(stream);
    return used;
}

static json_t *import_event(const char *csv)
{
    json_t *event = event_of_text("ledger.import", "", 0, "application/json");
    json_object_set_new(event, "data", json_pack("{s:b, s:s}", "synthetic", 1, "content", csv));
    return event;
}

Test(processes, a_match_is_posted_once)
{
    struct desk *desk = desk_create();
    struct walk walk;
    char csv[4096];
    size_t size = csv_rows("matchai/freight_invoices.csv", 1, 1, csv, sizeof(csv));
    send(desk, "ledger-import.yaml", import_event(csv), &walk);
    cr_assert_str_empty(walk.failed, "%s", walk.detail);
    expect_text(walk.output, "outcome", "recorded");
    cr_assert_not_null(strstr(json_text_of(walk.output, "why"), "synthetic"));
    walk_release(&walk);
    audit(desk, event_of_text("invoice.received", csv, size, "text/csv"), "posted", NULL, &walk);
    cr_assert_not_null(strstr(json_text_of(walk.output, "why"), "synthetic"), "%s",
                       json_text_of(walk.output, "why"));
    walk_release(&walk);
    audit(desk, event_of_text("invoice.received", csv, size, "text/csv"), "exception", "duplicate",
          &walk);
    walk_release(&walk);
    desk_destroy(&desk);
}

Test(processes, rates_and_delivery_history_are_imported)
{
    struct desk *desk = desk_create();
    intake(desk, "ledger-import.yaml", "rates.received", "matchai/rates_sample.csv", "text/csv");
    cr_assert_eq(desk_rows(desk), 2);
    static char csv[64 * 1024];
    struct walk walk;
    (void)csv_rows("matchai/freight_invoices.csv", 1, 60, csv, sizeof(csv));
    send(desk, "ledger-import.yaml", import_event(csv), &walk);
    cr_assert_str_empty(walk.failed, "%s", walk.detail);
    expect_text(walk.output, "why", "60 new, 0 changed, 0 known already (synthetic data)");
    walk_release(&walk);
    size_t size = csv_rows("scms/SCMS_Delivery_History_Dataset.csv", 1, 60, csv, sizeof(csv));
    send(desk, "ledger-import.yaml", event_of_text("ledger.import", csv, size, "text/csv"), &walk);
    cr_assert_str_empty(walk.failed, "%s", walk.detail);
    expect_text(walk.output, "why", "60 new, 0 changed, 0 known already");
    walk_release(&walk);
    desk_destroy(&desk);
}

Test(processes, an_unreadable_document_fails_as_data_and_is_not_caught)
{
    struct desk *desk = desk_create();
    struct walk walk;
    static const char cut[] = "ISA*00*          *00*          *02*SCAC";
    send(desk, "invoice-audit.yaml",
         event_of_text("invoice.received", cut, sizeof(cut) - 1, "application/edi-x12"), &walk);
    cr_assert_str_eq(walk.failed, "extract");
    cr_assert_null(walk.output);
    walk_release(&walk);
    send(desk, "invoice-audit.yaml",
         event_of_text("invoice.received", "\xff\xfe\x00x", 4, "application/octet-stream"), &walk);
    cr_assert_str_eq(walk.failed, "extract");
    walk_release(&walk);
    desk_destroy(&desk);
}

Test(processes, a_tender_sent_as_an_invoice_is_named)
{
    struct desk *desk = desk_create();
    struct walk walk;
    audit(desk, event_of_file("invoice.received", "x12/edi.net/204-MGCTLYST-SAMPLE.EDI", NULL),
          "exception", "not an invoice", &walk);
    expect_text(json_object_of(walk.output, "document"), "number", "75027674");
    walk_release(&walk);
    desk_destroy(&desk);
}
