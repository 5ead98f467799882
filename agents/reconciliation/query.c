#include "agents/reconciliation/query.h"

#include <string.h>

#include "agents/reconciliation/ledger.h"
#include "common/base/arena.h"
#include "common/base/map.h"

enum {
    CURRENCIES_MAX = 16,
    ARENA_BYTES = 64 * 1024 * 1024,
    SCRATCH_BYTES = 1024 * 1024,
    KEY_BYTES = 1000,
    LIST_DEFAULT = 100
};

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        (void)json_object_set_new(object, key, json_string(text));
    }
}

/* ---- one shipment ---- */

/* The line that states the freight of a line which refers to it. */
static enum err read_reference(const struct book *book, const json_t *row, json_t **ret_target,
                               struct error *err)
{
    const json_t *freight = json_object_of(json_object_of(row, "delivery"), "freight");
    const char *document = json_text_of(freight, "referenceDocument");
    const char *record = json_text_of(freight, "referenceRecord");
    *ret_target = NULL;
    if (document == NULL || record == NULL) {
        return ERR_OK;
    }
    struct buf key = BUF_INIT(KEY_BYTES);
    book_key(&key, document);
    book_key(&key, record);
    enum err code = book_read(book, BOOK_SHIPMENTS,
                              (struct str){.data = key.data, .size = key.size}, ret_target, err);
    buf_release(&key);
    return code;
}

static enum err add_resolved(const struct book *book, const json_t *row, json_t *answer,
                             struct error *err)
{
    json_t *target = NULL;
    TRY(read_reference(book, row, &target, err));
    if (target != NULL) {
        const json_t *delivery = json_object_of(target, "delivery");
        json_t *freight = json_object_of(delivery, "freight");
        json_t *resolved = json_copy(freight);
        set_text(resolved, "statedOn", json_text_of(delivery, "shipmentId"));
        (void)json_object_set_new(answer, "freightResolved", resolved);
    }
    json_decref(target);
    return ERR_OK;
}

static json_t *delivery_findings(const json_t *row, struct arena *arena, struct error *err)
{
    struct agreement agreement;
    struct findings *findings = ARENA_NEW(arena, struct findings);
    if (findings == NULL || agreement_read(row, NULL, NULL, arena, &agreement, err) != ERR_OK) {
        return json_array();
    }
    findings_init(findings, arena);
    rules_delivery(&agreement, findings);
    return findings_json(findings);
}

struct line_list {
    json_t *lines;
};

static bool visit_line(void *closure, struct str key, struct str value)
{
    struct line_list *list = closure;
    (void)value;
    (void)json_array_append_new(list->lines, json_stringn(key.data, key.size));
    return json_array_size(list->lines) < LIST_DEFAULT;
}

static enum err answer_shipment(const struct book *book, const json_t *question, json_t *answer,
                                struct error *err)
{
    const char *number = json_text_of(question, "number");
    if (number == NULL || number[0] == '\0') {
        return error_set(err, ERR_INVALID, "the query 'shipment' needs '/number'");
    }
    json_t *row = NULL;
    TRY(ledger_shipment(book, number, &row, err));
    (void)json_object_set_new(answer, "found", json_boolean(row != NULL));
    enum err code = ERR_OK;
    if (row != NULL) {
        struct arena *arena = arena_create(SCRATCH_BYTES);
        code = add_resolved(book, row, answer, err);
        if (arena != NULL) {
            (void)json_object_set_new(answer, "findings", delivery_findings(row, arena, err));
        }
        arena_destroy(&arena);
        (void)json_object_set_new(answer, "shipment", row);
        return code;
    }
    struct buf prefix = BUF_INIT(KEY_BYTES);
    struct line_list list = {.lines = json_array()};
    book_key(&prefix, number);
    book_key(&prefix, NULL);
    code =
        book->scan(book->user, BOOK_SHIPMENTS,
                   (struct str){.data = prefix.data, .size = prefix.size}, visit_line, &list, err);
    buf_release(&prefix);
    (void)json_object_set_new(answer, "lines", list.lines);
    return code;
}

/* ---- lists ---- */

struct listing {
    json_t *rows;
    const char *state; /* NULL: any */
    const char *after; /* key to start behind, or NULL */
    size_t limit;
    struct arena *arena;
    bool late; /* shipments delivered too late */
    bool more;
    char last[KEY_BYTES];
    enum err code;
};

static bool is_behind(const struct listing *listing, struct str key)
{
    if (listing->after == NULL) {
        return true;
    }
    size_t size = strlen(listing->after);
    int order = memcmp(key.data, listing->after, key.size < size ? key.size : size);
    return order > 0 || (order == 0 && key.size > size);
}

/* What a list shows of a late shipment, or NULL. */
static json_t *late_entry(const json_t *row, struct arena *arena)
{
    struct agreement agreement;
    struct findings *findings = ARENA_NEW(arena, struct findings);
    if (findings == NULL || agreement_read(row, NULL, NULL, arena, &agreement, NULL) != ERR_OK) {
        return NULL;
    }
    findings_init(findings, arena);
    rules_delivery(&agreement, findings);
    const struct finding *late = findings_of(findings, RULE_LATE);
    if (late == NULL) {
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:s}", "shipment", agreement.shipment, "days",
                     decimal_text_of(arena, late->difference), "deliveredOn",
                     agreement.delivered_on, "sentence", late->sentence);
}

static bool visit_row(void *closure, struct str key, struct str value)
{
    struct listing *listing = closure;
    if (!is_behind(listing, key)) {
        return true;
    }
    if (json_array_size(listing->rows) == listing->limit) {
        listing->more = true;
        return false;
    }
    json_t *row = NULL;
    listing->code = json_parse(value.data, value.size, NULL, &row, NULL);
    if (listing->code != ERR_OK) {
        return false;
    }
    json_t *entry = NULL;
    if (listing->late) {
        arena_reset(listing->arena);
        entry = late_entry(row, listing->arena);
    } else if (listing->state == NULL || strcmp(listing->state, json_text_of(row, "state")) == 0) {
        entry = json_incref(row);
    }
    if (entry != NULL) {
        size_t size = key.size < KEY_BYTES - 1 ? key.size : KEY_BYTES - 1;
        memcpy(listing->last, key.data, size);
        listing->last[size] = '\0';
        (void)json_array_append_new(listing->rows, entry);
    }
    json_decref(row);
    return true;
}

static enum err answer_list(const struct book *book, const json_t *question, bool late,
                            json_t *answer, struct error *err)
{
    struct listing *listing = NULL;
    struct arena *arena = arena_create(ARENA_BYTES);
    json_int_t limit = json_int_of(question, "limit", LIST_DEFAULT);
    listing = arena != NULL ? ARENA_NEW(arena, struct listing) : NULL;
    struct arena *scratch = arena_create(SCRATCH_BYTES);
    if (listing == NULL || scratch == NULL) {
        arena_destroy(&scratch);
        arena_destroy(&arena);
        return error_set(err, ERR_NOMEM, "out of memory");
    }
    listing->rows = json_array();
    listing->state = json_text_of(question, "state");
    listing->after = json_text_of(question, "after");
    listing->limit = limit > 0 && limit <= QUERY_ROWS_MAX ? (size_t)limit : LIST_DEFAULT;
    listing->late = late;
    listing->arena = scratch;
    enum err code = book->scan(book->user, late ? BOOK_SHIPMENTS : BOOK_INVOICES, STR(""),
                               visit_row, listing, err);
    code = code == ERR_OK && listing->code != ERR_OK
               ? error_set(err, ERR_CORRUPT, "a row of the ledger does not parse")
               : code;
    (void)json_object_set_new(answer, late ? "late" : "invoices", listing->rows);
    if (listing->more) {
        set_text(answer, "next", listing->last);
    }
    arena_destroy(&scratch);
    arena_destroy(&arena);
    return code;
}

/* ---- totals ---- */

struct money_sum {
    char currency[8];
    struct decimal sum;
};

struct sums {
    struct money_sum items[CURRENCIES_MAX];
    size_t count;
};

static enum err sums_add(struct sums *sums, const char *currency, struct decimal value)
{
    const char *name = currency != NULL ? currency : "?";
    struct money_sum *at = NULL;
    for (size_t i = 0; i < sums->count; i++) {
        at = strcmp(sums->items[i].currency, name) == 0 ? &sums->items[i] : at;
    }
    if (at == NULL) {
        if (sums->count == CURRENCIES_MAX) {
            return ERR_LIMIT;
        }
        at = &sums->items[sums->count++];
        (void)text_copy(at->currency, sizeof(at->currency), name);
        at->sum = decimal_of(0, 2);
    }
    return decimal_add(at->sum, value, &at->sum, NULL);
}

static json_t *sums_json(const struct sums *sums)
{
    json_t *object = json_object();
    for (size_t i = 0; i < sums->count; i++) {
        char text[DECIMAL_TEXT_BYTES];
        set_text(object, sums->items[i].currency, decimal_print(sums->items[i].sum, text));
    }
    return object;
}

/* A freight cost stated on another line: an amount there is counted there, once. */
struct reference {
    struct reference *next;
    const char *key;
};

struct totals {
    size_t shipments, delivered, late, early, on_time;
    size_t stated, references, resolved, to_separate, dangling, included, separate;
    size_t posted, disputed;
    struct sums freight;
    struct sums paid;
    struct sums claimed;
    struct arena *arena;   /* keys of references */
    struct arena *scratch; /* one row */
    struct map *kinds;     /* key -> how the freight of that line is stated */
    struct reference *first;
    size_t rows;
    enum err code;
};

static char freight_stated[] = "amount";
static char freight_other[] = "other";

static void count_delivery(struct totals *totals, const struct agreement *agreement)
{
    if (agreement->delivered_on == NULL) {
        return;
    }
    totals->delivered++;
    if (agreement->deliver_by == NULL) {
        return;
    }
    int order = strncmp(agreement->delivered_on, agreement->deliver_by, 10);
    totals->late += order > 0 ? 1 : 0;
    totals->early += order < 0 ? 1 : 0;
    totals->on_time += order == 0 ? 1 : 0;
}

static void add_reference(struct totals *totals, const json_t *freight)
{
    struct buf key = BUF_INIT(KEY_BYTES);
    book_key(&key, json_text_of(freight, "referenceDocument"));
    book_key(&key, json_text_of(freight, "referenceRecord"));
    struct reference *reference = ARENA_NEW(totals->arena, struct reference);
    const char *copy = key.failed ? NULL : arena_dup(totals->arena, key.data, key.size);
    buf_release(&key);
    if (reference == NULL || copy == NULL) {
        totals->code = ERR_LIMIT;
        return;
    }
    *reference = (struct reference){.next = totals->first, .key = copy};
    totals->first = reference;
    totals->references++;
}

static void count_freight(struct totals *totals, const struct agreement *agreement,
                          const json_t *row, struct str key)
{
    const json_t *freight = json_object_of(json_object_of(row, "delivery"), "freight");
    bool stated = agreement->freight == FREIGHT_AMOUNT;
    bool ok = true;
    switch (agreement->freight) {
    case FREIGHT_AMOUNT:
        totals->stated++;
        totals->code =
            sums_add(&totals->freight, json_text_of(freight, "currency"), agreement->total.value);
        break;
    case FREIGHT_REFERENCE:
        add_reference(totals, freight);
        break;
    case FREIGHT_INCLUDED:
        totals->included++;
        break;
    case FREIGHT_SEPARATE:
        totals->separate++;
        break;
    case FREIGHT_UNKNOWN:
        return;
    }
    char *kind = stated ? freight_stated : freight_other;
    (void)map_put(totals->kinds, key.data, key.size, kind, &ok);
    totals->code = ok ? totals->code : ERR_NOMEM;
}

static bool visit_shipment(void *closure, struct str key, struct str value)
{
    struct totals *totals = closure;
    struct agreement agreement;
    json_t *row = NULL;
    arena_reset(totals->scratch);
    if (++totals->rows > QUERY_SCAN_MAX) {
        totals->code = ERR_LIMIT;
        return false;
    }
    totals->code = json_parse(value.data, value.size, NULL, &row, NULL);
    if (totals->code == ERR_OK) {
        totals->code = agreement_read(row, NULL, NULL, totals->scratch, &agreement, NULL);
    }
    if (totals->code == ERR_OK) {
        totals->shipments++;
        count_delivery(totals, &agreement);
        count_freight(totals, &agreement, row, key);
    }
    json_decref(row);
    return totals->code == ERR_OK;
}

static bool visit_invoice(void *closure, struct str key, struct str value)
{
    struct totals *totals = closure;
    struct amount amount;
    json_t *row = NULL;
    (void)key;
    if (++totals->rows > QUERY_SCAN_MAX) {
        totals->code = ERR_LIMIT;
        return false;
    }
    totals->code = json_parse(value.data, value.size, NULL, &row, NULL);
    if (totals->code == ERR_OK) {
        totals->code = amount_read(row, "amount", &amount, NULL);
    }
    if (totals->code == ERR_OK) {
        const char *state = json_text_of(row, "state");
        bool posted = state != NULL && strcmp(state, "posted") == 0;
        totals->posted += posted ? 1 : 0;
        totals->disputed += posted ? 0 : 1;
        if (amount.present) {
            totals->code = sums_add(posted ? &totals->paid : &totals->claimed,
                                    json_text_of(row, "currency"), amount.value);
        }
    }
    json_decref(row);
    return totals->code == ERR_OK;
}

static void resolve_references(struct totals *totals)
{
    for (const struct reference *at = totals->first; at != NULL; at = at->next) {
        const char *kind = map_get_text(totals->kinds, at->key);
        totals->resolved += kind == freight_stated ? 1 : 0;
        totals->to_separate += kind == freight_other ? 1 : 0;
        totals->dangling += kind == NULL ? 1 : 0;
    }
}

static json_t *count(size_t value)
{
    return json_integer((json_int_t)value);
}

static void totals_json(const struct totals *totals, json_t *answer)
{
    json_t *deliveries = json_pack("{s:o, s:o, s:o, s:o}", "recorded", count(totals->delivered),
                                   "onTime", count(totals->on_time), "early", count(totals->early),
                                   "late", count(totals->late));
    json_t *freight =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "statedLines", count(totals->stated),
                  "sum", sums_json(&totals->freight), "referencesResolved", count(totals->resolved),
                  "referencesInvoicedSeparately", count(totals->to_separate), "referencesDangling",
                  count(totals->dangling), "includedLines", count(totals->included),
                  "invoicedSeparatelyLines", count(totals->separate));
    (void)json_object_set_new(answer, "shipments", count(totals->shipments));
    (void)json_object_set_new(answer, "deliveries", deliveries);
    (void)json_object_set_new(answer, "freight", freight);
    (void)json_object_set_new(
        answer, "posted",
        json_pack("{s:o, s:o}", "count", count(totals->posted), "sum", sums_json(&totals->paid)));
    (void)json_object_set_new(answer, "disputed",
                              json_pack("{s:o, s:o}", "count", count(totals->disputed), "sum",
                                        sums_json(&totals->claimed)));
}

static enum err answer_totals(const struct book *book, json_t *answer, struct error *err)
{
    struct totals totals = {
        .arena = arena_create(ARENA_BYTES),
        .scratch = arena_create(SCRATCH_BYTES),
        .kinds = map_create(),
    };
    enum err code = ERR_NOMEM;
    if (totals.arena == NULL || totals.scratch == NULL || totals.kinds == NULL) {
        (void)error_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    TRY_GOTO(code, book->scan(book->user, BOOK_SHIPMENTS, STR(""), visit_shipment, &totals, err),
             out);
    if (totals.code == ERR_OK) {
        TRY_GOTO(code, book->scan(book->user, BOOK_INVOICES, STR(""), visit_invoice, &totals, err),
                 out);
    }
    if (totals.code != ERR_OK) {
        code = error_set(err, totals.code, "row %zu of the ledger: %s", totals.rows,
                         error_text(totals.code));
        goto out;
    }
    resolve_references(&totals);
    totals_json(&totals, answer);
out:
    arena_destroy(&totals.arena);
    arena_destroy(&totals.scratch);
    map_destroy(&totals.kinds, NULL);
    return code;
}

enum err query_ledger(const struct book *book, const json_t *question, json_t **ret_answer,
                      struct error *err)
{
    const char *query = json_text_of(question, "query");
    json_t *answer = json_object();
    enum err code;
    *ret_answer = NULL;
    set_text(answer, "query", query);
    if (query != NULL && strcmp(query, "shipment") == 0) {
        code = answer_shipment(book, question, answer, err);
    } else if (query != NULL && strcmp(query, "totals") == 0) {
        code = answer_totals(book, answer, err);
    } else if (query != NULL && (strcmp(query, "invoices") == 0 || strcmp(query, "late") == 0)) {
        code = answer_list(book, question, query[0] == 'l', answer, err);
    } else {
        code = error_set(err, ERR_INVALID, "'/query' is one of shipment, invoices, late, totals");
    }
    if (code != ERR_OK) {
        json_decref(answer);
        return code;
    }
    *ret_answer = answer;
    return ERR_OK;
}
