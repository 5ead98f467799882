/*
 * Starts by several events: schedule.on with `all`, and with `any` and `until`.
 */
#include <string.h>

#include "tests/engine/harness.h"

static void deploy_version(struct harness *h, const char *version, const char *on)
{
    struct buf text = BUF_INIT(65536);
    buf_printf(&text,
               "document: {dsl: 1.0.3, namespace: test, name: both, version: %s}\n"
               "schedule: {read: data, on: %s}\n"
               "do: [{a: {set: {n: '${ . }'}}}]\n",
               version, on);
    deploy(h, text.data);
    buf_release(&text);
}

static void deploy_on(struct harness *h, const char *on)
{
    deploy_version(h, "1.0.0", on);
}

#define A_AND_B  "{all: [{with: {type: a}}, {with: {type: b}}]}"
#define ORDER    "correlate: {order: {from: .data.order}}"
#define BY_ORDER "{all: [{with: {type: a}, " ORDER "}, {with: {type: b}, " ORDER "}]}"

SCENARIO(gather, all_starts_with_the_last_of_them_in_the_order_they_came)
{
    deploy_on(h, A_AND_B);
    event(h, "b", "1", "{\"n\":1}");
    event(h, "c", "1", "{}");
    event(h, "a", "1", "{\"n\":2}");
    EXPECT("event-accepted type=b\n"
           "event-buffered type=start test/both\n"
           "> kept\n"
           "event-accepted type=c\n"
           "event-buffered type=c\n"
           "> kept\n"
           "event-accepted type=a\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"n\":1},{\"n\":2}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"n\":1},{\"n\":2}]}\n"
           "i1 instance-completed out={\"n\":[{\"n\":1},{\"n\":2}]}\n"
           "> started\n");
    cr_expect_eq(table_rows(h, 'B'), 1);
}

SCENARIO(gather, others_of_a_kind_wait_their_turn)
{
    deploy_on(h, A_AND_B);
    event(h, "a", "1", "{\"n\":1}");
    event(h, "a", "2", "{\"n\":2}");
    forget_trace(h);
    event(h, "b", "1", "{\"n\":3}");
    EXPECT("event-accepted type=b\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"n\":1},{\"n\":3}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"n\":1},{\"n\":3}]}\n"
           "i1 instance-completed out={\"n\":[{\"n\":1},{\"n\":3}]}\n"
           "> started\n");
    event(h, "b", "2", "{\"n\":4}");
    EXPECT("event-accepted type=b\n"
           "event-unbuffered type=start test/both\n"
           "i2 instance-started in=[{\"n\":2},{\"n\":4}]\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/a ^ out={\"n\":[{\"n\":2},{\"n\":4}]}\n"
           "i2 instance-completed out={\"n\":[{\"n\":2},{\"n\":4}]}\n"
           "> started\n");
    cr_expect_eq(table_rows(h, 'B'), 0);
}

SCENARIO(gather, what_belongs_together_starts_together)
{
    deploy_on(h, BY_ORDER);
    event(h, "a", "1", "{\"order\":7}");
    event(h, "b", "1", "{\"order\":8}");
    event(h, "b", "2", "{}"); /* a number that both lack is none */
    event(h, "a", "2", "{}");
    forget_trace(h);
    event(h, "b", "3", "{\"order\":7}");
    EXPECT("event-accepted type=b\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"order\":7},{\"order\":7}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"order\":7},{\"order\":7}]}\n"
           "i1 instance-completed out={\"n\":[{\"order\":7},{\"order\":7}]}\n"
           "> started\n");
    cr_expect_eq(table_rows(h, 'B'), 3);
}

SCENARIO(gather, an_event_that_fits_several_takes_the_place_that_is_free)
{
    deploy_on(h, "{all: [{with: {type: a}}, {with: {data: '${ .big }'}}]}");
    event(h, "a", "1", "{\"big\":true}");
    forget_trace(h);
    event(h, "a", "2", "{\"big\":true}");
    EXPECT("event-accepted type=a\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"big\":true},{\"big\":true}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"big\":true},{\"big\":true}]}\n"
           "i1 instance-completed out={\"n\":[{\"big\":true},{\"big\":true}]}\n"
           "> started\n");
}

SCENARIO(gather, two_filters_that_are_alike_take_two_events)
{
    deploy_on(h, "{all: [{with: {type: a}}, {with: {type: a}}]}");
    event(h, "a", "1", "{\"n\":1}");
    EXPECT("event-accepted type=a\n"
           "event-buffered type=start test/both\n"
           "> kept\n");
    event(h, "a", "2", "{\"n\":2}");
    EXPECT("event-accepted type=a\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"n\":1},{\"n\":2}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"n\":1},{\"n\":2}]}\n"
           "i1 instance-completed out={\"n\":[{\"n\":1},{\"n\":2}]}\n"
           "> started\n");
}

SCENARIO(gather, each_definition_has_its_own_and_so_has_who_listens)
{
    deploy_on(h, A_AND_B);
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: other, version: 1.0.0}\n"
              "schedule: {read: data, on: " A_AND_B "}\n"
              "do: [{a: {set: {other: true}}}]\n");
    deploy_tasks(h, "- l: {listen: {to: {one: {with: {type: a}}}}}\n");
    run(h, "{}");
    forget_trace(h);
    event(h, "a", "1", "{\"n\":1}");
    EXPECT("event-accepted type=a\n"
           "event-buffered type=start test/both\n"
           "event-buffered type=start test/other\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={\"n\":1}\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{\"n\":1}]\n"
           "> continued\n");
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: any, version: 1.0.0}\n"
              "do: [{l: {listen: {to: {any: []}}}}]\n");
    start(h, "test/any", "{}"); /* what waits for a start is not for it */
    EXPECT("i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/l in={}\n");
    forget_trace(h);
    event(h, "b", "1", "{\"n\":2}");
    EXPECT("event-accepted type=b\n"
           "event-unbuffered type=start test/both\n"
           "i3 instance-started in=[{\"n\":1},{\"n\":2}]\n"
           "i3 workflow-entered\n"
           "i3 step-ran /do/0/a ^ out={\"n\":[{\"n\":1},{\"n\":2}]}\n"
           "i3 instance-completed out={\"n\":[{\"n\":1},{\"n\":2}]}\n"
           "event-unbuffered type=start test/other\n"
           "i4 instance-started in=[{\"n\":1},{\"n\":2}]\n"
           "i4 workflow-entered\n"
           "i4 step-ran /do/0/a ^ out={\"other\":true}\n"
           "i4 instance-completed out={\"other\":true}\n"
           "i2 event-consumed /do/0/l filter=0 all out={} value={\"n\":2}\n"
           "i2 step-completed /do/0/l ^\n"
           "i2 instance-completed out=[{\"n\":2}]\n"
           "> started\n");
}

SCENARIO(gather, a_newer_version_goes_on_with_what_its_filters_have)
{
    deploy_on(h, A_AND_B);
    event(h, "a", "1", "{\"n\":1}");
    event(h, "b", "0", "{\"n\":0}");
    forget_trace(h);
    event(h, "a", "2", "{\"n\":2}");
    deploy_version(h, "1.1.0", "{all: [{with: {type: c}}, {with: {type: a}}]}");
    event(h, "b", "1", "{\"n\":3}");
    EXPECT("event-accepted type=a\n"
           "event-buffered type=start test/both\n"
           "> kept\n"
           "event-accepted type=b\n"
           "event-buffered type=b\n"
           "> kept\n");
    event(h, "c", "1", "{\"n\":4}");
    EXPECT("event-accepted type=c\n"
           "event-unbuffered type=start test/both\n"
           "i2 instance-started in=[{\"n\":2},{\"n\":4}]\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/a ^ out={\"n\":[{\"n\":2},{\"n\":4}]}\n"
           "i2 instance-completed out={\"n\":[{\"n\":2},{\"n\":4}]}\n"
           "> started\n");
}

SCENARIO(gather, what_came_a_week_ago_is_forgotten)
{
    deploy_on(h, A_AND_B);
    event(h, "a", "1", "{\"n\":1}");
    forget_trace(h);
    advance(h, 7LL * 86400 * 1000);
    event(h, "b", "1", "{\"n\":2}");
    EXPECT("+604800000\n"
           "event-accepted type=b\n"
           "event-unbuffered type=start test/both\n"
           "event-buffered type=start test/both\n"
           "> kept\n");
    event(h, "a", "2", "{\"n\":3}");
    EXPECT("event-accepted type=a\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"n\":2},{\"n\":3}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"n\":2},{\"n\":3}]}\n"
           "i1 instance-completed out={\"n\":[{\"n\":2},{\"n\":3}]}\n"
           "> started\n");
    cr_expect_eq(table_rows(h, 'B'), 0);
}

SCENARIO(gather, until_is_asked_after_each_event)
{
    deploy_on(h, "{any: [{with: {type: a}}, {with: {type: b}}], until: '[.[].n] | add > 5'}");
    event(h, "a", "1", "{\"n\":1}");
    event(h, "b", "1", "{\"n\":2}");
    event(h, "a", "2", "{\"n\":3}");
    EXPECT("event-accepted type=a\n"
           "event-buffered type=start test/both\n"
           "> kept\n"
           "event-accepted type=b\n"
           "event-buffered type=start test/both\n"
           "> kept\n"
           "event-accepted type=a\n"
           "event-unbuffered type=start test/both\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"n\":1},{\"n\":2},{\"n\":3}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"n\":1},{\"n\":2},{\"n\":3}]}\n"
           "i1 instance-completed out={\"n\":[{\"n\":1},{\"n\":2},{\"n\":3}]}\n"
           "> started\n");
    event(h, "a", "3", "{\"n\":6}");
    EXPECT("event-accepted type=a\n"
           "i2 instance-started in=[{\"n\":6}]\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/a ^ out={\"n\":[{\"n\":6}]}\n"
           "i2 instance-completed out={\"n\":[{\"n\":6}]}\n"
           "> started\n");
}

SCENARIO(gather, until_events_end_it_and_are_not_given)
{
    deploy_on(h, "{any: [{with: {type: line}, " ORDER "}], until: {one: {with: {type: done}, " ORDER
                 "}}}");
    event(h, "done", "1", "{\"order\":7}"); /* ends nothing: nothing has come */
    event(h, "line", "1", "{\"order\":7}");
    event(h, "line", "2", "{\"order\":8}");
    event(h, "line", "3", "{\"order\":7,\"n\":3}");
    forget_trace(h);
    event(h, "done", "2", "{\"order\":7}");
    EXPECT("event-accepted type=done\n"
           "event-unbuffered type=start test/both\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"order\":7},{\"order\":7,\"n\":3}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"order\":7},{\"order\":7,\"n\":3}]}\n"
           "i1 instance-completed out={\"n\":[{\"order\":7},{\"order\":7,\"n\":3}]}\n"
           "> started\n");
    event(h, "done", "3", "{\"order\":9}");
    EXPECT("event-accepted type=done\n"
           "event-buffered type=done\n"
           "> kept\n");
}

SCENARIO(gather, until_all_waits_for_each)
{
    deploy_on(h, "{any: [{with: {type: line}}], until: {all: [{with: {type: x}}, {with: {type: "
                 "y}}]}}");
    event(h, "x", "1", "{}"); /* nothing to end yet */
    event(h, "line", "1", "{\"n\":1}");
    forget_trace(h);
    event(h, "y", "1", "{}");
    event(h, "y", "2", "{}");
    event(h, "line", "2", "{\"n\":2}");
    event(h, "x", "2", "{}");
    EXPECT("event-accepted type=y\n"
           "event-buffered type=start test/both\n"
           "> kept\n"
           "event-accepted type=y\n"
           "event-buffered type=y\n"
           "> kept\n"
           "event-accepted type=line\n"
           "event-buffered type=start test/both\n"
           "> kept\n"
           "event-accepted type=x\n"
           "event-unbuffered type=start test/both\n"
           "event-unbuffered type=start test/both\n"
           "event-unbuffered type=start test/both\n"
           "i1 instance-started in=[{\"n\":1},{\"n\":2}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"n\":1},{\"n\":2}]}\n"
           "i1 instance-completed out={\"n\":[{\"n\":1},{\"n\":2}]}\n"
           "> started\n");
}

SCENARIO(gather, until_that_fails_makes_dead_letters)
{
    deploy_on(h, "{any: [{with: {type: a}}], until: '.[0].n / .[0].d > 1'}");
    event(h, "a", "1", "{\"n\":1,\"d\":0}");
    EXPECT("event-accepted type=a\n"
           "dead-letter type=a "
           "value={\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/"
           "t\",\"id\":\"a-1\",\"data\":{\"n\":1,\"d\":0}} why=it cannot help to start "
           "test/both:1.0.0: expression '.[0].n / .[0].d > 1': cannot divide by zero\n"
           "> kept\n");
    event(h, "a", "2", "{\"n\":4,\"d\":2}");
    EXPECT("event-accepted type=a\n"
           "i1 instance-started in=[{\"n\":4,\"d\":2}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"n\":[{\"n\":4,\"d\":2}]}\n"
           "i1 instance-completed out={\"n\":[{\"n\":4,\"d\":2}]}\n"
           "> started\n");
}

/* What they give together is a value, and has its limit. */
SCENARIO(gather, what_is_too_large_is_a_dead_letter)
{
    struct buf data = BUF_INIT(400000);
    deploy_on(h, A_AND_B);
    buf_append_str(&data, "\"");
    for (size_t i = 0; i < 300000; i++) {
        buf_append_str(&data, "x");
    }
    buf_append_str(&data, "\"");
    h->untraced = true;
    event(h, "a", "1", data.data);
    cr_expect_eq(h->outcome, EVENT_KEPT);
    cr_expect_eq(table_rows(h, 'B'), 0);
    cr_expect_eq(table_rows(h, 'Z'), 1);
    deploy_version(h, "1.1.0", "{any: [{with: {type: a}}], until: false}");
    event(h, "a", "2", data.data);
    event(h, "a", "3", data.data);
    cr_expect_eq(table_rows(h, 'B'), 1);
    cr_expect_eq(table_rows(h, 'Z'), 2);
    h->untraced = false;
    buf_release(&data);
}
