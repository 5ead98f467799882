#include "common/store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/store/kv.h"

enum { PATH_BYTES = 4096 };

static enum err path_beside(const char *store, const char *suffix, char out[PATH_BYTES],
                            struct error *err)
{
    int size = snprintf(out, PATH_BYTES, "%s%s", store, suffix);
    return size > 0 && size < PATH_BYTES
               ? ERR_OK
               : error_set(err, ERR_LIMIT, "path '%s' is too long", store);
}

void backup_checkpoint(struct kv *kv, const char *store)
{
    char path[PATH_BYTES];
    struct error err = {0};
    enum err code = path_beside(store, ".checkpoint", path, &err);
    if (code == ERR_OK) {
        code = kv_checkpoint_whole(kv, path, &err);
    }
    if (code == ERR_OK) {
        log_info("made checkpoint %s", path);
    } else {
        log_error("%s", err.message);
    }
}

enum err backup_restored(const char *store, bool *ret_restored, struct error *err)
{
    char path[PATH_BYTES];
    TRY(path_beside(store, ".restored", path, err));
    *ret_restored = access(path, F_OK) == 0;
    return ERR_OK;
}

enum err backup_restored_done(const char *store, struct error *err)
{
    char path[PATH_BYTES];
    TRY(path_beside(store, ".restored", path, err));
    return unlink(path) == 0
               ? ERR_OK
               : error_set(err, ERR_IO, "cannot remove '%s': %s", path, strerror(errno));
}
