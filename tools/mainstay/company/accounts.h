/*
 * Who may say what on the bus: one NATS account per store of an agent, with service imports for
 * its own subjects and nothing else, so that a hostile agent is contained by the server.
 *
 *   CORE       user coordinator: JetStream lives here, nobody else is in it
 *   OPERATOR   user operator (CLI, console): imports control.> and event.>
 *   EVENTS     user events (outsiders): imports event.>
 *   AGENT_x    user agent-x: imports its own pull, acknowledgement, result and hello subjects;
 *              AGENT_x_y, user agent-x_y, is that of a further store y of agent x
 *   GUARD      no user: on nats-server <= 2.9.22 it keeps a server without accounts from staying
 * open (CVE-2023-47090)
 *
 * Operator and outsiders are apart from CORE because permissions inside one account do not contain
 * anybody: the server answers to the reply subject the asker chose, and so an acknowledgement
 * becomes another agent's result and "no messages" an order to delete a stream. A service import
 * rewrites the reply subject.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_ACCOUNTS_H
#define TOOLS_MAINSTAY_COMPANY_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/limits.h"

struct buf;

enum {
    ACCOUNT_NAME_BYTES = LIMIT_NAME_BYTES + 1,
    ACCOUNT_USER_BYTES = 2 * ACCOUNT_NAME_BYTES + (int)sizeof("agent-"),
    ACCOUNT_PASSWORD_BYTES = 2 * 24 + 1,
    ACCOUNTS_MAX = 64, /* agents' stores of one company */
};

/* One store of an agent. The user's name is "agent-" and the agent's; of a further store of the
 * same agent, with "_" and the store's. */
struct account {
    char agent[ACCOUNT_NAME_BYTES];
    char store[ACCOUNT_NAME_BYTES];
    char user[ACCOUNT_USER_BYTES];
    char password[ACCOUNT_PASSWORD_BYTES];
    /* Not empty: the server knows this one in its place, which nobody has; nothing else of its
     * configuration changes, so that it may read it again while it runs. */
    char instead[ACCOUNT_PASSWORD_BYTES];
};

struct accounts {
    char coordinator[ACCOUNT_PASSWORD_BYTES];
    char operator[ACCOUNT_PASSWORD_BYTES];
    char events[ACCOUNT_PASSWORD_BYTES];
    struct account agents[ACCOUNTS_MAX];
    size_t agent_count;
};

/* Add an agent's store whose password is filled in later. ERR_INVALID when a name is no token or
 * the agent's name has an underscore, ERR_EXISTS, ERR_LIMIT. */
MUST_CHECK enum err accounts_add(struct accounts *accounts, const char *agent, const char *store,
                                 struct error *err);

/* Take the passwords from the credentials files in `folder`, making the missing ones: coordinator,
 * operator, events and those of agents, each USER.creds, readable by the owner only. */
MUST_CHECK enum err accounts_keep(struct accounts *accounts, const char *folder, struct error *err);

/* Shut a store out, and let it in again, by the next bus_config_write. */
void account_shut(struct account *account);
void account_open(struct account *account);

/* How the server is reached and what it keeps. */
struct bus_config {
    const char *host;
    uint16_t port;
    const char *store_dir;   /* NULL leaves it to the command line (--store_dir) */
    uint64_t max_file_bytes; /* what JetStream may keep on disk */
    bool sync_always;        /* nats-server >= 2.10 */
    const char *tls_cert;    /* NULL: no TLS, which only the loopback address is for */
    const char *tls_key;
    const char *tls_ca; /* not NULL: clients must show a certificate of this authority */
};

/* Append the server configuration (docs.nats.io, server configuration; valid for 2.9.10 and up). */
void bus_config_write(const struct bus_config *config, const struct accounts *accounts,
                      struct buf *out);

#endif
