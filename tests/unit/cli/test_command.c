#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/command.h"
#include "tools/mainstay/files.h"
#include "tools/mainstay/suggest.h"

enum { WORDS_MAX = 32, PAGE_BYTES = 1024 * 1024 };

/* Parse a command line of words separated by spaces. */
static enum parse_outcome parse(const char *line, struct invocation *ret_invocation)
{
    static char text[512];
    static char program[] = "mainstay";
    char *words[WORDS_MAX] = {program};
    int count = 1;
    (void)text_copy(text, sizeof(text), line);
    for (char *word = text; *word != '\0';) {
        size_t size = strcspn(word, " ");
        words[count++] = word;
        word += size;
        if (*word == ' ') {
            *word++ = '\0';
        }
    }
    return command_parse(count, words, ret_invocation);
}

/* `hint` may be NULL: then any will do. */
static void expect_wrong(const char *line, const char *problem, const char *hint)
{
    struct invocation args;
    bool wrong = parse(line, &args) == PARSE_WRONG && strcmp(args.problem, problem) == 0 &&
                 (hint == NULL || strcmp(args.hint, hint) == 0);
    cr_expect(wrong, "'%s': %s, %s", line, args.problem, args.hint);
    invocation_release(&args);
}

Test(command, options_and_operands_come_in_any_order)
{
    struct invocation args;
    cr_assert_eq(parse("-o json emit --id=7 invoice.received --source s -- @-", &args), PARSE_RUN);
    cr_expect_str_eq(args.command->noun, "emit");
    cr_expect_str_eq(invocation_get(&args, OPTION_OUTPUT), "json");
    cr_expect_str_eq(invocation_get(&args, OPTION_ID), "7");
    cr_expect_str_eq(invocation_get(&args, OPTION_SOURCE), "s");
    cr_expect_null(invocation_get(&args, OPTION_SUBJECT));
    cr_assert_eq(args.operand_count, 2);
    cr_expect_str_eq(args.operands[1], "@-");
    invocation_release(&args);
}

Test(command, the_last_value_counts_and_repeated_ones_are_kept)
{
    struct invocation args;
    const char *agents[4];
    cr_assert_eq(parse("up --agent a:b --agent c:d -d -t 5s -t9s", &args), PARSE_RUN);
    cr_expect_str_eq(invocation_get(&args, OPTION_TIMEOUT), "9s");
    cr_expect_str_eq(invocation_get(&args, OPTION_DETACH), "");
    cr_assert_eq(invocation_all(&args, OPTION_AGENT, agents, 4), 2);
    cr_expect_str_eq(agents[1], "c:d");
    invocation_release(&args);
}

Test(command, verbs_have_aliases)
{
    struct invocation args;
    cr_assert_eq(parse("instances list", &args), PARSE_RUN);
    cr_expect_str_eq(args.command->verb, "ls");
    invocation_release(&args);
}

Test(command, help_and_version_win_over_missing_operands)
{
    struct invocation args;
    cr_expect_eq(parse("gates approve --help", &args), PARSE_HELP);
    invocation_release(&args);
    cr_expect_eq(parse("gates --help", &args), PARSE_HELP);
    invocation_release(&args);
    cr_expect_eq(parse("--version", &args), PARSE_VERSION);
    invocation_release(&args);
}

Test(command, what_is_wrong_is_said_with_what_was_meant)
{
    expect_wrong("statsu", "unknown command 'statsu'", "did you mean 'mainstay status'?");
    expect_wrong("gates aprove x", "unknown command 'gates aprove'",
                 "did you mean 'mainstay gates approve'?");
    expect_wrong("run --inptu x", "unknown option '--inptu'", "did you mean '--input'?");
    expect_wrong("up -o xml", "option '--output' cannot be 'xml'",
                 "it is one of: text json jsonl dot svg");
    expect_wrong("up --detach=yes", "option '--detach' takes no value", NULL);
    expect_wrong("up --dir", "option '--dir' needs a value: DIR", NULL);
    expect_wrong("gates", "'gates' needs a verb", NULL);
    expect_wrong("", "no command given", NULL);
    expect_wrong("explain", "'explain' needs INSTANCE", NULL);
    expect_wrong("status now", "'status' takes no operands", NULL);
    expect_wrong("deploy f --id 7", "unknown option '--id'", NULL);
}

Test(suggest, distance_counts_edits_and_swaps)
{
    const char *best = NULL;
    cr_expect_eq(suggest_distance("status", "status"), 0);
    cr_expect_eq(suggest_distance("statsu", "status"), 1);
    cr_expect_eq(suggest_distance("stats", "status"), 1);
    cr_expect_eq(suggest_distance("", "abc"), 3);
    suggest_consider("zz", "up", &best);
    cr_expect_null(best, "two edits of two letters are another word");
}

Test(command, durations_have_units)
{
    int64_t ms = 0;
    cr_expect(duration_parse("500ms", &ms) && ms == 500);
    cr_expect(duration_parse("30s", &ms) && ms == 30000);
    cr_expect(duration_parse("5", &ms) && ms == 5000);
    cr_expect(duration_parse("2h", &ms) && ms == 7200000);
    cr_expect_not(duration_parse("", &ms));
    cr_expect_not(duration_parse("s", &ms));
    cr_expect_not(duration_parse("-5s", &ms));
    cr_expect_not(duration_parse("5 s", &ms));
    cr_expect_not(duration_parse("99999999h", &ms));
    cr_expect_not(duration_parse("99999999999999999999s", &ms));
}

/* Every word of the table that `text` must hold. */
static void expect_word(const char *text, const char *word, const char *where)
{
    cr_expect_not_null(strstr(text, word), "%s does not mention '%s'", where, word);
}

Test(command, every_command_and_option_is_in_help_and_manual_page)
{
    struct error err = {0};
    struct buf page = BUF_INIT(PAGE_BYTES);
    struct buf help = BUF_INIT(PAGE_BYTES);
    cr_assert_eq(file_read(SOURCE_DIR "/deploy/man/mainstay.1", &page, &err), ERR_OK, "%s",
                 err.message);
    help_all(&help);
    for (size_t i = 0; i < command_count; i++) {
        char usage[128];
        const struct command *command = &commands[i];
        (void)snprintf(usage, sizeof(usage), ".B mainstay %s%s%s", command->noun,
                       command->verb != NULL ? " " : "",
                       command->verb != NULL ? command->verb : "");
        expect_word(page.data, usage, "the manual page");
        expect_word(page.data, command->summary, "the manual page");
        expect_word(help.data, command->summary, "help");
        buf_clear(&help);
        help_command(command, &help);
        for (size_t o = 0; o < OPTION_COUNT; o++) {
            char flag[64];
            (void)snprintf(flag, sizeof(flag), "--%s", option_specs[o].name);
            if (((command->options | OPTIONS_COMMON) >> o & 1) != 0) {
                expect_word(help.data, flag, command->noun);
            }
        }
        buf_clear(&help);
        help_all(&help);
    }
    for (size_t o = 0; o < OPTION_COUNT; o++) {
        char flag[64];
        (void)snprintf(flag, sizeof(flag), "\\-\\-%s", option_specs[o].name);
        expect_word(page.data, flag, "the manual page");
    }
    buf_release(&page);
    buf_release(&help);
}

Test(command, no_option_letter_is_used_twice)
{
    for (size_t a = 0; a < OPTION_COUNT; a++) {
        for (size_t b = a + 1; b < OPTION_COUNT; b++) {
            cr_expect(option_specs[a].letter == 0 ||
                          option_specs[a].letter != option_specs[b].letter,
                      "--%s and --%s", option_specs[a].name, option_specs[b].name);
        }
    }
}

Test(command, the_installed_completion_is_fresh)
{
    struct buf kept = BUF_INIT(PAGE_BYTES);
    struct buf made = BUF_INIT(PAGE_BYTES);
    cr_assert_eq(file_read(SOURCE_DIR "/deploy/completions/mainstay", &kept, NULL), ERR_OK);
    completion_bash(&made);
    cr_expect_str_eq(kept.data, made.data,
                     "run: mainstay completion bash > deploy/completions/mainstay");
    buf_release(&kept);
    buf_release(&made);
}
