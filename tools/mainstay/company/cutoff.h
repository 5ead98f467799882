/*
 * Stores of agents that are cut off the bus because they flood it. nats-server has no bound for
 * what a connection may send and reads a message before it refuses it, so nothing but closing the
 * connection ends what a flood costs the others.
 *
 *   IN --it floods--> OUT --pause is over, or the operator restarts the agent--> IN
 *
 * The pause is CUTOFF_PAUSE_MS. It doubles, up to CUTOFF_PAUSE_MAX_MS, for a store that floods
 * again within CUTOFF_WELL_MS after it was let in. Nothing of it is on disk: a new supervisor lets
 * in.
 *
 * Pure: time is given, by a clock that never goes back.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_CUTOFF_H
#define TOOLS_MAINSTAY_COMPANY_CUTOFF_H

#include <stdbool.h>
#include <stdint.h>

enum { CUTOFF_PAUSE_MS = 60000, CUTOFF_PAUSE_MAX_MS = 3600000, CUTOFF_WELL_MS = 600000 };

/* One store; begins as zeros. */
struct cutoff {
    bool out;
    int64_t since_ns; /* when it was cut off last; with pause_ms > 0 */
    int64_t until_ns; /* when it is let in again; when it is not out: when it was the last time */
    int64_t pause_ms; /* the last one; 0: it never was out */
};

/* It floods. False when it is out already: that is said of what it sent before. */
bool cutoff_begin(struct cutoff *cutoff, int64_t now_ns);

/* Its pause is over now, whatever it was to be. Nothing when it is not out. */
void cutoff_shorten(struct cutoff *cutoff, int64_t now_ns);

/* Whether it is let in now: true once. */
bool cutoff_end(struct cutoff *cutoff, int64_t now_ns);

/* When cutoff_end will be true; CLOCK_FOREVER when it is not out. */
int64_t cutoff_due_ns(const struct cutoff *cutoff);

#endif
