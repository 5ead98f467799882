/*
 * What a simulation is told beforehand: answers of agents, verdicts of people, events from outside.
 * The form of the files is in README.md beside this one.
 *
 * Ownership: what is returned is borrowed from the object. Threads: none.
 */
#ifndef TOOLS_OFFLINE_REPLIES_H
#define TOOLS_OFFLINE_REPLIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/json/json.h"

struct replies;

enum { REPLIES_MAX = 10000, REPLIES_BYTES = 16 * 1024 * 1024 };

/* One answer of an agent, or one verdict of a person. */
struct reply {
    char agent[65]; /* of a verdict: empty */
    char action[257];
    struct expr *when;    /* NULL: always */
    const json_t *output; /* of a verdict: the edited value; NULL: none */
    const json_t *fail;   /* NULL: it succeeds */
    const char *verdict;  /* NULL: an agent's answer */
    const char *reason;
    double confidence; /* below 0: none */
    int64_t after_ms;
    uint64_t times; /* UINT64_MAX: any number of times */
};

/* Read a file of replies; a NULL text has none. The error names the place. ERR_INVALID, ERR_LIMIT.
 */
MUST_CHECK enum err replies_load(const char *text, size_t size, struct replies **ret_replies,
                                 struct error *err);

/* Free *replies and set it to NULL. Accepts NULL. */
void replies_destroy(struct replies **replies);

/* Effect class and phases of an action, as the file says them; NULL: it does not. */
const char *replies_effect(const struct replies *replies, const char *agent, const char *action,
                           const json_t **ret_phases);

/* The action that undoes this one's effect, by the file; NULL: it names none. */
const char *replies_compensate(const struct replies *replies, const char *agent,
                               const char *action);

/*
 * The next answer of an action to `input`: the first that fits and is not used up, which counts as
 * used now. *ret_reply is NULL when there is none. *ret_output is its output with the expressions
 * in it evaluated over the input (new reference, NULL when it has none).
 */
MUST_CHECK enum err replies_take(struct replies *replies, const char *agent, const char *action,
                                 const json_t *input, const struct reply **ret_reply,
                                 json_t **ret_output, struct error *err);

/* An event that comes from outside. */
struct outside {
    int64_t after_ms;   /* since the start */
    const json_t *body; /* as control.emit takes it */
};

/* Read a file of events, in order of their time; *ret_events is freed by the caller, its bodies go
 * with *ret_value. ERR_INVALID, ERR_LIMIT. */
MUST_CHECK enum err events_load(const char *text, size_t size, json_t **ret_value,
                                struct outside **ret_events, size_t *ret_count, struct error *err);

#endif
