/* Two versions side by side. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "coordinator/definition/compare.h"
#include "coordinator/definition/plan.h"

#define HEAD(version) "document: {dsl: 1.0.3, namespace: t, name: v, version: " version "}\n"

static struct plan *load(const char *text)
{
    struct plan *plan = NULL;
    struct plan_report report;
    enum err code = plan_load(text, strlen(text), &plan, &report);
    cr_assert_eq(code, ERR_OK, "%s", report.count > 0 ? report.problems[0].message : "?");
    plan_report_release(&report);
    return plan;
}

static void expect_diff(const char *from, const char *to, const char *expected)
{
    struct plan *a = load(from);
    struct plan *b = load(to);
    json_t *diff = plan_diff(a, b);
    struct buf text = BUF_INIT(65536);
    json_write(diff, &text);
    cr_expect_str_eq(text.data, expected);
    buf_release(&text);
    json_decref(diff);
    plan_destroy(&a);
    plan_destroy(&b);
}

Test(compare, places_name_tasks_without_their_positions)
{
    struct plan *plan = load(HEAD("1.0.0") "use: {functions: {f: {set: {a: 1}}}}\n"
                                           "do:\n"
                                           "  - first: {set: {a: 1}}\n"
                                           "  - 7:\n"
                                           "      try:\n"
                                           "        - 1: {do: [{a/b: {set: {x: 1}}}]}\n"
                                           "      catch: {do: [{1: {set: {x: 1}}}]}\n"
                                           "  - fn: {call: f, with: {q: 1}}\n");
    static const char *const places[] = {
        "/do/first",        "/do/7",  "/do/7/try/1", "/do/7/try/1/do/a~1b",
        "/do/7/catch/do/1", "/do/fn", "/do/fn/with", "/do/fn/call"};
    cr_assert_eq(plan->node_count, sizeof(places) / sizeof(places[0]));
    for (uint32_t i = 0; i < plan->node_count; i++) {
        cr_expect_str_eq(plan->nodes[i].place, places[i]);
    }
    plan_destroy(&plan);
}

Test(compare, a_task_before_another_moves_nothing)
{
    expect_diff(HEAD("1.0.0") "do: [{a: {set: {x: 1}}}, {b: {set: {x: 2}}}]\n",
                HEAD("1.1.0") "do: [{n: {set: {y: 1}}}, {a: {set: {x: 1}}}, {b: {set: {x: 3}}}]\n",
                "[{\"change\":\"added\",\"step\":\"/do/0/n\",\"task\":\"set\"},"
                "{\"change\":\"changed\",\"step\":\"/do/2/b\",\"was\":\"/do/1/b\",\"task\":\"set\","
                "\"members\":[{\"member\":\"/set/x\",\"from\":2,\"to\":3}]}]");
}

Test(compare, what_is_gone_with_its_block_is_told_once)
{
    expect_diff(HEAD("1.0.0") "do: [{a: {do: [{b: {set: {x: 1}}}]}}, {c: {set: {x: 1}}}]\n",
                HEAD("1.1.0") "do: [{c: {set: {x: 1}}}]\n",
                "[{\"change\":\"removed\",\"step\":\"/do/0/a\",\"task\":\"do\"}]");
}

Test(compare, a_change_inside_a_block_is_not_one_of_the_block)
{
    expect_diff(HEAD("1.0.0") "do: [{t: {try: [{a: {set: {x: 1}}}], catch: {as: e, do: [{c: {set: "
                              "{x: 1}}}]}}}]\n",
                HEAD("1.1.0") "do: [{t: {try: [{a: {set: {x: 1}}}], catch: {as: f, do: [{c: {set: "
                              "{x: 2}}}]}}}]\n",
                "[{\"change\":\"changed\",\"step\":\"/do/0/t\",\"task\":\"try\",\"members\":"
                "[{\"member\":\"/catch/as\",\"from\":\"e\",\"to\":\"f\"}]},"
                "{\"change\":\"changed\",\"step\":\"/do/0/t/catch/do/0/c\",\"task\":\"set\","
                "\"members\":[{\"member\":\"/set/x\",\"from\":1,\"to\":2}]}]");
}

Test(compare, a_moved_task_is_told_and_its_neighbours_are_not)
{
    expect_diff(
        HEAD("1.0.0") "do: [{x: {set: {v: 1}}}, {a: {set: {v: 1}}}, {b: {set: {v: 1}}}]\n",
        HEAD("1.1.0") "do: [{a: {set: {v: 1}}}, {b: {set: {v: 1}}}, {x: {set: {v: 1}}}]\n",
        "[{\"change\":\"moved\",\"step\":\"/do/2/x\",\"was\":\"/do/0/x\",\"task\":\"set\"}]");
}

Test(compare, branches_of_a_fork_are_told_by_their_tasks)
{
    expect_diff(
        HEAD("1.0.0") "do: [{f: {fork: {branches: [{a: {set: {x: 1}}}, {b: {set: {x: 1}}}]}}}]\n",
        HEAD("1.1.0") "do: [{f: {fork: {branches: [{a: {set: {x: 2}}}, {b: {set: {x: 1}}}]}}}]\n",
        "[{\"change\":\"changed\",\"step\":\"/do/0/f/fork/branches/0/a\",\"task\":\"set\","
        "\"members\":[{\"member\":\"/set/x\",\"from\":1,\"to\":2}]}]");
}

/* The effects of a call keep their names when it gets a lock. */
Test(compare, a_call_keeps_its_place_in_a_lock)
{
    const char *plain = HEAD("1.0.0") "do: [{a: {call: w@x, with: {input: {n: 1}}}}]\n";
    const char *locked = HEAD(
        "1.1.0") "do: [{a: {call: w@x, with: {input: {n: 1}, lock: {entity: e, ttl: PT1M}}}}]\n";
    const char *other = HEAD(
        "1.2.0") "do: [{a: {call: w@x, with: {input: {n: 1}, lock: {entity: f, ttl: PT1M}}}}]\n";
    struct plan *plan = load(locked);
    cr_assert_eq(plan->node_count, 2);
    cr_expect_str_eq(plan->nodes[0].pointer, "/do/0/a");
    cr_expect_str_eq(plan->nodes[0].place, "/do/a/lock");
    cr_expect_str_eq(plan->nodes[1].pointer, "/do/0/a/call");
    cr_expect_str_eq(plan->nodes[1].place, "/do/a");
    cr_expect(plan_call_in_lock(plan, 1));
    cr_expect(!plan_call_in_lock(plan, 0));
    plan_destroy(&plan);
    expect_diff(plain, locked,
                "[{\"change\":\"changed\",\"step\":\"/do/0/a/call\",\"was\":\"/do/0/"
                "a\",\"task\":\"call\",\"members\":[{\"member\":\"/with/"
                "lock\",\"to\":{\"entity\":\"e\",\"ttl\":\"PT1M\"}}]}]");
    expect_diff(locked, plain,
                "[{\"change\":\"changed\",\"step\":\"/do/0/a\",\"was\":\"/do/0/a/"
                "call\",\"task\":\"call\",\"members\":[{\"member\":\"/with/"
                "lock\",\"from\":{\"entity\":\"e\",\"ttl\":\"PT1M\"}}]}]");
    expect_diff(locked, other,
                "[{\"change\":\"changed\",\"step\":\"/do/0/"
                "a\",\"task\":\"call\",\"members\":[{\"member\":\"/with/lock/"
                "entity\",\"from\":\"e\",\"to\":\"f\"}]}]");
}

Test(compare, a_change_inside_of_a_lock_is_not_one_of_the_lock)
{
    expect_diff(HEAD("1.0.0") "do: [{l: {call: lock, with: {entity: e, ttl: PT1M, do: [{a: {set: "
                              "{x: 1}}}]}}}]\n",
                HEAD("1.1.0") "do: [{l: {call: lock, with: {entity: e, ttl: PT1M, do: [{a: {set: "
                              "{x: 2}}}]}}}]\n",
                "[{\"change\":\"changed\",\"step\":\"/do/0/l/with/do/0/"
                "a\",\"task\":\"set\",\"members\":[{\"member\":\"/set/x\",\"from\":1,\"to\":2}]}]");
}

Test(compare, what_is_outside_the_tasks_comes_first)
{
    expect_diff(HEAD("1.0.0") "timeout: {after: PT5S}\ndo: [{a: {set: {x: 1}}}]\n",
                HEAD("1.1.0") "output: {as: .}\ndo: [{a: {set: {x: 1}}}]\n",
                "[{\"change\":\"changed\",\"step\":\"\",\"members\":["
                "{\"member\":\"/timeout\",\"from\":{\"after\":\"PT5S\"}},"
                "{\"member\":\"/output\",\"to\":{\"as\":\".\"}}]}]");
}

Test(compare, versions_are_ordered_as_semver_says)
{
    cr_expect_lt(plan_version_compare("1.9.0", "1.10.0"), 0);
    cr_expect_lt(plan_version_compare("1.0.0-rc.1", "1.0.0"), 0);
    cr_expect_gt(plan_version_compare("1.0.0-rc.11", "1.0.0-rc.2"), 0);
    cr_expect_eq(plan_version_compare("1.0.0", "1.0.0"), 0);
    cr_expect_lt(plan_version_compare("x", "0.0.1"), 0);
}
