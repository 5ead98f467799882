/*
 * Calls of the specification's own: their error is the definition's before it is the engine's.
 */
#include "tests/engine/harness.h"

#define FETCH  CONTRACT("connector", "1.0.0", "fetch", "[\"decide\"]", "pure")
#define SUBMIT CONTRACT("connector", "1.0.0", "submit", "[\"perform\"]", "manual")

static void answer_status(struct harness *h, const char *step, enum failure_class failure,
                          enum effect_mark mark, uint32_t status)
{
    struct sent *sent = task(h, step);
    sent->answered = true;
    struct result_command result = result_of(sent, RESULT_FAILED);
    result.failure.failure_class = failure;
    result.failure.effect = mark;
    result.failure.code = "c";
    result.failure.title = "t";
    result.failure.status = status;
    give(h, &result);
}

static void deploy_fetch(struct harness *h)
{
    hello(h, FETCH, "s1", 4);
    deploy_tasks(h, "- w: {call: http, with: {method: get, endpoint: 'http://h/{id}'}}\n");
}

static void deploy_caught(struct harness *h, const char *contract, const char *method)
{
    struct buf text = BUF_INIT(1024);
    hello(h, contract, "s1", 4);
    buf_printf(&text,
               "- t:\n"
               "    try: [{w: {call: http, with: {method: %s, endpoint: 'http://h/'}}}]\n"
               "    catch: {errors: {with: {status: 503}}, as: e,\n"
               "            do: [{c: {set: {type: '${ $e.type }', at: '${ $e.instance }'}}}]}\n",
               method);
    deploy_tasks(h, text.data);
    buf_release(&text);
}

SCENARIO(http, an_error_answer_that_nothing_catches_faults)
{
    deploy_fetch(h);
    run(h, "{\"id\":7}");
    answer_status(h, "/do/0/w", FAILURE_DATA, MARK_NONE, 404);
    EXPECT("i1 instance-started in={\"id\":7}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w in={\"id\":7} "
           "out={\"method\":\"GET\",\"endpoint\":\"http://h/"
           "{id}\",\"variables\":{\"id\":7},\"output\":\"content\"}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 failed effect=none data:c\n"
           "i1 step-faulted /do/0/w "
           "error={\"type\":\"err:communication\",\"status\":404,\"instance\":\"/do/0/"
           "w\",\"title\":\"t\",\"detail\":\"c\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:communication\",\"status\":404,\"instance\":\"/do/0/"
           "w\",\"title\":\"t\",\"detail\":\"c\"}\n");
    cr_expect_eq(h->gate_count, 0);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(http, a_template_of_no_scalar_is_an_expression_error)
{
    deploy_fetch(h);
    run(h, "{\"id\":[7]}");
    forget_trace(h);
    cr_expect_eq(h->sent_count, 0);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(http, a_try_goes_before_the_engines_own_retries)
{
    deploy_caught(h, FETCH, "get");
    run(h, "{}");
    answer_status(h, "/do/0/t/try/0/w", FAILURE_TRANSIENT, MARK_NONE, 503);
    cr_expect_eq(h->sent_count, 1);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(http, without_a_try_the_class_decides)
{
    deploy_fetch(h);
    run(h, "{}");
    answer_status(h, "/do/0/w", FAILURE_TRANSIENT, MARK_NONE, 503);
    advance(h, 60000);
    answer_status(h, "/do/0/w", FAILURE_PERMISSION, MARK_NONE, 401);
    cr_expect_eq(h->sent_count, 2);
    cr_expect_eq(h->gate_count, 1);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "/do/0/w", "{}");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(http, a_doubt_is_for_a_person_whatever_catches)
{
    deploy_caught(h, SUBMIT, "post");
    run(h, "{}");
    answer_status(h, "/do/0/t/try/0/w", FAILURE_IN_DOUBT, MARK_UNKNOWN, 503);
    cr_expect_eq(h->gate_count, 1);
    cr_expect_eq(h->sent_count, 1, "it was repeated");
    cr_expect_eq(open_instances(h), 1);
    verdict(h, VERDICT_REJECT, NULL);
    forget_trace(h);
}
