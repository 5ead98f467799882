/*
 * The one header an agent is written against.
 *
 * An agent is a contract file (contract.md), a const table of actions, and one function per action.
 * agent_main() does the rest: options, bus, hello, contract checks, the outcome table that makes a
 * repeated task harmless, workers, deadlines, recall, drain, metrics.
 *
 * What an action may rely on:
 * - its input, and the proposal of `perform`, fit the schemas of the contract;
 * - it runs for one (key, phase) at a time, and never again once it has succeeded (`pure` work,
 * which nobody can see, may run again);
 * - what it writes through `task->store` is committed in the same batch as its outcome: both
 *   survive a crash or neither does.
 * What is relied on: an action returns soon after agent_task_cancelled() turns true, and says truly
 * whether its effect happened when it fails.
 *
 * Threads: actions run on worker threads, up to the contract's `concurrency` of each at once;
 * `quick` actions run on the thread that receives tasks. A task and its reply belong to the thread
 * that runs the action.
 */
#ifndef AGENTS_RUNTIME_AGENT_H
#define AGENTS_RUNTIME_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/json/json.h"

struct agent_setup;
struct agent_store;
struct buf;

enum { AGENT_KEY_BYTES = 16 };

/* What is asked. Everything is borrowed until the action returns and is not to be changed. */
struct agent_task {
    const char *action;
    json_t *input;                /* fits the action's input schema */
    struct str input_text;        /* the same as received */
    json_t *proposal;             /* perform after decide: the approved proposal; else NULL */
    uint8_t key[AGENT_KEY_BYTES]; /* names the effect; the same in every attempt */
    const char *idempotency_key;  /* what the outside world may see of it; never empty */
    const char *step;             /* for people: where in the process this is asked */
    const char *traceparent;      /* W3C Trace Context; may be empty */
    uint32_t attempt;             /* 1, 2, ... */
    uint64_t timeout_ms;          /* from the start of the action */
    struct agent_store *store;    /* this agent's own tables, scoped to this task */
    void *user;                   /* what the definition's `open` returned */
    void *runtime;                /* private */
};

/* Whether to stop: the time is over, a pure task was recalled, or the agent is stopping and will
 * not wait any longer. */
bool agent_task_cancelled(const struct agent_task *task);

/* Milliseconds left of the timeout; 0 when it is over. */
uint64_t agent_task_left_ms(const struct agent_task *task);

/* ---- secrets ---- */

/*
 * The input with the secrets in place that the definition passes (use.secrets), from this agent's
 * own files: a new reference, NULL with the failure in `reply`. task->input holds the definition's
 * text instead, and is what may be shown and repeated.
 *
 * Every text of a secret that was handed out is replaced by "[secret NAME]" in what the task
 * answers, its failure included; texts under four bytes are not looked for.
 */
struct agent_reply;
json_t *agent_unseal(const struct agent_task *task, struct agent_reply *reply);

/* Keep another text out of the answer: what was made of a secret, or is one. Copied. */
void agent_hide(const struct agent_task *task, const char *name, const char *text);

/* Replace what is to be kept out in bytes that the answer will hold in another form. */
void agent_redact(const struct agent_task *task, struct buf *bytes);

/* Classes and marks of proto/result.proto, with the same numbers. */
enum agent_failure_class {
    AGENT_TRANSIENT = 1,  /* try again later: refused connection, 429, 503 */
    AGENT_DATA = 2,       /* the input is wrong: a person must repair the field at `pointer` */
    AGENT_PERMISSION = 3, /* 401, 403, revoked key */
    AGENT_CONTRACT = 4,   /* this agent cannot keep its contract */
    AGENT_QUALITY = 5,    /* done, but not good enough to be used unseen */
    AGENT_BUDGET = 6,     /* would cost more than granted */
    AGENT_IN_DOUBT = 7,   /* nobody knows whether the effect happened */
    AGENT_CANCELLED = 8   /* stopped because agent_task_cancelled() said so */
};
enum agent_effect { AGENT_EFFECT_NONE = 1, AGENT_EFFECT_UNKNOWN = 2, AGENT_EFFECT_DONE = 3 };

/* How an output came about. Texts may be NULL; they are read after the action has returned, so they
 * are literals or from agent_text(). */
struct agent_decision {
    const char *rule;    /* rule or procedure and its version: "x12-210@1.0.0" */
    const char *model;   /* model and version when one was asked */
    bool has_confidence; /* required, optional or absent as the contract says */
    double confidence;   /* 0..1 */
    json_t *explanation; /* owned by the reply: inputs that mattered, alternatives, findings */
    const char *cost;    /* "0.0021 USD"; NULL when free. Paid work is never paid twice */
};

/* Why there is no output. Texts as above. */
struct agent_failure {
    enum agent_failure_class failure_class; /* 0: no failure */
    enum agent_effect effect;
    const char *code;    /* stable short name: "unreadable-document" */
    const char *title;   /* one sentence for a person */
    const char *detail;  /* what, where, why, what to do */
    const char *pointer; /* JSON pointer of the offending field of the input */
    json_t *correction;  /* owned by the reply: a complete corrected input to offer */
    uint32_t status;     /* HTTP-like status when the world gave one */
    uint64_t retry_after_ms;
};

/* What is answered: an output, or a failure when failure.failure_class is set. Starts zeroed. */
struct agent_reply {
    json_t *output; /* owned by the reply; from decide before perform: the proposal */
    struct agent_decision decision;
    struct agent_failure failure;
    void *runtime; /* private */
};

/* Text that lives as long as the reply; the empty text when memory is short. */
const char *agent_text(struct agent_reply *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fail with the four things every failure needs; further members may be set after it. */
void agent_fail(struct agent_reply *reply, enum agent_failure_class failure_class,
                enum agent_effect effect, const char *code, const char *title);

/* The phases of an action. `decide` proposes and touches nothing; `perform` is the effect. */
typedef void agent_decide_fn(const struct agent_task *task, struct agent_reply *reply);
typedef void agent_perform_fn(const struct agent_task *task, struct agent_reply *reply);

/* Asked for effect class `probed` when it is unknown whether the effect of task->key happened. */
enum agent_probe_answer {
    AGENT_PROBE_UNKNOWN,  /* cannot tell: a person is asked */
    AGENT_PROBE_NOT_DONE, /* surely not: perform runs */
    AGENT_PROBE_DONE      /* it did: the reply holds the output */
};
typedef enum agent_probe_answer agent_probe_fn(const struct agent_task *task,
                                               struct agent_reply *reply);

/* One action: exactly the phases its contract declares. */
struct agent_action {
    const char *name;
    agent_decide_fn *decide;
    agent_perform_fn *perform;
    agent_probe_fn *probe; /* effect class probed: required; else NULL */
};

/* Everything about one agent. All borrowed for the life of the program. */
struct agent_definition {
    const char *name;    /* as the contract says; no underscore */
    const char *version; /* of the program, for people */
    const struct agent_action *actions;
    size_t action_count;

    /* Names of the agent's own tables, NULL-terminated; NULL: none. 1..32 of [a-z0-9_], at most 8.
     * A released table is never dropped from the list. */
    const char *const *tables;

    /* Called once before any action; *ret_user becomes task->user. NULL: nothing to open. */
    enum err (*open)(struct agent_setup *setup, void **ret_user, struct error *err);

    /* Called after the last action. NULL: nothing to close. */
    void (*close)(void *user);

    /* Lines about the agent's --set names for --help; NULL: it has none. */
    const char *help;
};

/* Run the agent until SIGTERM or SIGINT. Returns the exit code: 0 done, 1 failed, 2 usage, 7 the
 * very first connection is impossible for a reason that waiting does not mend. */
int agent_main(int argc, char **argv, const struct agent_definition *definition);

/* ---- during open ---- */

/* The value of `--set NAME=VALUE`, or NULL. Borrowed for the life of the program. */
const char *agent_setting(const struct agent_setup *setup, const char *name);

/* A handle on the agent's tables for reading and seeding at start. Use it only inside `open`. */
struct agent_store *agent_setup_store(struct agent_setup *setup);

/* The data directory given with --data; files of the agent's own go below DIR/files. */
const char *agent_setup_directory(const struct agent_setup *setup);

/* ---- the agent's own tables ---- */

enum { AGENT_STORE_KEY_BYTES = 1024, AGENT_STORE_VALUE_BYTES = 512 * 1024 };

/* The value of `key`, own writes of this task included, appended to `ret_value`. ERR_NOT_FOUND,
 * ERR_LIMIT when it does not fit, ERR_CORRUPT, ERR_IO. */
MUST_CHECK enum err agent_store_get(struct agent_store *store, const char *table, struct str key,
                                    struct buf *ret_value, struct error *err);

/* Stage a write (copied). It is committed with a successful outcome and forgotten with a failure.
 * Tasks that change the same rows must not run at once: contract "concurrency": 1 when one action
 * writes the table, agent_store_lock when several do. ERR_LIMIT, ERR_NOMEM; in `decide` and in
 * actions of effect `pure` ERR_REFUSED, because they touch nothing. */
MUST_CHECK enum err agent_store_put(struct agent_store *store, const char *table, struct str key,
                                    struct str value, struct error *err);
MUST_CHECK enum err agent_store_delete(struct agent_store *store, const char *table, struct str key,
                                       struct error *err);

/* Wait until no other task holds `table`, and hold it until this task's outcome is committed or
 * dropped. A task that needs several tables locks them in the order of the definition (CHECK). */
void agent_store_lock(struct agent_store *store, const char *table);

/* Call `visit` for each committed row whose key starts with `prefix`, in key order, until it
 * returns false. Staged writes are not seen. The views last for the call. */
typedef bool agent_store_visit_fn(void *user, struct str key, struct str value);
MUST_CHECK enum err agent_store_scan(struct agent_store *store, const char *table,
                                     struct str prefix, agent_store_visit_fn *visit, void *user,
                                     struct error *err);

/* Write what is staged, durably. Only for the handle of agent_setup_store(). */
MUST_CHECK enum err agent_store_commit(struct agent_store *store, struct error *err);

#endif
