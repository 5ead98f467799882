#include "tests/unit/edge/office.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/store/kv.h"
#include "common/store/kv_mem.h"
#include "common/wire/proto_arena.h"
#include "coordinator/engine/company.h"
#include "coordinator/tables/tables.h"
#include "proto/control.pb-c.h"

static const char contract_text[] =
    "{\"agent\":\"clerk\",\"version\":\"1.2.0\",\"title\":\"Prices and books\",\"actions\":{"
    "\"price\":{\"title\":\"Prices a shipment\",\"input\":{\"type\":\"object\",\"required\":"
    "[\"weight\"],\"properties\":{\"weight\":{\"type\":\"integer\",\"minimum\":1}}},"
    "\"output\":{\"type\":\"object\",\"required\":[\"amount\"]},\"effect\":\"pure\","
    "\"phases\":[\"decide\"],\"timeout\":\"PT5S\",\"cost\":{\"max\":\"0.50 EUR\"}},"
    "\"book\":{\"title\":\"Books a carrier\",\"input\":{\"type\":\"object\"},"
    "\"output\":{\"type\":\"object\"},\"effect\":\"keyed\",\"phases\":[\"perform\"],"
    "\"timeout\":\"PT5S\"}}}";

const char definition_price[] = "document: {dsl: '1.0.3', namespace: t, name: price, version: "
                                "'1.0.0', title: Prices one}\n"
                                "do:\n"
                                "  - ask:\n"
                                "      call: agent\n"
                                "      with: {agent: clerk, action: price, contract: '1.2',\n"
                                "             input: '${ . }', minConfidence: 0.5}\n";

const char definition_order[] =
    "document: {dsl: '1.0.3', namespace: t, name: order, version: '1.0.0'}\n"
    "do:\n"
    "  - ask:\n"
    "      call: agent\n"
    "      with: {agent: clerk, action: price, input: '${ . }'}\n"
    "  - choose:\n"
    "      switch:\n"
    "        - dear: {when: '.amount > 100', then: refuse}\n"
    "        - cheap: {then: book}\n"
    "  - book:\n"
    "      call: agent\n"
    "      with: {agent: clerk, action: book, input: '${ . }'}\n"
    "      then: tell\n"
    "  - refuse:\n"
    "      set: {refused: true}\n"
    "      then: end\n"
    "  - tell:\n"
    "      emit: {event: {with: {source: /t, type: order.booked, data: '${ . }'}}}\n";

const char definition_delivery[] =
    "document: {dsl: '1.0.3', namespace: t, name: delivery, version: '1.0.0'}\n"
    "schedule: {on: {one: {with: {type: order.received}}}}\n"
    "do:\n"
    "  - delivered:\n"
    "      listen:\n"
    "        to: {one: {with: {type: shipment.delivered}}}\n";

const char definition_nap[] =
    "document: {dsl: '1.0.3', namespace: t, name: nap, version: '1.0.0'}\n"
    "do:\n"
    "  - sleep: {wait: {hours: 1}}\n";

/* ---- callbacks ---- */

static void on_reply(void *user, uint64_t token, const void *bytes, size_t size)
{
    struct office *office = user;
    struct arena *arena = arena_create(4 * 1024 * 1024);
    ProtobufCMessage *message = NULL;
    static const struct proto_limits limits = {
        .bytes = 4 * 1024 * 1024, .depth = 1, .messages = 1, .fields = 16};
    cr_assert_leq(size, 900 * 1024);
    cr_assert_eq(proto_unpack(&mainstay__control_reply__descriptor,
                              (struct str){.data = bytes, .size = size}, &limits, arena, &message,
                              NULL),
                 ERR_OK);
    const Mainstay__ControlReply *proto = (const Mainstay__ControlReply *)message;
    cr_assert_null(office_reply(office, token), "a request was answered twice");
    cr_assert_lt(office->reply_count, OFFICE_REPLIES_MAX);
    struct office_reply *reply = &office->replies[office->reply_count++];
    *reply = (struct office_reply){.token = token, .code = (enum err)proto->code};
    (void)text_copy(reply->error, sizeof(reply->error), proto->error);
    cr_assert_eq(
        json_parse((const char *)proto->body.data, proto->body.len, NULL, &reply->body, NULL),
        ERR_OK);
    cr_assert(json_is_object(reply->body));
    cr_assert_eq(reply->code == ERR_OK, reply->error[0] == '\0');
    arena_destroy(&arena);
}

static void task_keep(struct office *office, const struct task_order *order)
{
    cr_assert_lt(office->task_count, OFFICE_TASKS_MAX);
    struct office_task *task = &office->tasks[office->task_count++];
    *task = (struct office_task){0};
    (void)text_copy(task->agent, sizeof(task->agent), order->store->agent);
    (void)text_copy(task->store, sizeof(task->store), order->store->name);
    (void)text_copy(task->action, sizeof(task->action), order->action);
    task->input = json_deep_copy(doc_json(order->input));
    task->name.session = order->store->session;
    task->name.store_id = order->store->store_id;
    task->name.key = order->key;
    task->name.attempt = order->attempt;
    task->name.phase = order->phase;
    task->name.instance = order->instance;
    task->name.frame = order->frame;
    task->name.input_digest = order->input_digest;
}

static void on_order(void *user, const struct order *order)
{
    struct office *office = user;
    control_order(office->control, order);
    if (order->kind == ORDER_TASK) {
        task_keep(office, &order->task);
    }
}

static int64_t office_now(void *user)
{
    return ((const struct office *)user)->now;
}

/* ---- life ---- */

struct office *office_open(void)
{
    struct office *office = calloc(1, sizeof(*office));
    cr_assert_not_null(office);
    struct error err = {0};
    cr_assert_eq(crypto_init(&err), ERR_OK);
    office->now = 1795348800000;
    cr_assert_eq(kv_mem_open(tables_kv_options(), &office->kv, &err), ERR_OK, "%s", err.message);
    struct turn_options turn = {.engine = {.version = "9.9"}, .order = on_order, .user = office};
    cr_assert_eq(turn_create(office->kv, &turn, &office->turn, &err), ERR_OK, "%s", err.message);
    struct control_options options = {.version = "9.9",
                                      .pid = 42,
                                      .started_ms = office->now,
                                      .reply = on_reply,
                                      .now_ms = office_now,
                                      .user = office};
    office->control = control_create(office->turn, &options);
    return office;
}

void task_release(struct office_task *task)
{
    json_decref(task->input);
    task->input = NULL;
}

static void replies_clear(struct office *office)
{
    for (size_t i = 0; i < office->reply_count; i++) {
        json_decref(office->replies[i].body);
    }
    office->reply_count = 0;
}

/* What happened must be in the journal: replaying it gives the same tables. */
static void replay_check(struct office *office)
{
    struct error err = {0};
    struct kv *kv = NULL;
    cr_assert_eq(kv_mem_open(tables_kv_options(), &kv, &err), ERR_OK);
    cr_expect_eq(turn_replay(turn_tables(office->turn), kv, &err), ERR_OK, "%s", err.message);
    kv_close(&kv);
}

void office_close(struct office **office)
{
    replay_check(*office);
    for (size_t i = 0; i < (*office)->task_count; i++) {
        task_release(&(*office)->tasks[i]);
    }
    replies_clear(*office);
    control_destroy(&(*office)->control);
    turn_destroy(&(*office)->turn);
    kv_close(&(*office)->kv);
    free(*office);
    *office = NULL;
}

static void turn_open(struct office *office)
{
    office->now++;
    turn_begin(office->turn, &(struct clock_reading){.wall_ms = office->now,
                                                     .boot_ms = office->now - office->apart_ms});
}

static void turn_close(struct office *office)
{
    struct error err = {0};
    cr_assert_eq(turn_end(office->turn, &err), ERR_OK, "%s", err.message);
}

void office_pass(struct office *office, int64_t ms)
{
    office->now += ms;
    turn_open(office);
    turn_close(office);
    control_timeouts(office->control, office->now);
}

/* ---- asking ---- */

struct office_reply *office_reply(struct office *office, uint64_t token)
{
    for (size_t i = 0; i < office->reply_count; i++) {
        if (office->replies[i].token == token) {
            return &office->replies[i];
        }
    }
    return NULL;
}

/* With the quotes JSON wants. */
static char *quotes(const char *text)
{
    char *copy = strdup(text);
    cr_assert_not_null(copy);
    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return copy;
}

static uint64_t send_packed(struct office *office, const char *verb, const char *request_id,
                            const char *body, size_t size)
{
    Mainstay__ControlRequest request = MAINSTAY__CONTROL_REQUEST__INIT;
    request.version = 1;
    request.request_id = (char *)(uintptr_t)request_id;
    request.person = (char *)(uintptr_t) "ada";
    request.body.data = (uint8_t *)(uintptr_t)body;
    request.body.len = size;
    struct buf bytes = BUF_INIT(4 * 1024 * 1024);
    cr_assert_eq(proto_pack(&request.base, &bytes, NULL), ERR_OK);
    uint64_t token = ++office->next_token;
    if (control_is_order(verb)) {
        turn_open(office);
        control_request(office->control, token, verb, bytes.data, bytes.size);
        turn_close(office);
    } else {
        control_request(office->control, token, verb, bytes.data, bytes.size);
    }
    buf_release(&bytes);
    return token;
}

uint64_t office_send(struct office *office, const char *verb, const char *body)
{
    char request_id[32];
    (void)snprintf(request_id, sizeof(request_id), "r%llu",
                   (unsigned long long)office->next_token + 1);
    char *text = quotes(body);
    uint64_t token = send_packed(office, verb, request_id, text, strlen(text));
    free(text);
    return token;
}

static struct office_reply *answer(struct office *office, uint64_t token)
{
    struct office_reply *reply = office_reply(office, token);
    cr_assert_not_null(reply, "no answer yet");
    return reply;
}

struct office_reply *office_ask_as(struct office *office, const char *request_id, const char *verb,
                                   const char *body)
{
    replies_clear(office);
    char *text = quotes(body);
    uint64_t token = send_packed(office, verb, request_id, text, strlen(text));
    free(text);
    return answer(office, token);
}

static struct office_reply *ask_list(struct office *office, const char *verb, const char *format,
                                     va_list args) __attribute__((format(printf, 3, 0)));

static struct office_reply *ask_list(struct office *office, const char *verb, const char *format,
                                     va_list args)
{
    replies_clear(office);
    char *body = NULL;
    int size = vasprintf(&body, format, args);
    cr_assert_geq(size, 0);
    uint64_t token = office_send(office, verb, body);
    free(body);
    return answer(office, token);
}

struct office_reply *office_ask(struct office *office, const char *verb, const char *body, ...)
{
    va_list args;
    va_start(args, body);
    struct office_reply *reply = ask_list(office, verb, body, args);
    va_end(args);
    return reply;
}

const json_t *office_get(struct office *office, const char *verb, const char *body, ...)
{
    va_list args;
    va_start(args, body);
    struct office_reply *reply = ask_list(office, verb, body, args);
    va_end(args);
    cr_assert_eq(reply->code, ERR_OK, "%s: %s", verb, reply->error);
    return reply->body;
}

const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_text_of(object, name);
    cr_assert_not_null(text, "no text member '%s'", name);
    return text;
}

/* ---- the agent ---- */

void office_hello(struct office *office)
{
    json_t *contract = NULL;
    struct error err = {0};
    cr_assert_eq(json_parse(contract_text, strlen(contract_text), NULL, &contract, &err), ERR_OK);
    struct command command = {.kind = COMMAND_HELLO};
    command.hello = (struct hello_command){
        .agent = "clerk",
        .store = "main",
        .session = {{1, 2, 3}},
        .store_id = {{4, 5, 6}},
        .contract = contract,
        .program = "clerk 1.2",
        .metrics_url = "http://127.0.0.1:1/metrics",
        .capacity = 16,
        .pid = 77,
    };
    turn_open(office);
    turn_command(office->turn, &command);
    turn_close(office);
    json_decref(contract);
}

struct office_task office_take(struct office *office)
{
    cr_assert_gt(office->task_count, 0, "the agent has no task");
    return office->tasks[--office->task_count];
}

static void result_send(struct office *office, struct office_task *task,
                        const struct result_command *result)
{
    struct command command = {.kind = COMMAND_RESULT, .result = *result};
    command.result.agent = task->agent;
    command.result.store = task->store;
    turn_open(office);
    turn_command(office->turn, &command);
    turn_close(office);
    task_release(task);
}

void office_done(struct office *office, struct office_task *task, const char *output)
{
    struct result_command result = task->name;
    struct error err = {0};
    char *text = quotes(output);
    static const char why[] = "{\"because\":\"table 7\"}";
    result.status = RESULT_DONE;
    result.duration_us = 1500;
    cr_assert_eq(doc_of_text(text, strlen(text), &result.output, &err), ERR_OK, "%s", err.message);
    result.decision = (struct decision){.rule = "rates@1.0.0",
                                        .model = "",
                                        .cost = "",
                                        .has_confidence = true,
                                        .confidence_ppm = 980000,
                                        .explanation = doc_of_text_trusted(why, strlen(why))};
    result_send(office, task, &result);
    doc_unref(&result.output);
    doc_unref(&result.decision.explanation);
    free(text);
}

void office_failed(struct office *office, struct office_task *task,
                   enum failure_class failure_class, const char *title, const char *detail)
{
    struct result_command result = task->name;
    static const char correction[] = "{\"weight\":12}";
    result.status = RESULT_FAILED;
    result.decision = (struct decision){.rule = "", .model = "", .cost = ""};
    result.failure =
        (struct failure){.failure_class = failure_class,
                         .effect = MARK_NONE,
                         .code = "broken",
                         .title = title,
                         .detail = detail,
                         .pointer = "/weight",
                         .correction = doc_of_text_trusted(correction, strlen(correction))};
    result_send(office, task, &result);
    doc_unref(&result.failure.correction);
}

/* ---- shortcuts ---- */

void office_deploy(struct office *office, const char *text)
{
    replies_clear(office);
    json_t *body = json_pack("{s:s, s:s}", "text", text, "file", "test.yaml");
    cr_assert_not_null(body);
    char *packed = json_dumps(body, 0);
    uint64_t token = send_packed(office, "deploy", "d", packed, strlen(packed));
    struct office_reply *reply = answer(office, token);
    cr_assert_eq(reply->code, ERR_OK, "%s", reply->error);
    free(packed);
    json_decref(body);
}

void office_run(struct office *office, const char *definition, const char *input, char *out)
{
    const json_t *reply =
        office_get(office, "run", "{'definition': '%s', 'input': %s}", definition, input);
    (void)text_copy(out, 33, text_of(reply, "instance"));
    cr_assert(json_bool_of(reply, "created", false));
}

void office_dead_letter(struct office *office, const char *source, const char *subject,
                        const char *headers, const char *body, uint64_t size)
{
    struct command command = {.kind = COMMAND_DEAD_LETTER};
    struct doc *doc = doc_of_text_trusted(headers, strlen(headers));
    command.dead_letter = (struct dead_letter_command){
        .source = source,
        .subject = subject,
        .reason = "nobody understands it",
        .advice = "try again",
        .headers = doc,
        .body = {.data = body, .size = strlen(body)},
        .size = size == 0 ? strlen(body) : size,
    };
    turn_open(office);
    turn_command(office->turn, &command);
    turn_close(office);
    doc_unref(&doc);
}
