/*
 * call: approval. A person is asked about a proposal; the verdict is the step's output, a denial is
 * an error. What is asked stands in the gate (`ask`), so it outlives restarts and new revisions.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/json/schema.h"
#include "coordinator/engine/process/process.h"

enum { TITLE_BYTES = 200, RATIONALE_BYTES = 4000, ASSIGNEES_MAX = 50 };

static const char *const on_timeout_names[] = {
    [ON_TIMEOUT_PARK] = "park",
    [ON_TIMEOUT_DENY] = "deny",
    [ON_TIMEOUT_ALLOW] = "allow",
    [ON_TIMEOUT_ESCALATE] = "escalate",
};

static enum eval ask_refused(struct scope *scope, const char *why)
{
    scope->error = error_make(scope->engine, "expression", 400, scope->node->pointer,
                              "the approval cannot be asked for", why);
    return EVAL_ERROR;
}

static enum eval ask_text(struct scope *scope, const struct template *tmpl, size_t max,
                          const char *why, json_t *ask, const char *member)
{
    struct doc *value = NULL;
    if (tmpl == NULL) {
        return EVAL_OK;
    }
    enum eval eval = scope_template(scope, tmpl, scope->input, &value);
    if (eval != EVAL_OK) {
        return eval;
    }
    const char *text = json_string_value(doc_json(value));
    if (text == NULL || text[0] == '\0' || strlen(text) > max) {
        return ask_refused(scope, why);
    }
    CHECK(json_object_set(ask, member, doc_json(value)) == 0);
    return EVAL_OK;
}

static bool assignees_fit(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        if (name == NULL || name[0] == '\0' || strlen(name) > TITLE_BYTES) {
            return false;
        }
    }
    return json_is_array(value) && json_array_size(value) <= ASSIGNEES_MAX;
}

static enum eval ask_assignees(struct scope *scope, json_t *ask)
{
    const struct template *tmpl = scope->node->approval.assignees;
    struct doc *value = NULL;
    if (tmpl == NULL) {
        return EVAL_OK;
    }
    enum eval eval = scope_template(scope, tmpl, scope->input, &value);
    if (eval != EVAL_OK) {
        return eval;
    }
    if (!assignees_fit(doc_json(value))) {
        return ask_refused(scope, "'assignees' must give an array of at most 50 names");
    }
    CHECK(json_object_set(ask, "assignees", doc_json(value)) == 0);
    return EVAL_OK;
}

static enum eval ask_deadline(struct scope *scope, struct event *event, json_t *ask)
{
    const struct plan_approval *approval = &scope->node->approval;
    event->at_ms = 0;
    if (!approval->has_deadline) {
        return EVAL_OK;
    }
    int64_t ms = 0;
    enum eval eval = scope_duration(scope, &approval->deadline, scope->input, &ms);
    if (eval != EVAL_OK) {
        return eval;
    }
    event->at_ms = scope->engine->now + (ms < 1 ? 1 : ms);
    char text[CLOCK_TEXT_BYTES];
    (void)clock_format(event->at_ms, text);
    CHECK(json_object_set_new(ask, "deadline", json_string(text)) == 0);
    CHECK(json_object_set_new(ask, "onTimeout",
                              json_string(on_timeout_names[approval->on_timeout])) == 0);
    return EVAL_OK;
}

enum eval approval_prepare(struct scope *scope, struct event *event, struct doc **ret_ask)
{
    const struct plan_approval *approval = &scope->node->approval;
    json_t *ask = json_object();
    CHECK(ask != NULL);
    (void)engine_hold_json(scope->engine, ask);
    enum eval eval = ask_text(scope, approval->title, TITLE_BYTES,
                              "'title' must give a text of 1 to 200 bytes", ask, "title");
    if (eval == EVAL_OK) {
        eval = ask_text(scope, approval->rationale, RATIONALE_BYTES,
                        "'rationale' must give a text of 1 to 4000 bytes", ask, "rationale");
    }
    if (eval == EVAL_OK) {
        eval = ask_assignees(scope, ask);
    }
    if (eval == EVAL_OK) {
        eval = ask_deadline(scope, event, ask);
    }
    if (eval == EVAL_OK) {
        eval = scope_template(scope, approval->proposal, scope->input, &event->output);
    }
    if (eval != EVAL_OK) {
        return eval;
    }
    size_t size = 0;
    (void)doc_text(event->output, &size);
    if (size > LIMIT_VALUE_BYTES) {
        return ask_refused(scope, "the proposal is larger than 512 KB");
    }
    if (approval->form_document != NULL) {
        CHECK(json_object_set(ask, "form", json_mutable(approval->form_document)) == 0);
    }
    *ret_ask = engine_hold(scope->engine, doc_of_json(json_incref(ask)));
    return EVAL_OK;
}

void approval_open(struct engine *engine, struct instance *instance, struct frame *frame,
                   struct doc *ask)
{
    const char *rationale = json_text_of(doc_json(ask), "rationale");
    struct failure words = {
        .failure_class = FAILURE_QUALITY, /* not shown: a gate row always has a failure */
        .effect = MARK_NONE,
        .code = "approval",
        .title = json_text_of(doc_json(ask), "title"),
        .detail = rationale == NULL ? "" : rationale,
        .pointer = "",
    };
    gate_ask(engine, instance, frame, GATE_APPROVAL, &words, frame->call_input, ask);
}

/* The output of a step that was approved; `person` NULL: the deadline decided. */
static struct doc *approval_output(struct engine *engine, const char *word, struct doc *value,
                                   const char *person, const char *reason)
{
    char at[CLOCK_TEXT_BYTES];
    (void)clock_format(engine->now, at);
    json_t *output =
        json_pack("{s:s, s:O, s:s?, s:s, s:s}", "verdict", word, "value", doc_json(value), "person",
                  person, "reason", reason == NULL ? "" : reason, "at", at);
    CHECK(output != NULL);
    return engine_hold(engine, doc_of_json(output));
}

/* One decision, of a person or of the deadline. */
struct approval_decision {
    uint32_t verdict;
    struct doc *value; /* of VERDICT_EDIT */
    const char *person;
    const char *reason;
    const char *denied; /* title of the error */
};

static void approval_decide(struct engine *engine, struct instance *instance, struct frame *frame,
                            const struct approval_decision *decision)
{
    struct event event = gate_decided(engine, instance, frame, decision->verdict, decision->reason,
                                      decision->person);
    event.flow = WALK_NEXT;
    event.count = decision->person == NULL ? 1 : 0;
    if (decision->verdict == VERDICT_REJECT) {
        const struct plan_node *node = frame_node(instance, frame);
        const char *reason = event.count == 1 ? NULL : decision->reason;
        event.error = error_make(engine, "authorization", 403, node->pointer, decision->denied,
                                 reason == NULL || reason[0] == '\0' ? NULL : reason);
    } else {
        bool edited = decision->verdict == VERDICT_EDIT;
        event.value = decision->value;
        event.output =
            approval_output(engine, edited ? "edited" : "approved",
                            edited ? decision->value : frame->call_input, event.person, event.text);
    }
    engine_emit(engine, &event);
    if (event.error != NULL) {
        fault_frame(engine, instance, frame, event.error);
    }
    if (!instance->ended) {
        walk(engine, instance);
    }
}

bool approval_fits(struct engine *engine, uint64_t token, const struct instance *instance,
                   const struct frame *frame, const struct verdict_command *command)
{
    const struct schema *form = frame_node(instance, frame)->approval.form;
    bool edit = command->verdict == VERDICT_EDIT;
    if (edit && command->value == NULL) {
        engine_refuse(engine, token, ERR_INVALID, "a value is needed to edit");
        return false;
    }
    struct schema_failures failures;
    if (command->verdict == VERDICT_REJECT || form == NULL ||
        schema_validate(form, doc_json(edit ? command->value : frame->call_input), &failures)) {
        return true;
    }
    struct buf words = BUF_INIT(4096);
    schema_failures_print(&failures, &words);
    engine_refuse(engine, token, ERR_INVALID, "the %s breaks the approval's form: %s",
                  edit ? "value" : "proposal (edit it)", words.failed ? "" : words.data);
    buf_release(&words);
    return false;
}

void approval_verdict(struct engine *engine, struct instance *instance, struct frame *frame,
                      const struct verdict_command *command)
{
    struct approval_decision decision = {
        .verdict = command->verdict,
        .value = command->value,
        .person = command->person == NULL ? "" : command->person,
        .reason = command->reason,
        .denied = "a person did not approve this",
    };
    approval_decide(engine, instance, frame, &decision);
}

/* Ask anew: of everybody, and without a deadline. */
static void approval_escalate(struct engine *engine, struct instance *instance, struct frame *frame,
                              const struct gate *gate)
{
    json_t *ask = json_copy(doc_json(gate->ask));
    CHECK(ask != NULL);
    (void)json_object_del(ask, "assignees");
    (void)json_object_del(ask, "deadline");
    (void)json_object_del(ask, "onTimeout");
    CHECK(json_object_set_new(ask, "escalated", json_true()) == 0);
    approval_open(engine, instance, frame, engine_hold(engine, doc_of_json(ask)));
}

void approval_deadline(struct engine *engine, struct instance *instance, struct frame *frame)
{
    const struct gate *gate = company_gate(&engine->company, &frame->gate);
    enum on_timeout policy = frame_node(instance, frame)->approval.on_timeout;
    CHECK(gate != NULL);
    struct event event = engine_event(instance, EVENT_TIMER_FIRED);
    event.frame = frame->id;
    event.node = frame->node;
    engine_emit(engine, &event);
    if (policy == ON_TIMEOUT_ESCALATE) {
        approval_escalate(engine, instance, frame, gate);
    } else if (policy != ON_TIMEOUT_PARK) {
        struct approval_decision decision = {
            .verdict = policy == ON_TIMEOUT_ALLOW ? VERDICT_APPROVE : VERDICT_REJECT,
            .reason = "nobody answered before the deadline",
            .denied = "nobody approved this before its deadline",
        };
        approval_decide(engine, instance, frame, &decision);
    }
}
