/*
 * One simulated company: coordinator, agents, bus, stores, clock and outside world in one thread,
 * all of it drawn from one seed (README.md).
 *
 * Everything happens in `acts`: functions with a due time on a virtual clock. Whoever wants
 * something to happen later says so with sim_after; sim_run takes one act after another. Memory of
 * the model lives in one arena until the seed is over, so an act whose object is gone meanwhile
 * finds its mark and does nothing.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/draw.h"

struct agents;
struct arena;
struct buf;
struct checker;
struct client;
struct coordinator;
struct effects;
struct instance;
struct plan_node;
struct sim;
struct sim_bus;

enum fault {
#define SIM_FAULT(name, text, rate) FAULT_##name,
#include "tests/sim/faults.def"
#undef SIM_FAULT
    FAULT_COUNT
};

extern const char *const fault_names[FAULT_COUNT];

enum feature {
#define SIM_FEATURE(name, text) FEATURE_##name,
#include "tests/sim/features.def"
#undef SIM_FEATURE
    FEATURE_COUNT
};

extern const char *const feature_names[FEATURE_COUNT];

enum { SIM_TASK_KINDS = 24, SIM_EVENT_KINDS = 128, SIM_FLOWS_MAX = 3, SIM_FINDING_BYTES = 2048 };

/* What a seed came to. Plain numbers: it crosses from one process to another. */
struct sim_figures {
    uint64_t turns;
    uint64_t acts;
    uint64_t instances;
    uint64_t effects;
    uint64_t faults[FAULT_COUNT];     /* that happened */
    uint64_t hits;                    /* of them while an instance was open */
    uint64_t tasks[SIM_TASK_KINDS];   /* steps entered, by kind of task */
    uint64_t features[FEATURE_COUNT]; /* of instances started and steps entered */
    uint64_t events[SIM_EVENT_KINDS]; /* journal events, by kind */
    uint64_t trace;                   /* digest of everything that happened, in order */
    bool given_up;                    /* it took too long */
};

typedef void sim_act_fn(struct sim *sim, void *what, uint64_t number);

struct sim_act {
    int64_t at_us;
    uint64_t order;
    sim_act_fn *run;
    void *what;
    uint64_t number;
};

struct sim {
    uint64_t seed;
    struct draw draw;       /* the course of events */
    struct draw randomness; /* what the programs draw: keys, salts, sessions */
    struct arena *arena;
    struct sim_act *acts; /* binary heap by (at_us, order) */
    size_t act_count;
    size_t act_room;
    uint64_t act_order;
    int64_t now_us;  /* the monotonic clock */
    int64_t wall_ms; /* added to it: the wall clock, which jumps */
    bool healed;     /* faults are over */
    bool over;       /* nothing more is to be done */
    bool verbose;
    unsigned rates[FAULT_COUNT]; /* per mille */
    struct sim_figures figures;
    struct sim_bus *bus;
    struct coordinator *coordinator;
    struct agents *agents;
    struct client *client;
    struct effects *effects;
    struct checker *checker;
    json_t *flows[SIM_FLOWS_MAX]; /* the definitions of this seed */
    size_t flow_count;
    char finding[SIM_FINDING_BYTES]; /* "" while all is well */
};

/* Seconds of CPU after which a seed is given up, which is no finding; 0: never. */
extern double sim_patience_s;

/* The company whose clock and randomness the linked programs use; NULL outside of sim_play. */
extern struct sim *sim_current;

/*
 * Play a seed. `flows` (borrowed) replaces the definitions the seed would draw; 0: draw them.
 * Returns whether there was no finding; *ret_finding (of SIM_FINDING_BYTES) says which.
 */
bool sim_play(uint64_t seed, json_t *const *flows, size_t flow_count, bool verbose,
              struct sim_figures *ret_figures, char *ret_finding);

/* The definitions a seed draws: new references in `ret_flows`. */
size_t sim_flows(uint64_t seed, json_t *ret_flows[SIM_FLOWS_MAX]);

/* Later: `delay_us` from now, after whatever was asked for the same moment before. */
void sim_after(struct sim *sim, int64_t delay_us, sim_act_fn *run, void *what, uint64_t number);

/* Take the next act; false when there is none. */
bool sim_step(struct sim *sim);

int64_t sim_wall_ms(const struct sim *sim);

/* Memory until the end of the seed, zeroed. */
void *sim_alloc(struct sim *sim, size_t size);
void *sim_copy(struct sim *sim, const void *bytes, size_t size);

/* Whether a fault of this kind happens now; counts it. */
bool sim_fault(struct sim *sim, enum fault fault);

/* The same without counting it: what is drawn may find nothing to harm. */
bool sim_fault_draw(struct sim *sim, enum fault fault);

/* Count a fault that was decided elsewhere. */
void sim_fault_count(struct sim *sim, enum fault fault);

/* The first finding of the seed; later ones are its consequences. */
void sim_finding(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line of the trace: into its digest always, onto stderr when verbose. */
void sim_trace(struct sim *sim, const char *what, uint64_t a, uint64_t b);

/* ---- caches.c ---- */

/* Forget what was kept for one seed. Nothing of it is in use. */
void caches_clear(void);

/* ---- features.c ---- */

void features_instance(struct sim *sim, const struct instance *instance);
void features_step(struct sim *sim, const struct plan_node *node);

/* ---- generate.c ---- */

/* Member of a generated definition that is not part of it: functions of catalogs that are deployed
 * with it, by name. */
#define GENERATE_PARTS "(parts)"

/* A definition of the language the loader accepts, as JSON, which is YAML too. It may run those of
 * `earlier`, which are `number`, and itself. */
json_t *generate_flow(struct draw *draw, unsigned number, json_t *const *earlier);

/* Append its text: the definition, and behind it the functions of catalogs that it calls (plan.h).
 */
void generate_write(const json_t *flow, struct buf *text);

/* Data for an event or a run. */
json_t *generate_input(struct draw *draw);

#endif
