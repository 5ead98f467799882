/* A server and a collector of what callbacks bring. */
#ifndef TESTS_UNIT_BUS_BUS_FIXTURE_H
#define TESTS_UNIT_BUS_BUS_FIXTURE_H

#include <pthread.h>

#include "common/base/buf.h"
#include "common/bus/bus.h"
#include "tests/support/nats_fixture.h"

enum { COLLECT_MAX = 4096, WAIT_SECONDS = 30 };

/* What arrived so far; every field under `lock`. */
struct collector {
    pthread_mutex_t lock;
    struct bus_msg *messages[COLLECT_MAX];
    unsigned message_count;
    unsigned stored;
    unsigned failed;
    uint64_t last_token;
    char why[256];
    unsigned states[3];
    unsigned answers; /* stored + failed */
};

/* Start a server or skip the test. */
struct nats_fixture *server_start(const char *config);

struct collector *collector_create(void);
void collector_destroy(struct collector **collector);

/* Callbacks with a collector as user. */
void collect_message(void *user, struct bus_msg *msg);
void collect_state(void *user, enum bus_state state, const char *why);
void collect_ack(void *user, uint64_t token, bool stored, const char *why);

/* Wait for totals or fail the test. */
void wait_messages(struct collector *collector, unsigned count);
void wait_stored(struct collector *collector, unsigned count);
void wait_failed(struct collector *collector, unsigned count);
void wait_answers(struct collector *collector, unsigned count); /* stored or failed */
void wait_state(struct collector *collector, enum bus_state state, unsigned count);

unsigned collector_messages(struct collector *collector);

/* Take message `index` out of the collector. */
struct bus_msg *collector_take(struct collector *collector, unsigned index);

/* Connect (no login unless `creds`) or fail the test. */
struct bus *connect_bus(const struct nats_fixture *server, const char *name, const char *creds,
                        struct collector *collector);

/* Publish text or fail; the code of a tracked publication. */
void publish_text(struct bus *bus, const char *subject, const char *text);
enum err publish_tracked(struct bus *bus, const char *subject, const char *text, uint64_t token);

/* Stream S on "in.>" and a durable consumer C. */
void make_stream(struct bus *bus);

#endif
