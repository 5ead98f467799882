/*
 * A canonical document while it is being built, with its evidence and warnings. Private to the
 * readers of this folder.
 *
 * Errors are sticky: the first failure is kept, everything after it is harmless, and the reader
 * asks once at the end with draft_finish(). So mapping code reads like the table it is.
 *
 * Threads: none.
 */
#ifndef AGENTS_EXTRACTION_DRAFT_H
#define AGENTS_EXTRACTION_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "agents/extraction/extraction.h"
#include "common/base/decimal.h"
#include "common/base/error.h"
#include "common/json/json.h"

/* Where a value was read: shown in evidence, warnings and failures. */
struct origin {
    const char *place;   /* "segment 4" */
    const char *element; /* "B3-07" */
};

enum { DRAFT_PLACE_BYTES = 96, DRAFT_SOURCE_BYTES = 256 };

struct draft {
    json_t *root;     /* the canonical document */
    json_t *evidence; /* array */
    json_t *warnings; /* array */
    double confidence;
    size_t warnings_dropped;
    enum err code; /* of the first failure */
    struct extract_failure *failure;
};

/* Start an empty document that reports to `failure`. Check nothing: errors are sticky. */
void draft_init(struct draft *draft, struct extract_failure *failure);

/* Free what is left. Accepts a finished or zeroed document. */
void draft_release(struct draft *draft);

/* Keep the first failure. */
void draft_fail(struct draft *draft, enum err code, struct origin origin, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Same for callers without a document; returns `code`. */
enum err failure_set(struct extract_failure *failure, enum err code, struct origin origin,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

bool draft_failed(const struct draft *draft);

/* Note something a person should know that did not stop the reading; lowers the confidence of the
 * document to at most `confidence`. `code` is a stable name such as "segment-count". */
void draft_warn(struct draft *draft, const char *code, double confidence, struct origin origin,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Say where `field` (a JSON pointer into the document) came from; `reason` NULL is "as stated".
 * Nothing happens when `text` is NULL or empty: nothing was read then. */
void draft_evidence(struct draft *draft, const char *field, struct origin origin, const char *text,
                    double confidence, const char *reason);

/* New empty object or array in `parent` under `key`, or at the end of the array `parent`. Borrowed.
 * With a failed document, or without memory, a borrowed JSON null that every draft_ function
 * ignores. */
json_t *draft_object(struct draft *draft, json_t *parent, const char *key);
json_t *draft_array(struct draft *draft, json_t *parent, const char *key);
json_t *draft_append_object(struct draft *draft, json_t *array);

/* Set a member; nothing happens when `text` is NULL or empty. */
void draft_set_text(struct draft *draft, json_t *object, const char *key, const char *text);
void draft_set_bool(struct draft *draft, json_t *object, const char *key, bool value);
void draft_set_integer(struct draft *draft, json_t *object, const char *key, json_int_t value);
void draft_set_decimal(struct draft *draft, json_t *object, const char *key, struct decimal value);
void draft_append_text(struct draft *draft, json_t *array, const char *text);

/* Read and set an exact decimal; `implied` >= 0 reads X12 type N. False, with a failure, when it is
 * not a number; empty text sets nothing and is false without a failure. `ret_value` may be NULL. */
bool draft_read_decimal(struct draft *draft, json_t *object, const char *key, const char *text,
                        int implied, struct origin origin);

/* Copy `text` into `out`, cut to fit, and make it printable UTF-8: what is not becomes '?'. */
void draft_copy_text(char *out, size_t size, const char *text);

/* Remove `key` when its object or array is empty. */
void draft_drop_empty(json_t *object, const char *key);

/*
 * Wrap up as {"kind","document","confidence","evidence","warnings"} in *ret, owned by the caller,
 * and release `draft` in every case. Returns the sticky code.
 */
MUST_CHECK enum err draft_finish(struct draft *draft, const char *kind, json_t **ret);

/* "line 4" + "cbc:ID" -> "cbc:ID at line 4". Returns `out`. */
char *origin_text(struct origin origin, char *out, size_t size);

#endif
