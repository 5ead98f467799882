/* Threads that create and update the same metrics while another writes them out. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/metrics.h"

enum { THREADS = 4, ROUNDS = 20000 };

static struct metrics *metrics;

static void *update(void *user)
{
    (void)user;
    for (int i = 0; i < ROUNDS; i++) {
        char value[2] = {(char)('a' + i % 4), '\0'};
        const char *const labels[] = {"kind", value, NULL};
        counter_add(metrics_counter(metrics, "x_total", "X.", labels), 1);
        gauge_add(metrics_gauge(metrics, "y", "Y.", NULL), 1);
        histogram_observe(metrics_histogram(metrics, "z_bytes", "Z.", NULL, METRIC_BYTES), 100);
    }
    return NULL;
}

int main(void)
{
    metrics = metrics_create("threads", "0");
    CHECK(metrics != NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, update, NULL) == 0);
    }
    struct buf out = BUF_INIT(1024 * 1024);
    for (int i = 0; i < 200; i++) {
        buf_clear(&out);
        metrics_write(metrics, &out);
        CHECK(!out.failed);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    uint64_t total = 0;
    for (char kind = 'a'; kind <= 'd'; kind++) {
        char value[2] = {kind, '\0'};
        const char *const labels[] = {"kind", value, NULL};
        total += counter_value(metrics_counter(metrics, "x_total", "X.", labels));
    }
    CHECK(total == (uint64_t)THREADS * ROUNDS);
    CHECK(fabs(gauge_value(metrics_gauge(metrics, "y", "Y.", NULL)) - THREADS * ROUNDS) < 0.5);
    buf_release(&out);
    metrics_destroy(&metrics);
    (void)puts("ok");
    return 0;
}
