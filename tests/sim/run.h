/* One seed played for a person: digest of its trace, and the smallest definition that still fails.
 */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/sim.h"

struct run_options {
    bool trace;
    bool shrink;
    json_t *flows[SIM_FLOWS_MAX]; /* instead of those drawn */
    size_t flow_count;
};

/* Play in a process of its own, print, and shrink a finding. Returns whether there was none;
 * *ret_figures says what the seed came to, or as far as it came. */
bool run_one(uint64_t seed, const struct run_options *options, struct sim_figures *ret_figures);

#endif
