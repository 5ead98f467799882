/*
 * Workflows that steps run: their end, their errors, and what becomes of them with the step.
 */
#include "tests/engine/harness.h"

static void deploy_child(struct harness *h, const char *version, const char *tasks)
{
    struct buf text = BUF_INIT(1024 * 1024);
    buf_printf(&text, "document: {dsl: 1.0.3, namespace: test, name: part, version: %s}\ndo:\n%s",
               version, tasks);
    deploy(h, text.data);
    buf_release(&text);
}

SCENARIO(child, its_output_is_the_steps)
{
    deploy_child(h, "1.0.0", "- s: {set: {twice: '${ .n * 2 }'}}\n");
    deploy_tasks(h, "- r: {run: {workflow: {namespace: test, name: part, version: 1.0.0,\n"
                    "       input: {n: '${ .a }'}}}, output: {as: '${ .twice }'}}\n"
                    "- z: {set: {got: '${ . }'}}\n");
    run(h, "{\"a\":21}");
    EXPECT("i1 instance-started in={\"a\":21}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/r in={\"a\":21}\n"
           "i1 child-started /do/0/r runs=test/part:1.0.0\n"
           "i2 instance-started in={\"n\":21}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/s ^ out={\"twice\":42}\n"
           "i2 instance-completed out={\"twice\":42}\n"
           "i1 child-ended /do/0/r completed out={\"twice\":42}\n"
           "i1 step-completed /do/0/r out=42\n"
           "i1 step-ran /do/1/z ^ out={\"got\":42}\n"
           "i1 instance-completed out={\"got\":42}\n");
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(child, its_parent_waits_over_turns)
{
    hello(h, KEYED, "s1", 4);
    deploy_child(h, "1.0.0", "- w: {call: work@worker}\n");
    deploy_tasks(h, "- r: {run: {workflow: {namespace: test, name: part}}}\n");
    run(h, "{}");
    cr_expect_eq(table_rows(h, 'W'), 1);
    cr_expect_eq(table_rows(h, 'A'), 1);
    done(h, "/do/0/w", "{\"n\":1}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/r in={}\n"
           "i1 child-started /do/0/r runs=test/part:1.0.0\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={} out={}\n"
           "i2 step-dispatched /do/0/w perform #0.1 store=s1 contract=1.0.0\n"
           "i2 step-result /do/0/w perform #0.1 done effect=done out={\"n\":1}\n"
           "i2 step-completed /do/0/w ^\n"
           "i2 instance-completed out={\"n\":1}\n"
           "i1 child-ended /do/0/r completed out={\"n\":1}\n"
           "i1 step-completed /do/0/r ^\n"
           "i1 instance-completed out={\"n\":1}\n");
}

SCENARIO(child, its_error_is_the_steps)
{
    deploy_child(h, "1.0.0", "- r: {raise: {error: {type: 'https://x.example/e', status: 418}}}\n");
    deploy_tasks(h, "- t:\n"
                    "    try: [{r: {run: {workflow: {namespace: test, name: part}}}}]\n"
                    "    catch: {as: e, do: [{s: {set: {x: '${ $e.status }'}}}]}\n");
    run(h, "{}");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-started /do/0/t/try/0/r in={}\n"
        "i1 child-started /do/0/t/try/0/r runs=test/part:1.0.0\n"
        "i2 instance-started in={}\n"
        "i2 workflow-entered\n"
        "i2 step-faulted /do/0/r "
        "error={\"type\":\"https://x.example/e\",\"status\":418,\"instance\":\"/do/0/r\"}\n"
        "i2 instance-faulted "
        "error={\"type\":\"https://x.example/e\",\"status\":418,\"instance\":\"/do/0/r\"}\n"
        "i1 child-ended /do/0/t/try/0/r faulted "
        "error={\"type\":\"https://x.example/e\",\"status\":418,\"instance\":\"/do/0/r\"}\n"
        "i1 step-faulted /do/0/t/try/0/r "
        "error={\"type\":\"https://x.example/e\",\"status\":418,\"instance\":\"/do/0/r\"}\n"
        "i1 error-caught /do/0/t "
        "error={\"type\":\"https://x.example/e\",\"status\":418,\"instance\":\"/do/0/r\"} "
        "value={\"e\":{\"type\":\"https://x.example/e\",\"status\":418,\"instance\":\"/do/0/r\"}}\n"
        "i1 step-ran /do/0/t/catch/do/0/s ^ out={\"x\":418}\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"x\":418}\n");
}

SCENARIO(child, a_retry_runs_another_that_names_the_same_effects)
{
    hello(h, KEYED, "s1", 4);
    deploy_child(h, "1.0.0",
                 "- a: {call: work@worker}\n- b: {try: [{c: {call: work@worker}}], catch: {retry: "
                 "{delay: PT1S, limit: {attempt: {count: 1}}}}}\n");
    deploy_tasks(h, "- t:\n"
                    "    try: [{r: {run: {workflow: {namespace: test, name: part}}}}]\n"
                    "    catch: {retry: {delay: PT5S, limit: {attempt: {count: 1}}}}\n");
    run(h, "{}");
    struct id first = task(h, "i2:/do/0/a")->key;
    done(h, "i2:/do/0/a", "{\"n\":1}");
    struct id failing = task(h, "i2:/do/1/b/try/0/c")->key;
    fail(h, "i2:/do/1/b/try/0/c", FAILURE_DATA, MARK_NONE);
    advance(h, 1000);
    uint32_t attempt = task(h, "i2:/do/1/b/try/0/c")->attempt;
    fail(h, "i2:/do/1/b/try/0/c", FAILURE_DATA, MARK_NONE);
    advance(h, 5000);
    cr_assert_eq(h->instance_count, 3);
    cr_expect(id_equal(&first, &task(h, "i3:/do/0/a")->key));
    done(h, "i3:/do/0/a", "{\"n\":1}");
    cr_expect(id_equal(&failing, &task(h, "i3:/do/1/b/try/0/c")->key));
    cr_expect_gt(task(h, "i3:/do/1/b/try/0/c")->attempt, attempt);
    done(h, "i3:/do/1/b/try/0/c", "{\"n\":1}");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

/* Whether the newest instance has a task of its own. */
static bool is_asked(struct harness *h, const char *step)
{
    for (size_t i = 0; i < h->sent_count; i++) {
        if (id_equal(&h->sent[i].instance, &h->instances[h->instance_count - 1]) &&
            strcmp(h->sent[i].step, step) == 0) {
            return true;
        }
    }
    return false;
}

static const char retried_part[] =
    "- t:\n"
    "    try: [{r: {run: {workflow: {namespace: test, name: part}}}}]\n"
    "    catch: {retry: {delay: PT5S, limit: {attempt: {count: 1}}}}\n";

SCENARIO(child, a_retry_asks_the_store_that_began_the_effect)
{
    hello(h, KEYED, "s1", 4);
    deploy_child(h, "1.0.0",
                 "- a: {call: work@worker}\n- b: {raise: {error: {type: x, status: 500}}}\n");
    deploy_tasks(h, retried_part);
    run(h, "{}");
    done(h, "i2:/do/0/a", "{\"n\":1}");
    hello(h, KEYED, "s2", 4);
    leave(h, "worker", "s1");
    forget_trace(h);
    advance(h, 5000);
    cr_assert_eq(h->instance_count, 3);
    cr_expect_not(is_asked(h, "/do/0/a")); /* another store would do it again */
    hello(h, KEYED, "s1", 4);
    cr_expect_str_eq(task(h, "i3:/do/0/a")->store, "s1");
    done(h, "i3:/do/0/a", "{\"n\":1}");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(child, a_retry_does_not_repeat_a_manual_effect_in_doubt)
{
    hello(h, MANUAL, "s1", 4);
    deploy_child(h, "1.0.0", "- a: {call: work@worker}\n");
    deploy_tasks(h, retried_part);
    run(h, "{}");
    fail(h, "i2:/do/0/a", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    cr_assert_eq(h->gate_count, 1);
    verdict(h, VERDICT_REJECT, NULL);
    advance(h, 5000);
    cr_assert_eq(h->instance_count, 3);
    cr_expect_not(is_asked(h, "/do/0/a"));
    cr_assert_eq(h->gate_count, 2); /* a person looks outside first */
    verdict(h, VERDICT_NO, NULL);
    done(h, "i3:/do/0/a", "{\"n\":1}");
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(child, cancelling_the_parent_cancels_it)
{
    hello(h, KEYED, "s1", 4);
    deploy_child(h, "1.0.0", "- w: {call: work@worker}\n");
    deploy_tasks(h, "- r: {run: {workflow: {namespace: test, name: part}}}\n");
    run(h, "{}");
    forget_trace(h);
    cancel(h, 1);
    EXPECT("i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/r stays why=cancels what it runs\n"
           "i2 instance-cancelling\n"
           "i2 step-cancelled /do/0/w stays why=recalled\n"
           "> recall worker/s1 #0.1\n");
    answer(h, "/do/0/w", RESULT_RECALLED);
    EXPECT("i2 step-result /do/0/w perform #0.1 failed effect=none\n"
           "i2 step-cancelled /do/0/w why=cancelled\n"
           "i2 instance-cancelled\n"
           "i1 child-ended /do/0/r cancelled\n"
           "i1 step-cancelled /do/0/r why=cancelled\n"
           "i1 instance-cancelled\n");
}

SCENARIO(child, a_timeout_of_the_step_cancels_it)
{
    hello(h, KEYED, "s1", 4);
    deploy_child(h, "1.0.0", "- w: {call: work@worker}\n");
    deploy_tasks(h, "- t:\n"
                    "    try: [{r: {run: {workflow: {namespace: test, name: part}}, timeout: "
                    "{after: PT3S}}}]\n"
                    "    catch: {do: [{s: {set: {late: true}}}]}\n");
    run(h, "{}");
    forget_trace(h);
    advance(h, 3000);
    EXPECT("+3000\n"
           "i1 step-cancelled /do/0/t/try/0/r stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "r\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i2 instance-cancelling\n"
           "i2 step-cancelled /do/0/w stays why=recalled\n"
           "> recall worker/s1 #0.1\n");
    done(h, "/do/0/w", "{\"n\":1}");
    EXPECT("i2 step-result /do/0/w perform #0.1 done effect=done out={\"n\":1}\n"
           "i2 step-cancelled /do/0/w why=cancelled\n"
           "i2 instance-cancelled\n"
           "i1 child-ended /do/0/t/try/0/r cancelled\n"
           "i1 step-faulted /do/0/t/try/0/r "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "r\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "r\",\"title\":\"the task took longer than its timeout\"} "
           "value={\"error\":{\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "r\",\"title\":\"the task took longer than its timeout\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/s ^ out={\"late\":true}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={\"late\":true}\n");
}

SCENARIO(child, cancelled_by_a_person_is_an_error_of_the_step)
{
    deploy_child(h, "1.0.0", "- w: {wait: PT9S}\n");
    deploy_tasks(h, "- r: {run: {workflow: {namespace: test, name: part}}}\n");
    run(h, "{}");
    forget_trace(h);
    cancel(h, 2);
    EXPECT("i2 instance-cancelling\n"
           "i2 step-cancelled /do/0/w why=cancelled\n"
           "i2 instance-cancelled\n"
           "i1 child-ended /do/0/r cancelled "
           "error={\"type\":\"err:runtime\",\"status\":499,\"instance\":\"/do/0/"
           "r\",\"title\":\"the workflow that the step ran was cancelled\"}\n"
           "i1 step-faulted /do/0/r "
           "error={\"type\":\"err:runtime\",\"status\":499,\"instance\":\"/do/0/"
           "r\",\"title\":\"the workflow that the step ran was cancelled\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:runtime\",\"status\":499,\"instance\":\"/do/0/"
           "r\",\"title\":\"the workflow that the step ran was cancelled\"}\n");
}

SCENARIO(child, nobody_waits_for_a_detached_one)
{
    deploy_child(h, "1.0.0", "- w: {wait: PT9S}\n");
    deploy_tasks(h, "- r: {run: {workflow: {namespace: test, name: part, input: {b: 2}}, await: "
                    "false}}\n");
    run(h, "{\"a\":1}");
    EXPECT("i1 instance-started in={\"a\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/r ^ out={\"a\":1}\n"
           "i1 child-started /do/0/r runs=test/part:1.0.0 detached\n"
           "i2 instance-started in={\"b\":2}\n"
           "i1 instance-completed out={\"a\":1}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w in={\"b\":2}\n");
    cancel(h, 1);
    advance(h, 9000);
    EXPECT("> conflict: instance 0000a743e9756e0269fd614d12ff6ca5 has ended already\n"
           "+9000\n"
           "i2 timer-fired /do/0/w\n"
           "i2 step-completed /do/0/w ^\n"
           "i2 instance-completed out={\"b\":2}\n");
}

SCENARIO(child, a_detached_one_is_begun_once_for_its_step)
{
    deploy_child(h, "1.0.0", "- w: {wait: PT9S}\n");
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - r: {run: {workflow: {namespace: test, name: part}, await: false}}\n"
                    "      - f: {raise: {error: {type: 'https://x.example/e', status: 500}}}\n"
                    "    catch: {retry: {delay: PT1S, limit: {attempt: {count: 2}}}}\n");
    run(h, "{}");
    advance(h, 1000);
    advance(h, 1000);
    cr_expect_eq(h->instance_count, 2);
    advance(h, 9000);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(child, the_newest_version_in_service_is_run)
{
    deploy_child(h, "1.0.0", "- s: {set: {v: 1}}\n");
    deploy_tasks(h, "- n: {wait: PT1S}\n"
                    "- r: {run: {workflow: {namespace: test, name: part, version: latest}}}\n");
    run(h, "{}");
    deploy_child(h, "1.1.0", "- s: {set: {v: 2}}\n");
    forget_trace(h);
    advance(h, 1000);
    EXPECT("+1000\n"
           "i1 timer-fired /do/0/n\n"
           "i1 step-completed /do/0/n\n"
           "i1 step-started /do/1/r in={}\n"
           "i1 child-started /do/1/r runs=test/part:1.1.0\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/s ^ out={\"v\":2}\n"
           "i2 instance-completed out={\"v\":2}\n"
           "i1 child-ended /do/1/r completed out={\"v\":2}\n"
           "i1 step-completed /do/1/r ^\n"
           "i1 instance-completed out={\"v\":2}\n");
}

SCENARIO(child, what_is_not_deployed_is_refused_by_name)
{
    (void)deploy_try(h,
                     "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0}\n"
                     "do:\n"
                     "  - r: {run: {workflow: {namespace: test, name: prat, version: 1.0.0}}}\n");
    cr_expect_eq(h->reply, ERR_NOT_FOUND);
    EXPECT("> not found: test.yaml:3:8: /do/0/r runs test/prat:1.0.0, which is not deployed, or "
           "retired: deploy it first\n");
}

SCENARIO(child, one_that_runs_itself_is_stopped)
{
    deploy_tasks(h, "- r: {run: {workflow: {namespace: test, name: flow}}}\n");
    h->untraced = true;
    run(h, "{}");
    h->untraced = false;
    cr_expect_eq(h->instance_count, LIMIT_RUN_DEPTH + 1);
    cr_expect_eq(open_instances(h), 0);
    EXPECT("");
}

SCENARIO(child, races_and_joins_in_branches)
{
    deploy_child(h, "1.0.0", "- w: {wait: '${ .after }'}\n- s: {set: {after: '${ .after }'}}\n");
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      compete: true\n"
                    "      branches:\n"
                    "        - a: {run: {workflow: {namespace: test, name: part, input: {after: "
                    "PT1S}}}}\n"
                    "        - b: {run: {workflow: {namespace: test, name: part, input: {after: "
                    "PT2S}}}}\n");
    run(h, "{}");
    forget_trace(h);
    advance(h, 1000);
    EXPECT("+1000\n"
           "i2 timer-fired /do/0/w\n"
           "i2 step-completed /do/0/w\n"
           "i2 step-ran /do/1/s ^ out={\"after\":\"PT1S\"}\n"
           "i2 instance-completed out={\"after\":\"PT1S\"}\n"
           "i1 child-ended /do/0/f/fork/branches/0/a completed out={\"after\":\"PT1S\"}\n"
           "i1 step-completed /do/0/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 step-cancelled /do/0/f stays why=a branch won\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b stays why=cancels what it runs\n"
           "i3 instance-cancelling\n"
           "i3 step-cancelled /do/0/w why=cancelled\n"
           "i3 instance-cancelled\n"
           "i1 child-ended /do/0/f/fork/branches/1/b cancelled\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b why=another branch won\n"
           "i1 step-cancelled /do/0/f/fork/branches/1 why=another branch won\n"
           "i1 branches-joined /do/0/f winner=1\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out={\"after\":\"PT1S\"}\n");
}

/* The child waits for a person, its parent and grandparent for it. */
SCENARIO(child, a_gate_far_below_goes_on_up)
{
    hello(h, PURE, "s1", 4);
    deploy_child(h, "1.0.0", "- w: {call: work@worker}\n");
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: middle, version: 1.0.0}\n"
              "do: [{r: {run: {workflow: {namespace: test, name: part}}}}]\n");
    deploy_tasks(h, "- r: {run: {workflow: {namespace: test, name: middle}}}\n");
    run(h, "{}");
    fail(h, "/do/0/w", FAILURE_DATA, MARK_NONE);
    verdict(h, VERDICT_EDIT, "{\"k\":1}");
    forget_trace(h);
    done(h, "/do/0/w#2", "{\"n\":3}");
    EXPECT("i3 step-result /do/0/w#2 decide #1.1 done effect=none out={\"n\":3}\n"
           "i3 step-completed /do/0/w#2 ^\n"
           "i3 instance-completed out={\"n\":3}\n"
           "i2 child-ended /do/0/r completed out={\"n\":3}\n"
           "i2 step-completed /do/0/r ^\n"
           "i2 instance-completed out={\"n\":3}\n"
           "i1 child-ended /do/0/r completed out={\"n\":3}\n"
           "i1 step-completed /do/0/r ^\n"
           "i1 instance-completed out={\"n\":3}\n");
}
