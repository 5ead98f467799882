#include "tools/mainstay/company/orphan.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/files.h"

enum { ORPHAN_STOP_MS = 5000, STAT_BYTES = 4096, STAT_START_FIELD = 22 };

/* The start time of a live process in clock ticks since boot; 0 when there is none. */
static uint64_t process_started(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    struct buf text = BUF_INIT(STAT_BYTES);
    uint64_t started = 0;
    if (file_read(path, &text, NULL) == ERR_OK && text.data != NULL) {
        /* Field 2, the name, is in parentheses and may hold anything; field 3 follows the last ')'.
         */
        const char *c = strrchr(text.data, ')');
        for (int field = 2; c != NULL && field < STAT_START_FIELD; field++) {
            c = strchr(c + 1, ' ');
        }
        started = c != NULL ? strtoull(c + 1, NULL, 10) : 0;
    }
    buf_release(&text);
    return started;
}

enum err orphan_record(const char *path, pid_t pid, struct error *err)
{
    char text[64];
    int size = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)pid, process_started(pid));
    return file_write(path, text, (size_t)size, 0600, err);
}

static bool record_read(const char *path, pid_t *ret_pid, uint64_t *ret_started)
{
    struct buf text = BUF_INIT(64);
    bool read = file_read(path, &text, NULL) == ERR_OK && text.data != NULL;
    if (read) {
        char *end = NULL;
        long pid = strtol(text.data, &end, 10);
        *ret_pid = (pid_t)pid;
        *ret_started = strtoull(end, NULL, 10);
        read = pid > 1 && *ret_started != 0;
    }
    buf_release(&text);
    return read;
}

/* pidfd_open and pidfd_send_signal (Linux 5.3); glibc 2.36 has wrappers, earlier ones do not. */
static int process_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static bool process_gone(int process, int timeout_ms)
{
    struct pollfd wait = {.fd = process, .events = POLLIN};
    int ready = 0;
    do {
        ready = poll(&wait, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

static enum err orphan_end(const char *path, bool *ret_ended, struct error *err)
{
    pid_t pid = 0;
    uint64_t started = 0;
    *ret_ended = false;
    if (!record_read(path, &pid, &started)) {
        return ERR_OK;
    }
    int process = process_open(pid);
    if (process < 0) {
        return ERR_OK;
    }
    enum err code = ERR_OK;
    if (process_started(pid) == started) { /* the descriptor keeps it the same from here on */
        *ret_ended = true;
        (void)syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0);
        if (!process_gone(process, ORPHAN_STOP_MS)) {
            (void)syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
            if (!process_gone(process, ORPHAN_STOP_MS)) {
                code = error_set(err, ERR_TIMEOUT, "cannot end process %d left by an earlier start",
                                 (int)pid);
            }
        }
    }
    (void)close(process);
    return code;
}

enum err orphans_end(const char *folder, size_t *ret_count, struct error *err)
{
    *ret_count = 0;
    DIR *records = opendir(folder);
    if (records == NULL) {
        return error_set(err, ERR_IO, "cannot read folder '%s': %s", folder, strerror(errno));
    }
    enum err code = ERR_OK;
    const struct dirent *entry = NULL;
    while (code == ERR_OK && (entry = readdir(records)) != NULL) {
        char path[PATH_BYTES];
        bool ended = false;
        if (!text_ends(entry->d_name, ".pid")) {
            continue;
        }
        code = path_join(folder, entry->d_name, path, err);
        if (code == ERR_OK) {
            code = orphan_end(path, &ended, err);
        }
        if (code == ERR_OK) {
            *ret_count += ended ? 1 : 0;
            (void)unlink(path);
        }
    }
    (void)closedir(records);
    return code;
}
