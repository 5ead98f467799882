/* call: http becomes a call of the connector; its input is what the evaluated template gives. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "coordinator/definition/expr.h"
#include "tests/unit/definition/load_file.h"

static const json_t *no_variable(void *user, const char *name)
{
    (void)user;
    (void)name;
    return NULL;
}

static struct plan *load_call(const char *with)
{
    struct buf body = BUF_INIT(4096);
    buf_printf(&body, "  - a: {call: http, with: %s}\n", with);
    char *text = with_head(body.data);
    struct plan *plan = load_good(text);
    free(text);
    buf_release(&body);
    return plan;
}

/* The input of the connector as JSON text in `out`, or the error's message. */
static void input_of(const struct plan *plan, const char *data, char *out, size_t size)
{
    struct error err = {0};
    json_t *dot = NULL;
    json_t *input = NULL;
    struct buf text = BUF_INIT(4096);
    cr_assert_eq(json_parse(data, strlen(data), NULL, &dot, &err), ERR_OK, "%s", err.message);
    const struct expr_scope scope = {.input = dot, .variable = no_variable};
    if (template_eval(plan_node_at(plan, "/do/0/a")->call.input, &scope, &input, &err) == ERR_OK) {
        json_write(input, &text);
        (void)text_copy(out, size, text.data);
    } else {
        (void)text_copy(out, size, err.message);
    }
    json_decref(dot);
    json_decref(input);
    buf_release(&text);
}

Test(http, the_method_and_the_declared_key_choose_the_action)
{
    static const struct {
        const char *with;
        const char *action;
    } rows[] = {
        {"{method: get, endpoint: 'http://h/'}", "fetch"},
        {"{method: HEAD, endpoint: 'http://h/'}", "fetch"},
        {"{method: Options, endpoint: 'http://h/'}", "fetch"},
        {"{method: post, endpoint: 'http://h/'}", "submit"},
        {"{method: delete, endpoint: 'http://h/', headers: {Accept: a}}", "submit"},
        {"{method: put, endpoint: 'http://h/', headers: {idempotency-key: '${ .id }'}}", "send"},
        {"{method: patch, endpoint: 'http://h/', headers: '${ .headers }'}", "submit"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plan *plan = load_call(rows[i].with);
        const struct plan_node *node = plan_node_at(plan, "/do/0/a");
        cr_expect_eq(node->kind, TASK_AGENT);
        cr_expect_str_eq(node->call.agent, "connector");
        cr_expect_str_eq(node->call.action, rows[i].action, "%s", rows[i].with);
        cr_expect(node->call.standard);
        plan_destroy(&plan);
    }
}

Test(http, the_input_says_what_goes_out)
{
    static const struct {
        const char *with;
        const char *data;
        const char *input;
    } rows[] = {
        {"{method: get, endpoint: 'http://h/p/{id}?s={s}&t={id}'}", "{\"id\":7,\"s\":\"a b\"}",
         "{\"method\":\"GET\",\"endpoint\":\"http://h/p/{id}?s={s}&t={id}\","
         "\"variables\":{\"id\":7,\"s\":\"a b\"},\"output\":\"content\"}"},
        {"{method: get, endpoint: 'http://h/{id}'}", "null",
         "{\"method\":\"GET\",\"endpoint\":\"http://h/{id}\",\"variables\":{\"id\":null},"
         "\"output\":\"content\"}"},
        {"{method: get, endpoint: '${ \"http://h/\\(.id)/{x}\" }', output: raw, redirect: true}",
         "{\"id\":7}",
         "{\"method\":\"GET\",\"endpoint\":\"http://h/7/{x}\",\"output\":\"raw\","
         "\"redirect\":true}"},
        {"{method: post, endpoint: {uri: 'http://h/', authentication: {basic: {username: u, "
         "password: '${ .p }'}}}, headers: {A: '${ .a }'}, query: {q: 1}, body: {x: '${ .a }'}, "
         "output: response}",
         "{\"p\":\"s\",\"a\":[1]}",
         "{\"method\":\"POST\",\"endpoint\":\"http://h/\",\"authentication\":{\"basic\":"
         "{\"username\":\"u\",\"password\":\"s\"}},\"headers\":{\"A\":[1]},\"query\":{\"q\":1},"
         "\"body\":{\"x\":[1]},\"output\":\"response\"}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char input[1024];
        struct plan *plan = load_call(rows[i].with);
        input_of(plan, rows[i].data, input, sizeof(input));
        cr_expect_str_eq(input, rows[i].input);
        plan_destroy(&plan);
    }
}

Test(http, a_template_takes_scalars_only)
{
    char message[1024];
    struct plan *plan = load_call("{method: get, endpoint: 'http://h/{id}'}");
    input_of(plan, "{\"id\":{\"a\":1}}", message, sizeof(message));
    cr_expect_not_null(strstr(message, "'id' of the URI template must be"), "%s", message);
    input_of(plan, "[1]", message, sizeof(message));
    cr_expect_null(strstr(message, "endpoint"), "%s", message);
    plan_destroy(&plan);
}
