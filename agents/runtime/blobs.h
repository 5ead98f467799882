/*
 * Outputs too large for a message, kept until they are fetched: rows of family `blobs` of the
 * agent's store (outcomes.h), committed with the outcome that names them or before the message
 * does.
 *
 *   'o' key[16] phase[1] digest[32] number u32 -> a piece of LIMIT_PIECE_BYTES, the last one less
 *   't' written u64 ms, key[16] phase[1] digest[32] -> nothing: outputs without an outcome row
 *
 * The output of a kept outcome goes with its row, because it is the answer for as long. That of
 * pure work goes when the coordinator has committed it, at the latest after BLOB_KEPT_MINUTES:
 * longer than the stream keeps the message that names it. Whoever asks later has the work done
 * again.
 *
 * Threads: as outcomes.h.
 */
#ifndef AGENTS_RUNTIME_BLOBS_H
#define AGENTS_RUNTIME_BLOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "agents/runtime/outcomes.h"

struct buf;

enum { BLOB_KEPT_MINUTES = 30 };

struct blob_key {
    struct outcome_name name; /* its attempt does not matter */
    struct digest digest;     /* of the text */
};

/* Append the rows of `text` to `batch`. With `loose` there is no outcome row, and a few that are
 * too old go. ERR_CORRUPT, ERR_IO. */
MUST_CHECK enum err blobs_put(struct outcomes *outcomes, struct kv_batch *batch,
                              const struct blob_key *key, struct str text, bool loose,
                              uint64_t now_ms, struct error *err);

/* The piece at `offset` replaces the content of `ret_piece` (LIMIT_PIECE_BYTES). ERR_NOT_FOUND. */
MUST_CHECK enum err blobs_piece(struct outcomes *outcomes, const struct blob_key *key,
                                uint64_t offset, struct buf *ret_piece, struct error *err);

/* It is committed elsewhere: forget it, unless an outcome row has it. */
MUST_CHECK enum err blobs_done(struct outcomes *outcomes, const struct blob_key *key,
                               struct error *err);

/* Append the deletion of all outputs of (key, phase) to `batch`, for who deletes the outcome. */
MUST_CHECK enum err blobs_forget(struct outcomes *outcomes, struct kv_batch *batch,
                                 const struct outcome_name *name, struct error *err);

#endif
