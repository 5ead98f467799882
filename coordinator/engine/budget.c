#include "coordinator/engine/budget.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/company.h"
#include "coordinator/engine/instance.h"

static void account_free(void *value)
{
    struct account *account = value;
    ready_queue_destroy(account->waiting);
    free(account->name);
    free(account);
}

void accounts_init(struct company *company)
{
    company->accounts = map_create();
    CHECK(company->accounts != NULL);
}

void accounts_release(struct company *company)
{
    map_destroy(&company->accounts, account_free);
}

struct account *company_account(const struct company *company, const char *name)
{
    return map_get_text(company->accounts, name);
}

struct account *account_add(struct company *company, const char *name, const char *currency,
                            int64_t day_ms)
{
    struct account *account = calloc(1, sizeof(*account));
    CHECK(account != NULL);
    text_replace(&account->name, name);
    memcpy(account->currency, currency, sizeof(account->currency));
    account->day_ms = day_ms;
    account->waiting = ready_queue_create(name);
    company->daily_accounts += day_ms != 0 ? 1 : 0;
    company->budget_day_ms = day_ms != 0 ? day_ms : company->budget_day_ms;
    (void)map_put_text(company->accounts, name, account, NULL);
    return account;
}

void account_remove(struct company *company, struct account *account)
{
    CHECK(map_remove_text(company->accounts, account->name) == account);
    company->daily_accounts -= account->day_ms != 0 ? 1 : 0;
    account_free(account);
}

int64_t account_room(const struct account *account)
{
    return money_add(account->cap, account->allowed) - money_add(account->spent, account->reserved);
}

bool account_is_idle(const struct account *account)
{
    return account->spent == 0 && account->reserved == 0 && account->allowed == 0 &&
           account->waiting->count == 0;
}

int64_t budget_day_end(const struct company *company)
{
    return company->daily_accounts == 0 ? INT64_MAX : company->budget_day_ms + BUDGET_DAY_MS;
}
