/*
 * Amounts of money that budgets count: whole millionths of a currency's unit, so that the price of
 * one call of a model ("0.0021 USD") is exact and sums never round.
 *
 * Text form: a decimal number (decimal.h) of at most six digits after the point and not below zero,
 * one blank, and a currency of three capital letters (ISO 4217; what they are is not looked up).
 *
 * Threads: none needed, values only.
 */
#ifndef COMMON_BASE_MONEY_H
#define COMMON_BASE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

enum {
    MONEY_CURRENCY_BYTES = 4, /* three letters and the terminator */
    MONEY_TEXT_BYTES = 40,
};

#define MONEY_UNIT INT64_C(1000000)
#define MONEY_MAX  (INT64_C(1000000000) * MONEY_UNIT) /* a billion: nine thousand of them add up */

struct money {
    int64_t amount;                      /* millionths, 0 to MONEY_MAX */
    char currency[MONEY_CURRENCY_BYTES]; /* "": no amount at all, which is not the same as 0 */
};

/* Read the whole of `text` (NULL: not one). ERR_INVALID: it is not of the form; ERR_LIMIT: more
 * than MONEY_MAX. After an error the output is unchanged. */
MUST_CHECK enum err money_parse(const char *text, struct money *ret_money, struct error *err);

/* Whether there is an amount, be it 0. */
bool money_given(const struct money *money);

/* Write an amount, which may be below zero, with two digits after the point or as many more as it
 * has: "5.00 EUR", "0.0021 USD"; returns `out`. */
char *money_print(int64_t amount, const char *currency, char out[MONEY_TEXT_BYTES]);

/* a + b, b not below zero; what does not fit is the largest number. */
int64_t money_add(int64_t a, int64_t b);

#endif
