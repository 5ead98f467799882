/* Instances move to another version of their definition, or say why they do not. */
#include "tests/engine/harness.h"

#define HEAD(version) "document: {dsl: 1.0.3, namespace: test, name: m, version: " version "}\n"
#define CALL          "{call: agent, with: {agent: worker, action: work}}"

static void migrate_some(struct harness *h, size_t first, size_t count, const char *version)
{
    harness_begin(h);
    struct command command = {.kind = COMMAND_MIGRATE,
                              .token = 1,
                              .migrate = {.instances = &h->instances[first],
                                          .count = (uint32_t)count,
                                          .version = version,
                                          .reason = "fixed",
                                          .person = "ann"}};
    harness_command(h, &command);
    (void)harness_end(h);
}

static void migrate(struct harness *h, const char *version)
{
    migrate_some(h, 0, h->instance_count, version);
}

/* Start under `old`, deploy `now`, move. */
static void move_between(struct harness *h, const char *old, const char *now)
{
    deploy(h, old);
    start(h, "test/m", "{}");
    deploy(h, now);
    migrate(h, "2.0.0");
}

SCENARIO(migrate, an_instance_goes_on_with_the_new_version)
{
    move_between(h,
                 HEAD("1.0.0") "do:\n  - a: {set: {v: 1}}\n  - w: {wait: {seconds: 5}}\n"
                               "  - b: {set: {old: '${ .v }'}}\n",
                 HEAD("2.0.0") "do:\n  - n: {set: {never: 1}}\n  - a: {set: {v: 2}}\n"
                               "  - w: {wait: {seconds: 5}, then: c}\n  - b: {set: {x: 1}}\n"
                               "  - c: {set: {new: '${ .v }'}}\n");
    migrate(h, "2.0.0");
    advance(h, 5000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a out={\"v\":1}\n"
           "i1 step-started /do/1/w in={\"v\":1}\n"
           "i1 instance-migrated to=test/m:2.0.0\n"
           "> i1 moved\n"
           "> i1 stays: runs 2.0.0 already\n"
           "+5000\n"
           "i1 timer-fired /do/2/w\n"
           "i1 step-completed /do/2/w\n"
           "i1 step-ran /do/4/c ^ out={\"new\":1}\n"
           "i1 instance-completed out={\"new\":1}\n");
}

SCENARIO(migrate, effects_that_happened_keep_their_names)
{
    static const char old[] =
        HEAD("1.0.0") "do:\n  - t:\n      try:\n        - e: " CALL "\n"
                      "        - w: {wait: {seconds: 5}}\n"
                      "        - r: {raise: {error: {type: 'https://x.example/e', status: 500}}}\n"
                      "      catch: {retry: {delay: {seconds: 1}, limit: {attempt: {count: 3}}}}\n";
    static const char now[] =
        HEAD("2.0.0") "do:\n  - n: {set: {x: 1}}\n  - t:\n      try:\n"
                      "        - m: {set: '${ {} }'}\n        - e: " CALL "\n"
                      "        - w: {wait: {seconds: 5}}\n"
                      "        - r: {raise: {error: {type: 'https://x.example/e', status: 500}}}\n"
                      "      catch: {retry: {delay: {seconds: 1}, limit: {attempt: {count: 3}}}}\n";
    hello(h, KEYED, "s1", 4);
    deploy(h, old);
    start(h, "test/m", "{}");
    struct id key = task(h, "/do/0/t/try/0/e")->key;
    done(h, "/do/0/t/try/0/e", "{\"n\":1}");
    deploy(h, now);
    migrate(h, "2.0.0");
    advance(h, 5000);
    advance(h, 1000);
    cr_expect(id_equal(&task(h, "/do/1/t/try/1/e")->key, &key));
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={}\n"
        "i1 step-started /do/0/t/try/0/e in={} out={}\n"
        "i1 step-dispatched /do/0/t/try/0/e perform #0.1 store=s1 contract=1.0.0\n"
        "i1 step-result /do/0/t/try/0/e perform #0.1 done effect=done out={\"n\":1}\n"
        "i1 step-completed /do/0/t/try/0/e\n"
        "i1 step-started /do/0/t/try/1/w in={\"n\":1}\n"
        "i1 instance-migrated to=test/m:2.0.0\n"
        "> i1 moved\n"
        "+5000\n"
        "i1 timer-fired /do/1/t/try/2/w\n"
        "i1 step-completed /do/1/t/try/2/w\n"
        "i1 step-faulted /do/1/t/try/3/r "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/1/t/try/3/r\"}\n"
        "i1 try-retry /do/1/t at=+6000 "
        "error={\"type\":\"https://x.example/e\",\"status\":500,\"instance\":\"/do/1/t/try/3/r\"}\n"
        "+6000\n"
        "i1 timer-fired /do/1/t\n"
        "i1 step-ran /do/1/t/try/0/m out={}\n"
        "i1 step-started /do/1/t/try/1/e in={} out={}\n"
        "i1 step-dispatched /do/1/t/try/1/e perform #1.1 store=s1 contract=1.0.0\n");
}

SCENARIO(migrate, a_loop_goes_on_where_it_was)
{
    move_between(h,
                 HEAD("1.0.0") "do:\n  - l:\n      for: {in: '${ [1, 2, 3] }'}\n      do:\n"
                               "        - w: {wait: {seconds: 5}}\n",
                 HEAD("2.0.0") "do:\n  - l:\n      for: {in: '${ [1, 2, 3] }'}\n      do:\n"
                               "        - s: {set: {seen: '${ $item }'}}\n"
                               "        - w: {wait: {seconds: 5}}\n");
    advance(h, 5000);
    advance(h, 5000);
    advance(h, 5000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={} context=[1,2,3]\n"
           "i1 iteration-started /do/0/l [0] value={\"item\":1,\"index\":0}\n"
           "i1 step-started /do/0/l/do/0/w[0] in={}\n"
           "i1 instance-migrated to=test/m:2.0.0\n"
           "> i1 moved\n"
           "+5000\n"
           "i1 timer-fired /do/0/l/do/1/w\n"
           "i1 step-completed /do/0/l/do/1/w[0] ^\n"
           "i1 iteration-started /do/0/l [1] value={\"item\":2,\"index\":1}\n"
           "i1 step-ran /do/0/l/do/0/s[1] out={\"seen\":2}\n"
           "i1 step-started /do/0/l/do/1/w[1] in={\"seen\":2}\n"
           "+10000\n"
           "i1 timer-fired /do/0/l/do/1/w\n"
           "i1 step-completed /do/0/l/do/1/w[1] ^\n"
           "i1 iteration-started /do/0/l [2] value={\"item\":3,\"index\":2}\n"
           "i1 step-ran /do/0/l/do/0/s[2] out={\"seen\":3}\n"
           "i1 step-started /do/0/l/do/1/w[2] in={\"seen\":3}\n"
           "+15000\n"
           "i1 timer-fired /do/0/l/do/1/w\n"
           "i1 step-completed /do/0/l/do/1/w[2] ^\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out={\"seen\":3}\n");
}

SCENARIO(migrate, activations_go_on_counting)
{
    move_between(
        h,
        HEAD("1.0.0") "do:\n  - a: {set: {n: '${ (.n // 0) + 1 }'}}\n"
                      "  - w: {wait: {seconds: 5}}\n"
                      "  - s: {switch: [{again: {when: '${ .n < 2 }', then: a}}]}\n",
        HEAD("2.0.0") "do:\n  - x: {set: {x: 1}}\n  - a: {set: {n: '${ (.n // 0) + 1 }'}}\n"
                      "  - w: {wait: {seconds: 5}}\n"
                      "  - s: {switch: [{again: {when: '${ .n < 2 }', then: a}}]}\n");
    advance(h, 5000);
    advance(h, 5000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a out={\"n\":1}\n"
           "i1 step-started /do/1/w in={\"n\":1}\n"
           "i1 instance-migrated to=test/m:2.0.0\n"
           "> i1 moved\n"
           "+5000\n"
           "i1 timer-fired /do/2/w\n"
           "i1 step-completed /do/2/w\n"
           "i1 step-ran /do/3/s out={\"n\":1}\n"
           "i1 step-ran /do/1/a#2 out={\"n\":2}\n"
           "i1 step-started /do/2/w#2 in={\"n\":2}\n"
           "+10000\n"
           "i1 timer-fired /do/2/w\n"
           "i1 step-completed /do/2/w#2\n"
           "i1 step-ran /do/3/s#2 ^ out={\"n\":2}\n"
           "i1 instance-completed out={\"n\":2}\n");
}

SCENARIO(migrate, branches_of_a_fork_move_together)
{
    move_between(
        h,
        HEAD("1.0.0") "do:\n  - f:\n      fork:\n        branches:\n"
                      "          - a: {do: [{w: {wait: {seconds: 5}}}, {x: {set: {a: 1}}}]}\n"
                      "          - b: {set: {b: 1}}\n"
                      "          - c: {wait: {seconds: 9}}\n",
        HEAD("2.0.0") "do:\n  - n: {set: {x: 1}}\n  - f:\n      fork:\n        branches:\n"
                      "          - a: {do: [{w: {wait: {seconds: 5}}}, {y: {set: {a: 2}}}]}\n"
                      "          - b: {set: {b: 1}}\n"
                      "          - c: {wait: {seconds: 9}}\n");
    deploy(h, HEAD("3.0.0") "do:\n  - f:\n      fork:\n        branches:\n"
                            "          - a: {do: [{w: {wait: {seconds: 5}}}]}\n"
                            "          - c: {wait: {seconds: 9}}\n");
    migrate(h, "3.0.0");
    advance(h, 5000);
    advance(h, 4000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a in={}\n"
           "i1 step-ran /do/0/f/fork/branches/1/b ^ out={\"b\":1}\n"
           "i1 branch-ended /do/0/f/fork/branches/1\n"
           "i1 step-started /do/0/f/fork/branches/2/c in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a/do/0/w in={}\n"
           "i1 instance-migrated to=test/m:2.0.0\n"
           "> i1 moved\n"
           "> i1 stays: stands at a step that is not in 3.0.0: /do/1/f/fork/branches/1\n"
           "+5000\n"
           "i1 timer-fired /do/1/f/fork/branches/0/a/do/0/w\n"
           "i1 step-completed /do/1/f/fork/branches/0/a/do/0/w\n"
           "i1 step-ran /do/1/f/fork/branches/0/a/do/1/y ^ out={\"a\":2}\n"
           "i1 step-completed /do/1/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/1/f/fork/branches/0\n"
           "+9000\n"
           "i1 timer-fired /do/1/f/fork/branches/2/c\n"
           "i1 step-completed /do/1/f/fork/branches/2/c ^\n"
           "i1 branch-ended /do/1/f/fork/branches/2\n"
           "i1 branches-joined /do/1/f\n"
           "i1 step-completed /do/1/f ^\n"
           "i1 instance-completed out=[{\"a\":2},{\"b\":1},{}]\n");
}

SCENARIO(migrate, an_open_gate_moves_with_its_step)
{
    hello(h, PURE, "s1", 4);
    deploy(h, HEAD("1.0.0") "do:\n  - e: " CALL "\n");
    start(h, "test/m", "{}");
    fail(h, "/do/0/e", FAILURE_DATA, MARK_NONE);
    deploy(h, HEAD("2.0.0") "do:\n  - n: {set: {x: 1}}\n  - e: " CALL "\n  - b: {set: {new: 1}}\n");
    migrate(h, "2.0.0");
    cr_expect_str_eq(
        company_gate(engine_company(turn_engine(h->turn)), &h->gates[h->gate_count - 1])->step,
        "/do/1/e");
    verdict(h, VERDICT_EDIT, "{\"v\":2}");
    done(h, "/do/1/e#2", "{\"n\":1}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/e in={} out={}\n"
           "i1 step-dispatched /do/0/e decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/0/e decide #0.1 failed effect=none data:broken\n"
           "i1 gate-opened /do/0/e data:broken data r1 "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "e\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 instance-migrated to=test/m:2.0.0\n"
           "> i1 moved\n"
           "i1 gate-decided /do/1/e edit value={\"v\":2}\n"
           "i1 step-dispatched /do/1/e#2 decide #1.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/1/e#2 decide #1.1 done effect=none out={\"n\":1}\n"
           "i1 step-completed /do/1/e#2\n"
           "i1 step-ran /do/2/b ^ out={\"new\":1}\n"
           "i1 instance-completed out={\"new\":1}\n");
}

SCENARIO(migrate, a_step_that_is_ready_moves_and_is_dispatched)
{
    move_between(h, HEAD("1.0.0") "do:\n  - e: " CALL "\n",
                 HEAD("2.0.0") "do:\n  - n: {set: {x: 1}}\n  - e: " CALL
                               "\n  - b: {set: {new: 1}}\n");
    hello(h, PURE, "s1", 4);
    done(h, "/do/1/e", "{\"n\":1}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/e in={} out={}\n"
           "i1 instance-migrated to=test/m:2.0.0\n"
           "> i1 moved\n"
           "i1 step-dispatched /do/1/e decide #0.1 store=s1 contract=1.0.0\n"
           "i1 step-result /do/1/e decide #0.1 done effect=none out={\"n\":1}\n"
           "i1 step-completed /do/1/e\n"
           "i1 step-ran /do/2/b ^ out={\"new\":1}\n"
           "i1 instance-completed out={\"new\":1}\n");
}

/* What one instance may spend stands in its definition. */
#define CAPPED(version, cap)                                                   \
    "document: {dsl: 1.0.3, namespace: test, name: m, version: " version ",\n" \
    "           metadata: {mainstay: {budget: {instance: " cap "}}}}\ndo:\n"

SCENARIO(migrate, who_waits_for_money_gets_the_cap_of_the_new_version)
{
    static const char paid[] =
        "{\"agent\":\"worker\",\"version\":\"1.0.0\",\"title\":\"t\",\"actions\":{\"work\":{"
        "\"title\":\"t\",\"input\":{\"type\":\"object\"},\"output\":{\"type\":\"object\"},"
        "\"effect\":\"pure\",\"phases\":[\"decide\"],\"timeout\":\"PT5S\",\"concurrency\":4,"
        "\"cost\":{\"max\":\"1.00 EUR\"}}}}";
    hello(h, paid, "s1", 4);
    deploy(h, CAPPED("1.0.0", "0.50 EUR") "  - e: " CALL "\n");
    start(h, "test/m", "{}");
    deploy(h, CAPPED("2.0.0", "5 EUR") "  - n: {set: {x: 1}}\n  - e: " CALL "\n");
    cr_expect_eq(h->gate_count, 1);
    forget_trace(h);
    migrate(h, "2.0.0");
    done_paid(h, "/do/1/e", "{}", "0.20 EUR");
    EXPECT("i1 instance-migrated to=test/m:2.0.0\n"
           "i1 step-funded /do/1/e\n"
           "circuit-decided by-itself\n"
           "i1 budget-reserved /do/1/e 1.00 EUR in=1\n"
           "i1 step-dispatched /do/1/e decide #0.1 store=s1 contract=1.0.0\n"
           "> i1 moved\n"
           "i1 step-result /do/1/e decide #0.1 done effect=none out={}\n"
           "i1 step-completed /do/1/e ^\n"
           "i1 instance-completed out={}\n");
}

SCENARIO(migrate, a_listener_moves_and_hears)
{
    move_between(h, HEAD("1.0.0") "do:\n  - l: {listen: {to: {one: {with: {type: go}}}}}\n",
                 HEAD("2.0.0") "do:\n  - n: {set: {x: 1}}\n"
                               "  - l: {listen: {to: {one: {with: {type: go}}}}}\n"
                               "  - b: {set: {new: 1}}\n");
    event(h, "go", "e1", "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "i1 instance-migrated to=test/m:2.0.0\n"
           "> i1 moved\n"
           "event-accepted type=go\n"
           "i1 event-consumed /do/1/l filter=0 all out={} value={}\n"
           "i1 step-completed /do/1/l\n"
           "i1 step-ran /do/2/b ^ out={\"new\":1}\n"
           "i1 instance-completed out={\"new\":1}\n"
           "> continued\n");
}

#define WAITS "do:\n  - a: {wait: {seconds: 5}}\n"

SCENARIO(migrate, what_stands_in_the_way_is_said)
{
    hello(h, PURE, "s1", 4);
    deploy(h, HEAD("1.0.0") "do:\n  - s: {switch: [\n"
                            "      {w: {when: '${ .at == \"w\" }', then: wait}},\n"
                            "      {l: {when: '${ .at == \"l\" }', then: listens}},\n"
                            "      {f: {when: '${ .at == \"f\" }', then: loop}},\n"
                            "      {b: {when: '${ .at == \"b\" }', then: block}},\n"
                            "      {c: {when: '${ .at == \"c\" }', then: call}},\n"
                            "      {g: {when: '${ .at == \"g\" }', then: gone}}]}\n"
                            "  - wait: {wait: {seconds: 5}, then: end}\n"
                            "  - listens: {listen: {to: {one: {with: {type: go}}}}, then: end}\n"
                            "  - loop: {for: {in: '${ [1] }'}, do: [{w: {wait: {seconds: 5}}}]}\n"
                            "  - block: {if: '${ true }', do: [{w: {wait: {seconds: 5}}}]}\n"
                            "  - call: " CALL "\n"
                            "  - gone: {wait: {seconds: 5}}\n");
    static const char *const places[] = {"w", "l", "f", "b", "c", "g"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char input[32];
        (void)snprintf(input, sizeof(input), "{\"at\":\"%s\"}", places[i]);
        start(h, "test/m", input);
    }
    deploy(h, HEAD("2.0.0") "do:\n  - wait: {wait: {seconds: 6}}\n"
                            "  - listens: {listen: {to: {one: {with: {type: stop}}}}}\n"
                            "  - loop: {for: {in: '${ [2] }'}, do: [{w: {wait: {seconds: 5}}}]}\n"
                            "  - block: {if: '${ false }', do: [{w: {wait: {seconds: 5}}}]}\n"
                            "  - call: " CALL "\n");
    forget_trace(h);
    migrate(h, "2.0.0");
    EXPECT("> i1 stays: stands at a step that is changed in 2.0.0: /do/1/wait\n"
           "> i2 stays: listens for something else in 2.0.0: /do/2/listens\n"
           "> i3 stays: is inside a loop that is another one in 2.0.0: /do/3/loop\n"
           "> i4 stays: is inside a block that is changed in 2.0.0: /do/4/block\n"
           "> i5 stays: a call is in flight: /do/5/call\n"
           "> i6 stays: stands at a step that is not in 2.0.0: /do/6/gone\n");
    fail(h, "/do/5/call", FAILURE_DATA, MARK_NONE);
    deploy(h, HEAD("3.0.0") "do:\n  - call: {call: agent, with: {agent: worker, action: other}}\n");
    forget_trace(h);
    migrate_some(h, 4, 1, "3.0.0");
    migrate_some(h, 4, 1, "4.0.0");
    EXPECT("> i5 stays: a gate is open on a step that is changed in 3.0.0, decide it first: "
           "/do/5/call\n"
           "> i5 stays: no version 4.0.0 of test/m is deployed\n");
}

SCENARIO(migrate, nothing_moves_to_a_retired_version_or_from_the_end)
{
    deploy(h, HEAD("1.0.0") WAITS);
    start(h, "test/m", "{}");
    deploy(h, HEAD("2.0.0") WAITS);
    harness_begin(h);
    struct command command = {.kind = COMMAND_RETIRE,
                              .retire = {.definition = "test/m:2.0.0", .reason = "", .person = ""}};
    harness_command(h, &command);
    (void)harness_end(h);
    forget_trace(h);
    migrate(h, "2.0.0");
    migrate(h, "1.0.0");
    advance(h, 5000);
    migrate(h, "2.0.0");
    EXPECT("> i1 stays: test/m:2.0.0 is retired\n"
           "> i1 stays: runs 1.0.0 already\n"
           "+5000\n"
           "i1 timer-fired /do/0/a\n"
           "i1 step-completed /do/0/a ^\n"
           "i1 instance-completed out={}\n"
           "> i1 stays: is not open any more\n");
}

/* An effect in doubt, and a call that is being taken back. */
SCENARIO(migrate, what_is_not_settled_stays)
{
    hello(h, MANUAL, "s1", 4);
    deploy(h, HEAD("1.0.0") "do:\n  - e: " CALL "\n");
    start(h, "test/m", "{}");
    fail(h, "/do/0/e", FAILURE_TRANSIENT, MARK_UNKNOWN);
    start(h, "test/m", "{}");
    cancel(h, 2);
    deploy(h, HEAD("2.0.0") "do:\n  - e: " CALL "\n  - b: {set: {x: 1}}\n");
    forget_trace(h);
    migrate(h, "2.0.0");
    EXPECT("> i1 stays: an effect is in doubt: worker work of /do/0/e\n"
           "> i2 stays: is at its end and only settles its effects\n");
    answer(h, "i2:/do/0/e", RESULT_RECALLED);
    forget_trace(h);
}
