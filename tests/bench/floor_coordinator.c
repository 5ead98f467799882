/*
 * The floor's coordinator: control.run, task, result, ..., control.wait with the messages, the
 * commits and the bytes of the real one, but no engine: the input goes from step to step unread.
 *
 * How many steps share one commit is told by control.expect, from what the real coordinator did in
 * the same run, so that messages and syncs are the same in number and what differs is the engine:
 *   {"workflows": N, "concurrency": C, "steps": S, "batch": steps per commit, times 1000,
 *    "bytes": keys and values written per step}
 * A workflow under way stands for one transition, so a turn may wait for its batch as long as
 * there are so many workflows.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/bus/bus.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "common/store/kv.h"
#include "common/wire/envelope.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "proto/control.pb-c.h"
#include "tests/bench/floor.h"

enum {
    WORKFLOWS_MAX = 1 << 20,
    MAILBOX_ITEMS = 1 << 16,
    TAKEN_MAX = 512,
    PULL_BATCH = 1024,
    ARENA_BYTES = 64 * 1024 * 1024,
    TRIM_MESSAGES = 4096,
    INSTANCE_TEXT_BYTES = 2 * ENVELOPE_ID_BYTES + 1
};

enum { FAMILY_STATE, FAMILY_JOURNAL };

struct workflow {
    struct bus_msg *run;    /* to answer after the commit of the start */
    struct bus_msg *waiter; /* to answer after the commit of the end */
    char *input;
    uint32_t steps_done;
    bool ended;
};

struct expectation {
    uint64_t workflows;
    uint64_t concurrency;
    uint64_t steps;
    uint64_t batch_milli;
    uint64_t bytes;
};

struct floor_coordinator {
    struct bus *bus;
    struct bus_pull *results;
    struct kv *kv;
    struct kv_batch *batch;
    bool sync;
    struct mailbox *mailbox;
    struct arena *arena;
    struct expectation expect;
    uint64_t owed_milli; /* the fraction of a step the next batch may be larger by */
    uint64_t ended;      /* of the expected workflows */
    struct workflow *workflows;
    uint64_t workflow_count;
    uint64_t *queue; /* workflows with a transition to make, oldest first */
    uint64_t queue_begin;
    uint64_t queue_end;
    uint64_t sequence;
    uint64_t commits;
    uint64_t bytes_written;
    uint64_t token;
    uint64_t messages_since_trim;
    uint8_t key[ENVELOPE_ID_BYTES];
    char *filler;
    struct buf packed;
    struct buf told;
    char subject[SUBJECT_BYTES];
};

/* ---- answers ---- */

static void respond(struct bus_msg **msg, const char *body)
{
    Mainstay__ControlReply reply = MAINSTAY__CONTROL_REPLY__INIT;
    struct buf packed = BUF_INIT(LIMIT_MESSAGE_BYTES);
    struct error err = {0};
    reply.version = 1;
    reply.body.data = (uint8_t *)(uintptr_t)body;
    reply.body.len = strlen(body);
    CHECK(proto_pack(&reply.base, &packed, &err) == ERR_OK);
    if (bus_respond(*msg, packed.data, packed.size, &err) != ERR_OK) {
        log_error("not answered: %s", err.message);
    }
    buf_release(&packed);
    bus_msg_destroy(msg);
}

/* Instance ids are workflow numbers in hex. */
static void instance_text(uint64_t workflow, char out[INSTANCE_TEXT_BYTES])
{
    (void)snprintf(out, INSTANCE_TEXT_BYTES, "%032llx", (unsigned long long)workflow);
}

static void answer_run(struct floor_coordinator *floor, uint64_t number)
{
    char body[128];
    char instance[INSTANCE_TEXT_BYTES];
    instance_text(number, instance);
    (void)snprintf(body, sizeof(body), "{\"instance\":\"%s\",\"created\":true}", instance);
    respond(&floor->workflows[number].run, body);
}

static void answer_wait(struct floor_coordinator *floor, uint64_t number)
{
    struct workflow *workflow = &floor->workflows[number];
    struct buf body = BUF_INIT(LIMIT_MESSAGE_BYTES);
    char instance[INSTANCE_TEXT_BYTES];
    instance_text(number, instance);
    buf_printf(&body, "{\"instance\":\"%s\",\"status\":\"completed\",\"output\":%s}", instance,
               workflow->input);
    CHECK(!body.failed);
    respond(&workflow->waiter, body.data);
    buf_release(&body);
    free(workflow->input);
    workflow->input = NULL;
}

/* ---- what comes in ---- */

static void queue_push(struct floor_coordinator *floor, uint64_t workflow)
{
    floor->queue[floor->queue_end++ % WORKFLOWS_MAX] = workflow;
}

static const Mainstay__ControlRequest *request_of(struct floor_coordinator *floor,
                                                  const struct bus_msg *msg, json_t **ret_body)
{
    ProtobufCMessage *message = NULL;
    struct error err = {0};
    struct str bytes = {.data = msg->body, .size = msg->size};
    CHECK(proto_unpack(&mainstay__control_request__descriptor, bytes, &proto_limits_bus,
                       floor->arena, &message, &err) == ERR_OK);
    const Mainstay__ControlRequest *request = (const Mainstay__ControlRequest *)message;
    if (ret_body != NULL) {
        CHECK(json_parse((const char *)request->body.data, request->body.len, NULL, ret_body,
                         &err) == ERR_OK);
    }
    return request;
}

static void take_run(struct floor_coordinator *floor, struct bus_msg *msg)
{
    const Mainstay__ControlRequest *request = request_of(floor, msg, NULL);
    uint64_t number = floor->workflow_count++;
    CHECK(number < WORKFLOWS_MAX);
    /* The input is the last member of the body: cut it out without reading the rest. */
    struct str body = envelope_str(request->body);
    const char *input = memmem(body.data, body.size, "\"input\":", strlen("\"input\":"));
    CHECK(input != NULL);
    input += strlen("\"input\":");
    size_t size = (size_t)(body.data + body.size - input) - 1;
    floor->workflows[number] = (struct workflow){.run = msg, .input = strndup(input, size)};
    CHECK(floor->workflows[number].input != NULL);
    queue_push(floor, number);
}

static void take_wait(struct floor_coordinator *floor, struct bus_msg *msg)
{
    const Mainstay__ControlRequest *request = request_of(floor, msg, NULL);
    struct str body = envelope_str(request->body);
    const char *instance = memmem(body.data, body.size, "\"instance\":\"", 12);
    CHECK(instance != NULL && instance + 12 + 32 <= body.data + body.size);
    uint64_t number = strtoull(instance + 12, NULL, 16);
    CHECK(number < floor->workflow_count);
    floor->workflows[number].waiter = msg;
    if (floor->workflows[number].ended) {
        answer_wait(floor, number);
    }
}

static void take_expect(struct floor_coordinator *floor, struct bus_msg *msg)
{
    json_t *body = NULL;
    (void)request_of(floor, msg, &body);
    floor->expect = (struct expectation){
        .workflows = (uint64_t)json_int_of(body, "workflows", 1),
        .concurrency = (uint64_t)json_int_of(body, "concurrency", 1),
        .steps = (uint64_t)json_int_of(body, "steps", 1),
        .batch_milli = (uint64_t)json_int_of(body, "batch", 1000),
        .bytes = (uint64_t)json_int_of(body, "bytes", 1024),
    };
    floor->ended = 0;
    json_decref(body);
    free(floor->filler);
    floor->filler = calloc(TAKEN_MAX + 1, floor->expect.bytes);
    CHECK(floor->filler != NULL);
    crypto_random(floor->filler, (TAKEN_MAX + 1) * floor->expect.bytes);
    respond(&msg, "{}");
}

static void take_figures(struct floor_coordinator *floor, struct bus_msg *msg)
{
    char body[256];
    (void)snprintf(body, sizeof(body), "{\"commits\":%llu,\"bytes_written\":%llu}",
                   (unsigned long long)floor->commits, (unsigned long long)floor->bytes_written);
    respond(&msg, body);
}

static void take_results(struct floor_coordinator *floor, struct bus_msg *msg)
{
    Mainstay__ResultBatch *batch = NULL;
    struct error err = {0};
    struct str bytes = {.data = msg->body, .size = msg->size};
    CHECK(envelope_result_batch(bytes, floor->arena, &batch, &err) == ERR_OK);
    for (size_t i = 0; i < batch->n_results; i++) {
        const Mainstay__Result *result = batch->results[i];
        uint64_t number = 0;
        CHECK(envelope_sized(result->instance, ENVELOPE_ID_BYTES));
        memcpy(&number, result->instance.data, sizeof(number));
        CHECK(number < floor->workflow_count);
        queue_push(floor, number);
    }
    /* Acknowledged with the commit in the real one; here at once, the same number of messages. */
    if (bus_msg_ack(msg, &err) != ERR_OK) {
        log_error("not acknowledged: %s", err.message);
    }
    bus_msg_destroy(&msg);
    bus_pull_consumed(floor->results, 1);
    floor->messages_since_trim++;
}

static void take(struct floor_coordinator *floor, struct bus_msg *msg)
{
    if (strcmp(msg->subject, "control.run") == 0) {
        take_run(floor, msg);
    } else if (strcmp(msg->subject, "control.wait") == 0) {
        take_wait(floor, msg);
    } else if (strcmp(msg->subject, "control.expect") == 0) {
        take_expect(floor, msg);
    } else if (strcmp(msg->subject, "control.figures") == 0) {
        take_figures(floor, msg);
    } else {
        take_results(floor, msg);
    }
    arena_reset(floor->arena);
}

/* ---- a turn ---- */

static Mainstay__Task *task_of(struct floor_coordinator *floor, uint64_t number)
{
    static const char traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const struct workflow *workflow = &floor->workflows[number];
    Mainstay__Task *task = ARENA_NEW(floor->arena, Mainstay__Task);
    uint8_t *instance = arena_alloc(floor->arena, ENVELOPE_ID_BYTES);
    CHECK(task != NULL && instance != NULL);
    memset(instance, 0, ENVELOPE_ID_BYTES);
    memcpy(instance, &number, sizeof(number));
    mainstay__task__init(task);
    task->key = envelope_bytes((struct str){(const char *)floor->key, ENVELOPE_ID_BYTES});
    task->attempt = 1;
    task->phase = MAINSTAY__PHASE__PHASE_DECIDE;
    task->instance = envelope_bytes((struct str){(const char *)instance, ENVELOPE_ID_BYTES});
    task->frame = 2;
    task->step = envelope_text("/do/0/s1#1");
    task->action = envelope_text("bench");
    task->contract_version = envelope_text("1.0.0");
    task->input = envelope_bytes((struct str){workflow->input, strlen(workflow->input)});
    task->input_digest = envelope_bytes((struct str){floor->filler, ENVELOPE_DIGEST_BYTES});
    task->timeout_ms = 10000;
    task->traceparent = envelope_text(traceparent);
    task->idempotency_key = envelope_text("0af7651916cd43dd8448eb211c80319c");
    return task;
}

static void rows_put(struct floor_coordinator *floor, uint64_t number)
{
    uint64_t key = __builtin_bswap64(number);
    struct str name = {.data = (const char *)&key, .size = sizeof(key)};
    struct str row = {.data = floor->filler, .size = floor->expect.bytes / 2};
    kv_batch_put(floor->batch, FAMILY_STATE, name, row);
}

static void commit(struct floor_coordinator *floor, size_t transitions)
{
    struct error err = {0};
    uint64_t key = __builtin_bswap64(++floor->sequence);
    struct str name = {.data = (const char *)&key, .size = sizeof(key)};
    size_t half = floor->expect.bytes - floor->expect.bytes / 2;
    kv_batch_put(floor->batch, FAMILY_JOURNAL, name,
                 (struct str){.data = floor->filler, .size = transitions * half});
    CHECK(kv_commit(floor->kv, floor->batch, floor->sync, &err) == ERR_OK);
    floor->commits++;
    floor->bytes_written += kv_batch_bytes(floor->batch);
    kv_batch_clear(floor->batch);
}

static void tasks_publish(struct floor_coordinator *floor, Mainstay__Task **tasks, size_t count)
{
    struct error err = {0};
    for (size_t begin = 0; begin < count; begin += LIMIT_BATCH_TASKS) {
        Mainstay__TaskBatch batch = MAINSTAY__TASK_BATCH__INIT;
        batch.version = ENVELOPE_VERSION;
        batch.epoch = 1;
        batch.tasks = tasks + begin;
        batch.n_tasks = count - begin < LIMIT_BATCH_TASKS ? count - begin : LIMIT_BATCH_TASKS;
        buf_clear(&floor->packed);
        CHECK(proto_pack(&batch.base, &floor->packed, &err) == ERR_OK);
        struct bus_publication publication = {
            .subject = floor->subject, .body = floor->packed.data, .size = floor->packed.size};
        if (bus_publish_tracked(floor->bus, &publication, ++floor->token, &err) != ERR_OK) {
            log_error("not published: %s", err.message);
        }
    }
}

/* One lifecycle event as the real one tells it: the same members with values of the same length. */
static void happening_write(struct floor_coordinator *floor, uint64_t number, bool ends)
{
    static const char time[] = "2026-01-01T00:00:00.000Z";
    static const char name[] = "steps-3";
    struct buf *out = &floor->told;
    char instance[INSTANCE_TEXT_BYTES];
    instance_text(number, instance);
    buf_append_byte(out, out->size == 0 ? '[' : ',');
    buf_printf(out,
               "{\"specversion\":\"1.0\",\"type\":\"io.serverlessworkflow.workflow.%s.v1\","
               "\"source\":\"/bench/%s/1.0.0\",\"id\":\"0af76519-%llu-%llu\",\"time\":\"%s\","
               "\"subject\":\"%s\",\"datacontenttype\":\"application/json\","
               "\"data\":{\"name\":\"%s-%s.bench\"",
               ends ? "completed" : "started", name, (unsigned long long)floor->sequence,
               (unsigned long long)number, time, instance, name, instance);
    if (ends) {
        buf_printf(out, ",\"completedAt\":\"%s\",\"output\":%s}}", time,
                   floor->workflows[number].input);
    } else {
        buf_printf(out,
                   ",\"definition\":{\"name\":\"%s\",\"namespace\":\"bench\","
                   "\"version\":\"1.0.0\"},\"startedAt\":\"%s\"}}",
                   name, time);
    }
}

/* What began, or what ended, in this turn: one message, as the real one sends. */
static void lifecycle_publish(struct floor_coordinator *floor, const uint64_t *taken, size_t count,
                              bool ends)
{
    struct error err = {0};
    buf_clear(&floor->told);
    for (size_t i = 0; i < count; i++) {
        const struct workflow *workflow = &floor->workflows[taken[i]];
        if (ends ? workflow->ended : workflow->run != NULL) {
            happening_write(floor, taken[i], ends);
        }
    }
    if (floor->told.size == 0) {
        return;
    }
    buf_append_byte(&floor->told, ']');
    CHECK(!floor->told.failed);
    struct bus_header header = {.name = "Content-Type",
                                .value = "application/cloudevents-batch+json"};
    struct bus_publication publication = {.subject =
                                              ends ? "lifecycle.bench.steps-3.workflow.completed"
                                                   : "lifecycle.bench.steps-3.workflow.started",
                                          .headers = &header,
                                          .header_count = 1,
                                          .body = floor->told.data,
                                          .size = floor->told.size};
    if (bus_publish(floor->bus, &publication, &err) != ERR_OK) {
        log_error("lifecycle events not published: %s", err.message);
    }
}

static void turn(struct floor_coordinator *floor, size_t count)
{
    Mainstay__Task *tasks[TAKEN_MAX];
    uint64_t taken[TAKEN_MAX];
    size_t task_count = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = floor->queue[floor->queue_begin++ % WORKFLOWS_MAX];
        struct workflow *workflow = &floor->workflows[number];
        taken[i] = number;
        rows_put(floor, number);
        if (workflow->run == NULL && ++workflow->steps_done == floor->expect.steps) {
            workflow->ended = true;
            floor->ended++;
        } else {
            tasks[task_count++] = task_of(floor, number);
        }
    }
    commit(floor, count);
    tasks_publish(floor, tasks, task_count);
    lifecycle_publish(floor, taken, count, false);
    lifecycle_publish(floor, taken, count, true);
    for (size_t i = 0; i < count; i++) {
        struct workflow *workflow = &floor->workflows[taken[i]];
        if (workflow->run != NULL) {
            answer_run(floor, taken[i]);
        } else if (workflow->ended && workflow->waiter != NULL) {
            answer_wait(floor, taken[i]);
        }
    }
    arena_reset(floor->arena);
}

/* How many transitions the next turn takes; 0: wait for more. */
static size_t turn_size(struct floor_coordinator *floor)
{
    size_t waiting = (size_t)(floor->queue_end - floor->queue_begin);
    uint64_t left = floor->expect.workflows - floor->ended;
    uint64_t flying = left < floor->expect.concurrency ? left : floor->expect.concurrency;
    uint64_t wanted = (floor->expect.batch_milli + floor->owed_milli) / 1000;
    wanted = wanted < 1 ? 1 : wanted > TAKEN_MAX ? TAKEN_MAX : wanted;
    if (waiting >= wanted) {
        return wanted;
    }
    return waiting >= flying ? waiting : 0;
}

static void turns(struct floor_coordinator *floor)
{
    size_t size = 0;
    while (floor->queue_end > floor->queue_begin && (size = turn_size(floor)) > 0) {
        uint64_t due = floor->owed_milli + floor->expect.batch_milli;
        floor->owed_milli = due > size * 1000 ? (due - size * 1000) % 1000 : 0;
        turn(floor, size);
    }
}

static void trim(struct floor_coordinator *floor)
{
    static const char *const streams[] = {STREAM_TASKS, STREAM_RESULTS};
    if (floor->messages_since_trim < TRIM_MESSAGES) {
        return;
    }
    floor->messages_since_trim = 0;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        struct bus_stream_state state;
        struct error err = {0};
        if (bus_stream_state(floor->bus, streams[i], &state, &err) != ERR_OK ||
            state.last_sequence <= TRIM_MESSAGES / 2 ||
            bus_stream_purge(floor->bus, streams[i], state.last_sequence - TRIM_MESSAGES / 2,
                             &err) != ERR_OK) {
            log_error("stream %s not trimmed: %s", streams[i], err.message);
        }
    }
}

static _Noreturn void run(struct floor_coordinator *floor)
{
    void *taken[TAKEN_MAX];
    for (;;) {
        size_t count = mailbox_take_all(floor->mailbox, CLOCK_FOREVER, taken, TAKEN_MAX);
        for (size_t i = 0; i < count; i++) {
            take(floor, taken[i]);
        }
        turns(floor);
        trim(floor);
    }
}

/* ---- start ---- */

static void on_message(void *user, struct bus_msg *msg)
{
    struct floor_coordinator *floor = user;
    if (!mailbox_push(floor->mailbox, msg)) {
        log_error("the mailbox is full");
        bus_msg_destroy(&msg);
    }
}

static void on_ack(void *user, uint64_t token, bool stored, const char *why)
{
    (void)user;
    if (!stored) {
        log_error("tasks %llu not stored: %s", (unsigned long long)token, why);
    }
}

static enum err streams_make(struct floor_coordinator *floor, struct error *err)
{
    static const char stream[] =
        "{\"subjects\":[\"%s\"],\"retention\":\"limits\",\"storage\":\"file\",\"num_replicas\":1,"
        "\"discard\":\"new\",\"max_age\":600000000000,\"max_bytes\":268435456,"
        "\"duplicate_window\":1000000000}";
    static const char consumer[] =
        "{%s\"ack_policy\":\"explicit\",\"deliver_policy\":\"all\",\"ack_wait\":30000000000,"
        "\"max_deliver\":-1,\"max_ack_pending\":10000,\"replay_policy\":\"instant\"}";
    static const char lifecycle[] =
        "{\"subjects\":[\"" SUBJECT_ALL_LIFECYCLE "\"],\"retention\":\"limits\","
        "\"storage\":\"file\",\"num_replicas\":1,\"discard\":\"old\",\"max_bytes\":268435456}";
    char text[1024];
    char filter[SUBJECT_BYTES + 32];
    char name[SUBJECT_BYTES];
    CHECK(subject_consumer(FLOOR_AGENT, FLOOR_STORE, name));
    (void)snprintf(text, sizeof(text), stream, SUBJECT_ALL_TASKS);
    TRY(bus_stream_ensure(floor->bus, STREAM_TASKS, text, NULL, err));
    (void)snprintf(text, sizeof(text), stream, SUBJECT_ALL_RESULTS);
    TRY(bus_stream_ensure(floor->bus, STREAM_RESULTS, text, NULL, err));
    TRY(bus_stream_ensure(floor->bus, STREAM_LIFECYCLE, lifecycle, NULL, err));
    (void)snprintf(filter, sizeof(filter), "\"filter_subject\":\"%s\",", floor->subject);
    (void)snprintf(text, sizeof(text), consumer, filter);
    TRY(bus_consumer_ensure(floor->bus, STREAM_TASKS, name, text, NULL, err));
    (void)snprintf(text, sizeof(text), consumer, "");
    return bus_consumer_ensure(floor->bus, STREAM_RESULTS, CONSUMER_COORDINATOR, text, NULL, err);
}

static enum err start(struct floor_coordinator *floor, const struct floor_options *options,
                      struct error *err)
{
    struct kv_options kv = {.families = {"state", "journal"},
                            .family_count = 2,
                            .sealed_families = 1U << 1,
                            .create = true};
    struct bus_options bus = {.url = options->bus,
                              .creds_file = options->creds,
                              .name = "coordinator",
                              .on_ack = on_ack,
                              .user = floor};
    struct bus_pull_options pull = {.stream = STREAM_RESULTS,
                                    .consumer = CONSUMER_COORDINATOR,
                                    .batch = PULL_BATCH,
                                    .deliver = on_message,
                                    .user = floor};
    TRY(kv_open(options->data, &kv, &floor->kv, err));
    floor->batch = kv_batch_create(floor->kv);
    TRY(bus_connect(&bus, &floor->bus, err));
    TRY(streams_make(floor, err));
    TRY(bus_subscribe(floor->bus, SUBJECT_ALL_CONTROL, NULL, on_message, floor, err));
    return bus_pull_start(floor->bus, &pull, &floor->results, err);
}

int floor_coordinator_run(const struct floor_options *options)
{
    static struct floor_coordinator floor;
    struct error err = {0};
    floor.sync = options->sync;
    floor.mailbox = mailbox_create(MAILBOX_ITEMS);
    floor.arena = arena_create(ARENA_BYTES);
    floor.workflows = calloc(WORKFLOWS_MAX, sizeof(floor.workflows[0]));
    floor.queue = calloc(WORKFLOWS_MAX, sizeof(floor.queue[0]));
    CHECK(floor.mailbox != NULL && floor.arena != NULL);
    CHECK(floor.workflows != NULL && floor.queue != NULL);
    CHECK(subject_task(FLOOR_AGENT, FLOOR_STORE, floor.subject));
    buf_init(&floor.packed, LIMIT_MESSAGE_BYTES);
    buf_init(&floor.told, LIMIT_MESSAGE_BYTES);
    if (start(&floor, options, &err) != ERR_OK) {
        log_error("%s", err.message);
        return 1;
    }
    log_info("ready");
    run(&floor);
}
