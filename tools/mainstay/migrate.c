/* mainstay instances migrate. */
#include <stdio.h>
#include <string.h>

#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"
#include "tools/mainstay/pages.h"

struct mover {
    struct cli *cli;
    const char *to;
    bool plan;
    struct pages pages;
};

static json_t *mover_body(const struct mover *mover, const char *definition)
{
    json_t *body = json_pack("{s:s, s:b}", "to", mover->to, "plan", mover->plan);
    if (definition != NULL) {
        (void)json_object_set_new(body, "definition", json_string(definition));
        cli_member(mover->cli, body, "status", OPTION_STATUS);
    }
    cli_member(mover->cli, body, "reason", OPTION_REASON);
    return body;
}

static void mover_print(const struct mover *mover)
{
    static const struct column columns[] = {
        {"INSTANCE", "instance", COLUMN_ID}, {"FROM", "definition", COLUMN_TEXT},
        {"STATUS", "status", COLUMN_TEXT},   {"STEP", "step", COLUMN_TEXT},
        {"MOVES", "moves", COLUMN_TEXT},     {"WHY NOT", "why", COLUMN_TEXT},
        {"PASSED", "passed", COLUMN_TEXT},
    };
    const json_t *rows = mover->pages.rows;
    size_t all = json_array_size(rows);
    size_t moving = mover->pages.count;
    if (mover->cli->format == OUTPUT_JSON) {
        json_t *whole = json_pack("{s:s, s:b, s:I, s:I, s:O}", "to", mover->to, "plan", mover->plan,
                                  mover->plan ? "can_move" : "moved", (json_int_t)moving, "stay",
                                  (json_int_t)(all - moving), "instances", rows);
        output_json(mover->cli, stdout, whole);
        json_decref(whole);
    } else if (mover->cli->format == OUTPUT_TEXT) {
        if (all > 0) {
            output_table(stdout, rows, columns, sizeof(columns) / sizeof(columns[0]));
        }
        (void)printf("%zu %s to %s, %zu stay%s\n", moving, mover->plan ? "can move" : "moved",
                     mover->to, all - moving, all - moving == 1 ? "s" : "");
    }
}

/* Operands are instances, or one definition, which has a slash. */
static enum err operands_read(struct cli *cli, const char **ret_definition, struct error *err)
{
    *ret_definition = NULL;
    if (cli_option(cli, OPTION_TO) == NULL) {
        return error_set(err, ERR_INVALID, "say which version to move to: --to VERSION");
    }
    if (strchr(cli->args->operands[0], '/') != NULL) {
        *ret_definition = cli->args->operands[0];
        return cli->args->operand_count == 1
                   ? ERR_OK
                   : error_set(err, ERR_INVALID, "give one definition, or instances");
    }
    if (cli_option(cli, OPTION_STATUS) != NULL) {
        return error_set(err, ERR_INVALID, "--status goes with a definition only");
    }
    return ERR_OK;
}

enum exit_code instances_migrate_run(struct cli *cli)
{
    struct error err = {0};
    const char *definition = NULL;
    if (operands_read(cli, &definition, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    const char *to = cli_option(cli, OPTION_TO);
    const char *colon = strrchr(to, ':'); /* a whole name says more than is needed */
    struct mover mover = {
        .cli = cli,
        .to = colon != NULL ? colon + 1 : to,
        .plan = cli_option(cli, OPTION_PLAN) != NULL,
        .pages = {
            .cli = cli, .verb = "instances.migrate", .marker = "moves", .rows = json_array()}};
    enum err code =
        pages_ask(&mover.pages, mover_body(&mover, definition), definition == NULL, &err);
    size_t all = json_array_size(mover.pages.rows);
    if (code == ERR_OK || all > 0) {
        mover_print(&mover); /* what was moved before something failed */
    }
    json_decref(mover.pages.rows);
    if (code != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    return mover.pages.count == all ? EXIT_DONE : EXIT_FAILED;
}
