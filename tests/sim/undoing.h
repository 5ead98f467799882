/*
 * Books about effects that are undone, kept from the journal alone: each effect with a compensation
 * of an instance that failed or was cancelled is undone, kept by a person or taken over by who ran
 * the instance; the last one first; none of them twice.
 */
#ifndef TESTS_SIM_UNDOING_H
#define TESTS_SIM_UNDOING_H

struct event;
struct instance;
struct sim;
struct undoing;

struct undoing *undoing_create(void);
void undoing_destroy(struct undoing **it);

/* `instance` is the event's as the replica has it after the event; NULL when it has ended. */
void undoing_event(struct sim *sim, struct undoing *it, const struct event *event,
                   const struct instance *instance);

/* Everything has ended. */
void undoing_end(struct sim *sim, struct undoing *it);

#endif
