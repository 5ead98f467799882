/* The answer to a recall of something that does not run. */
#include "agents/runtime/runtime.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/store/kv.h"

void execute_recall(struct runtime *runtime, const struct outcome_name *name, bool kept,
                    const Mainstay__Task *task, struct buf *ret_result)
{
    struct error err = {0};
    struct outcome row = {.state = OUTCOME_NONE};
    struct buf bytes = BUF_INIT(LIMIT_MESSAGE_BYTES + 4096);
    struct arena *arena = arena_create(BUNDLE_ARENA_BYTES);
    struct outcomes *outcomes = runtime->outcomes;
    Mainstay__Result result;
    Mainstay__Failure failure = MAINSTAY__FAILURE__INIT;
    buf_clear(ret_result);
    result_init(&result, name, task);
    enum err code = arena == NULL ? error_set(&err, ERR_NOMEM, "no memory for a recall") : ERR_OK;
    if (code == ERR_OK && kept) {
        code = outcomes_get(outcomes, name, &bytes, &row, &err);
    }
    if (code == ERR_OK && (row.state == OUTCOME_DONE ||
                           (row.state == OUTCOME_FAILED && row.attempt >= name->attempt))) {
        result_stored(runtime, &row, name, task, arena, ret_result);
    } else if (code == ERR_OK && row.state == OUTCOME_INTENT) {
        failure.failure_class = MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_IN_DOUBT;
        failure.effect = MAINSTAY__EFFECT_MARK__EFFECT_MARK_UNKNOWN;
        failure.code = envelope_text("in-doubt");
        failure.title = envelope_text("Nobody can tell whether the effect happened");
        failure.detail = envelope_text("the agent died while the recalled task was running");
        result.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
        result.failure = &failure;
        result_pack(&result, ret_result);
    } else if (code == ERR_OK) {
        if (kept && (row.state != OUTCOME_RECALLED || row.attempt < name->attempt)) {
            struct outcome recalled = {
                .state = OUTCOME_RECALLED, .mark = row.mark, .identity = row.identity};
            if (row.state == OUTCOME_NONE) {
                recalled.mark = MAINSTAY__EFFECT_MARK__EFFECT_MARK_NONE;
            }
            struct kv_batch *batch = kv_batch_create(outcomes_kv(outcomes));
            outcome_put(batch, name, &recalled, (uint64_t)clock_wall_ms());
            code = outcomes_commit(outcomes, batch, &err);
            kv_batch_destroy(&batch);
        }
        result.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_RECALLED;
        result_pack(&result, ret_result);
    }
    if (code != ERR_OK) {
        buf_clear(ret_result);
        runtime->fatal(runtime, &err);
    }
    buf_release(&bytes);
    arena_destroy(&arena);
}
