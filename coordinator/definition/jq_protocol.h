/*
 * What the coordinator and mainstay-jq say to each other: one JSON text a line, requests on the
 * child's standard input, replies in the same order on its standard output.
 *
 *   {"id":7,"expr":"test(\"a\")","vars":{"task":{...}},"input":...}
 *   {"id":7,"value":true}     or     {"id":7,"error":"..."}
 *
 * The child answers every request within JQ_REPLY_SECONDS or dies. The caller's rule: when the
 * child ends, or a reply is late or not a reply, kill it, start another one and ask again what was
 * not answered; a request whose child died twice gets an error. Evaluation touches nothing, so
 * asking again is safe.
 *
 * Pure: these functions do no I/O. Threads: none shared.
 */
#ifndef COORDINATOR_DEFINITION_JQ_PROTOCOL_H
#define COORDINATOR_DEFINITION_JQ_PROTOCOL_H

#include <stdint.h>

#include "common/json/json.h"

struct buf;
struct expr;

enum {
    JQ_LINE_BYTES = 4 * 1024 * 1024, /* longest request or reply, with its newline */
    JQ_CPU_SECONDS = 2,              /* of one evaluation */
    JQ_REPLY_SECONDS = 15,           /* wall clock, compilation included */
};

/*
 * Append one request line for `expr` over `input`. `vars` is an object with the value of every
 * variable that expr_variables names; more members do no harm. Failure is `out->failed`: the line
 * would pass the maximum of `out`.
 */
void jq_request_write(int64_t id, const struct expr *expr, const json_t *vars, const json_t *input,
                      struct buf *out);

/* A reply: `value` (owned by the caller) or, when that is NULL, the error. */
struct jq_reply {
    int64_t id;
    json_t *value;
    char error[ERROR_MESSAGE_BYTES];
};

/* Parse one line, with or without its newline. ERR_INVALID when it is not a reply. */
MUST_CHECK enum err jq_reply_parse(const char *line, size_t size, struct jq_reply *ret_reply,
                                   struct error *err);

#endif
