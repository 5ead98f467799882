/*
 * How much work may be out: queues of ready steps, credit of stores, rates of actions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/map.h"
#include "coordinator/engine/company.h"
#include "coordinator/engine/company_private.h"

enum { NAME_BYTES = 256, CREDIT_PER_PLACE = 4, QUEUES_KEPT = 256 };

static void *must(void *memory)
{
    CHECK(memory != NULL);
    return memory;
}

struct ready_queue *company_queue(struct company *company, const char *key)
{
    struct ready_queue *queue = map_get_text(company->queues, key);
    if (queue == NULL) {
        queue = ready_queue_create(key);
        (void)map_put_text(company->queues, key, queue, NULL);
    }
    return queue;
}

void company_drop_queues(struct company *company)
{
    size_t cursor = 0;
    struct ready_queue *queue = NULL;
    while (map_count(company->queues) > QUEUES_KEPT &&
           (queue = map_next(company->queues, &cursor, NULL, NULL)) != NULL) {
        if (queue->count == 0) {
            (void)map_remove_text(company->queues, queue->key);
            ready_queue_destroy(queue);
        }
    }
}

struct open_count company_open(const struct company *company)
{
    struct open_count total = {0};
    size_t cursor = 0;
    const struct definition *definition = NULL;
    while ((definition = map_next(company->definitions, &cursor, NULL, NULL)) != NULL) {
        total.running += definition->open.running;
        total.waiting += definition->open.waiting;
        total.suspended += definition->open.suspended;
    }
    return total;
}

struct ready_wait company_waiting(const struct company *company, const char *agent,
                                  const char *action)
{
    struct ready_wait wait = {0};
    size_t cursor = 0;
    const struct ready_queue *queue = NULL;
    while ((queue = map_next(company->queues, &cursor, NULL, NULL)) != NULL) {
        const struct ready *oldest = queue->count > 0 && ready_queue_is_of(queue, agent, action)
                                         ? ready_oldest(queue)
                                         : NULL;
        if (oldest != NULL) {
            wait.steps += queue->count;
            bool first = wait.since_ms == 0 || oldest->since_ms < wait.since_ms;
            wait.since_ms = first ? oldest->since_ms : wait.since_ms;
        }
    }
    return wait;
}

/* ---- credit ---- */

void uses_free(struct store *store)
{
    for (size_t i = 0; i < store->use_count; i++) {
        free(store->uses[i].action);
    }
    free(store->uses);
}

uint32_t store_in_use(const struct store *store, const char *action)
{
    for (size_t i = 0; i < store->use_count; i++) {
        if (strcmp(store->uses[i].action, action) == 0) {
            return store->uses[i].outstanding;
        }
    }
    return 0;
}

struct action_use *store_use(struct store *store, const char *action)
{
    for (size_t i = 0; i < store->use_count; i++) {
        if (strcmp(store->uses[i].action, action) == 0) {
            return &store->uses[i];
        }
    }
    store->uses = must(realloc(store->uses, (store->use_count + 1) * sizeof(*store->uses)));
    struct action_use *use = &store->uses[store->use_count++];
    *use = (struct action_use){.action = must(strdup(action))};
    return use;
}

uint32_t store_credit(const struct store *store, const struct contract_action *action)
{
    uint64_t credit = (uint64_t)action->concurrency * CREDIT_PER_PLACE;
    return action->quick || credit > store->capacity ? store->capacity : (uint32_t)credit;
}

/* ---- rates ---- */

void rate_free(void *value)
{
    struct rate *rate = value;
    free(rate->agent);
    free(rate->action);
    free(rate);
}

static void rate_key(char key[NAME_BYTES], const char *agent, const char *action)
{
    (void)snprintf(key, NAME_BYTES, "%s/%s", agent, action);
}

const struct rate *company_rate(const struct company *company, const char *agent,
                                const char *action)
{
    char key[NAME_BYTES];
    rate_key(key, agent, action);
    return map_get_text(company->rates, key);
}

struct rate *company_add_rate(struct company *company, const char *agent, const char *action)
{
    char key[NAME_BYTES];
    rate_key(key, agent, action);
    struct rate *rate = map_get_text(company->rates, key);
    if (rate == NULL) {
        rate = must(calloc(1, sizeof(*rate)));
        rate->agent = must(strdup(agent));
        rate->action = must(strdup(action));
        (void)map_put_text(company->rates, key, rate, NULL);
    }
    return rate;
}

/* One token takes so long to come back; rounded up, so that never more pass than allowed. */
static int64_t token_us(const struct contract_action *action)
{
    return (action->rate_ms * 1000 + action->rate_count - 1) / action->rate_count;
}

int64_t rate_next_ms(const struct company *company, const struct contract_action *action,
                     const char *agent, int64_t now_ms)
{
    const struct rate *rate =
        action->rate_count == 0 ? NULL : company_rate(company, agent, action->name);
    if (rate == NULL) {
        return now_ms;
    }
    int64_t bucket_us = token_us(action) * ((int64_t)action->rate_count - 1);
    int64_t next_us = rate->full_us - bucket_us;
    return next_us <= now_ms * 1000 ? now_ms : (next_us + 999) / 1000;
}

void rate_take(struct rate *rate, const struct contract_action *action, int64_t now_ms)
{
    int64_t from = rate->full_us > now_ms * 1000 ? rate->full_us : now_ms * 1000;
    rate->full_us = from + token_us(action);
    rate->changed = true;
}
