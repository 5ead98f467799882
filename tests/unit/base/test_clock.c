#include <criterion/criterion.h>
#include <string.h>

#include "common/base/clock.h"

static int64_t parsed(const char *text)
{
    int64_t ms = -777;
    cr_assert(clock_parse(text, &ms), "'%s' was refused", text);
    return ms;
}

Test(clock, reads_the_examples_of_rfc_3339)
{
    cr_assert_eq(parsed("1985-04-12T23:20:50.52Z"), 482196050520);
    cr_assert_eq(parsed("1996-12-19T16:39:57-08:00"), parsed("1996-12-20T00:39:57Z"));
    cr_assert_eq(parsed("1937-01-01T12:00:27.87+00:20"), -1041337172130);
    cr_assert_eq(parsed("1990-12-31T23:59:60Z"), parsed("1991-01-01T00:00:00Z"));
    cr_assert_eq(parsed("1990-12-31t15:59:60-08:00"), 662688000000);
}

Test(clock, fractions_are_cut_to_milliseconds)
{
    cr_assert_eq(parsed("1970-01-01T00:00:00.1Z"), 100);
    cr_assert_eq(parsed("1970-01-01T00:00:00.0019Z"), 1);
    cr_assert_eq(parsed("1970-01-01T00:00:00.123456789z"), 123);
}

Test(clock, refuses_what_is_not_an_instant)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-11-22",
                                      "2026-11-22T10:00:00",
                                      "2026-11-22 10:00:00Z",
                                      "2026-11-22T10:00:00.Z",
                                      "2026-11-22T24:00:00Z",
                                      "2026-11-22T10:60:00Z",
                                      "2026-11-22T10:00:61Z",
                                      "2026-02-29T10:00:00Z",
                                      "2026-13-01T10:00:00Z",
                                      "2026-00-01T10:00:00Z",
                                      "2026-01-00T10:00:00Z",
                                      "0000-01-01T10:00:00Z",
                                      "2026-11-22T10:00:00+24:00",
                                      "2026-11-22T10:00:00+0100",
                                      "2026-11-22T10:00:00Zx",
                                      "+026-11-22T10:00:00Z"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms = -777;
        cr_assert_not(clock_parse(bad[i], &ms), "'%s' was accepted", bad[i]);
        cr_assert_eq(ms, -777);
    }
}

Test(clock, text_and_instant_are_inverse_over_ten_thousand_years)
{
    char text[CLOCK_TEXT_BYTES];
    int64_t first = parsed("0001-01-01T00:00:00Z");
    int64_t last = parsed("9999-12-31T23:59:59.999Z");
    for (int64_t ms = first; ms <= last; ms += 86399 * 1000 * (int64_t)97 + 13) {
        cr_assert(clock_format(ms, text));
        cr_assert_eq(parsed(text), ms, "%s", text);
    }
    cr_assert(clock_format(last, text));
    cr_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
    cr_assert_not(clock_format(last + 1, text));
    cr_assert_str_eq(text, "");
    cr_assert_not(clock_format(first - 1, text));
    cr_assert_not(clock_format(INT64_MIN, text));
    cr_assert_not(clock_format(INT64_MAX, text));
}

Test(clock, prints_whole_seconds_without_fraction)
{
    char text[CLOCK_TEXT_BYTES];
    cr_assert(clock_format(0, text));
    cr_assert_str_eq(text, "1970-01-01T00:00:00Z");
    cr_assert(clock_format(-1, text));
    cr_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
    cr_assert(clock_format(951782400000, text));
    cr_assert_str_eq(text, "2000-02-29T00:00:00Z");
}

Test(clock, every_day_of_four_centuries_follows_the_one_before)
{
    int64_t day = clock_days_from_civil(1900, 1, 1);
    for (int64_t year = 1900; year < 2300; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            for (unsigned d = 1; d <= clock_days_in_month(year, month); d++, day++) {
                int64_t y = 0;
                unsigned m = 0;
                unsigned dd = 0;
                clock_civil_from_days(day, &y, &m, &dd);
                cr_assert(y == year && m == month && dd == d);
                cr_assert_eq(clock_days_from_civil(year, month, d), day);
            }
        }
    }
    cr_assert_eq(clock_days_in_month(2026, 0), 0);
    cr_assert_eq(clock_days_in_month(1900, 2), 28);
}

Test(clock, deadlines_saturate)
{
    cr_assert_eq(clock_deadline_ns(INT64_MAX), CLOCK_FOREVER);
    int64_t before = clock_monotonic_ns();
    int64_t deadline = clock_deadline_ns(1000);
    cr_assert_geq(deadline, before + 1000000000);
}
