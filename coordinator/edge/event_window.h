/*
 * How many events a turn may take.
 *
 * Whatever comes in during a turn waits until it ends, and an instance waits so once for every step
 * it does. When there are more events than can be done, turns would be as long as the largest batch
 * makes them, for urgent work too. So the window in which events are pulled shrinks while turns
 * compute for long, by as much as they are too long, and grows by one event after a short one
 * (multiplicative decrease, additive increase, as in TCP). Computing counts, not the time that
 * passes: a slow disk wants larger turns, not smaller.
 *
 * Threads: none.
 */
#ifndef COORDINATOR_EDGE_EVENT_WINDOW_H
#define COORDINATOR_EDGE_EVENT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum { EVENT_WINDOW_LEAST = 8 };

struct event_window {
    unsigned now;
    unsigned most;
};

/* `most` is at least EVENT_WINDOW_LEAST; the window begins there. */
void event_window_init(struct event_window *window, unsigned most);

/* A turn took `events` events and computed for `cpu_ns`. True when the window has changed. */
bool event_window_turn(struct event_window *window, unsigned events, int64_t cpu_ns);

#endif
