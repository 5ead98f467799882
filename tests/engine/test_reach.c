/*
 * Events that many want at once: each gets a copy in one turn, and a turn is one write.
 */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "tests/engine/harness.h"

enum { LISTENERS = 80, DATA_BYTES = 1000 * 1000 };

/* {"n":<n>,"x":"xxx..."} */
static char *big_data(int n)
{
    struct buf text = BUF_INIT(2 * DATA_BYTES);
    buf_printf(&text, "{\"n\":%d,\"x\":\"", n);
    for (int i = 0; i < DATA_BYTES / 10; i++) {
        buf_append_str(&text, "xxxxxxxxxx");
    }
    buf_append_str(&text, "\"}");
    CHECK(!text.failed);
    return buf_detach(&text, NULL);
}

/* It came over the bus, or (with a token) from a person. */
static void big_event(struct harness *h, int n, uint64_t token)
{
    struct doc *envelope = NULL;
    struct buf text = BUF_INIT(2 * DATA_BYTES);
    char *data = big_data(n);
    buf_printf(&text, "{\"type\":\"a\",\"source\":\"/t\",\"id\":\"1\",\"data\":%s}", data);
    struct command command = event_of_text(text.data, &envelope);
    command.token = token;
    command.event.bus_ms = token != 0 ? 0 : command.event.bus_ms;
    harness_turn(h, &command);
    doc_unref(&envelope);
    buf_release(&text);
    free(data);
}

/* As many instances that wait for an event of type a, whose data has this `n`. */
static struct harness *crowd(const char *n)
{
    struct harness *h = harness_create();
    struct buf tasks = BUF_INIT(1024);
    h->untraced = true;
    buf_printf(&tasks, "- l: {listen: {to: {one: {with: {type: a, data: '${ .n == %s }'}}}}}\n", n);
    deploy_tasks(h, tasks.data);
    for (int i = 0; i < LISTENERS; i++) {
        run(h, i == 0 ? "{\"n\":0}" : "{\"n\":1}");
    }
    buf_release(&tasks);
    return h;
}

static void crowd_leave(struct harness **h)
{
    harness_check(*h);
    harness_replay(*h);
    harness_destroy(h);
}

/* 300 instances that waited for half a megabyte ended the coordinator. */
Test(reach, an_event_that_too_many_want_is_a_dead_letter)
{
    struct harness *h = crowd("1");
    big_event(h, 1, 0);
    cr_expect_eq(table_rows(h, 'Z'), 1);
    cr_expect_eq(open_instances(h), LISTENERS, "nobody got it");
    event(h, "a", "1", "{\"n\":1}");
    cr_expect_eq(open_instances(h), 0, "it was not marked as known either");
    crowd_leave(&h);
}

Test(reach, only_those_count_that_would_take_it)
{
    struct harness *h = crowd("$workflow.input.n");
    big_event(h, 0, 0);
    cr_expect_eq(table_rows(h, 'Z'), 0);
    cr_expect_eq(open_instances(h), LISTENERS - 1);
    crowd_leave(&h);
}

Test(reach, what_is_emitted_reaches_no_farther)
{
    struct harness *h = crowd("1");
    char *data = big_data(1);
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: tell, version: 1.0.0}\n"
              "do: [{e: {emit: {event: {with: {type: a, data: '${ . }'}}}}}]\n");
    start(h, "test/tell:1.0.0", data);
    cr_expect_eq(table_rows(h, 'Z'), 1);
    cr_expect_eq(open_instances(h), LISTENERS, "who emitted it has completed");
    free(data);
    crowd_leave(&h);
}

/* Whoever gives an event by hand is told, and nothing else is kept. */
Test(reach, a_person_is_refused_with_words)
{
    struct harness *h = crowd("1");
    big_event(h, 1, 7);
    cr_expect_eq(h->reply, ERR_LIMIT);
    cr_expect_eq(table_rows(h, 'Z'), 0);
    cr_expect_eq(open_instances(h), LISTENERS);
    crowd_leave(&h);
}

/* What comes behind belongs into the next turn. */
Test(reach, a_turn_with_much_in_it_says_so)
{
    struct harness *h = crowd("1");
    struct doc *envelope = NULL;
    struct command command = event_of_text(
        "{\"type\":\"a\",\"source\":\"/t\",\"id\":\"1\",\"data\":{\"n\":1}}", &envelope);
    command.event.size = DATA_BYTES / 2; /* so it says */
    harness_begin(h);
    cr_expect_not(engine_turn_is_large(turn_engine(h->turn)));
    harness_command(h, &command);
    cr_expect(engine_turn_is_large(turn_engine(h->turn)));
    cr_expect(harness_end(h));
    while (turn_next_due(h->turn) == 0) {
        tick(h);
    }
    cr_expect_eq(open_instances(h), 0);
    doc_unref(&envelope);
    crowd_leave(&h);
}
