#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "tools/mainstay/output.h"

static json_t *read_json(const char *text)
{
    json_t *value = NULL;
    cr_assert_eq(json_parse(text, strlen(text), NULL, &value, NULL), ERR_OK);
    return value;
}

Test(output, a_table_shows_nested_members_and_cuts_ids)
{
    static const struct column columns[] = {
        {"ID", "id", COLUMN_ID},
        {"N", "n", COLUMN_NUMBER},
        {"RULE", "decision/rule", COLUMN_TEXT},
        {"TAGS", "tags", COLUMN_TEXT},
    };
    char *text = NULL;
    size_t size = 0;
    json_t *rows = read_json("[{\"id\":\"0123456789abcdef\",\"n\":7,\"decision\":{\"rule\":\"r\"},"
                             "\"tags\":[\"a\",\"b\"]},{\"id\":\"short\"}]");
    FILE *out = open_memstream(&text, &size);
    output_table(out, rows, columns, 4);
    (void)fclose(out);
    cr_expect_not_null(strstr(text, "0123456789ab "), "%s", text);
    cr_expect_null(strstr(text, "0123456789abc"));
    cr_expect_not_null(strstr(text, "a, b"));
    cr_expect_not_null(strstr(text, "short"));
    free(text);
    json_decref(rows);
}

Test(output, a_stranger_cannot_steer_the_terminal)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    output_safe(out, "a\033[2Jb\x7f\r\n\tc\xC2\x9B"
                     "d\xC3\xA9");
    (void)fclose(out);
    cr_expect_str_eq(text, "a?[2Jb??\n\tc?d\xC3\xA9");
    free(text);
}

Test(output, ages_are_relative_and_foreign_text_stays)
{
    int64_t now_ms = 0;
    char age[64];
    cr_assert(clock_parse("2026-11-22T12:00:00Z", &now_ms));
    age_write("2026-11-22T11:59:48Z", now_ms, age, sizeof(age));
    cr_expect_str_eq(age, "12s ago");
    age_write("2026-11-22T09:00:00Z", now_ms, age, sizeof(age));
    cr_expect_str_eq(age, "3h ago");
    age_write("2026-11-20T09:00:00Z", now_ms, age, sizeof(age));
    cr_expect_str_eq(age, "2d ago");
    age_write("2026-11-22T12:05:00Z", now_ms, age, sizeof(age));
    cr_expect_str_eq(age, "in 5m");
    age_write("soon", now_ms, age, sizeof(age));
    cr_expect_str_eq(age, "soon");
}
