/*
 * Workers and sender of an agent, in place of agents/runtime/pool.c and sender.c: the same answers
 * to the same questions, without threads. Lies are told here, because they leave with the results.
 */
#include <string.h>

#include "agents/runtime/pool.h"
#include "agents/runtime/sender.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/store/kv_mem.h"
#include "common/wire/proto_arena.h"
#include "tests/sim/agent_private.h"
#include "tests/sim/effects.h"

enum {
    SENDER_AGAIN_US = 1000000,
    LIE_TOKEN = 0,
    HEAD_BYTES = 64, /* of a ResultBatch, and of a result in it: at most */
    ITEM_BYTES = 8
};

struct pool {
    struct sim_agent *agent;
};

/* One ResultBatch under way. */
struct sender_chunk {
    struct sender_chunk *next;
    struct sim_agent *agent;
    uint64_t life;
    uint64_t token;
    bool stored;
    Mainstay__ResultBatch batch;
    ProtobufCBinaryData packed[LIMIT_BATCH_TASKS]; /* results, or letters */
    bool is_letter[LIMIT_BATCH_TASKS];
    size_t count;
    size_t bytes; /* of the message, at most */
};

struct sender {
    struct sim_agent *agent;
    struct sender_chunk *open;
    struct sender_chunk *full; /* leave with it, before it */
    struct sender_chunk *flying;
    uint64_t tokens;
};

/* ---- workers ---- */

struct pool *agent_pool_create(struct sim_agent *agent)
{
    struct pool *pool = sim_alloc(agent->sim, sizeof(*pool));
    pool->agent = agent;
    return pool;
}

static bool same_name(const struct job *job, const struct outcome_name *name)
{
    return memcmp(job->name.key, name->key, sizeof(name->key)) == 0 &&
           job->name.phase == name->phase;
}

static struct job *job_find(const struct sim_agent *agent, const struct outcome_name *name)
{
    for (size_t i = 0; i < agent->job_count; i++) {
        if (same_name(agent->jobs[i], name)) {
            return agent->jobs[i];
        }
    }
    return NULL;
}

static void job_forget(struct sim_agent *agent, const struct job *job)
{
    for (size_t i = 0; i < agent->job_count; i++) {
        if (agent->jobs[i] == job) {
            agent->jobs[i] = agent->jobs[--agent->job_count];
            return;
        }
    }
}

void agent_pool_destroy(struct sim_agent *agent)
{
    for (size_t i = 0; i < agent->job_count; i++) {
        job_done(agent->jobs[i]);
    }
    agent->job_count = 0;
}

struct run {
    struct sim_agent *agent;
    struct job *job;
};

static bool job_lives(const struct run *run, uint64_t life)
{
    struct sim_agent *agent = run->agent;
    if (!agent->up || agent->dying || agent->life != life) {
        return false;
    }
    for (size_t i = 0; i < agent->job_count; i++) {
        if (agent->jobs[i] == run->job) {
            return true;
        }
    }
    return false;
}

/* As the watchdog of pool.c does. */
static void overdue_act(struct sim *sim, void *what, uint64_t number)
{
    (void)sim;
    struct run *run = what;
    if (!job_lives(run, number) || run->job->timed_out) {
        return;
    }
    run->job->timed_out = true;
    atomic_store(&run->job->cancelled, true);
    struct buf result = BUF_INIT(LIMIT_MESSAGE_BYTES);
    result_timeout(run->job, &result);
    sender_add(run->agent->runtime.sender, (struct str){result.data, result.size});
    buf_release(&result);
}

/* With a store that may refuse the first thing that is written: intent, decision or outcome. */
static void execute_harmed(struct sim_agent *agent, struct job *job, struct buf *result)
{
    bool refused = sim_fault_draw(agent->sim, FAULT_WRITE_FAILS);
    if (refused) {
        kv_mem_fail_commit(agent->kv, 1, ERR_IO, false);
    }
    (void)execute(&agent->runtime, job, result);
    if (refused && agent->dying) {
        sim_fault_count(agent->sim, FAULT_WRITE_FAILS);
    } else if (refused) { /* there was nothing to write */
        kv_mem_fail_commit(agent->kv, 0, ERR_OK, false);
    }
}

static void finish_act(struct sim *sim, void *what, uint64_t number)
{
    (void)sim;
    struct run *run = what;
    if (!job_lives(run, number)) {
        return;
    }
    struct sim_agent *agent = run->agent;
    struct buf result = BUF_INIT(LIMIT_MESSAGE_BYTES);
    execute_harmed(agent, run->job, &result);
    if (agent->dying) { /* what was under way goes with the process */
        buf_release(&result);
        return;
    }
    bool late = run->job->timed_out;
    job_forget(agent, run->job);
    if (result.size > 0 && !(late && job_effect(run->job) == EFFECT_PURE)) {
        sender_add(agent->runtime.sender, (struct str){result.data, result.size});
    }
    buf_release(&result);
    job_done(run->job);
}

static void start_act(struct sim *sim, void *what, uint64_t number)
{
    struct run *run = what;
    if (!job_lives(run, number)) {
        return;
    }
    struct job *job = run->job;
    int64_t limit_us = (int64_t)job_timeout_ms(job) * 1000;
    job->running = true;
    job->started_ns = sim->now_us * 1000;
    job->deadline_ns = job->started_ns + limit_us * 1000;
    int64_t takes_us = draw_between(&sim->draw, 200, 30000);
    if (sim_fault(sim, FAULT_AGENT_SLOW)) {
        takes_us = draw_between(&sim->draw, limit_us / 2, 4 * limit_us);
    }
    if (takes_us >= limit_us) {
        sim_after(sim, limit_us, overdue_act, run, number);
    }
    sim_after(sim, takes_us, finish_act, run, number);
}

enum pool_answer pool_submit(struct pool *pool, struct job *job)
{
    struct sim_agent *agent = pool->agent;
    struct sim *sim = agent->sim;
    if (job_find(agent, &job->name) != NULL) {
        return POOL_HERE;
    }
    if (agent->job_count == AGENT_JOBS_MAX || agent->dying) {
        return POOL_FULL;
    }
    agent->jobs[agent->job_count++] = job;
    struct run *run = sim_alloc(sim, sizeof(*run));
    *run = (struct run){.agent = agent, .job = job};
    sim_after(sim, draw_between(&sim->draw, 10, 2000), start_act, run, agent->life);
    return POOL_TAKEN;
}

enum pool_recall pool_recall(struct pool *pool, const struct outcome_name *name,
                             struct job **ret_job)
{
    struct job *job = job_find(pool->agent, name);
    if (job == NULL) {
        return RECALL_UNKNOWN;
    }
    if (job->running || job->name.attempt > name->attempt) {
        return RECALL_RUNNING;
    }
    job_forget(pool->agent, job);
    *ret_job = job;
    return RECALL_TAKEN;
}

/* ---- sender ---- */

struct sender *agent_sender_create(struct sim_agent *agent)
{
    struct sender *sender = sim_alloc(agent->sim, sizeof(*sender));
    sender->agent = agent;
    return sender;
}

static struct sender_chunk *chunk_create(struct sim_agent *agent)
{
    struct sender_chunk *chunk = sim_alloc(agent->sim, sizeof(*chunk));
    chunk->agent = agent;
    chunk->life = agent->life;
    chunk->bytes = HEAD_BYTES;
    return chunk;
}

static bool chunk_has_room(const struct sender_chunk *chunk, struct str packed)
{
    return chunk->count < LIMIT_BATCH_TASKS &&
           chunk->bytes + ITEM_BYTES + packed.size <= LIMIT_MESSAGE_BYTES;
}

static void chunk_append(struct sender_chunk *chunk, struct str packed, bool is_letter)
{
    chunk->bytes += ITEM_BYTES + packed.size;
    chunk->is_letter[chunk->count] = is_letter;
    chunk->packed[chunk->count++] = (ProtobufCBinaryData){
        .len = packed.size, .data = sim_copy(chunk->agent->sim, packed.data, packed.size)};
}

static void length_append(struct buf *out, uint8_t tag, ProtobufCBinaryData packed)
{
    buf_append_byte(out, tag);
    size_t left = packed.len;
    for (; left >= 0x80; left >>= 7) {
        buf_append_byte(out, (uint8_t)(left | 0x80));
    }
    buf_append_byte(out, (uint8_t)left);
    buf_append(out, packed.data, packed.len);
}

static void head_append(struct sim_agent *agent, struct buf *out)
{
    Mainstay__ResultBatch head = MAINSTAY__RESULT_BATCH__INIT;
    head.version = ENVELOPE_VERSION;
    head.session =
        envelope_bytes((struct str){(const char *)agent->runtime.session, ENVELOPE_ID_BYTES});
    head.store_id = envelope_bytes(
        (struct str){(const char *)outcomes_store_id(agent->runtime.outcomes), ENVELOPE_ID_BYTES});
    CHECK(proto_pack(&head.base, out, NULL) == ERR_OK);
}

static void results_publish(struct sim_agent *agent, const ProtobufCBinaryData *packed,
                            const bool *is_letter, size_t count, uint64_t token)
{
    struct buf body = BUF_INIT(LIMIT_MESSAGE_BYTES);
    struct error err = {0};
    head_append(agent, &body);
    for (size_t i = 0; i < count; i++) {
        length_append(&body, is_letter[i] ? (5 << 3) | 2 : (4 << 3) | 2, packed[i]);
    }
    if (agent_session_publish(agent, (struct str){body.data, body.size}, token, &err) != ERR_OK &&
        token != LIE_TOKEN) {
        agent_results_stored(agent, token, false);
    }
    buf_release(&body);
}

/* ---- lies ---- */

static const uint8_t lie_output[] = "{\"lie\":1}";

static void lie_tell(struct sim_agent *agent, Mainstay__Result *result, const uint8_t *output)
{
    if (output != NULL) {
        result->status = MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE;
        result->output = (ProtobufCBinaryData){.len = strlen((const char *)output),
                                               .data = (uint8_t *)(uintptr_t)output};
        result->failure = NULL;
    }
    struct buf packed = BUF_INIT(LIMIT_MESSAGE_BYTES);
    CHECK(proto_pack(&result->base, &packed, NULL) == ERR_OK);
    ProtobufCBinaryData data = {.len = packed.size, .data = (uint8_t *)packed.data};
    bool is_letter = false;
    results_publish(agent, &data, &is_letter, 1, LIE_TOKEN);
    buf_release(&packed);
}

/* Say beside a true result what is not true. Another output instead of the true one is told by
 * returning true: then the true one is not sent. */
static bool lies(struct sim_agent *agent, struct str packed)
{
    struct sim *sim = agent->sim;
    bool digest = sim_fault_draw(sim, FAULT_LIE_DIGEST);
    bool attempt = sim_fault_draw(sim, FAULT_LIE_ATTEMPT);
    bool other = agents_other(agent)->truth != NULL && sim_fault(sim, FAULT_LIE_OTHER);
    bool bytes = sim_fault(sim, FAULT_LIE_BYTES);
    bool output = sim_fault_draw(sim, FAULT_LIE_OUTPUT);
    if (other) {
        packed = (struct str){agents_other(agent)->truth, agents_other(agent)->truth_size};
        output = false;
    }
    if (bytes) {
        struct error err = {0};
        (void)!agent_session_publish(agent, STR("\x08\x01\x22\xFFrubbish"), LIE_TOKEN, &err);
    }
    if (!digest && !attempt && !other && !output) {
        return false;
    }
    struct arena *arena = arena_create(1024 * 1024);
    ProtobufCMessage *message = NULL;
    CHECK(arena != NULL);
    CHECK(proto_unpack(&mainstay__result__descriptor, packed, &proto_limits_bus, arena, &message,
                       NULL) == ERR_OK);
    Mainstay__Result *result = (Mainstay__Result *)message;
    effects_lied(sim, result->key.data);
    if (digest) {
        sim_fault_count(sim, FAULT_LIE_DIGEST);
        result->input_digest.data[0] ^= 1;
    } else if (attempt) {
        sim_fault_count(sim, FAULT_LIE_ATTEMPT);
        result->attempt += 100;
    }
    bool breaks = output && !digest && !attempt && !other &&
                  result->status == MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE;
    if (breaks) {
        sim_fault_count(sim, FAULT_LIE_OUTPUT);
        lie_tell(agent, result, (const uint8_t *)"{\"n\":\"lie\"}");
    } else if (digest || attempt || other) {
        lie_tell(agent, result, lie_output);
    }
    arena_destroy(&arena);
    return breaks;
}

static void truth_keep(struct sim_agent *agent, struct str packed)
{
    agent->truth = sim_copy(agent->sim, packed.data, packed.size);
    agent->truth_size = packed.size;
}

/* ---- out they go ---- */

static void chunk_publish(struct sender *sender, struct sender_chunk *chunk)
{
    chunk->token = ++sender->tokens;
    chunk->next = sender->flying;
    sender->flying = chunk;
    results_publish(sender->agent, chunk->packed, chunk->is_letter, chunk->count, chunk->token);
}

static void flush_act(struct sim *sim, void *what, uint64_t number)
{
    (void)sim;
    struct sim_agent *agent = what;
    if (!agent->up || agent->dying || agent->life != number) {
        return;
    }
    struct sender *sender = agent->runtime.sender;
    struct sender_chunk *full = sender->full;
    struct sender_chunk *chunk = sender->open;
    sender->full = NULL;
    sender->open = NULL;
    struct error err = {0};
    if (outcomes_sync(agent->runtime.outcomes, &err) != ERR_OK) {
        agent->runtime.fatal(&agent->runtime, &err);
        return;
    }
    while (full != NULL) {
        struct sender_chunk *next = full->next;
        chunk_publish(sender, full);
        full = next;
    }
    if (chunk != NULL) {
        chunk_publish(sender, chunk);
    }
}

static void chunk_fill(struct sender *sender)
{
    struct sender_chunk **last = &sender->full;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = sender->open;
    sender->open = chunk_create(sender->agent);
}

static void add(struct sender *sender, struct str packed, bool is_letter)
{
    struct sim_agent *agent = sender->agent;
    if (agent->dying) {
        return;
    }
    if (!is_letter) {
        truth_keep(agent, packed);
        if (lies(agent, packed)) {
            return; /* redelivery and redispatch get the truth out of it */
        }
    }
    if (sender->open == NULL) {
        sender->open = chunk_create(agent);
        sim_after(agent->sim, draw_between(&agent->sim->draw, 5, 300), flush_act, agent,
                  agent->life);
    } else if (!chunk_has_room(sender->open, packed)) {
        chunk_fill(sender);
    }
    chunk_append(sender->open, packed, is_letter);
}

void sender_add(struct sender *sender, struct str packed_result)
{
    add(sender, packed_result, false);
}

void sender_add_dead_letter(struct sender *sender, struct str packed_letter)
{
    add(sender, packed_letter, true);
}

void sender_chunk_add(struct sender *sender, struct sender_chunk **chunk, struct str packed_result)
{
    if (*chunk != NULL && !chunk_has_room(*chunk, packed_result)) {
        sender_chunk_end(sender, chunk);
    }
    if (*chunk == NULL) {
        *chunk = chunk_create(sender->agent);
    }
    chunk_append(*chunk, packed_result, false);
}

void sender_chunk_end(struct sender *sender, struct sender_chunk **chunk)
{
    if (*chunk != NULL && !sender->agent->dying) {
        chunk_publish(sender, *chunk);
    }
    *chunk = NULL;
}

static void again_act(struct sim *sim, void *what, uint64_t number)
{
    (void)sim;
    struct sender_chunk *chunk = what;
    struct sim_agent *agent = chunk->agent;
    if (agent->up && !agent->dying && agent->life == chunk->life && chunk->token == number) {
        chunk_publish(agent->runtime.sender, chunk);
    }
}

void agent_results_stored(struct sim_agent *agent, uint64_t token, bool stored)
{
    struct sender_chunk **at = &agent->runtime.sender->flying;
    while (*at != NULL && (*at)->token != token) {
        at = &(*at)->next;
    }
    struct sender_chunk *chunk = *at;
    if (chunk == NULL) {
        return;
    }
    *at = chunk->next;
    if (!stored && agent->up) {
        sim_after(agent->sim, SENDER_AGAIN_US, again_act, chunk, token);
    }
}
