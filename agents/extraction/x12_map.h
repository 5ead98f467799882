/*
 * What the mappings of X12 transaction sets share: values with their place, parties, references.
 * Private to this folder. Threads: none.
 */
#ifndef AGENTS_EXTRACTION_X12_MAP_H
#define AGENTS_EXTRACTION_X12_MAP_H

#include "agents/extraction/draft.h"
#include "agents/extraction/x12.h"
#include "common/json/json.h"

enum { X12_NOT_IMPLIED = -1, X12_CENTS = 2 };

/* Texts behind an origin, for the time of one call. */
struct x12_place {
    char place[32];
    char element[16];
};

/* "segment 4", "B3-07"; index 0 names the segment alone. Borrows `place`. */
struct origin x12_origin(const struct x12_segment *segment, uint32_t index,
                         struct x12_place *place);

/* Set `key` to an element as text, when it is there. With `field` (a JSON pointer) it is evidence.
 */
void x12_set_text(struct draft *draft, json_t *object, const char *key,
                  const struct x12_segment *segment, uint32_t index, const char *field);

/* The same, and a failure when it is empty. */
void x12_need_text(struct draft *draft, json_t *object, const char *key,
                   const struct x12_segment *segment, uint32_t index, const char *field);

/* An exact decimal: X12_CENTS for X12 type N2, X12_NOT_IMPLIED for type R. */
void x12_set_decimal(struct draft *draft, json_t *object, const char *key,
                     const struct x12_segment *segment, uint32_t index, int implied);

/* A date of 8 or 6 digits as ISO 8601; with `field` it is evidence. */
void x12_set_date(struct draft *draft, json_t *object, const char *key,
                  const struct x12_segment *segment, uint32_t index, const char *field);

/* "2016-07-26T10:09", or the date alone without a time, into `out`. False with a failure. */
bool x12_date_time(struct draft *draft, const struct x12_segment *segment, uint32_t date_index,
                   uint32_t time_index, char out[24]);

/* Fill `party` from N1, N2, N3, N4 or G61; other segments do nothing. */
void x12_party_add(struct draft *draft, json_t *party, const struct x12_segment *segment);

/* N9 (qualifier first) or L11 (value first) into the array "references" of `object`, without
 * repeats; PO and BM also into "purchaseOrderReference" and "billOfLading" of `named`, the first of
 * each. */
void x12_reference_add(struct draft *draft, json_t *object, json_t *named,
                       const struct x12_segment *segment);

/* "source" of the document, and the envelope's problems with this set as warnings. */
void x12_set_source(struct draft *draft, const struct x12_interchange *interchange,
                    const struct x12_set *set);

/* {"value","unit","qualifier"} under `key`, when the value is there. Index 0 means not stated. */
struct x12_measure {
    uint32_t value;
    uint32_t unit;
    uint32_t qualifier;
};
void x12_set_measure(struct draft *draft, json_t *object, const char *key,
                     const struct x12_segment *segment, struct x12_measure at);

/* The mappings. Each fills `draft` and fails on it. */
void x12_map_invoice(struct draft *draft, const struct x12_set *set);
void x12_map_tender(struct draft *draft, const struct x12_set *set);
void x12_map_tender_response(struct draft *draft, const struct x12_set *set);
void x12_map_status(struct draft *draft, const struct x12_set *set);

/* All transaction sets of an interchange, appended to `documents`. Errors as extract_document. */
MUST_CHECK enum err x12_extract(const char *bytes, size_t size, json_t *documents,
                                struct extract_failure *failure);

#endif
