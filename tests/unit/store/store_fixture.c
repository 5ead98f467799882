#include "store_fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"

const struct kv_options store_options = {
    .families = {"a", "b"}, .family_count = FAMILY_COUNT, .create = true};

void store_folder(char *out)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, 256, "%s/mainstay-store-XXXXXX", tmp != NULL ? tmp : "/tmp");
    cr_assert_not_null(mkdtemp(out));
}

void store_folder_remove(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    (void)rmdir(path);
}

struct kv *store_open(const char *path)
{
    struct kv *kv = NULL;
    struct error err = {0};
    cr_assert_eq(kv_open(path, &store_options, &kv, &err), ERR_OK, "%s", err.message);
    return kv;
}

enum err store_put(struct kv *kv, unsigned family, const char *key, const char *value, bool sync)
{
    struct kv_batch *batch = kv_batch_create(kv);
    kv_batch_put(batch, family, str_of(key), str_of(value));
    enum err code = kv_commit(kv, batch, sync, NULL);
    kv_batch_destroy(&batch);
    return code;
}

enum err store_delete(struct kv *kv, unsigned family, const char *key)
{
    struct kv_batch *batch = kv_batch_create(kv);
    kv_batch_delete(batch, family, str_of(key));
    enum err code = kv_commit(kv, batch, true, NULL);
    kv_batch_destroy(&batch);
    return code;
}

const char *store_get(struct kv *kv, unsigned family, const char *key)
{
    static char text[4096];
    struct buf value = BUF_INIT(sizeof(text) - 1);
    enum err code = kv_get(kv, family, str_of(key), &value, NULL);
    cr_assert(code == ERR_OK || code == ERR_NOT_FOUND);
    snprintf(text, sizeof(text), "%s", code == ERR_OK ? value.data : "(none)");
    buf_release(&value);
    return text;
}

const char *store_keys(struct kv *kv, const struct kv_range *range, bool backwards)
{
    static char text[65536];
    size_t used = 0;
    struct kv_iter *iter = kv_iter_create(kv, range);
    (backwards ? kv_iter_seek_last : kv_iter_seek_first)(iter);
    text[0] = '\0';
    while (kv_iter_valid(iter)) {
        struct str key = kv_iter_key(iter);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s", used > 0 ? " " : "",
                                 (int)key.size, key.data);
        cr_assert_lt(used, sizeof(text));
        (backwards ? kv_iter_prev : kv_iter_next)(iter);
    }
    cr_assert_eq(kv_iter_status(iter, NULL), ERR_OK);
    kv_iter_destroy(&iter);
    return text;
}
