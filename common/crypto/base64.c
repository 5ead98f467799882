#include <sodium.h>

#include "common/base/buf.h"
#include "common/crypto/crypto.h"

/* Work is done in chunks on the stack: 3 bytes are 4 characters, so chunks never share a group. */
enum { CHUNK_BYTES = 768, CHUNK_TEXT = 1024 };

_Static_assert(CHUNK_BYTES % 3 == 0 && CHUNK_TEXT == CHUNK_BYTES / 3 * 4, "whole groups");

void base64_encode(const void *bytes, size_t size, struct buf *out)
{
    const unsigned char *in = bytes;
    char text[CHUNK_TEXT + 1];
    for (size_t at = 0; at < size; at += CHUNK_BYTES) {
        size_t take = size - at < CHUNK_BYTES ? size - at : CHUNK_BYTES;
        (void)sodium_bin2base64(text, sizeof(text), in + at, take, sodium_base64_VARIANT_ORIGINAL);
        buf_append(out, text, (take + 2) / 3 * 4);
    }
}

bool base64_decode(const char *text, size_t size, struct buf *out)
{
    size_t start = out->size;
    unsigned char bytes[CHUNK_BYTES];
    bool good = size % 4 == 0;
    for (size_t at = 0; good && at < size; at += CHUNK_TEXT) {
        size_t take = size - at < CHUNK_TEXT ? size - at : CHUNK_TEXT;
        size_t length = 0;
        good = sodium_base642bin(bytes, sizeof(bytes), text + at, take, NULL, &length, NULL,
                                 sodium_base64_VARIANT_ORIGINAL) == 0;
        bool last = at + take == size;
        good = good && (last || length == CHUNK_BYTES); /* padding only at the very end */
        if (good) {
            buf_append(out, bytes, length);
            good = !out->failed;
        }
    }
    if (!good && out->data != NULL) {
        out->size = start;
        out->data[start] = '\0';
    }
    return good;
}
