/*
 * Inside of generate*.c: a definition while it is being made.
 */
#ifndef TESTS_SIM_GENERATE_PRIVATE_H
#define TESTS_SIM_GENERATE_PRIVATE_H

#include "tests/sim/sim.h"

enum { DEPTH_MAX = 3 };

struct making {
    struct draw *draw;
    unsigned number; /* of the definition: it runs those before it */
    json_t *const *earlier;
    unsigned tasks; /* made so far */
    unsigned names;
    unsigned calls; /* something that waits makes a jump back lawful */
    bool no_then;   /* the next task stands alone */
    bool no_jump;
    bool no_emit; /* in what handles events: it would hear itself, thousands of times in a turn */
    bool bare;    /* in a function of a catalog, which sees nothing of `use` */
    bool has_timeout;
    bool has_retry;
    bool has_error;
    bool has_function;
    bool has_part;
};

json_t *tasks(struct making *it, unsigned depth, unsigned most);
void task_append(json_t *list, const char *name, json_t *task);

/* Takes `value`. */
void put(json_t *object, const char *name, json_t *value);

bool chance(struct making *it, unsigned per_mille);
json_t *pick(struct making *it, const char *const *texts, size_t count);
#define PICK(it, ...)                              \
    pick((it), (const char *const[]){__VA_ARGS__}, \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Up to `most_ms`, as ISO 8601. */
json_t *duration(struct making *it, unsigned most_ms);
json_t *timeout(struct making *it);

/* ---- generate_more.c: each fills `task` ---- */

void task_call(struct making *it, json_t *task);
void task_lock(struct making *it, json_t *task, unsigned depth);
void task_http(struct making *it, json_t *task);
void task_approval(struct making *it, json_t *task);

/* False where what it drew would emit and must not: nothing is filled then. */
bool task_run(struct making *it, json_t *task);

void task_listen(struct making *it, json_t *task);
void task_listen_each(struct making *it, json_t *task, unsigned depth);

#endif
