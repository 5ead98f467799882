/*
 * Values too large for a message: asked for piece by piece by who needs them, of who keeps them
 * (proto/blob.proto). A value counts only when all its pieces have the sizes and the whole has the
 * digest that the message which named it said, so whoever keeps it cannot exchange it, stop in the
 * middle or go on for ever.
 *
 * Threads: none are shared; a fetch blocks its caller.
 */
#ifndef COMMON_WIRE_BLOB_H
#define COMMON_WIRE_BLOB_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "proto/blob.pb-c.h"

struct arena;
struct buf;

/* A packed BlobReply with the largest piece. */
enum { BLOB_REPLY_BYTES = LIMIT_PIECE_BYTES + 1024 };

/* Send `request` and wait for its answer, whose bytes replace the content of `ret_reply`. What is
 * asked in vain (ERR_TIMEOUT, ERR_UNAVAILABLE) is asked again; other errors end the fetch. */
typedef enum err blob_ask_fn(void *user, struct str request, unsigned timeout_ms,
                             struct buf *ret_reply, struct error *err);

struct blob_order {
    Mainstay__BlobRequest request; /* names the task and the value; its bytes are borrowed */
    uint64_t bytes;                /* the value's, as announced */
    int64_t deadline_ns;           /* of the whole, by CLOCK_MONOTONIC */
    const atomic_bool *stop;       /* gives up when true; NULL: nothing stops it */
    blob_ask_fn *ask;
    void *user;
};

/*
 * Append the whole value to `ret_text`, whose maximum is at least its bytes. Errors: ERR_TIMEOUT
 * (nobody answered in time), ERR_UNAVAILABLE (stopped), ERR_NOT_FOUND (who was asked does not have
 * it, in its words), ERR_LIMIT (over LIMIT_DOCUMENT_BYTES, or empty), ERR_INVALID (pieces of wrong
 * sizes, answers that cannot be read, another digest), ERR_NOMEM.
 */
MUST_CHECK enum err blob_fetch(const struct blob_order *order, struct buf *ret_text,
                               struct error *err);

/* Read a request: version, sizes of ids, kind, and an offset where a piece can begin. ERR_INVALID.
 */
MUST_CHECK enum err blob_request_read(struct str bytes, struct arena *arena,
                                      Mainstay__BlobRequest **ret_request, struct error *err);

/* The piece of `text` that begins at `offset`; empty when there is none. */
struct str blob_piece(struct str text, uint64_t offset);

/* Pack an answer into an empty `ret_reply` of BLOB_REPLY_BYTES: a piece, or why there is none. */
void blob_reply_pack(struct str piece, const char *refused, struct buf *ret_reply);

#endif
