#include <criterion/criterion.h>

#include "common/base/money.h"

static void reads(const char *text, int64_t amount, const char *currency)
{
    struct money money = {0};
    struct error err = {0};
    cr_assert_eq(money_parse(text, &money, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(money.amount, amount, "%s", text);
    cr_expect_str_eq(money.currency, currency);
    cr_expect(money_given(&money));
}

static void refuses(const char *text, enum err code)
{
    struct money money = {.amount = 7};
    struct error err = {0};
    cr_expect_eq(money_parse(text, &money, &err), code, "%s", text == NULL ? "(null)" : text);
    cr_expect_eq(money.amount, 7);
    cr_expect(!money_given(&money));
}

Test(money, amounts_are_whole_millionths)
{
    reads("5.00 EUR", 5000000, "EUR");
    reads("0.0021 USD", 2100, "USD");
    reads("0 EUR", 0, "EUR");
    reads("0.000001 EUR", 1, "EUR");
    reads("1.0000000000 EUR", 1000000, "EUR");
    reads("1000000000 EUR", MONEY_MAX, "EUR");
}

Test(money, what_is_no_amount_is_refused)
{
    static const char *const wrong[] = {"",        "5",      "5.00",     "EUR",          " EUR",
                                        "5 eur",   "5 EURO", "5  EUR",   "-1 EUR",       "1e3 EUR",
                                        "1,5 EUR", "5 EUR ", "5.00 EU1", "0.0000001 EUR"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        refuses(wrong[i], ERR_INVALID);
    }
    refuses(NULL, ERR_INVALID);
    refuses("1000000000.01 EUR", ERR_LIMIT);
    refuses("999999999999999999 EUR", ERR_LIMIT);
}

Test(money, amounts_are_printed_with_the_digits_they_have)
{
    char text[MONEY_TEXT_BYTES];
    cr_expect_str_eq(money_print(5000000, "EUR", text), "5.00 EUR");
    cr_expect_str_eq(money_print(2100, "USD", text), "0.0021 USD");
    cr_expect_str_eq(money_print(-1500000, "EUR", text), "-1.50 EUR");
    cr_expect_str_eq(money_print(0, "", text), "0.00");
    cr_expect_str_eq(money_print(INT64_MAX, "EUR", text), "9223372036854.775807 EUR");
}

Test(money, a_sum_that_does_not_fit_is_the_largest_number)
{
    cr_expect_eq(money_add(1, 2), 3);
    cr_expect_eq(money_add(INT64_MAX - 1, 2), INT64_MAX);
    cr_expect_eq(money_add(-5, 2), -3);
}
