/*
 * What the files of the connector share: its state, one call on its way, and the steps of a call.
 *
 *   action -> call_begin -> request_build -> exchange -> answer_shape, or a failure
 *
 * Threads: `struct connector` is read by all workers; what changes in it has a lock of its own.
 * A call belongs to one worker.
 */
#ifndef AGENTS_CONNECTOR_CONNECTOR_H
#define AGENTS_CONNECTOR_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "agents/runtime/agent.h"
#include "common/base/buf.h"
#include "common/http/http_client.h"

struct allow;
struct document_cache;
struct token_cache;

enum {
    CONNECTOR_BODY_BYTES = 512 * 1024, /* of a request, and of an answer unless set otherwise */
    CONNECTOR_URL_BYTES = 16 * 1024,
    CONNECTOR_HEADERS_MAX = 128,
    CONNECTOR_HEADER_BYTES = 64 * 1024, /* all headers of a request */
    CONNECTOR_EXCERPT_BYTES = 300,      /* of an error answer, for people */
};

struct connector {
    struct allow *allow;
    struct token_cache *tokens;
    struct document_cache *documents;
    size_t answer_max;
    const char *ca_file; /* NULL: the system's */
};

/* What a repetition would do; the effect classes of the contract. */
enum connector_effect { CALL_PURE, CALL_KEYED, CALL_UNKEYED };

/* A request as it goes out. */
struct request {
    const char *method; /* borrowed from the input */
    struct buf url;
    struct buf header_text; /* "Name: value" lines, each terminated */
    const char *headers[CONNECTOR_HEADERS_MAX + 1];
    size_t header_count;
    bool has_body;
    struct buf body;
    const char *digest_user; /* borrowed from the input; NULL: no digest authentication */
    const char *digest_password;
};

/* One call. */
struct call {
    const struct connector *connector;
    const struct agent_task *task;
    struct agent_reply *reply;
    enum connector_effect effect;
    json_t *shown_input; /* the same as the definition wrote it, for people */
    json_t *input;       /* with its secrets in place: never shown */
    struct buf shown;    /* the URL as the definition wrote it, for people */
    char *token;         /* of OAuth 2.0; NULL: none */
    bool token_is_old;
    size_t answer_max; /* 0: the connector's */
    struct request request;
    struct http_answer answer;
};

/* ---- request.c ---- */

/* Make the request that `input` describes. False with the failure in call->reply. */
bool request_build(struct call *call, const json_t *input, struct request *ret_request);
void request_release(struct request *request);

/* Append text percent-encoded but for unreserved characters (RFC 3986, 2.3). */
void request_escape(struct buf *out, const char *text);

/* Append a text, number or boolean as text; false for anything else. */
bool request_scalar(const json_t *value, struct buf *out);

/* Add a header line; false when it cannot be one. */
bool request_header(struct request *request, const char *name, const char *value);

/* Add basic credentials (RFC 7617), "user:password", and hide them. */
bool request_basic(const struct call *call, struct request *request, const char *pair);

/* Append the fields as a form (WHATWG URL, application/x-www-form-urlencoded); false when a value
 * is neither plain nor an array of plain ones. */
bool request_form(const json_t *fields, struct buf *out);

/* Find the header lines when all are there. */
void request_finish(struct request *request);

/* Only the URL. False with the failure in call->reply. */
bool request_url(struct call *call, const json_t *input, struct buf *out);

/* ---- exchange.c ---- */

/* Send the request and wait for any answer; `label` is what failures call it. False with the
 * failure in call->reply. */
bool exchange(struct call *call, const char *label);

/* Keep secrets that the other side repeats out of the answer, before it is cut or encoded. */
void exchange_hide(struct call *call);

/* ---- answer.c ---- */

/* Turn the answer into the output, or into a failure when its status is none of success. */
void answer_shape(struct call *call);

/* What of an answer is its content: parsed JSON, text, or base64 text; NULL with the reason when it
 * says it is JSON and is not, or without memory. New reference. */
json_t *answer_content(const struct http_answer *answer, struct error *err);

/* ---- failure.c ---- */

/* The input is wrong: nothing was sent. `pointer` names the member. */
void fail_input(struct call *call, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The operator does not allow it: nothing was sent. */
void fail_closed(struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* No answer came. */
void fail_exchange(struct call *call, enum err code, const struct error *err);

/* There is no token to ask with: nothing was sent. */
void fail_token(struct call *call, const char *reason);

/* An answer came whose status is an error. */
void fail_status(struct call *call);

/* An answer of success came that cannot be read. */
void fail_unreadable(struct call *call, const struct error *err);

/* ---- actions.c ---- */

/* Begin a call without an input, run it when input and shown_input are there, and free what it has.
 */
void call_begin(struct call *call, const struct agent_task *task, struct agent_reply *reply,
                enum connector_effect effect);
void call_run(struct call *call);
void call_end(struct call *call);

agent_decide_fn connector_fetch;
agent_perform_fn connector_send;
agent_perform_fn connector_submit;

/* ---- operate.c ---- */

agent_perform_fn connector_operate;
agent_probe_fn connector_operate_probe;

/* ---- state ---- */

/* agent_definition.open and .close */
enum err connector_open(const struct agent_setup *setup, void **ret_user, struct error *err);
void connector_close(void *user);

#endif
