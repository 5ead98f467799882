/*
 * One supervised process: started with its output in a pipe, copied to its log line by line; known
 * to be ready from a line it prints; started again with a growing pause when it dies.
 *
 *   STOPPED --start--> STARTING --ready line--> READY --stop--> STOPPING --exit--> STOPPED
 *                         |                       |
 *                         +------- exit ----------+--> WAITING --due--> STARTING
 *
 * A child dies with its supervisor (PR_SET_PDEATHSIG, SIGKILL: everything here survives a kill),
 * and its pid and start time are on disk, so that the next supervisor can end one that did not.
 *
 * Threads: none; the supervisor must have only one thread when it starts a child.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_CHILD_H
#define TOOLS_MAINSTAY_COMPANY_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "tools/mainstay/company/accounts.h"
#include "tools/mainstay/company/logfile.h"

enum child_state { CHILD_STOPPED, CHILD_WAITING, CHILD_STARTING, CHILD_READY, CHILD_STOPPING };

/* In the order of starting; they are stopped in the opposite one. */
enum child_kind { CHILD_BUS, CHILD_COORDINATOR, CHILD_AGENT };

enum {
    CHILD_ARGS_MAX = 32,
    CHILD_VARIABLES = 3,
    CHILD_LINE_BYTES = 4096,
    CHILD_NOTE_BYTES = 512,
    CHILD_HEALTHY_MS = 10000,   /* ready for so long: the next death starts at pause 0 again */
    CHILD_PAUSE_MS = 100,       /* second restart in a row; doubles */
    CHILD_PAUSE_MAX_MS = 30000, /* and stops doubling */
    /* from SIGTERM to SIGKILL: longer than an agent takes to drain and to say that it leaves */
    CHILD_STOP_MS = 30000,
};

struct child;

/* Told each line that a child prints, but none of CHILD_LINE_BYTES or more: where such a line is
 * cut may be a stranger's choice. */
typedef void child_hear_fn(void *user, const struct child *child, const char *line);

struct child {
    char name[ACCOUNT_NAME_BYTES];
    enum child_kind kind;
    const char *ready_mark; /* text in the line that says "ready" */
    child_hear_fn *hear;    /* NULL: nobody listens */
    void *hear_user;
    char *args[CHILD_ARGS_MAX];
    unsigned processors;                 /* it runs on at most so many; 0: on all */
    char variables[CHILD_VARIABLES][48]; /* NAME=VALUE for its environment, or empty */
    char pid_path[PATH_BYTES];
    enum child_state state;
    bool wanted; /* start again when it dies */
    pid_t pid;   /* 0 when there is none */
    int output;  /* read end of the pipe, -1 when there is none */
    struct logfile log;
    char line[CHILD_LINE_BYTES]; /* the unfinished line */
    size_t line_size;
    bool line_long;              /* what is in hand is not its beginning */
    char last[CHILD_NOTE_BYTES]; /* the last whole line, for whoever asks why it died */
    int64_t due_ns;              /* WAITING: when to start; STOPPING: when to kill */
    int64_t ready_ns;            /* when it became ready */
    unsigned failures;           /* deaths in a row */
    unsigned restarts;           /* starts after the first */
};

/* "stopped", "waiting", "starting", "ready", "stopping". */
const char *child_state_text(enum child_state state);

/* Append one argument (copied); the first is the program's path. ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err child_arg(struct child *child, const char *text, struct error *err);

/* Start it: state STARTING, `wanted` true. Errors of fork, pipe and log; a program that cannot be
 * executed ends with exit code 127 and says so in its log. */
MUST_CHECK enum err child_start(struct child *child, struct error *err);

/* Ask it to end (SIGTERM) and not to be started again; STOPPED at once when it does not run. */
void child_stop(struct child *child, int64_t now_ns);

/* Copy what it printed to its log. True when this made it READY. */
bool child_read(struct child *child, int64_t now_ns);

/* The process has ended with wait status `status`: becomes STOPPED, or WAITING when wanted. The
 * words for a person go to `note` of CHILD_NOTE_BYTES. */
void child_ended(struct child *child, int status, int64_t now_ns, char *note);

/* Kill a child that takes too long to stop. */
void child_tick(struct child *child, int64_t now_ns);

/* Free what child_arg and child_start took; the process is not touched. */
void child_release(struct child *child);

#endif
