/*
 * Clocks and instants as text. Only edges read clocks: the engine gets `now` as data.
 *
 * An instant is milliseconds since 1970-01-01T00:00:00Z (negative before it), printed and read as
 * RFC 3339 with proleptic Gregorian dates of the years 0001 to 9999. Calendar arithmetic is our own
 * (days-from-civil, Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"): no time zone of
 * the process, no static state, no locale.
 *
 * Threads: everything is safe from several threads.
 */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CLOCK_TEXT_BYTES = 32, /* room for any text clock_format writes, terminator included */
};

/* Deadline that never comes. */
#define CLOCK_FOREVER INT64_MAX

/* Milliseconds since the epoch by the system's wall clock; may jump. */
int64_t clock_wall_ms(void);

/* Nanoseconds of CLOCK_MONOTONIC: for deadlines and durations only. */
int64_t clock_monotonic_ns(void);

/* Nanoseconds that the calling thread has been computing. */
int64_t clock_thread_ns(void);

/* Milliseconds since the machine started, time it was suspended included. */
int64_t clock_boot_ms(void);

/* The monotonic instant `ms` milliseconds from now; CLOCK_FOREVER when that does not fit. */
int64_t clock_deadline_ns(int64_t ms);

/* Write `ms` as "2026-11-22T13:45:00.250Z" ("...00Z" on a whole second) into `out` of at least
 * CLOCK_TEXT_BYTES. False, and an empty text, for an instant outside the years 0001 to 9999. */
bool clock_format(int64_t ms, char *out);

/* Read RFC 3339 `text` (any offset, 'T' and 'Z' in either case, any number of fraction digits, of
 * which three count). A leap second (":60") is the first instant of the next minute. False on
 * anything else; *ret_ms is then untouched. */
bool clock_parse(const char *text, int64_t *ret_ms);

/* Days since 1970-01-01 of a civil date, and back. `month` 1..12, `day` 1..31, any year. */
int64_t clock_days_from_civil(int64_t year, unsigned month, unsigned day);
void clock_civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);

/* Days in a month of a year; 0 when `month` is not 1..12. */
unsigned clock_days_in_month(int64_t year, unsigned month);

#endif
