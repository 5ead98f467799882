/* Sending: core messages, requests, and publications whose acknowledgement is awaited. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/bus/bus_private.h"
#include "common/json/json.h"

/* ---- core messages ---- */

static natsStatus raw_create(const struct bus_publication *publication, const char *reply,
                             natsMsg **ret_raw)
{
    natsStatus status = natsMsg_Create(ret_raw, publication->subject, reply, publication->body,
                                       (int)publication->size);
    for (size_t i = 0; i < publication->header_count && status == NATS_OK; i++) {
        status = natsMsgHeader_Add(*ret_raw, publication->headers[i].name,
                                   publication->headers[i].value);
    }
    return status;
}

static natsStatus raw_send(natsConnection *connection, const struct bus_publication *publication,
                           const char *reply)
{
    if (publication->header_count == 0) {
        return natsConnection_PublishRequest(connection, publication->subject, reply,
                                             publication->body, (int)publication->size);
    }
    natsMsg *raw = NULL;
    natsStatus status = raw_create(publication, reply, &raw);
    if (status == NATS_OK) {
        status = natsConnection_PublishMsg(connection, raw);
    }
    natsMsg_Destroy(raw);
    return status;
}

enum err bus_send(struct bus *bus, const struct bus_publication *publication, const char *reply,
                  struct error *err)
{
    natsConnection *connection = bus_hold(bus);
    if (connection == NULL) {
        return error_set(err, ERR_UNAVAILABLE, "cannot publish to '%s': the bus is not connected",
                         publication->subject);
    }
    natsStatus status = reply != NULL || publication->header_count > 0
                            ? raw_send(connection, publication, reply)
                            : natsConnection_Publish(connection, publication->subject,
                                                     publication->body, (int)publication->size);
    bus_let_go(bus);
    if (status != NATS_OK) {
        return bus_nats_error(status, "publish to", publication->subject, err);
    }
    BUS_COUNT(bus, published, 1);
    BUS_COUNT(bus, published_bytes, publication->size);
    return ERR_OK;
}

enum err bus_publish(struct bus *bus, const struct bus_publication *publication, struct error *err)
{
    TRY(bus_publication_check(publication, err));
    return bus_send(bus, publication, NULL, err);
}

static void on_core_message(struct bus_subscription *subscription, natsMsg *raw)
{
    struct bus_msg *msg = bus_msg_create(subscription->bus, raw);
    if (msg != NULL) {
        subscription->deliver(subscription->user, msg);
    }
}

enum err bus_subscribe(struct bus *bus, const char *subject, const char *queue, bus_msg_fn *deliver,
                       void *user, struct error *err)
{
    if (!bus_pattern_is_valid(subject) || (queue != NULL && !text_is_token(queue))) {
        return error_set(err, ERR_INVALID,
                         "cannot subscribe: subject or queue has characters outside [A-Za-z0-9_-] "
                         "or a wildcard inside a token");
    }
    struct bus_subscription *subscription = bus_subscription_create(bus, subject, queue);
    if (subscription == NULL) {
        return error_set(err, ERR_NOMEM, "cannot subscribe to '%s': out of memory", subject);
    }
    subscription->handle = on_core_message;
    subscription->deliver = deliver;
    subscription->user = user;
    return bus_subscription_add(bus, subscription, err);
}

static natsStatus raw_request(natsConnection *connection, const struct bus_publication *publication,
                              unsigned timeout_ms, natsMsg **ret_answer)
{
    natsMsg *raw = NULL;
    natsStatus status = raw_create(publication, NULL, &raw);
    if (status == NATS_OK) {
        status = natsConnection_RequestMsg(ret_answer, connection, raw, (int64_t)timeout_ms);
    }
    natsMsg_Destroy(raw);
    return status;
}

enum err bus_request(struct bus *bus, const struct bus_publication *publication,
                     unsigned timeout_ms, struct buf *ret_reply, struct error *err)
{
    TRY(bus_publication_check(publication, err));
    natsConnection *connection = bus_hold(bus);
    if (connection == NULL) {
        return error_set(err, ERR_UNAVAILABLE, "cannot ask '%s': the bus is not connected",
                         publication->subject);
    }
    natsMsg *answer = NULL;
    natsStatus status = raw_request(connection, publication, timeout_ms, &answer);
    bus_let_go(bus);
    if (status != NATS_OK) {
        return bus_nats_error(status, "ask", publication->subject, err);
    }
    BUS_COUNT(bus, published, 1);
    BUS_COUNT(bus, published_bytes, publication->size);
    buf_clear(ret_reply);
    buf_append(ret_reply, natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer));
    natsMsg_Destroy(answer);
    if (ret_reply->failed) {
        return error_set(err, ERR_LIMIT, "the answer of '%s' is larger than %zu bytes",
                         publication->subject, ret_reply->max);
    }
    return ERR_OK;
}

/* ---- tracked publications ---- */

static void tracker_lock(struct bus *bus)
{
    CHECK(pthread_mutex_lock(&bus->tracker.lock) == 0);
}

static void tracker_unlock(struct bus *bus)
{
    CHECK(pthread_mutex_unlock(&bus->tracker.lock) == 0);
}

/* Forget closed entries at the front. Caller holds the lock. */
static void tracker_trim(struct bus_tracker *tracker)
{
    while (tracker->first < tracker->next &&
           !tracker->entries[tracker->first % BUS_TRACKED_MAX].open) {
        tracker->first++;
    }
}

/* Reserve a number for `token`; false when too many are waiting. */
static bool tracker_add(struct bus *bus, uint64_t token, uint64_t *ret_number)
{
    struct bus_tracker *tracker = &bus->tracker;
    tracker_lock(bus);
    tracker_trim(tracker);
    bool first = tracker->first == tracker->next;
    bool fits = tracker->next - tracker->first < BUS_TRACKED_MAX;
    int64_t deadline = clock_deadline_ns(bus->tracked_timeout_ms);
    if (fits) {
        *ret_number = tracker->next++;
        tracker->entries[*ret_number % BUS_TRACKED_MAX] =
            (struct bus_tracked){.token = token, .deadline_ns = deadline, .open = true};
    }
    tracker_unlock(bus);
    if (first && fits) {
        bus_keeper_wake(bus, deadline);
    }
    return fits;
}

/* Close entry `number`; false when it is not (or no longer) open. */
static bool tracker_take(struct bus *bus, uint64_t number, uint64_t *ret_token)
{
    struct bus_tracker *tracker = &bus->tracker;
    tracker_lock(bus);
    struct bus_tracked *entry = &tracker->entries[number % BUS_TRACKED_MAX];
    bool found = number >= tracker->first && number < tracker->next && entry->open;
    if (found) {
        *ret_token = entry->token;
        entry->open = false;
        tracker_trim(tracker);
    }
    tracker_unlock(bus);
    return found;
}

enum err bus_publish_tracked(struct bus *bus, const struct bus_publication *publication,
                             uint64_t token, struct error *err)
{
    CHECK(bus->on_ack != NULL);
    TRY(bus_publication_check(publication, err));
    if (publication->size == 0) {
        return error_set(err, ERR_INVALID, "cannot publish to '%s': the body is empty",
                         publication->subject);
    }
    uint64_t number = 0;
    if (!tracker_add(bus, token, &number)) {
        return error_set(err, ERR_UNAVAILABLE,
                         "cannot publish to '%s': %d publications wait for their acknowledgement",
                         publication->subject, BUS_TRACKED_MAX);
    }
    char reply[BUS_INBOX_BYTES + 24];
    (void)snprintf(reply, sizeof(reply), "%s.t.%" PRIu64, bus->inbox, number);
    enum err code = bus_send(bus, publication, reply, err);
    /* When the connection was lost meanwhile the entry has been reported already. */
    if (code != ERR_OK && !tracker_take(bus, number, &token)) {
        return ERR_OK;
    }
    return code;
}

/* Whether a PubAck says stored; otherwise its words into `why`. */
static bool pub_ack_is_good(natsMsg *raw, char *why, size_t why_size)
{
    json_t *ack = NULL;
    const char *status = bus_status_of(raw);
    if (status != NULL) {
        (void)snprintf(why, why_size, "%s",
                       strcmp(status, "503") == 0 ? "no stream takes this subject"
                                                  : "refused by the server");
        return false;
    }
    const struct json_limits limits = {.size_max = 8192, .depth_max = 8, .any_number = true};
    const char *body = natsMsg_GetData(raw);
    if (json_parse(body != NULL ? body : "", (size_t)natsMsg_GetDataLength(raw), &limits, &ack,
                   NULL) != ERR_OK) {
        (void)snprintf(why, why_size, "the answer is not an acknowledgement");
        return false;
    }
    const json_t *error = json_object_of(ack, "error");
    bool good = error == NULL && json_text_of(ack, "stream") != NULL;
    const char *words = error != NULL ? json_text_of(error, "description") : NULL;
    (void)snprintf(why, why_size, "%s",
                   good            ? ""
                   : words != NULL ? words
                                   : "the answer is not an acknowledgement");
    json_decref(ack);
    return good;
}

void bus_tracked_on_reply(struct bus_subscription *subscription, natsMsg *raw)
{
    struct bus *bus = subscription->bus;
    const char *subject = natsMsg_GetSubject(raw);
    const char *dot = strrchr(subject, '.');
    uint64_t number = 0;
    uint64_t token = 0;
    char why[256];
    bool good = pub_ack_is_good(raw, why, sizeof(why));
    if (dot == NULL || !text_to_u64(dot + 1, &number) || !tracker_take(bus, number, &token)) {
        BUS_COUNT(bus, rejected, 1);
        natsMsg_Destroy(raw);
        return;
    }
    natsMsg_Destroy(raw);
    if (good) {
        BUS_COUNT(bus, tracked_stored, 1);
    } else {
        BUS_COUNT(bus, tracked_failed, 1);
    }
    bus->on_ack(bus->user, token, good, why);
}

/* Close the first open entry with a deadline <= `until_ns`; false when there is none, and then
 * *ret_next is the deadline to come. */
static bool tracker_expire_one(struct bus *bus, int64_t until_ns, uint64_t *ret_token,
                               int64_t *ret_next)
{
    struct bus_tracker *tracker = &bus->tracker;
    tracker_lock(bus);
    tracker_trim(tracker);
    bool found = false;
    *ret_next = CLOCK_FOREVER;
    if (tracker->first < tracker->next) {
        struct bus_tracked *entry = &tracker->entries[tracker->first % BUS_TRACKED_MAX];
        found = entry->deadline_ns <= until_ns;
        *ret_next = entry->deadline_ns;
        *ret_token = entry->token;
        entry->open = !found;
    }
    tracker_unlock(bus);
    return found;
}

int64_t bus_tracked_expire(struct bus *bus, int64_t now_ns)
{
    uint64_t token = 0;
    int64_t next = CLOCK_FOREVER;
    while (tracker_expire_one(bus, now_ns, &token, &next)) {
        BUS_COUNT(bus, tracked_timeouts, 1);
        bus->on_ack(bus->user, token, false, "no acknowledgement in time");
    }
    return next;
}

void bus_tracked_fail_all(struct bus *bus, const char *why)
{
    uint64_t token = 0;
    int64_t next = CLOCK_FOREVER;
    while (tracker_expire_one(bus, CLOCK_FOREVER, &token, &next)) {
        BUS_COUNT(bus, tracked_failed, 1);
        bus->on_ack(bus->user, token, false, why);
    }
}
