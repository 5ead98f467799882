/*
 * Walks a loaded process in memory: tasks, expressions and data flow as the definition says, agents
 * called as functions. Knows what the shipped processes use (call, set, switch); no timers, retries
 * or gates: the first failure of an agent ends the walk.
 */
#ifndef TESTS_UNIT_PROCESSES_WALK_H
#define TESTS_UNIT_PROCESSES_WALK_H

#include "common/json/json.h"
#include "coordinator/definition/plan.h"

struct desk;

struct walk {
    json_t *output;   /* of the instance; NULL when an agent failed */
    char failed[128]; /* name of the task whose agent failed, or "" */
    char detail[512]; /* why */
    char path[512];   /* names of the tasks walked, "extract check decide ..." */
};

/* Load a process of deploy/processes; the test fails on any problem or warning. */
struct plan *process_load(const char *file);

/* Walk `plan` for one event (taken). Release with walk_release. */
void walk_event(const struct plan *plan, struct desk *desk, json_t *event, struct walk *ret_walk);

void walk_release(struct walk *walk);

/* The envelope of an event with the bytes of a file below tests/data, as the coordinator keeps it.
 */
json_t *event_of_file(const char *type, const char *file, const char *content_type);

/* The same with text; what is not UTF-8 becomes data_base64. */
json_t *event_of_text(const char *type, const char *text, size_t size, const char *content_type);

#endif
