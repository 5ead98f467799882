/* Reading the keywords about the members of objects. */
#include <stdlib.h>
#include <string.h>

#include "common/json/schema_private.h"

struct object_rules *keyword_object(struct keyword_context *k)
{
    if (k->node->object == NULL) {
        k->node->object = ARENA_NEW(k->c->schema->arena, struct object_rules);
        if (k->node->object != NULL) {
            k->node->object->members_max = UINT64_MAX;
        }
    }
    return k->node->object;
}

static struct str key_of(void *iter)
{
    return (struct str){json_object_iter_key(iter), json_object_iter_key_len(iter)};
}

/* The order of `properties`: by size first, because sizes differ most often. */
static int key_compare(struct str a, struct str b)
{
    if (a.size != b.size) {
        return a.size < b.size ? -1 : 1;
    }
    return memcmp(a.data, b.data, a.size);
}

static int property_compare(const void *left, const void *right)
{
    const struct property *a = left;
    const struct property *b = right;
    return key_compare(a->key, b->key);
}

enum err keyword_properties(struct keyword_context *k, const json_t *value)
{
    struct object_rules *rules = keyword_object(k);
    json_t *members = json_mutable(value);
    if (!json_is_object(value)) {
        return keyword_refuse(k, "must be an object of schemas");
    }
    if (rules != NULL) {
        rules->properties =
            ARENA_ARRAY(k->c->schema->arena, struct property, json_object_size(value));
    }
    if (rules == NULL || rules->properties == NULL) {
        return compile_nomem(k->c);
    }
    for (void *iter = json_object_iter(members); iter != NULL;
         iter = json_object_iter_next(members, iter)) {
        struct property *property = &rules->properties[rules->property_count++];
        property->key = key_of(iter);
        TRY(keyword_child(k, json_object_iter_value(iter), property->key, &property->node));
    }
    qsort(rules->properties, rules->property_count, sizeof(*rules->properties), property_compare);
    return ERR_OK;
}

enum err keyword_pattern_properties(struct keyword_context *k, const json_t *value)
{
    struct object_rules *rules = keyword_object(k);
    json_t *members = json_mutable(value);
    if (!json_is_object(value)) {
        return keyword_refuse(k, "must be an object of schemas");
    }
    if (rules != NULL) {
        rules->patterns =
            ARENA_ARRAY(k->c->schema->arena, struct pattern_property, json_object_size(value));
    }
    if (rules == NULL || rules->patterns == NULL) {
        return compile_nomem(k->c);
    }
    for (void *iter = json_object_iter(members); iter != NULL;
         iter = json_object_iter_next(members, iter)) {
        struct pattern_property *pattern = &rules->patterns[rules->pattern_count++];
        struct str key = key_of(iter);
        char message[128];
        pattern->regex = regex_compile(k->c->schema, key.data, key.size, message);
        if (pattern->regex == NULL) {
            return keyword_refuse(k, message);
        }
        TRY(keyword_child(k, json_object_iter_value(iter), key, &pattern->node));
    }
    return ERR_OK;
}

static enum err read_names(struct keyword_context *k, const json_t *value,
                           struct required **ret_names, size_t *ret_count)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value)) {
        return keyword_refuse(k, "must be a list of member names");
    }
    struct required *names = ARENA_ARRAY(k->c->schema->arena, struct required, count);
    if (names == NULL) {
        return compile_nomem(k->c);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(value, i);
        if (!json_is_string(name)) {
            return keyword_refuse(k, "must be a list of member names");
        }
        names[i] = (struct required){.key = {json_string_value(name), json_string_length(name)},
                                     .bit = 64};
    }
    *ret_names = names;
    *ret_count = count;
    return ERR_OK;
}

enum err keyword_required(struct keyword_context *k, const json_t *value)
{
    struct object_rules *rules = keyword_object(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    return read_names(k, value, &rules->required, &rules->required_count);
}

/* "dependencies" of draft 7 holds both kinds; 2020-12 has one keyword for each. */
enum err keyword_dependencies(struct keyword_context *k, const json_t *value)
{
    struct object_rules *rules = keyword_object(k);
    json_t *members = json_mutable(value);
    if (!json_is_object(value)) {
        return keyword_refuse(k, "must be an object");
    }
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    size_t count = rules->dependency_count + json_object_size(value);
    struct dependency *all = ARENA_ARRAY(k->c->schema->arena, struct dependency, count);
    if (all == NULL) {
        return compile_nomem(k->c);
    }
    if (rules->dependency_count > 0) {
        memcpy(all, rules->dependencies, rules->dependency_count * sizeof(*all));
    }
    rules->dependencies = all;
    for (void *iter = json_object_iter(members); iter != NULL;
         iter = json_object_iter_next(members, iter)) {
        const json_t *what = json_object_iter_value(iter);
        struct dependency *dependency = &all[rules->dependency_count++];
        *dependency = (struct dependency){.key = key_of(iter)};
        if (json_is_array(what) || strcmp(k->keyword, "dependentRequired") == 0) {
            TRY(read_names(k, what, &dependency->required, &dependency->required_count));
        } else {
            TRY(keyword_child(k, what, dependency->key, &dependency->node));
        }
    }
    return ERR_OK;
}

void object_rules_finish(struct object_rules *rules)
{
    for (size_t i = 0; i < rules->required_count; i++) {
        for (unsigned p = 0; p < rules->property_count && p < 64; p++) {
            if (key_compare(rules->required[i].key, rules->properties[p].key) == 0) {
                rules->required[i].bit = p;
            }
        }
    }
}
