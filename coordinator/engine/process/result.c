/*
 * Answers of agents: matched by name, checked against the contract, applied once; failures by
 * class.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/json/schema.h"
#include "coordinator/engine/process/process.h"

enum { ATTEMPT_MASK = 0xFF, WORDS_BYTES = 320 };

static const int64_t asked_delay_ms_max = 3600000; /* what the world may ask for */

static const struct policy_rules *
rules_of(const struct engine *engine, const struct instance *instance, const struct frame *frame)
{
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    return policy_rules_of(engine->policy, call->agent, call->action);
}

static bool result_fits(const struct frame *frame, const struct plan_node *node,
                        const struct result_command *result)
{
    return frame_in_flight(frame) && strcmp(node->call.agent, result->agent) == 0 &&
           strcmp(frame->store, result->store) == 0 && id_equal(&frame->key, &result->key) &&
           frame->attempt == result->attempt && frame->phase == result->phase &&
           digest_equal(&frame->input_digest, &result->input_digest);
}

static bool result_says_effect(const struct result_command *result)
{
    if (result->phase != PHASE_PERFORM) {
        return false;
    }
    return result->status == RESULT_DONE ||
           (result->status == RESULT_FAILED && result->failure.effect == MARK_DONE);
}

/* Whether an effect of the instance, open or ended, that it does not know to have happened has
 * happened now. Nobody speaks for another agent; *ret_owner is that one, or NULL. */
static bool effect_is_news(struct engine *engine, const struct result_command *result,
                           const char **ret_owner)
{
    *ret_owner = NULL;
    if (!result_says_effect(result)) {
        return false;
    }
    const struct instance *instance = engine_load_ended(engine, &result->instance);
    const char *agent = NULL;
    if (instance != NULL) {
        const struct ledger_entry *entry = instance_ledger(instance, &result->key);
        agent = entry == NULL || entry->state == LEDGER_DONE ? NULL : entry->agent;
    } else {
        agent = engine->port->done_effect(engine->port_user, &result->instance, &result->key);
    }
    if (agent != NULL && !text_equal(agent, result->agent)) {
        *ret_owner = engine_text(engine, agent);
        return false;
    }
    return agent != NULL;
}

/* Whose task the answer is for when that is in flight: the agent that was asked; NULL: no such
 * task is in flight. */
static const char *asked_agent(const struct instance *instance, const struct frame *frame,
                               const struct result_command *result)
{
    const struct plan_node *node = frame == NULL ? NULL : frame_node(instance, frame);
    bool call = node != NULL && node->kind == TASK_AGENT && frame_in_flight(frame);
    return call && id_equal(&frame->key, &result->key) ? node->call.agent : NULL;
}

/* An answer that no agent gives which is well is kept as a dead letter. Late and repeated ones are
 * given by all and only counted. `owner` of the effect that the answer is about, or NULL. */
static void result_forged(struct engine *engine, const struct instance *instance,
                          const struct frame *frame, const struct result_command *result,
                          const char *owner)
{
    const char *asked = asked_agent(instance, frame, result);
    bool other = owner != NULL || (asked != NULL && !text_equal(asked, result->agent));
    bool same_task = asked != NULL && !other && text_equal(frame->store, result->store) &&
                     frame->attempt == result->attempt && frame->phase == result->phase;
    char words[WORDS_BYTES];
    if (other) {
        (void)snprintf(words, sizeof(words), "answers for a task of agent %s",
                       owner != NULL ? owner : asked);
    } else if (same_task && !digest_equal(&frame->input_digest, &result->input_digest)) {
        (void)snprintf(words, sizeof(words), "answers with the digest of another input");
    } else {
        return;
    }
    engine->counters.refused++;
    char hex[ID_HEX_BYTES];
    char key[ID_HEX_BYTES];
    char source[WORDS_BYTES];
    char subject[WORDS_BYTES];
    char body[WORDS_BYTES];
    id_hex(&result->instance, hex);
    id_hex(&result->key, key);
    (void)snprintf(source, sizeof(source), "%s/%s", result->agent, result->store);
    (void)snprintf(subject, sizeof(subject), "result.%s.%s", result->agent, result->store);
    (void)snprintf(body, sizeof(body),
                   "{\"instance\":\"%s\",\"key\":\"%s\",\"attempt\":%u,\"phase\":\"%s\"}", hex, key,
                   result->attempt, result->phase == PHASE_PERFORM ? "perform" : "decide");
    dead_letter_keep(engine, &(struct dead_letter_command){
                                 .source = source,
                                 .subject = subject,
                                 .reason = words,
                                 .advice = "",
                                 .body = str_of(body),
                                 .size = strlen(body),
                             });
}

/* Nobody waits for this answer. One that says an effect happened still enters the ledger, and the
 * story of an instance that has ended. */
static void result_stale(struct engine *engine, struct instance *instance,
                         const struct frame *frame, const struct result_command *result)
{
    engine->counters.stale_results++;
    const char *owner = NULL;
    bool news = effect_is_news(engine, result, &owner);
    result_forged(engine, instance, frame, result, owner);
    if (!news) {
        return;
    }
    engine->counters.late_effects++;
    struct event event = engine_event(instance, EVENT_EFFECT_LATE);
    event.has_instance = true;
    event.instance = result->instance;
    event.agent = engine_text(engine, result->agent);
    event.store = engine_text(engine, result->store);
    event.has_key = true;
    event.key = result->key;
    event.attempt = result->attempt;
    event.status = result->status;
    event.effect = MARK_DONE;
    engine_emit(engine, &event);
    if (instance != NULL) {
        undo_register_late(engine, instance, &event.key, result->output);
    }
    if (instance != NULL && instance->final != 0 && !instance_ledger_open(instance)) {
        instance_finish(engine, instance, instance->final, instance->final_value);
    }
}

static void settled_order(struct engine *engine, const struct result_command *result)
{
    struct order *order = engine_order(engine, ORDER_SETTLED, 0);
    order->recall = (struct recall_order){
        .agent = engine_text(engine, result->agent),
        .store = engine_text(engine, result->store),
        .key = result->key,
        .attempt = result->attempt,
        .phase = result->phase,
    };
}

static struct event result_event(struct engine *engine, const struct instance *instance,
                                 const struct frame *frame, const struct result_command *result)
{
    struct event event = engine_event(instance, EVENT_STEP_RESULT);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.agent = engine_text(engine, result->agent);
    event.store = engine_text(engine, result->store);
    event.attempt = result->attempt;
    event.phase = result->phase;
    event.status = result->status;
    event.duration_us = result->duration_us;
    return event;
}

/* Whether the output keeps the contract; on a breach *ret_failure says how. */
static bool output_keeps(struct engine *engine, const struct instance *instance,
                         const struct frame *frame, const struct result_command *result,
                         struct failure *ret_failure)
{
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    const struct contract *contract =
        company_contract(&engine->company, call->agent, frame->contract_version);
    const struct contract_action *action =
        contract == NULL ? NULL : contract_action(contract, call->action);
    CHECK(action != NULL);
    bool proposes = result->phase == PHASE_DECIDE && action->performs;
    const struct schema *schema =
        proposes && action->proposal != NULL ? action->proposal : action->output;
    struct buf words = BUF_INIT(4096);
    bool keeps = true;
    if (result->output == NULL) {
        keeps = false;
        buf_append_str(&words, "the result has no readable output");
    } else {
        struct schema_failures failures;
        keeps = schema_validate(schema, doc_json(result->output), &failures);
        if (!keeps) {
            schema_failures_print(&failures, &words);
        }
    }
    bool judges = result->phase == PHASE_DECIDE || !action->decides;
    if (keeps && judges && action->confidence_required && !result->decision.has_confidence) {
        keeps = false;
        buf_append_str(&words, "the contract requires a confidence and the decision has none");
    }
    if (!keeps) {
        *ret_failure = (struct failure){
            .failure_class = FAILURE_CONTRACT,
            .effect = result->phase == PHASE_PERFORM ? MARK_DONE : MARK_NONE,
            .code = "output-breaks-contract",
            .title = "the agent's output breaks its contract",
            .detail = engine_text(engine, words.failed ? "" : words.data),
            .pointer = "",
        };
    }
    buf_release(&words);
    return keeps;
}

const struct contract_action *call_action(struct engine *engine, const struct instance *instance,
                                          const struct frame *frame)
{
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    const struct contract *contract =
        frame->contract_version == NULL
            ? NULL
            : company_contract(&engine->company, call->agent, frame->contract_version);
    return contract == NULL ? NULL : contract_action(contract, call->action);
}

enum effect_class call_effect(struct engine *engine, const struct instance *instance,
                              const struct frame *frame)
{
    const struct contract_action *action = call_action(engine, instance, frame);
    return action == NULL ? EFFECT_MANUAL : action->effect;
}

bool call_performs(struct engine *engine, const struct instance *instance,
                   const struct frame *frame)
{
    return call_action(engine, instance, frame)->performs;
}

/* Copy what the event keeps, because the command's texts live only for the call. */
static const struct decision *decision_keep(struct engine *engine, const struct decision *from)
{
    struct decision *kept = engine_alloc(engine, sizeof(*kept));
    *kept = *from;
    kept->rule = engine_text(engine, from->rule);
    kept->model = engine_text(engine, from->model);
    kept->cost = engine_text(engine, from->cost);
    if (from->explanation != NULL) {
        kept->explanation = engine_hold(engine, doc_ref(from->explanation));
    }
    return kept;
}

static void result_failed(struct engine *engine, struct instance *instance, struct frame *frame,
                          const struct result_command *result, const struct failure *failure)
{
    const struct failure *kept = failure_keep(engine, failure);
    struct event event = result_event(engine, instance, frame, result);
    event.status = RESULT_FAILED;
    event.failure = kept;
    event.effect = kept->effect;
    if (frame->money != NULL && result->decision.cost != NULL && result->decision.cost[0] != '\0') {
        event.decision = decision_keep(engine, &result->decision); /* it is paid all the same */
    }
    engine_emit(engine, &event);
    if (kept->effect == MARK_DONE) {
        undo_register(engine, instance, frame, result->output, false);
    }
    if (!undo_happened(engine, instance, frame, result->output)) {
        call_failed(engine, instance, frame, kept);
    }
    if (!instance->ended) {
        walk(engine, instance);
    }
}

/* Low confidence is held back for a person, with the output ready to be taken. */
static void hold_for_quality(struct engine *engine, struct instance *instance, struct frame *frame,
                             const struct result_command *result, double wanted)
{
    char detail[160];
    (void)snprintf(detail, sizeof(detail), "confidence %.3f is below the %.3f this step asks for",
                   result->decision.has_confidence ? (double)result->decision.confidence_ppm / 1e6
                                                   : 0.0,
                   wanted);
    struct failure failure = {
        .failure_class = FAILURE_QUALITY,
        .effect = result->phase == PHASE_PERFORM ? MARK_DONE : MARK_NONE,
        .code = "low-confidence",
        .title = "the agent is not sure enough",
        .detail = engine_text(engine, detail),
        .pointer = "",
    };
    struct plan_node const *node = frame_node(instance, frame);
    struct doc *error = error_of_failure(engine, &failure, node->pointer);
    if (rules_of(engine, instance, frame)->paths[FAILURE_QUALITY] == PATH_RAISE ||
        fault_caught_above(engine, instance, frame, error)) {
        fault_frame(engine, instance, frame, error);
        walk(engine, instance);
        return;
    }
    gate_open(engine, instance, frame, GATE_PARKED, &failure, result->output);
}

/* A share as parts per million, rounded: 0.29 is a little more than 0.29 in binary. */
static uint32_t ppm_of(double share)
{
    return (uint32_t)(share * 1e6 + 0.5);
}

static void result_done(struct engine *engine, struct instance *instance, struct frame *frame,
                        const struct result_command *result)
{
    struct failure breach;
    if (!output_keeps(engine, instance, frame, result, &breach)) {
        circuit_breach(engine, instance, frame);
        result_failed(engine, instance, frame, result, &breach);
        return;
    }
    circuits_proved(engine, instance, frame);
    if (budget_overrun(frame, result)) {
        engine->counters.budget_overruns++;
        circuit_breach(engine, instance, frame); /* the money is gone: the answer is taken */
    }
    double wanted = frame_node(instance, frame)->call.min_confidence;
    bool judged = result->phase == PHASE_PERFORM && call_action(engine, instance, frame)->decides;
    bool sure =
        wanted <= 0 || judged || /* the proposal was weighed, the rest is done */
        (result->decision.has_confidence && result->decision.confidence_ppm >= ppm_of(wanted));
    struct event event = result_event(engine, instance, frame, result);
    event.output = result->output;
    event.decision = decision_keep(engine, &result->decision);
    event.effect = result->phase == PHASE_PERFORM ? MARK_DONE : MARK_NONE;
    if (!sure) {
        event.count = 2;
    } else if (result->phase == PHASE_DECIDE && call_performs(engine, instance, frame)) {
        event.count = 1;
    }
    engine_emit(engine, &event);
    if (event.effect == MARK_DONE && frame->purpose == PURPOSE_STEP) {
        undo_register(engine, instance, frame, result->output, false);
    }
    if (!sure) {
        hold_for_quality(engine, instance, frame, result, wanted);
        return;
    }
    walk(engine, instance);
}

/* The step is being taken down and its store has answered: the ledger knows, the step may go. */
static void result_while_cancelling(struct engine *engine, struct instance *instance,
                                    struct frame *frame, const struct result_command *result)
{
    struct event event = result_event(engine, instance, frame, result);
    if (result->status == RESULT_RECALLED) {
        event.status = RESULT_FAILED;
        event.effect = MARK_NONE;
    } else if (result->status == RESULT_DONE) {
        event.effect = MARK_DONE;
        event.output = result->output;
        event.decision = decision_keep(engine, &result->decision);
    } else {
        event.failure = failure_keep(engine, &result->failure);
        event.effect = event.failure->effect;
        if (frame->money != NULL && result->decision.cost != NULL &&
            result->decision.cost[0] != '\0') {
            event.decision = decision_keep(engine, &result->decision);
        }
    }
    engine_emit(engine, &event);
    undo_register(engine, instance, frame, result->output, true);
    unwind(engine, instance, instance_unwinding(instance, frame));
    walk(engine, instance);
}

static void result_recalled(struct engine *engine, struct instance *instance, struct frame *frame,
                            const struct result_command *result)
{
    struct event event = result_event(engine, instance, frame, result);
    event.status = RESULT_FAILED;
    event.effect = MARK_NONE;
    engine_emit(engine, &event);
    struct event ready = engine_event(instance, EVENT_STEP_READY);
    ready.frame = frame->id;
    ready.node = frame->node;
    engine_emit(engine, &ready);
}

void process_result(struct engine *engine, const struct result_command *result)
{
    struct instance *instance = engine_load(engine, &result->instance);
    struct frame *frame = instance == NULL ? NULL : instance_frame(instance, result->frame);
    const struct plan_node *node = frame == NULL ? NULL : frame_node(instance, frame);
    bool call = node != NULL && node->kind == TASK_AGENT;
    if (!call || !result_fits(frame, node, result)) {
        result_stale(engine, instance, frame, result);
        if (result->phase == PHASE_PERFORM && result->status != RESULT_RUNNING) {
            settled_order(engine, result);
        }
        return;
    }
    if (result->status == RESULT_RUNNING) {
        engine->counters.duplicates++;
        return; /* the next redispatch is already planned */
    }
    if (frame->effectful) {
        settled_order(engine, result);
    }
    if (frame->state == FRAME_CANCELLING) {
        result_while_cancelling(engine, instance, frame, result);
    } else if (result->status == RESULT_RECALLED) {
        result_recalled(engine, instance, frame, result);
    } else if (result->status == RESULT_FAILED) {
        if (result->failure.failure_class == FAILURE_CONTRACT) { /* its runtime looked first */
            circuit_breach(engine, instance, frame);
        }
        result_failed(engine, instance, frame, result, &result->failure);
    } else {
        result_done(engine, instance, frame, result);
    }
}

/* Full jitter: a draw in [0, min(cap, first * factor^(n-1))], at least what the world asked for. */
static int64_t backoff_ms(const struct policy_retry *retry, const struct frame *frame,
                          const struct failure *failure)
{
    uint32_t n = frame->attempt & ATTEMPT_MASK;
    double limit = (double)retry->delay_ms;
    for (uint32_t i = 1; i < n && limit < (double)retry->max_delay_ms; i++) {
        limit *= retry->factor;
    }
    limit = limit > (double)retry->max_delay_ms ? (double)retry->max_delay_ms : limit;
    int64_t delay = (int64_t)id_draw(&frame->key, frame->attempt, (uint64_t)limit + 1);
    int64_t asked = failure->retry_after_ms > (uint64_t)asked_delay_ms_max
                        ? asked_delay_ms_max
                        : (int64_t)failure->retry_after_ms;
    delay = delay < asked ? asked : delay;
    return delay < 1 ? 1 : delay;
}

/* Whether another attempt is right without asking anybody: after what passes by itself, after an
 * action that stopped half-way without anybody's wish, and in doubt where repeating is harmless. */
static bool may_retry(struct engine *engine, const struct instance *instance,
                      const struct frame *frame, const struct failure *failure)
{
    bool passing =
        failure->failure_class == FAILURE_TRANSIENT || failure->failure_class == FAILURE_CANCELLED;
    bool doubt = failure->failure_class == FAILURE_IN_DOUBT;
    if (!passing && !doubt) {
        return false;
    }
    if ((frame->attempt & ATTEMPT_MASK) >= rules_of(engine, instance, frame)->retry.attempts ||
        failure->effect == MARK_DONE) {
        return false;
    }
    if (failure->effect == MARK_NONE) {
        return passing;
    }
    /* keyed: the outside knows the key; probed: the agent asks it before it tries again */
    enum effect_class effect = call_effect(engine, instance, frame);
    return effect == EFFECT_PURE || effect == EFFECT_KEYED || (effect == EFFECT_PROBED && !doubt);
}

/* Whether the definition's own error handling comes first: calls of the specification raise their
 * error, whether or not it is caught; doubts, closed doors and silence are a person's matter. */
static bool definition_takes(struct engine *engine, struct instance *instance,
                             const struct frame *frame, const struct failure *failure,
                             struct doc *error)
{
    return frame_node(instance, frame)->call.standard &&
           (failure->failure_class == FAILURE_DATA ||
            fault_caught_above(engine, instance, frame, error));
}

void call_failed(struct engine *engine, struct instance *instance, struct frame *frame,
                 const struct failure *failure)
{
    const struct plan_node *node = frame_node(instance, frame);
    struct doc *error = error_of_failure(engine, failure, node->pointer);
    const struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    bool certain = entry == NULL || entry->state != LEDGER_UNKNOWN || !frame->effectful;
    bool step = frame->purpose == PURPOSE_STEP; /* else nobody but a person takes the error */
    const struct policy_rules *rules = rules_of(engine, instance, frame);
    enum policy_path path = rules->paths[failure->failure_class];
    if (step && certain && definition_takes(engine, instance, frame, failure, error)) {
        fault_frame(engine, instance, frame, error);
        return;
    }
    if (may_retry(engine, instance, frame, failure)) {
        struct event event = engine_event(instance, EVENT_STEP_RETRY);
        event.frame = frame->id;
        event.node = frame->node;
        event.attempt = frame->attempt + 1;
        event.at_ms = engine->now + backoff_ms(&rules->retry, frame, failure);
        engine_emit(engine, &event);
        return;
    }
    if (step && certain &&
        (path == PATH_RAISE || fault_caught_above(engine, instance, frame, error))) {
        fault_frame(engine, instance, frame, error);
        return;
    }
    if (certain && path == PATH_CIRCUIT &&
        (failure->effect == MARK_NONE || call_effect(engine, instance, frame) == EFFECT_PURE)) {
        circuit_refused(engine, instance, frame, failure);
        return;
    }
    /* an effect that cannot simply be repeated, and nobody but a person can look */
    bool doubt = !certain && (failure->failure_class == FAILURE_IN_DOUBT ||
                              call_effect(engine, instance, frame) == EFFECT_MANUAL);
    enum gate_kind kind = doubt                                               ? GATE_IN_DOUBT
                          : failure->failure_class == FAILURE_DATA && certain ? GATE_DATA
                                                                              : GATE_PARKED;
    gate_open(engine, instance, frame, kind, failure, NULL);
}
