/* From places to nodes: the work list, and the life of a compiled schema. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/json/schema_private.h"

enum { SCHEMA_MEMORY = 64 * 1024 * 1024 };

enum err keyword_refuse(const struct keyword_context *k, const char *message)
{
    return error_set(k->c->err, ERR_INVALID, "%s/%s: %s", k->place->pointer, k->keyword, message);
}

enum err compile_node(struct compiler *c, const json_t *value, struct resource *resource,
                      const char *pointer, const struct node **ret_node)
{
    if (pointer == NULL) {
        return compile_nomem(c);
    }
    if (json_is_boolean(value)) {
        struct node *node = ARENA_NEW(c->schema->arena, struct node);
        if (node == NULL) {
            return compile_nomem(c);
        }
        *node = (struct node){.kind = json_is_true(value) ? NODE_TRUE : NODE_FALSE,
                              .resource = resource,
                              .pointer = pointer};
        *ret_node = node;
        return ERR_OK;
    }
    if (!json_is_object(value)) {
        return error_set(c->err, ERR_INVALID, "%s: a schema is an object, true or false", pointer);
    }
    struct place *place = refs_place(c, value, resource, pointer);
    if (place == NULL) {
        return c->err->code != ERR_OK ? c->err->code : compile_nomem(c);
    }
    if (place->node == NULL) {
        place->node = ARENA_NEW(c->schema->arena, struct node);
        if (place->node == NULL) {
            return compile_nomem(c);
        }
        place->node->resource = place->resource;
        place->node->pointer = place->pointer;
        place->next_pending = c->pending;
        c->pending = place;
    }
    *ret_node = place->node;
    return ERR_OK;
}

static struct logic_rules *logic_of(struct keyword_context *k)
{
    if (k->node->logic == NULL) {
        k->node->logic = ARENA_NEW(k->c->schema->arena, struct logic_rules);
    }
    return k->node->logic;
}

static enum err compile_reference(struct keyword_context *k, bool dynamic)
{
    const char *reference = json_text_of(k->place->value, k->keyword);
    struct logic_rules *logic = logic_of(k);
    struct target target;
    const struct node *node = NULL;
    if (logic == NULL) {
        return compile_nomem(k->c);
    }
    if (reference == NULL) {
        return keyword_refuse(k, "must be a URI reference");
    }
    TRY(refs_resolve(k->c, k->place, reference, &target));
    TRY(compile_node(k->c, target.value, target.resource, target.pointer, &node));
    if (!dynamic) {
        logic->ref = node;
        return ERR_OK;
    }
    logic->dynamic_ref = node;
    logic->dynamic_name = target.dynamic_name;
    k->c->uses_dynamic = true;
    return ERR_OK;
}

/* Read all keywords of one place into its node. */
static enum err fill(struct compiler *c, struct place *place)
{
    struct keyword_context k = {.c = c, .place = place, .node = place->node};
    bool draft_7 = place->resource->dialect == SCHEMA_DRAFT_7;
    if (json_object_get(place->value, "$ref") != NULL) {
        k.keyword = "$ref";
        TRY(compile_reference(&k, false));
        if (draft_7) {
            return ERR_OK; /* siblings of $ref do not count in draft 7 */
        }
    }
    if (!draft_7 && json_object_get(place->value, "$dynamicRef") != NULL) {
        k.keyword = "$dynamicRef";
        TRY(compile_reference(&k, true));
    }
    json_t *members = json_mutable(place->value);
    for (void *iter = json_object_iter(members); iter != NULL;
         iter = json_object_iter_next(members, iter)) {
        k.keyword = json_object_iter_key(iter);
        TRY(keyword_compile(&k, json_object_iter_value(iter)));
    }
    if (k.node->object != NULL) {
        object_rules_finish(k.node->object);
    }
    return ERR_OK;
}

static enum err drain(struct compiler *c)
{
    while (c->pending != NULL) {
        struct place *place = c->pending;
        c->pending = place->next_pending;
        TRY(fill(c, place));
    }
    return ERR_OK;
}

/* Any dynamic anchor may be the answer at run time, so all get nodes. New documents may turn up
 * while they are compiled: repeat until nothing is missing. */
static enum err compile_anchors(struct compiler *c)
{
    bool again = c->uses_dynamic;
    while (again) {
        again = false;
        for (struct resource *r = c->schema->resources; r != NULL; r = r->next) {
            for (struct anchor *a = r->anchors; a != NULL; a = a->next) {
                if (a->dynamic && a->node == NULL) {
                    TRY(compile_node(c, a->value, r, r->uri, &a->node));
                    again = true;
                }
            }
        }
        TRY(drain(c));
    }
    return ERR_OK;
}

static enum err compile_all(struct compiler *c, const json_t *schema)
{
    const char *base = c->options.base_uri == NULL ? "" : c->options.base_uri;
    if (!json_depth_fits(schema, JSON_DEPTH_MAX)) {
        return error_set(c->err, ERR_LIMIT, "the schema is nested deeper than %d levels",
                         JSON_DEPTH_MAX);
    }
    json_t *copy = json_deep_copy(schema);
    if (copy == NULL) {
        return error_set(c->err, ERR_NOMEM, "no memory for a schema");
    }
    struct resource *resource = NULL;
    TRY(refs_add_document(c, copy, base, &resource));
    TRY(compile_node(c, copy, resource, "#", &c->schema->root));
    TRY(drain(c));
    return compile_anchors(c);
}

enum err schema_compile(const json_t *schema, const struct schema_options *options,
                        struct schema **ret_schema, struct error *err)
{
    struct error reason = {0}; /* compiling looks at it, so there must be one */
    struct compiler c = {.schema = calloc(1, sizeof(struct schema)),
                         .places = map_create(),
                         .uris = map_create(),
                         .err = &reason};
    enum err code = ERR_NOMEM;
    *ret_schema = NULL;
    if (options != NULL) {
        c.options = *options;
    }
    if (c.schema != NULL) {
        c.schema->arena = arena_create(SCHEMA_MEMORY);
    }
    if (c.schema == NULL || c.schema->arena == NULL || c.places == NULL || c.uris == NULL) {
        (void)error_set(&reason, ERR_NOMEM, "no memory for a schema");
    } else {
        code = compile_all(&c, schema);
    }
    map_destroy(&c.places, NULL);
    map_destroy(&c.uris, NULL);
    if (code != ERR_OK) {
        schema_destroy(&c.schema);
        return error_set(err, code, "%s", reason.message);
    }
    *ret_schema = c.schema;
    return ERR_OK;
}

void schema_destroy(struct schema **schema)
{
    struct schema *s = *schema;
    if (s == NULL) {
        return;
    }
    regexes_destroy(s->regexes);
    for (const struct document *d = s->documents; d != NULL; d = d->next) {
        json_decref(d->value);
    }
    arena_destroy(&s->arena);
    free(s);
    *schema = NULL;
}
