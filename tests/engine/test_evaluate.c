/*
 * Expressions that mainstay-jq evaluates, and commits that fail.
 */
#include "tests/engine/harness.h"

SCENARIO(evaluating, a_value_is_asked_once_and_then_known)
{
    deploy_tasks(h, "- a: {if: '${ .t | test(\"x\") }', set: {r: '${ .t | sub(\"x\"; \"y\") }'}}\n"
                    "- b: {set: {s: '${ .r | implode }'}}\n");
    run(h, "{\"t\":\"x\"}");
    EXPECT("i1 instance-started in={\"t\":\"x\"}\n"
           "i1 workflow-entered\n"
           "i1 evaluation-asked in={\"t\":\"x\"}\n");
    evaluated(h, "true", NULL);
    EXPECT("i1 evaluation-done value=true\n"
           "i1 evaluation-asked in={\"t\":\"x\"}\n");
    evaluated(h, "\"y\"", NULL);
    EXPECT("i1 evaluation-done value=\"y\"\n"
           "i1 step-ran /do/0/a out={\"r\":\"y\"}\n"
           "i1 evaluation-asked in={\"r\":\"y\"}\n");
    evaluated(h, NULL, "jq: not a number");
    EXPECT(
        "i1 evaluation-done error=\"jq: not a number\"\n"
        "i1 step-faulted /do/1/b "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/1/b\",\"title\":\"an "
        "expression could not be evaluated\",\"detail\":\"jq: not a number\"}\n"
        "i1 instance-faulted "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/1/b\",\"title\":\"an "
        "expression could not be evaluated\",\"detail\":\"jq: not a number\"}\n");
}

SCENARIO(evaluating, the_input_of_the_workflow_and_its_timeout)
{
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0}\n"
              "input: {from: '${ {t: (.t | sub(\"x\"; \"y\"))} }'}\n"
              "timeout: {after: '${ .t | sub(\"y\"; \"PT5S\") }'}\n"
              "do: [{a: {set: {got: '${ .t }'}}}, {w: {wait: PT9S}}]\n");
    run(h, "{\"t\":\"x\"}");
    EXPECT("i1 instance-started in={\"t\":\"x\"}\n"
           "i1 evaluation-asked in={\"t\":\"x\"}\n");
    evaluated(h, "{\"t\":\"y\"}", NULL);
    EXPECT("i1 evaluation-done value={\"t\":\"y\"}\n"
           "i1 evaluation-asked in={\"t\":\"y\"}\n");
    evaluated(h, "\"PT5S\"", NULL);
    EXPECT("i1 evaluation-done value=\"PT5S\"\n"
           "i1 workflow-entered at=+5000 out={\"t\":\"y\"}\n"
           "i1 step-ran /do/0/a out={\"got\":\"y\"}\n"
           "i1 step-started /do/1/w in={\"got\":\"y\"}\n");
    advance(h, 5000);
    forget_trace(h);
    run(h, "{\"t\":\"x\"}");
    forget_trace(h);
    evaluated(h, NULL, "jq: not a text");
    EXPECT("i2 evaluation-done error=\"jq: not a text\"\n"
           "i2 instance-faulted "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/\",\"title\":\"an "
           "expression could not be evaluated\",\"detail\":\"jq: not a text\"}\n");
}

SCENARIO(evaluating, in_every_place_of_a_task)
{
    deploy_tasks(h, "- w:\n"
                    "    call: work@worker\n"
                    "    with: {input: {v: '${ .t | test(\"x\") }'}}\n"
                    "    output: {as: '${ {o: (.t | test(\"y\"))} }'}\n"
                    "    export: {as: '${ {c: (.t | test(\"z\"))} }'}\n"
                    "- l:\n"
                    "    for: {in: '${ .xs | map_values(. + 1) }'}\n"
                    "    while: '${ $item | tostring | test(\"[0-9]\") }'\n"
                    "    do: [{s: {set: {xs: '${ .xs }'}}}]\n");
    hello(h, PURE, "s1", 1);
    run(h, "{\"t\":\"x\"}");
    evaluated(h, "true", NULL);
    done(h, "/do/0/w", "{\"t\":\"y\"}");
    evaluated(h, "{\"xs\":[1]}", NULL);
    evaluated(h, "{\"c\":2}", NULL);
    evaluated(h, "[5]", NULL);
    evaluated(h, "true", NULL);
    EXPECT("i1 instance-started in={\"t\":\"x\"}\n"
           "i1 workflow-entered\n"
           "i1 evaluation-asked in={\"t\":\"x\"}\n"
           "i1 evaluation-done value=true\n"
           "i1 step-started /do/0/w in={\"t\":\"x\"} out={\"v\":true}\n"
           "i1 step-dispatched /do/0/w decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/w decide #0.1 done effect=none out={\"t\":\"y\"}\n"
           "i1 evaluation-asked in={\"t\":\"y\"}\n"
           "i1 evaluation-done /do/0/w value={\"xs\":[1]}\n"
           "i1 evaluation-asked in={\"xs\":[1]}\n"
           "i1 evaluation-done /do/0/w value={\"c\":2}\n"
           "i1 step-completed /do/0/w out={\"xs\":[1]} context={\"c\":2}\n"
           "i1 evaluation-asked in={\"xs\":[1]}\n"
           "i1 evaluation-done value=[5]\n"
           "i1 step-started /do/1/l in={\"xs\":[1]} context=[5]\n"
           "i1 evaluation-asked in={\"xs\":[1]}\n"
           "i1 evaluation-done /do/1/l value=true\n"
           "i1 iteration-started /do/1/l [0] value={\"item\":5,\"index\":0}\n"
           "i1 step-ran /do/1/l/do/0/s[0] ^ out={\"xs\":[1]}\n"
           "i1 step-completed /do/1/l ^\n"
           "i1 instance-completed out={\"xs\":[1]}\n");
}

SCENARIO(evaluating, an_error_can_be_caught)
{
    deploy_tasks(h, "- t:\n"
                    "    try: [{a: {set: {r: '${ .t | test(\"x\") }'}}}]\n"
                    "    catch: {do: [{c: {set: {d: '${ $error.detail }'}}}]}\n");
    run(h, "{\"t\":1}");
    evaluated(h, NULL, "cannot be matched");
    EXPECT(
        "i1 instance-started in={\"t\":1}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={\"t\":1}\n"
        "i1 evaluation-asked in={\"t\":1}\n"
        "i1 evaluation-done /do/0/t error=\"cannot be matched\"\n"
        "i1 step-faulted /do/0/t/try/0/a "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "a\",\"title\":\"an expression could not be evaluated\",\"detail\":\"cannot be matched\"}\n"
        "i1 error-caught /do/0/t "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "a\",\"title\":\"an expression could not be evaluated\",\"detail\":\"cannot be matched\"} "
        "value={\"error\":{\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "a\",\"title\":\"an expression could not be evaluated\",\"detail\":\"cannot be "
        "matched\"}}\n"
        "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"d\":\"cannot be matched\"}\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"d\":\"cannot be matched\"}\n");
}

SCENARIO(evaluating, cancelling_and_timeouts_do_not_wait_for_it)
{
    deploy_tasks(h, "- d: {timeout: {after: PT5S},\n"
                    "      do: [{a: {set: {r: '${ .t | test(\"x\") }'}}}]}\n");
    run(h, "{\"t\":\"x\"}");
    advance(h, 5000);
    evaluated(h, "true", NULL);
    EXPECT("i1 instance-started in={\"t\":\"x\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/d at=+5000 in={\"t\":\"x\"}\n"
           "i1 evaluation-asked in={\"t\":\"x\"}\n"
           "+5000\n"
           "i1 step-cancelled /do/0/d stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-faulted /do/0/d "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"}\n");
    run(h, "{\"t\":\"x\"}");
    cancel(h, 2);
    evaluated(h, "true", NULL);
    EXPECT("i2 instance-started in={\"t\":\"x\"}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/d at=+10000 in={\"t\":\"x\"}\n"
           "i2 evaluation-asked in={\"t\":\"x\"}\n"
           "i2 instance-cancelling\n"
           "i2 step-cancelled /do/0/d why=cancelled\n"
           "i2 instance-cancelled\n");
}

/* The n-th commit fails: the turn says so, and whoever opens again loses nothing. */
Test(commits, a_failed_commit_is_told_and_survived)
{
    for (unsigned nth = 1; nth <= 8; nth++) {
        for (int kept = 0; kept < 2; kept++) {
            struct harness *h = harness_create();
            hello(h, KEYED, "s1", 4);
            deploy_tasks(h, "- w: {call: work@worker}\n"
                            "- e: {emit: {event: {with: {type: out}}}}\n");
            h->failing = true;
            kv_mem_fail_commit(h->kv, nth, ERR_IO, kept == 1);
            for (int i = 0; i < 4; i++) {
                run(h, "{}");
            }
            for (size_t i = 0; i < h->sent_count; i++) {
                if (!h->sent[i].answered) {
                    h->sent[i].answered = true;
                    struct result_command result = result_of(&h->sent[i], RESULT_DONE);
                    result.output = doc_of_json(json_object());
                    give(h, &result);
                    doc_unref(&result.output);
                }
            }
            cr_expect_eq(h->failures, 1, "commit %u", nth);
            cr_expect_eq(open_instances(h), 0, "commit %u", nth);
            cr_expect_eq(table_rows(h, 'F'), 4, "commit %u", nth);
            harness_replay(h);
            harness_destroy(&h);
        }
    }
}
