/* Locks: who holds an entity, who waits for it, and what an instance that waits says. */
#include "tests/unit/edge/office.h"

#define LOCKED                                                        \
    "document: {dsl: 1.0.3, namespace: t, name: l, version: 1.0.0}\n" \
    "do:\n"                                                           \
    "  - post:\n"                                                     \
    "      call: lock\n"                                              \
    "      with: {entity: '${ .e }', ttl: PT1H, do: [{w: {wait: {minutes: 5}}}]}\n"

static void begin(struct office *office, const char *entity)
{
    (void)office_get(office, "run", "{'definition': 't/l', 'input': {'e': '%s'}}", entity);
}

Test(control_locks, are_listed_oldest_first)
{
    struct office *office = office_open();
    const json_t *reply = office_get(office, "locks.ls", "{}");
    cr_assert_eq(json_array_size(json_object_get(reply, "locks")), 0);
    office_deploy(office, LOCKED);
    begin(office, "invoice/7");
    begin(office, "invoice/8");
    begin(office, "invoice/7");
    begin(office, "invoice/7");
    reply = office_get(office, "locks.ls", "{'limit': 3}");
    const json_t *rows = json_object_get(reply, "locks");
    cr_assert_eq(json_array_size(rows), 3);
    const json_t *first = json_array_get(rows, 0);
    cr_expect_str_eq(text_of(first, "entity"), "invoice/7");
    cr_expect_str_eq(text_of(first, "state"), "held");
    cr_expect_str_eq(text_of(first, "definition"), "t/l:1.0.0");
    cr_expect_str_eq(text_of(first, "step"), "/do/0/post");
    cr_expect_str_eq(text_of(first, "since"), "2026-11-22T12:00:00.002Z");
    cr_expect_str_eq(text_of(first, "until"), "2026-11-22T13:00:00.002Z");
    cr_expect_str_eq(text_of(json_array_get(rows, 1), "entity"), "invoice/8");
    cr_expect_str_eq(text_of(json_array_get(rows, 2), "state"), "waits");
    cr_expect_eq(json_int_of(json_array_get(rows, 2), "before", 0), 1);
    char next[32];
    (void)snprintf(next, sizeof(next), "%s", text_of(reply, "next"));
    reply = office_get(office, "locks.ls", "{'entity': 'invoice/7', 'after': '%s'}", next);
    rows = json_object_get(reply, "locks");
    cr_assert_eq(json_array_size(rows), 1);
    cr_expect_eq(json_int_of(json_array_get(rows, 0), "before", 0), 2);
    cr_expect_null(json_object_get(reply, "next"));
    office_close(&office);
}

Test(control_locks, who_waits_says_for_whom)
{
    struct office *office = office_open();
    char holder[33];
    char waiter[33];
    char words[256];
    office_deploy(office, LOCKED);
    office_run(office, "t/l", "{'e': 'invoice/7'}", holder);
    office_run(office, "t/l", "{'e': 'invoice/7'}", waiter);
    (void)snprintf(words, sizeof(words),
                   "waits for the lock on invoice/7, held by instance %s at /do/0/post since "
                   "2026-11-22T12:00:00.002Z until 2026-11-22T13:00:00.002Z",
                   holder);
    const json_t *reply = office_get(office, "explain", "{'instance': '%s'}", waiter);
    cr_expect_str_eq(text_of(reply, "reason"), words);
    reply = office_get(office, "instances.describe", "{'instance': '%s'}", waiter);
    cr_expect_str_eq(text_of(reply, "status"), "waiting");
    cr_expect_str_eq(text_of(reply, "reason"), words);
    office_close(&office);
}
