/*
 * How far an event reaches: what it starts and who takes it at once, in bytes.
 *
 * Each of them gets a copy in the same turn, which is one write, and one command is not divided. So
 * what would be more than a turn may write is refused while nothing has happened yet, and kept as a
 * dead letter with its words; else it would end the coordinator, and again each time it came back.
 */
#include <string.h>

#include "common/base/limits.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

enum {
    FEW = 16, /* of the largest events fit in any turn: not worth a look */
    TURN_BYTES_MAX = 112 * 1024 * 1024, /* codec and store take 128 in all */
};

size_t listen_copies(const struct event_consumption *listen)
{
    size_t copies = listen->foreach != NULL ? 2 : 1; /* the one that waits, and the one handled */
    return listen->read == READ_RAW ? 2 * copies : copies; /* a text in a text */
}

/* How many copies a definition would take; no more than there may be when not `exactly`. */
static size_t definition_copies(struct engine *engine, const struct definition *definition,
                                const char *type, struct doc *envelope, bool exactly)
{
    const struct plan_trigger *trigger = definition->plan->trigger;
    size_t filter = 0;
    struct doc *correlation = NULL;
    bool fits = trigger != NULL && trigger->on.filter_count == 0;
    for (size_t i = 0; trigger != NULL && i < trigger->on.filter_count; i++) {
        const char *wanted = trigger->on.filters[i].type;
        fits = fits || wanted == NULL || text_equal(wanted, type);
    }
    if (fits && exactly && !trigger->gathers) {
        fits = event_matches(engine, NULL, NULL, &trigger->on, doc_json(envelope), &filter,
                             &correlation);
    }
    return fits ? listen_copies(&trigger->on) : 0;
}

static size_t definitions_copies(struct engine *engine, const char *type, struct doc *envelope,
                                 bool exactly)
{
    size_t copies = 0;
    size_t cursor = 0;
    const struct definition *definition = NULL;
    while ((definition = map_next(engine->company.latest, &cursor, NULL, NULL)) != NULL) {
        copies += definition_copies(engine, definition, type, envelope, exactly);
    }
    return copies;
}

static size_t listeners_copies(struct engine *engine, struct doc *envelope,
                               const struct listener *listeners, size_t count)
{
    size_t copies = 0;
    for (size_t i = 0; i < count; i++) {
        struct instance *instance = engine_load(engine, &listeners[i].instance);
        struct frame *frame =
            instance == NULL ? NULL : instance_frame(instance, listeners[i].frame);
        copies += frame == NULL ? 0 : listen_would_take(engine, instance, frame, envelope);
    }
    return copies;
}

bool event_reaches_too_far(struct engine *engine, const char *type, struct doc *envelope,
                           const struct listener *listeners, size_t count, const char **ret_why)
{
    size_t size = 0;
    size_t most = definitions_copies(engine, type, envelope, false) + 4 * count;
    if (most <= FEW) {
        return false;
    }
    (void)doc_text(envelope, &size);
    if (most * size <= LIMIT_EVENT_REACH_BYTES) {
        return false;
    }
    size_t copies = definitions_copies(engine, type, envelope, true) +
                    listeners_copies(engine, envelope, listeners, count);
    size_t bytes = copies * size;
    if (bytes <= LIMIT_EVENT_REACH_BYTES && engine->bytes_in_turn + bytes <= TURN_BYTES_MAX) {
        return false;
    }
    *ret_why = arena_printf(engine->arena,
                            "so many definitions and instances want it at once that it would be "
                            "copied %zu times: with %zu KB each that is more than the %d MB that "
                            "one event may come to (LIMIT_EVENT_REACH_BYTES)",
                            copies, size / 1024, LIMIT_EVENT_REACH_BYTES / (1024 * 1024));
    return true;
}
