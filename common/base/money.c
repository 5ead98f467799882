#include "common/base/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/decimal.h"

enum { MONEY_DIGITS = 6, NUMBER_BYTES = 40 };

static bool is_currency(const char *text)
{
    for (size_t i = 0; i < MONEY_CURRENCY_BYTES - 1; i++) {
        if (text[i] < 'A' || text[i] > 'Z') {
            return false;
        }
    }
    return text[MONEY_CURRENCY_BYTES - 1] == '\0';
}

enum err money_parse(const char *text, struct money *ret_money, struct error *err)
{
    char number[NUMBER_BYTES];
    const char *blank = text == NULL ? NULL : strchr(text, ' ');
    size_t size = blank == NULL ? 0 : (size_t)(blank - text);
    struct decimal value;
    bool formed = size > 0 && size < sizeof(number) && is_currency(blank + 1);
    if (formed) {
        memcpy(number, text, size);
        number[size] = '\0';
        formed = decimal_parse(number, &value, NULL) == ERR_OK && value.coefficient >= 0;
    }
    if (!formed) {
        return error_set(err, ERR_INVALID,
                         "'%.64s' is not an amount and its currency, for example 5.00 EUR",
                         text == NULL ? "" : text);
    }
    struct decimal whole;
    if (decimal_round(value, MONEY_DIGITS, DECIMAL_HALF_EVEN, &whole, NULL) != ERR_OK ||
        whole.coefficient > MONEY_MAX) {
        return error_set(err, ERR_LIMIT, "'%.64s' is more than a billion", text);
    }
    if (decimal_compare(value, whole) != 0) {
        return error_set(err, ERR_INVALID, "'%.64s' has more than %d digits after the point", text,
                         MONEY_DIGITS);
    }
    *ret_money = (struct money){.amount = whole.coefficient};
    memcpy(ret_money->currency, blank + 1, MONEY_CURRENCY_BYTES);
    return ERR_OK;
}

bool money_given(const struct money *money)
{
    return money->currency[0] != '\0';
}

char *money_print(int64_t amount, const char *currency, char out[MONEY_TEXT_BYTES])
{
    uint64_t size = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    uint64_t part = size % (uint64_t)MONEY_UNIT;
    int digits = MONEY_DIGITS;
    while (digits > 2 && part % 10 == 0) {
        part /= 10;
        digits--;
    }
    (void)snprintf(out, MONEY_TEXT_BYTES, "%s%" PRIu64 ".%0*" PRIu64 "%s%.3s",
                   amount < 0 ? "-" : "", size / (uint64_t)MONEY_UNIT, digits, part,
                   currency[0] == '\0' ? "" : " ", currency);
    return out;
}

int64_t money_add(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}
