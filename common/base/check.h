/*
 * Assertions that stay on in every build. assert() is not used in this project, because NDEBUG
 * removes it. A failed CHECK is a bug of ours, never bad input: it prints where and aborts.
 */
#ifndef COMMON_BASE_CHECK_H
#define COMMON_BASE_CHECK_H

/* Print the failed expression and its place on stderr and abort. */
_Noreturn void check_fail(const char *expression, const char *file, int line, const char *function);

#define CHECK(condition)                                          \
    do {                                                          \
        if (!(condition)) {                                       \
            check_fail(#condition, __FILE__, __LINE__, __func__); \
        }                                                         \
    } while (0)

#define CHECK_IMPLIES(premise, conclusion) CHECK(!(premise) || (conclusion))

#define UNREACHABLE() check_fail("unreachable", __FILE__, __LINE__, __func__)

#endif
