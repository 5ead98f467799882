/*
 * What must hold, looked at from outside: the journal is read back batch by batch after every turn,
 * followed by a replica (tables equal the replayed journal) and by books of our own (every
 * dispatch, result, effect, event and instance), which know nothing of the engine but events.def.
 */
#ifndef TESTS_SIM_CHECKER_H
#define TESTS_SIM_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct checker;
struct id;
struct sim;

void checker_create(struct sim *sim);
void checker_destroy(struct sim *sim);

/* A turn is committed and its orders are carried out. */
void checker_turn(struct sim *sim);

/* The coordinator has started from its store. */
void checker_started(struct sim *sim);

/* The coordinator's store is an older one now: the books are written anew from its journal. */
void checker_restored(struct sim *sim);

/* Faults are over and everything was given time: each open instance waits for something named. */
void checker_quiet(struct sim *sim);

/* Whether a step waits for the answer to an expression. */
bool checker_evaluates(struct sim *sim);

/* Everything has ended: nothing is left over, and all books agree. */
void checker_end(struct sim *sim);

size_t checker_open_instances(const struct checker *checker);
uint64_t checker_instances(const struct checker *checker);

/* Visit open instances; false stops. */
typedef bool checker_visit_fn(void *user, const struct id *instance);
void checker_each_open(const struct sim *sim, checker_visit_fn *visit, void *user);

/* What the names of the steps of the instance that dispatched the effect derive from. */
bool checker_origin(const struct sim *sim, const uint8_t *key, struct id *ret_origin);

/* Whether the journal says so. */
bool checker_dispatched(const struct sim *sim, const uint8_t *key, uint32_t attempt);
/* Whether its last dispatch, since the coordinator was restored if it was, went to that store of
 * its agent. */
bool checker_dispatched_to(const struct sim *sim, const uint8_t *key, const char *store);
bool checker_knows_instance(const struct sim *sim, const struct id *instance);
bool checker_accepted_event(const struct sim *sim, const char *source, const char *id);

/* How the journal accounts for the effect of a key. */
enum accounted { EFFECT_UNKNOWN_TO_US, EFFECT_SAID_NONE, EFFECT_SAID_OPEN, EFFECT_SAID_DONE };
enum accounted checker_effect(const struct sim *sim, const uint8_t *key);

#endif
