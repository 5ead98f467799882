/*
 * What is done about failures by default, as data: a path for each class, the retries before it,
 * and the bounds of circuits. deploy/policies/README.md describes the file.
 *
 * Threads: immutable after loading.
 */
#ifndef COORDINATOR_DEFINITION_POLICY_H
#define COORDINATOR_DEFINITION_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/money.h"
#include "common/crypto/crypto.h"

struct plan_report;

/* Numbers are those of the engine's failure classes; the engine asserts it. */
enum { POLICY_CLASSES = 9 };

enum policy_path {
    PATH_ASK,     /* a gate on the step: parked, data, in-doubt, or quality's with the proposal */
    PATH_CIRCUIT, /* a gate on the action: its steps wait together */
    PATH_RAISE,   /* the definition's error, whether or not it is caught */
};

/* Retry n (1 for the first) waits a draw from [0, min(max_delay, delay * factor^(n-1))]. */
struct policy_retry {
    int64_t delay_ms;
    double factor;
    int64_t max_delay_ms;
    uint32_t attempts; /* with the first one */
};

struct policy_rules {
    struct policy_retry retry; /* of what passes by itself */
    enum policy_path paths[POLICY_CLASSES];
};

/* Bounds of circuits and absence. */
struct policy_limits {
    int64_t absence_grace_ms; /* how long work waits for an agent before a person is told */
    uint32_t breaches; /* of its contract, within the window, that make a version unhealthy */
    uint32_t breach_instances; /* so many different ones must have seen one */
    int64_t breach_window_ms;
};

/* Caps of what paid work may cost each day (UTC); not given: no cap. All are in one currency. */
struct policy_cap {
    const char *agent;
    struct money day;
};

struct policy_budget {
    struct money day; /* of the whole company */
    const struct policy_cap *agents;
    size_t agent_count;
};

/* Rules of one action, complete: what its entry does not say is that of the policy. */
struct policy_action {
    const char *name; /* agent/action */
    struct policy_rules rules;
};

struct policy {
    struct digest digest; /* of the text */
    struct policy_rules rules;
    struct policy_limits limits;
    struct policy_budget budget;
    const struct policy_action *actions;
    size_t action_count;
    struct arena *arena;
};

/* What holds without a file. */
struct policy *policy_default(void);

/* Read a policy, YAML or JSON. *ret_policy is the caller's. ERR_INVALID: `report` has all problems
 * with their places; to be released with plan_report_release in any case. */
MUST_CHECK enum err policy_load(const char *text, size_t size, struct policy **ret_policy,
                                struct plan_report *report);

/* Free *policy and set it to NULL. Accepts NULL. */
void policy_destroy(struct policy **policy);

/* The rules for an action. */
const struct policy_rules *policy_rules_of(const struct policy *policy, const char *agent,
                                           const char *action);

/* The cap of an agent, or NULL. */
const struct money *policy_cap_of(const struct policy *policy, const char *agent);

#endif
