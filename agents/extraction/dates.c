#include "agents/extraction/dates.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool put_date(int year, int month, int day, char out[DATE_TEXT_BYTES])
{
    if (year < 1 || year > 9999 || month < 1 || month > 12) {
        return false;
    }
    if (day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    char text[40];
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day);
    memcpy(out, text, DATE_TEXT_BYTES - 1);
    out[DATE_TEXT_BYTES - 1] = '\0';
    return true;
}

/* `count` decimal digits at `*at`; moves past them. */
static bool digits(const char **at, int count, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += count;
    *ret_value = value;
    return true;
}

/* One or two digits. */
static bool small_number(const char **at, int *ret_value)
{
    return digits(at, 2, ret_value) || digits(at, 1, ret_value);
}

static bool literal(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static int century(int year)
{
    return year < 70 ? 2000 + year : 1900 + year;
}

bool date_from_digits(const char *text, char out[DATE_TEXT_BYTES])
{
    const char *at = text;
    int year = 0;
    int month = 0;
    int day = 0;
    size_t size = strlen(text);
    bool read = size == 8 ? digits(&at, 4, &year) : size == 6 && digits(&at, 2, &year);
    if (!read || !digits(&at, 2, &month) || !digits(&at, 2, &day)) {
        return false;
    }
    return put_date(size == 6 ? century(year) : year, month, day, out);
}

static bool zone_suffix(const char *at)
{
    int hour = 0;
    int minute = 0;
    if (strcmp(at, "") == 0 || strcmp(at, "Z") == 0) {
        return true;
    }
    if (*at != '+' && *at != '-') {
        return false;
    }
    at++;
    return digits(&at, 2, &hour) && literal(&at, ':') && digits(&at, 2, &minute) && *at == '\0' &&
           hour <= 14 && minute <= 59;
}

bool date_from_iso(const char *text, char out[DATE_TEXT_BYTES])
{
    const char *at = text;
    int year = 0;
    int month = 0;
    int day = 0;
    bool read = digits(&at, 4, &year) && literal(&at, '-') && digits(&at, 2, &month) &&
                literal(&at, '-') && digits(&at, 2, &day) && zone_suffix(at);
    return read && put_date(year, month, day, out);
}

static int month_of_name(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++) {
        if (strncmp(name, names + (ptrdiff_t)3 * i, 3) == 0) {
            return i + 1;
        }
    }
    return 0;
}

bool date_from_day_month(const char *text, char out[DATE_TEXT_BYTES])
{
    const char *at = text;
    int day = 0;
    int year = 0;
    if (!small_number(&at, &day) || !literal(&at, '-') || strlen(at) < 4) {
        return false;
    }
    int month = month_of_name(at);
    at += 3;
    if (!literal(&at, '-') || !digits(&at, 2, &year) || *at != '\0') {
        return false;
    }
    return put_date(century(year), month, day, out);
}

bool date_from_us(const char *text, char out[DATE_TEXT_BYTES])
{
    const char *at = text;
    int year = 0;
    int month = 0;
    int day = 0;
    if (!small_number(&at, &month) || !literal(&at, '/') || !small_number(&at, &day) ||
        !literal(&at, '/')) {
        return false;
    }
    bool four = digits(&at, 4, &year);
    if (!four && !digits(&at, 2, &year)) {
        return false;
    }
    return *at == '\0' && put_date(four ? year : century(year), month, day, out);
}

bool time_from_digits(const char *text, char out[TIME_TEXT_BYTES])
{
    const char *at = text;
    int hour = 0;
    int minute = 0;
    int second = 0;
    size_t size = strlen(text);
    if ((size != 4 && size != 6) || !digits(&at, 2, &hour) || !digits(&at, 2, &minute)) {
        return false;
    }
    if (size == 6 && !digits(&at, 2, &second)) {
        return false;
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    memcpy(out, text, 2);
    out[2] = ':';
    memcpy(out + 3, text + 2, 2);
    out[5] = '\0';
    if (size == 6) {
        out[5] = ':';
        memcpy(out + 6, text + 4, 2);
        out[8] = '\0';
    }
    return true;
}

/* Day of the week, 0 = Sunday (Sakamoto's method). */
static int weekday(int year, int month, int day)
{
    static const int shift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    int y = month < 3 ? year - 1 : year;
    return (y + y / 4 - y / 100 + y / 400 + shift[month - 1] + day) % 7;
}

static int nth_sunday(int year, int month, int n)
{
    int first = weekday(year, month, 1);
    return 1 + (7 - first) % 7 + 7 * (n - 1);
}

static bool daylight_saving(int year, int month, int day)
{
    if (month == 3) {
        return day >= nth_sunday(year, 3, 2);
    }
    if (month == 11) {
        return day < nth_sunday(year, 11, 1);
    }
    return month > 3 && month < 11;
}

bool offset_of_time_code(const char *code, const char *iso_date, char out[OFFSET_TEXT_BYTES])
{
    static const struct {
        char zone;
        int hours;
    } zones[] = {{'E', 5}, {'C', 6}, {'M', 7}, {'P', 8}};
    const char *at = iso_date;
    int year = 0;
    int month = 0;
    int day = 0;
    bool read = digits(&at, 4, &year) && literal(&at, '-') && digits(&at, 2, &month) &&
                literal(&at, '-') && digits(&at, 2, &day);
    if (!read || strlen(code) != 2) {
        return false;
    }
    int hours = 0;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        hours = zones[i].zone == code[0] ? zones[i].hours : hours;
    }
    bool follows = code[1] == 'T' && year >= 2007;
    if (hours == 0 || (!follows && code[1] != 'S' && code[1] != 'D')) {
        return false;
    }
    if (code[1] == 'D' || (follows && daylight_saving(year, month, day))) {
        hours--;
    }
    char text[] = "-00:00";
    text[2] = (char)('0' + hours);
    memcpy(out, text, OFFSET_TEXT_BYTES);
    return true;
}
