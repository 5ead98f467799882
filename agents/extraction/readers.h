/*
 * One reader for each syntax. Each appends entries of struct extraction.documents to `documents`,
 * or fails as extract_document does. Private to this folder.
 */
#ifndef AGENTS_EXTRACTION_READERS_H
#define AGENTS_EXTRACTION_READERS_H

#include <stddef.h>

#include "agents/extraction/extraction.h"
#include "common/base/error.h"
#include "common/json/json.h"

MUST_CHECK enum err ubl_extract(const char *bytes, size_t size, json_t *documents,
                                struct extract_failure *failure);

MUST_CHECK enum err csv_extract(const char *bytes, size_t size, json_t *documents,
                                struct extract_failure *failure);

MUST_CHECK enum err json_extract(const char *bytes, size_t size, json_t *documents,
                                 struct extract_failure *failure);

#endif
