/*
 * A coordinator without sockets: a store in memory, the turn, control, a clock that only moves when
 * told to, and an agent played by the test.
 */
#ifndef TESTS_UNIT_EDGE_OFFICE_H
#define TESTS_UNIT_EDGE_OFFICE_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/json/doc.h"
#include "common/json/json.h"
#include "coordinator/edge/control.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/order.h"
#include "coordinator/turn.h"

struct kv;

enum { OFFICE_TASKS_MAX = 64, OFFICE_REPLIES_MAX = 64 };

/* A task as the agent got it. */
struct office_task {
    struct result_command name; /* everything that names the task; status and output empty */
    char agent[65];
    char store[65];
    char action[65];
    json_t *input;
};

/* An answer as the CLI would get it. */
struct office_reply {
    uint64_t token;
    enum err code;
    char error[1024];
    json_t *body;
};

struct office {
    struct kv *kv;
    struct turn *turn;
    struct control *control;
    int64_t now;
    int64_t apart_ms; /* what the wall clock is ahead of the time that passed */
    uint64_t next_token;
    struct office_task tasks[OFFICE_TASKS_MAX];
    size_t task_count;
    struct office_reply replies[OFFICE_REPLIES_MAX];
    size_t reply_count;
};

/* Time 2026-11-22T12:00:00Z. */
struct office *office_open(void);
void office_close(struct office **office);

/* Ask with a JSON body ('...' is read as "..."); the answer must come at once. The body of the
 * reply lives until the next question. */
struct office_reply *office_ask(struct office *office, const char *verb, const char *body, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the request id given. */
struct office_reply *office_ask_as(struct office *office, const char *request_id, const char *verb,
                                   const char *body);

/* Ask without waiting: the token to look for in office_reply. */
uint64_t office_send(struct office *office, const char *verb, const char *body);

/* The answer to a token, or NULL while there is none. */
struct office_reply *office_reply(struct office *office, uint64_t token);

/* Ask and expect success. Body of the reply. */
const json_t *office_get(struct office *office, const char *verb, const char *body, ...)
    __attribute__((format(printf, 3, 4)));

/* A member of a reply that must be text. */
const char *text_of(const json_t *object, const char *name);

/* Time goes on and the coordinator looks at its timers. */
void office_pass(struct office *office, int64_t ms);

/* An agent says hello with the contract `clerk` of office.c: price (pure), book (keyed). */
void office_hello(struct office *office);

/* The newest task, taken from the list. Fails the test when there is none. */
struct office_task office_take(struct office *office);
void task_release(struct office_task *task);

/* Answer a task ('...' is read as "..."). Releases it. */
void office_done(struct office *office, struct office_task *task, const char *output);
void office_failed(struct office *office, struct office_task *task,
                   enum failure_class failure_class, const char *title, const char *detail);

/* Deploy a definition; its name. */
void office_deploy(struct office *office, const char *text);

/* Start an instance of `definition`; its id into `out` of 33 bytes. */
void office_run(struct office *office, const char *definition, const char *input, char *out);

/* A dead letter as the inbox would make it. */
void office_dead_letter(struct office *office, const char *source, const char *subject,
                        const char *headers, const char *body, uint64_t size);

/* One agent step: asks `clerk` to price. */
extern const char definition_price[];

/* A switch on the priced amount, an effect, and an event sent out. */
extern const char definition_order[];

/* Waits for event shipment.delivered of the order's id; started by event order.received. */
extern const char definition_delivery[];

/* Waits for an hour. */
extern const char definition_nap[];

#endif
