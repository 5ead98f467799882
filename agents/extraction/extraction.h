/*
 * Reads one business document from bytes and gives its canonical form: what the sender meant, in
 * one set of names (those of EN 16931-1:2017, with the logistics terms it lacks), money and
 * quantities as exact decimal strings, dates as ISO 8601. Every main field says which element or
 * segment it came from. What cannot be read is a failure that names the element; nothing is ever
 * guessed.
 *
 *   UBL 2.1      Invoice, CreditNote, FreightInvoice      -> invoice
 *   ANSI X12     210, 110 -> invoice; 204 -> tender; 990 -> tenderResponse; 214 -> shipmentStatus
 *   CSV          SCMS delivery history -> shipment; freight invoices -> invoice and shipment;
 *                lane invoices -> invoice; lane rates -> rate
 *   JSON         a canonical document, or objects with the columns of a known CSV
 *
 * Canonical documents are described by schemas/KIND.schema.json (JSON Schema 2020-12).
 *
 * Pure: no clock, file, network or global state, so the same bytes always give the same answer.
 * Threads: any number, each with its own structures.
 */
#ifndef AGENTS_EXTRACTION_EXTRACTION_H
#define AGENTS_EXTRACTION_EXTRACTION_H

#include <stddef.h>

#include "common/base/error.h"
#include "common/json/json.h"

enum {
    EXTRACT_BYTES_MAX = 16 * 1024 * 1024, /* one document */
    EXTRACT_DOCUMENTS_MAX = 2000,         /* documents in one call; bulk CSV uses the stream */
    EXTRACT_WARNINGS_MAX = 100,           /* kept per document, the rest counted in one line */
    EXTRACT_LINES_MAX = 20000, /* invoice lines, charges, stops or events of one document */
};

/* Why a document could not be read, for a person who can repair it. */
struct extract_failure {
    char place[96]; /* "line 12, column 7", "segment 4", "row 3"; "" when it is the whole input */
    char element[128]; /* "B3-07", "cbc:IssueDate", "weight_lbs"; "" when no single one */
    char reason[256];  /* lower case, no full stop */
};

/*
 * What was read. `documents` is an array of
 *   {"kind": "invoice" | "tender" | "tenderResponse" | "shipmentStatus" | "shipment" | "rate",
 *    "document": {...},
 *    "confidence": 0..1, the lowest of the evidence and warnings below,
 *    "evidence": [{"field": "/invoiceNumber", "source": "B3-02 at segment 4", "text": "09851270",
 *                  "confidence": 1.0, "reason": "as stated"}],
 *    "warnings": [{"code": "segment-count", "message": "...", "source": "SE-01 at segment 41"}]}
 * in the order of the input, at least one.
 */
struct extraction {
    const char *format; /* "ubl", "x12", "csv", "json"; static */
    json_t *documents;  /* owned; freed by extraction_release */
};

/*
 * Read `size` bytes. `content_type` (may be NULL) only decides between formats the bytes leave
 * open; the bytes win. On failure `ret` holds nothing to release and *failure (not NULL) says why.
 *
 * Errors: ERR_INVALID (malformed or a value that cannot be read), ERR_UNSUPPORTED (a well-formed
 * document of a type not listed above, named), ERR_LIMIT, ERR_NOMEM.
 */
MUST_CHECK enum err extract_document(const char *content_type, const char *bytes, size_t size,
                                     struct extraction *ret, struct extract_failure *failure);

/* Free what extract_document gave. Accepts a zeroed structure. */
void extraction_release(struct extraction *extraction);

/* One line: "B3-07 at segment 4: 'abc' is not a decimal number". Returns `out`. */
char *extract_failure_text(const struct extract_failure *failure, char *out, size_t size);

/*
 * Bulk CSV, one row at a time in constant memory. `on_document` gets one element of
 * struct extraction.documents, borrowed for the call; a result other than ERR_OK stops the stream
 * and is returned by the call that was made.
 */
struct extract_stream;

typedef enum err extract_document_fn(void *closure, const json_t *document);

/* Start a stream. NULL only without memory. */
struct extract_stream *extract_stream_create(extract_document_fn *on_document, void *closure);

/* Give the next bytes, cut anywhere. After an error only destroy is allowed. */
MUST_CHECK enum err extract_stream_write(struct extract_stream *stream, const char *bytes,
                                         size_t size, struct extract_failure *failure);

/* The end of the input: reads the last row. ERR_INVALID when it stopped inside a quoted field. */
MUST_CHECK enum err extract_stream_finish(struct extract_stream *stream,
                                          struct extract_failure *failure);

/* Free *stream and set it to NULL. Accepts a NULL stream. */
void extract_stream_destroy(struct extract_stream **stream);

#endif
