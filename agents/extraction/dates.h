/*
 * Calendar dates and clock times of the formats read here, checked against the calendar and given
 * as ISO 8601. Proleptic Gregorian calendar.
 */
#ifndef AGENTS_EXTRACTION_DATES_H
#define AGENTS_EXTRACTION_DATES_H

#include <stdbool.h>

enum { DATE_TEXT_BYTES = 11, TIME_TEXT_BYTES = 9, OFFSET_TEXT_BYTES = 7 };

/* "20160707" (X12 DT, 8 digits) or "160707" (6 digits: years 70..99 are 19xx, others 20xx). */
bool date_from_digits(const char *text, char out[DATE_TEXT_BYTES]);

/* "2016-07-07"; a time zone suffix ("Z", "+01:00"), allowed by XML Schema, is cut. */
bool date_from_iso(const char *text, char out[DATE_TEXT_BYTES]);

/* "2-Jun-06" (year 00..69 is 20xx, 70..99 is 19xx). */
bool date_from_day_month(const char *text, char out[DATE_TEXT_BYTES]);

/* "9/11/2014", month first. */
bool date_from_us(const char *text, char out[DATE_TEXT_BYTES]);

/* "1230" -> "12:30", "123059" -> "12:30:59". */
bool time_from_digits(const char *text, char out[TIME_TEXT_BYTES]);

/*
 * Offset from UTC of a X12 time code (data element 623) on an ISO date. "ES" and "ED" are fixed;
 * "ET" and "CT", "MT", "PT" follow the daylight saving rule of the Energy Policy Act of 2005
 * (second Sunday of March to first Sunday of November), so only for 2007 and later. False for local
 * time ("LT") and codes not known.
 */
bool offset_of_time_code(const char *code, const char *iso_date, char out[OFFSET_TEXT_BYTES]);

#endif
