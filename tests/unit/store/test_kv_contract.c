/* What every implementation promises, run on each of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "store_fixture.h"

typedef void contract_fn(struct kv *kv);

static void run_on_disk(contract_fn *check)
{
    char path[256];
    store_folder(path);
    struct kv *kv = store_open(path);
    check(kv);
    kv_close(&kv);
    cr_assert_null(kv);
    store_folder_remove(path);
}

static void run_in_memory(contract_fn *check)
{
    struct kv *kv = NULL;
    cr_assert_eq(kv_mem_open(&store_options, &kv, NULL), ERR_OK);
    check(kv);
    kv_close(&kv);
    cr_assert_null(kv);
}

#define CONTRACT(name)                       \
    static void check_##name(struct kv *kv); \
    Test(kv_rocksdb, name)                   \
    {                                        \
        run_on_disk(check_##name);           \
    }                                        \
    Test(kv_mem, name)                       \
    {                                        \
        run_in_memory(check_##name);         \
    }                                        \
    static void check_##name(struct kv *kv)

CONTRACT(what_is_put_is_read_per_family)
{
    cr_assert_eq(store_put(kv, FAMILY_A, "k", "va", true), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_B, "k", "vb", false), ERR_OK);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "k"), "va");
    cr_assert_str_eq(store_get(kv, FAMILY_B, "k"), "vb");
    cr_assert_eq(store_put(kv, FAMILY_A, "k", "", true), ERR_OK);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "k"), "");
    cr_assert_eq(store_delete(kv, FAMILY_A, "k"), ERR_OK);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "k"), "(none)");
    cr_assert_eq(store_delete(kv, FAMILY_A, "never there"), ERR_OK);
}

CONTRACT(values_hold_any_bytes_and_a_small_buffer_is_a_limit)
{
    static const char key[] = {0, 1, 0};
    static const char value[] = {0, (char)0xff, 0, 'x'};
    struct kv_batch *batch = kv_batch_create(kv);
    kv_batch_put(batch, FAMILY_A, (struct str){key, 3}, (struct str){value, 4});
    cr_assert_eq(kv_commit(kv, batch, true, NULL), ERR_OK);
    struct kv_slice slice;
    cr_assert_eq(kv_pin(kv, FAMILY_A, (struct str){key, 3}, &slice, NULL), ERR_OK);
    cr_assert(slice.size == 4 && memcmp(slice.data, value, 4) == 0);
    kv_slice_release(&slice);
    kv_slice_release(&slice);
    cr_assert_eq(kv_pin(kv, FAMILY_A, (struct str){key, 2}, &slice, NULL), ERR_NOT_FOUND);
    kv_slice_release(&slice);
    struct buf small = BUF_INIT(3);
    cr_assert_eq(kv_get(kv, FAMILY_A, (struct str){key, 3}, &small, NULL), ERR_LIMIT);
    buf_release(&small);
    kv_batch_destroy(&batch);
}

CONTRACT(a_batch_is_one_step_over_families_and_later_operations_win)
{
    struct kv_batch *batch = kv_batch_create(kv);
    kv_batch_put(batch, FAMILY_A, STR("x"), STR("1"));
    kv_batch_put(batch, FAMILY_B, STR("x"), STR("2"));
    kv_batch_put(batch, FAMILY_A, STR("x"), STR("3"));
    kv_batch_put(batch, FAMILY_A, STR("y"), STR("4"));
    kv_batch_delete(batch, FAMILY_A, STR("y"));
    cr_assert_eq(kv_batch_count(batch), 5);
    cr_assert_eq(kv_batch_bytes(batch), 9);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "x"), "(none)");
    cr_assert_eq(kv_commit(kv, batch, true, NULL), ERR_OK);
    cr_assert_str_eq(store_get(kv, FAMILY_A, "x"), "3");
    cr_assert_str_eq(store_get(kv, FAMILY_B, "x"), "2");
    cr_assert_str_eq(store_get(kv, FAMILY_A, "y"), "(none)");
    kv_batch_clear(batch);
    cr_assert_eq(kv_batch_count(batch), 0);
    cr_assert_eq(kv_commit(kv, batch, true, NULL), ERR_OK);
    struct kv_stats stats;
    kv_stats(kv, &stats);
    cr_assert_eq(stats.commits, 2);
    cr_assert_eq(stats.commits_synced, 2);
    cr_assert_eq(stats.bytes_written, 9);
    kv_batch_destroy(&batch);
    cr_assert_null(batch);
}

static void put_all(struct kv *kv, const char *keys)
{
    struct kv_batch *batch = kv_batch_create(kv);
    for (const char *c = keys; *c != '\0'; c += strcspn(c, " "), c += *c == ' ') {
        struct str key = {.data = c, .size = strcspn(c, " ")};
        kv_batch_put(batch, FAMILY_A, key, key);
    }
    cr_assert_eq(kv_commit(kv, batch, true, NULL), ERR_OK);
    kv_batch_destroy(&batch);
}

CONTRACT(iterators_keep_order_and_bounds_both_ways)
{
    put_all(kv, "b d a c bb z ba");
    struct kv_range all = {.family = FAMILY_A};
    cr_assert_str_eq(store_keys(kv, &all, false), "a b ba bb c d z");
    cr_assert_str_eq(store_keys(kv, &all, true), "z d c bb ba b a");
    struct kv_range some = {.family = FAMILY_A, .lower = STR("b"), .upper = STR("c")};
    cr_assert_str_eq(store_keys(kv, &some, false), "b ba bb");
    cr_assert_str_eq(store_keys(kv, &some, true), "bb ba b");
    struct kv_range none = {.family = FAMILY_A, .lower = STR("e"), .upper = STR("y")};
    cr_assert_str_eq(store_keys(kv, &none, false), "");
    cr_assert_str_eq(store_keys(kv, &none, true), "");
    struct kv_range other = {.family = FAMILY_B};
    cr_assert_str_eq(store_keys(kv, &other, false), "");
}

static void expect_at(const struct kv_iter *iter, const char *key)
{
    cr_assert_eq(kv_iter_valid(iter), key != NULL);
    if (key != NULL) {
        cr_assert(str_equal(kv_iter_key(iter), str_of(key)), "not at %s", key);
        cr_assert(str_equal(kv_iter_value(iter), str_of(key)));
    }
}

CONTRACT(seeks_stay_inside_the_range)
{
    put_all(kv, "a b d f h");
    struct kv_range range = {.family = FAMILY_A, .lower = STR("b"), .upper = STR("g")};
    struct kv_iter *iter = kv_iter_create(kv, &range);
    expect_at(iter, NULL);
    kv_iter_seek(iter, STR("c"));
    expect_at(iter, "d");
    kv_iter_seek(iter, STR("a"));
    expect_at(iter, "b");
    kv_iter_prev(iter);
    expect_at(iter, NULL);
    kv_iter_seek(iter, STR("g"));
    expect_at(iter, NULL);
    kv_iter_seek_back(iter, STR("e"));
    expect_at(iter, "d");
    kv_iter_seek_back(iter, STR("z"));
    expect_at(iter, "f");
    kv_iter_next(iter);
    expect_at(iter, NULL);
    kv_iter_seek_back(iter, STR("b"));
    expect_at(iter, "b");
    kv_iter_seek_back(iter, STR("a"));
    expect_at(iter, NULL);
    kv_iter_destroy(&iter);
    cr_assert_null(iter);
}

CONTRACT(an_iterator_and_a_slice_do_not_see_later_commits)
{
    put_all(kv, "a b c");
    struct kv_range all = {.family = FAMILY_A};
    struct kv_iter *iter = kv_iter_create(kv, &all);
    struct kv_slice slice;
    cr_assert_eq(kv_pin(kv, FAMILY_A, STR("b"), &slice, NULL), ERR_OK);
    cr_assert_eq(store_delete(kv, FAMILY_A, "b"), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_A, "a", "new", true), ERR_OK);
    cr_assert_eq(store_put(kv, FAMILY_A, "d", "d", false), ERR_OK);
    kv_iter_seek_first(iter);
    expect_at(iter, "a");
    kv_iter_next(iter);
    expect_at(iter, "b");
    kv_iter_next(iter);
    expect_at(iter, "c");
    kv_iter_next(iter);
    expect_at(iter, NULL);
    kv_iter_destroy(&iter);
    cr_assert(slice.size == 1 && slice.data[0] == 'b');
    kv_slice_release(&slice);
    cr_assert_str_eq(store_keys(kv, &all, false), "a c d");
}

CONTRACT(a_range_is_deleted_in_portions)
{
    put_all(kv, "a b1 b2 b3 c");
    struct kv_batch *batch = kv_batch_create(kv);
    struct kv_range range = {.family = FAMILY_A, .lower = STR("b"), .upper = STR("c")};
    size_t count = 0;
    cr_assert_eq(kv_delete_range(kv, batch, &range, 2, &count, NULL), ERR_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(kv_commit(kv, batch, true, NULL), ERR_OK);
    struct kv_range all = {.family = FAMILY_A};
    cr_assert_str_eq(store_keys(kv, &all, false), "a b3 c");
    kv_batch_clear(batch);
    cr_assert_eq(kv_delete_range(kv, batch, &range, 2, &count, NULL), ERR_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(kv_commit(kv, batch, true, NULL), ERR_OK);
    cr_assert_str_eq(store_keys(kv, &all, false), "a c");
    kv_batch_destroy(&batch);
}

CONTRACT(a_random_history_matches_a_plain_array)
{
    enum { KEYS = 200, ROUNDS = 3000 };
    int model[KEYS];
    for (int i = 0; i < KEYS; i++) {
        model[i] = -1;
    }
    uint64_t state = 88172645463325252U;
    struct kv_batch *batch = kv_batch_create(kv);
    for (int round = 0; round < ROUNDS; round++) {
        kv_batch_clear(batch);
        for (int i = 0; i < 3; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            int number = (int)(state % KEYS);
            char key[16];
            char value[16];
            snprintf(key, sizeof(key), "%04d", number);
            snprintf(value, sizeof(value), "%d", round);
            if (state >> 60 < 5) {
                kv_batch_delete(batch, FAMILY_A, str_of(key));
                model[number] = -1;
            } else {
                kv_batch_put(batch, FAMILY_A, str_of(key), str_of(value));
                model[number] = round;
            }
        }
        cr_assert_eq(kv_commit(kv, batch, round % 500 == 0, NULL), ERR_OK);
        if (round % 1000 == 500) {
            cr_assert_eq(kv_flush(kv, NULL), ERR_OK);
        }
    }
    kv_batch_destroy(&batch);
    struct kv_range all = {.family = FAMILY_A};
    struct kv_iter *iter = kv_iter_create(kv, &all);
    kv_iter_seek_first(iter);
    for (int i = 0; i < KEYS; i++) {
        if (model[i] < 0) {
            continue;
        }
        char key[16];
        char value[16];
        snprintf(key, sizeof(key), "%04d", i);
        snprintf(value, sizeof(value), "%d", model[i]);
        cr_assert(kv_iter_valid(iter));
        cr_assert(str_equal(kv_iter_key(iter), str_of(key)));
        cr_assert(str_equal(kv_iter_value(iter), str_of(value)));
        kv_iter_next(iter);
    }
    cr_assert_not(kv_iter_valid(iter));
    kv_iter_destroy(&iter);
}
