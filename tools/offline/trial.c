#include "tools/offline/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/doc.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/order.h"
#include "tools/offline/trial_private.h"

enum { TURNS_MAX = 20000, STORIES_MAX = 50, SESSION_MARK = 7 };

/* ---- agents ---- */

/* A version inside the range: the first number in it, made whole; else the one after it. */
static void version_of_range(const char *range, char *out, size_t size)
{
    unsigned number[3] = {1, 0, 0};
    const char *at = range == NULL ? "" : range + strcspn(range, "0123456789");
    for (int i = 0; i < 3 && *at >= '0' && *at <= '9'; i++) {
        char *end = NULL;
        number[i] = (unsigned)strtoul(at, &end, 10);
        at = *end == '.' ? end + 1 : "";
    }
    for (int i = 3; i >= 0; i--) { /* as it is, then one patch, one minor, one major up */
        unsigned up[3] = {number[0], number[1], number[2]};
        if (i < 3) {
            up[i]++;
        }
        (void)snprintf(out, size, "%u.%u.%u", up[0], up[1], up[2]);
        if (plan_version_in_range(out, range)) {
            return;
        }
    }
}

/* Add an action and what undoes its effect. `undoes`: it undoes one, so it has an effect itself. */
static void action_add(const struct trial *trial, json_t *actions, const char *agent,
                       const char *action, bool undoes)
{
    const struct replies *replies = trial->options->replies;
    for (; action != NULL && json_object_get(actions, action) == NULL; undoes = true) {
        const json_t *phases = NULL;
        const char *effect = replies_effect(replies, agent, action, &phases);
        const char *undo = replies_compensate(replies, agent, action);
        effect = effect != NULL ? effect : undoes || undo != NULL ? "keyed" : "pure";
        json_t *own = phases != NULL
                          ? json_incref(json_mutable(phases))
                          : json_pack("[s]", strcmp(effect, "pure") == 0 ? "decide" : "perform");
        json_t *object =
            json_pack("{s:s, s:{}, s:{}, s:s, s:s, s:o, s:s*}", "title", action, "input", "output",
                      "effect", effect, "timeout", "P1D", "phases", own, "compensate", undo);
        CHECK(object != NULL);
        CHECK(json_object_set_new(actions, action, object) == 0);
        action = undo;
    }
}

/* The contract of an agent in one version, with every action the definitions ask of it. */
static json_t *contract_json(const struct trial *trial, const char *agent, const char *version)
{
    json_t *actions = json_object();
    CHECK(actions != NULL);
    for (size_t p = 0; p < trial->options->file_count; p++) {
        const struct plan *plan = trial->plans[p];
        for (uint32_t i = 0; plan != NULL && i < plan->node_count; i++) {
            const struct plan_node *node = &plan->nodes[i];
            if (node->kind == TASK_AGENT && strcmp(node->call.agent, agent) == 0) {
                action_add(trial, actions, agent, node->call.action, false);
                action_add(trial, actions, agent, node->call.compensate.action, true);
            }
        }
    }
    json_t *contract = json_pack("{s:s, s:s, s:s, s:o}", "agent", agent, "version", version,
                                 "title", "simulated", "actions", actions);
    CHECK(contract != NULL);
    return contract;
}

/* A store says hello for the version that a call needs, unless it did. */
static void agent_join(struct trial *trial, const struct plan_agent_call *call)
{
    char version[64];
    char store[65];
    version_of_range(call->contract, version, sizeof(version));
    (void)snprintf(store, sizeof(store), "v%.60s", version);
    for (char *c = store; *c != '\0'; c++) {
        *c = *c == '.' ? '-' : *c;
    }
    if (company_store(engine_company(turn_engine(trial->turn)), call->agent, store) != NULL) {
        return;
    }
    json_t *contract = contract_json(trial, call->agent, version);
    struct command command = {.kind = COMMAND_HELLO};
    command.hello = (struct hello_command){.agent = call->agent,
                                           .store = store,
                                           .contract = contract,
                                           .program = "simulated",
                                           .metrics_url = "",
                                           .capacity = 1000};
    command.hello.session.bytes[0] = SESSION_MARK;
    command.hello.store_id.bytes[0] = SESSION_MARK;
    trial_command(trial, &command);
    json_decref(contract);
}

/* One store for each agent and version that some call needs. They are there before the definitions
 * are deployed: what runs programs is refused without its agent. */
static enum err agents_join(struct trial *trial, struct error *err)
{
    trial_begin(trial);
    for (size_t p = 0; p < trial->options->file_count; p++) {
        const struct plan *plan = trial->plans[p];
        for (uint32_t i = 0; plan != NULL && i < plan->node_count; i++) {
            if (plan->nodes[i].kind == TASK_AGENT) {
                agent_join(trial, &plan->nodes[i].call);
            }
        }
    }
    return turn_end(trial->turn, err);
}

/* ---- answers ---- */

struct answer *answer_add(struct trial *trial, int64_t due_ms)
{
    if (trial->answer_count == trial->answer_room) {
        trial->answer_room = trial->answer_room == 0 ? 64 : trial->answer_room * 2;
        trial->answers = realloc(trial->answers, trial->answer_room * sizeof(*trial->answers));
        CHECK(trial->answers != NULL);
    }
    struct answer *answer = &trial->answers[trial->answer_count++];
    *answer = (struct answer){.due_ms = due_ms};
    return answer;
}

static void answer_release(struct answer *answer)
{
    json_decref(answer->output);
    json_decref(answer->input);
    free(answer->agent);
    free(answer->store);
    free(answer->error);
}

/* The earliest, the first of equals; NULL: none. */
static struct answer *answer_first(struct trial *trial)
{
    struct answer *first = NULL;
    for (size_t i = 0; i < trial->answer_count; i++) {
        if (first == NULL || trial->answers[i].due_ms < first->due_ms) {
            first = &trial->answers[i];
        }
    }
    return first;
}

static struct answer answer_remove(struct trial *trial, struct answer *answer)
{
    struct answer taken = *answer;
    size_t at = (size_t)(answer - trial->answers);
    memmove(answer, answer + 1, (trial->answer_count - at - 1) * sizeof(*answer));
    trial->answer_count--;
    return taken;
}

static enum failure_class class_of(const char *name)
{
    for (unsigned i = FAILURE_TRANSIENT; i <= FAILURE_CANCELLED; i++) {
        if (text_equal(failure_class_name((enum failure_class)i), name)) {
            return (enum failure_class)i;
        }
    }
    return FAILURE_DATA;
}

static const char *text_or(const json_t *object, const char *name, const char *fallback)
{
    const char *text = json_text_of(object, name);
    return text != NULL ? text : fallback;
}

static struct failure failure_of(const json_t *fail)
{
    const char *effect = text_or(fail, "effect", "none");
    return (struct failure){
        .failure_class = class_of(json_text_of(fail, "class")),
        .effect = strcmp(effect, "done") == 0      ? MARK_DONE
                  : strcmp(effect, "unknown") == 0 ? MARK_UNKNOWN
                                                   : MARK_NONE,
        .code = text_or(fail, "code", "simulated"),
        .title = text_or(fail, "title", "simulated failure"),
        .detail = text_or(fail, "detail", ""),
        .pointer = text_or(fail, "pointer", ""),
        .status = (uint32_t)json_int_of(fail, "status", 0),
    };
}

static void answer_result(struct trial *trial, struct answer *answer)
{
    struct command command = {.kind = COMMAND_RESULT};
    struct result_command *result = &command.result;
    *result = answer->name;
    result->agent = answer->agent;
    result->store = answer->store;
    result->decision = (struct decision){.rule = "", .model = "", .cost = ""};
    if (answer->recalled) {
        result->status = RESULT_RECALLED;
    } else if (answer->reply->fail != NULL) {
        result->status = RESULT_FAILED;
        result->failure = failure_of(answer->reply->fail);
    } else {
        result->status = RESULT_DONE;
        result->output = doc_of_json(json_incref(answer->output));
        result->decision.has_confidence = answer->reply->confidence >= 0;
        result->decision.confidence_ppm =
            result->decision.has_confidence ? (uint32_t)(answer->reply->confidence * 1e6) : 0;
    }
    trial_command(trial, &command);
    doc_unref(&result->output);
}

static void answer_evaluation(struct trial *trial, struct answer *answer)
{
    struct command command = {.kind = COMMAND_EVALUATION};
    command.evaluation = (struct evaluation_command){.instance = answer->name.instance,
                                                     .frame = answer->name.frame,
                                                     .expr = answer->expr,
                                                     .error = answer->error};
    if (answer->output != NULL) {
        command.evaluation.value = doc_of_json(json_incref(answer->output));
    }
    trial_command(trial, &command);
    doc_unref(&command.evaluation.value);
}

static void answer_verdict(struct trial *trial, const struct answer *answer)
{
    char hex[ID_HEX_BYTES];
    id_hex(&answer->name.key, hex);
    json_t *body = json_pack("{s:s, s:s, s:s*}", "gate", hex, "verdict", answer->reply->verdict,
                             "reason", answer->reply->reason);
    CHECK(body != NULL);
    if (answer->output != NULL) {
        CHECK(json_object_set(body, "value", answer->output) == 0);
    }
    json_t *reply = NULL;
    enum err code = trial_ask(trial, "gates.verdict", body, &reply, &trial->trouble);
    json_decref(reply);
    if (code != ERR_OK) {
        error_wrap(&trial->trouble, "the verdict for '%s'", answer->reply->action);
        trial->failed = true;
    }
}

static void answer_give(struct trial *trial, struct answer *answer)
{
    switch (answer->kind) {
    case ANSWER_RESULT:
        answer_result(trial, answer);
        break;
    case ANSWER_EVALUATION:
        answer_evaluation(trial, answer);
        break;
    case ANSWER_VERDICT:
        answer_verdict(trial, answer);
        break;
    }
    answer_release(answer);
}

/* ---- gates ---- */

static const struct plan_node *gate_node(struct trial *trial, const struct gate *gate)
{
    const struct instance *instance = engine_instance(turn_engine(trial->turn), &gate->instance);
    const struct frame *frame = instance == NULL ? NULL : instance_frame(instance, gate->frame);
    return frame == NULL || frame->node == PLAN_NONE ? NULL : &instance->plan->nodes[frame->node];
}

/* Find a verdict for each gate that has opened since the last look. */
static void gates_look(struct trial *trial)
{
    const struct company *company = engine_company(turn_engine(trial->turn));
    size_t cursor = 0;
    const struct gate *gate = NULL;
    while (!trial->failed && (gate = map_next(company->gates, &cursor, NULL, NULL)) != NULL) {
        const struct plan_node *node = gate_node(trial, gate);
        const struct reply *reply = NULL;
        json_t *value = NULL;
        if (node == NULL || map_get(trial->gates, gate->id.bytes, sizeof(gate->id.bytes)) != NULL) {
            continue;
        }
        (void)map_put(trial->gates, gate->id.bytes, sizeof(gate->id.bytes), trial, NULL);
        json_t *none = json_null();
        enum err code = replies_take(trial->options->replies, "", node->name, none, &reply, &value,
                                     &trial->trouble);
        trial->failed = code != ERR_OK;
        if (code != ERR_OK || reply == NULL) {
            continue;
        }
        struct answer *answer = answer_add(trial, trial->now + reply->after_ms);
        answer->kind = ANSWER_VERDICT;
        answer->reply = reply;
        answer->output = value;
        answer->name.key = gate->id;
    }
}

/* ---- the run ---- */

/* What cannot be loaded is NULL: its deployment tells why. */
static void plans_load(struct trial *trial)
{
    for (size_t i = 0; i < trial->options->file_count; i++) {
        const char *text = trial->options->files[i].text;
        struct plan_report report;
        if (plan_load(text, strlen(text), &trial->plans[i], &report) != ERR_OK) {
            trial->plans[i] = NULL;
        }
        plan_report_release(&report);
    }
}

/* Deploy the file; of the first one the reply is kept. Else its problems may be in trial->refused;
 * ERR_NOT_FOUND: what it runs is not there yet. */
static enum err file_deploy(struct trial *trial, size_t index, struct error *err)
{
    const struct trial_file *file = &trial->options->files[index];
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s, s:s}", "text", file->text, "file", file->name);
    if (body == NULL) {
        return error_set(err, ERR_INVALID, "'%s' is not UTF-8 text", file->name);
    }
    enum err code = trial_ask(trial, "deploy", body, &reply, err);
    if (code == ERR_OK && index == 0) {
        trial->deployed = json_incref(reply);
    } else if (code != ERR_OK && json_object_get(reply, "problems") != NULL &&
               (trial->refused == NULL || code != ERR_NOT_FOUND)) {
        json_decref(trial->refused);
        trial->refused = json_pack("{s:b, s:s, s:O}", "ok", 0, "file", file->name, "problems",
                                   json_object_get(reply, "problems"));
    }
    json_decref(reply);
    return code;
}

/* Deploy all: what one runs must be there before it, so those that are refused for that are asked
 * again as long as others come. */
static enum err files_deploy(struct trial *trial, struct error *err)
{
    bool there[TRIAL_FILES_MAX] = {false};
    size_t left = trial->options->file_count;
    bool more = true;
    enum err code = ERR_OK;
    while (left > 0 && more && (code == ERR_OK || code == ERR_NOT_FOUND)) {
        more = false;
        code = ERR_OK;
        json_decref(trial->refused);
        trial->refused = NULL;
        for (size_t i = trial->options->file_count;
             i > 0 && (code == ERR_OK || code == ERR_NOT_FOUND); i--) {
            struct error why = {0};
            enum err one = there[i - 1] ? ERR_EXISTS : file_deploy(trial, i - 1, &why);
            if (one == ERR_OK) {
                there[i - 1] = more = true;
                left--;
            } else if (one != ERR_EXISTS && (code == ERR_OK || one != ERR_NOT_FOUND)) {
                const struct plan *plan = trial->plans[i - 1];
                if (plan != NULL) {
                    error_wrap(&why, "%s/%s, simulated with the files that were given",
                               plan->namespace_, plan->name);
                }
                *err = why;
                code = one;
            }
        }
    }
    return left == 0 ? ERR_OK : code;
}

/* What the run gets when nothing is given: of a schedule the times that it would get if it were due
 * at once, else nothing. */
static json_t *input_default(const struct trial *trial, const struct definition *definition)
{
    const struct plan *plan = definition->plan;
    enum { SCHEDULE_NAME_BYTES = 256 };
    char name[SCHEDULE_NAME_BYTES];
    char text[CLOCK_TEXT_BYTES];
    json_t *input = json_object();
    CHECK(input != NULL);
    if (plan->schedule.kind == SCHEDULE_NONE) {
        return input;
    }
    (void)snprintf(name, sizeof(name), "%s/%s", plan->namespace_, plan->name);
    const struct schedule *schedule =
        company_schedule(engine_company(turn_engine(trial->turn)), name);
    if (clock_format(trial->now, text)) {
        CHECK(json_object_set_new(input, "due", json_string(text)) == 0);
    }
    bool next = schedule != NULL && plan->schedule.kind != SCHEDULE_AFTER;
    if (next && clock_format(schedule->due_ms, text)) {
        CHECK(json_object_set_new(input, "next", json_string(text)) == 0);
    }
    return input;
}

static enum err trial_start(struct trial *trial, struct error *err)
{
    const struct trial_options *options = trial->options;
    plans_load(trial);
    TRY(agents_join(trial, err));
    TRY(files_deploy(trial, err));
    const char *name = json_text_of(trial->deployed, "definition");
    const struct definition *definition =
        company_find_definition(engine_company(turn_engine(trial->turn)), name);
    CHECK(definition != NULL);
    bool by_event =
        options->input == NULL && options->event_count > 0 && definition->plan->trigger != NULL;
    json_t *reply = NULL;
    enum err code = ERR_OK;
    if (!by_event) {
        json_t *input =
            options->input != NULL ? json_incref(options->input) : input_default(trial, definition);
        json_t *body = json_pack("{s:s, s:o}", "definition", name, "input", input);
        CHECK(body != NULL);
        code = trial_ask(trial, "run", body, &reply, err);
        json_decref(reply);
        reply = NULL;
    }
    if (code == ERR_OK && definition->plan->schedule.kind != SCHEDULE_NONE) {
        json_t *body =
            json_pack("{s:s, s:b}", "definition", name, "force", 1); /* one run is wanted */
        code = trial_ask(trial, "definitions.retire", body, &reply, err);
        json_decref(reply);
    }
    return code;
}

/* When something is due next; INT64_MAX: nothing is. */
static int64_t trial_due(struct trial *trial)
{
    int64_t due = turn_next_due(trial->turn);
    const struct answer *answer = answer_first(trial);
    const struct trial_options *options = trial->options;
    due = answer != NULL && answer->due_ms < due ? answer->due_ms : due;
    if (trial->next_event < options->event_count) {
        int64_t event = options->start_ms + options->events[trial->next_event].after_ms;
        due = event < due ? event : due;
    }
    return due;
}

/* One turn: what is due of events and answers, then the engine's own timers. */
static enum err trial_turn(struct trial *trial, struct error *err)
{
    const struct trial_options *options = trial->options;
    struct answer *first = answer_first(trial);
    if (trial->next_event < options->event_count &&
        options->start_ms + options->events[trial->next_event].after_ms <= trial->now) {
        json_t *reply = NULL;
        json_t *body = json_mutable(options->events[trial->next_event++].body);
        enum err code = trial_ask(trial, "emit", json_incref(body), &reply, err);
        json_decref(reply);
        return code;
    }
    if (first != NULL && first->due_ms <= trial->now && first->kind == ANSWER_VERDICT) {
        struct answer answer = answer_remove(trial, first);
        answer_give(trial, &answer); /* asks in a turn of its own */
    } else {
        trial_begin(trial);
        if (first != NULL && first->due_ms <= trial->now) {
            struct answer answer = answer_remove(trial, first);
            answer_give(trial, &answer);
        }
        TRY(turn_end(trial->turn, err));
    }
    return ERR_OK;
}

static enum err trial_go(struct trial *trial, struct error *err)
{
    for (unsigned turns = 0;; turns++) {
        gates_look(trial);
        if (trial->failed) {
            *err = trial->trouble;
            return err->code;
        }
        int64_t due = trial_due(trial);
        if (due == INT64_MAX || json_array_size(trial->missing) > 0) {
            return ERR_OK;
        }
        if (turns == TURNS_MAX) {
            return error_set(err, ERR_LIMIT,
                             "the run does not come to rest after %d turns, at %lld", TURNS_MAX,
                             (long long)trial->now);
        }
        trial->now = due > trial->now ? due : trial->now;
        TRY(trial_turn(trial, err));
    }
}

/* ---- what came of it ---- */

static void member_take(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value != NULL) {
        CHECK(json_object_set(to, name, value) == 0);
    }
}

static enum err instance_tell(struct trial *trial, const char *id, json_t *list, struct error *err)
{
    static const char *const members[] = {"instance", "definition", "trigger", "status",
                                          "reason",   "output",     "error"};
    json_t *described = NULL;
    json_t *story = NULL;
    json_t *row = json_object();
    CHECK(row != NULL);
    CHECK(json_array_append_new(list, row) == 0);
    enum err code =
        trial_ask(trial, "instances.describe", json_pack("{s:s}", "instance", id), &described, err);
    if (code == ERR_OK) {
        code = trial_ask(trial, "explain", json_pack("{s:s}", "instance", id), &story, err);
    }
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        member_take(row, described, members[i]);
    }
    member_take(row, story, "story");
    json_decref(described);
    json_decref(story);
    return code;
}

static int started_first(const void *a, const void *b)
{
    const json_t *const *left = a;
    const json_t *const *right = b;
    const char *x = json_text_of(*left, "started_at");
    const char *y = json_text_of(*right, "started_at");
    return x == NULL || y == NULL ? 0 : strcmp(x, y);
}

/* Oldest first, the one that was asked for before those of the same time. */
static enum err instances_tell(struct trial *trial, json_t *result, struct error *err)
{
    json_t *listed = NULL;
    json_t *list = json_array();
    CHECK(list != NULL);
    CHECK(json_object_set_new(result, "instances", list) == 0);
    TRY(trial_ask(trial, "instances.ls", json_pack("{s:i}", "limit", STORIES_MAX), &listed, err));
    const json_t *rows = json_array_of(listed, "instances");
    size_t count = json_array_size(rows);
    const json_t **order = calloc(count + 1, sizeof(json_t *));
    CHECK(order != NULL);
    for (size_t i = 0; i < count; i++) {
        order[i] = json_array_get(rows, i);
    }
    qsort(order, count, sizeof(*order), started_first);
    enum err code = ERR_OK;
    for (int asked = 1; asked >= 0; asked--) {
        for (size_t i = 0; i < count && code == ERR_OK; i++) {
            const char *id = json_text_of(order[i], "instance");
            bool is_asked = trial->asked[0] != '\0' && strcmp(id, trial->asked) == 0;
            if (is_asked == (asked == 1)) {
                code = instance_tell(trial, id, list, err);
            }
        }
    }
    free((void *)order);
    json_decref(listed);
    return code;
}

static enum err result_tell(struct trial *trial, json_t **ret_result, struct error *err)
{
    char started[CLOCK_TEXT_BYTES];
    char ended[CLOCK_TEXT_BYTES];
    (void)clock_format(trial->options->start_ms, started);
    (void)clock_format(trial->now, ended);
    json_t *result = json_pack("{s:b, s:s, s:s, s:O}", "ok", 1, "started_at", started, "ended_at",
                               ended, "missing", trial->missing);
    CHECK(result != NULL);
    member_take(result, trial->deployed, "definition");
    member_take(result, trial->deployed, "warnings");
    *ret_result = result;
    return instances_tell(trial, result, err);
}

enum err trial_run(const struct trial_options *options, json_t **ret_result, struct error *err)
{
    struct trial trial;
    *ret_result = NULL;
    enum err code = trial_open(&trial, options, err);
    if (code == ERR_OK) {
        code = trial_start(&trial, err);
        if (trial.refused != NULL) {
            *ret_result = json_incref(trial.refused);
            code = ERR_OK;
        } else if (code == ERR_OK) {
            code = trial_go(&trial, err);
            code = code == ERR_OK ? result_tell(&trial, ret_result, err) : code;
        }
    }
    while (trial.answer_count > 0) {
        struct answer answer = answer_remove(&trial, &trial.answers[0]);
        answer_release(&answer);
    }
    trial_close(&trial);
    return code;
}
