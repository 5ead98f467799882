/*
 * The agent's own tables behind agent_store_*: one handle per running task, whose writes join the
 * batch of the task's outcome.
 *
 * Threads: `tables` is shared; a handle belongs to one thread at a time.
 */
#ifndef AGENTS_RUNTIME_TABLES_H
#define AGENTS_RUNTIME_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

struct agent_store;
struct kv_batch;
struct outcomes;
struct tables;

enum { TABLES_MAX = 8 };

/* `names` is NULL or NULL-terminated and borrowed. ERR_INVALID for a name that cannot be one. */
MUST_CHECK enum err tables_create(struct outcomes *outcomes, const char *const *names,
                                  struct tables **ret_tables, struct error *err);

/* Free *tables and set it to NULL. Accepts NULL. No handle may be left. */
void tables_destroy(struct tables **tables);

/* A handle without staged writes; `writable` false refuses them. NULL without memory. */
struct agent_store *tables_handle(struct tables *tables, bool writable);

/* Append the staged writes to `batch`. */
void tables_stage(const struct agent_store *store, struct kv_batch *batch);

/* Whether anything is staged. */
bool tables_staged(const struct agent_store *store);

/* Forget what is staged, let go of locks, free the handle and set it to NULL. Accepts NULL. */
void tables_release(struct agent_store **store);

#endif
