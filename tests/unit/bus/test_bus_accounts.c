/* One account per agent with service imports: what an agent needs works, all else does not. */
#include <criterion/criterion.h>
#include <string.h>

#include "bus_fixture.h"

static const char accounts[] =
    "accounts {\n"
    "  CORE { jetstream: enabled, users: [{user: coord, password: c}],\n"
    "    exports: [\n"
    "      {service: \"$JS.API.CONSUMER.MSG.NEXT.TASKS.a1\", response_type: stream,"
    " accounts: [A1]},\n"
    "      {service: \"$JS.ACK.TASKS.a1.>\", accounts: [A1]},\n"
    "      {service: \"result.a1.>\", accounts: [A1]} ] }\n"
    "  A1 { users: [{user: a1, password: a}],\n"
    "    imports: [\n"
    "      {service: {account: CORE, subject: \"$JS.API.CONSUMER.MSG.NEXT.TASKS.a1\"}},\n"
    "      {service: {account: CORE, subject: \"$JS.ACK.TASKS.a1.>\"}},\n"
    "      {service: {account: CORE, subject: \"result.a1.>\"}} ] }\n"
    "  GUARD {}\n"
    "}\n";

struct company {
    struct nats_fixture *server;
    struct collector *at_coordinator;
    struct collector *at_agent;
    struct bus *coordinator;
    struct bus *agent;
};

static struct company company_start(void)
{
    struct company company = {.server = server_start(accounts)};
    company.at_coordinator = collector_create();
    company.at_agent = collector_create();
    company.coordinator =
        connect_bus(company.server, "coord", nats_fixture_creds(company.server, "coord", "c"),
                    company.at_coordinator);
    company.agent = connect_bus(company.server, "a1", nats_fixture_creds(company.server, "a1", "a"),
                                company.at_agent);
    struct error err = {0};
    cr_assert_eq(
        bus_stream_ensure(company.coordinator, "TASKS", "{\"subjects\":[\"task.>\"]}", NULL, &err),
        ERR_OK, "%s", err.message);
    cr_assert_eq(bus_stream_ensure(company.coordinator, "RESULTS", "{\"subjects\":[\"result.>\"]}",
                                   NULL, &err),
                 ERR_OK, "%s", err.message);
    cr_assert_eq(bus_consumer_ensure(company.coordinator, "TASKS", "a1",
                                     "{\"ack_policy\":\"explicit\",\"max_deliver\":-1,"
                                     "\"filter_subject\":\"task.a1.>\"}",
                                     NULL, &err),
                 ERR_OK, "%s", err.message);
    return company;
}

static void company_stop(struct company *company)
{
    bus_close(&company->agent);
    bus_close(&company->coordinator);
    collector_destroy(&company->at_agent);
    collector_destroy(&company->at_coordinator);
    nats_fixture_destroy(&company->server);
}

Test(bus_accounts, an_agent_pulls_acknowledges_and_answers_through_its_imports)
{
    struct company company = company_start();
    const struct bus_pull_options options = {.stream = "TASKS",
                                             .consumer = "a1",
                                             .batch = 10,
                                             .deliver = collect_message,
                                             .user = company.at_agent};
    struct bus_pull *pull = NULL;
    cr_assert_eq(bus_pull_start(company.agent, &options, &pull, NULL), ERR_OK);
    cr_assert_eq(publish_tracked(company.coordinator, "task.a1.s1", "work", 1), ERR_OK);
    cr_assert_eq(publish_tracked(company.coordinator, "task.a2.s1", "not for a1", 2), ERR_OK);
    wait_stored(company.at_coordinator, 2);
    wait_messages(company.at_agent, 1);
    struct bus_msg *msg = collector_take(company.at_agent, 0);
    cr_assert_str_eq(msg->body, "work");
    cr_assert_eq(msg->stream_sequence, 1);
    cr_assert_eq(bus_msg_ack(msg, NULL), ERR_OK);
    bus_msg_destroy(&msg);
    bus_pull_consumed(pull, 1);
    struct bus_consumer_state consumer = {0};
    while (consumer.ack_floor_sequence < 1) {
        cr_assert_eq(bus_consumer_state(company.coordinator, "TASKS", "a1", &consumer, NULL),
                     ERR_OK);
    }
    cr_assert_eq(publish_tracked(company.agent, "result.a1.s1", "done", 3), ERR_OK);
    wait_stored(company.at_agent, 1);
    struct bus_stream_state stream;
    cr_assert_eq(bus_stream_state(company.coordinator, "RESULTS", &stream, NULL), ERR_OK);
    cr_assert_eq(stream.messages, 1);
    company_stop(&company);
}

Test(bus_accounts, an_agent_reaches_nothing_else)
{
    struct company company = company_start();
    cr_assert_eq(publish_tracked(company.coordinator, "task.a1.s1", "work", 1), ERR_OK);
    wait_stored(company.at_coordinator, 1);
    cr_assert_eq(publish_tracked(company.agent, "result.a2.s1", "forged", 2), ERR_OK);
    cr_assert_eq(publish_tracked(company.agent, "task.a1.s1", "forged", 3), ERR_OK);
    wait_failed(company.at_agent, 2);
    cr_assert_str_eq(company.at_agent->why, "no stream takes this subject");
    struct buf reply = BUF_INIT(65536);
    cr_assert_neq(bus_js_api(company.agent, "STREAM.INFO.TASKS", NULL, &reply, NULL), ERR_OK);
    cr_assert_neq(bus_js_api(company.agent, "STREAM.DELETE.TASKS", NULL, &reply, NULL), ERR_OK);
    buf_release(&reply);
    struct bus_stream_state stream;
    cr_assert_eq(bus_stream_state(company.coordinator, "TASKS", &stream, NULL), ERR_OK);
    cr_assert_eq(stream.messages, 1);
    cr_assert_eq(bus_stream_state(company.coordinator, "RESULTS", &stream, NULL), ERR_OK);
    cr_assert_eq(stream.messages, 0);
    company_stop(&company);
}
