/* Many workflows at a time: each flow is a workflow under way, named in its reply subject. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/bench/driver.h"

enum {
    REQUEST_BYTES = 64 * 1024,
    WAIT_MS = 600000,    /* what control.wait is asked for */
    PROGRESS_EVERY = 10, /* ended workflows */
    TICK_MS = 50,
    ERRORS_SHOWN = 5
};

struct flow {
    uint64_t number;   /* which workflow */
    uint64_t question; /* increases with every question; old answers are not ours */
    char instance[64]; /* "" until control.run has answered */
    int64_t begun_ns;  /* when it was asked for the first time */
    int64_t asked_ns;  /* when the question under way was asked */
    bool busy;
};

struct load {
    const struct driver_load *options;
    natsConnection *connection;
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct flow *flows;
    double *latencies_ms;
    struct arena *arena;
    struct buf request;
    char inbox[128];
    char *text;      /* filler of the input */
    uint64_t wanted; /* workflows to start; less than asked for after SIGTERM */
    uint64_t started;
    uint64_t ended;
    uint64_t completed;
    uint64_t resent;
    uint64_t requests;
    uint64_t request_bytes;
    uint64_t replies;
    uint64_t reply_bytes;
    int64_t first_ns; /* begin of the first workflow */
    int64_t last_ns;  /* end of the last */
    bool deaf;        /* on_reply is never called again */
};

static volatile sig_atomic_t stop_asked;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

/* ---- asking ---- */

static void flow_ask(struct load *load, struct flow *flow, bool again)
{
    char subject[32];
    char reply[192];
    char request_id[128];
    char *body = NULL;
    bool run = flow->instance[0] == '\0';
    int size =
        run ? asprintf(&body,
                       "{\"definition\":\"%s\",\"input\":{\"id\":%" PRIu64 ",\"text\":\"%s\"}}",
                       load->options->definition, 100000000 + flow->number, load->text)
            : asprintf(&body, "{\"instance\":\"%s\",\"timeout_ms\":%d}", flow->instance, WAIT_MS);
    CHECK(size > 0);
    (void)snprintf(subject, sizeof(subject), "control.%s", run ? "run" : "wait");
    (void)snprintf(request_id, sizeof(request_id), "%s-%" PRIu64, load->options->prefix,
                   flow->number);
    flow->question++;
    flow->asked_ns = clock_monotonic_ns();
    (void)snprintf(reply, sizeof(reply), "%s.%zu.%" PRIu64, load->inbox,
                   (size_t)(flow - load->flows), flow->question);
    driver_request(&load->request, run ? request_id : "", body);
    load->resent += again ? 1 : 0;
    load->requests++;
    load->request_bytes += load->request.size;
    /* A failure is asked again by the clock, like an answer that was lost. */
    (void)natsConnection_PublishRequest(load->connection, subject, reply, load->request.data,
                                        (int)load->request.size);
    free(body);
}

static void flow_begin(struct load *load, struct flow *flow)
{
    if (load->started == load->wanted) {
        flow->busy = false;
        return;
    }
    flow->number = load->started++;
    flow->instance[0] = '\0';
    flow->busy = true;
    flow->begun_ns = clock_monotonic_ns();
    flow_ask(load, flow, false);
}

/* ---- answers ---- */

static void flow_end(struct load *load, struct flow *flow, bool completed, const char *status)
{
    int64_t now = clock_monotonic_ns();
    load->latencies_ms[load->ended++] = (double)(now - flow->begun_ns) / 1e6;
    load->last_ns = now;
    load->completed += completed ? 1 : 0;
    if (!completed && load->ended - load->completed <= ERRORS_SHOWN) {
        (void)fprintf(stderr, "workflow %" PRIu64 " (%s) ended as '%s'\n", flow->number,
                      flow->instance, status);
    }
    if (load->options->progress && load->ended % PROGRESS_EVERY == 0) {
        (void)fprintf(stderr, "ended %" PRIu64 "\n", load->ended);
    }
    if (load->ended == load->wanted) {
        (void)pthread_cond_signal(&load->done);
    }
    flow_begin(load, flow);
}

static void flow_answered(struct load *load, struct flow *flow, const void *bytes, size_t size)
{
    uint32_t code = 0;
    char error[256];
    json_t *body = driver_reply(load->arena, bytes, size, &code, error, sizeof(error));
    const char *instance = json_string_value(json_object_get(body, "instance"));
    const char *status = json_string_value(json_object_get(body, "status"));
    if (flow->instance[0] == '\0') {
        if (code == 0 && instance != NULL &&
            text_copy(flow->instance, sizeof(flow->instance), instance)) {
            flow_ask(load, flow, false);
        } else if (code == ERR_BUSY) {
            flow->asked_ns = 0; /* no room now: the clock asks again */
        } else {
            flow_end(load, flow, false, error);
        }
    } else if (code == 0 && load->options->patient && text_equal(status, "suspended")) {
        flow->asked_ns = 0; /* a person will decide: the clock asks again */
    } else if (code == 0 && status != NULL) {
        flow_end(load, flow, strcmp(status, "completed") == 0, status);
    } else {
        if (code == ERR_NOT_FOUND) { /* a restored company has forgotten it: it is asked for anew */
            flow->instance[0] = '\0';
        }
        flow->asked_ns = 0; /* timed out or refused for now: the clock asks again */
    }
    json_decref(body);
}

static void on_reply(natsConnection *connection, natsSubscription *subscription, natsMsg *msg,
                     void *user)
{
    struct load *load = user;
    char *end = NULL;
    (void)connection;
    (void)subscription;
    (void)pthread_mutex_lock(&load->lock);
    unsigned long flow = strtoul(natsMsg_GetSubject(msg) + strlen(load->inbox) + 1, &end, 10);
    unsigned long long question = strtoull(end + 1, NULL, 10);
    /* An empty message is the server's "nobody listens": the clock asks again. */
    if (natsMsg_GetDataLength(msg) > 0 && flow < load->options->concurrency &&
        load->flows[flow].busy && load->flows[flow].question == question) {
        load->replies++;
        load->reply_bytes += (uint64_t)natsMsg_GetDataLength(msg);
        flow_answered(load, &load->flows[flow], natsMsg_GetData(msg),
                      (size_t)natsMsg_GetDataLength(msg));
    }
    (void)pthread_mutex_unlock(&load->lock);
    natsMsg_Destroy(msg);
}

static void on_deaf(void *user)
{
    struct load *load = user;
    (void)pthread_mutex_lock(&load->lock);
    load->deaf = true;
    (void)pthread_cond_signal(&load->done);
    (void)pthread_mutex_unlock(&load->lock);
}

/* ---- the clock ---- */

static void flows_ask_again(struct load *load)
{
    int64_t before = clock_monotonic_ns() - (int64_t)load->options->resend_ms * 1000000;
    for (uint64_t i = 0; i < load->options->concurrency; i++) {
        if (load->flows[i].busy && load->flows[i].asked_ns < before) {
            flow_ask(load, &load->flows[i], true);
        }
    }
}

/* False at the deadline. */
static bool load_wait(struct load *load)
{
    int64_t deadline = clock_deadline_ns((int64_t)load->options->timeout_ms);
    (void)pthread_mutex_lock(&load->lock);
    while (load->ended < load->wanted && clock_monotonic_ns() < deadline) {
        int64_t tick = clock_deadline_ns(TICK_MS);
        struct timespec until = {.tv_sec = (time_t)(tick / 1000000000),
                                 .tv_nsec = (long)(tick % 1000000000)};
        (void)pthread_cond_timedwait(&load->done, &load->lock, &until);
        flows_ask_again(load);
        if (stop_asked != 0) {
            load->wanted = load->started;
        }
    }
    bool done = load->ended == load->wanted;
    (void)pthread_mutex_unlock(&load->lock);
    return done;
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Nearest-rank percentile of sorted values. */
static double percentile(const double *values, uint64_t count, double part)
{
    uint64_t rank = (uint64_t)((double)count * part + 0.999999);
    return count == 0 ? 0.0 : values[rank == 0 ? 0 : rank - 1];
}

static void load_print(struct load *load)
{
    double seconds = (double)(load->last_ns - load->first_ns) / 1e9;
    double *values = load->latencies_ms;
    qsort(values, load->ended, sizeof(values[0]), by_size);
    (void)printf(
        "{\"workflows\":%" PRIu64 ",\"completed\":%" PRIu64 ",\"seconds\":%.6f,"
        "\"workflows_per_s\":%.1f,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f,"
        "\"max_ms\":%.3f,\"resent\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"request_bytes\":%" PRIu64
        ",\"replies\":%" PRIu64 ",\"reply_bytes\":%" PRIu64 "}\n",
        load->ended, load->completed, seconds, seconds > 0 ? (double)load->ended / seconds : 0.0,
        percentile(values, load->ended, 0.50), percentile(values, load->ended, 0.95),
        percentile(values, load->ended, 0.99), percentile(values, load->ended, 1.0), load->resent,
        load->requests, load->request_bytes, load->replies, load->reply_bytes);
}

static struct load *load_create(natsConnection *connection, const struct driver_load *options)
{
    struct load *load = calloc(1, sizeof(*load));
    char inbox[64];
    CHECK(load != NULL);
    load->options = options;
    load->connection = connection;
    load->wanted = options->workflows;
    load->flows = calloc(options->concurrency, sizeof(load->flows[0]));
    load->latencies_ms = calloc(options->workflows, sizeof(load->latencies_ms[0]));
    load->arena = arena_create(16 * REQUEST_BYTES);
    load->text = calloc(1, options->bytes + 1);
    CHECK(load->flows != NULL && load->latencies_ms != NULL);
    CHECK(load->arena != NULL && load->text != NULL);
    buf_init(&load->request, REQUEST_BYTES);
    (void)snprintf(inbox, sizeof(inbox), "_INBOX.bench-driver-%lld",
                   (long long)clock_monotonic_ns());
    (void)text_copy(load->inbox, sizeof(load->inbox), inbox);
    size_t frame = strlen("{\"id\":100000000,\"text\":\"\"}");
    memset(load->text, 'x', options->bytes > frame ? options->bytes - frame : 0);
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&load->lock, NULL);
    (void)pthread_cond_init(&load->done, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return load;
}

static void load_destroy(struct load *load)
{
    (void)pthread_cond_destroy(&load->done);
    (void)pthread_mutex_destroy(&load->lock);
    buf_release(&load->request);
    arena_destroy(&load->arena);
    free(load->text);
    free(load->latencies_ms);
    free(load->flows);
    free(load);
}

static natsSubscription *load_listen(struct load *load)
{
    natsSubscription *subscription = NULL;
    char subject[160];
    (void)snprintf(subject, sizeof(subject), "%s.>", load->inbox);
    if (natsConnection_Subscribe(&subscription, load->connection, subject, on_reply, load) !=
            NATS_OK ||
        natsSubscription_SetOnCompleteCB(subscription, on_deaf, load) != NATS_OK ||
        natsSubscription_SetPendingLimits(subscription, -1, -1) != NATS_OK ||
        natsConnection_Flush(load->connection) != NATS_OK) {
        (void)fprintf(stderr, "bench-driver: cannot subscribe\n");
        exit(1);
    }
    return subscription;
}

/* Returns when no answer is being handled any more: a late one would meet a load that is gone. */
static void load_deafen(struct load *load, natsSubscription *subscription)
{
    (void)natsSubscription_Unsubscribe(subscription);
    natsSubscription_Destroy(subscription);
    (void)pthread_mutex_lock(&load->lock);
    while (!load->deaf) {
        (void)pthread_cond_wait(&load->done, &load->lock);
    }
    (void)pthread_mutex_unlock(&load->lock);
}

int driver_load_run(natsConnection *connection, const struct driver_load *options)
{
    struct load *load = load_create(connection, options);
    natsSubscription *subscription = load_listen(load);
    (void)signal(SIGTERM, on_stop);
    if (options->progress) {
        (void)fprintf(stderr, "begun\n");
    }
    (void)pthread_mutex_lock(&load->lock);
    load->first_ns = clock_monotonic_ns();
    for (uint64_t i = 0; i < options->concurrency; i++) {
        flow_begin(load, &load->flows[i]);
    }
    (void)pthread_mutex_unlock(&load->lock);
    bool done = load_wait(load);
    load_deafen(load, subscription);
    load_print(load);
    bool all = done && load->completed == load->wanted;
    for (uint64_t i = 0; !done && i < options->concurrency; i++) {
        const struct flow *flow = &load->flows[i];
        if (flow->busy) {
            (void)fprintf(stderr, "not ended: workflow %" PRIu64 " (%s)\n", flow->number,
                          flow->instance[0] == '\0' ? "not started" : flow->instance);
        }
    }
    load_destroy(load);
    return all ? 0 : 1;
}
