/*
 * Events of one instance into its state: start, end, cancel; the rest goes to steps and calls.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/engine_private.h"

enum { PAUSED_BYTES = 512 };

/* Who waits in another instance for the end of this one; NULL: nobody. */
static struct instance *parent_of(struct engine *engine, const struct instance *instance)
{
    bool awaited = instance->has_parent && instance->parent_frame != 0;
    return awaited ? engine_load(engine, &instance->parent) : NULL;
}

/* Whether a `try` around the frame, or around what waits for its instance, may run it again. */
static bool may_run_again(struct engine *engine, const struct instance *instance, uint32_t id)
{
    while (instance != NULL) {
        const struct frame *frame = instance_frame(instance, id);
        for (; frame != NULL; frame = instance_frame(instance, frame->parent)) {
            const struct plan_node *node = frame_node(instance, frame);
            if (node != NULL && node->kind == TASK_TRY && node->attempt.retry != NULL) {
                return true;
            }
        }
        id = instance->parent_frame;
        instance = parent_of(engine, instance);
    }
    return false;
}

/* Of an instance that ends: its kept effects go one up, or away. */
struct keeping {
    struct engine *engine;
    const struct instance *from;
    struct instance *to; /* NULL: nobody runs it again */
};

static void kept_move(void *user, const struct ledger_entry *entry)
{
    struct keeping *it = user;
    if (it->to != NULL) {
        instance_keep(it->to, entry, &entry->origin);
    }
    it->engine->port->kept_delete(it->engine->port_user, &it->from->id, entry);
}

/* What it knew of its effects outlives it while it may be run again: the next instance gives them
 * the same names. */
static void effects_hand_over(struct engine *engine, struct instance *instance)
{
    struct instance *parent = parent_of(engine, instance);
    bool again = parent != NULL && instance->ledger_count + instance->kept_count > 0;
    again = (again || (parent != NULL && instance->keeps)) &&
            may_run_again(engine, parent, instance->parent_frame);
    struct keeping keeping = {.engine = engine, .from = instance, .to = again ? parent : NULL};
    if (instance->keeps) {
        engine->port->kept_scan(engine->port_user, &instance->id, NULL, kept_move, &keeping);
        instance->keeps = false;
    }
    for (uint32_t i = 0; again && i < instance->kept_count; i++) {
        instance_keep(parent, &instance->kept[i], &instance->kept[i].origin);
    }
    instance_kept_clear(instance);
    for (uint32_t i = 0; again && i < instance->ledger_count; i++) {
        if (instance->ledger[i].state != LEDGER_NONE) {
            instance_keep(parent, &instance->ledger[i], &instance->origin);
        }
    }
    if (again) {
        engine_touch(engine, parent);
    }
}

static void take_over(void *user, const struct ledger_entry *entry)
{
    instance_take_over(user, entry);
}

/* The instance that runs it keeps them, or, when a retry further above runs that one again too, one
 * above. What was kept last is the newest. */
static void effects_take_over(struct engine *engine, struct instance *instance)
{
    const struct instance *above = instance;
    while ((above = parent_of(engine, above)) != NULL) {
        for (uint32_t i = above->kept_count; i-- > 0;) {
            if (id_equal(&above->kept[i].origin, &instance->origin)) {
                instance_take_over(instance, &above->kept[i]);
            }
        }
        if (above->keeps) {
            engine->port->kept_scan(engine->port_user, &above->id, &instance->origin, take_over,
                                    instance);
        }
    }
}

static void instance_started(struct engine *engine, struct instance *instance,
                             const struct event *event)
{
    const struct definition *definition = company_definition(&engine->company, &event->digest);
    CHECK(definition != NULL);
    instance->plan = definition->plan;
    instance->definition = event->digest;
    instance->started_ms = engine->now;
    instance->priority = (int)event->count;
    text_replace(&instance->fairness, event->source);
    doc_replace(&instance->input, event->input);
    struct doc *empty = doc_of_json(json_object());
    doc_replace(&instance->context, empty);
    doc_unref(&empty);
    text_replace(&instance->traceparent, event->traceparent);
    text_replace(&instance->trigger, event->text == NULL ? "" : event->text);
    if (event->has_key) {
        instance->has_parent = true;
        instance->parent = event->key;
        instance->parent_frame = event->parent;
        instance->depth = event->activation;
        instance->retries = event->attempt;
        CHECK_IMPLIES(event->id != NULL, id_of_hex(event->id, &instance->origin));
        effects_take_over(engine, instance);
    }
    struct frame *root = instance_push(instance, 1, 0);
    root->started_ms = engine->now;
    doc_replace(&root->raw_input, event->input);
    doc_replace(&root->input, event->input);
    doc_replace(&root->data, event->input);
    root->cursor = PLAN_NONE;
    root->part = PART_ENTRY;
    engine->counters.instances_started++;
}

static void workflow_entered(struct instance *instance, const struct event *event)
{
    struct frame *root = instance->frames[0];
    if (event->output != NULL) {
        doc_replace(&root->input, event->output);
        doc_replace(&root->data, event->output);
    }
    instance->deadline_ms = event->at_ms;
    root->cursor = event->next_node;
    root->part = PART_BODY;
    frame_evaluated_clear(root);
}

/* It begins where another one was, with what that one had there. */
static void instance_forked(struct instance *instance, const struct event *event)
{
    workflow_entered(instance, event);
    doc_replace(&instance->frames[0]->data, event->input);
    doc_replace(&instance->context, event->context);
}

static void frames_drop_all(struct engine *engine, struct instance *instance)
{
    while (instance->frame_count > 0) {
        apply_frame_gone(engine, instance, instance_leaf(instance));
    }
}

static void instance_final(struct engine *engine, struct instance *instance,
                           enum instance_status status, struct doc *value)
{
    effects_hand_over(engine, instance);
    frames_drop_all(engine, instance);
    if (map_count(engine->company.accounts) > 0) {
        apply_budget_ended(engine, instance);
    }
    instance->status = status;
    instance->ended = true;
    doc_replace(&instance->final_value, value);
    apply_run_ended(engine, instance);
}

static void instance_settling(struct engine *engine, struct instance *instance,
                              const struct event *event)
{
    frames_drop_all(engine, instance);
    instance->final = (enum instance_status)event->status;
    instance->status = INSTANCE_WAITING;
    doc_replace(&instance->final_value, event->output != NULL ? event->output : event->error);
}

static void instance_paused(struct engine *engine, struct instance *instance,
                            const struct event *event)
{
    char words[PAUSED_BYTES];
    bool reason = event->text != NULL && event->text[0] != '\0';
    (void)snprintf(words, sizeof(words), "paused by %.100s%s%.300s",
                   event->person == NULL || event->person[0] == '\0' ? "somebody" : event->person,
                   reason ? ": " : "", reason ? event->text : "");
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        if (instance->frames[i]->state == FRAME_READY) {
            ready_leave(engine, instance->frames[i]);
        }
    }
    text_replace(&instance->paused, words);
}

/* Steps that wait for a store have left its queue, and come to the end of it. */
static void instance_resumed(struct engine *engine, struct instance *instance)
{
    text_replace(&instance->paused, NULL);
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        if (instance->frames[i]->state == FRAME_READY) {
            apply_ready(engine, instance, instance->frames[i]);
        }
    }
}

/* It only comes to its end, and what is being undone goes on. */
static void instance_cancelling(struct engine *engine, struct instance *instance)
{
    instance->cancelling = true;
    if (instance->paused != NULL) {
        instance_resumed(engine, instance);
    }
}

/* Its frames come down first; the workflow's waits for them. */
static void instance_rewinding(struct instance *instance, const struct event *event)
{
    struct frame *root = instance->frames[0];
    struct rewind rewind = {.node = event->next_node,
                            .activation = event->activation,
                            .after = (uint64_t)event->at_ms,
                            .data = event->input,
                            .context = event->context};
    instance_rewind_set(instance, &rewind);
    root->state = FRAME_CANCELLING;
    root->resume = FRAME_RUNNING;
    root->wake_ms = 0;
    doc_replace(&root->error, NULL);
}

/* Visits stay: steps that are entered again are other activations, with other names. */
static void instance_rewound(struct instance *instance)
{
    struct frame *root = instance->frames[0];
    root->state = FRAME_RUNNING;
    root->cursor = instance->rewind->node;
    doc_replace(&root->data, instance->rewind->data);
    doc_replace(&instance->context, instance->rewind->context);
    frame_evaluated_clear(root);
    instance_rewind_clear(instance);
}

static void status_update(struct instance *instance)
{
    if (!instance->ended && instance->final == 0) {
        instance->status = instance_standing(instance);
    }
}

void apply_instance(struct engine *engine, struct instance *instance, const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_INSTANCE_STARTED:
        instance_started(engine, instance, event);
        break;
    case EVENT_WORKFLOW_ENTERED:
        workflow_entered(instance, event);
        break;
    case EVENT_INSTANCE_FORKED:
        instance_forked(instance, event);
        break;
    case EVENT_INSTANCE_SETTLING:
        instance_settling(engine, instance, event);
        break;
    case EVENT_INSTANCE_COMPLETED:
        instance_final(engine, instance, INSTANCE_COMPLETED, event->output);
        engine->counters.instances_completed++;
        break;
    case EVENT_INSTANCE_FAULTED:
        instance_final(engine, instance, INSTANCE_FAULTED, event->error);
        engine->counters.instances_faulted++;
        break;
    case EVENT_INSTANCE_MIGRATED:
        apply_migrated(engine, instance, event);
        break;
    case EVENT_INSTANCE_KILLED:
        instance->killed = true;
        instance_cancelling(engine, instance);
        break;
    case EVENT_INSTANCE_CANCELLING:
        instance_cancelling(engine, instance);
        break;
    case EVENT_INSTANCE_REWINDING:
        instance_rewinding(instance, event);
        break;
    case EVENT_INSTANCE_REWOUND:
        instance_rewound(instance);
        break;
    case EVENT_INSTANCE_PAUSED:
        instance_paused(engine, instance, event);
        break;
    case EVENT_INSTANCE_RESUMED:
        instance_resumed(engine, instance);
        break;
    case EVENT_INSTANCE_CANCELLED:
        instance_final(engine, instance, INSTANCE_CANCELLED, NULL);
        engine->counters.instances_cancelled++;
        break;
    default:
        apply_step(engine, instance, event);
        break;
    }
    status_update(instance);
}
