#include "agents/extraction/schemas.h"

#include <stdlib.h>
#include <string.h>

#include "common/json/schema.h"

struct schemas {
    struct schema *compiled[SCHEMA_KINDS]; /* in the order of schema_texts; NULL until needed */
};

struct schemas *schemas_create(void)
{
    return calloc(1, sizeof(struct schemas));
}

void schemas_destroy(struct schemas **schemas)
{
    if (*schemas == NULL) {
        return;
    }
    for (size_t i = 0; i < SCHEMA_KINDS; i++) {
        schema_destroy(&(*schemas)->compiled[i]);
    }
    free(*schemas);
    *schemas = NULL;
}

static enum err compile(const struct schema_text *text, struct schema **ret, struct error *err)
{
    json_t *value = NULL;
    TRY(json_parse((const char *)text->bytes, text->size, NULL, &value, err));
    enum err code = schema_compile(value, NULL, ret, err);
    json_decref(value);
    return code;
}

enum err schemas_check(struct schemas *schemas, const char *kind, const json_t *document,
                       struct error *err)
{
    size_t index = 0;
    while (index < SCHEMA_KINDS && strcmp(schema_texts[index].kind, kind) != 0) {
        index++;
    }
    if (index == SCHEMA_KINDS) {
        return error_set(err, ERR_UNSUPPORTED, "'%.40s' is not a kind of canonical document", kind);
    }
    if (schemas->compiled[index] == NULL) {
        TRY(compile(&schema_texts[index], &schemas->compiled[index], err));
    }
    struct schema_failures failures = {0};
    if (schema_validate(schemas->compiled[index], document, &failures)) {
        return ERR_OK;
    }
    const struct schema_failure *first = &failures.items[0];
    return error_set(err, ERR_INVALID, "%s: %s", first->instance[0] == '\0' ? "/" : first->instance,
                     first->message);
}
