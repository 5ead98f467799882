/*
 * A small HTTP client (libcurl): one call at a time, everything bounded, nothing taken from the
 * environment (no proxies, no netrc, no cookies). Only http and https; certificates are verified.
 *
 * Threads: a client belongs to one thread at a time; different clients are independent.
 */
#ifndef COMMON_HTTP_HTTP_CLIENT_H
#define COMMON_HTTP_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/error.h"

struct http_client;
struct sockaddr;

enum {
    HTTP_URL_HOST_BYTES = 256,
    HTTP_CALL_TIMEOUT_MS = 30000,
    HTTP_CALL_CONNECT_MS = 10000,
    HTTP_ANSWER_BYTES = 4 * 1024 * 1024,
    HTTP_ANSWER_HEADER_BYTES = 64 * 1024,
    HTTP_REDIRECTS_MAX = 10,
};

/* A request; everything is borrowed for the call. */
struct http_call {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *const *headers; /* "Name: value" lines, NULL-terminated; may be NULL */
    const void *body;           /* NULL: none */
    size_t size;
    unsigned timeout_ms;     /* of the whole call; 0: HTTP_CALL_TIMEOUT_MS */
    size_t answer_max;       /* bytes of the body; 0: HTTP_ANSWER_BYTES */
    unsigned redirects_max;  /* followed for GET only; at most HTTP_REDIRECTS_MAX */
    const char *ca_file;     /* certificate authorities instead of the system's; NULL: system */
    const char *label;       /* what errors call it; NULL: the url */
    const char *unix_socket; /* connect here instead of to the host; NULL: no */
    const char *digest_user; /* answer a digest challenge (RFC 7616) as this user; NULL: no */
    const char *digest_password;

    /* Asked for the address of every connection after the name was resolved and before anything is
     * sent; false ends the call with ERR_REFUSED. NULL: any address. */
    bool (*may_connect)(void *user, const struct sockaddr *address);
    /* Asked about once a second; true ends the call with ERR_TIMEOUT. NULL: never. */
    bool (*cancelled)(void *user);
    void *user; /* of both */
};

/* What came back. Initialise with {0}; release with http_answer_release. */
struct http_answer {
    unsigned status; /* 0: none; after an error the one that came before it */
    struct buf body;
    struct buf headers; /* lines of the last response */
    bool sent; /* whether any byte of the request may have reached the server: after an error this
                  decides between "not done" and "unknown" */
};

/* A client, or NULL without memory. */
struct http_client *http_client_create(void);

/* Close its connections, free *client and set it to NULL. Accepts NULL. */
void http_client_destroy(struct http_client **client);

/*
 * Send `call` and wait for the answer; any HTTP status is ERR_OK. `ret_answer` is emptied first and
 * must be released by the caller in every case.
 * Errors: ERR_INVALID (url, header with line breaks), ERR_UNAVAILABLE (no connection), ERR_TIMEOUT,
 * ERR_LIMIT (answer or redirects over the limit), ERR_REFUSED (certificate, address), ERR_IO (broke
 * off).
 */
MUST_CHECK enum err http_client_send(struct http_client *client, const struct http_call *call,
                                     struct http_answer *ret_answer, struct error *err);

/* Copy the value of a header into `out`, terminated; false, and an empty text, when it
 * is absent or does not fit. */
bool http_answer_header(const struct http_answer *answer, const char *name, char *out, size_t size);

void http_answer_release(struct http_answer *answer);

/* ---- URLs ---- */

/* The parts of a URL that say where a call goes, as the client itself reads them. */
struct http_url {
    bool tls;
    char host[HTTP_URL_HOST_BYTES]; /* lower case; an IPv6 address without its brackets */
    unsigned port;                  /* the scheme's own when the URL has none */
    bool login;                     /* it carries a user or a password */
};

/* Read an absolute http or https URL. ERR_INVALID for anything else. */
MUST_CHECK enum err http_url_parse(const char *url, struct http_url *ret_url, struct error *err);

/* Resolve `reference` against the absolute URL `base` (RFC 3986); text in `ret_url`, emptied first.
 * ERR_INVALID, ERR_NOMEM. */
MUST_CHECK enum err http_url_resolve(const char *base, const char *reference, struct buf *ret_url,
                                     struct error *err);

#endif
