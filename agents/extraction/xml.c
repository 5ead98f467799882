#include "agents/extraction/xml.h"

#include <libxml/parser.h>
#include <libxml/SAX2.h>
#include <libxml/tree.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"

struct xml_document {
    xmlDocPtr tree;
    struct arena *arena; /* texts and attribute values */
};

/* What the callbacks found; behind xmlParserCtxt._private while parsing. */
struct parse_state {
    bool doctype;
    bool too_deep;
    int line;
    int column;
};

static const xmlNode *node_of(const struct xml_element *element)
{
    return (const xmlNode *)(const void *)element;
}

static const struct xml_element *element_of(const xmlNode *node)
{
    return (const struct xml_element *)(const void *)node;
}

static void stop_at(xmlParserCtxtPtr context, bool *flag)
{
    struct parse_state *state = context->_private;
    *flag = true;
    if (context->input != NULL) {
        state->line = context->input->line;
        state->column = context->input->col;
    }
    xmlStopParser(context);
}

static void on_doctype(void *closure, const xmlChar *name, const xmlChar *public_id,
                       const xmlChar *system_id)
{
    (void)name;
    (void)public_id;
    (void)system_id;
    xmlParserCtxtPtr context = closure;
    struct parse_state *state = context->_private;
    stop_at(context, &state->doctype);
}

/* NOLINTNEXTLINE(readability-function-size): libxml2 sets the parameters */
static void on_element(void *closure, const xmlChar *name, const xmlChar *prefix,
                       const xmlChar *uri, int namespace_count, const xmlChar **namespaces,
                       int attribute_count, int defaulted_count, const xmlChar **attributes)
{
    xmlParserCtxtPtr context = closure;
    struct parse_state *state = context->_private;
    if (context->nodeNr >= XML_DEPTH_MAX) {
        stop_at(context, &state->too_deep);
        return;
    }
    xmlSAX2StartElementNs(closure, name, prefix, uri, namespace_count, namespaces, attribute_count,
                          defaulted_count, attributes);
    if (context->node != NULL && context->input != NULL) {
        context->node->_private = (void *)(intptr_t)context->input->col;
    }
}

static enum err fail_parse(xmlParserCtxtPtr context, const struct parse_state *state,
                           struct extract_failure *failure)
{
    char place[DRAFT_PLACE_BYTES];
    struct origin origin = {.place = place};
    if (state->doctype || state->too_deep) {
        (void)snprintf(place, sizeof(place), "line %d, column %d", state->line, state->column);
    }
    if (state->doctype) {
        origin.element = "DOCTYPE";
        return failure_set(failure, ERR_INVALID, origin,
                           "a document type declaration is refused, remove it");
    }
    if (state->too_deep) {
        return failure_set(failure, ERR_LIMIT, origin, "elements are nested more than %d deep",
                           XML_DEPTH_MAX);
    }
    const xmlError *last = xmlCtxtGetLastError(context);
    if (last == NULL) {
        return failure_set(failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    }
    (void)snprintf(place, sizeof(place), "line %d, column %d", last->line, last->int2);
    char message[160];
    (void)snprintf(message, sizeof(message), "%s", last->message == NULL ? "" : last->message);
    message[strcspn(message, "\r\n")] = '\0';
    enum err code = last->code == XML_ERR_NO_MEMORY ? ERR_NOMEM : ERR_INVALID;
    return failure_set(failure, code, origin, "not well-formed XML: %s", message);
}

/*
 * The parser compares each attribute of an element with all before it, so that a megabyte of them
 * takes minutes: they are counted before it sees them. An attribute is '=', blanks and a quote; an
 * element has them before the next '<', which no attribute may hold. The zero bytes of UTF-16 are
 * blanks here.
 */
static enum err check_attributes(const char *bytes, size_t size, struct extract_failure *failure)
{
    size_t count = 0;
    int line = 1;
    bool equals = false;
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        line += c == '\n' ? 1 : 0;
        count = c == '<' ? 0 : count;
        if (equals && (c == '"' || c == '\'') && ++count > XML_ATTRIBUTES_MAX) {
            char place[DRAFT_PLACE_BYTES];
            (void)snprintf(place, sizeof(place), "line %d", line);
            return failure_set(failure, ERR_LIMIT, (struct origin){.place = place},
                               "an element has more than %d attributes", XML_ATTRIBUTES_MAX);
        }
        bool blank = c == '\0' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
        equals = c == '=' || (equals && blank);
    }
    return ERR_OK;
}

static enum err parse_tree(xmlParserCtxtPtr context, const char *bytes, size_t size,
                           xmlDocPtr *ret_tree, struct extract_failure *failure)
{
    struct parse_state state = {0};
    context->_private = &state;
    context->sax->internalSubset = on_doctype;
    context->sax->startElementNs = on_element;
    int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES;
    xmlDocPtr tree = xmlCtxtReadMemory(context, bytes, (int)size, NULL, NULL, options);
    bool refused = state.doctype || state.too_deep;
    if (tree == NULL || refused || xmlDocGetRootElement(tree) == NULL) {
        xmlFreeDoc(tree);
        return fail_parse(context, &state, failure);
    }
    *ret_tree = tree;
    return ERR_OK;
}

enum err xml_parse(const char *bytes, size_t size, struct xml_document **ret,
                   struct extract_failure *failure)
{
    enum { ARENA_FIXED = 64 * 1024, ARENA_PER_BYTE = 32 };
    CHECK(size <= EXTRACT_BYTES_MAX);
    *ret = NULL;
    TRY(check_attributes(bytes, size, failure));
    xmlInitParser();
    struct xml_document *document = calloc(1, sizeof(*document));
    struct arena *arena = arena_create(ARENA_FIXED + ARENA_PER_BYTE * size);
    xmlParserCtxtPtr context = xmlNewParserCtxt();
    enum err code = ERR_OK;
    if (document == NULL || arena == NULL || context == NULL) {
        code = failure_set(failure, ERR_NOMEM, (struct origin){0}, "out of memory");
    } else {
        code = parse_tree(context, bytes, size, &document->tree, failure);
    }
    if (context != NULL) {
        context->_private = NULL;
        xmlFreeParserCtxt(context);
    }
    if (code != ERR_OK) {
        arena_destroy(&arena);
        free(document);
        return code;
    }
    CHECK(document != NULL);
    document->arena = arena;
    *ret = document;
    return ERR_OK;
}

void xml_destroy(struct xml_document **document)
{
    if (*document == NULL) {
        return;
    }
    xmlFreeDoc((*document)->tree);
    arena_destroy(&(*document)->arena);
    free(*document);
    *document = NULL;
}

const struct xml_element *xml_root(const struct xml_document *document)
{
    return element_of(xmlDocGetRootElement(document->tree));
}

const char *xml_name(const struct xml_element *element)
{
    return (const char *)node_of(element)->name;
}

const char *xml_namespace(const struct xml_element *element)
{
    const xmlNs *ns = node_of(element)->ns;
    return ns == NULL || ns->href == NULL ? "" : (const char *)ns->href;
}

static const struct xml_element *find_from(const xmlNode *node, const char *uri, const char *name)
{
    for (; node != NULL; node = node->next) {
        if (node->type != XML_ELEMENT_NODE) {
            continue;
        }
        const struct xml_element *element = element_of(node);
        if (strcmp(xml_name(element), name) == 0 && strcmp(xml_namespace(element), uri) == 0) {
            return element;
        }
    }
    return NULL;
}

const struct xml_element *xml_child(const struct xml_element *parent, const char *uri,
                                    const char *name)
{
    return find_from(node_of(parent)->children, uri, name);
}

const struct xml_element *xml_next(const struct xml_element *element)
{
    return find_from(node_of(element)->next, xml_namespace(element), xml_name(element));
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

const char *xml_text(struct xml_document *document, const struct xml_element *element)
{
    size_t size = 0;
    for (const xmlNode *node = node_of(element)->children; node != NULL; node = node->next) {
        bool text = node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
        size += text && node->content != NULL ? strlen((const char *)node->content) : 0;
    }
    char *out = arena_alloc(document->arena, size + 1);
    if (out == NULL) {
        return NULL;
    }
    size_t used = 0;
    for (const xmlNode *node = node_of(element)->children; node != NULL; node = node->next) {
        bool text = node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
        if (text && node->content != NULL) {
            size_t length = strlen((const char *)node->content);
            memcpy(out + used, node->content, length);
            used += length;
        }
    }
    while (used > 0 && is_white(out[used - 1])) {
        used--;
    }
    out[used] = '\0';
    while (is_white(*out)) {
        out++;
    }
    return out;
}

const char *xml_attribute(struct xml_document *document, const struct xml_element *element,
                          const char *name)
{
    for (const xmlAttr *at = node_of(element)->properties; at != NULL; at = at->next) {
        bool same = at->ns == NULL && strcmp((const char *)at->name, name) == 0;
        if (same && at->children != NULL && at->children->content != NULL) {
            return arena_strdup(document->arena, (const char *)at->children->content);
        }
    }
    return NULL;
}

char *xml_place(const struct xml_element *element, char out[DRAFT_PLACE_BYTES])
{
    const xmlNode *node = node_of(element);
    xmlNode *mutable_node = (xmlNode *)(uintptr_t)node; /* read only; its prototype has no const */
    (void)snprintf(out, DRAFT_PLACE_BYTES, "line %ld, column %d", xmlGetLineNo(mutable_node),
                   (int)(intptr_t)node->_private);
    return out;
}
