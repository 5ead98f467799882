/*
 * The coordinator as seen from outside: questions and orders over the bus (proto/control.proto,
 * bodies in coordinator/edge/CONTROL.md).
 *
 * Threads: none.
 */
#ifndef TOOLS_MAINSTAY_CONTROL_H
#define TOOLS_MAINSTAY_CONTROL_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/json/json.h"

struct control;
struct context;

/* Connect. ERR_UNAVAILABLE when nobody answers at the address, others as bus_connect. */
MUST_CHECK enum err control_open(const struct context *context, struct control **ret_control,
                                 struct error *err);

/* Close and set to NULL. Accepts a NULL control. */
void control_close(struct control **control);

struct control_question {
    const char *verb;
    json_t *body; /* reference taken; NULL is {} */
    bool order;   /* changes something: gets a request id */
    unsigned timeout_ms;
};

/* Ask and wait. *ret_reply is a new reference to the reply's body; with a refusal it holds the
 * details, or is NULL. The code of a refusal is the coordinator's. */
MUST_CHECK enum err control_ask(struct control *control, const struct control_question *question,
                                json_t **ret_reply, struct error *err);

#endif
