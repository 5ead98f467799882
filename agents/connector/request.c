/* From a call's input to the request that goes out. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agents/connector/connector.h"
#include "common/crypto/crypto.h"

/* Headers that belong to the connection, or would say something else than the URL does. */
static const char *const own_headers[] = {
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
    "TE",   "Trailer",        "Upgrade",           "Expect",     NULL};

void request_release(struct request *request)
{
    buf_release(&request->url);
    buf_release(&request->header_text);
    buf_release(&request->body);
}

bool request_scalar(const json_t *value, struct buf *out)
{
    if (json_is_string(value)) {
        buf_append_str(out, json_string_value(value));
        return strlen(json_string_value(value)) == json_string_length(value);
    }
    if (json_is_number(value) || json_is_boolean(value)) {
        json_write(value, out);
        return true;
    }
    return false;
}

void request_escape(struct buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (isalnum((unsigned char)*c) || strchr("-._~", *c) != NULL) {
            buf_append_byte(out, (uint8_t)*c);
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
        }
    }
}

/* ---- URL ---- */

static bool escape_scalar(struct buf *out, const json_t *value)
{
    struct buf text = BUF_INIT(CONNECTOR_URL_BYTES);
    bool good = request_scalar(value, &text) && !text.failed;
    if (good) {
        request_escape(out, text.data == NULL ? "" : text.data);
    }
    buf_release(&text);
    return good;
}

/* RFC 6570 level 1: {name} gives the value percent-encoded, nothing when it has none. */
static bool url_expand(struct call *call, const json_t *input, struct buf *out)
{
    const json_t *variables = json_object_get(input, "variables");
    const char *at = json_text_of(input, "endpoint");
    if (variables == NULL) {
        buf_append_str(out, at);
        return true;
    }
    while (*at != '\0') {
        size_t plain = strcspn(at, "{");
        buf_append(out, at, plain);
        at += plain;
        const char *end = strchr(at, '}');
        if (*at == '{' && end != NULL) {
            const json_t *value = json_object_getn(variables, at + 1, (size_t)(end - at) - 1);
            if (value != NULL && !json_is_null(value) && !escape_scalar(out, value)) {
                fail_input(call, "/variables", "'%.*s' of the URI template is no plain value",
                           (int)(end - at) - 1, at + 1);
                return false;
            }
            at = end + 1;
        } else if (*at == '{') {
            buf_append_byte(out, '{');
            at++;
        }
    }
    return true;
}

static bool query_pair(struct buf *out, const char *name, const json_t *value)
{
    buf_append_byte(out, '&');
    request_escape(out, name);
    buf_append_byte(out, '=');
    return escape_scalar(out, value);
}

/* An array repeats its name, null leaves it out. */
static bool query_values(struct buf *out, const char *name, const json_t *value)
{
    bool good = true;
    size_t index = 0;
    json_t *item = NULL;
    if (json_is_null(value)) {
        return true;
    }
    if (!json_is_array(value)) {
        return query_pair(out, name, value);
    }
    json_array_foreach(json_mutable(value), index, item)
    {
        good = good && query_pair(out, name, item);
    }
    return good;
}

/* "&a=1&b=2" */
static bool query_build(struct call *call, const json_t *query, struct buf *out)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(query), name, value)
    {
        if (!query_values(out, name, value)) {
            fail_input(call, "/query", "the query parameter '%.100s' is no plain value", name);
            return false;
        }
    }
    return true;
}

bool request_url(struct call *call, const json_t *input, struct buf *url)
{
    struct buf base = BUF_INIT(CONNECTOR_URL_BYTES);
    struct buf query = BUF_INIT(CONNECTOR_URL_BYTES);
    bool good =
        url_expand(call, input, &base) && query_build(call, json_object_of(input, "query"), &query);
    if (good && base.data != NULL) {
        size_t path = strcspn(base.data, "#"); /* a fragment is never sent */
        buf_append(url, base.data, path);
        if (query.size > 0) {
            buf_append_byte(url, memchr(base.data, '?', path) == NULL ? '?' : '&');
            buf_append_str(url, query.data + 1);
        }
    }
    if (good && (base.failed || query.failed || url->failed || url->size == 0)) {
        fail_input(call, "/endpoint", "the URI is empty or longer than %d bytes",
                   CONNECTOR_URL_BYTES);
        good = false;
    }
    buf_release(&base);
    buf_release(&query);
    return good;
}

/* ---- headers ---- */

static bool is_token(const char *name)
{
    size_t size = strlen(name);
    bool good = size > 0 && size <= 200;
    for (size_t i = 0; good && i < size; i++) {
        good = isalnum((unsigned char)name[i]) || strchr("!#$%&'*+-.^_`|~", name[i]) != NULL;
    }
    return good;
}

static bool is_own(const char *name)
{
    for (size_t i = 0; own_headers[i] != NULL; i++) {
        if (strcasecmp(own_headers[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* The lines are found when the text has stopped growing, at the end of request_build. */
bool request_header(struct request *request, const char *name, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f) {
            return false;
        }
    }
    if (request->header_count == CONNECTOR_HEADERS_MAX || !is_token(name)) {
        return false;
    }
    buf_printf(&request->header_text, "%s: %s", name, value);
    buf_append_byte(&request->header_text, '\0');
    request->header_count++;
    return !request->header_text.failed;
}

static bool headers_build(struct call *call, const json_t *headers, struct request *request)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(headers), name, value)
    {
        struct buf text = BUF_INIT(CONNECTOR_HEADER_BYTES);
        if (json_is_null(value)) {
            continue;
        }
        bool good = !is_own(name) && request_scalar(value, &text) && !text.failed &&
                    (text.size == 0 || request_header(request, name, text.data));
        buf_release(&text);
        if (!good) {
            fail_input(call, "/headers",
                       is_own(name) ? "the header '%.100s' is the connection's own"
                                    : "'%.100s' is no header that can be sent: a name, and one "
                                      "line of text",
                       name);
            return false;
        }
    }
    return true;
}

/* The value of a header of the input, or NULL. */
static const char *header_of(const json_t *input, const char *wanted)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_of(input, "headers"), name, value)
    {
        if (strcasecmp(name, wanted) == 0 && json_is_string(value)) {
            return json_string_value(value);
        }
    }
    return NULL;
}

bool request_basic(const struct call *call, struct request *request, const char *pair)
{
    struct buf value = BUF_INIT(CONNECTOR_HEADER_BYTES);
    buf_append_str(&value, "Basic ");
    base64_encode(pair, strlen(pair), &value);
    bool good = !value.failed && request_header(request, "Authorization", value.data);
    if (good) {
        agent_hide(call->task, "credentials", value.data + strlen("Basic "));
    }
    buf_release(&value);
    return good;
}

static bool basic_build(const struct call *call, const json_t *login, struct request *request)
{
    const char *user = json_text_of(login, "username");
    const char *password = json_text_of(login, "password");
    struct buf pair = BUF_INIT(CONNECTOR_HEADER_BYTES);
    bool good = user != NULL && password != NULL && strchr(user, ':') == NULL;
    if (good) {
        buf_printf(&pair, "%s:%s", user, password);
        good = !pair.failed && request_basic(call, request, pair.data);
    }
    buf_release(&pair);
    return good;
}

static bool bearer_build(const char *token, struct request *request)
{
    struct buf value = BUF_INIT(CONNECTOR_HEADER_BYTES);
    buf_printf(&value, "Bearer %s", token == NULL ? "" : token);
    bool good = token != NULL && token[0] != '\0' && !value.failed &&
                request_header(request, "Authorization", value.data);
    buf_release(&value);
    return good;
}

static bool authentication_build(struct call *call, const json_t *policy, struct request *request)
{
    const json_t *basic = json_object_get(policy, "basic");
    const json_t *digest = json_object_get(policy, "digest");
    const json_t *bearer = json_object_get(policy, "bearer");
    bool good = true;
    if (basic != NULL) {
        good = basic_build(call, basic, request);
    } else if (digest != NULL) {
        request->digest_user = json_text_of(digest, "username");
        request->digest_password = json_text_of(digest, "password");
        good = request->digest_user != NULL && request->digest_password != NULL;
    } else if (bearer != NULL) {
        good = bearer_build(json_text_of(bearer, "token"), request);
    } else if (policy != NULL) {
        good = bearer_build(call->token, request);
    }
    if (!good) {
        fail_input(call, "/authentication",
                   "the policy lacks its texts (username and password, or token), or they cannot "
                   "be sent in a header");
    }
    return good;
}

/* ---- body ---- */

bool request_form(const json_t *fields, struct buf *out)
{
    struct buf text = BUF_INIT(CONNECTOR_BODY_BYTES);
    const char *name = NULL;
    json_t *value = NULL;
    bool good = true;
    json_object_foreach(json_mutable(fields), name, value)
    {
        good = good && query_values(&text, name, value);
    }
    if (good && text.size > 0) {
        buf_append_str(out, text.data + 1);
    }
    good = good && !text.failed;
    buf_release(&text);
    return good;
}

static bool body_build(struct call *call, const json_t *input, struct request *request)
{
    const json_t *body = json_object_get(input, "body");
    const char *type = header_of(input, "Content-Type");
    const char *natural = "application/json";
    bool good = true;
    if (body == NULL || json_is_null(body)) {
        return true;
    }
    request->has_body = true;
    if (json_is_string(body)) {
        natural = "text/plain; charset=utf-8";
        buf_append(&request->body, json_string_value(body), json_string_length(body));
    } else if (type != NULL && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0) {
        good = json_is_object(body) && request_form(body, &request->body);
    } else {
        json_write(body, &request->body);
    }
    buf_append(&request->body, "", 0);
    if (type == NULL) {
        good = good && request_header(request, "Content-Type", natural);
    }
    if (!good || request->body.failed) {
        fail_input(call, "/body",
                   request->body.failed ? "the body is larger than %d bytes"
                                        : "a form is an object of plain values (at most %d bytes)",
                   CONNECTOR_BODY_BYTES);
        return false;
    }
    return true;
}

void request_finish(struct request *request)
{
    const char *line = request->header_text.data;
    for (size_t i = 0; i < request->header_count; i++) {
        request->headers[i] = line;
        line += strlen(line) + 1;
    }
}

bool request_build(struct call *call, const json_t *input, struct request *ret_request)
{
    *ret_request = (struct request){
        .method = json_text_of(input, "method"),
        .url = BUF_INIT(CONNECTOR_URL_BYTES),
        .header_text = BUF_INIT(CONNECTOR_HEADER_BYTES),
        .body = BUF_INIT(CONNECTOR_BODY_BYTES),
    };
    if (!request_url(call, input, &ret_request->url) ||
        !headers_build(call, json_object_of(input, "headers"), ret_request) ||
        !authentication_build(call, json_object_of(input, "authentication"), ret_request) ||
        !body_build(call, input, ret_request)) {
        return false;
    }
    request_finish(ret_request);
    return true;
}
