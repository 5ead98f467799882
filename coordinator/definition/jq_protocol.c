#include "coordinator/definition/jq_protocol.h"

#include "common/base/buf.h"
#include "common/base/str.h"
#include "coordinator/definition/expr.h"

void jq_request_write(int64_t id, const struct expr *expr, const json_t *vars, const json_t *input,
                      struct buf *out)
{
    json_t *request = json_pack("{s:I, s:s, s:O, s:O}", "id", (json_int_t)id, "expr",
                                expr_jq_text(expr), "vars", vars, "input", input);
    if (request == NULL) {
        out->failed = true;
        return;
    }
    json_write(request, out);
    buf_append_byte(out, '\n');
    json_decref(request);
}

enum err jq_reply_parse(const char *line, size_t size, struct jq_reply *ret_reply,
                        struct error *err)
{
    static const struct json_limits limits = {.size_max = JQ_LINE_BYTES};
    *ret_reply = (struct jq_reply){0};
    json_t *reply = NULL;
    TRY(json_parse(line, size, &limits, &reply, err));
    const json_t *id = json_object_get(reply, "id");
    json_t *value = json_object_get(reply, "value");
    const char *error = json_text_of(reply, "error");
    enum err code = ERR_OK;
    if (!json_is_integer(id) || (value == NULL) == (error == NULL) ||
        json_object_size(reply) != 2) {
        code = error_set(err, ERR_INVALID, "mainstay-jq answered with something else: '%.120s'",
                         size > 0 ? line : "");
    } else {
        ret_reply->id = json_integer_value(id);
        ret_reply->value = json_incref(value);
        (void)text_copy(ret_reply->error, sizeof(ret_reply->error), error == NULL ? "" : error);
    }
    json_decref(reply);
    return code;
}
