#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/map.h"

Test(map, keeps_what_was_put_through_growth_and_removal)
{
    struct map *map = map_create();
    int values[2000];
    char key[32];
    for (int i = 0; i < 2000; i++) {
        values[i] = i;
        snprintf(key, sizeof(key), "key-%d", i);
        cr_assert_null(map_put_text(map, key, &values[i], NULL));
    }
    for (int i = 0; i < 2000; i += 2) {
        snprintf(key, sizeof(key), "key-%d", i);
        cr_assert_eq(*(int *)map_remove_text(map, key), i);
    }
    cr_assert_eq(map_count(map), 1000);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        int *value = map_get_text(map, key);
        cr_assert_eq(value == NULL, i % 2 == 0);
    }
    size_t cursor = 0;
    int expected = 1;
    for (int *value; (value = map_next(map, &cursor, NULL, NULL)) != NULL; expected += 2) {
        cr_assert_eq(*value, expected);
    }
    map_destroy(&map, NULL);
    cr_assert_null(map);
}

Test(map, a_removed_key_can_come_back)
{
    struct map *map = map_create();
    int a = 1;
    for (int i = 0; i < 500; i++) {
        map_put_text(map, "a", &a, NULL);
        cr_assert_eq(map_remove_text(map, "a"), &a);
        cr_assert_null(map_get_text(map, "a"));
    }
    cr_assert_eq(map_count(map), 0);
    map_destroy(&map, NULL);
}
