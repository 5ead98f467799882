#include <criterion/criterion.h>
#include <string.h>

#include "common/wire/subjects.h"

Test(subjects, build_and_parse_back)
{
    char text[SUBJECT_BYTES];
    struct subject subject;

    cr_assert(subject_task("extraction", "box-1", text));
    cr_assert_str_eq(text, "task.extraction.box-1");
    cr_assert(subject_parse(text, &subject));
    cr_assert_eq(subject.kind, SUBJECT_TASK);
    cr_assert_str_eq(subject.agent, "extraction");
    cr_assert_str_eq(subject.store, "box-1");

    cr_assert(subject_event("com.example.invoice.received", text));
    cr_assert_str_eq(text, "event.com.example.invoice.received");
    cr_assert(subject_parse(text, &subject));
    cr_assert_eq(subject.kind, SUBJECT_EVENT);
    cr_assert_str_eq(subject.name, "com.example.invoice.received");

    cr_assert(subject_control("instances.ls", text));
    cr_assert(subject_parse(text, &subject));
    cr_assert_eq(subject.kind, SUBJECT_CONTROL);
    cr_assert_str_eq(subject.name, "instances.ls");

    cr_assert(subject_call("extraction", "model", text));
    cr_assert(subject_parse(text, &subject));
    cr_assert_eq(subject.kind, SUBJECT_CALL);
    cr_assert_str_eq(subject.agent, "extraction");
    cr_assert_str_eq(subject.name, "model");

    subject_journal(65535, text);
    cr_assert_str_eq(text, "journal.65535");
    cr_assert(subject_parse(text, &subject));
    cr_assert_eq(subject.partition, 65535);
}

Test(subjects, nothing_but_tokens_gets_in)
{
    static const char *const bad[] = {"",  ".", "a.b", "a b",      "a\r\nPUB x 1",
                                      "*", ">", "a*",  "\xC3\xA9", NULL};
    char text[SUBJECT_BYTES];
    for (size_t i = 0; bad[i] != NULL; i++) {
        cr_assert(!subject_task(bad[i], "s", text), "'%s'", bad[i]);
        cr_assert_str_eq(text, "");
        cr_assert(!subject_task("a", bad[i], text));
        cr_assert(!subject_consumer("a", bad[i], text));
    }
    char long_token[SUBJECT_TOKEN_BYTES + 1];
    memset(long_token, 'a', sizeof(long_token) - 1);
    long_token[sizeof(long_token) - 1] = '\0';
    cr_assert(!subject_blob(long_token, "s", text));
    long_token[SUBJECT_TOKEN_BYTES - 1] = '\0';
    cr_assert(subject_blob(long_token, "s", text));
    cr_assert(subject_input(long_token, long_token, text));
}

Test(subjects, types_are_tokens_joined_by_single_dots)
{
    cr_assert(subject_type_valid("a"));
    cr_assert(subject_type_valid("a.b-c.D_1"));
    cr_assert(!subject_type_valid(NULL));
    cr_assert(!subject_type_valid(""));
    cr_assert(!subject_type_valid("a."));
    cr_assert(!subject_type_valid(".a"));
    cr_assert(!subject_type_valid("a..b"));
    cr_assert(!subject_type_valid("a.*"));
    cr_assert(!subject_type_valid("a b"));
    char type[SUBJECT_TYPE_BYTES + 1];
    memset(type, 'x', sizeof(type));
    type[SUBJECT_TYPE_BYTES - 1] = '\0';
    cr_assert(subject_type_valid(type));
    type[SUBJECT_TYPE_BYTES - 1] = 'x';
    type[SUBJECT_TYPE_BYTES] = '\0';
    cr_assert(!subject_type_valid(type));
}

Test(subjects, strangers_are_refused)
{
    static const char *const bad[] = {
        "",           "task",       "task.",        "task.a",    "task.a.",
        "task.a.b.c", "task..b",    "tasks.a.b",    "journal.x", "journal.65536",
        "journal.01", "journal.-1", "control.a..b", "event.",    "result.a b.c",
        "hello.a.b ", NULL};
    struct subject subject;
    for (size_t i = 0; bad[i] != NULL; i++) {
        cr_assert(!subject_parse(bad[i], &subject), "'%s'", bad[i]);
        cr_assert_str_eq(subject.agent, "");
    }
    cr_assert(!subject_parse(NULL, &subject));
}

Test(subjects, two_stores_never_share_a_consumer)
{
    char text[SUBJECT_BYTES];
    cr_assert(subject_consumer("a", "b_c", text));
    cr_assert_str_eq(text, "a_b_c");
    cr_assert(!subject_consumer("a_b", "c", text));
}
