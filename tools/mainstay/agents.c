/* mainstay agents ls, call, restart, stop. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/company/desk.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"
#include "tools/mainstay/run.h"

/* A new text of call_definition needs a new version. */
#define CALL_VERSION    "1.1.0"
#define VALIDATION_TYPE "https://serverlessworkflow.io/spec/1.0.0/errors/validation"

enum { PROCESS_TIMEOUT_MS = 30000, ANSWER_PAUSE_MS = 50, ANSWER_TRY_MS = 500 };

/* For the table: the names of the actions in one text. */
static void actions_name(json_t *agents)
{
    size_t index = 0;
    json_t *agent = NULL;
    json_array_foreach(agents, index, agent)
    {
        json_t *names = json_array();
        size_t at = 0;
        const json_t *action = NULL;
        json_array_foreach(json_array_of(agent, "actions"), at, action)
        {
            (void)json_array_append(names, json_object_get(action, "action"));
        }
        (void)json_object_set_new(agent, "names", names);
    }
}

enum exit_code agents_ls_run(struct cli *cli)
{
    static const struct column columns[] = {
        {"AGENT", "agent", COLUMN_TEXT},
        {"STORE", "store", COLUMN_TEXT},
        {"VERSION", "version", COLUMN_TEXT},
        {"STATE", "state", COLUMN_TEXT},
        {"HEALTH", "health", COLUMN_TEXT},
        {"SINCE", "since", COLUMN_AGE},
        {"OUTSTANDING", "outstanding", COLUMN_NUMBER},
        {"CREDIT", "credit", COLUMN_NUMBER},
        {"READY", "ready", COLUMN_NUMBER},
        {"PID", "pid", COLUMN_NUMBER},
        {"ACTIONS", "names", COLUMN_TEXT},
    };
    struct error err = {0};
    json_t *reply = NULL;
    enum err code = cli_ask(cli, "agents.ls", NULL, &reply, &err);
    if (code == ERR_OK) {
        if (cli->format == OUTPUT_TEXT) {
            actions_name(json_array_of(reply, "agents"));
        }
        output_list(cli, reply, "agents", columns, sizeof(columns) / sizeof(columns[0]),
                    "no agents");
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}

/* ---- call ---- */

/* The definition of one step that runs the action on its input (JSON is YAML). Its name is made of
 * letters, digits and hyphens, as the specification wants it. */
static enum err call_definition(const char *agent, const char *action, struct buf *out,
                                struct error *err)
{
    char name[2 * LIMIT_NAME_BYTES + 16];
    if (!text_is_token(agent) || !text_is_token(action)) {
        return error_set(err, ERR_INVALID,
                         "agents and actions are 1 to 64 characters of A-Z a-z 0-9 _ -");
    }
    (void)snprintf(name, sizeof(name), "call-%s-%s", agent, action);
    for (char *c = name; *c != '\0'; c++) {
        *c = *c == '_' ? '-' : (*c >= 'A' && *c <= 'Z') ? (char)(*c - 'A' + 'a') : *c;
    }
    json_t *document = json_pack("{s:s, s:s, s:s, s:s}", "dsl", "1.0.3", "namespace", "mainstay",
                                 "name", name, "version", CALL_VERSION);
    json_t *call = json_pack("{s:s, s:{s:s, s:s, s:s}}", "call", "agent", "with", "agent", agent,
                             "action", action, "input", "${ . }");
    /* Whoever calls by hand corrects the input by calling again: a wrong one is an error, not a
     * gate that stays behind. */
    json_t *error = json_pack("{s:s, s:i, s:s, s:s}", "type", VALIDATION_TYPE, "status", 400,
                              "title", "${ $error.title // \"the input is wrong\" }", "detail",
                              "${ $error.detail // \"\" }");
    json_t *value =
        json_pack("{s:o, s:[{s:{s:[{s:o}], s:{s:{s:{s:s}}, s:[{s:{s:{s:o}}}]}}}]}", "document",
                  document, "do", "call", "try", "call", call, "catch", "errors", "with", "type",
                  VALIDATION_TYPE, "do", "refuse", "raise", "error", error);
    if (value == NULL) {
        return error_set(err, ERR_NOMEM, "out of memory");
    }
    json_write(value, out);
    json_decref(value);
    return out->failed ? error_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

/* A call is made by somebody who waits, so an action that nobody offers is refused rather than kept
 * until an agent with it appears. */
static enum err call_possible(const struct cli *cli, const json_t *deployed, struct error *err)
{
    const char *agent = cli->args->operands[0];
    const char *action = cli->args->operands[1];
    size_t index = 0;
    const json_t *missing = NULL;
    json_array_foreach(json_array_of(deployed, "missing"), index, missing)
    {
        if (text_equal(json_text_of(missing, "agent"), agent) &&
            text_equal(json_text_of(missing, "action"), action)) {
            return error_set(err, ERR_NOT_FOUND, "no agent '%s' offers an action '%s'", agent,
                             action);
        }
    }
    return ERR_OK;
}

enum exit_code agents_call_run(struct cli *cli)
{
    struct error err = {0};
    json_t *input = NULL;
    json_t *reply = NULL;
    struct buf text = BUF_INIT(LIMIT_DEFINITION_BYTES);
    if (run_input(cli, &input, &err) != ERR_OK ||
        call_definition(cli->args->operands[0], cli->args->operands[1], &text, &err) != ERR_OK) {
        json_decref(input);
        buf_release(&text);
        return cli_usage(err.message, NULL);
    }
    json_t *body = json_pack("{s:s, s:s}", "text", text.data, "file", "agents call");
    buf_release(&text);
    enum err code = cli_order(cli, "deploy", body, &reply, &err);
    code = code == ERR_OK ? call_possible(cli, reply, &err) : code;
    const char *definition = json_text_of(reply, "definition");
    enum exit_code exit_code = EXIT_DONE;
    if (code != ERR_OK || definition == NULL) {
        json_decref(input);
        error_wrap(&err, "cannot call %s %s", cli->args->operands[0], cli->args->operands[1]);
        exit_code = cli_fail(&err, "mainstay agents ls shows what there is");
    } else {
        exit_code = run_and_wait(cli, definition, input);
    }
    json_decref(reply);
    return exit_code;
}

/* ---- processes of `mainstay up` ---- */

/* A restarted coordinator or bus is back when questions are answered again. Short tries: a question
 * asked before the coordinator is back on the bus is lost. */
static enum err answer_wait(struct cli *cli, int64_t deadline_ns, struct error *err)
{
    enum err code = ERR_OK;
    do {
        json_t *reply = NULL;
        code = cli_ask_within(cli, "status", NULL, false, ANSWER_TRY_MS, &reply, err);
        json_decref(reply);
        if (code == ERR_UNAVAILABLE) {
            struct timespec pause = {.tv_nsec = ANSWER_PAUSE_MS * 1000000L};
            (void)nanosleep(&pause, NULL);
        }
    } while (code == ERR_UNAVAILABLE && clock_monotonic_ns() < deadline_ns);
    return code;
}

static enum exit_code process_order(struct cli *cli, const char *order, const char *done)
{
    struct error err = {0};
    char dir[PATH_BYTES];
    int64_t timeout_ms = 0;
    json_t *answer = NULL;
    const char *name = cli->args->operands[0];
    if (cli_timeout(cli, PROCESS_TIMEOUT_MS, &timeout_ms, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    enum err code = cli_dir(cli, dir, &err);
    if (code == ERR_OK) {
        code = desk_ask(dir, json_pack("{s:s, s:s}", "order", order, "name", name), (int)timeout_ms,
                        &answer, NULL, &err);
    }
    json_decref(answer);
    if (code == ERR_OK && text_equal(order, "restart")) {
        code = answer_wait(cli, clock_deadline_ns(timeout_ms), &err);
    }
    if (code != ERR_OK) {
        error_wrap(&err, "cannot %s '%s'", order, name);
        return cli_fail(&err,
                        code == ERR_UNAVAILABLE
                            ? "only processes of 'mainstay up' on this machine; use systemctl "
                              "for the others"
                            : NULL);
    }
    (void)printf("%s %s\n", name, done);
    return EXIT_DONE;
}

enum exit_code agents_restart_run(struct cli *cli)
{
    return process_order(cli, "restart", "restarted");
}

enum exit_code agents_stop_run(struct cli *cli)
{
    return process_order(cli, "stop", "stopped");
}

enum exit_code agents_lost_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    const char *name = cli->args->operands[0];
    const char *slash = strchr(name, '/');
    json_t *body = json_pack("{s:s}", "store", slash == NULL ? name : slash + 1);
    if (slash != NULL) {
        (void)json_object_set_new(body, "agent", json_stringn(name, (size_t)(slash - name)));
    }
    if (cli_option(cli, OPTION_FORCE) != NULL) {
        (void)json_object_set_new(body, "force", json_true());
    }
    cli_member(cli, body, "reason", OPTION_REASON);
    enum err code = cli_order(cli, "agents.lost", body, &reply, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        (void)printf("%s is lost; what it had is settled by effect class, see the inbox\n", name);
    } else if (code == ERR_OK) {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, "mainstay agents ls shows the stores");
}
