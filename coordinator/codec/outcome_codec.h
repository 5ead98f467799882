/*
 * Decisions and failures between engine types and protobuf. Memory from the arena.
 *
 * To protobuf the texts and values are borrowed. From protobuf, texts are borrowed from the message
 * and the docs (explanation, correction) are new references that the caller drops.
 */
#ifndef COORDINATOR_CODEC_OUTCOME_CODEC_H
#define COORDINATOR_CODEC_OUTCOME_CODEC_H

#include "coordinator/engine/outcome.h"
#include "proto/result.pb-c.h"

struct arena;

Mainstay__Decision *decision_to_proto(const struct decision *decision, struct arena *arena);
Mainstay__Failure *failure_to_proto(const struct failure *failure, struct arena *arena);

/* `proto` NULL gives an empty decision (all texts ""). Values that are not JSON are left out. */
const struct decision *decision_of_proto(const Mainstay__Decision *proto, struct arena *arena);
const struct failure *failure_of_proto(const Mainstay__Failure *proto, struct arena *arena);

#endif
