/* The action of call: openapi: fetch the document, find the operation, make its request. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agents/connector/connector.h"
#include "agents/connector/documents.h"
#include "agents/connector/openapi.h"
#include "common/base/str.h"

/* Copy what the request and the input share. */
static void member_copy(json_t *request, const json_t *input, const char *name)
{
    json_t *value = json_object_get(input, name);
    if (value != NULL) {
        (void)json_object_set(request, name, value);
    }
}

/* The request of the operation with the arguments of `input`; NULL with the failure in the reply.
 */
static json_t *request_of(struct call *call, const struct document *document, const json_t *input)
{
    struct error err = {0};
    json_t *request = NULL;
    const char *pointer = "";
    const char *operation = json_text_of(input, "operationId");
    if (openapi_request(document->value, document->url, operation == NULL ? "" : operation,
                        json_object_of(input, "parameters"), &request, &pointer, &err) != ERR_OK) {
        fail_input(call, pointer, "%s", err.message);
        return NULL;
    }
    member_copy(request, input, "authentication");
    member_copy(request, input, "output");
    member_copy(request, input, "redirect");
    return request;
}

static bool declares_key(const json_t *request)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_of(request, "headers"), name, value)
    {
        if (strcasecmp(name, "Idempotency-Key") == 0) {
            return true;
        }
    }
    return false;
}

static enum connector_effect effect_of(const json_t *request)
{
    static const char *const safe[] = {"GET", "HEAD", "OPTIONS", NULL};
    const char *method = json_text_of(request, "method");
    for (size_t i = 0; safe[i] != NULL; i++) {
        if (text_equal(safe[i], method)) {
            return CALL_PURE;
        }
    }
    return declares_key(request) ? CALL_KEYED : CALL_UNKEYED;
}

/* Everything up to the request itself, which is then in `call`. */
static bool operation_resolve(struct call *call)
{
    struct document document = {0};
    json_t *input = agent_unseal(call->task, call->reply);
    bool good = input != NULL && document_get(call, input, &document);
    if (good) {
        call->input = request_of(call, &document, input);
        call->shown_input =
            call->input == NULL ? NULL : request_of(call, &document, call->task->input);
        good = call->shown_input != NULL;
    }
    if (good) {
        call->effect = effect_of(call->input);
    }
    document_release(&document);
    json_decref(input);
    return good;
}

void connector_operate(const struct agent_task *task, struct agent_reply *reply)
{
    struct call call;
    call_begin(&call, task, reply, CALL_PURE);
    if (operation_resolve(&call)) {
        call_run(&call);
    }
    call_end(&call);
}

/* Began once and nobody knows how it ended: what only asks, or carries a key, may go out again. */
enum agent_probe_answer connector_operate_probe(const struct agent_task *task,
                                                struct agent_reply *reply)
{
    struct call call;
    call_begin(&call, task, reply, CALL_PURE);
    bool again = operation_resolve(&call) && call.effect != CALL_UNKEYED;
    call_end(&call);
    return again ? AGENT_PROBE_NOT_DONE : AGENT_PROBE_UNKNOWN;
}
