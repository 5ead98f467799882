/* One agent: inside of agents.c, agent_work.c and agent_session.c. */
#ifndef TESTS_SIM_AGENT_PRIVATE_H
#define TESTS_SIM_AGENT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agents/runtime/runtime.h"
#include "tests/sim/agents.h"
#include "tests/sim/sim.h"

struct bus;
struct bus_pull;
struct kv;

enum { AGENT_JOBS_MAX = 64, AGENT_ACTIONS_MAX = 4 };

struct sim_agent {
    struct sim *sim;
    const struct agent_kind *kind;
    char store[16];
    struct kv *kv;
    struct kv *backup; /* NULL: none */
    struct runtime runtime;
    const struct agent_action *actions[AGENT_ACTIONS_MAX]; /* in the order of its contract */
    bool up;
    bool dying;         /* its store has failed: the process is over with the present act */
    uint64_t life;      /* counts ends */
    int64_t refused_us; /* until then the outside refuses whatever it does */
    /* session */
    struct bus *bus;
    struct bus_pull *pull;
    bool accepted;
    int64_t pause_us;
    int64_t timeout_us;
    uint64_t hello; /* the one that is current */
    /* workers */
    struct job *jobs[AGENT_JOBS_MAX];
    size_t job_count;
    /* the result that lies are made of */
    char *truth;
    size_t truth_size;
};

void agent_start_act(struct sim *sim, void *what, uint64_t number);
void agent_die_act(struct sim *sim, void *what, uint64_t number);
void agent_stop(struct sim_agent *agent);

/* Another agent of the company. */
const struct sim_agent *agents_other(const struct sim_agent *agent);

/* ---- agent_work.c ---- */

struct pool *agent_pool_create(struct sim_agent *agent);
void agent_pool_destroy(struct sim_agent *agent);
struct sender *agent_sender_create(struct sim_agent *agent);

/* The bus stored, or did not store, the results of `token`. */
void agent_results_stored(struct sim_agent *agent, uint64_t token, bool stored);

/* ---- agent_session.c ---- */

void agent_session_connect(struct sim_agent *agent);
void agent_session_goodbye(struct sim_agent *agent);

/* Publish on the agent's result subject. */
MUST_CHECK enum err agent_session_publish(struct sim_agent *agent, struct str body, uint64_t token,
                                          struct error *err);

#endif
