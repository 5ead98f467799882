/*
 * Inside of a trial: the company and what it was promised.
 */
#ifndef TOOLS_OFFLINE_TRIAL_PRIVATE_H
#define TOOLS_OFFLINE_TRIAL_PRIVATE_H

#include "coordinator/definition/plan.h"
#include "coordinator/edge/control.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/engine.h"
#include "coordinator/turn.h"
#include "tools/offline/trial.h"

struct kv;
struct map;

enum answer_kind { ANSWER_RESULT, ANSWER_EVALUATION, ANSWER_VERDICT };

/* Something that will be said at its time. */
struct answer {
    enum answer_kind kind;
    int64_t due_ms;
    struct result_command name; /* result: whose it is; verdict: key is the gate */
    char *agent;
    char *store;
    const struct reply *reply; /* result, verdict */
    json_t *output;
    json_t *input;
    bool recalled;
    uint32_t expr; /* evaluation */
    char *error;   /* evaluation: NULL when it has an output */
};

struct trial {
    const struct trial_options *options;
    struct kv *kv;
    struct turn *turn;
    struct control *control;
    int64_t now;
    uint64_t token;
    enum err reply_code; /* of the question in hand */
    char reply_error[1024];
    json_t *reply;
    bool replied;
    struct plan *plans[TRIAL_FILES_MAX]; /* of the files; NULL: does not load */
    json_t *deployed;                    /* reply of deploy of the first file */
    json_t *refused;                     /* the answer for a file that does not load, or NULL */
    char asked[40];                      /* the instance that was started by hand */
    struct answer *answers;
    size_t answer_count;
    size_t answer_room;
    size_t next_event;
    struct map *gates; /* looked at already */
    json_t *missing;
    bool failed;
    struct error trouble;
};

/* trial_company.c: the company around the loop. */

MUST_CHECK enum err trial_open(struct trial *trial, const struct trial_options *options,
                               struct error *err);
void trial_close(struct trial *trial);

/* Open a turn at the trial's clock, on which all time passes; turn_end closes it. */
void trial_begin(struct trial *trial);

/* A command of the open turn. */
void trial_command(struct trial *trial, const struct command *command);

/* Ask control; an order gets a turn of its own. `body` is taken; *ret_reply is a new reference, on
 * refusals too. */
MUST_CHECK enum err trial_ask(struct trial *trial, const char *verb, json_t *body,
                              json_t **ret_reply, struct error *err);

/* trial.c */

/* Room for an answer that is due then. */
struct answer *answer_add(struct trial *trial, int64_t due_ms);

#endif
