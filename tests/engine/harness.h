/*
 * The engine under a virtual clock, with a store in memory, a scripted agent and a trace.
 *
 * A scenario is a function that asks and answers; `harness_run` plays it four times: plainly twice,
 * with a restart after every turn, and with every result delivered twice. The goldens in the
 * scenario hold in all of them, the end states are the same, and after every turn the properties of
 * harness_check hold. `again` orders and repeated evaluations are not traced: a restart adds them.
 */
#ifndef TESTS_ENGINE_HARNESS_H
#define TESTS_ENGINE_HARNESS_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/crypto/crypto.h"
#include "common/json/doc.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/engine.h"
#include "coordinator/tables/tables.h"
#include "coordinator/turn.h"

enum { HARNESS_INSTANCES = 256, HARNESS_TASKS = 4096, HARNESS_GATES = 4096 };

/* A task that some store was given. */
struct sent {
    struct id instance;
    uint32_t frame;
    struct id key;
    uint32_t attempt;
    enum phase phase;
    struct digest input_digest;
    char step[160];
    char agent[65];
    char store[65];
    char *input;
    char *proposal; /* NULL: none */
    unsigned again; /* times it was sent once more */
    enum past past;
    int64_t created_ms;
    bool answered;
};

/* An expression that mainstay-jq was asked for. */
struct asked {
    struct id instance;
    uint32_t frame;
    uint32_t expr;
    bool answered;
};

struct harness {
    struct kv *kv;
    struct turn *turn;
    struct turn_options options;
    int64_t start_ms;
    int64_t now;
    int64_t apart_ms; /* what the wall clock is ahead of the time that passed */
    int64_t traced_now;
    struct buf trace;
    bool restarts; /* close and open again after every turn */
    bool doubles;  /* every result is delivered twice */
    bool untraced;
    bool cut; /* a restart may cut the walk into other turns: the end states differ */
    struct id instances[HARNESS_INSTANCES]; /* in order of their start */
    struct digest definitions[HARNESS_INSTANCES];
    size_t instance_count;
    struct sent sent[HARNESS_TASKS];
    size_t sent_count;
    struct asked asked[HARNESS_TASKS];
    size_t asked_count;
    struct id gates[HARNESS_GATES];
    size_t gate_count;
    uint64_t sequence; /* journal batches traced so far */
    uint64_t requests;
    bool failing; /* a commit may fail: the turn is given up and asked again after opening anew */
    unsigned failures;
    unsigned recalls;
    unsigned settled;
    enum err reply; /* of the last command */
    enum event_outcome outcome;
};

typedef void scenario_fn(struct harness *h);

/* Play a scenario in all ways and compare. */
void harness_run(scenario_fn *scenario);

/* SCENARIO(suite, name) { ... }: a Criterion test that plays the block, which sees `h`. */
#define SCENARIO(suite, name)                   \
    static void name##_play(struct harness *h); \
    Test(suite, name)                           \
    {                                           \
        harness_run(name##_play);               \
    }                                           \
    static void name##_play(struct harness *h)

/* Single plays, for tests that count what a restart changes. */
struct harness *harness_create(void);
void harness_destroy(struct harness **h);

/* Compare what was traced since the last time. */
void harness_expect(struct harness *h, const char *file, int line, const char *golden);
#define EXPECT(golden) harness_expect(h, __FILE__, __LINE__, golden)
void forget_trace(struct harness *h);

/* Each is one turn. */
void deploy(struct harness *h, const char *text);
enum err deploy_try(struct harness *h, const char *text);
void deploy_tasks(struct harness *h, const char *tasks); /* body of `do`, as test/flow:1.0.0 */
void hello(struct harness *h, const char *contract, const char *store, uint32_t capacity);
void hello_session(struct harness *h, const char *contract, const char *store, uint32_t capacity,
                   uint8_t session);
/* Of a store with another id than the 9 of all others: its disk is another one. */
void hello_id(struct harness *h, const char *contract, const char *store, uint32_t capacity,
              uint8_t session, uint8_t store_id);
void leave(struct harness *h, const char *agent, const char *store);
void start(struct harness *h, const char *definition, const char *input);
void run(struct harness *h, const char *input); /* test/flow */
void event(struct harness *h, const char *type, const char *id, const char *data);
void event_text(struct harness *h, const char *envelope);

/* The same as a command, of type a and id 1, to be changed before it is given. *ret_envelope is the
 * caller's. */
struct command event_of_text(const char *envelope, struct doc **ret_envelope);
void done(struct harness *h, const char *step, const char *output);
void done_sure(struct harness *h, const char *step, const char *output, uint32_t confidence_ppm);
void done_paid(struct harness *h, const char *step, const char *output, const char *cost);
void fail(struct harness *h, const char *step, enum failure_class failure, enum effect_mark mark);
/* A transient failure without an effect, and what it cost all the same. */
void fail_paid(struct harness *h, const char *step, const char *cost);
void answer(struct harness *h, const char *step, enum result_status status);
void evaluated(struct harness *h, const char *value, const char *error);
void verdict(struct harness *h, uint32_t verdict, const char *value); /* on the newest gate */
void cancel(struct harness *h, size_t instance);
void operate(struct harness *h, enum operation operation, size_t instance);
void policy(struct harness *h, const char *text);

/* The start of a coordinator. */
void program(struct harness *h, const char *name, const char *profile);
/* The first instance goes back to the newest entry of a step of its top list (points.c). */
void rewind_to(struct harness *h, const char *step);
void rewind_forced(struct harness *h, const char *step);

/* Another instance begins where that one entered a step of its top list last (points.c). */
void fork_from(struct harness *h, size_t instance, const char *step);

/* The points that the first instance can go back to, by name. */
void points_expect(struct harness *h, const char *golden);

/* What the journals of open instances say of their data and contexts is so. */
void points_check(struct harness *h);
void lost(struct harness *h, const char *store, bool force);
void advance(struct harness *h, int64_t ms);
void tick(struct harness *h); /* a turn without commands */

/* The newest task of the step that has no answer; "i2:/do/0/x" names the instance too. */
struct sent *task(struct harness *h, const char *step);

/* A result of a task, to be changed before it is given. Its docs are the caller's. */
struct result_command result_of(const struct sent *sent, enum result_status status);
void give(struct harness *h, const struct result_command *result);

/* The same in plays where everything comes twice, too: for what is kept each time. */
void give_once(struct harness *h, const struct result_command *result);

/* Turns by hand, for several commands in one. */
void harness_begin(struct harness *h);
void harness_command(struct harness *h, const struct command *command);
bool harness_end(struct harness *h);                                 /* false: the commit failed */
void harness_turn(struct harness *h, const struct command *command); /* all three */
void harness_restart(struct harness *h);
void harness_open(struct harness *h);
void harness_close(struct harness *h);

/* Invariants, queues, and no residue when nothing is open. */
void harness_check(struct harness *h);

/* Replay the journal into an empty store: the same tables. */
void harness_replay(struct harness *h);

size_t table_rows(struct harness *h, char table);
size_t open_instances(struct harness *h);

/* trace.c */
void trace_batch(struct harness *h, const struct journal_batch *batch);
void trace_order(struct harness *h, const struct order *order);

/* A contract of one action. */
#define CONTRACT(agent, version, action, phases, effect)                                          \
    "{\"agent\":\"" agent "\",\"version\":\"" version "\",\"title\":\"t\",\"actions\":{\"" action \
    "\":{\"title\":\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\","        \
    "\"properties\":{\"n\":{\"type\":\"integer\"}}},\"proposal\":{\"type\":\"object\"},"          \
    "\"effect\":\"" effect "\",\"phases\":" phases ",\"timeout\":\"PT5S\",\"concurrency\":64}}}"
#define PURE   CONTRACT("worker", "1.0.0", "work", "[\"decide\"]", "pure")
#define KEYED  CONTRACT("worker", "1.0.0", "work", "[\"perform\"]", "keyed")
#define MANUAL CONTRACT("worker", "1.0.0", "work", "[\"perform\"]", "manual")
#define PROBED CONTRACT("worker", "1.0.0", "work", "[\"perform\"]", "probed")
#define BOTH   CONTRACT("worker", "1.0.0", "work", "[\"decide\",\"perform\"]", "keyed")

#endif
