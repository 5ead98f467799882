/*
 * What the tests of kept stores need to know of a store that nobody has open:
 *
 *   golden-store replay DIR                      verify a coordinator's journal, replay it into an
 *                                                empty store and compare; prints JSON
 *   golden-store level DIR coordinator|agent [N] print its format level; with N write another one,
 *                                                as a later version would
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "coordinator/tables/tables.h"
#include "coordinator/turn.h"

static const char usage_text[] = "usage: golden-store replay DIR\n"
                                 "       golden-store level DIR coordinator|agent [N]\n";

static enum err replay(struct tables *tables, struct error *err)
{
    uint64_t batches = 0;
    uint64_t bad = 0;
    char head[DIGEST_HEX_BYTES];
    struct kv *empty = NULL;
    TRY(tables_verify(tables, &batches, &bad, err));
    TRY(kv_mem_open(tables_kv_options(), &empty, err));
    enum err code = turn_replay(tables, empty, err);
    kv_close(&empty);
    TRY(code);
    digest_hex(tables_head(tables), head);
    (void)printf("{\"sequence\":%" PRIu64 ",\"batches\":%" PRIu64 ",\"hash\":\"%s\"}\n",
                 tables_sequence(tables), batches, head);
    return ERR_OK;
}

static enum err replay_run(const char *dir, struct error *err)
{
    struct kv_options options = *tables_kv_options();
    struct kv *kv = NULL;
    struct tables *tables = NULL;
    options.create = false;
    TRY(kv_open(dir, &options, &kv, err));
    enum err code = tables_open(kv, 0, &tables, err);
    if (code == ERR_OK) {
        code = replay(tables, err);
    }
    tables_close(&tables);
    kv_close(&kv);
    return code;
}

/* The rows that FORMAT.md and outcomes.h name, big-endian: 8 bytes and 4. Tell the level, and when
 * `level` is given write that one. */
static enum err level_put(struct kv *kv, bool coordinator, const uint64_t *level, struct error *err)
{
    static const char coordinator_key[] = {0, 0, 'M', 'f', 'o', 'r', 'm', 'a', 't', 0};
    struct str key =
        coordinator ? (struct str){coordinator_key, sizeof(coordinator_key)} : STR("format");
    size_t size = coordinator ? 8 : 4;
    struct buf before = BUF_INIT(64);
    enum err code = kv_get(kv, 0, key, &before, err);
    if (code == ERR_OK && before.size != size) {
        code = error_set(err, ERR_FORMAT, "the format level is not where it was");
    }
    if (code == ERR_OK) {
        (void)printf("%d\n", before.data[size - 1]);
    }
    buf_release(&before);
    TRY(code);
    if (level == NULL) {
        return ERR_OK;
    }
    char value[8];
    for (size_t i = 0; i < size; i++) {
        value[i] = (char)(*level >> (8 * (size - 1 - i)));
    }
    struct kv_batch *batch = kv_batch_create(kv);
    kv_batch_put(batch, 0, key, (struct str){value, size});
    code = kv_commit(kv, batch, true, err);
    kv_batch_destroy(&batch);
    return code;
}

static enum err level_run(const char *dir, const char *whose, const uint64_t *level,
                          struct error *err)
{
    bool coordinator = strcmp(whose, "coordinator") == 0;
    struct kv_options options = {.families = {"meta", "outcomes", "settled", "tables", "blobs"},
                                 .family_count = 5};
    struct kv *kv = NULL;
    if (coordinator) {
        options = *tables_kv_options();
        options.create = false;
    }
    TRY(kv_open(dir, &options, &kv, err));
    enum err code = level_put(kv, coordinator, level, err);
    kv_close(&kv);
    return code;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    uint64_t level = 0;
    enum err code = crypto_init(&err);
    CHECK(code == ERR_OK);
    if (argc == 3 && strcmp(argv[1], "replay") == 0) {
        code = replay_run(argv[2], &err);
    } else if ((argc == 4 || (argc == 5 && text_to_u64(argv[4], &level))) &&
               strcmp(argv[1], "level") == 0 &&
               (strcmp(argv[3], "coordinator") == 0 || strcmp(argv[3], "agent") == 0)) {
        code = level_run(argv[2], argv[3], argc == 4 ? NULL : &level, &err);
    } else {
        fputs(usage_text, stderr);
        return 2;
    }
    if (code != ERR_OK) {
        (void)fprintf(stderr, "golden-store: %s\n", err.message);
        return 1;
    }
    return 0;
}
