/*
 * Ids that derive from causes, never from counters or chance, so that a replayed cause meets the
 * same names (BLAKE2b over length-prefixed parts, cut to 16 bytes).
 *
 * The first two bytes of an instance id are its partition.
 */
#ifndef COORDINATOR_ENGINE_ID_H
#define COORDINATOR_ENGINE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/crypto/crypto.h"

enum { ID_BYTES = 16, ID_HEX_BYTES = 2 * ID_BYTES + 1 };

struct id {
    uint8_t bytes[ID_BYTES];
};

/* Instance started by an event: H(definition, trigger, source, event id). */
struct id id_of_trigger(const struct digest *definition, const char *source, const char *event_id);

/* Instance started by a person or program: H(definition, request id). */
struct id id_of_request(const struct digest *definition, const char *request_id);

/* Instance started by time: H(namespace/name, due time). Versions share it: a newer one that takes
 * over does not start the same run again. */
struct id id_of_schedule(const char *name, int64_t due_ms);

/* Instance run by a step: H(the step's key, round). The round is the count of retries in the
 * parent, because a step that a retry begins again runs another instance. */
struct id id_of_child(const struct id *step, uint32_t round);

/* Effect key of a step: H(origin of the instance, place, path, activation). The place of its task
 * (plan_node.place) has no positions, so that a step keeps its key when the instance moves to
 * another version that has tasks before it. */
struct id id_of_step(const struct id *instance, const char *place, const char *path,
                     uint32_t activation);

/* What an effect key is used for: H(action, digest of the input, proposal). As agents do: one key
 * names one effect (agents/runtime/outcomes.h). */
struct id id_of_use(const char *action, const struct digest *input, const char *proposal,
                    size_t proposal_size);

/* Effect key of a step whose definition gives the key: H(agent, action, key). */
struct id id_of_user_key(const char *agent, const char *action, const char *user_key);

/* Dedup mark of an event: H(source, id). */
struct id id_of_event(const char *source, const char *event_id);

/* Gate on a step: H(instance, frame, revision). */
struct id id_of_gate(const struct id *instance, uint32_t frame, uint32_t revision);

/* Compensation of an effect: H(the effect's key, version of its input, from 1). */
struct id id_of_undo(const struct id *effect, uint32_t version);

/* Gate of the company on a way that work goes: H(what it stops, journal sequence). */
struct id id_of_circuit(const char *what, uint64_t sequence);

/* Deterministic draw in [0, below) for a step's attempt; 0 when below is 0. */
uint64_t id_draw(const struct id *key, uint32_t attempt, uint64_t below);

bool id_equal(const struct id *a, const struct id *b);
void id_hex(const struct id *id, char out[ID_HEX_BYTES]);
bool id_of_hex(const char *text, struct id *ret_id);

#endif
