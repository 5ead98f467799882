/*
 * JetStream as it is, not as it is wished to be: implements common/bus/bus.h for all parties of the
 * simulated company and adds what the outside does to it.
 *
 * Modelled: streams with sequences that start again after a wipe; explicit acknowledgement with
 * redelivery after ack_wait; consumers that end up ahead of a stream that lost its tail and then
 * deliver nothing of what comes below; max_age; acknowledgements that fall back at a restart;
 * tracked publications that are stored and not told, told and not stored; reconnection. Not
 * modelled: limits by bytes, permissions, several servers.
 */
#ifndef TESTS_SIM_BUS_MODEL_H
#define TESTS_SIM_BUS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bus/bus.h"

struct sim;
struct sim_bus;

void sim_bus_create(struct sim *sim);

/* What an outside program publishes on EVENTS. False when there is no stream to take it. */
bool sim_bus_publish(struct sim *sim, const char *subject, const char *body, size_t size,
                     uint64_t *ret_uid);

/* Whether the message of that uid was ever acknowledged, or lost by the bus. */
bool sim_bus_acked(struct sim *sim, uint64_t uid);

/* Whether it was handed out and waits for its acknowledgement: it arrives, or comes again. */
bool sim_bus_under_way(struct sim *sim, uint64_t uid);

typedef void sim_bus_reply_fn(struct sim *sim, void *user, uint64_t number, const char *body,
                              size_t size); /* NULL body: no answer in time */

/* Ask; the answer, or its absence after `timeout_us`, comes later. */
void sim_bus_request(struct sim *sim, const char *subject, const void *body, size_t size,
                     int64_t timeout_us, sim_bus_reply_fn *reply, void *user, uint64_t number);

enum sim_bus_harm { BUS_HARM_NONE, BUS_HARM_TAIL, BUS_HARM_WIPE };

/* The server goes down and comes back, having lost what `harm` says. */
void sim_bus_restart(struct sim *sim, enum sim_bus_harm harm);

/* All clients are connected again. */
bool sim_bus_is_up(const struct sim *sim);

#endif
