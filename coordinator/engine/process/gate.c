/*
 * Gates: a step that waits for a person, and the person's verdict.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/json/schema.h"
#include "coordinator/engine/process/process.h"

void gate_open(struct engine *engine, struct instance *instance, struct frame *frame,
               enum gate_kind kind, const struct failure *failure, struct doc *proposal)
{
    gate_ask(engine, instance, frame, kind, failure, proposal, NULL);
}

void gate_ask(struct engine *engine, struct instance *instance, struct frame *frame,
              enum gate_kind kind, const struct failure *failure, struct doc *proposal,
              struct doc *ask)
{
    uint32_t revision = frame->gate_revision + 1;
    struct doc *shown = proposal != NULL ? proposal : frame->call_input;
    struct event event = engine_event(instance, EVENT_GATE_OPENED);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.status = (uint32_t)kind;
    event.count = revision;
    event.has_key = true;
    event.key = id_of_gate(&instance->id, frame->id, revision);
    event.has_digest = true;
    event.digest = *doc_digest(shown);
    event.at_ms = engine->now + engine->options.gate_ttl_ms;
    event.failure = failure_keep(engine, failure);
    event.output = proposal;
    event.value = ask;
    if (ask == NULL) {
        event.error = error_of_failure(engine, failure, frame_node(instance, frame)->pointer);
    }
    engine_emit(engine, &event);
    do { /* whoever waits for an instance that runs this one waits for the person too */
        struct order *order = engine_order(engine, ORDER_ENDED, 0);
        order->ended = (struct ended_order){.instance = instance->id,
                                            .status = instance->status,
                                            .has_gate = true,
                                            .gate = event.key};
    } while (child_waiter(engine, &instance) != NULL);
}

/* Whether the verdict is about what is open now; refuses it if not. */
static bool verdict_current(struct engine *engine, uint64_t token, const struct gate *gate,
                            const struct verdict_command *command)
{
    char hex[ID_HEX_BYTES];
    id_hex(&command->gate, hex);
    if (gate == NULL) {
        engine_refuse(engine, token, ERR_NOT_FOUND,
                      "there is no open gate %s; it may have been decided already", hex);
        return false;
    }
    bool other = (command->revision != 0 && command->revision != gate->revision) ||
                 (command->has_digest && !digest_equal(&command->digest, &gate->digest));
    if (other) {
        engine_refuse(engine, token, ERR_CONFLICT,
                      "gate %s has changed since you looked, look again", hex);
        return false;
    }
    return true;
}

/* An expired gate is asked anew, so that nobody decides on what has gone stale. */
static bool verdict_in_time(struct engine *engine, uint64_t token, struct instance *instance,
                            struct frame *frame, const struct gate *gate)
{
    if (gate->expires_ms == 0 || engine->now <= gate->expires_ms) {
        return true;
    }
    struct failure failure;
    failure_copy(&failure, &gate->failure);
    struct failure *kept = engine_alloc(engine, sizeof(*kept));
    *kept = failure;
    kept->code = engine_text(engine, failure.code);
    kept->title = engine_text(engine, failure.title);
    kept->detail = engine_text(engine, failure.detail);
    kept->pointer = engine_text(engine, failure.pointer);
    kept->correction =
        engine_hold(engine, failure.correction == NULL ? NULL : doc_ref(failure.correction));
    failure_release(&failure);
    struct doc *proposal =
        engine_hold(engine, gate->proposal == NULL ? NULL : doc_ref(gate->proposal));
    struct doc *ask = engine_hold(engine, gate->ask == NULL ? NULL : doc_ref(gate->ask));
    gate_ask(engine, instance, frame, gate->kind, kept, proposal, ask);
    engine_refuse(engine, token, ERR_CONFLICT,
                  "the gate had expired and was opened anew, look again");
    return false;
}

/* An edited input must keep the contract that will be asked for again. */
static bool edit_fits(struct engine *engine, uint64_t token, const struct instance *instance,
                      const struct frame *frame, struct doc *value)
{
    if (value == NULL) {
        engine_refuse(engine, token, ERR_INVALID, "a corrected value is needed to edit");
        return false;
    }
    const struct contract_action *action = call_action(engine, instance, frame);
    struct schema_failures failures;
    if (action == NULL || schema_validate(action->input, doc_json(value), &failures)) {
        return true;
    }
    struct buf words = BUF_INIT(4096);
    schema_failures_print(&failures, &words);
    engine_refuse(engine, token, ERR_INVALID, "the corrected value breaks the contract: %s",
                  words.failed ? "" : words.data);
    buf_release(&words);
    return false;
}

bool gate_may_retry(struct engine *engine, const struct instance *instance,
                    const struct frame *frame, const struct gate *gate)
{
    return gate->kind != GATE_IN_DOUBT || call_effect(engine, instance, frame) != EFFECT_MANUAL;
}

/* Yes says what the effect gave; to try again what may have happened takes a no, unless the outside
 * can be asked or knows the key. */
static bool doubt_fits(struct engine *engine, uint64_t token, const struct instance *instance,
                       const struct frame *frame, const struct gate *gate,
                       const struct verdict_command *command)
{
    bool yes = command->verdict == VERDICT_YES;
    if (gate->kind != GATE_IN_DOUBT) {
        if (yes || command->verdict == VERDICT_NO) {
            engine_refuse(engine, token, ERR_INVALID,
                          "yes and no answer a gate of kind in-doubt; this one is of kind %s",
                          gate_kind_name(gate->kind));
            return false;
        }
        return true;
    }
    if (command->verdict == VERDICT_APPROVE && !gate_may_retry(engine, instance, frame, gate)) {
        engine_refuse(engine, token, ERR_INVALID,
                      "it may have happened already: look outside, then say yes (with what it "
                      "gave) or no (it is tried again)");
        return false;
    }
    if (!yes) {
        return true;
    }
    if (command->value == NULL) {
        engine_refuse(engine, token, ERR_INVALID, "yes needs a value: what the effect gave");
        return false;
    }
    const struct contract_action *action = call_action(engine, instance, frame);
    struct schema_failures failures;
    if (action == NULL || schema_validate(action->output, doc_json(command->value), &failures)) {
        return true;
    }
    struct buf words = BUF_INIT(4096);
    schema_failures_print(&failures, &words);
    engine_refuse(engine, token, ERR_INVALID, "the value breaks the contract's output: %s",
                  words.failed ? "" : words.data);
    buf_release(&words);
    return false;
}

struct event gate_decided(struct engine *engine, const struct instance *instance,
                          const struct frame *frame, uint32_t verdict, const char *reason,
                          const char *person)
{
    struct event event = engine_event(instance, EVENT_GATE_DECIDED);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.has_key = true;
    event.key = frame->gate;
    event.status = verdict;
    event.text = engine_text(engine, reason);
    event.person = engine_text(engine, person);
    return event;
}

static void verdict_apply(struct engine *engine, struct instance *instance, struct frame *frame,
                          const struct gate *gate, const struct verdict_command *command)
{
    bool held = gate->proposal != NULL;
    bool performs = frame->phase == PHASE_DECIDE && call_performs(engine, instance, frame);
    struct doc *error = engine_hold(engine, frame->error == NULL ? NULL : doc_ref(frame->error));
    struct event event =
        gate_decided(engine, instance, frame, command->verdict, command->reason, command->person);
    event.flow = WALK_NEXT;
    if (command->verdict == VERDICT_APPROVE && held) {
        event.flow = performs ? WALK_SCOPE_END : WALK_END;
    }
    if (command->verdict == VERDICT_YES) {
        event.output = command->value;
        event.flow = WALK_END;
    } else if (command->verdict == VERDICT_EDIT) {
        event.value = command->value;
        event.count = frame->activation + 1;
        event.has_digest = true;
        size_t size = 0;
        const char *text = doc_text(command->value, &size);
        event.digest = crypto_blake(text, size);
    }
    engine_emit(engine, &event);
    if (command->verdict == VERDICT_YES) {
        undo_register(engine, instance, frame, command->value, false);
    }
    if (command->verdict == VERDICT_REJECT) {
        CHECK(error != NULL);
        fault_frame(engine, instance, frame, error);
    }
    if (!instance->ended) {
        walk(engine, instance);
    }
}

void process_verdict(struct engine *engine, uint64_t token, const struct verdict_command *command)
{
    const struct gate *gate = company_gate(&engine->company, &command->gate);
    if (!verdict_current(engine, token, gate, command)) {
        return;
    }
    if (gate->kind == GATE_CLOCK) {
        clock_verdict(engine, token, command);
        return;
    }
    if (gate->kind == GATE_BUDGET) {
        budget_verdict(engine, token, gate, command);
        return;
    }
    if (gate->agent != NULL) {
        circuit_verdict(engine, token, gate, command);
        return;
    }
    struct instance *instance = engine_load(engine, &gate->instance);
    CHECK(instance != NULL);
    struct frame *frame = instance_frame(instance, gate->frame);
    CHECK(frame != NULL);
    if (instance->killed) {
        killed_verdict(engine, token, instance, frame, command);
        return;
    }
    CHECK(frame->state == FRAME_SUSPENDED);
    if (!verdict_in_time(engine, token, instance, frame, gate)) {
        return;
    }
    if (gate->kind == GATE_APPROVAL) {
        struct id approved = instance->id;
        if (approval_fits(engine, token, instance, frame, command)) {
            approval_verdict(engine, instance, frame, command);
            engine_reply_ok(engine, token, &approved, false);
        }
        return;
    }
    if (frame->purpose != PURPOSE_STEP) {
        struct id id = instance->id;
        if (undo_verdict_fits(engine, token, instance, frame, gate, command)) {
            undo_verdict(engine, instance, frame, gate, command);
            engine_reply_ok(engine, token, &id, false);
        }
        return;
    }
    if (!doubt_fits(engine, token, instance, frame, gate, command)) {
        return;
    }
    if (command->verdict == VERDICT_EDIT &&
        !edit_fits(engine, token, instance, frame, command->value)) {
        return;
    }
    struct id id = instance->id;
    verdict_apply(engine, instance, frame, gate, command);
    engine_reply_ok(engine, token, &id, false);
}
