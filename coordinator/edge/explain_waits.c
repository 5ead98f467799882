/*
 * Why a step waits for others, and when it does no more: stores, locks and budgets, in words.
 */
#include <stdio.h>

#include "common/base/money.h"
#include "coordinator/edge/control_private.h"

const char *waits_words(const struct event *event, const char *name, char out[WAITS_WORDS_BYTES])
{
    char need[MONEY_TEXT_BYTES];
    const char *entity = event->id == NULL ? "an entity" : event->id;
    switch ((unsigned)event->kind) {
    case EVENT_STEP_READY:
        (void)snprintf(out, WAITS_WORDS_BYTES,
                       "the store gave '%.64s' back unstarted; it waits for a store again", name);
        break;
    case EVENT_LOCK_GRANTED:
        (void)snprintf(out, WAITS_WORDS_BYTES, "'%.64s' has the lock on %.256s now", name, entity);
        break;
    case EVENT_LOCK_EXPIRED:
        (void)snprintf(out, WAITS_WORDS_BYTES, "'%.64s' lost its lock on %.256s: its time is over",
                       name, entity);
        break;
    case EVENT_STEP_UNFUNDED:
        (void)snprintf(out, WAITS_WORDS_BYTES,
                       "'%.64s' waits for money: it may cost %s, and the budget %.192s has no room "
                       "for it",
                       name,
                       money_print(event->at_ms, event->source == NULL ? "" : event->source, need),
                       event->name == NULL ? "" : event->name);
        break;
    default: /* EVENT_STEP_FUNDED */
        (void)snprintf(out, WAITS_WORDS_BYTES, "the budget has room for '%.64s' now", name);
        break;
    }
    return out;
}
