/*
 * The walk: from where an instance stands to where it waits for the world.
 */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "coordinator/engine/process/process.h"

/* Of one instance, and of all: what is left goes on in the next turn. */
enum {
    STEPS_PER_TURN = 2000,
    STEPS_PER_TURN_ALL = 10000,
    BYTES_PER_TURN = 32 * 1024 * 1024, /* of values: a turn is one write */
};

struct walk_to flow_resolve(const struct plan_node *node, const struct flow *flow)
{
    switch (flow->kind) {
    case FLOW_CONTINUE:
        if (node->next != PLAN_NONE) {
            return (struct walk_to){.walk = WALK_NEXT, .node = node->next};
        }
        return (struct walk_to){.walk = WALK_SCOPE_END, .node = PLAN_NONE};
    case FLOW_EXIT:
        return (struct walk_to){.walk = WALK_SCOPE_END, .node = PLAN_NONE};
    case FLOW_END:
        return (struct walk_to){.walk = WALK_END, .node = PLAN_NONE};
    case FLOW_GOTO:
        return (struct walk_to){.walk = WALK_NEXT, .node = flow->target};
    case FLOW_BYPASS:
        return (struct walk_to){.walk = WALK_BYPASS, .node = PLAN_NONE};
    }
    UNREACHABLE();
}

struct scope frame_scope(struct engine *engine, struct instance *instance, struct frame *frame)
{
    return (struct scope){
        .engine = engine,
        .instance = instance,
        .frame = frame,
        .node = frame_node(instance, frame),
        .path = frame->path,
        .activation = frame->activation,
        .started_ms = frame->started_ms,
        .raw_input = frame->raw_input,
        .input = frame->input,
    };
}

/* Tell whoever waits that the instance has ended. */
static void order_ended(struct engine *engine, struct instance *instance)
{
    struct order *order = engine_order(engine, ORDER_ENDED, 0);
    order->ended.instance = instance->id;
    order->ended.status = instance->status;
    if (instance->final_value != NULL) {
        order->ended.value = engine_hold(engine, doc_ref(instance->final_value));
    }
}

void instance_finish(struct engine *engine, struct instance *instance, enum instance_status status,
                     struct doc *value)
{
    if (undo_before_end(engine, instance, status, value)) {
        return;
    }
    bool fault = status == INSTANCE_FAULTED;
    struct event event = engine_event(instance, EVENT_INSTANCE_SETTLING);
    if (instance_ledger_open(instance)) {
        event.status = (uint32_t)status;
    } else if (fault) {
        event.kind = EVENT_INSTANCE_FAULTED;
    } else if (status == INSTANCE_CANCELLED) {
        event.kind = EVENT_INSTANCE_CANCELLED;
    } else {
        event.kind = EVENT_INSTANCE_COMPLETED;
    }
    if (fault) {
        event.error = value;
    } else {
        event.output = value;
    }
    engine_emit(engine, &event);
    if (event.kind != EVENT_INSTANCE_SETTLING) {
        order_ended(engine, instance);
        child_end(engine, instance);
    }
}

/* The list of the workflow is at its end: shape and check its output. */
static bool workflow_leave(struct engine *engine, struct instance *instance, struct frame *root)
{
    const struct plan_data *data = &instance->plan->data;
    struct scope scope = frame_scope(engine, instance, root);
    scope.input = NULL;
    struct doc *output = NULL;
    enum eval eval = scope_template(&scope, data->output_as, root->data, &output);
    if (eval == EVAL_OK) {
        eval = scope_schema(&scope, data->output_schema, output, "workflow's output");
    }
    if (eval == EVAL_OK) {
        instance_finish(engine, instance, INSTANCE_COMPLETED, output);
    } else if (eval == EVAL_ERROR) {
        fault_raise(engine, instance, root, scope.error);
    }
    scope_release(&scope);
    return eval == EVAL_ERROR;
}

bool walk_leave(struct engine *engine, struct instance *instance, struct frame *frame)
{
    if (frame->parent == 0) {
        return workflow_leave(engine, instance, frame);
    }
    const struct plan_node *node = frame_node(instance, frame);
    struct scope scope = frame_scope(engine, instance, frame);
    struct doc *output = frame->data;
    struct doc *context = NULL;
    enum eval eval = EVAL_OK;
    if (frame->part == PART_BYPASS) { /* what was set stands for what the extended task gives */
        node = &instance->plan->nodes[node->block.bypass];
    } else {
        eval = scope_output(&scope, &node->data, frame->data, &output, &context);
    }
    scope_release(&scope);
    if (eval == EVAL_PENDING) {
        return false;
    }
    if (eval == EVAL_ERROR) {
        fault_frame(engine, instance, frame, scope.error);
        return true;
    }
    const struct flow *flow = &node->then;
    if (node->kind == TASK_TRY && frame->part == PART_CATCH && node->attempt.has_then) {
        flow = &node->attempt.then;
    }
    struct walk_to to = flow_resolve(node, flow);
    struct event event = engine_event(instance, EVENT_STEP_COMPLETED);
    event.frame = frame->id;
    event.parent = frame->parent;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.output = output == frame->data ? NULL : output;
    event.context = context;
    event.flow = to.walk;
    event.next_node = to.node;
    engine_emit(engine, &event);
    if (to.walk == WALK_END) {
        walk_ended(engine, instance);
    }
    return true;
}

/* Start the next round of a `for`, or leave it. */
static bool loop_advance(struct engine *engine, struct instance *instance, struct frame *frame)
{
    const struct plan_for *loop = &frame_node(instance, frame)->loop;
    const json_t *items = doc_json(frame->items);
    if (frame->index >= json_array_size(items)) {
        return walk_leave(engine, instance, frame);
    }
    json_t *vars = json_object();
    CHECK(vars != NULL);
    CHECK(json_object_set(vars, loop->each, json_array_get(items, frame->index)) == 0);
    CHECK(json_object_set_new(vars, loop->at, json_integer(frame->index)) == 0);
    struct doc *value = engine_hold(engine, doc_of_json(vars));
    struct scope scope = frame_scope(engine, instance, frame);
    scope.extra = vars;
    bool more = true;
    enum eval eval = scope_truth(&scope, loop->condition, frame->data, &more);
    scope_release(&scope);
    if (eval == EVAL_PENDING) {
        return false;
    }
    if (eval == EVAL_ERROR) {
        fault_frame(engine, instance, frame, scope.error);
        return true;
    }
    if (!more) {
        return walk_leave(engine, instance, frame);
    }
    struct event event = engine_event(instance, EVENT_ITERATION_STARTED);
    event.frame = frame->id;
    event.node = frame->node;
    event.count = frame->index;
    event.value = value;
    engine_emit(engine, &event);
    return true;
}

/* One step from a leaf that is in `state`; false when it waits there. */
static bool walk_frame(struct engine *engine, struct instance *instance, struct frame *frame,
                       enum frame_state state)
{
    if (frame->part == PART_ENTRY) {
        return workflow_enter(engine, instance);
    }
    if (state == FRAME_OUTPUT) {
        return walk_leave(engine, instance, frame);
    }
    if (frame->cursor != PLAN_NONE) {
        return walk_enter(engine, instance, frame);
    }
    const struct plan_node *node = frame_node(instance, frame);
    if (node != NULL && node->kind == TASK_FOR) {
        return loop_advance(engine, instance, frame);
    }
    if (node != NULL && node->kind == TASK_LISTEN) {
        return listen_advance(engine, instance, frame);
    }
    if (node != NULL && node->kind == TASK_BRANCH) {
        branch_leave(engine, instance, frame);
        return true;
    }
    return walk_leave(engine, instance, frame);
}

void walk_again(struct engine *engine, struct instance *instance, struct frame *frame)
{
    CHECK(frame->state == FRAME_EVALUATING);
    (void)walk_frame(engine, instance, frame, frame->resume);
}

void walk_ended(struct engine *engine, struct instance *instance)
{
    if (instance->frames[0]->state == FRAME_CANCELLING) {
        unwind(engine, instance, instance->frames[0]);
    }
}

/* Where the walk goes on; NULL when the instance waits. */
static struct frame *walk_next(const struct instance *instance)
{
    return instance->ended || instance->cancelling || instance->paused != NULL
               ? NULL
               : instance_walkable(instance);
}

static void runnable_add(struct engine *engine, const struct id *id)
{
    if (engine->runnable_count == engine->runnable_room) {
        engine->runnable_room = engine->runnable_room == 0 ? 16 : engine->runnable_room * 2;
        engine->runnable =
            realloc(engine->runnable, engine->runnable_room * sizeof(*engine->runnable));
        CHECK(engine->runnable != NULL);
    }
    engine->runnable[engine->runnable_count++] = *id;
}

/* The workflow ends with an error, whatever it is at. */
static void walk_stop(struct engine *engine, struct instance *instance, const char *title,
                      const char *detail)
{
    struct doc *error = error_make(engine, "runtime", 500, "/", title, detail);
    if (instance->branches > 0) {
        unwind_begin(engine, instance, instance->frames[0], STAYS, error);
        return;
    }
    while (instance_leaf(instance)->parent != 0) {
        struct event event = engine_event(instance, EVENT_STEP_CANCELLED);
        event.frame = instance_leaf(instance)->id;
        event.text = "a limit of the instance";
        engine_emit(engine, &event);
    }
    instance_finish(engine, instance, INSTANCE_FAULTED, error);
}

/* Whether a bound of the instance was passed, which has ended it. */
static bool bound_passed(struct engine *engine, struct instance *instance)
{
    if (instance->ended) {
        return false;
    }
    if (instance->steps > LIMIT_STEPS_PER_INSTANCE) { /* a loop that never ends, most likely */
        walk_stop(engine, instance, "the instance passed its limit of steps",
                  "LIMIT_STEPS_PER_INSTANCE: look for a loop by `then` that never ends");
        return true;
    }
    /* What has failed is taken down, and is undone with what it holds. */
    bool ends = instance->unwinding != 0 || instance->final != 0 || instance->undoing > 0 ||
                instance->frames[0]->state == FRAME_CANCELLING;
    if (!ends && instance_is_large(instance)) {
        walk_stop(engine, instance, "the instance holds more than 16 MB",
                  "LIMIT_INSTANCE_BYTES: keep less of each value (output.as, export.as)");
        return true;
    }
    return false;
}

bool engine_turn_is_large(const struct engine *engine)
{
    return engine->bytes_in_turn >= BYTES_PER_TURN;
}

static bool turn_is_full(const struct engine *engine)
{
    return engine->steps_in_turn >= STEPS_PER_TURN_ALL || engine_turn_is_large(engine);
}

void walk(struct engine *engine, struct instance *instance)
{
    undo_proceed(engine, instance);
    uint32_t begun = instance->steps;
    if (turn_is_full(engine)) {
        runnable_add(engine, &instance->id);
        return;
    }
    struct frame *frame = NULL;
    while ((frame = walk_next(instance)) != NULL) {
        if (!walk_frame(engine, instance, frame, frame->state)) {
            continue; /* it waits; another branch may go on */
        }
        engine->steps_in_turn++;
        if (bound_passed(engine, instance)) {
            return;
        }
        if (instance->steps - begun >= STEPS_PER_TURN || turn_is_full(engine)) {
            runnable_add(engine, &instance->id);
            return;
        }
    }
}
