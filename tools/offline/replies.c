#include "tools/offline/replies.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/near.h"
#include "coordinator/definition/plan.h"
#include "coordinator/definition/yaml.h"

enum { DEPTH_MAX = 64, PLACE_BYTES = 400 };

struct setting {
    char agent[65];
    char action[65];
    const char *effect; /* NULL: not said */
    const json_t *phases;
    const char *compensate;
};

struct replies {
    json_t *value;
    struct reply *list;
    size_t count;
    struct setting *settings;
    size_t setting_count;
};

/* ---- reading ---- */

static enum err member_unknown(const char *const *allowed, const char *place, const char *name,
                               struct error *err)
{
    const char *near = near_name(allowed, name, strlen(name));
    struct buf list = BUF_INIT(1024);
    for (size_t i = 0; allowed[i] != NULL; i++) {
        buf_printf(&list, "%s%s", i == 0 ? "" : ", ", allowed[i]);
    }
    enum err code =
        error_set(err, ERR_INVALID, "%s: '%.64s' is not known here (%s%s%sknown: %s)", place, name,
                  near != NULL ? "did you mean '" : "", near != NULL ? near : "",
                  near != NULL ? "'? " : "", list.failed ? "" : list.data);
    buf_release(&list);
    return code;
}

static enum err members_check(const json_t *object, const char *const *allowed, const char *place,
                              struct error *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(object), name, value)
    {
        size_t i = 0;
        while (allowed[i] != NULL && strcmp(allowed[i], name) != 0) {
            i++;
        }
        if (allowed[i] == NULL) {
            return member_unknown(allowed, place, name, err);
        }
    }
    return ERR_OK;
}

static enum err after_read(const json_t *object, const char *place, int64_t *ret_ms,
                           struct error *err)
{
    const json_t *after = json_object_get(object, "after");
    *ret_ms = 0;
    if (after == NULL) {
        return ERR_OK;
    }
    enum err code = plan_duration_parse(after, ret_ms, err);
    if (code != ERR_OK) {
        error_wrap(err, "%s/after", place);
    }
    return code;
}

static enum err reply_room(struct replies *replies, const char *place, struct reply **ret_reply,
                           struct error *err)
{
    if (replies->count == REPLIES_MAX) {
        return error_set(err, ERR_LIMIT, "%s: more than %d replies", place, REPLIES_MAX);
    }
    *ret_reply = &replies->list[replies->count++];
    **ret_reply = (struct reply){.confidence = -1, .times = UINT64_MAX};
    return ERR_OK;
}

static enum err when_read(const json_t *value, const char *place, struct expr **ret_expr,
                          struct error *err)
{
    char text[4096];
    const char *given = json_string_value(value);
    if (given == NULL || !text_copy(text, sizeof(text), given)) {
        return error_set(err, ERR_INVALID, "%s/when: an expression of at most 4 KB is wanted",
                         place);
    }
    char *from = text;
    size_t size = strlen(text);
    if (text_starts(text, "${") && text[size - 1] == '}') {
        text[size - 1] = '\0';
        from += 2;
    }
    enum err code = expr_compile(from, 0, ret_expr, err);
    if (code == ERR_OK && !expr_is_native(*ret_expr)) {
        code = error_set(err, ERR_UNSUPPORTED, "only native expressions match inputs");
    }
    if (code != ERR_OK) {
        error_wrap(err, "%s/when", place);
    }
    return code;
}

static enum err fail_check(const json_t *fail, const char *place, struct error *err)
{
    static const char *const allowed[] = {"class",  "effect", "code",    "title",
                                          "detail", "status", "pointer", NULL};
    static const char *const classes[] = {"transient", "data",   "permission", "contract",
                                          "quality",   "budget", "in-doubt",   NULL};
    char inner[PLACE_BYTES];
    (void)snprintf(inner, sizeof(inner), "%.380s/fail", place);
    if (!json_is_object(fail)) {
        return error_set(err, ERR_INVALID, "%s: must be an object with 'class'", inner);
    }
    TRY(members_check(fail, allowed, inner, err));
    const char *class = json_text_of(fail, "class");
    const char *effect = json_text_of(fail, "effect");
    size_t i = 0;
    while (classes[i] != NULL && !text_equal(classes[i], class)) {
        i++;
    }
    if (classes[i] == NULL) {
        return error_set(err, ERR_INVALID,
                         "%s/class: one of transient, data, permission, contract, quality, budget, "
                         "in-doubt",
                         inner);
    }
    if (effect != NULL && !text_equal(effect, "none") && !text_equal(effect, "unknown") &&
        !text_equal(effect, "done")) {
        return error_set(err, ERR_INVALID, "%s/effect: one of none, unknown, done", inner);
    }
    return ERR_OK;
}

static enum err reply_read(struct replies *replies, const struct setting *of, const json_t *item,
                           bool last, const char *place, struct error *err)
{
    static const char *const allowed[] = {"when",  "output", "fail", "confidence",
                                          "after", "times",  NULL};
    struct reply *reply = NULL;
    TRY(reply_room(replies, place, &reply, err));
    (void)text_copy(reply->agent, sizeof(reply->agent), of->agent);
    (void)text_copy(reply->action, sizeof(reply->action), of->action);
    reply->output = json_object_get(item, "output");
    reply->fail = json_object_get(item, "fail");
    if (!json_is_object(item) || (reply->output == NULL) == (reply->fail == NULL)) {
        return error_set(err, ERR_INVALID, "%s: a reply has either 'output' or 'fail'", place);
    }
    TRY(members_check(item, allowed, place, err));
    TRY(after_read(item, place, &reply->after_ms, err));
    if (json_object_get(item, "when") != NULL) {
        TRY(when_read(json_object_get(item, "when"), place, &reply->when, err));
    }
    const json_t *confidence = json_object_get(item, "confidence");
    if (confidence != NULL) {
        reply->confidence = json_number_value(confidence);
        if (!json_is_number(confidence) || reply->confidence < 0 || reply->confidence > 1) {
            return error_set(err, ERR_INVALID, "%s/confidence: a number from 0 to 1", place);
        }
    }
    int64_t times = json_int_of(item, "times", last || reply->when != NULL ? INT64_MAX : 1);
    if (times < 1) {
        return error_set(err, ERR_INVALID, "%s/times: at least 1", place);
    }
    reply->times = times == INT64_MAX ? UINT64_MAX : (uint64_t)times;
    return reply->fail == NULL ? ERR_OK : fail_check(reply->fail, place, err);
}

static enum err list_read(struct replies *replies, const struct setting *of, const json_t *value,
                          const char *place, struct error *err)
{
    size_t at = 0;
    const json_t *item = NULL;
    if (!json_is_array(value)) {
        return reply_read(replies, of, value, true, place, err);
    }
    json_array_foreach(value, at, item)
    {
        char inner[PLACE_BYTES];
        (void)snprintf(inner, sizeof(inner), "%.370s/%zu", place, at);
        TRY(reply_read(replies, of, item, at + 1 == json_array_size(value), inner, err));
    }
    return ERR_OK;
}

static enum err action_read(struct replies *replies, const char *agent, const char *action,
                            const json_t *value, struct error *err)
{
    static const char *const allowed[] = {"effect", "phases", "compensate", "replies", NULL};
    static const char *const effects[] = {"pure", "keyed", "probed", "manual", NULL};
    char place[PLACE_BYTES];
    (void)snprintf(place, sizeof(place), "agents/%.64s/%.64s", agent, action);
    struct setting *setting = &replies->settings[replies->setting_count];
    *setting = (struct setting){0};
    if (!text_copy(setting->agent, sizeof(setting->agent), agent) ||
        !text_copy(setting->action, sizeof(setting->action), action) ||
        replies->setting_count == REPLIES_MAX) {
        return error_set(err, ERR_LIMIT, "%s: a name is too long, or there are too many", place);
    }
    replies->setting_count++;
    const json_t *list = json_object_get(value, "replies");
    if (list == NULL) {
        return list_read(replies, setting, value, place, err);
    }
    TRY(members_check(value, allowed, place, err));
    setting->phases = json_object_get(value, "phases");
    const char *effect = json_text_of(value, "effect");
    size_t i = 0;
    while (effect != NULL && effects[i] != NULL && strcmp(effects[i], effect) != 0) {
        i++;
    }
    if (effects[i] == NULL) {
        return error_set(err, ERR_INVALID, "%s/effect: one of pure, keyed, probed, manual", place);
    }
    setting->effect = effect == NULL ? NULL : effects[i];
    setting->compensate = json_text_of(value, "compensate");
    return list_read(replies, setting, list, place, err);
}

static enum err verdict_read(struct replies *replies, const char *step, const json_t *item,
                             bool last, struct error *err)
{
    static const char *const allowed[] = {"verdict", "value", "reason", "after", "times", NULL};
    char place[PLACE_BYTES];
    (void)snprintf(place, sizeof(place), "gates/%.256s", step);
    struct reply *reply = NULL;
    TRY(reply_room(replies, place, &reply, err));
    if (!text_copy(reply->action, sizeof(reply->action), step)) {
        return error_set(err, ERR_LIMIT, "%s: the name is too long", place);
    }
    reply->verdict = json_is_string(item) ? json_string_value(item) : json_text_of(item, "verdict");
    reply->reason = json_text_of(item, "reason");
    reply->output = json_object_get(item, "value");
    reply->times = last ? UINT64_MAX : 1;
    bool known = text_equal(reply->verdict, "approve") || text_equal(reply->verdict, "reject") ||
                 text_equal(reply->verdict, "edit");
    if (!known) {
        return error_set(err, ERR_INVALID, "%s: a verdict is approve, reject or edit", place);
    }
    if (json_is_object(item)) {
        TRY(members_check(item, allowed, place, err));
        TRY(after_read(item, place, &reply->after_ms, err));
        int64_t times = json_int_of(item, "times", 0);
        reply->times = times > 0 ? (uint64_t)times : reply->times;
    }
    return ERR_OK;
}

static enum err verdicts_read(struct replies *replies, const json_t *gates, struct error *err)
{
    const char *step = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(gates), step, value)
    {
        size_t at = 0;
        const json_t *item = NULL;
        if (!json_is_array(value)) {
            TRY(verdict_read(replies, step, value, true, err));
        }
        json_array_foreach(value, at, item)
        {
            TRY(verdict_read(replies, step, item, at + 1 == json_array_size(value), err));
        }
    }
    return ERR_OK;
}

static enum err file_read_all(struct replies *replies, struct error *err)
{
    static const char *const allowed[] = {"agents", "gates", NULL};
    const json_t *agents = json_object_get(replies->value, "agents");
    const json_t *gates = json_object_get(replies->value, "gates");
    bool sound = json_is_object(replies->value) && (agents == NULL || json_is_object(agents)) &&
                 (gates == NULL || json_is_object(gates));
    if (!sound) {
        return error_set(err, ERR_INVALID, "it must be an object with 'agents' and 'gates'");
    }
    TRY(members_check(replies->value, allowed, "top", err));
    const char *agent = NULL;
    json_t *actions = NULL;
    json_object_foreach(json_mutable(agents), agent, actions)
    {
        const char *action = NULL;
        json_t *value = NULL;
        if (!json_is_object(actions)) {
            return error_set(err, ERR_INVALID, "agents/%.64s: an object of actions is wanted",
                             agent);
        }
        json_object_foreach(actions, action, value)
        {
            TRY(action_read(replies, agent, action, value, err));
        }
    }
    return verdicts_read(replies, gates, err);
}

enum err replies_load(const char *text, size_t size, struct replies **ret_replies,
                      struct error *err)
{
    struct replies *replies = calloc(1, sizeof(*replies));
    CHECK(replies != NULL);
    replies->list = calloc(REPLIES_MAX, sizeof(*replies->list));
    replies->settings = calloc(REPLIES_MAX + 1, sizeof(*replies->settings));
    CHECK(replies->list != NULL);
    CHECK(replies->settings != NULL);
    enum err code = ERR_OK;
    if (text != NULL) {
        code = yaml_value(text, size, &replies->value, err);
        code = code == ERR_OK ? file_read_all(replies, err) : code;
    }
    if (code != ERR_OK) {
        replies_destroy(&replies);
    }
    *ret_replies = replies;
    return code;
}

void replies_destroy(struct replies **replies)
{
    if (*replies == NULL) {
        return;
    }
    for (size_t i = 0; i < (*replies)->count; i++) {
        expr_destroy(&(*replies)->list[i].when);
    }
    json_decref((*replies)->value);
    free((*replies)->list);
    free((*replies)->settings);
    free(*replies);
    *replies = NULL;
}

/* ---- answering ---- */

static const struct setting *setting_of(const struct replies *replies, const char *agent,
                                        const char *action)
{
    static const struct setting none = {0};
    for (size_t i = 0; i < replies->setting_count; i++) {
        const struct setting *setting = &replies->settings[i];
        if (strcmp(setting->agent, agent) == 0 && strcmp(setting->action, action) == 0) {
            return setting;
        }
    }
    return &none;
}

const char *replies_effect(const struct replies *replies, const char *agent, const char *action,
                           const json_t **ret_phases)
{
    const struct setting *setting = setting_of(replies, agent, action);
    *ret_phases = setting->phases;
    return setting->effect;
}

const char *replies_compensate(const struct replies *replies, const char *agent, const char *action)
{
    return setting_of(replies, agent, action)->compensate;
}

static enum err text_fill(const char *text, const json_t *input, json_t **ret_value,
                          struct error *err)
{
    const struct expr_scope scope = {.input = input};
    struct expr *expr = NULL;
    size_t size = strlen(text);
    char *inner = strndup(text + 2, size - 3);
    CHECK(inner != NULL);
    enum err code = expr_compile(inner, 0, &expr, err);
    if (code == ERR_OK) {
        code = expr_eval(expr, &scope, ret_value, err);
    }
    expr_destroy(&expr);
    free(inner);
    return code;
}

/* A copy with every text that is all `${ ... }` replaced by its value. */
static enum err output_fill(const json_t *value, const json_t *input, unsigned depth,
                            json_t **ret_value, struct error *err)
{
    const char *text = json_string_value(value);
    enum err code = ERR_OK;
    if (text != NULL && text_starts(text, "${") && text_ends(text, "}")) {
        return text_fill(text, input, ret_value, err);
    }
    if ((!json_is_object(value) && !json_is_array(value)) || depth == DEPTH_MAX) {
        *ret_value = json_incref(json_mutable(value));
        return ERR_OK;
    }
    json_t *copy = json_is_object(value) ? json_object() : json_array();
    CHECK(copy != NULL);
    const char *name = NULL;
    json_t *item = NULL;
    size_t at = 0;
    json_object_foreach(json_mutable(value), name, item)
    {
        json_t *filled = NULL;
        code = code == ERR_OK ? output_fill(item, input, depth + 1, &filled, err) : code;
        if (code == ERR_OK) {
            CHECK(json_object_set_new(copy, name, filled) == 0);
        }
    }
    json_array_foreach(value, at, item)
    {
        json_t *filled = NULL;
        code = code == ERR_OK ? output_fill(item, input, depth + 1, &filled, err) : code;
        if (code == ERR_OK) {
            CHECK(json_array_append_new(copy, filled) == 0);
        }
    }
    if (code != ERR_OK) {
        json_decref(copy);
        copy = NULL;
    }
    *ret_value = copy;
    return code;
}

static enum err reply_fits(const struct reply *reply, const json_t *input, bool *ret_fits,
                           struct error *err)
{
    const struct expr_scope scope = {.input = input};
    json_t *value = NULL;
    *ret_fits = true;
    if (reply->when == NULL) {
        return ERR_OK;
    }
    enum err code = expr_eval(reply->when, &scope, &value, err);
    *ret_fits = code == ERR_OK && expr_truth(value);
    json_decref(value);
    return code;
}

enum err replies_take(struct replies *replies, const char *agent, const char *action,
                      const json_t *input, const struct reply **ret_reply, json_t **ret_output,
                      struct error *err)
{
    *ret_reply = NULL;
    *ret_output = NULL;
    for (size_t i = 0; i < replies->count; i++) {
        struct reply *reply = &replies->list[i];
        bool fits = false;
        if (reply->times == 0 || strcmp(reply->agent, agent) != 0 ||
            strcmp(reply->action, action) != 0) {
            continue;
        }
        enum err code = reply_fits(reply, input, &fits, err);
        if (code == ERR_OK && fits && reply->output != NULL) {
            code = output_fill(reply->output, input, 0, ret_output, err);
        }
        if (code != ERR_OK) {
            error_wrap(err, "reply %s/%s", agent, action);
            return code;
        }
        if (fits) {
            reply->times -= reply->times == UINT64_MAX ? 0 : 1;
            *ret_reply = reply;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

/* ---- events ---- */

static enum err event_read(const json_t *item, size_t at, struct outside *event, struct error *err)
{
    static const char *const allowed[] = {"type", "source", "id",           "subject", "data",
                                          "time", "after",  "content_type", NULL};
    char place[64];
    (void)snprintf(place, sizeof(place), "event %zu", at);
    if (json_text_of(item, "type") == NULL) {
        return error_set(err, ERR_INVALID, "%s: an event needs a 'type'", place);
    }
    TRY(members_check(item, allowed, place, err));
    TRY(after_read(item, place, &event->after_ms, err));
    (void)json_object_del(json_mutable(item), "after");
    event->body = item;
    return ERR_OK;
}

enum err events_load(const char *text, size_t size, json_t **ret_value, struct outside **ret_events,
                     size_t *ret_count, struct error *err)
{
    *ret_count = 0;
    *ret_events = NULL;
    TRY(yaml_value(text, size, ret_value, err));
    size_t count = json_array_size(*ret_value);
    if (!json_is_array(*ret_value) || count > REPLIES_MAX) {
        return error_set(err, ERR_INVALID, "it must be a list of at most %d events", REPLIES_MAX);
    }
    struct outside *events = calloc(count + 1, sizeof(*events));
    CHECK(events != NULL);
    *ret_events = events;
    for (size_t i = 0; i < count; i++) {
        struct outside event = {0};
        TRY(event_read(json_array_get(*ret_value, i), i, &event, err));
        size_t at = i;
        for (; at > 0 && events[at - 1].after_ms > event.after_ms; at--) {
            events[at] = events[at - 1];
        }
        events[at] = event;
    }
    *ret_count = count;
    return ERR_OK;
}
