/*
 * Events of paid work into accounts and reservations.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/engine_private.h"

enum { NAMES_ROOM = 16 };

/* ---- accounts ---- */

static void name_add(struct engine *engine, struct name_list *list, const char *name)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? NAMES_ROOM : list->room * 2;
        list->names = realloc(list->names, list->room * sizeof(*list->names));
        CHECK(list->names != NULL);
    }
    list->names[list->count++] = engine_text(engine, name);
}

void account_name(const struct instance *instance, const struct frame *frame,
                  enum account_kind kind, char out[ACCOUNT_NAME_BYTES])
{
    char hex[ID_HEX_BYTES];
    switch (kind) {
    case ACCOUNT_INSTANCE:
        id_hex(&instance->id, hex);
        (void)snprintf(out, ACCOUNT_NAME_BYTES, "instance/%s", hex);
        break;
    case ACCOUNT_PROCESS:
        (void)snprintf(out, ACCOUNT_NAME_BYTES, "process/%s/%s", instance->plan->namespace_,
                       instance->plan->name);
        break;
    case ACCOUNT_AGENT:
        (void)snprintf(out, ACCOUNT_NAME_BYTES, "agent/%s",
                       frame_node(instance, frame)->call.agent);
        break;
    case ACCOUNT_COMPANY:
        (void)snprintf(out, ACCOUNT_NAME_BYTES, "company");
        break;
    }
}

const struct money *account_cap(const struct engine *engine, const struct instance *instance,
                                const struct frame *frame, enum account_kind kind)
{
    const struct plan_budget *plan = &instance->plan->budget;
    const struct policy *policy = engine->policy;
    const struct money *cap = kind == ACCOUNT_INSTANCE  ? &plan->instance
                              : kind == ACCOUNT_PROCESS ? &plan->day
                              : kind == ACCOUNT_COMPANY
                                  ? &policy->budget.day
                                  : policy_cap_of(policy, frame_node(instance, frame)->call.agent);
    return cap == NULL || !money_given(cap) ? NULL : cap;
}

/* Its row is written at the end of the turn. */
static void account_changed(struct engine *engine, struct account *account)
{
    if (!account->changed) {
        account->changed = true;
        name_add(engine, &engine->accounts_changed, account->name);
    }
}

/* It may have room for what waits, or something waits anew, or no more: it is looked at. */
static void account_touched(struct engine *engine, const struct account *account)
{
    name_add(engine, &engine->accounts_touched, account->name);
}

/* Something of it is less now: it goes when nothing is left. */
static void account_lessened(struct engine *engine, struct account *account)
{
    account_changed(engine, account);
    if (account_is_idle(account)) {
        account_remove(&engine->company, account);
    }
}

static int64_t day_of(int64_t now_ms)
{
    return now_ms - now_ms % BUDGET_DAY_MS;
}

static struct account *account_of(const struct engine *engine, const struct instance *instance,
                                  const struct frame *frame, enum account_kind kind)
{
    char name[ACCOUNT_NAME_BYTES];
    account_name(instance, frame, kind, name);
    return company_account(&engine->company, name);
}

/* The account, made when it is new, with the cap as it is now. */
static struct account *account_use(struct engine *engine, const struct instance *instance,
                                   const struct frame *frame, enum account_kind kind)
{
    char name[ACCOUNT_NAME_BYTES];
    account_name(instance, frame, kind, name);
    struct account *account = company_account(&engine->company, name);
    if (account == NULL) {
        account = account_add(&engine->company, name, frame->money->currency,
                              kind == ACCOUNT_INSTANCE ? 0 : day_of(engine->now));
    }
    const struct money *cap = account_cap(engine, instance, frame, kind);
    account->capped = cap != NULL;
    account->cap = cap == NULL ? 0 : cap->amount;
    account_changed(engine, account);
    return account;
}

struct ready_queue *account_queue(struct engine *engine, const struct instance *instance,
                                  const struct frame *frame)
{
    const struct account *account =
        account_of(engine, instance, frame, (enum account_kind)frame->money->wants);
    CHECK(account != NULL);
    return account->waiting;
}

void account_entered(struct engine *engine, const struct instance *instance,
                     const struct frame *frame)
{
    account_touched(engine,
                    account_use(engine, instance, frame, (enum account_kind)frame->money->wants));
}

void account_left(struct engine *engine, const char *name)
{
    struct account *account = company_account(&engine->company, name);
    CHECK(account != NULL);
    account_touched(engine, account);
    account_lessened(engine, account);
}

void apply_budget_caps(struct engine *engine)
{
    size_t cursor = 0;
    struct account *account = NULL;
    while ((account = map_next(engine->company.accounts, &cursor, NULL, NULL)) != NULL) {
        const struct money *cap = NULL;
        if (text_equal(account->name, "company")) {
            cap = &engine->policy->budget.day;
        } else if (strncmp(account->name, "agent/", strlen("agent/")) == 0) {
            cap = policy_cap_of(engine->policy, account->name + strlen("agent/"));
        } else {
            continue;
        }
        account->capped = cap != NULL && strcmp(cap->currency, account->currency) == 0;
        account->cap = account->capped ? cap->amount : 0;
        account_changed(engine, account);
        account_touched(engine, account);
    }
}

/* ---- reservations ---- */

/* So much of what is reserved is so no more, and so much is spent. */
static void money_settle(struct engine *engine, const struct instance *instance,
                         struct frame *frame, int64_t freed, int64_t spent)
{
    struct frame_money *money = frame->money;
    for (uint32_t kind = 1; kind < ACCOUNT_KIND_END; kind <<= 1U) {
        if ((money->accounts & kind) == 0) {
            continue;
        }
        struct account *account = account_of(engine, instance, frame, (enum account_kind)kind);
        CHECK(account != NULL); /* something is reserved in it */
        CHECK(account->reserved >= freed);
        account->reserved -= freed;
        account->spent = money_add(account->spent, spent);
        account->over = spent > freed ? money_add(account->over, spent - freed) : account->over;
        account_touched(engine, account);
        account_lessened(engine, account);
    }
    money->held -= freed;
}

/* Nothing is reserved any more. */
static void money_release(struct engine *engine, const struct instance *instance,
                          struct frame *frame, int64_t spent)
{
    money_settle(engine, instance, frame, frame->money->held, spent);
    frame->money->accounts = 0;
    frame->money->doubt = false;
    frame_money_trim(frame);
}

int64_t money_cost(const struct frame_money *money, const char *said, bool *ret_clear)
{
    struct money cost = {0};
    *ret_clear =
        said == NULL || said[0] == '\0' ||
        (money_parse(said, &cost, NULL) == ERR_OK && strcmp(cost.currency, money->currency) == 0);
    return *ret_clear ? cost.amount : money->held;
}

void apply_money_result(struct engine *engine, const struct instance *instance, struct frame *frame,
                        const struct event *event)
{
    struct frame_money *money = frame->money;
    frame_unwanted(frame);
    if (money == NULL || frame->money == NULL || money->accounts == 0) {
        return;
    }
    bool clear = true;
    int64_t cost =
        money_cost(money, event->decision == NULL ? NULL : event->decision->cost, &clear);
    if (event->status == RESULT_DONE) {
        money_release(engine, instance, frame, cost);
        return;
    }
    if (cost > 0) {
        money_settle(engine, instance, frame, cost < money->held ? cost : money->held, cost);
    }
    money->doubt = money->doubt || event->effect == MARK_UNKNOWN;
    if (money->held == 0) {
        money_release(engine, instance, frame, 0);
    }
}

void apply_money_idle(struct engine *engine, const struct instance *instance, struct frame *frame)
{
    struct frame_money *money = frame->money;
    if (money != NULL && money->accounts != 0 && !money->doubt) {
        money_release(engine, instance, frame, 0);
    }
}

void apply_money_gone(struct engine *engine, const struct instance *instance, struct frame *frame,
                      bool in_flight)
{
    struct frame_money *money = frame->money;
    if (money->accounts != 0) {
        money_release(engine, instance, frame, in_flight || money->doubt ? money->held : 0);
    }
}

void frame_unwanted(struct frame *frame)
{
    if (frame->money != NULL) {
        frame->money->wants = 0;
        frame->money->need = 0;
        frame_money_trim(frame);
    }
}

static void currency_set(struct frame_money *money, const struct event *event)
{
    CHECK(strlen(event->source) < sizeof(money->currency));
    memcpy(money->currency, event->source, strlen(event->source) + 1);
}

static void budget_reserved(struct engine *engine, struct instance *instance, struct frame *frame,
                            const struct event *event)
{
    struct frame_money *money = frame_money_add(frame);
    bool doubt = money->doubt;
    if (money->accounts != 0) {
        money_settle(engine, instance, frame, money->held, 0);
    }
    currency_set(money, event);
    money->held = event->at_ms;
    money->accounts = event->count;
    money->doubt = doubt;
    for (uint32_t kind = 1; kind < ACCOUNT_KIND_END; kind <<= 1U) {
        if ((money->accounts & kind) != 0) {
            struct account *account = account_use(engine, instance, frame, (enum account_kind)kind);
            account->reserved = money_add(account->reserved, money->held);
        }
    }
    frame_money_trim(frame); /* its caps may have gone since the first attempt */
}

static void step_unfunded(struct engine *engine, struct instance *instance, struct frame *frame,
                          const struct event *event)
{
    CHECK(frame->state == FRAME_READY);
    struct frame_money *money = frame_money_add(frame);
    currency_set(money, event);
    int64_t since_ms = frame->ready_ms;
    ready_leave(engine, frame);
    frame->ready_ms = since_ms;
    money->wants = event->status;
    money->need = event->at_ms;
    ready_enter(engine, instance, frame);
}

static void step_funded(struct engine *engine, struct instance *instance, struct frame *frame)
{
    CHECK(frame->state == FRAME_READY);
    struct account *account =
        account_of(engine, instance, frame, (enum account_kind)frame->money->wants);
    int64_t since_ms = frame->ready_ms;
    frame_unwanted(frame); /* who lets it go looks at the account already */
    ready_leave(engine, frame);
    frame->ready_ms = since_ms;
    account_lessened(engine, account);
    ready_enter(engine, instance, frame);
}

void apply_money(struct engine *engine, struct instance *instance, struct frame *frame,
                 const struct event *event)
{
    if (event->kind == EVENT_BUDGET_RESERVED) {
        budget_reserved(engine, instance, frame, event);
    } else if (event->kind == EVENT_STEP_UNFUNDED) {
        step_unfunded(engine, instance, frame, event);
    } else {
        step_funded(engine, instance, frame);
    }
}

/* ---- of the company ---- */

static void budget_day(struct engine *engine, int64_t day_ms)
{
    size_t count = map_count(engine->company.accounts);
    struct account **daily = engine_alloc(engine, (count + 1) * sizeof(struct account *));
    size_t cursor = 0;
    size_t found = 0;
    struct account *account = NULL;
    while ((account = map_next(engine->company.accounts, &cursor, NULL, NULL)) != NULL) {
        if (account->day_ms != 0) {
            daily[found++] = account;
        }
    }
    engine->company.budget_day_ms = day_ms;
    for (size_t i = 0; i < found; i++) {
        daily[i]->day_ms = day_ms;
        daily[i]->spent = 0;
        daily[i]->allowed = 0;
        daily[i]->over = 0;
        account_touched(engine, daily[i]);
        account_lessened(engine, daily[i]);
    }
}

void apply_budget(struct engine *engine, const struct event *event)
{
    if (event->kind == EVENT_BUDGET_DAY) {
        budget_day(engine, event->at_ms);
        return;
    }
    struct account *account = company_account(&engine->company, event->name);
    CHECK(account != NULL);
    account->allowed = money_add(account->allowed, event->at_ms);
    account_changed(engine, account);
    account_touched(engine, account);
}

void apply_budget_ended(struct engine *engine, const struct instance *instance)
{
    char name[ACCOUNT_NAME_BYTES];
    account_name(instance, NULL, ACCOUNT_INSTANCE, name);
    struct account *account = company_account(&engine->company, name);
    if (account != NULL) {
        CHECK(account->reserved == 0);
        CHECK(account->waiting->count == 0);
        account_touched(engine, account);
        account_changed(engine, account);
        account_remove(&engine->company, account);
    }
}

void accounts_put(struct engine *engine)
{
    for (size_t i = 0; i < engine->accounts_changed.count; i++) {
        const char *name = engine->accounts_changed.names[i];
        struct account *account = company_account(&engine->company, name);
        if (account == NULL) {
            engine->port->account_delete(engine->port_user, name);
        } else if (account->changed) {
            account->changed = false;
            engine->port->account_put(engine->port_user, account);
        }
    }
    engine->accounts_changed.count = 0;
}
