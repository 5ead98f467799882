/*
 * What `mainstay up` does about a store that floods the bus: the coordinator or the bus says so,
 * the store's user gets another password in the bus's configuration, and the bus reads that again
 * (SIGHUP), which closes the store's connections and nobody else's. After a pause (cutoff.h) the
 * way back.
 *
 * Nothing is lost by it: the store keeps what it did and sends it when it is in again, and the
 * coordinator keeps what it asked of it. A process of ours tries again by itself all the time.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_FLOOD_H
#define TOOLS_MAINSTAY_COMPANY_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

struct child;
struct company;

enum { FLOOD_NOTE_BYTES = 1024 };

/* A line of a process: when the coordinator or the bus says that a store floods, cut that off.
 * Words for a person, or "", go to `note` of FLOOD_NOTE_BYTES, here and below. */
void flood_heard(struct company *company, const struct child *child, const char *line,
                 int64_t now_ns, char *note);

/* Let one store in whose pause is over. False when there is none. */
bool flood_over(struct company *company, int64_t now_ns, char *note);

/* The operator has an agent started again: its pause is over. */
void flood_forgive(struct company *company, const char *agent, int64_t now_ns);

/* How long a store of the agent is still cut off; 0: it is not. */
int64_t flood_left_ms(const struct company *company, const char *agent, int64_t now_ns);

/* When flood_over has something to do; CLOCK_FOREVER: nothing. */
int64_t flood_due_ns(const struct company *company);

/* A line of the bus: whether it says that it did not take a configuration. */
bool flood_refused(const char *line);

/* Have the bus read its configuration when that is another and the bus is there; one that starts
 * may have read the one before and is told when it is ready. */
void flood_tell_bus(struct company *company);

#endif
