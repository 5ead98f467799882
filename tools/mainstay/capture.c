#include "tools/mainstay/capture.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"

enum { ANSWER_BYTES = 64 * 1024 * 1024 };

static void read_all(int fd, struct buf *out)
{
    char chunk[4096];
    ssize_t got = 0;
    while ((got = read(fd, chunk, sizeof(chunk))) > 0 || (got < 0 && errno == EINTR)) {
        buf_append(out, chunk, got > 0 ? (size_t)got : 0);
    }
}

enum err capture(const char *const *argv, struct buf *out, struct error *err)
{
    int fds[2];
    if (pipe(fds) != 0) {
        return error_set(err, ERR_IO, "cannot run '%s': %s", argv[0], strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(fds[1]);
    if (pid > 0) {
        read_all(fds[0], out);
    }
    (void)close(fds[0]);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || out->failed || out->size == 0) {
        return error_set(err, ERR_IO, "'%s' gave no answer", argv[0]);
    }
    return ERR_OK;
}

enum err capture_json(const char *const *argv, json_t **ret_answer, struct error *err)
{
    static const struct json_limits limits = {.size_max = ANSWER_BYTES, .any_number = true};
    struct buf text = BUF_INIT(ANSWER_BYTES);
    *ret_answer = NULL;
    enum err code = capture(argv, &text, err);
    if (code == ERR_OK) {
        code = json_parse(text.data, text.size, &limits, ret_answer, err);
        if (code != ERR_OK) {
            error_wrap(err, "cannot read the answer of '%s'", argv[0]);
        }
    }
    buf_release(&text);
    const char *words = json_text_of(*ret_answer, "error");
    if (code == ERR_OK && words != NULL) {
        code = error_set(err, ERR_INVALID, "%s", words);
        json_decref(*ret_answer);
        *ret_answer = NULL;
    }
    return code;
}
