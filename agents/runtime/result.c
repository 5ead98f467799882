#include <string.h>

#include "agents/runtime/runtime.h"
#include "agents/runtime/values.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/wire/proto_arena.h"

struct bundle *bundle_create(void)
{
    struct arena *arena = arena_create(BUNDLE_ARENA_BYTES);
    struct bundle *bundle = arena == NULL ? NULL : ARENA_NEW(arena, struct bundle);
    if (bundle == NULL) {
        arena_destroy(&arena);
        return NULL;
    }
    bundle->arena = arena;
    atomic_init(&bundle->references, 1);
    return bundle;
}

void bundle_hold(struct bundle *bundle)
{
    (void)atomic_fetch_add(&bundle->references, 1);
}

void bundle_drop(struct bundle *bundle)
{
    if (atomic_fetch_sub(&bundle->references, 1) == 1) {
        struct arena *arena = bundle->arena; /* the bundle itself lives in it */
        arena_destroy(&arena);
    }
}

struct job *job_create(const struct runtime *runtime, struct bundle *bundle, Mainstay__Task *task)
{
    struct job *job = ARENA_NEW(bundle->arena, struct job);
    if (job == NULL) {
        return NULL;
    }
    bundle_hold(bundle);
    job->bundle = bundle;
    job->task = task;
    job->contract = contract_find(runtime->contract, task->action);
    if (job->contract != NULL) {
        job->action = runtime->actions[job->contract - runtime->contract->actions];
    }
    memcpy(job->name.key, task->key.data, OUTCOME_KEY_BYTES);
    job->name.phase = (uint8_t)task->phase;
    job->name.attempt = task->attempt;
    atomic_init(&job->cancelled, false);
    return job;
}

void job_done(struct job *job)
{
    bundle_drop(job->bundle);
}

enum effect_class job_effect(const struct job *job)
{
    if (job->name.phase == MAINSTAY__PHASE__PHASE_DECIDE) {
        return EFFECT_PURE;
    }
    return job->contract == NULL ? EFFECT_MANUAL : job->contract->effect;
}

bool job_is_kept(const struct job *job)
{
    return job_effect(job) != EFFECT_PURE || (job->contract != NULL && job->contract->paid);
}

uint64_t job_timeout_ms(const struct job *job)
{
    uint64_t asked = job->task->timeout_ms;
    if (asked == 0) {
        asked = job->contract == NULL ? TIMEOUT_MS_UNKNOWN : job->contract->timeout_ms;
    }
    return asked > TIMEOUT_MS_MAX ? TIMEOUT_MS_MAX : asked;
}

void result_init(Mainstay__Result *result, const struct outcome_name *name,
                 const Mainstay__Task *task)
{
    *result = (Mainstay__Result)MAINSTAY__RESULT__INIT;
    result->key = envelope_bytes((struct str){(const char *)name->key, OUTCOME_KEY_BYTES});
    result->attempt = name->attempt;
    result->phase = (Mainstay__Phase)name->phase;
    if (task != NULL) {
        result->instance = task->instance;
        result->frame = task->frame;
        result->input_digest = task->input_digest;
    }
}

static void pack(const Mainstay__Result *result, struct buf *ret_result)
{
    CHECK(ret_result->max >= LIMIT_MESSAGE_BYTES);
    buf_clear(ret_result);
    enum err code = proto_pack(&result->base, ret_result, NULL);
    CHECK(code == ERR_OK); /* sizes are bounded; memory is not refused on Linux */
}

static void result_too_big(const Mainstay__Result *result, struct buf *ret_result)
{
    Mainstay__Result small = *result;
    Mainstay__Failure failure = MAINSTAY__FAILURE__INIT;
    bool effect = result->phase == MAINSTAY__PHASE__PHASE_PERFORM;
    failure.failure_class = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_CONTRACT;
    failure.effect = effect ? MAINSTAY__EFFECT_MARK__EFFECT_MARK_UNKNOWN
                            : MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE;
    failure.code = envelope_text("result-too-big");
    failure.title = envelope_text("The agent's answer is too big to be sent");
    small.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
    small.output = (ProtobufCBinaryData){0};
    small.decision = NULL;
    small.failure = &failure;
    pack(&small, ret_result);
}

void result_pack(const Mainstay__Result *result, struct buf *ret_result)
{
    if (mainstay__result__get_packed_size(result) > RESULT_BYTES_MAX) {
        result_too_big(result, ret_result);
    } else {
        pack(result, ret_result);
    }
}

void result_running(const struct job *job, struct buf *ret_result)
{
    Mainstay__Result result;
    result_init(&result, &job->name, job->task);
    result.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_RUNNING;
    result_pack(&result, ret_result);
}

void result_timeout(const struct job *job, struct buf *ret_result)
{
    Mainstay__Result result;
    Mainstay__Failure failure = MAINSTAY__FAILURE__INIT;
    result_init(&result, &job->name, job->task);
    failure.failure_class = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_TRANSIENT;
    failure.effect = job_effect(job) == EFFECT_PURE ? MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE
                                                    : MAINSTAY__EFFECT_MARK__EFFECT_MARK_UNKNOWN;
    failure.code = envelope_text("timeout");
    failure.title = envelope_text("The action did not finish in its time");
    failure.detail = envelope_text("it still runs; what it ends with is recorded under its key");
    result.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
    result.failure = &failure;
    int64_t ran_ns = clock_monotonic_ns() - job->started_ns;
    result.duration_us = (uint64_t)(ran_ns > 0 ? ran_ns / 1000 : 0);
    result_pack(&result, ret_result);
}

/* An output that this coordinator could not ask for goes into the message, where it fits. */
static void stored_send(struct runtime *runtime, Mainstay__Result *stored, struct buf *ret_result)
{
    struct buf text = BUF_INIT(RESULT_BYTES_MAX);
    if (stored->output_blob != NULL && !atomic_load(&runtime->blobs) &&
        !value_inline(runtime, stored, &text)) {
        stored->output_blob = NULL;
        result_too_big(stored, ret_result);
    } else {
        result_pack(stored, ret_result);
    }
    buf_release(&text);
}

void result_stored(struct runtime *runtime, const struct outcome *row,
                   const struct outcome_name *name, const Mainstay__Task *task, struct arena *arena,
                   struct buf *ret_result)
{
    ProtobufCMessage *message = NULL;
    struct error err = {0};
    Mainstay__Result echo;
    result_init(&echo, name, task);
    if (arena != NULL && proto_unpack(&mainstay__result__descriptor, row->result, &proto_limits_bus,
                                      arena, &message, &err) == ERR_OK) {
        Mainstay__Result *stored = (Mainstay__Result *)message;
        stored->attempt = echo.attempt;
        stored->instance = echo.instance;
        stored->frame = echo.frame;
        stored->input_digest = echo.input_digest;
        stored->from_store = true;
        stored_send(runtime, stored, ret_result);
        return;
    }
    Mainstay__Failure failure = MAINSTAY__FAILURE__INIT;
    failure.failure_class = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_IN_DOUBT;
    failure.effect = row->state == OUTCOME_DONE ? MAINSTAY__EFFECT_MARK__EFFECT_MARK_DONE
                                                : MAINSTAY__EFFECT_MARK__EFFECT_MARK_UNKNOWN;
    failure.code = envelope_text("unreadable-outcome");
    failure.title = envelope_text("The stored outcome cannot be read");
    failure.detail = err.message;
    echo.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
    echo.failure = &failure;
    result_pack(&echo, ret_result);
}
