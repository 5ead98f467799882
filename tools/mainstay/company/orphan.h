/*
 * Pids on disk, safe against reuse: each record holds the pid and the start time of the process
 * (field 22 of /proc/PID/stat, proc(5)), so that only the very same process is ever signalled.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_ORPHAN_H
#define TOOLS_MAINSTAY_COMPANY_ORPHAN_H

#include <stddef.h>
#include <sys/types.h>

#include "common/base/error.h"

/* Write the record of `pid`. */
MUST_CHECK enum err orphan_record(const char *path, pid_t pid, struct error *err);

/* End every process recorded in a "*.pid" file of `folder` that still is the same one (SIGTERM,
 * after 5 s SIGKILL), wait until it is gone, and remove the records. *ret_count says how many there
 * were. */
MUST_CHECK enum err orphans_end(const char *folder, size_t *ret_count, struct error *err);

#endif
