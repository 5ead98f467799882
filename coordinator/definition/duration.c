/* Durations: ISO 8601 texts without years and months, and OWS duration objects. */
#include <math.h>
#include <string.h>

#include "coordinator/definition/plan.h"

/* Ten thousand years: far beyond any deadline, far below an overflow of later sums. */
#define DURATION_MS_MAX (INT64_C(10000) * 366 * 86400000)

struct unit {
    const char *name; /* key of the object form */
    char letter;      /* of the text form; 0: none */
    bool time;        /* behind the T */
    int64_t ms;
};

static const struct unit units[] = {
    {"weeks", 'W', false, INT64_C(604800000)}, {"days", 'D', false, INT64_C(86400000)},
    {"hours", 'H', true, INT64_C(3600000)},    {"minutes", 'M', true, INT64_C(60000)},
    {"seconds", 'S', true, INT64_C(1000)},     {"milliseconds", 0, false, 1},
};
enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

static bool add_units(int64_t count, int64_t ms, int64_t *total)
{
    int64_t part;
    return !__builtin_mul_overflow(count, ms, &part) &&
           !__builtin_add_overflow(*total, part, total) && *total <= DURATION_MS_MAX;
}

static enum err fail_long(struct error *err)
{
    return error_set(err, ERR_INVALID, "a duration may be at most 10000 years");
}

/* Digits with an optional fraction, in milliseconds of the unit; a finer fraction is refused. */
static const char *read_amount(const char *at, int64_t *ret_whole, int64_t *ret_millis,
                               bool *ret_fraction)
{
    *ret_whole = 0;
    *ret_millis = 0;
    *ret_fraction = false;
    const char *start = at;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (*ret_whole > INT64_C(1000000000000000)) {
            return NULL;
        }
        *ret_whole = *ret_whole * 10 + (*at - '0');
    }
    if (at == start) {
        return NULL;
    }
    if (*at == '.' || *at == ',') {
        int64_t scale = 100;
        start = ++at;
        *ret_fraction = true;
        for (; *at >= '0' && *at <= '9'; at++, scale /= 10) {
            if (scale == 0 && *at != '0') {
                return NULL;
            }
            *ret_millis += (*at - '0') * scale;
        }
        if (at == start) {
            return NULL;
        }
    }
    return at;
}

/* The unit of a letter, searched behind the last one used, so that order and repetition are
 * checked. */
static size_t find_unit(char letter, bool time, size_t from)
{
    for (size_t i = from; i < UNIT_COUNT; i++) {
        if (units[i].letter == letter && letter != 0 && units[i].time == time) {
            return i;
        }
    }
    return UNIT_COUNT;
}

static enum err fail_text(struct error *err, const char *text)
{
    return error_set(err, ERR_INVALID,
                     "'%.64s' is not a duration such as PT30S, PT1.5S, P1DT2H or P2W "
                     "(days, hours, minutes, seconds down to milliseconds)",
                     text);
}

static enum err parse_text(const char *text, int64_t *ret_ms, struct error *err)
{
    const char *at = text;
    bool time = false;
    size_t unit = 0;
    bool any = false;
    int64_t total = 0;
    if (*at++ != 'P') {
        return fail_text(err, text);
    }
    while (*at != '\0') {
        int64_t whole;
        int64_t millis;
        bool fraction;
        if (*at == 'T' && !time && at[1] != '\0') {
            time = true;
            at++;
            continue;
        }
        at = read_amount(at, &whole, &millis, &fraction);
        if (at == NULL) {
            return fail_text(err, text);
        }
        if (!time && (*at == 'Y' || *at == 'M')) {
            return error_set(err, ERR_INVALID,
                             "'%.64s' has years or months, whose length is not fixed: use days",
                             text);
        }
        unit = find_unit(*at, time, unit);
        if (unit == UNIT_COUNT || (fraction && (*at != 'S' || at[1] != '\0'))) {
            return fail_text(err, text);
        }
        if (!add_units(whole, units[unit].ms, &total) || !add_units(millis, 1, &total)) {
            return fail_long(err);
        }
        unit++;
        any = true;
        at++;
    }
    *ret_ms = total;
    return any ? ERR_OK : fail_text(err, text);
}

static enum err parse_object(const json_t *value, int64_t *ret_ms, struct error *err)
{
    int64_t total = 0;
    json_t *object = json_mutable(value);
    if (json_object_size(value) == 0) {
        return error_set(err, ERR_INVALID,
                         "a duration needs days, hours, minutes, seconds or "
                         "milliseconds");
    }
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *count = json_object_iter_value(at);
        size_t unit = 1; /* the object form has no weeks */
        while (unit < UNIT_COUNT && strcmp(units[unit].name, key) != 0) {
            unit++;
        }
        if (unit == UNIT_COUNT) {
            return error_set(err, ERR_INVALID,
                             "unknown key '%.64s' in a duration: days, hours, minutes, seconds or "
                             "milliseconds",
                             key);
        }
        if (!json_is_integer(count) || json_integer_value(count) < 0) {
            return error_set(err, ERR_INVALID, "'%s' must be a whole number that is not negative%s",
                             key,
                             json_is_string(count) ? " (a duration that is computed is a text: "
                                                     "${ \"PT\\(.minutes)M\" })"
                                                   : "");
        }
        if (!add_units(json_integer_value(count), units[unit].ms, &total)) {
            return fail_long(err);
        }
    }
    *ret_ms = total;
    return ERR_OK;
}

enum err plan_duration_parse(const json_t *value, int64_t *ret_ms, struct error *err)
{
    *ret_ms = 0;
    if (json_is_string(value)) {
        return parse_text(json_string_value(value), ret_ms, err);
    }
    if (json_is_object(value)) {
        return parse_object(value, ret_ms, err);
    }
    return error_set(err, ERR_INVALID,
                     "a duration is a text such as PT30S or an object such as "
                     "{seconds: 30}");
}
