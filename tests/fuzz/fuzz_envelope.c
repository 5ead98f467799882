/*
 * Messages of strangers: whatever bytes come, they unpack within the arena's bound or are refused
 * with words; what was accepted can be packed and is accepted again. The first byte chooses the
 * message.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"

/* NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The limits of the bus allow about this much; more would be an amplification nobody bounded. */
enum { ARENA_BYTES = 16 * 1024 * 1024 };

static enum err read_as(uint8_t kind, struct str bytes, struct arena *arena,
                        const ProtobufCMessage **ret_message, struct error *err)
{
    enum err code = ERR_OK;
    Mainstay__TaskBatch *tasks = NULL;
    Mainstay__ResultBatch *results = NULL;
    Mainstay__Hello *hello = NULL;
    Mainstay__HelloReply *reply = NULL;
    switch (kind % 4) {
    case 0:
        code = envelope_task_batch(bytes, arena, &tasks, err);
        *ret_message = tasks == NULL ? NULL : &tasks->base;
        return code;
    case 1:
        code = envelope_result_batch(bytes, arena, &results, err);
        *ret_message = results == NULL ? NULL : &results->base;
        return code;
    case 2:
        code = envelope_hello(bytes, arena, &hello, err);
        *ret_message = hello == NULL ? NULL : &hello->base;
        return code;
    default:
        code = envelope_hello_reply(bytes, arena, &reply, err);
        *ret_message = reply == NULL ? NULL : &reply->base;
        return code;
    }
}

/* NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct error err = {0};
    struct arena *arena = arena_create(ARENA_BYTES);
    const ProtobufCMessage *message = NULL;
    struct str bytes = {.data = (const char *)data + 1, .size = size - 1};
    enum err code = read_as(data[0], bytes, arena, &message, &err);
    CHECK(code != ERR_NOMEM);
    CHECK((code == ERR_OK) == (message != NULL));
    CHECK_IMPLIES(code != ERR_OK, err.message[0] != '\0');
    if (message != NULL) {
        struct buf packed = BUF_INIT(4 * 1024 * 1024);
        const ProtobufCMessage *again = NULL;
        CHECK(proto_pack(message, &packed, &err) == ERR_OK);
        CHECK(read_as(data[0], (struct str){packed.data, packed.size}, arena, &again, &err) ==
              ERR_OK);
        buf_release(&packed);
    }
    arena_destroy(&arena);
    return 0;
}
