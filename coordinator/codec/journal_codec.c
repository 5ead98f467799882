#include "coordinator/codec/journal_codec.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/json/doc.h"
#include "coordinator/codec/codec_private.h"
#include "coordinator/codec/outcome_codec.h"
#include "coordinator/definition/plan.h"
#include "proto/journal.pb-c.h"

enum {
    BATCH_VERSION = 1,
    HASH_FIELD_BYTES = 2 + DIGEST_BYTES, /* tag, length, digest: the last bytes of a batch */
    HASH_TAG = 15 << 3 | 2,
    VALUES_BYTES_MAX = 16 * LIMIT_DOCUMENT_BYTES,
    BATCH_BYTES_MAX = 128 * 1024 * 1024,
};

static const struct proto_limits batch_limits = {
    .bytes = BATCH_BYTES_MAX, .depth = 6, .messages = 2000000, .fields = 40000000};

/* Facts about the company that stay readable without any key. */
static bool event_is_open(const struct event *event)
{
    return event->kind == EVENT_DEFINITION_DEPLOYED || event->kind == EVENT_DEFINITION_RETIRED ||
           event->kind == EVENT_CONTRACT_PUBLISHED || event->kind == EVENT_STORE_HELLO ||
           event->kind == EVENT_STORE_LEFT || event->kind == EVENT_ACCEPTED ||
           event->kind == EVENT_ZONE_SET || event->kind == EVENT_PROGRAM_STARTED;
}

static struct id event_owner(const struct event *event)
{
    struct id company = {{0}};
    if (event->has_instance) {
        return event->instance;
    }
    return event->kind == EVENT_BUFFERED ? event->key : company;
}

_Static_assert(8 + 4 + JOURNAL_SALT_BYTES == CRYPTO_NONCE_BYTES, "sequence, index, salt");

static void nonce_of(const struct journal_batch *batch, uint32_t index,
                     uint8_t nonce[CRYPTO_NONCE_BYTES])
{
    for (unsigned i = 0; i < 8; i++) {
        nonce[i] = (uint8_t)(batch->sequence >> (56 - 8 * i));
    }
    for (unsigned i = 0; i < 4; i++) {
        nonce[8 + i] = (uint8_t)(index >> (24 - 8 * i));
    }
    memcpy(nonce + 12, batch->salt, JOURNAL_SALT_BYTES);
}

/* Whether the digest is of a case value: those go inside the seal. */
static bool digest_is_sealed(const struct event *event)
{
    return event->kind == EVENT_STEP_STARTED || event->kind == EVENT_GATE_OPENED ||
           event->kind == EVENT_GATE_DECIDED;
}

static void values_fill(const struct event *event, struct arena *arena,
                        Mainstay__JournalValues *values)
{
    mainstay__journal_values__init(values);
    values->input = proto_doc(event->input);
    values->repeats = event->output != NULL && doc_repeats(event->output, event->input);
    values->output = values->repeats ? proto_doc(NULL) : proto_doc(event->output);
    values->context = proto_doc(event->context);
    values->error = proto_doc(event->error);
    values->value = proto_doc(event->value);
    values->raw = proto_bytes(event->raw.data, event->raw.size);
    values->text = proto_text(event->text);
    values->person = proto_text(event->person);
    values->source = proto_text(event->source);
    values->id = proto_text(event->id);
    if (event->decision != NULL) {
        values->decision = decision_to_proto(event->decision, arena);
    }
    if (event->failure != NULL) {
        values->failure = failure_to_proto(event->failure, arena);
    }
    if (event->has_digest && digest_is_sealed(event)) {
        values->digest = proto_bytes(event->digest.bytes, DIGEST_BYTES);
    }
}

static void event_seal(const struct event *event, const struct journal_batch *batch, uint32_t index,
                       const struct keyring *keys, struct arena *arena, Mainstay__JournalEvent *out)
{
    Mainstay__JournalValues *values = ARENA_NEW(arena, Mainstay__JournalValues);
    CHECK(values != NULL);
    values_fill(event, arena, values);
    size_t size = protobuf_c_message_get_packed_size(&values->base);
    if (size == 0) {
        return;
    }
    if (event_is_open(event)) {
        out->open = values;
        return;
    }
    CHECK(size <= VALUES_BYTES_MAX);
    uint8_t *bytes = arena_alloc(arena, size + CRYPTO_TAG_BYTES);
    CHECK(bytes != NULL);
    CHECK(protobuf_c_message_pack(&values->base, bytes) == size);
    struct id owner = event_owner(event);
    uint8_t key[CRYPTO_KEY_BYTES];
    uint8_t nonce[CRYPTO_NONCE_BYTES];
    keys->key_make(keys->user, &owner, key);
    nonce_of(batch, index, nonce);
    struct str associated = {.data = (const char *)owner.bytes, .size = sizeof(owner.bytes)};
    crypto_seal_bytes(key, nonce, associated, bytes, size);
    out->sealed = proto_bytes(bytes, size + CRYPTO_TAG_BYTES);
    crypto_wipe(key, sizeof(key));
}

static void event_fill(const struct event *event, Mainstay__JournalEvent *out)
{
    mainstay__journal_event__init(out);
    out->kind = (uint32_t)event->kind;
    out->version = event->version;
    if (event->has_instance) {
        out->instance = proto_bytes(event->instance.bytes, sizeof(event->instance.bytes));
    }
    out->frame = event->frame;
    out->parent = event->parent;
    out->node = event->node == PLAN_NONE ? 0 : event->node + 1;
    out->path = proto_text(event->path);
    out->activation = event->activation;
    out->attempt = event->attempt;
    out->phase = (Mainstay__Phase)event->phase;
    out->agent = proto_text(event->agent);
    out->store = proto_text(event->store);
    out->action = proto_text(event->action);
    if (event->has_key) {
        out->key = proto_bytes(event->key.bytes, sizeof(event->key.bytes));
    }
    if (event->has_digest && !digest_is_sealed(event)) {
        out->digest = proto_bytes(event->digest.bytes, DIGEST_BYTES);
    }
    out->at_ms = (uint64_t)event->at_ms;
    out->status = event->status;
    out->next_node = event->next_node == PLAN_NONE ? 0 : event->next_node + 1;
    out->flow = (uint32_t)event->flow;
    out->count = event->count;
    out->effect = event->effect;
    out->duration_us = event->duration_us;
    out->name = proto_text(event->name);
    out->traceparent = proto_text(event->traceparent);
}

static struct digest chain_hash(const struct digest *previous, struct str body)
{
    static const uint8_t leaf = 0;
    struct crypto_sha256_state state;
    crypto_sha256_init(&state);
    crypto_sha256_update(&state, &leaf, 1);
    crypto_sha256_update(&state, previous->bytes, DIGEST_BYTES);
    crypto_sha256_update(&state, body.data, body.size);
    return crypto_sha256_final(&state);
}

void journal_encode(struct journal_batch *batch, const struct keyring *keys, struct arena *arena,
                    struct buf *out)
{
    CHECK(batch->event_count > 0 && batch->sequence > 0);
    Mainstay__JournalBatch proto = MAINSTAY__JOURNAL_BATCH__INIT;
    proto.version = BATCH_VERSION;
    proto.sequence = batch->sequence;
    proto.now_ms = (uint64_t)batch->now_ms;
    proto.previous = proto_bytes(batch->previous.bytes, DIGEST_BYTES);
    proto.salt = proto_bytes(batch->salt, JOURNAL_SALT_BYTES);
    proto.n_events = batch->event_count;
    proto.events = ARENA_ARRAY(arena, Mainstay__JournalEvent *, batch->event_count);
    Mainstay__JournalEvent *events = ARENA_ARRAY(arena, Mainstay__JournalEvent, batch->event_count);
    CHECK(proto.events != NULL);
    CHECK(events != NULL);
    for (size_t i = 0; i < batch->event_count; i++) {
        proto.events[i] = &events[i];
        event_fill(&batch->events[i], &events[i]);
        event_seal(&batch->events[i], batch, (uint32_t)i, keys, arena, &events[i]);
    }
    size_t start = out->size;
    CHECK(proto_pack(&proto.base, out, NULL) == ERR_OK);
    batch->hash = chain_hash(&batch->previous,
                             (struct str){.data = out->data + start, .size = out->size - start});
    buf_append_byte(out, HASH_TAG);
    buf_append_byte(out, DIGEST_BYTES);
    buf_append(out, batch->hash.bytes, DIGEST_BYTES);
    CHECK(!out->failed);
}

static enum err batch_unpack(struct str bytes, struct arena *arena,
                             Mainstay__JournalBatch **ret_proto, struct journal_batch *batch,
                             struct error *err)
{
    ProtobufCMessage *message = NULL;
    enum err code = proto_unpack(&mainstay__journal_batch__descriptor, bytes, &batch_limits, arena,
                                 &message, err);
    if (code != ERR_OK) {
        return error_set(err, ERR_CORRUPT, "a journal batch is not readable");
    }
    Mainstay__JournalBatch *proto = (Mainstay__JournalBatch *)message;
    if (proto->version != BATCH_VERSION) {
        return error_set(err, ERR_FORMAT, "journal batch %llu has version %u of a newer program",
                         (unsigned long long)proto->sequence, proto->version);
    }
    if (proto->hash.len != DIGEST_BYTES || proto->previous.len != DIGEST_BYTES ||
        proto->salt.len != JOURNAL_SALT_BYTES || bytes.size < HASH_FIELD_BYTES) {
        return error_set(err, ERR_CORRUPT, "journal batch %llu has no hash",
                         (unsigned long long)proto->sequence);
    }
    *batch = (struct journal_batch){.sequence = proto->sequence, .now_ms = (int64_t)proto->now_ms};
    memcpy(batch->hash.bytes, proto->hash.data, DIGEST_BYTES);
    memcpy(batch->salt, proto->salt.data, JOURNAL_SALT_BYTES);
    memcpy(batch->previous.bytes, proto->previous.data, DIGEST_BYTES);
    struct digest hash = chain_hash(
        &batch->previous, (struct str){.data = bytes.data, .size = bytes.size - HASH_FIELD_BYTES});
    if (!digest_equal(&hash, &batch->hash)) {
        return error_set(err, ERR_CORRUPT, "journal batch %llu does not match its hash",
                         (unsigned long long)proto->sequence);
    }
    *ret_proto = proto;
    return ERR_OK;
}

enum err journal_peek(struct str bytes, struct arena *arena, struct journal_batch *ret_batch,
                      struct error *err)
{
    Mainstay__JournalBatch *proto = NULL;
    enum err code = batch_unpack(bytes, arena, &proto, ret_batch, err);
    if (code == ERR_OK) {
        CHECK(proto != NULL);
        ret_batch->event_count = proto->n_events;
    }
    return code;
}

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void values_read(const Mainstay__JournalValues *values, struct arena *arena,
                        struct event *event)
{
    event->input = doc_of_proto(&values->input);
    event->output = values->repeats && event->input != NULL ? doc_ref(event->input)
                                                            : doc_of_proto(&values->output);
    event->context = doc_of_proto(&values->context);
    event->error = doc_of_proto(&values->error);
    event->value = doc_of_proto(&values->value);
    event->raw = (struct str){.data = (const char *)values->raw.data, .size = values->raw.len};
    event->text = text_or_null(values->text);
    event->person = text_or_null(values->person);
    event->source = text_or_null(values->source);
    event->id = text_or_null(values->id);
    if (values->decision != NULL) {
        event->decision = decision_of_proto(values->decision, arena);
    }
    if (values->failure != NULL) {
        event->failure = failure_of_proto(values->failure, arena);
    }
    if (values->digest.len == DIGEST_BYTES) {
        event->has_digest = true;
        memcpy(event->digest.bytes, values->digest.data, DIGEST_BYTES);
    }
}

static enum err event_open(const Mainstay__JournalEvent *proto, const struct journal_batch *batch,
                           uint32_t index, const struct keyring *keys, struct arena *arena,
                           struct event *event, struct error *err)
{
    struct id owner = event_owner(event);
    uint8_t key[CRYPTO_KEY_BYTES];
    uint8_t nonce[CRYPTO_NONCE_BYTES];
    if (!keys->key_find(keys->user, &owner, key)) {
        batch->erased[index] = true;
        return ERR_OK;
    }
    nonce_of(batch, index, nonce);
    struct buf plain = BUF_INIT(VALUES_BYTES_MAX);
    struct str associated = {.data = (const char *)owner.bytes, .size = sizeof(owner.bytes)};
    enum err code = crypto_open(
        key, nonce, associated,
        (struct str){.data = (const char *)proto->sealed.data, .size = proto->sealed.len}, &plain,
        err);
    ProtobufCMessage *message = NULL;
    if (code == ERR_OK) {
        code = proto_unpack(&mainstay__journal_values__descriptor,
                            (struct str){.data = plain.data, .size = plain.size}, &batch_limits,
                            arena, &message, err);
    }
    crypto_wipe(key, sizeof(key));
    buf_release(&plain);
    if (code != ERR_OK) {
        return error_set(err, ERR_CORRUPT, "journal batch %llu, event %u: the seal is broken",
                         (unsigned long long)batch->sequence, index);
    }
    values_read((const Mainstay__JournalValues *)message, arena, event);
    return ERR_OK;
}

static void event_read(const Mainstay__JournalEvent *proto, struct event *event)
{
    *event = (struct event){
        .kind = (enum event_kind)proto->kind,
        .version = proto->version,
        .frame = proto->frame,
        .parent = proto->parent,
        .node = proto->node == 0 ? PLAN_NONE : proto->node - 1,
        .path = proto->path,
        .activation = proto->activation,
        .attempt = proto->attempt,
        .phase = (enum phase)proto->phase,
        .agent = text_or_null(proto->agent),
        .store = text_or_null(proto->store),
        .action = text_or_null(proto->action),
        .at_ms = (int64_t)proto->at_ms,
        .status = proto->status,
        .next_node = proto->next_node == 0 ? PLAN_NONE : proto->next_node - 1,
        .flow = (enum walk)proto->flow,
        .count = proto->count,
        .effect = proto->effect,
        .duration_us = proto->duration_us,
        .name = text_or_null(proto->name),
        .traceparent = text_or_null(proto->traceparent),
    };
    event->has_instance = proto_fixed(&proto->instance, event->instance.bytes, ID_BYTES);
    event->has_key = proto_fixed(&proto->key, event->key.bytes, ID_BYTES);
    if (proto->digest.len == DIGEST_BYTES) {
        event->has_digest = true;
        memcpy(event->digest.bytes, proto->digest.data, DIGEST_BYTES);
    }
}

/* `only` NULL: every event with its values. */
static enum err event_decode(const Mainstay__JournalEvent *proto, const struct journal_batch *batch,
                             uint32_t index, const struct id *only, const struct keyring *keys,
                             struct arena *arena, struct error *err)
{
    uint32_t known = event_kind_version(proto->kind);
    if (known == 0 || proto->version > known) {
        return error_set(err, ERR_FORMAT,
                         "journal batch %llu, event %u: kind %u version %u is of a newer program",
                         (unsigned long long)batch->sequence, index, proto->kind, proto->version);
    }
    struct event *event = &batch->events[index];
    event_read(proto, event);
    if (only != NULL && !(event->has_instance && id_equal(&event->instance, only))) {
        return ERR_OK;
    }
    if (proto->open != NULL) {
        values_read(proto->open, arena, event);
    } else if (proto->sealed.len > 0) {
        return event_open(proto, batch, index, keys, arena, event, err);
    }
    return ERR_OK;
}

static enum err batch_decode(const struct id *only, struct str bytes, const struct keyring *keys,
                             struct arena *arena, struct journal_batch *ret_batch,
                             struct error *err)
{
    Mainstay__JournalBatch *proto = NULL;
    enum err code = batch_unpack(bytes, arena, &proto, ret_batch, err);
    if (code != ERR_OK) {
        return code;
    }
    CHECK(proto != NULL);
    size_t count = proto->n_events;
    ret_batch->events = ARENA_ARRAY(arena, struct event, count + 1);
    ret_batch->erased = ARENA_ARRAY(arena, bool, count + 1);
    if (ret_batch->events == NULL || ret_batch->erased == NULL) {
        return error_set(err, ERR_NOMEM, "no memory to read journal batch %llu",
                         (unsigned long long)ret_batch->sequence);
    }
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        ret_batch->event_count = i + 1;
        code = event_decode(proto->events[i], ret_batch, (uint32_t)i, only, keys, arena, err);
    }
    if (code != ERR_OK) {
        journal_release(ret_batch);
    }
    return code;
}

enum err journal_decode(struct str bytes, const struct keyring *keys, struct arena *arena,
                        struct journal_batch *ret_batch, struct error *err)
{
    return batch_decode(NULL, bytes, keys, arena, ret_batch, err);
}

enum err journal_decode_of(const struct id *instance, struct str bytes, const struct keyring *keys,
                           struct arena *arena, struct journal_batch *ret_batch, struct error *err)
{
    return batch_decode(instance, bytes, keys, arena, ret_batch, err);
}

void journal_release(struct journal_batch *batch)
{
    for (size_t i = 0; i < batch->event_count; i++) {
        struct event *event = &batch->events[i];
        doc_unref(&event->input);
        doc_unref(&event->output);
        doc_unref(&event->context);
        doc_unref(&event->error);
        doc_unref(&event->value);
        if (event->decision != NULL) {
            struct doc *explanation = event->decision->explanation;
            doc_unref(&explanation);
        }
        if (event->failure != NULL) {
            struct doc *correction = event->failure->correction;
            doc_unref(&correction);
        }
    }
    batch->event_count = 0;
}
