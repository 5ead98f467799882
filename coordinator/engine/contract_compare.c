/*
 * Whether a contract keeps what an earlier version of the same major number promised.
 *
 * Both questions about schemas are one: does `to` take everything that `from` allows. Of inputs the
 * new schema must take what the old one allowed; of outputs the old one what the new one allows.
 * What cannot be shown to keep (composed schemas that differ) counts as broken. By convention a
 * property that is new and not required breaks nobody.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "coordinator/engine/contract.h"

enum { DEPTH_MAX = 64, BREAKS_MAX = 8 };

struct compare {
    struct buf *words;
    unsigned breaks;
    const char *action;
    const char *part; /* "input", "output", "proposal" */
    bool produced;    /* the agent makes it: fields that are added hurt nobody */
};

static void broken(struct compare *compare, const char *pointer, const char *what)
{
    if (compare->breaks++ < BREAKS_MAX) {
        buf_printf(compare->words, "%saction '%s' %s%s%s: %s", compare->breaks == 1 ? "" : "; ",
                   compare->action, compare->part, pointer[0] == '\0' ? "" : " ", pointer, what);
    }
}

static bool array_has(const json_t *array, const json_t *value)
{
    size_t at = 0;
    const json_t *item = NULL;
    json_array_foreach(json_mutable(array), at, item)
    {
        if (json_equal(json_mutable(item), json_mutable(value))) {
            return true;
        }
    }
    return false;
}

static bool type_allows(const json_t *types, const char *type)
{
    size_t at = 0;
    const json_t *item = NULL;
    if (json_is_string(types)) {
        const char *only = json_string_value(types);
        return strcmp(only, type) == 0 ||
               (strcmp(only, "number") == 0 && strcmp(type, "integer") == 0);
    }
    json_array_foreach(json_mutable(types), at, item)
    {
        if (type_allows(item, type)) {
            return true;
        }
    }
    return false;
}

static void types_compare(struct compare *compare, const json_t *from, const json_t *to,
                          const char *pointer)
{
    const json_t *wanted = json_object_get(to, "type");
    const json_t *given = json_object_get(from, "type");
    if (wanted == NULL) {
        return;
    }
    bool fits = given != NULL;
    size_t at = 0;
    const json_t *item = NULL;
    if (json_is_string(given)) {
        fits = type_allows(wanted, json_string_value(given));
    }
    json_array_foreach(json_mutable(given), at, item)
    {
        fits = fits && json_is_string(item) && type_allows(wanted, json_string_value(item));
    }
    if (!fits) {
        broken(compare, pointer, "its type has changed");
    }
}

static void values_compare(struct compare *compare, const json_t *from, const json_t *to,
                           const char *pointer)
{
    const json_t *wanted = json_object_get(to, "enum");
    const json_t *given = json_object_get(from, "enum");
    const json_t *fixed = json_object_get(from, "const");
    if (wanted == NULL) {
        return;
    }
    bool fits = given != NULL || (fixed != NULL && array_has(wanted, fixed));
    size_t at = 0;
    const json_t *item = NULL;
    json_array_foreach(json_mutable(given), at, item)
    {
        fits = fits && array_has(wanted, item);
    }
    if (!fits) {
        broken(compare, pointer, "the values it may have have changed");
    }
}

/* Bounds must not be tighter: `to` may ask for no more than `from` does. */
static void bounds_compare(struct compare *compare, const json_t *from, const json_t *to,
                           const char *pointer)
{
    static const struct {
        const char *name;
        bool least;
    } bounds[] = {{"minimum", true},           {"exclusiveMinimum", true}, {"minLength", true},
                  {"minItems", true},          {"minProperties", true},    {"maximum", false},
                  {"exclusiveMaximum", false}, {"maxLength", false},       {"maxItems", false},
                  {"maxProperties", false}};
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        const json_t *wanted = json_object_get(to, bounds[i].name);
        const json_t *given = json_object_get(from, bounds[i].name);
        if (wanted == NULL) {
            continue;
        }
        double limit = json_number_value(wanted);
        double has = given == NULL ? 0 : json_number_value(given);
        if (given == NULL || (bounds[i].least ? has < limit : has > limit)) {
            char what[96];
            (void)snprintf(what, sizeof(what), "'%s' has changed", bounds[i].name);
            broken(compare, pointer, what);
        }
    }
}

/* Keywords that are only compared as they stand. */
static void rest_compare(struct compare *compare, const json_t *from, const json_t *to,
                         const char *pointer)
{
    static const char *const names[] = {"const",
                                        "pattern",
                                        "format",
                                        "$ref",
                                        "$defs",
                                        "definitions",
                                        "allOf",
                                        "anyOf",
                                        "oneOf",
                                        "not",
                                        "if",
                                        "then",
                                        "else",
                                        "prefixItems",
                                        "contains",
                                        "$dynamicRef",
                                        "uniqueItems",
                                        "multipleOf",
                                        "patternProperties",
                                        "propertyNames",
                                        "dependentRequired",
                                        "dependentSchemas",
                                        "unevaluatedProperties",
                                        "unevaluatedItems"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const json_t *wanted = json_object_get(to, names[i]);
        const json_t *given = json_object_get(from, names[i]);
        if (wanted != NULL &&
            (given == NULL || !json_equal(json_mutable(wanted), json_mutable(given)))) {
            char what[96];
            (void)snprintf(what, sizeof(what), "'%s' has changed", names[i]);
            broken(compare, pointer, what);
        }
    }
}

static void required_compare(struct compare *compare, const json_t *from, const json_t *to,
                             const char *pointer)
{
    size_t at = 0;
    const json_t *name = NULL;
    json_array_foreach(json_mutable(json_object_get(to, "required")), at, name)
    {
        if (!array_has(json_object_get(from, "required"), name)) {
            char what[160];
            (void)snprintf(what, sizeof(what), "'%.100s' is %s", json_string_value(name),
                           compare->produced ? "no longer certain to be there" : "required now");
            broken(compare, pointer, what);
        }
    }
}

static void closed_compare(struct compare *compare, const json_t *from, const json_t *to,
                           const char *pointer)
{
    if (compare->produced || !json_is_false(json_object_get(to, "additionalProperties"))) {
        return;
    }
    if (!json_is_false(json_object_get(from, "additionalProperties"))) {
        broken(compare, pointer, "further properties are refused now");
    }
    const char *name = NULL;
    json_t *schema = NULL;
    json_object_foreach(json_mutable(json_object_get(from, "properties")), name, schema)
    {
        if (json_object_get(json_object_get(to, "properties"), name) == NULL) {
            char what[160];
            (void)snprintf(what, sizeof(what), "'%.100s' is refused now", name);
            broken(compare, pointer, what);
        }
    }
}

static void schema_compare(struct compare *compare, const json_t *from, const json_t *to,
                           const char *pointer, unsigned depth)
{
    if (json_is_true(to) || json_equal(json_mutable(from), json_mutable(to))) {
        return;
    }
    if (!json_is_object(from) || !json_is_object(to) || depth == DEPTH_MAX) {
        broken(compare, pointer, "it has changed");
        return;
    }
    types_compare(compare, from, to, pointer);
    values_compare(compare, from, to, pointer);
    bounds_compare(compare, from, to, pointer);
    rest_compare(compare, from, to, pointer);
    required_compare(compare, from, to, pointer);
    closed_compare(compare, from, to, pointer);
    char below[512];
    const json_t *items = json_object_get(from, "items");
    if (json_object_get(to, "items") != NULL) {
        (void)snprintf(below, sizeof(below), "%.480s/*", pointer);
        schema_compare(compare, items, json_object_get(to, "items"), below, depth + 1);
    }
    const char *name = NULL;
    json_t *schema = NULL;
    json_object_foreach(json_mutable(json_object_get(to, "properties")), name, schema)
    {
        const json_t *given = json_object_get(json_object_get(from, "properties"), name);
        if (given != NULL) {
            (void)snprintf(below, sizeof(below), "%.300s/%.200s", pointer, name);
            schema_compare(compare, given, schema, below, depth + 1);
        }
    }
}

static void part_compare(struct compare *compare, const json_t *old_action,
                         const json_t *new_action, const char *part, bool produced)
{
    const json_t *before = json_object_get(old_action, part);
    const json_t *after = json_object_get(new_action, part);
    compare->part = part;
    compare->produced = produced;
    if (before != NULL && after != NULL) {
        schema_compare(compare, produced ? after : before, produced ? before : after, "", 0);
    }
}

static void action_compare(struct compare *compare, const struct contract *before,
                           const struct contract *after, const struct contract_action *old_action)
{
    const struct contract_action *action = contract_action(after, old_action->name);
    compare->action = old_action->name;
    compare->part = "";
    if (action == NULL) {
        broken(compare, "", "it is gone");
        return;
    }
    if (action->effect != old_action->effect) {
        broken(compare, "", "its effect class has changed");
    }
    if (action->performs != old_action->performs || action->decides != old_action->decides) {
        broken(compare, "", "its phases have changed");
    }
    const json_t *was = json_object_get(json_object_get(before->document, "actions"), action->name);
    const json_t *is = json_object_get(json_object_get(after->document, "actions"), action->name);
    part_compare(compare, was, is, "input", false);
    part_compare(compare, was, is, "output", true);
    part_compare(compare, was, is, "proposal", true);
}

bool contract_keeps(const struct contract *before, const struct contract *after, struct buf *words)
{
    struct compare compare = {.words = words};
    for (size_t i = 0; i < before->action_count; i++) {
        action_compare(&compare, before, after, &before->actions[i]);
    }
    if (compare.breaks > BREAKS_MAX) {
        buf_printf(words, "; and %u more", compare.breaks - BREAKS_MAX);
    }
    return compare.breaks == 0;
}
