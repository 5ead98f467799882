/*
 * mainstay-jq and its worker: one question at a time, each with a deadline. A child that dies or is
 * late is replaced and asked once more; a question that kills two children gets an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/json/doc.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/jq_protocol.h"
#include "coordinator/edge/edge_private.h"

enum { QUESTION_TRIES = 2, NS_PER_MS = 1000000 };

struct question {
    struct question *next;
    struct jq_answer *answer;
    struct buf line;
};

struct jq {
    char *path;
    jq_answer_fn *answer;
    void *user;
    pthread_t worker;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct question *first;
    struct question *last;
    bool closing;
    /* of the worker's thread only */
    pid_t child;
    int to_child;
    int from_child;
    struct buf reply;
    int64_t id;
};

void jq_answer_free(struct jq_answer *answer)
{
    if (answer != NULL) {
        json_decref(answer->value);
        free(answer);
    }
}

static void question_free(struct question *question)
{
    jq_answer_free(question->answer);
    buf_release(&question->line);
    free(question);
}

struct jq *jq_create(const char *path, jq_answer_fn *answer, void *user)
{
    struct jq *jq = calloc(1, sizeof(*jq));
    CHECK(jq != NULL);
    jq->path = strdup(path);
    CHECK(jq->path != NULL);
    jq->answer = answer;
    jq->user = user;
    jq->to_child = -1;
    jq->from_child = -1;
    buf_init(&jq->reply, JQ_LINE_BYTES);
    CHECK(pthread_mutex_init(&jq->lock, NULL) == 0);
    CHECK(pthread_cond_init(&jq->more, NULL) == 0);
    return jq;
}

static void child_stop(struct jq *jq)
{
    if (jq->child <= 0) {
        return;
    }
    (void)close(jq->to_child);
    (void)close(jq->from_child);
    (void)kill(jq->child, SIGKILL);
    while (waitpid(jq->child, NULL, 0) < 0 && errno == EINTR) {
    }
    jq->child = 0;
    buf_clear(&jq->reply);
}

/* Only async-signal-safe calls between fork and exec. */
_Noreturn static void child_exec(const char *path, int in, int out)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) {
        _exit(1);
    }
    char *const arguments[] = {(char *)(uintptr_t) "mainstay-jq", NULL};
    char *const environment[] = {NULL};
    (void)execve(path, arguments, environment);
    _exit(127);
}

static bool child_start(struct jq *jq)
{
    int to[2];
    int from[2];
    if (pipe2(to, O_CLOEXEC) != 0) {
        return false;
    }
    if (pipe2(from, O_CLOEXEC) != 0) {
        (void)close(to[0]);
        (void)close(to[1]);
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        child_exec(jq->path, to[0], from[1]);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    if (child < 0) {
        (void)close(to[1]);
        (void)close(from[0]);
        return false;
    }
    jq->child = child;
    jq->to_child = to[1];
    jq->from_child = from[0];
    (void)fcntl(jq->to_child, F_SETFL, O_NONBLOCK);
    (void)fcntl(jq->from_child, F_SETFL, O_NONBLOCK);
    return true;
}

/* Wait until the descriptor is ready; false after the deadline. */
static bool ready_for(int descriptor, short events, int64_t deadline_ns)
{
    for (;;) {
        int64_t left = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;
        if (left <= 0) {
            return false;
        }
        struct pollfd poll_for = {.fd = descriptor, .events = events};
        int count = poll(&poll_for, 1, (int)left);
        if (count > 0) {
            return true;
        }
        if (count < 0 && errno != EINTR) {
            return false;
        }
    }
}

static bool line_write(struct jq *jq, const struct buf *line, int64_t deadline_ns)
{
    size_t done = 0;
    while (done < line->size) {
        ssize_t count = write(jq->to_child, line->data + done, line->size - done);
        if (count > 0) {
            done += (size_t)count;
        } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!ready_for(jq->to_child, POLLOUT, deadline_ns)) {
            return false;
        }
    }
    return true;
}

static bool line_read(struct jq *jq, int64_t deadline_ns)
{
    char chunk[4096];
    buf_clear(&jq->reply);
    for (;;) {
        ssize_t count = read(jq->from_child, chunk, sizeof(chunk));
        if (count == 0) {
            return false;
        }
        if (count > 0) {
            buf_append(&jq->reply, chunk, (size_t)count);
            if (jq->reply.failed) {
                return false;
            }
            if (jq->reply.data[jq->reply.size - 1] == '\n') {
                return true;
            }
        } else if (errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!ready_for(jq->from_child, POLLIN, deadline_ns)) {
            return false;
        }
    }
}

static bool question_try(struct jq *jq, struct question *question)
{
    if (jq->child <= 0 && !child_start(jq)) {
        return false;
    }
    int64_t deadline_ns = clock_deadline_ns((int64_t)JQ_REPLY_SECONDS * 1000);
    struct jq_reply reply;
    if (!line_write(jq, &question->line, deadline_ns) || !line_read(jq, deadline_ns) ||
        jq_reply_parse(jq->reply.data, jq->reply.size, &reply, NULL) != ERR_OK) {
        child_stop(jq);
        return false;
    }
    question->answer->value = reply.value;
    (void)text_copy(question->answer->error, sizeof(question->answer->error), reply.error);
    return true;
}

static void question_answer(struct jq *jq, struct question *question)
{
    bool answered = false;
    for (int i = 0; i < QUESTION_TRIES && !answered; i++) {
        answered = !question->line.failed && question_try(jq, question);
    }
    if (!answered) {
        (void)text_copy(question->answer->error, sizeof(question->answer->error),
                        question->line.failed
                            ? "the expression's input is too large for mainstay-jq"
                            : "mainstay-jq died or took too long over this expression");
    }
    struct jq_answer *answer = question->answer;
    question->answer = NULL;
    jq->answer(jq->user, answer);
}

static void *worker_run(void *user)
{
    struct jq *jq = user;
    for (;;) {
        (void)pthread_mutex_lock(&jq->lock);
        while (jq->first == NULL && !jq->closing) {
            (void)pthread_cond_wait(&jq->more, &jq->lock);
        }
        struct question *question = jq->closing ? NULL : jq->first;
        if (question != NULL) {
            jq->first = question->next;
            jq->last = jq->first == NULL ? NULL : jq->last;
        }
        (void)pthread_mutex_unlock(&jq->lock);
        if (question == NULL) {
            child_stop(jq);
            return NULL;
        }
        question_answer(jq, question);
        question_free(question);
    }
}

void jq_ask(struct jq *jq, const struct evaluate_order *order)
{
    struct question *question = calloc(1, sizeof(*question));
    struct jq_answer *answer = calloc(1, sizeof(*answer));
    CHECK(question != NULL);
    CHECK(answer != NULL);
    answer->instance = order->instance;
    answer->frame = order->frame;
    answer->expr = expr_id(order->expr);
    question->answer = answer;
    buf_init(&question->line, JQ_LINE_BYTES);
    jq_request_write(++jq->id, order->expr, order->variables, doc_json(order->input),
                     &question->line);
    (void)pthread_mutex_lock(&jq->lock);
    if (!jq->started) {
        jq->started = pthread_create(&jq->worker, NULL, worker_run, jq) == 0;
        CHECK(jq->started);
    }
    if (jq->last == NULL) {
        jq->first = question;
    } else {
        jq->last->next = question;
    }
    jq->last = question;
    (void)pthread_cond_signal(&jq->more);
    (void)pthread_mutex_unlock(&jq->lock);
}

void jq_destroy(struct jq **jq)
{
    struct jq *it = *jq;
    if (it == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&it->lock);
    it->closing = true;
    (void)pthread_cond_signal(&it->more);
    (void)pthread_mutex_unlock(&it->lock);
    if (it->started) {
        (void)pthread_join(it->worker, NULL);
    }
    while (it->first != NULL) {
        struct question *next = it->first->next;
        question_free(it->first);
        it->first = next;
    }
    (void)pthread_cond_destroy(&it->more);
    (void)pthread_mutex_destroy(&it->lock);
    buf_release(&it->reply);
    free(it->path);
    free(it);
    *jq = NULL;
}
