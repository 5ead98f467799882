#include "coordinator/definition/zone.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

enum {
    HEADER_BYTES = 44,
    TYPE_BYTES = 6,
    DAY_S = 86400,
    HOUR_S = 3600,
    OFFSET_S_MAX = 26 * HOUR_S, /* RFC 8536: between -25 and 26 hours */
    RULE_HOURS_MAX = 167,
    WINDOW_S = OFFSET_S_MAX + HOUR_S,
    YEAR_RULES = 3, /* years looked at around an instant */
};

/* When daylight saving begins or ends in a year: Mm.w.d, Jn or n of a POSIX rule, and the time. */
struct zone_day {
    char kind; /* 'M', 'J' or '0' */
    int month;
    int week;
    int day;
    int64_t time_s;
};

struct zone_rule {
    bool present;
    bool saves; /* has daylight saving */
    int64_t standard_s;
    int64_t saving_s;
    struct zone_day begins;
    struct zone_day ends;
};

struct zone_change {
    int64_t at;
    int64_t offset;
};

struct zone {
    int64_t first_s; /* before the first change */
    struct zone_change *changes;
    size_t count;
    struct zone_rule rule; /* behind the last change */
};

/* ---- the footer: a POSIX TZ text ---- */

static bool rule_name(const char **at)
{
    const char *c = *at;
    if (*c == '<') {
        while (*c != '\0' && *c != '>') {
            c++;
        }
        *at = c + 1;
        return *c == '>';
    }
    size_t size = 0;
    while ((c[size] >= 'A' && c[size] <= 'Z') || (c[size] >= 'a' && c[size] <= 'z')) {
        size++;
    }
    *at = c + size;
    return size >= 3;
}

static bool rule_number(const char **at, int most, int *ret_value)
{
    const char *c = *at;
    int value = 0;
    while (*c >= '0' && *c <= '9' && value <= most) {
        value = value * 10 + (*c++ - '0');
    }
    bool read = c != *at && value <= most;
    *at = c;
    *ret_value = value;
    return read;
}

/* [+-]h[:mm[:ss]] in seconds. */
static bool rule_time(const char **at, int hours_max, int64_t *ret_seconds)
{
    bool negative = **at == '-';
    if (**at == '-' || **at == '+') {
        (*at)++;
    }
    int parts[3] = {0, 0, 0};
    if (!rule_number(at, hours_max, &parts[0])) {
        return false;
    }
    for (int i = 1; i < 3 && **at == ':'; i++) {
        (*at)++;
        if (!rule_number(at, 59, &parts[i])) {
            return false;
        }
    }
    int64_t seconds = (int64_t)parts[0] * HOUR_S + (int64_t)parts[1] * 60 + parts[2];
    *ret_seconds = negative ? -seconds : seconds;
    return true;
}

static bool rule_skip(const char **at, char wanted)
{
    if (**at != wanted) {
        return false;
    }
    (*at)++;
    return true;
}

static bool rule_day(const char **at, struct zone_day *day)
{
    bool read = false;
    if (rule_skip(at, 'M')) {
        day->kind = 'M';
        read = rule_number(at, 12, &day->month) && day->month >= 1 && rule_skip(at, '.') &&
               rule_number(at, 5, &day->week) && day->week >= 1 && rule_skip(at, '.') &&
               rule_number(at, 6, &day->day);
    } else if (rule_skip(at, 'J')) {
        day->kind = 'J';
        read = rule_number(at, 365, &day->day) && day->day >= 1;
    } else {
        day->kind = '0';
        read = rule_number(at, 365, &day->day);
    }
    day->time_s = (int64_t)2 * HOUR_S;
    if (read && rule_skip(at, '/')) {
        read = rule_time(at, RULE_HOURS_MAX, &day->time_s);
    }
    return read;
}

/* An empty text is no rule. POSIX counts offsets west of Greenwich, we count east. */
static bool rule_read(const char *text, struct zone_rule *rule)
{
    *rule = (struct zone_rule){0};
    if (text[0] == '\0') {
        return true;
    }
    rule->present = true;
    int64_t west = 0;
    if (!rule_name(&text) || !rule_time(&text, 24, &west)) {
        return false;
    }
    rule->standard_s = -west;
    if (*text == '\0') {
        return true;
    }
    rule->saves = true;
    rule->saving_s = rule->standard_s + HOUR_S;
    if (!rule_name(&text)) {
        return false;
    }
    if (*text != ',') {
        if (!rule_time(&text, 24, &west)) {
            return false;
        }
        rule->saving_s = -west;
    }
    return rule_skip(&text, ',') && rule_day(&text, &rule->begins) && rule_skip(&text, ',') &&
           rule_day(&text, &rule->ends) && *text == '\0';
}

/* Local second at which the rule's day and time fall in a year. */
static int64_t day_local(const struct zone_day *day, int64_t year)
{
    int64_t days = clock_days_from_civil(year, 1, 1);
    if (day->kind == 'J') { /* the 29th of February is never counted */
        bool leap = clock_days_in_month(year, 2) == 29;
        days += day->day - 1 + (leap && day->day >= 60 ? 1 : 0);
    } else if (day->kind == '0') {
        days += day->day;
    } else {
        int64_t first = clock_days_from_civil(year, (unsigned)day->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        int64_t in_month = (day->day - weekday + 7) % 7 + (int64_t)7 * (day->week - 1);
        if (in_month >= (int64_t)clock_days_in_month(year, (unsigned)day->month)) {
            in_month -= 7; /* week 5 is the last one */
        }
        days = first + in_month;
    }
    return days * DAY_S + day->time_s;
}

/* The changes of the years around `instant`, ascending. Where an end meets a beginning, the
 * beginning holds. */
static size_t rule_changes(const struct zone_rule *rule, int64_t instant,
                           struct zone_change changes[2 * YEAR_RULES])
{
    if (!rule->present || !rule->saves) {
        return 0;
    }
    int64_t year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int64_t days = instant / DAY_S - (instant % DAY_S < 0 ? 1 : 0);
    clock_civil_from_days(days, &year, &month, &day);
    size_t count = 0;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        struct zone_change pair[2] = {
            {.at = day_local(&rule->ends, y) - rule->saving_s, .offset = rule->standard_s},
            {.at = day_local(&rule->begins, y) - rule->standard_s, .offset = rule->saving_s},
        };
        for (size_t i = 0; i < 2; i++) {
            size_t at = count++;
            for (; at > 0 && (pair[i].at < changes[at - 1].at ||
                              (pair[i].at == changes[at - 1].at && i == 0));
                 at--) {
                changes[at] = changes[at - 1];
            }
            changes[at] = pair[i];
        }
    }
    return count;
}

static int64_t rule_offset(const struct zone_rule *rule, int64_t instant)
{
    struct zone_change changes[2 * YEAR_RULES];
    size_t count = rule_changes(rule, instant, changes);
    int64_t offset = rule->standard_s;
    for (size_t i = 0; i < count && changes[i].at <= instant; i++) {
        offset = changes[i].offset;
    }
    return offset;
}

/* ---- the file ---- */

static uint32_t u32_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24U | (uint32_t)bytes[1] << 16U | (uint32_t)bytes[2] << 8U |
           bytes[3];
}

static int64_t i64_at(const uint8_t *bytes)
{
    uint64_t value = (uint64_t)u32_at(bytes) << 32U | u32_at(bytes + 4);
    return (int64_t)value;
}

struct tzif_counts {
    uint32_t isut;
    uint32_t isstd;
    uint32_t leap;
    uint32_t time;
    uint32_t type;
    uint32_t chars;
};

/* Counts of the header at `bytes`, and the size of the block that follows it. */
static bool header_read(const uint8_t *bytes, size_t size, unsigned time_bytes,
                        struct tzif_counts *ret_counts, size_t *ret_block)
{
    if (size < HEADER_BYTES || memcmp(bytes, "TZif", 4) != 0) {
        return false;
    }
    uint32_t counts[6];
    for (size_t i = 0; i < 6; i++) {
        counts[i] = u32_at(bytes + 20 + 4 * i);
        if (counts[i] > ZONE_BYTES_MAX) {
            return false;
        }
    }
    *ret_counts = (struct tzif_counts){.isut = counts[0],
                                       .isstd = counts[1],
                                       .leap = counts[2],
                                       .time = counts[3],
                                       .type = counts[4],
                                       .chars = counts[5]};
    *ret_block = (size_t)counts[3] * (time_bytes + 1) + (size_t)counts[4] * TYPE_BYTES + counts[5] +
                 (size_t)counts[2] * (time_bytes + 4) + counts[1] + counts[0];
    return *ret_block <= size - HEADER_BYTES;
}

static bool type_offset(const uint8_t *types, uint32_t type, int64_t *ret_offset)
{
    *ret_offset = (int32_t)u32_at(types + (size_t)type * TYPE_BYTES);
    return *ret_offset > -OFFSET_S_MAX && *ret_offset < OFFSET_S_MAX;
}

static enum err table_read(const uint8_t *block, const struct tzif_counts *counts,
                           struct zone *zone, struct error *err)
{
    const uint8_t *indexes = block + (size_t)counts->time * 8;
    const uint8_t *types = indexes + counts->time;
    if (counts->type == 0 || !type_offset(types, 0, &zone->first_s)) {
        return error_set(err, ERR_INVALID, "it has no local time types");
    }
    zone->changes = calloc((size_t)counts->time + 1, sizeof(*zone->changes));
    if (zone->changes == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for the rules of a time zone");
    }
    for (uint32_t i = 0; i < counts->time; i++) {
        struct zone_change *change = &zone->changes[zone->count++];
        change->at = i64_at(block + (size_t)i * 8);
        if (indexes[i] >= counts->type || !type_offset(types, indexes[i], &change->offset) ||
            (i > 0 && change->at <= zone->changes[i - 1].at)) {
            return error_set(err, ERR_INVALID, "its table of changes does not hold together");
        }
    }
    return ERR_OK;
}

static enum err footer_read(const uint8_t *bytes, size_t size, struct zone *zone, struct error *err)
{
    char text[128];
    const uint8_t *end = size < 2 ? NULL : memchr(bytes + 1, '\n', size - 1);
    if (end == NULL || bytes[0] != '\n' || (size_t)(end - bytes) > sizeof(text)) {
        return error_set(err, ERR_INVALID, "it has no footer");
    }
    size_t length = (size_t)(end - bytes) - 1;
    memcpy(text, bytes + 1, length);
    text[length] = '\0';
    if (strlen(text) != length || !rule_read(text, &zone->rule)) {
        return error_set(err, ERR_INVALID, "its rule '%s' is none", text);
    }
    return ERR_OK;
}

static enum err zone_read(const uint8_t *bytes, size_t size, struct zone *zone, struct error *err)
{
    struct tzif_counts counts;
    size_t block = 0;
    if (size > ZONE_BYTES_MAX || !header_read(bytes, size, 4, &counts, &block)) {
        return error_set(err, ERR_INVALID, "it is not a compiled time zone (TZif)");
    }
    if (bytes[4] < '2') {
        return error_set(err, ERR_INVALID, "it has version 1, which ends in 2038");
    }
    size_t at = HEADER_BYTES + block;
    if (!header_read(bytes + at, size - at, 8, &counts, &block)) {
        return error_set(err, ERR_INVALID, "it is cut off");
    }
    if (counts.leap != 0) {
        return error_set(err, ERR_INVALID, "it counts leap seconds, which our clocks do not");
    }
    at += HEADER_BYTES;
    TRY(table_read(bytes + at, &counts, zone, err));
    at += block;
    return footer_read(bytes + at, size - at, zone, err);
}

enum err zone_parse(struct str bytes, struct zone **ret_zone, struct error *err)
{
    *ret_zone = NULL;
    struct zone *zone = calloc(1, sizeof(*zone));
    if (zone == NULL) {
        return error_set(err, ERR_NOMEM, "no memory for the rules of a time zone");
    }
    enum err code = zone_read((const uint8_t *)bytes.data, bytes.size, zone, err);
    if (code != ERR_OK) {
        zone_destroy(&zone);
        return code;
    }
    *ret_zone = zone;
    return ERR_OK;
}

void zone_destroy(struct zone **zone)
{
    if (*zone != NULL) {
        free((*zone)->changes);
        free(*zone);
        *zone = NULL;
    }
}

bool zone_name_valid(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_+-/";
    size_t size = strlen(name);
    return size > 0 && size <= ZONE_NAME_MAX && strspn(name, allowed) == size && name[0] != '/' &&
           name[0] != '-' && name[size - 1] != '/' && strstr(name, "//") == NULL;
}

/* ---- questions ---- */

/* How many changes of the table are at or before an instant. */
static size_t changes_before(const struct zone *zone, int64_t instant)
{
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at <= instant) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int64_t zone_offset(const struct zone *zone, int64_t instant)
{
    if (zone == NULL) {
        return 0;
    }
    size_t before = changes_before(zone, instant);
    if (before == zone->count && zone->rule.present) {
        return rule_offset(&zone->rule, instant);
    }
    return before == 0 ? zone->first_s : zone->changes[before - 1].offset;
}

int64_t zone_next_change(const struct zone *zone, int64_t instant)
{
    if (zone == NULL) {
        return INT64_MAX;
    }
    size_t before = changes_before(zone, instant);
    if (before < zone->count) {
        return zone->changes[before].at;
    }
    struct zone_change changes[2 * YEAR_RULES];
    size_t count = rule_changes(&zone->rule, instant, changes);
    for (size_t i = 0; i < count; i++) {
        if (changes[i].at > instant) {
            return changes[i].at;
        }
    }
    return INT64_MAX;
}

size_t zone_instants(const struct zone *zone, int64_t local,
                     int64_t ret_instants[ZONE_INSTANTS_MAX])
{
    size_t count = 0;
    int64_t from = local - WINDOW_S;
    while (from <= local + WINDOW_S && count < ZONE_INSTANTS_MAX) {
        int64_t until = zone_next_change(zone, from);
        int64_t instant = local - zone_offset(zone, from);
        if (instant >= from && instant < until) {
            ret_instants[count++] = instant;
        }
        if (until == INT64_MAX) {
            break;
        }
        from = until;
    }
    return count;
}

int64_t zone_skipping(const struct zone *zone, int64_t local)
{
    int64_t change = local - WINDOW_S;
    int64_t offset = zone_offset(zone, change);
    while ((change = zone_next_change(zone, change)) != INT64_MAX) {
        int64_t next = zone_offset(zone, change);
        if (change + offset <= local && local < change + next) {
            return change;
        }
        offset = next;
    }
    return local - offset; /* not reached for a local time without an instant */
}
