#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"

static char *written(struct metrics *metrics)
{
    struct buf out = BUF_INIT(16 * 1024 * 1024);
    metrics_write(metrics, &out);
    cr_assert_not(out.failed);
    return buf_detach(&out, NULL);
}

static double read_seven(void *user)
{
    (void)user;
    return 7.25;
}

/* A registry with one of everything. */
static struct metrics *sample(void)
{
    static const char *const labels[] = {"subject", "a\"b\\c\nd", "stream", "EVENTS", NULL};
    struct metrics *metrics = metrics_create("tester", "1.2.3");
    counter_add(metrics_counter(metrics, "mainstay_turns_total", "Turns.\nSecond \\ line", NULL),
                3);
    gauge_set(metrics_gauge(metrics, "mainstay_queue_items", "Items.", labels), 0.1);
    struct metric *read = metrics_gauge(metrics, "mainstay_read_bytes", "Read.", NULL);
    metric_set_reader(metrics, read, read_seven, NULL);
    struct metric *seconds = metrics_histogram(metrics, "mainstay_turn_duration_seconds",
                                               "Duration of a turn.", labels, METRIC_SECONDS);
    histogram_observe(seconds, 0.0001);
    histogram_observe_ns(seconds, 2000000);
    histogram_observe(seconds, 3600);
    return metrics;
}

Test(metrics, text_has_help_type_labels_and_cumulative_buckets)
{
    struct metrics *metrics = sample();
    char *text = written(metrics);
    static const char *const expected[] = {
        "# HELP mainstay_turns_total Turns.\\nSecond \\\\ line\n",
        "# TYPE mainstay_turns_total counter\nmainstay_turns_total 3\n",
        "mainstay_queue_items{subject=\"a\\\"b\\\\c\\nd\",stream=\"EVENTS\"} 0.1\n",
        "mainstay_read_bytes 7.25\n",
        "stream=\"EVENTS\",le=\"0.0001\"} 1\n",
        "stream=\"EVENTS\",le=\"0.001\"} 1\n",
        "stream=\"EVENTS\",le=\"0.0025\"} 2\n",
        "stream=\"EVENTS\",le=\"60\"} 2\n",
        "stream=\"EVENTS\",le=\"+Inf\"} 3\n",
        "mainstay_turn_duration_seconds_count{subject=\"a\\\"b\\\\c\\nd\",stream=\"EVENTS\"} 3\n",
        "mainstay_build_info{program=\"tester\",version=\"1.2.3\"} 1\n",
        "# TYPE process_cpu_seconds_total counter\n",
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        cr_assert_not_null(strstr(text, expected[i]), "missing: %s\nin:\n%s", expected[i], text);
    }
    free(text);
    metrics_destroy(&metrics);
    cr_assert_null(metrics);
}

Test(metrics, process_figures_are_plausible)
{
    struct metrics *metrics = metrics_create("tester", "1");
    char *text = written(metrics);
    const char *memory = strstr(text, "\nprocess_resident_memory_bytes ");
    const char *start = strstr(text, "\nprocess_start_time_seconds ");
    cr_assert_not_null(memory);
    cr_assert_not_null(start);
    cr_assert_gt(strtod(memory + strlen("\nprocess_resident_memory_bytes "), NULL), 100000);
    double started = strtod(start + strlen("\nprocess_start_time_seconds "), NULL);
    double now = (double)clock_wall_ms() / 1000;
    cr_assert(started <= now + 1 && started > now - 3600, "started %f now %f", started, now);
    free(text);
    metrics_destroy(&metrics);
}

Test(metrics, the_same_name_and_labels_are_the_same_metric)
{
    static const char *const a[] = {"agent", "a", NULL};
    static const char *const b[] = {"agent", "b", NULL};
    struct metrics *metrics = metrics_create("tester", "1");
    struct metric *first = metrics_counter(metrics, "x_total", "X.", a);
    cr_assert_eq(first, metrics_counter(metrics, "x_total", "X.", a));
    cr_assert_neq(first, metrics_counter(metrics, "x_total", "X.", b));
    counter_add(first, 2);
    cr_assert_eq(counter_value(metrics_counter(metrics, "x_total", "X.", a)), 2);
    struct metric *gauge = metrics_gauge(metrics, "y", "Y.", NULL);
    gauge_add(gauge, 2.5);
    gauge_add(gauge, -1);
    cr_assert_float_eq(gauge_value(gauge), 1.5, 0);
    metrics_destroy(&metrics);
}

Test(metrics, series_are_bounded)
{
    struct metrics *metrics = metrics_create("tester", "1");
    char value[16];
    const char *labels[] = {"n", value, NULL};
    for (int i = 0; i < METRICS_SERIES_MAX + 10; i++) {
        snprintf(value, sizeof(value), "%d", i);
        counter_add(metrics_counter(metrics, "x_total", "X.", labels), 1);
    }
    char *text = written(metrics);
    size_t lines = 0;
    for (const char *c = text; (c = strstr(c, "\nx_total{")) != NULL; c++) {
        lines++;
    }
    cr_assert_leq(lines, METRICS_SERIES_MAX);
    cr_assert_not_null(strstr(text, "mainstay_metrics_dropped_series 1"));
    free(text);
    metrics_destroy(&metrics);
}

Test(metrics, a_counter_without_total_is_a_bug, .signal = SIGABRT)
{
    struct metrics *metrics = metrics_create("tester", "1");
    metrics_counter(metrics, "mainstay_turns", "Turns.", NULL);
}

/* Feed `text` to promtool; -1 when it is not installed. */
static int promtool(const char *text)
{
    int input[2];
    cr_assert_eq(pipe(input), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(input[0], STDIN_FILENO);
        close(input[1]);
        execlp("promtool", "promtool", "check", "metrics", (char *)NULL);
        _exit(127);
    }
    close(input[0]);
    signal(SIGPIPE, SIG_IGN);
    size_t size = strlen(text);
    for (size_t sent = 0; sent < size;) {
        ssize_t n = write(input[1], text + sent, size - sent);
        if (n <= 0) {
            break;
        }
        sent += (size_t)n;
    }
    close(input[1]);
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

Test(metrics, promtool_accepts_the_text)
{
    struct metrics *metrics = sample();
    char *text = written(metrics);
    int good = promtool(text);
    if (good < 0) {
        cr_skip("promtool (package prometheus) is not installed");
    }
    cr_assert_eq(good, 0, "promtool refused:\n%s", text);
    cr_assert_neq(promtool("# TYPE x_total gauge\nx_total 1\nx_total 1\n"), 0);
    free(text);
    metrics_destroy(&metrics);
}
