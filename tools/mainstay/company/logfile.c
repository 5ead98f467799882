#include "tools/mainstay/company/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/str.h"

enum err logfile_open(struct logfile *log, const char *path, struct error *err)
{
    (void)text_copy(log->path, sizeof(log->path), path);
    log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log->fd < 0) {
        return error_set(err, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    }
    struct stat status;
    log->size = fstat(log->fd, &status) == 0 ? (size_t)status.st_size : 0;
    return ERR_OK;
}

static void logfile_rotate(struct logfile *log)
{
    char old[PATH_BYTES + 2];
    char path[PATH_BYTES];
    (void)snprintf(old, sizeof(old), "%s.1", log->path);
    (void)text_copy(path, sizeof(path), log->path);
    (void)rename(path, old);
    logfile_close(log);
    if (logfile_open(log, path, NULL) != ERR_OK) {
        log->fd = -1;
    }
}

void logfile_append(struct logfile *log, const char *bytes, size_t size)
{
    if (log->fd >= 0 && log->size > 0 && log->size + size > LOGFILE_BYTES) {
        logfile_rotate(log);
    }
    if (log->fd < 0) {
        return;
    }
    ssize_t done = write(log->fd, bytes, size);
    if (done > 0) {
        log->size += (size_t)done;
    }
}

void logfile_close(struct logfile *log)
{
    if (log->fd >= 0) {
        (void)close(log->fd);
    }
    log->fd = -1;
}
