/*
 * The connection, its subscriptions and the keeper thread.
 *
 * cnats reconnects by itself; only when it gives a connection up for ever (two equal login errors)
 * or when the first attempt fails does the keeper make a new connection object and move all
 * subscriptions to it. The keeper also finds publications and pull requests nobody answered; with
 * nothing outstanding it sleeps without limit.
 *
 * cnats waits for instants of the wall clock. When that is set back, its waits (before the next
 * attempt to connect, for an answer, for the next ping) become longer by as much. So whenever the
 * keeper finds it set back, it closes the connection, which ends those waits, and makes another.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/bus/bus_private.h"

enum {
    CONNECT_TIMEOUT_MS = 2000,
    CONNECT_TRIES = 5, /* with a server that does not let us in, */
    CONNECT_PAUSE_MS = 50,
    RECONNECT_WAIT_MS = 250,
    RECONNECT_JITTER_MS = 100,
    PING_INTERVAL_MS = 5000,
    PINGS_OUT = 2,
    WRITE_DEADLINE_MS = 5000,
    RECONNECT_BUFFER_BYTES = 1, /* the sender's store is the buffer */
    PENDING_MESSAGES = 16384, /* of one subscription; beyond that cnats drops and tells on_error */
    PENDING_BYTES = 256 * 1024 * 1024,
    REBUILD_PAUSE_MS = 250,
    REBUILD_PAUSE_MAX_MS = 5000,
    CLOCK_LOOK_MS = 1000, /* while there is no connection */
    CLOCK_BACK_MS = 1000, /* less is what slewing and rounding do */
};

enum err bus_nats_error(natsStatus status, const char *what, const char *subject, struct error *err)
{
    enum err code = ERR_IO;
    if (status == NATS_TIMEOUT) {
        code = ERR_TIMEOUT;
    } else if (status == NATS_NO_RESPONDERS) {
        return error_set(err, ERR_UNAVAILABLE, "cannot %s '%s': nobody listens there", what,
                         subject);
    } else if (status == NATS_NO_SERVER || status == NATS_CONNECTION_CLOSED ||
               status == NATS_CONNECTION_DISCONNECTED || status == NATS_IO_ERROR ||
               status == NATS_INSUFFICIENT_BUFFER || status == NATS_STALE_CONNECTION ||
               status == NATS_NOT_YET_CONNECTED) {
        code = ERR_UNAVAILABLE;
    } else if (status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED ||
               status == NATS_SECURE_CONNECTION_REQUIRED ||
               status == NATS_SECURE_CONNECTION_WANTED || status == NATS_SSL_ERROR) {
        code = ERR_REFUSED;
    } else if (status == NATS_MAX_PAYLOAD) {
        code = ERR_LIMIT;
    } else if (status == NATS_NO_MEMORY) {
        code = ERR_NOMEM;
    }
    return error_set(err, code, "cannot %s '%s': %s", what, subject, natsStatus_GetText(status));
}

static int64_t clock_gap_ms(void)
{
    return clock_wall_ms() - clock_monotonic_ns() / 1000000;
}

static void keeper_lock(struct bus *bus)
{
    CHECK(pthread_mutex_lock(&bus->keeper_lock) == 0);
}

static void keeper_unlock(struct bus *bus)
{
    CHECK(pthread_mutex_unlock(&bus->keeper_lock) == 0);
}

natsConnection *bus_hold(struct bus *bus)
{
    CHECK(pthread_rwlock_rdlock(&bus->connection_lock) == 0);
    natsConnection *connection = atomic_load(&bus->connected) ? bus->connection : NULL;
    if (connection == NULL) {
        CHECK(pthread_rwlock_unlock(&bus->connection_lock) == 0);
    }
    return connection;
}

void bus_let_go(struct bus *bus)
{
    CHECK(pthread_rwlock_unlock(&bus->connection_lock) == 0);
}

bool bus_is_connected(struct bus *bus)
{
    return atomic_load(&bus->connected);
}

void bus_keeper_wake(struct bus *bus, int64_t deadline_ns)
{
    keeper_lock(bus);
    if (deadline_ns < bus->keeper_until) {
        bus->keeper_until = deadline_ns;
        CHECK(pthread_cond_signal(&bus->keeper_changed) == 0);
    }
    keeper_unlock(bus);
}

/* ---- states ---- */

static void state_up(struct bus *bus)
{
    bool again = atomic_exchange(&bus->was_connected, true);
    atomic_store(&bus->connected, true);
    bus_pulls_reset(bus);
    if (bus->on_state != NULL) {
        bus->on_state(bus->user, again ? BUS_RECONNECTED : BUS_CONNECTED, "");
    }
}

static void state_down(struct bus *bus, const char *why)
{
    if (!atomic_exchange(&bus->connected, false)) {
        return;
    }
    BUS_COUNT(bus, disconnects, 1);
    bus_keeper_wake(bus, clock_deadline_ns(CLOCK_LOOK_MS));
    bus_tracked_fail_all(bus, "the connection was lost");
    if (bus->on_state != NULL) {
        bus->on_state(bus->user, BUS_DISCONNECTED, why);
    }
}

static void on_disconnected(natsConnection *connection, void *closure)
{
    const char *why = NULL;
    (void)natsConnection_GetLastError(connection, &why);
    state_down(closure, why != NULL ? why : "");
}

/* How long to wait before the next attempt. Asked right before the client library makes an instant
 * of it, so this is the clock that the wait goes by: the callback of the disconnection may come
 * when it has been set back already. */
static int64_t on_wait(natsConnection *connection, int attempts, void *closure)
{
    struct bus *bus = closure;
    uint8_t random = 0;
    (void)connection;
    (void)attempts;
    CHECK(getrandom(&random, sizeof(random), 0) == (ssize_t)sizeof(random));
    keeper_lock(bus);
    bus->clock_gap_ms = clock_gap_ms();
    keeper_unlock(bus);
    return RECONNECT_WAIT_MS + random * RECONNECT_JITTER_MS / UINT8_MAX;
}

static void on_closed(natsConnection *connection, void *closure)
{
    struct bus *bus = closure;
    const char *why = NULL;
    (void)natsConnection_GetLastError(connection, &why);
    state_down(bus, why != NULL ? why : "");
    keeper_lock(bus);
    bus->connections--;
    if (!bus->closing) {
        bus->rebuild_at = clock_deadline_ns(bus->rebuild_pause_ms);
        bus->keeper_until = 0;
    }
    CHECK(pthread_cond_broadcast(&bus->keeper_changed) == 0);
    keeper_unlock(bus);
}

static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                     void *closure)
{
    (void)connection;
    (void)subscription;
    (void)status;
    BUS_COUNT((struct bus *)closure, async_errors, 1);
}

/* ---- subscriptions ---- */

static void on_raw(natsConnection *connection, natsSubscription *live, natsMsg *raw, void *closure)
{
    (void)connection;
    (void)live;
    struct bus_subscription *subscription = closure;
    subscription->handle(subscription, raw);
}

static void on_dispatcher_end(void *closure)
{
    struct bus *bus = closure;
    keeper_lock(bus);
    bus->dispatchers--;
    CHECK(pthread_cond_broadcast(&bus->keeper_changed) == 0);
    keeper_unlock(bus);
}

/* Put `subscription` on `connection`. Caller holds subscriptions_lock. */
static natsStatus subscription_begin(struct bus_subscription *subscription,
                                     natsConnection *connection)
{
    struct bus *bus = subscription->bus;
    natsSubscription *live = NULL;
    natsStatus status =
        subscription->queue != NULL
            ? natsConnection_QueueSubscribe(&live, connection, subscription->subject,
                                            subscription->queue, on_raw, subscription)
            : natsConnection_Subscribe(&live, connection, subscription->subject, on_raw,
                                       subscription);
    if (status != NATS_OK) {
        return status;
    }
    keeper_lock(bus);
    bus->dispatchers++;
    keeper_unlock(bus);
    status = natsSubscription_SetOnCompleteCB(live, on_dispatcher_end, bus);
    if (status != NATS_OK) {
        on_dispatcher_end(bus);
    }
    (void)natsSubscription_SetPendingLimits(live, PENDING_MESSAGES, PENDING_BYTES);
    subscription->live = live;
    return NATS_OK;
}

/* A subscription asked for while the connection was dying was refused by it: it begins now. */
static void subscriptions_begin_missing(struct bus *bus, natsConnection *connection)
{
    CHECK(pthread_mutex_lock(&bus->subscriptions_lock) == 0);
    for (struct bus_subscription *s = bus->subscriptions; s != NULL; s = s->next) {
        if (s->live == NULL) {
            (void)subscription_begin(s, connection);
        }
    }
    CHECK(pthread_mutex_unlock(&bus->subscriptions_lock) == 0);
}

static void on_reconnected(natsConnection *connection, void *closure)
{
    subscriptions_begin_missing(closure, connection);
    state_up(closure);
}

struct bus_subscription *bus_subscription_create(struct bus *bus, const char *subject,
                                                 const char *queue)
{
    struct bus_subscription *subscription = calloc(1, sizeof(*subscription));
    if (subscription == NULL) {
        return NULL;
    }
    subscription->bus = bus;
    subscription->subject = strdup(subject);
    subscription->queue = queue != NULL ? strdup(queue) : NULL;
    if (subscription->subject == NULL || (queue != NULL && subscription->queue == NULL)) {
        free(subscription->subject);
        free(subscription->queue);
        free(subscription);
        return NULL;
    }
    return subscription;
}

enum err bus_subscription_add(struct bus *bus, struct bus_subscription *subscription,
                              struct error *err)
{
    enum err code = ERR_OK;
    CHECK(pthread_mutex_lock(&bus->subscriptions_lock) == 0);
    subscription->next = bus->subscriptions;
    bus->subscriptions = subscription;
    natsConnection *connection = bus_hold(bus);
    if (connection != NULL) {
        natsStatus status = subscription_begin(subscription, connection);
        bus_let_go(bus);
        if (status == NATS_NO_MEMORY || status == NATS_INVALID_SUBJECT) {
            code = bus_nats_error(status, "subscribe to", subscription->subject, err);
        }
    }
    CHECK(pthread_mutex_unlock(&bus->subscriptions_lock) == 0);
    return code;
}

/* ---- connecting ---- */

static natsStatus options_set_callbacks(natsOptions *options, struct bus *bus)
{
    natsStatus status = natsOptions_SetErrorHandler(options, on_error, bus);
    if (status == NATS_OK) {
        status = natsOptions_SetDisconnectedCB(options, on_disconnected, bus);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetReconnectedCB(options, on_reconnected, bus);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetCustomReconnectDelay(options, on_wait, bus);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetClosedCB(options, on_closed, bus);
    }
    return status;
}

static natsStatus options_set_security(natsOptions *options, const struct bus *bus,
                                       const struct bus_secret *secret)
{
    natsStatus status = NATS_OK;
    if (secret->user[0] != '\0') {
        status = natsOptions_SetUserInfo(options, secret->user, secret->password);
    }
    if (status == NATS_OK && bus->urls.secure) {
        status = natsOptions_SetSecure(options, true);
        if (status == NATS_OK && bus->ca_file != NULL) {
            status = natsOptions_LoadCATrustedCertificates(options, bus->ca_file);
        }
        if (status == NATS_OK) {
            status = natsOptions_SetExpectedHostname(options, bus->urls.host);
        }
    }
    return status;
}

/* The defaults of cnats see a dead server after minutes, give up after 60 attempts and keep 8 MB of
 * unacknowledged messages in memory; none of that suits an owner with a durable outbox. */
static natsStatus options_set_behaviour(natsOptions *options, const struct bus *bus)
{
    const char *servers[BUS_URLS_MAX];
    char prefix[BUS_INBOX_BYTES];
    for (unsigned i = 0; i < bus->urls.count; i++) {
        servers[i] = bus->urls.text[i];
    }
    (void)snprintf(prefix, sizeof(prefix), "_INBOX_%s", bus->name);
    const natsStatus all[] = {
        natsOptions_SetServers(options, servers, (int)bus->urls.count),
        natsOptions_SetName(options, bus->name),
        natsOptions_SetTimeout(options, CONNECT_TIMEOUT_MS),
        natsOptions_SetMaxReconnect(options, -1),
        natsOptions_SetReconnectBufSize(options, RECONNECT_BUFFER_BYTES),
        natsOptions_SetIgnoreDiscoveredServers(options, true),
        natsOptions_SetPingInterval(options, PING_INTERVAL_MS),
        natsOptions_SetMaxPingsOut(options, PINGS_OUT),
        natsOptions_SetWriteDeadline(options, WRITE_DEADLINE_MS),
        natsOptions_SetFailRequestsOnDisconnect(options, true),
        natsOptions_SetSendAsap(options, true),
        natsOptions_SetCustomInboxPrefix(options, prefix),
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] != NATS_OK) {
            return all[i];
        }
    }
    return NATS_OK;
}

/* The client library says "SSL Error" to whatever is wrong with the file. */
static enum err ca_check(const struct bus *bus, struct error *err)
{
    natsOptions *probe = NULL;
    if (bus->ca_file == NULL) {
        return ERR_OK;
    }
    if (access(bus->ca_file, R_OK) != 0) {
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_REFUSED,
                         "cannot open the certificate authority '%s': %s", bus->ca_file,
                         strerror(errno));
    }
    natsStatus status = natsOptions_Create(&probe);
    if (status == NATS_OK) {
        status = natsOptions_LoadCATrustedCertificates(probe, bus->ca_file);
    }
    natsOptions_Destroy(probe);
    if (status == NATS_SSL_ERROR) {
        return error_set(err, ERR_INVALID, "'%s' holds no certificate in PEM form", bus->ca_file);
    }
    return status == NATS_OK ? ERR_OK
                             : bus_nats_error(status, "use certificates of", bus->ca_file, err);
}

/* Whether a server said that which does so to everybody for a moment while it reads its
 * configuration again: to a good login, or to one it has not heard yet (seen with 2.9.10, 2.15.2).
 */
static bool connect_may_pass(natsStatus status)
{
    return status == NATS_CONNECTION_AUTH_FAILED || status == NATS_PROTOCOL_ERROR;
}

static natsStatus connection_try(struct bus *bus, natsConnection **ret_connection,
                                 natsOptions *options)
{
    static const struct timespec pause = {.tv_nsec = CONNECT_PAUSE_MS * 1000000L};
    natsStatus status = NATS_OK;
    for (unsigned tries = 1;; tries++) {
        keeper_lock(bus);
        bus->connections++;
        keeper_unlock(bus);
        status = natsConnection_Connect(ret_connection, options);
        if (status == NATS_OK) {
            return NATS_OK;
        }
        keeper_lock(bus);
        bus->connections--;
        keeper_unlock(bus);
        if (tries == CONNECT_TRIES || !connect_may_pass(status)) {
            return status;
        }
        (void)nanosleep(&pause, NULL);
    }
}

/* The secret is read again for each connection, so a changed password needs no restart. */
static enum err connection_open(struct bus *bus, natsConnection **ret_connection, struct error *err)
{
    natsOptions *options = NULL;
    struct bus_secret secret = {0};
    if (bus->creds_file != NULL) {
        TRY(bus_secret_read(bus->creds_file, &secret, err));
    }
    TRY(ca_check(bus, err));
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK) {
        status = options_set_behaviour(options, bus);
    }
    if (status == NATS_OK) {
        status = options_set_callbacks(options, bus);
    }
    if (status == NATS_OK) {
        status = options_set_security(options, bus, &secret);
    }
    explicit_bzero(&secret, sizeof(secret));
    if (status == NATS_OK) {
        status = connection_try(bus, ret_connection, options);
    }
    natsOptions_Destroy(options);
    if (status != NATS_OK) {
        *ret_connection = NULL;
        enum err code = bus_nats_error(status, "connect to the bus at", bus->urls.text[0], err);
        if (code == ERR_TIMEOUT) { /* nobody answered: that is what unreachable means */
            code = ERR_UNAVAILABLE;
            if (err != NULL) {
                err->code = code;
            }
        }
        return code;
    }
    return ERR_OK;
}

/* Make `fresh` the connection and move every subscription to it; the old one is destroyed. */
static void connection_install(struct bus *bus, natsConnection *fresh)
{
    CHECK(pthread_mutex_lock(&bus->subscriptions_lock) == 0);
    CHECK(pthread_rwlock_wrlock(&bus->connection_lock) == 0);
    natsConnection *old = bus->connection;
    bus->connection = fresh;
    CHECK(pthread_rwlock_unlock(&bus->connection_lock) == 0);
    for (struct bus_subscription *s = bus->subscriptions; s != NULL; s = s->next) {
        natsSubscription_Destroy(s->live);
        s->live = NULL;
        (void)subscription_begin(s, fresh);
    }
    CHECK(pthread_mutex_unlock(&bus->subscriptions_lock) == 0);
    natsConnection_Destroy(old);
    keeper_lock(bus);
    bus->rebuild_pause_ms = REBUILD_PAUSE_MS;
    keeper_unlock(bus);
    if (natsConnection_Status(fresh) == NATS_CONN_STATUS_CONNECTED) {
        state_up(bus);
    }
}

/* ---- the keeper ---- */

static void keeper_rebuild(struct bus *bus)
{
    natsConnection *fresh = NULL;
    if (connection_open(bus, &fresh, NULL) == ERR_OK) {
        BUS_COUNT(bus, rebuilds, 1);
        connection_install(bus, fresh);
        return;
    }
    keeper_lock(bus);
    bus->rebuild_pause_ms = bus->rebuild_pause_ms * 2 < REBUILD_PAUSE_MAX_MS
                                ? bus->rebuild_pause_ms * 2
                                : REBUILD_PAUSE_MAX_MS;
    bus->rebuild_at = clock_deadline_ns(bus->rebuild_pause_ms);
    keeper_unlock(bus);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Sleep until keeper_until, which others may bring forward. Caller holds keeper_lock. */
static void keeper_sleep(struct bus *bus)
{
    while (!bus->closing && bus->keeper_until > clock_monotonic_ns()) {
        if (bus->keeper_until == CLOCK_FOREVER) {
            CHECK(pthread_cond_wait(&bus->keeper_changed, &bus->keeper_lock) == 0);
        } else {
            struct timespec until = {.tv_sec = (time_t)(bus->keeper_until / 1000000000),
                                     .tv_nsec = (long)(bus->keeper_until % 1000000000)};
            (void)pthread_cond_timedwait(&bus->keeper_changed, &bus->keeper_lock, &until);
        }
    }
}

/* Look whether the wall clock was set back; when to look again. */
static int64_t keeper_clock(struct bus *bus)
{
    int64_t gap_ms = clock_gap_ms();
    keeper_lock(bus);
    bool back = gap_ms < bus->clock_gap_ms - CLOCK_BACK_MS;
    bus->clock_gap_ms = gap_ms;
    keeper_unlock(bus);
    if (back) {
        CHECK(pthread_rwlock_rdlock(&bus->connection_lock) == 0);
        natsConnection_Close(bus->connection); /* on_closed has another one made */
        CHECK(pthread_rwlock_unlock(&bus->connection_lock) == 0);
    }
    return bus_is_connected(bus) ? CLOCK_FOREVER : clock_deadline_ns(CLOCK_LOOK_MS);
}

static void *keeper_run(void *user)
{
    struct bus *bus = user;
    keeper_lock(bus);
    while (!bus->closing) {
        keeper_sleep(bus);
        int64_t now = clock_monotonic_ns();
        bool rebuild = !bus->closing && bus->rebuild_at <= now;
        bus->rebuild_at = rebuild ? CLOCK_FOREVER : bus->rebuild_at;
        bus->keeper_until = CLOCK_FOREVER;
        keeper_unlock(bus);
        if (rebuild) {
            keeper_rebuild(bus);
        }
        int64_t next = earlier(bus_tracked_expire(bus, now), bus_pulls_check(bus, now));
        next = earlier(next, keeper_clock(bus));
        keeper_lock(bus);
        bus->keeper_until = earlier(earlier(bus->keeper_until, next), bus->rebuild_at);
    }
    keeper_unlock(bus);
    return NULL;
}

/* ---- life ---- */

static void random_hex(char *out)
{
    unsigned char bytes[16];
    CHECK(getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), out);
}

static void bus_init_locks(struct bus *bus)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&bus->keeper_changed, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    CHECK(pthread_rwlock_init(&bus->connection_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&bus->subscriptions_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&bus->tracker.lock, NULL) == 0);
    CHECK(pthread_mutex_init(&bus->keeper_lock, NULL) == 0);
}

/* Free a bus without threads. */
static void bus_free(struct bus *bus)
{
    bus_pulls_destroy(bus);
    while (bus->subscriptions != NULL) {
        struct bus_subscription *subscription = bus->subscriptions;
        bus->subscriptions = subscription->next;
        free(subscription->subject);
        free(subscription->queue);
        free(subscription);
    }
    CHECK(pthread_cond_destroy(&bus->keeper_changed) == 0);
    CHECK(pthread_rwlock_destroy(&bus->connection_lock) == 0);
    CHECK(pthread_mutex_destroy(&bus->subscriptions_lock) == 0);
    CHECK(pthread_mutex_destroy(&bus->tracker.lock) == 0);
    CHECK(pthread_mutex_destroy(&bus->keeper_lock) == 0);
    free(bus->tracker.entries);
    free(bus->creds_file);
    free(bus->ca_file);
    free(bus->name);
    free(bus);
}

static bool copy_text(char **ret_copy, const char *text)
{
    *ret_copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret_copy != NULL;
}

/* A bus without threads and connection; NULL without memory. */
static struct bus *bus_create(const struct bus_options *options)
{
    struct bus *bus = calloc(1, sizeof(*bus));
    if (bus == NULL) {
        return NULL;
    }
    bus_init_locks(bus);
    bus->on_state = options->on_state;
    bus->on_ack = options->on_ack;
    bus->user = options->user;
    bus->tracked_timeout_ms =
        options->tracked_timeout_ms > 0 ? options->tracked_timeout_ms : BUS_TRACKED_TIMEOUT_MS;
    bus->keeper_until = CLOCK_FOREVER;
    bus->rebuild_at = CLOCK_FOREVER;
    bus->rebuild_pause_ms = REBUILD_PAUSE_MS;
    bus->clock_gap_ms = clock_gap_ms();
    bus->tracker.entries = calloc(BUS_TRACKED_MAX, sizeof(*bus->tracker.entries));
    bool complete = copy_text(&bus->creds_file, options->creds_file) &&
                    copy_text(&bus->ca_file, options->ca_file) &&
                    copy_text(&bus->name, options->name) && bus->tracker.entries != NULL;
    if (!complete) {
        bus_free(bus);
        return NULL;
    }
    char suffix[33];
    random_hex(suffix);
    (void)snprintf(bus->inbox, sizeof(bus->inbox), "_INBOX_%s.%s", bus->name, suffix);
    return bus;
}

/* The inbox of acknowledgements: <inbox>.t.<number>. */
static enum err tracked_inbox_add(struct bus *bus, struct error *err)
{
    char subject[BUS_INBOX_BYTES + 8];
    (void)snprintf(subject, sizeof(subject), "%s.t.*", bus->inbox);
    struct bus_subscription *subscription = bus_subscription_create(bus, subject, NULL);
    if (subscription == NULL) {
        return error_set(err, ERR_NOMEM, "cannot connect to the bus: out of memory");
    }
    subscription->handle = bus_tracked_on_reply;
    return bus_subscription_add(bus, subscription, err);
}

static enum err bus_begin(struct bus *bus, bool retry, struct error *err)
{
    natsConnection *connection = NULL;
    TRY(tracked_inbox_add(bus, err));
    enum err code = connection_open(bus, &connection, err);
    if (code == ERR_OK) {
        connection_install(bus, connection);
    } else if (retry && error_class(code) == ERR_CLASS_TRANSIENT) {
        bus->rebuild_at = clock_deadline_ns(bus->rebuild_pause_ms);
        bus->keeper_until = bus->rebuild_at;
    } else {
        return code;
    }
    CHECK(pthread_create(&bus->keeper, NULL, keeper_run, bus) == 0);
    return ERR_OK;
}

enum err bus_connect(const struct bus_options *options, struct bus **ret_bus, struct error *err)
{
    *ret_bus = NULL;
    struct bus_urls urls;
    if (!text_is_token(options->name != NULL ? options->name : "")) {
        return error_set(err, ERR_INVALID,
                         "the name of a bus client is 1 to 64 of letters, digits, '_' and '-'");
    }
    TRY(bus_urls_parse(options->url, options->ca_file != NULL, &urls, err));
    struct bus *bus = bus_create(options);
    if (bus == NULL) {
        return error_set(err, ERR_NOMEM, "cannot connect to the bus: out of memory");
    }
    bus->urls = urls;
    enum err code = bus_begin(bus, options->retry_connect, err);
    if (code != ERR_OK) {
        bus_free(bus);
        return code;
    }
    *ret_bus = bus;
    return ERR_OK;
}

void bus_close(struct bus **bus)
{
    struct bus *closing = *bus;
    if (closing == NULL) {
        return;
    }
    keeper_lock(closing);
    closing->closing = true;
    CHECK(pthread_cond_broadcast(&closing->keeper_changed) == 0);
    keeper_unlock(closing);
    CHECK(pthread_join(closing->keeper, NULL) == 0);
    natsConnection_Close(closing->connection);
    for (struct bus_subscription *s = closing->subscriptions; s != NULL; s = s->next) {
        natsSubscription_Destroy(s->live);
        s->live = NULL;
    }
    keeper_lock(closing);
    while (closing->connections > 0 || closing->dispatchers > 0) {
        CHECK(pthread_cond_wait(&closing->keeper_changed, &closing->keeper_lock) == 0);
    }
    keeper_unlock(closing);
    natsConnection_Destroy(closing->connection);
    bus_free(closing);
    *bus = NULL;
}

void bus_stats(struct bus *bus, struct bus_stats *ret_stats)
{
    const struct bus_counters *c = &bus->counters;
    CHECK(pthread_mutex_lock(&bus->tracker.lock) == 0);
    uint64_t waiting = bus->tracker.next - bus->tracker.first;
    CHECK(pthread_mutex_unlock(&bus->tracker.lock) == 0);
    *ret_stats = (struct bus_stats){
        .published = c->published,
        .published_bytes = c->published_bytes,
        .tracked_stored = c->tracked_stored,
        .tracked_failed = c->tracked_failed,
        .tracked_timeouts = c->tracked_timeouts,
        .tracked_waiting = waiting,
        .received = c->received,
        .received_bytes = c->received_bytes,
        .acked = c->acked,
        .pull_requests = c->pull_requests,
        .pull_statuses = c->pull_statuses,
        .pull_given_back = c->pull_given_back,
        .rejected = c->rejected,
        .async_errors = c->async_errors,
        .disconnects = c->disconnects,
        .rebuilds = c->rebuilds,
    };
}
