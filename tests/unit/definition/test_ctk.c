/*
 * The definitions of the specification's conformance tests: the offline ones load, those that need
 * HTTP are refused for that.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "tests/unit/definition/load_file.h"

/* The next text between """yaml and """ behind *cursor that is a definition; free with free(). */
static char *next_definition(const char **cursor)
{
    static const char marker[] = "a workflow with definition:";
    const char *start = strstr(*cursor, marker);
    start = start == NULL ? NULL : strstr(start, "\"\"\"yaml");
    if (start == NULL) {
        return NULL;
    }
    start = strchr(start, '\n') + 1;
    const char *end = strstr(start, "\"\"\"");
    cr_assert_not_null(end);
    *cursor = end + 3;
    size_t indent = strspn(start, " ");
    char *text = calloc(1, (size_t)(end - start) + 1);
    size_t used = 0;
    while (start < end) {
        const char *stop = strchr(start, '\n') + 1;
        size_t blank = strspn(start, " ");
        start += blank < indent ? blank : indent;
        if (stop <= end && start < stop) {
            memcpy(text + used, start, (size_t)(stop - start));
            used += (size_t)(stop - start);
        }
        start = stop;
    }
    return text;
}

static void count_file(const char *name, unsigned *loaded, unsigned *refused)
{
    char path[128];
    size_t size;
    snprintf(path, sizeof(path), "ows/ctk/features/%s.feature", name);
    char *feature = read_file(path, &size);
    const char *cursor = feature;
    for (char *text; (text = next_definition(&cursor)) != NULL; free(text)) {
        struct plan *plan;
        struct plan_report report;
        enum err code = plan_load(text, strlen(text), &plan, &report);
        *loaded += code == ERR_OK;
        *refused += code != ERR_OK;
        for (size_t i = 0; i < report.count; i++) {
            cr_expect(strstr(report.problems[i].message, "cannot run") != NULL, "%s:%u: %s", name,
                      report.problems[i].line, report.problems[i].message);
        }
        plan_destroy(&plan);
        plan_report_release(&report);
    }
    free(feature);
}

Test(ctk, definitions_load_unless_they_make_requests)
{
    static const struct {
        const char *name;
        unsigned loaded;
        unsigned refused;
    } files[] = {{"branch", 1, 0}, {"call", 5, 0},   {"data-flow", 3, 0}, {"do", 1, 0},
                 {"emit", 1, 0},   {"flow", 2, 0},   {"for", 1, 0},       {"raise", 1, 0},
                 {"set", 1, 0},    {"switch", 3, 0}, {"try", 2, 0}};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        unsigned loaded = 0;
        unsigned refused = 0;
        count_file(files[i].name, &loaded, &refused);
        cr_expect_eq(loaded, files[i].loaded, "%s", files[i].name);
        cr_expect_eq(refused, files[i].refused, "%s", files[i].name);
    }
}
