/* From an answer to the output of a call. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agents/connector/connector.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

enum { TYPE_BYTES = 256 };

/* ---- content ---- */

/* Whether the media type, without its parameters, is JSON (RFC 6839 for +json). */
static bool is_json(const char *type)
{
    size_t size = strcspn(type, "; \t");
    return (size == 16 && strncasecmp(type, "application/json", size) == 0) ||
           (size == 9 && strncasecmp(type, "text/json", size) == 0) ||
           (size > 5 && strncasecmp(type + size - 5, "+json", 5) == 0);
}

static json_t *base64_text(const struct buf *body, struct error *err)
{
    struct buf text = BUF_INIT(2 * body->max + 16);
    base64_encode(body->data, body->size, &text);
    json_t *value = text.failed ? NULL : json_string(text.data == NULL ? "" : text.data);
    buf_release(&text);
    if (value == NULL) {
        (void)error_set(err, ERR_NOMEM, "no memory for an answer");
    }
    return value;
}

json_t *answer_content(const struct http_answer *answer, struct error *err)
{
    char type[TYPE_BYTES];
    const struct buf *body = &answer->body;
    if (body->size == 0) {
        return json_null();
    }
    bool typed = http_answer_header(answer, "Content-Type", type, sizeof(type));
    if (typed && is_json(type)) {
        const struct json_limits limits = {.size_max = body->max};
        json_t *value = NULL;
        if (json_parse(body->data, body->size, &limits, &value, err) != ERR_OK) {
            error_wrap(err, "it says it is JSON and is not");
        }
        return value;
    }
    bool text = utf8_valid(body->data, body->size) && memchr(body->data, '\0', body->size) == NULL;
    return text ? json_stringn(body->data, body->size) : base64_text(body, err);
}

/* ---- headers ---- */

static void header_put(json_t *headers, const char *name, size_t name_size, const char *value,
                       size_t value_size)
{
    const char *before = json_string_value(json_object_getn(headers, name, name_size));
    struct buf joined = BUF_INIT((size_t)2 * HTTP_ANSWER_HEADER_BYTES);
    if (before != NULL) {
        buf_printf(&joined, "%s, ", before);
    }
    buf_append(&joined, value, value_size);
    if (!joined.failed && utf8_valid(joined.data, joined.size)) {
        (void)json_object_setn_new(headers, name, name_size,
                                   json_stringn(joined.data, joined.size));
    }
    buf_release(&joined);
}

/* Names as the other side writes them; what comes several times is joined by commas (RFC 9110,
 * 5.3). A value that is no UTF-8 is left out. */
static json_t *headers_of(const struct buf *lines)
{
    json_t *headers = json_object();
    const char *line = lines->data;
    while (line != NULL && *line != '\0') {
        const char *end = strstr(line, "\r\n");
        size_t size = end == NULL ? strlen(line) : (size_t)(end - line);
        const char *colon = memchr(line, ':', size);
        if (colon != NULL && colon != line && utf8_valid(line, (size_t)(colon - line))) {
            const char *value = colon + 1;
            while (value < line + size && (*value == ' ' || *value == '\t')) {
                value++;
            }
            header_put(headers, line, (size_t)(colon - line), value, (size_t)(line + size - value));
        }
        line = end == NULL ? NULL : end + 2;
    }
    return headers;
}

/* ---- output ---- */

/* The request as the definition describes it, without credentials and the values of secrets. */
static json_t *request_of(const struct call *call)
{
    json_t *headers = json_object();
    const json_t *given = json_object_of(call->shown_input, "headers");
    if (given != NULL) {
        (void)json_object_update(headers, json_mutable(given));
    }
    return json_pack("{s:s, s:s, s:o}", "method", call->request.method, "uri", call->shown.data,
                     "headers", headers);
}

void answer_shape(struct call *call)
{
    const struct http_answer *answer = &call->answer;
    const char *output = json_text_of(call->input, "output");
    bool redirect = json_bool_of(call->input, "redirect", false);
    struct error err = {0};
    if (answer->status < 200 || answer->status >= (redirect ? 400U : 300U)) {
        fail_status(call);
        return;
    }
    bool raw = text_equal(output, "raw");
    json_t *content = raw ? base64_text(&answer->body, &err) : answer_content(answer, &err);
    if (content == NULL) {
        fail_unreadable(call, &err);
        return;
    }
    if (text_equal(output, "response")) {
        content = json_pack("{s:o, s:i, s:o, s:o}", "request", request_of(call), "statusCode",
                            (int)answer->status, "headers", headers_of(&answer->headers), "content",
                            content);
    }
    call->reply->output = content;
    call->reply->decision.rule = "http@1.0.0";
    call->reply->decision.explanation =
        json_pack("{s:s, s:s, s:i, s:I}", "method", call->request.method, "uri", call->shown.data,
                  "status", (int)answer->status, "bytes", (json_int_t)answer->body.size);
}
