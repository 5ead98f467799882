/*
 * Flow control at the edge: levels to admission, events held back, and what of it is shown.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/metrics.h"
#include "coordinator/edge/edge_private.h"

enum { LOOK_MS = 500 }; /* at what no turn tells: disk and outbox */

void flow_init(struct edge *edge)
{
    static const uint64_t standard[BOUND_COUNT] = {ADMISSION_RUNNING, ADMISSION_OPEN,
                                                   ADMISSION_READY, ADMISSION_OUTBOX, 1};
    const struct edge_options *options = &edge->options;
    struct admission_levels *limits = &edge->admission.limits;
    for (int i = 0; i < BOUND_COUNT; i++) {
        limits->of[i] = standard[i];
    }
    limits->of[BOUND_RUNNING] = options->max_running > 0 ? options->max_running : standard[0];
    limits->of[BOUND_READY] = options->max_running > 0 ? options->max_running : standard[0];
    limits->of[BOUND_OPEN] = options->max_open > 0 ? options->max_open : standard[BOUND_OPEN];
    limits->of[BOUND_DISK] = options->watch_disk ? 1 : 0;
    event_window_init(&edge->window, EDGE_EVENTS_BATCH);
    edge->pulled = EDGE_EVENTS_BATCH;
}

static struct admission_levels flow_levels(struct edge *edge, int64_t now_ns)
{
    struct admission_levels levels = edge->admission.levels;
    const struct engine *engine = turn_engine(edge->turn);
    struct open_count open = company_open(engine_company(engine));
    levels.of[BOUND_RUNNING] = open.running;
    levels.of[BOUND_OPEN] = open.running + open.waiting + open.suspended;
    levels.of[BOUND_READY] = engine_ready(engine);
    levels.of[BOUND_OUTBOX] = outbox_waiting(edge->outbox);
    if (edge->options.watch_disk && now_ns >= edge->flow_look_ns) {
        edge->flow_look_ns = now_ns + (int64_t)LOOK_MS * 1000000;
        levels.of[BOUND_DISK] = admission_disk_missing(edge->options.data_dir);
    }
    return levels;
}

static void urgent_look(struct edge *edge)
{
    uint64_t urgent = engine_counters(turn_engine(edge->turn))->urgent;
    if (urgent != edge->urgent) {
        edge->urgent = urgent;
        event_window_urgent(&edge->window, clock_boot_ms());
    }
}

void flow_turn(struct edge *edge)
{
    urgent_look(edge);
    struct admission_levels levels = flow_levels(edge, clock_monotonic_ns());
    struct admission *admission = &edge->admission;
    if (admission_look(admission, &levels)) {
        char why[ADMISSION_REASON_BYTES];
        if (!admission_takes(admission, false, why)) {
            log_warn("no more events are taken, they wait on the bus: %s", why);
        } else {
            log_info("events are taken again");
        }
    }
    if (!admission->closed && edge->events_held > 0) {
        bus_pull_consumed(edge->events, edge->events_held);
        edge->events_held = 0;
    }
}

void flow_events_done(struct edge *edge, size_t count)
{
    int64_t cpu_ns = clock_thread_ns() - edge->turn_cpu_ns;
    event_window_turn(&edge->window, (unsigned)count, cpu_ns);
    unsigned size = event_window_size(&edge->window, clock_boot_ms());
    if (size != edge->pulled) {
        edge->pulled = size;
        bus_pull_window(edge->events, size);
    }
    if (edge->admission.closed) {
        edge->events_held += count;
    } else {
        bus_pull_consumed(edge->events, count);
    }
}

size_t flow_sort(struct edge *edge, void *const *taken, size_t count, struct item **items)
{
    size_t kept = 0;
    bool quiet = event_window_is_quiet(&edge->window, clock_boot_ms());
    for (size_t i = 0; !quiet && i < edge->quiet_count; i++) {
        items[kept++] = edge->quiet[i];
    }
    edge->quiet_count = quiet ? edge->quiet_count : 0;
    for (size_t i = 0; i < count; i++) {
        struct item *item = taken[i];
        bool waits = quiet && item->kind == ITEM_EVENT && edge->quiet_count < EDGE_EVENTS_BATCH;
        if (waits) {
            edge->quiet[edge->quiet_count++] = item;
        } else {
            items[kept++] = item;
        }
    }
    return kept;
}

int64_t flow_next_due(const struct edge *edge)
{
    const struct admission *admission = &edge->admission;
    bool look = admission->over[BOUND_DISK] || admission->over[BOUND_OUTBOX];
    int64_t look_ms = look ? clock_boot_ms() + LOOK_MS : INT64_MAX;
    int64_t quiet_ms = edge->quiet_count > 0 ? edge->window.quiet_until_ms : INT64_MAX;
    return look_ms < quiet_ms ? look_ms : quiet_ms;
}

bool flow_takes(void *user, bool urgent, char *why)
{
    struct edge *edge = user;
    bool takes = admission_takes(&edge->admission, urgent, why);
    if (!takes && edge->metrics.busy != NULL) {
        counter_add(edge->metrics.busy, 1);
    }
    return takes;
}

/* ---- metrics ---- */

/* The figures of one action at one store; those about what waits are of all its stores. */
struct action_metrics {
    struct metric *credit;
    struct metric *in_use;
    struct metric *ready;
    struct metric *since;
};

static struct action_metrics *action_metrics(struct edge *edge, const struct store *store,
                                             const char *action)
{
    char key[256];
    (void)snprintf(key, sizeof(key), "%s/%s/%s", store->agent, store->name, action);
    struct action_metrics *m = map_get_text(edge->action_metrics, key);
    if (m != NULL) {
        return m;
    }
    struct metrics *r = edge->metrics.registry;
    const char *const of_store[] = {"agent",  store->agent, "store", store->name,
                                    "action", action,       NULL};
    const char *const of_agent[] = {"agent", store->agent, "action", action, NULL};
    m = calloc(1, sizeof(*m));
    CHECK(m != NULL);
    m->credit =
        metrics_gauge(r, "mainstay_credit", "Tasks of an action that a store may hold", of_store);
    m->in_use = metrics_gauge(r, "mainstay_credit_in_use", "Tasks of an action that a store holds",
                              of_store);
    m->ready = metrics_gauge(r, "mainstay_ready_steps", "Steps that wait for a store with credit",
                             of_agent);
    m->since = metrics_gauge(r, "mainstay_ready_oldest_timestamp_seconds",
                             "Since when the oldest of them waits; 0: none does", of_agent);
    (void)map_put_text(edge->action_metrics, key, m, NULL);
    return m;
}

void flow_metrics_make(struct edge *edge)
{
    struct metrics *r = edge->metrics.registry;
    struct edge_metrics *m = &edge->metrics;
    m->held = metrics_gauge(r, "mainstay_events_held_back",
                            "Whether events are left on the bus because a bound is reached", NULL);
    m->window = metrics_gauge(r, "mainstay_event_window", "Events that a turn may take", NULL);
    m->busy = metrics_counter(r, "mainstay_busy_total",
                              "Starts and events by request that were refused as busy", NULL);
    for (int i = 0; i < BOUND_COUNT; i++) {
        const char *const labels[] = {"bound", admission_bound_name((enum admission_bound)i), NULL};
        m->bounds[i] =
            metrics_gauge(r, "mainstay_admission_level_ratio",
                          "How much of a bound is used; no events are taken from 1 up", labels);
    }
    edge->action_metrics = map_create();
    CHECK(edge->action_metrics != NULL);
}

void flow_metrics_release(struct edge *edge)
{
    map_destroy(&edge->action_metrics, free);
}

static void flow_metrics_store(struct edge *edge, const struct store *store)
{
    const struct company *company = engine_company(turn_engine(edge->turn));
    for (size_t i = 0; i < store->contract->action_count; i++) {
        const struct contract_action *action = &store->contract->actions[i];
        const struct action_metrics *m = action_metrics(edge, store, action->name);
        struct ready_wait wait = company_waiting(company, store->agent, action->name);
        uint32_t credit = store->state == STORE_LIVE ? store_credit(store, action) : 0;
        gauge_set(m->credit, credit);
        gauge_set(m->in_use, store_in_use(store, action->name));
        gauge_set(m->ready, (double)wait.steps);
        gauge_set(m->since, (double)wait.since_ms / 1000.0);
    }
}

void flow_metrics_give(struct edge *edge)
{
    const struct admission *admission = &edge->admission;
    gauge_set(edge->metrics.window, edge->pulled);
    gauge_set(edge->metrics.held, admission->closed ? 1.0 : 0.0);
    for (int i = 0; i < BOUND_COUNT; i++) {
        uint64_t limit = admission->limits.of[i];
        gauge_set(edge->metrics.bounds[i],
                  limit == 0 ? 0.0 : (double)admission->levels.of[i] / (double)limit);
    }
    size_t cursor = 0;
    const struct store *store = NULL;
    const struct map *stores = engine_company(turn_engine(edge->turn))->stores;
    while ((store = map_next(stores, &cursor, NULL, NULL)) != NULL) {
        flow_metrics_store(edge, store);
    }
}
