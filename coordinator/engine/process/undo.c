/*
 * Compensation: what effects register when they complete, and undoing them, last first.
 *
 * An effect's row in the ledger holds what undoes it (struct undo). Whoever wants effects undone
 * emits UNWINDING, which marks rows; one frame after the other then runs below the frame that
 * asked, which cannot walk meanwhile because it has a child. So undoing inside of a race, a `catch`
 * or a rewind needs no state of its own: when the last frame is gone the walk goes on where it
 * stood. A row in doubt is settled first, by the class of its effect, under the effect's own key.
 */
#include <stdio.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/json/schema.h"
#include "coordinator/engine/process/process.h"

/* ---- registering ---- */

/* The place in the journal that the next event takes. */
static int64_t order_now(const struct engine *engine)
{
    return (int64_t)(engine->sequence << ORDER_BITS | engine->event_count);
}

static struct doc *words_of(struct engine *engine, const char *text)
{
    return engine_hold(engine, doc_of_json(json_string(text)));
}

/* Input of the compensation: as the step says, or what the effect was given and gave. */
static struct doc *undo_value(struct engine *engine, struct instance *instance, struct frame *frame,
                              const struct ledger_entry *entry, struct doc *output,
                              struct doc **ret_error)
{
    const struct undo *undo = entry->undo;
    const struct plan_node *node =
        undo->node == PLAN_NONE ? NULL : &instance->plan->nodes[undo->node];
    const struct template *input = node == NULL ? NULL : node->call.compensate.input;
    struct doc *value = NULL;
    *ret_error = NULL;
    if (undo->action == NULL) {
        *ret_error = words_of(engine, "neither the step nor the contract says which action");
        return NULL;
    }
    if (input == NULL) {
        json_t *both = json_object();
        CHECK(both != NULL);
        CHECK(json_object_set(both, "input", json_mutable(doc_json(undo->call))) == 0);
        CHECK(json_object_set(both, "output", json_mutable(doc_json(output))) == 0);
        value = engine_hold(engine, doc_of_json(both));
    } else {
        struct scope scope = frame_scope(engine, instance, frame);
        scope.node = node;
        scope.input = undo->input;
        scope.raw_input = undo->input;
        scope.output = output;
        scope.raw_output = output;
        scope.no_external = true;
        if (scope_template(&scope, input, output, &value) != EVAL_OK) {
            *ret_error = scope.error != NULL
                             ? scope.error
                             : words_of(engine, "its input cannot be evaluated here");
            value = NULL;
        }
        scope_release(&scope);
    }
    size_t size = 0;
    if (value != NULL) {
        (void)doc_text(value, &size);
    }
    if (size > LIMIT_INPUT_BYTES) {
        char words[64];
        (void)snprintf(words, sizeof(words), "its input is larger than %d KB",
                       LIMIT_INPUT_BYTES / 1024);
        *ret_error = words_of(engine, words);
        value = NULL;
    }
    return value;
}

/* `frame` is whose expressions' scope it is; `step`: the effect's own step completes it. */
static void register_row(struct engine *engine, struct instance *instance, struct frame *frame,
                         struct ledger_entry *entry, struct doc *output, bool step, bool unwanted)
{
    struct doc *null = output == NULL ? engine_hold(engine, doc_of_json(json_null())) : output;
    struct event event = engine_event(instance, EVENT_COMPENSATION_REGISTERED);
    event.output = undo_value(engine, instance, frame, entry, null, &event.error);
    event.frame = step ? frame->id : 0;
    event.parent = step ? frame->parent : 0;
    event.node = entry->undo->node;
    event.has_key = true;
    event.key = entry->key;
    event.id = engine_text(engine, entry->undo->effect_key);
    event.agent = engine_text(engine, entry->agent);
    event.action = engine_text(engine, entry->undo->action);
    event.name = engine_text(engine, entry->undo->contract);
    event.at_ms = order_now(engine);
    event.status = unwanted ? 1 : 0;
    event.text = engine_text(engine, entry->step);
    event.source = engine_text(engine, entry->action);
    engine_emit(engine, &event);
}

void undo_register(struct engine *engine, struct instance *instance, struct frame *frame,
                   struct doc *output, bool unwanted)
{
    struct ledger_entry *entry =
        instance->undos == 0 ? NULL : instance_ledger(instance, &frame->key);
    if (entry == NULL || entry->undo == NULL || entry->state != LEDGER_DONE ||
        entry->undo->state != UNDO_DECLARED) {
        return;
    }
    register_row(engine, instance, frame, entry, output, frame->purpose == PURPOSE_STEP, unwanted);
}

void undo_register_late(struct engine *engine, struct instance *instance, const struct id *key,
                        struct doc *output)
{
    struct ledger_entry *entry = instance->undos == 0 ? NULL : instance_ledger(instance, key);
    if (entry == NULL || entry->undo == NULL || entry->undo->state != UNDO_DECLARED) {
        return;
    }
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        struct frame *frame = instance->frames[i];
        if (!id_equal(&frame->key, key)) {
            continue;
        }
        if (frame->purpose == PURPOSE_STEP) {
            return; /* the step is open again, and completes with it */
        }
        if (frame_in_flight(frame)) {
            task_ask(engine, instance, frame); /* was told "running" */
        }
    }
    register_row(engine, instance, instance->frames[0], entry, output, false, true);
}

/* ---- undoing ---- */

static struct event undo_event(struct engine *engine, const struct instance *instance,
                               enum event_kind kind, const struct ledger_entry *entry)
{
    struct event event = engine_event(instance, kind);
    event.has_key = true;
    event.key = entry->key;
    event.agent = engine_text(engine, entry->agent);
    return event;
}

static void ask_for_input(struct engine *engine, struct instance *instance, struct frame *frame,
                          const struct undo *undo)
{
    const json_t *error = undo->error == NULL ? NULL : doc_json(undo->error);
    const char *detail = json_is_string(error) ? json_string_value(error)
                         : error != NULL       ? json_text_of(error, "detail")
                                               : NULL;
    if (detail == NULL && error != NULL) {
        detail = json_text_of(error, "title");
    }
    struct failure failure = {
        .failure_class = FAILURE_DATA,
        .effect = MARK_NONE,
        .code = "compensation-input",
        .title = "the input of the compensation could not be made when the effect completed",
        .detail = engine_text(engine, detail == NULL ? "" : detail),
        .pointer = "",
    };
    gate_open(engine, instance, frame, GATE_DATA, &failure, NULL);
}

static const char *undo_key(struct engine *engine, const char *effect_key, uint32_t version)
{
    return version == 1 ? arena_printf(engine->arena, "%s#undo", effect_key)
                        : arena_printf(engine->arena, "%s#undo.%u", effect_key, version);
}

/* Begin with the row of `frame` that was registered last; false when none is left. */
static bool undo_next(struct engine *engine, struct instance *instance, const struct frame *frame)
{
    const struct ledger_entry *entry = instance_undo_next(instance, frame->id);
    if (entry == NULL) {
        return false;
    }
    const struct undo *undo = entry->undo;
    bool undoes = undo->state == UNDO_REGISTERED;
    struct doc *input = undoes ? undo->value : undo->call;
    struct event event = undo_event(engine, instance, EVENT_COMPENSATION_STARTED, entry);
    event.frame = instance->next_frame;
    event.parent = frame->id;
    event.status = undoes ? PURPOSE_UNDO : PURPOSE_SETTLE;
    event.action = engine_text(engine, undoes ? undo->action : entry->action);
    event.text = engine_text(engine, entry->step);
    event.id = undoes ? undo_key(engine, undo->effect_key, undo->version)
                      : engine_text(engine, undo->effect_key);
    if (input != NULL) {
        size_t size = 0;
        const char *text = doc_text(input, &size);
        event.output = engine_hold(engine, doc_ref(input));
        event.has_digest = true;
        event.digest = crypto_blake(text, size);
    }
    engine_emit(engine, &event);
    if (input == NULL) {
        ask_for_input(engine, instance, instance_frame(instance, event.frame), undo);
    }
    return true;
}

static bool undo_any(const struct instance *instance, const struct frame *frame,
                     enum undo_which which, uint64_t after)
{
    for (uint32_t i = 0; instance->undos > 0 && i < instance->ledger_count; i++) {
        if (undo_fits(&instance->ledger[i], frame, which, after)) {
            return true;
        }
    }
    return false;
}

bool undo_begin(struct engine *engine, struct instance *instance, struct frame *frame,
                enum undo_which which, uint64_t after)
{
    if (!undo_any(instance, frame, which, after)) {
        return false;
    }
    struct event event = engine_event(instance, EVENT_UNWINDING);
    event.frame = frame->id;
    event.parent = frame->parent;
    event.node = frame->node;
    event.count = which;
    event.at_ms = (int64_t)after;
    engine_emit(engine, &event);
    return undo_next(engine, instance, frame);
}

/* Whether the step that runs the instance takes over what it did: not when a person cancelled it,
 * who expects that to undo it. */
static bool hands_over(struct engine *engine, struct instance *instance)
{
    if (!instance->has_parent || instance->parent_frame == 0) {
        return false;
    }
    struct instance *parent = instance;
    return !instance->cancelling || child_waiter(engine, &parent) == NULL;
}

bool undo_before_end(struct engine *engine, struct instance *instance, enum instance_status status,
                     struct doc *value)
{
    if (instance->undos == 0 || instance->killed) {
        return false; /* killing undoes nothing */
    }
    enum undo_which which = status == INSTANCE_COMPLETED   ? UNDO_UNWANTED
                            : hands_over(engine, instance) ? UNDO_DOUBTFUL
                                                           : UNDO_ALL;
    struct frame *root = instance->frames[0];
    if (!undo_any(instance, root, which, 0)) {
        return false;
    }
    struct event event = engine_event(instance, EVENT_UNWINDING);
    event.frame = root->id;
    event.count = which;
    event.status = (uint32_t)status;
    if (status == INSTANCE_FAULTED) {
        event.error = value;
    } else {
        event.output = value;
    }
    engine_emit(engine, &event);
    return undo_next(engine, instance, root);
}

/* A frame with a purpose is gone: the next one, or what waits for the last. */
static void undo_go_on(struct engine *engine, struct instance *instance, uint32_t below)
{
    struct frame *frame = instance_frame(instance, below);
    CHECK(frame != NULL);
    struct frame *target = instance->unwinding != 0 ? frame : instance_unwinding(instance, frame);
    if (target != NULL && target != frame) {
        unwind(engine, instance, target);
    } else if (undo_next(engine, instance, frame)) {
        return;
    } else if (instance->unwinding != 0) {
        struct doc *value = instance->final_value;
        instance_finish(engine, instance, instance->unwinding,
                        value == NULL ? NULL : engine_hold(engine, doc_ref(value)));
    } else if (target != NULL) {
        unwind(engine, instance, target);
    }
}

static void undo_end(struct engine *engine, struct instance *instance, struct frame *frame,
                     enum ledger_state state, const struct verdict_command *by)
{
    const struct ledger_entry *entry = instance_ledger(instance, &frame->undoes);
    uint32_t below = frame->parent;
    struct event event = undo_event(engine, instance, EVENT_COMPENSATION_ENDED, entry);
    event.frame = frame->id;
    event.parent = below;
    event.status = (uint32_t)state;
    event.source = engine_text(engine, entry->step);
    event.action = engine_text(engine, frame->own->call.action);
    if (by != NULL) {
        event.text = engine_text(engine, by->reason);
        event.person = engine_text(engine, by->person);
    }
    engine_emit(engine, &event);
    undo_go_on(engine, instance, below);
}

/* What the frame was for has happened. */
static void undo_leave(struct engine *engine, struct instance *instance, struct frame *frame,
                       struct doc *output)
{
    if (frame->purpose == PURPOSE_SETTLE) {
        undo_register(engine, instance, frame, output, false);
        undo_end(engine, instance, frame, LEDGER_DONE, NULL);
    } else {
        undo_end(engine, instance, frame, LEDGER_COMPENSATED, NULL);
    }
}

bool undo_happened(struct engine *engine, struct instance *instance, struct frame *frame,
                   struct doc *output)
{
    const struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    if (frame->purpose == PURPOSE_STEP || entry == NULL || entry->state != LEDGER_DONE) {
        return false;
    }
    undo_leave(engine, instance, frame, output);
    return true;
}

void undo_proceed(struct engine *engine, struct instance *instance)
{
    for (uint32_t i = 0; instance->undoing > 0 && i < instance->frame_count;) {
        struct frame *frame = instance->frames[i];
        if (frame->purpose != PURPOSE_STEP && frame->state == FRAME_OUTPUT) {
            struct doc *output = engine_hold(engine, doc_ref(frame->data));
            undo_leave(engine, instance, frame, output);
            i = 0;
        } else {
            i++;
        }
    }
}

/* ---- workflows that steps run ---- */

void undo_adopt(struct engine *engine, const struct instance *instance, const struct frame *frame,
                const struct instance *child)
{
    for (uint32_t i = 0; child != NULL && child->undos > 0 && i < child->ledger_count; i++) {
        const struct ledger_entry *entry = &child->ledger[i];
        const struct undo *undo = entry->undo;
        bool open = undo != NULL && undo->state == UNDO_REGISTERED && entry->state == LEDGER_DONE;
        const struct ledger_entry *mine = instance_ledger(instance, &entry->key);
        bool kept =
            mine != NULL && mine->state == LEDGER_KEPT; /* by a person, whatever ran since */
        if (undo == NULL || (open && kept) || (!open && entry->state != LEDGER_COMPENSATED)) {
            continue;
        }
        struct event event = undo_event(engine, instance, EVENT_COMPENSATION_REGISTERED, entry);
        event.parent = frame->id;
        event.id = engine_text(engine, undo->effect_key);
        event.action = engine_text(engine, undo->action);
        event.name = engine_text(engine, undo->contract);
        event.output = undo->value == NULL ? NULL : engine_hold(engine, doc_ref(undo->value));
        event.error = undo->error == NULL ? NULL : engine_hold(engine, doc_ref(undo->error));
        event.at_ms = (int64_t)undo->order;
        event.status = !open ? 2 : undo->unwanted ? 1 : 0;
        event.text = engine_text(engine, entry->step);
        event.source = engine_text(engine, entry->action);
        engine_emit(engine, &event);
    }
}

bool undo_was_undone(struct engine *engine, const struct instance *instance, const struct id *key)
{
    while (instance != NULL) {
        const struct ledger_entry *entry =
            instance->undos == 0 ? NULL : instance_ledger(instance, key);
        if (entry != NULL && entry->state == LEDGER_COMPENSATED) {
            return true;
        }
        bool waited = instance->has_parent && instance->parent_frame != 0;
        instance = waited ? engine_load(engine, &instance->parent) : NULL;
    }
    return false;
}

/* ---- a person's word ---- */

static bool value_fits(struct engine *engine, uint64_t token, const struct schema *schema,
                       struct doc *value, const char *what)
{
    struct schema_failures failures;
    if (schema == NULL || schema_validate(schema, doc_json(value), &failures)) {
        return true;
    }
    struct buf words = BUF_INIT(4096);
    schema_failures_print(&failures, &words);
    engine_refuse(engine, token, ERR_INVALID, "%s: %s", what, words.failed ? "" : words.data);
    buf_release(&words);
    return false;
}

static bool has_reason(const struct verdict_command *command)
{
    return command->reason != NULL && command->reason[0] != '\0';
}

static bool settle_fits(struct engine *engine, uint64_t token, const struct instance *instance,
                        const struct frame *frame, const struct verdict_command *command)
{
    if (command->verdict == VERDICT_EDIT) {
        engine_refuse(engine, token, ERR_INVALID,
                      "what may have happened cannot be edited: say yes (with what it gave), no, "
                      "or reject to leave it open");
        return false;
    }
    if (command->verdict == VERDICT_APPROVE &&
        call_effect(engine, instance, frame) == EFFECT_MANUAL) {
        engine_refuse(engine, token, ERR_INVALID,
                      "it may have happened already: look outside, then say yes (with what it "
                      "gave) or no");
        return false;
    }
    if (command->verdict == VERDICT_YES && command->value == NULL) {
        engine_refuse(engine, token, ERR_INVALID, "yes needs a value: what the effect gave");
        return false;
    }
    const struct ledger_entry *effect = instance_ledger(instance, &frame->undoes);
    if (command->verdict == VERDICT_REJECT && effect->state == LEDGER_DONE &&
        effect->undo->state != UNDO_REGISTERED && !has_reason(command)) {
        engine_refuse(engine, token, ERR_INVALID,
                      "it happened, and to reject keeps the effect of %s: give the reason",
                      effect->step);
        return false;
    }
    const struct contract_action *action = call_action(engine, instance, frame);
    return command->verdict != VERDICT_YES || action == NULL ||
           value_fits(engine, token, action->output, command->value,
                      "the value breaks the contract's output");
}

bool undo_verdict_fits(struct engine *engine, uint64_t token, const struct instance *instance,
                       const struct frame *frame, const struct gate *gate,
                       const struct verdict_command *command)
{
    if (frame->purpose == PURPOSE_SETTLE) {
        return settle_fits(engine, token, instance, frame, command);
    }
    const struct ledger_entry *effect = instance_ledger(instance, &frame->undoes);
    const struct contract_action *action = call_action(engine, instance, frame);
    bool doubt = gate->kind == GATE_IN_DOUBT;
    bool named = effect->undo->action != NULL;
    if (command->verdict == VERDICT_REJECT && !has_reason(command)) {
        engine_refuse(engine, token, ERR_INVALID,
                      "to reject it keeps the effect of %s: give the reason", effect->step);
        return false;
    }
    bool again = command->verdict == VERDICT_APPROVE || command->verdict == VERDICT_EDIT;
    if (again && !named) {
        engine_refuse(engine, token, ERR_INVALID,
                      "nobody says which action undoes it: do it by hand and say yes, or reject "
                      "with the reason why it stays");
        return false;
    }
    if (command->verdict == VERDICT_APPROVE && effect->undo->value == NULL) {
        engine_refuse(engine, token, ERR_INVALID, "it has no input yet: edit gives it one");
        return false;
    }
    if (command->verdict == VERDICT_APPROVE && doubt &&
        call_effect(engine, instance, frame) == EFFECT_MANUAL) {
        engine_refuse(engine, token, ERR_INVALID,
                      "it may be undone already: look outside, then say yes or no");
        return false;
    }
    if (command->verdict == VERDICT_NO && !doubt) {
        engine_refuse(engine, token, ERR_INVALID, "no answers a gate of kind in-doubt");
        return false;
    }
    if (command->verdict != VERDICT_EDIT) {
        return true;
    }
    if (command->value == NULL) {
        engine_refuse(engine, token, ERR_INVALID, "a corrected value is needed to edit");
        return false;
    }
    return action == NULL || value_fits(engine, token, action->input, command->value,
                                        "the corrected value breaks the contract");
}

static void verdict_emit(struct engine *engine, const struct instance *instance,
                         const struct frame *frame, const struct gate *gate,
                         const struct verdict_command *command)
{
    const struct ledger_entry *effect = instance_ledger(instance, &frame->undoes);
    struct event event = engine_event(instance, EVENT_GATE_DECIDED);
    event.frame = frame->id;
    event.has_key = true;
    event.key = gate->id;
    event.status = command->verdict;
    event.text = engine_text(engine, command->reason);
    event.person = engine_text(engine, command->person);
    event.flow = WALK_NEXT;
    if (command->verdict == VERDICT_EDIT) {
        size_t size = 0;
        const char *text = doc_text(command->value, &size);
        event.value = command->value;
        event.count = effect->undo->version + 1;
        event.id = undo_key(engine, effect->undo->effect_key, event.count);
        event.has_digest = true;
        event.digest = crypto_blake(text, size);
    } else if (command->verdict == VERDICT_YES) {
        event.output = command->value;
    }
    engine_emit(engine, &event);
}

void undo_verdict(struct engine *engine, struct instance *instance, struct frame *frame,
                  const struct gate *gate, const struct verdict_command *command)
{
    bool settles = frame->purpose == PURPOSE_SETTLE;
    const struct ledger_entry *effect = instance_ledger(instance, &frame->undoes);
    bool known = settles && effect->state == LEDGER_DONE;
    bool told = known && effect->undo->state == UNDO_REGISTERED; /* by its store, meanwhile */
    verdict_emit(engine, instance, frame, gate, command);
    if (command->verdict == VERDICT_YES && settles) {
        undo_leave(engine, instance, frame, command->value);
    } else if (command->verdict == VERDICT_YES) {
        undo_end(engine, instance, frame, LEDGER_COMPENSATED, command);
    } else if (told && command->verdict != VERDICT_APPROVE) {
        undo_end(engine, instance, frame, LEDGER_DONE, command);
    } else if (command->verdict == VERDICT_NO && settles) {
        undo_end(engine, instance, frame, LEDGER_NONE, command);
    } else if (command->verdict == VERDICT_REJECT) {
        undo_end(engine, instance, frame, settles && !known ? LEDGER_ABANDONED : LEDGER_KEPT,
                 command);
    }
    if (!instance->ended) {
        walk(engine, instance);
    }
}
