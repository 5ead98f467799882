/* Files of process definitions, shared by all commands that take one. Threads: none. */
#ifndef TOOLS_MAINSTAY_DEFINITIONS_H
#define TOOLS_MAINSTAY_DEFINITIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "tools/mainstay/cli.h"
#include "tools/mainstay/files.h"

/* Deploy the file. *ret_reply is the coordinator's, on refusals with the problems; may be NULL. */
MUST_CHECK enum err definition_deploy(struct cli *cli, const char *file, json_t **ret_reply,
                                      struct error *err);

/* A file of a definition with the functions and schemas it names, in a temporary file of its own
 * where it names any. */
struct whole {
    char path[PATH_BYTES]; /* the file itself, or the temporary one */
    bool temporary;
};

/* Gather what the definition of `file` names; problems of the definition are not looked at. Ask
 * whole_release in any case. */
MUST_CHECK enum err whole_gather(const struct cli *cli, const char *file, struct whole *ret_whole,
                                 struct error *err);
void whole_release(struct whole *whole);

/* Print the problems, warnings and missing agents of a reply; `reply` may be NULL. */
void deploy_notes_print(FILE *out, const char *file, const json_t *reply);

/* Print "file:line:column: <kind>message (hint)" for each problem. */
void problems_print(FILE *out, const char *file, const char *kind, const json_t *problems);

#endif
