/*
 * An immutable JSON value that knows its text, its tree or both, and makes the other only when
 * asked: the value type of the engine, which keeps text for storing and needs a tree for
 * evaluating.
 *
 * The tree of a doc is shared: never change it, copy it first (json_deep_copy).
 *
 * Ownership: reference counted. Threads: one at a time; the counter is a plain integer and the lazy
 * parts are filled in without a lock, so a doc that moves to another thread moves whole.
 * doc_null() is the exception: it is never changed and may be used everywhere.
 */
#ifndef COMMON_JSON_DOC_H
#define COMMON_JSON_DOC_H

#include "common/json/json.h"

struct doc;

/* Parse `bytes` (copied) once under the default limits of json_parse and keep text and tree.
 * Errors as json_parse; *ret_doc is then NULL. */
MUST_CHECK enum err doc_of_text(const char *bytes, size_t size, struct doc **ret_doc,
                                struct error *err);

/* Keep `bytes` (copied) without looking: they come from our own store and were written by
 * json_write. Asking for the tree of anything else is a bug and aborts. */
struct doc *doc_of_text_trusted(const char *bytes, size_t size);

/* Take over one reference to `value` (not NULL, at most JSON_DEPTH_MAX deep) and make text only
 * when asked. */
struct doc *doc_of_json(json_t *value);

/* The value null: static, costs nothing, may be referenced and released like any other. */
struct doc *doc_null(void);

/* One more reference; returns `doc`. */
struct doc *doc_ref(struct doc *doc);

/* Drop *doc and set it to NULL. Accepts a NULL doc. */
void doc_unref(struct doc **doc);

/* The text, terminated; borrowed until the last reference goes. `ret_size` may be NULL. */
const char *doc_text(struct doc *doc, size_t *ret_size);

/* Whether the text has at most `max` bytes; false without having written more than that. */
bool doc_fits(struct doc *doc, size_t max);

/* The size of the text when it has been made already, else 0. */
size_t doc_size_known(const struct doc *doc);

/* The tree; borrowed until the last reference goes. Not to be changed. */
json_t *doc_json(struct doc *doc);

/* BLAKE2b-256 of the canonical text, computed once: equal values have equal digests whatever their
 * spelling was. */
const struct digest *doc_digest(struct doc *doc);

/* Whether both are the same value as doc_digest sees it; the same doc is, without computing. */
bool doc_same(struct doc *a, struct doc *b);

#endif
