/*
 * Pulling with one standing request (ADR-13).
 *
 *   asked     messages the standing request may still bring (0: no request stands)
 *   in_flight delivered, not yet consumed by the receiver
 *   window    at most batch: how many of both there should be; less than there are after it shrank
 *   invariant asked + in_flight <= batch, as far as the server keeps its word; what comes beyond
 *             in_flight == batch is given back
 *
 * Servers do not answer a request for a consumer that does not exist. So the first request has a
 * short expiry, whose 408 proves that somebody is there, and the next the full one (each end wakes
 * five threads, so there are no steps between); a request that nobody ended in time starts over.
 *
 * Each request has its own reply subject <inbox>.p<pull>.<generation>, so that a late word about an
 * old request is not taken for one about the present.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/bus/bus_private.h"

enum {
    EXPIRES_MS = 30000,
    EXPIRES_MIN_MS = 1000,
    GRACE_MS = 1000, /* on top of 9/8 of the expiry before a request counts as forgotten */
    PAUSE_MS = 250,
    PAUSE_MAX_MS = 5000,
};

struct bus_pull {
    struct bus_pull *next;
    struct bus *bus;
    unsigned number;
    char *stream;
    char *consumer;
    unsigned batch;
    unsigned expires_ms;
    bus_msg_fn *deliver;
    void *user;

    pthread_mutex_t lock; /* guards the rest */
    bool stopped;
    unsigned window; /* 1 to batch */
    unsigned asked;
    unsigned in_flight;
    uint64_t generation;
    int64_t issued_ns;
    int64_t deadline_ns; /* of the request; with asked == 0: when to ask again */
    unsigned present_expires_ms;
    unsigned pause_ms;
};

static void lock(struct bus_pull *pull)
{
    CHECK(pthread_mutex_lock(&pull->lock) == 0);
}

static void unlock(struct bus_pull *pull)
{
    CHECK(pthread_mutex_unlock(&pull->lock) == 0);
}

/* After a failure: ask again later, each time later. Caller holds the lock. */
static void pull_back_off(struct bus_pull *pull)
{
    pull->asked = 0;
    pull->generation++;
    pull->deadline_ns = clock_deadline_ns(pull->pause_ms);
    pull->pause_ms = pull->pause_ms * 2 < PAUSE_MAX_MS ? pull->pause_ms * 2 : PAUSE_MAX_MS;
}

/* Decide whether to ask now; the amount, or 0. Caller holds the lock. */
static unsigned pull_plan(struct bus_pull *pull, int64_t now_ns)
{
    unsigned credit = pull->window > pull->in_flight ? pull->window - pull->in_flight : 0;
    unsigned worthwhile = pull->window / 4 > 1 ? pull->window / 4 : 1;
    if (pull->stopped || pull->asked > 0 || credit < worthwhile || pull->deadline_ns > now_ns) {
        return 0;
    }
    pull->asked = credit;
    pull->generation++;
    pull->issued_ns = now_ns;
    int64_t patience_ms = (int64_t)pull->present_expires_ms * 9 / 8 + GRACE_MS;
    pull->deadline_ns = clock_deadline_ns(patience_ms);
    return credit;
}

static bool pull_send(struct bus_pull *pull, unsigned amount, unsigned expires_ms,
                      uint64_t generation)
{
    char subject[BUS_SUBJECT_BYTES];
    char reply[BUS_INBOX_BYTES + 48];
    char request[96];
    (void)snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s", pull->stream,
                   pull->consumer);
    (void)snprintf(reply, sizeof(reply), "%s.p%u.%" PRIu64, pull->bus->inbox, pull->number,
                   generation);
    (void)snprintf(request, sizeof(request), "{\"batch\":%u,\"expires\":%" PRIu64 "}", amount,
                   (uint64_t)expires_ms * 1000000);
    const struct bus_publication publication = {
        .subject = subject, .body = request, .size = strlen(request)};
    BUS_COUNT(pull->bus, pull_requests, 1);
    return bus_send(pull->bus, &publication, reply, NULL) == ERR_OK;
}

/* Ask when it is time to; the keeper is told when to look again. */
static void pull_ask(struct bus_pull *pull)
{
    lock(pull);
    unsigned amount = bus_is_connected(pull->bus) ? pull_plan(pull, clock_monotonic_ns()) : 0;
    unsigned expires_ms = pull->present_expires_ms;
    uint64_t generation = pull->generation;
    unlock(pull);
    if (amount == 0) {
        return;
    }
    bool sent = pull_send(pull, amount, expires_ms, generation);
    lock(pull);
    if (!sent && pull->generation == generation) {
        pull_back_off(pull);
    }
    int64_t deadline = pull->deadline_ns;
    unlock(pull);
    bus_keeper_wake(pull->bus, deadline);
}

/* ---- what comes ---- */

/* The request has ended: 408 and 404 after its expiry are the ordinary way, all else is trouble. */
static void pull_on_status(struct bus_pull *pull, natsMsg *raw, const char *status)
{
    uint64_t generation = 0;
    const char *dot = strrchr(natsMsg_GetSubject(raw), '.');
    bool ended = strcmp(status, "100") != 0 && dot != NULL && text_to_u64(dot + 1, &generation);
    bool ordinary = strcmp(status, "408") == 0 || strcmp(status, "404") == 0;
    BUS_COUNT(pull->bus, pull_statuses, 1);
    natsMsg_Destroy(raw);
    lock(pull);
    int64_t deadline = CLOCK_FOREVER;
    if (ended && generation == pull->generation && pull->asked > 0) {
        int64_t lived_ms = (clock_monotonic_ns() - pull->issued_ns) / 1000000;
        if (ordinary && lived_ms >= (int64_t)pull->present_expires_ms / 2) {
            pull->asked = 0;
            pull->deadline_ns = 0;
            pull->pause_ms = PAUSE_MS;
            pull->present_expires_ms = pull->expires_ms;
        } else {
            pull_back_off(pull);
        }
        deadline = pull->deadline_ns;
    }
    unlock(pull);
    if (deadline == 0) {
        pull_ask(pull);
    } else if (deadline != CLOCK_FOREVER) {
        bus_keeper_wake(pull->bus, deadline);
    }
}

/* Count one message; false when there is no place for it. */
static bool pull_admit(struct bus_pull *pull)
{
    lock(pull);
    bool admitted = !pull->stopped && pull->in_flight < pull->batch;
    if (admitted) {
        pull->in_flight++;
        pull->pause_ms = PAUSE_MS;
    }
    if (pull->asked > 0) {
        pull->asked--;
        if (pull->asked == 0) {
            pull->deadline_ns = 0;
        }
    }
    unlock(pull);
    return admitted;
}

static void on_pulled(struct bus_subscription *subscription, natsMsg *raw)
{
    struct bus_pull *pull = subscription->user;
    const char *status = bus_status_of(raw);
    if (status != NULL) {
        pull_on_status(pull, raw, status);
        return;
    }
    const char *reply = natsMsg_GetReply(raw);
    if (reply == NULL || !bus_reply_is_valid(reply) ||
        !bus_ack_subject_is_of(reply, pull->stream, pull->consumer)) {
        BUS_COUNT(pull->bus, rejected, 1);
        natsMsg_Destroy(raw);
        return;
    }
    if (!pull_admit(pull)) {
        bus_give_back(pull->bus, raw);
        return;
    }
    struct bus_msg *msg = bus_msg_create(pull->bus, raw);
    if (msg != NULL) {
        pull->deliver(pull->user, msg);
    } else {
        bus_pull_consumed(pull, 1);
    }
    pull_ask(pull);
}

/* ---- the receiver's side ---- */

static void pull_free(struct bus_pull *pull)
{
    if (pull != NULL) {
        CHECK(pthread_mutex_destroy(&pull->lock) == 0);
        free(pull->stream);
        free(pull->consumer);
        free(pull);
    }
}

static struct bus_pull *pull_create(struct bus *bus, const struct bus_pull_options *options)
{
    struct bus_pull *pull = calloc(1, sizeof(*pull));
    if (pull == NULL) {
        return NULL;
    }
    CHECK(pthread_mutex_init(&pull->lock, NULL) == 0);
    pull->bus = bus;
    pull->stream = strdup(options->stream);
    pull->consumer = strdup(options->consumer);
    pull->batch = options->batch;
    pull->window = options->batch;
    pull->expires_ms = options->expires_ms > 0 ? options->expires_ms : EXPIRES_MS;
    pull->present_expires_ms = EXPIRES_MIN_MS;
    pull->deliver = options->deliver;
    pull->user = options->user;
    pull->pause_ms = PAUSE_MS;
    if (pull->stream == NULL || pull->consumer == NULL) {
        pull_free(pull);
        return NULL;
    }
    return pull;
}

static enum err pull_options_check(const struct bus_pull_options *options, struct error *err)
{
    if (!bus_name_is_valid(options->stream) || !bus_name_is_valid(options->consumer)) {
        return error_set(err, ERR_INVALID, "cannot pull: names of stream and consumer are wrong");
    }
    if (options->batch < 1 || options->batch > BUS_PULL_BATCH_MAX ||
        (options->expires_ms > 0 && options->expires_ms < EXPIRES_MIN_MS)) {
        return error_set(err, ERR_INVALID,
                         "cannot pull from '%s': batch is 1 to %d and the expiry at least %d ms",
                         options->stream, BUS_PULL_BATCH_MAX, EXPIRES_MIN_MS);
    }
    return ERR_OK;
}

enum err bus_pull_start(struct bus *bus, const struct bus_pull_options *options,
                        struct bus_pull **ret_pull, struct error *err)
{
    *ret_pull = NULL;
    TRY(pull_options_check(options, err));
    struct bus_pull *pull = pull_create(bus, options);
    if (pull == NULL) {
        return error_set(err, ERR_NOMEM, "cannot pull from '%s': out of memory", options->stream);
    }
    CHECK(pthread_mutex_lock(&bus->subscriptions_lock) == 0);
    pull->number = bus->pulls != NULL ? bus->pulls->number + 1 : 1;
    pull->next = bus->pulls;
    bus->pulls = pull;
    CHECK(pthread_mutex_unlock(&bus->subscriptions_lock) == 0);
    char subject[BUS_INBOX_BYTES + 24];
    (void)snprintf(subject, sizeof(subject), "%s.p%u.*", bus->inbox, pull->number);
    struct bus_subscription *subscription = bus_subscription_create(bus, subject, NULL);
    if (subscription == NULL) {
        return error_set(err, ERR_NOMEM, "cannot pull from '%s': out of memory", options->stream);
    }
    subscription->handle = on_pulled;
    subscription->user = pull;
    TRY(bus_subscription_add(bus, subscription, err));
    pull_ask(pull);
    *ret_pull = pull;
    return ERR_OK;
}

void bus_pull_consumed(struct bus_pull *pull, size_t count)
{
    lock(pull);
    CHECK(count <= pull->in_flight);
    pull->in_flight -= (unsigned)count;
    bool idle = pull->asked == 0;
    unlock(pull);
    if (idle) {
        pull_ask(pull);
    }
}

void bus_pull_window(struct bus_pull *pull, unsigned window)
{
    CHECK(window >= 1 && window <= pull->batch);
    lock(pull);
    bool idle = window > pull->window && pull->asked == 0;
    pull->window = window;
    unlock(pull);
    if (idle) {
        pull_ask(pull);
    }
}

void bus_pull_kick(struct bus_pull *pull)
{
    lock(pull);
    pull->asked = 0;
    pull->generation++;
    pull->deadline_ns = 0;
    pull->pause_ms = PAUSE_MS;
    pull->present_expires_ms = EXPIRES_MIN_MS;
    unlock(pull);
    pull_ask(pull);
}

void bus_pull_stop(struct bus_pull **pull)
{
    if (*pull != NULL) {
        lock(*pull);
        (*pull)->stopped = true;
        unlock(*pull);
        *pull = NULL;
    }
}

/* ---- the bus's side ---- */

/* Pulls are only ever put in front of the list, so one pointer is enough to walk what was there. */
static struct bus_pull *pulls_first(struct bus *bus)
{
    CHECK(pthread_mutex_lock(&bus->subscriptions_lock) == 0);
    struct bus_pull *first = bus->pulls;
    CHECK(pthread_mutex_unlock(&bus->subscriptions_lock) == 0);
    return first;
}

void bus_pulls_reset(struct bus *bus)
{
    for (struct bus_pull *pull = pulls_first(bus); pull != NULL; pull = pull->next) {
        bus_pull_kick(pull);
    }
}

/* A request nobody ended in time was forgotten by the server: ask again. */
int64_t bus_pulls_check(struct bus *bus, int64_t now_ns)
{
    int64_t next = CLOCK_FOREVER;
    for (struct bus_pull *pull = pulls_first(bus); pull != NULL; pull = pull->next) {
        lock(pull);
        if (pull->asked > 0 && pull->deadline_ns <= now_ns) {
            pull->asked = 0;
            pull->generation++;
            pull->present_expires_ms = EXPIRES_MIN_MS;
        }
        unlock(pull);
        pull_ask(pull);
        lock(pull);
        bool waits = !pull->stopped && pull->deadline_ns > now_ns;
        next = waits && pull->deadline_ns < next ? pull->deadline_ns : next;
        unlock(pull);
    }
    return bus_is_connected(bus) ? next : CLOCK_FOREVER;
}

void bus_pulls_destroy(struct bus *bus)
{
    while (bus->pulls != NULL) {
        struct bus_pull *pull = bus->pulls;
        bus->pulls = pull->next;
        pull_free(pull);
    }
}
