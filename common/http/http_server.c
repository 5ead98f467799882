#include "common/http/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/http/http_private.h"

enum { HOSTS_MAX = 16, HOST_BYTES = 256, CONNECTION_MEMORY = 32 * 1024, STATUS_TOO_LARGE = 413 };

struct http_server {
    struct MHD_Daemon *daemon;
    const struct http_route *routes;
    size_t route_count;
    size_t body_max;
    unsigned port;
    char hosts[HOSTS_MAX][HOST_BYTES];
    unsigned host_count;
    void *owned;
};

/* One request while its body arrives. */
struct exchange {
    struct buf body;
    bool refused; /* answered before the body was complete */
};

/* ---- routing ---- */

static bool path_matches(const char *pattern, const char *path, const char **ret_rest)
{
    size_t length = strlen(pattern);
    *ret_rest = "";
    if (length == 0 || pattern[length - 1] != '*') {
        return strcmp(pattern, path) == 0;
    }
    if (strncmp(pattern, path, length - 1) != 0) {
        return false;
    }
    *ret_rest = path + length - 1;
    return true;
}

static bool method_matches(const char *wanted, const char *method)
{
    return strcmp(wanted, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(wanted, "GET") == 0);
}

/* Call the handler of the route, or answer why there is none. */
static void route_request(const struct http_server *server, struct http_request *request,
                          struct http_response *response)
{
    const char *allowed = NULL;
    for (size_t i = 0; i < server->route_count; i++) {
        const struct http_route *route = &server->routes[i];
        if (!path_matches(route->path, request->path, &request->rest)) {
            continue;
        }
        if (method_matches(route->method, request->method)) {
            route->handle(route->user, request, response);
            return;
        }
        allowed = route->method;
    }
    response->status = MHD_HTTP_NOT_FOUND;
    if (allowed != NULL && http_response_header(response, "Allow", allowed)) {
        response->status = MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    buf_append_str(&response->body, allowed != NULL ? "method not allowed\n" : "not found\n");
}

/* ---- answering ---- */

static void response_release(struct http_response *response)
{
    for (unsigned i = 0; i < response->header_count; i++) {
        free(response->headers[i].name);
        free(response->headers[i].value);
    }
    buf_release(&response->body);
}

static struct http_response response_empty(void)
{
    return (struct http_response){.status = MHD_HTTP_OK,
                                  .content_type = "text/plain; charset=utf-8",
                                  .body = BUF_INIT(HTTP_RESPONSE_BYTES)};
}

/* Hand `response` to the library, which frees the body, and release the rest. */
static enum MHD_Result response_queue(struct MHD_Connection *connection,
                                      struct http_response *response)
{
    if (response->body.failed) {
        buf_clear(&response->body);
        buf_append_str(&response->body, "the answer is too large\n");
        response->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        response->content_type = "text/plain; charset=utf-8";
    }
    size_t size = 0;
    char *body = buf_detach(&response->body, &size);
    struct MHD_Response *raw =
        body != NULL ? MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE) : NULL;
    enum MHD_Result result = MHD_NO;
    if (raw != NULL) {
        (void)MHD_add_response_header(raw, "Content-Type", response->content_type);
        (void)MHD_add_response_header(raw, "X-Content-Type-Options", "nosniff");
        (void)MHD_add_response_header(raw, "Cache-Control", "no-store");
        for (unsigned i = 0; i < response->header_count; i++) {
            (void)MHD_add_response_header(raw, response->headers[i].name,
                                          response->headers[i].value);
        }
        result = MHD_queue_response(connection, response->status, raw);
        MHD_destroy_response(raw);
    } else {
        free(body);
    }
    response_release(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   const char *text)
{
    struct http_response response = response_empty();
    response.status = status;
    buf_append_str(&response.body, text);
    return response_queue(connection, &response);
}

/* ---- requests as they arrive ---- */

/* Compare the Host header without its port with the names we answer to. */
static bool host_is_known(const struct http_server *server, const char *header)
{
    size_t length = strlen(header);
    const char *colon = strrchr(header, ':');
    if (colon != NULL && strchr(colon, ']') == NULL) {
        length = (size_t)(colon - header);
    }
    for (unsigned i = 0; i < server->host_count; i++) {
        if (strlen(server->hosts[i]) == length &&
            strncasecmp(server->hosts[i], header, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool body_is_announced_too_large(const struct http_server *server,
                                        struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    uint64_t length = 0;
    return text != NULL && (!text_to_u64(text, &length) || length > server->body_max);
}

/* First call of a request: the headers are there, the body is not. */
static enum MHD_Result exchange_begin(const struct http_server *server,
                                      struct MHD_Connection *connection, void **state)
{
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return MHD_NO;
    }
    buf_init(&exchange->body, server->body_max);
    *state = exchange;
    if (host == NULL || !host_is_known(server, host)) {
        exchange->refused = true;
        return answer_text(connection, MHD_HTTP_FORBIDDEN, "this server does not know that host\n");
    }
    if (body_is_announced_too_large(server, connection)) {
        exchange->refused = true;
        return answer_text(connection, STATUS_TOO_LARGE, "the body is too large\n");
    }
    return MHD_YES;
}

/* The library's signature has one parameter more than ours may have. */
// NOLINTNEXTLINE(readability-function-size)
static enum MHD_Result on_request(void *closure, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *data_size, void **state)
{
    (void)version;
    const struct http_server *server = closure;
    struct exchange *exchange = *state;
    if (exchange == NULL) {
        return exchange_begin(server, connection, state);
    }
    if (*data_size > 0) {
        buf_append(&exchange->body, data, *data_size);
        *data_size = 0;
        return MHD_YES;
    }
    if (exchange->refused) {
        return MHD_YES;
    }
    if (exchange->body.failed) {
        return answer_text(connection, STATUS_TOO_LARGE, "the body is too large\n");
    }
    struct http_request request = {
        .method = method,
        .path = path,
        .rest = "",
        .body = exchange->body.data != NULL ? exchange->body.data : "",
        .size = exchange->body.size,
        .handle = connection,
    };
    struct http_response response = response_empty();
    route_request(server, &request, &response);
    return response_queue(connection, &response);
}

static void on_end(void *closure, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    (void)closure;
    (void)connection;
    (void)code;
    struct exchange *exchange = *state;
    if (exchange != NULL) {
        buf_release(&exchange->body);
        free(exchange);
        *state = NULL;
    }
}

/* ---- starting ---- */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
    bool is_v6;
    bool is_loopback;
};

static bool address_parse(const char *host, unsigned port, struct address *ret_address)
{
    *ret_address = (struct address){0};
    struct sockaddr_in *v4 = &ret_address->socket.v4;
    struct sockaddr_in6 *v6 = &ret_address->socket.v6;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        ret_address->is_loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
        return true;
    }
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    ret_address->is_v6 = inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
    ret_address->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    return ret_address->is_v6;
}

static bool host_add(struct http_server *server, const char *before, const char *host,
                     const char *after)
{
    struct buf text = BUF_INIT(HOST_BYTES - 1);
    buf_printf(&text, "%s%s%s", before, host, after);
    bool fits = !text.failed && server->host_count < HOSTS_MAX &&
                text_copy(server->hosts[server->host_count], HOST_BYTES, text.data);
    server->host_count += fits ? 1 : 0;
    buf_release(&text);
    return fits;
}

static bool hosts_fill(struct http_server *server, const struct http_server_options *options,
                       const char *host, bool is_v6)
{
    bool fits = host_add(server, "", "127.0.0.1", "") && host_add(server, "", "localhost", "") &&
                host_add(server, "[", "::1", "]") &&
                host_add(server, is_v6 ? "[" : "", host, is_v6 ? "]" : "");
    for (size_t i = 0; options->host_names != NULL && options->host_names[i] != NULL; i++) {
        fits = fits && host_add(server, "", options->host_names[i], "");
    }
    return fits;
}

static unsigned option_or(unsigned value, unsigned fallback)
{
    return value > 0 ? value : fallback;
}

static enum err daemon_start(struct http_server *server, const struct http_server_options *options,
                             const struct address *address, struct error *err)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
    flags |= address->is_v6 ? (unsigned)MHD_USE_IPv6 : 0U;
    errno = 0;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR, &address->socket.any,
        MHD_OPTION_CONNECTION_LIMIT, option_or(options->connections, HTTP_CONNECTIONS),
        MHD_OPTION_CONNECTION_TIMEOUT, option_or(options->timeout_s, HTTP_TIMEOUT_S),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
        on_end, NULL, MHD_OPTION_END);
    if (server->daemon == NULL) {
        int reason = errno;
        return error_set(err, reason == EADDRINUSE ? ERR_CONFLICT : ERR_IO,
                         "cannot listen for HTTP on port %u: %s", options->port,
                         reason != 0 ? strerror(reason) : "the library gives no reason");
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    server->port = info != NULL ? info->port : options->port;
    return ERR_OK;
}

enum err http_server_start(const struct http_server_options *options,
                           struct http_server **ret_server, struct error *err)
{
    struct address address;
    const char *host = options->host != NULL ? options->host : "127.0.0.1";
    *ret_server = NULL;
    if (options->port > 65535 || !address_parse(host, options->port, &address)) {
        return error_set(
            err, ERR_INVALID,
            "cannot listen for HTTP on '%s' port %u: give a numeric address and a port "
            "up to 65535",
            host, options->port);
    }
    if (!address.is_loopback && !options->allow_remote) {
        return error_set(
            err, ERR_REFUSED,
            "will not listen for HTTP on '%s': others could reach it; use 127.0.0.1 and "
            "a proxy with TLS and login, or allow it explicitly",
            host);
    }
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return error_set(err, ERR_NOMEM, "cannot start the HTTP server: out of memory");
    }
    server->routes = options->routes;
    server->route_count = options->route_count;
    server->body_max = options->body_max > 0 ? options->body_max : HTTP_BODY_BYTES;
    enum err code = hosts_fill(server, options, host, address.is_v6)
                        ? daemon_start(server, options, &address, err)
                        : error_set(err, ERR_LIMIT, "too many or too long names for HTTP hosts");
    if (code != ERR_OK) {
        free(server);
        return code;
    }
    *ret_server = server;
    return ERR_OK;
}

void http_server_stop(struct http_server **server)
{
    if (*server != NULL) {
        MHD_stop_daemon((*server)->daemon);
        free((*server)->owned);
        free(*server);
        *server = NULL;
    }
}

void http_server_own(struct http_server *server, void *memory)
{
    CHECK(server->owned == NULL);
    server->owned = memory;
}

unsigned http_server_port(const struct http_server *server)
{
    return server->port;
}

/* ---- requests and responses ---- */

const char *http_request_query(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->handle, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->handle, MHD_HEADER_KIND, name);
}

static bool header_text_is_clean(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

bool http_response_header(struct http_response *response, const char *name, const char *value)
{
    if (response->header_count == HTTP_RESPONSE_HEADERS || name[0] == '\0' ||
        !header_text_is_clean(name) || !header_text_is_clean(value)) {
        return false;
    }
    struct http_header *header = &response->headers[response->header_count];
    header->name = strdup(name);
    header->value = strdup(value);
    if (header->name == NULL || header->value == NULL) {
        free(header->name);
        free(header->value);
        return false;
    }
    response->header_count++;
    return true;
}
