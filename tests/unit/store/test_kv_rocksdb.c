#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"

static enum err open_code(const char *path, const struct kv_options *options, struct error *err)
{
    struct kv *kv = NULL;
    enum err code = kv_open(path, options, &kv, err);
    cr_assert_eq(code == ERR_OK, kv != NULL);
    kv_close(&kv);
    return code;
}

Test(kv_rocksdb, keeps_what_was_committed_over_a_close)
{
    char path[256];
    store_folder(path);
    struct kv *kv = store_open(path);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "1", true), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_B, "b", "2", false), ERR_OK);
    kv_close(&kv);
    kv = store_open(path);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "a"), "1");
    cr_assert_str_eq(store_get(kv, FAMILY_B, "b"), "2");
    struct kv_stats stats;
    kv_stats(kv, &stats);
    cr_assert_eq(stats.background_errors, 0);
    cr_assert_gt(stats.wal_bytes + stats.table_bytes, 0);
    kv_close(&kv);
    store_folder_remove(path);
}

Test(kv_rocksdb, a_new_directory_is_private_and_a_missing_store_is_not_found)
{
    char path[256];
    char inner[300];
    store_folder(path);
    snprintf(inner, sizeof(inner), "%s/store", path);
    struct kv_options options = store_options;
    options.create = false;
    struct error err = {0};
    cr_assert_eq(open_code(inner, &options, &err), ERR_NOT_FOUND, "%s", err.message);
    cr_assert_not_null(strstr(err.message, inner));
    struct kv *kv = store_open(inner);
    kv_close(&kv);
    struct stat info;
    cr_assert_eq(stat(inner, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0700);
    cr_assert_eq(open_code(inner, &options, &err), ERR_OK);
    cr_assert_eq(open_code("/nonexistent/deeper/store", &store_options, &err), ERR_IO);
    store_folder_remove(inner);
    store_folder_remove(path);
}

Test(kv_rocksdb, families_may_grow_but_not_go)
{
    char path[256];
    store_folder(path);
    struct kv_options one = {.families = {"a"}, .family_count = 1, .create = true};
    struct error err = {0};
    cr_assert_eq(open_code(path, &one, &err), ERR_OK);
    cr_assert_eq(open_code(path, &store_options, &err), ERR_OK);
    cr_assert_eq(open_code(path, &one, &err), ERR_FORMAT, "%s", err.message);
    store_folder_remove(path);
}

/* A child opens the store, says so through a pipe and waits to be killed. */
static pid_t hold_open(const char *path)
{
    int ready[2];
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct kv *kv = NULL;
        char answer = kv_open(path, &store_options, &kv, NULL) == ERR_OK ? 'y' : 'n';
        if (answer == 'y') {
            answer = store_put(kv, FAMILY_A, "from", "child", false) == ERR_OK ? 'y' : 'n';
        }
        (void)!write(ready[1], &answer, 1);
        for (;;) {
            pause();
        }
    }
    char answer = 0;
    cr_assert_eq(read(ready[0], &answer, 1), 1);
    close(ready[0]);
    close(ready[1]);
    cr_assert_eq(answer, 'y');
    return child;
}

Test(kv_rocksdb, a_second_process_is_told_who_is_in_the_way)
{
    char path[256];
    store_folder(path);
    pid_t child = hold_open(path);
    struct error err = {0};
    cr_assert_eq(open_code(path, &store_options, &err), ERR_CONFLICT, "%s", err.message);
    cr_assert_not_null(strstr(err.message, path));
    cr_assert_not_null(strstr(err.message, "another process is using this directory"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct kv *kv = store_open(path);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "from"), "child");
    kv_close(&kv);
    store_folder_remove(path);
}

/* Flip one bit in the middle of the first file of a kind. */
static void flip_bit(const char *path, const char *suffix)
{
    DIR *folder = opendir(path);
    cr_assert_not_null(folder);
    const struct dirent *entry = NULL;
    bool done = false;
    while (!done && (entry = readdir(folder)) != NULL) {
        struct stat info;
        if (!text_ends(entry->d_name, suffix) ||
            fstatat(dirfd(folder), entry->d_name, &info, 0) != 0 || info.st_size < 100) {
            continue;
        }
        int fd = openat(dirfd(folder), entry->d_name, O_RDWR);
        unsigned char byte = 0;
        cr_assert_eq(pread(fd, &byte, 1, info.st_size / 3), 1);
        byte ^= 0x10;
        cr_assert_eq(pwrite(fd, &byte, 1, info.st_size / 3), 1);
        close(fd);
        done = true;
    }
    closedir(folder);
    cr_assert(done, "no %s file to damage", suffix);
}

static void fill(struct kv *kv, int from, int to)
{
    for (int i = from; i < to; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%06d", i);
        cr_assert_eq(store_put(kv, FAMILY_A, key, "some value that is long enough", false), ERR_OK);
    }
}

Test(kv_rocksdb, a_flipped_bit_in_the_log_refuses_to_open)
{
    char path[256];
    store_folder(path);
    struct kv *kv = store_open(path);
    fill(kv, 0, 1000);
    kv_close(&kv);
    flip_bit(path, ".log");
    struct error err = {0};
    cr_assert_eq(open_code(path, &store_options, &err), ERR_CORRUPT, "%s", err.message);
    cr_assert_not_null(strstr(err.message, "restore"));
    store_folder_remove(path);
}

Test(kv_rocksdb, a_flipped_bit_in_a_table_is_an_error_not_data)
{
    char path[256];
    store_folder(path);
    struct kv *kv = store_open(path);
    fill(kv, 0, 1000);
    cr_assert_eq(kv_flush(kv, NULL), ERR_OK);
    kv_close(&kv);
    flip_bit(path, ".sst");
    struct error err = {0};
    enum err code = kv_open(path, &store_options, &kv, &err);
    if (code == ERR_OK) {
        struct kv_range all = {.family = FAMILY_A};
        struct kv_iter *iter = kv_iter_create(kv, &all);
        kv_iter_seek_first(iter);
        while (kv_iter_valid(iter)) {
            kv_iter_next(iter);
        }
        code = kv_iter_status(iter, &err);
        kv_iter_destroy(&iter);
    }
    cr_assert_eq(code, ERR_CORRUPT, "%s", err.message);
    kv_close(&kv);
    store_folder_remove(path);
}

Test(kv_rocksdb, a_torn_tail_of_the_log_is_an_ordinary_crash)
{
    char path[256];
    store_folder(path);
    struct kv *kv = store_open(path);
    fill(kv, 0, 100);
    kv_close(&kv);
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) {
        struct stat info;
        if (text_ends(entry->d_name, ".log") &&
            fstatat(dirfd(folder), entry->d_name, &info, 0) == 0 && info.st_size > 0) {
            char file[600];
            snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
            cr_assert_eq(truncate(file, info.st_size - 5), 0);
        }
    }
    closedir(folder);
    kv = store_open(path);
    cr_assert_str_neq(store_get(kv, FAMILY_A, "000098"), "(none)");
    cr_assert_str_eq(store_get(kv, FAMILY_A, "000099"), "(none)");
    kv_close(&kv);
    store_folder_remove(path);
}

Test(kv_rocksdb, a_checkpoint_is_a_store_of_that_moment)
{
    char path[256];
    char copy[300];
    store_folder(path);
    snprintf(copy, sizeof(copy), "%s-copy", path);
    struct kv *kv = store_open(path);
    fill(kv, 0, 100);
    struct error err = {0};
    cr_assert_eq(kv_checkpoint(kv, copy, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(kv_checkpoint(kv, copy, &err), ERR_EXISTS);
    cr_assert_eq(store_put(kv, FAMILY_A, "000000", "later", true), ERR_OK);
    struct kv *then = store_open(copy);
    cr_assert_str_eq(store_get(then, FAMILY_A, "000000"), "some value that is long enough");
    cr_assert_str_eq(store_get(then, FAMILY_A, "000099"), "some value that is long enough");
    struct stat info;
    cr_assert_eq(stat(copy, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0700);
    kv_close(&then);
    kv_close(&kv);
    store_folder_remove(copy);
    store_folder_remove(path);
}

/* RLIMIT_FSIZE makes appends fail with EFBIG, as a stand-in for any write error. */
Test(kv_rocksdb, a_failed_write_is_final_and_loses_nothing_committed)
{
    char path[256];
    store_folder(path);
    struct kv *kv = store_open(path);
    fill(kv, 0, 10);
    struct rlimit old;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {.rlim_cur = 64 * 1024, .rlim_max = old.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    char *value = calloc(1, 20001);
    memset(value, 'x', 20000);
    enum err code = ERR_OK;
    int written = 0;
    for (; written < 1000 && code == ERR_OK; written++) {
        char key[16];
        snprintf(key, sizeof(key), "big%04d", written);
        code = store_put(kv, FAMILY_B, key, value, true);
    }
    cr_assert_eq(code, ERR_IO);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    cr_assert_eq(store_put(kv, FAMILY_A, "small", "x", true), ERR_IO);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "000009"), "some value that is long enough");
    kv_close(&kv);
    kv = store_open(path);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "000009"), "some value that is long enough");
    for (int i = 0; i < written - 1; i++) {
        char key[16];
        snprintf(key, sizeof(key), "big%04d", i);
        struct kv_slice slice;
        cr_assert_eq(kv_pin(kv, FAMILY_B, str_of(key), &slice, NULL), ERR_OK);
        cr_assert_eq(slice.size, 20000);
        kv_slice_release(&slice);
    }
    free(value);
    kv_close(&kv);
    store_folder_remove(path);
}
