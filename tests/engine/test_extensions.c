/*
 * Extensions: what stands before and after tasks of a kind.
 */
#include "tests/engine/harness.h"

#define HEAD "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0}\n"
#define ERROR_TEXT                                                                  \
    "{\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/t/try/0/w\"," \
    "\"title\":\"it broke\",\"detail\":\"broken\"}"
#define ERROR "error=" ERROR_TEXT
#define AUDIT "use: {extensions: [{audit: {"

SCENARIO(extensions, before_and_after_leave_the_data_alone)
{
    deploy(h, HEAD AUDIT "extend: set,\n"
                         "  before: [{b: {set: {seen: '${ .n }'}}}],\n"
                         "  after: [{c: {set: {given: '${ .m }'}, export: {as: .given}}}]}}]}\n"
                         "do:\n"
                         "  - one: {set: {m: '${ .n + 1 }'}}\n"
                         "output: {as: '{m: .m, context: $context}'}\n");
    run(h, "{\"n\":1}");
    EXPECT("i1 instance-started in={\"n\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/one/audit/before in={\"n\":1}\n"
           "i1 step-ran /do/0/one/audit/before/0/b ^ out={\"seen\":1}\n"
           "i1 step-completed /do/0/one/audit/before out={\"n\":1}\n"
           "i1 step-ran /do/0/one out={\"m\":2}\n"
           "i1 step-started /do/0/one/audit/after in={\"m\":2}\n"
           "i1 step-ran /do/0/one/audit/after/0/c ^ out={\"given\":2} context=2\n"
           "i1 step-completed /do/0/one/audit/after ^ out={\"m\":2}\n"
           "i1 instance-completed out={\"m\":2,\"context\":2}\n");
}

SCENARIO(extensions, exit_in_before_stands_for_the_task)
{
    deploy(h, HEAD AUDIT
           "extend: wait, when: $task.definition.wait.hours != null and $task.wait.hours > 1,\n"
           "  before: [{mock: {set: {mocked: '${ $task.name + $task.reference }'},\n"
           "    then: exit}}, {never: {set: {x: 1}}}],\n"
           "  after: [{never: {set: {x: 1}}}]}}]}\n"
           "do:\n"
           "  - long: {wait: {hours: 2}, then: last}\n"
           "  - skipped: {set: {x: 1}}\n"
           "  - last: {wait: {milliseconds: 5}}\n");
    run(h, "{\"n\":1}");
    EXPECT("i1 instance-started in={\"n\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-started /do/0/long/audit/before in={\"n\":1}\n"
           "i1 step-ran /do/0/long/audit/before/0/mock ~ out={\"mocked\":\"long/do/0/long\"}\n"
           "i1 step-completed /do/0/long/audit/before\n"
           "i1 step-skipped /do/2/last/audit/before\n"
           "i1 step-started /do/2/last in={\"mocked\":\"long/do/0/long\"}\n");
    advance(h, 5);
    EXPECT("+5\n"
           "i1 timer-fired /do/2/last\n"
           "i1 step-completed /do/2/last\n"
           "i1 step-skipped /do/2/last/audit/after ^\n"
           "i1 instance-completed out={\"mocked\":\"long/do/0/long\"}\n");
}

SCENARIO(extensions, a_skipped_task_skips_what_stands_around_it)
{
    deploy(h,
           HEAD AUDIT "extend: all, before: [{b: {set: {x: 1}}}], after: [{c: {set: {x: 1}}}]}}]}\n"
                      "do:\n"
                      "  - no: {if: .n == 2, set: {x: 1}}\n"
                      "  - outer: {do: [{inner: {if: .n == 2, set: {x: 1}, then: end}}]}\n");
    run(h, "{\"n\":1}");
    EXPECT("i1 instance-started in={\"n\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-skipped /do/0/no/audit/before\n"
           "i1 step-skipped /do/0/no\n"
           "i1 step-started /do/1/outer/audit/before in={\"n\":1}\n"
           "i1 step-ran /do/1/outer/audit/before/0/b ^ out={\"x\":1}\n"
           "i1 step-completed /do/1/outer/audit/before out={\"n\":1}\n"
           "i1 step-started /do/1/outer in={\"n\":1}\n"
           "i1 step-skipped /do/1/outer/do/0/inner/audit/before\n"
           "i1 step-skipped /do/1/outer/do/0/inner ^\n"
           "i1 step-completed /do/1/outer\n"
           "i1 step-started /do/1/outer/audit/after in={\"n\":1}\n"
           "i1 step-ran /do/1/outer/audit/after/0/c ^ out={\"x\":1}\n"
           "i1 step-completed /do/1/outer/audit/after ^ out={\"n\":1}\n"
           "i1 instance-completed out={\"n\":1}\n");
}

SCENARIO(extensions, each_way_out_of_a_switch_passes_after)
{
    deploy(h,
           HEAD "use: {extensions: [\n"
                "  {outer: {extend: switch, after: [{o: {set: {task: '${ $task.output.n }'}}}]}},\n"
                "  {inner: {extend: switch, after: [{i: {set: {x: 1}}}]}}]}\n"
                "do:\n"
                "  - pick: {switch: [{big: {when: .n > 10, then: large}}, {none: {then: end}}]}\n"
                "  - between: {set: {x: 1}}\n"
                "  - large: {set: {large: '${ .n }'}}\n");
    run(h, "{\"n\":11}");
    EXPECT("i1 instance-started in={\"n\":11}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/pick out={\"n\":11}\n"
           "i1 step-started /do/0/pick/switch/0/inner/after in={\"n\":11}\n"
           "i1 step-ran /do/0/pick/switch/0/inner/after/0/i ^ out={\"x\":1}\n"
           "i1 step-completed /do/0/pick/switch/0/inner/after out={\"n\":11}\n"
           "i1 step-started /do/0/pick/switch/0/outer/after in={\"n\":11}\n"
           "i1 step-ran /do/0/pick/switch/0/outer/after/0/o ^ out={\"task\":11}\n"
           "i1 step-completed /do/0/pick/switch/0/outer/after out={\"n\":11}\n"
           "i1 step-ran /do/2/large ^ out={\"large\":11}\n"
           "i1 instance-completed out={\"large\":11}\n");
    run(h, "{\"n\":1}");
    EXPECT("i2 instance-started in={\"n\":1}\n"
           "i2 workflow-entered\n"
           "i2 step-ran /do/0/pick out={\"n\":1}\n"
           "i2 step-started /do/0/pick/switch/1/inner/after in={\"n\":1}\n"
           "i2 step-ran /do/0/pick/switch/1/inner/after/0/i ^ out={\"x\":1}\n"
           "i2 step-completed /do/0/pick/switch/1/inner/after out={\"n\":1}\n"
           "i2 step-started /do/0/pick/switch/1/outer/after in={\"n\":1}\n"
           "i2 step-ran /do/0/pick/switch/1/outer/after/0/o ^ out={\"task\":1}\n"
           "i2 step-completed /do/0/pick/switch/1/outer/after ! out={\"n\":1}\n"
           "i2 instance-completed out={\"n\":1}\n");
}

SCENARIO(extensions, an_agent_behind_one_keeps_its_name_and_its_error)
{
    hello(h, KEYED, "s1", 1);
    deploy(h, HEAD AUDIT "extend: call, when: '$task.with.agent == \"worker\"',\n"
                         "  before: [{b: {set: {x: 1}}}], after: [{c: {set: {x: 1}}}]}}]}\n"
                         "do:\n"
                         "  - t: {try: [{w: {call: work@worker, with: {input: '${ . }'}}}],\n"
                         "        catch: {do: [{c: {set: {at: '${ $error.instance }'}}}]}}\n");
    run(h, "{\"n\":1}");
    forget_trace(h);
    fail(h, "/do/0/t/try/0/w", FAILURE_DATA, MARK_NONE);
    EXPECT("i1 step-result /do/0/t/try/0/w perform #0.1 failed effect=none data:broken\n"
           "i1 step-faulted /do/0/t/try/0/w " ERROR "\n"
           "i1 error-caught /do/0/t " ERROR " value={\"error\":" ERROR_TEXT "}\n"
           "i1 step-ran /do/0/t/catch/do/0/c ^ out={\"at\":\"/do/0/t/try/0/w\"}\n"
           "i1 step-completed /do/0/t ^\n"
           "i1 instance-completed out={\"at\":\"/do/0/t/try/0/w\"}\n");
}
