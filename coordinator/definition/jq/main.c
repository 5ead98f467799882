/*
 * mainstay-jq: evaluates what the native evaluator cannot, away from the coordinator.
 *
 * Each request runs in a process of its own, forked from this one so that it finds its program
 * compiled, under limits of CPU time, wall clock and memory: whatever an expression does, its
 * request gets an error and the next one is answered. Reads nothing but standard input, has no
 * environment, opens nothing. Ends when standard input ends. Exit status: 0; 1 when a line is not a
 * request; 2 bad usage.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "coordinator/definition/jq/evaluate.h"
#include "coordinator/definition/jq_protocol.h"

enum {
    MEMORY_BYTES = 512 * 1024 * 1024,
    WALL_SECONDS = 5,    /* of one evaluation: it may be starved of CPU */
    COMPILE_SECONDS = 8, /* SIGALRM ends this process: the caller starts another */
};

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct request {
    json_t *tree;
    json_int_t id;
    const char *expr;
    const json_t *vars;
    const json_t *input;
};

static void limit(int resource, rlim_t soft, rlim_t hard)
{
    struct rlimit value = {.rlim_cur = soft, .rlim_max = hard};
    if (setrlimit((__rlimit_resource_t)resource, &value) != 0) {
        perror("mainstay-jq: cannot set a limit");
        exit(EXIT_FAILURE);
    }
}

/* Give up everything that is not needed; the shadow memory of AddressSanitizer is larger than any
 * sensible limit. */
static void lock_down(void)
{
    if (clearenv() != 0) {
        exit(EXIT_FAILURE);
    }
    limit(RLIMIT_CORE, 0, 0);
    if (!SANITIZED) {
        limit(RLIMIT_AS, MEMORY_BYTES, MEMORY_BYTES);
    }
    for (int fd = 3; fd < 256; fd++) {
        (void)close(fd);
    }
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        bytes += written < 0 ? 0 : written;
        size -= written < 0 ? 0 : (size_t)written;
    }
    return true;
}

static void write_reply(struct buf *out, json_int_t id, json_t *value, const char *error)
{
    json_t *reply = value != NULL ? json_pack("{s:I, s:O}", "id", id, "value", value)
                                  : json_pack("{s:I, s:s}", "id", id, "error", error);
    if (reply == NULL) {
        reply = json_pack("{s:I, s:s}", "id", id, "error", "the error is not valid UTF-8");
    }
    buf_clear(out);
    json_write(reply, out);
    buf_append_byte(out, '\n');
    json_decref(reply);
    if (out->failed) {
        buf_clear(out);
        buf_printf(out, "{\"id\":%lld,\"error\":\"the result is too large\"}\n", (long long)id);
    }
}

/* In the forked process: evaluate, write the reply, end. */
_Noreturn static void evaluate(const struct request *request, struct program *program, int fd)
{
    struct buf out = BUF_INIT(JQ_LINE_BYTES);
    struct error err = {0};
    json_t *value = NULL;
    limit(RLIMIT_CPU, JQ_CPU_SECONDS, JQ_CPU_SECONDS + 1);
    (void)alarm(WALL_SECONDS);
    enum err code = program_run(program, request->vars, request->input, &value, &err);
    write_reply(&out, request->id, code == ERR_OK ? value : NULL, err.message);
    _exit(write_all(fd, out.data, out.size) ? 0 : 1);
}

static const char *death_text(int status)
{
    int sign = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (sign == SIGXCPU || sign == SIGALRM || sign == SIGKILL) {
        return "the expression takes too long: it was stopped after 2 seconds";
    }
    return "the expression needs too much memory or nests too deep";
}

static void collect(int fd, pid_t child, json_int_t id, struct buf *out)
{
    char chunk[8192];
    ssize_t size;
    int status = 0;
    buf_clear(out);
    while ((size = read(fd, chunk, sizeof(chunk))) > 0 || (size < 0 && errno == EINTR)) {
        buf_append(out, chunk, size > 0 ? (size_t)size : 0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0 || out->failed || out->size == 0) {
        write_reply(out, id, NULL, death_text(status));
    }
}

static void run_forked(const struct request *request, struct program *program, struct buf *out)
{
    int ends[2];
    if (pipe(ends) != 0) {
        write_reply(out, request->id, NULL, "mainstay-jq cannot make a pipe");
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        evaluate(request, program, ends[1]);
    }
    (void)close(ends[1]);
    if (child < 0) {
        write_reply(out, request->id, NULL, "mainstay-jq cannot start a process");
    } else {
        collect(ends[0], child, request->id, out);
    }
    (void)close(ends[0]);
}

static void answer(const struct request *request, struct buf *out)
{
    struct error err = {0};
    struct program *program = NULL;
    (void)alarm(COMPILE_SECONDS);
    enum err code = program_get(request->expr, request->vars, &program, &err);
    (void)alarm(0);
    if (code != ERR_OK) {
        write_reply(out, request->id, NULL, err.message);
        return;
    }
    run_forked(request, program, out);
}

static bool parse_request(const char *line, size_t size, struct request *ret, struct error *err)
{
    static const struct json_limits limits = {.size_max = JQ_LINE_BYTES,
                                              .depth_max = LIMIT_JSON_DEPTH + 8};
    if (json_parse(line, size, &limits, &ret->tree, err) != ERR_OK) {
        return false;
    }
    const json_t *id = json_object_get(ret->tree, "id");
    ret->id = json_integer_value(id);
    ret->expr = json_text_of(ret->tree, "expr");
    ret->vars = json_object_of(ret->tree, "vars");
    ret->input = json_object_get(ret->tree, "input");
    if (json_is_integer(id) && ret->expr != NULL && ret->vars != NULL && ret->input != NULL) {
        return true;
    }
    json_decref(ret->tree);
    (void)error_set(err, ERR_INVALID, "id, expr, vars or input is missing");
    return false;
}

static int serve(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    struct buf out = BUF_INIT(JQ_LINE_BYTES);
    int status = EXIT_SUCCESS;
    while (status == EXIT_SUCCESS && (size = getline(&line, &capacity, stdin)) > 0) {
        struct request request = {0};
        struct error err = {0};
        if (!parse_request(line, (size_t)size, &request, &err)) {
            fprintf(stderr, "mainstay-jq: not a request: %s\n", err.message);
            status = EXIT_FAILURE;
            break;
        }
        answer(&request, &out);
        json_decref(request.tree);
        status = write_all(STDOUT_FILENO, out.data, out.size) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    buf_release(&out);
    free(line);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("mainstay-jq " PROJECT_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc != 1) {
        fprintf(stderr,
                "usage: %s < requests > replies\n"
                "a child of the coordinator; see coordinator/definition/jq_protocol.h\n",
                argv[0]);
        return 2;
    }
    lock_down();
    return serve();
}
