#include "coordinator/definition/cron.h"

#include <string.h>

#include "common/base/clock.h"
#include "coordinator/definition/zone.h"

enum {
    DAY_S = 86400,
    WINDOW_S = 27 * 3600, /* local time is never further from UTC */
    SEARCH_DAYS = 60 * 366,
};

struct field {
    const char *what;
    int least;
    int most;
    const char *const *names; /* of least, least + 1, ... */
    int name_count;
};

static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const day_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

static const struct field fields[] = {
    {"minute", 0, 59, NULL, 0},
    {"hour", 0, 23, NULL, 0},
    {"day of the month", 1, 31, NULL, 0},
    {"month", 1, 12, month_names, 12},
    {"day of the week", 0, 7, day_names, 7},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* A number or a name; -1 when it is neither. */
static int value_read(const struct field *field, const char **at)
{
    for (int i = 0; i < field->name_count; i++) {
        const char *name = field->names[i];
        const char *c = *at;
        if (upper(c[0]) == name[0] && upper(c[1]) == name[1] && upper(c[2]) == name[2]) {
            *at += 3;
            return field->least + i;
        }
    }
    int value = -1;
    for (int digits = 0; **at >= '0' && **at <= '9' && digits < 3; digits++) {
        value = (value < 0 ? 0 : value) * 10 + (*(*at)++ - '0');
    }
    return value;
}

static enum err value_wrong(const struct field *field, struct error *err)
{
    return error_set(err, ERR_INVALID, "the %s takes %d to %d%s", field->what, field->least,
                     field->most,
                     field->names == month_names ? " or JAN to DEC"
                     : field->names == day_names ? " or SUN to SAT"
                                                 : "");
}

/* One item of a list, up to a comma or the end of the field. */
static enum err item_read(const struct field *field, const char **at, uint64_t *bits,
                          struct error *err)
{
    int low = field->least;
    int high = field->most;
    bool many = **at == '*';
    if (many) {
        (*at)++;
        high = field->names == day_names ? 6 : high;
    } else {
        low = value_read(field, at);
        high = low;
        if (**at == '-') {
            (*at)++;
            high = value_read(field, at);
            many = true;
        }
    }
    if (low < 0 || low < field->least || high > field->most || high < 0 || high > 63) {
        return value_wrong(field, err);
    }
    if (low > high) {
        return error_set(err, ERR_INVALID, "the %s has a range that ends before it begins",
                         field->what);
    }
    int step = 1;
    if (**at == '/') {
        (*at)++;
        step = value_read(&(struct field){0}, at);
        if (step < 1 || !many) {
            return error_set(err, ERR_INVALID,
                             "the %s has a step without a range: write */n or a-b/n, n from 1",
                             field->what);
        }
    }
    for (int value = low; value <= high; value += step) {
        *bits |= UINT64_C(1) << (unsigned)value;
    }
    return ERR_OK;
}

static enum err field_read(const struct field *field, const char **at, uint64_t *ret_bits,
                           bool *ret_star, struct error *err)
{
    *ret_bits = 0;
    *ret_star = **at == '*';
    for (;;) {
        TRY(item_read(field, at, ret_bits, err));
        if (**at != ',') {
            break;
        }
        (*at)++;
    }
    if (**at != '\0' && !is_blank(**at)) {
        return value_wrong(field, err);
    }
    while (is_blank(**at)) {
        (*at)++;
    }
    return ERR_OK;
}

/* Whether some month has one of the days. */
static bool ever_due(const struct cron *cron)
{
    if (!cron->any_weekday) {
        return true;
    }
    for (unsigned month = 1; month <= 12; month++) {
        unsigned last = clock_days_in_month(2000, month); /* a leap year */
        uint32_t days = (uint32_t)((UINT64_C(1) << (last + 1)) - 2);
        if ((cron->months >> month & 1U) != 0 && (cron->days & days) != 0) {
            return true;
        }
    }
    return false;
}

enum err cron_parse(const char *text, struct cron *ret_cron, struct error *err)
{
    const char *at = text;
    while (is_blank(*at)) {
        at++;
    }
    uint64_t bits[FIELDS];
    bool star[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        if (*at == '\0' || *at == '@') {
            return error_set(err, ERR_INVALID,
                             "a cron expression has five fields: minute, hour, day of the month, "
                             "month and day of the week");
        }
        TRY(field_read(&fields[i], &at, &bits[i], &star[i], err));
    }
    if (*at != '\0') {
        return error_set(err, ERR_INVALID,
                         "a cron expression has five fields, without seconds and year");
    }
    *ret_cron = (struct cron){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint32_t)bits[3],
        .weekdays = (uint32_t)((bits[4] | bits[4] >> 7U) & 0x7FU),
        .any_day = star[2],
        .any_weekday = star[4],
        .clock_rhythm = star[0] || star[1],
    };
    if (!ever_due(ret_cron)) {
        return error_set(err, ERR_INVALID, "no month has such a day: it would never be due");
    }
    return ERR_OK;
}

/* Floor of a division by the seconds of a day. */
static int64_t days_of(int64_t seconds)
{
    return seconds / DAY_S - (seconds % DAY_S < 0 ? 1 : 0);
}

static bool day_fits(const struct cron *cron, int64_t days)
{
    int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    clock_civil_from_days(days, &year, &month, &day);
    unsigned weekday = (unsigned)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    bool by_day = (cron->days >> day & 1U) != 0;
    bool by_weekday = (cron->weekdays >> weekday & 1U) != 0;
    bool fits = cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
    return fits && (cron->months >> month & 1U) != 0;
}

/* The first instant after `after` at which one local minute is due, INT64_MAX: none. */
static int64_t minute_due(const struct cron *cron, const struct zone *zone, int64_t local,
                          int64_t after)
{
    int64_t instants[ZONE_INSTANTS_MAX];
    size_t count = zone_instants(zone, local, instants);
    if (count == 0 && !cron->clock_rhythm) {
        instants[count++] = zone_skipping(zone, local);
    }
    if (count > 1 && !cron->clock_rhythm) {
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (instants[i] > after) {
            return instants[i];
        }
    }
    return INT64_MAX;
}

/* The first due instant after `after` among the minutes of one local day, INT64_MAX: none. */
static int64_t day_due(const struct cron *cron, const struct zone *zone, int64_t days,
                       int64_t after, bool *ret_changes)
{
    int64_t midnight = days * DAY_S;
    int64_t before = midnight - WINDOW_S;
    int64_t offset = zone_offset(zone, before);
    *ret_changes = zone_next_change(zone, before) <= midnight + DAY_S + WINDOW_S;
    int64_t best = INT64_MAX;
    for (unsigned hour = 0; hour < 24; hour++) {
        for (unsigned minute = 0; (cron->hours >> hour & 1U) != 0 && minute < 60; minute++) {
            if ((cron->minutes >> minute & 1U) == 0) {
                continue;
            }
            int64_t local = midnight + (int64_t)hour * 3600 + (int64_t)minute * 60;
            if (!*ret_changes && local - offset > after) {
                return local - offset;
            }
            if (*ret_changes) {
                int64_t due = minute_due(cron, zone, local, after);
                best = due < best ? due : best;
            }
        }
    }
    return best;
}

int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after_ms)
{
    int64_t after = after_ms / 1000 - (after_ms % 1000 < 0 ? 1 : 0);
    int64_t first = days_of(after + zone_offset(zone, after)) - 1;
    int64_t best = INT64_MAX;
    for (int64_t days = first; days < first + SEARCH_DAYS; days++) {
        bool changes = false;
        int64_t due = day_fits(cron, days) ? day_due(cron, zone, days, after, &changes) : INT64_MAX;
        bool settled = best != INT64_MAX; /* the day before had one: this day was only a check */
        best = due < best ? due : best;
        if (settled || (best != INT64_MAX && !changes)) {
            return best * 1000;
        }
    }
    return best == INT64_MAX ? best : best * 1000;
}
