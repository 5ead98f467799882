#include "tests/unit/edge/intake_support.h"

/* Everything an event has, whatever way it came. */
Test(intake, a_bare_value_is_wrapped_with_what_the_subject_and_the_server_say)
{
    struct taken taken = take_text("event.invoice.received", "{\"total\": \"12.50\"}", NULL);
    cr_assert_str_eq(taken_text(&taken, "specversion"), "1.0");
    cr_assert_str_eq(taken_text(&taken, "type"), "invoice.received");
    cr_assert_str_eq(taken_text(&taken, "source"), "/bus/event.invoice.received");
    cr_assert_str_eq(taken_text(&taken, "time"), "2026-11-21T14:06:40.250Z");
    cr_assert_str_eq(taken_text(&taken, "datacontenttype"), "application/json");
    cr_assert_eq(strlen(taken_text(&taken, "id")), 32);
    cr_assert_str_eq(json_text_of(json_object_get(taken.event, "data"), "total"), "12.50");
    cr_assert_str_eq(taken.intake.type, "invoice.received");
    cr_assert_str_eq(taken.intake.source, "/bus/event.invoice.received");
    cr_assert_str_eq(taken.intake.id, taken_text(&taken, "id"));
    taken_release(&taken);
}

Test(intake, any_json_value_is_a_bare_event)
{
    static const char *const values[] = {"1", "\"x\"", "[]", "null", "true", "-0.5", " {} "};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct taken taken = take_text("event.a", values[i], NULL);
        cr_assert(taken.good, "%s", values[i]);
        cr_assert_not_null(json_object_get(taken.event, "data"));
        taken_release(&taken);
    }
}

/* A redelivery has the same everything; the order of headers in a hash table is not part of it. */
Test(intake, a_made_id_depends_on_the_message_and_not_on_the_order_of_headers)
{
    static const char *const one[] = {"A", "1", "B", "2", NULL};
    static const char *const two[] = {"B", "2", "A", "1", NULL};
    static const char *const other[] = {"B", "2", "A", "3", NULL};
    struct taken a = take_text("event.a", "{}", one);
    struct taken b = take_text("event.a", "{}", two);
    struct taken c = take_text("event.a", "{}", other);
    struct taken d = take_text("event.a", "{ }", one);
    cr_assert_str_eq(a.intake.id, b.intake.id);
    cr_assert_str_neq(a.intake.id, c.intake.id);
    cr_assert_str_neq(a.intake.id, d.intake.id);
    taken_release(&a);
    taken_release(&b);
    taken_release(&c);
    taken_release(&d);
}

Test(intake, the_same_body_published_twice_is_two_events)
{
    struct arena *arena = arena_create(1024 * 1024);
    struct intake_message message = {
        .subject = "event.a", .body = STR("{}"), .arrived_ms = 5, .sequence = 1};
    struct intake first;
    struct intake second;
    cr_assert(event_intake_message(&message, arena, &first));
    message.sequence = 2;
    cr_assert(event_intake_message(&message, arena, &second));
    cr_assert_str_neq(first.id, second.id);
    doc_unref(&first.envelope);
    doc_unref(&second.envelope);
    arena_destroy(&arena);
}

Test(intake, structured_events_are_known_by_their_shape_or_their_content_type)
{
    static const char body[] = "{\"specversion\":\"1.0\",\"type\":\"a.b\",\"source\":\"/s\","
                               "\"id\":\"1\",\"subject\":\"x\",\"ext1\":true,\"nothing\":null,"
                               "\"data\":[1]}";
    static const char *const types[][3] = {
        {NULL},
        {"Content-Type", "application/json", NULL},
        {"content-type", "application/cloudevents+json; charset=utf-8", NULL},
        {"CONTENT-TYPE", "application/cloudevents", NULL},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct taken taken = take_text("event.a.b", body, types[i]);
        cr_assert_str_eq(taken_text(&taken, "id"), "1");
        cr_assert_str_eq(taken_text(&taken, "source"), "/s");
        cr_assert_str_eq(taken_text(&taken, "subject"), "x");
        cr_assert(json_bool_of(taken.event, "ext1", false));
        cr_assert_null(json_object_get(taken.event, "nothing"));
        cr_assert_eq(json_array_size(json_object_get(taken.event, "data")), 1);
        taken_release(&taken);
    }
}

Test(intake, an_object_that_is_almost_an_event_is_data)
{
    struct taken taken =
        take_text("event.a", "{\"specversion\":\"1.0\",\"type\":\"a\",\"id\":\"1\"}", NULL);
    cr_assert_str_eq(taken_text(&taken, "source"), "/bus/event.a");
    cr_assert_str_eq(json_text_of(json_object_get(taken.event, "data"), "type"), "a");
    taken_release(&taken);
}

Test(intake, binary_headers_are_attributes_in_any_case_decoded)
{
    static const char *const headers[] = {"Ce-SpecVersion",
                                          "1.0",
                                          "CE-TYPE",
                                          "a.b",
                                          "ce-id",
                                          "%45uro %E2%82%AC",
                                          "ce-source",
                                          "\"/quoted \\\"s\\\"\"",
                                          "ce-PartitionKey",
                                          "100%",
                                          "Content-Type",
                                          "application/vnd.x+json",
                                          "Other",
                                          "left out",
                                          NULL};
    struct taken taken = take_text("event.a.b", "{\"n\":1}", headers);
    cr_assert_str_eq(taken_text(&taken, "id"), "Euro \xE2\x82\xAC");
    cr_assert_str_eq(taken_text(&taken, "source"), "/quoted \"s\"");
    cr_assert_str_eq(taken_text(&taken, "partitionkey"), "100%");
    cr_assert_str_eq(taken_text(&taken, "datacontenttype"), "application/vnd.x+json");
    cr_assert_null(json_object_get(taken.event, "other"));
    cr_assert_eq(json_int_of(json_object_get(taken.event, "data"), "n", 0), 1);
    taken_release(&taken);
}

Test(intake, the_nats_binding_may_name_the_content_type_as_an_attribute)
{
    static const char *const headers[] = {"ce-datacontenttype", "text/csv", "ce-id", "7", NULL};
    struct taken taken = take_text("event.a", "x,y\n1,2\n", headers);
    cr_assert_str_eq(taken_text(&taken, "datacontenttype"), "text/csv");
    cr_assert_str_eq(taken_text(&taken, "data"), "x,y\n1,2\n");
    cr_assert_str_eq(taken_text(&taken, "id"), "7");
    cr_assert_str_eq(taken_text(&taken, "source"), "/bus/event.a");
    taken_release(&taken);
}

Test(intake, a_content_type_alone_is_enough)
{
    static const char *const headers[] = {"Content-Type", "application/xml", NULL};
    struct taken taken = take_text("event.invoice.received", "<Invoice/>", headers);
    cr_assert_str_eq(taken_text(&taken, "data"), "<Invoice/>");
    cr_assert_str_eq(taken_text(&taken, "datacontenttype"), "application/xml");
    cr_assert_str_eq(taken_text(&taken, "type"), "invoice.received");
    cr_assert_eq(strlen(taken_text(&taken, "id")), 32);
    taken_release(&taken);
}

Test(intake, an_event_may_have_no_data)
{
    static const char *const headers[] = {"ce-id", "1", NULL};
    struct taken taken = take_text("event.a", "", headers);
    cr_assert_str_eq(taken_text(&taken, "id"), "1");
    cr_assert_null(json_object_get(taken.event, "data"));
    cr_assert_null(json_object_get(taken.event, "datacontenttype"));
    taken_release(&taken);
}

Test(intake, bytes_that_are_no_plain_text_become_base64)
{
    static const char *const headers[] = {"Content-Type", "application/xml", NULL};
    static const struct {
        const char *bytes;
        size_t size;
        const char *base64;
    } bodies[] = {
        {"\xEF\xBB\xBF<a/>", 7, "77u/PGEvPg=="},
        {"<a>\xE9</a>", 8, "PGE+6TwvYT4="},
        {"<\0a\0/\0>\0", 8, "PABhAC8APgA="},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct taken taken = take_bytes("event.a", bodies[i].bytes, bodies[i].size, headers);
        cr_assert_str_eq(taken_text(&taken, "data_base64"), bodies[i].base64);
        cr_assert_null(json_object_get(taken.event, "data"));
        taken_release(&taken);
    }
}

Test(intake, a_trace_header_goes_into_the_event)
{
    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const char *const headers[] = {"traceparent", trace, NULL};
    static const char *const broken[] = {"traceparent", "00-xyz", NULL};
    struct taken taken = take_text("event.a", "{}", headers);
    struct taken without = take_text("event.a", "{}", broken);
    cr_assert_str_eq(taken_text(&taken, "traceparent"), trace);
    cr_assert_null(taken_text(&without, "traceparent"));
    taken_release(&taken);
    taken_release(&without);
}

/* ---- emit ---- */

static struct taken emit(const char *body, const char *request_id)
{
    struct taken taken = {.arena = arena_create(64 * 1024 * 1024)};
    json_t *value = NULL;
    cr_assert_eq(json_parse(body, strlen(body), NULL, &value, NULL), ERR_OK);
    taken.good = event_intake_emit(value, request_id, taken.arena, &taken.intake);
    taken.event = taken.good ? doc_json(taken.intake.envelope) : NULL;
    json_decref(value);
    return taken;
}

Test(intake_emit, an_id_is_made_of_the_request_so_that_asking_again_is_the_same_event)
{
    struct taken a = emit("{\"type\":\"a.b\",\"data\":{\"x\":1}}", "r1");
    struct taken b = emit("{\"type\":\"a.b\",\"data\":{\"x\":2}}", "r1");
    struct taken c = emit("{\"type\":\"a.b\"}", "r2");
    struct taken none = emit("{\"type\":\"a.b\"}", "");
    cr_assert_str_eq(taken_text(&a, "id"), taken_text(&b, "id"));
    cr_assert_str_neq(taken_text(&a, "id"), taken_text(&c, "id"));
    cr_assert_str_eq(taken_text(&a, "source"), "/control/emit");
    cr_assert_str_eq(taken_text(&a, "datacontenttype"), "application/json");
    cr_assert_not(none.good);
    taken_release(&a);
    taken_release(&b);
    taken_release(&c);
    taken_release(&none);
}

Test(intake_emit, base64_of_a_text_document_is_the_text)
{
    struct taken xml = emit("{\"type\":\"a\",\"content_type\":\"application/xml\","
                            "\"data_base64\":\"PGEvPg==\"}",
                            "r");
    struct taken pdf = emit("{\"type\":\"a\",\"content_type\":\"application/pdf\","
                            "\"data_base64\":\"/wA=\"}",
                            "r");
    struct taken json = emit("{\"type\":\"a\",\"content_type\":\"application/json\","
                             "\"data_base64\":\"WzFd\"}",
                             "r");
    cr_assert_str_eq(taken_text(&xml, "data"), "<a/>");
    cr_assert_str_eq(taken_text(&pdf, "data_base64"), "/wA=");
    cr_assert_eq(json_array_size(json_object_get(json.event, "data")), 1);
    taken_release(&xml);
    taken_release(&pdf);
    taken_release(&json);
}

Test(intake_emit, what_is_wrong_is_said)
{
    static const char *const wrong[][2] = {
        {"{\"type\":\"a b\"}", "type must be"},
        {"{\"type\":\"a\",\"time\":\"noon\"}", "time 'noon'"},
        {"{\"type\":\"a\",\"id\":\"\"}", "attribute 'id' has 0 bytes"},
        {"{\"type\":\"a\",\"data\":1,\"data_base64\":\"AA==\"}", "not both"},
        {"{\"type\":\"a\",\"data_base64\":\"A\"}", "not base64"},
        {"{\"type\":\"a\",\"content_type\":\"text/csv\",\"data\":{}}", "must be text"},
        {"{\"type\":\"a\",\"content_type\":\"csv\",\"data\":\"\"}", "not a media type"},
        {"{\"type\":\"a\",\"content_type\":\"text/json\",\"data_base64\":\"ew==\"}", "says JSON"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct taken taken = emit(wrong[i][0], "r");
        cr_assert_not(taken.good, "%s", wrong[i][0]);
        cr_assert_not_null(strstr(taken.intake.reason, wrong[i][1]), "%s", taken.intake.reason);
        taken_release(&taken);
    }
}
