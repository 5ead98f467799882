/*
 * Workflows that steps run: beginning them, and what their end means to the step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "coordinator/engine/process/process.h"

enum { NAME_BYTES = 256 };

static enum eval run_fails(struct scope *scope, const char *title, const char *detail)
{
    scope->error = error_make(scope->engine, "configuration", 400, scope->node->pointer, title,
                              engine_text(scope->engine, detail));
    return EVAL_ERROR;
}

static enum eval run_definition(struct scope *scope, struct child_run *run)
{
    const struct plan_run *plan = &scope->node->run;
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s/%s%s%s", plan->namespace_, plan->name,
                   plan->version == NULL ? "" : ":", plan->version == NULL ? "" : plan->version);
    run->definition = company_find_definition(&scope->engine->company, name);
    if (run->definition == NULL || run->definition->retired_ms != 0) {
        return run_fails(scope, "the workflow to run is not in service", name);
    }
    if (scope->instance->depth >= LIMIT_RUN_DEPTH) {
        return run_fails(scope, "workflows run each other too deep",
                         "LIMIT_RUN_DEPTH: look for a workflow that runs itself");
    }
    return EVAL_OK;
}

enum eval child_prepare(struct scope *scope, struct child_run *ret_run)
{
    const struct plan_node *node = scope->node;
    struct instance *instance = scope->instance;
    enum eval eval = run_definition(scope, ret_run);
    if (eval == EVAL_OK) {
        eval = scope_template(scope, node->run.input, scope->input, &ret_run->input);
    }
    if (eval != EVAL_OK) {
        return eval;
    }
    static const struct scope_bound bound = {"the workflow's input", LIMIT_VALUE_BYTES,
                                             "LIMIT_VALUE_BYTES"};
    if (!scope_sendable(scope, ret_run->input, &bound)) {
        return EVAL_ERROR;
    }
    /* Nobody waits for a detached child, so it may still run when a retry comes here again: it is
     * begun once for the step. */
    uint32_t round = node->run.await ? instance->retries : 0;
    ret_run->step = id_of_step(&instance->origin, node->place, scope->path, scope->activation);
    ret_run->id = id_of_child(&ret_run->step, round);
    if (node->run.await && engine_knows(scope->engine, &ret_run->id)) {
        char hex[ID_HEX_BYTES];
        id_hex(&ret_run->id, hex);
        return run_fails(scope, "the instance that this step would run is known already", hex);
    }
    return EVAL_OK;
}

static void entering_add(struct engine *engine, const struct id *id)
{
    if (engine->entering_count == engine->entering_room) {
        engine->entering_room = engine->entering_room == 0 ? 16 : engine->entering_room * 2;
        engine->entering =
            realloc(engine->entering, engine->entering_room * sizeof(*engine->entering));
        CHECK(engine->entering != NULL);
    }
    engine->entering[engine->entering_count++] = *id;
}

void child_begin(struct engine *engine, struct instance *instance, const struct event *at,
                 const struct child_run *run)
{
    if (engine_knows(engine, &run->id)) {
        return; /* detached, and a retry came here again */
    }
    struct event event = engine_event(instance, EVENT_CHILD_STARTED);
    event.frame = at->frame;
    event.parent = at->parent;
    event.node = at->node;
    event.path = at->path;
    event.activation = at->activation;
    event.has_key = true;
    event.key = run->id;
    event.name = run->definition->name;
    event.has_digest = true;
    event.digest = run->definition->plan->digest;
    engine_emit(engine, &event);
    char step[NAME_BYTES];
    char hex[ID_HEX_BYTES];
    char trigger[NAME_BYTES + 64];
    engine_step_name(instance->plan, at->node, at->path, at->activation, step, sizeof(step));
    id_hex(&instance->id, hex);
    (void)snprintf(trigger, sizeof(trigger), "run by instance %s, step %s", hex, step);
    struct event begin = instance_event(engine, run->definition, &run->id, run->input, trigger,
                                        instance->traceparent);
    id_hex(&run->step, hex);
    begin.has_key = true;
    begin.key = instance->id;
    begin.parent = at->frame;
    begin.activation = instance->depth + 1;
    begin.id = engine_text(engine, hex);
    begin.attempt = instance->retries;
    engine_emit(engine, &begin);
    entering_add(engine, &run->id);
}

static void child_take_down(struct engine *engine, const struct instance *instance,
                            const struct frame *frame, bool kill)
{
    struct instance *child = engine_load(engine, &frame->child);
    if (child == NULL || child->final != 0 || child->unwinding != 0 ||
        (kill ? child->killed : child->cancelling)) {
        return; /* it has ended in this turn, or is about to */
    }
    char hex[ID_HEX_BYTES];
    id_hex(&instance->id, hex);
    instance_take_down(engine, child, kill, "the step that runs it is taken down",
                       arena_printf(engine->arena, "instance %s", hex));
}

void child_cancel(struct engine *engine, const struct instance *instance, const struct frame *frame)
{
    child_take_down(engine, instance, frame, instance->killed);
}

void child_kill(struct engine *engine, const struct instance *instance, const struct frame *frame)
{
    child_take_down(engine, instance, frame, true);
}

struct frame *child_waiter(struct engine *engine, struct instance **instance)
{
    const struct instance *child = *instance;
    struct instance *parent = child->has_parent ? engine_load(engine, &child->parent) : NULL;
    struct frame *frame = parent == NULL ? NULL : instance_frame(parent, child->parent_frame);
    bool waits = frame != NULL && frame->has_child && id_equal(&frame->child, &child->id) &&
                 frame->state == FRAME_WAITING;
    *instance = parent;
    return waits ? frame : NULL;
}

void child_end(struct engine *engine, const struct instance *instance)
{
    if (!instance->has_parent || instance->parent_frame == 0) {
        return;
    }
    if (engine->end_count == engine->end_room) {
        engine->end_room = engine->end_room == 0 ? 16 : engine->end_room * 2;
        engine->ends = realloc(engine->ends, engine->end_room * sizeof(*engine->ends));
        CHECK(engine->ends != NULL);
    }
    struct doc *value = instance->final_value;
    engine->ends[engine->end_count++] = (struct child_end){
        .child = instance->id,
        .parent = instance->parent,
        .frame = instance->parent_frame,
        .status = instance->status,
        .value = value == NULL ? NULL : engine_hold(engine, doc_ref(value)),
        .retries = instance->retries,
    };
}

/* The error of a step whose workflow did not complete: the workflow's own. */
static struct doc *end_error(struct engine *engine, const struct instance *instance,
                             const struct frame *frame, const struct child_end *end)
{
    if (end->status == INSTANCE_FAULTED && end->value != NULL) {
        return end->value;
    }
    return error_make(engine, "runtime", 499, frame_node(instance, frame)->pointer,
                      "the workflow that the step ran was cancelled", NULL);
}

static void end_tell(struct engine *engine, const struct child_end *end)
{
    struct instance *instance = engine_load(engine, &end->parent);
    struct frame *frame = instance == NULL ? NULL : instance_frame(instance, end->frame);
    if (frame == NULL || !frame->has_child || !id_equal(&frame->child, &end->child)) {
        return;
    }
    bool taken_down = frame->state == FRAME_CANCELLING;
    bool completed = end->status == INSTANCE_COMPLETED;
    struct doc *error = completed || taken_down ? NULL : end_error(engine, instance, frame, end);
    undo_adopt(engine, instance, frame, engine_load_ended(engine, &end->child));
    struct event event = engine_event(instance, EVENT_CHILD_ENDED);
    event.frame = frame->id;
    event.parent = frame->parent;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.has_key = true;
    event.key = end->child;
    event.status = (uint32_t)end->status;
    event.output = completed ? end->value : NULL;
    event.error = error;
    event.count = end->retries;
    engine_emit(engine, &event);
    if (taken_down) {
        unwind(engine, instance, instance_unwinding(instance, frame));
    } else if (!completed) {
        fault_frame(engine, instance, frame, error);
    }
    walk(engine, instance);
}

void process_pending(struct engine *engine)
{
    while (engine->emitted_count + engine->entering_count + engine->end_count +
               engine->freed_count >
           0) {
        locks_grant(engine);
        process_emitted(engine);
        for (size_t i = 0; i < engine->entering_count; i++) {
            struct instance *child = engine_load(engine, &engine->entering[i]);
            if (child != NULL) {
                walk(engine, child);
            }
        }
        engine->entering_count = 0;
        for (size_t i = 0; i < engine->end_count; i++) {
            struct child_end end = engine->ends[i];
            end_tell(engine, &end);
        }
        engine->end_count = 0;
    }
}
