#include <criterion/criterion.h>

#include "common/base/str.h"

Test(str, tokens_are_what_a_subject_may_carry)
{
    cr_assert(text_is_token("extraction-2_b"));
    cr_assert(!text_is_token(""));
    cr_assert(!text_is_token("a.b"));
    cr_assert(!text_is_token("a b"));
    cr_assert(!text_is_token("a>"));
    cr_assert(!text_is_token("a\r\nPUB"));
}

Test(str, utf8_refuses_overlong_surrogate_and_truncated_forms)
{
    cr_assert(utf8_valid("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", 11));
    cr_assert(!utf8_valid("\xC0\x80", 2));
    cr_assert(!utf8_valid("\xED\xA0\x80", 3));
    cr_assert(!utf8_valid("\xF4\x90\x80\x80", 4));
    cr_assert(!utf8_valid("\xC3", 1));
}

Test(str, numbers_and_hex_take_the_whole_text)
{
    int64_t value = 0;
    cr_assert(text_to_i64("-42", &value));
    cr_assert_eq(value, -42);
    cr_assert(!text_to_i64("42x", &value));
    cr_assert(!text_to_i64("9223372036854775808", &value));
    unsigned char bytes[2];
    cr_assert(hex_decode("beEF", bytes, 2));
    cr_assert_eq(bytes[0], 0xBE);
    cr_assert(!hex_decode("bee", bytes, 2));
    char text[5];
    hex_encode(bytes, 2, text);
    cr_assert_str_eq(text, "beef");
}
