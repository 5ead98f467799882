/*
 * XML documents as a tree of elements, the only user of libxml2. Namespaces are compared by URI,
 * never by prefix. Hostile input is refused: any DOCTYPE (so no entities but the five of XML), more
 * than XML_DEPTH_MAX nested elements or XML_ATTRIBUTES_MAX attributes of one, and nothing is ever
 * loaded from the network or a file. Encodings: UTF-8, UTF-16 and ISO 8859-1, by byte order mark or
 * declaration.
 *
 * Threads: a document belongs to one thread at a time.
 */
#ifndef AGENTS_EXTRACTION_XML_H
#define AGENTS_EXTRACTION_XML_H

#include <stddef.h>

#include "agents/extraction/draft.h"
#include "agents/extraction/extraction.h"
#include "common/base/error.h"

enum { XML_DEPTH_MAX = 64, XML_ATTRIBUTES_MAX = 500 }; /* attributes: of one element */

struct xml_document;
struct xml_element; /* borrowed from its document; opaque */

/* Parse `size` bytes. Errors: ERR_INVALID with line and column, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err xml_parse(const char *bytes, size_t size, struct xml_document **ret,
                              struct extract_failure *failure);

/* Free *document and set it to NULL. Accepts NULL. */
void xml_destroy(struct xml_document **document);

const struct xml_element *xml_root(const struct xml_document *document);

/* Local name; namespace URI, "" without one. */
const char *xml_name(const struct xml_element *element);
const char *xml_namespace(const struct xml_element *element);

/* First child element of that name, and the next sibling of the name of `element`; NULL without. */
const struct xml_element *xml_child(const struct xml_element *parent, const char *uri,
                                    const char *name);
const struct xml_element *xml_next(const struct xml_element *element);

/* The text directly in `element` without white space at both ends, "" when empty. Lives as long as
 * the document. NULL only without memory. */
const char *xml_text(struct xml_document *document, const struct xml_element *element);

/* The value of an attribute without namespace, or NULL. Lives as long as the document. */
const char *xml_attribute(struct xml_document *document, const struct xml_element *element,
                          const char *name);

/* "line 12, column 34": where the start tag ends and the value begins. Returns `out`. */
char *xml_place(const struct xml_element *element, char out[DRAFT_PLACE_BYTES]);

#endif
