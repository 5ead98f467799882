/*
 * Schemas: written out under `document`, or in a file that `resource` names.
 *
 * A file is given along with the definition as a part of its text (plan.h), and its content takes
 * the place of `document`: whoever compares versions or reads $workflow.definition sees the schema
 * itself, not a name that may mean another one tomorrow.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/json/schema.h"
#include "coordinator/definition/load.h"

/* The file that `resource` names, or NULL after reporting. */
static const char *resource_file(struct load *load, const struct yaml_node *resource)
{
    static const char *const allowed[] = {"name", "endpoint", NULL};
    static const char *const of_endpoint[] = {"uri", NULL};
    static const struct refused_key refused[] = {
        {"authentication", "a schema is read from a file, which asks for no name"}, {NULL, NULL}};
    if (!check_is_object(load, resource, "'resource'")) {
        return NULL;
    }
    check_keys(load, resource, "'resource'", allowed, NULL);
    (void)check_text(load, yaml_get(resource, "name"), "'name'");
    const struct yaml_node *node = check_required(load, resource, "endpoint", "'resource'");
    if (node != NULL && json_is_object(node->value)) {
        check_keys(load, node, "'endpoint'", of_endpoint, refused);
        node = check_required(load, node, "uri", "'endpoint'");
    }
    const char *text = node == NULL ? NULL : check_text(load, node, "the endpoint of a schema");
    if (text == NULL) {
        return NULL;
    }
    if (strstr(text, "://") != NULL && !text_starts(text, "file://")) {
        report_problem(load->report, node,
                       "put a copy beside the definition, for example endpoint: ./schema.json",
                       "the schema at '%.120s' is elsewhere, and nothing is fetched when a "
                       "definition is deployed",
                       text);
        return NULL;
    }
    if (text[0] == '\0' || strpbrk(text, "{}#\r\n") != NULL) {
        report_problem(load->report, node, "for example endpoint: ./schema.json",
                       "'%.120s' is not the path of a whole file", text);
        return NULL;
    }
    return text;
}

/* The content of the file that `resource` names, or NULL after reporting. */
static json_t *resource_document(struct load *load, const struct yaml_node *resource)
{
    const char *file = resource_file(load, resource);
    const char *in = load->report->file;
    const char *function = in != NULL && text_starts(in, "function ") ? in + 9 : NULL;
    const char *name =
        file == NULL || function == NULL ? file : load_printf(load, "%s of %s", file, function);
    if (name == NULL) {
        load->failed = load->failed || file != NULL;
        return NULL;
    }
    const struct part *part = part_of(load, "schema", name);
    if (part == NULL) {
        load_want(load, resource, file, function);
        report_problem(load->report, resource,
                       function == NULL
                           ? "mainstay deploy reads it, seen from the folder of the definition"
                           : "mainstay deploy reads it, seen from the folder of the function",
                       "the schema '%.120s' was not given", file);
        return NULL;
    }
    return part->root == NULL ? NULL : part->root->value; /* NULL: its text was refused already */
}

const struct schema *check_schema(struct load *load, const struct yaml_node *node, const char *what)
{
    static const char *const allowed[] = {"document", "resource", "format", NULL};
    static const char *const formats[] = {"json", NULL};
    if (node == NULL || !check_is_object(load, node, what)) {
        return NULL;
    }
    check_keys(load, node, what, allowed, NULL);
    (void)check_word(load, yaml_get(node, "format"), "'format' of a schema", formats);
    const struct yaml_node *document = yaml_get(node, "document");
    const struct yaml_node *resource = yaml_get(node, "resource");
    json_t *value = NULL;
    if (document != NULL && resource != NULL) {
        report_problem(load->report, resource, "leave one of them out",
                       "a schema is a 'document' or a 'resource', not both");
        return NULL;
    }
    if (resource != NULL) {
        value = resource_document(load, resource);
        document = resource;
    } else if (document != NULL) {
        value = document->value;
    } else {
        (void)check_required(load, node, "document", what);
    }
    if (value == NULL) {
        return NULL;
    }
    struct plan_memory *memory = load->memory;
    struct schema *schema = NULL;
    struct error err = {0};
    if (!load_grow((void **)&memory->schemas, memory->schema_count, &memory->schema_capacity,
                   sizeof(memory->schemas[0]))) {
        load->failed = true;
        return NULL;
    }
    if (schema_compile(value, NULL, &schema, &err) != ERR_OK) {
        report_problem(load->report, document, NULL, "not a valid JSON Schema: %s", err.message);
        return NULL;
    }
    memory->schemas[memory->schema_count++] = schema;
    if (resource != NULL && json_object_set(node->value, "document", value) != 0) {
        load->failed = true;
    }
    return schema;
}
