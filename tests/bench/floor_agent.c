/* The floor's agent: answers each task message with one result message, the input as the output. */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/bus/bus.h"
#include "common/crypto/crypto.h"
#include "common/store/kv.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "tests/bench/floor.h"
#include "tests/bench/floor_writers.h"

enum { AGENT_PULL = 256, ROW_BYTES = 300, AGENT_ARENA_BYTES = 16 * 1024 * 1024 };

struct floor_agent {
    struct bus *bus;
    struct bus_pull *pull;
    struct arena *arena;
    struct buf packed;
    char subject[SUBJECT_BYTES];
    uint8_t id[ENVELOPE_ID_BYTES]; /* session and store id in one */
    uint64_t token;
    struct kv *kv; /* NULL: nothing is synced */
    struct floor_writers *writers;
    uint64_t syncs; /* for 1,000 tasks */
    uint64_t owed;  /* thousandths of a sync */
};

static Mainstay__Result *result_of(struct floor_agent *agent, const Mainstay__Task *task)
{
    Mainstay__Result *result = ARENA_NEW(agent->arena, Mainstay__Result);
    Mainstay__Decision *decision = ARENA_NEW(agent->arena, Mainstay__Decision);
    CHECK(result != NULL && decision != NULL);
    mainstay__result__init(result);
    mainstay__decision__init(decision);
    decision->rule = envelope_text("echo@1.0.0");
    result->key = task->key;
    result->attempt = task->attempt;
    result->phase = task->phase;
    result->instance = task->instance;
    result->frame = task->frame;
    result->input_digest = task->input_digest;
    result->status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE;
    result->output = task->input;
    result->decision = decision;
    result->started_ms = 1700000000000;
    result->duration_us = 100;
    return result;
}

/* As many synced commits as the company's agent makes for so many tasks, with as many bytes, and as
 * many of them at once. */
static void keep(struct floor_agent *agent, size_t tasks)
{
    agent->owed += agent->syncs * tasks;
    size_t commits = (size_t)(agent->owed / 1000);
    agent->owed %= 1000;
    size_t rows = commits == 0 ? 0 : (2 * tasks + commits - 1) / commits;
    floor_writers_commit(agent->writers, commits, rows, ROW_BYTES);
}

static void answer(struct floor_agent *agent, const Mainstay__TaskBatch *tasks)
{
    Mainstay__ResultBatch batch = MAINSTAY__RESULT_BATCH__INIT;
    Mainstay__Result **results = ARENA_ARRAY(agent->arena, Mainstay__Result *, tasks->n_tasks);
    struct error err = {0};
    CHECK(results != NULL);
    batch.version = ENVELOPE_VERSION;
    batch.session = envelope_bytes((struct str){(const char *)agent->id, sizeof(agent->id)});
    batch.store_id = batch.session;
    batch.results = results;
    for (size_t i = 0; i < tasks->n_tasks; i++) {
        results[batch.n_results++] = result_of(agent, tasks->tasks[i]);
    }
    buf_clear(&agent->packed);
    CHECK(proto_pack(&batch.base, &agent->packed, &err) == ERR_OK);
    struct bus_publication publication = {
        .subject = agent->subject, .body = agent->packed.data, .size = agent->packed.size};
    if (bus_publish_tracked(agent->bus, &publication, ++agent->token, &err) != ERR_OK) {
        log_error("not published: %s", err.message);
    }
}

static void on_tasks(void *user, struct bus_msg *msg)
{
    struct floor_agent *agent = user;
    Mainstay__TaskBatch *tasks = NULL;
    struct error err = {0};
    if (bus_msg_ack(msg, &err) != ERR_OK) {
        log_error("not acknowledged: %s", err.message);
    }
    struct str body = {.data = msg->body, .size = msg->size};
    if (envelope_task_batch(body, agent->arena, &tasks, &err) == ERR_OK) {
        if (agent->kv != NULL) {
            keep(agent, tasks->n_tasks);
        }
        answer(agent, tasks);
    } else {
        log_error("unreadable tasks: %s", err.message);
    }
    arena_reset(agent->arena);
    bus_msg_destroy(&msg);
    bus_pull_consumed(agent->pull, 1);
}

static void on_ack(void *user, uint64_t token, bool stored, const char *why)
{
    (void)user;
    if (!stored) {
        log_error("result %llu not stored: %s", (unsigned long long)token, why);
    }
}

int floor_agent_run(const struct floor_options *options)
{
    static struct floor_agent agent;
    struct error err = {0};
    struct bus_options bus = {.url = options->bus,
                              .creds_file = options->creds,
                              .name = "floor-agent",
                              .on_ack = on_ack,
                              .user = &agent};
    char consumer[SUBJECT_BYTES];
    CHECK(subject_consumer(FLOOR_AGENT, FLOOR_STORE, consumer));
    CHECK(subject_result(FLOOR_AGENT, FLOOR_STORE, agent.subject));
    agent.arena = arena_create(AGENT_ARENA_BYTES);
    CHECK(agent.arena != NULL);
    buf_init(&agent.packed, LIMIT_MESSAGE_BYTES);
    crypto_random(agent.id, sizeof(agent.id));
    struct kv_options kv = {.families = {"outcomes"}, .family_count = 1, .create = true};
    agent.syncs = options->syncs;
    enum err code = ERR_OK;
    if (options->syncs > 0 && options->data != NULL) {
        code = kv_open(options->data, &kv, &agent.kv, &err);
        agent.writers = code == ERR_OK ? floor_writers_create(agent.kv) : NULL;
    }
    if (code == ERR_OK) {
        code = bus_connect(&bus, &agent.bus, &err);
    }
    struct bus_pull_options pull = {.stream = STREAM_TASKS,
                                    .consumer = consumer,
                                    .batch = AGENT_PULL,
                                    .deliver = on_tasks,
                                    .user = &agent};
    if (code == ERR_OK) {
        code = bus_pull_start(agent.bus, &pull, &agent.pull, &err);
    }
    if (code != ERR_OK) {
        log_error("%s", err.message);
        return 1;
    }
    for (;;) {
        (void)pause(); /* until a signal ends the process */
    }
}
