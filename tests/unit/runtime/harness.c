#include "tests/unit/runtime/harness.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/runtime/pool.h"
#include "agents/runtime/sender.h"
#include "agents/runtime/tables.h"
#include "agents/runtime/telemetry.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "common/wire/proto_arena.h"

#define CONTRACT_FILE SOURCE_DIR "/tests/unit/runtime/harness_contract.json"

static struct harness *harness_of(const struct agent_task *task)
{
    return task->user;
}

static void do_echo(const struct agent_task *task, struct agent_reply *reply)
{
    (void)atomic_fetch_add(&harness_of(task)->runs, 1);
    const char *fail = json_text_of(task->input, "fail");
    if (fail != NULL) {
        agent_fail(reply, AGENT_TRANSIENT,
                   strcmp(fail, "unknown") == 0 ? AGENT_EFFECT_UNKNOWN : AGENT_EFFECT_NONE, "asked",
                   "Asked to fail");
        reply->failure.detail = agent_text(reply, "attempt %u", (unsigned)task->attempt);
        return;
    }
    if (json_bool_of(task->input, "silent", false)) {
        return;
    }
    reply->output = json_incref(task->input);
    int64_t size = json_int_of(task->input, "grow", 0);
    if (size > 0) {
        struct buf text = BUF_INIT((size_t)size);
        memset(buf_extend(&text, (size_t)size), 'x', (size_t)size);
        json_decref(reply->output);
        reply->output = json_pack("{s:s%}", "x", text.data, text.size);
        buf_release(&text);
    }
    if (json_bool_of(task->input, "bad", false)) {
        json_decref(reply->output);
        reply->output = json_string("not an object");
    }
    reply->decision.rule = "echo@1";
}

static void do_wait(const struct agent_task *task, struct agent_reply *reply)
{
    struct harness *harness = harness_of(task);
    size_t place = atomic_fetch_add(&harness->started_count, 1);
    harness->started[place % sizeof(harness->started)] = task->key[0];
    (void)atomic_fetch_add(&harness->waiting, 1);
    bool heed = json_bool_of(task->input, "heed", false);
    while (atomic_load(&harness->gate) == 0 &&
           !(heed && atomic_load(&harness->heeding) != 0 && agent_task_cancelled(task))) {
        struct timespec pause = {.tv_nsec = 1000000};
        (void)nanosleep(&pause, NULL);
    }
    (void)atomic_fetch_sub(&harness->waiting, 1);
    if (heed && agent_task_cancelled(task)) {
        agent_fail(reply, AGENT_CANCELLED, AGENT_EFFECT_NONE, "stopped", "Stopped as asked");
        return;
    }
    do_echo(task, reply);
}

static void do_paid(const struct agent_task *task, struct agent_reply *reply)
{
    do_echo(task, reply);
    reply->decision.cost = "0.01 EUR";
}

/* Counts its runs in its own table. */
static void do_local(const struct agent_task *task, struct agent_reply *reply)
{
    struct buf count = BUF_INIT(100);
    agent_store_lock(task->store, "counts");
    enum err code = agent_store_get(task->store, "counts", STR("n"), &count, NULL);
    cr_assert(code == ERR_OK || code == ERR_NOT_FOUND);
    buf_append_byte(&count, 'x');
    cr_assert_eq(agent_store_put(task->store, "counts", STR("n"),
                                 (struct str){count.data, count.size}, NULL),
                 ERR_OK);
    buf_clear(&count);
    cr_assert_eq(agent_store_get(task->store, "counts", STR("n"), &count, NULL), ERR_OK);
    do_echo(task, reply);
    if (reply->output != NULL) {
        json_decref(reply->output);
        reply->output = json_pack("{s:i}", "count", (int)count.size);
    }
    buf_release(&count);
}

static enum agent_probe_answer do_probe(const struct agent_task *task, struct agent_reply *reply)
{
    struct harness *harness = harness_of(task);
    (void)atomic_fetch_add(&harness->probes, 1);
    if (harness->probe_answer == AGENT_PROBE_DONE) {
        reply->output = json_pack("{s:b}", "probed", 1);
    }
    return harness->probe_answer;
}

static void do_propose(const struct agent_task *task, struct agent_reply *reply)
{
    enum err code = agent_store_put(task->store, "counts", STR("x"), STR("y"), NULL);
    cr_assert_eq(code, ERR_REFUSED);
    reply->output = json_pack("{s:s}", "amount", "12.50");
    reply->decision.has_confidence = true;
    reply->decision.confidence = 0.75;
}

static void do_accept(const struct agent_task *task, struct agent_reply *reply)
{
    (void)atomic_fetch_add(&harness_of(task)->runs, 1);
    reply->output = json_pack("{s:s}", "paid", json_text_of(task->proposal, "amount"));
}

static const struct agent_action actions[] = {
    {.name = "echo", .decide = do_echo},
    {.name = "slow", .decide = do_wait},
    {.name = "paid", .decide = do_paid},
    {.name = "charge", .perform = do_wait},
    {.name = "local", .perform = do_local},
    {.name = "probed", .perform = do_wait, .probe = do_probe},
    {.name = "manual", .perform = do_wait},
    {.name = "both", .decide = do_propose, .perform = do_accept},
    {.name = "strict", .decide = do_echo},
};

static const char *const tables[] = {"counts", "other", NULL};

static void on_fatal(struct runtime *runtime, const struct error *err)
{
    struct harness *harness = runtime->owner;
    (void)err;
    (void)atomic_fetch_add(&harness->fatal, 1);
}

static void on_sender_fatal(void *user, const struct error *err)
{
    on_fatal(&((struct harness *)user)->runtime, err);
}

static void got_fill(struct got *got, const Mainstay__Result *result)
{
    *got = (struct got){.key = result->key.data[0],
                        .attempt = result->attempt,
                        .phase = result->phase,
                        .status = result->status,
                        .from_store = result->from_store,
                        .has_instance = result->instance.len == 16};
    (void)snprintf(got->output, sizeof(got->output), "%.*s", (int)result->output.len,
                   result->output.data == NULL ? "" : (const char *)result->output.data);
    if (result->output_blob != NULL) {
        got->blob_bytes = result->output_blob->bytes;
        memcpy(got->blob.bytes, result->output_blob->digest.data, DIGEST_BYTES);
    }
    if (result->failure != NULL) {
        got->failure_class = result->failure->failure_class;
        got->effect = result->failure->effect;
        (void)snprintf(got->code, sizeof(got->code), "%s", result->failure->code);
        (void)snprintf(got->detail, sizeof(got->detail), "%s", result->failure->detail);
        (void)snprintf(got->pointer, sizeof(got->pointer), "%s", result->failure->pointer);
    }
    if (result->decision != NULL) {
        (void)snprintf(got->cost, sizeof(got->cost), "%s", result->decision->cost);
        (void)snprintf(got->rule, sizeof(got->rule), "%s", result->decision->rule);
        got->confidence_ppm = result->decision->confidence_ppm;
    }
}

static enum err on_publish(void *user, struct str body, uint64_t token, struct error *err)
{
    struct harness *harness = user;
    (void)pthread_mutex_lock(&harness->lock);
    bool refuse = harness->refuse_publish;
    (void)pthread_mutex_unlock(&harness->lock);
    if (refuse) {
        return error_set(err, ERR_UNAVAILABLE, "no bus");
    }
    struct arena *arena = arena_create(16 << 20);
    Mainstay__ResultBatch *batch = NULL;
    struct error why = {0};
    enum err code = envelope_result_batch(body, arena, &batch, &why);
    cr_assert_eq(code, ERR_OK, "%s", why.message);
    (void)pthread_mutex_lock(&harness->lock);
    for (size_t i = 0; i < batch->n_results; i++) {
        cr_assert_lt(harness->result_count, HARNESS_RESULTS_MAX);
        got_fill(&harness->results[harness->result_count++], batch->results[i]);
    }
    for (size_t i = 0; i < batch->n_dead_letters; i++) {
        harness->dead_letters++;
        (void)snprintf(harness->dead_reason, sizeof(harness->dead_reason), "%s",
                       batch->dead_letters[i]->reason);
    }
    harness->batch_count++;
    (void)pthread_cond_broadcast(&harness->changed);
    (void)pthread_mutex_unlock(&harness->lock);
    arena_destroy(&arena);
    sender_stored(harness->runtime.sender, token, true);
    return ERR_OK;
}

static void runtime_start(struct harness *harness, size_t workers)
{
    struct runtime *runtime = &harness->runtime;
    struct error err = {0};
    *runtime = (struct runtime){.definition = &harness->definition,
                                .store_name = "main",
                                .fatal = on_fatal,
                                .owner = harness,
                                .user = harness};
    cr_assert_eq(agent_contract_load(CONTRACT_FILE, &runtime->contract, &err), ERR_OK, "%s",
                 err.message);
    runtime->actions = calloc(sizeof(actions) / sizeof(actions[0]), sizeof(runtime->actions[0]));
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        cr_assert_str_eq(runtime->contract->actions[i].name, actions[i].name);
        runtime->actions[i] = &actions[i];
    }
    cr_assert_eq(outcomes_create(harness->kv, &runtime->outcomes, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(tables_create(runtime->outcomes, tables, &runtime->tables, &err), ERR_OK);
    runtime->telemetry = telemetry_create(runtime, "test");
    struct sender_options options = {.outcomes = runtime->outcomes,
                                     .session = runtime->session,
                                     .store_id = outcomes_store_id(runtime->outcomes),
                                     .publish = on_publish,
                                     .fatal = on_sender_fatal,
                                     .user = harness};
    cr_assert_eq(sender_create(&options, &runtime->sender, &err), ERR_OK, "%s", err.message);
    if (workers > 0) {
        cr_assert_eq(pool_create(runtime, workers, 100, &runtime->pool, &err), ERR_OK);
    }
}

static void runtime_stop(struct harness *harness)
{
    struct runtime *runtime = &harness->runtime;
    if (runtime->pool != NULL) {
        atomic_store(&runtime->hurry, true);
        cr_assert(pool_drain(runtime->pool, 10000));
    }
    (void)sender_stop(runtime->sender, harness->refuse_publish ? 0 : 10000);
    pool_destroy(&runtime->pool);
    sender_destroy(&runtime->sender);
    telemetry_destroy(&runtime->telemetry);
    tables_destroy(&runtime->tables);
    outcomes_destroy(&runtime->outcomes);
    agent_contract_destroy(&runtime->contract);
    free(runtime->actions);
}

void harness_start(struct harness *harness, size_t workers)
{
    memset(harness, 0, sizeof(*harness));
    (void)pthread_mutex_init(&harness->lock, NULL);
    (void)pthread_cond_init(&harness->changed, NULL);
    harness->definition = (struct agent_definition){
        .name = "test", .version = "1", .actions = actions, .tables = tables};
    atomic_store(&harness->gate, 1);
    struct kv_options options;
    outcomes_kv_options(&options);
    cr_assert_eq(kv_mem_open(&options, &harness->kv, NULL), ERR_OK);
    runtime_start(harness, workers);
}

void harness_stop(struct harness *harness)
{
    runtime_stop(harness);
}

void harness_crash(struct harness *harness, size_t workers)
{
    kv_mem_crash(harness->kv);
    runtime_start(harness, workers);
}

void harness_end(struct harness *harness)
{
    atomic_store(&harness->gate, 1);
    runtime_stop(harness);
    kv_close(&harness->kv);
    (void)pthread_mutex_destroy(&harness->lock);
    (void)pthread_cond_destroy(&harness->changed);
}

/* ---- asking ---- */

void harness_value(size_t size, struct buf *out)
{
    static const size_t around = sizeof("{\"amount\":\"\"}") - 1;
    buf_append_str(out, "{\"amount\":\"");
    memset(buf_extend(out, size - around), 'a', size - around);
    buf_append_str(out, "\"}");
}

/* Name the value instead of giving it. */
static void task_name(Mainstay__Task *task, const struct ask *ask, struct digest *digest)
{
    static Mainstay__BlobRef blob;
    static struct digest named;
    struct buf text = BUF_INIT(LIMIT_DOCUMENT_BYTES);
    harness_value(ask->named, &text);
    named = crypto_blake(text.data, text.size);
    buf_release(&text);
    blob = (Mainstay__BlobRef)MAINSTAY__BLOB_REF__INIT;
    blob.digest = envelope_bytes((struct str){(const char *)named.bytes, DIGEST_BYTES});
    blob.bytes = ask->named;
    if (ask->proposal == NULL) {
        task->input_blob = &blob;
        task->input = (ProtobufCBinaryData){0};
        *digest = named;
    } else {
        task->proposal_blob = &blob;
        task->proposal = (ProtobufCBinaryData){0};
    }
}

static void task_fill(Mainstay__Task *task, const struct ask *ask, uint8_t key[16],
                      uint8_t digest[32])
{
    static uint8_t instance[16] = {7};
    struct digest real = crypto_blake(ask->input, strlen(ask->input));
    memset(key, ask->key, 16);
    memcpy(digest, real.bytes, 32);
    if (ask->wrong_digest) {
        digest[0] ^= 1;
    }
    *task = (Mainstay__Task)MAINSTAY__TASK__INIT;
    task->key = (ProtobufCBinaryData){.len = 16, .data = key};
    task->instance = (ProtobufCBinaryData){.len = 16, .data = instance};
    task->input_digest = (ProtobufCBinaryData){.len = 32, .data = digest};
    task->attempt = ask->attempt == 0 ? 1 : ask->attempt;
    task->phase = ask->perform ? MAINSTAY__PHASE__PHASE_PERFORM : MAINSTAY__PHASE__PHASE_DECIDE;
    task->action = envelope_text(ask->action);
    task->contract_version =
        envelope_text(ask->contract_version == NULL ? "1.2.3" : ask->contract_version);
    task->input = envelope_bytes(str_of(ask->input));
    task->proposal = envelope_bytes(str_of(ask->proposal));
    task->timeout_ms = ask->timeout_ms;
    task->priority = ask->priority;
    if (ask->named > 0) {
        task_name(task, ask, &real);
        memcpy(digest, real.bytes, 32);
    }
    task->past = ask->looked ? MAINSTAY__PAST__PAST_NONE : MAINSTAY__PAST__PAST_OWN;
}

static void batch_send(struct harness *harness, Mainstay__TaskBatch *batch)
{
    if (harness->addressee != NULL) {
        batch->store_id = envelope_bytes((struct str){(const char *)harness->addressee, 16});
    }
    struct buf buf = BUF_INIT(1 << 20);
    cr_assert_eq(proto_pack(&batch->base, &buf, NULL), ERR_OK);
    intake_message(&harness->runtime, "task.test.main", (struct str){buf.data, buf.size});
    buf_release(&buf);
}

void harness_send(struct harness *harness, const struct ask *asks, size_t count, uint64_t epoch)
{
    Mainstay__TaskBatch batch = MAINSTAY__TASK_BATCH__INIT;
    Mainstay__Task *tasks = calloc(count, sizeof(*tasks));
    Mainstay__Task **list = calloc(count, sizeof(*list));
    uint8_t(*keys)[16] = calloc(count, sizeof(*keys));
    uint8_t(*digests)[32] = calloc(count, sizeof(*digests));
    for (size_t i = 0; i < count; i++) {
        task_fill(&tasks[i], &asks[i], keys[i], digests[i]);
        list[i] = &tasks[i];
    }
    batch.version = 1;
    batch.epoch = epoch;
    batch.n_tasks = count;
    batch.tasks = list;
    batch_send(harness, &batch);
    free(tasks);
    free(list);
    free(keys);
    free(digests);
}

void harness_ask(struct harness *harness, const struct ask *ask)
{
    harness_send(harness, ask, 1, 1);
}

void harness_recall(struct harness *harness, uint8_t key, uint32_t attempt, bool perform)
{
    uint8_t bytes[16];
    memset(bytes, key, sizeof(bytes));
    Mainstay__Recall recall = MAINSTAY__RECALL__INIT;
    Mainstay__Recall *list[] = {&recall};
    Mainstay__TaskBatch batch = MAINSTAY__TASK_BATCH__INIT;
    recall.key = (ProtobufCBinaryData){.len = sizeof(bytes), .data = bytes};
    recall.attempt = attempt;
    recall.phase = perform ? MAINSTAY__PHASE__PHASE_PERFORM : MAINSTAY__PHASE__PHASE_DECIDE;
    recall.instance = recall.key;
    batch.version = 1;
    batch.epoch = 1;
    batch.n_recalls = 1;
    batch.recalls = list;
    batch_send(harness, &batch);
}

void harness_settle(struct harness *harness, uint8_t key)
{
    uint8_t bytes[16];
    memset(bytes, key, sizeof(bytes));
    ProtobufCBinaryData settled[] = {{.len = sizeof(bytes), .data = bytes}};
    Mainstay__TaskBatch batch = MAINSTAY__TASK_BATCH__INIT;
    batch.version = 1;
    batch.epoch = 1;
    batch.n_settled = 1;
    batch.settled = settled;
    batch_send(harness, &batch);
}

void harness_refuse(struct harness *harness, bool refuse)
{
    (void)pthread_mutex_lock(&harness->lock);
    harness->refuse_publish = refuse;
    (void)pthread_mutex_unlock(&harness->lock);
}

struct got harness_wait(struct harness *harness, size_t count)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    int code = 0;
    (void)pthread_mutex_lock(&harness->lock);
    while (harness->result_count < count && code == 0) {
        code = pthread_cond_timedwait(&harness->changed, &harness->lock, &until);
    }
    size_t have = harness->result_count;
    struct got got = have == 0 ? (struct got){0} : harness->results[have - 1];
    (void)pthread_mutex_unlock(&harness->lock);
    cr_assert_geq(have, count, "only %zu of %zu results came", have, count);
    return got;
}

struct got harness_answer(struct harness *harness, const struct ask *ask)
{
    (void)pthread_mutex_lock(&harness->lock);
    size_t have = harness->result_count;
    (void)pthread_mutex_unlock(&harness->lock);
    harness_ask(harness, ask);
    return harness_wait(harness, have + 1);
}
