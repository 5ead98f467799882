/* mainstay emit. */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/wire/subjects.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/media.h"
#include "tools/mainstay/nouns.h"
#include "tools/mainstay/output.h"

enum { ENCODED_BYTES = 2 * LIMIT_EVENT_BYTES };

/* Put JSON data as a value and everything else as base64, so that its bytes arrive as they are. */
static enum err data_put(json_t *body, const char *type, const struct buf *data, struct error *err)
{
    (void)json_object_set_new(body, "content_type", json_string(type));
    if (json_media_type(type)) {
        json_t *value = NULL;
        enum err code =
            json_parse(data->data != NULL ? data->data : "", data->size, NULL, &value, err);
        if (code != ERR_OK) {
            error_wrap(err, "the data is not JSON");
            return code;
        }
        (void)json_object_set_new(body, "data", value);
        return ERR_OK;
    }
    struct buf text = BUF_INIT(ENCODED_BYTES);
    base64_encode(data->data, data->size, &text);
    json_t *encoded =
        text.failed ? NULL : json_stringn(text.data != NULL ? text.data : "", text.size);
    buf_release(&text);
    if (encoded == NULL || json_object_set_new(body, "data_base64", encoded) != 0) {
        return error_set(err, ERR_NOMEM, "out of memory");
    }
    return ERR_OK;
}

static enum err data_take(const struct cli *cli, json_t *body, const char *operand,
                          struct error *err)
{
    struct buf data = BUF_INIT(LIMIT_EVENT_BYTES);
    bool file = operand[0] == '@';
    enum err code = ERR_OK;
    if (file) {
        code = file_read(operand + 1, &data, err);
    } else {
        buf_append_str(&data, operand);
        code = data.failed ? error_set(err, ERR_LIMIT, "the data is larger than %d bytes",
                                       LIMIT_EVENT_BYTES)
                           : ERR_OK;
    }
    if (code == ERR_OK) {
        const char *type = cli_option(cli, OPTION_CONTENT_TYPE);
        if (type == NULL) {
            type = media_guess(data.data != NULL ? data.data : "", data.size,
                               file ? operand + 1 : NULL);
        }
        code = type != NULL ? data_put(body, type, &data, err)
                            : error_set(err, ERR_INVALID,
                                        "cannot tell what the data is: name it with "
                                        "--content-type, for example text/csv");
    }
    buf_release(&data);
    return code;
}

static void outcome_print(const struct cli *cli, const json_t *reply)
{
    if (cli->format != OUTPUT_TEXT) {
        output_json(cli, stdout, reply);
        return;
    }
    struct buf line = BUF_INIT(LIMIT_EVENT_BYTES);
    const char *outcome = json_text_of(reply, "outcome");
    const char *id = json_text_of(reply, "id");
    const json_t *instances = json_array_of(reply, "instances");
    buf_printf(&line, "%s: event %s", outcome != NULL ? outcome : "accepted", id != NULL ? id : "");
    if (json_array_size(instances) > 0) {
        buf_append_str(&line, ", instance ");
        value_write(instances, &line);
    } else if (text_equal(outcome, "buffered")) {
        buf_append_str(&line, " waits for a definition or an instance that wants it, or for "
                              "the other events of a start");
    }
    buf_append_byte(&line, '\n');
    output_safe(stdout, line.failed ? "" : line.data);
    buf_release(&line);
}

enum exit_code emit_run(struct cli *cli)
{
    struct error err = {0};
    json_t *reply = NULL;
    const char *type = cli->args->operands[0];
    if (!subject_type_valid(type)) {
        return cli_usage("an event type is words of A-Z a-z 0-9 _ - with dots between, such as "
                         "invoice.received",
                         NULL);
    }
    json_t *body = json_pack("{s:s}", "type", type);
    cli_member(cli, body, "id", OPTION_ID);
    cli_member(cli, body, "source", OPTION_SOURCE);
    cli_member(cli, body, "subject", OPTION_SUBJECT);
    if (cli->args->operand_count > 1 &&
        data_take(cli, body, cli->args->operands[1], &err) != ERR_OK) {
        json_decref(body);
        return cli_fail(&err, NULL);
    }
    enum err code = cli_order(cli, "emit", body, &reply, &err);
    if (code == ERR_OK) {
        outcome_print(cli, reply);
    }
    json_decref(reply);
    return code == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
}
