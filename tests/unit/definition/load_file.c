#include "tests/unit/definition/load_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *read_file(const char *path, size_t *ret_size)
{
    char full[512];
    snprintf(full, sizeof(full), TEST_DATA_DIR "/%s", path);
    FILE *file = fopen(full, "rb");
    cr_assert_not_null(file, "cannot open %s", full);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *text = calloc(1, size + 1);
    cr_assert_eq(fread(text, 1, size, file), size);
    fclose(file);
    *ret_size = size;
    return text;
}

enum err load_file(const char *path, struct plan **ret_plan, struct plan_report *report)
{
    size_t size;
    char *text = read_file(path, &size);
    enum err code = plan_load(text, size, ret_plan, report);
    free(text);
    return code;
}

struct plan *load_good(const char *text)
{
    struct plan *plan;
    struct plan_report report;
    enum err code = plan_load(text, strlen(text), &plan, &report);
    for (size_t i = 0; i < report.count; i++) {
        fprintf(stderr, "%u:%u %s: %s\n", report.problems[i].line, report.problems[i].column,
                report.problems[i].pointer, report.problems[i].message);
    }
    plan_report_release(&report);
    cr_assert_eq(code, ERR_OK);
    return plan;
}

char *with_head(const char *body)
{
    static const char head[] = "document:\n"
                               "  dsl: '1.0.3'\n"
                               "  namespace: test\n"
                               "  name: sample\n"
                               "  version: 1.0.0\n"
                               "do:\n";
    char *text = calloc(1, sizeof(head) + strlen(body));
    cr_assert_not_null(text);
    memcpy(text, head, sizeof(head) - 1);
    memcpy(text + sizeof(head) - 1, body, strlen(body));
    return text;
}
