/*
 * The agent on the bus: connect, say hello until the coordinator accepts, pull tasks, publish
 * results, say goodbye.
 *
 * Threads: the session's functions are called by the main thread; tasks are taken in on a thread of
 * its own, so that a slow store never holds up the bus library.
 */
#ifndef AGENTS_RUNTIME_SESSION_H
#define AGENTS_RUNTIME_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"

struct options;
struct runtime;
struct session;

/* `runtime` and `options` are borrowed. `wake_fd` is an eventfd that is written when the main
 * thread should call session_step. */
MUST_CHECK enum err session_create(struct runtime *runtime, const struct options *options,
                                   size_t capacity, int wake_fd, struct session **ret_session,
                                   struct error *err);

/* What hello says about metrics; borrowed. Before session_connect. */
void session_metrics_url(struct session *session, const char *url);

/* Connect. A server that is not there is waited for in the background; ERR_INVALID, ERR_REFUSED and
 * ERR_NOT_FOUND are faults of the configuration. */
MUST_CHECK enum err session_connect(struct session *session, struct error *err);

/* Do what is due: say hello, start pulling. Returns milliseconds until it wants to be called again,
 * -1: only when woken. */
int session_step(struct session *session);

/* Publish for the sender. */
enum err session_publish(struct session *session, struct str body, uint64_t token,
                         struct error *err);

/* Whether tasks are being taken. From any thread. */
bool session_is_ready(struct session *session);

/* Take no more tasks; returns when none is being taken in. */
void session_stop_pulling(struct session *session);

/* Tell the coordinator that this store takes no more tasks. */
void session_goodbye(struct session *session);

/* Close the connection, free *session and set it to NULL. Accepts NULL. */
void session_destroy(struct session **session);

#endif
