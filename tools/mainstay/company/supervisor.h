/*
 * Runs a company: starts its processes, watches them, starts dead ones again, takes orders from the
 * desk, and stops everything in order (agents, coordinator, bus) at SIGINT, SIGTERM or "down".
 *
 * Readiness is asked by a forked probe, so that this process never has a thread or a connection and
 * may fork at any time.
 *
 * Threads: the process must have only this one.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_SUPERVISOR_H
#define TOOLS_MAINSTAY_COMPANY_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "tools/mainstay/company/company.h"

struct supervisor_options {
    int64_t timeout_ms; /* for becoming ready; then everything is stopped again */
    bool foreground;    /* also write notes to stderr */
    /* In a forked process: return 0 when the company answers and every agent is live; blocks. */
    int (*probe)(const struct company *company);
    /* Called once: when ready (`failure` NULL), or when the company will not become ready. */
    void (*report)(void *user, const struct company *company, const char *failure);
    void *user;
};

/* Returns when everything has ended. ERR_OK after an ordered stop; else why it did not become
 * ready. */
MUST_CHECK enum err supervisor_run(struct company *company,
                                   const struct supervisor_options *options, struct error *err);

#endif
