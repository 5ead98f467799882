/*
 * Whether the bus is stuck: it takes connections and serves some streams, but never one of them.
 *
 * nats-server 2.9.10 comes to that when bytes of its files were changed: a consumer's goroutine
 * turns round for ever with the lock of its stream. Whoever asks for that stream, or publishes into
 * it, takes his whole connection down with him, because requests are served in the connection's
 * reader; the client library notices that nothing is answered and connects again, in vain. So each
 * stream is asked over a connection of its own.
 */
#include <inttypes.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/log_signs.h"
#include "common/wire/subjects.h"
#include "coordinator/edge/edge_private.h"
#include "coordinator/edge/lanes.h"

enum {
    LOOKS = 2,              /* in a row before anything is said */
    FORGET_MS = 120000,     /* looks that are further apart are not in a row */
    SOME_SILENT_MS = 30000, /* the same stream, while others answer: a busy bus is only slow */
    ALL_SILENT_MS = 120000, /* when no stream answers: a disk can hang for long and come back */
    CONSUMERS_BYTES = 1024 * 1024,
    AGAIN_MS = 60000, /* connections made again within that are a reason to look */
};

enum { ASKED_MAX = 32 }; /* of more streams than that the last are not asked */

/* One stream that is asked. `subject` is published to, under a condition that never holds, so that
 * nothing is stored; empty where that would be seen by others. */
struct asked {
    const char *stream;
    char subject[SUBJECT_BYTES];
};

static size_t asked_list(const struct edge *edge, struct asked *asked)
{
    asked[0] = (struct asked){.stream = STREAM_EVENTS};
    asked[1] = (struct asked){.stream = STREAM_TASKS, .subject = "task.nobody.look"};
    asked[2] = (struct asked){.stream = STREAM_LIFECYCLE};
    size_t count = 3;
    size_t cursor = 0;
    const char *agent = NULL;
    const char *store = NULL;
    while (count < ASKED_MAX &&
           lanes_next(edge->lanes, &cursor, &asked[count].stream, &agent, &store)) {
        (void)subject_result(agent, store, asked[count].subject); /* none: of several stores */
        count++;
    }
    return count;
}

/* Whether publishing into a stream is answered, if only by a refusal. Header: ADR-22 and
 * docs.nats.io, "Nats-Expected-Last-Sequence". */
static enum err publish_ask(struct bus *bus, const char *subject)
{
    static const struct bus_header never = {"Nats-Expected-Last-Sequence", "18446744073709551615"};
    const struct bus_publication publication = {
        .subject = subject, .headers = &never, .header_count = 1, .body = "look", .size = 4};
    struct buf reply = BUF_INIT(4096);
    enum err code = bus_request(bus, &publication, BUS_API_TIMEOUT_MS, &reply, NULL);
    buf_release(&reply);
    return code;
}

/* Whether each consumer of a stream is answered for. A stream may say how it is while one of its
 * consumers is stuck, and whoever pulls from that one is served no more. */
static enum err consumers_ask(struct bus *bus, const char *stream)
{
    char operation[64];
    struct buf reply = BUF_INIT(CONSUMERS_BYTES);
    (void)snprintf(operation, sizeof(operation), "CONSUMER.LIST.%s", stream);
    enum err code = bus_js_api(bus, operation, NULL, &reply, NULL);
    buf_release(&reply);
    return code == ERR_TIMEOUT ? code : ERR_OK;
}

/* One stream over its own connection. ERR_TIMEOUT: nothing was answered; ERR_UNAVAILABLE: there is
 * nobody to answer; anything else is an answer. */
static enum err stream_ask(const struct edge *edge, const struct asked *asked)
{
    struct bus *bus = NULL;
    struct bus_stream_state state;
    const struct bus_options options = {.url = edge->options.bus_url,
                                        .creds_file = edge->options.creds_file,
                                        .ca_file = edge->options.ca_file,
                                        .name = "coordinator-look"};
    if (bus_connect(&options, &bus, NULL) != ERR_OK) {
        return ERR_UNAVAILABLE;
    }
    enum err code = bus_stream_state(bus, asked->stream, &state, NULL);
    if (code == ERR_OK) {
        code = consumers_ask(bus, asked->stream);
    }
    if ((code == ERR_OK || code == ERR_NOT_FOUND) && asked->subject[0] != '\0') {
        /* A stream whose deletion is stuck is gone from the list and still takes what comes. */
        code = publish_ask(bus, asked->subject);
        code = code == ERR_UNAVAILABLE ? ERR_NOT_FOUND : code; /* nobody listens there */
    }
    bus_close(&bus);
    return code;
}

/* Which streams are silent, a bit each. 0 when that tells nothing: all answer, or the bus is away.
 */
static uint32_t silent_find(const struct edge *edge, const struct asked *asked, size_t count)
{
    uint32_t silent = 0;
    for (size_t i = 0; i < count; i++) {
        enum err code = stream_ask(edge, &asked[i]);
        if (code == ERR_UNAVAILABLE) {
            return 0;
        }
        silent |= code == ERR_TIMEOUT ? UINT32_C(1) << i : 0;
    }
    return silent;
}

static void say_stuck(const struct asked *asked, size_t count, uint32_t silent, int64_t for_ms)
{
    struct buf names = BUF_INIT(8192);
    for (size_t i = 0; i < count; i++) {
        if ((silent >> i & 1) != 0) {
            buf_printf(&names, "%s%s", names.size > 0 ? ", " : "", asked[i].stream);
        }
    }
    log_line(LOG_ERROR, LOG_BUS_STUCK,
             "the bus takes connections but has not answered for stream %s in %" PRId64
             " s: nats-server's files are damaged or its disk hangs. `mainstay up` mends the "
             "bus it runs; elsewhere stop nats-server, move its store_dir away and start it: "
             "all is sent again but events that were not taken yet",
             names.data, for_ms / 1000);
    buf_release(&names);
}

void bus_look(struct edge *edge)
{
    struct bus_look *look = &edge->look;
    struct asked asked[ASKED_MAX];
    int64_t begun_ms = clock_boot_ms();
    if (!edge->options.watch_bus) {
        return;
    }
    size_t count = asked_list(edge, asked);
    uint32_t all = (uint32_t)((UINT64_C(1) << count) - 1);
    if (look->stuck == 0 || look->asked != count || begun_ms - look->last_ms >= FORGET_MS) {
        *look = (struct bus_look){.silent = all,
                                  .asked = count,
                                  .since_ms = begun_ms,
                                  .reconnected_ms = look->reconnected_ms};
    }
    look->silent &= silent_find(edge, asked, count);
    look->stuck = look->silent != 0 ? look->stuck + 1 : 0;
    look->last_ms = clock_boot_ms();
    int64_t for_ms = look->last_ms - look->since_ms;
    if (look->stuck >= LOOKS && for_ms >= (look->silent == all ? ALL_SILENT_MS : SOME_SILENT_MS)) {
        say_stuck(asked, count, look->silent, for_ms);
    }
}

void bus_look_reconnected(struct edge *edge)
{
    int64_t now = clock_boot_ms();
    int64_t before = edge->look.reconnected_ms;
    edge->look.reconnected_ms = now;
    if (before != 0 && now - before < AGAIN_MS) {
        bus_look(edge);
    }
}
