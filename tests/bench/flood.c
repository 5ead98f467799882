/* Events at a rate that nobody slows down: each answer of the bus says stored, or refused. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/bench/driver.h"

enum {
    EVENT_BYTES = 512,
    BURST = 1000, /* as many at once, when it is late */
    TICK_US = 1000,
    ANSWERS_MS = 60000 /* for the last of them */
};

struct flood {
    pthread_mutex_t lock;
    uint64_t stored;
    uint64_t refused;
    char refusal[256];
};

/* An answer is JSON of a few words: `error` in it, or the stream and the number. */
static void on_answer(natsConnection *connection, natsSubscription *subscription, natsMsg *msg,
                      void *user)
{
    (void)connection;
    (void)subscription;
    struct flood *flood = user;
    char text[sizeof(flood->refusal)];
    size_t size = (size_t)natsMsg_GetDataLength(msg);
    size = size < sizeof(text) ? size : sizeof(text) - 1;
    memcpy(text, natsMsg_GetData(msg), size);
    text[size] = '\0';
    bool refused = strstr(text, "\"error\"") != NULL;
    (void)pthread_mutex_lock(&flood->lock);
    flood->stored += refused ? 0 : 1;
    flood->refused += refused ? 1 : 0;
    if (refused && flood->refused == 1) {
        (void)text_copy(flood->refusal, sizeof(flood->refusal), text);
    }
    (void)pthread_mutex_unlock(&flood->lock);
    natsMsg_Destroy(msg);
}

static uint64_t answered(struct flood *flood)
{
    (void)pthread_mutex_lock(&flood->lock);
    uint64_t count = flood->stored + flood->refused;
    (void)pthread_mutex_unlock(&flood->lock);
    return count;
}

static bool event_send(natsConnection *connection, const struct driver_flood *options,
                       const char *answers, uint64_t number)
{
    char event[EVENT_BYTES];
    char subject[EVENT_BYTES];
    int size = snprintf(event, sizeof(event),
                        "{\"specversion\":\"1.0\",\"type\":\"%.100s\",\"source\":\"/flood\","
                        "\"id\":\"%.100s-%" PRIu64 "\",\"data\":{\"n\":%" PRIu64 "}}",
                        options->type, options->prefix, number, number);
    (void)snprintf(subject, sizeof(subject), "event.%s", options->type);
    return natsConnection_PublishRequest(connection, subject, answers, event, size) == NATS_OK;
}

static void tick(void)
{
    struct timespec pause = {.tv_nsec = (long)TICK_US * 1000};
    (void)nanosleep(&pause, NULL);
}

/* How many were sent: all that were due, unless the bus went away. */
static uint64_t send_all(natsConnection *connection, const struct driver_flood *options,
                         const char *answers)
{
    int64_t begun_ns = clock_monotonic_ns();
    uint64_t sent = 0;
    while (sent < options->events) {
        double seconds = (double)(clock_monotonic_ns() - begun_ns) / 1e9;
        uint64_t due = (uint64_t)(seconds * (double)options->rate) + 1;
        due = due < options->events ? due : options->events;
        for (uint64_t last = due < sent + BURST ? due : sent + BURST; sent < last; sent++) {
            if (!event_send(connection, options, answers, sent)) {
                return sent;
            }
        }
        if (sent == due) {
            tick();
        }
    }
    return sent;
}

int driver_flood_run(natsConnection *connection, const struct driver_flood *options)
{
    struct flood flood = {.lock = PTHREAD_MUTEX_INITIALIZER};
    natsSubscription *subscription = NULL;
    char answers[96];
    (void)snprintf(answers, sizeof(answers), "_INBOX.bench-flood-%lld",
                   (long long)clock_monotonic_ns());
    if (natsConnection_Subscribe(&subscription, connection, answers, on_answer, &flood) !=
            NATS_OK ||
        natsSubscription_SetPendingLimits(subscription, -1, -1) != NATS_OK) {
        (void)fprintf(stderr, "bench-driver: cannot subscribe\n");
        return 1;
    }
    int64_t begun_ns = clock_monotonic_ns();
    uint64_t sent = send_all(connection, options, answers);
    int64_t sent_ns = clock_monotonic_ns();
    int64_t deadline = clock_deadline_ns(ANSWERS_MS);
    while (answered(&flood) < sent && clock_monotonic_ns() < deadline) {
        tick();
    }
    (void)natsConnection_Drain(connection);
    (void)pthread_mutex_lock(&flood.lock);
    (void)printf("{\"sent\":%" PRIu64 ",\"stored\":%" PRIu64 ",\"refused\":%" PRIu64
                 ",\"seconds\":%.1f}\n",
                 sent, flood.stored, flood.refused, (double)(sent_ns - begun_ns) / 1e9);
    if (flood.refused > 0) {
        (void)fprintf(stderr, "refused: %s\n", flood.refusal);
    }
    bool all = flood.stored == options->events;
    (void)pthread_mutex_unlock(&flood.lock);
    natsSubscription_Destroy(subscription);
    return all ? 0 : 1;
}
