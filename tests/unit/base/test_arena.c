#include <criterion/criterion.h>
#include <stdint.h>

#include "common/base/arena.h"

Test(arena, hands_out_zeroed_aligned_memory)
{
    struct arena *arena = arena_create(1 << 20);
    for (size_t size = 0; size < 300; size++) {
        unsigned char *bytes = arena_alloc(arena, size);
        cr_assert_not_null(bytes);
        cr_assert_eq((uintptr_t)bytes % 16, 0);
        for (size_t i = 0; i < size; i++) {
            cr_assert_eq(bytes[i], 0);
            bytes[i] = 0xAA;
        }
    }
    arena_destroy(&arena);
    cr_assert_null(arena);
}

Test(arena, stops_at_its_limit_and_recovers_after_reset)
{
    struct arena *arena = arena_create(1000);
    cr_assert_not_null(arena_alloc(arena, 900));
    cr_assert_null(arena_alloc(arena, 200));
    cr_assert(arena_overflowed(arena));
    arena_reset(arena);
    cr_assert(!arena_overflowed(arena));
    cr_assert_eq(arena_used(arena), 0);
    cr_assert_not_null(arena_alloc(arena, 900));
    arena_destroy(&arena);
}

Test(arena, copies_and_formats)
{
    struct arena *arena = arena_create(1 << 20);
    cr_assert_str_eq(arena_printf(arena, "%s-%d", "a", 7), "a-7");
    cr_assert_str_eq(arena_dup(arena, "abcdef", 3), "abc");
    cr_assert_null(arena_strdup(arena, NULL));
    arena_destroy(&arena);
}
