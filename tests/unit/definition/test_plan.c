#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/definition/expr.h"
#include "tests/unit/definition/load_file.h"

static struct plan *load_tasks(const char *body)
{
    char *text = with_head(body);
    struct plan *plan = load_good(text);
    free(text);
    return plan;
}

static const struct plan_node *node_at(const struct plan *plan, const char *pointer)
{
    const struct plan_node *node = plan_node_at(plan, pointer);
    cr_assert_not_null(node, "no node at %s", pointer);
    return node;
}

Test(plan, knows_its_head)
{
    struct plan *plan =
        load_good("{\"document\": {\"dsl\": \"1.0.3\", \"namespace\": \"shop\",\n"
                  "\t\"name\": \"order\", \"version\": \"1.2.3\", \"title\": \"T\",\n"
                  " \"metadata\": {\"mainstay\": {\"priority\": 2}}},\n"
                  " \"do\": [{\"a\": {\"set\": {\"x\": 1}}}]}");
    cr_expect_str_eq(plan->namespace_, "shop");
    cr_expect_str_eq(plan->name, "order");
    cr_expect_str_eq(plan->version, "1.2.3");
    cr_expect_str_eq(plan->title, "T");
    cr_expect_eq(plan->priority, 2);
    cr_expect_eq(plan->first, 0);
    cr_expect_eq(plan->node_count, 1);
    cr_expect_null(plan->trigger);
    plan_destroy(&plan);
    cr_expect_null(plan);
}

Test(plan, lists_are_chains_and_goto_finds_its_target)
{
    struct plan *plan = load_tasks("  - a: {set: {x: 1}, then: c}\n"
                                   "  - b: {do: [{inner: {set: {y: 1}, then: exit}}], then: end}\n"
                                   "  - c: {set: {z: 1}, then: b}\n");
    const struct plan_node *a = node_at(plan, "/do/0/a");
    const struct plan_node *b = node_at(plan, "/do/1/b");
    const struct plan_node *inner = node_at(plan, "/do/1/b/do/0/inner");
    const struct plan_node *c = node_at(plan, "/do/2/c");
    cr_expect_eq(plan->first, a->index);
    cr_expect_eq(a->next, b->index);
    cr_expect_eq(b->next, c->index);
    cr_expect_eq(c->next, PLAN_NONE);
    cr_expect_eq(a->then.kind, FLOW_GOTO);
    cr_expect_eq(a->then.target, c->index);
    cr_expect_eq(c->then.target, b->index);
    cr_expect_eq(b->then.kind, FLOW_END);
    cr_expect_eq(inner->then.kind, FLOW_EXIT);
    cr_expect_eq(inner->parent, b->index);
    cr_expect_eq(b->block.first, inner->index);
    cr_expect_eq(a->parent, PLAN_NONE);
    plan_destroy(&plan);
}

Test(plan, an_agent_call_and_its_short_form_are_the_same)
{
    struct plan *plan =
        load_tasks("  - long:\n"
                   "      call: agent\n"
                   "      with: {agent: rec, action: match, contract: '1.3', input: '${ .x }',\n"
                   "             idempotencyKey: '${ .id }', minConfidence: 0.8, priority: 1}\n"
                   "      timeout: {after: PT5S}\n"
                   "  - short:\n"
                   "      call: match:1.3@rec\n"
                   "      with: {input: '${ .x }'}\n");
    const struct plan_agent_call *calls[] = {&node_at(plan, "/do/0/long")->call,
                                             &node_at(plan, "/do/1/short")->call};
    for (size_t i = 0; i < 2; i++) {
        cr_expect_str_eq(calls[i]->agent, "rec");
        cr_expect_str_eq(calls[i]->action, "match");
        cr_expect_str_eq(calls[i]->contract, "1.3");
        cr_expect_not_null(calls[i]->input);
    }
    cr_expect_not_null(calls[0]->idempotency_key);
    cr_expect_float_eq(calls[0]->min_confidence, 0.8, 1e-9);
    cr_expect_eq(calls[0]->priority, 1);
    cr_expect_eq(calls[0]->timeout.after.ms, 5000);
    cr_expect_eq(calls[1]->priority, -1);
    cr_expect_null(calls[1]->idempotency_key);
    plan_destroy(&plan);
}
