#include "coordinator/edge/event_intake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/bus/bus.h"
#include "common/json/doc.h"
#include "coordinator/edge/intake_private.h"

enum { REASON_BYTES = 1024, ID_DIGITS = 32, HEADERS_COLLECTED_MAX = 1024 };

bool taking_refuse(struct taking *taking, const char *advice, const char *format, ...)
{
    char reason[REASON_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    /* words may quote what came, cut in the middle of a character */
    for (size_t size = strlen(reason); !utf8_valid(reason, size); size = strlen(reason)) {
        reason[size - 1] = '\0';
    }
    taking->intake->reason = arena_strdup(taking->arena, reason);
    taking->intake->advice = advice;
    CHECK(taking->intake->reason != NULL);
    return false;
}

/* ---- data ---- */

static void envelope_set(struct taking *taking, const char *name, json_t *value)
{
    CHECK(value != NULL);
    CHECK(json_object_set_new(taking->envelope, name, value) == 0);
}

static bool has_bom(struct str bytes)
{
    return bytes.size >= 3 && memcmp(bytes.data, "\xEF\xBB\xBF", 3) == 0;
}

static void data_of_bytes(struct taking *taking, struct str bytes)
{
    if (!has_bom(bytes) && memchr(bytes.data, '\0', bytes.size) == NULL &&
        utf8_valid(bytes.data, bytes.size)) {
        envelope_set(taking, "data", json_stringn(bytes.data, bytes.size));
        return;
    }
    struct buf text = BUF_INIT((size_t)2 * LIMIT_EVENT_BYTES);
    base64_encode(bytes.data, bytes.size, &text);
    CHECK(!text.failed);
    envelope_set(taking, "data_base64", json_stringn(text.data, text.size));
    buf_release(&text);
}

/* The bytes as what the content type says; without one they must be JSON. */
static bool data_take(struct taking *taking, struct str bytes)
{
    const char *type = taking->content_type;
    if (bytes.size == 0) {
        return true;
    }
    if (type != NULL && !json_media_type(type)) {
        data_of_bytes(taking, bytes);
        return true;
    }
    json_t *value = NULL;
    struct error err = {0};
    if (json_parse(bytes.data, bytes.size, NULL, &value, &err) == ERR_OK) {
        envelope_set(taking, "data", value);
        return true;
    }
    const char *looks = media_sniff(bytes);
    if (type != NULL) {
        return taking_refuse(taking, advice_describe(taking),
                             "the content type says JSON but the body is not: %s", err.message);
    }
    if (strcmp(looks, "application/json") == 0) {
        return taking_refuse(taking, advice_describe(taking), "the body is not readable JSON: %s",
                             err.message);
    }
    return taking_refuse(
        taking, advice_describe(taking),
        "the body is not JSON and no Content-Type header says what it is (it looks "
        "like %s)",
        looks);
}

/* ---- what the message left open ---- */

static int header_order(const void *a, const void *b)
{
    const struct intake_header *left = a;
    const struct intake_header *right = b;
    int order = strcasecmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->value, right->value);
}

static const char *id_of_message(struct taking *taking)
{
    const struct intake_message *message = taking->message;
    size_t count = message->header_count;
    struct intake_header *headers = ARENA_ARRAY(taking->arena, struct intake_header, count + 1);
    CHECK(headers != NULL);
    if (count > 0) {
        memcpy(headers, message->headers, count * sizeof(*headers));
        qsort(headers, count, sizeof(*headers), header_order);
    }
    struct blake state;
    blake_init(&state, NULL);
    blake_part_text(&state, message->subject);
    for (size_t i = 0; i < count; i++) {
        blake_part_text(&state, headers[i].name);
        blake_part_text(&state, headers[i].value);
    }
    blake_part(&state, message->body.data, message->body.size);
    blake_part_u64(&state, (uint64_t)message->arrived_ms);
    blake_part_u64(&state, message->sequence);
    struct digest digest = blake_final(&state);
    char hex[DIGEST_HEX_BYTES];
    digest_hex(&digest, hex);
    const char *id = arena_dup(taking->arena, hex, ID_DIGITS);
    CHECK(id != NULL);
    return id;
}

static const char *header_value(const struct intake_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcasecmp(message->headers[i].name, name) == 0) {
            return message->headers[i].value;
        }
    }
    return NULL;
}

/* 55 characters: 00-<32 hex>-<16 hex>-<2 hex> (W3C Trace Context). */
static bool trace_valid(const char *text)
{
    static const char shape[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    if (strlen(text) != sizeof(shape) - 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (shape[i] == 'x' ? !digit : text[i] != '-') {
            return false;
        }
    }
    return true;
}

static void fill_absent(struct taking *taking, const char *name, const char *text)
{
    if (text != NULL && json_object_get(taking->envelope, name) == NULL) {
        envelope_set(taking, name, json_string(text));
    }
}

static void envelope_fill(struct taking *taking)
{
    const struct intake_message *message = taking->message;
    fill_absent(taking, "specversion", "1.0");
    fill_absent(taking, "type", taking->type);
    if (json_object_get(taking->envelope, "source") == NULL) {
        fill_absent(taking, "source", arena_printf(taking->arena, "/bus/%s", message->subject));
    }
    if (json_object_get(taking->envelope, "id") == NULL) {
        fill_absent(taking, "id", id_of_message(taking));
    }
    char time[CLOCK_TEXT_BYTES];
    if (message->arrived_ms > 0 && clock_format(message->arrived_ms, time)) {
        fill_absent(taking, "time", time);
    }
    if (json_object_get(taking->envelope, "data") != NULL) {
        fill_absent(taking, "datacontenttype",
                    taking->content_type != NULL ? taking->content_type : "application/json");
    } else {
        fill_absent(taking, "datacontenttype", taking->content_type);
    }
    const char *trace = header_value(message, "traceparent");
    fill_absent(taking, "traceparent", trace != NULL && trace_valid(trace) ? trace : NULL);
}

/* ---- modes ---- */

/* The shape that makes a JSON body an event of its own. */
static bool is_envelope(const json_t *value)
{
    return json_text_of(value, "specversion") != NULL && json_text_of(value, "type") != NULL &&
           json_text_of(value, "source") != NULL && json_text_of(value, "id") != NULL;
}

static bool structured_data(struct taking *taking, const json_t *event)
{
    json_t *data = json_object_get(event, "data");
    const json_t *base64 = json_object_get(event, "data_base64");
    if (data != NULL && base64 != NULL) {
        return taking_refuse(
            taking,
            advice_pub(taking, taking->type, NULL, NULL, advice_jq(taking, "del(.data_base64)")),
            "the event has both data and data_base64");
    }
    if (data != NULL) {
        envelope_set(taking, "data", json_incref(data));
    }
    if (base64 == NULL) {
        return true;
    }
    struct buf bytes = BUF_INIT(LIMIT_EVENT_BYTES);
    bool good = json_is_string(base64) &&
                base64_decode(json_string_value(base64), json_string_length(base64), &bytes);
    buf_release(&bytes);
    if (!good) {
        return taking_refuse(taking,
                             advice_pub(taking, taking->type, NULL, NULL,
                                        advice_jq(taking, ".data_base64 |= @base64")),
                             "data_base64 is not base64 text with padding (RFC 4648 section 4)");
    }
    envelope_set(taking, "data_base64", json_string(json_string_value(base64)));
    return true;
}

static bool take_structured(struct taking *taking, const json_t *event)
{
    static const char *const needed[] = {"specversion", "type", "source", "id"};
    taking->mode = INTAKE_STRUCTURED;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (json_text_of(event, needed[i]) == NULL) {
            const char *value = i == 0 ? "1.0" : i == 1 ? taking->type : "NAME";
            const char *filter = arena_printf(taking->arena, ".%s = \"%s\"", needed[i], value);
            return taking_refuse(taking,
                                 advice_pub(taking, taking->type, NULL, NULL,
                                            advice_jq(taking, filter == NULL ? "." : filter)),
                                 "the event has no text member '%s'", needed[i]);
        }
    }
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_mutable(event), name, value)
    {
        bool data = strcmp(name, "data") == 0 || strcmp(name, "data_base64") == 0;
        if (!data && !attribute_put(taking, name, json_incref(value))) {
            return false;
        }
    }
    taking->content_type = json_text_of(taking->envelope, "datacontenttype");
    return structured_data(taking, event);
}

static bool take_structured_text(struct taking *taking)
{
    json_t *event = NULL;
    struct error err = {0};
    struct str body = taking->message->body;
    taking->mode = INTAKE_STRUCTURED;
    if (json_parse(body.data, body.size, NULL, &event, &err) != ERR_OK) {
        return taking_refuse(
            taking, advice_pub(taking, taking->type, NULL, NULL, advice_jq(taking, ".")),
            "the content type says CloudEvents in JSON but the body is not JSON: %s", err.message);
    }
    bool good = false;
    if (json_is_object(event)) {
        good = take_structured(taking, event);
    } else {
        good = taking_refuse(
            taking, advice_pub(taking, taking->type, "content-type", NULL, "\"$(cat FILE)\""),
            "the content type says one CloudEvent but the body is no JSON object");
    }
    json_decref(event);
    return good;
}

static bool take_binary(struct taking *taking)
{
    taking->mode = INTAKE_BINARY;
    const char *given = taking->content_type;
    if (!headers_take(taking)) {
        return false;
    }
    const char *named = json_text_of(taking->envelope, "datacontenttype");
    if (given != NULL && named != NULL && strcasecmp(given, named) != 0) {
        return taking_refuse(
            taking, advice_pub(taking, taking->type, "ce-datacontenttype", NULL, "\"$(cat FILE)\""),
            "Content-Type says '%.64s' and ce-datacontenttype '%.64s'", given, named);
    }
    if (named == NULL && given != NULL &&
        !attribute_put(taking, "datacontenttype", json_string(given))) {
        return false;
    }
    taking->content_type = named != NULL ? named : given;
    return data_take(taking, taking->message->body);
}

static bool take_undescribed(struct taking *taking)
{
    struct str body = taking->message->body;
    json_t *value = NULL;
    if (body.size == 0) {
        return taking_refuse(taking, advice_pub(taking, taking->type, NULL, NULL, "'{}'"),
                             "the message has no body and no header describes an event");
    }
    if (json_parse(body.data, body.size, NULL, &value, NULL) != ERR_OK) {
        return data_take(taking, body); /* says why */
    }
    bool good = true;
    if (is_envelope(value)) {
        good = take_structured(taking, value);
    } else {
        envelope_set(taking, "data", json_incref(value));
    }
    json_decref(value);
    return good;
}

/* What follows "application/cloudevents" in the content type, or NULL. */
static const char *cloudevents_format(const char *content_type)
{
    static const char prefix[] = "application/cloudevents";
    if (content_type == NULL || strncasecmp(content_type, prefix, sizeof(prefix) - 1) != 0) {
        return NULL;
    }
    return content_type + sizeof(prefix) - 1;
}

static bool take_format(struct taking *taking, const char *format)
{
    size_t size = strcspn(format, "; ");
    if (size == 0 || (size == 5 && strncasecmp(format, "+json", 5) == 0)) {
        return take_structured_text(taking);
    }
    const char *advice =
        arena_printf(taking->arena,
                     "jq -c '.[]' FILE | while read -r e; do nats pub -H 'Content-Type: "
                     "application/cloudevents+json' event.%s \"$e\"; done",
                     taking->type);
    if (strncasecmp(format, "-batch", 6) == 0) {
        return taking_refuse(taking, advice, "a message carries one event, not a batch");
    }
    return taking_refuse(taking,
                         advice_pub(taking, taking->type, NULL,
                                    "Content-Type: application/cloudevents+json",
                                    "\"$(cat FILE)\""),
                         "the event format '%.64s' is not read; send JSON", taking->content_type);
}

static bool has_attributes(const struct intake_message *message)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strncasecmp(message->headers[i].name, "ce-", 3) == 0) {
            return true;
        }
    }
    return false;
}

static bool take(struct taking *taking)
{
    const char *format = cloudevents_format(taking->content_type);
    if (taking->message->headers_broken) { /* what they said is unknown: nothing may be guessed */
        return taking_refuse(taking, advice_describe(taking),
                             "the headers cannot be read; each needs a name and a value");
    }
    if (taking->message->body.size > LIMIT_EVENT_BYTES) {
        return taking_refuse(taking,
                             advice_pub(taking, taking->type, "content-type", NULL,
                                        "'{\"url\": \"https://HOST/FILE\"}'"),
                             "the body has %zu bytes and an event may have %d (LIMIT_EVENT_BYTES): "
                             "keep the document elsewhere and send where it is",
                             taking->message->body.size, LIMIT_EVENT_BYTES);
    }
    if (format != NULL) {
        return take_format(taking, format);
    }
    if (has_attributes(taking->message)) {
        return take_binary(taking);
    }
    if (taking->content_type == NULL || json_media_type(taking->content_type)) {
        return take_undescribed(taking);
    }
    if (taking->message->body.size == 0) {
        return taking_refuse(taking,
                             advice_pub(taking, taking->type, NULL, NULL, "\"$(cat FILE)\""),
                             "the message has a content type but no body");
    }
    return take_binary(taking);
}

/* Give the finished envelope away. */
static void taking_done(struct taking *taking)
{
    struct intake *intake = taking->intake;
    intake->type = arena_strdup(taking->arena, json_text_of(taking->envelope, "type"));
    intake->source = arena_strdup(taking->arena, json_text_of(taking->envelope, "source"));
    intake->id = arena_strdup(taking->arena, json_text_of(taking->envelope, "id"));
    CHECK(intake->type != NULL && intake->source != NULL && intake->id != NULL);
    intake->envelope = doc_of_json(taking->envelope);
    taking->envelope = NULL;
}

/* A type made of what the subject has, for the command that would have worked. */
static const char *type_repaired(struct arena *arena, const char *subject)
{
    const char *from = text_starts(subject, "event.") ? subject + 6 : subject;
    char *type = arena_strdup(arena, from[0] == '\0' ? "invoice.received" : from);
    CHECK(type != NULL);
    for (char *c = type; *c != '\0'; c++) {
        bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '.' || *c == '_';
        *c = word ? *c : '-';
    }
    return subject_type_valid(type) ? type : "invoice.received";
}

bool event_intake_message(const struct intake_message *message, struct arena *arena,
                          struct intake *ret_intake)
{
    *ret_intake = (struct intake){0};
    struct taking taking = {.message = message, .arena = arena, .intake = ret_intake};
    struct subject subject;
    if (!subject_parse(message->subject, &subject) || subject.kind != SUBJECT_EVENT) {
        return taking_refuse(
            &taking,
            advice_pub(&taking, type_repaired(arena, message->subject), NULL, NULL,
                       "\"$(cat FILE)\""),
            "'%.200s' is no event subject: event. and a type of words of A-Z a-z 0-9 _ - with "
            "single dots between",
            message->subject);
    }
    (void)text_copy(taking.type, sizeof(taking.type), subject.name);
    const char *content_type = header_value(message, "content-type");
    if (content_type != NULL) {
        taking.content_type = header_decode(arena, content_type);
        if (taking.content_type == NULL || !media_valid(taking.content_type)) {
            return taking_refuse(&taking, advice_describe(&taking),
                                 "the header Content-Type is not a media type");
        }
    }
    taking.envelope = json_object();
    CHECK(taking.envelope != NULL);
    bool good = take(&taking);
    if (good) {
        envelope_fill(&taking);
        taking_done(&taking);
    }
    json_decref(taking.envelope);
    return good;
}

/* ---- messages of the bus ---- */

struct collected {
    struct arena *arena;
    struct intake_header *headers;
    size_t count;
    size_t room;
};

static bool header_collect(void *user, const char *name, const char *value)
{
    struct collected *all = user;
    if (all->count == all->room) {
        size_t room = all->room == 0 ? 16 : all->room * 2;
        struct intake_header *more = ARENA_ARRAY(all->arena, struct intake_header, room);
        CHECK(more != NULL);
        if (all->count > 0) {
            memcpy(more, all->headers, all->count * sizeof(*more));
        }
        all->headers = more;
        all->room = room;
    }
    struct intake_header *header = &all->headers[all->count++];
    header->name = arena_strdup(all->arena, name);
    header->value = arena_strdup(all->arena, value);
    CHECK(header->name != NULL && header->value != NULL);
    return all->count < HEADERS_COLLECTED_MAX;
}

bool event_intake(struct bus_msg *msg, struct arena *arena, struct intake *ret_intake)
{
    struct collected all = {.arena = arena};
    bool readable = bus_msg_headers(msg, header_collect, &all);
    struct intake_message message = {
        .subject = msg->subject,
        .body = {.data = msg->body, .size = msg->size},
        .headers = all.headers,
        .header_count = all.count,
        .headers_broken = !readable,
        .arrived_ms = msg->timestamp_ns / 1000000,
        .sequence = msg->stream_sequence,
    };
    return event_intake_message(&message, arena, ret_intake);
}

/* ---- emit ---- */

static bool emit_data(struct taking *taking, const json_t *body)
{
    json_t *data = json_object_get(body, "data");
    const json_t *base64 = json_object_get(body, "data_base64");
    bool json = taking->content_type == NULL || json_media_type(taking->content_type);
    if (data != NULL && base64 != NULL) {
        return taking_refuse(taking, "", "give data or data_base64, not both");
    }
    if (data != NULL && !json && !json_is_string(data)) {
        return taking_refuse(taking, "", "data of content type '%.64s' must be text",
                             taking->content_type);
    }
    if (data != NULL) {
        envelope_set(taking, "data", json_incref(data));
    }
    if (base64 == NULL) {
        return true;
    }
    struct buf bytes = BUF_INIT(LIMIT_EVENT_BYTES);
    bool good = base64_decode(json_string_value(base64), json_string_length(base64), &bytes);
    if (!good) {
        (void)taking_refuse(taking, "", "data_base64 is not base64 text of at most %d bytes",
                            LIMIT_EVENT_BYTES);
    } else if (taking->content_type == NULL) {
        envelope_set(taking, "data_base64", json_string(json_string_value(base64)));
    } else {
        good = data_take(taking, (struct str){.data = bytes.data, .size = bytes.size});
    }
    buf_release(&bytes);
    return good;
}

static bool emit_attributes(struct taking *taking, const json_t *body)
{
    static const char *const names[][2] = {
        {"type", "type"},       {"source", "source"}, {"id", "id"},
        {"subject", "subject"}, {"time", "time"},     {"content_type", "datacontenttype"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_t *value = json_object_get(body, names[i][0]);
        if (value != NULL && !attribute_put(taking, names[i][1], json_incref(value))) {
            return false;
        }
    }
    taking->content_type = json_text_of(taking->envelope, "datacontenttype");
    return emit_data(taking, body);
}

static const char *emit_id(struct taking *taking, const char *request_id)
{
    struct blake state;
    blake_init(&state, NULL);
    blake_part_text(&state, "emit");
    blake_part_text(&state, request_id);
    blake_part_text(&state, taking->type);
    struct digest digest = blake_final(&state);
    char hex[DIGEST_HEX_BYTES];
    digest_hex(&digest, hex);
    const char *id = arena_dup(taking->arena, hex, ID_DIGITS);
    CHECK(id != NULL);
    return id;
}

bool event_intake_emit(const json_t *body, const char *request_id, struct arena *arena,
                       struct intake *ret_intake)
{
    *ret_intake = (struct intake){0};
    struct intake_message message = {.subject = "control.emit", .body = STR("")};
    struct taking taking = {
        .message = &message, .arena = arena, .intake = ret_intake, .mode = INTAKE_EMIT};
    const char *type = json_text_of(body, "type");
    if (type == NULL || !subject_type_valid(type)) {
        return taking_refuse(&taking, "",
                             "type must be words of A-Z a-z 0-9 _ - with single dots between, such "
                             "as invoice.received");
    }
    (void)text_copy(taking.type, sizeof(taking.type), type);
    if (json_object_get(body, "id") == NULL && request_id[0] == '\0') {
        return taking_refuse(&taking, "", "give an id, or a request id to derive it from");
    }
    taking.envelope = json_object();
    CHECK(taking.envelope != NULL);
    envelope_set(&taking, "specversion", json_string("1.0"));
    bool good = emit_attributes(&taking, body);
    if (good) {
        fill_absent(&taking, "id", emit_id(&taking, request_id));
        fill_absent(&taking, "source", "/control/emit");
        envelope_fill(&taking);
        taking_done(&taking);
    }
    json_decref(taking.envelope);
    return good;
}
