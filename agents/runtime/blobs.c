#include "agents/runtime/blobs.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/store/kv.h"

enum {
    NAME_BYTES = OUTCOME_KEY_BYTES + 1,
    PREFIX_BYTES = 1 + NAME_BYTES + DIGEST_BYTES,
    PIECE_KEY_BYTES = PREFIX_BYTES + 4,
    TIME_KEY_BYTES = 1 + 8 + NAME_BYTES + DIGEST_BYTES,
    PIECES_MAX = LIMIT_DOCUMENT_BYTES / LIMIT_PIECE_BYTES + 1,
    SWEEP_MAX = 8 /* outputs dropped for each one that comes */
};

static void name_append(struct buf *out, const struct outcome_name *name)
{
    buf_append(out, name->key, OUTCOME_KEY_BYTES);
    buf_append_byte(out, name->phase);
}

static void prefix_append(struct buf *out, const struct blob_key *key)
{
    buf_append_byte(out, 'o');
    name_append(out, &key->name);
    buf_append(out, key->digest.bytes, DIGEST_BYTES);
}

static struct str view(const struct buf *bytes)
{
    return (struct str){.data = bytes->data, .size = bytes->size};
}

/* Append the deletion of every row whose key begins with `prefix`. */
static enum err prefix_delete(struct outcomes *outcomes, struct kv_batch *batch, struct buf *prefix,
                              struct error *err)
{
    char upper[PREFIX_BYTES + 1];
    memcpy(upper, prefix->data, prefix->size);
    size_t size = prefix->size;
    while (size > 0 && (unsigned char)upper[size - 1] == 0xFF) {
        size--;
    }
    upper[size - 1]++; /* the first byte is a letter, so there is one to count up */
    struct kv_range range = {.family = FAMILY_BLOBS, .lower = view(prefix), .upper = {upper, size}};
    return kv_delete_range(outcomes_kv(outcomes), batch, &range, 4 * (size_t)PIECES_MAX, NULL, err);
}

static enum err old_sweep(struct outcomes *outcomes, struct kv_batch *batch, uint64_t now_ms,
                          struct error *err)
{
    const uint64_t kept_ms = (uint64_t)BLOB_KEPT_MINUTES * 60 * 1000;
    struct buf upper = BUF_INIT(TIME_KEY_BYTES);
    struct buf prefix = BUF_INIT(PREFIX_BYTES);
    buf_append_byte(&upper, 't');
    buf_append_u64(&upper, now_ms > kept_ms ? now_ms - kept_ms : 0);
    struct kv_range range = {.family = FAMILY_BLOBS, .lower = STR("t"), .upper = view(&upper)};
    struct kv_iter *iter = kv_iter_create(outcomes_kv(outcomes), &range);
    enum err code = ERR_OK;
    size_t count = 0;
    for (kv_iter_seek_first(iter); kv_iter_valid(iter) && count < SWEEP_MAX && code == ERR_OK;
         kv_iter_next(iter), count++) {
        struct str key = kv_iter_key(iter);
        kv_batch_delete(batch, FAMILY_BLOBS, key);
        if (key.size == TIME_KEY_BYTES) {
            buf_clear(&prefix);
            buf_append_byte(&prefix, 'o');
            buf_append(&prefix, key.data + 9, PREFIX_BYTES - 1);
            code = prefix_delete(outcomes, batch, &prefix, err);
        }
    }
    if (code == ERR_OK) {
        code = kv_iter_status(iter, err);
    }
    kv_iter_destroy(&iter);
    buf_release(&upper);
    buf_release(&prefix);
    return code;
}

enum err blobs_put(struct outcomes *outcomes, struct kv_batch *batch, const struct blob_key *key,
                   struct str text, bool loose, uint64_t now_ms, struct error *err)
{
    CHECK(text.size <= LIMIT_DOCUMENT_BYTES);
    enum err code = loose ? old_sweep(outcomes, batch, now_ms, err) : ERR_OK;
    struct buf row = BUF_INIT(PIECE_KEY_BYTES + TIME_KEY_BYTES);
    uint32_t number = 0;
    for (size_t offset = 0; offset < text.size; offset += LIMIT_PIECE_BYTES, number++) {
        size_t left = text.size - offset;
        buf_clear(&row);
        prefix_append(&row, key);
        buf_append_u32(&row, number);
        kv_batch_put(batch, FAMILY_BLOBS, view(&row),
                     (struct str){.data = text.data + offset,
                                  .size = left < LIMIT_PIECE_BYTES ? left : LIMIT_PIECE_BYTES});
    }
    if (loose) {
        buf_clear(&row);
        buf_append_byte(&row, 't');
        buf_append_u64(&row, now_ms);
        name_append(&row, &key->name);
        buf_append(&row, key->digest.bytes, DIGEST_BYTES);
        kv_batch_put(batch, FAMILY_BLOBS, view(&row), STR(""));
    }
    buf_release(&row);
    outcomes_blobs_used(outcomes);
    return code;
}

enum err blobs_piece(struct outcomes *outcomes, const struct blob_key *key, uint64_t offset,
                     struct buf *ret_piece, struct error *err)
{
    if (offset >= LIMIT_DOCUMENT_BYTES) {
        return ERR_NOT_FOUND;
    }
    struct buf row = BUF_INIT(PIECE_KEY_BYTES);
    prefix_append(&row, key);
    buf_append_u32(&row, (uint32_t)(offset / LIMIT_PIECE_BYTES));
    enum err code = kv_get(outcomes_kv(outcomes), FAMILY_BLOBS, view(&row), ret_piece, err);
    buf_release(&row);
    return code;
}

enum err blobs_done(struct outcomes *outcomes, const struct blob_key *key, struct error *err)
{
    struct outcome kept;
    struct buf scratch = BUF_INIT(LIMIT_MESSAGE_BYTES + 4096);
    enum err code = outcomes_get(outcomes, &key->name, &scratch, &kept, err);
    buf_release(&scratch);
    TRY(code);
    if (kept.state != OUTCOME_NONE) {
        return ERR_OK;
    }
    struct kv_batch *batch = kv_batch_create(outcomes_kv(outcomes));
    struct buf prefix = BUF_INIT(PREFIX_BYTES);
    prefix_append(&prefix, key);
    code = prefix_delete(outcomes, batch, &prefix, err);
    if (code == ERR_OK && kv_batch_count(batch) > 0) {
        code = kv_commit(outcomes_kv(outcomes), batch, false, err); /* lost: kept some longer */
    }
    buf_release(&prefix);
    kv_batch_destroy(&batch);
    return code;
}

enum err blobs_forget(struct outcomes *outcomes, struct kv_batch *batch,
                      const struct outcome_name *name, struct error *err)
{
    struct buf prefix = BUF_INIT(PREFIX_BYTES);
    buf_append_byte(&prefix, 'o');
    name_append(&prefix, name);
    enum err code = prefix_delete(outcomes, batch, &prefix, err);
    buf_release(&prefix);
    return code;
}
