#include <criterion/criterion.h>

#include "coordinator/edge/conduct.h"

enum { NOW = 1000000 };

Test(conduct, a_restart_full_of_answers_given_twice_costs_nothing)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    conduct_useless(&conduct, CONDUCT_ANSWERS, NOW);
    cr_expect_not(conduct_rests(&conduct, NOW));
}

Test(conduct, who_says_more_rests_until_a_seconds_worth_is_there)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    conduct_useless(&conduct, CONDUCT_ANSWERS + 3 * CONDUCT_ANSWERS_PER_S, NOW);
    cr_expect(conduct_rests(&conduct, NOW));
    cr_expect(conduct_rests(&conduct, NOW + 3900));
    int64_t rested = conduct_rested_ms(&conduct);
    cr_expect_geq(rested, NOW + 4000);
    cr_expect_leq(rested, NOW + 4200);
    cr_expect_not(conduct_rests(&conduct, rested));
}

Test(conduct, what_it_may_say_for_good_does_not_depend_on_how_often_one_looks)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    conduct_useless(&conduct, CONDUCT_ANSWERS + 1, NOW);
    uint64_t said = 0;
    for (int64_t now = NOW; now < NOW + 100000; now++) {
        if (!conduct_rests(&conduct, now)) {
            conduct_useless(&conduct, 100, now);
            said += 100;
        }
    }
    cr_expect_leq(said, UINT64_C(101) * CONDUCT_ANSWERS_PER_S);
    cr_expect_geq(said, UINT64_C(98) * CONDUCT_ANSWERS_PER_S);
}

Test(conduct, allowances_are_not_saved_up_beyond_their_size)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    conduct_useless(&conduct, 1, NOW + INT64_C(86400000));
    conduct_useless(&conduct, CONDUCT_ANSWERS, NOW + INT64_C(86400000));
    cr_expect(conduct_rests(&conduct, NOW + INT64_C(86400000)));
}

Test(conduct, letters_beyond_the_allowance_are_counted_and_told_once_a_minute)
{
    struct conduct conduct;
    uint64_t kept = 0;
    conduct_init(&conduct, NOW);
    for (int i = 0; i < 1000; i++) {
        kept += conduct_letter(&conduct, 65536, "no reason", NOW) ? 1 : 0;
    }
    cr_expect_eq(kept, CONDUCT_LETTERS / (65536 + CONDUCT_LETTER));
    cr_expect_eq(conduct_tell(&conduct, NOW + CONDUCT_TELL_MS - 1), 0);
    cr_expect_eq(conduct_tell_ms(&conduct), NOW + CONDUCT_TELL_MS);
    cr_expect_eq(conduct_tell(&conduct, NOW + CONDUCT_TELL_MS), 1000 - kept);
    cr_expect_str_eq(conduct.why, "no reason");
    cr_expect_eq(conduct_tell(&conduct, NOW + 10 * CONDUCT_TELL_MS), 0);
    cr_expect_eq(conduct_tell_ms(&conduct), INT64_MAX);
}

Test(conduct, a_store_that_says_hello_all_the_time_is_answered_now_and_then)
{
    struct pace pace = {0};
    unsigned taken = 0;
    for (int64_t now = NOW; now < NOW + 10000; now++) {
        taken += pace_takes_hello(&pace, now) ? 1 : 0;
    }
    cr_expect_leq(taken, CONDUCT_HELLOS + 10000 / CONDUCT_HELLO_MS + 1, "%u", taken);
    cr_expect_geq(taken, CONDUCT_HELLOS + 10000 / CONDUCT_HELLO_MS - 1, "%u", taken);
    cr_expect(pace_takes_hello(&pace, NOW + INT64_C(1000000)));
}
