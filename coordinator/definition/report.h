/*
 * Collects what is wrong with a definition, in order of place, each thing once, at most 100.
 */
#ifndef COORDINATOR_DEFINITION_REPORT_H
#define COORDINATOR_DEFINITION_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/definition/plan.h"

struct yaml_node;

enum { REPORT_PROBLEMS_MAX = 100 };

/* One place: a value or the key of a member. */
struct place {
    const struct yaml_node *node;
    bool key;
};

struct report {
    struct plan_report *out;
    struct plan_problem problems[REPORT_PROBLEMS_MAX];
    struct plan_problem warnings[REPORT_PROBLEMS_MAX];
    struct arena *arena;
    const char *file; /* named before messages; NULL: the definition itself */
};

/* Prepare `out` for plan_report_release and collect into it. False without memory. */
bool report_init(struct report *report, struct plan_report *out);

/* A problem at a value, at its key, or at line and column; `hint` may be NULL and is copied. */
void report_problem(struct report *report, const struct yaml_node *node, const char *hint,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
void report_key(struct report *report, const struct yaml_node *node, const char *hint,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
void report_at(struct report *report, uint32_t line, uint32_t column, const char *hint,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
void report_warning(struct report *report, const struct yaml_node *node, const char *hint,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Whether the report may get this problem still (its texts fit). */
bool report_clean(const struct report *report);

/* Sort by place and hand over to the plan_report. */
void report_finish(struct report *report);

#endif
