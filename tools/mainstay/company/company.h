/*
 * A company in one folder: what lies where, and what has to run.
 *
 *   run/         lock, control.sock, NAME.pid, ports.json, nats.conf
 *   creds/       coordinator, operator, events, agent-NAME .creds
 *   log/         NAME.log of each process, mainstay.log of the supervisor
 *   bus/         what JetStream keeps       coordinator/     the coordinator's store
 *   bus.damaged-TIME/ what it kept when nats-server could not use it (bus_files.h)
 *   agents/NAME/ each agent's store         prometheus.json  targets for Prometheus (file_sd)
 *   context.json how the CLI reaches it
 *
 * Passwords and ports are kept from start to start; everything else in run/ is made again.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_COMPANY_H
#define TOOLS_MAINSTAY_COMPANY_COMPANY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "tools/mainstay/company/accounts.h"
#include "tools/mainstay/company/child.h"
#include "tools/mainstay/company/cutoff.h"
#include "tools/mainstay/company/ports.h"
#include "tools/mainstay/company/profile.h"
#include "tools/mainstay/context.h"

enum { COMPANY_CHILDREN_MAX = ACCOUNTS_MAX + 2 };

/* The store every agent of `mainstay up` has. */
#define COMPANY_STORE "main"

struct company_options {
    const char *dir;           /* absolute */
    const char *nats_server;   /* program; NULL: found in PATH and /usr/sbin */
    const char *coordinator;   /* program; NULL: found beside this one */
    const char *log_level;     /* for the coordinator; NULL: its default */
    const char *const *agents; /* further ones, "PROGRAM:CONTRACT" */
    size_t agent_count;
    const char *const *without; /* shipped ones to leave out */
    size_t without_count;
    const char *const *settings; /* of agents, "AGENT.NAME=VALUE" */
    size_t setting_count;
    const struct profile *profile; /* NULL: none */
};

struct company {
    char dir[PATH_BYTES];
    struct context context; /* of the operator */
    struct accounts accounts;
    struct cutoff cutoffs[ACCOUNTS_MAX]; /* of accounts.agents */
    struct bus_config bus;
    char bus_store[PATH_BYTES];
    bool bus_reads; /* the bus has still to be told that its configuration is another */
    struct ports ports;
    struct child children[COMPANY_CHILDREN_MAX]; /* the bus, the coordinator, agents */
    size_t child_count;
    char absent[256]; /* shipped agents whose program is not installed, for a note; may be empty */
};

/* What the bus may have on its heap: of a share, less what its runtime needs beside it. */
uint64_t company_bus_heap(const struct share *share);
enum { COMPANY_BUS_HEAP_BYTES = 400 * 1024 * 1024 }; /* where no profile says it */

/* Whether it collects its garbage at half the growth, and the variables that say so or not: below
 * the limit of its heap memory is cheaper than what others wait for while it collects. */
bool company_bus_frugal(const struct share *share);
#define COMPANY_BUS_FRUGAL "GOGC=50"
#define COMPANY_BUS_LAVISH "GOGC=400"

/* How many of the bus's threads run at once where no profile says it: more than a small machine has
 * processors, because what urgent work wants waits while others of them are in a write. */
#define COMPANY_BUS_THREADS "GOMAXPROCS=4"

/* Memory of each shipped agent, 0 where the profile does not say; into `ret_bytes` of ACCOUNTS_MAX.
 * Returns how many they are. */
size_t company_shipped_shares(const struct profile *profile, uint64_t *ret_bytes);

/* Make folders, passwords, ports and configuration, and describe the processes in *ret_company. The
 * caller holds the lock of the folder. Errors name the file, program or option. */
MUST_CHECK enum err company_create(const struct company_options *options,
                                   struct company **ret_company, struct error *err);

/* Write the configuration of the bus, run/nats.conf, as accounts are now. */
MUST_CHECK enum err company_write_bus(const struct company *company, struct error *err);

/* Free *company and set it to NULL; processes are not touched. Accepts a NULL company. */
void company_destroy(struct company **company);

/* The process called `name`, or NULL. */
struct child *company_child(struct company *company, const char *name);

/* "<dir>/<name>" into `out` of PATH_BYTES. */
MUST_CHECK enum err company_path(const char *dir, const char *name, char *out, struct error *err);

/* Take the lock of the folder (created when missing) until the process ends or *ret_fd is closed.
 * ERR_CONFLICT when another process has it. */
MUST_CHECK enum err company_lock_folder(const char *dir, int *ret_fd, struct error *err);

/* Write the `nats` CLI context "mainstay" and select it when none is selected. */
MUST_CHECK enum err company_write_context(const struct company *company, struct error *err);

#endif
