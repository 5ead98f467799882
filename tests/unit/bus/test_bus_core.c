#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus_fixture.h"

static bool count_headers(void *user, const char *name, const char *value)
{
    cr_assert(name[0] != '\0' && value[0] != '\0');
    (*(unsigned *)user)++;
    return true;
}

Test(bus_core, headers_and_bytes_arrive_as_sent)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "core", NULL, NULL);
    cr_assert_eq(bus_subscribe(bus, "event.>", NULL, collect_message, got, NULL), ERR_OK);
    static const char body[] = {'a', 0, 'b'};
    const struct bus_header headers[] = {{"ce-id", "42"}, {"ce-Type", "x y"}};
    const struct bus_publication publication = {.subject = "event.one",
                                                .headers = headers,
                                                .header_count = 2,
                                                .body = body,
                                                .size = sizeof(body)};
    cr_assert_eq(bus_publish(bus, &publication, NULL), ERR_OK);
    publish_text(bus, "event.two", "plain");
    wait_messages(got, 2);
    struct bus_msg *msg = collector_take(got, 0);
    cr_assert_str_eq(msg->subject, "event.one");
    cr_assert_str_eq(msg->reply, "");
    cr_assert(msg->size == 3 && memcmp(msg->body, body, 3) == 0);
    cr_assert_str_eq(bus_msg_header(msg, "ce-id"), "42");
    cr_assert_str_eq(bus_msg_header(msg, "CE-TYPE"), "x y");
    cr_assert_null(bus_msg_header(msg, "ce-source"));
    unsigned count = 0;
    cr_expect(bus_msg_headers(msg, count_headers, &count));
    cr_assert_eq(count, 2);
    cr_assert_eq(msg->stream_sequence, 0);
    cr_assert_eq(bus_msg_ack(msg, NULL), ERR_INVALID);
    cr_assert_eq(bus_respond(msg, "x", 1, NULL), ERR_REFUSED);
    bus_msg_destroy(&msg);
    cr_assert_null(msg);
    bus_close(&bus);
    cr_assert_null(bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_core, smuggled_lines_are_refused_and_nothing_is_sent)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "core", NULL, NULL);
    cr_assert_eq(bus_subscribe(bus, ">", NULL, collect_message, got, NULL), ERR_OK);
    struct bus_publication publication = {.subject = "a 1\r\nx\r\nPUB b", .body = "x", .size = 1};
    cr_assert_eq(bus_publish(bus, &publication, NULL), ERR_INVALID);
    const struct bus_header headers[] = {
        {"a", "b\r\nc: d"}, {"a\r\nb", "c"}, {"", "x"}, {"a b", "x"}, {"a", "\x01"}};
    publication.subject = "a";
    publication.header_count = 1;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        publication.headers = &headers[i];
        cr_assert_eq(bus_publish(bus, &publication, NULL), ERR_INVALID, "header %zu", i);
    }
    cr_assert_eq(bus_subscribe(bus, "a b", NULL, collect_message, got, NULL), ERR_INVALID);
    cr_assert_eq(bus_subscribe(bus, "a.b*", NULL, collect_message, got, NULL), ERR_INVALID);
    cr_assert_eq(bus_subscribe(bus, "a.>.b", NULL, collect_message, got, NULL), ERR_INVALID);
    publish_text(bus, "last", "x");
    wait_messages(got, 1);
    struct bus_msg *msg = collector_take(got, 0);
    cr_assert_str_eq(msg->subject, "last");
    bus_msg_destroy(&msg);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_core, a_message_over_the_limit_of_the_server_is_a_limit)
{
    struct nats_fixture *server = server_start("max_payload: 4096\n");
    struct bus *bus = connect_bus(server, "core", NULL, NULL);
    char *big = calloc(1, 5000);
    const struct bus_publication publication = {.subject = "a", .body = big, .size = 5000};
    cr_assert_eq(bus_publish(bus, &publication, NULL), ERR_LIMIT);
    cr_assert(bus_is_connected(bus));
    free(big);
    bus_close(&bus);
    nats_fixture_destroy(&server);
}

static void answer(void *user, struct bus_msg *msg)
{
    (void)user;
    cr_assert_eq(bus_respond(msg, "pong", 4, NULL), ERR_OK);
    bus_msg_destroy(&msg);
}

static void stay_silent(void *user, struct bus_msg *msg)
{
    (void)user;
    bus_msg_destroy(&msg);
}

Test(bus_core, requests_are_answered_or_say_why_not)
{
    struct nats_fixture *server = server_start(NULL);
    struct bus *service = connect_bus(server, "service", NULL, NULL);
    struct bus *client = connect_bus(server, "client", NULL, NULL);
    cr_assert_eq(bus_subscribe(service, "ask.me", "group", answer, NULL, NULL), ERR_OK);
    cr_assert_eq(bus_subscribe(service, "ask.silent", NULL, stay_silent, NULL, NULL), ERR_OK);
    struct buf flush = BUF_INIT(4096);
    cr_assert_eq(bus_js_api(service, "INFO", NULL, &flush, NULL), ERR_OK);
    buf_release(&flush);
    struct buf reply = BUF_INIT(16);
    struct error err = {0};
    struct bus_publication question = {.subject = "ask.me", .body = "ping", .size = 4};
    cr_assert_eq(bus_request(client, &question, 5000, &reply, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(reply.data, "pong");
    question.subject = "ask.nobody";
    cr_assert_eq(bus_request(client, &question, 5000, &reply, &err), ERR_UNAVAILABLE);
    cr_assert_not_null(strstr(err.message, "nobody listens"), "%s", err.message);
    question.subject = "ask.silent";
    cr_assert_eq(bus_request(client, &question, 50, &reply, &err), ERR_TIMEOUT);
    struct buf tiny = BUF_INIT(3);
    question.subject = "ask.me";
    cr_assert_eq(bus_request(client, &question, 5000, &tiny, &err), ERR_LIMIT);
    buf_release(&tiny);
    buf_release(&reply);
    bus_close(&client);
    bus_close(&service);
    nats_fixture_destroy(&server);
}

Test(bus_core, subscriptions_survive_a_killed_server_and_states_are_told)
{
    struct nats_fixture *server = server_start(NULL);
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "core", NULL, got);
    wait_state(got, BUS_CONNECTED, 1);
    cr_assert_eq(bus_subscribe(bus, "a", NULL, collect_message, got, NULL), ERR_OK);
    nats_fixture_kill(server);
    wait_state(got, BUS_DISCONNECTED, 1);
    const struct bus_publication publication = {.subject = "a", .body = "lost", .size = 4};
    cr_assert_eq(bus_publish(bus, &publication, NULL), ERR_UNAVAILABLE);
    cr_assert_eq(bus_subscribe(bus, "b", NULL, collect_message, got, NULL), ERR_OK);
    nats_fixture_restart(server);
    wait_state(got, BUS_RECONNECTED, 1);
    publish_text(bus, "a", "1");
    wait_messages(got, 1);
    struct bus_stats stats;
    bus_stats(bus, &stats);
    cr_assert_eq(stats.disconnects, 1);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_core, a_bus_may_start_before_its_server)
{
    struct nats_fixture *server = server_start(NULL);
    nats_fixture_kill(server);
    struct collector *got = collector_create();
    const struct bus_options options = {.url = nats_fixture_url(server),
                                        .name = "early",
                                        .retry_connect = true,
                                        .on_state = collect_state,
                                        .user = got};
    struct bus *bus = NULL;
    cr_assert_eq(bus_connect(&options, &bus, NULL), ERR_OK);
    cr_assert_not(bus_is_connected(bus));
    cr_assert_eq(bus_subscribe(bus, "a", NULL, collect_message, got, NULL), ERR_OK);
    nats_fixture_restart(server);
    wait_state(got, BUS_CONNECTED, 1);
    publish_text(bus, "a", "1");
    wait_messages(got, 1);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

#define LOGIN(password) "authorization { users: [ { user: u, password: \"" password "\" } ] }\n"

Test(bus_core, a_connection_the_library_gave_up_is_built_again)
{
    struct nats_fixture *server = server_start(LOGIN("one"));
    struct collector *got = collector_create();
    struct bus *bus = connect_bus(server, "core", nats_fixture_creds(server, "u", "one"), got);
    cr_assert_eq(bus_subscribe(bus, "a", NULL, collect_message, got, NULL), ERR_OK);
    nats_fixture_kill(server);
    nats_fixture_configure(server, LOGIN("two"));
    nats_fixture_restart(server);
    wait_state(got, BUS_DISCONNECTED, 1);
    struct bus *other = connect_bus(server, "other", nats_fixture_creds(server, "u", "two"), NULL);
    bus_close(&other);
    nats_fixture_kill(server);
    nats_fixture_configure(server, LOGIN("one"));
    nats_fixture_restart(server);
    wait_state(got, BUS_RECONNECTED, 1);
    publish_text(bus, "a", "1");
    wait_messages(got, 1);
    bus_close(&bus);
    collector_destroy(&got);
    nats_fixture_destroy(&server);
}

Test(bus_core, a_wrong_password_is_refused)
{
    struct nats_fixture *server = server_start(LOGIN("one"));
    const struct bus_options options = {.url = nats_fixture_url(server),
                                        .creds_file = nats_fixture_creds(server, "u", "wrong"),
                                        .name = "test",
                                        .retry_connect = true};
    struct bus *bus = NULL;
    struct error err = {0};
    cr_assert_eq(bus_connect(&options, &bus, &err), ERR_REFUSED, "%s", err.message);
    cr_assert_null(bus);
    nats_fixture_destroy(&server);
}

/* What a server says that reads its configuration again, to one connection after the other: at
 * first, and to each thing it hears; NULL: it hangs up. */
static const struct {
    const char *first;
    const char *then;
} reading[] = {{"INFO {}\r\n", "-ERR 'Authorization Violation'\r\n"},
               {"INFO {}\r\n", NULL},
               {"-ERR 'Authorization Violation'\r\n", NULL},
               {"INFO {}\r\n", "PONG\r\n"}};

static void *server_reading(void *listener)
{
    for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++) {
        char heard[512];
        int client = accept(*(int *)listener, NULL, NULL);
        cr_assert(client >= 0);
        (void)send(client, reading[i].first, strlen(reading[i].first), MSG_NOSIGNAL);
        while (recv(client, heard, sizeof(heard), 0) > 0 && reading[i].then != NULL) {
            (void)send(client, reading[i].then, strlen(reading[i].then), MSG_NOSIGNAL);
        }
        (void)close(client);
    }
    return NULL;
}

Test(bus_core, a_client_that_came_while_the_configuration_was_read_again_was_turned_away)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, server_reading, &listener), 0);
    char url[64];
    (void)snprintf(url, sizeof(url), "nats://127.0.0.1:%d", ntohs(address.sin_port));
    struct bus *bus = NULL;
    struct error err = {0};
    const struct bus_options options = {.url = url, .name = "turned-away"};
    cr_expect_eq(bus_connect(&options, &bus, &err), ERR_OK, "%s", err.message);
    bus_close(&bus);
    (void)close(listener);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}
