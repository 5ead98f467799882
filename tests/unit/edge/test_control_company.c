/* status, deploy, definitions, agents, emit. */
#include "common/base/str.h"
#include "tests/unit/edge/office.h"

Test(company, status_of_an_empty_company)
{
    struct office *office = office_open();
    const json_t *reply = office_get(office, "status", "{}");
    cr_assert_str_eq(text_of(reply, "version"), "9.9");
    cr_assert_eq(json_int_of(reply, "pid", 0), 42);
    cr_assert_eq(strlen(text_of(reply, "store")), 32);
    cr_assert_str_eq(text_of(reply, "started_at"), "2026-11-22T12:00:00.000Z");
    cr_assert_eq(json_int_of(json_object_get(reply, "journal"), "sequence", -1), 0);
    cr_assert_eq(json_int_of(json_object_get(reply, "instances"), "running", -1), 0);
    cr_assert_eq(json_array_size(json_object_get(reply, "agents")), 0);
    cr_assert_eq(json_int_of(reply, "epoch", 0), 1);
    office_close(&office);
}

Test(company, status_counts_what_is_open)
{
    struct office *office = office_open();
    char id[33];
    office_deploy(office, definition_nap);
    office_deploy(office, definition_price);
    office_run(office, "t/nap", "{}", id);
    office_run(office, "t/nap", "{}", id);
    office_run(office, "t/price", "{'weight': 1}", id);
    const json_t *reply = office_get(office, "status", "{}");
    const json_t *instances = json_object_get(reply, "instances");
    cr_assert_eq(json_int_of(instances, "waiting", -1), 2);
    cr_assert_eq(json_int_of(instances, "running", -1), 1);
    cr_assert_eq(json_int_of(reply, "ready", -1), 1);
    cr_assert_eq(json_int_of(reply, "definitions", -1), 2);
    office_hello(office);
    reply = office_get(office, "status", "{}");
    cr_assert_eq(json_int_of(reply, "ready", -1), 0);
    cr_assert_eq(json_int_of(reply, "outstanding", -1), 1);
    office_close(&office);
}

Test(company, agents_are_shown_with_what_they_offer)
{
    struct office *office = office_open();
    office_hello(office);
    const json_t *reply = office_get(office, "agents.ls", "{}");
    const json_t *agent = json_array_get(json_object_get(reply, "agents"), 0);
    cr_assert_str_eq(text_of(agent, "agent"), "clerk");
    cr_assert_str_eq(text_of(agent, "store"), "main");
    cr_assert_str_eq(text_of(agent, "version"), "1.2.0");
    cr_assert_str_eq(text_of(agent, "state"), "live");
    cr_assert_str_eq(text_of(agent, "program"), "clerk 1.2");
    cr_assert_eq(json_int_of(agent, "pid", 0), 77);
    const json_t *action = json_array_get(json_object_get(agent, "actions"), 1);
    cr_assert_str_eq(text_of(action, "action"), "book");
    cr_assert_str_eq(text_of(action, "effect"), "keyed");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(action, "phases"), 0)),
                     "perform");
    office_close(&office);
}

Test(company, deploy_says_what_no_known_agent_promises)
{
    struct office *office = office_open();
    static const char order[] =
        "{'text': 'document: {dsl: 1.0.3, namespace: t, name: m, version: 1.0.0}\\ndo:\\n"
        "  - a: {call: agent, with: {agent: clerk, action: price, contract: \\u00272.0\\u0027}}\\n"
        "  - b: {call: agent, with: {agent: clerk, action: price}}\\n'}";
    const json_t *reply = office_get(office, "deploy", "%s", order);
    cr_assert_str_eq(text_of(reply, "definition"), "t/m:1.0.0");
    cr_assert_eq(strlen(text_of(reply, "digest")), 64);
    cr_assert(json_bool_of(reply, "created", false));
    cr_assert_eq(json_array_size(json_object_get(reply, "missing")), 2);
    office_hello(office);
    reply = office_get(office, "deploy", "%s", order);
    cr_assert_not(json_bool_of(reply, "created", true));
    const json_t *missing = json_object_get(reply, "missing");
    cr_assert_eq(json_array_size(missing), 1);
    cr_assert_str_eq(text_of(json_array_get(missing, 0), "contract"), "2.0");
    office_close(&office);
}

Test(company, a_definition_that_is_wrong_comes_back_with_its_problems)
{
    struct office *office = office_open();
    struct office_reply *reply = office_ask(
        office, "deploy",
        "{'file': 'x.yaml', 'text': 'document: {dsl: 1.0.3, namespace: t, name: m, version: "
        "1.0.0}\\ndo:\\n  - a: {sett: {}}\\n  - b: {wait: {parsecs: 1}}\\n'}");
    cr_assert_eq(reply->code, ERR_INVALID);
    cr_assert_not_null(strstr(reply->error, "x.yaml:3:"), "%s", reply->error);
    const json_t *problems = json_object_get(reply->body, "problems");
    cr_assert_geq(json_array_size(problems), 2);
    cr_assert_eq(json_int_of(json_array_get(problems, 0), "line", 0), 3);
    cr_assert_not_null(json_text_of(json_array_get(problems, 0), "message"));
    cr_assert_not_null(json_text_of(json_array_get(problems, 0), "pointer"));
    const json_t *list = office_get(office, "definitions.ls", "{}");
    cr_assert_eq(json_array_size(json_object_get(list, "definitions")), 0);
    office_close(&office);
}

Test(company, another_text_under_the_same_version_is_a_conflict)
{
    struct office *office = office_open();
    office_deploy(office, definition_nap);
    struct office_reply *reply = office_ask(
        office, "deploy",
        "{'text': 'document: {dsl: 1.0.3, namespace: t, name: nap, version: 1.0.0}\\ndo:\\n"
        "  - a: {set: {x: 1}}\\n'}");
    cr_assert_eq(reply->code, ERR_CONFLICT, "%s", reply->error);
    cr_assert_not_null(strstr(reply->error, "raise document.version"));
    office_close(&office);
}

Test(company, definitions_are_listed_with_their_triggers)
{
    struct office *office = office_open();
    office_deploy(office, definition_price);
    office_deploy(office, definition_delivery);
    const json_t *reply = office_get(office, "definitions.ls", "{}");
    const json_t *rows = json_object_get(reply, "definitions");
    cr_assert_eq(json_array_size(rows), 2);
    cr_assert_str_eq(text_of(json_array_get(rows, 0), "definition"), "t/price:1.0.0");
    cr_assert_str_eq(text_of(json_array_get(rows, 0), "title"), "Prices one");
    const json_t *triggers = json_object_get(json_array_get(rows, 1), "triggers");
    cr_assert_str_eq(json_string_value(json_array_get(triggers, 0)), "order.received");
    office_close(&office);
}

Test(company, a_schedule_shows_when_it_runs_next)
{
    struct office *office = office_open();
    office_deploy(office, "document: {dsl: 1.0.3, namespace: t, name: night, version: 1.0.0,\n"
                          "  metadata: {mainstay: {timezone: Europe/Berlin}}}\n"
                          "schedule: {cron: 30 2 * * *}\ndo:\n  - a: {set: {x: 1}}\n");
    const json_t *reply = office_get(office, "definitions.ls", "{}");
    const json_t *row = json_array_get(json_object_get(reply, "definitions"), 0);
    const json_t *schedule = json_object_get(row, "schedule");
    cr_assert_str_eq(text_of(schedule, "kind"), "cron");
    cr_assert_str_eq(text_of(schedule, "cron"), "30 2 * * *");
    cr_assert_str_eq(text_of(schedule, "timezone"), "Europe/Berlin");
    cr_assert_str_eq(text_of(row, "next_run_at"), "2026-11-23T01:30:00.000Z");
    office_close(&office);
}

Test(company, a_zone_that_the_host_does_not_know_is_refused)
{
    struct office *office = office_open();
    struct office_reply *reply =
        office_ask(office, "deploy",
                   "{'text': 'document: {dsl: 1.0.3, namespace: t, name: night, version: 1.0.0, "
                   "metadata: {mainstay: {timezone: Europe/Atlantis}}}\\n"
                   "schedule: {cron: 0 0 * * *}\\ndo:\\n  - a: {set: {x: 1}}\\n'}");
    cr_assert_eq(reply->code, ERR_INVALID, "%s", reply->error);
    const json_t *problem = json_array_get(json_object_get(reply->body, "problems"), 0);
    cr_assert_eq(json_int_of(problem, "line", 0), 1);
    cr_assert_eq(json_int_of(problem, "column", 0), 99);
    cr_assert_not_null(strstr(text_of(problem, "message"), "'Europe/Atlantis'"));
    cr_assert_not_null(strstr(text_of(problem, "hint"), "tzdata"));
    office_close(&office);
}

Test(company, an_emitted_event_starts_continues_waits_and_is_known_again)
{
    struct office *office = office_open();
    const json_t *reply = office_get(office, "emit", "{'type': 'shipment.lost', 'data': {}}");
    cr_assert_str_eq(text_of(reply, "outcome"), "buffered");
    cr_assert_str_eq(text_of(reply, "source"), "/control/emit");
    office_deploy(office, definition_delivery);
    reply = office_get(office, "emit", "{'type': 'order.received', 'id': 'o1', 'source': '/s'}");
    cr_assert_str_eq(text_of(reply, "outcome"), "started");
    cr_assert_str_eq(text_of(reply, "id"), "o1");
    char id[33];
    (void)text_copy(id, sizeof(id),
                    json_string_value(json_array_get(json_object_get(reply, "instances"), 0)));
    reply = office_get(office, "emit", "{'type': 'order.received', 'id': 'o1', 'source': '/s'}");
    cr_assert_str_eq(text_of(reply, "outcome"), "duplicate");
    reply = office_get(office, "emit", "{'type': 'shipment.delivered', 'data': {'at': 'dock'}}");
    cr_assert_str_eq(text_of(reply, "outcome"), "continued");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(reply, "instances"), 0)), id);
    reply = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "completed");
    office_close(&office);
}
