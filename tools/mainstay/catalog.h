/* Functions of catalogs and schemas in files, given along with the definition that names them.
 * Threads: none. */
#ifndef TOOLS_MAINSTAY_CATALOG_H
#define TOOLS_MAINSTAY_CATALOG_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "tools/mainstay/cli.h"

/*
 * Append the functions and schemas of `wanted` (as `deploy` and `check` answer it) to the
 * definition `text` of `file`. A function stands in functions/NAME/VERSION/function.yaml below the
 * folder that
 * --catalog CATALOG=DIR names, else below its catalog's endpoint when that is a folder, taken from
 * the folder of `file`. A schema's path is taken from the folder of `file`, or of the function that
 * names it. *ret_added tells whether there was something to add. ERR_NOT_FOUND, ERR_IO, ERR_LIMIT.
 */
MUST_CHECK enum err catalog_add(const struct cli *cli, const char *file, const json_t *wanted,
                                struct buf *text, bool *ret_added, struct error *err);

#endif
