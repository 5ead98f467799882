/*
 * Documents that definitions name by their URL, fetched under the same rules as any request and
 * kept for a while. Redirects are followed, each to a place that is allowed; credentials stay with
 * the host they were meant for.
 *
 * Threads: the cache has a lock of its own and holds texts; a document belongs to its call.
 */
#ifndef AGENTS_CONNECTOR_DOCUMENTS_H
#define AGENTS_CONNECTOR_DOCUMENTS_H

#include <stdbool.h>

#include "common/json/json.h"

struct call;
struct document_cache;

enum {
    DOCUMENT_BYTES = 4 * 1024 * 1024,
    DOCUMENTS_MAX = 16,
    DOCUMENT_LIFE_S = 300,
    DOCUMENT_REDIRECTS = 5,
};

struct document_cache *document_cache_create(void);

/* Free *cache and set it to NULL. Accepts NULL. */
void document_cache_destroy(struct document_cache **cache);

struct document {
    char *url; /* where it was found in the end */
    json_t *value;
};

/* The document of `input`, whose member `document` has endpoint, variables and authentication.
 * False with the failure in call->reply. Release with document_release. */
bool document_get(struct call *call, const json_t *input, struct document *ret_document);
void document_release(struct document *document);

#endif
