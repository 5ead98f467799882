/*
 * mainstay-jq as its caller sees it: requests in, replies out, and hostile expressions in between.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "coordinator/definition/expr.h"
#include "coordinator/definition/jq_protocol.h"

struct child {
    pid_t pid;
    FILE *requests;
    FILE *replies;
};

static struct child child_start(void)
{
    int in[2];
    int out[2];
    cr_assert_eq(pipe(in), 0);
    cr_assert_eq(pipe(out), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        execl(BINARY_DIR "/bin/mainstay-jq", "mainstay-jq", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    return (struct child){pid, fdopen(in[1], "w"), fdopen(out[0], "r")};
}

static void child_stop(struct child *child)
{
    int status;
    fclose(child->requests);
    cr_expect_eq(waitpid(child->pid, &status, 0), child->pid);
    cr_expect_eq(status, 0, "it ends well when its input ends");
    fclose(child->replies);
}

static struct jq_reply ask(struct child *child, int64_t id, const char *text, const char *vars,
                           const char *input)
{
    struct expr *expr = NULL;
    struct error err = {0};
    struct jq_reply reply;
    json_t *variables = NULL;
    json_t *value = NULL;
    char *line = NULL;
    size_t capacity = 0;
    struct buf out = BUF_INIT(JQ_LINE_BYTES);
    cr_assert_eq(expr_compile(text, 0, &expr, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(json_parse(vars, strlen(vars), NULL, &variables, NULL), ERR_OK);
    cr_assert_eq(json_parse(input, strlen(input), NULL, &value, NULL), ERR_OK);
    jq_request_write(id, expr, variables, value, &out);
    cr_assert(!out.failed);
    cr_assert_eq(fwrite(out.data, 1, out.size, child->requests), out.size);
    fflush(child->requests);
    ssize_t size = getline(&line, &capacity, child->replies);
    cr_assert_gt(size, 0, "no reply to %s", text);
    cr_assert_eq(jq_reply_parse(line, (size_t)size, &reply, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(reply.id, id);
    free(line);
    buf_release(&out);
    json_decref(variables);
    json_decref(value);
    expr_destroy(&expr);
    return reply;
}

static void expect_value(struct child *child, const char *text, const char *vars, const char *input,
                         const char *expected)
{
    struct jq_reply reply = ask(child, 7, text, vars, input);
    struct buf out = BUF_INIT(1 << 20);
    cr_assert_not_null(reply.value, "%s: %s", text, reply.error);
    json_write(reply.value, &out);
    cr_expect_str_eq(out.data, expected, "%s", text);
    buf_release(&out);
    json_decref(reply.value);
}

static void expect_error(struct child *child, const char *text, const char *input, const char *part)
{
    struct jq_reply reply = ask(child, 8, text, "{}", input);
    cr_expect_null(reply.value, "%s", text);
    cr_expect_not_null(strstr(reply.error, part), "%s: %s", text, reply.error);
    json_decref(reply.value);
}

Test(jq_child, evaluates_with_variables)
{
    struct child child = child_start();
    expect_value(&child, "test(\"^a\")", "{}", "\"abc\"", "true");
    expect_value(&child, "[.[] | gsub(\"a\"; $x.y)]", "{\"x\":{\"y\":\"b\"},\"z\":1}", "[\"aa\"]",
                 "[\"bb\"]");
    expect_value(&child, "@base64 # as text", "{}", "\"abc\"", "\"YWJj\"");
    expect_value(&child, "test(\"^a\")", "{}", "\"bc\"", "false");
    child_stop(&child);
}

/* libjq may be 1.6, which knows neither; the rest of the text stays as it is. */
Test(jq_child, reads_if_without_else_and_a_point_before_a_bracket)
{
    struct child child = child_start();
    expect_value(&child, "[.[] | if test(\"a\") then 1 end]", "{}", "[\"a\",\"b\"]", "[1,\"b\"]");
    expect_value(
        &child, "[.[] | if test(\"a\") then if test(\"c\") then 1 end elif test(\"b\") then 2 end]",
        "{}", "[\"a\",\"ac\",\"b\",\"d\"]", "[\"a\",1,2,\"d\"]");
    expect_value(&child, ".a.[0].[\"b\"] | test(\"x\")", "{}", "{\"a\":[{\"b\":\"x\"}]}", "true");
    expect_value(&child, "\"then end .[ \\(if test(\"a\") then 1 end)\" # if then end", "{}",
                 "\"a\"", "\"then end .[ 1\"");
    expect_value(&child, "[.[] | if test(\"a\") then 1 else 2 end]", "{}", "[\"a\",\"b\"]",
                 "[1,2]");
    child_stop(&child);
}

/* One expression means the same natively, with libjq 1.6 and with later ones. */
Test(jq_child, means_what_the_native_evaluator_means)
{
    static const char *const rows[][2] = {
        {"[limit(0; 1, 2)]", "null"},
        {"[limit(2; .[])]", "[1,2,3]"},
        {"[.[] | abs]", "[-1,2,-0.5]"},
        {"from_entries", "[{\"k\":\"a\",\"v\":1},{\"key\":2,\"value\":false},{\"name\":\"b\"}]"},
        {"with_entries(.value |= . + 1)", "{\"a\":1}"},
        {"from_entries", "[]"},
        {"[index(\"-\"), index(\"x\"), indices(\"\\u00e9\")]", "\"\\u00e9-\\u00e9\""},
        {"[index(2), indices(2), indices([2,1])]", "[1,2,1,2]"},
        {"index(\"a\")", "null"},
        {"[any, all]", "[null,1]"},
        {"[any(. == 1, . == 2), all(. == 1, true), any(false, true)]", "[1,2]"},
        {"[any(1, 2; . == 1, . == 3), all(1, 2; true, . == 1), any(empty; .)]", "null"},
        {"any(1, error(\"x\"); .)", "null"},
    };
    struct child child = child_start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        struct expr *expr = NULL;
        struct error err = {0};
        json_t *input = NULL;
        json_t *value = NULL;
        (void)snprintf(text, sizeof(text), "[%s] | .[0]", rows[i][0]);
        cr_assert_eq(json_parse(rows[i][1], strlen(rows[i][1]), NULL, &input, NULL), ERR_OK);
        cr_assert_eq(expr_compile(text, 0, &expr, &err), ERR_OK, "%s: %s", text, err.message);
        struct expr_scope scope = {.input = input};
        if (expr_is_native(expr)) {
            cr_assert_eq(expr_eval(expr, &scope, &value, &err), ERR_OK, "%s", err.message);
            struct buf out = BUF_INIT(4096);
            json_write(value, &out);
            (void)snprintf(text, sizeof(text), "%s | (try . catch .)", rows[i][0]);
            expect_value(&child, text, "{}", rows[i][1], out.data);
            buf_release(&out);
            json_decref(value);
        } else {
            cr_expect_not_null(strstr(rows[i][0], "|="), "%s is not native", rows[i][0]);
        }
        json_decref(input);
        expr_destroy(&expr);
    }
    child_stop(&child);
}

/* Of jq 1.7 and 1.8; libjq 1.6 has none of them. */
Test(jq_child, has_what_later_versions_brought)
{
    struct child child = child_start();
    expect_value(&child, "pick(.a, .b.c)", "{}", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
                 "{\"a\":1,\"b\":{\"c\":2}}");
    expect_value(&child, "add(.[].n)", "{}", "[{\"n\":1},{\"n\":2}]", "3");
    expect_value(&child, "[toarray, (.[0] | toarray)]", "{}", "[1]", "[[1],[1]]");
    expect_value(&child, "[trim, ltrim, rtrim]", "{}", "\" a b\\n\"",
                 "[\"a b\",\"a b\\n\",\" a b\"]");
    expect_value(&child, "[with_entries(.value |= . + 1), (\"b\" | test(\"b\"))]", "{}",
                 "{\"a\":1}", "[{\"a\":2},true]");
    expect_error(&child, "[trim]", "5", "must be a string");
    child_stop(&child);
}

Test(jq_child, wants_one_result_and_exact_numbers)
{
    struct child child = child_start();
    expect_error(&child, "splits(\",\")", "\"a,b\"", "several results");
    expect_error(&child, "scan(\"x\")", "\"a\"", "no result");
    expect_error(&child, "[.a, sqrt?]", "{\"a\":9007199254740993}", "input/a");
    expect_error(&child, "[pow(2; 60)]", "null", "result/0");
    child_stop(&child);
}

Test(jq_child, survives_hostile_expressions, .timeout = 120)
{
    struct child child = child_start();
    expect_error(&child, "def f: f; f", "null", "too long");
    expect_error(&child, "[recurse(. + [1])]", "[]", "");
    expect_error(&child, "def f: [f]; f", "null", "");
    expect_error(&child, "last(range(0; infinite; 0.0000001))", "null", "");
    expect_value(&child, "test(\"a\")", "{}", "\"a\"", "true");
    child_stop(&child);
}

/* Whoever writes to the child directly is refused what expr_compile refuses. */
Test(jq_child, gives_no_environment)
{
    static const char *const texts[] = {
        "env",       "$ENV", "input", "inputs", "halt", "now", "import \\\"a\\\" as a; 1",
        "1) | (env", "debug"};
    struct child child = child_start();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *line = NULL;
        size_t capacity = 0;
        fprintf(child.requests, "{\"id\":1,\"expr\":\"%s\",\"vars\":{},\"input\":null}\n",
                texts[i]);
        fflush(child.requests);
        cr_assert_gt(getline(&line, &capacity, child.replies), 0);
        cr_expect_not_null(strstr(line, "\"error\""), "%s: %s", texts[i], line);
        free(line);
    }
    child_stop(&child);
}

Test(jq_protocol, refuses_what_is_no_reply)
{
    static const char *const lines[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"id\":1}",
                                        "{\"id\":\"1\",\"value\":1}",
                                        "{\"id\":1,\"value\":1,\"error\":\"x\"}",
                                        "{\"id\":1,"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct jq_reply reply;
        cr_expect_eq(jq_reply_parse(lines[i], strlen(lines[i]), &reply, NULL), ERR_INVALID, "%s",
                     lines[i]);
    }
}
