/*
 * The agents of the simulated company: the real intake, execution, outcome table and contract
 * checks of the runtime; workers, sender and session are modelled without threads (README.md).
 */
#ifndef TESTS_SIM_AGENTS_H
#define TESTS_SIM_AGENTS_H

#include <stdbool.h>
#include <stddef.h>

struct sim;

/* What contracts the agents have; the definitions call them. */
struct agent_kind {
    const char *agent;
    const char *contract; /* JSON */
    unsigned stores;
    unsigned capacity;
};

extern const struct agent_kind agent_kinds[];
extern const size_t agent_kind_count;

void agents_create(struct sim *sim);
void agents_destroy(struct sim *sim);

/* Draw the disasters of agents. */
void agents_harm(struct sim *sim);

/* Restart every agent: a restored coordinator may not know them. */
void agents_restart(struct sim *sim);

/* All agents are accepted by the coordinator and hold no work. */
bool agents_idle(const struct sim *sim);

#endif
