/*
 * Directories that outlive a power cut: a file that was created or renamed is only there afterwards
 * when its directory was synced too (fsync(2), notes).
 *
 * Threads: any.
 */
#ifndef COMMON_BASE_FOLDER_H
#define COMMON_BASE_FOLDER_H

#include "common/base/error.h"

/* fsync a directory, so that names made in it last. ERR_IO with the path. */
MUST_CHECK enum err folder_sync(const char *path, struct error *err);

/* The same for the directory that holds `path`; the working directory for a bare name. */
MUST_CHECK enum err folder_sync_parent(const char *path, struct error *err);

#endif
