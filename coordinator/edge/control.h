/*
 * What operators may ask of the coordinator (CONTROL.md): orders, which change state through the
 * turn, and queries, which read what is committed.
 *
 *   order:  turn_begin .. control_request .. turn_end -> control_order(ORDER_REPLY) -> reply
 *   query:  control_request between turns -> reply
 *   wait:   control_request between turns -> reply at once, by control_order(ORDER_ENDED), or by
 *           control_timeouts
 *
 * Every request is answered exactly once. Whatever its bytes are, nothing but a refusal happens.
 *
 * Threads: none; the thread that owns the turn.
 */
#ifndef COORDINATOR_EDGE_CONTROL_H
#define COORDINATOR_EDGE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/crypto/crypto.h"

struct control;
struct order;
struct turn;

/* Sends the packed ControlReply to whoever `token` stands for. Must not call back into control. */
typedef void control_reply_fn(void *user, uint64_t token, const void *bytes, size_t size);

struct control_options {
    const char *version; /* of the program; borrowed */
    uint64_t pid;
    const char *profile; /* NULL: none */
    struct digest program;
    int64_t started_ms;
    control_reply_fn *reply;
    /* Whether another start is taken, an urgent one or any; else `why` gets words of at most
     * ADMISSION_REASON_BYTES. NULL: always. Counts a refusal. */
    bool (*takes)(void *user, bool urgent, char *why);
    int64_t (*now_ms)(
        void *user); /* stands for both clocks, of ages and of waits; NULL: the real */
    void *user;      /* of all */
};

/* Never NULL; `turn` stays the caller's and outlives the control. */
struct control *control_create(struct turn *turn, const struct control_options *options);

/* Free *control and set it to NULL; who still waits is not answered. Accepts NULL. */
void control_destroy(struct control **control);

/* Whether a verb changes state: its request belongs between turn_begin and turn_end. */
bool control_is_order(const char *verb);

/* Answer one request, now or later. `token` is not 0 and not that of a request still open. `bytes`
 * are a packed ControlRequest, borrowed for the call. */
void control_request(struct control *control, uint64_t token, const char *verb, const void *bytes,
                     size_t size);

/* Give every order of a committed turn; those that are not for control are ignored. */
void control_order(struct control *control, const struct order *order);

/* Time, by clock_boot_ms, of the next control_timeouts; INT64_MAX: none. */
int64_t control_next_due(const struct control *control);

/* Answer the waits whose time is over. */
void control_timeouts(struct control *control, int64_t now_ms);

/* Requests that are not answered yet; a figure for metrics and tests. */
size_t control_open_requests(const struct control *control);

#endif
