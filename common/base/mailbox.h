/*
 * A bounded queue of pointers: many threads push, one takes. The only way into a turn loop.
 *
 * Full means "not now": the pusher keeps its item, leaves the message on the bus and tries again,
 * so memory never grows with load. The taker sleeps in the kernel until there is an item, its
 * deadline passes, somebody wakes it, or the box is closed: an idle box costs nothing.
 *
 * Threads: mailbox_push, mailbox_wake, mailbox_close and mailbox_count from any thread;
 * mailbox_take_all from one thread at a time; create and destroy when nobody else uses the box.
 */
#ifndef COMMON_BASE_MAILBOX_H
#define COMMON_BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;

/* An empty box for `capacity` (at least 1) items, or NULL without memory. */
struct mailbox *mailbox_create(size_t capacity);

/* Free *mailbox and set it to NULL. Items still inside are passed to `item_free` (may be NULL, then
 * they are forgotten). Accepts a NULL box. */
void mailbox_destroy(struct mailbox **mailbox, void (*item_free)(void *item));

/* Append `item` (not NULL), whose ownership moves on success only. False when full or closed. */
bool mailbox_push(struct mailbox *mailbox, void *item);

/* Wait for items until the CLOCK_MONOTONIC instant `deadline_ns` (CLOCK_FOREVER: no limit; a past
 * instant: do not wait), then move up to `max` of them, oldest first, into `items`. Returns how
 * many: 0 after the deadline, after mailbox_wake, or when the box is closed and empty. */
size_t mailbox_take_all(struct mailbox *mailbox, int64_t deadline_ns, void **items, size_t max);

/* Make the current or the next mailbox_take_all return without items, so that its caller looks at
 * its other duties. */
void mailbox_wake(struct mailbox *mailbox);

/* Refuse further items and wake the taker; what is inside can still be taken. */
void mailbox_close(struct mailbox *mailbox);

bool mailbox_is_closed(struct mailbox *mailbox);

/* Items inside now; a figure for metrics, stale when read. */
size_t mailbox_count(struct mailbox *mailbox);

#endif
