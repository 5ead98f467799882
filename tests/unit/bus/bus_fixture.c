#include "bus_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct nats_fixture *server_start(const char *config)
{
    struct nats_fixture *server = nats_fixture_start(config);
    if (server == NULL) {
        cr_skip("nats-server is not installed");
    }
    return server;
}

struct collector *collector_create(void)
{
    struct collector *collector = calloc(1, sizeof(*collector));
    cr_assert_not_null(collector);
    pthread_mutex_init(&collector->lock, NULL);
    return collector;
}

void collector_destroy(struct collector **collector)
{
    for (unsigned i = 0; i < (*collector)->message_count; i++) {
        bus_msg_destroy(&(*collector)->messages[i]);
    }
    pthread_mutex_destroy(&(*collector)->lock);
    free(*collector);
    *collector = NULL;
}

void collect_message(void *user, struct bus_msg *msg)
{
    struct collector *collector = user;
    pthread_mutex_lock(&collector->lock);
    cr_assert_lt(collector->message_count, COLLECT_MAX);
    collector->messages[collector->message_count++] = msg;
    pthread_mutex_unlock(&collector->lock);
}

void collect_state(void *user, enum bus_state state, const char *why)
{
    (void)why;
    struct collector *collector = user;
    pthread_mutex_lock(&collector->lock);
    collector->states[state]++;
    pthread_mutex_unlock(&collector->lock);
}

void collect_ack(void *user, uint64_t token, bool stored, const char *why)
{
    struct collector *collector = user;
    pthread_mutex_lock(&collector->lock);
    if (stored) {
        collector->stored++;
    } else {
        collector->failed++;
        strncpy(collector->why, why, sizeof(collector->why) - 1);
    }
    collector->last_token = token;
    collector->answers++;
    pthread_mutex_unlock(&collector->lock);
}

/* A number of the collector and what it should become. */
struct wish {
    struct collector *collector;
    const unsigned *number;
    unsigned want;
};

static bool wish_is_fulfilled(void *user)
{
    const struct wish *wish = user;
    pthread_mutex_lock(&wish->collector->lock);
    bool done = *wish->number >= wish->want;
    pthread_mutex_unlock(&wish->collector->lock);
    return done;
}

static void wait_number(struct collector *collector, const unsigned *number, unsigned want)
{
    struct wish wish = {.collector = collector, .number = number, .want = want};
    cr_assert(fixture_wait(wish_is_fulfilled, &wish, WAIT_SECONDS), "waited for %u, have %u", want,
              *number);
}

void wait_messages(struct collector *collector, unsigned count)
{
    wait_number(collector, &collector->message_count, count);
}

void wait_stored(struct collector *collector, unsigned count)
{
    wait_number(collector, &collector->stored, count);
}

void wait_failed(struct collector *collector, unsigned count)
{
    wait_number(collector, &collector->failed, count);
}

void wait_answers(struct collector *collector, unsigned count)
{
    wait_number(collector, &collector->answers, count);
}

void wait_state(struct collector *collector, enum bus_state state, unsigned count)
{
    wait_number(collector, &collector->states[state], count);
}

unsigned collector_messages(struct collector *collector)
{
    pthread_mutex_lock(&collector->lock);
    unsigned count = collector->message_count;
    pthread_mutex_unlock(&collector->lock);
    return count;
}

struct bus_msg *collector_take(struct collector *collector, unsigned index)
{
    pthread_mutex_lock(&collector->lock);
    cr_assert_lt(index, collector->message_count);
    struct bus_msg *msg = collector->messages[index];
    collector->messages[index] = NULL;
    pthread_mutex_unlock(&collector->lock);
    cr_assert_not_null(msg);
    return msg;
}

struct bus *connect_bus(const struct nats_fixture *server, const char *name, const char *creds,
                        struct collector *collector)
{
    const struct bus_options options = {
        .url = nats_fixture_url(server),
        .creds_file = creds,
        .name = name,
        .on_state = collector != NULL ? collect_state : NULL,
        .on_ack = collector != NULL ? collect_ack : NULL,
        .user = collector,
    };
    struct bus *bus = NULL;
    struct error err = {0};
    cr_assert_eq(bus_connect(&options, &bus, &err), ERR_OK, "%s", err.message);
    return bus;
}

void publish_text(struct bus *bus, const char *subject, const char *text)
{
    const struct bus_publication publication = {
        .subject = subject, .body = text, .size = strlen(text)};
    struct error err = {0};
    cr_assert_eq(bus_publish(bus, &publication, &err), ERR_OK, "%s", err.message);
}

enum err publish_tracked(struct bus *bus, const char *subject, const char *text, uint64_t token)
{
    const struct bus_publication publication = {
        .subject = subject, .body = text, .size = strlen(text)};
    return bus_publish_tracked(bus, &publication, token, NULL);
}

void make_stream(struct bus *bus)
{
    struct error err = {0};
    cr_assert_eq(bus_stream_ensure(bus, "S",
                                   "{\"subjects\":[\"in.>\"],\"storage\":\"file\","
                                   "\"retention\":\"limits\",\"discard\":\"new\"}",
                                   NULL, &err),
                 ERR_OK, "%s", err.message);
    cr_assert_eq(bus_consumer_ensure(bus, "S", "C",
                                     "{\"ack_policy\":\"explicit\",\"max_deliver\":-1,"
                                     "\"ack_wait\":30000000000,\"max_ack_pending\":10000}",
                                     NULL, &err),
                 ERR_OK, "%s", err.message);
}
