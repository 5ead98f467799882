#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mailbox.h"

Test(mailbox, keeps_order_around_the_ring_and_refuses_when_full)
{
    struct mailbox *box = mailbox_create(3);
    int values[20];
    void *out[8];
    int next_in = 0;
    int next_out = 0;
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 3; i++) {
            cr_assert(mailbox_push(box, &values[next_in++]));
        }
        cr_assert_not(mailbox_push(box, &values[0]));
        cr_assert_eq(mailbox_count(box), 3);
        size_t taken = mailbox_take_all(box, 0, out, 2);
        cr_assert_eq(taken, 2);
        taken += mailbox_take_all(box, 0, out + 2, 6);
        cr_assert_eq(taken, 3);
        for (size_t i = 0; i < taken; i++) {
            cr_assert_eq(out[i], &values[next_out++]);
        }
    }
    mailbox_destroy(&box, NULL);
    cr_assert_null(box);
}

Test(mailbox, an_empty_take_ends_at_its_deadline)
{
    struct mailbox *box = mailbox_create(1);
    void *out[1];
    int64_t deadline = clock_deadline_ns(20);
    cr_assert_eq(mailbox_take_all(box, deadline, out, 1), 0);
    cr_assert_geq(clock_monotonic_ns(), deadline);
    cr_assert_eq(mailbox_take_all(box, 0, out, 1), 0);
    mailbox_destroy(&box, NULL);
}

Test(mailbox, a_closed_box_gives_what_it_holds_then_nothing)
{
    struct mailbox *box = mailbox_create(2);
    int value = 0;
    void *out[2];
    cr_assert(mailbox_push(box, &value));
    mailbox_close(box);
    cr_assert(mailbox_is_closed(box));
    cr_assert_not(mailbox_push(box, &value));
    cr_assert_eq(mailbox_take_all(box, CLOCK_FOREVER, out, 2), 1);
    cr_assert_eq(mailbox_take_all(box, CLOCK_FOREVER, out, 2), 0);
    mailbox_destroy(&box, NULL);
}

Test(mailbox, a_wake_is_remembered_once)
{
    struct mailbox *box = mailbox_create(1);
    void *out[1];
    mailbox_wake(box);
    cr_assert_eq(mailbox_take_all(box, CLOCK_FOREVER, out, 1), 0);
    int64_t deadline = clock_deadline_ns(5);
    cr_assert_eq(mailbox_take_all(box, deadline, out, 1), 0);
    cr_assert_geq(clock_monotonic_ns(), deadline);
    mailbox_destroy(&box, NULL);
}

static void *push_one(void *user)
{
    static int item;
    cr_assert(mailbox_push(user, &item));
    return NULL;
}

Test(mailbox, a_push_wakes_a_taker_that_waits_for_ever)
{
    struct mailbox *box = mailbox_create(1);
    void *out[1];
    pthread_t pusher;
    cr_assert_eq(pthread_create(&pusher, NULL, push_one, box), 0);
    cr_assert_eq(mailbox_take_all(box, CLOCK_FOREVER, out, 1), 1);
    pthread_join(pusher, NULL);
    mailbox_destroy(&box, NULL);
}

Test(mailbox, destroy_frees_what_is_left)
{
    struct mailbox *box = mailbox_create(4);
    for (int i = 0; i < 3; i++) {
        cr_assert(mailbox_push(box, malloc(8)));
    }
    mailbox_destroy(&box, free);
    mailbox_destroy(&box, free);
}
