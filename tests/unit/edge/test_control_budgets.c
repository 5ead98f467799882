/* Budgets: what is spent and reserved, what waits, and a person's word on it. */
#include "tests/unit/edge/office.h"

#define PAID                                                             \
    "document: {dsl: 1.0.3, namespace: t, name: paid, version: 1.0.0,\n" \
    "           metadata: {mainstay: {budget: {day: 0.60 EUR}}}}\n"      \
    "do:\n"                                                              \
    "  - ask:\n"                                                         \
    "      call: agent\n"                                                \
    "      with: {agent: clerk, action: price, contract: '1.2', input: '${ . }'}\n"

/* A day's budget that the first instance has reserved, and a second one that waits for it. */
static void exhausted(struct office *office, char first[33], char second[33])
{
    office_hello(office);
    office_deploy(office, PAID);
    office_run(office, "t/paid", "{'weight': 3}", first);
    office_run(office, "t/paid", "{'weight': 4}", second);
}

static const json_t *account(struct office *office)
{
    const json_t *reply = office_get(office, "budgets.ls", "{'account': 'process/t/paid'}");
    const json_t *rows = json_object_get(reply, "budgets");
    cr_assert_eq(json_array_size(rows), 1);
    return json_array_get(rows, 0);
}

Test(control_budgets, what_is_spent_and_reserved_is_listed)
{
    struct office *office = office_open();
    char first[33];
    char second[33];
    exhausted(office, first, second);
    const json_t *row = account(office);
    cr_expect_str_eq(text_of(row, "per"), "day");
    cr_expect_str_eq(text_of(row, "cap"), "0.60 EUR");
    cr_expect_str_eq(text_of(row, "spent"), "0.00 EUR");
    cr_expect_str_eq(text_of(row, "reserved"), "0.50 EUR");
    cr_expect_str_eq(text_of(row, "left"), "0.10 EUR");
    cr_expect_eq(json_int_of(row, "waiting", 0), 1);
    const json_t *reply = office_get(office, "instances.describe", "{'instance': '%s'}", second);
    cr_expect_str_eq(text_of(reply, "reason"),
                     "waits for a person: a budget has no room for the work that waits");
    reply = office_get(office, "explain", "{'instance': '%s'}", second);
    const json_t *story = json_object_get(reply, "story");
    cr_expect_str_eq(text_of(json_array_get(story, json_array_size(story) - 1), "words"),
                     "'ask' waits for money: it may cost 0.50 EUR, and the budget process/t/paid "
                     "has no room for it");
    office_close(&office);
}

Test(control_budgets, a_person_raises_the_cap)
{
    struct office *office = office_open();
    char first[33];
    char second[33];
    exhausted(office, first, second);
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const json_t *gate = json_array_get(json_object_get(reply, "gates"), 0);
    cr_assert_str_eq(text_of(gate, "kind"), "budget");
    cr_expect_str_eq(text_of(gate, "account"), "process/t/paid");
    cr_expect_null(json_object_get(gate, "agent"));
    cr_expect_not_null(
        strstr(text_of(gate, "rationale"), "cap 0.60 EUR, spent 0.00 EUR, reserved 0.50 EUR"));
    char id[33];
    (void)snprintf(id, sizeof(id), "%s", text_of(gate, "gate"));
    reply = office_get(office, "gates.describe", "{'gate': '%s'}", id);
    cr_expect_eq(json_int_of(reply, "waiting_count", 0), 1);
    cr_expect_str_eq(json_string_value(json_array_get(json_object_get(reply, "waiting"), 0)),
                     second);
    cr_expect_eq(office_ask(office, "gates.verdict",
                            "{'gate': '%s', 'verdict': 'approve', 'value': 'much'}", id)
                     ->code,
                 ERR_INVALID);
    (void)office_get(office, "gates.verdict",
                     "{'gate': '%s', 'verdict': 'approve', 'value': '1.00 EUR'}", id);
    const json_t *row = account(office);
    cr_expect_str_eq(text_of(row, "allowed"), "1.00 EUR");
    cr_expect_str_eq(text_of(row, "reserved"), "1.00 EUR");
    cr_expect_eq(office->task_count, 2);
    office_close(&office);
}

Test(control_budgets, other_gates_are_approved_without_a_value)
{
    struct office *office = office_open();
    char id[33];
    office_hello(office);
    office_deploy(office, definition_price);
    office_run(office, "t/price", "{'weight': 3}", id);
    struct office_task task = office_take(office);
    office_failed(office, &task, FAILURE_CONTRACT, "it broke", "badly");
    const json_t *reply = office_get(office, "gates.ls", "{}");
    const json_t *gate = json_array_get(json_object_get(reply, "gates"), 0);
    char name[33];
    (void)snprintf(name, sizeof(name), "%s", text_of(gate, "gate"));
    cr_expect_eq(office_ask(office, "gates.verdict",
                            "{'gate': '%s', 'verdict': 'approve', 'value': '1.00 EUR'}", name)
                     ->code,
                 ERR_INVALID);
    office_close(&office);
}
