#include "tests/integration/cli/company_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/files.h"

static char root[] = "/tmp/mainstay-cli-XXXXXX";
static char dir[PATH_BYTES];
static char output[FIXTURE_TEXT];

const char *fixture_dir(void)
{
    return dir;
}

const char *fixture_output(void)
{
    return output;
}

void fixture_path(const char *name, char *out, size_t size)
{
    char path[PATH_BYTES];
    cr_assert_eq(path_join(dir, name, path, NULL), ERR_OK);
    cr_assert(text_copy(out, size, path));
}

static void write_text(const char *name, const char *text)
{
    char path[PATH_BYTES];
    cr_assert_eq(path_join(root, name, path, NULL), ERR_OK);
    cr_assert_eq(file_write(path, text, strlen(text), 0600, NULL), ERR_OK);
}

void fixture_begin(void)
{
    if (access("/usr/sbin/nats-server", X_OK) != 0 && access("/usr/bin/nats-server", X_OK) != 0) {
        cr_skip("nats-server is not installed");
    }
    cr_assert_not_null(mkdtemp(root));
    cr_assert_eq(path_join(root, "company", dir, NULL), ERR_OK);
    write_text("one.json", "{\"agent\": \"one\"}");
    write_text("two.json", "{\"agent\": \"two\"}");
    (void)setenv("XDG_CONFIG_HOME", root, 1);
    (void)setenv("FAKE_REPLIES", SOURCE_DIR "/tests/integration/cli/replies.json", 1);
}

void fixture_end(void)
{
    char command[2 * PATH_BYTES];
    (void)fixture_run("down");
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    cr_assert_eq(system(command), 0); // NOLINT(cert-env33-c): the folder is ours
}

int fixture_run(const char *words)
{
    char command[4 * PATH_BYTES];
    (void)snprintf(command, sizeof(command),
                   "cd '%s' && { timeout 60 '" MAINSTAY_PROGRAM "' --dir '%s' %s; } 2>&1", root,
                   dir, words);
    FILE *pipe = popen(command, "r"); // NOLINT(cert-env33-c): words of the test
    cr_assert_not_null(pipe);
    size_t used = fread(output, 1, sizeof(output) - 1, pipe);
    output[used] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int fixture_up(void)
{
    return fixture_run("up --detach --without connector --without extraction "
                       "--without reconciliation --coordinator '" FAKE_COORDINATOR
                       "' --agent '" FAKE_AGENT "':one.json --agent '" FAKE_AGENT "':two.json");
}

pid_t fixture_pid(const char *name)
{
    char relative[128];
    char path[PATH_BYTES];
    struct buf text = BUF_INIT(64);
    (void)snprintf(relative, sizeof(relative), "run/%s.pid", name);
    fixture_path(relative, path, sizeof(path));
    long pid = 0;
    if (file_read(path, &text, NULL) == ERR_OK && text.data != NULL) {
        pid = strtol(text.data, NULL, 10);
    }
    buf_release(&text);
    return (pid_t)pid;
}

pid_t fixture_supervisor(void)
{
    char path[64];
    struct buf text = BUF_INIT(4096);
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)fixture_pid("coordinator"));
    cr_assert_eq(file_read(path, &text, NULL), ERR_OK);
    const char *after_name = strrchr(text.data, ')'); /* ") S 123 ..." */
    long parent = strtol(after_name + 4, NULL, 10);
    buf_release(&text);
    return (pid_t)parent;
}

bool fixture_until(bool (*done)(const void *user), const void *user)
{
    enum { TRIES = 4000 };
    for (int i = 0; i < TRIES; i++) {
        struct timespec pause = {.tv_nsec = 5000000};
        if (done(user)) {
            return true;
        }
        (void)nanosleep(&pause, NULL);
    }
    return false;
}
