/*
 * call: approval: what is asked, each verdict, each thing a deadline may do.
 */
#include "tests/engine/harness.h"

#define ASK "i1 step-started /do/0/t/try/0/ok in={\"price\":7}"

/* `with` beside the title; the denial is caught. */
static void deploy_approval(struct harness *h, const char *with)
{
    char tasks[1024];
    (void)snprintf(tasks, sizeof(tasks),
                   "- t:\n"
                   "    try: [{ok: {call: approval, with: {title: '${ \"pay \\(.price)?\" }',\n"
                   "      proposal: {pay: '${ .price }'}%s}}}]\n"
                   "    catch: {errors: {with: {type: "
                   "https://serverlessworkflow.io/spec/1.0.0/errors/authorization}},\n"
                   "            do: [{c: {set: {denied: '${ $error.title + \" \" + "
                   "$error.detail }'}}}]}\n"
                   "- last: {set: {verdict: '${ .verdict + .denied }', value: '${ .value }', "
                   "person: '${ .person }'}}\n",
                   with);
    deploy_tasks(h, tasks);
    run(h, "{\"price\":7}");
}

SCENARIO(approvals, a_verdict_is_the_output)
{
    deploy_approval(h, ", rationale: it is due, assignees: [ann, bob]");
    EXPECT("i1 instance-started in={\"price\":7}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={\"price\":7}\n" ASK " out={\"pay\":7}\n"
           "i1 gate-opened /do/0/t/try/0/ok quality:approval approval r1 out={\"pay\":7} "
           "value={\"title\":\"pay 7?\",\"rationale\":\"it is due\",\"assignees\":[\"ann\","
           "\"bob\"]}\n");
    verdict(h, VERDICT_APPROVE, NULL);
    EXPECT("i1 gate-decided /do/0/t/try/0/ok approve "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":\"ann\",\"reason\":"
           "\"because\",\"at\":\"2025-06-15T15:06:40Z\"}\n"
           "i1 step-completed /do/0/t/try/0/ok ^\n"
           "i1 step-completed /do/0/t\n"
           "i1 step-ran /do/1/last ^ "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":\"ann\"}\n"
           "i1 instance-completed "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":\"ann\"}\n");
    verdict(h, VERDICT_APPROVE, NULL); /* single use */
    cr_expect_eq(h->reply, ERR_NOT_FOUND);
    EXPECT("> not found: there is no open gate 77c1f132b7510e8dea6402b6fdee29d3; it may have been "
           "decided already\n");
}

SCENARIO(approvals, an_edited_value_stands_for_the_proposal)
{
    deploy_approval(h, ", form: {document: {type: object, properties: {pay: {maximum: 6}}}}");
    forget_trace(h);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_EDIT, "{\"pay\":8}");
    cr_expect_eq(h->reply, ERR_INVALID);
    EXPECT("> invalid: the proposal (edit it) breaks the approval's form: /pay: must be at most 6, "
           "not 7\n"
           "> invalid: the value breaks the approval's form: /pay: must be at most 6, not 8\n");
    verdict(h, VERDICT_EDIT, "{\"pay\":6}");
    EXPECT("i1 gate-decided /do/0/t/try/0/ok edit "
           "out={\"verdict\":\"edited\",\"value\":{\"pay\":6},\"person\":\"ann\",\"reason\":"
           "\"because\",\"at\":\"2025-06-15T15:06:40Z\"} value={\"pay\":6}\n"
           "i1 step-completed /do/0/t/try/0/ok ^\n"
           "i1 step-completed /do/0/t\n"
           "i1 step-ran /do/1/last ^ "
           "out={\"verdict\":\"edited\",\"value\":{\"pay\":6},\"person\":\"ann\"}\n"
           "i1 instance-completed "
           "out={\"verdict\":\"edited\",\"value\":{\"pay\":6},\"person\":\"ann\"}\n");
}

SCENARIO(approvals, a_denial_is_an_error_that_can_be_caught)
{
    deploy_approval(h, "");
    forget_trace(h);
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("i1 gate-decided /do/0/t/try/0/ok reject "
           "error={\"type\":\"err:authorization\",\"status\":403,\"instance\":\"/do/0/t/try/0/"
           "ok\",\"title\":\"a person did not approve this\",\"detail\":\"because\"}\n"
           "i1 step-faulted /do/0/t/try/0/ok "
           "error={\"type\":\"err:authorization\",\"status\":403,\"instance\":\"/do/0/t/try/0/"
           "ok\",\"title\":\"a person did not approve this\",\"detail\":\"because\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:authorization\",\"status\":403,\"instance\":\"/do/0/t/try/0/"
           "ok\",\"title\":\"a person did not approve this\",\"detail\":\"because\"} "
           "value={\"error\":{\"type\":\"err:authorization\",\"status\":403,\"instance\":\"/do/0/t/"
           "try/0/ok\",\"title\":\"a person did not approve this\",\"detail\":\"because\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"denied\":\"a person did not approve this "
           "because\"}\n"
           "i1 step-completed /do/0/t\n"
           "i1 step-ran /do/1/last ^ out={\"verdict\":\"a person did not approve this "
           "because\",\"value\":null,\"person\":null}\n"
           "i1 instance-completed out={\"verdict\":\"a person did not approve this "
           "because\",\"value\":null,\"person\":null}\n");
}

SCENARIO(approvals, a_deadline_parks)
{
    deploy_approval(h, ", deadline: PT1M");
    forget_trace(h);
    advance(h, 60000);
    EXPECT("+60000\n"
           "i1 timer-fired /do/0/t/try/0/ok\n");
    advance(h, 60000);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_expect_eq(h->reply, ERR_OK);
    forget_trace(h);
}

SCENARIO(approvals, a_deadline_denies)
{
    deploy_approval(h, ", deadline: PT1M, onTimeout: deny");
    forget_trace(h);
    advance(h, 60000);
    EXPECT("+60000\n"
           "i1 timer-fired /do/0/t/try/0/ok\n"
           "i1 gate-decided /do/0/t/try/0/ok reject "
           "error={\"type\":\"err:authorization\",\"status\":403,\"instance\":\"/do/0/t/try/0/"
           "ok\",\"title\":\"nobody approved this before its deadline\"}\n"
           "i1 step-faulted /do/0/t/try/0/ok "
           "error={\"type\":\"err:authorization\",\"status\":403,\"instance\":\"/do/0/t/try/0/"
           "ok\",\"title\":\"nobody approved this before its deadline\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:authorization\",\"status\":403,\"instance\":\"/do/0/t/try/0/"
           "ok\",\"title\":\"nobody approved this before its deadline\"} "
           "value={\"error\":{\"type\":\"err:authorization\",\"status\":403,\"instance\":\"/do/0/t/"
           "try/0/ok\",\"title\":\"nobody approved this before its deadline\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"denied\":\"nobody approved this before its "
           "deadline \"}\n"
           "i1 step-completed /do/0/t\n"
           "i1 step-ran /do/1/last ^ out={\"verdict\":\"nobody approved this before its deadline "
           "\",\"value\":null,\"person\":null}\n"
           "i1 instance-completed out={\"verdict\":\"nobody approved this before its deadline "
           "\",\"value\":null,\"person\":null}\n");
}

SCENARIO(approvals, a_deadline_allows)
{
    deploy_approval(h, ", deadline: PT1M, onTimeout: allow");
    forget_trace(h);
    advance(h, 60000);
    EXPECT("+60000\n"
           "i1 timer-fired /do/0/t/try/0/ok\n"
           "i1 gate-decided /do/0/t/try/0/ok approve "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":null,\"reason\":"
           "\"nobody answered before the deadline\",\"at\":\"2025-06-15T15:07:40Z\"}\n"
           "i1 step-completed /do/0/t/try/0/ok ^\n"
           "i1 step-completed /do/0/t\n"
           "i1 step-ran /do/1/last ^ "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":null}\n"
           "i1 instance-completed "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":null}\n");
}

SCENARIO(approvals, a_deadline_escalates_to_everybody)
{
    deploy_approval(h, ", assignees: [ann], deadline: '${ {minutes: 1} }', onTimeout: escalate");
    forget_trace(h);
    advance(h, 60000);
    EXPECT("+60000\n"
           "i1 timer-fired /do/0/t/try/0/ok\n"
           "i1 gate-opened /do/0/t/try/0/ok quality:approval approval r2 out={\"pay\":7} "
           "value={\"title\":\"pay 7?\",\"escalated\":true}\n");
    verdict(h, VERDICT_APPROVE, NULL);
    EXPECT("i1 gate-decided /do/0/t/try/0/ok approve "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":\"ann\",\"reason\":"
           "\"because\",\"at\":\"2025-06-15T15:07:40Z\"}\n"
           "i1 step-completed /do/0/t/try/0/ok ^\n"
           "i1 step-completed /do/0/t\n"
           "i1 step-ran /do/1/last ^ "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":\"ann\"}\n"
           "i1 instance-completed "
           "out={\"verdict\":\"approved\",\"value\":{\"pay\":7},\"person\":\"ann\"}\n");
}

SCENARIO(approvals, what_cannot_be_asked_is_an_expression_error)
{
    deploy_tasks(h, "- ok: {call: approval, with: {title: '${ .price }'}}\n");
    run(h, "{\"price\":7}");
    EXPECT("i1 instance-started in={\"price\":7}\n"
           "i1 workflow-entered\n"
           "i1 step-faulted /do/0/ok "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "ok\",\"title\":\"the approval cannot be asked for\",\"detail\":\"'title' must give a "
           "text of 1 to 200 bytes\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "ok\",\"title\":\"the approval cannot be asked for\",\"detail\":\"'title' must give a "
           "text of 1 to 200 bytes\"}\n");
}

SCENARIO(approvals, assignees_are_names)
{
    deploy_tasks(h, "- ok: {call: approval, with: {title: t, assignees: '${ .price }'}}\n");
    run(h, "{\"price\":7}");
    EXPECT("i1 instance-started in={\"price\":7}\n"
           "i1 workflow-entered\n"
           "i1 step-faulted /do/0/ok "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "ok\",\"title\":\"the approval cannot be asked for\",\"detail\":\"'assignees' must give "
           "an array of at most 50 names\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "ok\",\"title\":\"the approval cannot be asked for\",\"detail\":\"'assignees' must give "
           "an array of at most 50 names\"}\n");
}

SCENARIO(approvals, a_timeout_around_or_a_cancellation_closes_the_gate)
{
    deploy_tasks(h,
                 "- d: {do: [{ok: {call: approval, with: {title: t}}}], timeout: {after: PT9S}}\n");
    run(h, "{}");
    forget_trace(h);
    advance(h, 9000);
    EXPECT("+9000\n"
           "i1 step-cancelled /do/0/d stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/d/do/0/ok why=timed out\n"
           "i1 step-faulted /do/0/d "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"}\n");
    run(h, "{}");
    forget_trace(h);
    cancel(h, 2);
    EXPECT("i2 instance-cancelling\n"
           "i2 step-cancelled /do/0/d/do/0/ok why=cancelled\n"
           "i2 step-cancelled /do/0/d why=cancelled\n"
           "i2 instance-cancelled\n");
    cr_expect_eq(table_rows(h, 'G'), 0);
}
