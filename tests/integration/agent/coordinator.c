#include "tests/integration/agent/coordinator.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/bus/bus.h"
#include "common/crypto/crypto.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "tests/support/nats_fixture.h"

static void on_hello(void *user, struct bus_msg *msg)
{
    struct coordinator *c = user;
    struct arena *arena = arena_create(1 << 20);
    Mainstay__Hello *hello = NULL;
    struct error err = {0};
    enum err code = envelope_hello((struct str){msg->body, msg->size}, arena, &hello, &err);
    cr_assert_eq(code, ERR_OK, "%s", err.message);
    Mainstay__HelloReply reply = MAINSTAY__HELLO_REPLY__INIT;
    char consumer[SUBJECT_BYTES];
    cr_assert(subject_consumer(c->agent, "main", consumer));
    (void)pthread_mutex_lock(&c->lock);
    reply.version = 1;
    reply.accepted = !c->refuse;
    reply.reason = envelope_text(c->refuse ? "not today" : "");
    reply.epoch = 1;
    reply.consumer = consumer;
    if (hello->leaving) {
        c->goodbyes++;
    } else {
        c->hellos++;
        memcpy(c->session, hello->session.data, 16);
    }
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    struct buf buf = BUF_INIT(1000);
    cr_assert_eq(proto_pack(&reply.base, &buf, NULL), ERR_OK);
    code = bus_respond(msg, buf.data, buf.size, &err); /* unanswered, it is asked again */
    cr_assert(code == ERR_OK || code == ERR_UNAVAILABLE, "%s", err.message);
    buf_release(&buf);
    arena_destroy(&arena);
    bus_msg_destroy(&msg);
}

static unsigned key_number(ProtobufCBinaryData key)
{
    return (unsigned)key.data[0] * 256 + key.data[1];
}

static void result_note(struct coordinator *c, const Mainstay__Result *result)
{
    struct known *known = &c->known[key_number(result->key) % KEYS_MAX];
    bool was_done = known->status == MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE;
    known->results++;
    known->from_store += result->from_store ? 1 : 0;
    if (was_done) {
        cr_assert_eq(result->status, MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE,
                     "a success was taken back");
    }
    known->status = result->status;
    known->attempt = result->attempt;
    known->failure_class = result->failure == NULL ? 0 : result->failure->failure_class;
    (void)snprintf(known->output, sizeof(known->output), "%.*s", (int)result->output.len,
                   result->output.data == NULL ? "" : (const char *)result->output.data);
    if (!was_done && known->status == MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE) {
        c->done++;
    }
}

static void on_result(void *user, struct bus_msg *msg)
{
    struct coordinator *c = user;
    struct arena *arena = arena_create(16 << 20);
    Mainstay__ResultBatch *batch = NULL;
    struct error err = {0};
    enum err code = envelope_result_batch((struct str){msg->body, msg->size}, arena, &batch, &err);
    cr_assert_eq(code, ERR_OK, "%s", err.message);
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < batch->n_results; i++) {
        result_note(c, batch->results[i]);
    }
    c->dead_letters += (unsigned)batch->n_dead_letters;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    arena_destroy(&arena);
    bus_msg_destroy(&msg);
}

static void streams_make(struct coordinator *c)
{
    char consumer[SUBJECT_BYTES];
    char config[512];
    struct error err = {0};
    cr_assert(subject_consumer(c->agent, "main", consumer));
    cr_assert_eq(bus_stream_ensure(c->bus, STREAM_TASKS,
                                   "{\"subjects\":[\"task.>\"],\"storage\":\"file\"}", NULL, &err),
                 ERR_OK, "%s", err.message);
    cr_assert_eq(bus_stream_ensure(c->bus, STREAM_RESULTS,
                                   "{\"subjects\":[\"result.>\"],\"storage\":\"file\"}", NULL,
                                   &err),
                 ERR_OK, "%s", err.message);
    (void)snprintf(config, sizeof(config),
                   "{\"ack_policy\":\"explicit\",\"filter_subject\":\"task.%s.main\"}", c->agent);
    cr_assert_eq(bus_consumer_ensure(c->bus, STREAM_TASKS, consumer, config, NULL, &err), ERR_OK,
                 "%s", err.message);
}

bool coordinator_start(struct coordinator *c, const char *agent)
{
    memset(c, 0, sizeof(*c));
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->changed, NULL);
    (void)snprintf(c->agent, sizeof(c->agent), "%s", agent);
    (void)snprintf(c->dir, sizeof(c->dir), "/tmp/mainstay-agent-XXXXXX");
    cr_assert_not_null(mkdtemp(c->dir));
    c->nats = nats_fixture_start(NULL);
    if (c->nats == NULL) {
        return false;
    }
    struct error err = {0};
    struct bus_options options = {.url = nats_fixture_url(c->nats), .name = "coordinator"};
    cr_assert_eq(bus_connect(&options, &c->bus, &err), ERR_OK, "%s", err.message);
    streams_make(c);
    cr_assert_eq(bus_subscribe(c->bus, SUBJECT_ALL_HELLO, NULL, on_hello, c, &err), ERR_OK);
    cr_assert_eq(bus_subscribe(c->bus, SUBJECT_ALL_RESULTS, NULL, on_result, c, &err), ERR_OK);
    return true;
}

void coordinator_stop(struct coordinator *c)
{
    if (c->pid > 0) {
        agent_kill(c);
    }
    bus_close(&c->bus);
    nats_fixture_destroy(&c->nats);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", c->dir);
    cr_assert_eq(system(command), 0);
}

void agent_spawn(struct coordinator *c, const char *contract, const char *setting)
{
    char program[512];
    char data[128];
    char promise[512];
    (void)snprintf(program, sizeof(program), "%s/bin/agent-%s", BINARY_DIR, c->agent);
    (void)snprintf(data, sizeof(data), "%s/data", c->dir);
    (void)snprintf(promise, sizeof(promise), "%s/%s", SOURCE_DIR, contract);
    const char *url = nats_fixture_url(c->nats);
    c->pid = fork();
    cr_assert_geq(c->pid, 0);
    if (c->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, "--bus", url, "--data", data, "--contract", promise, "--log-level",
              "warn", "--set", setting == NULL ? "none=1" : setting, (char *)NULL);
        _exit(127);
    }
}

void agent_kill(struct coordinator *c)
{
    int status = 0;
    (void)kill(c->pid, SIGKILL);
    (void)waitpid(c->pid, &status, 0);
    c->pid = 0;
}

int agent_terminate(struct coordinator *c)
{
    int status = 0;
    (void)kill(c->pid, SIGTERM);
    cr_assert_eq(waitpid(c->pid, &status, 0), c->pid);
    c->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void coordinator_send_bytes(struct coordinator *c, const void *bytes, size_t size)
{
    char subject[SUBJECT_BYTES];
    struct error err = {0};
    cr_assert(subject_task(c->agent, "main", subject));
    struct bus_publication publication = {.subject = subject, .body = bytes, .size = size};
    enum err code = ERR_UNAVAILABLE;
    for (unsigned i = 0; i < 1000 && code == ERR_UNAVAILABLE; i++) {
        code = bus_publish(c->bus, &publication, &err);
        struct timespec pause = {.tv_nsec = code == ERR_OK ? 0 : 10000000};
        (void)nanosleep(&pause, NULL);
    }
    cr_assert_eq(code, ERR_OK, "%s", err.message);
}

void coordinator_send(struct coordinator *c, const struct order *orders, size_t count,
                      uint64_t epoch)
{
    Mainstay__Task *tasks = calloc(count, sizeof(*tasks));
    Mainstay__Task **list = calloc(count, sizeof(*list));
    uint8_t(*keys)[16] = calloc(count, sizeof(*keys));
    struct digest *digests = calloc(count, sizeof(*digests));
    static uint8_t instance[16] = {9};
    for (size_t i = 0; i < count; i++) {
        const struct order *order = &orders[i];
        keys[i][0] = (uint8_t)(order->key >> 8);
        keys[i][1] = (uint8_t)order->key;
        digests[i] = crypto_blake(order->input, strlen(order->input));
        tasks[i] = (Mainstay__Task)MAINSTAY__TASK__INIT;
        tasks[i].key = (ProtobufCBinaryData){.len = 16, .data = keys[i]};
        tasks[i].instance = (ProtobufCBinaryData){.len = 16, .data = instance};
        tasks[i].input_digest = (ProtobufCBinaryData){.len = 32, .data = digests[i].bytes};
        tasks[i].attempt = order->attempt == 0 ? 1 : order->attempt;
        tasks[i].phase =
            order->perform ? MAINSTAY__PHASE__PHASE_PERFORM : MAINSTAY__PHASE__PHASE_DECIDE;
        tasks[i].action = envelope_text(order->action);
        tasks[i].contract_version = envelope_text("1.0.0");
        tasks[i].input = envelope_bytes(str_of(order->input));
        list[i] = &tasks[i];
    }
    Mainstay__TaskBatch batch = MAINSTAY__TASK_BATCH__INIT;
    struct buf buf = BUF_INIT(1 << 20);
    batch.version = 1;
    batch.epoch = epoch;
    batch.n_tasks = count;
    batch.tasks = list;
    cr_assert_eq(proto_pack(&batch.base, &buf, NULL), ERR_OK);
    coordinator_send_bytes(c, buf.data, buf.size);
    buf_release(&buf);
    free(tasks);
    free(list);
    free(keys);
    free(digests);
}

void coordinator_send_until_done(struct coordinator *c, const struct order *order)
{
    bool done = false;
    for (unsigned i = 0; i < 30 && !done; i++) {
        coordinator_send(c, order, 1, 1);
        struct timespec until;
        int code = 0;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 2;
        (void)pthread_mutex_lock(&c->lock);
        while (c->known[order->key].status != MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE &&
               code == 0) {
            code = pthread_cond_timedwait(&c->changed, &c->lock, &until);
        }
        done = c->known[order->key].status == MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE;
        (void)pthread_mutex_unlock(&c->lock);
    }
    cr_assert(done, "not done within a minute");
}

void coordinator_wait(struct coordinator *c, bool (*check)(struct coordinator *c, unsigned n),
                      unsigned n, const char *what)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    int code = 0;
    (void)pthread_mutex_lock(&c->lock);
    while (!check(c, n) && code == 0) {
        code = pthread_cond_timedwait(&c->changed, &c->lock, &until);
    }
    bool ok = check(c, n);
    unsigned done = c->done;
    (void)pthread_mutex_unlock(&c->lock);
    cr_assert(ok, "%s: not within a minute (%u keys done)", what, done);
}

bool has_hellos(struct coordinator *c, unsigned n)
{
    return c->hellos >= n;
}

bool has_done(struct coordinator *c, unsigned n)
{
    return c->done >= n;
}

bool has_dead_letters(struct coordinator *c, unsigned n)
{
    return c->dead_letters >= n;
}
