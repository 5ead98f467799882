/*
 * Access tokens of OAuth 2.0 (RFC 6749) and OpenID Connect: asked for with client credentials or a
 * user's password, and kept in memory until shortly before they expire.
 *
 * Threads: the cache has a lock of its own; two workers may ask for the same token at once.
 */
#ifndef AGENTS_CONNECTOR_TOKEN_H
#define AGENTS_CONNECTOR_TOKEN_H

#include <stdbool.h>

struct call;
struct token_cache;

enum {
    TOKEN_BYTES = 16 * 1024,
    TOKENS_MAX = 256,
    TOKEN_LIFE_S = 300,  /* when the answer names none */
    TOKEN_MARGIN_S = 30, /* not used in its last seconds */
    DISCOVERY_LIFE_S = 3600,
};

struct token_cache *token_cache_create(void);

/* Wipe and free *cache and set it to NULL. Accepts NULL. */
void token_cache_destroy(struct token_cache **cache);

/* The token that the policy asks for, from the cache or from its authority, in call->token. `fresh`
 * passes over the cache. False with the failure in call->reply. */
bool token_get(struct call *call, bool fresh);

/* Whether the call's policy fetches tokens. */
bool token_is_wanted(const struct call *call);

#endif
