/*
 * Inside of plan_load: the state of one load and the checkers, one file per group of constructs.
 * Only for this folder.
 *
 * A checker gets the node of what it checks, reports everything wrong with it and goes on, so that
 * one load shows all problems. What it returns after a problem is only good enough to go on with;
 * the plan is thrown away.
 */
#ifndef COORDINATOR_DEFINITION_LOAD_H
#define COORDINATOR_DEFINITION_LOAD_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "coordinator/definition/plan.h"
#include "coordinator/definition/report.h"
#include "coordinator/definition/yaml.h"

struct expr;
struct schema;
struct template;

enum {
    LOAD_NODES_MAX = 20000,  /* tasks after functions were copied to their callers */
    LOAD_SCOPE_MAX = 64,     /* variables visible at one place */
    LOAD_FUNCTIONS_MAX = 16, /* functions calling functions */
    LOAD_PARTS_MAX = 64,     /* functions of catalogs and schemas in files */
};

/* The variables an expression may use at its place, besides those of enclosing tasks. */
enum {
    SEE_CONTEXT = 1,
    SEE_INPUT = 2,
    SEE_OUTPUT = 4,
    SEE_TASK = 8,
    SEE_WORKFLOW = 16,
    SEE_RUNTIME = 32,
    PLACE_WORKFLOW_IN = SEE_WORKFLOW | SEE_RUNTIME,
    PLACE_WORKFLOW_OUT = SEE_CONTEXT | SEE_WORKFLOW | SEE_RUNTIME,
    PLACE_TASK_IN = SEE_CONTEXT | SEE_TASK | SEE_WORKFLOW | SEE_RUNTIME,
    PLACE_TASK = PLACE_TASK_IN | SEE_INPUT,
    PLACE_EXPORT = PLACE_TASK | SEE_OUTPUT,
    PLACE_TRIGGER = SEE_RUNTIME,
    PLACE_RAW_INPUT = 0, /* nothing but `.` */
};

/* A `then` whose target is looked up when its list is complete. */
struct fixup {
    struct flow *flow;
    const struct yaml_node *source; /* the text of `then` */
    uint32_t from;                  /* node it belongs to */
};

/* The plan with everything that must be released with it. */
struct plan_memory {
    struct plan plan;
    struct arena *arena;
    struct expr **exprs;
    size_t expr_count;
    size_t expr_capacity;
    struct schema **schemas;
    size_t schema_count;
    size_t schema_capacity;
    json_t **values; /* JSON made while loading */
    size_t value_count;
    size_t value_capacity;
};

/* A function or schema that was given along with the definition. */
struct part {
    const char *label; /* its line from the kind on: "function log:1.0.0@default" */
    const char *text;
    size_t size;
    const struct yaml_node *root; /* NULL when it was refused */
};

/* What a call of a function becomes blocks of. */
struct function {
    const char *name;
    const struct yaml_node *body;
    const char *file; /* for reports about the body; NULL: the definition's own */
};

struct load {
    struct plan_memory *memory;
    struct arena *arena; /* of the plan */
    struct report *report;
    struct plan_node **nodes; /* in document order */
    uint32_t node_count;
    uint32_t node_capacity;
    struct fixup *fixups;
    size_t fixup_count;
    size_t fixup_capacity;
    const char *scope[LOAD_SCOPE_MAX];
    size_t scope_count;
    const char *functions[LOAD_FUNCTIONS_MAX]; /* being expanded */
    size_t function_count;
    bool extending;       /* in a block of an extension: its tasks are not extended */
    uint32_t extended;    /* given to `about` of new nodes */
    uint32_t before_list; /* node whose list is a `before`: `exit` there is a bypass */
    const struct yaml_node *use;
    const struct yaml_node *catalogs;
    struct part parts[LOAD_PARTS_MAX];
    size_t part_count;
    struct seal *seal;     /* secrets may be passed here; NULL: not here */
    uint32_t forks;        /* around the place being checked */
    const char *native_in; /* where mainstay-jq cannot be asked: "a condition of 'catch'"; NULL */
    bool failed;           /* a limit or memory: stop soon */
};

/* A task with the blocks that extensions put around it: linked, first and last node. */
struct chain {
    uint32_t first; /* PLAN_NONE: the task had problems */
    uint32_t last;
};

/* The secrets of one call while its input is checked. */
struct seal {
    struct buf path;             /* JSON pointer of what is being checked */
    struct plan_secret *secrets; /* in the plan's arena */
    size_t count;
};

/* Where a task stands. */
struct task_site {
    const char *pointer;
    uint32_t parent;
    uint32_t index;
};

/* --- load.c: growing arrays owned by the plan --------------------------------------------------
 */

/* Keep `value` (reference taken) until the plan is destroyed; returns it, NULL after a failure. */
const json_t *load_keep(struct load *load, json_t *value);
bool load_grow(void **items, size_t count, size_t *capacity, size_t item_size);
struct plan_node *load_add_node(struct load *load, const struct task_site *site,
                                const struct yaml_node *definition);
char *load_printf(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- check_value.c: types, keys, texts ----------------------------------------------------------
 */

/* A key that is known but not run here, with the sentence that says so. */
struct refused_key {
    const char *name;
    const char *sentence;
};

/* Report what is not an object; false then. `what` as in "'input'". */
bool check_is_object(struct load *load, const struct yaml_node *node, const char *what);
bool check_is_array(struct load *load, const struct yaml_node *node, const char *what);

/* Report unknown keys (with the nearest name and what is allowed) and refused ones. Both lists end
 * with NULL; `refused` may be NULL. */
void check_keys(struct load *load, const struct yaml_node *node, const char *what,
                const char *const *allowed, const struct refused_key *refused);

/* A member that must be there; NULL after reporting. */
const struct yaml_node *check_required(struct load *load, const struct yaml_node *node,
                                       const char *key, const char *what);

/* The text of a node, or NULL after reporting; `node` NULL gives NULL silently. Refuses `${`. */
const char *check_text(struct load *load, const struct yaml_node *node, const char *what);
bool check_bool(struct load *load, const struct yaml_node *node, const char *what, bool fallback);
int64_t check_integer(struct load *load, const struct yaml_node *node, const char *what,
                      int64_t least, int64_t most);

/* An amount of money (money.h), left as it is when `node` is NULL or none. */
void check_money(struct load *load, const struct yaml_node *node, struct money *ret_money);

/* A priority, from PLAN_PRIORITY_MOST to PLAN_PRIORITY_LEAST. */
int check_priority(struct load *load, const struct yaml_node *node);

/* One of the words; the index, or -1 after reporting. */
int check_word(struct load *load, const struct yaml_node *node, const char *what,
               const char *const *words);

/* Words of a list for a message: "a, b or c", in the report's memory. */
const char *check_list_text(struct load *load, const char *const *names);
const char *check_type_text(const struct yaml_node *node);

/* --- check_schema.c ------------------------------------------------------------------------------
 */

/* A schema, written out or in a file that was given along. NULL without node or after reporting. */
const struct schema *check_schema(struct load *load, const struct yaml_node *node,
                                  const char *what);

/* --- check_expr.c: expressions, templates, durations --------------------------------------------
 */

/* A field that is always an expression, with or without ${ }. NULL without node or after reporting.
 */
const struct expr *check_expression(struct load *load, const struct yaml_node *node,
                                    const char *what, unsigned place);
/* A tree whose whole strings may be ${ }. */
const struct template *check_template(struct load *load, const struct yaml_node *node,
                                      unsigned place);
/* from / as: a string is always an expression, anything else a tree. */
const struct template *check_shape(struct load *load, const struct yaml_node *node,
                                   const char *what, unsigned place);
/* One expression given without ${ }; NULL after reporting at `node`. */
const struct template *check_inside(struct load *load, const struct yaml_node *node,
                                    const char *text, unsigned place);
/* A fixed value (reference taken) or an object of `count` members, made by the loader itself. */
const struct template *load_fixed(struct load *load, json_t *value);
const struct template *load_object(struct load *load, const char *const *keys,
                                   const struct template *const *items, size_t count);
struct plan_duration check_duration(struct load *load, const struct yaml_node *node,
                                    const char *what, unsigned place);
/* A duration without expressions, in milliseconds. */
int64_t check_fixed_duration(struct load *load, const struct yaml_node *node, const char *what);
struct plan_timeout check_timeout(struct load *load, const struct yaml_node *node, unsigned place);
/* Whether the text is ${ ... } as a whole: 1 with the inside in *ret_inside; 0 no expression; -1 an
 * expression inside other text or without its closing brace. */
int check_embrace(struct load *load, const char *text, const char **ret_inside);

/* A variable name bound by the definition, checked; the fallback without node. */
const char *check_variable_name(struct load *load, const struct yaml_node *node, const char *what,
                                const char *fallback);
void load_scope_push(struct load *load, const struct yaml_node *node, const char *name);

/* --- check_task.c -------------------------------------------------------------------------------
 */

/* A list of tasks; first node, or PLAN_NONE. `node` may be NULL. */
uint32_t check_tasks(struct load *load, const struct yaml_node *node, const char *pointer,
                     uint32_t parent);
/* One task at its site; its node. NULL when it could not even be begun. */
struct plan_node *check_task(struct load *load, const struct yaml_node *node, const char *name,
                             const struct task_site *site);
/* The verb of a task, or NULL. */
const char *check_verb(const struct yaml_node *node);
void check_flow(struct load *load, const struct yaml_node *node, struct flow *flow, uint32_t from);
void check_data(struct load *load, const struct yaml_node *node, struct plan_data *data,
                bool workflow);

/* --- one per verb: fill `task` from the task's node ---------------------------------------------
 */

void check_do(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_set(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_switch(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_for(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_try(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_fork(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_raise(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_wait(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_emit(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_listen(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_call(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_run_task(struct load *load, const struct yaml_node *node, struct plan_node *task);

/* --- check_http.c: calls of the specification's own, compiled into calls of the connector
 * ----------
 */

/* call: http and call: openapi, from the task's node. */
void check_http(struct load *load, const struct yaml_node *node, struct plan_node *task);
void check_openapi(struct load *load, const struct yaml_node *node, struct plan_node *task);

/* --- check_secret.c: $secrets
 * ---------------------------------------------------------------------
 */

/* The names of use.secrets. */
void check_secrets(struct load *load, const struct yaml_node *node);
/* Begin and end the input of a call that may pass secrets; what was found goes to `call`. */
void seal_begin(struct load *load, struct seal *seal);
void seal_end(struct load *load, struct plan_agent_call *call);
/* Step into a member or item of the input, and back to where the path had `size` bytes. */
size_t seal_enter(struct load *load, const char *key, size_t index);
void seal_leave(struct load *load, size_t size);
/* Whether the expression passes a secret whole; then it is kept, or what is wrong is reported. */
bool check_sealed(struct load *load, const struct yaml_node *node, const char *inside);
/* Keep the secret that `node` names at the seal's path. */
void seal_named(struct load *load, const struct yaml_node *node);

/* The policies of use.authentications, also those nobody refers to. */
void check_authentications(struct load *load, const struct yaml_node *node);

/* An authentication policy as the connector takes it; NULL after reporting. */
const struct template *check_authentication(struct load *load, const struct yaml_node *node);

/* --- check_error.c, check_retry.c, check_event.c -------------------------------------------------
 */

/* An error definition as a template of {type, status, title?, detail?}. */
const struct template *check_error(struct load *load, const struct yaml_node *node, unsigned place);
const struct retry_policy *check_retry(struct load *load, const struct yaml_node *node,
                                       unsigned place);
/* one / any / all with filters. `trigger`: of schedule.on. */
void check_consumption(struct load *load, const struct yaml_node *node, bool trigger,
                       struct event_consumption *consumption);
/* A name under use.KIND, with the nearest name when there is none. */
const struct yaml_node *check_reference(struct load *load, const struct yaml_node *node,
                                        const char *kind);

/* --- check_extension.c ---------------------------------------------------------------------------
 */

/* use.extensions: its form, and what it holds even when it extends nothing. */
void check_extensions(struct load *load);
/* One task of a list with what extends it. */
struct chain check_extended(struct load *load, const struct yaml_node *node, const char *name,
                            const struct task_site *site);

/* --- check_schedule.c ----------------------------------------------------------------------------
 */

/* `schedule`, and the time zone of its cron expression; either may be NULL. */
void check_schedule(struct load *load, const struct yaml_node *node, const struct yaml_node *zone);
void check_timezone(struct load *load, const struct yaml_node *node);

/* --- check_call.c --------------------------------------------------------------------------------
 */

/* Make `task`, a call, the block of a function. */
void expand_function(struct load *load, const struct yaml_node *node,
                     const struct function *function, struct plan_node *task);

/* --- check_lock.c --------------------------------------------------------------------------------
 */

/* call: lock. */
void check_lock(struct load *load, const struct yaml_node *node, struct plan_node *task);
/* A call of an agent with `lock` in its `with` becomes a lock around a call; the node of the call,
 * `task` itself without one. */
struct plan_node *check_locked(struct load *load, const struct yaml_node *node,
                               const struct yaml_node *with, struct plan_node *task);

/* --- check_catalog.c -----------------------------------------------------------------------------
 */

/* Find the parts of a text; returns the size of the definition, the first of them. */
size_t parts_split(struct load *load, const char *text, size_t size);
void parts_parse(struct load *load);
/* The part of that kind ("function", "schema") and name; NULL when it was not given. */
const struct part *part_of(const struct load *load, const char *kind, const char *name);
/* List what was not given and `source` names: the schema, of the function unless that is NULL, or
 * the function. */
void load_want(struct load *load, const struct yaml_node *source, const char *schema,
               const char *function);
/* use.catalogs. */
void check_catalogs(struct load *load);
/* call: name:version@catalog; false when `text` names no catalog. */
bool check_cataloged(struct load *load, const struct yaml_node *node, const char *text,
                     struct plan_node *task);

/* --- check_document.c ----------------------------------------------------------------------------
 */

void check_document(struct load *load, const struct yaml_node *root);
void check_use(struct load *load);

/* --- template.c ----------------------------------------------------------------------------------
 */

struct template
{
    const struct expr *expr; /* an expression leaf */
    const json_t *literal;   /* no expression below: borrowed */
    const char *const *keys; /* of an object; NULL: an array */
    const struct template **items;
    size_t count;
};

#endif
