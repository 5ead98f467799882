#include "common/base/clock.h"

#include <stdio.h>
#include <time.h>

#include "common/base/check.h"

enum { MS_PER_DAY = 86400000, DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 };

int64_t clock_wall_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_thread_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_boot_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_deadline_ns(int64_t ms)
{
    int64_t now = clock_monotonic_ns();
    if (ms >= (CLOCK_FOREVER - now) / 1000000) {
        return CLOCK_FOREVER;
    }
    return now + ms * 1000000;
}

/* The year starts in March here, so that the leap day is the last day of the year. */
int64_t clock_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = month > 2 ? (int64_t)month - 3 : (int64_t)month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

void clock_civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    int64_t z = days + DAYS_TO_EPOCH;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = z - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    unsigned month =
        (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *ret_year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    *ret_month = month;
    *ret_day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
}

unsigned clock_days_in_month(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) {
        return 0;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (leap && month == 2 ? 1U : 0U);
}

/* `count` digits and what stands behind them; instants are written for every journaled fact, and
 * snprintf takes ten times as long. */
static char *digits(char *out, unsigned value, unsigned count, char behind)
{
    for (unsigned i = count; i-- > 0; value /= 10) {
        out[i] = (char)('0' + value % 10);
    }
    out[count] = behind;
    return out + count + 1;
}

bool clock_format(int64_t ms, char *out)
{
    int64_t days = ms / MS_PER_DAY;
    int64_t rest = ms % MS_PER_DAY;
    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    clock_civil_from_days(days, &year, &month, &day);
    if (year < 1 || year > 9999) {
        out[0] = '\0';
        return false;
    }
    unsigned in_day = (unsigned)rest;
    out = digits(out, (unsigned)year, 4, '-');
    out = digits(out, month, 2, '-');
    out = digits(out, day, 2, 'T');
    out = digits(out, in_day / 3600000, 2, ':');
    out = digits(out, in_day / 60000 % 60, 2, ':');
    bool whole = in_day % 1000 == 0;
    out = digits(out, in_day / 1000 % 60, 2, whole ? 'Z' : '.');
    out = whole ? out : digits(out, in_day % 1000, 3, 'Z');
    *out = '\0';
    return true;
}

/* Exactly `digits` decimal digits at *cursor, which moves past them. */
static bool read_digits(const char **cursor, unsigned digits, unsigned *ret_value)
{
    unsigned value = 0;
    for (unsigned i = 0; i < digits; i++) {
        char c = (*cursor)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(c - '0');
    }
    *cursor += digits;
    *ret_value = value;
    return true;
}

static bool read_char(const char **cursor, char wanted, char other)
{
    if (**cursor != wanted && **cursor != other) {
        return false;
    }
    (*cursor)++;
    return true;
}

/* "Z" or "+hh:mm" up to the end of the text. */
static bool read_offset(const char *cursor, int64_t *ret_minutes)
{
    if (*cursor == 'Z' || *cursor == 'z') {
        *ret_minutes = 0;
        return cursor[1] == '\0';
    }
    bool negative = *cursor == '-';
    unsigned hours = 0;
    unsigned minutes = 0;
    if (!read_char(&cursor, '+', '-') || !read_digits(&cursor, 2, &hours) ||
        !read_char(&cursor, ':', ':') || !read_digits(&cursor, 2, &minutes)) {
        return false;
    }
    if (hours > 23 || minutes > 59 || *cursor != '\0') {
        return false;
    }
    int64_t offset = (int64_t)hours * 60 + minutes;
    *ret_minutes = negative ? -offset : offset;
    return true;
}

/* ".123" when there is one; digits after the third are dropped. */
static bool read_fraction(const char **cursor, unsigned *ret_ms)
{
    *ret_ms = 0;
    if (**cursor != '.') {
        return true;
    }
    (*cursor)++;
    unsigned count = 0;
    for (unsigned scale = 100; **cursor >= '0' && **cursor <= '9'; (*cursor)++, scale /= 10) {
        *ret_ms += (unsigned)(**cursor - '0') * scale;
        count++;
    }
    return count > 0;
}

bool clock_parse(const char *text, int64_t *ret_ms)
{
    const char *c = text;
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    unsigned ms = 0;
    int64_t offset = 0;
    bool shape = read_digits(&c, 4, &year) && read_char(&c, '-', '-') &&
                 read_digits(&c, 2, &month) && read_char(&c, '-', '-') &&
                 read_digits(&c, 2, &day) && read_char(&c, 'T', 't') && read_digits(&c, 2, &hour) &&
                 read_char(&c, ':', ':') && read_digits(&c, 2, &minute) &&
                 read_char(&c, ':', ':') && read_digits(&c, 2, &second) && read_fraction(&c, &ms) &&
                 read_offset(c, &offset);
    if (!shape || year == 0 || day == 0 || day > clock_days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 60) {
        return false;
    }
    int64_t minutes =
        clock_days_from_civil(year, month, day) * 1440 + (int64_t)hour * 60 + minute - offset;
    *ret_ms = minutes * 60000 + (int64_t)second * 1000 + ms;
    return true;
}
