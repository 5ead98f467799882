/* Starting an instance and seeing it through, shared by `run` and `agents call`. Threads: none. */
#ifndef TOOLS_MAINSTAY_RUN_H
#define TOOLS_MAINSTAY_RUN_H

#include "tools/mainstay/cli.h"

/* Start an instance of `definition` with `input` (reference taken), wait until it ends or needs a
 * person, and print its output. Takes --timeout and --detach. */
enum exit_code run_and_wait(struct cli *cli, const char *definition, json_t *input);

/* The input of --input, {} without it. */
MUST_CHECK enum err run_input(const struct cli *cli, json_t **ret_input, struct error *err);

#endif
