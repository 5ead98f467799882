/*
 * The people and programs outside: they deploy, run, publish, cancel and decide gates, and ask
 * again until they are answered.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct engine;
struct sim;

void client_create(struct sim *sim);

/* Take definitions that run by time out of service. */
void client_end_schedules(struct sim *sim);

/* Do something, drawn. */
void client_act(struct sim *sim);

/* Gates that wait for a person. Not those of circuits that were approved: the next step of their
 * kind tries, and the gate stays until one comes. */
size_t client_gates(struct engine *engine);

/* Decide one open gate, if there is one and none is being decided. */
void client_decide(struct sim *sim);

/* An agent is refused because the store that had its name has effects under way: it is gone. */
void client_declare_lost(struct sim *sim, const char *agent, const char *store);

/* Cancel whatever is open and was not asked yet; whether there was such. */
bool client_cancel_all(struct sim *sim);

/* Resume an instance that is paused; false when none is. */
bool client_resume(struct sim *sim);

/* The coordinator has forgotten what came after its backup: ask for everything again. */
void client_restored(struct sim *sim);

/* No request is without an answer. */
bool client_is_answered(const struct sim *sim);

/* No event that was handed out may come again. */
bool client_is_heard(struct sim *sim);

/* What was accepted is in the journal. */
void client_check(struct sim *sim);

#endif
