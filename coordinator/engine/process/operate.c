/*
 * What an operator asks of instances: cancel, kill, pause, resume, retry, restart, rewind, fork.
 * Each instance by itself, with those that its steps run and wait for. What each means:
 * ARCHITECTURE.md.
 */
#include "common/base/check.h"
#include "coordinator/engine/process/process.h"

static struct instance *awaited_child(struct engine *engine, const struct frame *frame)
{
    return frame->has_child ? engine_load(engine, &frame->child) : NULL;
}

static void note(struct engine *engine, struct instance *instance, enum event_kind kind,
                 const struct operate_command *command)
{
    struct event event = engine_event(instance, kind);
    event.text = engine_text(engine, command->reason);
    event.person = engine_text(engine, command->person);
    engine_emit(engine, &event);
}

/* ---- pause and resume ---- */

static void pause_family(struct engine *engine, struct instance *instance,
                         const struct operate_command *command)
{
    if (instance->paused == NULL && instance->final == 0 && !instance->cancelling) {
        note(engine, instance, EVENT_INSTANCE_PAUSED, command);
    }
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        struct instance *child = awaited_child(engine, instance->frames[i]);
        if (child != NULL) {
            pause_family(engine, child, command);
        }
    }
}

static void resume_family(struct engine *engine, struct instance *instance,
                          const struct operate_command *command)
{
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        struct instance *child = awaited_child(engine, instance->frames[i]);
        if (child != NULL) {
            resume_family(engine, child, command);
        }
    }
    if (instance->paused != NULL) {
        note(engine, instance, EVENT_INSTANCE_RESUMED, command);
        if (instance->locks > 0) {
            lock_resumed(engine, instance);
        }
        walk(engine, instance);
    }
}

/* ---- retry ---- */

/* The step of a gate is tried again with the input that it had. What the gate held back is not
 * taken. */
static void gate_retry(struct engine *engine, struct instance *instance, struct frame *frame,
                       const struct operate_command *command)
{
    struct event event =
        gate_decided(engine, instance, frame, VERDICT_APPROVE, command->reason, command->person);
    event.flow = WALK_NEXT;
    engine_emit(engine, &event);
}

/* Another attempt is due later: it is due now. */
static void wait_cut(struct engine *engine, struct instance *instance, struct frame *frame,
                     const struct operate_command *command)
{
    const struct plan_node *node = frame_node(instance, frame);
    struct event event = engine_event(instance, EVENT_TIMER_FIRED);
    event.frame = frame->id;
    event.node = frame->node;
    event.text = engine_text(engine, command->reason);
    event.person = engine_text(engine, command->person);
    if (node->kind == TASK_TRY && node->attempt.retry != NULL) {
        event.count = (uint32_t)node->attempt.retry->attempt_duration_ms;
    }
    engine_emit(engine, &event);
}

/* Whether the frame has something to try again; *why tells of one that a person decides. */
static bool frame_may_retry(struct engine *engine, const struct instance *instance,
                            const struct frame *frame, const char **why)
{
    const struct gate *gate = frame->has_gate ? company_gate(&engine->company, &frame->gate) : NULL;
    if (gate == NULL) {
        return frame->state == FRAME_RETRY;
    }
    if (frame->purpose != PURPOSE_STEP) {
        *why = "has a compensation that waits for a person: decide the gate";
        return false;
    }
    if (gate->kind == GATE_APPROVAL) {
        *why = "waits for an approval, which is no failure: decide the gate";
        return false;
    }
    if (!gate_may_retry(engine, instance, frame, gate)) {
        *why = "has an effect that may have happened: look outside, then 'mainstay gates yes' or "
               "'gates no' decides";
        return false;
    }
    return true;
}

static uint32_t family_may_retry(struct engine *engine, struct instance *instance, const char **why)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < instance->frame_count && !instance->cancelling; i++) {
        struct frame *frame = instance->frames[i];
        if (instance_unwinding(instance, frame) != NULL) {
            continue;
        }
        struct instance *child = awaited_child(engine, frame);
        count += child != NULL ? family_may_retry(engine, child, why)
                 : frame_may_retry(engine, instance, frame, why) ? 1
                                                                 : 0;
    }
    return count;
}

static void retry_family(struct engine *engine, struct instance *instance,
                         const struct operate_command *command)
{
    const char *why = NULL;
    if (family_may_retry(engine, instance, &why) == 0) {
        return;
    }
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        struct frame *frame = instance->frames[i];
        struct instance *child = awaited_child(engine, frame);
        if (instance_unwinding(instance, frame) != NULL) {
            continue;
        }
        if (child != NULL) {
            retry_family(engine, child, command);
        } else if (frame_may_retry(engine, instance, frame, &why)) {
            if (frame->has_gate) {
                gate_retry(engine, instance, frame, command);
            } else {
                wait_cut(engine, instance, frame, command);
            }
        }
    }
    walk(engine, instance);
}

/* ---- one and many ---- */

const char *engine_operation_refused(struct engine *engine, struct instance *instance,
                                     enum operation operation)
{
    const char *why = NULL;
    if (instance->final != 0) {
        return "has ended and only settles its effects";
    }
    if (instance->unwinding != 0 && operation != OPERATE_KILL && operation != OPERATE_RESUME) {
        return "is at its end and undoes what it did";
    }
    bool ends = operation == OPERATE_CANCEL || operation == OPERATE_KILL;
    if (instance->cancelling && !ends) {
        return "is being cancelled";
    }
    switch (operation) {
    case OPERATE_CANCEL:
    case OPERATE_KILL:
        return NULL;
    case OPERATE_PAUSE:
        return instance->paused != NULL ? "is paused already" : NULL;
    case OPERATE_RESUME:
        return instance->paused == NULL ? "is not paused" : NULL;
    case OPERATE_RETRY:
        if (family_may_retry(engine, instance, &why) > 0) {
            return NULL;
        }
        return why != NULL ? why : "has nothing to try again: no step of it has failed";
    case OPERATE_RESTART:
        return "is still open: cancel or kill it first, then restart it";
    case OPERATE_REWIND:
        return rewind_refused(instance);
    case OPERATE_FORK:
        return instance->rewind != NULL ? "is going back: ask again when it has"
               : instance->has_parent   ? "was run by a step of another instance: fork that one"
                                        : NULL;
    }
    UNREACHABLE();
}

static void open_operate(struct engine *engine, struct instance *instance,
                         const struct operate_command *command)
{
    switch (command->operation) {
    case OPERATE_CANCEL:
        if (!instance->cancelling) {
            instance_take_down(engine, instance, false, command->reason, command->person);
        }
        break;
    case OPERATE_KILL:
        if (!instance->killed) {
            instance_take_down(engine, instance, true, command->reason, command->person);
        }
        break;
    case OPERATE_PAUSE:
        pause_family(engine, instance, command);
        break;
    case OPERATE_RESUME:
        resume_family(engine, instance, command);
        break;
    case OPERATE_RETRY:
        retry_family(engine, instance, command);
        break;
    case OPERATE_REWIND:
    case OPERATE_RESTART:
    case OPERATE_FORK:
        UNREACHABLE();
    }
}

struct operated operate_one(struct engine *engine, const struct operate_command *command,
                            const struct operate_item *item)
{
    struct operated operated = {.instance = item->instance};
    struct instance *instance = engine_load(engine, &item->instance);
    bool copies = command->operation == OPERATE_RESTART || command->operation == OPERATE_FORK;
    if (copies && engine_turn_is_large(engine)) {
        operated.why = "was left out: so many values are not copied at once; ask for it again";
    } else if (instance != NULL) {
        operated.why = engine_operation_refused(engine, instance, command->operation);
        if (operated.why == NULL && command->operation == OPERATE_REWIND) {
            operated.why = rewind_begin(engine, instance, command, &item->point);
        } else if (operated.why == NULL && command->operation == OPERATE_FORK) {
            operated.why = instance_anew(engine, command, item, &operated);
        } else if (operated.why == NULL) {
            open_operate(engine, instance, command);
        }
    } else if (!engine_knows(engine, &item->instance)) {
        operated.why = "is not known";
    } else if (copies) {
        operated.why = instance_anew(engine, command, item, &operated);
    } else {
        operated.why =
            command->operation == OPERATE_RETRY
                ? "has ended already: 'mainstay instances restart' makes another one of it"
                : "has ended already";
    }
    return operated;
}

void process_operate(struct engine *engine, uint64_t token, const struct operate_command *command)
{
    struct operated *results =
        engine_alloc(engine, ((size_t)command->count + 1) * sizeof(*results));
    for (uint32_t i = 0; i < command->count; i++) {
        results[i] = operate_one(engine, command, &command->items[i]);
    }
    if (token != 0) {
        struct order *order = engine_order(engine, ORDER_REPLY, token);
        order->reply.operated = results;
        order->reply.operated_count = command->count;
    }
}
