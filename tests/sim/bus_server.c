/* The server's side of the bus model: streams, consumers, pulls, and what happens to them. */
#include <string.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/wire/subjects.h"
#include "tests/sim/bus_private.h"

struct stream *model_stream(struct sim_bus *it, const char *name)
{
    for (size_t i = 0; i < it->stream_count; i++) {
        if (strcmp(it->streams[i].name, name) == 0) {
            return &it->streams[i];
        }
    }
    return NULL;
}

struct stream *model_stream_of(struct sim_bus *it, const char *subject)
{
    for (size_t i = 0; i < it->stream_count; i++) {
        const char *takes = it->streams[i].subject;
        size_t size = strlen(takes);
        bool all = takes[size - 1] == '>';
        if (all ? strncmp(subject, takes, size - 1) == 0 : strcmp(subject, takes) == 0) {
            return &it->streams[i];
        }
    }
    return NULL;
}

struct consumer *model_consumer(struct sim_bus *it, const struct stream *stream, const char *name)
{
    for (size_t i = 0; stream != NULL && i < it->consumer_count; i++) {
        if (it->consumers[i].stream == stream && strcmp(it->consumers[i].name, name) == 0) {
            return &it->consumers[i];
        }
    }
    return NULL;
}

struct consumer *model_consumer_of(struct sim_bus *it, const struct stored *stored,
                                   const struct stream *stream)
{
    for (size_t i = 0; i < it->consumer_count; i++) {
        struct consumer *consumer = &it->consumers[i];
        if (consumer->stream == stream &&
            (consumer->filter[0] == '\0' || strcmp(consumer->filter, stored->subject) == 0)) {
            return consumer;
        }
    }
    return NULL;
}

/* ---- bus.h: JetStream ---- */

/* A stream that nobody has made yet, as its configuration wants it. */
static struct stream *stream_new(struct sim_bus *it, const char *name, const char *config)
{
    CHECK(it->stream_count < STREAMS_MAX);
    struct stream *stream = &it->streams[it->stream_count++];
    json_t *value = json_loads(config, 0, NULL);
    CHECK(value != NULL);
    const char *subject = json_string_value(json_array_get(json_object_get(value, "subjects"), 0));
    (void)text_copy(stream->name, sizeof(stream->name), name);
    (void)text_copy(stream->subject, sizeof(stream->subject), subject);
    stream->max_age_ms = json_int_of(value, "max_age", 0) / 1000000;
    json_decref(value);
    return stream;
}

enum err bus_stream_ensure(struct bus *bus, const char *stream, const char *config,
                           bool *ret_created, struct error *err)
{
    if (!bus->connected) {
        return error_set(err, ERR_UNAVAILABLE, "disconnected");
    }
    struct stream *it = model_stream(sim_current->bus, stream);
    it = it != NULL ? it : stream_new(sim_current->bus, stream, config);
    if (ret_created != NULL) {
        *ret_created = !it->exists;
    }
    it->exists = true;
    return ERR_OK;
}

static void consumer_config(struct consumer *consumer, const char *config)
{
    json_t *value = json_loads(config, 0, NULL);
    CHECK(value != NULL);
    const char *filter = json_text_of(value, "filter_subject");
    (void)text_copy(consumer->filter, sizeof(consumer->filter), filter == NULL ? "" : filter);
    consumer->ack_wait_us = json_int_of(value, "ack_wait", 30000000000) / 1000;
    json_decref(value);
}

enum err bus_consumer_ensure(struct bus *bus, const char *stream, const char *consumer,
                             const char *config, bool *ret_created, struct error *err)
{
    struct sim_bus *it = sim_current->bus;
    struct stream *of = model_stream(it, stream);
    if (!bus->connected) {
        return error_set(err, ERR_UNAVAILABLE, "disconnected");
    }
    if (of == NULL || !of->exists) {
        return error_set(err, ERR_NOT_FOUND, "no stream");
    }
    struct consumer *found = model_consumer(it, of, consumer);
    if (ret_created != NULL) {
        *ret_created = found == NULL;
    }
    if (found != NULL) {
        return ERR_OK;
    }
    size_t at = 0;
    while (at < it->consumer_count && it->consumers[at].stream != NULL) {
        at++;
    }
    CHECK(at < CONSUMERS_MAX);
    it->consumer_count = at == it->consumer_count ? at + 1 : it->consumer_count;
    found = &it->consumers[at];
    *found = (struct consumer){.stream = of};
    (void)text_copy(found->name, sizeof(found->name), consumer);
    consumer_config(found, config);
    for (size_t i = 0; i < of->count; i++) { /* deliver_policy all */
        struct stored *stored = of->items[i];
        if (model_consumer_of(it, stored, of) == found) {
            stored->state = NEW;
            stored->delivery = 0;
        }
    }
    of->hint = 0;
    sim_after(sim_current, 10, model_pump_act, NULL, 0);
    return ERR_OK;
}

enum err bus_consumer_delete(struct bus *bus, const char *stream, const char *consumer,
                             struct error *err)
{
    struct sim_bus *it = sim_current->bus;
    struct consumer *found = model_consumer(it, model_stream(it, stream), consumer);
    if (!bus->connected || found == NULL) {
        return error_set(err, ERR_NOT_FOUND, "no such consumer");
    }
    found->stream = NULL;
    return ERR_OK;
}

static void stream_empty(struct stream *stream)
{
    for (size_t i = 0; i < stream->count; i++) {
        stream->items[i]->gone = true;
    }
    stream->exists = false;
    stream->count = 0;
    stream->hint = 0;
    stream->last = 0;
}

enum err bus_stream_delete(struct bus *bus, const char *stream, struct error *err)
{
    struct sim_bus *it = sim_current->bus;
    struct stream *found = model_stream(it, stream);
    if (!bus->connected || found == NULL || !found->exists) {
        return error_set(err, ERR_NOT_FOUND, "no such stream");
    }
    stream_empty(found);
    for (size_t i = 0; i < it->consumer_count; i++) {
        if (it->consumers[i].stream == found) {
            it->consumers[i].stream = NULL;
        }
    }
    return ERR_OK;
}

enum err bus_stream_purge(struct bus *bus, const char *stream, uint64_t sequence, struct error *err)
{
    struct stream *it = model_stream(sim_current->bus, stream);
    if (!bus->connected || it == NULL || !it->exists) {
        return error_set(err, ERR_UNAVAILABLE, "disconnected");
    }
    for (size_t i = 0; i < it->count; i++) {
        it->items[i]->gone = it->items[i]->gone || it->items[i]->sequence <= sequence;
    }
    return ERR_OK;
}

enum err bus_stream_state(struct bus *bus, const char *stream, struct bus_stream_state *ret_state,
                          struct error *err)
{
    const struct stream *it = model_stream(sim_current->bus, stream);
    if (!bus->connected) {
        return error_set(err, ERR_UNAVAILABLE, "disconnected");
    }
    if (it == NULL || !it->exists) {
        return error_set(err, ERR_NOT_FOUND, "no such stream");
    }
    *ret_state = (struct bus_stream_state){.last_sequence = it->last, .messages = it->count};
    return ERR_OK;
}

enum err bus_consumer_state(struct bus *bus, const char *stream, const char *consumer,
                            struct bus_consumer_state *ret_state, struct error *err)
{
    struct sim_bus *it = sim_current->bus;
    const struct stream *of = model_stream(it, stream);
    const struct consumer *found = model_consumer(it, of, consumer);
    if (!bus->connected || found == NULL) {
        return error_set(err, ERR_NOT_FOUND, "no such consumer");
    }
    *ret_state = (struct bus_consumer_state){.delivered_sequence = found->delivered};
    for (size_t i = 0; i < of->count; i++) {
        const struct stored *stored = of->items[i];
        bool its = !stored->gone && model_consumer_of(it, stored, of) == found;
        ret_state->num_pending += its && stored->state == NEW ? 1 : 0;
        ret_state->num_ack_pending +=
            its && (stored->state == MOVING || stored->state == OUT) ? 1 : 0;
    }
    return ERR_OK;
}

/* Only a look at a stuck bus asks that way, and the model is never stuck. */
enum err bus_js_api(struct bus *bus, const char *operation, const char *request,
                    struct buf *ret_reply, struct error *err)
{
    (void)bus;
    (void)operation;
    (void)request;
    (void)ret_reply;
    (void)err;
    UNREACHABLE();
}

enum err bus_pull_start(struct bus *bus, const struct bus_pull_options *options,
                        struct bus_pull **ret_pull, struct error *err)
{
    (void)err;
    CHECK(bus->pull_count < PULLS_MAX);
    struct bus_pull *pull = sim_alloc(sim_current, sizeof(*pull));
    *pull = (struct bus_pull){
        .bus = bus, .batch = options->batch, .deliver = options->deliver, .user = options->user};
    (void)text_copy(pull->stream, sizeof(pull->stream), options->stream);
    (void)text_copy(pull->consumer, sizeof(pull->consumer), options->consumer);
    bus->pulls[bus->pull_count++] = pull;
    *ret_pull = pull;
    sim_after(sim_current, 10, model_pump_act, NULL, 0);
    return ERR_OK;
}

void bus_pull_consumed(struct bus_pull *pull, size_t count)
{
    pull->used -= count < pull->used ? (unsigned)count : pull->used;
    model_pump(sim_current);
}

/* Follows the time a turn computes, which is no part of a run that can be repeated. */
void bus_pull_window(struct bus_pull *pull, unsigned window)
{
    (void)pull;
    (void)window;
}

void bus_pull_kick(struct bus_pull *pull)
{
    (void)pull;
    model_pump(sim_current);
}

void bus_pull_stop(struct bus_pull **pull)
{
    if (*pull != NULL) {
        (*pull)->stopped = true;
    }
    *pull = NULL;
}

/* ---- what happens to the server ---- */

static void stream_fall_back(struct sim *sim, struct stream *stream)
{
    size_t recent = 0;
    for (size_t i = stream->count; i-- > 0 && recent < RECENT;) {
        struct stored *stored = stream->items[i];
        bool lost = stored->state == ACKED && draw_chance(&sim->draw, 500);
        recent += stored->state == ACKED ? 1 : 0;
        if (stored->state == OUT || stored->state == MOVING || lost) {
            stored->state = NEW;
            stored->delivery = 0;
        }
    }
    stream->hint = 0;
}

static void stream_harm(struct sim *sim, struct stream *stream, enum sim_bus_harm harm)
{
    if (harm == BUS_HARM_WIPE) {
        stream_empty(stream);
        return;
    }
    if (harm == BUS_HARM_TAIL) {
        size_t lost = draw_below(&sim->draw, 8);
        while (lost-- > 0 && stream->count > 0) {
            stream->items[--stream->count]->gone = true;
            stream->last--;
        }
    }
    stream_fall_back(sim, stream);
}

static void up_act(struct sim *sim, void *what, uint64_t number)
{
    (void)what;
    (void)number;
    sim->bus->up = true;
    for (size_t i = 0; i < sim->bus->bus_count; i++) {
        sim_after(sim, draw_between(&sim->draw, 100, 400000), model_connect_act, sim->bus->buses[i],
                  0);
    }
}

void sim_bus_restart(struct sim *sim, enum sim_bus_harm harm)
{
    struct sim_bus *it = sim->bus;
    if (!it->up) {
        return;
    }
    it->up = false;
    for (size_t i = 0; i < it->stream_count; i++) {
        stream_harm(sim, &it->streams[i], harm);
    }
    for (size_t i = 0; harm == BUS_HARM_WIPE && i < it->consumer_count; i++) {
        it->consumers[i].stream = NULL;
    }
    for (size_t i = 0; i < it->bus_count; i++) {
        struct bus *bus = it->buses[i];
        bus->line++;
        if (bus->connected) {
            bus->connected = false;
            bus->options.on_state(bus->options.user, BUS_DISCONNECTED, "the server is gone");
        }
    }
    sim_after(sim, draw_between(&sim->draw, 1000, 3000000), up_act, NULL, 0);
}
