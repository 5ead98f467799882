/*
 * The supervisor's desk: a unix socket in run/ (permissions 0600, same user only) where the CLI
 * asks for processes to be stopped or started again. One JSON object on a line each way:
 *
 *   {"order": "processes"}                  {"ok": true, "processes": [{name, state, pid,
 *                                           restarts, cut_off_ms: only while it is cut off}]}
 *   {"order": "restart" | "stop", "name"}   {"ok": true} when ready again, or stopped
 *   {"order": "down"}                       {"ok": true} when everything but the supervisor has
 * ended
 *
 * A refusal is {"ok": false, "error": words}.
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_COMPANY_DESK_H
#define TOOLS_MAINSTAY_COMPANY_DESK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/json/json.h"

struct company;

enum { DESK_CLIENTS = 16, DESK_LINE_BYTES = 1024 };

enum desk_wait { DESK_READS, DESK_AWAITS_READY, DESK_AWAITS_STOPPED, DESK_AWAITS_DOWN };

struct desk_client {
    int fd; /* -1: free */
    enum desk_wait wait;
    size_t child; /* index in the company */
    char line[DESK_LINE_BYTES];
    size_t line_size;
};

struct desk {
    int listener;
    struct desk_client clients[DESK_CLIENTS];
};

/* A desk nobody listens at; desk_close accepts it. */
void desk_init(struct desk *desk);

/* Listen on <dir>/run/control.sock, replacing what an earlier supervisor left. */
MUST_CHECK enum err desk_open(const char *dir, struct desk *desk, struct error *err);

/* Fill `fds` of 1 + DESK_CLIENTS for poll(); returns how many. */
size_t desk_poll(const struct desk *desk, struct pollfd *fds);

/* Take callers and orders. Orders to stop and restart are begun here. Returns true when somebody
 * ordered the whole company down. */
bool desk_serve(struct desk *desk, struct company *company, int64_t now_ns);

/* Answer who waits for something that has happened. `down`: everything has ended. */
void desk_settle(struct desk *desk, const struct company *company, bool down);

void desk_close(struct desk *desk);

/* From the CLI: send `order` (reference taken) to the supervisor of `dir` and wait for the answer.
 * *ret_pid (may be NULL) is the supervisor's. ERR_UNAVAILABLE when none runs there, ERR_REFUSED
 * with its words, ERR_TIMEOUT. */
MUST_CHECK enum err desk_ask(const char *dir, json_t *order, int timeout_ms, json_t **ret_answer,
                             pid_t *ret_pid, struct error *err);

#endif
