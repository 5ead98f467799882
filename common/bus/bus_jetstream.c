/*
 * JetStream management as our own JSON: independent of the age of the client library, and an update
 * never drops members of a newer server's configuration that we do not know.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/bus/bus_private.h"
#include "common/json/json.h"

enum {
    API_REPLY_BYTES = 1024 * 1024,
    BUS_API_BYTES = 2 * BUS_NAME_MAX + 64, /* an operation and its names */
};

static const struct json_limits api_limits = {.size_max = API_REPLY_BYTES, .any_number = true};

static enum err api_error(const char *operation, const json_t *answer, struct error *err)
{
    const json_t *error = json_object_of(answer, "error");
    if (error == NULL) {
        return ERR_OK;
    }
    int64_t code = json_int_of(error, "code", 0);
    int64_t detail = json_int_of(error, "err_code", 0);
    const char *words = json_text_of(error, "description");
    enum err mapped = ERR_IO;
    if (code == 404) {
        mapped = ERR_NOT_FOUND;
    } else if (code == 503 || detail == 10023 || detail == 10047 || detail == 10077) {
        mapped = ERR_UNAVAILABLE;
    } else if (code == 400) {
        mapped = ERR_INVALID;
    }
    return error_set(err, mapped, "the bus refused %s: %s (err_code %" PRId64 ")", operation,
                     words != NULL ? words : "no reason given", detail);
}

/* One request; *ret_answer (may be NULL) is a new reference on ERR_OK. */
static enum err api_call(struct bus *bus, const char *operation, const char *request,
                         struct buf *reply, json_t **ret_answer, struct error *err)
{
    char subject[BUS_SUBJECT_BYTES];
    json_t *answer = NULL;
    int length = snprintf(subject, sizeof(subject), "$JS.API.%s", operation);
    if (length < 0 || (size_t)length >= sizeof(subject)) {
        return error_set(err, ERR_INVALID, "name of a JetStream operation is too long");
    }
    const struct bus_publication publication = {
        .subject = subject,
        .body = request != NULL ? request : "",
        .size = request != NULL ? strlen(request) : 0,
    };
    TRY(bus_request(bus, &publication, BUS_API_TIMEOUT_MS, reply, err));
    enum err code =
        json_parse(reply->data != NULL ? reply->data : "", reply->size, &api_limits, &answer, err);
    if (code != ERR_OK) {
        error_wrap(err, "answer of %s", operation);
        return code;
    }
    code = api_error(operation, answer, err);
    if (code == ERR_OK && ret_answer != NULL) {
        *ret_answer = answer;
    } else {
        json_decref(answer);
    }
    return code;
}

enum err bus_js_api(struct bus *bus, const char *operation, const char *request,
                    struct buf *ret_reply, struct error *err)
{
    return api_call(bus, operation, request, ret_reply, NULL, err);
}

/* The same with an answer that is wanted as a tree only. */
static enum err api_ask(struct bus *bus, const char *operation, const char *request,
                        json_t **ret_answer, struct error *err)
{
    struct buf reply = BUF_INIT(API_REPLY_BYTES);
    enum err code = api_call(bus, operation, request, &reply, ret_answer, err);
    buf_release(&reply);
    return code;
}

/* ---- ensure ---- */

/* What is created or updated: the operations, and how the request wraps the configuration. */
struct target {
    const char *info;
    const char *create;
    const char *update;
    const char *stream_name; /* wrap as {"stream_name":..., "config":{...}}; NULL: bare */
};

static enum err config_send(struct bus *bus, const struct target *target, const char *operation,
                            json_t *config, struct error *err)
{
    struct buf text = BUF_INIT(API_REPLY_BYTES);
    json_t *answer = NULL;
    json_t *request = json_incref(config);
    if (target->stream_name != NULL) {
        json_decref(request);
        request = json_pack("{s:s,s:O}", "stream_name", target->stream_name, "config", config);
    }
    json_write(request, &text);
    enum err code = text.failed ? error_set(err, ERR_NOMEM, "%s: out of memory", operation)
                                : api_ask(bus, operation, text.data, &answer, err);
    json_decref(answer);
    json_decref(request);
    buf_release(&text);
    return code;
}

/* Whether every member of `wanted` has the same value in `present`. */
static bool config_fits(json_t *wanted, json_t *present)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(wanted, key, value)
    {
        const json_t *have = json_object_get(present, key);
        if (have == NULL || !json_same(value, have)) {
            return false;
        }
    }
    return true;
}

static enum err config_ensure(struct bus *bus, const struct target *target, json_t *wanted,
                              bool *ret_created, struct error *err)
{
    json_t *info = NULL;
    *ret_created = false;
    enum err code = api_ask(bus, target->info, NULL, &info, err);
    if (code == ERR_NOT_FOUND) {
        *ret_created = true;
        return config_send(bus, target, target->create, wanted, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_t *present = json_object_of(info, "config");
    if (present == NULL) {
        code = error_set(err, ERR_IO, "answer of %s has no configuration", target->info);
    } else if (!config_fits(wanted, present)) {
        (void)json_object_update(present, wanted);
        code = config_send(bus, target, target->update, present, err);
    }
    json_decref(info);
    return code;
}

static enum err config_parse(const char *text, const char *name_key, const char *name,
                             json_t **ret_config, struct error *err)
{
    json_t *config = NULL;
    TRY(json_parse(text, strlen(text), NULL, &config, err));
    if (!json_is_object(config) || json_object_set_new(config, name_key, json_string(name)) != 0) {
        json_decref(config);
        return error_set(err, ERR_INVALID, "configuration of '%s' is not a JSON object", name);
    }
    *ret_config = config;
    return ERR_OK;
}

static enum err names_check(const char *stream, const char *consumer, struct error *err)
{
    if (!bus_name_is_valid(stream) || !bus_name_is_valid(consumer)) {
        return error_set(err, ERR_INVALID,
                         "the name of a stream or consumer is 1 to %d of letters, digits, '_', '-'",
                         BUS_NAME_MAX);
    }
    return ERR_OK;
}

enum err bus_stream_ensure(struct bus *bus, const char *stream, const char *config,
                           bool *ret_created, struct error *err)
{
    bool created = false;
    json_t *wanted = NULL;
    char info[BUS_API_BYTES];
    char create[BUS_API_BYTES];
    char update[BUS_API_BYTES];
    TRY(names_check(stream, stream, err));
    TRY(config_parse(config, "name", stream, &wanted, err));
    (void)snprintf(info, sizeof(info), "STREAM.INFO.%s", stream);
    (void)snprintf(create, sizeof(create), "STREAM.CREATE.%s", stream);
    (void)snprintf(update, sizeof(update), "STREAM.UPDATE.%s", stream);
    const struct target target = {.info = info, .create = create, .update = update};
    enum err code = config_ensure(bus, &target, wanted, &created, err);
    json_decref(wanted);
    if (ret_created != NULL) {
        *ret_created = created;
    }
    return code;
}

enum err bus_consumer_ensure(struct bus *bus, const char *stream, const char *consumer,
                             const char *config, bool *ret_created, struct error *err)
{
    bool created = false;
    json_t *wanted = NULL;
    char info[BUS_API_BYTES];
    char create[BUS_API_BYTES];
    TRY(names_check(stream, consumer, err));
    TRY(config_parse(config, "durable_name", consumer, &wanted, err));
    (void)snprintf(info, sizeof(info), "CONSUMER.INFO.%s.%s", stream, consumer);
    (void)snprintf(create, sizeof(create), "CONSUMER.DURABLE.CREATE.%s.%s", stream, consumer);
    const struct target target = {
        .info = info, .create = create, .update = create, .stream_name = stream};
    enum err code = config_ensure(bus, &target, wanted, &created, err);
    json_decref(wanted);
    if (ret_created != NULL) {
        *ret_created = created;
    }
    return code;
}

/* ---- the rest ---- */

enum err bus_consumer_delete(struct bus *bus, const char *stream, const char *consumer,
                             struct error *err)
{
    char operation[BUS_API_BYTES];
    json_t *answer = NULL;
    TRY(names_check(stream, consumer, err));
    (void)snprintf(operation, sizeof(operation), "CONSUMER.DELETE.%s.%s", stream, consumer);
    TRY(api_ask(bus, operation, NULL, &answer, err));
    json_decref(answer);
    return ERR_OK;
}

enum err bus_stream_delete(struct bus *bus, const char *stream, struct error *err)
{
    char operation[BUS_API_BYTES];
    json_t *answer = NULL;
    TRY(names_check(stream, stream, err));
    (void)snprintf(operation, sizeof(operation), "STREAM.DELETE.%s", stream);
    TRY(api_ask(bus, operation, NULL, &answer, err));
    json_decref(answer);
    return ERR_OK;
}

enum err bus_stream_purge(struct bus *bus, const char *stream, uint64_t sequence, struct error *err)
{
    char operation[BUS_API_BYTES];
    char request[64];
    json_t *answer = NULL;
    TRY(names_check(stream, stream, err));
    (void)snprintf(operation, sizeof(operation), "STREAM.PURGE.%s", stream);
    /* the server keeps the message it is given and everything behind it */
    (void)snprintf(request, sizeof(request), "{\"seq\":%" PRIu64 "}", sequence + 1);
    TRY(api_ask(bus, operation, request, &answer, err));
    json_decref(answer);
    return ERR_OK;
}

static uint64_t number_of(const json_t *object, const char *key)
{
    int64_t value = object != NULL ? json_int_of(object, key, 0) : 0;
    return value > 0 ? (uint64_t)value : 0;
}

enum err bus_stream_state(struct bus *bus, const char *stream, struct bus_stream_state *ret_state,
                          struct error *err)
{
    char operation[BUS_API_BYTES];
    json_t *answer = NULL;
    TRY(names_check(stream, stream, err));
    (void)snprintf(operation, sizeof(operation), "STREAM.INFO.%s", stream);
    TRY(api_ask(bus, operation, NULL, &answer, err));
    const json_t *state = json_object_of(answer, "state");
    *ret_state = (struct bus_stream_state){
        .messages = number_of(state, "messages"),
        .bytes = number_of(state, "bytes"),
        .first_sequence = number_of(state, "first_seq"),
        .last_sequence = number_of(state, "last_seq"),
        .deleted = number_of(state, "num_deleted"),
    };
    json_decref(answer);
    return ERR_OK;
}

enum err bus_consumer_state(struct bus *bus, const char *stream, const char *consumer,
                            struct bus_consumer_state *ret_state, struct error *err)
{
    char operation[BUS_API_BYTES];
    json_t *answer = NULL;
    TRY(names_check(stream, consumer, err));
    (void)snprintf(operation, sizeof(operation), "CONSUMER.INFO.%s.%s", stream, consumer);
    TRY(api_ask(bus, operation, NULL, &answer, err));
    *ret_state = (struct bus_consumer_state){
        .delivered_sequence = number_of(json_object_of(answer, "delivered"), "stream_seq"),
        .ack_floor_sequence = number_of(json_object_of(answer, "ack_floor"), "stream_seq"),
        .num_pending = number_of(answer, "num_pending"),
        .num_ack_pending = number_of(answer, "num_ack_pending"),
    };
    json_decref(answer);
    return ERR_OK;
}
