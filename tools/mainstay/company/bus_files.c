#include "tools/mainstay/company/bus_files.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/str.h"

#define DAMAGED "bus.damaged-"

enum { OPEN_MAX_DEPTH = 16 };

/* Entries of `dir` that begin with `start`; none when it cannot be read. */
static unsigned entries_count(const char *dir, const char *start)
{
    unsigned count = 0;
    DIR *folder = opendir(dir);
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        bool own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        count += !own && text_starts(entry->d_name, start) ? 1 : 0;
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return count;
}

static enum err moved(const char *from, const char *to, struct error *err)
{
    if (rename(from, to) != 0) {
        return error_set(err, ERR_IO, "cannot move '%s' to '%s': %s", from, to, strerror(errno));
    }
    return ERR_OK;
}

/* Move the files beside and leave an empty folder. ERR_LIMIT, ERR_NOT_FOUND when there are none. */
static enum err set_aside(const char *dir, char *ret_aside, struct error *err)
{
    char bus[PATH_BYTES];
    char name[64];
    struct tm utc;
    time_t now = time(NULL);
    TRY(path_join(dir, "bus", bus, err));
    if (entries_count(bus, "") == 0) {
        return error_set(err, ERR_NOT_FOUND, "it has no files");
    }
    if (entries_count(dir, DAMAGED) >= BUS_FILES_ASIDE_MAX) {
        return error_set(err, ERR_LIMIT,
                         "%d sets of damaged files lie in '%s' (" DAMAGED "*): look at them and "
                         "take them away, then files are set aside again",
                         BUS_FILES_ASIDE_MAX, dir);
    }
    (void)gmtime_r(&now, &utc);
    (void)strftime(name, sizeof(name), DAMAGED "%Y%m%dT%H%M%SZ", &utc);
    TRY(path_join(dir, name, ret_aside, err));
    TRY(moved(bus, ret_aside, err));
    return dir_create(bus, err);
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Back to where it was; what a server that never got ready has made meanwhile goes. */
static enum err put_back(const char *dir, const char *aside, struct error *err)
{
    char bus[PATH_BYTES];
    TRY(path_join(dir, "bus", bus, err));
    if (nftw(bus, entry_remove, OPEN_MAX_DEPTH, FTW_DEPTH | FTW_PHYS) != 0) {
        return error_set(err, ERR_IO, "cannot remove '%s': %s", bus, strerror(errno));
    }
    return moved(aside, bus, err);
}

/* Set the files aside because of `why`; whether that was done. */
static bool begin_empty(struct bus_files *files, const char *why, char *note)
{
    struct error err = {0};
    if (set_aside(files->dir, files->aside, &err) != ERR_OK) {
        files->aside[0] = '\0';
        (void)snprintf(note, BUS_FILES_NOTE_BYTES, "nats-server %s: %s", why, err.message);
        return false;
    }
    (void)snprintf(note, BUS_FILES_NOTE_BYTES,
                   "nats-server %s: its files are in %s now and it begins without any; everything "
                   "is sent again but events that were not taken yet",
                   why, files->aside);
    return true;
}

static bool begin_anew(struct bus_files *files, char *note)
{
    struct error err = {0};
    if (files->innocent) {
        return false;
    }
    if (files->aside[0] == '\0') {
        return begin_empty(files, "ends at each start", note);
    }
    files->innocent = true;
    enum err code = put_back(files->dir, files->aside, &err);
    (void)snprintf(note, BUS_FILES_NOTE_BYTES, "nats-server ends without its files too: %s%s",
                   code == ERR_OK ? "they are where they were, and log/nats-server.log says why"
                                  : "they are not where they were, ",
                   err.message);
    files->aside[0] = '\0';
    return false;
}

bool bus_files_ended(struct bus_files *files, int status, bool well, char *note)
{
    note[0] = '\0';
    if (files->stuck) {
        files->stuck = false;
        files->crashes = 0;
        bool begun = begin_empty(files, "answers for some streams and for others never", note);
        files->aside[0] = '\0'; /* nothing is to be tried out */
        return begun;
    }
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) != SIGABRT &&
                  WTERMSIG(status) != SIGSEGV && WTERMSIG(status) != SIGBUS;
    if (killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        files->crashes = 0; /* somebody else's doing */
        return false;
    }
    files->crashes = well ? 1 : files->crashes + 1;
    if (files->crashes < BUS_FILES_CRASHES) {
        return false;
    }
    files->crashes = 0;
    return begin_anew(files, note);
}

void bus_files_ready(struct bus_files *files)
{
    files->aside[0] = '\0';
    files->innocent = false;
}
