/* What the files of the bus share. Only this folder includes it, and only this folder knows cnats.
 */
#ifndef COMMON_BUS_BUS_PRIVATE_H
#define COMMON_BUS_BUS_PRIVATE_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/bus/bus.h"

enum {
    BUS_INBOX_BYTES = 128, /* "_INBOX_<name>.<32 hex digits>" */
    BUS_URL_BYTES = 256,
    BUS_URLS_MAX = 8,
    BUS_SECRET_BYTES = 256,
};

/* Places to connect to, checked. */
struct bus_urls {
    char text[BUS_URLS_MAX][BUS_URL_BYTES];
    unsigned count;
    bool secure;              /* use TLS */
    char host[BUS_URL_BYTES]; /* of the first, for the certificate */
};

struct bus_secret {
    char user[BUS_SECRET_BYTES];
    char password[BUS_SECRET_BYTES];
};

/* A subscription that outlives connections. Never freed before the bus. */
struct bus_subscription {
    struct bus_subscription *next;
    struct bus *bus;
    char *subject;
    char *queue;                                                         /* NULL: none */
    void (*handle)(struct bus_subscription *subscription, natsMsg *msg); /* takes over msg */
    bus_msg_fn *deliver;
    void *user;
    natsSubscription *live; /* on the present connection; under bus->subscriptions_lock */
};

/* One publication waiting for its acknowledgement. */
struct bus_tracked {
    uint64_t token;
    int64_t deadline_ns;
    bool open;
};

/* entries[number % BUS_TRACKED_MAX] for first <= number < next, in order of their deadlines; the
 * number is the last token of the reply subject. */
struct bus_tracker {
    pthread_mutex_t lock;
    uint64_t first;
    uint64_t next;
    struct bus_tracked *entries;
};

/* One counter per member of struct bus_stats that is counted as it happens. */
struct bus_counters {
    _Atomic uint64_t published;
    _Atomic uint64_t published_bytes;
    _Atomic uint64_t tracked_stored;
    _Atomic uint64_t tracked_failed;
    _Atomic uint64_t tracked_timeouts;
    _Atomic uint64_t received;
    _Atomic uint64_t received_bytes;
    _Atomic uint64_t acked;
    _Atomic uint64_t pull_requests;
    _Atomic uint64_t pull_statuses;
    _Atomic uint64_t pull_given_back;
    _Atomic uint64_t rejected;
    _Atomic uint64_t async_errors;
    _Atomic uint64_t disconnects;
    _Atomic uint64_t rebuilds;
};

/*
 * Locks, outermost first: subscriptions_lock, connection_lock, pull->lock, keeper_lock. The
 * tracker's lock is a leaf. No callback of the user is called under any of them.
 */
struct bus {
    struct bus_urls urls;
    char *creds_file;
    char *ca_file;
    char *name;
    unsigned tracked_timeout_ms;
    bus_state_fn *on_state;
    bus_ack_fn *on_ack;
    void *user;
    char inbox[BUS_INBOX_BYTES];
    struct bus_counters counters;
    atomic_bool connected;
    atomic_bool was_connected;

    pthread_rwlock_t connection_lock; /* guards the pointer; held for reading while it is used */
    natsConnection *connection;       /* NULL before the first success */

    pthread_mutex_t subscriptions_lock;
    struct bus_subscription *subscriptions;
    struct bus_pull *pulls;

    struct bus_tracker tracker;

    pthread_mutex_t keeper_lock;
    pthread_cond_t keeper_changed;
    pthread_t keeper;
    int64_t keeper_until; /* instant the keeper sleeps until */
    int64_t rebuild_at;   /* CLOCK_FOREVER: connection is in order */
    int64_t clock_gap_ms; /* wall clock ahead of the monotonic one, at the last look or wait */
    int64_t rebuild_pause_ms;
    unsigned connections; /* of cnats whose closed callback has not run */
    unsigned dispatchers; /* delivery threads of cnats still alive */
    bool closing;
};

#define BUS_COUNT(bus, member, n) \
    atomic_fetch_add_explicit(&(bus)->counters.member, (n), memory_order_relaxed)

/* bus_address.c: text that must be right before cnats sees it. */
MUST_CHECK enum err bus_urls_parse(const char *url, bool has_ca, struct bus_urls *ret_urls,
                                   struct error *err);
MUST_CHECK enum err bus_secret_read(const char *path, struct bus_secret *ret_secret,
                                    struct error *err);
bool bus_pattern_is_valid(const char *subject);
bool bus_name_is_valid(const char *name); /* of a stream or consumer */
bool bus_reply_is_valid(const char *subject);
bool bus_reply_is_inbox(const char *subject);
MUST_CHECK enum err bus_publication_check(const struct bus_publication *publication,
                                          struct error *err);

/* bus_nats.c: the connection and its keeper. */
enum err bus_nats_error(natsStatus status, const char *what, const char *subject,
                        struct error *err);
MUST_CHECK natsConnection *bus_hold(struct bus *bus); /* NULL when down; then nothing to release */
void bus_let_go(struct bus *bus);
MUST_CHECK enum err bus_subscription_add(struct bus *bus, struct bus_subscription *subscription,
                                         struct error *err);
struct bus_subscription *bus_subscription_create(struct bus *bus, const char *subject,
                                                 const char *queue);
void bus_keeper_wake(struct bus *bus, int64_t deadline_ns);

/* bus_message.c */
struct bus_msg *bus_msg_create(struct bus *bus, natsMsg *raw); /* takes over raw; NULL: no memory */
const char *bus_status_of(natsMsg *raw); /* text of a status message, NULL for an ordinary one */
bool bus_ack_subject_is_of(const char *reply, const char *stream, const char *consumer);
void bus_give_back(struct bus *bus, natsMsg *raw); /* nak and destroy */

/* bus_publish.c */
MUST_CHECK enum err bus_send(struct bus *bus, const struct bus_publication *publication,
                             const char *reply, struct error *err);
void bus_tracked_on_reply(struct bus_subscription *subscription, natsMsg *raw);
void bus_tracked_fail_all(struct bus *bus, const char *why);
int64_t bus_tracked_expire(struct bus *bus, int64_t now_ns); /* next deadline */

/* bus_pull.c */
void bus_pulls_reset(struct bus *bus);                    /* the connection is new */
int64_t bus_pulls_check(struct bus *bus, int64_t now_ns); /* next deadline */
void bus_pulls_destroy(struct bus *bus);

#endif
