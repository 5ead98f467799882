#include "common/base/decimal.h"

#include <string.h>

#include "common/base/check.h"

/* 128 bits hold any product of two coefficients, and any coefficient padded by 18 digits. Products
 * are taken on magnitudes, because clang's checked signed 128-bit multiply needs compiler-rt. */
__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

static uwide power_of_ten(int32_t exponent)
{
    CHECK(exponent >= 0);
    CHECK(exponent <= 2 * DECIMAL_SCALE_MAX);
    uwide power = 1;
    for (int32_t i = 0; i < exponent; i++) {
        power *= 10U;
    }
    return power;
}

static uwide magnitude(wide value)
{
    return value < 0 ? (uwide)0 - (uwide)value : (uwide)value;
}

static wide signed_of(uwide size, bool negative)
{
    return negative ? -(wide)size : (wide)size;
}

/* `value` times 10^`digits`; |value| < 2^64 and digits <= 18 keep it within 128 bits. */
static wide padded(int64_t value, int32_t digits)
{
    return signed_of(magnitude(value) * power_of_ten(digits), value < 0);
}

static void check_value(struct decimal value)
{
    CHECK(value.scale >= 0);
    CHECK(value.scale <= DECIMAL_SCALE_MAX);
}

static enum err narrow(wide coefficient, int32_t scale, struct decimal *ret_value,
                       struct error *err)
{
    if (coefficient > INT64_MAX || coefficient < INT64_MIN) {
        return error_set(err, ERR_LIMIT, "decimal result has more than 18 digits");
    }
    *ret_value = (struct decimal){.coefficient = (int64_t)coefficient, .scale = scale};
    return ERR_OK;
}

struct decimal decimal_of(int64_t coefficient, int32_t scale)
{
    struct decimal value = {.coefficient = coefficient, .scale = scale};
    check_value(value);
    return value;
}

enum err decimal_parse(const char *text, struct decimal *ret_value, struct error *err)
{
    const char *at = text;
    bool negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    wide coefficient = 0;
    int32_t scale = 0;
    bool point = false;
    bool digits = false;
    for (; *at != '\0'; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9') {
            return error_set(err, ERR_INVALID, "'%.40s' is not a decimal number", text);
        }
        digits = true;
        coefficient = coefficient * 10 + (*at - '0');
        scale += point ? 1 : 0;
        if (coefficient > INT64_MAX || scale > DECIMAL_SCALE_MAX) {
            return error_set(err, ERR_LIMIT, "'%.40s' has more than 18 digits", text);
        }
    }
    if (!digits) {
        return error_set(err, ERR_INVALID, "'%.40s' is not a decimal number", text);
    }
    return narrow(negative ? -coefficient : coefficient, scale, ret_value, err);
}

enum err decimal_parse_implied(const char *text, int32_t implied, struct decimal *ret_value,
                               struct error *err)
{
    CHECK(implied >= 0);
    CHECK(implied <= DECIMAL_SCALE_MAX);
    if (strchr(text, '.') != NULL) {
        return error_set(err, ERR_INVALID,
                         "'%.40s' has a point where the last %d digits are implied decimals", text,
                         (int)implied);
    }
    struct decimal value;
    TRY(decimal_parse(text, &value, err));
    value.scale = implied;
    *ret_value = value;
    return ERR_OK;
}

char *decimal_print(struct decimal value, char out[DECIMAL_TEXT_BYTES])
{
    check_value(value);
    char reversed[DECIMAL_TEXT_BYTES];
    size_t size = 0;
    uint64_t rest = (uint64_t)magnitude(value.coefficient);
    int32_t digits = 0;
    while (rest > 0 || digits <= value.scale) {
        if (digits == value.scale && digits > 0) {
            reversed[size++] = '.';
        }
        reversed[size++] = (char)('0' + rest % 10U);
        rest /= 10U;
        digits++;
    }
    if (value.coefficient < 0) {
        reversed[size++] = '-';
    }
    CHECK(size < DECIMAL_TEXT_BYTES);
    for (size_t i = 0; i < size; i++) {
        out[i] = reversed[size - 1 - i];
    }
    out[size] = '\0';
    return out;
}

enum err decimal_add(struct decimal a, struct decimal b, struct decimal *ret_sum, struct error *err)
{
    check_value(a);
    check_value(b);
    int32_t scale = a.scale > b.scale ? a.scale : b.scale;
    wide sum = padded(a.coefficient, scale - a.scale) + padded(b.coefficient, scale - b.scale);
    return narrow(sum, scale, ret_sum, err);
}

enum err decimal_sub(struct decimal a, struct decimal b, struct decimal *ret_difference,
                     struct error *err)
{
    check_value(a);
    check_value(b);
    int32_t scale = a.scale > b.scale ? a.scale : b.scale;
    wide left = padded(a.coefficient, scale - a.scale) - padded(b.coefficient, scale - b.scale);
    return narrow(left, scale, ret_difference, err);
}

enum err decimal_mul(struct decimal a, struct decimal b, struct decimal *ret_product,
                     struct error *err)
{
    check_value(a);
    check_value(b);
    uwide product = magnitude(a.coefficient) * magnitude(b.coefficient);
    int32_t scale = a.scale + b.scale;
    while (scale > 0 && (product > INT64_MAX || scale > DECIMAL_SCALE_MAX) && product % 10U == 0) {
        product /= 10U;
        scale--;
    }
    if (scale > DECIMAL_SCALE_MAX) {
        return error_set(err, ERR_LIMIT, "decimal product has more than 18 digits after the point");
    }
    bool negative = (a.coefficient < 0) != (b.coefficient < 0);
    return narrow(signed_of(product, negative), scale, ret_product, err);
}

/* numerator / denominator, both not negative, rounded to an integer. */
static uwide divide_rounded(uwide numerator, uwide denominator, enum decimal_rounding rule)
{
    uwide quotient = numerator / denominator;
    uwide rest = numerator % denominator;
    uwide missing = denominator - rest;
    bool up = rest > missing;
    if (rest == missing) {
        up = rule == DECIMAL_HALF_UP || quotient % 2U == 1U;
    }
    return up ? quotient + 1U : quotient;
}

enum err decimal_round(struct decimal value, int32_t scale, enum decimal_rounding rule,
                       struct decimal *ret_value, struct error *err)
{
    check_value(value);
    check_value((struct decimal){.scale = scale});
    if (scale >= value.scale) {
        return narrow(padded(value.coefficient, scale - value.scale), scale, ret_value, err);
    }
    uwide size =
        divide_rounded(magnitude(value.coefficient), power_of_ten(value.scale - scale), rule);
    return narrow(signed_of(size, value.coefficient < 0), scale, ret_value, err);
}

enum err decimal_div(struct decimal a, struct decimal b, int32_t scale, enum decimal_rounding rule,
                     struct decimal *ret_quotient, struct error *err)
{
    check_value(a);
    check_value(b);
    check_value((struct decimal){.scale = scale});
    if (b.coefficient == 0) {
        return error_set(err, ERR_INVALID, "decimal division by zero");
    }
    uwide numerator = magnitude(a.coefficient);
    uwide denominator = magnitude(b.coefficient);
    int32_t shift = scale + b.scale - a.scale;
    uwide power = power_of_ten(shift < 0 ? -shift : shift);
    uwide *target = shift < 0 ? &denominator : &numerator;
    if (*target > ~(uwide)0 / power) {
        return error_set(err, ERR_LIMIT, "decimal quotient has more than 18 digits");
    }
    *target *= power;
    uwide size = divide_rounded(numerator, denominator, rule);
    if (size > INT64_MAX) {
        return error_set(err, ERR_LIMIT, "decimal quotient has more than 18 digits");
    }
    bool negative = (a.coefficient < 0) != (b.coefficient < 0);
    return narrow(signed_of(size, negative), scale, ret_quotient, err);
}

int decimal_compare(struct decimal a, struct decimal b)
{
    check_value(a);
    check_value(b);
    int32_t scale = a.scale > b.scale ? a.scale : b.scale;
    wide left = padded(a.coefficient, scale - a.scale);
    wide right = padded(b.coefficient, scale - b.scale);
    return (left > right) - (left < right);
}

bool decimal_is_zero(struct decimal value)
{
    return value.coefficient == 0;
}

enum err decimal_negate(struct decimal value, struct decimal *ret_value, struct error *err)
{
    check_value(value);
    return narrow(-(wide)value.coefficient, value.scale, ret_value, err);
}
