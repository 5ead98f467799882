/*
 * Definitions: whatever text comes, it loads or is refused with at least one problem whose texts
 * are there and whose place is in the text; nothing leaks; loading twice gives the same digest.
 */
#include <string.h>

#include "common/base/check.h"
#include "coordinator/definition/plan.h"

/* NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7.12 loses 2 KB of its own when it refuses some quoted scalars that span lines. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): LeakSanitizer's name */
const char *__lsan_default_suppressions(void);

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): LeakSanitizer's name */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static void check_plan(const struct plan *plan)
{
    CHECK(plan->node_count > 0);
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const struct plan_node *node = &plan->nodes[i];
        CHECK(node->index == i);
        CHECK(node->name != NULL && node->pointer != NULL && node->definition != NULL);
        CHECK(node->next == PLAN_NONE || (node->next < plan->node_count && node->next > i));
        CHECK(node->parent == PLAN_NONE || node->parent < i);
        CHECK((node->then.kind == FLOW_GOTO) == (node->then.target < plan->node_count));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan *plan;
    struct plan_report report;
    enum err code = plan_load((const char *)data, size, &plan, &report);
    CHECK((code == ERR_OK) == (plan != NULL));
    CHECK((code == ERR_INVALID) == (report.count > 0));
    for (size_t i = 0; i < report.count; i++) {
        CHECK(report.problems[i].message[0] != '\0');
        CHECK(report.problems[i].pointer != NULL);
    }
    if (plan != NULL) {
        check_plan(plan);
    }
    plan_destroy(&plan);
    plan_report_release(&report);
    return 0;
}
