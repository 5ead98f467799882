/* mainstay graph. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "tools/mainstay/capture.h"
#include "tools/mainstay/cli.h"
#include "tools/mainstay/definitions.h"
#include "tools/mainstay/files.h"
#include "tools/mainstay/nouns.h"

enum { GRAPH_BYTES = 64 * 1024 * 1024 };

/* Give the graph to Graphviz, whose picture goes to our standard output. */
static enum err picture(const struct buf *dot, struct error *err)
{
    int fds[2];
    int status = 0;
    if (pipe(fds) != 0) {
        return error_set(err, ERR_IO, "cannot run 'dot': %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[0], STDIN_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execlp("dot", "dot", "-Tsvg", (char *)NULL);
        _exit(127);
    }
    (void)close(fds[0]);
    size_t sent = 0;
    while (pid > 0 && sent < dot->size) {
        ssize_t more = write(fds[1], dot->data + sent, dot->size - sent);
        if (more < 0 && errno != EINTR) {
            break; /* it has ended: its status says why */
        }
        sent += more > 0 ? (size_t)more : 0;
    }
    (void)close(fds[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return error_set(err, ERR_NOT_FOUND,
                         "drawing needs Graphviz: install the package graphviz, or use -o dot");
    }
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? ERR_OK
               : error_set(err, ERR_IO, "'dot' failed");
}

/* Problems of the definition in place of a graph. */
static enum exit_code refused(const char *file, const struct buf *text)
{
    struct error err = {0};
    json_t *answer = NULL;
    if (json_parse(text->data, text->size, NULL, &answer, &err) != ERR_OK) {
        return cli_fail(&err, NULL);
    }
    const char *words = json_text_of(answer, "error");
    problems_print(stderr, file, "", json_array_of(answer, "problems"));
    enum exit_code code = EXIT_FAILED;
    if (words != NULL) {
        enum err read = error_set(&err, ERR_NOT_FOUND, "%s", words);
        code = read == ERR_OK ? EXIT_DONE : cli_fail(&err, NULL);
    }
    json_decref(answer);
    return code;
}

enum exit_code graph_run(struct cli *cli)
{
    struct error err = {0};
    char program[PATH_BYTES];
    const char *file = cli->args->operands[0];
    const char *form = cli_option(cli, OPTION_OUTPUT);
    bool svg = text_equal(form, "svg");
    struct buf text = BUF_INIT(GRAPH_BYTES);
    if (form != NULL && !svg && !text_equal(form, "dot") && !text_equal(form, "text")) {
        return cli_usage("a graph is printed as dot or svg", NULL);
    }
    enum err code = program_find("mainstay-offline", program, &err);
    if (code == ERR_OK) {
        struct whole whole;
        code = whole_gather(cli, file, &whole, &err);
        const char *const argv[] = {program, "graph", whole.path, NULL};
        code = code == ERR_OK ? capture(argv, &text, &err) : code;
        whole_release(&whole);
    }
    enum exit_code exit_code = EXIT_DONE;
    if (code == ERR_OK && text.data[0] == '{') {
        exit_code = refused(file, &text);
    } else if (code == ERR_OK && svg) {
        (void)signal(SIGPIPE, SIG_IGN);
        code = picture(&text, &err);
    } else if (code == ERR_OK) {
        (void)fwrite(text.data, 1, text.size, stdout);
    }
    buf_release(&text);
    return code == ERR_OK ? exit_code : cli_fail(&err, NULL);
}
