/*
 * Values too large for a message, at the coordinator (common/wire/blob.h).
 *
 * An output that a result only names is fetched from its store before the result enters a turn:
 *
 *   result taken --> blobs_ask --> [queue of the store] --> its thread asks, piece by piece
 *                                                                  |
 *   acknowledged <-- committed <-- the result, whole <-- ITEM_BLOB <'
 *
 * Each store that names values has a thread and a queue of its own, so one that is slow, away or
 * bad holds up nobody else. Both are bounded: what does not fit, and what a store does not give in
 * BLOB_FETCH_MS, is dropped; the task is in flight still, so its store is asked for the result
 * again when it says hello, and now and then.
 *
 * An input or a proposal that a task only names is given to its store while the task is in flight
 * with it, out of the committed row of the instance (blob_serve.c).
 *
 * Threads: all functions on the main thread but inbox_input, which any thread may call.
 */
#ifndef COORDINATOR_EDGE_BLOBS_H
#define COORDINATOR_EDGE_BLOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/wire/subjects.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/engine/instance.h"
#include "proto/result.pb-c.h"

struct blobs;

enum {
    BLOB_FETCH_MS = 15000,               /* for a whole value */
    BLOB_QUEUE_MAX = 4096,               /* results of a store that wait for their values */
    BLOB_QUEUE_BYTES = 16 * 1024 * 1024, /* of these results, without the values */
    BLOB_OUT_MAX = 4,                    /* values of a store that are here and not committed */
    BLOB_WHY_BYTES = 256
};

/* A result whose output is fetched. */
struct blob_want {
    struct blob_want *next;
    struct blob_store *store;
    struct item *message; /* that the result came in, acknowledged with the last one of it */
    struct id store_id;
    struct buf packed; /* Result */
    struct doc *value; /* NULL: not fetched, or no JSON */
    enum err code;     /* of the fetch */
    bool given_up;     /* not asked for: the store was silent; with the lock while it is queued */
    char why[BLOB_WHY_BYTES];
    char agent[SUBJECT_TOKEN_BYTES];
    char name[SUBJECT_TOKEN_BYTES]; /* of the store */
};

struct blobs *blobs_create(struct edge *edge);

/* Stop the threads, free *blobs and set it to NULL. Accepts NULL. Before the mailbox goes. */
void blobs_destroy(struct blobs **blobs);

/* What a store has said of itself, and what of that is known: whether it asks for values that are
 * not in messages. A coordinator that has just started does not know until it hears from it. */
void blobs_speak(struct blobs *blobs, const char *agent, const char *store, bool speaks);
bool blobs_are_spoken(const struct blobs *blobs, const char *agent, const char *store);

/* Have the output of a result fetched, whose name was checked. It comes back as ITEM_BLOB, or is
 * dropped. */
void blobs_ask(struct blobs *blobs, struct item *message, const struct subject *from,
               const struct id *store_id, const Mainstay__Result *result);

/* After the commit of a fetched result: its store need not keep the value, and may fetch the next.
 */
void blobs_committed(struct blobs *blobs, const struct blob_want *want);

/* The result, without its output, in the arena. */
const Mainstay__Result *blob_want_result(const struct blob_want *want, struct arena *arena);

/* Bytes of its output, for who shares them out. */
size_t blob_want_bytes(const struct blob_want *want);

/* Free the want; its message when it was the last one of it. */
void blob_want_free(struct blob_want *want);

/* The frame of a task that is in flight with the store; NULL: there is none. Until the end of the
 * turn. */
struct task_name {
    const char *agent;
    const char *store;
    ProtobufCBinaryData instance;
    ProtobufCBinaryData key;
    uint32_t frame;
    uint32_t phase;
};
const struct frame *blob_task(struct edge *edge, const struct task_name *name);

/* ---- blob_serve.c ---- */

/* Callback of the bus: a store asks for a piece of an input. */
void inbox_input(void *user, struct bus_msg *msg);

/* Answer it. */
void blob_serve(struct edge *edge, const struct bus_msg *msg);

#endif
