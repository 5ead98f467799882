/*
 * Exact decimal numbers for money, rates and quantities: an integer coefficient and a scale, value
 * = coefficient x 10^-scale. The scale is kept as written, so that "148.50" prints as "148.50";
 * only comparison ignores trailing zeros. Nothing here uses floating point, and nothing rounds
 * unless the caller names the scale and the rule. A result that does not fit is an error, never a
 * wrong number.
 *
 * Text form: the lexical space of XML Schema 1.1 part 2, 3.3.3 decimal, so "+1", ".5" and "5." are
 * read; an exponent, a thousands separator and blanks are refused.
 *
 * Threads: none needed, values only. Errors: ERR_INVALID (not a number, division by zero),
 * ERR_LIMIT (more than 18 digits before or after the point, or a coefficient over 63 bits).
 * After an error the output is unchanged.
 */
#ifndef COMMON_BASE_DECIMAL_H
#define COMMON_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

enum {
    DECIMAL_SCALE_MAX = 18,  /* digits after the point */
    DECIMAL_TEXT_BYTES = 24, /* sign, 19 digits, "0.", terminator */
};

struct decimal {
    int64_t coefficient;
    int32_t scale; /* 0..DECIMAL_SCALE_MAX */
};

/* What happens to a value exactly between two neighbours, and only to that. */
enum decimal_rounding {
    DECIMAL_HALF_UP,   /* away from zero: 0.125 -> 0.13, -0.125 -> -0.13; usual for invoices */
    DECIMAL_HALF_EVEN, /* to the even neighbour: 0.125 -> 0.12 */
};

/* Read the whole of `text`. */
MUST_CHECK enum err decimal_parse(const char *text, struct decimal *ret_value, struct error *err);

/* Read an integer that has `implied` digits after an implied point, as X12 type N2 ("65940" with 2
 * is 659.40). A point in the text is refused. */
MUST_CHECK enum err decimal_parse_implied(const char *text, int32_t implied,
                                          struct decimal *ret_value, struct error *err);

/* Write `value` with exactly `value.scale` digits after the point; returns `out`. Zero has no sign.
 */
char *decimal_print(struct decimal value, char out[DECIMAL_TEXT_BYTES]);

/* Exact sum, difference, product. A product drops trailing zeros only when it would not fit. */
MUST_CHECK enum err decimal_add(struct decimal a, struct decimal b, struct decimal *ret_sum,
                                struct error *err);
MUST_CHECK enum err decimal_sub(struct decimal a, struct decimal b, struct decimal *ret_difference,
                                struct error *err);
MUST_CHECK enum err decimal_mul(struct decimal a, struct decimal b, struct decimal *ret_product,
                                struct error *err);

/* Value with exactly `scale` digits after the point: padded with zeros or rounded by the rule. */
MUST_CHECK enum err decimal_round(struct decimal value, int32_t scale, enum decimal_rounding rule,
                                  struct decimal *ret_value, struct error *err);

/* Quotient rounded once to `scale` digits after the point. */
MUST_CHECK enum err decimal_div(struct decimal a, struct decimal b, int32_t scale,
                                enum decimal_rounding rule, struct decimal *ret_quotient,
                                struct error *err);

/* Below 0, 0 or above 0, by value: 1.50 equals 1.5. */
int decimal_compare(struct decimal a, struct decimal b);

bool decimal_is_zero(struct decimal value);

/* 0 - value; ERR_LIMIT only for the smallest coefficient. */
MUST_CHECK enum err decimal_negate(struct decimal value, struct decimal *ret_value,
                                   struct error *err);

/* `coefficient` x 10^-`scale`, for constants: decimal_of(1, 2) is 0.01. */
struct decimal decimal_of(int64_t coefficient, int32_t scale);

#endif
