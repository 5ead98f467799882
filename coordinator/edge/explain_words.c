/*
 * Journal events in plain sentences, for somebody who knows the business and not the engine.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "coordinator/definition/expr.h"
#include "coordinator/edge/control_private.h"

enum { WORDS_BYTES = 2048, ATTEMPT_MASK = 0xFF, ERROR_WORDS_BYTES = 512 };

/* ---- what is remembered of steps ---- */

static struct story_step *step_find(const struct story *story, uint32_t frame)
{
    for (size_t i = story->step_count; i-- > 0;) {
        if (story->steps[i].frame == frame) {
            return &story->steps[i];
        }
    }
    return NULL;
}

static void step_add(struct story *story, const struct event *event)
{
    if (story->step_count == story->step_room) {
        size_t room = story->step_room == 0 ? 32 : story->step_room * 2;
        struct story_step *more = realloc(story->steps, room * sizeof(*more));
        CHECK(more != NULL);
        story->steps = more;
        story->step_room = room;
    }
    struct story_step *step = &story->steps[story->step_count++];
    *step = (struct story_step){
        .frame = event->frame, .node = event->node, .activation = event->activation};
    text_replace(&step->path, event->path == NULL ? "" : event->path);
}

static void step_remove(struct story *story, uint32_t frame)
{
    struct story_step *step = step_find(story, frame);
    if (step != NULL) {
        free(step->path);
        free(step->trouble);
        free(step->label);
        free(step->action);
        *step = story->steps[--story->step_count];
    }
}

void story_release(struct story *story)
{
    for (size_t i = 0; i < story->step_count; i++) {
        free(story->steps[i].path);
        free(story->steps[i].trouble);
        free(story->steps[i].label);
        free(story->steps[i].action);
    }
    free(story->steps);
    story->steps = NULL;
    story->step_count = 0;
    story->step_room = 0;
}

/* ---- words ---- */

static const struct plan_node *node_of(const struct story *story, uint32_t node)
{
    bool known = story->plan != NULL && node != PLAN_NONE && node < story->plan->node_count;
    return known ? &story->plan->nodes[node] : NULL;
}

static const char *node_name(const struct story *story, uint32_t node)
{
    const struct plan_node *found = node_of(story, node);
    if (found == NULL && story->label != NULL) {
        return story->label;
    }
    return found == NULL ? "the workflow" : found->name;
}

/* An expression of the plan that goes to mainstay-jq, without the spaces around it. */
static const char *external_text(const struct story *story, uint32_t expr)
{
    for (size_t i = 0; story->plan != NULL && i < story->plan->external_count; i++) {
        if (expr_id(story->plan->externals[i]) == expr) {
            const char *text = expr_text(story->plan->externals[i]);
            text += strspn(text, " \n");
            size_t size = strlen(text);
            while (size > 0 && strchr(" \n", text[size - 1]) != NULL) {
                size--;
            }
            return arena_printf(story->arena, "%.*s", (int)(size < 120 ? size : 120), text);
        }
    }
    return "...";
}

/* "1.2 s", "3 min", "5 h", "2 days". */
static void duration_words(int64_t ms, char *out, size_t size)
{
    if (ms < 1000) {
        (void)snprintf(out, size, "%" PRId64 " ms", ms);
    } else if (ms < 60000) {
        (void)snprintf(out, size, "%.1f s", (double)ms / 1000);
    } else if (ms < 2 * 3600000LL) {
        (void)snprintf(out, size, "%.0f min", (double)ms / 60000);
    } else if (ms < 48 * 3600000LL) {
        (void)snprintf(out, size, "%.0f h", (double)ms / 3600000);
    } else {
        (void)snprintf(out, size, "%.0f days", (double)ms / 86400000);
    }
}

/* "title: detail", whichever there are. */
static void pair_words(const char *title, const char *detail, char *out, size_t size)
{
    bool both = title != NULL && title[0] != '\0' && detail != NULL && detail[0] != '\0';
    (void)snprintf(out, size, "%.160s%s%.300s", title == NULL ? "" : title, both ? ": " : "",
                   detail == NULL ? "" : detail);
}

static void error_words(struct doc *error, char *out, size_t size)
{
    const json_t *value = error == NULL ? NULL : doc_json(error);
    const char *title = json_text_of(value, "title");
    const char *detail = json_text_of(value, "detail");
    if (title == NULL && detail == NULL) {
        title = json_text_of(value, "type");
    }
    pair_words(title != NULL ? title : detail == NULL ? "an error" : NULL, detail, out, size);
}

static const char *say(struct story *story, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *say(struct story *story, const char *format, ...)
{
    char words[WORDS_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    for (size_t size = strlen(words); !utf8_valid(words, size); size = strlen(words)) {
        words[size - 1] = '\0'; /* cut in the middle of a character */
    }
    const char *kept = arena_strdup(story->arena, words);
    return kept != NULL ? kept : "(no memory for the words)";
}

/* "the walk goes on to 'x'", ... */
static void walk_words(const struct story *story, const struct event *event, char *out, size_t size)
{
    switch (event->flow) {
    case WALK_NEXT:
        (void)snprintf(out, size, "the walk goes on to '%.64s'",
                       node_name(story, event->next_node));
        return;
    case WALK_SCOPE_END:
        (void)text_copy(out, size, "its list of tasks is at its end");
        return;
    case WALK_END:
        (void)text_copy(out, size, "the process ends here");
        return;
    case WALK_BYPASS:
        (void)text_copy(out, size, "the task that this extension stands before is left out");
        return;
    }
    out[0] = '\0';
}

/* ---- instances ---- */

static const char *started_words(struct story *story, const struct event *event)
{
    const char *trigger = event->text;
    if (trigger == NULL) {
        return "started";
    }
    if (text_starts(trigger, "event ")) {
        size_t type = strcspn(trigger + 6, " ");
        return say(story, "started because event '%.*s' arrived (source and id: %.300s)", (int)type,
                   trigger + 6, trigger[6 + type] == '\0' ? "" : trigger + 7 + type);
    }
    if (text_starts(trigger, "request ")) {
        return say(story, "started on request %.200s", trigger + 8);
    }
    return say(story, "started: %.200s", trigger);
}

/* The step that it goes back to. */
static const char *back_words(struct story *story, const struct event *event)
{
    char name[STEP_NAME_BYTES];
    if (story->plan == NULL || event->next_node >= story->plan->node_count) {
        return "an earlier step";
    }
    engine_step_name(story->plan, event->next_node, "", event->activation, name, sizeof(name));
    return say(story, "%.300s", name);
}

static const char *instance_words(struct story *story, const struct event *event)
{
    char words[ERROR_WORDS_BYTES];
    const char *person =
        event->person == NULL || event->person[0] == '\0' ? "somebody" : event->person;
    const char *why = event->text == NULL ? "" : event->text;
    const char *colon = why[0] == '\0' ? "" : ": ";
    switch ((unsigned)event->kind) {
    case EVENT_INSTANCE_STARTED:
        return started_words(story, event);
    case EVENT_INSTANCE_SETTLING:
        return say(story, "will be %s as soon as every effect that is in flight is settled",
                   instance_status_name((enum instance_status)event->status));
    case EVENT_INSTANCE_COMPLETED:
        return "completed";
    case EVENT_INSTANCE_FAULTED:
        error_words(event->error, words, sizeof(words));
        return say(story, "ended with an error: %s", words);
    case EVENT_INSTANCE_MIGRATED:
        return say(story, "%.100s moved it from %.200s to %.200s%s%.300s", person,
                   event->source == NULL ? "(erased)" : event->source,
                   event->name == NULL ? "" : event->name, colon, why);
    case EVENT_INSTANCE_CANCELLING:
        return say(story, "%.100s asked to cancel it%s%.300s", person, colon, why);
    case EVENT_INSTANCE_KILLED:
        return say(story, "%.100s killed it%s%.300s", person, colon, why);
    case EVENT_INSTANCE_PAUSED:
        return say(story, "%.100s paused it%s%.300s", person, colon, why);
    case EVENT_INSTANCE_RESUMED:
        return say(story, "%.100s let it go on%s%.300s", person, colon, why);
    case EVENT_INSTANCE_REWINDING:
        return say(story, "%.100s let it go back to %.200s%s%s%.300s", person,
                   back_words(story, event),
                   event->count == 1 ? ", although effects stay done" : "", colon, why);
    case EVENT_INSTANCE_FORKED:
        return say(story, "begins at %.200s with what that one had there%s",
                   back_words(story, event),
                   event->count == 1 ? ", although effects of that one are undone" : "");
    case EVENT_INSTANCE_REWOUND:
        return say(story, "stands at %.200s again", back_words(story, event));
    case EVENT_INSTANCE_CANCELLED:
        return "cancelled";
    default:
        return NULL;
    }
}

/* ---- steps that pass at once ---- */

/* Where a case leads, as the engine resolves it. */
static bool case_leads(const struct plan_node *node, const struct flow *flow,
                       const struct event *event)
{
    switch (flow->kind) {
    case FLOW_CONTINUE:
        return node->next == PLAN_NONE ? event->flow == WALK_SCOPE_END
                                       : event->flow == WALK_NEXT && event->next_node == node->next;
    case FLOW_EXIT:
        return event->flow == WALK_SCOPE_END;
    case FLOW_END:
        return event->flow == WALK_END;
    case FLOW_GOTO:
        return event->flow == WALK_NEXT && event->next_node == flow->target;
    case FLOW_BYPASS:
        return event->flow == WALK_BYPASS;
    }
    return false;
}

static const char *switch_words(struct story *story, const struct plan_node *node,
                                const struct event *event)
{
    char walk[160];
    const struct switch_case *match = NULL;
    size_t matches = 0;
    for (size_t i = 0; i < node->choice.count; i++) {
        if (case_leads(node, &node->choice.cases[i].then, event)) {
            match = &node->choice.cases[i];
            matches++;
        }
    }
    walk_words(story, event, walk, sizeof(walk));
    if (matches == 1 && match->when == NULL) {
        return say(story, "'%.64s': %s because no case matched (default '%.64s')", node->name, walk,
                   match->name);
    }
    if (matches == 1) {
        return say(story, "'%.64s': %s because case '%.64s' matched", node->name, walk,
                   match->name);
    }
    if (matches == 0) {
        return say(story, "'%.64s': %s because no case matched", node->name, walk);
    }
    return say(story, "'%.64s': %s, where %zu of its cases lead", node->name, walk, matches);
}

static const char *passed_words(struct story *story, const struct event *event)
{
    const struct plan_node *node = node_of(story, event->node);
    char walk[160];
    walk_words(story, event, walk, sizeof(walk));
    if (event->kind == EVENT_STEP_SKIPPED) {
        return say(story, "'%.64s' was skipped because its condition `if` was not true; %s",
                   node_name(story, event->node), walk);
    }
    if (node == NULL) {
        return NULL;
    }
    if (node->kind == TASK_SWITCH) {
        return switch_words(story, node, event);
    }
    if (node->kind == TASK_EMIT) {
        return NULL; /* the event itself is told */
    }
    return say(story, "'%.64s' put the data together; %s", node->name, walk);
}

/* ---- steps that take time ---- */

static const char *begun_words(struct story *story, const struct view_event *at)
{
    const struct event *event = at->event;
    const struct plan_node *node = node_of(story, event->node);
    char span[48];
    if (node == NULL) {
        return NULL;
    }
    switch (node->kind) {
    case TASK_AGENT:
        return say(story, "'%.64s' asks agent %s for %s", node->name, node->call.agent,
                   node->call.action);
    case TASK_WAIT:
        duration_words((int64_t)(event->duration_us / 1000), span, sizeof(span));
        return say(story, "'%.64s' waits for %s", node->name, span);
    case TASK_LISTEN:
        return say(story, "'%.64s' waits for event %.150s%s", node->name,
                   node->listen.filter_count == 0 || node->listen.filters[0].type == NULL
                       ? "of any type"
                       : node->listen.filters[0].type,
                   node->listen.filter_count > 1 ? " and others" : "");
    case TASK_FOR:
        if (at->erased || event->context == NULL) {
            return say(story, "'%.64s' goes through its items", node->name);
        }
        return say(story, "'%.64s' goes through %zu items", node->name,
                   json_array_size(doc_json(event->context)));
    case TASK_FORK:
        return say(story, "'%.64s' begins %u branches%s", node->name, node->fork.count,
                   node->fork.compete ? " that race" : "");
    case TASK_LOCK:
        return say(story,
                   event->status == LEASE_WAITS  ? "'%.64s' waits for the lock on %.256s"
                   : event->status == LEASE_HELD ? "'%.64s' has the lock on %.256s"
                                                 : "'%.64s' is inside of its lock on %.256s",
                   node->name, event->id == NULL ? "an entity" : event->id);
    case TASK_BRANCH:
    case TASK_APPROVAL: /* its gate says what is asked */
    case TASK_RUN:      /* CHILD_STARTED tells it */
    case TASK_DO:
    case TASK_TRY:
    case TASK_SET:
    case TASK_SWITCH:
    case TASK_RAISE:
    case TASK_EMIT:
        return NULL;
    }
    return NULL;
}

/* What an agent was asked to do. */
static const char *action_words(const struct story *story, const struct event *event)
{
    const struct plan_node *node = node_of(story, event->node);
    const struct story_step *step = node == NULL ? step_find(story, event->frame) : NULL;
    return node != NULL                           ? node->call.action
           : step != NULL && step->action != NULL ? step->action
                                                  : "its task";
}

static const char *done_words(struct story *story, const struct event *event)
{
    const struct decision *decision = event->decision;
    char how[WORDS_BYTES / 2] = "";
    char confidence[48] = "";
    char cost[100] = "";
    if (decision != NULL) {
        bool rule = decision->rule[0] != '\0';
        bool model = decision->model[0] != '\0';
        (void)snprintf(how, sizeof(how), "%s%.150s%s%.150s", rule ? " with rule " : "",
                       decision->rule, model ? rule ? " and model " : " with model " : "",
                       decision->model);
        if (decision->has_confidence) {
            (void)snprintf(confidence, sizeof(confidence), ", confidence %.0f %%",
                           (double)decision->confidence_ppm / 1e4);
        }
        if (decision->cost[0] != '\0') {
            (void)snprintf(cost, sizeof(cost), ", cost %.64s", decision->cost);
        }
    }
    const char *verb = event->count == 1   ? "proposed an answer to"
                       : event->count == 2 ? "answered, not surely enough,"
                                           : "did";
    return say(story, "agent %.64s %s %.64s%s%s%s", event->agent == NULL ? "" : event->agent, verb,
               action_words(story, event), how, confidence, cost);
}

static const char *effect_words(uint32_t effect)
{
    switch (effect) {
    case MARK_NONE:
        return "; nothing happened outside";
    case MARK_UNKNOWN:
        return "; whether its effect happened is not known";
    case MARK_DONE:
        return "; its effect did happen";
    default:
        return "";
    }
}

static const char *result_words(struct story *story, const struct view_event *at)
{
    const struct event *event = at->event;
    if (event->status == RESULT_DONE) {
        return done_words(story, event);
    }
    char words[ERROR_WORDS_BYTES] = "it was recalled before it began";
    if (event->failure != NULL) {
        pair_words(event->failure->title, event->failure->detail, words, sizeof(words));
    } else if (at->erased) {
        (void)text_copy(words, sizeof(words), "its reason was erased");
    }
    struct story_step *step = step_find(story, event->frame);
    if (step != NULL) {
        text_replace(&step->trouble, words);
    }
    return say(story, "%s%.64s could not do %.64s: %s%s", event->agent == NULL ? "" : "agent ",
               event->agent == NULL ? "the coordinator" : event->agent, action_words(story, event),
               words, effect_words(event->effect));
}

static const char *retry_words(struct story *story, const struct view_event *at)
{
    const struct event *event = at->event;
    char span[48];
    duration_words(event->at_ms - at->now_ms, span, sizeof(span));
    const struct story_step *step = step_find(story, event->frame);
    if (event->kind == EVENT_TRY_RETRY) {
        char words[ERROR_WORDS_BYTES];
        error_words(event->error, words, sizeof(words));
        return say(story, "'%.64s' begins again in %s (retry %u) because of: %s",
                   node_name(story, event->node), span, event->count, words);
    }
    return say(story, "'%.64s' is retried in %s (attempt %u) because %s",
               node_name(story, event->node), span, event->attempt & ATTEMPT_MASK,
               step == NULL || step->trouble == NULL ? "it failed" : step->trouble);
}

static const char *ended_words(struct story *story, const struct event *event)
{
    char words[ERROR_WORDS_BYTES];
    const char *name = node_name(story, event->node);
    switch ((unsigned)event->kind) {
    case EVENT_STEP_COMPLETED:
        walk_words(story, event, words, sizeof(words));
        return say(story, "'%.64s' is done; %s", name, words);
    case EVENT_STEP_FAULTED:
        error_words(event->error, words, sizeof(words));
        return say(story, "'%.64s' failed: %s", name, words);
    case EVENT_STEP_CANCELLED:
        return say(story, "'%.64s' was taken down: %.200s", name,
                   event->text == NULL ? "" : event->text);
    case EVENT_ERROR_CAUGHT:
        error_words(event->error, words, sizeof(words));
        return say(story, "'%.64s' caught the error (%s)%s%.64s%s", name, words,
                   event->next_node == PLAN_NONE ? "" : " and goes on with '",
                   event->next_node == PLAN_NONE ? "" : node_name(story, event->next_node),
                   event->next_node == PLAN_NONE ? "" : "'");
    default:
        return NULL;
    }
}

/* ---- events, gates, the rest ---- */

static const char *gate_words(struct story *story, const struct view_event *at)
{
    const struct event *event = at->event;
    char words[ERROR_WORDS_BYTES] = "";
    if (event->kind == EVENT_GATE_OPENED) {
        if (event->failure != NULL) {
            pair_words(event->failure->title, event->failure->detail, words, sizeof(words));
        }
        return say(story,
                   event->status == GATE_APPROVAL ? "'%.64s' asks for approval: %s"
                                                  : "'%.64s' waits for a person: %s",
                   node_name(story, event->node), at->erased ? "(erased)" : words);
    }
    const struct plan_node *node = node_of(story, event->node);
    bool approval = node != NULL && node->kind == TASK_APPROVAL;
    if (approval && event->count == 1) {
        return say(story, "nobody answered '%.64s' before its deadline: it is %s",
                   node_name(story, event->node),
                   event->status == VERDICT_APPROVE ? "approved" : "denied");
    }
    const char *did = event->status == VERDICT_APPROVE  ? "approved"
                      : event->status == VERDICT_REJECT ? "rejected"
                      : event->status == VERDICT_YES    ? "looked, and it happened:"
                      : event->status == VERDICT_NO     ? "looked, and it did not happen:"
                      : approval                        ? "edited and approved"
                                                        : "corrected the input of";
    bool reason = event->text != NULL && event->text[0] != '\0';
    return say(story, "%.100s %s '%.64s'%s%.300s",
               event->person == NULL || event->person[0] == '\0' ? "somebody" : event->person, did,
               node_name(story, event->node), reason ? ": " : "", reason ? event->text : "");
}

static bool approval_asked(const struct story *story, const struct event *event)
{
    const struct plan_node *node = node_of(story, event->node);
    return node != NULL && node->kind == TASK_APPROVAL;
}

static const char *timer_words(struct story *story, const struct event *event, const char *name)
{
    if (event->person != NULL) {
        return say(story, "%.100s had '%.64s' tried again at once%s%.300s",
                   event->person[0] == '\0' ? "somebody" : event->person, name,
                   event->text == NULL || event->text[0] == '\0' ? "" : ": ",
                   event->text == NULL ? "" : event->text);
    }
    return say(story,
               approval_asked(story, event) ? "the deadline of '%.64s' has passed"
                                            : "the time of '%.64s' has come",
               name);
}

static const char *other_words(struct story *story, const struct view_event *at)
{
    const struct event *event = at->event;
    const char *name = node_name(story, event->node);
    char waits[WAITS_WORDS_BYTES];
    switch ((unsigned)event->kind) {
    case EVENT_STEP_DISPATCHED:
        return say(story, "'%.64s' was given to %.64s/%.64s (%s%s %u)", name, event->agent,
                   event->store, event->phase == PHASE_PERFORM ? "to perform, " : "", "attempt",
                   event->attempt & ATTEMPT_MASK);
    case EVENT_EFFECT_LATE:
        return say(story, "%.64s/%.64s reported late that an effect had happened",
                   event->agent == NULL ? "" : event->agent,
                   event->store == NULL ? "" : event->store);
    case EVENT_ITERATION_STARTED:
        return say(story, "'%.64s' takes item %u", name, event->count + 1);
    case EVENT_TIMER_FIRED:
        return timer_words(story, event, name);
    case EVENT_STEP_READY:
    case EVENT_LOCK_GRANTED:
    case EVENT_LOCK_EXPIRED:
    case EVENT_STEP_UNFUNDED:
    case EVENT_STEP_FUNDED:
        return say(story, "%s", waits_words(event, name, waits));
    case EVENT_CONSUMED:
        if (event->attempt == 1) {
            return say(story, "'%.64s' received event '%.150s', which it listened until", name,
                       event->name == NULL ? "" : event->name);
        }
        return say(story, "'%.64s' received event '%.150s' from %.200s (id %.100s)", name,
                   event->name == NULL ? "" : event->name,
                   event->source == NULL ? "(erased)" : event->source,
                   event->id == NULL ? "(erased)" : event->id);
    case EVENT_EMITTED:
        return say(story, "'%.64s' sent out event '%.150s'", name,
                   event->name == NULL ? "" : event->name);
    case EVENT_EVALUATION_ASKED:
        return say(story, "mainstay-jq evaluates ${ %s }", external_text(story, event->count));
    default:
        return NULL;
    }
}

static const char *fork_words(struct story *story, const struct event *event)
{
    const struct plan_node *node = node_of(story, event->node);
    if (event->kind == EVENT_BRANCH_ENDED) {
        return say(story, "branch '%.64s' has ended", node_name(story, event->node));
    }
    if (node == NULL || node->kind != TASK_FORK) {
        return NULL;
    }
    if (event->count > 0 && event->count <= node->fork.count) {
        return say(story, "branch '%.64s' won the race of '%.64s'",
                   node_name(story, node->fork.branches[event->count - 1]), node->name);
    }
    return say(story, "all branches of '%.64s' have ended", node->name);
}

static const char *child_words(struct story *story, const struct event *event)
{
    const char *name = node_name(story, event->node);
    char child[ID_HEX_BYTES];
    id_hex(&event->key, child);
    if (event->kind == EVENT_CHILD_STARTED) {
        return say(story, "'%.64s' runs %.150s as instance %s%s", name,
                   event->name == NULL ? "" : event->name, child,
                   event->frame == 0 ? " and does not wait for it" : "");
    }
    char words[ERROR_WORDS_BYTES] = "";
    if (event->error != NULL) {
        error_words(event->error, words, sizeof(words));
    }
    return say(story, "instance %s, which '%.64s' ran, is %s%s%s", child, name,
               instance_status_name((enum instance_status)event->status),
               words[0] == '\0' ? "" : ": ", words);
}

static const char *unwinding_words(struct story *story, const struct event *event)
{
    const char *first = event->count == UNDO_UNWANTED
                            ? "what happened although nobody waited for it any more is undone"
                            : "what was done is undone, last first";
    if (event->status != 0) {
        return say(story, "%s; then the instance is %s", first,
                   instance_status_name((enum instance_status)event->status));
    }
    return say(story, "%s, before '%.64s' goes on", first, node_name(story, event->node));
}

static const char *undo_words(struct story *story, const struct event *event)
{
    const char *step = event->kind == EVENT_COMPENSATION_ENDED ? event->source : event->text;
    const char *action = event->action == NULL ? "(an action that nobody named)" : event->action;
    const char *person = event->person == NULL ? "" : event->person;
    const char *reason = event->text == NULL || event->text[0] == '\0' ? "" : event->text;
    step = step == NULL ? "(erased)" : step;
    switch ((unsigned)event->kind) {
    case EVENT_UNWINDING:
        return unwinding_words(story, event);
    case EVENT_COMPENSATION_REGISTERED:
        if (event->status == 2) {
            return say(story, "the effect of %.150s was undone by the workflow that had it", step);
        }
        return say(story, "%.64s of agent %.64s would undo the effect of %.150s%s", action,
                   event->agent, step,
                   event->output == NULL && event->error != NULL
                       ? ", but its input could not be made: a person will be asked"
                   : event->status == 1 ? "; the step no longer wants the effect"
                                        : "");
    case EVENT_COMPENSATION_STARTED:
        return event->status == PURPOSE_UNDO
                   ? say(story, "agent %.64s undoes the effect of %.150s with %.64s", event->agent,
                         step, action)
                   : say(story, "whether the effect of %.150s happened is found out first", step);
    case EVENT_COMPENSATION_ENDED:
        break;
    default:
        return NULL;
    }
    if (event->status == LEDGER_COMPENSATED) {
        return person[0] == '\0' ? say(story, "the effect of %.150s is undone", step)
                                 : say(story, "%.100s undid the effect of %.150s by hand%s%.300s",
                                       person, step, reason[0] == '\0' ? "" : ": ", reason);
    }
    if (event->status == LEDGER_KEPT) {
        return say(story, "%.100s decided that the effect of %.150s stays: %.300s",
                   person[0] == '\0' ? "somebody" : person, step, reason);
    }
    return say(story, "the effect of %.150s %s", step,
               event->status == LEDGER_DONE   ? "did happen"
               : event->status == LEDGER_NONE ? "did not happen"
                                              : "stays in doubt: nobody could say");
}

/* What happens beside the steps' own way: branches, gates, children, and all else. */
static const char *side_words(struct story *story, const struct view_event *at)
{
    enum event_kind kind = at->event->kind;
    if (kind == EVENT_BRANCH_ENDED || kind == EVENT_BRANCHES_JOINED) {
        return fork_words(story, at->event);
    }
    if (kind == EVENT_GATE_OPENED || kind == EVENT_GATE_DECIDED) {
        return gate_words(story, at);
    }
    return kind == EVENT_CHILD_STARTED || kind == EVENT_CHILD_ENDED ? child_words(story, at->event)
                                                                    : other_words(story, at);
}

static const char *words_of(struct story *story, const struct view_event *at)
{
    const char *undone = undo_words(story, at->event);
    if (undone != NULL) {
        return undone;
    }
    switch ((unsigned)at->event->kind) {
    case EVENT_INSTANCE_STARTED:
    case EVENT_INSTANCE_SETTLING:
    case EVENT_INSTANCE_COMPLETED:
    case EVENT_INSTANCE_FAULTED:
    case EVENT_INSTANCE_MIGRATED:
    case EVENT_INSTANCE_KILLED:
    case EVENT_INSTANCE_PAUSED:
    case EVENT_INSTANCE_RESUMED:
    case EVENT_INSTANCE_REWINDING:
    case EVENT_INSTANCE_REWOUND:
    case EVENT_INSTANCE_FORKED:
    case EVENT_INSTANCE_CANCELLING:
    case EVENT_INSTANCE_CANCELLED:
        return instance_words(story, at->event);
    case EVENT_STEP_SKIPPED:
    case EVENT_STEP_RAN:
        return passed_words(story, at->event);
    case EVENT_STEP_STARTED:
        return begun_words(story, at);
    case EVENT_STEP_RESULT:
        return result_words(story, at);
    case EVENT_STEP_RETRY:
    case EVENT_TRY_RETRY:
        return retry_words(story, at);
    case EVENT_STEP_COMPLETED:
    case EVENT_STEP_FAULTED:
    case EVENT_STEP_CANCELLED:
    case EVENT_ERROR_CAUGHT:
        return ended_words(story, at->event);
    case EVENT_GATE_OPENED:
    case EVENT_GATE_DECIDED:
    case EVENT_STEP_DISPATCHED:
    case EVENT_STEP_READY:
    case EVENT_EFFECT_LATE:
    case EVENT_ITERATION_STARTED:
    case EVENT_TIMER_FIRED:
    case EVENT_LOCK_GRANTED:
    case EVENT_LOCK_EXPIRED:
    case EVENT_STEP_UNFUNDED:
    case EVENT_STEP_FUNDED:
    case EVENT_CONSUMED:
    case EVENT_EMITTED:
    case EVENT_EVALUATION_ASKED:
    case EVENT_BRANCH_ENDED:
    case EVENT_BRANCHES_JOINED:
    case EVENT_CHILD_STARTED:
    case EVENT_CHILD_ENDED:
        return side_words(story, at);
    default: /* nothing that a person would miss */
        return NULL;
    }
}

static void step_words(const struct story *story, const struct event *event, char *name,
                       size_t size)
{
    name[0] = '\0';
    const struct story_step *step = event->frame == 0 ? NULL : step_find(story, event->frame);
    if (story->label != NULL) {
        (void)text_copy(name, size, story->label);
        return;
    }
    if (story->plan == NULL || event->node == PLAN_NONE || event->node >= story->plan->node_count) {
        return;
    }
    engine_step_name(story->plan, event->node, step != NULL ? step->path : event->path,
                     step != NULL ? step->activation : event->activation, name, size);
}

void story_tell(struct story *story, const struct view_event *at, const char **ret_words,
                char *name, size_t name_size)
{
    const struct event *event = at->event;
    story->plan = plan_after(story->company, event, story->plan);
    if (event->kind == EVENT_STEP_STARTED) {
        step_add(story, event);
    }
    if (event->kind == EVENT_COMPENSATION_STARTED && event->text != NULL) {
        step_add(story, event);
        struct story_step *added = &story->steps[story->step_count - 1];
        char label[WORDS_BYTES / 8];
        (void)snprintf(label, sizeof(label), "%s of %.200s",
                       event->status == PURPOSE_UNDO ? "undo" : "outcome", event->text);
        text_replace(&added->label, label);
        if (event->status == PURPOSE_UNDO && event->action != NULL) {
            text_replace(&added->action, event->action);
        }
    }
    const struct story_step *step = event->frame == 0 ? NULL : step_find(story, event->frame);
    const char *label = step == NULL ? NULL : step->label;
    story->label = label == NULL ? NULL : arena_strdup(story->arena, label);
    step_words(story, event, name, name_size);
    *ret_words = words_of(story, at);
    bool gone = event->kind == EVENT_STEP_COMPLETED || event->kind == EVENT_STEP_FAULTED ||
                event->kind == EVENT_COMPENSATION_ENDED ||
                (event->kind == EVENT_STEP_CANCELLED && event->status == 0);
    if (gone && event->frame != 0) {
        step_remove(story, event->frame);
    }
}
