/*
 * Events of steps into frames.
 */
#include <stdlib.h>

#include "common/base/check.h"
#include "coordinator/engine/engine_private.h"

static bool type_before(const struct event_consumption *on, size_t filter, const char *type)
{
    for (size_t i = 0; i < filter; i++) {
        const char *other = on->filters[i].type == NULL ? "" : on->filters[i].type;
        if (text_equal(other, type)) {
            return true;
        }
    }
    return false;
}

/* One entry per type of a strategy, "" for any, that `before` has not. */
static void listeners_of(struct engine *engine, const struct id *instance, uint32_t frame,
                         const struct event_consumption *on, const struct event_consumption *before,
                         bool add)
{
    size_t count = on->filter_count == 0 ? 1 : on->filter_count;
    for (size_t i = 0; i < count; i++) {
        const char *type = on->filter_count == 0 ? NULL : on->filters[i].type;
        type = type == NULL ? "" : type;
        bool any = before != NULL && before->filter_count == 0 && type[0] == '\0';
        if (type_before(on, i, type) || any ||
            (before != NULL && type_before(before, before->filter_count, type))) {
            continue;
        }
        if (add) {
            company_listener_add(&engine->company, type, instance, frame);
            engine->port->listener_put(engine->port_user, type, instance, frame);
        } else {
            company_listener_remove(&engine->company, type, instance, frame);
            engine->port->listener_delete(engine->port_user, type, instance, frame);
        }
    }
}

/* The types a listen frame waits for. */
static void listeners_change(struct engine *engine, struct instance *instance,
                             const struct frame *frame, bool add)
{
    const struct plan_node *node = frame_node(instance, frame);
    if (node == NULL || node->kind != TASK_LISTEN || (!add && frame->part == PART_CLOSED)) {
        return;
    }
    const struct event_consumption *until = node->listen.until_events;
    listeners_of(engine, &instance->id, frame->id, &node->listen, NULL, add);
    if (until != NULL) {
        listeners_of(engine, &instance->id, frame->id, until, &node->listen, add);
    }
}

/* A person or a timeout ends a step whose effect is in doubt: the doubt stays on record, but nobody
 * waits for it. */
static void effect_abandon(struct instance *instance, const struct frame *frame)
{
    struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    if (entry != NULL && entry->state == LEDGER_UNKNOWN) {
        entry->state = LEDGER_ABANDONED;
        if (entry->undo != NULL) {
            entry->undo->unwanted = true;
        }
    }
}

static void gate_close(struct engine *engine, struct frame *frame)
{
    if (frame->has_gate) {
        engine->port->gate_delete(engine->port_user, &frame->gate);
        company_remove_gate(&engine->company, &frame->gate);
        frame->has_gate = false;
    }
}

void apply_frame_gone(struct engine *engine, struct instance *instance, struct frame *frame)
{
    bool in_flight = frame_in_flight(frame);
    if (in_flight) {
        flight_end(engine, instance, frame);
    }
    if (frame->state == FRAME_READY) {
        ready_leave(engine, frame);
    }
    listeners_change(engine, instance, frame, false);
    gate_close(engine, frame);
    if (frame->lock != NULL) {
        apply_lock_gone(engine, frame);
    }
    if (frame->money != NULL) {
        apply_money_gone(engine, instance, frame, in_flight);
    }
    if (instance->undos > 0) {
        apply_undo_scope_gone(instance, frame);
    }
    instance_remove(instance, frame->id);
}

void apply_move(struct instance *instance, struct frame *parent, const struct event *event,
                struct doc *output)
{
    if (event->context != NULL) {
        doc_replace(instance_context(instance, parent), event->context);
    }
    doc_replace(&parent->data, output);
    frame_evaluated_clear(parent);
    parent->cursor = event->flow == WALK_NEXT ? event->next_node : PLAN_NONE;
    if (event->flow == WALK_BYPASS) {
        parent->part = PART_BYPASS;
    }
}

/* `then: end` leaves every open scope at once; the workflow is at its end with the task's output.
 * Beside open branches it stays until they are taken down, because something may be in flight. */
static void end_walk(struct engine *engine, struct instance *instance, const struct event *event,
                     struct doc *output)
{
    struct doc *kept = doc_ref(output);
    if (instance->branches > 0) {
        struct frame *root = instance->frames[0];
        doc_replace(&root->data, kept);
        root->state = FRAME_CANCELLING;
        root->resume = FRAME_OUTPUT;
        doc_unref(&kept);
        return;
    }
    while (instance_leaf(instance)->parent != 0) {
        apply_frame_gone(engine, instance, instance_leaf(instance));
    }
    apply_move(instance, instance_leaf(instance), event, kept);
    doc_unref(&kept);
}

static void step_counted(struct instance *instance, struct frame *parent, const struct event *event)
{
    instance->steps++;
    do { /* more than once when names before it are those of effects that were undone */
        frame_visit(parent, event->node);
    } while (frame_visits(parent, event->node) < event->activation);
}

static void step_passed(struct engine *engine, struct instance *instance, const struct event *event)
{
    struct frame *parent = instance_frame(instance, event->parent);
    CHECK(parent != NULL);
    step_counted(instance, parent, event);
    struct doc *output = event->output == NULL ? parent->data : event->output;
    if (event->flow == WALK_END) {
        end_walk(engine, instance, event, output);
    } else {
        apply_move(instance, parent, event, output);
    }
    engine->counters.steps_completed++;
}

/* Every branch begins at once, with the fork's input and a copy of the context. */
static void branches_started(struct engine *engine, struct instance *instance,
                             const struct frame *fork)
{
    const struct plan_fork *plan = &frame_node(instance, fork)->fork;
    for (uint32_t i = 0; i < plan->count; i++) {
        struct frame *branch = instance_push(instance, instance->next_frame, fork->id);
        branch->node = plan->branches[i];
        text_replace(&branch->path, frame_child_path(engine, fork));
        branch->started_ms = engine->now;
        doc_replace(&branch->raw_input, fork->input);
        doc_replace(&branch->input, fork->input);
        doc_replace(&branch->data, fork->input);
        branch->cursor = instance->plan->nodes[branch->node].block.first;
        instance_branch(instance, branch, *instance_context(instance, fork));
    }
}

static void branches_joined(struct engine *engine, struct instance *instance, struct frame *frame)
{
    const struct plan_node *node = frame_node(instance, frame);
    if (node == NULL) { /* the workflow after `then: end` */
        frame->state = FRAME_RUNNING;
        frame->cursor = PLAN_NONE;
        return;
    }
    json_t *outputs = json_array();
    CHECK(outputs != NULL);
    for (uint32_t i = 0; i < instance->frame_count;) {
        struct frame *branch = instance->frames[i];
        if (branch->parent != frame->id) {
            i++;
            continue;
        }
        CHECK(branch->state == FRAME_JOINED);
        CHECK(json_array_append(outputs, doc_json(branch->data)) == 0);
        apply_frame_gone(engine, instance, branch);
    }
    json_t *output = node->fork.compete ? json_incref(json_array_get(outputs, 0)) : outputs;
    if (node->fork.compete) {
        json_decref(outputs);
    }
    struct doc *data = doc_of_json(output);
    doc_replace(&frame->data, data);
    doc_unref(&data);
    frame->state = FRAME_OUTPUT;
}

static void step_started(struct engine *engine, struct instance *instance,
                         const struct event *event)
{
    struct frame *parent = instance_frame(instance, event->parent);
    CHECK(parent != NULL);
    step_counted(instance, parent, event);
    frame_evaluated_clear(parent);
    const struct plan_node *node = &instance->plan->nodes[event->node];
    struct frame *frame = instance_push(instance, event->frame, event->parent);
    frame->node = event->node;
    frame->activation = event->activation;
    text_replace(&frame->path, event->path);
    frame->started_ms = engine->now;
    frame->deadline_ms = event->at_ms;
    struct doc *input = event->value == NULL ? event->input : event->value;
    doc_replace(&frame->raw_input, event->input);
    doc_replace(&frame->input, input);
    doc_replace(&frame->data, input);
    if (node->kind == TASK_DO) {
        frame->cursor = node->block.first;
    } else if (node->kind == TASK_LOCK) {
        apply_locked(engine, instance, frame, event);
    } else if (node->kind == TASK_TRY) {
        frame->cursor = node->attempt.first;
        frame->attempt_started_ms = engine->now;
        frame->wake_ms = event->count == 0 ? 0 : engine->now + event->count;
    } else if (node->kind == TASK_RUN) {
        frame->state = FRAME_WAITING; /* CHILD_STARTED follows */
    } else if (node->kind == TASK_FORK) {
        branches_started(engine, instance, frame);
    } else if (node->kind == TASK_FOR) {
        doc_replace(&frame->items, event->context);
    } else if (node->kind == TASK_WAIT) {
        frame->state = FRAME_WAITING;
        frame->wake_ms = engine->now + (int64_t)(event->duration_us / 1000);
    } else if (node->kind == TASK_LISTEN) {
        frame->state = FRAME_WAITING;
        struct doc *none = doc_of_json(json_array());
        doc_replace(&frame->data, none);
        doc_replace(&frame->items, node->listen.foreach == NULL ? NULL : none);
        doc_replace(&frame->results, node->listen.foreach == NULL ? NULL : none);
        doc_unref(&none);
        listeners_change(engine, instance, frame, true);
    } else if (node->kind == TASK_APPROVAL) {
        frame->deadline_ms = 0; /* the gate's, not the task's */
        frame->wake_ms = event->at_ms;
        doc_replace(&frame->call_input, event->output);
    } else if (node->kind == TASK_AGENT) {
        frame->key = event->key;
        text_replace(&frame->idempotency_key, event->id);
        frame->input_digest = event->digest;
        doc_replace(&frame->call_input, event->output);
        frame->attempt = (instance->retries << 8U) | 1U;
        apply_ready(engine, instance, frame);
    }
}

static void step_completed(struct engine *engine, struct instance *instance,
                           const struct event *event)
{
    struct frame *frame = instance_frame(instance, event->frame);
    CHECK(frame != NULL && frame->parent != 0);
    struct doc *output = doc_ref(event->output == NULL ? frame->data : event->output);
    struct frame *parent = instance_frame(instance, frame->parent);
    if (event->flow == WALK_END) {
        end_walk(engine, instance, event, output);
    } else {
        apply_frame_gone(engine, instance, frame);
        apply_move(instance, parent, event, output);
    }
    doc_unref(&output);
    engine->counters.steps_completed++;
}

static void step_faulted(struct engine *engine, struct instance *instance,
                         const struct event *event)
{
    if (event->frame != 0) {
        struct frame *frame = instance_frame(instance, event->frame);
        CHECK(frame != NULL);
        effect_abandon(instance, frame); /* it timed out while in doubt */
        apply_frame_gone(engine, instance, frame);
        return;
    }
    struct frame *parent = instance_frame(instance, event->parent);
    CHECK(parent != NULL);
    step_counted(instance, parent, event);
    frame_evaluated_clear(parent);
    parent->cursor = PLAN_NONE;
}

static enum frame_state resume_after(enum leaving leaving)
{
    switch (leaving) {
    case STAYS_FOR_RETRY:
        return FRAME_RETRY;
    case STAYS_FOR_FAULT:
        return FRAME_JOINED;
    case STAYS_FOR_WINNER:
        return FRAME_OUTPUT;
    case LEAVES:
    case STAYS:
        return FRAME_CANCELLING;
    }
    UNREACHABLE();
}

static void step_cancelled(struct engine *engine, struct instance *instance,
                           const struct event *event)
{
    struct frame *frame = instance_frame(instance, event->frame);
    CHECK(frame != NULL);
    if (event->status == LEAVES) {
        effect_abandon(instance, frame);
        apply_frame_gone(engine, instance, frame);
        return;
    }
    if (frame->state == FRAME_READY) {
        ready_leave(engine, frame);
        frame_unwanted(frame);
    }
    frame->state = FRAME_CANCELLING;
    frame->resume = resume_after((enum leaving)event->status);
    frame->deadline_ms = 0;
    frame->wake_ms = 0;
    doc_replace(&frame->error, event->error);
}

/* Variables of a listen: its correlation values, and `more`, which may be NULL. */
static void listen_vars(struct frame *frame, struct doc *correlations, struct doc *more)
{
    const json_t *known = correlations != NULL ? doc_json(correlations)
                          : frame->vars != NULL
                              ? json_object_get(doc_json(frame->vars), LISTEN_CORRELATIONS)
                              : NULL;
    json_t *vars = more == NULL ? json_object() : json_copy(doc_json(more));
    CHECK(vars != NULL);
    if (known != NULL) {
        CHECK(json_object_set(vars, LISTEN_CORRELATIONS, json_mutable(known)) == 0);
    }
    struct doc *doc = doc_of_json(vars);
    doc_replace(&frame->vars, doc);
    doc_unref(&doc);
}

static void array_push(struct doc **place, struct doc *item)
{
    json_t *array = json_copy(doc_json(*place));
    CHECK(array != NULL);
    CHECK(json_array_append(array, doc_json(item)) == 0);
    struct doc *doc = doc_of_json(array);
    doc_replace(place, doc);
    doc_unref(&doc);
}

/* The first event that waits is handled from now on. */
static void listen_iteration(struct frame *frame, const struct plan_foreach *foreach,
                             const struct event *event)
{
    json_t *items = json_copy(doc_json(frame->items));
    CHECK(items != NULL && json_array_remove(items, 0) == 0);
    struct doc *left = doc_of_json(items);
    doc_replace(&frame->items, left);
    doc_unref(&left);
    listen_vars(frame, NULL, event->value);
    struct doc *item =
        doc_of_json(json_incref(json_object_get(doc_json(event->value), foreach->item)));
    doc_replace(&frame->data, item);
    doc_unref(&item);
    frame->retries = event->count + 1;
    frame->state = FRAME_RUNNING;
    frame->cursor = foreach->first;
}

static void iteration_started(struct frame *frame, const struct instance *instance,
                              const struct event *event)
{
    const struct plan_node *node = frame_node(instance, frame);
    frame_visits_clear(frame);
    frame_evaluated_clear(frame);
    if (node->kind == TASK_LISTEN) {
        listen_iteration(frame, node->listen.foreach, event);
        return;
    }
    frame->index = event->count + 1;
    doc_replace(&frame->vars, event->value);
    frame->cursor = node->loop.first;
}

/* The listen is over: it gives what was kept. */
static void listen_over(struct frame *frame)
{
    if (frame->results != NULL) {
        doc_replace(&frame->data, frame->results);
    }
    frame->state = FRAME_OUTPUT;
}

static void iteration_ended(struct engine *engine, struct instance *instance, struct frame *frame,
                            const struct event *event)
{
    if (event->context != NULL) {
        doc_replace(instance_context(instance, frame), event->context);
    }
    array_push(&frame->results, event->output);
    listen_vars(frame, NULL, NULL);
    frame_evaluated_clear(frame);
    frame->cursor = PLAN_NONE;
    frame->state = FRAME_WAITING;
    if (event->status == 1) {
        listeners_change(engine, instance, frame, false);
        frame->part = PART_CLOSED;
        listen_over(frame);
    }
}

static void error_caught(struct instance *instance, struct frame *frame, const struct event *event)
{
    apply_undo_caught(instance, frame);
    frame->part = PART_CATCH;
    frame->state = FRAME_RUNNING;
    frame->wake_ms = 0;
    doc_replace(&frame->error, event->error);
    doc_replace(&frame->vars, event->value);
    doc_replace(&frame->data, frame->input);
    frame_visits_clear(frame);
    frame_evaluated_clear(frame);
    frame->cursor = event->next_node;
}

static void try_retry(struct instance *instance, struct frame *frame, const struct event *event)
{
    instance->retries++;
    frame->retries = event->count;
    frame->state = FRAME_RETRY;
    frame->wake_ms = event->at_ms;
    frame->cursor = PLAN_NONE;
    doc_replace(&frame->data, frame->input);
    frame_visits_clear(frame);
    frame_evaluated_clear(frame);
}

static void timer_fired(struct engine *engine, struct instance *instance, struct frame *frame,
                        const struct event *event)
{
    const struct plan_node *node = frame_node(instance, frame);
    frame->wake_ms = 0;
    if (node->kind == TASK_WAIT) {
        frame->state = FRAME_OUTPUT;
    } else if (node->kind == TASK_TRY) {
        frame->state = FRAME_RUNNING;
        frame->attempt_started_ms = engine->now;
        frame->wake_ms = event->count == 0 ? 0 : engine->now + event->count;
        frame->cursor = node->attempt.first;
    } else if (node->kind != TASK_APPROVAL) {
        apply_ready(engine, instance, frame);
    }
}

/* listen: `value` joins what was consumed; count is the filter that matched, attempt 1: one of
 * `until`; status 1: that was all. */
static void event_consumed(struct engine *engine, struct instance *instance, struct frame *frame,
                           const struct event *event)
{
    const struct event_consumption *listen = &frame_node(instance, frame)->listen;
    bool ends = event->attempt == 1;
    if (!ends) {
        array_push(listen->foreach != NULL ? &frame->items : &frame->data, event->value);
    }
    if ((ends ? listen->until_events : listen)->kind == CONSUME_ALL) {
        frame->index |= UINT32_C(1) << event->count;
    }
    struct doc *more = frame->vars == NULL ? NULL : doc_ref(frame->vars); /* of an iteration */
    listen_vars(frame, event->output, more);
    doc_unref(&more);
    if (event->status != 1) {
        return;
    }
    listeners_change(engine, instance, frame, false);
    frame->part = PART_CLOSED;
    bool idle = frame->state == FRAME_WAITING;
    if (idle && (listen->foreach == NULL || json_array_size(doc_json(frame->items)) == 0)) {
        listen_over(frame);
    }
}

static void child_started(struct frame *frame, const struct event *event)
{
    if (frame != NULL) {
        frame->has_child = true;
        frame->child = event->key;
    }
}

/* An error follows as STEP_FAULTED; a step that is being taken down goes on with that. */
static void child_ended(struct instance *instance, struct frame *frame, const struct event *event)
{
    frame->has_child = false;
    if (instance->retries < event->count) {
        instance->retries = event->count; /* attempts of the same effects stay unique */
    }
    if (frame->state == FRAME_WAITING && event->status == INSTANCE_COMPLETED) {
        doc_replace(&frame->data, event->output);
        frame->state = FRAME_OUTPUT;
    }
}

static void evaluation_asked(struct frame *frame)
{
    if (frame->state != FRAME_EVALUATING) {
        frame->resume = frame->state;
    }
    frame->state = FRAME_EVALUATING;
}

static void evaluation_done(struct frame *frame, const struct event *event)
{
    frame->state = frame->resume;
    frame_evaluated_add(frame, event->count, event->error != NULL,
                        event->error != NULL ? event->error : event->value);
}

static void gate_opened(struct engine *engine, struct instance *instance, struct frame *frame,
                        const struct event *event)
{
    gate_close(engine, frame);
    apply_money_idle(engine, instance, frame);
    struct gate *gate = calloc(1, sizeof(*gate));
    CHECK(gate != NULL);
    gate->id = event->key;
    gate->kind = (enum gate_kind)event->status;
    gate->instance = instance->id;
    gate->frame = frame->id;
    gate->revision = event->count;
    gate->digest = event->digest;
    gate->opened_ms = engine->now;
    gate->expires_ms = event->at_ms;
    failure_copy(&gate->failure, event->failure);
    doc_replace(&gate->proposal, event->output);
    doc_replace(&gate->ask, event->value);
    if (event->value != NULL && json_object_get(doc_json(event->value), "deadline") == NULL) {
        frame->wake_ms = 0; /* escalated */
    }
    char step[256];
    frame_step_name(instance, frame, step, sizeof(step));
    text_replace(&gate->step, step);
    company_add_gate(&engine->company, gate);
    engine->port->gate_put(engine->port_user, gate);
    frame->has_gate = true;
    frame->gate = event->key;
    frame->gate_revision = event->count;
    if (!instance->killed) { /* else it goes once a person, or its store, has said what it did */
        frame->state = FRAME_SUSPENDED;
    }
    frame->deadline_ms = 0; /* a person's time is not the process's */
    doc_replace(&frame->error, event->error);
}

/* An approval: `output` is the step's output; without one the fault that follows removes it. */
static void approval_decided(struct frame *frame, const struct event *event)
{
    frame->wake_ms = 0;
    frame->state = event->output == NULL ? FRAME_WAITING : FRAME_OUTPUT;
    if (event->output != NULL) {
        doc_replace(&frame->data, event->output);
    }
}

/* A person decided. status: verdict; flow: what becomes of an output that was held back: WALK_END
 * it is taken, WALK_SCOPE_END it was the proposal and is performed. */
/* A person has looked whether the effect happened. */
static void doubt_decided(struct engine *engine, struct instance *instance, struct frame *frame,
                          const struct event *event)
{
    bool yes = event->status == VERDICT_YES;
    struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    if (entry != NULL) {
        entry->state = yes ? LEDGER_DONE : LEDGER_NONE;
    }
    frame->past = yes ? PAST_OWN : PAST_NONE;
    if (yes) {
        doc_replace(&frame->data, event->output);
        frame->state = FRAME_OUTPUT;
    } else {
        apply_ready(engine, instance, frame);
    }
    ready_rehome(engine, instance, &frame->key);
}

/* Nothing is done with it any more: the doubt ends, and its step goes. */
static void killed_decided(struct instance *instance, const struct frame *frame,
                           const struct event *event)
{
    struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    if (entry != NULL && ledger_is_open(entry)) {
        entry->state = event->status == VERDICT_YES  ? LEDGER_DONE
                       : event->status == VERDICT_NO ? LEDGER_NONE
                                                     : LEDGER_ABANDONED;
    }
}

static void gate_decided(struct engine *engine, struct instance *instance, struct frame *frame,
                         const struct event *event)
{
    gate_close(engine, frame);
    doc_replace(&frame->error, NULL);
    if (instance->killed) {
        killed_decided(instance, frame, event);
        return;
    }
    if (frame->purpose != PURPOSE_STEP) {
        apply_undo_decided(engine, instance, frame, event);
        return;
    }
    if (frame_node(instance, frame)->kind == TASK_APPROVAL) {
        approval_decided(frame, event);
        return;
    }
    instance->retries++;
    frame->attempt = (instance->retries << 8U) | 1U;
    if (event->status == VERDICT_EDIT) {
        frame->activation = event->count;
        frame_visit(instance_frame(instance, frame->parent), frame->node); /* its name is taken */
        doc_replace(&frame->call_input, event->value);
        frame->input_digest = event->digest;
        char plain[ID_HEX_BYTES];
        id_hex(&frame->key, plain);
        if (text_equal(plain, frame->idempotency_key)) {
            effect_abandon(instance, frame); /* of the name that it had */
            frame->key = id_of_step(&instance->origin, frame_node(instance, frame)->place,
                                    frame->path, frame->activation);
            id_hex(&frame->key, plain);
            text_replace(&frame->idempotency_key, plain);
        }
        doc_replace(&frame->proposal, NULL);
        frame->phase = PHASE_NONE;
        apply_ready(engine, instance, frame);
    } else if (event->status == VERDICT_YES || event->status == VERDICT_NO) {
        doubt_decided(engine, instance, frame, event);
    } else if (event->status == VERDICT_APPROVE && event->flow == WALK_END) {
        frame->state = FRAME_OUTPUT;
    } else if (event->status == VERDICT_APPROVE) {
        if (event->flow == WALK_SCOPE_END) {
            doc_replace(&frame->proposal, frame->data);
            doc_replace(&frame->data, frame->input);
            frame->phase = PHASE_PERFORM;
        }
        apply_ready(engine, instance, frame);
    } else {
        effect_abandon(instance, frame);
        frame->state = FRAME_WAITING; /* the fault that follows removes it */
    }
}

static void apply_frame(struct engine *engine, struct instance *instance, struct frame *frame,
                        const struct event *event)
{
    CHECK(frame != NULL);
    switch ((unsigned)event->kind) {
    case EVENT_ITERATION_STARTED:
        iteration_started(frame, instance, event);
        break;
    case EVENT_ITERATION_ENDED:
        iteration_ended(engine, instance, frame, event);
        break;
    case EVENT_ERROR_CAUGHT:
        error_caught(instance, frame, event);
        break;
    case EVENT_TRY_RETRY:
        try_retry(instance, frame, event);
        break;
    case EVENT_TIMER_FIRED:
        timer_fired(engine, instance, frame, event);
        break;
    case EVENT_CONSUMED:
        event_consumed(engine, instance, frame, event);
        break;
    case EVENT_BRANCH_ENDED:
        frame->state = FRAME_JOINED;
        break;
    case EVENT_BRANCHES_JOINED:
        branches_joined(engine, instance, frame);
        break;
    case EVENT_CHILD_ENDED:
        child_ended(instance, frame, event);
        break;
    case EVENT_EVALUATION_ASKED:
        evaluation_asked(frame);
        break;
    case EVENT_EVALUATION_DONE:
        evaluation_done(frame, event);
        break;
    case EVENT_GATE_OPENED:
        gate_opened(engine, instance, frame, event);
        break;
    case EVENT_GATE_DECIDED:
        gate_decided(engine, instance, frame, event);
        break;
    case EVENT_BUDGET_RESERVED:
    case EVENT_STEP_UNFUNDED:
    case EVENT_STEP_FUNDED:
        apply_money(engine, instance, frame, event);
        break;
    case EVENT_LOCK_GRANTED:
    case EVENT_LOCK_EXPIRED:
        apply_lock(engine, instance, frame, event);
        break;
    default:
        UNREACHABLE();
    }
}

void apply_step(struct engine *engine, struct instance *instance, const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_STEP_SKIPPED:
    case EVENT_STEP_RAN:
        step_passed(engine, instance, event);
        break;
    case EVENT_STEP_STARTED:
        step_started(engine, instance, event);
        break;
    case EVENT_STEP_COMPLETED:
        step_completed(engine, instance, event);
        break;
    case EVENT_STEP_FAULTED:
        step_faulted(engine, instance, event);
        break;
    case EVENT_STEP_CANCELLED:
        step_cancelled(engine, instance, event);
        break;
    case EVENT_CHILD_STARTED:
        child_started(instance_frame(instance, event->frame), event);
        break;
    case EVENT_EMITTED:
        break; /* accepted as an event of its own in the same turn */
    case EVENT_COMPENSATION_REGISTERED:
    case EVENT_UNWINDING:
    case EVENT_COMPENSATION_STARTED:
    case EVENT_COMPENSATION_ENDED:
        apply_undo(engine, instance, event);
        break;
    case EVENT_STEP_DISPATCHED:
    case EVENT_STEP_RESULT:
    case EVENT_STEP_RETRY:
    case EVENT_STEP_READY:
    case EVENT_EFFECT_LATE:
        apply_call(engine, instance, event);
        break;
    default:
        apply_frame(engine, instance, instance_frame(instance, event->frame), event);
        break;
    }
}
