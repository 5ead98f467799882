/* mainstay simulate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "tools/mainstay/capture.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/definitions.h"
#include "tools/mainstay/explain.h"
#include "tools/mainstay/files.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum { FILES_MAX = 32, ARGUMENTS_MAX = FILES_MAX + 16, VALUE_BYTES = 4 * 1024 * 1024 };

struct arguments {
    const char *list[ARGUMENTS_MAX];
    size_t count;
};

static void argument_add(struct arguments *arguments, const char *name, const char *value)
{
    if (value != NULL) {
        arguments->list[arguments->count++] = name;
        arguments->list[arguments->count++] = value;
    }
}

static enum exit_code status_exit(const json_t *answer)
{
    static const struct {
        const char *status;
        enum exit_code code;
    } codes[] = {{"completed", EXIT_DONE},
                 {"faulted", EXIT_FAULTED},
                 {"cancelled", EXIT_CANCELLED},
                 {"suspended", EXIT_WAITS}};
    const json_t *first = json_array_get(json_array_of(answer, "instances"), 0);
    if (json_array_size(json_array_of(answer, "missing")) > 0 || first == NULL) {
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (text_equal(json_text_of(first, "status"), codes[i].status)) {
            return codes[i].code;
        }
    }
    return EXIT_TIMEOUT; /* open, and nothing would ever happen */
}

static void missing_print(const json_t *missing)
{
    size_t at = 0;
    const json_t *row = NULL;
    json_array_foreach(missing, at, row)
    {
        const char *form = json_text_of(row, "template");
        struct buf input = BUF_INIT(VALUE_BYTES);
        json_write(json_object_get(row, "input"), &input);
        (void)fprintf(stderr, "mainstay: no reply of %s %s fits step %s, whose input is\n  ",
                      json_text_of(row, "agent"), json_text_of(row, "action"),
                      json_text_of(row, "step"));
        output_safe(stderr, input.failed ? "(large)" : input.data);
        (void)fprintf(stderr, "\n  add to the file of --agents:\n");
        output_safe(stderr, form != NULL ? form : "");
        buf_release(&input);
    }
}

/* Where a run stops for a person: what the file of --agents would have to say. */
static void gate_hint(const json_t *instance)
{
    const json_t *story = json_array_of(instance, "story");
    for (size_t i = json_array_size(story); i > 0; i--) {
        const json_t *entry = json_array_get(story, i - 1);
        const char *step = json_text_of(entry, "step");
        const char *name = step == NULL ? NULL : strrchr(step, '/');
        if (name != NULL && text_equal(json_text_of(entry, "kind"), "gate-opened")) {
            (void)fprintf(stderr, "  add to the file of --agents:\ngates:\n  ");
            output_safe(stderr, name + 1);
            (void)fprintf(stderr, ": {verdict: approve}\n");
            return;
        }
    }
}

static void outcome_print(const struct cli *cli, const json_t *answer)
{
    size_t at = 0;
    const json_t *instance = NULL;
    json_array_foreach(json_array_of(answer, "instances"), at, instance)
    {
        (void)printf("%s", at > 0 ? "\n" : "");
        story_print(instance);
    }
    const json_t *first = json_array_get(json_array_of(answer, "instances"), 0);
    const json_t *output = json_object_get(first, "output");
    const json_t *error = json_object_get(first, "error");
    const char *reason = json_text_of(first, "reason");
    if (output != NULL) {
        (void)printf("\noutput\n");
        output_json(cli, stdout, output);
    }
    if (error != NULL) {
        output_json(cli, stderr, error);
    }
    if (first == NULL) {
        (void)fprintf(stderr, "mainstay: no event started an instance\n");
    } else if (output == NULL && error == NULL && reason != NULL &&
               json_array_size(json_array_of(answer, "missing")) == 0) {
        (void)fprintf(stderr, "mainstay: it stops here: %s\n", reason);
        if (text_equal(json_text_of(first, "status"), "suspended")) {
            gate_hint(first);
        }
    }
    missing_print(json_array_of(answer, "missing"));
}

/* The command line of mainstay-offline for these files. */
static enum err offline_ask(struct cli *cli, const struct whole *wholes, json_t **ret_answer,
                            struct error *err)
{
    char program[PATH_BYTES];
    char jq[PATH_BYTES];
    struct arguments arguments = {.list = {program, "simulate"}, .count = 2};
    TRY(program_find("mainstay-offline", program, err));
    for (size_t i = 0; i < cli->args->operand_count; i++) {
        arguments.list[arguments.count++] = wholes[i].path;
    }
    argument_add(&arguments, "--input", cli_option(cli, OPTION_INPUT));
    argument_add(&arguments, "--agents", cli_option(cli, OPTION_AGENTS));
    argument_add(&arguments, "--events", cli_option(cli, OPTION_EVENTS));
    argument_add(&arguments, "--jq", program_find("mainstay-jq", jq, NULL) == ERR_OK ? jq : NULL);
    return capture_json(arguments.list, ret_answer, err);
}

/* The operand that was given to mainstay-offline as `path`. */
static const char *operand_of(const struct cli *cli, const struct whole *wholes, const char *path)
{
    for (size_t i = 0; i < cli->args->operand_count; i++) {
        if (text_equal(wholes[i].path, path)) {
            return cli->args->operands[i];
        }
    }
    return cli->args->operands[0];
}

static enum exit_code answer_tell(struct cli *cli, const struct whole *wholes, const json_t *answer)
{
    if (!json_bool_of(answer, "ok", false)) {
        problems_print(stderr, operand_of(cli, wholes, json_text_of(answer, "file")), "",
                       json_array_of(answer, "problems"));
        return EXIT_FAILED;
    }
    if (cli->format == OUTPUT_TEXT) {
        problems_print(stderr, cli->args->operands[0],
                       "warning: ", json_array_of(answer, "warnings"));
        outcome_print(cli, answer);
    } else {
        output_json(cli, stdout, answer);
    }
    return status_exit(answer);
}

enum exit_code simulate_run(struct cli *cli)
{
    struct error err = {0};
    struct whole *wholes = calloc(cli->args->operand_count, sizeof(*wholes));
    json_t *answer = NULL;
    enum err code = ERR_OK;
    CHECK(wholes != NULL);
    for (size_t i = 0; code == ERR_OK && i < cli->args->operand_count; i++) {
        code = whole_gather(cli, cli->args->operands[i], &wholes[i], &err);
    }
    code = code == ERR_OK ? offline_ask(cli, wholes, &answer, &err) : code;
    enum exit_code exit_code =
        code == ERR_OK ? answer_tell(cli, wholes, answer) : cli_fail(&err, NULL);
    for (size_t i = 0; i < cli->args->operand_count; i++) {
        whole_release(&wholes[i]);
    }
    free(wholes);
    json_decref(answer);
    return exit_code;
}
