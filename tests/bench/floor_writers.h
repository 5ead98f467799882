/*
 * Synced commits made side by side, as the workers of an agent make them: the store lets those that
 * come together share one sync.
 *
 * Threads: ask from one.
 */
#ifndef TESTS_BENCH_FLOOR_WRITERS_H
#define TESTS_BENCH_FLOOR_WRITERS_H

#include <stddef.h>

struct floor_writers;
struct kv;

/* As many as actions run at once in the company's agent: "concurrency" of bench-keyed. */
enum { FLOOR_WRITERS = 16 };

/* Threads that write to `kv`, which stays the caller's. */
struct floor_writers *floor_writers_create(struct kv *kv);

/* Make `commits` synced commits of `rows` rows of `row_bytes` each; returns when all are made. */
void floor_writers_commit(struct floor_writers *writers, size_t commits, size_t rows,
                          size_t row_bytes);

#endif
