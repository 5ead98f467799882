/*
 * Loading definitions in tests.
 */
#ifndef TESTS_UNIT_DEFINITION_LOAD_FILE_H
#define TESTS_UNIT_DEFINITION_LOAD_FILE_H

#include "coordinator/definition/plan.h"

/* The file of tests/data as a terminated text; free with free(). A missing file fails the test. */
char *read_file(const char *path, size_t *ret_size);

/* plan_load of a file of tests/data. */
enum err load_file(const char *path, struct plan **ret_plan, struct plan_report *report);

/* plan_load of a text that must load; prints the problems and fails the test otherwise. */
struct plan *load_good(const char *text);

/* `body` behind a valid head with `do:` as its last line, so that `body` starts at line 7. */
char *with_head(const char *body);

#endif
