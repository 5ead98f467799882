/*
 * Going back: an instance takes down what is open, undoes what it did since it entered a step of
 * its top list, last first, and enters that step again as another activation, with the data and the
 * context of that time. Between the two the workflow's own frame waits, as it does for any end.
 */
#include <stdio.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

const char *rewind_refused(const struct instance *instance)
{
    const struct frame *root = instance->frames[0];
    if (instance->rewind != NULL) {
        return "is going back already";
    }
    if (root->part == PART_ENTRY) {
        return "has not begun";
    }
    if (root->state == FRAME_EVALUATING) {
        return "has an expression with mainstay-jq: ask again";
    }
    return root->state == FRAME_CANCELLING ? "is at its end" : NULL;
}

static bool is_kept(const struct operate_point *point, const struct id *key)
{
    for (uint32_t i = 0; i < point->kept_count; i++) {
        if (id_equal(&point->kept[i], key)) {
            return true;
        }
    }
    return false;
}

/* Its definition names the key: undone, the effect is not done again under it. */
static bool has_own_key(const struct ledger_entry *entry)
{
    char hex[ID_HEX_BYTES];
    id_hex(&entry->key, hex);
    return entry->undo != NULL && entry->undo->effect_key != NULL &&
           !text_equal(entry->undo->effect_key, hex);
}

/* The row of a compensation, which has the words of what it undoes for its step (instance_purpose).
 */
static bool is_compensation(const struct ledger_entry *entry)
{
    return entry->step[0] != '/';
}

const char *engine_effect_stays(const struct ledger_entry *entry)
{
    if (is_compensation(entry)) {
        return NULL;
    }
    if (ledger_undo_open(entry) && has_own_key(entry)) {
        return "has an idempotencyKey of its own, under which it is not done again once undone";
    }
    if (ledger_undo_open(entry) || (entry->undo != NULL && entry->state == LEDGER_DISPATCHED)) {
        return NULL;
    }
    switch (entry->state) {
    case LEDGER_NONE:
    case LEDGER_COMPENSATED:
        return NULL;
    case LEDGER_DONE:
        return "was done, and nothing undoes it";
    case LEDGER_KEPT:
        return "was done, and a person decided that it stays";
    case LEDGER_DISPATCHED:
        return "is in flight, and nothing would undo it";
    case LEDGER_UNKNOWN:
    case LEDGER_ABANDONED:
        return "may have been done, and nothing would undo it";
    }
    UNREACHABLE();
}

static const char *effect_refused(struct engine *engine, const struct instance *instance,
                                  const struct operate_point *point)
{
    for (uint32_t i = 0; i < instance->ledger_count; i++) {
        const struct ledger_entry *entry = &instance->ledger[i];
        const char *stays = is_kept(point, &entry->key) ? NULL : engine_effect_stays(entry);
        if (stays != NULL) {
            return arena_printf(engine->arena,
                                "has an effect in the way, which %s: %s of %s in step %s; --force "
                                "goes back all the same",
                                stays, entry->action, entry->agent, entry->step);
        }
    }
    return NULL;
}

const char *engine_rewind_refused(struct engine *engine, const struct instance *instance,
                                  bool force, const struct operate_point *point)
{
    uint32_t last = instance->journal_count;
    if (last == 0 || instance->journal[last - 1] != point->seen) {
        return "has moved on just now: ask again";
    }
    CHECK(point->node < instance->plan->node_count);
    CHECK(instance->plan->nodes[point->node].parent == PLAN_NONE);
    return force ? NULL : effect_refused(engine, instance, point);
}

const char *rewind_begin(struct engine *engine, struct instance *instance,
                         const struct operate_command *command, const struct operate_point *point)
{
    const char *why = engine_rewind_refused(engine, instance, command->force, point);
    if (why != NULL) {
        return why;
    }
    struct event event = engine_event(instance, EVENT_INSTANCE_REWINDING);
    event.next_node = point->node;
    event.activation = point->activation;
    event.at_ms = (int64_t)point->order;
    event.count = command->force ? 1 : 0;
    event.input = point->data;
    event.context = point->context;
    event.text = engine_text(engine, command->reason);
    event.person = engine_text(engine, command->person);
    engine_emit(engine, &event);
    unwind(engine, instance, instance->frames[0]);
    walk(engine, instance);
    return NULL;
}

void rewind_end(struct engine *engine, struct instance *instance, struct frame *root)
{
    if (undo_begin(engine, instance, root, UNDO_ALL, instance->rewind->after)) {
        return;
    }
    struct event event = engine_event(instance, EVENT_INSTANCE_REWOUND);
    event.next_node = instance->rewind->node;
    event.activation = instance->rewind->activation;
    engine_emit(engine, &event);
}
