#include "tests/support/nats_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"

enum { PATH_BYTES = 512, CREDS_MAX = 8, START_SECONDS = 20 };

struct nats_fixture {
    char folder[PATH_BYTES - 128];
    char config[PATH_BYTES];
    char store[PATH_BYTES];
    char log[PATH_BYTES];
    char url[64];
    char creds[CREDS_MAX][PATH_BYTES];
    unsigned creds_count;
    unsigned port;
    pid_t pid;
};

bool fixture_wait(bool (*done)(void *user), void *user, unsigned seconds)
{
    int64_t deadline = clock_deadline_ns((int64_t)seconds * 1000);
    while (!done(user)) {
        if (clock_monotonic_ns() > deadline) {
            return false;
        }
        const struct timespec pause = {.tv_nsec = 2000000};
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    CHECK(fd >= 0);
    size_t size = strlen(text);
    CHECK(write(fd, text, size) == (ssize_t)size);
    CHECK(close(fd) == 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A port nobody has now: the server gets it a moment later. */
static unsigned free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    CHECK(bind(fd, (struct sockaddr *)&address, size) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    CHECK(close(fd) == 0);
    return ntohs(address.sin_port);
}

/* Whether the server greets a client ("INFO ..."). */
static bool server_greets(void *user)
{
    const struct nats_fixture *fixture = user;
    char greeting[4] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)fixture->port)};
    bool ready = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                 recv(fd, greeting, sizeof(greeting), MSG_WAITALL) == (ssize_t)sizeof(greeting) &&
                 memcmp(greeting, "INFO", sizeof(greeting)) == 0;
    (void)close(fd);
    return ready;
}

static bool server_greets_or_died(void *user)
{
    struct nats_fixture *fixture = user;
    if (waitpid(fixture->pid, NULL, WNOHANG) == fixture->pid) {
        fixture->pid = 0;
        return true;
    }
    return server_greets(user);
}

static void run_server(const struct nats_fixture *fixture)
{
    char port[16];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(port, sizeof(port), "%u", fixture->port);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(null, STDERR_FILENO);
    (void)setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin", 1);
    (void)execlp("nats-server", "nats-server", "-c", fixture->config, "-a", "127.0.0.1", "-p", port,
                 "-js", "-sd", fixture->store, "-l", fixture->log, (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

/* Start the process; false when it ended at once. */
static bool spawn(struct nats_fixture *fixture)
{
    fixture->pid = fork();
    CHECK(fixture->pid >= 0);
    if (fixture->pid == 0) {
        run_server(fixture);
    }
    CHECK(fixture_wait(server_greets_or_died, fixture, START_SECONDS));
    return fixture->pid != 0;
}

static bool is_installed(void)
{
    static const char *const folders[] = {"/usr/local/bin",  "/usr/bin",  "/bin",
                                          "/usr/local/sbin", "/usr/sbin", "/sbin"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%s/nats-server", folders[i]);
        if (access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

struct nats_fixture *nats_fixture_start(const char *config)
{
    if (!is_installed()) {
        return NULL;
    }
    struct nats_fixture *fixture = calloc(1, sizeof(*fixture));
    CHECK(fixture != NULL);
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "%s/mainstay-nats-XXXXXX",
                   tmp != NULL ? tmp : "/tmp");
    CHECK(mkdtemp(fixture->folder) != NULL);
    (void)snprintf(fixture->config, PATH_BYTES, "%s/nats.conf", fixture->folder);
    (void)snprintf(fixture->store, PATH_BYTES, "%s/jetstream", fixture->folder);
    (void)snprintf(fixture->log, PATH_BYTES, "%s/nats.log", fixture->folder);
    nats_fixture_configure(fixture, config);
    bool running = false;
    for (int attempt = 0; attempt < 5 && !running; attempt++) {
        fixture->port = free_port();
        running = spawn(fixture);
    }
    CHECK(running);
    (void)snprintf(fixture->url, sizeof(fixture->url), "nats://127.0.0.1:%u", fixture->port);
    return fixture;
}

void nats_fixture_destroy(struct nats_fixture **fixture)
{
    if (*fixture != NULL) {
        nats_fixture_kill(*fixture);
        remove_tree((*fixture)->folder);
        free(*fixture);
        *fixture = NULL;
    }
}

const char *nats_fixture_url(const struct nats_fixture *fixture)
{
    return fixture->url;
}

void nats_fixture_kill(struct nats_fixture *fixture)
{
    if (fixture->pid > 0) {
        CHECK(kill(fixture->pid, SIGKILL) == 0);
        CHECK(waitpid(fixture->pid, NULL, 0) == fixture->pid);
        fixture->pid = 0;
    }
}

void nats_fixture_pause(struct nats_fixture *fixture)
{
    int status = 0;
    CHECK(kill(fixture->pid, SIGSTOP) == 0);
    CHECK(waitpid(fixture->pid, &status, WUNTRACED) == fixture->pid);
    CHECK(WIFSTOPPED(status));
}

void nats_fixture_resume(struct nats_fixture *fixture)
{
    CHECK(kill(fixture->pid, SIGCONT) == 0);
}

void nats_fixture_restart(struct nats_fixture *fixture)
{
    CHECK(fixture->pid == 0);
    CHECK(spawn(fixture));
}

void nats_fixture_wipe(struct nats_fixture *fixture)
{
    CHECK(fixture->pid == 0);
    remove_tree(fixture->store);
}

void nats_fixture_configure(struct nats_fixture *fixture, const char *config)
{
    write_file(fixture->config, config != NULL ? config : "max_payload: 1048576\n", 0600);
}

const char *nats_fixture_creds(struct nats_fixture *fixture, const char *user, const char *password)
{
    if (fixture->creds_count == CREDS_MAX) {
        return NULL;
    }
    char text[256];
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/creds-%u", fixture->folder, fixture->creds_count);
    (void)snprintf(text, sizeof(text), "user=%s\npassword=%s\n", user, password);
    write_file(path, text, 0600);
    memcpy(fixture->creds[fixture->creds_count], path, sizeof(path));
    return fixture->creds[fixture->creds_count++];
}
