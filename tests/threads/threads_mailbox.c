/* Several pushers against one taker on a small box: nothing lost, nothing twice, order per pusher.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/mailbox.h"

enum { PUSHERS = 4, ITEMS = 20000, CAPACITY = 64 };

struct item {
    unsigned pusher;
    unsigned number;
};

static struct mailbox *box;
static struct item items[PUSHERS][ITEMS];

static void *push_all(void *user)
{
    struct item *mine = user;
    for (unsigned i = 0; i < ITEMS; i++) {
        while (!mailbox_push(box, &mine[i])) {
            sched_yield();
        }
        if (i % 1000 == 0) {
            mailbox_wake(box);
        }
    }
    return NULL;
}

int main(void)
{
    box = mailbox_create(CAPACITY);
    CHECK(box != NULL);
    pthread_t threads[PUSHERS];
    for (unsigned p = 0; p < PUSHERS; p++) {
        for (unsigned i = 0; i < ITEMS; i++) {
            items[p][i] = (struct item){.pusher = p, .number = i};
        }
        CHECK(pthread_create(&threads[p], NULL, push_all, items[p]) == 0);
    }
    unsigned next[PUSHERS] = {0};
    void *out[CAPACITY];
    for (unsigned seen = 0; seen < PUSHERS * ITEMS;) {
        int64_t deadline = seen % 2 == 0 ? CLOCK_FOREVER : clock_deadline_ns(1);
        size_t taken = mailbox_take_all(box, deadline, out, CAPACITY);
        for (size_t i = 0; i < taken; i++) {
            const struct item *item = out[i];
            CHECK(item->number == next[item->pusher]);
            next[item->pusher]++;
        }
        seen += (unsigned)taken;
    }
    for (unsigned p = 0; p < PUSHERS; p++) {
        CHECK(pthread_join(threads[p], NULL) == 0);
        CHECK(next[p] == ITEMS);
    }
    CHECK(mailbox_count(box) == 0);
    mailbox_destroy(&box, NULL);
    (void)puts("ok");
    return 0;
}
