#include "tools/offline/jq_child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/jq_protocol.h"

/* Write the request, read up to the end of the reply's line. */
static enum err talk(int fd, const struct buf *request, struct buf *reply, struct error *err)
{
    size_t sent = 0;
    char chunk[4096];
    while (sent < request->size) {
        ssize_t more = send(fd, request->data + sent, request->size - sent, MSG_NOSIGNAL);
        if (more < 0 && errno != EINTR) {
            return error_set(err, ERR_IO, "mainstay-jq ended");
        }
        sent += more > 0 ? (size_t)more : 0;
    }
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return error_set(err, ERR_IO, "mainstay-jq gave no answer: a limit of it, or a crash");
        }
        buf_append(reply, chunk, (size_t)got);
        if (reply->failed) {
            return error_set(err, ERR_LIMIT, "the answer of mainstay-jq is too large");
        }
        if (memchr(chunk, '\n', (size_t)got) != NULL) {
            return ERR_OK;
        }
    }
}

static enum err child_ask(const char *program, const struct buf *request, struct buf *reply,
                          struct error *err)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        return error_set(err, ERR_IO, "cannot run mainstay-jq: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDIN_FILENO);
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    enum err code = pid < 0 ? error_set(err, ERR_IO, "cannot run mainstay-jq")
                            : talk(fds[0], request, reply, err);
    (void)close(fds[0]);
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    return code;
}

enum err jq_child_ask(const char *program, const struct expr *expr, const json_t *vars,
                      const json_t *input, json_t **ret_value, struct error *err)
{
    struct buf request = BUF_INIT(JQ_LINE_BYTES);
    struct buf reply = BUF_INIT(JQ_LINE_BYTES);
    struct jq_reply answer = {0};
    if (program == NULL) {
        return error_set(err, ERR_UNAVAILABLE, "mainstay-jq is not here to evaluate '%s'",
                         expr_text(expr));
    }
    jq_request_write(1, expr, vars, input, &request);
    enum err code = request.failed ? error_set(err, ERR_LIMIT, "the question is too large")
                                   : child_ask(program, &request, &reply, err);
    if (code == ERR_OK) {
        code = jq_reply_parse(reply.data, reply.size, &answer, err);
    }
    if (code == ERR_OK && answer.value == NULL) {
        code = error_set(err, ERR_INVALID, "%s", answer.error);
    }
    *ret_value = code == ERR_OK ? answer.value : NULL;
    buf_release(&request);
    buf_release(&reply);
    return code;
}
