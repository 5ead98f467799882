/*
 * What ended workflows knew of their effects, kept for a retry that runs them again.
 */
#include <string.h>

#include "common/store/kv.h"
#include "tests/engine/harness.h"

enum { ROUNDS = 40 };

/* A loop runs a workflow for each item, each with an effect, in a block that is retried once. */
static void loop_begin(struct harness *h)
{
    hello(h, KEYED, "s1", 4);
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: part, version: 1.0.0}\n"
              "do:\n- a: {call: work@worker}\n");
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - l:\n"
                    "          for: {in: '${ [range(0; .n)] }'}\n"
                    "          do: [{r: {run: {workflow: {namespace: test, name: part, input: "
                    "{n: 1}}}}}]\n"
                    "      - f: {raise: {error: {type: x, status: 500}}}\n"
                    "    catch: {retry: {delay: PT5S, limit: {attempt: {count: 1}}}}\n");
}

/* Rows of the table. */
static size_t kept_rows(const struct harness *h)
{
    struct kv_range range = {.family = 0, .lower = {"\0\0U", 3}, .upper = {"\0\0V", 3}};
    struct kv_iter *iter = kv_iter_create(h->kv, &range);
    size_t count = 0;
    for (kv_iter_seek_first(iter); kv_iter_valid(iter); kv_iter_next(iter)) {
        count++;
    }
    kv_iter_destroy(&iter);
    return count;
}

static void answer_round(struct harness *h, size_t instance)
{
    char step[64];
    (void)snprintf(step, sizeof(step), "i%zu:/do/0/a", instance);
    done(h, step, "{\"n\":1}");
}

/* Bytes of the row of the instance that loops. */
static size_t row_size(const struct harness *h)
{
    char key[3 + ID_BYTES] = {0, 0, 'W'}; /* it waits for what it runs */
    memcpy(key + 3, h->instances[0].bytes, ID_BYTES);
    struct buf row = BUF_INIT(1024 * 1024);
    struct str name = {key, sizeof(key)};
    cr_assert_eq(kv_get(h->kv, 0, name, &row, NULL), ERR_OK);
    size_t size = row.size;
    buf_release(&row);
    return size;
}

SCENARIO(kept, what_a_loop_keeps_is_not_written_again_in_each_round)
{
    loop_begin(h);
    run(h, "{\"n\":40}");
    for (size_t round = 0; round < 3; round++) {
        answer_round(h, round + 2);
    }
    size_t early = row_size(h);
    for (size_t round = 3; round < ROUNDS - 1; round++) {
        answer_round(h, round + 2);
    }
    cr_expect_lt(row_size(h), early + (size_t)8 * ROUNDS, "an effect has some 150 bytes");
    answer_round(h, ROUNDS + 1);
    cr_expect_eq(kept_rows(h), ROUNDS);
    forget_trace(h);
}

SCENARIO(kept, a_retried_loop_finds_the_effects_of_each_of_its_workflows)
{
    struct id keys[ROUNDS];
    loop_begin(h);
    run(h, "{\"n\":3}");
    for (size_t round = 0; round < 3; round++) {
        char step[64];
        (void)snprintf(step, sizeof(step), "i%zu:/do/0/a", round + 2);
        keys[round] = task(h, step)->key;
        answer_round(h, round + 2);
    }
    cr_expect_eq(kept_rows(h), 3);
    hello(h, KEYED, "s0", 4); /* goes before s1, by its name */
    advance(h, 5000);
    for (size_t round = 0; round < 3; round++) {
        char step[64];
        (void)snprintf(step, sizeof(step), "i%zu:/do/0/a", round + 5);
        cr_expect(id_equal(&task(h, step)->key, &keys[round]));
        cr_expect_str_eq(task(h, step)->store, "s1", "it began the effect");
        answer_round(h, round + 5);
    }
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(kept_rows(h), 0);
    forget_trace(h);
}

/* The workflow in between ends too: what it kept goes one up. */
SCENARIO(kept, effects_of_workflows_below_a_workflow_are_found_again)
{
    loop_begin(h);
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: middle, version: 1.0.0}\n"
              "do:\n- r: {run: {workflow: {namespace: test, name: part, input: {n: 1}}}}\n"
              "- w: {wait: PT1S}\n");
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: top, version: 1.0.0}\n"
              "do:\n- t:\n"
              "    try:\n"
              "      - r: {run: {workflow: {namespace: test, name: middle, input: {n: 1}}}}\n"
              "      - f: {raise: {error: {type: x, status: 500}}}\n"
              "    catch: {retry: {delay: PT5S, limit: {attempt: {count: 1}}}}\n");
    start(h, "test/top", "{}");
    struct id key = task(h, "i3:/do/0/a")->key;
    answer_round(h, 3);
    cr_expect_eq(kept_rows(h), 1);
    advance(h, 1000);
    cr_expect_eq(kept_rows(h), 1, "of the top now");
    hello(h, KEYED, "s0", 4);
    advance(h, 5000);
    cr_expect(id_equal(&task(h, "i5:/do/0/a")->key, &key));
    cr_expect_str_eq(task(h, "i5:/do/0/a")->store, "s1");
    answer_round(h, 5);
    advance(h, 1000);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(kept_rows(h), 0);
    forget_trace(h);
}
