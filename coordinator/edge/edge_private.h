/*
 * Inside of the edge: items of the mailbox, the outbox, streams, the jq child, figures.
 */
#ifndef COORDINATOR_EDGE_EDGE_PRIVATE_H
#define COORDINATOR_EDGE_EDGE_PRIVATE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/limits.h"
#include "common/bus/bus.h"
#include "coordinator/edge/admission.h"
#include "coordinator/edge/control.h"
#include "coordinator/edge/edge.h"
#include "coordinator/edge/event_window.h"
#include "coordinator/engine/command.h"
#include "coordinator/tables/tables.h"
#include "coordinator/turn.h"

struct blob_want;
struct blobs;
struct http_server;
struct jq;
struct kv;
struct lane;
struct lanes;
struct mailbox;
struct metric;
struct metrics;
struct outbox;
struct lifecycle;

enum {
    EDGE_EVENTS_BATCH = 256,
    EDGE_REQUESTS_MAX = 1024,
    EDGE_INPUT_LANES = 64, /* of stores that ask for inputs, by their names */
    EDGE_INPUT_LANE = 16,  /* requests waiting in one: as many as an agent has workers */
    EDGE_MAILBOX =
        EDGE_EVENTS_BATCH + 2 * EDGE_REQUESTS_MAX + 2 * EDGE_INPUT_LANES * EDGE_INPUT_LANE,
    EDGE_TURN_ITEMS = LIMIT_TURN_COMMANDS,
    /* Events that waited, those of the mailbox, and as many of the lanes. */
    EDGE_STEP_ITEMS = EDGE_EVENTS_BATCH + 2 * EDGE_TURN_ITEMS,
    EDGE_TURN_BYTES = 8 * 1024 * 1024, /* of messages in one turn, which is one write */
};

enum item_kind {
    ITEM_EVENT,
    ITEM_RESULT,
    ITEM_HELLO,
    ITEM_CONTROL,
    ITEM_EVALUATION, /* an answer of the jq child */
    ITEM_RECONNECTED,
    ITEM_BLOB,  /* a result whose output was fetched */
    ITEM_INPUT, /* a store asks for a piece of an input */
};

struct item {
    enum item_kind kind;
    struct bus_msg *msg;      /* NULL of EVALUATION, RECONNECTED and BLOB */
    struct jq_answer *answer; /* ITEM_EVALUATION */
    struct lane *lane;        /* ITEM_RESULT: it came in */
    struct item *next;        /* in its lane */
    struct blob_want *want;   /* ITEM_BLOB */
    unsigned waits;           /* RESULT: results of it whose outputs are fetched */
    bool answered;            /* HELLO: the reply was sent */
    const struct store *joined;
};

struct edge_metrics {
    struct metrics *registry;
    struct metric *turns;
    struct metric *turn_seconds;
    struct metric *commands;
    struct metric *journal_sequence;
    struct metric *journal_events;
    struct metric *steps;
    struct metric *step_seconds;
    struct metric *started;
    struct metric *completed;
    struct metric *faulted;
    struct metric *cancelled;
    struct metric *duplicates;
    struct metric *stale;
    struct metric *late_effects;
    struct metric *refused;
    struct metric *redispatched;
    struct metric *outstanding;
    struct metric *ready;
    struct metric *gates;
    struct metric *leases;
    struct metric *lock_waits;
    struct metric *leases_expired;
    struct metric *deadlocks;
    struct metric *budget_waits;
    struct metric *budget_overruns;
    struct metric *dead_letters;
    struct metric *hellos_ignored;
    struct metric *mailbox;
    struct metric *store_syncs;
    struct metric *store_bytes;
    struct metric *bus_connected;
    struct metric *held;
    struct metric *window;
    struct metric *busy;
    struct metric *blobs_fetched;
    struct metric *blobs_missed;
    struct metric *blobs_refused;
    struct metric *bounds[BOUND_COUNT];
};

/* What was found out about a bus that does not answer, see bus_look. */
struct bus_look {
    unsigned stuck;         /* looks in a row that found it stuck */
    uint32_t silent;        /* the streams that were silent in all of them, a bit each */
    size_t asked;           /* how many streams that were */
    int64_t since_ms;       /* clock_boot_ms() when the first of them began */
    int64_t last_ms;        /* when the last one ended */
    int64_t reconnected_ms; /* when the connection was made last; 0: never */
};

struct edge {
    bool restored;          /* from a backup, and the stores of agents are not declared lost yet */
    atomic_bool checkpoint; /* one is asked for */
    struct edge_options options;
    struct kv *kv;
    struct turn *turn;
    struct bus *bus;
    struct mailbox *mailbox;
    struct bus_pull *events;
    struct lanes *lanes;
    struct map *hellos; /* subject -> struct pace; only of the callback that takes hellos */
    struct control *control;
    struct outbox *outbox;
    struct blobs *blobs;
    struct lifecycle *lifecycle;
    struct jq *jq;
    struct http_server *http;
    struct edge_metrics metrics;
    struct engine_counters seen; /* counters already given to metrics */
    struct arena *arena;         /* of the turn's decoding */
    atomic_bool stopping;
    atomic_bool connected;
    atomic_uint requests;                      /* hello and control items in the mailbox */
    atomic_uint input_lanes[EDGE_INPUT_LANES]; /* requests for inputs in the mailbox */
    struct item *queries[EDGE_TURN_ITEMS];
    size_t query_count;
    struct tables_figures figures; /* given to metrics already */
    uint64_t results_since_trim;
    uint64_t task_bytes_since_trim;
    struct admission admission;
    struct event_window window;
    unsigned pulled;                       /* the window that events are pulled in */
    struct item *quiet[EDGE_EVENTS_BATCH]; /* events that wait while urgent work goes on */
    size_t quiet_count;
    uint64_t urgent; /* steps of urgent instances, as the engine counts, when that was looked at */
    int64_t turn_cpu_ns;  /* clock_thread_ns() when the turn began */
    size_t events_held;   /* taken and acknowledged, and no others asked for instead */
    int64_t flow_look_ns; /* when the disk is looked at again */
    struct map *action_metrics;
    char metrics_url[96];
    atomic_bool resend;   /* a task batch did not reach its stream */
    uint64_t reminded;    /* tasks sent again, as the engine counts, when that was looked at last */
    bool unanswered;      /* a reminder was sent and no result has come since */
    bool streams_suspect; /* what agents and coordinator say to each other does not arrive */
    int64_t retry_ms;     /* when to try again what follows; 0: nothing */
    bool retry_streams;
    struct bus_look look;
    bool retry_resend;
    bool announced;
    bool zones_read; /* the host's rules of time zones were compared with those known */
    bool resumed;    /* the first turn after the start has sent again what is owed */
};

/* On copies of events that were accepted before they were published: meeting them again is no news.
 */
#define EVENT_COPY_HEADER "Mainstay-Copy"

/* ---- edge.c ---- */

/* Wait until there is something to do, then run one turn: the body of edge_run, for whoever drives
 * the edge without its loop. Errors are final, as those of edge_run; items under way are lost then,
 * as they are with a process. */
MUST_CHECK enum err edge_step(struct edge *edge, struct error *err);

/* Time, by clock_boot_ms, at which a turn is due without any message: a timer of the engine, a
 * waiter's timeout, a retry of ours. INT64_MAX never; at once what is not after now. */
int64_t edge_next_due(const struct edge *edge);

/* ---- inbox.c ---- */

/* Callbacks of the bus; they only put items into the mailbox. */
void inbox_event(void *user, struct bus_msg *msg);
void inbox_hello(void *user, struct bus_msg *msg);
void inbox_control(void *user, struct bus_msg *msg);
void inbox_answer(void *user, struct jq_answer *answer);

/* Push an item without a message; false when the mailbox is full. */
bool inbox_push(struct edge *edge, enum item_kind kind);

/* Decode an item into commands of the open turn. True: the item is kept for later (a query, a reply
 * to come); false: the caller acknowledges and destroys it after the commit. */
bool inbox_take(struct edge *edge, struct item *item);

void item_destroy(struct item **item);

/* Say in dead letters how many others were not kept, of whom it is time to. Inside a turn. */
void inbox_letters_tell(struct edge *edge);

/* Put an item that a message makes into the mailbox; false, and both destroyed, when it is full. */
bool inbox_put(struct edge *edge, enum item_kind kind, struct bus_msg *msg);

/* The bus is there again: streams, consumers, and what stores owe. Tried again later when it fails.
 */
void inbox_reconnected(struct edge *edge);

/* An order that answers a hello. */
void inbox_hello_reply(struct edge *edge, const struct order *order);

/* ---- outbox.c ---- */

struct outbox *outbox_create(struct edge *edge);
void outbox_destroy(struct outbox **outbox);

/* Collect what a committed turn wants sent. */
void outbox_order(struct outbox *outbox, const struct order *order);

/* Send it: one message per store under load. */
void outbox_flush(struct outbox *outbox);

/* Bus callback: whether a publication was stored. */
void outbox_acked(void *user, uint64_t token, bool stored, const char *why);

/* Messages whose fate the bus has not told yet. From any thread. */
uint64_t outbox_waiting(const struct outbox *outbox);

/* ---- flow.c ---- */

void flow_init(struct edge *edge);

/* After a turn: is there room for more events? */
void flow_turn(struct edge *edge);

/* So many events are done with: ask for others, now or when there is room. */
void flow_events_done(struct edge *edge, size_t count);

/* Pass the `count` items of the mailbox on to `items`, and before them the events that waited;
 * while urgent work goes on, events wait instead. Returns how many items there are. */
size_t flow_sort(struct edge *edge, void *const *taken, size_t count, struct item **items);

/* Time, by clock_boot_ms, at which a bound that no turn tells about is looked at; INT64_MAX: none.
 */
int64_t flow_next_due(const struct edge *edge);

/* For control_options.takes; user: the edge. */
bool flow_takes(void *user, bool urgent, char *why);

void flow_metrics_make(struct edge *edge);
void flow_metrics_release(struct edge *edge);
void flow_metrics_give(struct edge *edge);

/* ---- streams.c ---- */

/* Make streams and consumers what they should be; repair consumers that are ahead of their stream.
 */
MUST_CHECK enum err streams_ensure(struct edge *edge, struct error *err);

/* Make the consumer, the stream and the lane of one store. */
MUST_CHECK enum err streams_join(struct edge *edge, const char *agent, const char *store,
                                 struct error *err);

/* Drop acknowledged messages now and then, because they stay under limits retention. */
void streams_trim(struct edge *edge);

/* ---- bus_look.c ---- */

/* A stream was asked for in vain: ask each one again over a connection of its own, and say so when
 * the bus answers for some and not for others time and again. Blocks for some seconds. */
void bus_look(struct edge *edge);

/* The connection was made again; looks when that happens time and again. */
void bus_look_reconnected(struct edge *edge);

/* ---- jq.c ---- */

/* The answer to one question; owned by the receiver (jq_answer_free). */
struct jq_answer {
    struct id instance;
    uint32_t frame;
    uint32_t expr;
    json_t *value; /* NULL: failed */
    char error[ERROR_MESSAGE_BYTES];
};

typedef void jq_answer_fn(void *user, struct jq_answer *answer); /* on the worker's thread */

/* One worker thread and one child, started when first needed and again when it dies. NULL-safe
 * destroy drops what was not answered: it is asked again after the next start. */
struct jq *jq_create(const char *path, jq_answer_fn *answer, void *user);
void jq_destroy(struct jq **jq);

/* Queue a question; everything is copied. */
void jq_ask(struct jq *jq, const struct evaluate_order *order);

void jq_answer_free(struct jq_answer *answer);

/* ---- health.c ---- */

MUST_CHECK enum err edge_health_start(struct edge *edge, struct error *err);
void health_stop(struct edge *edge);
void health_turn(struct edge *edge, int64_t turn_ns);

/* In the first turn after a restore: every store of an agent is a copy of what it was, so what it
 * had in flight is settled as of a lost one. Does nothing else. */
void edge_restored(struct edge *edge);

#endif
