/*
 * Forks: branches that join or race, what they see, and what takes them down.
 */
#include <string.h>

#include "tests/engine/harness.h"

#define TWO_CALLS                        \
    "- f:\n"                             \
    "    fork:\n"                        \
    "      branches:\n"                  \
    "        - a: {call: work@worker}\n" \
    "        - b: {call: work@worker}\n"

SCENARIO(fork, outputs_join_in_declared_order)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, TWO_CALLS);
    run(h, "{}");
    done(h, "/do/0/f/fork/branches/1/b", "{\"n\":2}");
    done(h, "/do/0/f/fork/branches/0/a", "{\"n\":1}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a in={} out={}\n"
           "i1 step-started /do/0/f/fork/branches/1/b in={} out={}\n"
           "i1 step-dispatched /do/0/f/fork/branches/0/a decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-dispatched /do/0/f/fork/branches/1/b decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/f/fork/branches/1/b decide #0.1 done effect=none out={\"n\":2}\n"
           "i1 step-completed /do/0/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 step-result /do/0/f/fork/branches/0/a decide #0.1 done effect=none out={\"n\":1}\n"
           "i1 step-completed /do/0/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 branches-joined /do/0/f\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out=[{\"n\":1},{\"n\":2}]\n");
}

SCENARIO(fork, the_first_to_end_wins)
{
    deploy_tasks(h, "- f: {fork: {compete: true, branches: [{a: {wait: PT5S}},\n"
                    "    {b: {set: {x: 1}}}, {c: {set: {x: 2}}}]}}\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a in={}\n"
           "i1 step-ran /do/0/f/fork/branches/1/b ^ out={\"x\":1}\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 step-cancelled /do/0/f stays why=a branch won\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a why=another branch won\n"
           "i1 step-cancelled /do/0/f/fork/branches/2 why=another branch won\n"
           "i1 step-cancelled /do/0/f/fork/branches/0 why=another branch won\n"
           "i1 branches-joined /do/0/f winner=2\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out={\"x\":1}\n");
}

SCENARIO(fork, a_loser_is_settled_before_the_race_ends)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      compete: true\n"
                    "      branches:\n"
                    "        - a: {call: work@worker}\n"
                    "        - b: {call: work@worker}\n");
    run(h, "{}");
    done(h, "/do/0/f/fork/branches/1/b", "{\"n\":2}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a in={} out={}\n"
           "i1 step-started /do/0/f/fork/branches/1/b in={} out={}\n"
           "i1 step-dispatched /do/0/f/fork/branches/0/a perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-dispatched /do/0/f/fork/branches/1/b perform #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/f/fork/branches/1/b perform #0.1 done effect=done out={\"n\":2}\n"
           "i1 step-completed /do/0/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 step-cancelled /do/0/f stays why=a branch won\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a stays why=recalled\n"
           "> recall worker/s1 #0.1\n");
    answer(h, "/do/0/f/fork/branches/0/a", RESULT_RECALLED);
    EXPECT("i1 step-result /do/0/f/fork/branches/0/a perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a why=another branch won\n"
           "i1 step-cancelled /do/0/f/fork/branches/0 why=another branch won\n"
           "i1 branches-joined /do/0/f winner=2\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out={\"n\":2}\n");
}

SCENARIO(fork, a_failing_branch_takes_the_others_down)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - f:\n"
                    "          fork:\n"
                    "            branches:\n"
                    "              - a: {call: work@worker}\n"
                    "              - b: {do: [{w: {wait: PT5S}}, {r: {raise: {error: {type: "
                    "'https://x.example/e', status: 500}}}}]}\n"
                    "              - c: {listen: {to: {one: {with: {type: t}}}}}\n"
                    "    catch: {as: e, do: [{s: {set: {x: '${ $e.status }'}}}]}\n");
    run(h, "{}");
    forget_trace(h);
    advance(h, 5000);
    EXPECT("+5000\n"
           "i1 timer-fired /do/0/t/try/0/f/fork/branches/1/b/do/0/w\n"
           "i1 step-completed /do/0/t/try/0/f/fork/branches/1/b/do/0/w\n"
           "i1 step-faulted /do/0/t/try/0/f/fork/branches/1/b/do/1/r "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/f/"
           "fork/branches/1/b/do/1/r\"}\n"
           "i1 step-faulted /do/0/t/try/0/f/fork/branches/1/b "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/f/"
           "fork/branches/1/b/do/1/r\"}\n"
           "i1 step-faulted /do/0/t/try/0/f/fork/branches/1 "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/f/"
           "fork/branches/1/b/do/1/r\"}\n"
           "i1 step-cancelled /do/0/t/try/0/f stays "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/f/"
           "fork/branches/1/b/do/1/r\"} why=a branch failed\n"
           "i1 step-cancelled /do/0/t/try/0/f/fork/branches/2/c why=another branch failed\n"
           "i1 step-cancelled /do/0/t/try/0/f/fork/branches/0/a stays why=recalled\n"
           "i1 step-cancelled /do/0/t/try/0/f/fork/branches/2 why=another branch failed\n"
           "> recall worker/s1 #0.1\n");
    cr_expect_eq(table_rows(h, 'L'), 0);
    done(h, "/do/0/t/try/0/f/fork/branches/0/a", "{\"n\":2}");
    EXPECT("i1 step-result /do/0/t/try/0/f/fork/branches/0/a perform #0.1 done effect=done "
           "out={\"n\":2}\n"
           "i1 step-cancelled /do/0/t/try/0/f/fork/branches/0/a why=another branch failed\n"
           "i1 step-cancelled /do/0/t/try/0/f/fork/branches/0 why=another branch failed\n"
           "i1 step-faulted /do/0/t/try/0/f "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/f/"
           "fork/branches/1/b/do/1/r\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/try/0/f/"
           "fork/branches/1/b/do/1/r\"} "
           "value={\"e\":{\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/t/"
           "try/0/f/fork/branches/1/b/do/1/r\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/s ^ out={\"x\":500}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={\"x\":500}\n");
}

SCENARIO(fork, a_failing_branch_only_loses_a_race)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      compete: true\n"
                    "      branches:\n"
                    "        - a: {call: work@worker}\n"
                    "        - b: {raise: {error: {type: 'https://x.example/e', status: 500}}}\n"
                    "        - c: {wait: PT1S}\n");
    run(h, "{\"k\":1}");
    fail(h, "/do/0/f/fork/branches/0/a", FAILURE_DATA, MARK_NONE);
    advance(h, 1000);
    EXPECT("i1 instance-started in={\"k\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={\"k\":1}\n"
           "i1 step-started /do/0/f/fork/branches/0/a in={\"k\":1} out={\"k\":1}\n"
           "i1 step-faulted /do/0/f/fork/branches/1/b "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/1/b\"}\n"
           "i1 step-faulted /do/0/f/fork/branches/1 "
           "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/1/b\"}\n"
           "i1 step-started /do/0/f/fork/branches/2/c in={\"k\":1}\n"
           "i1 step-dispatched /do/0/f/fork/branches/0/a decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/f/fork/branches/0/a decide #0.1 failed effect=none data:broken\n"
           "i1 step-faulted /do/0/f/fork/branches/0/a "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/f/fork/branches/"
           "0/a\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 step-faulted /do/0/f/fork/branches/0 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/f/fork/branches/"
           "0/a\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "+1000\n"
           "i1 timer-fired /do/0/f/fork/branches/2/c\n"
           "i1 step-completed /do/0/f/fork/branches/2/c ^\n"
           "i1 branch-ended /do/0/f/fork/branches/2\n"
           "i1 branches-joined /do/0/f winner=3\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out={\"k\":1}\n");
}

SCENARIO(fork, a_race_that_nobody_wins_fails_with_the_last_error)
{
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      compete: true\n"
                    "      branches:\n"
                    "        - a: {raise: {error: {type: 'https://x.example/a', status: 500}}}\n"
                    "        - b: {raise: {error: {type: 'https://x.example/b', status: 500}}}\n");
    run(h, "{\"k\":1}");
    EXPECT("i1 instance-started in={\"k\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={\"k\":1}\n"
           "i1 step-faulted /do/0/f/fork/branches/0/a "
           "error={\"type\":\"https://x.example/a\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/0/a\"}\n"
           "i1 step-faulted /do/0/f/fork/branches/0 "
           "error={\"type\":\"https://x.example/a\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/0/a\"}\n"
           "i1 step-faulted /do/0/f/fork/branches/1/b "
           "error={\"type\":\"https://x.example/b\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/1/b\"}\n"
           "i1 step-faulted /do/0/f/fork/branches/1 "
           "error={\"type\":\"https://x.example/b\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/1/b\"}\n"
           "i1 step-faulted /do/0/f "
           "error={\"type\":\"https://x.example/b\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/1/b\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"https://x.example/b\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/1/b\"}\n");
}

SCENARIO(fork, the_last_in_a_race_asks_a_person)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      compete: true\n"
                    "      branches:\n"
                    "        - a: {call: work@worker}\n"
                    "        - b: {call: work@worker}\n");
    run(h, "{}");
    forget_trace(h);
    fail(h, "/do/0/f/fork/branches/0/a", FAILURE_DATA, MARK_NONE);
    fail(h, "/do/0/f/fork/branches/1/b", FAILURE_CONTRACT, MARK_NONE);
    EXPECT("i1 step-result /do/0/f/fork/branches/0/a decide #0.1 failed effect=none data:broken\n"
           "i1 step-faulted /do/0/f/fork/branches/0/a "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/f/fork/branches/"
           "0/a\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 step-faulted /do/0/f/fork/branches/0 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/f/fork/branches/"
           "0/a\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 step-result /do/0/f/fork/branches/1/b decide #0.1 failed effect=none "
           "contract:broken\n"
           "i1 gate-opened /do/0/f/fork/branches/1/b contract:broken parked r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/1/b\",\"title\":\"it broke\",\"detail\":\"broken\"}\n");
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "/do/0/f/fork/branches/1/b", "{\"n\":2}");
    EXPECT("i1 gate-decided /do/0/f/fork/branches/1/b approve\n"
           "i1 step-dispatched /do/0/f/fork/branches/1/b decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/f/fork/branches/1/b decide #1.1 done effect=none out={\"n\":2}\n"
           "i1 step-completed /do/0/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 branches-joined /do/0/f winner=2\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out={\"n\":2}\n");
}

SCENARIO(fork, what_a_branch_exports_is_its_own)
{
    deploy_tasks(h, "- z: {set: {v: 0}, export: {as: {v: 0}}}\n"
                    "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "        - a: {do: [{x: {set: {v: 1}, export: {as: {v: 1}}}},\n"
                    "                   {y: {wait: PT1S}}, {z: {set: {v: '${ $context.v }'}}}]}\n"
                    "        - b: {do: [{y: {wait: PT1S}}, {z: {set: {v: '${ $context.v }'}}}]}\n"
                    "    output: {as: '${ map(.v) }'}\n"
                    "    export: {as: '${ {out: ., was: $context.v} }'}\n"
                    "- e: {set: {v: '${ $context }'}}\n");
    run(h, "{}");
    forget_trace(h);
    advance(h, 1000);
    EXPECT("+1000\n"
           "i1 timer-fired /do/1/f/fork/branches/0/a/do/1/y\n"
           "i1 step-completed /do/1/f/fork/branches/0/a/do/1/y\n"
           "i1 step-ran /do/1/f/fork/branches/0/a/do/2/z ^ out={\"v\":1}\n"
           "i1 step-completed /do/1/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/1/f/fork/branches/0\n"
           "i1 timer-fired /do/1/f/fork/branches/1/b/do/0/y\n"
           "i1 step-completed /do/1/f/fork/branches/1/b/do/0/y\n"
           "i1 step-ran /do/1/f/fork/branches/1/b/do/1/z ^ out={\"v\":0}\n"
           "i1 step-completed /do/1/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/1/f/fork/branches/1\n"
           "i1 branches-joined /do/1/f\n"
           "i1 step-completed /do/1/f out=[1,0] context={\"out\":[1,0],\"was\":0}\n"
           "i1 step-ran /do/2/e ^ out={\"v\":{\"out\":[1,0],\"was\":0}}\n"
           "i1 instance-completed out={\"v\":{\"out\":[1,0],\"was\":0}}\n");
}

SCENARIO(fork, end_in_a_branch_ends_the_workflow)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "        - a: {call: work@worker}\n"
                    "        - b: {do: [{w: {wait: PT1S}}, {s: {set: {x: 1}, then: end}}]}\n"
                    "- never: {set: {x: 2}}\n");
    run(h, "{}");
    advance(h, 1000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a in={} out={}\n"
           "i1 step-started /do/0/f/fork/branches/1/b in={}\n"
           "i1 step-started /do/0/f/fork/branches/1/b/do/0/w in={}\n"
           "i1 step-dispatched /do/0/f/fork/branches/0/a perform #0.1 store=s1 contract=1.0.0\n"
           "+1000\n"
           "i1 timer-fired /do/0/f/fork/branches/1/b/do/0/w\n"
           "i1 step-completed /do/0/f/fork/branches/1/b/do/0/w\n"
           "i1 step-ran /do/0/f/fork/branches/1/b/do/1/s ! out={\"x\":1}\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b why=the workflow ends\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a stays why=recalled\n"
           "i1 step-cancelled /do/0/f/fork/branches/1 why=the workflow ends\n"
           "> recall worker/s1 #0.1\n");
    done(h, "/do/0/f/fork/branches/0/a", "{\"n\":2}");
    EXPECT("i1 step-result /do/0/f/fork/branches/0/a perform #0.1 done effect=done out={\"n\":2}\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a why=the workflow ends\n"
           "i1 step-cancelled /do/0/f/fork/branches/0 why=the workflow ends\n"
           "i1 step-cancelled /do/0/f why=the workflow ends\n"
           "i1 branches-joined\n"
           "i1 instance-completed out={\"x\":1}\n");
}

SCENARIO(fork, exit_in_a_branch_ends_its_list_only)
{
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "        - a: {do: [{s: {set: {x: 1}, then: exit}}, {n: {set: {x: 9}}}]}\n"
                    "        - b: {set: {x: 2}, then: exit}\n"
                    "- z: {set: {all: '${ . }'}}\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a in={}\n"
           "i1 step-ran /do/0/f/fork/branches/1/b ^ out={\"x\":2}\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 step-ran /do/0/f/fork/branches/0/a/do/0/s ^ out={\"x\":1}\n"
           "i1 step-completed /do/0/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 branches-joined /do/0/f\n"
           "i1 step-completed /do/0/f\n"
           "i1 step-ran /do/1/z ^ out={\"all\":[{\"x\":1},{\"x\":2}]}\n"
           "i1 instance-completed out={\"all\":[{\"x\":1},{\"x\":2}]}\n");
}

SCENARIO(fork, a_timeout_of_the_fork_takes_all_branches_down)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "        - a: {call: work@worker}\n"
                    "        - b: {call: work@worker}\n"
                    "        - c: {wait: PT9S}\n"
                    "    timeout: {after: PT2S}\n");
    run(h, "{}");
    forget_trace(h);
    advance(h, 2000);
    EXPECT("+2000\n"
           "i1 step-cancelled /do/0/f stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "f\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/f/fork/branches/2/c why=timed out\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b stays why=recalled\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a stays why=recalled\n"
           "i1 step-cancelled /do/0/f/fork/branches/2 why=timed out\n"
           "> recall worker/s1 #0.1\n"
           "> recall worker/s1 #0.1\n");
    answer(h, "/do/0/f/fork/branches/1/b", RESULT_RECALLED);
    done(h, "/do/0/f/fork/branches/0/a", "{\"n\":2}");
    EXPECT("i1 step-result /do/0/f/fork/branches/1/b perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b why=timed out\n"
           "i1 step-cancelled /do/0/f/fork/branches/1 why=timed out\n"
           "i1 step-result /do/0/f/fork/branches/0/a perform #0.1 done effect=done out={\"n\":2}\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a why=timed out\n"
           "i1 step-cancelled /do/0/f/fork/branches/0 why=timed out\n"
           "i1 step-faulted /do/0/f "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "f\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "f\",\"title\":\"the task took longer than its timeout\"}\n");
}

SCENARIO(fork, a_timeout_in_a_branch_leaves_the_others_walking)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "        - a: {try: [{w: {call: work@worker, timeout: {after: PT2S}}}], "
                    "catch: {}}\n"
                    "        - b: {do: [{w: {wait: PT3S}}, {s: {set: {x: 1}}}]}\n");
    run(h, "{}");
    forget_trace(h);
    advance(h, 2000);
    advance(h, 1000);
    EXPECT("+2000\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a/try/0/w stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/f/fork/branches/0/"
           "a/try/0/w\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "> recall worker/s1 #0.1\n"
           "+3000\n"
           "i1 timer-fired /do/0/f/fork/branches/1/b/do/0/w\n"
           "i1 step-completed /do/0/f/fork/branches/1/b/do/0/w\n"
           "i1 step-ran /do/0/f/fork/branches/1/b/do/1/s ^ out={\"x\":1}\n"
           "i1 step-completed /do/0/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n");
    answer(h, "/do/0/f/fork/branches/0/a/try/0/w", RESULT_RECALLED);
    EXPECT("i1 step-result /do/0/f/fork/branches/0/a/try/0/w perform #0.1 failed effect=none\n"
           "i1 step-faulted /do/0/f/fork/branches/0/a/try/0/w "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/f/fork/branches/0/"
           "a/try/0/w\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 error-caught /do/0/f/fork/branches/0/a "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/f/fork/branches/0/"
           "a/try/0/w\",\"title\":\"the task took longer than its timeout\"} "
           "value={\"error\":{\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/f/fork/"
           "branches/0/a/try/0/w\",\"title\":\"the task took longer than its timeout\"}}\n"
           "i1 step-completed /do/0/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 branches-joined /do/0/f\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out=[{},{\"x\":1}]\n");
}

SCENARIO(fork, a_cancelled_instance_settles_every_branch)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, TWO_CALLS);
    run(h, "{}");
    forget_trace(h);
    cancel(h, 1);
    done(h, "/do/0/f/fork/branches/1/b", "{\"n\":2}");
    answer(h, "/do/0/f/fork/branches/0/a", RESULT_RECALLED);
    EXPECT("i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b stays why=recalled\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a stays why=recalled\n"
           "> recall worker/s1 #0.1\n"
           "> recall worker/s1 #0.1\n"
           "i1 step-result /do/0/f/fork/branches/1/b perform #0.1 done effect=done out={\"n\":2}\n"
           "i1 step-cancelled /do/0/f/fork/branches/1/b why=cancelled\n"
           "i1 step-cancelled /do/0/f/fork/branches/1 why=cancelled\n"
           "i1 step-result /do/0/f/fork/branches/0/a perform #0.1 failed effect=none\n"
           "i1 step-cancelled /do/0/f/fork/branches/0/a why=cancelled\n"
           "i1 step-cancelled /do/0/f/fork/branches/0 why=cancelled\n"
           "i1 step-cancelled /do/0/f why=cancelled\n"
           "i1 instance-cancelled\n");
}

SCENARIO(fork, gates_in_several_branches_are_decided_each)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, TWO_CALLS);
    run(h, "{}");
    forget_trace(h);
    fail(h, "/do/0/f/fork/branches/0/a", FAILURE_DATA, MARK_NONE);
    fail(h, "/do/0/f/fork/branches/1/b", FAILURE_CONTRACT, MARK_NONE);
    cr_expect_eq(table_rows(h, 'G'), 2);
    verdict(h, VERDICT_APPROVE, NULL);
    h->gates[1] = h->gates[0];
    verdict(h, VERDICT_EDIT, "{\"k\":9}");
    EXPECT("i1 step-result /do/0/f/fork/branches/0/a decide #0.1 failed effect=none data:broken\n"
           "i1 gate-opened /do/0/f/fork/branches/0/a data:broken data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/f/fork/branches/"
           "0/a\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 step-result /do/0/f/fork/branches/1/b decide #0.1 failed effect=none "
           "contract:broken\n"
           "i1 gate-opened /do/0/f/fork/branches/1/b contract:broken parked r1 "
           "error={\"type\":\"err:runtime\",\"status\":500,\"instance\":\"/do/0/f/fork/"
           "branches/1/b\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 gate-decided /do/0/f/fork/branches/1/b approve\n"
           "i1 step-dispatched /do/0/f/fork/branches/1/b decide #1.1 store=s1 contract=1.0.0\n"
           "i1 gate-decided /do/0/f/fork/branches/0/a edit value={\"k\":9}\n"
           "i1 step-dispatched /do/0/f/fork/branches/0/a#2 decide #2.1 store=s1 contract=1.0.0\n");
    done(h, "/do/0/f/fork/branches/1/b", "{\"n\":2}");
    done(h, "/do/0/f/fork/branches/0/a#2", "{\"n\":1}");
    EXPECT("i1 step-result /do/0/f/fork/branches/1/b decide #1.1 done effect=none out={\"n\":2}\n"
           "i1 step-completed /do/0/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 step-result /do/0/f/fork/branches/0/a#2 decide #2.1 done effect=none out={\"n\":1}\n"
           "i1 step-completed /do/0/f/fork/branches/0/a#2 ^\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 branches-joined /do/0/f\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out=[{\"n\":1},{\"n\":2}]\n");
}

static enum instance_status standing(struct harness *h)
{
    return engine_instance(turn_engine(h->turn), &h->instances[0])->status;
}

SCENARIO(fork, what_moves_comes_first_in_the_status)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "        - a: {call: work@worker}\n"
                    "        - b: {wait: PT1S}\n"
                    "        - c: {call: work@worker}\n");
    run(h, "{}");
    fail(h, "/do/0/f/fork/branches/2/c", FAILURE_DATA, MARK_NONE);
    cr_expect_eq(standing(h), INSTANCE_RUNNING);
    cr_expect_eq(table_rows(h, 'A'), 1);
    done(h, "/do/0/f/fork/branches/0/a", "{\"n\":1}");
    cr_expect_eq(standing(h), INSTANCE_WAITING);
    cr_expect_eq(table_rows(h, 'A'), 0);
    cr_expect_eq(table_rows(h, 'W'), 1);
    advance(h, 1000);
    cr_expect_eq(standing(h), INSTANCE_SUSPENDED);
    verdict(h, VERDICT_REJECT, NULL);
    cr_expect_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(fork, listens_in_branches_get_what_is_theirs)
{
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "        - a: {listen: {to: {one: {with: {type: t, data: '${ .k == 1 }'}}}}}\n"
                    "        - b: {listen: {to: {one: {with: {type: t, data: '${ .k == 2 }'}}}}}\n"
                    "        - c: {listen: {to: {one: {with: {type: t}}}}}\n");
    run(h, "{}");
    forget_trace(h);
    event(h, "t", "1", "{\"k\":2}");
    event(h, "t", "2", "{\"k\":1}");
    EXPECT("event-accepted type=t\n"
           "i1 event-consumed /do/0/f/fork/branches/1/b filter=0 all out={} value={\"k\":2}\n"
           "i1 step-completed /do/0/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 event-consumed /do/0/f/fork/branches/2/c filter=0 all out={} value={\"k\":2}\n"
           "i1 step-completed /do/0/f/fork/branches/2/c ^\n"
           "i1 branch-ended /do/0/f/fork/branches/2\n"
           "> continued\n"
           "event-accepted type=t\n"
           "i1 event-consumed /do/0/f/fork/branches/0/a filter=0 all out={} value={\"k\":1}\n"
           "i1 step-completed /do/0/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 branches-joined /do/0/f\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out=[[{\"k\":1}],[{\"k\":2}],[{\"k\":2}]]\n"
           "> continued\n");
}

SCENARIO(fork, expressions_of_two_branches_are_with_the_child_at_once)
{
    deploy_tasks(h, "- f:\n"
                    "    fork:\n"
                    "      branches:\n"
                    "        - a: {set: {x: '${ \"ab\" | test(\"a\") }'}}\n"
                    "        - b: {set: {x: '${ \"ab\" | test(\"c\") }'}}\n");
    run(h, "{}");
    cr_expect_eq(h->asked_count, 2);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={}\n"
           "i1 evaluation-asked in={}\n"
           "i1 evaluation-asked in={}\n");
    evaluated(h, "false", NULL);
    evaluated(h, "true", NULL);
    EXPECT("i1 evaluation-done /do/0/f/fork/branches/0 value=false\n"
           "i1 step-ran /do/0/f/fork/branches/0/a ^ out={\"x\":false}\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 evaluation-done /do/0/f/fork/branches/1 value=true\n"
           "i1 step-ran /do/0/f/fork/branches/1/b ^ out={\"x\":true}\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 branches-joined /do/0/f\n"
           "i1 step-completed /do/0/f ^\n"
           "i1 instance-completed out=[{\"x\":false},{\"x\":true}]\n");
}

SCENARIO(fork, nests_and_repeats)
{
    hello(h, PURE, "s1", 9);
    deploy_tasks(h, "- l:\n"
                    "    for: {in: '${ [1,2] }'}\n"
                    "    do:\n"
                    "      - f:\n"
                    "          fork:\n"
                    "            branches:\n"
                    "              - a: {fork: {compete: true, branches: [{c: {call: "
                    "work@worker}}, {d: {wait: PT1S}}]}}\n"
                    "              - b: {for: {in: '${ [7] }', each: i}, do: [{s: {set: {v: '${ "
                    "$i + $item }'}}}]}\n");
    run(h, "{}");
    done(h, "/do/0/l/do/0/f/fork/branches/0/a/fork/branches/0/c[0]", "{\"n\":2}");
    forget_trace(h);
    advance(h, 1000);
    EXPECT("+1000\n"
           "i1 timer-fired /do/0/l/do/0/f/fork/branches/0/a/fork/branches/1/d\n"
           "i1 step-completed /do/0/l/do/0/f/fork/branches/0/a/fork/branches/1/d[1] ^\n"
           "i1 branch-ended /do/0/l/do/0/f/fork/branches/0/a/fork/branches/1[1]\n"
           "i1 branches-joined /do/0/l/do/0/f/fork/branches/0/a[1] winner=2\n"
           "i1 step-completed /do/0/l/do/0/f/fork/branches/0/a[1] ^\n"
           "i1 branch-ended /do/0/l/do/0/f/fork/branches/0[1]\n"
           "i1 branches-joined /do/0/l/do/0/f[1]\n"
           "i1 step-completed /do/0/l/do/0/f[1] ^\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[[{\"n\":2},{\"v\":8}],{\"v\":9}]\n");
}

/* A timeout around the fork meets a race that is won and waits for its loser. */
SCENARIO(fork, an_outer_timeout_takes_over)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- d:\n"
                    "    do:\n"
                    "      - f:\n"
                    "          fork:\n"
                    "            compete: true\n"
                    "            branches:\n"
                    "              - a: {call: work@worker}\n"
                    "              - b: {wait: PT1S}\n"
                    "    timeout: {after: PT3S}\n");
    run(h, "{}");
    forget_trace(h);
    advance(h, 1000);
    advance(h, 2000);
    done(h, "/do/0/d/do/0/f/fork/branches/0/a", "{\"n\":2}");
    EXPECT("+1000\n"
           "i1 timer-fired /do/0/d/do/0/f/fork/branches/1/b\n"
           "i1 step-completed /do/0/d/do/0/f/fork/branches/1/b ^\n"
           "i1 branch-ended /do/0/d/do/0/f/fork/branches/1\n"
           "i1 step-cancelled /do/0/d/do/0/f stays why=a branch won\n"
           "i1 step-cancelled /do/0/d/do/0/f/fork/branches/0/a stays why=recalled\n"
           "> recall worker/s1 #0.1\n"
           "+3000\n"
           "i1 step-cancelled /do/0/d stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i1 step-cancelled /do/0/d/do/0/f/fork/branches/1 why=timed out\n"
           "i1 step-result /do/0/d/do/0/f/fork/branches/0/a perform #0.1 done effect=done "
           "out={\"n\":2}\n"
           "i1 step-cancelled /do/0/d/do/0/f/fork/branches/0/a why=timed out\n"
           "i1 step-cancelled /do/0/d/do/0/f/fork/branches/0 why=timed out\n"
           "i1 step-cancelled /do/0/d/do/0/f why=timed out\n"
           "i1 step-faulted /do/0/d "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "d\",\"title\":\"the task took longer than its timeout\"}\n");
}

SCENARIO(fork, open_tasks_are_bounded)
{
    static char text[64 * 1024];
    size_t used = (size_t)snprintf(text, sizeof(text), "- f: {fork: {branches: [{x: {wait: PT1S}}");
    for (int i = 0; i < 30; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, ",{b%d: {fork: {branches: [", i);
        for (int j = 0; j < 40; j++) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s{c%d: {wait: PT1S}}",
                                     j > 0 ? "," : "", j);
        }
        used += (size_t)snprintf(text + used, sizeof(text) - used, "]}}}");
    }
    (void)snprintf(text + used, sizeof(text) - used, "]}}\n");
    deploy_tasks(h, text);
    h->untraced = true;
    run(h, "{}");
    h->untraced = false;
    cr_expect_eq(open_instances(h), 0);
}
