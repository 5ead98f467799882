#include "common/json/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

enum {
    DIGITS_SURE = 15,    /* any decimal of so many digits survives a double (IEEE 754) */
    DIGITS_MAX = 17,     /* so many digits name every double */
    POWER_EXACT = 22,    /* 10^22 is the largest power of ten that is a double */
    EXPONENT_CAP = 9999, /* far beyond any double; keeps the arithmetic small */
};

static const double smallest_normal = 2.2250738585072014e-308;

/* Equality of doubles is meant here: both came from the same conversion. */
static bool real_same(double a, double b)
{
    return !(a < b) && !(a > b);
}

static struct decimal decimal_trim(struct decimal d)
{
    if (d.digits == 0) {
        d.exponent = 0;
        return d;
    }
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

struct decimal decimal_of_int(int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return decimal_trim((struct decimal){.digits = magnitude, .negative = value < 0});
}

bool decimal_equal(struct decimal a, struct decimal b)
{
    return a.digits == b.digits && a.exponent == b.exponent &&
           (a.negative == b.negative || a.digits == 0);
}

double decimal_to_real(struct decimal d)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value = 0;
    if (d.digits < (1ULL << 53U) && d.exponent >= -POWER_EXACT && d.exponent <= POWER_EXACT) {
        /* both operands are exact, so one rounding gives the nearest double (W. D. Clinger, 1990)
         */
        value = d.exponent < 0 ? (double)d.digits / powers[-d.exponent]
                               : (double)d.digits * powers[d.exponent];
    } else {
        char text[NUMBER_TEXT_BYTES];
        (void)snprintf(text, sizeof(text), "%llue%d", (unsigned long long)d.digits, d.exponent);
        value = strtod(text, NULL);
    }
    return d.negative ? -value : value;
}

/* The decimal of `value` rounded to `digits` significant digits. */
static struct decimal decimal_rounded(double value, int digits)
{
    char text[NUMBER_TEXT_BYTES];
    struct decimal d = {.negative = signbit(value) != 0};
    (void)snprintf(text, sizeof(text), "%.*e", digits - 1, fabs(value));
    const char *c = text;
    for (; *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9') { /* skips the point, whatever the locale calls it */
            d.digits = d.digits * 10 + (uint64_t)(*c - '0');
        }
    }
    d.exponent = (int32_t)strtol(c + 1, NULL, 10) - (digits - 1);
    return decimal_trim(d);
}

struct decimal decimal_of_real(double value)
{
    CHECK(isfinite(value));
    double magnitude = fabs(value);
    if (magnitude < 9e15 && real_same(magnitude, floor(magnitude))) {
        struct decimal whole = decimal_of_int((int64_t)magnitude);
        whole.negative = signbit(value) != 0;
        return whole;
    }
    /* subnormals have fewer than 15 digits to give */
    int first = magnitude < smallest_normal ? 1 : DIGITS_SURE;
    struct decimal d = {0};
    for (int digits = first; digits <= DIGITS_MAX; digits++) {
        d = decimal_rounded(value, digits);
        if (real_same(decimal_to_real(d), value)) {
            break;
        }
    }
    return d;
}

size_t number_print_int(int64_t value, char out[NUMBER_TEXT_BYTES])
{
    static const char digits[] = "0123456789";
    char reversed[24];
    size_t count = 0;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        reversed[count++] = digits[magnitude % 10];
        magnitude /= 10;
    } while (magnitude != 0);
    size_t length = 0;
    if (value < 0) {
        out[length++] = '-';
    }
    while (count > 0) {
        out[length++] = reversed[--count];
    }
    out[length] = '\0';
    return length;
}

/* digits, point after `whole` of them (0 < whole < count), or zeros around them */
static size_t print_plain(const char *digits, int count, int whole, char *out)
{
    size_t at = 0;
    for (int i = 0; i < whole || i == 0; i++) {
        bool given = i < whole && i < count;
        out[at++] = '0';
        if (given) {
            out[at - 1] = digits[i];
        }
    }
    out[at++] = '.';
    for (int i = whole; i < 0; i++) {
        out[at++] = '0';
    }
    for (int i = whole > 0 ? whole : 0; i < count; i++) {
        out[at++] = digits[i];
    }
    if (whole >= count) {
        out[at++] = '0';
    }
    out[at] = '\0';
    return at;
}

size_t number_print_real(double value, char out[NUMBER_TEXT_BYTES])
{
    struct decimal d = decimal_of_real(value);
    char digits[NUMBER_TEXT_BYTES];
    size_t count = number_print_int((int64_t)d.digits, digits);
    size_t at = 0;
    if (d.negative) {
        out[at++] = '-';
    }
    int whole = (int)count + d.exponent; /* digits before the point */
    if (whole > -5 && whole <= 21) {
        return at + print_plain(digits, (int)count, whole, out + at);
    }
    out[at++] = digits[0];
    if (count > 1) {
        out[at++] = '.';
        memcpy(out + at, digits + 1, count - 1);
        at += count - 1;
    }
    int written = snprintf(out + at, NUMBER_TEXT_BYTES - at, "e%+d", whole - 1);
    return at + (size_t)written;
}

/* A number token taken apart. */
struct token {
    struct decimal decimal; /* exact when `significant` <= 19 */
    size_t significant;     /* digits between the first and the last that are not zero */
    bool integer;           /* no point and no exponent */
};

/* The digits of an exponent, large ones cut to something still beyond any double. */
static int64_t exponent_scan(const char *at, const char *end)
{
    int64_t value = 0;
    for (; at < end; at++) {
        value = value > 1000000000 ? value : value * 10 + (*at - '0');
    }
    return value;
}

static struct token token_scan(const char *text, size_t size)
{
    struct token t = {.integer = true, .decimal.negative = text[0] == '-'};
    int64_t exponent = 0;
    int64_t zeros = 0; /* zeros seen since the last other digit */
    bool fraction = false;
    size_t at = t.decimal.negative ? 1 : 0;
    for (; at < size && text[at] != 'e' && text[at] != 'E'; at++) {
        if (text[at] == '.') {
            fraction = true;
            t.integer = false;
            continue;
        }
        exponent -= fraction ? 1 : 0;
        if (text[at] == '0') {
            zeros += t.significant > 0 ? 1 : 0;
            continue;
        }
        t.significant += (size_t)zeros + 1;
        for (; t.significant <= 19 && zeros > 0; zeros--) {
            t.decimal.digits *= 10;
        }
        if (t.significant <= 19) {
            t.decimal.digits = t.decimal.digits * 10 + (uint64_t)(text[at] - '0');
        }
        zeros = 0;
    }
    exponent += zeros;
    if (at < size) {
        t.integer = false;
        bool down = text[at + 1] == '-';
        bool sign = down || text[at + 1] == '+';
        int64_t given = exponent_scan(text + at + (sign ? 2 : 1), text + size);
        exponent += down ? -given : given;
    }
    exponent = exponent > EXPONENT_CAP ? EXPONENT_CAP : exponent;
    exponent = exponent < -EXPONENT_CAP ? -EXPONENT_CAP : exponent;
    t.decimal.exponent = t.decimal.digits == 0 ? 0 : (int32_t)exponent;
    return t;
}

/* The nearest double of a token with more digits than a decimal holds. The first 40 digits decide
 * but for constructed ties, and the value is only used where rounding was asked for. */
static double token_round(const char *text, size_t size, const struct token *token)
{
    char digits[80];
    size_t used = 0;
    int64_t dropped = 0;
    for (size_t i = 0; i < size && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] < '0' || text[i] > '9' || (used == 0 && text[i] == '0')) {
            continue;
        }
        if (used < 40) {
            digits[used++] = text[i];
        } else {
            dropped++;
        }
    }
    /* the last significant digit stands at 10^exponent; zeros after it were kept in `digits` */
    int64_t kept_zeros = (int64_t)used + dropped - (int64_t)token->significant;
    (void)snprintf(digits + used, sizeof(digits) - used, "e%lld",
                   (long long)token->decimal.exponent - kept_zeros + dropped);
    double value = strtod(digits, NULL);
    return token->decimal.negative ? -value : value;
}

/* Whether the token is an integer that fits; ret_value gets it. */
static bool token_to_int(const struct token *t, int64_t *ret_value)
{
    if (!t->integer || t->significant > 19 || t->decimal.exponent > 18) {
        return false;
    }
    uint64_t magnitude = t->decimal.digits;
    for (int32_t i = 0; i < t->decimal.exponent; i++) {
        if (magnitude > UINT64_MAX / 10) {
            return false;
        }
        magnitude *= 10;
    }
    uint64_t limit = (uint64_t)INT64_MAX + (t->decimal.negative ? 1 : 0);
    if (magnitude > limit) {
        return false;
    }
    *ret_value = t->decimal.negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

struct number number_read(const char *text, size_t size)
{
    struct token t = token_scan(text, size);
    struct number n = {.kind = NUMBER_INT};
    if (token_to_int(&t, &n.integer)) {
        return n;
    }
    bool whole = t.significant <= 19; /* the decimal holds all digits */
    n.real = whole ? decimal_to_real(t.decimal) : token_round(text, size, &t);
    if (!isfinite(n.real)) {
        n.kind = NUMBER_OVERFLOW;
    } else if (t.integer) {
        n.kind = NUMBER_BIG_INT;
    } else if (t.significant > 0 && real_same(n.real, 0)) {
        n.kind = NUMBER_UNDERFLOW;
    } else if (t.significant == 0 ||
               (t.significant <= DIGITS_SURE && fabs(n.real) >= smallest_normal) ||
               (whole && decimal_equal(t.decimal, decimal_of_real(n.real)))) {
        n.kind = NUMBER_REAL;
    } else {
        n.kind = NUMBER_INEXACT;
    }
    return n;
}
