#include "tests/unit/definition/jq_answers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <jq.h>
#include <jv.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPU_SECONDS = 2, COMPILE_SECONDS = 120, COMPILES_NOT = 3 };

/* ---- in the child ---- */

static void ignore_error(void *user, jv message)
{
    (void)user;
    jv_free(message);
}

/* The default action of SIGPROF ends the child. CPU time, so that a busy machine changes nothing */
static void limit_cpu(long seconds)
{
    struct itimerval timer = {.it_value = {.tv_sec = seconds}};
    if (setitimer(ITIMER_PROF, &timer, NULL) != 0) {
        _exit(EXIT_FAILURE);
    }
}

static void send_bytes(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno != EINTR) {
            _exit(EXIT_FAILURE);
        }
        at += written < 0 ? 0 : written;
        size -= written < 0 ? 0 : (size_t)written;
    }
}

/* count, size of the text, text */
static void answer(jq_state *jq, const char *input, int fd)
{
    jv last = jv_invalid();
    jv result;
    size_t head[2] = {0, 0};
    jq_start(jq, jv_parse(input), 0);
    while (jv_is_valid(result = jq_next(jq))) {
        jv_free(last);
        last = result;
        head[0]++;
    }
    if (jv_invalid_has_msg(result)) { /* takes the result */
        head[0] = 0;
    }
    jv text = head[0] == 0 ? jv_string("") : jv_dump_string(jv_copy(last), 0);
    head[1] = (size_t)jv_string_length_bytes(jv_copy(text));
    send_bytes(fd, head, sizeof(head));
    send_bytes(fd, jv_string_value(text), head[1]);
    jv_free(text);
    jv_free(last);
}

_Noreturn static void child_run(const char *program, const char *const *inputs, size_t count,
                                int fd)
{
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGPROF, SIG_DFL);
    limit_cpu(COMPILE_SECONDS);
    jq_state *jq = jq_init();
    if (jq == NULL) {
        _exit(EXIT_FAILURE);
    }
    jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
    jq_set_error_cb(jq, ignore_error, NULL);
    if (!jq_compile(jq, program)) {
        _exit(COMPILES_NOT);
    }
    send_bytes(fd, "c", 1);
    for (size_t i = 0; i < count; i++) {
        limit_cpu(CPU_SECONDS);
        answer(jq, inputs[i], fd);
    }
    _exit(EXIT_SUCCESS);
}

/* ---- in the test ---- */

static bool receive_bytes(int fd, void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0) {
        ssize_t have = read(fd, at, size);
        if (have == 0 || (have < 0 && errno != EINTR)) {
            return false;
        }
        at += have < 0 ? 0 : have;
        size -= have < 0 ? 0 : (size_t)have;
    }
    return true;
}

static bool receive_answer(int fd, struct jq_answer *ret_answer)
{
    size_t head[2];
    if (!receive_bytes(fd, head, sizeof(head))) {
        return false;
    }
    char *text = calloc(1, head[1] + 1);
    cr_assert_not_null(text);
    if (!receive_bytes(fd, text, head[1])) {
        free(text);
        return false;
    }
    *ret_answer = (struct jq_answer){.count = head[0], .last = text};
    if (head[0] == 0) {
        free(text);
        ret_answer->last = NULL;
    }
    return true;
}

/* One child: how many answers it gave, or -1 when the program does not compile. */
static long ask_some(const char *program, const char *const *inputs, size_t count,
                     struct jq_answer *ret_answers)
{
    int pipes[2];
    int status = 0;
    char compiled = 0;
    size_t done = 0;
    cr_assert_eq(pipe(pipes), 0);
    pid_t child = fork();
    cr_assert_neq(child, -1);
    if (child == 0) {
        (void)close(pipes[0]);
        child_run(program, inputs, count, pipes[1]);
    }
    (void)close(pipes[1]);
    bool compiles = receive_bytes(pipes[0], &compiled, 1);
    while (compiles && done < count && receive_answer(pipes[0], &ret_answers[done])) {
        done++;
    }
    (void)close(pipes[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    cr_assert(compiles || (WIFEXITED(status) && WEXITSTATUS(status) == COMPILES_NOT),
              "jq died (%d) when it compiled %s", status, program);
    return compiles ? (long)done : -1;
}

int jq_ask(const char *program, const char *const *inputs, size_t count,
           struct jq_answer *ret_answers)
{
    size_t done = 0;
    do {
        long some = ask_some(program, inputs + done, count - done, ret_answers + done);
        if (some < 0) {
            return -1;
        }
        done += (size_t)some;
        if (done < count) {
            ret_answers[done++] = (struct jq_answer){.count = JQ_NO_ANSWER};
        }
    } while (done < count);
    return 0;
}
