#include "coordinator/edge/lanes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/base/metrics.h"
#include "common/base/str.h"
#include "common/wire/log_signs.h"
#include "common/wire/subjects.h"
#include "coordinator/edge/conduct.h"
#include "coordinator/edge/edge_private.h"

enum { TRIM_AGAIN_MS = 1000 };

/* Never freed before the lanes, because a message of it may be under way to us; one that is closed
 * is never opened again for the same reason. */
struct lane {
    struct lanes *lanes;
    char stream[SUBJECT_BYTES];
    char agent[SUBJECT_TOKEN_BYTES];
    char store[SUBJECT_TOKEN_BYTES];
    struct bus_pull *pull; /* NULL: not open */
    size_t deficit;        /* bytes it may still take before it is the next one's turn */
    uint64_t messages_since_trim;
    uint64_t bytes_since_trim;
    uint64_t mean;   /* bytes of a message, of those before the last trim */
    int64_t trim_ms; /* trim again then, though no more comes; INT64_MAX: no need */
    struct conduct conduct;
    struct lane_metrics {
        struct metric *waiting;
        struct metric *resting;
        struct metric *useless;
        struct metric *unkept;
        uint64_t useless_given; /* to counters */
        uint64_t unkept_given;
    } metrics;

    struct item *first; /* this and the rest: under the lock of all */
    struct item *last;
    size_t queued;
    bool closed; /* what comes is dropped */
};

struct lanes {
    struct edge *edge;
    struct lane **lanes; /* in the order they were opened for the first time */
    size_t count;
    size_t room;
    size_t turn; /* the lane whose turn it is */
    struct conduct strangers;
    pthread_mutex_t lock; /* guards the queues */
    size_t queued;        /* items in all of them */
};

static void lock(struct lanes *lanes)
{
    CHECK(pthread_mutex_lock(&lanes->lock) == 0);
}

static void unlock(struct lanes *lanes)
{
    CHECK(pthread_mutex_unlock(&lanes->lock) == 0);
}

struct lanes *lanes_create(struct edge *edge)
{
    struct lanes *lanes = calloc(1, sizeof(*lanes));
    CHECK(lanes != NULL);
    CHECK(pthread_mutex_init(&lanes->lock, NULL) == 0);
    lanes->edge = edge;
    conduct_init(&lanes->strangers, clock_boot_ms());
    return lanes;
}

/* ---- queues ---- */

/* The first item of a queue that has one. Caller holds the lock. */
static struct item *queue_take(struct lane *lane)
{
    struct item *item = lane->first;
    lane->first = item->next;
    lane->last = lane->first == NULL ? NULL : lane->last;
    lane->queued--;
    lane->lanes->queued--;
    item->next = NULL;
    return item;
}

static void queue_drop(struct lane *lane)
{
    lock(lane->lanes);
    lane->closed = true;
    while (lane->first != NULL) {
        struct item *item = queue_take(lane);
        item_destroy(&item);
    }
    unlock(lane->lanes);
}

/* Bus callback. */
static void lane_deliver(void *user, struct bus_msg *msg)
{
    struct lane *lane = user;
    struct lanes *lanes = lane->lanes;
    struct item *item = calloc(1, sizeof(*item));
    CHECK(item != NULL);
    item->kind = ITEM_RESULT;
    item->msg = msg;
    item->lane = lane;
    lock(lanes);
    bool wanted = !lane->closed;
    bool first = wanted && lane->first == NULL; /* others may be left to rest with theirs */
    if (wanted) {
        *(lane->last == NULL ? &lane->first : &lane->last->next) = item;
        lane->last = item;
        lane->queued++;
        lanes->queued++;
    }
    unlock(lanes);
    if (first) {
        mailbox_wake(lanes->edge->mailbox);
    }
    if (!wanted) {
        item_destroy(&item); /* stopping, or its stream is gone: it comes again if it is there */
    }
}

size_t lanes_count(struct lanes *lanes)
{
    lock(lanes);
    size_t queued = lanes->queued;
    unlock(lanes);
    return queued;
}

/* What the lane may take in this round; how many items that were. Caller holds the lock. */
static size_t lane_take(struct lane *lane, struct item **items, size_t most)
{
    size_t count = 0;
    lane->deficit += LANE_QUANTUM;
    while (lane->first != NULL && count < most && lane->first->msg->size <= lane->deficit) {
        lane->deficit -= lane->first->msg->size;
        items[count++] = queue_take(lane);
    }
    if (lane->first == NULL) {
        lane->deficit = 0; /* shares are not saved up */
    }
    return count;
}

size_t lanes_take(struct lanes *lanes, struct item **items, size_t most, int64_t now_ms)
{
    size_t count = 0;
    size_t passed = 0; /* lanes in a row that gave nothing and will not */
    lock(lanes);
    while (count < most && passed < lanes->count && lanes->queued > 0) {
        struct lane *lane = lanes->lanes[lanes->turn];
        passed++;
        if (lane->first != NULL && !conduct_rests(&lane->conduct, now_ms)) {
            passed = 0;
            count += lane_take(lane, items + count, most - count);
        }
        lanes->turn = (lanes->turn + 1) % lanes->count;
    }
    unlock(lanes);
    return count;
}

int64_t lanes_due(struct lanes *lanes, int64_t now_ms)
{
    int64_t due = conduct_tell_ms(&lanes->strangers);
    bool connected = atomic_load(&lanes->edge->connected);
    lock(lanes);
    for (size_t i = 0; i < lanes->count; i++) {
        struct lane *lane = lanes->lanes[i];
        int64_t tell = conduct_tell_ms(&lane->conduct);
        int64_t take = lane->first == NULL                     ? INT64_MAX
                       : conduct_rests(&lane->conduct, now_ms) ? conduct_rested_ms(&lane->conduct)
                                                               : now_ms;
        due = connected && lane->pull != NULL && lane->trim_ms < due ? lane->trim_ms : due;
        due = tell < due ? tell : due;
        due = take < due ? take : due;
    }
    unlock(lanes);
    return due;
}

void lane_done(struct lane *lane, size_t bytes)
{
    lane->messages_since_trim++;
    lane->bytes_since_trim += bytes;
    if (lane->pull != NULL) {
        bus_pull_consumed(lane->pull, 1);
    }
}

/* ---- conduct ---- */

void lane_useless(struct lane *lane, uint64_t count, const struct bus_msg *msg, int64_t now_ms)
{
    int64_t stored_ms = msg->timestamp_ns / 1000000;
    bool first = conduct_first(&lane->conduct, msg->stream_sequence, stored_ms);
    if (lane->agent[0] == '\0' || count == 0) {
        return; /* of several stores, of which none answers for the others */
    }
    conduct_useless(&lane->conduct, count, now_ms);
    if (first && conduct_floods(&lane->conduct, stored_ms, now_ms)) {
        char field[sizeof(LOG_FLOOD) + (size_t)2 * SUBJECT_TOKEN_BYTES];
        (void)snprintf(field, sizeof(field), LOG_FLOOD "%s/%s\"", lane->agent, lane->store);
        log_line(LOG_WARN, field,
                 "agent %s/%s answers what nobody asked it, %llu times by now: what it says is "
                 "taken slowly, the others are not held up but by what the bus spends on it. "
                 "`mainstay up` cuts it off the bus for a while; elsewhere stop it",
                 lane->agent, lane->store, (unsigned long long)lane->conduct.useless_ever);
    }
}

struct conduct *lanes_conduct(struct lanes *lanes, const char *agent, const char *store)
{
    for (size_t i = 0; i < lanes->count; i++) {
        struct lane *lane = lanes->lanes[i];
        if (!lane->closed && strcmp(lane->agent, agent) == 0 && strcmp(lane->store, store) == 0) {
            return &lane->conduct;
        }
    }
    return &lanes->strangers;
}

bool lanes_tell(struct lanes *lanes, int64_t now_ms, uint64_t *ret_count, const char **ret_why,
                const char **ret_agent, const char **ret_store)
{
    *ret_count = conduct_tell(&lanes->strangers, now_ms);
    *ret_why = lanes->strangers.why;
    *ret_agent = "";
    *ret_store = "";
    for (size_t i = 0; *ret_count == 0 && i < lanes->count; i++) {
        struct lane *lane = lanes->lanes[i];
        *ret_count = conduct_tell(&lane->conduct, now_ms);
        *ret_why = lane->conduct.why;
        *ret_agent = lane->agent;
        *ret_store = lane->store;
    }
    return *ret_count > 0;
}

static void lane_metrics_make(struct lane *lane, struct metrics *r)
{
    const char *const labels[] = {"agent", lane->agent, "store", lane->store, NULL};
    struct lane_metrics *m = &lane->metrics;
    m->waiting = metrics_gauge(r, "mainstay_results_waiting",
                               "Messages of a store that wait for a turn", labels);
    m->resting = metrics_gauge(r, "mainstay_results_resting",
                               "Whether a store is taken slowly for what it said", labels);
    m->useless = metrics_counter(r, "mainstay_results_useless_total",
                                 "Answers of a store that changed nothing", labels);
    m->unkept = metrics_counter(r, "mainstay_dead_letters_unkept_total",
                                "Dead letters of a store that were only counted", labels);
}

void lanes_metrics_give(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        struct lane *lane = lanes->lanes[i];
        struct lane_metrics *m = &lane->metrics;
        if (lane->closed || lane->agent[0] == '\0') {
            continue;
        }
        if (m->waiting == NULL) {
            lane_metrics_make(lane, lanes->edge->metrics.registry);
        }
        lock(lanes);
        size_t queued = lane->queued;
        unlock(lanes);
        gauge_set(m->waiting, (double)queued);
        gauge_set(m->resting, lane->conduct.resting ? 1.0 : 0.0);
        counter_add(m->useless, lane->conduct.useless_ever - m->useless_given);
        counter_add(m->unkept, lane->conduct.unkept_ever - m->unkept_given);
        m->useless_given = lane->conduct.useless_ever;
        m->unkept_given = lane->conduct.unkept_ever;
    }
}

/* ---- life ---- */

static struct lane *lane_find(const struct lanes *lanes, const char *stream)
{
    for (size_t i = 0; i < lanes->count; i++) {
        if (!lanes->lanes[i]->closed && strcmp(lanes->lanes[i]->stream, stream) == 0) {
            return lanes->lanes[i];
        }
    }
    return NULL;
}

static struct lane *lane_make(struct lanes *lanes, const char *stream, const char *agent,
                              const char *store)
{
    struct lane *lane = calloc(1, sizeof(*lane));
    CHECK(lane != NULL);
    lane->lanes = lanes;
    (void)text_copy(lane->stream, sizeof(lane->stream), stream);
    (void)text_copy(lane->agent, sizeof(lane->agent), agent);
    (void)text_copy(lane->store, sizeof(lane->store), store);
    lane->trim_ms = INT64_MAX;
    conduct_init(&lane->conduct, clock_boot_ms());
    lock(lanes);
    if (lanes->count == lanes->room) {
        lanes->room = lanes->room == 0 ? 16 : 2 * lanes->room;
        lanes->lanes = realloc(lanes->lanes, lanes->room * sizeof(lanes->lanes[0]));
        CHECK(lanes->lanes != NULL);
    }
    lanes->lanes[lanes->count++] = lane;
    unlock(lanes);
    return lane;
}

enum err lane_open(struct lanes *lanes, const char *stream, const char *agent, const char *store,
                   bool fresh, struct error *err)
{
    struct lane *lane = lane_find(lanes, stream);
    lane = lane != NULL ? lane : lane_make(lanes, stream, agent, store);
    if (lane->pull != NULL) {
        if (fresh) {
            bus_pull_kick(lane->pull);
        }
        return ERR_OK;
    }
    struct bus_pull_options pull = {
        .stream = lane->stream,
        .consumer = CONSUMER_COORDINATOR,
        .batch = LANE_WINDOW,
        .deliver = lane_deliver,
        .user = lane,
    };
    return bus_pull_start(lanes->edge->bus, &pull, &lane->pull, err);
}

void lane_close(struct lanes *lanes, const char *stream)
{
    struct lane *lane = lane_find(lanes, stream);
    if (lane != NULL) {
        bus_pull_stop(&lane->pull);
        queue_drop(lane);
    }
}

void lanes_kick(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        if (lanes->lanes[i]->pull != NULL) {
            bus_pull_kick(lanes->lanes[i]->pull);
        }
    }
}

void lanes_close(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        queue_drop(lanes->lanes[i]);
    }
}

void lanes_destroy(struct lanes **lanes)
{
    struct lanes *it = *lanes;
    if (it == NULL) {
        return;
    }
    for (size_t i = 0; i < it->count; i++) {
        free(it->lanes[i]);
    }
    free(it->lanes);
    CHECK(pthread_mutex_destroy(&it->lock) == 0);
    free(it);
    *lanes = NULL;
}

bool lanes_next(const struct lanes *lanes, size_t *cursor, const char **ret_stream,
                const char **ret_agent, const char **ret_store)
{
    while (*cursor < lanes->count) {
        const struct lane *lane = lanes->lanes[(*cursor)++];
        if (lane->pull != NULL) {
            *ret_stream = lane->stream;
            *ret_agent = lane->agent;
            *ret_store = lane->store;
            return true;
        }
    }
    return false;
}

/* ---- trimming ---- */

/* Whether so much stays behind the floor that the stream may be full with nothing in it to be
 * taken: then no message comes that would have it trimmed, until the oldest are too old. An
 * acknowledgement that got lost holds the floor until its message is delivered again. */
static bool trim_is_owed(const struct lane *lane, const struct bus_consumer_state *state)
{
    uint64_t held = state->delivered_sequence > state->ack_floor_sequence
                        ? state->delivered_sequence - state->ack_floor_sequence
                        : 0;
    return held >= LANE_TRIM_MESSAGES || held * lane->mean >= LANE_TRIM_BYTES;
}

/* Up to the consumer's floor: what is below was committed here. */
static void lane_trim(struct lane *lane, int64_t now_ms)
{
    struct bus *bus = lane->lanes->edge->bus;
    struct bus_consumer_state state;
    struct error err = {0};
    if (lane->messages_since_trim > 0) {
        lane->mean = lane->bytes_since_trim / lane->messages_since_trim;
    }
    lane->messages_since_trim = 0;
    lane->bytes_since_trim = 0;
    FAULT_POINT("results-before-trim");
    enum err code = bus_consumer_state(bus, lane->stream, CONSUMER_COORDINATOR, &state, &err);
    if (code == ERR_OK && state.ack_floor_sequence > 0) {
        code = bus_stream_purge(bus, lane->stream, state.ack_floor_sequence, &err);
    }
    if (code != ERR_OK) {
        log_debug("stream %s not trimmed: %s", lane->stream, err.message);
    }
    bool owed = code != ERR_OK || trim_is_owed(lane, &state);
    lane->trim_ms = owed ? now_ms + TRIM_AGAIN_MS : INT64_MAX;
}

void lanes_trim(struct lanes *lanes, int64_t now_ms)
{
    for (size_t i = 0; i < lanes->count && atomic_load(&lanes->edge->connected); i++) {
        struct lane *lane = lanes->lanes[i];
        if (lane->pull != NULL &&
            (lane->messages_since_trim >= LANE_TRIM_MESSAGES ||
             lane->bytes_since_trim >= LANE_TRIM_BYTES || now_ms >= lane->trim_ms)) {
            lane_trim(lane, now_ms);
        }
    }
}
