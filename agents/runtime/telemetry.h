/*
 * The agent's metrics: what runs, how long it takes, how it ends.
 *
 * Threads: create and destroy on one thread; everything else from any.
 */
#ifndef AGENTS_RUNTIME_TELEMETRY_H
#define AGENTS_RUNTIME_TELEMETRY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/wire/envelope.h"

struct contract;
struct metrics;
struct outcomes;
struct pool;
struct runtime;
struct sender;
struct telemetry;

/* `runtime` is borrowed; its contract must be there. NULL without memory. */
struct telemetry *telemetry_create(struct runtime *runtime, const char *program);
void telemetry_destroy(struct telemetry **telemetry);

/* The registry, for the HTTP server. */
struct metrics *telemetry_metrics(struct telemetry *telemetry);

/* A task of the action at `index` of the contract (SIZE_MAX: unknown action) was answered. */
void telemetry_task(struct telemetry *telemetry, size_t index, Mainstay__ResultStatus status,
                    int64_t ran_ns);

void telemetry_outcome(struct telemetry *telemetry);
void telemetry_message(struct telemetry *telemetry, size_t bytes_in);
void telemetry_published(struct telemetry *telemetry, size_t bytes_out);
void telemetry_dead_letter(struct telemetry *telemetry);
void telemetry_dropped(struct telemetry *telemetry);

/* Tasks answered so far, for tests. */
uint64_t telemetry_tasks(const struct telemetry *telemetry);

#endif
