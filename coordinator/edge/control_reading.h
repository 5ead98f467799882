/*
 * The journal of one instance, read for where it can go back to and what it did since.
 */
#ifndef COORDINATOR_EDGE_CONTROL_READING_H
#define COORDINATOR_EDGE_CONTROL_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/edge/control_private.h"
#include "coordinator/engine/checkpoint.h"

struct reading {
    struct control *control;
    const struct view *view;
    const struct plan *plan; /* that it runs at this point of its journal */
    struct checkpoints *points;
    uint64_t seen; /* the batch that was read last */
    bool erased;   /* values of it are gone */
};

/* Read all that is committed into a reading with control and view. `step`: the one whose values are
 * wanted, or NULL. The caller destroys `points`, on failure too. Errors: the journal cannot be
 * read. */
MUST_CHECK enum err reading_read(struct reading *it, const char *step, struct error *err);

/* Why the point of the step is not known: static or text of the arena. */
const char *reading_missing(const struct reading *reading, struct arena *arena, const char *step);

#endif
