/* Fetching a value piece by piece from somebody who keeps it, loses it, lies or says nothing. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/crypto/crypto.h"
#include "common/wire/blob.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"

enum manner { HONEST, DEAF, SHORT, LONG, OTHER, REFUSES, GARBAGE, HUGE };

/* Who is asked. */
struct keeper {
    struct buf text;
    enum manner manner;
    unsigned silent; /* questions that get lost first */
    unsigned asked;
    atomic_bool stop;
};

static enum err answer(void *user, struct str request, unsigned timeout_ms, struct buf *ret_reply,
                       struct error *err)
{
    struct keeper *keeper = user;
    struct arena *arena = arena_create(1 << 16);
    Mainstay__BlobRequest *read = NULL;
    (void)timeout_ms;
    buf_clear(ret_reply);
    keeper->asked++;
    cr_assert_eq(blob_request_read(request, arena, &read, err), ERR_OK);
    struct str piece = blob_piece((struct str){keeper->text.data, keeper->text.size}, read->offset);
    enum err code = ERR_OK;
    if (keeper->manner == DEAF || keeper->asked <= keeper->silent) {
        code = error_set(err, ERR_TIMEOUT, "nobody");
    } else if (keeper->manner == GARBAGE) {
        buf_append_str(ret_reply, "\xff\xff\xff");
    } else if (keeper->manner == HUGE) {
        code = error_set(err, ERR_LIMIT, "too much");
    } else if (keeper->manner == REFUSES) {
        blob_reply_pack((struct str){0}, "gone", ret_reply);
    } else {
        piece.size -= keeper->manner == SHORT && read->offset > 0 ? 1 : 0;
        piece.data += keeper->manner == OTHER && read->offset > 0 ? -1 : 0;
        piece.size += keeper->manner == LONG && read->offset > 0 ? 1 : 0;
        blob_reply_pack(piece, "", ret_reply);
    }
    arena_destroy(&arena);
    return code;
}

static void keeper_begin(struct keeper *keeper, enum manner manner, size_t size)
{
    *keeper = (struct keeper){.manner = manner, .text = BUF_INIT(LIMIT_DOCUMENT_BYTES + 8)};
    char *text = buf_extend(&keeper->text, size);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + i * 7 % 26);
    }
}

static enum err fetch(struct keeper *keeper, uint64_t bytes, struct buf *ret_text,
                      struct error *err)
{
    static uint8_t id[16];
    static struct digest digest;
    digest = crypto_blake(keeper->text.data, keeper->text.size);
    struct blob_order order = {
        .request = MAINSTAY__BLOB_REQUEST__INIT,
        .bytes = bytes,
        .deadline_ns = clock_deadline_ns(keeper->manner == DEAF ? 300 : 20000),
        .stop = &keeper->stop,
        .ask = answer,
        .user = keeper,
    };
    order.request.key = (ProtobufCBinaryData){.len = 16, .data = id};
    order.request.instance = order.request.key;
    order.request.kind = MAINSTAY__BLOB_KIND__BLOB_KIND_INPUT;
    order.request.digest = (ProtobufCBinaryData){.len = DIGEST_BYTES, .data = digest.bytes};
    return blob_fetch(&order, ret_text, err);
}

/* How a fetch of `size` bytes ends. */
static enum err outcome(enum manner manner, size_t size, uint64_t said, struct error *err)
{
    struct keeper keeper;
    struct buf text = BUF_INIT(LIMIT_DOCUMENT_BYTES);
    keeper_begin(&keeper, manner, size);
    enum err code = fetch(&keeper, said, &text, err);
    if (code == ERR_OK) {
        cr_expect_eq(text.size, size);
        cr_expect_eq(memcmp(text.data, keeper.text.data, size), 0);
        cr_expect_eq(keeper.asked, (size + LIMIT_PIECE_BYTES - 1) / LIMIT_PIECE_BYTES);
    }
    buf_release(&text);
    buf_release(&keeper.text);
    return code;
}

Test(blob, values_of_all_sizes_arrive_whole)
{
    static const size_t sizes[] = {1, LIMIT_PIECE_BYTES - 1, LIMIT_PIECE_BYTES,
                                   LIMIT_PIECE_BYTES + 1, LIMIT_DOCUMENT_BYTES};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct error err = {0};
        cr_expect_eq(outcome(HONEST, sizes[i], sizes[i], &err), ERR_OK, "%zu: %s", sizes[i],
                     err.message);
    }
}

Test(blob, what_is_not_what_was_announced_is_refused)
{
    static const struct {
        enum manner manner;
        enum err code;
        const char *words;
    } cases[] = {{SHORT, ERR_INVALID, "the piece at 262144 has"},
                 {LONG, ERR_INVALID, "the piece at 262144 has"},
                 {OTHER, ERR_INVALID, "its digest"},
                 {GARBAGE, ERR_INVALID, "not readable"},
                 {HUGE, ERR_INVALID, "larger than a piece"},
                 {REFUSES, ERR_NOT_FOUND, "gone"},
                 {DEAF, ERR_TIMEOUT, "in time"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        cr_expect_eq(outcome(cases[i].manner, 400000, 400000, &err), cases[i].code, "%zu", i);
        cr_expect_not_null(strstr(err.message, cases[i].words), "%zu: %s", i, err.message);
    }
}

/* The announced size bounds what is fetched, whatever the other side would go on sending. */
Test(blob, a_size_that_is_not_true_is_refused)
{
    struct error err = {0};
    cr_expect_eq(outcome(HONEST, 300000, 300001, &err), ERR_INVALID);
    cr_expect_eq(outcome(HONEST, 300000, 600000, &err), ERR_INVALID);
    cr_expect_eq(outcome(HONEST, 300000, 299999, &err), ERR_INVALID);
    cr_expect_eq(outcome(HONEST, 300000, LIMIT_DOCUMENT_BYTES + 1, &err), ERR_LIMIT);
    cr_expect_eq(outcome(HONEST, 300000, 0, &err), ERR_LIMIT);
}

Test(blob, a_lost_question_is_asked_again_and_a_stop_ends_it)
{
    struct error err = {0};
    struct keeper keeper;
    struct buf text = BUF_INIT(LIMIT_DOCUMENT_BYTES);
    keeper_begin(&keeper, HONEST, 1000);
    keeper.silent = 2;
    cr_expect_eq(fetch(&keeper, 1000, &text, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(keeper.asked, 3);
    atomic_store(&keeper.stop, true);
    cr_expect_eq(fetch(&keeper, 1000, &text, &err), ERR_UNAVAILABLE);
    cr_expect_eq(keeper.asked, 3);
    buf_release(&text);
    buf_release(&keeper.text);
}

Test(blob, a_request_names_a_value_and_the_beginning_of_a_piece)
{
    static uint8_t bytes[32];
    struct error err = {0};
    for (int i = 0; i < 6; i++) {
        Mainstay__BlobRequest request = MAINSTAY__BLOB_REQUEST__INIT;
        Mainstay__BlobRequest *read = NULL;
        struct buf packed = BUF_INIT(1000);
        struct arena *arena = arena_create(1 << 16);
        request.version = i == 1 ? 2 : ENVELOPE_VERSION;
        request.key = (ProtobufCBinaryData){.len = i == 2 ? 15 : 16, .data = bytes};
        request.digest = (ProtobufCBinaryData){.len = i == 3 ? 31 : 32, .data = bytes};
        request.offset = i == 4 ? 1 : LIMIT_PIECE_BYTES;
        request.kind =
            i == 5 ? MAINSTAY__BLOB_KIND__BLOB_KIND_INPUT : MAINSTAY__BLOB_KIND__BLOB_KIND_OUTPUT;
        cr_assert_eq(proto_pack(&request.base, &packed, NULL), ERR_OK);
        enum err code =
            blob_request_read((struct str){packed.data, packed.size}, arena, &read, &err);
        cr_expect_eq(code, i == 0 ? ERR_OK : ERR_INVALID, "%d", i);
        buf_release(&packed);
        arena_destroy(&arena);
    }
}
