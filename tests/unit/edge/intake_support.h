/* Messages as somebody would publish them, and what the intake makes of them. */
#ifndef TESTS_UNIT_EDGE_INTAKE_SUPPORT_H
#define TESTS_UNIT_EDGE_INTAKE_SUPPORT_H

#include <criterion/criterion.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/json/doc.h"
#include "coordinator/edge/event_intake.h"

/* One intake with its arena. */
struct taken {
    struct arena *arena;
    struct intake intake;
    bool good;
    const json_t *event; /* the envelope; NULL when refused */
};

/* `headers`: name, value, ..., NULL. May be NULL. */
static inline struct taken take_bytes(const char *subject, const char *body, size_t size,
                                      const char *const *headers)
{
    struct taken taken = {.arena = arena_create(64 * 1024 * 1024)};
    struct intake_header list[16];
    size_t count = 0;
    for (size_t i = 0; headers != NULL && headers[i] != NULL && count < 16; i += 2) {
        list[count++] = (struct intake_header){headers[i], headers[i + 1]};
    }
    struct intake_message message = {
        .subject = subject,
        .body = {.data = body, .size = size},
        .headers = list,
        .header_count = count,
        .arrived_ms = 1795270000250,
        .sequence = 7,
    };
    taken.good = event_intake_message(&message, taken.arena, &taken.intake);
    taken.event = taken.good ? doc_json(taken.intake.envelope) : NULL;
    return taken;
}

static inline struct taken take_text(const char *subject, const char *body,
                                     const char *const *headers)
{
    return take_bytes(subject, body, strlen(body), headers);
}

static inline void taken_release(struct taken *taken)
{
    doc_unref(&taken->intake.envelope);
    arena_destroy(&taken->arena);
}

static inline const char *taken_text(const struct taken *taken, const char *name)
{
    cr_assert(taken->good, "refused: %s", taken->intake.reason);
    return json_text_of(taken->event, name);
}

#endif
