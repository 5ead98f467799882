/*
 * Metrics of one process, written in the Prometheus text exposition format 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats).
 *
 * Names are ours and checked: base units ("_seconds", "_bytes"), counters end in "_total", a wrong
 * one is a bug (CHECK). Label values may be any text and are escaped. The same name and labels give
 * the same metric again. The number of series is bounded: past METRICS_SERIES_MAX (or without
 * memory) a metric still works but is not shown, and mainstay_metrics_dropped_series says how many.
 *
 * Every registry shows process_resident_memory_bytes, process_cpu_seconds_total,
 * process_start_time_seconds, process_open_fds and mainstay_build_info.
 *
 * Threads: everything but create and destroy is safe from several threads; updates take no lock.
 */
#ifndef COMMON_BASE_METRICS_H
#define COMMON_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct metric;
struct metrics;

enum { METRICS_SERIES_MAX = 4096, METRICS_LABELS_MAX = 8 };

/* Fixed bucket tables of histograms. */
enum metric_buckets {
    METRIC_SECONDS, /* 100 us to 60 s */
    METRIC_BYTES,   /* 64 B to 4 MB, factor 4 */
    METRIC_COUNT,   /* 1 to 1024, factor 2: batch sizes */
};

/* Value computed when metrics are written; called with the registry's lock held, so it must not
 * create metrics. */
typedef double metric_read_fn(void *user);

/* A registry; `program` and `version` become labels of mainstay_build_info. NULL without memory. */
struct metrics *metrics_create(const char *program, const char *version);

/* Free *metrics with every metric and set it to NULL. Accepts a NULL registry. */
void metrics_destroy(struct metrics **metrics);

/* Create (or find) a metric. `labels` is NULL or {name, value, name, value, ..., NULL}; everything
 * is copied. Never NULL; the metric lives as long as the registry. */
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                               const char *const *labels);
struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                             const char *const *labels);
struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                 const char *const *labels, enum metric_buckets buckets);

/* From now on the value of a counter or gauge is what `read` returns; `user` is borrowed and must
 * outlive the registry. A counter's values must never decrease. */
void metric_set_reader(struct metrics *metrics, struct metric *metric, metric_read_fn *read,
                       void *user);

/* Count `n` more. */
void counter_add(struct metric *counter, uint64_t n);

/* The count so far, for tests and status pages. */
uint64_t counter_value(const struct metric *counter);

void gauge_set(struct metric *gauge, double value);
void gauge_add(struct metric *gauge, double difference);
double gauge_value(const struct metric *gauge);

/* Count one observation, in the unit of the name. */
void histogram_observe(struct metric *histogram, double value);

/* Count one duration of `ns` nanoseconds. */
void histogram_observe_ns(struct metric *histogram, int64_t ns);

/* Append every metric as text to `out` (check out->failed). */
void metrics_write(struct metrics *metrics, struct buf *out);

#endif
