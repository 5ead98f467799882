#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus_fixture.h"

/* Start pulling from S as C into the collector. */
static struct bus_pull *pull_into(struct bus *bus, unsigned batch, struct collector *got)
{
    const struct bus_pull_options options = {
        .stream = "S", .consumer = "C", .batch = batch, .deliver = collect_message, .user = got};
    struct bus_pull *pull = NULL;
    struct error err = {0};
    cr_assert_eq(bus_pull_start(bus, &options, &pull, &err), ERR_OK, "%s", err.message);
    return pull;
}

static void publish_many(struct bus *bus, struct collector *got, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        cr_assert_eq(publish_tracked(bus, "in.x", text, i), ERR_OK);
    }
    (void)got;
}

Test(bus_stream, publish_pull_acknowledge)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    make_stream(bus);
    struct bus_pull *pull = pull_into(bus, 100, got);
    publish_many(bus, got, 0, 50);
    wait_stored(got, 50);
    wait_messages(got, 50);
    for (unsigned i = 0; i < 50; i++) {
        struct bus_msg *msg = collector_take(got, i);
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        cr_assert_str_eq(msg->body, text);
        cr_assert_str_eq(msg->subject, "in.x");
        cr_assert_eq(msg->stream_sequence, i + 1);
        cr_assert_eq(msg->consumer_sequence, i + 1);
        cr_assert_eq(msg->num_delivered, 1);
        cr_assert_gt(msg->timestamp_ns, 1600000000000000000);
        cr_assert_eq(bus_msg_ack(msg, NULL), ERR_OK);
        bus_msg_destroy(&msg);
    }
    bus_pull_consumed(pull, 50);
    struct bus_consumer_state consumer = {0};
    while (consumer.ack_floor_sequence < 50) {
        cr_assert_eq(bus_consumer_state(bus, "S", "C", &consumer, NULL), ERR_OK);
    }
    cr_assert_eq(consumer.delivered_sequence, 50);
    cr_assert_eq(consumer.num_ack_pending, 0);
    cr_assert_eq(bus_stream_purge(bus, "S", 40, NULL), ERR_OK);
    struct bus_stream_state stream;
    cr_assert_eq(bus_stream_state(bus, "S", &stream, NULL), ERR_OK);
    cr_assert_eq(stream.first_sequence, 41);
    cr_assert_eq(stream.last_sequence, 50);
    cr_assert_eq(stream.messages, 10);
    struct bus_stats stats;
    bus_stats(bus, &stats);
    cr_assert_eq(stats.tracked_stored, 50);
    cr_assert_eq(stats.tracked_waiting, 0);
    cr_assert_eq(stats.acked, 50);
    cr_assert_eq(stats.rejected, 0);
    bus_pull_stop(&pull);
    cr_assert_null(pull);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, never_more_in_flight_than_the_credit)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    make_stream(bus);
    publish_many(bus, got, 0, 200);
    wait_stored(got, 200);
    struct bus_pull *pull = pull_into(bus, 8, got);
    unsigned consumed = 0;
    while (consumed < 200) {
        wait_messages(got, consumed + 8 < 200 ? consumed + 8 : 200);
        unsigned have = collector_messages(got);
        cr_assert_leq(have, consumed + 8);
        unsigned step = have - consumed < 3 ? have - consumed : 3;
        consumed += step;
        bus_pull_consumed(pull, step);
    }
    for (unsigned i = 0; i < 200; i++) {
        struct bus_msg *msg = collector_take(got, i);
        cr_assert_eq(msg->stream_sequence, i + 1);
        bus_msg_destroy(&msg);
    }
    struct bus_stats stats;
    bus_stats(bus, &stats);
    cr_assert_eq(stats.pull_given_back, 0);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, a_smaller_window_holds_from_the_next_request_on)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    make_stream(bus);
    publish_many(bus, got, 0, 100);
    wait_stored(got, 100);
    struct bus_pull *pull = pull_into(bus, 40, got);
    wait_messages(got, 40);
    bus_pull_window(pull, 4);
    bus_pull_consumed(pull, 36); /* as many left as there may be: nothing is asked for */
    bus_pull_consumed(pull, 1);
    unsigned consumed = 37;
    while (consumed < 90) {
        wait_messages(got, consumed + 4);
        cr_assert_eq(collector_messages(got), consumed + 4);
        bus_pull_consumed(pull, 1);
        consumed++;
    }
    bus_pull_window(pull, 40);
    wait_messages(got, 100);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, nak_brings_it_again_and_term_never)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    make_stream(bus);
    struct bus_pull *pull = pull_into(bus, 10, got);
    publish_many(bus, got, 0, 1);
    wait_messages(got, 1);
    struct bus_msg *msg = collector_take(got, 0);
    cr_assert_eq(bus_msg_progress(msg, NULL), ERR_OK);
    cr_assert_eq(bus_msg_nak(msg, 1, NULL), ERR_OK);
    bus_msg_destroy(&msg);
    bus_pull_consumed(pull, 1);
    wait_messages(got, 2);
    msg = collector_take(got, 1);
    cr_assert_eq(msg->num_delivered, 2);
    cr_assert_eq(msg->stream_sequence, 1);
    cr_assert_eq(bus_msg_term(msg, NULL), ERR_OK);
    bus_msg_destroy(&msg);
    bus_pull_consumed(pull, 1);
    struct bus_consumer_state consumer = {0};
    while (consumer.ack_floor_sequence < 1) {
        cr_assert_eq(bus_consumer_state(bus, "S", "C", &consumer, NULL), ERR_OK);
    }
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, a_standing_request_is_renewed_when_it_expires)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    make_stream(bus);
    const struct bus_pull_options options = {.stream = "S",
                                             .consumer = "C",
                                             .batch = 4,
                                             .expires_ms = 1000,
                                             .deliver = collect_message,
                                             .user = got};
    struct bus_pull *pull = NULL;
    cr_assert_eq(bus_pull_start(bus, &options, &pull, NULL), ERR_OK);
    struct bus_stats stats = {0};
    while (stats.pull_requests < 3) {
        bus_stats(bus, &stats);
    }
    publish_many(bus, got, 0, 1);
    wait_messages(got, 1);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, a_consumer_that_comes_later_is_found)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    struct bus_pull *pull = pull_into(bus, 10, got);
    make_stream(bus);
    publish_many(bus, got, 0, 3);
    wait_messages(got, 3);
    cr_assert_eq(bus_consumer_delete(bus, "S", "C", NULL), ERR_OK);
    cr_assert_eq(bus_consumer_delete(bus, "S", "C", NULL), ERR_NOT_FOUND);
    make_stream(bus);
    bus_pull_kick(pull);
    wait_messages(got, 6);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, unacknowledged_messages_come_again_after_kill_9)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    make_stream(bus);
    publish_many(bus, got, 0, 20);
    wait_stored(got, 20);
    struct bus_pull *pull = pull_into(bus, 5, got);
    wait_messages(got, 5);
    nats_fixture_kill(server);
    wait_state(got, BUS_DISCONNECTED, 1);
    nats_fixture_restart(server);
    wait_state(got, BUS_RECONNECTED, 1);
    bus_pull_consumed(pull, 5);
    wait_messages(got, 10);
    struct bus_stream_state stream;
    cr_assert_eq(bus_stream_state(bus, "S", &stream, NULL), ERR_OK);
    cr_assert_eq(stream.last_sequence, 20);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, a_wiped_server_is_made_ready_again)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    make_stream(bus);
    struct bus_pull *pull = pull_into(bus, 100, got);
    publish_many(bus, got, 0, 7);
    wait_messages(got, 7);
    bus_pull_consumed(pull, 7);
    nats_fixture_kill(server);
    nats_fixture_wipe(server);
    nats_fixture_restart(server);
    wait_state(got, BUS_RECONNECTED, 1);
    struct bus_stream_state stream;
    cr_assert_eq(bus_stream_state(bus, "S", &stream, NULL), ERR_NOT_FOUND);
    bool created = false;
    cr_assert_eq(bus_stream_ensure(bus, "S", "{\"subjects\":[\"in.>\"]}", &created, NULL), ERR_OK);
    cr_assert(created);
    make_stream(bus);
    bus_pull_kick(pull);
    publish_many(bus, got, 100, 105);
    wait_messages(got, 12);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, ensure_updates_only_what_differs_and_keeps_the_rest)
{
    struct nats_fixture *server = server_start(NULL);
    struct bus *bus = connect_bus(server, "stream", NULL, NULL);
    struct error err = {0};
    bool created = false;
    const char *first = "{\"subjects\":[\"in.>\"],\"max_age\":600000000000,\"discard\":\"new\"}";
    cr_assert_eq(bus_stream_ensure(bus, "S", first, &created, &err), ERR_OK, "%s", err.message);
    cr_assert(created);
    cr_assert_eq(bus_stream_ensure(bus, "S", first, &created, &err), ERR_OK);
    cr_assert_not(created);
    cr_assert_eq(bus_stream_ensure(bus, "S", "{\"max_msgs\":100}", &created, &err), ERR_OK, "%s",
                 err.message);
    struct buf reply = BUF_INIT(65536);
    cr_assert_eq(bus_js_api(bus, "STREAM.INFO.S", NULL, &reply, &err), ERR_OK);
    cr_assert_not_null(strstr(reply.data, "\"max_msgs\":100"), "%s", reply.data);
    cr_assert_not_null(strstr(reply.data, "\"max_age\":600000000000"), "%s", reply.data);
    cr_assert_not_null(strstr(reply.data, "in.\\u003e"), "%s", reply.data);
    cr_assert_eq(bus_stream_ensure(bus, "S", "[]", NULL, &err), ERR_INVALID);
    cr_assert_eq(bus_stream_ensure(bus, "S.T", "{}", NULL, &err), ERR_INVALID);
    cr_assert_eq(bus_js_api(bus, "STREAM.INFO.NONE", NULL, &reply, &err), ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.message, "stream not found"), "%s", err.message);
    buf_release(&reply);
    bus_close(&bus);
    nats_fixture_destroy(&server);
}

Test(bus_stream, a_refused_publication_says_why)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "stream", NULL, got);
    cr_assert_eq(publish_tracked(bus, "in.x", "x", 1), ERR_OK);
    wait_failed(got, 1);
    cr_assert_str_eq(got->why, "no stream takes this subject");
    cr_assert_eq(bus_stream_ensure(bus, "S",
                                   "{\"subjects\":[\"in.>\"],\"max_msgs\":1,\"discard\":\"new\"}",
                                   NULL, NULL),
                 ERR_OK);
    cr_assert_eq(publish_tracked(bus, "in.x", "x", 2), ERR_OK);
    wait_stored(got, 1);
    cr_assert_eq(publish_tracked(bus, "in.x", "x", 3), ERR_OK);
    wait_failed(got, 2);
    cr_assert_not_null(strstr(got->why, "maximum messages exceeded"), "%s", got->why);
    cr_assert_eq(got->last_token, 3);
    cr_assert_eq(publish_tracked(bus, "in.x", "", 4), ERR_INVALID);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_stream, a_publication_nobody_answers_times_out_or_fails_with_the_connection)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    const struct bus_options options = {.url = nats_fixture_url(server),
                                        .name = "slow",
                                        .tracked_timeout_ms = 50,
                                        .on_state = collect_state,
                                        .on_ack = collect_ack,
                                        .user = got};
    struct bus *bus = NULL;
    cr_assert_eq(bus_connect(&options, &bus, NULL), ERR_OK);
    make_stream(bus);
    nats_fixture_pause(server);
    cr_assert_eq(publish_tracked(bus, "in.x", "x", 7), ERR_OK);
    wait_failed(got, 1);
    cr_assert_str_eq(got->why, "no acknowledgement in time");
    cr_assert_eq(got->last_token, 7);
    cr_assert_eq(publish_tracked(bus, "in.x", "x", 8), ERR_OK);
    nats_fixture_resume(server);
    nats_fixture_kill(server);
    wait_state(got, BUS_DISCONNECTED, 1);
    wait_answers(got, 2);
    cr_assert_eq(publish_tracked(bus, "in.x", "x", 9), ERR_UNAVAILABLE);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}
