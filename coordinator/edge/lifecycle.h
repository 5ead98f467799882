/*
 * The specification's lifecycle events: CloudEvents for whoever watches, made of journal events
 * once they are committed, published on lifecycle.<namespace>.<name>.<what> (stream LIFECYCLE).
 *
 * Instance level by default; `document.metadata.mainstay.lifecycle` asks for `steps` or `none`.
 * One message holds what a turn has for one subject: a single event as it is, several as a batch
 * (application/cloudevents-batch+json). An event's id is made of the journal's sequence, so that it
 * is the same when it is published again: after a start, and after the bus was away. Nobody
 * acknowledges them; the journal is the truth.
 *
 * Threads: those of the turn.
 */
#ifndef COORDINATOR_EDGE_LIFECYCLE_H
#define COORDINATOR_EDGE_LIFECYCLE_H

#include <stddef.h>
#include <stdint.h>

struct edge;
struct event;

/* The specification may rename its types; here is the one place that says them. */
#define LIFECYCLE_TYPE_PREFIX "io.serverlessworkflow."

struct lifecycle;

struct lifecycle *lifecycle_create(struct edge *edge);
void lifecycle_destroy(struct lifecycle **lifecycle);

/* Publish what a committed turn has to say. */
void lifecycle_facts(struct lifecycle *lifecycle, const struct event *events, size_t count,
                     uint64_t sequence, int64_t now_ms);

/* The bus is there (again): publish what it may not have got. */
void lifecycle_resume(struct lifecycle *lifecycle);

#endif
