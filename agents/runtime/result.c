#include <string.h>

#include "agents/runtime/runtime.h"
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

void result_pack(const Mainstay__Result *result, struct buf *ret_result)
{
    CHECK(ret_result->max >= LIMIT_MESSAGE_BYTES);
    buf_clear(ret_result);
    size_t size = mainstay__result__get_packed_size(result);
    Mainstay__Result small = *result;
    Mainstay__Failure failure = MAINSTAY__FAILURE__INIT;
    if (size > RESULT_BYTES_MAX) {
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
    }
    enum err code = proto_pack(&small.base, ret_result, NULL);
    CHECK(code == ERR_OK); /* sizes are bounded above; memory is not refused on Linux */
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
