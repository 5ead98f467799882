/* A coordinator of a few lines, a real nats-server and real agent processes. */
#ifndef TESTS_INTEGRATION_AGENT_COORDINATOR_H
#define TESTS_INTEGRATION_AGENT_COORDINATOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire/envelope.h"

struct bus;
struct nats_fixture;

enum { KEYS_MAX = 4096 };

/* What came back for one key. */
struct known {
    unsigned results;
    unsigned from_store;
    Mainstay__ResultStatus status; /* of the last result */
    Mainstay__FailureClass failure_class;
    uint32_t attempt;
    char output[512];
};

struct coordinator {
    struct nats_fixture *nats;
    struct bus *bus;
    char agent[32];
    char dir[64];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct known known[KEYS_MAX]; /* by the number in the key */
    unsigned done;                /* keys with a DONE result */
    unsigned hellos;
    unsigned goodbyes;
    unsigned dead_letters;
    bool refuse; /* answer hello with no */
    uint8_t session[16];
    pid_t pid; /* of the agent */
};

/* Start server and coordinator for `agent`; false when there is no nats-server. */
bool coordinator_start(struct coordinator *c, const char *agent);
void coordinator_stop(struct coordinator *c);

/* Start build/.../bin/agent-NAME on the same data directory; `setting` may be NULL. */
void agent_spawn(struct coordinator *c, const char *contract, const char *setting);
void agent_kill(struct coordinator *c);
/* SIGTERM; the exit code. */
int agent_terminate(struct coordinator *c);

/* One task under the number `key`. */
struct order {
    unsigned key;
    uint32_t attempt;
    const char *action;
    const char *input;
    bool perform;
};
void coordinator_send(struct coordinator *c, const struct order *orders, size_t count,
                      uint64_t epoch);
/* Dispatch again every two seconds until it is done, as a coordinator does: the bus may lose one.
 */
void coordinator_send_until_done(struct coordinator *c, const struct order *order);
void coordinator_send_bytes(struct coordinator *c, const void *bytes, size_t size);

/* Wait until `check` is true under the lock; fails the test after a minute. */
void coordinator_wait(struct coordinator *c, bool (*check)(struct coordinator *c, unsigned n),
                      unsigned n, const char *what);
bool has_hellos(struct coordinator *c, unsigned n);
bool has_done(struct coordinator *c, unsigned n);
bool has_dead_letters(struct coordinator *c, unsigned n);

#endif
