/*
 * Journal events to bytes and back: one sealed, hash-chained batch per turn (proto/journal.proto).
 *
 * Case values of an event are encrypted (XChaCha20-Poly1305) under the data key of their owner; the
 * nonce is the event's place (batch sequence, index) and a salt that each process draws anew,
 * because a restored backup or a failed commit meets the same places again with other values. Facts
 * about the company itself (definitions, contracts, stores) stay open.
 *
 *   hash = SHA-256(0x00 || previous || batch without its hash)
 *
 * 0x00 is the leaf prefix of RFC 6962, so that a Merkle tree can be laid over the same records
 * later.
 *
 * Threads: none.
 */
#ifndef COORDINATOR_CODEC_JOURNAL_CODEC_H
#define COORDINATOR_CODEC_JOURNAL_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/crypto/crypto.h"
#include "coordinator/engine/event.h"

struct arena;
struct buf;

/* Where data keys come from. `owner` is an instance, or the mark of a buffered event, or all zero
 * for what belongs to the company. */
struct keyring {
    void *user;
    /* The key, made when there is none yet. */
    void (*key_make)(void *user, const struct id *owner, uint8_t out[CRYPTO_KEY_BYTES]);
    /* False when the key was erased: the event's values are gone for good. */
    bool (*key_find)(void *user, const struct id *owner, uint8_t out[CRYPTO_KEY_BYTES]);
};

enum { JOURNAL_SALT_BYTES = 12 };

struct journal_batch {
    uint64_t sequence;
    int64_t now_ms;
    uint8_t salt[JOURNAL_SALT_BYTES];
    struct digest previous;
    struct digest hash;
    struct event *events;
    bool *erased; /* by event: its values could not be read because the key is gone */
    size_t event_count;
};

/* Append the bytes of a batch to `out` and set its hash. `batch->erased` is not used. */
void journal_encode(struct journal_batch *batch, const struct keyring *keys, struct arena *arena,
                    struct buf *out);

/*
 * Read a stored batch: checks the hash over the bytes and that kinds and versions are known. Memory
 * from the arena; docs of events are owned by the caller through journal_release. Errors:
 * ERR_CORRUPT (bytes, hash, seal), ERR_FORMAT (a kind or version of a newer program).
 */
MUST_CHECK enum err journal_decode(struct str bytes, const struct keyring *keys,
                                   struct arena *arena, struct journal_batch *ret_batch,
                                   struct error *err);

/* The same with the values of one instance's events alone: those of the others are not opened. */
MUST_CHECK enum err journal_decode_of(const struct id *instance, struct str bytes,
                                      const struct keyring *keys, struct arena *arena,
                                      struct journal_batch *ret_batch, struct error *err);

/* Drop the docs of a decoded batch. */
void journal_release(struct journal_batch *batch);

/* The chain fields alone, with the hash checked: for walking the chain without keys. */
MUST_CHECK enum err journal_peek(struct str bytes, struct arena *arena,
                                 struct journal_batch *ret_batch, struct error *err);

#endif
