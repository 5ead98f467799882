/* The agent's HTTP endpoint: /metrics, /healthz (the process works), /readyz (it takes tasks). */
#ifndef AGENTS_RUNTIME_HEALTH_H
#define AGENTS_RUNTIME_HEALTH_H

#include <stdbool.h>

#include "common/base/error.h"

struct buf;
struct http_server;
struct metrics;

struct health_options {
    const char *address;     /* "127.0.0.1:9100", "[::1]:9100"; port 0: a free one */
    struct metrics *metrics; /* borrowed while it serves */
    bool (*ready)(void *user, struct buf *why);
    void *user;
};

/* Serve until http_server_stop. ERR_INVALID for an address, and the errors of http_health_start. */
MUST_CHECK enum err health_start(const struct health_options *options,
                                 struct http_server **ret_server, struct error *err);

#endif
