#include "tests/sim/budgets.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/event.h"
#include "coordinator/engine/instance.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/sim.h"

/* What persons said of an account. */
struct word {
    int64_t allowed;
};

struct budgets {
    struct map *words; /* account -> struct word */
};

struct budgets *budgets_create(void)
{
    struct budgets *it = calloc(1, sizeof(*it));
    CHECK(it != NULL);
    it->words = map_create();
    CHECK(it->words != NULL);
    return it;
}

void budgets_destroy(struct budgets **it)
{
    if (*it != NULL) {
        map_destroy(&(*it)->words, free);
        free(*it);
        *it = NULL;
    }
}

void budgets_event(struct sim *sim, struct budgets *it, const struct event *event)
{
    if (event->kind == EVENT_BUDGET_DAY) {
        size_t cursor = 0;
        const void *name = NULL;
        size_t size = 0;
        const struct word *word = NULL;
        while ((word = map_next(it->words, &cursor, &name, &size)) != NULL) {
            if (strncmp(name, "instance/", strlen("instance/")) != 0) {
                ((struct word *)(uintptr_t)word)->allowed = 0;
            }
        }
    }
    if (event->kind != EVENT_BUDGET_RAISED) {
        return;
    }
    struct word *word = map_get_text(it->words, event->name);
    if (word == NULL) {
        word = calloc(1, sizeof(*word));
        CHECK(word != NULL);
        (void)map_put_text(it->words, event->name, word, NULL);
    }
    word->allowed += event->at_ms;
    if (event->person == NULL || event->person[0] == '\0' || event->at_ms <= 0) {
        sim_finding(sim, "the budget %s is raised, and by nobody or by nothing", event->name);
    }
}

struct holding {
    const char *account;
    int64_t held;
    uint64_t waiting;
};

/* What the open steps of the instance hold in the account. */
static void holding_add(const struct instance *instance, struct holding *sum, uint32_t kind)
{
    for (uint32_t i = 0; i < instance->frame_count; i++) {
        const struct frame_money *money = instance->frames[i]->money;
        if (money != NULL) {
            sum->held += (money->accounts & kind) != 0 ? money->held : 0;
            sum->waiting += money->wants == kind && instance->paused == NULL ? 1 : 0;
        }
    }
}

static void account_check(struct sim *sim, const struct budgets *it, struct engine *engine,
                          const struct account *account)
{
    const struct word *word = map_get_text(it->words, account->name);
    int64_t allowed = word == NULL ? 0 : word->allowed;
    if (account->capped &&
        account->spent + account->reserved > account->cap + allowed + account->over) {
        sim_finding(sim, "the budget %s: spent %lld, reserved %lld, cap %lld, allowed %lld",
                    account->name, (long long)account->spent, (long long)account->reserved,
                    (long long)account->cap, (long long)allowed);
    }
    if ((account->waiting->count > 0) !=
        (company_circuit(engine_company(engine), GATE_BUDGET, "", "", account->name, "") != NULL)) {
        sim_finding(sim, "the gate of the budget %s and what waits for it do not agree",
                    account->name);
    }
    if (strncmp(account->name, "instance/", strlen("instance/")) != 0) {
        return;
    }
    struct id id;
    struct holding sum = {.account = account->name};
    const struct instance *instance =
        id_of_hex(account->name + strlen("instance/"), &id) ? engine_instance(engine, &id) : NULL;
    if (instance == NULL) {
        sim_finding(sim, "the budget %s is of an instance that is not open", account->name);
        return;
    }
    holding_add(instance, &sum, ACCOUNT_INSTANCE);
    if (sum.held != account->reserved || sum.waiting != account->waiting->count) {
        sim_finding(sim, "the budget %s has %lld reserved, and its steps hold %lld", account->name,
                    (long long)account->reserved, (long long)sum.held);
    }
}

void budgets_turn(struct sim *sim, const struct budgets *it)
{
    struct engine *engine = coordinator_engine(sim);
    size_t cursor = 0;
    const struct account *account = NULL;
    while (engine != NULL && sim->finding[0] == '\0' &&
           (account = map_next(engine_company(engine)->accounts, &cursor, NULL, NULL)) != NULL) {
        account_check(sim, it, engine, account);
    }
}

void budgets_end(struct sim *sim)
{
    size_t cursor = 0;
    const struct account *account = NULL;
    const struct company *company = engine_company(coordinator_engine(sim));
    while ((account = map_next(company->accounts, &cursor, NULL, NULL)) != NULL) {
        if (account->reserved != 0 || account->waiting->count > 0 || account->day_ms == 0) {
            sim_finding(sim, "everything has ended and the budget %s has %lld reserved",
                        account->name, (long long)account->reserved);
            return;
        }
    }
}
