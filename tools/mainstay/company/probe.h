/*
 * Whether a company is ready: its coordinator answers and all its agents are live.
 *
 * Threads: none beside those of the bus; meant for a process of its own.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_PROBE_H
#define TOOLS_MAINSTAY_COMPANY_PROBE_H

#include <stdbool.h>

#include "common/json/json.h"

struct company;

/* Ask until everything is ready; 0 then, 1 when the bus cannot be reached at all. Runs until it is
 * killed otherwise: the supervisor has the deadline. */
int probe_run(const struct company *company);

/* Whether every agent of the company is live in the coordinator's list `agents`. */
bool probe_all_live(const struct company *company, const json_t *agents);

#endif
