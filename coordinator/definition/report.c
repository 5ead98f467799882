#include "coordinator/definition/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/str.h"
#include "coordinator/definition/yaml.h"

enum { REPORT_ARENA_BYTES = 8 * 1024 * 1024, MESSAGE_BYTES = 1024 };

bool report_init(struct report *report, struct plan_report *out)
{
    memset(report, 0, sizeof(*report));
    memset(out, 0, sizeof(*out));
    out->arena = arena_create(REPORT_ARENA_BYTES);
    report->arena = out->arena;
    report->out = out;
    return out->arena != NULL;
}

static bool known(const struct plan_problem *list, size_t count, const struct plan_problem *item)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].line == item->line && list[i].column == item->column &&
            strcmp(list[i].message, item->message) == 0) {
            return true;
        }
    }
    return false;
}

static void add(struct report *report, struct plan_problem *list, size_t *count,
                struct plan_problem item)
{
    char named[MESSAGE_BYTES + 128];
    if (report->file != NULL) {
        (void)snprintf(named, sizeof(named), "in %.120s: %s", report->file, item.message);
        item.message = named;
    }
    if (*count == REPORT_PROBLEMS_MAX || known(list, *count, &item)) {
        return;
    }
    item.message = arena_strdup(report->arena, item.message);
    item.hint = arena_strdup(report->arena, item.hint);
    if (item.message == NULL) {
        item.message = "the report is too large";
    }
    list[(*count)++] = item;
}

#define FORMAT_MESSAGE(buffer, format)                             \
    do {                                                           \
        va_list args;                                              \
        va_start(args, format);                                    \
        (void)vsnprintf((buffer), sizeof(buffer), (format), args); \
        va_end(args);                                              \
    } while (0)

static struct plan_problem problem_at(struct report *report, const struct yaml_node *node, bool key,
                                      const char *message, const char *hint)
{
    key = key && node->key != NULL;
    return (struct plan_problem){.line = key ? node->key_line : node->line,
                                 .column = key ? node->key_column : node->column,
                                 .pointer = yaml_pointer(report->arena, node),
                                 .message = message,
                                 .hint = hint};
}

void report_problem(struct report *report, const struct yaml_node *node, const char *hint,
                    const char *format, ...)
{
    char message[MESSAGE_BYTES];
    FORMAT_MESSAGE(message, format);
    add(report, report->problems, &report->out->count,
        problem_at(report, node, false, message, hint));
}

void report_key(struct report *report, const struct yaml_node *node, const char *hint,
                const char *format, ...)
{
    char message[MESSAGE_BYTES];
    FORMAT_MESSAGE(message, format);
    add(report, report->problems, &report->out->count,
        problem_at(report, node, true, message, hint));
}

void report_at(struct report *report, uint32_t line, uint32_t column, const char *hint,
               const char *format, ...)
{
    char message[MESSAGE_BYTES];
    FORMAT_MESSAGE(message, format);
    add(report, report->problems, &report->out->count,
        (struct plan_problem){
            .line = line, .column = column, .pointer = "", .message = message, .hint = hint});
}

void report_warning(struct report *report, const struct yaml_node *node, const char *hint,
                    const char *format, ...)
{
    char message[MESSAGE_BYTES];
    FORMAT_MESSAGE(message, format);
    add(report, report->warnings, &report->out->warning_count,
        problem_at(report, node, false, message, hint));
}

bool report_clean(const struct report *report)
{
    return report->out->count == 0;
}

static int compare_places(const void *a, const void *b)
{
    const struct plan_problem *left = a;
    const struct plan_problem *right = b;
    if (left->line != right->line) {
        return left->line < right->line ? -1 : 1;
    }
    if (left->column != right->column) {
        return left->column < right->column ? -1 : 1;
    }
    return strcmp(left->message, right->message);
}

static struct plan_problem *hand_over(struct report *report, struct plan_problem *list,
                                      size_t *count)
{
    qsort(list, *count, sizeof(list[0]), compare_places);
    struct plan_problem *copy = ARENA_ARRAY(report->arena, struct plan_problem, *count + 1);
    if (copy == NULL) {
        *count = 0;
        return NULL;
    }
    memcpy(copy, list, *count * sizeof(list[0]));
    return copy;
}

void report_finish(struct report *report)
{
    report->out->problems = hand_over(report, report->problems, &report->out->count);
    report->out->warnings = hand_over(report, report->warnings, &report->out->warning_count);
}

void plan_report_add(struct plan_report *report, const struct plan_problem *problem)
{
    static struct plan_problem full = {.pointer = "", .message = "the report is too large"};
    size_t count = report->count;
    struct plan_problem *list = ARENA_ARRAY(report->arena, struct plan_problem, count + 1);
    struct plan_problem copy = *problem;
    copy.pointer = arena_strdup(report->arena, problem->pointer);
    copy.message = arena_strdup(report->arena, problem->message);
    copy.hint = arena_strdup(report->arena, problem->hint);
    if (list == NULL || copy.pointer == NULL || copy.message == NULL) {
        report->problems = &full;
        report->count = 1;
        return;
    }
    if (count > 0) {
        memcpy(list, report->problems, count * sizeof(list[0]));
    }
    list[count] = copy;
    report->problems = list;
    report->count = count + 1;
}

json_t *plan_wanted_json(const struct plan_report *report)
{
    json_t *list = json_array();
    CHECK(list != NULL);
    for (size_t i = 0; i < report->wanted_count; i++) {
        const struct plan_wanted *wanted = &report->wanted[i];
        json_t *row = json_pack("{s:s*, s:s*, s:s*, s:i, s:i}", "schema", wanted->schema,
                                "function", wanted->function, "endpoint", wanted->endpoint, "line",
                                (int)wanted->line, "column", (int)wanted->column);
        CHECK(json_array_append_new(list, row) == 0);
    }
    return list;
}

void plan_report_release(struct plan_report *report)
{
    arena_destroy(&report->arena);
    memset(report, 0, sizeof(*report));
}
