/*
 * Forks: branches that end, win or fail.
 */
#include "common/base/check.h"
#include "coordinator/engine/process/process.h"

static struct event fork_event(struct engine *engine, const struct instance *instance,
                               const struct frame *frame, enum event_kind kind)
{
    struct event event = engine_event(instance, kind);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    return event;
}

static bool all_joined(const struct instance *instance, const struct frame *fork)
{
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        const struct frame *frame = instance->frames[i];
        if (frame->parent == fork->id && frame->state != FRAME_JOINED) {
            return false;
        }
    }
    return true;
}

/* Whether a branch that failed earlier has left effects to be undone: they lost the race. */
static bool undo_lost(const struct instance *instance, const struct frame *fork)
{
    for (uint32_t i = 0; instance->undos > 0 && i < instance->ledger_count; i++) {
        if (undo_fits(&instance->ledger[i], fork, UNDO_ALL, 0)) {
            return true;
        }
    }
    return false;
}

void branch_leave(struct engine *engine, struct instance *instance, struct frame *branch)
{
    struct frame *fork = instance_frame(instance, branch->parent);
    const struct plan_fork *plan = &frame_node(instance, fork)->fork;
    struct event event = fork_event(engine, instance, branch, EVENT_BRANCH_ENDED);
    event.parent = fork->id;
    engine_emit(engine, &event);
    if (plan->compete && undo_lost(instance, fork)) {
        unwind_begin(engine, instance, fork, STAYS_FOR_WINNER, NULL);
    } else if (all_joined(instance, fork)) {
        branches_join(engine, instance, fork);
    } else if (plan->compete) {
        unwind_begin(engine, instance, fork, STAYS_FOR_WINNER, NULL);
    }
}

/* Place of the branch that has ended, from 1. */
static uint32_t winner_place(const struct instance *instance, const struct frame *fork)
{
    const struct plan_fork *plan = &frame_node(instance, fork)->fork;
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        const struct frame *frame = instance->frames[i];
        for (uint32_t at = 0; frame->parent == fork->id && at < plan->count; at++) {
            if (plan->branches[at] == frame->node) {
                return at + 1;
            }
        }
    }
    UNREACHABLE();
}

void branches_join(struct engine *engine, struct instance *instance, struct frame *frame)
{
    const struct plan_node *node = frame_node(instance, frame);
    struct event event = fork_event(engine, instance, frame, EVENT_BRANCHES_JOINED);
    event.parent = frame->parent;
    event.count = node != NULL && node->fork.compete ? winner_place(instance, frame) : 0;
    engine_emit(engine, &event);
}

static bool is_fork(const struct instance *instance, const struct frame *frame)
{
    const struct plan_node *node = frame_node(instance, frame);
    return node != NULL && node->kind == TASK_FORK;
}

bool fork_takes(struct engine *engine, struct instance *instance, struct frame *fork,
                struct doc *error)
{
    if (!is_fork(instance, fork) || fork->children == 0) {
        return false;
    }
    if (!frame_node(instance, fork)->fork.compete) {
        unwind_begin(engine, instance, fork, STAYS_FOR_FAULT, error);
    }
    return true;
}

bool fork_races(const struct instance *instance, const struct frame *fork)
{
    return is_fork(instance, fork) && frame_node(instance, fork)->fork.compete &&
           fork->children > 1;
}
