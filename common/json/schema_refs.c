/* Finding things: resources, anchors and subschemas of a document, and where references lead. */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/json/schema_private.h"

#define DRAFT_7_URI "http://json-schema.org/draft-07/schema"
#define VOCABULARY  "https://json-schema.org/draft/2020-12/vocab/"
#define META_2020   "https://json-schema.org/draft/2020-12/schema"

enum {
    METASCHEMA_HOPS = 8,
    POINTER_BYTES = 4096,
    PLACE_KEY_BYTES = sizeof(void *), /* places are known by the address of their value */
};

enum err compile_nomem(struct compiler *c)
{
    return error_set(c->err, ERR_LIMIT, "the schema needs more memory than is allowed");
}

const char *pointer_join(struct compiler *c, const char *parent, const char *keyword,
                         struct str token)
{
    struct buf text = BUF_INIT(POINTER_BYTES);
    buf_append_str(&text, parent);
    json_pointer_append(&text, keyword, strlen(keyword));
    if (token.data != NULL) {
        json_pointer_append(&text, token.data, token.size);
    }
    /* a longer one is only a worse message */
    const char *pointer = text.failed ? parent : arena_dup(c->schema->arena, text.data, text.size);
    buf_release(&text);
    return pointer;
}

enum kid_kind schema_kid_kind(const char *keyword, enum schema_dialect dialect, const json_t *value)
{
    static const struct {
        const char *keyword;
        enum kid_kind kind;
        bool in_draft_7;
        bool in_2020_12;
    } kids[] = {
        {"properties", KID_MAP, true, true},
        {"patternProperties", KID_MAP, true, true},
        {"additionalProperties", KID_SCHEMA, true, true},
        {"propertyNames", KID_SCHEMA, true, true},
        {"items", KID_SCHEMA, true, true},
        {"additionalItems", KID_SCHEMA, true, false},
        {"prefixItems", KID_LIST, false, true},
        {"contains", KID_SCHEMA, true, true},
        {"allOf", KID_LIST, true, true},
        {"anyOf", KID_LIST, true, true},
        {"oneOf", KID_LIST, true, true},
        {"not", KID_SCHEMA, true, true},
        {"if", KID_SCHEMA, true, true},
        {"then", KID_SCHEMA, true, true},
        {"else", KID_SCHEMA, true, true},
        {"definitions", KID_MAP, true, true},
        {"$defs", KID_MAP, false, true},
        {"dependencies", KID_MAP, true, true},
        {"dependentSchemas", KID_MAP, false, true},
        {"unevaluatedItems", KID_SCHEMA, false, true},
        {"unevaluatedProperties", KID_SCHEMA, false, true},
        {"contentSchema", KID_SCHEMA, false, true},
    };
    for (size_t i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
        if (strcmp(kids[i].keyword, keyword) == 0) {
            bool known = dialect == SCHEMA_DRAFT_7 ? kids[i].in_draft_7 : kids[i].in_2020_12;
            bool list = dialect == SCHEMA_DRAFT_7 && json_is_array(value);
            enum kid_kind kind = kids[i].kind == KID_SCHEMA && list ? KID_LIST : kids[i].kind;
            return known ? kind : KID_NONE;
        }
    }
    return KID_NONE;
}

/* --- dialects ------------------------------------------------------------------------------- */

static bool same_uri(const char *uri, const char *known)
{
    size_t size = strlen(known);
    return strncmp(uri, known, size) == 0 && (uri[size] == '\0' || strcmp(uri + size, "#") == 0);
}

static enum err load_document(struct compiler *c, const char *uri, const char *pointer,
                              json_t **ret_value)
{
    *ret_value = NULL;
    if (c->options.load == NULL) {
        return error_set(c->err, ERR_INVALID,
                         "%s: '%s' is not in this schema and nothing else may be read", pointer,
                         uri);
    }
    if (c->document_count >= SCHEMA_DOCUMENTS_MAX) {
        return error_set(c->err, ERR_LIMIT, "%s: '%s' would be document %d; that is too many",
                         pointer, uri, SCHEMA_DOCUMENTS_MAX + 1);
    }
    c->document_count++;
    struct error reason = {0};
    enum err code = c->options.load(c->options.load_context, uri, ret_value, &reason);
    if (code != ERR_OK) {
        return error_set(c->err, code, "%s: cannot read '%s': %s", pointer, uri, reason.message);
    }
    CHECK(*ret_value != NULL);
    return ERR_OK;
}

static enum err vocabularies_read(struct compiler *c, const char *uri, const json_t *metaschema,
                                  unsigned *ret_vocabularies)
{
    static const struct {
        const char *uri;
        unsigned bits;
    } known[] = {
        {VOCABULARY "core", VOCABULARY_CORE},
        {VOCABULARY "applicator", VOCABULARY_APPLICATOR},
        {VOCABULARY "unevaluated", VOCABULARY_UNEVALUATED},
        {VOCABULARY "validation", VOCABULARY_VALIDATION},
        {VOCABULARY "format-annotation", VOCABULARY_FORMAT},
        {VOCABULARY "format-assertion", VOCABULARY_FORMAT | VOCABULARY_FORMAT_ASSERTION},
        {VOCABULARY "content", 0},
        {VOCABULARY "meta-data", 0},
    };
    json_t *list = json_object_of(metaschema, "$vocabulary");
    if (list == NULL) {
        return ERR_OK;
    }
    *ret_vocabularies = VOCABULARY_CORE;
    for (void *iter = json_object_iter(list); iter != NULL;
         iter = json_object_iter_next(list, iter)) {
        size_t i = 0;
        size_t count = sizeof(known) / sizeof(known[0]);
        while (i < count && strcmp(known[i].uri, json_object_iter_key(iter)) != 0) {
            i++;
        }
        if (i < count) {
            *ret_vocabularies |= known[i].bits;
        } else if (json_is_true(json_object_iter_value(iter))) {
            return error_set(c->err, ERR_UNSUPPORTED,
                             "'%s' requires the vocabulary '%s', which is not known", uri,
                             json_object_iter_key(iter));
        }
    }
    return ERR_OK;
}

enum err dialect_find(struct compiler *c, const char *uri, const char *pointer,
                      enum schema_dialect *ret_dialect, unsigned *ret_vocabularies)
{
    *ret_vocabularies = VOCABULARY_STANDARD;
    enum err code = ERR_OK;
    char current[1024];
    bool fits = text_copy(current, sizeof(current), uri);
    for (int hop = 0; fits && hop < METASCHEMA_HOPS && code == ERR_OK; hop++) {
        if (same_uri(current, META_2020)) {
            *ret_dialect = SCHEMA_2020_12;
            return ERR_OK;
        }
        if (same_uri(current, DRAFT_7_URI)) {
            *ret_dialect = SCHEMA_DRAFT_7;
            return ERR_OK;
        }
        if (c->options.load == NULL) {
            break;
        }
        json_t *metaschema = NULL;
        current[strcspn(current, "#")] = '\0';
        TRY(load_document(c, current, pointer, &metaschema));
        if (hop == 0) {
            code = vocabularies_read(c, uri, metaschema, ret_vocabularies);
        }
        const char *next = json_text_of(metaschema, "$schema");
        fits = next != NULL && text_copy(current, sizeof(current), next);
        json_decref(metaschema);
    }
    TRY(code);
    return error_set(c->err, ERR_UNSUPPORTED,
                     "%s/$schema: '%s' is not a known dialect; use draft 2020-12 or draft 7",
                     pointer, uri);
}

/* --- walking a document --------------------------------------------------------------------- */

static enum err anchor_add(struct compiler *c, struct resource *resource, const char *name,
                           const json_t *value, bool dynamic)
{
    struct anchor *anchor = ARENA_NEW(c->schema->arena, struct anchor);
    const char *copy = arena_strdup(c->schema->arena, name);
    if (anchor == NULL || copy == NULL) {
        return compile_nomem(c);
    }
    *anchor = (struct anchor){
        .next = resource->anchors, .name = copy, .value = value, .dynamic = dynamic};
    resource->anchors = anchor;
    return ERR_OK;
}

/* A resource under `uri` (its fragment is cut off), known by that URI from now on. */
static struct resource *resource_new(struct compiler *c, const char *uri, const json_t *root,
                                     const struct resource *parent)
{
    struct resource *resource = ARENA_NEW(c->schema->arena, struct resource);
    char *name = arena_dup(c->schema->arena, uri, strcspn(uri, "#"));
    if (resource == NULL || name == NULL) {
        return NULL;
    }
    *resource = (struct resource){.next = c->schema->resources,
                                  .uri = name,
                                  .root = root,
                                  .dialect = parent == NULL ? c->options.dialect : parent->dialect,
                                  .vocabularies =
                                      parent == NULL ? VOCABULARY_STANDARD : parent->vocabularies};
    c->schema->resources = resource;
    bool ok = true;
    if (map_get_text(c->uris, name) == NULL) {
        (void)map_put_text(c->uris, name, resource, &ok);
    }
    return ok ? resource : NULL;
}

/* "$schema" decides how the rest of the resource is read. */
static enum err resource_dialect(struct compiler *c, struct resource *resource, const char *pointer)
{
    const char *uri = json_text_of(resource->root, "$schema");
    if (uri == NULL) {
        return ERR_OK;
    }
    return dialect_find(c, uri, pointer, &resource->dialect, &resource->vocabularies);
}

/* Take in "$id" and the anchors of one schema object; *resource may change to a new one. */
static enum err identify(struct compiler *c, const json_t *value, const char *pointer,
                         struct resource **resource)
{
    const char *id = json_text_of(value, "$id");
    bool draft_7 = (*resource)->dialect == SCHEMA_DRAFT_7;
    if (draft_7 && json_object_get(value, "$ref") != NULL) {
        id = NULL; /* siblings of $ref do not count in draft 7 */
    }
    if (id != NULL && id[0] == '#') {
        return draft_7 ? anchor_add(c, *resource, id + 1, value, false) : ERR_OK;
    }
    if (id != NULL) {
        const char *uri = uri_resolve(c->schema->arena, (*resource)->uri, id);
        struct resource *inner = uri == NULL ? NULL : resource_new(c, uri, value, *resource);
        if (inner == NULL) {
            return compile_nomem(c);
        }
        TRY(resource_dialect(c, inner, pointer));
        *resource = inner;
        const char *fragment = strchr(uri, '#');
        if (fragment != NULL && fragment[1] != '\0') {
            TRY(anchor_add(c, inner, fragment + 1, value, false));
        }
    }
    if ((*resource)->dialect == SCHEMA_DRAFT_7) {
        return ERR_OK;
    }
    const char *anchor = json_text_of(value, "$anchor");
    const char *dynamic = json_text_of(value, "$dynamicAnchor");
    if (anchor != NULL) {
        TRY(anchor_add(c, *resource, anchor, value, false));
    }
    return dynamic == NULL ? ERR_OK : anchor_add(c, *resource, dynamic, value, true);
}

static struct place *place_get(const struct compiler *c, const json_t *value)
{
    return map_get(c->places, &value, PLACE_KEY_BYTES);
}

static enum err walk(struct compiler *c, const json_t *value, struct resource *resource,
                     const char *pointer);

static enum err walk_kids(struct compiler *c, const struct place *place, const char *keyword,
                          const json_t *kids, enum kid_kind kind)
{
    if (kind == KID_SCHEMA) {
        return walk(c, kids, place->resource,
                    pointer_join(c, place->pointer, keyword, (struct str){0}));
    }
    if (kind == KID_LIST) {
        for (size_t i = 0; i < json_array_size(kids); i++) {
            char index[NUMBER_TEXT_BYTES];
            struct str token = {index, number_print_int((int64_t)i, index)};
            TRY(walk(c, json_array_get(kids, i), place->resource,
                     pointer_join(c, place->pointer, keyword, token)));
        }
        return ERR_OK;
    }
    json_t *members = json_mutable(kids);
    for (void *iter = json_object_iter(members); iter != NULL;
         iter = json_object_iter_next(members, iter)) {
        struct str token = {json_object_iter_key(iter), json_object_iter_key_len(iter)};
        TRY(walk(c, json_object_iter_value(iter), place->resource,
                 pointer_join(c, place->pointer, keyword, token)));
    }
    return ERR_OK;
}

/* Note `value` and all subschemas below it. Depth is that of the document, which is bounded. */
static enum err walk(struct compiler *c, const json_t *value, struct resource *resource,
                     const char *pointer)
{
    if (!json_is_object(value) || place_get(c, value) != NULL) {
        return ERR_OK;
    }
    if (pointer == NULL) {
        return compile_nomem(c);
    }
    if (value != resource->root) {
        TRY(identify(c, value, pointer, &resource));
    }
    struct place *place = ARENA_NEW(c->schema->arena, struct place);
    if (place == NULL) {
        return compile_nomem(c);
    }
    *place = (struct place){.value = value, .resource = resource, .pointer = pointer};
    bool ok = true;
    (void)map_put(c->places, &value, PLACE_KEY_BYTES, place, &ok);
    if (!ok) {
        return compile_nomem(c);
    }
    json_t *members = json_mutable(value);
    for (void *iter = json_object_iter(members); iter != NULL;
         iter = json_object_iter_next(members, iter)) {
        const char *keyword = json_object_iter_key(iter);
        const json_t *kids = json_object_iter_value(iter);
        enum kid_kind kind = schema_kid_kind(keyword, resource->dialect, kids);
        if (kind != KID_NONE) {
            TRY(walk_kids(c, place, keyword, kids, kind));
        }
    }
    return ERR_OK;
}

struct place *refs_place(struct compiler *c, const json_t *value, struct resource *resource,
                         const char *pointer)
{
    if (place_get(c, value) == NULL && walk(c, value, resource, pointer) != ERR_OK) {
        return NULL;
    }
    return place_get(c, value);
}

enum err refs_add_document(struct compiler *c, json_t *value, const char *uri,
                           struct resource **ret_resource)
{
    struct document *document = ARENA_NEW(c->schema->arena, struct document);
    if (document == NULL) {
        json_decref(value);
        return compile_nomem(c);
    }
    *document = (struct document){.next = c->schema->documents, .value = value};
    c->schema->documents = document;
    const char *pointer =
        uri[0] == '\0' || c->document_count == 0 ? "#" : arena_printf(c->schema->arena, "%s#", uri);
    struct resource *resource = pointer == NULL ? NULL : resource_new(c, uri, value, NULL);
    if (resource == NULL) {
        return compile_nomem(c);
    }
    TRY(resource_dialect(c, resource, pointer));
    struct resource *inner = resource;
    if (json_is_object(value)) {
        TRY(identify(c, value, pointer, &inner));
    }
    *ret_resource = inner;
    return walk(c, value, inner, pointer);
}

/* --- following a reference ------------------------------------------------------------------ */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The fragment with its %xx undone, in the arena. */
static const char *fragment_decode(struct compiler *c, const char *fragment)
{
    char *text = arena_strdup(c->schema->arena, fragment);
    if (text == NULL) {
        return NULL;
    }
    size_t used = 0;
    for (size_t at = 0; text[at] != '\0'; at++) {
        int high = text[at] == '%' ? hex_value(text[at + 1]) : -1;
        int low = high >= 0 ? hex_value(text[at + 2]) : -1;
        if (low >= 0) {
            text[used++] = (char)(high * 16 + low);
            at += 2;
        } else {
            text[used++] = text[at];
        }
    }
    text[used] = '\0';
    return text;
}

/* The resource of a URI without fragment, loaded when nobody has seen it. */
static enum err resource_find(struct compiler *c, const struct place *from, const char *uri,
                              struct resource **ret_resource)
{
    *ret_resource = map_get_text(c->uris, uri);
    if (*ret_resource != NULL) {
        return ERR_OK;
    }
    json_t *given = NULL;
    TRY(load_document(c, uri, from->pointer, &given));
    /* copied, because places are known by address and the loader may give shared values */
    json_t *value = json_deep_copy(given);
    bool deep = !json_depth_fits(given, JSON_DEPTH_MAX);
    json_decref(given);
    if (value == NULL || deep) {
        json_decref(value);
        return compile_nomem(c);
    }
    return refs_add_document(c, value, uri, ret_resource);
}

/* Walk a JSON pointer from the root of a resource; the resource changes where "$id" says so. */
static enum err pointer_follow(struct compiler *c, const struct place *from, const char *pointer,
                               struct target *target)
{
    char *part = arena_strdup(c->schema->arena, pointer);
    if (part == NULL) {
        return compile_nomem(c);
    }
    size_t size = strlen(part);
    for (size_t at = 1; at <= size; at++) {
        if (part[at] != '/' && part[at] != '\0') {
            continue;
        }
        char kept = part[at];
        part[at] = '\0';
        const json_t *value = json_pointer_get(target->resource->root, part);
        part[at] = kept;
        if (value == NULL) {
            return error_set(c->err, ERR_INVALID, "%s: the reference to '%s%s%s' leads nowhere",
                             from->pointer, target->resource->uri, "#", pointer);
        }
        const struct place *place = place_get(c, value);
        target->value = value;
        if (place != NULL && place->resource != target->resource) {
            /* the rest of the pointer starts at that resource's root */
            target->resource = place->resource;
            part += at;
            size -= at;
            at = 0;
        }
    }
    return ERR_OK;
}

static enum err anchor_follow(struct compiler *c, const struct place *from, const char *name,
                              struct target *target)
{
    const struct anchor *found = NULL;
    for (const struct anchor *a = target->resource->anchors; a != NULL; a = a->next) {
        if (strcmp(a->name, name) == 0 && (found == NULL || a->dynamic)) {
            found = a;
        }
    }
    if (found == NULL) {
        return error_set(c->err, ERR_INVALID, "%s: there is no anchor '%s' in '%s'", from->pointer,
                         name, target->resource->uri);
    }
    target->value = found->value;
    target->dynamic_name = found->dynamic ? found->name : NULL;
    return ERR_OK;
}

enum err refs_resolve(struct compiler *c, const struct place *from, const char *reference,
                      struct target *ret_target)
{
    const char *full = uri_resolve(c->schema->arena, from->resource->uri, reference);
    if (full == NULL) {
        return compile_nomem(c);
    }
    size_t size = strcspn(full, "#");
    const char *uri = arena_dup(c->schema->arena, full, size);
    const char *fragment = fragment_decode(c, full[size] == '#' ? full + size + 1 : "");
    if (uri == NULL || fragment == NULL) {
        return compile_nomem(c);
    }
    *ret_target = (struct target){.resource = from->resource};
    if (strcmp(uri, from->resource->uri) != 0) {
        TRY(resource_find(c, from, uri, &ret_target->resource));
    }
    ret_target->value = ret_target->resource->root;
    if (fragment[0] == '/') {
        TRY(pointer_follow(c, from, fragment, ret_target));
    } else if (fragment[0] != '\0') {
        TRY(anchor_follow(c, from, fragment, ret_target));
    }
    const struct place *place = place_get(c, ret_target->value);
    ret_target->pointer = place != NULL ? place->pointer
                                        : arena_printf(c->schema->arena, "%s#%s",
                                                       ret_target->resource->uri, fragment);
    if (ret_target->pointer == NULL) {
        return compile_nomem(c);
    }
    if (!json_is_object(ret_target->value) && !json_is_boolean(ret_target->value)) {
        return error_set(c->err, ERR_INVALID, "%s: the reference to '%s' does not lead to a schema",
                         from->pointer, reference);
    }
    return ERR_OK;
}
