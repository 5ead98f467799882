/*
 * explain: the story of an instance, one entry for each event that says something to a person.
 *
 * A story that would not fit keeps its sentences and leaves out large values first; what does not
 * fit even so is counted in the last entry, which says where to read on.
 */
#include <stdio.h>
#include <string.h>

#include "coordinator/edge/control_private.h"

enum {
    STORY_VALUE_BYTES = 32 * 1024,  /* of one value in an entry */
    STORY_VALUES_ROOM = 200 * 1024, /* what is kept free for sentences */
    STORY_LAST_BYTES = 4 * 1024,
    ATTEMPT_MASK = 0xFF,
};

struct telling {
    struct request *request;
    struct story story;
    json_t *entries;
    size_t left_out;
    uint64_t last_told; /* journal sequence */
};

static void entry_values(struct telling *telling, json_t *entry, const struct event *event)
{
    struct request *request = telling->request;
    size_t max = request->room > STORY_VALUES_ROOM ? STORY_VALUE_BYTES : 0;
    struct request sizes = {.room = max}; /* counted with the row */
    struct doc *input = event->input;
    struct doc *output = event->output;
    struct doc *error = event->error;
    if (event->kind == EVENT_STEP_STARTED && event->output != NULL) {
        input = event->output; /* what the agent is given */
        output = NULL;
    } else if (event->kind == EVENT_CONSUMED || event->kind == EVENT_EMITTED ||
               event->kind == EVENT_GATE_DECIDED) {
        output = event->value;
    }
    request_set_doc(&sizes, entry, "input", input, max);
    sizes.room = max;
    request_set_doc(&sizes, entry, "output", output, max);
    sizes.room = max;
    if (event->failure != NULL) {
        json_set(entry, "error", failure_json(event->failure));
    } else {
        request_set_doc(&sizes, entry, "error", error, max);
    }
}

/* Results name the agent; the action is that of their step. */
static const char *event_action(const struct telling *telling, const struct event *event)
{
    const struct plan *plan = telling->story.plan;
    bool known = event->action == NULL && event->agent != NULL && plan != NULL &&
                 event->node != PLAN_NONE && event->node < plan->node_count &&
                 plan->nodes[event->node].kind == TASK_AGENT;
    return known ? plan->nodes[event->node].call.action : event->action;
}

static json_t *entry_json(struct telling *telling, const struct view_event *at, const char *words,
                          const char *step)
{
    const struct event *event = at->event;
    json_t *entry = json_object();
    CHECK(entry != NULL);
    json_set_int(entry, "sequence", (int64_t)at->sequence);
    json_set_time(entry, "at", at->now_ms);
    json_set_text(entry, "kind", event_kind_name((uint32_t)event->kind));
    json_set_text(entry, "step", step);
    json_set_text(entry, "words", words);
    json_set_text(entry, "agent", event->agent);
    json_set_text(entry, "action", event_action(telling, event));
    if (event->attempt != 0) {
        json_set_int(entry, "attempt", event->attempt & ATTEMPT_MASK);
    }
    if (event->decision != NULL) {
        json_set(entry, "decision", decision_json(event->decision));
    }
    entry_values(telling, entry, event);
    if (event->duration_us != 0 && event->kind != EVENT_STEP_STARTED) { /* a wait has it to come */
        json_set_int(entry, "duration_us", (int64_t)event->duration_us);
    }
    return entry;
}

static bool explain_visit(void *user, const struct view_event *at)
{
    struct telling *telling = user;
    const char *words = NULL;
    char step[STEP_NAME_BYTES];
    story_tell(&telling->story, at, &words, step, sizeof(step));
    if (words == NULL) {
        return true;
    }
    if (telling->left_out > 0 || telling->request->room < STORY_LAST_BYTES ||
        !request_add_row(telling->request, telling->entries,
                         entry_json(telling, at, words, step))) {
        telling->left_out++;
        return true;
    }
    telling->last_told = at->sequence;
    return true;
}

static void explain_end(struct telling *telling, const char *instance)
{
    if (telling->left_out == 0) {
        return;
    }
    json_t *entry = json_object();
    CHECK(entry != NULL);
    json_set_int(entry, "sequence", (int64_t)telling->last_told);
    json_set_text(entry, "kind", "left-out");
    json_set(entry, "words",
             json_sprintf("%lld more entries do not fit here: mainstay journal tail --instance %s "
                          "--after %lld",
                          (long long)telling->left_out, instance,
                          (long long)(telling->last_told > 0 ? telling->last_told - 1 : 0)));
    CHECK(json_array_append_new(telling->entries, entry) == 0);
}

enum err verb_explain(struct request *request, struct error *err)
{
    static const struct member members[] = {{"instance", MEMBER_TEXT, true}};
    TRY(body_check(request, members, 1, err));
    struct id id;
    struct view view;
    TRY(body_instance(request, &id, err));
    TRY(view_load(request->control, &id, &view, err));
    struct telling telling = {
        .request = request,
        .story = {.company = control_company(request->control),
                  .plan = view.definition == NULL ? NULL : view.definition->plan,
                  .arena = request->arena},
        .entries = json_array(),
    };
    CHECK(telling.entries != NULL);
    json_set_id(request->reply, "instance", &id);
    json_set_text(request->reply, "definition", view_definition(&view));
    json_set_text(request->reply, "status", instance_status_name(view_status(&view)));
    json_set(request->reply, "story", telling.entries);
    enum err code = view_each_event(request->control, &view, 0, explain_visit, &telling, err);
    if (code == ERR_OK) {
        explain_end(&telling, json_text_of(request->reply, "instance"));
    }
    if (view.open != NULL) {
        char reason[STEP_NAME_BYTES];
        const struct id *gate = gate_awaited(request->control, view.open);
        view_reason(request->control, &view, reason, sizeof(reason));
        json_set_text(request->reply, "reason", reason);
        if (gate != NULL) {
            json_set_id(request->reply, "gate", gate);
        }
    }
    story_release(&telling.story);
    return code;
}
