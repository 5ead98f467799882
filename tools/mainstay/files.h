/*
 * Small file system helpers of the CLI: whole files in and out, folders, where things are.
 *
 * Threads: any, on different paths.
 */
#ifndef TOOLS_MAINSTAY_FILES_H
#define TOOLS_MAINSTAY_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

struct buf;

enum { PATH_BYTES = 1024 }; /* any path the CLI handles, terminator included */

/* Append the bytes of the file at `path` ("-" is standard input) to `out`; ERR_LIMIT when they pass
 * its maximum, ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK enum err file_read(const char *path, struct buf *out, struct error *err);

/* Replace `path` by `size` bytes in one step (temporary file, rename) with permissions `mode`;
 * durable when it returns: half a configuration after a power cut would open the bus to all. */
MUST_CHECK enum err file_write(const char *path, const void *bytes, size_t size, unsigned mode,
                               struct error *err);

/* Create `path` and its missing parents, the last one readable by its owner only. */
MUST_CHECK enum err dir_create(const char *path, struct error *err);

/* "<base>/<name>" into `out` of PATH_BYTES; ERR_LIMIT when it does not fit. */
MUST_CHECK enum err path_join(const char *base, const char *name, char *out, struct error *err);

/* The user's folder of one kind (XDG Base Directory Specification) with `name` below it:
 * "config" is $XDG_CONFIG_HOME or ~/.config, "data" is $XDG_DATA_HOME or ~/.local/share. */
MUST_CHECK enum err path_config(const char *name, char *out, struct error *err);
MUST_CHECK enum err path_data(const char *name, char *out, struct error *err);

/* `path` made absolute against the working directory; it need not exist. */
MUST_CHECK enum err path_absolute(const char *path, char *out, struct error *err);

/* Find a program of this project: beside this one, or in ../libexec/mainstay. ERR_NOT_FOUND. */
MUST_CHECK enum err program_find(const char *name, char *out, struct error *err);

/* Find a shared file of this project below ../share/mainstay (installed and in a build tree). */
MUST_CHECK enum err share_find(const char *name, char *out, struct error *err);

/* Whether a file or folder exists at `path`. */
bool path_exists(const char *path);

#endif
