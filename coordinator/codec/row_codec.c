/*
 * The small rows; instances have a file of their own.
 */
#include "coordinator/codec/row_codec.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/json/doc.h"
#include "coordinator/codec/codec_private.h"
#include "coordinator/codec/outcome_codec.h"
#include "proto/tables.pb-c.h"

const struct proto_limits row_limits = {
    .bytes = (size_t)128 * 1024 * 1024, .depth = 6, .messages = 1000000, .fields = 20000000};

char *proto_text(const char *text)
{
    static char empty[1];
    return text == NULL ? empty : (char *)(uintptr_t)text;
}

ProtobufCBinaryData proto_bytes(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

ProtobufCBinaryData proto_doc(struct doc *doc)
{
    if (doc == NULL) {
        return (ProtobufCBinaryData){0};
    }
    size_t size = 0;
    const char *text = doc_text(doc, &size);
    return proto_bytes(text, size);
}

/* Same bytes: replay reads equal values back as separate docs, and its rows must be the same. */
bool doc_repeats(struct doc *doc, struct doc *before)
{
    if (doc == before || doc == NULL || before == NULL) {
        return doc == before;
    }
    size_t size = 0;
    size_t before_size = 0;
    const char *text = doc_text(doc, &size);
    const char *before_text = doc_text(before, &before_size);
    return size == before_size && memcmp(text, before_text, size) == 0;
}

struct doc *doc_of_proto(const ProtobufCBinaryData *bytes)
{
    return bytes->len == 0 ? NULL : doc_of_text_trusted((const char *)bytes->data, bytes->len);
}

bool proto_fixed(const ProtobufCBinaryData *bytes, void *out, size_t size)
{
    if (bytes->len != size) {
        return false;
    }
    memcpy(out, bytes->data, size);
    return true;
}

void row_append(const ProtobufCMessage *row, struct buf *out)
{
    CHECK(proto_pack(row, out, NULL) == ERR_OK);
}

enum err row_version_check(uint32_t version, const char *what, struct error *err)
{
    if (version == 0 || version > ROW_VERSION) {
        return error_set(err, ERR_FORMAT, "%s row has version %u; this program knows up to %d",
                         what, version, ROW_VERSION);
    }
    return ERR_OK;
}

enum err row_read(const ProtobufCMessageDescriptor *descriptor, struct str bytes,
                  struct arena *arena, const char *what, ProtobufCMessage **ret_row,
                  struct error *err)
{
    enum err code = proto_unpack(descriptor, bytes, &row_limits, arena, ret_row, err);
    if (code != ERR_OK) {
        error_wrap(err, "%s row", what);
        return code == ERR_NOMEM ? code
                                 : error_set(err, ERR_CORRUPT, "%s row is not readable", what);
    }
    return ERR_OK;
}

static void done_effects_pack(const struct instance *instance, Mainstay__DoneRow *row,
                              struct arena *arena)
{
    row->effects = ARENA_ARRAY(arena, Mainstay__LedgerRow *, instance->ledger_count + 1);
    CHECK(row->effects != NULL);
    for (uint32_t i = 0; i < instance->ledger_count; i++) {
        const struct ledger_entry *entry = &instance->ledger[i];
        if (entry->state == LEDGER_DONE || entry->state == LEDGER_COMPENSATED ||
            entry->state == LEDGER_KEPT) {
            continue;
        }
        Mainstay__LedgerRow *item = ARENA_NEW(arena, Mainstay__LedgerRow);
        CHECK(item != NULL);
        mainstay__ledger_row__init(item);
        item->key = proto_bytes(entry->key.bytes, ID_BYTES);
        item->agent = proto_text(entry->agent);
        row->effects[row->n_effects++] = item;
    }
}

void done_pack(const struct instance *instance, const char *name, int64_t ended_ms,
               struct arena *arena, struct buf *out)
{
    Mainstay__DoneRow row = MAINSTAY__DONE_ROW__INIT;
    row.version = ROW_VERSION;
    row.definition = proto_bytes(instance->definition.bytes, DIGEST_BYTES);
    row.status = (uint32_t)instance->status;
    row.started_ms = (uint64_t)instance->started_ms;
    row.ended_ms = (uint64_t)ended_ms;
    row.n_journal = instance->journal_count;
    row.journal = journal_differences(instance->journal, instance->journal_count, arena);
    row.trigger = proto_text(instance->trigger);
    row.name = proto_text(name);
    row.migrated = instance->migrated;
    if (instance->has_parent) {
        row.parent = proto_bytes(instance->parent.bytes, ID_BYTES);
    }
    done_effects_pack(instance, &row, arena);
    row_append(&row.base, out);
}

static enum err done_read(struct str bytes, struct arena *arena, Mainstay__DoneRow **ret_row,
                          struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__done_row__descriptor, bytes, arena, "ended instance", &message, err));
    *ret_row = (Mainstay__DoneRow *)message;
    return row_version_check((*ret_row)->version, "ended instance", err);
}

enum err done_pack_late(struct str bytes, const struct id *key, uint64_t sequence,
                        struct arena *arena, struct buf *out, struct error *err)
{
    Mainstay__DoneRow *row = NULL;
    TRY(done_read(bytes, arena, &row, err));
    size_t kept = 0;
    for (size_t i = 0; i < row->n_effects; i++) {
        struct id open = {{0}};
        (void)proto_fixed(&row->effects[i]->key, open.bytes, ID_BYTES);
        if (!id_equal(&open, key)) {
            row->effects[kept++] = row->effects[i];
        }
    }
    row->n_effects = kept;
    uint64_t *journal = ARENA_ARRAY(arena, uint64_t, row->n_journal + 1);
    CHECK(journal != NULL);
    uint64_t last = 0;
    for (size_t i = 0; i < row->n_journal; i++) {
        journal[i] = row->journal[i];
        last += row->journal[i];
    }
    row->journal = journal;
    if (last < sequence) {
        journal[row->n_journal++] = sequence - last;
        row->after_end++;
    }
    row_append(&row->base, out);
    return ERR_OK;
}

uint64_t *journal_differences(const uint64_t *sequences, size_t count, struct arena *arena)
{
    uint64_t *out = ARENA_ARRAY(arena, uint64_t, count + 1);
    CHECK(out != NULL);
    for (size_t i = 0; i < count; i++) {
        out[i] = i == 0 ? sequences[0] : sequences[i] - sequences[i - 1];
    }
    return out;
}

enum err done_unpack(struct str bytes, struct arena *arena, struct done *ret_done,
                     struct error *err)
{
    Mainstay__DoneRow *row = NULL;
    TRY(done_read(bytes, arena, &row, err));
    *ret_done = (struct done){
        .name = row->name,
        .trigger = row->trigger,
        .status = (enum instance_status)row->status,
        .started_ms = (int64_t)row->started_ms,
        .ended_ms = (int64_t)row->ended_ms,
        .migrated = row->migrated,
        .journal = row->journal,
        .journal_count = row->n_journal,
    };
    for (size_t i = 1; i < row->n_journal; i++) {
        row->journal[i] += row->journal[i - 1];
    }
    ret_done->ended =
        row->after_end < row->n_journal ? row->journal[row->n_journal - 1 - row->after_end] : 0;
    ret_done->effects = ARENA_ARRAY(arena, struct done_effect, row->n_effects + 1);
    CHECK(ret_done->effects != NULL);
    for (size_t i = 0; i < row->n_effects; i++) {
        struct done_effect *effect = &ret_done->effects[ret_done->effect_count++];
        effect->agent = row->effects[i]->agent;
        if (!proto_fixed(&row->effects[i]->key, effect->key.bytes, ID_BYTES)) {
            return error_set(err, ERR_CORRUPT, "ended instance row has an effect without a key");
        }
    }
    ret_done->has_parent = proto_fixed(&row->parent, ret_done->parent.bytes, ID_BYTES);
    if (!proto_fixed(&row->definition, ret_done->definition.bytes, DIGEST_BYTES)) {
        return error_set(err, ERR_CORRUPT, "ended instance row names no definition");
    }
    return ERR_OK;
}

void store_pack(const struct store *store, struct buf *out)
{
    Mainstay__StoreRow row = MAINSTAY__STORE_ROW__INIT;
    row.version = ROW_VERSION;
    row.store_id = proto_bytes(store->store_id.bytes, ID_BYTES);
    row.session = proto_bytes(store->session.bytes, ID_BYTES);
    row.contract_version = proto_text(store->contract->version);
    row.contract_digest = proto_bytes(store->contract->digest.bytes, DIGEST_BYTES);
    row.capacity = store->capacity;
    row.state = (uint32_t)store->state;
    row.since_ms = (uint64_t)store->since_ms;
    row.program = proto_text(store->program);
    row.pid = store->pid;
    row.metrics_url = proto_text(store->metrics_url);
    row_append(&row.base, out);
}

enum err store_unpack(struct str bytes, struct arena *arena, struct store *ret_store,
                      const char **ret_contract_version, struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__store_row__descriptor, bytes, arena, "store", &message, err));
    const Mainstay__StoreRow *row = (const Mainstay__StoreRow *)message;
    TRY(row_version_check(row->version, "store", err));
    *ret_store = (struct store){
        .capacity = row->capacity,
        .state = (enum store_state)row->state,
        .since_ms = (int64_t)row->since_ms,
        .program = row->program,
        .pid = row->pid,
        .metrics_url = row->metrics_url,
    };
    *ret_contract_version = row->contract_version;
    if (!proto_fixed(&row->store_id, ret_store->store_id.bytes, ID_BYTES) ||
        !proto_fixed(&row->session, ret_store->session.bytes, ID_BYTES)) {
        return error_set(err, ERR_CORRUPT, "store row has no id");
    }
    return ERR_OK;
}

void gate_pack(const struct gate *gate, struct arena *arena, struct buf *out)
{
    Mainstay__GateRow row = MAINSTAY__GATE_ROW__INIT;
    row.version = ROW_VERSION;
    row.kind = (uint32_t)gate->kind;
    row.instance = proto_bytes(gate->instance.bytes, ID_BYTES);
    row.frame = gate->frame;
    row.revision = gate->revision;
    row.digest = proto_bytes(gate->digest.bytes, DIGEST_BYTES);
    row.opened_ms = (uint64_t)gate->opened_ms;
    row.expires_ms = (uint64_t)gate->expires_ms;
    row.step = proto_text(gate->step);
    row.proposal = proto_doc(gate->proposal);
    row.ask = proto_doc(gate->ask);
    row.failure = failure_to_proto(&gate->failure, arena);
    row.agent = proto_text(gate->agent);
    row.action = proto_text(gate->action);
    row.scope = proto_text(gate->scope);
    row.phase = (Mainstay__Phase)gate->phase;
    row.probing = gate->probing;
    row.probe = gate->probe;
    row_append(&row.base, out);
}

enum err gate_unpack(struct str bytes, const struct id *id, struct arena *arena,
                     struct gate **ret_gate, struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__gate_row__descriptor, bytes, arena, "gate", &message, err));
    const Mainstay__GateRow *row = (const Mainstay__GateRow *)message;
    TRY(row_version_check(row->version, "gate", err));
    struct gate *gate = calloc(1, sizeof(*gate));
    CHECK(gate != NULL);
    gate->id = *id;
    gate->kind = (enum gate_kind)row->kind;
    gate->frame = row->frame;
    gate->revision = row->revision;
    gate->opened_ms = (int64_t)row->opened_ms;
    gate->expires_ms = (int64_t)row->expires_ms;
    gate->step = strdup(row->step);
    CHECK(gate->step != NULL);
    gate->proposal = doc_of_proto(&row->proposal);
    gate->ask = doc_of_proto(&row->ask);
    if (row->agent[0] != '\0' || gate->kind == GATE_BUDGET) { /* a circuit */
        gate->agent = strdup(row->agent);
        gate->action = strdup(row->action);
        gate->scope = strdup(row->scope);
        CHECK(gate->agent != NULL);
        CHECK(gate->action != NULL);
        CHECK(gate->scope != NULL);
    }
    gate->phase = (enum phase)row->phase;
    gate->probing = row->probing != 0;
    gate->probe = row->probe;
    const struct failure *failure = failure_of_proto(row->failure, arena);
    failure_copy(&gate->failure, failure);
    struct doc *correction = failure->correction;
    doc_unref(&correction);
    if (!proto_fixed(&row->instance, gate->instance.bytes, ID_BYTES) ||
        !proto_fixed(&row->digest, gate->digest.bytes, DIGEST_BYTES)) {
        gate_destroy(gate);
        return error_set(err, ERR_CORRUPT, "gate row names no instance");
    }
    *ret_gate = gate;
    return ERR_OK;
}

void definition_pack(const struct definition *definition, struct buf *out)
{
    Mainstay__DefinitionRow row = MAINSTAY__DEFINITION_ROW__INIT;
    row.version = ROW_VERSION;
    row.text = proto_bytes(definition->text, strlen(definition->text));
    row.deployed_ms = (uint64_t)definition->deployed_ms;
    row.file = proto_text(definition->file);
    row.retired = definition->retired_ms != 0;
    row.retired_ms = (uint64_t)definition->retired_ms;
    row.retired_reason = proto_text(definition->retired_reason);
    row_append(&row.base, out);
}

enum err definition_unpack(struct str bytes, struct arena *arena, struct definition_row *ret_row,
                           struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__definition_row__descriptor, bytes, arena, "definition", &message, err));
    const Mainstay__DefinitionRow *row = (const Mainstay__DefinitionRow *)message;
    TRY(row_version_check(row->version, "definition", err));
    const char *text = arena_dup(arena, row->text.data, row->text.len);
    CHECK(text != NULL);
    *ret_row = (struct definition_row){
        .text = text,
        .file = row->file,
        .deployed_ms = (int64_t)row->deployed_ms,
        .retired_ms = (int64_t)row->retired_ms,
        .retired_reason = row->retired_reason[0] == '\0' ? NULL : row->retired_reason,
    };
    return ERR_OK;
}

void open_count_pack(const struct open_count *open, struct buf *out)
{
    Mainstay__OpenCountRow row = MAINSTAY__OPEN_COUNT_ROW__INIT;
    row.version = ROW_VERSION;
    row.running = open->running;
    row.waiting = open->waiting;
    row.suspended = open->suspended;
    row_append(&row.base, out);
}

enum err open_count_unpack(struct str bytes, struct arena *arena, struct open_count *ret_open,
                           struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__open_count_row__descriptor, bytes, arena, "open count", &message, err));
    const Mainstay__OpenCountRow *row = (const Mainstay__OpenCountRow *)message;
    TRY(row_version_check(row->version, "open count", err));
    *ret_open = (struct open_count){
        .running = row->running, .waiting = row->waiting, .suspended = row->suspended};
    return ERR_OK;
}

void contract_pack(const struct contract *contract, int64_t now_ms, struct buf *out)
{
    struct buf text = BUF_INIT(row_limits.bytes);
    json_write(contract->document, &text);
    CHECK(!text.failed);
    Mainstay__ContractRow row = MAINSTAY__CONTRACT_ROW__INIT;
    row.version = ROW_VERSION;
    row.document = proto_bytes(text.data, text.size);
    row.digest = proto_bytes(contract->digest.bytes, DIGEST_BYTES);
    row.published_ms = (uint64_t)now_ms;
    row_append(&row.base, out);
    buf_release(&text);
}

enum err contract_unpack(struct str bytes, struct arena *arena, struct contract **ret_contract,
                         struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__contract_row__descriptor, bytes, arena, "contract", &message, err));
    const Mainstay__ContractRow *row = (const Mainstay__ContractRow *)message;
    TRY(row_version_check(row->version, "contract", err));
    json_t *document = NULL;
    TRY(json_parse((const char *)row->document.data, row->document.len, NULL, &document, err));
    enum err code = contract_parse(document, ret_contract, err);
    json_decref(document);
    return code;
}

void schedule_pack(const struct schedule *schedule, struct buf *out)
{
    Mainstay__ScheduleRow row = MAINSTAY__SCHEDULE_ROW__INIT;
    row.version = ROW_VERSION;
    row.definition = proto_bytes(schedule->definition.bytes, DIGEST_BYTES);
    row.due_ms = (uint64_t)schedule->due_ms;
    if (schedule->due_ms == 0) {
        row.running = proto_bytes(schedule->running.bytes, ID_BYTES);
    }
    row_append(&row.base, out);
}

enum err schedule_unpack(struct str bytes, struct arena *arena, struct schedule *ret_schedule,
                         struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__schedule_row__descriptor, bytes, arena, "schedule", &message, err));
    const Mainstay__ScheduleRow *row = (const Mainstay__ScheduleRow *)message;
    TRY(row_version_check(row->version, "schedule", err));
    *ret_schedule = (struct schedule){.due_ms = (int64_t)row->due_ms};
    bool whole =
        proto_fixed(&row->definition, ret_schedule->definition.bytes, DIGEST_BYTES) &&
        (row->due_ms != 0 || proto_fixed(&row->running, ret_schedule->running.bytes, ID_BYTES));
    return whole ? ERR_OK : error_set(err, ERR_CORRUPT, "schedule row does not hold together");
}

void claim_pack(const struct claim *claim, struct buf *out)
{
    Mainstay__ClaimRow row = MAINSTAY__CLAIM_ROW__INIT;
    row.version = ROW_VERSION;
    row.instance = proto_bytes(claim->instance.bytes, ID_BYTES);
    row.frame = claim->frame;
    row.since_ms = (uint64_t)claim->since_ms;
    row.held_ms = (uint64_t)claim->held_ms;
    row.until_ms = (uint64_t)claim->until_ms;
    row_append(&row.base, out);
}

enum err claim_unpack(struct str bytes, struct arena *arena, struct claim *ret_claim,
                      struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__claim_row__descriptor, bytes, arena, "claim", &message, err));
    const Mainstay__ClaimRow *row = (const Mainstay__ClaimRow *)message;
    *ret_claim = (struct claim){.frame = row->frame,
                                .since_ms = (int64_t)row->since_ms,
                                .held_ms = (int64_t)row->held_ms,
                                .until_ms = (int64_t)row->until_ms};
    if (!proto_fixed(&row->instance, ret_claim->instance.bytes, ID_BYTES) ||
        (row->held_ms == 0) != (row->until_ms == 0)) {
        return error_set(err, ERR_CORRUPT, "a claim is not one");
    }
    return row_version_check(row->version, "claim", err);
}

void account_pack(const struct account *account, struct buf *out)
{
    Mainstay__AccountRow row = MAINSTAY__ACCOUNT_ROW__INIT;
    row.version = ROW_VERSION;
    row.currency = proto_text(account->currency);
    row.day_ms = (uint64_t)account->day_ms;
    row.capped = account->capped;
    row.cap = (uint64_t)account->cap;
    row.spent = (uint64_t)account->spent;
    row.reserved = (uint64_t)account->reserved;
    row.allowed = (uint64_t)account->allowed;
    row.over = (uint64_t)account->over;
    row_append(&row.base, out);
}

enum err account_unpack(struct str bytes, struct arena *arena, struct account *ret_account,
                        struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__account_row__descriptor, bytes, arena, "account", &message, err));
    const Mainstay__AccountRow *row = (const Mainstay__AccountRow *)message;
    *ret_account = (struct account){.day_ms = (int64_t)row->day_ms,
                                    .capped = row->capped,
                                    .cap = (int64_t)row->cap,
                                    .spent = (int64_t)row->spent,
                                    .reserved = (int64_t)row->reserved,
                                    .allowed = (int64_t)row->allowed,
                                    .over = (int64_t)row->over};
    bool sums = ret_account->day_ms >= 0 && ret_account->cap >= 0 && ret_account->spent >= 0 &&
                ret_account->reserved >= 0 && ret_account->allowed >= 0 && ret_account->over >= 0;
    if (!sums || !text_copy(ret_account->currency, sizeof(ret_account->currency), row->currency)) {
        return error_set(err, ERR_CORRUPT, "an account is not one");
    }
    return row_version_check(row->version, "account", err);
}

void rate_pack(const struct rate *rate, struct buf *out)
{
    Mainstay__RateRow row = MAINSTAY__RATE_ROW__INIT;
    row.version = ROW_VERSION;
    row.full_us = (uint64_t)rate->full_us;
    row_append(&row.base, out);
}

enum err rate_unpack(struct str bytes, struct arena *arena, struct rate *ret_rate,
                     struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__rate_row__descriptor, bytes, arena, "rate", &message, err));
    const Mainstay__RateRow *row = (const Mainstay__RateRow *)message;
    *ret_rate = (struct rate){.full_us = (int64_t)row->full_us};
    return row_version_check(row->version, "rate", err);
}

void zone_pack(const struct time_zone *zone, struct buf *out)
{
    Mainstay__ZoneRow row = MAINSTAY__ZONE_ROW__INIT;
    row.version = ROW_VERSION;
    row.rules = proto_bytes(zone->bytes, zone->size);
    row_append(&row.base, out);
}

enum err zone_unpack(struct str bytes, struct arena *arena, struct str *ret_rules,
                     struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__zone_row__descriptor, bytes, arena, "time zone", &message, err));
    const Mainstay__ZoneRow *row = (const Mainstay__ZoneRow *)message;
    TRY(row_version_check(row->version, "time zone", err));
    *ret_rules = (struct str){.data = (const char *)row->rules.data, .size = row->rules.len};
    return ERR_OK;
}

void policy_pack(const char *file, const char *text, int64_t now_ms, struct buf *out)
{
    Mainstay__PolicyRow row = MAINSTAY__POLICY_ROW__INIT;
    row.version = ROW_VERSION;
    row.file = proto_text(file);
    row.text = proto_bytes(text, strlen(text));
    row.set_ms = (uint64_t)now_ms;
    row_append(&row.base, out);
}

enum err policy_unpack(struct str bytes, struct arena *arena, struct str *ret_text,
                       struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__policy_row__descriptor, bytes, arena, "policy", &message, err));
    const Mainstay__PolicyRow *row = (const Mainstay__PolicyRow *)message;
    TRY(row_version_check(row->version, "policy", err));
    *ret_text = (struct str){.data = (const char *)row->text.data, .size = row->text.len};
    return ERR_OK;
}

void buffered_pack(struct doc *envelope, int64_t now_ms, int64_t expires_ms, struct buf *out)
{
    Mainstay__EventRow row = MAINSTAY__EVENT_ROW__INIT;
    row.version = ROW_VERSION;
    row.attributes = proto_doc(envelope);
    row.accepted_ms = (uint64_t)now_ms;
    row.expires_ms = (uint64_t)expires_ms;
    row_append(&row.base, out);
}

enum err buffered_unpack(struct str bytes, struct arena *arena, struct doc **ret_envelope,
                         int64_t *ret_expires_ms, struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__event_row__descriptor, bytes, arena, "event", &message, err));
    const Mainstay__EventRow *row = (const Mainstay__EventRow *)message;
    TRY(row_version_check(row->version, "event", err));
    *ret_envelope = doc_of_proto(&row->attributes);
    *ret_expires_ms = (int64_t)row->expires_ms;
    return *ret_envelope != NULL ? ERR_OK : error_set(err, ERR_CORRUPT, "event row is empty");
}

void dead_letter_pack(const struct dead_letter *letter, struct buf *out)
{
    Mainstay__DeadLetterRow row = MAINSTAY__DEAD_LETTER_ROW__INIT;
    row.version = ROW_VERSION;
    row.source = proto_text(letter->source);
    row.subject = proto_text(letter->subject);
    row.reason = proto_text(letter->reason);
    row.advice = proto_text(letter->advice);
    row.headers = proto_bytes(letter->headers.data, letter->headers.size);
    row.body = proto_bytes(letter->body.data, letter->body.size);
    row.size = letter->size;
    row.at_ms = (uint64_t)letter->at_ms;
    row.replayed = letter->replayed;
    row_append(&row.base, out);
}

enum err dead_letter_unpack(struct str bytes, struct arena *arena, struct dead_letter *ret_letter,
                            struct error *err)
{
    ProtobufCMessage *message = NULL;
    TRY(row_read(&mainstay__dead_letter_row__descriptor, bytes, arena, "dead letter", &message,
                 err));
    const Mainstay__DeadLetterRow *row = (const Mainstay__DeadLetterRow *)message;
    TRY(row_version_check(row->version, "dead letter", err));
    *ret_letter = (struct dead_letter){
        .source = row->source,
        .subject = row->subject,
        .reason = row->reason,
        .advice = row->advice,
        .headers = {.data = (const char *)row->headers.data, .size = row->headers.len},
        .body = {.data = (const char *)row->body.data, .size = row->body.len},
        .size = row->size,
        .at_ms = (int64_t)row->at_ms,
        .replayed = row->replayed,
    };
    return ERR_OK;
}
