/* Reading one keyword of a schema object into its node; object keywords are in schema_members.c. */
#include <string.h>

#include "common/json/schema_private.h"

typedef enum err keyword_fn(struct keyword_context *k, const json_t *value);

static struct number_rules *number_of(struct keyword_context *k)
{
    if (k->node->number == NULL) {
        k->node->number = ARENA_NEW(k->c->schema->arena, struct number_rules);
    }
    return k->node->number;
}

static struct string_rules *string_of(struct keyword_context *k)
{
    if (k->node->string == NULL) {
        k->node->string = ARENA_NEW(k->c->schema->arena, struct string_rules);
        if (k->node->string != NULL) {
            k->node->string->length_max = UINT64_MAX;
        }
    }
    return k->node->string;
}

static struct array_rules *array_of(struct keyword_context *k)
{
    if (k->node->array == NULL) {
        k->node->array = ARENA_NEW(k->c->schema->arena, struct array_rules);
        if (k->node->array != NULL) {
            k->node->array->items_max = UINT64_MAX;
            k->node->array->contains_min = 1;
            k->node->array->contains_max = UINT64_MAX;
            k->node->array->items_keyword = "items";
        }
    }
    return k->node->array;
}

static struct logic_rules *logic_of(struct keyword_context *k)
{
    if (k->node->logic == NULL) {
        k->node->logic = ARENA_NEW(k->c->schema->arena, struct logic_rules);
    }
    return k->node->logic;
}

/* A count: a whole number that is not negative, also when spelt 2.0. */
static enum err read_count(struct keyword_context *k, const json_t *value, uint64_t *ret_count)
{
    bool good = json_is_number(value) && number_is_integer(value);
    double real = good ? json_number_value(value) : -1;
    if (!good || real < 0) {
        return keyword_refuse(k, "must be a whole number, zero or more");
    }
    *ret_count = real > 9e15 ? UINT64_MAX : (uint64_t)real;
    return ERR_OK;
}

enum err keyword_child(struct keyword_context *k, const json_t *value, struct str token,
                       const struct node **ret_node)
{
    const char *pointer = pointer_join(k->c, k->place->pointer, k->keyword, token);
    return compile_node(k->c, value, k->place->resource, pointer, ret_node);
}

static enum err read_list(struct keyword_context *k, const json_t *value, struct node_list *list)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0) {
        return keyword_refuse(k, "must be a list of schemas, at least one");
    }
    list->nodes = ARENA_ARRAY(k->c->schema->arena, const struct node *, count);
    if (list->nodes == NULL) {
        return compile_nomem(k->c);
    }
    for (size_t i = 0; i < count; i++) {
        char index[NUMBER_TEXT_BYTES];
        struct str token = {index, number_print_int((int64_t)i, index)};
        TRY(keyword_child(k, json_array_get(value, i), token, &list->nodes[i]));
    }
    list->count = count;
    return ERR_OK;
}

/* --- any type ------------------------------------------------------------------------------- */

static unsigned type_bit(const char *name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } types[] = {{"null", TYPE_NULL},     {"boolean", TYPE_BOOLEAN}, {"integer", TYPE_INTEGER},
                 {"number", TYPE_NUMBER}, {"string", TYPE_STRING},   {"array", TYPE_ARRAY},
                 {"object", TYPE_OBJECT}};
    for (size_t i = 0; name != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].name, name) == 0) {
            return types[i].bit;
        }
    }
    return 0;
}

static enum err keyword_type(struct keyword_context *k, const json_t *value)
{
    static const char names[] =
        "must be null, boolean, integer, number, string, array, object or a list of them";
    if (json_is_string(value)) {
        k->node->types = type_bit(json_string_value(value));
        return k->node->types != 0 ? ERR_OK : keyword_refuse(k, names);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        unsigned bit = type_bit(json_string_value(json_array_get(value, i)));
        if (bit == 0) {
            return keyword_refuse(k, names);
        }
        k->node->types |= bit;
    }
    return k->node->types != 0 ? ERR_OK : keyword_refuse(k, names);
}

static enum err keyword_enum(struct keyword_context *k, const json_t *value)
{
    if (!json_is_array(value)) {
        return keyword_refuse(k, "must be a list of values");
    }
    k->node->enum_values = value;
    return ERR_OK;
}

static enum err keyword_const(struct keyword_context *k, const json_t *value)
{
    k->node->const_value = value;
    return ERR_OK;
}

/* --- numbers -------------------------------------------------------------------------------- */

static enum err keyword_number(struct keyword_context *k, const json_t *value)
{
    struct number_rules *rules = number_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    if (!json_is_number(value)) {
        return keyword_refuse(k, "must be a number");
    }
    if (strcmp(k->keyword, "minimum") == 0) {
        rules->minimum = value;
    } else if (strcmp(k->keyword, "maximum") == 0) {
        rules->maximum = value;
    } else if (strcmp(k->keyword, "exclusiveMinimum") == 0) {
        rules->above = value;
    } else if (strcmp(k->keyword, "exclusiveMaximum") == 0) {
        rules->below = value;
    } else {
        rules->multiple_of = value;
        if (!(json_number_value(value) > 0)) {
            return keyword_refuse(k, "must be a number above zero");
        }
    }
    return ERR_OK;
}

/* --- strings -------------------------------------------------------------------------------- */

static enum err keyword_length(struct keyword_context *k, const json_t *value)
{
    struct string_rules *rules = string_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    return read_count(k, value, k->keyword[1] == 'i' ? &rules->length_min : &rules->length_max);
}

static enum err keyword_pattern(struct keyword_context *k, const json_t *value)
{
    struct string_rules *rules = string_of(k);
    char message[128] = "must be a regular expression";
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    if (json_is_string(value)) {
        rules->pattern = regex_compile(k->c->schema, json_string_value(value),
                                       json_string_length(value), message);
        rules->pattern_text = json_string_value(value);
    }
    return rules->pattern != NULL ? ERR_OK : keyword_refuse(k, message);
}

static enum err keyword_format(struct keyword_context *k, const json_t *value)
{
    bool asserted = k->c->options.assert_formats ||
                    (k->place->resource->vocabularies & VOCABULARY_FORMAT_ASSERTION) != 0;
    if (!json_is_string(value)) {
        return keyword_refuse(k, "must be the name of a format");
    }
    format_fn *format = asserted ? format_find(json_string_value(value)) : NULL;
    if (format == NULL) {
        return ERR_OK;
    }
    struct string_rules *rules = string_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    rules->format = format;
    rules->format_name = json_string_value(value);
    return ERR_OK;
}

/* --- arrays --------------------------------------------------------------------------------- */

static enum err keyword_array_count(struct keyword_context *k, const json_t *value)
{
    struct array_rules *rules = array_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    if (strcmp(k->keyword, "minItems") == 0) {
        return read_count(k, value, &rules->items_min);
    }
    if (strcmp(k->keyword, "maxItems") == 0) {
        return read_count(k, value, &rules->items_max);
    }
    return read_count(k, value, k->keyword[1] == 'i' ? &rules->contains_min : &rules->contains_max);
}

static enum err keyword_unique(struct keyword_context *k, const json_t *value)
{
    struct array_rules *rules = array_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    rules->unique = json_is_true(value);
    return json_is_boolean(value) ? ERR_OK : keyword_refuse(k, "must be true or false");
}

/* "items" is one schema for the rest; in draft 7 it may be the list that became "prefixItems". */
static enum err keyword_items(struct keyword_context *k, const json_t *value)
{
    struct array_rules *rules = array_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    bool draft_7 = k->place->resource->dialect == SCHEMA_DRAFT_7;
    if (strcmp(k->keyword, "prefixItems") == 0 || (draft_7 && json_is_array(value))) {
        return json_array_size(value) == 0 && draft_7 ? ERR_OK
                                                      : read_list(k, value, &rules->prefix);
    }
    if (strcmp(k->keyword, "additionalItems") == 0) {
        if (!json_is_array(json_object_get(k->place->value, "items"))) {
            return ERR_OK;
        }
        rules->items_keyword = "additionalItems";
    }
    return keyword_child(k, value, (struct str){0}, &rules->items);
}

static enum err keyword_contains(struct keyword_context *k, const json_t *value)
{
    struct array_rules *rules = array_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    rules->contains_evaluates = k->place->resource->dialect != SCHEMA_DRAFT_7;
    return keyword_child(k, value, (struct str){0}, &rules->contains);
}

/* --- combinations --------------------------------------------------------------------------- */

static enum err keyword_list(struct keyword_context *k, const json_t *value)
{
    struct logic_rules *rules = logic_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    return read_list(k, value,
                     k->keyword[0] == 'o'   ? &rules->one_of
                     : k->keyword[1] == 'n' ? &rules->any_of
                                            : &rules->all_of);
}

static enum err keyword_branch(struct keyword_context *k, const json_t *value)
{
    struct logic_rules *rules = logic_of(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    const struct node **slot = k->keyword[0] == 'n'   ? &rules->not_node
                               : k->keyword[0] == 'i' ? &rules->if_node
                               : k->keyword[0] == 't' ? &rules->then_node
                                                      : &rules->else_node;
    return keyword_child(k, value, (struct str){0}, slot);
}

static enum err keyword_unevaluated(struct keyword_context *k, const json_t *value)
{
    bool items = strcmp(k->keyword, "unevaluatedItems") == 0;
    return keyword_child(k, value, (struct str){0},
                         items ? &k->node->unevaluated_items : &k->node->unevaluated_members);
}

static enum err keyword_member_count(struct keyword_context *k, const json_t *value)
{
    struct object_rules *rules = keyword_object(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    return read_count(k, value, k->keyword[1] == 'i' ? &rules->members_min : &rules->members_max);
}

static enum err keyword_member_schema(struct keyword_context *k, const json_t *value)
{
    struct object_rules *rules = keyword_object(k);
    if (rules == NULL) {
        return compile_nomem(k->c);
    }
    return keyword_child(k, value, (struct str){0},
                         k->keyword[0] == 'a' ? &rules->additional : &rules->names);
}

enum { DRAFT_7 = 1, DRAFT_2020 = 2, BOTH = 3 };

static const struct {
    const char *keyword;
    keyword_fn *read;
    unsigned vocabulary;
    unsigned dialects;
} keywords[] = {
    {"type", keyword_type, VOCABULARY_VALIDATION, BOTH},
    {"enum", keyword_enum, VOCABULARY_VALIDATION, BOTH},
    {"const", keyword_const, VOCABULARY_VALIDATION, BOTH},
    {"minimum", keyword_number, VOCABULARY_VALIDATION, BOTH},
    {"maximum", keyword_number, VOCABULARY_VALIDATION, BOTH},
    {"exclusiveMinimum", keyword_number, VOCABULARY_VALIDATION, BOTH},
    {"exclusiveMaximum", keyword_number, VOCABULARY_VALIDATION, BOTH},
    {"multipleOf", keyword_number, VOCABULARY_VALIDATION, BOTH},
    {"minLength", keyword_length, VOCABULARY_VALIDATION, BOTH},
    {"maxLength", keyword_length, VOCABULARY_VALIDATION, BOTH},
    {"pattern", keyword_pattern, VOCABULARY_VALIDATION, BOTH},
    {"format", keyword_format, VOCABULARY_FORMAT, BOTH},
    {"minItems", keyword_array_count, VOCABULARY_VALIDATION, BOTH},
    {"maxItems", keyword_array_count, VOCABULARY_VALIDATION, BOTH},
    {"minContains", keyword_array_count, VOCABULARY_VALIDATION, DRAFT_2020},
    {"maxContains", keyword_array_count, VOCABULARY_VALIDATION, DRAFT_2020},
    {"uniqueItems", keyword_unique, VOCABULARY_VALIDATION, BOTH},
    {"prefixItems", keyword_items, VOCABULARY_APPLICATOR, DRAFT_2020},
    {"items", keyword_items, VOCABULARY_APPLICATOR, BOTH},
    {"additionalItems", keyword_items, VOCABULARY_APPLICATOR, DRAFT_7},
    {"contains", keyword_contains, VOCABULARY_APPLICATOR, BOTH},
    {"unevaluatedItems", keyword_unevaluated, VOCABULARY_UNEVALUATED, DRAFT_2020},
    {"unevaluatedProperties", keyword_unevaluated, VOCABULARY_UNEVALUATED, DRAFT_2020},
    {"minProperties", keyword_member_count, VOCABULARY_VALIDATION, BOTH},
    {"maxProperties", keyword_member_count, VOCABULARY_VALIDATION, BOTH},
    {"properties", keyword_properties, VOCABULARY_APPLICATOR, BOTH},
    {"patternProperties", keyword_pattern_properties, VOCABULARY_APPLICATOR, BOTH},
    {"additionalProperties", keyword_member_schema, VOCABULARY_APPLICATOR, BOTH},
    {"propertyNames", keyword_member_schema, VOCABULARY_APPLICATOR, BOTH},
    {"required", keyword_required, VOCABULARY_VALIDATION, BOTH},
    {"dependencies", keyword_dependencies, VOCABULARY_APPLICATOR, DRAFT_7},
    {"dependentRequired", keyword_dependencies, VOCABULARY_VALIDATION, DRAFT_2020},
    {"dependentSchemas", keyword_dependencies, VOCABULARY_APPLICATOR, DRAFT_2020},
    {"allOf", keyword_list, VOCABULARY_APPLICATOR, BOTH},
    {"anyOf", keyword_list, VOCABULARY_APPLICATOR, BOTH},
    {"oneOf", keyword_list, VOCABULARY_APPLICATOR, BOTH},
    {"not", keyword_branch, VOCABULARY_APPLICATOR, BOTH},
    {"if", keyword_branch, VOCABULARY_APPLICATOR, BOTH},
    {"then", keyword_branch, VOCABULARY_APPLICATOR, BOTH},
    {"else", keyword_branch, VOCABULARY_APPLICATOR, BOTH},
};

enum err keyword_compile(struct keyword_context *k, const json_t *value)
{
    const struct resource *resource = k->place->resource;
    unsigned dialect = resource->dialect == SCHEMA_DRAFT_7 ? DRAFT_7 : DRAFT_2020;
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (strcmp(keywords[i].keyword, k->keyword) == 0) {
            bool wanted = (keywords[i].dialects & dialect) != 0 &&
                          (keywords[i].vocabulary & resource->vocabularies) != 0;
            return wanted ? keywords[i].read(k, value) : ERR_OK;
        }
    }
    return ERR_OK;
}
