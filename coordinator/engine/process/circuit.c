/*
 * Circuits: what stops all work of one way instead of one step. An agent's action that the outside
 * refuses, an agent that does not run, a version that breaks its contract. One gate for the cause;
 * the steps stay ready in their queue, so that nothing is spent and nobody is asked once for each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "coordinator/engine/process/process.h"

enum { WORDS_BYTES = 640, BREACHES_KEPT = 64, ABSENT_MAX = 4096 };

void circuit_emit(struct engine *engine, const struct cause *cause, const struct gate *known)
{
    char what[WORDS_BYTES];
    (void)snprintf(what, sizeof(what), "%d\n%s\n%s\n%s\n%s", (int)cause->kind, cause->agent,
                   cause->action, cause->scope, cause->failure.code);
    struct event event = engine_event(NULL, EVENT_CIRCUIT_OPENED);
    event.has_key = true;
    event.key = known == NULL ? id_of_circuit(what, engine->sequence) : known->id;
    event.status = (uint32_t)cause->kind;
    event.agent = engine_text(engine, cause->agent);
    event.action = engine_text(engine, cause->action);
    event.name = engine_text(engine, cause->scope);
    event.phase = cause->phase;
    event.count = known == NULL ? 1 : known->revision + 1;
    event.failure = failure_keep(engine, &cause->failure);
    event.has_digest = true;
    event.digest = crypto_blake(cause->failure.detail, strlen(cause->failure.detail));
    engine_emit(engine, &event);
}

void circuit_decide(struct engine *engine, const struct id *gate,
                    const struct verdict_command *command, bool probe)
{
    struct event event = engine_event(NULL, EVENT_CIRCUIT_DECIDED);
    event.has_key = true;
    event.key = *gate;
    event.count = probe ? 1 : 0;
    if (command != NULL) {
        event.status = command->verdict;
        event.text = engine_text(engine, command->reason);
        event.person = engine_text(engine, command->person);
    }
    engine_emit(engine, &event);
}

/* Whoever waits for the instance learns that it waits for a person. */
static void tell_waiting(struct engine *engine, const struct instance *from, const struct id *gate)
{
    struct instance *instance = engine_load(engine, &from->id);
    do {
        struct order *order = engine_order(engine, ORDER_ENDED, 0);
        order->ended = (struct ended_order){
            .instance = instance->id, .status = instance->status, .has_gate = true, .gate = *gate};
    } while (child_waiter(engine, &instance) != NULL);
}

/* ---- who waits ---- */

/* The frame of a step that waits. */
static const struct frame *ready_frame(struct engine *engine, const struct ready *ready,
                                       const struct instance **ret_instance)
{
    *ret_instance = engine_load(engine, &ready->instance);
    CHECK(*ret_instance != NULL);
    const struct frame *frame = instance_frame(*ret_instance, ready->frame);
    CHECK(frame != NULL);
    return frame;
}

/* Whoever waits for an instance with a step that waits for the agent learns why. */
static void tell_wanting(struct engine *engine, const char *agent)
{
    size_t cursor = 0;
    const struct ready_queue *queue = NULL;
    while ((queue = map_next(engine->company.queues, &cursor, NULL, NULL)) != NULL) {
        const struct ready *ready =
            ready_queue_is_of(queue, agent, NULL) ? ready_oldest(queue) : NULL;
        for (; ready != NULL; ready = ready_younger(queue, ready)) {
            const struct instance *instance = NULL;
            const struct frame *frame = ready_frame(engine, ready, &instance);
            circuit_meets(engine, instance, frame);
        }
    }
}

/* ---- refused by the outside ---- */

/* What the outside said comes first: it is what a person can put in order. */
static const char *refusal_words(struct engine *engine, const struct plan_agent_call *call,
                                 const char *scope, const struct failure *failure)
{
    const char *said = failure->detail == NULL ? "" : failure->detail;
    struct buf words = BUF_INIT(WORDS_BYTES + strlen(said));
    buf_printf(&words, "%s of agent %s was refused", call->action, call->agent);
    if (scope[0] != '\0') {
        buf_printf(&words, " by %s", scope);
    }
    if (failure->status != 0) {
        buf_printf(&words, " with status %u", failure->status);
    }
    buf_printf(&words,
               "%s%s; its steps wait and spend no attempt: put its rights or keys in order, then "
               "approve; one step tries first, the others follow",
               said[0] == '\0' ? "" : ": ", said);
    const char *kept = engine_text(engine, words.failed ? said : words.data);
    buf_release(&words);
    return kept;
}

void circuit_refused(struct engine *engine, struct instance *instance, struct frame *frame,
                     const struct failure *failure)
{
    const struct plan_agent_call *call = &frame_node(instance, frame)->call;
    const char *scope = call_scope(engine, instance, frame);
    struct cause cause = {
        .kind = GATE_PERMISSION,
        .agent = call->agent,
        .action = call->action,
        .scope = scope,
        .phase = frame->phase,
        .failure = {.failure_class = FAILURE_PERMISSION,
                    .effect = MARK_NONE,
                    .code = failure->code,
                    .title = failure->title,
                    .detail = refusal_words(engine, call, scope, failure),
                    .pointer = "",
                    .status = failure->status},
    };
    const struct gate *known = company_circuit(&engine->company, GATE_PERMISSION, call->agent,
                                               call->action, scope, failure->code);
    bool again = known != NULL && known->probing;
    if (known == NULL || again) {
        circuit_emit(engine, &cause, known);
        known = company_circuit(&engine->company, GATE_PERMISSION, call->agent, call->action, scope,
                                failure->code);
    }
    struct event event = engine_event(instance, EVENT_STEP_READY);
    event.frame = frame->id;
    event.node = frame->node;
    engine_emit(engine, &event);
    if (again) {
        tell_wanting(engine, call->agent); /* who waited for the probe */
    } else {
        tell_waiting(engine, instance, &known->id);
    }
}

/* The circuit of a version that keeps all of the agent's work from the call; NULL: a store that is
 * well is live, or none is. */
static const struct gate *all_unhealthy(const struct engine *engine,
                                        const struct plan_agent_call *call)
{
    const struct gate *found = NULL;
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(engine->company.stores, &cursor, NULL, NULL)) != NULL) {
        if (strcmp(store->agent, call->agent) != 0 || store->state != STORE_LIVE ||
            !plan_version_in_range(store->contract->version, call->contract)) {
            continue;
        }
        const struct gate *gate = company_circuit(&engine->company, GATE_CONTRACT, call->agent, "",
                                                  store->contract->version, "");
        if (gate == NULL) {
            return NULL;
        }
        found = gate;
    }
    return found;
}

const struct gate *engine_circuit_of(struct engine *engine, const struct instance *instance,
                                     const struct frame *frame)
{
    const struct plan_node *node = frame_node(instance, frame);
    if (map_count(engine->company.circuits) == 0 || node == NULL || node->kind != TASK_AGENT ||
        frame->state != FRAME_READY) {
        return NULL;
    }
    const struct plan_agent_call *call = &node->call;
    if (frame->money != NULL && frame->money->wants != 0) {
        char account[ACCOUNT_NAME_BYTES];
        account_name(instance, frame, (enum account_kind)frame->money->wants, account);
        return company_circuit(&engine->company, GATE_BUDGET, "", "", account, "");
    }
    const struct gate *gate = circuit_stops(&engine->company, call->agent, call->action,
                                            call_scope(engine, instance, frame));
    if (gate == NULL) {
        gate = company_circuit(&engine->company, GATE_AGENT_ABSENT, call->agent, "", "", "");
    }
    return gate != NULL ? gate : all_unhealthy(engine, call);
}

void circuit_meets(struct engine *engine, const struct instance *instance,
                   const struct frame *frame)
{
    const struct gate *gate = engine_circuit_of(engine, instance, frame);
    if (gate != NULL && !gate->probing) {
        tell_waiting(engine, instance, &gate->id);
    }
}

void circuits_proved(struct engine *engine, const struct instance *instance,
                     const struct frame *frame)
{
    size_t cursor = 0;
    const struct gate *gate = NULL;
    while (map_count(engine->company.circuits) > 0 &&
           (gate = map_next(engine->company.circuits, &cursor, NULL, NULL)) != NULL) {
        bool later = gate->phase == PHASE_PERFORM && frame->phase == PHASE_DECIDE &&
                     call_performs(engine, instance, frame);
        if (gate->probing && gate->probe == frame->ready_order && !later) {
            struct id id = gate->id;
            circuit_decide(engine, &id, NULL, false);
            cursor = 0;
        }
    }
}

/* ---- breaks its contract ---- */

/* Forget what is older than the window, remember this one; count what is left of the version. */
static uint32_t breaches_count(struct engine *engine, const struct breach *breach,
                               uint32_t *ret_instances)
{
    size_t kept = 0;
    uint32_t count = 1;
    *ret_instances = 1;
    for (size_t i = 0; i < engine->breach_count; i++) {
        const struct breach *old = &engine->breaches[i];
        if (old->at_ms + engine->policy->limits.breach_window_ms <= engine->now) {
            continue;
        }
        if (old->contract == breach->contract) {
            bool seen = id_equal(&old->instance, &breach->instance);
            for (size_t j = 0; j < kept && !seen; j++) {
                seen = engine->breaches[j].contract == breach->contract &&
                       id_equal(&engine->breaches[j].instance, &old->instance);
            }
            *ret_instances += seen ? 0 : 1;
            count++;
        }
        engine->breaches[kept++] = *old;
    }
    if (kept == BREACHES_KEPT) {
        memmove(engine->breaches, engine->breaches + 1, --kept * sizeof(*engine->breaches));
    }
    engine->breaches[kept++] = *breach;
    engine->breach_count = kept;
    return count;
}

void circuit_breach(struct engine *engine, const struct instance *instance,
                    const struct frame *frame)
{
    const char *agent = frame_node(instance, frame)->call.agent;
    const struct contract *contract =
        company_contract(&engine->company, agent, frame->contract_version);
    if (engine->breaches == NULL) {
        engine->breaches = calloc(BREACHES_KEPT, sizeof(*engine->breaches));
        CHECK(engine->breaches != NULL);
    }
    struct breach breach = {.contract = contract, .instance = instance->id, .at_ms = engine->now};
    uint32_t instances = 0;
    uint32_t count = breaches_count(engine, &breach, &instances);
    const struct gate *known =
        company_circuit(&engine->company, GATE_CONTRACT, agent, "", contract->version, "");
    bool again = known != NULL && known->probing;
    bool many = count >= engine->policy->limits.breaches &&
                instances >= engine->policy->limits.breach_instances;
    if (!again && (known != NULL || !many)) {
        return;
    }
    char detail[WORDS_BYTES];
    (void)snprintf(
        detail, sizeof(detail),
        "version %s of agent %s gave %u answers that break its contract to %u instances: "
        "no more work goes to it; start a version that is well, or mend it and approve",
        contract->version, agent, count, instances);
    struct cause cause = {
        .kind = GATE_CONTRACT,
        .agent = agent,
        .action = "",
        .scope = contract->version,
        .failure = {.failure_class = FAILURE_CONTRACT,
                    .effect = MARK_NONE,
                    .code = "unhealthy-version",
                    .title = "an agent's version breaks its contract again and again",
                    .detail = detail,
                    .pointer = ""},
    };
    circuit_emit(engine, &cause, known);
}

/* ---- does not run ---- */

static void absence_forget(struct engine *engine, size_t at)
{
    free(engine->absences[at].agent);
    engine->absences[at] = engine->absences[--engine->absence_count];
}

/* Since when the agent is away, as far as the step is concerned: it began to wait, or the last
 * store left. Read from the state, so that a restart does not begin the grace anew. */
static int64_t away_since(const struct engine *engine, const char *agent, const struct frame *frame)
{
    int64_t since = frame->started_ms;
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(engine->company.stores, &cursor, NULL, NULL)) != NULL) {
        bool left = strcmp(store->agent, agent) == 0 && store->state != STORE_LIVE;
        since = left && store->since_ms > since ? store->since_ms : since;
    }
    return since;
}

void absence_ends(struct engine *engine, const char *agent)
{
    for (size_t i = 0; i < engine->absence_count; i++) {
        if (strcmp(engine->absences[i].agent, agent) == 0) {
            absence_forget(engine, i);
            break;
        }
    }
    const struct gate *gate =
        map_count(engine->company.circuits) == 0
            ? NULL
            : company_circuit(&engine->company, GATE_AGENT_ABSENT, agent, "", "", "");
    if (gate != NULL) {
        struct id id = gate->id;
        circuit_decide(engine, &id, NULL, false);
    }
}

static bool agent_is_wanted(const struct engine *engine, const char *agent)
{
    return company_waiting(&engine->company, agent, NULL).steps > 0;
}

size_t engine_circuit_waiting(struct engine *engine, const struct gate *gate, struct id *out,
                              size_t room)
{
    size_t count = 0;
    size_t listed = 0;
    size_t cursor = 0;
    const struct ready_queue *queue = NULL;
    if (gate->kind == GATE_BUDGET) {
        const struct account *account = company_account(&engine->company, gate->scope);
        const struct ready *ready = account == NULL ? NULL : ready_oldest(account->waiting);
        for (; ready != NULL && listed < room; ready = ready_younger(account->waiting, ready)) {
            out[listed++] = ready->instance;
        }
        return account == NULL ? 0 : account->waiting->count;
    }
    while ((queue = map_next(engine->company.queues, &cursor, NULL, NULL)) != NULL) {
        const struct instance *instance = NULL;
        const struct ready *ready =
            ready_queue_is_of(queue, gate->agent, NULL) ? ready_oldest(queue) : NULL;
        const struct frame *frame = ready == NULL ? NULL : ready_frame(engine, ready, &instance);
        if (frame == NULL || engine_circuit_of(engine, instance, frame) != gate) {
            continue; /* all of a queue go the same way */
        }
        count += queue->count;
        for (; ready != NULL && listed < room; ready = ready_younger(queue, ready)) {
            out[listed++] = ready->instance;
        }
    }
    return count;
}

static void absence_ask(struct engine *engine, const char *agent)
{
    char detail[WORDS_BYTES];
    (void)snprintf(detail, sizeof(detail),
                   "work waits for agent %s, and no store of it that fits is live: start it, and "
                   "this closes by itself; approve if that is known",
                   agent);
    struct cause cause = {
        .kind = GATE_AGENT_ABSENT,
        .agent = agent,
        .action = "",
        .scope = "",
        .failure = {.failure_class = FAILURE_TRANSIENT,
                    .effect = MARK_NONE,
                    .code = "agent-absent",
                    .title = "an agent that is needed does not run",
                    .detail = detail,
                    .pointer = ""},
    };
    circuit_emit(engine, &cause, NULL);
}

void absence_watch(struct engine *engine, const char *agent, const struct frame *frame)
{
    for (size_t i = 0; i < engine->absence_count; i++) {
        if (strcmp(engine->absences[i].agent, agent) == 0) {
            return;
        }
    }
    if (engine->absence_count == ABSENT_MAX ||
        company_circuit(&engine->company, GATE_AGENT_ABSENT, agent, "", "", "") != NULL) {
        return;
    }
    int64_t due = away_since(engine, agent, frame) + engine->policy->limits.absence_grace_ms;
    due = due > engine->settled_ms ? due : engine->settled_ms;
    if (due <= engine->now) {
        absence_ask(engine, agent);
        tell_wanting(engine, agent);
        return;
    }
    if (engine->absence_count == engine->absence_room) {
        engine->absence_room = engine->absence_room == 0 ? 8 : engine->absence_room * 2;
        engine->absences =
            realloc(engine->absences, engine->absence_room * sizeof(*engine->absences));
        CHECK(engine->absences != NULL);
    }
    struct absence *absence = &engine->absences[engine->absence_count++];
    absence->agent = strdup(agent);
    CHECK(absence->agent != NULL);
    absence->due_ms = due;
}

static bool live_and_fitting(const struct engine *engine, const struct plan_agent_call *call)
{
    size_t cursor = 0;
    const struct store *store = NULL;
    while ((store = map_next(engine->company.stores, &cursor, NULL, NULL)) != NULL) {
        if (store->state == STORE_LIVE && strcmp(store->agent, call->agent) == 0 &&
            plan_version_in_range(store->contract->version, call->contract)) {
            return true;
        }
    }
    return false;
}

void absences_find(struct engine *engine)
{
    size_t cursor = 0;
    const struct ready_queue *queue = NULL;
    while ((queue = map_next(engine->company.queues, &cursor, NULL, NULL)) != NULL) {
        const struct instance *instance = NULL;
        const struct ready *ready = ready_oldest(queue);
        const struct frame *frame = ready == NULL ? NULL : ready_frame(engine, ready, &instance);
        const struct plan_agent_call *call =
            frame == NULL ? NULL : &frame_node(instance, frame)->call;
        if (call != NULL && !live_and_fitting(engine, call)) {
            absence_watch(engine, call->agent, frame);
        }
    }
}

void absences_due(struct engine *engine)
{
    for (size_t i = engine->absence_count; i > 0; i--) {
        const struct absence *absence = &engine->absences[i - 1];
        if (absence->due_ms > engine->now) {
            continue;
        }
        const char *agent = engine_text(engine, absence->agent);
        absence_forget(engine, i - 1);
        if (agent_is_wanted(engine, agent)) {
            absence_ask(engine, agent);
            tell_wanting(engine, agent);
        }
    }
}

int64_t absence_next(const struct engine *engine)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < engine->absence_count; i++) {
        due = engine->absences[i].due_ms < due ? engine->absences[i].due_ms : due;
    }
    return due;
}

/* ---- a person's word ---- */

void circuit_verdict(struct engine *engine, uint64_t token, const struct gate *gate,
                     const struct verdict_command *command)
{
    if (command->verdict != VERDICT_APPROVE) {
        engine_refuse(
            engine, token, ERR_INVALID,
            "a gate of kind %s is approved once its cause is gone; to give up, cancel the "
            "instances that wait",
            gate_kind_name(gate->kind));
        return;
    }
    if (gate->probing) {
        engine_refuse(engine, token, ERR_CONFLICT, "it is approved already: %s",
                      gate->kind == GATE_AGENT_ABSENT
                          ? "it closes by itself when the agent comes"
                          : "the next step that comes tries whether it is well");
        return;
    }
    struct id id = gate->id;
    circuit_decide(engine, &id, command, true);
    engine_reply_ok(engine, token, NULL, false);
}
