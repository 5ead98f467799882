/*
 * Effects that are undone: last first, when the instance faults or is cancelled, when a race is
 * lost, and when an effect happens that its step no longer waits for.
 */
#include "tests/engine/harness.h"

#define ACTION(name, effect, more)                                                         \
    "\"" name                                                                              \
    "\":{\"title\":\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\"," \
    "\"properties\":{\"n\":{\"type\":\"integer\"}}},\"effect\":\"" effect                  \
    "\",\"phases\":[\"perform\"]" more ",\"timeout\":\"PT5S\"}"
#define UNDOABLE(effect)                                                                       \
    "{\"agent\":\"worker\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{" ACTION(        \
        "work", effect, ",\"compensate\":\"undo\"") "," ACTION("undo", effect,                 \
                                                               "") "," ACTION("plain", effect, \
                                                                              "") "}}"

static void setup(struct harness *h, const char *effect, const char *tasks)
{
    hello(h, effect, "s1", 8);
    deploy_tasks(h, tasks);
    run(h, "{}");
    forget_trace(h);
}

#define TWO                      \
    "- a: {call: work@worker}\n" \
    "- b: {call: work@worker}\n" \
    "- r: {raise: {error: {type: 'https://x.test/no', status: 400, title: no}}}\n"

SCENARIO(compensation, a_fault_undoes_what_happened_last_first)
{
    setup(h, UNDOABLE("keyed"), TWO);
    struct id first = task(h, "/do/0/a")->key;
    done(h, "/do/0/a", "{\"n\":1}");
    forget_trace(h);
    done(h, "/do/1/b", "{\"n\":2}");
    EXPECT("i1 step-result /do/1/b perform #0.1 done effect=done out={\"n\":2}\n"
           "i1 compensation-registered /do/1/b by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":2}}\n"
           "i1 step-completed /do/1/b\n"
           "i1 step-faulted /do/2/r error={\"type\":\"https://x.test/no\",\"status\":400,"
           "\"title\":\"no\",\"instance\":\"/do/2/r\"}\n"
           "i1 unwinding all to=faulted error={\"type\":\"https://x.test/no\",\"status\":400,"
           "\"title\":\"no\",\"instance\":\"/do/2/r\"}\n"
           "i1 compensation-started undo /do/1/b by=undo "
           "out={\"input\":{\"n\":1},\"output\":{\"n\":2}}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n");
    cr_assert_eq(open_instances(h), 1, "it has not ended before all is undone");
    done(h, "undo of /do/1/b", "{}");
    EXPECT("i1 step-result perform #1.1 done effect=done out={}\n"
           "i1 compensation-ended /do/1/b compensated\n"
           "i1 compensation-started undo /do/0/a by=undo "
           "out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i1 step-dispatched perform #2.1 store=s1 contract=1.0.0\n");
    struct id key = id_of_undo(&first, 1);
    cr_assert(id_equal(&task(h, "undo of /do/0/a")->key, &key),
              "its name follows from the effect's");
    done(h, "undo of /do/0/a", "{}");
    EXPECT("i1 step-result perform #2.1 done effect=done out={}\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-faulted error={\"type\":\"https://x.test/no\",\"status\":400,"
           "\"title\":\"no\",\"instance\":\"/do/2/r\"}\n");
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(compensation, a_cancelled_instance_undoes_what_it_did_and_what_happens_meanwhile)
{
    setup(h, UNDOABLE("keyed"), TWO);
    done(h, "/do/0/a", "{}");
    cancel(h, 1);
    forget_trace(h);
    done(h, "/do/1/b", "{}"); /* the recall came too late */
    cr_assert_eq(h->sent_count, 3);
    done(h, "undo of /do/1/b", "{}");
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, a_step_says_how_or_that_it_stays)
{
    setup(h, UNDOABLE("keyed"),
          "- a: {call: work@worker, with: {compensate: false}}\n"
          "- b: {call: plain@worker, with: {compensate: {action: undo, input: '${ {k: .n, c: "
          "$input.n} }'}}, export: {as: '${ {x: 1} }'}}\n"
          "- c: {call: work@worker}\n");
    done(h, "/do/0/a", "{\"n\":1}");
    done(h, "/do/1/b", "{\"n\":2}");
    cancel(h, 1);
    answer(h, "/do/2/c", RESULT_RECALLED);
    cr_assert_str_eq(task(h, "undo of /do/1/b")->input, "{\"k\":2,\"c\":1}");
    done(h, "undo of /do/1/b", "{}");
    cr_assert_eq(open_instances(h), 0);
    cr_assert_eq(h->sent_count, 4, "a stays, c never happened");
    forget_trace(h);
}

SCENARIO(compensation, what_a_caught_error_leaves_stays_until_the_instance_fails)
{
    setup(h, UNDOABLE("keyed"),
          "- t:\n"
          "    try: [{a: {call: work@worker}}, {r: {raise: {error: {type: t, status: 400}}}}]\n"
          "    catch: {do: [{w: {call: plain@worker}}]}\n"
          "- r: {raise: {error: {type: t, status: 400}}}\n");
    done(h, "/do/0/t/try/0/a", "{}");
    cr_assert_eq(h->sent_count, 2);
    done(h, "/do/0/t/catch/do/0/w", "{}");
    done(h, "undo of /do/0/t/try/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, the_loser_of_a_race_is_undone_before_the_race_is_over)
{
    setup(h, UNDOABLE("keyed"),
          "- f:\n"
          "    fork:\n"
          "      compete: true\n"
          "      branches:\n"
          "      - l: {do: [{a: {call: work@worker}}, {b: {call: work@worker}}]}\n"
          "      - w: {do: [{c: {call: work@worker}}]}\n"
          "- e: {call: plain@worker}\n");
    done(h, "/do/0/f/fork/branches/0/l/do/0/a", "{\"n\":1}");
    done(h, "/do/0/f/fork/branches/1/w/do/0/c", "{\"n\":3}");
    done(h, "/do/0/f/fork/branches/0/l/do/1/b", "{\"n\":2}"); /* after it lost */
    done(h, "undo of /do/0/f/fork/branches/0/l/do/1/b", "{}");
    cr_assert_eq(h->sent_count, 5, "one after the other, and e waits");
    done(h, "undo of /do/0/f/fork/branches/0/l/do/0/a", "{}");
    cr_assert_str_eq(task(h, "/do/1/e")->input, "{\"n\":3}");
    done(h, "/do/1/e", "{}");
    cr_assert_eq(open_instances(h), 0, "the winner's effect stays");
    forget_trace(h);
}

SCENARIO(compensation, a_branch_that_failed_has_lost_the_race_too)
{
    setup(h, UNDOABLE("keyed"),
          "- f:\n"
          "    fork:\n"
          "      compete: true\n"
          "      branches:\n"
          "      - l: {do: [{a: {call: work@worker}}, {r: {raise: {error: {type: t, status: "
          "400}}}}]}\n"
          "      - w: {do: [{c: {call: work@worker}}]}\n");
    done(h, "/do/0/f/fork/branches/0/l/do/0/a", "{}");
    done(h, "/do/0/f/fork/branches/1/w/do/0/c", "{}");
    done(h, "undo of /do/0/f/fork/branches/0/l/do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    cr_assert_eq(h->sent_count, 3);
    forget_trace(h);
}

SCENARIO(compensation, branches_are_undone_in_the_order_of_the_journal)
{
    setup(h, UNDOABLE("keyed"),
          "- f:\n"
          "    fork:\n"
          "      branches:\n"
          "      - l: {do: [{a: {call: work@worker}}, {b: {call: work@worker}}]}\n"
          "      - w: {do: [{c: {call: work@worker}}]}\n"
          "- r: {raise: {error: {type: t, status: 400}}}\n");
    done(h, "/do/0/f/fork/branches/0/l/do/0/a", "{}");
    done(h, "/do/0/f/fork/branches/1/w/do/0/c", "{}");
    done(h, "/do/0/f/fork/branches/0/l/do/1/b", "{}");
    done(h, "undo of /do/0/f/fork/branches/0/l/do/1/b", "{}");
    done(h, "undo of /do/0/f/fork/branches/1/w/do/0/c", "{}");
    done(h, "undo of /do/0/f/fork/branches/0/l/do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

#define CHILD                                                                \
    "document: {dsl: 1.0.3, namespace: test, name: child, version: 1.0.0}\n" \
    "do: [{c: {call: work@worker}}, {d: {call: work@worker}}]\n"
#define RUNS_CHILD                                                             \
    "- a: {call: work@worker}\n"                                               \
    "- s: {run: {workflow: {namespace: test, name: child, version: 1.0.0}}}\n" \
    "- b: {call: work@worker}\n"                                               \
    "- r: {raise: {error: {type: t, status: 400}}}\n"

static void setup_child(struct harness *h, const char *tasks)
{
    hello(h, UNDOABLE("keyed"), "s1", 8);
    deploy(h, CHILD);
    deploy_tasks(h, tasks);
    run(h, "{}");
    forget_trace(h);
}

SCENARIO(compensation, who_runs_a_workflow_undoes_what_it_did)
{
    setup_child(h, RUNS_CHILD);
    done(h, "/do/0/a", "{}");
    done(h, "/do/0/c", "{}");
    done(h, "/do/1/d", "{}");
    done(h, "/do/2/b", "{}");
    done(h, "undo of /do/2/b", "{}");
    done(h, "undo of /do/1/d", "{}");
    done(h, "undo of /do/0/c", "{}");
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, cancelling_who_runs_a_workflow_undoes_both_in_one_order)
{
    setup_child(h, RUNS_CHILD);
    done(h, "/do/0/a", "{}");
    done(h, "/do/0/c", "{}");
    cancel(h, 1);
    done(h, "/do/1/d", "{}");
    cr_assert_eq(open_instances(h), 1, "the child has handed over what it did");
    done(h, "undo of /do/1/d", "{}");
    done(h, "undo of /do/0/c", "{}");
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, a_workflow_that_a_person_cancels_undoes_before_its_step_hears_of_it)
{
    setup_child(
        h, "- s:\n"
           "    try: [{x: {run: {workflow: {namespace: test, name: child, version: 1.0.0}}}}]\n"
           "    catch: {retry: {delay: PT1S, limit: {attempt: {count: 1}}}}\n");
    struct id key = task(h, "i2:/do/0/c")->key;
    done(h, "i2:/do/0/c", "{}");
    cancel(h, 2);
    answer(h, "i2:/do/1/d", RESULT_RECALLED);
    cr_assert_eq(open_instances(h), 2);
    done(h, "undo of /do/0/c", "{}");
    cr_assert_eq(open_instances(h), 1);
    advance(h, 1000);
    cr_assert(!id_equal(&task(h, "/do/0/c#2")->key, &key),
              "what was undone is done again under a name of its own");
    done(h, "/do/0/c#2", "{}");
    done(h, "/do/1/d", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, a_retried_block_meets_its_effects_and_they_are_undone_once)
{
    setup(h, UNDOABLE("keyed"),
          "- t:\n"
          "    try: [{a: {call: work@worker}}, {r: {raise: {error: {type: t, status: 400}}}}]\n"
          "    catch: {retry: {delay: PT1S, limit: {attempt: {count: 1}}}}\n");
    struct id key = task(h, "/do/0/t/try/0/a")->key;
    done(h, "/do/0/t/try/0/a", "{}");
    advance(h, 1000);
    cr_assert(id_equal(&task(h, "/do/0/t/try/0/a")->key, &key));
    done(h, "/do/0/t/try/0/a", "{}");
    done(h, "undo of /do/0/t/try/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    cr_assert_eq(h->sent_count, 3);
    forget_trace(h);
}

SCENARIO(compensation, an_effect_that_came_after_its_timeout_is_undone_before_the_error_is_handled)
{
    setup(h, UNDOABLE("keyed"),
          "- t:\n"
          "    try: [{a: {call: work@worker, timeout: {after: PT3S}}}]\n"
          "    catch: {do: [{w: {call: plain@worker}}]}\n");
    advance(h, 3000);
    done(h, "/do/0/t/try/0/a", "{}");
    cr_assert_eq(h->sent_count, 2);
    done(h, "undo of /do/0/t/try/0/a", "{}");
    done(h, "/do/0/t/catch/do/0/w", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, a_doubt_is_settled_with_the_key_and_then_undone)
{
    setup(h, UNDOABLE("keyed"), TWO);
    struct id key = task(h, "/do/0/a")->key;
    fail(h, "/do/0/a", FAILURE_TRANSIENT, MARK_UNKNOWN);
    cancel(h, 1);
    cr_assert(id_equal(&task(h, "outcome of /do/0/a")->key, &key));
    fail(h, "outcome of /do/0/a", FAILURE_TRANSIENT, MARK_UNKNOWN);
    advance(h, 60000);
    done(h, "outcome of /do/0/a", "{\"n\":7}");
    cr_assert_str_eq(task(h, "undo of /do/0/a")->input, "{\"input\":{},\"output\":{\"n\":7}}");
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, a_doubt_about_a_manual_effect_is_asked_before_the_end)
{
    setup(h, UNDOABLE("manual"), TWO);
    fail(h, "/do/0/a", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    cancel(h, 1);
    cr_assert_eq(h->gate_count, 2, "asked anew, for the end");
    verdict(h, VERDICT_NO, NULL);
    cr_assert_eq(open_instances(h), 0, "nothing to undo");
    run(h, "{}");
    fail(h, "i2:/do/0/a", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    cancel(h, 2);
    verdict(h, VERDICT_YES, "{\"n\":1}");
    cr_assert_str_eq(task(h, "undo of /do/0/a")->input, "{\"input\":{},\"output\":{\"n\":1}}");
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, a_late_success_is_undone_before_the_instance_ends)
{
    setup(h, UNDOABLE("manual"),
          "- t:\n"
          "    try: [{a: {call: work@worker}}]\n"
          "    catch: {do: [{w: {call: plain@worker}}]}\n");
    struct result_command late = result_of(task(h, "/do/0/t/try/0/a"), RESULT_DONE);
    late.output = doc_of_json(json_object());
    fail(h, "/do/0/t/try/0/a", FAILURE_PERMISSION, MARK_NONE); /* which was a lie */
    give(h, &late);
    done(h, "/do/0/t/catch/do/0/w", "{}");
    cr_assert_eq(open_instances(h), 1);
    done(h, "undo of /do/0/t/try/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    doc_unref(&late.output);
    forget_trace(h);
}

static void fail_for_good(struct harness *h)
{
    setup(h, UNDOABLE("keyed"), TWO);
    done(h, "/do/0/a", "{}");
    cancel(h, 1);
    answer(h, "/do/1/b", RESULT_RECALLED);
    fail(h, "undo of /do/0/a", FAILURE_TRANSIENT, MARK_NONE);
    advance(h, 60000);
    cr_assert_eq(h->sent_count, 4, "retried by class");
    fail(h, "undo of /do/0/a", FAILURE_DATA, MARK_NONE);
    cr_assert_eq(h->gate_count, 1);
}

SCENARIO(compensation, one_that_fails_waits_for_a_person_who_has_it_tried_again)
{
    fail_for_good(h);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, one_that_fails_waits_for_a_person_who_corrects_it)
{
    fail_for_good(h);
    struct id key = h->sent[h->sent_count - 1].key;
    verdict(h, VERDICT_EDIT, "{\"by\":\"hand\"}");
    cr_assert_str_eq(task(h, "undo of /do/0/a")->input, "{\"by\":\"hand\"}");
    cr_assert(!id_equal(&task(h, "undo of /do/0/a")->key, &key));
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, one_that_fails_waits_for_a_person_who_did_it_by_hand)
{
    fail_for_good(h);
    forget_trace(h);
    verdict(h, VERDICT_YES, NULL);
    EXPECT("i1 gate-decided yes\n"
           "i1 compensation-ended /do/0/a compensated\n"
           "i1 instance-cancelled\n");
}

SCENARIO(compensation, one_that_fails_waits_for_a_person_who_keeps_the_effect)
{
    fail_for_good(h);
    forget_trace(h);
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("i1 gate-decided reject\n"
           "i1 compensation-ended /do/0/a kept\n"
           "i1 instance-cancelled\n");
}

SCENARIO(compensation, one_without_an_input_asks_for_it)
{
    setup(h, UNDOABLE("keyed"),
          "- a: {call: work@worker, with: {compensate: {input: '${ .n + \"x\" }'}}}\n"
          "- b: {call: plain@worker}\n");
    done(h, "/do/0/a", "{\"n\":1}");
    cancel(h, 1);
    answer(h, "/do/1/b", RESULT_RECALLED);
    cr_assert_eq(h->gate_count, 1);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_assert_eq(h->reply, ERR_INVALID);
    verdict(h, VERDICT_EDIT, "{\"n\":1}");
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

SCENARIO(compensation, a_cancelled_instance_waits_for_what_a_race_undoes)
{
    setup(h, UNDOABLE("keyed"),
          "- f:\n"
          "    fork:\n"
          "      compete: true\n"
          "      branches:\n"
          "      - l: {do: [{a: {call: work@worker}}, {b: {call: work@worker}}]}\n"
          "      - w: {do: [{c: {call: work@worker}}]}\n");
    done(h, "/do/0/f/fork/branches/0/l/do/0/a", "{}");
    done(h, "/do/0/f/fork/branches/1/w/do/0/c", "{}");
    answer(h, "/do/0/f/fork/branches/0/l/do/1/b", RESULT_RECALLED);
    cancel(h, 1);
    done(h, "undo of /do/0/f/fork/branches/0/l/do/0/a", "{}");
    done(h, "undo of /do/0/f/fork/branches/1/w/do/0/c", "{}");
    cr_assert_eq(open_instances(h), 0);
    cr_assert_eq(h->sent_count, 5);
    forget_trace(h);
}

SCENARIO(compensation, a_lost_store_is_no_reason_to_forget_it)
{
    setup(h, UNDOABLE("keyed"), TWO);
    done(h, "/do/0/a", "{}");
    cancel(h, 1);
    answer(h, "/do/1/b", RESULT_RECALLED);
    hello(h, UNDOABLE("keyed"), "s2", 8);
    leave(h, "worker", "s1");
    lost(h, "s1", true);
    cr_assert_str_eq(task(h, "undo of /do/0/a")->store, "s2");
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

/* The instance settled its effects for ever. */
SCENARIO(compensation, one_that_is_in_doubt_and_kept_lets_the_instance_end)
{
    setup(h, UNDOABLE("manual"), TWO);
    done(h, "/do/0/a", "{}");
    cancel(h, 1);
    answer(h, "/do/1/b", RESULT_RECALLED);
    fail(h, "undo of /do/0/a", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    cr_assert_eq(h->gate_count, 1);
    verdict(h, VERDICT_APPROVE, NULL);
    cr_assert_eq(h->reply, ERR_INVALID, "it may be undone already");
    verdict(h, VERDICT_NO, NULL);
    fail(h, "undo of /do/0/a", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    verdict(h, VERDICT_REJECT, NULL);
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

/* Its store said so in a word of another attempt, and was lost before it said what it gave: nobody
 * waits for that word, so nothing to undo is registered. */
static void happened_and_lost(struct harness *h)
{
    setup(h, UNDOABLE("manual"), TWO);
    struct result_command late = result_of(task(h, "/do/0/a"), RESULT_DONE);
    late.attempt += 100;
    give(h, &late);
    leave(h, "worker", "s1");
    cancel(h, 1);
    lost(h, "s1", true);
    cr_assert_eq(open_instances(h), 1);
    hello(h, UNDOABLE("manual"), "s2", 8);
    cr_expect_not_null(strstr(h->trace.data, "in-doubt:in-doubt-before"));
}

/* Who rejected it was asked again, for ever. */
SCENARIO(compensation, one_that_happened_at_a_lost_store_is_kept_when_a_person_says_so)
{
    happened_and_lost(h);
    forget_trace(h);
    struct command command = {
        .kind = COMMAND_VERDICT,
        .token = 1,
        .verdict = {.gate = h->gates[h->gate_count - 1], .verdict = VERDICT_REJECT}};
    harness_begin(h);
    harness_command(h, &command);
    (void)harness_end(h);
    cr_assert_eq(h->reply, ERR_INVALID, "it needs a reason");
    verdict(h, VERDICT_REJECT, NULL);
    EXPECT("> invalid: it happened, and to reject keeps the effect of /do/0/a: give the reason\n"
           "i1 gate-decided reject\n"
           "i1 compensation-ended /do/0/a kept\n"
           "i1 instance-cancelled\n");
    cr_assert_eq(open_instances(h), 0);
}

SCENARIO(compensation, one_that_happened_at_a_lost_store_is_not_undone_when_a_person_saw_it_did_not)
{
    happened_and_lost(h);
    forget_trace(h);
    verdict(h, VERDICT_NO, NULL);
    EXPECT("i1 gate-decided no\n"
           "i1 compensation-ended /do/0/a none\n"
           "i1 instance-cancelled\n");
    cr_assert_eq(open_instances(h), 0);
}

/* One gate for the cause, as of any step: when it is settled, undoing goes on by itself. */
SCENARIO(compensation, one_that_is_refused_waits_for_the_circuit)
{
    setup(h, UNDOABLE("keyed"), TWO);
    done(h, "/do/0/a", "{}");
    cancel(h, 1);
    answer(h, "/do/1/b", RESULT_RECALLED);
    fail(h, "undo of /do/0/a", FAILURE_PERMISSION, MARK_NONE);
    cr_assert_eq(h->gate_count, 1);
    cr_assert_eq(open_instances(h), 1);
    verdict(h, VERDICT_APPROVE, NULL);
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    cr_expect_eq(table_rows(h, 'G'), 0);
    forget_trace(h);
}

/* The child's rows begin with those of the one before, who does not know that it was undone. */
SCENARIO(compensation, a_workflow_that_runs_again_does_anew_what_others_undid)
{
    hello(h, UNDOABLE("keyed"), "s1", 8);
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: inner, version: 1.0.0}\n"
              "do: [{c: {call: work@worker}}]\n");
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: child, version: 1.0.0}\n"
              "do: [{i: {run: {workflow: {namespace: test, name: inner, version: 1.0.0}}}}]\n");
    deploy_tasks(
        h, "- t:\n"
           "    try:\n"
           "    - f:\n"
           "        fork:\n"
           "          compete: true\n"
           "          branches:\n"
           "          - l: {do: [{s: {run: {workflow: {namespace: test, name: child, version: "
           "1.0.0}}}}, {b: {call: plain@worker}}]}\n"
           "          - w: {do: [{p: {call: plain@worker}}]}\n"
           "    - r: {raise: {error: {type: t, status: 400}}}\n"
           "    catch: {retry: {delay: PT1S, limit: {attempt: {count: 1}}}}\n");
    run(h, "{}");
    forget_trace(h);
    struct id key = task(h, "/do/0/c")->key;
    done(h, "/do/0/c", "{\"n\":1}");
    done(h, "/do/0/t/try/0/f/fork/branches/1/w/do/0/p", "{}");
    answer(h, "/do/0/t/try/0/f/fork/branches/0/l/do/1/b", RESULT_RECALLED);
    done(h, "undo of /do/0/c", "{}");
    advance(h, 1000);
    struct id again = task(h, "/do/0/c#2")->key;
    cr_assert(!id_equal(&again, &key), "its store would answer that it is done");
    done(h, "/do/0/c#2", "{\"n\":2}");
    done(h, "/do/0/t/try/0/f/fork/branches/1/w/do/0/p", "{}");
    answer(h, "/do/0/t/try/0/f/fork/branches/0/l/do/1/b", RESULT_RECALLED);
    struct id undo = id_of_undo(&again, 1);
    cr_assert(id_equal(&task(h, "undo of /do/0/c#2")->key, &undo));
    done(h, "undo of /do/0/c#2", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

/* It took until the task was sent out again, half a minute later. */
SCENARIO(compensation, a_doubt_is_over_when_the_effect_is_heard_of)
{
    setup(h, UNDOABLE("keyed"),
          "- t:\n"
          "    try: [{a: {call: work@worker, timeout: {after: PT3S}}}]\n"
          "    catch: {do: [{w: {call: plain@worker}}]}\n");
    struct result_command late = result_of(task(h, "/do/0/t/try/0/a"), RESULT_DONE);
    late.output = doc_of_json(json_object());
    advance(h, 3000);
    fail(h, "/do/0/t/try/0/a", FAILURE_TRANSIENT, MARK_UNKNOWN); /* it still runs */
    struct id key = task(h, "outcome of /do/0/t/try/0/a")->key;
    cr_assert(id_equal(&key, &late.key));
    unsigned again = task(h, "outcome of /do/0/t/try/0/a")->again;
    give(h, &late);
    cr_assert_gt(task(h, "outcome of /do/0/t/try/0/a")->again, again,
                 "asked for what its store knows by now");
    done(h, "outcome of /do/0/t/try/0/a", "{}");
    done(h, "undo of /do/0/t/try/0/a", "{}");
    done(h, "/do/0/t/catch/do/0/w", "{}");
    cr_assert_eq(open_instances(h), 0);
    doc_unref(&late.output);
    forget_trace(h);
}

/* The person's word came after the store's, and took the effect from those that are undone. */
SCENARIO(compensation, an_effect_that_is_heard_of_beside_its_gate_is_undone)
{
    setup(h, UNDOABLE("manual"),
          "- a: {call: work@worker}\n- r: {raise: {error: {type: x, status: 500}}}\n");
    struct result_command late = result_of(task(h, "/do/0/a"), RESULT_DONE);
    late.output = doc_of_json(json_object());
    fail(h, "/do/0/a", FAILURE_IN_DOUBT, MARK_UNKNOWN);
    verdict(h, VERDICT_REJECT, NULL);
    cr_assert_eq(open_instances(h), 1, "what became of it is asked before it ends");
    give(h, &late);
    verdict(h, VERDICT_REJECT, NULL);
    done(h, "undo of /do/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    doc_unref(&late.output);
    forget_trace(h);
}

/* It went with what it might be doing, and nobody was asked. */
SCENARIO(compensation, an_outcome_that_is_asked_for_keeps_a_killed_instance)
{
    setup(h, UNDOABLE("keyed"),
          "- t:\n"
          "    try: [{a: {call: work@worker, timeout: {after: PT3S}}}]\n"
          "    catch: {do: [{w: {call: plain@worker}}]}\n");
    advance(h, 3000);
    fail(h, "/do/0/t/try/0/a", FAILURE_TRANSIENT, MARK_UNKNOWN);
    size_t gates = h->gate_count;
    (void)task(h, "outcome of /do/0/t/try/0/a");
    operate(h, OPERATE_KILL, 1);
    cr_assert_eq(open_instances(h), 1, "its store may do it now");
    cr_assert_eq(h->gate_count, gates + 1);
    done(h, "outcome of /do/0/t/try/0/a", "{}");
    cr_assert_eq(open_instances(h), 0);
    forget_trace(h);
}

/* A retry runs the workflow again under the same names, and takes over what it did once more. */
SCENARIO(compensation, what_a_person_keeps_stays_when_a_workflow_meets_it_again)
{
    hello(h, UNDOABLE("keyed"), "s1", 8);
    deploy(h, "document: {dsl: '1.0.3', namespace: test, name: sub, version: '1.0.0'}\n"
              "do:\n- c: {call: work@worker}\n- v: {wait: {hours: 1}}\n");
    deploy_tasks(h,
                 "- t:\n    try:\n"
                 "      - f:\n          fork:\n            compete: true\n            branches:\n"
                 "              - r: {run: {workflow: {namespace: test, name: sub, version: "
                 "'1.0.0'}}}\n"
                 "              - w: {wait: {seconds: 1}}\n"
                 "      - no: {raise: {error: {type: 'https://x.test/no', status: 400}}}\n"
                 "    catch: {retry: {delay: {seconds: 1}, limit: {attempt: {count: 1}}}}\n");
    run(h, "{}");
    done(h, "i2:/do/0/c", "{\"n\":1}");
    advance(h, 1000);
    fail(h, "undo of /do/0/c", FAILURE_DATA, MARK_NONE);
    verdict(h, VERDICT_REJECT, NULL);
    advance(h, 1000);
    done(h, "i3:/do/0/c", "{\"n\":1}");
    forget_trace(h);
    advance(h, 1000);
    EXPECT(
        "+3000\n"
        "i1 timer-fired /do/0/t/try/0/f/fork/branches/1/w\n"
        "i1 step-completed /do/0/t/try/0/f/fork/branches/1/w ^\n"
        "i1 branch-ended /do/0/t/try/0/f/fork/branches/1\n"
        "i1 step-cancelled /do/0/t/try/0/f stays why=a branch won\n"
        "i1 step-cancelled /do/0/t/try/0/f/fork/branches/0/r stays why=cancels what it runs\n"
        "i3 instance-cancelling\n"
        "i3 step-cancelled /do/1/v why=cancelled\n"
        "i3 instance-cancelled\n"
        "i1 child-ended /do/0/t/try/0/f/fork/branches/0/r cancelled\n"
        "i1 step-cancelled /do/0/t/try/0/f/fork/branches/0/r why=another branch won\n"
        "i1 step-cancelled /do/0/t/try/0/f/fork/branches/0 why=another branch won\n"
        "i1 branches-joined /do/0/t/try/0/f winner=2\n"
        "i1 step-completed /do/0/t/try/0/f\n"
        "i1 step-faulted /do/0/t/try/1/no "
        "error={\"type\":\"https://x.test/no\",\"status\":400,\"instance\":\"/do/0/t/try/1/no\"}\n"
        "i1 step-faulted /do/0/t "
        "error={\"type\":\"https://x.test/no\",\"status\":400,\"instance\":\"/do/0/t/try/1/no\"}\n"
        "i1 instance-faulted "
        "error={\"type\":\"https://x.test/no\",\"status\":400,\"instance\":\"/do/0/t/try/1/"
        "no\"}\n");
    cr_assert_eq(open_instances(h), 0);
}
