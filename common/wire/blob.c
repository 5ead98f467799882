#include "common/wire/blob.h"

#include <poll.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/crypto/crypto.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"

enum {
    FIRST_MS = 250, /* one question, doubling: through an account import nobody there is silence */
    MOST_MS = 2000,
    REFUSED_BYTES = 512, /* of somebody else's words */
    REQUEST_BYTES = 256,
    REPLY_ARENA_BYTES = 2 * BLOB_REPLY_BYTES
};

struct str blob_piece(struct str text, uint64_t offset)
{
    if (offset >= text.size) {
        return (struct str){0};
    }
    size_t left = text.size - (size_t)offset;
    return (struct str){.data = text.data + offset,
                        .size = left < LIMIT_PIECE_BYTES ? left : LIMIT_PIECE_BYTES};
}

void blob_reply_pack(struct str piece, const char *refused, struct buf *ret_reply)
{
    char words[REFUSED_BYTES];
    Mainstay__BlobReply reply = MAINSTAY__BLOB_REPLY__INIT;
    bool readable = utf8_valid(refused, strlen(refused));
    (void)text_copy(words, sizeof(words), readable ? refused : "unreadable");
    reply.version = ENVELOPE_VERSION;
    reply.piece = envelope_bytes(piece);
    reply.refused = words;
    enum err code = proto_pack(&reply.base, ret_reply, NULL);
    CHECK(code == ERR_OK);
}

enum err blob_request_read(struct str bytes, struct arena *arena,
                           Mainstay__BlobRequest **ret_request, struct error *err)
{
    *ret_request = NULL;
    ProtobufCMessage *message = NULL;
    TRY(proto_unpack(&mainstay__blob_request__descriptor, bytes, &proto_limits_bus, arena, &message,
                     err));
    Mainstay__BlobRequest *request = (Mainstay__BlobRequest *)message;
    bool named = envelope_sized(request->key, ENVELOPE_ID_BYTES) &&
                 envelope_sized(request->digest, ENVELOPE_DIGEST_BYTES) &&
                 (envelope_sized(request->instance, ENVELOPE_ID_BYTES) ||
                  request->kind == MAINSTAY__BLOB_KIND__BLOB_KIND_OUTPUT);
    if (request->version != ENVELOPE_VERSION) {
        return error_set(err, ERR_INVALID, "a request of version %u, this program knows %d",
                         (unsigned)request->version, ENVELOPE_VERSION);
    }
    if (!named || request->offset % LIMIT_PIECE_BYTES != 0) {
        return error_set(err, ERR_INVALID, "the request names no value and place of a piece");
    }
    *ret_request = request;
    return ERR_OK;
}

static enum err reply_read(const struct buf *bytes, struct arena *arena,
                           Mainstay__BlobReply **ret_reply, struct error *err)
{
    ProtobufCMessage *message = NULL;
    enum err code = proto_unpack(&mainstay__blob_reply__descriptor,
                                 (struct str){.data = bytes->data, .size = bytes->size},
                                 &proto_limits_bus, arena, &message, err);
    if (code != ERR_OK) {
        return code == ERR_NOMEM ? code : error_set(err, ERR_INVALID, "an answer is not readable");
    }
    *ret_reply = (Mainstay__BlobReply *)message;
    return ERR_OK;
}

/* Ask until there is an answer. */
static enum err question(const struct blob_order *order, struct str request, struct buf *ret_reply,
                         struct error *err)
{
    for (unsigned wait_ms = FIRST_MS;; wait_ms = 2 * wait_ms < MOST_MS ? 2 * wait_ms : MOST_MS) {
        int64_t left_ms = (order->deadline_ns - clock_monotonic_ns()) / 1000000;
        if (order->stop != NULL && atomic_load(order->stop)) {
            return error_set(err, ERR_UNAVAILABLE, "it was asked for until now");
        }
        if (left_ms <= 0) {
            return error_set(err, ERR_TIMEOUT, "nobody answered in time");
        }
        unsigned patience = left_ms < (int64_t)wait_ms ? (unsigned)left_ms : wait_ms;
        int64_t until_ns = clock_deadline_ns(patience);
        enum err code = order->ask(order->user, request, patience, ret_reply, err);
        if (code == ERR_LIMIT) {
            return error_set(err, ERR_INVALID, "an answer is larger than a piece");
        }
        if (code != ERR_TIMEOUT && code != ERR_UNAVAILABLE) {
            return code;
        }
        int64_t rest_ns = until_ns - clock_monotonic_ns(); /* a bus that is away says so at once */
        if (rest_ns > 0) {
            (void)poll(NULL, 0, (int)(rest_ns / 1000000) + 1);
        }
    }
}

/* Append the piece at `offset`. */
static enum err piece_get(const struct blob_order *order, uint64_t offset, struct arena *arena,
                          struct buf *text, struct error *err)
{
    Mainstay__BlobRequest request = order->request;
    Mainstay__BlobReply *reply = NULL;
    struct buf packed = BUF_INIT(REQUEST_BYTES);
    struct buf answer = BUF_INIT(BLOB_REPLY_BYTES);
    uint64_t left = order->bytes - offset;
    size_t want = left < LIMIT_PIECE_BYTES ? (size_t)left : LIMIT_PIECE_BYTES;
    request.version = ENVELOPE_VERSION;
    request.offset = offset;
    enum err code = proto_pack(&request.base, &packed, err);
    if (code == ERR_OK) {
        code = question(order, (struct str){packed.data, packed.size}, &answer, err);
    }
    if (code == ERR_OK) {
        code = reply_read(&answer, arena, &reply, err);
    }
    if (code == ERR_OK && reply->refused[0] != '\0') {
        code = error_set(err, ERR_NOT_FOUND, "%.*s", REFUSED_BYTES, reply->refused);
    } else if (code == ERR_OK && reply->piece.len != want) {
        code = error_set(err, ERR_INVALID, "the piece at %llu has %zu bytes, not %zu",
                         (unsigned long long)offset, reply->piece.len, want);
    } else if (code == ERR_OK) {
        buf_append(text, reply->piece.data, reply->piece.len);
        code = text->failed ? error_set(err, ERR_NOMEM, "no memory for a value") : ERR_OK;
    }
    buf_release(&packed);
    buf_release(&answer);
    return code;
}

enum err blob_fetch(const struct blob_order *order, struct buf *ret_text, struct error *err)
{
    if (order->bytes == 0 || order->bytes > LIMIT_DOCUMENT_BYTES) {
        return error_set(err, ERR_LIMIT, "it is said to have %llu bytes, 1 to %d are allowed",
                         (unsigned long long)order->bytes, LIMIT_DOCUMENT_BYTES);
    }
    struct arena *arena = arena_create(REPLY_ARENA_BYTES);
    size_t begin = ret_text->size;
    enum err code = arena == NULL ? error_set(err, ERR_NOMEM, "no memory for a value") : ERR_OK;
    for (uint64_t offset = 0; code == ERR_OK && offset < order->bytes;
         offset += LIMIT_PIECE_BYTES) {
        code = piece_get(order, offset, arena, ret_text, err);
        arena_reset(arena);
    }
    arena_destroy(&arena);
    if (code == ERR_OK) {
        struct digest digest = crypto_blake(ret_text->data + begin, ret_text->size - begin);
        ProtobufCBinaryData said = order->request.digest;
        if (said.len != DIGEST_BYTES || memcmp(said.data, digest.bytes, DIGEST_BYTES) != 0) {
            code = error_set(err, ERR_INVALID, "its digest is not the one that was announced");
        }
    }
    return code;
}
