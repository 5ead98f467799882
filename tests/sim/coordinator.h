/*
 * The coordinator of the simulated company: the real edge over the modelled bus, driven turn by
 * turn, killed, restarted and restored.
 */
#ifndef TESTS_SIM_COORDINATOR_H
#define TESTS_SIM_COORDINATOR_H

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct kv;
struct sim;
struct tables;

void coordinator_create(struct sim *sim);
void coordinator_destroy(struct sim *sim);

/* Something may be waiting for a turn. */
void coordinator_wake(struct sim *sim);

/* The process dies and is started again after a while. `power`: with the machine. */
void coordinator_kill(struct sim *sim, bool power);

/* Keep a copy of the store; put the last copy in the place of the store (false: there is none). */
void coordinator_backup(struct sim *sim);
bool coordinator_restore(struct sim *sim);

/* Whether mainstay-jq has been asked and has not answered yet. */
bool coordinator_evaluates(const struct sim *sim);

bool coordinator_is_up(const struct sim *sim);

/* NULL while it is down. */
struct engine *coordinator_engine(const struct sim *sim);
struct tables *coordinator_tables(const struct sim *sim);

/* The store. */
struct kv *coordinator_kv(const struct sim *sim);

#endif
