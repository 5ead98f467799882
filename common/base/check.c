#include "common/base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_fail(const char *expression, const char *file, int line, const char *function)
{
    fprintf(stderr, "mainstay: bug: %s:%d: %s: check failed: %s\n", file, line, function,
            expression);
    fflush(stderr);
    abort();
}
