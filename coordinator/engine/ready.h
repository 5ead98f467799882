/*
 * The ready table: agent calls that wait for a store with credit.
 *
 * A queue holds the steps that any of the same stores could do: same agent, action, contract range
 * and, for effects, the store that began it. In a queue a step with the smaller priority number
 * goes first. Among steps of one priority, flows (a customer, or a process that names none) take
 * turns by weight: start-time fair queueing (Goyal, Vin, Cheng, 1996). A step gets a start tag when
 * it becomes ready: the larger of the smallest tag that waits and its flow's last tag plus
 * 1/weight; the smallest tag goes first. So a flow with ten thousand steps delays another flow's
 * step by one of its own.
 *
 * Everything derives from the steps that wait: tags are in their rows, steps enter and leave
 * through apply/ alone, and so a restart and a replay see the same table.
 *
 * Threads: none. Memory: aborts instead of failing.
 */
#ifndef COORDINATOR_ENGINE_READY_H
#define COORDINATOR_ENGINE_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/definition/plan.h"
#include "coordinator/engine/id.h"

struct ready_queue;

/* What the trees of a queue are ordered by. */
enum ready_index { READY_BY_TURN, READY_BY_FLOW, READY_BY_AGE, READY_INDEXES };

/* One step that waits. */
struct ready {
    struct id instance;
    uint32_t frame;
    int priority;
    uint64_t order; /* unique; grows with time */
    uint64_t tag;
    uint64_t flow;
    int64_t since_ms;
    struct ready_queue *queue;
    struct ready *child[READY_INDEXES][2];
};

struct ready_class {
    struct ready *by_turn;
    struct ready *by_flow;
};

struct ready_queue {
    char *key; /* agent, action, contract range, store; a line each */
    struct ready_class classes[PLAN_PRIORITY_LEAST + 1 - PLAN_PRIORITY_MOST];
    struct ready *by_age;
    size_t count;
};

struct ready_queue *ready_queue_create(const char *key);
void ready_queue_destroy(struct ready_queue *queue);

/* Whether its steps want `agent` and, unless NULL, `action`. */
bool ready_queue_is_of(const struct ready_queue *queue, const char *agent, const char *action);

/* The tag of a step of `flow` that becomes ready now; weight is at least 1. */
uint64_t ready_tag(const struct ready_queue *queue, int priority, uint64_t flow, uint32_t weight);

/* Put a copy of `ready` into the queue; the entry is the queue's until it is removed. */
struct ready *ready_add(struct ready_queue *queue, const struct ready *ready);

/* Take an entry out of its queue and free it. */
void ready_remove(struct ready *ready);

/* Whose turn it is in the queue: of the highest priority, the smallest tag. NULL: empty. */
struct ready *ready_next(const struct ready_queue *queue);

/* Which has waited longest in the queue, of whatever priority. NULL: empty. */
struct ready *ready_oldest(const struct ready_queue *queue);

/* Which has waited longest of those that came after `ready`. NULL: none. */
const struct ready *ready_younger(const struct ready_queue *queue, const struct ready *ready);

/* Whether `a` goes before `b` of another queue: the smaller priority, then who waits longer. */
bool ready_before(const struct ready *a, const struct ready *b);

/* Flow of a customer's key, or of a process when `customer` is NULL (FNV-1a; two that meet share
 * their turns). */
uint64_t ready_flow(const char *customer, const char *namespace_, const char *name);

#endif
