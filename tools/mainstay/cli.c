#include "tools/mainstay/cli.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/control.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum { HELP_BYTES = 256 * 1024, LIST_LIMIT_MAX = 1000 };

enum exit_code cli_exit_of(enum err code)
{
    if (code == ERR_TIMEOUT) {
        return EXIT_TIMEOUT;
    }
    return code == ERR_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_FAILED;
}

static void complain(const char *message, const char *hint)
{
    (void)fflush(stdout);
    (void)fputs("mainstay: ", stderr);
    output_safe(stderr, message);
    (void)fputc('\n', stderr);
    if (hint != NULL && hint[0] != '\0') {
        (void)fputs("  hint: ", stderr);
        output_safe(stderr, hint);
        (void)fputc('\n', stderr);
    }
}

/* Whether the reader of the output has gone. A flush that failed on the way has cleared the words
 * of a long output, so that the last one finds nothing wrong: the pipe itself is asked too. */
static bool output_unread(void)
{
    struct pollfd pipe = {.fd = STDOUT_FILENO, .events = POLLOUT};
    errno = 0;
    if (fflush(stdout) != 0 && errno == EPIPE) {
        return true;
    }
    return ferror(stdout) != 0 && poll(&pipe, 1, 0) == 1 && (pipe.revents & POLLERR) != 0;
}

enum exit_code cli_fail(const struct error *err, const char *hint)
{
    complain(err->message, hint);
    return cli_exit_of(err->code);
}

enum exit_code cli_usage(const char *problem, const char *hint)
{
    complain(problem, hint);
    return EXIT_USAGE;
}

const char *cli_option(const struct cli *cli, enum option_id id)
{
    return invocation_get(cli->args, id);
}

/* Fill what the context leaves open or the user says otherwise. */
static enum err value_override(const struct cli *cli, enum option_id id, const char *variable,
                               char *out, size_t size, struct error *err)
{
    const char *text = cli_option(cli, id);
    text = text != NULL ? text : getenv(variable);
    if (text != NULL && text[0] != '\0' && !text_copy(out, size, text)) {
        return error_set(err, ERR_LIMIT, "'%s' is too long", text);
    }
    return ERR_OK;
}

/* The context that --dir or --context names; a missing default one is empty. */
static enum err context_load(const struct cli *cli, struct context *ret_context, struct error *err)
{
    char path[PATH_BYTES];
    const char *dir = cli_option(cli, OPTION_DIR);
    const char *name = cli_option(cli, OPTION_CONTEXT);
    name = name != NULL ? name : getenv("MAINSTAY_CONTEXT");
    *ret_context = (struct context){0};
    if (dir != NULL) {
        TRY(path_absolute(dir, ret_context->dir, err));
        TRY(path_join(ret_context->dir, "context.json", path, err));
        if (!path_exists(path)) {
            return error_set(err, ERR_UNAVAILABLE, "there is no company in '%s'", ret_context->dir);
        }
        return context_read(path, ret_context, err);
    }
    TRY(context_path(name != NULL ? name : CONTEXT_DEFAULT, path, err));
    if (name == NULL && !path_exists(path)) {
        return ERR_OK;
    }
    return context_read(path, ret_context, err);
}

static enum err connect_once(struct cli *cli, struct error *err)
{
    struct context context;
    if (cli->control != NULL) {
        return ERR_OK;
    }
    if (cli_option(cli, OPTION_BUS) == NULL || cli_option(cli, OPTION_CREDS) == NULL) {
        TRY(context_load(cli, &context, err));
    } else {
        context = (struct context){0};
    }
    TRY(value_override(cli, OPTION_BUS, "MAINSTAY_BUS", context.bus, sizeof(context.bus), err));
    TRY(value_override(cli, OPTION_CREDS, "MAINSTAY_CREDS", context.creds, sizeof(context.creds),
                       err));
    TRY(value_override(cli, OPTION_CA, "MAINSTAY_CA", context.ca, sizeof(context.ca), err));
    if (context.bus[0] == '\0') {
        return error_set(err, ERR_UNAVAILABLE,
                         "no company is known: start one with 'mainstay up', or name it with --bus "
                         "and --creds");
    }
    return control_open(&context, &cli->control, err);
}

enum err cli_ask_within(struct cli *cli, const char *verb, json_t *body, bool order,
                        unsigned timeout_ms, json_t **ret_reply, struct error *err)
{
    *ret_reply = NULL;
    enum err code = connect_once(cli, err);
    if (code != ERR_OK) {
        json_decref(body);
        return code;
    }
    struct control_question question = {
        .verb = verb, .body = body, .order = order, .timeout_ms = timeout_ms};
    return control_ask(cli->control, &question, ret_reply, err);
}

enum err cli_ask(struct cli *cli, const char *verb, json_t *body, json_t **ret_reply,
                 struct error *err)
{
    return cli_ask_within(cli, verb, body, false, CLI_ASK_MS, ret_reply, err);
}

enum err cli_order(struct cli *cli, const char *verb, json_t *body, json_t **ret_reply,
                   struct error *err)
{
    return cli_ask_within(cli, verb, body, true, CLI_ASK_MS, ret_reply, err);
}

enum err cli_dir(const struct cli *cli, char *out, struct error *err)
{
    struct context context;
    const char *dir = cli_option(cli, OPTION_DIR);
    if (dir != NULL) {
        return context_dir(dir, out, err);
    }
    if (context_load(cli, &context, NULL) == ERR_OK && context.dir[0] != '\0') {
        (void)text_copy(out, PATH_BYTES, context.dir);
        return ERR_OK;
    }
    return context_dir(NULL, out, err);
}

bool duration_parse(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const int64_t most_ms = INT64_C(365) * 24 * 3600000;
    char digits[16];
    size_t size = strspn(text, "0123456789");
    int64_t number = 0;
    if (size == 0 || size >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, text, size);
    digits[size] = '\0';
    if (!text_to_i64(digits, &number)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + size, units[i].unit) == 0 && number <= most_ms / units[i].ms) {
            *ret_ms = number * units[i].ms;
            return true;
        }
    }
    return false;
}

enum err cli_timeout(const struct cli *cli, int64_t fallback_ms, int64_t *ret_ms, struct error *err)
{
    const char *text = cli_option(cli, OPTION_TIMEOUT);
    *ret_ms = fallback_ms;
    if (text != NULL && !duration_parse(text, ret_ms)) {
        return error_set(err, ERR_INVALID,
                         "'--timeout %s' is not a duration such as 500ms, 30s, 5m or 1h", text);
    }
    return ERR_OK;
}

enum err cli_json(const char *text, const char *what, json_t **ret_value, struct error *err)
{
    struct buf bytes = BUF_INIT(CLI_VALUE_BYTES);
    enum err code = ERR_OK;
    *ret_value = NULL;
    if (text[0] == '@') {
        code = file_read(text + 1, &bytes, err);
    } else {
        buf_append_str(&bytes, text);
        code = bytes.failed ? error_set(err, ERR_LIMIT, "larger than %d bytes", CLI_VALUE_BYTES)
                            : ERR_OK;
    }
    if (code == ERR_OK) {
        code = json_parse(bytes.data != NULL ? bytes.data : "", bytes.size, NULL, ret_value, err);
        if (code != ERR_OK) {
            error_wrap(err, "%s is not JSON", what);
        }
    }
    buf_release(&bytes);
    return code;
}

void cli_member(const struct cli *cli, json_t *body, const char *key, enum option_id id)
{
    const char *text = cli_option(cli, id);
    if (text != NULL) {
        (void)json_object_set_new(body, key, json_string(text));
    }
}

enum err cli_list_body(const struct cli *cli, json_t **ret_body, struct error *err)
{
    const char *limit = cli_option(cli, OPTION_LIMIT);
    int64_t rows = 100;
    *ret_body = NULL;
    if (limit != NULL && (!text_to_i64(limit, &rows) || rows < 1 || rows > LIST_LIMIT_MAX)) {
        return error_set(err, ERR_INVALID, "'--limit %s' is not a number from 1 to %d", limit,
                         LIST_LIMIT_MAX);
    }
    json_t *body = json_pack("{s:I}", "limit", (json_int_t)rows);
    if (body == NULL) {
        return error_set(err, ERR_NOMEM, "out of memory");
    }
    cli_member(cli, body, "after", OPTION_AFTER);
    *ret_body = body;
    return ERR_OK;
}

/* ---- main ---- */

static enum exit_code show_help(const struct invocation *args)
{
    struct buf text = BUF_INIT(HELP_BYTES);
    if (args->command != NULL) {
        help_command(args->command, &text);
    } else if (args->noun != NULL) {
        help_noun(args->noun, &text);
    } else {
        help_all(&text);
    }
    (void)fputs(text.failed ? "" : text.data, stdout);
    buf_release(&text);
    return EXIT_DONE;
}

static enum output_format format_of(const struct invocation *args)
{
    const char *text = invocation_get(args, OPTION_OUTPUT);
    if (text_equal(text, "json")) {
        return OUTPUT_JSON;
    }
    return text_equal(text, "jsonl") ? OUTPUT_JSONL : OUTPUT_TEXT;
}

static enum exit_code run_command(const struct invocation *args)
{
    struct cli cli = {.args = args, .format = format_of(args)};
    const char *form = invocation_get(args, OPTION_OUTPUT);
    if ((text_equal(form, "dot") || text_equal(form, "svg")) && args->command->run != graph_run) {
        return cli_usage("dot and svg are forms of a graph: mainstay graph FILE", NULL);
    }
    enum exit_code exit_code = args->command->run(&cli);
    control_close(&cli.control);
    return exit_code;
}

/* `mainstay help [WORDS]` is `mainstay [WORDS] --help`. */
static int help_rewrite(int argc, char **argv)
{
    static char option[] = "--help";
    if (argc < 2 || strcmp(argv[1], "help") != 0) {
        return argc;
    }
    memmove(argv + 1, argv + 2, (size_t)(argc - 2) * sizeof(*argv));
    argv[argc - 1] = option;
    return argc;
}

enum exit_code cli_main(int argc, char **argv)
{
    struct invocation args;
    enum exit_code exit_code = EXIT_DONE;
    (void)setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    }
    switch (command_parse(help_rewrite(argc, argv), argv, &args)) {
    case PARSE_HELP:
        exit_code = show_help(&args);
        break;
    case PARSE_VERSION:
        (void)printf("mainstay %s\n", MAINSTAY_VERSION);
        break;
    case PARSE_WRONG:
        exit_code = cli_usage(args.problem, args.hint);
        break;
    case PARSE_RUN:
        exit_code = run_command(&args);
        break;
    }
    invocation_release(&args);
    bool unread = output_unread(); /* `mainstay ... | head`: nobody minds */
    if (!unread && ferror(stdout) != 0 && exit_code == EXIT_DONE) {
        complain("cannot write the output", NULL);
        exit_code = EXIT_FAILED;
    }
    return exit_code;
}
