#include "coordinator/edge/control.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/wire/proto_arena.h"
#include "coordinator/edge/control_private.h"
#include "coordinator/engine/order.h"
#include "proto/control.pb-c.h"

enum {
    REQUEST_VERSION = 1,
    REQUEST_ARENA_BYTES = 64 * 1024 * 1024,
    REQUEST_TEXT_BYTES = 200, /* of request id and person */
};

static const struct proto_limits request_limits = {
    .bytes = CONTROL_REQUEST_BYTES, .depth = 1, .messages = 1, .fields = 64};

struct verb {
    const char *name;
    bool order;
    verb_fn *run;
};

static const struct verb verbs[] = {
    {"status", false, verb_status},
    {"deploy", true, verb_deploy},
    {"definitions.ls", false, verb_definitions_ls},
    {"definitions.describe", false, verb_definitions_describe},
    {"definitions.diff", false, verb_definitions_diff},
    {"definitions.retire", true, verb_definitions_retire},
    {"run", true, verb_run},
    {"wait", false, verb_wait},
    {"emit", true, verb_emit},
    {"instances.ls", false, verb_instances_ls},
    {"instances.describe", false, verb_instances_describe},
    {"instances.cancel", true, verb_cancel},
    {"instances.kill", true, verb_instances_operate},
    {"instances.pause", true, verb_instances_operate},
    {"instances.resume", true, verb_instances_operate},
    {"instances.retry", true, verb_instances_operate},
    {"instances.restart", true, verb_instances_operate},
    {"instances.rewind", true, verb_instances_operate},
    {"instances.fork", true, verb_instances_operate},
    {"agents.lost", true, verb_lost},
    {"instances.migrate", true, verb_instances_migrate},
    {"explain", false, verb_explain},
    {"agents.ls", false, verb_agents_ls},
    {"gates.ls", false, verb_gates_ls},
    {"locks.ls", false, verb_locks_ls},
    {"budgets.ls", false, verb_budgets_ls},
    {"gates.describe", false, verb_gates_describe},
    {"gates.verdict", true, verb_verdict},
    {"journal.tail", false, verb_journal_tail},
    {"journal.verify", false, verb_journal_verify},
    {"deadletters.ls", false, verb_letters_ls},
    {"deadletters.show", false, verb_letters_show},
    {"deadletters.replay", true, verb_letters_replay},
};

bool control_takes(const struct control *control, bool urgent, char why[ADMISSION_REASON_BYTES])
{
    const struct control_options *options = &control->options;
    why[0] = '\0';
    return options->takes == NULL || options->takes(options->user, urgent, why);
}

enum err control_admit(const struct control *control, bool urgent, struct error *err)
{
    char why[ADMISSION_REASON_BYTES];
    if (control_takes(control, urgent, why)) {
        return ERR_OK;
    }
    return error_set(err, ERR_BUSY, "busy, try again later: %s", why);
}

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

bool control_is_order(const char *verb)
{
    const struct verb *found = verb_find(verb);
    return found != NULL && found->order;
}

struct control *control_create(struct turn *turn, const struct control_options *options)
{
    CHECK(options->reply != NULL);
    struct control *control = calloc(1, sizeof(*control));
    CHECK(control != NULL);
    control->turn = turn;
    control->options = *options;
    control->arena = arena_create(REQUEST_ARENA_BYTES);
    control->journal = arena_create(JOURNAL_ARENA_BYTES);
    CHECK(control->arena != NULL);
    CHECK(control->journal != NULL);
    return control;
}

void control_destroy(struct control **control)
{
    if (*control == NULL) {
        return;
    }
    for (size_t i = 0; i < (*control)->pending_count; i++) {
        json_decref((*control)->pending[i].body);
    }
    for (size_t i = 0; i < CONTROL_MEMOS; i++) {
        doc_unref(&(*control)->memos[i].value);
    }
    free((*control)->pending);
    arena_destroy(&(*control)->arena);
    arena_destroy(&(*control)->journal);
    free(*control);
    *control = NULL;
}

int64_t control_now(const struct control *control)
{
    return control->options.now_ms != NULL ? control->options.now_ms(control->options.user)
                                           : clock_wall_ms();
}

/* The clock of waits, which nobody sets: clock_boot_ms. */
static int64_t waiting_now(const struct control *control)
{
    return control->options.now_ms != NULL ? control->options.now_ms(control->options.user)
                                           : clock_boot_ms();
}

size_t control_open_requests(const struct control *control)
{
    return control->pending_count + control->waiter_count;
}

/* ---- replies ---- */

/* False when it does not fit. */
static bool reply_pack(enum err code, const char *words, const json_t *body, struct buf *out)
{
    struct buf text = BUF_INIT(CONTROL_REPLY_BYTES);
    if (body != NULL) {
        json_write(body, &text);
    } else {
        buf_append_str(&text, "{}");
    }
    Mainstay__ControlReply reply = MAINSTAY__CONTROL_REPLY__INIT;
    reply.version = REQUEST_VERSION;
    reply.code = (uint32_t)code;
    reply.error = (char *)(uintptr_t)words;
    reply.body.data = (uint8_t *)text.data;
    reply.body.len = text.size;
    bool fits = !text.failed && proto_pack(&reply.base, out, NULL) == ERR_OK;
    buf_release(&text);
    return fits;
}

void reply_send(struct control *control, uint64_t token, enum err code, const char *words,
                const json_t *body)
{
    struct buf bytes = BUF_INIT(CONTROL_REPLY_BYTES);
    if (!reply_pack(code, words == NULL ? "" : words, body, &bytes)) {
        buf_clear(&bytes);
        CHECK(reply_pack(ERR_LIMIT, "the answer is larger than 900 KB: ask for less at once", NULL,
                         &bytes));
    }
    control->options.reply(control->options.user, token, bytes.data, bytes.size);
    buf_release(&bytes);
}

static void reply_error(struct control *control, uint64_t token, const struct error *err,
                        const json_t *body)
{
    const char *words = err->message[0] != '\0' ? err->message : error_text(err->code);
    reply_send(control, token, err->code, words, body);
}

/* ---- requests ---- */

static enum err request_text(const char *text, const char *what, struct error *err)
{
    if (strlen(text) > REQUEST_TEXT_BYTES) {
        return error_set(err, ERR_LIMIT, "the %s is longer than %d bytes", what,
                         REQUEST_TEXT_BYTES);
    }
    return ERR_OK;
}

static enum err request_unpack(struct request *request, struct str bytes, struct error *err)
{
    ProtobufCMessage *message = NULL;
    enum err code = proto_unpack(&mainstay__control_request__descriptor, bytes, &request_limits,
                                 request->arena, &message, err);
    if (code != ERR_OK) {
        error_wrap(err, "this is no ControlRequest");
        return code;
    }
    const Mainstay__ControlRequest *proto = (const Mainstay__ControlRequest *)message;
    if (proto->version != REQUEST_VERSION) {
        return error_set(err, ERR_UNSUPPORTED,
                         "ControlRequest version %u is not known here; this coordinator reads %d",
                         proto->version, REQUEST_VERSION);
    }
    TRY(request_text(proto->request_id, "request id", err));
    TRY(request_text(proto->person, "person", err));
    request->request_id = proto->request_id;
    request->person = proto->person;
    if (proto->body.len == 0) {
        request->body = json_object();
        CHECK(request->body != NULL);
        return ERR_OK;
    }
    struct json_limits limits = {.size_max = CONTROL_REQUEST_BYTES};
    code =
        json_parse((const char *)proto->body.data, proto->body.len, &limits, &request->body, err);
    if (code != ERR_OK) {
        error_wrap(err, "the body is not JSON");
        return code;
    }
    if (!json_is_object(request->body)) {
        return error_set(err, ERR_INVALID, "the body must be a JSON object");
    }
    return ERR_OK;
}

static enum err request_run(struct request *request, struct str bytes, struct error *err)
{
    const struct verb *verb = verb_find(request->verb);
    if (verb == NULL) {
        return error_set(err, ERR_UNSUPPORTED,
                         "there is no 'control.%.64s'; see coordinator/edge/CONTROL.md",
                         request->verb);
    }
    TRY(request_unpack(request, bytes, err));
    return verb->run(request, err);
}

void control_request(struct control *control, uint64_t token, const char *verb, const void *bytes,
                     size_t size)
{
    CHECK(token != 0);
    struct request request = {
        .control = control,
        .arena = control->arena,
        .token = token,
        .verb = verb,
        .request_id = "",
        .person = "",
        .reply = json_object(),
        .room = CONTROL_ROOM_BYTES,
    };
    CHECK(request.reply != NULL);
    struct error err = {0};
    enum err code = request_run(&request, (struct str){.data = bytes, .size = size}, &err);
    if (code != ERR_OK) {
        err.code = code;
        reply_error(control, token, &err, request.reply);
    } else if (!request.later) {
        reply_send(control, token, ERR_OK, "", request.reply);
    }
    json_decref(request.reply);
    json_decref(request.body);
    arena_reset(control->arena);
}

/* ---- orders ---- */

void pending_add(struct request *request, json_t *body)
{
    struct control *control = request->control;
    CHECK(body != NULL);
    if (control->pending_count == control->pending_room) {
        size_t room = control->pending_room == 0 ? 64 : control->pending_room * 2;
        struct pending *more = realloc(control->pending, room * sizeof(*more));
        CHECK(more != NULL);
        control->pending = more;
        control->pending_room = room;
    }
    struct pending *pending = &control->pending[control->pending_count++];
    *pending = (struct pending){.token = request->token, .body = body};
    (void)text_copy(pending->verb, sizeof(pending->verb), request->verb);
    request->later = true;
}

static const char *outcome_name(enum event_outcome outcome)
{
    switch (outcome) {
    case EVENT_STARTED:
        return "started";
    case EVENT_CONTINUED:
        return "continued";
    case EVENT_KEPT:
        return "buffered";
    case EVENT_DUPLICATE:
        return "duplicate";
    case EVENT_REFUSED:
        break;
    }
    return "unknown";
}

static void emit_fill(json_t *body, const struct reply_order *reply)
{
    json_t *instances = json_array();
    CHECK(instances != NULL);
    for (uint32_t i = 0; i < reply->instance_count; i++) {
        char hex[ID_HEX_BYTES];
        id_hex(&reply->instances[i], hex);
        CHECK(json_array_append_new(instances, json_string(hex)) == 0);
    }
    json_set_text(body, "outcome", outcome_name(reply->outcome));
    json_set(body, "instances", instances);
}

/* Which version is started from now on; nothing when none is. */
static void newest_fill(struct control *control, json_t *body)
{
    char name[256];
    const char *definition = json_text_of(body, "definition");
    if (definition != NULL && text_copy(name, sizeof(name), definition)) {
        name[strcspn(name, ":")] = '\0';
        const struct definition *newest = company_find_definition(control_company(control), name);
        json_set_text(body, "newest", newest == NULL ? NULL : newest->name);
    }
}

/* What the engine's reply adds to what the order knew. */
static void pending_fill(struct control *control, const struct pending *pending,
                         const struct reply_order *reply)
{
    if (strcmp(pending->verb, "emit") == 0 || strcmp(pending->verb, "deadletters.replay") == 0) {
        emit_fill(pending->body, reply);
        return;
    }
    if (strcmp(pending->verb, "instances.migrate") == 0) {
        migrate_fill(pending->body, reply);
        return;
    }
    if (reply->operated != NULL) {
        operate_fill(control, pending->body, reply);
        return;
    }
    if (strcmp(pending->verb, "deploy") == 0 || strcmp(pending->verb, "definitions.retire") == 0) {
        json_set(pending->body, "created", json_boolean(reply->created));
        newest_fill(control, pending->body);
        return;
    }
    static const struct id nobody; /* a verdict on the clock is about no instance */
    if (id_equal(&reply->instance, &nobody)) {
        return;
    }
    json_set_id(pending->body, "instance", &reply->instance);
    if (strcmp(pending->verb, "run") == 0) {
        json_set(pending->body, "created", json_boolean(reply->created));
        return;
    }
    struct view view;
    if (view_load(control, &reply->instance, &view, NULL) == ERR_OK) {
        json_set_text(pending->body, "status", instance_status_name(view_status(&view)));
    }
}

static void order_reply(struct control *control, const struct order *order)
{
    for (size_t i = 0; i < control->pending_count; i++) {
        struct pending pending = control->pending[i];
        if (pending.token != order->token) {
            continue;
        }
        control->pending[i] = control->pending[--control->pending_count];
        if (order->reply.code == ERR_OK) {
            pending_fill(control, &pending, &order->reply);
        }
        reply_send(control, pending.token, order->reply.code, order->reply.message,
                   order->reply.code == ERR_OK ? pending.body : NULL);
        json_decref(pending.body);
        arena_reset(control->arena);
        return;
    }
}

/* ---- waits ---- */

enum err waiter_add(struct request *request, const struct id *instance, int64_t timeout_ms,
                    struct error *err)
{
    struct control *control = request->control;
    if (control->waiter_count == CONTROL_WAITERS_MAX) {
        return error_set(err, ERR_LIMIT, "%d requests wait already (CONTROL_WAITERS_MAX)",
                         CONTROL_WAITERS_MAX);
    }
    control->waiters[control->waiter_count++] = (struct waiter){
        .token = request->token,
        .instance = *instance,
        .deadline_ms = waiting_now(control) + timeout_ms,
    };
    request->later = true;
    return ERR_OK;
}

static void waiter_remove(struct control *control, size_t at)
{
    control->waiters[at] = control->waiters[--control->waiter_count];
}

static json_t *ended_json(const struct ended_order *ended)
{
    json_t *body = json_object();
    CHECK(body != NULL);
    json_set_id(body, "instance", &ended->instance);
    json_set_text(body, "status", instance_status_name(ended->status));
    if (ended->has_gate) {
        json_set_id(body, "gate", &ended->gate);
    } else if (ended->value != NULL) {
        struct request sizes = {.room = CONTROL_ROOM_BYTES};
        request_set_doc(&sizes, body, ended->status == INSTANCE_FAULTED ? "error" : "output",
                        ended->value, SIZE_MAX);
    }
    return body;
}

static void memo_add(struct control *control, const struct ended_order *ended)
{
    size_t size = 0;
    if (ended->value != NULL) {
        (void)doc_text(ended->value, &size);
    }
    if (ended->has_gate || size > CONTROL_MEMO_BYTES) {
        return;
    }
    struct ended_memo *memo = &control->memos[control->memo_at];
    control->memo_at = (control->memo_at + 1) % CONTROL_MEMOS;
    doc_unref(&memo->value);
    *memo = (struct ended_memo){
        .instance = ended->instance,
        .status = ended->status,
        .value = ended->value == NULL ? NULL : doc_ref(ended->value),
        .valid = true,
    };
}

json_t *ended_lately(const struct control *control, const struct id *instance)
{
    for (size_t i = 0; i < CONTROL_MEMOS; i++) {
        const struct ended_memo *memo = &control->memos[i];
        if (memo->valid && id_equal(&memo->instance, instance)) {
            struct ended_order ended = {
                .instance = memo->instance, .status = memo->status, .value = memo->value};
            return ended_json(&ended);
        }
    }
    return NULL;
}

static void order_ended(struct control *control, const struct ended_order *ended)
{
    memo_add(control, ended);
    for (size_t i = control->waiter_count; i-- > 0;) {
        if (id_equal(&control->waiters[i].instance, &ended->instance)) {
            uint64_t token = control->waiters[i].token;
            waiter_remove(control, i);
            json_t *body = ended_json(ended);
            reply_send(control, token, ERR_OK, "", body);
            json_decref(body);
        }
    }
}

void control_order(struct control *control, const struct order *order)
{
    if (order->kind == ORDER_REPLY && order->token != 0) {
        order_reply(control, order);
    } else if (order->kind == ORDER_ENDED) {
        order_ended(control, &order->ended);
    }
}

int64_t control_next_due(const struct control *control)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < control->waiter_count; i++) {
        due = control->waiters[i].deadline_ms < due ? control->waiters[i].deadline_ms : due;
    }
    return due;
}

static void waiter_time_out(struct control *control, const struct waiter *waiter)
{
    json_t *body = json_object();
    CHECK(body != NULL);
    json_set_id(body, "instance", &waiter->instance);
    struct view view;
    if (view_load(control, &waiter->instance, &view, NULL) == ERR_OK) {
        json_set_text(body, "status", instance_status_name(view_status(&view)));
    }
    reply_send(control, waiter->token, ERR_TIMEOUT, "the instance has not ended yet", body);
    json_decref(body);
    arena_reset(control->arena);
}

void control_timeouts(struct control *control, int64_t now_ms)
{
    for (size_t i = control->waiter_count; i-- > 0;) {
        if (control->waiters[i].deadline_ms <= now_ms) {
            struct waiter waiter = control->waiters[i];
            waiter_remove(control, i);
            waiter_time_out(control, &waiter);
        }
    }
}
