/*
 * The company of a trial: store, turn and control in memory, and what becomes of orders.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/json/doc.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "common/wire/proto_arena.h"
#include "coordinator/definition/expr.h"
#include "coordinator/engine/company.h"
#include "coordinator/engine/order.h"
#include "coordinator/tables/tables.h"
#include "proto/control.pb-c.h"
#include "tools/offline/jq_child.h"
#include "tools/offline/trial_private.h"

enum { CONTROL_BYTES = 4 * 1024 * 1024, REPLY_ARENA_BYTES = 64 * 1024 * 1024 };

/* ---- orders ---- */

static void missing_add(struct trial *trial, const struct task_order *order)
{
    const char *agent = order->store->agent;
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:O, s:o}", "agent", agent, "action", order->action, "step", order->step,
        "input", doc_json(order->input), "template",
        json_sprintf("agents:\n  %s:\n    %s:\n      - output: {}\n", agent, order->action));
    CHECK(row != NULL);
    CHECK(json_array_append_new(trial->missing, row) == 0);
}

static void task_order(struct trial *trial, const struct task_order *order)
{
    const struct reply *reply = NULL;
    json_t *output = NULL;
    if (order->again || trial->failed) {
        return; /* its answer is on the way */
    }
    enum err code = replies_take(trial->options->replies, order->store->agent, order->action,
                                 doc_json(order->input), &reply, &output, &trial->trouble);
    if (code != ERR_OK) {
        trial->failed = true;
        return;
    }
    if (reply == NULL) {
        missing_add(trial, order);
        return;
    }
    struct answer *answer = answer_add(trial, trial->now + reply->after_ms);
    answer->reply = reply;
    answer->output = output;
    answer->agent = strdup(order->store->agent);
    answer->store = strdup(order->store->name);
    CHECK(answer->agent != NULL);
    CHECK(answer->store != NULL);
    answer->name = (struct result_command){.session = order->store->session,
                                           .store_id = order->store->store_id,
                                           .key = order->key,
                                           .attempt = order->attempt,
                                           .phase = order->phase,
                                           .instance = order->instance,
                                           .frame = order->frame,
                                           .input_digest = order->input_digest,
                                           .duration_us = (uint64_t)reply->after_ms * 1000};
}

/* What has not been answered yet was not started. */
static void recall_order(struct trial *trial, const struct recall_order *order)
{
    for (size_t i = 0; i < trial->answer_count; i++) {
        struct answer *answer = &trial->answers[i];
        if (answer->kind == ANSWER_RESULT && id_equal(&answer->name.key, &order->key) &&
            answer->name.attempt == order->attempt && answer->name.phase == order->phase) {
            answer->recalled = true;
            answer->due_ms = trial->now;
        }
    }
}

static void evaluate_order(struct trial *trial, const struct evaluate_order *order)
{
    struct error err = {0};
    struct answer *answer = answer_add(trial, trial->now);
    answer->kind = ANSWER_EVALUATION;
    answer->name.instance = order->instance;
    answer->name.frame = order->frame;
    answer->expr = expr_id(order->expr);
    if (jq_child_ask(trial->options->jq, order->expr, order->variables, doc_json(order->input),
                     &answer->output, &err) != ERR_OK) {
        answer->error = strdup(err.message);
        CHECK(answer->error != NULL);
    }
}

static void on_order(void *user, const struct order *order)
{
    struct trial *trial = user;
    control_order(trial->control, order);
    if (order->kind == ORDER_TASK) {
        task_order(trial, &order->task);
    } else if (order->kind == ORDER_RECALL) {
        recall_order(trial, &order->recall);
    } else if (order->kind == ORDER_EVALUATE) {
        evaluate_order(trial, &order->evaluate);
    }
}

/* ---- control ---- */

static void on_reply(void *user, uint64_t token, const void *bytes, size_t size)
{
    static const struct proto_limits limits = {
        .bytes = CONTROL_BYTES, .depth = 1, .messages = 1, .fields = 64};
    struct trial *trial = user;
    struct arena *arena = arena_create(REPLY_ARENA_BYTES);
    ProtobufCMessage *message = NULL;
    CHECK(arena != NULL);
    CHECK(token == trial->token);
    CHECK(proto_unpack(&mainstay__control_reply__descriptor,
                       (struct str){.data = bytes, .size = size}, &limits, arena, &message,
                       NULL) == ERR_OK);
    const Mainstay__ControlReply *reply = (const Mainstay__ControlReply *)message;
    trial->replied = true;
    trial->reply_code = (enum err)reply->code;
    (void)text_copy(trial->reply_error, sizeof(trial->reply_error), reply->error);
    struct json_limits any = {.size_max = CONTROL_BYTES, .any_number = true};
    CHECK(json_parse((const char *)reply->body.data, reply->body.len, &any, &trial->reply, NULL) ==
          ERR_OK);
    arena_destroy(&arena);
}

static int64_t trial_now(void *user)
{
    return ((const struct trial *)user)->now;
}

void trial_begin(struct trial *trial)
{
    const struct clock_reading clock = {.wall_ms = trial->now, .boot_ms = trial->now};
    turn_begin(trial->turn, &clock);
}

void trial_command(struct trial *trial, const struct command *command)
{
    turn_command(trial->turn, command);
}

/* `event`: its number among what comes from outside, which names it; 0: no event. */
static void request_pack(json_t *body, size_t event, struct buf *out)
{
    char id[40] = "simulation";
    static char person[] = "simulation";
    struct buf text = BUF_INIT(CONTROL_BYTES);
    CHECK(body != NULL);
    json_write(body, &text);
    json_decref(body);
    CHECK(!text.failed);
    if (event > 0) { /* an event without id gets one of its request: two are two */
        (void)snprintf(id, sizeof(id), "simulation-%zu", event);
    }
    Mainstay__ControlRequest request = MAINSTAY__CONTROL_REQUEST__INIT;
    request.version = 1;
    request.request_id = id;
    request.person = person;
    request.body.data = (uint8_t *)text.data;
    request.body.len = text.size;
    CHECK(proto_pack(&request.base, out, NULL) == ERR_OK);
    buf_release(&text);
}

enum err trial_ask(struct trial *trial, const char *verb, json_t *body, json_t **ret_reply,
                   struct error *err)
{
    struct buf bytes = BUF_INIT(CONTROL_BYTES);
    enum err code = ERR_OK;
    request_pack(body, strcmp(verb, "emit") == 0 ? trial->next_event : 0, &bytes);
    trial->token++;
    trial->replied = false;
    if (control_is_order(verb)) {
        trial_begin(trial);
        control_request(trial->control, trial->token, verb, bytes.data, bytes.size);
        code = turn_end(trial->turn, err);
    } else {
        control_request(trial->control, trial->token, verb, bytes.data, bytes.size);
    }
    buf_release(&bytes);
    if (code != ERR_OK) {
        return code;
    }
    CHECK(trial->replied);
    if (strcmp(verb, "run") == 0) {
        (void)text_copy(trial->asked, sizeof(trial->asked), json_text_of(trial->reply, "instance"));
    }
    *ret_reply = trial->reply;
    trial->reply = NULL;
    return trial->reply_code == ERR_OK
               ? ERR_OK
               : error_set(err, trial->reply_code, "%s", trial->reply_error);
}

/* ---- life ---- */

enum err trial_open(struct trial *trial, const struct trial_options *options, struct error *err)
{
    *trial = (struct trial){.options = options, .now = options->start_ms};
    trial->gates = map_create();
    trial->missing = json_array();
    CHECK(trial->gates != NULL);
    CHECK(trial->missing != NULL);
    TRY(kv_mem_open(tables_kv_options(), &trial->kv, err));
    struct turn_options turn = {
        .engine = {.version = "simulation"}, .order = on_order, .user = trial};
    TRY(turn_create(trial->kv, &turn, &trial->turn, err));
    struct control_options control = {.version = "simulation",
                                      .started_ms = trial->now,
                                      .reply = on_reply,
                                      .now_ms = trial_now,
                                      .user = trial};
    trial->control = control_create(trial->turn, &control);
    return ERR_OK;
}

void trial_close(struct trial *trial)
{
    control_destroy(&trial->control);
    turn_destroy(&trial->turn);
    kv_close(&trial->kv);
    map_destroy(&trial->gates, NULL);
    free(trial->answers);
    for (size_t i = 0; i < TRIAL_FILES_MAX; i++) {
        plan_destroy(&trial->plans[i]);
    }
    json_decref(trial->deployed);
    json_decref(trial->refused);
    json_decref(trial->missing);
    json_decref(trial->reply);
}
