#include "coordinator/edge/blobs.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/base/map.h"
#include "common/base/metrics.h"
#include "common/json/doc.h"
#include "common/wire/blob.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "coordinator/definition/plan.h"

enum { FULL_PAUSE_MS = 20, DONE_BYTES = 256 };

/* What is known of a store, and its thread once it has named a value. */
struct blob_store {
    struct blobs *blobs;
    char subject[SUBJECT_BYTES];
    bool speaks;
    bool started;
    pthread_t thread;
    pthread_cond_t more;
    struct blob_want *first;
    struct blob_want *last;
    size_t count;
    size_t bytes;
    unsigned out; /* fetched and not yet committed */
};

struct blobs {
    struct edge *edge;
    struct map *stores; /* of the main thread; a store itself of both, with the lock */
    pthread_mutex_t lock;
    atomic_bool closing;
};

struct blobs *blobs_create(struct edge *edge)
{
    struct blobs *blobs = calloc(1, sizeof(*blobs));
    CHECK(blobs != NULL);
    blobs->edge = edge;
    blobs->stores = map_create();
    CHECK(blobs->stores != NULL);
    atomic_init(&blobs->closing, false);
    CHECK(pthread_mutex_init(&blobs->lock, NULL) == 0);
    return blobs;
}

void blob_want_free(struct blob_want *want)
{
    if (want == NULL) {
        return;
    }
    if (want->message != NULL && --want->message->waits == 0) {
        item_destroy(&want->message);
    }
    buf_release(&want->packed);
    doc_unref(&want->value);
    free(want);
}

size_t blob_want_bytes(const struct blob_want *want)
{
    size_t size = want->packed.size;
    return want->value == NULL ? size : size + doc_size_known(want->value);
}

static void store_free(void *value)
{
    struct blob_store *store = value;
    while (store->first != NULL) {
        struct blob_want *next = store->first->next;
        blob_want_free(store->first);
        store->first = next;
    }
    (void)pthread_cond_destroy(&store->more);
    free(store);
}

void blobs_destroy(struct blobs **blobs)
{
    if (*blobs == NULL) {
        return;
    }
    size_t cursor = 0;
    struct blob_store *store = NULL;
    atomic_store(&(*blobs)->closing, true);
    while ((store = map_next((*blobs)->stores, &cursor, NULL, NULL)) != NULL) {
        (void)pthread_mutex_lock(&(*blobs)->lock);
        (void)pthread_cond_signal(&store->more);
        (void)pthread_mutex_unlock(&(*blobs)->lock);
        if (store->started) {
            (void)pthread_join(store->thread, NULL);
        }
    }
    map_destroy(&(*blobs)->stores, store_free);
    (void)pthread_mutex_destroy(&(*blobs)->lock);
    free(*blobs);
    *blobs = NULL;
}

static void store_key(const char *agent, const char *store, char *out)
{
    (void)snprintf(out, (size_t)2 * SUBJECT_TOKEN_BYTES, "%s/%s", agent, store);
}

static struct blob_store *store_of(struct blobs *blobs, const char *agent, const char *name)
{
    char key[2 * SUBJECT_TOKEN_BYTES];
    store_key(agent, name, key);
    struct blob_store *store = map_get_text(blobs->stores, key);
    if (store != NULL) {
        return store;
    }
    store = calloc(1, sizeof(*store));
    CHECK(store != NULL);
    store->blobs = blobs;
    CHECK(subject_blob(agent, name, store->subject));
    CHECK(pthread_cond_init(&store->more, NULL) == 0);
    bool ok = false;
    (void)map_put_text(blobs->stores, key, store, &ok);
    CHECK(ok);
    return store;
}

void blobs_speak(struct blobs *blobs, const char *agent, const char *store, bool speaks)
{
    if (speaks != blobs_are_spoken(blobs, agent, store)) {
        store_of(blobs, agent, store)->speaks = speaks;
    }
}

bool blobs_are_spoken(const struct blobs *blobs, const char *agent, const char *store)
{
    char key[2 * SUBJECT_TOKEN_BYTES];
    store_key(agent, store, key);
    const struct blob_store *known = map_get_text(blobs->stores, key);
    return known != NULL && known->speaks;
}

/* ---- a store's thread ---- */

static enum err ask(void *user, struct str request, unsigned timeout_ms, struct buf *ret_reply,
                    struct error *err)
{
    const struct blob_store *store = user;
    struct bus_publication publication = {
        .subject = store->subject, .body = request.data, .size = request.size};
    FAULT_POINT("blob-before-ask");
    enum err code = bus_request(store->blobs->edge->bus, &publication, timeout_ms, ret_reply, err);
    FAULT_POINT("blob-asked");
    return code;
}

static void request_of(const Mainstay__Result *result, Mainstay__BlobRequest *request)
{
    *request = (Mainstay__BlobRequest)MAINSTAY__BLOB_REQUEST__INIT;
    request->version = 1;
    request->key = result->key;
    request->phase = result->phase;
    request->kind = MAINSTAY__BLOB_KIND__BLOB_KIND_OUTPUT;
    request->digest = result->output_blob->digest;
}

const Mainstay__Result *blob_want_result(const struct blob_want *want, struct arena *arena)
{
    ProtobufCMessage *message = NULL;
    enum err code = proto_unpack(&mainstay__result__descriptor,
                                 (struct str){want->packed.data, want->packed.size},
                                 &proto_limits_bus, arena, &message, NULL);
    CHECK(code == ERR_OK);
    return (const Mainstay__Result *)message;
}

/* The text is parsed here, so that a turn need not. One that is no JSON is the result's fault. */
static void want_fetch(struct blob_store *store, struct blob_want *want)
{
    struct error err = {0};
    struct buf text = BUF_INIT(LIMIT_DOCUMENT_BYTES);
    struct arena *arena = arena_create(4 * (size_t)LIMIT_MESSAGE_BYTES);
    CHECK(arena != NULL);
    const Mainstay__Result *result = blob_want_result(want, arena);
    struct blob_order order = {
        .bytes = result->output_blob->bytes,
        .deadline_ns = clock_deadline_ns(BLOB_FETCH_MS),
        .stop = &store->blobs->closing,
        .ask = ask,
        .user = store,
    };
    request_of(result, &order.request);
    want->code = blob_fetch(&order, &text, &err);
    if (want->code == ERR_OK) {
        struct json_limits limits = {.size_max = LIMIT_DOCUMENT_BYTES};
        json_t *value = NULL;
        if (json_parse(text.data, text.size, &limits, &value, NULL) == ERR_OK) {
            want->value = doc_of_json(value);
            (void)doc_text(want->value, NULL);
        }
    } else {
        (void)text_copy(want->why, sizeof(want->why), err.message);
    }
    arena_destroy(&arena);
    buf_release(&text);
}

static struct blob_want *want_next(struct blob_store *store)
{
    struct blob_want *want = NULL;
    (void)pthread_mutex_lock(&store->blobs->lock);
    while (!atomic_load(&store->blobs->closing) &&
           (store->first == NULL || store->out >= BLOB_OUT_MAX)) {
        (void)pthread_cond_wait(&store->more, &store->blobs->lock);
    }
    if (!atomic_load(&store->blobs->closing)) {
        want = store->first;
        store->first = want->next;
        store->last = want->next == NULL ? NULL : store->last;
        store->count--;
        store->bytes -= want->packed.size;
        store->out++;
    }
    (void)pthread_mutex_unlock(&store->blobs->lock);
    return want;
}

/* Into the mailbox, which has room unless this process has stopped reading it. */
static void want_give(struct blob_store *store, struct blob_want *want)
{
    struct item *item = calloc(1, sizeof(*item));
    CHECK(item != NULL);
    item->kind = ITEM_BLOB;
    item->want = want;
    while (!mailbox_push(store->blobs->edge->mailbox, item)) {
        if (atomic_load(&store->blobs->closing)) {
            item_destroy(&item); /* the main thread waits for this one and touches nothing */
            return;
        }
        (void)poll(NULL, 0, FULL_PAUSE_MS);
    }
}

/* A store that did not answer for one value is not waited for by all that came before. */
static void queue_give_up(struct blob_store *store)
{
    (void)pthread_mutex_lock(&store->blobs->lock);
    for (struct blob_want *it = store->first; it != NULL; it = it->next) {
        it->given_up = true;
    }
    (void)pthread_mutex_unlock(&store->blobs->lock);
}

static void *store_run(void *user)
{
    struct blob_store *store = user;
    struct blob_want *want = NULL;
    while ((want = want_next(store)) != NULL) {
        if (want->given_up) {
            want->code = ERR_TIMEOUT;
            (void)text_copy(want->why, sizeof(want->why), "its store did not answer for another");
        } else {
            want_fetch(store, want);
        }
        if (want->code == ERR_TIMEOUT && !want->given_up) {
            queue_give_up(store);
        }
        want_give(store, want);
    }
    return NULL;
}

/* ---- the main thread ---- */

static bool store_start(struct blob_store *store)
{
    if (!store->started) {
        store->started = pthread_create(&store->thread, NULL, store_run, store) == 0;
    }
    return store->started;
}

/* Queue it; false when there is no room. */
static bool want_queue(struct blob_store *store, struct blob_want *want)
{
    (void)pthread_mutex_lock(&store->blobs->lock);
    bool room = store->count < BLOB_QUEUE_MAX &&
                store->bytes + want->packed.size <= BLOB_QUEUE_BYTES && store_start(store);
    if (room) {
        if (store->last == NULL) {
            store->first = want;
        } else {
            store->last->next = want;
        }
        store->last = want;
        store->count++;
        store->bytes += want->packed.size;
        (void)pthread_cond_signal(&store->more);
    }
    (void)pthread_mutex_unlock(&store->blobs->lock);
    return room;
}

void blobs_ask(struct blobs *blobs, struct item *message, const struct subject *from,
               const struct id *store_id, const Mainstay__Result *result)
{
    struct error err = {0};
    struct blob_want *want = calloc(1, sizeof(*want));
    CHECK(want != NULL);
    want->store = store_of(blobs, from->agent, from->store);
    want->store_id = *store_id;
    (void)text_copy(want->agent, sizeof(want->agent), from->agent);
    (void)text_copy(want->name, sizeof(want->name), from->store);
    buf_init(&want->packed, LIMIT_MESSAGE_BYTES);
    enum err code = proto_pack(&result->base, &want->packed, &err);
    if (code == ERR_OK) {
        want->message = message;
        message->waits++;
        code = want_queue(want->store, want)
                   ? ERR_OK
                   : error_set(&err, ERR_BUSY, "too many of its store wait for their outputs");
    }
    if (code != ERR_OK) {
        counter_add(blobs->edge->metrics.blobs_missed, 1);
        log_warn("a result of %s/%s is dropped until it comes again: %s", from->agent, from->store,
                 err.message);
        want->message = NULL;
        message->waits--;
        blob_want_free(want);
    }
}

void blobs_committed(struct blobs *blobs, const struct blob_want *want)
{
    struct blob_store *store = want->store;
    (void)pthread_mutex_lock(&blobs->lock);
    store->out--;
    (void)pthread_cond_signal(&store->more);
    (void)pthread_mutex_unlock(&blobs->lock);
    if (want->code != ERR_OK) {
        return;
    }
    struct arena *arena = blobs->edge->arena;
    struct buf bytes = BUF_INIT(DONE_BYTES);
    struct error err = {0};
    Mainstay__BlobRequest request;
    request_of(blob_want_result(want, arena), &request);
    request.done = true;
    enum err code = proto_pack(&request.base, &bytes, &err);
    struct bus_publication publication = {
        .subject = store->subject, .body = bytes.data, .size = bytes.size};
    FAULT_POINT("blob-before-done");
    if (code != ERR_OK || bus_publish(blobs->edge->bus, &publication, &err) != ERR_OK) {
        log_debug("%s/%s keeps an output for longer: %s", want->agent, want->name, err.message);
    }
    buf_release(&bytes);
}

const struct frame *blob_task(struct edge *edge, const struct task_name *name)
{
    struct id id;
    struct id key;
    if (name->instance.len != ID_BYTES || name->key.len != ID_BYTES) {
        return NULL;
    }
    memcpy(id.bytes, name->instance.data, ID_BYTES);
    memcpy(key.bytes, name->key.data, ID_BYTES);
    const struct instance *instance = engine_instance(turn_engine(edge->turn), &id);
    const struct frame *frame = instance == NULL ? NULL : instance_frame(instance, name->frame);
    if (frame == NULL || frame->store == NULL || frame->dispatched_ms == 0 ||
        (frame->state != FRAME_DISPATCHED && frame->state != FRAME_CANCELLING)) {
        return NULL;
    }
    const struct plan_node *node =
        frame->node == PLAN_NONE ? frame->own : &instance->plan->nodes[frame->node];
    bool same = node != NULL && node->kind == TASK_AGENT &&
                strcmp(node->call.agent, name->agent) == 0 &&
                strcmp(frame->store, name->store) == 0 && id_equal(&frame->key, &key) &&
                (uint32_t)frame->phase == name->phase;
    return same ? frame : NULL;
}
