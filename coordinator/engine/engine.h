/*
 * The deterministic core: commands in; journal events and orders out.
 *
 * The engine never reads a clock, a socket, a file, the environment or a random source, and it does
 * not log. What it knows arrives in commands or is read through the port; `now` is given with the
 * turn. Same state and same commands give the same events, byte for byte (law 1). `process/`
 * decides and emits events, `apply/` is the only code that changes state, and replay runs `apply/`
 * alone (law 2).
 *
 * A turn: engine_turn_begin, any number of engine_command, engine_timers, engine_dispatch, then
 * engine_turn_end writes the changed rows through the port. The caller commits rows, events and
 * outbox as one batch, carries out the orders and calls engine_turn_done.
 *
 * Threads: none; call from one thread. Memory: the engine aborts without memory, because it has no
 * half-way state to go on from.
 */
#ifndef COORDINATOR_ENGINE_ENGINE_H
#define COORDINATOR_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/engine/command.h"
#include "coordinator/engine/company.h"
#include "coordinator/engine/event.h"
#include "coordinator/engine/instance.h"
#include "coordinator/engine/order.h"

struct command;
struct engine;
struct engine_port;
struct policy;

struct engine_options {
    const char *version;      /* of the program, for $runtime; borrowed */
    uint32_t cache_instances; /* decoded instances kept between turns; 0: 4096 */
    int64_t event_horizon_ms; /* age of the oldest event still taken; 0: 35 days */
    int64_t buffer_ttl_ms;    /* how long an unmatched event waits; 0: 7 days */
    int64_t redispatch_ms;    /* first silence after which a task is sent again; 0: 30 s */
    int64_t gate_ttl_ms;      /* how long a verdict may take; 0: 90 days */
    int64_t restored_ms;      /* when this state was restored from a backup; 0: never */
    int64_t
        settle_ms; /* from the first turn: nobody is told of absent agents, which may be starting */
};

struct engine_counters {
    uint64_t commands;
    uint64_t events;
    uint64_t duplicates;    /* known events, results seen before */
    uint64_t stale_results; /* answers nobody waits for any more */
    uint64_t late_effects;  /* of these, effects that entered the ledger all the same */
    uint64_t refused;       /* commands refused */
    uint64_t steps_completed;
    uint64_t instances_started;
    uint64_t instances_completed;
    uint64_t instances_faulted;
    uint64_t instances_cancelled;
    uint64_t redispatched;
    uint64_t reminded; /* of these, because a live store was silent for too long */
    uint64_t leases_expired;
    uint64_t deadlocks;       /* locks that were not waited for because of a circle */
    uint64_t budget_overruns; /* answers that cost more than their contract says */
    uint64_t urgent;          /* steps of the highest priority that were dispatched */
};

/* Create an engine without state. `port` and `options` are borrowed and copied respectively. */
struct engine *engine_create(const struct engine_options *options, const struct engine_port *port,
                             void *port_user);

/* Free *engine and set it to NULL. Accepts NULL. */
void engine_destroy(struct engine **engine);

/*
 * Fill a new engine from the tables, before the first turn: definitions, zones, schedules,
 * contracts, stores, gates, timers, listeners, then the active instances. Each call takes what it
 * is given.
 */
void engine_restore_definition(struct engine *engine, struct plan **plan, const char *text,
                               const char *file, int64_t deployed_ms);
void engine_restore_retirement(struct engine *engine, const struct digest *definition,
                               int64_t retired_ms, const char *reason);
void engine_restore_open_count(struct engine *engine, const struct digest *definition,
                               const struct open_count *open);
void engine_restore_contract(struct engine *engine, struct contract **contract);
void engine_restore_store(struct engine *engine, const struct store *from,
                          const char *contract_version);
void engine_restore_gate(struct engine *engine, struct gate *gate);
void engine_restore_timer(struct engine *engine, int64_t due_ms, const struct id *instance);
void engine_restore_listener(struct engine *engine, const char *type, const struct id *instance,
                             uint32_t frame);
void engine_restore_claim(struct engine *engine, const char *entity, const struct claim *from);
void engine_restore_account(struct engine *engine, const struct account *from);
void engine_restore_schedule(struct engine *engine, const struct schedule *schedule);
void engine_restore_rate(struct engine *engine, const struct rate *rate);
void engine_restore_policy(struct engine *engine, struct policy **policy);
void engine_restore_zone(struct engine *engine, const char *name, struct str bytes,
                         struct zone **zone);
void engine_restore_instance(struct engine *engine, struct instance *instance);

/* First turn after a start: send again what stores owe, ask again what the jq child owes. */
void engine_resume(struct engine *engine);

/* Send every task in flight again: the stream that carried them came back shorter, or anew. */
void engine_redispatch_all(struct engine *engine);

/* Begin turn `sequence` at `now_ms`, which is never less than the turn before. */
void engine_turn_begin(struct engine *engine, uint64_t sequence, int64_t now_ms);

/* Decide one command. Refusals are replies, never errors of the engine. */
void engine_command(struct engine *engine, const struct command *command);

/* Whether the turn has so many bytes of values that further commands belong into the next one. */
bool engine_turn_is_large(const struct engine *engine);

/* Fire what is due at the turn's now. */
void engine_timers(struct engine *engine);

/* Give ready steps to stores with credit. */
void engine_dispatch(struct engine *engine);

/* Write the rows that changed through the port. */
void engine_turn_end(struct engine *engine);

/* What the turn decided and wants done; valid until engine_turn_done. */
const struct event *engine_events(const struct engine *engine, size_t *ret_count);
const struct order *engine_orders(const struct engine *engine, size_t *ret_count);

/* Forget the turn's events and orders; trim the cache. */
void engine_turn_done(struct engine *engine);

/* When engine_timers has something to do: 0 at once, INT64_MAX never. */
int64_t engine_next_due(const struct engine *engine);

/* Re-apply one stored event (recovery, verification). Between engine_turn_begin and
 * engine_turn_end. */
void engine_replay(struct engine *engine, const struct event *event);

/* Read-only views for queries. Instance: borrowed until the end of the turn; NULL when not open. */
struct instance *engine_instance(struct engine *engine, const struct id *id);
/* Why the operation would be refused for an open instance; NULL: it would not. Static text. Nothing
 * is changed. */
const char *engine_operation_refused(struct engine *engine, struct instance *instance,
                                     enum operation operation);

/* The same of going back to the point: text of the turn or static. */
const char *engine_rewind_refused(struct engine *engine, const struct instance *instance,
                                  bool force, const struct operate_point *point);

/* What going back from an effect would leave in the world, in words; NULL: nothing, or it is
 * undone.
 */
const char *engine_effect_stays(const struct ledger_entry *entry);

const struct company *engine_company(const struct engine *engine);
const struct policy *engine_policy(const struct engine *engine);
const struct engine_counters *engine_counters(const struct engine *engine);
int64_t engine_now(const struct engine *engine);

/* Whether a jump of the wall clock waits for a person: turns begin at the time that passed, and not
 * at what the clock shows. */
bool engine_clock_held(const struct engine *engine);

/* The circuit that keeps a ready step from its agent now; NULL: none does. */
const struct gate *engine_circuit_of(struct engine *engine, const struct instance *instance,
                                     const struct frame *frame);

/* Instances whose steps wait for the circuit: the first `room` into `out`, returns how many. */
size_t engine_circuit_waiting(struct engine *engine, const struct gate *gate, struct id *out,
                              size_t room);

/* Tasks that stores hold, and steps that wait for one. */
uint64_t engine_outstanding(const struct engine *engine);
uint64_t engine_ready(const struct engine *engine);

/* Name of a step for people, "pointer[path]#activation", into `out`. */
void engine_step_name(const struct plan *plan, uint32_t node, const char *path, uint32_t activation,
                      char *out, size_t size);

#endif
