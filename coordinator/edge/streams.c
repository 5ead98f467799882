/*
 * Streams and consumers: made, compared, repaired and trimmed. Nothing here is a truth; everything
 * can be made again from the store.
 */
#include <string.h>

#include "common/base/fault_point.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/wire/subjects.h"
#include "coordinator/edge/edge_private.h"

enum {
    TRIM_RESULTS = 4096, /* acknowledged messages that may pile up before they are purged */
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
    {STREAM_RESULTS,
     "{\"subjects\":[\"" SUBJECT_ALL_RESULTS "\"]," LIMITS("600000000000", "268435456", "new") "}"},
};

static const char coordinator_config[] =
    "{\"ack_policy\":\"explicit\",\"deliver_policy\":\"all\",\"ack_wait\":60000000000,"
    "\"max_deliver\":-1,\"max_ack_pending\":10000,\"replay_policy\":\"instant\"}";

/* After a power cut a consumer can stand ahead of its stream and would never deliver again. */
static enum err consumer_repair(struct edge *edge, const char *stream, const char *consumer,
                                const char *config, struct error *err)
{
    struct bus_stream_state have;
    struct bus_consumer_state at;
    TRY(bus_consumer_ensure(edge->bus, stream, consumer, config, NULL, err));
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
    return bus_consumer_ensure(edge->bus, stream, consumer, config, NULL, err);
}

enum err streams_join(struct edge *edge, const char *agent, const char *store, struct error *err)
{
    char consumer[SUBJECT_BYTES];
    char subject[SUBJECT_BYTES];
    if (!subject_consumer(agent, store, consumer) || !subject_task(agent, store, subject)) {
        return error_set(err, ERR_INVALID, "'%s/%s' cannot name a consumer", agent, store);
    }
    char config[512];
    (void)snprintf(config, sizeof(config),
                   "{\"filter_subject\":\"%s\",\"ack_policy\":\"explicit\","
                   "\"deliver_policy\":\"all\",\"ack_wait\":30000000000,\"max_deliver\":-1,"
                   "\"max_ack_pending\":10000,\"replay_policy\":\"instant\"}",
                   subject);
    FAULT_POINT("store-consumer-before-ensure");
    enum err code = consumer_repair(edge, STREAM_TASKS, consumer, config, err);
    if (code != ERR_OK) {
        error_wrap(err, "consumer %s", consumer);
    }
    return code;
}

/* Tasks and results are sent again by those who owe them, so a damaged stream of them is best gone:
 * nats-server 2.9.10 goes on storing messages behind an unreadable one and never delivers them. */
static enum err work_streams_heal(struct edge *edge, struct error *err)
{
    static const char *const names[] = {STREAM_TASKS, STREAM_RESULTS};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct bus_stream_state state;
        enum err code = bus_stream_state(edge->bus, names[i], &state, err);
        if (code == ERR_NOT_FOUND ||
            (code == ERR_OK && state.deleted == 0 && !edge->streams_suspect)) {
            continue;
        }
        TRY(code);
        log_warn("stream %s is damaged or stuck (%llu messages are missing in it): made anew, "
                 "what was in it is sent again",
                 names[i], (unsigned long long)state.deleted);
        TRY(bus_stream_delete(edge->bus, names[i], err));
    }
    edge->streams_suspect = false;
    return ERR_OK;
}

enum err streams_ensure(struct edge *edge, struct error *err)
{
    TRY(work_streams_heal(edge, err));
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        bool created = false;
        FAULT_POINT("stream-before-ensure");
        enum err code =
            bus_stream_ensure(edge->bus, streams[i].name, streams[i].config, &created, err);
        if (code != ERR_OK) {
            error_wrap(err, "stream %s", streams[i].name);
            return code;
        }
        if (created) {
            FAULT_POINT("stream-made");
            log_info("stream %s made", streams[i].name);
        }
    }
    TRY(consumer_repair(edge, STREAM_EVENTS, CONSUMER_COORDINATOR, coordinator_config, err));
    TRY(consumer_repair(edge, STREAM_RESULTS, CONSUMER_COORDINATOR, coordinator_config, err));
    const struct company *company = engine_company(turn_engine(edge->turn));
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(company->stores, &cursor, NULL, NULL)) != NULL) {
        TRY(streams_join(edge, store->agent, store->name, err));
    }
    if (edge->events != NULL) {
        bus_pull_kick(edge->events);
        bus_pull_kick(edge->results);
    }
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

void streams_trim_results(struct edge *edge)
{
    if (edge->results_since_trim < TRIM_RESULTS || !atomic_load(&edge->connected)) {
        return;
    }
    edge->results_since_trim = 0;
    FAULT_POINT("results-before-trim");
    struct bus_consumer_state state;
    if (bus_consumer_state(edge->bus, STREAM_RESULTS, CONSUMER_COORDINATOR, &state, NULL) ==
        ERR_OK) {
        trim(edge, STREAM_RESULTS, state.ack_floor_sequence);
    }
    uint64_t floor = UINT64_MAX;
    const struct company *company = engine_company(turn_engine(edge->turn));
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(company->stores, &cursor, NULL, NULL)) != NULL) {
        char consumer[SUBJECT_BYTES];
        if (!subject_consumer(store->agent, store->name, consumer) ||
            bus_consumer_state(edge->bus, STREAM_TASKS, consumer, &state, NULL) != ERR_OK) {
            return;
        }
        uint64_t reached = state.num_pending == 0 && state.num_ack_pending == 0
                               ? UINT64_MAX
                               : state.ack_floor_sequence;
        floor = reached < floor ? reached : floor;
    }
    struct bus_stream_state tasks;
    if (bus_stream_state(edge->bus, STREAM_TASKS, &tasks, NULL) == ERR_OK) {
        uint64_t last = tasks.last_sequence > TRIM_RESULTS ? tasks.last_sequence - TRIM_RESULTS : 0;
        trim(edge, STREAM_TASKS, floor < last ? floor : last);
    }
}
