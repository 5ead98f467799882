/*
 * What the files of the runtime share: the agent under way, and one task on its way through it.
 * Only this folder and its tests include it.
 */
#ifndef AGENTS_RUNTIME_RUNTIME_H
#define AGENTS_RUNTIME_RUNTIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agents/runtime/agent.h"
#include "agents/runtime/contract.h"
#include "agents/runtime/outcomes.h"
#include "common/base/limits.h"
#include "common/wire/blob.h"
#include "common/wire/envelope.h"

struct arena;
struct outcomes;
struct pool;
struct sender;
struct tables;
struct telemetry;

enum {
    RESULT_BYTES_MAX = LIMIT_MESSAGE_BYTES - 4096, /* one packed Result, so that a batch takes it */
    BUNDLE_ARENA_BYTES = 16 * 1024 * 1024,         /* what one task message may cost unpacked */
    TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000,
    TIMEOUT_MS_UNKNOWN = 60 * 1000 /* to find out that there is no such action */
};

struct runtime {
    const struct agent_definition *definition;
    const char *store_name;
    struct contract *contract;
    const struct agent_action **actions; /* by index of the contract's actions */
    struct outcomes *outcomes;
    struct tables *tables;
    struct sender *sender;
    struct pool *pool; /* NULL: everything runs where it is received */
    struct telemetry *telemetry;
    void *user;          /* the agent's own */
    const char *secrets; /* directory */
    uint8_t session[ENVELOPE_ID_BYTES];
    atomic_bool hurry; /* running actions are told to stop */
    atomic_bool blobs; /* the coordinator asks for outputs that are not in messages */
    blob_ask_fn *ask;  /* the coordinator, for inputs that are not in messages; NULL: nobody */
    void *ask_user;
    void (*fatal)(struct runtime *runtime, const struct error *err);
    void *owner; /* of `fatal` */
};

/* One received message; lives until its last job is done. Only the thread that took it in allocates
 * from its arena; the jobs read what is there. */
struct bundle {
    struct arena *arena;
    atomic_size_t references;
};

/* One task on its way. Lives in its bundle's arena. */
struct job {
    struct job *next; /* private to the pool */
    struct bundle *bundle;
    Mainstay__Task *task;
    const struct contract_action *contract; /* NULL: no such action */
    const struct agent_action *action;
    struct outcome_name name;
    int64_t started_ns;
    int64_t deadline_ns;
    atomic_bool cancelled;
    bool running;   /* private to the pool */
    bool timed_out; /* private to the pool: a result for this attempt is already on its way */
};

struct bundle *bundle_create(void);
void bundle_hold(struct bundle *bundle);
void bundle_drop(struct bundle *bundle);

/* A job for `task` of `bundle`, which it holds until job_done. NULL without memory. */
struct job *job_create(const struct runtime *runtime, struct bundle *bundle, Mainstay__Task *task);
void job_done(struct job *job);

/* How much of an action's contract applies in a phase: `decide` has no effect. */
enum effect_class job_effect(const struct job *job);

/* Whether outcomes of this job are kept in the table. */
bool job_is_kept(const struct job *job);

/* The timeout of a job in milliseconds. */
uint64_t job_timeout_ms(const struct job *job);

/* ---- execute.c ---- */

/*
 * Do the whole of one task on this thread: look for an earlier outcome, check it against the
 * contract, run the phase, check the answer, keep the outcome. The packed Result replaces the
 * content of `ret_result`; its status is returned. When the store failed runtime->fatal was called,
 * `ret_result` is empty and the status is unspecified.
 */
Mainstay__ResultStatus execute(struct runtime *runtime, struct job *job, struct buf *ret_result);

/* ---- recall.c ---- */

/* The answer to a recall of something that is not running, durable after the next sync. */
void execute_recall(struct runtime *runtime, const struct outcome_name *name, bool kept,
                    const Mainstay__Task *task, struct buf *ret_result);

/* ---- result.c ---- */

/* A Result with the echo of `task` (NULL: only the name). */
void result_init(Mainstay__Result *result, const struct outcome_name *name,
                 const Mainstay__Task *task);

/* Pack into an empty `ret_result`; a result that is too big becomes a contract failure. */
void result_pack(const Mainstay__Result *result, struct buf *ret_result);

/* The stored result again, under the name that was asked. `arena` may be NULL. */
void result_stored(struct runtime *runtime, const struct outcome *row,
                   const struct outcome_name *name, const Mainstay__Task *task, struct arena *arena,
                   struct buf *ret_result);

/* RUNNING, or the failure of a task that passed its time while it still runs. */
void result_running(const struct job *job, struct buf *ret_result);
void result_timeout(const struct job *job, struct buf *ret_result);

/* ---- intake.c ---- */

/* Take one message of `subject`: settle, recall, run or queue what it holds. What cannot be read is
 * reported as a dead letter. Call from one thread. */
void intake_message(struct runtime *runtime, const char *subject, struct str body);

#endif
