/*
 * The checked, immutable form of a process definition that the engine walks.
 *
 * A plan is an array of nodes in document order; a node is one task. Lists of tasks are chains
 * through `next`. Everything a definition may say wrong was refused by plan_load, so the engine
 * trusts what it reads here: targets exist, expressions compiled, schemas compiled, durations are
 * not negative.
 *
 * Format: Open Workflow Specification 1.0.3, profile in PROFILE.md.
 * Threads: immutable after load; may be read from several threads.
 */
#ifndef COORDINATOR_DEFINITION_PLAN_H
#define COORDINATOR_DEFINITION_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/money.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "coordinator/definition/cron.h"

struct expr;
struct schema;
struct template;

#define PLAN_NONE UINT32_MAX /* no node */

enum task_kind {
    TASK_DO,
    TASK_SET,
    TASK_SWITCH,
    TASK_FOR,
    TASK_TRY,
    TASK_RAISE,
    TASK_WAIT,
    TASK_EMIT,
    TASK_LISTEN,
    TASK_AGENT, /* call: agent */
    TASK_FORK,
    TASK_BRANCH,   /* the scope of one branch of a fork; made by the loader, holds one task */
    TASK_APPROVAL, /* call: approval */
    TASK_RUN,      /* run: workflow */
    TASK_LOCK,     /* call: lock, or made by the loader around a call that has a lock */
};

/*
 * Where the walk goes after a task. FLOW_GOTO: `target` is a node of the same list. FLOW_BYPASS:
 * `exit` in the `before` of an extension; it ends that block and what the block stands before.
 */
enum flow_kind { FLOW_CONTINUE, FLOW_EXIT, FLOW_END, FLOW_GOTO, FLOW_BYPASS };

struct flow {
    enum flow_kind kind;
    uint32_t target; /* PLAN_NONE unless FLOW_GOTO */
};

/* A duration: `tmpl` NULL and `ms` fixed, or an expression that gives ISO 8601 text or an object.
 */
struct plan_duration {
    int64_t ms;
    const struct template *tmpl;
};

struct plan_timeout {
    bool present;
    struct plan_duration after;
};

/* Filter and shaping of data around a task, or around the whole workflow (export unused there). */
struct plan_data {
    const struct schema *input_schema; /* NULL: anything */
    const struct template *input_from; /* NULL: `.` */
    const struct template *output_as;
    const struct schema *output_schema;
    const struct template *export_as;
    const struct schema *export_schema;
};

struct switch_case {
    const char *name;
    const struct expr *when; /* NULL: default */
    struct flow then;
};

enum backoff_kind { BACKOFF_CONSTANT, BACKOFF_LINEAR, BACKOFF_EXPONENTIAL };

/*
 * Delay before retry n (1 for the first): constant `delay`; linear `delay * n`; exponential
 * `delay * factor^(n-1)`, capped at max_delay; plus jitter uniform in [from, to].
 */
struct retry_policy {
    const struct expr *when;        /* NULL: always */
    const struct expr *except_when; /* NULL: never */
    struct plan_duration delay;
    enum backoff_kind backoff;
    double factor;        /* exponential; 2 unless the definition says else */
    int64_t max_delay_ms; /* 0: no cap */
    int64_t jitter_from_ms;
    int64_t jitter_to_ms;
    uint32_t count;              /* retries after the first run; UINT32_MAX: no limit */
    int64_t duration_ms;         /* of the whole, 0: no limit */
    int64_t attempt_duration_ms; /* of each attempt, 0: no limit */
};

/* Members are NULL (status 0) when not asked for. `type` is compared alias-aware
 * (plan_error_type_equal). */
struct error_filter {
    bool present;
    const char *type;
    int64_t status;
    const char *instance;
    const char *title;
    const char *detail;
};

struct event_correlation {
    const char *name;
    const struct expr *from;
    const struct template *expect; /* NULL: the first value seen */
};

/* One event filter. Attribute literals match exactly; `data` and others given as expressions must
 * be true. */
struct event_filter {
    const char *type; /* NULL: any */
    const char *source;
    const char *subject;
    const json_t *attributes; /* further literal attributes, object; NULL: none */
    const struct expr *data;  /* expression on the event's data; NULL: none */
    struct event_correlation *correlations;
    size_t correlation_count;
    uint64_t gather; /* of a start by several events: what waits for it has this name */
};

enum consume_kind { CONSUME_ONE, CONSUME_ANY, CONSUME_ALL };
enum event_read { READ_DATA, READ_ENVELOPE, READ_RAW };

/* listen.foreach: what is done with each consumed event, one after the other. */
struct plan_foreach {
    const char *item;      /* variable name, "item" unless the definition says else */
    const char *at;        /* "index" */
    uint32_t first;        /* first node of `do`, or PLAN_NONE */
    struct plan_data data; /* output and export of an iteration */
};

enum { CONSUME_ALL_MAX = 32 };

struct event_consumption {
    enum consume_kind kind;
    const struct event_filter *filters; /* none with CONSUME_ANY: every event */
    size_t filter_count;
    enum event_read read;
    /* CONSUME_ANY of a listen: the first event ends it unless one of these is there */
    const struct expr *until; /* over the array of what it gives so far */
    const struct event_consumption *until_events;
    uint64_t gather; /* as in event_filter: of what `any` with `until` has gathered */
    const struct plan_foreach *foreach; /* NULL: none */
};

struct plan_for {
    const char *each; /* variable name, "item" unless the definition says else */
    const char *at;   /* "index" */
    const struct template *in;
    const struct expr *condition; /* `while`, checked before each iteration; NULL: none */
    uint32_t first;               /* first node of the body */
};

struct plan_try {
    uint32_t first; /* first node of the body */
    struct error_filter filter;
    const char *as; /* "error" */
    const struct expr *when;
    const struct expr *except_when;
    const struct retry_policy *retry; /* NULL: none */
    uint32_t catch_first;             /* first node of catch.do, or PLAN_NONE */
    bool has_then;
    struct flow then; /* catch.then */
};

/* Branches in declared order: nodes of kind TASK_BRANCH, which hold their task as a block. */
struct plan_fork {
    const uint32_t *branches;
    uint32_t count;
    bool compete; /* the first to end well wins */
};

/* run: workflow. `input` is evaluated on the task's input. */
struct plan_run {
    const char *namespace_;
    const char *name;
    const char *version;          /* NULL: the newest in service when the step starts */
    const struct template *input; /* NULL: `.` */
    bool await;                   /* false: nobody waits for its end */
};

/*
 * A secret that a call passes to its agent. The engine never has its value: the input holds the
 * text of the definition at `pointer`, and the agent puts the value there. Such a reference is made
 * from the definition only and travels beside the input, so nothing in data can be one.
 */
struct plan_secret {
    const char *pointer; /* JSON pointer into the call's input */
    const char *name;    /* of use.secrets */
    const char *path;    /* JSON pointer into the secret; "" the whole */
};

/* Priorities of steps that wait for an agent: 1 goes first. */
enum { PLAN_PRIORITY_MOST = 1, PLAN_PRIORITY_DEFAULT = 3, PLAN_PRIORITY_LEAST = 5 };

enum { PLAN_FAIRNESS_WEIGHT_MAX = 100 };

/* Who says how an effect is undone: the action's contract, the step, or nobody: it stays. */
enum compensate_kind { COMPENSATE_CONTRACT, COMPENSATE_STEP, COMPENSATE_NONE };

/* with.compensate: an action of the same agent; `input` is evaluated over the effect's output when
 * the effect completes. */
struct plan_compensate {
    enum compensate_kind kind;
    const char *action;           /* NULL: the contract's */
    const struct template *input; /* NULL: {input, output} of the effect */
};

/* call: agent. Texts are literals; `input`, `idempotency_key` are evaluated on the task's input. */
struct plan_agent_call {
    const char *agent;
    const char *action;
    const char *contract;                   /* range, "1.3", ">=1.2 <2"; NULL: any */
    const struct template *input;           /* NULL: `.` */
    const struct template *idempotency_key; /* NULL: derived */
    bool program;                           /* run: shell or script */
    double min_confidence;                  /* 0: none */
    int priority;                           /* -1: the instance's */
    struct plan_timeout timeout;            /* the task's, sent along with the work */
    /* A call of the specification's own (http, openapi): a `try` that takes its error goes before
     * the engine's retries, and an error answer that nothing catches faults the instance. */
    bool standard;
    const struct plan_secret *secrets;
    size_t secret_count;
    struct plan_compensate compensate;
};

/* What becomes of an approval that nobody gave in time. */
enum on_timeout { ON_TIMEOUT_PARK, ON_TIMEOUT_DENY, ON_TIMEOUT_ALLOW, ON_TIMEOUT_ESCALATE };

/* call: approval. A person is asked about `proposal`. */
struct plan_approval {
    const struct template *title;
    const struct template *rationale; /* NULL: none */
    const struct template *proposal;  /* NULL: `.` */
    const struct template *assignees; /* gives an array of names; NULL: anybody */
    const struct schema *form;        /* what an approved value must fit; NULL: anything */
    const json_t *form_document;
    bool has_deadline;
    struct plan_duration deadline;
    enum on_timeout on_timeout;
};

/* The longest name of an entity, in bytes. */
enum { PLAN_ENTITY_BYTES = 256 };

/* A lease on an entity around tasks. Both are evaluated on the task's input before it waits. */
struct plan_lock {
    const struct template *entity; /* gives a text of 1 to PLAN_ENTITY_BYTES bytes */
    struct plan_duration ttl;      /* from when it is granted */
    uint32_t first;                /* PLAN_NONE when there is no task */
};

struct plan_node {
    uint32_t index;
    uint32_t parent; /* PLAN_NONE for tasks of the top list */
    uint32_t next;   /* next task of the same list, or PLAN_NONE */
    const char *name;
    const char *pointer; /* JSON pointer of the task, "/do/0/extract" */
    const char *place;   /* the same without positions in lists, "/do/extract": what the task is
                            called in every version that has it, and what effect keys are made of */
    uint32_t line;       /* where it stands in the file; 0: in another file, of a catalog */
    uint32_t column;
    enum task_kind kind;
    const struct expr *condition; /* `if`; NULL: always */
    struct plan_data data;
    struct plan_timeout timeout;
    struct flow then;
    const json_t *definition; /* the task as written, for $task.definition */
    uint32_t about; /* in an extension: the extended task, which $task describes; else PLAN_NONE */
    uint32_t tail;  /* last block of what extends the task: when `if` skips the task, the walk goes
                       on behind it. PLAN_NONE: the task itself */
    union {
        struct {
            uint32_t first;  /* PLAN_NONE when empty */
            uint32_t bypass; /* of a `before`: FLOW_BYPASS goes where this node's `then` says */
        } block;             /* TASK_DO, TASK_BRANCH */
        const struct template *set;
        struct {
            const struct switch_case *cases;
            size_t count;
        } choice; /* TASK_SWITCH */
        struct plan_for loop;
        struct plan_try attempt;
        const struct template *raise; /* gives the error object without `instance` */
        struct plan_duration wait;
        const struct template *emit; /* gives the event's attributes and data */
        struct event_consumption listen;
        struct plan_agent_call call;
        struct plan_fork fork;
        struct plan_approval approval;
        struct plan_run run;
        struct plan_lock lock;
    };
};

/* An event trigger: schedule.on. */
struct plan_trigger {
    struct event_consumption on;
    bool gathers; /* a start by several events: `all`, or `any` with `until` */
};

/* Stored: append, never renumber. */
enum schedule_kind { SCHEDULE_NONE, SCHEDULE_EVERY, SCHEDULE_CRON, SCHEDULE_AFTER };

#define PLAN_EVERY_MS_MIN    INT64_C(1000)
#define PLAN_INTERVAL_MS_MAX (INT64_C(10) * 366 * 86400000)

/* Starts by time: schedule.every, cron, after. */
struct plan_schedule {
    enum schedule_kind kind;
    int64_t interval_ms; /* every: between due times; after: from the end of a run to the next */
    struct cron cron;
    const char *text;   /* cron: as written */
    const char *zone;   /* cron: name of its time zone; NULL: UTC */
    uint32_t zone_line; /* where it stands */
    uint32_t zone_column;
};

/* What others are told of its instances: document.metadata.mainstay.lifecycle. */
enum plan_lifecycle { PLAN_LIFECYCLE_INSTANCE, PLAN_LIFECYCLE_STEPS, PLAN_LIFECYCLE_NONE };

/* Caps of what paid work may cost: document.metadata.mainstay.budget. Not given: no cap. */
struct plan_budget {
    struct money instance; /* one instance, from its start to its end */
    struct money day;      /* all instances of the namespace/name, each day (UTC) */
};

struct plan {
    struct digest digest; /* BLAKE2b-256 of the text as deployed */
    const char *dsl;
    const char *namespace_;
    const char *name;
    const char *version;
    const char *title;      /* may be NULL */
    const json_t *document; /* the whole definition, for $workflow.definition */
    int priority;           /* document.metadata.mainstay.priority: most .. least */
    const struct expr
        *fairness;            /* ...fairness.key on the raw input: whose turn is taken; or NULL */
    uint32_t fairness_weight; /* ...fairness.weight, 1 unless said */
    enum plan_lifecycle lifecycle;
    struct plan_budget budget;
    struct plan_data data;
    struct plan_timeout timeout;
    const struct plan_trigger *trigger; /* NULL: no event starts it */
    struct plan_schedule schedule;
    uint32_t first; /* first task */
    const struct plan_node *nodes;
    uint32_t node_count;
    const struct expr *const *externals; /* expressions that go to mainstay-jq */
    size_t external_count;
    uint32_t expr_count; /* ids are 0 .. expr_count - 1 */
};

/* One thing wrong with a definition, at its place in the file. */
struct plan_problem {
    uint32_t line; /* 1-based; 0 when unknown */
    uint32_t column;
    const char *pointer; /* JSON pointer, "" for the document */
    const char *message; /* what is wrong */
    const char *hint;    /* what to do, or NULL */
};

/* What a definition needs from files and was not given along: a function of a catalog, or a schema
 * that the definition or such a function names. */
struct plan_wanted {
    const char *schema;   /* its endpoint as written; NULL: the function itself is wanted */
    const char *function; /* name:version@catalog; NULL: the definition names the schema */
    const char *endpoint; /* of the function's catalog, as written; NULL without function */
    uint32_t line;        /* where the definition names it; 0: a function does */
    uint32_t column;
};

/* Everything wrong with a definition, in order of place; at most 100. Release with
 * plan_report_release. */
struct plan_report {
    struct plan_problem *problems;
    size_t count;
    size_t warning_count;
    struct plan_problem *warnings;
    struct plan_wanted *wanted;
    size_t wanted_count;
    struct arena *arena; /* private: owns the texts */
};

/*
 * Functions of catalogs and schemas in files stand behind the definition in the same text, each
 * behind a line `--- # function NAME:VERSION@CATALOG`, `--- # schema ENDPOINT` or, for one that a
 * function names, `--- # schema ENDPOINT of NAME:VERSION@CATALOG`, so that the digest covers them.
 * plan_report.wanted lists those that are missing.
 *
 * Load a definition (YAML 1.2 or JSON; anchors and aliases refused). `text` is copied. On success
 * *ret_plan is the plan and the report holds warnings only; on ERR_INVALID it is NULL and the
 * report holds all problems at once. `report` is initialised here and released by the caller in
 * both cases.
 */
MUST_CHECK enum err plan_load(const char *text, size_t size, struct plan **ret_plan,
                              struct plan_report *report);

/* Free *plan and set it to NULL. Accepts NULL. */
void plan_destroy(struct plan **plan);

void plan_report_release(struct plan_report *report);

/* Add a problem that only the surroundings can tell of, such as a time zone that this host does not
 * know; the texts are copied. Without memory for them the report says so in their place. */
void plan_report_add(struct plan_report *report, const struct plan_problem *problem);

/* What is wanted as [{schema?, function?, endpoint?, line, column}]; a new reference. */
json_t *plan_wanted_json(const struct plan_report *report);

/* Node with the JSON pointer, or NULL. */
const struct plan_node *plan_node_at(const struct plan *plan, const char *pointer);

/* Whether events may have this type: 1 to LIMIT_EVENT_TYPE_BYTES bytes without spaces and control
 * characters. It is part of keys, and those with a space in the place of a type are the engine's
 * own. NULL is none. */
bool plan_event_type_valid(const char *type);

/* Why an event that is sent may not have this attribute (CloudEvents 1.0; `data` may be anything),
 * or NULL when it may. A constant text. Null is no attribute: leave it out before. */
const char *plan_attribute_problem(const char *name, const json_t *value);

/* Room for a file's name, a place and a pointer. */
enum { PLAN_WHERE_BYTES = 512 };

/* Where the task stands, for messages: "f.yaml:7:5: /do/0/call". `file` may be empty; without a
 * line it is the pointer alone. */
void plan_where(const struct plan_node *node, const char *file, char out[PLAN_WHERE_BYTES]);

/* Whether the node stands in a branch of a fork. */
bool plan_in_branch(const struct plan *plan, uint32_t node);

/* Whether two error type URIs name the same standard type: same text, or both a known base (old and
 * new host) with the same last segment. */
bool plan_error_type_equal(const char *a, const char *b);

/* Full URI of a standard error type: "validation", "timeout", "communication", ... Static memory.
 */
const char *plan_error_type(const char *last_segment);

/* ISO 8601 duration text ("PT1.5S", "P1DT2H") or OWS duration object to milliseconds. Years and
 * months are refused: their length is not fixed. */
MUST_CHECK enum err plan_duration_parse(const json_t *value, int64_t *ret_ms, struct error *err);

/* Precedence of two versions (semver.org 2.0.0 section 11: 1.0.0-rc.1 comes before 1.0.0): below 0,
 * 0 or above. Texts that are no versions come first, as texts. */
int plan_version_compare(const char *a, const char *b);

/* Whether `version` ("1.4.0") is inside `range` ("1.3" = any 1.x from 1.3, "1.3.0" exact from that
 * patch on in 1.x, ">=1.2 <2", "*"; NULL = any). */
bool plan_version_in_range(const char *version, const char *range);

#endif
