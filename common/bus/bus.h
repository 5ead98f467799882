/*
 * The bus port: one NATS connection that keeps itself alive, core messages, JetStream through its
 * own JSON interface, acknowledged publications and credit-bounded pulling.
 *
 * Nothing here is a proof: a stored publication can be lost with the server's disk and an
 * acknowledged message can come again. Senders keep what they sent until the receiver says so;
 * receivers recognise what they have seen.
 *
 * Threads: every function is safe from several threads except create and destroy. Callbacks run on
 * threads of the library: several at a time, but one at a time per subscription and per pull. They
 * must not block for long and must not call bus_close.
 *
 * Sources: docs.nats.io/reference/reference-protocols/nats-protocol and .../nats_api_reference
 * (JetStream wire API), ADR-1, ADR-13 and ADR-15 of nats-architecture-and-design.
 */
#ifndef COMMON_BUS_BUS_H
#define COMMON_BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

struct buf;
struct bus;
struct bus_pull;

enum {
    BUS_SUBJECT_BYTES = 512,      /* longest subject */
    BUS_NAME_MAX = 160,           /* characters of the name of a stream or consumer */
    BUS_HEADERS_MAX = 64,         /* headers of one publication */
    BUS_PULL_BATCH_MAX = 4096,    /* messages one pull may have in flight */
    BUS_TRACKED_MAX = 8192,       /* publications waiting for their acknowledgement */
    BUS_API_TIMEOUT_MS = 5000,    /* one JetStream management request */
    BUS_TRACKED_TIMEOUT_MS = 5000 /* acknowledgement of a tracked publication */
};

/* ---- connection ---- */

enum bus_state { BUS_CONNECTED, BUS_DISCONNECTED, BUS_RECONNECTED };

/* Told when the connection changes; after BUS_RECONNECTED compare what the server has with what you
 * know. `why` is words, "" when there is nothing to say. */
typedef void bus_state_fn(void *user, enum bus_state state, const char *why);

/* Outcome of a tracked publication; `why` is "" when stored. Called exactly once per token. */
typedef void bus_ack_fn(void *user, uint64_t token, bool stored, const char *why);

struct bus_options {
    const char *url;        /* "nats://127.0.0.1:4222", "tls://host:port"; several with commas */
    const char *creds_file; /* lines user=... and password=..., mode 0600; NULL: no login */
    const char *ca_file;    /* certificate authority; asks for TLS; NULL: none */
    const char *name;       /* subject token; shown by the server and part of our inboxes */
    bool retry_connect;     /* go on in the background when the first attempt fails */
    unsigned tracked_timeout_ms; /* 0: BUS_TRACKED_TIMEOUT_MS */
    bus_state_fn *on_state;      /* may be NULL */
    bus_ack_fn *on_ack;          /* NULL when bus_publish_tracked is not used */
    void *user;                  /* of both callbacks */
};

/*
 * Connect. All strings are copied. A lost connection is made again for ever, with all
 * subscriptions and pulls; inboxes are named "_INBOX_<name>.".
 *
 * Errors: ERR_INVALID (url, name), ERR_REFUSED (a host that is not loopback without TLS, a creds
 * file others can read, a login the server does not accept), ERR_NOT_FOUND (creds file),
 * ERR_UNAVAILABLE (no server; not with retry_connect), ERR_NOMEM. On failure *ret_bus is NULL.
 */
MUST_CHECK enum err bus_connect(const struct bus_options *options, struct bus **ret_bus,
                                struct error *err);

/* Close the connection, wait until no callback runs, free *bus with its pulls and set it to NULL.
 * Messages still held by receivers must have been destroyed. Accepts a NULL bus. */
void bus_close(struct bus **bus);

/* Whether the connection is up now; stale when read. */
bool bus_is_connected(struct bus *bus);

/* ---- messages that came in ---- */

/* A received message, owned by the receiver until bus_msg_destroy. Strings are never NULL. */
struct bus_msg {
    const char *subject;
    const char *reply; /* "" without one */
    const char *body;
    size_t size;
    uint64_t stream_sequence;   /* this and the rest: 0 unless it came from a stream */
    uint64_t consumer_sequence; /* may be reused after a loss: never an identity */
    uint64_t num_delivered;     /* starts again at 1 after a crash of the server */
    uint64_t num_pending;       /* messages behind this one */
    int64_t timestamp_ns;       /* the server's wall clock when it was stored */
};

/* Takes over `msg`. */
typedef void bus_msg_fn(void *user, struct bus_msg *msg);

/* One header; return false to stop. */
typedef bool bus_header_fn(void *user, const char *name, const char *value);

/* Destroy *msg and set it to NULL. Accepts a NULL message. */
void bus_msg_destroy(struct bus_msg **msg);

/* First value of a header, the name compared without regard to case; NULL when absent. Borrowed. */
const char *bus_msg_header(struct bus_msg *msg, const char *name);

/* Visit every header value; the strings are borrowed for the call. False when there are headers
 * that cannot be read, for example one without a value, which cnats does not take: then nothing is
 * visited. */
bool bus_msg_headers(struct bus_msg *msg, bus_header_fn *visit, void *user);

/* Tell the stream: done; again (after `delay_ms`, a hint); never again; still working. Fire and
 * forget. ERR_INVALID when the message came from no stream, ERR_UNAVAILABLE when disconnected. */
MUST_CHECK enum err bus_msg_ack(struct bus_msg *msg, struct error *err);
MUST_CHECK enum err bus_msg_nak(struct bus_msg *msg, unsigned delay_ms, struct error *err);
MUST_CHECK enum err bus_msg_term(struct bus_msg *msg, struct error *err);
MUST_CHECK enum err bus_msg_progress(struct bus_msg *msg, struct error *err);

/* ---- core messages ---- */

struct bus_header {
    const char *name;  /* RFC 9110 token */
    const char *value; /* no line breaks */
};

/* A message to send; everything is borrowed for the call. */
struct bus_publication {
    const char *subject; /* tokens of [A-Za-z0-9_$=-] with dots; no wildcards */
    const struct bus_header *headers;
    size_t header_count;
    const void *body;
    size_t size;
};

/* Whether `subject` may be published to: see bus_publication. */
bool bus_subject_is_valid(const char *subject);

/* Send and forget. ERR_INVALID (subject, headers), ERR_LIMIT (larger than the server takes),
 * ERR_UNAVAILABLE (disconnected: nothing is buffered for later). */
MUST_CHECK enum err bus_publish(struct bus *bus, const struct bus_publication *publication,
                                struct error *err);

/* Deliver messages of `subject` (wildcards allowed) for the life of the bus; `queue` (may be NULL)
 * names a group that shares them. ERR_INVALID, ERR_NOMEM. While disconnected it is remembered. */
MUST_CHECK enum err bus_subscribe(struct bus *bus, const char *subject, const char *queue,
                                  bus_msg_fn *deliver, void *user, struct error *err);

/* Ask and wait for one answer, whose body replaces the content of `ret_reply`. ERR_UNAVAILABLE
 * (nobody listens, or disconnected), ERR_TIMEOUT, ERR_INVALID, ERR_LIMIT (buffer too small). */
MUST_CHECK enum err bus_request(struct bus *bus, const struct bus_publication *publication,
                                unsigned timeout_ms, struct buf *ret_reply, struct error *err);

/* Answer a request. Only inboxes are answered (ERR_REFUSED otherwise), so that nobody can point our
 * answers at the server's own interface. */
MUST_CHECK enum err bus_respond(struct bus_msg *msg, const void *body, size_t size,
                                struct error *err);

/*
 * Publish into a stream; on_ack(token) tells once whether it was stored: after the acknowledgement,
 * after tracked_timeout_ms, or when the connection is lost (then it is unknown: send it again). An
 * empty body is refused, because some clients take one for a control message.
 * Errors: as bus_publish, and ERR_UNAVAILABLE when BUS_TRACKED_MAX are waiting; then on_ack is not
 * called.
 */
MUST_CHECK enum err bus_publish_tracked(struct bus *bus, const struct bus_publication *publication,
                                        uint64_t token, struct error *err);

/* ---- JetStream ---- */

/*
 * One request to $JS.API.<operation> with JSON text `request` (NULL: none); the answer's text
 * replaces the content of `ret_reply`. An error answer is mapped: 404 ERR_NOT_FOUND, 400
 * ERR_INVALID, no room (err_code 10023, 10047, 10077) and 503 ERR_UNAVAILABLE, others ERR_IO; its
 * text is in `ret_reply` all the same.
 */
MUST_CHECK enum err bus_js_api(struct bus *bus, const char *operation, const char *request,
                               struct buf *ret_reply, struct error *err);

/* Create the stream, or update it when a member of `config` (JSON object without "name") differs
 * from what it has; members not in `config` keep their values. `ret_created` may be NULL. */
MUST_CHECK enum err bus_stream_ensure(struct bus *bus, const char *stream, const char *config,
                                      bool *ret_created, struct error *err);

/* The same for a durable pull consumer; `config` without "durable_name". ack_policy must be in it.
 */
MUST_CHECK enum err bus_consumer_ensure(struct bus *bus, const char *stream, const char *consumer,
                                        const char *config, bool *ret_created, struct error *err);

/* Delete a stream with all its messages and consumers. ERR_NOT_FOUND. */
MUST_CHECK enum err bus_stream_delete(struct bus *bus, const char *stream, struct error *err);

/* Delete a consumer. ERR_NOT_FOUND. */
MUST_CHECK enum err bus_consumer_delete(struct bus *bus, const char *stream, const char *consumer,
                                        struct error *err);

/* Remove messages up to and including `sequence`. */
MUST_CHECK enum err bus_stream_purge(struct bus *bus, const char *stream, uint64_t sequence,
                                     struct error *err);

struct bus_stream_state {
    uint64_t messages;
    uint64_t bytes;
    uint64_t first_sequence;
    uint64_t last_sequence;
    uint64_t deleted; /* between the first and the last; nobody deletes single ones, so: damaged */
};

struct bus_consumer_state {
    uint64_t delivered_sequence; /* of the stream; ahead of its last_sequence after a power cut */
    uint64_t ack_floor_sequence; /* of the stream */
    uint64_t num_pending;
    uint64_t num_ack_pending;
};

MUST_CHECK enum err bus_stream_state(struct bus *bus, const char *stream,
                                     struct bus_stream_state *ret_state, struct error *err);
MUST_CHECK enum err bus_consumer_state(struct bus *bus, const char *stream, const char *consumer,
                                       struct bus_consumer_state *ret_state, struct error *err);

/* ---- pulling ---- */

struct bus_pull_options {
    const char *stream;   /* names, copied */
    const char *consumer; /* durable pull consumer */
    unsigned batch;       /* 1 to BUS_PULL_BATCH_MAX messages in flight to the receiver */
    unsigned expires_ms;  /* of the standing request; 0: 30 s. Less than 1 s is refused */
    bus_msg_fn *deliver;  /* takes over the message */
    void *user;
};

/*
 * Keep one pull request standing and deliver what comes. A message counts against `batch` until
 * the receiver calls bus_pull_consumed, so a mailbox of `batch` places never overflows; what comes
 * beyond that is given back to the stream. The request is made again when it is used up, expires,
 * is refused (with growing pauses) or the connection was lost. Needs no right but publishing to
 * $JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer> and works through an account import.
 * Errors: ERR_INVALID, ERR_NOMEM. A consumer that does not exist yet is waited for.
 */
MUST_CHECK enum err bus_pull_start(struct bus *bus, const struct bus_pull_options *options,
                                   struct bus_pull **ret_pull, struct error *err);

/* `count` delivered messages have left the receiver's mailbox. */
void bus_pull_consumed(struct bus_pull *pull, size_t count);

/* From the next request on, have at most `window` (1 to batch) messages in flight. */
void bus_pull_window(struct bus_pull *pull, unsigned window);

/* Ask again at once, for whoever has just (re)created the consumer. */
void bus_pull_kick(struct bus_pull *pull);

/* Deliver no more (a delivery under way may still finish); what still comes is given back to the
 * stream. *pull becomes NULL; its memory goes with the bus. Accepts a NULL pull. */
void bus_pull_stop(struct bus_pull **pull);

/* ---- figures ---- */

struct bus_stats {
    uint64_t published; /* messages sent, of any kind but acks */
    uint64_t published_bytes;
    uint64_t tracked_stored;
    uint64_t tracked_failed;   /* refused by the server or connection lost */
    uint64_t tracked_timeouts; /* nobody answered in time */
    uint64_t tracked_waiting;
    uint64_t received; /* messages given to callbacks */
    uint64_t received_bytes;
    uint64_t acked; /* acks, naks and terms sent */
    uint64_t pull_requests;
    uint64_t pull_statuses;   /* expiries and refusals of pull requests */
    uint64_t pull_given_back; /* came beyond the credit */
    uint64_t rejected;        /* messages with a reply or status that cannot be right */
    uint64_t async_errors;    /* slow consumer, permission violation and the like */
    uint64_t disconnects;
    uint64_t rebuilds; /* connections given up by the library and made anew */
};

void bus_stats(struct bus *bus, struct bus_stats *ret_stats);

#endif
