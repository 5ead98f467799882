/*
 * Figures for Prometheus and readiness. Counters are copied after each turn, so that the server's
 * thread never reads what a turn writes.
 */
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/base/map.h"
#include "common/base/metrics.h"
#include "common/base/str.h"
#include "common/http/http_server.h"
#include "common/store/kv.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/edge/lanes.h"
#include "coordinator/tables/tables.h"

static bool health_ready(void *user, struct buf *why)
{
    struct edge *edge = user;
    if (!atomic_load(&edge->connected)) {
        buf_append_str(why, "the bus is not connected\n");
        return false;
    }
    return true;
}

static void metrics_make(struct edge *edge)
{
    struct metrics *r = metrics_create("coordinator", edge->options.version);
    struct edge_metrics *m = &edge->metrics;
    m->registry = r;
    m->turns = metrics_counter(r, "mainstay_turns_total", "Turns run", NULL);
    m->turn_seconds = metrics_histogram(r, "mainstay_turn_seconds",
                                        "Time of a turn from its first command to its last order",
                                        NULL, METRIC_SECONDS);
    m->commands = metrics_counter(r, "mainstay_commands_total", "Commands decided", NULL);
    m->journal_sequence =
        metrics_gauge(r, "mainstay_journal_sequence", "Sequence of the last journal batch", NULL);
    m->journal_events =
        metrics_counter(r, "mainstay_journal_events_total", "Journal events written", NULL);
    m->steps = metrics_counter(r, "mainstay_steps_completed_total", "Steps completed", NULL);
    m->started = metrics_counter(r, "mainstay_instances_started_total", "Instances started", NULL);
    m->completed =
        metrics_counter(r, "mainstay_instances_completed_total", "Instances completed", NULL);
    m->faulted = metrics_counter(r, "mainstay_instances_faulted_total", "Instances faulted", NULL);
    m->cancelled =
        metrics_counter(r, "mainstay_instances_cancelled_total", "Instances cancelled", NULL);
    m->duplicates = metrics_counter(r, "mainstay_duplicates_total",
                                    "Known events and repeated answers, recognised", NULL);
    m->stale = metrics_counter(r, "mainstay_stale_results_total",
                               "Answers nobody waited for any more", NULL);
    m->late_effects = metrics_counter(
        r, "mainstay_late_effects_total",
        "Effects that happened although nobody waited for the answer any more", NULL);
    m->refused = metrics_counter(r, "mainstay_refused_total", "Commands refused", NULL);
    m->redispatched = metrics_counter(r, "mainstay_redispatched_total", "Tasks sent again", NULL);
    m->outstanding = metrics_gauge(r, "mainstay_tasks_outstanding", "Tasks that stores hold", NULL);
    m->ready =
        metrics_gauge(r, "mainstay_steps_ready", "Steps that wait for a store with credit", NULL);
    m->gates = metrics_gauge(r, "mainstay_gates_open", "Gates that wait for a person", NULL);
    m->leases = metrics_gauge(r, "mainstay_locks_held", "Entities that an instance holds", NULL);
    m->lock_waits =
        metrics_gauge(r, "mainstay_locks_waiting", "Steps that wait for an entity", NULL);
    m->leases_expired = metrics_counter(r, "mainstay_locks_expired_total",
                                        "Leases that came to their deadline", NULL);
    m->deadlocks = metrics_counter(r, "mainstay_deadlocks_total",
                                   "Locks refused because waiting would close a circle", NULL);
    m->hellos_ignored = metrics_counter(r, "mainstay_hellos_ignored_total",
                                        "Hellos that came too often to be answered", NULL);
    m->budget_waits = metrics_gauge(r, "mainstay_budgets_exhausted",
                                    "Budgets that have no room for work that waits", NULL);
    m->budget_overruns = metrics_counter(r, "mainstay_budget_overruns_total",
                                         "Answers that cost more than their contract says", NULL);
    m->dead_letters = metrics_gauge(r, "mainstay_dead_letters", "Dead letters kept", NULL);
    m->mailbox = metrics_gauge(r, "mainstay_mailbox_items", "Items waiting for a turn", NULL);
    m->store_syncs =
        metrics_counter(r, "mainstay_store_syncs_total", "Synced commits of the store", NULL);
    m->store_bytes =
        metrics_counter(r, "mainstay_store_written_bytes_total", "Bytes committed", NULL);
    m->bus_connected =
        metrics_gauge(r, "mainstay_bus_connected", "Whether the bus is connected", NULL);
    m->step_seconds = metrics_histogram(
        r, "mainstay_agent_step_seconds",
        "Time an agent took for one phase of a step, by its own account", NULL, METRIC_SECONDS);
    m->blobs_fetched =
        metrics_counter(r, "mainstay_blobs_fetched_total",
                        "Outputs fetched from stores, too large for a message", NULL);
    m->blobs_missed = metrics_counter(
        r, "mainstay_blobs_missed_total",
        "Results dropped until they come again, because their stores did not give the outputs",
        NULL);
    m->blobs_refused = metrics_counter(r, "mainstay_blobs_refused_total",
                                       "Outputs that are not what their results said", NULL);
    flow_metrics_make(edge);
}

enum err edge_health_start(struct edge *edge, struct error *err)
{
    metrics_make(edge);
    const char *where = edge->options.metrics;
    if (where == NULL || strcmp(where, "off") == 0) {
        return ERR_OK;
    }
    const char *colon = strrchr(where, ':');
    uint64_t port = 0;
    char host[64];
    if (colon == NULL || !text_to_u64(colon + 1, &port) || port > 65535 ||
        (size_t)(colon - where) >= sizeof(host)) {
        return error_set(err, ERR_INVALID,
                         "--metrics takes ADDRESS:PORT (port 0: any free one) or 'off', not '%s'",
                         where);
    }
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    struct http_health_options options = {
        .host = host,
        .port = (unsigned)port,
        .allow_remote = true,
        .metrics = edge->metrics.registry,
        .ready = health_ready,
        .user = edge,
    };
    TRY(http_health_start(&options, &edge->http, err));
    (void)snprintf(edge->metrics_url, sizeof(edge->metrics_url), "http://%s:%u/metrics", host,
                   http_server_port(edge->http));
    return ERR_OK;
}

void health_stop(struct edge *edge)
{
    http_server_stop(&edge->http);
    metrics_destroy(&edge->metrics.registry);
    flow_metrics_release(edge);
}

static void counters_give(struct edge *edge, const struct engine_counters *now)
{
    struct edge_metrics *m = &edge->metrics;
    const struct engine_counters *seen = &edge->seen;
    counter_add(m->commands, now->commands - seen->commands);
    counter_add(m->journal_events, now->events - seen->events);
    counter_add(m->steps, now->steps_completed - seen->steps_completed);
    counter_add(m->started, now->instances_started - seen->instances_started);
    counter_add(m->completed, now->instances_completed - seen->instances_completed);
    counter_add(m->faulted, now->instances_faulted - seen->instances_faulted);
    counter_add(m->cancelled, now->instances_cancelled - seen->instances_cancelled);
    counter_add(m->duplicates, now->duplicates - seen->duplicates);
    counter_add(m->stale, now->stale_results - seen->stale_results);
    counter_add(m->late_effects, now->late_effects - seen->late_effects);
    counter_add(m->refused, now->refused - seen->refused);
    counter_add(m->leases_expired, now->leases_expired - seen->leases_expired);
    counter_add(m->deadlocks, now->deadlocks - seen->deadlocks);
    counter_add(m->budget_overruns, now->budget_overruns - seen->budget_overruns);
    counter_add(m->redispatched, now->redispatched - seen->redispatched);
    edge->seen = *now;
}

void health_turn(struct edge *edge, int64_t turn_ns)
{
    struct edge_metrics *m = &edge->metrics;
    const struct engine *engine = turn_engine(edge->turn);
    counter_add(m->turns, 1);
    histogram_observe_ns(m->turn_seconds, turn_ns);
    counters_give(edge, engine_counters(engine));
    gauge_set(m->journal_sequence, (double)tables_sequence(turn_tables(edge->turn)));
    gauge_set(m->outstanding, (double)engine_outstanding(engine));
    gauge_set(m->ready, (double)engine_ready(engine));
    gauge_set(m->gates, (double)map_count(engine_company(engine)->gates));
    const struct company *company = engine_company(engine);
    gauge_set(m->leases, (double)company->leases);
    gauge_set(m->budget_waits, (double)company_circuits(company, GATE_BUDGET));
    gauge_set(m->lock_waits, (double)(map_count(company->claims) - company->leases));
    gauge_set(m->dead_letters, (double)tables_letter_count(turn_tables(edge->turn)));
    gauge_set(m->mailbox, (double)(mailbox_count(edge->mailbox) + lanes_count(edge->lanes)));
    gauge_set(m->bus_connected, atomic_load(&edge->connected) ? 1.0 : 0.0);
    struct tables_figures figures;
    tables_figures(turn_tables(edge->turn), &figures);
    counter_add(m->store_syncs, figures.synced - edge->figures.synced);
    counter_add(m->store_bytes, figures.bytes - edge->figures.bytes);
    edge->figures = figures;
    flow_metrics_give(edge);
    lanes_metrics_give(edge->lanes);
}
