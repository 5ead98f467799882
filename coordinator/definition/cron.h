/*
 * Cron expressions: five fields, minute, hour, day of the month, month, day of the week.
 *
 * A field is `*`, numbers, ranges `1-5`, steps of a range, of everything or to the end (`1-30/5`,
 * `0/15` is refused), and lists of these; months and days of the week have names (JAN, SUN), and
 * 7 is Sunday too. When day of the month and day of the week are both given, either is enough; a
 * day field that begins with `*` is not given. All this as in crontab(5) of Vixie's cron.
 *
 * Changes of the local clock:
 * - minute and hour both given: each time of day is meant once a day. One that a change skips is
 *   due at the instant of the change; one that a change repeats is due the first time.
 * - minute or hour begins with `*`: the clock's own rhythm is meant. Each matching minute that the
 *   local clock shows is due: twice in an hour that is repeated, not at all in one that is skipped.
 *
 * Pure; threads: immutable after parsing.
 */
#ifndef COORDINATOR_DEFINITION_CRON_H
#define COORDINATOR_DEFINITION_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

struct zone;

struct cron {
    uint64_t minutes; /* bit n: minute n */
    uint32_t hours;
    uint32_t days; /* bits 1 to 31 */
    uint32_t months;
    uint32_t weekdays; /* bit 0: Sunday */
    bool any_day;      /* day of the month begins with `*` */
    bool any_weekday;  /* day of the week begins with `*` */
    bool clock_rhythm; /* minute or hour begins with `*` */
};

/* Read an expression. ERR_INVALID says which field is wrong and how; an expression that can never
 * be due ("0 0 31 2 *") is refused. */
MUST_CHECK enum err cron_parse(const char *text, struct cron *ret_cron, struct error *err);

/* The first due time after `after_ms` (milliseconds since the epoch) in `zone`, NULL for UTC;
 * INT64_MAX when there is none within 60 years. */
int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after_ms);

#endif
