/* Real agent processes on a real bus: start, work, garbage, kill -9, lost bus, stop. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/agent/coordinator.h"
#include "tests/support/nats_fixture.h"

#define TESTER "tests/support/ledger_agent/contract.json"
#define HELLO  "tests/integration/hello_agent/contract.json"

enum {
    DONE = MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE,
    FAILED = MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED
};

static struct coordinator coordinator;
static struct coordinator *const c = &coordinator;

static bool has_results(struct coordinator *at, unsigned key)
{
    return at->known[key].results > 0;
}

static bool has_goodbyes(struct coordinator *at, unsigned n)
{
    return at->goodbyes >= n;
}

Test(agent, the_readmes_agent_works_and_says_goodbye)
{
    if (!coordinator_start(c, "hello")) {
        cr_skip_test("no nats-server");
    }
    agent_spawn(c, HELLO, NULL);
    coordinator_wait(c, has_hellos, 1, "hello");
    struct order orders[] = {
        {.key = 1, .action = "greet", .input = "{\"name\":\"Ada\"}"},
        {.key = 2, .action = "greet", .input = "{\"name\":\"nobody\"}"},
        {.key = 3, .action = "remember", .input = "{\"name\":\"Ada\"}", .perform = true}};
    coordinator_send(c, orders, 3, 1);
    coordinator_wait(c, has_done, 2, "greeting");
    coordinator_wait(c, has_results, 2, "refusal");
    cr_assert_str_eq(c->known[1].output, "{\"text\":\"Hello, Ada!\"}");
    cr_assert_eq(c->known[2].status, FAILED);
    cr_assert_eq(c->known[2].failure_class, MAINSTAY__FAILURE_CLASS__FAILURE_CLASS_DATA);
    cr_assert_str_eq(c->known[3].output, "{\"remembered\":true}");
    cr_assert_eq(agent_terminate(c), 0);
    coordinator_wait(c, has_goodbyes, 1, "goodbye");
    coordinator_stop(c);
}

Test(agent, garbage_does_not_stop_it)
{
    if (!coordinator_start(c, "tester")) {
        cr_skip_test("no nats-server");
    }
    agent_spawn(c, TESTER, NULL);
    coordinator_wait(c, has_hellos, 1, "hello");
    coordinator_send_bytes(c, "garbage", 7);
    coordinator_send_bytes(c, "{\"json\":true}", 13);
    struct order order = {.key = 1, .action = "echo", .input = "[1,2]"};
    coordinator_send(c, &order, 1, 0); /* below the epoch of hello */
    coordinator_wait(c, has_dead_letters, 3, "dead letters");
    coordinator_send(c, &order, 1, 1);
    coordinator_wait(c, has_done, 1, "echo");
    cr_assert_str_eq(c->known[1].output, "[1,2]");
    coordinator_stop(c);
}

Test(agent, a_refused_hello_is_repeated)
{
    if (!coordinator_start(c, "tester")) {
        cr_skip_test("no nats-server");
    }
    c->refuse = true;
    agent_spawn(c, TESTER, NULL);
    coordinator_wait(c, has_hellos, 2, "second hello");
    (void)pthread_mutex_lock(&c->lock);
    c->refuse = false;
    unsigned hellos = c->hellos;
    (void)pthread_mutex_unlock(&c->lock);
    coordinator_wait(c, has_hellos, hellos + 1, "accepted hello");
    struct order order = {.key = 1, .action = "echo", .input = "1"};
    coordinator_send(c, &order, 1, 1);
    coordinator_wait(c, has_done, 1, "echo");
    coordinator_stop(c);
}

Test(agent, a_lost_bus_is_found_again)
{
    if (!coordinator_start(c, "tester")) {
        cr_skip_test("no nats-server");
    }
    agent_spawn(c, TESTER, NULL);
    coordinator_wait(c, has_hellos, 1, "hello");
    struct order before = {.key = 2, .action = "echo", .input = "2"};
    coordinator_send(c, &before, 1, 1);
    coordinator_wait(c, has_done, 1, "echo before the bus is lost");
    cr_assert_eq(c->hellos, 1, "one hello for one connection");
    nats_fixture_kill(c->nats);
    nats_fixture_restart(c->nats);
    coordinator_wait(c, has_hellos, 2, "hello after the bus came back");
    struct order order = {.key = 1, .action = "echo", .input = "1"};
    coordinator_send_until_done(c, &order);
    cr_assert_eq(agent_terminate(c), 0);
    coordinator_stop(c);
}

/* ---- the outside world ---- */

static pid_t ledger_start(const char *dir, char setting[32])
{
    int out[2];
    char program[512];
    char text[64] = "";
    cr_assert_eq(pipe(out), 0);
    (void)snprintf(program, sizeof(program), "%s/bin/effect-ledger", BINARY_DIR);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(out[1], STDOUT_FILENO);
        execl(program, program, "--dir", dir, (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    cr_assert_gt(read(out[0], text, sizeof(text) - 1), 0);
    (void)close(out[0]);
    unsigned port = 0;
    cr_assert_eq(sscanf(text, "port %u", &port), 1, "'%s'", text);
    (void)snprintf(setting, 32, "ledger=%u", port);
    return pid;
}

/* Keys, keys attempted more than once, and keys whose payload changed. */
static void ledger_verify(const char *dir, unsigned *keys, unsigned *repeated, unsigned *different)
{
    char command[1024];
    char line[512];
    (void)snprintf(command, sizeof(command), "%s/bin/effect-ledger --verify --dir %s", BINARY_DIR,
                   dir);
    FILE *pipe_file = popen(command, "r");
    cr_assert_not_null(pipe_file);
    bool found = false;
    while (fgets(line, sizeof(line), pipe_file) != NULL) {
        found = found ||
                sscanf(line, "keys %u repeated %u different %u", keys, repeated, different) == 3;
    }
    (void)pclose(pipe_file);
    cr_assert(found);
}

enum { EFFECTS = 300, KILLS = 6 };

/* Send again what has no success yet, as the coordinator does for a new session. */
static void outstanding_send(void)
{
    struct order orders[EFFECTS];
    size_t count = 0;
    (void)pthread_mutex_lock(&c->lock);
    for (unsigned key = 1; key <= EFFECTS; key++) {
        if ((int)c->known[key].status != DONE) {
            orders[count++] = (struct order){
                .key = key, .action = "charge", .input = "{\"amount\":\"1.00\"}", .perform = true};
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < count; i += 20) {
        coordinator_send(c, orders + i, count - i < 20 ? count - i : 20, 1);
    }
}

Test(agent, effects_survive_kills)
{
    char setting[32];
    char dir[128];
    if (!coordinator_start(c, "tester")) {
        cr_skip_test("no nats-server");
    }
    (void)snprintf(dir, sizeof(dir), "%s/ledger", c->dir);
    pid_t ledger = ledger_start(dir, setting);
    agent_spawn(c, TESTER, setting);
    for (unsigned i = 1; i <= KILLS; i++) {
        coordinator_wait(c, has_hellos, i, "hello");
        outstanding_send();
        coordinator_wait(c, has_done, i * 40, "progress");
        agent_kill(c);
        agent_spawn(c, TESTER, setting);
    }
    coordinator_wait(c, has_hellos, KILLS + 1, "last hello");
    outstanding_send();
    coordinator_wait(c, has_done, EFFECTS, "all effects");

    unsigned keys = 0;
    unsigned repeated = 0;
    unsigned different = 0;
    ledger_verify(dir, &keys, &repeated, &different);
    cr_assert_eq(keys, EFFECTS);
    cr_assert_eq(different, 0);
    cr_assert_leq(repeated, KILLS * 8, "at most what was under way when it died: %u", repeated);

    /* Everything is answered from the store now, under any attempt. */
    for (unsigned key = 1; key <= EFFECTS; key++) {
        c->known[key] = (struct known){0};
    }
    c->done = 0;
    outstanding_send();
    coordinator_wait(c, has_done, EFFECTS, "answers from the store");
    for (unsigned key = 1; key <= EFFECTS; key++) {
        cr_assert_geq(c->known[key].from_store, 1, "key %u ran again", key);
    }
    unsigned after = 0;
    ledger_verify(dir, &keys, &after, &different);
    cr_assert_eq(after, repeated, "a known success reached the world again");
    (void)kill(ledger, SIGKILL);
    (void)waitpid(ledger, NULL, 0);
    coordinator_stop(c);
}

Test(agent, a_stop_finishes_what_runs)
{
    if (!coordinator_start(c, "tester")) {
        cr_skip_test("no nats-server");
    }
    agent_spawn(c, TESTER, NULL);
    coordinator_wait(c, has_hellos, 1, "hello");
    struct order orders[] = {{.key = 1, .action = "slow", .input = "{\"ms\":500}"},
                             {.key = 2, .action = "slow", .input = "{\"ms\":0}"}};
    coordinator_send(c, orders, 2, 1);
    /* Workers take in order, so the first one runs by then; what only waits is left to redelivery.
     */
    coordinator_wait(c, has_results, 2, "the one behind it");
    cr_assert_eq(agent_terminate(c), 0);
    coordinator_wait(c, has_done, 2, "the slow one");
    coordinator_stop(c);
}

Test(agent, a_wrong_configuration_ends_with_its_code)
{
    char program[512];
    char command[2048];
    (void)snprintf(program, sizeof(program), "%s/bin/agent-tester", BINARY_DIR);
    (void)snprintf(command, sizeof(command), "%s --nonsense 2>/dev/null", program);
    cr_assert_eq(WEXITSTATUS(system(command)), 2);
    (void)snprintf(command, sizeof(command), "%s --version >/dev/null", program);
    cr_assert_eq(WEXITSTATUS(system(command)), 0);
    (void)snprintf(command, sizeof(command), "%s --data /nowhere/x --contract %s/%s 2>/dev/null",
                   program, SOURCE_DIR, TESTER);
    cr_assert_eq(WEXITSTATUS(system(command)), 1);
    char dir[] = "/tmp/mainstay-agent-XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(command, sizeof(command),
                   "%s --data %s --contract %s/%s --bus nats://192.0.2.1:4222 2>/dev/null", program,
                   dir, SOURCE_DIR, TESTER);
    cr_assert_eq(WEXITSTATUS(system(command)), 7, "off loopback without TLS");
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}
