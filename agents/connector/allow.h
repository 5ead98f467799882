/*
 * Where the connector may go: a list that the operator gives, and nothing else.
 *
 * A request must pass twice. Its URL must name an allowed host and port; and the address that the
 * name turned out to have must be public, or be allowed by address. So a name under somebody
 * else's control leads neither to this machine nor into the network around it.
 *
 * An entry is [http:// | https://] HOST [:PORT], HOST being a name, *.SUFFIX (any name below it),
 * an IP address, or a range ADDRESS/BITS; IPv6 addresses stand in brackets when a port follows.
 * Without a scheme both are meant, without a port the scheme's own; the port * is any.
 *
 * Which addresses are public: the IANA special-purpose address registries (RFC 6890).
 * Threads: immutable after allow_create.
 */
#ifndef AGENTS_CONNECTOR_ALLOW_H
#define AGENTS_CONNECTOR_ALLOW_H

#include <stdbool.h>

#include "common/base/error.h"

struct allow;
struct http_url;
struct sockaddr;

enum { ALLOW_ENTRIES_MAX = 1024, ALLOW_FILE_BYTES = 256 * 1024 };

/* An empty list: nothing is allowed. NULL without memory. */
struct allow *allow_create(void);

/* Free *allow and set it to NULL. Accepts NULL. */
void allow_destroy(struct allow **allow);

/* Add the entries of a text, separated by commas, blanks or lines; # starts a comment to the end of
 * its line. ERR_INVALID names the entry, ERR_LIMIT. */
MUST_CHECK enum err allow_add(struct allow *allow, const char *text, struct error *err);

/* Add the entries of a file. Also ERR_NOT_FOUND and ERR_IO. */
MUST_CHECK enum err allow_add_file(struct allow *allow, const char *path, struct error *err);

/* Whether a URL's host and port are allowed. */
bool allow_url(const struct allow *allow, const struct http_url *url);

/* Whether to connect to an address. */
bool allow_address(const struct allow *allow, const struct sockaddr *address);

#endif
