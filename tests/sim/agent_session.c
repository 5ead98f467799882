/* The session of an agent: what agents/runtime/session.c does, act by act instead of blocking. */
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "common/bus/bus.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "tests/sim/agent_private.h"
#include "tests/sim/bus_model.h"
#include "tests/sim/client.h"

enum { PULL_BATCH = 256, PAUSE_MAX_US = 30000000, TIMEOUT_MAX_US = 5000000 };

static void hello_act(struct sim *sim, void *what, uint64_t number);

static void hello_later(struct sim_agent *agent, int64_t delay_us)
{
    sim_after(agent->sim, delay_us, hello_act, agent, ++agent->hello);
}

static void on_state(void *user, enum bus_state state, const char *why)
{
    (void)why;
    struct sim_agent *agent = user;
    agent->accepted = agent->accepted && state != BUS_DISCONNECTED;
    if (state != BUS_DISCONNECTED) {
        agent->pause_us = 0;
        hello_later(agent, 50);
    }
}

static void on_stored(void *user, uint64_t token, bool stored, const char *why)
{
    (void)why;
    agent_results_stored(user, token, stored);
}

/* ---- tasks ---- */

struct taken {
    struct sim_agent *agent;
    struct bus_msg *msg;
};

static void intake_act(struct sim *sim, void *what, uint64_t number)
{
    (void)sim;
    struct taken *taken = what;
    struct sim_agent *agent = taken->agent;
    struct bus_msg *msg = taken->msg;
    if (agent->up && agent->life == number && !agent->dying) {
        (void)!bus_msg_ack(msg, NULL);
        intake_message(&agent->runtime, msg->subject,
                       (struct str){.data = msg->body, .size = msg->size});
        if (agent->pull != NULL) {
            bus_pull_consumed(agent->pull, 1);
        }
    }
    bus_msg_destroy(&msg);
}

static void on_task(void *user, struct bus_msg *msg)
{
    struct sim_agent *agent = user;
    struct taken *taken = sim_alloc(agent->sim, sizeof(*taken));
    *taken = (struct taken){.agent = agent, .msg = msg};
    sim_after(agent->sim, draw_between(&agent->sim->draw, 5, 100), intake_act, taken, agent->life);
}

/* ---- hello ---- */

static void hello_pack(struct sim_agent *agent, bool leaving, struct buf *out)
{
    const struct contract *contract = agent->runtime.contract;
    Mainstay__Hello hello = MAINSTAY__HELLO__INIT;
    hello.version = ENVELOPE_VERSION;
    hello.session =
        envelope_bytes((struct str){(const char *)agent->runtime.session, ENVELOPE_ID_BYTES});
    hello.store_id = envelope_bytes(
        (struct str){(const char *)outcomes_store_id(agent->runtime.outcomes), ENVELOPE_ID_BYTES});
    hello.contract_digest =
        envelope_bytes((struct str){(const char *)contract->digest.bytes, DIGEST_BYTES});
    hello.contract = envelope_bytes((struct str){contract->text, contract->text_size});
    hello.program = envelope_text("sim");
    hello.capacity = agent->kind->capacity;
    hello.pid = 1;
    hello.leaving = leaving;
    CHECK(proto_pack(&hello.base, out, NULL) == ERR_OK);
}

static bool accepted(struct sim_agent *agent, const char *body, size_t size)
{
    struct arena *arena = arena_create(1024 * 1024);
    CHECK(arena != NULL);
    Mainstay__HelloReply *reply = NULL;
    struct error err = {0};
    bool yes = envelope_hello_reply((struct str){body, size}, arena, &reply, &err) == ERR_OK &&
               reply->accepted &&
               outcomes_epoch_accept(agent->runtime.outcomes, reply->epoch, &err) == ERR_OK;
    if (!yes) {
        sim_trace(agent->sim, "hello refused", agent->life, 0);
        if (agent->sim->verbose) {
            fprintf(stderr, "%s %s\n", reply == NULL ? "" : reply->reason, err.message);
        }
        if (reply != NULL && strstr(reply->reason, "mainstay agents lost") != NULL) {
            client_declare_lost(agent->sim, agent->kind->agent, agent->store);
        }
    } else if (agent->pull == NULL) {
        struct bus_pull_options pull = {
            .stream = STREAM_TASKS,
            .consumer = sim_copy(agent->sim, reply->consumer, strlen(reply->consumer)),
            .batch = PULL_BATCH,
            .deliver = on_task,
            .user = agent,
        };
        CHECK(bus_pull_start(agent->bus, &pull, &agent->pull, &err) == ERR_OK);
    } else {
        bus_pull_kick(agent->pull);
    }
    arena_destroy(&arena);
    return yes;
}

struct asked {
    struct sim_agent *agent;
    uint64_t life;
};

static void on_reply(struct sim *sim, void *user, uint64_t number, const char *body, size_t size)
{
    (void)sim;
    struct asked *asked = user;
    struct sim_agent *agent = asked->agent;
    if (!agent->up || agent->dying || agent->life != asked->life || agent->hello != number) {
        return;
    }
    if (body != NULL && accepted(agent, body, size)) {
        agent->accepted = true;
        return;
    }
    if (body == NULL) {
        agent->timeout_us *= agent->timeout_us < TIMEOUT_MAX_US ? 2 : 1;
    }
    agent->pause_us = agent->pause_us == 0 ? 200000 : 2 * agent->pause_us;
    agent->pause_us = agent->pause_us > PAUSE_MAX_US ? PAUSE_MAX_US : agent->pause_us;
    hello_later(agent, agent->pause_us);
}

static void hello_act(struct sim *sim, void *what, uint64_t number)
{
    struct sim_agent *agent = what;
    if (!agent->up || agent->hello != number) {
        return;
    }
    struct asked *asked = sim_alloc(sim, sizeof(*asked));
    *asked = (struct asked){.agent = agent, .life = agent->life};
    char subject[SUBJECT_BYTES];
    CHECK(subject_hello(agent->kind->agent, agent->store, subject));
    struct buf request = BUF_INIT(LIMIT_MESSAGE_BYTES);
    hello_pack(agent, false, &request);
    sim_bus_request(sim, subject, request.data, request.size, agent->timeout_us, on_reply, asked,
                    number);
    buf_release(&request);
}

static void on_goodbye(struct sim *sim, void *user, uint64_t number, const char *body, size_t size)
{
    (void)sim;
    (void)user;
    (void)number;
    (void)body;
    (void)size;
}

void agent_session_goodbye(struct sim_agent *agent)
{
    char subject[SUBJECT_BYTES];
    CHECK(subject_hello(agent->kind->agent, agent->store, subject));
    struct buf request = BUF_INIT(LIMIT_MESSAGE_BYTES);
    hello_pack(agent, true, &request);
    sim_bus_request(agent->sim, subject, request.data, request.size, 5000000, on_goodbye, NULL, 0);
    buf_release(&request);
}

void agent_session_connect(struct sim_agent *agent)
{
    struct bus_options options = {
        .name = agent->kind->agent, .on_state = on_state, .on_ack = on_stored, .user = agent};
    struct error err = {0};
    CHECK(bus_connect(&options, &agent->bus, &err) == ERR_OK);
}

enum err agent_session_publish(struct sim_agent *agent, struct str body, uint64_t token,
                               struct error *err)
{
    char subject[SUBJECT_BYTES];
    CHECK(subject_result(agent->kind->agent, agent->store, subject));
    struct bus_publication publication = {.subject = subject, .body = body.data, .size = body.size};
    return bus_publish_tracked(agent->bus, &publication, token, err);
}
