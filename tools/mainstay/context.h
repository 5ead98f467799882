/*
 * How to reach a company. Each value is taken from the first that gives it: the option, the
 * environment (MAINSTAY_BUS, MAINSTAY_CREDS, MAINSTAY_CA), the context.
 *
 * A context is a JSON file {"bus", "creds", "ca", "dir"}; `mainstay up` writes one for itself as
 * "default" in ~/.config/mainstay/contexts, and one in the company's own folder.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_CONTEXT_H
#define TOOLS_MAINSTAY_CONTEXT_H

#include "common/base/error.h"
#include "tools/mainstay/files.h"

enum { CONTEXT_URL_BYTES = 512 };

#define CONTEXT_DEFAULT "default"

/* Values that are not known are empty. */
struct context {
    char bus[CONTEXT_URL_BYTES];
    char creds[PATH_BYTES];
    char ca[PATH_BYTES];
    char dir[PATH_BYTES]; /* folder of the company when it runs on this machine */
};

/* Where the context `name` is kept, into `out` of PATH_BYTES. ERR_INVALID for a name that is no
 * token. */
MUST_CHECK enum err context_path(const char *name, char *out, struct error *err);

/* Read the context at `path`. ERR_NOT_FOUND, ERR_INVALID. */
MUST_CHECK enum err context_read(const char *path, struct context *ret_context, struct error *err);

/* Write it; permissions 0600, missing folders are created. */
MUST_CHECK enum err context_write(const char *path, const struct context *context,
                                  struct error *err);

/* The folder of the company: `dir` when not NULL, else `mainstay` in the user's data folder.
 * Absolute. */
MUST_CHECK enum err context_dir(const char *dir, char *out, struct error *err);

#endif
