/*
 * Inside of control: one request, its checks, and the values replies are made of.
 */
#ifndef COORDINATOR_EDGE_CONTROL_PRIVATE_H
#define COORDINATOR_EDGE_CONTROL_PRIVATE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/error.h"
#include "common/json/doc.h"
#include "common/json/json.h"
#include "coordinator/codec/row_codec.h"
#include "coordinator/definition/plan.h"
#include "coordinator/edge/admission.h"
#include "coordinator/edge/control.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/order.h"
#include "coordinator/tables/tables.h"
#include "coordinator/turn.h"

enum {
    CONTROL_REPLY_BYTES = 900 * 1024, /* a packed reply */
    CONTROL_ROOM_BYTES = 860 * 1024,  /* of it for rows and values */
    CONTROL_REQUEST_BYTES = 2 * 1024 * 1024,
    JOURNAL_ARENA_BYTES = 512 * 1024 * 1024,
    CONTROL_LIST_MAX = 1000,
    CONTROL_LIST_DEFAULT = 100,
    CONTROL_WAITERS_MAX = 1024,
    CONTROL_MEMOS = 512,
    CONTROL_MEMO_BYTES = 4096, /* of a value; larger ones are read from the journal */
    CONTROL_PREFIX_MIN = 6,
    STEP_NAME_BYTES = 320,
};

/* An order whose reply comes with the commit: what the engine's reply does not know. */
struct pending {
    uint64_t token;
    char verb[32];
    json_t *body;
};

struct waiter {
    uint64_t token;
    struct id instance;
    int64_t deadline_ms;
};

/* An instance that ended lately: who asks how is answered without reading the journal. */
struct ended_memo {
    struct id instance;
    enum instance_status status;
    struct doc *value; /* output or error; NULL none */
    bool valid;
};

struct control {
    struct turn *turn;
    struct control_options options;
    struct arena *arena;   /* of one request */
    struct arena *journal; /* of one batch */
    struct pending *pending;
    size_t pending_count;
    size_t pending_room;
    struct waiter waiters[CONTROL_WAITERS_MAX];
    size_t waiter_count;
    struct ended_memo memos[CONTROL_MEMOS]; /* a ring */
    size_t memo_at;
};

struct request {
    struct control *control;
    struct arena *arena;
    uint64_t token;
    const char *verb;
    const char *request_id; /* "" when not given */
    const char *person;
    json_t *body;
    json_t *reply; /* filled by the verb */
    size_t room;   /* bytes the reply may still grow by */
    bool later;    /* the reply comes with the commit, or when the wait is over */
};

/* Fills request->reply, or sets request->later. An error is the reply's code and words; what the
 * reply holds by then goes along. */
typedef enum err verb_fn(struct request *request, struct error *err);

/* ---- orders: control_orders.c, control_emit.c ---- */
verb_fn verb_lost;
verb_fn verb_deploy, verb_run, verb_emit, verb_cancel, verb_verdict, verb_letters_replay;
verb_fn verb_definitions_retire; /* control_definitions.c */
verb_fn verb_instances_migrate;  /* control_migrate.c */

verb_fn verb_instances_operate; /* control_operate.c */

/* Complete the reply of instances.kill and its like (control_operate.c). */
void operate_fill(struct control *control, json_t *body, const struct reply_order *reply);

/* Complete the reply of instances.migrate (control_migrate.c). */
void migrate_fill(json_t *body, const struct reply_order *reply);

/* ---- queries ---- */
verb_fn verb_status, verb_definitions_ls, verb_agents_ls; /* control_status.c */
verb_fn verb_definitions_describe, verb_definitions_diff; /* control_definitions.c */
verb_fn verb_instances_ls;                                /* control_list.c */
verb_fn verb_instances_describe, verb_wait;               /* control_instances.c */
verb_fn verb_explain;                                     /* explain.c */
verb_fn verb_gates_ls, verb_gates_describe;               /* control_gates.c */
verb_fn verb_journal_tail, verb_journal_verify;           /* control_journal.c */
verb_fn verb_locks_ls;                                    /* control_locks.c */
verb_fn verb_budgets_ls;                                  /* control_budgets.c */
verb_fn verb_letters_ls, verb_letters_show;               /* control_letters.c */

/* What the plan needs of the company and is not there is added to the report: workflows
 * (ERR_NOT_FOUND), agents that run programs (ERR_REFUSED); the code is that of the first. Nothing
 * for a version that is deployed (control_needs.c). */
MUST_CHECK enum err needs_check(const struct company *company, const struct plan *plan,
                                struct plan_report *report);

/* Give the command of an order to the open turn (control_orders.c). */
void order_give(struct request *request, struct command *command);

/* ---- control.c ---- */

/* Whether another start is taken; else `why` says why not. */
bool control_takes(const struct control *control, bool urgent, char why[ADMISSION_REASON_BYTES]);

/* The same as an answer: ERR_BUSY. */
MUST_CHECK enum err control_admit(const struct control *control, bool urgent, struct error *err);

/* Remember what the reply of an order needs; takes over `body`. Sets request->later. */
void pending_add(struct request *request, json_t *body);

/* Send a reply; `body` may be NULL. */
void reply_send(struct control *control, uint64_t token, enum err code, const char *words,
                const json_t *body);

/* Register a waiter. ERR_LIMIT. */
MUST_CHECK enum err waiter_add(struct request *request, const struct id *instance,
                               int64_t timeout_ms, struct error *err);

/* What the instance ended with, as the reply of a wait, when it ended lately; else NULL. The caller
 * owns it. */
json_t *ended_lately(const struct control *control, const struct id *instance);

int64_t control_now(const struct control *control);

/* ---- control_body.c ---- */

enum member_kind {
    MEMBER_TEXT,
    MEMBER_COUNT,  /* integer, not negative */
    MEMBER_CURSOR, /* text, or integer not negative */
    MEMBER_ANY,
    MEMBER_BOOL,
    MEMBER_TEXTS, /* array of texts */
};

struct member {
    const char *name;
    enum member_kind kind;
    bool required;
};

/* Refuse what is missing, unknown or of the wrong kind; null members that are not MEMBER_ANY are
 * taken out. ERR_INVALID. */
MUST_CHECK enum err body_check(struct request *request, const struct member *members, size_t count,
                               struct error *err);

/* `limit` of a list. ERR_INVALID. */
MUST_CHECK enum err body_limit(struct request *request, size_t *ret_limit, struct error *err);

/* A member of MEMBER_CURSOR as a number; 0 when absent. ERR_INVALID. */
MUST_CHECK enum err body_number(struct request *request, const char *name, uint64_t *ret_number,
                                struct error *err);

/* A cursor "milliseconds-id". *ret_present is false without one. ERR_INVALID. */
MUST_CHECK enum err body_cursor(struct request *request, bool *ret_present, int64_t *ret_ms,
                                struct id *ret_id, struct error *err);
json_t *cursor_json(int64_t ms, const struct id *id);

/* Instance by id or unique prefix. A whole id is not looked up. ERR_INVALID, ERR_NOT_FOUND. */
MUST_CHECK enum err body_instance(struct request *request, struct id *ret_id, struct error *err);
MUST_CHECK enum err text_instance(struct request *request, const char *text, struct id *ret_id,
                                  struct error *err);

/* Open gate by id or unique prefix. ERR_INVALID, ERR_NOT_FOUND. */
MUST_CHECK enum err body_gate(struct request *request, const struct gate **ret_gate,
                              struct error *err);

/* ---- control_value.c: parts of replies ---- */

/* Set a member; nothing is set for NULL. `json_set` takes over the value. */
void json_set(json_t *object, const char *name, json_t *value);
void json_set_text(json_t *object, const char *name, const char *text); /* NULL, "": nothing */
void json_set_time(json_t *object, const char *name, int64_t ms);       /* 0: nothing */
void json_set_id(json_t *object, const char *name, const struct id *id);
void json_set_digest(json_t *object, const char *name, const struct digest *digest);
void json_set_int(json_t *object, const char *name, int64_t value);

/* Set a value as long as the reply has room for it (or is below `max` bytes); otherwise say how
 * large it is. NULL: nothing. */
void request_set_doc(struct request *request, json_t *object, const char *name, struct doc *doc,
                     size_t max);

/* Append a row if the reply has room; takes over the row. False: not appended. The first row always
 * fits. */
bool request_add_row(struct request *request, json_t *rows, json_t *row);

size_t json_size(const json_t *value);

json_t *decision_json(const struct decision *decision);
json_t *failure_json(const struct failure *failure);

/* ---- control_list.c ---- */

/* Whether it is a status of open instances, of ended ones. */
bool status_is_open(const char *status);
bool status_is_done(const char *status);

/* ---- control_status.c, control_definitions.c ---- */

/* Event types that start it, "*" for any. */
json_t *triggers_json(const struct plan *plan);

/* `schedule` and `next_run_at` of a definition that runs by time. */
void schedule_fill(const struct company *company, const struct definition *definition, json_t *row);
json_t *open_count_json(const struct open_count *open);

/* Name, digest, times, whether it is the one that is started. */
void definition_fill(json_t *row, const struct definition *definition);

/* A definition by namespace/name:version, or the newest one of namespace/name; borrowed, valid
 * until the next turn. Fails with ERR_NOT_FOUND, saying where to look or which one is meant. */
MUST_CHECK enum err definition_find(struct request *request, const char *name,
                                    const struct definition **ret_definition, struct error *err);

/* The contract version that a call gets: of a live store, else of any known contract; NULL: none.
 */
const char *contract_bound(const struct company *company, const struct plan_agent_call *call,
                           bool *ret_live);

/* ---- control_view.c: an instance, open or ended ---- */

struct view {
    struct id id;
    const struct instance *open; /* NULL when ended; borrowed until the next turn */
    struct done done;            /* when ended */
    const struct definition *definition;
    const uint64_t *journal;
    size_t journal_count;
};

/* ERR_NOT_FOUND. */
MUST_CHECK enum err view_load(struct control *control, const struct id *id, struct view *ret_view,
                              struct error *err);

enum instance_status view_status(const struct view *view);

/* namespace/name:version. */
const char *view_definition(const struct view *view);

/* The open task that says most: one that waits for a person, else the oldest; NULL when there is
 * none. */
const struct frame *view_leaf(const struct instance *open);

/* Words for why it stands where it stands, into `out`; "" when there is nothing to say. */
void view_reason(const struct control *control, const struct view *view, char *out, size_t size);

/* A gate that the instance waits for, or what it runs (LIMIT_RUN_DEPTH below it), and that a person
 * has to decide; NULL: none. */
const struct id *gate_awaited(struct control *control, const struct instance *open);

/* Name of a frame's step for people. */
void frame_name(const struct instance *instance, const struct frame *frame, char *out, size_t size);

/* What is known of an effect, in words. */
const char *ledger_name(enum ledger_state state);

const struct company *control_company(const struct control *control);

/* Visit the events of the instance in journal order, from the first sequence above `after`; return
 * false to stop. Events are borrowed for the call. */
struct view_event {
    uint64_t sequence;
    uint32_t index; /* in its batch */
    int64_t now_ms;
    const struct event *event;
    bool erased;
};
typedef bool view_event_fn(void *user, const struct view_event *event);
MUST_CHECK enum err view_each_event(struct control *control, const struct view *view,
                                    uint64_t after, view_event_fn *visit, void *user,
                                    struct error *err);

/* The plan that an instance runs once the event has happened: another one when the event starts or
 * moves it, else `plan`. */
const struct plan *plan_after(const struct company *company, const struct event *event,
                              const struct plan *plan);

/* The plan that the instance ran just before journal batch `sequence`; NULL when it is unknown. */
const struct plan *view_plan_before(struct control *control, const struct view *view,
                                    uint64_t sequence);

/* `parent` and `children` of the reply: the instance whose step runs this one, and those that its
 * steps ran. */
MUST_CHECK enum err view_set_family(struct request *request, const struct view *view,
                                    struct error *err);

/* Set `reason` of the row of a faulted instance: its error in a few words, from its last journal
 * batch (erased with it). */
void fault_reason(struct control *control, const struct id *id, json_t *row);

/* What it ended with, from its last event: `output` or `error` of `reply`. */
MUST_CHECK enum err view_set_outcome(struct request *request, const struct view *view,
                                     struct error *err);

/* ---- control_checkpoints.c: where an instance can go back to ---- */

struct checkpoints;
struct operate_point;

/* Set `checkpoints` of the reply of instances.describe. */
MUST_CHECK enum err view_set_checkpoints(struct request *request, const struct view *view,
                                         struct error *err);

/*
 * The point of an open instance that `step` names; *ret_why says why there is none, or why going
 * back there is refused: something it did stays as it is, and it is not forced. Its docs are the
 * caller's, the rest lives in the request's arena. Errors: the journal cannot be read.
 */
MUST_CHECK enum err view_point(struct request *request, const struct view *view, const char *step,
                               bool force, struct operate_point *ret_point, const char **ret_why,
                               struct error *err);

/* ---- control_fork.c: where an instance can be forked ---- */

struct operate_item;

struct fork_ask {
    const char *step;
    bool force;
    size_t lines; /* of `repeats`, `answers` and `again`, at most */
};

/*
 * The point of an instance, open or ended, that the step names, into `item`, whose docs are the
 * caller's on failure too; `row` gets `from`, and what a fork does again as `repeats`, `answers`
 * and `again`. *ret_why says why there is no point, or why forking there is refused: something it
 * takes as done was undone since, and it is not forced. Errors: a journal cannot be read.
 */
MUST_CHECK enum err view_fork(struct request *request, const struct view *view,
                              const struct fork_ask *ask, struct operate_item *item, json_t *row,
                              const char **ret_why, struct error *err);

/* ---- explain_words.c ---- */

/* What the story knows of a step while it is told. */
struct story_step {
    uint32_t frame;
    uint32_t node;
    uint32_t activation;
    char *path;
    char *trouble; /* words of its last failure */
    char *label;   /* of a compensation, which is no task of the definition; else NULL */
    char *action;  /* the action that undoes; NULL: no compensation */
};

struct story {
    const struct company *company;
    const struct plan *plan; /* of the version it runs at this point of the story */
    struct arena *arena;
    const char *label; /* of the event's step, as in story_step */
    struct story_step *steps;
    size_t step_count;
    size_t step_room;
};

/* Learn from an event; then *ret_words is one sentence about it, or NULL when it says nothing to a
 * person, and `name` the name of its step ("" none). Words live in the story's arena. */
void story_tell(struct story *story, const struct view_event *at, const char **ret_words,
                char *name, size_t name_size);
void story_release(struct story *story);

/* Of STEP_READY, LOCK_GRANTED, LOCK_EXPIRED, STEP_UNFUNDED and STEP_FUNDED: what became of the step
 * `name`, in words; returns `out` (explain_waits.c). */
enum { WAITS_WORDS_BYTES = 512 };
const char *waits_words(const struct event *event, const char *name, char out[WAITS_WORDS_BYTES]);

#endif
