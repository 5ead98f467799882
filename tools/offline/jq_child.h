/*
 * One question to mainstay-jq, asked of a child that lives as long as the question.
 * Threads: none.
 */
#ifndef TOOLS_OFFLINE_JQ_CHILD_H
#define TOOLS_OFFLINE_JQ_CHILD_H

#include "common/base/error.h"
#include "common/json/json.h"

struct expr;

/* `program` NULL: an error that says what is missing. *ret_value is a new reference. */
MUST_CHECK enum err jq_child_ask(const char *program, const struct expr *expr, const json_t *vars,
                                 const json_t *input, json_t **ret_value, struct error *err);

#endif
