/*
 * Locks: circles of waits, and versions that have locks.
 */
#include "tests/engine/harness.h"

/* Holds the entity of its input until the event `go` of its name comes. */
#define HOLDS                                                                                \
    "- l:\n    call: lock\n    with:\n      entity: '${ .e }'\n      ttl: PT1H\n      do:\n" \
    "        - w: {listen: {to: {one: {with: {type: go, data: '${ .n == $input.n }'}}}}}\n"

static void go(struct harness *h, const char *name)
{
    char data[64];
    (void)snprintf(data, sizeof(data), "{\"n\":\"%s\"}", name);
    event(h, "go", name, data);
}

#define INNER(entity) \
    "{call: lock, with: {entity: " entity ", ttl: PT1H, do: [{z: {set: {in: 1}}}]}}"
#define TWO(first, second)                                                                         \
    "- t: {try: [{l: {call: lock, with: {entity: '${ ." first " }', ttl: PT1H, do: [\n"            \
    "    {w: {listen: {to: {one: {with: {type: go, data: '${ .n == $input.n }'}}}}, output: {as: " \
    "'${ $input }'}}},\n"                                                                          \
    "    {m: " INNER("'${ $input." second                                                          \
                     " }'") "}]}}}],\n"                                                            \
                            "   catch: {do: [{c: {set: {lost: '${ $error.title }'}}}]}}\n"

SCENARIO(locks, a_circle_of_two_is_refused_by_name)
{
    deploy_tasks(h, TWO("e", "f"));
    run(h, "{\"e\":\"x\",\"f\":\"y\",\"n\":\"a\"}");
    run(h, "{\"e\":\"y\",\"f\":\"x\",\"n\":\"b\"}");
    forget_trace(h);
    go(h, "a");
    EXPECT(
        "event-accepted type=go\n"
        "i1 event-consumed /do/0/t/try/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"a\"}\n"
        "i1 step-completed /do/0/t/try/0/l/with/do/0/w out={\"e\":\"x\",\"f\":\"y\",\"n\":\"a\"}\n"
        "i1 step-started /do/0/t/try/0/l/with/do/1/m lock=y waits "
        "in={\"e\":\"x\",\"f\":\"y\",\"n\":\"a\"}\n"
        "> continued\n");
    go(h, "b");
    EXPECT(
        "event-accepted type=go\n"
        "i2 event-consumed /do/0/t/try/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"b\"}\n"
        "i2 step-completed /do/0/t/try/0/l/with/do/0/w out={\"e\":\"y\",\"f\":\"x\",\"n\":\"b\"}\n"
        "i2 step-faulted /do/0/t/try/0/l/with/do/1/m "
        "error={\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/t/try/0/l/with/do/1/"
        "m\",\"title\":\"waiting for the lock would be a deadlock\",\"detail\":\"it waits for 'x', "
        "which step /do/0/t/try/0/l of instance 0000c4af2baa84a81de3b5ce7f0b31fd holds; that one "
        "waits for 'y', which step /do/0/t/try/0/l of instance 00008911d85a7d338bd9750c2ad11b1d "
        "holds\"}\n"
        "i2 step-faulted /do/0/t/try/0/l "
        "error={\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/t/try/0/l/with/do/1/"
        "m\",\"title\":\"waiting for the lock would be a deadlock\",\"detail\":\"it waits for 'x', "
        "which step /do/0/t/try/0/l of instance 0000c4af2baa84a81de3b5ce7f0b31fd holds; that one "
        "waits for 'y', which step /do/0/t/try/0/l of instance 00008911d85a7d338bd9750c2ad11b1d "
        "holds\"}\n"
        "i2 error-caught /do/0/t "
        "error={\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/t/try/0/l/with/do/1/"
        "m\",\"title\":\"waiting for the lock would be a deadlock\",\"detail\":\"it waits for 'x', "
        "which step /do/0/t/try/0/l of instance 0000c4af2baa84a81de3b5ce7f0b31fd holds; that one "
        "waits for 'y', which step /do/0/t/try/0/l of instance 00008911d85a7d338bd9750c2ad11b1d "
        "holds\"} "
        "value={\"error\":{\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/t/try/0/l/"
        "with/do/1/m\",\"title\":\"waiting for the lock would be a deadlock\",\"detail\":\"it "
        "waits for 'x', which step /do/0/t/try/0/l of instance 0000c4af2baa84a81de3b5ce7f0b31fd "
        "holds; that one waits for 'y', which step /do/0/t/try/0/l of instance "
        "00008911d85a7d338bd9750c2ad11b1d holds\"}}\n"
        "i2 step-ran /do/0/t/catch/do/0/c ^ out={\"lost\":\"waiting for the lock would be a "
        "deadlock\"}\n"
        "i2 step-completed /do/0/t ^\n"
        "i2 instance-completed out={\"lost\":\"waiting for the lock would be a deadlock\"}\n"
        "i1 lock-granted /do/0/t/try/0/l/with/do/1/m lock=y\n"
        "i1 step-ran /do/0/t/try/0/l/with/do/1/m/with/do/0/z ^ out={\"in\":1}\n"
        "i1 step-completed /do/0/t/try/0/l/with/do/1/m ^\n"
        "i1 step-completed /do/0/t/try/0/l ^\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"in\":1}\n"
        "> continued\n");
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(locks, a_circle_of_three_is_refused_by_name)
{
    deploy_tasks(h, TWO("e", "f"));
    run(h, "{\"e\":\"x\",\"f\":\"y\",\"n\":\"a\"}");
    run(h, "{\"e\":\"y\",\"f\":\"z\",\"n\":\"b\"}");
    run(h, "{\"e\":\"z\",\"f\":\"x\",\"n\":\"c\"}");
    go(h, "a");
    go(h, "b");
    forget_trace(h);
    go(h, "c");
    EXPECT(
        "event-accepted type=go\n"
        "i3 event-consumed /do/0/t/try/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"c\"}\n"
        "i3 step-completed /do/0/t/try/0/l/with/do/0/w out={\"e\":\"z\",\"f\":\"x\",\"n\":\"c\"}\n"
        "i3 step-faulted /do/0/t/try/0/l/with/do/1/m "
        "error={\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/t/try/0/l/with/do/1/"
        "m\",\"title\":\"waiting for the lock would be a deadlock\",\"detail\":\"it waits for 'x', "
        "which step /do/0/t/try/0/l of instance 0000c4af2baa84a81de3b5ce7f0b31fd holds; that one "
        "waits for 'y', which step /do/0/t/try/0/l of instance 00008911d85a7d338bd9750c2ad11b1d "
        "holds; that one waits for 'z', which step /do/0/t/try/0/l of instance "
        "000027ccb3559fb2adad1c639e335f26 holds\"}\n"
        "i3 step-faulted /do/0/t/try/0/l "
        "error={\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/t/try/0/l/with/do/1/"
        "m\",\"title\":\"waiting for the lock would be a deadlock\",\"detail\":\"it waits for 'x', "
        "which step /do/0/t/try/0/l of instance 0000c4af2baa84a81de3b5ce7f0b31fd holds; that one "
        "waits for 'y', which step /do/0/t/try/0/l of instance 00008911d85a7d338bd9750c2ad11b1d "
        "holds; that one waits for 'z', which step /do/0/t/try/0/l of instance "
        "000027ccb3559fb2adad1c639e335f26 holds\"}\n"
        "i3 error-caught /do/0/t "
        "error={\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/t/try/0/l/with/do/1/"
        "m\",\"title\":\"waiting for the lock would be a deadlock\",\"detail\":\"it waits for 'x', "
        "which step /do/0/t/try/0/l of instance 0000c4af2baa84a81de3b5ce7f0b31fd holds; that one "
        "waits for 'y', which step /do/0/t/try/0/l of instance 00008911d85a7d338bd9750c2ad11b1d "
        "holds; that one waits for 'z', which step /do/0/t/try/0/l of instance "
        "000027ccb3559fb2adad1c639e335f26 holds\"} "
        "value={\"error\":{\"type\":\"err:runtime\",\"status\":409,\"instance\":\"/do/0/t/try/0/l/"
        "with/do/1/m\",\"title\":\"waiting for the lock would be a deadlock\",\"detail\":\"it "
        "waits for 'x', which step /do/0/t/try/0/l of instance 0000c4af2baa84a81de3b5ce7f0b31fd "
        "holds; that one waits for 'y', which step /do/0/t/try/0/l of instance "
        "00008911d85a7d338bd9750c2ad11b1d holds; that one waits for 'z', which step "
        "/do/0/t/try/0/l of instance 000027ccb3559fb2adad1c639e335f26 holds\"}}\n"
        "i3 step-ran /do/0/t/catch/do/0/c ^ out={\"lost\":\"waiting for the lock would be a "
        "deadlock\"}\n"
        "i3 step-completed /do/0/t ^\n"
        "i3 instance-completed out={\"lost\":\"waiting for the lock would be a deadlock\"}\n"
        "i2 lock-granted /do/0/t/try/0/l/with/do/1/m lock=z\n"
        "i2 step-ran /do/0/t/try/0/l/with/do/1/m/with/do/0/z ^ out={\"in\":1}\n"
        "i2 step-completed /do/0/t/try/0/l/with/do/1/m ^\n"
        "i2 step-completed /do/0/t/try/0/l ^\n"
        "i2 step-completed /do/0/t ^\n"
        "i2 instance-completed out={\"in\":1}\n"
        "i1 lock-granted /do/0/t/try/0/l/with/do/1/m lock=y\n"
        "i1 step-ran /do/0/t/try/0/l/with/do/1/m/with/do/0/z ^ out={\"in\":1}\n"
        "i1 step-completed /do/0/t/try/0/l/with/do/1/m ^\n"
        "i1 step-completed /do/0/t/try/0/l ^\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"in\":1}\n"
        "> continued\n");
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(locks, waiting_without_a_circle_is_no_deadlock)
{
    deploy_tasks(h, TWO("e", "f"));
    run(h, "{\"e\":\"x\",\"f\":\"y\",\"n\":\"a\"}");
    run(h, "{\"e\":\"y\",\"f\":\"q\",\"n\":\"b\"}");
    run(h, "{\"e\":\"z\",\"f\":\"x\",\"n\":\"c\"}");
    forget_trace(h);
    go(h, "c");
    go(h, "a");
    EXPECT(
        "event-accepted type=go\n"
        "i3 event-consumed /do/0/t/try/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"c\"}\n"
        "i3 step-completed /do/0/t/try/0/l/with/do/0/w out={\"e\":\"z\",\"f\":\"x\",\"n\":\"c\"}\n"
        "i3 step-started /do/0/t/try/0/l/with/do/1/m lock=x waits "
        "in={\"e\":\"z\",\"f\":\"x\",\"n\":\"c\"}\n"
        "> continued\n"
        "event-accepted type=go\n"
        "i1 event-consumed /do/0/t/try/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"a\"}\n"
        "i1 step-completed /do/0/t/try/0/l/with/do/0/w out={\"e\":\"x\",\"f\":\"y\",\"n\":\"a\"}\n"
        "i1 step-started /do/0/t/try/0/l/with/do/1/m lock=y waits "
        "in={\"e\":\"x\",\"f\":\"y\",\"n\":\"a\"}\n"
        "> continued\n");
    go(h, "b");
    EXPECT(
        "event-accepted type=go\n"
        "i2 event-consumed /do/0/t/try/0/l/with/do/0/w filter=0 all out={} value={\"n\":\"b\"}\n"
        "i2 step-completed /do/0/t/try/0/l/with/do/0/w out={\"e\":\"y\",\"f\":\"q\",\"n\":\"b\"}\n"
        "i2 step-started /do/0/t/try/0/l/with/do/1/m lock=q held "
        "in={\"e\":\"y\",\"f\":\"q\",\"n\":\"b\"}\n"
        "i2 step-ran /do/0/t/try/0/l/with/do/1/m/with/do/0/z ^ out={\"in\":1}\n"
        "i2 step-completed /do/0/t/try/0/l/with/do/1/m ^\n"
        "i2 step-completed /do/0/t/try/0/l ^\n"
        "i2 step-completed /do/0/t ^\n"
        "i2 instance-completed out={\"in\":1}\n"
        "i1 lock-granted /do/0/t/try/0/l/with/do/1/m lock=y\n"
        "i1 step-ran /do/0/t/try/0/l/with/do/1/m/with/do/0/z ^ out={\"in\":1}\n"
        "i1 step-completed /do/0/t/try/0/l/with/do/1/m ^\n"
        "i1 step-completed /do/0/t/try/0/l ^\n"
        "i1 step-completed /do/0/t ^\n"
        "i1 instance-completed out={\"in\":1}\n"
        "i3 lock-granted /do/0/t/try/0/l/with/do/1/m lock=x\n"
        "i3 step-ran /do/0/t/try/0/l/with/do/1/m/with/do/0/z ^ out={\"in\":1}\n"
        "i3 step-completed /do/0/t/try/0/l/with/do/1/m ^\n"
        "i3 step-completed /do/0/t/try/0/l ^\n"
        "i3 step-completed /do/0/t ^\n"
        "i3 instance-completed out={\"in\":1}\n"
        "> continued\n");
    cr_expect_eq(open_instances(h), 0);
}

#define VERSION(version) "document: {dsl: 1.0.3, namespace: test, name: v, version: " version "}\n"
#define RETRIED(call)                                                                     \
    "do:\n  - t:\n      try:\n        - e: " call "\n        - w: {wait: {seconds: 5}}\n" \
    "        - r: {raise: {error: {type: 'urn:no', status: 500}}}\n"                      \
    "      catch: {retry: {delay: {seconds: 1}, limit: {attempt: {count: 3}}}}\n"

static void migrate(struct harness *h, size_t instance, const char *version)
{
    struct command command = {.kind = COMMAND_MIGRATE,
                              .token = 1,
                              .migrate = {.instances = &h->instances[instance - 1],
                                          .count = 1,
                                          .version = version,
                                          .reason = "it has a lock",
                                          .person = "ann"}};
    harness_begin(h);
    harness_command(h, &command);
    (void)harness_end(h);
}

SCENARIO(locks, an_effect_keeps_its_name_when_its_step_gets_a_lock)
{
    hello(h, KEYED, "s1", 4);
    deploy(h, VERSION("1.0.0") RETRIED("{call: work@worker}"));
    start(h, "test/v", "{}");
    struct id key = task(h, "/do/0/t/try/0/e")->key;
    deploy(h,
           VERSION("2.0.0") RETRIED("{call: work@worker, with: {lock: {entity: x, ttl: PT1M}}}"));
    forget_trace(h);
    migrate(h, 1, "2.0.0");
    EXPECT("> i1 stays: an effect is in flight: worker work of /do/0/t/try/0/e\n");
    done(h, "/do/0/t/try/0/e", "{\"n\":1}");
    migrate(h, 1, "2.0.0");
    advance(h, 5000);
    advance(h, 1000);
    cr_expect(id_equal(&task(h, "/do/0/t/try/0/e/call")->key, &key));
    forget_trace(h);
}

SCENARIO(locks, who_waits_and_who_holds_moves_to_a_version_with_the_same_lock)
{
    deploy(h, VERSION("1.0.0") "do:\n" HOLDS);
    start(h, "test/v", "{\"e\":\"x\",\"n\":\"a\"}");
    start(h, "test/v", "{\"e\":\"x\",\"n\":\"b\"}");
    deploy(h, VERSION("2.0.0") "do:\n- n: {set: {x: 1}}\n" HOLDS "- z: {set: {new: true}}\n");
    migrate(h, 1, "2.0.0");
    migrate(h, 2, "2.0.0");
    forget_trace(h);
    go(h, "a");
    EXPECT("event-accepted type=go\n"
           "i1 event-consumed /do/1/l/with/do/0/w filter=0 all out={} value={\"n\":\"a\"}\n"
           "i1 step-completed /do/1/l/with/do/0/w ^\n"
           "i1 step-completed /do/1/l\n"
           "i1 step-ran /do/2/z ^ out={\"new\":true}\n"
           "i1 instance-completed out={\"new\":true}\n"
           "i2 lock-granted /do/1/l lock=x\n"
           "i2 step-started /do/1/l/with/do/0/w in={\"e\":\"x\",\"n\":\"b\"}\n"
           "> continued\n");
    go(h, "b");
    forget_trace(h);
}

/* A call that waits for an agent moves to no version in which it has a lock that it has not got. */
SCENARIO(locks, a_call_that_waits_does_not_slip_into_a_lock)
{
    deploy(h, VERSION("1.0.0") "do: [{e: {call: work@worker}}]\n");
    start(h, "test/v", "{}");
    deploy(
        h,
        VERSION("2.0.0") "do: [{e: {call: work@worker, with: {lock: {entity: x, ttl: PT1M}}}}]\n");
    forget_trace(h);
    migrate(h, 1, "2.0.0");
    EXPECT("> i1 stays: stands at a call that has a lock in only one of the two: /do/0/e\n");
    cancel(h, 1);
    forget_trace(h);
}
