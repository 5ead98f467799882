/*
 * call: http and call: openapi, compiled into calls of the connector agent, so that the engine
 * needs nothing new.
 *
 * The connector's input is made here, member by member, as a template over the task's input:
 * agents/connector/contract.json describes it. The action says what may be done after a doubt:
 * `fetch` repeats freely, `send` repeats under its Idempotency-Key, `submit` is never repeated
 * without a person; `operate` finds out from the document which of them it is.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/str.h"
#include "coordinator/definition/load.h"

enum { MEMBERS_MAX = 12, VARIABLES_MAX = 32, METHOD_BYTES = 16 };

/* The connector's input while it is being made. */
struct input {
    const char *keys[MEMBERS_MAX];
    const struct template *items[MEMBERS_MAX];
    size_t count;
};

static void input_add(struct input *input, const char *key, const struct template *value)
{
    input->keys[input->count] = key;
    input->items[input->count++] = value;
}

/* A member that is copied as it is when it is there. */
static void input_copy(struct load *load, const struct yaml_node *with, const char *key,
                       struct input *input)
{
    const struct yaml_node *node = yaml_get(with, key);
    if (node != NULL) {
        size_t path = seal_enter(load, key, 0);
        input_add(input, key, check_template(load, node, PLACE_TASK));
        seal_leave(load, path);
    }
}

/* --- URI templates ------------------------------------------------------------------------------
 */

static bool is_name(const char *text, size_t size)
{
    bool good = size > 0 && size <= LIMIT_NAME_BYTES;
    for (size_t i = 0; good && i < size; i++) {
        good = isalnum((unsigned char)text[i]) || text[i] == '_' || text[i] == '-';
    }
    return good;
}

/* What the property of the task's input gives; anything but a scalar is an error. */
static const struct template *variable(struct load *load, const struct yaml_node *node,
                                       const char *name)
{
    char *text =
        load_printf(load,
                    ".[\"%s\"] | if type == \"object\" or type == \"array\" then "
                    "error(\"'%s' of the URI template must be a text, a number or a boolean\") "
                    "else . end",
                    name, name);
    return text == NULL ? NULL : check_inside(load, node, text, PLACE_TASK);
}

static bool known(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* The properties of the task's input that a URI template names, as an object. */
static const struct template *variables(struct load *load, const struct yaml_node *node,
                                        const char *uri)
{
    const char *names[VARIABLES_MAX];
    const struct template *values[VARIABLES_MAX];
    size_t count = 0;
    for (const char *at = uri; (at = strchr(at, '{')) != NULL;) {
        size_t size = strcspn(++at, "}");
        char *name = at[size] == '}' && is_name(at, size) ? arena_dup(load->arena, at, size) : NULL;
        if (name == NULL || count == VARIABLES_MAX) {
            report_problem(load->report, node,
                           "for anything else write an expression: ${ \"https://host/\\(.a.b)\" }",
                           "a URI template takes {name} of a property of the task's input, at most "
                           "%d times",
                           VARIABLES_MAX);
            return NULL;
        }
        if (!known(names, count, name)) {
            names[count] = name;
            values[count++] = variable(load, node, name);
        }
        at += size;
    }
    return count == 0 ? NULL : load_object(load, names, values, count);
}

static void check_scheme(struct load *load, const struct yaml_node *node, const char *uri)
{
    if (strncasecmp(uri, "http://", 7) != 0 && strncasecmp(uri, "https://", 8) != 0) {
        report_problem(load->report, node, "for example https://api.example.org/pets/{petId}",
                       "'%.100s' is not an http or https URI", uri);
    }
}

/* A URI, a URI template or an expression. */
static void check_uri(struct load *load, const struct yaml_node *node, struct input *input)
{
    const char *inside;
    if (!json_is_string(node->value)) {
        report_problem(load->report, node, NULL,
                       "an endpoint must be a URI or an expression, not %s", check_type_text(node));
        return;
    }
    struct seal *seal = load->seal;
    load->seal = NULL; /* where a request goes is no secret */
    input_add(input, "endpoint", check_template(load, node, PLACE_TASK));
    load->seal = seal;
    const char *text = json_string_value(node->value);
    if (check_embrace(load, text, &inside) == 0) {
        check_scheme(load, node, text);
        const struct template *found = variables(load, node, text);
        if (found != NULL) {
            input_add(input, "variables", found);
        }
    }
}

static void check_policy(struct load *load, const struct yaml_node *node, struct input *input)
{
    if (node != NULL) {
        size_t path = seal_enter(load, "authentication", 0);
        input_add(input, "authentication", check_authentication(load, node));
        seal_leave(load, path);
    }
}

static void check_endpoint(struct load *load, const struct yaml_node *node, struct input *input)
{
    static const char *const allowed[] = {"uri", "authentication", NULL};
    if (node == NULL) {
        return;
    }
    if (!json_is_object(node->value)) {
        check_uri(load, node, input);
        return;
    }
    check_keys(load, node, "'endpoint'", allowed, NULL);
    const struct yaml_node *uri = check_required(load, node, "uri", "'endpoint'");
    if (uri != NULL) {
        check_uri(load, uri, input);
    }
    check_policy(load, yaml_get(node, "authentication"), input);
}

/* --- the request --------------------------------------------------------------------------------
 */

/* The method in capitals, or NULL after reporting. */
static const char *check_method(struct load *load, const struct yaml_node *node)
{
    static const char *const methods[] = {"GET", "HEAD",  "OPTIONS", "POST",
                                          "PUT", "PATCH", "DELETE",  NULL};
    const char *text = check_text(load, node, "'method'");
    for (size_t i = 0; text != NULL && methods[i] != NULL; i++) {
        if (strcasecmp(methods[i], text) == 0) {
            return methods[i];
        }
    }
    if (text != NULL) {
        report_problem(load->report, node, NULL, "'method' must be one of %s, not '%.40s'",
                       check_list_text(load, methods), text);
    }
    return NULL;
}

static bool is_safe(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
           strcmp(method, "OPTIONS") == 0;
}

/* Whether the definition itself declares the header: an expression for all headers does not. */
static bool declares_key(const struct yaml_node *headers)
{
    for (size_t i = 0; headers != NULL && i < headers->count; i++) {
        if (headers->items[i]->key != NULL &&
            strcasecmp(headers->items[i]->key, "Idempotency-Key") == 0) {
            return true;
        }
    }
    return false;
}

/* An object, or an expression that gives one. */
static void check_map(struct load *load, const struct yaml_node *with, const char *key,
                      struct input *input)
{
    const struct yaml_node *node = yaml_get(with, key);
    const char *inside;
    if (node == NULL) {
        return;
    }
    if (!json_is_object(node->value) &&
        !(json_is_string(node->value) &&
          check_embrace(load, json_string_value(node->value), &inside) == 1)) {
        report_problem(load->report, node, NULL,
                       "'%s' must be an object or an expression that gives one, not %s", key,
                       check_type_text(node));
        return;
    }
    input_copy(load, with, key, input);
}

static void check_shape_of_answer(struct load *load, const struct yaml_node *with,
                                  struct input *input)
{
    static const char *const outputs[] = {"raw", "content", "response", NULL};
    const struct yaml_node *output = yaml_get(with, "output");
    const struct yaml_node *redirect = yaml_get(with, "redirect");
    int word = output == NULL ? 1 : check_word(load, output, "'output'", outputs);
    input_add(input, "output", load_fixed(load, json_string(outputs[word < 0 ? 1 : word])));
    if (redirect != NULL) {
        bool accepted = check_bool(load, redirect, "'redirect'", false);
        input_add(input, "redirect", load_fixed(load, json_boolean(accepted)));
    }
}

void check_http(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"method", "endpoint", "headers",  "query",
                                          "body",   "output",   "redirect", NULL};
    struct input input = {.count = 0};
    struct seal seal;
    const struct yaml_node *with = check_required(load, node, "with", "'call: http'");
    if (with == NULL || !check_is_object(load, with, "'with'")) {
        return;
    }
    check_keys(load, with, "'with' of call: http", allowed, NULL);
    seal_begin(load, &seal);
    const char *method =
        check_method(load, check_required(load, with, "method", "'with' of call: http"));
    input_add(&input, "method", load_fixed(load, json_string(method == NULL ? "GET" : method)));
    check_endpoint(load, check_required(load, with, "endpoint", "'with' of call: http"), &input);
    check_map(load, with, "headers", &input);
    check_map(load, with, "query", &input);
    input_copy(load, with, "body", &input);
    check_shape_of_answer(load, with, &input);
    if (method != NULL && strcmp(method, "OPTIONS") != 0 && is_safe(method) &&
        yaml_get(with, "body") != NULL) {
        report_key(load->report, yaml_get(with, "body"), NULL, "a %s request has no body", method);
    }
    seal_end(load, &task->call);
    task->call.agent = "connector";
    task->call.contract = "1.0";
    task->call.standard = true;
    task->call.action = "submit";
    if (method != NULL && is_safe(method)) {
        task->call.action = "fetch";
    } else if (declares_key(yaml_get(with, "headers"))) {
        task->call.action = "send";
    }
    task->call.input = load_object(load, input.keys, input.items, input.count);
}

/* The document as an object of its own: it is fetched with credentials of its own. */
static void check_document_of(struct load *load, const struct yaml_node *node, struct input *input)
{
    static const char *const allowed[] = {"name", "endpoint", NULL};
    struct input document = {.count = 0};
    if (node == NULL || !check_is_object(load, node, "'document'")) {
        return;
    }
    check_keys(load, node, "'document'", allowed, NULL);
    (void)check_text(load, yaml_get(node, "name"), "'name'");
    size_t path = seal_enter(load, "document", 0);
    check_endpoint(load, check_required(load, node, "endpoint", "'document'"), &document);
    seal_leave(load, path);
    input_add(input, "document", load_object(load, document.keys, document.items, document.count));
}

void check_openapi(struct load *load, const struct yaml_node *node, struct plan_node *task)
{
    static const char *const allowed[] = {"document", "operationId", "parameters", "authentication",
                                          "output",   "redirect",    NULL};
    struct input input = {.count = 0};
    struct seal seal;
    const struct yaml_node *with = check_required(load, node, "with", "'call: openapi'");
    if (with == NULL || !check_is_object(load, with, "'with'")) {
        return;
    }
    check_keys(load, with, "'with' of call: openapi", allowed, NULL);
    seal_begin(load, &seal);
    check_document_of(load, check_required(load, with, "document", "'with' of call: openapi"),
                      &input);
    const struct yaml_node *operation =
        check_required(load, with, "operationId", "'with' of call: openapi");
    const char *id = check_text(load, operation, "'operationId'");
    input_add(&input, "operationId", load_fixed(load, json_string(id == NULL ? "" : id)));
    check_map(load, with, "parameters", &input);
    check_policy(load, yaml_get(with, "authentication"), &input);
    check_shape_of_answer(load, with, &input);
    seal_end(load, &task->call);
    task->call.agent = "connector";
    task->call.action = "operate";
    task->call.contract = "1.0";
    task->call.standard = true;
    task->call.input = load_object(load, input.keys, input.items, input.count);
}
