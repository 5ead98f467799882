/*
 * One evaluation by libjq. The home of libjq.
 *
 * Programs are compiled once (30 ms with jq 1.6) and kept, least recently used out first. Functions
 * and variables that reach out of the data are shadowed; expr_compile has refused them by name
 * before. Numbers that a double would round are errors with their path, on the way in and on the
 * way out.
 */
#ifndef COORDINATOR_DEFINITION_JQ_EVALUATE_H
#define COORDINATOR_DEFINITION_JQ_EVALUATE_H

#include "common/json/json.h"

struct program;

/* The compiled program for the request; borrowed until the next call. Messages are for the author
 * of the expression. */
MUST_CHECK enum err program_get(const char *expr, const json_t *vars, struct program **ret_program,
                                struct error *err);

/* Run: exactly one result, new reference. May take all time and memory there is: call it in a
 * process that may die. */
MUST_CHECK enum err program_run(struct program *program, const json_t *vars, const json_t *input,
                                json_t **ret_value, struct error *err);

#endif
