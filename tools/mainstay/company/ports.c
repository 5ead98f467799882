#include "tools/mainstay/company/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/crypto/crypto.h"
#include "tools/mainstay/files.h"

enum { PORT_FIRST = 20000, PORT_COUNT = 12000, PORT_TRIES = 200, PORTS_BYTES = 64 * 1024 };

enum err ports_load(const char *path, struct ports *ret_ports, struct error *err)
{
    struct buf text = BUF_INIT(PORTS_BYTES);
    json_t *kept = NULL;
    if (file_read(path, &text, NULL) != ERR_OK ||
        json_parse(text.data, text.size, NULL, &kept, NULL) != ERR_OK || !json_is_object(kept)) {
        json_decref(kept);
        kept = json_object();
    }
    buf_release(&text);
    ret_ports->by_name = kept;
    return kept != NULL ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory");
}

static bool port_is_free(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    int yes = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    (void)close(fd);
    return bound;
}

/* Whether another name of the same company already has the port. */
static bool port_is_taken(const struct ports *ports, const char *name, int64_t port)
{
    const char *other = NULL;
    json_t *value = NULL;
    json_object_foreach(ports->by_name, other, value)
    {
        if (json_integer_value(value) == port && !text_equal(other, name)) {
            return true;
        }
    }
    return false;
}

enum err ports_pick(struct ports *ports, const char *name, uint16_t *ret_port, struct error *err)
{
    int64_t port = json_int_of(ports->by_name, name, 0);
    for (int i = 0; i < PORT_TRIES; i++) {
        if (port > 0 && port <= UINT16_MAX && !port_is_taken(ports, name, port) &&
            port_is_free((uint16_t)port)) {
            if (json_object_set_new(ports->by_name, name, json_integer(port)) != 0) {
                return error_set(err, ERR_NOMEM, "out of memory");
            }
            *ret_port = (uint16_t)port;
            return ERR_OK;
        }
        uint32_t random = 0;
        crypto_random(&random, sizeof(random));
        port = PORT_FIRST + random % PORT_COUNT;
    }
    return error_set(err, ERR_UNAVAILABLE,
                     "cannot find a free port for '%s' between %d and %d on 127.0.0.1", name,
                     PORT_FIRST, PORT_FIRST + PORT_COUNT - 1);
}

enum err ports_save(const struct ports *ports, const char *path, struct error *err)
{
    struct buf text = BUF_INIT(PORTS_BYTES);
    json_write_pretty(ports->by_name, &text);
    buf_append_byte(&text, '\n');
    enum err code = text.failed ? error_set(err, ERR_LIMIT, "too many ports to keep")
                                : file_write(path, text.data, text.size, 0600, err);
    buf_release(&text);
    return code;
}

void ports_release(struct ports *ports)
{
    json_decref(ports->by_name);
    ports->by_name = NULL;
}
