/*
 * Events given by hand: emit, and dead letters taken up again.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/limits.h"
#include "common/base/str.h"
#include "common/wire/subjects.h"
#include "coordinator/edge/control_private.h"
#include "coordinator/edge/event_intake.h"

/* The event of the intake as a command; its envelope is dropped. */
static void event_give(struct request *request, struct intake *intake)
{
    json_t *body = json_object();
    CHECK(body != NULL);
    json_set_text(body, "id", intake->id);
    json_set_text(body, "source", intake->source);
    pending_add(request, body);
    struct command command = {.kind = COMMAND_EVENT, .token = request->token};
    command.event = (struct event_command){
        .type = intake->type,
        .source = intake->source,
        .id = intake->id,
        .envelope = intake->envelope,
    };
    turn_command(request->control->turn, &command);
    doc_unref(&intake->envelope);
}

enum err verb_emit(struct request *request, struct error *err)
{
    static const struct member members[] = {
        {"type", MEMBER_TEXT, true},         {"source", MEMBER_TEXT, false},
        {"id", MEMBER_TEXT, false},          {"subject", MEMBER_TEXT, false},
        {"time", MEMBER_TEXT, false},        {"content_type", MEMBER_TEXT, false},
        {"data_base64", MEMBER_TEXT, false}, {"data", MEMBER_ANY, false},
    };
    TRY(body_check(request, members, sizeof(members) / sizeof(members[0]), err));
    TRY(control_admit(request->control, false, err));
    struct intake intake;
    if (!event_intake_emit(request->body, request->request_id, request->arena, &intake)) {
        return error_set(err, ERR_INVALID, "%s", intake.reason);
    }
    event_give(request, &intake);
    return ERR_OK;
}

/* ---- replay ---- */

/* The headers a dead letter was kept with, one of them given anew. */
static struct intake_header *headers_read(struct request *request, json_t *kept,
                                          const char *content_type, bool other_type,
                                          size_t *ret_count)
{
    struct intake_header *headers =
        ARENA_ARRAY(request->arena, struct intake_header, json_object_size(kept) + 1);
    CHECK(headers != NULL);
    size_t count = 0;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(kept, name, value)
    {
        bool replaced = (content_type != NULL && (strcasecmp(name, "content-type") == 0 ||
                                                  strcasecmp(name, "ce-datacontenttype") == 0)) ||
                        (other_type && strcasecmp(name, "ce-type") == 0);
        if (!replaced && json_is_string(value)) {
            headers[count++] =
                (struct intake_header){arena_strdup(request->arena, name),
                                       arena_strdup(request->arena, json_string_value(value))};
        }
    }
    if (content_type != NULL) {
        headers[count++] = (struct intake_header){"Content-Type", content_type};
    }
    *ret_count = count;
    return headers;
}

static json_t *headers_json(const struct dead_letter *letter)
{
    json_t *headers = NULL;
    bool read = letter->headers.size > 0 && json_parse(letter->headers.data, letter->headers.size,
                                                       NULL, &headers, NULL) == ERR_OK;
    if (!read || !json_is_object(headers)) {
        json_decref(headers);
        headers = json_object();
    }
    CHECK(headers != NULL);
    return headers;
}

static enum err letter_check(const struct dead_letter *letter, uint64_t number, struct error *err)
{
    if (letter->replayed) {
        return error_set(err, ERR_CONFLICT, "dead letter %llu was taken up again already",
                         (unsigned long long)number);
    }
    if (strcmp(letter->source, "events") != 0) {
        return error_set(err, ERR_REFUSED,
                         "dead letter %llu came from '%.64s'; only events can be taken up again",
                         (unsigned long long)number, letter->source);
    }
    if (letter->size > letter->body.size) {
        return error_set(err, ERR_REFUSED,
                         "only the first %zu of its %llu bytes were kept: publish the original "
                         "again",
                         letter->body.size, (unsigned long long)letter->size);
    }
    return ERR_OK;
}

/* Understand it as if it came now; its id stays the same however often this is asked. */
static bool letter_intake(struct request *request, const struct dead_letter *letter,
                          uint64_t number, struct intake *ret_intake)
{
    const char *type = json_text_of(request->body, "type");
    const char *content_type = json_text_of(request->body, "content_type");
    json_t *kept = headers_json(letter);
    struct intake_message message = {
        .subject = letter->subject,
        .body = letter->body,
        .arrived_ms = letter->at_ms,
        .sequence = number,
    };
    const char *envelope_type = json_text_of(kept, "type");
    bool whole = letter->body.size == 0 && json_text_of(kept, "specversion") != NULL &&
                 envelope_type != NULL;
    if (whole) { /* an event that was understood and refused: its headers are the event */
        message.subject = arena_printf(request->arena, "event.%s", envelope_type);
        message.body = letter->headers;
    } else {
        message.headers =
            headers_read(request, kept, content_type, type != NULL, &message.header_count);
    }
    if (type != NULL) {
        message.subject = arena_printf(request->arena, "event.%s", type);
    }
    json_decref(kept);
    CHECK(message.subject != NULL);
    return event_intake_message(&message, request->arena, ret_intake);
}

enum err verb_letters_replay(struct request *request, struct error *err)
{
    static const struct member members[] = {{"id", MEMBER_CURSOR, true},
                                            {"content_type", MEMBER_TEXT, false},
                                            {"type", MEMBER_TEXT, false}};
    TRY(body_check(request, members, 3, err));
    uint64_t number = 0;
    struct dead_letter letter;
    TRY(body_number(request, "id", &number, err));
    TRY(tables_letter(turn_tables(request->control->turn), number, request->arena, &letter, err));
    TRY(letter_check(&letter, number, err));
    TRY(control_admit(request->control, false, err));
    struct intake intake;
    if (!letter_intake(request, &letter, number, &intake)) {
        json_set_text(request->reply, "reason", intake.reason);
        json_set_text(request->reply, "advice", intake.advice);
        return error_set(err, ERR_INVALID, "it is refused again: %s", intake.reason);
    }
    struct command done = {.kind = COMMAND_DEAD_LETTER};
    done.dead_letter.replayed = number;
    turn_command(request->control->turn, &done);
    event_give(request, &intake);
    return ERR_OK;
}
