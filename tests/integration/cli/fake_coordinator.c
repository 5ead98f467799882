/*
 * A coordinator for tests of the CLI: knows who said hello, answers `status` with them, and every
 * other verb from a file of canned replies (FAKE_REPLIES): {"verb": {"code": 0, "error": "",
 * "body":
 * {...}}}. What it was last asked is answered by the verb "asked". It makes the streams and a
 * consumer for agent "one", so that the accounts can be tried.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/bus/bus.h"
#include "common/json/json.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "proto/control.pb-c.h"

enum { FAKE_BYTES = 4 * 1024 * 1024 };

struct fake {
    pthread_mutex_t lock;
    json_t *agents;
    json_t *replies;
    json_t *asked; /* body of the last question per verb */
};

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return NULL;
}

static void respond(struct bus_msg *msg, unsigned code, const char *error, const json_t *body)
{
    struct buf text = BUF_INIT(FAKE_BYTES);
    struct buf packed = BUF_INIT(FAKE_BYTES);
    char words[512];
    if (body != NULL) {
        json_write(body, &text);
    }
    (void)text_copy(words, sizeof(words), error);
    Mainstay__ControlReply reply = MAINSTAY__CONTROL_REPLY__INIT;
    reply.version = 1;
    reply.code = code;
    reply.error = words;
    reply.body.data = (uint8_t *)text.data;
    reply.body.len = text.size;
    CHECK(proto_pack(&reply.base, &packed, NULL) == ERR_OK);
    enum err sent = bus_respond(msg, packed.data, packed.size, NULL);
    (void)sent;
    buf_release(&text);
    buf_release(&packed);
}

static void remember(struct fake *fake, const char *verb, struct bus_msg *msg)
{
    struct arena *arena = arena_create(FAKE_BYTES);
    ProtobufCMessage *message = NULL;
    struct str bytes = {.data = msg->body, .size = msg->size};
    static const struct proto_limits limits = {
        .bytes = FAKE_BYTES, .depth = 1, .messages = 1, .fields = 64};
    CHECK(proto_unpack(&mainstay__control_request__descriptor, bytes, &limits, arena, &message,
                       NULL) == ERR_OK);
    const Mainstay__ControlRequest *request = (const Mainstay__ControlRequest *)message;
    json_t *body = NULL;
    CHECK(json_parse((const char *)request->body.data, request->body.len, NULL, &body, NULL) ==
          ERR_OK);
    (void)json_object_set_new(body, "request_id", json_string(request->request_id));
    (void)json_object_set_new(fake->asked, verb, body);
    arena_destroy(&arena);
}

static void on_control(void *user, struct bus_msg *msg)
{
    struct fake *fake = user;
    const char *verb = msg->subject + strlen("control.");
    (void)pthread_mutex_lock(&fake->lock);
    const json_t *canned = json_object_of(fake->replies, verb);
    if (strcmp(verb, "status") == 0 || strcmp(verb, "agents.ls") == 0) {
        json_t *body = json_pack("{s:s, s:O}", "version", "fake", "agents", fake->agents);
        respond(msg, 0, "", body);
        json_decref(body);
    } else if (strcmp(verb, "asked") == 0) {
        respond(msg, 0, "", fake->asked);
    } else if (canned != NULL) {
        const char *error = json_text_of(canned, "error");
        remember(fake, verb, msg);
        respond(msg, (unsigned)json_int_of(canned, "code", 0), error != NULL ? error : "",
                json_object_get(canned, "body"));
    } else {
        respond(msg, ERR_UNSUPPORTED, "no such verb", NULL);
    }
    (void)pthread_mutex_unlock(&fake->lock);
    bus_msg_destroy(&msg);
}

static void on_hello(void *user, struct bus_msg *msg)
{
    struct fake *fake = user;
    struct subject subject;
    (void)pthread_mutex_lock(&fake->lock);
    if (subject_parse(msg->subject, &subject)) {
        (void)json_array_append_new(fake->agents, json_pack("{s:s, s:s, s:s, s:s}", "agent",
                                                            subject.agent, "store", subject.store,
                                                            "version", "1.0.0", "state", "live"));
    }
    (void)pthread_mutex_unlock(&fake->lock);
    enum err sent = bus_respond(msg, "hello", 5, NULL);
    (void)sent;
    bus_msg_destroy(&msg);
}

static void replies_load(struct fake *fake)
{
    const char *path = getenv("FAKE_REPLIES");
    fake->replies = path != NULL ? json_load_file(path, 0, NULL) : json_object();
    CHECK(fake->replies != NULL);
}

static void streams_make(struct bus *bus)
{
    struct error err = {0};
    enum err code = bus_stream_ensure(
        bus, "TASKS", "{\"subjects\":[\"task.>\"],\"storage\":\"file\"}", NULL, &err);
    if (code == ERR_OK) {
        code = bus_stream_ensure(bus, "RESULTS",
                                 "{\"subjects\":[\"result.>\"],\"storage\":\"file\"}", NULL, &err);
    }
    if (code == ERR_OK) {
        code = bus_stream_ensure(bus, "EVENTS", "{\"subjects\":[\"event.>\"],\"storage\":\"file\"}",
                                 NULL, &err);
    }
    static const char *const stores[] = {"one", "two"};
    for (size_t i = 0; code == ERR_OK && i < 2; i++) {
        char consumer[64];
        char config[256];
        (void)snprintf(consumer, sizeof(consumer), "%s_main", stores[i]);
        (void)snprintf(config, sizeof(config),
                       "{\"ack_policy\":\"explicit\",\"filter_subject\":\"task.%s.main\"}",
                       stores[i]);
        code = bus_consumer_ensure(bus, "TASKS", consumer, config, NULL, &err);
    }
    if (code != ERR_OK) {
        log_error("%s", err.message);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static struct fake fake = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct error err = {0};
    sigset_t stop;
    int signal_number = 0;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
    log_init("coordinator", LOG_INFO);
    if (getenv("FAKE_FAILS") != NULL) {
        log_error("the disk is on fire");
        return 1;
    }
    fake.agents = json_array();
    fake.asked = json_object();
    replies_load(&fake);
    struct bus_options options = {.url = option(argc, argv, "--bus"),
                                  .creds_file = option(argc, argv, "--creds"),
                                  .name = "coordinator"};
    struct bus *bus = NULL;
    if (bus_connect(&options, &bus, &err) != ERR_OK ||
        bus_subscribe(bus, "control.>", NULL, on_control, &fake, &err) != ERR_OK ||
        bus_subscribe(bus, SUBJECT_ALL_HELLO, NULL, on_hello, &fake, &err) != ERR_OK) {
        log_error("%s", err.message);
        return 1;
    }
    streams_make(bus);
    log_info("ready");
    (void)sigwait(&stop, &signal_number);
    bus_close(&bus);
    json_decref(fake.agents);
    json_decref(fake.replies);
    json_decref(fake.asked);
    log_info("stopped");
    return 0;
}
