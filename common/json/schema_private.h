/*
 * The compiled form of a schema and what its files share. Private to common/json.
 *
 * Compiling walks every document once (schema_refs.c: resources, anchors, places), then turns
 * places into nodes from a work list, so that neither walk recurses through references. Validating
 * reads nodes only; everything else is gone or untouched by then.
 */
#ifndef COMMON_JSON_SCHEMA_PRIVATE_H
#define COMMON_JSON_SCHEMA_PRIVATE_H

#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/json/number.h"
#include "common/json/schema.h"

/* --- compiled form -------------------------------------------------------------------------- */

enum type_bit {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_INTEGER = 4,
    TYPE_NUMBER = 8,
    TYPE_STRING = 16,
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
};

struct node;
struct regex;

typedef bool format_fn(const char *text, size_t size);

struct number_rules {
    const json_t *minimum;
    const json_t *maximum;
    const json_t *above; /* exclusiveMinimum */
    const json_t *below; /* exclusiveMaximum */
    const json_t *multiple_of;
};

struct string_rules {
    uint64_t length_min;
    uint64_t length_max; /* UINT64_MAX: none */
    const struct regex *pattern;
    const char *pattern_text;
    format_fn *format; /* NULL: not asserted */
    const char *format_name;
};

struct node_list {
    const struct node **nodes;
    size_t count;
};

struct array_rules {
    uint64_t items_min;
    uint64_t items_max;
    uint64_t contains_min;
    uint64_t contains_max;
    struct node_list prefix;
    const struct node *items; /* those after the prefix */
    const char *items_keyword;
    const struct node *contains;
    bool contains_evaluates; /* 2020-12: matching items count as evaluated */
    bool unique;
};

struct property {
    struct str key;
    const struct node *node;
};

struct pattern_property {
    const struct regex *regex;
    const struct node *node;
};

struct required {
    struct str key;
    unsigned bit; /* its index among `properties` when below 64, else 64 */
};

struct dependency {
    struct str key;
    struct required *required; /* or */
    size_t required_count;
    const struct node *node;
};

struct object_rules {
    uint64_t members_min;
    uint64_t members_max;
    struct property *properties; /* sorted by size, then bytes */
    size_t property_count;
    struct pattern_property *patterns;
    size_t pattern_count;
    const struct node *additional;
    const struct node *names;
    struct required *required;
    size_t required_count;
    struct dependency *dependencies;
    size_t dependency_count;
};

struct logic_rules {
    const struct node *ref;
    const struct node *dynamic_ref; /* where it leads when nobody in scope overrides it */
    const char *dynamic_name;       /* NULL: nobody can */
    struct node_list all_of;
    struct node_list any_of;
    struct node_list one_of;
    const struct node *not_node;
    const struct node *if_node;
    const struct node *then_node;
    const struct node *else_node;
};

enum node_kind { NODE_RULES, NODE_TRUE, NODE_FALSE };

struct node {
    enum node_kind kind;
    unsigned types; /* of enum type_bit; 0: any */
    const struct resource *resource;
    const char *pointer;
    const json_t *const_value;
    const json_t *enum_values;
    struct number_rules *number;
    struct string_rules *string;
    struct array_rules *array;
    struct object_rules *object;
    struct logic_rules *logic;
    const struct node *unevaluated_items;
    const struct node *unevaluated_members;
};

struct anchor {
    struct anchor *next;
    const char *name;
    const json_t *value;
    const struct node *node; /* of dynamic anchors, when a dynamic reference exists */
    bool dynamic;
};

enum vocabulary {
    VOCABULARY_CORE = 1,
    VOCABULARY_APPLICATOR = 2,
    VOCABULARY_UNEVALUATED = 4,
    VOCABULARY_VALIDATION = 8,
    VOCABULARY_FORMAT = 16, /* either format vocabulary */
    VOCABULARY_FORMAT_ASSERTION = 32,
    VOCABULARY_STANDARD = 31,
};

/* A schema with its own URI. */
struct resource {
    struct resource *next;
    const char *uri; /* absolute where the base is, without fragment */
    const json_t *root;
    enum schema_dialect dialect;
    unsigned vocabularies;
    struct anchor *anchors;
};

struct document {
    struct document *next;
    json_t *value;
};

struct schema {
    struct arena *arena;
    struct document *documents;
    struct regex *regexes;
    struct resource *resources;
    const struct node *root;
};

/* --- compiling ------------------------------------------------------------------------------ */

/* A subschema object that was found in a document. */
struct place {
    const json_t *value;
    struct resource *resource;
    const char *pointer;
    struct node *node; /* NULL until somebody wants it */
    struct place *next_pending;
};

struct compiler {
    struct schema *schema;
    struct schema_options options;
    struct map *places;    /* json_t pointer -> struct place */
    struct map *uris;      /* URI -> struct resource */
    struct place *pending; /* nodes allocated and not filled in */
    size_t document_count;
    bool uses_dynamic;
    struct error *err;
};

/* Add a document (reference taken) under `uri` and find its resources. */
MUST_CHECK enum err refs_add_document(struct compiler *c, json_t *value, const char *uri,
                                      struct resource **ret_resource);

/* The place of a subschema object, found now when no walk has met it. NULL without memory or when
 * err is set. */
struct place *refs_place(struct compiler *c, const json_t *value, struct resource *resource,
                         const char *pointer);

/* Where `reference`, written at `from`, leads. *ret_place is NULL and *ret_value a boolean for
 * boolean schemas. `ret_dynamic` is the name when a $dynamicAnchor answered. */
struct target {
    const json_t *value;
    struct resource *resource;
    const char *pointer;
    const char *dynamic_name;
};
MUST_CHECK enum err refs_resolve(struct compiler *c, const struct place *from,
                                 const char *reference, struct target *ret_target);

/* The subschema keywords of a dialect, for walking. */
enum kid_kind { KID_NONE, KID_SCHEMA, KID_LIST, KID_MAP };
enum kid_kind schema_kid_kind(const char *keyword, enum schema_dialect dialect,
                              const json_t *value);

/* What "$schema" `uri` means; may load a metaschema. */
MUST_CHECK enum err dialect_find(struct compiler *c, const char *uri, const char *pointer,
                                 enum schema_dialect *ret_dialect, unsigned *ret_vocabularies);

/* parent "/" keyword ["/" token]; NULL without memory. */
const char *pointer_join(struct compiler *c, const char *parent, const char *keyword,
                         struct str token);

/* Out of memory or past the arena's limit. */
enum err compile_nomem(struct compiler *c);

/* The node of `value`, which is an object or a boolean; filled in later. */
MUST_CHECK enum err compile_node(struct compiler *c, const json_t *value, struct resource *resource,
                                 const char *pointer, const struct node **ret_node);

/* One schema object while its keywords are read. */
struct keyword_context {
    struct compiler *c;
    struct place *place;
    struct node *node;
    const char *keyword;
};

/* Read one keyword into the node; unknown ones are nothing. */
MUST_CHECK enum err keyword_compile(struct keyword_context *k, const json_t *value);

/* Set the error "POINTER/KEYWORD: message". */
enum err keyword_refuse(const struct keyword_context *k, const char *message);

/* Object keywords live in their own file. */
MUST_CHECK enum err keyword_properties(struct keyword_context *k, const json_t *value);
MUST_CHECK enum err keyword_pattern_properties(struct keyword_context *k, const json_t *value);
MUST_CHECK enum err keyword_required(struct keyword_context *k, const json_t *value);
MUST_CHECK enum err keyword_dependencies(struct keyword_context *k, const json_t *value);
MUST_CHECK enum err keyword_child(struct keyword_context *k, const json_t *value, struct str token,
                                  const struct node **ret_node);
struct object_rules *keyword_object(struct keyword_context *k);

/* Link `required` with `properties` once both are there. */
void object_rules_finish(struct object_rules *rules);

/* --- patterns, formats, URIs ---------------------------------------------------------------- */

/* Compile an ECMA-262 pattern into the schema. The message goes to `message`. */
const struct regex *regex_compile(struct schema *schema, const char *pattern, size_t size,
                                  char message[128]);
void regexes_destroy(struct regex *regexes);

/* Memory one validation needs for matching; made at the first match. */
struct regex_memory;
void regex_memory_destroy(struct regex_memory **memory);
enum regex_result { REGEX_NO, REGEX_YES, REGEX_LIMIT };
enum regex_result regex_match(const struct regex *regex, const char *text, size_t size,
                              struct regex_memory **memory);

/* The check of a format, or NULL for one we do not know. */
format_fn *format_find(const char *name);

bool format_uri(const char *text, size_t size);
bool format_uri_reference(const char *text, size_t size);
bool format_ipv4(const char *text, size_t size);
bool format_ipv6(const char *text, size_t size);
bool format_date(const char *text, size_t size);
bool format_time(const char *text, size_t size);
bool format_date_time(const char *text, size_t size);
bool format_duration(const char *text, size_t size);

/* `reference` resolved against `base` (RFC 3986 section 5.2); NULL without memory. */
const char *uri_resolve(struct arena *arena, const char *base, const char *reference);

/* --- validating ----------------------------------------------------------------------------- */

int number_compare(const json_t *a, const json_t *b);
bool number_is_integer(const json_t *value);
bool number_is_multiple(const json_t *value, const json_t *of);

/* Whether all items differ; charges `work` and stops (true) when it is used up. */
bool items_unique(const json_t *array, size_t *work);

/* Text of a value, cut, for a message. */
enum { VALUE_TEXT_BYTES = 72 };
void value_excerpt(const json_t *value, char out[VALUE_TEXT_BYTES]);
void text_excerpt(const char *text, char out[VALUE_TEXT_BYTES]);

#endif
