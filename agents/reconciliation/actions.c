/*
 * The agent's actions: what the contract promises, on the agent runtime. Everything that decides is
 * in the rule library; here inputs are unwrapped, tables are locked and failures are named.
 */
#include "agents/reconciliation/actions.h"

#include <string.h>

#include "agents/reconciliation/check.h"
#include "agents/reconciliation/ledger.h"
#include "agents/reconciliation/query.h"
#include "common/base/arena.h"
#include "common/base/check.h"

enum { RECORD_ARENA_BYTES = 4 * 1024 * 1024, NUMBERS_SHOWN_MAX = 20 };

const char *const reconciliation_tables[] = {"shipments", "rates", "invoices", "repeats", NULL};

static const char *table_name(enum book_table table)
{
    CHECK(table < BOOK_TABLES);
    return reconciliation_tables[table];
}

/* ---- the book on the agent's store ---- */

static enum err store_get(void *user, enum book_table table, struct str key, struct buf *ret_value,
                          struct error *err)
{
    return agent_store_get(user, table_name(table), key, ret_value, err);
}

static enum err store_put(void *user, enum book_table table, struct str key, struct str value,
                          struct error *err)
{
    return agent_store_put(user, table_name(table), key, value, err);
}

static enum err store_remove(void *user, enum book_table table, struct str key, struct error *err)
{
    return agent_store_delete(user, table_name(table), key, err);
}

static enum err store_scan(void *user, enum book_table table, struct str prefix,
                           book_visit_fn *visit, void *closure, struct error *err)
{
    return agent_store_scan(user, table_name(table), prefix, visit, closure, err);
}

static struct book book_of(const struct agent_task *task)
{
    return (struct book){.user = task->store,
                         .get = store_get,
                         .put = store_put,
                         .remove = store_remove,
                         .scan = store_scan};
}

/* What the caller sent is a data failure; what our store says is ours to mend. Nothing was written:
 * staged rows go with the failure. */
static void fail(struct agent_reply *reply, const struct error *err, const char *pointer,
                 const char *title)
{
    bool data = err->code == ERR_INVALID || err->code == ERR_LIMIT;
    agent_fail(reply, data ? AGENT_DATA : AGENT_TRANSIENT, AGENT_EFFECT_NONE,
               data ? "invalid-document" : "ledger-unavailable", title);
    reply->failure.detail = agent_text(reply, "%s", err->message);
    reply->failure.pointer = data ? pointer : NULL;
}

/* ---- record ---- */

struct tally {
    size_t outcomes[RECORDED_SKIPPED + 1];
    json_t *numbers;
    const char *skipped; /* why the last one was */
};

static enum err record_all(const struct agent_task *task, struct arena *arena, struct tally *tally,
                           struct buf *pointer, struct error *err)
{
    const json_t *documents = json_array_of(task->input, "documents");
    bool synthetic = json_bool_of(task->input, "synthetic", false);
    const struct book book = book_of(task);
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const json_t *entry = json_array_get(documents, i);
        struct recorded recorded;
        buf_clear(pointer);
        buf_printf(pointer, "/documents/%zu/document", i);
        TRY(ledger_record(&book, json_text_of(entry, "kind"), json_object_of(entry, "document"),
                          synthetic, arena, &recorded, err));
        tally->outcomes[recorded.outcome]++;
        tally->skipped = recorded.why != NULL ? recorded.why : tally->skipped;
        if (recorded.number != NULL && json_array_size(tally->numbers) < NUMBERS_SHOWN_MAX) {
            (void)json_array_append_new(tally->numbers, json_string(recorded.number));
        }
        arena_reset(arena);
    }
    return ERR_OK;
}

void reconciliation_record(const struct agent_task *task, struct agent_reply *reply)
{
    struct error err = {0};
    struct tally tally = {.numbers = json_array()};
    struct buf pointer = BUF_INIT(64);
    struct arena *arena = arena_create(RECORD_ARENA_BYTES);
    CHECK(arena != NULL);
    agent_store_lock(task->store, table_name(BOOK_SHIPMENTS));
    agent_store_lock(task->store, table_name(BOOK_RATES));
    if (record_all(task, arena, &tally, &pointer, &err) != ERR_OK) {
        json_decref(tally.numbers);
        fail(reply, &err, agent_text(reply, "%s", pointer.data != NULL ? pointer.data : ""),
             "a document cannot be put into the ledger");
    } else {
        reply->output = json_pack("{s:I, s:I, s:I, s:I, s:o, s:s*}", "recorded",
                                  (json_int_t)tally.outcomes[RECORDED_NEW], "changed",
                                  (json_int_t)tally.outcomes[RECORDED_CHANGED], "unchanged",
                                  (json_int_t)tally.outcomes[RECORDED_UNCHANGED], "skipped",
                                  (json_int_t)tally.outcomes[RECORDED_SKIPPED], "numbers",
                                  tally.numbers, "skippedWhy", tally.skipped);
        reply->decision.rule = "ledger-record@1";
    }
    buf_release(&pointer);
    arena_destroy(&arena);
}

/* ---- check ---- */

void reconciliation_check(const struct agent_task *task, struct agent_reply *reply)
{
    struct error err = {0};
    const struct book book = book_of(task);
    const json_t *confidence = json_object_get(task->input, "confidence");
    double extracted = confidence != NULL ? json_number_value(confidence) : 1.0;
    json_t *answer = NULL;
    if (check_invoice(&book, json_object_of(task->input, "invoice"), extracted, &answer, &err) !=
        ERR_OK) {
        fail(reply, &err, "/invoice", "the invoice cannot be checked");
        return;
    }
    reply->output = answer;
    reply->decision.rule = "reconciliation-rules@1";
    reply->decision.has_confidence = true;
    reply->decision.confidence = json_number_value(json_object_get(answer, "confidence"));
    reply->decision.explanation =
        json_pack("{s:O, s:O, s:O, s:O}", "why", json_object_get(answer, "why"), "ledger",
                  json_object_get(answer, "ledger"), "held", json_object_get(answer, "held"),
                  "alternatives", json_object_get(answer, "alternatives"));
}

/* ---- post and dispute ---- */

static enum err enter(const struct agent_task *task, const char *state, struct arena *arena,
                      json_t **ret_first, struct error *err)
{
    const struct book book = book_of(task);
    struct invoice invoice;
    struct counterpart counterpart;
    TRY(invoice_read(json_object_of(task->input, "invoice"), arena, &invoice, err));
    TRY(ledger_counterpart(&book, &invoice, &counterpart, err));
    if (invoice.shipment == NULL && counterpart.shipment != NULL) {
        invoice.shipment = json_text_of(counterpart.shipment, "shipment");
    }
    const char *amount = json_text_of(json_object_of(task->input, "amount"), "value");
    if (amount == NULL && invoice.total.present) {
        amount = decimal_text_of(arena, invoice.total.value);
    }
    const struct entry entry = {
        .state = state,
        .amount = amount,
        .key = task->idempotency_key,
        .reasons = json_object_get(task->input, "reasons"),
    };
    enum err code = ledger_enter(&book, &invoice, &entry, arena, ret_first, err);
    counterpart_release(&counterpart);
    return code;
}

static void run_enter(const struct agent_task *task, struct agent_reply *reply, const char *state,
                      const char *done)
{
    struct error err = {0};
    json_t *first = NULL;
    struct arena *arena = arena_create(CHECK_ARENA_BYTES);
    CHECK(arena != NULL);
    agent_store_lock(task->store, table_name(BOOK_INVOICES));
    agent_store_lock(task->store, table_name(BOOK_REPEATS));
    if (enter(task, state, arena, &first, &err) != ERR_OK) {
        fail(reply, &err, "/invoice", "the invoice cannot be entered");
    } else {
        json_t *output = json_object();
        (void)json_object_set_new(output, done, json_boolean(first == NULL));
        if (first != NULL) {
            (void)json_object_set_new(output, "exception", json_string("duplicate"));
            (void)json_object_set(output, "first", first);
        }
        reply->output = output;
        reply->decision.rule = "one-payment-per-invoice@1";
    }
    json_decref(first);
    arena_destroy(&arena);
}

void reconciliation_post(const struct agent_task *task, struct agent_reply *reply)
{
    run_enter(task, reply, "posted", "posted");
}

void reconciliation_dispute(const struct agent_task *task, struct agent_reply *reply)
{
    run_enter(task, reply, "disputed", "disputed");
}

/* ---- unpost ---- */

/* The idempotency key of a compensation is that of what it undoes, and behind it "#undo" (or
 * "#undo.2" and so on): so it takes back its own posting and nobody else's. */
static const char *posting_key(const struct agent_task *task, struct arena *arena)
{
    const char *mark = strstr(task->idempotency_key, "#undo");
    return mark == NULL ? NULL
                        : arena_printf(arena, "%.*s", (int)(mark - task->idempotency_key),
                                       task->idempotency_key);
}

static enum err withdraw(const struct agent_task *task, struct arena *arena, bool *ret_withdrawn,
                         struct error *err)
{
    const struct book book = book_of(task);
    const json_t *given = json_object_of(task->input, "input");
    const char *key = posting_key(task, arena);
    struct invoice invoice;
    *ret_withdrawn = false;
    if (key == NULL) {
        return error_set(err, ERR_INVALID,
                         "the key '%.100s' is not that of a compensation: unpost undoes a 'post', "
                         "it is no step of its own",
                         task->idempotency_key);
    }
    TRY(invoice_read(json_object_of(given, "invoice"), arena, &invoice, err));
    return ledger_withdraw(&book, &invoice, key, arena, ret_withdrawn, err);
}

void reconciliation_unpost(const struct agent_task *task, struct agent_reply *reply)
{
    struct error err = {0};
    bool withdrawn = false;
    struct arena *arena = arena_create(CHECK_ARENA_BYTES);
    CHECK(arena != NULL);
    agent_store_lock(task->store, table_name(BOOK_INVOICES));
    agent_store_lock(task->store, table_name(BOOK_REPEATS));
    if (withdraw(task, arena, &withdrawn, &err) != ERR_OK) {
        fail(reply, &err, "/input/invoice", "the posting cannot be taken back");
    } else {
        reply->output = json_pack("{s:b}", "unposted", withdrawn);
        reply->decision.rule = "own-posting-only@1";
    }
    arena_destroy(&arena);
}

/* ---- ledger ---- */

void reconciliation_ledger(const struct agent_task *task, struct agent_reply *reply)
{
    struct error err = {0};
    const struct book book = book_of(task);
    if (query_ledger(&book, task->input, &reply->output, &err) != ERR_OK) {
        fail(reply, &err, "/query", "the ledger cannot answer");
    }
}
