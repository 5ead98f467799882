#include "agents/reconciliation/ledger.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/str.h"

enum { KEY_BYTES = 1000, SOURCES_MAX = 500, STATUSES_MAX = 200, REPEATS_MAX = 50 };

static struct str key_of(const struct buf *key)
{
    return (struct str){.data = key->data, .size = key->size};
}

/* The row of a shipment: its load number, or the number of its agreement, or for a line of a
 * delivery history the despatch advice and the line, so that line 1281 is not taken for load 1281.
 */
static void shipment_key(const json_t *document, struct buf *key)
{
    const char *load = json_text_of(document, "loadNumber");
    const char *id = json_text_of(document, "shipmentId");
    const char *despatch = json_text_of(document, "despatchAdviceReference");
    if (load == NULL && despatch != NULL) {
        book_key(key, despatch);
    }
    book_key(key, load != NULL ? load : id);
}

static enum err key_check(const struct buf *key, struct error *err)
{
    return key->failed || key->size == 0
               ? error_set(err, ERR_INVALID, "a number is empty or longer than %d bytes", KEY_BYTES)
               : ERR_OK;
}

/* ---- recording ---- */

/* True when this document is one of the row's sources already; otherwise it is added. */
static bool add_source(json_t *row, const char *kind, const json_t *document)
{
    char hex[DIGEST_HEX_BYTES];
    /* `source` says where in which file a document stood, not what it says. */
    json_t *content = json_copy(json_mutable(document));
    (void)json_object_del(content, "source");
    struct digest digest = json_digest(content);
    json_decref(content);
    digest_hex(&digest, hex);
    json_t *sources = json_array_of(row, "sources");
    if (sources == NULL) {
        sources = json_array();
        (void)json_object_set_new(row, "sources", sources);
    }
    for (size_t i = 0; i < json_array_size(sources); i++) {
        if (text_equal(json_text_of(json_array_get(sources, i), "digest"), hex)) {
            return true;
        }
    }
    json_int_t version = json_int_of(row, "version", 0) + 1;
    (void)json_object_set_new(row, "version", json_integer(version));
    (void)json_array_append_new(
        sources, json_pack("{s:s, s:s, s:I}", "kind", kind, "digest", hex, "version", version));
    return false;
}

static enum err add_status(json_t *row, const json_t *document, struct error *err)
{
    json_t *statuses = json_array_of(row, "statuses");
    if (statuses == NULL) {
        statuses = json_array();
        (void)json_object_set_new(row, "statuses", statuses);
    }
    if (json_array_size(statuses) >= STATUSES_MAX) {
        return error_set(err, ERR_LIMIT, "a shipment has more than %d status messages",
                         STATUSES_MAX);
    }
    (void)json_array_append(statuses, json_mutable(document));
    return ERR_OK;
}

/* Where a kind of document goes in a shipment row; NULL for lists and other kinds. */
static const char *member_of(const char *kind)
{
    static const struct {
        const char *kind;
        const char *member;
    } members[] = {
        {"tender", "tender"},
        {"tenderResponse", "response"},
        {"shipment", "delivery"},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (strcmp(members[i].kind, kind) == 0) {
            return members[i].member;
        }
    }
    return NULL;
}

static enum err record_shipment(const struct book *book, const char *kind, const json_t *document,
                                struct recorded *ret_recorded, struct error *err)
{
    struct buf key = BUF_INIT(KEY_BYTES);
    json_t *row = NULL;
    shipment_key(document, &key);
    enum err code = key_check(&key, err);
    TRY_GOTO(code, code, out);
    TRY_GOTO(code, book_read(book, BOOK_SHIPMENTS, key_of(&key), &row, err), out);
    ret_recorded->outcome = row == NULL ? RECORDED_NEW : RECORDED_CHANGED;
    if (row == NULL) {
        row = json_pack("{s:i, s:s, s:b}", "format", 1, "shipment", ret_recorded->number,
                        "synthetic", ret_recorded->synthetic);
    }
    if (json_array_size(json_array_of(row, "sources")) >= SOURCES_MAX) {
        code = error_set(err, ERR_LIMIT, "shipment '%s' has more than %d documents",
                         ret_recorded->number, SOURCES_MAX);
        goto out;
    }
    if (add_source(row, kind, document)) {
        ret_recorded->outcome = RECORDED_UNCHANGED;
    } else if (member_of(kind) != NULL) {
        (void)json_object_set(row, member_of(kind), json_mutable(document));
    } else {
        TRY_GOTO(code, add_status(row, document, err), out);
    }
    ret_recorded->version = json_int_of(row, "version", 0);
    if (ret_recorded->outcome != RECORDED_UNCHANGED) {
        code = book_write(book, BOOK_SHIPMENTS, key_of(&key), row, err);
    }
out:
    json_decref(row);
    buf_release(&key);
    return code;
}

/* A shipment with exactly one agreed service tells the price of that service; two shipments that
 * disagree make it unknown (null). */
static enum err learn_price(const struct book *book, const json_t *document, struct error *err)
{
    const json_t *services = json_array_of(document, "services");
    const json_t *charges = json_array_of(json_object_of(document, "agreed"), "charges");
    const char *service = json_string_value(json_array_get(services, 0));
    const char *amount = NULL;
    for (size_t i = 0; i < json_array_size(charges); i++) {
        const json_t *charge = json_array_get(charges, i);
        if (charge_kind_of(charge) == CHARGE_ACCESSORIAL) {
            amount = json_text_of(charge, "amount");
        }
    }
    if (json_array_size(services) != 1 || amount == NULL || service == NULL) {
        return ERR_OK;
    }
    json_t *prices = NULL;
    TRY(book_read(book, BOOK_RATES, STR("services"), &prices, err));
    prices = prices != NULL ? prices : json_object();
    const json_t *known = json_object_get(prices, service);
    bool differs =
        known != NULL && !json_is_null(known) && !text_equal(json_string_value(known), amount);
    enum err code = ERR_OK;
    if (known == NULL || differs) {
        (void)json_object_set_new(prices, service, differs ? json_null() : json_string(amount));
        code = book_write(book, BOOK_RATES, STR("services"), prices, err);
    }
    json_decref(prices);
    return code;
}

static void lane_key(struct buf *key, const char *origin, const char *destination,
                     struct arena *arena)
{
    book_key(key, "lane");
    book_key(key, name_key(arena, origin));
    book_key(key, name_key(arena, destination));
}

static enum err record_rate(const struct book *book, const json_t *document, struct arena *arena,
                            struct recorded *ret_recorded, struct error *err)
{
    const char *origin = json_text_of(document, "origin");
    const char *destination = json_text_of(document, "destination");
    if (origin == NULL || destination == NULL) {
        return error_set(err, ERR_INVALID, "a rate needs '/origin' and '/destination'");
    }
    struct buf key = BUF_INIT(KEY_BYTES);
    json_t *row = NULL;
    lane_key(&key, origin, destination, arena);
    enum err code = key_check(&key, err);
    TRY_GOTO(code, code, out);
    TRY_GOTO(code, book_read(book, BOOK_RATES, key_of(&key), &row, err), out);
    ret_recorded->outcome = row == NULL ? RECORDED_NEW : RECORDED_CHANGED;
    row = row != NULL ? row : json_pack("{s:i}", "format", 1);
    if (add_source(row, "rate", document)) {
        ret_recorded->outcome = RECORDED_UNCHANGED;
    } else {
        (void)json_object_set(row, "rate", json_mutable(document));
        code = book_write(book, BOOK_RATES, key_of(&key), row, err);
    }
    ret_recorded->version = json_int_of(row, "version", 0);
out:
    json_decref(row);
    buf_release(&key);
    return code;
}

enum err ledger_record(const struct book *book, const char *kind, const json_t *document,
                       bool synthetic, struct arena *arena, struct recorded *ret_recorded,
                       struct error *err)
{
    *ret_recorded = (struct recorded){.outcome = RECORDED_SKIPPED, .synthetic = synthetic};
    if (strcmp(kind, "rate") == 0) {
        ret_recorded->number = json_text_of(document, "lane");
        return record_rate(book, document, arena, ret_recorded, err);
    }
    bool status = strcmp(kind, "shipmentStatus") == 0;
    if (member_of(kind) == NULL && !status) {
        ret_recorded->why = strcmp(kind, "invoice") == 0
                                ? "an invoice is never a source of the ledger it is checked against"
                                : "not a document of the ledger";
        return ERR_OK;
    }
    ret_recorded->number = json_text_of(document, "loadNumber");
    if (ret_recorded->number == NULL) {
        ret_recorded->number = json_text_of(document, "shipmentId");
    }
    if (ret_recorded->number == NULL || ret_recorded->number[0] == '\0') {
        return error_set(err, ERR_INVALID, "a %s needs '/loadNumber' or '/shipmentId'", kind);
    }
    TRY(record_shipment(book, kind, document, ret_recorded, err));
    return strcmp(kind, "shipment") == 0 ? learn_price(book, document, err) : ERR_OK;
}

/* ---- reading ---- */

enum err ledger_shipment(const struct book *book, const char *number, json_t **ret_row,
                         struct error *err)
{
    struct buf key = BUF_INIT(KEY_BYTES);
    *ret_row = NULL;
    book_key(&key, number);
    enum err code = key_check(&key, err);
    if (code == ERR_OK) {
        code = book_read(book, BOOK_SHIPMENTS, key_of(&key), ret_row, err);
    }
    buf_release(&key);
    return code;
}

static enum err read_lane_row(const struct book *book, const struct invoice *invoice,
                              json_t **ret_rate, struct error *err)
{
    struct arena *arena = arena_create(4096);
    struct buf key = BUF_INIT(KEY_BYTES);
    json_t *row = NULL;
    enum err code = ERR_OK;
    if (arena == NULL) {
        code = error_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    lane_key(&key, invoice->origin, invoice->destination, arena);
    code = key_check(&key, err);
    TRY_GOTO(code, code, out);
    TRY_GOTO(code, book_read(book, BOOK_RATES, key_of(&key), &row, err), out);
    *ret_rate = json_incref(json_object_of(row, "rate"));
out:
    json_decref(row);
    buf_release(&key);
    arena_destroy(&arena);
    return code;
}

enum err ledger_counterpart(const struct book *book, const struct invoice *invoice,
                            struct counterpart *ret_counterpart, struct error *err)
{
    *ret_counterpart = (struct counterpart){0};
    enum err code = ERR_OK;
    /* Some carriers use one number for shipment and invoice and state it once. */
    const char *number = invoice->shipment != NULL ? invoice->shipment : invoice->number;
    TRY_GOTO(code, ledger_shipment(book, number, &ret_counterpart->shipment, err), fail);
    if (invoice->origin != NULL && invoice->destination != NULL) {
        TRY_GOTO(code, read_lane_row(book, invoice, &ret_counterpart->rate, err), fail);
    }
    TRY_GOTO(code, book_read(book, BOOK_RATES, STR("services"), &ret_counterpart->prices, err),
             fail);
    return ERR_OK;
fail:
    counterpart_release(ret_counterpart);
    return code;
}

void counterpart_release(struct counterpart *counterpart)
{
    json_decref(counterpart->shipment);
    json_decref(counterpart->rate);
    json_decref(counterpart->prices);
    *counterpart = (struct counterpart){0};
}

/* ---- invoices ---- */

static const char *seller_key(const struct invoice *invoice, struct arena *arena)
{
    const char *seller = invoice->seller.id != NULL ? invoice->seller.id : invoice->seller.name;
    return name_key(arena, seller);
}

/* Keys of the rows that find repeats. */
enum repeat_key { REPEAT_SHIPMENT, REPEAT_NUMBER, REPEAT_AMOUNT, REPEAT_KEYS };

/* One text for one value: 10.50 and 10.5 are the same key. */
static const char *plain_text(struct arena *arena, struct decimal value)
{
    while (value.scale > 0 && value.coefficient % 10 == 0) {
        value.coefficient /= 10;
        value.scale--;
    }
    return decimal_text_of(arena, value);
}

/* False when the invoice lacks what the key is made of. */
static bool repeat_key(const struct invoice *invoice, enum repeat_key kind, struct arena *arena,
                       struct buf *key)
{
    buf_clear(key);
    switch (kind) {
    case REPEAT_SHIPMENT:
        if (invoice->shipment == NULL || invoice->shipment[0] == '\0') {
            return false;
        }
        book_key(key, "shipment");
        book_key(key, invoice->shipment);
        return !key->failed;
    case REPEAT_NUMBER:
        book_key(key, "number");
        book_key(key, seller_key(invoice, arena));
        book_key(key, name_key(arena, invoice->number));
        return !key->failed;
    case REPEAT_AMOUNT:
        if (!invoice->total.present || invoice->issue_date == NULL) {
            return false;
        }
        book_key(key, "amount");
        book_key(key, seller_key(invoice, arena));
        book_key(key, plain_text(arena, invoice->total.value));
        book_key(key, invoice->issue_date);
        return !key->failed;
    case REPEAT_KEYS:
        break;
    }
    return false;
}

static void invoice_key(const struct invoice *invoice, struct arena *arena, struct buf *key)
{
    book_key(key, seller_key(invoice, arena));
    book_key(key, invoice->number);
}

static const struct seen *seen_of(const json_t *entry, struct arena *arena)
{
    struct seen *seen = ARENA_NEW(arena, struct seen);
    if (seen == NULL) {
        return NULL;
    }
    const char *number = json_text_of(entry, "number");
    const char *state = json_text_of(entry, "state");
    seen->number = arena_strdup(arena, number != NULL ? number : "?");
    seen->state = arena_strdup(arena, state != NULL ? state : "handled");
    seen->shipment = arena_strdup(arena, json_text_of(entry, "shipment"));
    seen->issue_date = arena_strdup(arena, json_text_of(entry, "issueDate"));
    return seen;
}

/* First entry of a repeats row under another number than the invoice's own. */
static enum err find_repeat(const struct book *book, const struct invoice *invoice,
                            enum repeat_key kind, struct arena *arena, const struct seen **ret_seen,
                            struct error *err)
{
    struct buf key = BUF_INIT(KEY_BYTES);
    json_t *row = NULL;
    enum err code = ERR_OK;
    if (repeat_key(invoice, kind, arena, &key)) {
        code = book_read(book, BOOK_REPEATS, key_of(&key), &row, err);
    }
    for (size_t i = 0; i < json_array_size(row) && *ret_seen == NULL; i++) {
        const json_t *entry = json_array_get(row, i);
        if (!text_equal(json_text_of(entry, "number"), invoice->number)) {
            *ret_seen = seen_of(entry, arena);
        }
    }
    json_decref(row);
    buf_release(&key);
    return code;
}

enum err ledger_repeats(const struct book *book, const struct invoice *invoice, struct arena *arena,
                        struct repeats *ret_repeats, struct error *err)
{
    struct buf key = BUF_INIT(KEY_BYTES);
    json_t *row = NULL;
    *ret_repeats = (struct repeats){0};
    invoice_key(invoice, arena, &key);
    enum err code = key_check(&key, err);
    TRY_GOTO(code, code, out);
    TRY_GOTO(code, book_read(book, BOOK_INVOICES, key_of(&key), &row, err), out);
    if (row != NULL) {
        ret_repeats->same_number = seen_of(row, arena);
    }
    TRY_GOTO(code,
             find_repeat(book, invoice, REPEAT_SHIPMENT, arena, &ret_repeats->same_shipment, err),
             out);
    TRY_GOTO(code, find_repeat(book, invoice, REPEAT_NUMBER, arena, &ret_repeats->nearly_same, err),
             out);
    if (ret_repeats->nearly_same == NULL) {
        code = find_repeat(book, invoice, REPEAT_AMOUNT, arena, &ret_repeats->nearly_same, err);
    }
out:
    json_decref(row);
    buf_release(&key);
    return code;
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        (void)json_object_set_new(object, key, json_string(text));
    }
}

static json_t *entry_json(const struct invoice *invoice, const struct entry *entry,
                          struct arena *arena)
{
    json_t *row = json_pack("{s:i}", "format", 1);
    set_text(row, "state", entry->state);
    set_text(row, "number", invoice->number);
    set_text(row, "seller",
             invoice->seller.name != NULL ? invoice->seller.name : invoice->seller.id);
    set_text(row, "shipment", invoice->shipment);
    set_text(row, "issueDate", invoice->issue_date);
    set_text(row, "currency", invoice->currency);
    set_text(row, "amount", entry->amount);
    set_text(row, "key", entry->key);
    if (invoice->total.present) {
        set_text(row, "total", decimal_text_of(arena, invoice->total.value));
    }
    if (entry->reasons != NULL) {
        (void)json_object_set(row, "reasons", entry->reasons);
    }
    return row;
}

static enum err add_repeat(const struct book *book, const struct invoice *invoice,
                           enum repeat_key kind, const struct entry *entry, struct arena *arena,
                           struct error *err)
{
    struct buf key = BUF_INIT(KEY_BYTES);
    json_t *row = NULL;
    enum err code = ERR_OK;
    if (!repeat_key(invoice, kind, arena, &key)) {
        goto out;
    }
    TRY_GOTO(code, book_read(book, BOOK_REPEATS, key_of(&key), &row, err), out);
    row = row != NULL ? row : json_array();
    if (json_array_size(row) < REPEATS_MAX) {
        json_t *short_form = json_object();
        set_text(short_form, "number", invoice->number);
        set_text(short_form, "state", entry->state);
        set_text(short_form, "shipment", invoice->shipment);
        set_text(short_form, "issueDate", invoice->issue_date);
        (void)json_array_append_new(row, short_form);
        code = book_write(book, BOOK_REPEATS, key_of(&key), row, err);
    }
out:
    json_decref(row);
    buf_release(&key);
    return code;
}

enum err ledger_enter(const struct book *book, const struct invoice *invoice,
                      const struct entry *entry, struct arena *arena, json_t **ret_first,
                      struct error *err)
{
    struct buf key = BUF_INIT(KEY_BYTES);
    json_t *row = NULL;
    const struct seen *paid = NULL;
    *ret_first = NULL;
    invoice_key(invoice, arena, &key);
    enum err code = key_check(&key, err);
    TRY_GOTO(code, code, out);
    TRY_GOTO(code, book_read(book, BOOK_INVOICES, key_of(&key), ret_first, err), out);
    if (*ret_first != NULL) {
        goto out;
    }
    TRY_GOTO(code, find_repeat(book, invoice, REPEAT_SHIPMENT, arena, &paid, err), out);
    if (paid != NULL && strcmp(entry->state, "posted") == 0 && text_equal(paid->state, "posted")) {
        *ret_first = json_pack("{s:s, s:s, s:s*}", "number", paid->number, "state", paid->state,
                               "shipment", paid->shipment);
        goto out;
    }
    row = entry_json(invoice, entry, arena);
    TRY_GOTO(code, book_write(book, BOOK_INVOICES, key_of(&key), row, err), out);
    for (unsigned kind = 0; kind < REPEAT_KEYS && code == ERR_OK; kind++) {
        code = add_repeat(book, invoice, (enum repeat_key)kind, entry, arena, err);
    }
out:
    json_decref(row);
    buf_release(&key);
    return code;
}

static enum err drop_repeat(const struct book *book, const struct invoice *invoice,
                            enum repeat_key kind, struct arena *arena, struct error *err)
{
    struct buf key = BUF_INIT(KEY_BYTES);
    json_t *row = NULL;
    enum err code = ERR_OK;
    if (!repeat_key(invoice, kind, arena, &key)) {
        goto out;
    }
    TRY_GOTO(code, book_read(book, BOOK_REPEATS, key_of(&key), &row, err), out);
    for (size_t i = json_array_size(row); i-- > 0;) {
        const json_t *entry = json_array_get(row, i);
        if (text_equal(json_text_of(entry, "number"), invoice->number) &&
            text_equal(json_text_of(entry, "state"), "posted")) {
            (void)json_array_remove(row, i);
        }
    }
    if (row != NULL) {
        code = json_array_size(row) == 0 ? book->remove(book->user, BOOK_REPEATS, key_of(&key), err)
                                         : book_write(book, BOOK_REPEATS, key_of(&key), row, err);
    }
out:
    json_decref(row);
    buf_release(&key);
    return code;
}

enum err ledger_withdraw(const struct book *book, const struct invoice *invoice, const char *key,
                         struct arena *arena, bool *ret_withdrawn, struct error *err)
{
    struct buf name = BUF_INIT(KEY_BYTES);
    struct invoice entered = *invoice;
    json_t *row = NULL;
    *ret_withdrawn = false;
    invoice_key(invoice, arena, &name);
    enum err code = key_check(&name, err);
    TRY_GOTO(code, code, out);
    TRY_GOTO(code, book_read(book, BOOK_INVOICES, key_of(&name), &row, err), out);
    if (row == NULL || !text_equal(json_text_of(row, "key"), key) ||
        !text_equal(json_text_of(row, "state"), "posted")) {
        goto out;
    }
    entered.shipment = json_text_of(row, "shipment"); /* which the ledger may have known alone */
    TRY_GOTO(code, book->remove(book->user, BOOK_INVOICES, key_of(&name), err), out);
    for (unsigned kind = 0; kind < REPEAT_KEYS && code == ERR_OK; kind++) {
        code = drop_repeat(book, &entered, (enum repeat_key)kind, arena, err);
    }
    *ret_withdrawn = code == ERR_OK;
out:
    json_decref(row);
    buf_release(&name);
    return code;
}
