/*
 * The ready table: credit, priority, fairness, patience, rates.
 */
#include <stdio.h>
#include <string.h>

#include "coordinator/engine/ready.h"
#include "tests/engine/harness.h"

#define ACTION(name, more)                                                                     \
    "\"" name "\":{\"title\":\"t\",\"input\":{},\"output\":{},\"effect\":\"pure\",\"phases\":" \
    "[\"decide\"],\"timeout\":\"PT5S\"" more "}"
#define WORKER(actions) \
    "{\"agent\":\"worker\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{" actions "}}"

static void deploy_named(struct harness *h, const char *name, const char *metadata,
                         const char *action)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "document: {dsl: 1.0.3, namespace: test, name: %s, version: 1.0.0,\n"
                   "           metadata: {mainstay: {%s}}}\n"
                   "do: [{w: {call: %s@worker, with: {input: {}}}}]\n",
                   name, metadata, action);
    deploy(h, text);
}

/* Answer the newest task and say which instance got the next one: "" none. */
static const char *next_of(struct harness *h, char name[32])
{
    size_t before = h->sent_count;
    struct sent *last = &h->sent[before - 1];
    for (size_t i = 0; i < h->instance_count; i++) {
        if (id_equal(&h->instances[i], &last->instance)) {
            char step[32];
            (void)snprintf(step, sizeof(step), "i%zu:/do/0/w", i + 1);
            done(h, step, "{}");
            break;
        }
    }
    name[0] = '\0';
    for (size_t i = 0; h->sent_count > before && i < h->instance_count; i++) {
        if (id_equal(&h->instances[i], &h->sent[before].instance)) {
            (void)snprintf(name, 32, "i%zu", i + 1);
        }
    }
    return name;
}

/* Answer tasks until none is out; the order in which instances got theirs after the first. */
static void order_of(struct harness *h, char *out, size_t size)
{
    char name[32];
    size_t used = 0;
    out[0] = '\0';
    while (next_of(h, name)[0] != '\0' && used < size) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "", name);
    }
}

SCENARIO(ready, credit_is_of_the_store_and_the_action)
{
    hello(h, WORKER(ACTION("slow", "") "," ACTION("fast", ",\"quick\":true")), "s1", 8);
    deploy_named(h, "slow", "priority: 1", "slow");
    deploy_named(h, "fast", "priority: 5", "fast");
    for (int i = 0; i < 6; i++) {
        start(h, "test/slow", "{}");
    }
    cr_expect_eq(h->sent_count, 4, "four times the concurrency of 1, not %zu", h->sent_count);
    cr_expect_eq(engine_ready(turn_engine(h->turn)), 2);
    start(h, "test/fast", "{}");
    cr_expect_eq(h->sent_count, 5, "another action has credit of its own");
    const struct store *store = company_store(engine_company(turn_engine(h->turn)), "worker", "s1");
    cr_expect_eq(store_in_use(store, "slow"), 4);
    cr_expect_eq(store_in_use(store, "fast"), 1);
    done(h, "i1:/do/0/w", "{}");
    cr_expect_eq(h->sent_count, 6, "a result gives its credit back");
    cancel(h, 2);
    cr_expect_eq(h->sent_count, 7, "and so does what is called back");
    store = company_store(engine_company(turn_engine(h->turn)), "worker", "s1");
    cr_expect_eq(store_in_use(store, "slow"), 4);
    forget_trace(h);
}

SCENARIO(ready, processes_take_turns)
{
    char order[128];
    hello(h, PURE, "s1", 1);
    deploy_named(h, "many", "", "work");
    deploy_named(h, "few", "", "work");
    for (int i = 0; i < 6; i++) {
        start(h, "test/many", "{}");
    }
    start(h, "test/few", "{}");
    start(h, "test/few", "{}");
    order_of(h, order, sizeof(order));
    cr_expect_str_eq(order, "i2 i7 i3 i8 i4 i5 i6");
    forget_trace(h);
}

SCENARIO(ready, customers_take_turns_by_weight)
{
    char order[128];
    hello(h, PURE, "s1", 1);
    deploy_named(h, "plain", "fairness: {key: .who}", "work");
    deploy_named(h, "heavy", "fairness: {key: '${ .who }', weight: 2}", "work");
    for (int i = 0; i < 5; i++) {
        start(h, "test/plain", "{\"who\":\"a\"}");
    }
    for (int i = 0; i < 4; i++) {
        start(h, "test/heavy", "{\"who\":7}");
    }
    start(h, "test/plain", "{\"who\":\"b\"}");
    start(h, "test/plain", "{}");
    order_of(h, order, sizeof(order));
    cr_expect_str_eq(order, "i2 i6 i10 i11 i7 i3 i8 i9 i4 i5");
    forget_trace(h);
}

SCENARIO(ready, who_has_waited_long_does_not_starve)
{
    char name[32];
    hello(h, PURE, "s1", 1);
    deploy_named(h, "urgent", "priority: 1", "work");
    deploy_named(h, "idle", "priority: 5", "work");
    start(h, "test/urgent", "{}");
    start(h, "test/idle", "{}");
    for (int i = 0; i < 40; i++) {
        start(h, "test/urgent", "{}");
        cr_expect_str_neq(next_of(h, name), "i2", "priority holds at first");
    }
    advance(h, 11000);
    int rounds = 0;
    do {
        start(h, "test/urgent", "{}");
        rounds++;
    } while (strcmp(next_of(h, name), "i2") != 0 && rounds < 150);
    cr_expect_lt(rounds, 150);
    forget_trace(h);
    while (next_of(h, name)[0] != '\0') {
    }
    forget_trace(h);
}

SCENARIO(ready, what_is_taken_down_leaves_the_queue)
{
    char order[128];
    hello(h, PURE, "s1", 1);
    deploy_named(h, "many", "", "work");
    deploy_named(h, "few", "", "work");
    for (int i = 0; i < 4; i++) {
        start(h, "test/many", "{}");
    }
    start(h, "test/few", "{}");
    cancel(h, 5);
    cancel(h, 4);
    start(h, "test/many", "{}");
    start(h, "test/few", "{}");
    cr_expect_eq(engine_ready(turn_engine(h->turn)), 4);
    order_of(h, order, sizeof(order));
    cr_expect_str_eq(order, "i2 i7 i3 i6");
    forget_trace(h);
}

SCENARIO(ready, a_rate_is_kept_across_restarts)
{
    hello(h, WORKER(ACTION("work", ",\"quick\":true,\"rate\":{\"count\":2,\"per\":\"PT10S\"}")),
          "s1", 64);
    deploy_named(h, "rated", "", "work");
    for (int i = 0; i < 5; i++) {
        start(h, "test/rated", "{}");
    }
    cr_expect_eq(h->sent_count, 2, "a full bucket at first");
    tick(h);
    cr_expect(h->restarts || turn_next_due(h->turn) == h->now + 5000);
    advance(h, 4000);
    cr_expect_eq(h->sent_count, 2);
    advance(h, 1100);
    cr_expect_eq(h->sent_count, 3, "one after half of the time, not %zu", h->sent_count);
    done(h, "i1:/do/0/w", "{}");
    cr_expect_eq(h->sent_count, 3, "an answer is no start");
    advance(h, 10000);
    cr_expect_eq(h->sent_count, 5);
    advance(h, 10000);
    cr_expect_eq(table_rows(h, 'R'), 1);
    for (int i = 2; i <= 5; i++) {
        char step[32];
        (void)snprintf(step, sizeof(step), "i%d:/do/0/w", i);
        done(h, step, "{}");
    }
    forget_trace(h);
}

#define OF_KEY "{x: {call: work@worker, with: {idempotencyKey: k, input: {}}}}"
#define PLAIN  "{x: {call: work@worker}}"
#define BRANCHES(first, second, third, fourth)                      \
    "- f:\n    fork:\n      branches:\n"                            \
    "      - a: {do: [" first "]}\n      - b: {do: [" second "]}\n" \
    "      - c: {do: [" third "]}\n      - d: {do: [" fourth "]}\n"

/* A restart puts a step that waits into the queue of the store that has its effect; so must the
 * dispatch of another step under the same key, or the turns that follow depend on restarts. */
SCENARIO(ready, steps_of_one_key_wait_the_same_with_and_without_a_restart)
{
    hello(h, KEYED, "s1", 1);
    deploy_tasks(h, BRANCHES(OF_KEY, PLAIN ", {y: {call: work@worker}}", PLAIN, OF_KEY));
    run(h, "{}");
    cr_assert_eq(h->sent_count, 1);
    for (int i = 0; i < 5 && open_instances(h) > 0; i++) {
        char step[160];
        (void)snprintf(step, sizeof(step), "%s", h->sent[h->sent_count - 1].step);
        done(h, step, "{}");
        harness_replay(h);
    }
    cr_expect_eq(h->sent_count, 5);
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(ready, a_step_whose_key_is_with_a_store_that_left_holds_nobody_up)
{
    hello(h, KEYED, "s1", 1);
    deploy_tasks(h, BRANCHES(OF_KEY, OF_KEY, PLAIN, PLAIN));
    run(h, "{}");
    cr_assert_eq(h->sent_count, 1);
    leave(h, "worker", "s1");
    hello(h, KEYED, "s2", 8);
    cr_expect_eq(h->sent_count, 3, "all but b, whose effect is with s1");
    forget_trace(h);
}

/* The table against a list that is searched: 2000 random changes. */
Test(ready, the_trees_agree_with_a_list)
{
    enum { FLOWS = 7, ENTRIES = 300 };
    struct ready *list[ENTRIES] = {0};
    struct ready_queue *queue = ready_queue_create("a\nb\n\n");
    uint64_t state = 42;
    for (uint64_t order = 1; order <= 20000; order++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        size_t at = (size_t)(state >> 33U) % ENTRIES;
        if (list[at] != NULL) {
            ready_remove(list[at]);
            list[at] = NULL;
        } else {
            struct ready made = {.order = order,
                                 .priority = (int)(state >> 20U) % 5 + 1,
                                 .flow = (state >> 40U) % FLOWS};
            made.priority = made.priority < 1 ? 1 : made.priority;
            made.tag = ready_tag(queue, made.priority, made.flow, 1 + (uint32_t)made.flow);
            list[at] = ready_add(queue, &made);
        }
        const struct ready *next = NULL;
        const struct ready *oldest = NULL;
        size_t count = 0;
        for (size_t i = 0; i < ENTRIES; i++) {
            const struct ready *it = list[i];
            count += it != NULL ? 1 : 0;
            if (it != NULL && (oldest == NULL || it->order < oldest->order)) {
                oldest = it;
            }
            if (it != NULL &&
                (next == NULL || it->priority < next->priority ||
                 (it->priority == next->priority &&
                  (it->tag < next->tag || (it->tag == next->tag && it->order < next->order))))) {
                next = it;
            }
        }
        cr_assert_eq(queue->count, count);
        cr_assert_eq(ready_next(queue), next);
        cr_assert_eq(ready_oldest(queue), oldest);
    }
    cr_expect(ready_queue_is_of(queue, "a", NULL));
    cr_expect(ready_queue_is_of(queue, "a", "b"));
    cr_expect_not(ready_queue_is_of(queue, "a", "bb"));
    cr_expect_not(ready_queue_is_of(queue, "aa", NULL));
    ready_queue_destroy(queue);
}
