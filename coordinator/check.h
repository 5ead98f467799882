/*
 * Checking a process definition without a running company: coordinator --check FILE.
 */
#ifndef COORDINATOR_CHECK_H
#define COORDINATOR_CHECK_H

#include <stdbool.h>

/*
 * Load the definition in `file` ("-": standard input) and print what is wrong, one problem a line
 * as file:line:column: message, or with `json` one object {ok, definition, problems, warnings,
 * externals}. Returns the exit code: 0 fine, 1 refused or unreadable.
 */
int check_definition(const char *file, bool json);

#endif
