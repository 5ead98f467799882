#include "coordinator/engine/lock.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/company.h"
#include "coordinator/engine/instance.h"

static void *must(void *memory)
{
    CHECK(memory != NULL);
    return memory;
}

static void lock_free(void *value)
{
    struct lock *lock = value;
    while (lock->first != NULL) {
        struct claim *claim = lock->first;
        lock->first = claim->behind;
        free(claim);
    }
    free(lock->entity);
    free(lock);
}

void locks_init(struct company *company)
{
    company->locks = must(map_create());
    company->claims = must(map_create());
}

void locks_release(struct company *company)
{
    map_destroy(&company->claims, NULL);
    map_destroy(&company->locks, lock_free);
}

struct lock *company_lock(const struct company *company, const char *entity)
{
    return map_get_text(company->locks, entity);
}

struct claim *company_claim(const struct company *company, uint64_t order)
{
    return map_get(company->claims, &order, sizeof(order));
}

struct claim *claim_add(struct company *company, const char *entity, const struct claim *from)
{
    struct lock *lock = company_lock(company, entity);
    if (lock == NULL) {
        lock = must(calloc(1, sizeof(*lock)));
        text_replace(&lock->entity, entity);
        (void)map_put_text(company->locks, entity, lock, NULL);
    }
    CHECK(lock->last == NULL || lock->last->order < from->order);
    struct claim *claim = must(malloc(sizeof(*claim)));
    *claim = *from;
    claim->held_ms = 0;
    claim->until_ms = 0;
    claim->seen = 0;
    claim->lock = lock;
    claim->behind = NULL;
    claim->before = lock->last;
    if (lock->last == NULL) {
        lock->first = claim;
    } else {
        lock->last->behind = claim;
    }
    lock->last = claim;
    lock->count++;
    CHECK(map_put(company->claims, &claim->order, sizeof(claim->order), claim, NULL) == NULL);
    return claim;
}

void claim_hold(struct company *company, struct claim *claim, int64_t held_ms, int64_t until_ms)
{
    CHECK(claim->lock->holder == NULL && until_ms != 0);
    claim->lock->holder = claim;
    claim->held_ms = held_ms;
    claim->until_ms = until_ms;
    company->leases++;
}

void claim_remove(struct company *company, struct claim *claim)
{
    struct lock *lock = claim->lock;
    if (lock->holder == claim) {
        lock->holder = NULL;
        company->leases--;
    }
    *(claim->before == NULL ? &lock->first : &claim->before->behind) = claim->behind;
    *(claim->behind == NULL ? &lock->last : &claim->behind->before) = claim->before;
    lock->count--;
    (void)map_remove(company->claims, &claim->order, sizeof(claim->order));
    free(claim);
    if (lock->count == 0) {
        (void)map_remove_text(company->locks, lock->entity);
        lock_free(lock);
    }
}
