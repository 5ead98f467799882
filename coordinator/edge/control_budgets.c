/*
 * budgets.ls: what was spent and is reserved in each account, against its cap. Accounts that the
 * policy names are listed before anything is spent in them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "coordinator/definition/policy.h"
#include "coordinator/edge/control_private.h"

static int name_order(const void *a, const void *b)
{
    return strcmp(((const struct account *)a)->name, ((const struct account *)b)->name);
}

static void set_amount(json_t *row, const char *member, int64_t amount, const char *currency)
{
    char text[MONEY_TEXT_BYTES];
    json_set_text(row, member, money_print(amount, currency, text));
}

static json_t *account_row(const struct account *account)
{
    json_t *row = json_object();
    CHECK(row != NULL);
    json_set_text(row, "account", account->name);
    json_set_text(row, "per", strncmp(account->name, "instance/", 9) == 0 ? "instance" : "day");
    if (account->capped) {
        set_amount(row, "cap", account->cap, account->currency);
        set_amount(row, "left", account_room(account), account->currency);
    }
    set_amount(row, "spent", account->spent, account->currency);
    set_amount(row, "reserved", account->reserved, account->currency);
    if (account->allowed > 0) {
        set_amount(row, "allowed", account->allowed, account->currency);
    }
    if (account->over > 0) {
        set_amount(row, "over", account->over, account->currency);
    }
    json_set_int(row, "waiting", account->waiting == NULL ? 0 : (int64_t)account->waiting->count);
    return row;
}

/* An account that the policy names and nothing has touched. */
static void idle_add(struct request *request, struct account *list, size_t *count, const char *name,
                     const struct money *cap)
{
    if (!money_given(cap) || company_account(control_company(request->control), name) != NULL) {
        return;
    }
    struct account *account = &list[(*count)++];
    *account = (struct account){
        .name = arena_strdup(request->arena, name), .capped = true, .cap = cap->amount};
    CHECK(account->name != NULL);
    memcpy(account->currency, cap->currency, sizeof(account->currency));
}

static struct account *accounts_sorted(struct request *request, size_t *ret_count)
{
    const struct map *accounts = control_company(request->control)->accounts;
    const struct policy *policy = engine_policy(turn_engine(request->control->turn));
    size_t room = map_count(accounts) + policy->budget.agent_count + 1;
    struct account *list = ARENA_ARRAY(request->arena, struct account, room);
    CHECK(list != NULL);
    size_t count = 0;
    size_t cursor = 0;
    const struct account *account = NULL;
    while ((account = map_next(accounts, &cursor, NULL, NULL)) != NULL) {
        list[count++] = *account;
    }
    idle_add(request, list, &count, "company", &policy->budget.day);
    for (size_t i = 0; i < policy->budget.agent_count; i++) {
        char name[ACCOUNT_NAME_BYTES];
        (void)snprintf(name, sizeof(name), "agent/%s", policy->budget.agents[i].agent);
        idle_add(request, list, &count, name, &policy->budget.agents[i].day);
    }
    qsort(list, count, sizeof(*list), name_order);
    *ret_count = count;
    return list;
}

enum err verb_budgets_ls(struct request *request, struct error *err)
{
    static const struct member members[] = {{"account", MEMBER_TEXT, false},
                                            {"limit", MEMBER_COUNT, false},
                                            {"after", MEMBER_TEXT, false}};
    TRY(body_check(request, members, 3, err));
    const char *wanted = json_text_of(request->body, "account");
    const char *after = json_text_of(request->body, "after");
    size_t limit = 0;
    TRY(body_limit(request, &limit, err));
    json_t *rows = json_array();
    CHECK(rows != NULL);
    json_set(request->reply, "budgets", rows);
    size_t count = 0;
    const struct account *accounts = accounts_sorted(request, &count);
    const char *last = "";
    for (size_t i = 0; i < count; i++) {
        const char *name = accounts[i].name;
        if ((wanted != NULL && strcmp(wanted, name) != 0) ||
            (after != NULL && strcmp(name, after) <= 0)) {
            continue;
        }
        if (json_array_size(rows) == limit ||
            !request_add_row(request, rows, account_row(&accounts[i]))) {
            json_set_text(request->reply, "next", last);
            break;
        }
        last = name;
    }
    return ERR_OK;
}
