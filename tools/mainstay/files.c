#include "tools/mainstay/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/folder.h"
#include "common/base/str.h"

static enum err file_error(struct error *err, const char *what, const char *path)
{
    int cause = errno;
    enum err code = cause == ENOENT ? ERR_NOT_FOUND : cause == ENOSPC ? ERR_FULL : ERR_IO;
    return error_set(err, code, "cannot %s '%s': %s", what, path, strerror(cause));
}

enum err file_read(const char *path, struct buf *out, struct error *err)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return file_error(err, "open", path);
    }
    enum err code = ERR_OK;
    char chunk[8192];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            code = file_error(err, "read", path);
            break;
        }
        if (got == 0) {
            break;
        }
        buf_append(out, chunk, (size_t)got);
        if (out->failed) {
            code = error_set(err, ERR_LIMIT, "cannot read '%s': larger than %zu bytes", path,
                             out->max);
            break;
        }
    }
    if (!standard) {
        (void)close(fd);
    }
    return code;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return false;
        }
        bytes += done;
        size -= (size_t)done;
    }
    return true;
}

enum err file_write(const char *path, const void *bytes, size_t size, unsigned mode,
                    struct error *err)
{
    char temporary[PATH_BYTES];
    int length = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof(temporary)) {
        return error_set(err, ERR_LIMIT, "cannot write '%s': the path is too long", path);
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return file_error(err, "write", path);
    }
    bool written = write_all(fd, bytes, size) && fchmod(fd, (mode_t)mode) == 0 && fsync(fd) == 0;
    int cause = errno;
    (void)close(fd);
    if (!written || rename(temporary, path) != 0) {
        errno = written ? errno : cause;
        enum err code = file_error(err, "write", path);
        (void)unlink(temporary);
        return code;
    }
    return folder_sync_parent(path, err);
}

static enum err dir_make(const char *path, mode_t mode, struct error *err)
{
    if (mkdir(path, mode) == 0) {
        return folder_sync_parent(path, err);
    }
    return errno == EEXIST ? ERR_OK : file_error(err, "create folder", path);
}

enum err dir_create(const char *path, struct error *err)
{
    char partial[PATH_BYTES];
    if (!text_copy(partial, sizeof(partial), path)) {
        return error_set(err, ERR_LIMIT, "cannot create '%s': the path is too long", path);
    }
    for (char *c = partial + 1; *c != '\0'; c++) {
        if (*c == '/') {
            *c = '\0';
            TRY(dir_make(partial, 0755, err));
            *c = '/';
        }
    }
    TRY(dir_make(partial, 0700, err));
    struct stat status;
    if (stat(partial, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return error_set(err, ERR_EXISTS, "cannot create folder '%s': a file is in its place",
                         path);
    }
    return ERR_OK;
}

enum err path_join(const char *base, const char *name, char *out, struct error *err)
{
    char joined[PATH_BYTES];
    int length = snprintf(joined, sizeof(joined), "%s/%s", base, name);
    if (length < 0 || (size_t)length >= sizeof(joined)) {
        return error_set(err, ERR_LIMIT, "the path '%s/%s' is too long", base, name);
    }
    (void)text_copy(out, PATH_BYTES, joined);
    return ERR_OK;
}

static enum err path_of_user(const char *variable, const char *fallback, const char *name,
                             char *out, struct error *err)
{
    char base[PATH_BYTES];
    const char *set = getenv(variable);
    if (set != NULL && set[0] == '/') {
        return path_join(set, name, out, err);
    }
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/') {
        const struct passwd *user = getpwuid(geteuid());
        home = user != NULL ? user->pw_dir : NULL;
    }
    if (home == NULL) {
        return error_set(err, ERR_NOT_FOUND, "cannot find your home folder: HOME is not set");
    }
    TRY(path_join(home, fallback, base, err));
    return path_join(base, name, out, err);
}

enum err path_config(const char *name, char *out, struct error *err)
{
    return path_of_user("XDG_CONFIG_HOME", ".config", name, out, err);
}

enum err path_data(const char *name, char *out, struct error *err)
{
    return path_of_user("XDG_DATA_HOME", ".local/share", name, out, err);
}

enum err path_absolute(const char *path, char *out, struct error *err)
{
    if (path[0] == '/') {
        if (!text_copy(out, PATH_BYTES, path)) {
            return error_set(err, ERR_LIMIT, "the path '%s' is too long", path);
        }
    } else {
        char here[PATH_BYTES];
        if (getcwd(here, sizeof(here)) == NULL) {
            return error_set(err, ERR_IO, "cannot read the working directory: %s", strerror(errno));
        }
        TRY(path_join(here, path, out, err));
    }
    size_t size = strlen(out);
    while (size > 1 && out[size - 1] == '/') {
        out[--size] = '\0';
    }
    return ERR_OK;
}

/* The folder of this program, links resolved. */
static enum err program_folder(char *out, struct error *err)
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_BYTES - 1);
    if (size <= 0) {
        return error_set(err, ERR_IO, "cannot find this program in /proc: %s", strerror(errno));
    }
    out[size] = '\0';
    char *slash = strrchr(out, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return ERR_OK;
}

enum err program_find(const char *name, char *out, struct error *err)
{
    static const char *const places[] = {"", "../libexec/mainstay/"};
    char folder[PATH_BYTES];
    char relative[PATH_BYTES];
    TRY(program_folder(folder, err));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)snprintf(relative, sizeof(relative), "%s%s", places[i], name);
        TRY(path_join(folder, relative, out, err));
        if (access(out, X_OK) == 0) {
            return ERR_OK;
        }
    }
    return error_set(err, ERR_NOT_FOUND,
                     "cannot find the program '%s' in '%s' or its ../libexec/mainstay", name,
                     folder);
}

enum err share_find(const char *name, char *out, struct error *err)
{
    char folder[PATH_BYTES];
    char relative[PATH_BYTES];
    TRY(program_folder(folder, err));
    (void)snprintf(relative, sizeof(relative), "../share/mainstay/%s", name);
    TRY(path_join(folder, relative, out, err));
    if (!path_exists(out)) {
        return error_set(err, ERR_NOT_FOUND, "cannot find '%s'", out);
    }
    return ERR_OK;
}

bool path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
