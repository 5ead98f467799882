#include "agents/connector/documents.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agents/connector/connector.h"
#include "agents/connector/token.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

/* One document under the digest of all that was sent for it. */
struct kept {
    struct digest name;
    char *url;
    char *text;
    size_t size;
    int64_t until_ns;
};

struct document_cache {
    pthread_mutex_t lock;
    struct kept kept[DOCUMENTS_MAX];
};

struct document_cache *document_cache_create(void)
{
    struct document_cache *cache = calloc(1, sizeof(*cache));
    if (cache != NULL) {
        CHECK(pthread_mutex_init(&cache->lock, NULL) == 0);
    }
    return cache;
}

static void kept_drop(struct kept *kept)
{
    free(kept->url);
    free(kept->text);
    *kept = (struct kept){0};
}

void document_cache_destroy(struct document_cache **cache)
{
    if (*cache == NULL) {
        return;
    }
    for (size_t i = 0; i < DOCUMENTS_MAX; i++) {
        kept_drop(&(*cache)->kept[i]);
    }
    (void)pthread_mutex_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

void document_release(struct document *document)
{
    free(document->url);
    json_decref(document->value);
    *document = (struct document){0};
}

/* A copy of the text in `out` and of its URL. */
static bool cache_find(struct document_cache *cache, const struct digest *name, struct buf *out,
                       char **ret_url)
{
    bool found = false;
    int64_t now = clock_monotonic_ns();
    CHECK(pthread_mutex_lock(&cache->lock) == 0);
    for (size_t i = 0; i < DOCUMENTS_MAX && !found; i++) {
        const struct kept *kept = &cache->kept[i];
        if (kept->url != NULL && kept->until_ns > now && digest_equal(&kept->name, name)) {
            buf_append(out, kept->text, kept->size);
            *ret_url = strdup(kept->url);
            found = !out->failed && *ret_url != NULL;
        }
    }
    CHECK(pthread_mutex_unlock(&cache->lock) == 0);
    return found;
}

/* Keep it in the place of its older self, of nothing, or of what ends first. */
static void cache_put(struct document_cache *cache, const struct digest *name, const char *url,
                      const struct buf *text)
{
    struct kept kept = {.name = *name,
                        .url = strdup(url),
                        .text = malloc(text->size + 1),
                        .size = text->size,
                        .until_ns = clock_monotonic_ns() + DOCUMENT_LIFE_S * INT64_C(1000000000)};
    if (kept.url == NULL || kept.text == NULL) {
        kept_drop(&kept);
        return;
    }
    memcpy(kept.text, text->data, text->size);
    CHECK(pthread_mutex_lock(&cache->lock) == 0);
    size_t at = 0;
    for (size_t i = 0; i < DOCUMENTS_MAX; i++) {
        struct kept *it = &cache->kept[i];
        if (it->url != NULL && digest_equal(&it->name, name)) {
            at = i;
            break;
        }
        at = it->until_ns < cache->kept[at].until_ns ? i : at;
    }
    kept_drop(&cache->kept[at]);
    cache->kept[at] = kept;
    CHECK(pthread_mutex_unlock(&cache->lock) == 0);
}

static struct digest name_of(const struct request *request)
{
    struct blake blake;
    blake_init(&blake, NULL);
    blake_part(&blake, request->url.data, request->url.size);
    blake_part(&blake, request->header_text.data, request->header_text.size);
    return blake_final(&blake);
}

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Whether two URLs are of one scheme, host and port. */
static bool same_origin(const char *a, const char *b)
{
    struct http_url left;
    struct http_url right;
    return http_url_parse(a, &left, NULL) == ERR_OK && http_url_parse(b, &right, NULL) == ERR_OK &&
           left.tls == right.tls && left.port == right.port && strcmp(left.host, right.host) == 0;
}

/* Point the request to where the answer says. */
static bool redirect(struct call *call)
{
    char location[4096];
    struct buf next = BUF_INIT(CONNECTOR_URL_BYTES);
    struct error err = {0};
    struct request *request = &call->request;
    bool good = http_answer_header(&call->answer, "Location", location, sizeof(location)) &&
                http_url_resolve(request->url.data, location, &next, &err) == ERR_OK;
    if (!good) {
        fail_input(call, "/document", "the document was moved to nowhere");
    } else {
        if (!same_origin(request->url.data, next.data)) {
            request->headers[0] = NULL;
            request->digest_user = NULL;
        }
        buf_clear(&request->url);
        buf_append(&request->url, next.data, next.size);
    }
    buf_release(&next);
    return good;
}

/* Fetch into call->answer; call->request.url is where it was in the end. */
static bool fetch(struct call *call, const char *label)
{
    for (unsigned i = 0; i <= DOCUMENT_REDIRECTS; i++) {
        if (!exchange(call, label)) {
            return false;
        }
        if (!is_redirect(call->answer.status)) {
            exchange_hide(call);
            if (call->answer.status != 200) {
                fail_status(call);
            }
            return call->answer.status == 200;
        }
        if (!redirect(call)) {
            return false;
        }
    }
    fail_input(call, "/document", "the document was moved more than %d times", DOCUMENT_REDIRECTS);
    return false;
}

static bool parse(struct call *call, const struct buf *text, struct document *document)
{
    const struct json_limits limits = {.size_max = DOCUMENT_BYTES, .any_number = true};
    struct error err = {0};
    if (json_parse(text->data == NULL ? "" : text->data, text->size, &limits, &document->value,
                   &err) == ERR_OK) {
        return true;
    }
    fail_input(call, "/document", "the document is not JSON (other forms are not read): %s",
               err.message);
    return false;
}

/* The request for the document, its credentials included. */
static bool request_make(struct call *call, const json_t *wanted)
{
    json_t *whole = call->input;
    json_t *input = json_copy(json_mutable(wanted));
    (void)json_object_set_new(input, "method", json_string("GET"));
    call->input = input;
    bool good = (!token_is_wanted(call) || token_get(call, false)) &&
                request_build(call, input, &call->request);
    call->request.method = "GET"; /* what it borrows from is freed here */
    call->input = whole;
    json_decref(input);
    free(call->token);
    call->token = NULL;
    return good;
}

bool document_get(struct call *call, const json_t *input, struct document *ret_document)
{
    struct document_cache *cache = call->connector->documents;
    struct buf text = BUF_INIT(DOCUMENT_BYTES);
    struct buf label = BUF_INIT(CONNECTOR_URL_BYTES);
    bool good = request_url(call, json_object_of(call->task->input, "document"), &label) &&
                request_make(call, json_object_of(input, "document"));
    if (good) {
        struct digest name = name_of(&call->request);
        buf_append(&call->shown, label.data, label.size);
        call->answer_max = DOCUMENT_BYTES;
        if (!cache_find(cache, &name, &text, &ret_document->url)) {
            good = fetch(call, label.data);
            if (good) {
                buf_clear(&text);
                buf_append(&text, call->answer.body.data, call->answer.body.size);
                ret_document->url = strdup(call->request.url.data);
                cache_put(cache, &name, call->request.url.data, &text);
            }
        }
        call->answer_max = 0;
        good = good && ret_document->url != NULL && parse(call, &text, ret_document);
        buf_clear(&call->shown);
    }
    request_release(&call->request);
    call->request = (struct request){0};
    buf_release(&text);
    buf_release(&label);
    return good;
}
