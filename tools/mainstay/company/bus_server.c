#include "tools/mainstay/company/bus_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/str.h"

static bool in_path(const char *name, char *out)
{
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t size = strcspn(path, ":");
        int length = snprintf(out, PATH_BYTES, "%.*s/%s", (int)size, path, name);
        if (size > 0 && length > 0 && length < PATH_BYTES && access(out, X_OK) == 0) {
            return true;
        }
        path += size + (path[size] == ':' ? 1 : 0);
    }
    (void)snprintf(out, PATH_BYTES, "/usr/sbin/%s", name);
    return access(out, X_OK) == 0;
}

bool bus_server_version(const char *text, int *ret_major, int *ret_minor)
{
    const char *digits = strpbrk(text, "0123456789");
    if (!text_starts(text, "nats-server:") || digits == NULL) {
        return false;
    }
    char *end = NULL;
    *ret_major = (int)strtol(digits, &end, 10);
    if (*end != '.' || end[1] < '0' || end[1] > '9') {
        return false;
    }
    *ret_minor = (int)strtol(end + 1, &end, 10);
    return true;
}

/* What `program --version` prints, into `out`; false when it cannot be run. */
static bool version_ask(const char *program, char *out, size_t size)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)execl(program, program, "--version", (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    size_t used = 0;
    ssize_t got = 0;
    while (pid > 0 && used < size - 1) {
        got = read(fds[0], out + used, size - 1 - used);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            break;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    out[used] = '\0';
    (void)close(fds[0]);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return pid > 0 && used > 0;
}

enum err bus_server_find(const char *program, struct bus_server *ret_server, struct error *err)
{
    char text[128];
    memset(ret_server, 0, sizeof(*ret_server));
    if (program != NULL) {
        TRY(path_absolute(program, ret_server->program, err));
    } else if (!in_path("nats-server", ret_server->program)) {
        return error_set(err, ERR_NOT_FOUND,
                         "cannot find nats-server: install it (apt install nats-server)");
    }
    if (!version_ask(ret_server->program, text, sizeof(text)) ||
        !bus_server_version(text, &ret_server->major, &ret_server->minor)) {
        return error_set(err, ERR_UNSUPPORTED, "cannot use '%s': it does not tell its version",
                         ret_server->program);
    }
    int version = ret_server->major * 1000 + ret_server->minor;
    if (version < 2009) {
        return error_set(err, ERR_UNSUPPORTED, "cannot use '%s': version %d.%d is older than 2.9",
                         ret_server->program, ret_server->major, ret_server->minor);
    }
    ret_server->sync_always = version >= 2010;
    return ERR_OK;
}
