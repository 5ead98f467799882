/*
 * The outside world: what agents do to it, kept independently of what anybody says about it.
 */
#ifndef TESTS_SIM_EFFECTS_H
#define TESTS_SIM_EFFECTS_H

#include <stdbool.h>
#include <stdint.h>

struct sim;

enum world_class { WORLD_KEYED, WORLD_PROBED, WORLD_MANUAL };

/* What an agent does. Everything is borrowed. */
struct world_call {
    const char *agent;
    const char *store; /* that does it */
    enum world_class world_class;
    const uint8_t *key; /* 16 bytes */
    const char *outside_key;
    const char *input; /* as text */
    const char *step;  /* with the origin of its instance: who asks */
    uint32_t attempt;
};

void effects_create(struct sim *sim);
void effects_destroy(struct sim *sim);

/* The effect happens. Returns its number: the same for the same key when the world honours keys. */
uint64_t effects_happen(struct sim *sim, const struct world_call *call);

/* Whether an effect of that key ever happened, and its number. */
bool effects_happened(struct sim *sim, const char *agent, const char *outside_key,
                      uint64_t *ret_number);

/* Whether anything happened under an effect key of 16 bytes. */
bool effects_key_happened(const struct sim *sim, const uint8_t *key);

/* The agent has said something untrue of this key: what it brings about is its own doing. */
void effects_lied(struct sim *sim, const uint8_t *key);

/* The coordinator's store is an older one: what happened since is known to agents only. */
void effects_forgotten(struct sim *sim);

/* The agent's store is gone or older: what it did since cannot be told apart from new any more. */
void effects_agent_forgets(struct sim *sim, const char *agent);

/* Every effect that happened is accounted for by the journal. */
void effects_check(struct sim *sim);

#endif
