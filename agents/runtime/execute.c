/* One task from its message to its result. Read execute() first; helpers stand above it in order.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agents/runtime/blobs.h"
#include "agents/runtime/runtime.h"
#include "agents/runtime/secrets.h"
#include "agents/runtime/tables.h"
#include "agents/runtime/telemetry.h"
#include "agents/runtime/values.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/json/schema.h"
#include "common/store/kv.h"
#include "common/wire/proto_arena.h"

/* What one task gathers on its way. */
struct run {
    struct runtime *runtime;
    struct job *job;
    struct digest identity;
    struct outcome row; /* bytes live in row_bytes */
    struct buf row_bytes;
    struct agent_task task;
    struct agent_reply reply;
    struct arena *arena; /* of this run alone: a bundle's is not safe between its jobs */
    char key_hex[2 * AGENT_KEY_BYTES + 1];
    struct buf output;
    struct buf explanation;
    struct buf correction;
    struct buf input; /* fetched, when the task only names them */
    struct buf proposal;
    struct blob_key blob; /* the output's, when the result only names it */
    Mainstay__BlobRef blob_ref;
    bool named; /* it does */
    struct secrets secrets;
    uint64_t wall_ms;
    bool skipped;                  /* answered without running */
    Mainstay__ResultStatus status; /* of the packed result */
};

/* Memory of this run, made when first asked; NULL without memory. */
static struct arena *arena_of(struct run *run)
{
    if (run->arena == NULL) {
        run->arena = arena_create(BUNDLE_ARENA_BYTES);
    }
    return run->arena;
}

/* ---- what actions may ask ---- */

const char *agent_text(struct agent_reply *reply, const char *format, ...)
{
    struct run *run = reply->runtime;
    char text[2048];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct arena *arena = arena_of(run);
    char *copy = arena == NULL || length < 0 ? NULL : arena_strdup(arena, text);
    return copy == NULL ? "" : copy;
}

void agent_fail(struct agent_reply *reply, enum agent_failure_class failure_class,
                enum agent_effect effect, const char *code, const char *title)
{
    reply->failure.failure_class = failure_class;
    reply->failure.effect = effect;
    reply->failure.code = code;
    reply->failure.title = title;
}

bool agent_task_cancelled(const struct agent_task *task)
{
    const struct run *run = task->runtime;
    return atomic_load_explicit(&run->job->cancelled, memory_order_relaxed) ||
           atomic_load_explicit(&run->runtime->hurry, memory_order_relaxed) ||
           agent_task_left_ms(task) == 0;
}

uint64_t agent_task_left_ms(const struct agent_task *task)
{
    const struct run *run = task->runtime;
    int64_t left = run->job->deadline_ns - clock_monotonic_ns();
    return left <= 0 ? 0 : (uint64_t)((left + 999999) / 1000000);
}

/* Why a secret cannot be had is the operator's matter; that it has no place is the input's. */
json_t *agent_unseal(const struct agent_task *task, struct agent_reply *reply)
{
    struct run *run = task->runtime;
    const Mainstay__Task *wire = run->job->task;
    struct error err = {0};
    json_t *input = NULL;
    enum err code =
        secrets_unseal(&run->secrets, task->input, wire->secrets, wire->n_secrets, &input, &err);
    if (code == ERR_OK) {
        return input;
    }
    agent_fail(reply, code == ERR_INVALID ? AGENT_DATA : AGENT_PERMISSION, AGENT_EFFECT_NONE,
               "secret", "A secret cannot be used");
    reply->failure.detail = agent_text(reply, "%s", err.message);
    return NULL;
}

void agent_hide(const struct agent_task *task, const char *name, const char *text)
{
    struct run *run = task->runtime;
    secrets_hide(&run->secrets, name, text);
}

void agent_redact(const struct agent_task *task, struct buf *bytes)
{
    const struct run *run = task->runtime;
    secrets_redact(&run->secrets, bytes);
}

/* ---- failures of the runtime's own ---- */

__attribute__((format(printf, 6, 7))) static void fail(struct run *run,
                                                       enum agent_failure_class failure_class,
                                                       enum agent_effect effect, const char *code,
                                                       const char *title, const char *format, ...)
{
    char detail[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    json_decref(run->reply.output);
    json_decref(run->reply.failure.correction);
    run->reply.output = NULL;
    run->reply.failure = (struct agent_failure){0};
    agent_fail(&run->reply, failure_class, effect, code, title);
    run->reply.failure.detail = agent_text(&run->reply, "%s", detail);
}

/* ---- before running ---- */

static struct str input_of(const struct run *run)
{
    const Mainstay__Task *task = run->job->task;
    return task->input_blob == NULL ? envelope_str(task->input)
                                    : (struct str){run->input.data, run->input.size};
}

static struct str proposal_of(const struct run *run)
{
    const Mainstay__Task *task = run->job->task;
    return task->proposal_blob == NULL ? envelope_str(task->proposal)
                                       : (struct str){run->proposal.data, run->proposal.size};
}

/* Whether the contract allows this task. False with the failure set. */
static bool contract_allows(struct run *run)
{
    const struct job *job = run->job;
    const Mainstay__Task *task = job->task;
    const struct contract *contract = run->runtime->contract;
    enum agent_effect effect =
        run->row.state == OUTCOME_INTENT ? AGENT_EFFECT_UNKNOWN : AGENT_EFFECT_NONE;
    bool decide = task->phase == MAINSTAY__PHASE__PHASE_DECIDE;
    if (job->contract == NULL) {
        fail(run, AGENT_CONTRACT, effect, "unknown-action", "The agent has no such action",
             "agent '%s' %s has no action '%s'", contract->agent, contract->version_text,
             task->action);
    } else if (!contract_serves(contract, task->contract_version)) {
        fail(run, AGENT_CONTRACT, effect, "contract-version",
             "The agent does not serve this version of its contract",
             "the task asks for version '%s' of '%s', this agent serves %s", task->contract_version,
             contract->agent, contract->version_text);
    } else if (decide ? !job->contract->decides : !job->contract->performs) {
        fail(run, AGENT_CONTRACT, effect, "unknown-phase", "The action has no such phase",
             "action '%s' has no phase '%s'", task->action, decide ? "decide" : "perform");
    } else if (job->contract->proposal != NULL && !decide && task->proposal.len == 0 &&
               task->proposal_blob == NULL) {
        fail(run, AGENT_CONTRACT, effect, "no-proposal", "There is no proposal to perform",
             "action '%s' performs an approved proposal and was given none", task->action);
    } else {
        if (task_input_is_announced(task)) {
            return true;
        }
        fail(run, AGENT_CONTRACT, effect, "input-digest", "The input is not what was announced",
             "the digest of the input received is not the task's input digest");
    }
    return false;
}

/* Parse `text` and check it. False with the failure set. */
static bool value_read(struct run *run, struct str text, const struct schema *schema,
                       const char *what, json_t **ret_value)
{
    struct error err = {0};
    enum agent_effect effect =
        run->row.state == OUTCOME_INTENT ? AGENT_EFFECT_UNKNOWN : AGENT_EFFECT_NONE;
    struct json_limits limits = {.size_max = LIMIT_DOCUMENT_BYTES};
    if (json_parse(text.data, text.size, &limits, ret_value, &err) != ERR_OK) {
        fail(run, AGENT_DATA, effect, "bad-json", "The input is not JSON", "%s: %s", what,
             err.message);
        return false;
    }
    if (schema_validate(schema, *ret_value, NULL)) {
        return true;
    }
    struct schema_failures failures;
    struct buf words = BUF_INIT(1000);
    (void)schema_validate(schema, *ret_value, &failures);
    schema_failures_print(&failures, &words);
    fail(run, AGENT_DATA, effect, "schema", "The input does not fit the contract", "%s: %s", what,
         words.data == NULL ? "" : words.data);
    run->reply.failure.pointer = agent_text(&run->reply, "%s", failures.items[0].instance);
    buf_release(&words);
    return false;
}

/* Fetch one value that the task only names. False with the failure set: nothing was begun by this
 * attempt. */
static bool value_get(struct run *run, Mainstay__BlobKind kind, const Mainstay__BlobRef *blob,
                      struct buf *ret_text)
{
    struct error err = {0};
    enum agent_effect effect =
        run->row.state == OUTCOME_INTENT ? AGENT_EFFECT_UNKNOWN : AGENT_EFFECT_NONE;
    enum err code =
        blob == NULL ? ERR_OK : value_fetch(run->runtime, run->job, kind, blob, ret_text, &err);
    if (code == ERR_OK) {
        return true;
    }
    bool wrong = code == ERR_INVALID || code == ERR_LIMIT;
    fail(run, wrong ? AGENT_CONTRACT : AGENT_TRANSIENT, effect,
         wrong ? "input-digest" : "input-unavailable",
         wrong ? "The input is not what was announced" : "The input could not be fetched",
         "the %s of %llu bytes was asked for: %s",
         kind == MAINSTAY__BLOB_KIND__BLOB_KIND_INPUT ? "input" : "proposal",
         (unsigned long long)blob->bytes, err.message);
    return false;
}

static bool input_get(struct run *run)
{
    const Mainstay__Task *task = run->job->task;
    return value_get(run, MAINSTAY__BLOB_KIND__BLOB_KIND_INPUT, task->input_blob, &run->input) &&
           value_get(run, MAINSTAY__BLOB_KIND__BLOB_KIND_PROPOSAL, task->proposal_blob,
                     &run->proposal);
}

static bool input_read(struct run *run)
{
    const struct contract_action *contract = run->job->contract;
    const Mainstay__Task *task = run->job->task;
    if (!value_read(run, input_of(run), contract->input, "input", &run->task.input)) {
        return false;
    }
    if (task->phase != MAINSTAY__PHASE__PHASE_PERFORM || contract->proposal == NULL) {
        return true;
    }
    return value_read(run, proposal_of(run), contract->proposal, "proposal", &run->task.proposal);
}

static bool task_fill(struct run *run, bool writable)
{
    const Mainstay__Task *task = run->job->task;
    struct agent_task *view = &run->task;
    view->action = task->action;
    view->input_text = input_of(run);
    memcpy(view->key, task->key.data, AGENT_KEY_BYTES);
    view->idempotency_key = task->idempotency_key;
    view->step = task->step;
    view->traceparent = task->traceparent;
    view->attempt = task->attempt;
    view->timeout_ms = job_timeout_ms(run->job);
    view->user = run->runtime->user;
    view->runtime = run;
    if (view->idempotency_key[0] == '\0') {
        hex_encode(task->key.data, AGENT_KEY_BYTES, run->key_hex);
        view->idempotency_key = run->key_hex;
    }
    view->store = tables_handle(run->runtime->tables, writable);
    if (view->store != NULL) {
        return true;
    }
    fail(run, AGENT_TRANSIENT, AGENT_EFFECT_NONE, "no-memory", "The agent is out of memory",
         "no memory to start action '%s'", task->action);
    return false;
}

/* ---- after running ---- */

/* Make the reply of an action keep its contract; what does not becomes a contract failure. */
static void reply_check(struct run *run)
{
    const struct job *job = run->job;
    struct agent_reply *reply = &run->reply;
    bool pure = job_effect(job) == EFFECT_PURE;
    enum agent_effect done = pure ? AGENT_EFFECT_NONE : AGENT_EFFECT_DONE;
    if (reply->failure.failure_class != 0) {
        if (pure) {
            reply->failure.effect = AGENT_EFFECT_NONE;
        } else if (reply->failure.effect < AGENT_EFFECT_NONE ||
                   reply->failure.effect > AGENT_EFFECT_DONE) {
            reply->failure.effect = AGENT_EFFECT_UNKNOWN;
        }
        if (reply->failure.failure_class < AGENT_TRANSIENT ||
            reply->failure.failure_class > AGENT_CANCELLED) {
            reply->failure.failure_class = AGENT_CONTRACT;
        }
        return;
    }
    if (reply->output == NULL) {
        fail(run, AGENT_CONTRACT, pure ? AGENT_EFFECT_NONE : AGENT_EFFECT_UNKNOWN, "no-answer",
             "The action gave neither an output nor a failure",
             "action '%s' is wrong: it returned without an answer", job->task->action);
        return;
    }
    bool proposes =
        job->name.phase == MAINSTAY__PHASE__PHASE_DECIDE && job->contract->proposal != NULL;
    const struct schema *schema = proposes ? job->contract->proposal : job->contract->output;
    const struct agent_decision *decision = &reply->decision;
    enum confidence_rule rule = job->contract->confidence;
    if (!schema_validate(schema, reply->output, NULL)) {
        struct schema_failures failures;
        struct buf words = BUF_INIT(1000);
        (void)schema_validate(schema, reply->output, &failures);
        schema_failures_print(&failures, &words);
        fail(run, AGENT_CONTRACT, done, "output-schema", "The agent broke its contract",
             "output of '%s': %s", job->task->action, words.data == NULL ? "" : words.data);
        buf_release(&words);
    } else if (decision->has_confidence
                   ? rule == CONFIDENCE_NONE || !(decision->confidence >= 0.0) ||
                         decision->confidence > 1.0
                   : rule == CONFIDENCE_REQUIRED) {
        fail(run, AGENT_CONTRACT, done, "confidence", "The agent broke its contract",
             "the contract of '%s' and the confidence given do not agree", job->task->action);
    } else if (decision->cost != NULL && !job->contract->paid) {
        fail(run, AGENT_CONTRACT, done, "undeclared-cost", "The agent broke its contract",
             "action '%s' reports cost '%s' but its contract has no 'cost'", job->task->action,
             decision->cost);
    }
}

/* Texts of the reply live in the run's arena or in the program, so a clean one takes their place.
 */
static void text_redact(struct run *run, const char **text)
{
    if (*text == NULL) {
        return;
    }
    struct buf clean = BUF_INIT((size_t)64 * 1024);
    buf_append_str(&clean, *text);
    agent_redact(&run->task, &clean);
    struct arena *arena = arena_of(run);
    const char *copy = arena == NULL || clean.data == NULL ? NULL : arena_strdup(arena, clean.data);
    *text = copy == NULL ? "" : copy;
    buf_release(&clean);
}

static void value_redact(struct run *run, json_t **value)
{
    if (*value != NULL) {
        *value = secrets_redact_json(&run->secrets, *value);
    }
}

/* No secret leaves in an answer, whoever put it there. */
static void reply_redact(struct run *run)
{
    struct agent_reply *reply = &run->reply;
    if (run->secrets.hidden_count == 0) {
        return;
    }
    value_redact(run, &reply->output);
    value_redact(run, &reply->decision.explanation);
    value_redact(run, &reply->failure.correction);
    text_redact(run, &reply->decision.rule);
    text_redact(run, &reply->decision.model);
    text_redact(run, &reply->failure.title);
    text_redact(run, &reply->failure.detail);
    text_redact(run, &reply->failure.pointer);
}

/* ---- the result ---- */

static char *text_or_empty(const char *text)
{
    return envelope_text(text != NULL && utf8_valid(text, strlen(text)) ? text : "");
}

static void failure_fill(struct run *run, Mainstay__Failure *out)
{
    const struct agent_failure *failure = &run->reply.failure;
    *out = (Mainstay__Failure)MAINSTAY__FAILURE__INIT;
    out->failure_class = (Mainstay__FailureClass)failure->failure_class;
    out->effect = (Mainstay__EffectMark)failure->effect;
    out->code = text_or_empty(failure->code);
    out->title = text_or_empty(failure->title);
    out->detail = text_or_empty(failure->detail);
    out->pointer = text_or_empty(failure->pointer);
    out->status = failure->status;
    out->retry_after_ms = failure->retry_after_ms;
    if (failure->correction != NULL) {
        buf_clear(&run->correction);
        json_write(failure->correction, &run->correction);
        out->correction = envelope_bytes((struct str){run->correction.data, run->correction.size});
    }
}

static void decision_fill(struct run *run, Mainstay__Decision *out)
{
    const struct agent_decision *decision = &run->reply.decision;
    *out = (Mainstay__Decision)MAINSTAY__DECISION__INIT;
    out->rule = text_or_empty(decision->rule);
    out->model = text_or_empty(decision->model);
    out->cost = text_or_empty(decision->cost);
    out->has_confidence = decision->has_confidence;
    if (decision->has_confidence) {
        out->confidence_ppm = (uint32_t)lround(decision->confidence * 1e6);
    }
    if (decision->explanation != NULL) {
        json_write(decision->explanation, &run->explanation);
        out->explanation =
            envelope_bytes((struct str){run->explanation.data, run->explanation.size});
    }
}

/* The output, or its name when it is too large for a message and the coordinator asks for such. */
static void output_fill(struct run *run, Mainstay__Result *result)
{
    struct str text = {.data = run->output.data, .size = run->output.size};
    run->named = atomic_load(&run->runtime->blobs) && text.size > LIMIT_INLINE_BYTES;
    if (!run->named) {
        result->output = envelope_bytes(text);
        return;
    }
    run->blob =
        (struct blob_key){.name = run->job->name, .digest = crypto_blake(text.data, text.size)};
    run->blob_ref = (Mainstay__BlobRef)MAINSTAY__BLOB_REF__INIT;
    run->blob_ref.digest =
        envelope_bytes((struct str){(const char *)run->blob.digest.bytes, DIGEST_BYTES});
    run->blob_ref.bytes = text.size;
    result->output_blob = &run->blob_ref;
}

/* Fill the result with what the run came to. What it points to lives in the run and the parts. */
static void result_fill(struct run *run, Mainstay__Result *result, Mainstay__Failure *failure,
                        Mainstay__Decision *decision)
{
    result_init(result, &run->job->name, run->job->task);
    result->started_ms = run->wall_ms;
    int64_t ran_ns = clock_monotonic_ns() - run->job->started_ns;
    result->duration_us = (uint64_t)(ran_ns > 0 ? ran_ns / 1000 : 0);
    if (run->reply.failure.failure_class != 0) {
        result->status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
        failure_fill(run, failure);
        result->failure = failure;
        return;
    }
    json_write(run->reply.output, &run->output);
    result->status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE;
    output_fill(run, result);
    decision_fill(run, decision);
    result->decision = decision;
}

static void run_pack(struct run *run, struct buf *ret_result)
{
    Mainstay__Result result;
    Mainstay__Failure failure;
    Mainstay__Decision decision;
    result_fill(run, &result, &failure, &decision);
    size_t size = mainstay__result__get_packed_size(&result);
    bool cut = run->output.failed || run->explanation.failed || run->correction.failed;
    if (cut || size > RESULT_BYTES_MAX) {
        bool pure = job_effect(run->job) == EFFECT_PURE;
        size_t most = run->output.failed ? run->output.max : RESULT_BYTES_MAX;
        fail(run, AGENT_CONTRACT, pure ? AGENT_EFFECT_NONE : AGENT_EFFECT_UNKNOWN, "result-too-big",
             "The agent's answer is too big to be sent",
             "what '%s' answers has %s%zu bytes, %zu are allowed %s: answer with less, or with "
             "where it can be had",
             run->job->task->action, cut ? "more than " : "", cut ? most : size, most,
             most == LIMIT_DOCUMENT_BYTES ? "(LIMIT_DOCUMENT_BYTES)" : "in all");
        run->named = false;
        result_fill(run, &result, &failure, &decision);
    }
    run->status = result.status;
    result_pack(&result, ret_result);
}

/* ---- keeping ---- */

static struct str output_text(const struct run *run)
{
    return (struct str){.data = run->output.data, .size = run->output.size};
}

/* The output of work without an outcome row is on the device before the result names it. */
static bool output_keep(struct run *run)
{
    struct error err = {0};
    struct outcomes *outcomes = run->runtime->outcomes;
    struct kv_batch *batch = kv_batch_create(outcomes_kv(outcomes));
    FAULT_POINT("blob-before-commit");
    enum err code =
        blobs_put(outcomes, batch, &run->blob, output_text(run), true, run->wall_ms, &err);
    if (code == ERR_OK) {
        code = outcomes_commit_synced(outcomes, batch, &err);
    }
    kv_batch_destroy(&batch);
    if (code != ERR_OK) {
        error_wrap(&err, "cannot keep the output of '%s'", run->job->task->action);
        run->runtime->fatal(run->runtime, &err);
        return false;
    }
    FAULT_POINT("blob-synced");
    return true;
}

/* Commit `outcome` with the task's own writes. False when the store failed. */
static bool keep(struct run *run, const struct outcome *outcome, bool with_tables, bool synced)
{
    struct error err = {0};
    struct outcomes *outcomes = run->runtime->outcomes;
    struct kv_batch *batch = kv_batch_create(outcomes_kv(outcomes));
    outcome_put(batch, &run->job->name, outcome, run->wall_ms);
    enum err code = ERR_OK;
    if (run->named && outcome->state == OUTCOME_DONE) {
        code = blobs_put(outcomes, batch, &run->blob, output_text(run), false, run->wall_ms, &err);
    }
    if (with_tables && run->task.store != NULL) {
        tables_stage(run->task.store, batch);
    }
    if (code == ERR_OK) {
        code = synced ? outcomes_commit_synced(outcomes, batch, &err)
                      : outcomes_commit(outcomes, batch, &err);
    }
    kv_batch_destroy(&batch);
    if (code != ERR_OK) {
        error_wrap(&err, "cannot keep the outcome of '%s'", run->job->task->action);
        run->runtime->fatal(run->runtime, &err);
        return false;
    }
    telemetry_outcome(run->runtime->telemetry);
    return true;
}

/* The intent of an effect that leaves this process is durable before it may happen. */
static bool intent_keep(struct run *run)
{
    if (job_effect(run->job) == EFFECT_PURE || run->job->contract->local) {
        return true;
    }
    if (run->row.state == OUTCOME_INTENT && run->row.attempt == run->job->name.attempt) {
        return true;
    }
    struct outcome intent = {.state = OUTCOME_INTENT, .identity = run->identity};
    FAULT_POINT("intent-before-commit");
    if (!keep(run, &intent, false, true)) {
        return false;
    }
    FAULT_POINT("intent-synced");
    run->row = intent;
    return true;
}

/* Keep how a run ended. False when the store failed. */
static bool end_keep(struct run *run, struct buf *result)
{
    bool failed = run->reply.failure.failure_class != 0;
    bool pure = job_effect(run->job) == EFFECT_PURE;
    if (pure && (failed || run->reply.decision.cost == NULL)) {
        return !run->named || output_keep(run); /* may run again: unseen and not paid for */
    }
    struct outcome outcome = {
        .state = failed ? OUTCOME_FAILED : OUTCOME_DONE,
        .mark = failed ? (uint8_t)run->reply.failure.effect : 0,
        .identity = run->identity,
        .result = {.data = result->data, .size = result->size},
    };
    FAULT_POINT("outcome-before-commit");
    if (!keep(run, &outcome, !failed, false)) {
        return false;
    }
    FAULT_POINT("outcome-committed");
    return true;
}

/* ---- the run ---- */

static void probe(struct run *run, bool *ret_perform)
{
    *ret_perform = false;
    enum agent_probe_answer answer = run->job->action->probe(&run->task, &run->reply);
    switch (answer) {
    case AGENT_PROBE_DONE:
        return;
    case AGENT_PROBE_NOT_DONE:
        json_decref(run->reply.output);
        json_decref(run->reply.decision.explanation);
        json_decref(run->reply.failure.correction);
        run->reply = (struct agent_reply){.runtime = run};
        *ret_perform = true;
        return;
    case AGENT_PROBE_UNKNOWN:
    default:
        fail(run, AGENT_IN_DOUBT, AGENT_EFFECT_UNKNOWN, "in-doubt",
             "Nobody can tell whether the effect happened",
             "action '%s' began with this key before, and asking the outside gave no answer",
             run->job->task->action);
    }
}

/* Run the phase. False when the store failed. */
static bool phase_run(struct run *run, enum outcome_verdict verdict)
{
    const struct agent_action *action = run->job->action;
    bool go = true;
    bool decide = run->job->name.phase == MAINSTAY__PHASE__PHASE_DECIDE;
    bool writable = job_effect(run->job) != EFFECT_PURE;
    if (!contract_allows(run) || !input_get(run) || !input_read(run) || !task_fill(run, writable)) {
        run->skipped = true;
        return true;
    }
    if (verdict == VERDICT_PROBE) {
        probe(run, &go);
    }
    if (go) {
        if (!intent_keep(run)) {
            return false;
        }
        FAULT_POINT("action-before");
        if (decide) {
            action->decide(&run->task, &run->reply);
        } else {
            action->perform(&run->task, &run->reply);
        }
        FAULT_POINT("action-after");
    }
    reply_redact(run);
    reply_check(run);
    return true;
}

static void in_doubt(struct run *run, enum outcome_verdict verdict)
{
    if (verdict == VERDICT_OTHER_INPUT) {
        fail(run, AGENT_IN_DOUBT,
             run->row.state == OUTCOME_DONE ? AGENT_EFFECT_DONE : AGENT_EFFECT_UNKNOWN,
             "key-reused", "The idempotency key was used for something else",
             "key of step '%s' belongs to another input of action '%s': find out which one is "
             "meant and give the other a new key",
             run->job->task->step, run->job->task->action);
    } else if (run->row.state == OUTCOME_NONE) {
        fail(run, AGENT_IN_DOUBT, AGENT_EFFECT_UNKNOWN, "in-doubt",
             "Nobody can tell whether the effect happened",
             "action '%s' was begun by a store that is lost, or longer ago than outcomes are kept "
             "(%d days): look outside whether it happened",
             run->job->task->action, OUTCOME_RETENTION_DAYS);
    } else {
        fail(run, AGENT_IN_DOUBT, AGENT_EFFECT_UNKNOWN, "in-doubt",
             "Nobody can tell whether the effect happened",
             "the agent died while action '%s' was running: look outside whether it happened",
             run->job->task->action);
    }
}

/* Look for an earlier outcome. False when the store failed. */
static bool row_read(struct run *run)
{
    if (!job_is_kept(run->job)) {
        return true;
    }
    struct error err = {0};
    run->identity = task_identity(run->job->task);
    if (outcomes_get(run->runtime->outcomes, &run->job->name, &run->row_bytes, &run->row, &err) ==
        ERR_OK) {
        return true;
    }
    run->runtime->fatal(run->runtime, &err);
    return false;
}

static void run_release(struct run *run)
{
    tables_release(&run->task.store);
    secrets_release(&run->secrets);
    json_decref(run->task.input);
    json_decref(run->task.proposal);
    json_decref(run->reply.output);
    json_decref(run->reply.decision.explanation);
    json_decref(run->reply.failure.correction);
    arena_destroy(&run->arena);
    buf_release(&run->row_bytes);
    buf_release(&run->output);
    buf_release(&run->explanation);
    buf_release(&run->correction);
    buf_release(&run->input);
    buf_release(&run->proposal);
}

static void run_verdict(struct run *run, enum outcome_verdict verdict, struct buf *ret_result)
{
    struct job *job = run->job;
    if (verdict == VERDICT_ANSWER) {
        run->status = run->row.state == OUTCOME_DONE
                          ? MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE
                          : MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
        result_stored(run->runtime, &run->row, &job->name, job->task, arena_of(run), ret_result);
        return;
    }
    if (verdict == VERDICT_RECALLED) {
        Mainstay__Result result;
        result_init(&result, &job->name, job->task);
        result.status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_RECALLED;
        run->status = result.status;
        result_pack(&result, ret_result);
        return;
    }
    bool died = verdict == VERDICT_DIED;
    if (died || verdict == VERDICT_OTHER_INPUT) {
        in_doubt(run, verdict);
        run->skipped = !died;
    } else if (!phase_run(run, verdict)) {
        return;
    }
    run_pack(run, ret_result);
    if (!run->skipped && !end_keep(run, ret_result)) {
        buf_clear(ret_result);
    }
}

/* Outcomes are kept for a time; an effect older than that, which nobody here knows any more, may
 * have happened. */
static enum outcome_past past_of(const struct run *run)
{
    static const uint64_t kept_ms = (uint64_t)OUTCOME_RETENTION_DAYS * 24 * 3600 * 1000;
    const Mainstay__Task *task = run->job->task;
    bool forgotten = task->created_ms != 0 && run->wall_ms > task->created_ms &&
                     run->wall_ms - task->created_ms > kept_ms;
    if (task->past == MAINSTAY__PAST__PAST_NONE) {
        return PAST_NONE;
    }
    if (forgotten) {
        return PAST_FORGOTTEN;
    }
    return task->past == MAINSTAY__PAST__PAST_UNKNOWN ? PAST_UNKNOWN : PAST_OWN;
}

Mainstay__ResultStatus execute(struct runtime *runtime, struct job *job, struct buf *ret_result)
{
    buf_clear(ret_result);
    struct run run = {
        .runtime = runtime,
        .job = job,
        .row_bytes = BUF_INIT(LIMIT_MESSAGE_BYTES + 4096),
        .output = BUF_INIT(atomic_load(&runtime->blobs) ? (size_t)LIMIT_DOCUMENT_BYTES
                                                        : (size_t)RESULT_BYTES_MAX),
        .explanation = BUF_INIT(RESULT_BYTES_MAX),
        .correction = BUF_INIT(RESULT_BYTES_MAX),
        .input = BUF_INIT(LIMIT_DOCUMENT_BYTES),
        .proposal = BUF_INIT(LIMIT_DOCUMENT_BYTES),
        .wall_ms = (uint64_t)clock_wall_ms(),
    };
    run.reply.runtime = &run;
    run.secrets.directory = runtime->secrets;
    if (row_read(&run)) {
        enum outcome_verdict verdict =
            job_is_kept(job) ? outcome_judge(&run.row, job_effect(job), job->name.attempt,
                                             &run.identity, past_of(&run))
                             : VERDICT_RUN;
        run_verdict(&run, verdict, ret_result);
    }
    run_release(&run);
    return ret_result->size == 0 ? MAINSTAY__RESULT_STATUS__RESULT_STATUS_UNSPECIFIED : run.status;
}
