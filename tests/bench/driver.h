/* What the parts of bench-driver share: its questions, a load of workflows, a flood of events. */
#ifndef TESTS_BENCH_DRIVER_H
#define TESTS_BENCH_DRIVER_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json/json.h"

struct arena;
struct buf;

enum { DRIVER_ASAP_CONCURRENCY = 16 };

struct driver_load {
    const char *definition; /* namespace/name or with a version */
    const char *prefix;     /* of the request ids: the same one starts nothing new */
    uint64_t workflows;
    uint64_t concurrency; /* workflows in flight at any time */
    uint64_t bytes;       /* of the input, JSON text */
    uint64_t resend_ms;   /* an unanswered question is asked again after so long */
    uint64_t timeout_ms;  /* of the whole load */
    bool patient;         /* a workflow that waits for a person has not ended */
    bool progress;        /* print "begun", and "ended N" now and then, on stderr */
};

struct driver_flood {
    const char *type;   /* of the events, also their subject */
    const char *prefix; /* of their ids */
    uint64_t events;
    uint64_t rate; /* events/s */
};

/* Put a packed ControlRequest into `out`. */
void driver_request(struct buf *out, const char *request_id, const char *body);

/* Body of a ControlReply (new reference, NULL without one); ends the process when it is not one.
 * The arena is reset. */
json_t *driver_reply(struct arena *arena, const void *bytes, size_t size, uint32_t *ret_code,
                     char *ret_error, size_t error_size);

/* Run the load and print its figures as one JSON object: 0 when every workflow completed. After
 * SIGTERM no more are started. */
int driver_load_run(natsConnection *connection, const struct driver_load *load);

/* Send events at a rate, whatever comes back, and print how many the bus stored and refused as one
 * JSON object: 0 when it stored all. Ends the connection. */
int driver_flood_run(natsConnection *connection, const struct driver_flood *flood);

#endif
