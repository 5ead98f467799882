/*
 * What every command has in hand: its arguments, how to print, how to reach the company.
 *
 * Threads: none (the connection has its own, inside the bus).
 */
#ifndef TOOLS_MAINSTAY_CLI_H
#define TOOLS_MAINSTAY_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/json/json.h"
#include "tools/mainstay/command.h"
#include "tools/mainstay/context.h"

struct control;

enum output_format { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_JSONL };

enum { CLI_ASK_MS = 10000, CLI_VALUE_BYTES = 1024 * 1024 };

struct cli {
    const struct invocation *args;
    enum output_format format;
    struct control *control; /* connected at the first question */
};

/* Parse, run, clean up: all of main(). */
enum exit_code cli_main(int argc, char **argv);

/* "mainstay: <message>" and "  hint: <hint>" (unless NULL) on stderr; the exit code that fits. */
enum exit_code cli_fail(const struct error *err, const char *hint);

/* The same for a wrong command line: always EXIT_USAGE. */
enum exit_code cli_usage(const char *problem, const char *hint);

/* Exit code of an error: EXIT_TIMEOUT, EXIT_UNREACHABLE, else EXIT_FAILED. */
enum exit_code cli_exit_of(enum err code);

/* Ask the coordinator (coordinator/edge/CONTROL.md). `body` (reference taken; NULL is {}). An order
 * changes something and gets a request id. *ret_reply is a new reference, on refusals too when the
 * coordinator gave details, else NULL. */
MUST_CHECK enum err cli_ask(struct cli *cli, const char *verb, json_t *body, json_t **ret_reply,
                            struct error *err);
MUST_CHECK enum err cli_order(struct cli *cli, const char *verb, json_t *body, json_t **ret_reply,
                              struct error *err);

/* The same with an own time limit. `order` is the request id's presence. */
MUST_CHECK enum err cli_ask_within(struct cli *cli, const char *verb, json_t *body, bool order,
                                   unsigned timeout_ms, json_t **ret_reply, struct error *err);

/* The folder of the company that --dir, the context or the default names, into `out` of PATH_BYTES.
 */
MUST_CHECK enum err cli_dir(const struct cli *cli, char *out, struct error *err);

/* Value of an option or NULL. */
const char *cli_option(const struct cli *cli, enum option_id id);

/* --timeout in milliseconds, `fallback_ms` when not given. ERR_INVALID. */
MUST_CHECK enum err cli_timeout(const struct cli *cli, int64_t fallback_ms, int64_t *ret_ms,
                                struct error *err);

/* "500ms", "30s", "5m", "1h", "2d" or seconds; false on anything else and beyond 365 days. */
bool duration_parse(const char *text, int64_t *ret_ms);

/* JSON given as text or as @FILE, @-; `what` names it in errors. */
MUST_CHECK enum err cli_json(const char *text, const char *what, json_t **ret_value,
                             struct error *err);

/* Set member `key` of the request `body` to the option's text when it was given. */
void cli_member(const struct cli *cli, json_t *body, const char *key, enum option_id id);

/* Body of a list request: limit and after. ERR_INVALID when --limit is not 1 to 1000. */
MUST_CHECK enum err cli_list_body(const struct cli *cli, json_t **ret_body, struct error *err);

#endif
