/* Publishers, a puller that acknowledges from another thread, and a server killed in the middle. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/mailbox.h"
#include "common/bus/bus.h"
#include "tests/support/nats_fixture.h"

enum { PUBLISHERS = 3, EACH = 1500, BATCH = 64, SKIPPED = 77 };

static struct bus *bus;
static struct mailbox *box;
static atomic_bool done[PUBLISHERS][EACH];    /* stored, as its acknowledgement says */
static atomic_uint answers[PUBLISHERS][EACH]; /* acknowledgements per attempt taken back */
static bool seen[PUBLISHERS][EACH];           /* of the taker's thread only */
static atomic_uint reconnects;

static void on_state(void *user, enum bus_state state, const char *why)
{
    (void)user;
    (void)why;
    if (state == BUS_RECONNECTED) {
        atomic_fetch_add(&reconnects, 1);
    }
}

static void on_ack(void *user, uint64_t token, bool stored, const char *why)
{
    (void)user;
    (void)why;
    if (stored) {
        atomic_store(&done[token / EACH][token % EACH], true);
    }
    CHECK(atomic_fetch_add(&answers[token / EACH][token % EACH], 1) == 0);
}

/* The mailbox has as many places as the pull has credit, so it is never full. */
static void on_message(void *user, struct bus_msg *msg)
{
    (void)user;
    CHECK(mailbox_push(box, msg));
}

/* Publish one number until it is stored, as an outbox does. */
static void publish_until_stored(unsigned publisher, unsigned number)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%u %u", publisher, number);
    const struct bus_publication publication = {
        .subject = "in.x", .body = text, .size = strlen(text)};
    while (!atomic_load(&done[publisher][number])) {
        atomic_store(&answers[publisher][number], 0);
        uint64_t token = (uint64_t)publisher * EACH + number;
        if (bus_publish_tracked(bus, &publication, token, NULL) != ERR_OK) {
            sched_yield();
            continue;
        }
        while (atomic_load(&answers[publisher][number]) == 0) {
            sched_yield();
        }
    }
}

static void *publish_all(void *user)
{
    unsigned publisher = *(unsigned *)user;
    for (unsigned i = 0; i < EACH; i++) {
        publish_until_stored(publisher, i);
    }
    return NULL;
}

static void make_stream(void)
{
    CHECK(bus_stream_ensure(bus, "S", "{\"subjects\":[\"in.>\"]}", NULL, NULL) == ERR_OK);
    CHECK(bus_consumer_ensure(bus, "S", "C",
                              "{\"ack_policy\":\"explicit\",\"ack_wait\":2000000000}", NULL,
                              NULL) == ERR_OK);
}

/* Take one message; whether it was new. */
static bool take(struct bus_msg *msg)
{
    char *rest = NULL;
    unsigned long publisher = strtoul(msg->body, &rest, 10);
    unsigned long number = strtoul(rest, NULL, 10);
    CHECK(publisher < PUBLISHERS);
    CHECK(number < EACH);
    bool first = !seen[publisher][number];
    seen[publisher][number] = true;
    (void)!bus_msg_ack(msg, NULL);
    bus_msg_destroy(&msg);
    return first;
}

static void take_all(struct bus_pull *pull, struct nats_fixture *server)
{
    unsigned taken = 0;
    bool killed = false;
    while (taken < PUBLISHERS * EACH) {
        void *items[BATCH];
        size_t count = mailbox_take_all(box, clock_deadline_ns(60000), items, BATCH);
        CHECK(count > 0);
        for (size_t i = 0; i < count; i++) {
            taken += take(items[i]) ? 1 : 0;
        }
        bus_pull_consumed(pull, count);
        if (taken > PUBLISHERS * EACH / 3 && !killed) {
            nats_fixture_kill(server);
            nats_fixture_restart(server);
            killed = true;
        }
    }
}

int main(void)
{
    struct nats_fixture *server = nats_fixture_start(NULL);
    if (server == NULL) {
        return SKIPPED;
    }
    const struct bus_options options = {
        .url = nats_fixture_url(server), .name = "threads", .on_state = on_state, .on_ack = on_ack};
    box = mailbox_create(BATCH);
    CHECK(box != NULL);
    CHECK(bus_connect(&options, &bus, NULL) == ERR_OK);
    make_stream();
    const struct bus_pull_options pulling = {
        .stream = "S", .consumer = "C", .batch = BATCH, .deliver = on_message};
    struct bus_pull *pull = NULL;
    CHECK(bus_pull_start(bus, &pulling, &pull, NULL) == ERR_OK);
    pthread_t threads[PUBLISHERS];
    unsigned numbers[PUBLISHERS];
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, publish_all, &numbers[i]) == 0);
    }
    take_all(pull, server);
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(atomic_load(&reconnects) == 1);
    bus_pull_stop(&pull);
    bus_close(&bus);
    void *items[BATCH];
    for (size_t count = mailbox_take_all(box, 0, items, BATCH); count > 0; count--) {
        struct bus_msg *msg = items[count - 1];
        bus_msg_destroy(&msg);
    }
    mailbox_destroy(&box, NULL);
    nats_fixture_destroy(&server);
    (void)puts("ok");
    return 0;
}
