#include "tools/mainstay/company/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/wire/log_signs.h"
#include "tools/mainstay/company/bus_files.h"
#include "tools/mainstay/company/desk.h"
#include "tools/mainstay/company/flood.h"

#define MS_NS INT64_C(1000000)

enum { START_FAILURES_MAX = 3, NOTE_BYTES = 1024, NOTE_LINE_BYTES = 2048 };

enum phase {
    PHASE_BUS,
    PHASE_COORDINATOR,
    PHASE_AGENTS,
    PHASE_PROBE, /* all say they are ready; the probe asks */
    PHASE_UP,
    PHASE_STOP_AGENTS,
    PHASE_STOP_COORDINATOR,
    PHASE_STOP_BUS,
    PHASE_DOWN,
};

struct supervisor {
    struct company *company;
    const struct supervisor_options *options;
    enum phase phase;
    int signals;
    pid_t probe; /* 0: none */
    int64_t deadline_ns;
    struct desk desk;
    struct logfile log;
    struct bus_files bus_files;
    enum err failed; /* why it did not become ready */
    char failure[NOTE_BYTES];
};

static void note(struct supervisor *supervisor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct supervisor *supervisor, const char *format, ...)
{
    char words[NOTE_BYTES];
    char stamp[CLOCK_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is right above
    (void)vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    (void)clock_format(clock_wall_ms(), stamp);
    struct buf line = BUF_INIT(NOTE_LINE_BYTES);
    buf_printf(&line, "%s %s\n", stamp, words);
    if (!line.failed) {
        logfile_append(&supervisor->log, line.data, line.size);
    }
    buf_release(&line);
    if (supervisor->options->foreground) {
        (void)fprintf(stderr, "mainstay: %s\n", words);
    }
}

/* Whether all processes of `kind` are in `state`. */
static bool all_are(const struct company *company, enum child_kind kind, enum child_state state)
{
    for (size_t i = 0; i < company->child_count; i++) {
        const struct child *child = &company->children[i];
        if (child->kind == kind && child->state != state) {
            return false;
        }
    }
    return true;
}

static void start_child(struct supervisor *supervisor, struct child *child, int64_t now_ns)
{
    struct error err = {0};
    if (child_start(child, &err) != ERR_OK) {
        note(supervisor, "%s", err.message);
        (void)text_copy(child->last, sizeof(child->last), err.message);
        child->wanted = true;
        child->failures++;
        child->state = CHILD_WAITING;
        child->due_ns = now_ns + CHILD_PAUSE_MS * MS_NS;
    }
}

static void start_kind(struct supervisor *supervisor, enum child_kind kind, int64_t now_ns)
{
    struct company *company = supervisor->company;
    for (size_t i = 0; i < company->child_count; i++) {
        if (company->children[i].kind == kind) {
            start_child(supervisor, &company->children[i], now_ns);
        }
    }
}

static void stop_kind(struct supervisor *supervisor, enum child_kind kind, int64_t now_ns)
{
    struct company *company = supervisor->company;
    for (size_t i = 0; i < company->child_count; i++) {
        if (company->children[i].kind == kind) {
            child_stop(&company->children[i], now_ns);
        }
    }
}

static void begin_stop(struct supervisor *supervisor, int64_t now_ns)
{
    if (supervisor->phase >= PHASE_STOP_AGENTS) {
        return;
    }
    note(supervisor, "stopping");
    if (supervisor->probe != 0) {
        (void)kill(supervisor->probe, SIGKILL);
    }
    if (supervisor->phase < PHASE_UP && supervisor->failed == ERR_OK) {
        supervisor->options->report(supervisor->options->user, supervisor->company,
                                    "stopped before it was ready");
    }
    supervisor->phase = PHASE_STOP_AGENTS;
    stop_kind(supervisor, CHILD_AGENT, now_ns);
}

static void give_up(struct supervisor *supervisor, enum err code, const char *words, int64_t now_ns)
{
    supervisor->failed = code;
    (void)text_copy(supervisor->failure, sizeof(supervisor->failure), words);
    note(supervisor, "%s", words);
    supervisor->options->report(supervisor->options->user, supervisor->company, words);
    begin_stop(supervisor, now_ns);
}

static void start_probe(struct supervisor *supervisor)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
            _exit(1);
        }
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)setpgid(0, 0);
        _exit(supervisor->options->probe(supervisor->company));
    }
    supervisor->probe = pid > 0 ? pid : 0;
}

static void probe_ended(struct supervisor *supervisor, int status, int64_t now_ns)
{
    supervisor->probe = 0;
    if (supervisor->phase != PHASE_PROBE) {
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        supervisor->phase = PHASE_UP;
        note(supervisor, "ready");
        supervisor->options->report(supervisor->options->user, supervisor->company, NULL);
        return;
    }
    give_up(supervisor, ERR_UNAVAILABLE,
            "the processes started, but the coordinator does not answer or an agent is not live",
            now_ns);
}

/* While starting: give up on a process that dies again and again, or when time is over. */
static void watch_start(struct supervisor *supervisor, int64_t now_ns)
{
    struct company *company = supervisor->company;
    char words[NOTE_BYTES];
    const struct child *late = NULL;
    for (size_t i = 0; i < company->child_count; i++) {
        const struct child *child = &company->children[i];
        if (child->failures >= START_FAILURES_MAX) {
            (void)snprintf(words, sizeof(words), "cannot start '%s': it ended %u times, saying: %s",
                           child->name, child->failures, child->last);
            give_up(supervisor, ERR_UNAVAILABLE, words, now_ns);
            return;
        }
        if (late == NULL && child->state != CHILD_READY) {
            late = child;
        }
    }
    if (now_ns >= supervisor->deadline_ns) {
        (void)snprintf(words, sizeof(words), "not ready in %d s: %s is %s",
                       (int)(supervisor->options->timeout_ms / 1000),
                       late != NULL ? late->name : "the coordinator",
                       late != NULL ? child_state_text(late->state) : "not answering");
        give_up(supervisor, ERR_TIMEOUT, words, now_ns);
    }
}

/* One after the other: nobody has to try again because somebody else is late. A request through an
 * account import is not told that nobody listens; it waits for its whole time. */
static void advance_start(struct supervisor *supervisor, int64_t now_ns)
{
    const struct company *company = supervisor->company;
    bool bus = all_are(company, CHILD_BUS, CHILD_READY);
    bool coordinator = all_are(company, CHILD_COORDINATOR, CHILD_READY);
    if (supervisor->phase == PHASE_BUS && bus) {
        supervisor->phase = PHASE_COORDINATOR;
        start_kind(supervisor, CHILD_COORDINATOR, now_ns);
    }
    if (supervisor->phase == PHASE_COORDINATOR && bus && coordinator) {
        supervisor->phase = PHASE_AGENTS;
        start_kind(supervisor, CHILD_AGENT, now_ns);
    }
    if (supervisor->phase == PHASE_AGENTS && bus && coordinator &&
        all_are(company, CHILD_AGENT, CHILD_READY)) {
        supervisor->phase = PHASE_PROBE;
        start_probe(supervisor);
    }
    if (supervisor->phase < PHASE_UP) {
        watch_start(supervisor, now_ns);
    }
}

/* Go on to the next phase when the present one is complete. */
static void advance(struct supervisor *supervisor, int64_t now_ns)
{
    const struct company *company = supervisor->company;
    if (supervisor->phase < PHASE_UP) {
        advance_start(supervisor, now_ns);
    }
    if (supervisor->phase == PHASE_STOP_AGENTS && all_are(company, CHILD_AGENT, CHILD_STOPPED)) {
        supervisor->phase = PHASE_STOP_COORDINATOR;
        stop_kind(supervisor, CHILD_COORDINATOR, now_ns);
    }
    if (supervisor->phase == PHASE_STOP_COORDINATOR &&
        all_are(company, CHILD_COORDINATOR, CHILD_STOPPED)) {
        supervisor->phase = PHASE_STOP_BUS;
        stop_kind(supervisor, CHILD_BUS, now_ns);
    }
    if (supervisor->phase == PHASE_STOP_BUS && all_are(company, CHILD_BUS, CHILD_STOPPED)) {
        supervisor->phase = PHASE_DOWN;
    }
}

/* The bus has ended: perhaps its files are to blame. */
static void bus_ended(struct supervisor *supervisor, struct child *bus, int status, bool well,
                      int64_t now_ns)
{
    char words[BUS_FILES_NOTE_BYTES];
    bool anew = bus_files_ended(&supervisor->bus_files, status, well, words);
    if (words[0] != '\0') {
        note(supervisor, "%s", words);
    }
    if (anew) {
        bus->failures = 0;
        bus->due_ns = now_ns;
        supervisor->deadline_ns = clock_deadline_ns(supervisor->options->timeout_ms);
    }
}

static bool is_well(const struct child *child, int64_t now_ns)
{
    return child->state == CHILD_READY && now_ns - child->ready_ns >= CHILD_HEALTHY_MS * MS_NS;
}

/* The coordinator says that the bus is stuck. Not right after its start: then a second line may
 * still be about the one before. */
static void bus_alarm(struct supervisor *supervisor, struct child *bus, int64_t now_ns)
{
    if (supervisor->phase < PHASE_STOP_AGENTS && is_well(bus, now_ns)) {
        supervisor->bus_files.stuck = true;
        (void)kill(bus->pid, SIGKILL); /* it would not end in good order */
    }
}

/* A child has printed a line. */
static void hear(void *user, const struct child *child, const char *line)
{
    struct supervisor *supervisor = user;
    char words[FLOOD_NOTE_BYTES] = "";
    int64_t now_ns = clock_monotonic_ns();
    if (child->kind == CHILD_COORDINATOR && strstr(line, LOG_BUS_STUCK) != NULL) {
        bus_alarm(supervisor, company_child(supervisor->company, "nats-server"), now_ns);
    } else if (child->kind == CHILD_BUS && flood_refused(line)) {
        (void)snprintf(words, sizeof(words), "nats-server keeps its configuration as it was: %s",
                       line);
    } else if (supervisor->phase < PHASE_STOP_AGENTS) {
        flood_heard(supervisor->company, child, line, now_ns, words);
    }
    if (words[0] != '\0') {
        note(supervisor, "%s", words);
    }
}

/* What the children printed. */
static void read_children(struct supervisor *supervisor, int64_t now_ns)
{
    struct company *company = supervisor->company;
    for (size_t i = 0; i < company->child_count; i++) {
        struct child *child = &company->children[i];
        bool ready = child_read(child, now_ns);
        if (ready && child->kind == CHILD_BUS) {
            bus_files_ready(&supervisor->bus_files);
        }
    }
}

/* Collect ended processes. */
static void reap(struct supervisor *supervisor, int64_t now_ns)
{
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == supervisor->probe) {
            probe_ended(supervisor, status, now_ns);
            continue;
        }
        for (size_t i = 0; i < supervisor->company->child_count; i++) {
            struct child *child = &supervisor->company->children[i];
            if (child->pid == pid) {
                char words[CHILD_NOTE_BYTES];
                bool well = is_well(child, now_ns);
                if (supervisor->phase >= PHASE_STOP_AGENTS) {
                    child->wanted = false;
                }
                child_ended(child, status, now_ns, words);
                note(supervisor, "%s", words);
                if (child->kind == CHILD_BUS && child->state == CHILD_WAITING) {
                    bus_ended(supervisor, child, status, well, now_ns);
                }
            }
        }
    }
}

static void take_signals(struct supervisor *supervisor, int64_t now_ns)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            begin_stop(supervisor, now_ns);
        }
    }
    reap(supervisor, now_ns);
}

static void tick(struct supervisor *supervisor, int64_t now_ns)
{
    struct company *company = supervisor->company;
    char words[FLOOD_NOTE_BYTES];
    while (flood_over(company, now_ns, words)) {
        note(supervisor, "%s", words);
    }
    flood_tell_bus(company);
    for (size_t i = 0; i < company->child_count; i++) {
        struct child *child = &company->children[i];
        child_tick(child, now_ns);
        if (child->state != CHILD_WAITING) {
            continue;
        }
        if (supervisor->phase >= PHASE_STOP_AGENTS) {
            child->state = CHILD_STOPPED; /* somebody asked for a restart meanwhile */
        } else if (now_ns >= child->due_ns) {
            start_child(supervisor, child, now_ns);
        }
    }
}

/* Milliseconds until the next thing to do; -1: nothing is due. */
static int pause_ms(const struct supervisor *supervisor, int64_t now_ns)
{
    const struct company *company = supervisor->company;
    int64_t due = flood_due_ns(company);
    if (supervisor->phase < PHASE_UP && supervisor->deadline_ns < due) {
        due = supervisor->deadline_ns;
    }
    for (size_t i = 0; i < company->child_count; i++) {
        const struct child *child = &company->children[i];
        bool timed = child->state == CHILD_WAITING || child->state == CHILD_STOPPING;
        due = timed && child->due_ns < due ? child->due_ns : due;
    }
    if (due == CLOCK_FOREVER) {
        return -1;
    }
    return due <= now_ns ? 0 : (int)((due - now_ns) / MS_NS) + 1;
}

static void loop(struct supervisor *supervisor)
{
    struct company *company = supervisor->company;
    struct pollfd fds[1 + 1 + DESK_CLIENTS + COMPANY_CHILDREN_MAX];
    while (supervisor->phase != PHASE_DOWN) {
        fds[0] = (struct pollfd){.fd = supervisor->signals, .events = POLLIN};
        size_t count = 1 + desk_poll(&supervisor->desk, fds + 1);
        for (size_t i = 0; i < company->child_count; i++) {
            if (company->children[i].output >= 0) {
                fds[count++] = (struct pollfd){.fd = company->children[i].output, .events = POLLIN};
            }
        }
        (void)poll(fds, (nfds_t)count, pause_ms(supervisor, clock_monotonic_ns()));
        int64_t now_ns = clock_monotonic_ns();
        read_children(supervisor, now_ns);
        take_signals(supervisor, now_ns);
        if (desk_serve(&supervisor->desk, company, now_ns)) {
            begin_stop(supervisor, now_ns);
        }
        tick(supervisor, now_ns);
        advance(supervisor, now_ns);
        desk_settle(&supervisor->desk, company, supervisor->phase == PHASE_DOWN);
    }
}

static enum err supervisor_open(struct supervisor *supervisor, struct error *err)
{
    char path[PATH_BYTES];
    sigset_t taken;
    (void)sigemptyset(&taken);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)sigaddset(&taken, signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &taken, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    supervisor->signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->signals < 0) {
        return error_set(err, ERR_IO, "cannot watch signals: %s", strerror(errno));
    }
    TRY(path_join(supervisor->company->dir, "log/mainstay.log", path, err));
    TRY(logfile_open(&supervisor->log, path, err));
    return desk_open(supervisor->company->dir, &supervisor->desk, err);
}

enum err supervisor_run(struct company *company, const struct supervisor_options *options,
                        struct error *err)
{
    struct supervisor *supervisor = calloc(1, sizeof(*supervisor));
    if (supervisor == NULL) {
        return error_set(err, ERR_NOMEM, "out of memory");
    }
    supervisor->company = company;
    supervisor->options = options;
    supervisor->phase = PHASE_BUS;
    supervisor->signals = -1;
    supervisor->bus_files.dir = company->dir;
    supervisor->log.fd = -1;
    desk_init(&supervisor->desk);
    supervisor->deadline_ns = clock_deadline_ns(options->timeout_ms);
    for (size_t i = 0; i < company->child_count; i++) {
        company->children[i].hear = hear;
        company->children[i].hear_user = supervisor;
    }
    enum err code = supervisor_open(supervisor, err);
    if (code == ERR_OK) {
        start_kind(supervisor, CHILD_BUS, clock_monotonic_ns());
        loop(supervisor);
        note(supervisor, "stopped");
        if (supervisor->failed != ERR_OK) {
            code = error_set(err, supervisor->failed, "%s", supervisor->failure);
        }
    }
    desk_close(&supervisor->desk);
    logfile_close(&supervisor->log);
    if (supervisor->signals >= 0) {
        (void)close(supervisor->signals);
    }
    free(supervisor);
    return code;
}
