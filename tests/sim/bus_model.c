#include "tests/sim/bus_model.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/wire/subjects.h"
#include "tests/sim/bus_private.h"

struct request {
    sim_bus_reply_fn *reply;
    void *user;
    uint64_t number;
    bool answered;
    char *body;
    size_t size;
};

/* A message in the hands of a receiver. */
struct message {
    struct bus_msg base;
    struct bus *bus;
    struct stored *stored;
    uint64_t delivery;
    struct request *request;
};

void sim_bus_create(struct sim *sim)
{
    struct sim_bus *it = sim_alloc(sim, sizeof(*it));
    it->up = true;
    sim->bus = it;
}

/* ---- delivery ---- */

static struct bus_pull *pull_of(struct sim_bus *it, const struct consumer *consumer)
{
    for (size_t i = it->bus_count; i-- > 0;) {
        struct bus *bus = it->buses[i];
        for (size_t k = 0; bus->connected && k < bus->pull_count; k++) {
            struct bus_pull *pull = bus->pulls[k];
            if (!pull->stopped && pull->used < pull->batch &&
                strcmp(pull->consumer, consumer->name) == 0 &&
                strcmp(pull->stream, consumer->stream->name) == 0) {
                return pull;
            }
        }
    }
    return NULL;
}

/* One delivery on its way. */
struct delivery {
    struct stored *stored;
    struct bus_pull *pull;
    uint64_t line;
    uint64_t number; /* stored->delivery when it is the regular one; 0: a second one */
};

void model_pump_act(struct sim *sim, void *what, uint64_t number)
{
    (void)what;
    (void)number;
    model_pump(sim);
}

static void again(struct sim *sim, void *what, uint64_t number)
{
    struct stored *stored = what;
    if (stored->delivery != number || stored->gone ||
        (stored->state != OUT && stored->state != MOVING)) {
        return;
    }
    stored->state = NEW;
    struct stream *stream = model_stream_of(sim->bus, stored->subject);
    stream->hint = 0;
    model_pump(sim);
}

static void hand_over(struct sim *sim, const struct delivery *delivery)
{
    struct stored *stored = delivery->stored;
    struct message *message = calloc(1, sizeof(*message));
    CHECK(message != NULL);
    message->base = (struct bus_msg){
        .subject = stored->subject,
        .reply = "$JS.ACK",
        .body = stored->body,
        .size = stored->size,
        .stream_sequence = stored->sequence,
        .consumer_sequence = 1,
        .num_delivered = 1,
        .timestamp_ns = stored->at_ms * 1000000,
    };
    message->bus = delivery->pull->bus;
    message->stored = stored;
    message->delivery = delivery->number;
    sim_trace(sim, stored->subject, stored->uid, delivery->number);
    delivery->pull->deliver(delivery->pull->user, &message->base);
}

static void arrive(struct sim *sim, void *what, uint64_t number)
{
    (void)number;
    struct delivery *delivery = what;
    struct stored *stored = delivery->stored;
    struct bus_pull *pull = delivery->pull;
    bool regular = delivery->number != 0;
    if (regular && (stored->delivery != delivery->number || stored->state != MOVING)) {
        return;
    }
    if (pull->stopped || pull->bus->closed || pull->bus->line != delivery->line || stored->gone) {
        return; /* ack_wait brings it again */
    }
    if (regular) {
        stored->state = OUT;
        if (sim_fault(sim, FAULT_DELIVERY_LOST)) {
            pull->used -= pull->used > 0 ? 1 : 0; /* the pull's request expires */
            return;
        }
        if (sim_fault(sim, FAULT_DELIVERY_TWICE)) {
            struct delivery *second = sim_copy(sim, delivery, sizeof(*delivery));
            second->number = 0;
            sim_after(sim, draw_between(&sim->draw, 10, 3000000), arrive, second, 0);
        }
    }
    hand_over(sim, delivery);
}

static int64_t delivery_delay(struct sim *sim)
{
    if (sim_fault(sim, FAULT_DELIVERY_LATE)) {
        return draw_between(&sim->draw, 1000, 40000000);
    }
    return draw_between(&sim->draw, 50, 800);
}

static void deliver(struct sim *sim, struct stored *stored, struct consumer *consumer,
                    struct bus_pull *pull)
{
    stored->state = MOVING;
    stored->delivery = ++sim->bus->deliveries;
    consumer->delivered =
        stored->sequence > consumer->delivered ? stored->sequence : consumer->delivered;
    pull->used++;
    struct delivery *delivery = sim_alloc(sim, sizeof(*delivery));
    *delivery = (struct delivery){
        .stored = stored, .pull = pull, .line = pull->bus->line, .number = stored->delivery};
    sim_after(sim, delivery_delay(sim), arrive, delivery, 0);
    sim_after(sim, consumer->ack_wait_us, again, stored, stored->delivery);
}

static void stream_pump(struct sim *sim, struct stream *stream)
{
    bool moved = true; /* everything before i is not NEW */
    for (size_t i = stream->hint; i < stream->count; i++) {
        struct stored *stored = stream->items[i];
        if (stored->state == NEW && !stored->gone) {
            if (sim_wall_ms(sim) - stored->at_ms > stream->max_age_ms) {
                stored->gone = true;
                continue;
            }
            struct consumer *consumer = model_consumer_of(sim->bus, stored, stream);
            struct bus_pull *pull = consumer == NULL ? NULL : pull_of(sim->bus, consumer);
            if (pull != NULL) {
                deliver(sim, stored, consumer, pull);
            } else {
                moved = false;
            }
        }
        stream->hint = moved ? i + 1 : stream->hint;
    }
}

void model_pump(struct sim *sim)
{
    for (size_t i = 0; sim->bus->up && i < sim->bus->stream_count; i++) {
        if (sim->bus->streams[i].exists) {
            stream_pump(sim, &sim->bus->streams[i]);
        }
    }
}

/* ---- storing ---- */

static struct stored *store(struct sim *sim, const char *subject, const void *body, size_t size,
                            bool copy)
{
    struct sim_bus *it = sim->bus;
    struct stream *stream = model_stream_of(it, subject);
    if (!it->up || stream == NULL || !stream->exists) {
        return NULL;
    }
    if (it->all_count == it->all_room) {
        it->all_room = it->all_room == 0 ? 256 : 2 * it->all_room;
        struct stored **more = sim_alloc(sim, it->all_room * sizeof(struct stored *));
        if (it->all_count > 0) {
            memcpy(more, it->all, it->all_count * sizeof(struct stored *));
        }
        it->all = more;
    }
    if (stream->count == stream->room) {
        stream->room = stream->room == 0 ? 256 : 2 * stream->room;
        struct stored **more = sim_alloc(sim, stream->room * sizeof(struct stored *));
        if (stream->count > 0) {
            memcpy(more, stream->items, stream->count * sizeof(struct stored *));
        }
        stream->items = more;
    }
    struct stored *stored = sim_alloc(sim, sizeof(*stored));
    it->all[it->all_count++] = stored;
    stored->uid = it->all_count;
    stored->sequence = ++stream->last;
    (void)text_copy(stored->subject, sizeof(stored->subject), subject);
    stored->body = sim_copy(sim, body, size);
    stored->size = size;
    stored->at_ms = sim_wall_ms(sim);
    stored->copy = copy;
    const struct consumer *consumer = model_consumer_of(it, stored, stream);
    if (consumer != NULL && consumer->delivered >= stored->sequence) {
        stored->state = SKIPPED; /* the consumer is ahead of its stream */
    }
    stream->items[stream->count++] = stored;
    model_pump(sim);
    return stored;
}

bool sim_bus_publish(struct sim *sim, const char *subject, const char *body, size_t size,
                     uint64_t *ret_uid)
{
    struct stored *stored = store(sim, subject, body, size, false);
    *ret_uid = stored == NULL ? 0 : stored->uid;
    return stored != NULL;
}

bool sim_bus_acked(struct sim *sim, uint64_t uid)
{
    return uid != 0 && sim->bus->all[uid - 1]->ever_acked;
}

bool sim_bus_under_way(struct sim *sim, uint64_t uid)
{
    const struct stored *stored = uid == 0 ? NULL : sim->bus->all[uid - 1];
    return stored != NULL && !stored->gone && (stored->state == MOVING || stored->state == OUT);
}

/* ---- bus.h: connection ---- */

void model_connect_act(struct sim *sim, void *what, uint64_t number)
{
    struct bus *bus = what;
    if (bus->closed || bus->connected || !sim->bus->up) {
        return;
    }
    bus->connected = true;
    for (size_t i = 0; i < bus->pull_count; i++) {
        bus->pulls[i]->used = 0;
    }
    sim_trace(sim, bus->options.name, bus->line, number);
    if (bus->options.on_state != NULL) {
        bus->options.on_state(bus->options.user, bus->line == 1 ? BUS_CONNECTED : BUS_RECONNECTED,
                              "");
    }
    model_pump(sim);
}

enum err bus_connect(const struct bus_options *options, struct bus **ret_bus, struct error *err)
{
    (void)err;
    struct sim *sim = sim_current;
    struct bus *bus = sim_alloc(sim, sizeof(*bus));
    bus->options = *options;
    bus->line = 1;
    CHECK(sim->bus->bus_count < BUSES_MAX);
    sim->bus->buses[sim->bus->bus_count++] = bus;
    sim_after(sim, draw_between(&sim->draw, 100, 5000), model_connect_act, bus, 0);
    *ret_bus = bus;
    return ERR_OK;
}

void bus_close(struct bus **bus)
{
    if (*bus == NULL) {
        return;
    }
    (*bus)->closed = true;
    (*bus)->connected = false;
    for (size_t i = 0; i < (*bus)->pull_count; i++) {
        (*bus)->pulls[i]->stopped = true;
    }
    struct sim_bus *it = sim_current->bus;
    for (size_t i = 0; i < it->bus_count; i++) {
        if (it->buses[i] == *bus) {
            it->buses[i] = it->buses[--it->bus_count];
            break;
        }
    }
    *bus = NULL;
}

bool bus_is_connected(struct bus *bus)
{
    return bus->connected;
}

/* ---- bus.h: messages ---- */

void bus_msg_destroy(struct bus_msg **msg)
{
    free(*msg);
    *msg = NULL;
}

const char *bus_msg_header(struct bus_msg *msg, const char *name)
{
    const struct message *message = (struct message *)msg;
    bool copy = message->stored != NULL && message->stored->copy;
    return copy && strcmp(name, "Mainstay-Copy") == 0 ? "1" : NULL;
}

bool bus_msg_headers(struct bus_msg *msg, bus_header_fn *visit, void *user)
{
    const struct message *message = (struct message *)msg;
    if (message->stored != NULL && message->stored->copy) {
        (void)(visit(user, "Content-Type", "application/cloudevents+json") &&
               visit(user, "Mainstay-Copy", "1"));
    }
    return true;
}

enum err bus_msg_ack(struct bus_msg *msg, struct error *err)
{
    struct message *message = (struct message *)msg;
    struct stored *stored = message->stored;
    if (!message->bus->connected) {
        return error_set(err, ERR_UNAVAILABLE, "disconnected");
    }
    stored->ever_acked = true;
    sim_trace(sim_current, "ack", stored->uid, message->delivery);
    if (sim_fault(sim_current, FAULT_ACK_LOST)) {
        return ERR_OK;
    }
    if (stored->state == OUT && (message->delivery == 0 || message->delivery == stored->delivery)) {
        stored->state = ACKED;
    }
    return ERR_OK;
}

enum err bus_publish(struct bus *bus, const struct bus_publication *publication, struct error *err)
{
    struct sim *sim = sim_current;
    if (!bus->connected) {
        return error_set(err, ERR_UNAVAILABLE, "disconnected");
    }
    if (text_starts(publication->subject, "lifecycle.")) {
        return ERR_OK; /* nobody here reads them */
    }
    if (!sim_fault(sim, FAULT_PUBLISH_LOST)) {
        (void)store(sim, publication->subject, publication->body, publication->size,
                    publication->header_count > 0);
    }
    return ERR_OK;
}

enum err bus_subscribe(struct bus *bus, const char *subject, const char *queue,
                       bus_msg_fn *deliver_, void *user, struct error *err)
{
    (void)queue;
    (void)err;
    CHECK(bus->subscription_count < SUBSCRIPTIONS_MAX);
    struct subscription *it = &bus->subscriptions[bus->subscription_count++];
    (void)text_copy(it->prefix, sizeof(it->prefix), subject);
    it->prefix[strcspn(it->prefix, "*>")] = '\0';
    it->deliver = deliver_;
    it->user = user;
    return ERR_OK;
}

/* ---- requests ---- */

static void answer_act(struct sim *sim, void *what, uint64_t number)
{
    struct request *request = what;
    if (request->answered) {
        return;
    }
    request->answered = true;
    bool silent = number == 0;
    request->reply(sim, request->user, request->number, silent ? NULL : request->body,
                   request->size);
}

void sim_bus_request(struct sim *sim, const char *subject, const void *body, size_t size,
                     int64_t timeout_us, sim_bus_reply_fn *reply, void *user, uint64_t number)
{
    struct request *request = sim_alloc(sim, sizeof(*request));
    *request = (struct request){.reply = reply, .user = user, .number = number};
    sim_after(sim, timeout_us, answer_act, request, 0);
    for (size_t i = 0; i < sim->bus->bus_count; i++) {
        struct bus *bus = sim->bus->buses[i];
        for (size_t k = 0; bus->connected && k < bus->subscription_count; k++) {
            const struct subscription *it = &bus->subscriptions[k];
            if (strncmp(subject, it->prefix, strlen(it->prefix)) != 0) {
                continue;
            }
            struct message *message = calloc(1, sizeof(*message));
            CHECK(message != NULL);
            message->base = (struct bus_msg){.subject = sim_copy(sim, subject, strlen(subject)),
                                             .reply = "_INBOX.sim",
                                             .body = sim_copy(sim, body, size),
                                             .size = size};
            message->bus = bus;
            message->request = request;
            it->deliver(it->user, &message->base);
            return;
        }
    }
}

/* The coordinator asks over other connections whether the bus is stuck only when it is told to. */
enum err bus_request(struct bus *bus, const struct bus_publication *publication,
                     unsigned timeout_ms, struct buf *ret_reply, struct error *err)
{
    (void)bus;
    (void)publication;
    (void)timeout_ms;
    (void)ret_reply;
    return error_set(err, ERR_UNSUPPORTED, "nobody is asked here");
}

enum err bus_respond(struct bus_msg *msg, const void *body, size_t size, struct error *err)
{
    struct sim *sim = sim_current;
    const struct message *message = (struct message *)msg;
    if (!message->bus->connected) {
        return error_set(err, ERR_UNAVAILABLE, "disconnected");
    }
    if (message->request == NULL || sim_fault(sim, FAULT_REPLY_LOST)) {
        return ERR_OK;
    }
    message->request->body = sim_copy(sim, body, size);
    message->request->size = size;
    sim_after(sim, draw_between(&sim->draw, 50, 500), answer_act, message->request, 1);
    return ERR_OK;
}

/* ---- tracked publications ---- */

struct tracked {
    struct bus *bus;
    uint64_t line;
    uint64_t token;
    char subject[NAME_BYTES];
    const char *body;
    size_t size;
};

/* number: whether it was stored */
static void tracked_tell(struct sim *sim, void *what, uint64_t number)
{
    (void)sim;
    struct tracked *tracked = what;
    if (!tracked->bus->closed) {
        bool stored = number != 0 && tracked->bus->line == tracked->line;
        tracked->bus->options.on_ack(tracked->bus->options.user, tracked->token, stored,
                                     stored ? "" : "nobody answered");
    }
}

static void tracked_arrive(struct sim *sim, void *what, uint64_t number)
{
    (void)number;
    struct tracked *tracked = what;
    bool lost = sim_fault(sim, FAULT_PUBLISH_LOST);
    bool stored =
        !lost && store(sim, tracked->subject, tracked->body, tracked->size, false) != NULL;
    bool untold = stored && sim_fault(sim, FAULT_PUBLISH_UNTOLD);
    if (stored && !untold) {
        sim_after(sim, draw_between(&sim->draw, 50, 300), tracked_tell, tracked, 1);
    } else {
        sim_after(sim, ACK_LATE_US, tracked_tell, tracked, 0);
    }
}

enum err bus_publish_tracked(struct bus *bus, const struct bus_publication *publication,
                             uint64_t token, struct error *err)
{
    struct sim *sim = sim_current;
    if (!bus->connected) {
        return error_set(err, ERR_UNAVAILABLE, "disconnected");
    }
    struct tracked *tracked = sim_alloc(sim, sizeof(*tracked));
    *tracked = (struct tracked){.bus = bus, .line = bus->line, .token = token};
    (void)text_copy(tracked->subject, sizeof(tracked->subject), publication->subject);
    tracked->body = sim_copy(sim, publication->body, publication->size);
    tracked->size = publication->size;
    sim_after(sim, draw_between(&sim->draw, 20, 300), tracked_arrive, tracked, 0);
    return ERR_OK;
}

bool sim_bus_is_up(const struct sim *sim)
{
    bool up = sim->bus->up;
    for (size_t i = 0; i < sim->bus->bus_count; i++) {
        up = up && sim->bus->buses[i]->connected;
    }
    return up;
}
