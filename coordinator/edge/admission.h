/*
 * Admission control: when the company has as much under way as it should hold, no more events are
 * taken; they wait on the bus, whose stream refuses publishers once it is full. What is under way
 * goes on: results, timers, verdicts and the steps they lead to are always taken.
 *
 * A bound that was reached is left at seven eighths of it, so that intake does not flutter. Starts
 * of urgent instances by request may go an eighth above, so that an overload does not stop them.
 *
 * Threads: none.
 */
#ifndef COORDINATOR_EDGE_ADMISSION_H
#define COORDINATOR_EDGE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ADMISSION_RUNNING = 50000, /* instances that wait for neither time, event nor person */
    ADMISSION_OPEN = 2000000,  /* instances that have not ended */
    ADMISSION_READY = 50000,   /* steps that wait for a store */
    ADMISSION_OUTBOX = 4096,   /* messages to agents that the bus has not stored */
    ADMISSION_DISK_MB = 256,   /* free space, or a twentieth of the file system if that is less */
    ADMISSION_REASON_BYTES = 256,
};

enum admission_bound {
    BOUND_RUNNING,
    BOUND_OPEN,
    BOUND_READY,
    BOUND_OUTBOX,
    BOUND_DISK,
    BOUND_COUNT,
};

/* Levels or limits, by bound; of BOUND_DISK the bytes missing to the space that is kept free, so
 * that more is worse everywhere. A limit of 0 is none. */
struct admission_levels {
    uint64_t of[BOUND_COUNT];
};

struct admission {
    struct admission_levels limits;
    struct admission_levels levels;
    bool over[BOUND_COUNT]; /* reached and not left again */
    bool closed;            /* any of them */
};

/* Look at the levels. Returns true when it was opened or closed by that. */
bool admission_look(struct admission *admission, const struct admission_levels *levels);

/* Whether one more start is taken; else `out` says why not. */
bool admission_takes(const struct admission *admission, bool urgent,
                     char out[ADMISSION_REASON_BYTES]);

/* "running", ...: for metrics and status. */
const char *admission_bound_name(enum admission_bound bound);

/* Bytes of free space that are missing below `dir`; 0 when there is enough or nobody can say. */
uint64_t admission_disk_missing(const char *dir);

#endif
