/* mainstay definitions ls, describe, diff, retire. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/files.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"
#include "tools/mainstay/sheet.h"

enum { VALUE_SHOWN = 200, VALUE_BYTES = 4 * 1024 * 1024, NAME_BYTES = 512 };

enum exit_code definitions_ls_run(struct cli *cli)
{
    static const struct column columns[] = {
        {"DEFINITION", "definition", COLUMN_TEXT}, {"DEPLOYED", "deployed_at", COLUMN_AGE},
        {"RETIRED", "retired_at", COLUMN_AGE},     {"OPEN", "open", COLUMN_NUMBER},
        {"DIGEST", "digest", COLUMN_ID},           {"TRIGGERS", "triggers", COLUMN_TEXT},
        {"NEXT RUN", "next_run_at", COLUMN_TEXT},  {"TITLE", "title", COLUMN_TEXT},
    };
    struct error err = {0};
    json_t *reply = NULL;
    if (cli_ask(cli, "definitions.ls", NULL, &reply, &err) != ERR_OK) {
        json_decref(reply);
        return cli_fail(&err, NULL);
    }
    output_list(cli, reply, "definitions", columns, sizeof(columns) / sizeof(columns[0]),
                "no definitions; mainstay deploy FILE adds one");
    json_decref(reply);
    return EXIT_DONE;
}

/* ---- describe ---- */

static void open_print(const json_t *open)
{
    (void)printf("  %-12s %" PRId64 " running, %" PRId64 " waiting, %" PRId64 " suspended\n",
                 "open", json_int_of(open, "running", 0), json_int_of(open, "waiting", 0),
                 json_int_of(open, "suspended", 0));
}

static void definition_print(const json_t *reply)
{
    static const char *const lines[] = {"definition", "title",       "digest",
                                        "file",       "deployed_at", "retired_at",
                                        "reason",     "triggers",    "next_run_at"};
    static const struct column versions[] = {
        {"VERSION", "definition", COLUMN_TEXT}, {"DEPLOYED", "deployed_at", COLUMN_AGE},
        {"RETIRED", "retired_at", COLUMN_AGE},  {"OPEN", "open", COLUMN_NUMBER},
        {"NEWEST", "newest", COLUMN_TEXT},
    };
    static const struct column steps[] = {
        {"STEP", "step", COLUMN_TEXT},
        {"TASK", "task", COLUMN_TEXT},
        {"AGENT", "agent", COLUMN_TEXT},
        {"ACTION", "action", COLUMN_TEXT},
    };
    static const struct column contracts[] = {
        {"AGENT", "agent", COLUMN_TEXT},       {"ACTION", "action", COLUMN_TEXT},
        {"CONTRACT", "contract", COLUMN_TEXT}, {"BOUND", "bound", COLUMN_TEXT},
        {"LIVE", "live", COLUMN_TEXT},
    };
    static const struct column gathered[] = {
        {"TYPE", "type", COLUMN_TEXT},
        {"SOURCE", "source", COLUMN_TEXT},
        {"ID", "id", COLUMN_TEXT},
        {"FORGOTTEN", "forgotten_at", COLUMN_TEXT},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        sheet_line(reply, lines[i]);
    }
    open_print(json_object_of(reply, "open"));
    sheet_table(reply, "versions", versions, sizeof(versions) / sizeof(versions[0]));
    sheet_table(reply, "gathered", gathered, sizeof(gathered) / sizeof(gathered[0]));
    sheet_table(reply, "steps", steps, sizeof(steps) / sizeof(steps[0]));
    sheet_table(reply, "contracts", contracts, sizeof(contracts) / sizeof(contracts[0]));
    const char *text = json_text_of(reply, "text");
    if (text != NULL) {
        (void)printf("\ntext\n");
        output_safe(stdout, text);
    }
}

enum exit_code definitions_describe_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s}", "definition", cli->args->operands[0]);
    enum err code = cli_ask(cli, "definitions.describe", body, &reply, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        definition_print(reply);
    } else if (code == ERR_OK) {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}

/* ---- diff ---- */

static enum err side_file(json_t *body, const char *member, const char *file, struct error *err)
{
    struct buf text = BUF_INIT(LIMIT_DEFINITION_BYTES);
    char name[32];
    (void)snprintf(name, sizeof(name), "%s_text", member);
    enum err code = file_read(file, &text, err);
    if (code == ERR_OK) {
        json_t *value = json_stringn(text.data == NULL ? "" : text.data, text.size);
        if (value == NULL || json_object_set_new(body, name, value) != 0) {
            code = error_set(err, ERR_INVALID, "'%s' is not UTF-8 text", file);
        }
    }
    buf_release(&text);
    return code;
}

/* A file when there is one of that name, else a deployed definition; a version alone is one of the
 * other side's name. */
static enum err side_add(json_t *body, const char *member, const char *given, const char *other,
                         struct error *err)
{
    char name[NAME_BYTES];
    if (strcmp(given, "-") == 0 || path_exists(given)) {
        return side_file(body, member, given, err);
    }
    if (strchr(given, '/') == NULL && strchr(given, ':') == NULL && strchr(other, '/') != NULL &&
        !path_exists(other) && given[0] >= '0' && given[0] <= '9') {
        (void)snprintf(name, sizeof(name), "%.*s:%s", (int)strcspn(other, ":"), other, given);
        given = name;
    }
    (void)json_object_set_new(body, member, json_string(given));
    return ERR_OK;
}

static void value_print(const char *mark, const json_t *value)
{
    struct buf text = BUF_INIT(VALUE_BYTES);
    if (value == NULL) {
        return;
    }
    json_write(value, &text);
    if (!text.failed) {
        bool cut = text.size > VALUE_SHOWN;
        if (cut) {
            text.data[text_cut_at(text.data, VALUE_SHOWN)] = '\0';
        }
        (void)printf("      %s ", mark);
        output_safe(stdout, text.data);
        (void)printf("%s\n", cut ? "..." : "");
    }
    buf_release(&text);
}

static void change_print(const json_t *change)
{
    static const struct {
        const char *change;
        const char *mark;
    } marks[] = {{"added", "+"}, {"removed", "-"}, {"changed", "~"}, {"moved", ">"}};
    const char *what = json_text_of(change, "change");
    const char *step = json_text_of(change, "step");
    const char *task = json_text_of(change, "task");
    const char *was = json_text_of(change, "was");
    const char *mark = " ";
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        mark = text_equal(what, marks[i].change) ? marks[i].mark : mark;
    }
    (void)printf("%s %-8s ", mark, what != NULL ? what : "");
    output_safe(stdout, step == NULL || step[0] == '\0' ? "(outside the tasks)" : step);
    (void)printf("%s%s%s", task != NULL ? "  (" : "", task != NULL ? task : "",
                 task != NULL ? ")" : "");
    if (was != NULL) {
        (void)printf("  was ");
        output_safe(stdout, was);
    }
    (void)printf("\n");
    size_t at = 0;
    const json_t *member = NULL;
    json_array_foreach(json_array_of(change, "members"), at, member)
    {
        const char *path = json_text_of(member, "member");
        (void)printf("    ");
        output_safe(stdout, path != NULL ? path : "");
        (void)printf("\n");
        value_print("-", json_object_get(member, "from"));
        value_print("+", json_object_get(member, "to"));
    }
}

static void diff_print(const json_t *reply)
{
    const json_t *changes = json_array_of(reply, "changes");
    const char *from = json_text_of(reply, "from");
    const char *to = json_text_of(reply, "to");
    (void)printf("--- %s\n+++ %s\n", from != NULL ? from : "", to != NULL ? to : "");
    size_t at = 0;
    const json_t *change = NULL;
    json_array_foreach(changes, at, change)
    {
        change_print(change);
    }
    if (json_array_size(changes) == 0) {
        (void)printf("nothing differs but the version\n");
    }
}

enum exit_code definitions_diff_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    json_t *body = json_object();
    const char *from = cli->args->operands[0];
    const char *to = cli->args->operands[1];
    enum err code = side_add(body, "from", from, to, &err);
    if (code == ERR_OK) {
        code = side_add(body, "to", to, from, &err);
    }
    if (code != ERR_OK) {
        json_decref(body);
        return cli_fail(&err, NULL);
    }
    code = cli_ask(cli, "definitions.diff", body, &reply, &err);
    if (code == ERR_OK && cli->format == OUTPUT_TEXT) {
        diff_print(reply);
    } else if (code == ERR_OK) {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}

/* ---- retire ---- */

static void retired_print(const char *given, const json_t *reply)
{
    const char *definition = json_text_of(reply, "definition");
    const char *newest = json_text_of(reply, "newest");
    const json_t *open = json_object_of(reply, "open");
    int64_t left = json_int_of(open, "running", 0) + json_int_of(open, "waiting", 0) +
                   json_int_of(open, "suspended", 0);
    (void)printf("%s %s", definition != NULL ? definition : given,
                 json_bool_of(reply, "created", true) ? "retired" : "is retired already");
    if (left > 0) {
        (void)printf("; %" PRId64 " open %s on", left,
                     left == 1 ? "instance goes" : "instances go");
    }
    (void)printf("; %s%s\n",
                 newest != NULL ? "started from now on: " : "nothing is started any more",
                 newest != NULL ? newest : "");
}

enum exit_code definitions_retire_run(struct cli *cli)
{
    enum exit_code exit_code = EXIT_DONE;
    for (size_t i = 0; i < cli->args->operand_count; i++) {
        struct error err = {0};
        json_t *reply = NULL;
        const char *name = cli->args->operands[i];
        json_t *body = json_pack("{s:s}", "definition", name);
        cli_member(cli, body, "reason", OPTION_REASON);
        if (cli_option(cli, OPTION_FORCE) != NULL) {
            (void)json_object_set_new(body, "force", json_true());
        }
        if (cli_order(cli, "definitions.retire", body, &reply, &err) != ERR_OK) {
            error_wrap(&err, "cannot retire %s", name);
            exit_code = cli_fail(&err, NULL);
        } else if (cli->format == OUTPUT_TEXT) {
            retired_print(name, reply);
        } else {
            output_json(cli, stdout, reply);
        }
        json_decref(reply);
    }
    return exit_code;
}
