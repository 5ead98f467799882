/*
 * How many events a turn may take, and when none.
 *
 * Whatever comes in during a turn waits until it ends, and an instance waits so once for every step
 * it does. When there are more events than can be done, turns would be as long as the largest batch
 * makes them, for urgent work too. So the window in which events are pulled shrinks while turns
 * compute for long, by as much as they are too long, and grows by one event after a short one
 * (multiplicative decrease, additive increase, as in TCP). Computing counts, not the time that
 * passes: a slow disk wants larger turns, not smaller.
 *
 * Short turns are not enough for urgent work while there is more to do than processors: what events
 * start wants the agents and the bus, too. So the events that were pulled already wait for a moment
 * after each step of an urgent instance that was given out, which is about what its answer takes,
 * and for a while longer turns take the fewest. Half of the time is theirs, however much is urgent:
 * waiting comes out of an allowance that fills up by half of the time that passes (token bucket).
 *
 * Threads: none.
 */
#ifndef COORDINATOR_EDGE_EVENT_WINDOW_H
#define COORDINATOR_EDGE_EVENT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EVENT_WINDOW_LEAST = 4,
    EVENT_WINDOW_QUIET_MS = 30,       /* events wait after an urgent step */
    EVENT_WINDOW_QUIET_MOST_MS = 100, /* and at once, of an allowance that is full */
    EVENT_WINDOW_URGENT_MS = 250,     /* turns take the fewest after one */
};

struct event_window {
    unsigned now;
    unsigned most;
    int64_t quiet_until_ms;  /* events wait until then */
    int64_t urgent_until_ms; /* and are few until then */
    int64_t allowance_ms;    /* of waiting, */
    int64_t filled_ms;       /* as it was then */
};

/* `most` is at least EVENT_WINDOW_LEAST; the window begins there. Times are of a clock that never
 * goes back; `now_ms` is at least 1. */
void event_window_init(struct event_window *window, unsigned most);

/* A turn took `events` events and computed for `cpu_ns`. */
void event_window_turn(struct event_window *window, unsigned events, int64_t cpu_ns);

/* A step of an urgent instance was given to its agent. */
void event_window_urgent(struct event_window *window, int64_t now_ms);

/* How many events may be pulled now. */
unsigned event_window_size(const struct event_window *window, int64_t now_ms);

/* Whether those that were pulled wait now, until quiet_until_ms. */
bool event_window_is_quiet(const struct event_window *window, int64_t now_ms);

#endif
