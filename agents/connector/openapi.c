#include "agents/connector/openapi.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/http/http_client.h"

enum { URL_BYTES = 8192 };

/* One operation being turned into a request. */
struct operation {
    const json_t *document;
    const char *url;
    const char *id;
    const char *path;
    const char *method; /* as the document writes it */
    const json_t *item; /* the path's */
    const json_t *self;
    const json_t *arguments;
    bool swagger; /* version 2.0 */
    json_t *request;
    const char **pointer;
    struct error *err;
};

__attribute__((format(printf, 3, 4))) static enum err
wrong(struct operation *op, const char *pointer, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *op->pointer = pointer;
    return error_set(op->err, ERR_INVALID, "%s", text);
}

/* What a value stands for, through local references; NULL when they lead nowhere. */
static const json_t *follow(const struct operation *op, const json_t *value)
{
    for (unsigned i = 0; i < OPENAPI_REFERENCES_MAX; i++) {
        const char *reference = json_text_of(value, "$ref");
        if (reference == NULL) {
            return value;
        }
        value = reference[0] == '#' ? json_pointer_get(op->document, reference + 1) : NULL;
    }
    return NULL;
}

/* ---- the operation ---- */

static bool find_in_item(struct operation *op, const char *path, const json_t *item)
{
    static const char *const methods[] = {"get",   "put",     "post", "delete",
                                          "patch", "options", "head", NULL};
    for (size_t i = 0; methods[i] != NULL; i++) {
        const json_t *self = json_object_of(item, methods[i]);
        if (text_equal(json_text_of(self, "operationId"), op->id)) {
            op->path = path;
            op->method = methods[i];
            op->item = item;
            op->self = self;
            return true;
        }
    }
    return false;
}

static enum err operation_find(struct operation *op)
{
    const char *path = NULL;
    json_t *item = NULL;
    const char *version = json_text_of(op->document, "openapi");
    op->swagger = text_equal(json_text_of(op->document, "swagger"), "2.0");
    if (!op->swagger && (version == NULL || !text_starts(version, "3."))) {
        return wrong(op, "/document", "'%.200s' is neither Swagger 2.0 nor OpenAPI 3", op->url);
    }
    json_object_foreach(json_object_of(op->document, "paths"), path, item)
    {
        if (find_in_item(op, path, follow(op, item))) {
            return ERR_OK;
        }
    }
    return wrong(op, "/operationId", "the document has no operation '%.100s'", op->id);
}

/* ---- where ---- */

/* "http://host/base" of Swagger 2.0; what is not said is taken from the document's own URL. */
static void swagger_server(const struct operation *op, const struct http_url *from, struct buf *out)
{
    const char *host = json_text_of(op->document, "host");
    const char *base = json_text_of(op->document, "basePath");
    const json_t *schemes = json_array_of(op->self, "schemes");
    schemes = schemes != NULL ? schemes : json_array_of(op->document, "schemes");
    const char *own = from->tls ? "https" : "http";
    const char *scheme =
        json_array_size(schemes) == 0 ? own : json_string_value(json_array_get(schemes, 0));
    for (size_t i = 0; i < json_array_size(schemes); i++) {
        if (text_equal(json_string_value(json_array_get(schemes, i)), own)) {
            scheme = own;
        }
    }
    buf_printf(out, "%s://", scheme == NULL ? own : scheme);
    if (host != NULL) {
        buf_append_str(out, host);
    } else {
        bool v6 = strchr(from->host, ':') != NULL;
        buf_printf(out, v6 ? "[%s]:%u" : "%s:%u", from->host, from->port);
    }
    buf_append_str(out, base == NULL ? "" : base);
}

/* A server's URL with the defaults of its variables. */
static enum err server_expand(struct operation *op, const json_t *server, struct buf *out)
{
    const char *at = json_text_of(server, "url");
    const json_t *variables = json_object_of(server, "variables");
    at = at == NULL ? "/" : at;
    while (*at != '\0') {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end == NULL) {
            buf_append_byte(out, (uint8_t)*at++);
            continue;
        }
        const char *value =
            json_text_of(json_object_getn(variables, at + 1, (size_t)(end - at) - 1), "default");
        if (value == NULL) {
            return wrong(op, "/document", "a server's URL '%.200s' has a variable without default",
                         json_text_of(server, "url"));
        }
        buf_append_str(out, value);
        at = end + 1;
    }
    return ERR_OK;
}

static enum err openapi_server(struct operation *op, struct buf *out)
{
    const json_t *servers = json_array_of(op->self, "servers");
    servers = servers != NULL ? servers : json_array_of(op->item, "servers");
    servers = servers != NULL ? servers : json_array_of(op->document, "servers");
    struct buf text = BUF_INIT(URL_BYTES);
    enum err code = server_expand(op, json_array_get(servers, 0), &text);
    if (code == ERR_OK) {
        code = http_url_resolve(op->url, text.data == NULL ? "/" : text.data, out, op->err);
        *op->pointer = "/document";
    }
    buf_release(&text);
    return code;
}

static enum err endpoint_put(struct operation *op)
{
    struct buf url = BUF_INIT(URL_BYTES);
    struct http_url from;
    enum err code = http_url_parse(op->url, &from, op->err);
    *op->pointer = "/document";
    if (code == ERR_OK && op->swagger) {
        swagger_server(op, &from, &url);
    } else if (code == ERR_OK) {
        code = openapi_server(op, &url);
    }
    if (code == ERR_OK && url.data != NULL) {
        while (url.size > 0 && url.data[url.size - 1] == '/') {
            url.size--;
        }
        buf_append_str(&url, op->path);
        code =
            url.failed ? wrong(op, "/document", "the URL of '%.100s' is too long", op->id) : ERR_OK;
    }
    if (code == ERR_OK) {
        (void)json_object_set_new(op->request, "endpoint", json_string(url.data));
    }
    buf_release(&url);
    return code;
}

/* ---- arguments ---- */

/* The member of the request that takes parameters of this place. */
static json_t *place_of(struct operation *op, const char *member)
{
    json_t *place = json_object_of(op->request, member);
    if (place == NULL) {
        place = json_object();
        (void)json_object_set_new(op->request, member, place);
    }
    return place;
}

static bool is_plain(const json_t *value)
{
    return json_is_string(value) || json_is_number(value) || json_is_boolean(value);
}

/* An array as one text, "a,b"; NULL when an item is not plain. */
static json_t *join(const json_t *items, const char *separator)
{
    struct buf text = BUF_INIT(URL_BYTES);
    size_t index = 0;
    json_t *item = NULL;
    bool good = true;
    json_array_foreach(json_mutable(items), index, item)
    {
        good = good && is_plain(item);
        buf_append_str(&text, index > 0 ? separator : "");
        if (json_is_string(item)) {
            buf_append_str(&text, json_string_value(item));
        } else if (good) {
            json_write(item, &text);
        }
    }
    good = good && !text.failed;
    json_t *joined = good ? json_string(text.data == NULL ? "" : text.data) : NULL;
    buf_release(&text);
    return joined;
}

/* Whether an array of a query parameter repeats its name. */
static bool repeats(const struct operation *op, const json_t *parameter)
{
    const char *style = json_text_of(parameter, "style");
    if (op->swagger) {
        return text_equal(json_text_of(parameter, "collectionFormat"), "multi");
    }
    return (style == NULL || strcmp(style, "form") == 0) &&
           json_bool_of(parameter, "explode", true);
}

static const char *separator_of(const struct operation *op, const json_t *parameter)
{
    const char *how = json_text_of(parameter, op->swagger ? "collectionFormat" : "style");
    if (text_equal(how, "ssv") || text_equal(how, "spaceDelimited")) {
        return " ";
    }
    if (text_equal(how, "pipes") || text_equal(how, "pipeDelimited")) {
        return "|";
    }
    return text_equal(how, "tsv") ? "\t" : ",";
}

static enum err argument_put(struct operation *op, const json_t *parameter, const char *member,
                             const json_t *value)
{
    const char *name = json_text_of(parameter, "name");
    json_t *put = NULL;
    if (is_plain(value)) {
        put = json_incref(json_mutable(value));
    } else if (json_is_array(value)) {
        bool many = strcmp(member, "query") == 0 && repeats(op, parameter);
        put = many ? json_incref(json_mutable(value)) : join(value, separator_of(op, parameter));
    }
    if (put == NULL) {
        return wrong(op, "/parameters", "the argument '%.100s' must be a plain value or an array",
                     name);
    }
    (void)json_object_set_new(place_of(op, member), name, put);
    return ERR_OK;
}

/* A cookie parameter joins the others in one header (RFC 6265, 4.2). */
static enum err cookie_put(struct operation *op, const json_t *parameter, const json_t *value)
{
    json_t *headers = place_of(op, "headers");
    const char *before = json_text_of(headers, "Cookie");
    const char *name = json_text_of(parameter, "name");
    const char *text = json_string_value(value);
    if (text == NULL || strpbrk(text, ";, \t\"\\") != NULL) {
        return wrong(op, "/parameters", "the cookie '%.100s' must be a text without separators",
                     name);
    }
    json_t *line = before == NULL ? json_sprintf("%s=%s", name, text)
                                  : json_sprintf("%s; %s=%s", before, name, text);
    (void)json_object_set_new(headers, "Cookie", line);
    return ERR_OK;
}

static enum err parameter_put(struct operation *op, const json_t *parameter)
{
    const char *name = json_text_of(parameter, "name");
    const char *in = json_text_of(parameter, "in");
    if (name == NULL || in == NULL) {
        return wrong(op, "/document", "a parameter of '%.100s' has no name or place", op->id);
    }
    const json_t *value = json_object_get(op->arguments, name);
    if (value == NULL || json_is_null(value)) {
        return json_bool_of(parameter, "required", false)
                   ? wrong(op, "/parameters", "the argument '%.100s' is missing", name)
                   : ERR_OK;
    }
    if (strcmp(in, "path") == 0) {
        return argument_put(op, parameter, "variables", value);
    }
    if (strcmp(in, "query") == 0) {
        return argument_put(op, parameter, "query", value);
    }
    if (strcmp(in, "header") == 0) {
        return argument_put(op, parameter, "headers", value);
    }
    if (strcmp(in, "cookie") == 0) {
        return cookie_put(op, parameter, value);
    }
    if (strcmp(in, "body") == 0) {
        return json_object_set(op->request, "body", json_mutable(value)) == 0 ? ERR_OK : ERR_NOMEM;
    }
    if (strcmp(in, "formData") == 0) {
        (void)json_object_set_new(place_of(op, "headers"), "Content-Type",
                                  json_string("application/x-www-form-urlencoded"));
        return argument_put(op, parameter, "body", value);
    }
    return wrong(op, "/document", "the parameter '%.100s' is in a place that is not known", name);
}

static bool is_listed(const struct operation *op, const json_t *list, const char *name)
{
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(json_mutable(list), index, item)
    {
        if (text_equal(json_text_of(follow(op, item), "name"), name)) {
            return true;
        }
    }
    return false;
}

/* The operation's own parameters go before the path's of the same name. */
static enum err parameters_put(struct operation *op)
{
    const json_t *lists[] = {json_array_of(op->self, "parameters"),
                             json_array_of(op->item, "parameters")};
    for (size_t i = 0; i < 2; i++) {
        size_t index = 0;
        json_t *item = NULL;
        if (json_array_size(lists[i]) > OPENAPI_PARAMETERS_MAX) {
            return wrong(op, "/document", "the operation '%.100s' has too many parameters", op->id);
        }
        json_array_foreach(json_mutable(lists[i]), index, item)
        {
            const json_t *parameter = follow(op, item);
            const char *name = json_text_of(parameter, "name");
            if (i == 1 && name != NULL && is_listed(op, lists[0], name)) {
                continue;
            }
            TRY(parameter_put(op, parameter));
        }
    }
    return ERR_OK;
}

/* OpenAPI 3: the argument `body`, under the media type we write best. */
static enum err body_put(struct operation *op)
{
    static const char *const known[] = {"application/json", "application/x-www-form-urlencoded",
                                        NULL};
    const json_t *body = follow(op, json_object_get(op->self, "requestBody"));
    const json_t *content = json_object_of(body, "content");
    const json_t *value = json_object_get(op->arguments, "body");
    const char *type = NULL;
    if (op->swagger || body == NULL) {
        return ERR_OK;
    }
    if (value == NULL) {
        return json_bool_of(body, "required", false)
                   ? wrong(op, "/parameters", "the argument 'body' of '%.100s' is missing", op->id)
                   : ERR_OK;
    }
    for (size_t i = 0; type == NULL && known[i] != NULL; i++) {
        type = json_object_get(content, known[i]) != NULL ? known[i] : NULL;
    }
    if (type == NULL) {
        type = json_object_iter_key(json_object_iter(json_mutable(content)));
    }
    if (type != NULL && strchr(type, '*') == NULL) {
        (void)json_object_set_new(place_of(op, "headers"), "Content-Type", json_string(type));
    }
    return json_object_set(op->request, "body", json_mutable(value)) == 0 ? ERR_OK : ERR_NOMEM;
}

/* An argument nobody takes is a misspelt one. */
static enum err arguments_check(struct operation *op)
{
    const char *name = NULL;
    json_t *value = NULL;
    bool body = json_object_get(op->self, "requestBody") != NULL;
    json_object_foreach(json_mutable(op->arguments), name, value)
    {
        bool taken = is_listed(op, json_array_of(op->self, "parameters"), name) ||
                     is_listed(op, json_array_of(op->item, "parameters"), name) ||
                     (body && strcmp(name, "body") == 0);
        if (!taken) {
            return wrong(op, "/parameters", "the operation takes no argument '%.100s'", name);
        }
    }
    return ERR_OK;
}

static enum err request_fill(struct operation *op)
{
    char method[16];
    TRY(operation_find(op));
    size_t size = strlen(op->method);
    for (size_t i = 0; i <= size; i++) {
        method[i] = (char)toupper((unsigned char)op->method[i]);
    }
    (void)json_object_set_new(op->request, "method", json_string(method));
    TRY(endpoint_put(op));
    TRY(arguments_check(op));
    (void)place_of(op, "variables"); /* a path parameter without value is left out, not sent */
    TRY(parameters_put(op));
    return body_put(op);
}

enum err openapi_request(const json_t *document, const char *url, const char *operation,
                         const json_t *arguments, json_t **ret_request, const char **ret_pointer,
                         struct error *err)
{
    struct operation op = {.document = document,
                           .url = url,
                           .id = operation,
                           .arguments = arguments,
                           .request = json_object(),
                           .pointer = ret_pointer,
                           .err = err};
    *ret_request = NULL;
    *ret_pointer = "";
    enum err code = op.request == NULL ? error_set(err, ERR_NOMEM, "no memory for a request")
                                       : request_fill(&op);
    if (code != ERR_OK) {
        json_decref(op.request);
        return code;
    }
    *ret_request = op.request;
    return ERR_OK;
}
