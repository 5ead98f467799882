/* mainstay budgets ls. */
#include "common/base/check.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum exit_code budgets_ls_run(struct cli *cli)
{
    static const struct column columns[] = {
        {"ACCOUNT", "account", COLUMN_TEXT}, {"PER", "per", COLUMN_TEXT},
        {"CAP", "cap", COLUMN_TEXT},         {"ALLOWED", "allowed", COLUMN_TEXT},
        {"SPENT", "spent", COLUMN_TEXT},     {"RESERVED", "reserved", COLUMN_TEXT},
        {"LEFT", "left", COLUMN_TEXT},       {"WAITING", "waiting", COLUMN_NUMBER},
    };
    struct error err = {0};
    json_t *body = NULL;
    json_t *reply = NULL;
    if (cli_list_body(cli, &body, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    if (cli->args->operand_count > 0) {
        CHECK(json_object_set_new(body, "account", json_string(cli->args->operands[0])) == 0);
    }
    enum err code = cli_ask(cli, "budgets.ls", body, &reply, &err);
    if (code == ERR_OK) {
        output_list(cli, reply, "budgets", columns, sizeof(columns) / sizeof(columns[0]),
                    "nothing has a cap");
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}
