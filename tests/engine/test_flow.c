/*
 * Where the walk goes: conditions, lists, loops and jumps.
 */
#include "tests/engine/harness.h"

SCENARIO(flow, a_false_condition_skips_the_task)
{
    deploy_tasks(h, "- a: {if: '${ .go }', set: {x: 1}}\n"
                    "- b: {if: '${ .go | not }', set: {y: 1}}\n");
    run(h, "{\"go\":false}");
    EXPECT("i1 instance-started in={\"go\":false}\n"
           "i1 workflow-entered\n"
           "i1 step-skipped /do/0/a\n"
           "i1 step-ran /do/1/b ^ out={\"y\":1}\n"
           "i1 instance-completed out={\"y\":1}\n");
}

SCENARIO(flow, switch_takes_the_first_case_the_default_or_its_then)
{
    deploy_tasks(h, "- pick:\n"
                    "    switch:\n"
                    "      - big: {when: '${ .n > 10 }', then: large}\n"
                    "      - small: {when: '${ .n > 1 }', then: exit}\n"
                    "    then: end\n"
                    "- never: {set: {never: true}}\n"
                    "- large: {set: {large: true}}\n");
    run(h, "{\"n\":11}");
    EXPECT("i1 instance-started in={\"n\":11}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/pick out={\"n\":11}\n"
           "i1 step-ran /do/2/large ^ out={\"large\":true}\n"
           "i1 instance-completed out={\"large\":true}\n");
    run(h, "{\"n\":2}");
    EXPECT("i2 instance-started in={\"n\":2}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/pick ^ out={\"n\":2}\n"
           "i2 instance-completed out={\"n\":2}\n");
    run(h, "{\"n\":1}");
    EXPECT("i3 instance-started in={\"n\":1}\n"
           "i3 workflow-entered\n"
           "i3 step-ran /do/0/pick ! out={\"n\":1}\n"
           "i3 instance-completed out={\"n\":1}\n");
}

SCENARIO(flow, switch_default_stands_anywhere)
{
    deploy_tasks(h, "- pick:\n"
                    "    switch:\n"
                    "      - other: {then: end}\n"
                    "      - one: {when: '${ .n == 1 }', then: continue}\n"
                    "- one: {set: {one: true}}\n");
    run(h, "{\"n\":1}");
    run(h, "{\"n\":2}");
    EXPECT("i1 instance-started in={\"n\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/pick out={\"n\":1}\n"
           "i1 step-ran /do/1/one ^ out={\"one\":true}\n"
           "i1 instance-completed out={\"one\":true}\n"
           "i2 instance-started in={\"n\":2}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/pick ! out={\"n\":2}\n"
           "i2 instance-completed out={\"n\":2}\n");
}

SCENARIO(flow, goto_forth_and_back_counts_activations)
{
    deploy_tasks(h, "- first: {set: {n: 0}, then: third}\n"
                    "- second: {set: {n: '${ .n + 1 }'}}\n"
                    "- third:\n"
                    "    switch:\n"
                    "      - again: {when: '${ .n < 2 }', then: second}\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/first out={\"n\":0}\n"
           "i1 step-ran /do/2/third out={\"n\":0}\n"
           "i1 step-ran /do/1/second out={\"n\":1}\n"
           "i1 step-ran /do/2/third#2 out={\"n\":1}\n"
           "i1 step-ran /do/1/second#2 out={\"n\":2}\n"
           "i1 step-ran /do/2/third#3 ^ out={\"n\":2}\n"
           "i1 instance-completed out={\"n\":2}\n");
}

SCENARIO(flow, exit_leaves_the_list_and_end_leaves_everything)
{
    deploy_tasks(h, "- outer:\n"
                    "    do:\n"
                    "      - inner:\n"
                    "          do:\n"
                    "            - a: {set: {a: '${ .n }'}}\n"
                    "            - b:\n"
                    "                switch:\n"
                    "                  - out: {when: '${ .a == 1 }', then: exit}\n"
                    "                  - stop: {when: '${ .a == 2 }', then: end}\n"
                    "            - c: {set: {c: 1}}\n"
                    "      - d: {set: {d: '${ . }'}}\n"
                    "- e: {set: {e: '${ . }'}}\n");
    run(h, "{\"n\":1}");
    EXPECT("i1 instance-started in={\"n\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/outer in={\"n\":1}\n"
           "i1 step-started /do/0/outer/do/0/inner in={\"n\":1}\n"
           "i1 step-ran /do/0/outer/do/0/inner/do/0/a out={\"a\":1}\n"
           "i1 step-ran /do/0/outer/do/0/inner/do/1/b ^ out={\"a\":1}\n"
           "i1 step-completed /do/0/outer/do/0/inner\n"
           "i1 step-ran /do/0/outer/do/1/d ^ out={\"d\":{\"a\":1}}\n"
           "i1 step-completed /do/0/outer\n"
           "i1 step-ran /do/1/e ^ out={\"e\":{\"d\":{\"a\":1}}}\n"
           "i1 instance-completed out={\"e\":{\"d\":{\"a\":1}}}\n");
    run(h, "{\"n\":2}");
    EXPECT("i2 instance-started in={\"n\":2}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/outer in={\"n\":2}\n"
           "i2 step-started /do/0/outer/do/0/inner in={\"n\":2}\n"
           "i2 step-ran /do/0/outer/do/0/inner/do/0/a out={\"a\":2}\n"
           "i2 step-ran /do/0/outer/do/0/inner/do/1/b ! out={\"a\":2}\n"
           "i2 instance-completed out={\"a\":2}\n");
    run(h, "{\"n\":3}");
    EXPECT("i3 instance-started in={\"n\":3}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/outer in={\"n\":3}\n"
           "i3 step-started /do/0/outer/do/0/inner in={\"n\":3}\n"
           "i3 step-ran /do/0/outer/do/0/inner/do/0/a out={\"a\":3}\n"
           "i3 step-ran /do/0/outer/do/0/inner/do/1/b out={\"a\":3}\n"
           "i3 step-ran /do/0/outer/do/0/inner/do/2/c ^ out={\"c\":1}\n"
           "i3 step-completed /do/0/outer/do/0/inner\n"
           "i3 step-ran /do/0/outer/do/1/d ^ out={\"d\":{\"c\":1}}\n"
           "i3 step-completed /do/0/outer\n"
           "i3 step-ran /do/1/e ^ out={\"e\":{\"d\":{\"c\":1}}}\n"
           "i3 instance-completed out={\"e\":{\"d\":{\"c\":1}}}\n");
}

SCENARIO(flow, for_chains_its_rounds)
{
    deploy_tasks(h, "- sum:\n"
                    "    for: {each: x, in: '${ .xs }', at: i}\n"
                    "    do:\n"
                    "      - add: {set: {xs: '${ .xs }', t: '${ (.t // 0) + $x * 10 + $i }'}}\n"
                    "    output: {as: '${ .t }'}\n");
    run(h, "{\"xs\":[1,2,3]}");
    EXPECT("i1 instance-started in={\"xs\":[1,2,3]}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/sum in={\"xs\":[1,2,3]} context=[1,2,3]\n"
           "i1 iteration-started /do/0/sum [0] value={\"x\":1,\"i\":0}\n"
           "i1 step-ran /do/0/sum/do/0/add[0] ^ out={\"xs\":[1,2,3],\"t\":10}\n"
           "i1 iteration-started /do/0/sum [1] value={\"x\":2,\"i\":1}\n"
           "i1 step-ran /do/0/sum/do/0/add[1] ^ out={\"xs\":[1,2,3],\"t\":31}\n"
           "i1 iteration-started /do/0/sum [2] value={\"x\":3,\"i\":2}\n"
           "i1 step-ran /do/0/sum/do/0/add[2] ^ out={\"xs\":[1,2,3],\"t\":63}\n"
           "i1 step-completed /do/0/sum ^ out=63\n"
           "i1 instance-completed out=63\n");
    run(h, "{\"xs\":[]}");
    EXPECT("i2 instance-started in={\"xs\":[]}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/sum in={\"xs\":[]} context=[]\n"
           "i2 step-completed /do/0/sum ^ out=null\n"
           "i2 instance-completed out=null\n");
    run(h, "{\"xs\":5}");
    EXPECT("i3 instance-started in={\"xs\":5}\n"
           "i3 workflow-entered\n"
           "i3 step-faulted /do/0/sum "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "sum\",\"title\":\"`for.in` must give an array\"}\n"
           "i3 instance-faulted "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "sum\",\"title\":\"`for.in` must give an array\"}\n");
}

SCENARIO(flow, for_stops_at_while_and_leaves_by_flow)
{
    deploy_tasks(h, "- loop:\n"
                    "    for: {in: '${ .xs }'}\n"
                    "    while: '${ $item < 3 }'\n"
                    "    do:\n"
                    "      - a:\n"
                    "          if: '${ $item == 1 }'\n"
                    "          set: {xs: '${ .xs }', got: '${ $item }'}\n"
                    "          then: exit\n"
                    "      - b: {set: {xs: '${ .xs }', b: '${ $index }'}}\n");
    run(h, "{\"xs\":[1,2,3,4]}");
    EXPECT("i1 instance-started in={\"xs\":[1,2,3,4]}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/loop in={\"xs\":[1,2,3,4]} context=[1,2,3,4]\n"
           "i1 iteration-started /do/0/loop [0] value={\"item\":1,\"index\":0}\n"
           "i1 step-ran /do/0/loop/do/0/a[0] ^ out={\"xs\":[1,2,3,4],\"got\":1}\n"
           "i1 iteration-started /do/0/loop [1] value={\"item\":2,\"index\":1}\n"
           "i1 step-skipped /do/0/loop/do/0/a[1]\n"
           "i1 step-ran /do/0/loop/do/1/b[1] ^ out={\"xs\":[1,2,3,4],\"b\":1}\n"
           "i1 step-completed /do/0/loop ^\n"
           "i1 instance-completed out={\"xs\":[1,2,3,4],\"b\":1}\n");
}

SCENARIO(flow, end_inside_a_loop_inside_a_try_ends_the_workflow)
{
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - loop:\n"
                    "          for: {in: '${ [1, 2] }'}\n"
                    "          do:\n"
                    "            - a: {set: {got: '${ $item }'}, then: end}\n"
                    "    catch: {}\n"
                    "- never: {set: {never: true}}\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/loop in={} context=[1,2]\n"
           "i1 iteration-started /do/0/t/try/0/loop [0] value={\"item\":1,\"index\":0}\n"
           "i1 step-ran /do/0/t/try/0/loop/do/0/a[0] ! out={\"got\":1}\n"
           "i1 instance-completed out={\"got\":1}\n");
}

SCENARIO(flow, an_empty_do_and_functions_are_blocks)
{
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0}\n"
              "use:\n"
              "  functions:\n"
              "    twice: {set: {y: '${ .x * 2 }'}}\n"
              "do:\n"
              "  - a: {call: twice, with: {x: '${ .n }'}}\n"
              "  - b: {call: twice, with: {x: '${ .y }'}}\n");
    run(h, "{\"n\":3}");
    EXPECT("i1 instance-started in={\"n\":3}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/a in={\"n\":3}\n"
           "i1 step-ran /do/0/a/with out={\"x\":3}\n"
           "i1 step-ran /do/0/a/call ^ out={\"y\":6}\n"
           "i1 step-completed /do/0/a\n"
           "i1 step-started /do/1/b in={\"y\":6}\n"
           "i1 step-ran /do/1/b/with out={\"x\":6}\n"
           "i1 step-ran /do/1/b/call ^ out={\"y\":12}\n"
           "i1 step-completed /do/1/b ^\n"
           "i1 instance-completed out={\"y\":12}\n");
}

/* Two thousand steps a turn for one instance, and the rest in later turns. */
SCENARIO(flow, a_long_walk_is_cut_into_turns)
{
    deploy_tasks(h, "- a: {set: {n: '${ .n + 1 }'}}\n"
                    "- b:\n"
                    "    switch:\n"
                    "      - again: {when: '${ .n < 5000 }', then: a}\n");
    h->untraced = true;
    h->cut = true;
    run(h, "{\"n\":0}");
    h->untraced = false;
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(table_rows(h, 'F'), 1);
}

Test(flow, a_loop_without_end_meets_the_limit_of_steps)
{
    struct harness *h = harness_create();
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - a: {set: {x: 1}, then: b}\n"
                    "      - b: {set: {x: 2}, then: a}\n"
                    "    catch: {}\n");
    h->untraced = true;
    run(h, "{}");
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(engine_instance(turn_engine(h->turn), &h->instances[0]), NULL);
    struct arena *arena = arena_create(1024 * 1024);
    struct done done;
    cr_expect_eq(tables_done(turn_tables(h->turn), &h->instances[0], arena, &done, NULL), ERR_OK);
    cr_expect_eq(done.status, INSTANCE_FAULTED);
    arena_destroy(&arena);
    harness_destroy(&h);
}

SCENARIO(flow, the_same_request_starts_one_instance)
{
    deploy_tasks(h, "- a: {set: {x: 1}}\n");
    struct doc *input = doc_of_json(json_object());
    struct command command = {
        .kind = COMMAND_RUN,
        .token = 1,
        .run = {.definition = "test/flow", .request_id = "same", .person = "p", .input = input}};
    harness_begin(h);
    harness_command(h, &command);
    harness_command(h, &command);
    harness_end(h);
    harness_begin(h);
    harness_command(h, &command);
    harness_end(h);
    doc_unref(&input);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"x\":1}\n"
           "i1 instance-completed out={\"x\":1}\n");
}

SCENARIO(flow, deploys_are_immutable_and_the_latest_version_runs)
{
    const char *one = "document: {dsl: 1.0.3, namespace: test, name: v, version: 1.9.0}\n"
                      "do: [{a: {set: {v: 1}}}]\n";
    const char *two = "document: {dsl: 1.0.3, namespace: test, name: v, version: 1.10.0}\n"
                      "do: [{a: {set: {v: 2}}}]\n";
    const char *other = "document: {dsl: 1.0.3, namespace: test, name: v, version: 1.9.0}\n"
                        "do: [{a: {set: {v: 3}}}]\n";
    cr_expect_eq(deploy_try(h, two), ERR_OK);
    cr_expect_eq(deploy_try(h, one), ERR_OK);
    cr_expect_eq(deploy_try(h, one), ERR_OK);
    cr_expect_eq(deploy_try(h, other), ERR_CONFLICT);
    start(h, "test/v", "{}");
    start(h, "test/v:1.9.0", "{}");
    start(h, "test/w", "{}");
    EXPECT("> conflict: test/v:1.9.0 is deployed with another text; definitions are immutable per "
           "version: raise document.version to 1.10.1 or higher (newest deployed: 1.10.0)\n"
           "i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"v\":2}\n"
           "i1 instance-completed out={\"v\":2}\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/a ^ out={\"v\":1}\n"
           "i2 instance-completed out={\"v\":1}\n"
           "> not found: no definition 'test/w' is deployed; see `mainstay definitions ls`\n");
}
