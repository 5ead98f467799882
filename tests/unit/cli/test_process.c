/* The program itself: exit codes without a company, and the completion script in a real bash. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/base/str.h"

/* Exit code of a shell command; what it printed goes to `out`. */
static int shell(const char *command, char *out, size_t size)
{
    FILE *pipe = popen(command, "r"); // NOLINT(cert-env33-c): commands of the test
    cr_assert_not_null(pipe);
    size_t used = fread(out, 1, size - 1, pipe);
    out[used] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(process, exit_codes_tell_usage_from_unreachable)
{
    char out[4096];
    cr_expect_eq(shell(MAINSTAY_PROGRAM " --version", out, sizeof(out)), 0);
    cr_expect(text_starts(out, "mainstay "));
    cr_expect_eq(shell(MAINSTAY_PROGRAM " nonsense 2>&1", out, sizeof(out)), 2);
    cr_expect_eq(
        shell("XDG_CONFIG_HOME=/nonexistent " MAINSTAY_PROGRAM " status 2>&1", out, sizeof(out)),
        7);
    cr_expect_not_null(strstr(out, "mainstay up"));
    cr_expect_eq(
        shell(MAINSTAY_PROGRAM " status --bus nats://192.0.2.1:4222 2>&1", out, sizeof(out)), 1);
    cr_expect_not_null(strstr(out, "TLS"), "%s", out);
    cr_expect_eq(shell(MAINSTAY_PROGRAM " emit 'a b' 1 2>&1", out, sizeof(out)), 2);
    cr_expect_eq(shell(MAINSTAY_PROGRAM " run x --input '{' 2>&1", out, sizeof(out)), 2);
    cr_expect_eq(shell(MAINSTAY_PROGRAM " help gates approve", out, sizeof(out)), 0);
    cr_expect_not_null(strstr(out, "--reason"));
    cr_expect_eq(shell(MAINSTAY_PROGRAM " status >/dev/full --help 2>&1", out, sizeof(out)), 1);
}

static void expect_completed(const char *words, const char *current, const char *expected)
{
    char command[1024];
    char out[4096];
    (void)snprintf(command, sizeof(command),
                   "bash -c 'source <(" MAINSTAY_PROGRAM " completion bash); "
                   "COMP_WORDS=(mainstay %s \"%s\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
                   "_mainstay; echo \" ${COMPREPLY[*]} \"'",
                   words, current);
    cr_expect_eq(shell(command, out, sizeof(out)), 0);
    cr_expect_not_null(strstr(out, expected), "'%s %s' completes to '%s'", words, current, out);
}

Test(process, bash_completes_commands_verbs_options_and_choices)
{
    expect_completed("", "stat", " status ");
    expect_completed("gates", "ap", " approve ");
    expect_completed("instances ls", "--st", " --status ");
    expect_completed("instances ls --status", "fau", " faulted ");
    expect_completed("up", "--det", " --detach ");
    expect_completed("-o json gates", "rej", " reject ");
}
