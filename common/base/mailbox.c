#include "common/base/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/check.h"
#include "common/base/clock.h"

/* items[(first + i) % capacity] for i < count, oldest first. */
struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t capacity;
    size_t first;
    size_t count;
    bool waiting; /* the taker sleeps: only then a push signals */
    bool woken;
    bool closed;
    void *items[];
};

struct mailbox *mailbox_create(size_t capacity)
{
    CHECK(capacity > 0);
    if (capacity > (SIZE_MAX - sizeof(struct mailbox)) / sizeof(void *)) {
        return NULL;
    }
    struct mailbox *mailbox = calloc(1, sizeof(*mailbox) + capacity * sizeof(void *));
    if (mailbox == NULL) {
        return NULL;
    }
    mailbox->capacity = capacity;
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&mailbox->changed, &attributes) == 0);
    CHECK(pthread_mutex_init(&mailbox->lock, NULL) == 0);
    (void)pthread_condattr_destroy(&attributes);
    return mailbox;
}

void mailbox_destroy(struct mailbox **mailbox, void (*item_free)(void *item))
{
    struct mailbox *box = *mailbox;
    if (box == NULL) {
        return;
    }
    for (size_t i = 0; i < box->count && item_free != NULL; i++) {
        item_free(box->items[(box->first + i) % box->capacity]);
    }
    CHECK(pthread_cond_destroy(&box->changed) == 0);
    CHECK(pthread_mutex_destroy(&box->lock) == 0);
    free(box);
    *mailbox = NULL;
}

static void lock(struct mailbox *mailbox)
{
    CHECK(pthread_mutex_lock(&mailbox->lock) == 0);
}

static void unlock(struct mailbox *mailbox)
{
    CHECK(pthread_mutex_unlock(&mailbox->lock) == 0);
}

static void signal_taker(struct mailbox *mailbox)
{
    if (mailbox->waiting) {
        CHECK(pthread_cond_signal(&mailbox->changed) == 0);
    }
}

bool mailbox_push(struct mailbox *mailbox, void *item)
{
    CHECK(item != NULL);
    lock(mailbox);
    bool fits = !mailbox->closed && mailbox->count < mailbox->capacity;
    if (fits) {
        mailbox->items[(mailbox->first + mailbox->count) % mailbox->capacity] = item;
        mailbox->count++;
        signal_taker(mailbox);
    }
    unlock(mailbox);
    return fits;
}

/* Sleep until something changed; false when the deadline has passed. */
static bool wait_change(struct mailbox *mailbox, int64_t deadline_ns)
{
    int result = 0;
    mailbox->waiting = true;
    if (deadline_ns == CLOCK_FOREVER) {
        result = pthread_cond_wait(&mailbox->changed, &mailbox->lock);
    } else {
        struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                 .tv_nsec = (long)(deadline_ns % 1000000000)};
        result = pthread_cond_timedwait(&mailbox->changed, &mailbox->lock, &until);
    }
    mailbox->waiting = false;
    CHECK(result == 0 || result == ETIMEDOUT);
    return result == 0;
}

size_t mailbox_take_all(struct mailbox *mailbox, int64_t deadline_ns, void **items, size_t max)
{
    CHECK(max > 0);
    lock(mailbox);
    while (mailbox->count == 0 && !mailbox->closed && !mailbox->woken) {
        if (deadline_ns <= 0 || !wait_change(mailbox, deadline_ns)) {
            break;
        }
    }
    mailbox->woken = false;
    size_t taken = mailbox->count < max ? mailbox->count : max;
    for (size_t i = 0; i < taken; i++) {
        items[i] = mailbox->items[(mailbox->first + i) % mailbox->capacity];
    }
    mailbox->first = (mailbox->first + taken) % mailbox->capacity;
    mailbox->count -= taken;
    unlock(mailbox);
    return taken;
}

void mailbox_wake(struct mailbox *mailbox)
{
    lock(mailbox);
    mailbox->woken = true;
    signal_taker(mailbox);
    unlock(mailbox);
}

void mailbox_close(struct mailbox *mailbox)
{
    lock(mailbox);
    mailbox->closed = true;
    signal_taker(mailbox);
    unlock(mailbox);
}

bool mailbox_is_closed(struct mailbox *mailbox)
{
    lock(mailbox);
    bool closed = mailbox->closed;
    unlock(mailbox);
    return closed;
}

size_t mailbox_count(struct mailbox *mailbox)
{
    lock(mailbox);
    size_t count = mailbox->count;
    unlock(mailbox);
    return count;
}
