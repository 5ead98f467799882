/* Inside of the bus model: bus_model.c (messages and clients), bus_server.c (streams, consumers and
 * what happens to them). */
#ifndef TESTS_SIM_BUS_PRIVATE_H
#define TESTS_SIM_BUS_PRIVATE_H

#include "tests/sim/bus_model.h"
#include "tests/sim/sim.h"

enum {
    STREAMS_MAX = 40,
    CONSUMERS_MAX = 64,
    BUSES_MAX = 512,
    PULLS_MAX = 40,
    SUBSCRIPTIONS_MAX = 4,
    NAME_BYTES = 160,
    ACK_LATE_US = 5000000, /* after which a tracked publication counts as not stored */
    RECENT = 16            /* acknowledgements that may not be on the server's disk yet */
};

enum state { NEW, MOVING, OUT, ACKED, SKIPPED };

struct stored {
    uint64_t uid;
    uint64_t sequence;
    char subject[NAME_BYTES];
    const char *body;
    size_t size;
    int64_t at_ms;
    bool copy; /* has the header of copies */
    bool ever_acked;
    bool gone; /* purged, lost or too old */
    enum state state;
    uint64_t delivery; /* of the present state, so that a late timer knows */
};

struct stream {
    char name[NAME_BYTES];
    char subject[NAME_BYTES]; /* it takes this one, or with ".>" at its end those that begin so */
    int64_t max_age_ms;
    bool exists;
    uint64_t last;
    struct stored **items;
    size_t count;
    size_t room;
    size_t hint; /* nothing before it is NEW */
};

struct consumer {
    char name[NAME_BYTES];
    char filter[NAME_BYTES]; /* "": all */
    struct stream *stream;   /* NULL: deleted */
    uint64_t delivered;      /* highest sequence handed out */
    int64_t ack_wait_us;
};

struct bus_pull {
    struct bus *bus;
    char stream[NAME_BYTES];
    char consumer[NAME_BYTES];
    unsigned batch;
    unsigned used;
    bus_msg_fn *deliver;
    void *user;
    bool stopped;
};

struct subscription {
    char prefix[NAME_BYTES]; /* before the first wildcard */
    bus_msg_fn *deliver;
    void *user;
};

struct bus {
    struct bus_options options;
    bool connected;
    bool closed;
    struct bus_pull *pulls[PULLS_MAX];
    size_t pull_count;
    struct subscription subscriptions[SUBSCRIPTIONS_MAX];
    size_t subscription_count;
    uint64_t line; /* counts connections */
};

struct sim_bus {
    bool up;
    struct stream streams[STREAMS_MAX];
    size_t stream_count;
    struct consumer consumers[CONSUMERS_MAX];
    size_t consumer_count;
    struct bus *buses[BUSES_MAX];
    size_t bus_count;
    struct stored **all; /* by uid - 1 */
    size_t all_count;
    size_t all_room;
    uint64_t deliveries;
    bool pumping;
};

/* A stream by name, or by a subject it takes; NULL: none. */
struct stream *model_stream(struct sim_bus *it, const char *name);
struct stream *model_stream_of(struct sim_bus *it, const char *subject);

/* The consumer of that name; the one that gets a message. NULL: none. */
struct consumer *model_consumer(struct sim_bus *it, const struct stream *stream, const char *name);
struct consumer *model_consumer_of(struct sim_bus *it, const struct stored *stored,
                                   const struct stream *stream);

/* Hand out what can be handed out. */
void model_pump(struct sim *sim);
void model_pump_act(struct sim *sim, void *what, uint64_t number);

/* A client's connection is made, when the server is up. */
void model_connect_act(struct sim *sim, void *what, uint64_t number);

#endif
