/*
 * Streams and consumers: made, compared, repaired and trimmed. Nothing here is a truth; everything
 * can be made again from the store.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/wire/subjects.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/edge/lanes.h"

enum {
    TRIM_TASKS = 4096,           /* results after which tasks that were taken are purged */
    TRIM_TASK_BYTES = 16777216,  /* or bytes of tasks */
    TASK_BYTES_HELD = 134217728, /* for stores that do not take theirs: half of what may be there */
};

#define LIMITS(age, bytes, discard)                                                           \
    "\"retention\":\"limits\",\"storage\":\"file\",\"num_replicas\":1,\"discard\":\"" discard \
    "\",\"max_age\":" age ",\"max_bytes\":" bytes ",\"duplicate_window\":1000000000"

/* EVENTS takes whatever the server takes (max_payload, which its client is told): what a stream
 * refuses by size is gone without a word to a publisher that asks for no answer. An event of more
 * than LIMIT_EVENT_BYTES is a dead letter. */
static const struct {
    const char *name;
    const char *config;
} streams[] = {
    {STREAM_EVENTS, "{\"subjects\":[\"" SUBJECT_ALL_EVENTS "\"],"
                    "\"max_msg_size\":-1," LIMITS("604800000000000", "1073741824", "new") "}"},
    {STREAM_TASKS,
     "{\"subjects\":[\"" SUBJECT_ALL_TASKS "\"]," LIMITS("600000000000", "268435456", "new") "}"},
    {STREAM_LIFECYCLE, "{\"subjects\":[\"" SUBJECT_ALL_LIFECYCLE
                       "\"]," LIMITS("604800000000000", "268435456", "old") "}"},
};

static const char coordinator_config[] =
    "{\"ack_policy\":\"explicit\",\"deliver_policy\":\"all\",\"ack_wait\":60000000000,"
    "\"max_deliver\":-1,\"max_ack_pending\":10000,\"replay_policy\":\"instant\"}";

/* After a power cut a consumer can stand ahead of its stream and would never deliver again.
 * `ret_fresh` tells whether it was made (anew). */
static enum err consumer_repair(struct edge *edge, const char *stream, const char *consumer,
                                const char *config, bool *ret_fresh, struct error *err)
{
    struct bus_stream_state have;
    struct bus_consumer_state at;
    TRY(bus_consumer_ensure(edge->bus, stream, consumer, config, ret_fresh, err));
    TRY(bus_stream_state(edge->bus, stream, &have, err));
    TRY(bus_consumer_state(edge->bus, stream, consumer, &at, err));
    if (at.delivered_sequence <= have.last_sequence) {
        return ERR_OK;
    }
    log_warn("consumer %s stood at %llu, ahead of the end of %s at %llu: made anew", consumer,
             (unsigned long long)at.delivered_sequence, stream,
             (unsigned long long)have.last_sequence);
    TRY(bus_consumer_delete(edge->bus, stream, consumer, err));
    FAULT_POINT("consumer-deleted");
    return bus_consumer_ensure(edge->bus, stream, consumer, config, ret_fresh, err);
}

static enum err stream_make(struct edge *edge, const char *name, const char *config,
                            struct error *err)
{
    bool created = false;
    FAULT_POINT("stream-before-ensure");
    enum err code = bus_stream_ensure(edge->bus, name, config, &created, err);
    if (code != ERR_OK) {
        error_wrap(err, "stream %s", name);
        return code;
    }
    if (created) {
        FAULT_POINT("stream-made");
        log_info("stream %s made", name);
    }
    return ERR_OK;
}

/* ---- results: a stream and a lane for each store ---- */

static enum err results_join(struct edge *edge, const char *agent, const char *store,
                             struct error *err)
{
    char stream[SUBJECT_BYTES];
    char subject[SUBJECT_BYTES];
    char config[512];
    bool fresh = false;
    CHECK(subject_results_stream(agent, store, stream));
    CHECK(subject_result(agent, store, subject));
    (void)snprintf(
        config, sizeof(config),
        "{\"subjects\":[\"%s\"],\"max_msgs\":%d," LIMITS("600000000000", "%d", "new") "}", subject,
        LANE_MESSAGES_MAX, LANE_BYTES_MAX);
    TRY(stream_make(edge, stream, config, err));
    TRY(consumer_repair(edge, stream, CONSUMER_COORDINATOR, coordinator_config, &fresh, err));
    return lane_open(edge->lanes, stream, agent, store, fresh, err);
}

/* Whether everything in the stream was taken and acknowledged; ERR_NOT_FOUND without it. */
static enum err results_drained(struct edge *edge, const char *stream, bool *ret_drained,
                                struct error *err)
{
    struct bus_stream_state have;
    struct bus_consumer_state at;
    TRY(bus_stream_state(edge->bus, stream, &have, err));
    enum err code = bus_consumer_state(edge->bus, stream, CONSUMER_COORDINATOR, &at, err);
    if (code == ERR_NOT_FOUND) { /* made, and the process ended */
        at = (struct bus_consumer_state){.num_pending = have.messages};
        code = ERR_OK;
    }
    *ret_drained = at.num_pending == 0 && at.num_ack_pending == 0;
    return code;
}

static enum err results_end(struct edge *edge, const char *stream, struct error *err)
{
    log_info("stream %s is done with and empty: removed", stream);
    lane_close(edge->lanes, stream);
    return bus_stream_delete(edge->bus, stream, err);
}

/* A store that nobody works on keeps its stream until what it said last was taken; the next hello
 * makes it again. */
static enum err results_rest(struct edge *edge, const struct store *store, struct error *err)
{
    char stream[SUBJECT_BYTES];
    bool drained = false;
    CHECK(subject_results_stream(store->agent, store->name, stream));
    enum err code = results_drained(edge, stream, &drained, err);
    if (code == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(code);
    return drained ? results_end(edge, stream, err)
                   : results_join(edge, store->agent, store->name, err);
}

/* The one stream of all results, as earlier coordinators kept it: its subjects become those of the
 * stores' own streams, and what is in it is taken before it goes. */
static enum err results_before(struct edge *edge, struct error *err)
{
    bool drained = false;
    bool fresh = false;
    enum err code = results_drained(edge, STREAM_RESULTS, &drained, err);
    if (code == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(code);
    if (drained) {
        return results_end(edge, STREAM_RESULTS, err);
    }
    TRY(stream_make(edge, STREAM_RESULTS,
                    "{\"subjects\":[\"" SUBJECT_NO_RESULTS
                    "\"]," LIMITS("600000000000", "268435456", "new") "}",
                    err));
    TRY(consumer_repair(edge, STREAM_RESULTS, CONSUMER_COORDINATOR, coordinator_config, &fresh,
                        err));
    return lane_open(edge->lanes, STREAM_RESULTS, "", "", fresh, err);
}

static enum err tasks_join(struct edge *edge, const char *agent, const char *store,
                           struct error *err)
{
    char consumer[SUBJECT_BYTES];
    char subject[SUBJECT_BYTES];
    char config[512];
    bool fresh = false;
    CHECK(subject_consumer(agent, store, consumer));
    CHECK(subject_task(agent, store, subject));
    (void)snprintf(config, sizeof(config),
                   "{\"filter_subject\":\"%s\",\"ack_policy\":\"explicit\","
                   "\"deliver_policy\":\"all\",\"ack_wait\":30000000000,\"max_deliver\":-1,"
                   "\"max_ack_pending\":10000,\"replay_policy\":\"instant\"}",
                   subject);
    FAULT_POINT("store-consumer-before-ensure");
    enum err code = consumer_repair(edge, STREAM_TASKS, consumer, config, &fresh, err);
    if (code != ERR_OK) {
        error_wrap(err, "consumer %s", consumer);
    }
    return code;
}

enum err streams_join(struct edge *edge, const char *agent, const char *store, struct error *err)
{
    char consumer[SUBJECT_BYTES];
    if (!subject_consumer(agent, store, consumer)) {
        return error_set(err, ERR_INVALID, "'%s/%s' cannot name a consumer", agent, store);
    }
    TRY(results_join(edge, agent, store, err));
    return tasks_join(edge, agent, store, err);
}

/* ---- all of them ---- */

/* Tasks and results are sent again by those who owe them, so a damaged stream of them is best gone:
 * nats-server 2.9.10 goes on storing messages behind an unreadable one and never delivers them. */
static enum err work_stream_heal(struct edge *edge, const char *name, struct error *err)
{
    struct bus_stream_state state;
    enum err code = bus_stream_state(edge->bus, name, &state, err);
    if (code == ERR_NOT_FOUND || (code == ERR_OK && state.deleted == 0 && !edge->streams_suspect)) {
        return ERR_OK;
    }
    TRY(code);
    log_warn("stream %s is damaged or stuck (%llu messages are missing in it): made anew, "
             "what was in it is sent again",
             name, (unsigned long long)state.deleted);
    return bus_stream_delete(edge->bus, name, err);
}

static enum err work_streams_heal(struct edge *edge, struct error *err)
{
    TRY(work_stream_heal(edge, STREAM_TASKS, err));
    TRY(work_stream_heal(edge, STREAM_RESULTS, err));
    const struct company *company = engine_company(turn_engine(edge->turn));
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(company->stores, &cursor, NULL, NULL)) != NULL) {
        char stream[SUBJECT_BYTES];
        CHECK(subject_results_stream(store->agent, store->name, stream));
        TRY(work_stream_heal(edge, stream, err));
    }
    edge->streams_suspect = false;
    return ERR_OK;
}

enum err streams_ensure(struct edge *edge, struct error *err)
{
    bool fresh = false;
    TRY(work_streams_heal(edge, err));
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        TRY(stream_make(edge, streams[i].name, streams[i].config, err));
    }
    TRY(consumer_repair(edge, STREAM_EVENTS, CONSUMER_COORDINATOR, coordinator_config, &fresh,
                        err));
    TRY(results_before(edge, err));
    const struct company *company = engine_company(turn_engine(edge->turn));
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(company->stores, &cursor, NULL, NULL)) != NULL) {
        TRY(tasks_join(edge, store->agent, store->name, err));
        TRY(store->state == STORE_LIVE ? results_join(edge, store->agent, store->name, err)
                                       : results_rest(edge, store, err));
    }
    if (edge->events != NULL) {
        bus_pull_kick(edge->events);
    }
    lanes_kick(edge->lanes);
    return ERR_OK;
}

/* Up to the consumer's floor: what is below was committed here. */
static void trim(struct edge *edge, const char *stream, uint64_t floor)
{
    struct error err = {0};
    if (floor > 0 && bus_stream_purge(edge->bus, stream, floor, &err) != ERR_OK) {
        log_debug("stream %s not trimmed: %s", stream, err.message);
    }
}

void streams_trim(struct edge *edge)
{
    lanes_trim(edge->lanes, clock_boot_ms());
    bool due =
        edge->results_since_trim >= TRIM_TASKS || edge->task_bytes_since_trim >= TRIM_TASK_BYTES;
    if (!due || !atomic_load(&edge->connected)) {
        return;
    }
    edge->results_since_trim = 0;
    edge->task_bytes_since_trim = 0;
    struct bus_stream_state tasks; /* asked for first: what comes afterwards stays */
    struct bus_consumer_state state;
    if (bus_stream_state(edge->bus, STREAM_TASKS, &tasks, NULL) != ERR_OK) {
        return;
    }
    uint64_t floor = tasks.last_sequence;
    const struct company *company = engine_company(turn_engine(edge->turn));
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(company->stores, &cursor, NULL, NULL)) != NULL) {
        char consumer[SUBJECT_BYTES];
        if (!subject_consumer(store->agent, store->name, consumer) ||
            bus_consumer_state(edge->bus, STREAM_TASKS, consumer, &state, NULL) != ERR_OK) {
            return;
        }
        bool behind = state.num_pending > 0 || state.num_ack_pending > 0;
        floor = behind && state.ack_floor_sequence < floor ? state.ack_floor_sequence : floor;
    }
    if (tasks.bytes >= TASK_BYTES_HELD) {
        /* Held by a store that takes nothing; what it loses here it is sent again. */
        uint64_t half = tasks.last_sequence - tasks.messages / 2;
        floor = floor < half ? half : floor;
    }
    trim(edge, STREAM_TASKS, floor);
}
