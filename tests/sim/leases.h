/*
 * Books about locks, kept from the journal alone: no entity is given to anybody while somebody
 * else holds it, and who came first gets it first. Beside it a look at the coordinator's claims:
 * nobody waits for an entity that nobody holds, unless he is paused.
 */
#ifndef TESTS_SIM_LEASES_H
#define TESTS_SIM_LEASES_H

struct event;
struct instance;
struct leases;
struct sim;

struct leases *leases_create(void);
void leases_destroy(struct leases **it);

/* `instance` is the event's as the replica has it after the event; NULL when it has ended. */
void leases_event(struct sim *sim, struct leases *it, const struct event *event,
                  const struct instance *instance);

/* After a turn. */
void leases_turn(struct sim *sim);

#endif
