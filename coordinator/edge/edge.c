#include "coordinator/edge/edge.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/fault_point.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/base/map.h"
#include "common/store/backup.h"
#include "common/store/kv.h"
#include "common/wire/subjects.h"
#include "coordinator/edge/blobs.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/edge/lanes.h"
#include "coordinator/edge/lifecycle.h"
#include "coordinator/edge/zones.h"

enum {
    EDGE_ARENA_BYTES = 512 * 1024 * 1024,
    AGENTS_SETTLE_MS = 30000, /* after a start, for agents to say hello */
    RESEND_MS = 1000,         /* after a refusal of the stream */
};

static void edge_state(void *user, enum bus_state state, const char *why)
{
    struct edge *edge = user;
    atomic_store(&edge->connected, state != BUS_DISCONNECTED);
    if (state == BUS_DISCONNECTED) {
        log_warn("bus disconnected: %s", why);
        return;
    }
    log_info("bus connected");
    (void)inbox_push(edge, ITEM_RECONNECTED);
}

static void edge_order(void *user, const struct order *order)
{
    struct edge *edge = user;
    if (order->kind == ORDER_STORE_JOINED) {
        inbox_hello_reply(edge, order);
    } else if (order->kind == ORDER_REPLY) {
        struct item *item = (struct item *)(uintptr_t)order->token;
        if (item->kind == ITEM_HELLO) {
            inbox_hello_reply(edge, order);
        } else {
            control_order(edge->control, order);
        }
    } else if (order->kind == ORDER_ENDED) {
        control_order(edge->control, order);
    } else {
        outbox_order(edge->outbox, order);
    }
}

static void edge_send(void *user)
{
    struct edge *edge = user;
    outbox_flush(edge->outbox);
}

static void edge_reply(void *user, uint64_t token, const void *bytes, size_t size)
{
    (void)user;
    struct item *item = (struct item *)(uintptr_t)token;
    struct error err = {0};
    FAULT_POINT("control-before-answer");
    if (bus_respond(item->msg, bytes, size, &err) != ERR_OK) {
        log_debug("an answer found nobody: %s", err.message);
    }
    FAULT_POINT("control-after-answer");
    item_destroy(&item);
}

/* Nobody waits for it and nothing can be compensated any more: the operator has to know. */
static void late_effect_tell(const struct event *event)
{
    char hex[ID_HEX_BYTES];
    id_hex(&event->instance, hex);
    log_warn("%s/%s reported that an effect has happened of instance %s, which has ended without "
             "it: see mainstay explain %s",
             event->agent, event->store, hex, hex);
}

static void edge_facts(void *user, const struct event *events, size_t count, uint64_t sequence,
                       int64_t now_ms)
{
    struct edge *edge = user;
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind == EVENT_EFFECT_LATE && events[i].plan == NULL) {
            late_effect_tell(&events[i]);
        }
    }
    lifecycle_facts(edge->lifecycle, events, count, sequence, now_ms);
}

void edge_restored(struct edge *edge)
{
    size_t cursor = 0;
    const struct store *store = NULL;
    if (!edge->restored) {
        return;
    }
    while ((store = map_next(engine_company(turn_engine(edge->turn))->stores, &cursor, NULL,
                             NULL)) != NULL) {
        struct command command = {.kind = COMMAND_LOST,
                                  .lost = {.agent = store->agent,
                                           .store = store->name,
                                           .reason = "the company was restored from a backup",
                                           .person = "mainstay restore",
                                           .force = true}};
        turn_command(edge->turn, &command);
    }
}

static enum err edge_store(struct edge *edge, struct error *err)
{
    struct turn_options options = {
        .engine = {.version = edge->options.version, .settle_ms = AGENTS_SETTLE_MS},
        .epoch_least = (uint64_t)clock_wall_ms(),
        .sync = edge->options.sync,
        .order = edge_order,
        .facts = edge_facts,
        .send = edge_send,
        .user = edge,
    };
    TRY(kv_open(edge->options.data_dir, tables_kv_options(), &edge->kv, err));
    FAULT_POINT("store-opened");
    TRY(backup_restored(edge->options.data_dir, &edge->restored, err));
    if (edge->restored) {
        log_warn("restored from a backup: this is another store now, and so are those of agents");
        TRY(tables_renew(edge->kv, clock_wall_ms(), err));
    }
    TRY(turn_create(edge->kv, &options, &edge->turn, err));
    FAULT_POINT("state-restored");
    struct control_options control = {
        .version = edge->options.version,
        .pid = (uint64_t)getpid(),
        .profile = edge->options.profile,
        .program = edge->options.program,
        .started_ms = clock_wall_ms(),
        .reply = edge_reply,
        .takes = flow_takes,
        .user = edge,
    };
    edge->control = control_create(edge->turn, &control);
    return ERR_OK;
}

static enum err edge_bus(struct edge *edge, struct error *err)
{
    struct bus_options bus = {
        .url = edge->options.bus_url,
        .creds_file = edge->options.creds_file,
        .ca_file = edge->options.ca_file,
        .name = "coordinator",
        .retry_connect = true,
        .on_state = edge_state,
        .on_ack = outbox_acked,
        .user = edge,
    };
    TRY(bus_connect(&bus, &edge->bus, err));
    TRY(bus_subscribe(edge->bus, SUBJECT_ALL_HELLO, NULL, inbox_hello, edge, err));
    TRY(bus_subscribe(edge->bus, SUBJECT_ALL_CONTROL, NULL, inbox_control, edge, err));
    TRY(bus_subscribe(edge->bus, SUBJECT_ALL_INPUT, NULL, inbox_input, edge, err));
    struct bus_pull_options pull = {
        .stream = STREAM_EVENTS,
        .consumer = CONSUMER_COORDINATOR,
        .batch = EDGE_EVENTS_BATCH,
        .deliver = inbox_event,
        .user = edge,
    };
    return bus_pull_start(edge->bus, &pull, &edge->events, err);
}

enum err edge_create(const struct edge_options *options, struct edge **ret_edge, struct error *err)
{
    *ret_edge = NULL;
    struct edge *edge = calloc(1, sizeof(*edge));
    CHECK(edge != NULL);
    edge->options = *options;
    flow_init(edge);
    edge->arena = arena_create(EDGE_ARENA_BYTES);
    edge->mailbox = mailbox_create(EDGE_MAILBOX);
    CHECK(edge->arena != NULL);
    CHECK(edge->mailbox != NULL);
    edge->lanes = lanes_create(edge);
    edge->hellos = map_create();
    CHECK(edge->hellos != NULL);
    edge->outbox = outbox_create(edge);
    edge->blobs = blobs_create(edge);
    edge->lifecycle = lifecycle_create(edge);
    edge->jq = jq_create(options->jq_path, inbox_answer, edge);
    enum err code = edge_store(edge, err);
    if (code == ERR_OK) {
        code = edge_health_start(edge, err);
    }
    if (code == ERR_OK) {
        code = edge_bus(edge, err);
    }
    if (code != ERR_OK) {
        edge_destroy(&edge);
        return code;
    }
    *ret_edge = edge;
    return ERR_OK;
}

static void item_free(void *value)
{
    struct item *item = value;
    item_destroy(&item);
}

void edge_destroy(struct edge **edge)
{
    struct edge *it = *edge;
    if (it == NULL) {
        return;
    }
    if (it->mailbox != NULL) {
        mailbox_close(it->mailbox);
    }
    if (it->control != NULL) {
        control_destroy(&it->control);
    }
    jq_destroy(&it->jq);
    if (it->lanes != NULL) {
        lanes_close(it->lanes);
    }
    blobs_destroy(&it->blobs);
    mailbox_destroy(&it->mailbox, item_free);
    for (size_t i = 0; i < it->quiet_count; i++) {
        item_destroy(&it->quiet[i]);
    }
    bus_close(&it->bus);
    lanes_destroy(&it->lanes);
    map_destroy(&it->hellos, free);
    health_stop(it);
    outbox_destroy(&it->outbox);
    lifecycle_destroy(&it->lifecycle);
    turn_destroy(&it->turn);
    kv_close(&it->kv);
    arena_destroy(&it->arena);
    free(it);
    *edge = NULL;
}

void edge_stop(struct edge *edge)
{
    atomic_store(&edge->stopping, true);
    mailbox_wake(edge->mailbox);
}

void edge_checkpoint(struct edge *edge)
{
    atomic_store(&edge->checkpoint, true);
    mailbox_wake(edge->mailbox);
}

static struct clock_reading edge_clock(void)
{
    return (struct clock_reading){.wall_ms = clock_wall_ms(), .boot_ms = clock_boot_ms()};
}

int64_t edge_next_due(const struct edge *edge)
{
    struct clock_reading clock = edge_clock();
    int64_t due = turn_next_due(edge->turn); /* in the engine's time, which a jump holds back */
    due = due == INT64_MAX ? due : clock.boot_ms + due - turn_time(edge->turn, &clock);
    int64_t control = control_next_due(edge->control);
    due = control < due ? control : due;
    int64_t look = flow_next_due(edge);
    due = look < due ? look : due;
    int64_t lanes = lanes_due(edge->lanes, clock.boot_ms);
    due = lanes < due ? lanes : due;
    return edge->retry_ms != 0 && edge->retry_ms < due ? edge->retry_ms : due;
}

static int64_t edge_deadline(const struct edge *edge)
{
    int64_t due = edge_next_due(edge);
    if (due == INT64_MAX) {
        return CLOCK_FOREVER;
    }
    int64_t left = due - clock_boot_ms();
    return clock_deadline_ns(left < 0 ? 0 : left);
}

/* The message is done with: what it caused is committed. */
static void item_acknowledge(const struct item *item)
{
    struct error err = {0};
    FAULT_POINT(item->kind == ITEM_EVENT ? "ack-event" : "ack-result");
    if (bus_msg_ack(item->msg, &err) != ERR_OK) {
        log_debug("not acknowledged, it comes again: %s", err.message);
    }
    if (item->kind == ITEM_RESULT) {
        lane_done(item->lane, item->msg->size);
    }
}

/* A result whose output was fetched: its message waits for the last of them. */
static void blob_done(struct edge *edge, const struct blob_want *want)
{
    blobs_committed(edge->blobs, want);
    if (want->message->waits == 1) {
        item_acknowledge(want->message);
    }
}

/* Acknowledge what the commit made durable, and free what nobody waits for. */
static void items_done(struct edge *edge, struct item **items, const bool *kept, size_t count)
{
    size_t events = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept[i]) {
            continue;
        }
        events += items[i]->kind == ITEM_EVENT ? 1 : 0;
        edge->results_since_trim += items[i]->kind == ITEM_RESULT ? 1 : 0;
        if (items[i]->kind == ITEM_EVENT || items[i]->kind == ITEM_RESULT) {
            item_acknowledge(items[i]);
        } else if (items[i]->kind == ITEM_BLOB) {
            blob_done(edge, items[i]->want);
        }
        item_destroy(&items[i]);
    }
    if (events > 0) {
        flow_events_done(edge, events);
    }
}

static void queries_answer(struct edge *edge)
{
    for (size_t i = 0; i < edge->query_count; i++) {
        struct item *item = edge->queries[i];
        struct subject subject;
        CHECK(subject_parse(item->msg->subject, &subject));
        control_request(edge->control, (uint64_t)(uintptr_t)item, subject.name, item->msg->body,
                        item->msg->size);
    }
    edge->query_count = 0;
}

/* A live store answers a task that is sent again at once, if only with "running". When a reminder
 * was answered by nobody until the next one is due, the streams do not carry any more. */
static void edge_suspect(struct edge *edge)
{
    uint64_t reminded = engine_counters(turn_engine(edge->turn))->reminded;
    if (reminded == edge->reminded) {
        return;
    }
    edge->reminded = reminded;
    if (!edge->unanswered || !atomic_load(&edge->connected)) {
        edge->unanswered = true;
        return;
    }
    edge->unanswered = false;
    edge->streams_suspect = true;
    inbox_reconnected(edge);
}

static void edge_retry(struct edge *edge)
{
    int64_t now = clock_boot_ms();
    if (atomic_exchange(&edge->resend, false)) {
        edge->retry_ms = now + RESEND_MS;
        edge->retry_resend = true;
    }
    if (edge->retry_ms == 0 || edge->retry_ms > now) {
        return;
    }
    edge->retry_ms = 0;
    if (edge->retry_streams) {
        inbox_reconnected(edge);
    } else if (edge->retry_resend) {
        edge->retry_resend = false;
        engine_redispatch_all(turn_engine(edge->turn));
    }
}

/* Supervisors wait for this line: streams are there and what was owed has been sent again. */
static void edge_announce(const struct edge *edge)
{
    char fields[192];
    (void)snprintf(fields, sizeof(fields), "\"journal\":%llu,\"metrics\":\"%s\"",
                   (unsigned long long)tables_sequence(turn_tables(edge->turn)),
                   edge->metrics_url[0] == '\0' ? "off" : edge->metrics_url);
    log_line(LOG_INFO, fields, "ready");
}

/* Which program decides from here on: what the journal says next was decided by it. */
static void program_record(struct edge *edge)
{
    char program[64];
    (void)snprintf(program, sizeof(program), "coordinator %s", edge->options.version);
    struct command command = {.kind = COMMAND_PROGRAM,
                              .program = {.program = program,
                                          .digest = edge->options.program,
                                          .profile = edge->options.profile,
                                          .pid = (uint64_t)getpid()}};
    turn_command(edge->turn, &command);
}

/* The policy of this start, before anything is decided by it. */
static void policy_refresh(struct edge *edge)
{
    if (edge->options.policy_file != NULL) {
        struct command command = {
            .kind = COMMAND_POLICY,
            .policy = {.text = edge->options.policy_text, .file = edge->options.policy_file}};
        turn_command(edge->turn, &command);
    }
}

/* One turn with as many of the items as it takes: *count says how many these were. */
static enum err edge_turn(struct edge *edge, struct item **items, size_t *count, struct error *err)
{
    bool kept[EDGE_TURN_ITEMS];
    size_t taken = 0;
    int64_t begun = clock_monotonic_ns();
    edge->turn_cpu_ns = clock_thread_ns();
    struct clock_reading clock = edge_clock();
    turn_begin(edge->turn, &clock);
    if (!edge->zones_read) {
        edge->zones_read = true;
        program_record(edge);
        zones_refresh(edge->turn);
        policy_refresh(edge);
    }
    FAULT_POINT("turn-begun");
    for (; taken < *count && (taken == 0 || !engine_turn_is_large(turn_engine(edge->turn)));
         taken++) {
        kept[taken] = inbox_take(edge, items[taken]);
    }
    *count = taken;
    inbox_letters_tell(edge);
    FAULT_POINT("turn-commands-taken");
    edge_retry(edge);
    enum err code = turn_end(edge->turn, err);
    if (code != ERR_OK) {
        error_wrap(err, "committing a turn");
        return code;
    }
    FAULT_POINT("turn-before-flush");
    outbox_flush(edge->outbox);
    if (edge->restored && edge->resumed) {
        edge->restored = false; /* the stores of agents are declared lost for good */
        TRY(backup_restored_done(edge->options.data_dir, err));
    }
    FAULT_POINT("turn-before-acks");
    flow_turn(edge);
    items_done(edge, items, kept, taken);
    FAULT_POINT("turn-after-acks");
    control_timeouts(edge->control, clock_boot_ms());
    queries_answer(edge);
    edge_suspect(edge);
    streams_trim(edge);
    arena_reset(edge->arena);
    health_turn(edge, clock_monotonic_ns() - begun);
    if (edge->resumed && !edge->announced) {
        edge->announced = true;
        edge_announce(edge);
    }
    return ERR_OK;
}

/* How many of the items one turn takes: all that fit, unless they are large. */
static size_t turn_share(struct item *const *items, size_t count)
{
    size_t bytes = 0;
    size_t share = 0;
    while (share < count && share < EDGE_TURN_ITEMS && (share == 0 || bytes < EDGE_TURN_BYTES)) {
        bytes += items[share]->msg == NULL ? 0 : items[share]->msg->size;
        bytes += items[share]->want == NULL ? 0 : blob_want_bytes(items[share]->want);
        share++;
    }
    return share;
}

enum err edge_step(struct edge *edge, struct error *err)
{
    void *taken[EDGE_TURN_ITEMS];
    struct item *items[EDGE_STEP_ITEMS];
    size_t count = mailbox_take_all(edge->mailbox, edge_deadline(edge), taken, EDGE_TURN_ITEMS);
    count = flow_sort(edge, taken, count, items);
    count += lanes_take(edge->lanes, items + count, EDGE_STEP_ITEMS - count, clock_boot_ms());
    size_t first = 0;
    do {
        size_t share = turn_share(items + first, count - first);
        TRY(edge_turn(edge, items + first, &share, err));
        first += share;
    } while (first < count);
    return ERR_OK;
}

enum err edge_run(struct edge *edge, struct error *err)
{
    while (!atomic_load(&edge->stopping)) {
        TRY(edge_step(edge, err));
        if (atomic_exchange(&edge->checkpoint, false)) {
            backup_checkpoint(edge->kv, edge->options.data_dir);
        }
    }
    log_info("stopping");
    return ERR_OK;
}
