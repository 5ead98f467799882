/*
 * Runtime expressions (jq), compiled once at load and evaluated many times.
 *
 * The native evaluator handles the subset named in README.md: deterministic, bounded by fuel, depth
 * and size, no environment, no I/O. An expression it cannot compile but that jq's grammar may
 * accept is "external": its value is asked of `expr_scope.external`, which the engine answers from
 * values that the mainstay-jq child computed and the journal recorded.
 *
 * Truth is jq's: false and null are false. Exactly one result is required: none or several is an
 * error that says to wrap the expression in [...]. Numbers follow common/json: int64 exact, nothing
 * rounded silently.
 *
 * Threads: a compiled expression is immutable and may be evaluated from several threads at once.
 */
#ifndef COORDINATOR_DEFINITION_EXPR_H
#define COORDINATOR_DEFINITION_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/json/json.h"

struct expr;

/* What an expression sees. All values it hands out are borrowed for the duration of the call. */
struct expr_scope {
    const json_t *input; /* `.` */
    void *user;
    /* Value of `$name` (without the sign), or NULL when it has none here, which is an error. */
    const json_t *(*variable)(void *user, const char *name);
    /* Value of an external expression over `input`: new reference in *ret_value. ERR_UNAVAILABLE
     * means "not known yet": evaluation stops and the caller asks the child. May be NULL: then
     * external expressions fail with ERR_UNSUPPORTED. */
    enum err (*external)(void *user, const struct expr *expr, const json_t *input,
                         json_t **ret_value, struct error *err);
};

/*
 * Compile `text` (without the surrounding `${ }`). `id` is the caller's number for the expression,
 * used to name its external values. Errors: ERR_INVALID with "line:column: message" relative to the
 * text when it is not jq at all.
 */
MUST_CHECK enum err expr_compile(const char *text, uint32_t id, struct expr **ret_expr,
                                 struct error *err);

/* Free *expr and set it to NULL. Accepts NULL. */
void expr_destroy(struct expr **expr);

/*
 * Evaluate to exactly one value: new reference in *ret_value.
 * Errors: ERR_INVALID (type error, no or several results, unknown variable), ERR_LIMIT (fuel,
 * depth, size), ERR_UNAVAILABLE (an external value is not known yet). Messages name the expression.
 */
MUST_CHECK enum err expr_eval(const struct expr *expr, const struct expr_scope *scope,
                              json_t **ret_value, struct error *err);

/* jq truth of a value. */
bool expr_truth(const json_t *value);

bool expr_is_native(const struct expr *expr);
uint32_t expr_id(const struct expr *expr);
const char *expr_text(const struct expr *expr);

/* The same for libjq 1.6, whose grammar lacks some of what is read here. */
const char *expr_jq_text(const struct expr *expr);

/* The variables the text uses, without the sign, each once; borrowed. */
size_t expr_variables(const struct expr *expr, const char *const **ret_names);

/*
 * A JSON tree with expressions at some of its string leaves. Compiled from the definition only:
 * data is never scanned for expressions.
 */
struct template;

/*
 * Evaluate: literals as they are, expression leaves replaced by their values. New reference. Errors
 * as expr_eval.
 */
MUST_CHECK enum err template_eval(const struct template *tmpl, const struct expr_scope *scope,
                                  json_t **ret_value, struct error *err);

/* The value when the tree holds no expression, else NULL. Borrowed. */
const json_t *template_literal(const struct template *tmpl);

#endif
