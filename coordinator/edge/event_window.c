#include "coordinator/edge/event_window.h"

#include "common/base/check.h"

/* A turn by itself costs a tenth of a millisecond. */
enum { TURN_SHORT_NS = 1500000, TURN_LONG_NS = 2500000 };

void event_window_init(struct event_window *window, unsigned most)
{
    CHECK(most >= EVENT_WINDOW_LEAST);
    *window = (struct event_window){.now = most, .most = most};
}

bool event_window_turn(struct event_window *window, unsigned events, int64_t cpu_ns)
{
    unsigned before = window->now;
    if (events == 0) {
        return false;
    }
    if (cpu_ns > TURN_LONG_NS) {
        window->now -= window->now / 4;
        window->now = window->now < EVENT_WINDOW_LEAST ? EVENT_WINDOW_LEAST : window->now;
    } else if (cpu_ns < TURN_SHORT_NS && window->now < window->most) {
        window->now++;
    }
    return window->now != before;
}
