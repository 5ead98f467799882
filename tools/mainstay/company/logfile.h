/*
 * The log of one process: lines appended to a file that is moved to "<path>.1" (replacing the
 * previous one) when it passes LOGFILE_BYTES, so that logs take at most twice that on disk.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_LOGFILE_H
#define TOOLS_MAINSTAY_COMPANY_LOGFILE_H

#include <stddef.h>

#include "common/base/error.h"
#include "tools/mainstay/files.h"

enum { LOGFILE_BYTES = 8 * 1024 * 1024 };

struct logfile {
    char path[PATH_BYTES];
    int fd; /* -1 when closed */
    size_t size;
};

/* Open `path` for appending; permissions 0600. */
MUST_CHECK enum err logfile_open(struct logfile *log, const char *path, struct error *err);

/* Append bytes as they are. A full disk loses them: a log never stops the company. */
void logfile_append(struct logfile *log, const char *bytes, size_t size);

void logfile_close(struct logfile *log);

#endif
