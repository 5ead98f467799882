/* One object against the rules about its members. */
#include <string.h>

#include "common/json/schema_run.h"

/* Index of a key among the properties, or property_count. */
static size_t property_find(const struct object_rules *r, const char *key, size_t size)
{
    size_t low = 0;
    size_t high = r->property_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct str known = r->properties[middle].key;
        int order =
            known.size != size ? (known.size < size ? -1 : 1) : memcmp(known.data, key, size);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return r->property_count;
}

static bool check_name(struct run *run, const struct node *node, const struct spot *member,
                       const struct scope *scope)
{
    json_t *name = json_stringn_nocheck(member->key, member->key_size);
    if (name == NULL) {
        return abort_run(run, node, member, "no memory for a member name");
    }
    struct spot spot = *member;
    spot.value = name;
    bool fits = check_node(run, node->object->names, &spot, NULL, scope);
    json_decref(name);
    return fits;
}

/* One member against properties, patternProperties, additionalProperties and propertyNames. */
static bool check_member(struct run *run, const struct node *node, const struct spot *member,
                         struct evaluated *seen, const struct scope *scope, uint64_t *present)
{
    const struct object_rules *r = node->object;
    bool fits = r->names == NULL || check_name(run, node, member, scope);
    bool matched = false;
    size_t p = property_find(r, member->key, member->key_size);
    if (p < r->property_count) {
        matched = true;
        *present |= p < 64 ? 1ULL << p : 0;
        fits = check_node(run, r->properties[p].node, member, NULL, scope) && fits;
    }
    for (size_t i = 0; i < r->pattern_count; i++) {
        if (run_matches(run, r->patterns[i].regex, member->key, member->key_size, node, member)) {
            matched = true;
            fits = check_node(run, r->patterns[i].node, member, NULL, scope) && fits;
        }
    }
    if (!matched && r->additional != NULL) {
        matched = true;
        if (r->additional->kind == NODE_FALSE) {
            fits = refuse(run, node, member, "additionalProperties", "is not a known member");
        } else {
            fits = check_node(run, r->additional, member, NULL, scope) && fits;
        }
    }
    if (matched && seen != NULL) {
        evaluated_mark(seen, member->index);
    }
    return fits;
}

static bool check_required(struct run *run, const struct node *node, const struct spot *spot,
                           const char *keyword, const struct required *required, size_t count)
{
    bool fits = true;
    for (size_t i = 0; i < count && (fits || run_collects(run)); i++) {
        struct str key = required[i].key;
        if (json_object_getn(spot->value, key.data, key.size) == NULL) {
            struct spot member = {.parent = spot, .key = key.data, .key_size = key.size};
            fits = refuse(run, node, &member, keyword, "is required");
        }
    }
    return fits;
}

static bool check_dependencies(struct run *run, const struct node *node, const struct spot *spot,
                               struct evaluated *seen, const struct scope *scope)
{
    const struct object_rules *r = node->object;
    bool fits = true;
    for (size_t i = 0; i < r->dependency_count && (fits || run_collects(run)); i++) {
        const struct dependency *d = &r->dependencies[i];
        if (json_object_getn(spot->value, d->key.data, d->key.size) == NULL) {
            continue;
        }
        fits =
            check_required(run, node, spot, "dependentRequired", d->required, d->required_count) &&
            fits;
        if (d->node != NULL && (fits || run_collects(run))) {
            fits = check_applied(run, d->node, spot, seen, scope) && fits;
        }
    }
    return fits;
}

static bool check_object_size(struct run *run, const struct node *node, const struct spot *spot)
{
    const struct object_rules *r = node->object;
    size_t count = json_object_size(spot->value);
    if (count < r->members_min) {
        return refuse(run, node, spot, "minProperties", "must have at least %llu members, not %zu",
                      (unsigned long long)r->members_min, count);
    }
    if (count > r->members_max) {
        return refuse(run, node, spot, "maxProperties", "must have at most %llu members, not %zu",
                      (unsigned long long)r->members_max, count);
    }
    return true;
}

bool object_check(struct run *run, const struct node *node, const struct spot *spot,
                  struct evaluated *seen, const struct scope *scope)
{
    const struct object_rules *r = node->object;
    json_t *object = json_mutable(spot->value);
    bool fits = check_object_size(run, node, spot);
    bool by_member =
        r->property_count > 0 || r->pattern_count > 0 || r->additional != NULL || r->names != NULL;
    uint64_t present = 0; /* properties that are there, so that "required" need not look */
    struct spot member = {.parent = spot};
    for (void *iter = by_member ? json_object_iter(object) : NULL;
         iter != NULL && (fits || run_collects(run)); iter = json_object_iter_next(object, iter)) {
        member.value = json_object_iter_value(iter);
        member.key = json_object_iter_key(iter);
        member.key_size = json_object_iter_key_len(iter);
        fits = check_member(run, node, &member, seen, scope, &present) && fits;
        member.index++;
    }
    for (size_t i = 0; i < r->required_count && (fits || run_collects(run)); i++) {
        const struct required *required = &r->required[i];
        if (required->bit >= 64 || ((present >> required->bit) & 1U) == 0) {
            fits = check_required(run, node, spot, "required", required, 1) && fits;
        }
    }
    if (r->dependency_count > 0 && (fits || run_collects(run))) {
        fits = check_dependencies(run, node, spot, seen, scope) && fits;
    }
    return fits;
}
