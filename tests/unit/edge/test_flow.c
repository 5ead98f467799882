#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "coordinator/edge/edge_private.h"

enum { ITEMS = 4 };

static struct item *item_of(enum item_kind kind)
{
    struct item *item = calloc(1, sizeof(*item));
    cr_assert(item != NULL);
    item->kind = kind;
    return item;
}

Test(flow, events_wait_in_their_order_while_urgent_work_goes_on)
{
    struct edge *edge = calloc(1, sizeof(*edge));
    cr_assert(edge != NULL);
    event_window_init(&edge->window, EDGE_EVENTS_BATCH);
    static const enum item_kind kinds[ITEMS] = {ITEM_EVENT, ITEM_CONTROL, ITEM_EVENT, ITEM_HELLO};
    void *taken[ITEMS];
    struct item *items[2 * ITEMS];
    for (size_t i = 0; i < ITEMS; i++) {
        taken[i] = item_of(kinds[i]);
    }
    cr_expect_eq(flow_sort(edge, taken, ITEMS, items), ITEMS, "nothing is urgent");
    cr_expect_eq(flow_next_due(edge), INT64_MAX);

    edge->window.quiet_until_ms = INT64_MAX - 1;
    cr_expect_eq(flow_sort(edge, taken, ITEMS, items), 2);
    cr_expect_eq(items[0], taken[1]);
    cr_expect_eq(items[1], taken[3]);
    cr_expect_eq(flow_next_due(edge), INT64_MAX - 1, "the next turn is when they are let in");
    cr_expect_eq(flow_sort(edge, NULL, 0, items), 0, "still");

    edge->window.quiet_until_ms = clock_boot_ms();
    void *late = item_of(ITEM_EVENT);
    cr_expect_eq(flow_sort(edge, &late, 1, items), 3);
    cr_expect_eq(items[0], taken[0]);
    cr_expect_eq(items[1], taken[2]);
    cr_expect_eq(items[2], late);
    cr_expect_eq(flow_next_due(edge), INT64_MAX);
    cr_expect_eq(flow_sort(edge, NULL, 0, items), 0, "each is passed on once");
    for (size_t i = 0; i < ITEMS; i++) {
        free(taken[i]);
    }
    free(late);
    free(edge);
}
