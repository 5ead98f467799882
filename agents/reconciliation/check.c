#include "agents/reconciliation/check.h"

#include "agents/reconciliation/ledger.h"
#include "agents/reconciliation/verdict.h"
#include "common/base/arena.h"

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        (void)json_object_set_new(object, key, json_string(text));
    }
}

/* The four things by which people know an invoice. */
static json_t *document_json(const struct invoice *invoice, struct arena *arena)
{
    json_t *document = json_object();
    set_text(document, "number", invoice->number);
    set_text(document, "seller",
             invoice->seller.name != NULL ? invoice->seller.name : invoice->seller.id);
    set_text(document, "total",
             invoice->total.present ? money_text(arena, invoice->total.value) : NULL);
    set_text(document, "currency", invoice->currency);
    set_text(document, "issueDate", invoice->issue_date);
    set_text(document, "shipment", invoice->shipment);
    return document;
}

static json_t *alternatives_json(const struct verdict *verdict)
{
    json_t *array = json_array();
    for (size_t i = 0; i < verdict->alternative_count; i++) {
        (void)json_array_append_new(array, json_pack("{s:s, s:s}", "verdict",
                                                     verdict_text(verdict->alternatives[i].kind),
                                                     "why", verdict->alternatives[i].why));
    }
    return array;
}

static json_t *ledger_json(const struct agreement *agreement, struct arena *arena)
{
    json_t *ledger =
        json_pack("{s:b, s:s}", "known", agreement->known, "source", agreement->source);
    if (agreement->known) {
        set_text(ledger, "shipment", agreement->shipment);
        (void)json_object_set_new(ledger, "version", json_integer(agreement->version));
        set_text(ledger, "agreedTotal",
                 agreement->total.present ? money_text(arena, agreement->total.value) : NULL);
        set_text(ledger, "currency", agreement->currency);
    }
    return ledger;
}

static json_t *answer_json(const struct invoice *invoice, const struct agreement *agreement,
                           const struct findings *findings, const struct verdict *verdict)
{
    struct arena *arena = findings->arena;
    json_t *answer = json_object();
    set_text(answer, "verdict", verdict_text(verdict->kind));
    set_text(answer, "exception", verdict->exception);
    if (verdict->has_amount) {
        json_t *amount = json_object();
        set_text(amount, "value", money_text(arena, verdict->amount));
        set_text(amount, "currency",
                 invoice->currency != NULL ? invoice->currency : agreement->currency);
        (void)json_object_set_new(answer, "amount", amount);
    }
    (void)json_object_set_new(answer, "hold", json_boolean(verdict->hold));
    set_text(answer, "question", verdict->question);
    double confidence = (double)(long)(verdict->confidence * 10000.0 + 0.5) / 10000.0;
    (void)json_object_set_new(answer, "confidence", json_real(confidence));
    set_text(answer, "why", verdict->why);
    (void)json_object_set_new(answer, "document", document_json(invoice, arena));
    (void)json_object_set_new(answer, "ledger", ledger_json(agreement, arena));
    (void)json_object_set_new(answer, "findings", findings_json(findings));
    (void)json_object_set_new(answer, "findingsDropped",
                              json_integer((json_int_t)findings->dropped));
    (void)json_object_set_new(answer, "held", findings_held_json(findings));
    (void)json_object_set_new(answer, "alternatives", alternatives_json(verdict));
    return answer;
}

static enum err check_in(const struct book *book, const json_t *document, double extracted,
                         struct arena *arena, json_t **ret_answer, struct error *err)
{
    struct invoice invoice;
    struct counterpart counterpart = {0};
    struct agreement agreement;
    struct repeats repeats;
    struct verdict verdict;
    struct findings *findings = ARENA_NEW(arena, struct findings);
    if (findings == NULL) {
        return error_set(err, ERR_NOMEM, "out of memory");
    }
    findings_init(findings, arena);
    TRY(invoice_read(document, arena, &invoice, err));
    enum err code = ledger_counterpart(book, &invoice, &counterpart, err);
    TRY_GOTO(code, code, out);
    TRY_GOTO(code,
             agreement_read(counterpart.shipment, counterpart.rate, counterpart.prices, arena,
                            &agreement, err),
             out);
    if (invoice.shipment == NULL && agreement.known) {
        invoice.shipment = agreement.shipment;
    }
    TRY_GOTO(code, ledger_repeats(book, &invoice, arena, &repeats, err), out);
    TRY_GOTO(code, rules_arithmetic(&invoice, findings, err), out);
    TRY_GOTO(code, rules_agreement(&invoice, &agreement, findings, err), out);
    rules_repeats(&invoice, &repeats, findings);
    verdict = verdict_of(&invoice, &agreement, findings, extracted);
    *ret_answer = answer_json(&invoice, &agreement, findings, &verdict);
    if (arena_overflowed(arena)) {
        json_decref(*ret_answer);
        *ret_answer = NULL;
        code = error_set(err, ERR_LIMIT, "the check needs more than %d bytes", CHECK_ARENA_BYTES);
    }
out:
    counterpart_release(&counterpart);
    return code;
}

enum err check_invoice(const struct book *book, const json_t *invoice, double extracted,
                       json_t **ret_answer, struct error *err)
{
    *ret_answer = NULL;
    struct arena *arena = arena_create(CHECK_ARENA_BYTES);
    if (arena == NULL) {
        return error_set(err, ERR_NOMEM, "out of memory");
    }
    enum err code = check_in(book, invoice, extracted, arena, ret_answer, err);
    arena_destroy(&arena);
    return code;
}
