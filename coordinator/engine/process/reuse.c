/*
 * One key, one effect: a key that was used for an effect that happened, or may have, is not used
 * for another one. The agent's store refuses it too, as long as there is one that remembers; here
 * it is known when that store is lost as well.
 */
#include <stdio.h>

#include "coordinator/engine/process/process.h"

static const struct failure *reused(struct engine *engine, const struct ledger_entry *entry)
{
    char detail[512];
    bool done = entry->state == LEDGER_DONE;
    (void)snprintf(detail, sizeof(detail),
                   "store '%.64s' %s an effect of step '%.200s' under this key, and its input was "
                   "another one: %s",
                   entry->store, done ? "had" : "may have had", entry->step,
                   done ? "edit the input, which gives the step a new key unless the definition "
                          "names the key, or reject"
                        : "look outside whether it happened: yes and what it gave, no to have this "
                          "one done, or edit or reject");
    struct failure failure = {
        .failure_class = FAILURE_IN_DOUBT,
        .effect = done ? MARK_DONE : MARK_UNKNOWN,
        .code = "key-reused",
        .title = "the idempotency key was used for something else",
        .detail = engine_text(engine, detail),
        .pointer = "",
    };
    return failure_keep(engine, &failure);
}

bool key_is_free(struct engine *engine, struct instance *instance, struct frame *frame,
                 const struct contract_action *action)
{
    const struct ledger_entry *entry = instance_ledger(instance, &frame->key);
    bool performs = frame->phase == PHASE_NONE ? !action->decides : frame->phase == PHASE_PERFORM;
    if (entry == NULL || entry->state == LEDGER_NONE || !performs ||
        action->effect == EFFECT_PURE) {
        return true;
    }
    struct id use = frame_use(frame, action->name);
    if (id_equal(&use, &entry->use)) {
        return true;
    }
    const struct failure *failure = reused(engine, entry);
    bool done = entry->state == LEDGER_DONE;
    unsent_failed(engine, instance, frame, failure);
    if (!done) { /* a person's matter, as any doubt */
        gate_open(engine, instance, frame, GATE_IN_DOUBT, failure, NULL);
        return false;
    }
    call_failed(engine, instance, frame, failure);
    walk(engine, instance);
    return false;
}
