/*
 * Paid work: what it costs at most is reserved before it is sent. What does not fit waits, and a
 * person is asked once for the account: allow once, raise, stop.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

enum { WORDS_BYTES = 640, LOOKED_AT = 64 };

/* ---- whether a step fits ---- */

/* What the account could still take of the step, which may have a reservation in it already. A cap
 * in another currency than what waits takes everything: the dispatch says what is wrong. */
static int64_t room_for(const struct engine *engine, const struct instance *instance,
                        const struct frame *frame, enum account_kind kind)
{
    char name[ACCOUNT_NAME_BYTES];
    account_name(instance, frame, kind, name);
    const struct account *account = company_account(&engine->company, name);
    const struct money *cap = account_cap(engine, instance, frame, kind);
    const struct frame_money *money = frame->money;
    bool other = money != NULL && cap != NULL && strcmp(cap->currency, money->currency) != 0;
    if (cap == NULL || other) {
        return INT64_MAX;
    }
    if (account == NULL) {
        return cap->amount;
    }
    bool held = money != NULL && (money->accounts & (uint32_t)kind) != 0;
    struct account now = *account;
    now.cap = cap->amount; /* of the version that the step runs by */
    return money_add(account_room(&now), held ? money->held : 0);
}

/* The currency of the account, which is that of its cap and of what it has counted. */
static const char *currency_of(const struct engine *engine, const struct instance *instance,
                               const struct frame *frame, enum account_kind kind,
                               const struct money *cost)
{
    char name[ACCOUNT_NAME_BYTES];
    account_name(instance, frame, kind, name);
    const struct account *account = company_account(&engine->company, name);
    const struct money *cap = account_cap(engine, instance, frame, kind);
    if (account != NULL && strcmp(account->currency, cost->currency) != 0) {
        return account->currency;
    }
    return cap->currency;
}

static struct failure failure_of(struct engine *engine, const char *code, const char *title,
                                 const char *detail)
{
    return (struct failure){
        .failure_class = FAILURE_BUDGET,
        .effect = MARK_NONE,
        .code = code,
        .title = title,
        .detail = engine_text(engine, detail),
        .pointer = "",
    };
}

/* "cap 5.00 EUR, spent 4.20 EUR, reserved 0.60 EUR, allowed 1.00 EUR more" */
static void account_words(const struct account *account, int64_t cap, char out[WORDS_BYTES])
{
    char texts[4][MONEY_TEXT_BYTES];
    (void)snprintf(out, WORDS_BYTES, "cap %s, spent %s, reserved %s",
                   money_print(cap, account->currency, texts[0]),
                   money_print(account->spent, account->currency, texts[1]),
                   money_print(account->reserved, account->currency, texts[2]));
    size_t used = strlen(out);
    if (account->allowed > 0) {
        (void)snprintf(out + used, WORDS_BYTES - used, ", allowed %s more",
                       money_print(account->allowed, account->currency, texts[3]));
    }
}

static const char *term_of(enum account_kind kind)
{
    return kind == ACCOUNT_INSTANCE ? "" : " of the day (UTC)";
}

/* What is said of a step that does not fit. */
static struct failure no_room(struct engine *engine, const struct instance *instance,
                              const struct frame *frame, enum account_kind kind,
                              const struct money *cost)
{
    char name[ACCOUNT_NAME_BYTES];
    char words[WORDS_BYTES];
    char detail[2 * WORDS_BYTES];
    char need[MONEY_TEXT_BYTES];
    account_name(instance, frame, kind, name);
    const struct account *account = company_account(&engine->company, name);
    struct account none = {0};
    (void)snprintf(none.currency, sizeof(none.currency), "%s", cost->currency);
    account_words(account == NULL ? &none : account,
                  account_cap(engine, instance, frame, kind)->amount, words);
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    (void)snprintf(detail, sizeof(detail),
                   "%s of agent %s may cost %s and the budget %s%s has no room for it: %s",
                   call->action, call->agent, money_print(cost->amount, cost->currency, need), name,
                   term_of(kind), words);
    return failure_of(engine, "over-budget", "the budget has no room for this step", detail);
}

/* The step ends, as its definition or the policy wants, or waits for a person by itself. */
static void step_refused(struct engine *engine, struct instance *instance, struct frame *frame,
                         const struct failure *failure)
{
    unsent_failed(engine, instance, frame, failure);
    call_failed(engine, instance, frame, failure);
    if (!instance->ended) {
        walk(engine, instance);
    }
}

/* Whether somebody else than a person deals with it. */
static bool is_taken(struct engine *engine, struct instance *instance, const struct frame *frame,
                     const struct failure *failure)
{
    const struct plan_node *node = frame_node(instance, frame);
    const struct policy_rules *rules =
        policy_rules_of(engine->policy, node->call.agent, node->call.action);
    return frame->purpose == PURPOSE_STEP &&
           (rules->paths[FAILURE_BUDGET] == PATH_RAISE ||
            fault_caught_above(engine, instance, frame,
                               error_of_failure(engine, failure, node->pointer)));
}

static void step_waits(struct engine *engine, struct instance *instance, struct frame *frame,
                       enum account_kind kind, const struct money *cost)
{
    char name[ACCOUNT_NAME_BYTES];
    account_name(instance, frame, kind, name);
    struct event event = engine_event(instance, EVENT_STEP_UNFUNDED);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    event.name = engine_text(engine, name);
    event.status = (uint32_t)kind;
    event.at_ms = cost->amount;
    event.source = engine_text(engine, cost->currency);
    engine_emit(engine, &event);
    circuit_meets(engine, instance, frame);
}

static void currency_refused(struct engine *engine, struct instance *instance, struct frame *frame,
                             enum account_kind kind, const struct money *cost)
{
    char name[ACCOUNT_NAME_BYTES];
    char detail[WORDS_BYTES];
    account_name(instance, frame, kind, name);
    (void)snprintf(detail, sizeof(detail),
                   "the contract says what it costs in %s and the budget %s is in %s: nothing here "
                   "changes money, so say both in one currency",
                   cost->currency, name, currency_of(engine, instance, frame, kind, cost));
    struct failure failure = failure_of(
        engine, "other-currency", "the budget is in another currency than the contract", detail);
    step_refused(engine, instance, frame, &failure);
}

bool budget_reserve(struct engine *engine, struct instance *instance, struct frame *frame,
                    const struct contract_action *action)
{
    const struct money *cost = &action->cost;
    uint32_t accounts = 0;
    for (uint32_t bit = 1; bit < ACCOUNT_KIND_END; bit <<= 1U) {
        enum account_kind kind = (enum account_kind)bit;
        if (account_cap(engine, instance, frame, kind) == NULL) {
            continue;
        }
        if (strcmp(currency_of(engine, instance, frame, kind, cost), cost->currency) != 0) {
            currency_refused(engine, instance, frame, kind, cost);
            return false;
        }
        if (room_for(engine, instance, frame, kind) < cost->amount) {
            struct failure failure = no_room(engine, instance, frame, kind, cost);
            if (is_taken(engine, instance, frame, &failure)) {
                step_refused(engine, instance, frame, &failure);
            } else {
                step_waits(engine, instance, frame, kind, cost);
            }
            return false;
        }
        accounts |= bit;
    }
    const struct frame_money *money = frame->money;
    bool same =
        money == NULL ? accounts == 0 : money->accounts == accounts && money->held == cost->amount;
    if (!same) {
        struct event event = engine_event(instance, EVENT_BUDGET_RESERVED);
        event.frame = frame->id;
        event.node = frame->node;
        event.path = engine_text(engine, frame->path);
        event.activation = frame->activation;
        event.at_ms = accounts == 0 ? 0 : cost->amount;
        event.count = accounts;
        event.source = engine_text(engine, cost->currency);
        engine_emit(engine, &event);
    }
    return true;
}

bool budget_overrun(const struct frame *frame, const struct result_command *result)
{
    const struct frame_money *money = frame->money;
    bool clear = true;
    return money != NULL && money->accounts != 0 &&
           (money_cost(money, result->decision.cost, &clear) > money->held || !clear);
}

/* ---- what waits ---- */

/* The frame of a step that waits for the account. */
static struct frame *waiting_frame(struct engine *engine, const struct ready *ready,
                                   struct instance **ret_instance)
{
    *ret_instance = engine_load(engine, &ready->instance);
    CHECK(*ret_instance != NULL);
    struct frame *frame = instance_frame(*ret_instance, ready->frame);
    CHECK(frame != NULL);
    CHECK(frame->money != NULL);
    return frame;
}

static void step_fits(struct engine *engine, const struct instance *instance,
                      const struct frame *frame)
{
    struct event event = engine_event(instance, EVENT_STEP_FUNDED);
    event.frame = frame->id;
    event.node = frame->node;
    event.path = engine_text(engine, frame->path);
    event.activation = frame->activation;
    engine_emit(engine, &event);
}

/* Those who fit go on, who waits longest first; beyond the first ones nobody is looked at, so that
 * a long queue costs a turn no more than a short one. */
static bool account_fund(struct engine *engine, const char *name)
{
    struct account *account = company_account(&engine->company, name);
    const struct ready *ready = account == NULL ? NULL : ready_oldest(account->waiting);
    bool any = false;
    for (size_t i = 0; i < LOOKED_AT && ready != NULL; i++) {
        struct instance *instance = NULL;
        const struct frame *frame = waiting_frame(engine, ready, &instance);
        ready = ready_younger(account->waiting, ready);
        if (account->round != engine->review_round) {
            account->round = engine->review_round;
            account->promised = 0;
        }
        int64_t need = frame->money->need;
        int64_t room = room_for(engine, instance, frame, (enum account_kind)frame->money->wants);
        if (room >= need && room - need >= account->promised) {
            account->promised = money_add(account->promised, need);
            any = true;
            step_fits(engine, instance, frame); /* the account may be gone with its last one */
        }
    }
    return any;
}

/* One gate for the account, in the words of who waits longest. */
static void account_ask(struct engine *engine, const char *name)
{
    const struct account *account = company_account(&engine->company, name);
    struct instance *instance = NULL;
    const struct frame *frame = waiting_frame(engine, ready_oldest(account->waiting), &instance);
    enum account_kind kind = (enum account_kind)frame->money->wants;
    struct money cost = {.amount = frame->money->need};
    memcpy(cost.currency, frame->money->currency, sizeof(cost.currency));
    struct failure failure = no_room(engine, instance, frame, kind, &cost);
    char detail[3 * WORDS_BYTES];
    (void)snprintf(detail, sizeof(detail),
                   "%s; approve to let the step that waits longest go this once, approve with an "
                   "amount as value (\"1.00 %s\") to raise the cap by it %s, reject to fail the "
                   "steps that wait%s",
                   failure.detail, cost.currency,
                   kind == ACCOUNT_INSTANCE ? "for this instance" : "until the day ends (UTC)",
                   kind == ACCOUNT_INSTANCE ? "" : "; a new day lets them go, too");
    struct cause cause = {
        .kind = GATE_BUDGET,
        .agent = "",
        .action = "",
        .scope = name,
        .failure = failure_of(engine, failure.code, "a budget has no room for the work that waits",
                              detail),
    };
    circuit_emit(engine, &cause, NULL);
    const struct ready *ready = ready_oldest(account->waiting);
    for (; ready != NULL; ready = ready_younger(account->waiting, ready)) {
        frame = waiting_frame(engine, ready, &instance);
        circuit_meets(engine, instance, frame);
    }
}

static void account_review(struct engine *engine, const char *name)
{
    while (account_fund(engine, name)) {
    }
    const struct account *account = company_account(&engine->company, name);
    bool waits = account != NULL && account->waiting->count > 0;
    const struct gate *gate = company_circuit(&engine->company, GATE_BUDGET, "", "", name, "");
    if (waits && gate == NULL) {
        account_ask(engine, name);
    } else if (!waits && gate != NULL) {
        struct id id = gate->id;
        circuit_decide(engine, &id, NULL, false);
    }
}

void budgets_review(struct engine *engine)
{
    while (engine->accounts_reviewed < engine->accounts_touched.count) {
        account_review(engine, engine->accounts_touched.names[engine->accounts_reviewed++]);
    }
}

void budget_day_begin(struct engine *engine)
{
    if (engine->now < budget_day_end(&engine->company)) {
        return;
    }
    struct event event = engine_event(NULL, EVENT_BUDGET_DAY);
    event.at_ms = engine->now - engine->now % BUDGET_DAY_MS;
    engine_emit(engine, &event);
}

/* ---- a person's word ---- */

/* By how much an approval raises: what it says, or what the step that waits longest lacks. */
static bool raise_by(struct engine *engine, uint64_t token, const struct account *account,
                     const struct verdict_command *command, int64_t *ret_amount)
{
    struct money money = {0};
    if (command->value != NULL) {
        const char *text = json_string_value(doc_json(command->value));
        struct error err = {0};
        if (money_parse(text, &money, &err) != ERR_OK || money.amount == 0 ||
            strcmp(money.currency, account->currency) != 0) {
            engine_refuse(engine, token, ERR_INVALID,
                          "the value is by how much the cap is raised, an amount in %s such as "
                          "\"1.00 %s\"",
                          account->currency, account->currency);
            return false;
        }
        *ret_amount = money.amount;
        return true;
    }
    struct instance *instance = NULL;
    const struct frame *frame = waiting_frame(engine, ready_oldest(account->waiting), &instance);
    int64_t room = room_for(engine, instance, frame, (enum account_kind)frame->money->wants);
    /* what room there is may be promised to steps that wait for a store by now */
    int64_t lacks = room < 0 ? money_add(frame->money->need, -room) : frame->money->need - room;
    *ret_amount = lacks > 0 ? lacks : frame->money->need;
    return true;
}

static void account_raise(struct engine *engine, const struct account *account, int64_t amount,
                          const struct verdict_command *command)
{
    struct event event = engine_event(NULL, EVENT_BUDGET_RAISED);
    event.name = engine_text(engine, account->name);
    event.at_ms = amount;
    event.source = engine_text(engine, account->currency);
    event.text = engine_text(engine, command->reason);
    event.person = engine_text(engine, command->person);
    engine_emit(engine, &event);
}

/* The steps that wait fail: an error of the definition, which nothing catches that is not there by
 * now. What undoes something waits for a person by itself. */
static void account_stop(struct engine *engine, const struct account *account)
{
    size_t count = account->waiting->count;
    struct ready *list = engine_alloc(engine, (count + 1) * sizeof(*list));
    const struct ready *ready = ready_oldest(account->waiting);
    for (size_t i = 0; ready != NULL; i++) {
        list[i] = *ready;
        ready = ready_younger(account->waiting, ready);
    }
    for (size_t i = 0; i < count; i++) {
        struct instance *instance = engine_load(engine, &list[i].instance);
        struct frame *frame = instance == NULL ? NULL : instance_frame(instance, list[i].frame);
        if (frame == NULL || frame->money == NULL || frame->money->wants == 0 ||
            frame->ready_order != list[i].order) {
            continue; /* it was taken down with another one */
        }
        struct money cost = {.amount = frame->money->need};
        memcpy(cost.currency, frame->money->currency, sizeof(cost.currency));
        struct failure failure =
            no_room(engine, instance, frame, (enum account_kind)frame->money->wants, &cost);
        unsent_failed(engine, instance, frame, &failure);
        if (frame->purpose != PURPOSE_STEP) {
            gate_open(engine, instance, frame, GATE_PARKED, &failure, NULL);
        } else {
            fault_frame(engine, instance, frame,
                        error_of_failure(engine, &failure, frame_node(instance, frame)->pointer));
        }
        if (!instance->ended) {
            walk(engine, instance);
        }
    }
}

void budget_verdict(struct engine *engine, uint64_t token, const struct gate *gate,
                    const struct verdict_command *command)
{
    struct id id = gate->id;
    budgets_review(engine); /* what came before in this turn may have closed it */
    gate = company_gate(&engine->company, &id);
    if (gate == NULL) {
        engine_refuse(engine, token, ERR_CONFLICT, "the budget has room by now: nothing waits");
        return;
    }
    bool approve = command->verdict == VERDICT_APPROVE;
    if (!approve && command->verdict != VERDICT_REJECT) {
        engine_refuse(engine, token, ERR_INVALID,
                      "a gate of kind budget is approved, with or without an amount, or rejected");
        return;
    }
    const struct account *account = company_account(&engine->company, gate->scope);
    CHECK(account != NULL);
    CHECK(account->waiting->count > 0);
    int64_t amount = 0;
    if (approve && !raise_by(engine, token, account, command, &amount)) {
        return;
    }
    circuit_decide(engine, &id, command, false);
    if (approve) {
        account_raise(engine, account, amount, command);
    } else {
        account_stop(engine, account);
    }
    engine_reply_ok(engine, token, NULL, false);
}
