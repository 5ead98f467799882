#include "common/base/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"

enum metric_type { TYPE_COUNTER, TYPE_GAUGE, TYPE_HISTOGRAM };

enum { BUCKETS_MAX = 18, LABEL_TEXT_MAX = 2048 };

static const double bounds_seconds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                        0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                        1.0,    2.5,     5.0,    10.0,  30.0,   60.0};
static const double bounds_bytes[] = {64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304};
static const double bounds_count[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

static const struct bucket_table {
    const double *bounds;
    size_t count;
} bucket_tables[] = {
    [METRIC_SECONDS] = {bounds_seconds, sizeof(bounds_seconds) / sizeof(double)},
    [METRIC_BYTES] = {bounds_bytes, sizeof(bounds_bytes) / sizeof(double)},
    [METRIC_COUNT] = {bounds_count, sizeof(bounds_count) / sizeof(double)},
};
_Static_assert(sizeof(bounds_seconds) / sizeof(double) <= BUCKETS_MAX, "bucket table too long");

/* One series. Doubles travel as their bits, because C has no atomic add for them. */
struct metric {
    struct metric *next; /* in its family */
    enum metric_type type;
    const struct bucket_table *table; /* histograms only */
    metric_read_fn *read;             /* under the registry's lock */
    void *user;
    _Atomic uint64_t count;
    _Atomic uint64_t bits; /* gauge: value; histogram: sum */
    _Atomic uint64_t buckets[BUCKETS_MAX + 1];
    char labels[]; /* a="x",b="y" as printed, without braces */
};

struct family {
    struct family *next;
    struct metric *first;
    enum metric_type type;
    const struct bucket_table *table;
    char *name;
    char *help;
};

struct metrics {
    pthread_mutex_t lock;
    struct family *first;
    struct family **last;
    size_t series;
    size_t dropped;
    struct metric *sinks[3]; /* where metrics past the bound count, by type */
    double start_seconds;
};

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void add_double(_Atomic uint64_t *bits, double difference)
{
    uint64_t old = atomic_load_explicit(bits, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(bits, &old, bits_of(double_of(old) + difference),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* ---- process metrics ---- */

static double read_resident_bytes(void *user)
{
    (void)user;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    char line[128];
    uint64_t pages = 0;
    if (fgets(line, sizeof(line), file) != NULL) {
        char *rest = strchr(line, ' ');
        pages = rest != NULL ? strtoull(rest, NULL, 10) : 0;
    }
    (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double read_cpu_seconds(void *user)
{
    (void)user;
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) {
        return 0;
    }
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static double read_open_files(void *user)
{
    (void)user;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return 0;
    }
    double count = -3; /* ".", ".." and the descriptor of this very folder */
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

static double read_start_seconds(void *user)
{
    return ((const struct metrics *)user)->start_seconds;
}

static double read_dropped(void *user)
{
    return (double)((const struct metrics *)user)->dropped;
}

/* Field 22 of /proc/self/stat is the start in clock ticks since boot (proc(5)); the name in field 2
 * may hold spaces, so fields are counted after its closing parenthesis. */
static double process_start_seconds(void)
{
    double now = (double)clock_wall_ms() / 1000;
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t size = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    text[size] = '\0';
    const char *field = strrchr(text, ')');
    for (int i = 2; i < 22 && field != NULL; i++) {
        field = strchr(field + 1, ' ');
    }
    struct timespec up;
    if (field == NULL || clock_gettime(CLOCK_BOOTTIME, &up) != 0) {
        return now;
    }
    double started = (double)strtoull(field, NULL, 10) / (double)sysconf(_SC_CLK_TCK);
    return now - ((double)up.tv_sec + (double)up.tv_nsec / 1e9) + started;
}

/* ---- creation ---- */

static bool name_is_valid(const char *name, enum metric_type type)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool first = c == name;
        if (!(*c == '_' || (*c >= 'a' && *c <= 'z') || (!first && *c >= '0' && *c <= '9'))) {
            return false;
        }
    }
    return name[0] != '\0' && text_ends(name, "_total") == (type == TYPE_COUNTER);
}

static void append_escaped(struct buf *out, const char *text, bool quotes)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            buf_append_str(out, "\\n");
        } else if (*c == '\\' || (*c == '"' && quotes)) {
            buf_append_byte(out, '\\');
            buf_append_byte(out, (uint8_t)*c);
        } else {
            buf_append_byte(out, (uint8_t)*c);
        }
    }
}

static void labels_print(struct buf *out, const char *const *labels)
{
    buf_append(out, "", 0);
    for (size_t i = 0; labels != NULL && labels[i] != NULL; i += 2) {
        CHECK(i < 2 * (size_t)METRICS_LABELS_MAX);
        CHECK(name_is_valid(labels[i], TYPE_GAUGE) && labels[i + 1] != NULL);
        buf_printf(out, "%s%s=\"", i > 0 ? "," : "", labels[i]);
        append_escaped(out, labels[i + 1], true);
        buf_append_byte(out, '"');
    }
}

static struct metric *metric_create(enum metric_type type, const struct bucket_table *table,
                                    const char *labels)
{
    size_t size = strlen(labels) + 1;
    struct metric *metric = calloc(1, sizeof(*metric) + size);
    if (metric != NULL) {
        metric->type = type;
        metric->table = table;
        memcpy(metric->labels, labels, size);
    }
    return metric;
}

static struct family *family_of(struct metrics *metrics, enum metric_type type, const char *name,
                                const char *help)
{
    for (struct family *family = metrics->first; family != NULL; family = family->next) {
        if (strcmp(family->name, name) == 0) {
            CHECK(family->type == type);
            return family;
        }
    }
    struct family *family = calloc(1, sizeof(*family));
    char *name_copy = strdup(name);
    char *help_copy = strdup(help);
    if (family == NULL || name_copy == NULL || help_copy == NULL) {
        free(family);
        free(name_copy);
        free(help_copy);
        return NULL;
    }
    *family = (struct family){.type = type, .name = name_copy, .help = help_copy};
    *metrics->last = family;
    metrics->last = &family->next;
    return family;
}

/* Find or append the series of `labels`; NULL past the bound or without memory. */
static struct metric *series_of(struct metrics *metrics, struct family *family,
                                const struct bucket_table *table, const struct buf *labels)
{
    if (family == NULL || labels->failed) {
        return NULL;
    }
    struct metric **link = &family->first;
    for (; *link != NULL; link = &(*link)->next) {
        if (strcmp((*link)->labels, labels->data) == 0) {
            return *link;
        }
    }
    if (metrics->series >= METRICS_SERIES_MAX) {
        return NULL;
    }
    *link = metric_create(family->type, table, labels->data);
    metrics->series += *link != NULL ? 1 : 0;
    return *link;
}

static struct metric *metric_of(struct metrics *metrics, enum metric_type type, const char *name,
                                const char *help, const char *const *labels,
                                const struct bucket_table *table)
{
    CHECK(name_is_valid(name, type));
    CHECK(help[0] != '\0');
    struct buf text = BUF_INIT(LABEL_TEXT_MAX);
    labels_print(&text, labels);
    CHECK(pthread_mutex_lock(&metrics->lock) == 0);
    struct family *family = family_of(metrics, type, name, help);
    if (family != NULL && family->table == NULL) {
        family->table = table;
    }
    CHECK_IMPLIES(family != NULL, family->table == table);
    struct metric *metric = series_of(metrics, family, table, &text);
    if (metric == NULL) {
        metrics->dropped++;
        metric = metrics->sinks[type];
    }
    CHECK(pthread_mutex_unlock(&metrics->lock) == 0);
    buf_release(&text);
    return metric;
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                               const char *const *labels)
{
    return metric_of(metrics, TYPE_COUNTER, name, help, labels, NULL);
}

struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                             const char *const *labels)
{
    return metric_of(metrics, TYPE_GAUGE, name, help, labels, NULL);
}

struct metric *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
                                 const char *const *labels, enum metric_buckets buckets)
{
    CHECK((size_t)buckets < sizeof(bucket_tables) / sizeof(bucket_tables[0]));
    return metric_of(metrics, TYPE_HISTOGRAM, name, help, labels, &bucket_tables[buckets]);
}

void metric_set_reader(struct metrics *metrics, struct metric *metric, metric_read_fn *read,
                       void *user)
{
    CHECK(metric->type != TYPE_HISTOGRAM);
    CHECK(pthread_mutex_lock(&metrics->lock) == 0);
    metric->read = read;
    metric->user = user;
    CHECK(pthread_mutex_unlock(&metrics->lock) == 0);
}

static void process_metrics_create(struct metrics *metrics, const char *program,
                                   const char *version)
{
    const char *const labels[] = {"program", program, "version", version, NULL};
    gauge_set(metrics_gauge(metrics, "mainstay_build_info", "What this process is.", labels), 1);
    metric_set_reader(metrics,
                      metrics_counter(metrics, "process_cpu_seconds_total",
                                      "Total user and system CPU time spent in seconds.", NULL),
                      read_cpu_seconds, NULL);
    const struct {
        const char *name;
        const char *help;
        metric_read_fn *read;
    } gauges[] = {
        {"process_resident_memory_bytes", "Resident memory size in bytes.", read_resident_bytes},
        {"process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.",
         read_start_seconds},
        {"process_open_fds", "Number of open file descriptors.", read_open_files},
        {"mainstay_metrics_dropped_series", "Series not shown because of the registry's bound.",
         read_dropped},
    };
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        struct metric *gauge = metrics_gauge(metrics, gauges[i].name, gauges[i].help, NULL);
        metric_set_reader(metrics, gauge, gauges[i].read, metrics);
    }
}

struct metrics *metrics_create(const char *program, const char *version)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL) {
        return NULL;
    }
    metrics->last = &metrics->first;
    metrics->start_seconds = process_start_seconds();
    CHECK(pthread_mutex_init(&metrics->lock, NULL) == 0);
    bool complete = true;
    for (size_t i = 0; i < sizeof(metrics->sinks) / sizeof(metrics->sinks[0]); i++) {
        const struct bucket_table *table = i == TYPE_HISTOGRAM ? &bucket_tables[0] : NULL;
        metrics->sinks[i] = metric_create((enum metric_type)i, table, "");
        complete = complete && metrics->sinks[i] != NULL;
    }
    if (!complete) {
        metrics_destroy(&metrics);
        return NULL;
    }
    process_metrics_create(metrics, program, version);
    return metrics;
}

void metrics_destroy(struct metrics **metrics)
{
    struct metrics *registry = *metrics;
    if (registry == NULL) {
        return;
    }
    for (struct family *family = registry->first; family != NULL;) {
        struct family *next_family = family->next;
        for (struct metric *metric = family->first; metric != NULL;) {
            struct metric *next = metric->next;
            free(metric);
            metric = next;
        }
        free(family->name);
        free(family->help);
        free(family);
        family = next_family;
    }
    for (size_t i = 0; i < sizeof(registry->sinks) / sizeof(registry->sinks[0]); i++) {
        free(registry->sinks[i]);
    }
    CHECK(pthread_mutex_destroy(&registry->lock) == 0);
    free(registry);
    *metrics = NULL;
}

/* ---- updates ---- */

void counter_add(struct metric *counter, uint64_t n)
{
    CHECK(counter->type == TYPE_COUNTER);
    atomic_fetch_add_explicit(&counter->count, n, memory_order_relaxed);
}

uint64_t counter_value(const struct metric *counter)
{
    CHECK(counter->type == TYPE_COUNTER);
    return atomic_load_explicit(&counter->count, memory_order_relaxed);
}

void gauge_set(struct metric *gauge, double value)
{
    CHECK(gauge->type == TYPE_GAUGE);
    atomic_store_explicit(&gauge->bits, bits_of(value), memory_order_relaxed);
}

void gauge_add(struct metric *gauge, double difference)
{
    CHECK(gauge->type == TYPE_GAUGE);
    add_double(&gauge->bits, difference);
}

double gauge_value(const struct metric *gauge)
{
    CHECK(gauge->type == TYPE_GAUGE);
    return double_of(atomic_load_explicit(&gauge->bits, memory_order_relaxed));
}

void histogram_observe(struct metric *histogram, double value)
{
    CHECK(histogram->type == TYPE_HISTOGRAM);
    size_t bucket = 0;
    while (bucket < histogram->table->count && value > histogram->table->bounds[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    add_double(&histogram->bits, value);
}

void histogram_observe_ns(struct metric *histogram, int64_t ns)
{
    histogram_observe(histogram, (double)ns / 1e9);
}

/* ---- writing ---- */

/* Shortest decimal text that reads back as the same double, with a point in every locale. */
static void append_double(struct buf *out, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (bits_of(strtod(text, NULL)) == bits_of(value)) {
            break;
        }
    }
    char *comma = strchr(text, ',');
    if (comma != NULL) {
        *comma = '.';
    }
    buf_append_str(out, text);
}

static void write_sample(struct buf *out, const char *name, const char *suffix, const char *labels)
{
    if (labels[0] != '\0') {
        buf_printf(out, "%s%s{%s} ", name, suffix, labels);
    } else {
        buf_printf(out, "%s%s ", name, suffix);
    }
}

static void write_histogram(struct buf *out, const char *name, const struct metric *metric)
{
    uint64_t below = 0;
    const char *comma = metric->labels[0] != '\0' ? "," : "";
    for (size_t i = 0; i <= metric->table->count; i++) {
        below += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        buf_printf(out, "%s_bucket{%s%sle=\"", name, metric->labels, comma);
        if (i < metric->table->count) {
            append_double(out, metric->table->bounds[i]);
        } else {
            buf_append_str(out, "+Inf");
        }
        buf_printf(out, "\"} %" PRIu64 "\n", below);
    }
    write_sample(out, name, "_sum", metric->labels);
    append_double(out, double_of(atomic_load_explicit(&metric->bits, memory_order_relaxed)));
    buf_append_byte(out, '\n');
    write_sample(out, name, "_count", metric->labels);
    buf_printf(out, "%" PRIu64 "\n", below);
}

static void write_metric(struct buf *out, const char *name, const struct metric *metric)
{
    if (metric->type == TYPE_HISTOGRAM) {
        write_histogram(out, name, metric);
        return;
    }
    write_sample(out, name, "", metric->labels);
    if (metric->read != NULL) {
        append_double(out, metric->read(metric->user));
    } else if (metric->type == TYPE_COUNTER) {
        buf_printf(out, "%" PRIu64, counter_value(metric));
    } else {
        append_double(out, gauge_value(metric));
    }
    buf_append_byte(out, '\n');
}

void metrics_write(struct metrics *metrics, struct buf *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    CHECK(pthread_mutex_lock(&metrics->lock) == 0);
    for (const struct family *family = metrics->first; family != NULL; family = family->next) {
        if (family->first == NULL) {
            continue;
        }
        buf_printf(out, "# HELP %s ", family->name);
        append_escaped(out, family->help, false);
        buf_printf(out, "\n# TYPE %s %s\n", family->name, types[family->type]);
        for (const struct metric *metric = family->first; metric != NULL; metric = metric->next) {
            write_metric(out, family->name, metric);
        }
    }
    CHECK(pthread_mutex_unlock(&metrics->lock) == 0);
}
