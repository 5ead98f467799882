/*
 * Single questions about where the language may be extended: what its published schema says, and
 * what we say. What both versions of the schema refuse is refused; of what they allow some is
 * refused for a reason, which stands here. A line changes when the profile grows.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "tests/unit/definition/load_file.h"

struct verdict {
    const char *name;
    const char *pointer; /* NULL: it loads */
    const char *reason;  /* how one of its problems starts */
};

static const struct verdict VERDICTS[] = {
    {"call: any name + free-form with (object)", NULL, NULL},
    {"call: name with / : @ . (order:1.2.0@agents)", NULL, NULL},
    {"call: nats://agent.order/place", NULL, NULL},
    {"call: without with", NULL, NULL},
    {"call: with: \"${ . }\" (string)", "/do/0/t/with", "'with' must be an object, not a text"},
    {"call: custom + with as array", "/do/0/t/with", "'with' must be an object, not an array"},
    {"call: \"\" (empty name)", NULL, NULL},
    {"call: custom + extra task key idempotencyKey", "/do/0/t/idempotencyKey",
     "unknown key 'idempotencyKey' in a 'call' task"},
    {"call: custom + extra key x-foo", "/do/0/t/x-foo", "unknown key 'x-foo' in a 'call' task"},
    {"task metadata free-form", NULL, NULL},
    {"metadata on set/switch/for/try/listen/do/fork/raise/run/wait/emit (set shown)", NULL, NULL},
    {"metadata as string", "/do/0/t/metadata", "'metadata' must be an object, not a text"},
    {"document.metadata free-form", NULL, NULL},
    {"document.tags non-string values", NULL, NULL},
    {"document extra key (x-foo)", "/document/x-foo", "unknown key 'x-foo' in 'document'"},
    {"root extra key (x-engine)", "/x-engine", "unknown key 'x-engine' in a definition"},
    {"root extra key \"compensation\"", "/compensation",
     "unknown key 'compensation' in a definition"},
    {"root \"evaluate\" {language,mode}", NULL, NULL},
    {"evaluate.language: cel", "/evaluate/language", "'language' must be jq, not 'cel'"},
    {"evaluate extra key", "/evaluate/x", "unknown key 'x' in 'evaluate'"},
    {"use extra key (x-agents)", "/use/x-agents", "unknown key 'x-agents' in 'use'"},
    {"use.functions: alias task with call+with+metadata+input/output schema", NULL, NULL},
    {"use.functions: alias is a whole do", NULL, NULL},
    {"use.functions: non-task object", "/use/functions/place", "a task needs one of"},
    {"use.catalogs endpoint nats://", NULL, NULL},
    {"use.catalogs endpoint string relative", NULL, NULL},
    {"use.catalogs extra key", "/use/catalogs/agents/kind", "unknown key 'kind' in a catalog"},
    {"use.extensions extend call before/after", NULL, NULL},
    {"use.extensions extend: do", "/use/extensions/0/audit/extend",
     "'extend' must be call, composite"},
    {"use.extensions extend: fork", "/use/extensions/0/audit/extend",
     "'extend' must be call, composite"},
    {"use.extensions extend: composite", "/use/extensions/0/audit",
     "an extension needs 'before' or 'after'"},
    {"use.extensions extra key metadata", "/use/extensions/0/audit/metadata",
     "unknown key 'metadata'"},
    {"use.retries extra key", "/use/retries/r/maxDelay",
     "unknown key 'maxDelay' in a retry policy"},
    {"use.retries backoff.exponential {factor,maxDelay}", NULL, NULL},
    {"use.errors extension member (RFC7807)", "/use/errors/e/code",
     "unknown key 'code' in an error"},
    {"use.errors title/detail/instance", "/use/errors/e/instance",
     "'instance' in an error: the engine sets it"},
    {"use.timeouts extra", "/use/timeouts/t/warn", "unknown key 'warn' in a timeout"},
    {"use.secrets", NULL, NULL},
    {"new task type approve:", "/do/0/t", "a task needs one of"},
    {"two task verbs in one task (set+wait)", "/do/0/t/wait",
     "a task has one verb, this one has 'set' and 'wait'"},
    {"call: mcp extra key in with", "/do/0/t/call", "'call: mcp' cannot run: MCP calls"},
    {"call: a2a extra key in with", "/do/0/t/call", "'call: a2a' cannot run: A2A calls"},
    {"call: a2a neither agentCard nor server", "/do/0/t/call", "'call: a2a' cannot run: A2A calls"},
    {"call: http extra key in with", "/do/0/t/with/idem",
     "unknown key 'idem' in 'with' of call: http"},
    {"call: http headers Idempotency-Key", NULL, NULL},
    {"call: asyncapi protocol nats publish", "/do/0/t/call",
     "'call: asyncapi' cannot run: AsyncAPI"},
    {"call: grpc", "/do/0/t/call", "'call: grpc' cannot run: gRPC calls"},
    {"run.workflow", NULL, NULL},
    {"run.workflow input: \"${ . }\" string", "/do/0/t/run/workflow/input",
     "'input' of a workflow must be an object"},
    {"run.workflow extra key", "/do/0/t/run/workflow/id", "unknown key 'id'"},
    {"run.workflow without namespace", "/do/0/t/run/workflow",
     "'workflow' of run needs 'namespace'"},
    {"run.script language: lua", "/do/0/t/run/script/language", "'language' must be"},
    {"run.agent (new process kind)", "/do/0/t/run/agent", "unknown key 'agent'"},
    {"run.shell extra key", "/do/0/t/run/shell/cwd", "unknown key 'cwd' in"},
    {"emit.event extra key (sibling of with)", "/do/0/t/emit/event/channel",
     "unknown key 'channel' in 'event'"},
    {"emit without source", NULL, NULL},
    {"emit event extension attribute", NULL, NULL},
    {"emit extra key", "/do/0/t/emit/to", "unknown key 'to' in 'emit'"},
    {"listen one + correlate extra key", "/do/0/t/listen/to/one/correlate/id/scope",
     "unknown key 'scope' in a correlation"},
    {"listen eventFilter extra key", "/do/0/t/listen/to/one/timeout",
     "unknown key 'timeout' in an event filter"},
    {"listen + task timeout (approval gate with deadline)", NULL, NULL},
    {"listen extra key", "/do/0/t/listen/queue", "unknown key 'queue' in 'listen'"},
    {"listen any until expr", NULL, NULL},
    {"listen all + until", "/do/0/t/listen/to/until", "'until' goes with 'any'"},
    {"switch case extra key metadata", "/do/0/t/switch/0/a/metadata",
     "unknown key 'metadata' in a case of 'switch'"},
    {"switch case without then", "/do/0/t/switch/0/a", "a case of 'switch' needs 'then'"},
    {"switch two defaults", "/do/0/t/switch/1", "a switch has one default, this is the second "},
    {"try/catch do+retry+then", NULL, NULL},
    {"try/catch extra key compensate", "/do/0/t/catch/compensate",
     "unknown key 'compensate' in 'catch'"},
    {"catch.errors extra key (sibling of with)", "/do/0/t/catch/errors/oneOf",
     "unknown key 'oneOf' in 'errors' of catch"},
    {"catch.errors.with custom member", "/do/0/t/catch/errors/with/code",
     "unknown key 'code' in 'with' of an error filter"},
    {"catch: {} (catch all)", NULL, NULL},
    {"try as single task object (dsl.md retry sample)", "/do/0/t/try",
     "a task list must be an array, not an object"},
    {"raise inline with title/detail expr", NULL, NULL},
    {"raise status as expression", "/do/0/t/raise/error/status",
     "'status' must be a whole number from 100 to 599"},
    {"fork extra key (join policy)", "/do/0/t/fork/quorum", "unknown key 'quorum' in 'fork'"},
    {"for extra key parallel", "/do/0/t/for/parallel", "unknown key 'parallel' in 'for'"},
    {"for in inline array of objects", NULL, NULL},
    {"for in inline array of scalars", "/do/0/t/for/in/0",
     "an item written under 'in' must be an object"},
    {"wait ISO / object / expr", NULL, NULL},
    {"wait P1Y2M3D", "/do/0/t/wait", "'wait': 'P1Y2M3D' has years or months, "},
    {"timeout named", "/do/0/t/timeout", "there is no 'quick' under 'use.timeouts'"},
    {"timeout ISO directly", "/do/0/t/timeout",
     "a text here is the name of a timeout under 'use.timeouts'"},
    {"timeout {after: ISO}", NULL, NULL},
    {"set: \"${ . }\"", NULL, NULL},
    {"set: {} empty", "/do/0/t/set", "'set' needs at least one member"},
    {"input.from object", NULL, NULL},
    {"input extra key", "/do/0/t/input/with", "unknown key 'with' in 'input'"},
    {"schema format: protobuf, resource", "/do/0/t/input/schema/format",
     "'format' of a schema must be json, not 'protobuf'"},
    {"schema extra key messageType", "/do/0/t/input/schema/messageType",
     "unknown key 'messageType'"},
    {"then: any string", "/do/0/t/then", "there is no task 'nowhere' in this list"},
    {"endpoint \"{base}/x\" template", "/do/0/t/with/endpoint",
     "'{base}/x' is not an http or https URI"},
    {"duplicate task names in one list", "/do/1/a", "the task name 'a' is in this list twice "},
    {"namespace with dot (a.b)", "/document/namespace",
     "'namespace' must be 1 to 63 letters, digits and '-', "},
    {"name with underscore", "/document/name",
     "'name' must be 1 to 63 letters, digits and '-', not 'a_b'"},
    {"empty do: []", "/do", "a definition needs at least one task"},
    {"schedule on+cron both", NULL, NULL},
    {"schedule extra key", "/schedule/tz", "unknown key 'tz' in 'schedule'"},
    {"auth policy extra key", "/use/authentications/a", "'authentication' takes exactly one"},
};
enum { VERDICT_COUNT = sizeof(VERDICTS) / sizeof(VERDICTS[0]) };

/* The documents call functions they do not define; with these their own point is what is left. */
static void define_functions(json_t *workflow)
{
    static const char *const names[] = {"order-agent.place",
                                        "nats://agent.order/place",
                                        "x",
                                        "",
                                        "approval.request",
                                        "audit.write",
                                        "undo"};
    json_t *use = json_object_get(workflow, "use");
    if (use == NULL) {
        use = json_object();
        cr_assert_eq(json_object_set_new(workflow, "use", use), 0);
    }
    json_t *functions = json_object_get(use, "functions");
    if (functions == NULL) {
        functions = json_object();
        cr_assert_eq(json_object_set_new(use, "functions", functions), 0);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_object_get(functions, names[i]) == NULL) {
            json_t *task = json_pack("{s:{s:b}}", "set", "done", 1);
            cr_assert_eq(json_object_set_new(functions, names[i], task), 0);
        }
    }
}

static bool has_problem(const struct plan_report *report, const struct verdict *verdict)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->problems[i].pointer, verdict->pointer) == 0 &&
            text_starts(report->problems[i].message, verdict->reason)) {
            return true;
        }
    }
    return false;
}

static void check_case(const json_t *row, const struct verdict *verdict)
{
    struct buf text = BUF_INIT(1 << 20);
    struct plan *plan;
    struct plan_report report;
    json_t *workflow = json_object_get(row, "workflow");
    bool schema =
        json_bool_of(row, "valid_head", false) || json_bool_of(row, "valid_v1_0_3", false);
    cr_assert_str_eq(json_text_of(row, "case"), verdict->name);
    define_functions(workflow);
    json_write(workflow, &text);
    enum err code = plan_load(text.data, text.size, &plan, &report);
    const char *first = report.count > 0 ? report.problems[0].message : "";
    if (verdict->pointer == NULL) {
        cr_expect_eq(code, ERR_OK, "%s: %s", verdict->name, first);
        cr_expect(schema, "%s: the schema refuses it", verdict->name);
    } else {
        cr_expect_eq(code, ERR_INVALID, "%s", verdict->name);
        cr_expect(has_problem(&report, verdict), "%s: %s %s", verdict->name,
                  report.count > 0 ? report.problems[0].pointer : "", first);
    }
    plan_destroy(&plan);
    plan_report_release(&report);
    buf_release(&text);
}

Test(extension_cases, each_loads_or_is_refused_for_its_reason)
{
    size_t size;
    char *text = read_file("ows/extension-cases.json", &size);
    json_t *rows = NULL;
    cr_assert_eq(json_parse(text, size, NULL, &rows, NULL), ERR_OK);
    cr_assert_eq(json_array_size(rows), VERDICT_COUNT);
    for (size_t i = 0; i < VERDICT_COUNT; i++) {
        check_case(json_array_get(rows, i), &VERDICTS[i]);
    }
    json_decref(rows);
    free(text);
}

/* The specification's own fixtures of definitions that are none. */
Test(extension_cases, invalid_fixtures_are_refused)
{
    static const struct {
        const char *file;
        const char *place;
        const char *reason;
    } fixtures[] = {
        {"extra-property-in-call", "12:7", "unknown key 'foo' in a 'call' task"},
        {"listen-any-until-any-until", "7:1", "the key 'do' is here twice"},
        {"two-tasks-in-one-item", "7:5", "an item of a task list has one key"},
    };
    for (size_t i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++) {
        char path[128];
        char place[32] = "";
        struct plan *plan;
        struct plan_report report;
        snprintf(path, sizeof(path), "ows/invalid/%s.yaml", fixtures[i].file);
        cr_expect_eq(load_file(path, &plan, &report), ERR_INVALID, "%s", path);
        cr_assert_gt(report.count, 0);
        snprintf(place, sizeof(place), "%u:%u", report.problems[0].line, report.problems[0].column);
        cr_expect_str_eq(place, fixtures[i].place, "%s", path);
        cr_expect(text_starts(report.problems[0].message, fixtures[i].reason), "%s: %s", path,
                  report.problems[0].message);
        plan_report_release(&report);
    }
}
