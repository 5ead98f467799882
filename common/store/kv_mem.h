/*
 * The in-memory twin of the store, for tests and simulation: the contract of kv.h plus hooks that
 * fail and crash on demand. Everything is gone when it is closed.
 */
#ifndef COMMON_STORE_KV_MEM_H
#define COMMON_STORE_KV_MEM_H

#include <stdbool.h>

#include "common/base/error.h"

struct kv;
struct kv_options;

/* An empty store. On failure *ret_kv is NULL. ERR_NOMEM. */
MUST_CHECK enum err kv_mem_open(const struct kv_options *options, struct kv **ret_kv,
                                struct error *err);

/* Let the `nth` commit from now (1: the next) fail with `code`. With `kept` its batch takes effect
 * all the same, as a failed write to a disk may. `nth` 0 takes the order back. */
void kv_mem_fail_commit(struct kv *kv, unsigned nth, enum err code, bool kept);

/* Lose the power and open again: commits since the last synced one are gone, a failure is
 * forgotten. Batches stay usable; iterators and slices must have been released. */
void kv_mem_crash(struct kv *kv);

/* End the process and open again: every commit is there, a failure is forgotten. */
void kv_mem_reopen(struct kv *kv);

#endif
