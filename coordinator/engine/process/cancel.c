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
        .agent = frame_node(instance, frame)->call.agent,
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

/* Whether a frame goes at once or stays until what is below is settled. Journaled. */
enum leaving { LEAVES = 0, STAYS = 1, STAYS_FOR_RETRY = 2 };

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

/* The outermost frame that is being taken down: the workflow when the instance is cancelled. */
static struct frame *unwind_target(const struct instance *instance)
{
    if (instance->cancelling) {
        return instance->frames[0];
    }
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        if (instance->frames[i]->state == FRAME_CANCELLING && instance->frames[i]->error != NULL) {
            return instance->frames[i];
        }
    }
    return NULL;
}

/* The target is alone and nothing of it is in flight: give its error to whoever is above. */
static void unwind_end(struct engine *engine, struct instance *instance, struct frame *target)
{
    if (instance->cancelling) {
        instance_finish(engine, instance, INSTANCE_CANCELLED, NULL);
        return;
    }
    struct doc *error = engine_hold(engine, doc_ref(target->error));
    if (target->parent == 0) {
        instance_finish(engine, instance, INSTANCE_FAULTED, error);
        return;
    }
    if (target->resume == FRAME_RETRY) {
        fault_raise(engine, instance, target, error); /* only the attempt of a try is over */
    } else {
        fault_frame(engine, instance, target, error);
    }
    walk(engine, instance);
}

void unwind(struct engine *engine, struct instance *instance)
{
    struct frame *target = unwind_target(instance);
    CHECK(target != NULL);
    for (;;) {
        struct frame *leaf = instance_leaf(instance);
        if (frame_in_flight(leaf) && leaf->effectful) {
            if (leaf->state != FRAME_CANCELLING) {
                recall(engine, instance, leaf, false);
                frame_cancel(engine, instance, leaf, STAYS, NULL, "recalled");
            }
            return; /* its answer brings us back */
        }
        if (leaf == target) {
            unwind_end(engine, instance, target);
            return;
        }
        if (frame_in_flight(leaf)) {
            recall(engine, instance, leaf, false);
        }
        frame_cancel(engine, instance, leaf, LEAVES, NULL,
                     instance->cancelling ? "cancelled" : "timed out");
    }
}

static void unwind_from(struct engine *engine, struct instance *instance, struct frame *target,
                        struct doc *error, bool attempt)
{
    if (error != NULL) {
        bool in_flight = frame_in_flight(target);
        if (in_flight) {
            recall(engine, instance, target, false);
        }
        if (in_flight && !target->effectful) {
            fault_frame(engine, instance, target, error);
            walk(engine, instance);
            return;
        }
        frame_cancel(engine, instance, target, attempt ? STAYS_FOR_RETRY : STAYS, error,
                     "timed out");
    }
    unwind(engine, instance);
}

void unwind_begin(struct engine *engine, struct instance *instance, struct frame *target,
                  struct doc *error)
{
    unwind_from(engine, instance, target, error, false);
}

void unwind_attempt(struct engine *engine, struct instance *instance, struct frame *target,
                    struct doc *error)
{
    unwind_from(engine, instance, target, error, true);
}

void process_cancel(struct engine *engine, uint64_t token, const struct cancel_command *command)
{
    struct instance *instance = engine_load(engine, &command->instance);
    char hex[ID_HEX_BYTES];
    id_hex(&command->instance, hex);
    if (instance == NULL) {
        bool known = engine->port->done_exists(engine->port_user, &command->instance);
        engine_refuse(engine, token, known ? ERR_CONFLICT : ERR_NOT_FOUND,
                      known ? "instance %s has ended already" : "there is no instance %s", hex);
        return;
    }
    if (instance->final != 0) {
        engine_refuse(engine, token, ERR_CONFLICT,
                      "instance %s has ended and only settles its effects", hex);
        return;
    }
    if (!instance->cancelling) {
        struct event event = engine_event(instance, EVENT_INSTANCE_CANCELLING);
        event.text = engine_text(engine, command->reason);
        event.person = engine_text(engine, command->person);
        engine_emit(engine, &event);
        unwind_begin(engine, instance, instance->frames[0], NULL);
    }
    engine_reply_ok(engine, token, &command->instance, false);
}
