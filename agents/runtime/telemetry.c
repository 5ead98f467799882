#include "agents/runtime/telemetry.h"

#include <stdlib.h>

#include "agents/runtime/contract.h"
#include "agents/runtime/outcomes.h"
#include "agents/runtime/pool.h"
#include "agents/runtime/runtime.h"
#include "agents/runtime/sender.h"
#include "common/base/metrics.h"

enum { STATUSES = 5 }; /* of ResultStatus, unspecified included */

struct action_metrics {
    struct metric *answered[STATUSES];
    struct metric *seconds;
};

struct telemetry {
    struct metrics *metrics;
    struct runtime *runtime;
    size_t action_count;
    struct action_metrics *actions; /* the last one is of unknown actions */
    struct metric *outcomes;
    struct metric *messages;
    struct metric *bytes_in;
    struct metric *published;
    struct metric *bytes_out;
    struct metric *dead_letters;
    struct metric *dropped;
};

static double read_syncs(void *user)
{
    struct telemetry *telemetry = user;
    return (double)outcomes_syncs(telemetry->runtime->outcomes);
}

static double read_queued(void *user)
{
    struct telemetry *telemetry = user;
    return telemetry->runtime->pool == NULL ? 0.0 : (double)pool_queued(telemetry->runtime->pool);
}

static double read_running(void *user)
{
    struct telemetry *telemetry = user;
    return telemetry->runtime->pool == NULL ? 0.0 : (double)pool_running(telemetry->runtime->pool);
}

static double read_waiting(void *user)
{
    struct telemetry *telemetry = user;
    return telemetry->runtime->sender == NULL ? 0.0
                                              : (double)sender_waiting(telemetry->runtime->sender);
}

static void actions_register(struct telemetry *telemetry)
{
    static const char *const statuses[STATUSES] = {"unspecified", "done", "failed", "running",
                                                   "recalled"};
    const struct contract *contract = telemetry->runtime->contract;
    for (size_t i = 0; i <= telemetry->action_count; i++) {
        const char *name = i < telemetry->action_count ? contract->actions[i].name : "(unknown)";
        for (size_t status = 1; status < STATUSES; status++) {
            const char *const labels[] = {"action", name, "status", statuses[status], NULL};
            telemetry->actions[i].answered[status] =
                metrics_counter(telemetry->metrics, "mainstay_agent_tasks_total",
                                "Tasks answered, by action and status.", labels);
        }
        const char *const labels[] = {"action", name, NULL};
        telemetry->actions[i].seconds =
            metrics_histogram(telemetry->metrics, "mainstay_agent_task_seconds",
                              "Time from start to end of a task.", labels, METRIC_SECONDS);
    }
}

static void gauge_register(struct telemetry *telemetry, const char *name, const char *help,
                           metric_read_fn *read)
{
    struct metric *metric = metrics_gauge(telemetry->metrics, name, help, NULL);
    metric_set_reader(telemetry->metrics, metric, read, telemetry);
}

struct telemetry *telemetry_create(struct runtime *runtime, const char *program)
{
    struct telemetry *telemetry = calloc(1, sizeof(*telemetry));
    if (telemetry == NULL) {
        return NULL;
    }
    telemetry->runtime = runtime;
    telemetry->action_count = runtime->contract->action_count;
    telemetry->actions = calloc(telemetry->action_count + 1, sizeof(telemetry->actions[0]));
    telemetry->metrics = metrics_create(program, runtime->definition->version);
    if (telemetry->actions == NULL || telemetry->metrics == NULL) {
        telemetry_destroy(&telemetry);
        return NULL;
    }
    struct metrics *metrics = telemetry->metrics;
    actions_register(telemetry);
    telemetry->outcomes = metrics_counter(metrics, "mainstay_agent_outcomes_total",
                                          "Outcomes and intents written to the store.", NULL);
    telemetry->messages =
        metrics_counter(metrics, "mainstay_agent_messages_total", "Task messages received.", NULL);
    telemetry->bytes_in = metrics_counter(metrics, "mainstay_agent_received_bytes_total",
                                          "Bytes of task messages received.", NULL);
    telemetry->published = metrics_counter(metrics, "mainstay_agent_published_total",
                                           "Result messages published.", NULL);
    telemetry->bytes_out = metrics_counter(metrics, "mainstay_agent_published_bytes_total",
                                           "Bytes of result messages published.", NULL);
    telemetry->dead_letters = metrics_counter(metrics, "mainstay_agent_dead_letters_total",
                                              "Messages that could not be read.", NULL);
    telemetry->dropped =
        metrics_counter(metrics, "mainstay_agent_dropped_total",
                        "Tasks given back because the queue was full; they come again.", NULL);
    struct metric *syncs = metrics_counter(metrics, "mainstay_agent_syncs_total",
                                           "Commits made durable on the device.", NULL);
    metric_set_reader(metrics, syncs, read_syncs, telemetry);
    gauge_register(telemetry, "mainstay_agent_queued_tasks", "Tasks waiting for a worker.",
                   read_queued);
    gauge_register(telemetry, "mainstay_agent_running_tasks", "Tasks running.", read_running);
    gauge_register(telemetry, "mainstay_agent_unstored_messages",
                   "Result messages the bus has not stored yet.", read_waiting);
    return telemetry;
}

void telemetry_destroy(struct telemetry **telemetry)
{
    if (*telemetry == NULL) {
        return;
    }
    metrics_destroy(&(*telemetry)->metrics);
    free((*telemetry)->actions);
    free(*telemetry);
    *telemetry = NULL;
}

struct metrics *telemetry_metrics(struct telemetry *telemetry)
{
    return telemetry->metrics;
}

void telemetry_task(struct telemetry *telemetry, size_t index, Mainstay__ResultStatus status,
                    int64_t ran_ns)
{
    struct action_metrics *action =
        &telemetry->actions[index < telemetry->action_count ? index : telemetry->action_count];
    if ((int)status > 0 && (int)status < STATUSES) {
        counter_add(action->answered[status], 1);
    }
    histogram_observe_ns(action->seconds, ran_ns);
}

void telemetry_outcome(struct telemetry *telemetry)
{
    counter_add(telemetry->outcomes, 1);
}

void telemetry_message(struct telemetry *telemetry, size_t bytes_in)
{
    counter_add(telemetry->messages, 1);
    counter_add(telemetry->bytes_in, bytes_in);
}

void telemetry_published(struct telemetry *telemetry, size_t bytes_out)
{
    counter_add(telemetry->published, 1);
    counter_add(telemetry->bytes_out, bytes_out);
}

void telemetry_dead_letter(struct telemetry *telemetry)
{
    counter_add(telemetry->dead_letters, 1);
}

void telemetry_dropped(struct telemetry *telemetry)
{
    counter_add(telemetry->dropped, 1);
}

uint64_t telemetry_tasks(const struct telemetry *telemetry)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= telemetry->action_count; i++) {
        for (size_t status = 1; status < STATUSES; status++) {
            total += counter_value(telemetry->actions[i].answered[status]);
        }
    }
    return total;
}
