/*
 * Values asked for piece by piece. The first byte chooses: whatever is asked is refused with words
 * or can be asked again; whatever is answered, a value counts only with the size and the digest
 * that were announced, and an honest answer always does.
 */
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/crypto/crypto.h"
#include "common/wire/blob.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"

/* NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 1024 * 1024, PATIENCE_MS = 60000, PART_MOST = 65535, SIZE_BYTES = 2 };

static uint8_t key[ENVELOPE_ID_BYTES] = "the key of all  ";

/* Who is asked: answers with parts of the input as they come, or with the value. */
struct asked {
    struct str left;
    struct str value; /* data is NULL: it lies */
};

/* The next part: two bytes of size, and so many bytes. */
static struct str part_take(struct str *left)
{
    if (left->size < SIZE_BYTES) {
        return (struct str){0};
    }
    const uint8_t *head = (const uint8_t *)left->data;
    size_t size = (size_t)head[0] << 8 | head[1];
    size = size < left->size - SIZE_BYTES ? size : left->size - SIZE_BYTES;
    struct str part = {.data = left->data + SIZE_BYTES, .size = size};
    left->data += SIZE_BYTES + size;
    left->size -= SIZE_BYTES + size;
    return part;
}

static enum err answer(void *user, struct str request, unsigned timeout_ms, struct buf *ret_reply,
                       struct error *err)
{
    struct asked *asked = user;
    (void)timeout_ms;
    buf_clear(ret_reply);
    if (asked->value.data != NULL) {
        struct arena *arena = arena_create(ARENA_BYTES);
        Mainstay__BlobRequest *read = NULL;
        CHECK(arena != NULL);
        CHECK(blob_request_read(request, arena, &read, err) == ERR_OK);
        blob_reply_pack(blob_piece(asked->value, read->offset), "", ret_reply);
        arena_destroy(&arena);
        return ERR_OK;
    }
    if (asked->left.size == 0) {
        return error_set(err, ERR_REFUSED, "there is nothing more");
    }
    struct str part = part_take(&asked->left);
    buf_append(ret_reply, part.data, part.size);
    return ERR_OK;
}

static void play_fetch(bool honest, struct str input)
{
    struct error err = {0};
    struct asked asked = {.left = input};
    struct str value = part_take(&asked.left);
    asked.value = honest ? value : (struct str){0};
    struct digest digest = crypto_blake(value.data, value.size);
    struct blob_order order = {.request = MAINSTAY__BLOB_REQUEST__INIT,
                               .bytes = value.size,
                               .deadline_ns = clock_deadline_ns(PATIENCE_MS),
                               .ask = answer,
                               .user = &asked};
    order.request.kind = MAINSTAY__BLOB_KIND__BLOB_KIND_OUTPUT;
    order.request.key = (ProtobufCBinaryData){.data = key, .len = sizeof(key)};
    order.request.digest = (ProtobufCBinaryData){.data = digest.bytes, .len = DIGEST_BYTES};
    struct buf text = BUF_INIT(PART_MOST + 1);
    enum err code = blob_fetch(&order, &text, &err);
    CHECK_IMPLIES(honest, code == (value.size > 0 ? ERR_OK : ERR_LIMIT));
    CHECK_IMPLIES(code != ERR_OK, err.message[0] != '\0');
    CHECK_IMPLIES(code == ERR_OK,
                  text.size == value.size && memcmp(text.data, value.data, text.size) == 0);
    buf_release(&text);
}

static void play_request(struct str bytes)
{
    struct error err = {0};
    struct arena *arena = arena_create(ARENA_BYTES);
    Mainstay__BlobRequest *request = NULL;
    enum err code = blob_request_read(bytes, arena, &request, &err);
    CHECK((code == ERR_OK) == (request != NULL));
    CHECK_IMPLIES(code != ERR_OK, err.message[0] != '\0');
    if (request != NULL) {
        struct buf packed = BUF_INIT(ARENA_BYTES);
        Mainstay__BlobRequest *again = NULL;
        struct str text = {0};
        CHECK(blob_piece(text, request->offset).size == 0);
        CHECK(proto_pack(&request->base, &packed, &err) == ERR_OK);
        CHECK(blob_request_read((struct str){packed.data, packed.size}, arena, &again, &err) ==
              ERR_OK);
        buf_release(&packed);
    }
    arena_destroy(&arena);
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct str bytes = {.data = (const char *)data + 1, .size = size - 1};
    if (data[0] % 4 == 0) {
        play_request(bytes);
    } else {
        play_fetch(data[0] % 4 == 1, bytes);
    }
    return 0;
}
