/*
 * Answers that no agent gives which is well: refused, kept as dead letters, and without effect.
 *
 * Plays in which everything comes twice would have two letters: these scenarios are played once.
 */
#include "tests/engine/harness.h"

static struct harness *working(const char *contract)
{
    struct harness *h = harness_create();
    hello(h, contract, "s1", 4);
    hello(h, CONTRACT("other", "1.0.0", "work", "[\"decide\"]", "pure"), "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker}\n");
    run(h, "{}");
    forget_trace(h);
    return h;
}

static void lie(struct harness *h, struct result_command *result)
{
    result->output = doc_of_json(json_pack("{s:i}", "lie", 1));
    give(h, result);
    doc_unref(&result->output);
}

/* The right answer still counts, and a replay sees the same. */
static void ends_well(struct harness *h)
{
    forget_trace(h);
    done(h, "/do/0/w", "{\"right\":1}");
    EXPECT("i1 step-result /do/0/w decide #0.1 done effect=none out={\"right\":1}\n"
           "i1 step-completed /do/0/w ^\n"
           "i1 instance-completed out={\"right\":1}\n");
    harness_replay(h);
    harness_destroy(&h);
}

Test(lies, an_answer_for_another_agents_task_is_kept)
{
    struct harness *h = working(PURE);
    struct result_command result = result_of(task(h, "/do/0/w"), RESULT_DONE);
    result.agent = "other";
    lie(h, &result);
    EXPECT("dead-letter type=result.other.s1 why=answers for a task of agent worker\n");
    cr_expect_eq(table_rows(h, 'Z'), 1);
    ends_well(h);
}

Test(lies, an_answer_to_another_input_is_kept)
{
    struct harness *h = working(PURE);
    struct result_command result = result_of(task(h, "/do/0/w"), RESULT_DONE);
    result.input_digest.bytes[0] ^= 1U;
    lie(h, &result);
    EXPECT("dead-letter type=result.worker.s1 why=answers with the digest of another input\n");
    cr_expect_eq(table_rows(h, 'Z'), 1);
    ends_well(h);
}

Test(lies, another_agents_effect_is_kept_once_and_not_entered)
{
    struct harness *h = working(KEYED);
    struct result_command result = result_of(task(h, "/do/0/w"), RESULT_DONE);
    result.agent = "other";
    lie(h, &result);
    EXPECT("dead-letter type=result.other.s1 why=answers for a task of agent worker\n");
    cr_expect_eq(table_rows(h, 'Z'), 1);
    done(h, "/do/0/w", "{}");
    result.agent = "worker";
    lie(h, &result); /* a repetition: counted, nothing else */
    cr_expect_eq(table_rows(h, 'Z'), 1);
    forget_trace(h);
    harness_replay(h);
    harness_destroy(&h);
}

Test(lies, late_and_repeated_answers_are_only_counted)
{
    struct harness *h = working(PURE);
    struct result_command right = result_of(task(h, "/do/0/w"), RESULT_DONE);
    struct result_command wrong = right;
    wrong.attempt++;
    lie(h, &wrong);
    wrong = right;
    wrong.phase = PHASE_PERFORM;
    lie(h, &wrong);
    wrong = right;
    wrong.key.bytes[0] ^= 1U;
    lie(h, &wrong);
    wrong = right;
    wrong.store = "s2";
    lie(h, &wrong);
    EXPECT("");
    cr_expect_eq(engine_counters(turn_engine(h->turn))->stale_results, 4);
    ends_well(h);
}
