#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

#include "common/base/str.h"
#include "common/http/http_client.h"

/* One part of a URL, to be freed with curl_free; NULL when it has none. */
static char *part_of(CURLU *parts, CURLUPart which, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(parts, which, &text, flags) == CURLUE_OK ? text : NULL;
}

/* Lower case, without the brackets and the zone of an IPv6 address. */
static bool host_take(const char *text, char *out)
{
    size_t size = strlen(text);
    bool bracketed = size > 1 && text[0] == '[' && text[size - 1] == ']';
    const char *start = bracketed ? text + 1 : text;
    size = bracketed ? size - 2 : size;
    if (size == 0 || size >= HTTP_URL_HOST_BYTES) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)tolower((unsigned char)start[i]);
    }
    out[size] = '\0';
    return true;
}

static bool parts_take(CURLU *parts, struct http_url *ret_url)
{
    char *scheme = part_of(parts, CURLUPART_SCHEME, 0);
    char *host = part_of(parts, CURLUPART_HOST, 0);
    char *port = part_of(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    char *user = part_of(parts, CURLUPART_USER, 0);
    char *password = part_of(parts, CURLUPART_PASSWORD, 0);
    uint64_t number = 0;
    bool good = scheme != NULL && host != NULL && port != NULL && host_take(host, ret_url->host) &&
                text_to_u64(port, &number) && number > 0 && number <= UINT16_MAX;
    if (good) {
        ret_url->tls = strcmp(scheme, "https") == 0;
        good = ret_url->tls || strcmp(scheme, "http") == 0;
        ret_url->port = (unsigned)number;
        ret_url->login = user != NULL || password != NULL;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_free(password);
    return good;
}

enum err http_url_parse(const char *url, struct http_url *ret_url, struct error *err)
{
    *ret_url = (struct http_url){0};
    CURLU *parts = curl_url();
    if (parts == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for a URL");
    }
    bool good =
        curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK && parts_take(parts, ret_url);
    curl_url_cleanup(parts);
    return good ? ERR_OK
                : error_set(err, ERR_INVALID, "'%.200s' is not an absolute http or https URL", url);
}

enum err http_url_resolve(const char *base, const char *reference, struct buf *ret_url,
                          struct error *err)
{
    buf_clear(ret_url);
    CURLU *parts = curl_url();
    if (parts == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for a URL");
    }
    char *text = NULL;
    if (curl_url_set(parts, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_URL, reference, 0) == CURLUE_OK) {
        text = part_of(parts, CURLUPART_URL, 0);
    }
    curl_url_cleanup(parts);
    if (text == NULL) {
        return error_set(err, ERR_INVALID, "'%.200s' leads nowhere from '%.200s'", reference, base);
    }
    buf_append_str(ret_url, text);
    curl_free(text);
    return ret_url->failed ? error_set(err, ERR_INVALID, "the URL is too long") : ERR_OK;
}
