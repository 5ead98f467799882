/* `mainstay up` and `down` with a real nats-server: start, supervision, orders, end. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "tests/integration/cli/company_fixture.h"
#include "tools/mainstay/files.h"

TestSuite(company, .init = fixture_begin, .fini = fixture_end);

static json_t *read_file(const char *path)
{
    struct buf text = BUF_INIT(65536);
    json_t *value = NULL;
    cr_assert_eq(file_read(path, &text, NULL), ERR_OK, "%s", path);
    cr_assert_eq(json_parse(text.data, text.size, NULL, &value, NULL), ERR_OK);
    buf_release(&text);
    return value;
}

static bool process_ended(const void *user)
{
    const pid_t *pid = user;
    char path[64];
    struct buf text = BUF_INIT(4096);
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)*pid);
    bool gone = file_read(path, &text, NULL) != ERR_OK || strstr(text.data, ") Z ") != NULL;
    buf_release(&text);
    return gone;
}

static void expect_private(const char *name)
{
    struct stat status;
    char path[PATH_BYTES];
    fixture_path(name, path, sizeof(path));
    cr_expect_eq(stat(path, &status), 0, "%s", name);
    cr_expect_eq(status.st_mode & 077, 0, "%s is open to others", name);
}

Test(company, starts_with_everything_live_and_stops_with_nothing_left)
{
    static const char *const names[] = {"nats-server", "coordinator", "one", "two"};
    static const char *const secret[] = {"creds/operator.creds", "creds/agent-one.creds",
                                         "run/nats.conf", "run/control.sock", "context.json"};
    pid_t pids[4];
    char path[PATH_BYTES];
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    for (size_t i = 0; i < 4; i++) {
        pids[i] = fixture_pid(names[i]);
        cr_expect_gt(pids[i], 0, "%s", names[i]);
    }
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
        expect_private(secret[i]);
    }
    fixture_path("prometheus.json", path, sizeof(path));
    json_t *targets = read_file(path);
    cr_expect_eq(json_array_size(targets), 3, "coordinator and two agents");
    json_decref(targets);
    fixture_path("../nats/context/mainstay.json", path, sizeof(path));
    json_t *context = read_file(path);
    cr_expect_str_eq(json_text_of(context, "user"), "operator");
    json_decref(context);
    cr_expect_eq(fixture_run("status -o jsonl"), 0);
    cr_expect_not_null(strstr(fixture_output(), "\"agent\":\"two\""));
    cr_expect_eq(fixture_run("down"), 0);
    for (size_t i = 0; i < 4; i++) {
        cr_expect(fixture_until(process_ended, &pids[i]), "%s goes on", names[i]);
        cr_expect_eq(fixture_pid(names[i]), 0);
    }
    cr_expect_eq(fixture_run("status"), 7);
    cr_expect_eq(fixture_run("down"), 0, "stopping twice is no error");
}

Test(company, a_second_start_in_the_same_folder_is_refused)
{
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    cr_expect_eq(fixture_up(), 1);
    cr_expect_not_null(strstr(fixture_output(), "already runs"));
}

Test(company, a_restart_keeps_port_and_passwords)
{
    char path[PATH_BYTES];
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    fixture_path("context.json", path, sizeof(path));
    json_t *first = read_file(path);
    fixture_path("creds/agent-one.creds", path, sizeof(path));
    struct buf before = BUF_INIT(4096);
    struct buf after = BUF_INIT(4096);
    cr_assert_eq(file_read(path, &before, NULL), ERR_OK);
    cr_assert_eq(fixture_run("down"), 0);
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    cr_assert_eq(file_read(path, &after, NULL), ERR_OK);
    cr_expect_str_eq(before.data, after.data);
    fixture_path("context.json", path, sizeof(path));
    json_t *second = read_file(path);
    cr_expect(json_equal(first, second));
    json_decref(first);
    json_decref(second);
    buf_release(&before);
    buf_release(&after);
}

struct successor {
    const char *name;
    pid_t before;
};

static bool has_successor(const void *user)
{
    const struct successor *wanted = user;
    pid_t pid = fixture_pid(wanted->name);
    return pid != 0 && pid != wanted->before;
}

Test(company, what_is_killed_is_started_again)
{
    static const char *const names[] = {"one", "coordinator", "nats-server"};
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    for (size_t i = 0; i < 3; i++) {
        struct successor wanted = {.name = names[i], .before = fixture_pid(names[i])};
        cr_assert_eq(kill(wanted.before, SIGKILL), 0);
        cr_expect(fixture_until(has_successor, &wanted), "%s stays dead", names[i]);
    }
}

Test(company, orders_restart_and_stop_one_process)
{
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    pid_t before = fixture_pid("two");
    cr_expect_eq(fixture_run("agents restart two"), 0, "%s", fixture_output());
    cr_expect_neq(fixture_pid("two"), before);
    cr_expect_neq(fixture_pid("two"), 0);
    cr_expect_eq(fixture_run("agents stop two"), 0);
    cr_expect_eq(fixture_pid("two"), 0);
    cr_expect_eq(fixture_run("agents restart two"), 0, "%s", fixture_output());
    cr_expect_neq(fixture_pid("two"), 0);
    cr_expect_eq(fixture_run("agents restart coordinator"), 0, "%s", fixture_output());
    cr_expect_eq(fixture_run("status"), 0, "restarted, but not there yet: %s", fixture_output());
    cr_expect_eq(fixture_run("agents restart nats-server"), 0, "%s", fixture_output());
    cr_expect_eq(fixture_run("status"), 0, "restarted, but not there yet: %s", fixture_output());
    cr_expect_eq(fixture_run("agents stop nobody"), 1);
    cr_expect_not_null(strstr(fixture_output(), "no process is called 'nobody'"));
}

Test(company, a_killed_supervisor_takes_its_processes_along_and_can_be_replaced)
{
    static const char *const names[] = {"nats-server", "coordinator", "one", "two"};
    pid_t pids[4];
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    for (size_t i = 0; i < 4; i++) {
        pids[i] = fixture_pid(names[i]);
    }
    pid_t supervisor = fixture_supervisor();
    cr_assert_eq(kill(supervisor, SIGKILL), 0);
    cr_assert(fixture_until(process_ended, &supervisor)); /* a signal is not obeyed at once */
    cr_expect_eq(fixture_up(), 0, "%s", fixture_output());
    for (size_t i = 0; i < 4; i++) {
        cr_expect(process_ended(&pids[i]), "%s of the killed supervisor goes on", names[i]);
    }
    cr_expect_eq(fixture_run("status"), 0);
}

Test(company, a_recorded_pid_of_somebody_else_is_left_alone)
{
    char path[PATH_BYTES];
    char record[64];
    char run[PATH_BYTES];
    fixture_path("run", run, sizeof(run));
    cr_assert_eq(dir_create(run, NULL), ERR_OK);
    fixture_path("run/one.pid", path, sizeof(path));
    /* This very process under a start time it does not have. */
    int size = snprintf(record, sizeof(record), "%d 1\n", (int)getpid());
    cr_assert_eq(file_write(path, record, (size_t)size, 0600, NULL), ERR_OK);
    cr_expect_eq(fixture_run("down"), 0);
    cr_expect_not_null(strstr(fixture_output(), "nothing runs"), "%s", fixture_output());
}

Test(company, a_start_that_fails_says_why_and_leaves_nothing)
{
    (void)setenv("FAKE_FAILS", "1", 1);
    cr_expect_eq(fixture_up(), 1);
    cr_expect_not_null(strstr(fixture_output(), "the disk is on fire"), "%s", fixture_output());
    cr_expect_eq(fixture_pid("nats-server"), 0);
    (void)unsetenv("FAKE_FAILS");
    cr_expect_eq(fixture_up(), 0, "%s", fixture_output());
}

Test(company, an_interrupt_in_the_foreground_stops_in_order)
{
    char command[2 * PATH_BYTES];
    (void)snprintf(command, sizeof(command),
                   "up --without connector --without extraction --without reconciliation "
                   "--coordinator '%s' & "
                   "p=$!; while ! grep -q ' ready$' '%s/log/mainstay.log' 2>/dev/null; do "
                   "sleep 0.01; done; kill -INT $p; wait $p",
                   FAKE_COORDINATOR, fixture_dir());
    /* A shell starts a background process with SIGINT ignored; `up` takes it all the same. */
    cr_expect_eq(fixture_run(command), 0, "%s", fixture_output());
    const char *agents = strstr(fixture_output(), "coordinator stopped");
    const char *bus = strstr(fixture_output(), "nats-server stopped");
    cr_expect(agents != NULL && bus != NULL && agents < bus, "%s", fixture_output());
}
