/*
 * The turn: take commands, decide, commit once, act (laws 2 and 3). The only loop body of the
 * coordinator; the edge, the simulator and the tests call it with different ports.
 *
 *   turn_begin -> turn_command ... -> turn_end
 *                                      timers, dispatch, rows, one commit, then `order` for each
 * order
 *
 * Threads: none; one thread owns a turn.
 */
#ifndef COORDINATOR_TURN_H
#define COORDINATOR_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "coordinator/engine/engine.h"

struct command;
struct journal_batch;
struct kv;
struct tables;
struct turn;

/* Carries out what is durable now: orders to agents first, then the rest. */
typedef void turn_order_fn(void *user, const struct order *order);

/* Told what a turn has committed, once its orders are carried out; borrowed for the call. */
typedef void turn_facts_fn(void *user, const struct event *events, size_t count, uint64_t sequence,
                           int64_t now_ms);

struct turn_options {
    struct engine_options engine;
    uint64_t epoch_least; /* see tables_open */
    bool sync;            /* commits are on the device before orders are carried out */
    turn_order_fn *order;
    turn_facts_fn *facts;     /* NULL: nobody wants to know */
    void (*send)(void *user); /* between the two: agents have all that is for them; may be NULL */
    void *user;
};

/*
 * Open the tables in `kv` (stays the caller's), restore the engine, and make the first turn ready
 * to send again what is owed. Errors: ERR_FORMAT, ERR_CORRUPT, ERR_IO.
 */
MUST_CHECK enum err turn_create(struct kv *kv, const struct turn_options *options,
                                struct turn **ret_turn, struct error *err);

/* Free *turn and set it to NULL. Accepts NULL. */
void turn_destroy(struct turn **turn);

/* What the clocks of the machine show. */
struct clock_reading {
    int64_t wall_ms;
    int64_t boot_ms; /* time that passed while it runs or is suspended (CLOCK_BOOTTIME) */
};

/*
 * Begin at what the clocks show; the turn's now never goes back. While the wall clock is behind it
 * (set back by less than a jump, or by a jump that a person approved), now goes on at half the pace
 * of the time that passes, so that deadlines are met late rather than not at all.
 *
 * A wall clock that moved by more than LIMIT_CLOCK_JUMP_MS against the time that passed since the
 * turn before is not followed: the engine opens a gate, and turns begin at the time that passed,
 * until a person approves or the clock agrees again. The time while no coordinator ran is explained
 * by that; only a clock that went back meanwhile is asked about then.
 */
void turn_begin(struct turn *turn, const struct clock_reading *clock);

void turn_command(struct turn *turn, const struct command *command);

/* First turn after a start: call once between begin and end, when the bus is there. */
void turn_resume(struct turn *turn);

/* Decide the rest, commit, carry out. An error is final: stop the process. */
MUST_CHECK enum err turn_end(struct turn *turn, struct error *err);

/* The time a turn that began now would have; what turn_next_due is to be compared with. */
int64_t turn_time(const struct turn *turn, const struct clock_reading *clock);

/* Time at which a turn is due without any command; INT64_MAX never, 0 at once. */
int64_t turn_next_due(const struct turn *turn);

struct engine *turn_engine(struct turn *turn);
struct tables *turn_tables(struct turn *turn);

/*
 * Replay the whole journal of `tables` into the empty store `kv` and compare: ERR_OK when the state
 * is the same, ERR_CONFLICT when it is not (law 2). Values whose key was erased make it
 * ERR_NOT_FOUND.
 */
MUST_CHECK enum err turn_replay(struct tables *tables, struct kv *kv, struct error *err);

/*
 * State that follows a journal batch by batch without ever deciding: what turn_replay is made of.
 * After an error it is good for nothing but replica_destroy.
 */
struct replica;

/* A replica of nothing in the empty store `kv`, which stays the caller's. Errors as turn_create. */
MUST_CHECK enum err replica_create(struct kv *kv, struct replica **ret_replica, struct error *err);

/* Free *replica and set it to NULL. Accepts NULL. */
void replica_destroy(struct replica **replica);

/* Apply the batch after the last one. ERR_NOT_FOUND when the key of a value was erased. */
MUST_CHECK enum err replica_apply(struct replica *replica, const struct journal_batch *batch,
                                  struct error *err);

/* Of the last batch applied; 0: none. */
uint64_t replica_sequence(const struct replica *replica);

/* The replica's engine, for looking. */
const struct engine *replica_engine(const struct replica *replica);

/* Compare with `tables`, which must be at the same sequence. ERR_CONFLICT when they differ. */
MUST_CHECK enum err replica_compare(struct replica *replica, struct tables *tables,
                                    struct error *err);

#endif
