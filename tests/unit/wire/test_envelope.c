#include <criterion/criterion.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"

static uint8_t bytes32[32];

static ProtobufCBinaryData some(size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = bytes32};
}

static struct str packed(const ProtobufCMessage *message, struct buf *buf)
{
    buf_clear(buf);
    cr_assert_eq(proto_pack(message, buf, NULL), ERR_OK);
    return (struct str){.data = buf->data, .size = buf->size};
}

static Mainstay__Task good_task(void)
{
    Mainstay__Task task = MAINSTAY__TASK__INIT;
    task.key = some(16);
    task.instance = some(16);
    task.input_digest = some(32);
    task.phase = MAINSTAY__PHASE__PHASE_DECIDE;
    task.action = envelope_text("echo");
    task.attempt = 1;
    return task;
}

static enum err try_task(const Mainstay__Task *task, uint32_t version, struct error *err)
{
    Mainstay__TaskBatch batch = MAINSTAY__TASK_BATCH__INIT;
    Mainstay__Task copy = *task;
    Mainstay__Task *tasks[] = {&copy};
    batch.version = version;
    batch.n_tasks = 1;
    batch.tasks = tasks;
    struct buf buf = BUF_INIT(1 << 20);
    struct arena *arena = arena_create(1 << 22);
    Mainstay__TaskBatch *read = NULL;
    enum err code = envelope_task_batch(packed(&batch.base, &buf), arena, &read, err);
    cr_assert_eq(code == ERR_OK, read != NULL);
    if (read != NULL) {
        cr_assert_str_eq(read->tasks[0]->action, task->action);
        cr_assert_eq(read->tasks[0]->attempt, task->attempt);
    }
    arena_destroy(&arena);
    buf_release(&buf);
    return code;
}

Test(envelope, a_good_task_passes_and_each_bad_shape_is_named)
{
    struct error err = {0};
    Mainstay__Task task = good_task();
    cr_assert_eq(try_task(&task, 1, &err), ERR_OK);
    cr_assert_eq(try_task(&task, 2, &err), ERR_UNSUPPORTED);

    task = good_task();
    task.key = some(15);
    cr_assert_eq(try_task(&task, 1, &err), ERR_INVALID);
    cr_assert(strstr(err.message, "key") != NULL);
    task = good_task();
    task.instance = some(0);
    cr_assert_eq(try_task(&task, 1, &err), ERR_INVALID);
    task = good_task();
    task.input_digest = some(31);
    cr_assert_eq(try_task(&task, 1, &err), ERR_INVALID);
    task = good_task();
    task.phase = (Mainstay__Phase)3;
    cr_assert_eq(try_task(&task, 1, &err), ERR_INVALID);
    task = good_task();
    task.action = envelope_text("a.b");
    cr_assert_eq(try_task(&task, 1, &err), ERR_INVALID);
    cr_assert(strstr(err.message, "task 0") != NULL);
}

Test(envelope, a_batch_has_a_limit)
{
    Mainstay__Task task = good_task();
    Mainstay__Task *tasks[LIMIT_BATCH_TASKS + 1];
    for (size_t i = 0; i < LIMIT_BATCH_TASKS + 1; i++) {
        tasks[i] = &task;
    }
    Mainstay__TaskBatch batch = MAINSTAY__TASK_BATCH__INIT;
    batch.version = 1;
    batch.tasks = tasks;
    struct buf buf = BUF_INIT(1 << 20);
    struct arena *arena = arena_create(1 << 22);
    Mainstay__TaskBatch *read = NULL;
    batch.n_tasks = LIMIT_BATCH_TASKS;
    cr_assert_eq(envelope_task_batch(packed(&batch.base, &buf), arena, &read, NULL), ERR_OK);
    cr_assert_eq(read->n_tasks, LIMIT_BATCH_TASKS);
    batch.n_tasks = LIMIT_BATCH_TASKS + 1;
    cr_assert_eq(envelope_task_batch(packed(&batch.base, &buf), arena, &read, NULL), ERR_LIMIT);
    cr_assert_null(read);
    arena_destroy(&arena);
    buf_release(&buf);
}

Test(envelope, results_say_what_happened)
{
    Mainstay__Result result = MAINSTAY__RESULT__INIT;
    Mainstay__Failure failure = MAINSTAY__FAILURE__INIT;
    Mainstay__Result *results[] = {&result};
    Mainstay__ResultBatch batch = MAINSTAY__RESULT_BATCH__INIT;
    batch.version = 1;
    batch.session = some(16);
    batch.store_id = some(16);
    batch.n_results = 1;
    batch.results = results;
    result.key = some(16);
    result.phase = MAINSTAY__PHASE__PHASE_PERFORM;
    struct buf buf = BUF_INIT(1 << 16);
    struct arena *arena = arena_create(1 << 20);
    Mainstay__ResultBatch *read = NULL;

    cr_assert_eq(envelope_result_batch(packed(&batch.base, &buf), arena, &read, NULL), ERR_INVALID);
    result.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE;
    cr_assert_eq(envelope_result_batch(packed(&batch.base, &buf), arena, &read, NULL), ERR_OK);
    result.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
    cr_assert_eq(envelope_result_batch(packed(&batch.base, &buf), arena, &read, NULL), ERR_INVALID);
    result.failure = &failure;
    cr_assert_eq(envelope_result_batch(packed(&batch.base, &buf), arena, &read, NULL), ERR_INVALID);
    failure.failure_class = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_DATA;
    failure.effect = MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE;
    cr_assert_eq(envelope_result_batch(packed(&batch.base, &buf), arena, &read, NULL), ERR_OK);
    batch.session = some(0);
    cr_assert_eq(envelope_result_batch(packed(&batch.base, &buf), arena, &read, NULL), ERR_INVALID);
    arena_destroy(&arena);
    buf_release(&buf);
}

Test(envelope, hello_and_its_reply)
{
    Mainstay__Hello hello = MAINSTAY__HELLO__INIT;
    hello.version = 1;
    hello.session = some(16);
    hello.store_id = some(16);
    struct buf buf = BUF_INIT(1 << 16);
    struct arena *arena = arena_create(1 << 20);
    Mainstay__Hello *read = NULL;
    cr_assert_eq(envelope_hello(packed(&hello.base, &buf), arena, &read, NULL), ERR_INVALID);
    hello.contract_digest = some(32);
    cr_assert_eq(envelope_hello(packed(&hello.base, &buf), arena, &read, NULL), ERR_OK);

    Mainstay__HelloReply reply = MAINSTAY__HELLO_REPLY__INIT;
    Mainstay__HelloReply *answer = NULL;
    reply.version = 1;
    cr_assert_eq(envelope_hello_reply(packed(&reply.base, &buf), arena, &answer, NULL), ERR_OK);
    reply.accepted = true;
    reply.consumer = envelope_text("a b");
    cr_assert_eq(envelope_hello_reply(packed(&reply.base, &buf), arena, &answer, NULL),
                 ERR_INVALID);
    reply.consumer = envelope_text("a_b");
    cr_assert_eq(envelope_hello_reply(packed(&reply.base, &buf), arena, &answer, NULL), ERR_OK);
    arena_destroy(&arena);
    buf_release(&buf);
}
