/* Received messages: wrapping, headers, acknowledging. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/check.h"
#include "common/base/str.h"
#include "common/bus/bus_private.h"

struct message {
    struct bus_msg public; /* first */
    struct bus *bus;
    natsMsg *raw;
    bool from_stream;
};

static struct message *message_of(struct bus_msg *msg)
{
    return (struct message *)msg;
}

/* ---- the reply subject of a stream's message ---- */

enum { ACK_TOKENS_MAX = 12 };

struct ack_subject {
    struct str tokens[ACK_TOKENS_MAX];
    unsigned count;
    unsigned stream; /* index of the stream's token; consumer and numbers follow */
};

/*
 * $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>, and since
 * server 2.14 optionally with <domain>.<account hash> before the stream and a token at the end
 * (ADR-15).
 */
static bool ack_subject_split(const char *reply, struct ack_subject *ret_subject)
{
    *ret_subject = (struct ack_subject){0};
    if (!text_starts(reply, "$JS.ACK.")) {
        return false;
    }
    for (const char *token = reply; token != NULL;) {
        size_t length = strcspn(token, ".");
        if (length == 0 || ret_subject->count == ACK_TOKENS_MAX) {
            return false;
        }
        ret_subject->tokens[ret_subject->count++] = (struct str){.data = token, .size = length};
        token = token[length] == '.' ? token + length + 1 : NULL;
    }
    ret_subject->stream = ret_subject->count == 9 ? 2 : 4;
    return ret_subject->count == 9 || ret_subject->count >= 11;
}

static bool token_number(struct str token, uint64_t *ret_value)
{
    char text[24];
    if (token.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, token.data, token.size);
    text[token.size] = '\0';
    return text_to_u64(text, ret_value);
}

static bool ack_subject_read(const char *reply, struct bus_msg *msg)
{
    struct ack_subject subject;
    uint64_t numbers[5];
    if (!ack_subject_split(reply, &subject)) {
        return false;
    }
    for (unsigned i = 0; i < 5; i++) {
        if (!token_number(subject.tokens[subject.stream + 2 + i], &numbers[i])) {
            return false;
        }
    }
    msg->num_delivered = numbers[0];
    msg->stream_sequence = numbers[1];
    msg->consumer_sequence = numbers[2];
    msg->timestamp_ns = (int64_t)(numbers[3] & INT64_MAX);
    msg->num_pending = numbers[4];
    return true;
}

bool bus_ack_subject_is_of(const char *reply, const char *stream, const char *consumer)
{
    struct ack_subject subject;
    return ack_subject_split(reply, &subject) &&
           str_equal(subject.tokens[subject.stream], str_of(stream)) &&
           str_equal(subject.tokens[subject.stream + 1], str_of(consumer));
}

/* ---- wrapping ---- */

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

struct bus_msg *bus_msg_create(struct bus *bus, natsMsg *raw)
{
    struct message *message = calloc(1, sizeof(*message));
    if (message == NULL) {
        natsMsg_Destroy(raw);
        return NULL;
    }
    message->bus = bus;
    message->raw = raw;
    message->public.subject = text_or_empty(natsMsg_GetSubject(raw));
    message->public.reply = text_or_empty(natsMsg_GetReply(raw));
    message->public.body = text_or_empty(natsMsg_GetData(raw));
    message->public.size = (size_t)natsMsg_GetDataLength(raw);
    message->from_stream = ack_subject_read(message->public.reply, &message->public);
    BUS_COUNT(bus, received, 1);
    BUS_COUNT(bus, received_bytes, message->public.size);
    return &message->public;
}

void bus_msg_destroy(struct bus_msg **msg)
{
    if (*msg != NULL) {
        natsMsg_Destroy(message_of(*msg)->raw);
        free(*msg);
        *msg = NULL;
    }
}

/* A user's message may carry a Status header too, so a real one has no body and no stream reply. */
const char *bus_status_of(natsMsg *raw)
{
    const char *status = NULL;
    const char *reply = natsMsg_GetReply(raw);
    if (natsMsg_GetDataLength(raw) > 0 || (reply != NULL && text_starts(reply, "$JS.ACK."))) {
        return NULL;
    }
    if (natsMsgHeader_Get(raw, "Status", &status) != NATS_OK) {
        return NULL;
    }
    return status;
}

/* ---- headers ---- */

bool bus_msg_headers(struct bus_msg *msg, bus_header_fn *visit, void *user)
{
    natsMsg *raw = message_of(msg)->raw;
    const char **names = NULL;
    int name_count = 0;
    natsStatus status = natsMsgHeader_Keys(raw, &names, &name_count);
    if (status != NATS_OK) {
        return status == NATS_NOT_FOUND;
    }
    bool go_on = true;
    for (int i = 0; i < name_count && go_on; i++) {
        const char **values = NULL;
        int value_count = 0;
        if (natsMsgHeader_Values(raw, names[i], &values, &value_count) != NATS_OK) {
            continue;
        }
        for (int j = 0; j < value_count && go_on; j++) {
            go_on = visit(user, names[i], text_or_empty(values[j]));
        }
        free((void *)values);
    }
    free((void *)names);
    return true;
}

struct search {
    const char *name;
    const char *found;
};

static bool search_visit(void *user, const char *name, const char *value)
{
    struct search *search = user;
    if (strcasecmp(name, search->name) == 0) {
        search->found = value;
    }
    return search->found == NULL;
}

const char *bus_msg_header(struct bus_msg *msg, const char *name)
{
    const char *value = NULL;
    if (natsMsgHeader_Get(message_of(msg)->raw, name, &value) == NATS_OK) {
        return value;
    }
    struct search search = {.name = name};
    (void)bus_msg_headers(msg, search_visit, &search);
    return search.found;
}

/* ---- acknowledging ---- */

static enum err verdict_send(struct bus_msg *msg, const char *verdict, struct error *err)
{
    struct message *message = message_of(msg);
    if (!message->from_stream) {
        return error_set(err, ERR_INVALID,
                         "cannot acknowledge a message on '%s': no stream sent it", msg->subject);
    }
    natsConnection *connection = bus_hold(message->bus);
    if (connection == NULL) {
        return error_set(err, ERR_UNAVAILABLE,
                         "cannot acknowledge a message on '%s': the bus is not connected",
                         msg->subject);
    }
    natsStatus status = natsConnection_PublishString(connection, msg->reply, verdict);
    bus_let_go(message->bus);
    if (status != NATS_OK) {
        return bus_nats_error(status, "acknowledge a message on", msg->subject, err);
    }
    BUS_COUNT(message->bus, acked, 1);
    return ERR_OK;
}

enum err bus_msg_ack(struct bus_msg *msg, struct error *err)
{
    return verdict_send(msg, "+ACK", err);
}

enum err bus_msg_nak(struct bus_msg *msg, unsigned delay_ms, struct error *err)
{
    char verdict[64] = "-NAK";
    if (delay_ms > 0) {
        (void)snprintf(verdict, sizeof(verdict), "-NAK {\"delay\":%" PRIu64 "}",
                       (uint64_t)delay_ms * 1000000);
    }
    return verdict_send(msg, verdict, err);
}

enum err bus_msg_term(struct bus_msg *msg, struct error *err)
{
    return verdict_send(msg, "+TERM", err);
}

enum err bus_msg_progress(struct bus_msg *msg, struct error *err)
{
    return verdict_send(msg, "+WPI", err);
}

void bus_give_back(struct bus *bus, natsMsg *raw)
{
    const char *reply = natsMsg_GetReply(raw);
    natsConnection *connection = bus_hold(bus);
    if (connection != NULL) {
        (void)natsConnection_PublishString(connection, reply, "-NAK");
        bus_let_go(bus);
    }
    natsMsg_Destroy(raw);
    BUS_COUNT(bus, pull_given_back, 1);
}

/* ---- answering ---- */

enum err bus_respond(struct bus_msg *msg, const void *body, size_t size, struct error *err)
{
    struct message *message = message_of(msg);
    if (!bus_reply_is_inbox(msg->reply)) {
        return error_set(err, ERR_REFUSED,
                         "will not answer a message on '%s': its reply subject is no inbox",
                         msg->subject);
    }
    CHECK(size <= INT32_MAX);
    natsConnection *connection = bus_hold(message->bus);
    if (connection == NULL) {
        return error_set(err, ERR_UNAVAILABLE,
                         "cannot answer a message on '%s': the bus is not connected", msg->subject);
    }
    natsStatus status = natsConnection_Publish(connection, msg->reply, body, (int)size);
    bus_let_go(message->bus);
    if (status != NATS_OK) {
        return bus_nats_error(status, "answer a message on", msg->subject, err);
    }
    BUS_COUNT(message->bus, published, 1);
    BUS_COUNT(message->bus, published_bytes, size);
    return ERR_OK;
}
