#include "coordinator/edge/event_window.h"

#include "common/base/check.h"

/* A turn by itself costs a tenth of a millisecond. */
enum { TURN_SHORT_NS = 1500000, TURN_LONG_NS = 2500000 };

void event_window_init(struct event_window *window, unsigned most)
{
    CHECK(most >= EVENT_WINDOW_LEAST);
    *window = (struct event_window){.now = most, .most = most};
}

void event_window_turn(struct event_window *window, unsigned events, int64_t cpu_ns)
{
    if (events == 0) {
        return;
    }
    if (cpu_ns > TURN_LONG_NS) {
        unsigned fits = (unsigned)(window->now * (int64_t)TURN_LONG_NS / cpu_ns);
        unsigned least =
            window->now / 4 > EVENT_WINDOW_LEAST ? window->now / 4 : EVENT_WINDOW_LEAST;
        window->now = fits > least ? fits : least;
    } else if (cpu_ns < TURN_SHORT_NS && window->now < window->most) {
        window->now++;
    }
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void event_window_urgent(struct event_window *window, int64_t now_ms)
{
    int64_t gained = (now_ms - window->filled_ms) / 2;
    window->filled_ms += 2 * gained;
    window->allowance_ms += gained;
    if (window->allowance_ms > EVENT_WINDOW_QUIET_MOST_MS) {
        window->allowance_ms = EVENT_WINDOW_QUIET_MOST_MS;
    }
    int64_t begin = larger(now_ms, window->quiet_until_ms);
    int64_t more = now_ms + EVENT_WINDOW_QUIET_MS - begin;
    more = more < window->allowance_ms ? more : window->allowance_ms;
    window->allowance_ms -= more;
    window->quiet_until_ms = begin + more;
    window->urgent_until_ms = now_ms + EVENT_WINDOW_URGENT_MS;
}

unsigned event_window_size(const struct event_window *window, int64_t now_ms)
{
    return now_ms < window->urgent_until_ms ? EVENT_WINDOW_LEAST : window->now;
}

bool event_window_is_quiet(const struct event_window *window, int64_t now_ms)
{
    return now_ms < window->quiet_until_ms;
}
