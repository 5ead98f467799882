#include "tests/sim/agents.h"

#include <stdlib.h>
#include <string.h>

#include "agents/runtime/pool.h"
#include "agents/runtime/runtime.h"
#include "agents/runtime/sender.h"
#include "agents/runtime/tables.h"
#include "agents/runtime/telemetry.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/bus/bus.h"
#include "common/json/doc.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "tests/sim/agent_private.h"
#include "tests/sim/bus_model.h"
#include "tests/sim/effects.h"
#include "tests/sim/stores.h"

#define ACTION(name, phases, effect, more)                                                        \
    "\"" name                                                                                     \
    "\":{\"title\":\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\","        \
    "\"properties\":{\"n\":{\"type\":\"integer\"}}},\"effect\":\"" effect "\",\"phases\":" phases \
    ",\"timeout\":\"PT5S\",\"concurrency\":4" more "}"
#define AGENT(name, actions) \
    "{\"agent\":\"" name "\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{" actions "}}"
/* Effects are undone by the same action under another key. */
#define UNDO     ",\"compensate\":\"work\""
#define DECIDE   "[\"decide\"]"
#define PERFORM  "[\"perform\"]"
#define RATE     ",\"rate\":{\"count\":3,\"per\":\"PT0.1S\"}"
#define COST     ",\"cost\":{\"max\":\"1.00 EUR\"}"
#define PROPOSAL ",\"proposal\":{\"type\":\"object\"}"

const struct agent_kind agent_kinds[] = {
    {"quick", AGENT("quick", ACTION("work", DECIDE, "pure", ",\"quick\":true")), 2, 8},
    {"pure", AGENT("pure", ACTION("work", DECIDE, "pure", ",\"confidence\":\"optional\"")), 1, 3},
    {"keyed", AGENT("keyed", ACTION("work", PERFORM, "keyed", RATE UNDO)), 2, 3},
    {"probed", AGENT("probed", ACTION("work", PERFORM, "probed", COST)), 1, 2},
    {"manual", AGENT("manual", ACTION("work", PERFORM, "manual", UNDO COST)), 1, 2},
    {"both", AGENT("both", ACTION("work", "[\"decide\",\"perform\"]", "keyed", PROPOSAL COST)), 1,
     4},
    {"connector",
     AGENT("connector",
           ACTION("fetch", DECIDE, "pure", "") "," ACTION("send", PERFORM, "keyed", "") "," ACTION(
               "submit", PERFORM, "manual", "") "," ACTION("operate", PERFORM, "probed", "")),
     1, 4},
};
const size_t agent_kind_count = sizeof(agent_kinds) / sizeof(agent_kinds[0]);

enum { AGENTS_MAX = 16, HELLO_FIRST_US = 250000, HELLO_PAUSE_US = 200000 };

struct agents {
    struct sim_agent list[AGENTS_MAX];
    size_t count;
};

/* ---- actions ---- */

static const struct contract_action *promised_of(const struct sim_agent *agent, const char *name)
{
    const struct contract *contract = agent->runtime.contract;
    for (size_t i = 0; i < contract->action_count; i++) {
        if (strcmp(contract->actions[i].name, name) == 0) {
            return &contract->actions[i];
        }
    }
    UNREACHABLE();
}

static enum world_class class_of(const struct sim_agent *agent, const char *action)
{
    switch (promised_of(agent, action)->effect) {
    case EFFECT_PROBED:
        return WORLD_PROBED;
    case EFFECT_MANUAL:
        return WORLD_MANUAL;
    case EFFECT_PURE:
    case EFFECT_KEYED:
    default:
        return WORLD_KEYED;
    }
}

static uint64_t touch(struct sim_agent *agent, const struct agent_task *task)
{
    struct buf input = BUF_INIT(LIMIT_MESSAGE_BYTES);
    buf_append(&input, task->input_text.data, task->input_text.size);
    struct world_call call = {
        .agent = agent->kind->agent,
        .store = agent->store,
        .world_class = class_of(agent, task->action),
        .key = task->key,
        .outside_key = task->idempotency_key,
        .input = input.data,
        .step = task->step,
        .attempt = task->attempt,
    };
    uint64_t number = effects_happen(agent->sim, &call);
    buf_release(&input);
    return number;
}

static void answer(struct agent_reply *reply, uint64_t number)
{
    reply->output = json_pack("{s:I}", "n", (json_int_t)number);
    reply->decision.rule = "sim@1";
}

/* Paid actions say what they cost; now and then more than they promised, or no amount. */
static void answer_paid(struct sim_agent *agent, const struct agent_task *task,
                        struct agent_reply *reply)
{
    static const char *const costs[] = {"0.000001 EUR", "0.25 EUR", "1.00 EUR", NULL,
                                        "0.70 EUR",     "1.30 EUR", "much"};
    struct draw *draw = &agent->sim->draw;
    if (promised_of(agent, task->action)->paid) {
        reply->decision.cost = costs[draw_below(draw, draw_chance(draw, 50) ? 7 : 5)];
    }
}

/* Of an answer of the other side there is a status too; definitions see it. */
static void fail(struct sim_agent *agent, struct agent_reply *reply, enum agent_effect effect)
{
    static const struct {
        uint32_t status;
        enum agent_failure_class failure_class;
    } answers[] = {{404, AGENT_DATA},      {401, AGENT_PERMISSION}, {429, AGENT_TRANSIENT},
                   {503, AGENT_TRANSIENT}, {504, AGENT_TRANSIENT},  {0, AGENT_TRANSIENT}};
    struct draw *draw = &agent->sim->draw;
    if (strcmp(agent->kind->agent, "connector") != 0) {
        agent_fail(reply, (enum agent_failure_class)draw_between(draw, 1, 8), effect, "drawn",
                   "drawn");
        return;
    }
    size_t which = (size_t)draw_below(draw, sizeof(answers) / sizeof(answers[0]));
    agent_fail(reply, answers[which].failure_class, effect, "drawn", "drawn");
    reply->failure.status = answers[which].status;
}

/* Keys are revoked now and then: from one refusal on, all are refused for a while. */
static bool is_refused(struct sim_agent *agent, struct agent_reply *reply, enum agent_effect effect)
{
    enum { REFUSED_US = 3000000 };
    struct sim *sim = agent->sim;
    if (!sim->healed && sim->now_us >= agent->refused_us && draw_chance(&sim->draw, 20)) {
        agent->refused_us = sim->now_us + (int64_t)draw_below(&sim->draw, REFUSED_US);
    }
    bool refused = !sim->healed && sim->now_us < agent->refused_us;
    if (refused) {
        agent_fail(reply, AGENT_PERMISSION, effect, "revoked", "revoked");
    }
    return refused;
}

static void decide(const struct agent_task *task, struct agent_reply *reply)
{
    struct sim_agent *agent = task->user;
    struct sim *sim = agent->sim;
    if (is_refused(agent, reply, AGENT_EFFECT_NONE)) {
        return;
    }
    if (sim_fault(sim, FAULT_AGENT_FAILS)) {
        fail(agent, reply, AGENT_EFFECT_NONE);
        return;
    }
    answer(reply, draw_below(&sim->draw, 5));
    answer_paid(agent, task, reply);
    if (promised_of(agent, task->action)->confidence == CONFIDENCE_OPTIONAL) {
        reply->decision.has_confidence = true;
        reply->decision.confidence = sim->healed ? 1.0 : (double)draw_below(&sim->draw, 11) / 10;
    }
}

/* The effect happened, or not, and the action says so truly or cannot say. */
static void perform_fails(struct sim_agent *agent, const struct agent_task *task,
                          struct agent_reply *reply)
{
    struct sim *sim = agent->sim;
    bool happens = draw_chance(&sim->draw, 300);
    bool sure = draw_chance(&sim->draw, 600);
    if (happens) {
        (void)touch(agent, task);
    }
    uint64_t number = 0;
    bool before =
        effects_happened(sim, agent->kind->agent, task->idempotency_key, &number) && !happens;
    enum agent_effect effect = happens ? AGENT_EFFECT_DONE : AGENT_EFFECT_NONE;
    fail(agent, reply, sure && !before ? effect : AGENT_EFFECT_UNKNOWN);
}

static void perform(const struct agent_task *task, struct agent_reply *reply)
{
    struct sim_agent *agent = task->user;
    struct sim *sim = agent->sim;
    if (agent->dying) { /* a process that is no more does nothing */
        agent_fail(reply, AGENT_CANCELLED, AGENT_EFFECT_NONE, "dead", "dead");
        return;
    }
    uint64_t number = 0;
    bool before = effects_happened(sim, agent->kind->agent, task->idempotency_key, &number);
    if (is_refused(agent, reply, before ? AGENT_EFFECT_UNKNOWN : AGENT_EFFECT_NONE)) {
        return;
    }
    if (sim_fault(sim, FAULT_AGENT_FAILS)) {
        perform_fails(agent, task, reply);
        return;
    }
    answer(reply, touch(agent, task));
    answer_paid(agent, task, reply);
    if (sim_fault(sim, FAULT_AGENT_CRASH_EFFECT)) {
        kv_mem_fail_commit(agent->kv, 1, ERR_IO, false);
    } else if (sim_fault(sim, FAULT_AGENT_CRASH_OUTCOME)) {
        kv_mem_fail_commit(agent->kv, 1, ERR_IO, true);
    }
}

static enum agent_probe_answer probe(const struct agent_task *task, struct agent_reply *reply)
{
    struct sim_agent *agent = task->user;
    uint64_t number = 0;
    if (!agent->sim->healed && draw_chance(&agent->sim->draw, 100)) {
        return AGENT_PROBE_UNKNOWN;
    }
    if (!effects_happened(agent->sim, agent->kind->agent, task->idempotency_key, &number)) {
        return AGENT_PROBE_NOT_DONE;
    }
    answer(reply, number);
    return AGENT_PROBE_DONE;
}

/* ---- life ---- */

static void agent_fatal(struct runtime *runtime, const struct error *err)
{
    (void)err;
    struct sim_agent *agent = runtime->owner;
    agent->dying = true;
    sim_after(agent->sim, 0, agent_die_act, agent, agent->life);
}

static void runtime_fill(struct sim_agent *agent)
{
    static const struct agent_action deciding = {.name = "decides", .decide = decide};
    static const struct agent_action performing = {.name = "performs", .perform = perform};
    static const struct agent_action probing = {
        .name = "probed", .perform = perform, .probe = probe};
    static const struct agent_action both = {.name = "both", .decide = decide, .perform = perform};
    static const struct agent_definition definition = {.name = "sim", .version = "sim"};
    const struct contract *contract = agent->runtime.contract;
    CHECK(contract->action_count <= AGENT_ACTIONS_MAX);
    for (size_t i = 0; i < contract->action_count; i++) {
        const struct contract_action *promised = &contract->actions[i];
        agent->actions[i] = !promised->performs                 ? &deciding
                            : promised->decides                 ? &both
                            : promised->effect == EFFECT_PROBED ? &probing
                                                                : &performing;
    }
    agent->runtime.definition = &definition;
    agent->runtime.store_name = agent->store;
    agent->runtime.actions = agent->actions;
    agent->runtime.user = agent;
    agent->runtime.fatal = agent_fatal;
    agent->runtime.owner = agent;
}

/* Contracts are read once for all seeds. */
static struct contract *contract_of(size_t kind)
{
    static struct contract *contracts[8];
    struct error err = {0};
    if (contracts[kind] == NULL) {
        enum err code =
            agent_contract_parse("sim", agent_kinds[kind].contract,
                                 strlen(agent_kinds[kind].contract), &contracts[kind], &err);
        if (code != ERR_OK) {
            fprintf(stderr, "sim: %s\n", err.message);
        }
        CHECK(code == ERR_OK);
    }
    return contracts[kind];
}

static struct kv_options kv_shape(void)
{
    struct kv_options options;
    outcomes_kv_options(&options);
    return options;
}

void agents_create(struct sim *sim)
{
    struct agents *it = sim_alloc(sim, sizeof(*it));
    sim->agents = it;
    for (size_t kind = 0; kind < agent_kind_count; kind++) {
        for (unsigned k = 0; k < agent_kinds[kind].stores; k++) {
            CHECK(it->count < AGENTS_MAX);
            struct sim_agent *agent = &it->list[it->count++];
            agent->sim = sim;
            agent->kind = &agent_kinds[kind];
            agent->runtime.contract = contract_of(kind);
            (void)snprintf(agent->store, sizeof(agent->store), "s%u", k + 1);
            runtime_fill(agent);
            struct kv_options options = kv_shape();
            agent->kv = store_clone(NULL, &options);
            sim_after(sim, draw_between(&sim->draw, 100, 50000), agent_start_act, agent, 0);
        }
    }
}

void agent_start_act(struct sim *sim, void *what, uint64_t number)
{
    struct sim_agent *agent = what;
    if (agent->up || agent->life != number) {
        return;
    }
    struct error err = {0};
    struct runtime *runtime = &agent->runtime;
    crypto_random(runtime->session, sizeof(runtime->session));
    CHECK(outcomes_create(agent->kv, &runtime->outcomes, &err) == ERR_OK);
    CHECK(tables_create(runtime->outcomes, NULL, &runtime->tables, &err) == ERR_OK);
    runtime->pool = agent_pool_create(agent);
    runtime->sender = agent_sender_create(agent);
    atomic_init(&runtime->hurry, false);
    agent->up = true;
    agent->dying = false;
    agent->accepted = false;
    agent->pull = NULL;
    agent->pause_us = HELLO_PAUSE_US;
    agent->timeout_us = HELLO_FIRST_US;
    sim_trace(sim, agent->kind->agent, agent->life, 0);
    agent_session_connect(agent);
}

void agent_stop(struct sim_agent *agent)
{
    if (!agent->up) {
        return;
    }
    agent->up = false;
    agent->accepted = false;
    agent->life++;
    agent_pool_destroy(agent);
    bus_close(&agent->bus);
    tables_destroy(&agent->runtime.tables);
    outcomes_destroy(&agent->runtime.outcomes);
}

/* Dies at once: with the machine (what was not synced is gone) or alone. */
static void agent_die(struct sim_agent *agent)
{
    struct sim *sim = agent->sim;
    agent_stop(agent);
    kv_mem_fail_commit(agent->kv, 0, ERR_OK, false);
    if (draw_chance(&sim->draw, 500)) {
        kv_mem_crash(agent->kv);
    } else {
        kv_mem_reopen(agent->kv);
    }
    sim_after(sim, draw_between(&sim->draw, 10000, 3000000), agent_start_act, agent, agent->life);
}

void agent_die_act(struct sim *sim, void *what, uint64_t number)
{
    (void)sim;
    struct sim_agent *agent = what;
    if (agent->up && agent->life == number) {
        agent_die(agent);
    }
}

void agents_destroy(struct sim *sim)
{
    for (size_t i = 0; i < sim->agents->count; i++) {
        struct sim_agent *agent = &sim->agents->list[i];
        agent_stop(agent);
        store_close(&agent->kv);
        store_close(&agent->backup);
    }
}

/* ---- disasters ---- */

/* An older store, or none: whoever puts it in place gives it a new id (design: store id). */
static void store_replace(struct sim_agent *agent, struct kv *kv)
{
    agent_die(agent);
    store_close(&agent->kv);
    agent->kv = kv;
    struct kv_batch *batch = kv_batch_create(kv);
    kv_batch_delete(batch, FAMILY_META, STR("store_id"));
    kv_batch_delete(batch, FAMILY_META, STR("format"));
    CHECK(kv_commit(kv, batch, true, NULL) == ERR_OK);
    kv_batch_destroy(&batch);
    effects_agent_forgets(agent->sim, agent->kind->agent);
}

void agents_harm(struct sim *sim)
{
    struct sim_agent *agent = &sim->agents->list[draw_below(&sim->draw, sim->agents->count)];
    struct kv_options options = kv_shape();
    if (!agent->up || agent->dying) {
        return;
    }
    if (agent->backup == NULL && draw_chance(&sim->draw, 100)) {
        agent->backup = store_clone(agent->kv, &options);
    }
    if (sim_fault(sim, FAULT_AGENT_CRASH)) {
        agent_die(agent);
    } else if (sim_fault(sim, FAULT_AGENT_RESTART)) {
        agent_session_goodbye(agent);
        agent_stop(agent);
        sim_after(sim, draw_between(&sim->draw, 10000, 3000000), agent_start_act, agent,
                  agent->life);
    } else if (sim_fault(sim, FAULT_STORE_LOST)) {
        store_replace(agent, store_clone(NULL, &options));
    } else if (agent->backup != NULL && sim_fault(sim, FAULT_STORE_BACKUP)) {
        struct kv *backup = agent->backup;
        agent->backup = NULL;
        store_replace(agent, backup);
    }
}

void agents_restart(struct sim *sim)
{
    for (size_t i = 0; i < sim->agents->count; i++) {
        if (sim->agents->list[i].up) {
            agent_die(&sim->agents->list[i]);
        }
    }
}

bool agents_idle(const struct sim *sim)
{
    for (size_t i = 0; i < sim->agents->count; i++) {
        const struct sim_agent *agent = &sim->agents->list[i];
        if (!agent->up || !agent->accepted || agent->dying || agent->job_count > 0) {
            return false;
        }
    }
    return true;
}

const struct sim_agent *agents_other(const struct sim_agent *agent)
{
    const struct agents *it = agent->sim->agents;
    return &it->list[((size_t)(agent - it->list) + 1) % it->count];
}

/* ---- in place of metrics ---- */

void telemetry_task(struct telemetry *telemetry, size_t index, Mainstay__ResultStatus status,
                    int64_t ran_ns)
{
    (void)telemetry;
    (void)index;
    (void)status;
    (void)ran_ns;
}

void telemetry_outcome(struct telemetry *telemetry)
{
    (void)telemetry;
}

void telemetry_message(struct telemetry *telemetry, size_t bytes_in)
{
    (void)telemetry;
    (void)bytes_in;
}

void telemetry_dead_letter(struct telemetry *telemetry)
{
    (void)telemetry;
}

void telemetry_dropped(struct telemetry *telemetry)
{
    (void)telemetry;
}
