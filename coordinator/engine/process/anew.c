/*
 * Another instance of one that is there: with the input that one had (restart), or with all that it
 * had at a step of its top list (fork). The one before stays as it is, and so does what it did: the
 * new one has keys of its own, and undoes what it does itself.
 */
#include <stdio.h>

#include "common/base/check.h"
#include "coordinator/engine/process/process.h"

enum { TRIGGER_BYTES = 1024, STEP_BYTES = 320 };

/* "fork of instance ID from STEP by PERSON: reason", as for a restart. */
static const char *trigger_of(struct engine *engine, const struct operate_command *command,
                              const char *hex, const char *step)
{
    bool forks = command->operation == OPERATE_FORK;
    bool reason = command->reason[0] != '\0';
    char text[TRIGGER_BYTES];
    (void)snprintf(text, sizeof(text), "%s of instance %s%s%.300s by %.100s%s%.300s",
                   forks ? "fork" : "restart", hex, forks ? " from " : "", step,
                   command->person[0] == '\0' ? "somebody" : command->person, reason ? ": " : "",
                   command->reason);
    return engine_text(engine, text);
}

static void fork_begin(struct engine *engine, const struct operate_command *command,
                       const struct operate_item *item, const struct definition *definition,
                       const struct id *made, const char *trigger)
{
    const struct operate_point *point = &item->point;
    struct event started = instance_event(engine, definition, made, item->input, trigger, NULL);
    engine_emit(engine, &started);
    struct instance *instance = engine_load(engine, made);
    struct event event = engine_event(instance, EVENT_INSTANCE_FORKED);
    event.frame = instance->frames[0]->id;
    event.has_key = true;
    event.key = item->instance;
    event.next_node = point->node;
    event.activation = point->activation;
    event.input = point->data;
    event.output = point->entered;
    event.context = point->context;
    event.at_ms = point->timeout_ms == 0 ? 0 : engine->now + point->timeout_ms;
    event.count = command->force ? 1 : 0;
    event.text = engine_text(engine, command->reason);
    event.person = engine_text(engine, command->person);
    engine_emit(engine, &event);
    walk(engine, instance);
}

const char *instance_anew(struct engine *engine, const struct operate_command *command,
                          const struct operate_item *item, struct operated *ret_operated)
{
    const struct definition *definition = company_definition(&engine->company, &item->definition);
    const struct operate_point *point = &item->point;
    bool forks = command->operation == OPERATE_FORK;
    char hex[ID_HEX_BYTES];
    char text[TRIGGER_BYTES];
    char step[STEP_BYTES] = "";
    if (item->input == NULL) {
        return "has no input any more: it was erased";
    }
    if (definition == NULL || definition->retired_ms != 0) {
        return "is of a version that is retired and starts nothing any more";
    }
    if (forks) {
        CHECK(point->node < definition->plan->node_count);
        CHECK(definition->plan->nodes[point->node].parent == PLAN_NONE);
        engine_step_name(definition->plan, point->node, "", point->activation, step, sizeof(step));
    }
    id_hex(&item->instance, hex);
    (void)snprintf(text, sizeof(text), "%s %s %s%s%s", command->request_id,
                   forks ? "forks" : "restarts", hex, forks ? " from " : "", step);
    ret_operated->has_made = true;
    ret_operated->made = id_of_request(&item->definition, text);
    const char *trigger = trigger_of(engine, command, hex, step);
    if (!forks) {
        (void)instance_begin(engine, definition, &ret_operated->made, item->input, trigger, NULL);
    } else if (!engine_knows(engine, &ret_operated->made)) {
        fork_begin(engine, command, item, definition, &ret_operated->made, trigger);
    }
    return NULL;
}
