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

/* So many messages with one useless answer each, stored one after the other from `stored_ms` on and
 * taken as fast; how often a flood was told of. */
static unsigned flow(struct conduct *conduct, unsigned messages, int64_t stored_ms, int64_t now_ms)
{
    unsigned told = 0;
    for (unsigned i = 0; i < messages; i++) {
        conduct_useless(conduct, 1, now_ms + i / 10);
        told += conduct_floods(conduct, stored_ms + i / 10, now_ms + i / 10) ? 1 : 0;
    }
    return told;
}

Test(conduct, what_a_store_sends_again_because_it_does_not_know_is_no_flood)
{
    enum {
        AGAIN = 64
    }; /* SENDER_CHUNKS_MAX of agents/runtime/sender.h, which each SENDER_RETRY_MS */
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    cr_expect_eq(flow(&conduct, 2000, NOW, NOW), 0, "what it has been asked again");
    for (int64_t now = NOW + 10000; now < NOW + 600000; now += 1000) {
        cr_assert_eq(flow(&conduct, AGAIN, now, now), 0);
    }
}

Test(conduct, what_a_bus_delivers_again_is_known)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    cr_expect(conduct_first(&conduct, 7, NOW));
    cr_expect(conduct_first(&conduct, 8, NOW), "in the same millisecond");
    cr_expect_not(conduct_first(&conduct, 8, NOW));
    cr_expect_not(conduct_first(&conduct, 3, NOW - 5));
    cr_expect(conduct_first(&conduct, 9, NOW - 3600000), "the bus's clock was set back");
    cr_expect(conduct_first(&conduct, 1, NOW), "its stream was made again");
    cr_expect_not(conduct_first(&conduct, 1, NOW));
}

Test(conduct, a_flood_is_told_of_now_and_then)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    cr_expect_eq(flow(&conduct, 20000, NOW, NOW), 1);
    cr_expect_eq(flow(&conduct, 80000, NOW + 2000, NOW + 2000), 0);
    cr_expect_eq(flow(&conduct, 900000, NOW + 10000, NOW + 10000), 9);
}

Test(conduct, one_message_that_costs_as_much_as_a_flood_is_one)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    conduct_useless(&conduct, CONDUCT_ANSWERS + 1, NOW);
    cr_expect(conduct_floods(&conduct, NOW, NOW));
}

Test(conduct, what_a_flood_left_is_not_told_of_when_it_is_taken_later)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    cr_assert_eq(flow(&conduct, 20000, NOW, NOW), 1);
    cr_expect_eq(flow(&conduct, 8192, NOW + 2000, NOW + 300000), 0);
}

Test(conduct, one_that_was_let_in_and_floods_again_is_told_of_soon)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    cr_assert_eq(flow(&conduct, 20000, NOW, NOW), 1);
    cr_expect_eq(flow(&conduct, 100, NOW + 70000, NOW + 70000), 0, "one that is well has some");
    cr_assert_eq(flow(&conduct, 20000, NOW + 70010, NOW + 70010), 1);
    int64_t again = NOW + 82010;
    cr_expect_eq(flow(&conduct, 100, again, again), 0);
    cr_expect_eq(flow(&conduct, 10000, again, again), 1, "as soon each time");
}

Test(conduct, a_flood_is_told_of_though_the_clock_of_the_bus_was_set_back)
{
    struct conduct conduct;
    conduct_init(&conduct, NOW);
    int64_t hours = INT64_C(7200000);
    cr_assert_eq(flow(&conduct, 20000, hours, NOW), 1);
    cr_expect_eq(flow(&conduct, 110000, 1, NOW + 2000), 1);
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
