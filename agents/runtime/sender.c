#include "agents/runtime/sender.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/runtime/outcomes.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/limits.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"

enum {
    TAG_RESULT = (4 << 3) | 2,      /* ResultBatch.results */
    TAG_DEAD_LETTER = (5 << 3) | 2, /* ResultBatch.dead_letters */
    HEAD_BYTES = 64                 /* version, session and store id of a packed ResultBatch */
};

/* One ResultBatch: protobuf messages may be joined by joining their bytes, so the head is packed
 * once and results are appended as they come. */
struct sender_chunk {
    struct sender_chunk *next;
    struct buf bytes;
    size_t count;
    uint64_t token;
    int64_t again_ns; /* when to send it again */
};

struct sender {
    struct sender_options options;
    struct buf head;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* for the thread */
    pthread_cond_t space; /* for those who add, and for stop */
    pthread_t thread;
    struct sender_chunk *open;   /* being filled; NULL: none */
    struct sender_chunk *full;   /* filled, oldest first */
    struct sender_chunk *flying; /* published, not yet stored */
    struct sender_chunk *failed; /* to be sent again */
    size_t chunks;
    uint64_t next_token;
    bool stopping;
    bool stopped;
    bool broken; /* the store failed */
};

static struct sender_chunk *chunk_create(struct sender *sender)
{
    struct sender_chunk *chunk = calloc(1, sizeof(*chunk));
    CHECK(chunk != NULL);
    buf_init(&chunk->bytes, LIMIT_MESSAGE_BYTES);
    buf_append(&chunk->bytes, sender->head.data, sender->head.size);
    return chunk;
}

static void chunk_destroy(struct sender_chunk *chunk)
{
    buf_release(&chunk->bytes);
    free(chunk);
}

static void list_free(struct sender_chunk **list)
{
    while (*list != NULL) {
        struct sender_chunk *next = (*list)->next;
        chunk_destroy(*list);
        *list = next;
    }
}

/* Append a chunk, or a list of them whose last has next == NULL. */
static void list_append(struct sender_chunk **list, struct sender_chunk *chunks)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = chunks;
}

static size_t varint_size(size_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) {
        size++;
    }
    return size;
}

static bool chunk_has_room(const struct sender_chunk *chunk, size_t size)
{
    return chunk->count < LIMIT_BATCH_TASKS &&
           chunk->bytes.size + 1 + varint_size(size) + size <= chunk->bytes.max;
}

static void chunk_append(struct sender_chunk *chunk, uint8_t tag, struct str packed)
{
    buf_append_byte(&chunk->bytes, tag);
    size_t left = packed.size;
    for (; left >= 0x80; left >>= 7) {
        buf_append_byte(&chunk->bytes, (uint8_t)(left | 0x80));
    }
    buf_append_byte(&chunk->bytes, (uint8_t)left);
    buf_append(&chunk->bytes, packed.data, packed.size);
    CHECK(!chunk->bytes.failed);
    chunk->count++;
}

/* Publish one chunk that is in no list; it moves to flying, or to failed. */
static void chunk_publish(struct sender *sender, struct sender_chunk *chunk)
{
    (void)pthread_mutex_lock(&sender->lock);
    chunk->token = ++sender->next_token;
    uint64_t token = chunk->token;
    list_append(&sender->flying, chunk);
    struct str body = {.data = chunk->bytes.data, .size = chunk->bytes.size};
    (void)pthread_mutex_unlock(&sender->lock);
    /* The chunk cannot go before it is reported, and that cannot be before publish is called. */
    struct error err = {0};
    if (sender->options.publish(sender->options.user, body, token, &err) != ERR_OK) {
        sender_stored(sender, token, false);
    }
}

void sender_stored(struct sender *sender, uint64_t token, bool stored)
{
    (void)pthread_mutex_lock(&sender->lock);
    struct sender_chunk **at = &sender->flying;
    while (*at != NULL && (*at)->token != token) {
        at = &(*at)->next;
    }
    struct sender_chunk *chunk = *at;
    if (chunk != NULL) {
        *at = chunk->next;
        chunk->next = NULL;
        if (stored) {
            sender->chunks--;
            chunk_destroy(chunk);
            (void)pthread_cond_broadcast(&sender->space);
        } else {
            chunk->again_ns = clock_deadline_ns(SENDER_RETRY_MS);
            list_append(&sender->failed, chunk);
            (void)pthread_cond_signal(&sender->work);
        }
    }
    (void)pthread_mutex_unlock(&sender->lock);
}

/* Wait for work until `deadline_ns`. */
static void work_wait(struct sender *sender, int64_t deadline_ns)
{
    if (deadline_ns == CLOCK_FOREVER) {
        (void)pthread_cond_wait(&sender->work, &sender->lock);
        return;
    }
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                             .tv_nsec = (long)(deadline_ns % 1000000000)};
    (void)pthread_cond_timedwait(&sender->work, &sender->lock, &until);
}

/* Everything that may be published now, taken out of the lists; NULL: nothing, see *ret_deadline.
 */
static struct sender_chunk *work_take(struct sender *sender, int64_t *ret_deadline)
{
    struct sender_chunk *taken = sender->full;
    sender->full = NULL;
    if (sender->open != NULL) {
        list_append(&taken, sender->open);
        sender->open = NULL;
    }
    *ret_deadline = CLOCK_FOREVER;
    if (sender->failed != NULL) {
        int64_t now = clock_monotonic_ns();
        if (sender->failed->again_ns <= now) {
            list_append(&taken, sender->failed);
            sender->failed = NULL;
        } else {
            *ret_deadline = sender->failed->again_ns;
        }
    }
    return taken;
}

static bool sync_all(struct sender *sender)
{
    struct error err = {0};
    FAULT_POINT("outcomes-before-sync");
    if (outcomes_sync(sender->options.outcomes, &err) == ERR_OK) {
        FAULT_POINT("outcomes-synced");
        return true;
    }
    (void)pthread_mutex_lock(&sender->lock);
    sender->broken = true;
    (void)pthread_cond_broadcast(&sender->space);
    (void)pthread_mutex_unlock(&sender->lock);
    sender->options.fatal(sender->options.user, &err);
    return false;
}

static void *sender_run(void *user)
{
    struct sender *sender = user;
    (void)pthread_mutex_lock(&sender->lock);
    for (;;) {
        int64_t deadline = CLOCK_FOREVER;
        struct sender_chunk *taken = work_take(sender, &deadline);
        if (taken == NULL) {
            if (sender->stopped || sender->broken) {
                break;
            }
            work_wait(sender, deadline);
            continue;
        }
        (void)pthread_mutex_unlock(&sender->lock);
        bool ok = sync_all(sender);
        while (taken != NULL) {
            struct sender_chunk *chunk = taken;
            taken = chunk->next;
            chunk->next = NULL;
            if (ok) {
                chunk_publish(sender, chunk);
            } else {
                chunk_destroy(chunk);
            }
        }
        (void)pthread_mutex_lock(&sender->lock);
    }
    (void)pthread_mutex_unlock(&sender->lock);
    return NULL;
}

static enum err head_pack(struct sender *sender, struct error *err)
{
    Mainstay__ResultBatch batch = MAINSTAY__RESULT_BATCH__INIT;
    batch.version = ENVELOPE_VERSION;
    batch.blobs = true;
    batch.session =
        envelope_bytes((struct str){(const char *)sender->options.session, ENVELOPE_ID_BYTES});
    batch.store_id =
        envelope_bytes((struct str){(const char *)sender->options.store_id, ENVELOPE_ID_BYTES});
    buf_init(&sender->head, HEAD_BYTES);
    return proto_pack(&batch.base, &sender->head, err);
}

enum err sender_create(const struct sender_options *options, struct sender **ret_sender,
                       struct error *err)
{
    *ret_sender = NULL;
    struct sender *sender = calloc(1, sizeof(*sender));
    if (sender == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for the sender");
    }
    sender->options = *options;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&sender->lock, NULL);
    (void)pthread_cond_init(&sender->work, &attributes);
    (void)pthread_cond_init(&sender->space, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    enum err code = head_pack(sender, err);
    if (code == ERR_OK && pthread_create(&sender->thread, NULL, sender_run, sender) != 0) {
        code = error_set(err, ERR_NOMEM, "cannot start the sender's thread");
    }
    if (code != ERR_OK) {
        sender_destroy(&sender);
    }
    *ret_sender = sender;
    return code;
}

bool sender_stop(struct sender *sender, unsigned wait_ms)
{
    int64_t deadline = clock_deadline_ns(wait_ms);
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000000000),
                             .tv_nsec = (long)(deadline % 1000000000)};
    (void)pthread_mutex_lock(&sender->lock);
    sender->stopping = true;
    (void)pthread_cond_broadcast(&sender->space);
    while (sender->chunks > 0 && !sender->broken && clock_monotonic_ns() < deadline) {
        (void)pthread_cond_timedwait(&sender->space, &sender->lock, &until);
    }
    bool all = sender->chunks == 0;
    sender->stopped = true;
    (void)pthread_cond_broadcast(&sender->work);
    (void)pthread_mutex_unlock(&sender->lock);
    (void)pthread_join(sender->thread, NULL);
    return all;
}

void sender_destroy(struct sender **sender)
{
    if (*sender == NULL) {
        return;
    }
    list_free(&(*sender)->open);
    list_free(&(*sender)->full);
    list_free(&(*sender)->flying);
    list_free(&(*sender)->failed);
    buf_release(&(*sender)->head);
    (void)pthread_mutex_destroy(&(*sender)->lock);
    (void)pthread_cond_destroy(&(*sender)->work);
    (void)pthread_cond_destroy(&(*sender)->space);
    free(*sender);
    *sender = NULL;
}

/* Wait until another chunk may exist. False when stopping. Called with the lock. */
static bool space_wait(struct sender *sender)
{
    while (sender->chunks >= SENDER_CHUNKS_MAX && !sender->stopping && !sender->broken) {
        (void)pthread_cond_wait(&sender->space, &sender->lock);
    }
    return !sender->stopping && !sender->broken;
}

static void add(struct sender *sender, uint8_t tag, struct str packed)
{
    (void)pthread_mutex_lock(&sender->lock);
    if (sender->open != NULL && !chunk_has_room(sender->open, packed.size)) {
        list_append(&sender->full, sender->open);
        sender->open = NULL;
    }
    bool go = sender->open != NULL || space_wait(sender);
    if (go) {
        if (sender->open == NULL) { /* space_wait may have let another thread open one */
            sender->open = chunk_create(sender);
            sender->chunks++;
            (void)pthread_cond_signal(&sender->work);
        } else if (!chunk_has_room(sender->open, packed.size)) {
            list_append(&sender->full, sender->open);
            sender->open = chunk_create(sender);
            sender->chunks++;
        }
        chunk_append(sender->open, tag, packed);
    }
    (void)pthread_mutex_unlock(&sender->lock);
}

void sender_add(struct sender *sender, struct str packed_result)
{
    add(sender, TAG_RESULT, packed_result);
}

void sender_add_dead_letter(struct sender *sender, struct str packed_letter)
{
    add(sender, TAG_DEAD_LETTER, packed_letter);
}

struct sender_chunk *sender_chunk_begin(struct sender *sender)
{
    (void)pthread_mutex_lock(&sender->lock);
    bool go = space_wait(sender);
    if (go) {
        sender->chunks++;
    }
    (void)pthread_mutex_unlock(&sender->lock);
    return go ? chunk_create(sender) : NULL;
}

void sender_chunk_add(struct sender *sender, struct sender_chunk **chunk, struct str packed_result)
{
    if (*chunk != NULL && !chunk_has_room(*chunk, packed_result.size)) {
        sender_chunk_end(sender, chunk);
    }
    if (*chunk == NULL) {
        *chunk = sender_chunk_begin(sender);
    }
    if (*chunk != NULL) {
        chunk_append(*chunk, TAG_RESULT, packed_result);
    }
}

void sender_chunk_end(struct sender *sender, struct sender_chunk **chunk)
{
    if (*chunk == NULL) {
        return;
    }
    if ((*chunk)->count > 0) {
        chunk_publish(sender, *chunk);
    } else {
        (void)pthread_mutex_lock(&sender->lock);
        sender->chunks--;
        (void)pthread_cond_broadcast(&sender->space);
        (void)pthread_mutex_unlock(&sender->lock);
        chunk_destroy(*chunk);
    }
    *chunk = NULL;
}

size_t sender_waiting(struct sender *sender)
{
    (void)pthread_mutex_lock(&sender->lock);
    size_t chunks = sender->chunks;
    (void)pthread_mutex_unlock(&sender->lock);
    return chunks;
}
