/*
 * From the bus into the turn: messages to commands, or to dead letters.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/base/map.h"
#include "common/base/metrics.h"
#include "common/base/str.h"
#include "common/json/doc.h"
#include "common/wire/proto_arena.h"
#include "common/wire/subjects.h"
#include "coordinator/codec/outcome_codec.h"
#include "coordinator/edge/blobs.h"
#include "coordinator/edge/conduct.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/edge/event_intake.h"
#include "coordinator/edge/lanes.h"
#include "coordinator/edge/lifecycle.h"
#include "proto/contract.pb-c.h"
#include "proto/result.pb-c.h"

enum {
    STREAMS_RETRY_MS = 500,
    HELLOS_KNOWN = 1024, /* subjects with a pace of their own */
};

void item_destroy(struct item **item)
{
    if (*item == NULL) {
        return;
    }
    bus_msg_destroy(&(*item)->msg);
    jq_answer_free((*item)->answer);
    blob_want_free((*item)->want);
    free(*item);
    *item = NULL;
}

static bool push(struct edge *edge, enum item_kind kind, struct bus_msg *msg,
                 struct jq_answer *answer)
{
    struct item *item = calloc(1, sizeof(*item));
    CHECK(item != NULL);
    item->kind = kind;
    item->msg = msg;
    item->answer = answer;
    if (mailbox_push(edge->mailbox, item)) {
        return true;
    }
    item_destroy(&item); /* closed, or a requester beyond the limit: it times out and asks again */
    return false;
}

bool inbox_push(struct edge *edge, enum item_kind kind)
{
    return push(edge, kind, NULL, NULL);
}

void inbox_event(void *user, struct bus_msg *msg)
{
    (void)push(user, ITEM_EVENT, msg, NULL);
}

bool inbox_put(struct edge *edge, enum item_kind kind, struct bus_msg *msg)
{
    return push(edge, kind, msg, NULL);
}

static void push_request(struct edge *edge, enum item_kind kind, struct bus_msg *msg)
{
    if (atomic_load(&edge->requests) >= EDGE_REQUESTS_MAX) {
        bus_msg_destroy(&msg);
        return;
    }
    atomic_fetch_add(&edge->requests, 1U);
    if (!push(edge, kind, msg, NULL)) {
        atomic_fetch_sub(&edge->requests, 1U);
    }
}

/* A hello costs the reading of a contract, so each subject, which is one account's, has its pace.
 */
void inbox_hello(void *user, struct bus_msg *msg)
{
    struct edge *edge = user;
    const char *subject = map_count(edge->hellos) < HELLOS_KNOWN ? msg->subject : "";
    struct pace *pace = map_get_text(edge->hellos, msg->subject);
    pace = pace != NULL ? pace : map_get_text(edge->hellos, subject);
    if (pace == NULL) {
        pace = calloc(1, sizeof(*pace));
        CHECK(pace != NULL);
        (void)map_put_text(edge->hellos, subject, pace, NULL);
    }
    if (pace_takes_hello(pace, clock_boot_ms())) {
        push_request(edge, ITEM_HELLO, msg);
    } else {
        counter_add(edge->metrics.hellos_ignored, 1);
        bus_msg_destroy(&msg); /* its sender asks again */
    }
}

void inbox_control(void *user, struct bus_msg *msg)
{
    push_request(user, ITEM_CONTROL, msg);
}

void inbox_answer(void *user, struct jq_answer *answer)
{
    (void)push(user, ITEM_EVALUATION, NULL, answer);
}

/* ---- dead letters ---- */

static bool header_collect(void *user, const char *name, const char *value)
{
    json_t *headers = user;
    json_t *text = json_string(value);
    (void)json_object_set_new(headers, name, text != NULL ? text : json_string("(not UTF-8)"));
    return true;
}

static void dead_letter(struct edge *edge, const char *source, const struct bus_msg *msg,
                        const char *reason, const char *advice)
{
    json_t *headers = json_object();
    CHECK(headers != NULL);
    (void)bus_msg_headers((struct bus_msg *)(uintptr_t)msg, header_collect, headers);
    struct doc *doc = doc_of_json(headers);
    struct command command = {.kind = COMMAND_DEAD_LETTER};
    command.dead_letter = (struct dead_letter_command){
        .source = source,
        .subject = msg->subject,
        .reason = reason,
        .advice = advice,
        .headers = doc,
        .body = {.data = msg->body, .size = msg->size},
        .size = msg->size,
    };
    turn_command(edge->turn, &command);
    doc_unref(&doc);
    log_warn("dead letter from %s on '%s': %s", source, msg->subject, reason);
}

/* The same for what an agent sent, within what is kept of one store. */
static void agent_letter(struct edge *edge, struct conduct *conduct, const char *source,
                         const struct bus_msg *msg, const char *reason)
{
    size_t kept = msg->size < LIMIT_DEAD_LETTER_BYTES ? msg->size : LIMIT_DEAD_LETTER_BYTES;
    if (conduct_letter(conduct, kept, reason, clock_boot_ms())) {
        dead_letter(edge, source, msg, reason, "");
    }
}

void inbox_letters_tell(struct edge *edge)
{
    uint64_t count = 0;
    const char *why = NULL;
    const char *agent = NULL;
    const char *store = NULL;
    while (lanes_tell(edge->lanes, clock_boot_ms(), &count, &why, &agent, &store)) {
        char source[2 * SUBJECT_TOKEN_BYTES] = "hello";
        char subject[SUBJECT_BYTES] = "";
        char reason[CONDUCT_WHY_BYTES + 128];
        if (subject_result(agent, store, subject)) {
            (void)snprintf(source, sizeof(source), "%s/%s", agent, store);
        }
        (void)snprintf(reason, sizeof(reason),
                       "%" PRIu64 " more were refused and only counted, the last one because: %s",
                       count, why);
        struct command command = {
            .kind = COMMAND_DEAD_LETTER,
            .dead_letter = {.source = source, .subject = subject, .reason = reason, .advice = ""}};
        turn_command(edge->turn, &command);
        log_warn("dead letter from %s on '%s': %s", source, subject, reason);
    }
}

/* ---- events ---- */

static void take_event(struct edge *edge, struct item *item)
{
    FAULT_POINT("event-taken");
    struct intake intake;
    if (!event_intake(item->msg, edge->arena, &intake)) {
        dead_letter(edge, "events", item->msg, intake.reason, intake.advice);
        return;
    }
    struct command command = {.kind = COMMAND_EVENT};
    command.event = (struct event_command){
        .type = intake.type,
        .source = intake.source,
        .id = intake.id,
        .envelope = intake.envelope,
        .size = item->msg->size,
        .bus_ms = item->msg->timestamp_ns / 1000000,
        .expect_known = bus_msg_header(item->msg, EVENT_COPY_HEADER) != NULL,
    };
    turn_command(edge->turn, &command);
    doc_unref(&intake.envelope);
}

/* ---- results ---- */

static bool id_read(const ProtobufCBinaryData *bytes, struct id *ret_id)
{
    if (bytes->len != ID_BYTES) {
        return false;
    }
    memcpy(ret_id->bytes, bytes->data, ID_BYTES);
    return true;
}

static bool status_known(Mainstay__ResultStatus status)
{
    return (int)status >= (int)RESULT_DONE && (int)status <= (int)RESULT_RECALLED;
}

/* One result into a command; false when its names are malformed. */
static bool result_read(const Mainstay__Result *proto, struct arena *arena,
                        struct result_command *result)
{
    if (!id_read(&proto->key, &result->key) || !id_read(&proto->instance, &result->instance) ||
        proto->input_digest.len != DIGEST_BYTES || !status_known(proto->status)) {
        return false;
    }
    memcpy(result->input_digest.bytes, proto->input_digest.data, DIGEST_BYTES);
    result->attempt = proto->attempt;
    result->phase = (enum phase)proto->phase;
    result->frame = proto->frame;
    result->status = (enum result_status)proto->status;
    result->duration_us = proto->duration_us;
    result->output = NULL;
    if (result->status == RESULT_DONE && proto->output.len > 0 &&
        doc_of_text((const char *)proto->output.data, proto->output.len, &result->output, NULL) !=
            ERR_OK) {
        result->output = NULL; /* the engine treats it as a breach of the contract */
    }
    result->decision = *decision_of_proto(proto->decision, arena);
    result->failure = *failure_of_proto(proto->failure, arena);
    return true;
}

static void result_release(struct result_command *result)
{
    doc_unref(&result->output);
    doc_unref(&result->decision.explanation);
    doc_unref(&result->failure.correction);
}

static void take_agent_letters(struct edge *edge, struct conduct *conduct, const char *source,
                               const Mainstay__ResultBatch *batch)
{
    for (size_t i = 0; i < batch->n_dead_letters; i++) {
        const Mainstay__AgentDeadLetter *letter = batch->dead_letters[i];
        if (!conduct_letter(conduct, letter->body.len, letter->reason, clock_boot_ms())) {
            continue;
        }
        struct command command = {.kind = COMMAND_DEAD_LETTER};
        command.dead_letter = (struct dead_letter_command){
            .source = source,
            .subject = letter->subject,
            .reason = letter->reason,
            .advice = "",
            .body = {.data = (const char *)letter->body.data, .size = letter->body.len},
            .size = letter->size,
        };
        turn_command(edge->turn, &command);
    }
}

/* What the agent itself measured; a figure no clock can have made is left out. */
static void observe(struct edge *edge, const Mainstay__Result *result)
{
    static const uint64_t week_us = UINT64_C(7) * 24 * 3600 * 1000000;
    bool ran = result->status == MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE ||
               result->status == MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED;
    if (ran && !result->from_store && result->duration_us <= week_us) {
        histogram_observe_ns(edge->metrics.step_seconds, (int64_t)result->duration_us * 1000);
    }
}

static struct task_name task_of(const char *agent, const char *store,
                                const Mainstay__Result *result)
{
    return (struct task_name){
        .agent = agent,
        .store = store,
        .instance = result->instance,
        .key = result->key,
        .frame = result->frame,
        .phase = (uint32_t)result->phase,
    };
}

/* Why the output that a result names cannot be one; NULL: it can. */
static const char *blob_fault(const Mainstay__Result *result)
{
    const Mainstay__BlobRef *blob = result->output_blob;
    if (blob->digest.len != DIGEST_BYTES) {
        return "its digest has not 32 bytes";
    }
    return blob->bytes == 0 || blob->bytes > LIMIT_DOCUMENT_BYTES
               ? "none or more than 4 MB (LIMIT_DOCUMENT_BYTES)"
               : NULL;
}

/* An output that is not what its result said: kept for people, and taken as none, which breaks the
 * contract. */
static void blob_refused(struct edge *edge, const struct task_name *from, const struct bus_msg *msg,
                         const Mainstay__BlobRef *blob, const char *why)
{
    struct conduct *conduct = lanes_conduct(edge->lanes, from->agent, from->store);
    char source[2 * SUBJECT_TOKEN_BYTES];
    (void)snprintf(source, sizeof(source), "%s/%s", from->agent, from->store);
    char words[2 * BLOB_WHY_BYTES];
    (void)snprintf(words, sizeof(words), "names an output of %llu bytes that cannot be used: %s",
                   (unsigned long long)blob->bytes, why);
    counter_add(edge->metrics.blobs_refused, 1);
    agent_letter(edge, conduct, source, msg, words);
}

/* Whether the result has to wait for its output. One that nobody waits for goes on without, unless
 * it says that something happened. */
static bool output_is_fetched(struct edge *edge, struct item *item, const struct subject *subject,
                              Mainstay__Result *result, const struct id *store_id)
{
    struct task_name name = task_of(subject->agent, subject->store, result);
    if (result->output_blob == NULL || result->output.len > 0 ||
        result->status != MAINSTAY__RESULT_STATUS__RESULT_STATUS_DONE ||
        (result->phase != MAINSTAY__PHASE__PHASE_PERFORM && blob_task(edge, &name) == NULL)) {
        return false;
    }
    const char *fault = blob_fault(result);
    if (fault != NULL) {
        blob_refused(edge, &name, item->msg, result->output_blob, fault);
        return false;
    }
    blobs_ask(edge->blobs, item, subject, store_id, result);
    return true;
}

static bool take_results(struct edge *edge, struct item *item, const struct subject *subject,
                         const Mainstay__ResultBatch *batch, const struct id *store_id)
{
    struct conduct *conduct = lanes_conduct(edge->lanes, subject->agent, subject->store);
    bool malformed = false;
    for (size_t i = 0; i < batch->n_results; i++) {
        struct command command = {.kind = COMMAND_RESULT};
        command.result.agent = subject->agent;
        command.result.store = subject->store;
        command.result.store_id = *store_id;
        if (!result_read(batch->results[i], edge->arena, &command.result)) {
            malformed = true;
            continue;
        }
        if (output_is_fetched(edge, item, subject, batch->results[i], store_id)) {
            result_release(&command.result);
            continue;
        }
        observe(edge, batch->results[i]);
        turn_command(edge->turn, &command);
        FAULT_POINT("result-taken");
        result_release(&command.result);
    }
    char source[2 * SUBJECT_TOKEN_BYTES];
    (void)snprintf(source, sizeof(source), "%s/%s", subject->agent, subject->store);
    if (malformed) {
        agent_letter(edge, conduct, source, item->msg,
                     "a result has no readable key, instance or status");
    }
    take_agent_letters(edge, conduct, source, batch);
    return !malformed;
}

/* False: it could not be read, or only in part. */
static bool result_take(struct edge *edge, struct item *item)
{
    struct subject subject;
    if (!subject_parse(item->msg->subject, &subject) || subject.kind != SUBJECT_RESULT) {
        dead_letter(edge, "results", item->msg, "not a result subject", "");
        return false;
    }
    char source[2 * SUBJECT_TOKEN_BYTES];
    (void)snprintf(source, sizeof(source), "%s/%s", subject.agent, subject.store);
    struct conduct *conduct = lanes_conduct(edge->lanes, subject.agent, subject.store);
    struct str bytes = {.data = item->msg->body, .size = item->msg->size};
    ProtobufCMessage *message = NULL;
    struct error err = {0};
    if (proto_unpack(&mainstay__result_batch__descriptor, bytes, &proto_limits_bus, edge->arena,
                     &message, &err) != ERR_OK) {
        agent_letter(edge, conduct, source, item->msg, err.message);
        return false;
    }
    const Mainstay__ResultBatch *batch = (const Mainstay__ResultBatch *)message;
    struct id store_id;
    const struct store *store =
        company_store(engine_company(turn_engine(edge->turn)), subject.agent, subject.store);
    if (batch->version != 1 || !id_read(&batch->store_id, &store_id)) {
        agent_letter(edge, conduct, source, item->msg, "a result batch of an unknown version");
        return false;
    }
    if (store == NULL || !id_equal(&store->store_id, &store_id)) {
        agent_letter(edge, conduct, source, item->msg,
                     "results of a store that has not said hello with this store id");
        return false;
    }
    if (batch->blobs) {
        blobs_speak(edge->blobs, subject.agent, subject.store, true);
    }
    return take_results(edge, item, &subject, batch, &store_id);
}

/* Answers that changed nothing, by what the engine counted meanwhile. */
static uint64_t useless_between(const struct engine_counters *before,
                                const struct engine_counters *after)
{
    return after->stale_results - before->stale_results + after->duplicates - before->duplicates +
           CONDUCT_FORGED * (after->refused - before->refused);
}

static void take_result(struct edge *edge, struct item *item)
{
    edge->unanswered = false;
    const struct engine_counters *counters = engine_counters(turn_engine(edge->turn));
    struct engine_counters before = *counters;
    bool read = result_take(edge, item);
    uint64_t useless = useless_between(&before, counters);
    useless += read ? 0 : 1 + item->msg->size / CONDUCT_BYTES;
    lane_useless(item->lane, useless, item->msg, clock_boot_ms());
}

/* A result whose output was fetched, or not. */
static void blob_result(struct edge *edge, struct blob_want *want)
{
    const Mainstay__Result *proto = blob_want_result(want, edge->arena);
    struct task_name name = task_of(want->agent, want->name, proto);
    if (want->code == ERR_OK) {
        counter_add(edge->metrics.blobs_fetched, 1);
    } else if (want->code != ERR_INVALID && want->code != ERR_LIMIT) {
        counter_add(edge->metrics.blobs_missed, 1);
        log_warn(
            "an output of %llu bytes was not to be had from %s/%s, its result is dropped until "
            "it comes again: %s",
            (unsigned long long)proto->output_blob->bytes, want->agent, want->name, want->why);
        return;
    } else if (blob_task(edge, &name) != NULL) {
        blob_refused(edge, &name, want->message->msg, proto->output_blob, want->why);
    }
    struct command command = {.kind = COMMAND_RESULT};
    command.result.agent = want->agent;
    command.result.store = want->name;
    command.result.store_id = want->store_id;
    CHECK(result_read(proto, edge->arena, &command.result)); /* it was readable before */
    command.result.output = want->value == NULL ? NULL : doc_ref(want->value);
    observe(edge, proto);
    turn_command(edge->turn, &command);
    FAULT_POINT("blob-taken");
    result_release(&command.result);
}

static void take_blob(struct edge *edge, struct blob_want *want)
{
    const struct engine_counters *counters = engine_counters(turn_engine(edge->turn));
    struct engine_counters before = *counters;
    blob_result(edge, want);
    uint64_t useless = useless_between(&before, counters) + (want->code == ERR_OK ? 0 : 1);
    lane_useless(want->message->lane, useless, want->message->msg, clock_boot_ms());
}

/* ---- hello ---- */

static const char *hello_fill(const Mainstay__Hello *hello, struct hello_command *command,
                              json_t **ret_contract, struct arena *arena)
{
    if (hello->version != 1) {
        return "unknown version of the hello message";
    }
    if (!id_read(&hello->session, &command->session) ||
        !id_read(&hello->store_id, &command->store_id)) {
        return "session and store_id must have 16 bytes";
    }
    command->program = hello->program;
    command->metrics_url = hello->metrics_url;
    command->capacity = hello->capacity;
    command->pid = hello->pid;
    command->leaving = hello->leaving;
    if (hello->leaving) {
        return NULL;
    }
    struct error err = {0};
    if (json_parse((const char *)hello->contract.data, hello->contract.len, NULL, ret_contract,
                   &err) != ERR_OK) {
        return arena_printf(arena, "the contract is not readable: %s", err.message);
    }
    command->contract = *ret_contract;
    return NULL;
}

static void hello_respond(struct edge *edge, struct item *item, bool accepted, const char *reason,
                          const char *consumer)
{
    Mainstay__HelloReply reply = MAINSTAY__HELLO_REPLY__INIT;
    reply.version = 1;
    reply.accepted = accepted;
    reply.reason = (char *)(uintptr_t)reason;
    reply.epoch = tables_epoch(turn_tables(edge->turn));
    reply.consumer = (char *)(uintptr_t)consumer;
    reply.blobs = true;
    struct buf bytes = BUF_INIT(LIMIT_MESSAGE_BYTES);
    struct error err = {0};
    if (proto_pack(&reply.base, &bytes, &err) != ERR_OK ||
        bus_respond(item->msg, bytes.data, bytes.size, &err) != ERR_OK) {
        log_debug("hello not answered, it comes again: %s", err.message);
    }
    buf_release(&bytes);
    FAULT_POINT("hello-answered");
    item->answered = true;
}

void inbox_hello_reply(struct edge *edge, const struct order *order)
{
    struct item *item = (struct item *)(uintptr_t)order->token;
    if (order->kind == ORDER_STORE_JOINED) {
        item->joined = order->joined;
        return;
    }
    char consumer[SUBJECT_BYTES] = "";
    struct error err = {0};
    enum err code = order->reply.code;
    const char *reason = order->reply.message;
    if (code == ERR_OK && item->joined != NULL) {
        (void)subject_consumer(item->joined->agent, item->joined->name, consumer);
        code = streams_join(edge, item->joined->agent, item->joined->name, &err);
        reason = err.message;
    }
    if (code != ERR_OK) {
        log_warn("hello on '%s' refused: %s", item->msg->subject, reason);
    } else if (item->joined != NULL) {
        log_info("agent %s/%s joined with contract %s", item->joined->agent, item->joined->name,
                 item->joined->contract->version);
    }
    hello_respond(edge, item, code == ERR_OK, code == ERR_OK ? "" : reason, consumer);
}

static bool take_hello(struct edge *edge, struct item *item)
{
    FAULT_POINT("hello-taken");
    struct subject subject;
    char consumer[SUBJECT_BYTES];
    struct str bytes = {.data = item->msg->body, .size = item->msg->size};
    ProtobufCMessage *message = NULL;
    struct error err = {0};
    if (!subject_parse(item->msg->subject, &subject) || subject.kind != SUBJECT_HELLO ||
        !subject_consumer(subject.agent, subject.store, consumer)) {
        agent_letter(edge, lanes_conduct(edge->lanes, "", ""), "hello", item->msg,
                     "not a hello subject");
        return false;
    }
    struct command command = {.kind = COMMAND_HELLO, .token = (uint64_t)(uintptr_t)item};
    command.hello.agent = subject.agent;
    command.hello.store = subject.store;
    json_t *contract = NULL;
    const char *problem = NULL;
    if (proto_unpack(&mainstay__hello__descriptor, bytes, &proto_limits_bus, edge->arena, &message,
                     &err) != ERR_OK) {
        problem = err.message;
    } else {
        problem =
            hello_fill((const Mainstay__Hello *)message, &command.hello, &contract, edge->arena);
    }
    if (problem != NULL) {
        char source[2 * SUBJECT_TOKEN_BYTES];
        (void)snprintf(source, sizeof(source), "%s/%s", subject.agent, subject.store);
        agent_letter(edge, lanes_conduct(edge->lanes, subject.agent, subject.store), source,
                     item->msg, problem);
        hello_respond(edge, item, false, problem, "");
    } else {
        blobs_speak(edge->blobs, subject.agent, subject.store,
                    ((const Mainstay__Hello *)message)->blobs);
        turn_command(edge->turn, &command);
    }
    json_decref(contract);
    return false;
}

/* ---- the rest ---- */

static void take_evaluation(struct edge *edge, const struct jq_answer *answer)
{
    struct doc *value = answer->value == NULL ? NULL : doc_of_json(json_incref(answer->value));
    struct command command = {.kind = COMMAND_EVALUATION};
    command.evaluation = (struct evaluation_command){
        .instance = answer->instance,
        .frame = answer->frame,
        .expr = answer->expr,
        .value = value,
        .error = answer->error,
    };
    turn_command(edge->turn, &command);
    doc_unref(&value);
}

void inbox_reconnected(struct edge *edge)
{
    struct error err = {0};
    edge->retry_streams = false;
    enum err code = streams_ensure(edge, &err);
    if (code != ERR_OK) {
        log_warn("streams are not ready, trying again: %s", err.message);
        if (code == ERR_TIMEOUT || code == ERR_NOT_FOUND) { /* not found: it was just made */
            bus_look(edge);
        }
        edge->retry_streams = true;
        edge->retry_ms = clock_boot_ms() + STREAMS_RETRY_MS;
        return;
    }
    lifecycle_resume(edge->lifecycle);
    if (!edge->resumed) {
        edge->resumed = true;
        FAULT_POINT("resume-begun");
        turn_resume(edge->turn);
        edge_restored(edge);
        FAULT_POINT("resume-done");
    } else {
        engine_redispatch_all(turn_engine(edge->turn));
    }
}

bool inbox_take(struct edge *edge, struct item *item)
{
    switch (item->kind) {
    case ITEM_EVENT:
        take_event(edge, item);
        return false;
    case ITEM_RESULT:
        take_result(edge, item);
        return item->waits > 0;
    case ITEM_BLOB:
        take_blob(edge, item->want);
        return false;
    case ITEM_INPUT:
        blob_serve(edge, item->msg);
        return false;
    case ITEM_HELLO:
        atomic_fetch_sub(&edge->requests, 1U);
        return take_hello(edge, item);
    case ITEM_CONTROL: {
        atomic_fetch_sub(&edge->requests, 1U);
        struct subject subject;
        if (!subject_parse(item->msg->subject, &subject) || subject.kind != SUBJECT_CONTROL) {
            return false;
        }
        if (control_is_order(subject.name)) {
            control_request(edge->control, (uint64_t)(uintptr_t)item, subject.name, item->msg->body,
                            item->msg->size);
        } else {
            edge->queries[edge->query_count++] = item;
        }
        return true;
    }
    case ITEM_EVALUATION:
        take_evaluation(edge, item->answer);
        return false;
    case ITEM_RECONNECTED:
        inbox_reconnected(edge);
        bus_look_reconnected(edge);
        return false;
    }
    UNREACHABLE();
}
