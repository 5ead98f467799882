/* mainstay check, deploy. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/capture.h"
#include "tools/mainstay/catalog.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/definitions.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum {
    ROUNDS_MAX = 16, /* functions of catalogs calling others */
};

void problems_print(FILE *out, const char *file, const char *kind, const json_t *problems)
{
    size_t index = 0;
    const json_t *problem = NULL;
    json_array_foreach(problems, index, problem)
    {
        const char *message = json_text_of(problem, "message");
        const char *hint = json_text_of(problem, "hint");
        (void)fprintf(out, "%s:%" PRId64 ":%" PRId64 ": %s", file, json_int_of(problem, "line", 0),
                      json_int_of(problem, "column", 0), kind);
        output_safe(out, message != NULL ? message : "");
        if (hint != NULL && hint[0] != '\0') {
            (void)fputs(" (", out);
            output_safe(out, hint);
            (void)fputs(")", out);
        }
        (void)fputs("\n", out);
    }
}

/* ---- check ---- */

/* Run `coordinator --check FILE -o json`. A file that cannot be read is told here: the coordinator
 * would speak of itself. */
static enum err check_one(const char *program, const char *file, json_t **ret_answer,
                          struct error *err)
{
    const char *const argv[] = {program, "--check", file, "-o", "json", NULL};
    if (strcmp(file, "-") != 0 && access(file, R_OK) != 0) {
        return error_set(err, ERR_NOT_FOUND, "cannot read '%s': %s", file, strerror(errno));
    }
    return capture_json(argv, ret_answer, err);
}

/* The text in a file of its own. */
static enum err text_keep(const struct buf *text, struct whole *whole, struct error *err)
{
    if (!whole->temporary) {
        (void)text_copy(whole->path, sizeof(whole->path), "/tmp/mainstay-check-XXXXXX.yaml");
        int fd = mkstemps(whole->path, (int)strlen(".yaml"));
        if (fd < 0) {
            return error_set(err, ERR_IO, "cannot write '%s': %s", whole->path, strerror(errno));
        }
        (void)close(fd);
        whole->temporary = true;
    }
    return file_write(whole->path, text->data == NULL ? "" : text->data, text->size, 0600, err);
}

/* Check the definition of `file`, and again with what it names as long as there is more of it. What
 * comes by a pipe can be read once only, so it is kept first. */
static enum err check_whole(const struct cli *cli, const char *program, const char *file,
                            struct whole *whole, json_t **ret_answer, struct error *err)
{
    struct buf text = BUF_INIT(LIMIT_DEFINITION_BYTES);
    bool pipe = strcmp(file, "-") == 0;
    *whole = (struct whole){0};
    *ret_answer = NULL;
    enum err code = ERR_OK;
    if (!text_copy(whole->path, sizeof(whole->path), file)) {
        code = error_set(err, ERR_LIMIT, "the path '%.80s' is too long", file);
    } else if (pipe) {
        code = file_read(file, &text, err);
        code = code == ERR_OK ? text_keep(&text, whole, err) : code;
    }
    bool again = code == ERR_OK;
    for (unsigned round = 0; again && round < ROUNDS_MAX; round++) {
        json_decref(*ret_answer);
        *ret_answer = NULL;
        code = check_one(program, whole->path, ret_answer, err);
        const json_t *wanted = json_array_of(*ret_answer, "wanted");
        again = false;
        if (code != ERR_OK || json_array_size(wanted) == 0) {
            break;
        }
        if (round == 0 && !pipe) {
            TRY_GOTO(code, file_read(file, &text, err), out);
        }
        TRY_GOTO(code, catalog_add(cli, file, wanted, &text, &again, err), out);
        if (again) {
            TRY_GOTO(code, text_keep(&text, whole, err), out);
        }
    }
out:
    buf_release(&text);
    return code;
}

void whole_release(struct whole *whole)
{
    if (whole->temporary) {
        (void)unlink(whole->path);
    }
    whole->temporary = false;
}

enum err whole_gather(const struct cli *cli, const char *file, struct whole *ret_whole,
                      struct error *err)
{
    char program[PATH_BYTES];
    json_t *answer = NULL;
    *ret_whole = (struct whole){0};
    TRY(program_find("coordinator", program, err));
    enum err code = check_whole(cli, program, file, ret_whole, &answer, err);
    json_decref(answer);
    return code;
}

static void check_print(const struct cli *cli, const char *file, const json_t *answer)
{
    if (cli->format != OUTPUT_TEXT) {
        output_json(cli, stdout, answer);
        return;
    }
    problems_print(stdout, file, "", json_array_of(answer, "problems"));
    problems_print(stdout, file, "warning: ", json_array_of(answer, "warnings"));
    if (json_bool_of(answer, "ok", false)) {
        const char *definition = json_text_of(answer, "definition");
        (void)printf("%s: ok%s%s\n", file, definition != NULL ? ", " : "",
                     definition != NULL ? definition : "");
    }
}

enum exit_code check_run(struct cli *cli)
{
    struct error err = {0};
    char program[PATH_BYTES];
    const char *given = cli_option(cli, OPTION_COORDINATOR);
    enum exit_code exit_code = EXIT_DONE;
    enum err code = given != NULL ? path_absolute(given, program, &err)
                                  : program_find("coordinator", program, &err);
    if (code != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    for (size_t i = 0; i < cli->args->operand_count; i++) {
        json_t *answer = NULL;
        struct whole whole;
        code = check_whole(cli, program, cli->args->operands[i], &whole, &answer, &err);
        whole_release(&whole);
        if (code != ERR_OK) {
            json_decref(answer);
            exit_code = cli_fail(&err, NULL);
            continue;
        }
        check_print(cli, cli->args->operands[i], answer);
        exit_code = json_bool_of(answer, "ok", false) ? exit_code : EXIT_FAILED;
        json_decref(answer);
    }
    return exit_code;
}

/* ---- deploy ---- */

static enum err text_deploy(struct cli *cli, const char *file, const struct buf *text,
                            json_t **ret_reply, struct error *err)
{
    json_t *body = json_pack("{s:s%, s:s}", "text", text->data != NULL ? text->data : "",
                             text->size, "file", file);
    if (body == NULL) {
        return error_set(err, ERR_INVALID, "cannot deploy '%s': it is not UTF-8 text", file);
    }
    if (cli_option(cli, OPTION_FORCE) != NULL) {
        (void)json_object_set_new(body, "force", json_true());
    }
    return cli_order(cli, "deploy", body, ret_reply, err);
}

enum err definition_deploy(struct cli *cli, const char *file, json_t **ret_reply, struct error *err)
{
    struct buf text = BUF_INIT(LIMIT_DEFINITION_BYTES);
    *ret_reply = NULL;
    enum err code = file_read(file, &text, err);
    bool again = code == ERR_OK;
    for (unsigned round = 0; again && round < ROUNDS_MAX; round++) {
        struct error why = {0};
        code = text_deploy(cli, file, &text, ret_reply, err);
        again = false;
        if (code == ERR_INVALID && catalog_add(cli, file, json_array_of(*ret_reply, "wanted"),
                                               &text, &again, &why) != ERR_OK) {
            *err = why;
            again = false;
        }
        if (again) {
            json_decref(*ret_reply);
            *ret_reply = NULL;
        }
    }
    buf_release(&text);
    return code;
}

void deploy_notes_print(FILE *out, const char *file, const json_t *reply)
{
    size_t index = 0;
    const json_t *item = NULL;
    problems_print(out, file, "", json_array_of(reply, "problems"));
    problems_print(out, file, "warning: ", json_array_of(reply, "warnings"));
    json_array_foreach(json_array_of(reply, "missing"), index, item)
    {
        const char *agent = json_text_of(item, "agent");
        const char *action = json_text_of(item, "action");
        const char *contract = json_text_of(item, "contract");
        (void)fprintf(out, "%s: warning: no live agent offers %s %s%s%s; such steps will wait\n",
                      file, agent != NULL ? agent : "", action != NULL ? action : "",
                      contract != NULL ? " " : "", contract != NULL ? contract : "");
    }
}

enum exit_code deploy_run(struct cli *cli)
{
    enum exit_code exit_code = EXIT_DONE;
    for (size_t i = 0; i < cli->args->operand_count; i++) {
        const char *file = cli->args->operands[i];
        struct error err = {0};
        json_t *reply = NULL;
        enum err code = definition_deploy(cli, file, &reply, &err);
        if (cli->format != OUTPUT_TEXT && reply != NULL) {
            output_json(cli, stdout, reply);
        } else {
            deploy_notes_print(stderr, file, reply);
        }
        if (code != ERR_OK) {
            error_wrap(&err, "cannot deploy '%s'", file);
            exit_code = cli_fail(&err, NULL);
        } else if (cli->format == OUTPUT_TEXT) {
            const char *definition = json_text_of(reply, "definition");
            const char *newest = json_text_of(reply, "newest");
            (void)printf("%s %s\n", definition != NULL ? definition : file,
                         json_bool_of(reply, "created", true) ? "deployed" : "is deployed already");
            if (newest != NULL && definition != NULL && strcmp(newest, definition) != 0) {
                (void)fprintf(stderr, "%s: note: triggers and runs by name stay with %s\n", file,
                              newest);
            }
        }
        json_decref(reply);
        if (exit_code == EXIT_UNREACHABLE) {
            break;
        }
    }
    return exit_code;
}
