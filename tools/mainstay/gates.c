/* mainstay gates ls, describe, approve, reject, edit, yes, no. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"
#include "tools/mainstay/sheet.h"

enum exit_code gates_ls_run(struct cli *cli)
{
    static const struct column columns[] = {
        {"GATE", "gate", COLUMN_ID},         {"KIND", "kind", COLUMN_TEXT},
        {"OPENED", "opened_at", COLUMN_AGE}, {"EXPIRES", "expires_at", COLUMN_AGE},
        {"INSTANCE", "instance", COLUMN_ID}, {"STEP", "step", COLUMN_TEXT},
        {"TITLE", "title", COLUMN_TEXT},
    };
    struct error err = {0};
    json_t *body = NULL;
    json_t *reply = NULL;
    if (cli_list_body(cli, &body, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    enum err code = cli_ask(cli, "gates.ls", body, &reply, &err);
    if (code == ERR_OK) {
        output_list(cli, reply, "gates", columns, sizeof(columns) / sizeof(columns[0]),
                    "nothing waits for you");
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}

static void gate_print(const json_t *gate)
{
    static const char *const lines[] = {
        "gate",      "kind",      "title",      "instance",     "definition", "step",
        "rationale", "opened_at", "expires_at", "revision",     "digest",     "pointer",
        "deadline",  "onTimeout", "escalated",  "agent",        "action",     "host",
        "version",   "account",   "probing",    "waiting_count"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        sheet_line(gate, lines[i]);
    }
    sheet_value(gate, "assignees");
    sheet_value(gate, "failure");
    sheet_value(gate, "input");
    sheet_value(gate, "proposal");
    sheet_value(gate, "form");
    sheet_value(gate, "correction");
    sheet_value(gate, "waiting");
    const char *id = json_text_of(gate, "gate");
    bool doubt = text_equal(json_text_of(gate, "kind"), "in-doubt");
    bool budget = text_equal(json_text_of(gate, "kind"), "budget");
    if (doubt) {
        (void)printf("\nDid it happen? Look outside, then:\n");
    }
    (void)printf("%smainstay gates %s %s\n", doubt ? "" : "\n",
                 doubt                                      ? "yes --value OUTPUT|no|reject"
                 : budget                                   ? "approve [--value AMOUNT]|reject"
                 : json_object_get(gate, "probing") != NULL ? "approve"
                                                            : "approve|reject|edit",
                 id != NULL ? id : "");
}

static enum err gate_ask(struct cli *cli, json_t **ret_gate, struct error *err)
{
    json_t *body = json_pack("{s:s}", "gate", cli->args->operands[0]);
    return cli_ask(cli, "gates.describe", body, ret_gate, err);
}

enum exit_code gates_describe_run(struct cli *cli)
{
    struct error err = {0};
    json_t *gate = NULL;
    enum err code = gate_ask(cli, &gate, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        gate_print(gate);
    } else if (code == ERR_OK) {
        output_json(cli, stdout, gate);
    }
    json_decref(gate);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, "mainstay gates ls shows what is open");
}

/* Give a verdict on exactly what `gate` shows; `value` (reference taken) may be NULL. */
static enum exit_code verdict_give(struct cli *cli, const json_t *gate, const char *verdict,
                                   json_t *value)
{
    struct error err = {0};
    json_t *reply = NULL;
    json_t *body = json_pack("{s:O?, s:s, s:O?, s:O?}", "gate", json_object_get(gate, "gate"),
                             "verdict", verdict, "revision", json_object_get(gate, "revision"),
                             "digest", json_object_get(gate, "digest"));
    cli_member(cli, body, "reason", OPTION_REASON);
    if (value != NULL) {
        (void)json_object_set_new(body, "value", value);
    }
    enum err code = cli_order(cli, "gates.verdict", body, &reply, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        const char *instance = json_text_of(reply, "instance");
        const char *status = json_text_of(reply, "status");
        if (instance == NULL) {
            (void)printf("%s: noted\n", verdict);
        } else {
            (void)printf("%s: instance %s is %s\n", verdict, instance,
                         status != NULL ? status : "");
        }
    } else if (code == ERR_OK) {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE
                          : cli_fail(&err, code == ERR_CONFLICT ? "it changed: look again" : NULL);
}

/* `value` (reference taken) may be NULL. */
static enum exit_code verdict_with(struct cli *cli, const char *verdict, json_t *value)
{
    struct error err = {0};
    json_t *gate = NULL;
    enum exit_code exit_code = EXIT_DONE;
    if (gate_ask(cli, &gate, &err) != ERR_OK) {
        json_decref(value);
        exit_code = cli_fail(&err, "mainstay gates ls shows what is open");
    } else {
        exit_code = verdict_give(cli, gate, verdict, value);
    }
    json_decref(gate);
    return exit_code;
}

static enum exit_code verdict_plain(struct cli *cli, const char *verdict)
{
    return verdict_with(cli, verdict, NULL);
}

enum exit_code gates_approve_run(struct cli *cli)
{
    const char *amount = cli_option(cli, OPTION_VALUE);
    return verdict_with(cli, "approve", amount == NULL ? NULL : json_string(amount));
}

enum exit_code gates_reject_run(struct cli *cli)
{
    return verdict_plain(cli, "reject");
}

enum exit_code gates_no_run(struct cli *cli)
{
    return verdict_plain(cli, "no");
}

enum exit_code gates_yes_run(struct cli *cli)
{
    struct error err = {0};
    json_t *gate = NULL;
    json_t *value = NULL;
    const char *given = cli_option(cli, OPTION_VALUE);
    if (given == NULL) {
        return verdict_plain(cli, "yes"); /* a compensation that was done by hand gives nothing */
    }
    enum err code = cli_json(given, "--value", &value, &err);
    if (code == ERR_OK) {
        code = gate_ask(cli, &gate, &err);
    }
    enum exit_code exit_code = EXIT_DONE;
    if (code == ERR_OK) {
        exit_code = verdict_give(cli, gate, "yes", value);
    } else {
        json_decref(value);
        exit_code = cli_fail(&err, NULL);
    }
    json_decref(gate);
    return exit_code;
}

/* ---- edit ---- */

/* Run the user's editor on a file: $VISUAL, $EDITOR, else sensible-editor or vi. */
static enum err editor_run(const char *path, struct error *err)
{
    const char *editor = getenv("VISUAL");
    editor = editor != NULL && editor[0] != '\0' ? editor : getenv("EDITOR");
    editor = editor != NULL && editor[0] != '\0' ? editor : "sensible-editor";
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        /* Through the shell, because $EDITOR may hold options; the path is an argument, not text.
         */
        (void)execl("/bin/sh", "sh", "-c", "eval \"exec $1\" '\"$2\"'", "sh", editor, path,
                    (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return error_set(err, ERR_IO, "the editor '%s' failed; nothing was changed", editor);
    }
    return ERR_OK;
}

/* Let the user edit `start` as JSON. ERR_INVALID when the result is no JSON or nothing changed. */
static enum err value_edit(const json_t *start, json_t **ret_value, struct error *err)
{
    char path[] = "/tmp/mainstay-gate-XXXXXX.json";
    struct buf text = BUF_INIT(CLI_VALUE_BYTES);
    json_write_pretty(start, &text);
    buf_append_byte(&text, '\n');
    int fd = mkstemps(path, (int)strlen(".json"));
    if (fd < 0) {
        buf_release(&text);
        return error_set(err, ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    (void)close(fd);
    enum err code = text.failed ? error_set(err, ERR_LIMIT, "the input is too large to edit")
                                : file_write(path, text.data, text.size, 0600, err);
    if (code == ERR_OK) {
        code = editor_run(path, err);
    }
    buf_clear(&text);
    if (code == ERR_OK) {
        code = file_read(path, &text, err);
    }
    if (code == ERR_OK) {
        code = json_parse(text.data != NULL ? text.data : "", text.size, NULL, ret_value, err);
    }
    (void)unlink(path);
    buf_release(&text);
    return code;
}

enum exit_code gates_edit_run(struct cli *cli)
{
    struct error err = {0};
    json_t *gate = NULL;
    json_t *value = NULL;
    const char *given = cli_option(cli, OPTION_VALUE);
    enum err code = gate_ask(cli, &gate, &err);
    if (code == ERR_OK && given != NULL) {
        code = cli_json(given, "--value", &value, &err);
    } else if (code == ERR_OK) {
        const json_t *start = json_object_get(gate, "correction");
        bool approval = text_equal(json_text_of(gate, "kind"), "approval");
        const json_t *before = json_object_get(gate, approval ? "proposal" : "input");
        start = start != NULL && !json_is_null(start) ? start : before;
        json_t *empty = json_object();
        code = value_edit(start != NULL ? start : empty, &value, &err);
        json_decref(empty);
        if (code == ERR_OK && json_same(value, before)) {
            code = error_set(&err, ERR_INVALID, "the value is as it was: nothing was sent");
        }
    }
    enum exit_code exit_code = EXIT_DONE;
    if (code == ERR_OK) {
        exit_code = verdict_give(cli, gate, "edit", value);
    } else {
        json_decref(value);
        exit_code = cli_fail(&err, NULL);
    }
    json_decref(gate);
    return exit_code;
}
