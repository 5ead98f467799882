/* mainstay instances cancel, kill, pause, resume, retry, restart, rewind, fork: of named ones, or
 * --all of a query. */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "tools/mainstay/agree.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"
#include "tools/mainstay/pages.h"

enum { VERB_BYTES = 64 };

struct operation {
    struct cli *cli;
    char verb[VERB_BYTES];
    const char *done; /* what became of those it was done to */
    bool plan;
    int64_t older_ms;
    struct pages pages;
};

static const char *done_word(const char *verb)
{
    static const char *const words[][2] = {{"cancel", "cancelled"}, {"kill", "killed"},
                                           {"pause", "paused"},     {"resume", "resumed"},
                                           {"retry", "retried"},    {"restart", "restarted"},
                                           {"rewind", "rewound"},   {"fork", "forked"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i][0], verb) == 0) {
            return words[i][1];
        }
    }
    return verb;
}

static json_t *operation_body(const struct operation *operation, bool plan)
{
    json_t *body = json_pack("{s:b}", "plan", plan);
    if (operation->cli->args->operand_count == 0) {
        (void)json_object_set_new(body, "all", json_true());
        cli_member(operation->cli, body, "definition", OPTION_DEFINITION);
        cli_member(operation->cli, body, "status", OPTION_STATUS);
    }
    if (operation->older_ms > 0) {
        (void)json_object_set_new(body, "older_than_ms", json_integer(operation->older_ms));
    }
    cli_member(operation->cli, body, "reason", OPTION_REASON);
    cli_member(operation->cli, body, "to", OPTION_TO);
    cli_member(operation->cli, body, "from", OPTION_FROM);
    if (cli_option(operation->cli, OPTION_FORCE) != NULL) {
        (void)json_object_set_new(body, "force", json_true());
    }
    return body;
}

static void lines_print(const struct operation *operation)
{
    size_t at = 0;
    json_t *row = NULL;
    json_array_foreach(operation->pages.rows, at, row)
    {
        const char *instance = json_text_of(row, "instance");
        const char *status = json_text_of(row, "status");
        const char *why = json_text_of(row, "why");
        const char *made = json_text_of(row, "made");
        if (why == NULL) {
            (void)printf("%s %s\n", made != NULL ? made : instance,
                         made != NULL || status == NULL ? operation->done : status);
        } else {
            (void)fprintf(stderr, "mainstay: cannot %s %s: it %s\n",
                          operation->cli->args->command->verb, instance, why);
        }
    }
}

static void operation_print(const struct operation *operation)
{
    static const struct column columns[] = {
        {"INSTANCE", "instance", COLUMN_ID}, {"DEFINITION", "definition", COLUMN_TEXT},
        {"STATUS", "status", COLUMN_TEXT},   {"STEP", "step", COLUMN_TEXT},
        {"DONE", "done", COLUMN_TEXT},       {"WHY NOT", "why", COLUMN_TEXT},
        {"MADE", "made", COLUMN_ID},
    };
    static const struct column fork_columns[] = {
        {"INSTANCE", "instance", COLUMN_ID}, {"DEFINITION", "definition", COLUMN_TEXT},
        {"STATUS", "status", COLUMN_TEXT},   {"FROM", "from", COLUMN_TEXT},
        {"DONE", "done", COLUMN_TEXT},       {"MADE", "made", COLUMN_ID},
        {"REPEATS", "repeats", COLUMN_TEXT}, {"ANSWERED", "answers", COLUMN_TEXT},
        {"AGAIN", "again", COLUMN_TEXT},     {"MORE", "more", COLUMN_NUMBER},
        {"WHY NOT", "why", COLUMN_TEXT},
    };
    struct cli *cli = operation->cli;
    bool forks = text_equal(cli->args->command->verb, "fork");
    size_t stay = json_array_size(operation->pages.rows) - operation->pages.count;
    if (cli->format == OUTPUT_JSON) {
        json_t *whole = json_pack("{s:b, s:I, s:I, s:O}", "plan", operation->plan, "done",
                                  (json_int_t)operation->pages.count, "stay", (json_int_t)stay,
                                  "instances", operation->pages.rows);
        output_json(cli, stdout, whole);
        json_decref(whole);
    } else if (cli->format == OUTPUT_TEXT && cli->args->operand_count > 0 && !operation->plan) {
        lines_print(operation);
    } else if (cli->format == OUTPUT_TEXT) {
        if (json_array_size(operation->pages.rows) > 0) {
            output_table(stdout, operation->pages.rows, forks ? fork_columns : columns,
                         forks ? sizeof(fork_columns) / sizeof(fork_columns[0])
                               : sizeof(columns) / sizeof(columns[0]));
        }
        (void)printf("%zu %s%s, %zu stay%s as %s\n", operation->pages.count,
                     operation->plan ? "would be " : "", operation->done, stay,
                     stay == 1 ? "s" : "", stay == 1 ? "it is" : "they are");
    }
}

static enum err arguments_read(struct operation *operation, struct error *err)
{
    struct cli *cli = operation->cli;
    bool all = cli_option(cli, OPTION_ALL) != NULL;
    const char *older = cli_option(cli, OPTION_OLDER_THAN);
    bool query = cli_option(cli, OPTION_DEFINITION) != NULL ||
                 cli_option(cli, OPTION_STATUS) != NULL || older != NULL;
    if (all == (cli->args->operand_count > 0)) {
        return error_set(err, ERR_INVALID, "name instances, or give --all for those of a query");
    }
    if (text_equal(cli->args->command->verb, "rewind") && cli_option(cli, OPTION_TO) == NULL) {
        return error_set(err, ERR_INVALID, "say which step to go back to: --to STEP");
    }
    if (text_equal(cli->args->command->verb, "fork") && cli_option(cli, OPTION_FROM) == NULL) {
        return error_set(err, ERR_INVALID, "say which step to begin at: --from STEP");
    }
    if (query && !all) {
        return error_set(err, ERR_INVALID, "--definition, --status and --older-than go with --all");
    }
    if (older != NULL && !duration_parse(older, &operation->older_ms)) {
        return error_set(err, ERR_INVALID,
                         "'--older-than %s' is not a duration such as 30s, 5m, 1h or 2d", older);
    }
    return ERR_OK;
}

/* A fork asks, unless that was agreed to already. */
static enum err operation_agree(struct operation *operation, struct error *err)
{
    struct cli *cli = operation->cli;
    if (!text_equal(cli->args->command->verb, "fork") || operation->plan ||
        cli_option(cli, OPTION_YES) != NULL) {
        return ERR_OK;
    }
    struct pages pages = {.cli = cli,
                          .verb = operation->verb,
                          .marker = "done",
                          .rows = json_array(),
                          .silent = true};
    enum err code =
        pages_ask(&pages, operation_body(operation, true), cli->args->operand_count > 0, err);
    code = code == ERR_OK ? fork_agree(pages.rows, err) : code;
    json_decref(pages.rows);
    return code;
}

enum exit_code instances_operate_run(struct cli *cli)
{
    struct error err = {0};
    struct operation operation = {.cli = cli,
                                  .done = done_word(cli->args->command->verb),
                                  .plan = cli_option(cli, OPTION_DRY_RUN) != NULL};
    if (arguments_read(&operation, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    (void)snprintf(operation.verb, sizeof(operation.verb), "instances.%s",
                   cli->args->command->verb);
    operation.pages =
        (struct pages){.cli = cli, .verb = operation.verb, .marker = "done", .rows = json_array()};
    enum err code = operation_agree(&operation, &err);
    if (code == ERR_OK) {
        code = pages_ask(&operation.pages, operation_body(&operation, operation.plan),
                         cli->args->operand_count > 0, &err);
    }
    size_t all = json_array_size(operation.pages.rows);
    if (code == ERR_OK || all > 0) {
        operation_print(&operation); /* what was done before something failed */
    }
    json_decref(operation.pages.rows);
    if (code != ERR_OK) {
        error_wrap(&err, "cannot %s", cli->args->command->verb);
        return cli_fail(&err, NULL);
    }
    return operation.pages.count == all ? EXIT_DONE : EXIT_FAILED;
}
