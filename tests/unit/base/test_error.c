#include <criterion/criterion.h>
#include <string.h>

#include "common/base/error.h"

Test(error, sets_wraps_and_classifies)
{
    struct error err = {0};
    cr_assert_eq(error_set(&err, ERR_NOT_FOUND, "no '%s'", "x"), ERR_NOT_FOUND);
    error_wrap(&err, "opening store '%s'", "y");
    cr_assert_str_eq(err.message, "opening store 'y': no 'x'");
    cr_assert_eq(err.code, ERR_NOT_FOUND);
    cr_assert_eq(error_class(ERR_CORRUPT), ERR_CLASS_FATAL);
    cr_assert_eq(error_class(ERR_TIMEOUT), ERR_CLASS_TRANSIENT);
    cr_assert_str_eq(error_text(ERR_FULL), "disk is full");
    cr_assert_eq(error_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

Test(error, truncates_on_a_character_boundary)
{
    char text[1200];
    for (size_t i = 0; i + 1 < sizeof(text); i += 2) {
        memcpy(text + i, "\xC3\xA9", 2);
    }
    text[sizeof(text) - 1] = '\0';
    text[sizeof(text) - 2] = '\0';
    struct error err = {0};
    (void)error_set(&err, ERR_INVALID, "x%s", text);
    size_t size = strlen(err.message);
    cr_assert_eq(size % 2, 1);
    cr_assert(size < ERROR_MESSAGE_BYTES);
}
