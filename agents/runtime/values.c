#include "agents/runtime/values.h"

#include <string.h>

#include "agents/runtime/blobs.h"
#include "agents/runtime/telemetry.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/log.h"
#include "common/wire/blob.h"

enum { REQUEST_ARENA_BYTES = 64 * 1024 };

struct digest task_identity(const Mainstay__Task *task)
{
    struct blake blake;
    blake_init(&blake, NULL);
    blake_part_text(&blake, task->action);
    blake_part(&blake, task->input_digest.data, task->input_digest.len);
    if (task->proposal_blob != NULL) {
        blake_part(&blake, task->proposal_blob->digest.data, task->proposal_blob->digest.len);
    } else if (task->proposal.len > LIMIT_INLINE_BYTES) { /* whichever way it came */
        struct digest digest = crypto_blake(task->proposal.data, task->proposal.len);
        blake_part(&blake, digest.bytes, DIGEST_BYTES);
    } else {
        blake_part(&blake, task->proposal.data, task->proposal.len);
    }
    return blake_final(&blake);
}

bool task_input_is_announced(const Mainstay__Task *task)
{
    struct digest digest;
    if (task->input_blob == NULL) {
        digest = crypto_blake(task->input.data, task->input.len);
    } else {
        memcpy(digest.bytes, task->input_blob->digest.data, DIGEST_BYTES);
    }
    return memcmp(digest.bytes, task->input_digest.data, DIGEST_BYTES) == 0;
}

enum err value_fetch(struct runtime *runtime, struct job *job, Mainstay__BlobKind kind,
                     const Mainstay__BlobRef *blob, struct buf *ret_text, struct error *err)
{
    buf_clear(ret_text);
    if (runtime->ask == NULL) {
        return error_set(err, ERR_UNAVAILABLE, "there is nobody to ask for it");
    }
    const Mainstay__Task *task = job->task;
    int64_t deadline_ns = clock_deadline_ns(VALUE_FETCH_MS);
    struct blob_order order = {
        .request = MAINSTAY__BLOB_REQUEST__INIT,
        .bytes = blob->bytes,
        .deadline_ns = job->deadline_ns < deadline_ns ? job->deadline_ns : deadline_ns,
        .stop = &job->cancelled,
        .ask = runtime->ask,
        .user = runtime->ask_user,
    };
    order.request.key = task->key;
    order.request.phase = task->phase;
    order.request.instance = task->instance;
    order.request.frame = task->frame;
    order.request.kind = kind;
    order.request.digest = blob->digest;
    return blob_fetch(&order, ret_text, err);
}

static void key_of(struct blob_key *key, ProtobufCBinaryData name, Mainstay__Phase phase,
                   ProtobufCBinaryData digest)
{
    *key = (struct blob_key){.name = {.phase = (uint8_t)phase}};
    memcpy(key->name.key, name.data, OUTCOME_KEY_BYTES);
    memcpy(key->digest.bytes, digest.data, DIGEST_BYTES);
}

/* What `request` asks for; an answer goes into `ret_reply`. */
static enum err serve(struct runtime *runtime, const Mainstay__BlobRequest *request,
                      struct buf *ret_reply, struct error *err)
{
    struct blob_key key;
    key_of(&key, request->key, request->phase, request->digest);
    if (request->done) {
        return blobs_done(runtime->outcomes, &key, err);
    }
    struct buf piece = BUF_INIT(LIMIT_PIECE_BYTES);
    FAULT_POINT("blob-before-piece");
    enum err code = blobs_piece(runtime->outcomes, &key, request->offset, &piece, err);
    if (code == ERR_OK) {
        blob_reply_pack((struct str){piece.data, piece.size}, "", ret_reply);
    } else if (code == ERR_NOT_FOUND) {
        blob_reply_pack((struct str){0}, "this store does not have it, or not any more", ret_reply);
        code = ERR_OK;
    }
    buf_release(&piece);
    return code;
}

void value_serve(struct runtime *runtime, struct str request, struct buf *ret_reply)
{
    struct error err = {0};
    Mainstay__BlobRequest *read = NULL;
    struct arena *arena = arena_create(REQUEST_ARENA_BYTES);
    if (arena == NULL) {
        return;
    }
    if (blob_request_read(request, arena, &read, &err) != ERR_OK ||
        read->kind != MAINSTAY__BLOB_KIND__BLOB_KIND_OUTPUT) {
        log_warn("a request for an output is not readable: %s", err.message);
        blob_reply_pack((struct str){0}, "the request is not readable", ret_reply);
    } else if (serve(runtime, read, ret_reply, &err) != ERR_OK) {
        runtime->fatal(runtime, &err);
    }
    arena_destroy(&arena);
}

bool value_inline(struct runtime *runtime, Mainstay__Result *result, struct buf *text)
{
    const Mainstay__BlobRef *blob = result->output_blob;
    struct blob_key key;
    struct error err = {0};
    if (blob->digest.len != DIGEST_BYTES || blob->bytes > RESULT_BYTES_MAX) {
        return false;
    }
    key_of(&key, result->key, result->phase, blob->digest);
    struct buf piece = BUF_INIT(LIMIT_PIECE_BYTES);
    enum err code = ERR_OK;
    for (uint64_t offset = 0; offset < blob->bytes && code == ERR_OK; offset += LIMIT_PIECE_BYTES) {
        code = blobs_piece(runtime->outcomes, &key, offset, &piece, &err);
        buf_append(text, piece.data, code == ERR_OK ? piece.size : 0);
    }
    buf_release(&piece);
    result->output_blob = NULL;
    result->output = envelope_bytes((struct str){text->data, text->size});
    return code == ERR_OK && !text->failed &&
           mainstay__result__get_packed_size(result) <= RESULT_BYTES_MAX;
}
