/* Deploying process definitions, shared by `deploy` and `run`. Threads: none. */
#ifndef TOOLS_MAINSTAY_DEFINITIONS_H
#define TOOLS_MAINSTAY_DEFINITIONS_H

#include <stdio.h>

#include "tools/mainstay/cli.h"

/* Deploy the file. *ret_reply is the coordinator's, on refusals with the problems; may be NULL. */
MUST_CHECK enum err definition_deploy(struct cli *cli, const char *file, json_t **ret_reply,
                                      struct error *err);

/* Print the problems, warnings and missing agents of a reply; `reply` may be NULL. */
void deploy_notes_print(FILE *out, const char *file, const json_t *reply);

/* Print "file:line:column: <kind>message (hint)" for each problem. */
void problems_print(FILE *out, const char *file, const char *kind, const json_t *problems);

#endif
