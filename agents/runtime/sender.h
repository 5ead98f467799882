/*
 * Results on their way to the coordinator: grouped into ResultBatches, made durable with one sync a
 * group, published, and kept until the bus has stored them.
 *
 * Under load a message carries what came while the one before was synced and published; alone, a
 * result leaves at once. A message the bus did not store is sent again after a pause. At
 * SENDER_CHUNKS_MAX messages whoever adds waits: work slows down instead of memory growing.
 *
 * Threads: everything but create, stop and destroy from any thread.
 */
#ifndef AGENTS_RUNTIME_SENDER_H
#define AGENTS_RUNTIME_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"

struct outcomes;
struct sender;
struct sender_chunk;

enum { SENDER_CHUNKS_MAX = 64, SENDER_RETRY_MS = 1000 };

/* Hand one ResultBatch to the bus; sender_stored(token) tells later whether it was kept. */
typedef enum err sender_publish_fn(void *user, struct str body, uint64_t token, struct error *err);

/* Told once when the store failed: nothing leaves any more and the process must end. */
typedef void sender_fatal_fn(void *user, const struct error *err);

struct sender_options {
    struct outcomes *outcomes;
    const uint8_t *session;  /* 16 bytes, borrowed */
    const uint8_t *store_id; /* 16 bytes, borrowed */
    sender_publish_fn *publish;
    sender_fatal_fn *fatal;
    void *user;
};

MUST_CHECK enum err sender_create(const struct sender_options *options, struct sender **ret_sender,
                                  struct error *err);

/* Publish what is left, wait up to `wait_ms` until the bus has stored it, end the thread. Returns
 * whether everything was stored. */
bool sender_stop(struct sender *sender, unsigned wait_ms);

/* Free *sender and set it to NULL. Accepts NULL. Precondition: stopped or never used. */
void sender_destroy(struct sender **sender);

/* Add one packed Result (copied). Waits at SENDER_CHUNKS_MAX; after sender_stop it does nothing. */
void sender_add(struct sender *sender, struct str packed_result);

/* Add one packed AgentDeadLetter (copied). */
void sender_add_dead_letter(struct sender *sender, struct str packed_letter);

/* A group of its own, for results that need no sync, published by the thread that fills it. */
struct sender_chunk *sender_chunk_begin(struct sender *sender);
/* May publish what was added before, when the message is full; *chunk may change. */
void sender_chunk_add(struct sender *sender, struct sender_chunk **chunk, struct str packed_result);
/* Publish what is in it; *chunk becomes NULL. Accepts a NULL chunk. */
void sender_chunk_end(struct sender *sender, struct sender_chunk **chunk);

/* The bus kept, or did not keep, the message of `token`. Unknown tokens are ignored. */
void sender_stored(struct sender *sender, uint64_t token, bool stored);

/* Messages not yet stored, for metrics. */
size_t sender_waiting(struct sender *sender);

#endif
