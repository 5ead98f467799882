/*
 * Locks: who has an entity of the company, and who waits for it.
 *
 * An entity is a text that definitions make ("invoice/4711"); a lock exists while somebody claims
 * it. A claim is a frame's: one holds the entity until its deadline, the others wait in order of
 * their claims, which is that of the journal.
 *
 * Threads: none.
 */
#ifndef COORDINATOR_ENGINE_LOCK_H
#define COORDINATOR_ENGINE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/engine/id.h"

struct company;

struct claim {
    uint64_t order; /* unique; journal sequence << 20 and the place in its turn */
    struct id instance;
    uint32_t frame;
    int64_t since_ms; /* when it was made */
    int64_t held_ms;  /* when it got the entity; 0: it waits */
    int64_t until_ms; /* its deadline; 0: it waits */
    struct lock *lock;
    struct claim *before; /* earlier claims of the lock */
    struct claim *behind;
    uint64_t seen; /* by the search for a circle with this number; not stored */
};

struct lock {
    char *entity;
    struct claim *first;
    struct claim *last;
    struct claim *holder; /* NULL: all that wait are paused */
    uint64_t count;       /* of claims */
};

/* The lock of an entity that somebody claims; NULL: nobody does. */
struct lock *company_lock(const struct company *company, const char *entity);

/* The claim of that order, or NULL. */
struct claim *company_claim(const struct company *company, uint64_t order);

/* Append a claim that waits, a copy of `from` (its links are not looked at). */
struct claim *claim_add(struct company *company, const char *entity, const struct claim *from);

/* The claim has its entity, which nobody holds. */
void claim_hold(struct company *company, struct claim *claim, int64_t held_ms, int64_t until_ms);

/* Forget the claim; its lock goes with the last one. */
void claim_remove(struct company *company, struct claim *claim);

void locks_init(struct company *company);
void locks_release(struct company *company);

#endif
