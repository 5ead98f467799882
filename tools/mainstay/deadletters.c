/* mainstay deadletters ls, show, replay. */
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"
#include "tools/mainstay/sheet.h"

enum exit_code deadletters_ls_run(struct cli *cli)
{
    static const struct column columns[] = {
        {"ID", "id", COLUMN_TEXT},         {"AT", "at", COLUMN_AGE},
        {"SOURCE", "source", COLUMN_TEXT}, {"SUBJECT", "subject", COLUMN_TEXT},
        {"SIZE", "size", COLUMN_NUMBER},   {"REPLAYED", "replayed", COLUMN_TEXT},
        {"REASON", "reason", COLUMN_TEXT},
    };
    struct error err = {0};
    json_t *body = NULL;
    json_t *reply = NULL;
    if (cli_list_body(cli, &body, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    enum err code = cli_ask(cli, "deadletters.ls", body, &reply, &err);
    if (code == ERR_OK) {
        output_list(cli, reply, "dead_letters", columns, sizeof(columns) / sizeof(columns[0]),
                    "no dead letters");
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}

static void letter_print(const json_t *letter)
{
    static const char *const lines[] = {"id",   "at",     "source", "subject",
                                        "size", "reason", "advice", "replayed"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        sheet_line(letter, lines[i]);
    }
    sheet_value(letter, "headers");
    const char *body = json_text_of(letter, "body");
    const char *base64 = json_text_of(letter, "body_base64");
    if (body != NULL) {
        (void)printf("\nBODY\n");
        output_safe(stdout, body);
        (void)printf("\n");
    } else if (base64 != NULL) {
        (void)printf("\nBODY (base64)\n");
        output_safe(stdout, base64);
        (void)printf("\n");
    }
}

enum exit_code deadletters_show_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s}", "id", cli->args->operands[0]);
    enum err code = cli_ask(cli, "deadletters.show", body, &reply, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        letter_print(reply);
    } else if (code == ERR_OK) {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, "mainstay deadletters ls lists them");
}

enum exit_code deadletters_replay_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s}", "id", cli->args->operands[0]);
    cli_member(cli, body, "content_type", OPTION_CONTENT_TYPE);
    cli_member(cli, body, "type", OPTION_TYPE);
    enum err code = cli_order(cli, "deadletters.replay", body, &reply, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        sheet_line(reply, "outcome");
        sheet_line(reply, "id");
        sheet_line(reply, "instances");
    } else if (code == ERR_OK) {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}
