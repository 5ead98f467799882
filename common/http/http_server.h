/*
 * A small HTTP server (libmicrohttpd, one thread that sleeps in epoll when nothing happens) for
 * metrics, health and local pages.
 *
 * It listens on 127.0.0.1 unless told otherwise, and another address than loopback needs
 * `allow_remote`. Every request must name a known host in its Host header, because a web page can
 * make a browser send requests to local ports under a name of its own (DNS rebinding).
 *
 * Threads: handlers run on the server's thread, one at a time, and must not block for long.
 */
#ifndef COMMON_HTTP_HTTP_SERVER_H
#define COMMON_HTTP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/error.h"

struct http_server;
struct metrics;

enum {
    HTTP_CONNECTIONS = 64,
    HTTP_TIMEOUT_S = 15,
    HTTP_BODY_BYTES = 64 * 1024,
    HTTP_RESPONSE_BYTES = 16 * 1024 * 1024,
    HTTP_RESPONSE_HEADERS = 16,
};

/* A request; everything is borrowed for the call of the handler. */
struct http_request {
    const char *method;
    const char *path; /* decoded, without the query */
    const char *rest; /* what the star of the route stands for; "" without one */
    const char *body; /* "" without one */
    size_t size;
    void *handle; /* private */
};

struct http_header {
    char *name;
    char *value;
};

/* What the handler fills in; it starts as an empty 200 text/plain. */
struct http_response {
    unsigned status;
    const char *content_type; /* static memory */
    struct buf body;
    struct http_header headers[HTTP_RESPONSE_HEADERS]; /* use http_response_header */
    unsigned header_count;
};

typedef void http_handler_fn(void *user, const struct http_request *request,
                             struct http_response *response);

struct http_route {
    const char *method; /* "GET" serves HEAD too */
    const char *path;   /* exact, or ending in a star: everything that starts so */
    http_handler_fn *handle;
    void *user;
};

struct http_server_options {
    const char *host;                /* numeric address; NULL: 127.0.0.1 */
    unsigned port;                   /* 0: any free one, see http_server_port */
    bool allow_remote;               /* `host` may be another address than loopback */
    const char *const *host_names;   /* more names accepted in Host, NULL-terminated; may be NULL */
    unsigned connections;            /* at a time; 0: HTTP_CONNECTIONS */
    unsigned timeout_s;              /* of a silent connection; 0: HTTP_TIMEOUT_S */
    size_t body_max;                 /* of a request; 0: HTTP_BODY_BYTES */
    const struct http_route *routes; /* borrowed for the life of the server; first match wins */
    size_t route_count;
};

/*
 * Start serving. Unknown paths answer 404, known ones with another method 405, bodies that are too
 * large 413, foreign hosts 403.
 * Errors: ERR_INVALID (host, port), ERR_REFUSED (not loopback and not allow_remote), ERR_CONFLICT
 * (the port is taken), ERR_LIMIT (host names), ERR_NOMEM, ERR_IO. On failure *ret_server is NULL.
 */
MUST_CHECK enum err http_server_start(const struct http_server_options *options,
                                      struct http_server **ret_server, struct error *err);

/* Stop, finish the request under way, free *server and set it to NULL. Accepts NULL. */
void http_server_stop(struct http_server **server);

/* The port it listens on. */
unsigned http_server_port(const struct http_server *server);

/* First value of a query parameter (decoded) or a header, NULL when absent; borrowed. */
const char *http_request_query(const struct http_request *request, const char *name);
const char *http_request_header(const struct http_request *request, const char *name);

/* Add a header; false without room or memory, or when name or value have control characters. */
MUST_CHECK bool http_response_header(struct http_response *response, const char *name,
                                     const char *value);

/* ---- health ---- */

/* Whether this process can do its work; the reasons against it go to `why`, one a line. Called on
 * the server's thread. */
typedef bool http_ready_fn(void *user, struct buf *why);

struct http_health_options {
    const char *host; /* these four as in http_server_options */
    unsigned port;
    bool allow_remote;
    const char *const *host_names;
    struct metrics *metrics; /* borrowed for the life of the server */
    http_ready_fn *ready;    /* NULL: always ready */
    void *user;
};

/* Serve /metrics (Prometheus text), /healthz (200 while the process lives) and /readyz (200, or 503
 * with reasons). Errors as http_server_start; stop it with http_server_stop. */
MUST_CHECK enum err http_health_start(const struct http_health_options *options,
                                      struct http_server **ret_server, struct error *err);

#endif
