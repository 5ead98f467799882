/* What a task message asks, done in the order: epoch, settled keys, recalls, tasks. */
#include <string.h>

#include "agents/runtime/pool.h"
#include "agents/runtime/runtime.h"
#include "agents/runtime/sender.h"
#include "agents/runtime/telemetry.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/log.h"
#include "common/wire/proto_arena.h"

/* One message under way. */
struct intake {
    struct runtime *runtime;
    struct bundle *bundle;
    struct sender_chunk *chunk; /* answers that need no sync; NULL until the first */
    struct buf result;
};

static void dead_letter(struct intake *intake, const char *subject, struct str body,
                        const char *reason)
{
    Mainstay__AgentDeadLetter letter = MAINSTAY__AGENT_DEAD_LETTER__INIT;
    size_t kept = body.size < LIMIT_DEAD_LETTER_BYTES ? body.size : LIMIT_DEAD_LETTER_BYTES;
    struct buf packed = BUF_INIT(LIMIT_MESSAGE_BYTES);
    letter.subject = envelope_text(subject);
    letter.reason = envelope_text(utf8_valid(reason, strlen(reason)) ? reason : "unreadable");
    letter.body = envelope_bytes((struct str){.data = body.data, .size = kept});
    letter.size = body.size;
    log_warn("message on '%s' refused: %s", subject, letter.reason);
    telemetry_dead_letter(intake->runtime->telemetry);
    if (proto_pack(&letter.base, &packed, NULL) == ERR_OK) {
        sender_add_dead_letter(intake->runtime->sender,
                               (struct str){.data = packed.data, .size = packed.size});
    }
    buf_release(&packed);
}

/* Run a job here and now. */
static void run_here(struct intake *intake, struct job *job, bool quick)
{
    struct runtime *runtime = intake->runtime;
    job->started_ns = clock_monotonic_ns();
    job->deadline_ns = job->started_ns + (int64_t)job_timeout_ms(job) * 1000000;
    Mainstay__ResultStatus status = execute(runtime, job, &intake->result);
    size_t index =
        job->contract == NULL ? SIZE_MAX : (size_t)(job->contract - runtime->contract->actions);
    telemetry_task(runtime->telemetry, index, status, clock_monotonic_ns() - job->started_ns);
    struct str packed = {.data = intake->result.data, .size = intake->result.size};
    if (packed.size > 0 && quick) {
        sender_chunk_add(runtime->sender, &intake->chunk, packed);
    } else if (packed.size > 0) {
        sender_add(runtime->sender, packed);
    }
    job_done(job);
}

static void task_take(struct intake *intake, Mainstay__Task *task)
{
    struct runtime *runtime = intake->runtime;
    struct job *job = job_create(runtime, intake->bundle, task);
    if (job == NULL) {
        telemetry_dropped(runtime->telemetry);
        return;
    }
    bool fetches = task->input_blob != NULL || task->proposal_blob != NULL; /* takes its time */
    bool quick =
        job->contract != NULL && job->contract->quick && !(fetches && runtime->pool != NULL);
    if (quick || runtime->pool == NULL) {
        run_here(intake, job, quick);
        return;
    }
    switch (pool_submit(runtime->pool, job)) {
    case POOL_TAKEN:
        return;
    case POOL_HERE:
        result_running(job, &intake->result);
        sender_chunk_add(runtime->sender, &intake->chunk,
                         (struct str){intake->result.data, intake->result.size});
        break;
    case POOL_FULL:
    default:
        telemetry_dropped(runtime->telemetry); /* the coordinator sends it again */
        break;
    }
    job_done(job);
}

static void recall_take(struct intake *intake, const Mainstay__Recall *recall)
{
    FAULT_POINT("recall-taken");
    struct runtime *runtime = intake->runtime;
    struct outcome_name name = {.phase = (uint8_t)recall->phase, .attempt = recall->attempt};
    memcpy(name.key, recall->key.data, OUTCOME_KEY_BYTES);
    Mainstay__Task named = MAINSTAY__TASK__INIT; /* what the answer repeats */
    named.instance = recall->instance;
    named.frame = recall->frame;
    named.input_digest = recall->input_digest;
    struct job *job = NULL;
    enum pool_recall found =
        runtime->pool == NULL ? RECALL_UNKNOWN : pool_recall(runtime->pool, &name, &job);
    if (found == RECALL_RUNNING) {
        Mainstay__Result result;
        result_init(&result, &name, &named);
        result.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_RUNNING;
        result_pack(&result, &intake->result);
    } else {
        bool paid = false;
        for (size_t i = 0; i < runtime->contract->action_count; i++) {
            paid = paid || runtime->contract->actions[i].paid;
        }
        bool kept = job != NULL ? job_is_kept(job)
                                : paid || recall->phase == MAINSTAY__PHASE__PHASE_PERFORM;
        execute_recall(runtime, &name, kept, &named, &intake->result);
    }
    if (intake->result.size > 0) {
        sender_add(runtime->sender, (struct str){intake->result.data, intake->result.size});
    }
    if (job != NULL) {
        job_done(job);
    }
}

static enum err settled_take(struct intake *intake, const Mainstay__TaskBatch *batch,
                             struct error *err)
{
    if (batch->n_settled == 0) {
        return ERR_OK;
    }
    struct str *keys = ARENA_ARRAY(intake->bundle->arena, struct str, batch->n_settled);
    if (keys == NULL) {
        return ERR_OK; /* only keeps the rows */
    }
    for (size_t i = 0; i < batch->n_settled; i++) {
        keys[i] = envelope_str(batch->settled[i]);
    }
    return outcomes_settle(intake->runtime->outcomes, keys, batch->n_settled,
                           (uint64_t)clock_wall_ms(), err);
}

/* A message to the store that had this name before, on a disk that was replaced or restored since:
 * what is owed to this store comes again. */
static bool batch_is_ours(const struct runtime *runtime, const Mainstay__TaskBatch *batch)
{
    return batch->store_id.len == 0 ||
           (batch->store_id.len == ENVELOPE_ID_BYTES &&
            memcmp(batch->store_id.data, outcomes_store_id(runtime->outcomes), ENVELOPE_ID_BYTES) ==
                0);
}

static void batch_take(struct intake *intake, const char *subject, struct str body,
                       const Mainstay__TaskBatch *batch)
{
    struct runtime *runtime = intake->runtime;
    struct error err = {0};
    enum err code = outcomes_epoch_accept(runtime->outcomes, batch->epoch, &err);
    if (code == ERR_REFUSED) {
        dead_letter(intake, subject, body, err.message);
        return;
    }
    if (code == ERR_OK && !batch_is_ours(runtime, batch)) {
        log_info("message on '%s' dropped: it is for the store that had this name before", subject);
        telemetry_dropped(runtime->telemetry);
        return;
    }
    if (code == ERR_OK) {
        code = settled_take(intake, batch, &err);
    }
    if (code != ERR_OK) {
        runtime->fatal(runtime, &err);
        return;
    }
    FAULT_POINT("settled-taken");
    for (size_t i = 0; i < batch->n_recalls; i++) {
        recall_take(intake, batch->recalls[i]);
    }
    for (size_t i = 0; i < batch->n_tasks; i++) {
        FAULT_POINT("task-taken");
        task_take(intake, batch->tasks[i]);
    }
}

void intake_message(struct runtime *runtime, const char *subject, struct str body)
{
    struct intake intake = {.runtime = runtime, .result = BUF_INIT(LIMIT_MESSAGE_BYTES)};
    struct error err = {0};
    Mainstay__TaskBatch *batch = NULL;
    telemetry_message(runtime->telemetry, body.size);
    intake.bundle = bundle_create();
    if (intake.bundle == NULL) {
        telemetry_dropped(runtime->telemetry);
        return;
    }
    if (envelope_task_batch(body, intake.bundle->arena, &batch, &err) == ERR_OK) {
        batch_take(&intake, subject, body, batch);
    } else {
        dead_letter(&intake, subject, body, err.message);
    }
    sender_chunk_end(runtime->sender, &intake.chunk);
    buf_release(&intake.result);
    bundle_drop(intake.bundle);
}
