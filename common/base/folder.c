#include "common/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum err folder_sync(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 ? fsync(fd) : -1;
    int reason = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (result != 0) {
        return error_set(err, ERR_IO, "cannot sync directory '%s': %s", path, strerror(reason));
    }
    return ERR_OK;
}

enum err folder_sync_parent(const char *path, struct error *err)
{
    char *parent = strdup(path);
    if (parent == NULL) {
        return error_set(err, ERR_NOMEM, "cannot sync the parent of '%s': out of memory", path);
    }
    size_t end = strlen(parent);
    while (end > 1 && parent[end - 1] == '/') {
        parent[--end] = '\0';
    }
    char *slash = strrchr(parent, '/');
    if (slash == parent) {
        slash[1] = '\0';
    } else if (slash != NULL) {
        *slash = '\0';
    }
    enum err code = folder_sync(slash != NULL ? parent : ".", err);
    free(parent);
    return code;
}
