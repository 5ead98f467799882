#include "common/base/limits.h"
#include "tests/unit/edge/intake_support.h"

/* A message that is refused, words of the reason, and the advice word for word. */
struct refused {
    const char *subject;
    const char *body;
    const char *headers[8];
    const char *reason;
    const char *advice;
};

static const struct refused undescribed[] = {
    {"event.invoice.received",
     "<?xml version=\"1.0\"?><Invoice/>",
     {NULL},
     "it looks like application/xml",
     "nats pub -H 'Content-Type: application/xml' event.invoice.received \"$(cat FILE)\""},
    {"event.invoice.received",
     "ISA*00*          *00*",
     {NULL},
     "application/edi-x12",
     "nats pub -H 'Content-Type: application/edi-x12' event.invoice.received \"$(cat FILE)\""},
    {"event.rates",
     "lane,rate\nA-B,100\n",
     {NULL},
     "text/csv",
     "nats pub -H 'Content-Type: text/csv' event.rates \"$(cat FILE)\""},
    {"event.a",
     "just words",
     {NULL},
     "text/plain",
     "nats pub -H 'Content-Type: text/plain' event.a \"$(cat FILE)\""},
    {"event.a",
     "UNB+UNOC:3+A+B'",
     {NULL},
     "application/edifact",
     "nats pub -H 'Content-Type: application/edifact' event.a \"$(cat FILE)\""},
    {"event.a",
     "<a/>",
     {"ce-id", "it's", "ce-source", "/s", NULL},
     "application/xml",
     "nats pub -H 'ce-id: it'\\''s' -H 'ce-source: /s' -H 'Content-Type: application/xml' event.a "
     "\"$(cat FILE)\""},
    {"event.a",
     "%PDF-1.7 \xFF",
     {NULL},
     "application/pdf",
     "mainstay emit a --content-type application/pdf @FILE"},
    {"event.a",
     "\xFF\xFE\x01",
     {NULL},
     "application/octet-stream",
     "mainstay emit a --content-type application/octet-stream @FILE"},
    {"event.a", "", {NULL}, "no body", "nats pub event.a '{}'"},
    {"event.a",
     "{\"a\": 1,}",
     {NULL},
     "not readable JSON: 1:9",
     "nats pub event.a \"$(jq -c . FILE)\""},
    {"event.a",
     "\xEF\xBB\xBF{}",
     {NULL},
     "not readable JSON",
     "nats pub event.a \"$(sed '1s/^\\xEF\\xBB\\xBF//' FILE)\""},
    {"event.a",
     "{\"n\": 123456789012345678.5}",
     {NULL},
     "/n",
     "nats pub event.a \"$(jq -c . FILE)\""},
    {"event.a",
     "<a/>",
     {"Content-Type", "application/json", NULL},
     "the content type says JSON but the body is not",
     "nats pub -H 'Content-Type: application/xml' event.a \"$(cat FILE)\""},
    {"event.a",
     "",
     {"Content-Type", "application/xml", NULL},
     "no body",
     "nats pub -H 'Content-Type: application/xml' event.a \"$(cat FILE)\""},
};

static const struct refused disagreeing[] = {
    {"event.a",
     "{}",
     {"ce-type", "b", "ce-id", "1", NULL},
     "says type 'b' but came on subject 'event.a'",
     "nats pub -H 'ce-type: b' -H 'ce-id: 1' event.b \"$(cat FILE)\""},
    {"event.a",
     "{\"specversion\":\"1.0\",\"type\":\"b\",\"source\":\"/s\",\"id\":\"1\"}",
     {NULL},
     "says type 'b'",
     "nats pub event.b \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"ce-type", "b c", NULL},
     "says type 'b c'",
     "nats pub event.a \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"ce-specversion", "0.3", NULL},
     "specversion is '0.3'",
     "nats pub -H 'ce-specversion: 1.0' event.a \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"ce-time", "yesterday", "ce-id", "1", NULL},
     "time 'yesterday'",
     "nats pub -H 'ce-id: 1' event.a \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"ce-id", "", NULL},
     "attribute 'id' has 0 bytes",
     "nats pub -H 'ce-id: NAME' event.a \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"ce-id", "%FF", NULL},
     "not percent-encoded UTF-8",
     "nats pub event.a \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"ce-id", "1", "CE-ID", "2", NULL},
     "twice",
     "nats pub event.a \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"ce-my_ext", "1", NULL},
     "'my_ext' cannot be an attribute",
     "nats pub event.a \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"Content-Type", "text/csv", "ce-datacontenttype", "text/plain", NULL},
     "ce-datacontenttype 'text/plain'",
     "nats pub -H 'Content-Type: text/csv' event.a \"$(cat FILE)\""},
    {"event.a",
     "{}",
     {"Content-Type", "json", NULL},
     "not a media type",
     "nats pub -H 'Content-Type: json' event.a \"$(jq -c . FILE)\""},
    {"event.a",
     "{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/s\",\"id\":\"1\",\"x\":{}}",
     {NULL},
     "attribute 'x' must be text, true, false or an integer",
     "nats pub event.a \"$(jq 'del(.[\"x\"])' FILE)\""},
    {"event.a",
     "{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/s\",\"id\":\"1\",\"time\":5}",
     {NULL},
     "attribute 'time' must be text",
     "nats pub event.a \"$(jq 'del(.[\"time\"])' FILE)\""},
    {"event.a",
     "{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/s\",\"id\":\"1\",\"data\":1,"
     "\"data_base64\":\"\"}",
     {NULL},
     "both data and data_base64",
     "nats pub event.a \"$(jq 'del(.data_base64)' FILE)\""},
    {"event.a",
     "{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/s\",\"id\":\"1\","
     "\"data_base64\":\"?\"}",
     {NULL},
     "not base64 text",
     "nats pub event.a \"$(jq '.data_base64 |= @base64' FILE)\""},
    {"event.a",
     "{\"type\":\"a\"}",
     {"Content-Type", "application/cloudevents+json", NULL},
     "no text member 'specversion'",
     "nats pub -H 'Content-Type: application/cloudevents+json' event.a "
     "\"$(jq '.specversion = \"1.0\"' FILE)\""},
    {"event.a",
     "[]",
     {"Content-Type", "application/cloudevents+json", NULL},
     "no JSON object",
     "nats pub event.a \"$(cat FILE)\""},
    {"event.a",
     "[]",
     {"Content-Type", "application/cloudevents-batch+json", NULL},
     "one event, not a batch",
     "jq -c '.[]' FILE | while read -r e; do nats pub -H 'Content-Type: "
     "application/cloudevents+json' event.a \"$e\"; done"},
    {"event.a",
     "<e/>",
     {"Content-Type", "application/cloudevents+xml", NULL},
     "is not read; send JSON",
     "nats pub -H 'Content-Type: application/cloudevents+json' event.a \"$(cat FILE)\""},
    {"event.a:b",
     "{}",
     {NULL},
     "'event.a:b' is no event subject",
     "nats pub event.a-b \"$(cat FILE)\""},
    {"task.a.b",
     "{}",
     {NULL},
     "'task.a.b' is no event subject",
     "nats pub event.task.a.b \"$(cat FILE)\""},
};

static void refused_check(const struct refused *refused, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct taken taken = take_text(refused[i].subject, refused[i].body, refused[i].headers);
        cr_expect_not(taken.good, "%zu: %s", i, refused[i].body);
        if (!taken.good) {
            cr_expect_null(taken.intake.envelope);
            cr_expect_not_null(strstr(taken.intake.reason, refused[i].reason), "%zu: %s", i,
                               taken.intake.reason);
            cr_expect_str_eq(taken.intake.advice, refused[i].advice, "%zu: %s", i,
                             taken.intake.advice);
        }
        taken_release(&taken);
    }
}

Test(intake_refused, bodies_that_nobody_described_come_with_the_command_that_would_have_worked)
{
    refused_check(undescribed, sizeof(undescribed) / sizeof(undescribed[0]));
}

Test(intake_refused, events_that_contradict_themselves_or_the_specification)
{
    refused_check(disagreeing, sizeof(disagreeing) / sizeof(disagreeing[0]));
}

Test(intake_refused, the_size_limit_is_that_of_the_body)
{
    size_t size = LIMIT_EVENT_BYTES;
    char *body = malloc(size + 1);
    cr_assert_not_null(body);
    memset(body, 'x', size + 1);
    static const char *const headers[] = {"Content-Type", "text/plain", NULL};
    struct taken fits = take_bytes("event.a", body, size, headers);
    struct taken large = take_bytes("event.a", body, size + 1, headers);
    cr_assert(fits.good);
    cr_assert_not(large.good);
    cr_assert_not_null(strstr(large.intake.reason, "LIMIT_EVENT_BYTES"));
    cr_assert_str_eq(large.intake.advice, "nats pub event.a '{\"url\": \"https://HOST/FILE\"}'");
    taken_release(&fits);
    taken_release(&large);
    free(body);
}

Test(intake_refused, attributes_have_limits)
{
    char value[5000];
    memset(value, 'v', sizeof(value));
    value[4096] = '\0';
    const char *const fits[] = {"ce-id", value, NULL};
    struct taken good = take_text("event.a", "{}", fits);
    cr_assert(good.good);
    taken_release(&good);
    value[4096] = 'v';
    value[4097] = '\0';
    struct taken bad = take_text("event.a", "{}", fits);
    cr_assert_not(bad.good);
    taken_release(&bad);

    char body[4096] = "{\"specversion\":\"1.0\",\"type\":\"a\",\"source\":\"/s\",\"id\":\"1\"";
    for (int i = 0; i < 61; i++) {
        size_t used = strlen(body);
        (void)snprintf(body + used, sizeof(body) - used, ",\"e%d\":1", i);
    }
    (void)strncat(body, "}", 2);
    struct taken many = take_text("event.a", body, NULL);
    cr_assert_not(many.good);
    cr_assert_not_null(strstr(many.intake.reason, "more than 64 attributes"));
    taken_release(&many);
}
