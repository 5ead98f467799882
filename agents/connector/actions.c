/* The connector's actions and its state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agents/connector/allow.h"
#include "agents/connector/connector.h"
#include "agents/connector/documents.h"
#include "agents/connector/token.h"
#include "common/base/str.h"

static bool has_key(const struct call *call)
{
    for (size_t i = 0; i < call->request.header_count; i++) {
        if (strncasecmp(call->request.headers[i], "Idempotency-Key:", 16) == 0) {
            return true;
        }
    }
    return false;
}

/* Build the request and send it. False with the failure in the reply. */
static bool call_send(struct call *call)
{
    request_release(&call->request);
    if (!request_build(call, call->input, &call->request)) {
        return false;
    }
    if (call->effect == CALL_KEYED && !has_key(call)) {
        fail_input(call, "/headers",
                   "the Idempotency-Key is empty, so the request could not be repeated");
        return false;
    }
    bool answered = exchange(call, call->shown.data);
    exchange_hide(call);
    return answered;
}

static bool call_exchange(struct call *call)
{
    bool token = token_is_wanted(call);
    if ((token && !token_get(call, false)) || !call_send(call)) {
        return false;
    }
    if (!token || !call->token_is_old || call->answer.status != 401) {
        return true;
    }
    /* The other side no longer takes a token that we had kept, and did nothing. */
    free(call->token);
    call->token = NULL;
    return token_get(call, true) && call_send(call);
}

void call_begin(struct call *call, const struct agent_task *task, struct agent_reply *reply,
                enum connector_effect effect)
{
    *call = (struct call){.connector = task->user,
                          .task = task,
                          .reply = reply,
                          .effect = effect,
                          .shown = BUF_INIT(CONNECTOR_URL_BYTES)};
}

void call_run(struct call *call)
{
    if (request_url(call, call->shown_input, &call->shown) && call_exchange(call)) {
        answer_shape(call);
    }
}

void call_end(struct call *call)
{
    request_release(&call->request);
    http_answer_release(&call->answer);
    buf_release(&call->shown);
    free(call->token);
    json_decref(call->input);
    json_decref(call->shown_input);
}

static void call_http(const struct agent_task *task, struct agent_reply *reply,
                      enum connector_effect effect)
{
    struct call call;
    call_begin(&call, task, reply, effect);
    call.input = agent_unseal(task, reply);
    call.shown_input = json_incref(task->input);
    if (call.input != NULL) {
        call_run(&call);
    }
    call_end(&call);
}

void connector_fetch(const struct agent_task *task, struct agent_reply *reply)
{
    call_http(task, reply, CALL_PURE);
}

void connector_send(const struct agent_task *task, struct agent_reply *reply)
{
    call_http(task, reply, CALL_KEYED);
}

void connector_submit(const struct agent_task *task, struct agent_reply *reply)
{
    call_http(task, reply, CALL_UNKEYED);
}

/* ---- state ---- */

static enum err settings_read(const struct agent_setup *setup, struct connector *connector,
                              struct error *err)
{
    char path[4096];
    const char *list = agent_setting(setup, "allow");
    const char *bytes = agent_setting(setup, "answer-bytes");
    uint64_t number = 0;
    connector->ca_file = agent_setting(setup, "ca");
    connector->answer_max = CONNECTOR_BODY_BYTES;
    if (bytes != NULL) {
        if (!text_to_u64(bytes, &number) || number == 0 || number > CONNECTOR_BODY_BYTES) {
            return error_set(err, ERR_INVALID, "--set answer-bytes must be 1 to %d, not '%s'",
                             CONNECTOR_BODY_BYTES, bytes);
        }
        connector->answer_max = (size_t)number;
    }
    if (list != NULL) {
        TRY(allow_add(connector->allow, list, err));
    }
    int length = snprintf(path, sizeof(path), "%s/allow", agent_setup_directory(setup));
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return error_set(err, ERR_INVALID, "the data directory's path is too long");
    }
    enum err code = allow_add_file(connector->allow, path, err);
    return code == ERR_NOT_FOUND ? ERR_OK : code; /* no file, nothing more is allowed */
}

enum err connector_open(const struct agent_setup *setup, void **ret_user, struct error *err)
{
    struct connector *connector = calloc(1, sizeof(*connector));
    if (connector != NULL) {
        connector->allow = allow_create();
        connector->tokens = token_cache_create();
        connector->documents = document_cache_create();
    }
    if (connector == NULL || connector->allow == NULL || connector->tokens == NULL ||
        connector->documents == NULL) {
        connector_close(connector);
        return error_set(err, ERR_NOMEM, "no memory for the connector");
    }
    enum err code = settings_read(setup, connector, err);
    if (code != ERR_OK) {
        connector_close(connector);
        return code;
    }
    *ret_user = connector;
    return ERR_OK;
}

void connector_close(void *user)
{
    struct connector *connector = user;
    if (connector != NULL) {
        allow_destroy(&connector->allow);
        token_cache_destroy(&connector->tokens);
        document_cache_destroy(&connector->documents);
        free(connector);
    }
}
