/*
 * What the engine wants done once the turn is durable. Orders name what they need; the edge carries
 * them out and never decides. Memory lives until engine_turn_done.
 */
#ifndef COORDINATOR_ENGINE_ORDER_H
#define COORDINATOR_ENGINE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/json/json.h"
#include "coordinator/engine/id.h"
#include "coordinator/engine/instance.h"
#include "coordinator/engine/outcome.h"

struct doc;
struct expr;
struct plan_secret;
struct store;

enum order_kind {
    ORDER_TASK,         /* send one phase of a step to a store */
    ORDER_RECALL,       /* tell a store not to start it */
    ORDER_SETTLED,      /* tell a store that an outcome is committed */
    ORDER_PUBLISH,      /* put a copy of an emitted event on EVENTS for outsiders */
    ORDER_EVALUATE,     /* ask mainstay-jq */
    ORDER_REPLY,        /* answer the command's token */
    ORDER_ENDED,        /* an instance has ended or waits for a person */
    ORDER_STORE_JOINED, /* make the store's consumer */
};

struct task_order {
    const struct store *store;
    struct id instance;
    uint32_t frame;
    struct id key;
    uint32_t attempt;
    enum phase phase;
    const char *step; /* name for people */
    const char *action;
    const char *contract_version;
    const char *idempotency_key;
    const char *traceparent;
    struct doc *input;
    struct doc *proposal; /* NULL: none */
    struct digest input_digest;
    int64_t timeout_ms;
    int priority;
    bool again;
    const struct plan_secret *secrets; /* of the plan: lives as long as the engine */
    size_t secret_count;
    enum past past;
    int64_t created_ms; /* of an effect: when its key was first sent; else 0 */
};

struct recall_order {
    const char *agent;
    const char *store;
    struct id key;
    uint32_t attempt;
    enum phase phase;
    bool again;
    struct id instance; /* recalls: with frame and digest, what the answer repeats */
    uint32_t frame;
    struct digest input_digest;
};

struct publish_order {
    const char *type;
    struct doc *envelope;
};

struct evaluate_order {
    struct id instance;
    uint32_t frame;
    const struct expr *expr; /* of a deployed plan: lives as long as the engine */
    struct doc *input;
    const json_t *variables; /* object name -> value; lives until engine_turn_done */
};

/* How an event command ended. */
enum event_outcome {
    EVENT_STARTED = 1,
    EVENT_CONTINUED,
    EVENT_KEPT,
    EVENT_DUPLICATE,
    EVENT_REFUSED
};

/* What became of one instance of a migrate command. */
struct migrated {
    struct id instance;
    const char *why; /* it stays because; NULL: it moved */
};

/* What became of one instance of an operate command. */
struct operated {
    struct id instance;
    const char *why; /* nothing was done because; NULL: it was */
    bool has_made;
    struct id made; /* restart: the new instance */
};

struct reply_order {
    enum err code;
    const char *message; /* words when code is not ERR_OK */
    struct id instance;  /* run, cancel, verdict */
    bool created;        /* run, deploy */
    enum event_outcome outcome;
    const struct id *instances; /* event: started or continued */
    uint32_t instance_count;
    const struct migrated *migrated; /* migrate: in the order of the command */
    uint32_t migrated_count;
    const struct operated *operated; /* operate: in the order of the command */
    uint32_t operated_count;
};

struct ended_order {
    struct id instance;
    enum instance_status status;
    struct doc *value; /* output or error; NULL none */
    bool has_gate;
    struct id gate;
};

struct order {
    enum order_kind kind;
    uint64_t token; /* ORDER_REPLY */
    union {
        struct task_order task;
        struct recall_order recall;
        struct publish_order publish;
        struct evaluate_order evaluate;
        struct reply_order reply;
        struct ended_order ended;
        const struct store *joined;
    };
};

#endif
