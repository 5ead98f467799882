/* Documents of tests/data and what the tests of the extraction library ask about them. */
#ifndef TESTS_UNIT_EXTRACTION_SUPPORT_H
#define TESTS_UNIT_EXTRACTION_SUPPORT_H

#include "agents/extraction/extraction.h"

/* The bytes of a file below tests/data, terminated; the caller frees them. Fails the test. */
char *read_data(const char *path, size_t *ret_size);

/* A JSON file below tests/data. The caller drops the reference. */
json_t *read_json(const char *path);

/* Where a file named in the ground truth stands below tests/data. */
const char *data_path(const char *file);

/* Read a file that is expected to be read; release with extraction_release. */
struct extraction extract_file(const char *path);

/* Read bytes that are expected to fail; every failure says why. */
enum err extract_failing(const char *bytes, size_t size, struct extract_failure *failure);

/* The text at a JSON pointer of document `index`, or NULL. */
const char *text_at(const struct extraction *extraction, size_t index, const char *pointer);

/* The value at a JSON pointer of document `index`, or NULL. */
json_t *value_at(const struct extraction *extraction, size_t index, const char *pointer);

/* Warnings of document `index` with this code. */
size_t warnings_with(const struct extraction *extraction, size_t index, const char *code);

/* Cents of a decimal text with at most two digits after the point. */
json_int_t cents_of(const char *text);

/* Run tests/support/second_reader.py and give each line it prints, parsed, to `on_record`. Fails
 * the test when python3 is missing or reports an error. */
typedef void second_reader_fn(void *closure, const json_t *record);
void second_reader(const char *format, const char *path, second_reader_fn *on_record,
                   void *closure);

#endif
