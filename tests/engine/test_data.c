/*
 * Data on its way: input, output, export, and what expressions see.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "tests/engine/harness.h"

SCENARIO(data, passes_through_from_as_and_export)
{
    deploy_tasks(h, "- a:\n"
                    "    input: {from: '${ .order }'}\n"
                    "    set: {total: '${ .lines | map(.price) | add }', id: '${ .id }'}\n"
                    "    output: {as: '${ {sum: .total} }'}\n"
                    "    export: {as: '${ $context + {last: .sum} }'}\n"
                    "- b:\n"
                    "    set: {seen: '${ .sum }', kept: '${ $context.last }',\n"
                    "          raw: '${ $input.sum }'}\n");
    run(h, "{\"order\":{\"id\":\"o1\",\"lines\":[{\"price\":2},{\"price\":3}]}}");
    EXPECT("i1 instance-started "
           "in={\"order\":{\"id\":\"o1\",\"lines\":[{\"price\":2},{\"price\":3}]}}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a out={\"sum\":5} context={\"last\":5}\n"
           "i1 step-ran /do/1/b ^ out={\"seen\":5,\"kept\":5,\"raw\":5}\n"
           "i1 instance-completed out={\"seen\":5,\"kept\":5,\"raw\":5}\n");
}

SCENARIO(data, workflow_input_and_output_are_shaped_and_checked)
{
    deploy(h, "document: {dsl: 1.0.3, namespace: test, name: flow, version: 1.0.0}\n"
              "input:\n"
              "  schema: {document: {type: object, required: [n]}}\n"
              "  from: '${ {n: .n} }'\n"
              "output:\n"
              "  as: '${ .m }'\n"
              "  schema: {document: {type: integer}}\n"
              "do:\n"
              "  - a: {set: {m: '${ .n }'}}\n");
    run(h, "{\"n\":7,\"x\":1}");
    EXPECT("i1 instance-started in={\"n\":7,\"x\":1}\n"
           "i1 workflow-entered out={\"n\":7}\n"
           "i1 step-ran /do/0/a ^ out={\"m\":7}\n"
           "i1 instance-completed out=7\n");
    run(h, "{\"x\":1}");
    EXPECT("i2 instance-started in={\"x\":1}\n"
           "i2 instance-faulted "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/\",\"title\":\"a "
           "value breaks its schema\",\"detail\":\"the workflow's input breaks its schema: /n: is "
           "required\"}\n");
    run(h, "{\"n\":\"seven\"}");
    EXPECT("i3 instance-started in={\"n\":\"seven\"}\n"
           "i3 workflow-entered out={\"n\":\"seven\"}\n"
           "i3 step-ran /do/0/a ^ out={\"m\":\"seven\"}\n"
           "i3 instance-faulted "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/\",\"title\":\"a "
           "value breaks its schema\",\"detail\":\"the workflow's output breaks its schema: must "
           "be integer, not \\\"seven\\\"\"}\n");
}

SCENARIO(data, task_schemas_name_the_step)
{
    deploy_tasks(h, "- a:\n"
                    "    input: {schema: {document: {type: object, required: [k]}}}\n"
                    "    set: {v: '${ .k }'}\n"
                    "    output: {schema: {document: {properties: {v: {type: integer}}}}}\n"
                    "- b:\n"
                    "    set: {w: 1}\n"
                    "    export: {as: '${ {w: .w} }',\n"
                    "             schema: {document: {required: [z]}}}\n");
    run(h, "{}");
    EXPECT(
        "i1 instance-started in={}\n"
        "i1 workflow-entered\n"
        "i1 step-faulted /do/0/a "
        "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/a\",\"title\":\"a "
        "value breaks its schema\",\"detail\":\"the input breaks its schema: /k: is required\"}\n"
        "i1 instance-faulted "
        "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/a\",\"title\":\"a "
        "value breaks its schema\",\"detail\":\"the input breaks its schema: /k: is required\"}\n");
    run(h, "{\"k\":\"x\"}");
    EXPECT("i2 instance-started in={\"k\":\"x\"}\n"
           "i2 workflow-entered\n"
           "i2 step-faulted /do/0/a "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "a\",\"title\":\"a value breaks its schema\",\"detail\":\"the output breaks its schema: "
           "/v: must be integer, not \\\"x\\\"\"}\n"
           "i2 instance-faulted "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/0/"
           "a\",\"title\":\"a value breaks its schema\",\"detail\":\"the output breaks its schema: "
           "/v: must be integer, not \\\"x\\\"\"}\n");
    run(h, "{\"k\":1}");
    EXPECT("i3 instance-started in={\"k\":1}\n"
           "i3 workflow-entered\n"
           "i3 step-ran /do/0/a out={\"v\":1}\n"
           "i3 step-faulted /do/1/b "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/1/"
           "b\",\"title\":\"a value breaks its schema\",\"detail\":\"the exported context breaks "
           "its schema: /z: is required\"}\n"
           "i3 instance-faulted "
           "error={\"type\":\"err:validation\",\"status\":400,\"instance\":\"/do/1/"
           "b\",\"title\":\"a value breaks its schema\",\"detail\":\"the exported context breaks "
           "its schema: /z: is required\"}\n");
}

SCENARIO(data, task_workflow_and_runtime_describe_themselves)
{
    deploy_tasks(h, "- a:\n"
                    "    set:\n"
                    "      name: '${ $task.name }'\n"
                    "      at: '${ $task.reference }'\n"
                    "      verb: '${ $task.definition | keys }'\n"
                    "      input: '${ $task.input }'\n"
                    "      started: '${ $task.startedAt.epoch.milliseconds }'\n"
                    "      flow: '${ $workflow.definition.document.name }'\n"
                    "      raw: '${ $workflow.input }'\n"
                    "      id: '${ $workflow.id | length }'\n"
                    "      by: '${ $runtime.name }'\n"
                    "    output: {as: '${ . + {out: $task.output.name} }'}\n");
    run(h, "{\"n\":1}");
    EXPECT("i1 instance-started in={\"n\":1}\n"
           "i1 workflow-entered\n"
           "i1 step-ran /do/0/a ^ "
           "out={\"name\":\"a\",\"at\":\"/do/0/"
           "a\",\"verb\":[\"output\",\"set\"],\"input\":{\"n\":1},\"started\":1750000000000,"
           "\"flow\":\"flow\",\"raw\":{\"n\":1},\"id\":32,\"by\":\"mainstay\",\"out\":\"a\"}\n"
           "i1 instance-completed "
           "out={\"name\":\"a\",\"at\":\"/do/0/"
           "a\",\"verb\":[\"output\",\"set\"],\"input\":{\"n\":1},\"started\":1750000000000,"
           "\"flow\":\"flow\",\"raw\":{\"n\":1},\"id\":32,\"by\":\"mainstay\",\"out\":\"a\"}\n");
}

SCENARIO(data, an_expression_that_fails_is_an_expression_error)
{
    deploy_tasks(h, "- a: {set: {x: '${ .a.b.c + {} }'}}\n");
    run(h, "{\"a\":{\"b\":{\"c\":1}}}");
    EXPECT("i1 instance-started in={\"a\":{\"b\":{\"c\":1}}}\n"
           "i1 workflow-entered\n"
           "i1 step-faulted /do/0/a "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "a\",\"title\":\"an expression could not be evaluated\",\"detail\":\"expression ' "
           ".a.b.c + {} ': cannot add number (1) and object\"}\n"
           "i1 instance-faulted "
           "error={\"type\":\"err:expression\",\"status\":400,\"instance\":\"/do/0/"
           "a\",\"title\":\"an expression could not be evaluated\",\"detail\":\"expression ' "
           ".a.b.c + {} ': cannot add number (1) and object\"}\n");
}

/* Words of an error are cut at a limit, which may fall into a character. */
SCENARIO(data, an_error_about_long_foreign_text_is_still_text)
{
    deploy_tasks(h, "- a: {set: {x: '${ error(.t) }'}}\n");
    struct buf input = BUF_INIT(4096);
    buf_append_str(&input, "{\"t\":\"");
    for (int i = 0; i < 600; i++) {
        buf_append_str(&input, "\xc3\xa4");
    }
    buf_append_str(&input, "\"}");
    run(h, input.data);
    buf_release(&input);
    forget_trace(h);
    cr_expect_eq(open_instances(h), 0);
}

SCENARIO(data, text_that_looks_like_an_expression_stays_text)
{
    deploy_tasks(h, "- a: {set: {copy: '${ .t }', again: '${ \"\\(.t)\" }'}}\n"
                    "- b: {for: {in: '${ [.copy] }'}, do: [{c: {set: {item: '${ $item }'}}}]}\n");
    run(h, "{\"t\":\"${ $workflow.id }\"}");
    EXPECT(
        "i1 instance-started in={\"t\":\"${ $workflow.id }\"}\n"
        "i1 workflow-entered\n"
        "i1 step-ran /do/0/a out={\"copy\":\"${ $workflow.id }\",\"again\":\"${ $workflow.id }\"}\n"
        "i1 step-started /do/1/b in={\"copy\":\"${ $workflow.id }\",\"again\":\"${ $workflow.id "
        "}\"} context=[\"${ $workflow.id }\"]\n"
        "i1 iteration-started /do/1/b [0] value={\"item\":\"${ $workflow.id }\",\"index\":0}\n"
        "i1 step-ran /do/1/b/do/0/c[0] ^ out={\"item\":\"${ $workflow.id }\"}\n"
        "i1 step-completed /do/1/b ^\n"
        "i1 instance-completed out={\"item\":\"${ $workflow.id }\"}\n");
}

/* `size` bytes of JSON text for run(). */
static char *big_text(size_t size)
{
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    memset(text, 'x', size);
    text[0] = '"';
    text[size - 1] = '"';
    text[size] = '\0';
    return text;
}

/* Seven doublings of 300 KB were more than a turn could write, and the coordinator ended by it
 * again and again. */
SCENARIO(data, a_value_that_doubles_was_more_than_a_turn_can_write)
{
    struct buf tasks = BUF_INIT(16384);
    char *big = big_text(300 * 1024);
    for (int i = 0; i < 7; i++) {
        buf_printf(&tasks, "- d%d: {set: {a: '${ . }', b: '${ . }'}}\n", i);
    }
    deploy_tasks(h, tasks.data);
    run(h, big);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_not_null(strstr(h->trace.data, "i1 step-ran /do/2/d2"));
    cr_expect_null(strstr(h->trace.data, "i1 step-ran /do/3/d3"));
    cr_expect_not_null(strstr(h->trace.data, "LIMIT_DOCUMENT_BYTES"));
    forget_trace(h);
    buf_release(&tasks);
    free(big);
}

SCENARIO(data, a_value_that_is_too_large_can_be_caught)
{
    char *big = big_text(400 * 1024);
    deploy_tasks(
        h, "- t:\n"
           "    try:\n"
           "      - s: {set: {v: ['${ . }', '${ . }', '${ . }', '${ . }', '${ . }', '${ . }',\n"
           "                      '${ . }', '${ . }', '${ . }', '${ . }', '${ . }']}}\n"
           "    catch: {as: e, do: [{c: {set: '${ $e.status }'}}]}\n");
    run(h, big);
    cr_expect_not_null(strstr(h->trace.data, "i1 instance-completed out=500\n"));
    forget_trace(h);
    free(big);
}

SCENARIO(data, all_values_of_an_instance_are_bounded_together)
{
    struct buf tasks = BUF_INIT(16384);
    char *big = big_text(800 * 1024);
    buf_append_str(&tasks, "- f:\n    fork:\n      branches:\n");
    for (int i = 0; i < 30; i++) {
        buf_printf(&tasks,
                   "        - b%d: {input: {from: '${ {i: %d, x: .} }'}, wait: {hours: 1}}\n", i,
                   i);
    }
    deploy_tasks(h, tasks.data);
    run(h, big);
    cr_expect_eq(open_instances(h), 0);
    cr_expect_not_null(strstr(h->trace.data, "LIMIT_INSTANCE_BYTES"));
    cr_expect_eq(table_rows(h, 'T'), 0);
    forget_trace(h);
    buf_release(&tasks);
    free(big);
}

/* It travels as a blob then, and has the limit of any value of a task. */
SCENARIO(data, an_input_of_an_action_may_be_larger_than_a_message)
{
    char *big = big_text(700 * 1024);
    hello(h, PURE, "s1", 4);
    deploy_tasks(h,
                 "- t:\n"
                 "    try:\n"
                 "      - w: {call: work@worker, with: {input: {k: ['${ . }', '${ . }', '${ . }',\n"
                 "              '${ . }', '${ . }', '${ . }']}}}\n"
                 "    catch: {as: e, do: [{c: {set: '${ $e.detail }'}}]}\n"
                 "- w: {call: work@worker, with: {input: {k: '${ $workflow.input }'}}}\n");
    run(h, big);
    cr_expect_not_null(
        strstr(h->trace.data, "/do/0/t/catch/do/0/c ^ out=\"LIMIT_DOCUMENT_BYTES: keep less"));
    cr_expect_eq(strlen(task(h, "/do/1/w")->input), strlen(big) + sizeof("{\"k\":}") - 1);
    done(h, "/do/1/w", "{\"n\":1}");
    cr_expect_not_null(strstr(h->trace.data, "i1 instance-completed out={\"n\":1}"));
    forget_trace(h);
    free(big);
}
