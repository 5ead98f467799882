/*
 * Listening: until, foreach, and what came before.
 */
#include <string.h>

#include "tests/engine/harness.h"

SCENARIO(listen, until_counts_what_it_has)
{
    deploy_tasks(h, "- l: {listen: {to: {any: [{with: {type: t}}], until: '. | length == 2'}}}\n");
    run(h, "{}");
    forget_trace(h);
    event(h, "t", "1", "{\"n\":1}");
    event(h, "u", "1", "{}");
    event(h, "t", "2", "{\"n\":2}");
    EXPECT("event-accepted type=t\n"
           "i1 event-consumed /do/0/l filter=0 out={} value={\"n\":1}\n"
           "> continued\n"
           "event-accepted type=u\n"
           "event-buffered type=u\n"
           "> kept\n"
           "event-accepted type=t\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={\"n\":2}\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{\"n\":1},{\"n\":2}]\n"
           "> continued\n");
}

SCENARIO(listen, until_events_end_it_and_are_not_given)
{
    deploy_tasks(h, "- l:\n"
                    "    listen:\n"
                    "      to:\n"
                    "        any: []\n"
                    "        until: {one: {with: {type: stop, data: '${ .now }'}}}\n");
    run(h, "{}");
    forget_trace(h);
    event(h, "stop", "1", "{\"now\":false}"); /* fits `any`, once, though it waits in two lists */
    event(h, "t", "1", "{\"n\":1}");
    event(h, "stop", "2", "{\"now\":true}");
    EXPECT("event-accepted type=stop\n"
           "i1 event-consumed /do/0/l filter=0 out={} value={\"now\":false}\n"
           "> continued\n"
           "event-accepted type=t\n"
           "i1 event-consumed /do/0/l filter=0 out={} value={\"n\":1}\n"
           "> continued\n"
           "event-accepted type=stop\n"
           "i1 event-consumed /do/0/l until filter=0 all out={}\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{\"now\":false},{\"n\":1}]\n"
           "> continued\n");
}

SCENARIO(listen, until_all_waits_for_each)
{
    deploy_tasks(h, "- l:\n"
                    "    listen:\n"
                    "      to:\n"
                    "        any: [{with: {type: t}}]\n"
                    "        until: {all: [{with: {type: a}}, {with: {type: b}}]}\n");
    run(h, "{}");
    event(h, "b", "1", "{}");
    event(h, "t", "1", "{\"n\":1}");
    event(h, "b", "2", "{}"); /* b has its event */
    forget_trace(h);
    event(h, "a", "1", "{}");
    EXPECT("event-accepted type=a\n"
           "i1 event-consumed /do/0/l until filter=0 all out={}\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{\"n\":1}]\n"
           "> continued\n");
}

SCENARIO(listen, until_that_fails_is_an_error_of_the_task)
{
    deploy_tasks(h, "- l: {listen: {to: {any: [{with: {type: t}}], until: '.[0].n + 1 > 2'}}}\n");
    run(h, "{}");
    forget_trace(h);
    event(h, "t", "1", "{\"n\":\"x\"}");
    cr_expect_eq(open_instances(h), 0);
    cr_expect_not_null(strstr(h->trace.data, "i1 step-faulted /do/0/l error={\"type\":\"err:"
                                             "expression\",\"status\":400"));
    forget_trace(h);
}

SCENARIO(listen, what_came_before_is_taken_in_order_of_arrival)
{
    event(h, "t", "1", "1");
    event(h, "stop", "1", "{}");
    advance(h, 10);
    event(h, "t", "2", "2");
    advance(h, 10);
    event(h, "s", "1", "3");
    forget_trace(h);
    deploy_tasks(h, "- l:\n"
                    "    listen:\n"
                    "      to:\n"
                    "        any: [{with: {type: s}}, {with: {type: t}}]\n"
                    "        until: '. | length == 3'\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "i1 event-consumed /do/0/l filter=1 out={} value=1\n"
           "event-unbuffered type=t\n"
           "i1 event-consumed /do/0/l filter=1 out={} value=2\n"
           "event-unbuffered type=t\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value=3\n"
           "event-unbuffered type=s\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[1,2,3]\n");
    cr_expect_eq(table_rows(h, 'B'), 1);
}

SCENARIO(listen, correlation_without_expect_is_the_first_value_of_this_activation)
{
    deploy_tasks(h, "- f:\n"
                    "    for: {in: '${ [1,2] }'}\n"
                    "    do:\n"
                    "      - l:\n"
                    "          listen:\n"
                    "            to:\n"
                    "              any: [{with: {type: t}, correlate: {who: {from: .data.who}}}]\n"
                    "              until: {one: {with: {type: end}, correlate: {who: {from: "
                    ".data.who}}}}\n");
    run(h, "{}");
    event(h, "t", "1", "{\"who\":\"ann\"}");
    event(h, "t", "2", "{\"who\":\"bob\"}"); /* waits for the next activation */
    event(h, "end", "1", "{\"who\":\"bob\"}");
    event(h, "end", "2", "{\"who\":\"ann\"}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0); /* the second took both of bob's from the buffer */
}

static const char foreach_tasks[] = "- l:\n"
                                    "    listen:\n"
                                    "      to:\n"
                                    "        any: [{with: {type: t}}]\n"
                                    "        until: {one: {with: {type: stop}}}\n"
                                    "    foreach:\n"
                                    "      item: it\n"
                                    "      at: i\n"
                                    "      do:\n"
                                    "        - w: {wait: PT1S}\n"
                                    "        - s: {set: {n: '${ $it.n }', i: '${ $i }'}}\n"
                                    "      output: {as: '${ .n * 10 }'}\n"
                                    "      export: {as: '${ {last: $output} }'}\n"
                                    "- c: {set: {list: '${ . }', last: '${ $context.last }'}}\n";

SCENARIO(listen, foreach_handles_events_one_after_the_other)
{
    deploy_tasks(h, foreach_tasks);
    run(h, "{}");
    forget_trace(h);
    event(h, "t", "1", "{\"n\":1}");
    event(h, "t", "2", "{\"n\":2}");
    event(h, "stop", "1", "{}");
    event(h, "t", "3", "{\"n\":3}"); /* nobody listens any more */
    advance(h, 1000);
    advance(h, 1000);
    EXPECT("event-accepted type=t\n"
           "i1 event-consumed /do/0/l filter=0 out={} "
           "value={\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"/t\",\"id\":\"t-1\","
           "\"data\":{\"n\":1}}\n"
           "i1 iteration-started /do/0/l [0] value={\"it\":{\"n\":1},\"i\":0}\n"
           "i1 step-started /do/0/l/foreach/do/0/w[0] in={\"n\":1}\n"
           "> continued\n"
           "event-accepted type=t\n"
           "i1 event-consumed /do/0/l filter=0 out={} "
           "value={\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"/t\",\"id\":\"t-2\","
           "\"data\":{\"n\":2}}\n"
           "> continued\n"
           "event-accepted type=stop\n"
           "i1 event-consumed /do/0/l until filter=0 all out={}\n"
           "> continued\n"
           "event-accepted type=t\n"
           "event-buffered type=t\n"
           "> kept\n"
           "+1000\n"
           "i1 timer-fired /do/0/l/foreach/do/0/w\n"
           "i1 step-completed /do/0/l/foreach/do/0/w[0]\n"
           "i1 step-ran /do/0/l/foreach/do/1/s[0] ^ out={\"n\":1,\"i\":0}\n"
           "i1 iteration-ended /do/0/l out=10 context={\"last\":10}\n"
           "i1 iteration-started /do/0/l [1] value={\"it\":{\"n\":2},\"i\":1}\n"
           "i1 step-started /do/0/l/foreach/do/0/w[1] in={\"n\":2}\n"
           "+2000\n"
           "i1 timer-fired /do/0/l/foreach/do/0/w\n"
           "i1 step-completed /do/0/l/foreach/do/0/w[1]\n"
           "i1 step-ran /do/0/l/foreach/do/1/s[1] ^ out={\"n\":2,\"i\":1}\n"
           "i1 iteration-ended /do/0/l last out=20 context={\"last\":20}\n"
           "i1 step-completed /do/0/l\n"
           "i1 step-ran /do/1/c ^ out={\"list\":[10,20],\"last\":20}\n"
           "i1 instance-completed out={\"list\":[10,20],\"last\":20}\n");
}

SCENARIO(listen, until_after_an_iteration_gives_the_rest_back)
{
    deploy_tasks(h, "- l:\n"
                    "    listen:\n"
                    "      to: {any: [{with: {type: t}}], until: '$context.stop'}\n"
                    "    foreach:\n"
                    "      do: [{w: {wait: PT1S}}]\n"
                    "      export: {as: '${ {stop: ($item.n == 1)} }'}\n"
                    "- m: {listen: {to: {one: {with: {type: t}}}}}\n");
    run(h, "{}");
    event(h, "t", "1", "{\"n\":1}");
    event(h, "t", "2", "{\"n\":2}");
    forget_trace(h);
    advance(h, 1000);
    EXPECT("+1000\n"
           "i1 timer-fired /do/0/l/foreach/do/0/w\n"
           "i1 step-completed /do/0/l/foreach/do/0/w[0] ^\n"
           "i1 iteration-ended /do/0/l last out={\"n\":1} context={\"stop\":true}\n"
           "event-buffered type=t\n"
           "i1 step-completed /do/0/l\n"
           "i1 step-started /do/1/m in=[{\"n\":1}]\n"
           "i1 event-consumed /do/1/m filter=0 all out={} value={\"n\":2}\n"
           "event-unbuffered type=t\n"
           "i1 step-completed /do/1/m ^\n"
           "i1 instance-completed out=[{\"n\":2}]\n");
}

SCENARIO(listen, foreach_of_one_and_of_all)
{
    deploy_tasks(h, "- one:\n"
                    "    listen: {to: {one: {with: {type: a}}}}\n"
                    "    foreach: {output: {as: '${ {got: .n} }'}}\n"
                    "- all:\n"
                    "    listen: {to: {all: [{with: {type: b}}, {with: {type: c}}]}, read: "
                    "envelope}\n"
                    "    foreach: {item: e, do: [{s: {set: '${ $e.type }'}}]}\n");
    run(h, "{}");
    event(h, "c", "1", "{}"); /* before its listen */
    event(h, "a", "1", "{\"n\":7}");
    forget_trace(h);
    event(h, "b", "1", "{}");
    EXPECT("event-accepted type=b\n"
           "i1 event-consumed /do/1/all filter=0 all out={} "
           "value={\"specversion\":\"1.0\",\"type\":\"b\",\"source\":\"/t\",\"id\":\"b-1\","
           "\"data\":{}}\n"
           "i1 iteration-started /do/1/all [1] "
           "value={\"e\":{\"specversion\":\"1.0\",\"type\":\"b\",\"source\":\"/t\",\"id\":\"b-1\","
           "\"data\":{}},\"index\":1}\n"
           "i1 step-ran /do/1/all/foreach/do/0/s[1] ^ out=\"b\"\n"
           "i1 iteration-ended /do/1/all last out=\"b\"\n"
           "i1 step-completed /do/1/all ^\n"
           "i1 instance-completed out=[\"c\",\"b\"]\n"
           "> continued\n");
}

SCENARIO(listen, foreach_errors_timeouts_and_cancellation_take_it_down)
{
    deploy_tasks(h, "- t:\n"
                    "    try:\n"
                    "      - l:\n"
                    "          timeout: {after: PT5S}\n"
                    "          listen: {to: {any: [{with: {type: t}}], until: 'false'}}\n"
                    "          foreach:\n"
                    "            do:\n"
                    "              - r: {if: $item.bad, raise: {error: {type: x, status: 500}}}\n"
                    "              - w: {wait: PT1M}\n"
                    "    catch: {as: e, do: [{c: {set: {status: '${ $e.status }'}}}]}\n");
    run(h, "{}");
    event(h, "t", "1", "{}");
    advance(h, 5000); /* the timeout of the listen, while an iteration waits */
    cr_expect_eq(open_instances(h), 0);
    run(h, "{}");
    event(h, "t", "2", "{\"bad\":true}");
    cr_expect_eq(open_instances(h), 0);
    run(h, "{}");
    event(h, "t", "3", "{}");
    event(h, "t", "4", "{}");
    cancel(h, 3);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_eq(table_rows(h, 'L'), 0);
    forget_trace(h);
}

SCENARIO(listen, foreach_works_with_agents)
{
    hello(h, PURE, "main", 4);
    deploy_tasks(h, "- l:\n"
                    "    listen: {to: {any: [{with: {type: t}}], until: '. | length == 2'}}\n"
                    "    foreach:\n"
                    "      do: [{c: {call: agent, with: {agent: worker, action: work}}}]\n");
    run(h, "{}");
    event(h, "t", "1", "{\"n\":1}");
    event(h, "t", "2", "{\"n\":2}");
    done(h, "/do/0/l/foreach/do/0/c[0]", "{\"n\":11}");
    forget_trace(h);
    done(h, "/do/0/l/foreach/do/0/c[1]", "{\"n\":12}");
    cr_expect_not_null(strstr(h->trace.data, "i1 instance-completed out=[{\"n\":11},{\"n\":12}]"));
    forget_trace(h);
}

SCENARIO(listen, what_it_gives_is_bounded)
{
    static char big[300 * 1024];
    memset(big, 'x', sizeof(big) - 1);
    big[0] = '"';
    big[sizeof(big) - 2] = '"';
    deploy_tasks(h, "- l: {listen: {to: {any: [{with: {type: t}}], until: 'false'}}}\n");
    run(h, "{}");
    event(h, "t", "1", big);
    cr_expect_eq(open_instances(h), 1);
    event(h, "t", "2", big);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_not_null(strstr(h->trace.data, "LIMIT_VALUE_BYTES"));
    forget_trace(h);
}

/* One play: it is some ten thousand steps long. */
Test(listen, one_that_feeds_itself_is_stopped)
{
    struct harness *h = harness_create();
    deploy_tasks(h, "- l:\n"
                    "    listen: {to: {any: [{with: {type: t}}], until: 'false'}}\n"
                    "    foreach: {do: [{e: {emit: {event: {with: {type: t, source: /x}}}}}],\n"
                    "              output: {as: '1'}}\n");
    run(h, "{}");
    event(h, "t", "1", "{}");
    for (int i = 0; i < 100 && open_instances(h) > 0; i++) {
        advance(h, 1);
    }
    cr_expect_eq(open_instances(h), 0);
    cr_expect_not_null(strstr(h->trace.data, "LIMIT_LISTEN_RESULTS"));
    harness_destroy(&h);
}
