/*
 * The coordinator's edge: threads and sockets around the turn. Bus callbacks put items into one
 * mailbox, results of agents into a lane for each store (lanes.h); the main thread takes them, runs
 * a turn, acknowledges and answers.
 *
 *   bus threads --> mailbox --> [ decode | turn: decide, commit | orders ] --> outbox --> bus
 *                   lanes
 *
 * Messages of events and results are acknowledged only after the commit that holds what they caused
 * (law 3). What cannot be decoded becomes a dead letter in the same turn (law 6).
 *
 * Threads: edge_run owns the calling thread; edge_stop may be called from a signal handler's
 * thread.
 */
#ifndef COORDINATOR_EDGE_EDGE_H
#define COORDINATOR_EDGE_EDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/crypto/crypto.h"

struct edge;

struct edge_options {
    const char *bus_url;
    const char *creds_file; /* NULL: none */
    const char *ca_file;    /* NULL: none */
    const char *data_dir;
    const char *metrics; /* "address:port", "off" */
    const char *jq_path; /* the mainstay-jq program */
    const char *version;
    const char *policy_file; /* NULL: the policy in force stays */
    const char *policy_text; /* checked; set with the file */
    const char *profile;     /* name of what it was started under, for the record; NULL: none */
    struct digest program;   /* SHA-256 of the executable */
    bool sync;               /* durability `power`; false: `process` */
    /* Bounds of admission (admission.h); 0: the standard ones. */
    uint64_t max_running; /* instances under way, and steps that wait for an agent */
    uint64_t max_open;    /* instances that have not ended */
    bool watch_bus;       /* find out whether a bus that does not answer is stuck: bus_look.c */
    bool watch_disk;      /* a file system that gets full is a bound too */
};

/* Open the store, connect, set up streams, serve health. On failure *ret_edge is NULL. */
MUST_CHECK enum err edge_create(const struct edge_options *options, struct edge **ret_edge,
                                struct error *err);

/* Run turns until edge_stop. Errors are final: the store failed. */
MUST_CHECK enum err edge_run(struct edge *edge, struct error *err);

/* Ask edge_run to return after the turn under way. Safe from any thread. */
void edge_stop(struct edge *edge);

/* Make a copy of the store in `data_dir`.checkpoint after the turn under way; `data_dir`.restored
 * says at the start that the store was restored from one. Safe from any thread. */
void edge_checkpoint(struct edge *edge);

/* Close everything and set *edge to NULL. Accepts NULL. */
void edge_destroy(struct edge **edge);

#endif
