/*
 * From what somebody published on event.<type> to one CloudEvent, or to the words of a dead letter:
 * the reason, and the command that would have worked.
 *
 * What is taken (CloudEvents 1.0.2: spec.md, formats/json-format.md,
 * bindings/http-protocol-binding.md and bindings/nats-protocol-binding.md):
 *
 *   structured  content type application/cloudevents[+json], or no other content type than JSON and
 *               an object with text members specversion, type, source and id
 *   binary      ce-* headers (any case, percent-encoded, quoted or not); the body is the data;
 *               Content-Type or ce-datacontenttype says what it is
 *   described   a Content-Type and no ce-* header
 *   bare        nothing but a JSON value
 *
 * What a message leaves open is filled in: type from the subject, source "/bus/<subject>", time
 * when the bus took it, and as id 32 hex digits of
 * H(subject, headers in order of name, body, server timestamp, stream sequence), so that a
 * redelivered message is the same event and a message sent twice is two.
 *
 * Data of a JSON content type is a JSON value. Everything else (XML, X12, CSV, PDF) is `data` as
 * JSON text when its bytes are UTF-8 without byte order mark and zero bytes, and `data_base64`
 * otherwise: bytes are never converted. The type a message names must be that of its subject,
 * because the subject is what rights are given on.
 *
 * Looser than the specification: attribute names may have capital letters, which well-known
 * producers send; a null attribute is an absent one.
 *
 * Pure: no clock, no I/O. Threads: any, each with its own arena.
 */
#ifndef COORDINATOR_EDGE_EVENT_INTAKE_H
#define COORDINATOR_EDGE_EVENT_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"
#include "common/json/json.h"

struct arena;
struct bus_msg;
struct doc;

struct intake_header {
    const char *name;
    const char *value;
};

/* A message as published. Borrowed for the call. */
struct intake_message {
    const char *subject;
    struct str body;
    const struct intake_header *headers;
    size_t header_count;
    bool headers_broken; /* there are some, and none can be read: the message is refused */
    int64_t arrived_ms;  /* the server's clock when it was stored; 0: unknown */
    uint64_t sequence;   /* in its stream; 0: none */
};

/* An event, or why there is none. Texts live in the arena. */
struct intake {
    const char *type;
    const char *source;
    const char *id;
    struct doc *envelope; /* the CloudEvent as a JSON object; the caller drops it; NULL: refused */
    const char *reason;   /* refused: what is wrong */
    const char *advice;   /* refused: the command that would have worked */
};

/* Understand one message of the stream EVENTS; false when refused. Never fails otherwise. */
bool event_intake(struct bus_msg *msg, struct arena *arena, struct intake *ret_intake);

/* The same for a message in parts. */
bool event_intake_message(const struct intake_message *message, struct arena *arena,
                          struct intake *ret_intake);

/*
 * The same for the body of `control.emit`: {type, source, id, subject, time, content_type, data,
 * data_base64}, members already checked for their JSON types. Without an id it is
 * H("emit", request_id, type); without a source "/control/emit". `data_base64` that is text or
 * JSON by its content type becomes `data`, so that a process sees the same whichever way a document
 * came.
 */
bool event_intake_emit(const json_t *body, const char *request_id, struct arena *arena,
                       struct intake *ret_intake);

#endif
