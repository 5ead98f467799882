#include <criterion/criterion.h>

#include "common/base/footprint.h"

Test(footprint, sizes_are_read_as_systemd_writes_them)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } cases[] = {
        {"1", 1},
        {"64M", UINT64_C(64) << 20},
        {"2G", UINT64_C(2) << 30},
        {"512K", UINT64_C(512) << 10},
        {"8388607G", UINT64_C(8388607) << 30},
        {"8388608G", 0}, /* 2^53 */
        {"18446744073709551615G", 0},
        {"0", 0},
        {"0M", 0},
        {"", 0},
        {"M", 0},
        {"64m", 0},
        {"64MB", 0},
        {"-1M", 0},
        {"1.5G", 0},
        {" 64M", 0},
        {"64 M", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t bytes = 0;
        cr_expect_eq(footprint_parse(cases[i].text, &bytes), cases[i].bytes > 0, "'%s'",
                     cases[i].text);
        cr_expect_eq(bytes, cases[i].bytes, "'%s'", cases[i].text);
    }
}

Test(footprint, is_unknown_until_it_is_told)
{
    cr_expect_eq(footprint_bytes(), 0);
    footprint_set(UINT64_C(64) << 20);
    cr_expect_eq(footprint_bytes(), UINT64_C(64) << 20);
}
