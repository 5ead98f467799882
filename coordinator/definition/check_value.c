#include <stdio.h>
#include <string.h>

#include "coordinator/definition/load.h"
#include "coordinator/definition/near.h"

const char *check_type_text(const struct yaml_node *node)
{
    switch (json_typeof(node->value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

bool check_is_object(struct load *load, const struct yaml_node *node, const char *what)
{
    if (!json_is_object(node->value)) {
        report_problem(load->report, node, NULL, "%s must be an object, not %s", what,
                       check_type_text(node));
        return false;
    }
    return true;
}

bool check_is_array(struct load *load, const struct yaml_node *node, const char *what)
{
    if (!json_is_array(node->value)) {
        report_problem(load->report, node, NULL, "%s must be an array, not %s", what,
                       check_type_text(node));
        return false;
    }
    return true;
}

const char *check_list_text(struct load *load, const char *const *names)
{
    char text[400];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; names[i] != NULL && used < sizeof(text); i++) {
        const char *separator = i == 0 ? "" : (names[i + 1] == NULL ? " or " : ", ");
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", separator, names[i]);
    }
    const char *copy = arena_strdup(load->report->arena, text);
    return copy == NULL ? "" : copy;
}

static bool among(const char *const *names, const char *name)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *refusal_of(const struct refused_key *refused, const char *name)
{
    for (; refused != NULL && refused->name != NULL; refused++) {
        if (strcmp(refused->name, name) == 0) {
            return refused->sentence;
        }
    }
    return NULL;
}

static void unknown_key(struct load *load, const struct yaml_node *item, const char *what,
                        const char *const *allowed)
{
    char hint[600];
    const char *near = near_name(allowed, item->key, strlen(item->key));
    (void)snprintf(hint, sizeof(hint), "%s%s%sallowed here: %s",
                   near == NULL ? "" : "did you mean '", near == NULL ? "" : near,
                   near == NULL ? "" : "'? ", check_list_text(load, allowed));
    report_key(load->report, item, hint, "unknown key '%.64s' in %s", item->key, what);
}

void check_keys(struct load *load, const struct yaml_node *node, const char *what,
                const char *const *allowed, const struct refused_key *refused)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = node->items[i];
        const char *sentence = refusal_of(refused, item->key);
        if (sentence != NULL) {
            report_key(load->report, item, NULL, "'%s' in %s: %s", item->key, what, sentence);
        } else if (!among(allowed, item->key)) {
            unknown_key(load, item, what, allowed);
        }
    }
}

const struct yaml_node *check_required(struct load *load, const struct yaml_node *node,
                                       const char *key, const char *what)
{
    const struct yaml_node *member = yaml_get(node, key);
    if (member == NULL) {
        report_problem(load->report, node, NULL, "%s needs '%s'", what, key);
    }
    return member;
}

const char *check_text(struct load *load, const struct yaml_node *node, const char *what)
{
    if (node == NULL) {
        return NULL;
    }
    if (!json_is_string(node->value)) {
        report_problem(load->report, node, json_is_number(node->value) ? "put it in quotes" : NULL,
                       "%s must be a text, not %s", what, check_type_text(node));
        return NULL;
    }
    if (strstr(json_string_value(node->value), "${") != NULL) {
        report_problem(load->report, node, NULL, "%s must be a fixed text, not an expression",
                       what);
        return NULL;
    }
    return json_string_value(node->value);
}

bool check_bool(struct load *load, const struct yaml_node *node, const char *what, bool fallback)
{
    if (node == NULL || json_is_boolean(node->value)) {
        return node == NULL ? fallback : json_is_true(node->value);
    }
    report_problem(load->report, node, NULL, "%s must be true or false, not %s", what,
                   check_type_text(node));
    return fallback;
}

int64_t check_integer(struct load *load, const struct yaml_node *node, const char *what,
                      int64_t least, int64_t most)
{
    int64_t value = json_integer_value(node->value);
    if (json_is_integer(node->value) && value >= least && value <= most) {
        return value;
    }
    report_problem(load->report, node, NULL, "%s must be a whole number from %lld to %lld", what,
                   (long long)least, (long long)most);
    return least;
}

void check_money(struct load *load, const struct yaml_node *node, struct money *ret_money)
{
    struct error err = {0};
    if (node == NULL) {
        return;
    }
    if (!json_is_string(node->value)) {
        report_problem(load->report, node, "for example 5.00 EUR", "'%.64s' must be a text, not %s",
                       node->key, check_type_text(node));
    } else if (money_parse(json_string_value(node->value), ret_money, &err) != ERR_OK) {
        report_problem(load->report, node, NULL, "'%.64s': %s", node->key, err.message);
    }
}

int check_priority(struct load *load, const struct yaml_node *node)
{
    return (int)check_integer(load, node, "'priority'", PLAN_PRIORITY_MOST, PLAN_PRIORITY_LEAST);
}

int check_word(struct load *load, const struct yaml_node *node, const char *what,
               const char *const *words)
{
    const char *text = check_text(load, node, what);
    if (text == NULL) {
        return -1;
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
    }
    char hint[128];
    const char *near = near_name(words, text, strlen(text));
    (void)snprintf(hint, sizeof(hint), "did you mean '%s'?", near == NULL ? "" : near);
    report_problem(load->report, node, near == NULL ? NULL : hint, "%s must be %s, not '%.64s'",
                   what, check_list_text(load, words), text);
    return -1;
}
