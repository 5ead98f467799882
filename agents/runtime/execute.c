/* One task from its message to its result. Read execute() first; helpers stand above it in order.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agents/runtime/runtime.h"
#include "agents/runtime/secrets.h"
#include "agents/runtime/tables.h"
#include "agents/runtime/telemetry.h"
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

/* Names what the key was used for: action, input and proposal. */
static struct digest identity_of(const Mainstay__Task *task)
{
    struct blake blake;
    blake_init(&blake, NULL);
    blake_part_text(&blake, task->action);
    blake_part(&blake, task->input_digest.data, task->input_digest.len);
    blake_part(&blake, task->proposal.data, task->proposal.len);
    return blake_final(&blake);
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
    } else if (job->contract->proposal != NULL && !decide && task->proposal.len == 0) {
        fail(run, AGENT_CONTRACT, effect, "no-proposal", "There is no proposal to perform",
             "action '%s' performs an approved proposal and was given none", task->action);
    } else {
        struct digest digest = crypto_blake(task->input.data, task->input.len);
        if (memcmp(digest.bytes, task->input_digest.data, DIGEST_BYTES) == 0) {
            return true;
        }
        fail(run, AGENT_CONTRACT, effect, "input-digest", "The input is not what was announced",
             "the digest of the input received is not the task's input digest");
    }
    return false;
}

/* Parse `text` and check it. False with the failure set. */
static bool value_read(struct run *run, ProtobufCBinaryData text, const struct schema *schema,
                       const char *what, json_t **ret_value)
{
    struct error err = {0};
    enum agent_effect effect =
        run->row.state == OUTCOME_INTENT ? AGENT_EFFECT_UNKNOWN : AGENT_EFFECT_NONE;
    if (json_parse((const char *)text.data, text.len, NULL, ret_value, &err) != ERR_OK) {
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

static bool input_read(struct run *run)
{
    const struct contract_action *contract = run->job->contract;
    const Mainstay__Task *task = run->job->task;
    if (!value_read(run, task->input, contract->input, "input", &run->task.input)) {
        return false;
    }
    if (task->phase != MAINSTAY__PHASE__PHASE_PERFORM || contract->proposal == NULL) {
        return true;
    }
    return value_read(run, task->proposal, contract->proposal, "proposal", &run->task.proposal);
}

static bool task_fill(struct run *run, bool writable)
{
    const Mainstay__Task *task = run->job->task;
    struct agent_task *view = &run->task;
    view->action = task->action;
    view->input_text = envelope_str(task->input);
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
    result->output = envelope_bytes((struct str){run->output.data, run->output.size});
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
        fail(run, AGENT_CONTRACT, pure ? AGENT_EFFECT_NONE : AGENT_EFFECT_UNKNOWN, "result-too-big",
             "The agent's answer is too big to be sent",
             "what '%s' answers has %s%zu bytes, %d are allowed in all: answer with less, or with "
             "where it can be had",
             run->job->task->action, cut ? "more than " : "", cut ? (size_t)RESULT_BYTES_MAX : size,
             RESULT_BYTES_MAX);
        result_fill(run, &result, &failure, &decision);
    }
    run->status = result.status;
    result_pack(&result, ret_result);
}

/* The stored result again, under the name that was asked. */
static void stored_pack(const struct outcome *row, const struct outcome_name *name,
                        const Mainstay__Task *task, struct arena *arena, struct buf *ret_result)
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
        result_pack(stored, ret_result);
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

/* ---- keeping ---- */

/* Commit `outcome` with the task's own writes. False when the store failed. */
static bool keep(struct run *run, const struct outcome *outcome, bool with_tables, bool synced)
{
    struct error err = {0};
    struct outcomes *outcomes = run->runtime->outcomes;
    struct kv_batch *batch = kv_batch_create(outcomes_kv(outcomes));
    outcome_put(batch, &run->job->name, outcome, run->wall_ms);
    if (with_tables && run->task.store != NULL) {
        tables_stage(run->task.store, batch);
    }
    enum err code = synced ? outcomes_commit_synced(outcomes, batch, &err)
                           : outcomes_commit(outcomes, batch, &err);
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
        return true; /* may run again: nobody saw it and nobody paid */
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
    if (!contract_allows(run) || !input_read(run) || !task_fill(run, writable)) {
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
    run->identity = identity_of(run->job->task);
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
}

static void run_verdict(struct run *run, enum outcome_verdict verdict, struct buf *ret_result)
{
    struct job *job = run->job;
    if (verdict == VERDICT_ANSWER) {
        run->status = run->row.state == OUTCOME_DONE
                          ? MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE
                          : MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
        stored_pack(&run->row, &job->name, job->task, arena_of(run), ret_result);
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
        .output = BUF_INIT(RESULT_BYTES_MAX),
        .explanation = BUF_INIT(RESULT_BYTES_MAX),
        .correction = BUF_INIT(RESULT_BYTES_MAX),
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

/* ---- recall ---- */

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
        stored_pack(&row, name, task, arena, ret_result);
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
