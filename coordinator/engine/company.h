/*
 * What the engine knows of the company beside instances: definitions, contracts, stores, open
 * gates, timers, waiting listeners and ready steps. Bounded by what is deployed and by the number
 * of open instances; rebuilt from the tables at start.
 *
 * Threads: none.
 */
#ifndef COORDINATOR_ENGINE_COMPANY_H
#define COORDINATOR_ENGINE_COMPANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"
#include "coordinator/engine/budget.h"
#include "coordinator/engine/contract.h"
#include "coordinator/engine/id.h"
#include "coordinator/engine/lock.h"
#include "coordinator/engine/outcome.h"
#include "coordinator/engine/ready.h"

struct doc;
struct map;
struct plan;
struct plan_run;
struct zone;

/* Open instances of a definition by status. */
struct open_count {
    uint64_t running;
    uint64_t waiting;
    uint64_t suspended;
};

struct definition {
    struct plan *plan;
    char *name; /* namespace/name:version */
    char *file;
    char *text;
    int64_t deployed_ms;
    int64_t retired_ms;   /* 0: in service */
    char *retired_reason; /* NULL or why */
    bool latest;          /* the highest version in service of its namespace/name */
    struct open_count open;
    bool open_changed; /* in this turn; not stored */
};

/* Stored: append, never renumber. */
enum store_state { STORE_LIVE = 1, STORE_AWAY = 2, STORE_LOST = 3 };

struct store {
    char *agent;
    char *name;
    struct id store_id;
    struct id session;
    const struct contract *contract; /* borrowed from the registry */
    uint32_t capacity;
    enum store_state state;
    int64_t since_ms;
    char *program;
    char *metrics_url;
    uint64_t pid;
    uint32_t outstanding;    /* tasks it holds now; not stored */
    struct action_use *uses; /* of them, by action; not stored */
    size_t use_count;
};

/* Tasks of one action that a store holds. */
struct action_use {
    char *action;
    uint32_t outstanding;
};

/* Stored: append, never renumber. */
enum gate_kind {
    GATE_PARKED = 1,
    GATE_DATA = 2,
    GATE_APPROVAL = 3,
    GATE_CLOCK = 4,
    GATE_IN_DOUBT = 5,
    GATE_PERMISSION = 6,   /* an agent's action is refused by the outside: one for the cause */
    GATE_AGENT_ABSENT = 7, /* work waits for an agent that does not run */
    GATE_CONTRACT = 8,     /* a version of an agent breaks its contract again and again */
    GATE_BUDGET = 9,       /* paid work does not fit into an account: one for the account */
};
enum verdict {
    VERDICT_APPROVE = 1,
    VERDICT_EDIT = 2,
    VERDICT_REJECT = 3,
    VERDICT_YES = 4, /* in doubt: it happened; the value is what it gave */
    VERDICT_NO = 5,  /* in doubt: it did not; it is tried again */
};

struct gate {
    struct id id;
    enum gate_kind kind;
    struct id instance;
    uint32_t frame;
    uint32_t revision;
    struct digest digest; /* of what the person is shown: proposal or failing input */
    int64_t opened_ms;
    int64_t expires_ms;
    struct failure failure; /* texts and docs owned by the gate */
    struct doc *proposal;   /* NULL: none */
    struct doc *ask;        /* approval: title, rationale, assignees, ...; else NULL */
    char *step;             /* step name; "" of the company's own */
    /* Of a circuit (permission, absent, contract, budget): what waits is not one step but all work
     * that goes this way. `instance` and `frame` are empty then. */
    char *agent;      /* NULL: the gate is no circuit; budget: "" */
    char *action;     /* permission: of the agent; else "" */
    char *scope;      /* permission: "HOST from DEFINITION" of a standard call, else "";
                         contract: the version; budget: the account */
    enum phase phase; /* permission: the one that was refused */
    bool probing;     /* approved: one step may try whether it is well again */
    uint64_t probe;   /* ready_order of the step that tries; 0: none does */
};

/* One entry of an ordered set of (due, instance). */
struct timer {
    int64_t due_ms;
    struct id instance;
};

/* What an action may start, over all stores of its agent: the contract's `rate` (GCRA, ITU-T I.371:
 * a token bucket of the contract's count that is full at first, as one number). */
struct rate {
    char *agent;
    char *action;
    int64_t full_us; /* when the bucket is full again; in the past: it is */
    bool changed;    /* in this turn; not stored */
};

/* A listen that waits for an event of a type ("" for any). */
struct listener {
    struct id instance;
    uint32_t frame;
};

struct listener_list {
    struct listener *items;
    size_t count;
    size_t room;
};

/* The runs by time of a namespace/name: those of its latest version. */
struct schedule {
    char *name;
    struct digest definition;
    int64_t due_ms;    /* 0: when the run has ended */
    struct id running; /* valid without due_ms */
};

struct time_zone {
    char *name;
    char *bytes; /* compiled rules as they came */
    size_t size;
    struct digest digest; /* of the bytes */
    struct zone *zone;
};

struct company {
    struct map *definitions; /* digest -> struct definition */
    struct map *latest;      /* namespace/name -> struct definition in service */
    struct map *contracts;   /* agent:version -> struct contract */
    struct map *stores;      /* agent/store -> struct store */
    struct map *gates;       /* id -> struct gate */
    struct gate *clock_gate; /* of them: a jump of the clock that nobody has confirmed; or NULL */
    struct map *circuits;    /* of them: those that stand for many steps */
    struct map *queues;      /* key -> struct ready_queue */
    struct map *rates;       /* agent/action -> struct rate */
    struct map *listeners;   /* event type -> struct listener_list */
    struct map *schedules;   /* namespace/name -> struct schedule */
    struct map *zones;       /* name -> struct time_zone */
    struct map *locks;       /* entity -> struct lock (lock.h) */
    struct map *claims;      /* order -> struct claim of it */
    uint64_t leases;         /* claims that hold their entity */
    struct map *accounts;    /* name -> struct account (budget.h) */
    uint64_t daily_accounts; /* of them: those by day, all of the day budget_day_ms */
    int64_t budget_day_ms;
    int64_t schedule_due_ms; /* the earliest of the schedules; INT64_MAX: none */
    struct timer *timers;    /* binary heap by (due, id); entries may be stale */
    size_t timer_count;
    size_t timer_room;
};

void company_init(struct company *company);
void company_release(struct company *company);

/* Register a definition; takes plan and copies the rest. Sets `latest` marks. */
struct definition *company_add_definition(struct company *company, struct plan **plan,
                                          const char *text, const char *file, int64_t now_ms);

const struct definition *company_definition(const struct company *company,
                                            const struct digest *digest);

/* By "namespace/name:version", "namespace/name" (latest) or 64 hex digits. NULL: none. */
const struct definition *company_find_definition(const struct company *company, const char *name);

/* Whether the workflow that `plan` runs by `run` is deployed and in service; a plan may run itself.
 * Writes what is looked for, namespace/name[:version], into `name`. */
enum { COMPANY_RUN_BYTES = 256 };
bool company_run_possible(const struct company *company, const struct plan *plan,
                          const struct plan_run *run, char name[COMPANY_RUN_BYTES]);

/* Take a definition out of service at `retired_ms`, or back into it (0); the newest one in service
 * is chosen anew. `reason` may be NULL. */
void company_retire_definition(struct company *company, struct definition *definition,
                               int64_t retired_ms, const char *reason);

/* The version of the definition that an instance would be moved to; NULL: not deployed. */
const struct definition *migration_target(const struct company *company,
                                          const struct definition *from, const char *version);

/* The highest version of namespace/name, in service or not; a name with a version gives the same.
 * NULL: none. */
const struct definition *company_newest_definition(const struct company *company, const char *name);

/* Register a contract; takes it. Replaces none: the key must be new. */
const struct contract *company_add_contract(struct company *company, struct contract **contract);

const struct contract *company_contract(const struct company *company, const char *agent,
                                        const char *version);

/* Store by agent and name, or NULL; company_add_store makes it when it is new. */
struct store *company_store(const struct company *company, const char *agent, const char *name);
struct store *company_add_store(struct company *company, const char *agent, const char *name);

struct gate *company_gate(const struct company *company, const struct id *id);
void company_add_gate(struct company *company, struct gate *gate);
void company_remove_gate(struct company *company, const struct id *id);
void gate_destroy(struct gate *gate);

/* Circuits (circuit.c). The open one of a cause; NULL: there is none. `code` is the failure's, ""
 * for all but permission. */
struct gate *company_circuit(const struct company *company, enum gate_kind kind, const char *agent,
                             const char *action, const char *scope, const char *code);

/* How many are open of a kind. */
size_t company_circuits(const struct company *company, enum gate_kind kind);

/* The circuit that stops the action now, for one step or all; NULL: none does. */
struct gate *circuit_stops(const struct company *company, const char *agent, const char *action,
                           const char *scope);

/* The circuit that keeps work from the agent's version now; NULL: none does. */
struct gate *circuit_unhealthy(const struct company *company, const char *agent,
                               const char *version);

/* The circuit that the task tries; NULL: it tries none. Circuits that it would try when it is sent
 * out now. */
struct gate *circuit_of_probe(const struct company *company, uint64_t ready_order);
void circuits_add(struct company *company, struct gate *gate);
void circuits_remove(struct company *company, const struct gate *gate);
const char *gate_kind_name(enum gate_kind kind);

/* Deep copy of a failure's texts and docs into one owned by the caller; failure_release frees it.
 */
void failure_copy(struct failure *to, const struct failure *from);
void failure_release(struct failure *failure);

/* Compare versions of three numbers; text after the numbers compares as text. */
int version_compare(const char *a, const char *b);

void company_timer_push(struct company *company, int64_t due_ms, const struct id *instance);
const struct timer *company_timer_first(const struct company *company);
void company_timer_pop(struct company *company);

/* Schedules (schedule.c). Setting one copies what it is given; ending drops it, known or not. */
const struct schedule *company_schedule(const struct company *company, const char *name);
const struct schedule *company_set_schedule(struct company *company, const struct schedule *from);
void company_end_schedule(struct company *company, const char *name);

/* The schedule that is due first, equal ones in order of name; NULL: none is. */
const struct schedule *company_schedule_first(const struct company *company);

/* A known time zone, or NULL. Setting one takes over `zone` and copies the rest. */
const struct time_zone *company_zone(const struct company *company, const char *name);
const struct time_zone *company_set_zone(struct company *company, const char *name,
                                         struct str bytes, struct zone **zone);
void schedules_init(struct company *company);
void schedules_release(struct company *company);

/* Open instances of all definitions. */
struct open_count company_open(const struct company *company);

/* What waits for a store of an agent. */
struct ready_wait {
    uint64_t steps;
    int64_t since_ms; /* of the oldest; 0: none */
};

/* Steps that wait for a store of the agent; for its `action`, or for any (NULL). */
struct ready_wait company_waiting(const struct company *company, const char *agent,
                                  const char *action);

/* The queue of a key, made when it is new. */
struct ready_queue *company_queue(struct company *company, const char *key);

/* Forget empty queues once there are many: those of standard calls are one a host. */
void company_drop_queues(struct company *company);

/* Tasks of the action that the store holds; store_use makes the count. */
uint32_t store_in_use(const struct store *store, const char *action);
struct action_use *store_use(struct store *store, const char *action);

/* How many tasks of the action the store may hold at once: what its contract's concurrency can run
 * and so many again that the next one never waits for a message; never more than the store
 * offers. */
uint32_t store_credit(const struct store *store, const struct contract_action *action);

/* The rate of an action, or NULL when nothing has been counted; company_add_rate makes it. */
const struct rate *company_rate(const struct company *company, const char *agent,
                                const char *action);
struct rate *company_add_rate(struct company *company, const char *agent, const char *action);

/* When the action may start the next time, in ms: now or before it, or later. */
int64_t rate_next_ms(const struct company *company, const struct contract_action *action,
                     const char *agent, int64_t now_ms);

/* One more has started. */
void rate_take(struct rate *rate, const struct contract_action *action, int64_t now_ms);

void company_listener_add(struct company *company, const char *type, const struct id *instance,
                          uint32_t frame);
void company_listener_remove(struct company *company, const char *type, const struct id *instance,
                             uint32_t frame);
struct listener_list *company_listeners(const struct company *company, const char *type);

#endif
