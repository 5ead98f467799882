/* One value against one node: scalars and arrays, then the way through all rules. */
#include <stdio.h>
#include <string.h>

#include "common/json/schema_run.h"

enum { PATTERN_COST = 8 }; /* work one match counts for */

/* --- any type ------------------------------------------------------------------------------- */

static unsigned type_bits(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return TYPE_OBJECT;
    case JSON_ARRAY:
        return TYPE_ARRAY;
    case JSON_STRING:
        return TYPE_STRING;
    case JSON_INTEGER:
        return TYPE_INTEGER | TYPE_NUMBER;
    case JSON_REAL:
        return number_is_integer(value) ? TYPE_INTEGER | TYPE_NUMBER : TYPE_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return TYPE_BOOLEAN;
    case JSON_NULL:
        return TYPE_NULL;
    }
    return 0;
}

static bool refuse_type(struct run *run, const struct node *node, const struct spot *spot)
{
    static const char *const names[] = {"null",   "boolean", "integer", "number",
                                        "string", "array",   "object"};
    char wanted[80] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((node->types & (1U << i)) != 0) {
            used += (size_t)snprintf(wanted + used, sizeof(wanted) - used, "%s%s",
                                     used == 0 ? "" : " or ", names[i]);
        }
    }
    return refuse_value(run, node, spot, "type", "must be %s", wanted);
}

static bool refuse_enum(struct run *run, const struct node *node, const struct spot *spot)
{
    char list[120] = "";
    size_t used = 0;
    size_t count = json_array_size(node->enum_values);
    for (size_t i = 0; i < count; i++) {
        char value[VALUE_TEXT_BYTES];
        value_excerpt(json_array_get(node->enum_values, i), value);
        if (used + strlen(value) + 10 > sizeof(list)) {
            (void)snprintf(list + used, sizeof(list) - used, ", ...");
            break;
        }
        used +=
            (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", value);
    }
    return refuse_value(run, node, spot, "enum", "must be one of %s", list);
}

static bool check_enum(struct run *run, const struct node *node, const struct spot *spot)
{
    size_t count = json_array_size(node->enum_values);
    for (size_t i = 0; i < count; i++) {
        if (json_same(json_array_get(node->enum_values, i), spot->value)) {
            return true;
        }
    }
    return run_collects(run) && refuse_enum(run, node, spot);
}

static bool check_const(struct run *run, const struct node *node, const struct spot *spot)
{
    if (json_same(node->const_value, spot->value)) {
        return true;
    }
    char value[VALUE_TEXT_BYTES] = "";
    if (run_collects(run)) {
        value_excerpt(node->const_value, value);
    }
    return refuse_value(run, node, spot, "const", "must be %s", value);
}

/* --- numbers and strings -------------------------------------------------------------------- */

static bool refuse_number(struct run *run, const struct node *node, const struct spot *spot,
                          const char *keyword, const char *words, const json_t *limit)
{
    char value[VALUE_TEXT_BYTES] = "";
    if (run_collects(run)) {
        value_excerpt(limit, value);
    }
    return refuse_value(run, node, spot, keyword, "must be %s %s", words, value);
}

static bool check_number(struct run *run, const struct node *node, const struct spot *spot)
{
    const struct number_rules *r = node->number;
    const json_t *value = spot->value;
    if (r->minimum != NULL && number_compare(value, r->minimum) < 0) {
        return refuse_number(run, node, spot, "minimum", "at least", r->minimum);
    }
    if (r->maximum != NULL && number_compare(value, r->maximum) > 0) {
        return refuse_number(run, node, spot, "maximum", "at most", r->maximum);
    }
    if (r->above != NULL && number_compare(value, r->above) <= 0) {
        return refuse_number(run, node, spot, "exclusiveMinimum", "above", r->above);
    }
    if (r->below != NULL && number_compare(value, r->below) >= 0) {
        return refuse_number(run, node, spot, "exclusiveMaximum", "below", r->below);
    }
    if (r->multiple_of != NULL && !number_is_multiple(value, r->multiple_of)) {
        return refuse_number(run, node, spot, "multipleOf", "a multiple of", r->multiple_of);
    }
    return true;
}

/* Characters, not bytes: those that do not continue a UTF-8 sequence. */
static size_t text_length(const char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        length += ((unsigned char)text[i] & 0xC0U) != 0x80U ? 1 : 0;
    }
    return length;
}

bool run_matches(struct run *run, const struct regex *regex, const char *text, size_t size,
                 const struct node *node, const struct spot *spot)
{
    run->work = run->work > PATTERN_COST ? run->work - PATTERN_COST : 0;
    enum regex_result result = regex_match(regex, text, size, &run->memory);
    if (result == REGEX_LIMIT) {
        return abort_run(run, node, spot, "a pattern takes too long on this text");
    }
    return result == REGEX_YES;
}

static bool check_string(struct run *run, const struct node *node, const struct spot *spot)
{
    const struct string_rules *r = node->string;
    const char *text = json_string_value(spot->value);
    size_t size = json_string_length(spot->value);
    if (r->length_min > 0 || r->length_max < size) {
        size_t length = text_length(text, size);
        if (length < r->length_min) {
            return refuse_value(run, node, spot, "minLength", "must have at least %llu characters",
                                (unsigned long long)r->length_min);
        }
        if (length > r->length_max) {
            return refuse_value(run, node, spot, "maxLength", "must have at most %llu characters",
                                (unsigned long long)r->length_max);
        }
    }
    if (r->pattern != NULL && !run_matches(run, r->pattern, text, size, node, spot)) {
        char pattern[VALUE_TEXT_BYTES];
        text_excerpt(r->pattern_text, pattern);
        return refuse_value(run, node, spot, "pattern", "must match '%s'", pattern);
    }
    if (r->format != NULL && !r->format(text, size)) {
        return refuse_value(run, node, spot, "format", "must be a valid %s", r->format_name);
    }
    return true;
}

/* --- arrays --------------------------------------------------------------------------------- */

static bool check_array_size(struct run *run, const struct node *node, const struct spot *spot)
{
    const struct array_rules *r = node->array;
    size_t count = json_array_size(spot->value);
    if (count < r->items_min) {
        return refuse(run, node, spot, "minItems", "must have at least %llu items, not %zu",
                      (unsigned long long)r->items_min, count);
    }
    if (count > r->items_max) {
        return refuse(run, node, spot, "maxItems", "must have at most %llu items, not %zu",
                      (unsigned long long)r->items_max, count);
    }
    if (r->unique && !items_unique(spot->value, &run->work)) {
        return refuse(run, node, spot, "uniqueItems", "must not have the same item twice");
    }
    return true;
}

static bool check_contains(struct run *run, const struct node *node, const struct spot *spot,
                           struct evaluated *seen, const struct scope *scope)
{
    const struct array_rules *r = node->array;
    uint64_t found = 0;
    run->quiet++;
    for (size_t i = 0; i < json_array_size(spot->value); i++) {
        struct spot item = {.parent = spot, .value = json_array_get(spot->value, i), .index = i};
        if (check_node(run, r->contains, &item, NULL, scope)) {
            found++;
            if (seen != NULL && r->contains_evaluates) {
                evaluated_mark(seen, i);
            } else if (found >= r->contains_min && r->contains_max == UINT64_MAX) {
                break;
            }
        }
    }
    run->quiet--;
    if (found < r->contains_min) {
        return refuse(run, node, spot, r->contains_min == 1 ? "contains" : "minContains",
                      "must contain at least %llu fitting items, not %llu",
                      (unsigned long long)r->contains_min, (unsigned long long)found);
    }
    if (found > r->contains_max) {
        return refuse(run, node, spot, "maxContains",
                      "must contain at most %llu fitting items, not %llu",
                      (unsigned long long)r->contains_max, (unsigned long long)found);
    }
    return true;
}

static bool check_array(struct run *run, const struct node *node, const struct spot *spot,
                        struct evaluated *seen, const struct scope *scope)
{
    const struct array_rules *r = node->array;
    size_t count = json_array_size(spot->value);
    bool fits = check_array_size(run, node, spot);
    for (size_t i = 0; i < count && (fits || run_collects(run)); i++) {
        const struct node *rule = i < r->prefix.count ? r->prefix.nodes[i] : r->items;
        if (rule == NULL) {
            break;
        }
        struct spot item = {.parent = spot, .value = json_array_get(spot->value, i), .index = i};
        fits = check_node(run, rule, &item, NULL, scope) && fits;
        if (seen != NULL) {
            evaluated_mark(seen, i);
        }
    }
    if (r->contains != NULL && (fits || run_collects(run))) {
        fits = check_contains(run, node, spot, seen, scope) && fits;
    }
    return fits;
}

/* --- one node ------------------------------------------------------------------------------- */

/* Rules that look at the value itself, by its type. */
static bool check_rules(struct run *run, const struct node *node, const struct spot *spot,
                        struct evaluated *seen, const struct scope *scope)
{
    unsigned types = type_bits(spot->value);
    if (node->types != 0 && (node->types & types) == 0) {
        return run_collects(run) && refuse_type(run, node, spot);
    }
    bool fits = node->enum_values == NULL || check_enum(run, node, spot);
    if (node->const_value != NULL && (fits || run_collects(run))) {
        fits = check_const(run, node, spot) && fits;
    }
    if (!fits && !run_collects(run)) {
        return false;
    }
    if (node->number != NULL && (types & TYPE_NUMBER) != 0) {
        fits = check_number(run, node, spot) && fits;
    } else if (node->string != NULL && (types & TYPE_STRING) != 0) {
        fits = check_string(run, node, spot) && fits;
    } else if (node->array != NULL && (types & TYPE_ARRAY) != 0) {
        fits = check_array(run, node, spot, seen, scope) && fits;
    } else if (node->object != NULL && (types & TYPE_OBJECT) != 0) {
        fits = object_check(run, node, spot, seen, scope) && fits;
    }
    return fits;
}

static bool check_all_rules(struct run *run, const struct node *node, const struct spot *spot,
                            struct evaluated *seen, const struct scope *scope)
{
    struct evaluated own;
    struct evaluated *used = seen;
    bool leftover = node->unevaluated_items != NULL || node->unevaluated_members != NULL;
    if (leftover && seen == NULL) {
        used = &own;
        if (!evaluated_start(run, &own, spot, node)) {
            return false;
        }
    }
    bool fits = check_rules(run, node, spot, used, scope);
    if (node->logic != NULL && (fits || run_collects(run))) {
        fits = check_logic(run, node, spot, used, scope) && fits;
    }
    if (leftover && fits) { /* a rule that failed says nothing about what it looked at */
        fits = check_unevaluated(run, node, spot, used, scope);
    }
    if (used != seen) {
        evaluated_end(&own);
    }
    return fits;
}

bool check_node(struct run *run, const struct node *node, const struct spot *spot,
                struct evaluated *seen, const struct scope *scope)
{
    if (node->kind == NODE_TRUE) {
        return true;
    }
    if (node->kind == NODE_FALSE) {
        return refuse(run, node, spot, "false", "is not allowed here");
    }
    if (run->aborted) {
        return false;
    }
    if (run->work == 0 || run->depth >= SCHEMA_DEPTH_MAX) {
        return abort_run(run, node, spot,
                         run->work == 0 ? "takes too much work to validate"
                                        : "the schema refers to itself too deeply on this value");
    }
    run->work--;
    run->depth++;
    struct scope inner = {.parent = scope, .resource = node->resource};
    bool same = scope != NULL && scope->resource == node->resource;
    bool fits = check_all_rules(run, node, spot, seen, same ? scope : &inner);
    run->depth--;
    return fits;
}

bool schema_validate(const struct schema *schema, const json_t *instance,
                     struct schema_failures *ret_failures)
{
    struct run run = {.failures = ret_failures, .work = SCHEMA_WORK_MAX};
    struct spot root = {.value = instance};
    if (ret_failures != NULL) {
        ret_failures->count = 0;
        ret_failures->more = 0;
    }
    bool fits = check_node(&run, schema->root, &root, NULL, NULL);
    regex_memory_destroy(&run.memory);
    return fits && !run.aborted;
}
