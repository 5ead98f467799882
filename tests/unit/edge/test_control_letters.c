/* Dead letters: shown, and taken up again. */
#include <stdio.h>

#include "tests/unit/edge/office.h"

Test(letters, are_listed_newest_first)
{
    struct office *office = office_open();
    for (int i = 0; i < 5; i++) {
        char body[16];
        (void)snprintf(body, sizeof(body), "<a%d/>", i);
        office_dead_letter(office, "events", "event.a", "{}", body, 0);
    }
    const json_t *reply = office_get(office, "deadletters.ls", "{'limit': 3}");
    const json_t *rows = json_object_get(reply, "dead_letters");
    cr_assert_eq(json_array_size(rows), 3);
    cr_assert_str_eq(text_of(json_array_get(rows, 0), "id"), "5");
    cr_assert_str_eq(text_of(json_array_get(rows, 0), "reason"), "nobody understands it");
    cr_assert_str_eq(text_of(json_array_get(rows, 0), "advice"), "try again");
    cr_assert_eq(json_int_of(json_array_get(rows, 0), "size", 0), 5);
    char next[24];
    (void)snprintf(next, sizeof(next), "%s", text_of(reply, "next"));
    reply = office_get(office, "deadletters.ls", "{'limit': 3, 'after': '%s'}", next);
    rows = json_object_get(reply, "dead_letters");
    cr_assert_eq(json_array_size(rows), 2);
    cr_assert_str_eq(text_of(json_array_get(rows, 1), "id"), "1");
    cr_assert_null(json_object_get(reply, "next"));
    office_close(&office);
}

Test(letters, are_shown_with_headers_and_body)
{
    struct office *office = office_open();
    office_dead_letter(office, "events", "event.a", "{\"X\":\"1\"}", "<a/>", 0);
    office_dead_letter(office, "events", "event.a", "{}", "\xFF", 0);
    const json_t *reply = office_get(office, "deadletters.show", "{'id': '1'}");
    cr_assert_str_eq(text_of(reply, "body"), "<a/>");
    cr_assert_str_eq(text_of(json_object_get(reply, "headers"), "X"), "1");
    reply = office_get(office, "deadletters.show", "{'id': 2}");
    cr_assert_str_eq(text_of(reply, "body_base64"), "/w==");
    office_close(&office);
}

Test(letters, replay_with_a_content_type_makes_the_event)
{
    struct office *office = office_open();
    office_deploy(office, definition_delivery);
    office_dead_letter(office, "events", "event.order.received", "{}", "<order/>", 0);
    struct office_reply *again = office_ask(office, "deadletters.replay", "{'id': '1'}");
    cr_assert_eq(again->code, ERR_INVALID);
    cr_assert_not_null(strstr(again->error, "refused again"), "%s", again->error);
    cr_assert_not_null(strstr(text_of(again->body, "advice"), "application/xml"));
    const json_t *reply =
        office_get(office, "deadletters.replay", "{'id': '1', 'content_type': 'application/xml'}");
    cr_assert_str_eq(text_of(reply, "outcome"), "started");
    cr_assert_eq(json_array_size(json_object_get(reply, "instances")), 1);
    reply = office_get(office, "deadletters.show", "{'id': '1'}");
    cr_assert(json_bool_of(reply, "replayed", false));
    again =
        office_ask(office, "deadletters.replay", "{'id': '1', 'content_type': 'application/xml'}");
    cr_assert_eq(again->code, ERR_CONFLICT);
    office_close(&office);
}

Test(letters, replay_may_correct_the_type)
{
    struct office *office = office_open();
    office_deploy(office, definition_delivery);
    office_dead_letter(office, "events", "event.order.recieved", "{\"ce-type\":\"wrong\"}", "{}",
                       0);
    const json_t *reply =
        office_get(office, "deadletters.replay", "{'id': 1, 'type': 'order.received'}");
    cr_assert_str_eq(text_of(reply, "outcome"), "started");
    office_close(&office);
}

Test(letters, an_event_that_came_too_late_is_taken_up_as_it_was)
{
    struct office *office = office_open();
    office_deploy(office, definition_delivery);
    office_dead_letter(office, "events", "order.received",
                       "{\"specversion\":\"1.0\",\"type\":\"order.received\",\"source\":\"/s\","
                       "\"id\":\"7\",\"data\":{\"n\":1}}",
                       "", 0);
    const json_t *reply = office_get(office, "deadletters.replay", "{'id': 1}");
    cr_assert_str_eq(text_of(reply, "id"), "7");
    cr_assert_str_eq(text_of(reply, "source"), "/s");
    cr_assert_str_eq(text_of(reply, "outcome"), "started");
    office_close(&office);
}

Test(letters, what_cannot_be_replayed_is_said)
{
    struct office *office = office_open();
    office_dead_letter(office, "clerk/main", "result.clerk.main", "{}", "x", 0);
    office_dead_letter(office, "events", "event.a", "{}", "{}", 1000000);
    struct office_reply *reply = office_ask(office, "deadletters.replay", "{'id': 1}");
    cr_assert_eq(reply->code, ERR_REFUSED);
    cr_assert_not_null(strstr(reply->error, "came from 'clerk/main'"));
    reply = office_ask(office, "deadletters.replay", "{'id': 2}");
    cr_assert_eq(reply->code, ERR_REFUSED);
    cr_assert_not_null(strstr(reply->error, "only the first 2 of its 1000000 bytes"));
    office_close(&office);
}
