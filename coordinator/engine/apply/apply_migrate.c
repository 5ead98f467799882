/*
 * An instance moves to another version: its frames get the nodes that the event names. Everything
 * else about them, ids, paths, activations and with them effect keys, stays as it is.
 */
#include <string.h>

#include "common/base/check.h"
#include "coordinator/engine/engine_private.h"

/* Node of the new version; the event holds them as index + 1, 0 for none. */
static uint32_t node_of(const struct event *event, uint32_t node)
{
    const json_t *nodes = json_object_get(doc_json(event->value), "nodes");
    if (node == PLAN_NONE) {
        return PLAN_NONE;
    }
    json_int_t to = json_integer_value(json_array_get(nodes, node));
    return to <= 0 ? PLAN_NONE : (uint32_t)(to - 1);
}

static void visits_move(const struct event *event, struct frame *frame)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < frame->visit_count; i++) {
        uint32_t node = node_of(event, frame->visits[i].node);
        if (node != PLAN_NONE) {
            frame->visits[kept++] = (struct visit){.node = node, .count = frame->visits[i].count};
        }
    }
    frame->visit_count = kept;
}

/* What a person looks at names the step as the new version does. */
static void gate_move(struct engine *engine, const struct instance *instance,
                      const struct frame *frame)
{
    struct gate *gate = frame->has_gate ? company_gate(&engine->company, &frame->gate) : NULL;
    if (gate == NULL) {
        return;
    }
    char step[256];
    frame_step_name(instance, frame, step, sizeof(step));
    text_replace(&gate->step, step);
    engine->port->gate_put(engine->port_user, gate);
}

void apply_migrated(struct engine *engine, struct instance *instance, const struct event *event)
{
    const struct definition *definition = company_definition(&engine->company, &event->digest);
    CHECK(definition != NULL);
    instance->definition = event->digest;
    instance->plan = definition->plan;
    instance->migrated = engine->sequence;
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        struct frame *frame = instance->frames[i];
        CHECK_IMPLIES(frame->node != PLAN_NONE, node_of(event, frame->node) != PLAN_NONE);
        frame->node = node_of(event, frame->node);
        frame->cursor = node_of(event, frame->cursor);
        visits_move(event, frame);
        frame_evaluated_clear(frame);
        gate_move(engine, instance, frame);
    }
    ready_again(engine, instance);
    for (uint32_t i = 0; instance->undos > 0 && i < instance->ledger_count; i++) {
        struct undo *undo = instance->ledger[i].undo;
        if (undo != NULL) {
            undo->node = node_of(event, undo->node);
        }
    }
}
