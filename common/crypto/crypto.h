/*
 * Digests, sealing, random bytes: the one place that talks to libsodium, and to OpenSSL's libcrypto
 * for SHA-256 alone, which there uses the processor's instructions and is several times faster.
 *
 * SHA-256 is FIPS 180-4, BLAKE2b is RFC 7693 with a 32-byte digest, sealing is
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), base64 is RFC 4648 section 4 with padding.
 *
 * Threads: everything here is safe from several threads on different states. Call crypto_init once
 * before crypto_random; the rest does not need it.
 */
#ifndef COMMON_CRYPTO_CRYPTO_H
#define COMMON_CRYPTO_CRYPTO_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"

struct buf;

enum {
    DIGEST_BYTES = 32,
    DIGEST_HEX_BYTES = 2 * DIGEST_BYTES + 1, /* with the terminator */
    CRYPTO_KEY_BYTES = 32,
    CRYPTO_NONCE_BYTES = 24,
    CRYPTO_TAG_BYTES = 16, /* what sealing adds to the size */
};

/* A 256-bit digest; a value type. */
struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

/* Prepare the random source. Call before any thread starts; again is harmless. ERR_UNAVAILABLE when
 * the system has no random source. */
MUST_CHECK enum err crypto_init(struct error *err);

/* Fill `out` with `size` unpredictable bytes. */
void crypto_random(void *out, size_t size);

/* SHA-256 of `size` bytes; `bytes` may be NULL when `size` is 0. */
struct digest crypto_sha256(const void *bytes, size_t size);

/* SHA-256 piece by piece: init, update any number of times, final once, which frees. */
struct crypto_sha256_state {
    void *context;
};
void crypto_sha256_init(struct crypto_sha256_state *state);
void crypto_sha256_update(struct crypto_sha256_state *state, const void *bytes, size_t size);
struct digest crypto_sha256_final(struct crypto_sha256_state *state);

/* BLAKE2b-256 of `size` bytes, plain and keyed (a MAC; `key` has CRYPTO_KEY_BYTES). */
struct digest crypto_blake(const void *bytes, size_t size);
struct digest crypto_blake_keyed(const uint8_t *key, const void *bytes, size_t size);

/* BLAKE2b-256 piece by piece. `key` has CRYPTO_KEY_BYTES or is NULL. */
struct blake {
    alignas(64) uint8_t opaque[384];
};
void blake_init(struct blake *state, const uint8_t *key);
void blake_update(struct blake *state, const void *bytes, size_t size);
struct digest blake_final(struct blake *state);

/* Feed the size (8 bytes, little endian) and then the bytes, so that two lists of parts give the
 * same digest only when they are the same list. */
void blake_part(struct blake *state, const void *bytes, size_t size);
void blake_part_text(struct blake *state, const char *text);
void blake_part_u64(struct blake *state, uint64_t value);

/* Compare in a time that does not depend on where the bytes differ. */
bool crypto_equal(const void *a, const void *b, size_t size);
bool digest_equal(const struct digest *a, const struct digest *b);

/* Lower-case hex with terminator into `out`. */
void digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES]);

/* Exactly 64 hex digits; false on anything else. */
bool digest_of_hex(const char *text, struct digest *ret_digest);

/* Append the sealed form of `plain` (its size + CRYPTO_TAG_BYTES) to `out`. A nonce must never
 * repeat under one key: random ones are long enough. `associated` is authenticated, not stored.
 * Failure is `out->failed`. */
void crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
                 struct str associated, struct str plain, struct buf *out);

/* The same in place: seal the first `size` of `bytes`, which has room for CRYPTO_TAG_BYTES more. */
void crypto_seal_bytes(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
                       struct str associated, uint8_t *bytes, size_t size);

/* Append the opened form of `sealed` to `out`. ERR_CORRUPT when key, nonce, associated data or
 * bytes are not those of the sealing (`out` is then as before), ERR_NOMEM when `out` is at its
 * maximum. */
MUST_CHECK enum err crypto_open(const uint8_t key[CRYPTO_KEY_BYTES],
                                const uint8_t nonce[CRYPTO_NONCE_BYTES], struct str associated,
                                struct str sealed, struct buf *out, struct error *err);

/* Overwrite secrets in a way the compiler keeps. */
void crypto_wipe(void *bytes, size_t size);

/* Append base64 text of the bytes. Failure is `out->failed`. */
void base64_encode(const void *bytes, size_t size, struct buf *out);

/* Append the bytes of base64 text. False, with `out` as before, on any character outside the
 * alphabet, missing padding, unused bits that are not zero, or when `out` is at its maximum. */
bool base64_decode(const char *text, size_t size, struct buf *out);

#endif
