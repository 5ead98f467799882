#include "agents/connector/token.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agents/connector/connector.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

/* One token under the digest of all that was sent for it. */
struct token {
    struct digest name;
    char *text;
    int64_t until_ns;
};

struct token_cache {
    pthread_mutex_t lock;
    struct token tokens[TOKENS_MAX];
    size_t count;
};

static void token_drop(struct token *token)
{
    if (token->text != NULL) {
        explicit_bzero(token->text, strlen(token->text));
        free(token->text);
    }
    *token = (struct token){0};
}

struct token_cache *token_cache_create(void)
{
    struct token_cache *cache = calloc(1, sizeof(*cache));
    if (cache != NULL) {
        CHECK(pthread_mutex_init(&cache->lock, NULL) == 0);
    }
    return cache;
}

void token_cache_destroy(struct token_cache **cache)
{
    if (*cache == NULL) {
        return;
    }
    for (size_t i = 0; i < (*cache)->count; i++) {
        token_drop(&(*cache)->tokens[i]);
    }
    (void)pthread_mutex_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

/* A copy of a token that is still good, or NULL. */
static char *cache_find(struct token_cache *cache, const struct digest *name)
{
    char *found = NULL;
    int64_t now = clock_monotonic_ns();
    CHECK(pthread_mutex_lock(&cache->lock) == 0);
    for (size_t i = 0; i < cache->count && found == NULL; i++) {
        if (digest_equal(&cache->tokens[i].name, name) && cache->tokens[i].until_ns > now) {
            found = strdup(cache->tokens[i].text);
        }
    }
    CHECK(pthread_mutex_unlock(&cache->lock) == 0);
    return found;
}

/* Keep a token in the place of its older self, or of the one that ends first. */
static void cache_put(struct token_cache *cache, const struct digest *name, const char *text,
                      uint64_t life_s)
{
    struct token token = {.name = *name,
                          .text = strdup(text),
                          .until_ns = clock_monotonic_ns() + (int64_t)life_s * 1000000000};
    if (token.text == NULL) {
        return;
    }
    CHECK(pthread_mutex_lock(&cache->lock) == 0);
    size_t at = 0;
    size_t first = 0;
    while (at < cache->count && !digest_equal(&cache->tokens[at].name, name)) {
        first = cache->tokens[at].until_ns < cache->tokens[first].until_ns ? at : first;
        at++;
    }
    if (at == TOKENS_MAX) {
        at = first;
    } else if (at == cache->count) {
        cache->count++;
    }
    token_drop(&cache->tokens[at]);
    cache->tokens[at] = token;
    CHECK(pthread_mutex_unlock(&cache->lock) == 0);
}

/* ---- asking ---- */

static const json_t *policy_of(const struct call *call)
{
    const json_t *authentication = json_object_of(call->input, "authentication");
    const json_t *oauth2 = json_object_of(authentication, "oauth2");
    return oauth2 != NULL ? oauth2 : json_object_of(authentication, "oidc");
}

bool token_is_wanted(const struct call *call)
{
    return policy_of(call) != NULL;
}

static bool fail_policy(struct call *call, const char *what)
{
    fail_input(call, "/authentication", "the policy %s", what);
    return false;
}

/* Authority without the slashes at its end, and a path below it. */
static bool below_authority(struct call *call, const char *path, struct buf *out)
{
    const char *authority = json_text_of(policy_of(call), "authority");
    size_t size = authority == NULL ? 0 : strlen(authority);
    while (size > 0 && authority[size - 1] == '/') {
        size--;
    }
    buf_append(out, authority == NULL ? "" : authority, size);
    buf_printf(out, "%s%s", path[0] == '/' ? "" : "/", path);
    return size > 0 || fail_policy(call, "names no authority");
}

/* One more request under the call's own limits, which changes nothing; the answer is call->answer.
 */
static bool ask(struct call *call, struct request *request)
{
    struct request kept = call->request;
    enum connector_effect effect = call->effect;
    call->request = *request;
    call->effect = CALL_PURE;
    bool good = exchange(call, request->url.data);
    call->request = kept;
    call->effect = effect;
    return good;
}

/* OpenID Connect Discovery 1.0, 4: the token endpoint that the authority names. */
static bool discover(struct call *call, struct buf *out)
{
    struct request request = {.method = "GET", .url = BUF_INIT(CONNECTOR_URL_BYTES)};
    struct error err = {0};
    json_t *document = NULL;
    bool good = below_authority(call, "/.well-known/openid-configuration", &request.url) &&
                ask(call, &request);
    if (good && call->answer.status != 200) {
        fail_token(call, "the authority has no OpenID configuration");
        good = false;
    }
    if (good && json_parse(call->answer.body.data, call->answer.body.size, NULL, &document, &err) !=
                    ERR_OK) {
        fail_token(call, "the OpenID configuration is no JSON");
        good = false;
    }
    const char *endpoint = json_text_of(document, "token_endpoint");
    if (good && endpoint == NULL) {
        fail_token(call, "the OpenID configuration names no token_endpoint");
        good = false;
    }
    buf_append_str(out, endpoint == NULL ? "" : endpoint);
    json_decref(document);
    request_release(&request);
    return good;
}

/* The same from the cache: an authority does not move often. */
static bool discover_cached(struct call *call, struct buf *out)
{
    struct blake blake;
    const char *authority = json_text_of(policy_of(call), "authority");
    blake_init(&blake, NULL);
    blake_part_text(&blake, "openid-configuration");
    blake_part_text(&blake, authority == NULL ? "" : authority);
    struct digest name = blake_final(&blake);
    char *known = cache_find(call->connector->tokens, &name);
    if (known != NULL) {
        buf_append_str(out, known);
        free(known);
        return true;
    }
    if (!discover(call, out)) {
        return false;
    }
    cache_put(call->connector->tokens, &name, out->data, DISCOVERY_LIFE_S);
    return true;
}

static bool endpoint_of(struct call *call, struct buf *out)
{
    const json_t *policy = policy_of(call);
    if (json_object_of(json_object_of(call->input, "authentication"), "oidc") != NULL) {
        return discover_cached(call, out);
    }
    const char *path = json_text_of(json_object_of(policy, "endpoints"), "token");
    return below_authority(call, path == NULL ? "/oauth2/token" : path, out);
}

/* "a b" of an array of texts. */
static void words_join(const json_t *words, struct buf *out)
{
    size_t index = 0;
    const json_t *word = NULL;
    json_array_foreach(json_mutable(words), index, word)
    {
        buf_printf(out, "%s%s", index > 0 ? " " : "",
                   json_is_string(word) ? json_string_value(word) : "");
    }
}

static void field_put(json_t *fields, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        (void)json_object_set_new(fields, name, json_string(text));
    }
}

/* A token that is exchanged: "subject_token" and "subject_token_type" (RFC 8693, 2.1). */
static void exchange_put(json_t *fields, const json_t *token, const char *name, const char *type)
{
    field_put(fields, name, json_text_of(token, "token"));
    field_put(fields, type, json_text_of(token, "type"));
}

/* What is sent to the token endpoint but for the client's own login (RFC 6749, 4.3 and 4.4, and
 * RFC 8693). */
static json_t *fields_make(struct call *call)
{
    const json_t *policy = policy_of(call);
    const char *grant = json_text_of(policy, "grant");
    struct buf scopes = BUF_INIT(CONNECTOR_HEADER_BYTES);
    bool password = text_equal(grant, "password");
    bool exchange = text_equal(grant, "urn:ietf:params:oauth:grant-type:token-exchange");
    if (!password && !exchange && !text_equal(grant, "client_credentials")) {
        (void)fail_policy(call, "has no grant this connector can ask for");
        return NULL;
    }
    json_t *fields = json_object();
    field_put(fields, "grant_type", grant);
    if (password) {
        field_put(fields, "username", json_text_of(policy, "username"));
        field_put(fields, "password", json_text_of(policy, "password"));
    }
    if (exchange) {
        exchange_put(fields, json_object_of(policy, "subject"), "subject_token",
                     "subject_token_type");
        exchange_put(fields, json_object_of(policy, "actor"), "actor_token", "actor_token_type");
    }
    words_join(json_array_of(policy, "scopes"), &scopes);
    field_put(fields, "scope", scopes.data);
    if (json_array_size(json_array_of(policy, "audiences")) > 0) {
        (void)json_object_set(fields, "audience", json_array_of(policy, "audiences"));
    }
    buf_release(&scopes);
    return fields;
}

/* The client's login, in the fields or in a header (RFC 6749, 2.3.1). */
static bool client_login(struct call *call, struct request *request, json_t *fields)
{
    const json_t *client = json_object_of(policy_of(call), "client");
    const char *how = json_text_of(client, "authentication");
    const char *id = json_text_of(client, "id");
    const char *secret = json_text_of(client, "secret");
    if (text_equal(how, "client_secret_basic")) {
        struct buf pair = BUF_INIT(CONNECTOR_HEADER_BYTES);
        request_escape(&pair, id == NULL ? "" : id);
        buf_append_byte(&pair, ':');
        request_escape(&pair, secret == NULL ? "" : secret);
        bool good = request_basic(call, request, pair.data);
        buf_release(&pair);
        return good;
    }
    if (how != NULL && strcmp(how, "client_secret_post") != 0 && strcmp(how, "none") != 0) {
        return fail_policy(call, "has a client authentication this connector does not know");
    }
    field_put(fields, "client_id", id);
    if (!text_equal(how, "none")) {
        field_put(fields, "client_secret", secret);
    }
    return true;
}

static bool body_make(struct call *call, struct request *request, const json_t *fields)
{
    const char *encoding = json_text_of(json_object_of(policy_of(call), "request"), "encoding");
    bool json = text_equal(encoding, "application/json");
    request->has_body = true;
    if (json) {
        json_write(fields, &request->body);
    }
    return (json || request_form(fields, &request->body)) && !request->body.failed &&
           request_header(request, "Content-Type",
                          json ? "application/json" : "application/x-www-form-urlencoded") &&
           request_header(request, "Accept", "application/json");
}

/* Names a token by everything that is asked with. */
static struct digest name_of(const struct request *request)
{
    struct blake blake;
    blake_init(&blake, NULL);
    blake_part(&blake, request->url.data, request->url.size);
    blake_part(&blake, request->header_text.data, request->header_text.size);
    blake_part(&blake, request->body.data, request->body.size);
    return blake_final(&blake);
}

/* Read the answer of the token endpoint (RFC 6749, 5.1) and keep the token. */
static bool token_take(struct call *call, const struct digest *name)
{
    struct error err = {0};
    json_t *answer = NULL;
    bool good = false;
    const struct buf *body = &call->answer.body;
    const char *text = NULL;
    if (json_parse(body->data == NULL ? "" : body->data, body->size, NULL, &answer, &err) ==
        ERR_OK) {
        text = json_text_of(answer, "access_token");
    }
    if (call->answer.status != 200 || text == NULL || strlen(text) > TOKEN_BYTES) {
        const char *reason = json_text_of(answer, "error");
        fail_token(call, reason != NULL ? reason : "the answer has no access_token");
    } else {
        int64_t life = json_int_of(answer, "expires_in", TOKEN_LIFE_S);
        call->token = strdup(text);
        good = call->token != NULL;
        if (life > TOKEN_MARGIN_S) {
            cache_put(call->connector->tokens, name, text, (uint64_t)life - TOKEN_MARGIN_S);
        }
    }
    json_decref(answer);
    return good;
}

/* The request for a token; its lines are complete. */
static bool request_make(struct call *call, struct request *ret_request)
{
    *ret_request = (struct request){.method = "POST",
                                    .url = BUF_INIT(CONNECTOR_URL_BYTES),
                                    .header_text = BUF_INIT(CONNECTOR_HEADER_BYTES),
                                    .body = BUF_INIT(CONNECTOR_BODY_BYTES)};
    json_t *fields = fields_make(call);
    bool good = fields != NULL && endpoint_of(call, &ret_request->url) &&
                client_login(call, ret_request, fields);
    if (good && !body_make(call, ret_request, fields)) {
        good = fail_policy(call, "does not fit into a request");
    }
    request_finish(ret_request);
    json_decref(fields);
    return good;
}

bool token_get(struct call *call, bool fresh)
{
    struct request request;
    bool good = request_make(call, &request);
    if (good) {
        struct digest name = name_of(&request);
        call->token = fresh ? NULL : cache_find(call->connector->tokens, &name);
        call->token_is_old = call->token != NULL;
        good = call->token != NULL || (ask(call, &request) && token_take(call, &name));
    }
    if (call->token != NULL) {
        agent_hide(call->task, "token", call->token);
    }
    request_release(&request);
    return good;
}
