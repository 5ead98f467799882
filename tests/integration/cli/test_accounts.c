/* The accounts of a running company: what an agent's credentials can and cannot do. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/bus/bus.h"
#include "common/json/json.h"
#include "tests/integration/cli/company_fixture.h"
#include "tools/mainstay/context.h"

enum { ASK_MS = 5000, REFUSED_MS = 300 };

static struct context context;

static void begin(void)
{
    char path[PATH_BYTES];
    fixture_begin();
    cr_assert_eq(fixture_up(), 0, "%s", fixture_output());
    fixture_path("context.json", path, sizeof(path));
    cr_assert_eq(context_read(path, &context, NULL), ERR_OK);
}

TestSuite(accounts, .init = begin, .fini = fixture_end);

static struct bus *connect_as(const char *user)
{
    char relative[128];
    char creds[PATH_BYTES];
    struct error err = {0};
    struct bus *bus = NULL;
    (void)snprintf(relative, sizeof(relative), "creds/%s.creds", user);
    fixture_path(relative, creds, sizeof(creds));
    struct bus_options options = {.url = context.bus, .creds_file = creds, .name = "test"};
    cr_assert_eq(bus_connect(&options, &bus, &err), ERR_OK, "%s", err.message);
    return bus;
}

/* Whether somebody answers, and with what. */
static bool answered(struct bus *bus, const char *subject, const char *body, unsigned timeout_ms,
                     struct buf *reply)
{
    struct bus_publication publication = {.subject = subject, .body = body, .size = strlen(body)};
    return bus_request(bus, &publication, timeout_ms, reply, NULL) == ERR_OK;
}

static bool reaches_stream(struct bus *bus, const char *subject)
{
    struct buf reply = BUF_INIT(65536);
    bool stored =
        answered(bus, subject, "x", ASK_MS, &reply) && strstr(reply.data, "\"stream\"") != NULL;
    buf_release(&reply);
    return stored;
}

static bool gets_answer(struct bus *bus, const char *subject, const char *body)
{
    struct buf reply = BUF_INIT(65536);
    bool got = answered(bus, subject, body, REFUSED_MS, &reply);
    buf_release(&reply);
    return got;
}

static uint64_t stream_messages(const char *stream)
{
    struct bus *bus = connect_as("coordinator");
    struct bus_stream_state state = {0};
    struct error err = {0};
    cr_assert_eq(bus_stream_state(bus, stream, &state, &err), ERR_OK, "%s", err.message);
    bus_close(&bus);
    return state.messages;
}

Test(accounts, an_agent_publishes_its_own_results_only)
{
    struct bus *bus = connect_as("agent-one");
    cr_expect(reaches_stream(bus, "result.one.main"));
    cr_expect_not(gets_answer(bus, "result.two.main", "x"));
    cr_expect_not(gets_answer(bus, "result.one.other", "x"));
    cr_expect_not(gets_answer(bus, "hello.two.main", "x"));
    cr_expect_not(gets_answer(bus, "input.two.main", "x"));
    cr_expect_not(gets_answer(bus, "blob.two.main", "x"));
    cr_expect_not(gets_answer(bus, "task.one.main", "x"));
    cr_expect_not(gets_answer(bus, "event.invoice.received", "{}"));
    cr_expect_not(gets_answer(bus, "control.status", ""));
    bus_close(&bus);
    cr_expect_eq(stream_messages("RESULTS"), 1);
    cr_expect_eq(stream_messages("TASKS"), 0);
    cr_expect_eq(stream_messages("EVENTS"), 0);
}

static void answer_with_name(void *user, struct bus_msg *msg)
{
    const char *name = user;
    (void)!bus_respond(msg, name, strlen(name), NULL);
    bus_msg_destroy(&msg);
}

static bool is_answered_by(struct bus *bus, const char *subject, const char *name)
{
    struct buf reply = BUF_INIT(65536);
    bool got = false;
    for (int i = 0; i < ASK_MS / REFUSED_MS && !got; i++) { /* the listener may be on his way */
        got = answered(bus, subject, "x", REFUSED_MS, &reply);
    }
    bool same = got && strcmp(reply.data, name) == 0;
    buf_release(&reply);
    return same;
}

/* Outputs are asked for by the coordinator of their own agent, inputs by an agent of the
 * coordinator, whoever else listens. */
Test(accounts, large_values_are_asked_for_of_who_has_them)
{
    static const char *const listeners[] = {"agent-two", "operator", "agent-one", "coordinator"};
    static const char *const subjects[] = {"blob.one.main", "input.one.main"};
    struct bus *buses[4];
    for (size_t i = 0; i < 4; i++) {
        buses[i] = connect_as(listeners[i]);
    }
    for (size_t i = 0; i < 2; i++) { /* the wrong ones alone */
        for (size_t k = 0; k < 2; k++) {
            cr_assert_eq(bus_subscribe(buses[i], subjects[k], NULL, answer_with_name,
                                       (void *)(uintptr_t)listeners[i], NULL),
                         ERR_OK);
        }
    }
    cr_expect_not(gets_answer(buses[3], "blob.one.main", "x"));
    cr_expect_not(gets_answer(buses[2], "input.one.main", "x"));
    for (size_t i = 2; i < 4; i++) {
        cr_assert_eq(bus_subscribe(buses[i], subjects[i - 2], NULL, answer_with_name,
                                   (void *)(uintptr_t)listeners[i], NULL),
                     ERR_OK);
    }
    cr_expect(is_answered_by(buses[3], "blob.one.main", "agent-one"));
    cr_expect(is_answered_by(buses[2], "input.one.main", "coordinator"));
    for (size_t i = 0; i < 4; i++) {
        bus_close(&buses[i]);
    }
}

Test(accounts, an_agent_has_no_jetstream_interface)
{
    struct bus *bus = connect_as("agent-one");
    struct buf reply = BUF_INIT(65536);
    static const char *const operations[] = {"$JS.API.STREAM.NAMES",
                                             "$JS.API.STREAM.INFO.TASKS",
                                             "$JS.API.STREAM.DELETE.TASKS",
                                             "$JS.API.STREAM.PURGE.TASKS",
                                             "$JS.API.CONSUMER.DELETE.TASKS.two_main",
                                             "$JS.API.INFO"};
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        /* The server may answer that this account has no JetStream; it must not answer with more.
         */
        bool got = answered(bus, operations[i], "{}", REFUSED_MS, &reply);
        cr_expect(!got || strstr(reply.data, "\"error\"") != NULL, "%s: %s", operations[i],
                  got ? reply.data : "");
    }
    buf_release(&reply);
    bus_close(&bus);
    cr_expect_eq(stream_messages("TASKS"), 0, "the stream is there");
}

static bool pull(const char *user, const char *consumer)
{
    char subject[128];
    struct bus *bus = connect_as(user);
    struct buf reply = BUF_INIT(65536);
    (void)snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.TASKS.%s", consumer);
    bool got = answered(bus, subject, "{\"batch\":1,\"no_wait\":true}", ASK_MS / 5, &reply) &&
               reply.size > 0 && strcmp(reply.data, "for two") == 0;
    buf_release(&reply);
    bus_close(&bus);
    return got;
}

Test(accounts, an_agent_pulls_its_own_tasks_only)
{
    struct bus *bus = connect_as("coordinator");
    struct bus_publication task = {.subject = "task.two.main", .body = "for two", .size = 7};
    struct buf reply = BUF_INIT(65536);
    cr_assert_eq(bus_request(bus, &task, ASK_MS, &reply, NULL), ERR_OK);
    buf_release(&reply);
    bus_close(&bus);
    cr_expect_not(pull("agent-one", "two_main"));
    cr_expect(pull("agent-two", "two_main"));
}

/* Publish `body` on `subject` with a reply subject of our choice. Our client refuses such a one, so
 * this speaks the protocol by hand. */
static void publish_raw(const char *user, const char *subject, const char *reply, const char *body)
{
    char command[4 * PATH_BYTES];
    char relative[128];
    char creds[PATH_BYTES];
    char password[128] = "";
    struct buf text = BUF_INIT(4096);
    (void)snprintf(relative, sizeof(relative), "creds/%s.creds", user);
    fixture_path(relative, creds, sizeof(creds));
    cr_assert_eq(file_read(creds, &text, NULL), ERR_OK);
    (void)sscanf(strstr(text.data, "password="), "password=%127s",
                 password); // NOLINT(cert-err34-c)
    buf_release(&text);
    (void)snprintf(command, sizeof(command),
                   "exec 3<>/dev/tcp/127.0.0.1/%s; "
                   "printf 'CONNECT {\"verbose\":false,\"user\":\"%s\",\"pass\":\"%s\"}\\r\\n"
                   "PUB %s %s %zu\\r\\n%s\\r\\nPING\\r\\n' >&3; "
                   "while read -r line <&3; do case $line in PONG*) exit 0;; -ERR*) exit 1;; esac; "
                   "done",
                   strrchr(context.bus, ':') + 1, user, password, subject, reply, strlen(body),
                   body);
    (void)setenv("RAW", command, 1);
    cr_assert_eq(system("bash -c \"$RAW\""), 0, "not delivered"); // NOLINT(cert-env33-c)
}

#define PULL_ONE   "$JS.API.CONSUMER.MSG.NEXT.TASKS.one_main"
#define DELETE_ALL "$JS.API.STREAM.DELETE.TASKS"
#define NO_WAIT    "{\"batch\":1,\"no_wait\":true}"

static bool stream_gone(const void *user)
{
    struct bus *bus = connect_as("coordinator");
    struct bus_stream_state state = {0};
    enum err code = bus_stream_state(bus, user, &state, NULL);
    bus_close(&bus);
    return code == ERR_NOT_FOUND;
}

static bool one_result(const void *user)
{
    (void)user;
    return stream_messages("RESULTS") == 1;
}

/* The server answers to the reply subject the asker chose: "nothing there" becomes an order to
 * delete a stream, the acknowledgement of an event becomes somebody's result. Both work inside
 * CORE, which is why nobody but the coordinator is in it. */
Test(accounts, a_chosen_reply_subject_is_dangerous_inside_core)
{
    publish_raw("coordinator", "event.a", "result.one.main", "{}");
    cr_expect(fixture_until(one_result, NULL));
    publish_raw("coordinator", PULL_ONE, DELETE_ALL, NO_WAIT);
    cr_expect(fixture_until(stream_gone, "TASKS"));
}

Test(accounts, a_chosen_reply_subject_reaches_nothing_from_outside)
{
    publish_raw("agent-one", PULL_ONE, DELETE_ALL, NO_WAIT);
    publish_raw("agent-one", PULL_ONE, "result.two.main", NO_WAIT);
    publish_raw("agent-one", "result.one.main", "result.two.main", "x");
    publish_raw("events", "event.a", "result.two.main", "{}");
    publish_raw("events", "event.a", DELETE_ALL, "{}");
    publish_raw("operator", "event.b", "result.two.main", "{}");
    publish_raw("operator", "control.status", DELETE_ALL, "");
    cr_expect_eq(stream_messages("EVENTS"), 3);
    cr_expect_eq(stream_messages("RESULTS"), 1);
    cr_expect_eq(stream_messages("TASKS"), 0, "the stream is there");
}

Test(accounts, outsiders_publish_events_and_nothing_else)
{
    struct bus *bus = connect_as("events");
    cr_expect(reaches_stream(bus, "event.invoice.received"));
    cr_expect_not(gets_answer(bus, "control.status", ""));
    cr_expect_not(gets_answer(bus, "result.one.main", "x"));
    bus_close(&bus);
}

Test(accounts, nobody_gets_in_without_a_password)
{
    struct bus *bus = NULL;
    struct bus_options options = {.url = context.bus, .name = "test"};
    cr_expect_eq(bus_connect(&options, &bus, NULL), ERR_REFUSED);
    bus_close(&bus);
}

Test(accounts, the_written_configuration_is_accepted_by_the_server)
{
    char command[2 * PATH_BYTES];
    cr_assert_eq(fixture_run("accounts one two:spare --out apart --listen 127.0.0.1:4222"), 0, "%s",
                 fixture_output());
    (void)snprintf(command, sizeof(command),
                   "PATH=$PATH:/usr/sbin nats-server -t -c '%s/../apart/nats.conf' >/dev/null 2>&1",
                   fixture_dir());
    cr_expect_eq(system(command), 0); // NOLINT(cert-env33-c)
    cr_expect_eq(fixture_run("accounts one --out apart --listen 0.0.0.0:4222"), 2);
    cr_expect_not_null(strstr(fixture_output(), "TLS is required"), "%s", fixture_output());
}
