/* mainstay instances migrate. */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum { PAGE = 200 };

struct mover {
    struct cli *cli;
    const char *to;
    bool plan;
    json_t *rows; /* all of them */
    size_t moving;
};

static json_t *page_body(const struct mover *mover, const json_t *instances, const char *definition,
                         const char *after)
{
    json_t *body =
        json_pack("{s:s, s:b, s:i}", "to", mover->to, "plan", mover->plan, "limit", PAGE);
    if (instances != NULL) {
        (void)json_object_set(body, "instances", json_mutable(instances));
    } else {
        (void)json_object_set_new(body, "definition", json_string(definition));
        cli_member(mover->cli, body, "status", OPTION_STATUS);
    }
    if (after != NULL) {
        (void)json_object_set_new(body, "after", json_string(after));
    }
    cli_member(mover->cli, body, "reason", OPTION_REASON);
    return body;
}

static void page_take(struct mover *mover, const json_t *reply)
{
    size_t at = 0;
    json_t *row = NULL;
    json_array_foreach(json_array_of(reply, "instances"), at, row)
    {
        mover->moving += json_bool_of(row, "moves", false) ? 1 : 0;
        (void)json_array_append(mover->rows, row);
        if (mover->cli->format == OUTPUT_JSONL) {
            output_json(mover->cli, stdout, row);
        }
    }
}

/* Page after page: each is a turn of the coordinator's own. */
static enum err move_all(struct mover *mover, const json_t *instances, const char *definition,
                         struct error *err)
{
    char after[128] = "";
    for (;;) {
        json_t *reply = NULL;
        json_t *body = page_body(mover, instances, definition, after[0] == '\0' ? NULL : after);
        enum err code = cli_order(mover->cli, "instances.migrate", body, &reply, err);
        if (code != ERR_OK) {
            json_decref(reply);
            return code;
        }
        page_take(mover, reply);
        const char *next = json_text_of(reply, "next");
        bool more = next != NULL && text_copy(after, sizeof(after), next);
        json_decref(reply);
        if (!more) {
            return ERR_OK;
        }
    }
}

static void mover_print(const struct mover *mover)
{
    static const struct column columns[] = {
        {"INSTANCE", "instance", COLUMN_ID}, {"FROM", "definition", COLUMN_TEXT},
        {"STATUS", "status", COLUMN_TEXT},   {"STEP", "step", COLUMN_TEXT},
        {"MOVES", "moves", COLUMN_TEXT},     {"WHY NOT", "why", COLUMN_TEXT},
        {"PASSED", "passed", COLUMN_TEXT},
    };
    size_t all = json_array_size(mover->rows);
    if (mover->cli->format == OUTPUT_JSON) {
        json_t *whole =
            json_pack("{s:s, s:b, s:I, s:I, s:O}", "to", mover->to, "plan", mover->plan,
                      mover->plan ? "can_move" : "moved", (json_int_t)mover->moving, "stay",
                      (json_int_t)(all - mover->moving), "instances", mover->rows);
        output_json(mover->cli, stdout, whole);
        json_decref(whole);
    } else if (mover->cli->format == OUTPUT_TEXT) {
        if (all > 0) {
            output_table(stdout, mover->rows, columns, sizeof(columns) / sizeof(columns[0]));
        }
        (void)printf("%zu %s to %s, %zu stay%s\n", mover->moving,
                     mover->plan ? "can move" : "moved", mover->to, all - mover->moving,
                     all - mover->moving == 1 ? "s" : "");
    }
}

/* Operands are instances, or one definition, which has a slash. */
static enum err operands_read(struct cli *cli, json_t **ret_instances, const char **ret_definition,
                              struct error *err)
{
    *ret_instances = NULL;
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
    *ret_instances = json_array();
    for (size_t i = 0; i < cli->args->operand_count; i++) {
        (void)json_array_append_new(*ret_instances, json_string(cli->args->operands[i]));
    }
    return ERR_OK;
}

enum exit_code instances_migrate_run(struct cli *cli)
{
    struct error err = {0};
    json_t *instances = NULL;
    const char *definition = NULL;
    if (operands_read(cli, &instances, &definition, &err) != ERR_OK) {
        json_decref(instances);
        return cli_usage(err.message, NULL);
    }
    const char *to = cli_option(cli, OPTION_TO);
    const char *colon = strrchr(to, ':'); /* a whole name says more than is needed */
    struct mover mover = {.cli = cli,
                          .to = colon != NULL ? colon + 1 : to,
                          .plan = cli_option(cli, OPTION_PLAN) != NULL,
                          .rows = json_array()};
    enum err code = move_all(&mover, instances, definition, &err);
    if (code == ERR_OK || json_array_size(mover.rows) > 0) {
        mover_print(&mover); /* what was moved before something failed */
    }
    bool all = mover.moving == json_array_size(mover.rows);
    json_decref(instances);
    json_decref(mover.rows);
    if (code != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    return all ? EXIT_DONE : EXIT_FAILED;
}
