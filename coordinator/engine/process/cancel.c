/*
 * Taking steps down: cancellation by a person, timeouts of tasks and of the workflow. What has an
 * effect in flight is recalled and settled before the walk goes on; nothing is forgotten.
 */
#include "common/base/check.h"
#include "coordinator/engine/process/process.h"

void recall(struct engine *engine, const struct instance *instance, const struct frame *frame,
            bool again)
{
    struct order *order = engine_order(engine, ORDER_RECALL, 0);
    order->recall = (struct recall_order){
        .agent = engine_text(engine, frame_node(instance, frame)->call.agent),
        .store = engine_text(engine, frame->store),
        .key = frame->key,
        .attempt = frame->attempt,
        .phase = frame->phase,
        .instance = instance->id,
        .frame = frame->id,
        .input_digest = frame->input_digest,
        .again = again,
    };
}

static void frame_cancel(struct engine *engine, struct instance *instance, struct frame *frame,
                         enum leaving leaving, struct doc *error, const char *why)
{
    struct event event = engine_event(instance, EVENT_STEP_CANCELLED);
    event.frame = frame->id;
    event.parent = frame->parent;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.status = (uint32_t)leaving;
    event.error = error;
    event.text = why;
    engine_emit(engine, &event);
}

static const char *why_of(const struct instance *instance, const struct frame *target)
{
    if (instance->cancelling) {
        return instance->killed ? "killed" : "cancelled";
    }
    switch ((int)target->resume) {
    case FRAME_RUNNING:
        return "the instance goes back";
    case FRAME_JOINED:
        return "another branch failed";
    case FRAME_OUTPUT:
        return target->parent == 0 ? "the workflow ends" : "another branch won";
    default:
        return "timed out";
    }
}

/* Nothing below the target is in flight, nor is it: it ends as it was marked to. */
static void unwind_end(struct engine *engine, struct instance *instance, struct frame *target)
{
    if (instance->cancelling) {
        instance_finish(engine, instance, INSTANCE_CANCELLED, NULL);
        return;
    }
    if (target->resume == FRAME_RUNNING) {
        rewind_end(engine, instance, target);
        return;
    }
    if (target->resume == FRAME_OUTPUT) {
        if (target->parent != 0 && undo_begin(engine, instance, target, UNDO_ALL, 0)) {
            return; /* what the losers of the race did */
        }
        branches_join(engine, instance, target);
        return;
    }
    struct doc *error = engine_hold(engine, doc_ref(target->error));
    if (target->parent == 0) {
        instance_finish(engine, instance, INSTANCE_FAULTED, error);
    } else if (target->resume == FRAME_RETRY) {
        fault_raise(engine, instance, target, error); /* only the attempt of a try is over */
    } else {
        fault_frame(engine, instance, target, error);
    }
}

static bool is_below(const struct instance *instance, const struct frame *frame,
                     const struct frame *target)
{
    if (instance->branches == 0) {
        return frame->id > target->id;
    }
    while (frame != NULL && frame->id > target->id) {
        frame = instance_frame(instance, frame->parent);
    }
    return frame == target;
}

/* The effect of the frame that is in flight or in doubt; NULL: none is. */
static const struct ledger_entry *open_effect(const struct instance *instance,
                                              const struct frame *frame)
{
    const struct plan_node *node = frame_node(instance, frame);
    const struct ledger_entry *entry =
        node != NULL && node->kind == TASK_AGENT ? instance_ledger(instance, &frame->key) : NULL;
    /* an attempt that settles a doubt which a person has left may do it now */
    bool again = entry != NULL && entry->state == LEDGER_ABANDONED && frame->effectful &&
                 frame_in_flight(frame);
    return entry != NULL && (again || ledger_is_open(entry)) ? entry : NULL;
}

/* Of a killed instance: the step goes, unless it has an effect in flight or in doubt. That one is
 * left to a person, who may look outside, or to the store, should it answer first. */
static void kill_leaf(struct engine *engine, struct instance *instance, struct frame *frame)
{
    const struct ledger_entry *entry = open_effect(instance, frame);
    bool asked = frame->state == FRAME_CANCELLING;
    if (frame_in_flight(frame) && !asked) {
        recall(engine, instance, frame, false);
    }
    if (entry == NULL) {
        frame_cancel(engine, instance, frame, LEAVES, NULL, "killed");
        return;
    }
    if (!asked) {
        frame_cancel(engine, instance, frame, STAYS, NULL, "killed while an effect was open");
    }
    if (!frame->has_gate) {
        struct failure failure = {
            .failure_class = FAILURE_IN_DOUBT,
            .effect = MARK_UNKNOWN,
            .code = "killed",
            .title = "the instance was killed while this effect was open",
            .detail = "look outside whether it happened, then say yes or no, for the record "
                      "alone: nothing is done or undone; reject leaves it open for good",
            .pointer = "",
        };
        gate_open(engine, instance, frame, GATE_IN_DOUBT, &failure, NULL);
    }
}

void killed_verdict(struct engine *engine, uint64_t token, struct instance *instance,
                    struct frame *frame, const struct verdict_command *command)
{
    if (command->verdict == VERDICT_APPROVE || command->verdict == VERDICT_EDIT) {
        engine_refuse(engine, token, ERR_INVALID,
                      "the instance was killed and runs nothing any more: say yes (it happened), "
                      "no, or reject to leave it open");
        return;
    }
    struct id id = instance->id;
    struct event event =
        gate_decided(engine, instance, frame, command->verdict, command->reason, command->person);
    event.output = command->verdict == VERDICT_YES ? command->value : NULL;
    engine_emit(engine, &event);
    unwind(engine, instance, instance->frames[0]);
    engine_reply_ok(engine, token, &id, false);
}

/* Take one frame without children down; it may stay for its answer. */
static void unwind_leaf(struct engine *engine, struct instance *instance, struct frame *frame,
                        const char *why)
{
    if (frame->has_child) {
        if (frame->state != FRAME_CANCELLING) {
            frame_cancel(engine, instance, frame, STAYS, NULL, "cancels what it runs");
            child_cancel(engine, instance, frame);
        }
        return;
    }
    if (instance->killed) {
        kill_leaf(engine, instance, frame);
        return;
    }
    if (!frame_in_flight(frame)) {
        frame_cancel(engine, instance, frame, LEAVES, NULL, why);
        return;
    }
    if (!frame->effectful) {
        recall(engine, instance, frame, false);
        frame_cancel(engine, instance, frame, LEAVES, NULL, why);
    } else if (frame->state != FRAME_CANCELLING) {
        recall(engine, instance, frame, false);
        frame_cancel(engine, instance, frame, STAYS, NULL, "recalled");
    }
}

void unwind(struct engine *engine, struct instance *instance, struct frame *target)
{
    const char *why = why_of(instance, target);
    bool won = !instance->cancelling && target->resume == FRAME_OUTPUT;
    uint32_t wanted = 0;
    for (uint32_t i = instance->frame_count; instance->frames[i - 1] != target; i--) {
        struct frame *frame = instance->frames[i - 1];
        bool undoes = frame->purpose != PURPOSE_STEP && !instance->killed;
        if (frame->children > 0 || undoes || /* what is being undone is finished first */
            !is_below(instance, frame, target)) {
            continue;
        }
        if (won && frame->state == FRAME_JOINED && frame->parent == target->id) {
            wanted++;
        } else {
            unwind_leaf(engine, instance, frame, why);
        }
    }
    bool in_flight = target->has_child || (frame_in_flight(target) && target->effectful);
    if (target->children == wanted && !in_flight) {
        unwind_end(engine, instance, target);
    }
}

void unwind_begin(struct engine *engine, struct instance *instance, struct frame *target,
                  enum leaving leaving, struct doc *error)
{
    bool in_flight = frame_in_flight(target);
    if (in_flight) {
        recall(engine, instance, target, false);
    }
    if (in_flight && !target->effectful) {
        fault_frame(engine, instance, target, error);
        return;
    }
    const char *why = leaving == STAYS_FOR_FAULT    ? "a branch failed"
                      : leaving == STAYS_FOR_WINNER ? "a branch won"
                                                    : "timed out";
    frame_cancel(engine, instance, target, leaving, error, why);
    if (target->has_child) {
        child_cancel(engine, instance, target);
    }
    unwind(engine, instance, target);
}

void instance_take_down(struct engine *engine, struct instance *instance, bool kill,
                        const char *reason, const char *person)
{
    struct event event =
        engine_event(instance, kill ? EVENT_INSTANCE_KILLED : EVENT_INSTANCE_CANCELLING);
    event.text = engine_text(engine, reason);
    event.person = engine_text(engine, person);
    engine_emit(engine, &event);
    for (uint32_t i = 0; kill && i < instance->frame_count; i++) {
        if (instance->frames[i]->has_child) { /* a cancelled one may be killed later */
            child_kill(engine, instance, instance->frames[i]);
        }
    }
    unwind(engine, instance, instance->frames[0]);
}

void process_cancel(struct engine *engine, uint64_t token, const struct cancel_command *command)
{
    struct operate_item item = {.instance = command->instance};
    struct operate_command operate = {
        .operation = OPERATE_CANCEL, .reason = command->reason, .person = command->person};
    char hex[ID_HEX_BYTES];
    id_hex(&command->instance, hex);
    if (!engine_knows(engine, &command->instance)) {
        engine_refuse(engine, token, ERR_NOT_FOUND, "there is no instance %s", hex);
        return;
    }
    const char *why = operate_one(engine, &operate, &item).why;
    if (why != NULL) {
        engine_refuse(engine, token, ERR_CONFLICT, "instance %s %s", hex, why);
    } else {
        engine_reply_ok(engine, token, &command->instance, false);
    }
}
