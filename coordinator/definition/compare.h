/*
 * Two versions of a definition side by side: which task of one is which task of the other, and what
 * differs.
 *
 * A task is the same task in another version when it has the same place (plan_node.place): its own
 * name and those of the tasks around it. Its position in the list may differ.
 *
 * Threads: any; plans are immutable.
 */
#ifndef COORDINATOR_DEFINITION_COMPARE_H
#define COORDINATOR_DEFINITION_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json/json.h"
#include "coordinator/definition/plan.h"

/* For every node of `from` its node of `to` at the same place, PLAN_NONE when there is none, into
 * `out` of from->node_count. Aborts without memory. */
void plan_match(const struct plan *from, const struct plan *to, uint32_t *out);

/* Whether two tasks are written alike, apart from the tasks inside them. `so_far` leaves out what
 * matters only once the task is over: then, output, export, metadata. */
bool plan_node_alike(const struct plan_node *a, const struct plan_node *b, bool so_far);

/* Whether the node is the call of a task that has a lock: the loader makes two nodes of it, and the
 * one around has the lock. */
bool plan_call_in_lock(const struct plan *plan, uint32_t node);

/* What kind of task it is, in the definition's own word: "set", "call agent", ...; static or of the
 * plan. */
const char *plan_node_word(const struct plan_node *node);

/*
 * What differs, as an array in the order of the newer text; the caller owns it. Each entry:
 * {change: "added" | "removed" | "changed" | "moved", step: pointer (in `from` when removed, else
 * in `to`), was: the pointer in `from` where it differs and the task was moved or changed, task:
 * its word, members: [{member: JSON pointer below the task, from, to}] when changed}. What is
 * outside the tasks comes first, as a change of step "". Values are left out where there are none.
 */
json_t *plan_diff(const struct plan *from, const struct plan *to);

#endif
