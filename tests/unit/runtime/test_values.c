/* Values too large for a message: outputs that are kept and served, inputs that are fetched. */
#include <criterion/criterion.h>
#include <string.h>

#include "agents/runtime/blobs.h"
#include "agents/runtime/values.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/store/kv.h"
#include "common/wire/proto_arena.h"
#include "tests/unit/runtime/harness.h"

enum { LARGE = 300000 };

static const Mainstay__ResultStatus DONE = MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE;
static const Mainstay__ResultStatus FAILED = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;

static struct harness harness;
static struct harness *const h = &harness;

static void begin(void)
{
    harness_start(h, 4);
    atomic_store(&h->runtime.blobs, true);
}

static void end(void)
{
    harness_end(h);
}

TestSuite(values, .init = begin, .fini = end);

/* ---- outputs ---- */

static enum err serve(void *user, struct str request, unsigned timeout_ms, struct buf *ret_reply,
                      struct error *err)
{
    (void)user;
    (void)timeout_ms;
    (void)err;
    buf_clear(ret_reply);
    value_serve(&h->runtime, request, ret_reply);
    return ERR_OK;
}

static void request_fill(const struct got *got, uint8_t key[16], Mainstay__BlobRequest *request)
{
    memset(key, got->key, 16);
    *request = (Mainstay__BlobRequest)MAINSTAY__BLOB_REQUEST__INIT;
    request->version = 1;
    request->key = (ProtobufCBinaryData){.len = 16, .data = key};
    request->phase = got->phase;
    request->kind = MAINSTAY__BLOB_KIND__BLOB_KIND_OUTPUT;
    request->digest = envelope_bytes((struct str){(const char *)got->blob.bytes, DIGEST_BYTES});
}

/* Fetch the output as a coordinator does. */
static enum err fetched(const struct got *got)
{
    uint8_t key[16];
    struct error err = {0};
    struct buf text = BUF_INIT(LIMIT_DOCUMENT_BYTES);
    struct blob_order order = {
        .bytes = got->blob_bytes, .deadline_ns = clock_deadline_ns(10000), .ask = serve};
    request_fill(got, key, &order.request);
    enum err code = blob_fetch(&order, &text, &err);
    cr_expect(code != ERR_OK || text.size == got->blob_bytes);
    buf_release(&text);
    return code;
}

/* Tell the agent that the coordinator has committed it. */
static void committed(const struct got *got)
{
    uint8_t key[16];
    Mainstay__BlobRequest request;
    struct buf packed = BUF_INIT(1000);
    struct buf reply = BUF_INIT(BLOB_REPLY_BYTES);
    request_fill(got, key, &request);
    request.done = true;
    cr_assert_eq(proto_pack(&request.base, &packed, NULL), ERR_OK);
    value_serve(&h->runtime, (struct str){packed.data, packed.size}, &reply);
    cr_expect_eq(reply.size, 0);
    buf_release(&packed);
    buf_release(&reply);
}

static size_t blob_rows(void)
{
    struct kv_range all = {.family = FAMILY_BLOBS};
    struct kv_iter *iter = kv_iter_create(h->kv, &all);
    size_t count = 0;
    for (kv_iter_seek_first(iter); kv_iter_valid(iter); kv_iter_next(iter)) {
        count++;
    }
    kv_iter_destroy(&iter);
    return count;
}

Test(values, an_output_of_pure_work_is_kept_until_it_is_committed)
{
    struct ask ask = {.key = 1, .action = "echo", .input = "{\"grow\":300000}"};
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.status, DONE);
    cr_expect_str_eq(got.output, "");
    cr_assert_eq(got.blob_bytes, LARGE + 8);
    harness_stop(h);
    harness_crash(h, 4); /* the power fails: what was named is there all the same */
    cr_expect_eq(fetched(&got), ERR_OK);
    cr_expect_eq(fetched(&got), ERR_OK);
    committed(&got);
    cr_expect_eq(fetched(&got), ERR_NOT_FOUND);
    atomic_store(&h->runtime.blobs, true);
    struct got again = harness_answer(h, &ask);
    cr_expect_eq(again.blob_bytes, got.blob_bytes);
    cr_expect_eq(fetched(&again), ERR_OK);
}

Test(values, a_small_output_stays_in_the_message)
{
    struct ask ask = {.key = 1, .action = "echo", .input = "{\"n\":1}"};
    struct got got = harness_answer(h, &ask);
    cr_expect_str_eq(got.output, "{\"n\":1}");
    cr_expect_eq(got.blob_bytes, 0);
    cr_expect_eq(blob_rows(), 0);
}

Test(values, an_output_of_an_effect_stays_with_its_outcome)
{
    struct ask ask = {.key = 2, .action = "charge", .input = "{\"grow\":300000}", .perform = true};
    struct got got = harness_answer(h, &ask);
    cr_assert_eq(got.blob_bytes, LARGE + 8);
    committed(&got);
    cr_expect_eq(fetched(&got), ERR_OK);
    harness_stop(h);
    harness_crash(h, 4);
    cr_expect_eq(fetched(&got), ERR_OK);
    atomic_store(&h->runtime.blobs, true);
    struct got again = harness_answer(h, &ask);
    cr_expect(again.from_store);
    cr_expect(digest_equal(&again.blob, &got.blob));
    cr_expect_eq(atomic_load(&h->runs), 1);
    /* a coordinator that knows no such results gets it in the message */
    atomic_store(&h->runtime.blobs, false);
    again = harness_answer(h, &ask);
    cr_expect_eq(again.status, DONE);
    cr_expect_eq(again.blob_bytes, 0);
    cr_expect_eq(strncmp(again.output, "{\"x\":\"xxxx", 10), 0);
}

Test(values, the_output_goes_with_the_outcome)
{
    struct ask ask = {.key = 3, .action = "charge", .input = "{\"grow\":300000}", .perform = true};
    struct got got = harness_answer(h, &ask);
    struct error err = {0};
    const uint64_t day = (uint64_t)24 * 3600 * 1000;
    uint8_t key[16];
    memset(key, 3, sizeof(key));
    struct str keys[] = {{(const char *)key, sizeof(key)}};
    cr_assert_eq(outcomes_settle(h->runtime.outcomes, keys, 1, 1000 * day, &err), ERR_OK);
    cr_expect_eq(fetched(&got), ERR_OK);
    cr_assert_eq(outcomes_settle(h->runtime.outcomes, keys, 1, 1100 * day, &err), ERR_OK);
    cr_expect_eq(fetched(&got), ERR_NOT_FOUND);
    cr_expect_eq(blob_rows(), 0);
}

Test(values, an_output_that_nobody_takes_goes_after_a_time)
{
    struct outcomes *outcomes = h->runtime.outcomes;
    struct error err = {0};
    struct buf text = BUF_INIT(LARGE);
    memset(buf_extend(&text, LARGE), 'x', LARGE);
    const uint64_t minute = 60000;
    for (uint64_t i = 0; i < 2; i++) {
        struct blob_key key = {.name = {.key = {(uint8_t)i}, .phase = 1}};
        struct kv_batch *batch = kv_batch_create(h->kv);
        cr_assert_eq(blobs_put(outcomes, batch, &key, (struct str){text.data, text.size}, true,
                               (1000 + 31 * i) * minute, &err),
                     ERR_OK);
        cr_assert_eq(kv_commit(h->kv, batch, false, &err), ERR_OK);
        kv_batch_destroy(&batch);
        cr_expect_eq(blob_rows(), 3, "two pieces and a time");
    }
    buf_release(&text);
}

Test(values, an_output_over_the_limit_is_an_error_here)
{
    struct ask ask = {.key = 4, .action = "echo", .input = "{\"grow\":4194297}"};
    struct got got = harness_answer(h, &ask);
    cr_expect_eq(got.status, FAILED);
    cr_expect_str_eq(got.code, "result-too-big");
    cr_expect_not_null(strstr(got.detail, "LIMIT_DOCUMENT_BYTES"), "%s", got.detail);
    ask = (struct ask){.key = 5, .action = "echo", .input = "{\"grow\":4194296}"};
    got = harness_answer(h, &ask);
    cr_expect_eq(got.blob_bytes, LIMIT_DOCUMENT_BYTES);
}

Test(values, requests_of_strangers_are_refused)
{
    struct buf reply = BUF_INIT(BLOB_REPLY_BYTES);
    struct arena *arena = arena_create(1 << 16);
    ProtobufCMessage *message = NULL;
    value_serve(&h->runtime, STR("\xff\xff"), &reply);
    cr_assert_eq(proto_unpack(&mainstay__blob_reply__descriptor,
                              (struct str){reply.data, reply.size}, &proto_limits_bus, arena,
                              &message, NULL),
                 ERR_OK);
    cr_expect_str_eq(((Mainstay__BlobReply *)message)->refused, "the request is not readable");
    arena_destroy(&arena);
    buf_release(&reply);
    cr_expect_eq(atomic_load(&h->fatal), 0);
}

/* ---- inputs ---- */

enum keeping { KEEPS, LOST, OTHER };
static enum keeping keeping;
static uint32_t kept;

static enum err give(void *user, struct str request, unsigned timeout_ms, struct buf *ret_reply,
                     struct error *err)
{
    (void)user;
    (void)timeout_ms;
    struct arena *arena = arena_create(1 << 16);
    struct buf text = BUF_INIT(LIMIT_DOCUMENT_BYTES);
    Mainstay__BlobRequest *read = NULL;
    cr_assert_eq(blob_request_read(request, arena, &read, err), ERR_OK);
    harness_value(kept, &text);
    text.data[20] = keeping == OTHER ? 'z' : text.data[20];
    buf_clear(ret_reply);
    blob_reply_pack(
        blob_piece((struct str){text.data, keeping == LOST ? 0 : text.size}, read->offset),
        keeping == LOST ? "no such task" : "", ret_reply);
    buf_release(&text);
    arena_destroy(&arena);
    return ERR_OK;
}

Test(values, an_input_that_is_named_is_fetched)
{
    struct ask ask = {.key = 1, .action = "echo", .input = "", .named = LARGE};
    kept = LARGE;
    h->runtime.ask = give;
    struct got got = harness_answer(h, &ask);
    cr_expect_eq(got.status, DONE, "%s", got.detail);
    cr_expect_eq(got.blob_bytes, LARGE);
    keeping = OTHER;
    got = harness_answer(h, &ask);
    cr_expect_eq(got.failure_class, MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_CONTRACT);
    cr_expect_str_eq(got.code, "input-digest");
    keeping = LOST;
    got = harness_answer(h, &ask);
    cr_expect_eq(got.failure_class, MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_TRANSIENT);
    cr_expect_str_eq(got.code, "input-unavailable");
    cr_expect_not_null(strstr(got.detail, "no such task"), "%s", got.detail);
    cr_expect_eq(got.effect, MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE);
    cr_expect_eq(atomic_load(&h->runs), 1);
}

/* An outcome answers without its input; the next attempt of a failure needs it. */
Test(values, an_outcome_answers_without_its_input)
{
    struct ask ask = {.key = 6, .action = "charge", .input = "", .named = LARGE, .perform = true};
    kept = LARGE;
    keeping = KEEPS;
    h->runtime.ask = give;
    struct got first = harness_answer(h, &ask);
    cr_expect_eq(first.status, DONE);
    h->runtime.ask = NULL;
    struct got got = harness_answer(h, &ask);
    cr_expect(got.from_store);
    cr_expect(digest_equal(&got.blob, &first.blob));
    cr_expect_eq(atomic_load(&h->runs), 1);
}

/* The key was used for the same proposal, whichever way that came. */
Test(values, a_proposal_is_the_same_in_a_message_and_by_name)
{
    struct buf text = BUF_INIT(LIMIT_DOCUMENT_BYTES);
    kept = 100000;
    keeping = KEEPS;
    h->runtime.ask = give;
    harness_value(kept, &text);
    struct ask ask = {.key = 7,
                      .action = "both",
                      .input = "{}",
                      .proposal = text.data,
                      .named = kept,
                      .perform = true};
    struct got got = harness_answer(h, &ask);
    cr_expect_eq(got.status, DONE, "%s", got.detail);
    ask.named = 0;
    got = harness_answer(h, &ask);
    cr_expect(got.from_store, "%s", got.code);
    text.data[20] = 'z';
    cr_expect_str_eq(harness_answer(h, &ask).code, "key-reused");
    cr_expect_eq(atomic_load(&h->runs), 1);
    buf_release(&text);
}
