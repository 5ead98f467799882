/* mainstay locks ls. */
#include "common/base/check.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum exit_code locks_ls_run(struct cli *cli)
{
    static const struct column columns[] = {
        {"ENTITY", "entity", COLUMN_TEXT},   {"STATE", "state", COLUMN_TEXT},
        {"SINCE", "since", COLUMN_AGE},      {"UNTIL", "until", COLUMN_TEXT},
        {"BEFORE", "before", COLUMN_NUMBER}, {"INSTANCE", "instance", COLUMN_ID},
        {"STEP", "step", COLUMN_TEXT},
    };
    struct error err = {0};
    json_t *body = NULL;
    json_t *reply = NULL;
    if (cli_list_body(cli, &body, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    if (cli->args->operand_count > 0) {
        CHECK(json_object_set_new(body, "entity", json_string(cli->args->operands[0])) == 0);
    }
    enum err code = cli_ask(cli, "locks.ls", body, &reply, &err);
    if (code == ERR_OK) {
        output_list(cli, reply, "locks", columns, sizeof(columns) / sizeof(columns[0]),
                    "no entity is locked");
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}
