/* What the steps that are entered have, so that a run shows that all of the language was reached.
 */
#include <string.h>

#include "common/base/str.h"
#include "coordinator/definition/plan.h"
#include "coordinator/engine/instance.h"
#include "tests/sim/checker.h"
#include "tests/sim/sim.h"

const char *const feature_names[FEATURE_COUNT] = {
#define SIM_FEATURE(name, text) text,
#include "tests/sim/features.def"
#undef SIM_FEATURE
};

static void count(struct sim *sim, enum feature feature, bool has)
{
    sim->figures.features[feature] += has ? 1 : 0;
}

void features_instance(struct sim *sim, const struct instance *instance)
{
    const struct plan *plan = instance->plan;
    count(sim, FEATURE_ON_EVENT, plan->trigger != NULL);
    if (plan->trigger != NULL && plan->trigger->gathers &&
        text_starts(instance->trigger, "event ")) {
        bool all = plan->trigger->on.kind == CONSUME_ALL;
        count(sim, all ? FEATURE_ON_ALL : FEATURE_ON_UNTIL, true);
    }
    count(sim, FEATURE_EVERY, plan->schedule.kind == SCHEDULE_EVERY);
    count(sim, FEATURE_CRON, plan->schedule.kind == SCHEDULE_CRON);
    count(sim, FEATURE_AFTER, plan->schedule.kind == SCHEDULE_AFTER);
    count(sim, FEATURE_WORKFLOW_TIMEOUT, plan->timeout.present);
    count(sim, FEATURE_CHILD, instance->has_parent);
}

static void listen_count(struct sim *sim, const struct event_consumption *listen)
{
    count(sim, FEATURE_LISTEN_ONE, listen->kind == CONSUME_ONE);
    count(sim, FEATURE_LISTEN_ANY, listen->kind == CONSUME_ANY);
    count(sim, FEATURE_LISTEN_ALL, listen->kind == CONSUME_ALL);
    count(sim, FEATURE_LISTEN_UNTIL, listen->until != NULL);
    count(sim, FEATURE_LISTEN_UNTIL_EVENTS, listen->until_events != NULL);
    count(sim, FEATURE_LISTEN_FOREACH, listen->foreach != NULL);
    for (size_t i = 0; i < listen->filter_count; i++) {
        count(sim, FEATURE_CORRELATE, listen->filters[i].correlation_count > 0);
    }
}

static void call_count(struct sim *sim, const struct plan_agent_call *call)
{
    static const struct {
        const char *agent;
        enum feature feature;
    } agents[] = {{"pure", FEATURE_CALL_PURE},     {"quick", FEATURE_CALL_PURE},
                  {"keyed", FEATURE_CALL_KEYED},   {"probed", FEATURE_CALL_PROBED},
                  {"manual", FEATURE_CALL_MANUAL}, {"both", FEATURE_CALL_BOTH}};
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
        count(sim, agents[i].feature, strcmp(call->agent, agents[i].agent) == 0);
    }
    bool openapi = strcmp(call->action, "operate") == 0;
    count(sim, FEATURE_CALL_OPENAPI, call->standard && openapi);
    count(sim, FEATURE_CALL_HTTP, call->standard && !openapi);
    count(sim, FEATURE_OWN_KEY, call->idempotency_key != NULL);
    count(sim, FEATURE_MIN_CONFIDENCE, call->min_confidence > 0);
}

static void approval_count(struct sim *sim, const struct plan_approval *approval)
{
    static const enum feature ways[] = {[ON_TIMEOUT_PARK] = FEATURE_APPROVAL_PARK,
                                        [ON_TIMEOUT_DENY] = FEATURE_APPROVAL_DENY,
                                        [ON_TIMEOUT_ALLOW] = FEATURE_APPROVAL_ALLOW,
                                        [ON_TIMEOUT_ESCALATE] = FEATURE_APPROVAL_ESCALATE};
    count(sim, approval->has_deadline ? ways[approval->on_timeout] : FEATURE_APPROVAL_OPEN, true);
    count(sim, FEATURE_APPROVAL_FORM, approval->form != NULL);
}

static void kind_count(struct sim *sim, const struct plan_node *node)
{
    switch ((unsigned)node->kind) {
    case TASK_LISTEN:
        listen_count(sim, &node->listen);
        break;
    case TASK_RUN:
        count(sim, node->run.await ? FEATURE_RUN_AWAIT : FEATURE_RUN_DETACHED, true);
        break;
    case TASK_FORK:
        count(sim, node->fork.compete ? FEATURE_FORK_RACE : FEATURE_FORK_JOIN, true);
        break;
    case TASK_TRY:
        count(sim, FEATURE_RETRY, node->attempt.retry != NULL);
        count(sim, FEATURE_RETRY_ATTEMPT_TIME,
              node->attempt.retry != NULL && node->attempt.retry->attempt_duration_ms > 0);
        count(sim, FEATURE_CATCH_DO, node->attempt.catch_first != PLAN_NONE);
        break;
    case TASK_AGENT:
        call_count(sim, &node->call);
        break;
    case TASK_LOCK:
        count(sim,
              json_object_get(json_object_get(node->definition, "with"), "do") == NULL
                  ? FEATURE_LOCK_CALL
                  : FEATURE_LOCK,
              true);
        break;
    case TASK_APPROVAL:
        approval_count(sim, &node->approval);
        break;
    default:
        break;
    }
}

void features_step(struct sim *sim, const struct plan_node *node)
{
    count(sim, FEATURE_TASK_TIMEOUT, node->timeout.present);
    count(sim, FEATURE_CONTEXT, node->data.export_as != NULL);
    count(sim, FEATURE_EXTENDED, strstr(node->pointer, "/audit/") != NULL);
    count(sim, FEATURE_FUNCTION, strcmp(node->name, "fn") == 0);
    count(sim, FEATURE_PART, strstr(node->name, "@default") != NULL);
    kind_count(sim, node);
}
