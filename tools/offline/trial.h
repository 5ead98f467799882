/*
 * A company in memory that runs a definition: the same turn, engine, tables and control as the
 * coordinator's, with canned agents and a clock that only moves when nothing else is to be done.
 *
 * Threads: none. Writes nothing.
 */
#ifndef TOOLS_OFFLINE_TRIAL_H
#define TOOLS_OFFLINE_TRIAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/json/json.h"
#include "tools/offline/replies.h"

enum { TRIAL_FILES_MAX = 32 };

struct trial_file {
    const char *text; /* of the definition, terminated */
    const char *name; /* for messages */
};

struct trial_options {
    const struct trial_file *files; /* the first is run, the others are there to be run by it */
    size_t file_count;              /* at least one, at most TRIAL_FILES_MAX */
    json_t *input;                  /* NULL: none given */
    struct replies *replies;
    const struct outside *events;
    size_t event_count;
    const char *jq; /* program of mainstay-jq; NULL: external expressions are errors */
    int64_t start_ms;
};

/*
 * Run until nothing is due any more. *ret_result (owned by the caller) is {ok: false, file,
 * problems} for a definition that does not load (`file`: its name), else
 *   {ok: true, definition, warnings, started_at, ended_at, instances: [{instance, definition,
 *    trigger, status, reason, output, error, story}], missing: [{agent, action, step, input,
 *    template}]}
 * where the first instance is the one that was asked for, `warnings` are the first file's and
 * `missing` are calls that no reply fitted: there the run stops. ERR_INVALID when a reply cannot be
 * evaluated, ERR_LIMIT when the run does not come to rest; what speaks against a deployment is told
 * as there.
 */
MUST_CHECK enum err trial_run(const struct trial_options *options, json_t **ret_result,
                              struct error *err);

#endif
