/* Stores that flood the bus: pauses, and what becomes of the bus's configuration. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/wire/log_signs.h"
#include "tools/mainstay/company/company.h"
#include "tools/mainstay/company/flood.h"
#include "tools/mainstay/files.h"

#define MS_NS INT64_C(1000000)
#define NOW   (1000000 * MS_NS)
#define LINE  "{\"message\":\"x\"," LOG_FLOOD

/* ---- pauses ---- */

/* It floods at `now_ns`: for how long it is out. */
static int64_t out_ms(struct cutoff *cutoff, int64_t now_ns)
{
    cr_assert(cutoff_begin(cutoff, now_ns));
    return (cutoff_due_ns(cutoff) - now_ns) / MS_NS;
}

Test(cutoff, is_over_once_and_when_the_pause_is)
{
    struct cutoff cutoff = {0};
    cr_expect_eq(cutoff_due_ns(&cutoff), CLOCK_FOREVER);
    cr_expect_not(cutoff_end(&cutoff, NOW));
    cr_expect_eq(out_ms(&cutoff, NOW), CUTOFF_PAUSE_MS);
    cr_expect_not(cutoff_begin(&cutoff, NOW + MS_NS), "it is out");
    cr_expect_not(cutoff_end(&cutoff, NOW + CUTOFF_PAUSE_MS * MS_NS - 1));
    cr_expect(cutoff_end(&cutoff, NOW + CUTOFF_PAUSE_MS * MS_NS));
    cr_expect_not(cutoff_end(&cutoff, NOW + CUTOFF_PAUSE_MS * MS_NS));
    cr_expect_eq(cutoff_due_ns(&cutoff), CLOCK_FOREVER);
}

Test(cutoff, doubles_up_to_an_hour_for_one_that_floods_again_soon)
{
    struct cutoff cutoff = {0};
    int64_t now = NOW;
    static const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60};
    for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
        cr_expect_eq(out_ms(&cutoff, now), minutes[i] * 60000, "%zu", i);
        now = cutoff_due_ns(&cutoff) + CUTOFF_WELL_MS * MS_NS - 1;
        cr_assert(cutoff_end(&cutoff, cutoff_due_ns(&cutoff)));
    }
    cr_expect_eq(out_ms(&cutoff, now + 1), CUTOFF_PAUSE_MS, "it was well for long enough");
}

Test(cutoff, ends_at_once_when_somebody_says_so)
{
    struct cutoff cutoff = {0};
    cutoff_shorten(&cutoff, NOW);
    cr_expect_not(cutoff_end(&cutoff, NOW));
    (void)out_ms(&cutoff, NOW);
    cutoff_shorten(&cutoff, NOW + MS_NS);
    cr_expect(cutoff_end(&cutoff, NOW + MS_NS));
    cr_expect_eq(out_ms(&cutoff, NOW + 2 * MS_NS), 2 * CUTOFF_PAUSE_MS, "it is not forgotten");
    cutoff_shorten(&cutoff, NOW + CUTOFF_PAUSE_MAX_MS * MS_NS);
    cr_expect_eq(cutoff_due_ns(&cutoff), NOW + (2 + 2 * CUTOFF_PAUSE_MS) * MS_NS, "never longer");
}

/* ---- the bus's configuration ---- */

static struct company company;
static char config[PATH_BYTES];
static char note[FLOOD_NOTE_BYTES];
static const struct child coordinator = {.kind = CHILD_COORDINATOR};
static const struct child server = {.kind = CHILD_BUS};
static const struct child agent = {.kind = CHILD_AGENT};

static void setup(void)
{
    memset(&company, 0, sizeof(company));
    char path[PATH_BYTES];
    struct error err = {0};
    (void)snprintf(company.dir, sizeof(company.dir), "/tmp/mainstay-flood-XXXXXX");
    cr_assert_not_null(mkdtemp(company.dir));
    cr_assert_eq(path_join(company.dir, "run", path, &err), ERR_OK);
    cr_assert_eq(dir_create(path, &err), ERR_OK);
    cr_assert_eq(path_join(company.dir, "creds", path, &err), ERR_OK);
    cr_assert_eq(path_join(company.dir, "run/nats.conf", config, &err), ERR_OK);
    cr_assert_eq(accounts_add(&company.accounts, "one", "main", &err), ERR_OK);
    cr_assert_eq(accounts_add(&company.accounts, "one-b", "main", &err), ERR_OK);
    cr_assert_eq(accounts_keep(&company.accounts, path, &err), ERR_OK);
    company.bus = (struct bus_config){.host = "127.0.0.1", .port = 4222, .max_file_bytes = 1};
    cr_assert_eq(company_write_bus(&company, &err), ERR_OK);
    struct child *bus = &company.children[company.child_count++];
    (void)snprintf(bus->name, sizeof(bus->name), "nats-server");
}

static void teardown(void)
{
    char command[PATH_BYTES + 16];
    (void)snprintf(command, sizeof(command), "rm -r %s", company.dir);
    cr_expect_eq(system(command), 0);
}

TestSuite(flood, .init = setup, .fini = teardown);

/* Whether the bus takes the agent's password by what is written. */
static bool is_in(size_t index)
{
    struct buf text = BUF_INIT(65536);
    cr_assert_eq(file_read(config, &text, NULL), ERR_OK);
    bool in = strstr(text.data, company.accounts.agents[index].password) != NULL;
    buf_release(&text);
    return in;
}

Test(flood, cuts_off_the_store_that_the_coordinator_names)
{
    flood_heard(&company, &coordinator, LINE "one/main\"}", NOW, note);
    cr_expect_not(is_in(0));
    cr_expect(is_in(1));
    cr_expect(company.bus_reads);
    cr_expect_not_null(strstr(note, "agent one floods"), "%s", note);
    cr_expect_not_null(strstr(note, "mainstay agents restart one'"), "%s", note);
    cr_expect_eq(flood_left_ms(&company, "one", NOW), CUTOFF_PAUSE_MS);
    cr_expect_eq(flood_left_ms(&company, "one-b", NOW), 0);
    flood_heard(&company, &coordinator, LINE "one/main\"}", NOW, note);
    cr_expect_str_eq(note, "", "said of what came before");
}

Test(flood, does_not_mind_other_lines)
{
    static const char *const lines[] = {"", LINE, LINE "two/main\"}", LINE "one/mainly\"}",
                                        LINE "one/", "one/main",
                                        /* what an agent can bring about in the words of a line */
                                        "{\"message\":\"\\\"flood\\\":\\\"one/main\\\"\"}"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        flood_heard(&company, &coordinator, lines[i], NOW, note);
        cr_expect_str_eq(note, "", "%s", lines[i]);
    }
    cr_expect(is_in(0) && is_in(1));
    cr_expect_not(company.bus_reads);
}

#define HEAD  "[26233] 2026/11/23 12:54:35.979615 "
#define DROPS "[WRN] Dropping messages due to excessive stream ingest rate on 'CORE' > "

Test(flood, cuts_off_the_store_that_the_bus_names)
{
    flood_heard(&company, &server, HEAD DROPS "'RESULTS_one-b_main': IPQ len limit reached", NOW,
                note);
    cr_expect(is_in(0));
    cr_expect_not(is_in(1));
    cr_expect_not_null(strstr(note, "agent one-b floods"), "%s", note);
}

Test(flood, does_not_mind_what_came_before_the_last_cut_and_was_stored_after_it)
{
    company.bus.sync_always = true;
    flood_heard(&company, &coordinator, LINE "one/main\"}", NOW, note);
    int64_t now = NOW + MS_NS;
    flood_forgive(&company, "one", now);
    cr_assert(flood_over(&company, now, note));
    flood_heard(&company, &coordinator, LINE "one/main\"}", NOW + 29999 * MS_NS, note);
    cr_expect_str_eq(note, "");
    cr_expect(is_in(0));
    flood_heard(&company, &server, HEAD DROPS "'RESULTS_one_main'", NOW + 29999 * MS_NS, note);
    cr_expect_not(is_in(0), "that is of now");
    now = NOW + 30000 * MS_NS;
    flood_forgive(&company, "one", now);
    cr_assert(flood_over(&company, now, note));
    flood_heard(&company, &coordinator, LINE "one/main\"}", now + 30000 * MS_NS, note);
    cr_expect_not(is_in(0));
}

Test(flood, does_not_mind_what_a_client_of_the_bus_calls_itself)
{
    static const char *const lines[] = {
        HEAD "[ERR] 127.0.0.1:1 - cid:2 - authentication error - User \"" DROPS
             "'RESULTS_one_main'\"",
        DROPS "'RESULTS_one_main'",
        "a b ",
        HEAD DROPS "'RESULTS_one_mainly'",
        HEAD DROPS "'EVENTS'",
        LINE "one/main\"}"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        flood_heard(&company, &server, lines[i], NOW, note);
        cr_expect_str_eq(note, "", "%s", lines[i]);
    }
    flood_heard(&company, &agent, HEAD DROPS "'RESULTS_one_main'", NOW, note);
    flood_heard(&company, &agent, LINE "one/main\"}", NOW, note);
    cr_expect(is_in(0) && is_in(1), "no agent may say it of another");
}

Test(flood, lets_in_when_the_pause_is_over)
{
    flood_heard(&company, &coordinator, LINE "one-b/main\"}", NOW, note);
    company.bus_reads = false;
    cr_expect_eq(flood_due_ns(&company), NOW + CUTOFF_PAUSE_MS * MS_NS);
    cr_expect_not(flood_over(&company, flood_due_ns(&company) - 1, note));
    cr_expect(flood_over(&company, flood_due_ns(&company), note));
    cr_expect_not_null(strstr(note, "one-b"));
    cr_expect(is_in(1));
    cr_expect(company.bus_reads);
    cr_expect_eq(flood_due_ns(&company), CLOCK_FOREVER);
}

Test(flood, lets_in_when_the_operator_starts_the_agent_again)
{
    flood_heard(&company, &coordinator, LINE "one/main\"}", NOW, note);
    flood_forgive(&company, "one-b", NOW + 1);
    cr_expect_not(flood_over(&company, NOW + 1, note));
    flood_forgive(&company, "one", NOW + 1);
    cr_expect(flood_over(&company, NOW + 1, note));
    cr_expect(is_in(0));
}

/* Nothing can be written: as on a full disk, which also holds for root. */
static void unwritable(bool on)
{
    char folder[PATH_BYTES];
    char aside[PATH_BYTES];
    cr_assert_eq(path_join(company.dir, "run", folder, NULL), ERR_OK);
    cr_assert_eq(path_join(company.dir, "aside", aside, NULL), ERR_OK);
    cr_assert_eq(on ? rename(folder, aside) : rename(aside, folder), 0);
}

Test(flood, tries_again_what_could_not_be_written)
{
    unwritable(true);
    flood_heard(&company, &coordinator, LINE "one/main\"}", NOW, note);
    cr_expect_not_null(strstr(note, "cannot be cut off"), "%s", note);
    cr_expect_eq(flood_left_ms(&company, "one", NOW), 0);
    unwritable(false);
    flood_heard(&company, &coordinator, LINE "one/main\"}", NOW, note);
    cr_assert_not(is_in(0));
    unwritable(true);
    int64_t due = flood_due_ns(&company);
    cr_expect(flood_over(&company, due, note));
    cr_expect_not_null(strstr(note, "cannot be let in"), "%s", note);
    cr_expect_not(flood_over(&company, due, note), "not without a pause");
    unwritable(false);
    flood_heard(&company, &coordinator, LINE "one-b/main\"}", due, note);
    cr_expect_not(is_in(0), "nor with what is written about another");
    cr_expect(flood_over(&company, flood_due_ns(&company), note));
    cr_expect(is_in(0));
}

Test(flood, tells_a_bus_that_is_ready_and_only_once)
{
    struct child *bus = &company.children[0];
    bus->pid = fork();
    if (bus->pid == 0) {
        for (;;) {
            (void)pause();
        }
    }
    int status = 0;
    company.bus_reads = true;
    bus->state = CHILD_STARTING;
    flood_tell_bus(&company);
    cr_expect(company.bus_reads, "one that starts may not know the signal yet, and ends");
    bus->state = CHILD_READY;
    flood_tell_bus(&company);
    cr_expect_not(company.bus_reads);
    cr_assert_eq(waitpid(bus->pid, &status, 0), bus->pid);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
}

Test(flood, hears_that_the_bus_keeps_what_it_had)
{
    cr_expect(flood_refused(HEAD "[ERR] Failed to reload server configuration: no"));
    cr_expect_not(flood_refused(HEAD "[INF] Reloaded server configuration"));
}

/* ---- lines of a child ---- */

static unsigned heard;

static void count_line(void *user, const struct child *child, const char *line)
{
    (void)user;
    (void)child;
    heard += strcmp(line, "mark") == 0 ? 1 : 0;
}

Test(child, a_line_that_is_too_long_has_no_end_that_is_heard)
{
    struct child child = {.hear = count_line, .log.fd = -1, .ready_mark = "ready"};
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    child.output = fds[0];
    for (size_t i = 0; i < CHILD_LINE_BYTES - 1; i++) {
        cr_assert_eq(write(fds[1], "x", 1), 1);
    }
    cr_assert_eq(write(fds[1], "mark\n", 5), 5);
    (void)close(fds[1]);
    (void)child_read(&child, NOW);
    cr_expect_eq(heard, 0);
    cr_assert_eq(pipe(fds), 0);
    child.output = fds[0];
    cr_assert_eq(write(fds[1], "mark\n", 5), 5);
    (void)close(fds[1]);
    (void)child_read(&child, NOW);
    cr_expect_eq(heard, 1);
}
