#include "common/http/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/check.h"
#include "common/base/str.h"

struct http_client {
    CURL *curl;
    bool barred; /* the last call wanted an address that may_connect refused */
    char reason[CURL_ERROR_SIZE];
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_init(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

struct http_client *http_client_create(void)
{
    CHECK(pthread_once(&library_once, library_init) == 0);
    struct http_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return NULL;
    }
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        free(client);
        return NULL;
    }
    return client;
}

void http_client_destroy(struct http_client **client)
{
    if (*client != NULL) {
        curl_easy_cleanup((*client)->curl);
        free(*client);
        *client = NULL;
    }
}

/* ---- receiving ---- */

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct http_answer *answer = user;
    buf_append(&answer->body, data, size * count);
    return answer->body.failed ? 0 : size * count;
}

/* Each response of a chain of redirects starts with a status line; only the last one is kept. */
static size_t on_header(char *data, size_t size, size_t count, void *user)
{
    struct http_answer *answer = user;
    size_t length = size * count;
    if (length >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        buf_clear(&answer->headers);
    }
    buf_append(&answer->headers, data, length);
    return answer->headers.failed ? 0 : length;
}

static const char *label_of(const struct http_call *call)
{
    return call->label != NULL ? call->label : call->url;
}

/* ---- connecting ---- */

/* What curl's callbacks need of a call. */
struct conduct {
    struct http_client *client;
    const struct http_call *call;
};

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct conduct *conduct = user;
    (void)purpose;
    if (!conduct->call->may_connect(conduct->call->user, &address->addr)) {
        conduct->client->barred = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct conduct *conduct = user;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return conduct->call->cancelled(conduct->call->user) ? 1 : 0;
}

static void set_conduct(CURL *curl, struct conduct *conduct)
{
    if (conduct->call->may_connect != NULL) {
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, conduct);
        /* A kept connection would not be asked about. */
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    }
    if (conduct->call->cancelled != NULL) {
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, conduct);
    }
}

/* ---- sending ---- */

/* A line of printable bytes with a name before its colon. */
static bool header_is_valid(const char *line)
{
    const char *colon = strchr(line, ':');
    for (const char *c = line; *c != '\0'; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f) {
            return false;
        }
    }
    return colon != NULL && colon != line;
}

static enum err headers_build(const struct http_call *call, struct curl_slist **ret_list,
                              struct error *err)
{
    *ret_list = NULL;
    for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++) {
        struct curl_slist *longer = NULL;
        enum err code = ERR_NOMEM;
        if (!header_is_valid(call->headers[i])) {
            code = ERR_INVALID;
        } else {
            longer = curl_slist_append(*ret_list, call->headers[i]);
        }
        if (longer == NULL) {
            curl_slist_free_all(*ret_list);
            *ret_list = NULL;
            return error_set(err, code, "cannot call '%s': header %zu is not a 'Name: value' line",
                             label_of(call), i + 1);
        }
        *ret_list = longer;
    }
    return ERR_OK;
}

static bool is_get(const struct http_call *call)
{
    return call->method == NULL ? call->body == NULL : strcmp(call->method, "GET") == 0;
}

static CURLcode set_request(CURL *curl, const struct http_call *call, struct curl_slist *headers)
{
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, call->url);
    if (call->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    }
    if (call->method != NULL && strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (call->method != NULL && !is_get(call)) {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (code == CURLE_OK && call->unix_socket != NULL) {
        code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
    }
    if (code == CURLE_OK && call->ca_file != NULL) {
        code = curl_easy_setopt(curl, CURLOPT_CAINFO, call->ca_file);
    }
    if (code == CURLE_OK && call->digest_user != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_DIGEST);
        curl_easy_setopt(curl, CURLOPT_USERNAME, call->digest_user);
        code = curl_easy_setopt(curl, CURLOPT_PASSWORD, call->digest_password);
    }
    return code;
}

static CURLcode set_limits(struct http_client *client, const struct http_call *call)
{
    CURL *curl = client->curl;
    unsigned timeout = call->timeout_ms > 0 ? call->timeout_ms : HTTP_CALL_TIMEOUT_MS;
    unsigned redirects =
        call->redirects_max < HTTP_REDIRECTS_MAX ? call->redirects_max : HTTP_REDIRECTS_MAX;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->reason);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "mainstay");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(timeout < HTTP_CALL_CONNECT_MS ? timeout : HTTP_CALL_CONNECT_MS));
    bool follow = is_get(call) && redirects > 0;
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, follow ? 1L : 0L);
    /* The second request of a digest login counts as one, so without redirects there is no limit.
     */
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, follow ? (long)redirects : -1L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    /* One connection, one request: HTTP/2 would repeat requests of its own accord. */
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    CURLcode code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (code == CURLE_OK) {
        code = curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    }
    return code;
}

static enum err call_error(const struct http_client *client, const struct http_call *call,
                           const struct http_answer *answer, CURLcode result, struct error *err)
{
    enum err code = ERR_IO;
    if (answer->body.failed || answer->headers.failed) {
        return error_set(err, ERR_LIMIT, "the answer of '%s' is larger than %zu bytes",
                         label_of(call),
                         answer->headers.failed ? answer->headers.max : answer->body.max);
    }
    if (client->barred) {
        return error_set(err, ERR_REFUSED, "cannot call '%s': its address is not allowed",
                         label_of(call));
    }
    if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL) {
        code = ERR_INVALID;
    } else if (result == CURLE_OPERATION_TIMEDOUT || result == CURLE_ABORTED_BY_CALLBACK) {
        code = ERR_TIMEOUT;
    } else if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST) {
        code = ERR_UNAVAILABLE;
    } else if (result == CURLE_TOO_MANY_REDIRECTS) {
        code = ERR_LIMIT;
    } else if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE) {
        code = ERR_REFUSED;
    } else if (result == CURLE_OUT_OF_MEMORY) {
        code = ERR_NOMEM;
    }
    return error_set(err, code, "cannot call '%s': %s", label_of(call),
                     client->reason[0] != '\0' ? client->reason : curl_easy_strerror(result));
}

/* Bytes of requests handed to the kernel; 0 as long as the connection was not made. */
static bool request_may_be_sent(CURL *curl)
{
    long request_bytes = 0;
    return curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &request_bytes) != CURLE_OK ||
           request_bytes > 0;
}

enum err http_client_send(struct http_client *client, const struct http_call *call,
                          struct http_answer *ret_answer, struct error *err)
{
    struct curl_slist *headers = NULL;
    http_answer_release(ret_answer);
    ret_answer->body = BUF_INIT(call->answer_max > 0 ? call->answer_max : HTTP_ANSWER_BYTES);
    ret_answer->headers = BUF_INIT(HTTP_ANSWER_HEADER_BYTES);
    TRY(headers_build(call, &headers, err));
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    client->reason[0] = '\0';
    client->barred = false;
    struct conduct conduct = {.client = client, .call = call};
    set_conduct(curl, &conduct);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, ret_answer);
    CURLcode result = set_limits(client, call);
    if (result == CURLE_OK) {
        result = set_request(curl, call, headers);
    }
    if (result == CURLE_OK) {
        result = curl_easy_perform(curl);
        ret_answer->sent = request_may_be_sent(curl);
    }
    curl_slist_free_all(headers);
    long status = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    ret_answer->status = (unsigned)status;
    if (result != CURLE_OK) {
        return call_error(client, call, ret_answer, result, err);
    }
    buf_append(&ret_answer->body, "", 0);
    return ERR_OK;
}

/* ---- answers ---- */

bool http_answer_header(const struct http_answer *answer, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    const char *line = answer->headers.data;
    out[0] = '\0';
    while (line != NULL) {
        const char *end = strstr(line, "\r\n");
        if (end != NULL && strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1;
            value += strspn(value, " \t");
            size_t value_size = (size_t)(end - value);
            bool fits = value_size < size;
            memcpy(out, value, fits ? value_size : 0);
            out[fits ? value_size : 0] = '\0';
            return fits;
        }
        line = end != NULL ? end + 2 : NULL;
    }
    return false;
}

void http_answer_release(struct http_answer *answer)
{
    buf_release(&answer->body);
    buf_release(&answer->headers);
    *answer = (struct http_answer){0};
}
