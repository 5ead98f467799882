#include <criterion/criterion.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/crypto/crypto.h"

static const char *hex(struct digest digest)
{
    static char text[DIGEST_HEX_BYTES];
    digest_hex(&digest, text);
    return text;
}

/* FIPS 180-4 examples: the empty message and "abc". */
Test(crypto, sha256_matches_the_standard)
{
    cr_assert_str_eq(hex(crypto_sha256(NULL, 0)),
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    cr_assert_str_eq(hex(crypto_sha256("abc", 3)),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct crypto_sha256_state state;
    crypto_sha256_init(&state);
    crypto_sha256_update(&state, "a", 1);
    crypto_sha256_update(&state, "bc", 2);
    cr_assert_str_eq(hex(crypto_sha256_final(&state)),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* "abc" under BLAKE2b with a 32-byte digest, as b2sum -l 256 prints it. */
Test(crypto, blake_matches_b2sum)
{
    cr_assert_str_eq(hex(crypto_blake("abc", 3)),
                     "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    struct blake state;
    blake_init(&state, NULL);
    blake_update(&state, "ab", 2);
    blake_update(&state, "c", 1);
    struct digest pieces = blake_final(&state);
    struct digest whole = crypto_blake("abc", 3);
    cr_assert(digest_equal(&pieces, &whole));
}

Test(crypto, a_key_changes_the_digest_and_streams_the_same)
{
    uint8_t key[CRYPTO_KEY_BYTES] = {1};
    struct digest plain = crypto_blake("abc", 3);
    struct digest keyed = crypto_blake_keyed(key, "abc", 3);
    cr_assert(!digest_equal(&plain, &keyed));
    struct blake state;
    blake_init(&state, key);
    blake_update(&state, "abc", 3);
    struct digest streamed = blake_final(&state);
    cr_assert(digest_equal(&keyed, &streamed));
}

static struct digest parts(const char *a, const char *b)
{
    struct blake state;
    blake_init(&state, NULL);
    blake_part_text(&state, a);
    blake_part_text(&state, b);
    return blake_final(&state);
}

Test(crypto, parts_do_not_run_into_each_other)
{
    struct digest a = parts("ab", "c");
    struct digest b = parts("a", "bc");
    struct digest again = parts("ab", "c");
    cr_assert(!digest_equal(&a, &b));
    cr_assert(digest_equal(&a, &again));
}

Test(crypto, hex_goes_both_ways)
{
    struct digest digest = crypto_blake("x", 1);
    struct digest back;
    char text[DIGEST_HEX_BYTES];
    digest_hex(&digest, text);
    cr_assert(digest_of_hex(text, &back));
    cr_assert(digest_equal(&digest, &back));
    text[63] = '\0';
    cr_assert(!digest_of_hex(text, &back));
}

Test(crypto, random_bytes_differ)
{
    struct error err = {0};
    cr_assert_eq(crypto_init(&err), ERR_OK);
    uint8_t a[32];
    uint8_t b[32];
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    cr_assert(!crypto_equal(a, b, sizeof(a)));
    crypto_wipe(a, sizeof(a));
    crypto_wipe(b, sizeof(b));
    cr_assert(crypto_equal(a, b, sizeof(a)));
}

Test(crypto, what_is_sealed_opens_only_unchanged_and_in_its_place)
{
    uint8_t key[CRYPTO_KEY_BYTES] = {7};
    uint8_t nonce[CRYPTO_NONCE_BYTES] = {9};
    struct error err = {0};
    struct buf sealed = BUF_INIT(1000);
    struct buf opened = BUF_INIT(1000);
    buf_append_str(&opened, "kept:");
    crypto_seal(key, nonce, STR("row 1"), STR("the secret"), &sealed);
    cr_assert_eq(sealed.size, 10 + CRYPTO_TAG_BYTES);
    struct str bytes = {sealed.data, sealed.size};
    cr_assert_eq(crypto_open(key, nonce, STR("row 1"), bytes, &opened, &err), ERR_OK);
    cr_assert_str_eq(opened.data, "kept:the secret");
    cr_assert_eq(crypto_open(key, nonce, STR("row 2"), bytes, &opened, &err), ERR_CORRUPT);
    sealed.data[3] = (char)(sealed.data[3] ^ 1);
    cr_assert_eq(crypto_open(key, nonce, STR("row 1"), bytes, &opened, &err), ERR_CORRUPT);
    cr_assert_str_eq(opened.data, "kept:the secret");
    bytes.size = 15;
    cr_assert_eq(crypto_open(key, nonce, STR("row 1"), bytes, &opened, &err), ERR_CORRUPT);
    buf_release(&sealed);
    buf_release(&opened);
}

Test(crypto, sealing_in_place_gives_the_same_bytes)
{
    uint8_t key[CRYPTO_KEY_BYTES] = {1, 2, 3};
    uint8_t nonce[CRYPTO_NONCE_BYTES] = {4, 5};
    uint8_t bytes[10 + CRYPTO_TAG_BYTES] = "the secret";
    struct buf sealed = BUF_INIT(1000);
    crypto_seal(key, nonce, STR("row 1"), STR("the secret"), &sealed);
    crypto_seal_bytes(key, nonce, STR("row 1"), bytes, 10);
    cr_assert_eq(sealed.size, sizeof(bytes));
    cr_assert_arr_eq(bytes, sealed.data, sizeof(bytes));
    buf_release(&sealed);
}

Test(crypto, sealing_into_a_full_buffer_fails_and_leaves_no_plain_text)
{
    uint8_t key[CRYPTO_KEY_BYTES] = {7};
    uint8_t nonce[CRYPTO_NONCE_BYTES] = {9};
    struct buf out = BUF_INIT(20);
    crypto_seal(key, nonce, STR(""), STR("the secret"), &out);
    cr_assert(out.failed);
    cr_assert_eq(out.size, 0);
    buf_release(&out);
}

/* RFC 4648 section 10. */
Test(base64, matches_the_vectors_of_the_rfc)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct buf text = BUF_INIT(100);
        struct buf back = BUF_INIT(100);
        buf_append_str(&text, "");
        buf_append_str(&back, "");
        base64_encode(pairs[i][0], strlen(pairs[i][0]), &text);
        cr_assert_str_eq(text.data, pairs[i][1]);
        cr_assert(base64_decode(text.data, text.size, &back));
        cr_assert_str_eq(back.data, pairs[i][0]);
        buf_release(&text);
        buf_release(&back);
    }
}

Test(base64, refuses_what_is_not_canonical)
{
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9v\n", "Zm9*", "Zg==Zg==", "===="};
    struct buf out = BUF_INIT(100);
    buf_append_str(&out, "kept");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert(!base64_decode(bad[i], strlen(bad[i]), &out), "%s", bad[i]);
        cr_assert_str_eq(out.data, "kept");
    }
    buf_release(&out);
}

Test(base64, long_values_survive)
{
    unsigned char bytes[5000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 7);
    }
    for (size_t size = 760; size < sizeof(bytes); size += 769) {
        struct buf text = BUF_INIT(10000);
        struct buf back = BUF_INIT(10000);
        base64_encode(bytes, size, &text);
        cr_assert(base64_decode(text.data, text.size, &back));
        cr_assert_eq(back.size, size);
        cr_assert_eq(memcmp(back.data, bytes, size), 0);
        buf_release(&text);
        buf_release(&back);
    }
}
