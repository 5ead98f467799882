/*
 * Time zones and cron: zones against the C library reading the same files; due times around both
 * changes of the clock, as written in PROFILE.md.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "coordinator/definition/cron.h"
#include "coordinator/definition/zone.h"
#include "tests/unit/definition/load_file.h"

static struct zone *zone_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "tz/%s", name);
    size_t size = 0;
    char *bytes = read_file(path, &size);
    struct zone *zone = NULL;
    struct error err = {0};
    enum err code = zone_parse((struct str){.data = bytes, .size = size}, &zone, &err);
    cr_assert_eq(code, ERR_OK, "%s: %s", name, err.message);
    free(bytes);
    return zone;
}

static const char *const files[] = {"Europe-Berlin", "America-New_York",  "Australia-Lord_Howe",
                                    "Pacific-Apia",  "Africa-Casablanca", "America-Santiago",
                                    "Asia-Kolkata"};

Test(zone, offsets_are_those_of_the_c_library)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct zone *zone = zone_file(files[i]);
        char tz[512];
        snprintf(tz, sizeof(tz), ":" TEST_DATA_DIR "/tz/%s", files[i]);
        setenv("TZ", tz, 1);
        tzset();
        /* 1900 to 2120, in steps that meet every hour and minute of the day */
        for (int64_t at = INT64_C(-2208988800); at < INT64_C(4733510400); at += 40007) {
            time_t when = (time_t)at;
            struct tm local;
            cr_assert_not_null(localtime_r(&when, &local));
            cr_assert_eq(zone_offset(zone, at), (int64_t)local.tm_gmtoff,
                         "%s at %lld: %lld, not %ld", files[i], (long long)at,
                         (long long)zone_offset(zone, at), local.tm_gmtoff);
        }
        zone_destroy(&zone);
    }
}

Test(zone, instants_show_their_local_time_and_no_other)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct zone *zone = zone_file(files[i]);
        int64_t change = INT64_C(946684800); /* all changes from 2000 to 2060, before and after */
        for (int n = 0; n < 240 && change < INT64_C(2840140800); n++) {
            change = zone_next_change(zone, change);
            for (int64_t at = change - 7200; change != INT64_MAX && at < change + 7200; at += 600) {
                int64_t local = at + zone_offset(zone, at);
                int64_t instants[ZONE_INSTANTS_MAX];
                size_t count = zone_instants(zone, local, instants);
                bool found = false;
                for (size_t j = 0; j < count; j++) {
                    cr_assert_eq(instants[j] + zone_offset(zone, instants[j]), local);
                    cr_assert(j == 0 || instants[j] > instants[j - 1]);
                    found = found || instants[j] == at;
                }
                cr_assert(found, "%s: %lld is missing", files[i], (long long)at);
            }
        }
        zone_destroy(&zone);
    }
}

Test(zone, what_is_no_zone_is_refused)
{
    size_t size = 0;
    char *bytes = read_file("tz/Europe-Berlin", &size);
    struct zone *zone = NULL;
    struct error err = {0};
    for (size_t cut = 0; cut < size; cut++) { /* no cut is taken for a whole */
        char *part = malloc(cut + 1);         /* of its own: a read behind it is found */
        memcpy(part, bytes, cut);
        cr_assert_eq(zone_parse((struct str){.data = part, .size = cut}, &zone, &err), ERR_INVALID,
                     "%zu bytes of %zu", cut, size);
        cr_assert_null(zone);
        free(part);
    }
    for (size_t at = 0; at < size; at++) { /* a wrong byte may be taken, but never crashes */
        char kept = bytes[at];
        bytes[at] = (char)(kept ^ 0x55);
        if (zone_parse((struct str){.data = bytes, .size = size}, &zone, &err) == ERR_OK) {
            (void)zone_offset(zone, INT64_C(1800000000));
            (void)zone_next_change(zone, INT64_C(4000000000));
            zone_destroy(&zone);
        }
        bytes[at] = kept;
    }
    bytes[4] = '\0';
    cr_assert_eq(zone_parse((struct str){.data = bytes, .size = size}, &zone, &err), ERR_INVALID);
    cr_assert_str_eq(err.message, "it has version 1, which ends in 2038");
    free(bytes);
}

Test(zone, names_never_leave_the_folder)
{
    cr_assert(zone_name_valid("Europe/Berlin"));
    cr_assert(zone_name_valid("Etc/GMT+1"));
    cr_assert(zone_name_valid("UTC"));
    static const char *const wrong[] = {"",        "/etc/passwd", "../x", "a/../b", "a//b",
                                        "Europe/", "-x",          "a b",  "a\nb"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert(!zone_name_valid(wrong[i]), "'%s'", wrong[i]);
    }
}

/* The due times after `from`, as texts without the date's dashes of no interest: all of them. */
static void due_times(const char *text, const char *file, const char *from,
                      const char *const *expected)
{
    struct cron cron;
    struct error err = {0};
    cr_assert_eq(cron_parse(text, &cron, &err), ERR_OK, "%s: %s", text, err.message);
    struct zone *zone = file == NULL ? NULL : zone_file(file);
    int64_t at = 0;
    cr_assert(clock_parse(from, &at));
    for (size_t i = 0; expected[i] != NULL; i++) {
        char shown[CLOCK_TEXT_BYTES];
        at = cron_next(&cron, zone, at);
        cr_assert_neq(at, INT64_MAX);
        clock_format(at, shown);
        cr_assert_str_eq(shown, expected[i], "%s, due %zu: %s, not %s", text, i, shown,
                         expected[i]);
    }
    zone_destroy(&zone);
}

#define DUE(text, file, from, ...) \
    due_times(text, file, from, (const char *const[]){__VA_ARGS__, NULL})

Test(cron, five_fields_with_names_ranges_steps_and_lists)
{
    DUE("0 6 * * *", NULL, "2026-01-01T06:00:00Z", "2026-01-02T06:00:00Z", "2026-01-03T06:00:00Z");
    DUE("*/20 9-10 * * *", NULL, "2026-01-01T08:59:59.999Z", "2026-01-01T09:00:00Z",
        "2026-01-01T09:20:00Z", "2026-01-01T09:40:00Z", "2026-01-01T10:00:00Z",
        "2026-01-01T10:20:00Z", "2026-01-01T10:40:00Z", "2026-01-02T09:00:00Z");
    DUE("5-59/25,7 0 1 jan,Jul *", NULL, "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z",
        "2026-01-01T00:07:00Z", "2026-01-01T00:30:00Z", "2026-01-01T00:55:00Z",
        "2026-07-01T00:05:00Z");
    DUE("0 12 * * MON-fri", NULL, "2026-11-20T12:00:00Z", "2026-11-23T12:00:00Z");
    DUE("0 12 * * 7", NULL, "2026-11-20T12:00:00Z", "2026-11-22T12:00:00Z");
    DUE("0 0 29 2 *", NULL, "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z");
    /* both days given: either; one of them with a star: both */
    DUE("0 0 13 * FRI", NULL, "2026-02-11T00:00:00Z", "2026-02-13T00:00:00Z",
        "2026-02-20T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-06T00:00:00Z",
        "2026-03-13T00:00:00Z");
    DUE("0 0 */13 * FRI", NULL, "2026-02-11T00:00:00Z", "2026-02-27T00:00:00Z",
        "2026-03-27T00:00:00Z");
    DUE("* * * * *", NULL, "1969-12-31T23:58:30.500Z", "1969-12-31T23:59:00Z",
        "1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z");
}

Test(cron, a_time_of_day_that_does_not_exist_is_due_at_the_change)
{
    /* Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00Z */
    DUE("30 2 * * *", "Europe-Berlin", "2026-03-27T12:00:00Z", "2026-03-28T01:30:00Z",
        "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z");
    /* two times of day that the same change skips, and the one it leads to, are one */
    DUE("0,30 2-3 * * *", "Europe-Berlin", "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z",
        "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z");
}

Test(cron, a_time_of_day_that_occurs_twice_is_due_the_first_time)
{
    /* Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00Z */
    DUE("30 2 * * *", "Europe-Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z",
        "2026-10-26T01:30:00Z");
    DUE("0 1 * * *", "America-New_York", "2026-11-01T00:00:00Z", "2026-11-01T05:00:00Z",
        "2026-11-02T06:00:00Z");
}

Test(cron, a_rhythm_follows_the_clock_through_both_changes)
{
    DUE("30 * * * *", "Europe-Berlin", "2026-03-28T23:45:00Z", "2026-03-29T00:30:00Z",
        "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z");
    DUE("30 * * * *", "Europe-Berlin", "2026-10-24T23:00:00Z", "2026-10-24T23:30:00Z",
        "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z");
    DUE("*/30 2 * * *", "Europe-Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:00:00Z");
    DUE("*/30 2 * * *", "Europe-Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:00:00Z",
        "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z",
        "2026-10-26T01:00:00Z");
}

Test(cron, odd_zones)
{
    /* Lord Howe turns its clocks by half an hour */
    DUE("15 2 * * *", "Australia-Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z",
        "2026-10-04T15:15:00Z");
    DUE("45 1 * * *", "Australia-Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-04T14:45:00Z",
        "2026-04-05T15:15:00Z");
    /* Samoa had no 30 December 2011 */
    DUE("0 12 * * *", "Pacific-Apia", "2011-12-29T00:00:00Z", "2011-12-29T22:00:00Z",
        "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z");
    /* Santiago skips midnight, and repeats the hour before it */
    DUE("0 0 * * *", "America-Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z",
        "2026-09-07T03:00:00Z");
    DUE("*/30 * * * *", "America-Santiago", "2026-04-05T02:15:00Z", "2026-04-05T02:30:00Z",
        "2026-04-05T03:00:00Z", "2026-04-05T03:30:00Z", "2026-04-05T04:00:00Z");
    /* behind the end of the table only the rule of the footer is left */
    DUE("30 2 * * *", "Europe-Berlin", "2099-03-28T12:00:00Z", "2099-03-29T01:00:00Z");
}

Test(cron, what_is_wrong_is_said)
{
    static const struct {
        const char *text;
        const char *words;
    } wrong[] = {
        {"", "a cron expression has five fields: minute, hour, day of the month, month and day of "
             "the week"},
        {"0 6 * *", "a cron expression has five fields: minute, hour, day of the month, month and "
                    "day of the week"},
        {"@daily", "a cron expression has five fields: minute, hour, day of the month, month and "
                   "day of the week"},
        {"0 0 6 * * *", "a cron expression has five fields, without seconds and year"},
        {"0 6 * * * 2026", "a cron expression has five fields, without seconds and year"},
        {"60 6 * * *", "the minute takes 0 to 59"},
        {"0 24 * * *", "the hour takes 0 to 23"},
        {"0 6 0 * *", "the day of the month takes 1 to 31"},
        {"0 6 * 13 *", "the month takes 1 to 12 or JAN to DEC"},
        {"0 6 * * 8", "the day of the week takes 0 to 7 or SUN to SAT"},
        {"0 6 * * funday", "the day of the week takes 0 to 7 or SUN to SAT"},
        {"0 6 * * FRI-MON", "the day of the week has a range that ends before it begins"},
        {"0/15 6 * * *", "the minute has a step without a range: write */n or a-b/n, n from 1"},
        {"*/0 6 * * *", "the minute has a step without a range: write */n or a-b/n, n from 1"},
        {"1,,2 6 * * *", "the minute takes 0 to 59"},
        {"0 0 31 2,4 *", "no month has such a day: it would never be due"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct cron cron;
        struct error err = {0};
        cr_expect_eq(cron_parse(wrong[i].text, &cron, &err), ERR_INVALID, "%s", wrong[i].text);
        cr_expect_str_eq(err.message, wrong[i].words, "%s: %s", wrong[i].text, err.message);
    }
}
