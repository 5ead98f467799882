/* /metrics, /healthz and /readyz of a process. */
#include <stdlib.h>

#include "common/base/metrics.h"
#include "common/http/http_private.h"
#include "common/http/http_server.h"

enum { STATUS_UNAVAILABLE = 503, HEALTH_ROUTES = 3 };

/* What the three routes need; freed with the server. */
struct health {
    struct http_route routes[HEALTH_ROUTES];
    http_ready_fn *ready;
    void *user;
};

static void serve_metrics(void *user, const struct http_request *request,
                          struct http_response *response)
{
    (void)request;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(user, &response->body);
}

static void serve_alive(void *user, const struct http_request *request,
                        struct http_response *response)
{
    (void)user;
    (void)request;
    buf_append_str(&response->body, "ok\n");
}

static void serve_ready(void *user, const struct http_request *request,
                        struct http_response *response)
{
    const struct health *health = user;
    (void)request;
    if (health->ready != NULL && !health->ready(health->user, &response->body)) {
        response->status = STATUS_UNAVAILABLE;
        return;
    }
    buf_clear(&response->body);
    buf_append_str(&response->body, "ready\n");
}

enum err http_health_start(const struct http_health_options *options,
                           struct http_server **ret_server, struct error *err)
{
    *ret_server = NULL;
    struct health *health = calloc(1, sizeof(*health));
    if (health == NULL) {
        return error_set(err, ERR_NOMEM, "cannot start the HTTP server: out of memory");
    }
    health->ready = options->ready;
    health->user = options->user;
    health->routes[0] = (struct http_route){"GET", "/metrics", serve_metrics, options->metrics};
    health->routes[1] = (struct http_route){"GET", "/healthz", serve_alive, NULL};
    health->routes[2] = (struct http_route){"GET", "/readyz", serve_ready, health};
    const struct http_server_options server = {
        .host = options->host,
        .port = options->port,
        .allow_remote = options->allow_remote,
        .host_names = options->host_names,
        .routes = health->routes,
        .route_count = HEALTH_ROUTES,
    };
    enum err code = http_server_start(&server, ret_server, err);
    if (code != ERR_OK) {
        free(health);
        return code;
    }
    http_server_own(*ret_server, health);
    return ERR_OK;
}
