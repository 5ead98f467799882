/*
 * Budgets: what paid work may cost, and what it has cost.
 *
 * An account counts what was spent and what is reserved, against a cap. Accounts exist where a
 * definition or the policy sets a cap, once a paid step falls under it:
 *
 *   instance/HEX              one instance, from its start to its end
 *   process/NAMESPACE/NAME    all instances of a process, each day
 *   agent/NAME                all paid work of an agent, each day
 *   company                   all paid work, each day
 *
 * A day is one of UTC: a turn then needs no rules of time zones and no day has 23 hours. With it
 * what was spent begins at 0; what is reserved stays, and counts for the day on which it is
 * settled.
 *
 * The most that an answer costs by its contract is reserved with the dispatch and settled with the
 * result. A reservation is a step's: its retries share it.
 *
 * Threads: none. Memory: aborts instead of failing.
 */
#ifndef COORDINATOR_ENGINE_BUDGET_H
#define COORDINATOR_ENGINE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/money.h"

struct company;
struct ready_queue;

/* Stored, alone and added up: append, never renumber. */
enum account_kind {
    ACCOUNT_INSTANCE = 1,
    ACCOUNT_PROCESS = 2,
    ACCOUNT_AGENT = 4,
    ACCOUNT_COMPANY = 8,
};
enum { ACCOUNT_KIND_END = 16, ACCOUNT_NAME_BYTES = 192 };

#define BUDGET_DAY_MS (INT64_C(24) * 60 * 60 * 1000)

struct account {
    char *name;
    char currency[MONEY_CURRENCY_BYTES];
    int64_t day_ms; /* beginning of the day that `spent` is of; 0: of an instance */
    bool capped;    /* `cap` is one; as it was when the account was last used */
    int64_t cap;
    int64_t spent;
    int64_t reserved;            /* of open steps, see struct frame_money */
    int64_t allowed;             /* by persons, over the cap */
    int64_t over;                /* of what was spent, more than had been reserved for it */
    struct ready_queue *waiting; /* steps that do not fit */
    bool changed;                /* in this turn; not stored */
    int64_t promised;            /* to steps that may go on, in the review `round`; not stored */
    uint64_t round;
};

/* The account of the name, or NULL; account_add makes it. */
struct account *company_account(const struct company *company, const char *name);
struct account *account_add(struct company *company, const char *name, const char *currency,
                            int64_t day_ms);
void account_remove(struct company *company, struct account *account);

/* What may still be reserved, below zero when more is spent than was allowed. */
int64_t account_room(const struct account *account);

/* Whether nothing is left to be known of it. */
bool account_is_idle(const struct account *account);

/* When the day of the accounts ends; INT64_MAX: none is by day. */
int64_t budget_day_end(const struct company *company);

void accounts_init(struct company *company);
void accounts_release(struct company *company);

#endif
