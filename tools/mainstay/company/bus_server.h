/*
 * The nats-server program: where it is and what its version can do.
 *
 * Threads: none; forks once.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_BUS_SERVER_H
#define TOOLS_MAINSTAY_COMPANY_BUS_SERVER_H

#include <stdbool.h>

#include "common/base/error.h"
#include "tools/mainstay/files.h"

struct bus_server {
    char program[PATH_BYTES];
    int major;
    int minor;
    bool sync_always; /* knows `sync_interval: always` (2.10 and up) */
};

/* Find nats-server (`program` when not NULL, else in PATH, else /usr/sbin) and ask for its version.
 * ERR_NOT_FOUND with what to install, ERR_UNSUPPORTED before 2.9. */
MUST_CHECK enum err bus_server_find(const char *program, struct bus_server *ret_server,
                                    struct error *err);

/* Read "nats-server: v2.9.10" (also without the v); false on anything else. */
bool bus_server_version(const char *text, int *ret_major, int *ret_minor);

#endif
