#include "tools/mainstay/control.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "common/bus/bus.h"
#include "common/crypto/crypto.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "proto/control.pb-c.h"
#include "tools/mainstay/context.h"

enum {
    CONTROL_VERSION = 1,
    CONTROL_BYTES = 2 * LIMIT_EVENT_BYTES, /* what the bus takes in one message */
    CONTROL_ARENA_BYTES = 8 * LIMIT_EVENT_BYTES,
    REQUEST_ID_BYTES = 16,
};

struct control {
    struct bus *bus;
    struct arena *arena;
    char person[256];
};

/* Who asks, for the journal: the name of the user that runs this. */
static void person_find(char *out, size_t size)
{
    const struct passwd *user = getpwuid(getuid());
    if (user == NULL || !utf8_valid(user->pw_name, strlen(user->pw_name))) {
        (void)text_copy(out, size, "unknown");
    } else {
        (void)text_copy(out, size, user->pw_name);
    }
}

enum err control_open(const struct context *context, struct control **ret_control,
                      struct error *err)
{
    *ret_control = NULL;
    TRY(crypto_init(err));
    struct control *control = calloc(1, sizeof(*control));
    if (control == NULL) {
        return error_set(err, ERR_NOMEM, "out of memory");
    }
    control->arena = arena_create(CONTROL_ARENA_BYTES);
    person_find(control->person, sizeof(control->person));
    struct bus_options options = {.url = context->bus,
                                  .creds_file = context->creds[0] != '\0' ? context->creds : NULL,
                                  .ca_file = context->ca[0] != '\0' ? context->ca : NULL,
                                  .name = "cli"};
    enum err code = control->arena == NULL ? error_set(err, ERR_NOMEM, "out of memory")
                                           : bus_connect(&options, &control->bus, err);
    if (code != ERR_OK) {
        control_close(&control);
    }
    *ret_control = control;
    return code;
}

void control_close(struct control **control)
{
    if (*control == NULL) {
        return;
    }
    bus_close(&(*control)->bus);
    arena_destroy(&(*control)->arena);
    free(*control);
    *control = NULL;
}

/* Pack a question into `out`. */
static enum err question_pack(struct control *control, const struct control_question *question,
                              struct buf *out, struct error *err)
{
    struct buf body = BUF_INIT(CONTROL_BYTES);
    char id[2 * REQUEST_ID_BYTES + 1] = "";
    if (question->order) {
        unsigned char random[REQUEST_ID_BYTES];
        crypto_random(random, sizeof(random));
        hex_encode(random, sizeof(random), id);
    }
    if (question->body != NULL) {
        json_write(question->body, &body);
    } else {
        buf_append_str(&body, "{}");
    }
    Mainstay__ControlRequest request = MAINSTAY__CONTROL_REQUEST__INIT;
    request.version = CONTROL_VERSION;
    request.request_id = id;
    request.person = control->person;
    request.body.data = (uint8_t *)body.data;
    request.body.len = body.size;
    enum err code = body.failed ? error_set(err, ERR_LIMIT, "the request is larger than %d bytes",
                                            CONTROL_BYTES)
                                : proto_pack(&request.base, out, err);
    buf_release(&body);
    return code;
}

static enum err reply_body(const Mainstay__ControlReply *reply, json_t **ret_reply,
                           struct error *err)
{
    static const struct json_limits limits = {
        .size_max = CONTROL_BYTES, .depth_max = JSON_DEPTH_MAX, .any_number = true};
    if (reply->body.len == 0) {
        return ERR_OK;
    }
    enum err code =
        json_parse((const char *)reply->body.data, reply->body.len, &limits, ret_reply, err);
    if (code != ERR_OK) {
        error_wrap(err, "cannot read the coordinator's reply");
    }
    return code;
}

static enum err reply_read(struct control *control, const struct buf *bytes, json_t **ret_reply,
                           struct error *err)
{
    static const struct proto_limits limits = {
        .bytes = CONTROL_BYTES, .depth = 1, .messages = 1, .fields = 64};
    ProtobufCMessage *message = NULL;
    struct str text = {.data = bytes->data, .size = bytes->size};
    enum err code = proto_unpack(&mainstay__control_reply__descriptor, text, &limits,
                                 control->arena, &message, err);
    if (code != ERR_OK) {
        error_wrap(err, "cannot read the coordinator's reply");
        return code;
    }
    const Mainstay__ControlReply *reply = (const Mainstay__ControlReply *)message;
    if (reply->version != CONTROL_VERSION) {
        return error_set(err, ERR_UNSUPPORTED,
                         "the coordinator answers in version %u, this program knows %d: update it",
                         (unsigned)reply->version, CONTROL_VERSION);
    }
    TRY(reply_body(reply, ret_reply, err));
    if (reply->code != 0) {
        const char *words = reply->error != NULL && reply->error[0] != '\0'
                                ? reply->error
                                : error_text((enum err)reply->code);
        return error_set(err, (enum err)reply->code, "%s", words);
    }
    if (*ret_reply == NULL) {
        *ret_reply = json_object();
    }
    return ERR_OK;
}

enum err control_ask(struct control *control, const struct control_question *question,
                     json_t **ret_reply, struct error *err)
{
    char subject[SUBJECT_BYTES];
    struct buf request = BUF_INIT(CONTROL_BYTES);
    struct buf reply = BUF_INIT(CONTROL_BYTES);
    *ret_reply = NULL;
    CHECK(subject_control(question->verb, subject));
    enum err code = question_pack(control, question, &request, err);
    if (code == ERR_OK) {
        struct bus_publication publication = {
            .subject = subject, .body = request.data, .size = request.size};
        code = bus_request(control->bus, &publication, question->timeout_ms, &reply, err);
        if (code == ERR_TIMEOUT || code == ERR_UNAVAILABLE) {
            code = error_set(err, ERR_UNAVAILABLE, "the coordinator does not answer");
        }
    }
    if (code == ERR_OK) {
        code = reply_read(control, &reply, ret_reply, err);
    }
    arena_reset(control->arena);
    json_decref(question->body);
    buf_release(&request);
    buf_release(&reply);
    return code;
}
