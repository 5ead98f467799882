/* Running a program of this project for its output. Threads: none. */
#ifndef TOOLS_MAINSTAY_CAPTURE_H
#define TOOLS_MAINSTAY_CAPTURE_H

#include "common/base/error.h"
#include "common/json/json.h"

struct buf;

/* Run argv (argv[0] is a path, ends with NULL) and append what it prints to `out`; its standard
 * input and error are ours. ERR_IO when it cannot be run or prints nothing. */
MUST_CHECK enum err capture(const char *const *argv, struct buf *out, struct error *err);

/* The same for a program that prints one JSON object; *ret_answer is a new reference. An answer
 * {"error": words} becomes the error. */
MUST_CHECK enum err capture_json(const char *const *argv, json_t **ret_answer, struct error *err);

#endif
