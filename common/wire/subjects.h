/*
 * The one place that builds and parses bus subjects and names streams and consumers.
 *
 *   event.<type>             EVENTS     a CloudEvent; the type's dots are the subject's dots
 *   task.<agent>.<store>     TASKS      TaskBatch
 *   result.<agent>.<store>   RESULTS_<agent>_<store>
 *                                       ResultBatch
 *   journal.<partition>      JOURNAL    JournalBatch
 *   lifecycle.<namespace>.<name>.<what>
 *                            LIFECYCLE  lifecycle CloudEvents of the workflow specification; what:
 *                                       workflow.started, ..., task.completed, ...
 *   hello.<agent>.<store>    -          Hello, request/reply
 *   presence.<agent>.<store> -          who is there, request/reply
 *   control.<verb>           -          ControlRequest, request/reply; verbs may have dots
 *   blob.<agent>.<store>     -          outputs too large for a message: the coordinator asks
 *                                       the store, request/reply (BlobRequest)
 *   input.<agent>.<store>    -          inputs and proposals too large for a message: the store
 *                                       asks the coordinator, request/reply
 *   call.<agent>.<service>   -          model and memory calls of a running task, request/reply
 *
 * A token is 1..64 characters of [A-Za-z0-9_-] and nothing else ever enters a subject: cnats sends
 * what it is given, and a space or a line break there is a protocol command of the writer's choice.
 *
 * Threads: any. Nothing allocates.
 */
#ifndef COMMON_WIRE_SUBJECTS_H
#define COMMON_WIRE_SUBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

enum {
    SUBJECT_TOKEN_BYTES = 65,                        /* a token and its terminator */
    SUBJECT_TYPE_BYTES = LIMIT_EVENT_TYPE_BYTES + 1, /* and its terminator */
    SUBJECT_BYTES = 256                              /* any subject built here and its terminator */
};

#define STREAM_EVENTS    "EVENTS"
#define STREAM_TASKS     "TASKS"
#define STREAM_RESULTS   "RESULTS"
#define STREAM_JOURNAL   "JOURNAL"
#define STREAM_LIFECYCLE "LIFECYCLE"

/* STREAM_RESULTS held the results of all stores, now each has a stream; a subject nobody has. */
#define SUBJECT_NO_RESULTS "results_before"

/* The coordinator's durable consumer on EVENTS and on the streams of results. */
#define CONSUMER_COORDINATOR "coordinator"

/* What each stream captures, and what a coordinator subscribes for everybody. */
#define SUBJECT_ALL_EVENTS    "event.>"
#define SUBJECT_ALL_TASKS     "task.>"
#define SUBJECT_ALL_RESULTS   "result.>"
#define SUBJECT_ALL_JOURNAL   "journal.>"
#define SUBJECT_ALL_LIFECYCLE "lifecycle.>"
#define SUBJECT_ALL_HELLO     "hello.*.*"
#define SUBJECT_ALL_CONTROL   "control.>"
#define SUBJECT_ALL_INPUT     "input.*.*"

enum subject_kind {
    SUBJECT_EVENT,
    SUBJECT_TASK,
    SUBJECT_RESULT,
    SUBJECT_HELLO,
    SUBJECT_PRESENCE,
    SUBJECT_CONTROL,
    SUBJECT_JOURNAL,
    SUBJECT_LIFECYCLE,
    SUBJECT_BLOB,
    SUBJECT_CALL,
    SUBJECT_INPUT
};

/* A parsed subject. Fields a kind does not have are empty. */
struct subject {
    enum subject_kind kind;
    char agent[SUBJECT_TOKEN_BYTES]; /* all with two tokens */
    char store[SUBJECT_TOKEN_BYTES]; /* of these all but call */
    char name[SUBJECT_TYPE_BYTES];   /* event and lifecycle: type; control: verb; call: service */
    uint16_t partition;              /* journal */
};

/* Build a subject into `out` of SUBJECT_BYTES. False, and an empty `out`, when a part is not a
 * token (types: tokens joined by single dots, at most SUBJECT_TYPE_BYTES - 1 characters). */
bool subject_event(const char *type, char *out);
bool subject_task(const char *agent, const char *store, char *out);
bool subject_result(const char *agent, const char *store, char *out);
bool subject_hello(const char *agent, const char *store, char *out);
bool subject_presence(const char *agent, const char *store, char *out);
bool subject_control(const char *verb, char *out);
bool subject_lifecycle(const char *type, char *out);
bool subject_blob(const char *agent, const char *store, char *out);
bool subject_input(const char *agent, const char *store, char *out);
bool subject_call(const char *agent, const char *service, char *out);
void subject_journal(uint16_t partition, char *out);

/* Parse a received subject. False when it is none of ours; *ret_subject is then zeroed. */
bool subject_parse(const char *text, struct subject *ret_subject);

/* The durable consumer of one store on TASKS, `<agent>_<store>`, into `out` of SUBJECT_BYTES. Two
 * stores never share a name: agent names have no underscore. False when a part is not a token or
 * the agent's name has an underscore. */
bool subject_consumer(const char *agent, const char *store, char *out);

/* The stream of one store's results, `RESULTS_<agent>_<store>`; the same conditions. */
bool subject_results_stream(const char *agent, const char *store, char *out);

/* Whether `type` can be a CloudEvent type on the bus: tokens joined by single dots. */
bool subject_type_valid(const char *type);

#endif
