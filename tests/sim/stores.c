#include "tests/sim/stores.h"

#include "common/base/check.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/sim.h"

void __real_kv_close(struct kv **kv);
void __wrap_kv_close(struct kv **kv);

struct kv *store_clone(struct kv *from, const struct kv_options *options)
{
    struct kv *to = NULL;
    CHECK(kv_mem_open(options, &to, NULL) == ERR_OK);
    if (from == NULL) {
        return to;
    }
    struct kv_batch *batch = kv_batch_create(to);
    for (unsigned family = 0; family < options->family_count; family++) {
        struct kv_range range = {.family = family};
        struct kv_iter *iter = kv_iter_create(from, &range);
        for (kv_iter_seek_first(iter); kv_iter_valid(iter); kv_iter_next(iter)) {
            kv_batch_put(batch, family, kv_iter_key(iter), kv_iter_value(iter));
        }
        kv_iter_destroy(&iter);
    }
    CHECK(kv_commit(to, batch, true, NULL) == ERR_OK);
    kv_batch_destroy(&batch);
    return to;
}

void store_close(struct kv **kv)
{
    __real_kv_close(kv);
}

/* The coordinator opens the store it is given, and its end does not end the store. */
enum err kv_open(const char *path, const struct kv_options *options, struct kv **ret_kv,
                 struct error *err)
{
    (void)path;
    (void)options;
    (void)err;
    *ret_kv = coordinator_kv(sim_current);
    return ERR_OK;
}

void __wrap_kv_close(struct kv **kv)
{
    *kv = NULL;
}
