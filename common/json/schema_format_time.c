/* Formats of RFC 3339: dates, times and, from its appendix A, durations. */
#include "common/json/schema_private.h"

/* `count` digits at text[at] as a number, or -1. */
static int read_digits(const char *text, size_t size, size_t at, size_t count)
{
    int value = 0;
    if (size < at + count) {
        return -1;
    }
    for (size_t i = at; i < at + count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

bool format_date(const char *text, size_t size)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (size != 10 || text[4] != '-' || text[7] != '-') {
        return false;
    }
    int year = read_digits(text, size, 0, 4);
    int month = read_digits(text, size, 5, 2);
    int day = read_digits(text, size, 8, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (leap && month == 2 ? 1 : 0);
}

/* "Z" or "+hh:mm" at text[at], the rest of the text; minutes east of UTC. */
static bool read_offset(const char *text, size_t size, size_t at, int *ret_minutes)
{
    *ret_minutes = 0;
    if (size == at + 1) {
        return text[at] == 'Z' || text[at] == 'z';
    }
    if (size != at + 6 || (text[at] != '+' && text[at] != '-') || text[at + 3] != ':') {
        return false;
    }
    int hours = read_digits(text, size, at + 1, 2);
    int minutes = read_digits(text, size, at + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return false;
    }
    *ret_minutes = (hours * 60 + minutes) * (text[at] == '-' ? -1 : 1);
    return true;
}

bool format_time(const char *text, size_t size)
{
    int hour = read_digits(text, size, 0, 2);
    int minute = read_digits(text, size, 3, 2);
    int second = read_digits(text, size, 6, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
        text[2] != ':' || text[5] != ':') {
        return false;
    }
    size_t at = 8;
    if (at < size && text[at] == '.') {
        at++;
        size_t start = at;
        while (read_digits(text, size, at, 1) >= 0) {
            at++;
        }
        if (at == start) {
            return false;
        }
    }
    int offset = 0;
    if (!read_offset(text, size, at, &offset)) {
        return false;
    }
    /* a leap second is the last second of a day in UTC */
    int utc = ((hour * 60 + minute - offset) % 1440 + 1440) % 1440;
    return second < 60 || utc == 1439;
}

bool format_date_time(const char *text, size_t size)
{
    return size > 11 && format_date(text, 10) && (text[10] == 'T' || text[10] == 't') &&
           format_time(text + 11, size - 11);
}

/* One or more of `units`, each after digits, without a gap between them: "1Y2M" but not "1Y2D".
 * Returns how far it got, or 0 when nothing or something wrong is there. */
static size_t read_units(const char *text, size_t size, size_t at, const char *units)
{
    size_t start = at;
    bool begun = false;
    while (at < size && text[at] != 'T') {
        size_t digits = at;
        while (read_digits(text, size, at, 1) >= 0) {
            at++;
        }
        if (at == digits || at == size) {
            return 0;
        }
        while (!begun && *units != '\0' && *units != text[at]) {
            units++; /* the first unit may be any of them */
        }
        if (*units != text[at]) {
            return 0;
        }
        begun = true;
        units++;
        at++;
    }
    return at == start ? 0 : at;
}

bool format_duration(const char *text, size_t size)
{
    if (size < 3 || text[0] != 'P') {
        return false;
    }
    if (text[size - 1] == 'W') {
        return read_units(text, size, 1, "W") == size;
    }
    size_t at = 1;
    if (text[1] != 'T') {
        at = read_units(text, size, 1, "YMD");
        if (at == 0 || at == size) {
            return at == size;
        }
    }
    return text[at] == 'T' && read_units(text, size, at + 1, "HMS") == size;
}
