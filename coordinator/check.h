/*
 * Checking a process definition without a running company: coordinator --check FILE.
 */
#ifndef COORDINATOR_CHECK_H
#define COORDINATOR_CHECK_H

#include <stdbool.h>

struct buf;

/*
 * Load the definition in `file` ("-": standard input) and print what is wrong, one problem a line
 * as file:line:column: message, or with `json` one object {ok, definition, problems, warnings,
 * externals}. Returns the exit code: 0 fine, 1 refused or unreadable.
 */
int check_definition(const char *file, bool json);

/* Read the policy in `file` into `out`, with a zero byte behind it, and check it: what is wrong is
 * printed to stderr as file:line:column: message. False then. */
bool check_policy(const char *file, struct buf *out);

/* Check the profile in `file` (coordinator/definition/profile.h) as check_definition does; with
 * `json` one object {ok, problems, bus, coordinator, agent, agents}, where a process has {memory,
 * cpu_percent, concurrency}, 0 for what is not said. Returns the exit code. */
int check_profile(const char *file, bool json);

#endif
