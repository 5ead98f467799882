/*
 * One seed from beginning to end: some hundred turns with faults; then faults stop, everything gets
 * time, and each instance must have ended or wait for something named; then what waits is
 * cancelled, and nothing may be left over.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/engine.h"
#include "tests/sim/agents.h"
#include "tests/sim/bus_model.h"
#include "tests/sim/checker.h"
#include "tests/sim/client.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/effects.h"
#include "tests/sim/sim.h"

enum {
    TURNS_WANTED = 200,
    TICKS_WILD = 4000,   /* without enough turns the seed does not count */
    TICKS_QUIET = 40000, /* of half a second, and of ten when many have passed */
    TICKS_MANY = 6000,   /* retries in retries take long, and end */
    QUIET_IN_A_ROW = 4,
    ACTS_MAX = 2000000,
    ACTS_LOOK = 256, /* at the time */
    ARENA_BYTES = 1024 * 1024 * 1024,
};

static const unsigned fault_rates[FAULT_COUNT] = {
#define SIM_FAULT(name, text, rate) rate,
#include "tests/sim/faults.def"
#undef SIM_FAULT
};

static const int64_t start_ms = 1750000000000;

static void rates_draw(struct sim *sim, struct draw *draw)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        bool occurs = draw_chance(draw, 450);
        sim->rates[i] = occurs ? (unsigned)draw_below(draw, fault_rates[i]) + 1 : 0;
    }
    if (sim->rates[FAULT_COORDINATOR_BACKUP] > 0) {
        sim->rates[FAULT_CLOCK_BACK] = 0; /* epochs of a restored store are told by the clock */
    }
}

size_t sim_flows(uint64_t seed, json_t *ret_flows[SIM_FLOWS_MAX])
{
    struct draw draw = draw_stream(seed, 1);
    size_t count = (size_t)draw_below(&draw, SIM_FLOWS_MAX) + 1;
    for (size_t i = 0; i < count; i++) {
        ret_flows[i] = generate_flow(&draw, (unsigned)i, ret_flows);
    }
    return count;
}

/* ---- while faults happen ---- */

static void disasters(struct sim *sim)
{
    agents_harm(sim);
    if (sim_bus_is_up(sim)) {
        if (sim_fault(sim, FAULT_BUS_RESTART)) {
            sim_bus_restart(sim, BUS_HARM_NONE);
        } else if (sim_fault(sim, FAULT_BUS_TAIL)) {
            sim_bus_restart(sim, BUS_HARM_TAIL);
        } else if (sim_fault(sim, FAULT_BUS_WIPE)) {
            sim_bus_restart(sim, BUS_HARM_WIPE);
        }
    }
    if (sim_fault(sim, FAULT_CLOCK_FORWARD)) {
        sim->wall_ms += draw_between(&sim->draw, 1, 3600000);
        coordinator_wake(sim);
    } else if (sim_fault(sim, FAULT_CLOCK_BACK)) {
        sim->wall_ms -= draw_between(&sim->draw, 1, 60000);
    }
    if (sim->rates[FAULT_COORDINATOR_BACKUP] > 0 && coordinator_is_up(sim)) {
        if (draw_chance(&sim->draw, 20)) {
            coordinator_backup(sim);
        } else if (sim_fault_draw(sim, FAULT_COORDINATOR_BACKUP) && coordinator_restore(sim)) {
            sim_fault_count(sim, FAULT_COORDINATOR_BACKUP);
            agents_restart(sim);
        }
    }
}

static void quiet_act(struct sim *sim, void *what, uint64_t number);

static void wild_act(struct sim *sim, void *what, uint64_t number)
{
    (void)what;
    if (sim->figures.turns >= TURNS_WANTED || number >= TICKS_WILD) {
        sim->healed = true;
        sim_trace(sim, "faults stop", sim->figures.turns, number);
        client_end_schedules(sim);
        sim_after(sim, 1000, quiet_act, NULL, 0);
        return;
    }
    client_act(sim);
    if (number % 8 == 0) {
        disasters(sim);
    }
    int64_t pause = draw_chance(&sim->draw, 50) ? 2000000 : 30000;
    sim_after(sim, draw_between(&sim->draw, 100, pause), wild_act, NULL, number + 1);
}

/* ---- afterwards ---- */

static bool is_quiet(struct sim *sim)
{
    struct engine *engine = coordinator_engine(sim);
    return coordinator_is_up(sim) && sim_bus_is_up(sim) && agents_idle(sim) &&
           client_is_answered(sim) && client_is_heard(sim) && engine_outstanding(engine) == 0 &&
           engine_ready(engine) == 0 && engine_next_due(engine) == INT64_MAX &&
           client_gates(engine) == 0;
}

static void what_is_not_quiet(struct sim *sim, const char *when)
{
    struct engine *engine = coordinator_engine(sim);
    if (coordinator_is_up(sim) && agents_idle(sim) && client_is_answered(sim)) {
        checker_quiet(sim);
    }
    sim_finding(sim,
                "%s: coordinator %s, bus %s, agents %s, requests %s, %llu tasks in flight, %llu "
                "ready, %zu gates, next due in %lld ms",
                when, coordinator_is_up(sim) ? "up" : "down", sim_bus_is_up(sim) ? "up" : "down",
                agents_idle(sim) ? "idle" : "busy or refused",
                client_is_answered(sim) ? "answered" : "open",
                engine == NULL ? 0 : (unsigned long long)engine_outstanding(engine),
                engine == NULL ? 0 : (unsigned long long)engine_ready(engine),
                engine == NULL ? 0 : client_gates(engine),
                engine == NULL ? 0 : (long long)(engine_next_due(engine) - sim_wall_ms(sim)));
}

/* number: ticks so far, and above them how often in a row it was quiet, and what was done. */
struct afterwards {
    unsigned ticks;
    unsigned quiet;
    bool cancelled;
};

static void after_quiet(struct sim *sim, struct afterwards *it)
{
    /* An answer takes longer than four ticks in a row may. */
    bool evaluates = coordinator_evaluates(sim) && checker_evaluates(sim);
    if (!it->cancelled && evaluates) {
        it->quiet = 0;
        return;
    }
    if (!it->cancelled) {
        checker_quiet(sim);
        (void)client_cancel_all(sim);
        it->cancelled = true;
        it->quiet = 0;
        it->ticks = 0;
        return;
    }
    if (client_cancel_all(sim) ||
        evaluates) { /* begun by what was caught, or told, while others were */
        it->quiet = 0;
        return;
    }
    checker_end(sim);
    effects_check(sim);
    client_check(sim);
    sim->over = true;
}

static void quiet_act(struct sim *sim, void *what, uint64_t number)
{
    struct afterwards *it = what;
    if (it == NULL) {
        it = sim_alloc(sim, sizeof(*it));
    }
    client_decide(sim);
    bool paused = client_resume(sim);
    it->quiet = !paused && is_quiet(sim) ? it->quiet + 1 : 0;
    if (it->quiet >= QUIET_IN_A_ROW) {
        after_quiet(sim, it);
    } else if (++it->ticks > TICKS_QUIET) {
        what_is_not_quiet(sim, it->cancelled ? "after all was cancelled" : "after faults stopped");
        sim->over = true;
    }
    if (!sim->over) {
        int64_t pause = it->ticks < 200 ? 20000 : it->ticks < TICKS_MANY ? 500000 : 10000000;
        sim_after(sim, draw_between(&sim->draw, 1000, pause), quiet_act, it, number);
    }
}

/* ---- all of it ---- */

static void create(struct sim *sim)
{
    struct draw draw = draw_stream(sim->seed, 2);
    rates_draw(sim, &draw);
    sim->draw = draw_stream(sim->seed, 3);
    sim->randomness = draw_stream(sim->seed, 4);
    sim->arena = arena_create(ARENA_BYTES);
    CHECK(sim->arena != NULL);
    sim->wall_ms = start_ms;
    sim->now_us = 1000000;
    sim_current = sim;
    checker_create(sim);
    effects_create(sim);
    sim_bus_create(sim);
    coordinator_create(sim);
    agents_create(sim);
    client_create(sim);
    sim_after(sim, 1000, wild_act, NULL, 0);
}

static void destroy(struct sim *sim)
{
    agents_destroy(sim);
    coordinator_destroy(sim);
    checker_destroy(sim);
    effects_destroy(sim);
    free(sim->acts);
    arena_destroy(&sim->arena);
    caches_clear();
    sim_current = NULL;
}

double sim_patience_s;

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool sim_play(uint64_t seed, json_t *const *flows, size_t flow_count, bool verbose,
              struct sim_figures *ret_figures, char *ret_finding)
{
    struct sim sim = {.seed = seed, .verbose = verbose};
    sim.flow_count = flow_count > 0 ? flow_count : sim_flows(seed, sim.flows);
    for (size_t i = 0; i < flow_count; i++) {
        sim.flows[i] = json_incref(flows[i]);
    }
    create(&sim);
    double begun_s = cpu_s();
    while (!sim.over && !sim.figures.given_up && sim.finding[0] == '\0' && sim_step(&sim)) {
        if (sim.figures.acts > ACTS_MAX) {
            what_is_not_quiet(&sim, "after very many acts");
        }
        bool look = sim_patience_s > 0 && sim.figures.acts % ACTS_LOOK == 0;
        sim.figures.given_up = look && cpu_s() - begun_s > sim_patience_s;
    }
    destroy(&sim);
    for (size_t i = 0; i < sim.flow_count; i++) {
        json_decref(sim.flows[i]);
    }
    *ret_figures = sim.figures;
    memcpy(ret_finding, sim.finding, SIM_FINDING_BYTES);
    return sim.finding[0] == '\0';
}
