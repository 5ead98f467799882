/*
 * Workers: queued jobs run on N threads, each action up to its contract's concurrency, in the order
 * of priority and arrival, one job at a time for a (key, phase). A watchdog thread exists for jobs
 * that pass their time; it sleeps without a timer while nothing runs.
 *
 * Threads: every function from any thread but create and destroy.
 */
#ifndef AGENTS_RUNTIME_POOL_H
#define AGENTS_RUNTIME_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

struct job;
struct outcome_name;
struct pool;
struct runtime;

/* Start `workers` (at least 1) threads; at most `capacity` jobs wait or run. */
MUST_CHECK enum err pool_create(struct runtime *runtime, size_t workers, size_t capacity,
                                struct pool **ret_pool, struct error *err);

enum pool_answer {
    POOL_TAKEN, /* the job is the pool's; its result goes to the sender */
    POOL_HERE,  /* a job with this key and phase is waiting or running; the new one was not taken */
    POOL_FULL   /* not taken */
};
enum pool_answer pool_submit(struct pool *pool, struct job *job);

enum pool_recall {
    RECALL_UNKNOWN, /* nothing of that key and phase is here */
    RECALL_TAKEN,   /* it was waiting; *ret_job is the caller's now */
    RECALL_RUNNING  /* it goes on; a pure one is told to stop, since nobody wants its answer */
};
enum pool_recall pool_recall(struct pool *pool, const struct outcome_name *name,
                             struct job **ret_job);

/* Start nothing more; forget what waits; wait up to `wait_ms` for what runs. Returns whether
 * nothing runs any more. */
bool pool_drain(struct pool *pool, unsigned wait_ms);

/* End the threads, free *pool and set it to NULL. Accepts NULL. Precondition: drained. */
void pool_destroy(struct pool **pool);

/* For metrics. */
size_t pool_queued(struct pool *pool);
size_t pool_running(struct pool *pool);

#endif
