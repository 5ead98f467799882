/* mainstay instances ls, describe. */
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"
#include "tools/mainstay/sheet.h"

enum exit_code instances_ls_run(struct cli *cli)
{
    static const struct column columns[] = {
        {"INSTANCE", "instance", COLUMN_ID}, {"DEFINITION", "definition", COLUMN_TEXT},
        {"STATUS", "status", COLUMN_TEXT},   {"STARTED", "started_at", COLUMN_AGE},
        {"ENDED", "ended_at", COLUMN_AGE},   {"PARENT", "parent", COLUMN_ID},
        {"STEP", "step", COLUMN_TEXT},       {"REASON", "reason", COLUMN_TEXT},
    };
    struct error err = {0};
    json_t *body = NULL;
    json_t *reply = NULL;
    if (cli_list_body(cli, &body, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    cli_member(cli, body, "status", OPTION_STATUS);
    cli_member(cli, body, "definition", OPTION_DEFINITION);
    enum err code = cli_ask(cli, "instances.ls", body, &reply, &err);
    if (code == ERR_OK) {
        output_list(cli, reply, "instances", columns, sizeof(columns) / sizeof(columns[0]),
                    "no instances");
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}

static void instance_print(const json_t *reply)
{
    static const char *const lines[] = {"instance", "definition", "status", "reason",
                                        "trigger",  "parent",     "digest", "started_at",
                                        "ended_at", "deadline"};
    static const char *const values[] = {"input", "context", "output", "error"};
    static const struct column steps[] = {
        {"STEP", "step", COLUMN_TEXT},   {"STATE", "state", COLUMN_TEXT},
        {"AGENT", "agent", COLUMN_TEXT}, {"ACTION", "action", COLUMN_TEXT},
        {"STORE", "store", COLUMN_TEXT}, {"ATTEMPT", "attempt", COLUMN_NUMBER},
        {"SINCE", "since", COLUMN_AGE},  {"DUE", "due", COLUMN_AGE},
    };
    static const struct column effects[] = {
        {"EFFECT", "key", COLUMN_ID},
        {"STEP", "step", COLUMN_TEXT},
        {"AGENT", "agent", COLUMN_TEXT},
        {"ACTION", "action", COLUMN_TEXT},
        {"STATE", "state", COLUMN_TEXT},
        {"ATTEMPTS", "attempts", COLUMN_NUMBER},
        {"UNDONE BY", "undone_by", COLUMN_TEXT},
    };
    static const struct column points[] = {
        {"CHECKPOINT", "step", COLUMN_TEXT},
        {"ENTERED", "at", COLUMN_AGE},
        {"UNDOES FROM HERE", "undoes", COLUMN_TEXT},
        {"LEAVES", "stays", COLUMN_TEXT},
        {"AGAIN", "again", COLUMN_TEXT},
    };
    static const struct column children[] = {
        {"CHILD", "instance", COLUMN_ID},
        {"DEFINITION", "definition", COLUMN_TEXT},
        {"STATUS", "status", COLUMN_TEXT},
        {"STEP", "step", COLUMN_TEXT},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        sheet_line(reply, lines[i]);
    }
    sheet_line(reply, "gates");
    sheet_table(reply, "steps", steps, sizeof(steps) / sizeof(steps[0]));
    sheet_table(reply, "checkpoints", points, sizeof(points) / sizeof(points[0]));
    sheet_table(reply, "children", children, sizeof(children) / sizeof(children[0]));
    sheet_table(reply, "effects", effects, sizeof(effects) / sizeof(effects[0]));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        sheet_value(reply, values[i]);
    }
}

enum exit_code instances_describe_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    bool points = cli_option(cli, OPTION_CHECKPOINTS) != NULL;
    json_t *body = json_pack("{s:s}", "instance", cli->args->operands[0]);
    if (points) {
        (void)json_object_set_new(body, "checkpoints", json_true());
    }
    enum err code = cli_ask(cli, "instances.describe", body, &reply, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        instance_print(reply);
        if (points && json_array_size(json_object_get(reply, "checkpoints")) == 0) {
            (void)printf("no checkpoints\n");
        }
    } else if (code == ERR_OK) {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, "mainstay instances ls shows the instances");
}
