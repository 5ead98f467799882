#include "tests/bench/floor_writers.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/store/kv.h"

enum { ROW_BYTES_MAX = 4096 };

struct floor_writers {
    struct kv *kv;
    pthread_mutex_t lock;
    pthread_cond_t work; /* `left` grew */
    pthread_cond_t done; /* `open` became 0 */
    size_t left;         /* commits that nobody has begun */
    size_t open;         /* commits that are not made */
    size_t rows;
    size_t row_bytes;
    uint64_t key;
};

static void *writer_run(void *user)
{
    static const char row[ROW_BYTES_MAX];
    struct floor_writers *writers = user;
    struct kv_batch *batch = kv_batch_create(writers->kv);
    struct error err = {0};
    (void)pthread_mutex_lock(&writers->lock);
    for (;;) {
        while (writers->left == 0) {
            (void)pthread_cond_wait(&writers->work, &writers->lock);
        }
        writers->left--;
        size_t rows = writers->rows;
        size_t row_bytes = writers->row_bytes;
        uint64_t key = writers->key;
        writers->key += rows;
        (void)pthread_mutex_unlock(&writers->lock);
        for (size_t i = 0; i < rows; i++, key++) {
            kv_batch_put(batch, 0, (struct str){(const char *)&key, sizeof(key)},
                         (struct str){row, row_bytes});
        }
        CHECK(kv_commit(writers->kv, batch, true, &err) == ERR_OK);
        kv_batch_clear(batch);
        (void)pthread_mutex_lock(&writers->lock);
        if (--writers->open == 0) {
            (void)pthread_cond_signal(&writers->done);
        }
    }
    return NULL;
}

struct floor_writers *floor_writers_create(struct kv *kv)
{
    struct floor_writers *writers = calloc(1, sizeof(*writers));
    CHECK(writers != NULL);
    writers->kv = kv;
    (void)pthread_mutex_init(&writers->lock, NULL);
    (void)pthread_cond_init(&writers->work, NULL);
    (void)pthread_cond_init(&writers->done, NULL);
    for (size_t i = 0; i < FLOOR_WRITERS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, writer_run, writers) == 0);
        (void)pthread_detach(thread);
    }
    return writers;
}

void floor_writers_commit(struct floor_writers *writers, size_t commits, size_t rows,
                          size_t row_bytes)
{
    CHECK(row_bytes <= ROW_BYTES_MAX);
    if (commits == 0) {
        return;
    }
    (void)pthread_mutex_lock(&writers->lock);
    writers->rows = rows;
    writers->row_bytes = row_bytes;
    writers->left = commits;
    writers->open = commits;
    (void)pthread_cond_broadcast(&writers->work);
    while (writers->open > 0) {
        (void)pthread_cond_wait(&writers->done, &writers->lock);
    }
    (void)pthread_mutex_unlock(&writers->lock);
}
