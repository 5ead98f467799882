#include "agents/runtime/session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents/runtime/options.h"
#include "agents/runtime/runtime.h"
#include "agents/runtime/sender.h"
#include "agents/runtime/telemetry.h"
#include "agents/runtime/values.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/bus/bus.h"
#include "common/crypto/program.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"

enum {
    PULL_BATCH = 256,     /* messages on their way to us */
    HELLO_FIRST_MS = 250, /* the first hello: through an account import, nobody there is silence */
    HELLO_TIMEOUT_MS = 5000, /* one hello, after doublings */
    HELLO_PAUSE_MS = 200,    /* before the second; doubling */
    HELLO_PAUSE_MAX_MS = 30000,
    HELLO_ARENA_BYTES = 1024 * 1024
};

struct session {
    struct runtime *runtime;
    const struct options *options;
    size_t capacity;
    const char *metrics_url; /* NULL: off */
    int wake_fd;
    char program[DIGEST_HEX_BYTES]; /* SHA-256 of the executable */
    struct bus *bus;
    _Atomic(struct bus_pull *) pull; /* NULL before the first acceptance */
    atomic_size_t consumed;          /* messages taken in and not yet told to the pull */
    struct mailbox *inbox;
    pthread_t intake;
    bool intake_started;
    char hello_subject[SUBJECT_BYTES];
    char result_subject[SUBJECT_BYTES];
    char blob_subject[SUBJECT_BYTES];
    char input_subject[SUBJECT_BYTES];
    char consumer[SUBJECT_BYTES];
    atomic_bool hello_due;
    atomic_bool accepted;
    atomic_bool stopping;
    int64_t hello_at_ns; /* not before */
    int pause_ms;
    unsigned hello_timeout_ms;
};

static void wake(struct session *session)
{
    uint64_t one = 1;
    ssize_t written = write(session->wake_fd, &one, sizeof(one));
    (void)written; /* a full counter wakes as well */
}

/* ---- callbacks of the bus ---- */

static void on_state(void *user, enum bus_state state, const char *why)
{
    struct session *session = user;
    switch (state) {
    case BUS_CONNECTED:
    case BUS_RECONNECTED:
        log_info("connected to the bus%s%s", why[0] == '\0' ? "" : ": ", why);
        session->pause_ms = 0;
        atomic_store(&session->hello_due, true);
        wake(session);
        return;
    case BUS_DISCONNECTED:
    default:
        atomic_store(&session->accepted, false);
        log_warn("the bus is gone, trying again for ever%s%s", why[0] == '\0' ? "" : ": ", why);
    }
}

static void on_stored(void *user, uint64_t token, bool stored, const char *why)
{
    struct session *session = user;
    if (!stored) {
        log_warn("results not stored by the bus, sending them again: %s", why);
    }
    FAULT_POINT("result-stored-by-bus");
    sender_stored(session->runtime->sender, token, stored);
}

static void on_task(void *user, struct bus_msg *msg)
{
    struct session *session = user;
    if (!mailbox_push(session->inbox, msg)) {
        bus_msg_destroy(&msg); /* stopping: whoever starts next is sent it again */
    }
}

/* The coordinator asks for an output. A read of one piece, so the library's thread may do it. */
static void on_blob(void *user, struct bus_msg *msg)
{
    struct session *session = user;
    struct error err = {0};
    struct buf reply = BUF_INIT(BLOB_REPLY_BYTES);
    value_serve(session->runtime, (struct str){.data = msg->body, .size = msg->size}, &reply);
    if (reply.size > 0 && bus_respond(msg, reply.data, reply.size, &err) != ERR_OK) {
        log_debug("a piece of an output found nobody: %s", err.message);
    }
    buf_release(&reply);
    bus_msg_destroy(&msg);
}

/* Ask the coordinator for a piece of an input. */
static enum err input_ask(void *user, struct str request, unsigned timeout_ms,
                          struct buf *ret_reply, struct error *err)
{
    struct session *session = user;
    struct bus_publication publication = {
        .subject = session->input_subject, .body = request.data, .size = request.size};
    return bus_request(session->bus, &publication, timeout_ms, ret_reply, err);
}

/* ---- intake thread ---- */

/* Give the pull its credit back; messages may come before its pointer is known here. */
static void consumed_tell(struct session *session)
{
    struct bus_pull *pull = atomic_load(&session->pull);
    size_t count = pull == NULL ? 0 : atomic_exchange(&session->consumed, 0);
    if (count > 0) {
        bus_pull_consumed(pull, count);
    }
}

static void *intake_run(void *user)
{
    struct session *session = user;
    void *messages[PULL_BATCH];
    for (;;) {
        size_t count = mailbox_take_all(session->inbox, CLOCK_FOREVER, messages, PULL_BATCH);
        if (count == 0 && mailbox_is_closed(session->inbox)) {
            return NULL;
        }
        for (size_t i = 0; i < count; i++) {
            struct bus_msg *msg = messages[i];
            /* Acknowledged on receipt: the coordinator holds the step, so nothing is lost with it.
             */
            FAULT_POINT("tasks-received");
            (void)!bus_msg_ack(msg, NULL);
            FAULT_POINT("tasks-acknowledged");
            if (!atomic_load(&session->stopping)) {
                intake_message(session->runtime, msg->subject,
                               (struct str){.data = msg->body, .size = msg->size});
            }
            bus_msg_destroy(&msg);
        }
        (void)atomic_fetch_add(&session->consumed, count);
        consumed_tell(session);
    }
}

/* ---- life ---- */

enum err session_create(struct runtime *runtime, const struct options *options, size_t capacity,
                        int wake_fd, struct session **ret_session, struct error *err)
{
    *ret_session = NULL;
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for the session");
    }
    session->runtime = runtime;
    session->options = options;
    session->capacity = capacity;
    session->hello_timeout_ms = HELLO_FIRST_MS;
    session->wake_fd = wake_fd;
    session->inbox = mailbox_create(PULL_BATCH);
    struct digest digest;
    enum err code = program_digest(&digest, err);
    digest_hex(&digest, session->program);
    if (code != ERR_OK) {
        error_wrap(err, "cannot tell which program this is");
    } else if (session->inbox == NULL) {
        code = error_set(err, ERR_NOMEM, "no memory for the session");
    } else if (!subject_hello(runtime->contract->agent, runtime->store_name,
                              session->hello_subject) ||
               !subject_result(runtime->contract->agent, runtime->store_name,
                               session->result_subject) ||
               !subject_blob(runtime->contract->agent, runtime->store_name,
                             session->blob_subject) ||
               !subject_input(runtime->contract->agent, runtime->store_name,
                              session->input_subject)) {
        code = error_set(err, ERR_INVALID, "agent '%s' or store '%s' cannot be part of a subject",
                         runtime->contract->agent, runtime->store_name);
    } else if (pthread_create(&session->intake, NULL, intake_run, session) != 0) {
        code = error_set(err, ERR_NOMEM, "cannot start the intake thread");
    } else {
        session->intake_started = true;
    }
    if (code != ERR_OK) {
        session_destroy(&session);
    }
    *ret_session = session;
    return code;
}

void session_metrics_url(struct session *session, const char *url)
{
    session->metrics_url = url;
}

enum err session_connect(struct session *session, struct error *err)
{
    struct bus_options options = {
        .url = session->options->bus,
        .creds_file = session->options->creds,
        .ca_file = session->options->ca,
        .name = session->runtime->contract->agent,
        .retry_connect = true,
        .on_state = on_state,
        .on_ack = on_stored,
        .user = session,
    };
    TRY(bus_connect(&options, &session->bus, err)); /* on_state asks for the hello */
    session->runtime->ask_user = session;
    session->runtime->ask = input_ask;
    return bus_subscribe(session->bus, session->blob_subject, NULL, on_blob, session, err);
}

static enum err hello_pack(struct session *session, bool leaving, struct buf *out,
                           struct error *err)
{
    struct runtime *runtime = session->runtime;
    const struct contract *contract = runtime->contract;
    char program[256];
    (void)snprintf(program, sizeof(program), "agent-%s %s sha256:%s", runtime->definition->name,
                   runtime->definition->version, session->program);
    Mainstay__Hello hello = MAINSTAY__HELLO__INIT;
    hello.version = ENVELOPE_VERSION;
    hello.session = envelope_bytes(
        (struct str){.data = (const char *)runtime->session, .size = ENVELOPE_ID_BYTES});
    hello.store_id = envelope_bytes((struct str){
        .data = (const char *)outcomes_store_id(runtime->outcomes), .size = ENVELOPE_ID_BYTES});
    hello.contract_digest = envelope_bytes(
        (struct str){.data = (const char *)contract->digest.bytes, .size = DIGEST_BYTES});
    hello.contract = envelope_bytes((struct str){contract->text, contract->text_size});
    hello.program = program;
    hello.capacity = (uint32_t)session->capacity;
    hello.pid = (uint64_t)getpid();
    hello.metrics_url = envelope_text(session->metrics_url);
    hello.leaving = leaving;
    hello.blobs = true;
    return proto_pack(&hello.base, out, err);
}

/* Ask once. ERR_REFUSED with the coordinator's reason when it says no. */
static enum err hello_ask(struct session *session, struct error *err)
{
    struct buf request = BUF_INIT(LIMIT_MESSAGE_BYTES);
    struct buf answer = BUF_INIT(LIMIT_MESSAGE_BYTES);
    struct arena *arena = arena_create(HELLO_ARENA_BYTES);
    Mainstay__HelloReply *reply = NULL;
    enum err code = arena == NULL ? error_set(err, ERR_NOMEM, "no memory for hello")
                                  : hello_pack(session, false, &request, err);
    if (code == ERR_OK) {
        struct bus_publication publication = {
            .subject = session->hello_subject, .body = request.data, .size = request.size};
        FAULT_POINT("hello-before-ask");
        code = bus_request(session->bus, &publication, session->hello_timeout_ms, &answer, err);
        FAULT_POINT("hello-asked");
        session->hello_timeout_ms *= code == ERR_TIMEOUT ? 2 : 1;
        if (session->hello_timeout_ms > HELLO_TIMEOUT_MS) {
            session->hello_timeout_ms = HELLO_TIMEOUT_MS;
        }
    }
    if (code == ERR_OK) {
        code = envelope_hello_reply((struct str){answer.data, answer.size}, arena, &reply, err);
    }
    if (code == ERR_OK && !reply->accepted) {
        code = error_set(err, ERR_REFUSED, "the coordinator refused: %s", reply->reason);
    }
    if (code == ERR_OK) {
        code = outcomes_epoch_accept(session->runtime->outcomes, reply->epoch, err);
    }
    if (code == ERR_OK) {
        atomic_store(&session->runtime->blobs, reply->blobs);
        (void)text_copy(session->consumer, sizeof(session->consumer), reply->consumer);
    }
    arena_destroy(&arena);
    buf_release(&request);
    buf_release(&answer);
    return code;
}

static enum err pull_begin(struct session *session, struct error *err)
{
    struct bus_pull *pull = atomic_load(&session->pull);
    if (pull != NULL) {
        bus_pull_kick(pull);
        return ERR_OK;
    }
    struct bus_pull_options options = {
        .stream = STREAM_TASKS,
        .consumer = session->consumer,
        .batch = PULL_BATCH,
        .deliver = on_task,
        .user = session,
    };
    TRY(bus_pull_start(session->bus, &options, &pull, err));
    atomic_store(&session->pull, pull);
    consumed_tell(session);
    return ERR_OK;
}

int session_step(struct session *session)
{
    if (atomic_load(&session->stopping) || !atomic_load(&session->hello_due) ||
        !bus_is_connected(session->bus)) {
        return -1;
    }
    int64_t now = clock_monotonic_ns();
    if (session->pause_ms > 0 && now < session->hello_at_ns) {
        return (int)((session->hello_at_ns - now) / 1000000) + 1;
    }
    struct error err = {0};
    atomic_store(&session->hello_due, false);
    enum err code = hello_ask(session, &err);
    if (code == ERR_OK) {
        code = pull_begin(session, &err);
    }
    if (code == ERR_OK) {
        session->pause_ms = 0;
        atomic_store(&session->accepted, true);
        log_info("accepted as store '%s' of agent '%s' %s", session->runtime->store_name,
                 session->runtime->contract->agent, session->runtime->contract->version_text);
        log_info("ready"); /* what supervisors wait for */
        return atomic_load(&session->hello_due) ? 0 : -1;
    }
    if (error_class(code) == ERR_CLASS_FATAL) {
        session->runtime->fatal(session->runtime, &err);
    }
    session->pause_ms = session->pause_ms == 0 ? HELLO_PAUSE_MS : session->pause_ms * 2;
    if (session->pause_ms > HELLO_PAUSE_MAX_MS) {
        session->pause_ms = HELLO_PAUSE_MAX_MS;
    }
    log_warn("hello failed, again in %d ms: %s", session->pause_ms, err.message);
    session->hello_at_ns = clock_deadline_ns(session->pause_ms);
    atomic_store(&session->hello_due, true);
    return session->pause_ms;
}

enum err session_publish(struct session *session, struct str body, uint64_t token,
                         struct error *err)
{
    if (session->bus == NULL) {
        return error_set(err, ERR_UNAVAILABLE, "not connected to the bus");
    }
    struct bus_publication publication = {
        .subject = session->result_subject, .body = body.data, .size = body.size};
    FAULT_POINT("result-before-publish");
    TRY(bus_publish_tracked(session->bus, &publication, token, err));
    FAULT_POINT("result-published");
    telemetry_published(session->runtime->telemetry, body.size);
    return ERR_OK;
}

bool session_is_ready(struct session *session)
{
    return atomic_load(&session->accepted);
}

void session_stop_pulling(struct session *session)
{
    atomic_store(&session->stopping, true);
    atomic_store(&session->accepted, false);
    mailbox_close(session->inbox);
    if (session->intake_started) {
        (void)pthread_join(session->intake, NULL);
        session->intake_started = false;
    }
    struct bus_pull *pull = atomic_exchange(&session->pull, NULL);
    bus_pull_stop(&pull);
}

void session_goodbye(struct session *session)
{
    struct buf request = BUF_INIT(LIMIT_MESSAGE_BYTES);
    struct buf answer = BUF_INIT(LIMIT_MESSAGE_BYTES);
    struct error err = {0};
    if (session->bus != NULL && bus_is_connected(session->bus) &&
        hello_pack(session, true, &request, &err) == ERR_OK) {
        struct bus_publication publication = {
            .subject = session->hello_subject, .body = request.data, .size = request.size};
        enum err code = bus_request(session->bus, &publication, HELLO_TIMEOUT_MS, &answer, &err);
        if (code != ERR_OK) {
            log_warn("nobody heard that this agent leaves: %s", err.message);
        }
    }
    buf_release(&request);
    buf_release(&answer);
}

static void message_free(void *item)
{
    struct bus_msg *msg = item;
    bus_msg_destroy(&msg);
}

void session_destroy(struct session **session)
{
    if (*session == NULL) {
        return;
    }
    if ((*session)->inbox != NULL) {
        session_stop_pulling(*session);
    }
    mailbox_destroy(&(*session)->inbox, message_free);
    bus_close(&(*session)->bus);
    free(*session);
    *session = NULL;
}
