/*
 * The JSON Schemas of the canonical documents, compiled into the program, and checking against
 * them. Threads: a set belongs to one thread.
 */
#ifndef AGENTS_EXTRACTION_SCHEMAS_H
#define AGENTS_EXTRACTION_SCHEMAS_H

#include <stddef.h>

#include "common/base/error.h"
#include "common/json/json.h"

enum { SCHEMA_KINDS = 6 };

struct schema_text {
    const char *kind; /* "invoice", "tenderResponse" ... */
    const unsigned char *bytes;
    size_t size;
};

extern const struct schema_text schema_texts[SCHEMA_KINDS];

struct schemas;

/* An empty set; a schema is compiled when a document first needs it. NULL only without memory. */
struct schemas *schemas_create(void);

/* Free *schemas and set it to NULL. Accepts NULL. */
void schemas_destroy(struct schemas **schemas);

/* Whether `document` is a canonical document of `kind`. ERR_UNSUPPORTED (no such kind),
 * ERR_INVALID: the message starts with the JSON pointer of what does not fit; ERR_NOMEM. */
MUST_CHECK enum err schemas_check(struct schemas *schemas, const char *kind, const json_t *document,
                                  struct error *err);

#endif
