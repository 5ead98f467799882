#include <criterion/criterion.h>
#include <string.h>

#include "store_fixture.h"

static struct kv *open_memory(void)
{
    struct kv *kv = NULL;
    cr_assert_eq(kv_mem_open(&store_options, &kv, NULL), ERR_OK);
    return kv;
}

Test(kv_mem, a_crash_drops_what_was_not_synced)
{
    struct kv *kv = open_memory();
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "1", true), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "2", false), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_B, "b", "1", true), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "3", false), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_B, "c", "1", false), ERR_OK);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "a"), "3");
    kv_mem_crash(kv);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "a"), "2");
    cr_assert_str_eq(store_get(kv, FAMILY_B, "b"), "1");
    cr_assert_str_eq(store_get(kv, FAMILY_B, "c"), "(none)");
    kv_mem_crash(kv);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "a"), "2");
    kv_close(&kv);
}

Test(kv_mem, the_nth_commit_fails_and_failure_is_final_until_a_crash)
{
    struct kv *kv = open_memory();
    kv_mem_fail_commit(kv, 2, ERR_FULL, false);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "1", true), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "2", true), ERR_FULL);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "3", true), ERR_FULL);
    struct kv_batch *batch = kv_batch_create(kv);
    struct error err = {0};
    cr_assert_eq(kv_commit(kv, batch, true, &err), ERR_FULL);
    cr_assert_not_null(strstr(err.message, "an earlier commit failed"), "%s", err.message);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "a"), "1");
    kv_mem_crash(kv);
    cr_assert_eq(kv_commit(kv, batch, true, &err), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "4", true), ERR_OK);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "a"), "4");
    kv_batch_destroy(&batch);
    kv_close(&kv);
}

Test(kv_mem, a_failed_commit_may_be_there_after_all)
{
    struct kv *kv = open_memory();
    kv_mem_fail_commit(kv, 1, ERR_IO, true);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "1", true), ERR_IO);
    kv_mem_crash(kv);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "a"), "1");
    kv_close(&kv);
}

Test(kv_mem, has_no_checkpoint)
{
    struct kv *kv = open_memory();
    cr_assert_eq(kv_checkpoint(kv, "/nonexistent/x", NULL), ERR_UNSUPPORTED);
    kv_close(&kv);
}
