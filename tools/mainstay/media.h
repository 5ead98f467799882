/* Guessing what bytes are. Threads: any. */
#ifndef TOOLS_MAINSTAY_MEDIA_H
#define TOOLS_MAINSTAY_MEDIA_H

#include <stddef.h>

/* The media type of `size` bytes from their beginning and, when that says nothing, from the ending
 * of `name` (may be NULL): JSON, XML (RFC 7303), X12 (RFC 1767), PDF, CSV (RFC 4180). NULL:
 * unknown. */
const char *media_guess(const char *bytes, size_t size, const char *name);

#endif
