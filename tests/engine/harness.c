#include "tests/engine/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include "common/base/str.h"

enum { TRACE_BYTES = 64 * 1024 * 1024, ARENA_BYTES = 512 * 1024 * 1024 };

static const int64_t start_ms = 1750000000000;

static void must(enum err code, const struct error *err)
{
    cr_assert_eq(code, ERR_OK, "%s", err->message);
}

/* ---- orders ---- */

static struct sent *sent_find(struct harness *h, const struct task_order *task)
{
    for (size_t i = h->sent_count; i > 0; i--) {
        struct sent *sent = &h->sent[i - 1];
        if (id_equal(&sent->key, &task->key) && sent->attempt == task->attempt &&
            sent->phase == task->phase && sent->frame == task->frame) {
            return sent;
        }
    }
    return NULL;
}

static char *text_keep(struct doc *doc)
{
    return doc == NULL ? NULL : strdup(doc_text(doc, NULL));
}

static void task_sent(struct harness *h, const struct task_order *task)
{
    struct sent *sent = sent_find(h, task);
    if (task->again && (sent != NULL || !h->failing)) {
        cr_assert_not_null(sent, "%s is sent again but never was", task->step);
        cr_assert_str_eq(sent->input, doc_text(task->input, NULL));
        sent->again++;
        return;
    }
    CHECK(h->sent_count < HARNESS_TASKS);
    struct sent *it = &h->sent[h->sent_count++];
    *it = (struct sent){
        .instance = task->instance,
        .frame = task->frame,
        .key = task->key,
        .attempt = task->attempt,
        .phase = task->phase,
        .input_digest = task->input_digest,
        .past = task->past,
        .created_ms = task->created_ms,
        .input = text_keep(task->input),
        .proposal = text_keep(task->proposal),
    };
    (void)text_copy(it->step, sizeof(it->step), task->step);
    (void)text_copy(it->agent, sizeof(it->agent), task->store->agent);
    (void)text_copy(it->store, sizeof(it->store), task->store->name);
}

static void evaluation_asked(struct harness *h, const struct evaluate_order *order)
{
    for (size_t i = 0; i < h->asked_count; i++) {
        struct asked *asked = &h->asked[i];
        if (!asked->answered && id_equal(&asked->instance, &order->instance) &&
            asked->frame == order->frame && asked->expr == expr_id(order->expr)) {
            return;
        }
    }
    CHECK(h->asked_count < HARNESS_TASKS);
    h->asked[h->asked_count++] = (struct asked){
        .instance = order->instance, .frame = order->frame, .expr = expr_id(order->expr)};
}

static void order_take(void *user, const struct order *order)
{
    struct harness *h = user;
    if (order->kind == ORDER_TASK) {
        task_sent(h, &order->task);
    } else if (order->kind == ORDER_EVALUATE) {
        evaluation_asked(h, &order->evaluate);
    } else if (order->kind == ORDER_RECALL) {
        h->recalls++;
    } else if (order->kind == ORDER_SETTLED) {
        h->settled++;
    } else if (order->kind == ORDER_REPLY) {
        h->reply = order->reply.code;
        h->outcome = order->reply.outcome;
    }
    trace_order(h, order);
}

/* ---- turns ---- */

void harness_open(struct harness *h)
{
    struct error err = {0};
    must(turn_create(h->kv, &h->options, &h->turn, &err), &err);
}

void harness_close(struct harness *h)
{
    turn_destroy(&h->turn);
}

void harness_begin(struct harness *h)
{
    turn_begin(h->turn,
               &(struct clock_reading){.wall_ms = h->now, .boot_ms = h->now - h->apart_ms});
}

void harness_command(struct harness *h, const struct command *command)
{
    turn_command(h->turn, command);
}

/* Trace what the turn put into the journal, read back from the store. */
static void journal_trace(struct harness *h)
{
    struct tables *tables = turn_tables(h->turn);
    struct arena *arena = arena_create(ARENA_BYTES);
    CHECK(arena != NULL);
    while (h->sequence < tables_sequence(tables)) {
        struct journal_batch batch;
        struct error err = {0};
        must(tables_journal(tables, ++h->sequence, arena, &batch, &err), &err);
        trace_batch(h, &batch);
        journal_release(&batch);
        arena_reset(arena);
    }
    arena_destroy(&arena);
}

/* False when the commit failed and the coordinator was started anew. */
static bool turn_finish(struct harness *h)
{
    struct error err = {0};
    struct buf orders = h->trace;
    h->trace = BUF_INIT(TRACE_BYTES);
    enum err code = turn_end(h->turn, &err);
    if (code != ERR_OK && h->failing) {
        h->trace = orders;
        h->failures++;
        harness_close(h);
        kv_mem_crash(h->kv);
        harness_open(h);
        harness_begin(h);
        turn_resume(h->turn);
        (void)turn_finish(h);
        return false;
    }
    must(code, &err);
    struct buf told = h->trace; /* events come first, then what was done about them */
    h->trace = orders;
    journal_trace(h);
    buf_append(&h->trace, told.data, told.size);
    buf_release(&told);
    harness_check(h);
    return true;
}

void harness_restart(struct harness *h)
{
    uint64_t outstanding = engine_outstanding(turn_engine(h->turn));
    uint64_t ready = engine_ready(turn_engine(h->turn));
    harness_close(h);
    harness_open(h);
    cr_assert_eq(engine_outstanding(turn_engine(h->turn)), outstanding,
                 "tasks in flight are forgotten by a restart");
    cr_assert_eq(engine_ready(turn_engine(h->turn)), ready,
                 "ready steps are forgotten by a restart");
    harness_begin(h);
    turn_resume(h->turn);
    (void)turn_finish(h);
}

bool harness_end(struct harness *h)
{
    if (!turn_finish(h)) {
        return false;
    }
    if (h->restarts) {
        harness_restart(h);
    }
    for (int i = 0; turn_next_due(h->turn) == 0; i++) {
        cr_assert_lt(i, 1000, "the walk does not end");
        harness_begin(h);
        (void)turn_finish(h);
    }
    return true;
}

void harness_turn(struct harness *h, const struct command *command)
{
    harness_begin(h);
    harness_command(h, command);
    if (!harness_end(h)) {
        harness_begin(h);
        harness_command(h, command); /* the bus delivers it again */
        (void)harness_end(h);
    }
}

void tick(struct harness *h)
{
    harness_begin(h);
    harness_end(h);
}

void advance(struct harness *h, int64_t ms)
{
    h->now += ms;
    tick(h);
}

/* ---- life ---- */

struct harness *harness_create(void)
{
    struct harness *h = calloc(1, sizeof(*h));
    CHECK(h != NULL);
    struct error err = {0};
    must(kv_mem_open(tables_kv_options(), &h->kv, &err), &err);
    h->options = (struct turn_options){
        .engine = {.version = "test"}, .sync = true, .order = order_take, .user = h};
    h->start_ms = start_ms;
    h->now = start_ms;
    h->traced_now = start_ms;
    h->trace = BUF_INIT(TRACE_BYTES);
    harness_open(h);
    return h;
}

void harness_destroy(struct harness **h)
{
    struct harness *it = *h;
    harness_close(it);
    kv_close(&it->kv);
    for (size_t i = 0; i < it->sent_count; i++) {
        free(it->sent[i].input);
        free(it->sent[i].proposal);
    }
    buf_release(&it->trace);
    free(it);
    *h = NULL;
}

static struct digest play(scenario_fn *scenario, bool restarts, bool doubles, bool *ret_cut)
{
    struct harness *h = harness_create();
    h->restarts = restarts;
    h->doubles = doubles;
    scenario(h);
    harness_replay(h);
    *ret_cut = h->cut;
    struct digest digest = tables_state_digest(turn_tables(h->turn));
    harness_destroy(&h);
    return digest;
}

void harness_run(scenario_fn *scenario)
{
    bool cut = false;
    struct digest first = play(scenario, false, false, &cut);
    struct digest second = play(scenario, false, false, &cut);
    cr_assert(digest_equal(&first, &second), "the same commands gave another state");
    struct digest doubled = play(scenario, false, true, &cut);
    cr_assert(digest_equal(&first, &doubled), "a result that came twice changed the state");
    struct digest restarted = play(scenario, true, false, &cut);
    cr_assert(cut || digest_equal(&first, &restarted), "restarts changed the state");
}

/* ---- goldens ---- */

void forget_trace(struct harness *h)
{
    buf_clear(&h->trace);
}

void harness_expect(struct harness *h, const char *file, int line, const char *golden)
{
    const char *actual = h->trace.size == 0 ? "" : h->trace.data;
    bool same = strcmp(actual, golden) == 0;
    if (!same) {
        fprintf(stderr, "@@ %s:%d%s%s\n%s@@ end\n", file, line, h->restarts ? " restarts" : "",
                h->doubles ? " doubles" : "", actual);
    }
    cr_expect(same, "%s:%d: the trace differs (see above)", file, line);
    forget_trace(h);
}

/* ---- commands ---- */

enum err deploy_try(struct harness *h, const char *text)
{
    struct plan *plan = NULL;
    struct plan_report report;
    enum err code = plan_load(text, strlen(text), &plan, &report);
    for (size_t i = 0; i < report.count; i++) {
        fprintf(stderr, "%u:%u: %s\n", report.problems[i].line, report.problems[i].column,
                report.problems[i].message);
    }
    plan_report_release(&report);
    cr_assert_eq(code, ERR_OK, "the definition does not load");
    struct command command = {
        .kind = COMMAND_DEPLOY,
        .token = 1,
        .deploy = {.plan = &plan, .text = text, .file = "test.yaml", .person = "p"}};
    harness_turn(h, &command);
    plan_destroy(&plan);
    return h->reply;
}

void deploy(struct harness *h, const char *text)
{
    cr_assert_eq(deploy_try(h, text), ERR_OK);
}

void deploy_tasks(struct harness *h, const char *tasks)
{
    struct buf text = BUF_INIT(1024 * 1024);
    buf_printf(&text,
               "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0}\ndo:\n%s",
               tasks);
    deploy(h, text.data);
    buf_release(&text);
}

static json_t *json_of(const char *text)
{
    json_t *value = NULL;
    struct error err = {0};
    must(json_parse(text, strlen(text), NULL, &value, &err), &err);
    return value;
}

static struct doc *doc_of(const char *text)
{
    struct doc *doc = NULL;
    struct error err = {0};
    must(doc_of_text(text, strlen(text), &doc, &err), &err);
    return doc;
}

void hello_id(struct harness *h, const char *contract, const char *store, uint32_t capacity,
              uint8_t session, uint8_t store_id)
{
    json_t *document = json_of(contract);
    struct command command = {.kind = COMMAND_HELLO,
                              .token = 1,
                              .hello = {.agent = json_text_of(document, "agent"),
                                        .store = store,
                                        .session = {{session}},
                                        .store_id = {{store_id}},
                                        .contract = document,
                                        .program = "fake",
                                        .metrics_url = "",
                                        .capacity = capacity,
                                        .pid = 1}};
    harness_turn(h, &command);
    json_decref(document);
}

void hello_session(struct harness *h, const char *contract, const char *store, uint32_t capacity,
                   uint8_t session)
{
    hello_id(h, contract, store, capacity, session, 9);
}

void hello(struct harness *h, const char *contract, const char *store, uint32_t capacity)
{
    hello_session(h, contract, store, capacity, 1);
    cr_assert_eq(h->reply, ERR_OK, "hello was refused");
}

void leave(struct harness *h, const char *agent, const char *store)
{
    struct command command = {
        .kind = COMMAND_HELLO,
        .token = 1,
        .hello = {.agent = agent, .store = store, .session = {{1}}, .leaving = true}};
    harness_turn(h, &command);
}

void start(struct harness *h, const char *definition, const char *input)
{
    char request[32];
    (void)snprintf(request, sizeof(request), "r%llu", (unsigned long long)++h->requests);
    struct doc *doc = doc_of(input);
    struct command command = {
        .kind = COMMAND_RUN,
        .token = 1,
        .run = {.definition = definition, .request_id = request, .person = "p", .input = doc}};
    harness_turn(h, &command);
    doc_unref(&doc);
}

void run(struct harness *h, const char *input)
{
    start(h, "test/flow", input);
}

struct command event_of_text(const char *envelope, struct doc **ret_envelope)
{
    CHECK(doc_of_text(envelope, strlen(envelope), ret_envelope, NULL) == ERR_OK);
    return (struct command){.kind = COMMAND_EVENT,
                            .event = {.type = "a",
                                      .source = "/t",
                                      .id = "1",
                                      .envelope = *ret_envelope,
                                      .bus_ms = INT64_MAX}};
}

void event_text(struct harness *h, const char *envelope)
{
    struct doc *doc = doc_of(envelope);
    const json_t *json = doc_json(doc);
    struct command command = {.kind = COMMAND_EVENT,
                              .token = 1,
                              .event = {.type = json_text_of(json, "type"),
                                        .source = json_text_of(json, "source"),
                                        .id = json_text_of(json, "id"),
                                        .envelope = doc,
                                        .bus_ms = h->now}};
    harness_turn(h, &command);
    doc_unref(&doc);
}

void event(struct harness *h, const char *type, const char *id, const char *data)
{
    struct buf text = BUF_INIT(1024 * 1024);
    buf_printf(&text,
               "{\"specversion\":\"1.0\",\"type\":\"%s\",\"source\":\"/t\",\"id\":\"%s-%s\","
               "\"data\":%s}",
               type, type, id, data);
    event_text(h, text.data);
    buf_release(&text);
}

struct sent *task(struct harness *h, const char *step)
{
    size_t wanted = 0;
    if (step[0] == 'i') {
        char *end = NULL;
        wanted = strtoul(step + 1, &end, 10);
        step = end + 1;
    }
    for (size_t i = h->sent_count; i > 0; i--) {
        struct sent *sent = &h->sent[i - 1];
        if (!sent->answered && strcmp(sent->step, step) == 0 &&
            (wanted == 0 || id_equal(&sent->instance, &h->instances[wanted - 1]))) {
            return sent;
        }
    }
    cr_assert_fail("no task of %s was sent", step);
    return NULL;
}

struct result_command result_of(const struct sent *sent, enum result_status status)
{
    return (struct result_command){
        .agent = sent->agent,
        .store = sent->store,
        .session = {{1}},
        .store_id = {{9}},
        .key = sent->key,
        .attempt = sent->attempt,
        .phase = sent->phase,
        .instance = sent->instance,
        .frame = sent->frame,
        .input_digest = sent->input_digest,
        .status = status,
        .decision = {.rule = "r", .model = "", .cost = ""},
        .failure = {.code = "", .title = "", .detail = "", .pointer = ""},
    };
}

void give_once(struct harness *h, const struct result_command *result)
{
    bool doubles = h->doubles;
    h->doubles = false;
    give(h, result);
    h->doubles = doubles;
}

void give(struct harness *h, const struct result_command *result)
{
    struct command command = {.kind = COMMAND_RESULT, .result = *result};
    harness_turn(h, &command);
    if (h->doubles) {
        harness_turn(h, &command);
    }
}

void done_sure(struct harness *h, const char *step, const char *output, uint32_t confidence_ppm)
{
    struct sent *sent = task(h, step);
    sent->answered = true;
    struct result_command result = result_of(sent, RESULT_DONE);
    result.output = doc_of(output);
    result.decision.has_confidence = confidence_ppm > 0;
    result.decision.confidence_ppm = confidence_ppm;
    result.duration_us = 5;
    give(h, &result);
    doc_unref(&result.output);
}

void done(struct harness *h, const char *step, const char *output)
{
    done_sure(h, step, output, 0);
}

void done_paid(struct harness *h, const char *step, const char *output, const char *cost)
{
    struct sent *sent = task(h, step);
    sent->answered = true;
    struct result_command result = result_of(sent, RESULT_DONE);
    result.output = doc_of(output);
    result.decision.cost = cost;
    give(h, &result);
    doc_unref(&result.output);
}

static struct result_command broken(struct harness *h, const char *step, enum failure_class failure,
                                    enum effect_mark mark)
{
    struct sent *sent = task(h, step);
    sent->answered = true;
    struct result_command result = result_of(sent, RESULT_FAILED);
    result.failure.failure_class = failure;
    result.failure.effect = mark;
    result.failure.code = "broken";
    result.failure.title = "it broke";
    return result;
}

void fail(struct harness *h, const char *step, enum failure_class failure, enum effect_mark mark)
{
    struct result_command result = broken(h, step, failure, mark);
    give(h, &result);
}

void fail_paid(struct harness *h, const char *step, const char *cost)
{
    struct result_command result = broken(h, step, FAILURE_TRANSIENT, MARK_NONE);
    result.decision.cost = cost;
    give(h, &result);
}

void answer(struct harness *h, const char *step, enum result_status status)
{
    struct sent *sent = task(h, step);
    sent->answered = status != RESULT_RUNNING;
    struct result_command result = result_of(sent, status);
    give(h, &result);
}

void evaluated(struct harness *h, const char *value, const char *error)
{
    size_t at = 0;
    while (at < h->asked_count && h->asked[at].answered) {
        at++;
    }
    cr_assert_lt(at, h->asked_count, "nothing was asked of mainstay-jq");
    struct asked *asked = &h->asked[at];
    asked->answered = true;
    struct command command = {.kind = COMMAND_EVALUATION,
                              .evaluation = {.instance = asked->instance,
                                             .frame = asked->frame,
                                             .expr = asked->expr,
                                             .value = value == NULL ? NULL : doc_of(value),
                                             .error = error}};
    harness_turn(h, &command);
    if (h->doubles) {
        harness_turn(h, &command);
    }
    doc_unref(&command.evaluation.value);
}

void verdict(struct harness *h, uint32_t verdict, const char *value)
{
    cr_assert_gt(h->gate_count, 0, "no gate was opened");
    struct command command = {.kind = COMMAND_VERDICT,
                              .token = 1,
                              .verdict = {.gate = h->gates[h->gate_count - 1],
                                          .verdict = verdict,
                                          .value = value == NULL ? NULL : doc_of(value),
                                          .reason = "because",
                                          .person = "ann"}};
    harness_turn(h, &command);
    doc_unref(&command.verdict.value);
}

void cancel(struct harness *h, size_t instance)
{
    cr_assert_leq(instance, h->instance_count);
    struct command command = {
        .kind = COMMAND_CANCEL,
        .token = 1,
        .cancel = {.instance = h->instances[instance - 1], .reason = "stop", .person = "ann"}};
    harness_turn(h, &command);
}

void operate(struct harness *h, enum operation operation, size_t instance)
{
    cr_assert_leq(instance, h->instance_count);
    struct operate_item item = {.instance = h->instances[instance - 1],
                                .definition = h->definitions[instance - 1],
                                .input = operation == OPERATE_RESTART ? doc_of("{}") : NULL};
    char request[32];
    (void)snprintf(request, sizeof(request), "o%llu", (unsigned long long)++h->requests);
    struct command command = {.kind = COMMAND_OPERATE,
                              .token = 1,
                              .operate = {.operation = operation,
                                          .items = &item,
                                          .count = 1,
                                          .request_id = request,
                                          .reason = "because",
                                          .person = "ann"}};
    harness_turn(h, &command);
    doc_unref(&item.input);
}

void policy(struct harness *h, const char *text)
{
    struct command command = {
        .kind = COMMAND_POLICY, .token = 1, .policy = {.text = text, .file = "policy.yaml"}};
    harness_turn(h, &command);
}

void program(struct harness *h, const char *name, const char *profile)
{
    struct command command = {.kind = COMMAND_PROGRAM,
                              .program = {.program = name,
                                          .digest = crypto_sha256(name, strlen(name)),
                                          .profile = profile,
                                          .pid = 7}};
    harness_turn(h, &command);
}

void lost(struct harness *h, const char *store, bool force)
{
    struct command command = {
        .kind = COMMAND_LOST,
        .token = 1,
        .lost = {.store = store, .reason = "the disk died", .person = "ann", .force = force}};
    harness_turn(h, &command);
}

void harness_replay(struct harness *h)
{
    struct kv *copy = NULL;
    struct error err = {0};
    must(kv_mem_open(tables_kv_options(), &copy, &err), &err);
    must(turn_replay(turn_tables(h->turn), copy, &err), &err);
    kv_close(&copy);
    uint64_t batches = 0;
    uint64_t bad = 0;
    must(tables_verify(turn_tables(h->turn), &batches, &bad, &err), &err);
}
