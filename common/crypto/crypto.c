#include "common/crypto/crypto.h"

#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "common/base/buf.h"
#include "common/base/check.h"

_Static_assert(sizeof(struct blake) >= sizeof(crypto_generichash_blake2b_state),
               "the opaque state must hold libsodium's");
_Static_assert(alignof(struct blake) >= alignof(crypto_generichash_blake2b_state),
               "the opaque state must be aligned as libsodium's");
_Static_assert(CRYPTO_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");
_Static_assert(CRYPTO_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce size");
_Static_assert(CRYPTO_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag size");

static crypto_generichash_blake2b_state *blake_of(struct blake *state)
{
    return (crypto_generichash_blake2b_state *)(void *)state->opaque;
}

enum err crypto_init(struct error *err)
{
    if (sodium_init() < 0) {
        return error_set(err, ERR_UNAVAILABLE, "cannot start libsodium: no random source");
    }
    return ERR_OK;
}

void crypto_random(void *out, size_t size)
{
    randombytes_buf(out, size);
}

/* OpenSSL fails here only without memory. */
void crypto_sha256_init(struct crypto_sha256_state *state)
{
    state->context = EVP_MD_CTX_new();
    CHECK(state->context != NULL);
    CHECK(EVP_DigestInit_ex(state->context, EVP_sha256(), NULL) == 1);
}

void crypto_sha256_update(struct crypto_sha256_state *state, const void *bytes, size_t size)
{
    CHECK(EVP_DigestUpdate(state->context, bytes, size) == 1);
}

struct digest crypto_sha256_final(struct crypto_sha256_state *state)
{
    struct digest digest;
    CHECK(EVP_MD_CTX_get_size(state->context) == DIGEST_BYTES);
    CHECK(EVP_DigestFinal_ex(state->context, digest.bytes, NULL) == 1);
    EVP_MD_CTX_free(state->context);
    state->context = NULL;
    return digest;
}

struct digest crypto_sha256(const void *bytes, size_t size)
{
    struct crypto_sha256_state state;
    crypto_sha256_init(&state);
    crypto_sha256_update(&state, bytes, size);
    return crypto_sha256_final(&state);
}

struct digest crypto_blake(const void *bytes, size_t size)
{
    struct digest digest;
    CHECK(crypto_generichash_blake2b(digest.bytes, DIGEST_BYTES, bytes, size, NULL, 0) == 0);
    return digest;
}

struct digest crypto_blake_keyed(const uint8_t *key, const void *bytes, size_t size)
{
    struct digest digest;
    CHECK(crypto_generichash_blake2b(digest.bytes, DIGEST_BYTES, bytes, size, key,
                                     CRYPTO_KEY_BYTES) == 0);
    return digest;
}

void blake_init(struct blake *state, const uint8_t *key)
{
    size_t key_size = key == NULL ? 0 : CRYPTO_KEY_BYTES;
    CHECK(crypto_generichash_blake2b_init(blake_of(state), key, key_size, DIGEST_BYTES) == 0);
}

void blake_update(struct blake *state, const void *bytes, size_t size)
{
    (void)crypto_generichash_blake2b_update(blake_of(state), bytes, size);
}

struct digest blake_final(struct blake *state)
{
    struct digest digest;
    CHECK(crypto_generichash_blake2b_final(blake_of(state), digest.bytes, DIGEST_BYTES) == 0);
    return digest;
}

void blake_part(struct blake *state, const void *bytes, size_t size)
{
    uint8_t prefix[8];
    for (unsigned i = 0; i < sizeof(prefix); i++) {
        prefix[i] = (uint8_t)((uint64_t)size >> (8 * i));
    }
    blake_update(state, prefix, sizeof(prefix));
    blake_update(state, bytes, size);
}

void blake_part_text(struct blake *state, const char *text)
{
    blake_part(state, text, strlen(text));
}

void blake_part_u64(struct blake *state, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    blake_part(state, bytes, sizeof(bytes));
}

bool crypto_equal(const void *a, const void *b, size_t size)
{
    return size == 0 || sodium_memcmp(a, b, size) == 0;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return sodium_memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

void digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES])
{
    hex_encode(digest->bytes, DIGEST_BYTES, out);
}

bool digest_of_hex(const char *text, struct digest *ret_digest)
{
    return hex_decode(text, ret_digest->bytes, DIGEST_BYTES);
}

/* Drop what was appended after `size`; the memory is wiped first. */
static void buf_rewind(struct buf *out, size_t size)
{
    if (out->data != NULL) {
        sodium_memzero(out->data + size, out->size - size);
        out->size = size;
        out->data[size] = '\0';
    }
}

void crypto_seal_bytes(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
                       struct str associated, uint8_t *bytes, size_t size)
{
    unsigned long long tag_size = 0;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
        bytes, bytes + size, &tag_size, bytes, size, (const uint8_t *)associated.data,
        associated.size, NULL, nonce, key);
    CHECK(tag_size == CRYPTO_TAG_BYTES);
}

void crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
                 struct str associated, struct str plain, struct buf *out)
{
    static const uint8_t no_tag[CRYPTO_TAG_BYTES];
    size_t start = out->size;
    buf_append(out, plain.data, plain.size);
    buf_append(out, no_tag, sizeof(no_tag));
    if (out->failed) {
        buf_rewind(out, start);
        return;
    }
    crypto_seal_bytes(key, nonce, associated, (uint8_t *)out->data + start, plain.size);
}

enum err crypto_open(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t nonce[CRYPTO_NONCE_BYTES],
                     struct str associated, struct str sealed, struct buf *out, struct error *err)
{
    if (sealed.size < CRYPTO_TAG_BYTES) {
        return error_set(err, ERR_CORRUPT, "sealed value is %zu bytes, shorter than its tag",
                         sealed.size);
    }
    size_t start = out->size;
    size_t size = sealed.size - CRYPTO_TAG_BYTES;
    buf_append(out, sealed.data, size);
    if (out->failed) {
        return error_set(err, ERR_NOMEM, "no room to open a sealed value of %zu bytes", size);
    }
    uint8_t *bytes = (uint8_t *)out->data + start;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
            bytes, NULL, bytes, size, (const uint8_t *)sealed.data + size,
            (const uint8_t *)associated.data, associated.size, nonce, key) != 0) {
        buf_rewind(out, start);
        return error_set(err, ERR_CORRUPT,
                         "sealed value does not open: other key, other place or changed bytes");
    }
    return ERR_OK;
}

void crypto_wipe(void *bytes, size_t size)
{
    sodium_memzero(bytes, size);
}
