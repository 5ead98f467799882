/*
 * Events: triggers, emit, listen, the buffer and duplicates.
 */
#include "tests/engine/harness.h"

static void deploy_on(struct harness *h, const char *name, const char *on, const char *tasks)
{
    struct buf text = BUF_INIT(65536);
    buf_printf(&text,
               "document: {dsl: 1.0.3, namespace: test, name: %s, version: 1.0.0}\n"
               "schedule: {on: %s}\n"
               "do:\n%s",
               name, on, tasks);
    deploy(h, text.data);
    buf_release(&text);
}

SCENARIO(events, an_event_starts_what_its_trigger_fits_once)
{
    deploy_on(h, "big", "{one: {with: {type: order, data: '${ .n > 5 }'}}}",
              "- a: {set: {n: '${ .[0].data.n }'}}\n");
    deploy_on(h, "any", "{any: [{with: {type: order}}, {with: {type: other}}]}",
              "- a: {set: {seen: '${ . | length }'}}\n");
    event(h, "order", "1", "{\"n\":3}");
    EXPECT("event-accepted type=order\n"
           "i1 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"order\",\"source\":\"/"
           "t\",\"id\":\"order-1\",\"data\":{\"n\":3}}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"seen\":1}\n"
           "i1 instance-completed out={\"seen\":1}\n"
           "> started\n");
    event(h, "order", "2", "{\"n\":9}");
    EXPECT("event-accepted type=order\n"
           "i2 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"order\",\"source\":\"/"
           "t\",\"id\":\"order-2\",\"data\":{\"n\":9}}]\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/a ^ out={\"seen\":1}\n"
           "i2 instance-completed out={\"seen\":1}\n"
           "i3 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"order\",\"source\":\"/"
           "t\",\"id\":\"order-2\",\"data\":{\"n\":9}}]\n"
           "i3 workflow-entered\n"
           "i3 step-ran /do/0/a ^ out={\"n\":9}\n"
           "i3 instance-completed out={\"n\":9}\n"
           "> started\n");
    event(h, "order", "2", "{\"n\":9}");
    EXPECT("> duplicate\n");
    event(h, "nobody", "1", "{}");
    EXPECT("event-accepted type=nobody\n"
           "event-buffered type=nobody\n"
           "> kept\n");
}

SCENARIO(events, only_the_latest_version_is_triggered)
{
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: v, version: 1.0.0}\n"
              "schedule: {on: {one: {with: {type: order}}}}\n"
              "do: [{a: {set: {v: 1}}}]\n");
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: v, version: 1.1.0}\n"
              "schedule: {on: {one: {with: {type: order}}}}\n"
              "do: [{a: {set: {v: 2}}}]\n");
    event(h, "order", "1", "{}");
    EXPECT("event-accepted type=order\n"
           "i1 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"order\",\"source\":\"/"
           "t\",\"id\":\"order-1\",\"data\":{}}]\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ out={\"v\":2}\n"
           "i1 instance-completed out={\"v\":2}\n"
           "> started\n");
}

SCENARIO(events, an_emitted_event_starts_and_continues_others_in_its_turn)
{
    deploy_tasks(h, "- l: {listen: {to: {one: {with: {type: ping}}}}}\n"
                    "- got: {set: {got: '${ .[0].n }'}}\n");
    deploy_on(h, "started", "{one: {with: {type: ping}}}",
              "- e: {emit: {event: {with: {type: pong, data: {m: '${ .[0].data.n }'}}}}}\n");
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: emitter, version: 1.0.0}\n"
              "do:\n"
              "  - e:\n"
              "      emit: {event: {with: {type: ping, id: one, source: /me, subject: s,\n"
              "                            data: {n: '${ .n }'}}}}\n");
    run(h, "{}");
    forget_trace(h);
    start(h, "test/emitter", "{\"n\":4}");
    EXPECT("i2 instance-started in={\"n\":4}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/e ^ "
           "out={\"specversion\":\"1.0\",\"type\":\"ping\",\"id\":\"one\",\"source\":\"/"
           "me\",\"subject\":\"s\",\"data\":{\"n\":4},\"time\":\"2025-06-15T15:06:40Z\","
           "\"datacontenttype\":\"application/json\"}\n"
           "i2 event-emitted /do/0/e\n"
           "i2 instance-completed "
           "out={\"specversion\":\"1.0\",\"type\":\"ping\",\"id\":\"one\",\"source\":\"/"
           "me\",\"subject\":\"s\",\"data\":{\"n\":4},\"time\":\"2025-06-15T15:06:40Z\","
           "\"datacontenttype\":\"application/json\"}\n"
           "event-accepted type=ping\n"
           "i3 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"ping\",\"id\":\"one\",\"source\":\"/"
           "me\",\"subject\":\"s\",\"data\":{\"n\":4},\"time\":\"2025-06-15T15:06:40Z\","
           "\"datacontenttype\":\"application/json\"}]\n"
           "i3 workflow-entered\n"
           "i3 step-ran /do/0/e ^ "
           "out={\"specversion\":\"1.0\",\"type\":\"pong\",\"data\":{\"m\":4},\"id\":"
           "\"40145611b6000aca60fcbe8cfd3850fe\",\"source\":\"/test/started/"
           "1.0.0\",\"time\":\"2025-06-15T15:06:40Z\",\"datacontenttype\":\"application/json\"}\n"
           "i3 event-emitted /do/0/e\n"
           "i3 instance-completed "
           "out={\"specversion\":\"1.0\",\"type\":\"pong\",\"data\":{\"m\":4},\"id\":"
           "\"40145611b6000aca60fcbe8cfd3850fe\",\"source\":\"/test/started/"
           "1.0.0\",\"time\":\"2025-06-15T15:06:40Z\",\"datacontenttype\":\"application/json\"}\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={\"n\":4}\n"
           "i1 step-completed /do/0/l\n"
           "i1 step-ran /do/1/got ^ out={\"got\":4}\n"
           "i1 instance-completed out={\"got\":4}\n"
           "event-accepted type=pong\n"
           "event-buffered type=pong\n"
           "> publish ping\n"
           "> publish pong\n");
    cr_expect_eq(open_instances(h), 0);
    event_text(h, "{\"specversion\":\"1.0\",\"type\":\"ping\",\"source\":\"/me\",\"id\":\"one\","
                  "\"data\":{\"n\":4}}");
    EXPECT("> duplicate\n");
}

SCENARIO(events, listen_to_one_any_and_all)
{
    deploy_tasks(h, "- one: {listen: {to: {one: {with: {type: a, data: '${ .n == 1 }'}}}}}\n"
                    "- any: {listen: {to: {any: [{with: {type: b}}, {with: {type: c}}]}}}\n"
                    "- all: {listen: {to: {all: [{with: {type: d}}, {with: {type: e}}]}}}\n");
    run(h, "{}");
    event(h, "a", "1", "{\"n\":2}");
    event(h, "a", "2", "{\"n\":1}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/one in={}\n"
           "event-accepted type=a\n"
           "event-buffered type=a\n"
           "> kept\n"
           "event-accepted type=a\n"
           "i1 event-consumed /do/0/one filter=0 all out={} value={\"n\":1}\n"
           "i1 step-completed /do/0/one\n"
           "i1 step-started /do/1/any in=[{\"n\":1}]\n"
           "> continued\n");
    event(h, "c", "1", "{\"c\":1}");
    event(h, "e", "1", "{\"e\":1}");
    event(h, "e", "2", "{\"e\":2}");
    event(h, "d", "1", "{\"d\":1}");
    EXPECT("event-accepted type=c\n"
           "i1 event-consumed /do/1/any filter=1 all out={} value={\"c\":1}\n"
           "i1 step-completed /do/1/any\n"
           "i1 step-started /do/2/all in=[{\"c\":1}]\n"
           "> continued\n"
           "event-accepted type=e\n"
           "i1 event-consumed /do/2/all filter=1 out={} value={\"e\":1}\n"
           "> continued\n"
           "event-accepted type=e\n"
           "event-buffered type=e\n"
           "> kept\n"
           "event-accepted type=d\n"
           "i1 event-consumed /do/2/all filter=0 all out={} value={\"d\":1}\n"
           "i1 step-completed /do/2/all ^\n"
           "i1 instance-completed out=[{\"e\":1},{\"d\":1}]\n"
           "> continued\n");
}

/* Whoever waits is reached in the same order after a restart. */
SCENARIO(events, an_event_continues_all_who_wait_for_it)
{
    deploy_tasks(h, "- l: {listen: {to: {one: {with: {type: a}}}}}\n");
    for (int i = 0; i < 6; i++) {
        run(h, "{}");
    }
    forget_trace(h);
    event(h, "a", "1", "{}");
    EXPECT("event-accepted type=a\n"
           "i3 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "i3 step-completed /do/0/l ^\n"
           "i3 instance-completed out=[{}]\n"
           "i2 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "i2 step-completed /do/0/l ^\n"
           "i2 instance-completed out=[{}]\n"
           "i5 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "i5 step-completed /do/0/l ^\n"
           "i5 instance-completed out=[{}]\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{}]\n"
           "i6 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "i6 step-completed /do/0/l ^\n"
           "i6 instance-completed out=[{}]\n"
           "i4 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "i4 step-completed /do/0/l ^\n"
           "i4 instance-completed out=[{}]\n"
           "> continued\n");
}

SCENARIO(events, listen_reads_data_envelope_or_raw)
{
    deploy_tasks(h, "- d: {listen: {to: {one: {with: {type: a}}}, read: data}}\n"
                    "- e: {listen: {to: {any: []}, read: envelope}}\n"
                    "- r: {listen: {to: {one: {with: {type: a, x: y}}}, read: raw}}\n");
    run(h, "{}");
    event(h, "a", "1", "{\"k\":1}");
    event(h, "b", "1", "{\"k\":2}");
    event(h, "a", "2", "{\"k\":3}");
    event_text(h, "{\"type\":\"a\",\"source\":\"/t\",\"id\":\"3\",\"x\":\"y\",\"data\":{\"k\":4}}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/d in={}\n"
           "event-accepted type=a\n"
           "i1 event-consumed /do/0/d filter=0 all out={} value={\"k\":1}\n"
           "i1 step-completed /do/0/d\n"
           "i1 step-started /do/1/e in=[{\"k\":1}]\n"
           "> continued\n"
           "event-accepted type=b\n"
           "i1 event-consumed /do/1/e filter=0 all out={} "
           "value={\"specversion\":\"1.0\",\"type\":\"b\",\"source\":\"/"
           "t\",\"id\":\"b-1\",\"data\":{\"k\":2}}\n"
           "i1 step-completed /do/1/e\n"
           "i1 step-started /do/2/r "
           "in=[{\"specversion\":\"1.0\",\"type\":\"b\",\"source\":\"/"
           "t\",\"id\":\"b-1\",\"data\":{\"k\":2}}]\n"
           "> continued\n"
           "event-accepted type=a\n"
           "event-buffered type=a\n"
           "> kept\n"
           "event-accepted type=a\n"
           "i1 event-consumed /do/2/r filter=0 all out={} value=\"{\\\"k\\\":4}\"\n"
           "i1 step-completed /do/2/r ^\n"
           "i1 instance-completed out=[\"{\\\"k\\\":4}\"]\n"
           "> continued\n");
}

SCENARIO(events, correlation_expects_a_value_or_keeps_the_first)
{
    deploy_tasks(h, "- l:\n"
                    "    listen:\n"
                    "      to:\n"
                    "        all:\n"
                    "          - with: {type: paid}\n"
                    "            correlate: {order: {from: '${ .data.order }',\n"
                    "                                expect: '${ .order }'}}\n"
                    "          - with: {type: sent}\n"
                    "            correlate: {parcel: {from: '${ .data.parcel }'}}\n"
                    "          - with: {type: seen}\n"
                    "            correlate: {parcel: {from: '${ .data.parcel }'}}\n");
    run(h, "{\"order\":\"o1\"}");
    event(h, "paid", "1", "{\"order\":\"o2\"}");
    event(h, "paid", "2", "{\"order\":\"o1\"}");
    event(h, "sent", "1", "{\"parcel\":\"p1\"}");
    event(h, "seen", "1", "{\"parcel\":\"p2\"}");
    event(h, "seen", "2", "{\"parcel\":\"p1\"}");
    EXPECT(
        "i1 instance-started in={\"order\":\"o1\"}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/l in={\"order\":\"o1\"}\n"
        "event-accepted type=paid\n"
        "event-buffered type=paid\n"
        "> kept\n"
        "event-accepted type=paid\n"
        "i1 event-consumed /do/0/l filter=0 out={} value={\"order\":\"o1\"}\n"
        "> continued\n"
        "event-accepted type=sent\n"
        "i1 event-consumed /do/0/l filter=1 out={\"parcel\":\"p1\"} value={\"parcel\":\"p1\"}\n"
        "> continued\n"
        "event-accepted type=seen\n"
        "event-buffered type=seen\n"
        "> kept\n"
        "event-accepted type=seen\n"
        "i1 event-consumed /do/0/l filter=2 all out={\"parcel\":\"p1\"} value={\"parcel\":\"p1\"}\n"
        "i1 step-completed /do/0/l ^\n"
        "i1 instance-completed out=[{\"order\":\"o1\"},{\"parcel\":\"p1\"},{\"parcel\":\"p1\"}]\n"
        "> continued\n");
}

/* The values of a filter that does not fit in the end say nothing to the next filter. */
SCENARIO(events, correlation_of_a_filter_that_fails_is_not_kept)
{
    deploy_tasks(h, "- l:\n"
                    "    listen:\n"
                    "      to:\n"
                    "        any:\n"
                    "          - with: {type: a}\n"
                    "            correlate: {k: {from: '${ .data.x }'},\n"
                    "                        z: {from: '${ .data.z }', expect: 1}}\n"
                    "          - with: {type: a}\n"
                    "            correlate: {k: {from: '${ .data.y }'}}\n");
    run(h, "{}");
    event(h, "a", "1", "{\"x\":1,\"y\":2,\"z\":3}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "event-accepted type=a\n"
           "i1 event-consumed /do/0/l filter=1 all out={\"k\":2} value={\"x\":1,\"y\":2,\"z\":3}\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{\"x\":1,\"y\":2,\"z\":3}]\n"
           "> continued\n");
}

SCENARIO(events, an_event_before_its_listen_is_kept_and_taken_once)
{
    deploy_tasks(h, "- l: {listen: {to: {one: {with: {type: a}}}}}\n");
    event(h, "a", "1", "{\"n\":1}");
    event(h, "a", "2", "{\"n\":2}");
    cr_expect_eq(table_rows(h, 'B'), 2);
    run(h, "{}");
    run(h, "{}");
    EXPECT("event-accepted type=a\n"
           "event-buffered type=a\n"
           "> kept\n"
           "event-accepted type=a\n"
           "event-buffered type=a\n"
           "> kept\n"
           "i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={\"n\":1}\n"
           "event-unbuffered type=a\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{\"n\":1}]\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/l in={}\n"
           "i2 event-consumed /do/0/l filter=0 all out={} value={\"n\":2}\n"
           "event-unbuffered type=a\n"
           "i2 step-completed /do/0/l ^\n"
           "i2 instance-completed out=[{\"n\":2}]\n");
    cr_expect_eq(table_rows(h, 'B'), 0);
    run(h, "{}");
    EXPECT("i3 instance-started in={}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/l in={}\n");
}

SCENARIO(events, the_buffer_forgets_after_a_week)
{
    deploy_tasks(h, "- l: {listen: {to: {one: {with: {type: a}}}}}\n");
    event(h, "a", "1", "{\"n\":1}");
    advance(h, 7LL * 86400 * 1000);
    run(h, "{}");
    EXPECT("event-accepted type=a\n"
           "event-buffered type=a\n"
           "> kept\n"
           "+604800000\n"
           "i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "event-unbuffered type=a\n");
    cr_expect_eq(table_rows(h, 'B'), 0);
}

/* They stayed for ever: only a listen for their type met them. */
SCENARIO(events, the_buffer_forgets_what_nobody_listens_for)
{
    event(h, "a", "1", "{}");
    event(h, "c", "1", "{}");
    advance(h, 86400LL * 1000);
    event(h, "b", "1", "{}");
    cr_expect_eq(table_rows(h, 'B'), 3);
    advance(h, 6LL * 86400 * 1000);
    event(h, "d", "1", "{}");
    forget_trace(h);
    cr_expect_eq(table_rows(h, 'B'), 2);
}

/* As it comes from the bus; `bus_ms` 0 would be an event that came another way. */
/* The buffer of this very turn is seen, and what is taken from it is taken once. */
SCENARIO(events, an_event_and_its_listeners_may_come_in_one_turn)
{
    deploy_tasks(h, "- l: {listen: {to: {one: {with: {type: a}}}}}\n");
    struct doc *envelope = NULL;
    struct command arrives =
        event_of_text("{\"type\":\"a\",\"source\":\"/t\",\"id\":\"1\",\"data\":{}}", &envelope);
    struct doc *input = doc_of_json(json_object());
    struct command first = {
        .kind = COMMAND_RUN,
        .run = {.definition = "test/flow", .request_id = "x", .person = "p", .input = input}};
    struct command second = first;
    second.run.request_id = "y";
    harness_begin(h);
    harness_command(h, &arrives);
    harness_command(h, &first);
    harness_command(h, &second);
    harness_command(h, &arrives);
    harness_end(h);
    EXPECT("event-accepted type=a\n"
           "event-buffered type=a\n"
           "i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "event-unbuffered type=a\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{}]\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/l in={}\n");
    cr_expect_eq(table_rows(h, 'B'), 0);
    doc_unref(&envelope);
    doc_unref(&input);
}

SCENARIO(events, a_kept_event_is_taken_by_one_of_two_in_a_turn)
{
    deploy_tasks(h, "- l: {listen: {to: {one: {with: {type: a}}}}}\n");
    event(h, "a", "1", "{}");
    struct doc *input = doc_of_json(json_object());
    struct command first = {
        .kind = COMMAND_RUN,
        .run = {.definition = "test/flow", .request_id = "x", .person = "p", .input = input}};
    struct command second = first;
    second.run.request_id = "y";
    harness_begin(h);
    harness_command(h, &first);
    harness_command(h, &second);
    harness_end(h);
    cr_expect_eq(open_instances(h), 1);
    doc_unref(&input);
    EXPECT("event-accepted type=a\n"
           "event-buffered type=a\n"
           "> kept\n"
           "i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "event-unbuffered type=a\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{}]\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/l in={}\n");
}

/* What an event starts does not consume the same event. */
SCENARIO(events, the_event_that_starts_an_instance_is_not_heard_by_it)
{
    deploy_on(h, "again", "{one: {with: {type: a}}}",
              "- l: {listen: {to: {one: {with: {type: a}}}}}\n");
    event(h, "a", "1", "{}");
    cr_expect_eq(open_instances(h), 1);
    event(h, "a", "2", "{}");
    cr_expect_eq(open_instances(h), 1);
    EXPECT("event-accepted type=a\n"
           "i1 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/"
           "t\",\"id\":\"a-1\",\"data\":{}}]\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l "
           "in=[{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/"
           "t\",\"id\":\"a-1\",\"data\":{}}]\n"
           "> started\n"
           "event-accepted type=a\n"
           "i2 instance-started "
           "in=[{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/"
           "t\",\"id\":\"a-2\",\"data\":{}}]\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/l "
           "in=[{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/"
           "t\",\"id\":\"a-2\",\"data\":{}}]\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{}]\n"
           "> started\n");
}

SCENARIO(events, one_event_continues_a_listener_once)
{
    deploy_tasks(h, "- l: {listen: {to: {one: {with: {type: a}}}}}\n"
                    "- m: {listen: {to: {any: []}}}\n");
    run(h, "{}");
    event(h, "a", "1", "{}");
    cr_expect_eq(open_instances(h), 1);
    event(h, "a", "2", "{}");
    cr_expect_eq(open_instances(h), 0);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l in={}\n"
           "event-accepted type=a\n"
           "i1 event-consumed /do/0/l filter=0 all out={} value={}\n"
           "i1 step-completed /do/0/l\n"
           "i1 step-started /do/1/m in=[{}]\n"
           "> continued\n"
           "event-accepted type=a\n"
           "i1 event-consumed /do/1/m filter=0 all out={} value={}\n"
           "i1 step-completed /do/1/m ^\n"
           "i1 instance-completed out=[{}]\n"
           "> continued\n");
}

/* A definition that starts itself goes on turn by turn instead of holding one turn for ever. */
Test(events, an_endless_chain_of_events_leaves_the_turn)
{
    struct harness *h = harness_create();
    h->untraced = true;
    deploy_on(h, "self", "{one: {with: {type: a}}}",
              "- e: {emit: {event: {with: {type: a, data: {}}}}}\n");
    harness_begin(h);
    struct doc *envelope = NULL;
    struct command command =
        event_of_text("{\"type\":\"a\",\"source\":\"/t\",\"id\":\"1\",\"data\":{}}", &envelope);
    harness_command(h, &command);
    struct error err = {0};
    cr_expect_eq(turn_end(h->turn, &err), ERR_OK);
    cr_expect_geq(open_instances(h), 1);
    cr_expect_leq(open_instances(h), 2);
    cr_expect_eq(turn_next_due(h->turn), 0);
    doc_unref(&envelope);
    harness_destroy(&h);
}

SCENARIO(events, what_did_not_come_over_the_bus_is_copied_to_it_once)
{
    struct doc *envelope = NULL;
    struct command command =
        event_of_text("{\"type\":\"a\",\"source\":\"/t\",\"id\":\"1\",\"data\":{}}", &envelope);
    command.event.bus_ms = 0;
    harness_begin(h);
    harness_command(h, &command);
    harness_command(h, &command);
    harness_end(h);
    doc_unref(&envelope);
    EXPECT("event-accepted type=a\n"
           "event-buffered type=a\n"
           "> publish a\n");
}

SCENARIO(events, an_event_too_old_is_a_dead_letter)
{
    deploy_on(h, "on", "{one: {with: {type: a}}}", "- a: {set: {x: 1}}\n");
    struct doc *envelope = NULL;
    struct command command =
        event_of_text("{\"type\":\"a\",\"source\":\"/t\",\"id\":\"1\",\"data\":{}}", &envelope);
    command.event.bus_ms = h->now - 36LL * 86400 * 1000;
    harness_begin(h);
    harness_command(h, &command);
    harness_end(h);
    doc_unref(&envelope);
    EXPECT("dead-letter type=a value={\"type\":\"a\",\"source\":\"/t\",\"id\":\"1\",\"data\":{}} "
           "why=too old to be known new\n");
    cr_expect_eq(table_rows(h, 'Z'), 1);
}

SCENARIO(events, marks_are_swept_after_their_horizon)
{
    event(h, "a", "1", "{}");
    cr_expect_eq(table_rows(h, 'E'), 1);
    advance(h, 35LL * 86400 * 1000 + 1);
    event(h, "a", "2", "{}");
    cr_expect_eq(table_rows(h, 'E'), 1);
    cr_expect_eq(table_rows(h, 'X'), 1);
    forget_trace(h);
}

#define NOT_SENT(name, why)                                                                      \
    "{\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/e\",\"title\":\"an event " \
    "cannot have this '" name "'\",\"detail\":\"" why "\"}"
#define NO_TYPE                                                                                  \
    NOT_SENT("type", "it has 1 to 200 bytes (LIMIT_EVENT_TYPE_BYTES), no spaces and no control " \
                     "characters")

/* It is part of keys, which have an end: one of 400 bytes stopped the coordinator. */
SCENARIO(events, a_type_that_fits_no_key_is_an_error_of_the_emit)
{
    deploy_tasks(h, "- e: {emit: {event: {with: {type: '${ .type * .times }'}}}}\n");
    run(h, "{\"type\":\"a\",\"times\":200}");
    forget_trace(h);
    run(h, "{\"type\":\"a\",\"times\":201}");
    EXPECT("i2 instance-started in={\"type\":\"a\",\"times\":201}\n"
           "i2 workflow-entered\n"
           "i2 step-faulted /do/0/e error=" NO_TYPE "\n"
           "i2 instance-faulted error=" NO_TYPE "\n");
    run(h, "{\"type\":\"a b\",\"times\":1}");
    EXPECT("i3 instance-started in={\"type\":\"a b\",\"times\":1}\n"
           "i3 workflow-entered\n"
           "i3 step-faulted /do/0/e error=" NO_TYPE "\n"
           "i3 instance-faulted error=" NO_TYPE "\n");
}

static void expect_not_sent(struct harness *h, const char *input, const char *golden)
{
    run(h, input);
    const char *failed = strstr(h->trace.data, "/do/0/e error=");
    cr_expect_not_null(failed, "%s", h->trace.data);
    if (failed != NULL) {
        cr_expect_eq(strncmp(failed + strlen("/do/0/e error="), golden, strlen(golden)), 0, "%s",
                     failed);
    }
    forget_trace(h);
}

SCENARIO(events, what_is_no_cloudevent_is_an_error_of_the_emit)
{
    deploy_tasks(h,
                 "- e: {emit: {event: {with: {type: t, id: '${ .id }', time: '${ .time }', "
                 "specversion: '${ .version }', subject: '${ .subject }', own: '${ .own }'}}}}\n");
    expect_not_sent(h, "{\"id\":\"\"}",
                    NOT_SENT("id", "it has 1 to 4096 bytes and no control characters"));
    expect_not_sent(h, "{\"id\":5}", NOT_SENT("id", "it must be a text"));
    expect_not_sent(h, "{\"time\":\"yesterday\"}",
                    NOT_SENT("time", "it is an instant such as 2026-01-02T03:04:05Z (RFC 3339)"));
    expect_not_sent(h, "{\"version\":\"0.3\"}", NOT_SENT("specversion", "it is '1.0'"));
    expect_not_sent(h, "{\"own\":{}}",
                    NOT_SENT("own", "it must be a text, true, false or an integer"));
    run(h, "{\"own\":true,\"time\":\"2026-01-02T03:04:05+01:00\"}"); /* null is left out */
    cr_expect_not_null(strstr(h->trace.data, "instance-completed"), "%s", h->trace.data);
    cr_expect_null(strstr(h->trace.data, "subject"), "%s", h->trace.data);
    forget_trace(h);
}
