/* Logs as a power cut leaves them: the length is there and bytes are not. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_fixture.h"

enum { SECTOR = 512, LARGE = 100000 };

/* A store with the commits "a", "b" and "last"; the last one's bytes in the log. */
struct torn {
    char path[256];
    char log[600];
    off_t begin;
    off_t end;
};

/* Size of the log, which is named from here on. */
static off_t log_size(struct torn *torn)
{
    DIR *folder = opendir(torn->path);
    const struct dirent *entry = NULL;
    off_t size = 0;
    while ((entry = readdir(folder)) != NULL) {
        struct stat info;
        if (strstr(entry->d_name, ".log") != NULL &&
            fstatat(dirfd(folder), entry->d_name, &info, 0) == 0 && info.st_size > size) {
            size = info.st_size;
            (void)snprintf(torn->log, sizeof(torn->log), "%s/%s", torn->path, entry->d_name);
        }
    }
    closedir(folder);
    return size;
}

static enum err last_put(struct kv *kv, size_t size)
{
    char *last = calloc(1, size + 1);
    cr_assert_not_null(last);
    memset(last, 'x', size);
    enum err code = store_put(kv, FAMILY_A, "last", last, true);
    free(last);
    return code;
}

static void torn_make(struct torn *torn, size_t last_size)
{
    store_folder(torn->path);
    struct kv *kv = store_open(torn->path);
    cr_assert(store_put(kv, FAMILY_A, "a", "1", true) == ERR_OK &&
              store_put(kv, FAMILY_A, "b", "2", true) == ERR_OK);
    torn->begin = log_size(torn);
    cr_assert_eq(last_put(kv, last_size), ERR_OK);
    torn->end = log_size(torn);
    kv_close(&kv);
}

static void hole_make(const struct torn *torn, off_t from, off_t to)
{
    static const char zeros[2 * (size_t)LARGE];
    int fd = open(torn->log, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, zeros, (size_t)(to - from), from), to - from);
    close(fd);
}

static enum err torn_open(const struct torn *torn, struct kv **ret_kv)
{
    struct error err = {0};
    return kv_open(torn->path, &store_options, ret_kv, &err);
}

static struct kv *torn_opened(const struct torn *torn, const char *what)
{
    struct kv *kv = NULL;
    cr_assert_eq(torn_open(torn, &kv), ERR_OK, "%s", what);
    return kv;
}

static void has(struct kv *kv, const char *key, const char *value, const char *what)
{
    cr_expect_str_eq(store_get(kv, FAMILY_A, key), value, "%s: %s", what, key);
}

/* The store opens without the last commit, takes another one, and opens with that. */
static void only_the_last_is_gone(const struct torn *torn, const char *what)
{
    struct kv *kv = torn_opened(torn, what);
    has(kv, "b", "2", what);
    has(kv, "last", "(none)", what);
    cr_expect_eq(store_put(kv, FAMILY_A, "next", "3", true), ERR_OK);
    kv_close(&kv);
    kv = torn_opened(torn, what);
    has(kv, "next", "3", what);
    kv_close(&kv);
    store_folder_remove(torn->path);
}

static off_t sector_after(off_t at)
{
    return (at / SECTOR + 1) * SECTOR;
}

Test(wal_tail, a_store_did_not_open_after_a_power_cut_while_it_wrote)
{
    static const size_t sizes[] = {700, 3000, LARGE};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct torn torn;
        torn_make(&torn, sizes[i]);
        hole_make(&torn, sector_after(torn.begin), torn.end);
        only_the_last_is_gone(&torn, "all but the first sector is missing");
        torn_make(&torn, sizes[i]);
        hole_make(&torn, (torn.end - 1) / SECTOR * SECTOR, torn.end);
        only_the_last_is_gone(&torn, "the last sector is missing");
        torn_make(&torn, sizes[i]);
        hole_make(&torn, torn.begin, torn.end);
        only_the_last_is_gone(&torn, "nothing of it is there");
    }
}

Test(wal_tail, whichever_sector_of_a_commit_is_missing_the_store_opens)
{
    struct torn torn;
    torn_make(&torn, LARGE);
    off_t first = sector_after(torn.begin);
    off_t length = torn.end;
    store_folder_remove(torn.path);
    for (off_t at = first; at + SECTOR < length; at += (off_t)13 * SECTOR) {
        torn_make(&torn, LARGE);
        hole_make(&torn, at, at + SECTOR);
        only_the_last_is_gone(&torn, "one sector is missing");
    }
}

static void refuses(const struct torn *torn)
{
    struct kv *kv = NULL;
    off_t before = torn->end;
    struct stat info;
    cr_expect_eq(torn_open(torn, &kv), ERR_CORRUPT);
    cr_assert_eq(stat(torn->log, &info), 0);
    cr_expect_eq(info.st_size, before, "nothing was cut");
    kv_close(&kv);
    store_folder_remove(torn->path);
}

Test(wal_tail, a_hole_before_another_commit_is_damage)
{
    struct torn torn;
    torn_make(&torn, 3000);
    struct kv *kv = store_open(torn.path); /* what was there is in a table now, the log is new */
    char large[3001];
    memset(large, 'y', sizeof(large));
    large[3000] = '\0';
    cr_assert_eq(store_put(kv, FAMILY_A, "c", large, true), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_A, "d", "4", true), ERR_OK);
    torn.end = log_size(&torn);
    kv_close(&kv);
    hole_make(&torn, SECTOR, (off_t)2 * SECTOR);
    refuses(&torn);
}

Test(wal_tail, another_byte_in_the_last_commit_is_damage)
{
    struct torn torn;
    torn_make(&torn, 3000);
    int fd = open(torn.log, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "?", 1, torn.end - 100), 1);
    close(fd);
    refuses(&torn);
}
