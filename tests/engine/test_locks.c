/*
 * Locks: one after the other at an entity, leases that end, circles that are refused.
 */
#include "tests/engine/harness.h"

#define LISTEN(type) "{listen: {to: {one: {with: {type: " type "}}}}}"

/* Holds the entity of its input until the event `go` of its name comes. */
#define HOLDS                                                                                \
    "- l:\n    call: lock\n    with:\n      entity: '${ .e }'\n      ttl: PT1H\n      do:\n" \
    "        - w: {listen: {to: {one: {with: {type: go, data: '${ .n == $input.n }'}}}}}\n"

#define INNER(entity) \
    "{call: lock, with: {entity: " entity ", ttl: PT1H, do: [{z: {set: {in: 1}}}]}}"

static void go(struct harness *h, const char *name)
{
    char data[64];
    (void)snprintf(data, sizeof(data), "{\"n\":\"%s\"}", name);
    event(h, "go", name, data);
}

SCENARIO(locks, who_came_first_is_served_first)
{
    deploy_tasks(h, HOLDS);
    run(h, "{\"e\":\"x\",\"n\":\"a\"}");
    run(h, "{\"e\":\"x\",\"n\":\"b\"}");
    run(h, "{\"e\":\"x\",\"n\":\"c\"}");
    run(h, "{\"e\":\"y\",\"n\":\"d\"}");
    cr_expect_eq(table_rows(h, 'V'), 4);
    EXPECT("i1 instance-started in={\"e\":\"x\",\"n\":\"a\"}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l lock=x held in={\"e\":\"x\",\"n\":\"a\"}\n"
           "i1 step-started /do/0/l/with/do/0/w in={\"e\":\"x\",\"n\":\"a\"}\n"
           "i2 instance-started in={\"e\":\"x\",\"n\":\"b\"}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/l lock=x waits in={\"e\":\"x\",\"n\":\"b\"}\n"
           "i3 instance-started in={\"e\":\"x\",\"n\":\"c\"}\n"
           "i3 workflow-entered\n"
           "i3 step-started /do/0/l lock=x waits in={\"e\":\"x\",\"n\":\"c\"}\n"
           "i4 instance-started in={\"e\":\"y\",\"n\":\"d\"}\n"
           "i4 workflow-entered\n"
           "i4 step-started /do/0/l lock=y held in={\"e\":\"y\",\"n\":\"d\"}\n"
           "i4 step-started /do/0/l/with/do/0/w in={\"e\":\"y\",\"n\":\"d\"}\n");
    go(h, "c");
    go(h, "a");
    EXPECT("event-accepted type=go\n"
           "event-buffered type=go\n"
           "> kept\n"
           "event-accepted type=go\n"
           "i1 event-consumed /do/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"a\"}\n"
           "i1 step-completed /do/0/l/with/do/0/w ^\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{\"n\":\"a\"}]\n"
           "i2 lock-granted /do/0/l lock=x\n"
           "i2 step-started /do/0/l/with/do/0/w in={\"e\":\"x\",\"n\":\"b\"}\n"
           "> continued\n");
    go(h, "b");
    go(h, "d");
    EXPECT("event-accepted type=go\n"
           "i2 event-consumed /do/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"b\"}\n"
           "i2 step-completed /do/0/l/with/do/0/w ^\n"
           "i2 step-completed /do/0/l ^\n"
           "i2 instance-completed out=[{\"n\":\"b\"}]\n"
           "i3 lock-granted /do/0/l lock=x\n"
           "i3 step-started /do/0/l/with/do/0/w in={\"e\":\"x\",\"n\":\"c\"}\n"
           "i3 event-consumed /do/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"c\"}\n"
           "event-unbuffered type=go\n"
           "i3 step-completed /do/0/l/with/do/0/w ^\n"
           "i3 step-completed /do/0/l ^\n"
           "i3 instance-completed out=[{\"n\":\"c\"}]\n"
           "> continued\n"
           "event-accepted type=go\n"
           "i4 event-consumed /do/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"d\"}\n"
           "i4 step-completed /do/0/l/with/do/0/w ^\n"
           "i4 step-completed /do/0/l ^\n"
           "i4 instance-completed out=[{\"n\":\"d\"}]\n"
           "> continued\n");
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(locks, a_call_with_a_lock_is_one_step)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, with: {input: {n: '${ .n }'},\n"
                    "      lock: {entity: '${ \"invoice/\" + .e }', ttl: PT10M}},\n"
                    "      output: {as: '${ {got: .n} }'}}\n");
    run(h, "{\"e\":\"7\",\"n\":1}");
    run(h, "{\"e\":\"7\",\"n\":2}");
    EXPECT("i1 instance-started in={\"e\":\"7\",\"n\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/w lock=invoice/7 held in={\"e\":\"7\",\"n\":1}\n"
           "i1 step-started /do/0/w/call in={\"e\":\"7\",\"n\":1} out={\"n\":1}\n"
           "i1 step-dispatched /do/0/w/call perform #0.1 store=s1 contract=1.0.0\n"
           "i2 instance-started in={\"e\":\"7\",\"n\":2}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/w lock=invoice/7 waits in={\"e\":\"7\",\"n\":2}\n");
    done(h, "i1:/do/0/w/call", "{\"n\":1}");
    done(h, "i2:/do/0/w/call", "{\"n\":2}");
    EXPECT("i1 step-result /do/0/w/call perform #0.1 done effect=done out={\"n\":1}\n"
           "i1 step-completed /do/0/w/call ^\n"
           "i1 step-completed /do/0/w ^ out={\"got\":1}\n"
           "i1 instance-completed out={\"got\":1}\n"
           "i2 lock-granted /do/0/w lock=invoice/7\n"
           "i2 step-started /do/0/w/call in={\"e\":\"7\",\"n\":2} out={\"n\":2}\n"
           "i2 step-dispatched /do/0/w/call perform #0.1 store=s1 contract=1.0.0\n"
           "i2 step-result /do/0/w/call perform #0.1 done effect=done out={\"n\":2}\n"
           "i2 step-completed /do/0/w/call ^\n"
           "i2 step-completed /do/0/w ^ out={\"got\":2}\n"
           "i2 instance-completed out={\"got\":2}\n");
}

SCENARIO(locks, a_fault_frees_the_entity)
{
    hello(h, PURE, "s1", 4);
    deploy_tasks(h, "- t: {try: [{l: {call: lock, with: {entity: x, ttl: PT1H, do: [\n"
                    "       {w: {call: work@worker}}]}}}], catch: {}}\n"
                    "- z: " LISTEN("end") "\n");
    run(h, "{}");
    run(h, "{}");
    forget_trace(h);
    fail(h, "i1:/do/0/t/try/0/l/with/do/0/w", FAILURE_DATA, MARK_NONE);
    EXPECT("i1 step-result /do/0/t/try/0/l/with/do/0/w decide #0.1 failed effect=none data:broken\n"
           "i1 step-faulted /do/0/t/try/0/l/with/do/0/w "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/l/with/"
           "do/0/w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 step-faulted /do/0/t/try/0/l "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/l/with/"
           "do/0/w\",\"title\":\"it broke\",\"detail\":\"broken\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/l/with/"
           "do/0/w\",\"title\":\"it broke\",\"detail\":\"broken\"} "
           "value={\"error\":{\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/"
           "try/0/l/with/do/0/w\",\"title\":\"it broke\",\"detail\":\"broken\"}}\n"
           "i1 step-completed /do/0/t\n"
           "i1 step-started /do/1/z in={}\n"
           "i2 lock-granted /do/0/t/try/0/l lock=x\n"
           "i2 step-started /do/0/t/try/0/l/with/do/0/w in={} out={}\n"
           "i2 step-dispatched /do/0/t/try/0/l/with/do/0/w decide #0.1 store=s1 contract=1.0.0\n");
    fail(h, "i2:/do/0/t/try/0/l/with/do/0/w", FAILURE_DATA, MARK_NONE);
    cr_expect_eq(table_rows(h, 'V'), 0);
    forget_trace(h);
}

SCENARIO(locks, cancelling_frees_the_entity_and_leaves_the_line)
{
    deploy_tasks(h, HOLDS);
    run(h, "{\"e\":\"x\",\"n\":\"a\"}");
    run(h, "{\"e\":\"x\",\"n\":\"b\"}");
    run(h, "{\"e\":\"x\",\"n\":\"c\"}");
    forget_trace(h);
    cancel(h, 2);
    cancel(h, 1);
    EXPECT("i2 instance-cancelling\n"
           "i2 step-cancelled /do/0/l why=cancelled\n"
           "i2 instance-cancelled\n"
           "i1 instance-cancelling\n"
           "i1 step-cancelled /do/0/l/with/do/0/w why=cancelled\n"
           "i1 step-cancelled /do/0/l why=cancelled\n"
           "i1 instance-cancelled\n"
           "i3 lock-granted /do/0/l lock=x\n"
           "i3 step-started /do/0/l/with/do/0/w in={\"e\":\"x\",\"n\":\"c\"}\n");
    operate(h, OPERATE_KILL, 3);
    cr_expect_eq(table_rows(h, 'V'), 0);
    forget_trace(h);
}

SCENARIO(locks, a_lease_ends_at_its_deadline)
{
    deploy_tasks(h, "- t: {try: [{l: {call: lock, with: {entity: x, ttl: PT1M, do: [\n"
                    "       {w: " LISTEN(
                        "go") "}]}}}], catch: {errors: {with: {type: "
                              "'https://serverlessworkflow.io/spec/1.0.0/errors/timeout'}},\n"
                              "     do: [{c: {set: {late: '${ $error.detail }'}}}]}}\n");
    run(h, "{}");
    run(h, "{}");
    advance(h, 60000);
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/t in={}\n"
           "i1 step-started /do/0/t/try/0/l lock=x held in={}\n"
           "i1 step-started /do/0/t/try/0/l/with/do/0/w in={}\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/t in={}\n"
           "i2 step-started /do/0/t/try/0/l lock=x waits in={}\n"
           "+60000\n"
           "i1 lock-expired /do/0/t/try/0/l lock=x\n"
           "i1 step-cancelled /do/0/t/try/0/l stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"} why=timed out\n"
           "i1 step-cancelled /do/0/t/try/0/l/with/do/0/w why=timed out\n"
           "i1 step-faulted /do/0/t/try/0/l "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"}\n"
           "i1 error-caught /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"} "
           "value={\"error\":{\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"}}\n"
           "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"late\":\"'x' was held for 60000 ms, its ttl; "
           "others may have it now\"}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={\"late\":\"'x' was held for 60000 ms, its ttl; others may "
           "have it now\"}\n"
           "i2 lock-granted /do/0/t/try/0/l lock=x\n"
           "i2 step-started /do/0/t/try/0/l/with/do/0/w in={}\n");
    advance(h, 60000);
    EXPECT("+120000\n"
           "i2 lock-expired /do/0/t/try/0/l lock=x\n"
           "i2 step-cancelled /do/0/t/try/0/l stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"} why=timed out\n"
           "i2 step-cancelled /do/0/t/try/0/l/with/do/0/w why=timed out\n"
           "i2 step-faulted /do/0/t/try/0/l "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"}\n"
           "i2 error-caught /do/0/t "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"} "
           "value={\"error\":{\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/t/try/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"}}\n"
           "i2 step-ran /do/0/t/catch/do/0/c ^ out={\"late\":\"'x' was held for 60000 ms, its ttl; "
           "others may have it now\"}\n"
           "i2 step-completed /do/0/t ^\n"
           "i2 instance-completed out={\"late\":\"'x' was held for 60000 ms, its ttl; others may "
           "have it now\"}\n");
    cr_expect_eq(open_instances(h), 0);
}

/* The entity is free at the deadline, whatever the holder's agent does. */
SCENARIO(locks, an_effect_in_flight_does_not_keep_the_entity)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- w: {call: work@worker, with: {lock: {entity: x, ttl: PT1M}}}\n"
                    "- z: {set: {never: true}}\n");
    run(h, "{}");
    run(h, "{}");
    forget_trace(h);
    advance(h, 60000);
    EXPECT("+60000\n"
           "i1 lock-expired /do/0/w lock=x\n"
           "i1 step-cancelled /do/0/w stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"} why=timed out\n"
           "i1 step-cancelled /do/0/w/call stays why=recalled\n"
           "i2 lock-granted /do/0/w lock=x\n"
           "i2 step-started /do/0/w/call in={} out={}\n"
           "i2 step-dispatched /do/0/w/call perform #0.1 store=s1 contract=1.0.0\n"
           "> recall worker/s1 #0.1\n");
    done(h, "i1:/do/0/w/call", "{\"n\":1}");
    EXPECT("i1 step-result /do/0/w/call perform #0.1 done effect=done out={\"n\":1}\n"
           "i1 step-cancelled /do/0/w/call why=timed out\n"
           "i1 step-faulted /do/0/w "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "w\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"}\n");
    done(h, "i2:/do/0/w/call", "{\"n\":1}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(locks, a_paused_holder_loses_its_lease_and_is_told_when_it_resumes)
{
    deploy_tasks(h,
                 "- l: {call: lock, with: {entity: x, ttl: PT1M, do: [{w: " LISTEN("go") "}]}}\n");
    run(h, "{}");
    run(h, "{}");
    forget_trace(h);
    operate(h, OPERATE_PAUSE, 1);
    advance(h, 60000);
    EXPECT("i1 instance-paused\n"
           "+60000\n"
           "i1 lock-expired /do/0/l lock=x\n"
           "i2 lock-granted /do/0/l lock=x\n"
           "i2 step-started /do/0/l/with/do/0/w in={}\n");
    operate(h, OPERATE_RESUME, 1);
    EXPECT("i1 instance-resumed\n"
           "i1 step-cancelled /do/0/l stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"} why=timed out\n"
           "i1 step-cancelled /do/0/l/with/do/0/w why=timed out\n"
           "i1 step-faulted /do/0/l "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the lease of the lock ended before its task\",\"detail\":\"'x' was "
           "held for 60000 ms, its ttl; others may have it now\"}\n");
    cancel(h, 2);
    forget_trace(h);
}

SCENARIO(locks, who_is_paused_is_passed_over_and_keeps_its_place)
{
    deploy_tasks(h, HOLDS);
    run(h, "{\"e\":\"x\",\"n\":\"a\"}");
    run(h, "{\"e\":\"x\",\"n\":\"b\"}");
    run(h, "{\"e\":\"x\",\"n\":\"c\"}");
    run(h, "{\"e\":\"x\",\"n\":\"d\"}");
    operate(h, OPERATE_PAUSE, 2);
    forget_trace(h);
    go(h, "a");
    EXPECT("event-accepted type=go\n"
           "i1 event-consumed /do/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"a\"}\n"
           "i1 step-completed /do/0/l/with/do/0/w ^\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out=[{\"n\":\"a\"}]\n"
           "i3 lock-granted /do/0/l lock=x\n"
           "i3 step-started /do/0/l/with/do/0/w in={\"e\":\"x\",\"n\":\"c\"}\n"
           "> continued\n");
    operate(h, OPERATE_RESUME, 2);
    go(h, "c");
    EXPECT("i2 instance-resumed\n"
           "event-accepted type=go\n"
           "i3 event-consumed /do/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"c\"}\n"
           "i3 step-completed /do/0/l/with/do/0/w ^\n"
           "i3 step-completed /do/0/l ^\n"
           "i3 instance-completed out=[{\"n\":\"c\"}]\n"
           "i2 lock-granted /do/0/l lock=x\n"
           "i2 step-started /do/0/l/with/do/0/w in={\"e\":\"x\",\"n\":\"b\"}\n"
           "> continued\n");
    operate(h, OPERATE_PAUSE, 4);
    go(h, "b");
    forget_trace(h);
    operate(h, OPERATE_RESUME, 4);
    EXPECT("i4 instance-resumed\n"
           "i4 lock-granted /do/0/l lock=x\n"
           "i4 step-started /do/0/l/with/do/0/w in={\"e\":\"x\",\"n\":\"d\"}\n");
    go(h, "d");
    forget_trace(h);
}

SCENARIO(locks, a_lock_inside_of_its_own_is_entered)
{
    deploy_tasks(h, "- l: {call: lock, with: {entity: x, ttl: PT1H, do: [{m: " INNER(
                        "x") "},\n"
                             "     {w: " LISTEN("go") "}]}}\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l lock=x held in={}\n"
           "i1 step-started /do/0/l/with/do/0/m lock=x shared in={}\n"
           "i1 step-ran /do/0/l/with/do/0/m/with/do/0/z ^ out={\"in\":1}\n"
           "i1 step-completed /do/0/l/with/do/0/m\n"
           "i1 step-started /do/0/l/with/do/1/w in={\"in\":1}\n");
    cr_expect_eq(table_rows(h, 'V'), 1);
    event(h, "go", "1", "{}");
    forget_trace(h);
    cr_expect_eq(table_rows(h, 'V'), 0);
}

/* A lease is a frame's: branches are kept apart like instances. */
SCENARIO(locks, branches_of_one_instance_go_one_after_the_other)
{
    deploy_tasks(h, "- f: {fork: {branches: [\n"
                    "    {a: {call: lock, with: {entity: x, ttl: PT1H, do: [{w: " LISTEN(
                        "a") "}]}}},\n"
                             "    {b: {call: lock, with: {entity: x, ttl: PT1H, do: [{w: " LISTEN(
                                 "b") "}]}}}]}}\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/f in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a lock=x held in={}\n"
           "i1 step-started /do/0/f/fork/branches/1/b lock=x waits in={}\n"
           "i1 step-started /do/0/f/fork/branches/0/a/with/do/0/w in={}\n");
    event(h, "a", "1", "{}");
    EXPECT("event-accepted type=a\n"
           "i1 event-consumed /do/0/f/fork/branches/0/a/with/do/0/w filter=0 all out={} value={}\n"
           "i1 step-completed /do/0/f/fork/branches/0/a/with/do/0/w ^\n"
           "i1 step-completed /do/0/f/fork/branches/0/a ^\n"
           "i1 branch-ended /do/0/f/fork/branches/0\n"
           "i1 lock-granted /do/0/f/fork/branches/1/b lock=x\n"
           "i1 step-started /do/0/f/fork/branches/1/b/with/do/0/w in={}\n"
           "> continued\n");
    event(h, "b", "1", "{}");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(locks, a_workflow_run_inside_of_a_lock_is_inside_of_it)
{
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: part, version: 1.0.0}\n"
              "do: [{m: " INNER("x") "}]\n");
    deploy_tasks(h, "- l: {call: lock, with: {entity: x, ttl: PT1H, do: [\n"
                    "     {r: {run: {workflow: {namespace: test, name: part}}}}]}}\n");
    run(h, "{}");
    EXPECT("i1 instance-started in={}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/l lock=x held in={}\n"
           "i1 step-started /do/0/l/with/do/0/r in={}\n"
           "i1 child-started /do/0/l/with/do/0/r runs=test/part:1.0.0\n"
           "i2 instance-started in={}\n"
           "i2 workflow-entered\n"
           "i2 step-started /do/0/m lock=x shared in={}\n"
           "i2 step-ran /do/0/m/with/do/0/z ^ out={\"in\":1}\n"
           "i2 step-completed /do/0/m ^\n"
           "i2 instance-completed out={\"in\":1}\n"
           "i1 child-ended /do/0/l/with/do/0/r completed out={\"in\":1}\n"
           "i1 step-completed /do/0/l/with/do/0/r ^\n"
           "i1 step-completed /do/0/l ^\n"
           "i1 instance-completed out={\"in\":1}\n");
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(locks, a_timeout_covers_the_wait_for_the_lock)
{
    deploy_tasks(h, HOLDS "    timeout: {after: {minutes: 5}}\n");
    run(h, "{\"e\":\"x\",\"n\":\"a\"}");
    operate(h, OPERATE_PAUSE, 1);
    run(h, "{\"e\":\"x\",\"n\":\"b\"}");
    forget_trace(h);
    advance(h, 300000);
    EXPECT("+300000\n"
           "i2 step-cancelled /do/0/l stays "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the task took longer than its timeout\"} why=timed out\n"
           "i2 step-faulted /do/0/l "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the task took longer than its timeout\"}\n"
           "i2 instance-faulted "
           "error={\"type\":\"err:timeout\",\"status\":408,\"instance\":\"/do/0/"
           "l\",\"title\":\"the task took longer than its timeout\"}\n");
    operate(h, OPERATE_RESUME, 1);
    tick(h);
    cr_expect_eq(table_rows(h, 'V'), 0);
    forget_trace(h);
}

SCENARIO(locks, an_entity_that_is_none_is_an_error)
{
    deploy_tasks(h, "- t: {try: [{l: {call: lock, with: {entity: '${ .e }', ttl: '${ .t }', do: [\n"
                    "     {z: {set: {in: 1}}}]}}}], catch: {do: [\n"
                    "     {c: {set: {why: '${ $error.title }'}}}]}}\n");
    run(h, "{\"e\":7,\"t\":\"PT1M\"}");
    run(h, "{\"e\":\"a\\nb\",\"t\":\"PT1M\"}");
    run(h, "{\"e\":\"x\",\"t\":\"PT0S\"}");
    EXPECT(
        "i1 instance-started in={\"e\":7,\"t\":\"PT1M\"}\n"
        "i1 workflow-entered\n"
        "i1 step-started /do/0/t in={\"e\":7,\"t\":\"PT1M\"}\n"
        "i1 step-faulted /do/0/t/try/0/l "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`entity` must give a text of 1 to 256 bytes without control "
        "characters\"}\n"
        "i1 error-caught /do/0/t "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`entity` must give a text of 1 to 256 bytes without control characters\"} "
        "value={\"error\":{\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`entity` must give a text of 1 to 256 bytes without control "
        "characters\"}}\n"
        "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"why\":\"`entity` must give a text of 1 to 256 "
        "bytes without control characters\"}\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"why\":\"`entity` must give a text of 1 to 256 bytes without "
        "control characters\"}\n"
        "i2 instance-started in={\"e\":\"a\\nb\",\"t\":\"PT1M\"}\n"
        "i2 workflow-entered\n"
        "i2 step-started /do/0/t in={\"e\":\"a\\nb\",\"t\":\"PT1M\"}\n"
        "i2 step-faulted /do/0/t/try/0/l "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`entity` must give a text of 1 to 256 bytes without control "
        "characters\"}\n"
        "i2 error-caught /do/0/t "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`entity` must give a text of 1 to 256 bytes without control characters\"} "
        "value={\"error\":{\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`entity` must give a text of 1 to 256 bytes without control "
        "characters\"}}\n"
        "i2 step-ran /do/0/t/catch/do/0/c ^ out={\"why\":\"`entity` must give a text of 1 to 256 "
        "bytes without control characters\"}\n"
        "i2 step-completed /do/0/t ^\n"
        "i2 instance-completed out={\"why\":\"`entity` must give a text of 1 to 256 bytes without "
        "control characters\"}\n"
        "i3 instance-started in={\"e\":\"x\",\"t\":\"PT0S\"}\n"
        "i3 workflow-entered\n"
        "i3 step-started /do/0/t in={\"e\":\"x\",\"t\":\"PT0S\"}\n"
        "i3 step-faulted /do/0/t/try/0/l "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`ttl` must be longer than nothing and at most ten years\"}\n"
        "i3 error-caught /do/0/t "
        "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`ttl` must be longer than nothing and at most ten years\"} "
        "value={\"error\":{\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/t/try/0/"
        "l\",\"title\":\"`ttl` must be longer than nothing and at most ten years\"}}\n"
        "i3 step-ran /do/0/t/catch/do/0/c ^ out={\"why\":\"`ttl` must be longer than nothing and "
        "at most ten years\"}\n"
        "i3 step-completed /do/0/t ^\n"
        "i3 instance-completed out={\"why\":\"`ttl` must be longer than nothing and at most ten "
        "years\"}\n");
}

SCENARIO(locks, the_end_of_a_workflow_ends_its_leases)
{
    deploy_tasks(h, "- l: {call: lock, with: {entity: x, ttl: PT1H, do: [\n"
                    "     {w: {listen: {to: {one: {with: {type: go}}}}, then: end}}]}}\n");
    run(h, "{}");
    event(h, "go", "1", "{}");
    forget_trace(h);
    cr_expect_eq(table_rows(h, 'V'), 0);
}

SCENARIO(locks, the_losers_of_a_race_leave_the_line)
{
    deploy_tasks(h, HOLDS);
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: race, version: 1.0.0}\n"
              "do: [{f: {fork: {compete: true, branches: [{a: " INNER("x") "}, {b: " LISTEN(
                  "b") "}]}}}]\n");
    run(h, "{\"e\":\"x\",\"n\":\"a\"}");
    start(h, "test/race", "{}");
    cr_expect_eq(table_rows(h, 'V'), 2);
    event(h, "b", "1", "{}");
    cr_expect_eq(table_rows(h, 'V'), 1);
    go(h, "a");
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

/* A step of a compensation belongs to no block: the lease has gone with the lock's frame. */
SCENARIO(locks, a_compensation_runs_without_the_lock)
{
    hello(h, KEYED, "s1", 4);
    deploy_tasks(h, "- l: {call: lock, with: {entity: x, ttl: PT1H, do: [\n"
                    "     {w: {call: work@worker, with: {compensate: {action: work}}}},\n"
                    "     {r: {raise: {error: {type: 'urn:no', status: 500}}}}]}}\n");
    run(h, "{}");
    run(h, "{}");
    forget_trace(h);
    done(h, "i1:/do/0/l/with/do/0/w", "{\"n\":1}");
    EXPECT("i1 step-result /do/0/l/with/do/0/w perform #0.1 done effect=done out={\"n\":1}\n"
           "i1 compensation-registered /do/0/l/with/do/0/w by=work "
           "out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i1 step-completed /do/0/l/with/do/0/w\n"
           "i1 step-faulted /do/0/l/with/do/1/r "
           "error={\"type\":\"urn:no\",\"status\":500,\"instance\":\"/do/0/l/with/do/1/r\"}\n"
           "i1 step-faulted /do/0/l "
           "error={\"type\":\"urn:no\",\"status\":500,\"instance\":\"/do/0/l/with/do/1/r\"}\n"
           "i1 unwinding all to=faulted "
           "error={\"type\":\"urn:no\",\"status\":500,\"instance\":\"/do/0/l/with/do/1/r\"}\n"
           "i1 compensation-started undo /do/0/l/with/do/0/w by=work "
           "out={\"input\":{},\"output\":{\"n\":1}}\n"
           "i2 lock-granted /do/0/l lock=x\n"
           "i2 step-started /do/0/l/with/do/0/w in={} out={}\n"
           "i1 step-dispatched perform #1.1 store=s1 contract=1.0.0\n"
           "i2 step-dispatched /do/0/l/with/do/0/w perform #0.1 store=s1 contract=1.0.0\n");
    cancel(h, 2);
    forget_trace(h);
}
