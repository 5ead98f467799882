#include <criterion/criterion.h>

#include "coordinator/edge/event_window.h"

enum { MS = 1000000 };

Test(event_window, shrinks_in_long_turns_and_grows_in_short_ones)
{
    struct event_window window;
    event_window_init(&window, 256);
    cr_expect_eq(window.now, 256);
    cr_expect_not(event_window_turn(&window, 5, MS), "it is as large as it may be");
    cr_expect(event_window_turn(&window, 256, 5 * MS));
    cr_expect_eq(window.now, 128, "twice as long as it may be");
    cr_expect(event_window_turn(&window, 128, 50 * MS));
    cr_expect_eq(window.now, 32, "one turn alone does not say so much");
    cr_expect_not(event_window_turn(&window, 32, 2 * MS), "neither long nor short");
    cr_expect(event_window_turn(&window, 32, MS));
    cr_expect_eq(window.now, 33);
}

Test(event_window, turns_without_events_say_nothing)
{
    struct event_window window;
    event_window_init(&window, 256);
    cr_expect_not(event_window_turn(&window, 0, 20 * MS));
    cr_expect_eq(window.now, 256);
}

Test(event_window, always_takes_some)
{
    struct event_window window;
    event_window_init(&window, 256);
    for (int i = 0; i < 100; i++) {
        (void)event_window_turn(&window, 1, 20 * MS);
    }
    cr_expect_eq(window.now, EVENT_WINDOW_LEAST);
}
