/*
 * Every limit of the system, by name. At a limit work waits, is refused with the limit's name, or
 * is parked; memory never grows with load.
 */
#ifndef COMMON_BASE_LIMITS_H
#define COMMON_BASE_LIMITS_H

enum {
    LIMIT_EVENT_BYTES = 1024 * 1024, /* an event's data as received */
    /* an event's data as often as it is copied to those who want it */
    LIMIT_EVENT_REACH_BYTES = 72 * 1024 * 1024,
    LIMIT_VALUE_BYTES = 512 * 1024, /* one JSON value in a message or a request */
    LIMIT_INLINE_BYTES = 64 * 1024, /* a larger value between agent and coordinator is a blob */
    LIMIT_PIECE_BYTES = 256 * 1024, /* of a blob in one message */
    /* one JSON value of an instance: what a step is given, holds or gives; what an agent gives */
    LIMIT_DOCUMENT_BYTES = 4 * 1024 * 1024,
    LIMIT_INPUT_BYTES = LIMIT_DOCUMENT_BYTES,        /* the input of an action */
    LIMIT_INSTANCE_BYTES = 4 * LIMIT_DOCUMENT_BYTES, /* all values of one instance together */
    /* one message on the bus: a task with an input and a proposal, and what goes with them */
    LIMIT_MESSAGE_BYTES = 2 * LIMIT_VALUE_BYTES + 64 * 1024,
    LIMIT_JSON_DEPTH = 128,                /* nesting of any JSON we accept */
    LIMIT_DEAD_LETTER_BYTES = 64 * 1024,   /* original bytes kept per dead letter */
    LIMIT_DEAD_LETTERS_PER_SOURCE = 10000, /* rows kept per source */
    LIMIT_STEPS_PER_INSTANCE = 100000,     /* activations of one instance */
    LIMIT_LISTEN_RESULTS = 4096,           /* events in what one listen gives */
    LIMIT_FORK_BRANCHES = 64,              /* branches of one fork */
    LIMIT_FRAMES_PER_INSTANCE = 1024,      /* tasks of one instance that are open at once */
    LIMIT_RUN_DEPTH = 16,                  /* workflows that run workflows */
    LIMIT_DEFINITION_BYTES = 1024 * 1024,  /* one process definition */
    LIMIT_EXPRESSION_FUEL = 1000000,       /* evaluation steps of one expression */
    LIMIT_TURN_COMMANDS = 512,             /* commands taken into one turn */
    LIMIT_BATCH_TASKS = 256,               /* tasks or results in one message */
    LIMIT_CLOCK_JUMP_MS = 5 * 60 * 1000,   /* the wall clock may differ from time that passed */
    LIMIT_FAIRNESS_KEY_BYTES = 256,        /* who takes turns: a customer's name */
    LIMIT_EVENT_TYPE_BYTES = 200,          /* the type of an event */
    LIMIT_NAME_BYTES = 64,                 /* a subject token: agent, store, action */
};

#endif
