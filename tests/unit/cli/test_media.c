#include <criterion/criterion.h>
#include <string.h>

#include "tools/mainstay/media.h"

static void expect_guess(const char *bytes, const char *name, const char *type)
{
    const char *guess = media_guess(bytes, strlen(bytes), name);
    if (type == NULL) {
        cr_expect_null(guess, "'%s' is %s", bytes, guess);
    } else {
        cr_expect_str_eq(guess != NULL ? guess : "unknown", type);
    }
}

Test(media, data_says_what_it_is)
{
    expect_guess("{\"a\":1}", NULL, "application/json");
    expect_guess(" 17\n", NULL, "application/json");
    expect_guess("\xEF\xBB\xBF<Invoice/>", NULL, "application/xml");
    expect_guess("ISA*00*", "x.txt", "application/edi-x12");
    expect_guess("%PDF-1.7", NULL, "application/pdf");
    expect_guess("a,b\n1,2\n", "rates.CSV", "text/csv");
    expect_guess("a,b\n1,2\n", NULL, NULL);
    expect_guess("{broken", NULL, NULL);
    expect_guess("{broken", "x.json", "application/json");
    expect_guess("", NULL, NULL);
}
