/*
 * Ports of one company on the loopback address, kept in a file so that a restart has the same ones.
 * New ones are drawn below the ephemeral range (32768 on Linux), so that no outgoing connection
 * takes the port of a process that is being restarted.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_PORTS_H
#define TOOLS_MAINSTAY_COMPANY_PORTS_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/json/json.h"

struct ports {
    json_t *by_name; /* {"nats-server": 23456, ...} */
};

/* Read the file at `path`; a missing or unreadable one gives an empty set. */
MUST_CHECK enum err ports_load(const char *path, struct ports *ret_ports, struct error *err);

/* The port of `name`: the kept one if nobody listens on it now, else a new free one. */
MUST_CHECK enum err ports_pick(struct ports *ports, const char *name, uint16_t *ret_port,
                               struct error *err);

MUST_CHECK enum err ports_save(const struct ports *ports, const char *path, struct error *err);

void ports_release(struct ports *ports);

#endif
