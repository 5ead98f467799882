/* One request to where the operator allows, and its answer. */
#include "agents/connector/allow.h"
#include "agents/connector/connector.h"

static bool may_connect(void *user, const struct sockaddr *address)
{
    const struct call *call = user;
    return allow_address(call->connector->allow, address);
}

static bool cancelled(void *user)
{
    const struct call *call = user;
    return agent_task_cancelled(call->task);
}

void exchange_hide(struct call *call)
{
    agent_redact(call->task, &call->answer.body);
    agent_redact(call->task, &call->answer.headers);
}

bool exchange(struct call *call, const char *label)
{
    const struct request *request = &call->request;
    struct http_url url;
    struct error err = {0};
    if (http_url_parse(request->url.data, &url, &err) != ERR_OK) {
        fail_input(call, "/endpoint", "'%.200s' is not an absolute http or https URL", label);
        return false;
    }
    if (url.login) {
        fail_input(call, "/endpoint",
                   "a URI with a user or a password in it would be kept in the journal: use "
                   "'authentication'");
        return false;
    }
    if (!allow_url(call->connector->allow, &url)) {
        fail_closed(call, "'%s' port %u is not among the hosts this connector may call", url.host,
                    url.port);
        return false;
    }
    struct http_client *client = http_client_create();
    if (client == NULL) {
        (void)error_set(&err, ERR_NOMEM, "no memory for a request");
        fail_exchange(call, ERR_NOMEM, &err);
        return false;
    }
    uint64_t left_ms = agent_task_left_ms(call->task);
    const struct http_call wanted = {
        .method = request->method,
        .url = request->url.data,
        .label = label,
        .headers = request->headers,
        .body = request->has_body ? request->body.data : NULL,
        .size = request->body.size,
        .timeout_ms = left_ms > 0 ? (unsigned)left_ms : 1,
        .answer_max = call->answer_max != 0 ? call->answer_max : call->connector->answer_max,
        .ca_file = call->connector->ca_file,
        .digest_user = request->digest_user,
        .digest_password = request->digest_password,
        .may_connect = may_connect,
        .cancelled = cancelled,
        .user = call,
    };
    enum err code = http_client_send(client, &wanted, &call->answer, &err);
    http_client_destroy(&client);
    if (code != ERR_OK) {
        fail_exchange(call, code, &err);
    }
    return code == ERR_OK;
}
