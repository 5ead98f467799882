/*
 * Orders that concern many instances, page after page: each page is a turn of the coordinator's
 * own, whether the instances are named or those of a query.
 */
#ifndef TOOLS_MAINSTAY_PAGES_H
#define TOOLS_MAINSTAY_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/mainstay/cli.h"

struct pages {
    struct cli *cli;
    const char *verb;   /* of the control subject, "instances.migrate" */
    const char *marker; /* the member that is true in the row of an instance it was done to */
    json_t *rows;       /* of all pages */
    size_t count;       /* of them, those it was done to */
    bool silent;        /* rows are not printed, whatever the output is */
};

/*
 * Ask with `body`, whose members every page repeats; it is taken over. `named`: the instances are
 * the operands of the command. Rows are printed as they come when the output is jsonl. After an
 * error `rows` has what was done before it.
 */
MUST_CHECK enum err pages_ask(struct pages *pages, json_t *body, bool named, struct error *err);

#endif
