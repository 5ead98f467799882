#include "agents/runtime/health.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/http/http_server.h"

enum { HOST_BYTES = 64, PORT_MAX = 65535 };

/* "127.0.0.1:9100" or "[::1]:9100" in two parts. */
static bool address_split(const char *address, char host[HOST_BYTES], unsigned *ret_port)
{
    const char *colon = strrchr(address, ':');
    uint64_t port = 0;
    if (colon == NULL || !text_to_u64(colon + 1, &port) || port > PORT_MAX) {
        return false;
    }
    size_t length = (size_t)(colon - address);
    if (length >= 2 && address[0] == '[' && address[length - 1] == ']') {
        address++;
        length -= 2;
    }
    if (length == 0 || length >= HOST_BYTES) {
        return false;
    }
    memcpy(host, address, length);
    host[length] = '\0';
    *ret_port = (unsigned)port;
    return true;
}

enum err health_start(const struct health_options *options, struct http_server **ret_server,
                      struct error *err)
{
    *ret_server = NULL;
    char host[HOST_BYTES];
    struct http_health_options http = {
        .host = host, .metrics = options->metrics, .ready = options->ready, .user = options->user};
    if (!address_split(options->address, host, &http.port)) {
        return error_set(err, ERR_INVALID, "--metrics must be ADDRESS:PORT, not '%s'",
                         options->address);
    }
    return http_health_start(&http, ret_server, err);
}
