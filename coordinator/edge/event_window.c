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
        unsigned fits = (unsigned)(window->now * (int64_t)TURN_LONG_NS / cpu_ns);
        unsigned least =
            window->now / 4 > EVENT_WINDOW_LEAST ? window->now / 4 : EVENT_WINDOW_LEAST;
        window->now = fits > least ? fits : least;
    } else if (cpu_ns < TURN_SHORT_NS && window->now < window->most) {
        window->now++;
    }
    return window->now != before;
}
