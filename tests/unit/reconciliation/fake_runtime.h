/*
 * What the actions need of the agent runtime, over a desk: enough to run one task on this thread.
 * Staged writes go with a failure, as in the real one.
 */
#ifndef TESTS_UNIT_RECONCILIATION_FAKE_RUNTIME_H
#define TESTS_UNIT_RECONCILIATION_FAKE_RUNTIME_H

#include "agents/runtime/agent.h"
#include "desk.h"

typedef void action_fn(const struct agent_task *task, struct agent_reply *reply);

/* Run one phase of an action. `input` is taken. The reply is released with fake_release. */
void fake_run(struct desk *desk, action_fn *action, json_t *input, struct agent_reply *ret_reply);

/* The same under an idempotency key other than "key". */
void fake_run_as(struct desk *desk, const char *key, action_fn *action, json_t *input,
                 struct agent_reply *ret_reply);

void fake_release(struct agent_reply *reply);

#endif
