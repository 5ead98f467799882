#include "coordinator/engine/contract.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/json/schema.h"
#include "coordinator/definition/plan.h"

enum { RATE_COUNT_MAX = 1000000, RATE_MS_MAX = 24 * 60 * 60 * 1000 };

static enum err effect_parse(const char *text, enum effect_class *ret_effect, const char *action,
                             struct error *err)
{
    static const char *const names[] = {"pure", "keyed", "probed", "manual"};
    for (int i = 0; text != NULL && i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_effect = (enum effect_class)(i + 1);
            return ERR_OK;
        }
    }
    return error_set(err, ERR_INVALID,
                     "action '%s': effect must be one of pure, keyed, probed, manual, not '%s'",
                     action, text == NULL ? "(missing)" : text);
}

static enum err phases_parse(const json_t *phases, struct contract_action *action,
                             struct error *err)
{
    size_t index = 0;
    const json_t *item = NULL;
    json_array_foreach(json_mutable(phases), index, item)
    {
        const char *text = json_string_value(item);
        if (text_equal(text, "decide")) {
            action->decides = true;
        } else if (text_equal(text, "perform")) {
            action->performs = true;
        } else {
            return error_set(err, ERR_INVALID,
                             "action '%s': phases may hold decide and perform only", action->name);
        }
    }
    if (!action->decides && !action->performs) {
        return error_set(err, ERR_INVALID, "action '%s': phases must name decide, perform or both",
                         action->name);
    }
    return ERR_OK;
}

static enum err schema_member(const json_t *object, const char *member, const char *action,
                              bool required, struct schema **ret_schema, struct error *err)
{
    const json_t *schema = json_object_get(object, member);
    if (schema == NULL) {
        if (!required) {
            return ERR_OK;
        }
        return error_set(err, ERR_INVALID, "action '%s': '%s' (a JSON Schema) is missing", action,
                         member);
    }
    enum err code = schema_compile(schema, NULL, ret_schema, err);
    if (code != ERR_OK) {
        error_wrap(err, "action '%s': %s", action, member);
    }
    return code;
}

static enum err rate_parse(const json_t *rate, struct contract_action *action, struct error *err)
{
    if (rate == NULL) {
        return ERR_OK;
    }
    int64_t count = json_int_of(rate, "count", 0);
    enum err code = plan_duration_parse(json_object_get(rate, "per"), &action->rate_ms, err);
    if (code != ERR_OK || count < 1 || count > RATE_COUNT_MAX || action->rate_ms < 1 ||
        action->rate_ms > RATE_MS_MAX) {
        return error_set(
            err, ERR_INVALID,
            "action '%s': rate must be {\"count\": 1 to %d, \"per\": duration up to P1D}",
            action->name, RATE_COUNT_MAX);
    }
    action->rate_count = (uint32_t)count;
    return ERR_OK;
}

static enum err cost_parse(const json_t *cost, struct contract_action *action, struct error *err)
{
    if (cost == NULL) {
        return ERR_OK;
    }
    enum err code = money_parse(json_text_of(cost, "max"), &action->cost, err);
    if (code != ERR_OK) {
        error_wrap(err, "action '%s': cost: max", action->name);
    }
    return code;
}

static enum err action_parse(const char *name, const json_t *object, struct contract_action *action,
                             struct error *err)
{
    if (!text_is_token(name) || !json_is_object(object)) {
        return error_set(err, ERR_INVALID,
                         "action '%s': names are 1 to 64 of [A-Za-z0-9_-], values are objects",
                         name);
    }
    action->name = name;
    const char *title = json_text_of(object, "title");
    action->title = title == NULL ? "" : title;
    action->compensate = json_text_of(object, "compensate");
    TRY(effect_parse(json_text_of(object, "effect"), &action->effect, name, err));
    TRY(phases_parse(json_object_get(object, "phases"), action, err));
    action->confidence_required = text_equal(json_text_of(object, "confidence"), "required");
    int64_t concurrency = json_int_of(object, "concurrency", 1);
    if (concurrency < 1 || concurrency > UINT16_MAX) {
        return error_set(err, ERR_INVALID, "action '%s': concurrency must be 1 or more", name);
    }
    action->concurrency = (uint32_t)concurrency;
    action->quick = json_is_true(json_object_get(object, "quick"));
    TRY(rate_parse(json_object_get(object, "rate"), action, err));
    TRY(cost_parse(json_object_get(object, "cost"), action, err));
    const json_t *timeout = json_object_get(object, "timeout");
    if (timeout != NULL) {
        enum err code = plan_duration_parse(timeout, &action->timeout_ms, err);
        if (code != ERR_OK) {
            error_wrap(err, "action '%s': timeout", name);
            return code;
        }
    }
    TRY(schema_member(object, "input", name, true, &action->input, err));
    TRY(schema_member(object, "output", name, true, &action->output, err));
    return schema_member(object, "proposal", name, false, &action->proposal, err);
}

static enum err actions_parse(struct contract *contract, const json_t *actions, struct error *err)
{
    size_t count = json_object_size(actions);
    if (count == 0) {
        return error_set(err, ERR_INVALID, "'actions' must be an object with at least one action");
    }
    struct contract_action *list = calloc(count, sizeof(*list));
    CHECK(list != NULL);
    contract->actions = list;
    contract->action_count = count;
    size_t at = 0;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(actions), name, value)
    {
        TRY(action_parse(name, value, &list[at++], err));
    }
    return ERR_OK;
}

static bool version_valid(const char *version)
{
    unsigned dots = 0;
    size_t size = version == NULL ? 0 : strlen(version);
    for (size_t i = 0; i < size; i++) {
        bool digit = version[i] >= '0' && version[i] <= '9';
        bool inner = i > 0 && i + 1 < size && version[i - 1] != '.';
        if (!digit && !(version[i] == '.' && inner)) {
            return false;
        }
        dots += version[i] == '.' ? 1 : 0;
    }
    return size > 0 && size < 32 && dots == 2;
}

enum err contract_parse(const json_t *document, struct contract **ret_contract, struct error *err)
{
    *ret_contract = NULL;
    const char *agent = json_text_of(document, "agent");
    const char *version = json_text_of(document, "version");
    if (agent == NULL || !text_is_token(agent)) {
        return error_set(err, ERR_INVALID, "'agent' must be 1 to 64 of [A-Za-z0-9_-]");
    }
    if (!version_valid(version)) {
        return error_set(err, ERR_INVALID, "'version' must be three numbers, like 1.0.0");
    }
    struct contract *contract = calloc(1, sizeof(*contract));
    CHECK(contract != NULL);
    contract->document = json_deep_copy(document);
    CHECK(contract->document != NULL);
    contract->agent = json_text_of(contract->document, "agent");
    contract->version = json_text_of(contract->document, "version");
    contract->digest = json_digest(contract->document);
    enum err code = actions_parse(contract, json_object_get(contract->document, "actions"), err);
    if (code != ERR_OK) {
        contract_destroy(&contract);
        return code;
    }
    *ret_contract = contract;
    return ERR_OK;
}

void contract_destroy(struct contract **contract)
{
    struct contract *it = *contract;
    if (it == NULL) {
        return;
    }
    for (size_t i = 0; i < it->action_count; i++) {
        struct schema *input = it->actions[i].input;
        struct schema *output = it->actions[i].output;
        struct schema *proposal = it->actions[i].proposal;
        schema_destroy(&input);
        schema_destroy(&output);
        schema_destroy(&proposal);
    }
    free((void *)(uintptr_t)it->actions);
    json_decref(it->document);
    free(it);
    *contract = NULL;
}

const struct contract_action *contract_action(const struct contract *contract, const char *name)
{
    for (size_t i = 0; i < contract->action_count; i++) {
        if (strcmp(contract->actions[i].name, name) == 0) {
            return &contract->actions[i];
        }
    }
    return NULL;
}
