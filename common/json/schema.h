/*
 * JSON Schema, drafts 2020-12 and 7 (json-schema.org), compiled once into an immutable form and
 * then used to validate any number of values.
 *
 * The dialect comes from "$schema", else from the options. A custom metaschema is fetched through
 * the loader and obeyed for its "$vocabulary". References are resolved when compiling; what is
 * neither in the document nor given by the loader is an error then, never a surprise later. Formats
 * are annotations unless asserted. Patterns are ECMA-262 in spirit, run by PCRE2 in UTF mode under
 * a match limit. Validation is bounded in depth and work, whatever schema and value are.
 *
 * Threads: compile and destroy on one thread; schema_validate may run on any number at once.
 */
#ifndef COMMON_JSON_SCHEMA_H
#define COMMON_JSON_SCHEMA_H

#include "common/json/json.h"

struct schema;

enum schema_dialect { SCHEMA_2020_12, SCHEMA_DRAFT_7 };

enum {
    SCHEMA_FAILURES_MAX = 8,           /* failures kept of one validation */
    SCHEMA_DEPTH_MAX = 1024,           /* nested schema applications of one validation */
    SCHEMA_WORK_MAX = 4 * 1000 * 1000, /* schema applications and comparisons of one validation */
    SCHEMA_MATCH_MAX = 200 * 1000,     /* backtracking steps of one pattern on one string */
    SCHEMA_DOCUMENTS_MAX = 64,         /* documents the loader may add to one schema */
};

/* Give the document at `uri` (absolute, or relative when the schema has no base) as a new
 * reference. An error's message becomes part of the message of schema_compile. */
typedef enum err schema_load_fn(void *context, const char *uri, json_t **ret_document,
                                struct error *err);

/* Zero means the default everywhere. */
struct schema_options {
    enum schema_dialect dialect; /* of documents without "$schema" */
    bool assert_formats;         /* known formats are checked; unknown ones never are */
    const char *base_uri;        /* where the document came from; default "" */
    schema_load_fn *load;        /* NULL: nothing outside the document can be referenced */
    void *load_context;
};

/* One reason why a value does not fit. */
struct schema_failure {
    char instance[192];  /* JSON pointer into the value; cut at the end when longer */
    char schema[192];    /* where the rule stands, for example "#/properties/total/minimum" */
    const char *keyword; /* static memory; "false" for a schema that allows nothing */
    char message[224];   /* for people: "must be at least 0, not -3" */
};

struct schema_failures {
    size_t count; /* entries in use */
    size_t more;  /* failures that did not fit */
    struct schema_failure items[SCHEMA_FAILURES_MAX];
};

/*
 * Compile `schema` (copied). `options` may be NULL; its strings are copied.
 * Errors: ERR_INVALID (a keyword has a wrong value, a pattern does not compile, a reference leads
 * nowhere), ERR_UNSUPPORTED (unknown dialect or required vocabulary), ERR_LIMIT, ERR_NOMEM; the
 * message starts with the JSON pointer of the place. On failure *ret_schema is NULL.
 */
MUST_CHECK enum err schema_compile(const json_t *schema, const struct schema_options *options,
                                   struct schema **ret_schema, struct error *err);

/* Free *schema and set it to NULL. Accepts a NULL schema. */
void schema_destroy(struct schema **schema);

/*
 * Whether `instance` fits. `ret_failures` may be NULL when nobody wants to know why, which is
 * faster for values that do not fit; otherwise it is filled in the order found, deepest rule first.
 * A validation that reaches a limit does not fit, with keyword "limit".
 */
bool schema_validate(const struct schema *schema, const json_t *instance,
                     struct schema_failures *ret_failures);

/* Append "/lines/0/qty: must be at least 1, not 0; ..." for a person. */
void schema_failures_print(const struct schema_failures *failures, struct buf *out);

#endif
