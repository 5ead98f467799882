#include "coordinator/definition/policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/str.h"
#include "coordinator/definition/load.h"
#include "coordinator/definition/report.h"
#include "coordinator/definition/yaml.h"

enum { POLICY_ARENA_BYTES = 8 * 1024 * 1024, ACTIONS_MAX = 1000, ATTEMPTS_MAX = 100 };

static const int64_t delay_ms_max = 24LL * 3600 * 1000;

/* In the order of the engine's numbers; the first is none. What each may do, its default first. */
static const struct class_words {
    const char *name;
    const char *words[4];
    enum policy_path paths[3];
} classes[POLICY_CLASSES] = {
    {.name = NULL},
    {"transient", {"park", "raise", NULL}, {PATH_ASK, PATH_RAISE}},
    {"data", {"repair", "raise", NULL}, {PATH_ASK, PATH_RAISE}},
    {"permission", {"circuit", "park", "raise", NULL}, {PATH_CIRCUIT, PATH_ASK, PATH_RAISE}},
    {"contract", {"park", "raise", NULL}, {PATH_ASK, PATH_RAISE}},
    {"quality", {"review", "raise", NULL}, {PATH_ASK, PATH_RAISE}},
    {"budget", {"park", "raise", NULL}, {PATH_ASK, PATH_RAISE}},
    {"in-doubt", {"ask", NULL}, {PATH_ASK}},
    {"cancelled", {"park", "raise", NULL}, {PATH_ASK, PATH_RAISE}},
};

static struct policy *policy_create(void)
{
    struct arena *arena = arena_create(POLICY_ARENA_BYTES);
    CHECK(arena != NULL);
    struct policy *policy = ARENA_NEW(arena, struct policy);
    CHECK(policy != NULL);
    *policy = (struct policy){
        .rules = {.retry = {.delay_ms = 1000, .factor = 2, .max_delay_ms = 60000, .attempts = 8}},
        .limits = {.absence_grace_ms = 5LL * 60 * 1000,
                   .breaches = 5,
                   .breach_instances = 3,
                   .breach_window_ms = 10LL * 60 * 1000},
        .arena = arena,
    };
    for (size_t i = 1; i < POLICY_CLASSES; i++) {
        policy->rules.paths[i] = classes[i].paths[0];
    }
    return policy;
}

struct policy *policy_default(void)
{
    return policy_create();
}

void policy_destroy(struct policy **policy)
{
    if (*policy != NULL) {
        struct arena *arena = (*policy)->arena;
        *policy = NULL;
        arena_destroy(&arena);
    }
}

static void read_duration(struct load *load, const struct yaml_node *node, int64_t least,
                          int64_t *ret_ms)
{
    struct error err = {0};
    int64_t ms = 0;
    if (node == NULL) {
        return;
    }
    if (plan_duration_parse(node->value, &ms, &err) != ERR_OK) {
        report_problem(load->report, node, "for example PT30S", "%s", err.message);
    } else if (ms < least || ms > delay_ms_max) {
        report_problem(load->report, node, NULL, "'%s' must be from %lld ms to a day", node->key,
                       (long long)least);
    } else {
        *ret_ms = ms;
    }
}

static void read_count(struct load *load, const struct yaml_node *node, int64_t most,
                       uint32_t *ret_count)
{
    if (node != NULL) {
        *ret_count = (uint32_t)check_integer(load, node, node->key, 1, most);
    }
}

static void read_retry(struct load *load, const struct yaml_node *node, struct policy_retry *retry)
{
    static const char *const allowed[] = {"delay", "factor", "maxDelay", "attempts", NULL};
    if (node == NULL || !check_is_object(load, node, "'retry'")) {
        return;
    }
    check_keys(load, node, "'retry'", allowed, NULL);
    read_duration(load, yaml_get(node, "delay"), 1, &retry->delay_ms);
    read_duration(load, yaml_get(node, "maxDelay"), 1, &retry->max_delay_ms);
    read_count(load, yaml_get(node, "attempts"), ATTEMPTS_MAX, &retry->attempts);
    const struct yaml_node *factor = yaml_get(node, "factor");
    if (factor == NULL) {
        return;
    }
    retry->factor = json_number_value(factor->value);
    if (!json_is_number(factor->value) || !(retry->factor >= 1 && retry->factor <= 10)) {
        report_problem(load->report, factor, NULL, "'factor' must be a number from 1 to 10");
        retry->factor = 1;
    }
}

static void read_failures(struct load *load, const struct yaml_node *node,
                          struct policy_rules *rules)
{
    const char *allowed[POLICY_CLASSES] = {NULL};
    for (size_t i = 1; i < POLICY_CLASSES; i++) {
        allowed[i - 1] = classes[i].name;
    }
    if (node == NULL || !check_is_object(load, node, "'failures'")) {
        return;
    }
    check_keys(load, node, "'failures'", allowed, NULL);
    for (size_t i = 1; i < POLICY_CLASSES; i++) {
        const struct yaml_node *path = yaml_get(node, classes[i].name);
        int word = path == NULL ? -1 : check_word(load, path, path->key, classes[i].words);
        rules->paths[i] = word < 0 ? rules->paths[i] : classes[i].paths[word];
    }
}

static void read_limits(struct load *load, const struct yaml_node *root,
                        struct policy_limits *limits)
{
    static const char *const absent_allowed[] = {"grace", NULL};
    static const char *const unhealthy_allowed[] = {"breaches", "instances", "within", NULL};
    const struct yaml_node *absent = yaml_get(root, "agentAbsent");
    if (absent != NULL && check_is_object(load, absent, "'agentAbsent'")) {
        check_keys(load, absent, "'agentAbsent'", absent_allowed, NULL);
        read_duration(load, yaml_get(absent, "grace"), 0, &limits->absence_grace_ms);
    }
    const struct yaml_node *unhealthy = yaml_get(root, "unhealthy");
    if (unhealthy != NULL && check_is_object(load, unhealthy, "'unhealthy'")) {
        check_keys(load, unhealthy, "'unhealthy'", unhealthy_allowed, NULL);
        read_count(load, yaml_get(unhealthy, "breaches"), 60, &limits->breaches);
        read_count(load, yaml_get(unhealthy, "instances"), 60, &limits->breach_instances);
        read_duration(load, yaml_get(unhealthy, "within"), 1000, &limits->breach_window_ms);
    }
}

/* One currency for all: sums are compared, and nothing here changes money. */
static void read_cap(struct load *load, const struct yaml_node *node, const char **currency,
                     struct money *ret_money)
{
    check_money(load, node, ret_money);
    if (!money_given(ret_money)) {
        return;
    }
    if (*currency != NULL && strcmp(*currency, ret_money->currency) != 0) {
        report_problem(load->report, node, NULL,
                       "'%.64s' is in %s and another cap in %s: all are in one currency", node->key,
                       ret_money->currency, *currency);
    }
    *currency = ret_money->currency;
}

static void read_budget(struct load *load, const struct yaml_node *node, struct policy *policy)
{
    static const char *const allowed[] = {"day", "agents", NULL};
    const char *currency = NULL;
    if (node == NULL || !check_is_object(load, node, "'budget'")) {
        return;
    }
    check_keys(load, node, "'budget'", allowed, NULL);
    read_cap(load, yaml_get(node, "day"), &currency, &policy->budget.day);
    const struct yaml_node *agents = yaml_get(node, "agents");
    if (agents == NULL || !check_is_object(load, agents, "'agents'")) {
        return;
    }
    if (agents->count > ACTIONS_MAX) {
        report_problem(load->report, agents, NULL, "'agents' has %zu entries (limit %d)",
                       agents->count, ACTIONS_MAX);
        return;
    }
    struct policy_cap *caps = ARENA_ARRAY(policy->arena, struct policy_cap, agents->count + 1);
    CHECK(caps != NULL);
    for (size_t i = 0; i < agents->count; i++) {
        const struct yaml_node *item = agents->items[i];
        caps[i] = (struct policy_cap){.agent = arena_strdup(policy->arena, item->key)};
        CHECK(caps[i].agent != NULL);
        if (!text_is_token(item->key)) {
            report_key(load->report, item, "for example extraction",
                       "'%.80s' is not the name of an agent", item->key);
        }
        read_cap(load, item, &currency, &caps[i].day);
    }
    policy->budget.agents = caps;
    policy->budget.agent_count = agents->count;
}

/* "agent/action", each a token. */
static bool action_named(const char *name)
{
    char agent[LIMIT_NAME_BYTES + 1];
    const char *slash = strchr(name, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - name);
    if (slash == NULL || size >= sizeof(agent)) {
        return false;
    }
    memcpy(agent, name, size);
    agent[size] = '\0';
    return text_is_token(agent) && text_is_token(slash + 1);
}

static void read_actions(struct load *load, const struct yaml_node *node, struct policy *policy)
{
    static const char *const allowed[] = {"retry", "failures", NULL};
    if (node == NULL || !check_is_object(load, node, "'actions'")) {
        return;
    }
    if (node->count > ACTIONS_MAX) {
        report_problem(load->report, node, NULL, "'actions' has %zu entries (limit %d)",
                       node->count, ACTIONS_MAX);
        return;
    }
    struct policy_action *actions =
        ARENA_ARRAY(policy->arena, struct policy_action, node->count + 1);
    CHECK(actions != NULL);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = node->items[i];
        if (!action_named(item->key)) {
            report_key(load->report, item, "for example connector/http",
                       "'%.80s' is not the name of an action, AGENT/ACTION", item->key);
        }
        actions[i] = (struct policy_action){.name = item->key, .rules = policy->rules};
        if (check_is_object(load, item, "an action's entry")) {
            check_keys(load, item, "an action's entry", allowed, NULL);
            read_retry(load, yaml_get(item, "retry"), &actions[i].rules.retry);
            read_failures(load, yaml_get(item, "failures"), &actions[i].rules);
        }
    }
    policy->actions = actions;
    policy->action_count = node->count;
}

static void read_policy(struct load *load, const struct yaml_node *root, struct policy *policy)
{
    static const char *const allowed[] = {"policy",    "retry",  "failures", "agentAbsent",
                                          "unhealthy", "budget", "actions",  NULL};
    if (!check_is_object(load, root, "a policy")) {
        return;
    }
    check_keys(load, root, "a policy", allowed, NULL);
    const struct yaml_node *format = check_required(load, root, "policy", "a policy");
    if (format != NULL) {
        (void)check_integer(load, format, "'policy' (the format)", 1, 1);
    }
    read_retry(load, yaml_get(root, "retry"), &policy->rules.retry);
    read_failures(load, yaml_get(root, "failures"), &policy->rules);
    read_limits(load, root, &policy->limits);
    read_budget(load, yaml_get(root, "budget"), policy);
    read_actions(load, yaml_get(root, "actions"), policy); /* over what the rest says */
}

/* The tree's texts live in the policy's arena and its JSON value no longer than the reading. */
static void read_text(struct report *report, struct policy *policy, const char *text, size_t size)
{
    if (size > LIMIT_DEFINITION_BYTES || memchr(text, '\0', size) != NULL ||
        !utf8_valid(text, size)) {
        report_at(report, 1, 1, NULL, "the policy is not UTF-8 text of at most %d bytes",
                  LIMIT_DEFINITION_BYTES);
        return;
    }
    const char *copy = arena_dup(policy->arena, text, size);
    CHECK(copy != NULL);
    struct load load = {.arena = policy->arena, .report = report};
    struct yaml_node *root = yaml_parse(policy->arena, copy, size, report);
    if (root != NULL && report_clean(report)) {
        read_policy(&load, root, policy);
    }
    for (size_t i = 0; i < policy->action_count && report_clean(report); i++) {
        struct policy_action *action = (struct policy_action *)(uintptr_t)&policy->actions[i];
        action->name = arena_strdup(policy->arena, action->name);
        CHECK(action->name != NULL);
    }
    if (root != NULL) {
        json_decref(root->value);
    }
}

enum err policy_load(const char *text, size_t size, struct policy **ret_policy,
                     struct plan_report *report)
{
    struct report *collected = calloc(1, sizeof(*collected));
    struct policy *policy = policy_create();
    *report = (struct plan_report){0};
    *ret_policy = NULL;
    CHECK(collected != NULL);
    CHECK(report_init(collected, report));
    read_text(collected, policy, text, size);
    policy->digest = crypto_blake(text, size);
    bool clean = report_clean(collected);
    report_finish(collected);
    free(collected);
    if (!clean) {
        policy_destroy(&policy);
        return ERR_INVALID;
    }
    *ret_policy = policy;
    return ERR_OK;
}

const struct policy_rules *policy_rules_of(const struct policy *policy, const char *agent,
                                           const char *action)
{
    size_t size = strlen(agent);
    for (size_t i = 0; i < policy->action_count; i++) {
        const char *name = policy->actions[i].name;
        if (strncmp(name, agent, size) == 0 && name[size] == '/' &&
            strcmp(name + size + 1, action) == 0) {
            return &policy->actions[i].rules;
        }
    }
    return &policy->rules;
}

const struct money *policy_cap_of(const struct policy *policy, const char *agent)
{
    for (size_t i = 0; i < policy->budget.agent_count; i++) {
        if (strcmp(policy->budget.agents[i].agent, agent) == 0) {
            return &policy->budget.agents[i].day;
        }
    }
    return NULL;
}
