/* mainstay up, mainstay down. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/company/company.h"
#include "tools/mainstay/company/desk.h"
#include "tools/mainstay/company/orphan.h"
#include "tools/mainstay/company/probe.h"
#include "tools/mainstay/company/supervisor.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

/* A start may find out first that the bus is stuck, which takes it half a minute and two looks. */
enum { UP_TIMEOUT_MS = 90000, DOWN_TIMEOUT_MS = 60000, REPORT_BYTES = 2048, LISTS_MAX = 64 };

/* One `up`: who waits for the outcome and how it is told. */
struct start {
    struct cli *cli;
    int64_t began_ns;
    int report; /* detached: where the waiting process reads the outcome; -1 in the foreground */
    bool ready;
};

static void ready_print(const struct cli *cli, const struct company *company, int64_t began_ns)
{
    double seconds = (double)(clock_monotonic_ns() - began_ns) / 1e9;
    json_t *agents = json_array();
    for (size_t i = 0; i < company->accounts.agent_count; i++) {
        (void)json_array_append_new(agents, json_string(company->accounts.agents[i].agent));
    }
    if (cli->format != OUTPUT_TEXT) {
        json_t *value =
            json_pack("{s:s, s:s, s:s, s:f, s:O}", "dir", company->dir, "bus", company->context.bus,
                      "creds", company->context.creds, "seconds", seconds, "agents", agents);
        output_json(cli, stdout, value);
        json_decref(value);
    } else {
        (void)printf("ready in %.2f s\n  folder   %s\n  bus      %s (nats context 'mainstay')\n"
                     "  agents   ",
                     seconds, company->dir, company->context.bus);
        for (size_t i = 0; i < json_array_size(agents); i++) {
            (void)printf("%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(agents, i)));
        }
        (void)printf("%s\n  metrics  %s/prometheus.json (file_sd)\n",
                     json_array_size(agents) == 0 ? "none" : "", company->dir);
        if (company->absent[0] != '\0') {
            (void)printf("  absent   %s (not installed)\n", company->absent);
        }
    }
    json_decref(agents);
    (void)fflush(stdout);
}

/* From the supervisor: ready, or why not. */
static void start_report(void *user, const struct company *company, const char *failure)
{
    struct start *start = user;
    start->ready = failure == NULL;
    if (start->report < 0) {
        if (failure == NULL) {
            ready_print(start->cli, company, start->began_ns);
        }
        return;
    }
    char text[REPORT_BYTES];
    int size = snprintf(text, sizeof(text), "%s%s", failure == NULL ? "R" : "F",
                        failure == NULL ? "" : failure);
    size = size < (int)sizeof(text) ? size : (int)sizeof(text) - 1;
    ssize_t done = write(start->report, text, (size_t)size);
    (void)done; /* nobody waits any more */
    (void)close(start->report);
    start->report = -1;
}

static enum err files_for_others(const struct cli *cli, const struct company *company,
                                 struct error *err)
{
    char path[PATH_BYTES];
    const char *name = cli_option(cli, OPTION_CONTEXT);
    TRY(context_path(name != NULL ? name : CONTEXT_DEFAULT, path, err));
    TRY(context_write(path, &company->context, err));
    return company_write_context(company, err);
}

/* Supervise until stopped. In the detached case this is the background process. */
static enum err supervise(struct start *start, struct company *company, int64_t timeout_ms,
                          struct error *err)
{
    struct supervisor_options options = {.timeout_ms = timeout_ms,
                                         .foreground = start->report < 0,
                                         .probe = probe_run,
                                         .report = start_report,
                                         .user = start};
    return supervisor_run(company, &options, err);
}

/* In the background process: no terminal, no standard streams. */
_Noreturn static void background(struct start *start, struct company *company, int64_t timeout_ms)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)setsid();
    if (nothing >= 0) {
        (void)dup2(nothing, STDIN_FILENO);
        (void)dup2(nothing, STDOUT_FILENO);
        (void)dup2(nothing, STDERR_FILENO);
    }
    struct error err = {0};
    enum err code = supervise(start, company, timeout_ms, &err);
    if (start->report >= 0) {
        start_report(start, company, err.message);
    }
    company_destroy(&company);
    _exit(code == ERR_OK ? EXIT_DONE : EXIT_FAILED);
}

/* Wait for the background process's word. */
static enum exit_code await_report(const struct start *start, const struct company *company, int fd)
{
    char text[REPORT_BYTES];
    size_t used = 0;
    while (used < sizeof(text) - 1) {
        ssize_t got = read(fd, text + used, sizeof(text) - 1 - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    text[used] = '\0';
    if (text[0] == 'R') {
        ready_print(start->cli, company, start->began_ns);
        return EXIT_DONE;
    }
    struct error err = {0};
    char hint[PATH_BYTES + 32];
    (void)error_set(&err, ERR_IO, "cannot start the company: %s",
                    used > 1 ? text + 1 : "its supervisor ended");
    (void)snprintf(hint, sizeof(hint), "the logs are in %s/log", company->dir);
    return cli_fail(&err, hint);
}

static enum exit_code up_detached(struct start *start, struct company *company, int64_t timeout_ms)
{
    int fds[2];
    struct error err = {0};
    if (pipe2(fds, O_CLOEXEC) != 0) {
        (void)error_set(&err, ERR_IO, "cannot start in the background: %s", strerror(errno));
        return cli_fail(&err, NULL);
    }
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(fds[0]);
        start->report = fds[1];
        background(start, company, timeout_ms);
    }
    (void)close(fds[1]);
    enum exit_code exit_code = EXIT_FAILED;
    if (pid < 0) {
        (void)error_set(&err, ERR_IO, "cannot start in the background: %s", strerror(errno));
        exit_code = cli_fail(&err, NULL);
    } else {
        exit_code = await_report(start, company, fds[0]);
        while (exit_code != EXIT_DONE && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        } /* until what did start has stopped and the lock is free */
    }
    (void)close(fds[0]);
    return exit_code;
}

static enum exit_code up_foreground(struct start *start, struct company *company,
                                    int64_t timeout_ms)
{
    struct error err = {0};
    char hint[PATH_BYTES + 32];
    if (supervise(start, company, timeout_ms, &err) == ERR_OK) {
        return start->ready ? EXIT_DONE : EXIT_FAILED;
    }
    (void)snprintf(hint, sizeof(hint), "the logs are in %s/log", company->dir);
    error_wrap(&err, "cannot start the company");
    return cli_fail(&err, hint);
}

/* With the lock held: end what an earlier start left, prepare, run. */
static enum exit_code up_locked(struct start *start, const struct company_options *options,
                                int64_t timeout_ms)
{
    struct company *company = NULL;
    struct error err = {0};
    char run[PATH_BYTES];
    size_t orphans = 0;
    enum err code = path_join(options->dir, "run", run, &err);
    if (code == ERR_OK) {
        code = orphans_end(run, &orphans, &err);
    }
    if (code == ERR_OK) {
        code = company_create(options, &company, &err);
    }
    if (code == ERR_OK) {
        code = files_for_others(start->cli, company, &err);
    }
    enum exit_code exit_code = EXIT_FAILED;
    if (code != ERR_OK) {
        exit_code = cli_fail(&err, NULL);
    } else if (cli_option(start->cli, OPTION_DETACH) != NULL) {
        exit_code = up_detached(start, company, timeout_ms);
    } else {
        exit_code = up_foreground(start, company, timeout_ms);
    }
    company_destroy(&company);
    return exit_code;
}

enum exit_code up_run(struct cli *cli)
{
    struct start start = {.cli = cli, .began_ns = clock_monotonic_ns(), .report = -1};
    struct error err = {0};
    char dir[PATH_BYTES];
    const char *agents[LISTS_MAX];
    const char *without[LISTS_MAX];
    const char *settings[LISTS_MAX];
    struct profile profile = {0};
    const char *profile_word = cli_option(cli, OPTION_PROFILE);
    int64_t timeout_ms = 0;
    int lock = -1;
    (void)umask(0077);
    if (cli_timeout(cli, UP_TIMEOUT_MS, &timeout_ms, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    struct company_options options = {
        .dir = dir,
        .nats_server = cli_option(cli, OPTION_NATS_SERVER),
        .coordinator = cli_option(cli, OPTION_COORDINATOR),
        .log_level = cli_option(cli, OPTION_LOG_LEVEL),
        .agents = agents,
        .agent_count = invocation_all(cli->args, OPTION_AGENT, agents, LISTS_MAX),
        .without = without,
        .without_count = invocation_all(cli->args, OPTION_WITHOUT, without, LISTS_MAX),
        .settings = settings,
        .setting_count = invocation_all(cli->args, OPTION_SET, settings, LISTS_MAX),
    };
    if (context_dir(cli_option(cli, OPTION_DIR), dir, &err) != ERR_OK ||
        dir_create(dir, &err) != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    if (profile_word != NULL) {
        if (profile_choose(profile_word, options.coordinator, &profile, &err) != ERR_OK) {
            return cli_fail(&err, NULL);
        }
        options.profile = &profile;
    }
    if (company_lock_folder(dir, &lock, &err) != ERR_OK) {
        profile_release(&profile);
        return cli_fail(&err, "mainstay status shows it, mainstay down stops it");
    }
    enum exit_code exit_code = up_locked(&start, &options, timeout_ms);
    profile_release(&profile);
    (void)close(lock);
    return exit_code;
}

/* ---- down ---- */

/* Wait until the supervisor itself has ended, so that its lock is free. */
static void await_end(pid_t supervisor, int64_t timeout_ms)
{
    int process = (int)syscall(SYS_pidfd_open, supervisor, 0);
    if (process >= 0) {
        struct pollfd wait = {.fd = process, .events = POLLIN};
        (void)poll(&wait, 1, (int)timeout_ms);
        (void)close(process);
    }
}

/* Nobody supervises: end what a killed supervisor may have left. */
static enum exit_code down_orphans(const char *dir)
{
    struct error err = {0};
    char run[PATH_BYTES];
    int lock = -1;
    size_t ended = 0;
    if (path_join(dir, "run", run, &err) != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    if (!path_exists(run)) {
        (void)printf("nothing runs in %s\n", dir);
        return EXIT_DONE;
    }
    enum err code = company_lock_folder(dir, &lock, &err);
    if (code == ERR_OK) {
        code = orphans_end(run, &ended, &err);
        (void)close(lock);
    }
    if (code != ERR_OK) {
        return cli_fail(&err, "it may be starting: try again in a moment");
    }
    if (ended > 0) {
        (void)printf("stopped %zu processes left in %s\n", ended, dir);
    } else {
        (void)printf("nothing runs in %s\n", dir);
    }
    return EXIT_DONE;
}

enum exit_code down_run(struct cli *cli)
{
    struct error err = {0};
    char dir[PATH_BYTES];
    int64_t timeout_ms = 0;
    pid_t supervisor = 0;
    json_t *answer = NULL;
    if (cli_timeout(cli, DOWN_TIMEOUT_MS, &timeout_ms, &err) != ERR_OK) {
        return cli_usage(err.message, NULL);
    }
    if (cli_dir(cli, dir, &err) != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    enum err code = desk_ask(dir, json_pack("{s:s}", "order", "down"), (int)timeout_ms, &answer,
                             &supervisor, &err);
    json_decref(answer);
    if (code == ERR_UNAVAILABLE && supervisor == 0) {
        return down_orphans(dir);
    }
    if (code != ERR_OK && code != ERR_UNAVAILABLE) {
        return cli_fail(&err, NULL);
    }
    await_end(supervisor, timeout_ms);
    (void)printf("stopped %s\n", dir);
    return EXIT_DONE;
}
