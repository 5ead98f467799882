#include <criterion/criterion.h>

#include "coordinator/edge/event_window.h"

enum { NOW = 5000 };

static int64_t ms(int64_t count)
{
    return count * 1000000;
}

static struct event_window window_of(unsigned most)
{
    struct event_window window;
    event_window_init(&window, most);
    return window;
}

Test(event_window, shrinks_in_long_turns_and_grows_in_short_ones)
{
    struct event_window window = window_of(256);
    cr_expect_eq(window.now, 256);
    event_window_turn(&window, 5, ms(1));
    cr_expect_eq(window.now, 256, "it is as large as it may be");
    event_window_turn(&window, 256, ms(5));
    cr_expect_eq(window.now, 128, "twice as long as it may be");
    event_window_turn(&window, 128, ms(50));
    cr_expect_eq(window.now, 32, "one turn alone does not say so much");
    event_window_turn(&window, 32, ms(2));
    cr_expect_eq(window.now, 32, "neither long nor short");
    event_window_turn(&window, 32, ms(1));
    cr_expect_eq(window.now, 33);
    cr_expect_eq(event_window_size(&window, NOW), 33);
}

Test(event_window, turns_without_events_say_nothing)
{
    struct event_window window = window_of(256);
    event_window_turn(&window, 0, ms(20));
    cr_expect_eq(window.now, 256);
}

Test(event_window, always_takes_some)
{
    struct event_window window = window_of(256);
    for (int i = 0; i < 100; i++) {
        event_window_turn(&window, 1, ms(20));
    }
    cr_expect_eq(window.now, EVENT_WINDOW_LEAST);
}

Test(event_window, is_quiet_after_an_urgent_step_and_small_for_a_while_longer)
{
    struct event_window window = window_of(256);
    cr_expect_not(event_window_is_quiet(&window, NOW), "nothing is urgent yet");
    event_window_urgent(&window, NOW);
    cr_expect(event_window_is_quiet(&window, NOW));
    cr_expect(event_window_is_quiet(&window, NOW + EVENT_WINDOW_QUIET_MS - 1));
    cr_expect_not(event_window_is_quiet(&window, NOW + EVENT_WINDOW_QUIET_MS));
    cr_expect_eq(event_window_size(&window, NOW), EVENT_WINDOW_LEAST);
    cr_expect_eq(event_window_size(&window, NOW + EVENT_WINDOW_URGENT_MS - 1), EVENT_WINDOW_LEAST);
    cr_expect_eq(event_window_size(&window, NOW + EVENT_WINDOW_URGENT_MS), 256);
}

Test(event_window, each_urgent_step_begins_the_quiet_anew)
{
    struct event_window window = window_of(256);
    event_window_urgent(&window, NOW);
    event_window_urgent(&window, NOW + 10);
    cr_expect(event_window_is_quiet(&window, NOW + 10 + EVENT_WINDOW_QUIET_MS - 1));
    cr_expect_not(event_window_is_quiet(&window, NOW + 10 + EVENT_WINDOW_QUIET_MS));
}

/* How much of the next `span_ms` is quiet with an urgent step each `pace_ms`. */
static int64_t quiet_of(struct event_window *window, int64_t begin_ms, int64_t span_ms,
                        int64_t pace_ms)
{
    int64_t quiet = 0;
    for (int64_t at = 0; at < span_ms; at++) {
        if (at % pace_ms == 0) {
            event_window_urgent(window, begin_ms + at);
        }
        quiet += event_window_is_quiet(window, begin_ms + at) ? 1 : 0;
    }
    return quiet;
}

Test(event_window, events_have_half_of_the_time_however_much_is_urgent)
{
    static const int64_t paces[] = {1, 3, 7, 29};
    for (size_t i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
        struct event_window window = window_of(256);
        cr_expect_eq(quiet_of(&window, NOW, EVENT_WINDOW_QUIET_MOST_MS, paces[i]),
                     EVENT_WINDOW_QUIET_MOST_MS, "a full allowance lasts so long");
        int64_t quiet = quiet_of(&window, NOW + EVENT_WINDOW_QUIET_MOST_MS, 10000, paces[i]);
        cr_expect(quiet <= 5000 + EVENT_WINDOW_QUIET_MOST_MS, "%lld of 10000 ms, one each %lld",
                  (long long)quiet, (long long)paces[i]);
        cr_expect(quiet >= 4500, "%lld of 10000 ms, one each %lld", (long long)quiet,
                  (long long)paces[i]);
    }
    struct event_window window = window_of(256);
    cr_expect_eq(quiet_of(&window, NOW, 10000, 100), (int64_t)100 * EVENT_WINDOW_QUIET_MS,
                 "all it asked");
}
