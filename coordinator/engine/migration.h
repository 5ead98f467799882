/*
 * Moving an open instance to another version of its definition: which tasks correspond, and whether
 * what the instance is in the middle of is the same there.
 *
 * An instance moves only from a place where both versions agree on everything that has begun: each
 * open step and each block around it must exist at the same place and be written alike (what
 * matters only at a step's end may differ: then, output, export). What has not begun may differ at
 * will; what is over is over. Nothing that somebody owes an answer for moves.
 *
 * Threads: none. Pure.
 */
#ifndef COORDINATOR_ENGINE_MIGRATION_H
#define COORDINATOR_ENGINE_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct instance;
struct migration;
struct plan;

/* Compare two versions. Never NULL; the plans are borrowed. */
struct migration *migration_create(const struct plan *from, const struct plan *to);

/* Free *migration and set it to NULL. Accepts NULL. */
void migration_destroy(struct migration **migration);

const struct plan *migration_from(const struct migration *migration);

/* Node of the new version for a node of the old one; PLAN_NONE: it has none. */
uint32_t migration_node(const struct migration *migration, uint32_t node);

/* Whether the instance, which runs the old version, can move as it stands; else `why` tells what
 * stands in the way. */
bool migration_fits(const struct migration *migration, const struct instance *instance, char *why,
                    size_t size);

/* Append the pointers of tasks that only the new version has and that the instance has passed by
 * already, with commas between; nothing when there are none. */
void migration_passed(const struct migration *migration, const struct instance *instance,
                      struct buf *out);

#endif
