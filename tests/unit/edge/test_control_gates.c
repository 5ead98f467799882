/* What waits for a person, and the verdicts. */
#include <stdio.h>

#include "tests/unit/edge/office.h"

/* An instance of t/price whose step waits for a person; its only gate into `gate`. */
static void suspended(struct office *office, enum failure_class failure_class, char *id, char *gate)
{
    office_hello(office);
    office_deploy(office, definition_price);
    office_run(office, "t/price", "{'weight': 3}", id);
    struct office_task task = office_take(office);
    office_failed(office, &task, failure_class, "the weight is odd", "3 is no weight");
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const json_t *rows = json_object_get(reply, "gates");
    cr_assert_eq(json_array_size(rows), 1);
    (void)snprintf(gate, 33, "%s", text_of(json_array_get(rows, 0), "gate"));
}

Test(gates, a_data_gate_shows_what_is_wrong_and_a_correction)
{
    struct office *office = office_open();
    char id[33];
    char gate[33];
    suspended(office, FAILURE_DATA, id, gate);
    const json_t *reply = office_get(office, "gates.describe", "{'gate': '%.8s'}", gate);
    cr_assert_str_eq(text_of(reply, "kind"), "data");
    cr_assert_str_eq(text_of(reply, "instance"), id);
    cr_assert_str_eq(text_of(reply, "definition"), "t/price:1.0.0");
    cr_assert_str_eq(text_of(reply, "step"), "/do/0/ask");
    cr_assert_str_eq(text_of(reply, "title"), "the weight is odd");
    cr_assert_str_eq(text_of(reply, "rationale"), "3 is no weight");
    cr_assert_str_eq(text_of(reply, "pointer"), "/weight");
    cr_assert_str_eq(text_of(json_object_get(reply, "failure"), "class"), "data");
    cr_assert_eq(json_int_of(json_object_get(reply, "input"), "weight", 0), 3);
    cr_assert_eq(json_int_of(json_object_get(reply, "correction"), "weight", 0), 12);
    cr_assert_eq(json_int_of(reply, "revision", 0), 1);
    cr_assert_eq(strlen(text_of(reply, "digest")), 64);
    cr_assert_not_null(json_text_of(reply, "expires_at"));
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "suspended");
    cr_assert_str_eq(text_of(reply, "reason"), "waits for a person: the weight is odd");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(reply, "gates"), 0)), gate);
    office_close(&office);
}

Test(gates, an_input_that_breaks_the_contract_never_leaves_the_house)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_price);
    office_run(office, "t/price", "{'weight': 0}", id);
    cr_assert_eq(office->task_count, 0);
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const json_t *gate = json_array_get(json_object_get(reply, "gates"), 0);
    cr_assert_str_eq(text_of(gate, "kind"), "data");
    cr_assert_str_eq(text_of(gate, "title"), "the action's input breaks its contract");
    reply = office_get(office, "explain", "{'instance': '%s'}", id);
    cr_assert_not_null(strstr(text_of(json_array_get(json_object_get(reply, "story"), 2), "words"),
                              "the coordinator could not do price: the action's input breaks"));
    office_close(&office);
}

Test(gates, an_edited_input_is_what_the_agent_gets_next)
{
    struct office *office = office_open();
    char id[33];
    char gate[33];
    suspended(office, FAILURE_DATA, id, gate);
    struct office_reply *refused = office_ask(
        office, "gates.verdict", "{'gate': '%s', 'verdict': 'edit', 'value': {'weight': 0}}", gate);
    cr_assert_eq(refused->code, ERR_INVALID);
    cr_assert_not_null(strstr(refused->error, "breaks the contract"), "%s", refused->error);
    const json_t *reply = office_get(
        office, "gates.verdict",
        "{'gate': '%.8s', 'verdict': 'edit', 'value': {'weight': 12}, 'reason': 'a typing error'}",
        gate);
    cr_assert_str_eq(text_of(reply, "gate"), gate);
    cr_assert_str_eq(text_of(reply, "instance"), id);
    cr_assert_str_eq(text_of(reply, "status"), "running");
    struct office_task task = office_take(office);
    cr_assert_eq(json_int_of(task.input, "weight", 0), 12);
    office_done(office, &task, "{'amount': 1}");
    reply = office_get(office, "explain", "{'instance': '%s'}", id);
    const json_t *story = json_object_get(reply, "story");
    bool opened = false;
    bool decided = false;
    size_t at = 0;
    const json_t *entry = NULL;
    json_array_foreach(story, at, entry)
    {
        opened =
            opened || strcmp(text_of(entry, "words"),
                             "'ask' waits for a person: the weight is odd: 3 is no weight") == 0;
        decided = decided || strcmp(text_of(entry, "words"),
                                    "ada corrected the input of 'ask': a typing error") == 0;
    }
    cr_assert(opened && decided);
    office_close(&office);
}

Test(gates, approve_tries_again_as_it_was)
{
    struct office *office = office_open();
    char id[33];
    char gate[33];
    suspended(office, FAILURE_CONTRACT, id, gate);
    const json_t *reply = office_get(office, "gates.describe", "{'gate': '%s'}", gate);
    cr_assert_str_eq(text_of(reply, "kind"), "parked");
    char digest[65];
    (void)snprintf(digest, sizeof(digest), "%s", text_of(reply, "digest"));
    reply = office_get(office, "gates.verdict",
                       "{'gate': '%s', 'verdict': 'approve', 'revision': 1, 'digest': '%s'}", gate,
                       digest);
    cr_assert_str_eq(text_of(reply, "status"), "running");
    struct office_task task = office_take(office);
    cr_assert_eq(json_int_of(task.input, "weight", 0), 3);
    task_release(&task);
    reply = office_get(office, "gates.ls", "{}");
    cr_assert_eq(json_array_size(json_object_get(reply, "gates")), 0);
    office_close(&office);
}

Test(gates, reject_lets_the_step_fail)
{
    struct office *office = office_open();
    char id[33];
    char gate[33];
    suspended(office, FAILURE_CONTRACT, id, gate);
    const json_t *reply =
        office_get(office, "gates.verdict", "{'gate': '%s', 'verdict': 'reject'}", gate);
    cr_assert_str_eq(text_of(reply, "status"), "faulted");
    reply = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_str_eq(text_of(reply, "status"), "faulted");
    cr_assert_not_null(json_object_get(reply, "error"));
    office_close(&office);
}

Test(gates, a_verdict_on_something_else_is_a_conflict)
{
    struct office *office = office_open();
    char id[33];
    char gate[33];
    suspended(office, FAILURE_DATA, id, gate);
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct office_reply *reply = office_ask(
        office, "gates.verdict", "{'gate': '%s', 'verdict': 'approve', 'revision': 2}", gate);
    cr_assert_eq(reply->code, ERR_CONFLICT);
    cr_assert_not_null(strstr(reply->error, "look again"));
    reply = office_ask(office, "gates.verdict",
                       "{'gate': '%s', 'verdict': 'approve', 'digest': '%s'}", gate, zeros);
    cr_assert_eq(reply->code, ERR_CONFLICT);
    static const char *const wrong[] = {
        "'verdict': 'yes'", "'verdict': 'edit'", "'verdict': 'approve', 'value': 1",
        "'verdict': 'approve', 'digest': 'abc'", "'verdict': 'approve', 'revision': 99999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        reply = office_ask(office, "gates.verdict", "{'gate': '%s', %s}", gate, wrong[i]);
        cr_expect_eq(reply->code, ERR_INVALID, "%s: %s", wrong[i], reply->error);
    }
    (void)office_get(office, "gates.verdict", "{'gate': '%s', 'verdict': 'reject'}", gate);
    reply = office_ask(office, "gates.verdict", "{'gate': '%s', 'verdict': 'reject'}", gate);
    cr_assert_eq(reply->code, ERR_NOT_FOUND);
    office_close(&office);
}

Test(gates, an_answer_that_is_not_sure_enough_is_shown_as_a_proposal)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_price);
    office_run(office, "t/price", "{'weight': 3}", id);
    struct office_task task = office_take(office);
    struct command command = {.kind = COMMAND_RESULT, .result = task.name};
    static const char output[] = "{\"amount\":9}";
    command.result.agent = task.agent;
    command.result.store = task.store;
    command.result.status = RESULT_DONE;
    command.result.output = doc_of_text_trusted(output, strlen(output));
    command.result.decision = (struct decision){
        .rule = "guess@1", .model = "", .cost = "", .has_confidence = true, .confidence_ppm = 1000};
    office->now++;
    turn_begin(office->turn, &(struct clock_reading){.wall_ms = office->now,
                                                     .boot_ms = office->now - office->apart_ms});
    turn_command(office->turn, &command);
    cr_assert_eq(turn_end(office->turn, NULL), ERR_OK);
    doc_unref(&command.result.output);
    task_release(&task);
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const json_t *gate = json_array_get(json_object_get(reply, "gates"), 0);
    cr_assert_str_eq(text_of(gate, "kind"), "parked");
    cr_assert_eq(json_int_of(json_object_get(gate, "proposal"), "amount", 0), 9);
    cr_assert_str_eq(text_of(json_object_get(gate, "failure"), "class"), "quality");
    char name[33];
    (void)snprintf(name, sizeof(name), "%s", text_of(gate, "gate"));
    (void)office_get(office, "gates.verdict", "{'gate': '%s', 'verdict': 'approve'}", name);
    reply = office_get(office, "wait", "{'instance': '%s'}", id);
    cr_assert_eq(json_int_of(json_object_get(reply, "output"), "amount", 0), 9);
    office_close(&office);
}

Test(gates, the_longest_waiting_comes_first_and_pages_go_on)
{
    struct office *office = office_open();
    char ids[5][33];
    office_hello(office);
    office_deploy(office, definition_price);
    for (size_t i = 0; i < 5; i++) {
        office_run(office, "t/price", "{'weight': 3}", ids[i]);
        struct office_task task = office_take(office);
        office_failed(office, &task, FAILURE_DATA, "odd", "odd");
    }
    char after[80] = "";
    size_t seen = 0;
    do {
        const json_t *reply =
            after[0] == '\0' ? office_get(office, "gates.ls", "{'limit': 2}")
                             : office_get(office, "gates.ls", "{'limit': 2, 'after': '%s'}", after);
        const json_t *rows = json_object_get(reply, "gates");
        for (size_t i = 0; i < json_array_size(rows); i++) {
            cr_assert_lt(seen, 5);
            cr_assert_str_eq(text_of(json_array_get(rows, i), "instance"), ids[seen++]);
        }
        const char *next = json_text_of(reply, "next");
        (void)snprintf(after, sizeof(after), "%s", next == NULL ? "" : next);
    } while (after[0] != '\0');
    cr_assert_eq(seen, 5);
    office_close(&office);
}

static const char definition_approval[] =
    "document: {dsl: 1.0.3, namespace: t, name: approval, version: 1.0.0}\n"
    "do:\n"
    "  - ok:\n"
    "      call: approval\n"
    "      with: {title: pay it?, rationale: it is due, proposal: '${ .pay }', assignees: [ann],\n"
    "             deadline: P1D, onTimeout: deny, form: {document: {type: integer}}}\n";

Test(gates, an_approval_shows_what_is_asked_and_tells_who_said_yes)
{
    struct office *office = office_open();
    char id[33];
    office_deploy(office, definition_approval);
    office_run(office, "t/approval", "{'pay': 3}", id);
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const json_t *gate = json_array_get(json_object_get(reply, "gates"), 0);
    cr_assert_str_eq(text_of(gate, "kind"), "approval");
    cr_assert_str_eq(text_of(gate, "title"), "pay it?");
    cr_assert_str_eq(text_of(gate, "rationale"), "it is due");
    cr_assert_str_eq(text_of(gate, "onTimeout"), "deny");
    cr_assert_not_null(json_text_of(gate, "deadline"));
    cr_assert_eq(json_array_size(json_object_get(gate, "assignees")), 1);
    cr_assert_eq(json_integer_value(json_object_get(gate, "proposal")), 3);
    cr_assert_null(json_object_get(gate, "failure"));
    char name[33];
    (void)snprintf(name, sizeof(name), "%s", text_of(gate, "gate"));
    struct office_reply *refused = office_ask(
        office, "gates.verdict", "{'gate': '%s', 'verdict': 'edit', 'value': 'much'}", name);
    cr_assert_eq(refused->code, ERR_INVALID);
    cr_assert_not_null(strstr(refused->error, "breaks the approval's form"), "%s", refused->error);
    reply = office_get(office, "gates.verdict",
                       "{'gate': '%s', 'verdict': 'edit', 'value': 2, 'reason': 'too much'}", name);
    cr_assert_str_eq(text_of(reply, "status"), "completed");
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", id);
    const json_t *output = json_object_get(reply, "output");
    cr_assert_str_eq(text_of(output, "verdict"), "edited");
    cr_assert_str_eq(text_of(output, "reason"), "too much");
    cr_assert_eq(json_int_of(output, "value", 0), 2);
    reply = office_get(office, "explain", "{'instance': '%s'}", id);
    const json_t *story = json_object_get(reply, "story");
    cr_assert_str_eq(text_of(json_array_get(story, 1), "words"),
                     "'ok' asks for approval: pay it?: it is due");
    cr_assert_not_null(
        strstr(text_of(json_array_get(story, 2), "words"), " edited and approved 'ok': too much"));
    office_close(&office);
}

Test(gates, the_clock_asks_for_the_company)
{
    struct office *office = office_open();
    office_pass(office, 0);
    office->apart_ms += 3600000;
    office_pass(office, 3600000);
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const json_t *gate = json_array_get(json_object_get(reply, "gates"), 0);
    cr_assert_str_eq(text_of(gate, "kind"), "clock");
    cr_assert_str_eq(text_of(gate, "title"), "the clock of this machine jumped: is it right?");
    cr_assert_null(json_object_get(gate, "instance"));
    char id[33];
    (void)text_copy(id, sizeof(id), text_of(gate, "gate"));
    reply = office_get(office, "gates.describe", "{'gate': '%s'}", id);
    cr_assert_not_null(strstr(text_of(reply, "rationale"), "it shows 2026-11-22T13:00:00"));
    reply = office_get(office, "gates.verdict", "{'gate': '%s', 'verdict': 'approve'}", id);
    cr_assert_str_eq(text_of(reply, "gate"), id);
    cr_assert_null(json_object_get(reply, "instance"));
    reply = office_get(office, "gates.ls", "{}");
    cr_assert_eq(json_array_size(json_object_get(reply, "gates")), 0);
    office_close(&office);
}

Test(gates, a_refusal_is_one_gate_that_lists_the_instances_waiting)
{
    struct office *office = office_open();
    char ids[2][33];
    office_hello(office);
    office_deploy(office, definition_price);
    office_run(office, "t/price", "{'weight': 3}", ids[0]);
    struct office_task task = office_take(office);
    office_failed(office, &task, FAILURE_PERMISSION, "no access", "the key was refused");
    office_run(office, "t/price", "{'weight': 4}", ids[1]);
    cr_assert_eq(office->task_count, 0, "the second one waits too");
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const json_t *rows = json_object_get(reply, "gates");
    cr_assert_eq(json_array_size(rows), 1);
    cr_assert_str_eq(text_of(json_array_get(rows, 0), "kind"), "permission");
    cr_assert_null(json_object_get(json_array_get(rows, 0), "instance"));
    char gate[33];
    (void)snprintf(gate, sizeof(gate), "%s", text_of(json_array_get(rows, 0), "gate"));
    reply = office_get(office, "gates.describe", "{'gate': '%s'}", gate);
    cr_assert_eq(json_int_of(reply, "waiting_count", 0), 2);
    cr_assert_eq(json_array_size(json_object_get(reply, "waiting")), 2);
    for (int i = 0; i < 2; i++) {
        reply = office_get(office, "instances.describe", "{'instance': '%s'}", ids[i]);
        cr_assert_str_eq(text_of(reply, "reason"), "waits for a person: no access");
        cr_assert_str_eq(json_string_value(json_array_get(json_object_get(reply, "gates"), 0)),
                         gate);
        reply = office_get(office, "wait", "{'instance': '%s'}", ids[i]);
        cr_assert_str_eq(text_of(reply, "gate"), gate);
    }
    (void)office_get(office, "gates.verdict", "{'gate': '%s', 'verdict': 'approve'}", gate);
    cr_assert_eq(office->task_count, 1, "one tries first");
    task = office_take(office);
    task_release(&task);
    office_close(&office);
}
