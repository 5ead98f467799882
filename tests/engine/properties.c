/*
 * What holds at the end of every turn of the engine's scenarios.
 */
#include "common/base/map.h"
#include "tests/engine/harness.h"

size_t table_rows(struct harness *h, char table)
{
    const char lower[] = {0, 0, table};
    const char upper[] = {0, 0, (char)(table + 1)};
    struct kv_range range = {.family = 0,
                             .lower = {.data = lower, .size = sizeof(lower)},
                             .upper = {.data = upper, .size = sizeof(upper)}};
    struct kv_iter *iter = kv_iter_create(h->kv, &range);
    size_t rows = 0;
    for (kv_iter_seek_first(iter); kv_iter_valid(iter); kv_iter_next(iter)) {
        rows++;
    }
    kv_iter_destroy(&iter);
    return rows;
}

size_t open_instances(struct harness *h)
{
    return table_rows(h, 'A') + table_rows(h, 'W');
}

static uint64_t open_counted(const struct engine *engine)
{
    uint64_t total = 0;
    size_t cursor = 0;
    const struct definition *definition = NULL;
    while ((definition = map_next(engine_company(engine)->definitions, &cursor, NULL, NULL)) !=
           NULL) {
        total += definition->open.running + definition->open.waiting + definition->open.suspended;
    }
    return total;
}

/* Who claims an entity has a frame that says so, nobody has one twice over, and nobody waits for
 * what nobody has unless he is paused. */
static void locks_check(struct harness *h)
{
    struct engine *engine = turn_engine(h->turn);
    const struct company *company = engine_company(engine);
    size_t cursor = 0;
    size_t claims = 0;
    uint64_t leases = 0;
    const struct lock *lock = NULL;
    while ((lock = map_next(company->locks, &cursor, NULL, NULL)) != NULL) {
        for (const struct claim *it = lock->first; it != NULL; it = it->behind) {
            struct instance *instance = engine_instance(engine, &it->instance);
            cr_assert(instance != NULL, "a claim on %s of nobody", lock->entity);
            const struct frame *frame = instance_frame(instance, it->frame);
            cr_assert(frame != NULL && frame->lock != NULL && frame->lock->order == it->order);
            cr_assert_str_eq(frame->lock->entity, lock->entity);
            cr_assert_eq(it == lock->holder, frame->lock->lease == LEASE_HELD);
            cr_assert(lock->holder != NULL || instance->paused != NULL,
                      "%s is free and somebody waits for it", lock->entity);
            claims++;
        }
        leases += lock->holder != NULL ? 1 : 0;
    }
    cr_assert_eq(company->leases, leases);
    cr_assert_eq(map_count(company->claims), claims);
    cr_assert_eq(table_rows(h, 'V'), claims, "claim rows");
}

/* What is reserved in all accounts by the open steps of all instances; who waits for money is in
 * the account that has no room, which a gate asks about. */
static void money_check(struct harness *h)
{
    struct engine *engine = turn_engine(h->turn);
    const struct company *company = engine_company(engine);
    int64_t held = 0;
    uint64_t wanting = 0;
    for (size_t i = 0; i < h->instance_count; i++) {
        const struct instance *instance = engine_instance(engine, &h->instances[i]);
        for (uint32_t f = 0; instance != NULL && f < instance->frame_count; f++) {
            const struct frame *frame = instance->frames[f];
            for (uint32_t bit = 1; frame->money != NULL && bit < ACCOUNT_KIND_END; bit <<= 1U) {
                held += (frame->money->accounts & bit) != 0 ? frame->money->held : 0;
            }
            bool wants = frame->money != NULL && frame->money->wants != 0;
            cr_assert(!wants || frame->state == FRAME_READY);
            wanting += wants && instance->paused == NULL ? 1 : 0;
        }
    }
    size_t cursor = 0;
    uint64_t waiting = 0;
    int64_t reserved = 0;
    const struct account *account = NULL;
    while ((account = map_next(company->accounts, &cursor, NULL, NULL)) != NULL) {
        reserved += account->reserved;
        waiting += account->waiting->count;
        cr_assert(!account_is_idle(account), "%s is left over", account->name);
        cr_assert_eq(account->waiting->count > 0,
                     company_circuit(company, GATE_BUDGET, "", "", account->name, "") != NULL,
                     "the gate of %s", account->name);
    }
    cr_assert_eq(reserved, held, "money reserved without a step");
    cr_assert_eq(waiting, wanting);
    cr_assert_eq(table_rows(h, 'I'), map_count(company->accounts), "account rows");
}

void harness_check(struct harness *h)
{
    struct engine *engine = turn_engine(h->turn);
    size_t due = 0;
    size_t gates = engine_clock_held(engine) ? 1 : 0;
    gates += map_count(engine_company(engine)->circuits);
    size_t open = 0;
    locks_check(h);
    money_check(h);
    for (size_t i = 0; i < h->instance_count; i++) {
        struct instance *instance = engine_instance(engine, &h->instances[i]);
        if (instance == NULL) {
            continue;
        }
        open++;
        instance_check(instance);
        cr_assert_eq(instance->timer_ms, instance_due(instance), "i%zu: timer row is wrong", i + 1);
        due += instance->timer_ms != 0 ? 1 : 0;
        for (uint32_t f = 0; f < instance->frame_count; f++) {
            gates += instance->frames[f]->has_gate ? 1 : 0;
        }
    }
    cr_assert_eq(open_instances(h), open);
    cr_assert_eq(table_rows(h, 'P'), open, "rows of open instances by start");
    cr_assert_eq(open_counted(engine), open, "counts of open instances");
    cr_assert_eq(table_rows(h, 'T'), due, "timer rows");
    cr_assert_eq(table_rows(h, 'G'), gates, "gate rows");
    points_check(h);
    if (open == 0) {
        cr_assert_eq(table_rows(h, 'L'), 0, "listener rows are left");
        cr_assert_eq(engine_outstanding(engine), 0, "tasks in flight are left");
        cr_assert_eq(engine_ready(engine), 0, "ready steps are left");
    }
}
