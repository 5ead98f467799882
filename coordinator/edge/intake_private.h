/*
 * Inside of the event intake.
 */
#ifndef COORDINATOR_EDGE_INTAKE_PRIVATE_H
#define COORDINATOR_EDGE_INTAKE_PRIVATE_H

#include "common/wire/subjects.h"
#include "coordinator/edge/event_intake.h"

enum intake_mode { INTAKE_BARE, INTAKE_BINARY, INTAKE_STRUCTURED, INTAKE_EMIT };

/* One message on its way to an event. */
struct taking {
    const struct intake_message *message;
    struct arena *arena;
    struct intake *intake;
    enum intake_mode mode;
    char type[SUBJECT_TYPE_BYTES]; /* of the subject */
    const char *content_type;      /* NULL: not said */
    json_t *envelope;
};

/* Say why not, and what would have worked; returns false. `advice` lives in the arena. */
bool taking_refuse(struct taking *taking, const char *advice, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- intake_attribute.c ---- */

/* Check and set one attribute of the envelope; takes over `value`. False when refused. */
bool attribute_put(struct taking *taking, const char *name, json_t *value);

/* The value of a header as the HTTP binding encodes it; NULL when it is not text. */
const char *header_decode(struct arena *arena, const char *value);

/* Attributes of the ce-* headers; false when refused. */
bool headers_take(struct taking *taking);

bool media_valid(const char *content_type);

/* ---- intake_advice.c ---- */

/* Content type that the bytes look like: "application/xml", "application/edi-x12", "text/csv",
 * "application/json", ... */
const char *media_sniff(struct str body);

/* "nats pub ..." with the message's own headers, but for `drop` (NULL: none), on event.`type`, with
 * `add` (NULL: none) as one more "Name: value", and `body` as the shell text of the body. */
const char *advice_pub(struct taking *taking, const char *type, const char *drop, const char *add,
                       const char *body);

/* The same for a body that is not described well enough: names the type it looks like. */
const char *advice_describe(struct taking *taking);

/* Shell text of the body after a jq filter. */
const char *advice_jq(struct taking *taking, const char *filter);

#endif
