/* The journal as operators read it. */
#include <stdio.h>

#include "tests/unit/edge/office.h"

Test(journal, verify_walks_the_chain)
{
    struct office *office = office_open();
    char id[33];
    office_deploy(office, definition_nap);
    office_run(office, "t/nap", "{}", id);
    const json_t *reply = office_get(office, "journal.verify", "{}");
    cr_assert(json_bool_of(reply, "ok", false));
    cr_assert_eq(json_int_of(reply, "batches", 0), 2);
    cr_assert_eq(json_int_of(json_object_get(reply, "head"), "sequence", 0), 2);
    cr_assert_null(json_object_get(reply, "bad"));
    office_close(&office);
}

Test(journal, tail_shows_events_with_their_values_and_the_chain)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_price);
    office_run(office, "t/price", "{'weight': 3}", id);
    struct office_task task = office_take(office);
    office_done(office, &task, "{'amount': 7}");
    const json_t *reply = office_get(office, "journal.tail", "{}");
    const json_t *batches = json_object_get(reply, "batches");
    cr_assert_eq(json_array_size(batches), 4);
    cr_assert_null(json_object_get(reply, "next"));
    for (size_t i = 1; i < 4; i++) {
        cr_assert_str_eq(text_of(json_array_get(batches, i), "previous"),
                         text_of(json_array_get(batches, i - 1), "hash"));
    }
    const json_t *events = json_object_get(json_array_get(batches, 3), "events");
    const json_t *result = json_array_get(events, 0);
    cr_assert_str_eq(text_of(result, "kind"), "step-result");
    cr_assert_str_eq(text_of(result, "instance"), id);
    cr_assert_str_eq(text_of(result, "step"), "/do/0/ask");
    cr_assert_str_eq(text_of(result, "agent"), "clerk");
    cr_assert_str_eq(text_of(result, "outcome"), "done");
    cr_assert_eq(json_int_of(json_object_get(result, "output"), "amount", 0), 7);
    cr_assert_str_eq(text_of(json_object_get(result, "decision"), "rule"), "rates@1.0.0");
    office_close(&office);
}

Test(journal, tail_pages_and_follows)
{
    struct office *office = office_open();
    char ids[6][33];
    office_deploy(office, definition_nap);
    for (size_t i = 0; i < 6; i++) {
        office_run(office, "t/nap", "{}", ids[i]);
    }
    const json_t *reply = office_get(office, "journal.tail", "{'limit': 2}");
    const json_t *batches = json_object_get(reply, "batches");
    cr_assert_eq(json_int_of(json_array_get(batches, 0), "sequence", 0), 6);
    reply = office_get(office, "journal.tail", "{'limit': 3, 'after': 0}");
    cr_assert_eq(json_array_size(json_object_get(reply, "batches")), 3);
    cr_assert_eq(json_int_of(reply, "next", 0), 3);
    reply = office_get(office, "journal.tail", "{'after': '6'}");
    batches = json_object_get(reply, "batches");
    cr_assert_eq(json_array_size(batches), 1);
    cr_assert_eq(json_int_of(json_array_get(batches, 0), "sequence", 0), 7);
    reply = office_get(office, "journal.tail", "{'after': 7}");
    cr_assert_eq(json_array_size(json_object_get(reply, "batches")), 0);
    reply = office_get(office, "journal.tail", "{'instance': '%s'}", ids[2]);
    batches = json_object_get(reply, "batches");
    cr_assert_eq(json_array_size(batches), 1);
    const json_t *event = NULL;
    size_t at = 0;
    json_array_foreach(json_object_get(json_array_get(batches, 0), "events"), at, event)
    {
        cr_assert_str_eq(text_of(event, "instance"), ids[2]);
    }
    cr_assert_gt(at, 0);
    office_close(&office);
}

/* 30 batches of 60 KB do not fit into one answer. */
Test(journal, a_tail_that_would_be_too_large_ends_early)
{
    struct office *office = office_open();
    office_deploy(office, definition_nap);
    static char padding[60 * 1024];
    memset(padding, 'x', sizeof(padding) - 1);
    char id[33];
    static char input[61 * 1024];
    (void)snprintf(input, sizeof(input), "{'padding': '%s'}", padding);
    for (size_t i = 0; i < 30; i++) {
        office_run(office, "t/nap", input, id);
    }
    int64_t after = 0;
    size_t batches = 0;
    size_t pages = 0;
    for (bool more = true; more; pages++) {
        const json_t *reply =
            office_get(office, "journal.tail", "{'after': %lld}", (long long)after);
        const json_t *rows = json_object_get(reply, "batches");
        cr_assert_gt(json_array_size(rows), 0);
        batches += json_array_size(rows);
        more = json_object_get(reply, "next") != NULL;
        after = json_int_of(reply, "next", 0);
    }
    cr_assert_eq(batches, 31);
    cr_assert_geq(pages, 2);
    office_close(&office);
}
