#include <criterion/criterion.h>

#include "common/base/decimal.h"

static struct decimal dec(const char *text)
{
    struct decimal value = {0};
    struct error err = {0};
    cr_assert_eq(decimal_parse(text, &value, &err), ERR_OK, "%s", err.message);
    return value;
}

static void check_text(struct decimal value, const char *expected)
{
    char text[DECIMAL_TEXT_BYTES];
    cr_assert_str_eq(decimal_print(value, text), expected);
}

static struct decimal rounded(struct decimal value, int32_t scale, enum decimal_rounding rule)
{
    struct decimal result = {0};
    cr_assert_eq(decimal_round(value, scale, rule, &result, NULL), ERR_OK);
    return result;
}

static struct decimal product(struct decimal a, struct decimal b)
{
    struct decimal result = {0};
    cr_assert_eq(decimal_mul(a, b, &result, NULL), ERR_OK);
    return result;
}

Test(decimal, text_keeps_its_digits)
{
    static const char *const same[] = {"0",
                                       "148.50",
                                       "-3017.91",
                                       "0.010000000000218279",
                                       "2339.1576915592154",
                                       "9223372036854775807",
                                       "-9223372036854775807",
                                       "-0.000000000000000001"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        check_text(dec(same[i]), same[i]);
    }
    check_text(dec("+1"), "1");
    check_text(dec(".5"), "0.5");
    check_text(dec("5."), "5");
    check_text(dec("-0.00"), "0.00");
    check_text(dec("000012"), "12");
    check_text((struct decimal){.coefficient = INT64_MIN, .scale = 18}, "-9.223372036854775808");
}

Test(decimal, what_is_not_a_number_is_refused)
{
    static const char *const bad[] = {"",   "-",     ".",   "1e3",  "1,000.00", " 1",
                                      "1 ", "1.2.3", "--1", "0x10", "NaN",      "1-"};
    struct decimal value = {.coefficient = 7, .scale = 1};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(decimal_parse(bad[i], &value, NULL), ERR_INVALID, "'%s'", bad[i]);
    }
    cr_assert_eq(decimal_parse("9223372036854775808", &value, NULL), ERR_LIMIT);
    cr_assert_eq(decimal_parse("0.0000000000000000001", &value, NULL), ERR_LIMIT);
    cr_assert_eq(decimal_parse("99999999999999999999999999999999999999999999", &value, NULL),
                 ERR_LIMIT);
    cr_assert_eq(value.coefficient, 7, "an error leaves the output alone");
}

Test(decimal, implied_decimals_are_cents)
{
    struct decimal value = {0};
    cr_assert_eq(decimal_parse_implied("65940", 2, &value, NULL), ERR_OK);
    check_text(value, "659.40");
    cr_assert_eq(decimal_parse_implied("-301791", 2, &value, NULL), ERR_OK);
    check_text(value, "-3017.91");
    cr_assert_eq(decimal_parse_implied("5", 2, &value, NULL), ERR_OK);
    check_text(value, "0.05");
    cr_assert_eq(decimal_parse_implied("659.40", 2, &value, NULL), ERR_INVALID);
}

Test(decimal, freight_charges_of_real_invoices_come_out_to_the_cent)
{
    struct decimal hundredth = decimal_of(1, 2);
    struct decimal charge = product(product(dec("46.09"), dec("7889")), hundredth);
    check_text(charge, "3636.0401");
    check_text(rounded(charge, 2, DECIMAL_HALF_UP), "3636.04");
    charge = product(product(dec("41.93"), dec("1340")), hundredth);
    check_text(rounded(charge, 2, DECIMAL_HALF_UP), "561.86");
    check_text(rounded(product(dec("0.1980"), dec("1234")), 2, DECIMAL_HALF_UP), "244.33");
    check_text(rounded(product(dec("561.86"), dec("-0.80")), 2, DECIMAL_HALF_UP), "-449.49");
    check_text(rounded(product(dec("112.37"), dec("0.105")), 2, DECIMAL_HALF_UP), "11.80");
}

Test(decimal, sums_are_exact_and_keep_the_finer_scale)
{
    struct decimal value = {0};
    cr_assert_eq(decimal_add(dec("0.1"), dec("0.20"), &value, NULL), ERR_OK);
    check_text(value, "0.30");
    cr_assert_eq(decimal_sub(dec("659.40"), dec("557.21"), &value, NULL), ERR_OK);
    check_text(value, "102.19");
    cr_assert_eq(decimal_sub(dec("1"), dec("1.000"), &value, NULL), ERR_OK);
    cr_assert(decimal_is_zero(value));
    cr_assert_eq(decimal_negate(dec("-1.5"), &value, NULL), ERR_OK);
    check_text(value, "1.5");
}

Test(decimal, both_rounding_rules_differ_only_at_the_half)
{
    struct {
        const char *in;
        const char *up;
        const char *even;
    } cases[] = {
        {"0.125", "0.13", "0.12"},   {"0.135", "0.14", "0.14"},      {"-0.125", "-0.13", "-0.12"},
        {"0.1249", "0.12", "0.12"},  {"0.12500001", "0.13", "0.13"}, {"2.5", "2.50", "2.50"},
        {"9.999", "10.00", "10.00"}, {"-0.001", "0.00", "0.00"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_text(rounded(dec(cases[i].in), 2, DECIMAL_HALF_UP), cases[i].up);
        check_text(rounded(dec(cases[i].in), 2, DECIMAL_HALF_EVEN), cases[i].even);
    }
}

Test(decimal, overflow_is_an_error_and_not_a_number)
{
    struct decimal big = dec("9223372036854775807");
    struct decimal value = {.coefficient = 7, .scale = 0};
    cr_assert_eq(decimal_add(big, dec("1"), &value, NULL), ERR_LIMIT);
    cr_assert_eq(decimal_sub(dec("-9223372036854775807"), dec("2"), &value, NULL), ERR_LIMIT);
    cr_assert_eq(decimal_mul(big, big, &value, NULL), ERR_LIMIT);
    cr_assert_eq(decimal_mul(dec("0.0000000001"), dec("0.0000000001"), &value, NULL), ERR_LIMIT);
    cr_assert_eq(decimal_round(big, 1, DECIMAL_HALF_UP, &value, NULL), ERR_LIMIT);
    cr_assert_eq(decimal_div(big, decimal_of(1, 18), 18, DECIMAL_HALF_UP, &value, NULL), ERR_LIMIT);
    cr_assert_eq(decimal_div(big, decimal_of(0, 2), 2, DECIMAL_HALF_UP, &value, NULL), ERR_INVALID);
    struct decimal lowest = {.coefficient = INT64_MIN, .scale = 0};
    cr_assert_eq(decimal_negate(lowest, &value, NULL), ERR_LIMIT);
    cr_assert_eq(value.coefficient, 7);
}

Test(decimal, products_drop_zeros_only_to_fit)
{
    check_text(product(dec("2.50"), dec("4.00")), "10.0000");
    check_text(product(dec("1.000000000000"), dec("1.000000000000")), "1.000000000000000000");
    check_text(product(dec("-3"), dec("0")), "0");
}

Test(decimal, quotients_round_once)
{
    struct decimal value = {0};
    cr_assert_eq(decimal_div(dec("1"), dec("3"), 4, DECIMAL_HALF_UP, &value, NULL), ERR_OK);
    check_text(value, "0.3333");
    cr_assert_eq(decimal_div(dec("-301791"), dec("363604"), 4, DECIMAL_HALF_UP, &value, NULL),
                 ERR_OK);
    check_text(value, "-0.8300");
    cr_assert_eq(decimal_div(dec("0.125"), dec("1"), 2, DECIMAL_HALF_EVEN, &value, NULL), ERR_OK);
    check_text(value, "0.12");
}

Test(decimal, comparison_is_by_value)
{
    cr_assert_eq(decimal_compare(dec("1.50"), dec("1.5")), 0);
    cr_assert_lt(decimal_compare(dec("-2"), dec("1")), 0);
    cr_assert_gt(decimal_compare(dec("9223372036854775807"), dec("0.000000000000000001")), 0);
}
