#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/definition/expr.h"
#include "tests/unit/definition/load_file.h"

static struct plan *load_tasks(const char *body)
{
    char *text = with_head(body);
    struct plan *plan = load_good(text);
    free(text);
    return plan;
}

static const struct plan_node *node_at(const struct plan *plan, const char *pointer)
{
    const struct plan_node *node = plan_node_at(plan, pointer);
    cr_assert_not_null(node, "no node at %s", pointer);
    return node;
}

Test(plan, knows_its_head)
{
    struct plan *plan =
        load_good("{\"document\": {\"dsl\": \"1.0.3\", \"namespace\": \"shop\",\n"
                  "\t\"name\": \"order\", \"version\": \"1.2.3\", \"title\": \"T\",\n"
                  " \"metadata\": {\"mainstay\": {\"priority\": 2}}},\n"
                  " \"do\": [{\"a\": {\"set\": {\"x\": 1}}}]}");
    cr_expect_str_eq(plan->namespace_, "shop");
    cr_expect_str_eq(plan->name, "order");
    cr_expect_str_eq(plan->version, "1.2.3");
    cr_expect_str_eq(plan->title, "T");
    cr_expect_eq(plan->priority, 2);
    cr_expect_eq(plan->first, 0);
    cr_expect_eq(plan->node_count, 1);
    cr_expect_null(plan->trigger);
    plan_destroy(&plan);
    cr_expect_null(plan);
}

Test(plan, lists_are_chains_and_goto_finds_its_target)
{
    struct plan *plan = load_tasks("  - a: {set: {x: 1}, then: c}\n"
                                   "  - b: {do: [{inner: {set: {y: 1}, then: exit}}], then: end}\n"
                                   "  - c: {set: {z: 1}, then: b}\n");
    const struct plan_node *a = node_at(plan, "/do/0/a");
    const struct plan_node *b = node_at(plan, "/do/1/b");
    const struct plan_node *inner = node_at(plan, "/do/1/b/do/0/inner");
    const struct plan_node *c = node_at(plan, "/do/2/c");
    cr_expect_eq(plan->first, a->index);
    cr_expect_eq(a->next, b->index);
    cr_expect_eq(b->next, c->index);
    cr_expect_eq(c->next, PLAN_NONE);
    cr_expect_eq(a->then.kind, FLOW_GOTO);
    cr_expect_eq(a->then.target, c->index);
    cr_expect_eq(c->then.target, b->index);
    cr_expect_eq(b->then.kind, FLOW_END);
    cr_expect_eq(inner->then.kind, FLOW_EXIT);
    cr_expect_eq(inner->parent, b->index);
    cr_expect_eq(b->block.first, inner->index);
    cr_expect_eq(a->parent, PLAN_NONE);
    plan_destroy(&plan);
}

Test(plan, an_agent_call_and_its_short_form_are_the_same)
{
    struct plan *plan =
        load_tasks("  - long:\n"
                   "      call: agent\n"
                   "      with: {agent: rec, action: match, contract: '1.3', input: '${ .x }',\n"
                   "             idempotencyKey: '${ .id }', minConfidence: 0.8, priority: 1}\n"
                   "      timeout: {after: PT5S}\n"
                   "  - short:\n"
                   "      call: match:1.3@rec\n"
                   "      with: {input: '${ .x }'}\n");
    const struct plan_agent_call *calls[] = {&node_at(plan, "/do/0/long")->call,
                                             &node_at(plan, "/do/1/short")->call};
    for (size_t i = 0; i < 2; i++) {
        cr_expect_str_eq(calls[i]->agent, "rec");
        cr_expect_str_eq(calls[i]->action, "match");
        cr_expect_str_eq(calls[i]->contract, "1.3");
        cr_expect_not_null(calls[i]->input);
    }
    cr_expect_not_null(calls[0]->idempotency_key);
    cr_expect_float_eq(calls[0]->min_confidence, 0.8, 1e-9);
    cr_expect_eq(calls[0]->priority, 1);
    cr_expect_eq(calls[0]->timeout.after.ms, 5000);
    cr_expect_eq(calls[1]->priority, -1);
    cr_expect_null(calls[1]->idempotency_key);
    plan_destroy(&plan);
}

Test(plan, a_function_is_a_block_of_its_input_and_its_task)
{
    struct plan *plan = load_good("document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n"
                                  "use:\n"
                                  "  functions:\n"
                                  "    f: {do: [{one: {set: {y: '${ .a }'}}}]}\n"
                                  "do:\n"
                                  "  - c: {call: f, with: {a: '${ .b }'}, then: end}\n"
                                  "  - d: {call: f}\n");
    const struct plan_node *c = node_at(plan, "/do/0/c");
    const struct plan_node *with = node_at(plan, "/do/0/c/with");
    const struct plan_node *call = node_at(plan, "/do/0/c/call");
    const struct plan_node *d = node_at(plan, "/do/1/d");
    cr_expect_eq(c->kind, TASK_DO);
    cr_expect_eq(c->then.kind, FLOW_END);
    cr_expect_eq(c->block.first, with->index);
    cr_expect_eq(with->kind, TASK_SET);
    cr_expect_eq(with->next, call->index);
    cr_expect_eq(call->next, PLAN_NONE);
    cr_expect_eq(call->kind, TASK_DO);
    cr_expect_eq(node_at(plan, "/do/0/c/call/do/0/one")->parent, call->index);
    cr_expect_eq(d->block.first, node_at(plan, "/do/1/d/call")->index);
    cr_expect_eq(plan->expr_count, 3);
    plan_destroy(&plan);
}

Test(plan, a_function_may_not_call_itself_or_see_its_caller)
{
    static const char *const functions[] = {"{call: f}", "{set: {x: '${ $item }'}}",
                                            "{set: {x: 1}, then: other}"};
    for (size_t i = 0; i < 3; i++) {
        char text[512];
        struct plan *plan;
        struct plan_report report;
        snprintf(text, sizeof(text),
                 "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n"
                 "use: {functions: {f: %s}}\n"
                 "do:\n"
                 "  - c: {for: {in: .x}, do: [{d: {call: f}}]}\n",
                 functions[i]);
        cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_INVALID);
        cr_expect_eq(report.count, 1);
        cr_expect_eq(report.problems[0].line, 2);
        plan_report_release(&report);
    }
}

#define CATALOGED                                                     \
    "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n" \
    "use: {catalogs: {far: {endpoint: 'https://example.com/c'}}}\n"   \
    "do:\n"                                                           \
    "  - a: {call: log:1.0.0@default, with: {text: '${ .t }'}}\n"
#define LOG_PART "\n--- # function log:1.0.0@default\ndo: [{b: {call: two:2.0.0@far}}]\n"
#define TWO_PART "\n--- # function two:2.0.0@far\nset: {n: '${ .text }'}\n"

/* A function of a catalog stands in the same text, so the digest covers it; what is missing is
 * listed for who deploys. */
Test(plan, a_catalog_gives_functions_along_with_the_definition)
{
    static const struct {
        const char *text;
        const char *wanted; /* NULL: it loads */
        const char *endpoint;
        const char *problem;
    } rows[] = {
        {CATALOGED, "log:1.0.0@default", "catalog", "the function 'log:1.0.0@default' of the"},
        {CATALOGED LOG_PART, "two:2.0.0@far", "https://example.com/c",
         "in function log:1.0.0@default: the function 'two:2.0.0@far' is in a catalog at"},
        {CATALOGED LOG_PART TWO_PART, NULL, NULL, NULL},
    };
    struct digest digests[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        struct plan *plan = NULL;
        struct plan_report report;
        enum err code = plan_load(rows[i].text, strlen(rows[i].text), &plan, &report);
        cr_expect_eq(code, rows[i].wanted == NULL ? ERR_OK : ERR_INVALID);
        cr_assert_eq(report.wanted_count, rows[i].wanted == NULL ? 0 : 1);
        if (rows[i].wanted != NULL) {
            cr_expect_str_eq(report.wanted[0].function, rows[i].wanted);
            cr_expect_str_eq(report.wanted[0].endpoint, rows[i].endpoint);
            cr_expect_eq(
                strncmp(report.problems[0].message, rows[i].problem, strlen(rows[i].problem)), 0,
                "%s", report.problems[0].message);
        } else {
            digests[i] = plan->digest;
            cr_expect_eq(node_at(plan, "/do/0/a/call/do/0/b/call")->kind, TASK_SET);
        }
        plan_report_release(&report);
        plan_destroy(&plan);
    }
    struct plan *other = load_good(CATALOGED LOG_PART TWO_PART "# changed\n");
    cr_expect_not(digest_equal(&other->digest, &digests[2]));
    plan_destroy(&other);
}

#define SCHEMED                                                       \
    "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n" \
    "input: {schema: {resource: {endpoint: ./in.json}}}\n"            \
    "do: [{a: {call: log:1.0.0@default}}]\n"
#define SCHEMED_PART                                                                           \
    "\n--- # function log:1.0.0@default\n"                                                     \
    "{set: {n: 1}, input: {schema: {resource: {endpoint: {uri: in.json}}}, from: .}, output: " \
    "{schema: {resource: {name: again, endpoint: in.json}}}}\n"
#define SCHEMA_PART \
    "\n--- # schema ./in.json\n{\n\t\"type\": \"object\",\n\t\"required\": [\"n\"]\n}\n"
#define SCHEMA_OF_PART "\n--- # schema in.json of log:1.0.0@default\n{\"type\": \"object\"}\n"

/* A schema in a file is a part of the text like a function, seen from whoever names it; it stands
 * where it would if it were written out. */
Test(plan, a_schema_in_a_file_is_given_along_with_the_definition)
{
    static const struct {
        const char *text;
        const char *schema;
        const char *function;
    } rows[] = {{SCHEMED, "./in.json", NULL},
                {SCHEMED SCHEMA_PART, NULL, "log:1.0.0@default"},
                {SCHEMED SCHEMA_PART SCHEMED_PART, "in.json", "log:1.0.0@default"}};
    for (size_t i = 0; i < 3; i++) {
        struct plan *plan = NULL;
        struct plan_report report;
        cr_expect_eq(plan_load(rows[i].text, strlen(rows[i].text), &plan, &report), ERR_INVALID);
        cr_assert_eq(report.wanted_count, i == 0 ? 2 : 1);
        cr_expect(text_equal(report.wanted[0].schema, rows[i].schema), "%zu", i);
        cr_expect(text_equal(report.wanted[0].function, rows[i].function), "%zu", i);
        plan_report_release(&report);
    }
    struct plan *plan = load_good(SCHEMED SCHEMA_PART SCHEMED_PART SCHEMA_OF_PART);
    cr_expect_not_null(plan->data.input_schema);
    const json_t *input = json_object_get(plan->document, "input");
    const json_t *document = json_object_get(json_object_get(input, "schema"), "document");
    cr_expect_str_eq(json_text_of(document, "type"), "object");
    cr_expect_not_null(node_at(plan, "/do/0/a/call")->data.output_schema);
    plan_destroy(&plan);
}

Test(plan, a_catalog_is_a_folder_and_its_functions_have_exact_versions)
{
    static const struct {
        const char *line;
        const char *problem;
    } rows[] = {
        {"use: {catalogs: {c: {endpoint: x}}}\ndo: [{a: {call: f@c}}]\n",
         "'f@c' is not name:version@catalog with an exact version"},
        {"use: {catalogs: {c: {endpoint: x}}}\ndo: [{a: {call: f:1.x@c}}]\n",
         "'f:1.x@c' is not name:version@catalog with an exact version"},
        {"use: {catalogs: {default: {endpoint: x}}}\ndo: [{a: {set: {x: 1}}}]\n",
         "'default' is the company's own catalog"},
        {"use: {catalogs: {c: {endpoint: 5}}}\ndo: [{a: {set: {x: 1}}}]\n",
         "the endpoint of catalog 'c' must be a folder or a URI"},
        {"do: [{a: {call: 'https://x.example/f.yaml'}}]\n",
         "the function at 'https://x.example/f.yaml' cannot be called: nothing is fetched when a "
         "definition is deployed"},
        {"use: {catalogs: {c: {endpoint: x}}}\ndo: [{a: {call: f:1.0.0@c}}]\n"
         "\n--- # function f:1.0.0@c\ncall: f:1.0.0@c\n",
         "in function f:1.0.0@c: the function 'f:1.0.0@c' calls itself"},
        {"use: {catalogs: {c: {endpoint: x}}, functions: {g: {set: {x: 1}}}}\n"
         "do: [{a: {call: f:1.0.0@c}}]\n\n--- # function f:1.0.0@c\ncall: g\n",
         "in function f:1.0.0@c: there is no function 'g'"},
        {"do: [{a: {call: f:1.0.0@default}}]\n\n--- # function f:1.0.0@default\n{",
         "in function f:1.0.0@default: not valid YAML"},
        {"input: {schema: {resource: {endpoint: x}}}\ndo: [{a: {set: {n: 1}}}]\n"
         "--- # schema x\n{",
         "in schema x: not valid YAML"},
        {"input: {schema: {resource: {endpoint: x}}}\ndo: [{a: {set: {n: 1}}}]\n"
         "--- # schema x\n{type: 5}\n",
         "not a valid JSON Schema: #/type"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        struct plan *plan;
        struct plan_report report;
        snprintf(text, sizeof(text),
                 "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n%s", rows[i].line);
        cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_INVALID);
        cr_assert_geq(report.count, 1, "%s", rows[i].line);
        cr_expect_eq(strncmp(report.problems[0].message, rows[i].problem, strlen(rows[i].problem)),
                     0, "%s", report.problems[0].message);
        plan_report_release(&report);
    }
}

/* A list where an object belongs has items without keys. */
Test(plan, a_component_list_in_place_of_an_object_is_refused)
{
    static const char *const kinds[] = {"errors",    "retries",  "timeouts",
                                        "functions", "catalogs", "authentications"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char text[512];
        char problem[80];
        struct plan *plan;
        struct plan_report report;
        snprintf(text, sizeof(text),
                 "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n"
                 "use: {%s: [{a: {endpoint: x}}, 5]}\n"
                 "do: [{a: {call: f:1.0.0@shelf}}, {b: {raise: {error: e}}}, {c: {call: e}},\n"
                 "     {d: {call: http, with: {method: get, endpoint: {uri: 'http://h.example',\n"
                 "                                  authentication: {use: e}}}}}]\n",
                 kinds[i]);
        snprintf(problem, sizeof(problem), "'use.%s' must be an object, not", kinds[i]);
        cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_INVALID);
        cr_assert_geq(report.count, 1);
        cr_expect_eq(strncmp(report.problems[0].message, problem, strlen(problem)), 0, "%s",
                     report.problems[0].message);
        plan_report_release(&report);
    }
}

/* What is wrong in an extension is told once, also when it extends nothing or several tasks. */
Test(plan, an_extension_is_checked_where_it_stands)
{
    static const struct {
        const char *extension;
        const char *problem;
    } rows[] = {
        {"{extend: set, after: []}, b: {extend: set, after: []}", "an item of 'extensions' has"},
        {"{extend: http, before: []}", "'extend' must be call, composite"},
        {"{extend: set}", "an extension needs 'before' or 'after'"},
        {"{before: []}", "an extension needs 'extend'"},
        {"{extend: set, before: [], during: []}", "unknown key 'during' in an extension"},
        {"{extend: set, when: .x |, before: []}", "not a valid jq expression"},
        {"{extend: set, before: [{x: {set: {y: '${ $item }'}}}]}", "the variable '$item'"},
        {"{extend: set, before: [{x: {set: {y: 1}, then: c}}]}", "there is no task 'c'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        struct plan *plan;
        struct plan_report report;
        snprintf(text, sizeof(text),
                 "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n"
                 "use: {extensions: [{a: %s}]}\n"
                 "do:\n"
                 "  - c: {for: {in: .x}, do: [{d: {set: {x: 1}}}, {e: {set: {x: 1}}}]}\n",
                 rows[i].extension);
        cr_expect_eq(plan_load(text, strlen(text), &plan, &report), ERR_INVALID);
        cr_assert_eq(report.count, 1, "%s: %zu problems", rows[i].extension, report.count);
        cr_expect_eq(report.problems[0].line, 2);
        cr_expect_eq(strncmp(report.problems[0].message, rows[i].problem, strlen(rows[i].problem)),
                     0, "%s", report.problems[0].message);
        plan_report_release(&report);
        plan_destroy(&plan);
    }
}

Test(plan, a_retry_policy_has_its_defaults_and_its_values)
{
    struct plan *plan = load_good(
        "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n"
        "use: {retries: {r: {delay: PT2S, backoff: {exponential: {factor: 3, maxDelay: PT30S}},\n"
        "  limit: {attempt: {count: 4, duration: PT9S}, duration: PT1M},\n"
        "  jitter: {from: PT0S, to: PT0.2S}}}}\n"
        "do:\n"
        "  - a: {try: [{b: {wait: PT1S}}], catch: {as: e, when: $e.status == 500, retry: r,\n"
        "       errors: {with: {status: 500}}, do: [{c: {set: {x: '${ $e }'}}}], then: exit}}\n"
        "  - d: {try: [{b: {wait: PT1S}}], catch: {retry: {limit: {attempt: {count: 1}}}}}\n");
    const struct plan_try *first = &node_at(plan, "/do/0/a")->attempt;
    const struct plan_try *second = &node_at(plan, "/do/1/d")->attempt;
    cr_expect_eq(first->retry->backoff, BACKOFF_EXPONENTIAL);
    cr_expect_float_eq(first->retry->factor, 3, 1e-9);
    cr_expect_eq(first->retry->delay.ms, 2000);
    cr_expect_eq(first->retry->max_delay_ms, 30000);
    cr_expect_eq(first->retry->count, 4);
    cr_expect_eq(first->retry->attempt_duration_ms, 9000);
    cr_expect_eq(first->retry->duration_ms, 60000);
    cr_expect_eq(first->retry->jitter_to_ms, 200);
    cr_expect_eq(first->filter.status, 500);
    cr_expect_eq(first->first, node_at(plan, "/do/0/a/try/0/b")->index);
    cr_expect_eq(first->catch_first, node_at(plan, "/do/0/a/catch/do/0/c")->index);
    cr_expect(first->has_then);
    cr_expect_eq(first->then.kind, FLOW_EXIT);
    cr_expect_str_eq(second->as, "error");
    cr_expect_eq(second->catch_first, PLAN_NONE);
    cr_expect_eq(second->retry->backoff, BACKOFF_CONSTANT);
    cr_expect_float_eq(second->retry->factor, 2, 1e-9);
    plan_destroy(&plan);
}

Test(plan, events_and_triggers_have_their_defaults)
{
    struct plan *plan = load_good(
        "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n"
        "schedule: {on: {any: [{with: {type: a, data: '${ .total > 1 }'}}, {with: {type: b}}]}}\n"
        "do:\n"
        "  - l: {listen: {to: {one: {with: {type: t, source: s, subject: u, x: 1},\n"
        "       correlate: {id: {from: .data.id, expect: '${ $workflow.id }'}}}}}}\n"
        "  - m: {listen: {to: {any: []}, read: raw}}\n");
    const struct event_consumption *one = &node_at(plan, "/do/0/l")->listen;
    const struct event_consumption *any = &node_at(plan, "/do/1/m")->listen;
    cr_assert_not_null(plan->trigger);
    cr_expect_eq(plan->trigger->on.kind, CONSUME_ANY);
    cr_expect_eq(plan->trigger->on.filter_count, 2);
    cr_expect_eq(plan->trigger->on.read, READ_ENVELOPE);
    cr_expect_not_null(plan->trigger->on.filters[0].data);
    cr_expect_eq(one->kind, CONSUME_ONE);
    cr_expect_eq(one->read, READ_DATA);
    cr_expect_str_eq(one->filters[0].type, "t");
    cr_expect_str_eq(one->filters[0].source, "s");
    cr_expect_str_eq(one->filters[0].subject, "u");
    cr_expect_eq(json_int_of(one->filters[0].attributes, "x", 0), 1);
    cr_expect_eq(one->filters[0].correlation_count, 1);
    cr_expect_eq(any->filter_count, 0);
    cr_expect_eq(any->read, READ_RAW);
    plan_destroy(&plan);
}

static struct plan *load_trigger(const char *on)
{
    char text[512];
    snprintf(text, sizeof(text),
             "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0}\n"
             "schedule: {on: %s}\n"
             "do: [{a: {set: {b: 1}}}]\n",
             on);
    return load_good(text);
}

/* What waits for a start is found by them, in later versions too. */
Test(plan, filters_of_a_start_by_several_have_names_that_last)
{
    struct plan *one = load_trigger("{all: [{with: {type: a, x: 1}}, {with: {type: b}}]}");
    struct plan *two = load_trigger("{all: [{with: {type: b}}, {with: {x: 1, type: a}}]}");
    struct plan *same = load_trigger("{all: [{with: {type: b}}, {with: {type: b}}]}");
    struct plan *any = load_trigger(
        "{any: [{with: {type: b}}], until: {all: [{with: {type: b}}, {with: {type: c}}]}}");
    const struct event_filter *a_and_b = one->trigger->on.filters;
    const struct event_filter *b_and_a = two->trigger->on.filters;
    const struct event_filter *alike = same->trigger->on.filters;
    const struct event_filter *ends = any->trigger->on.until_events->filters;
    cr_expect(one->trigger->gathers && any->trigger->gathers);
    cr_expect_eq(a_and_b[0].gather, b_and_a[1].gather);
    cr_expect_eq(a_and_b[1].gather, b_and_a[0].gather);
    cr_expect_eq(alike[0].gather, b_and_a[0].gather);
    cr_expect_neq(alike[0].gather, alike[1].gather);
    cr_expect_neq(ends[0].gather, alike[0].gather);
    cr_expect_neq(any->trigger->on.gather, ends[0].gather);
    plan_destroy(&one);
    plan_destroy(&two);
    plan_destroy(&same);
    plan_destroy(&any);
}

static struct plan *load_schedule(const char *metadata, const char *schedule)
{
    char text[512];
    snprintf(text, sizeof(text),
             "document: {dsl: 1.0.3, namespace: t, name: x, version: 1.0.0, metadata: {%s}}\n"
             "schedule: {%s}\n"
             "do: [{a: {set: {b: 1}}}]\n",
             metadata, schedule);
    return load_good(text);
}

Test(plan, a_schedule_has_one_kind_beside_events)
{
    struct plan *plan = load_schedule("", "every: {minutes: 5}, on: {one: {with: {type: a}}}");
    cr_expect_eq(plan->schedule.kind, SCHEDULE_EVERY);
    cr_expect_eq(plan->schedule.interval_ms, 300000);
    cr_expect_not_null(plan->trigger);
    plan_destroy(&plan);
    plan = load_schedule("", "after: PT0.5S");
    cr_expect_eq(plan->schedule.kind, SCHEDULE_AFTER);
    cr_expect_eq(plan->schedule.interval_ms, 500);
    cr_expect_null(plan->trigger);
    plan_destroy(&plan);
    plan = load_schedule("mainstay: {timezone: Europe/Berlin}", "cron: 30 6 * * MON-FRI");
    cr_expect_eq(plan->schedule.kind, SCHEDULE_CRON);
    cr_expect_str_eq(plan->schedule.text, "30 6 * * MON-FRI");
    cr_expect_str_eq(plan->schedule.zone, "Europe/Berlin");
    cr_expect_eq(plan->schedule.cron.minutes, UINT64_C(1) << 30);
    plan_destroy(&plan);
    plan = load_schedule("", "on: {one: {with: {type: a}}}");
    cr_expect_eq(plan->schedule.kind, SCHEDULE_NONE);
    plan_destroy(&plan);
}

Test(yaml, scalars_resolve_as_in_json)
{
    struct plan *plan =
        load_tasks("  - a:\n"
                   "      set: {a: yes, b: on, c: NO, d: 0123, e: 1.0.3, f: 2026-11-22,\n"
                   "            g: 1.50, h: -3, i: true, j: null, k: ~, l: '5', m: 1e3}\n");
    const json_t *set = template_literal(node_at(plan, "/do/0/a")->set);
    static const char *const texts[] = {"a",    "yes", "b",     "on", "c",          "NO", "d",
                                        "0123", "e",   "1.0.3", "f",  "2026-11-22", "l",  "5"};
    cr_assert_not_null(set);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i += 2) {
        cr_expect_str_eq(json_text_of(set, texts[i]), texts[i + 1]);
    }
    cr_expect(json_is_real(json_object_get(set, "g")));
    cr_expect_eq(json_int_of(set, "h", 0), -3);
    cr_expect(json_is_true(json_object_get(set, "i")));
    cr_expect(json_is_null(json_object_get(set, "j")));
    cr_expect(json_is_null(json_object_get(set, "k")));
    cr_expect(json_is_real(json_object_get(set, "m")));
    plan_destroy(&plan);
}
