/*
 * Compensations into the ledger: what is known of them, and the frames that run them.
 */
#include <stdlib.h>

#include "common/base/check.h"
#include "coordinator/engine/engine_private.h"

void apply_undo_declared(struct instance *instance, const struct frame *frame,
                         const struct contract_action *action, struct ledger_entry *entry)
{
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    const char *by = call->compensate.action != NULL ? call->compensate.action : action->compensate;
    bool none = call->compensate.kind == COMPENSATE_NONE ||
                (call->compensate.kind == COMPENSATE_CONTRACT && by == NULL);
    if (frame->purpose != PURPOSE_STEP || none) {
        return;
    }
    struct undo *undo = instance_undo_add(instance, entry);
    undo->node = frame->node;
    undo->scope = frame->parent;
    undo->unwanted = false;
    if (undo->state != UNDO_DECLARED) {
        return; /* a retry of the block around: what happened before has its place */
    }
    undo->order = frame->ready_order;
    text_replace(&undo->action, by);
    text_replace(&undo->contract, call->contract);
    text_replace(&undo->effect_key, frame->idempotency_key);
    doc_replace(&undo->input, frame->input);
    doc_replace(&undo->call, frame->call_input);
}

void apply_undo_scope_gone(struct instance *instance, const struct frame *frame)
{
    for (uint32_t i = 0; i < instance->ledger_count; i++) {
        struct undo *undo = instance->ledger[i].undo;
        if (undo == NULL) {
            continue;
        }
        if (undo->scope == frame->id) {
            undo->scope = frame->parent;
            undo->caught = false;
        }
        if (undo->wanted_in == frame->id) {
            undo->wanted_in = 0;
            undo->unwanted = true;
        }
    }
}

void apply_undo_caught(struct instance *instance, const struct frame *frame)
{
    for (uint32_t i = 0; instance->undos > 0 && i < instance->ledger_count; i++) {
        struct undo *undo = instance->ledger[i].undo;
        if (undo != NULL && undo->scope == frame->id) {
            undo->caught = true;
        }
    }
}

/* Taken over from a workflow that a step ran. */
static struct ledger_entry *adopted(struct engine *engine, struct instance *instance,
                                    const struct event *event)
{
    struct ledger_entry *entry = instance_ledger_add(instance, &event->key);
    entry->state = LEDGER_DONE;
    entry->attempts = 1;
    entry->first_ms = engine->now;
    text_replace(&entry->step, event->text);
    text_replace(&entry->agent, event->agent);
    text_replace(&entry->action, event->source);
    text_replace(&entry->store, "");
    return entry;
}

static void registered(struct engine *engine, struct instance *instance, const struct event *event)
{
    struct ledger_entry *entry = instance_ledger(instance, &event->key);
    if (entry == NULL) {
        entry = adopted(engine, instance, event);
    }
    struct undo *undo = instance_undo_add(instance, entry);
    undo->state = event->status == 2 ? UNDO_CLOSED : UNDO_REGISTERED;
    undo->unwanted = event->status == 1;
    undo->order = (uint64_t)event->at_ms;
    undo->scope = event->parent != 0 ? event->parent : undo->scope;
    entry->state = event->status == 2 ? LEDGER_COMPENSATED : LEDGER_DONE;
    text_replace(&undo->action, event->action);
    text_replace(&undo->contract, event->name);
    text_replace(&undo->effect_key, event->id);
    doc_replace(&undo->value, event->output);
    doc_replace(&undo->error, event->error);
    doc_replace(&undo->input, NULL);
    doc_replace(&undo->call, NULL);
    ready_rehome(engine, instance, &event->key);
}

bool undo_fits(const struct ledger_entry *entry, const struct frame *frame, enum undo_which which,
               uint64_t after)
{
    if (!ledger_undo_open(entry)) {
        return false;
    }
    const struct undo *undo = entry->undo;
    bool below = frame->parent == 0 || undo->scope == frame->id;
    bool meant = which == UNDO_ALL || (which == UNDO_CAUGHT && undo->caught) ||
                 (which == UNDO_UNWANTED && undo->unwanted) ||
                 (which == UNDO_DOUBTFUL && undo->state == UNDO_DECLARED);
    /* what is declared has the place where its step became ready, and may have no exact one */
    bool later = undo->state == UNDO_DECLARED ? undo->order >> ORDER_BITS >= after >> ORDER_BITS
                                              : undo->order > after;
    return below && meant && later;
}

static void unwinding(struct instance *instance, const struct event *event)
{
    struct frame *frame = instance_frame(instance, event->frame);
    CHECK(frame != NULL);
    for (uint32_t i = 0; i < instance->ledger_count; i++) {
        const struct ledger_entry *entry = &instance->ledger[i];
        if (undo_fits(entry, frame, (enum undo_which)event->count, (uint64_t)event->at_ms)) {
            entry->undo->wanted_in = frame->id;
        }
    }
    if (event->status == 0) {
        return;
    }
    CHECK(frame->parent == 0);
    instance->unwinding = (enum instance_status)event->status;
    doc_replace(&instance->final_value, event->output != NULL ? event->output : event->error);
    frame->state = FRAME_CANCELLING;
    frame->resume = FRAME_CANCELLING;
    frame->cursor = PLAN_NONE;
    frame->part = PART_BODY;
    frame->wake_ms = 0;
    frame->deadline_ms = 0;
    instance->deadline_ms = 0;
}

static void started(struct engine *engine, struct instance *instance, const struct event *event)
{
    const struct ledger_entry *entry = instance_ledger(instance, &event->key);
    CHECK(entry != NULL);
    CHECK(entry->undo != NULL);
    enum frame_purpose purpose = (enum frame_purpose)event->status;
    struct frame *frame = instance_push(instance, event->frame, event->parent);
    instance_purpose(instance, frame, purpose, entry);
    struct doc *input = event->output == NULL ? doc_of_json(json_object()) : NULL;
    struct doc *given = input != NULL ? input : event->output;
    frame->started_ms = engine->now;
    doc_replace(&frame->raw_input, given);
    doc_replace(&frame->input, given);
    doc_replace(&frame->data, given);
    doc_replace(&frame->call_input, given);
    frame->key =
        purpose == PURPOSE_UNDO ? id_of_undo(&entry->key, entry->undo->version) : entry->key;
    text_replace(&frame->idempotency_key, event->id);
    frame->input_digest = event->digest;
    instance->retries++;
    frame->attempt = (instance->retries << 8U) | 1U;
    if (input == NULL) {
        apply_ready(engine, instance, frame);
    } else {
        frame->state = FRAME_WAITING; /* a gate follows */
    }
    doc_unref(&input);
}

/* A person goes on without knowing whether the compensation has had its effect: that stays on
 * record. */
static void own_abandon(struct ledger_entry *own)
{
    if (own != NULL && own->state == LEDGER_UNKNOWN) {
        own->state = LEDGER_ABANDONED;
    }
}

static void ended(struct engine *engine, struct instance *instance, const struct event *event)
{
    struct ledger_entry *entry = instance_ledger(instance, &event->key);
    CHECK(entry != NULL);
    CHECK(entry->undo != NULL);
    struct frame *frame = instance_frame(instance, event->frame);
    CHECK(frame != NULL);
    own_abandon(instance_ledger(instance, &frame->key));
    entry->state = (enum ledger_state)event->status;
    if (entry->state != LEDGER_DONE) { /* else it happened, and is undone next */
        entry->undo->state = UNDO_CLOSED;
        entry->undo->wanted_in = 0;
        entry->undo->unwanted = false;
    }
    text_replace(&entry->undo->reason, event->text);
    apply_frame_gone(engine, instance, frame);
    ready_rehome(engine, instance, &event->key);
}

void apply_undo(struct engine *engine, struct instance *instance, const struct event *event)
{
    switch ((unsigned)event->kind) {
    case EVENT_COMPENSATION_REGISTERED:
        registered(engine, instance, event);
        break;
    case EVENT_UNWINDING:
        unwinding(instance, event);
        break;
    case EVENT_COMPENSATION_STARTED:
        started(engine, instance, event);
        break;
    case EVENT_COMPENSATION_ENDED:
        ended(engine, instance, event);
        break;
    default:
        UNREACHABLE();
    }
}

void apply_undo_decided(struct engine *engine, struct instance *instance, struct frame *frame,
                        const struct event *event)
{
    struct ledger_entry *effect = instance_ledger(instance, &frame->undoes);
    struct ledger_entry *own = instance_ledger(instance, &frame->key);
    instance->retries++;
    frame->attempt = (instance->retries << 8U) | 1U;
    switch (event->status) {
    case VERDICT_EDIT: /* another input is another name */
        own_abandon(own);
        effect->undo->version = event->count;
        doc_replace(&effect->undo->value, event->value);
        doc_replace(&effect->undo->error, NULL);
        doc_replace(&frame->call_input, event->value);
        frame->input_digest = event->digest;
        frame->key = id_of_undo(&effect->key, event->count);
        text_replace(&frame->idempotency_key, event->id);
        doc_replace(&frame->proposal, NULL);
        frame->phase = PHASE_NONE;
        apply_ready(engine, instance, frame);
        break;
    case VERDICT_APPROVE:
        apply_ready(engine, instance, frame);
        break;
    case VERDICT_NO:
        if (own != NULL) {
            own->state = LEDGER_NONE;
            ready_rehome(engine, instance, &frame->key);
        }
        frame->past = PAST_NONE;
        if (frame->purpose == PURPOSE_UNDO) {
            apply_ready(engine, instance, frame);
        } else {
            frame->state = FRAME_WAITING; /* COMPENSATION_ENDED follows */
        }
        break;
    case VERDICT_YES:
        if (own != NULL) {
            own->state = LEDGER_DONE;
            ready_rehome(engine, instance, &frame->key);
        }
        frame->state = FRAME_WAITING;
        break;
    default:
        frame->state = FRAME_WAITING;
        break;
    }
}
