/*
 * Results of agents, one lane for each store: a stream of its own on the bus, a pull of its own, a
 * queue of its own here. So what one store sends, and be it a flood, stands before nobody else's
 * answers: not on the bus, whose streams refuse what is beyond their bounds each for itself, and
 * not in a turn, where lanes take their turns (deficit round robin: Shreedhar and Varghese, SIGCOMM
 * 1995). What a lane does not need of its share goes to those that have work.
 *
 * Threads: lane_deliver from threads of the bus; everything else from the thread of the turns.
 */
#ifndef COORDINATOR_EDGE_LANES_H
#define COORDINATOR_EDGE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

struct bus_msg;
struct conduct;
struct edge;
struct item;
struct lane;
struct lanes;

enum {
    LANE_WINDOW = 256,         /* messages of one store on their way to us */
    LANE_QUANTUM = 64 * 1024,  /* bytes of one lane before it is the next one's turn */
    LANE_MESSAGES_MAX = 8192,  /* in its stream; what is more is refused to its agent */
    LANE_BYTES_MAX = 16777216, /* likewise */
    LANE_TRIM_MESSAGES = 1024, /* acknowledged ones that may pile up before they are purged */
    LANE_TRIM_BYTES = 4194304, /* likewise */
};

struct lanes *lanes_create(struct edge *edge);

/* Items that wait are destroyed, and what still comes is dropped: it is not acknowledged. */
void lanes_close(struct lanes *lanes);

/* Accepts NULL. Precondition: closed, and no bus calls lane_deliver any more. */
void lanes_destroy(struct lanes **lanes);

/* Take from stream `stream`, consumer CONSUMER_COORDINATOR, that of a store or, with empty names,
 * one of several; `fresh`: it was just made, so ask at once. Opening an open lane is fine. */
MUST_CHECK enum err lane_open(struct lanes *lanes, const char *stream, const char *agent,
                              const char *store, bool fresh, struct error *err);

/* The stream is gone, and so is what waits here of it. Nothing when there is no such lane. */
void lane_close(struct lanes *lanes, const char *stream);

/* Ask for messages at once, in all lanes: the streams were made again. */
void lanes_kick(struct lanes *lanes);

/* Messages that wait for a turn. From any thread. */
size_t lanes_count(struct lanes *lanes);

/* Take up to `most` of them in turns, each lane in the order of its stream. Lanes of stores that
 * have to rest (conduct.h) are left out. */
size_t lanes_take(struct lanes *lanes, struct item **items, size_t most, int64_t now_ms);

/* When there is something to take, to tell or to trim, by the clock of `now_ms`; at once what is
 * not after it, INT64_MAX: nothing yet. */
int64_t lanes_due(struct lanes *lanes, int64_t now_ms);

/* A message of this lane was taken. What it said changed nothing, `count` times. */
void lane_useless(struct lane *lane, uint64_t count, const struct bus_msg *msg, int64_t now_ms);

/* The conduct of a store; of one without a lane that of all strangers. */
struct conduct *lanes_conduct(struct lanes *lanes, const char *agent, const char *store);

/* Dead letters of one store that were not kept, when it is time to tell: how many, and why the last
 * was refused. Empty names: of strangers. False: nothing more to tell now. */
bool lanes_tell(struct lanes *lanes, int64_t now_ms, uint64_t *ret_count, const char **ret_why,
                const char **ret_agent, const char **ret_store);

/* After the commit: the message of this item is acknowledged and done with. */
void lane_done(struct lane *lane, size_t bytes);

/* Names of open lanes' streams, one after the other: `cursor` starts at 0. False at the end. */
bool lanes_next(const struct lanes *lanes, size_t *cursor, const char **ret_stream,
                const char **ret_agent, const char **ret_store);

/* Copy the figures of lanes to metrics. */
void lanes_metrics_give(struct lanes *lanes);

/* Drop acknowledged messages now and then, because they stay under limits retention. */
void lanes_trim(struct lanes *lanes, int64_t now_ms);

#endif
