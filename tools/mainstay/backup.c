/*
 * mainstay backup DIR, restore DIR.
 *
 * A backup holds a folder for each store with the files of its checkpoint, and manifest.json, which
 * is written last: sizes and SHA-256 of all files. The coordinator's checkpoint is taken before
 * those of the agents, so that no agent's store is older than what the coordinator believes that it
 * knows (ARCHITECTURE.md).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/company/company.h"
#include "tools/mainstay/company/desk.h"
#include "tools/mainstay/files.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum {
    MANIFEST_FORMAT = 1,
    MANIFEST_BYTES = 16 * 1024 * 1024,
    COPY_BYTES = 64 * 1024,
    CHECKPOINT_MS = 60 * 1000,
    POLL_NS = 10 * 1000 * 1000,
};

#define MANIFEST "manifest.json"

/* Where the store of a process is, where its checkpoint appears, and what tells it that it was
 * restored. */
struct place {
    char store[PATH_BYTES];
    char checkpoint[PATH_BYTES];
    char part[PATH_BYTES];
    char restored[PATH_BYTES];
};

static enum err place_of(const char *dir, const char *name, struct place *ret_place,
                         struct error *err)
{
    bool coordinator = strcmp(name, "coordinator") == 0;
    char data[PATH_BYTES];
    int size =
        snprintf(data, sizeof(data), coordinator ? "%s/coordinator" : "%s/agents/%s", dir, name);
    if (size < 0 || (size_t)size >= sizeof(data) - 32) {
        return error_set(err, ERR_LIMIT, "the path of the store of %s is too long", name);
    }
    const char *store = coordinator ? "" : "/store";
    (void)snprintf(ret_place->store, PATH_BYTES, "%.900s%s", data, store);
    (void)snprintf(ret_place->checkpoint, PATH_BYTES, "%.900s%s.checkpoint", data, store);
    (void)snprintf(ret_place->part, PATH_BYTES, "%.900s%s.part", data, store);
    (void)snprintf(ret_place->restored, PATH_BYTES, "%.900s%s.restored", data, store);
    return ERR_OK;
}

static enum err io_error(const char *what, const char *path, struct error *err)
{
    return error_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "cannot %s '%s': %s", what, path,
                     strerror(errno));
}

/* ---- folders of plain files ---- */

typedef enum err file_visit(void *user, const char *name, struct error *err);

static enum err each_file(const char *dir, file_visit *visit, void *user, struct error *err)
{
    DIR *open = opendir(dir);
    if (open == NULL) {
        return io_error("read", dir, err);
    }
    enum err code = ERR_OK;
    const struct dirent *entry = NULL;
    while (code == ERR_OK && (entry = readdir(open)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            code = visit(user, entry->d_name, err);
        }
    }
    (void)closedir(open);
    return code;
}

static enum err file_remove(void *user, const char *name, struct error *err)
{
    char path[PATH_BYTES];
    TRY(path_join(user, name, path, err));
    return unlink(path) == 0 ? ERR_OK : io_error("remove", path, err);
}

/* Remove a folder of plain files; one that is not there is fine. */
static enum err folder_remove(char *dir, struct error *err)
{
    if (!path_exists(dir)) {
        return ERR_OK;
    }
    TRY(each_file(dir, file_remove, dir, err));
    return rmdir(dir) == 0 ? ERR_OK : io_error("remove", dir, err);
}

static enum err folder_sync(const char *dir, struct error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    enum err code = good ? ERR_OK : io_error("sync", dir, err);
    if (fd >= 0) {
        (void)close(fd);
    }
    return code;
}

static enum err bytes_write(int to, const char *bytes, size_t size, const char *path,
                            struct error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(to, bytes + done, size - done);
        if (wrote < 0) {
            return io_error("write", path, err);
        }
        done += (size_t)wrote;
    }
    return ERR_OK;
}

/* Read `path`, copying it to `copy` unless that is NULL; its size and digest. */
static enum err file_take(const char *path, const char *copy, uint64_t *ret_size,
                          struct digest *ret_digest, struct error *err)
{
    static char bytes[COPY_BYTES];
    struct crypto_sha256_state sum;
    crypto_sha256_init(&sum);
    *ret_size = 0;
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return io_error("read", path, err);
    }
    int to = copy == NULL ? -1 : open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum err code = copy != NULL && to < 0 ? io_error("write", copy, err) : ERR_OK;
    ssize_t got = 0;
    while (code == ERR_OK && (got = read(from, bytes, sizeof(bytes))) > 0) {
        crypto_sha256_update(&sum, bytes, (size_t)got);
        *ret_size += (uint64_t)got;
        code = to < 0 ? ERR_OK : bytes_write(to, bytes, (size_t)got, copy, err);
    }
    if (code == ERR_OK && got < 0) {
        code = io_error("read", path, err);
    }
    if (code == ERR_OK && to >= 0 && fsync(to) != 0) {
        code = io_error("sync", copy, err);
    }
    (void)close(from);
    if (to >= 0) {
        (void)close(to);
    }
    *ret_digest = crypto_sha256_final(&sum);
    return code;
}

/* ---- backup ---- */

struct copying {
    const char *from;
    const char *to;
    json_t *files; /* of the manifest */
    uint64_t bytes;
};

static enum err file_copy(void *user, const char *name, struct error *err)
{
    struct copying *copying = user;
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    char hex[DIGEST_HEX_BYTES];
    uint64_t size = 0;
    struct digest digest;
    TRY(path_join(copying->from, name, from, err));
    TRY(path_join(copying->to, name, to, err));
    TRY(file_take(from, to, &size, &digest, err));
    digest_hex(&digest, hex);
    copying->bytes += size;
    (void)json_array_append_new(copying->files, json_pack("{s:s, s:I, s:s}", "file", name, "size",
                                                          (json_int_t)size, "sha256", hex));
    return ERR_OK;
}

static enum err checkpoint_await(const char *name, pid_t pid, const struct place *place,
                                 struct error *err)
{
    int64_t deadline = clock_deadline_ns(CHECKPOINT_MS);
    while (!path_exists(place->checkpoint)) {
        if (kill(pid, 0) != 0) {
            return error_set(err, ERR_UNAVAILABLE, "%s ended before its checkpoint was made", name);
        }
        if (clock_monotonic_ns() > deadline) {
            return error_set(err, ERR_TIMEOUT,
                             "%s has made no checkpoint in %d s: its log says why", name,
                             CHECKPOINT_MS / 1000);
        }
        struct timespec pause = {.tv_nsec = POLL_NS};
        (void)nanosleep(&pause, NULL);
    }
    return ERR_OK;
}

/* Checkpoint of one process into the backup; its row of the manifest. */
static enum err store_back_up(const char *dir, const char *out, const json_t *process,
                              json_t *stores, uint64_t *bytes, struct error *err)
{
    struct place place;
    char target[PATH_BYTES];
    const char *name = json_text_of(process, "name");
    pid_t pid = (pid_t)json_int_of(process, "pid", 0);
    if (pid <= 0) {
        return error_set(err, ERR_UNAVAILABLE, "%s does not run: start it, then back up", name);
    }
    TRY(place_of(dir, name, &place, err));
    TRY(path_join(out, name, target, err));
    TRY(folder_remove(place.part, err));
    TRY(folder_remove(place.checkpoint, err));
    if (kill(pid, SIGUSR1) != 0) {
        return error_set(err, ERR_IO, "cannot ask %s for a checkpoint: %s", name, strerror(errno));
    }
    TRY(checkpoint_await(name, pid, &place, err));
    TRY(dir_create(target, err));
    struct copying copying = {.from = place.checkpoint, .to = target, .files = json_array()};
    enum err code = each_file(place.checkpoint, file_copy, &copying, err);
    *bytes += copying.bytes;
    (void)json_array_append_new(stores,
                                json_pack("{s:s, s:o}", "name", name, "files", copying.files));
    if (code == ERR_OK) {
        code = folder_sync(target, err);
    }
    struct error ignored = {0};
    enum err removed = folder_remove(place.checkpoint, &ignored);
    return code != ERR_OK      ? code
           : removed == ERR_OK ? ERR_OK
                               : error_set(err, removed, "%s", ignored.message);
}

static enum err manifest_write(const char *out, json_t *stores, struct error *err)
{
    char path[PATH_BYTES];
    char at[CLOCK_TEXT_BYTES] = "";
    struct buf text = BUF_INIT(MANIFEST_BYTES);
    (void)clock_format(clock_wall_ms(), at);
    json_t *manifest = json_pack("{s:i, s:s, s:s, s:O}", "format", MANIFEST_FORMAT, "version",
                                 MAINSTAY_VERSION, "at", at, "stores", stores);
    json_write(manifest, &text);
    json_decref(manifest);
    enum err code = text.failed ? error_set(err, ERR_LIMIT, "the manifest is too large")
                                : path_join(out, MANIFEST, path, err);
    if (code == ERR_OK) {
        code = file_write(path, text.data, text.size, 0600, err);
    }
    buf_release(&text);
    return code;
}

static bool is_store(const json_t *process)
{
    const char *name = json_text_of(process, "name");
    return name != NULL && strcmp(name, "nats-server") != 0;
}

/* The coordinator first: see above. */
static enum err stores_back_up(const char *dir, const char *out, const json_t *processes,
                               json_t *stores, uint64_t *bytes, struct error *err)
{
    for (unsigned round = 0; round < 2; round++) {
        size_t at = 0;
        const json_t *process = NULL;
        json_array_foreach(processes, at, process)
        {
            bool first =
                is_store(process) && strcmp(json_text_of(process, "name"), "coordinator") == 0;
            if (is_store(process) && first == (round == 0)) {
                TRY(store_back_up(dir, out, process, stores, bytes, err));
            }
        }
    }
    return ERR_OK;
}

static void told(struct cli *cli, const char *what, const char *dir, const json_t *stores,
                 uint64_t bytes)
{
    json_t *reply = json_pack("{s:s, s:I, s:I}", "dir", dir, "stores",
                              (json_int_t)json_array_size(stores), "bytes", (json_int_t)bytes);
    if (cli->format == OUTPUT_TEXT) {
        (void)printf("%s %zu stores, %llu bytes: %s\n", what, json_array_size(stores),
                     (unsigned long long)bytes, dir);
    } else {
        output_json(cli, stdout, reply);
    }
    json_decref(reply);
}

enum exit_code backup_run(struct cli *cli)
{
    struct error err = {0};
    char dir[PATH_BYTES];
    char out[PATH_BYTES];
    char manifest[PATH_BYTES];
    json_t *answer = NULL;
    json_t *stores = json_array();
    uint64_t bytes = 0;
    (void)umask(0077);
    enum err code = cli_dir(cli, dir, &err);
    if (code == ERR_OK) {
        code = path_absolute(cli->args->operands[0], out, &err);
    }
    if (code == ERR_OK) {
        code = path_join(out, MANIFEST, manifest, &err);
    }
    if (code == ERR_OK && path_exists(out)) {
        code = error_set(&err, ERR_EXISTS, "'%s' is there already: name a new folder", out);
    }
    if (code == ERR_OK) {
        code = desk_ask(dir, json_pack("{s:s}", "order", "processes"), CLI_ASK_MS, &answer, NULL,
                        &err);
    }
    if (code == ERR_OK) {
        code = dir_create(out, &err);
    }
    if (code == ERR_OK) {
        code = stores_back_up(dir, out, json_array_of(answer, "processes"), stores, &bytes, &err);
    }
    if (code == ERR_OK) {
        code = manifest_write(out, stores, &err);
    }
    if (code == ERR_OK) {
        told(cli, "backed up", out, stores, bytes);
    }
    json_decref(stores);
    json_decref(answer);
    return code == ERR_OK
               ? EXIT_DONE
               : cli_fail(&err, code == ERR_UNAVAILABLE
                                    ? "only a company that runs is backed up: mainstay up"
                                    : NULL);
}

/* ---- restore ---- */

static enum err manifest_read(const char *from, json_t **ret_manifest, struct error *err)
{
    char path[PATH_BYTES];
    struct buf text = BUF_INIT(MANIFEST_BYTES);
    struct json_limits limits = {.size_max = MANIFEST_BYTES};
    *ret_manifest = NULL;
    enum err code = path_join(from, MANIFEST, path, err);
    if (code == ERR_OK) {
        code = file_read(path, &text, err);
    }
    if (code == ERR_NOT_FOUND) {
        code = error_set(err, ERR_NOT_FOUND,
                         "'%s' has no " MANIFEST ": it is no backup, or one that was not finished",
                         from);
    }
    if (code == ERR_OK) {
        code = json_parse(text.data, text.size, &limits, ret_manifest, err);
    }
    buf_release(&text);
    if (code == ERR_OK && json_int_of(*ret_manifest, "format", 0) != MANIFEST_FORMAT) {
        code = error_set(err, ERR_FORMAT, "backup format %lld is not known here",
                         (long long)json_int_of(*ret_manifest, "format", 0));
    }
    return code;
}

/* Names come from a file: nothing outside of the folders is touched. */
static bool name_is_plain(const char *name)
{
    return name != NULL && name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

/* Compare a file with the manifest, copying it to folder `to` unless that is NULL. */
static enum err file_restore(const char *from, const char *to, const json_t *file, uint64_t *bytes,
                             struct error *err)
{
    char path[PATH_BYTES];
    char copy[PATH_BYTES];
    char hex[DIGEST_HEX_BYTES];
    const char *name = json_text_of(file, "file");
    uint64_t size = 0;
    struct digest digest;
    if (!name_is_plain(name)) {
        return error_set(err, ERR_CORRUPT, "the manifest names a file that is none");
    }
    TRY(path_join(from, name, path, err));
    if (to != NULL) {
        TRY(path_join(to, name, copy, err));
    }
    TRY(file_take(path, to == NULL ? NULL : copy, &size, &digest, err));
    digest_hex(&digest, hex);
    *bytes += size;
    if (size != (uint64_t)json_int_of(file, "size", -1) ||
        !text_equal(hex, json_text_of(file, "sha256"))) {
        return error_set(err, ERR_CORRUPT, "'%s' is not what was backed up: its digest differs",
                         path);
    }
    return ERR_OK;
}

/* Check a store of the backup, or (with `dir`) bring it back. */
static enum err store_restore(const char *from, const char *dir, const json_t *store,
                              uint64_t *bytes, struct error *err)
{
    const char *name = json_text_of(store, "name");
    char source[PATH_BYTES];
    struct place place;
    if (!name_is_plain(name)) {
        return error_set(err, ERR_CORRUPT, "the manifest names a store that is none");
    }
    TRY(path_join(from, name, source, err));
    if (dir != NULL) {
        TRY(place_of(dir, name, &place, err));
        TRY(dir_create(place.store, err));
    }
    size_t at = 0;
    const json_t *file = NULL;
    json_array_foreach(json_array_of(store, "files"), at, file)
    {
        TRY(file_restore(source, dir == NULL ? NULL : place.store, file, bytes, err));
    }
    if (dir == NULL) {
        return ERR_OK;
    }
    TRY(folder_sync(place.store, err));
    return file_write(place.restored, "restored\n", strlen("restored\n"), 0600, err);
}

static enum err places_are_free(const char *dir, const json_t *stores, struct error *err)
{
    size_t at = 0;
    const json_t *store = NULL;
    json_array_foreach(stores, at, store)
    {
        struct place place;
        const char *name = json_text_of(store, "name");
        if (!name_is_plain(name)) {
            return error_set(err, ERR_CORRUPT, "the manifest names a store that is none");
        }
        TRY(place_of(dir, name, &place, err));
        if (path_exists(place.store)) {
            return error_set(err, ERR_EXISTS,
                             "there is a store at '%s' already: move it away, then restore",
                             place.store);
        }
    }
    return ERR_OK;
}

static enum err restore(const char *from, const char *dir, const json_t *stores, uint64_t *bytes,
                        struct error *err)
{
    size_t at = 0;
    const json_t *store = NULL;
    uint64_t seen = 0;
    TRY(places_are_free(dir, stores, err));
    json_array_foreach(stores, at, store)
    {
        TRY(store_restore(from, NULL, store, &seen, err)); /* all of it, before anything is made */
    }
    json_array_foreach(stores, at, store)
    {
        TRY(store_restore(from, dir, store, bytes, err));
    }
    return ERR_OK;
}

enum exit_code restore_run(struct cli *cli)
{
    struct error err = {0};
    char dir[PATH_BYTES];
    char from[PATH_BYTES];
    json_t *manifest = NULL;
    int lock = -1;
    uint64_t bytes = 0;
    (void)umask(0077);
    enum err code = context_dir(cli_option(cli, OPTION_DIR), dir, &err);
    if (code == ERR_OK) {
        code = path_absolute(cli->args->operands[0], from, &err);
    }
    if (code == ERR_OK) {
        code = manifest_read(from, &manifest, &err);
    }
    if (code == ERR_OK) {
        code = dir_create(dir, &err);
    }
    if (code == ERR_OK) {
        code = company_lock_folder(dir, &lock, &err);
    }
    if (code == ERR_OK) {
        code = restore(from, dir, json_array_of(manifest, "stores"), &bytes, &err);
    }
    if (code == ERR_OK) {
        told(cli, "restored", dir, json_array_of(manifest, "stores"), bytes);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    json_decref(manifest);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}
