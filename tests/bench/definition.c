/*
 * How long a definition takes to check: a generated one of about a thousand lines with every kind
 * of task, loaded RUNS times. Prints one JSON object; milliseconds are CPU time of this thread, so
 * that a busy machine does not change them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "coordinator/definition/plan.h"

enum { RUNS = 51, BLOCKS = 31, TEXT_MAX = 1024 * 1024 };

static const char head[] = "document:\n"
                           "  dsl: 1.0.3\n"
                           "  namespace: bench\n"
                           "  name: thousand\n"
                           "  version: 1.0.0\n"
                           "use:\n"
                           "  retries:\n"
                           "    patient:\n"
                           "      delay: PT1S\n"
                           "      backoff: {exponential: {factor: 2, maxDelay: PT1M}}\n"
                           "      limit: {attempt: {count: 5}}\n"
                           "do:\n";

/* Thirty-two lines; every name in it carries the number of its block. */
static const char block[] =
    "  - shape%u:\n"
    "      set:\n"
    "        total: '${ [.lines[]? | .price * .count] | add // 0 }'\n"
    "        label: '${ \"order \\(.id // \"none\") of \\($workflow.id)\" }'\n"
    "        nested: {deep: {deeper: ['${ .a.b.c }', 2, true, null]}}\n"
    "  - choose%u:\n"
    "      switch:\n"
    "        - big: {when: .total > 1000 and .label != null, then: ask%u}\n"
    "        - small: {when: (.total // 0) < 10, then: each%u}\n"
    "  - ask%u:\n"
    "      try:\n"
    "        - call%u:\n"
    "            call: agent\n"
    "            with:\n"
    "              agent: pricing\n"
    "              action: quote\n"
    "              contract: '1.2'\n"
    "              input: {total: '${ .total }', at: '${ $workflow.startedAt.iso8601 }'}\n"
    "            timeout: {after: PT30S}\n"
    "      catch:\n"
    "        errors: {with: {type: https://serverlessworkflow.io/spec/1.0.0/errors/timeout}}\n"
    "        retry: patient\n"
    "  - each%u:\n"
    "      for: {each: line, in: '${ .lines // [] }'}\n"
    "      do:\n"
    "        - tell%u:\n"
    "            emit: {event: {with: {type: bench.line, data: {line: '${ $line }'}}}}\n"
    "  - answer%u:\n"
    "      listen: {to: {one: {with: {type: bench.answer, data: '${ .ok == true }'}}}}\n"
    "      output: {as: '${ .[0] }', schema: {document: {type: object, required: [ok]}}}\n"
    "  - rest%u:\n"
    "      wait: PT5S\n";

static void make(struct buf *text)
{
    buf_append_str(text, head);
    for (unsigned i = 0; i < BLOCKS; i++) {
        for (const char *at = block; *at != '\0'; at++) {
            if (at[0] == '%' && at[1] == 'u') {
                buf_printf(text, "%u", i);
                at++;
            } else {
                buf_append(text, at, 1);
            }
        }
    }
    CHECK(!text->failed);
}

static double cpu_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(void)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    double times[RUNS];
    unsigned lines = 0;
    uint32_t tasks = 0;
    make(&text);
    for (size_t i = 0; i < text.size; i++) {
        lines += text.data[i] == '\n';
    }
    for (unsigned i = 0; i < RUNS; i++) {
        struct plan *plan = NULL;
        struct plan_report report;
        double begun = cpu_ms();
        enum err code = plan_load(text.data, text.size, &plan, &report);
        times[i] = cpu_ms() - begun;
        if (code != ERR_OK) {
            fprintf(stderr, "%u:%u: %s\n", report.problems[0].line, report.problems[0].column,
                    report.problems[0].message);
            return EXIT_FAILURE;
        }
        tasks = plan->node_count;
        plan_destroy(&plan);
        plan_report_release(&report);
    }
    qsort(times, RUNS, sizeof(times[0]), by_size);
    printf("{\"lines\": %u, \"bytes\": %zu, \"tasks\": %u, \"runs\": %d, \"median_ms\": %.2f, "
           "\"worst_ms\": %.2f}\n",
           lines, text.size, tasks, RUNS, times[RUNS / 2], times[RUNS - 1]);
    buf_release(&text);
    return EXIT_SUCCESS;
}
