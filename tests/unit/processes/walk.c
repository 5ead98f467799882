#include "walk.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agents/extraction/actions.h"
#include "agents/reconciliation/actions.h"
#include "common/base/check.h"
#include "coordinator/definition/expr.h"
#include "fake_runtime.h"

enum { FILE_BYTES = 1024 * 1024, STEPS_MAX = 50 };

struct state {
    struct desk *desk;
    struct walk *walk;
    json_t *input;   /* of the task */
    json_t *output;  /* of the task, while it is shaped */
    json_t *context; /* $context */
};

static size_t file_read(const char *path, char *out)
{
    FILE *stream = fopen(path, "rb");
    cr_assert_not_null(stream, "%s", path);
    size_t size = fread(out, 1, FILE_BYTES, stream);
    fclose(stream);
    cr_assert_lt(size, FILE_BYTES);
    return size;
}

static void expect_none(const char *file, const struct plan_problem *problems, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cr_expect_fail("%s:%u:%u: %s", file, problems[i].line, problems[i].column,
                       problems[i].message);
    }
}

struct plan *process_load(const char *file)
{
    static char text[FILE_BYTES];
    char path[512];
    struct plan *plan = NULL;
    struct plan_report report;
    snprintf(path, sizeof(path), SOURCE_DIR "/deploy/processes/%s", file);
    enum err code = plan_load(text, file_read(path, text), &plan, &report);
    expect_none(file, report.problems, report.count);
    expect_none(file, report.warnings, report.warning_count);
    plan_report_release(&report);
    cr_assert_eq(code, ERR_OK, "%s", file);
    return plan;
}

static const json_t *variable(void *user, const char *name)
{
    const struct state *state = user;
    if (strcmp(name, "input") == 0) {
        return state->input;
    }
    if (strcmp(name, "context") == 0) {
        return state->context;
    }
    return strcmp(name, "output") == 0 ? state->output : NULL;
}

/* The value of a template over `dot`, or another reference to `dot` when there is none. */
static json_t *shaped(struct state *state, const struct template *tmpl, json_t *dot)
{
    struct error err = {0};
    json_t *value = NULL;
    const struct expr_scope scope = {.input = dot, .user = state, .variable = variable};
    if (tmpl == NULL) {
        return json_incref(dot);
    }
    enum err code = template_eval(tmpl, &scope, &value, &err);
    cr_assert_eq(code, ERR_OK, "%s: %s", state->walk->path, err.message);
    return value;
}

static void fail(struct state *state, const struct plan_node *node, const char *detail)
{
    snprintf(state->walk->failed, sizeof(state->walk->failed), "%s", node->name);
    snprintf(state->walk->detail, sizeof(state->walk->detail), "%s", detail);
}

static json_t *run_agent(struct state *state, const struct plan_node *node)
{
    static const struct {
        const char *name;
        action_fn *run;
    } actions[] = {
        {"extract", extraction_extract},     {"record", reconciliation_record},
        {"check", reconciliation_check},     {"post", reconciliation_post},
        {"dispute", reconciliation_dispute},
    };
    json_t *input = shaped(state, node->call.input, state->input);
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].name, node->call.action) == 0) {
            struct agent_reply reply;
            fake_run(state->desk, actions[i].run, input, &reply);
            json_t *output = json_incref(reply.output);
            if (reply.failure.failure_class != 0) {
                fail(state, node, reply.failure.detail);
            }
            fake_release(&reply);
            return output;
        }
    }
    cr_assert_fail("no agent does %s.%s", node->call.agent, node->call.action);
    return NULL;
}

static struct flow choose(struct state *state, const struct plan_node *node)
{
    const struct expr_scope scope = {.input = state->input, .user = state, .variable = variable};
    for (size_t i = 0; i < node->choice.count; i++) {
        const struct switch_case *option = &node->choice.cases[i];
        struct error err = {0};
        json_t *value = NULL;
        if (option->when != NULL) {
            cr_assert_eq(expr_eval(option->when, &scope, &value, &err), ERR_OK, "%s", err.message);
        }
        bool taken = option->when == NULL || expr_truth(value);
        json_decref(value);
        if (taken) {
            return option->then;
        }
    }
    return node->then;
}

/* Run one task on state->input; the shaped output replaces it. */
static struct flow run_task(struct state *state, const struct plan_node *node)
{
    struct flow flow = node->then;
    json_t *raw = state->input;
    state->input = shaped(state, node->data.input_from, raw);
    json_decref(raw);
    json_t *output = NULL;
    switch ((int)node->kind) {
    case TASK_AGENT:
        output = run_agent(state, node);
        break;
    case TASK_SET:
        output = shaped(state, node->set, state->input);
        break;
    case TASK_SWITCH:
        flow = choose(state, node);
        output = json_incref(state->input);
        break;
    default:
        cr_assert_fail("task '%s' is of a kind this walk does not know", node->name);
    }
    if (output == NULL) {
        return (struct flow){.kind = FLOW_END};
    }
    state->output = output;
    json_t *result = shaped(state, node->data.output_as, output);
    if (node->data.export_as != NULL) {
        json_t *context = shaped(state, node->data.export_as, result);
        json_decref(state->context);
        state->context = context;
    }
    json_decref(output);
    json_decref(state->input);
    state->input = result;
    state->output = NULL;
    return flow;
}

void walk_event(const struct plan *plan, struct desk *desk, json_t *event, struct walk *ret_walk)
{
    *ret_walk = (struct walk){0};
    struct state state = {
        .desk = desk, .walk = ret_walk, .input = json_pack("[o]", event), .context = json_object()};
    json_t *started = state.input;
    state.input = shaped(&state, plan->data.input_from, started);
    json_decref(started);
    uint32_t at = plan->first;
    for (int steps = 0; at != PLAN_NONE && ret_walk->failed[0] == '\0'; steps++) {
        cr_assert_lt(steps, STEPS_MAX, "the walk does not end: %s", ret_walk->path);
        const struct plan_node *node = &plan->nodes[at];
        size_t used = strlen(ret_walk->path);
        snprintf(ret_walk->path + used, sizeof(ret_walk->path) - used, "%s%s", used > 0 ? " " : "",
                 node->name);
        struct flow flow = run_task(&state, node);
        at = flow.kind == FLOW_CONTINUE ? node->next
             : flow.kind == FLOW_GOTO   ? flow.target
                                        : PLAN_NONE;
    }
    if (ret_walk->failed[0] == '\0') {
        ret_walk->output = shaped(&state, plan->data.output_as, state.input);
    }
    json_decref(state.input);
    json_decref(state.context);
}

void walk_release(struct walk *walk)
{
    json_decref(walk->output);
    *walk = (struct walk){0};
}

json_t *event_of_text(const char *type, const char *text, size_t size, const char *content_type)
{
    json_t *event = json_pack("{s:s, s:s, s:s, s:s}", "specversion", "1.0", "id", "1", "source",
                              "/test", "type", type);
    if (content_type != NULL) {
        json_object_set_new(event, "datacontenttype", json_string(content_type));
    }
    if (utf8_valid(text, size) && memchr(text, '\0', size) == NULL) {
        json_object_set_new(event, "data", json_stringn(text, size));
        return event;
    }
    struct buf encoded = BUF_INIT(2 * (size_t)FILE_BYTES);
    base64_encode(text, size, &encoded);
    json_object_set_new(event, "data_base64", json_stringn(encoded.data, encoded.size));
    buf_release(&encoded);
    return event;
}

json_t *event_of_file(const char *type, const char *file, const char *content_type)
{
    static char text[FILE_BYTES];
    char path[512];
    snprintf(path, sizeof(path), TEST_DATA_DIR "/%s", file);
    return event_of_text(type, text, file_read(path, text), content_type);
}
