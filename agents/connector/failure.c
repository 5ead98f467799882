/*
 * Which failure is which. The class says what the engine does about it, the effect mark whether it
 * may be done again without asking, the status what a definition sees: an error of the type
 * communication.
 *
 *   what happened                          class        effect (of what is not pure)
 *   refused, unknown host, 408 429 503     transient    none
 *   502 504                                transient    unknown; without a key in doubt
 *   broken off or too late after sending   transient    unknown; without a key in doubt
 *   401 403                                permission   none
 *   not allowed by the operator            permission   none
 *   any other answer outside of success    data         none; done after 303
 *   an answer of success nobody can read   data         done
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/connector/connector.h"
#include "common/base/str.h"

enum { DETAIL_BYTES = 1024, RETRY_AFTER_MAX_S = 86400 };

static void fail(struct call *call, enum agent_failure_class failure_class,
                 enum agent_effect effect, const char *code, const char *title)
{
    if (call->reply->failure.failure_class == 0) {
        agent_fail(call->reply, failure_class, effect, code, title);
    }
}

void fail_input(struct call *call, const char *pointer, const char *format, ...)
{
    char detail[DETAIL_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    fail(call, AGENT_DATA, AGENT_EFFECT_NONE, "bad-request", "The request cannot be made");
    call->reply->failure.pointer = pointer;
    call->reply->failure.detail = agent_text(call->reply, "%s", detail);
}

void fail_closed(struct call *call, const char *format, ...)
{
    char detail[DETAIL_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    fail(call, AGENT_PERMISSION, AGENT_EFFECT_NONE, "not-allowed",
         "The operator has not allowed this host");
    call->reply->failure.detail =
        agent_text(call->reply,
                   "%s: if it should, add it to the connector's list of allowed hosts, restart the "
                   "connector and approve",
                   detail);
}

/* Nobody knows whether it happened. */
static void fail_unknown(struct call *call, const char *code, const char *title)
{
    if (call->effect == CALL_PURE) {
        fail(call, AGENT_TRANSIENT, AGENT_EFFECT_NONE, code, title);
    } else if (call->effect == CALL_UNKEYED) {
        fail(call, AGENT_IN_DOUBT, AGENT_EFFECT_UNKNOWN, code, title);
    } else {
        fail(call, AGENT_TRANSIENT, AGENT_EFFECT_UNKNOWN, code, title);
    }
}

/* An answer that was cut off by its size or its kind: the status says whether it happened. */
static bool was_done(const struct call *call)
{
    return call->answer.status >= 200 && call->answer.status < 300;
}

void fail_exchange(struct call *call, enum err code, const struct error *err)
{
    if (code == ERR_REFUSED) {
        fail(call, AGENT_PERMISSION, AGENT_EFFECT_NONE, "not-trusted",
             "The other side is not allowed or not who it says it is");
    } else if (code == ERR_INVALID) {
        fail(call, AGENT_DATA, AGENT_EFFECT_NONE, "bad-request", "The request cannot be made");
    } else if (code == ERR_LIMIT) {
        enum agent_effect effect = call->effect == CALL_PURE ? AGENT_EFFECT_NONE
                                   : was_done(call)          ? AGENT_EFFECT_DONE
                                                             : AGENT_EFFECT_UNKNOWN;
        fail(call, AGENT_DATA, effect, "answer-too-big",
             "The answer is larger than the connector takes");
    } else if (!call->answer.sent) {
        fail(call, AGENT_TRANSIENT, AGENT_EFFECT_NONE, "unreachable",
             "The other side cannot be reached");
    } else {
        fail_unknown(call, code == ERR_TIMEOUT ? "no-answer" : "broken-off",
                     "The request went out and no answer came");
    }
    call->reply->failure.detail = agent_text(call->reply, "%s", err->message);
}

void fail_token(struct call *call, const char *reason)
{
    unsigned status = call->answer.status;
    bool busy = status >= 500 || status == 429;
    fail(call, busy ? AGENT_TRANSIENT : AGENT_PERMISSION, AGENT_EFFECT_NONE, "no-token",
         "The authority gave no access token");
    call->reply->failure.detail =
        agent_text(call->reply, "it answered with %u: %.300s", status, reason);
}

/* Seconds of a Retry-After header (RFC 9110, 10.2.3); a date counts as none. */
static uint64_t retry_after_ms(const struct http_answer *answer)
{
    char text[32];
    uint64_t seconds = 0;
    if (!http_answer_header(answer, "Retry-After", text, sizeof(text)) ||
        !text_to_u64(text, &seconds)) {
        return 0;
    }
    return (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

/* How the answer begins when it is text. */
static const char *excerpt(struct call *call)
{
    const struct buf *body = &call->answer.body;
    size_t size = body->size < CONNECTOR_EXCERPT_BYTES ? body->size : CONNECTOR_EXCERPT_BYTES;
    for (unsigned cut = 0; cut < 3 && size > 0 && !utf8_valid(body->data, size); cut++) {
        size--; /* a character may be cut */
    }
    if (size == 0 || !utf8_valid(body->data, size) || memchr(body->data, '\0', size) != NULL) {
        return "";
    }
    return agent_text(call->reply, ": %.*s", (int)size, body->data);
}

void fail_status(struct call *call)
{
    unsigned status = call->answer.status;
    struct agent_failure *failure = &call->reply->failure;
    if (status == 401 || status == 403) {
        fail(call, AGENT_PERMISSION, AGENT_EFFECT_NONE, "denied", "The other side denied access");
    } else if (status == 408 || status == 429 || status == 503) {
        fail(call, AGENT_TRANSIENT, AGENT_EFFECT_NONE, "busy", "The other side is busy");
        failure->retry_after_ms = retry_after_ms(&call->answer);
    } else if (status == 502 || status == 504) {
        fail_unknown(call, "gateway", "A gateway got no answer from the other side");
    } else {
        fail(call, AGENT_DATA, status == 303 ? AGENT_EFFECT_DONE : AGENT_EFFECT_NONE,
             "error-answer", "The other side answered with an error");
    }
    failure->status = status;
    failure->detail = agent_text(call->reply, "%s %s was answered with %u%s", call->request.method,
                                 call->shown.data, status, excerpt(call));
}

void fail_unreadable(struct call *call, const struct error *err)
{
    fail(call, AGENT_DATA, AGENT_EFFECT_DONE, "unreadable-answer", "The answer cannot be read");
    call->reply->failure.detail =
        agent_text(call->reply, "%s %s: %s; 'output: raw' takes it as it is", call->request.method,
                   call->shown.data, err->message);
}
