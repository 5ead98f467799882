#include "tools/mainstay/company/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "tools/mainstay/company/orphan.h"

#define MS_NS INT64_C(1000000)

const char *child_state_text(enum child_state state)
{
    static const char *const names[] = {"stopped", "waiting", "starting", "ready", "stopping"};
    return names[state];
}

enum err child_arg(struct child *child, const char *text, struct error *err)
{
    for (size_t i = 0; i + 1 < CHILD_ARGS_MAX; i++) {
        if (child->args[i] == NULL) {
            child->args[i] = strdup(text);
            return child->args[i] != NULL ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory");
        }
    }
    return error_set(err, ERR_LIMIT, "too many arguments for '%s'", child->name);
}

/* Processors of this machine, from one that depends on the process's pid so that children do not
 * all sit on the first. What cannot be restricted runs everywhere. */
static void processors_restrict(unsigned wanted)
{
    cpu_set_t allowed;
    cpu_set_t chosen;
    CPU_ZERO(&chosen);
    if (wanted == 0 || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        return;
    }
    unsigned there = (unsigned)CPU_COUNT(&allowed);
    if (wanted >= there) {
        return;
    }
    unsigned first = (unsigned)getpid() % there;
    unsigned place = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed)) {
            if ((place + there - first) % there < wanted) {
                CPU_SET(cpu, &chosen);
            }
            place++;
        }
    }
    (void)sched_setaffinity(0, sizeof(chosen), &chosen);
}

/* In the new process: only async-signal-safe calls until exec. */
_Noreturn static void child_become(const struct child *child, int output, pid_t parent)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)setpgid(0,
                  0); /* an interrupt typed at the terminal is the supervisor's, who has an order */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(127);
    }
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0) {
        _exit(127);
    }
    processors_restrict(child->processors);
    for (size_t i = 0; i < CHILD_VARIABLES; i++) { /* one thread: nobody else holds malloc */
        if (child->variables[i][0] != '\0') {
            (void)putenv((char *)(uintptr_t)child->variables[i]);
        }
    }
    (void)execv(child->args[0], child->args);
    static const char cannot[] = "cannot execute the program\n";
    ssize_t done = write(STDERR_FILENO, cannot, sizeof(cannot) - 1);
    (void)done;
    _exit(127);
}

enum err child_start(struct child *child, struct error *err)
{
    CHECK(child->pid == 0);
    CHECK(child->args[0] != NULL);
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return error_set(err, ERR_IO, "cannot start '%s': %s", child->name, strerror(errno));
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        child_become(child, pipe_fds[1], parent);
    }
    int cause = errno;
    (void)close(pipe_fds[1]);
    if (pid < 0) {
        (void)close(pipe_fds[0]);
        return error_set(err, ERR_IO, "cannot start '%s': %s", child->name, strerror(cause));
    }
    (void)fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
    child->output = pipe_fds[0];
    child->pid = pid;
    child->state = CHILD_STARTING;
    child->wanted = true;
    child->line_size = 0;
    child->line_long = false;
    if (orphan_record(child->pid_path, pid, NULL) != ERR_OK) {
        (void)unlink(child->pid_path); /* a full disk; the child still dies with its parent */
    }
    return ERR_OK;
}

void child_stop(struct child *child, int64_t now_ns)
{
    child->wanted = false;
    if (child->pid == 0) {
        child->state = CHILD_STOPPED;
        return;
    }
    if (child->state != CHILD_STOPPING) {
        (void)kill(child->pid, SIGTERM);
        child->state = CHILD_STOPPING;
        child->due_ns = now_ns + CHILD_STOP_MS * MS_NS;
    }
}

static bool line_is_ready(const struct child *child, const char *line)
{
    return child->state == CHILD_STARTING && strstr(line, child->ready_mark) != NULL;
}

/* Finish the line in hand, which is `whole` or goes on. True when it is the one that says "ready".
 */
static bool line_end(struct child *child, bool whole)
{
    child->line[child->line_size] = '\0';
    bool ready = line_is_ready(child, child->line);
    if (child->hear != NULL && whole && !child->line_long) {
        child->hear(child->hear_user, child, child->line);
    }
    child->line_long = !whole;
    if (child->line_size > 0) {
        (void)text_copy(child->last, sizeof(child->last), child->line);
    }
    child->line[child->line_size++] = '\n';
    logfile_append(&child->log, child->line, child->line_size);
    child->line_size = 0;
    return ready;
}

bool child_read(struct child *child, int64_t now_ns)
{
    bool ready = false;
    char chunk[4096];
    while (child->output >= 0) {
        ssize_t got = read(child->output, chunk, sizeof(chunk));
        if (got < 0) {
            break;
        }
        if (got == 0) {
            (void)close(child->output);
            child->output = -1;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] != '\n') {
                child->line[child->line_size++] = chunk[i];
            }
            if (chunk[i] == '\n' || child->line_size == CHILD_LINE_BYTES - 1) {
                ready = line_end(child, chunk[i] == '\n') || ready;
            }
        }
    }
    if (ready) {
        child->state = CHILD_READY;
        child->ready_ns = now_ns;
    }
    return ready;
}

static int64_t pause_ns(unsigned failures)
{
    int64_t ms = 0;
    for (unsigned i = 1; i < failures && ms < CHILD_PAUSE_MAX_MS; i++) {
        ms = ms == 0 ? CHILD_PAUSE_MS : ms * 2;
    }
    return (ms > CHILD_PAUSE_MAX_MS ? CHILD_PAUSE_MAX_MS : ms) * MS_NS;
}

void child_ended(struct child *child, int status, int64_t now_ns, char *note)
{
    bool was_ready = child->state == CHILD_READY;
    bool asked = child->state == CHILD_STOPPING;
    (void)child_read(child, now_ns);
    if (child->output >= 0) { /* a grandchild still holds the pipe */
        (void)close(child->output);
        child->output = -1;
    }
    if (child->line_size > 0) {
        (void)line_end(child, true);
    }
    child->pid = 0;
    (void)unlink(child->pid_path);
    char how[64];
    if (WIFSIGNALED(status)) {
        (void)snprintf(how, sizeof(how), "killed by signal %d", WTERMSIG(status));
    } else {
        (void)snprintf(how, sizeof(how), "exit code %d", WEXITSTATUS(status));
    }
    if (!child->wanted) {
        child->state = CHILD_STOPPED;
        (void)snprintf(note, CHILD_NOTE_BYTES, "%s %s (%s)", child->name,
                       asked ? "stopped" : "ended", how);
        return;
    }
    if (was_ready && now_ns - child->ready_ns >= CHILD_HEALTHY_MS * MS_NS) {
        child->failures = 0;
    }
    child->failures += asked ? 0 : 1; /* asked and still wanted: a restart by order */
    child->restarts++;
    int64_t pause = pause_ns(child->failures);
    child->due_ns = now_ns + pause;
    child->state = CHILD_WAITING;
    (void)snprintf(note, CHILD_NOTE_BYTES, "%s ended (%s), starting again in %d ms", child->name,
                   how, (int)(pause / MS_NS));
}

void child_tick(struct child *child, int64_t now_ns)
{
    if (child->state == CHILD_STOPPING && child->pid != 0 && now_ns >= child->due_ns) {
        (void)kill(child->pid, SIGKILL);
        child->due_ns = now_ns + CHILD_STOP_MS * MS_NS;
    }
}

void child_release(struct child *child)
{
    for (size_t i = 0; i < CHILD_ARGS_MAX; i++) {
        free(child->args[i]);
        child->args[i] = NULL;
    }
    if (child->output >= 0) {
        (void)close(child->output);
        child->output = -1;
    }
    logfile_close(&child->log);
}
