/*
 * What the engine is asked. Texts and docs are borrowed for the duration of the call.
 */
#ifndef COORDINATOR_ENGINE_COMMAND_H
#define COORDINATOR_ENGINE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"
#include "common/json/json.h"
#include "coordinator/engine/id.h"
#include "coordinator/engine/outcome.h"

struct doc;
struct plan;

enum command_kind {
    COMMAND_EVENT,       /* a CloudEvent arrived */
    COMMAND_RUN,         /* start an instance */
    COMMAND_RESULT,      /* an agent answered */
    COMMAND_HELLO,       /* an agent started, changed or leaves */
    COMMAND_DEPLOY,      /* a definition */
    COMMAND_CANCEL,      /* an instance */
    COMMAND_VERDICT,     /* a person decided a gate */
    COMMAND_EVALUATION,  /* mainstay-jq answered */
    COMMAND_DEAD_LETTER, /* something could not be understood */
    COMMAND_MIGRATE,     /* instances to another version */
    COMMAND_RETIRE,      /* a version of a definition starts nothing any more */
    COMMAND_ZONE,        /* the rules of a time zone */
    COMMAND_CLOCK,       /* the wall clock jumped, or agrees again */
    COMMAND_LOST,        /* a person declares a store lost */
    COMMAND_OPERATE,     /* an operator acts on instances */
    COMMAND_POLICY,      /* what is done about failures */
    COMMAND_PROGRAM,     /* the coordinator has started */
};

struct event_command {
    const char *type;
    const char *source;
    const char *id;
    struct doc *envelope; /* the whole CloudEvent as a JSON object */
    size_t size;          /* about that of the envelope; 0: not known */
    int64_t bus_ms;       /* when the bus took it; 0 for events that come another way */
    bool expect_known;    /* our own copy coming back: a known mark is no duplicate to count */
};

struct run_command {
    const char *definition;
    const char *request_id;
    const char *person;
    struct doc *input;
    const char *traceparent; /* NULL: derived */
};

struct result_command {
    const char *agent; /* from the subject */
    const char *store;
    struct id session;
    struct id store_id;
    struct id key;
    uint32_t attempt;
    enum phase phase;
    struct id instance;
    uint32_t frame;
    struct digest input_digest;
    enum result_status status;
    struct doc *output; /* NULL unless DONE */
    struct decision decision;
    struct failure failure;
    uint64_t duration_us;
};

struct hello_command {
    const char *agent; /* from the subject */
    const char *store;
    struct id session;
    struct id store_id;
    const json_t *contract; /* parsed document */
    const char *program;
    const char *metrics_url;
    uint32_t capacity;
    uint64_t pid;
    bool leaving;
};

struct deploy_command {
    struct plan **plan; /* taken on success */
    const char *text;
    const char *file;
    const char *person;
    bool force; /* takes a retired version back into service */
};

struct retire_command {
    const char *definition; /* namespace/name:version or digest */
    const char *reason;
    const char *person;
    bool force; /* even when its triggers start nothing from then on */
};

struct migrate_command {
    const struct id *instances;
    uint32_t count;
    const char *version; /* of each instance's own definition */
    const char *reason;
    const char *person;
};

struct lost_command {
    const char *agent; /* NULL: the only one with such a store */
    const char *store;
    const char *reason;
    const char *person;
    bool force; /* although it has not said goodbye */
};

struct cancel_command {
    struct id instance;
    const char *reason;
    const char *person;
};

enum operation {
    OPERATE_CANCEL,  /* settle what is in flight, end as cancelled */
    OPERATE_KILL,    /* end as cancelled; persons are asked about effects that are in doubt */
    OPERATE_PAUSE,   /* begin nothing more */
    OPERATE_RESUME,  /* go on */
    OPERATE_RETRY,   /* what is parked, or waits for another attempt, is tried at once */
    OPERATE_RESTART, /* another instance with the input of one that has ended */
    OPERATE_REWIND,  /* back to a step of the top list; what was done since is undone */
    OPERATE_FORK,    /* another instance that begins at such a step; this one stays as it is */
};

/* A step of the top list that an instance entered, as its journal has it (checkpoint.h). */
struct operate_point {
    uint64_t seen; /* journal batch of the instance that was read last */
    uint32_t node;
    uint32_t activation;
    uint64_t order;   /* place in the journal */
    struct doc *data; /* raw input of the step */
    struct doc *context;
    const struct id *kept; /* effects that were begun before */
    uint32_t kept_count;
    /* fork: how the workflow began */
    struct doc *entered; /* its input after input.from; NULL: as it was given */
    int64_t timeout_ms;  /* 0: none */
};

struct operate_item {
    struct id instance;
    struct digest definition;   /* restart, fork: that it runs, or ran last */
    struct doc *input;          /* restart, fork; NULL: it cannot be read any more */
    struct operate_point point; /* rewind, fork */
};

/* Each instance by itself: what one refuses changes nothing for the others. */
struct operate_command {
    enum operation operation;
    const struct operate_item *items;
    uint32_t count;
    const char *request_id; /* restart, fork: the same id, instance (and point) give the same one */
    bool force;             /* rewind: although effects stay done; fork: although they are undone */
    const char *reason;
    const char *person;
};

struct verdict_command {
    struct id gate;
    uint32_t verdict;  /* enum verdict */
    struct doc *value; /* edit: the corrected input */
    uint32_t revision; /* 0: not stated */
    bool has_digest;
    struct digest digest;
    const char *reason;
    const char *person;
};

struct evaluation_command {
    struct id instance;
    uint32_t frame;
    uint32_t expr;
    struct doc *value; /* NULL: failed */
    const char *error;
};

struct dead_letter_command {
    const char *source; /* who is charged for it: agent/store, or "events" */
    const char *subject;
    const char *reason;
    const char *advice;  /* what would have worked; "" none */
    struct doc *headers; /* object, or NULL */
    struct str body;
    uint64_t size;
    uint64_t replayed; /* not 0: that number was taken up again instead */
};

/* Before a definition that names the zone is deployed, and when its rules have changed. */
struct zone_command {
    const char *name;
    struct str rules; /* a compiled file, zone.h */
};

struct policy_command {
    const char *text; /* checked already; refused when it is no policy */
    const char *file;
};

struct program_command {
    const char *program; /* name and version */
    struct digest digest;
    const char *profile; /* NULL: none */
    uint64_t pid;
};

struct clock_command {
    int64_t wall_ms;     /* what the clock shows; the turn's now is what it should show */
    int64_t expected_ms; /* what it should show */
    bool agrees;
};

struct command {
    enum command_kind kind;
    uint64_t token; /* the caller's mark; replies carry it; 0: nobody waits */
    union {
        struct event_command event;
        struct run_command run;
        struct result_command result;
        struct hello_command hello;
        struct deploy_command deploy;
        struct cancel_command cancel;
        struct lost_command lost;
        struct operate_command operate;
        struct verdict_command verdict;
        struct evaluation_command evaluation;
        struct dead_letter_command dead_letter;
        struct retire_command retire;
        struct zone_command zone;
        struct clock_command clock;
        struct policy_command policy;
        struct program_command program;
        struct migrate_command migrate;
    };
};

#endif
