/*
 * From committed turns onto the bus: one TaskBatch per store, emitted events, questions to
 * mainstay-jq.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/fault_point.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/json/doc.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "coordinator/definition/plan.h"
#include "coordinator/edge/blobs.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/tables/tables.h"
#include "proto/task.pb-c.h"

enum {
    BATCH_VERSION = 1,
    BATCH_BYTES = 384 * 1024,      /* payload of one message; the limit is LIMIT_MESSAGE_BYTES */
    HELD_BYTES = 16 * 1024 * 1024, /* of values that wait for the end of the turn */
    OUTBOX_ARENA_BYTES = 256 * 1024 * 1024,
};

/* What is collected for one store. */
struct parcel {
    char agent[SUBJECT_TOKEN_BYTES];
    char store[SUBJECT_TOKEN_BYTES];
    Mainstay__Task **tasks;
    size_t task_count;
    ProtobufCBinaryData *settled;
    size_t settled_count;
    Mainstay__Recall **recalls;
    size_t recall_count;
    size_t bytes;
    struct parcel *next;
};

struct outbox {
    struct edge *edge;
    struct arena *arena;
    struct parcel *parcels;
    size_t held; /* bytes of values in the parcels */
    struct buf bytes;
    uint64_t token;
    atomic_uint_fast64_t acked; /* of the publications up to the token */
};

struct outbox *outbox_create(struct edge *edge)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    CHECK(outbox != NULL);
    outbox->edge = edge;
    outbox->arena = arena_create(OUTBOX_ARENA_BYTES);
    CHECK(outbox->arena != NULL);
    buf_init(&outbox->bytes, LIMIT_MESSAGE_BYTES);
    return outbox;
}

void outbox_destroy(struct outbox **outbox)
{
    if (*outbox == NULL) {
        return;
    }
    arena_destroy(&(*outbox)->arena);
    buf_release(&(*outbox)->bytes);
    free(*outbox);
    *outbox = NULL;
}

static void *outbox_alloc(struct outbox *outbox, size_t size)
{
    void *memory = arena_alloc(outbox->arena, size);
    CHECK(memory != NULL);
    return memory;
}

static char *outbox_text(struct outbox *outbox, const char *text)
{
    char *copy = arena_strdup(outbox->arena, text == NULL ? "" : text);
    CHECK(copy != NULL);
    return copy;
}

static ProtobufCBinaryData outbox_bytes(struct outbox *outbox, const void *data, size_t size)
{
    char *copy = arena_dup(outbox->arena, data, size);
    CHECK(copy != NULL);
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)copy};
}

static void parcel_send(struct outbox *outbox, struct parcel *parcel)
{
    Mainstay__TaskBatch batch = MAINSTAY__TASK_BATCH__INIT;
    batch.version = BATCH_VERSION;
    batch.epoch = tables_epoch(turn_tables(outbox->edge->turn));
    const struct store *store = company_store(engine_company(turn_engine(outbox->edge->turn)),
                                              parcel->agent, parcel->store);
    if (store != NULL) {
        batch.store_id = (ProtobufCBinaryData){.len = ID_BYTES,
                                               .data = (uint8_t *)(uintptr_t)store->store_id.bytes};
    }
    batch.n_tasks = parcel->task_count;
    batch.tasks = parcel->tasks;
    batch.n_settled = parcel->settled_count;
    batch.settled = parcel->settled;
    batch.n_recalls = parcel->recall_count;
    batch.recalls = parcel->recalls;
    char subject[SUBJECT_BYTES];
    CHECK(subject_task(parcel->agent, parcel->store, subject));
    buf_clear(&outbox->bytes);
    struct error err = {0};
    enum err code = proto_pack(&batch.base, &outbox->bytes, &err);
    FAULT_POINT("task-before-publish");
    if (code == ERR_OK) {
        struct bus_publication publication = {
            .subject = subject, .body = outbox->bytes.data, .size = outbox->bytes.size};
        outbox->edge->task_bytes_since_trim += publication.size;
        code = bus_publish_tracked(outbox->edge->bus, &publication, ++outbox->token, &err);
    }
    if (code != ERR_OK) {
        log_debug("tasks for %s/%s not sent now: %s", parcel->agent, parcel->store, err.message);
        outbox_acked(outbox->edge, outbox->token, false, err.message);
    }
    FAULT_POINT("task-published");
    parcel->task_count = 0;
    parcel->settled_count = 0;
    parcel->recall_count = 0;
    parcel->bytes = 0;
}

static struct parcel *parcel_of(struct outbox *outbox, const char *agent, const char *store)
{
    for (struct parcel *it = outbox->parcels; it != NULL; it = it->next) {
        if (strcmp(it->agent, agent) == 0 && strcmp(it->store, store) == 0) {
            bool full = it->task_count == LIMIT_BATCH_TASKS ||
                        it->settled_count == LIMIT_BATCH_TASKS ||
                        it->recall_count == LIMIT_BATCH_TASKS;
            if (full) {
                parcel_send(outbox, it);
            }
            return it;
        }
    }
    struct parcel *parcel = outbox_alloc(outbox, sizeof(*parcel));
    (void)snprintf(parcel->agent, sizeof(parcel->agent), "%s", agent);
    (void)snprintf(parcel->store, sizeof(parcel->store), "%s", store);
    parcel->tasks = outbox_alloc(outbox, LIMIT_BATCH_TASKS * sizeof(Mainstay__Task *));
    parcel->settled = outbox_alloc(outbox, LIMIT_BATCH_TASKS * sizeof(ProtobufCBinaryData));
    parcel->recalls = outbox_alloc(outbox, LIMIT_BATCH_TASKS * sizeof(Mainstay__Recall *));
    parcel->next = outbox->parcels;
    outbox->parcels = parcel;
    return parcel;
}

static void secrets_collect(struct outbox *outbox, const struct task_order *order,
                            Mainstay__Task *task)
{
    if (order->secret_count == 0) {
        return;
    }
    task->secrets = outbox_alloc(outbox, order->secret_count * sizeof(Mainstay__SecretRef *));
    for (size_t i = 0; i < order->secret_count; i++) {
        Mainstay__SecretRef *secret = outbox_alloc(outbox, sizeof(*secret));
        mainstay__secret_ref__init(secret);
        secret->pointer = outbox_text(outbox, order->secrets[i].pointer);
        secret->name = outbox_text(outbox, order->secrets[i].name);
        secret->path = outbox_text(outbox, order->secrets[i].path);
        task->secrets[task->n_secrets++] = secret;
    }
}

/* A value of a task on its way: in the message, or named there. */
struct carried {
    const char *text;
    size_t size;
    bool named;
};

/* A store that has not said that it asks for values is given those in messages that fit there. */
static struct carried carry(const struct outbox *outbox, const struct store *store,
                            struct doc *value)
{
    struct carried carried = {.text = ""};
    if (value != NULL) {
        carried.text = doc_text(value, &carried.size);
    }
    carried.named = carried.size > LIMIT_VALUE_BYTES ||
                    (carried.size > LIMIT_INLINE_BYTES &&
                     blobs_are_spoken(outbox->edge->blobs, store->agent, store->name));
    return carried;
}

static Mainstay__BlobRef *blob_name(struct outbox *outbox, const struct digest *digest, size_t size)
{
    Mainstay__BlobRef *blob = outbox_alloc(outbox, sizeof(*blob));
    mainstay__blob_ref__init(blob);
    blob->digest = outbox_bytes(outbox, digest->bytes, DIGEST_BYTES);
    blob->bytes = size;
    return blob;
}

static void values_collect(struct outbox *outbox, const struct task_order *order,
                           const struct carried *input, const struct carried *proposal,
                           Mainstay__Task *task)
{
    if (input->named) {
        task->input_blob = blob_name(outbox, &order->input_digest, input->size);
    } else {
        task->input = outbox_bytes(outbox, input->text, input->size);
    }
    if (proposal->named) {
        struct digest digest = crypto_blake(proposal->text, proposal->size);
        task->proposal_blob = blob_name(outbox, &digest, proposal->size);
    } else if (order->proposal != NULL) {
        task->proposal = outbox_bytes(outbox, proposal->text, proposal->size);
    }
}

static void task_collect(struct outbox *outbox, const struct task_order *order)
{
    if (outbox->held > HELD_BYTES) {
        outbox_flush(outbox);
    }
    struct parcel *parcel = parcel_of(outbox, order->store->agent, order->store->name);
    struct carried input = carry(outbox, order->store, order->input);
    struct carried proposal = carry(outbox, order->store, order->proposal);
    size_t size = (input.named ? 0 : input.size) + (proposal.named ? 0 : proposal.size);
    if (parcel->bytes + size > BATCH_BYTES && parcel->task_count > 0) {
        parcel_send(outbox, parcel);
    }
    Mainstay__Task *task = outbox_alloc(outbox, sizeof(*task));
    mainstay__task__init(task);
    task->key = outbox_bytes(outbox, order->key.bytes, ID_BYTES);
    task->attempt = order->attempt;
    task->phase = (Mainstay__Phase)order->phase;
    task->instance = outbox_bytes(outbox, order->instance.bytes, ID_BYTES);
    task->frame = order->frame;
    task->step = outbox_text(outbox, order->step);
    task->action = outbox_text(outbox, order->action);
    task->contract_version = outbox_text(outbox, order->contract_version);
    values_collect(outbox, order, &input, &proposal, task);
    task->input_digest = outbox_bytes(outbox, order->input_digest.bytes, DIGEST_BYTES);
    task->timeout_ms = (uint64_t)order->timeout_ms;
    task->traceparent = outbox_text(outbox, order->traceparent);
    task->idempotency_key = outbox_text(outbox, order->idempotency_key);
    task->priority = (uint32_t)order->priority;
    task->again = order->again;
    secrets_collect(outbox, order, task);
    task->past = (Mainstay__Past)order->past;
    task->created_ms = (uint64_t)order->created_ms;
    parcel->tasks[parcel->task_count++] = task;
    parcel->bytes += size + 256;
    outbox->held += size;
}

static void settled_collect(struct outbox *outbox, const struct recall_order *order)
{
    struct parcel *parcel = parcel_of(outbox, order->agent, order->store);
    parcel->settled[parcel->settled_count++] = outbox_bytes(outbox, order->key.bytes, ID_BYTES);
}

static void recall_collect(struct outbox *outbox, const struct recall_order *order)
{
    struct parcel *parcel = parcel_of(outbox, order->agent, order->store);
    Mainstay__Recall *recall = outbox_alloc(outbox, sizeof(*recall));
    mainstay__recall__init(recall);
    recall->key = outbox_bytes(outbox, order->key.bytes, ID_BYTES);
    recall->attempt = order->attempt;
    recall->phase = (Mainstay__Phase)order->phase;
    recall->instance = outbox_bytes(outbox, order->instance.bytes, ID_BYTES);
    recall->frame = order->frame;
    recall->input_digest = outbox_bytes(outbox, order->input_digest.bytes, DIGEST_BYTES);
    parcel->recalls[parcel->recall_count++] = recall;
}

/* A copy for outsiders; the event itself was accepted in the turn that emitted it. */
static void publish(struct outbox *outbox, const struct publish_order *order)
{
    char subject[SUBJECT_BYTES];
    if (!subject_event(order->type, subject)) {
        log_warn("event type '%s' cannot be a subject; no copy is published", order->type);
        return;
    }
    size_t size = 0;
    const char *text = doc_text(order->envelope, &size);
    struct bus_header headers[] = {
        {.name = "Content-Type", .value = "application/cloudevents+json"},
        {.name = EVENT_COPY_HEADER, .value = "1"},
    };
    struct bus_publication publication = {
        .subject = subject, .headers = headers, .header_count = 2, .body = text, .size = size};
    struct error err = {0};
    if (bus_publish(outbox->edge->bus, &publication, &err) != ERR_OK) {
        log_debug("copy of event '%s' not published: %s", order->type, err.message);
    }
}

void outbox_order(struct outbox *outbox, const struct order *order)
{
    switch (order->kind) {
    case ORDER_TASK:
        task_collect(outbox, &order->task);
        break;
    case ORDER_SETTLED:
        settled_collect(outbox, &order->recall);
        break;
    case ORDER_RECALL:
        recall_collect(outbox, &order->recall);
        break;
    case ORDER_PUBLISH:
        publish(outbox, &order->publish);
        break;
    case ORDER_EVALUATE:
        jq_ask(outbox->edge->jq, &order->evaluate);
        break;
    case ORDER_REPLY:
    case ORDER_ENDED:
    case ORDER_STORE_JOINED:
        UNREACHABLE();
    }
}

void outbox_flush(struct outbox *outbox)
{
    for (struct parcel *it = outbox->parcels; it != NULL; it = it->next) {
        if (it->task_count + it->settled_count + it->recall_count > 0) {
            parcel_send(outbox, it);
        }
    }
    outbox->parcels = NULL;
    outbox->held = 0;
    arena_reset(outbox->arena);
}

uint64_t outbox_waiting(const struct outbox *outbox)
{
    uint64_t acked = atomic_load(&outbox->acked);
    return outbox->token > acked ? outbox->token - acked : 0;
}

/* What was not stored is sent again: at the next reconnection, or soon when the stream refused it.
 */
void outbox_acked(void *user, uint64_t token, bool stored, const char *why)
{
    struct edge *edge = user;
    (void)token;
    atomic_fetch_add(&edge->outbox->acked, 1U);
    FAULT_POINT("task-stored-by-bus");
    if (stored || !atomic_load(&edge->connected)) {
        return;
    }
    log_warn("a message for agents was not stored: %s", why);
    atomic_store(&edge->resend, true);
    mailbox_wake(edge->mailbox);
}
