#include "agents/runtime/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/runtime/runtime.h"
#include "agents/runtime/sender.h"
#include "agents/runtime/telemetry.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/map.h"

enum { NAME_BYTES = OUTCOME_KEY_BYTES + 1 };

/* Jobs of one action. */
struct lane {
    struct job *first; /* by priority, then arrival */
    size_t running;
    size_t limit;
};

struct pool {
    struct runtime *runtime;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* for workers */
    pthread_cond_t quiet; /* for drain */
    pthread_cond_t watch; /* for the watchdog */
    struct lane *lanes;   /* one for each action and the last for unknown ones */
    size_t lane_count;
    size_t next_lane; /* where the search begins, so that no action starves */
    struct map *jobs; /* key and phase -> waiting or running job */
    size_t capacity;
    size_t queued;
    size_t running;
    struct job **slots; /* what each worker runs */
    pthread_t *threads;
    size_t thread_count;
    pthread_t watchdog;
    bool watching;
    int64_t watch_ns; /* when the watchdog wakes */
    bool draining;
    bool ending;
};

static void name_bytes(const struct outcome_name *name, char out[NAME_BYTES])
{
    memcpy(out, name->key, OUTCOME_KEY_BYTES);
    out[OUTCOME_KEY_BYTES] = (char)name->phase;
}

static size_t lane_index(const struct pool *pool, const struct job *job)
{
    if (job->contract == NULL) {
        return pool->lane_count - 1;
    }
    return (size_t)(job->contract - pool->runtime->contract->actions);
}

static void job_forget(struct pool *pool, const struct job *job)
{
    char name[NAME_BYTES];
    name_bytes(&job->name, name);
    (void)map_remove(pool->jobs, name, sizeof(name));
}

/* ---- putting in and taking out; all with the lock ---- */

static void lane_insert(struct lane *lane, struct job *job)
{
    struct job **at = &lane->first;
    while (*at != NULL && (*at)->task->priority <= job->task->priority) {
        at = &(*at)->next;
    }
    job->next = *at;
    *at = job;
}

static struct job *job_take(struct pool *pool)
{
    for (size_t i = 0; i < pool->lane_count; i++) {
        struct lane *lane = &pool->lanes[(pool->next_lane + i) % pool->lane_count];
        if (lane->first != NULL && lane->running < lane->limit) {
            struct job *job = lane->first;
            lane->first = job->next;
            lane->running++;
            pool->queued--;
            pool->running++;
            pool->next_lane = (pool->next_lane + i + 1) % pool->lane_count;
            job->running = true;
            return job;
        }
    }
    return NULL;
}

enum pool_answer pool_submit(struct pool *pool, struct job *job)
{
    char name[NAME_BYTES];
    name_bytes(&job->name, name);
    enum pool_answer answer = POOL_TAKEN;
    (void)pthread_mutex_lock(&pool->lock);
    if (map_get(pool->jobs, name, sizeof(name)) != NULL) {
        answer = POOL_HERE;
    } else if (pool->draining || pool->queued + pool->running >= pool->capacity) {
        answer = POOL_FULL;
    } else {
        bool ok = false;
        (void)map_put(pool->jobs, name, sizeof(name), job, &ok);
        answer = ok ? POOL_TAKEN : POOL_FULL;
    }
    if (answer == POOL_TAKEN) {
        lane_insert(&pool->lanes[lane_index(pool, job)], job);
        pool->queued++;
        (void)pthread_cond_signal(&pool->work);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return answer;
}

enum pool_recall pool_recall(struct pool *pool, const struct outcome_name *name,
                             struct job **ret_job)
{
    char bytes[NAME_BYTES];
    name_bytes(name, bytes);
    enum pool_recall answer = RECALL_UNKNOWN;
    (void)pthread_mutex_lock(&pool->lock);
    struct job *job = map_get(pool->jobs, bytes, sizeof(bytes));
    if (job != NULL && (job->running || job->name.attempt > name->attempt)) {
        answer = RECALL_RUNNING;
        if (job->name.attempt == name->attempt && job_effect(job) == EFFECT_PURE) {
            atomic_store(&job->cancelled, true); /* nobody wants its answer any more */
        }
    } else if (job != NULL) {
        struct job **at = &pool->lanes[lane_index(pool, job)].first;
        while (*at != job) {
            at = &(*at)->next;
        }
        *at = job->next;
        pool->queued--;
        job_forget(pool, job);
        *ret_job = job;
        answer = RECALL_TAKEN;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return answer;
}

/* ---- the watchdog ---- */

/* Mark jobs past their time and collect them; returns when the next one is due. With the lock. */
static int64_t overdue_collect(struct pool *pool, struct job **ret_overdue, size_t *ret_count)
{
    int64_t now = clock_monotonic_ns();
    int64_t next = CLOCK_FOREVER;
    *ret_count = 0;
    for (size_t i = 0; i < pool->thread_count; i++) {
        struct job *job = pool->slots[i];
        if (job == NULL || job->timed_out) {
            continue;
        }
        if (job->deadline_ns <= now) {
            job->timed_out = true;
            atomic_store(&job->cancelled, true);
            bundle_hold(job->bundle);
            ret_overdue[(*ret_count)++] = job;
        } else if (job->deadline_ns < next) {
            next = job->deadline_ns;
        }
    }
    return next;
}

static void overdue_report(struct pool *pool, struct job *const *overdue, size_t count)
{
    struct buf result = BUF_INIT(LIMIT_MESSAGE_BYTES);
    for (size_t i = 0; i < count; i++) {
        result_timeout(overdue[i], &result);
        telemetry_task(pool->runtime->telemetry, lane_index(pool, overdue[i]),
                       MAINSTAY__RESULT_STATUS__RESULT_STATUS_FAILED,
                       clock_monotonic_ns() - overdue[i]->started_ns);
        sender_add(pool->runtime->sender, (struct str){result.data, result.size});
        bundle_drop(overdue[i]->bundle);
    }
    buf_release(&result);
}

static void *watchdog_run(void *user)
{
    struct pool *pool = user;
    struct job **overdue = calloc(pool->thread_count, sizeof(*overdue));
    CHECK(overdue != NULL);
    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        size_t count = 0;
        pool->watch_ns = overdue_collect(pool, overdue, &count);
        if (count > 0) {
            (void)pthread_mutex_unlock(&pool->lock);
            overdue_report(pool, overdue, count);
            (void)pthread_mutex_lock(&pool->lock);
        } else if (pool->watch_ns == CLOCK_FOREVER) {
            (void)pthread_cond_wait(&pool->watch, &pool->lock);
        } else {
            struct timespec until = {.tv_sec = (time_t)(pool->watch_ns / 1000000000),
                                     .tv_nsec = (long)(pool->watch_ns % 1000000000)};
            (void)pthread_cond_timedwait(&pool->watch, &pool->lock, &until);
        }
    }
    (void)pthread_mutex_unlock(&pool->lock);
    free(overdue);
    return NULL;
}

/* ---- workers ---- */

/* Run one job, send its result, let go of it. Called and left with the lock. */
static void job_run(struct pool *pool, size_t slot, struct job *job, struct buf *result)
{
    (void)pthread_mutex_unlock(&pool->lock);
    Mainstay__ResultStatus status = execute(pool->runtime, job, result);
    size_t lane = lane_index(pool, job);
    (void)pthread_mutex_lock(&pool->lock);
    bool late = job->timed_out;
    pool->slots[slot] = NULL;
    pool->lanes[lane].running--;
    job_forget(pool, job);
    if (pool->lanes[lane].first != NULL) {
        (void)pthread_cond_signal(&pool->work);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    /* Of work nobody can see the timeout was the last word; of effects the truth is worth sending.
     */
    if (result->size > 0 && !(late && job_effect(job) == EFFECT_PURE)) {
        telemetry_task(pool->runtime->telemetry, lane, status,
                       clock_monotonic_ns() - job->started_ns);
        sender_add(pool->runtime->sender, (struct str){result->data, result->size});
    }
    job_done(job);
    (void)pthread_mutex_lock(&pool->lock);
    pool->running--;
    if (pool->running == 0) {
        (void)pthread_cond_broadcast(&pool->quiet);
    }
}

struct worker {
    struct pool *pool;
    size_t slot;
};

static void *worker_run(void *user)
{
    struct worker worker = *(struct worker *)user;
    struct pool *pool = worker.pool;
    free(user);
    struct buf result = BUF_INIT(LIMIT_MESSAGE_BYTES);
    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        struct job *job = pool->draining ? NULL : job_take(pool);
        if (job == NULL) {
            (void)pthread_cond_wait(&pool->work, &pool->lock);
            continue;
        }
        job->started_ns = clock_monotonic_ns();
        job->deadline_ns = job->started_ns + (int64_t)job_timeout_ms(job) * 1000000;
        pool->slots[worker.slot] = job;
        if (job->deadline_ns < pool->watch_ns) {
            pool->watch_ns = job->deadline_ns;
            (void)pthread_cond_signal(&pool->watch);
        }
        job_run(pool, worker.slot, job, &result);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    buf_release(&result);
    return NULL;
}

static enum err threads_start(struct pool *pool, size_t workers, struct error *err)
{
    for (size_t i = 0; i < workers; i++) {
        struct worker *worker = calloc(1, sizeof(*worker));
        if (worker == NULL) {
            return error_set(err, ERR_NOMEM, "no memory for worker %zu", i);
        }
        *worker = (struct worker){.pool = pool, .slot = i};
        if (pthread_create(&pool->threads[i], NULL, worker_run, worker) != 0) {
            free(worker);
            return error_set(err, ERR_NOMEM, "cannot start worker %zu", i);
        }
        pool->thread_count++;
    }
    if (pthread_create(&pool->watchdog, NULL, watchdog_run, pool) != 0) {
        return error_set(err, ERR_NOMEM, "cannot start the watchdog");
    }
    pool->watching = true;
    return ERR_OK;
}

enum err pool_create(struct runtime *runtime, size_t workers, size_t capacity,
                     struct pool **ret_pool, struct error *err)
{
    CHECK(workers >= 1);
    *ret_pool = NULL;
    struct pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for the workers");
    }
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->work, &attributes);
    (void)pthread_cond_init(&pool->quiet, &attributes);
    (void)pthread_cond_init(&pool->watch, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    pool->runtime = runtime;
    pool->capacity = capacity;
    pool->watch_ns = CLOCK_FOREVER;
    pool->lane_count = runtime->contract->action_count + 1;
    pool->lanes = calloc(pool->lane_count, sizeof(pool->lanes[0]));
    pool->slots = calloc(workers, sizeof(pool->slots[0]));
    pool->threads = calloc(workers, sizeof(pool->threads[0]));
    pool->jobs = map_create();
    enum err code = ERR_OK;
    if (pool->lanes == NULL || pool->slots == NULL || pool->threads == NULL || pool->jobs == NULL) {
        code = error_set(err, ERR_NOMEM, "no memory for the workers");
        goto out;
    }
    for (size_t i = 0; i + 1 < pool->lane_count; i++) {
        pool->lanes[i].limit = runtime->contract->actions[i].concurrency;
    }
    pool->lanes[pool->lane_count - 1].limit = 1;
    TRY_GOTO(code, threads_start(pool, workers, err), out);
    *ret_pool = pool;
    pool = NULL;
out:
    pool_destroy(&pool);
    return code;
}

bool pool_drain(struct pool *pool, unsigned wait_ms)
{
    int64_t deadline = clock_deadline_ns(wait_ms);
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000000000),
                             .tv_nsec = (long)(deadline % 1000000000)};
    (void)pthread_mutex_lock(&pool->lock);
    pool->draining = true;
    for (size_t i = 0; i < pool->lane_count; i++) {
        while (pool->lanes[i].first != NULL) {
            struct job *job = pool->lanes[i].first;
            pool->lanes[i].first = job->next;
            pool->queued--;
            job_forget(pool, job);
            job_done(job);
        }
    }
    while (pool->running > 0 && clock_monotonic_ns() < deadline) {
        (void)pthread_cond_timedwait(&pool->quiet, &pool->lock, &until);
    }
    bool quiet = pool->running == 0;
    (void)pthread_mutex_unlock(&pool->lock);
    return quiet;
}

void pool_destroy(struct pool **pool_pointer)
{
    struct pool *pool = *pool_pointer;
    if (pool == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_cond_broadcast(&pool->watch);
    (void)pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    if (pool->watching) {
        (void)pthread_join(pool->watchdog, NULL);
    }
    if (pool->jobs != NULL) {
        map_destroy(&pool->jobs, NULL);
    }
    free(pool->lanes);
    free(pool->slots);
    free(pool->threads);
    (void)pthread_mutex_destroy(&pool->lock);
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_cond_destroy(&pool->quiet);
    (void)pthread_cond_destroy(&pool->watch);
    free(pool);
    *pool_pointer = NULL;
}

size_t pool_queued(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    size_t queued = pool->queued;
    (void)pthread_mutex_unlock(&pool->lock);
    return queued;
}

size_t pool_running(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    size_t running = pool->running;
    (void)pthread_mutex_unlock(&pool->lock);
    return running;
}
