/*
 * Errors: raised, caught, retried, handed on.
 */
#include "tests/engine/harness.h"

SCENARIO(errors, a_raised_error_names_its_task_and_ends_the_instance)
{
    deploy_tasks(h, "- a: {do: [{b: {raise: {error: {type: 'https://x.example/e', status: 418,\n"
                    "      title: T, detail: '${ .why }'}}}}]}\n");
    run(h, "{\"why\":\"tea\"}");
    EXPECT(
        "i1 instance-started in={\"why\":\"tea\"}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/a in={\"why\":\"tea\"}\n"
        "i1 step-faulted /do/0/a/do/0/b "
        "error={\"type\":\"https://x.example/"
        "e\",\"status\":418,\"title\":\"T\",\"detail\":\"tea\",\"instance\":\"/do/0/a/do/0/b\"}\n"
        "i1 step-faulted /do/0/a "
        "error={\"type\":\"https://x.example/"
        "e\",\"status\":418,\"title\":\"T\",\"detail\":\"tea\",\"instance\":\"/do/0/a/do/0/b\"}\n"
        "i1 instance-faulted "
        "error={\"type\":\"https://x.example/"
        "e\",\"status\":418,\"title\":\"T\",\"detail\":\"tea\",\"instance\":\"/do/0/a/do/0/b\"}\n");
}

SCENARIO(errors, a_catch_filters_by_type_alias_and_status)
{
    static const char *const raised[] = {
        "'https://open-workflow-specification.org/spec/1.0.0/errors/validation', status: 400",
        "'https://open-workflow-specification.org/spec/1.0.0/errors/validation', status: 401",
        "'https://x.example/other', status: 400",
    };
    for (int i = 0; i < 3; i++) {
        struct buf text = BUF_INIT(4096);
        buf_printf(&text,
                   "document: {dsl: 1.0.3, namespace: test, name: c%d, version: 1.0.0}\n"
                   "do:\n"
                   "- t:\n"
                   "    try: [{a: {raise: {error: {type: %s}}}}]\n"
                   "    catch:\n"
                   "      errors: {with: {type: "
                   "'https://serverlessworkflow.io/spec/1.0.0/errors/validation', status: 400}}\n"
                   "      as: e\n"
                   "      do: [{seen: {set: {seen: '${ $e.status }', in: '${ . }'}}}]\n",
                   i, raised[i]);
        deploy(h, text.data);
        buf_release(&text);
        char name[24];
        (void)snprintf(name, sizeof(name), "test/c%d", i);
        start(h, name, "{\"k\":1}");
    }
    EXPECT("i1 instance-started in={\"k\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={\"k\":1}\n"
           "i1 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/a\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/a\"} "
           "value={\"e\":{\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
           "a\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/seen ^ out={\"seen\":400,\"in\":{\"k\":1}}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={\"seen\":400,\"in\":{\"k\":1}}\n"
           "i2 instance-started in={\"k\":1}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/t in={\"k\":1}\n"
           "i2 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"err:validation\",\"status\":401,\"instance\":\"/do/0/t/try/0/a\"}\n"
           "i2 step-faulted /do/0/t "
           "error={\"type\":\"err:validation\",\"status\":401,\"instance\":\"/do/0/t/try/0/a\"}\n"
           "i2 instance-faulted "
           "error={\"type\":\"err:validation\",\"status\":401,\"instance\":\"/do/0/t/try/0/a\"}\n"
           "i3 instance-started in={\"k\":1}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/t in={\"k\":1}\n"
           "i3 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"https://x.example/other\",\"status\":400,\"instance\":\"/do/0/t/try/"
           "0/a\"}\n"
           "i3 step-faulted /do/0/t "
           "error={\"type\":\"https://x.example/other\",\"status\":400,\"instance\":\"/do/0/t/try/"
           "0/a\"}\n"
           "i3 instance-faulted "
           "error={\"type\":\"https://x.example/other\",\"status\":400,\"instance\":\"/do/0/t/try/"
           "0/a\"}\n");
}

SCENARIO(errors, when_and_except_when_choose)
{
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - a: {raise: {error: {type: 'https://x.example/e', status: 500,\n"
                    "                            title: '${ .t }'}}}\n"
                    "    catch:\n"
                    "      when: '${ $error.title != \"a\" }'\n"
                    "      exceptWhen: '${ $error.title == \"b\" }'\n"
                    "    then: end\n");
    run(h, "{\"t\":\"a\"}");
    run(h, "{\"t\":\"b\"}");
    run(h, "{\"t\":\"c\"}");
    EXPECT("i1 instance-started in={\"t\":\"a\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={\"t\":\"a\"}\n"
           "i1 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"title\":\"a\",\"instance\":\"/"
           "do/0/t/try/0/a\"}\n"
           "i1 step-faulted /do/0/t "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"title\":\"a\",\"instance\":\"/"
           "do/0/t/try/0/a\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"title\":\"a\",\"instance\":\"/"
           "do/0/t/try/0/a\"}\n"
           "i2 instance-started in={\"t\":\"b\"}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/t in={\"t\":\"b\"}\n"
           "i2 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"title\":\"b\",\"instance\":\"/"
           "do/0/t/try/0/a\"}\n"
           "i2 step-faulted /do/0/t "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"title\":\"b\",\"instance\":\"/"
           "do/0/t/try/0/a\"}\n"
           "i2 instance-faulted "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"title\":\"b\",\"instance\":\"/"
           "do/0/t/try/0/a\"}\n"
           "i3 instance-started in={\"t\":\"c\"}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/t in={\"t\":\"c\"}\n"
           "i3 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"title\":\"c\",\"instance\":\"/"
           "do/0/t/try/0/a\"}\n"
           "i3 error-caught /do/0/t "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"title\":\"c\",\"instance\":\"/"
           "do/0/t/try/0/a\"} "
           "value={\"error\":{\"type\":\"https://x.example/"
           "e\",\"status\":500,\"title\":\"c\",\"instance\":\"/do/0/t/try/0/a\"}}\n"
           "i3 step-completed /do/0/t !\n"
           "i3 instance-completed out={\"t\":\"c\"}\n");
}

SCENARIO(errors, catch_then_says_where_to_go)
{
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - a:\n"
                    "          if: '${ .bad }'\n"
                    "          raise: {error: {type: 'https://x.example/e', status: 500}}\n"
                    "    catch:\n"
                    "      do: [{c: {set: {caught: true}}}]\n"
                    "      then: last\n"
                    "- next: {set: {next: true}, then: end}\n"
                    "- last: {set: {last: '${ . }'}}\n");
    run(h, "{\"bad\":true}");
    run(h, "{\"bad\":false}");
    EXPECT(
        "i1 instance-started in={\"bad\":true}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={\"bad\":true}\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 error-caught /do/0/t "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"} "
        "value={\"error\":{\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/"
        "try/0/a\"}}\n"
        "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"caught\":true}\n"
        "i1 step-completed /do/0/t\n"
        "i1 step-ran /do/2/last ^ out={\"last\":{\"caught\":true}}\n"
        "i1 instance-completed out={\"last\":{\"caught\":true}}\n"
        "i2 instance-started in={\"bad\":false}\n"
        "i2 workflow-entered\n"
        "i2 step-started /do/0/t in={\"bad\":false}\n"
        "i2 step-skipped /do/0/t/try/0/a ^\n"
        "i2 step-completed /do/0/t\n"
        "i2 step-ran /do/1/next ! out={\"next\":true}\n"
        "i2 instance-completed out={\"next\":true}\n");
}

SCENARIO(errors, an_error_in_the_handler_goes_further_up)
{
    deploy_tasks(h,
                 "- outer:\n"
                 "    try:\n"
                 "      - inner:\n"
                 "          try:\n"
                 "            - a: {raise: {error: {type: 'https://x.example/1', status: 500}}}\n"
                 "          catch:\n"
                 "            do:\n"
                 "              - b: {raise: {error: {type: 'https://x.example/2', status: 501,\n"
                 "                   detail: '${ $error.type }'}}}\n"
                 "    catch:\n"
                 "      as: up\n"
                 "      do: [{c: {set: {got: '${ $up }'}}}]\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/outer in={}\n"
           "i1 step-started /do/0/outer/try/0/inner in={}\n"
           "i1 step-faulted /do/0/outer/try/0/inner/try/0/a "
           "error={\"type\":\"https://x.example/1\",\"status\":500,\"instance\":\"/do/0/outer/try/"
           "0/inner/try/0/a\"}\n"
           "i1 error-caught /do/0/outer/try/0/inner "
           "error={\"type\":\"https://x.example/1\",\"status\":500,\"instance\":\"/do/0/outer/try/"
           "0/inner/try/0/a\"} "
           "value={\"error\":{\"type\":\"https://x.example/1\",\"status\":500,\"instance\":\"/do/0/"
           "outer/try/0/inner/try/0/a\"}}\n"
           "i1 step-faulted /do/0/outer/try/0/inner/catch/do/0/b "
           "error={\"type\":\"https://x.example/2\",\"status\":501,\"detail\":\"https://x.example/"
           "1\",\"instance\":\"/do/0/outer/try/0/inner/catch/do/0/b\"}\n"
           "i1 step-faulted /do/0/outer/try/0/inner "
           "error={\"type\":\"https://x.example/2\",\"status\":501,\"detail\":\"https://x.example/"
           "1\",\"instance\":\"/do/0/outer/try/0/inner/catch/do/0/b\"}\n"
           "i1 error-caught /do/0/outer "
           "error={\"type\":\"https://x.example/2\",\"status\":501,\"detail\":\"https://x.example/"
           "1\",\"instance\":\"/do/0/outer/try/0/inner/catch/do/0/b\"} "
           "value={\"up\":{\"type\":\"https://x.example/2\",\"status\":501,\"detail\":\"https://"
           "x.example/1\",\"instance\":\"/do/0/outer/try/0/inner/catch/do/0/b\"}}\n"
           "i1 step-ran /do/0/outer/catch/do/0/c ^ "
           "out={\"got\":{\"type\":\"https://x.example/2\",\"status\":501,\"detail\":\"https://"
           "x.example/1\",\"instance\":\"/do/0/outer/try/0/inner/catch/do/0/b\"}}\n"
           "i1 step-completed /do/0/outer ^\n"
           "i1 instance-completed "
           "out={\"got\":{\"type\":\"https://x.example/2\",\"status\":501,\"detail\":\"https://"
           "x.example/1\",\"instance\":\"/do/0/outer/try/0/inner/catch/do/0/b\"}}\n");
}

static void retry_with(struct harness *h, const char *backoff)
{
    struct buf text = BUF_INIT(4096);
    buf_printf(&text,
               "- t:\n"
               "    try:\n"
               "      - a: {raise: {error: {type: 'https://x.example/e', status: 500}}}\n"
               "    catch:\n"
               "      retry:\n"
               "        delay: PT1S\n"
               "        backoff: {%s: {}}\n"
               "        limit: {attempt: {count: 3}}\n",
               backoff);
    deploy_tasks(h, text.data);
    buf_release(&text);
    run(h, "{}");
    for (int n = 0; n < 20 && open_instances(h) > 0; n++) {
        advance(h, 1000);
    }
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(errors, retries_wait_the_same_time)
{
    retry_with(h, "constant");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+1000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+1000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+2000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+2000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+3000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+3000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 step-faulted /do/0/t "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 instance-faulted "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
        "a\"}\n");
}

SCENARIO(errors, retries_wait_linearly_longer)
{
    retry_with(h, "linear");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+1000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+1000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+3000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+3000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+6000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+6000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 step-faulted /do/0/t "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 instance-faulted "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
        "a\"}\n");
}

SCENARIO(errors, retries_wait_exponentially_longer)
{
    retry_with(h, "exponential");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+1000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+1000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+3000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+3000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+7000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+7000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 step-faulted /do/0/t "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 instance-faulted "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/"
        "a\"}\n");
}

SCENARIO(errors, jitter_is_drawn_from_the_step_and_its_try)
{
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - a: {raise: {error: {type: 'https://x.example/e', status: 500}}}\n"
                    "    catch:\n"
                    "      retry:\n"
                    "        delay: PT1S\n"
                    "        jitter: {from: PT0S, to: PT10S}\n"
                    "        limit: {attempt: {count: 2}}\n"
                    "      do: [{c: {set: {gave: up}}}]\n");
    run(h, "{}");
    advance(h, 20000);
    advance(h, 20000);
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+4012 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+20000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 try-retry /do/0/t at=+22429 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "+40000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 error-caught /do/0/t "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/a\"} "
        "value={\"error\":{\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/"
        "try/0/a\"}}\n"
        "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"gave\":\"up\"}\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"gave\":\"up\"}\n");
}

SCENARIO(errors, retry_ends_with_its_duration_and_its_condition)
{
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - a: {raise: {error: {type: 'https://x.example/e', status: 503,\n"
                    "                            title: '${ .s }'}}}\n"
                    "    catch:\n"
                    "      retry:\n"
                    "        when: '${ $error.title == \"again\" }'\n"
                    "        delay: PT2S\n"
                    "        limit: {duration: PT3S}\n"
                    "      do: [{c: {set: {gave: up}}}]\n");
    run(h, "{\"s\":\"no\"}");
    EXPECT("i1 instance-started in={\"s\":\"no\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={\"s\":\"no\"}\n"
           "i1 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"https://x.example/"
           "e\",\"status\":503,\"title\":\"no\",\"instance\":\"/do/0/t/try/0/a\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"https://x.example/"
           "e\",\"status\":503,\"title\":\"no\",\"instance\":\"/do/0/t/try/0/a\"} "
           "value={\"error\":{\"type\":\"https://x.example/"
           "e\",\"status\":503,\"title\":\"no\",\"instance\":\"/do/0/t/try/0/a\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"gave\":\"up\"}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={\"gave\":\"up\"}\n");
    run(h, "{\"s\":\"again\"}");
    advance(h, 2000);
    advance(h, 2000);
    EXPECT("i2 instance-started in={\"s\":\"again\"}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/t in={\"s\":\"again\"}\n"
           "i2 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"https://x.example/"
           "e\",\"status\":503,\"title\":\"again\",\"instance\":\"/do/0/t/try/0/a\"}\n"
           "i2 try-retry /do/0/t at=+2000 "
           "error={\"type\":\"https://x.example/"
           "e\",\"status\":503,\"title\":\"again\",\"instance\":\"/do/0/t/try/0/a\"}\n"
           "+2000\n"
           "i2 timer-fired /do/0/t\n"
           "i2 step-faulted /do/0/t/try/0/a "
           "error={\"type\":\"https://x.example/"
           "e\",\"status\":503,\"title\":\"again\",\"instance\":\"/do/0/t/try/0/a\"}\n"
           "i2 error-caught /do/0/t "
           "error={\"type\":\"https://x.example/"
           "e\",\"status\":503,\"title\":\"again\",\"instance\":\"/do/0/t/try/0/a\"} "
           "value={\"error\":{\"type\":\"https://x.example/"
           "e\",\"status\":503,\"title\":\"again\",\"instance\":\"/do/0/t/try/0/a\"}}\n"
           "i2 step-ran /do/0/t/catch/do/0/c ^ out={\"gave\":\"up\"}\n"
           "i2 step-completed /do/0/t ^\n"
           "i2 instance-completed out={\"gave\":\"up\"}\n");
}

SCENARIO(errors, a_retry_runs_the_list_again_with_the_same_names)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - w: {call: 'work@worker'}\n"
                    "      - a:\n"
                    "          if: '${ .n == 1 }'\n"
                    "          raise: {error: {type: 'https://x.example/e', status: 500}}\n"
                    "    catch: {retry: {delay: PT1S, limit: {attempt: {count: 1}}}}\n");
    run(h, "{}");
    struct id key = task(h, "/do/0/t/try/0/w")->key;
    done(h, "/do/0/t/try/0/w", "{\"n\":1}");
    advance(h, 1000);
    cr_expect(id_equal(&key, &task(h, "/do/0/t/try/0/w")->key));
    done(h, "/do/0/t/try/0/w", "{\"n\":2}");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-started /do/0/t/try/0/w in={} out={}\n"
        "i1 step-dispatched /do/0/t/try/0/w decide #0.1 store=s1 contract=1.0.0\n"
        "i1 step-result /do/0/t/try/0/w decide #0.1 done effect=none out={\"n\":1}\n"
        "i1 step-completed /do/0/t/try/0/w\n"
        "i1 step-faulted /do/0/t/try/1/a "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/1/a\"}\n"
        "i1 try-retry /do/0/t at=+1000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/1/a\"}\n"
        "+1000\n"
        "i1 timer-fired /do/0/t\n"
        "i1 step-started /do/0/t/try/0/w in={} out={}\n"
        "i1 step-dispatched /do/0/t/try/0/w decide #1.1 store=s1 contract=1.0.0\n"
        "i1 step-result /do/0/t/try/0/w decide #1.1 done effect=none out={\"n\":2}\n"
        "i1 step-completed /do/0/t/try/0/w\n"
        "i1 step-skipped /do/0/t/try/1/a ^\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"n\":2}\n");
}

SCENARIO(errors, an_attempt_that_takes_too_long_is_an_error)
{
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - w: {wait: PT1H}\n"
                    "    catch:\n"
                    "      retry:\n"
                    "        delay: PT1S\n"
                    "        limit: {attempt: {count: 1, duration: PT5S}}\n"
                    "      do: [{c: {set: {late: '${ $error.status }'}}}]\n");
    run(h, "{}");
    advance(h, 5000);
    advance(h, 1000);
    advance(h, 5000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/w in={}\n"
           "+5000\n"
           "i1 step-cancelled /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "t\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/t/try/0/w why=timed out\n"
           "i1 try-retry /do/0/t at=+6000 "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "t\",\"title\":\"the task took longer than its timeout\"}\n"
           "+6000\n"
           "i1 timer-fired /do/0/t\n"
           "i1 step-started /do/0/t/try/0/w in={}\n"
           "+11000\n"
           "i1 step-cancelled /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "t\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/t/try/0/w why=timed out\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "t\",\"title\":\"the task took longer than its timeout\"} "
           "value={\"error\":{\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "t\",\"title\":\"the task took longer than its timeout\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"late\":408}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={\"late\":408}\n");
}

/* The effect is recalled and settled before the next attempt; it does not vanish. */
SCENARIO(errors, an_attempt_ends_after_its_effect_in_flight_is_settled)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - d: {do: [{w: {call: 'work@worker'}}]}\n"
                    "    catch:\n"
                    "      retry:\n"
                    "        delay: PT1S\n"
                    "        limit: {attempt: {count: 1, duration: PT5S}}\n");
    run(h, "{}");
    advance(h, 5000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/d in={}\n"
           "i1 step-started /do/0/t/try/0/d/do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/t/try/0/d/do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "+5000\n"
           "i1 step-cancelled /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "t\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/t/try/0/d/do/0/w stays why=recalled\n"
           "> recall worker/s1 #0.1\n");
    answer(h, "/do/0/t/try/0/d/do/0/w", RESULT_RECALLED);
    advance(h, 1000);
    done(h, "/do/0/t/try/0/d/do/0/w", "{}");
    EXPECT("i1 step-result /do/0/t/try/0/d/do/0/w perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/0/t/try/0/d/do/0/w why=timed out\n"
           "i1 step-cancelled /do/0/t/try/0/d why=timed out\n"
           "i1 try-retry /do/0/t at=+6000 "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "t\",\"title\":\"the task took longer than its timeout\"}\n"
           "+6000\n"
           "i1 timer-fired /do/0/t\n"
           "i1 step-started /do/0/t/try/0/d in={}\n"
           "i1 step-started /do/0/t/try/0/d/do/0/w in={} out={}\n"
           "i1 step-dispatched /do/0/t/try/0/d/do/0/w perform #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/t/try/0/d/do/0/w perform #1.1 done effect=done out={}\n"
           "i1 step-completed /do/0/t/try/0/d/do/0/w ^\n"
           "i1 step-completed /do/0/t/try/0/d ^\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(errors, a_delay_that_fails_is_no_retry)
{
    deploy_tasks(h, "- t:\n"
                    "    try: [{a: {raise: {error: {type: 'https://x.example/e', status: 503}}}}]\n"
                    "    catch: {retry: {delay: '${ .wrong }', limit: {attempt: {count: 3}}}}\n");
    run(h, "{}");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"https://x.example/e\",\"status\":503,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 step-faulted /do/0/t "
        "error={\"type\":\"https://x.example/e\",\"status\":503,\"instance\":\"/do/0/t/try/0/a\"}\n"
        "i1 instance-faulted "
        "error={\"type\":\"https://x.example/e\",\"status\":503,\"instance\":\"/do/0/t/try/0/"
        "a\"}\n");
}
